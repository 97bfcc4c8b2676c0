//! What is checked beyond the data model's own: octets, samples, room, logins, names, DNS, runs.
//! Never passes what nobody measured: a person has to accept it.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::input::{Counts, JobInput, Known, MailboxInput, Sample, UidValidity};
use super::{CLOCK_AHEAD_MILLIS_MAX, Check, CheckId, HOUR_MILLIS, Status, words};

/// A login is fresh for so many hours.
const LOGIN_FRESH_HOURS: i64 = 24;
/// And too old after so many.
const LOGIN_STALE_HOURS: i64 = 72;

pub(super) fn of_mailbox(mailbox: &MailboxInput, counts: Option<&Counts>, now_ms: i64) -> Vec<Check> {
    [
        bytes(mailbox),
        sample(mailbox, counts),
        uid_validity(mailbox),
        quota(mailbox),
        folder_map(mailbox),
        logins(mailbox, now_ms),
        duplicates(mailbox, counts),
        balance(mailbox),
    ]
    .into()
}

/// The check of a measured value; what is unknown warns.
fn measured<T>(id: CheckId, value: &Known<T>, judge: impl FnOnce(&T) -> (Status, String)) -> Check {
    let (status, message) = match value {
        Known::Unknown => (Status::Warn, "not measured".to_string()),
        Known::NotApplicable => (Status::Pass, "has no meaning here".to_string()),
        Known::Is(value) => judge(value),
    };
    Check::new(id, status, message)
}

/// `part` is at most `percent` of `whole`, in whole numbers.
fn is_within(part: u64, whole: u64, percent: u8) -> bool {
    u128::from(part) * 100 <= u128::from(whole) * u128::from(percent)
}

fn bytes(mailbox: &MailboxInput) -> Check {
    measured(CheckId::BytesRatio, &mailbox.bytes, |bytes| {
        let apart = bytes.source.abs_diff(bytes.destination);
        let status = match (is_within(apart, bytes.source, 1), is_within(apart, bytes.source, 5)) {
            (true, _) => Status::Pass,
            (false, true) => Status::Warn,
            (false, false) => Status::Fail,
        };
        (status, format!("{} octets here, {} there", bytes.source, bytes.destination))
    })
}

/// What a sample has to hold at least: min(E, 50 + √E).
fn sample_size(eligible: u64) -> u64 {
    eligible.min(50_u64.saturating_add(eligible.isqrt()))
}

fn sample(mailbox: &MailboxInput, counts: Option<&Counts>) -> Check {
    let wanted = counts.map(|counts| sample_size(counts.matched));
    measured(CheckId::ContentSample, &mailbox.sample, |sample: &Sample| {
        let Sample { compared, rewritten, different } = *sample;
        let is_small = wanted.is_none_or(|wanted| compared < wanted);
        if different > 0 {
            (Status::Fail, format!("{different} of {compared} messages differ"))
        } else if is_small {
            (Status::Warn, format!("only {compared} messages were compared"))
        } else if rewritten > 0 {
            (Status::Warn, format!("{rewritten} of {compared} messages differ in rewritten headers alone"))
        } else {
            (Status::Pass, format!("{compared} messages compared, all equal"))
        }
    })
}

fn uid_validity(mailbox: &MailboxInput) -> Check {
    measured(CheckId::UidvalidityStable, &mailbox.uid_validity, |state| match state {
        UidValidity::Stable => (Status::Pass, "unchanged since the initial run".to_string()),
        UidValidity::Rematched => (Status::Warn, "changed, and matched again by content".to_string()),
        UidValidity::Lost => (Status::Fail, "changed, and not matched again".to_string()),
    })
}

fn quota(mailbox: &MailboxInput) -> Check {
    measured(CheckId::DestQuota, &mailbox.quota, |quota| {
        let free_of =
            |percent: u8| u128::from(quota.free) * 100 >= u128::from(quota.limit) * u128::from(percent);
        let status = if quota.is_over || quota.free < quota.pending || !free_of(5) {
            Status::Fail
        } else if free_of(10) {
            Status::Pass
        } else {
            Status::Warn
        };
        (status, format!("{} of {} octets free, {} pending", quota.free, quota.limit, quota.pending))
    })
}

