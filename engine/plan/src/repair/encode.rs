//! Writes header words with octets above 127 as encoded words (RFC 2047), losing none of them.
//! Never touches an address, a parameter or any field whose grammar it does not know.

use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::examine::Layout;
use crate::header;

/// Octets of one encoded word's content: base64 of them, with the longest charset name here, stays within the 75
/// of RFC 2047 §2.
const WORD_OCTETS_MAX: usize = 30;

/// Longest charset name that leaves an encoded word within its 75 octets.
const CHARSET_OCTETS_MAX: usize = 20;

/// Fields of free text.
const TEXT_FIELDS: [&str; 5] = ["Subject", "Comments", "Content-Description", "Thread-Topic", "Organization"];

/// Fields of addresses, whose display names are free text.
const ADDRESS_FIELDS: [&str; 8] =
    ["From", "To", "Cc", "Bcc", "Reply-To", "Sender", "Resent-From", "Resent-To"];

/// Single-octet charsets begin so; words of others must not be cut.
const SINGLE_OCTET: [&str; 4] = ["iso-8859-", "windows-125", "koi8-", "unknown-8bit"];

/// The message with its header in ASCII; nothing where there is no need, or a field that cannot be written so.
pub(super) fn header(octets: &[u8]) -> Option<Vec<u8>> {
    let layout = Layout::of(octets);
    let head = &octets[layout.header_from..layout.header_to];
    if head.is_ascii() {
        return None;
    }
    let declared = declared(head);
    let mut encoded = octets[..layout.header_from].to_vec();
    let mut rest = head;
    while !rest.is_empty() {
        let (field, after) = rest.split_at(field_length(rest));
        if field.is_ascii() {
            encoded.extend_from_slice(field);
        } else {
            encoded.extend(self::field(field, &declared)?);
        }
        rest = after;
    }
    encoded.extend_from_slice(&octets[layout.header_to..]);
    Some(encoded)
}

/// One line with those that continue it.
fn field_length(octets: &[u8]) -> usize {
    let line =
        |from: usize| memchr::memchr(b'\n', &octets[from..]).map_or(octets.len(), |end| from + end + 1);
    let mut length = line(0);
    while octets.get(length).is_some_and(|octet| matches!(octet, b' ' | b'\t')) {
        length = line(length);
    }
    length
}

/// The charset that the text declares and that free octets of the header are then most likely in; what nobody
/// declares is `unknown-8bit` (RFC 1428 §3), which loses nothing and claims nothing.
fn declared(head: &[u8]) -> String {
    let unknown = || String::from("unknown-8bit");
    let Some(value) = header::values(head, "Content-Type").next() else { return unknown() };
    let lower = String::from_utf8_lossy(value).to_ascii_lowercase();
    let Some((_, charset)) = lower.split_once("charset=") else { return unknown() };
    let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    let name: String = charset.trim_start_matches('"').chars().take_while(|c| is_of_name(*c)).collect();
    let is_useless = matches!(name.as_str(), "" | "us-ascii" | "ascii" | "utf-8" | "utf8");
    if is_useless || name.len() > CHARSET_OCTETS_MAX { unknown() } else { name }
}

fn field(field: &[u8], declared: &str) -> Option<Vec<u8>> {
    let colon = memchr::memchr(b':', field)?;
    let name = core::str::from_utf8(field[..colon].trim_ascii_end()).ok()?;
    let is_one_of = |list: &[&str]| list.iter().any(|known| known.eq_ignore_ascii_case(name));
    let value = &field[colon + 1..];
    let charset = if core::str::from_utf8(value).is_ok() { "utf-8" } else { declared };
    let value = if is_one_of(&TEXT_FIELDS) {
        words(value, charset)?
    } else if is_one_of(&ADDRESS_FIELDS) {
        phrases(value, charset)?
    } else {
        return None;
    };
    Some([&field[..=colon], &value].concat())
}

