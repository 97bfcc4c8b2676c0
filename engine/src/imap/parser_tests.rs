//! Answers that real servers give, and what is read from them.

use bytes::Bytes;
use malote_plan::message::{Flags, ModSeq, Uid, UidValidity};
use malote_plan::uid_set::UidSet;
use proptest::prelude::*;

use super::fetch_data::{FetchData, Section};
use super::limits::{LITERAL_OCTETS_HELD_MAX, RESPONSE_TEXT_OCTETS_MAX};
use super::list_data::{Listed, NamespaceEntry, Namespaces, StatusItems};
use super::response::{Answer, Code, Kind, answer};
use super::split::{Passed, Response, Splitter, Step};

fn responses(octets: &[u8], cut: usize) -> Vec<Response> {
    let (mut splitter, mut responses) = (Splitter::default(), Vec::new());
    for part in octets.chunks(cut.max(1)) {
        splitter.push(part);
        while let Ok(Step::Response(response)) = splitter.step() {
            responses.push(response);
        }
    }
    responses
}

fn read(text: impl AsRef<[u8]>) -> Answer {
    let octets = [text.as_ref(), b"\r\n"].concat();
    let responses = responses(&octets, octets.len());
    assert_eq!(responses.len(), 1, "{}", octets.escape_ascii());
    answer(&responses[0])
}

fn fetch(items: impl AsRef<[u8]>) -> FetchData {
    let line = [b"* 7 FETCH (", items.as_ref(), b")"].concat();
    let Answer::Fetch(data) = read(line) else { panic!("{} is no FETCH", items.as_ref().escape_ascii()) };
    assert_eq!(data.sequence, 7);
    data
}

fn listed(attributes: &str, delimiter: Option<char>, name: &[u8]) -> Answer {
    let attributes = attributes.split(' ').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    Answer::List(Listed { attributes, delimiter, name: name.to_vec() })
}