fn folder_map(mailbox: &MailboxInput) -> Check {
    measured(CheckId::FolderMap, &mailbox.folder_map, |map| match (map.collisions, map.renamed, map.merged) {
        (0, 0, 0) => (Status::Pass, "every folder keeps its name".to_string()),
        (0, renamed, merged) => {
            (Status::Warn, format!("{renamed} folders have another name, {merged} share a place"))
        }
        (collisions, ..) => (Status::Fail, format!("{collisions} folders clash")),
    })
}

fn logins(mailbox: &MailboxInput, now_ms: i64) -> Check {
    let id = CheckId::CredentialsValid;
    let logins = &mailbox.logins;
    let (Some(source), Some(destination), false) =
        (logins.source_ms, logins.destination_ms, logins.is_failing)
    else {
        let why = if logins.is_failing { "a login is refused" } else { "not both sides were logged in to" };
        return Check::new(id, Status::Fail, why.to_string());
    };
    let newest = source.max(destination);
    if now_ms.saturating_sub(newest) < -CLOCK_AHEAD_MILLIS_MAX {
        let words = "the last login lies in the future: a clock is wrong";
        return Check::new(id, Status::Fail, words.to_string());
    }
    let age_ms = now_ms.saturating_sub(source.min(destination));
    let status = match age_ms {
        age if age <= LOGIN_FRESH_HOURS * HOUR_MILLIS => Status::Pass,
        age if age <= LOGIN_STALE_HOURS * HOUR_MILLIS => Status::Warn,
        _ => Status::Fail,
    };
    Check::new(id, status, format!("last login on both sides {} ago", words::age(age_ms)))
}

fn duplicates(mailbox: &MailboxInput, counts: Option<&Counts>) -> Check {
    let eligible = counts.map_or(0, |counts| counts.eligible);
    measured(CheckId::Duplicates, &mailbox.duplicates, |count| {
        let status = if u128::from(*count) * 1000 <= u128::from(eligible) {
            Status::Pass
        } else if is_within(*count, eligible, 1) {
            Status::Warn
        } else {
            Status::Fail
        };
        (status, format!("{count} messages twice at the destination"))
    })
}

/// A mailbox's part of the integrity check: its counts add up.
fn balance(mailbox: &MailboxInput) -> Check {
    if mailbox.is_unbalanced() {
        let words = "the counts of a folder do not add up";
        return Check::new(CheckId::RunIntegrity, Status::Fail, words.to_string());
    }
    Check::new(CheckId::RunIntegrity, Status::Pass, "the counts add up".to_string())
}

pub(super) fn coverage(job: &JobInput) -> Check {
    let id = CheckId::MailboxCoverage;
    let homeless =
        job.mailboxes.iter().filter(|mailbox| mailbox.is_enabled && !mailbox.has_destination).count();
    if homeless > 0 {
        return Check::new(id, Status::Fail, format!("{homeless} mailboxes have no destination"));
    }
    match job.coverage {
        Known::Unknown => Check::new(id, Status::Warn, "no inventory of the source is known".to_string()),
        Known::NotApplicable => Check::new(id, Status::Pass, "no inventory is asked for".to_string()),
        Known::Is(coverage) if coverage.undecided == 0 => {
            Check::new(id, Status::Pass, "every address is decided".to_string())
        }
        Known::Is(coverage) => {
            Check::new(id, Status::Fail, format!("{} addresses are undecided", coverage.undecided))
        }
    }
}

pub(super) fn dns(job: &JobInput) -> Check {
    measured(CheckId::DnsReadiness, &job.dns, |dns| match (dns.failures, dns.warnings) {
        (0, 0) => (Status::Pass, "every check of the domain passes".to_string()),
        (0, warnings) => (Status::Warn, format!("{warnings} checks of the domain warn")),
        (failures, _) => (Status::Fail, format!("{failures} checks of the domain fail")),
    })
}

pub(super) fn integrity(job: &JobInput, own: &[&Check]) -> Check {
    let id = CheckId::RunIntegrity;
    let fail = |words: String| Check::new(id, Status::Fail, words);
    if job.runs_active > 0 {
        return fail(format!("{} runs are under way", job.runs_active));
    }
    if job.has_crashed_since_scan {
        return fail("a worker died since the last scan".to_string());
    }
    match job.is_ledger_whole {
        Known::Is(true) => words::worst(id, own),
        Known::Is(false) => fail("the ledger is damaged".to_string()),
        Known::Unknown | Known::NotApplicable => fail("the ledger was not checked".to_string()),
    }
}
