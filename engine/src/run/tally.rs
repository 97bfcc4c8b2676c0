//! What a run has found so far, for its report.
//! Never counts a message into two buckets: each folder keeps sets of UIDs, and the numbers are read off them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use malote_plan::buckets::Buckets;
use malote_plan::message::{Flag, Uid};
use malote_plan::uid_set::UidSet;

use crate::failure::Failure;
use crate::measured::Measured;
use crate::report::{ErrorEntry, QuarantineEntry, RepairEntry};

/// One folder's source UIDs by what became of them in this run.
#[derive(Debug, Clone, Default)]
pub(super) struct FolderTally {
    /// True once the source folder was listed in this run.
    pub is_listed: bool,
    /// Seen in any listing of this run.
    pub listed: UidSet,
    /// Seen in the latest listing.
    pub present: UidSet,
    /// Had a record when the run began.
    pub already: UidSet,
    /// Appended by this run.
    pub copied: UidSet,
    /// Found at the destination by this run.
    pub adopted: UidSet,
    /// Collapsed, by this run or an earlier one.
    pub collapsed: UidSet,
    /// Left out by filters.
    pub filtered: UidSet,
    /// Settled by another folder that shows the same messages; in no record, for labels come and go.
    pub aside: UidSet,
    /// Quarantined, by this run or an earlier one.
    pub quarantined: UidSet,
    /// Octets appended by this run.
    pub bytes_copied: u64,
    /// Messages whose flags were changed.
    pub flag_changes: u64,
    /// Messages removed at the destination.
    pub deleted: u64,
    /// Messages in the destination folder when last asked.
    pub destination_messages: u64,
}

impl FolderTally {
    /// Takes in a new listing of the source folder.
    pub fn list(&mut self, uids: &UidSet) {
        self.is_listed = true;
        self.listed = self.listed.union(uids);
        self.present = uids.clone();
    }

    /// Begins anew with the UIDs of another source generation; what this run did keeps its bucket under new UIDs.
    pub fn renumber(&mut self, uids: &UidSet, moves: &[(Uid, Uid)]) {
        let moved =
            |old: &UidSet| moves.iter().filter(|pair| old.contains(pair.0)).map(|pair| pair.1).collect();
        *self = Self {
            copied: moved(&self.copied),
            adopted: moved(&self.adopted),
            bytes_copied: self.bytes_copied,
            flag_changes: self.flag_changes,
            deleted: self.deleted,
            destination_messages: self.destination_messages,
            ..Self::default()
        };
        self.list(uids);
    }

    /// Everything that is in a bucket other than pending.
    pub fn settled(&self) -> UidSet {
        [&self.copied, &self.adopted, &self.collapsed, &self.filtered, &self.aside, &self.quarantined]
            .into_iter()
            .fold(self.already.clone(), |all, set| all.union(set))
    }

    /// Reads the numbers off the sets.
    pub fn buckets(&self) -> Buckets {
        let settled = self.settled();
        let open = self.listed.difference(&settled);
        let vanished = open.difference(&self.present).len();
        let counted = |set: &UidSet| set.intersection(&self.listed).len();
        Buckets {
            source_messages: self.listed.len() - vanished,
            copied: counted(&self.copied),
            adopted: counted(&self.adopted),
            already: counted(&self.already),
            collapsed: counted(&self.collapsed.union(&self.aside)),
            filtered: counted(&self.filtered),
            quarantined: counted(&self.quarantined),
            pending: open.len() - vanished,
            vanished,
        }
    }

    /// Moves a message into quarantine, whatever bucket it was thought to be in.
    pub fn quarantine(&mut self, uid: Uid) {
        self.quarantined.insert(uid);
    }
}

/// What the run as a whole has to tell.
#[derive(Debug, Default)]
pub(super) struct Findings {
    inner: Mutex<FindingsInner>,
}

#[derive(Debug, Default)]
pub(super) struct FindingsInner {
    pub warnings: Vec<String>,
    pub errors: Vec<ErrorEntry>,
    pub quarantine: Vec<QuarantineEntry>,
    pub repairs: Vec<RepairEntry>,
    pub dropped_flags: BTreeMap<String, u64>,
    /// True when a folder's work was broken off because the run was told to stop.
    pub is_cut_short: bool,
    /// What was measured so far; nothing where nothing was to be measured.
    pub measured: Option<Measured>,
}

/// Warnings and errors kept for a report; beyond that they are counted only.
const FINDINGS_MAX: usize = 1000;

impl Findings {
    fn lock(&self) -> MutexGuard<'_, FindingsInner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn warn(&self, sentence: impl Into<String>) {
        let sentence = sentence.into();
        let mut inner = self.lock();
        if inner.warnings.len() < FINDINGS_MAX && !inner.warnings.contains(&sentence) {
            inner.warnings.push(sentence);
        }
    }

    pub fn fail(&self, failure: &Failure) {
        let entry = ErrorEntry::from(failure);
        let mut inner = self.lock();
        if inner.errors.len() < FINDINGS_MAX && !inner.errors.contains(&entry) {
            inner.errors.push(entry);
        }
    }

    /// Notes that a folder's work was broken off.
    pub fn cut_short(&self) {
        self.lock().is_cut_short = true;
    }

    pub fn is_cut_short(&self) -> bool {
        self.lock().is_cut_short
    }

    pub fn quarantine(&self, entry: QuarantineEntry) {
        self.lock().quarantine.push(entry);
    }

    pub fn repair(&self, entry: RepairEntry) {
        self.lock().repairs.push(entry);
    }

    /// Adds what one folder measured.
    pub fn measure(&self, measured: Measured) {
        let mut inner = self.lock();
        inner.measured = Some(inner.measured.unwrap_or_else(Measured::none_yet).and(measured));
    }

    pub fn drop_flags(&self, flags: &[Flag]) {
        let mut inner = self.lock();
        for flag in flags {
            *inner.dropped_flags.entry(flag.as_str().to_owned()).or_default() += 1;
        }
    }

    pub fn take(&self) -> FindingsInner {
        std::mem::take(&mut self.lock())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uids(text: &str) -> UidSet {
        UidSet::parse(text).unwrap()
    }

    #[test]
    fn every_listed_message_is_in_one_bucket() {
        let mut tally = FolderTally { already: uids("1:3"), copied: uids("4:5"), ..FolderTally::default() };
        tally.list(&uids("1:8"));
        tally.list(&uids("1:4,6:7"));
        tally.quarantine(Uid::new(6).unwrap());
        let buckets = tally.buckets();
        assert!(buckets.balances());
        assert_eq!(
            (buckets.pending, buckets.vanished, buckets.copied),
            (1, 1, 2),
            "7 waits, 8 went, 5 was copied first"
        );
    }
}
