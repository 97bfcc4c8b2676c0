//! Times as the database keeps them: milliseconds since 1970, and RFC 3339 with milliseconds and `Z`.
//! Never reads the clock.

/// `2026-11-21T15:28:34.123Z`: of one width, so that these words sort as the moments do.
#[must_use]
pub fn at(unix_ms: i64) -> String {
    let moment = jiff::Timestamp::from_millisecond(unix_ms).unwrap_or_default();
    moment.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// The same; empty for 0, which means "none".
#[must_use]
pub fn at_or_empty(unix_ms: i64) -> String {
    if unix_ms == 0 { String::new() } else { at(unix_ms) }
}

/// Milliseconds since 1970; `None` for what is no RFC 3339, such as the empty word.
#[must_use]
pub fn milliseconds(at: &str) -> Option<i64> {
    at.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_as_they_went_and_sort_as_words() {
        let moments = [0, 1, 999, 1_000, 1_790_000_000_007, 1_790_000_000_070];
        for pair in moments.windows(2) {
            assert!(at(pair[0]) < at(pair[1]));
        }
        for moment in moments {
            assert_eq!(milliseconds(&at(moment)), Some(moment));
            assert_eq!(at(moment).len(), 24);
        }
        assert_eq!(at(951_782_400_007), "2000-02-29T00:00:00.007Z");
        assert_eq!(at_or_empty(0), "");
        assert_eq!(milliseconds(""), None);
    }
}
