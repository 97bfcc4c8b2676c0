//! The binary form of a series: its pattern, its deleted and its changed instances ([MS-OXOCAL] §2.2.1.44).
//! Never trusts a count: every list ends where its octets end, and at a named limit.

use super::moment::{Moment, NO_END_MINUTES};
use super::octets::Octets;

/// Most deleted or changed instances of one series.
pub const INSTANCES_MAX: usize = 10_000;

/// How often a series comes, and when it begins and ends. Moments are of the wall clock of its zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// The unit in which it is counted.
    pub unit: Unit,
    /// Every how many units; at least 1.
    pub interval: u32,
    /// Which days within the unit.
    pub days: Days,
    /// The first day of the week, from Sunday, 0.
    pub week_start: u8,
    /// The calendar in which months are counted; true for the Gregorian one.
    pub is_gregorian: bool,
    /// The day of the first instance.
    pub start: Moment,
    /// When it ends.
    pub end: End,
    /// Midnights of instances that are not held as they would be: those deleted, and those that were changed.
    pub deleted: Vec<Moment>,
}

/// Units of time in which a series is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Days.
    Day,
    /// Weeks.
    Week,
    /// Months.
    Month,
    /// Years.
    Year,
}

/// Days within a unit. Weekdays are bits from Sunday, 1, on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Days {
    /// Every one.
    All,
    /// Weekdays of a week.
    OfWeek(u8),
    /// One day of a month; 31 is the last one, and days that a month does not have are its last.
    OfMonth(u32),
    /// The nth of several weekdays of a month; the last for 5.
    Nth(u8, u32),
}

/// When a series ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Never.
    Never,
    /// With the instance on this day or before it.
    On(Moment),
    /// After so many instances.
    After(u32),
}

/// A changed instance. Moments are of the wall clock of its zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// When it begins.
    pub start: Moment,
    /// When it ends.
    pub end: Moment,
    /// When the instance would have begun.
    pub original: Moment,
    /// Its own subject, octets of the item's code page; the wide form outweighs it.
    pub subject: Option<Vec<u8>>,
    /// Its own location, likewise.
    pub location: Option<Vec<u8>>,
    /// Its own subject in Unicode.
    pub wide_subject: Option<String>,
    /// Its own location in Unicode.
    pub wide_location: Option<String>,
    /// How its time is shown to others, where that differs.
    pub busy: Option<u32>,
    /// Whether it takes the whole day, where that differs.
    pub is_all_day: Option<bool>,
    /// Minutes of its reminder, where those differ.
    pub reminder_minutes: Option<u32>,
    /// Whether there is a reminder, where that differs.
    pub has_reminder: Option<bool>,
}

/// A series of appointments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// How often it comes.
    pub pattern: Pattern,
    /// Minutes after midnight at which an instance begins.
    pub start_minutes: u32,
    /// Minutes after that midnight at which it ends.
    pub end_minutes: u32,
    /// Its changed instances.
    pub changed: Vec<Changed>,
    /// True where the list of changed instances is cut or broken: those that could be read are there.
    pub is_cut: bool,
}

const NO_END: [u32; 2] = [0x2023, 0xFFFF_FFFF];
const END_BY_DATE: u32 = 0x2021;
const END_BY_COUNT: u32 = 0x2022;

/// Bits of `OverrideFlags` (§2.2.1.44.2).
const SUBJECT: u16 = 0x0001;
const MEETING_TYPE: u16 = 0x0002;
const REMINDER_DELTA: u16 = 0x0004;
const REMINDER: u16 = 0x0008;
const LOCATION: u16 = 0x0010;
const BUSY: u16 = 0x0020;
const ATTACHMENT: u16 = 0x0040;
const ALL_DAY: u16 = 0x0080;
const COLOR: u16 = 0x0100;

/// From this version on, extended exceptions begin with a block about what was changed.
const WRITER_WITH_HIGHLIGHT: u32 = 0x3009;

