//! Counters that a run keeps while it works, for progress bars.
//! Never decides anything: the report is counted elsewhere.

use std::sync::atomic::{AtomicU64, Ordering};

/// Shared by a run and whoever looks on; each value only grows.
#[derive(Debug, Default)]
pub struct Progress {
    folders_total: AtomicU64,
    folders_done: AtomicU64,
    messages_total: AtomicU64,
    messages_done: AtomicU64,
    messages_copied: AtomicU64,
    bytes_copied: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// Pairs of folders to work on.
    pub folders_total: u64,
    /// Pairs whose work has ended.
    pub folders_done: u64,
    /// Source messages listed so far.
    pub messages_total: u64,
    /// Source messages in a bucket so far.
    pub messages_done: u64,
    /// Messages appended in this run.
    pub messages_copied: u64,
    /// Octets appended in this run.
    pub bytes_copied: u64,
}

impl Progress {
    /// Reads all counters.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let read = |value: &AtomicU64| value.load(Ordering::Relaxed);
        Snapshot {
            folders_total: read(&self.folders_total),
            folders_done: read(&self.folders_done),
            messages_total: read(&self.messages_total),
            messages_done: read(&self.messages_done),
            messages_copied: read(&self.messages_copied),
            bytes_copied: read(&self.bytes_copied),
        }
    }

    /// A survey listed so many folders.
    pub fn folders_listed(&self, folders: u64) {
        self.folders_total.fetch_add(folders, Ordering::Relaxed);
    }

    /// A folder is done.
    pub fn folder_done(&self) {
        self.folders_done.fetch_add(1, Ordering::Relaxed);
    }

    /// So many messages are to be looked at.
    pub fn messages_listed(&self, messages: u64) {
        self.messages_total.fetch_add(messages, Ordering::Relaxed);
    }

    /// So many messages are in a bucket.
    pub fn messages_done(&self, messages: u64) {
        self.messages_done.fetch_add(messages, Ordering::Relaxed);
    }

    pub(crate) fn messages_copied(&self, messages: u64, octets: u64) {
        self.messages_done.fetch_add(messages, Ordering::Relaxed);
        self.messages_copied.fetch_add(messages, Ordering::Relaxed);
        self.bytes_copied.fetch_add(octets, Ordering::Relaxed);
    }
}
