//! The data model's own checks, for one mailbox: ratio, inbox, sent mail, quarantine, delta.
//! Never looks at the destination's raw count: mail that arrived there since would hide a loss.

use alloc::vec::Vec;

use super::input::{Counts, DeltaEnd, FolderInput, FolderRole, MailboxInput};
use super::words::{Words, said};
use super::{CLOCK_AHEAD_MILLIS_MAX, Check, CheckId, HOUR_MILLIS, Status, percent_words, words};

/// The ratio that passes, in percent.
const RATIO_PASS: u8 = 99;
/// The ratio of one mailbox that a person may accept, where everything missing is acknowledged.
const RATIO_WARN: u8 = 95;
/// A delta is fresh for so many hours.
const DELTA_FRESH_HOURS: i64 = 6;
/// And too old after so many.
const DELTA_STALE_HOURS: i64 = 24;
/// So many pending messages warn whatever the mailbox holds; else one in a thousand.
const PENDING_WARN: u64 = 20;

fn unknown() -> Words {
    said!("unknown", "not every folder was scanned")
}

fn outdated() -> Words {
    said!("outdated", "what is copied, or where to, was changed since: run a delta")
}

fn unbalanced() -> Words {
    said!("unbalanced", "the counts do not add up: missing is not pending + quarantined")
}

pub(super) fn of_mailbox(mailbox: &MailboxInput, counts: Option<&Counts>, now_ms: i64) -> Vec<Check> {
    [
        ratio(mailbox, counts),
        inbox(mailbox),
        sent(mailbox),
        quarantine(mailbox, counts),
        delta(mailbox, counts, now_ms),
    ]
    .into()
}

/// Why there are no sums.
fn why_unknown(mailbox: &MailboxInput) -> Words {
    match mailbox {
        _ if mailbox.is_outdated => outdated(),
        _ if mailbox.is_unbalanced() => unbalanced(),
        _ => unknown(),
    }
}

fn ratio_words(counts: &Counts) -> Words {
    let hundredths = counts.percent_hundredths();
    let mut words = said!(
        "ratio",
        "{matched} of {eligible} messages",
        matched = counts.matched,
        eligible = counts.eligible
    );
    words.message = alloc::format!("{} ({} %)", words.message, percent_words(hundredths));
    words.numbers.push(("hundredths", u64::from(hundredths)));
    words
}

fn ratio(mailbox: &MailboxInput, counts: Option<&Counts>) -> Check {
    let Some(counts) = counts else {
        return Check::new(CheckId::CountRatio, Status::Fail, why_unknown(mailbox));
    };
    let is_acknowledged = counts.pending == 0 && counts.quarantine_open == 0;
    let status = if counts.reaches(RATIO_PASS) {
        Status::Pass
    } else if counts.reaches(RATIO_WARN) && is_acknowledged {
        Status::Warn
    } else {
        Status::Fail
    };
    Check::new(CheckId::CountRatio, status, ratio_words(counts))
}

/// The total must reach the ratio too, and a warning of one mailbox stands only while it does.
pub(super) fn ratio_of_job(own: &[&Check], counts: Option<&Counts>) -> Check {
    let id = CheckId::CountRatio;
    let worst = words::worst(id, own);
    match counts {
        None => Check::new(id, Status::Fail, worst.words()),
        Some(counts) if !counts.reaches(RATIO_PASS) => {
            let all = ratio_words(counts);
            let message = alloc::format!("{} in all, which is below {RATIO_PASS} %", all.message);
            let mut numbers = all.numbers;
            numbers.push(("least", u64::from(RATIO_PASS)));
            Check::new(id, Status::Fail, Words { code: "ratio-low", numbers, message })
        }
        Some(counts) if worst.status == Status::Pass => Check::new(id, Status::Pass, ratio_words(counts)),
        Some(_) => worst,
    }
}

/// Whether nothing is missing in these folders.
fn complete(id: CheckId, folders: &[&FolderInput], place: &str) -> Check {
    let is_inbox = u64::from(id == CheckId::InboxComplete);
    let (mut missing, mut unacknowledged) = (0_u64, 0_u64);
    for folder in folders {
        let Some(counts) = folder.counts.as_ref() else {
            return Check::new(id, Status::Fail, not_scanned(place, is_inbox));
        };
        let Some(own) = counts.missing() else {
            return Check::new(id, Status::Fail, unbalanced());
        };
        missing = missing.saturating_add(own);
        unacknowledged = unacknowledged.saturating_add(own.saturating_sub(counts.quarantine_acknowledged));
    }
    let (status, words) = match (missing, unacknowledged) {
        (0, _) => (Status::Pass, said!("complete", "{missing} missing in ", missing = 0; inbox = is_inbox)),
        (missing, 0) => (
            Status::Warn,
            said!("missing-acknowledged", "{missing} missing in ", missing = missing; inbox = is_inbox),
        ),
        (missing, open) => {
            let words =
                said!("missing", "{missing} missing in ", missing = missing; open = open; inbox = is_inbox);
            (Status::Fail, words)
        }
    };
    let end = match (missing, unacknowledged) {
        (0, _) => alloc::string::String::new(),
        (_, 0) => alloc::string::String::from(", all acknowledged"),
        (_, open) => alloc::format!(", {open} unacknowledged"),
    };
    let message = alloc::format!("{}{place}{end}", words.message);
    Check::new(id, status, Words { message, ..words })
}

