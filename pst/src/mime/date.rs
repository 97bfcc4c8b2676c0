//! Times of a store as dates of a message, and which of them is the day that it arrived.
//! Never reads a clock: what is too far in the future is told by the run's own time.

use std::fmt::Write as _;

use super::view::View;
use super::{tag, transport};
use crate::loss::{LossKind, Losses};

/// Seconds from 1601-01-01 to 1970-01-01.
const EPOCH_SECONDS: i64 = 11_644_473_600;
const TICKS_PER_SECOND: u64 = 10_000_000;
const DAY_SECONDS: i64 = 86_400;
/// Days that a date may lie after the run's own.
pub const DAYS_AHEAD_MAX: i64 = 2;
/// 1980-01-01T00:00:00Z: mail of stores is not older.
pub const EARLIEST_UNIX: i64 = 315_532_800;
/// The last second of the year 9999, the last that a `Date` can name.
const LATEST_UNIX: i64 = 253_402_300_799;

/// When a message arrived, and which of the store's times says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InternalDate {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub unix_seconds: i64,
    /// Where it is from.
    pub origin: DateOrigin,
}

/// The times that can be the one of arrival, in the order in which they are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateOrigin {
    /// `PidTagMessageDeliveryTime`.
    Delivery,
    /// `PidTagClientSubmitTime`.
    Submit,
    /// `PidTagCreationTime`.
    Creation,
    /// The newest of the transport headers' `Received` and `Date`.
    Headers,
}

impl DateOrigin {
    /// As reports write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivery => "delivery",
            Self::Submit => "submit",
            Self::Creation => "creation",
            Self::Headers => "headers",
        }
    }
}

/// A FILETIME as seconds since 1970.
pub fn unix(filetime: u64) -> i64 {
    i64::try_from(filetime / TICKS_PER_SECOND).unwrap_or(i64::MAX) - EPOCH_SECONDS
}

/// A time as `Date` writes it (RFC 5322 §3.3), in UTC: stores do not keep the zone.
pub fn rfc5322(unix_seconds: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let days = unix_seconds.div_euclid(DAY_SECONDS);
    let second = unix_seconds.rem_euclid(DAY_SECONDS);
    // Years are counted from March on, so that the leap day is the last: 400 of them are 146,097 days.
    let shifted = days + 719_468;
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12;
    let year = shifted.div_euclid(146_097) * 400 + year_of_era + i64::from(month < 2);
    let weekday = DAYS[usize::try_from(days.rem_euclid(7)).unwrap_or(0)];
    let month = MONTHS[usize::try_from(month).unwrap_or(0)];
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let mut text = String::with_capacity(32);
    let _ = write!(text, "{weekday}, {day} {month} {year:04} {hour:02}:{minute:02}:{second:02} +0000");
    text
}

/// The item's own date: when it was sent, else when it arrived, was made or changed. Being touched makes no other
/// message of an item, so that its last change has the last word.
pub fn sent(view: &View<'_>) -> Option<i64> {
    let times = [tag::CLIENT_SUBMIT_TIME, tag::DELIVERY_TIME, tag::CREATION_TIME, tag::MODIFICATION_TIME];
    let seconds = times.into_iter().filter_map(|id| view.item.properties.time(id)).map(unix);
    seconds.into_iter().find(|seconds| (EARLIEST_UNIX..=LATEST_UNIX).contains(seconds))
}

/// When the item arrived. Times that no mail can have are passed over and told.
pub fn internal(view: &View<'_>, losses: &mut Losses) -> Option<InternalDate> {
    let latest = unix(view.context.now).saturating_add(DAYS_AHEAD_MAX * DAY_SECONDS);
    let is_believed = |seconds: i64| (EARLIEST_UNIX..=latest).contains(&seconds);
    for (id, origin) in [
        (tag::DELIVERY_TIME, DateOrigin::Delivery),
        (tag::CLIENT_SUBMIT_TIME, DateOrigin::Submit),
        (tag::CREATION_TIME, DateOrigin::Creation),
    ] {
        let Some(seconds) = view.item.properties.time(id).map(unix) else { continue };
        if is_believed(seconds) {
            return Some(InternalDate { unix_seconds: seconds, origin });
        }
        losses.note(LossKind::DateRejected, Some(id), format!("{seconds} s since 1970 is no date of mail"));
    }
    let headers = view.text(tag::TRANSPORT_HEADERS)?;
    let found = transport::fields(&headers);
    let dates = found.fields.iter().filter_map(|field| {
        let value = field.unfolded();
        if field.name.eq_ignore_ascii_case("Date") {
            parsed(&value)
        } else if field.name.eq_ignore_ascii_case("Received") {
            parsed(value.rsplit_once(';')?.1)
        } else {
            None
        }
    });
    let unix_seconds = dates.filter(|seconds| is_believed(*seconds)).max()?;
    Some(InternalDate { unix_seconds, origin: DateOrigin::Headers })
}

/// A date of a header; comments are left out.
fn parsed(text: &str) -> Option<i64> {
    let text = text.split('(').next().unwrap_or_default().trim();
    jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::{parsed, rfc5322, unix};

    #[test]
    fn times_are_written_as_dates_and_read_back() {
        for (seconds, text) in [
            (0, "Thu, 1 Jan 1970 00:00:00 +0000"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 +0000"),
            (1_763_738_914, "Fri, 21 Nov 2025 15:28:34 +0000"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 +0000"),
        ] {
            assert_eq!(rfc5322(seconds), text);
            if seconds < 253_000_000_000 {
                assert_eq!(parsed(text), Some(seconds), "{text}");
            }
        }
        assert_eq!(unix(116_444_736_000_000_000), 0);
        assert_eq!(parsed("Fri, 21 Nov 2025 15:28:34 -0300 (BRT)"), Some(1_763_749_714));
    }
}
