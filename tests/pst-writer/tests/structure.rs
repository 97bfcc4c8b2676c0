//! The structure of written stores, page by page: order and checksums of both B-trees, blocks, maps, headers.
//! Never trusts the writer's own tables: it walks from the header as a reader does.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use pst_writer::bulk::Bulk;
use pst_writer::{Crypt, Format, Pst};

/// Widths and places that a walk needs.
struct Shape {
    octets: Vec<u8>,
    is_ansi: bool,
}

impl Shape {
    fn number(&self, place: usize) -> Result<u64> {
        let octets =
            self.octets.get(place..place + if self.is_ansi { 4 } else { 8 }).context("beyond the end")?;
        Ok(octets.iter().rev().fold(0, |number, octet| (number << 8) | u64::from(*octet)))
    }

    fn sum(&self, start: usize, octets: usize) -> u32 {
        self.octets[start..start + octets].iter().fold(0, |sum, octet| {
            (0..8).fold(sum ^ u32::from(*octet), |sum, _| (sum >> 1) ^ (0xEDB8_8320 * (sum & 1)))
        })
    }

    fn word(&self, place: usize) -> u32 {
        let octets = &self.octets[place..place + 4];
        u32::from_le_bytes([octets[0], octets[1], octets[2], octets[3]])
    }

    fn half(&self, place: usize) -> u16 {
        u16::from_le_bytes([self.octets[place], self.octets[place + 1]])
    }

    /// Where a trailer, which begins at `place`, keeps its checksum and its id.
    fn trailer(&self, place: usize) -> Result<(u32, u64)> {
        let (sum, id) = if self.is_ansi { (place + 8, place + 4) } else { (place + 4, place + 8) };
        Ok((self.word(sum), self.number(id)?))
    }

    /// Every leaf entry of a tree: its key and its place, in the order of the walk.
    fn leaves(&self, page_place: u64, kind: u8, found: &mut Vec<(u64, usize)>) -> Result<()> {
        let page = usize::try_from(page_place)?;
        let (body, counts) = if self.is_ansi { (500, page + 496) } else { (496, page + 488) };
        ensure!(self.octets[page + body] == kind && self.octets[page + body + 1] == kind, "another page");
        ensure!(self.trailer(page + body)?.0 == self.sum(page, body), "a page whose sum is wrong");
        let [count, most, octets, level] = self.word(counts).to_le_bytes();
        ensure!(count > 0 && count <= most, "{count} of {most} entries");
        for nth in 0..usize::from(count) {
            let entry = page + nth * usize::from(octets);
            let key = self.number(entry)?;
            if level == 0 {
                found.push((key, entry));
            } else {
                let width = if self.is_ansi { 4 } else { 8 };
                let before = found.len();
                self.leaves(self.number(entry + 2 * width)?, kind, found)?;
                ensure!(found[before].0 == key, "a branch that does not name its first leaf");
            }
        }
        Ok(())
    }
}

fn check(format: Format, crypt: Crypt) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("walked.pst");
    let bulk =
        Bulk { items: 900, folders: 4, body_characters: 900, attachment_every: 9, attachment_octets: 20_000 };
    let truth = bulk.write(&path, Pst::new(crypt).format(format), 3)?;
    let shape = Shape { octets: std::fs::read(&path)?, is_ansi: format == Format::Ansi };
    assert_eq!(shape.word(4), shape.sum(8, 471), "the header's first sum");
    let root = if shape.is_ansi { 164 } else { 180 };
    let width = if shape.is_ansi { 4 } else { 8 };
    assert_eq!(shape.number(root + 4)?, truth.octets, "the length of the file");
    let (mut nodes, mut blocks) = (Vec::new(), Vec::new());
    let trees = root + 4 + 4 * width;
    shape.leaves(shape.number(trees + width)?, 0x81, &mut nodes)?;
    shape.leaves(shape.number(trees + 3 * width)?, 0x80, &mut blocks)?;
    for tree in [&nodes, &blocks] {
        assert!(tree.len() > 500 && tree.windows(2).all(|pair| pair[0].0 < pair[1].0), "{format:?}: order");
    }
    let items: BTreeSet<u64> = truth.items().map(|item| u64::from(item.node)).collect();
    let known: BTreeSet<u64> = nodes.iter().map(|(key, _)| *key).collect();
    assert!(items.is_subset(&known) && items.len() == 900);
    let trailer_octets = if shape.is_ansi { 12 } else { 16 };
    let mut taken = BTreeSet::new();
    for (id, entry) in blocks {
        let place = usize::try_from(shape.number(entry + width)?)?;
        let octets = usize::from(shape.half(entry + 2 * width));
        let whole = (octets + trailer_octets).next_multiple_of(64);
        let trailer = place + whole - trailer_octets;
        assert_eq!(usize::from(shape.half(trailer)), octets);
        assert_eq!(shape.trailer(trailer)?, (shape.sum(place, octets), id), "{format:?}: block {id:#x}");
        for unit in (place..place + whole).step_by(64) {
            assert!(taken.insert(unit), "{format:?}: two blocks at {unit:#x}");
            assert!(is_marked(&shape, unit), "{format:?}: {unit:#x} is free in its map");
        }
    }
    Ok(())
}

/// Whether the allocation map of a place says that it is taken.
fn is_marked(shape: &Shape, place: usize) -> bool {
    const SPAN: usize = 253_952;
    let map = 0x4400 + (place - 0x4400) / SPAN * SPAN;
    let unit = (place - map) / 64;
    let bits = if shape.is_ansi { map + 4 } else { map };
    shape.octets[bits + unit / 8] & (0x80 >> (unit % 8)) != 0
}

#[test]
fn both_trees_are_ordered_and_every_block_lies_where_they_say() -> Result<()> {
    check(Format::Unicode, Crypt::Permute)?;
    check(Format::Unicode, Crypt::Cyclic)?;
    check(Format::Ansi, Crypt::None)
}
