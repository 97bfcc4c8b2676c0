//! The node database of a store: blocks, data trees, sub-nodes, and the two B-trees over them ([MS-PST] §2.2).
//! Never knows what a property or a message is, and holds no data: what is written is on its way to the disk.

mod header;
mod layout;
pub mod obfuscation;
mod pages;
mod space;

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::{Crypt, Format};
use space::Space;

/// Kinds of nodes: the lower 5 bits of a node's number (§2.2.2.1).
pub mod kind {
    /// A folder.
    pub const FOLDER: u32 = 0x02;
    /// A search folder.
    pub const SEARCH_FOLDER: u32 = 0x03;
    /// A message, also an embedded one.
    pub const MESSAGE: u32 = 0x04;
    /// An attachment.
    pub const ATTACHMENT: u32 = 0x05;
    /// A message of the folder itself: a view, a rule, a form.
    pub const ASSOCIATED: u32 = 0x08;
    /// The table of the folders below a folder.
    pub const HIERARCHY: u32 = 0x0D;
    /// The table of a folder's messages.
    pub const CONTENTS: u32 = 0x0E;
    /// The table of a folder's associated messages.
    pub const ASSOCIATED_CONTENTS: u32 = 0x0F;
    /// The table of what a search found.
    pub const SEARCH_CONTENTS: u32 = 0x10;
    /// A value or a matrix of rows that is too long for its heap.
    pub const LOCAL: u32 = 0x1F;
}

/// A node's data and its sub-nodes, as ids of blocks; 0 is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Node {
    /// Its data tree.
    pub data: u64,
    /// Its tree of sub-nodes.
    pub children: u64,
}

struct BlockEntry {
    id: u64,
    place: u64,
    /// As stored.
    octets: u16,
    /// As read; differs only where the block is compressed.
    inflated: u16,
}

struct NodeEntry {
    number: u32,
    node: Node,
    parent: u32,
}

/// Bit of a block's id that marks an internal one: ids, not data.
const INTERNAL: u64 = 2;
const BLOCK_ID_STEP: u64 = 4;
/// How many know each block: the tree of blocks, and the one node that it belongs to.
const REFERENCES: u16 = 2;

/// Shortest data that is worth compressing, in octets.
const COMPRESSED_OCTETS_MIN: usize = 512;

/// One store being written.
pub struct Database {
    out: BufWriter<File>,
    at: u64,
    /// The format of everything in it.
    pub format: Format,
    crypt: Crypt,
    space: Space,
    blocks: Vec<BlockEntry>,
    nodes: Vec<NodeEntry>,
    next_block: u64,
    next_page: u64,
    next_index: [u32; 32],
}

