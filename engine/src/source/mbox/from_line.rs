//! The line that begins each message of an mbox file, and the date in it.
//! Never takes a line of text for one because it begins with `From`: a date has to be in it.

use malote_plan::date;
use malote_plan::message::InternalDate;

/// What a line that begins with `From ` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FromLine {
    /// A separator with this date; where it names no zone, in the unknown zone of whoever wrote it.
    Dated {
        /// The date, read as UTC where it names no zone.
        date: InternalDate,
        /// True where it names its zone.
        has_zone: bool,
        /// True for `From - `, which Thunderbird writes with the time of storing.
        is_of_storing: bool,
    },
    /// `From ` and nothing else, as Thunderbird writes since 2023: a separator only where a header follows.
    Bare,
    /// A line of text.
    Text,
}

/// Octets of a separator that are looked at.
const LINE_OCTETS_MAX: usize = 512;

/// Judges a line that begins with `From `, with or without its end.
#[must_use]
pub fn judge(line: &[u8]) -> FromLine {
    let Some(rest) = line.strip_prefix(b"From ") else { return FromLine::Text };
    let rest = String::from_utf8_lossy(&rest[..rest.len().min(LINE_OCTETS_MAX)]);
    let words: Vec<&str> = rest.split_ascii_whitespace().collect();
    match words.as_slice() {
        [] | ["-"] => FromLine::Bare,
        words => match date_in(words) {
            Some((date, has_zone)) => {
                FromLine::Dated { date, has_zone, is_of_storing: words.first() == Some(&"-") }
            }
            None => FromLine::Text,
        },
    }
}

/// The date of asctime(3), with a zone before or behind the year as some write it: `Mon Jul  1 10:00:00 +0000 2024`.
fn date_in(words: &[&str]) -> Option<(InternalDate, bool)> {
    let at = words.iter().rposition(|word| is_time(word))?;
    let (day, month) = (words.get(at.checked_sub(1)?)?, words.get(at.checked_sub(2)?)?);
    let behind = &words[at + 1..];
    let year = behind.iter().take(3).find(|word| is_year(word))?;
    let zone = behind.iter().take(3).find(|word| is_zone(word));
    let text = format!("{day} {month} {year} {} {}", words[at], zone.copied().unwrap_or("+0000"));
    Some((date::parse_header(text.as_bytes())?, zone.is_some()))
}

fn is_time(word: &str) -> bool {
    let parts: Vec<&str> = word.split(':').collect();
    let is_number =
        |part: &&str| (1..=2).contains(&part.len()) && part.bytes().all(|octet| octet.is_ascii_digit());
    (2..=3).contains(&parts.len()) && parts.iter().all(is_number)
}

fn is_year(word: &str) -> bool {
    word.len() == 4 && word.bytes().all(|octet| octet.is_ascii_digit())
}

fn is_zone(word: &str) -> bool {
    let digits = word.strip_prefix(['+', '-']);
    digits.is_some_and(is_year)
        || matches!(word, "UTC" | "GMT" | "EST" | "EDT" | "CST" | "CDT" | "MST" | "MDT" | "PST" | "PDT")
}

/// How far the writing of an mbox may lie from the receiving, in seconds, and still be the same moment in another
/// zone.
const ZONES_SECONDS_MAX: i64 = 14 * 3600 + 60;

/// When a message was received, by its separator and its header. A Received field that tells the same moment with
/// its zone is better than a separator without; the time of storing is no time of receiving.
#[must_use]
pub fn received(line: FromLine, header: &[u8]) -> Option<InternalDate> {
    let by_header = || date::date_of(None, header, None).0;
    let topmost = || {
        let header = malote_plan::header::values(header, "Received").next()?;
        let field = [&b"Received:"[..], header, b"\r\n\r\n"].concat();
        date::date_of(None, &field, None).0
    };
    match line {
        FromLine::Dated { date, has_zone: true, .. } => Some(date),
        FromLine::Dated { date, is_of_storing: false, .. } => {
            let is_near =
                |other: &InternalDate| (other.unix_seconds - date.unix_seconds).abs() <= ZONES_SECONDS_MAX;
            topmost().filter(is_near).or(Some(date))
        }
        FromLine::Dated { date, .. } => by_header().or(Some(date)),
        FromLine::Bare | FromLine::Text => by_header(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dated(unix_seconds: i64, offset_minutes: i16, has_zone: bool, is_of_storing: bool) -> FromLine {
        FromLine::Dated { date: InternalDate { unix_seconds, offset_minutes }, has_zone, is_of_storing }
    }

    #[test]
    fn separators_are_told_from_text() {
        for (line, expected) in [
            ("From ana@x.org Mon Jul  1 10:00:00 2024\n", dated(1_719_828_000, 0, false, false)),
            ("From - Mon Jul 01 10:00:00 2024\r\n", dated(1_719_828_000, 0, false, true)),
            ("From 1804@xxx Mon Jul 01 10:00:00 +0000 2024", dated(1_719_828_000, 0, true, false)),
            ("From a b c Mon Jul 1 10:00 2024 -0300", dated(1_719_838_800, -180, true, false)),
            ("From ", FromLine::Bare),
            ("From -\r\n", FromLine::Bare),
            ("From here on 10:00 it rains", FromLine::Text),
            ("From Monday to Friday", FromLine::Text),
            ("From a Mon Jul 99 10:00:00 2024", FromLine::Text),
            (">From a Mon Jul  1 10:00:00 2024", FromLine::Text),
            ("From\n", FromLine::Text),
        ] {
            assert_eq!(judge(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn the_moment_of_receiving_is_the_surest_that_is_told() {
        let header = b"Received: by x; Mon, 1 Jul 2024 07:00:05 -0300\r\nDate: Sun, 30 Jun 2024 00:00:00 +0000\r\n\r\n";
        for (line, expected) in [
            ("From a@x Mon Jul  1 10:00:00 2024", (1_719_828_005, -180)),
            ("From a@x Mon Jul  8 10:00:00 2024", (1_720_432_800, 0)),
            ("From a@x Mon Jul 01 10:00:00 +0000 2024", (1_719_828_000, 0)),
            ("From - Mon Jul  8 10:00:00 2024", (1_719_828_005, -180)),
            ("From ", (1_719_828_005, -180)),
        ] {
            let date = received(judge(line.as_bytes()), header).unwrap();
            assert_eq!((date.unix_seconds, date.offset_minutes), expected, "{line}");
        }
    }
}
