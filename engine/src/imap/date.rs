//! INTERNALDATE as APPEND wants it.
//! Never reads one: what servers write is judged by the plan.

use jiff::Timestamp;
use jiff::tz::Offset;
use malote_plan::message::InternalDate;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `" 1-Jan-2020 12:00:00 +0000"` without the quotes; nothing for a year that four digits cannot write.
pub(super) fn written(date: InternalDate) -> Option<String> {
    let offset = Offset::from_seconds(i32::from(date.offset_minutes) * 60).ok()?;
    let local = offset.to_datetime(Timestamp::from_second(date.unix_seconds).ok()?);
    if !(0..=9_999).contains(&local.year()) {
        return None;
    }
    let month = MONTHS[usize::try_from(local.month() - 1).ok()?];
    let (sign, minutes) =
        (if date.offset_minutes < 0 { '-' } else { '+' }, date.offset_minutes.unsigned_abs());
    Some(format!(
        "{:>2}-{month}-{:04} {:02}:{:02}:{:02} {sign}{:02}{:02}",
        local.day(),
        local.year(),
        local.hour(),
        local.minute(),
        local.second(),
        minutes / 60,
        minutes % 60
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_the_grammar_wants_them() {
        for (unix_seconds, offset_minutes, expected) in [
            (0, 0, Some(" 1-Jan-1970 00:00:00 +0000")),
            (1_700_000_000, -180, Some("14-Nov-2023 19:13:20 -0300")),
            (1_700_000_000, 345, Some("15-Nov-2023 03:58:20 +0545")),
            (-2_209_161_600, 0, Some("30-Dec-1899 00:00:00 +0000")),
            (2_208_988_800, 0, Some(" 1-Jan-2040 00:00:00 +0000")),
            (i64::MAX, 0, None),
            (-70_000_000_000, 0, None),
        ] {
            assert_eq!(written(InternalDate { unix_seconds, offset_minutes }).as_deref(), expected);
        }
    }
}
