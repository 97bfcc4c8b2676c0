//! The two indexes of a store, held compactly: nodes by NID (24 octets each), blocks by BID (16 octets each).
//! Never the pages that they were read from.

use std::ops::Range;

use super::disk::Disk;
use super::folders::{ITEM_TYPE, kind};
use super::header::Header;
use super::layout::Layout;
use super::limits::{BLOCKS_MAX, DAMAGES_MAX, NODES_MAX};
use super::octets::{u16_at, u32_at};
use super::pages::{Tree, Walked, walk};
use super::ranges::{Ranges, within};
use super::salvage;
use crate::store::Format;

/// A node ([MS-PST] §2.2.2.7.7.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Node {
    /// Its NID.
    pub(super) number: u32,
    /// The NID of the folder that it lies in, for items and folders.
    pub(super) parent: u32,
    /// The BID of its data; 0 for none.
    pub(super) data: u64,
    /// The BID of its sub-nodes; 0 for none.
    pub(super) subnodes: u64,
}

/// Where a block lies ([MS-PST] §2.2.2.7.7.3). BID and place have 48 bits each, which no store comes near.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Block {
    number_and_octets: u64,
    place_and_stored: u64,
}

impl Block {
    /// Its BID, without the reserved lowest bit.
    pub(super) const fn number(self) -> u64 {
        self.number_and_octets >> 16
    }

    /// Octets that it holds, decompressed.
    pub(super) const fn octets(self) -> u16 {
        self.number_and_octets as u16
    }

    /// Octets that it holds in the file.
    pub(super) const fn stored(self) -> u16 {
        self.place_and_stored as u16
    }

    /// Where it begins in the file.
    pub(super) const fn place(self) -> u64 {
        self.place_and_stored >> 16
    }

    /// A leaf's entry; nothing where it cannot be one.
    pub(super) fn of_entry(layout: Layout, entry: &[u8]) -> Option<Self> {
        let width = layout.number_octets();
        let number = layout.number_at(entry, 0)? & !1;
        let place = layout.number_at(entry, width)?;
        let stored = u16_at(entry, 2 * width)?;
        let is_wide = layout.0 == Format::Unicode4k;
        let octets = if is_wide { u16_at(entry, 2 * width + 2)? } else { stored };
        Self::of_parts(layout, number, place, stored, octets)
    }

    /// A block of these numbers; nothing where it cannot be one.
    pub(super) fn of_parts(
        layout: Layout,
        number: u64,
        place: u64,
        stored: u16,
        octets: u16,
    ) -> Option<Self> {
        let is_possible = number >> 48 == 0 && place >> 48 == 0 && number != 0;
        (is_possible && stored.max(octets) <= layout.block_stored_max()).then_some(Self {
            number_and_octets: number << 16 | u64::from(octets),
            place_and_stored: place << 16 | u64::from(stored),
        })
    }
}

impl Node {
    /// A leaf's entry.
    pub(super) fn of_entry(layout: Layout, entry: &[u8]) -> Option<Self> {
        let width = layout.number_octets();
        Some(Self {
            number: u32_at(entry, 0)?,
            parent: u32_at(entry, 3 * width)?,
            data: layout.number_at(entry, width)?,
            subnodes: layout.number_at(entry, 2 * width)?,
        })
    }
}

/// How far from the last block the next one is looked for, to either side in the block tree, before it is looked for
/// in all of it: the blocks of one item mostly lie within the first of these, those of the next within the second.
const NEAR_BLOCKS: [usize; 2] = [12, 1024];

/// Octets of a block from which on it is one of many that hold a file: blocks of all formats but the widest are full
/// with little more.
const LARGE_OCTETS_MIN: u16 = 8_000;
/// How many blocks before and behind one are looked at for what lies around it.
const NEIGHBOURS: usize = 8;

