//! Tasks and journal entries, read by another program's parser.
//! Never a time of day where the store has only a day.

use calcard::icalendar::{ICalendar, ICalendarComponentType};

use super::super::recurrence::tests::{Made as Pattern, minutes};
use super::{LossKind, Made, Value, at, check_lines, text, time};
use crate::mime::tag;
use crate::names::{PSETID_COMMON, PSETID_LOG, PSETID_TASK};

fn task() -> Made {
    let made = Made::new("IPM.Task").with(tag::SUBJECT, text("Entregar relatório"));
    let made = made.with(tag::IMPORTANCE, Value::Integer32(2));
    let made = made.named(PSETID_TASK, 0x8104, time(at(2026, 3, 1, 23, 0)));
    made.named(PSETID_TASK, 0x8105, time(at(2026, 3, 5, 23, 0)))
}

fn check_component(lines: &[String], expected: &ICalendarComponentType) {
    let calendar = ICalendar::parse(lines.join("\r\n") + "\r\n").expect("a calendar that others can read");
    let count = calendar.components.iter().filter(|component| component.component_type == *expected).count();
    assert_eq!(count, 1, "{expected:?}");
}

#[test]
fn a_task_has_its_days_and_how_far_it_is() {
    let made = task().named(PSETID_TASK, 0x8101, Value::Integer32(1));
    let made = made.named(PSETID_TASK, 0x8102, Value::Floating64(0.25));
    let made = made.named(PSETID_COMMON, 0x8503, Value::Boolean(true));
    let lines = made.named(PSETID_COMMON, 0x8560, time(at(2026, 3, 4, 8, 0))).lines();
    check_lines(
        &lines,
        &[
            "BEGIN:VTODO",
            "SUMMARY:Entregar relatório",
            "DTSTART;VALUE=DATE:20260302",
            "DUE;VALUE=DATE:20260306",
            "STATUS:IN-PROCESS",
            "PERCENT-COMPLETE:25",
            "PRIORITY:1",
            "TRIGGER;VALUE=DATE-TIME:20260304T080000Z",
            "END:VTODO",
        ],
    );
    check_component(&lines, &ICalendarComponentType::VTodo);
}

#[test]
fn a_task_that_is_done_says_when() {
    let made = task().named(PSETID_TASK, 0x811C, Value::Boolean(true));
    let made = made.named(PSETID_TASK, 0x810F, time(at(2026, 3, 4, 0, 0)));
    check_lines(&made.lines(), &["STATUS:COMPLETED", "PERCENT-COMPLETE:100", "COMPLETED:20260304T000000Z"]);
}

#[test]
fn a_task_that_is_due_before_it_begins_keeps_only_when_it_is_due() {
    let lines = task().named(PSETID_TASK, 0x8105, time(at(2026, 2, 1, 0, 0))).lines();
    check_lines(&lines, &["DUE;VALUE=DATE:20260201"]);
    assert!(!lines.iter().any(|line| line.starts_with("DTSTART")));
}

#[test]
fn a_task_that_comes_again_has_a_rule_or_is_told() {
    let pattern = Pattern { start: minutes(2026, 3, 2, 0, 0), ..Pattern::weekly() };
    let weekly = task().named(PSETID_TASK, 0x8116, Value::Binary(pattern.pattern()));
    check_lines(&weekly.lines(), &["RRULE:FREQ=WEEKLY;UNTIL=20260629;BYDAY=MO,WE;WKST=MO"]);
    let broken = task().named(PSETID_TASK, 0x8116, Value::Binary(vec![9; 30]));
    assert_eq!(broken.part().1, [LossKind::PimProperty]);
}

#[test]
fn a_journal_entry_has_its_time_and_its_text() {
    let made = Made::new("IPM.Activity").with(tag::SUBJECT, text("Chamada")).with(tag::BODY, text("diário"));
    let made =
        made.named(PSETID_LOG, 0x8700, text("Phone call")).named(PSETID_LOG, 0x8707, Value::Integer32(12));
    let lines = made.named(PSETID_LOG, 0x8706, time(at(2026, 3, 4, 8, 0))).lines();
    check_lines(
        &lines,
        &[
            "BEGIN:VJOURNAL",
            "DTSTART:20260304T080000Z",
            "SUMMARY:Chamada",
            "DESCRIPTION:diário",
            "X-MALOTE-JOURNAL-TYPE:Phone call",
            "X-MALOTE-JOURNAL-MINUTES:12",
            "END:VJOURNAL",
        ],
    );
    check_component(&lines, &ICalendarComponentType::VJournal);
}
