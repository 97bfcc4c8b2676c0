//! What every ledger does to a batch before storing it, so that all of them agree on odd input.
//! Never stores anything.

use std::collections::{BTreeMap, BTreeSet};

use malote_plan::message::Uid;
use malote_plan::uid_set::UidSet;

/// The items by UID, ascending; of several for one UID the last counts, as if they came one after another.
pub(super) fn latest<T>(items: &[T], uid: impl Fn(&T) -> Uid) -> BTreeMap<Uid, &T> {
    items.iter().map(|item| (uid(item), item)).collect()
}

/// The moves of a rebase by first UID, one to one: of several pairs that begin or end at one UID the last counts.
pub(super) fn one_to_one(moves: &[(Uid, Uid)]) -> BTreeMap<Uid, Uid> {
    let (mut from, mut to) = (BTreeSet::new(), BTreeSet::new());
    let last_first = moves.iter().rev();
    last_first
        .filter(|pair| !from.contains(&pair.0) && to.insert(pair.1) && from.insert(pair.0))
        .copied()
        .collect()
}

/// Gathers UIDs in any order into ranges, without one entry per UID where they are consecutive.
#[derive(Default)]
pub(super) struct Ranges(Vec<(u32, u32)>);

impl Ranges {
    /// Adds one UID.
    pub(super) fn push(&mut self, uid: Uid) {
        let uid = uid.get();
        match self.0.last_mut() {
            Some(last) if last.1.checked_add(1) == Some(uid) => last.1 = uid,
            _ => self.0.push((uid, uid)),
        }
    }

    /// The set of what was added.
    pub(super) fn into_set(self) -> UidSet {
        UidSet::from_ranges(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(number: u32) -> Uid {
        Uid::new(number).expect("tests name real UIDs")
    }

    #[test]
    fn of_moves_that_meet_the_last_counts() {
        let check = |moves: &[(u32, u32)], expected: &[(u32, u32)]| {
            let pairs =
                |list: &[(u32, u32)]| list.iter().map(|(a, b)| (uid(*a), uid(*b))).collect::<Vec<_>>();
            assert_eq!(one_to_one(&pairs(moves)), pairs(expected).into_iter().collect());
        };
        check(&[], &[]);
        check(&[(1, 2), (2, 1)], &[(1, 2), (2, 1)]);
        check(&[(1, 5), (1, 6)], &[(1, 6)]);
        check(&[(1, 5), (2, 5)], &[(2, 5)]);
        check(&[(1, 5), (2, 5), (2, 6)], &[(1, 5), (2, 6)]);
    }

    #[test]
    fn ranges_take_uids_in_any_order() {
        let mut ranges = Ranges::default();
        [5, 6, 7, 1, 2, 6, u32::MAX].into_iter().map(uid).for_each(|uid| ranges.push(uid));
        assert_eq!(ranges.into_set().to_string(), "1:2,5:7,4294967295");
    }
}
