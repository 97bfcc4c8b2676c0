//! The sums of a file: what its folders list, and what became of it.
//! Never adds up by leaving something out: an item that was not read is open, and open items do not balance.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Outcome;
use crate::tree::Tree;

/// The sums of one file, in items.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Arithmetic {
    /// Rows of all contents tables that can be read.
    pub table_rows: u64,
    /// Message nodes below all folders, where the reader can count them.
    pub node_children: u64,
    /// Folders whose table and nodes do not count the same, or cannot both be counted.
    pub folders_uneven: u64,
    /// Items that folders list, each once, those outside of the visible folders too.
    pub listed: u64,
    /// Items that no folder reaches any more and that are to be carried.
    pub recovered: u64,
    /// Carried.
    pub sent: u64,
    /// Kept back as damaged.
    pub quarantined: u64,
    /// Passed over, by message class.
    pub skipped: BTreeMap<String, u64>,
}

impl Arithmetic {
    /// What the folders list, before anything is read.
    #[must_use]
    pub fn of(tree: &Tree) -> Self {
        let mut sums = Self::default();
        for folder in &tree.folders {
            let items = folder.items.len() as u64;
            if folder.node.0 == 0 {
                sums.recovered += items;
                continue;
            }
            sums.listed += items;
            let (rows, children) = (folder.counts.table_rows, folder.counts.node_children);
            sums.table_rows += rows.unwrap_or(0);
            sums.node_children += children.unwrap_or(0);
            // A reader that cannot ask for nodes leaves them out altogether.
            let is_even = rows == Some(items) && children.is_none_or(|children| children == items);
            sums.folders_uneven += u64::from(!is_even);
        }
        sums.listed += tree.left_out.iter().map(|folder| folder.items.len() as u64).sum::<u64>();
        sums
    }

    /// Counts what became of one item.
    pub fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Carried(_) => self.sent += 1,
            Outcome::Quarantined(_) => self.quarantined += 1,
            Outcome::Skipped { class, .. } => *self.skipped.entry(class.clone()).or_default() += 1,
        }
    }

    /// Adds what became of other items.
    pub fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.quarantined += other.quarantined;
        for (class, items) in other.skipped {
            *self.skipped.entry(class).or_default() += items;
        }
    }

    /// True where every item is accounted for.
    #[must_use]
    pub fn balances(&self) -> bool {
        let skipped: u64 = self.skipped.values().sum();
        self.listed + self.recovered == self.sent + self.quarantined + skipped
    }
}
