//! Whole conversations with a scripted server over a pipe.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use malote_plan::folder::{NamespaceKind, WireName};
use malote_plan::message::{Flag, Flags, InternalDate};
use malote_plan::uid_set::UidSet;
use secrecy::SecretString;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

use super::connect::{Greeted, greet, start_tls};
use super::connection::Connection;
use super::login::log_in;
use super::session::Session;
use super::write::Writing;
use super::{AppendQueue, Endpoint, Location};
use crate::body::{Body, WireBody};
use crate::exchange::{Answer, Parcel};
use crate::exchange::{Fetched, ReadLimits};
use crate::failure::{Class, Failure, Result, Side};

/// A line that the server expects (after the tag, where there is one), and what it then says; `TAG` stands for
/// the last tag. An expectation of `#n` is n octets of anything.
type Step = (&'static str, &'static str);

async fn serve(pipe: DuplexStream, greeting: String, steps: Vec<Step>) -> Vec<u8> {
    let mut pipe = BufReader::new(pipe);
    pipe.write_all(greeting.as_bytes()).await.unwrap();
    let mut tag = String::new();
    for (expected, reply) in steps {
        if let Some(octets) = expected.strip_prefix('#') {
            let mut octets = vec![0; octets.parse().unwrap()];
            pipe.read_exact(&mut octets).await.unwrap();
        } else {
            let mut line = Vec::new();
            pipe.read_until(b'\n', &mut line).await.unwrap();
            let line = String::from_utf8(line).unwrap();
            let line = line.trim_end_matches("\r\n");
            let tagged = line
                .split_once(' ')
                .filter(|(tag, _)| tag.starts_with('m') && tag[1..].parse::<u32>().is_ok());
            if let Some((given, _)) = tagged {
                tag = given.to_owned();
            }
            assert_eq!(tagged.map_or(line, |(_, rest)| rest), expected);
        }
        pipe.write_all(reply.replace("TAG", &tag).as_bytes()).await.unwrap();
    }
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(Duration::from_millis(300), pipe.read_to_end(&mut rest)).await;
    rest
}

fn endpoint(location: &str) -> Endpoint {
    let secret = || Ok(SecretString::from("pa\"ss ö".to_owned()));
    let mut endpoint = Location::parse(location, true).unwrap().endpoint(Side::Destination, Arc::new(secret));
    endpoint.progress_max = Duration::from_secs(5);
    endpoint
}

async fn greeted(greeting: &str, steps: Vec<Step>) -> (Result<Greeted>, JoinHandle<Vec<u8>>) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let server = tokio::spawn(serve(theirs, greeting.to_owned(), steps));
    let endpoint = endpoint("imap://u@h");
    let connection = Connection::new(Side::Destination, "h", Box::new(ours), Duration::from_secs(5));
    (greet(&endpoint, connection, None).await, server)
}

async fn session(capabilities: &str, steps: Vec<Step>) -> (Session, JoinHandle<Vec<u8>>) {
    let greeting = format!("* PREAUTH [CAPABILITY IMAP4rev1 {capabilities}] hi\r\n");
    let (greeted, server) = greeted(&greeting, steps).await;
    (Session::begin(greeted.unwrap(), None).await.unwrap(), server)
}

const OPENED: &str = "* 3 EXISTS\r\n* OK [UIDVALIDITY 5] x\r\n* OK [UIDNEXT 10] x\r\n* FLAGS (\\Seen)\r\n\
     TAG OK [READ-WRITE] x\r\n";

/// A session with a folder open. With ESEARCH the first step answers the listing that goes out with the opening.
async fn opened(capabilities: &str, mut steps: Vec<Step>) -> (Session, JoinHandle<Vec<u8>>) {
    steps.insert(0, ("SELECT \"A\"", OPENED));
    let (mut session, server) = session(capabilities, steps).await;
    Writing::on(&mut session).select(&WireName(b"A".to_vec())).await.unwrap();
    (session, server)
}

fn set(text: &str) -> UidSet {
    UidSet::parse(text).unwrap()
}

