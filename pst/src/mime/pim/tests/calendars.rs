//! Appointments and meetings: their times, zones, series and people, by another program's parser and calendar.
//! Never a date that this crate worked out itself: expected ones are written down.

use calcard::common::timezone::Tz;
use calcard::icalendar::ICalendar;

use super::super::recurrence::tests::{Made as Pattern, changed_octets, minutes, wide_octets};
use super::super::zone::tests::{berlin_struct, new_york_definition};
use super::{LossKind, Made, Value, at, check_lines, text, time, unfolded};
use crate::mime::tag;
use crate::names::{PS_PUBLIC_STRINGS, PSETID_APPOINTMENT, PSETID_COMMON, PSETID_MEETING};

fn appointment(class: &str) -> Made {
    let made = Made::new(class).with(tag::SUBJECT, text("Besprechung; Lage, ü\\☃"));
    let made = made.named(PSETID_APPOINTMENT, 0x820D, time(at(2026, 3, 2, 9, 0)));
    let made = made.named(PSETID_APPOINTMENT, 0x820E, time(at(2026, 3, 2, 10, 0)));
    made.with(tag::MODIFICATION_TIME, time(at(2026, 1, 1, 0, 0)))
}

fn in_berlin(made: Made) -> Made {
    let made = made.named(PSETID_APPOINTMENT, 0x8233, Value::Binary(berlin_struct()));
    made.named(PSETID_APPOINTMENT, 0x8234, text("W. Europe Standard Time"))
}

/// When the events of a calendar begin, as another program works them out; seconds since 1970.
fn starts(lines: &[String]) -> Vec<i64> {
    let calendar = ICalendar::parse(lines.join("\r\n") + "\r\n").expect("a calendar that others can read");
    let expanded = calendar.expand_dates(Tz::UTC, 100);
    assert_eq!(expanded.errors, []);
    let mut starts: Vec<i64> = expanded.events.iter().map(|event| event.start.timestamp()).collect();
    starts.sort_unstable();
    starts
}

fn unix(year: i16, month: i8, day: i8, hour: i8, minute: i8) -> i64 {
    at(year, month, day, hour, minute).seconds() - 11_644_473_600
}

#[test]
fn an_appointment_without_a_zone_is_in_utc() {
    let made = appointment("IPM.Appointment").named(PSETID_APPOINTMENT, 0x8208, text("Raum 3\r\nWest"));
    let made =
        made.with(tag::BODY, text("Zeile 1\r\nZeile 2\r\n")).with(tag::SENSITIVITY, Value::Integer32(2));
    let made = made.keywords(PS_PUBLIC_STRINGS, &["Rot", "a,b", " "]);
    let made = made.named(PSETID_COMMON, 0x8503, Value::Boolean(true));
    let made = made.named(PSETID_COMMON, 0x8501, Value::Integer32(30));
    let lines = made.named(PSETID_APPOINTMENT, 0x8205, Value::Integer32(0)).lines();
    check_lines(
        &lines,
        &[
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "BEGIN:VEVENT",
            "DTSTAMP:20260101T000000Z",
            "DTSTART:20260302T090000Z",
            "DTEND:20260302T100000Z",
            "SUMMARY:Besprechung\\; Lage\\, ü\\\\☃",
            "LOCATION:Raum 3\\nWest",
            "DESCRIPTION:Zeile 1\\nZeile 2",
            "SEQUENCE:0",
            "CATEGORIES:Rot,a\\,b",
            "CLASS:PRIVATE",
            "STATUS:CONFIRMED",
            "TRANSP:TRANSPARENT",
            "TRIGGER:-PT30M",
            "END:VEVENT",
            "END:VCALENDAR",
        ],
    );
    assert!(!lines.iter().any(|line| line.starts_with("METHOD") || line.starts_with("ATTENDEE")));
    assert_eq!(starts(&lines), [unix(2026, 3, 2, 9, 0)]);
}

