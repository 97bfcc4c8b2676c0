//! A person's word on what the gate showed: whether it may be given, and how long it holds.
//! Never outlives what it was given for, and never comes from the one who prepared it, unless that is allowed.

use alloc::string::String;
use alloc::vec::Vec;

use super::input::{Counts, JobInput};
use super::words::{Words, said};
use super::{CLOCK_AHEAD_MILLIS_MAX, Check, CheckId, Evaluation, HOUR_MILLIS, Status};

/// How long an approval holds, in milliseconds: 72 hours.
pub const APPROVAL_MILLIS_MAX: i64 = 72 * HOUR_MILLIS;
/// E may drop by so many percent before the approval is void.
const ELIGIBLE_DROP_PERCENT_MAX: u8 = 1;

/// What somebody decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    /// DNS may be changed.
    Approved,
    /// It may not.
    Rejected,
    /// It may no longer.
    Revoked,
}

/// A decision, with what was seen when it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// What was decided.
    pub ruling: Ruling,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// It was found void before: what holds again later does not bring it back.
    pub is_void: bool,
    /// E of each mailbox that was enabled.
    pub mailboxes: Vec<(u64, u64)>,
    /// Checks that failed already.
    pub failing: Vec<CheckId>,
    /// The digest of the folder maps.
    pub folder_map_hash: String,
    /// The digest of the plan for DNS.
    pub dns_plan_hash: String,
}

/// What made an approval void.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Void {
    /// It was found void before.
    Before,
    /// 72 hours are over, or it lies in the future.
    Expired,
    /// A check fails that did not.
    CheckFailed(CheckId),
    /// A mailbox was added or enabled.
    MailboxAdded(u64),
    /// The folder maps are others.
    FolderMap,
    /// The plan for DNS is another.
    DnsPlan,
    /// E dropped by more than one percent, or is not known.
    EligibleDropped,
}

/// How the last decision stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nobody has decided.
    None,
    /// The approval holds.
    Valid,
    /// It does not.
    Void(Void),
    /// Rejected.
    Rejected,
    /// Revoked.
    Revoked,
}

/// Holds the last decision against what is seen.
pub(super) fn standing(job: &JobInput, checks: &[Check], counts: Option<&Counts>) -> Standing {
    let Some(approval) = job.approval.as_ref() else { return Standing::None };
    match approval.ruling {
        Ruling::Rejected => Standing::Rejected,
        Ruling::Revoked => Standing::Revoked,
        Ruling::Approved => void(approval, job, checks, counts).map_or(Standing::Valid, Standing::Void),
    }
}

fn void(approval: &Approval, job: &JobInput, checks: &[Check], counts: Option<&Counts>) -> Option<Void> {
    if approval.is_void {
        return Some(Void::Before);
    }
    let age_ms = job.now_ms.saturating_sub(approval.at_ms);
    if !(-CLOCK_AHEAD_MILLIS_MAX..=APPROVAL_MILLIS_MAX).contains(&age_ms) {
        return Some(Void::Expired);
    }
    let failed =
        checks.iter().find(|check| check.status == Status::Fail && !approval.failing.contains(&check.id));
    if let Some(check) = failed {
        return Some(Void::CheckFailed(check.id));
    }
    if approval.folder_map_hash != job.folder_map_hash {
        return Some(Void::FolderMap);
    }
    if approval.dns_plan_hash != job.dns_plan_hash {
        return Some(Void::DnsPlan);
    }
    let mut before_in_all = 0_u128;
    for mailbox in job.mailboxes.iter().filter(|mailbox| mailbox.is_enabled) {
        let Some((_, before)) = approval.mailboxes.iter().find(|(id, _)| *id == mailbox.id) else {
            return Some(Void::MailboxAdded(mailbox.id));
        };
        let eligible = mailbox.sums().map(|sums| sums.eligible);
        if eligible.is_none_or(|eligible| has_dropped(u128::from(*before), eligible)) {
            return Some(Void::EligibleDropped);
        }
        before_in_all += u128::from(*before);
    }
    // What a mailbox that was taken out held counts as dropped.
    let approved_in_all: u128 = approval.mailboxes.iter().map(|(_, eligible)| u128::from(*eligible)).sum();
    let has_shrunk =
        counts.is_none_or(|counts| has_dropped(approved_in_all.max(before_in_all), counts.eligible));
    has_shrunk.then_some(Void::EligibleDropped)
}

