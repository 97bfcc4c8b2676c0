//! The heap on a node: allocations within its data's blocks ([MS-PST] §2.3.1).
//! Never holds more of its blocks than a named limit.

use smallvec::SmallVec;

use super::blocks::Blocks;
use super::data_tree::DataTree;
use super::fault::{Fault, Read};
use super::limits::HEAP_OCTETS_HELD_MAX;
use super::octets::{u8_at, u16_at, u32_at};

/// `bTypePC`: a heap that holds properties.
pub(super) const PROPERTIES: u8 = 0xBC;
/// `bTypeTC`: a heap that holds a table.
pub(super) const TABLE: u8 = 0x7C;

/// A heap, read block by block.
#[derive(Debug)]
pub(super) struct Heap {
    tree: DataTree,
    /// Most heaps are one block.
    held: SmallVec<[Option<Vec<u8>>; 1]>,
    held_octets: usize,
    /// The HID of what the heap is for.
    pub(super) root: u32,
}

impl Heap {
    /// The heap on a node's data, which must be for `client`.
    pub(super) fn open(blocks: &mut Blocks, data: u64, client: u8) -> Read<Self> {
        let tree = blocks.data_tree(data)?;
        let held = SmallVec::from_elem(None, tree.leaves.len());
        let mut heap = Self { tree, held, held_octets: 0, root: 0 };
        let first = heap.block(blocks, 0)?;
        match (u8_at(first, 2), u8_at(first, 3), u32_at(first, 4)) {
            (Some(0xEC), Some(own), Some(root)) if own == client => heap.root = root,
            (Some(0xEC), Some(own), _) => {
                return Err(Fault::new(format!("its heap is of type {own:#04x}, not {client:#04x}")));
            }
            _ => return Err(Fault::new("its data is no heap")),
        }
        Ok(heap)
    }

    /// How many blocks its data has.
    pub(super) fn blocks(&self) -> usize {
        self.held.len()
    }

    /// Lets go of the blocks that are kept: they are read again where they are asked for.
    pub(super) fn let_go(&mut self) {
        self.held.fill(None);
        self.held_octets = 0;
    }

    /// The octets of an allocation; none for HID 0.
    pub(super) fn get(&mut self, blocks: &mut Blocks, hid: u32) -> Read<&[u8]> {
        if hid == 0 {
            return Ok(&[]);
        }
        let nowhere = || Fault::new(format!("heap place {hid:#x} is nowhere"));
        let (block, index) = blocks.layout.heap_place(hid).filter(|_| hid & 0x1F == 0).ok_or_else(nowhere)?;
        if block >= self.held.len() {
            return Err(nowhere());
        }
        allocation(self.block(blocks, block)?, index).ok_or_else(nowhere)
    }

    fn block(&mut self, blocks: &mut Blocks, number: usize) -> Read<&[u8]> {
        if self.held.get(number).is_some_and(Option::is_none) {
            let block = blocks.block(self.tree.leaves[number].block)?;
            if self.held_octets > HEAP_OCTETS_HELD_MAX {
                self.let_go();
            }
            self.held_octets += block.len();
            self.held[number] = Some(block);
        }
        match self.held.get(number) {
            Some(Some(block)) => Ok(block),
            _ => Err(Fault::new("it has no data")),
        }
    }
}

/// One allocation by its block's page map ([MS-PST] §2.3.1.5), `index` from 0.
fn allocation(block: &[u8], index: usize) -> Option<&[u8]> {
    let map = usize::from(u16_at(block, 0)?);
    let count = usize::from(u16_at(block, map)?);
    let at = map + 4 + 2 * index;
    let (start, end) = (u16_at(block, at)?, u16_at(block, at + 2)?);
    if index < count { block.get(usize::from(start)..usize::from(end)) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allocation_lies_where_the_page_map_says_or_nowhere() {
        // Map at 8: two allocations, 4..6 and 6..6; a third one would lie behind the map's end.
        let block = [8, 0, 0xEC, 0xBC, b'a', b'b', 0, 0, 2, 0, 0, 0, 4, 0, 6, 0, 6, 0];
        for (index, expected) in [(0, Some(&b"ab"[..])), (1, Some(&b""[..])), (2, None), (2000, None)] {
            assert_eq!(allocation(&block, index), expected, "{index}");
        }
        assert_eq!(allocation(&[255, 255, 0], 0), None, "a map beyond the block");
        assert_eq!(allocation(&[], 0), None);
        let backwards = [4, 0, 0, 0, 1, 0, 0, 0, 6, 0, 2, 0];
        assert_eq!(allocation(&backwards, 0), None, "an allocation that ends before it begins");
    }
}