#[test]
fn an_appointment_of_a_zone_is_by_its_wall_clock() {
    let lines = in_berlin(appointment("IPM.Appointment")).lines();
    check_lines(
        &lines,
        &[
            "BEGIN:VTIMEZONE",
            "TZID:W. Europe Standard Time",
            "BEGIN:STANDARD",
            "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10",
            "TZOFFSETFROM:+0200",
            "TZOFFSETTO:+0100",
            "BEGIN:DAYLIGHT",
            "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3",
            "END:VTIMEZONE",
            "DTSTART;TZID=\"W. Europe Standard Time\":20260302T100000",
        ],
    );
    assert_eq!(starts(&lines), [unix(2026, 3, 2, 9, 0)]);
}

#[test]
fn a_whole_day_is_a_date_wherever_its_midnight_was() {
    let berlin = in_berlin(appointment("IPM.Appointment"));
    for (made, start, end) in [
        (berlin, at(2026, 3, 1, 23, 0), at(2026, 3, 2, 23, 0)),
        (appointment("IPM.Appointment"), at(2026, 3, 2, 5, 0), at(2026, 3, 3, 5, 0)),
        (appointment("IPM.Appointment"), at(2026, 3, 1, 23, 0), at(2026, 3, 1, 23, 0)),
    ] {
        let made = made.named(PSETID_APPOINTMENT, 0x8215, Value::Boolean(true));
        let made = made.named(PSETID_APPOINTMENT, 0x820D, time(start));
        let lines = made.named(PSETID_APPOINTMENT, 0x820E, time(end)).lines();
        check_lines(&lines, &["DTSTART;VALUE=DATE:20260302", "DTEND;VALUE=DATE:20260303"]);
    }
}

fn weekly_with_changes() -> Made {
    let times = [minutes(2026, 3, 12, 15, 0), minutes(2026, 3, 12, 16, 0), minutes(2026, 3, 11, 10, 0)];
    let pattern = Pattern {
        deleted: vec![minutes(2026, 3, 4, 0, 0), minutes(2026, 3, 11, 0, 0)],
        modified: vec![minutes(2026, 3, 12, 0, 0)],
        // A day after the last instance: the other program holds the end, which is of UTC, against the wall clock.
        end_date: minutes(2026, 4, 2, 0, 0),
        ..Pattern::weekly()
    };
    let octets = pattern.series(600, 660, &[changed_octets(times, b"Umzug")], &wide_octets(times, "Umzug ☃"));
    let made = in_berlin(appointment("IPM.Appointment"));
    made.named(PSETID_APPOINTMENT, 0x8216, Value::Binary(octets))
}

#[test]
fn a_series_comes_when_it_should_over_a_change_of_clocks() {
    let lines = weekly_with_changes().lines();
    check_lines(
        &lines,
        &[
            "DTSTART;TZID=\"W. Europe Standard Time\":20260302T100000",
            "DTEND;TZID=\"W. Europe Standard Time\":20260302T110000",
            "RRULE:FREQ=WEEKLY;UNTIL=20260402T080000Z;BYDAY=MO,WE;WKST=MO",
            "EXDATE;TZID=\"W. Europe Standard Time\":20260304T100000",
            "END:VEVENT",
            "BEGIN:VEVENT",
            "DTSTART;TZID=\"W. Europe Standard Time\":20260312T150000",
            "RECURRENCE-ID;TZID=\"W. Europe Standard Time\":20260311T100000",
            "SUMMARY:Umzug ☃",
            "X-MICROSOFT-CDO-BUSYSTATUS:OOF",
            "END:VEVENT",
        ],
    );
    assert_eq!(lines.iter().filter(|line| line.starts_with("EXDATE")).count(), 1);
    let expected = [
        unix(2026, 3, 2, 9, 0),
        unix(2026, 3, 9, 9, 0),
        unix(2026, 3, 12, 14, 0),
        unix(2026, 3, 16, 9, 0),
        unix(2026, 3, 18, 9, 0),
        unix(2026, 3, 23, 9, 0),
        unix(2026, 3, 25, 9, 0),
        unix(2026, 3, 30, 8, 0),
        unix(2026, 4, 1, 8, 0),
    ];
    assert_eq!(starts(&lines), expected);
}

