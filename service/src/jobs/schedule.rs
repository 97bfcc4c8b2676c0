//! When a schedule is due: a cron pattern within a time zone, and hours of the day that it keeps to.
//! Never reads the clock.

use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde::Deserialize;

/// Longest pattern that is read, in octets.
const PATTERN_OCTETS_MAX: usize = 256;

/// Why a schedule cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// The pattern is none.
    #[error("{pattern:?} is no cron pattern of five fields (minute hour day month weekday): {why}")]
    Pattern {
        /// What was given.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
    /// The time zone is not known.
    #[error("{0:?} is no time zone; give a name such as America/Sao_Paulo")]
    Zone(String),
    /// The hours are none.
    #[error("the hours are not {{\"from\":\"HH:MM\",\"to\":\"HH:MM\"}}: {0}")]
    Window(String),
}

/// A pattern within a time zone.
#[derive(Debug, Clone)]
pub struct Cron {
    pattern: croner::Cron,
    zone: TimeZone,
    window: Option<(Time, Time)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Window {
    from: String,
    to: String,
}

impl Cron {
    /// Reads a pattern of five fields, the name of a time zone, and hours as JSON (`{}` or empty for none).
    ///
    /// # Errors
    /// For what cannot be read, and for a pattern that is never due.
    pub fn parse(pattern: &str, zone: &str, window_json: &str) -> Result<Self, CronError> {
        let wrong = |why: String| CronError::Pattern { pattern: pattern.chars().take(64).collect(), why };
        if pattern.len() > PATTERN_OCTETS_MAX {
            return Err(wrong("it is too long".to_owned()));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let read = parser.parse(pattern).map_err(|error| wrong(error.to_string()))?;
        let zone = TimeZone::get(zone).map_err(|_| CronError::Zone(zone.chars().take(64).collect()))?;
        let cron = Self { pattern: read, zone, window: window(window_json)? };
        if cron.after(0).is_none() {
            return Err(wrong("it is never due".to_owned()));
        }
        Ok(cron)
    }

    /// The first moment after `unix_ms` at which it is due, in milliseconds since 1970. A time of day that a change
    /// to summer time leaves out comes when the clock has jumped; one that comes twice counts once for patterns
    /// of fixed hours.
    #[must_use]
    pub fn after(&self, unix_ms: i64) -> Option<i64> {
        let from = Zoned::new(Timestamp::from_millisecond(unix_ms).ok()?, self.zone.clone());
        let next = self.pattern.find_next_occurrence(&from, false).ok()?;
        let next_ms = next.timestamp().as_millisecond();
        (next_ms > unix_ms).then_some(next_ms)
    }

    /// The next moments after `unix_ms`, `count` at most.
    #[must_use]
    pub fn next(&self, unix_ms: i64, count: usize) -> Vec<i64> {
        let moments = std::iter::successors(self.after(unix_ms), |moment| self.after(*moment));
        moments.take(count).collect()
    }

    /// True where a moment lies within the hours of the day that the schedule keeps to.
    #[must_use]
    pub fn is_open_at(&self, unix_ms: i64) -> bool {
        let Some((from, to)) = self.window else { return true };
        let Ok(moment) = Timestamp::from_millisecond(unix_ms) else { return false };
        let time = Zoned::new(moment, self.zone.clone()).time();
        if from <= to { from <= time && time < to } else { time >= from || time < to }
    }
}

fn window(json: &str) -> Result<Option<(Time, Time)>, CronError> {
    if json.is_empty() || json.trim() == "{}" {
        return Ok(None);
    }
    let Window { from, to } =
        serde_json::from_str(json).map_err(|error| CronError::Window(error.to_string()))?;
    let time =
        |text: &str| Time::strptime("%H:%M", text).map_err(|error| CronError::Window(error.to_string()));
    Ok(Some((time(&from)?, time(&to)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn check(pattern: &str, zone: &str, from: &str, expected: &[&str]) {
        let cron = Cron::parse(pattern, zone, "").unwrap();
        let next: Vec<String> = cron
            .next(ms(from), expected.len())
            .into_iter()
            .map(|moment| Timestamp::from_millisecond(moment).unwrap().to_string())
            .collect();
        assert_eq!(next, expected, "{pattern} in {zone} from {from}");
    }

    #[test]
    fn six_hours_are_six_hours_of_the_day() {
        check(
            "0 */6 * * *",
            "America/Sao_Paulo",
            "2026-11-21T16:05:00Z",
            &["2026-11-21T21:00:00Z", "2026-11-22T03:00:00Z", "2026-11-22T09:00:00Z", "2026-11-22T15:00:00Z"],
        );
        check("0 */6 * * *", "UTC", "2026-11-21T18:00:00Z", &["2026-11-22T00:00:00Z"]);
    }

    #[test]
    fn summer_time_neither_swallows_nor_doubles_a_daily_run() {
        // Berlin: 02:30 is left out on 2026-03-29, and comes twice on 2026-10-25.
        check(
            "30 2 * * *",
            "Europe/Berlin",
            "2026-03-28T00:00:00Z",
            &["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
        );
        check(
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00:00Z",
            &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        );
        // Santiago changes at midnight: the hour 0 of 2026-09-06 is left out.
        let cron = Cron::parse("0 0 * * *", "America/Santiago", "").unwrap();
        let days = cron.next(ms("2026-09-04T12:00:00Z"), 4);
        assert!(days.windows(2).all(|pair| pair[1] - pair[0] <= 25 * 3_600_000), "{days:?}");
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for pattern in
            ["", "* * * *", "61 * * * *", "* * * * * *", "0 0 31 2 *", "@reboot", &"1,".repeat(500)]
        {
            assert!(Cron::parse(pattern, "UTC", "").is_err(), "{pattern}");
        }
        assert!(matches!(Cron::parse("0 0 * * *", "Mars/Base", ""), Err(CronError::Zone(_))));
        for window in ["[]", r#"{"from":"22:00"}"#, r#"{"from":"25:00","to":"01:00"}"#] {
            assert!(matches!(Cron::parse("0 0 * * *", "UTC", window), Err(CronError::Window(_))), "{window}");
        }
    }

    #[test]
    fn hours_may_reach_over_midnight() {
        let cron = Cron::parse("0 * * * *", "UTC", r#"{"from":"22:00","to":"06:00"}"#).unwrap();
        for (moment, is_open) in [
            ("2026-11-21T21:59:00Z", false),
            ("2026-11-21T22:00:00Z", true),
            ("2026-11-22T05:59:00Z", true),
            ("2026-11-22T06:00:00Z", false),
        ] {
            assert_eq!(cron.is_open_at(ms(moment)), is_open, "{moment}");
        }
    }
}
