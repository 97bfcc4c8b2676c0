//! Appointments and meetings as VEVENT (RFC 5545 §3.6.1, [MS-OXCICAL] §2.1.3.1.1.20): one for the appointment or the
//! series, one for each changed instance. Never says where a text goes or what a mail program does with it.

use std::borrow::Cow;

use super::common;
use super::lines::Lines;
use super::moment::{DAY_SECONDS, Moment};
use super::people::{self, Answer};
use super::recurrence::Changed;
use super::zone::Zone;
use crate::mime::address;
use crate::mime::tag;
use crate::mime::view::View;
use crate::names::{PSETID_APPOINTMENT, PSETID_MEETING};

/// `PSETID_Appointment` ([MS-OXOCAL] §2.2.1).
const SEQUENCE: u32 = 0x8201;
const BUSY_STATUS: u32 = 0x8205;
const LOCATION: u32 = 0x8208;
const STATE_FLAGS: u32 = 0x8217;
/// Bits of `PidLidAppointmentStateFlags`.
const IS_MEETING: i64 = 1;
const IS_CANCELED: i64 = 4;
/// `PSETID_Meeting`.
const ATTENDEE_CHANGE: u32 = 0x0001;
const OWNER_CHANGE: u32 = 0x001A;
/// `PidTagResponseRequested`.
const RESPONSE_REQUESTED: u16 = 0x0063;

/// What a calendar part is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It only records: an entry of a calendar.
    Record,
    /// It asks.
    Request,
    /// It calls off.
    Cancel,
    /// It answers.
    Reply(Answer),
    /// It answers with another time.
    Counter(Answer),
}

impl Purpose {
    /// The purpose of a class of meeting messages; nothing for those that are about no appointment.
    #[must_use]
    pub fn of_class(class: &str, has_counter: bool) -> Option<Self> {
        let class = class.to_ascii_lowercase();
        let answer = |answer| Some(if has_counter { Self::Counter(answer) } else { Self::Reply(answer) });
        match class.strip_prefix("ipm.schedule.meeting.")?.split('.').collect::<Vec<_>>()[..] {
            ["request", ..] => Some(Self::Request),
            ["canceled", ..] => Some(Self::Cancel),
            ["resp", "pos", ..] => answer(Answer::Accepted),
            ["resp", "neg", ..] => answer(Answer::Declined),
            ["resp", "tent", ..] => answer(Answer::Tentative),
            _ => None,
        }
    }

    /// Its iTIP method.
    #[must_use]
    pub const fn method(self) -> Option<&'static str> {
        match self {
            Self::Record => None,
            Self::Request => Some("REQUEST"),
            Self::Cancel => Some("CANCEL"),
            Self::Reply(_) => Some("REPLY"),
            Self::Counter(_) => Some("COUNTER"),
        }
    }

    /// Who answers what, where somebody does.
    const fn answer(self) -> Option<Answer> {
        match self {
            Self::Reply(answer) | Self::Counter(answer) => Some(answer),
            _ => None,
        }
    }
}

/// By which clock the times of an event are written.
#[derive(Debug, Clone, Copy)]
pub enum Clock<'a> {
    /// As dates of no zone.
    Date,
    /// By the wall clock of a zone.
    Wall(&'a Zone),
    /// In UTC.
    Utc,
}

impl Clock<'_> {
    /// A property that is a time by this clock.
    #[must_use]
    pub fn property(self, name: &str, moment: Moment) -> String {
        match self {
            Self::Date => format!("{name};VALUE=DATE:{}", moment.day()),
            Self::Wall(zone) => format!("{name}{}", zone.stamp(moment)),
            Self::Utc => format!("{name}:{}", moment.utc()),
        }
    }
}

/// When an event is, by its clock.
#[derive(Debug, Clone, Copy)]
pub struct When<'a> {
    /// The clock.
    pub clock: Clock<'a>,
    /// When it begins.
    pub start: Moment,
    /// When it ends; not before it begins.
    pub end: Moment,
}

impl<'a> When<'a> {
    /// A time from `start` to `end`; whole days end after they began.
    #[must_use]
    pub fn new(clock: Clock<'a>, start: Moment, end: Moment) -> Self {
        if !matches!(clock, Clock::Date) {
            return Self { clock, start, end: end.max(start) };
        }
        let (start, end) = (start.midnight(), end.midnight());
        let next = start.plus(DAY_SECONDS).unwrap_or(start);
        Self { clock, start, end: end.max(next) }
    }
}

/// One event to be written.
#[derive(Debug)]
pub struct Event<'e, 'a> {
    /// The item that says what the event is.
    pub view: &'e View<'a>,
    /// For a changed instance, what was changed of the series, which `view` may not say.
    pub changed: Option<&'e Changed>,
    /// For a changed instance, the item of the series.
    pub series: &'e View<'a>,
    /// What the part is for.
    pub purpose: Purpose,
    /// What it is called by.
    pub uid: &'e str,
    /// When it is.
    pub when: When<'e>,
    /// Lines on its recurrence: `RRULE` and `EXDATE`, or `RECURRENCE-ID`.
    pub recurrence: Vec<String>,
}

