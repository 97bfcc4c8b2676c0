//! The least changes that have a refused message accepted: each by name, each from octets to octets.
//! Never touches what is signed or encrypted, never guesses beyond what was found, and never drops a word of text.

mod encode;
mod quoted;
mod seal;

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::date;
use crate::examine::{Circumstances, Finding, Kind, LATE_UNIX_SECONDS, LINE_OCTETS_MAX, Layout, lines};
use crate::message::InternalDate;

/// Remedies that are tried on one message at most: each costs a refusal, and servers close after some.
pub const REMEDIES_MAX: usize = 10;

/// 2037-12-31T23:59:59Z: what a later date of arrival becomes where the message itself tells no better one.
const LAST_UNIX_SECONDS: i64 = LATE_UNIX_SECONDS - 1;

/// One named change. The order is the fixed order in which they are tried and made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Repair {
    /// The mbox line in front of the header is left out; nothing of the message itself changes.
    MboxLine,
    /// NUL octets are left out. IMAP cannot carry them (RFC 9051 §9, CHAR8), so no reader has ever seen them.
    Nul,
    /// A carriage return is put before each line feed that has none.
    LineEnds,
    /// A line feed is put after each carriage return that has none; of several before one line feed the last
    /// stays, for otherwise each line would get an empty one behind it.
    Returns,
    /// The last line gets an end.
    FinalLineEnd,
    /// An empty line is put between header and text, or behind a header without a text; without any header it
    /// comes first.
    BlankLine,
    /// Words with octets above 127 become encoded words (RFC 2047): in free text and in display names alone.
    HeaderEightBit,
    /// Header lines of more than 998 octets are folded before a blank of theirs (RFC 5322 §2.2.3).
    LongLine,
    /// A message that is one text, with lines of more than 998 octets, is written as quoted-printable (RFC 2045
    /// §6.7); decoded, its text is the same octet by octet.
    QuotedPrintable,
    /// The date of arrival becomes the one that the header tells, else the last second of 2037.
    Date,
}

impl Repair {
    /// Every repair, in the order in which they are tried.
    pub const ALL: [Self; 10] = [
        Self::MboxLine,
        Self::Nul,
        Self::LineEnds,
        Self::Returns,
        Self::FinalLineEnd,
        Self::BlankLine,
        Self::HeaderEightBit,
        Self::LongLine,
        Self::QuotedPrintable,
        Self::Date,
    ];

    /// The repair's name in reports and in the ledger; a name never changes its meaning.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MboxLine => "mbox_line",
            Self::Nul => "nul",
            Self::LineEnds => "line_ends",
            Self::Returns => "returns",
            Self::FinalLineEnd => "final_line_end",
            Self::BlankLine => "blank_line",
            Self::HeaderEightBit => "header_8bit",
            Self::LongLine => "long_line",
            Self::QuotedPrintable => "quoted_printable",
            Self::Date => "date",
        }
    }

    /// True where a finding gives reason for it.
    const fn answers(self, kind: Kind) -> bool {
        matches!(
            (self, kind),
            (Self::MboxLine, Kind::MboxLine)
                | (Self::Nul, Kind::Nul)
                | (Self::LineEnds, Kind::BareLineFeed)
                | (Self::Returns, Kind::BareReturn)
                | (Self::FinalLineEnd, Kind::NoFinalLineEnd)
                | (Self::BlankLine, Kind::NoBlankLine | Kind::NoHeader)
                | (Self::HeaderEightBit, Kind::HeaderEightBit)
                | (Self::LongLine, Kind::HeaderLongLine)
                | (Self::QuotedPrintable, Kind::BodyLongLine)
                | (Self::Date, Kind::Date)
        )
    }

    /// The changed octets; nothing where it has nothing to change or must not.
    fn make(self, octets: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::MboxLine => without_mbox_line(octets),
            Self::Nul => without_nul(octets),
            Self::LineEnds => with_line_ends(octets),
            Self::Returns => with_returns_ended(octets),
            Self::FinalLineEnd => with_final_line_end(octets),
            Self::BlankLine => with_blank_line(octets),
            Self::HeaderEightBit => encode::header(octets),
            Self::LongLine => with_header_folded(octets),
            Self::QuotedPrintable => quoted::text(octets),
            Self::Date => None,
        }
    }
}