async fn log_in_with(location: &str, greeting: &str, steps: Vec<Step>) -> (Result<()>, Vec<u8>) {
    let (greeted, server) = greeted(greeting, steps).await;
    let mut greeted = greeted.unwrap();
    let outcome = log_in(&endpoint(location), &mut greeted, "pa\"ss ö").await;
    drop(greeted);
    (outcome, server.await.unwrap())
}

#[tokio::test]
async fn passwords_of_any_octets_go_as_literals_and_are_sent_once() {
    let steps =
        vec![("LOGIN \"u\" {8}", "+ go\r\n"), ("pa\"ss ö", "TAG NO [AUTHENTICATIONFAILED] wrong\r\n")];
    let (outcome, rest) =
        log_in_with("imap://u@h?tls=off", "* OK [CAPABILITY IMAP4rev1] hi\r\n", steps).await;
    assert_eq!(outcome.unwrap_err().class, Class::AuthBadCredentials);
    assert_eq!(rest, b"", "nothing weaker may be tried");
}

#[tokio::test]
async fn plain_goes_with_or_without_an_initial_response_and_tokens_expire() {
    let done = "TAG OK [CAPABILITY IMAP4rev1] in\r\n";
    let steps = vec![("AUTHENTICATE PLAIN", "+\r\n"), ("AHUAcGEic3Mgw7Y=", done)];
    assert!(
        log_in_with("imaps://u@h", "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\r\n", steps).await.0.is_ok()
    );
    let steps = vec![("AUTHENTICATE PLAIN AHUAcGEic3Mgw7Y=", done)];
    assert!(log_in_with("imaps://u@h", "* OK [CAPABILITY SASL-IR AUTH=PLAIN] hi\r\n", steps).await.0.is_ok());
    let steps = vec![
        ("AUTHENTICATE XOAUTH2", "+ \r\n"),
        ("dXNlcj11AWF1dGg9QmVhcmVyIHBhInNzIMO2AQE=", "+ eyJzdGF0dXMiOiI0MDEifQ==\r\n"),
        ("", "TAG NO AUTHENTICATE failed.\r\n"),
    ];
    let (outcome, _) =
        log_in_with("imaps://u@h?auth=xoauth2", "* OK [CAPABILITY IMAP4rev1] hi\r\n", steps).await;
    assert_eq!(outcome.unwrap_err().class, Class::AuthTokenExpired);
    let (outcome, rest) = log_in_with("imaps://u@h", "* OK [CAPABILITY LOGINDISABLED] hi\r\n", vec![]).await;
    assert_eq!((outcome.unwrap_err().class, rest), (Class::AuthUnsupported, vec![]));
}

#[tokio::test]
async fn starttls_is_refused_rather_than_done_badly() {
    for (greeting, steps) in [
        ("* PREAUTH [CAPABILITY STARTTLS] hi\r\n", vec![]),
        ("* OK [CAPABILITY STARTTLS] hi\r\n", vec![("STARTTLS", "TAG NO not now\r\n")]),
        ("* OK hi\r\n", vec![("STARTTLS", "TAG BAD what\r\n")]),
        ("* OK [CAPABILITY STARTTLS] hi\r\n", vec![("STARTTLS", "TAG OK go\r\n* CAPABILITY AUTH=PLAIN\r\n")]),
    ] {
        let endpoint = endpoint("imap://u@h");
        let tls = super::tls::Tls::new(&endpoint).unwrap();
        let (greeted, server) = greeted(greeting, steps).await;
        let failure = start_tls(&endpoint, greeted.unwrap(), Some(&tls)).await.err().unwrap();
        assert_eq!(failure.class, Class::TlsRequired, "{failure}");
        assert_eq!(server.await.unwrap(), b"", "not one octet after it");
    }
}

