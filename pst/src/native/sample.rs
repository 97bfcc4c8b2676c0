//! Writes small stores for tests, in every format and encoding, with whatever faults a test wants.
//! Never allocation maps: readers need none.

use std::io::{Read as _, Write as _};

use anyhow::Result;

use super::NativeStore;
use super::cipher::Encoding;
use super::cipher_tables::INTO;
use super::layout::Layout;
use super::octets::{checksum, signature};
use crate::store::{Format, StoreError};

/// A property or cell: id, type, value.
pub(super) type Cell = (u16, u16, Data);

/// What a property record or cell holds.
#[derive(Debug, Clone)]
pub(super) enum Data {
    /// The value itself, or an HNID.
    Word(u32),
    /// A value in the heap.
    Heap(Vec<u8>),
}

/// UTF-16LE.
pub(super) fn utf16(text: &str) -> Data {
    Data::Heap(text.encode_utf16().flat_map(u16::to_le_bytes).collect())
}

/// A store that is being written.
pub(super) struct Sample {
    layout: Layout,
    encoding: Encoding,
    octets: Vec<u8>,
    blocks: Vec<(u64, u64, u16, u16)>,
    /// Nodes: NID, parent, data, sub-nodes.
    pub(super) nodes: Vec<(u32, u32, u64, u64)>,
    next: u64,
}

impl Sample {
    pub(super) fn new(format: Format, encoding: Encoding) -> Self {
        let octets = vec![0; 8192];
        Self { layout: Layout(format), encoding, octets, blocks: Vec::new(), nodes: Vec::new(), next: 4 }
    }

    fn number(&self, number: u64, into: &mut Vec<u8>) {
        into.extend_from_slice(&number.to_le_bytes()[..self.layout.number_octets()]);
    }

    /// Writes a block as it stands and gives its BID.
    fn block(&mut self, mut content: Vec<u8>, is_internal: bool) -> u64 {
        let number = self.next | if is_internal { 2 } else { 0 };
        self.next += 4;
        let whole = content.len() as u16;
        if !is_internal {
            match self.encoding {
                Encoding::None => {}
                Encoding::Permute => content.iter_mut().for_each(|octet| *octet = INTO[usize::from(*octet)]),
                Encoding::Cyclic => content = Encoding::Cyclic.decoded(&content, number),
            }
        }
        if self.layout.0 == Format::Unicode4k && whole > 64 {
            let mut deflated = Vec::new();
            let mut encoder = flate2::read::ZlibEncoder::new(&content[..], flate2::Compression::fast());
            encoder.read_to_end(&mut deflated).expect("memory takes what it is given");
            if deflated.len() < content.len() {
                content = deflated;
            }
        }
        let stored = content.len() as u16;
        let place = self.octets.len() as u64;
        let mut trailer = stored.to_le_bytes().to_vec();
        trailer.extend(signature(place, number).to_le_bytes());
        if self.layout.is_ansi() {
            trailer.extend((number as u32).to_le_bytes());
            trailer.extend(checksum(&content).to_le_bytes());
        } else {
            trailer.extend(checksum(&content).to_le_bytes());
            trailer.extend(number.to_le_bytes());
        }
        if self.layout.0 == Format::Unicode4k {
            trailer.extend([0, 0]);
            trailer.extend(whole.to_le_bytes());
            trailer.extend([0; 4]);
        }
        content.resize(self.layout.block_octets(stored) as usize - trailer.len(), 0);
        self.octets.extend(content);
        self.octets.extend(trailer);
        self.blocks.push((number, place, stored, whole));
        number
    }

    /// Writes data of any length, with lists of blocks as it needs them.
    pub(super) fn data(&mut self, data: &[u8]) -> u64 {
        let leaf_octets = usize::from(self.layout.block_stored_max().min(8176));
        if data.len() <= leaf_octets {
            return self.block(data.to_vec(), false);
        }
        let leaves: Vec<(u64, usize)> =
            data.chunks(leaf_octets).map(|leaf| (self.block(leaf.to_vec(), false), leaf.len())).collect();
        let lists: Vec<(u64, usize)> = leaves.chunks(1000).map(|leaves| self.list(1, leaves)).collect();
        if lists.len() == 1 { lists[0].0 } else { self.list(2, &lists).0 }
    }

    /// Writes a list of blocks that hold so many octets each.
    pub(super) fn list(&mut self, level: u8, blocks: &[(u64, usize)]) -> (u64, usize) {
        let total: usize = blocks.iter().map(|(_, octets)| octets).sum();
        let mut list = vec![1, level];
        list.extend((blocks.len() as u16).to_le_bytes());
        list.extend((total as u32).to_le_bytes());
        blocks.iter().for_each(|(block, _)| self.number(*block, &mut list));
        (self.block(list, true), total)
    }

