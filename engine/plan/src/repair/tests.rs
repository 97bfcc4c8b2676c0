//! Every repair on octets that need it, on octets that do not, and on octets that must stay.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::*;

fn shown(octets: &[u8]) -> String {
    octets.escape_ascii().to_string()
}

/// Checks what a remedy makes of octets; the empty text stands for a remedy that must not or cannot be made.
fn check(names: &str, octets: &[u8], expected: &[u8]) {
    let remedy = Remedy::parse(names).unwrap();
    assert_eq!(remedy.names(), names);
    let made = remedy.apply(octets).map(Cow::into_owned).unwrap_or_default();
    assert_eq!(shown(&made), shown(expected), "{names} of {}", shown(octets));
}

#[test]
fn each_repair_changes_the_least() {
    for (names, octets, expected) in [
        ("mbox_line", &b"From a Mon\r\nA: 1\r\n\r\nx\r\n"[..], &b"A: 1\r\n\r\nx\r\n"[..]),
        ("mbox_line", b"From: a\r\n\r\nx\r\n", b""),
        ("nul", b"A: 1\0\r\n\r\n\0x\0\r\n", b"A: 1\r\n\r\nx\r\n"),
        ("nul", b"Content-Transfer-Encoding: Binary\r\n\r\n\0", b""),
        ("line_ends", b"A: 1\n\nx\r\ny\n", b"A: 1\r\n\r\nx\r\ny\r\n"),
        ("line_ends", b"A: 1\r\n\r\nx\r\n", b""),
        ("line_ends", b"A: 1\r\ncontent-transfer-encoding: binary\r\n\r\nx\n", b""),
        ("returns", b"A: 1\r\n\r\nx\ry\r\r\nz\r\n", b"A: 1\r\n\r\nx\r\ny\r\nz\r\n"),
        ("final_line_end", b"A: 1\r\n\r\nx", b"A: 1\r\n\r\nx\r\n"),
        ("final_line_end", b"A: 1\r\n\r\nx\r", b"A: 1\r\n\r\nx\r\n"),
        ("blank_line", b"A: 1\r\n b\r\ntext\r\n", b"A: 1\r\n b\r\n\r\ntext\r\n"),
        ("blank_line", b"text\r\nmore\r\n", b"\r\ntext\r\nmore\r\n"),
        ("blank_line", b"A: 1", b"A: 1\r\n\r\n"),
        ("blank_line", b"A: 1\r\n\r\n", b""),
        ("nul line_ends", b"A: 1\0\n\nx\n", b"A: 1\r\n\r\nx\r\n"),
        ("date", b"A: 1\n\n", b"A: 1\n\n"),
    ] {
        check(names, octets, expected);
    }
    assert_eq!(Remedy::parse("nul unheard_of"), None);
    assert_eq!(Remedy::parse(""), None);
}

#[test]
fn words_above_127_become_encoded_words_and_nothing_else_does() {
    let utf8 =
        "Subject: A reunião\r\n de amanhã, às 9\r\nFrom: \"Ana Conceição\" <ana@x>, b@x\r\nX: y\r\n\r\né\r\n";
    let expected = "Subject: A =?utf-8?B?cmV1bmnDo28gZGUgYW1hbmjDoywgw6Bz?= 9\r\n\
                    From: =?utf-8?B?QW5hIENvbmNlacOnw6Nv?= <ana@x>, b@x\r\nX: y\r\n\r\né\r\n";
    check("header_8bit", utf8.as_bytes(), expected.as_bytes());
    for (octets, expected) in [
        (&b"Subject: \xe7\r\n\r\n"[..], &b"Subject: =?unknown-8bit?B?5w==?=\r\n\r\n"[..]),
        (
            b"Content-Type: text/plain; charset=\"ISO-8859-1\"\r\nTo: b@x, Jo\xe3o <j@x>\r\n\r\n",
            b"Content-Type: text/plain; charset=\"ISO-8859-1\"\r\nTo: b@x, =?iso-8859-1?B?Sm/jbw==?= <j@x>\r\n\r\n",
        ),
        (b"From: jo\xe3o@x\r\n\r\n", b""),
        (b"From: <jo\xe3o@x>\r\n\r\n", b""),
        (b"Received: by \xe7\r\n\r\n", b""),
        (b"Subject: plain\r\n\r\n\xe7\r\n", b""),
    ] {
        check("header_8bit", octets, expected);
    }
}

