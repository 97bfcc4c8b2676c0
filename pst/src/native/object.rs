//! What a heap's values are found in: the heap itself, or the sub-nodes beside it ([MS-PST] §2.3.3.2).
//! Never holds a value that is longer than the limits allow: it becomes a blob.

use std::borrow::Cow;

use super::blocks::Blocks;
use super::fault::{Fault, Read};
use super::heap::Heap;
use super::limits::{
    ITEM_OCTETS_MAX, LISTED_BLOCK_OCTETS, PROPERTY_OCTETS, SHORT_VALUE_OCTETS, SMALL_VALUES_OCTETS,
};
use super::octets::u32_at;
use super::subnodes::{Subnode, Subnodes};
use super::values::{BINARY, OBJECT, STRING, STRING8, fixed_octets, is_many, long_type, value};
use crate::property::{VALUE_OCTETS_MAX, Value};
use crate::store::{Blob, BlobKey};

/// A list of many small values takes many times its octets once it is read.
const MANY_WEIGHT: u64 = 32;

/// What one item may still hold, with all that is embedded in it.
#[derive(Debug)]
pub(super) struct Allowance {
    /// Octets of memory.
    pub(super) octets: u64,
    /// Attachments.
    pub(super) attachments: usize,
    /// Octets from which on whoever reads gives the whole item up.
    octets_wanted: u64,
    /// True once that came.
    is_given_up: bool,
}

impl Default for Allowance {
    fn default() -> Self {
        Self::wanted(ITEM_OCTETS_MAX)
    }
}

impl Allowance {
    /// That of an item which is only wanted where it takes at most so many octets of memory.
    pub(super) const fn wanted(octets_wanted: u64) -> Self {
        let attachments = super::limits::ATTACHMENTS_MAX;
        Self { octets: ITEM_OCTETS_MAX, attachments, octets_wanted, is_given_up: false }
    }

    /// Takes octets of memory away.
    pub(super) const fn charge(&mut self, octets: u64) {
        self.octets = self.octets.saturating_sub(octets);
        if ITEM_OCTETS_MAX - self.octets > self.octets_wanted {
            self.is_given_up = true;
        }
    }

    /// Gives back what was charged for what is held no longer, at most all since there were `before`.
    pub(super) fn give_back(&mut self, octets: u64, before: u64) {
        // What is used up stays so: somebody was told.
        if self.octets > 0 {
            self.octets = self.octets.saturating_add(octets).min(before);
        }
    }

    /// True where the item takes more than is wanted: what is read of it from here on is of no use.
    pub(super) const fn is_given_up(&self) -> bool {
        self.is_given_up
    }

    /// Octets that long values may still take: others cannot be left in the file, or are short.
    const fn octets_of_long_values(&self) -> u64 {
        self.octets.saturating_sub(SMALL_VALUES_OCTETS)
    }
}

/// A heap with the sub-nodes that its values may lie in.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) heap: Heap,
    pub(super) subnodes: Subnodes,
    /// Why the sub-nodes cannot be read.
    pub(super) fault: Option<Fault>,
}

impl Object {
    /// The object of a node's data, which must be for `client`; its sub-nodes may be damaged.
    pub(super) fn open(blocks: &mut Blocks, data: u64, subnodes: u64, client: u8) -> Read<Self> {
        let heap = Heap::open(blocks, data, client)?;
        let (subnodes, fault) = match blocks.subnodes(subnodes) {
            Ok(subnodes) => (subnodes, None),
            Err(fault) => (Subnodes::default(), Some(fault)),
        };
        Ok(Self { heap, subnodes, fault })
    }

    /// Octets of memory that the lists behind it take: those of its blocks and of its sub-nodes.
    pub(super) fn octets_of_lists(&self) -> u64 {
        (self.heap.blocks() + self.subnodes.len()) as u64 * LISTED_BLOCK_OCTETS
    }

    /// The sub-node of a NID.
    pub(super) fn subnode(&self, number: u32) -> Read<Subnode> {
        self.subnodes.get(number).ok_or_else(|| match &self.fault {
            Some(fault) => Fault::new(format!("its sub-nodes cannot be read: {fault}")),
            None => Fault::new(format!("it has no sub-node {number:#x}")),
        })
    }

