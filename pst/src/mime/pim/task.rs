//! Tasks as VTODO (RFC 5545 §3.6.2) and journal entries as VJOURNAL (§3.6.3).
//! Never an appointment: tasks have days, not times.

use super::PimPart;
use super::common;
use super::identity;
use super::lines::Lines;
use super::moment::Moment;
use super::recurrence::Pattern;
use super::rule::{self, Stamp};
use crate::loss::{LossKind, Losses};
use crate::mime::tag;
use crate::mime::view::View;
use crate::names::{PSETID_COMMON, PSETID_LOG, PSETID_TASK};
use crate::property::Value;

/// `PSETID_Task` ([MS-OXOTASK] §2.2.2.2).
const STATUS: u32 = 0x8101;
const PERCENT_COMPLETE: u32 = 0x8102;
const START_DATE: u32 = 0x8104;
const DUE_DATE: u32 = 0x8105;
const DATE_COMPLETED: u32 = 0x810F;
const RECURRENCE: u32 = 0x8116;
const IS_COMPLETE: u32 = 0x811C;
const OWNER: u32 = 0x811F;
/// `PSETID_Common`.
const REMINDER_SET: u32 = 0x8503;
const REMINDER_TIME: u32 = 0x8502;
const REMINDER_SIGNAL_TIME: u32 = 0x8560;
/// `PSETID_Log` ([MS-OXOJRNL] §2.2.1).
const LOG_TYPE: u32 = 0x8700;
const LOG_START: u32 = 0x8706;
const LOG_DURATION: u32 = 0x8707;
const LOG_END: u32 = 0x8708;

const STATUS_IN_PROGRESS: i64 = 1;
const STATUS_COMPLETE: i64 = 2;

/// The calendar of a task.
pub fn part(view: &View<'_>, losses: &mut Losses) -> PimPart {
    let day = |number| {
        let moment = common::named_moment(view, PSETID_TASK, number);
        moment.and_then(Moment::nearest_midnight)
    };
    let (start, due) = (day(START_DATE), day(DUE_DATE));
    let mut lines = Lines::default();
    common::begin_calendar(&mut lines, None);
    lines.line("BEGIN:VTODO");
    lines.text("UID", &identity::made(view, losses.place()));
    common::put_stamps(&mut lines, view, None, start.or(due).unwrap_or_else(epoch));
    lines.text_if("SUMMARY", view.subject());
    common::put_description(&mut lines, view);
    // A task that is due before it begins would be refused as a whole (RFC 5545 §3.8.2.3).
    if let Some(start) = start.filter(|start| due.is_none_or(|due| *start <= due)) {
        lines.line(&format!("DTSTART;VALUE=DATE:{}", start.day()));
    }
    if let Some(due) = due {
        lines.line(&format!("DUE;VALUE=DATE:{}", due.day()));
    }
    put_rule(&mut lines, view, start.or(due), losses);
    put_progress(&mut lines, view, day(DATE_COMPLETED));
    common::put_classes(&mut lines, view);
    lines.text_if("X-MALOTE-OWNER", view.named_text(PSETID_TASK, OWNER));
    if view.named_integer(PSETID_COMMON, REMINDER_SET).is_some_and(|is_set| is_set != 0) {
        let signal = common::named_moment(view, PSETID_COMMON, REMINDER_SIGNAL_TIME);
        let time = signal.or_else(|| common::named_moment(view, PSETID_COMMON, REMINDER_TIME));
        if let Some(time) = time {
            common::put_alarm(&mut lines, &format!("TRIGGER;VALUE=DATE-TIME:{}", time.utc()));
        }
    }
    lines.line("END:VTODO");
    lines.line("END:VCALENDAR");
    PimPart::record("text/calendar", "task.ics", lines)
}

/// Writes how far the task is.
fn put_progress(lines: &mut Lines, view: &View<'_>, completed: Option<Moment>) {
    let status = view.named_integer(PSETID_TASK, STATUS).unwrap_or(0);
    let is_complete = view.named_integer(PSETID_TASK, IS_COMPLETE).is_some_and(|complete| complete != 0);
    if is_complete || status == STATUS_COMPLETE {
        lines.line("STATUS:COMPLETED");
        lines.line("PERCENT-COMPLETE:100");
        if let Some(completed) = completed {
            lines.line(&format!("COMPLETED:{}", completed.utc()));
        }
        return;
    }
    lines.line(if status == STATUS_IN_PROGRESS { "STATUS:IN-PROCESS" } else { "STATUS:NEEDS-ACTION" });
    let Some(Value::Floating64(part)) = view.named(PSETID_TASK, PERCENT_COMPLETE) else { return };
    if (0.0..=1.0).contains(part) {
        lines.line(&format!("PERCENT-COMPLETE:{:.0}", part * 100.0));
    }
}

/// Writes the rule of a task that comes again; it needs a day to count from.
fn put_rule(lines: &mut Lines, view: &View<'_>, day: Option<Moment>, losses: &mut Losses) {
    let Some(octets) = view.named_binary(PSETID_TASK, RECURRENCE).filter(|octets| !octets.is_empty()) else {
        return;
    };
    let rule = Pattern::read(octets).and_then(|(pattern, _)| rule::of(&pattern, Stamp::Date));
    match (rule, day) {
        (Some(rule), Some(_)) => lines.line(&format!("RRULE:{rule}")),
        _ => losses.note(
            LossKind::PimProperty,
            view.numbered(PSETID_TASK, RECURRENCE),
            "the recurrence of the task has no rule in this calendar",
        ),
    }
}

/// The calendar of a journal entry.
pub fn journal(view: &View<'_>, losses: &Losses) -> PimPart {
    let log = |number| common::named_moment(view, PSETID_LOG, number);
    let start = log(LOG_START);
    let mut lines = Lines::default();
    common::begin_calendar(&mut lines, None);
    lines.line("BEGIN:VJOURNAL");
    lines.text("UID", &identity::made(view, losses.place()));
    common::put_stamps(&mut lines, view, None, start.unwrap_or_else(epoch));
    if let Some(start) = start.or_else(|| common::moment(view, tag::CREATION_TIME)) {
        lines.line(&format!("DTSTART:{}", start.utc()));
    }
    lines.text_if("SUMMARY", view.subject());
    common::put_description(&mut lines, view);
    common::put_classes(&mut lines, view);
    lines.text_if("X-MALOTE-JOURNAL-TYPE", view.named_text(PSETID_LOG, LOG_TYPE));
    if let Some(end) = log(LOG_END) {
        lines.line(&format!("X-MALOTE-JOURNAL-END:{}", end.utc()));
    }
    if let Some(minutes) = view.named_integer(PSETID_LOG, LOG_DURATION).filter(|minutes| *minutes > 0) {
        lines.line(&format!("X-MALOTE-JOURNAL-MINUTES:{minutes}"));
    }
    lines.line("END:VJOURNAL");
    lines.line("END:VCALENDAR");
    PimPart::record("text/calendar", "journal.ics", lines)
}

/// What stands for a time where an item has none at all.
fn epoch() -> Moment {
    Moment::of_civil(jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0))
        .expect("1970 is a year that calendars can name")
}
