//! What a heap's values are found in: the heap itself, or the sub-nodes beside it ([MS-PST] §2.3.3.2).
//! Never holds a value that is longer than the limits allow: it becomes a blob.

use std::borrow::Cow;

use super::blocks::Blocks;
use super::fault::{Fault, Read};
use super::heap::Heap;
use super::limits::ITEM_OCTETS_MAX;
use super::octets::u32_at;
use super::subnodes::{Subnode, Subnodes};
use super::values::{BINARY, OBJECT, STRING, STRING8, fixed_octets, is_many, long_type, value};
use crate::property::{VALUE_OCTETS_MAX, Value};
use crate::store::{Blob, BlobKey};

/// What one item may still hold, with all that is embedded in it.
#[derive(Debug)]
pub(super) struct Allowance {
    /// Octets of values.
    pub(super) octets: u64,
    /// Attachments.
    pub(super) attachments: usize,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { octets: ITEM_OCTETS_MAX, attachments: super::limits::ATTACHMENTS_MAX }
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
                // A list of many small values takes many times its octets once it is read.
                let weight = if is_many(kind) { 8 } else { 1 };
                allowance.octets = allowance.octets.saturating_sub(octets.len() as u64 * weight);
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
                return Err(Fault::new(format!(
                    "its item holds more than {ITEM_OCTETS_MAX} octets of values"
                )));
            }
            return Ok(Ok(Cow::Borrowed(octets)));
        }
        let subnode = self.subnode(hnid)?;
        let tree = blocks.data_tree(subnode.data)?;
        let held_max = VALUE_OCTETS_MAX.min(allowance.octets);
        if tree.octets() > held_max && tree.missing.is_none() && !is_many(kind) {
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