#[test]
fn a_changed_instance_takes_from_its_attachment_what_the_pattern_does_not_say() {
    let own = Made::new("IPM.OLE.CLASS.{00061055-0000-0000-C000-000000000046}");
    let own = own.named(PSETID_APPOINTMENT, 0x8228, time(at(2026, 3, 11, 9, 0)));
    let own =
        own.named(PSETID_APPOINTMENT, 0x8208, text("Keller")).with(tag::BODY, text("Kisten mitbringen"));
    let lines = weekly_with_changes().embed(&[], own.clone()).lines();
    check_lines(
        &lines,
        &["END:VEVENT", "SUMMARY:Umzug ☃", "LOCATION:Keller", "DESCRIPTION:Kisten mitbringen"],
    );
    let by_start = [(0x7FFB, time(at(2026, 3, 12, 15, 0)))];
    let unnamed = own.with(tag::SUBJECT, text("x")).named(PSETID_APPOINTMENT, 0x8228, Value::Null);
    let lines = weekly_with_changes().embed(&by_start, unnamed).lines();
    check_lines(&lines, &["END:VEVENT", "DESCRIPTION:Kisten mitbringen"]);
}

#[test]
fn series_of_every_kind_come_when_they_should() {
    let never = [0x2023, 10];
    for (frequency, kind, period, of_kind, first, expected) in [
        // Every third day; every last day of a month; the 30th, which February has as its last day.
        (0x200A, 0, 4320, vec![], (2026, 1, 30), [(2026, 1, 30), (2026, 2, 2), (2026, 2, 5)]),
        (0x200C, 2, 1, vec![31], (2026, 1, 31), [(2026, 1, 31), (2026, 2, 28), (2026, 3, 31)]),
        (0x200C, 2, 1, vec![30], (2026, 1, 30), [(2026, 1, 30), (2026, 2, 28), (2026, 3, 30)]),
        // The second Tuesday; the last weekday of a month; the last Friday of January in every second year.
        (0x200C, 3, 1, vec![0x04, 2], (2026, 1, 13), [(2026, 1, 13), (2026, 2, 10), (2026, 3, 10)]),
        (0x200C, 3, 1, vec![0x3E, 5], (2026, 1, 30), [(2026, 1, 30), (2026, 2, 27), (2026, 3, 31)]),
        (0x200D, 3, 24, vec![0x20, 5], (2026, 1, 30), [(2026, 1, 30), (2028, 1, 28), (2030, 1, 25)]),
        (0x200D, 2, 12, vec![29], (2024, 2, 29), [(2024, 2, 29), (2025, 2, 28), (2026, 2, 28)]),
    ] {
        let (year, month, day) = first;
        let start = minutes(year, month, day, 0, 0);
        let pattern = Pattern { frequency, kind, period, of_kind, end: never, start, ..Pattern::weekly() };
        let octets = pattern.series(600, 660, &[], &[]);
        let made = appointment("IPM.Appointment").named(PSETID_APPOINTMENT, 0x8216, Value::Binary(octets));
        let made = made.named(PSETID_APPOINTMENT, 0x820D, time(at(year, month, day, 10, 0)));
        let (part, losses) = made.part();
        assert_eq!(losses, [LossKind::PimProperty], "it says that a series without a zone keeps its offset");
        let lines = unfolded(&part.expect("an appointment has a part"));
        let found: Vec<i64> = starts(&lines).into_iter().take(3).collect();
        assert_eq!(
            found,
            expected.map(|(year, month, day)| unix(year, month, day, 10, 0)),
            "{kind} {period}"
        );
    }
}

