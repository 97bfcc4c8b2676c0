//! Dates of messages: read in every form that servers and mailers write, and written as IMAP wants them.
//! Never takes the time of now: what cannot be known is left to the destination, and said so.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::header;
use crate::message::InternalDate;

/// The earliest date that is believed: a broken clock's zero, read in any zone, lies before it.
pub const SANE_UNIX_SECONDS_MIN: i64 = 86_400;

/// The first moment that is not believed: 2100-01-01T00:00:00Z.
pub const SANE_UNIX_SECONDS_END: i64 = 4_102_444_800;

/// The largest 32-bit time, which some servers give for "none".
const LARGEST_32_BIT_UNIX_SECONDS: i64 = 0x7fff_ffff;

/// Octets of one date that are looked at.
const DATE_OCTETS_MAX: usize = 256;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Where a message's date was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DateOrigin {
    /// INTERNALDATE, as it should be.
    Internal,
    /// INTERNALDATE with something missing or impossible in it: its zone, or half of its year.
    InternalMended,
    /// The topmost Received field that has a date.
    Received,
    /// The Date field.
    Date,
    /// The message before it in the folder.
    Neighbour,
    /// Nowhere: the destination will give it the time of its arrival.
    Arrival,
    /// The last that the destination can hold: its own is later.
    Latest,
}

impl DateOrigin {
    /// The origin's name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internaldate",
            Self::InternalMended => "internaldate_mended",
            Self::Received => "received",
            Self::Date => "date",
            Self::Neighbour => "neighbour",
            Self::Arrival => "arrival",
            Self::Latest => "latest",
        }
    }
}

/// The best date that a message has, and where it was found. `header` may be the whole message; `neighbour` is the
/// date of the message before it.
#[must_use]
pub fn date_of(
    internal: Option<&str>,
    header: &[u8],
    neighbour: Option<InternalDate>,
) -> (Option<InternalDate>, DateOrigin) {
    if let Some(read) = internal.and_then(read).filter(|read| is_sane(read.date)) {
        let origin = if read.is_whole { DateOrigin::Internal } else { DateOrigin::InternalMended };
        return (Some(read.date), origin);
    }
    let received = || header::values(header, "Received").find_map(parse_received);
    let dated = || header::values(header, "Date").find_map(parse_header);
    let found = received()
        .map(|date| (date, DateOrigin::Received))
        .or_else(|| dated().map(|date| (date, DateOrigin::Date)))
        .or_else(|| neighbour.map(|date| (date, DateOrigin::Neighbour)));
    match found {
        Some((date, origin)) => (Some(date), origin),
        None => (None, DateOrigin::Arrival),
    }
}

/// Reads an INTERNALDATE, without regard to how it is spelt; nothing where it is no date or not a sane one.
#[must_use]
pub fn parse_internal(text: &str) -> Option<InternalDate> {
    read(text).map(|read| read.date).filter(|date| is_sane(*date))
}

/// Reads the value of a Date field (RFC 5322 §3.3, §4.3); nothing where it is no date or not a sane one.
#[must_use]
pub fn parse_header(value: &[u8]) -> Option<InternalDate> {
    let value = &value[..value.len().min(DATE_OCTETS_MAX)];
    parse_internal(&String::from_utf8_lossy(value))
}

/// Reads the date of a Received field's value: what follows its last semicolon.
fn parse_received(value: &[u8]) -> Option<InternalDate> {
    let semicolon = value.iter().rposition(|octet| *octet == b';')?;
    parse_header(&value[semicolon + 1..])
}

/// True for a date that a message may have: from 1970-01-02 to the end of 2099, and not the largest 32-bit time.
fn is_sane(date: InternalDate) -> bool {
    let seconds = date.unix_seconds;
    (SANE_UNIX_SECONDS_MIN..SANE_UNIX_SECONDS_END).contains(&seconds)
        && seconds != LARGEST_32_BIT_UNIX_SECONDS
}