/// What is known of a store's nodes and blocks.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    /// Living nodes by NID.
    pub(super) nodes: Vec<Node>,
    /// Blocks of the block tree by BID.
    pub(super) blocks: Vec<Block>,
    /// Blocks that only stray pages name, by BID: several places of one BID may stand here.
    pub(super) stray_blocks: Vec<Block>,
    /// Nodes that only stray pages name and that do not live, by NID.
    pub(super) stray_nodes: Vec<Node>,
    /// Ranges of NIDs that the node tree should tell and does not.
    pub(super) node_gaps: Ranges,
    /// NIDs whose entries may be altered or of an older state: what they lead to may not be theirs.
    pub(super) doubtful: Ranges,
    /// Ranges of BIDs that the block tree should tell and does not.
    pub(super) block_gaps: Ranges,
    /// What could not be read, in words.
    pub(super) reasons: Vec<String>,
    /// True once the whole file was searched for stray pages.
    pub(super) is_scanned: bool,
}

impl Index {
    /// Reads both trees, and searches the whole file for what they lost where they lost anything.
    pub(super) fn read(disk: &mut Disk, header: &Header) -> Self {
        let mut index = Self::default();
        index.read_blocks(disk, header);
        index.read_nodes(disk, header);
        if !index.is_whole() {
            salvage::fill(disk, header.layout, &mut index);
        }
        index
    }

    /// True where both trees could be read to the last leaf.
    pub(super) fn is_whole(&self) -> bool {
        self.node_gaps.is_empty() && self.block_gaps.is_empty()
    }

    /// Why there is nothing to be read: a broken store that leads to no item is not an empty one.
    pub(super) fn nothing_to_read(&self) -> Option<String> {
        let items = |nodes: &[Node]| nodes.iter().filter(|node| kind(node.number) == ITEM_TYPE).count();
        if self.nodes.is_empty() {
            Some("it has a store's header, but no node can be found in it".to_owned())
        } else if !self.is_whole() && items(&self.nodes) == 0 {
            let stray = items(&self.stray_nodes);
            Some(format!("its indexes are damaged and lead to no item ({stray} items lie in stray pages)"))
        } else {
            None
        }
    }

    fn read_blocks(&mut self, disk: &mut Disk, header: &Header) {
        let mut bad = 0_u64;
        let walked = walk(disk, header.layout, Tree::Blocks, header.blocks, &mut |page, range| {
            for entry in page.entries() {
                match Block::of_entry(header.layout, entry) {
                    Some(block) if page.is_sound || within(range, block.number()) => self.blocks.push(block),
                    _ => bad += 1,
                }
            }
            self.blocks.truncate(BLOCKS_MAX);
        });
        self.block_gaps = self.note(walked, bad, "blocks");
        if self.blocks.len() == BLOCKS_MAX {
            self.reasons.push(format!("only the first {BLOCKS_MAX} blocks are read"));
        }
        if !self.blocks.is_sorted() {
            self.blocks.sort_unstable();
        }
        self.blocks.dedup_by_key(|block| block.number());
        self.blocks.shrink_to_fit();
    }

    fn read_nodes(&mut self, disk: &mut Disk, header: &Header) {
        let mut bad = 0_u64;
        let walked = walk(disk, header.layout, Tree::Nodes, header.nodes, &mut |page, range| {
            if !page.is_sound {
                self.doubtful.add(range);
            }
            for entry in page.entries() {
                match Node::of_entry(header.layout, entry) {
                    Some(node) if page.is_sound || within(range, u64::from(node.number)) => {
                        self.nodes.push(node)
                    }
                    _ => bad += 1,
                }
            }
            self.nodes.truncate(NODES_MAX);
        });
        self.node_gaps = self.note(walked, bad, "nodes");
        if self.nodes.len() == NODES_MAX {
            self.reasons.push(format!("only the first {NODES_MAX} nodes are read"));
        }
        self.sort_nodes();
        self.nodes.shrink_to_fit();
    }

