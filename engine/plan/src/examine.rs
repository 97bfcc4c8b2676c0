//! Looks at the octets of a refused message for what servers are known to refuse.
//! Never changes an octet, and never claims to know what the server minded: it names what it may have been.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::header;
use crate::message::InternalDate;

/// Octets of a line without its end at most (RFC 5322 §2.1.1).
pub const LINE_OCTETS_MAX: usize = 998;

/// Lines beyond so many octets are refused even by servers that bear most (Exchange, providers §1.3).
pub const LINE_OCTETS_BORNE: usize = 8192;

/// The first moment that does not fit 31 bits of seconds with room for a zone: 2038-01-01T00:00:00Z.
pub const LATE_UNIX_SECONDS: i64 = 2_145_916_800;

/// Fields that ask for a receipt, which some servers refuse and others answer.
const RECEIPT_FIELDS: [&str; 3] =
    ["Disposition-Notification-To", "Return-Receipt-To", "X-Confirm-Reading-To"];

/// What was found; the order is that of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The first line is that of an mbox file (`From ` without a colon), and no header field.
    MboxLine,
    /// NUL octets.
    Nul,
    /// Line feeds without a carriage return before them.
    BareLineFeed,
    /// Carriage returns without a line feed after them.
    BareReturn,
    /// The last line has no end.
    NoFinalLineEnd,
    /// Nothing in front of the text is a header field.
    NoHeader,
    /// Header fields run into the text, or the message ends with them.
    NoBlankLine,
    /// Octets above 127 in the header.
    HeaderEightBit,
    /// Header lines of more than [`LINE_OCTETS_MAX`] octets.
    HeaderLongLine,
    /// Lines of the text of more than [`LINE_OCTETS_MAX`] octets.
    BodyLongLine,
    /// A date of arrival that 32-bit servers cannot hold.
    Date,
    /// More octets than the limit.
    TooLarge,
    /// A field that asks for a receipt.
    Receipt,
}

impl Kind {
    /// The kind's name in reports and in the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MboxLine => "mbox_line",
            Self::Nul => "nul",
            Self::BareLineFeed => "bare_line_feed",
            Self::BareReturn => "bare_return",
            Self::NoFinalLineEnd => "no_final_line_end",
            Self::NoHeader => "no_header",
            Self::NoBlankLine => "no_blank_line",
            Self::HeaderEightBit => "header_8bit",
            Self::HeaderLongLine => "header_long_line",
            Self::BodyLongLine => "body_long_line",
            Self::Date => "date",
            Self::TooLarge => "too_large",
            Self::Receipt => "receipt",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub kind: Kind,
    /// How often.
    pub count: u64,
    /// Where the first one begins, in octets from the start of the message.
    pub first_octet: u64,
    /// The longest line in octets, or the message's length; 0 where neither is the matter.
    pub extent: u64,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, count, first_octet, extent } = self;
        match kind {
            Kind::Date => f.write_str("date of arrival beyond 2037"),
            Kind::TooLarge => write!(f, "{extent} octets, above the limit"),
            Kind::HeaderLongLine | Kind::BodyLongLine => {
                write!(
                    f,
                    "{} x{count}, the longest of {extent} octets, first at octet {first_octet}",
                    kind.as_str()
                )
            }
            _ => write!(f, "{} x{count}, first at octet {first_octet}", kind.as_str()),
        }
    }
}

/// What belongs to a message beside its octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Circumstances {
    /// The date of arrival that was sent with it.
    pub internal_date: Option<InternalDate>,
    /// The most octets that the destination takes.
    pub octets_max: Option<u64>,
}

