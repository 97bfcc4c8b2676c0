//! Reads the values of options: dates, sizes, patterns, maps.
//! Never guesses: what could mean two things is refused with both spelt out.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use malote_engine::plan::pattern::Pattern;

/// Seconds since the epoch of `2024-01-31` (midnight UTC) or of an RFC 3339 moment.
pub fn date(text: &str) -> Result<i64, String> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment.as_second());
    }
    let is_plain = text.len() == 10 && text.bytes().all(|octet| octet.is_ascii_digit() || octet == b'-');
    let day = is_plain.then(|| text.parse::<Date>().ok()).flatten();
    day.and_then(|day| day.to_zoned(TimeZone::UTC).ok())
        .map(|midnight| midnight.timestamp().as_second())
        .ok_or_else(|| "write 2024-01-31 (midnight UTC) or 2024-01-31T08:00:00-03:00".to_owned())
}

/// Octets, plainly or with `k`, `M`, `G` for 1024, 1024² and 1024³; `KiB`, `KB` and the like are the same.
pub fn octets(text: &str) -> Result<u64, String> {
    let wrong =
        || "write octets, such as 36700160, or with k, M or G (1024-fold each), such as 35M".to_owned();
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let shift = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return Err(wrong()),
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit());
    let number: u64 = if is_number { digits.parse().map_err(|_| wrong())? } else { return Err(wrong()) };
    match number.checked_mul(1 << shift) {
        None => Err("that is more than 16 EiB".to_owned()),
        Some(0) => Err("0 would let nothing through".to_owned()),
        Some(octets) => Ok(octets),
    }
}

/// The code of damage that a run told.
pub fn damage_code(text: &str) -> Result<String, String> {
    let is_code = malote_engine::damage::is_code(text);
    is_code
        .then(|| text.to_owned())
        .ok_or_else(|| "write the code that the run told, such as 1a2b3c4d5e6f".to_owned())
}

/// A folder pattern as it was written, for the engine to read; found wrong before any server is asked.
pub fn pattern(text: &str) -> Result<String, String> {
    Pattern::parse(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// `SRC=DST`; a `=` within SRC is written `\=`.
pub fn map(text: &str) -> Result<(String, String), String> {
    let mut source = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '=' => {
                let destination = letters.as_str();
                return if source.is_empty() || destination.is_empty() {
                    Err("both names must be given: SRC=DST".to_owned())
                } else {
                    Ok((source, destination.to_owned()))
                };
            }
            '\\' if letters.as_str().starts_with('=') => source.extend(letters.next()),
            other => source.push(other),
        }
    }
    Err("write SRC=DST (a = within SRC as \\=)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_midnight_in_utc_or_exact_moments() {
        for (text, seconds) in [
            ("1970-01-01", Some(0)),
            ("2024-01-31", Some(1_706_659_200)),
            ("2024-01-31T00:00:00Z", Some(1_706_659_200)),
            ("2024-01-30T21:00:00-03:00", Some(1_706_659_200)),
            ("2024-02-30", None),
            ("31/01/2024", None),
            ("2024-1-31", None),
            ("2024-01-31T08:00:00", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(date(text).ok(), seconds, "{text}");
        }
    }

    #[test]
    fn sizes_are_counted_in_1024s() {
        for (text, size) in [
            ("1", Some(1)),
            ("36700160", Some(35 << 20)),
            ("35M", Some(35 << 20)),
            ("35MiB", Some(35 << 20)),
            ("10k", Some(10 << 10)),
            ("2G", Some(2 << 30)),
            ("2gb", Some(2 << 30)),
            ("0", None),
            ("", None),
            ("M", None),
            ("-1", None),
            ("+1", None),
            ("1.5M", None),
            ("1T", None),
            ("99999999999G", None),
        ] {
            assert_eq!(octets(text).ok(), size, "{text}");
        }
    }

    #[test]
    fn patterns_are_kept_as_written_and_wrong_ones_refused() {
        for text in ["Work/**", r"a\*b", "[x]"] {
            assert_eq!(pattern(text).as_deref(), Ok(text));
        }
        for text in ["", "/a", "a//b", r"a\"] {
            assert!(pattern(text).is_err(), "{text}");
        }
    }

    #[test]
    fn maps_part_at_the_first_plain_equals_sign() {
        for (text, pair) in [
            ("A=B", Some(("A", "B"))),
            ("Sent Items=Sent", Some(("Sent Items", "Sent"))),
            (r"a\=b=c=d", Some(("a=b", "c=d"))),
            (r"a\b=c", Some((r"a\b", "c"))),
            ("A=", None),
            ("=B", None),
            ("A", None),
            ("", None),
        ] {
            let expected = pair.map(|(source, destination)| (source.to_owned(), destination.to_owned()));
            assert_eq!(map(text).ok(), expected, "{text}");
        }
    }
}