#[tokio::test]
async fn a_server_that_lies_about_list_is_asked_plainly() {
    let (mut session, _server) = session(
        "NAMESPACE LIST-EXTENDED SPECIAL-USE LIST-STATUS",
        vec![
            ("NAMESPACE", "* NAMESPACE ((\"INBOX.\" \".\")) ((\"user.\" \".\")) NIL\r\nTAG OK x\r\n"),
            (
                "LIST \"\" \"*\" RETURN (SUBSCRIBED SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY))",
                "TAG BAD what\r\n",
            ),
            (
                "LIST \"\" \"user.*\" RETURN (SUBSCRIBED SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY))",
                "TAG BAD what\r\n",
            ),
            ("LSUB \"\" \"*\"", "TAG OK x\r\n"),
            ("LIST \"\" \"*\"", "* LIST () \".\" INBOX\r\n* LIST (\\Sent) \".\" INBOX.Sent\r\nTAG OK x\r\n"),
            ("LIST \"\" \"user.*\"", "* LIST (\\Noselect) \".\" user.bob\r\nTAG OK x\r\n"),
            ("LSUB \"\" \"*\"", "* LSUB () \".\" INBOX.Sent\r\n* LSUB () \".\" INBOX.Gone\r\nTAG OK x\r\n"),
            (
                "STATUS \"INBOX\" (MESSAGES UIDNEXT UIDVALIDITY)",
                "* STATUS INBOX (MESSAGES 4)\r\nTAG OK x\r\n",
            ),
            ("STATUS \"INBOX.Sent\" (MESSAGES UIDNEXT UIDVALIDITY)", "TAG NO not this one\r\n"),
        ],
    )
    .await;
    let survey = session.survey().await.unwrap();
    let shown: Vec<_> = survey
        .folders
        .iter()
        .map(|folder| (folder.path.to_string(), folder.namespace, folder.is_selectable, folder.is_subscribed))
        .collect();
    use NamespaceKind::{Other, Personal};
    assert_eq!(
        shown,
        [
            ("INBOX".into(), Personal, true, false),
            ("Sent".into(), Personal, true, true),
            ("user/bob".into(), Other, false, false)
        ]
    );
    let counts = survey.folders.iter().map(|folder| folder.status.map(|status| status.messages));
    assert_eq!(counts.collect::<Vec<_>>(), [Some(4), None, None]);
    assert_eq!((survey.dangling_subscriptions, survey.warnings.len()), (vec!["Gone".to_owned()], 1));
    assert_eq!(survey.naming.prefix, "INBOX.");
}

#[tokio::test]
async fn a_listing_that_does_not_count_up_is_asked_in_another_way() {
    let (mut session, _server) = opened(
        "ESEARCH",
        vec![
            ("UID SEARCH RETURN (ALL) ALL", "* ESEARCH (TAG \"TAG\") UID ALL 1\r\nTAG OK x\r\n"),
            ("UID SEARCH RETURN (ALL) ALL", "* ESEARCH (TAG \"TAG\") UID ALL 1:2\r\nTAG OK x\r\n"),
            (
                "UID FETCH 1:* (UID)",
                "* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\n* 3 FETCH (UID 9)\r\nTAG OK x\r\n",
            ),
            (
                "UID SEARCH RETURN (ALL) ALL",
                "* 2 EXPUNGE\r\n* ESEARCH (TAG \"TAG\") UID ALL 1,9\r\nTAG OK x\r\n",
            ),
        ],
    )
    .await;
    assert_eq!(session.uids().await.unwrap(), set("1:2,9"));
    assert_eq!(session.uids().await.unwrap(), set("1,9"));
}

#[tokio::test]
async fn a_listing_that_came_with_the_opening_is_taken_once() {
    let search = "UID SEARCH RETURN (ALL) ALL";
    let (mut session, _server) = opened(
        "ESEARCH",
        vec![
            (search, "* ESEARCH (TAG \"TAG\") UID ALL 2:4\r\nTAG OK x\r\n"),
            (search, "* 2 EXPUNGE\r\n* ESEARCH (TAG \"TAG\") UID ALL 2,4\r\nTAG OK x\r\n"),
        ],
    )
    .await;
    assert_eq!(session.uids().await.unwrap(), set("2:4"));
    assert_eq!(session.uids().await.unwrap(), set("2,4"));
}