/// Repairs that are made together, in their order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Remedy(Vec<Repair>);

impl Remedy {
    /// What [`Remedy::names`] gave; nothing where a name is unknown.
    #[must_use]
    pub fn parse(names: &str) -> Option<Self> {
        let find = |name: &str| Repair::ALL.into_iter().find(|repair| repair.as_str() == name);
        let repairs: Option<Vec<Repair>> = names.split_ascii_whitespace().map(find).collect();
        repairs.filter(|repairs| !repairs.is_empty()).map(Self)
    }

    /// The repairs' names, parted by blanks.
    #[must_use]
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|repair| repair.as_str()).collect();
        names.join(" ")
    }

    /// The octets as this remedy leaves them: the same octets always give the same. Nothing where one of its
    /// repairs has nothing to do or must not be made.
    #[must_use]
    pub fn apply<'a>(&self, octets: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let mut repaired = Cow::Borrowed(octets);
        for repair in self.0.iter().filter(|repair| **repair != Repair::Date) {
            repaired = Cow::Owned(repair.make(&repaired)?);
        }
        let is_allowed = self.0.iter().all(|repair| matches!(repair, Repair::MboxLine | Repair::Date))
            || seal::permits(octets, &repaired);
        is_allowed.then_some(repaired)
    }

    /// The date of arrival as this remedy leaves it.
    #[must_use]
    pub fn date(&self, octets: &[u8], internal_date: Option<InternalDate>) -> Option<InternalDate> {
        if !self.0.contains(&Repair::Date) {
            return internal_date;
        }
        let told = date::date_of(None, octets, None).0.filter(|date| date.unix_seconds < LATE_UNIX_SECONDS);
        told.or(Some(InternalDate { unix_seconds: LAST_UNIX_SECONDS, offset_minutes: 0 }))
    }
}

/// The remedies that what was found gives reason for: single repairs first, in their order, then two together and
/// so on; at most [`REMEDIES_MAX`], the last of them all together.
#[must_use]
pub fn remedies(octets: &[u8], findings: &[Finding]) -> Vec<Remedy> {
    let is_reasoned = |repair: &Repair| findings.iter().any(|finding| repair.answers(finding.kind));
    let is_possible = |repair: &Repair| Remedy(Vec::from([*repair])).apply(octets).is_some();
    let usable: Vec<Repair> =
        Repair::ALL.into_iter().filter(|it| is_reasoned(it) && is_possible(it)).collect();
    let mut found: Vec<Remedy> = (1_u32..1 << usable.len())
        .map(|mask| {
            let chosen = usable.iter().enumerate().filter(|(at, _)| mask & (1 << at) != 0);
            Remedy(chosen.map(|(_, repair)| *repair).collect())
        })
        .collect();
    found.sort_by(|one, other| (one.0.len(), &one.0).cmp(&(other.0.len(), &other.0)));
    if found.len() > REMEDIES_MAX {
        let all = found.pop();
        found.truncate(REMEDIES_MAX - 1);
        found.extend(all);
    }
    found
}

/// The remedies for a message of which nothing but its octets is known.
#[must_use]
pub fn remedies_of(octets: &[u8]) -> Vec<Remedy> {
    remedies(octets, &crate::examine::examine(octets, &Circumstances::default()))
}

fn without_mbox_line(octets: &[u8]) -> Option<Vec<u8>> {
    let from = Layout::of(octets).header_from;
    (from > 0).then(|| octets[from..].to_vec())
}

fn without_nul(octets: &[u8]) -> Option<Vec<u8>> {
    if !octets.contains(&0) || has_binary_part(octets) {
        return None;
    }
    Some(octets.iter().copied().filter(|octet| *octet != 0).collect())
}

