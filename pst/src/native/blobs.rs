//! Reads blobs at any offset, block by block.
//! Never gives octets that a checksum denies, nor fewer than the blob's length promises.

use std::io;

use super::NativeStore;
use super::blocks::Blocks;
use super::fault::Fault;
use crate::item::DENIED;
use crate::store::{Blob, BlobKey, Blobs};

impl Blobs for NativeStore {
    fn read_at(&mut self, blob: &Blob, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        match &blob.key {
            BlobKey::Held(held) => {
                let from =
                    usize::try_from(offset).ok().and_then(|offset| held.get(offset..)).unwrap_or_default();
                let count = from.len().min(into.len());
                into[..count].copy_from_slice(&from[..count]);
                Ok(count)
            }
            BlobKey::Block(block) => read_data(&mut self.blocks, *block, blob.octets, offset, into)
                .map_err(|fault| io::Error::new(io::ErrorKind::InvalidData, fault.into_reason())),
            BlobKey::Path { .. } => {
                Err(io::Error::new(io::ErrorKind::InvalidInput, "this blob is of another reader"))
            }
        }
    }
}

fn read_data(
    blocks: &mut Blocks,
    block: u64,
    octets: u64,
    offset: u64,
    into: &mut [u8],
) -> Result<usize, Fault> {
    blocks.begin();
    let tree = blocks.data_tree(block)?;
    if tree.missing.is_some() || tree.octets() != octets {
        return Err(Fault::new(format!("data {block:#x} has {} octets of {octets}", tree.octets())));
    }
    if tree.is_altered {
        return Err(Fault::new(format!("data {block:#x}: a list of its blocks was altered")));
    }
    let wanted = octets.saturating_sub(offset).min(into.len() as u64) as usize;
    let mut filled = 0;
    let mut number = tree.leaves.partition_point(|leaf| leaf.end <= offset);
    while filled < wanted {
        let leaf = tree.leaves[number];
        let start = number.checked_sub(1).map_or(0, |before| tree.leaves[before].end);
        if offset + filled as u64 == start {
            let read = blocks.read_run(&tree.leaves[number..], start, &mut into[filled..wanted]);
            if read > 0 {
                number += read;
                filled = (tree.leaves[number - 1].end - offset) as usize;
                continue;
            }
        }
        blocks.keep_leaf(leaf.block)?;
        let (_, contents) = blocks.leaf.as_ref().expect("the leaf was kept a moment ago");
        if !contents.is_sound || contents.octets.len() as u64 != leaf.end - start {
            return Err(Fault::new(format!("block {:#x}: {DENIED}", leaf.block)));
        }
        let from = &contents.octets[(offset + filled as u64 - start) as usize..];
        let count = from.len().min(wanted - filled);
        into[filled..filled + count].copy_from_slice(&from[..count]);
        filled += count;
        number += 1;
    }
    Ok(filled)
}
