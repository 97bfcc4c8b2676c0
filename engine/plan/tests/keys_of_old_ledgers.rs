//! The keys of messages, computed once more by rules written out octet by octet: ledgers keep keys for years.
//! Never by the library's own scanning: what it does fast is done here slowly.

use malote_plan::identity::{self, HEADER_FIELDS, HEADER_OCTETS_MAX};
use malote_plan::message::ContentHash;
use malote_plan::record::{HeaderKey, Keys};
use proptest::prelude::*;

/// Octets of the header, its blank line included.
fn header_length(octets: &[u8]) -> usize {
    let mut is_blank = true;
    for (at, octet) in octets.iter().enumerate() {
        match octet {
            b'\n' if is_blank => return at + 1,
            b'\n' => is_blank = true,
            b'\r' => {}
            _ => is_blank = false,
        }
    }
    octets.len()
}

/// Lines with those that go on from them, up to the first that holds nothing.
fn unfolded(header: &[u8]) -> Vec<Vec<u8>> {
    let mut fields: Vec<Vec<u8>> = Vec::new();
    for line in header.split_inclusive(|octet| *octet == b'\n') {
        let goes_on = matches!(line[0], b' ' | b'\t');
        match fields.last_mut() {
            Some(field) if goes_on => field.extend_from_slice(line),
            _ if line.iter().all(|octet| matches!(octet, b'\r' | b'\n')) => break,
            _ => fields.push(line.to_vec()),
        }
    }
    fields
}

/// All values of one field, as they count: without blanks and control characters, each ended by a line feed.
fn values(header: &[u8], name: &str) -> Vec<u8> {
    let mut values = Vec::new();
    for field in unfolded(header) {
        let Some(colon) = field.iter().position(|octet| *octet == b':') else { continue };
        let given = field[..colon].trim_ascii_end();
        if !given.eq_ignore_ascii_case(name.as_bytes()) {
            continue;
        }
        let value: Vec<u8> =
            field[colon + 1..].iter().copied().filter(|octet| *octet > 32 && *octet != 127).collect();
        let is_added = name == "Message-ID" && value.ends_with(b"@imapsync>");
        if !value.is_empty() && !is_added {
            values.extend(value);
            values.push(b'\n');
        }
    }
    values
}

fn shortened(octets: &[u8]) -> HeaderKey {
    let mut key = [0; 16];
    key.copy_from_slice(&blake3::hash(octets).as_bytes()[..16]);
    HeaderKey(key)
}

fn joined(fields: &[&Vec<u8>]) -> HeaderKey {
    let mut all = Vec::new();
    for field in fields {
        all.extend_from_slice(field);
        all.push(0);
    }
    shortened(&all)
}

/// Line feeds for line ends, none at the end; nothing where there is no text.
fn body_key(body: &[u8]) -> Option<HeaderKey> {
    let mut text = Vec::new();
    for (at, octet) in body.iter().enumerate() {
        if *octet != b'\r' || body.get(at + 1) != Some(&b'\n') {
            text.push(*octet);
        }
    }
    if text.last() == Some(&b'\r') {
        text.pop();
    }
    while text.last() == Some(&b'\n') {
        text.pop();
    }
    (!text.iter().all(u8::is_ascii_whitespace)).then(|| shortened(&text))
}

fn keys_slowly(octets: &[u8]) -> Keys {
    let length = header_length(octets);
    let header = &octets[..length.min(HEADER_OCTETS_MAX)];
    let fields: Vec<Vec<u8>> = HEADER_FIELDS.iter().map(|name| values(header, name)).collect();
    let (message_id, date, from, subject) = (&fields[0], &fields[1], &fields[2], &fields[5]);
    let known = [date, from, subject].iter().filter(|value| !value.is_empty()).count();
    Keys {
        content: Some(ContentHash(*blake3::hash(octets).as_bytes())),
        body: body_key(&octets[length..]),
        strong: (!message_id.is_empty()).then(|| joined(&fields.iter().collect::<Vec<_>>())),
        loose: (known >= 2).then(|| joined(&[date, from, subject])),
        imprint: None,
    }
}

/// What headers and bodies are made of where they are hard to read.
const PIECES: [&[u8]; 28] = [
    b"\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\t",
    b":",
    b"Message-ID: <1@example.org>",
    b"message-id:",
    b"<17@imapsync>",
    b"Date: Wed, 1 Jan 2020",
    b"DATE :",
    b"Date",
    b"From: ana@example.org",
    b"From ana@example.org Mon",
    b"Subject: Ol\xc3\xa1",
    b"Subject:",
    b"To: b",
    b"Cc: c",
    b"In-Reply-To: <0@x>",
    b"Content-Type: text/plain",
    b"X-Other: 1",
    b"\0",
    b"\x7f",
    b"\x0c",
    b"\xff",
    b"text",
    b"\r\r\n",
];

fn message() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..60).prop_map(|pieces| pieces.concat())
}

fn by_chunks(octets: &[u8], size: usize) -> Keys {
    let mut hasher = identity::Hasher::new();
    octets.chunks(size).for_each(|chunk| hasher.update(chunk));
    hasher.finish()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn keys_are_those_that_old_ledgers_hold(octets in message(), size in 1_usize..50) {
        let expected = keys_slowly(&octets);
        prop_assert_eq!(identity::keys(&octets), expected, "{}", octets.escape_ascii());
        prop_assert_eq!(by_chunks(&octets, size), expected, "{} by {}", octets.escape_ascii(), size);
    }
}

#[test]
fn keys_of_long_messages_are_those_that_old_ledgers_hold() {
    let filler = |octets: usize| b"x: yyyyyyyyyyyyy\r\n".repeat(octets / 18);
    let head = b"Message-ID: <1@example.org>\r\nDate: d\r\nFrom: f\r\n".to_vec();
    for (before, body) in [(0, 100_000), (200_000, 20_000), (HEADER_OCTETS_MAX + 100_000, 50_000)] {
        for late in [&b"Subject: late\r\n\r\n"[..], b"Subject: late\n\n", b"no end"] {
            let octets =
                [&head[..], &filler(before), late, &b"line\r\n\r\nline\rline\n".repeat(body / 18)].concat();
            let expected = keys_slowly(&octets);
            assert_eq!(identity::keys(&octets), expected, "{before} {body}");
            for size in [1, 7, 4096, 65_536] {
                assert_eq!(by_chunks(&octets, size), expected, "{before} {body} by {size}");
            }
        }
    }
}