#[test]
fn long_header_lines_are_folded_at_blanks_so_that_unfolding_gives_them_back() {
    let value = "word ".repeat(500);
    let long = format!("A: {value}\r\nB: 1\r\n\r\n{}\r\n", "x".repeat(2000));
    let made = Remedy::parse("long_line").unwrap().apply(long.as_bytes()).unwrap().into_owned();
    let header_to = Layout::of(&made).header_to;
    assert!(lines(&made, 0, header_to).all(|line| line.1 <= LINE_OCTETS_MAX));
    let text = String::from_utf8(made).unwrap();
    assert_eq!(text.replace("\r\n word", " word"), long);
    check("long_line", format!("A: {}\r\n\r\n", "x".repeat(2000)).as_bytes(), b"");
}

/// What a reader of quoted-printable makes of a text.
fn decoded(text: &str) -> Vec<u8> {
    let joined = text.replace("=\r\n", "");
    let mut octets = Vec::new();
    let mut rest = joined.as_bytes();
    while let Some(octet) = rest.first() {
        if *octet == b'=' {
            octets.push(u8::from_str_radix(core::str::from_utf8(&rest[1..3]).unwrap(), 16).unwrap());
            rest = &rest[3..];
        } else {
            octets.push(*octet);
            rest = &rest[1..];
        }
    }
    octets
}

#[test]
fn a_text_with_overlong_lines_is_quoted_and_says_the_same() {
    let remedy = Remedy::parse("quoted_printable").unwrap();
    let long = [b"a=b \xe7\t\r\n".as_slice(), &[b'x'; 1200], b" \r\nlone\nfeed\0 \r\n\r\nend"].concat();
    for (head, written) in [
        ("A: 1\r\n", "A: 1\r\nMIME-Version: 1.0\r\n"),
        (
            "mime-version: 1.0\r\ncontent-transfer-encoding:\r\n 8bit\r\nContent-Type: TEXT/html\r\n",
            "mime-version: 1.0\r\nContent-Type: TEXT/html\r\n",
        ),
    ] {
        let made = remedy.apply(&[head.as_bytes(), b"\r\n", &long].concat()).unwrap().into_owned();
        let text = String::from_utf8(made).unwrap();
        let expected = format!("{written}Content-Transfer-Encoding: quoted-printable\r\n\r\n");
        let body = text.strip_prefix(expected.as_str()).unwrap_or_else(|| panic!("{text}"));
        assert!(body.split("\r\n").all(|line| line.len() <= 76), "{body}");
        assert_eq!(shown(&decoded(body)), shown(&long));
    }
    for head in [
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n",
        "Content-Transfer-Encoding: base64\r\n\r\n",
        "Content-Transfer-Encoding: binary\r\n\r\n",
        "Content-Type: application/pdf\r\n\r\n",
    ] {
        check("quoted_printable", &[head.as_bytes(), &long].concat(), b"");
    }
    check("quoted_printable", b"A: 1\r\n\r\nshort\r\n", b"");
}

#[test]
fn what_is_signed_or_encrypted_is_never_changed() {
    for kind in [
        "Content-Type: multipart/signed; boundary=b",
        "Content-Type: Multipart/Encrypted; boundary=b",
        "Content-Type: application/pkcs7-mime; smime-type=signed-data",
        "X: 1\n\n-----BEGIN PGP SIGNED MESSAGE-----",
        "X: 1\n\n--b\nContent-Type: application/x-pkcs7-mime",
    ] {
        let octets = format!("From ana Mon\n{kind}\n\nx\0\ny");
        for names in ["nul", "line_ends", "final_line_end", "line_ends final_line_end"] {
            check(names, octets.as_bytes(), b"");
        }
        check("mbox_line", octets.as_bytes(), &octets.as_bytes()[13..]);
        let offered = remedies_of(octets.as_bytes());
        assert_eq!(offered.iter().map(Remedy::names).collect::<Vec<_>>(), ["mbox_line"]);
    }
}

