//! Appointments and meeting messages as one calendar: times, zones, series and their changed instances.
//! Never drops an appointment for the sake of its series: what is not understood of that is told.

use std::collections::{BTreeMap, BTreeSet};

use super::PimPart;
use super::common;
use super::event::{Clock, Event, Purpose, When};
use super::identity;
use super::lines::Lines;
use super::moment::Moment;
use super::recurrence::{Changed, Series};
use super::rule::{self, Stamp};
use super::zone::Zone;
use crate::item::{Content, Item};
use crate::loss::{LossKind, Losses};
use crate::mime::view::View;
use crate::names::{PSETID_APPOINTMENT, PSETID_COMMON};

/// `PSETID_Appointment` ([MS-OXOCAL] §2.2.1, §2.2.5).
const START: u32 = 0x820D;
const END: u32 = 0x820E;
const IS_ALL_DAY: u32 = 0x8215;
const SERIES: u32 = 0x8216;
const REPLACED_TIME: u32 = 0x8228;
const ZONE_STRUCT: u32 = 0x8233;
const ZONE_NAME: u32 = 0x8234;
const PROPOSED_START: u32 = 0x8250;
const PROPOSED_END: u32 = 0x8251;
const START_ZONE: u32 = 0x825E;
const SERIES_ZONE: u32 = 0x8260;
/// `PSETID_Common`.
const COMMON_START: u32 = 0x8516;
const COMMON_END: u32 = 0x8517;
/// `PidTagStartDate`, `PidTagEndDate`.
const START_DATE: u16 = 0x0060;
const END_DATE: u16 = 0x0061;
/// `PidTagExceptionStartTime`: when a changed instance begins, by the wall clock.
const EXCEPTION_START: u16 = 0x7FFB;

/// Longest calendar of one item, in octets: changed instances that would stand beyond are told and left out.
pub const PART_OCTETS_MAX: usize = 16 * 1024 * 1024;

/// The zone that stands for one that is only an offset from UTC.
const BARE_ZONE: &str = "Fixed offset";

/// The calendar of an appointment or a meeting message; nothing where it has no time.
pub fn part(view: &View<'_>, purpose: Purpose, losses: &mut Losses) -> Option<PimPart> {
    let Some((start, end)) = times(view, purpose) else {
        losses.note(LossKind::PimNotConverted, None, "an appointment without a time is carried as mail");
        return None;
    };
    let uid = identity::of_event(view, losses.place());
    let calendar = Calendar { view, purpose, uid };
    let zone = zone(view, losses);
    let mut lines = Lines::default();
    common::begin_calendar(&mut lines, purpose.method());
    let series = view.named_binary(PSETID_APPOINTMENT, SERIES).filter(|octets| !octets.is_empty());
    let series = match series.map(Series::read) {
        Some(None) => {
            losses.note(
                LossKind::PimProperty,
                view.numbered(PSETID_APPOINTMENT, SERIES),
                "the series cannot be read; its first instance stands for it",
            );
            None
        }
        Some(Some(series)) => Some(series),
        None => None,
    };
    match series {
        Some(series) => calendar.put_series(&mut lines, &series, zone, start, losses),
        None => calendar.put_single(&mut lines, zone.as_ref(), start, end),
    }
    lines.line("END:VCALENDAR");
    let file_name = if purpose == Purpose::Record { "appointment.ics" } else { "meeting.ics" };
    Some(PimPart {
        media_type: "text/calendar",
        method: purpose.method(),
        file_name: file_name.to_owned(),
        octets: lines.into_octets(),
    })
}

/// When the appointment begins and ends, in UTC.
fn times(view: &View<'_>, purpose: Purpose) -> Option<(Moment, Moment)> {
    let named = |set, number| common::named_moment(view, set, number);
    let proposed = if matches!(purpose, Purpose::Counter(_)) {
        named(PSETID_APPOINTMENT, PROPOSED_START).zip(named(PSETID_APPOINTMENT, PROPOSED_END))
    } else {
        None
    };
    if proposed.is_some() {
        return proposed;
    }
    let start = named(PSETID_APPOINTMENT, START).or_else(|| named(PSETID_COMMON, COMMON_START));
    let start = start.or_else(|| common::moment(view, START_DATE))?;
    let end = named(PSETID_APPOINTMENT, END).or_else(|| named(PSETID_COMMON, COMMON_END));
    Some((start, end.or_else(|| common::moment(view, END_DATE)).unwrap_or(start)))
}

