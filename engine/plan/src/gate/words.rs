//! Numbers as sentences, each with a code and its numbers for other languages, and the worst of many checks as one.
//! Never decides: a status comes in with its check.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Check, CheckId, HOUR_MILLIS, Status};

/// The code of every sentence that a check may say.
pub const SENTENCES: [&str; 68] = [
    "approved",
    "balanced",
    "bytes",
    "complete",
    "decided",
    "delta",
    "delta-ahead",
    "delta-failed",
    "delta-none",
    "delta-parked",
    "delta-partial",
    "dns-fails",
    "dns-ready",
    "dns-warns",
    "duplicates",
    "files-waiting",
    "folder-unbalanced",
    "folders-clash",
    "folders-renamed",
    "folders-same",
    "homeless",
    "inventory-none",
    "inventory-unknown",
    "ledger-damaged",
    "ledger-unknown",
    "login-ahead",
    "login-missing",
    "login-refused",
    "logins",
    "missing",
    "missing-acknowledged",
    "no-mailbox",
    "no-meaning",
    "not-measured",
    "not-scanned",
    "nothing",
    "outdated",
    "quarantine-none",
    "quarantine-open",
    "quarantine-partly",
    "quarantine-settled",
    "quota",
    "ratio",
    "ratio-low",
    "rejected",
    "revoked",
    "runs-active",
    "sample",
    "sample-differs",
    "sample-rewritten",
    "sample-small",
    "sent-elsewhere",
    "sent-none",
    "uids-again",
    "uids-lost",
    "uids-stable",
    "unbalanced",
    "undecided",
    "unknown",
    "void-added",
    "void-before",
    "void-check",
    "void-dns",
    "void-dropped",
    "void-expired",
    "void-folders",
    "waiting",
    "worker-died",
];

/// A sentence: in English, and as a code with its numbers for whoever says it in another language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Words {
    /// Which sentence it is.
    pub code: &'static str,
    /// Its numbers by name.
    pub numbers: Vec<(&'static str, u64)>,
    /// The sentence in English.
    pub message: String,
}

/// A sentence of this code; each number stands in it, or follows a semicolon where the English has no room for it.
macro_rules! said {
    ($code:literal, $text:literal $(, $name:ident = $value:expr)* $(; $more:ident = $own:expr)* $(,)?) => {
        $crate::gate::words::Words {
            code: $code,
            numbers: [$((stringify!($name), $value),)* $((stringify!($more), $own)),*].to_vec(),
            message: alloc::format!($text $(, $name = $value)*),
        }
    };
}
pub(super) use said;

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

/// The same as numbers: whole hours from two hours on, else 0, and minutes.
pub(super) fn age_numbers(millis: i64) -> Vec<(&'static str, u64)> {
    let minutes = u64::try_from(millis.max(0) / 60_000).unwrap_or(0);
    let hours = if minutes < 120 { 0 } else { minutes / 60 };
    [("hours", hours), ("minutes", minutes)].to_vec()
}

/// The worst of the mailboxes' checks, with how many there are of that kind.
pub(super) fn worst(id: CheckId, own: &[&Check]) -> Check {
    let Some(worst) = own.iter().max_by_key(|check| check.status) else {
        return Check::new(id, Status::Pass, said!("nothing", "nothing to check"));
    };
    let alike = own.iter().filter(|check| check.status == worst.status).count();
    let message = match (worst.status, alike, own.len()) {
        (_, _, 1) => worst.message.clone(),
        (Status::Pass, _, all) => format!("all {all} mailboxes: {}", worst.message),
        (_, alike, all) => format!("{alike} of {all} mailboxes, such as: {}", worst.message),
    };
    let mut numbers = worst.numbers.clone();
    if own.len() > 1 {
        numbers.extend([("alike", alike as u64), ("all", own.len() as u64)]);
    }
    Check::new(id, worst.status, Words { code: worst.code, numbers, message })
}