#[tokio::test]
async fn a_listing_that_came_before_its_folder_or_before_a_change_is_not_taken() {
    const SEARCH: &str = "UID SEARCH RETURN (ALL) ALL";
    const LISTED: &str = "* ESEARCH (TAG \"TAG\") UID ALL 1:3\r\n";
    for (before, after, messages) in [
        (LISTED, "TAG OK x\r\n", 3),
        ("", "* ESEARCH (TAG \"TAG\") UID ALL 1:3\r\n* 2 EXPUNGE\r\n* 3 EXISTS\r\nTAG OK x\r\n", 3),
        ("", "* ESEARCH (TAG \"TAG\") UID ALL 1:2\r\n* 2 EXPUNGE\r\nTAG OK x\r\n", 2),
        ("", "* ESEARCH (TAG \"TAG\") UID ALL 1:2\r\n* VANISHED 3\r\nTAG OK x\r\n", 2),
    ] {
        let select: &'static str = format!("{before}{OPENED}").leak();
        let again: &'static str =
            format!("* ESEARCH (TAG \"TAG\") UID ALL {}:9\r\nTAG OK x\r\n", 10 - messages).leak();
        let steps = vec![("SELECT \"A\"", select), (SEARCH, after), (SEARCH, again)];
        let (mut session, _server) = session("ESEARCH", steps).await;
        Writing::on(&mut session).select(&WireName(b"A".to_vec())).await.unwrap();
        assert_eq!(session.selected().unwrap().status.messages, messages, "{after}");
        assert_eq!(session.uids().await.unwrap(), set(&format!("{}:9", 10 - messages)), "{after}");
    }
}

#[tokio::test]
async fn messages_that_went_away_are_no_failure_and_odd_order_is_none_either() {
    let (mut session, _server) = opened(
        "UIDPLUS MESSAGELIMIT=2",
        vec![
            ("UID FETCH 1:2 (UID FLAGS INTERNALDATE RFC822.SIZE)", ""),
            (
                "UID FETCH 3 (UID FLAGS INTERNALDATE RFC822.SIZE)",
                "* 2 FETCH (UID 3 FLAGS () RFC822.SIZE 5)\r\n* 9 FETCH (UID 9 FLAGS () RFC822.SIZE 5)\r\n\
                 * 2 FETCH (UID 3 FLAGS (k))\r\nTAG NO [EXPUNGEISSUED] gone\r\nm2 OK x\r\n",
            ),
            ("UID STORE 1 +FLAGS.SILENT (\\Seen)", ""),
            ("UID STORE 1 -FLAGS.SILENT (k)", "TAG OK x\r\nm4 NO [LIMIT] too many keywords\r\n"),
        ],
    )
    .await;
    let stubs = session.stubs(&set("1:3")).await.unwrap();
    assert_eq!(stubs.len(), 1);
    assert_eq!((stubs[0].uid.get(), stubs[0].flags.to_string()), (3, "k".to_owned()));
    let [seen, k] = ["\\Seen", "k"].map(|name| Flag::new(name).unwrap());
    let failure = Writing::on(&mut session).store(&set("1"), &[seen], &[k]).await.unwrap_err();
    assert_eq!(failure.class, Class::ItemRefused);
    assert!(session.is_usable());
}

async fn bodies(
    session: &mut Session,
    uids: &str,
    memory_octets_max: u64,
) -> (Result<()>, Vec<(u32, String, String)>) {
    let limits = ReadLimits { budget: Arc::new(Semaphore::new(64)), memory_octets_max };
    let (sink, mut arrivals) = mpsc::channel::<Fetched>(1);
    let uids = set(uids);
    let reading = async {
        let outcome = session.bodies(vec![uids], &limits, &sink).await.map(drop);
        drop(sink);
        outcome
    };
    let taking = async {
        let mut taken = Vec::new();
        while let Some(fetched) = arrivals.recv().await {
            let octets = match fetched.body {
                Body::Memory(octets) => octets.to_vec(),
                Body::Wire(mut body) => {
                    let mut octets = b"wire:".to_vec();
                    while let Some(chunk) = body.chunks.recv().await {
                        octets.extend(chunk.unwrap());
                    }
                    octets
                }
            };
            taken.push((
                fetched.stub.uid.get(),
                fetched.stub.flags.to_string(),
                String::from_utf8(octets).unwrap(),
            ));
        }
        taken
    };
    futures_util::future::join(reading, taking).await
}

