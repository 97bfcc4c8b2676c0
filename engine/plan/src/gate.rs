//! The gate: whether a domain's DNS may be pointed at the destination. Whole numbers in, a verdict with reasons out.
//! Never opens for what is unknown, stale or does not add up, and never without a person's approval.

mod approval;
mod checks;
mod extensions;
mod input;
mod snapshot;
mod words;

use alloc::string::String;
use alloc::vec::Vec;

pub use approval::{
    APPROVAL_MILLIS_MAX, Approval, ApprovalWish, Refused, Ruling, Standing, Void, approve, approve_record,
};
pub use input::{
    Bytes, Counts, Coverage, Delta, DeltaEnd, FolderInput, FolderMap, FolderRole, JobInput, Known, Logins,
    MailboxInput, Quota, Readiness, Sample, UidValidity,
};
pub use words::{SENTENCES, percent_words};
use words::{Words, said};

/// One hour, in milliseconds.
pub const HOUR_MILLIS: i64 = 3_600_000;
/// A clock may run ahead by so much before what it stamped counts as unknown, in milliseconds.
pub const CLOCK_AHEAD_MILLIS_MAX: i64 = 300_000;

/// The gate's three states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gate {
    /// A critical check fails.
    Blocked,
    /// No critical check fails; a person has not approved.
    Warning,
    /// Checked and approved: DNS may be changed.
    ReadyForDns,
}

impl Gate {
    /// The name in the database and in every answer.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Warning => "warning",
            Self::ReadyForDns => "ready_for_dns",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Blocked, Self::Warning, Self::ReadyForDns].into_iter().find(|gate| gate.as_str() == name)
    }

    /// The one question that a DNS tool asks.
    #[must_use]
    pub const fn is_dns_allowed(self) -> bool {
        matches!(self, Self::ReadyForDns)
    }
}

/// How a check ended; the greater, the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Nothing to say.
    Pass,
    /// A person has to accept it.
    Warn,
    /// It does not hold.
    Fail,
}

impl Status {
    /// The name in the database and in every answer.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }

    /// The status of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Pass, Self::Warn, Self::Fail].into_iter().find(|status| status.as_str() == name)
    }
}

/// What is checked. The first six are the data model's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CheckId {
    /// 99 of 100 eligible messages have their counterpart.
    CountRatio,
    /// Nothing is missing in the inboxes.
    InboxComplete,
    /// Nothing is missing in the folders of sent mail.
    SentComplete,
    /// No item of any source is quarantined without a word.
    PstQuarantine,
    /// The last delta is fresh and left nothing.
    DeltaPending,
    /// A person approved what is seen here.
    ManualApproval,
    /// The octets of matched messages agree.
    BytesRatio,
    /// Messages taken at random are the same on both sides.
    ContentSample,
    /// The source still counts as it did.
    UidvalidityStable,
    /// The destination has room.
    DestQuota,
    /// Every address of the domain is decided.
    MailboxCoverage,
    /// No folder is lost by its name.
    FolderMap,
    /// Both sides let us in.
    CredentialsValid,
    /// The domain's DNS is ready to be changed.
    DnsReadiness,
    /// The destination holds few messages twice.
    Duplicates,
    /// No run is under way and the ledger is whole.
    RunIntegrity,
}

impl CheckId {
    /// Every check, the data model's own first.
    pub const ALL: [Self; 16] = [
        Self::CountRatio,
        Self::InboxComplete,
        Self::SentComplete,
        Self::PstQuarantine,
        Self::DeltaPending,
        Self::ManualApproval,
        Self::BytesRatio,
        Self::ContentSample,
        Self::UidvalidityStable,
        Self::DestQuota,
        Self::MailboxCoverage,
        Self::FolderMap,
        Self::CredentialsValid,
        Self::DnsReadiness,
        Self::Duplicates,
        Self::RunIntegrity,
    ];

    /// The name in the database and in every answer.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CountRatio => "count_ratio",
            Self::InboxComplete => "inbox_complete",
            Self::SentComplete => "sent_complete",
            Self::PstQuarantine => "pst_quarantine",
            Self::DeltaPending => "delta_pending",
            Self::ManualApproval => "manual_approval",
            Self::BytesRatio => "bytes_ratio",
            Self::ContentSample => "content_sample",
            Self::UidvalidityStable => "uidvalidity_stable",
            Self::DestQuota => "dest_quota",
            Self::MailboxCoverage => "mailbox_coverage",
            Self::FolderMap => "folder_map",
            Self::CredentialsValid => "credentials_valid",
            Self::DnsReadiness => "dns_readiness",
            Self::Duplicates => "duplicates",
            Self::RunIntegrity => "run_integrity",
        }
    }

    /// The check of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|id| id.as_str() == name)
    }

    /// True where a failure blocks; the others' failures are warnings. The approval has a rule of its own.
    #[must_use]
    pub const fn is_critical(self) -> bool {
        !matches!(self, Self::BytesRatio | Self::Duplicates | Self::ManualApproval)
    }
}

/// One check, for the job or for one mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was checked.
    pub id: CheckId,
    /// How it ended.
    pub status: Status,
    /// The numbers behind it, as a sentence in English.
    pub message: String,
    /// Which sentence that is, for other languages.
    pub code: &'static str,
    /// Its numbers by name; `all` and `alike` tell that it speaks for several mailboxes.
    pub numbers: Vec<(&'static str, u64)>,
}

impl Check {
    pub(crate) fn new(id: CheckId, status: Status, words: Words) -> Self {
        debug_assert!(SENTENCES.contains(&words.code), "{} is not told to those who translate", words.code);
        Self { id, status, message: words.message, code: words.code, numbers: words.numbers }
    }

