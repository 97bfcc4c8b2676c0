//! One message in many writings.
//! Never goes through a run: octets in, likeness out.

use malote_plan::likeness::{Likeness, by_likeness};
use malote_plan::message::Uid;
use proptest::prelude::*;

use super::{Sketcher, TEXT_OCTETS_MAX};

fn likeness(uid: u32, octets: &[u8], size: usize) -> Likeness {
    let mut sketcher = Sketcher::new(Uid::new(uid).unwrap());
    octets.chunks(size).for_each(|chunk| sketcher.update(chunk));
    sketcher.finish()
}

/// What two messages are to each other: `same`, `held` or `other`.
fn relation(one: &[u8], two: &[u8]) -> &'static str {
    let verdict = by_likeness(&[likeness(1, one, 4096)], &[likeness(2, two, 4096)]);
    match (verdict.same.len(), verdict.held.len()) {
        (1, 0) => "same",
        (0, 1) => "held",
        _ => "other",
    }
}

const HEADER: &str = "Message-ID: <1@example.org>\r\nDate: Mon, 1 Jul 2024 10:00:00 +0200\r\n\
    From: \"Ana\" <ana@example.org>\r\nSubject: =?UTF-8?Q?Or=C3=A7amento?=\r\n";

const AGAIN: &str = "Date: 1 Jul 2024 08:00:00 +0000\r\nFrom: Ana Silva <ANA@example.org>\r\n\
    Subject: =?iso-8859-1?Q?Or=E7amento?=\r\nMessage-ID: <1@example.org>\r\n";

/// As a mail program wrote it: quoted-printable, a related picture, an attached text.
fn as_sent(text: &str, file: &str) -> Vec<u8> {
    format!(
        "{HEADER}Content-Type: multipart/mixed; boundary=\"aa\"\r\n\r\npreamble\r\n--aa\r\n\
         Content-Type: multipart/related; boundary=aab\r\n\r\n--aab\r\nContent-Type: multipart/alternative;\r\n \
         boundary=\"a b\"\r\n\r\n--a b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\
         Content-Transfer-Encoding: quoted-printable\r\n\r\nOl=E1 =\r\n{text}\r\n--a b\r\n\
         Content-Type: text/html; charset=us-ascii\r\n\r\n<p>Ol&aacute; <b>{text}</b></p>\r\n--a b--\r\n\r\n--aab\r\n\
         Content-Type: image/png\r\nContent-ID: <p>\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0K\r\n--aab--\r\n\
         --aa\r\nContent-Type: text/csv; name=a.csv\r\n\r\n{file}\r\n--aa--\r\nepilogue\r\n"
    )
    .into_bytes()
}

/// As a store gives it: other boundaries, other order, other encodings, HTML that went through another program.
fn as_remade(text: &str, file: &str) -> Vec<u8> {
    use base64::Engine as _;
    let file = base64::engine::general_purpose::STANDARD.encode(file);
    format!(
        "{AGAIN}Content-Type: multipart/mixed; boundary=zz\r\n\r\n--zz\r\n\
         Content-Type: multipart/alternative; boundary=zy\r\n\r\n--zy\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n\
         Olá\r\n\r\n{text} <http://made.from.html>\r\n--zy\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
         <html><head><meta charset=utf-8><title>x</title></head><body>Olá<br>{text}</body></html>\r\n--zy--\r\n--zz\r\n\
         Content-Type: application/octet-stream; name=\"a.csv\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{file}\r\n\
         --zz\r\nContent-Type: image/png; name=p.png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0K\r\n--zz--\r\n"
    )
    .into_bytes()
}