impl Database {
    /// Begins a store at `path`, over whatever is there.
    pub fn create(path: &Path, format: Format, crypt: Crypt) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("creating the store {}", path.display()))?;
        let mut next_index = [0x400; 32];
        next_index[kind::SEARCH_FOLDER as usize] = 0x4000;
        next_index[kind::MESSAGE as usize] = 0x1_0000;
        next_index[kind::ASSOCIATED as usize] = 0x8000;
        Ok(Self {
            out: BufWriter::with_capacity(1 << 20, file),
            at: 0,
            format,
            crypt,
            space: Space::new(),
            blocks: Vec::new(),
            nodes: Vec::new(),
            next_block: BLOCK_ID_STEP,
            next_page: BLOCK_ID_STEP,
            next_index,
        })
    }

    /// A number for a node that no other node of the file has.
    pub fn new_number(&mut self, kind: u32) -> u32 {
        let index = &mut self.next_index[kind as usize];
        *index += 1;
        (*index << 5) | kind
    }

    /// Writes data as blocks: each chunk is one block, all but the last of full length.
    pub fn data(&mut self, chunks: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<u64> {
        let mut leaves = Vec::new();
        for chunk in chunks {
            let chunk = chunk.as_ref();
            leaves.push((self.block(chunk, false)?, chunk.len() as u64));
        }
        self.join(leaves)
    }

    /// Writes octets that are at hand; nothing for none.
    pub fn octets(&mut self, octets: &[u8]) -> Result<u64> {
        let longest = self.format.block_octets_max();
        self.data(octets.chunks(longest))
    }

    /// Puts XBLOCKs and an XXBLOCK over more than one block (§2.2.2.8.3.2).
    fn join(&mut self, mut parts: Vec<(u64, u64)>) -> Result<u64> {
        let fit = (self.format.block_octets_max() - 8) / self.format.id_octets();
        let mut level = 0;
        while parts.len() > 1 {
            level += 1;
            ensure!(level <= 2, "{} blocks are more than a data tree can hold", parts.len());
            let mut above = Vec::with_capacity(parts.len().div_ceil(fit));
            for below in parts.chunks(fit) {
                let total: u64 = below.iter().map(|(_, octets)| octets).sum();
                let mut body = vec![1, level];
                body.extend(u16::try_from(below.len())?.to_le_bytes());
                body.extend(u32::try_from(total).context("data of 4 GiB or more")?.to_le_bytes());
                below.iter().for_each(|(id, _)| self.format.put_id(&mut body, *id));
                above.push((self.block(&body, true)?, total));
            }
            parts = above;
        }
        Ok(parts.first().map_or(0, |(id, _)| *id))
    }

    /// Writes a tree of sub-nodes (§2.2.2.8.3.3); nothing for none.
    pub fn children(&mut self, mut children: Vec<(u32, Node)>) -> Result<u64> {
        children.sort_by_key(|(number, _)| *number);
        ensure!(children.windows(2).all(|pair| pair[0].0 != pair[1].0), "two sub-nodes with one number");
        let format = self.format;
        let leaf = |(number, node): &(u32, Node), body: &mut Vec<u8>| {
            for id in [u64::from(*number), node.data, node.children] {
                format.put_id(body, id);
            }
        };
        let branch = |(number, block): &(u32, u64), body: &mut Vec<u8>| {
            format.put_id(body, u64::from(*number));
            format.put_id(body, *block);
        };
        let mut parts = Vec::new();
        for entries in children.chunks(self.entries_fit(3)) {
            parts.push((entries[0].0, self.children_block(0, entries, leaf)?));
        }
        if parts.len() > 1 {
            ensure!(parts.len() <= self.entries_fit(2), "{} sub-nodes are too many", children.len());
            return self.children_block(1, &parts, branch);
        }
        Ok(parts.first().map_or(0, |(_, block)| *block))
    }

    fn entries_fit(&self, ids: usize) -> usize {
        (self.format.block_octets_max() - 8) / (ids * self.format.id_octets())
    }

    fn children_block<T>(&mut self, level: u8, entries: &[T], put: impl Fn(&T, &mut Vec<u8>)) -> Result<u64> {
        let mut body = vec![2, level];
        body.extend(u16::try_from(entries.len())?.to_le_bytes());
        if self.format != Format::Ansi {
            body.extend([0; 4]);
        }
        entries.iter().for_each(|entry| put(entry, &mut body));
        self.block(&body, true)
    }

    /// Hangs a node into the file under its number.
    pub fn add(&mut self, number: u32, node: Node, parent: u32) {
        self.nodes.push(NodeEntry { number, node, parent });
    }

    fn block(&mut self, data: &[u8], is_internal: bool) -> Result<u64> {
        ensure!(!data.is_empty() && data.len() <= self.format.block_octets_max(), "{} octets", data.len());
        let id = self.next_block | if is_internal { INTERNAL } else { 0 };
        self.next_block += BLOCK_ID_STEP;
        let mut body = data.to_vec();
        if !is_internal {
            obfuscation::obfuscate(self.crypt, id, &mut body);
            body = self.deflated(&body).unwrap_or(body);
        }
        let (octets, inflated) = (u16::try_from(body.len())?, u16::try_from(data.len())?);
        let sum = obfuscation::checksum(&body);
        let trailer = self.format.trailer_octets();
        let whole = (body.len() + trailer).next_multiple_of(self.format.block_step());
        let place = self.space.take(whole as u64, self.format.block_step() as u64);
        body.resize(whole - trailer, 0);
        body.extend(octets.to_le_bytes());
        body.extend(obfuscation::signature(place, id).to_le_bytes());
        if self.format == Format::Ansi {
            self.format.put_id(&mut body, id);
            body.extend(sum.to_le_bytes());
        } else {
            body.extend(sum.to_le_bytes());
            self.format.put_id(&mut body, id);
        }
        if self.format == Format::Unicode4k {
            body.extend(REFERENCES.to_le_bytes());
            body.extend(inflated.to_le_bytes());
            body.extend([0; 4]);
        }
        self.put(place, &body)?;
        self.blocks.push(BlockEntry { id, place, octets, inflated });
        Ok(id)
    }

    /// Data as the 4k format compresses it, where that makes it shorter.
    fn deflated(&self, data: &[u8]) -> Option<Vec<u8>> {
        if self.format != Format::Unicode4k || data.len() < COMPRESSED_OCTETS_MIN {
            return None;
        }
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).ok()?;
        encoder.finish().ok().filter(|shorter| shorter.len() < data.len())
    }

    fn put(&mut self, place: u64, octets: &[u8]) -> Result<()> {
        if self.at != place {
            self.out.seek(SeekFrom::Start(place)).context("seeking in the store")?;
        }
        self.out.write_all(octets).context("writing the store")?;
        self.at = place + octets.len() as u64;
        Ok(())
    }
}
