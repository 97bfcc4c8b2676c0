//! What the gate is told: whole numbers per folder and mailbox, and what was measured beside them.
//! Never a default that looks good: what is not known says so.

use alloc::string::String;
use alloc::vec::Vec;

use super::approval::Approval;

/// The counts of one folder, mailbox or job, from the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// E: at the source at the last scan, less what vanished and what a filter leaves out. What is too large or
    /// cannot be read stays in.
    pub eligible: u64,
    /// M: with a counterpart at the destination that was seen there.
    pub matched: u64,
    /// Missing, and to be copied.
    pub pending: u64,
    /// Q: missing, quarantined, and nobody has said a word.
    pub quarantine_open: u64,
    /// A: missing, quarantined, and acknowledged with a reason.
    pub quarantine_acknowledged: u64,
}

impl Counts {
    /// X: eligible without a counterpart. Nothing where the counts do not add up: X = pending + Q + A.
    #[must_use]
    pub fn missing(&self) -> Option<u64> {
        let missing = self.eligible.checked_sub(self.matched)?;
        let told =
            self.pending.checked_add(self.quarantine_open)?.checked_add(self.quarantine_acknowledged)?;
        (missing == told).then_some(missing)
    }

    /// The sums of both; nothing where they pass what a number holds.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Option<Self> {
        Some(Self {
            eligible: self.eligible.checked_add(other.eligible)?,
            matched: self.matched.checked_add(other.matched)?,
            pending: self.pending.checked_add(other.pending)?,
            quarantine_open: self.quarantine_open.checked_add(other.quarantine_open)?,
            quarantine_acknowledged: self
                .quarantine_acknowledged
                .checked_add(other.quarantine_acknowledged)?,
        })
    }

    /// 100·M/E in hundredths of a percent, rounded down: what is not whole is never shown as 100. An empty source
    /// that was scanned is whole; one that does not add up has nothing.
    #[must_use]
    pub fn percent_hundredths(&self) -> u32 {
        if self.missing().is_none() {
            return 0;
        }
        if self.eligible == 0 {
            return 10_000;
        }
        let hundredths = u128::from(self.matched) * 10_000 / u128::from(self.eligible);
        u32::try_from(hundredths).unwrap_or(0)
    }

    /// 100·M ≥ percent·E, in whole numbers.
    #[must_use]
    pub fn reaches(&self, percent: u8) -> bool {
        u128::from(self.matched) * 100 >= u128::from(self.eligible) * u128::from(percent)
    }
}

/// A value that was measured, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Known<T> {
    /// Nobody has measured it: a person has to accept that.
    #[default]
    Unknown,
    /// It has no meaning here, as a file has no UIDVALIDITY.
    NotApplicable,
    /// This it was.
    Is(T),
}

/// What a folder is to the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FolderRole {
    /// New mail.
    Inbox,
    /// Sent mail.
    Sent,
    /// Anything else.
    #[default]
    Other,
}

/// One source folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FolderInput {
    /// Its name at the source, decoded.
    pub path: String,
    /// Its role.
    pub role: FolderRole,
    /// Its counts; nothing where it was not scanned.
    pub counts: Option<Counts>,
}

/// How the last delta run of a mailbox ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeltaEnd {
    /// Everything is accounted for.
    Success,
    /// It reached the end and left something.
    Partial,
    /// It did not reach the end.
    Failed,
    /// The provider's daily ceiling stopped it; it goes on by itself.
    Parked,
}

/// The last delta run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delta {
    /// How it ended.
    pub end: DeltaEnd,
    /// When, in milliseconds since 1970.
    pub finished_ms: i64,
    /// What it left to be copied.
    pub pending: u64,
}

/// The octets of matched messages on both sides, line ends made equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes {
    /// At the source.
    pub source: u64,
    /// At the destination.
    pub destination: u64,
}

/// Messages taken at random and read on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// So many were compared.
    pub compared: u64,
    /// So many differ only in headers that are known to be rewritten.
    pub rewritten: u64,
    /// So many differ.
    pub different: u64,
}

/// What became of the source's UIDVALIDITY since the initial run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UidValidity {
    /// It stands.
    Stable,
    /// It changed, and every record was moved by its message's content.
    Rematched,
    /// It changed, and records are left over.
    Lost,
}