    /// The BID that the next block gets, if it is a list.
    pub(super) fn next_list(&self) -> u64 {
        self.next | 2
    }

    /// Writes a list of sub-nodes: NID, data, sub-nodes of each.
    pub(super) fn subnodes(&mut self, subnodes: &[(u32, u64, u64)]) -> u64 {
        let mut list = vec![2, 0];
        list.extend((subnodes.len() as u16).to_le_bytes());
        list.resize(if self.layout.is_ansi() { 4 } else { 8 }, 0);
        for (number, data, own) in subnodes {
            for number in [u64::from(*number), *data, *own] {
                self.number(number, &mut list);
            }
        }
        self.block(list, true)
    }

    /// Writes a heap of one block; the first allocation is its root.
    fn heap(&mut self, client: u8, allocations: &[Vec<u8>]) -> u64 {
        let mut heap = vec![0, 0, 0xEC, client, 0x20, 0, 0, 0, 0, 0, 0, 0];
        let mut map = Vec::new();
        for allocation in allocations {
            map.extend((heap.len() as u16).to_le_bytes());
            heap.extend(allocation);
        }
        map.extend((heap.len() as u16).to_le_bytes());
        heap.resize(heap.len().next_multiple_of(2), 0);
        let map_at = (heap.len() as u16).to_le_bytes();
        heap[..2].copy_from_slice(&map_at);
        heap.extend((allocations.len() as u16).to_le_bytes());
        heap.extend([0, 0]);
        heap.extend(map);
        self.block(heap, false)
    }

    /// Writes a property context.
    pub(super) fn properties(&mut self, properties: &[Cell]) -> u64 {
        let mut allocations = vec![vec![0xB5, 2, 6, 0, 0x40, 0, 0, 0], Vec::new()];
        let mut sorted = properties.to_vec();
        sorted.sort_by_key(|(id, ..)| *id);
        for (id, kind, data) in sorted {
            let word = place(&mut allocations, data);
            allocations[1].extend([id.to_le_bytes(), kind.to_le_bytes()].concat());
            allocations[1].extend(word.to_le_bytes());
        }
        self.heap(0xBC, &allocations)
    }

    /// Writes a table of 4-octet cells; every row has the same columns.
    pub(super) fn table(&mut self, rows: &[(u32, Vec<Cell>)]) -> u64 {
        let columns: Vec<(u16, u16)> = rows
            .first()
            .map_or(Vec::new(), |(_, cells)| cells.iter().map(|(id, kind, _)| (*id, *kind)).collect());
        let (bits, row_octets) = (8 + 4 * columns.len() as u16, 9 + 4 * columns.len() as u16);
        let mut description = vec![0x7C, columns.len() as u8];
        for end in [bits, bits, bits, row_octets] {
            description.extend(end.to_le_bytes());
        }
        description.extend([0x40, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0]);
        for (number, (id, kind)) in columns.iter().enumerate() {
            description.extend([kind.to_le_bytes(), id.to_le_bytes()].concat());
            description.extend((8 + 4 * number as u16).to_le_bytes());
            description.extend([4, number as u8]);
        }
        let value_octets = if self.layout.is_ansi() { 2 } else { 4 };
        let header = vec![0xB5, 4, value_octets, 0, 0x60, 0, 0, 0];
        let mut allocations = vec![description, header, Vec::new(), Vec::new()];
        for (number, (id, cells)) in rows.iter().enumerate() {
            allocations[2].extend(id.to_le_bytes());
            allocations[2].extend(&(number as u32).to_le_bytes()[..usize::from(value_octets)]);
            let mut row = [id.to_le_bytes(), [0; 4]].concat();
            for (_, _, data) in cells.clone() {
                row.extend(place(&mut allocations, data).to_le_bytes());
            }
            row.push(0xFF);
            allocations[3].extend(row);
        }
        self.heap(0x7C, &allocations)
    }

