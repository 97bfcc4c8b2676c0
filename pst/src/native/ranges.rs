//! Sets of keys of a B-tree, as ranges that grow together where they touch.
//! Never a range of no keys.

use std::collections::BTreeMap;

/// Keys from the first on, below the second; the keys of a whole tree end with [`u64::MAX`].
pub(super) type Range = (u64, u64);

/// A set of keys.
#[derive(Debug, Clone, Default)]
pub(super) struct Ranges(BTreeMap<u64, u64>);

/// True where a range holds the key.
pub(super) const fn within((start, end): Range, key: u64) -> bool {
    start <= key && key < end
}

impl Ranges {
    /// True where no key is in the set.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True where the key is in the set.
    pub(super) fn hold(&self, key: u64) -> bool {
        self.0.range(..=key).next_back().is_some_and(|(_, end)| key < *end)
    }

    /// Adds the keys of a range.
    pub(super) fn add(&mut self, (mut start, mut end): Range) {
        if start >= end {
            return;
        }
        while let Some((other, other_end)) = self.0.range(..=end).next_back().map(|(a, b)| (*a, *b)) {
            if other_end < start {
                break;
            }
            (start, end) = (start.min(other), end.max(other_end));
            self.0.remove(&other);
        }
        self.0.insert(start, end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_grow_together_where_they_touch() {
        let mut ranges = Ranges::default();
        for range in [(10, 20), (30, 40), (5, 8), (20, 30), (100, 101), (60, 60)] {
            ranges.add(range);
        }
        assert_eq!(ranges.0.clone().into_iter().collect::<Vec<_>>(), [(5, 8), (10, 40), (100, 101)]);
        for (key, expected) in [(4, false), (5, true), (8, false), (39, true), (40, false), (100, true)] {
            assert_eq!(ranges.hold(key), expected, "{key}");
        }
    }
}