impl Pattern {
    /// Reads a pattern; gives it with what follows it. Tasks have nothing but this.
    #[must_use]
    pub fn read(octets: &[u8]) -> Option<(Self, Octets<'_>)> {
        let mut octets = Octets(octets);
        octets.take(4)?;
        let frequency = octets.half()?;
        let kind = octets.half()?;
        let calendar = octets.half()?;
        octets.word()?;
        let period = octets.word()?;
        octets.word()?;
        let days = match kind {
            0x0000 => Days::All,
            0x0001 => Days::OfWeek(weekdays(octets.word()?)?),
            0x0002 | 0x0004 | 0x000A | 0x000C => Days::OfMonth(octets.word()?),
            0x0003 | 0x000B => Days::Nth(weekdays(octets.word()?)?, octets.word()?),
            _ => return None,
        };
        let end_kind = octets.word()?;
        let count = octets.word()?;
        let week_start = u8::try_from(octets.word()?).ok().filter(|day| *day < 7).unwrap_or(0);
        let deleted = midnights(&mut octets)?;
        midnights(&mut octets)?;
        let start = Moment::of_minutes(octets.word()?)?;
        let end_minutes = octets.word()?;
        let end = match end_kind {
            END_BY_COUNT if count > 0 => End::After(count),
            END_BY_DATE if end_minutes != NO_END_MINUTES => End::On(Moment::of_minutes(end_minutes)?),
            _ if NO_END.contains(&end_kind) || end_minutes == NO_END_MINUTES => End::Never,
            _ => End::On(Moment::of_minutes(end_minutes)?),
        };
        let (unit, interval) = unit(frequency, kind, period)?;
        if !is_sound(days) {
            return None;
        }
        let is_gregorian = kind < 0x000A && matches!(calendar, 0 | 1 | 9..=12);
        Some((Self { unit, interval, days, week_start, is_gregorian, start, end, deleted }, octets))
    }
}

impl Series {
    /// Reads `PidLidAppointmentRecur`; nothing where not even its pattern can be read.
    #[must_use]
    pub fn read(octets: &[u8]) -> Option<Self> {
        const DAY_MINUTES: u32 = 24 * 60;
        let (pattern, mut octets) = Pattern::read(octets)?;
        octets.word()?;
        let writer = octets.word()?;
        let start_minutes = octets.word()?;
        let end_minutes = octets.word()?;
        // An instance begins on its day, and what is longer than a month is no instance of anything.
        if start_minutes >= DAY_MINUTES || end_minutes < start_minutes || end_minutes > 32 * DAY_MINUTES {
            return None;
        }
        let mut series = Self { pattern, start_minutes, end_minutes, changed: Vec::new(), is_cut: false };
        series.is_cut = series.read_changed(octets, writer).is_none();
        Some(series)
    }

    /// Reads the changed instances: first all in their short form, then what only the long form has.
    fn read_changed(&mut self, mut octets: Octets<'_>, writer: u32) -> Option<()> {
        let count = usize::from(octets.half()?);
        let mut flags = Vec::new();
        for _ in 0..count.min(INSTANCES_MAX) {
            let (changed, own) = Changed::read(&mut octets)?;
            self.changed.push(changed);
            flags.push(own);
        }
        // The long form only repeats the names in Unicode: series without it are whole.
        let _ = self.read_wide(octets, writer, &flags);
        (count <= INSTANCES_MAX).then_some(())
    }

    fn read_wide(&mut self, mut octets: Octets<'_>, writer: u32, flags: &[u16]) -> Option<()> {
        let skip = |octets: &mut Octets<'_>| {
            let size = usize::try_from(octets.word()?).ok()?;
            octets.take(size).map(|_| ())
        };
        skip(&mut octets)?;
        for (changed, flags) in self.changed.iter_mut().zip(flags) {
            if writer >= WRITER_WITH_HIGHLIGHT {
                skip(&mut octets)?;
            }
            skip(&mut octets)?;
            if flags & (SUBJECT | LOCATION) != 0 {
                octets.take(12)?;
                if flags & SUBJECT != 0 {
                    let units = usize::from(octets.half()?);
                    changed.wide_subject = Some(octets.wide(units)?);
                }
                if flags & LOCATION != 0 {
                    let units = usize::from(octets.half()?);
                    changed.wide_location = Some(octets.wide(units)?);
                }
                skip(&mut octets)?;
            }
        }
        Some(())
    }
}

