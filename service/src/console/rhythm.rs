//! A cron pattern in words: how often, on which days. What has no plain words is shown as it stands.
//! Never decides when a pattern is due: the next times come from the API.

use fluent_bundle::FluentValue;

use super::format::Format;
use super::texts;

/// Times of day that are named one by one, at most.
const TIMES_MAX: usize = 6;

/// One field of a pattern, where it has plain words.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Field {
    /// `*`
    Any,
    /// `*/n`
    Every(u32),
    /// `1`, `1,2`, `1-5`
    Only(Vec<u32>),
}

impl Field {
    fn read(text: &str, most: u32) -> Option<Self> {
        if text == "*" {
            return Some(Self::Any);
        }
        if let Some(step) = text.strip_prefix("*/") {
            let step = step.parse().ok().filter(|step| (1..=most).contains(step))?;
            return Some(if step == 1 { Self::Any } else { Self::Every(step) });
        }
        let mut found = Vec::new();
        for part in text.split(',') {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            let (from, to): (u32, u32) = (from.parse().ok()?, to.parse().ok()?);
            if from > to || to > most {
                return None;
            }
            found.extend(from..=to);
        }
        found.sort_unstable();
        found.dedup();
        Some(Self::Only(found))
    }
}

/// The words for a pattern of five fields; `None` where it has none, so that the pattern itself is shown.
pub fn words(format: &Format, pattern: &str) -> Option<String> {
    let fields: Vec<&str> = pattern.split_whitespace().collect();
    let &[minute, hour, day, "*", weekday] = fields.as_slice() else { return None };
    let (minute, hour) = (Field::read(minute, 59)?, Field::read(hour, 23)?);
    let (day, weekday) = (Field::read(day, 31)?, Field::read(weekday, 7)?);
    let times = times(format, &minute, &hour)?;
    let days = days(format, &day, &weekday)?;
    // What happens every hour or so happens every day.
    if days.is_empty() && !matches!(hour, Field::Only(_)) {
        return Some(times);
    }
    let days = if days.is_empty() { texts::plain(format, "cron-every-day") } else { days };
    let both = texts::arguments([("days", FluentValue::from(days)), ("times", FluentValue::from(times))]);
    Some(texts::text(format.language, "cron-line", Some(&both)))
}

fn times(format: &Format, minute: &Field, hour: &Field) -> Option<String> {
    let with = |key: &str, name: &'static str, value: FluentValue<'_>| {
        texts::text(format.language, key, Some(&texts::arguments([(name, value)])))
    };
    let count = |number: u32| FluentValue::from(f64::from(number));
    match (minute, hour) {
        (Field::Any, Field::Any) => Some(with("cron-every-minutes", "count", count(1))),
        (Field::Every(step), Field::Any) => Some(with("cron-every-minutes", "count", count(*step))),
        (Field::Only(minutes), Field::Any) if minutes == &[0] => {
            Some(with("cron-every-hours", "count", count(1)))
        }
        (Field::Only(minutes), Field::Every(step)) if minutes == &[0] => {
            Some(with("cron-every-hours", "count", count(*step)))
        }
        (Field::Only(minutes), Field::Only(hours)) if minutes.len() * hours.len() <= TIMES_MAX => {
            let all = hours.iter().flat_map(|hour| minutes.iter().map(move |minute| (hour, minute)));
            let all: Vec<String> = all.map(|(hour, minute)| format!("{hour:02}:{minute:02}")).collect();
            Some(with("cron-at", "times", FluentValue::from(all.join(", "))))
        }
        _ => None,
    }
}

/// The days; empty for every day.
fn days(format: &Format, day: &Field, weekday: &Field) -> Option<String> {
    let list = |key: &str, words: Vec<String>| {
        let words = texts::arguments([("days", FluentValue::from(words.join(", ")))]);
        Some(texts::text(format.language, key, Some(&words)))
    };
    match (day, weekday) {
        (Field::Any, Field::Any) => Some(String::new()),
        (Field::Any, Field::Only(days)) => {
            let mut days: Vec<u32> = days.iter().map(|day| day % 7).collect();
            days.sort_unstable();
            days.dedup();
            match days.as_slice() {
                [0, 1, 2, 3, 4, 5, 6] => Some(String::new()),
                [1, 2, 3, 4, 5] => Some(texts::plain(format, "cron-workdays")),
                [0, 6] => Some(texts::plain(format, "cron-weekends")),
                some => {
                    let name = |day: &u32| texts::word(format.language, "weekday", &day.to_string());
                    list("cron-on", some.iter().map(name).collect())
                }
            }
        }
        (Field::Only(days), Field::Any) => list("cron-on-days", days.iter().map(u32::to_string).collect()),
        // A day of the month and one of the week together mean either of them: that has no plain words.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::language::Language::{self, English, Portuguese};
    use super::*;

    #[track_caller]
    fn check(language: Language, pattern: &str, expected: &str) {
        let found = words(&Format::new(language, "UTC", 0), pattern);
        assert_eq!(found.as_deref().unwrap_or("none"), expected, "{pattern}");
    }

    #[test]
    fn a_pattern_is_said_in_words_or_not_at_all() {
        for (pattern, english, portuguese) in [
            ("0 */6 * * *", "every 6 hours", "a cada 6 horas"),
            ("0 * * * *", "every hour", "a cada hora"),
            ("*/15 * * * *", "every 15 minutes", "a cada 15 minutos"),
            ("0 22 * * *", "every day, at 22:00", "todo dia, às 22:00"),
            ("30 1,13 * * 1-5", "on workdays, at 01:30, 13:30", "em dias úteis, às 01:30, 13:30"),
            ("0 3 * * 0,6", "at weekends, at 03:00", "nos fins de semana, às 03:00"),
            ("0 3 * * 7", "on Sunday, at 03:00", "em domingo, às 03:00"),
            ("0 4 1,15 * *", "on day 1, 15 of the month, at 04:00", "nos dias 1, 15 do mês, às 04:00"),
            ("0 */6 * * 1-5", "on workdays, every 6 hours", "em dias úteis, a cada 6 horas"),
        ] {
            check(English, pattern, english);
            check(Portuguese, pattern, portuguese);
        }
        for pattern in
            ["", "0 4 1 * 1", "0 4 * 2 *", "5 */6 * * *", "0-59 0-23 * * *", "0 4 L * *", "0 4 * * mon"]
        {
            check(English, pattern, "none");
        }
    }
}
