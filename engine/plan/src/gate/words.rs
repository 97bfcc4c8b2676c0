//! Numbers as sentences, and the worst of many checks as one.
//! Never decides: a status comes in with its check.

use alloc::format;
use alloc::string::String;

use super::{Check, CheckId, HOUR_MILLIS, Status};

/// `9996` as `99.96`.
#[must_use]
pub fn percent_words(hundredths: u32) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// An age in the largest unit that keeps it readable.
pub(super) fn age(millis: i64) -> String {
    let minutes = millis.max(0) / 60_000;
    if minutes < 120 { format!("{minutes} min") } else { format!("{} h", millis / HOUR_MILLIS) }
}

/// The worst of the mailboxes' checks, with how many there are of that kind.
pub(super) fn worst(id: CheckId, own: &[&Check]) -> Check {
    let Some(worst) = own.iter().max_by_key(|check| check.status) else {
        return Check::new(id, Status::Pass, String::from("nothing to check"));
    };
    let alike = own.iter().filter(|check| check.status == worst.status).count();
    let message = match (worst.status, alike, own.len()) {
        (_, _, 1) => worst.message.clone(),
        (Status::Pass, _, all) => format!("all {all} mailboxes: {}", worst.message),
        (_, alike, all) => format!("{alike} of {all} mailboxes, such as: {}", worst.message),
    };
    Check::new(id, worst.status, message)
}