/// Everything that a server may have minded, ascending by kind.
#[must_use]
pub fn examine(octets: &[u8], around: &Circumstances) -> Vec<Finding> {
    let layout = Layout::of(octets);
    let mut found = Vec::new();
    let mut add = |kind, (count, first): (u64, usize), extent: usize| {
        if count > 0 {
            found.push(Finding { kind, count, first_octet: first as u64, extent: extent as u64 });
        }
    };
    add(Kind::MboxLine, (u64::from(layout.header_from > 0), 0), 0);
    add(Kind::Nul, counted(memchr::memchr_iter(0, octets)), 0);
    let is_bare = |at: &usize| *at == 0 || octets[*at - 1] != b'\r';
    add(Kind::BareLineFeed, counted(memchr::memchr_iter(b'\n', octets).filter(is_bare)), 0);
    let is_lone = |at: &usize| octets.get(*at + 1) != Some(&b'\n');
    add(Kind::BareReturn, counted(memchr::memchr_iter(b'\r', octets).filter(is_lone)), 0);
    let is_open = !octets.is_empty() && !octets.ends_with(b"\n");
    add(Kind::NoFinalLineEnd, (u64::from(is_open), octets.len()), 0);
    let is_headed = layout.fields > 0;
    add(Kind::NoHeader, (u64::from(!is_headed), layout.header_from), 0);
    add(Kind::NoBlankLine, (u64::from(is_headed && !layout.has_blank_line), layout.header_to), 0);
    let header = &octets[layout.header_from..layout.header_to];
    let high = header.iter().enumerate().filter(|(_, octet)| **octet > 127);
    add(Kind::HeaderEightBit, counted(high.map(|(at, _)| at + layout.header_from)), 0);
    for (kind, from, to) in [
        (Kind::HeaderLongLine, layout.header_from, layout.header_to),
        (Kind::BodyLongLine, layout.header_to, octets.len()),
    ] {
        let long: Vec<(usize, usize)> =
            lines(octets, from, to).filter(|(_, length)| *length > LINE_OCTETS_MAX).collect();
        let longest = long.iter().map(|line| line.1).max().unwrap_or(0);
        add(kind, counted(long.into_iter().map(|line| line.0)), longest);
    }
    let is_late = around.internal_date.is_some_and(|date| date.unix_seconds >= LATE_UNIX_SECONDS);
    add(Kind::Date, (u64::from(is_late), 0), 0);
    let is_large = around.octets_max.is_some_and(|max| octets.len() as u64 > max);
    add(Kind::TooLarge, (u64::from(is_large), 0), octets.len());
    let asks = |name: &&&str| header::values(header, name).next().is_some();
    let receipts = RECEIPT_FIELDS.iter().filter(asks).count();
    add(Kind::Receipt, (receipts as u64, layout.header_from), 0);
    found
}

/// Findings as one sentence part: `nul x2, first at octet 7; no_final_line_end x1, …`.
#[must_use]
pub fn sentence(findings: &[Finding]) -> String {
    let parts: Vec<String> = findings.iter().map(ToString::to_string).collect();
    if parts.is_empty() { String::from("nothing unusual") } else { parts.join("; ") }
}

/// The kinds alone, parted by blanks: what two messages with the same trouble have in common.
#[must_use]
pub fn kinds(findings: &[Finding]) -> String {
    let mut names = String::new();
    for finding in findings {
        let gap = if names.is_empty() { "" } else { " " };
        names.push_str(&format!("{gap}{}", finding.kind.as_str()));
    }
    names
}

fn counted(places: impl Iterator<Item = usize>) -> (u64, usize) {
    let (mut count, mut first) = (0, 0);
    for at in places {
        if count == 0 {
            first = at;
        }
        count += 1;
    }
    (count, first)
}

/// Lines between two octets: where each begins, and its length without its end.
pub(crate) fn lines(octets: &[u8], from: usize, to: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut at = from;
    core::iter::from_fn(move || {
        if at >= to {
            return None;
        }
        let begin = at;
        let end = memchr::memchr(b'\n', &octets[begin..to]).map_or(to, |length| begin + length + 1);
        at = end;
        Some((begin, trimmed(&octets[begin..end]).len()))
    })
}

fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Where the parts of a message lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Where the header begins: behind an mbox line.
    pub header_from: usize,
    /// Where it ends: at its blank line, at the first line that is no field, or at the end of the message.
    pub header_to: usize,
    /// How many fields it has.
    pub fields: usize,
    /// False where the header runs into the text, or ends the message.
    pub has_blank_line: bool,
}