impl Event<'_, '_> {
    /// Writes the event.
    pub fn put(&self, lines: &mut Lines) {
        lines.line("BEGIN:VEVENT");
        lines.text("UID", self.uid);
        let change = if self.purpose.answer().is_some() { ATTENDEE_CHANGE } else { OWNER_CHANGE };
        let own_stamp = common::named_moment(self.view, PSETID_MEETING, change);
        common::put_stamps(lines, self.view, own_stamp, self.when.start);
        lines.line(&self.when.clock.property("DTSTART", self.when.start));
        lines.line(&self.when.clock.property("DTEND", self.when.end));
        self.recurrence.iter().for_each(|line| lines.line(line));
        lines.text_if("SUMMARY", self.subject());
        lines.text_if("LOCATION", self.location());
        common::put_description(lines, self.view);
        let sequence = self.series.named_integer(PSETID_APPOINTMENT, SEQUENCE).unwrap_or(0);
        lines.line(&format!("SEQUENCE:{}", sequence.clamp(0, i64::from(i32::MAX))));
        common::put_classes(lines, self.series);
        self.put_status(lines);
        self.put_people(lines);
        self.put_reminder(lines);
        lines.line("END:VEVENT");
    }

    /// The subject, for meeting messages without the "Accepted: " that mail programs put before it.
    fn subject(&self) -> Option<Cow<'_, str>> {
        let own = self.changed.and_then(|changed| {
            let narrow = changed.subject.as_ref().map(|octets| self.series.page.decode(octets).0);
            changed.wide_subject.as_deref().map(Cow::Borrowed).or(narrow)
        });
        let of = |view: &View<'_>| match self.purpose {
            Purpose::Record | Purpose::Request => view.subject().map(Cow::into_owned),
            _ => view.text(tag::NORMALIZED_SUBJECT).or_else(|| view.subject()).map(Cow::into_owned),
        };
        own.or_else(|| of(self.view).or_else(|| of(self.series)).map(Cow::Owned))
    }

    fn location(&self) -> Option<Cow<'_, str>> {
        let own = self.changed.and_then(|changed| {
            let narrow = changed.location.as_ref().map(|octets| self.series.page.decode(octets).0);
            changed.wide_location.as_deref().map(Cow::Borrowed).or(narrow)
        });
        let of = |view: &View<'_>| view.named_text(PSETID_APPOINTMENT, LOCATION).map(Cow::into_owned);
        own.or_else(|| of(self.view).or_else(|| of(self.series)).map(Cow::Owned))
    }

    fn put_status(&self, lines: &mut Lines) {
        let own = self.changed.and_then(|changed| changed.busy).map(i64::from);
        let of = |view: &View<'_>| view.named_integer(PSETID_APPOINTMENT, BUSY_STATUS);
        let busy = own.or_else(|| of(self.view)).or_else(|| of(self.series)).unwrap_or(2);
        let flags = self.view.named_integer(PSETID_APPOINTMENT, STATE_FLAGS).unwrap_or(0);
        let is_canceled = self.purpose == Purpose::Cancel || flags & IS_CANCELED != 0;
        lines.line(match busy {
            _ if is_canceled => "STATUS:CANCELLED",
            1 => "STATUS:TENTATIVE",
            _ => "STATUS:CONFIRMED",
        });
        lines.line(if busy == 0 { "TRANSP:TRANSPARENT" } else { "TRANSP:OPAQUE" });
        let name = match busy {
            0 => "FREE",
            1 => "TENTATIVE",
            3 => "OOF",
            4 => "WORKINGELSEWHERE",
            _ => "BUSY",
        };
        lines.line(&format!("X-MICROSOFT-CDO-BUSYSTATUS:{name}"));
    }

    fn put_people(&self, lines: &mut Lines) {
        let view = if self.view.item.recipients.is_empty() { self.series } else { self.view };
        if let Some(answer) = self.purpose.answer() {
            if let Some(organizer) = people::organizer_among(view, true) {
                people::put_organizer(lines, &organizer);
            }
            if let Some(author) = address::author(view) {
                people::put_answer(lines, &author, answer);
            }
            return;
        }
        let flags = self.series.named_integer(PSETID_APPOINTMENT, STATE_FLAGS).unwrap_or(0);
        if self.purpose == Purpose::Record && flags & IS_MEETING == 0 {
            return;
        }
        if let Some(organizer) = people::organizer_among(view, false).or_else(|| address::author(self.series))
        {
            people::put_organizer(lines, &organizer);
        }
        let is_wished = view.item.properties.get(RESPONSE_REQUESTED).is_none()
            || view.item.properties.is_set(RESPONSE_REQUESTED);
        people::put_attendees(lines, view, self.purpose == Purpose::Request && is_wished);
    }

    fn put_reminder(&self, lines: &mut Lines) {
        if !matches!(self.purpose, Purpose::Record | Purpose::Request) {
            return;
        }
        let of_series = common::reminder_minutes(self.series);
        let minutes = match self.changed {
            Some(Changed { has_reminder: Some(false), .. }) => None,
            Some(Changed { reminder_minutes: Some(own), .. }) => common::believed_minutes(i64::from(*own)),
            _ => of_series,
        };
        if let Some(minutes) = minutes {
            common::put_alarm(lines, &format!("TRIGGER:-PT{minutes}M"));
        }
    }
}