#[tokio::test]
async fn one_bad_message_does_not_spoil_its_neighbours() {
    let (mut session, _server) = opened(
        "",
        vec![
            (
                "UID FETCH 1:5 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])",
                "* 9 FETCH (FLAGS (\\Seen))\r\n* 4 EXISTS\r\n* 1 FETCH (BODY[] {2}\r\n\
                 ab UID 1 FLAGS (\\Seen) INTERNALDATE NIL)\r\n\
                 * 2 FETCH (UID 2 FLAGS () INTERNALDATE \"x\" BODY[] NIL)\r\n\
                 * 8 FETCH (UID 99 FLAGS () INTERNALDATE NIL BODY[] {1}\r\nz)\r\n\
                 TAG NO [SERVERBUG] hm\r\n",
            ),
            (
                "UID FETCH 2:3 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])",
                "* 3 FETCH (UID 3 BODY[] {1}\r\nc FLAGS () INTERNALDATE \"x\")\r\nTAG NO broken\r\n",
            ),
            ("UID FETCH 2 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])", "TAG NO broken\r\n"),
            (
                "UID FETCH 4:5 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])",
                "* 4 FETCH (BODY[] {1}\r\nd UID 4)\r\nTAG OK x\r\n",
            ),
            (
                "UID FETCH 4 (UID FLAGS INTERNALDATE RFC822.SIZE)",
                "* 4 FETCH (UID 4 FLAGS (k) RFC822.SIZE 7)\r\nTAG OK x\r\n",
            ),
            (
                "UID FETCH 4 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])",
                "* 4 FETCH (BODY[] {1}\r\nd UID 4)\r\nTAG OK x\r\n",
            ),
        ],
    )
    .await;
    let (outcome, taken) = bodies(&mut session, "1:5", 16).await;
    outcome.unwrap();
    assert_eq!(
        taken,
        [(1, "\\Seen".into(), "ab".into()), (3, String::new(), "c".into()), (4, "k".into(), "d".into())]
    );
    assert!(session.is_usable());
}

#[tokio::test]
async fn a_large_body_is_streamed_whether_its_metadata_comes_before_or_after() {
    let (mut session, _server) = opened(
        "",
        vec![
            (
                "UID FETCH 1:2 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])",
                "* 1 FETCH (UID 1 FLAGS (\\Seen) INTERNALDATE NIL BODY[] {20}\r\n01234567890123456789)\r\n\
                 * 2 FETCH (BODY[] {20}\r\nabcdefghijabcdefghij UID 2 FLAGS () INTERNALDATE NIL)\r\nTAG OK x\r\n",
            ),
            (
                "UID FETCH 2 (UID FLAGS INTERNALDATE RFC822.SIZE)",
                "* 2 FETCH (UID 2 FLAGS (k) RFC822.SIZE 1)\r\nTAG OK x\r\n",
            ),
            (
                "UID FETCH 2 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])",
                "* 2 FETCH (UID 2 BODY[] {20}\r\nabcdefghijabcdefghij FLAGS () INTERNALDATE NIL)\r\nTAG OK x\r\n",
            ),
        ],
    )
    .await;
    let (outcome, taken) = bodies(&mut session, "1:2", 16).await;
    outcome.unwrap();
    assert_eq!(
        taken,
        [
            (1, "\\Seen".into(), "wire:01234567890123456789".into()),
            (2, "k".into(), "wire:abcdefghijabcdefghij".into())
        ]
    );
    assert!(session.is_usable() && session.has_late_metadata);
}

fn parcel(octets: &'static str) -> Parcel {
    let internal_date = Some(InternalDate { unix_seconds: 0, offset_minutes: 0 });
    Parcel {
        body: Body::Memory(Bytes::from_static(octets.as_bytes())),
        flags: Flags::parse("\\Seen a)b $F"),
        internal_date,
    }
}

fn told(answer: Answer) -> String {
    match answer {
        Answer::Appended { uids: None } => "appended".to_owned(),
        Answer::Appended { uids: Some((_, uids)) } => format!("{uids:?}").replace("Uid", ""),
        Answer::Refused(failure) => failure.class.as_str().to_owned(),
    }
}

