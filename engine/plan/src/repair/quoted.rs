//! Writes a text with overlong lines as quoted-printable (RFC 2045 §6.7): decoded, it is the same octet by octet.
//! Never touches a message of several parts, nor a text that is encoded already.

use alloc::vec::Vec;

use crate::examine::{LINE_OCTETS_MAX, Layout, lines};
use crate::header;

/// Octets of one encoded line at most, its soft line break included (RFC 2045 §6.7, rule 5).
const ENCODED_OCTETS_MAX: usize = 76;

const NAME: &str = "Content-Transfer-Encoding";

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// The message with its text encoded; nothing where it is not one plain text or has no overlong line.
pub(super) fn text(octets: &[u8]) -> Option<Vec<u8>> {
    let layout = Layout::of(octets);
    let (before, rest) = octets.split_at(layout.header_to);
    let blank = if rest.starts_with(b"\r\n") { 2 } else { usize::from(rest.starts_with(b"\n")) };
    let (blank, body) = rest.split_at(blank);
    let header = &before[layout.header_from..];
    let is_overlong = lines(body, 0, body.len()).any(|line| line.1 > LINE_OCTETS_MAX);
    if !layout.has_blank_line || blank.is_empty() || !is_overlong || !is_bare_text(header) {
        return None;
    }
    let mut encoded = before[..layout.header_from].to_vec();
    encoded.extend(without_encoding(header));
    if header::values(header, "MIME-Version").next().is_none() {
        encoded.extend_from_slice(b"MIME-Version: 1.0\r\n");
    }
    encoded.extend_from_slice(b"Content-Transfer-Encoding: quoted-printable\r\n");
    encoded.extend_from_slice(blank);
    encode(body, &mut encoded);
    Some(encoded)
}

/// True for one text whose octets stand for themselves.
fn is_bare_text(header: &[u8]) -> bool {
    let first =
        |name| header::values(header, name).next().map(|value| value.trim_ascii().to_ascii_lowercase());
    let is_text = first("Content-Type").is_none_or(|kind| kind.starts_with(b"text/"));
    let is_bare = first(NAME).is_none_or(|how| matches!(how.as_slice(), b"7bit" | b"8bit" | b""));
    is_text && is_bare
}

/// The header without the field that tells how the text is written.
fn without_encoding(header: &[u8]) -> Vec<u8> {
    let (mut kept, mut is_left_out) = (Vec::with_capacity(header.len()), false);
    for line in header.split_inclusive(|octet| *octet == b'\n') {
        let is_continued = matches!(line.first(), Some(b' ' | b'\t'));
        let colon = memchr::memchr(b':', line).unwrap_or(0);
        let is_named = line[..colon].trim_ascii_end().eq_ignore_ascii_case(NAME.as_bytes());
        is_left_out = if is_continued { is_left_out } else { is_named };
        if !is_left_out {
            kept.extend_from_slice(line);
        }
    }
    kept
}

/// Encodes line by line; CRLF alone is a line end, every other octet of one is text.
fn encode(body: &[u8], encoded: &mut Vec<u8>) {
    let (mut at, mut column) = (0, 0);
    while at < body.len() {
        if body[at..].starts_with(b"\r\n") {
            encoded.extend_from_slice(b"\r\n");
            (at, column) = (at + 2, 0);
            continue;
        }
        let octet = body[at];
        let is_last = at + 1 == body.len() || body[at + 1..].starts_with(b"\r\n");
        let is_plain =
            matches!(octet, b'!'..=b'<' | b'>'..=b'~') || (matches!(octet, b' ' | b'\t') && !is_last);
        let width = if is_plain { 1 } else { 3 };
        // A line needs room for the `=` of its soft break.
        if column + width >= ENCODED_OCTETS_MAX {
            encoded.extend_from_slice(b"=\r\n");
            column = 0;
        }
        if is_plain {
            encoded.push(octet);
        } else {
            encoded.extend([b'=', HEX[usize::from(octet >> 4)], HEX[usize::from(octet & 15)]]);
        }
        (at, column) = (at + 1, column + width);
    }
}
