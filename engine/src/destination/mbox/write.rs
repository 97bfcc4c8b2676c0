//! Writes messages as mboxrd, with room for flags before each.
//! Never changes an octet of one: quoting is undone by whoever reads, and so are line ends.

use std::io::{self, Read, Seek as _, Write};
use std::path::Path;

use malote_plan::date;
use malote_plan::message::{Flags, InternalDate};

use tempfile::SpooledTempFile;

use crate::destination::files::{Letter, unwritten};
use crate::failure::Result;
use crate::source::mbox::letter::{Pieces, is_from};

/// Letters of `Status` and `X-Status`, and where each stands among the octets that are set aside.
const STATUS: &str = "Status: ";
const X_STATUS: &str = "X-Status: ";
const X_KEYWORDS: &str = "X-Keywords: ";

/// Octets that are set aside for keywords.
pub(super) const KEYWORDS_OCTETS: usize = 160;

/// Octets of the lines that are the file's own.
pub(super) const FLAGS_OCTETS: usize =
    STATUS.len() + 2 + 1 + X_STATUS.len() + 4 + 1 + X_KEYWORDS.len() + KEYWORDS_OCTETS + 1;

/// The lines that tell flags, always as long; nothing where the keywords have no room.
pub(super) fn flag_lines(flags: &Flags) -> Option<String> {
    let has = |flag: &str| flags.contains(flag);
    let status = if has("\\Seen") { "RO" } else { "O" };
    let letters = [("\\Answered", 'A'), ("\\Flagged", 'F'), ("\\Draft", 'T'), ("\\Deleted", 'D')];
    let letters: String = letters.iter().filter(|(flag, _)| has(flag)).map(|(_, letter)| *letter).collect();
    let keywords = flags.iter().filter(|flag| !flag.is_system()).map(|flag| flag.as_str());
    let keywords = keywords.collect::<Vec<_>>().join(" ");
    let lines = format!(
        "{STATUS}{status:<2}\n{X_STATUS}{letters:<4}\n{X_KEYWORDS}{keywords:<width$}\n",
        width = KEYWORDS_OCTETS
    );
    (lines.len() == FLAGS_OCTETS && keywords.is_ascii()).then_some(lines)
}

/// The lines that stand in front of each message of an mbox of Malote's and tell its flags, always as many octets;
/// keywords that have no room are left out. Whoever finds them takes no line of the message for one of the file's.
#[must_use]
pub fn lines_of_flags(flags: &Flags) -> String {
    let system = || flags.iter().filter(|flag| flag.is_system()).cloned().collect();
    flag_lines(flags).or_else(|| flag_lines(&system())).unwrap_or_default()
}

/// The line before a message: no sender, for none is known for sure, and the time of receiving in UTC.
pub(super) fn separator(unix_seconds: i64) -> String {
    let date = InternalDate { unix_seconds, offset_minutes: 0 };
    let text = date::fmt_internal(date);
    // `01-Jul-2024 10:00:00 +0000` becomes `Mon Jul  1 10:00:00 2024`.
    let mut words = text.trim().split([' ', '-']);
    let mut word = || words.next().unwrap_or_default();
    let (day, month, year, time) = (word(), word(), word(), word());
    let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let weekday = days[usize::try_from(unix_seconds.div_euclid(86_400).rem_euclid(7)).unwrap_or(0)];
    let day = day.trim_start_matches('0');
    format!("{SENDER}{weekday} {month} {day:>2} {time} {year}\n")
}

/// What a separator of Malote's begins with.
const SENDER: &str = "From MAILER-DAEMON ";

/// What octets at a separator are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// A separator and the lines for flags as Malote writes them, so many octets.
    Whole(usize),
    /// The beginning of such.
    Begun,
    /// Something else.
    Other,
}

/// Judges octets that begin where a separator may.
pub(super) fn head(octets: &[u8]) -> Head {
    let is_begun = |octets: &[u8], text: &str| text.as_bytes().starts_with(octets);
    if octets.len() < SENDER.len() {
        return if is_begun(octets, SENDER) { Head::Begun } else { Head::Other };
    }
    if !octets.starts_with(SENDER.as_bytes()) {
        return Head::Other;
    }
    let Some(end) = memchr::memchr(b'\n', octets) else {
        return if octets.len() < SEPARATOR_OCTETS_MAX { Head::Begun } else { Head::Other };
    };
    match own_lines(&octets[end + 1..]) {
        Some(true) => Head::Whole(end + 1 + FLAGS_OCTETS),
        Some(false) => Head::Begun,
        None => Head::Other,
    }
}

/// Octets of a separator at most.
const SEPARATOR_OCTETS_MAX: usize = 64;

