//! The arithmetic of a personal store: how many items it lists, and what became of each.
//! Never adds up by leaving something out: what no bucket holds makes the sums uneven.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::report::Counters;

/// Items of a store's folders that are not of the mailbox as its user saw it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreLeftOut {
    /// Names from the store's root down to the folder, parted by `/`.
    pub folder: String,
    /// Why it is left out.
    pub reason: String,
    /// How many items lie in it.
    pub items: u64,
}

/// The sums of one store, in items. `listed + recovered = sent + quarantined + skipped + left_out + filtered +
/// pending + not_opened` holds, or the run is no success.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreSums {
    /// The format: `ansi`, `unicode`, `unicode4k`.
    pub format: String,
    /// Rows of the contents tables of all visible folders.
    pub table_rows: u64,
    /// Message nodes below those folders in the node tree.
    pub node_children: u64,
    /// Folders of which these two, or the items listed, are not equal; what either knows is listed.
    pub folders_uneven: u64,
    /// Items that folders list, each once, those of folders that are left out too.
    pub listed: u64,
    /// Items that no folder reaches any more and that are carried by choice.
    pub recovered: u64,
    /// Copied, adopted, collapsed, or there already; in a plan those that would be.
    pub sent: u64,
    /// Refused or damaged.
    pub quarantined: u64,
    /// Passed over as no mail, by message class.
    pub skipped: BTreeMap<String, u64>,
    /// Outside of the visible folders.
    pub left_out: Vec<StoreLeftOut>,
    /// Left out by the operator's filters.
    pub filtered: u64,
    /// Not settled yet.
    pub pending: u64,
    /// In folders that were excluded, or that the run did not come to.
    pub not_opened: u64,
    /// Items that are carried and not in every point as they stood, by kind.
    pub losses: BTreeMap<String, u64>,
    /// Points in which the two readers did not agree.
    pub disagreements: u64,
    /// Items that only the second reader could read: they are kept back, for the first denies what they are made of.
    pub rescued: u64,
    /// Why the second reader was asked no further, where it was wanted and was not to be had to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_ended: Option<String>,
    /// True where every item is accounted for.
    pub balances: bool,
}

impl StoreSums {
    /// The sums with what a run made of the items.
    #[must_use]
    pub fn settled(mut self, totals: &Counters) -> Self {
        let left_out: u64 = self.left_out.iter().map(|folder| folder.items).sum();
        let visible = (self.listed + self.recovered).checked_sub(left_out);
        self.sent = totals.copied + totals.adopted + totals.already + totals.collapsed;
        self.quarantined = totals.quarantined;
        self.filtered = totals.filtered.saturating_sub(self.skipped());
        // A folder that the run gave up counts as pending whatever was known of its items.
        let pending = totals.pending.checked_sub(self.skipped().saturating_sub(totals.filtered));
        let not_opened = visible.and_then(|visible| visible.checked_sub(totals.source_messages));
        self.pending = pending.unwrap_or(totals.pending);
        self.not_opened = not_opened.unwrap_or(0);
        self.balances = pending.is_some() && not_opened.is_some() && self.is_even();
        self
    }

    fn skipped(&self) -> u64 {
        self.skipped.values().sum()
    }

    fn is_even(&self) -> bool {
        let left_out: u64 = self.left_out.iter().map(|folder| folder.items).sum();
        let settled = self.sent + self.quarantined + self.skipped() + self.filtered + self.pending;
        self.listed + self.recovered == settled + left_out + self.not_opened
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(listed: u64, skipped: u64, left_out: u64, totals: [u64; 5], expected: (u64, u64, bool)) {
        let left = StoreLeftOut { items: left_out, ..StoreLeftOut::default() };
        let sums = StoreSums {
            listed,
            skipped: [("IPM.Contact".to_owned(), skipped)].into(),
            left_out: vec![left],
            ..StoreSums::default()
        };
        let [source_messages, copied, filtered, quarantined, pending] = totals;
        let totals =
            Counters { source_messages, copied, filtered, quarantined, pending, ..Counters::default() };
        let sums = sums.settled(&totals);
        assert_eq!((sums.filtered, sums.not_opened, sums.balances), expected, "{sums:?}");
    }

    #[test]
    fn every_item_of_a_store_is_in_one_sum() {
        check(10, 2, 1, [9, 5, 2, 1, 1], (0, 0, true));
        check(10, 2, 1, [9, 4, 3, 1, 1], (1, 0, true));
        check(10, 0, 1, [5, 5, 0, 0, 0], (0, 4, true));
        check(10, 2, 1, [9, 5, 2, 1, 0], (0, 0, false));
        check(10, 2, 1, [10, 6, 2, 1, 1], (0, 0, false));
        check(10, 3, 1, [9, 5, 2, 1, 1], (0, 0, true));
        check(10, 4, 1, [9, 5, 2, 1, 1], (0, 0, false));
    }
}