#[test]
fn a_series_of_whole_days_has_dates_alone() {
    let pattern = Pattern { end: [0x2022, 3], deleted: vec![minutes(2026, 3, 4, 0, 0)], ..Pattern::weekly() };
    let octets = pattern.series(0, 1440, &[], &[]);
    let made = appointment("IPM.Appointment").named(PSETID_APPOINTMENT, 0x8215, Value::Boolean(true));
    let lines = made.named(PSETID_APPOINTMENT, 0x8216, Value::Binary(octets)).lines();
    check_lines(
        &lines,
        &[
            "DTSTART;VALUE=DATE:20260302",
            "DTEND;VALUE=DATE:20260303",
            "RRULE:FREQ=WEEKLY;COUNT=3;BYDAY=MO,WE;WKST=MO",
            "EXDATE;VALUE=DATE:20260304",
        ],
    );
    assert!(!lines.iter().any(|line| line.contains("TZID")));
}

#[test]
fn a_zone_keeps_the_rules_of_the_years_that_the_appointment_is_in() {
    let new_york = |made: Made| made.named(PSETID_APPOINTMENT, 0x8260, Value::Binary(new_york_definition()));
    let single = new_york(appointment("IPM.Appointment")).lines();
    check_lines(
        &single,
        &[
            "TZID:Eastern Standard Time",
            "DTSTART:20071104T020000",
            "RRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=11",
            "DTSTART;TZID=\"Eastern Standard Time\":20260302T040000",
        ],
    );
    assert_eq!(single.iter().filter(|line| *line == "BEGIN:STANDARD").count(), 1);
    let pattern = Pattern { start: minutes(2005, 3, 7, 0, 0), end: [0x2023, 10], ..Pattern::weekly() };
    let series = appointment("IPM.Appointment");
    let series = series.named(PSETID_APPOINTMENT, 0x8216, Value::Binary(pattern.series(600, 660, &[], &[])));
    check_lines(
        &new_york(series).lines(),
        &[
            "DTSTART:16011028T020000",
            "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10;UNTIL=20070101T045959Z",
            "TZOFFSETFROM:-0400",
            "TZOFFSETTO:-0500",
            "DTSTART:20071104T020000",
            "RRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=11",
            "DTSTART;TZID=\"Eastern Standard Time\":20050307T100000",
        ],
    );
}

fn meeting(class: &str) -> Made {
    let made = appointment(class).with(tag::SENT_REPRESENTING_NAME, text("João \"J\" Conceição"));
    let made = made.with(tag::SENT_REPRESENTING_TYPE, text("SMTP"));
    let made = made.with(tag::SENT_REPRESENTING_ADDRESS, text("joao@a.example"));
    let made =
        made.recipient(1, "Ana", "ana@b.example", &[]).recipient(2, "Bia", "bia@b.example", &[(0x5FFF, 3)]);
    let made = made.recipient(3, "Raum", "raum@b.example", &[]);
    made.named(PSETID_MEETING, 0x0023, Value::Binary([&[4; 40][..], b"vCal-Uid\x01\0\0\0uid-1\0"].concat()))
}

#[test]
fn a_request_asks_everybody_and_says_who_called() {
    let made = meeting("IPM.Schedule.Meeting.Request");
    let (part, losses) = made.part();
    let part = part.expect("a request has a part");
    assert_eq!((part.method, part.media_type, losses.len()), (Some("REQUEST"), "text/calendar", 0));
    check_lines(
        &unfolded(&part),
        &[
            "METHOD:REQUEST",
            "UID:uid-1",
            "ORGANIZER;CN=\"João 'J' Conceição\":mailto:joao@a.example",
            "ATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE;CN=\"Ana\":mailto:ana@b.example",
            "ATTENDEE;ROLE=OPT-PARTICIPANT;PARTSTAT=ACCEPTED;RSVP=TRUE;CN=\"Bia\":mailto:bia@b.example",
            "ATTENDEE;CUTYPE=RESOURCE;ROLE=NON-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE;CN=\"Raum\"\
             :mailto:raum@b.example",
        ],
    );
}