#[test]
fn a_message_is_the_same_in_another_writing_and_not_with_another_word_or_file() {
    let sent = as_sent("mundo 1", "a;b");
    for (text, file, expected) in
        [("mundo 1", "a;b", "same"), ("mundo 2", "a;b", "held"), ("mundo 1", "a;c", "held")]
    {
        assert_eq!(relation(&as_remade(text, file), &sent), expected, "{text} {file}");
    }
    let plain = |header: &str, text: &str| format!("{header}\r\n{text}").into_bytes();
    for (one, two, expected) in [
        (plain(HEADER, "a b\r\n"), plain(AGAIN, "a\r\n\r\nb"), "same"),
        (plain(HEADER, "a b 1"), plain(AGAIN, "a b 2"), "held"),
        (plain(HEADER, ""), plain(AGAIN, ""), "same"),
        (plain(HEADER, ""), plain(AGAIN, "x"), "held"),
        (plain(&HEADER.replace("<1@", "<2@"), "a"), plain(AGAIN, "a"), "other"),
        (
            plain(&HEADER.replace("example.org>\r\nDate", "malote.invalid>\r\nDate"), "a"),
            plain(AGAIN, "a"),
            "same",
        ),
        (plain(&HEADER.replace("10:00", "11:00"), "a"), plain(AGAIN, "a"), "held"),
    ] {
        assert_eq!(relation(&one, &two), expected, "{}", String::from_utf8_lossy(&one));
    }
}

#[test]
fn messages_within_messages_count_by_their_subject_and_parts() {
    let within = |boundary: &str, subject: &str, text: &str| {
        format!(
            "{HEADER}Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n--{boundary}\r\n\r\nouter\r\n\
             --{boundary}\r\nContent-Type: message/rfc822\r\n\r\nSubject: {subject}\r\n\r\n{text}\r\n--{boundary}--\r\n"
        )
        .into_bytes()
    };
    let one = within("a", "=?utf-8?Q?x?=", "inner");
    assert_eq!(relation(&one, &within("b", "x", "inner")), "same");
    assert_eq!(relation(&one, &within("b", "y", "inner")), "held");
    assert_eq!(relation(&one, &within("b", "x", "other")), "held");
}

/// What an item is to the copy that was written of it before: `same`, `held` or `other`.
fn relation_to_earlier(one: &str, two: &str) -> &'static str {
    let mut earlier = likeness(2, two.as_bytes(), 4096);
    earlier.is_earlier = true;
    let verdict = by_likeness(&[likeness(1, one.as_bytes(), 4096)], &[earlier]);
    match (verdict.same.len(), verdict.held.len()) {
        (1, 0) => "same",
        (0, 1) => "held",
        _ => "other",
    }
}

#[test]
fn an_item_is_its_earlier_copy_to_the_letter_or_it_is_held() {
    let header = format!("{HEADER}To: Bia <bia@example.org>\r\nBcc: x@example.org\r\nMIME-Version: 1.0\r\n");
    let item = format!(
        "{header}Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: text/plain\r\n\r\nif x:\r\n  a\
         \r\n--a\r\nContent-Type: text/html\r\n\r\n<a href=\"http://old\">one</a> <b>two</b>\r\n--a\r\n\
         Content-Type: text/csv; name=\"a.csv\"\r\n\r\n1\r\n23\r\n--a\r\nContent-Type: message/rfc822\r\n\r\n\
         From: c@d\r\nSubject: in\r\n\r\ninner\r\n--a--\r\n"
    );
    for (from, to, expected) in [
        ("boundary=a", "boundary=a; x=y", "same"),
        ("if x:", "if x:  ", "same"),
        ("MIME-Version: 1.0", "X-Program: other", "same"),
        ("if x:\r\n  a", "if x:\r\na", "held"),
        ("if x:\r\n  a", "if x:   a", "held"),
        ("<b>two</b>", "<i>two</i>", "held"),
        ("http://old", "http://new", "held"),
        ("a.csv", "b.csv", "held"),
        ("1\r\n23", "12\r\n3", "held"),
        ("bia@", "bob@", "held"),
        ("Bcc: x@", "Bcc: y@", "held"),
        ("MIME-Version: 1.0", "Importance: high", "held"),
        ("10:00:00 +0200", "10:01:00 +0200", "held"),
        ("\r\ninner", "\r\nouter", "held"),
        ("From: c@d", "From: e@f", "held"),
        // A store that came to know the address of a name inside the organisation.
        ("Bia <bia@example.org>", "Bia <IMCEAEX-_o=e_cn=bia@encapsulated.invalid>", "same"),
        ("Bia <bia@example.org>", "Bob <IMCEAEX-_o=e_cn=bob@encapsulated.invalid>", "held"),
        ("\"Ana\" <ana@example.org>", "\"Ana\" <IMCEAEX-_o=e_cn=ana@encapsulated.invalid>", "same"),
    ] {
        let other = item.replacen(from, to, 1);
        assert_ne!(other, item, "{from}");
        assert_eq!(relation_to_earlier(&item, &other), expected, "{from} -> {to}");
        assert_eq!(relation_to_earlier(&other, &item), expected, "{to} -> {from}");
    }
    assert_eq!(
        relation_to_earlier(&item, &item.replace("boundary=a", "boundary=b").replace("--a", "--b")),
        "same"
    );
}