fn has_dropped(before: u128, now: u64) -> bool {
    u128::from(now) * 100 < before * u128::from(100 - ELIGIBLE_DROP_PERCENT_MAX)
}

/// The check that stands for the decision.
pub(super) fn check(standing: &Standing) -> Check {
    let (status, words) = match standing {
        Standing::Valid => (Status::Pass, said!("approved", "approved")),
        Standing::None => (Status::Warn, said!("waiting", "waiting for ops_lead")),
        Standing::Void(void) => (Status::Warn, void_words(*void)),
        Standing::Rejected => (Status::Fail, said!("rejected", "rejected")),
        Standing::Revoked => (Status::Fail, said!("revoked", "revoked")),
    };
    Check::new(CheckId::ManualApproval, status, words)
}

fn void_words(void: Void) -> Words {
    match void {
        Void::Before => said!("void-before", "approval void: what it was given for did not hold meanwhile"),
        Void::Expired => said!("void-expired", "approval void: 72 hours are over"),
        Void::CheckFailed(id) => {
            let words = said!("void-check", "approval void: ");
            Words { message: alloc::format!("{}{} fails", words.message, id.as_str()), ..words }
        }
        Void::MailboxAdded(id) => {
            said!("void-added", "approval void: mailbox {mailbox} was added", mailbox = id)
        }
        Void::FolderMap => said!("void-folders", "approval void: the folder map is another"),
        Void::DnsPlan => said!("void-dns", "approval void: the plan for DNS is another"),
        Void::EligibleDropped => {
            said!("void-dropped", "approval void: the source holds over one percent less, or is not known")
        }
    }
}

/// What an approver asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApprovalWish<'a> {
    /// The digest of what the approver saw.
    pub snapshot_hash: &'a str,
    /// Warnings that the approver ticked.
    pub accepted: &'a [CheckId],
    /// The approver made the job, or acknowledged one of its quarantined items.
    pub has_prepared_it: bool,
    /// The one who prepares may not approve.
    pub is_four_eyes: bool,
}

/// Why an approval is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Critical checks fail.
    Blocked(Vec<CheckId>),
    /// What was seen is not what is.
    Stale,
    /// Another person is needed.
    FourEyes,
    /// Warnings that were not ticked.
    NotAccepted(Vec<CheckId>),
}

/// Decides whether an approval may be given now.
///
/// # Errors
/// Where the gate is blocked, the snapshot is another, the same person prepared it, or a warning is not accepted.
pub fn approve(evaluation: &Evaluation, wish: &ApprovalWish<'_>) -> Result<(), Refused> {
    let failing = evaluation.failing();
    if !failing.is_empty() {
        return Err(Refused::Blocked(failing));
    }
    if evaluation.snapshot_hash != wish.snapshot_hash {
        return Err(Refused::Stale);
    }
    if wish.is_four_eyes && wish.has_prepared_it {
        return Err(Refused::FourEyes);
    }
    let open: Vec<CheckId> =
        evaluation.warnings().into_iter().filter(|id| !wish.accepted.contains(id)).collect();
    if open.is_empty() { Ok(()) } else { Err(Refused::NotAccepted(open)) }
}

/// What has to be kept of an approval, so that it can be held against what comes later.
#[must_use]
pub fn approve_record(job: &JobInput, evaluation: &Evaluation) -> Approval {
    let eligible = |mailbox: &super::MailboxOutcome| {
        (mailbox.id, mailbox.counts.as_ref().map_or(0, |counts| counts.eligible))
    };
    let failing = evaluation.checks.iter().filter(|check| check.status == Status::Fail);
    Approval {
        ruling: Ruling::Approved,
        at_ms: job.now_ms,
        is_void: false,
        mailboxes: evaluation.mailboxes.iter().map(eligible).collect(),
        failing: failing.map(|check| check.id).filter(|id| *id != CheckId::ManualApproval).collect(),
        folder_map_hash: job.folder_map_hash.clone(),
        dns_plan_hash: job.dns_plan_hash.clone(),
    }
}
