//! The properties of one object as a node ([MS-PST] §2.3.3).
//! Never holds a value that has its own node: such values are on the disk already.

use std::collections::BTreeMap;

use anyhow::Result;

use super::heap::{Heap, ITEM_OCTETS_MAX};
use crate::nodes::{Database, Node, kind};
use crate::value::is_inline;

/// First index of the sub-nodes that hold long values.
const FIRST_LOCAL: u32 = 0x400;

/// An object's properties being gathered.
pub struct PropertyList {
    heap: Heap,
    records: BTreeMap<u16, (u16, u32)>,
    children: Vec<(u32, Node)>,
    next_local: u32,
}

impl PropertyList {
    /// Of an object without any.
    pub fn new(database: &Database) -> Self {
        let heap = Heap::new(database.format);
        Self { heap, records: BTreeMap::new(), children: Vec::new(), next_local: FIRST_LOCAL }
    }

    /// Puts one property, over an earlier one of its id.
    pub fn put(&mut self, database: &mut Database, id: u16, kind: u16, octets: &[u8]) -> Result<()> {
        let value = if is_inline(kind) {
            let mut word = [0; 4];
            let length = octets.len().min(4);
            word[..length].copy_from_slice(&octets[..length]);
            u32::from_le_bytes(word)
        } else if octets.len() <= ITEM_OCTETS_MAX {
            self.heap.add(octets)
        } else {
            let data = database.octets(octets)?;
            self.local(Node { data, children: 0 })
        };
        self.records.insert(id, (kind, value));
        Ok(())
    }

    /// Puts a property whose octets are in the file already, as a data tree.
    pub fn put_written(&mut self, id: u16, kind: u16, data: u64) {
        let number = self.local(Node { data, children: 0 });
        self.records.insert(id, (kind, number));
    }

    /// Puts a property of type `PtypObject` that refers to a sub-node (§2.3.3.5).
    pub fn put_object(&mut self, id: u16, number: u32, node: Node, octets: u32) {
        const OBJECT: u16 = 0x000D;
        self.child(number, node);
        let value = self.heap.add(&[number.to_le_bytes(), octets.to_le_bytes()].concat());
        self.records.insert(id, (OBJECT, value));
    }

    /// Hangs a sub-node under the object.
    pub fn child(&mut self, number: u32, node: Node) {
        self.children.push((number, node));
    }

    /// A number for a sub-node of long data.
    pub fn local(&mut self, node: Node) -> u32 {
        self.next_local += 1;
        let number = (self.next_local << 5) | kind::LOCAL;
        self.child(number, node);
        number
    }

    /// Writes the object.
    pub fn finish(mut self, database: &mut Database) -> Result<Node> {
        let record = |(id, (kind, value)): (&u16, &(u16, u32))| {
            [&id.to_le_bytes()[..], &kind.to_le_bytes(), &value.to_le_bytes()].concat()
        };
        let records: Vec<Vec<u8>> = self.records.iter().map(record).collect();
        let root = self.heap.tree(2, 6, &records);
        let data = database.data(self.heap.finish(0xBC, root))?;
        Ok(Node { data, children: database.children(self.children)? })
    }
}
