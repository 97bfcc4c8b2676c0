//! Data that is longer than a block: lists of blocks, and lists of such lists ([MS-PST] §2.2.2.8.3.2).
//! Never holds the data: only where each leaf ends.

use std::ops::Deref;
use std::sync::Arc;

use super::blocks::{Blocks, Contents, is_internal};
use super::fault::{Fault, Read};
use super::index::Block;
use super::limits::TREE_BLOCKS_MAX;
use super::octets::{u8_at, u16_at, u32_at};
use crate::item::DENIED;

/// The leaves of one node's data in their order.
#[derive(Debug, Clone, Default)]
pub(super) struct DataTree {
    pub(super) leaves: Leaves,
    /// True where a list that leads to its leaves was altered: they may be another's.
    pub(super) is_altered: bool,
    /// Why its length is not known: a list or a leaf that nobody can find.
    pub(super) missing: Option<Fault>,
}

/// Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) enum Leaves {
    #[default]
    None,
    /// Most data is one block.
    One([Leaf; 1]),
    Many(Arc<Vec<Leaf>>),
}

impl Deref for Leaves {
    type Target = [Leaf];

    fn deref(&self) -> &[Leaf] {
        match self {
            Self::None => &[],
            Self::One(leaf) => leaf,
            Self::Many(leaves) => leaves,
        }
    }
}

/// One block of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leaf {
    /// Its BID.
    pub(super) block: u64,
    /// Where it ends, counted from the first leaf's beginning.
    pub(super) end: u64,
    /// The first of its places in the file; nothing where it is nowhere.
    pub(super) place: Option<Block>,
}

impl DataTree {
    /// Octets of all leaves; too few where something is [`Self::missing`].
    pub(super) fn octets(&self) -> u64 {
        self.leaves.last().map_or(0, |leaf| leaf.end)
    }
}

/// A tree whose lists are being read.
#[derive(Debug, Default)]
struct Listed {
    leaves: Vec<Leaf>,
    is_altered: bool,
    missing: Option<Fault>,
}

impl Listed {
    fn octets(&self) -> u64 {
        self.leaves.last().map_or(0, |leaf| leaf.end)
    }

    fn add(&mut self, block: u64, place: Option<Block>) {
        if place.is_none() {
            let fault = Fault::new(format!("block {block:#x} is nowhere"));
            self.missing = self.missing.take().or(Some(fault));
        }
        let end = self.octets() + u64::from(place.map_or(0, Block::octets));
        self.leaves.push(Leaf { block, end, place });
    }
}

impl Blocks {
    /// The leaves of the data that `block` is or lists; none for 0, which stands for no data.
    pub(super) fn data_tree(&mut self, block: u64) -> Read<DataTree> {
        if block == 0 {
            return Ok(DataTree::default());
        }
        if !is_internal(block) {
            let place =
                self.place(block).ok_or_else(|| Fault::new(format!("block {block:#x} is nowhere")))?;
            let leaf = Leaf { block, end: u64::from(place.octets()), place: Some(place) };
            return Ok(DataTree { leaves: Leaves::One([leaf]), ..DataTree::default() });
        }
        if let Some((kept, tree)) = &self.tree
            && *kept == block
        {
            return Ok(tree.clone());
        }
        let mut listed = Listed::default();
        self.list(block, None, &mut listed)?;
        let Listed { leaves, is_altered, missing } = listed;
        let tree = DataTree { leaves: Leaves::Many(Arc::new(leaves)), is_altered, missing };
        self.tree = Some((block, tree.clone()));
        Ok(tree)
    }

    /// Adds what a list names. `level` is what it must be, for a list that another one names.
    fn list(&mut self, block: u64, level: Option<u8>, tree: &mut Listed) -> Read<()> {
        let Contents { octets, is_sound } = self.contents(block)?;
        if !is_sound {
            tree.is_altered = true;
            self.warn(format!("block {block:#x}: {DENIED}"));
        }
        let header = u8_at(&octets, 0).zip(u8_at(&octets, 1)).zip(u16_at(&octets, 2)).zip(u32_at(&octets, 4));
        let Some((((1, own @ (1 | 2)), count), total)) = header else {
            return Err(Fault::new(format!("block {block:#x} is no list of blocks")));
        };
        if level.is_some_and(|level| level != own) {
            return Err(Fault::new(format!(
                "block {block:#x} is a list of level {own} within one of that level"
            )));
        }
        let before = tree.octets();
        tree.leaves.reserve(usize::from(count).min(TREE_BLOCKS_MAX));
        let index = Arc::clone(&self.index);
        for number in 0..usize::from(count) {
            let at = 8 + number * self.layout.number_octets();
            let Some(child) = self.layout.number_at(&octets, at) else {
                return Err(Fault::new(format!("block {block:#x} lists more blocks than it holds")));
            };
            if tree.leaves.len() >= TREE_BLOCKS_MAX {
                return Err(Fault::new(format!("its data has more than {TREE_BLOCKS_MAX} blocks")));
            }
            self.count_listed()?;
            if own == 2 {
                // What comes after a lost list cannot be counted any more.
                if let Err(fault) = self.list(child, Some(1), tree) {
                    tree.missing = tree.missing.take().or(Some(fault));
                    break;
                }
            } else if is_internal(child) {
                return Err(Fault::new(format!("block {block:#x} names {child:#x} as data, which is none")));
            } else {
                tree.add(child, index.place(child, &mut self.near));
            }
        }
        if tree.missing.is_none() && tree.octets() - before != u64::from(total) {
            let found = tree.octets() - before;
            self.warn(format!("block {block:#x} lists {found} octets and claims {total}"));
        }
        Ok(())
    }

    /// A leaf of data, also where its checksum is wrong; that is noted.
    pub(super) fn leaf(&mut self, tree: &DataTree, number: usize) -> Read<&[u8]> {
        let leaf =
            *tree.leaves.get(number).ok_or_else(|| Fault::new(format!("there is no block {number}")))?;
        self.keep_leaf(leaf.block)?;
        let (_, contents) = self.leaf.as_ref().expect("the leaf was kept a moment ago");
        if !contents.is_sound {
            self.warn(format!("block {:#x}: {DENIED}", leaf.block));
        }
        Ok(self.leaf.as_ref().map_or(&[], |(_, contents)| &contents.octets))
    }

    /// Reads a leaf unless it is the one that was read last.
    pub(super) fn keep_leaf(&mut self, block: u64) -> Read<()> {
        if self.leaf.as_ref().is_none_or(|(kept, _)| *kept != block) {
            self.leaf = None;
            self.leaf = Some((block, self.contents(block)?));
        }
        Ok(())
    }

    /// All octets of a node's data, at most `octets_max`.
    pub(super) fn data(&mut self, tree: &DataTree, octets_max: u64) -> Read<Vec<u8>> {
        if let Some(fault) = &tree.missing {
            return Err(fault.clone());
        }
        if tree.octets() > octets_max {
            return Err(Fault::new(format!(
                "{} octets are more than the {octets_max} that are held",
                tree.octets()
            )));
        }
        if let [leaf] = &*tree.leaves {
            return self.block(leaf.block);
        }
        let mut data = Vec::with_capacity(tree.octets() as usize);
        for leaf in tree.leaves.iter() {
            data.extend_from_slice(&self.block(leaf.block)?);
        }
        Ok(data)
    }
}