    /// The same sentence for another check.
    pub(crate) fn words(self) -> Words {
        Words { code: self.code, numbers: self.numbers, message: self.message }
    }
}

/// One mailbox's part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxOutcome {
    /// The mailbox.
    pub id: u64,
    /// Its sums; nothing where a folder is unknown or does not add up.
    pub counts: Option<Counts>,
    /// `sync_percent` in hundredths, rounded down.
    pub percent_hundredths: u32,
    /// Its checks.
    pub checks: Vec<Check>,
}

/// What the gate comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// The verdict.
    pub gate: Gate,
    /// The job's checks, in the order of [`CheckId::ALL`]; each the worst of its mailboxes.
    pub checks: Vec<Check>,
    /// The enabled mailboxes, in the order given.
    pub mailboxes: Vec<MailboxOutcome>,
    /// The job's sums; nothing where one mailbox is unknown.
    pub counts: Option<Counts>,
    /// `sync_percent` of the job in hundredths, rounded down.
    pub percent_hundredths: u32,
    /// SHA-256 of everything that an approver sees, as `sha256:` and 64 hexadecimal digits.
    pub snapshot_hash: String,
    /// The canonical JSON that the digest is of: what has to be kept beside an approval.
    pub snapshot_json: String,
    /// How the approval stands.
    pub standing: Standing,
}

impl Evaluation {
    /// The job's check of this name.
    #[must_use]
    pub fn check(&self, id: CheckId) -> Option<&Check> {
        self.checks.iter().find(|check| check.id == id)
    }

    /// Critical checks that fail.
    #[must_use]
    pub fn failing(&self) -> Vec<CheckId> {
        let failing =
            self.checks.iter().filter(|check| check.status == Status::Fail && check.id.is_critical());
        failing.map(|check| check.id).collect()
    }

    /// What an approver has to accept one by one: warnings, and failures that are not critical.
    #[must_use]
    pub fn warnings(&self) -> Vec<CheckId> {
        let open = self.checks.iter().filter(|check| {
            check.id != CheckId::ManualApproval
                && (check.status == Status::Warn || (check.status == Status::Fail && !check.id.is_critical()))
        });
        open.map(|check| check.id).collect()
    }
}

/// Evaluates the gate of a job. An approval counts as it stands at `job.now_ms`.
#[must_use]
pub fn evaluate(job: &JobInput) -> Evaluation {
    let mailboxes: Vec<MailboxOutcome> = job
        .mailboxes
        .iter()
        .filter(|mailbox| mailbox.is_enabled)
        .map(|mailbox| outcome(mailbox, job))
        .collect();
    let counts = total(&mailboxes);
    let mut checks: Vec<Check> = CheckId::ALL
        .into_iter()
        .filter(|id| *id != CheckId::ManualApproval)
        .map(|id| job_check(id, job, &mailboxes, counts.as_ref()))
        .collect();
    let snapshot_json = snapshot::canonical(job, &checks);
    let snapshot_hash = snapshot::hash(&snapshot_json);
    let standing = approval::standing(job, &checks, counts.as_ref());
    let manual = approval::check(&standing);
    let failing = checks.iter().any(|check| check.status == Status::Fail && check.id.is_critical());
    let gate = match (failing, manual.status) {
        (true, _) => Gate::Blocked,
        (false, Status::Pass) => Gate::ReadyForDns,
        (false, _) => Gate::Warning,
    };
    let place = CheckId::ALL.iter().position(|id| *id == CheckId::ManualApproval).unwrap_or(checks.len());
    checks.insert(place, manual);
    let percent_hundredths = counts.as_ref().map_or(0, Counts::percent_hundredths);
    Evaluation { gate, checks, mailboxes, counts, percent_hundredths, snapshot_hash, snapshot_json, standing }
}

fn outcome(mailbox: &MailboxInput, job: &JobInput) -> MailboxOutcome {
    let counts = mailbox.sums();
    let mut found = checks::of_mailbox(mailbox, counts.as_ref(), job.now_ms);
    found.extend(extensions::of_mailbox(mailbox, counts.as_ref(), job.now_ms));
    let percent_hundredths = counts.as_ref().map_or(0, Counts::percent_hundredths);
    MailboxOutcome { id: mailbox.id, counts, percent_hundredths, checks: found }
}

/// The job's sums; unknown where it has no mailbox or one of them is unknown.
fn total(mailboxes: &[MailboxOutcome]) -> Option<Counts> {
    let mut sums = Counts::default();
    for mailbox in mailboxes {
        sums = sums.plus(mailbox.counts.as_ref()?)?;
    }
    (!mailboxes.is_empty()).then_some(sums)
}

/// The worst of the mailboxes, and what the job itself adds.
fn job_check(id: CheckId, job: &JobInput, mailboxes: &[MailboxOutcome], counts: Option<&Counts>) -> Check {
    let own: Vec<&Check> =
        mailboxes.iter().flat_map(|mailbox| &mailbox.checks).filter(|check| check.id == id).collect();
    let told = match id {
        CheckId::CountRatio => checks::ratio_of_job(&own, counts),
        CheckId::MailboxCoverage => extensions::coverage(job),
        CheckId::DnsReadiness => extensions::dns(job),
        CheckId::RunIntegrity => extensions::integrity(job, &own),
        _ => words::worst(id, &own),
    };
    if mailboxes.is_empty() && told.status != Status::Fail {
        return Check::new(id, Status::Fail, said!("no-mailbox", "no mailbox is enabled"));
    }
    told
}

#[cfg(test)]
mod tests;