#[test]
fn an_appointment_of_one_made_id_may_come_to_know_its_organiser() {
    let item = "Message-ID: <5@malote.invalid>\r\nDate: Mon, 1 Jul 2024 10:00:00 +0200\r\nSubject: x\r\n\
        From: Ana <IMCEAEX-_O=E_CN=ANA@encapsulated.invalid>\r\nContent-Type: text/calendar; name=a.ics\r\n\r\n\
        BEGIN:VEVENT\r\nUID:5@malote.invalid\r\nDTSTAMP:20240701T100200Z\r\nDTSTART:20240701T100100Z\r\n\
        ORGANIZER;CN=Ana:mailto:IMCEAEX-_O=E_CN=ANA@encapsulated.in\r\n valid\r\nEND:VEVENT\r\n";
    let taught = item.replace("<IMCEAEX-_O=E_CN=ANA@encapsulated.invalid>", "<ana@example.org>");
    let taught = taught.replace("IMCEAEX-_O=E_CN=ANA@encapsulated.in\r\n valid", "ana@example.org");
    for (other, expected) in [
        (taught.clone(), "same"),
        (taught.replace("T100200Z", "T110200Z"), "same"),
        (taught.replace("CN=Ana", "CN=Bia"), "held"),
        (taught.replace("T100100Z", "T110100Z"), "held"),
        (taught.replace("UID:5@malote.invalid", "UID:5@example.org"), "held"),
    ] {
        assert_eq!(relation_to_earlier(item, &other), expected, "{other}");
        assert_eq!(relation_to_earlier(&other, item), expected, "{other}");
        assert_eq!(relation(item.as_bytes(), other.as_bytes()), expected, "of another ledger: {other}");
    }
    assert_eq!(relation_to_earlier(&taught, &taught.replace("ana@", "bia@")), "held");
}

#[test]
fn pictures_without_a_word_are_not_taken_for_one_another() {
    let html = |name: &str| {
        format!("{HEADER}Content-Type: text/html\r\n\r\n<body><img src=\"{name}\"></body>").into_bytes()
    };
    assert_eq!(relation(&html("a"), &html("a")), "same");
    assert_eq!(relation(&html("a"), &html("b")), "held");
}

#[test]
fn what_passes_a_limit_is_held() {
    let long = format!("{HEADER}\r\n{}", "long text\r\n".repeat(TEXT_OCTETS_MAX / 10)).into_bytes();
    assert_eq!(relation(&long, &long), "held");
    let deep = |depth: usize| {
        let nest = |at: usize| format!("Content-Type: multipart/mixed; boundary=b{at}\r\n\r\n--b{at}\r\n");
        format!("{HEADER}{}\r\nx", (0..depth).map(nest).collect::<String>()).into_bytes()
    };
    assert_eq!(relation(&deep(10), &deep(10)), "same");
    assert_eq!(relation(&deep(1000), &deep(1000)), "held");
}

proptest! {
    #[test]
    fn chunks_of_any_size_and_any_octets_give_one_likeness(
        pieces in prop::collection::vec(prop::sample::select(vec![
            &b"--aa"[..], b"--aab--", b"\r\n", b"\n", b"\r", b"Content-Type: message/rfc822\r\n\r\n",
            b"=?utf-8?Q?=C3?=",
            b"Content-Type: multipart/mixed; boundary=aa\r\n", b"Content-Transfer-Encoding: base64\r\n", b"=\xC3=a",
            b"Content-Type: text/html\r\n\r\n", b"<p &amp; <!-- ", b"From: a@b\r\n", b"\x00\xff", b"QUJD", b";name=\"",
        ]), 0..60),
        size in 1_usize..40,
    ) {
        let octets = pieces.concat();
        let whole = likeness(1, &octets, usize::MAX >> 1);
        prop_assert_eq!(likeness(1, &octets, size), whole);
        let sent = as_sent("mundo", "f");
        prop_assert_eq!(likeness(1, &sent, size), likeness(1, &sent, sent.len()));
    }
}