/// Free text: each run of words with octets above 127 as encoded words, the blanks between them within.
fn words(value: &[u8], charset: &str) -> Option<Vec<u8>> {
    let first = value.iter().position(|octet| *octet > 127)?;
    let last = value.iter().rposition(|octet| *octet > 127)?;
    let is_blank = |octet: &u8| octet.is_ascii_whitespace();
    let from = value[..first].iter().rposition(is_blank).map_or(0, |at| at + 1);
    let to = value[last..].iter().position(is_blank).map_or(value.len(), |at| last + at);
    // Folding within the run is white space of the header, not of the text (RFC 5322 §2.2.3).
    let run: Vec<u8> =
        value[from..to].iter().copied().filter(|octet| !matches!(octet, b'\r' | b'\n')).collect();
    Some([&value[..from], &encoded(&run, charset)?, &value[to..]].concat())
}

/// Addresses: quoted display names and bare words of display names. Octets above 127 within `<…>`, a comment or
/// an address without a name are beyond RFC 2047.
fn phrases(value: &[u8], charset: &str) -> Option<Vec<u8>> {
    let mut written = Vec::new();
    let mut rest = value;
    while let Some(octet) = rest.first() {
        let length = match octet {
            b'"' => 1 + closing(&rest[1..], b'"')?,
            b'<' => 1 + closing(&rest[1..], b'>')?,
            b'(' => 1 + closing(&rest[1..], b')')?,
            _ => rest.iter().position(|octet| matches!(octet, b'"' | b'<' | b'(')).unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(length);
        if token.is_ascii() {
            written.extend_from_slice(token);
        } else if *octet == b'"' {
            written.extend(encoded(&unquoted(&token[1..token.len() - 1]), charset)?);
        } else if matches!(octet, b'<' | b'(') {
            return None;
        } else {
            written.extend(bare_phrases(token, after.first() == Some(&b'<'), charset)?);
        }
        rest = after;
    }
    Some(written)
}

/// Words outside of quotes, parted into addresses by commas: the last of them belongs to an address in `<…>`
/// where `is_name`, the others are addresses on their own.
fn bare_phrases(token: &[u8], is_name: bool, charset: &str) -> Option<Vec<u8>> {
    let cut = token.iter().rposition(|octet| matches!(octet, b',' | b';' | b':')).map_or(0, |at| at + 1);
    let (addresses, name) = token.split_at(cut);
    if !addresses.is_ascii() || !is_name {
        return None;
    }
    Some([addresses, &words(name, charset)?].concat())
}

/// Where a quoted or bracketed piece ends, its last octet included.
fn closing(octets: &[u8], end: u8) -> Option<usize> {
    let mut is_escaped = false;
    for (at, octet) in octets.iter().enumerate() {
        if core::mem::take(&mut is_escaped) {
            continue;
        }
        if *octet == end {
            return Some(at + 1);
        }
        is_escaped = *octet == b'\\' && end != b'>';
    }
    None
}

fn unquoted(quoted: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(quoted.len());
    let mut octets = quoted.iter().copied().filter(|octet| !matches!(octet, b'\r' | b'\n'));
    while let Some(octet) = octets.next() {
        plain.extend(if octet == b'\\' { octets.next() } else { Some(octet) });
    }
    plain
}

/// Encoded words, folded; nothing where a charset of several octets to a letter has words too long for one.
fn encoded(run: &[u8], charset: &str) -> Option<Vec<u8>> {
    let mut written = Vec::new();
    let mut rest = run;
    while !rest.is_empty() {
        let length = piece(rest, charset)?;
        let (piece, after) = rest.split_at(length);
        if !written.is_empty() {
            written.extend_from_slice(b"\r\n ");
        }
        written.extend_from_slice(b"=?");
        written.extend_from_slice(charset.as_bytes());
        written.extend_from_slice(b"?B?");
        written.extend_from_slice(BASE64_STANDARD.encode(piece).as_bytes());
        written.extend_from_slice(b"?=");
        rest = after;
    }
    Some(written)
}

/// How many octets the next encoded word takes: never half a letter.
fn piece(rest: &[u8], charset: &str) -> Option<usize> {
    if rest.len() <= WORD_OCTETS_MAX {
        return Some(rest.len());
    }
    if charset == "utf-8" {
        return (1..=WORD_OCTETS_MAX).rev().find(|at| !matches!(rest[*at], 0x80..=0xbf));
    }
    SINGLE_OCTET.iter().any(|known| charset.starts_with(known)).then_some(WORD_OCTETS_MAX)
}