impl Changed {
    fn read(octets: &mut Octets<'_>) -> Option<(Self, u16)> {
        let moment = |octets: &mut Octets<'_>| Moment::of_minutes(octets.word()?);
        let (start, end, original) = (moment(octets)?, moment(octets)?, moment(octets)?);
        let flags = octets.half()?;
        let has = |flag: u16| flags & flag != 0;
        let subject = if has(SUBJECT) { Some(narrow(octets)?) } else { None };
        if has(MEETING_TYPE) {
            octets.word()?;
        }
        let reminder_minutes = if has(REMINDER_DELTA) { Some(octets.word()?) } else { None };
        let has_reminder = if has(REMINDER) { Some(octets.word()? != 0) } else { None };
        let location = if has(LOCATION) { Some(narrow(octets)?) } else { None };
        let busy = if has(BUSY) { Some(octets.word()?) } else { None };
        if has(ATTACHMENT) {
            octets.word()?;
        }
        let is_all_day = if has(ALL_DAY) { Some(octets.word()? != 0) } else { None };
        if has(COLOR) {
            octets.word()?;
        }
        let end = end.max(start);
        let changed = Self {
            start,
            end,
            original,
            subject,
            location,
            wide_subject: None,
            wide_location: None,
            busy,
            is_all_day,
            reminder_minutes,
            has_reminder,
        };
        Some((changed, flags))
    }
}

/// A string whose length stands before it twice: with the NUL that it does not have, and without.
fn narrow(octets: &mut Octets<'_>) -> Option<Vec<u8>> {
    octets.half()?;
    let length = usize::from(octets.half()?);
    octets.take(length).map(<[u8]>::to_vec)
}

/// A counted list of midnights.
fn midnights(octets: &mut Octets<'_>) -> Option<Vec<Moment>> {
    let count = usize::try_from(octets.word()?).ok().filter(|count| *count <= INSTANCES_MAX)?;
    let list = octets.take(count * 4)?;
    let mut minutes = Octets(list);
    (0..count).map(|_| Moment::of_minutes(minutes.word()?)).collect()
}

fn weekdays(bits: u32) -> Option<u8> {
    u8::try_from(bits & 0x7F).ok().filter(|bits| *bits != 0)
}

/// The unit and interval of a frequency, a kind of pattern and a period. Days are counted in minutes, years in months.
fn unit(frequency: u16, kind: u16, period: u32) -> Option<(Unit, u32)> {
    const DAY_MINUTES: u32 = 24 * 60;
    const YEAR_MONTHS: u32 = 12;
    let (unit, interval) = match frequency {
        // "Every weekday" is counted in days and means weeks.
        0x200A if kind == 1 => (Unit::Week, 1),
        0x200A => (Unit::Day, period / DAY_MINUTES),
        0x200B => (Unit::Week, period),
        0x200C => (Unit::Month, period),
        0x200D if period.is_multiple_of(YEAR_MONTHS) => (Unit::Year, period / YEAR_MONTHS),
        0x200D => (Unit::Month, period),
        _ => return None,
    };
    const INTERVAL_MAX: u32 = 9999;
    let is_of_unit = match unit {
        Unit::Day => kind == 0,
        Unit::Week => kind <= 1,
        Unit::Month | Unit::Year => kind >= 2,
    };
    (is_of_unit && (1..=INTERVAL_MAX).contains(&interval)).then_some((unit, interval))
}

fn is_sound(days: Days) -> bool {
    match days {
        Days::All | Days::OfWeek(_) => true,
        Days::OfMonth(day) => (1..=31).contains(&day),
        Days::Nth(_, nth) => (1..=5).contains(&nth),
    }
}

#[cfg(test)]
pub(super) mod tests;
