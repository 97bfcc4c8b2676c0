//! The line that begins each message of an mbox file, and the date in it.
//! Never says alone that a message begins: a line of text may look the same, so that what stands around it decides.

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
    /// An address alone, or a date with words of a language that is not known.
    Undated,
    /// A line of text, as far as it tells.
    Text,
}

/// How such a line is made: a program keeps to one form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Nothing behind `From `, or `-`.
    Bare,
    /// One word and a date of asctime(3).
    Asctime,
    /// One word and another date (RFC 5322 §3.3, ISO 8601), or one with words of a language that is not known.
    OtherDate,
    /// Several words and a date at the line's end.
    Sentence,
    /// An address.
    Address,
    /// One word.
    Word,
    /// Anything else.
    Text,
}

/// Octets of a separator that are looked at.
const LINE_OCTETS_MAX: usize = 512;

/// Judges a line that begins with `From `, with or without its end.
#[must_use]
pub fn judge(line: &[u8]) -> FromLine {
    parse(line).0
}

/// Judges a line that begins with `From `, and tells its form.
#[must_use]
pub fn parse(line: &[u8]) -> (FromLine, Form) {
    let Some(rest) = line.strip_prefix(b"From ") else { return (FromLine::Text, Form::Text) };
    let rest = String::from_utf8_lossy(&rest[..rest.len().min(LINE_OCTETS_MAX)]);
    let mut words: Vec<&str> = rest.split_ascii_whitespace().collect();
    // UUCP's trace stands behind the date.
    if let [.., "remote", "from", _] = words.as_slice() {
        words.truncate(words.len() - 3);
    }
    match words.as_slice() {
        [] | ["-"] => return (FromLine::Bare, Form::Bare),
        [word]
            if word.contains('@') && word.ends_with(|last: char| last.is_alphanumeric() || last == '>') =>
        {
            return (FromLine::Undated, Form::Address);
        }
        [_] => return (FromLine::Text, Form::Word),
        _ => {}
    }
    let is_of_storing = words.first() == Some(&"-");
    let Some(found) = asctime(&words).or_else(|| rfc5322(&words)).or_else(|| iso8601(&words)) else {
        return (FromLine::Text, Form::Text);
    };
    let form = if found.words_before > 1 { Form::Sentence } else { found.form };
    let line = found.date.map_or(FromLine::Undated, |date| FromLine::Dated {
        date,
        has_zone: found.has_zone,
        is_of_storing,
    });
    (line, form)
}

/// A date at the end of a line.
struct Found {
    form: Form,
    /// Nothing where its month is of a language that is not known.
    date: Option<InternalDate>,
    has_zone: bool,
    words_before: usize,
}

/// The date of asctime(3), with a zone before or behind the year as some write it: `Mon Jul  1 10:00:00 +0000 2024`.
fn asctime(words: &[&str]) -> Option<Found> {
    let at = words.iter().rposition(|word| is_time(word))?;
    let (day, month) = (words.get(at.checked_sub(1)?)?, words.get(at.checked_sub(2)?)?);
    let behind = &words[at + 1..];
    let year = behind.iter().find(|word| is_year(word))?;
    let is_of_date = |word: &&str| std::ptr::eq(*word, *year) || is_zone(word) || is_name_of_zone(word);
    if behind.len() > 3 || !behind.iter().all(is_of_date) {
        return None;
    }
    let zone = behind.iter().find(|word| is_zone(word));
    let text = format!("{day} {month} {year} {} {}", words[at], zone.copied().unwrap_or("+0000"));
    let date = date::parse_header(text.as_bytes());
    let weekday = at.checked_sub(3).and_then(|at| words.get(at)).filter(|word| is_letters(word));
    // A month that is not known is one only where all else is right.
    let is_date = day.parse::<u8>().is_ok_and(|day| (1..=31).contains(&day)) && is_letters(month);
    if date.is_none() && !(is_date && weekday.is_some()) {
        return None;
    }
    let words_before = at - 2 - usize::from(weekday.is_some_and(|word| word.chars().count() <= 4));
    let form = if date.is_some() { Form::Asctime } else { Form::OtherDate };
    Some(Found { form, date, has_zone: zone.is_some(), words_before })
}