impl Layout {
    pub(crate) fn of(octets: &[u8]) -> Self {
        let header_from = mbox_line_length(octets);
        let mut layout = Self { header_from, header_to: octets.len(), fields: 0, has_blank_line: false };
        for (begin, length) in lines(octets, header_from, octets.len()) {
            let text = &octets[begin..begin + length];
            if text.is_empty() {
                layout.has_blank_line = true;
            } else if matches!(text[0], b' ' | b'\t') && layout.fields > 0 {
                continue;
            } else if is_field(text) {
                layout.fields += 1;
                continue;
            }
            layout.header_to = begin;
            break;
        }
        layout
    }
}

/// Length of the mbox line (RFC 4155) that some stores leave in front of a message; 0 for none.
fn mbox_line_length(octets: &[u8]) -> usize {
    let is_one = octets.starts_with(b"From ") || octets.starts_with(b">From ");
    let end = memchr::memchr(b'\n', octets);
    end.filter(|_| is_one).map_or(0, |end| end + 1)
}

/// A name of printable octets, perhaps blanks, and a colon (RFC 5322 §2.2, §4.5).
fn is_field(line: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', line) else { return false };
    let name = line[..colon].trim_ascii_end();
    !name.is_empty() && name.iter().all(|octet| matches!(octet, 33..=126))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(octets: &[u8], expected: &str) {
        let found: Vec<String> = examine(octets, &Circumstances::default())
            .iter()
            .map(|one| format!("{} x{} @{}", one.kind.as_str(), one.count, one.first_octet))
            .collect();
        assert_eq!(found.join(", "), expected, "{}", octets.escape_ascii());
    }

    #[test]
    fn what_servers_mind_is_found_with_its_count_and_place() {
        for (octets, expected) in [
            (&b"A: 1\r\n\r\nx\r\n"[..], ""),
            (b"A: 1\r\n\r\nx\0y\0\r\n", "nul x2 @9"),
            (b"A: 1\n\nx\r\n", "bare_line_feed x2 @4"),
            (b"A: 1\r\n\r\nx\ry\r\r\n", "bare_return x2 @9"),
            (b"A: 1\r\n\r\nx", "no_final_line_end x1 @9"),
            (b"From ana Mon Jan  1\r\nA: 1\r\n\r\nx\r\n", "mbox_line x1 @0"),
            (b"A: 1\r\ntext\r\n", "no_blank_line x1 @6"),
            (b"A: 1\r\n", "no_blank_line x1 @6"),
            (b"only text\r\n", "no_header x1 @0"),
            (b"\r\ntext\r\n", "no_header x1 @0"),
            (b"", "no_header x1 @0"),
            (b"A: \xe7\xe3\r\n\r\n\xe7\r\n", "header_8bit x2 @3"),
            (b"Return-Receipt-To: a@x\r\n\r\nx\r\n", "receipt x1 @0"),
        ] {
            check(octets, expected);
        }
        let long = [b"A: 1\r\n\r\n".as_slice(), &[b'x'; 999], b"\r\n", &[b'y'; 998], b"\r\n"].concat();
        check(&long, "body_long_line x1 @8");
        let long = [b"B: 1\r\nA: ".as_slice(), &[b'x'; 996], b"\r\n\r\n"].concat();
        check(&long, "header_long_line x1 @6");
    }

    #[test]
    fn size_and_date_are_found_by_what_is_known_beside_the_octets() {
        let date = InternalDate { unix_seconds: LATE_UNIX_SECONDS, offset_minutes: 0 };
        let around = Circumstances { internal_date: Some(date), octets_max: Some(4) };
        let found = examine(b"A: 1\r\n\r\n", &around);
        assert_eq!(kinds(&found), "date too_large");
        assert_eq!(sentence(&found), "date of arrival beyond 2037; 8 octets, above the limit");
    }
}
