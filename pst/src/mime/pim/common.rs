//! What appointments, tasks, journal entries and contacts have in common: head and end, categories, dates, text.
//! Never a property that only one of them has.

use super::lines::{Lines, escaped};
use super::moment::Moment;
use crate::mime::tag;
use crate::mime::view::View;
use crate::names::{Guid, PS_PUBLIC_STRINGS, PSETID_COMMON};

/// Most categories of one item.
const CATEGORIES_MAX: usize = 1000;
const REMINDER_DELTA: u32 = 0x8501;
const REMINDER_SET: u32 = 0x8503;
/// A reminder of this many minutes has the default of its program ([MS-OXORMDR] §2.2.1.3).
const DEFAULT_REMINDER: i64 = 0x5AE9_80E1;
const DEFAULT_REMINDER_MINUTES: i64 = 15;
/// Longest time before an appointment at which it is recalled, in minutes: two years.
const REMINDER_MINUTES_MAX: i64 = 2 * 366 * 24 * 60;

/// Begins a calendar.
pub fn begin_calendar(lines: &mut Lines, method: Option<&str>) {
    lines.line("BEGIN:VCALENDAR");
    lines.line("PRODID:-//Malote//Malote//EN");
    lines.line("VERSION:2.0");
    if let Some(method) = method {
        lines.line(&format!("METHOD:{method}"));
    }
}

/// A numbered named property that is a time between 1601 and 9999.
#[must_use]
pub fn named_moment(view: &View<'_>, set: Guid, number: u32) -> Option<Moment> {
    Moment::of_filetime(view.named_time(set, number)?)
}

/// A property that is a time between 1601 and 9999.
#[must_use]
pub fn moment(view: &View<'_>, id: u16) -> Option<Moment> {
    Moment::of_filetime(view.item.properties.time(id)?)
}

/// Writes when the item was last changed, made and changed. A calendar that does not say when it was made is none, so
/// `otherwise` stands in (RFC 5545 §3.8.7.2).
pub fn put_stamps(lines: &mut Lines, view: &View<'_>, own: Option<Moment>, otherwise: Moment) {
    let [modified, submitted, created] =
        [tag::MODIFICATION_TIME, tag::CLIENT_SUBMIT_TIME, tag::CREATION_TIME].map(|id| moment(view, id));
    let stamp = own.or(modified).or(submitted).or(created).unwrap_or(otherwise);
    lines.line(&format!("DTSTAMP:{}", stamp.utc()));
    if let Some(created) = created {
        lines.line(&format!("CREATED:{}", created.utc()));
    }
    if let Some(modified) = modified {
        lines.line(&format!("LAST-MODIFIED:{}", modified.utc()));
    }
}

/// Writes categories, secrecy and importance.
pub fn put_classes(lines: &mut Lines, view: &View<'_>) {
    put_categories(lines, view);
    lines.line(match view.integer(tag::SENSITIVITY) {
        Some(1 | 2) => "CLASS:PRIVATE",
        Some(3) => "CLASS:CONFIDENTIAL",
        _ => "CLASS:PUBLIC",
    });
    match view.integer(tag::IMPORTANCE) {
        Some(0) => lines.line("PRIORITY:9"),
        Some(2) => lines.line("PRIORITY:1"),
        _ => {}
    }
}

/// Writes categories.
pub fn put_categories(lines: &mut Lines, view: &View<'_>) {
    let categories = view.texts_by_name(PS_PUBLIC_STRINGS, "Keywords");
    let categories = categories.iter().filter(|category| !category.trim().is_empty());
    let categories: Vec<String> = categories.take(CATEGORIES_MAX).map(|category| escaped(category)).collect();
    if !categories.is_empty() {
        lines.line(&format!("CATEGORIES:{}", categories.join(",")));
    }
}

/// Writes the plain text of the item, where it has any.
pub fn put_description(lines: &mut Lines, view: &View<'_>) {
    let body = view.text(tag::BODY);
    lines.text_if("DESCRIPTION", body.filter(|body| !body.trim().is_empty()));
}

/// The minutes before it begins at which the item recalls itself, where it does.
#[must_use]
pub fn reminder_minutes(view: &View<'_>) -> Option<i64> {
    let is_set = view.named_integer(PSETID_COMMON, REMINDER_SET)? != 0;
    if is_set { believed_minutes(view.named_integer(PSETID_COMMON, REMINDER_DELTA)?) } else { None }
}

/// Minutes as a reminder may have them.
#[must_use]
pub fn believed_minutes(minutes: i64) -> Option<i64> {
    let minutes = if minutes == DEFAULT_REMINDER { DEFAULT_REMINDER_MINUTES } else { minutes };
    (0..=REMINDER_MINUTES_MAX).contains(&minutes).then_some(minutes)
}

/// Writes a reminder; `trigger` is the whole of the property.
pub fn put_alarm(lines: &mut Lines, trigger: &str) {
    for line in ["BEGIN:VALARM", "ACTION:DISPLAY", "DESCRIPTION:Reminder", trigger, "END:VALARM"] {
        lines.line(line);
    }
}
