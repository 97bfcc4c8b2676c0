//! What is checked beyond the data model's own: octets, samples, room, logins, names, DNS, runs.
//! Never passes what nobody measured: a person has to accept it.

use alloc::vec::Vec;

use super::input::{Counts, JobInput, Known, MailboxInput, Sample, UidValidity};
use super::words::{Words, said};
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
fn measured<T>(id: CheckId, value: &Known<T>, judge: impl FnOnce(&T) -> (Status, Words)) -> Check {
    let (status, message) = match value {
        Known::Unknown => (Status::Warn, said!("not-measured", "not measured")),
        Known::NotApplicable => (Status::Pass, said!("no-meaning", "has no meaning here")),
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
        let words = said!(
            "bytes",
            "{here} octets here, {there} there",
            here = bytes.source,
            there = bytes.destination
        );
        (status, words)
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
            let words = said!(
                "sample-differs",
                "{different} of {compared} messages differ",
                different = different,
                compared = compared
            );
            (Status::Fail, words)
        } else if is_small {
            (
                Status::Warn,
                said!("sample-small", "only {compared} messages were compared", compared = compared),
            )
        } else if rewritten > 0 {
            let words = said!(
                "sample-rewritten",
                "{rewritten} of {compared} messages differ in rewritten headers alone",
                rewritten = rewritten,
                compared = compared
            );
            (Status::Warn, words)
        } else {
            (Status::Pass, said!("sample", "{compared} messages compared, all equal", compared = compared))
        }
    })
}

fn uid_validity(mailbox: &MailboxInput) -> Check {
    measured(CheckId::UidvalidityStable, &mailbox.uid_validity, |state| match state {
        UidValidity::Stable => (Status::Pass, said!("uids-stable", "unchanged since the initial run")),
        UidValidity::Rematched => {
            (Status::Warn, said!("uids-again", "changed, and matched again by content"))
        }
        UidValidity::Lost => (Status::Fail, said!("uids-lost", "changed, and not matched again")),
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
        let words = said!(
            "quota",
            "{free} of {limit} octets free, {pending} pending",
            free = quota.free,
            limit = quota.limit,
            pending = quota.pending
        );
        (status, words)
    })
}

fn folder_map(mailbox: &MailboxInput) -> Check {
    measured(CheckId::FolderMap, &mailbox.folder_map, |map| match (map.collisions, map.renamed, map.merged) {
        (0, 0, 0) => (Status::Pass, said!("folders-same", "every folder keeps its name")),
        (0, renamed, merged) => {
            let words = said!(
                "folders-renamed",
                "{renamed} folders have another name, {merged} share a place",
                renamed = renamed,
                merged = merged
            );
            (Status::Warn, words)
        }
        (clashes, ..) => (Status::Fail, said!("folders-clash", "{clashes} folders clash", clashes = clashes)),
    })
}

fn logins(mailbox: &MailboxInput, now_ms: i64) -> Check {
    let id = CheckId::CredentialsValid;
    let logins = &mailbox.logins;
    let (Some(source), Some(destination), false) =
        (logins.source_ms, logins.destination_ms, logins.is_failing)
    else {
        let why = if logins.is_failing {
            said!("login-refused", "a login is refused")
        } else {
            said!("login-missing", "not both sides were logged in to")
        };
        return Check::new(id, Status::Fail, why);
    };
    let newest = source.max(destination);
    if now_ms.saturating_sub(newest) < -CLOCK_AHEAD_MILLIS_MAX {
        let words = said!("login-ahead", "the last login lies in the future: a clock is wrong");
        return Check::new(id, Status::Fail, words);
    }
    let age_ms = now_ms.saturating_sub(source.min(destination));
    let status = match age_ms {
        age if age <= LOGIN_FRESH_HOURS * HOUR_MILLIS => Status::Pass,
        age if age <= LOGIN_STALE_HOURS * HOUR_MILLIS => Status::Warn,
        _ => Status::Fail,
    };
    let message = alloc::format!("last login on both sides {} ago", words::age(age_ms));
    Check::new(id, status, Words { code: "logins", numbers: words::age_numbers(age_ms), message })
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
        (status, said!("duplicates", "{count} messages twice at the destination", count = *count))
    })
}

/// A mailbox's part of the integrity check: its counts add up.
fn balance(mailbox: &MailboxInput) -> Check {
    if mailbox.is_unbalanced() {
        let words = said!("folder-unbalanced", "the counts of a folder do not add up");
        return Check::new(CheckId::RunIntegrity, Status::Fail, words);
    }
    Check::new(CheckId::RunIntegrity, Status::Pass, said!("balanced", "the counts add up"))
}

pub(super) fn coverage(job: &JobInput) -> Check {
    let id = CheckId::MailboxCoverage;
    let homeless =
        job.mailboxes.iter().filter(|mailbox| mailbox.is_enabled && !mailbox.has_destination).count();
    if homeless > 0 {
        return Check::new(
            id,
            Status::Fail,
            said!("homeless", "{count} mailboxes have no destination", count = homeless as u64),
        );
    }
    match job.coverage {
        _ if job.files_waiting > 0 => {
            let words =
                said!("files-waiting", "{count} uploaded files have no mailbox", count = job.files_waiting);
            Check::new(id, Status::Fail, words)
        }
        Known::Unknown => {
            Check::new(id, Status::Warn, said!("inventory-unknown", "no inventory of the source is known"))
        }
        Known::NotApplicable => {
            Check::new(id, Status::Pass, said!("inventory-none", "no inventory is asked for"))
        }
        Known::Is(coverage) if coverage.undecided == 0 => {
            Check::new(id, Status::Pass, said!("decided", "every address is decided"))
        }
        Known::Is(coverage) => {
            let words = said!("undecided", "{count} addresses are undecided", count = coverage.undecided);
            Check::new(id, Status::Fail, words)
        }
    }
}

pub(super) fn dns(job: &JobInput) -> Check {
    measured(CheckId::DnsReadiness, &job.dns, |dns| match (dns.failures, dns.warnings) {
        (0, 0) => (Status::Pass, said!("dns-ready", "every check of the domain passes")),
        (0, warnings) => {
            (Status::Warn, said!("dns-warns", "{count} checks of the domain warn", count = warnings))
        }
        (failures, _) => {
            (Status::Fail, said!("dns-fails", "{count} checks of the domain fail", count = failures))
        }
    })
}

pub(super) fn integrity(job: &JobInput, own: &[&Check]) -> Check {
    let id = CheckId::RunIntegrity;
    let fail = |words: Words| Check::new(id, Status::Fail, words);
    if job.runs_active > 0 {
        return fail(said!("runs-active", "{count} runs are under way", count = job.runs_active));
    }
    if job.has_crashed_since_scan {
        return fail(said!("worker-died", "a worker died since the last scan"));
    }
    match job.is_ledger_whole {
        Known::Is(true) => words::worst(id, own),
        Known::Is(false) => fail(said!("ledger-damaged", "the ledger is damaged")),
        Known::Unknown | Known::NotApplicable => fail(said!("ledger-unknown", "the ledger was not checked")),
    }
}
