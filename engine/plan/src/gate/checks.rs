//! The data model's own checks, for one mailbox: ratio, inbox, sent mail, quarantine, delta.
//! Never looks at the destination's raw count: mail that arrived there since would hide a loss.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::input::{Counts, DeltaEnd, FolderInput, FolderRole, MailboxInput};
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

const UNKNOWN: &str = "not every folder was scanned";
const UNBALANCED: &str = "the counts do not add up: missing is not pending + quarantined";

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
fn why_unknown(mailbox: &MailboxInput) -> String {
    String::from(if mailbox.is_unbalanced() { UNBALANCED } else { UNKNOWN })
}

fn ratio_words(counts: &Counts) -> String {
    let percent = percent_words(counts.percent_hundredths());
    format!("{} of {} messages ({percent} %)", counts.matched, counts.eligible)
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
        None => Check::new(id, Status::Fail, worst.message),
        Some(counts) if !counts.reaches(RATIO_PASS) => {
            let all = ratio_words(counts);
            Check::new(id, Status::Fail, format!("{all} in all, which is below {RATIO_PASS} %"))
        }
        Some(counts) if worst.status == Status::Pass => Check::new(id, Status::Pass, ratio_words(counts)),
        Some(_) => worst,
    }
}

/// Whether nothing is missing in these folders.
fn complete(id: CheckId, folders: &[&FolderInput], place: &str) -> Check {
    let (mut missing, mut unacknowledged) = (0_u64, 0_u64);
    for folder in folders {
        let Some(counts) = folder.counts.as_ref() else {
            return Check::new(id, Status::Fail, format!("{place} was not scanned"));
        };
        let Some(own) = counts.missing() else {
            return Check::new(id, Status::Fail, String::from(UNBALANCED));
        };
        missing = missing.saturating_add(own);
        unacknowledged = unacknowledged.saturating_add(own.saturating_sub(counts.quarantine_acknowledged));
    }
    let (status, words) = match (missing, unacknowledged) {
        (0, _) => (Status::Pass, format!("0 missing in {place}")),
        (missing, 0) => (Status::Warn, format!("{missing} missing in {place}, all acknowledged")),
        (missing, open) => (Status::Fail, format!("{missing} missing in {place}, {open} unacknowledged")),
    };
    Check::new(id, status, words)
}

fn inbox(mailbox: &MailboxInput) -> Check {
    let id = CheckId::InboxComplete;
    let folders: Vec<_> = mailbox.folders.iter().filter(|folder| folder.role == FolderRole::Inbox).collect();
    if !mailbox.is_scanned || (folders.is_empty() && mailbox.has_inbox_by_nature) {
        return Check::new(id, Status::Fail, String::from("INBOX was not scanned"));
    }
    complete(id, &folders, "INBOX")
}

fn sent(mailbox: &MailboxInput) -> Check {
    let id = CheckId::SentComplete;
    if !mailbox.is_scanned {
        return Check::new(id, Status::Fail, String::from(UNKNOWN));
    }
    let folders: Vec<_> = mailbox.folders.iter().filter(|folder| folder.role == FolderRole::Sent).collect();
    if folders.is_empty() {
        return if mailbox.has_sent_by_other_signs {
            let words = "no folder has the role of sent mail, though sent mail is there";
            Check::new(id, Status::Warn, String::from(words))
        } else {
            Check::new(id, Status::Pass, String::from("no sent mail at the source"))
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
        (0, 0) => (Status::Pass, String::from("nothing is quarantined")),
        (0, acknowledged) => (Status::Warn, format!("{acknowledged} items, all acknowledged")),
        (open, 0) => (Status::Fail, format!("{open} items, none acknowledged")),
        (open, acknowledged) => (Status::Fail, format!("{open} items open, {acknowledged} acknowledged")),
    };
    Check::new(id, status, words)
}

fn delta(mailbox: &MailboxInput, counts: Option<&Counts>, now_ms: i64) -> Check {
    let id = CheckId::DeltaPending;
    let fail = |words: &str| Check::new(id, Status::Fail, String::from(words));
    let Some(delta) = mailbox.delta else { return fail("no delta run has ended yet") };
    let Some(counts) = counts else { return Check::new(id, Status::Fail, why_unknown(mailbox)) };
    let age_ms = now_ms.saturating_sub(delta.finished_ms);
    if age_ms < -CLOCK_AHEAD_MILLIS_MAX {
        return fail("the last delta lies in the future: a clock is wrong");
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
    let how = match delta.end {
        DeltaEnd::Success => "",
        DeltaEnd::Partial => ", not everything accounted for",
        DeltaEnd::Parked => ", parked by the provider's daily ceiling",
        DeltaEnd::Failed => ", failed",
    };
    let words = format!("last delta {} ago{how}, {pending} pending", words::age(age_ms));
    Check::new(id, ended.max(aged).max(left), words)
}
