//! Two readers of one file as one: the first walks, the second is asked where the first fails, and both are compared
//! within a budget of time. Never calls a file clean that only one of them has seen.

mod compare;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::item::{Damage, Folder, Item, Part};
use crate::property::Properties;
use crate::store::{Blob, BlobKey, Blobs, NodeId, Store, StoreError, Summary};
use crate::weight;

/// Most disagreements that are kept in words; more are only counted.
pub const DISAGREEMENTS_MAX: usize = 1000;

/// Opens the second reader, whenever one is needed anew.
pub type Opening = Box<dyn FnMut() -> Result<Box<dyn Store>, StoreError> + Send>;

/// A clock that only runs forward: time since some moment.
pub type Stopwatch = Arc<dyn Fn() -> Duration + Send + Sync>;

/// The time that the second reader of a file may take in all, shared by every pair of readers of it.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Mutex<Duration>>);

impl Budget {
    /// A budget of which nothing is used yet.
    #[must_use]
    pub fn new(time: Duration) -> Self {
        Self(Arc::new(Mutex::new(time)))
    }

    fn is_used_up(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_zero()
    }

    fn take(&self, time: Duration) {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *left = left.saturating_sub(time);
    }
}

/// How much the second reader is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// Every item that the first one reads is read by the second as well, while its budget lasts.
    Everything,
    /// Only what the first one could not read whole.
    Damaged,
}

/// Something that the readers do not agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// The item or folder; nothing for the whole file.
    pub node: Option<NodeId>,
    /// What differs, in words.
    pub reason: String,
    /// Whose reading is used.
    pub used: &'static str,
}

/// What the comparing has come to so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Items that both readers read.
    pub items_compared: u64,
    /// Items that only the first reader read.
    pub items_alone: u64,
    /// Items that only the second reader could read; what the first one met is their damage, and keeps them back.
    pub rescued: BTreeSet<NodeId>,
    /// Items and folders that the readers do not agree on, each once, however often it was read; node 0 stands for the
    /// folders as a whole.
    pub unlike: BTreeSet<NodeId>,
    /// The first of them ([`DISAGREEMENTS_MAX`]).
    pub told: Vec<Disagreement>,
    /// Why the second reader was asked no further, where it was not.
    pub second_ended: Option<String>,
}

impl Comparison {
    /// True where both readers read everything, and read the same.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.unlike.is_empty() && self.items_alone == 0 && self.second_ended.is_none()
    }

    fn disagree(&mut self, node: Option<NodeId>, reason: String, used: &'static str) {
        if self.unlike.insert(node.unwrap_or(NodeId(0))) && self.told.len() < DISAGREEMENTS_MAX {
            self.told.push(Disagreement { node, reason, used });
        }
    }
}

/// Two readers as one [`Store`]. Blobs are read by the reader that made them.
pub struct Both {
    first: Box<dyn Store>,
    opening: Opening,
    second: Option<Box<dyn Store>>,
    asking: Asking,
    stopwatch: Stopwatch,
    budget: Budget,
    comparison: Comparison,
}

impl Both {
    /// `budget` is the time that the second reader may take, its opening included.
    #[must_use]
    pub fn new(
        first: Box<dyn Store>,
        opening: Opening,
        asking: Asking,
        budget: Budget,
        stopwatch: Stopwatch,
    ) -> Self {
        let comparison = Comparison::default();
        Self { first, opening, second: None, asking, stopwatch, budget, comparison }
    }

    /// What the comparing has come to so far.
    #[must_use]
    pub fn comparison(&self) -> &Comparison {
        &self.comparison
    }

    /// Counts items that another handle on the first reader has read.
    pub(crate) fn count_alone(&mut self, items: u64) {
        self.comparison.items_alone += items;
    }

    /// Asks the second reader, opening it where needed; `None` where it is not to be had any more. One that ended in
    /// the midst of an answer is opened anew for the next question.
    fn ask<T>(
        &mut self,
        question: impl FnOnce(&mut dyn Store) -> Result<T, StoreError>,
    ) -> Option<Result<T, StoreError>> {
        if self.comparison.second_ended.is_some() {
            return None;
        }
        if self.budget.is_used_up() {
            self.comparison.second_ended = Some("its time is used up".to_owned());
            return None;
        }
        let began = (self.stopwatch)();
        let mut store = match self.second.take().map_or_else(&mut self.opening, Ok) {
            Ok(store) => store,
            Err(error) => {
                self.comparison.second_ended = Some(error.to_string());
                return None;
            }
        };
        let answer = question(store.as_mut());
        self.budget.take((self.stopwatch)().saturating_sub(began));
        if !matches!(answer, Err(StoreError::ReaderEnded(_) | StoreError::Io(_))) {
            self.second = Some(store);
        }
        Some(answer)
    }

    /// Adds what only the second reader's folders hold to `folders`.
    fn unite(&mut self, folders: &mut Vec<Folder>, others: Vec<Folder>) {
        let mut known: BTreeSet<NodeId> =
            folders.iter().flat_map(|folder| folder.items.iter().copied()).collect();
        let places: BTreeMap<NodeId, usize> =
            folders.iter().enumerate().map(|(at, folder)| (folder.node, at)).collect();
        for other in others {
            let new: Vec<NodeId> = other.items.iter().copied().filter(|node| known.insert(*node)).collect();
            match places.get(&other.node) {
                Some(at) if new.is_empty() && other.items.len() == folders[*at].items.len() => {}
                Some(at) => {
                    let (mine, theirs) = (folders[*at].items.len(), other.items.len());
                    let reason = format!("one counts {mine} items, the other {theirs}");
                    self.comparison.disagree(Some(other.node), reason, "both");
                    folders[*at].items.extend(new);
                }
                None => {
                    let reason =
                        format!("a folder of {} items that only one reader finds", other.items.len());
                    self.comparison.disagree(Some(other.node), reason, "both");
                    folders.push(Folder { items: new, ..other });
                }
            }
        }
    }

