//! Heaps on nodes, over as many blocks as it takes, and the search trees in them ([MS-PST] §2.3.1, §2.3.2).
//! Never holds a value longer than an item may be: such a value is a sub-node of its own.

use crate::Format;

/// Longest item of a heap, in octets.
pub const ITEM_OCTETS_MAX: usize = 3580;

/// First block of a heap whose header is a map of the blocks from there on, and how many each such map covers.
const FIRST_MAPPED: usize = 8;
const MAP_BLOCKS: usize = 128;

/// Free octets that each fill level stands for, from the emptiest on (§2.3.1.2); less than the last is full.
const FILL_LEVELS: [usize; 15] =
    [3584, 2560, 2048, 1792, 1536, 1280, 1024, 768, 512, 256, 128, 64, 32, 16, 8];

struct Block {
    body: Vec<u8>,
    starts: Vec<u16>,
}

/// A heap being filled. An item's id is its kind (0), its index from 1 on, and its block.
pub struct Heap {
    format: Format,
    blocks: Vec<Block>,
}

impl Heap {
    /// An empty heap.
    pub fn new(format: Format) -> Self {
        let mut heap = Self { format, blocks: Vec::new() };
        heap.open_block();
        heap
    }

    /// Adds an item and gives its id; 0 for no octets.
    ///
    /// # Panics
    /// For items over [`ITEM_OCTETS_MAX`], which belong elsewhere.
    pub fn add(&mut self, octets: &[u8]) -> u32 {
        if octets.is_empty() {
            return 0;
        }
        assert!(octets.len() <= ITEM_OCTETS_MAX, "an item of {} octets", octets.len());
        let index_bits = self.format.heap_index_bits();
        let last = self.blocks.last().expect("a heap has at least one block");
        let map_octets = 4 + 2 * (last.starts.len() + 2);
        let needed = last.body.len() + octets.len() + 1 + map_octets;
        if needed > self.format.block_octets_max() || last.starts.len() + 1 >= 1 << index_bits {
            self.open_block();
        }
        let block = u32::try_from(self.blocks.len() - 1).expect("a heap has fewer than 65,536 blocks");
        let last = self.blocks.last_mut().expect("a heap has at least one block");
        last.starts.push(place(last.body.len()));
        last.body.extend(octets);
        let index = u32::try_from(last.starts.len()).expect("a block has fewer items than octets");
        (block << (5 + index_bits)) | (index << 5)
    }

    /// Adds a search tree over records that begin with their keys and are in the order of these, as integers; gives
    /// the id of its header.
    pub fn tree(&mut self, key_octets: u8, value_octets: u8, records: &[Vec<u8>]) -> u32 {
        let key_length = usize::from(key_octets);
        let per_leaf = ITEM_OCTETS_MAX / usize::from(key_octets + value_octets);
        let mut parts = Vec::new();
        for leaf in records.chunks(per_leaf) {
            parts.push((leaf[0][..key_length].to_vec(), self.add(&leaf.concat())));
        }
        let mut levels = 0;
        while parts.len() > 1 {
            levels += 1;
            let mut above = Vec::new();
            for branch in parts.chunks(ITEM_OCTETS_MAX / (key_length + 4)) {
                let body = branch.iter().flat_map(|(key, id)| [&key[..], &id.to_le_bytes()].concat());
                let body: Vec<u8> = body.collect();
                above.push((branch[0].0.clone(), self.add(&body)));
            }
            parts = above;
        }
        let root = parts.first().map_or(0, |(_, id)| *id);
        let mut header = vec![0xB5, key_octets, value_octets, levels];
        header.extend(root.to_le_bytes());
        self.add(&header)
    }

    /// The heap's blocks. `client` says what the heap is of, `root` is its first item to be read.
    pub fn finish(self, client: u8, root: u32) -> Vec<Vec<u8>> {
        let longest = self.format.block_octets_max();
        let mut blocks: Vec<Vec<u8>> = self.blocks.into_iter().map(Block::close).collect();
        let levels: Vec<u8> = blocks.iter().map(|block| fill_level(longest - block.len())).collect();
        for (index, block) in blocks.iter_mut().enumerate() {
            let (map_start, covered) = match index {
                0 => (8, FIRST_MAPPED),
                _ if is_mapped(index) => (2, MAP_BLOCKS),
                _ => continue,
            };
            for (nth, level) in levels.iter().skip(index).take(covered).enumerate() {
                block[map_start + nth / 2] |= level << (4 * (nth % 2));
            }
        }
        blocks[0][2] = 0xEC;
        blocks[0][3] = client;
        blocks[0][4..8].copy_from_slice(&root.to_le_bytes());
        blocks
    }