fn with_line_ends(octets: &[u8]) -> Option<Vec<u8>> {
    if has_binary_part(octets) {
        return None;
    }
    let mut ended = Vec::with_capacity(octets.len() + octets.len() / 40);
    for (at, octet) in octets.iter().enumerate() {
        if *octet == b'\n' && (at == 0 || octets[at - 1] != b'\r') {
            ended.push(b'\r');
        }
        ended.push(*octet);
    }
    (ended.len() > octets.len()).then_some(ended)
}

fn with_returns_ended(octets: &[u8]) -> Option<Vec<u8>> {
    if has_binary_part(octets) {
        return None;
    }
    let mut ended = Vec::with_capacity(octets.len());
    let mut is_changed = false;
    for (at, octet) in octets.iter().enumerate() {
        if *octet != b'\r' || octets.get(at + 1) == Some(&b'\n') {
            ended.push(*octet);
            continue;
        }
        is_changed = true;
        let rest = &octets[at..];
        let returns = rest.iter().take_while(|octet| **octet == b'\r').count();
        if rest.get(returns) != Some(&b'\n') {
            ended.extend_from_slice(b"\r\n");
        }
    }
    is_changed.then_some(ended)
}

fn with_final_line_end(octets: &[u8]) -> Option<Vec<u8>> {
    let end: &[u8] = match octets.last() {
        None | Some(b'\n') => return None,
        Some(b'\r') => b"\n",
        Some(_) => b"\r\n",
    };
    Some([octets, end].concat())
}

fn with_blank_line(octets: &[u8]) -> Option<Vec<u8>> {
    let layout = Layout::of(octets);
    if layout.has_blank_line {
        return None;
    }
    let (header, text) = octets.split_at(layout.header_to);
    let end: &[u8] = if header.is_empty() || header.ends_with(b"\n") { b"\r\n" } else { b"\r\n\r\n" };
    Some([header, end, text].concat())
}

/// Folds before the last blank that keeps a line within the limit; nothing where a line has no such blank.
fn with_header_folded(octets: &[u8]) -> Option<Vec<u8>> {
    let layout = Layout::of(octets);
    let mut folded = octets[..layout.header_from].to_vec();
    for (begin, length) in lines(octets, layout.header_from, layout.header_to) {
        let mut rest = &octets[begin..begin + length];
        while rest.len() > LINE_OCTETS_MAX {
            let is_blank = |at: &usize| matches!(rest[*at], b' ' | b'\t');
            // A line of blanks alone would read as the end of the header.
            let is_worded = |at: &usize| !rest[..*at].trim_ascii().is_empty();
            let at = (1..=LINE_OCTETS_MAX).rev().filter(is_worded).find(is_blank)?;
            folded.extend_from_slice(&rest[..at]);
            folded.extend_from_slice(b"\r\n");
            rest = &rest[at..];
        }
        let next = memchr::memchr(b'\n', &octets[begin..layout.header_to]);
        let end = next.map_or(layout.header_to, |at| begin + at + 1);
        folded.extend_from_slice(rest);
        folded.extend_from_slice(&octets[begin + length..end]);
    }
    folded.extend_from_slice(&octets[layout.header_to..]);
    (folded.len() > octets.len()).then_some(folded)
}

/// True where a part says that its octets are no text (RFC 2045 §6.2), so that NULs and line feeds are content.
fn has_binary_part(octets: &[u8]) -> bool {
    let name = b"content-transfer-encoding:";
    let is_name = |at: &usize| {
        let line = &octets[*at..];
        line.len() > name.len() && line[..name.len()].eq_ignore_ascii_case(name)
    };
    let begins = core::iter::once(0).chain(memchr::memchr_iter(b'\n', octets).map(|at| at + 1));
    begins.filter(is_name).any(|at| {
        let value = octets[at + name.len()..].trim_ascii_start();
        value.len() >= 6 && value[..6].eq_ignore_ascii_case(b"binary")
    })
}

#[cfg(test)]
mod tests;