    fn note(&mut self, walked: Walked, bad: u64, what: &str) -> Ranges {
        if bad > 0 {
            self.reasons.push(format!("{bad} entries of {what} are impossible"));
        }
        let told = walked.reasons.len().min(DAMAGES_MAX);
        self.reasons.extend_from_slice(&walked.reasons[..told]);
        if told < walked.reasons.len() {
            self.reasons.push(format!("{} more pages of {what} are damaged", walked.reasons.len() - told));
        }
        walked.gaps
    }

    /// Brings the living nodes into order; of several with one NID the first stays.
    pub(super) fn sort_nodes(&mut self) {
        if !self.nodes.is_sorted_by_key(|node| node.number) {
            self.nodes.sort_by_key(|node| node.number);
        }
        self.nodes.dedup_by_key(|node| node.number);
    }

    /// The living node of a NID.
    pub(super) fn living(&self, number: u32) -> Option<Node> {
        self.nodes.binary_search_by_key(&number, |node| node.number).ok().map(|place| self.nodes[place])
    }

    /// The node of a NID, a living one before a stray one. `near` is where the last one that was asked for stands:
    /// items are mostly read in their order, and a search of the whole tree misses the caches at each step.
    pub(super) fn node(&self, number: u32, near: &mut usize) -> Option<Node> {
        self.living_near(number, near).or_else(|| {
            let found = self.stray_nodes.binary_search_by_key(&number, |node| node.number);
            found.ok().map(|place| self.stray_nodes[place])
        })
    }

    /// Looks behind `near` in steps that double, then between the last two of them.
    pub(super) fn living_near(&self, number: u32, near: &mut usize) -> Option<Node> {
        let is_behind = self.nodes.get(*near).is_some_and(|node| node.number <= number);
        let (mut from, mut step) = (if is_behind { *near } else { 0 }, 1);
        while self.nodes.get(from + step).is_some_and(|node| node.number <= number) {
            from += step;
            step *= 2;
        }
        let among = &self.nodes[from..self.nodes.len().min(from + step)];
        let found = among.binary_search_by_key(&number, |node| node.number).ok()?;
        *near = from + found;
        Some(among[found])
    }

