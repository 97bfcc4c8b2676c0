//! Transfer encodings (RFC 2045 §6): which one a text takes, and how it is written.
//! Never writes a line longer than it may be, and never a line end that is not CRLF.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Longest line of a message, without its end, in octets (RFC 5322 §2.1.1).
pub const LINE_OCTETS_MAX: usize = 998;
/// Octets that one line of base64 holds, and how long it is with its end.
pub const BASE64_LINE_OCTETS: usize = 57;
const BASE64_LINE: u64 = 78;
/// Longest line of quoted-printable, without its end (RFC 2045 §6.7).
const QUOTED_LINE_MAX: usize = 76;

/// How the octets of a part are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// As they are, every line end being CRLF.
    Seven,
    /// As they are but for their line ends, which become CRLF.
    SevenMended,
    /// Quoted-printable; any line end becomes CRLF.
    Quoted,
    /// Base64.
    Base64,
}

impl Transfer {
    /// As `Content-Transfer-Encoding` names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Seven | Self::SevenMended => "7bit",
            Self::Quoted => "quoted-printable",
            Self::Base64 => "base64",
        }
    }
}

/// The cheapest encoding that carries a text. What needs none is sent as it is.
pub fn transfer_of(text: &[u8]) -> Transfer {
    let lines = Lines::of(text);
    let has_nul = memchr::memchr(0, text).is_some();
    if text.is_ascii() && !has_nul && lines.longest <= LINE_OCTETS_MAX {
        return if lines.is_canonical { Transfer::Seven } else { Transfer::SevenMended };
    }
    let escaped = text.iter().filter(|octet| needs_escape(**octet)).count();
    // Quoted-printable spends two more octets on each escape, base64 a third on everything.
    if escaped * 2 < text.len() * 3 / 8 || text.len() < 40 { Transfer::Quoted } else { Transfer::Base64 }
}

const fn needs_escape(octet: u8) -> bool {
    (octet < b' ' && !matches!(octet, b'\t' | b'\r' | b'\n')) || octet >= 0x7F || octet == b'='
}

struct Lines {
    longest: usize,
    is_canonical: bool,
}

impl Lines {
    fn of(text: &[u8]) -> Self {
        let (mut longest, mut start, mut is_canonical, mut feeds) = (0, 0, true, 0);
        for end in memchr::memchr_iter(b'\n', text) {
            is_canonical &= end > start && text[end - 1] == b'\r';
            longest = longest.max(end - start);
            start = end + 1;
            feeds += 1;
        }
        longest = longest.max(text.len() - start);
        let returns = memchr::memchr_iter(b'\r', text).count();
        is_canonical &= returns == feeds;
        // A lone CR ends a line too; the bound on LF-lines holds for the shorter ones between.
        Self { longest, is_canonical }
    }
}

/// A text whose line ends are all CRLF.
pub fn canonical(text: &[u8]) -> Cow<'_, [u8]> {
    if Lines::of(text).is_canonical {
        return Cow::Borrowed(text);
    }
    let mut mended = Vec::with_capacity(text.len() + text.len() / 32);
    mend(text, &mut mended);
    Cow::Owned(mended)
}

/// Copies a text; CRLF, LF and CR each become CRLF.
pub fn mend(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(end) = memchr::memchr2(b'\r', b'\n', rest) {
        out.extend_from_slice(&rest[..end]);
        out.extend_from_slice(b"\r\n");
        let ending = if rest[end..].starts_with(b"\r\n") { 2 } else { 1 };
        rest = &rest[end + ending..];
    }
    out.extend_from_slice(rest);
}

/// Writes quoted-printable: lines of the text end in CRLF, and longer ones are broken softly.
pub fn quoted_printable(text: &[u8], out: &mut Vec<u8>) {
    out.reserve(text.len() + text.len() / 8);
    let mut rest = text;
    while !rest.is_empty() {
        let end = memchr::memchr2(b'\r', b'\n', rest);
        quoted_line(&rest[..end.unwrap_or(rest.len())], out);
        let Some(end) = end else { return };
        out.extend_from_slice(b"\r\n");
        let ending = if rest[end..].starts_with(b"\r\n") { 2 } else { 1 };
        rest = &rest[end + ending..];
    }
}