    /// The better of two readings, and what they differ in. The second one's is taken where it holds all that the
    /// first one's does, and then with the first one's damage: libpff reads what a checksum denies, and a table that
    /// it cannot read is an empty one to it.
    fn choose(&mut self, node: NodeId, mine: Item, mut theirs: Item) -> Item {
        self.comparison.items_compared += 1;
        let mut differences = compare::differences(&mine, &theirs);
        let is_denied = mine.is_denied();
        if is_denied {
            differences.push("a checksum denies octets that the other takes".to_owned());
        }
        if mine.is_damaged() || theirs.is_damaged() {
            differences.push("a part of it cannot be read".to_owned());
        }
        // What a checksum denies is not made right by a reader that looks at none.
        let is_theirs =
            !is_denied && compare::losses(&theirs) < compare::losses(&mine) && compare::holds(&theirs, &mine);
        if is_theirs {
            compare::keep_damage(&mut theirs, &mine);
        }
        let used = if is_theirs { "second" } else { "first" };
        if !differences.is_empty() {
            self.comparison.disagree(Some(node), differences.join("; "), used);
        }
        if is_theirs { theirs } else { mine }
    }
}

impl Blobs for Both {
    fn read_at(&mut self, blob: &Blob, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        if !matches!(blob.key, BlobKey::Path { .. }) || self.first.reader() == "libpff" {
            return self.first.read_at(blob, offset, into);
        }
        // A reader of data that was asked for is not held to the budget of comparing.
        if self.second.is_none() {
            self.second = Some((self.opening)().map_err(io::Error::other)?);
        }
        match &mut self.second {
            Some(store) => store.read_at(blob, offset, into),
            None => Err(io::Error::other("the second reader is not there")),
        }
    }
}

impl Store for Both {
    fn reader(&self) -> &'static str {
        "auto"
    }

    fn summary(&self) -> &Summary {
        self.first.summary()
    }

    fn folders(&mut self) -> Result<Vec<Folder>, StoreError> {
        let mine = self.first.folders();
        let is_whole = mine.as_ref().is_ok_and(|folders| {
            self.first.summary().damage.is_empty() && folders.iter().all(|folder| folder.damage.is_empty())
        });
        if is_whole && self.asking == Asking::Damaged {
            return mine;
        }
        match (mine, self.ask(|store| store.folders())) {
            (mine, None) => mine,
            (Ok(mut mine), Some(Ok(theirs))) => {
                self.unite(&mut mine, theirs);
                Ok(mine)
            }
            (Ok(mine), Some(Err(error))) => {
                self.comparison.disagree(None, format!("only one reader finds folders: {error}"), "first");
                Ok(mine)
            }
            (Err(error), Some(Ok(theirs))) => {
                self.comparison.disagree(None, format!("only one reader finds folders: {error}"), "second");
                Ok(theirs)
            }
            (Err(error), Some(Err(_))) => Err(error),
        }
    }

    fn item(&mut self, node: NodeId) -> Result<Item, StoreError> {
        let mine = self.first.item(node);
        let is_whole = mine.as_ref().is_ok_and(|item| !item.is_damaged());
        if is_whole && self.asking == Asking::Damaged {
            self.comparison.items_alone += 1;
            return mine;
        }
        if mine.as_ref().is_ok_and(weight::is_too_heavy) {
            self.comparison.items_alone += 1;
            let reason = "one reader was not asked: it would hold too much of it in memory".to_owned();
            self.comparison.disagree(Some(node), reason, "first");
            return mine;
        }
        match (mine, self.ask(|store| store.item(node))) {
            (mine, None) => {
                self.comparison.items_alone += 1;
                mine
            }
            (Ok(mine), Some(Ok(theirs))) => Ok(self.choose(node, mine, theirs)),
            (Ok(mine), Some(Err(error))) => {
                self.comparison.items_alone += 1;
                self.comparison.disagree(
                    Some(node),
                    format!("one reader cannot read it: {}", error.reason()),
                    "first",
                );
                Ok(mine)
            }
            (Err(error), Some(Ok(mut theirs))) => {
                self.comparison.rescued.insert(node);
                self.comparison.disagree(
                    Some(node),
                    format!("one reader cannot read it: {}", error.reason()),
                    "second",
                );
                // What made one reader fail may be something that the other overlooks.
                theirs.damage.push(Damage { part: Part::Properties, reason: error.reason() });
                Ok(theirs)
            }
            (Err(mine), Some(Err(theirs))) => {
                let reason = format!("{}; the second reader: {}", mine.reason(), theirs.reason());
                self.comparison.disagree(Some(node), reason.clone(), "none");
                Err(StoreError::Unreadable { node, reason })
            }
        }
    }

    fn row(&mut self, folder: NodeId, item: NodeId) -> Option<Properties> {
        self.first.row(folder, item)
    }

    fn recovered(&mut self) -> Result<Vec<NodeId>, StoreError> {
        self.first.recovered()
    }
}
