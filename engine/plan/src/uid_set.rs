//! Sets of UIDs as ranges, read and written as IMAP sequence sets.
//! Never holds one entry per message where messages are consecutive.

use crate::message::Uid;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// UIDs in ascending order, as disjoint inclusive ranges that never touch (RFC 9051 §9, sequence-set without `*`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UidSet {
    ranges: Vec<(u32, u32)>,
}

impl UidSet {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { ranges: Vec::new() }
    }

    /// Reads `1:3,7`; ranges may be in any order, reversed or overlapping. Nothing where a part is not a UID
    /// range; `*` is not accepted, for it names no UID.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut ranges = Vec::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (low, high) = part.split_once(':').unwrap_or((part, part));
            let (low, high) = (low.parse::<u32>().ok()?, high.parse::<u32>().ok()?);
            if low == 0 || high == 0 {
                return None;
            }
            ranges.push((low.min(high), low.max(high)));
        }
        Some(Self::from_ranges(ranges))
    }

    /// Builds a set from inclusive ranges in any order; each bound is 1 or more.
    #[must_use]
    pub fn from_ranges(mut ranges: Vec<(u32, u32)>) -> Self {
        ranges.sort_unstable();
        let mut set = Self::new();
        for (low, high) in ranges {
            set.push_range(low, high);
        }
        set
    }

    fn push_range(&mut self, low: u32, high: u32) {
        match self.ranges.last_mut() {
            Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
            _ => self.ranges.push((low, high)),
        }
    }

    /// The number of UIDs in the set.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.ranges.iter().map(|(low, high)| u64::from(high - low) + 1).sum()
    }

    /// True where the set holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// True when `uid` is in the set.
    #[must_use]
    pub fn contains(&self, uid: Uid) -> bool {
        let after = self.ranges.partition_point(|(low, _)| *low <= uid.get());
        after > 0 && self.ranges[after - 1].1 >= uid.get()
    }

    /// Adds one UID, wherever it belongs.
    pub fn insert(&mut self, uid: Uid) {
        let uid = uid.get();
        let after = self.ranges.partition_point(|(low, _)| *low <= uid);
        if after > 0 && self.ranges[after - 1].1 >= uid {
            return;
        }
        let follows = after > 0 && self.ranges[after - 1].1 == uid - 1;
        let precedes = after < self.ranges.len() && self.ranges[after].0 - 1 == uid;
        match (follows, precedes) {
            (true, true) => self.ranges[after - 1].1 = self.ranges.remove(after).1,
            (true, false) => self.ranges[after - 1].1 = uid,
            (false, true) => self.ranges[after].0 = uid,
            (false, false) => self.ranges.insert(after, (uid, uid)),
        }
    }

    /// The UIDs, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Uid> {
        self.ranges.iter().flat_map(|(low, high)| (*low..=*high).filter_map(Uid::new))
    }

    /// The inclusive ranges, ascending.
    #[must_use]
    pub fn ranges(&self) -> &[(u32, u32)] {
        &self.ranges
    }

    /// The UIDs of `self` that `other` lacks.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        for &(low, high) in &self.ranges {
            let mut next = u64::from(low);
            let from = other.ranges.partition_point(|range| range.1 < low);
            for &(gone_low, gone_high) in other.ranges[from..].iter().take_while(|range| range.0 <= high) {
                if u64::from(gone_low) > next {
                    left.push((next as u32, gone_low - 1));
                }
                next = next.max(u64::from(gone_high) + 1);
            }
            if next <= u64::from(high) {
                left.push((next as u32, high));
            }
        }
        Self::from_ranges(left)
    }

    /// The UIDs that both sets hold.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.difference(&self.difference(other))
    }

    /// The UIDs that either set holds.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut ranges = self.ranges.clone();
        ranges.extend_from_slice(&other.ranges);
        Self::from_ranges(ranges)
    }

    /// The `uids_max` lowest UIDs, or all where there are fewer.
    #[must_use]
    pub fn first(&self, uids_max: u64) -> Self {
        let (mut first, mut room) = (Self::new(), uids_max);
        for &(low, high) in &self.ranges {
            if room == 0 {
                break;
            }
            let end = high.min(low.saturating_add(u32::try_from(room - 1).unwrap_or(u32::MAX)));
            first.push_range(low, end);
            room -= u64::from(end - low) + 1;
        }
        first
    }

    /// Splits the set into pieces, ascending, of at most `uids_max` UIDs whose text has at most `octets_max`
    /// octets. Both limits are at least 1 UID and 21 octets (`4294967295:4294967295`), else they are raised.
    #[must_use]
    pub fn chunks(&self, uids_max: u64, octets_max: usize) -> Vec<Self> {
        let (uids_max, octets_max) = (uids_max.max(1), octets_max.max(21));
        let mut pieces = Vec::new();
        let (mut piece, mut uids, mut octets) = (Self::new(), 0_u64, 0_usize);
        for &(low, high) in &self.ranges {
            let mut low = low;
            loop {
                let room = uids_max - uids;
                let end = high.min(low.saturating_add(u32::try_from(room - 1).unwrap_or(u32::MAX)));
                let text_octets = range_octets(low, end) + usize::from(!piece.is_empty());
                if !piece.is_empty() && octets + text_octets > octets_max {
                    pieces.push(core::mem::take(&mut piece));
                    (uids, octets) = (0, 0);
                    continue;
                }
                piece.push_range(low, end);
                uids += u64::from(end - low) + 1;
                octets += text_octets;
                if uids == uids_max {
                    pieces.push(core::mem::take(&mut piece));
                    (uids, octets) = (0, 0);
                }
                if end == high {
                    break;
                }
                low = end + 1;
            }
        }
        if !piece.is_empty() {
            pieces.push(piece);
        }
        pieces
    }
}

