//! Points in time as stores count them, from 1601 on, and as calendars write them.
//! Never knows zones: whether a moment is of UTC or of a wall clock, its holder knows.

use jiff::civil::{Date, DateTime};

const TICKS_PER_SECOND: u64 = 10_000_000;
/// Seconds of a day.
pub const DAY_SECONDS: i64 = 86_400;
/// Latest minute that a pattern can name as a date; the value itself means that there is no end
/// ([MS-OXOCAL] §2.2.1.44.1).
pub const NO_END_MINUTES: u32 = 0x5AE9_80DF;

/// Seconds since 1601-01-01T00:00:00, between the years 1601 and 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(i64);

/// The first second of the year 10000.
const END_SECONDS: i64 = 265_046_774_400;

impl Moment {
    /// A moment so many seconds after the beginning of 1601; nothing beyond the years that calendars can name.
    #[must_use]
    pub fn of_seconds(seconds: i64) -> Option<Self> {
        (0..END_SECONDS).contains(&seconds).then_some(Self(seconds))
    }

    /// Of a FILETIME.
    #[must_use]
    pub fn of_filetime(ticks: u64) -> Option<Self> {
        Self::of_seconds(i64::try_from(ticks / TICKS_PER_SECOND).ok()?)
    }

    /// Of minutes, as recurrences count.
    #[must_use]
    pub fn of_minutes(minutes: u32) -> Option<Self> {
        Self::of_seconds(i64::from(minutes) * 60)
    }

    /// Of a date and a time.
    #[must_use]
    pub fn of_civil(civil: DateTime) -> Option<Self> {
        Self::of_seconds(civil.duration_since(epoch()).as_secs())
    }

    /// So many seconds later.
    #[must_use]
    pub fn plus(self, seconds: i64) -> Option<Self> {
        Self::of_seconds(self.0.checked_add(seconds)?)
    }

    /// Seconds since the beginning of 1601.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// Seconds since midnight.
    #[must_use]
    pub const fn second_of_day(self) -> i64 {
        self.0.rem_euclid(DAY_SECONDS)
    }

    /// The midnight before or at it.
    #[must_use]
    pub const fn midnight(self) -> Self {
        Self(self.0 - self.second_of_day())
    }

    /// The midnight nearest to it: stores keep days as midnights of a zone that they do not always name.
    #[must_use]
    pub fn nearest_midnight(self) -> Option<Self> {
        self.plus(DAY_SECONDS / 2).map(Self::midnight)
    }

    /// Its date and time.
    #[must_use]
    pub fn civil(self) -> DateTime {
        let days = jiff::Span::new().days(self.0 / DAY_SECONDS);
        let second = jiff::SignedDuration::from_secs(self.second_of_day());
        epoch().saturating_add(days).saturating_add(second)
    }

    /// Its date.
    #[must_use]
    pub fn date(self) -> Date {
        self.civil().date()
    }

    /// `20261121`
    #[must_use]
    pub fn day(self) -> String {
        let date = self.date();
        format!("{:04}{:02}{:02}", date.year(), date.month(), date.day())
    }

    /// `20261121T153000`
    #[must_use]
    pub fn basic(self) -> String {
        let time = self.civil().time();
        format!("{}T{:02}{:02}{:02}", self.day(), time.hour(), time.minute(), time.second())
    }

    /// `20261121T153000Z`, of a moment in UTC.
    #[must_use]
    pub fn utc(self) -> String {
        format!("{}Z", self.basic())
    }
}

fn epoch() -> DateTime {
    jiff::civil::date(1601, 1, 1).at(0, 0, 0, 0)
}

/// The nth weekday of a month; the last one for 5 ([MS-OXOCAL] §2.2.1.41.1). `weekday` counts from Sunday, 0.
#[must_use]
pub fn nth_weekday(year: i16, month: i8, weekday: i8, nth: i8) -> Option<Date> {
    let first = Date::new(year, month, 1).ok()?;
    let weekday = jiff::civil::Weekday::from_sunday_zero_offset(weekday).ok()?;
    let nth = if nth == 5 { -1 } else { nth };
    first.nth_weekday_of_month(nth, weekday).ok()
}

#[cfg(test)]
mod tests {
    use super::{Moment, NO_END_MINUTES, nth_weekday};

    #[test]
    fn moments_are_written_as_calendars_write_them() {
        let moment = Moment::of_filetime(133_500_000_000_000_000).expect("a year that calendars can name");
        assert_eq!((moment.utc().as_str(), moment.day().as_str()), ("20240117T212000Z", "20240117"));
        let latest =
            Moment::of_seconds(super::END_SECONDS - 1).expect("the last second that calendars can name");
        assert_eq!(latest.utc(), "99991231T235959Z");
        for moment in [moment, latest] {
            assert_eq!(Moment::of_civil(moment.civil()), Some(moment));
        }
        assert_eq!(Moment::of_minutes(0).map(Moment::basic).as_deref(), Some("16010101T000000"));
        assert_eq!(Moment::of_minutes(NO_END_MINUTES).map(Moment::day).as_deref(), Some("45001231"));
        assert_eq!(Moment::of_minutes(u32::MAX).map(Moment::day).as_deref(), Some("97670216"));
        assert_eq!(Moment::of_filetime(u64::MAX), None);
        assert_eq!(Moment::of_seconds(-1), None);
    }

    #[test]
    fn the_fifth_weekday_is_the_last() {
        assert_eq!(nth_weekday(2026, 10, 0, 5).map(|date| date.day()), Some(25));
        assert_eq!(nth_weekday(2026, 3, 0, 2).map(|date| date.day()), Some(8));
        assert_eq!(nth_weekday(2026, 13, 0, 2), None);
        assert_eq!(nth_weekday(2026, 3, 7, 2), None);
    }
}