    /// Writes both trees and the header; gives the file's octets.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.nodes.sort_by_key(|(number, ..)| *number);
        let nodes = std::mem::take(&mut self.nodes);
        let node = |sample: &Self, (number, parent, data, subnodes): (u32, u32, u64, u64)| {
            let mut entry = Vec::new();
            for number in [u64::from(number), data, subnodes] {
                sample.number(number, &mut entry);
            }
            entry.extend(parent.to_le_bytes());
            entry.resize(if sample.layout.is_ansi() { 16 } else { 32 }, 0);
            entry
        };
        let nodes: Vec<_> = nodes.into_iter().map(|one| node(&self, one)).collect();
        self.blocks.sort_unstable();
        let block = |sample: &Self, (number, place, stored, whole): (u64, u64, u16, u16)| {
            let mut entry = Vec::new();
            sample.number(number, &mut entry);
            sample.number(place, &mut entry);
            entry.extend(stored.to_le_bytes());
            entry.extend(if sample.layout.0 == Format::Unicode4k { whole } else { 2 }.to_le_bytes());
            entry.resize(if sample.layout.is_ansi() { 12 } else { 24 }, 0);
            entry
        };
        let blocks: Vec<_> = self.blocks.iter().map(|one| block(&self, *one)).collect();
        let (nodes, blocks) = (self.tree(0x81, &nodes), self.tree(0x80, &blocks));
        self.header(nodes, blocks);
        self.octets
    }

    /// Writes the leaves of a tree and as many levels above them as it takes.
    fn tree(&mut self, kind: u8, entries: &[Vec<u8>]) -> (u64, u64) {
        let footer = match self.layout.0 {
            Format::Ansi => 496,
            Format::Unicode => 488,
            Format::Unicode4k => 4056,
        };
        let (mut entries, mut level) = (entries.to_vec(), 0);
        loop {
            let mut above = Vec::new();
            for page in entries.chunks(footer / entries[0].len()) {
                let (number, place) = self.page(kind, level, page);
                if page.len() == entries.len() {
                    return (number, place);
                }
                let mut entry = page[0][..self.layout.number_octets()].to_vec();
                self.number(number, &mut entry);
                self.number(place, &mut entry);
                above.push(entry);
            }
            (entries, level) = (above, level + 1);
        }
    }

    fn page(&mut self, kind: u8, level: u8, entries: &[Vec<u8>]) -> (u64, u64) {
        let octets = self.layout.page_octets();
        self.octets.resize(self.octets.len().next_multiple_of(octets), 0);
        let (place, number) = (self.octets.len() as u64, self.next);
        self.next += 4;
        let (footer, trailer) = match self.layout.0 {
            Format::Ansi => (496, 500),
            Format::Unicode => (488, 496),
            Format::Unicode4k => (4056, 4072),
        };
        let mut page = entries.concat();
        let (count, width) = (entries.len(), entries[0].len() as u8);
        page.resize(footer, 0);
        if self.layout.0 == Format::Unicode4k {
            page.extend([(count as u16).to_le_bytes(), (count as u16).to_le_bytes()].concat());
            page.extend([width, level]);
        } else {
            page.extend([count as u8, count as u8, width, level]);
        }
        page.resize(trailer, 0);
        let sum = checksum(&page).to_le_bytes();
        page.extend([kind, kind]);
        page.extend(signature(place, number).to_le_bytes());
        if self.layout.is_ansi() {
            page.extend((number as u32).to_le_bytes());
            page.extend(sum);
        } else {
            page.extend(sum);
            page.extend(number.to_le_bytes());
        }
        page.resize(octets, 0);
        self.octets.extend(page);
        (number, place)
    }

    fn header(&mut self, nodes: (u64, u64), blocks: (u64, u64)) {
        let version: u8 = match self.layout.0 {
            Format::Ansi => 14,
            Format::Unicode => 23,
            Format::Unicode4k => 36,
        };
        let (end_at, roots_at, encoding_at) =
            if self.layout.is_ansi() { (168, 184, 461) } else { (184, 216, 513) };
        let mut roots = Vec::new();
        for number in [nodes.0, nodes.1, blocks.0, blocks.1] {
            self.number(number, &mut roots);
        }
        let mut end = Vec::new();
        self.number(self.octets.len() as u64, &mut end);
        let header = &mut self.octets[..576];
        header[..4].copy_from_slice(b"!BDN");
        header[8..12].copy_from_slice(&[b'S', b'M', version, 0]);
        header[end_at..end_at + end.len()].copy_from_slice(&end);
        header[roots_at..roots_at + roots.len()].copy_from_slice(&roots);
        header[encoding_at] = self.encoding as u8;
        let first = checksum(&header[8..479]).to_le_bytes();
        header[4..8].copy_from_slice(&first);
        let second = checksum(&header[8..524]).to_le_bytes();
        if !self.layout.is_ansi() {
            header[524..528].copy_from_slice(&second);
        }
    }
}

/// Puts a value into the heap, where it does not fit into its word.
fn place(allocations: &mut Vec<Vec<u8>>, data: Data) -> u32 {
    match data {
        Data::Word(word) => word,
        Data::Heap(octets) if octets.is_empty() => 0,
        Data::Heap(octets) => {
            allocations.push(octets);
            (allocations.len() as u32) << 5
        }
    }
}

/// Opens octets as a store.
pub(super) fn open(octets: &[u8]) -> Result<NativeStore, StoreError> {
    let mut file = tempfile::tempfile()?;
    file.write_all(octets)?;
    NativeStore::of_file(file)
}