/// The zone that the appointment was made in, where it says one that can be read.
fn zone(view: &View<'_>, losses: &mut Losses) -> Option<Zone> {
    let name = || view.named_text(PSETID_APPOINTMENT, ZONE_NAME).unwrap_or_default();
    let mut is_broken = false;
    for number in [SERIES_ZONE, ZONE_STRUCT, START_ZONE] {
        let Some(octets) = view.named_binary(PSETID_APPOINTMENT, number) else { continue };
        let zone = if number == ZONE_STRUCT {
            Zone::of_struct(octets, &name())
        } else {
            Zone::of_definition(octets)
        };
        if zone.is_some() {
            return zone;
        }
        is_broken |= !octets.is_empty();
    }
    if is_broken {
        losses.note(LossKind::PimProperty, None, "the time zone cannot be read; times are in UTC");
    }
    None
}

struct Calendar<'c, 'a> {
    view: &'c View<'a>,
    purpose: Purpose,
    uid: String,
}

impl<'a> Calendar<'_, 'a> {
    fn is_all_day(&self) -> bool {
        self.view.named_integer(PSETID_APPOINTMENT, IS_ALL_DAY).is_some_and(|all_day| all_day != 0)
    }

    fn put_single(&self, lines: &mut Lines, zone: Option<&Zone>, start: Moment, end: Moment) {
        let local = |utc: Moment| zone.and_then(|zone| zone.local(utc)).unwrap_or(utc);
        let when = if self.is_all_day() {
            let day = |utc: Moment| local(utc).nearest_midnight().unwrap_or(utc);
            When::new(Clock::Date, day(start), day(end))
        } else if let Some(zone) = zone {
            let when = When::new(Clock::Wall(zone), local(start), local(end));
            zone.put(lines, when.start, Some(when.end));
            when
        } else {
            When::new(Clock::Utc, start, end)
        };
        let mut recurrence = Vec::new();
        // A message about one instance of a series names it by when it would have been.
        if let Some(date) = identity::instance(self.view) {
            let replaced = common::named_moment(self.view, PSETID_APPOINTMENT, REPLACED_TIME).map(local);
            let own_time =
                Moment::of_civil(date.at(0, 0, 0, 0)).and_then(|day| day.plus(when.start.second_of_day()));
            recurrence.extend(replaced.or(own_time).map(|id| when.clock.property("RECURRENCE-ID", id)));
        }
        self.event(self.view, when, recurrence, None).put(lines);
    }

    fn put_series(
        &self,
        lines: &mut Lines,
        series: &Series,
        zone: Option<Zone>,
        start: Moment,
        losses: &mut Losses,
    ) {
        let first = series.pattern.start.midnight().plus(i64::from(series.start_minutes) * 60);
        let first = first.unwrap_or(series.pattern.start);
        let minutes = i64::from(series.end_minutes - series.start_minutes);
        let last = first.plus(minutes * 60).unwrap_or(first);
        // Patterns are of the wall clock: without a zone, what parts it from UTC at the first instance stands for all.
        let zone = zone.unwrap_or_else(|| {
            if !self.is_all_day() {
                let told = "a series without a time zone keeps the offset of its first instance";
                losses.note(LossKind::PimProperty, None, told);
            }
            Zone::fixed(BARE_ZONE, (first.seconds() - start.seconds()) / 60)
        });
        let clock = if self.is_all_day() { Clock::Date } else { Clock::Wall(&zone) };
        let stamp = match clock {
            Clock::Date => Stamp::Date,
            Clock::Wall(_) | Clock::Utc => Stamp::Zone(&zone, first.second_of_day()),
        };
        let mut recurrence = Vec::new();
        match rule::of(&series.pattern, stamp) {
            Some(rule) => recurrence.push(format!("RRULE:{rule}")),
            None => losses.note(
                LossKind::PimProperty,
                self.view.numbered(PSETID_APPOINTMENT, SERIES),
                "the series has no rule in this calendar; its first instance stands for it",
            ),
        }
        let has_rule = !recurrence.is_empty();
        let is_wall_used =
            !matches!(clock, Clock::Date) || series.changed.iter().any(|one| one.is_all_day == Some(false));
        if is_wall_used {
            let earliest = series.changed.iter().map(|changed| changed.start.min(changed.original)).min();
            zone.put(lines, earliest.map_or(first, |earliest| earliest.min(first)), None);
        }
        if has_rule {
            recurrence.extend(deleted(series, clock));
        }
        self.event(self.view, When::new(clock, first, last), recurrence, None).put(lines);
        if series.is_cut {
            let told = "the changed instances of the series cannot all be read";
            losses.note(LossKind::PimProperty, self.view.numbered(PSETID_APPOINTMENT, SERIES), told);
        }
        if has_rule {
            self.put_changed(lines, series, clock, &zone, losses);
        }
    }

    /// Writes the changed instances; their attachments say what the pattern does not.
    fn put_changed(
        &self,
        lines: &mut Lines,
        series: &Series,
        clock: Clock<'_>,
        zone: &Zone,
        losses: &mut Losses,
    ) {
        let items = Instances::of(self.view, zone);
        for (written, changed) in series.changed.iter().enumerate() {
            if lines.octets() > PART_OCTETS_MAX {
                let left = series.changed.len() - written;
                let told = format!("changed instances that would make the calendar too long: {left}");
                losses.note(LossKind::PimProperty, self.view.numbered(PSETID_APPOINTMENT, SERIES), told);
                return;
            }
            let own = items.find(changed).map(|item| View::new(item, self.view.context));
            let own_clock = match changed.is_all_day {
                Some(true) => Clock::Date,
                Some(false) => Clock::Wall(zone),
                None => clock,
            };
            let when = When::new(own_clock, changed.start, changed.end);
            let recurrence = vec![clock.property("RECURRENCE-ID", changed.original)];
            self.event(own.as_ref().unwrap_or(self.view), when, recurrence, Some(changed)).put(lines);
        }
    }

    fn event<'e>(
        &'e self,
        view: &'e View<'a>,
        when: When<'e>,
        recurrence: Vec<String>,
        changed: Option<&'e Changed>,
    ) -> Event<'e, 'a> {
        Event { view, changed, series: self.view, purpose: self.purpose, uid: &self.uid, when, recurrence }
    }
}