#[test]
fn every_way_to_list_a_folder_is_read() {
    let slash = Some('/');
    for (line, expected) in [
        (&br#"* LIST (\HasNoChildren) "/" "INBOX""#[..], listed("\\HasNoChildren", slash, b"INBOX")),
        (br#"* LIST () "/" INBOX"#, listed("", slash, b"INBOX")),
        (br#"* LIST () "/" 2024"#, listed("", slash, b"2024")),
        (br#"* LIST () NIL flat"#, listed("", None, b"flat")),
        (br#"* LIST () "/" NIL"#, listed("", slash, b"NIL")),
        (br#"* LIST () "/" "NIL""#, listed("", slash, b"NIL")),
        (br#"* list (\Sent)  "/"  "Sent"  "#, listed("\\Sent", slash, b"Sent")),
        (br#"* LIST (\Noselect) "\\" "a\\b""#, listed("\\Noselect", Some('\\'), b"a\\b")),
        (br#"* LIST () "\" "a\b""#, listed("", Some('\\'), b"a\\b")),
        (br#"* LIST () "/" "say \"hi\" {10}""#, listed("", slash, br#"say "hi" {10}"#)),
        (br#"* LIST () "/" "say "hi"x""#, listed("", slash, br#"say "hi"x"#)),
        (b"* LIST () \"/\" {5}\r\na b\"c", listed("", slash, b"a b\"c")),
        (b"* LIST () \"/\" {0}\r\n", listed("", slash, b"")),
        (b"* LIST () {1}\r\n/ {3+}\r\na/b", listed("", slash, b"a/b")),
        (
            "* LIST () \".\" \"Lixo Eletrônico\"".as_bytes(),
            listed("", Some('.'), "Lixo Eletrônico".as_bytes()),
        ),
        (b"* LIST () \".\" \"Caf\xe9\"", listed("", Some('.'), b"Caf\xe9")),
        (b"* LIST () \".\" Caf\xe9", listed("", Some('.'), b"Caf\xe9")),
        (br#"* LIST () "/" Sent Items"#, listed("", slash, b"Sent Items")),
        (br#"* LIST () "/" "A" ("CHILDINFO" ("SUBSCRIBED"))"#, listed("", slash, b"A")),
        (br#"* LIST () "/" A ("OLDNAME" ("B"))"#, listed("", slash, b"A")),
        (
            br#"* LIST (\NonExistent \Subscribed) "/" "Gone""#,
            listed("\\NonExistent \\Subscribed", slash, b"Gone"),
        ),
        (
            br#"* XLIST (\HasNoChildren \Inbox) "/" "Caixa""#,
            listed("\\HasNoChildren \\Inbox", slash, b"Caixa"),
        ),
        (br#"* LIST NIL "/" A"#, listed("", slash, b"A")),
        (br#"* LIST (\HasNoChildren"#, Answer::Unknown),
        (br#"* LIST"#, Answer::Unknown),
    ] {
        assert_eq!(read(line), expected, "{}", line.escape_ascii());
    }
}

#[test]
fn every_way_to_answer_a_fetch_is_read() {
    let seven = Uid::new(7);
    for (items, check) in [
        (
            "UID 7 FLAGS (\\Seen \\Recent $Fwd)",
            FetchData { uid: seven, flags: Some(Flags::parse("\\Seen $Fwd")), ..FetchData::default() },
        ),
        ("FLAGS () UID 7", FetchData { uid: seven, flags: Some(Flags::default()), ..FetchData::default() }),
        (
            "UID  7  RFC822.SIZE 12 ",
            FetchData { uid: seven, octets_claimed: Some(12), ..FetchData::default() },
        ),
        ("RFC822.SIZE 5000000000", FetchData { octets_claimed: Some(5_000_000_000), ..FetchData::default() }),
        ("RFC822.SIZE -1 UID 7", FetchData { octets_claimed: Some(0), uid: seven, ..FetchData::default() }),
        (
            "RFC822.SIZE 99999999999999999999999",
            FetchData { octets_claimed: Some(0), ..FetchData::default() },
        ),
        ("RFC822.SIZE NIL UID 7", FetchData { octets_claimed: Some(0), uid: seven, ..FetchData::default() }),
        (
            "INTERNALDATE NIL UID 7",
            FetchData { internal_date: Some(None), uid: seven, ..FetchData::default() },
        ),
        (
            "INTERNALDATE \"\" UID 7",
            FetchData { internal_date: Some(None), uid: seven, ..FetchData::default() },
        ),
        (
            "INTERNALDATE \" 1-Jan-20 00:00:00 -2400\"",
            FetchData {
                internal_date: Some(Some(" 1-Jan-20 00:00:00 -2400".into())),
                ..FetchData::default()
            },
        ),
        (
            "MODSEQ (12345678901) UID 7",
            FetchData { modseq: ModSeq::new(12_345_678_901), uid: seven, ..FetchData::default() },
        ),
        ("MODSEQ (0)", FetchData::default()),
        ("BODY[] NIL UID 7", FetchData { body: Some(Section::Nil), uid: seven, ..FetchData::default() }),
        (
            "BODY[] \"\" UID 7",
            FetchData { body: Some(Section::Held(Bytes::new())), uid: seven, ..FetchData::default() },
        ),
        (
            "BODY[] {3}\r\na)b UID 7",
            FetchData { body: Some(Section::Held("a)b".into())), uid: seven, ..FetchData::default() },
        ),
        (
            "body[] {0}\r\n uid 7",
            FetchData { body: Some(Section::Held(Bytes::new())), uid: seven, ..FetchData::default() },
        ),
        (
            "BODY[HEADER] ~{2}\r\nab UID 7",
            FetchData { header: Some(Section::Held("ab".into())), uid: seven, ..FetchData::default() },
        ),
        (
            "X-GM-MSGID 12 X-GM-LABELS (\\Inbox \"a b\" {2}\r\nxy) UID 7",
            FetchData {
                uid: seven,
                origin: malote_plan::labels::Origin::new(12),
                labels: Some(vec!["\\Inbox".into(), "a b".into(), "xy".into()]),
                ..FetchData::default()
            },
        ),
        ("EMAILID (M1) THREADID NIL SAVEDATE NIL UID 7", FetchData { uid: seven, ..FetchData::default() }),
        ("BINARY[1] ~{3}\r\na\0b UID 7", FetchData { uid: seven, ..FetchData::default() }),
        (
            "BODY[HEADER.FIELDS (TO CC)] {2}\r\n\r\n BODY[1.2]<0.4> \"abcd\" UID 7",
            FetchData { uid: seven, ..FetchData::default() },
        ),
        (
            "ENVELOPE (NIL \"x\" ((\"a\" NIL \"b\" \"c\")(NIL NIL \"d\" \"e\")) NIL) UID 7",
            FetchData { uid: seven, ..FetchData::default() },
        ),
        ("UID 0", FetchData::default()),
        ("UID 99999999999", FetchData::default()),
        ("", FetchData::default()),
    ] {
        assert_eq!(fetch(items), FetchData { sequence: 7, ..check }, "{items}");
    }
    let odd = fetch(b"FLAGS (\xe9t\xe9 a]b \"quoted\") UID 7");
    assert_eq!(odd.flags.map(|flags| flags.iter().count()), Some(3));
    assert_eq!(odd.uid, seven);
}

#[test]
fn a_refusal_that_lost_its_blank_still_ends_its_command() {
    let Answer::Tagged(tag, reply) =
        read(b"m7 BADRequest is throttled. Suggested Backoff Time: 5 milliseconds")
    else {
        panic!("it is not tagged");
    };
    assert_eq!((tag.as_str(), reply.kind), ("m7", Kind::Bad));
    assert_eq!(reply.text, "Request is throttled. Suggested Backoff Time: 5 milliseconds");
    assert_eq!(read(b"m7 BADLY put"), Answer::Unknown);
    assert_eq!(read(b"m7 BADly put"), Answer::Unknown);
}

#[test]
fn replies_give_kind_code_and_harmless_words() {
    let check = |line: &str, kind: Kind, code: Option<Code>, text: &str| {
        let reply = match read(line) {
            Answer::Tagged(tag, reply) => {
                assert_eq!(tag, "a1");
                reply
            }
            Answer::Untagged(reply) => reply,
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!((reply.kind, reply.code, reply.text.as_str()), (kind, code, text), "{line}");
    };
    let other = |name: &str| Some(Code::Other(name.to_owned()));
    let uid_validity = UidValidity::new(5).unwrap();
    check("* OK Dovecot ready.", Kind::Ok, None, "Dovecot ready.");
    check("* PREAUTH", Kind::PreAuth, None, "");
    check("* BYE", Kind::Bye, None, "");
    check("a1 OK", Kind::Ok, None, "");
    check("a1  ok  [READ-WRITE]  done {5}", Kind::Ok, Some(Code::ReadWrite), "done {5}");
    check("a1 NO [ALERT]", Kind::No, Some(Code::Alert), "");
    check(
        "a1 OK [APPENDUID 5 3:4] x",
        Kind::Ok,
        Some(Code::AppendUid(uid_validity, UidSet::parse("3:4").unwrap())),
        "x",
    );
    check("a1 OK [APPENDUID 5 4,3] x", Kind::Ok, other("APPENDUID"), "x");
    check("a1 OK [APPENDUID 0 4] x", Kind::Ok, other("APPENDUID"), "x");
    check("* OK [UIDVALIDITY 5]", Kind::Ok, Some(Code::UidValidity(uid_validity)), "");
    check("* OK [UIDNEXT 4294967296] x", Kind::Ok, other("UIDNEXT"), "x");
    check("* OK [HIGHESTMODSEQ 0] x", Kind::Ok, Some(Code::HighestModSeq(None)), "x");
    check(
        "* OK [PERMANENTFLAGS (\\Seen a]b \\*)] Limited",
        Kind::Ok,
        Some(Code::PermanentFlags(vec!["\\Seen".into(), "a]b".into(), "\\*".into()])),
        "Limited",
    );
    check("* OK [PERMANENTFLAGS ()] none", Kind::Ok, Some(Code::PermanentFlags(vec![])), "none");
    check("a1 NO [X-Zimbra-Thing a b] no", Kind::No, other("X-ZIMBRA-THING"), "no");
    check("a1 NO [OVERQUOTA unclosed", Kind::No, None, "[OVERQUOTA unclosed");
    check("a1 NO [MESSAGELIMIT 1000 77] x", Kind::No, Some(Code::MessageLimit(Some(1000))), "x");
    check("a1 NO a\u{1b}[31mb\u{202e}c", Kind::No, None, "a [31mb c");
    check(&format!("a1 NO {}", "x".repeat(5_000)), Kind::No, None, &"x".repeat(300));
    assert_eq!(read("+"), Answer::Continue(vec![]));
    assert_eq!(read("+ PDE+ {5}"), Answer::Continue(b"PDE+ {5}".to_vec()));
    assert_eq!(read("+idling"), Answer::Continue(b"idling".to_vec()));
}

#[test]
fn every_other_answer_is_read_or_passed_over() {
    let set = |text: &str| UidSet::parse(text).unwrap();
    let capabilities =
        |names: &[&str]| Answer::Capability(names.iter().map(|name| (*name).to_owned()).collect());
    for (line, expected) in [
        ("* CAPABILITY IMAP4rev1  LITERAL+ ", capabilities(&["IMAP4rev1", "LITERAL+"])),
        ("* CAPABILITY AUTH=PLAIN", capabilities(&["AUTH=PLAIN"])),
        ("* SEARCH", Answer::Search(UidSet::new())),
        ("* SEARCH ", Answer::Search(UidSet::new())),
        ("* SEARCH 3 1 2 9 (MODSEQ 4)", Answer::Search(set("1:3,9"))),
        ("* SEARCH 2 x 99999999999 0", Answer::Search(set("2"))),
        (
            "* ESEARCH (TAG \"a1\") UID ALL 1:3,9 COUNT 4",
            Answer::Esearch { all: Some(set("1:3,9")), count: Some(4) },
        ),
        ("* ESEARCH (TAG \"a1\") UID", Answer::Esearch { all: None, count: None }),
        ("* ESEARCH (TAG \"a1\") ALL 1:3", Answer::Unknown),
        ("* ESEARCH UID COUNT 0", Answer::Esearch { all: None, count: Some(0) }),
        ("* 23 EXISTS", Answer::Exists(23)),
        ("* 23 exists ", Answer::Exists(23)),
        ("* 0 RECENT", Answer::Unknown),
        ("* 5 EXPUNGE", Answer::Expunge(5)),
        ("* VANISHED (EARLIER) 1:2,4", Answer::Vanished { is_earlier: true, uids: set("1:2,4") }),
        ("* VANISHED 4", Answer::Vanished { is_earlier: false, uids: set("4") }),
        ("* ENABLED", Answer::Enabled(vec![])),
        ("* ENABLED CONDSTORE", Answer::Enabled(vec!["CONDSTORE".into()])),
        ("* FLAGS (\\Seen)", Answer::Flags(vec!["\\Seen".into()])),
        ("* ID NIL", Answer::Id(vec![])),
        ("* ID (\"name\" \"Dovecot\" \"x\" NIL)", Answer::Id(vec![("name".into(), "Dovecot".into())])),
        (
            "* QUOTA \"User quota\" (STORAGE 5 10)",
            Answer::Quota("User quota".into(), vec![("STORAGE".into(), 5, 10)]),
        ),
        (
            "* STATUS \"a b\" (MESSAGES 3 UIDNEXT 9 UIDVALIDITY 5 HIGHESTMODSEQ 8 SIZE 100 \
             MAILBOXID (F1) DELETED 2 APPENDLIMIT 7)",
            Answer::Status(
                b"a b".to_vec(),
                StatusItems {
                    messages: Some(3),
                    uid_next: Some(9),
                    uid_validity: UidValidity::new(5),
                    highest_modseq: ModSeq::new(8),
                    size_octets: Some(100),
                    append_octets_max: Some(7),
                },
            ),
        ),
        (
            "* STATUS {3}\r\na b (MESSAGES 3 APPENDLIMIT NIL) ",
            Answer::Status(b"a b".to_vec(), StatusItems { messages: Some(3), ..StatusItems::default() }),
        ),
        ("* STATUS INBOX", Answer::Unknown),
        (
            "* NAMESPACE ((\"INBOX.\" \".\")) NIL ((\"#shared/\" \"/\" \"X-PARAM\" (\"a\"))(\"\" NIL))",
            Answer::Namespace(Namespaces {
                personal: vec![NamespaceEntry { prefix: b"INBOX.".to_vec(), delimiter: Some('.') }],
                other: vec![],
                shared: vec![
                    NamespaceEntry { prefix: b"#shared/".to_vec(), delimiter: Some('/') },
                    NamespaceEntry { prefix: vec![], delimiter: None },
                ],
            }),
        ),
        ("* NAMESPACE NIL NIL NIL", Answer::Namespace(Namespaces::default())),
        ("* NAMESPACE", Answer::Namespace(Namespaces::default())),
        ("* GENURLAUTH x", Answer::Unknown),
        ("* ACL INBOX u lrs", Answer::Unknown),
        ("* BADRequest is throttled. Suggested Backoff Time: 299961 milliseconds", Answer::Unknown),
        ("garbage", Answer::Unknown),
        ("", Answer::Unknown),
        ("*", Answer::Unknown),
        ("* ) ( \" {", Answer::Unknown),
    ] {
        assert_eq!(read(line), expected, "{line}");
    }
}

#[test]
fn lines_may_end_in_lf_alone_and_be_cut_anywhere() {
    let octets =
        b"* OK hi\n* LIST () \"/\" {3}\na\nb\n* 1 FETCH (BODY[] {4}\r\n\r\n)\n UID 7)\r\na1 OK {3}\n";
    let whole = responses(octets, octets.len());
    assert_eq!(whole.len(), 4);
    for cut in 1..octets.len() {
        assert_eq!(responses(octets, cut), whole, "cut every {cut}");
    }
    assert_eq!(answer(&whole[1]), listed("", Some('/'), b"a\nb"));
}

#[test]
fn a_hostile_server_meets_a_limit_before_memory_does() {
    let endless = [b"* OK ".to_vec(), vec![b'x'; RESPONSE_TEXT_OCTETS_MAX + 1]].concat();
    let long_literal = format!("* LIST () \"/\" {{{}}}\r\n", LITERAL_OCTETS_HELD_MAX + 1);
    let many = b"* X {0}\r\n".iter().copied().chain(b" {0}\r\n".repeat(30_000)).collect::<Vec<u8>>();
    for (octets, passed) in [
        (endless, Passed::Text),
        (b"* 1 FETCH (BODY[HEADER] {4294967296}\r\n".to_vec(), Passed::Literal(4_294_967_296)),
        (b"* LIST () \"/\" {99999999999999999999}\r\n".to_vec(), Passed::Literal(u64::MAX)),
        (long_literal.into_bytes(), Passed::Literal(LITERAL_OCTETS_HELD_MAX + 1)),
        (many, Passed::Literals),
    ] {
        let mut splitter = Splitter::default();
        splitter.push(&octets);
        assert_eq!(splitter.step(), Err(passed));
    }
    let nested = ["(".repeat(200_000), ")".repeat(200_000)].concat();
    assert_eq!(fetch(format!("X {nested} UID 7")).uid, Uid::new(7));
    assert_eq!(fetch(format!("X {} UID 7", "(".repeat(200_000))).uid, None);
}

#[test]
fn an_offered_literal_is_held_streamed_or_skipped() {
    let octets = b"* 1 FETCH (UID 7 FLAGS (\\Seen) BODY[] {5}\r\nabcde MODSEQ (9))\r\n";
    for cut in 1..octets.len() {
        let (mut splitter, mut streamed, mut answers) = (Splitter::default(), Vec::new(), Vec::new());
        splitter.offer_literals(true);
        for part in octets.chunks(cut) {
            splitter.push(part);
            loop {
                streamed.extend(std::iter::from_fn(|| splitter.chunk()).flatten());
                match splitter.step().unwrap() {
                    Step::NeedMore => break,
                    Step::Offered(length) => {
                        assert_eq!(length, 5);
                        let Answer::Fetch(data) = answer(splitter.so_far()) else {
                            panic!("no FETCH so far")
                        };
                        assert!(data.awaits_body && data.uid == Uid::new(7) && data.flags.is_some());
                        splitter.stream();
                    }
                    Step::Response(response) => answers.push(answer(&response)),
                }
            }
        }
        assert_eq!(streamed, b"abcde");
        let [Answer::Fetch(data)] = answers.as_slice() else { panic!("{answers:?}") };
        assert_eq!((data.body.clone(), data.modseq), (Some(Section::Streamed(5)), ModSeq::new(9)));
    }
}

proptest! {
    #[test]
    fn any_octets_are_read_without_a_panic_and_alike_wherever_they_are_cut(
        octets in prop::collection::vec(
            prop_oneof![any::<u8>(), prop::sample::select(&b"*+()[]{}\"\\\r\n 19~ENILBODYFTCHUFLAGS"[..])],
            0..300,
        ),
        cut in 1_usize..20,
    ) {
        let (whole, pieces) = (responses(&octets, octets.len()), responses(&octets, cut));
        prop_assert_eq!(&whole, &pieces);
        for response in &whole {
            let _ = answer(response);
            let _ = answer(&Response { pieces: response.pieces[..response.pieces.len() - 1].to_vec() });
        }
    }

    #[test]
    fn any_fetch_is_read_without_a_panic(items in "[()\\[\\]\"{}\\\\ 0-9A-Z.~]{0,80}") {
        let _ = responses(format!("* 1 FETCH ({items}\r\n").as_bytes(), 1_000).iter().map(answer).count();
    }
}