/// Writes `dd-Mon-yyyy hh:mm:ss +zzzz` (RFC 9051 §9, date-time, without the quotes). Years beyond 1 to 9999 become
/// the nearest that four digits can hold.
#[must_use]
pub fn fmt_internal(date: InternalDate) -> String {
    let (first, last) = (seconds_of_day(days_of(1, 1, 1)), seconds_of_day(days_of(10_000, 1, 1)) - 1);
    let offset_minutes = i64::from(date.offset_minutes).clamp(-1439, 1439);
    let local = date.unix_seconds.saturating_add(offset_minutes * 60).clamp(first, last);
    let (year, month, day) = civil_of(local.div_euclid(86_400));
    let second = local.rem_euclid(86_400);
    let month = usize::try_from(month - 1).ok().and_then(|index| MONTHS.get(index)).unwrap_or(&MONTHS[0]);
    let sign = if offset_minutes < 0 { '-' } else { '+' };
    format!(
        "{day:02}-{month}-{year:04} {:02}:{:02}:{:02} {sign}{:02}{:02}",
        second / 3600,
        second / 60 % 60,
        second % 60,
        offset_minutes.abs() / 60,
        offset_minutes.abs() % 60,
    )
}

/// A date as read, and whether nothing had to be made up for it.
struct Read {
    date: InternalDate,
    is_whole: bool,
}

/// Reads `1-Jan-2020 10:00:00 +0100`, `Wed, 1 Jan 2020 10:00 EST (comment)`, `Wed Jan 1 10:00:00 2020` and what lies
/// between them.
fn read(text: &str) -> Option<Read> {
    let text = without_comments(text);
    let words: Vec<&str> = text
        .split(|character: char| character.is_whitespace() || matches!(character, ',' | '"' | '\0'))
        .filter(|word| !word.is_empty())
        .collect();
    // What stands before is a weekday, in whatever language.
    let start =
        words.iter().position(|word| word.starts_with(|c: char| c.is_ascii_digit()) || is_month(word))?;
    let words = &words[start..];
    let dashed: Vec<&str> = words[0].split('-').collect();
    let (day, month, year, rest) = match (dashed.as_slice(), words) {
        ([day, month, year], [_, rest @ ..]) => (*day, *month, *year, rest),
        (_, [month, day, time, year, ..]) if is_month(month) && time.contains(':') => {
            (*day, *month, *year, &words[2..3])
        }
        (_, [day, month, year, rest @ ..]) => (*day, *month, *year, rest),
        _ => return None,
    };
    let has_whole_year = year.len() == 4;
    let (day, month, year) = (number(day, 2)?, month_of(month)?, year_of(year)?);
    if day == 0 || day > days_in(year, month) {
        return None;
    }
    let time = rest.first().map_or(Some(0), |time| second_of_day(time))?;
    let zone = rest.get(1).and_then(|zone| zone_of(zone));
    let offset_minutes = zone.unwrap_or(0);
    let unix_seconds = seconds_of_day(days_of(year, month, day)) + time - i64::from(offset_minutes) * 60;
    let date = InternalDate { unix_seconds, offset_minutes };
    Some(Read { date, is_whole: zone.is_some() && has_whole_year })
}

/// Comments in brackets, which may be nested, are passed over.
fn without_comments(text: &str) -> String {
    let mut depth = 0_usize;
    let mut plain = String::new();
    for character in text.chars().take(DATE_OCTETS_MAX) {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(character),
            _ => {}
        }
    }
    plain
}