fn dkim(ways: &str, text: &str, rest: &str) -> String {
    let hash = BASE64_STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!("DKIM-Signature: v=1; a=rsa-sha256; c={ways}; h=From:Subject;\r\n bh={hash}; b=x\r\n{rest}")
}

#[test]
fn a_living_dkim_signature_is_not_broken_and_a_dead_one_hinders_nothing() {
    let rest = "From: a@x\r\nSubject: s\r\nX: \0\r\n\r\ntext";
    let alive = dkim("simple/simple", "text\r\n", rest);
    check("final_line_end", alive.as_bytes(), format!("{alive}\r\n").as_bytes());
    check("nul", alive.as_bytes(), alive.replace('\0', "").as_bytes());
    let nul = dkim("relaxed/relaxed", "te\0xt\r\n", "From: a@x\r\n\r\nte\0xt\r\n");
    check("nul", nul.as_bytes(), b"");
    let subject = dkim("relaxed/relaxed", "text\r\n", "From: a@x\r\nSubject: \u{e7}\r\n\r\ntext\r\n");
    check("header_8bit", subject.as_bytes(), b"");
    let stored = dkim("simple/simple", "one\r\ntwo\r\n", "From: a@x\n\none\ntwo\n");
    check("line_ends", stored.as_bytes(), stored.replace("\r\n", "\n").replace('\n', "\r\n").as_bytes());
    let old = alive.replace("rsa-sha256", "rsa-sha1").replace("text", "te\0xt");
    check("nul", old.as_bytes(), b"");
}

#[test]
fn a_late_date_becomes_the_messages_own_or_the_last_of_2037() {
    let late = Some(InternalDate { unix_seconds: LATE_UNIX_SECONDS + 5, offset_minutes: 0 });
    let remedy = Remedy::parse("date").unwrap();
    let dated = remedy.date(b"Date: Wed, 17 Jul 1996 02:23:25 -0700\r\n\r\n", late);
    assert_eq!(dated.map(|date| date.unix_seconds), Some(837_595_405));
    assert_eq!(remedy.date(b"\r\n", late).map(|date| date.unix_seconds), Some(LAST_UNIX_SECONDS));
    assert_eq!(Remedy::parse("nul").unwrap().date(b"\r\n", late), late);
}

#[test]
fn remedies_come_one_by_one_before_they_come_together() {
    let names: Vec<String> = remedies_of(b"A: 1\0\n\nx").iter().map(Remedy::names).collect();
    let expected = [
        "nul",
        "line_ends",
        "final_line_end",
        "nul line_ends",
        "nul final_line_end",
        "line_ends final_line_end",
        "nul line_ends final_line_end",
    ];
    assert_eq!(names, expected);
    assert!(remedies_of(b"A: 1\r\n\r\nx\r\n").is_empty());
    let all = remedies_of("From x\nA: 1\0\nSubject: \u{e7}\r\ntext\r".as_bytes());
    assert_eq!(all.len(), REMEDIES_MAX);
    assert_eq!(all.last().map(|remedy| remedy.0.len()), Some(7));
}

proptest! {
    #[test]
    fn repairs_never_panic_lose_no_visible_octet_and_are_the_same_twice(
        octets in prop::collection::vec(prop::sample::select(b"AFrom :x\0\r\n\n\xe7\"<>,\t".to_vec()), 0..80)
    ) {
        for remedy in remedies_of(&octets) {
            let once = remedy.apply(&octets).map(Cow::into_owned);
            prop_assert_eq!(&once, &remedy.apply(&octets).map(Cow::into_owned));
            let has_only = |allowed: &[Repair]| remedy.0.iter().all(|repair| allowed.contains(repair));
            let ends = [Repair::Nul, Repair::LineEnds, Repair::Returns, Repair::FinalLineEnd, Repair::BlankLine];
            if let Some(once) = once.filter(|_| has_only(&ends)) {
                let visible = |octets: &[u8]| -> Vec<u8> {
                    octets.iter().copied().filter(|octet| !matches!(octet, 0 | b'\r' | b'\n')).collect()
                };
                prop_assert_eq!(visible(&once), visible(&octets));
            }
        }
    }
}