fn quoted_line(line: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    // mbox files take a line that begins so for the next message.
    let mut column = 0;
    let mut start = 0;
    if line.starts_with(b"From ") {
        out.extend_from_slice(b"=46");
        (column, start) = (3, 1);
    }
    for (place, &octet) in line.iter().enumerate().skip(start) {
        let is_last = place + 1 == line.len();
        let is_escaped = needs_escape(octet) || is_last && matches!(octet, b' ' | b'\t');
        let width = if is_escaped { 3 } else { 1 };
        // A line that is not the last one keeps a column for its soft break.
        if column + width > QUOTED_LINE_MAX - usize::from(!is_last) {
            out.extend_from_slice(b"=\r\n");
            column = 0;
        }
        if is_escaped {
            out.extend_from_slice(&[b'=', DIGITS[usize::from(octet >> 4)], DIGITS[usize::from(octet & 15)]]);
        } else {
            out.push(octet);
        }
        column += width;
    }
}

/// How long `octets` octets are in base64, line ends included, the last line without one.
pub const fn base64_length(octets: u64) -> u64 {
    let (lines, rest) = (octets / BASE64_LINE_OCTETS as u64, octets % BASE64_LINE_OCTETS as u64);
    match (lines, rest) {
        (0, 0) => 0,
        (lines, 0) => lines * BASE64_LINE - 2,
        (lines, rest) => lines * BASE64_LINE + rest.div_ceil(3) * 4,
    }
}

/// Writes base64 in lines. `is_first` is false where lines were written before: a line end then comes first. All
/// but the last call must bring a multiple of [`BASE64_LINE_OCTETS`].
pub fn base64_lines(octets: &[u8], mut is_first: bool, out: &mut Vec<u8>) {
    let length = usize::try_from(base64_length(octets.len() as u64)).unwrap_or(usize::MAX);
    let mut place = out.len();
    out.resize(place.saturating_add(length).saturating_add(2), 0);
    for line in octets.chunks(BASE64_LINE_OCTETS) {
        if !is_first {
            out[place..place + 2].copy_from_slice(b"\r\n");
            place += 2;
        }
        is_first = false;
        place +=
            STANDARD.encode_slice(line, &mut out[place..]).expect("the room was reckoned from the length");
    }
    out.truncate(place);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(text: &[u8]) -> String {
        let mut out = Vec::new();
        quoted_printable(text, &mut out);
        String::from_utf8(out).expect("quoted-printable is ASCII")
    }

    #[test]
    fn a_text_takes_the_cheapest_encoding() {
        for (text, expected) in [
            (&b""[..], Transfer::Seven),
            (b"abc\r\ndef", Transfer::Seven),
            (b"abc\ndef", Transfer::SevenMended),
            (b"abc\rdef\r\n", Transfer::SevenMended),
            (b"\nabc", Transfer::SevenMended),
            (b"a\0b", Transfer::Quoted),
            ("ação".as_bytes(), Transfer::Quoted),
            ("日本語のとても長い文章です".repeat(9).as_bytes(), Transfer::Base64),
            (&[b'x'; 999], Transfer::Quoted),
            (&[b'x'; 998], Transfer::Seven),
        ] {
            assert_eq!(transfer_of(text), expected, "{:?}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn quoted_printable_keeps_its_lines_short_and_its_spaces() {
        assert_eq!(quoted("a=ç \nFrom x\r\n.".as_bytes()), "a=3D=C3=A7=20\r\n=46rom x\r\n.");
        assert_eq!(quoted(&[b'x'; 76]), "x".repeat(76));
        assert_eq!(quoted(&[b'x'; 77]), format!("{}=\r\nxx", "x".repeat(75)));
        let long = quoted("é".repeat(500).as_bytes());
        assert!(long.split("\r\n").all(|line| line.len() <= 76), "{long}");
    }

    #[test]
    fn the_length_of_base64_is_known_before_it_is_written() {
        for octets in (0..400).chain([57 * 1024, 57 * 1024 + 1]) {
            let mut out = Vec::new();
            base64_lines(&vec![7; octets], true, &mut out);
            assert_eq!(out.len() as u64, base64_length(octets as u64), "{octets}");
        }
    }
}