/// `Mon, 1 Jul 2024 10:00:00 +0000`, with or without its weekday, its seconds and its zone.
fn rfc5322(words: &[&str]) -> Option<Found> {
    let at = words.iter().rposition(|word| is_time(word))?;
    let begin = at.checked_sub(3).filter(|begin| *begin > 0)?;
    let behind = &words[at + 1..];
    if !is_year(words[at - 1]) || behind.len() > 2 || !behind.iter().all(|word| is_zone_or_comment(word)) {
        return None;
    }
    let zone = behind.iter().find(|word| is_zone(word));
    let text = format!("{} {}", words[begin..=at].join(" "), zone.copied().unwrap_or("+0000"));
    let date = Some(date::parse_header(text.as_bytes())?);
    let has_weekday = words[begin - 1].ends_with(',');
    let words_before = begin - usize::from(has_weekday);
    Some(Found { form: Form::OtherDate, date, has_zone: zone.is_some(), words_before })
}

/// `2024-07-01 10:00:00`, or with `T` between, with or without fractions and a zone.
fn iso8601(words: &[&str]) -> Option<Found> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let at = words.iter().rposition(|word| word.get(..10).is_some_and(is_iso_day))?;
    let rest = [&words[at][10..], &words[at + 1..].join("")].concat();
    let rest = rest.trim_start_matches('T');
    let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != ':').unwrap_or(rest.len());
    let (time, behind) = rest.split_at(end);
    let zone = behind.trim_start_matches(|letter: char| ".,".contains(letter) || letter.is_ascii_digit());
    let zone = if zone == "Z" { "+0000".to_owned() } else { zone.replace(':', "") };
    if !is_time(time) || !(zone.is_empty() || is_zone(&zone)) {
        return None;
    }
    let (year, month, day) = (&words[at][..4], words[at][5..7].parse::<usize>().ok()?, &words[at][8..10]);
    let month = MONTHS.get(month.checked_sub(1)?)?;
    let text = format!("{day} {month} {year} {time} {}", if zone.is_empty() { "+0000" } else { &zone });
    let date = Some(date::parse_header(text.as_bytes())?);
    Some(Found { form: Form::OtherDate, date, has_zone: !zone.is_empty(), words_before: at })
}

fn is_iso_day(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, octet)| match at {
        4 | 7 => octet == b'-',
        _ => octet.is_ascii_digit(),
    })
}

fn is_letters(word: &str) -> bool {
    word.chars().all(|letter| letter.is_alphabetic() || letter == '.') && word.chars().count() <= 9
}

/// The name of a zone that is not known: `BRT`, `CEST`.
fn is_name_of_zone(word: &str) -> bool {
    (2..=5).contains(&word.len()) && word.bytes().all(|octet| octet.is_ascii_uppercase())
}

fn is_zone_or_comment(word: &str) -> bool {
    is_zone(word) || is_name_of_zone(word.trim_matches(['(', ')']))
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
        FromLine::Bare | FromLine::Undated | FromLine::Text => by_header(),
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
            ("From a@x Mon, 1 Jul 2024 10:00:00 +0000", dated(1_719_828_000, 0, true, false)),
            ("From a@x 2024-07-01T10:00:00.5+00:00", dated(1_719_828_000, 0, true, false)),
            ("From a@x 2024-07-01 10:00:00", dated(1_719_828_000, 0, false, false)),
            ("From a@x Mon Jul  1 10:00:00 2024 remote from x", dated(1_719_828_000, 0, false, false)),
            ("From a@x Mo Okt  7 10:00:00 2024", FromLine::Undated),
            ("From a@x", FromLine::Undated),
            ("From Lisbon we leave on Monday Jul 1 10:00 2024 sharp, and", FromLine::Text),
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