fn number(text: &str, digits_max: usize) -> Option<i64> {
    let is_number = text.len() <= digits_max && text.bytes().all(|octet| octet.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

fn is_month(word: &str) -> bool {
    month_of(word).is_some()
}

/// 1 to 12, by the first three letters.
fn month_of(word: &str) -> Option<i64> {
    let start = word.get(..3)?;
    let index = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(start))?;
    i64::try_from(index + 1).ok()
}

/// Two and three digits as RFC 5322 §4.3 has them: 00 to 49 are after 2000, the others after 1900.
fn year_of(text: &str) -> Option<i64> {
    let year = number(text, 4)?;
    match (text.len(), year) {
        (2, 0..=49) => Some(year + 2000),
        (2 | 3, _) => Some(year + 1900),
        (4, _) => Some(year),
        _ => None,
    }
}

/// Hours and minutes, and seconds where there are any; a leap second counts as the one before it.
fn second_of_day(time: &str) -> Option<i64> {
    let time = time.split(['.', ',']).next()?;
    let mut parts = time.split(':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let second = parts.next().map_or(Some(0), |second| number(second, 2))?;
    (hour < 24 && minute < 60 && second <= 60).then(|| hour * 3600 + minute * 60 + second.min(59))
}

/// Minutes east of UTC; nothing for what no zone can be, such as `-2400`.
fn zone_of(zone: &str) -> Option<i16> {
    let hours = |hours: i16| Some(hours * 60);
    match zone.to_ascii_uppercase().as_str() {
        "GMT" | "UT" | "UTC" | "Z" => return Some(0),
        "EST" | "CDT" => return hours(-5),
        "EDT" => return hours(-4),
        "CST" | "MDT" => return hours(-6),
        "MST" | "PDT" => return hours(-7),
        "PST" => return hours(-8),
        _ => {}
    }
    let signed = zone.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let sign = match signed.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let digits: String = signed[1..].chars().filter(|character| *character != ':').collect();
    let digits = if digits.len() == 4 { number(&digits, 4)? } else { return None };
    let (hours, minutes) = (digits / 100, digits % 100);
    let is_zone = hours < 24 && minutes < 60;
    is_zone.then(|| i16::try_from(sign * (hours * 60 + minutes)).ok())?
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

const fn seconds_of_day(days: i64) -> i64 {
    days * 86_400
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, counted in years that begin in March, so that the leap
/// day is the last of its year.
const fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    year * 365 + leap_days + day_of_year - 719_468
}

/// Year, month and day: the inverse of [`days_of`].
const fn civil_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + (month <= 2) as i64, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(parse_internal(text).map(fmt_internal).as_deref(), expected, "{text}");
    }

    #[test]
    fn a_date_is_read_however_it_is_spelt() {
        for (text, expected) in [
            ("01-Jan-2020 10:00:00 +0000", "01-Jan-2020 10:00:00 +0000"),
            (" 1-Jan-2020 10:00:00 -0300", "01-Jan-2020 10:00:00 -0300"),
            ("\"1-jAN-2020 10:00:00 +0530\"", "01-Jan-2020 10:00:00 +0530"),
            ("1-Jan-20 10:00:00 +0000", "01-Jan-2020 10:00:00 +0000"),
            ("1-Jan-98 10:00:00 +0000", "01-Jan-1998 10:00:00 +0000"),
            ("1-Jan-2020 10:00:00", "01-Jan-2020 10:00:00 +0000"),
            ("1-Jan-2020", "01-Jan-2020 00:00:00 +0000"),
            ("1-Jan-2020 10:00:00 -2400", "01-Jan-2020 10:00:00 +0000"),
            ("31-Dec-2016 23:59:60 +0000", "31-Dec-2016 23:59:59 +0000"),
            ("1-Jan-2040 10:00:00 +0000", "01-Jan-2040 10:00:00 +0000"),
            ("29-Feb-2000 10:00:00 +0000", "29-Feb-2000 10:00:00 +0000"),
            ("01-Jan-2020 00:30:00 +0100", "01-Jan-2020 00:30:00 +0100"),
            ("Wed, 1 Jan 2020 10:00:00 +0000 (UTC (really))", "01-Jan-2020 10:00:00 +0000"),
            ("Wed,1 January 20 10:00 EST", "01-Jan-2020 10:00:00 -0500"),
            ("mer., 1 Jan 120 10:00:00 GMT", "01-Jan-2020 10:00:00 +0000"),
            ("Wed Jan  1 10:00:00 2020", "01-Jan-2020 10:00:00 +0000"),
            ("(c) 1 (c) Jan 2020 10:00:00.123 GMT+02:00", "01-Jan-2020 10:00:00 +0200"),
            ("Wed, 1 Jan\r\n 2020 10:00:00 Q", "01-Jan-2020 10:00:00 +0000"),
        ] {
            check(text, Some(expected));
        }
    }

    #[test]
    fn what_is_no_date_is_not_taken_for_one() {
        for text in [
            "",
            "NIL",
            "30-Dec-1899 00:00:00 +0000",
            "00-Jan-0000 00:00:00 +0000",
            "31-Feb-2020 10:00:00 +0000",
            "29-Feb-2100 10:00:00 +0000",
            "01-Jan-1970 00:00:00 +0000",
            "31-Dec-1969 21:00:00 -0300",
            "01-00-2020 10:00:00 +0000",
            "19-Jan-2038 03:14:07 +0000",
            "01-Jan-2100 00:00:00 +0000",
            "1-Jan-2020 25:00:00 +0000",
            "1-Jan-20200 10:00:00",
            "Wed",
            "1 Jan",
            "é",
            "1-Jané",
            "+1-Jan-2020",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn the_best_date_is_found_and_its_origin_told() {
        const HEADER: &[u8] = b"Received: from a; nonsense\r\nReceived: from b\r\n by c; Thu, 2 Jan 2020 10:00:00\r\n\
            \t+0000\r\nReceived: from d; Fri, 3 Jan 2020 10:00:00 +0000\r\nDate: 4 Jan 2020 10:00:00 +0000\r\n\r\n";
        const DATED: &[u8] = b"Date: 4 Jan 2020 10:00:00 +0000\n\nReceived: x; 5 Jan 2020 10:00:00 +0000\n";
        let neighbour = parse_internal("06-Jan-2020 10:00:00 +0000");
        for (internal, header, neighbour, day, origin) in [
            (Some(" 1-Jan-2020 10:00:00 +0000"), HEADER, None, Some("01"), DateOrigin::Internal),
            (Some("1-Jan-2020 10:00:00 -2400"), HEADER, None, Some("01"), DateOrigin::InternalMended),
            (Some("30-Dec-1899 10:00:00 +0000"), HEADER, neighbour, Some("02"), DateOrigin::Received),
            (None, DATED, neighbour, Some("04"), DateOrigin::Date),
            (Some("NIL"), b"Date: soon", neighbour, Some("06"), DateOrigin::Neighbour),
            (None, b"", None, None, DateOrigin::Arrival),
        ] {
            let (date, found) = date_of(internal, header, neighbour);
            assert_eq!(date.map(fmt_internal).as_deref().map(|text| &text[..2]), day, "{internal:?}");
            assert_eq!(found, origin);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            unix_seconds in SANE_UNIX_SECONDS_MIN..SANE_UNIX_SECONDS_END, offset_minutes in -1439_i16..1440,
        ) {
            let date = InternalDate { unix_seconds, offset_minutes };
            let text = fmt_internal(date);
            prop_assert_eq!(text.len(), 26);
            prop_assert_eq!(parse_internal(&text), Some(date));
        }

        #[test]
        fn anything_is_written_and_nothing_breaks_the_reader(
            unix_seconds: i64, offset_minutes: i16, text: String, near in "[0-9JanFeb:+ -]{0,40}",
        ) {
            prop_assert_eq!(fmt_internal(InternalDate { unix_seconds, offset_minutes }).len(), 26);
            let _ = (read(&text), read(&near));
        }

        #[test]
        fn days_and_dates_agree(days in -1_000_000_i64..1_000_000) {
            let (year, month, day) = civil_of(days);
            prop_assert!((1..=12).contains(&month) && day >= 1 && day <= days_in(year, month));
            prop_assert_eq!(days_of(year, month, day), days);
        }
    }
}