async fn append(capabilities: &str, batches: Vec<Vec<Parcel>>, steps: Vec<Step>) -> (Vec<String>, bool) {
    let (mut session, server) = opened(capabilities, steps).await;
    let (mut queue, mut answers) = (AppendQueue::default(), Vec::new());
    let mut writing = Writing::on(&mut session);
    let count = batches.len();
    for batch in batches {
        writing.send(&mut queue, batch).await.unwrap();
    }
    for _ in 0..count {
        answers.push(told(writing.answer(&mut queue).await.unwrap().1));
    }
    let is_usable = session.is_usable();
    drop(session);
    assert_eq!(server.await.unwrap(), b"");
    (answers, is_usable && !queue.is_multiappend_refused)
}

#[tokio::test]
async fn batches_go_out_by_whatever_literals_the_server_takes() {
    let (answers, fine) = append(
        "LITERAL+ MULTIAPPEND",
        vec![vec![parcel("ab"), parcel("c")], vec![parcel("d")], vec![parcel("e")], vec![parcel("f")]],
        vec![
            ("APPEND \"A\" ($F \\Seen) \" 1-Jan-1970 00:00:00 +0000\" {2+}", ""),
            ("ab ($F \\Seen) \" 1-Jan-1970 00:00:00 +0000\" {1+}", ""),
            ("c", "TAG OK [APPENDUID 5 10:11] x\r\n"),
            (
                "APPEND \"A\" ($F \\Seen) \" 1-Jan-1970 00:00:00 +0000\" {1+}",
                "* 7 EXISTS\r\nTAG NO [OVERQUOTA] full\r\n",
            ),
            ("d", ""),
            ("APPEND \"A\" ($F \\Seen) \" 1-Jan-1970 00:00:00 +0000\" {1+}", ""),
            ("e", "TAG OK [APPENDUID 6 12] other folder\r\n"),
            ("APPEND \"A\" ($F \\Seen) \" 1-Jan-1970 00:00:00 +0000\" {1+}", ""),
            ("f", "TAG NO [TOOBIG] x\r\n"),
        ],
    )
    .await;
    assert_eq!(answers, ["[(10), (11)]", "dest.over_quota", "appended", "item.too_large"]);
    assert!(fine);
    let (answers, fine) = append(
        "MULTIAPPEND",
        vec![vec![parcel("ab"), parcel("c")], vec![parcel("d"), parcel("e")], vec![parcel("f")]],
        vec![
            ("APPEND \"A\" ($F \\Seen) \" 1-Jan-1970 00:00:00 +0000\" {2}", "+ go\r\n"),
            ("ab ($F \\Seen) \" 1-Jan-1970 00:00:00 +0000\" {1}", "+\r\n"),
            ("c", "TAG OK x\r\n"),
            ("APPEND \"A\" ($F \\Seen) \" 1-Jan-1970 00:00:00 +0000\" {1}", "+ go\r\n"),
            ("d ($F \\Seen) \" 1-Jan-1970 00:00:00 +0000\" {1}", "TAG BAD no MULTIAPPEND\r\n"),
            ("APPEND \"A\" ($F \\Seen) \" 1-Jan-1970 00:00:00 +0000\" {1}", "TAG NO [TRYCREATE] gone\r\n"),
        ],
    )
    .await;
    assert_eq!(answers, ["appended", "item.refused", "folder.missing"]);
    assert!(!fine, "the promise of MULTIAPPEND must be dropped");
}

#[tokio::test]
async fn a_body_that_fails_midway_costs_the_connection_and_leaves_nothing() {
    let lost = || Err(Failure::net(Side::Source, "lost"));
    for chunks in [
        vec![Ok(Bytes::from_static(b"abc")), lost()],
        vec![Ok(Bytes::from_static(b"abc"))],
        vec![Ok(Bytes::from_static(b"abcdefgh"))],
    ] {
        let (mut session, server) = opened("LITERAL+", vec![("APPEND \"A\" () {5+}", "")]).await;
        let (sender, receiver) = mpsc::channel(4);
        for chunk in chunks {
            sender.send(chunk).await.unwrap();
        }
        drop(sender);
        let body = Body::Wire(WireBody { octets: 5, chunks: receiver });
        let parcel = Parcel { body, flags: Flags::default(), internal_date: None };
        let failure =
            Writing::on(&mut session).send(&mut AppendQueue::default(), vec![parcel]).await.unwrap_err();
        assert_eq!(failure.reach, crate::failure::Reach::Connection);
        assert!(!session.is_usable());
        assert!(server.await.unwrap().len() < 5, "the literal must never be completed");
    }
}