/// The embedded items of changed instances, by the wall clock: when they would have been, and when they are.
struct Instances<'a> {
    by_original: BTreeMap<Moment, &'a Item>,
    by_start: BTreeMap<Moment, &'a Item>,
}

impl<'a> Instances<'a> {
    fn of(view: &View<'a>, zone: &Zone) -> Self {
        let replaced = view.numbered(PSETID_APPOINTMENT, REPLACED_TIME);
        let mut found = Self { by_original: BTreeMap::new(), by_start: BTreeMap::new() };
        for attachment in &view.item.attachments {
            let Content::Embedded(item) = &attachment.content else { continue };
            let utc = replaced.and_then(|id| item.properties.time(id)).and_then(Moment::of_filetime);
            if let Some(original) = utc.and_then(|utc| zone.local(utc)) {
                found.by_original.entry(original).or_insert(item);
            }
            if let Some(start) = attachment.properties.time(EXCEPTION_START).and_then(Moment::of_filetime) {
                found.by_start.entry(start).or_insert(item);
            }
        }
        found
    }

    fn find(&self, changed: &Changed) -> Option<&'a Item> {
        self.by_original.get(&changed.original).or_else(|| self.by_start.get(&changed.start)).copied()
    }
}

/// The instances that are not held at all: those that are on the list of deleted ones and were not only changed.
fn deleted(series: &Series, clock: Clock<'_>) -> Vec<String> {
    let changed: BTreeSet<Moment> =
        series.changed.iter().map(|changed| changed.original.midnight()).collect();
    let days = series.pattern.deleted.iter().map(|day| day.midnight()).filter(|day| !changed.contains(day));
    let starts = days.filter_map(|day| day.plus(i64::from(series.start_minutes) * 60));
    starts.map(|start| clock.property("EXDATE", start)).collect()
}