    /// The value of a property or a cell. `word` is the value itself, or where it lies: an HNID.
    pub(super) fn value(
        &mut self,
        blocks: &mut Blocks,
        allowance: &mut Allowance,
        kind: u16,
        word: u32,
    ) -> Read<Value> {
        allowance.charge(PROPERTY_OCTETS);
        if allowance.is_given_up() {
            return Err(Fault::new("its item is heavier than is wanted"));
        }
        if kind == OBJECT {
            return Ok(Value::Object);
        }
        if fixed_octets(kind).is_some_and(|octets| octets <= 4) {
            return value(kind, Cow::Borrowed(&word.to_le_bytes()));
        }
        let is_known =
            fixed_octets(kind).is_some() || is_many(kind) || matches!(kind, STRING8 | STRING | BINARY);
        match self.octets(blocks, allowance, kind, word) {
            Ok(Ok(octets)) => {
                let weight = if is_many(kind) { MANY_WEIGHT } else { 1 };
                allowance.charge(octets.len() as u64 * weight);
                value(kind, octets)
            }
            Ok(Err(long)) => Ok(long),
            // A type that nobody knows may hold its value in the word itself.
            Err(_) if !is_known => Ok(Value::Binary(word.to_le_bytes().to_vec())),
            Err(fault) => Err(fault),
        }
    }

    /// The octets of a value, or the value itself where it is too long to be held.
    fn octets(
        &mut self,
        blocks: &mut Blocks,
        allowance: &Allowance,
        kind: u16,
        hnid: u32,
    ) -> Read<Result<Cow<'_, [u8]>, Value>> {
        if hnid & 0x1F == 0 {
            let octets = self.heap.get(blocks, hnid)?;
            if octets.len() as u64 > allowance.octets {
                return Err(Fault::new(format!("its item takes more than {ITEM_OCTETS_MAX} octets")));
            }
            return Ok(Ok(Cow::Borrowed(octets)));
        }
        let subnode = self.subnode(hnid)?;
        let tree = blocks.data_tree(subnode.data)?;
        let is_list = is_many(kind);
        let left = match tree.octets() {
            _ if is_list => allowance.octets / MANY_WEIGHT,
            0..=SHORT_VALUE_OCTETS => allowance.octets,
            _ => allowance.octets_of_long_values(),
        };
        let held_max = VALUE_OCTETS_MAX.min(left);
        if tree.octets() > held_max && tree.missing.is_none() && !is_list {
            let blob = Blob { octets: tree.octets(), key: BlobKey::Block(subnode.data) };
            return Ok(Err(Value::Long(long_type(kind), blob)));
        }
        blocks.data(&tree, held_max).map(|octets| Ok(Cow::Owned(octets)))
    }

    /// What a value of type `PtypObject` refers to ([MS-PST] §2.3.3.5): a sub-node.
    pub(super) fn referred(&mut self, blocks: &mut Blocks, word: u32) -> Read<Subnode> {
        let octets = self.heap.get(blocks, word)?;
        let number = u32_at(octets, 0).ok_or_else(|| Fault::new("its object refers to nothing"))?;
        self.subnode(number)
    }

    /// The octets of a value, at most `octets_max`.
    pub(super) fn whole(&mut self, blocks: &mut Blocks, hnid: u32, octets_max: u64) -> Read<Vec<u8>> {
        if hnid & 0x1F == 0 {
            return Ok(self.heap.get(blocks, hnid)?.to_vec());
        }
        let subnode = self.subnode(hnid)?;
        let tree = blocks.data_tree(subnode.data)?;
        blocks.data(&tree, octets_max)
    }

    /// The data behind a value as a blob, however long it is.
    pub(super) fn blob(&mut self, blocks: &mut Blocks, hnid: u32) -> Read<Blob> {
        if hnid & 0x1F == 0 {
            let octets = self.heap.get(blocks, hnid)?;
            return Ok(Blob { octets: octets.len() as u64, key: BlobKey::Held(octets.into()) });
        }
        let subnode = self.subnode(hnid)?;
        blob_of(blocks, subnode)
    }
}

/// A sub-node's data as a blob.
pub(super) fn blob_of(blocks: &mut Blocks, subnode: Subnode) -> Read<Blob> {
    let tree = blocks.data_tree(subnode.data)?;
    match &tree.missing {
        Some(fault) => Err(fault.clone()),
        None => Ok(Blob { octets: tree.octets(), key: BlobKey::Block(subnode.data) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_was_charged_before_and_what_was_given_up_stays_so() {
        let mut allowance = Allowance::wanted(1000);
        allowance.charge(400);
        let before = allowance.octets;
        allowance.charge(100);
        allowance.give_back(5000, before);
        assert_eq!((ITEM_OCTETS_MAX - allowance.octets, allowance.is_given_up()), (400, false));
        allowance.charge(601);
        allowance.give_back(601, before);
        assert_eq!((allowance.octets, allowance.is_given_up()), (before, true));
        allowance.charge(u64::MAX);
        allowance.give_back(100, before);
        assert_eq!(allowance.octets, 0, "somebody was told that nothing is left");
    }
}