#[tokio::test]
async fn neither_side_waits_for_the_other_while_both_have_much_to_say() {
    let (ours, theirs) = tokio::io::duplex(4_096);
    let server = tokio::spawn(async move {
        let (mut reader, mut writer) = tokio::io::split(theirs);
        writer.write_all(b"* PREAUTH [CAPABILITY LITERAL+] hi\r\n").await.unwrap();
        let mut line = [0; 11 + 6];
        reader.read_exact(&mut line[..15]).await.unwrap();
        writer.write_all(OPENED.replace("TAG", "m1").as_bytes()).await.unwrap();
        // Says more than the pipe holds before it reads on.
        writer.write_all("* 1 FETCH (FLAGS (\\Seen))\r\n".repeat(5_000).as_bytes()).await.unwrap();
        let mut octets = vec![0; 1 << 20];
        reader.read_exact(&mut octets).await.unwrap();
        writer.write_all(b"m2 OK x\r\n").await.unwrap();
        let _ = reader.read_to_end(&mut octets).await;
    });
    let connection = Connection::new(Side::Destination, "h", Box::new(ours), Duration::from_secs(5));
    let greeted = greet(&endpoint("imap://u@h"), connection, None).await.unwrap();
    let mut session = Session::begin(greeted, None).await.unwrap();
    let mut writing = Writing::on(&mut session);
    writing.select(&WireName(b"A".to_vec())).await.unwrap();
    let mut queue = AppendQueue::default();
    let body = Body::Memory(Bytes::from(vec![b'x'; 2 << 20]));
    writing
        .send(&mut queue, vec![Parcel { body, flags: Flags::default(), internal_date: None }])
        .await
        .unwrap();
    assert_eq!(told(writing.answer(&mut queue).await.unwrap().1), "appended");
    drop(session);
    server.await.unwrap();
}

/// What a source holds is a `Session`: its files name no command that changes anything.
#[test]
fn a_session_has_no_command_that_writes() {
    let session = [
        include_str!("session.rs"),
        include_str!("list.rs"),
        include_str!("fetch.rs"),
        include_str!("body.rs"),
        include_str!("pool.rs"),
    ]
    .concat();
    for command in ["APPEND", "STORE", "EXPUNGE", "CREATE", "DELETE", "RENAME", "COPY", "MOVE", "CLOSE"] {
        for text in [format!("\"{command}"), format!("\"UID {command}")] {
            assert!(!session.contains(&text), "{text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_drips_is_given_up_and_a_slow_one_is_not() {
    for (every_ms, octets, is_whole) in [(1_000, 1, false), (900, 40, true)] {
        let (ours, mut theirs) = tokio::io::duplex(1 << 16);
        let mut connection = Connection::new(Side::Source, "h", Box::new(ours), Duration::from_secs(5));
        let drip = async {
            let literal = vec![b'x'; 600];
            theirs.write_all(b"* 1 FETCH (BODY[HEADER] {600}\r\n").await.unwrap();
            for piece in literal.chunks(octets) {
                tokio::time::sleep(Duration::from_millis(every_ms)).await;
                if theirs.write_all(piece).await.is_err() {
                    return;
                }
            }
            let _gone = theirs.write_all(b")\r\n").await;
            std::future::pending::<()>().await;
        };
        let outcome = tokio::select! {
            outcome = connection.next() => outcome,
            () = drip => panic!("the server outlived the connection"),
        };
        assert_eq!(outcome.is_ok(), is_whole, "{octets} octets every {every_ms} ms");
        if let Err(failure) = outcome {
            assert!(failure.message.contains("too slow to ever end"), "{failure}");
        }
    }
}