/// The destination's room, in octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// What it may hold.
    pub limit: u64,
    /// What is free.
    pub free: u64,
    /// What is still to be copied.
    pub pending: u64,
    /// It refused a message for want of room since the last successful run.
    pub is_over: bool,
}

/// How folder names came over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FolderMap {
    /// Folders with another name at the destination.
    pub renamed: u64,
    /// Folders that share their place with another: what they hold is counted by each.
    pub merged: u64,
    /// Folders without a place, or with one that would lose another folder.
    pub collisions: u64,
}

/// When both sides last let us in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Logins {
    /// The source, in milliseconds since 1970; nothing where it never did. A file is let in when it is opened.
    pub source_ms: Option<i64>,
    /// The destination.
    pub destination_ms: Option<i64>,
    /// One of them refused since.
    pub is_failing: bool,
}

/// One mailbox of the job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MailboxInput {
    /// The mailbox.
    pub id: u64,
    /// It is to be moved.
    pub is_enabled: bool,
    /// The last scan reached its end.
    pub is_scanned: bool,
    /// What is to be copied, or from where to where, was changed since it was counted or copied: nothing known of it
    /// counts.
    pub is_outdated: bool,
    /// Its kind of source has an inbox, so that one must be among the folders.
    pub has_inbox_by_nature: bool,
    /// A folder is named like one of sent mail, or mail from its own address lies in a folder without that role.
    pub has_sent_by_other_signs: bool,
    /// A mailbox at the destination is named.
    pub has_destination: bool,
    /// Its folders.
    pub folders: Vec<FolderInput>,
    /// What the destination holds in all. For show alone: mail that arrived there since must not hide a loss.
    pub destination_messages: Option<u64>,
    /// Its last delta run; nothing where none ever ended.
    pub delta: Option<Delta>,
    /// Octets of matched messages.
    pub bytes: Known<Bytes>,
    /// Messages compared.
    pub sample: Known<Sample>,
    /// The source's UIDVALIDITY.
    pub uid_validity: Known<UidValidity>,
    /// The destination's room.
    pub quota: Known<Quota>,
    /// How folder names came over.
    pub folder_map: Known<FolderMap>,
    /// Logins.
    pub logins: Logins,
    /// Messages that the destination holds twice.
    pub duplicates: Known<u64>,
}

impl MailboxInput {
    /// The sums over its folders; nothing where it was not scanned or scanned otherwise, a folder is unknown or does
    /// not add up.
    #[must_use]
    pub fn sums(&self) -> Option<Counts> {
        if !self.is_scanned || self.is_outdated {
            return None;
        }
        let mut sums = Counts::default();
        for folder in &self.folders {
            let counts = folder.counts.as_ref()?;
            counts.missing()?;
            sums = sums.plus(counts)?;
        }
        Some(sums)
    }

    /// A folder's counts are known and do not add up.
    #[must_use]
    pub fn is_unbalanced(&self) -> bool {
        self.folders
            .iter()
            .filter_map(|folder| folder.counts.as_ref())
            .any(|counts| counts.missing().is_none())
    }
}

/// Addresses of the domain that an inventory names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coverage {
    /// Neither in the job nor left out on purpose.
    pub undecided: u64,
}

/// What the checks of the domain's DNS came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    /// So many warn.
    pub warnings: u64,
    /// So many fail.
    pub failures: u64,
}

/// A job as the gate sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobInput {
    /// When it is looked at, in milliseconds since 1970.
    pub now_ms: i64,
    /// Its mailboxes, enabled or not.
    pub mailboxes: Vec<MailboxInput>,
    /// The inventory.
    pub coverage: Known<Coverage>,
    /// Files that were handed over, whole or in part, and that no mailbox has.
    pub files_waiting: u64,
    /// DNS.
    pub dns: Known<Readiness>,
    /// Runs under way.
    pub runs_active: u64,
    /// The ledger's own checksum or integrity check held.
    pub is_ledger_whole: Known<bool>,
    /// A worker died since the last scan.
    pub has_crashed_since_scan: bool,
    /// A digest of the folder maps.
    pub folder_map_hash: String,
    /// A digest of the plan for DNS; empty where there is none.
    pub dns_plan_hash: String,
    /// What somebody approved, rejected or revoked last.
    pub approval: Option<Approval>,
}
