//! The report of a run, in the shape that others build on (`malote.report/1`).
//! Never holds a subject or a secret; folder names and Message-IDs only.

use std::collections::BTreeMap;

use malote_plan::buckets::Buckets;
use malote_plan::failure::Class;
use malote_plan::record::QuarantineNote;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::measured::Measured;
use crate::store_sums::StoreSums;

/// The report's format.
pub const SCHEMA: &str = "malote.report/1";

/// What kind of run it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Messages were brought over.
    Copy,
    /// Both sides were recounted.
    Verify,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Every source message is accounted for: nothing pending, nothing quarantined but what the operator has
    /// acknowledged, no error.
    Success,
    /// It came to its end or was stopped, and something is left over: the report says what.
    Partial,
    /// Nothing could be done.
    Failed,
}

/// One side of the run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The location, without a secret.
    pub url: String,
    /// The software found there; empty where no connection stood.
    pub server: String,
}

/// The counters of a folder or of the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Messages that the source lists, less those that vanished meanwhile.
    pub source_messages: u64,
    /// Appended in this run.
    pub copied: u64,
    /// Found at the destination without a record.
    pub adopted: u64,
    /// Recorded by an earlier run.
    pub already: u64,
    /// Byte-identical twins left out by choice.
    pub collapsed: u64,
    /// Left out by the operator's filters.
    pub filtered: u64,
    /// Refused or unreadable.
    pub quarantined: u64,
    /// Not settled yet.
    pub pending: u64,
    /// Listed, then removed at the source by their user; outside the sum.
    pub vanished: u64,
    /// Messages whose flags were changed at the destination.
    pub flag_changes: u64,
    /// Messages removed at the destination (`--mirror-deletes`).
    pub deleted: u64,
    /// Octets appended in this run.
    pub bytes_copied: u64,
    /// Messages in the destination folder at the end, whoever put them there.
    pub destination_messages: u64,
}

impl Counters {
    /// Takes over the buckets' counts.
    pub fn set_buckets(&mut self, buckets: &Buckets) {
        self.source_messages = buckets.source_messages;
        self.copied = buckets.copied;
        self.adopted = buckets.adopted;
        self.already = buckets.already;
        self.collapsed = buckets.collapsed;
        self.filtered = buckets.filtered;
        self.quarantined = buckets.quarantined;
        self.pending = buckets.pending;
        self.vanished = buckets.vanished;
    }

    /// The buckets alone.
    #[must_use]
    pub fn buckets(&self) -> Buckets {
        Buckets {
            source_messages: self.source_messages,
            copied: self.copied,
            adopted: self.adopted,
            already: self.already,
            collapsed: self.collapsed,
            filtered: self.filtered,
            quarantined: self.quarantined,
            pending: self.pending,
            vanished: self.vanished,
        }
    }

    /// Adds another folder's counters.
    pub fn add(&mut self, other: &Self) {
        let mut buckets = self.buckets();
        buckets.add(&other.buckets());
        self.set_buckets(&buckets);
        self.flag_changes += other.flag_changes;
        self.deleted += other.deleted;
        self.bytes_copied += other.bytes_copied;
        self.destination_messages += other.destination_messages;
    }
}

/// One pair of folders.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderReport {
    /// The source folder, decoded, levels parted by `/`.
    pub source: String,
    /// The destination folder, likewise.
    pub destination: String,
    /// `inbox`, `sent` and so on; `null` for an ordinary folder.
    pub role: Option<String>,
    /// True when a level of the name had to be changed for the destination.
    pub renamed: bool,
    /// The counters.
    #[serde(flatten)]
    pub counters: Counters,
}

/// One quarantined message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineEntry {
    /// The source folder, decoded.
    pub folder: String,
    /// The message at the source.
    pub uid: u32,
    /// Message-ID; empty where there is none.
    pub message_id: String,
    /// Length in octets, as far as known.
    pub size: u64,
    /// `too_large`, `refused`, `unreadable`.
    pub reason: String,
    /// The server's words, or ours.
    pub detail: String,
    /// The file that holds its octets; empty where they were never had.
    pub file: String,
    /// How often it was tried.
    #[serde(default)]
    pub attempts: u32,
    /// True once the operator has accepted that it is left out.
    #[serde(default)]
    pub acknowledged: bool,
}

impl QuarantineEntry {
    /// The entry of a note, in a source folder.
    #[must_use]
    pub fn of(folder: &str, note: QuarantineNote) -> Self {
        Self {
            folder: folder.to_owned(),
            uid: note.source_uid.get(),
            message_id: note.message_id,
            size: note.octets,
            reason: note.reason,
            detail: note.detail,
            file: note.file,
            attempts: note.attempts,
            acknowledged: note.is_acknowledged,
        }
    }
}

