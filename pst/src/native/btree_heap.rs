//! The B-tree on a heap: records by key ([MS-PST] §2.3.2).
//! Never reads one heap place twice, so that no tree can lead in circles.

use std::collections::HashSet;

use smallvec::SmallVec;

use super::blocks::Blocks;
use super::fault::{Fault, Read};
use super::heap::Heap;
use super::limits::{LEVELS_MAX, RECORDS_MAX};
use super::octets::{u8_at, u32_at};

/// Records of one tree, one behind the other in the order of their keys.
#[derive(Debug)]
pub(super) struct Records {
    /// Octets of a key.
    pub(super) key_octets: usize,
    /// Octets of what follows the key.
    pub(super) value_octets: usize,
    /// Those of most objects take no more.
    octets: SmallVec<[u8; 256]>,
    /// Why records are missing.
    pub(super) faults: Vec<Fault>,
}

impl Records {
    /// Each record: its key, then its value.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.octets.chunks_exact(self.key_octets + self.value_octets)
    }
}

/// Reads all records of the tree whose header lies at `hid`.
pub(super) fn records(blocks: &mut Blocks, heap: &mut Heap, hid: u32) -> Read<Records> {
    let header = heap.get(blocks, hid)?;
    let (Some(0xB5), Some(key), Some(value), Some(levels), Some(root)) =
        (u8_at(header, 0), u8_at(header, 1), u8_at(header, 2), u8_at(header, 3), u32_at(header, 4))
    else {
        return Err(Fault::new("there is no tree of records where one must be"));
    };
    if !matches!(key, 2 | 4 | 8 | 16) || value == 0 || levels > LEVELS_MAX {
        return Err(Fault::new("the tree of records has an impossible form"));
    }
    let mut records = Records {
        key_octets: usize::from(key),
        value_octets: usize::from(value),
        octets: SmallVec::new(),
        faults: Vec::new(),
    };
    if root != 0 {
        let mut seen = HashSet::new();
        level(blocks, heap, root, levels, &mut records, &mut seen);
    }
    Ok(records)
}

fn level(
    blocks: &mut Blocks,
    heap: &mut Heap,
    hid: u32,
    levels: u8,
    records: &mut Records,
    seen: &mut HashSet<u32>,
) {
    if levels > 0 && !seen.insert(hid) || records.octets.len() > RECORDS_MAX * 8 {
        return records
            .faults
            .push(Fault::new("the tree of records is longer than any, or leads in circles"));
    }
    let octets = match heap.get(blocks, hid) {
        Ok(octets) => octets,
        Err(fault) => return records.faults.push(fault),
    };
    if levels == 0 {
        let whole = octets.len() - octets.len() % (records.key_octets + records.value_octets);
        records.octets.extend_from_slice(&octets[..whole]);
        return;
    }
    let entries = octets.chunks_exact(records.key_octets + 4);
    let children: Vec<u32> = entries.filter_map(|entry| u32_at(entry, records.key_octets)).collect();
    for child in children {
        if levels == 1 && !seen.insert(child) {
            records.faults.push(Fault::new(format!("heap place {child:#x} is named twice")));
        } else {
            level(blocks, heap, child, levels - 1, records, seen);
        }
    }
}
