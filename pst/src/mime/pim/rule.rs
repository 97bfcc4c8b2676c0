//! A pattern as a recurrence rule (RFC 5545 §3.3.10).
//! Never gives a rule that means other days than the pattern: where there is none, there is none.

use super::moment::Moment;
use super::recurrence::{Days, End, Pattern, Unit};
use super::zone::{WEEKDAYS, Zone};

/// The last day of a month, as stores write it.
const LAST_DAY: u32 = 31;
/// Days that every month has.
const DAYS_OF_ALL_MONTHS: u32 = 28;
const LAST: u32 = 5;

/// How the days of a series are written, on which the form of its end depends (RFC 5545 §3.3.10, `UNTIL`).
#[derive(Debug, Clone, Copy)]
pub enum Stamp<'a> {
    /// As dates.
    Date,
    /// As times of a zone; the end is one of UTC. With the seconds after midnight at which instances begin.
    Zone(&'a Zone, i64),
}

/// The value of `RRULE`; nothing for patterns of other calendars, and of days that no month or year has.
#[must_use]
pub fn of(pattern: &Pattern, stamp: Stamp<'_>) -> Option<String> {
    if !pattern.is_gregorian {
        return None;
    }
    let (name, unit_days) = match pattern.unit {
        Unit::Day => ("DAILY", false),
        Unit::Week => ("WEEKLY", false),
        Unit::Month => ("MONTHLY", true),
        Unit::Year => ("YEARLY", true),
    };
    let mut rule = format!("FREQ={name}");
    if pattern.interval > 1 {
        rule.push_str(&format!(";INTERVAL={}", pattern.interval));
    }
    rule.push_str(&match pattern.end {
        End::Never => String::new(),
        End::After(count) => format!(";COUNT={count}"),
        End::On(day) => format!(";UNTIL={}", until(day, stamp)?),
    });
    if pattern.unit == Unit::Year {
        rule.push_str(&format!(";BYMONTH={}", pattern.start.date().month()));
    }
    rule.push_str(&match (pattern.days, unit_days) {
        (Days::All, false) => String::new(),
        (Days::OfWeek(bits), false) => format!(";BYDAY={}", names(bits)),
        (Days::OfMonth(LAST_DAY), true) => ";BYMONTHDAY=-1".to_owned(),
        (Days::OfMonth(day), true) if day <= DAYS_OF_ALL_MONTHS => format!(";BYMONTHDAY={day}"),
        // A day that a month does not have is its last one.
        (Days::OfMonth(day), true) => {
            let days: Vec<String> = (DAYS_OF_ALL_MONTHS..=day).map(|day| day.to_string()).collect();
            format!(";BYMONTHDAY={};BYSETPOS=-1", days.join(","))
        }
        (Days::Nth(bits, nth), true) => {
            let nth = if nth == LAST { "-1".to_owned() } else { nth.to_string() };
            if bits.count_ones() == 1 {
                format!(";BYDAY={nth}{}", names(bits))
            } else {
                format!(";BYDAY={};BYSETPOS={nth}", names(bits))
            }
        }
        _ => return None,
    });
    if pattern.unit == Unit::Week {
        rule.push_str(&format!(";WKST={}", WEEKDAYS[usize::from(pattern.week_start) % 7]));
    }
    Some(rule)
}

/// The last moment at which an instance may begin, when the last day is this.
fn until(day: Moment, stamp: Stamp<'_>) -> Option<String> {
    let day = day.midnight();
    match stamp {
        Stamp::Date => Some(day.day()),
        Stamp::Zone(zone, seconds) => Some(zone.utc(day.plus(seconds)?)?.utc()),
    }
}

fn names(bits: u8) -> String {
    let days = WEEKDAYS.iter().enumerate().filter(|(place, _)| bits & (1 << place) != 0);
    days.map(|(_, name)| *name).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::super::recurrence::tests::{Made, minutes};
    use super::{Pattern, Stamp, of};
    use crate::mime::pim::zone::Zone;
    use crate::mime::pim::zone::tests::berlin_struct;

    fn check(made: &Made, stamp: Stamp<'_>, expected: Option<&str>) {
        let octets = made.pattern();
        let (pattern, _) = Pattern::read(&octets).expect("a sound pattern");
        assert_eq!(of(&pattern, stamp).as_deref(), expected);
    }

    #[test]
    fn every_kind_of_pattern_has_its_rule() {
        let never = [0x2023, 10];
        let start = minutes(2026, 1, 30, 0, 0);
        for (frequency, kind, period, of_kind, expected) in [
            (0x200A, 0, 1440, vec![], "FREQ=DAILY"),
            (0x200A, 0, 4320, vec![], "FREQ=DAILY;INTERVAL=3"),
            (0x200A, 1, 1440, vec![0x3E], "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;WKST=MO"),
            (0x200B, 1, 2, vec![0x41], "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,SA;WKST=MO"),
            (0x200C, 2, 1, vec![15], "FREQ=MONTHLY;BYMONTHDAY=15"),
            (0x200C, 2, 1, vec![30], "FREQ=MONTHLY;BYMONTHDAY=28,29,30;BYSETPOS=-1"),
            (0x200C, 2, 3, vec![31], "FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=-1"),
            (0x200C, 4, 1, vec![31], "FREQ=MONTHLY;BYMONTHDAY=-1"),
            (0x200C, 3, 1, vec![0x04, 2], "FREQ=MONTHLY;BYDAY=2TU"),
            (0x200C, 3, 1, vec![0x3E, 5], "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"),
            (0x200D, 2, 12, vec![30], "FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=28,29,30;BYSETPOS=-1"),
            (0x200D, 3, 24, vec![0x20, 5], "FREQ=YEARLY;INTERVAL=2;BYMONTH=1;BYDAY=-1FR"),
        ] {
            let made = Made { frequency, kind, period, of_kind, end: never, start, ..Made::weekly() };
            check(&made, Stamp::Date, Some(expected));
        }
    }

    #[test]
    fn a_series_ends_by_count_or_with_the_last_instance_of_its_day() {
        let berlin = Zone::of_struct(&berlin_struct(), "Berlin").expect("a sound zone");
        let rest = "BYDAY=MO,WE;WKST=MO";
        let weekly = Made::weekly();
        check(&weekly, Stamp::Date, Some(&format!("FREQ=WEEKLY;UNTIL=20260629;{rest}")));
        check(
            &weekly,
            Stamp::Zone(&berlin, 36_000),
            Some(&format!("FREQ=WEEKLY;UNTIL=20260629T080000Z;{rest}")),
        );
        let counted = Made { end: [0x2022, 10], ..Made::weekly() };
        check(&counted, Stamp::Date, Some(&format!("FREQ=WEEKLY;COUNT=10;{rest}")));
    }

    #[test]
    fn a_pattern_of_another_calendar_has_no_rule() {
        let hijri = Made { frequency: 0x200C, kind: 0x000A, period: 1, of_kind: vec![3], ..Made::weekly() };
        check(&hijri, Stamp::Date, None);
    }
}