/// One message that was changed to have it accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairEntry {
    /// The source folder, decoded.
    pub folder: String,
    /// The message at the source.
    pub uid: u32,
    /// Message-ID; empty where there is none.
    pub message_id: String,
    /// What its octets were found to have, by name.
    pub findings: Vec<String>,
    /// What was done, by name and in this order.
    pub repairs: Vec<String>,
    /// The file in the quarantine folder that holds the original.
    pub kept: String,
    /// True for a repair that an earlier run made.
    pub earlier: bool,
}

/// One thing that went wrong and was not put right within the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorEntry {
    /// `source`, `destination` or `local`.
    pub side: String,
    /// The failure's class, such as `auth.bad_credentials`.
    pub class: String,
    /// What was tried, on what, and what the reader can do.
    pub message: String,
    /// The class as the engine knows it; not part of the format.
    #[serde(skip)]
    pub kind: Option<Class>,
}

impl From<&Failure> for ErrorEntry {
    fn from(failure: &Failure) -> Self {
        Self {
            side: failure.side.as_str().to_owned(),
            class: failure.class.as_str().to_owned(),
            message: failure.full_message(),
            kind: Some(failure.class),
        }
    }
}

/// What a run did, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: String,
    /// Names the run in logs and files.
    pub run_id: String,
    /// Copy or verify.
    pub kind: Kind,
    /// How it ended.
    pub status: Status,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// RFC 3339, UTC.
    pub finished_at: String,
    /// Milliseconds that it took; written as `elapsed_seconds` with three decimals.
    #[serde(rename = "elapsed_seconds", with = "seconds")]
    pub elapsed_ms: u64,
    /// Where mail came from.
    pub source: Place,
    /// Where it went to.
    pub destination: Place,
    /// All folders together.
    pub totals: Counters,
    /// Each pair of folders, in the order of their work.
    pub folders: Vec<FolderReport>,
    /// What lies in quarantine.
    pub quarantine: Vec<QuarantineEntry>,
    /// What was mended.
    pub repairs: Vec<RepairEntry>,
    /// Flags that the destination did not keep, with the number of messages that lost each.
    pub dropped_flags: BTreeMap<String, u64>,
    /// What was coped with.
    pub warnings: Vec<String>,
    /// What was not.
    pub errors: Vec<ErrorEntry>,
    /// The arithmetic of the store that mail came from; of other sources nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreSums>,
    /// What was measured beside the counts; not part of the format.
    #[serde(skip)]
    pub measured: Measured,
}

impl Report {
    /// The report of a run that could not begin; `at` is RFC 3339, UTC.
    #[must_use]
    pub fn not_begun(kind: Kind, source: &str, destination: &str, at: &str, error: ErrorEntry) -> Self {
        let place = |url: &str| Place { url: url.to_owned(), server: String::new() };
        Self {
            schema: SCHEMA.to_owned(),
            run_id: String::new(),
            kind,
            status: Status::Failed,
            started_at: at.to_owned(),
            finished_at: at.to_owned(),
            elapsed_ms: 0,
            source: place(source),
            destination: place(destination),
            totals: Counters::default(),
            folders: Vec::new(),
            quarantine: Vec::new(),
            repairs: Vec::new(),
            dropped_flags: BTreeMap::new(),
            warnings: Vec::new(),
            errors: vec![error],
            store: None,
            measured: Measured::default(),
        }
    }

    /// Quarantined messages that the operator has not accepted as left out.
    #[must_use]
    pub fn quarantined_unacknowledged(&self) -> u64 {
        let acknowledged = self.quarantine.iter().filter(|entry| entry.acknowledged).count();
        self.totals.quarantined.saturating_sub(acknowledged as u64)
    }

    /// True when the equation holds for every folder and for the totals, and that of the store where there is one.
    #[must_use]
    pub fn balances(&self) -> bool {
        if self.store.as_ref().is_some_and(|store| !store.balances) {
            return false;
        }
        let mut sum = Counters::default();
        self.folders.iter().for_each(|folder| sum.add(&folder.counters));
        sum.destination_messages = destinations(&self.folders).values().sum();
        sum == self.totals && self.folders.iter().all(|folder| folder.counters.buckets().balances())
    }
}

/// Messages in each destination folder by its name, however many source folders lead there.
pub(crate) fn destinations(folders: &[FolderReport]) -> BTreeMap<String, u64> {
    let mut there: BTreeMap<String, u64> = BTreeMap::new();
    for folder in folders {
        let count = there.entry(folder.destination.clone()).or_default();
        *count = folder.counters.destination_messages.max(*count);
    }
    there
}

mod seconds {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(ms: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(*ms as f64 / 1000.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        Ok((f64::deserialize(deserializer)? * 1000.0).round() as u64)
    }
}