    fn open_block(&mut self) {
        let header_octets = match self.blocks.len() {
            0 => 12,
            index if is_mapped(index) => 66,
            _ => 2,
        };
        self.blocks.push(Block { body: vec![0; header_octets], starts: Vec::new() });
    }
}

impl Block {
    /// Ends the block with the map of its items (§2.3.1.5).
    fn close(mut self) -> Vec<u8> {
        let end = place(self.body.len());
        self.body.resize(self.body.len().next_multiple_of(2), 0);
        let map = place(self.body.len());
        self.body[..2].copy_from_slice(&map.to_le_bytes());
        self.body.extend(place(self.starts.len()).to_le_bytes());
        self.body.extend([0; 2]);
        self.starts.iter().chain([&end]).for_each(|start| self.body.extend(start.to_le_bytes()));
        self.body
    }
}

fn is_mapped(index: usize) -> bool {
    index >= FIRST_MAPPED && (index - FIRST_MAPPED).is_multiple_of(MAP_BLOCKS)
}

fn fill_level(free_octets: usize) -> u8 {
    let level = FILL_LEVELS.iter().take_while(|least| free_octets < **least).count();
    u8::try_from(level).expect("there are 16 fill levels")
}

fn place(octets: usize) -> u16 {
    u16::try_from(octets).expect("a block is shorter than 64 KiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The octets of an item, as a reader finds them.
    fn item(format: Format, blocks: &[Vec<u8>], id: u32) -> &[u8] {
        let bits = format.heap_index_bits();
        let block = &blocks[(id >> (5 + bits)) as usize];
        let index = ((id >> 5) & ((1 << bits) - 1)) as usize;
        let word = |place: usize| usize::from(u16::from_le_bytes([block[place], block[place + 1]]));
        let map = word(0);
        &block[word(map + 2 + 2 * index)..word(map + 4 + 2 * index)]
    }

    #[test]
    fn items_are_found_again_over_many_blocks_in_every_format() {
        for format in [Format::Ansi, Format::Unicode, Format::Unicode4k] {
            let mut heap = Heap::new(format);
            let items: Vec<Vec<u8>> =
                (0..4000_usize).map(|nth| vec![(nth % 251) as u8; 1 + nth * 37 % 1500]).collect();
            let ids: Vec<u32> = items.iter().map(|item| heap.add(item)).collect();
            let blocks = heap.finish(0xBC, ids[0]);
            assert!(blocks.len() > 40 && blocks.iter().all(|block| block.len() <= format.block_octets_max()));
            for (id, expected) in ids.iter().zip(&items) {
                assert_eq!(item(format, &blocks, *id), expected);
            }
        }
    }

    #[test]
    fn a_tree_of_many_records_has_levels_in_the_order_of_its_keys() {
        let mut heap = Heap::new(Format::Unicode);
        let records: Vec<Vec<u8>> =
            (0..200_000_u32).map(|key| [key.to_le_bytes(), (!key).to_le_bytes()].concat()).collect();
        let header = heap.tree(4, 4, &records);
        let blocks = heap.finish(0x7C, header);
        let header = item(Format::Unicode, &blocks, header);
        assert_eq!(header[..4], [0xB5, 4, 4, 2]);
        let mut level = vec![u32::from_le_bytes([header[4], header[5], header[6], header[7]])];
        for _ in 0..2 {
            let entries = level.iter().flat_map(|id| item(Format::Unicode, &blocks, *id).chunks(8));
            level =
                entries.map(|entry| u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]])).collect();
        }
        let found: Vec<u8> =
            level.iter().flat_map(|id| item(Format::Unicode, &blocks, *id)).copied().collect();
        assert_eq!(found, records.concat());
    }
}