/// Whether octets begin with the lines for flags: all of them (true), or as many as there are octets (false).
pub(super) fn own_lines(octets: &[u8]) -> Option<bool> {
    let mut rest = octets;
    for (name, room) in [(STATUS, 2), (X_STATUS, 4), (X_KEYWORDS, KEYWORDS_OCTETS)] {
        let length = name.len() + room + 1;
        let line = &rest[..rest.len().min(length)];
        let is_named = line.iter().zip(name.as_bytes()).all(|(one, other)| one == other);
        let feed = memchr::memchr(b'\n', line);
        if !is_named || feed.is_some_and(|at| at + 1 != length) || (line.len() == length && feed.is_none()) {
            return None;
        }
        if line.len() < length {
            return Some(false);
        }
        rest = &rest[length..];
    }
    Some(true)
}

/// Octets of a message that are held in memory while it comes; longer ones go into a passing file.
const SPOOLED_OCTETS_IN_MEMORY_MAX: usize = 256 * 1024;

/// A message that has come whole, beside the file that it will go into.
pub(super) struct Spooled {
    file: SpooledTempFile,
    pub octets: u64,
    pub hash: [u8; 32],
    /// True where its line ends could not be made again from line feeds alone.
    pub keeps_ends: bool,
    ends_line: bool,
}

/// Passes octets on and looks at them.
struct Looking {
    into: SpooledTempFile,
    hasher: blake3::Hasher,
    last: [u8; 2],
    keeps_ends: bool,
}

impl Write for Looking {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        for octet in octets {
            let [before, last] = self.last;
            // A line feed alone, or one behind two returns, would come back as something else.
            self.keeps_ends |= *octet == b'\n' && (last != b'\r' || before == b'\r');
            self.last = [last, *octet];
        }
        self.hasher.update(octets);
        self.into.write_all(octets)?;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.into.flush()
    }
}

/// Takes a message in, beside the mbox in `folder`; only one that came whole is written into the mbox.
pub(super) fn spool(letter: &mut Letter, folder: &Path) -> Result<Spooled> {
    let what = format!("writing a message into a passing file in {}", folder.display());
    let fail = |cause| unwritten(&what, cause);
    let into = SpooledTempFile::new_in(SPOOLED_OCTETS_IN_MEMORY_MAX, folder);
    let mut looking = Looking { into, hasher: blake3::Hasher::new(), last: [0; 2], keeps_ends: false };
    let octets = letter.write_to(&mut looking)?;
    let (hash, keeps_ends) = (*looking.hasher.finalize().as_bytes(), looking.keeps_ends);
    let ends_line = looking.last[1] == b'\n';
    let mut file = looking.into;
    file.rewind().map_err(fail)?;
    Ok(Spooled { file, octets, hash, keeps_ends, ends_line })
}

/// Writes a message, every line quoted that may be taken for a separator, in the header too; returns its octets in
/// the file, without the lines that end it there.
pub(super) fn write(spooled: Spooled, into: &mut dyn Write) -> io::Result<u64> {
    let (keeps_ends, ends_line) = (spooled.keeps_ends, spooled.ends_line);
    let mut pieces = Pieces::new(Box::new(spooled.file) as Box<dyn Read>);
    let mut stored = 0;
    while let Some((piece, is_start)) = pieces.take_next()? {
        if is_start && is_from(piece) {
            into.write_all(b">")?;
            stored += 1;
        }
        let line = piece.strip_suffix(b"\r\n").filter(|_| !keeps_ends);
        into.write_all(line.unwrap_or(piece))?;
        stored += line.unwrap_or(piece).len() as u64;
        if line.is_some() {
            into.write_all(b"\n")?;
            stored += 1;
        }
    }
    into.write_all(if ends_line { b"\n" } else { b"\n\n" })?;
    Ok(stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_always_as_long() {
        for (flags, is_kept) in [
            ("", true),
            ("\\Seen \\Answered \\Flagged \\Draft \\Deleted $Forwarded one", true),
            (&format!("{} {}", "a".repeat(KEYWORDS_OCTETS), "b"), false),
        ] {
            let lines = flag_lines(&Flags::parse(flags));
            assert_eq!(lines.is_some(), is_kept, "{flags}");
            assert!(lines.is_none_or(|lines| lines.len() == FLAGS_OCTETS));
        }
    }

    #[test]
    fn what_malote_writes_before_a_message_is_known_again_wherever_it_is_cut() {
        for flags in ["", "\\Seen \\Flagged $Forwarded"] {
            let text = format!("{}{}", separator(1_719_828_000), flag_lines(&Flags::parse(flags)).unwrap());
            for cut in 0..text.len() {
                assert_eq!(head(&text.as_bytes()[..cut]), Head::Begun, "{cut}");
            }
            assert_eq!(head(format!("{text}A: b\n").as_bytes()), Head::Whole(text.len()));
        }
        for other in
            ["From a@x Mon Jul  1", "From MAILER-DAEMON Mon Jul  1 10:00:00 2024\nStatus: RO\nA: b\n"]
        {
            assert_eq!(head(other.as_bytes()), Head::Other, "{other}");
        }
    }

    #[test]
    fn a_separator_tells_the_time() {
        assert_eq!(separator(1_719_828_000), "From MAILER-DAEMON Mon Jul  1 10:00:00 2024\n");
        assert_eq!(separator(0), "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n");
    }
}
