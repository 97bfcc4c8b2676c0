//! The sub-nodes of a node: numbers that mean something within it alone ([MS-PST] §2.2.2.8.3.3).
//! Never looks one up among the file's nodes.

use super::blocks::Blocks;
use super::fault::{Fault, Read};
use super::limits::SUBNODES_MAX;
use super::octets::{u8_at, u16_at, u32_at};

/// One sub-node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Subnode {
    /// Its NID within its node.
    pub(super) number: u32,
    /// The BID of its data; 0 for none.
    pub(super) data: u64,
    /// The BID of its own sub-nodes; 0 for none.
    pub(super) subnodes: u64,
}

/// All sub-nodes of one node, by NID.
#[derive(Debug, Clone, Default)]
pub(super) struct Subnodes(Vec<Subnode>);

impl Subnodes {
    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    /// The sub-node of a NID.
    pub(super) fn get(&self, number: u32) -> Option<Subnode> {
        self.0.binary_search_by_key(&number, |subnode| subnode.number).ok().map(|place| self.0[place])
    }

    /// Those of a type, the low five bits of a NID.
    pub(super) fn of_type(&self, kind: u32) -> impl Iterator<Item = Subnode> + '_ {
        self.0.iter().filter(move |subnode| subnode.number & 0x1F == kind).copied()
    }
}

impl Blocks {
    /// The sub-nodes that `block` lists; none for 0. What a damaged list holds too few of is noted.
    pub(super) fn subnodes(&mut self, block: u64) -> Read<Subnodes> {
        let mut subnodes = Vec::new();
        if block != 0 {
            self.subnode_list(block, None, &mut subnodes)?;
        }
        if !subnodes.is_sorted_by_key(|subnode| subnode.number) {
            subnodes.sort_by_key(|subnode| subnode.number);
        }
        subnodes.dedup_by_key(|subnode| subnode.number);
        Ok(Subnodes(subnodes))
    }

    fn subnode_list(&mut self, block: u64, level: Option<u8>, subnodes: &mut Vec<Subnode>) -> Read<()> {
        let octets = self.block(block)?;
        let header = u8_at(&octets, 0).zip(u8_at(&octets, 1)).zip(u16_at(&octets, 2));
        let Some(((2, own @ (0 | 1)), count)) = header else {
            return Err(Fault::new(format!("block {block:#x} is no list of sub-nodes")));
        };
        if level.is_some_and(|level| level != own) {
            return Err(Fault::new(format!("block {block:#x} lists lists of sub-nodes within such a list")));
        }
        let width = self.layout.number_octets();
        let (start, entry_octets) = (if width == 4 { 4 } else { 8 }, width * if own == 0 { 3 } else { 2 });
        let entries = octets.get(start..).unwrap_or_default().chunks_exact(entry_octets);
        if entries.len() < usize::from(count) {
            self.warn(format!("block {block:#x} lists more sub-nodes than it holds"));
        }
        subnodes.reserve(if own == 0 { entries.len().min(usize::from(count)) } else { 0 });
        for entry in entries.take(usize::from(count)) {
            let number = u32_at(entry, 0).unwrap_or_default();
            let first = self.layout.number_at(entry, width).unwrap_or_default();
            if own == 1 {
                if let Err(fault) = self.subnode_list(first, Some(0), subnodes) {
                    self.warn(format!("sub-nodes from {number:#x} on: {fault}"));
                }
            } else if subnodes.len() >= SUBNODES_MAX {
                return Err(Fault::new(format!("it has more than {SUBNODES_MAX} sub-nodes")));
            } else {
                let own_subnodes = self.layout.number_at(entry, 2 * width).unwrap_or_default();
                subnodes.push(Subnode { number, data: first, subnodes: own_subnodes });
            }
        }
        Ok(())
    }
}