#[test]
fn answers_and_cancellations_say_what_they_are() {
    for (class, method, expected) in [
        ("IPM.Schedule.Meeting.Canceled", "CANCEL", "STATUS:CANCELLED"),
        (
            "IPM.Schedule.Meeting.Resp.Pos",
            "REPLY",
            "ATTENDEE;PARTSTAT=ACCEPTED;CN=\"João 'J' Conceição\":mailto:joao@a.example",
        ),
        (
            "ipm.schedule.meeting.resp.neg",
            "REPLY",
            "ATTENDEE;PARTSTAT=DECLINED;CN=\"João 'J' Conceição\":mailto:joao@a.example",
        ),
        (
            "IPM.Schedule.Meeting.Resp.Tent",
            "REPLY",
            "ATTENDEE;PARTSTAT=TENTATIVE;CN=\"João 'J' Conceição\":mailto:joao@a.example",
        ),
    ] {
        let (part, losses) = meeting(class).part();
        let part = part.expect("a meeting message has a part");
        assert_eq!((part.method, losses.len()), (Some(method), 0), "{class}");
        let lines = unfolded(&part);
        check_lines(&lines, &[&format!("METHOD:{method}")]);
        check_lines(&lines, &[expected]);
        let is_answer = method == "REPLY";
        let organizer = if is_answer { "ana@b.example" } else { "joao@a.example" };
        let organizer = lines.iter().find(|line| line.starts_with("ORGANIZER") && line.ends_with(organizer));
        assert!(organizer.is_some(), "{class}: {}", lines.join("\n"));
        assert_eq!(
            lines.iter().filter(|line| line.starts_with("ATTENDEE")).count(),
            if is_answer { 1 } else { 3 }
        );
    }
    let counter = meeting("IPM.Schedule.Meeting.Resp.Tent");
    let counter = counter.named(PSETID_APPOINTMENT, 0x8257, Value::Boolean(true));
    let counter = counter.named(PSETID_APPOINTMENT, 0x8250, time(at(2026, 3, 3, 9, 0)));
    let counter = counter.named(PSETID_APPOINTMENT, 0x8251, time(at(2026, 3, 3, 9, 30)));
    check_lines(&counter.lines(), &["METHOD:COUNTER", "DTSTART:20260303T090000Z", "DTEND:20260303T093000Z"]);
}

#[test]
fn a_message_about_one_instance_names_it() {
    let mut id = vec![4; 40];
    id[16..20].copy_from_slice(&[0x07, 0xEA, 3, 11]);
    let made = in_berlin(meeting("IPM.Schedule.Meeting.Canceled"));
    let made = made.named(PSETID_MEETING, 0x0003, Value::Binary(id));
    check_lines(&made.lines(), &["RECURRENCE-ID;TZID=\"W. Europe Standard Time\":20260311T100000"]);
    let replaced = made.named(PSETID_APPOINTMENT, 0x8228, time(at(2026, 3, 11, 12, 0)));
    check_lines(&replaced.lines(), &["RECURRENCE-ID;TZID=\"W. Europe Standard Time\":20260311T130000"]);
}

#[test]
fn what_has_no_time_or_no_method_is_told_and_carried_as_mail() {
    let timeless = Made::new("IPM.Appointment").with(tag::SUBJECT, text("x"));
    assert_eq!(timeless.part(), (None, vec![LossKind::PimNotConverted]));
    let forward = meeting("IPM.Schedule.Meeting.Notification.Forward");
    assert_eq!(forward.part(), (None, vec![LossKind::PimNotConverted]));
    assert_eq!(Made::new("IPM.StickyNote").part(), (None, vec![]));
    assert_eq!(Made::new("IPM.Note").part(), (None, vec![]));
}