fn not_scanned(place: &str, is_inbox: u64) -> Words {
    let words = said!("not-scanned", " was not scanned"; inbox = is_inbox);
    Words { message: alloc::format!("{place}{}", words.message), ..words }
}

fn inbox(mailbox: &MailboxInput) -> Check {
    let id = CheckId::InboxComplete;
    if mailbox.is_outdated {
        return Check::new(id, Status::Fail, outdated());
    }
    let folders: Vec<_> = mailbox.folders.iter().filter(|folder| folder.role == FolderRole::Inbox).collect();
    if !mailbox.is_scanned || (folders.is_empty() && mailbox.has_inbox_by_nature) {
        return Check::new(id, Status::Fail, not_scanned("INBOX", 1));
    }
    complete(id, &folders, "INBOX")
}

fn sent(mailbox: &MailboxInput) -> Check {
    let id = CheckId::SentComplete;
    if !mailbox.is_scanned || mailbox.is_outdated {
        return Check::new(id, Status::Fail, why_unknown(mailbox));
    }
    let folders: Vec<_> = mailbox.folders.iter().filter(|folder| folder.role == FolderRole::Sent).collect();
    if folders.is_empty() {
        return if mailbox.has_sent_by_other_signs {
            let words =
                said!("sent-elsewhere", "no folder has the role of sent mail, though sent mail is there");
            Check::new(id, Status::Warn, words)
        } else {
            Check::new(id, Status::Pass, said!("sent-none", "no sent mail at the source"))
        };
    }
    complete(id, &folders, "sent mail")
}

fn quarantine(mailbox: &MailboxInput, counts: Option<&Counts>) -> Check {
    let id = CheckId::PstQuarantine;
    let Some(counts) = counts else {
        return Check::new(id, Status::Fail, why_unknown(mailbox));
    };
    let (status, words) = match (counts.quarantine_open, counts.quarantine_acknowledged) {
        (0, 0) => (Status::Pass, said!("quarantine-none", "nothing is quarantined")),
        (0, all) => {
            let words =
                said!("quarantine-settled", "{acknowledged} items, all acknowledged", acknowledged = all);
            (Status::Warn, words)
        }
        (open, 0) => (Status::Fail, said!("quarantine-open", "{open} items, none acknowledged", open = open)),
        (open, known) => {
            let words = said!(
                "quarantine-partly",
                "{open} items open, {acknowledged} acknowledged",
                open = open,
                acknowledged = known
            );
            (Status::Fail, words)
        }
    };
    Check::new(id, status, words)
}

fn delta(mailbox: &MailboxInput, counts: Option<&Counts>, now_ms: i64) -> Check {
    let id = CheckId::DeltaPending;
    if mailbox.is_outdated {
        return Check::new(id, Status::Fail, outdated());
    }
    let Some(delta) = mailbox.delta else {
        return Check::new(id, Status::Fail, said!("delta-none", "no delta run has ended yet"));
    };
    let Some(counts) = counts else { return Check::new(id, Status::Fail, why_unknown(mailbox)) };
    let age_ms = now_ms.saturating_sub(delta.finished_ms);
    if age_ms < -CLOCK_AHEAD_MILLIS_MAX {
        let words = said!("delta-ahead", "the last delta lies in the future: a clock is wrong");
        return Check::new(id, Status::Fail, words);
    }
    // What either of them still knows of counts; a run that says 0 does not settle what the ledger holds.
    let pending = delta.pending.max(counts.pending);
    let is_much = pending > PENDING_WARN && u128::from(pending) * 1000 > u128::from(counts.eligible);
    let ended = match delta.end {
        DeltaEnd::Success => Status::Pass,
        DeltaEnd::Partial | DeltaEnd::Parked => Status::Warn,
        DeltaEnd::Failed => Status::Fail,
    };
    let aged = match age_ms {
        age if age <= DELTA_FRESH_HOURS * HOUR_MILLIS => Status::Pass,
        age if age <= DELTA_STALE_HOURS * HOUR_MILLIS => Status::Warn,
        _ => Status::Fail,
    };
    let left = match (pending, is_much) {
        (0, _) => Status::Pass,
        (_, false) => Status::Warn,
        (_, true) => Status::Fail,
    };
    let (code, how) = match delta.end {
        DeltaEnd::Success => ("delta", ""),
        DeltaEnd::Partial => ("delta-partial", ", not everything accounted for"),
        DeltaEnd::Parked => ("delta-parked", ", parked by the provider's daily ceiling"),
        DeltaEnd::Failed => ("delta-failed", ", failed"),
    };
    let message = alloc::format!("last delta {} ago{how}, {pending} pending", words::age(age_ms));
    let mut numbers = words::age_numbers(age_ms);
    numbers.push(("pending", pending));
    Check::new(id, ended.max(aged).max(left), Words { code, numbers, message })
}