fn range_octets(low: u32, high: u32) -> usize {
    let digits = |number: u32| number.ilog10() as usize + 1;
    if low == high { digits(low) } else { digits(low) + 1 + digits(high) }
}

impl FromIterator<Uid> for UidSet {
    fn from_iter<I: IntoIterator<Item = Uid>>(uids: I) -> Self {
        let ranges: Vec<(u32, u32)> = uids.into_iter().map(|uid| (uid.get(), uid.get())).collect();
        if ranges.is_sorted() {
            let mut set = Self::new();
            ranges.into_iter().for_each(|(low, high)| set.push_range(low, high));
            return set;
        }
        Self::from_ranges(ranges)
    }
}

impl fmt::Display for UidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for &(low, high) in &self.ranges {
            if !text.is_empty() {
                text.push(',');
            }
            if low == high {
                fmt::Write::write_fmt(&mut text, format_args!("{low}"))?;
            } else {
                fmt::Write::write_fmt(&mut text, format_args!("{low}:{high}"))?;
            }
        }
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    fn set(numbers: &[u32]) -> UidSet {
        numbers.iter().filter_map(|number| Uid::new(*number)).collect()
    }

    proptest! {
        #[test]
        fn text_survives_reading_and_writing(numbers in prop::collection::vec(1_u32..400, 0..60)) {
            let set = set(&numbers);
            prop_assert_eq!(UidSet::parse(&set.to_string()), Some(set));
        }

        #[test]
        fn sets_behave_as_sets(
            left in prop::collection::btree_set(1_u32..80, 0..40),
            right in prop::collection::btree_set(1_u32..80, 0..40),
        ) {
            let as_set = |numbers: Vec<u32>| set(&numbers);
            let (a, b) = (as_set(left.iter().copied().collect()), as_set(right.iter().copied().collect()));
            prop_assert_eq!(a.difference(&b), as_set(left.difference(&right).copied().collect()));
            prop_assert_eq!(a.intersection(&b), as_set(left.intersection(&right).copied().collect()));
            prop_assert_eq!(a.union(&b), as_set(left.union(&right).copied().collect()));
            prop_assert_eq!(a.len(), left.len() as u64);
            for number in 1..80 {
                prop_assert_eq!(a.contains(Uid::new(number).unwrap()), left.contains(&number));
            }
        }

        #[test]
        fn chunks_keep_every_uid_and_their_limits(
            numbers in prop::collection::vec(1_u32..5000, 0..200), uids_max in 1_u64..50, octets_max in 1_usize..80,
        ) {
            let whole = set(&numbers);
            let pieces = whole.chunks(uids_max, octets_max);
            let mut joined = UidSet::new();
            for piece in &pieces {
                prop_assert!(piece.len() <= uids_max && !piece.is_empty());
                prop_assert!(piece.to_string().len() <= octets_max.max(21));
                joined = joined.union(piece);
            }
            prop_assert_eq!(pieces.iter().map(UidSet::len).sum::<u64>(), whole.len());
            prop_assert_eq!(&joined, &whole);
            let first = whole.first(uids_max);
            prop_assert_eq!(first.len(), uids_max.min(whole.len()));
            prop_assert_eq!(first, whole.iter().take(usize::try_from(uids_max).unwrap()).collect::<UidSet>());
        }
    }

    #[test]
    fn odd_texts_are_read_or_refused() {
        for (text, expected) in
            [("", Some("")), ("3:1,2", Some("1:3")), ("0", None), ("1:*", None), ("x", None)]
        {
            assert_eq!(UidSet::parse(text).map(|set| set.to_string()).as_deref(), expected, "{text}");
        }
        assert_eq!(UidSet::parse("4294967295").unwrap().len(), 1);
        assert_eq!(UidSet::parse("1:4294967295").unwrap().chunks(u64::MAX, 99).len(), 1);
    }
}