    /// The places where a block may lie, the block tree's first; `near` as in [`Self::place`].
    pub(super) fn places(&self, number: u64, near: &mut usize) -> impl Iterator<Item = Block> + use<'_> {
        let number = number & !1;
        let own = self.own_place(number, near);
        let from = self.stray_blocks.partition_point(|block| block.number() < number);
        let stray = self.stray_blocks[from..].iter().take_while(move |block| block.number() == number);
        own.into_iter().chain(stray.copied())
    }

    /// The first of the places of a block. `near` is where the last one that was asked for stands in the block tree:
    /// blocks of one item mostly stand one near the other.
    pub(super) fn place(&self, number: u64, near: &mut usize) -> Option<Block> {
        self.own_place(number & !1, near).or_else(|| self.places(number, near).next())
    }

    /// The place that the block tree tells.
    fn own_place(&self, number: u64, near: &mut usize) -> Option<Block> {
        let next = self.blocks.get(near.wrapping_add(1)).filter(|block| block.number() == number);
        if let Some(block) = next {
            *near = near.wrapping_add(1);
            return Some(*block);
        }
        if let Some(at) = self.guess(number, *near)
            && self.blocks[at].number() == number
        {
            *near = at;
            return Some(self.blocks[at]);
        }
        let around = NEAR_BLOCKS.iter().find_map(|far| {
            let from = near.saturating_sub(*far).min(self.blocks.len());
            let around = &self.blocks[from..self.blocks.len().min(near.saturating_add(*far))];
            let is_around = around.first().is_some_and(|first| first.number() <= number)
                && around.last().is_some_and(|last| number <= last.number());
            is_around.then_some((from, around))
        });
        let (from, among) = around.unwrap_or((0, &self.blocks));
        let found = among.binary_search_by_key(&number, |block| block.number()).ok()?;
        *near = from + found;
        Some(among[found])
    }

    /// Where a block stands if none is missing between it and the one at `near`: BIDs are given in order, and count in
    /// their upper bits ([MS-PST] §2.2.2.2). One look instead of a search that misses the caches at each step.
    fn guess(&self, number: u64, near: usize) -> Option<usize> {
        let between = (number >> 2).cast_signed() - (self.blocks.get(near)?.number() >> 2).cast_signed();
        let at = near.checked_add_signed(isize::try_from(between).ok()?)?;
        (at < self.blocks.len()).then_some(at)
    }

    /// From where to where only small blocks lie around `at`, as far as that is seen from its neighbours in the block
    /// tree, where it stands at `near`: blocks that are written together get their BIDs one after the other. A large
    /// one is data of a file, which is read apart.
    pub(super) fn small_around(&self, at: Block, near: usize, layout: Layout) -> Range<u64> {
        let (start, end) = (at.place(), at.place() + layout.block_octets(at.stored()));
        let is_large = |block: &&Block| block.stored() >= LARGE_OCTETS_MIN;
        let from = near.saturating_sub(NEIGHBOURS).min(self.blocks.len());
        let before = &self.blocks[from..near.min(self.blocks.len())];
        let behind = self.blocks.get(near.saturating_add(1)..).unwrap_or_default();
        let ends = before
            .iter()
            .rev()
            .filter(is_large)
            .map(|block| block.place() + layout.block_octets(block.stored()));
        let begins = behind.iter().take(NEIGHBOURS).filter(is_large).map(|block| block.place());
        let first = ends.into_iter().find(|place| *place <= start).unwrap_or(0);
        let last = begins.into_iter().find(|place| *place >= end).unwrap_or(u64::MAX);
        first..last
    }

    /// True where the block tree names the block.
    pub(super) fn has_block(&self, number: u64) -> bool {
        self.blocks.binary_search_by_key(&(number & !1), |block| block.number()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_around_a_block_ends_where_a_large_one_does() {
        let layout = Layout(Format::Unicode);
        let block = |number: u64, place: u64, stored: u16| {
            Block::of_parts(layout, number * 4, place, stored, stored).expect("a block that can be")
        };
        // 8,176 octets with their trailer take 8,192, 100 take 128.
        let blocks = vec![
            block(1, 10_000, 8_176),
            block(2, 18_192, 8_176),
            block(3, 26_384, 100),
            block(4, 26_512, 4_000),
            block(5, 30_592, 8_176),
            block(6, 50_000, 100),
            block(7, 1_000, 8_176),
        ];
        let index = Index { blocks, ..Index::default() };
        let around = |at: usize| index.small_around(index.blocks[at], at, layout);
        assert_eq!(around(2), 26_384..30_592);
        assert_eq!(around(3), 26_384..30_592);
        // The next large one by BID lies elsewhere, and nothing is known of what follows here.
        assert_eq!(around(5), 38_784..u64::MAX);
        assert_eq!(Index::default().small_around(index.blocks[2], 9, layout), 0..u64::MAX);
        for near in [0, 6, 7, 100, usize::MAX - 100] {
            let found = index.small_around(index.blocks[2], near, layout);
            assert!(found.start <= 26_384 && found.end >= 26_512, "{near}: {found:?}");
        }
    }

    #[test]
    fn a_node_is_found_from_wherever_the_last_one_stands() {
        let node = |number| Node { number, parent: 0, data: u64::from(number), subnodes: 0 };
        for count in 0..40_u32 {
            let nodes = (0..count).map(|at| node(at * 3 + 1)).collect();
            let index = Index { nodes, stray_nodes: vec![node(2)], ..Index::default() };
            for near in (0..count as usize + 2).chain([usize::MAX - 1]) {
                for number in 0..count * 3 + 4 {
                    let wanted = index.living(number).or((number == 2).then(|| node(2)));
                    let mut near = near;
                    assert_eq!(index.node(number, &mut near), wanted, "{number} of {count}");
                }
            }
        }
    }
}
