//! `--search`, `--maxage`, `--minage`, `--minsize`, `--maxsize`: which messages are taken.
//! Never asks a server to search: what is left out is decided on dates and sizes that are listed anyway.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::wish::Wish;

/// Seconds of a day, as imapsync counts ages.
const DAY_SECONDS: f64 = 86_400.0;

/// Bounds within which a message is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Received at or after, in seconds since the epoch.
    pub since: Option<i64>,
    /// Received before.
    pub before: Option<i64>,
    /// Octets at least.
    pub octets_min: Option<u64>,
    /// Octets at most.
    pub octets_max: Option<u64>,
}

impl Bounds {
    /// What both allow.
    fn and(self, other: Self) -> Self {
        let least = |a: Option<u64>, b: Option<u64>| a.into_iter().chain(b).min();
        Self {
            since: self.since.max(other.since),
            before: self.before.into_iter().chain(other.before).min(),
            octets_min: self.octets_min.max(other.octets_min),
            octets_max: least(self.octets_max, other.octets_max),
        }
    }
}

/// The bounds of a whole command line. imapsync goes by `--search` alone where there is one, and leaves ages aside.
pub fn bounds(wish: &Wish, now_unix_seconds: i64) -> Bounds {
    let searched =
        wish.text("search1").or_else(|| wish.text("search")).map(|text| read(text).unwrap_or_default());
    let ago = |days: f64| now_unix_seconds.saturating_sub((days * DAY_SECONDS) as i64);
    let aged = || Bounds {
        since: wish.real("maxage").map(ago),
        before: wish.real("minage").map(ago),
        ..Bounds::default()
    };
    let sized = Bounds {
        // imapsync takes what is larger than the one and smaller than the other.
        octets_min: wish.whole("minsize").and_then(|size| u64::try_from(size).ok()).map(|size| size + 1),
        octets_max: wish
            .whole("maxsize")
            .and_then(|size| u64::try_from(size).ok())
            .map(|size| size.saturating_sub(1)),
        ..Bounds::default()
    };
    searched.unwrap_or_else(aged).and(sized)
}

/// Reads search criteria (RFC 9051 §6.4.4) that are dates and sizes.
///
/// # Errors
/// The criterion that is none of these.
pub fn read(text: &str) -> Result<Bounds, String> {
    let mut bounds = Bounds::default();
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        let key = word.to_ascii_uppercase();
        if key == "ALL" {
            continue;
        }
        let mut value = || words.next().ok_or_else(|| format!("{key} has no value"));
        let one = match key.as_str() {
            "SINCE" | "SENTSINCE" => Bounds { since: Some(midnight(value()?)?), ..Bounds::default() },
            "BEFORE" | "SENTBEFORE" => Bounds { before: Some(midnight(value()?)?), ..Bounds::default() },
            "LARGER" => Bounds { octets_min: Some(octets(value()?)?.saturating_add(1)), ..Bounds::default() },
            "SMALLER" => {
                Bounds { octets_max: Some(octets(value()?)?.saturating_sub(1)), ..Bounds::default() }
            }
            _ => {
                return Err(format!(
                    "{word} is not carried out; messages are chosen by folder, date (SINCE, BEFORE, SENTSINCE, \
                     SENTBEFORE) and size (LARGER, SMALLER)"
                ));
            }
        };
        bounds = bounds.and(one);
    }
    Ok(bounds)
}

/// `31-Dec-2010`, at midnight UTC.
fn midnight(text: &str) -> Result<i64, String> {
    let bare = text.trim_matches('"');
    let day = Date::strptime("%d-%b-%Y", bare).ok().and_then(|day| day.to_zoned(TimeZone::UTC).ok());
    day.map(|day| day.timestamp().as_second()).ok_or_else(|| format!("{text} is no date such as 31-Dec-2010"))
}

fn octets(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text} is no number of octets"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn check(words: &[&str], expected: Bounds) {
        let wish = Wish::read(words.iter().map(ToString::to_string).collect()).unwrap();
        assert_eq!(bounds(&wish, NOW), expected, "{words:?}");
    }

    #[test]
    fn ages_dates_and_sizes_become_bounds() {
        let none = Bounds::default();
        check(&[], none);
        check(&["--maxage", "1"], Bounds { since: Some(NOW - 86_400), ..none });
        check(&["--minage", "0.5"], Bounds { before: Some(NOW - 43_200), ..none });
        check(
            &["--maxsize", "1000", "--minsize", "10"],
            Bounds { octets_min: Some(11), octets_max: Some(999), ..none },
        );
        check(
            &["--search", "SENTSINCE 1-Jan-2010 SENTBEFORE 31-Dec-2010", "--maxage", "3"],
            Bounds { since: Some(1_262_304_000), before: Some(1_293_753_600), ..none },
        );
        check(&["--search", "all larger 10 LARGER 20"], Bounds { octets_min: Some(21), ..none });
    }

    #[test]
    fn other_criteria_are_refused() {
        for text in
            ["UNSEEN", "HEADER Date Invalid", "OR SEEN UNSEEN", "SINCE yesterday", "LARGER x", "SINCE"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
