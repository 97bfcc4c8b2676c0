//! Checksums of every page of both trees and of every block ([MS-PST] §2.2.2.7, §2.2.2.8): libpff reads blocks whose
//! checksum is wrong as if it were right, and says nothing.
//! Never tells which item a wrong block belongs to: the file as a whole is damaged, and the native reader knows more.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Most pages of one tree.
const PAGES_MAX: usize = 16 * 1024 * 1024;

/// Where things lie in pages and blocks of one format.
struct Layout {
    page: usize,
    /// Count of entries, their size and the level; the first two are 2 octets wide in pages of 4 KiB.
    foot: usize,
    /// Trailer of a page, and where in it the checksum is.
    page_trailer: (usize, usize),
    /// Width of numbers and offsets.
    wide: usize,
    /// Length of a block's trailer, and where in it the checksum is.
    block_trailer: (usize, usize),
    /// What blocks are aligned to.
    block: usize,
    /// Where the header names the roots of the trees of nodes and of blocks.
    roots: [u64; 2],
}

const ANSI: Layout = Layout {
    page: 512,
    foot: 496,
    page_trailer: (500, 8),
    wide: 4,
    block_trailer: (12, 8),
    block: 64,
    roots: [0xBC, 0xC4],
};
const UNICODE: Layout = Layout {
    page: 512,
    foot: 488,
    page_trailer: (496, 4),
    wide: 8,
    block_trailer: (16, 4),
    block: 64,
    roots: [0xE0, 0xF0],
};
const UNICODE_4K: Layout = Layout {
    page: 4096,
    foot: 4056,
    page_trailer: (4072, 4),
    wide: 8,
    block_trailer: (24, 4),
    block: 512,
    roots: [0xE0, 0xF0],
};

/// What was found wrong.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Wrong {
    /// Pages of the trees with a wrong checksum, or that cannot be read.
    pub pages: usize,
    /// Blocks with a wrong checksum, or that cannot be read.
    pub blocks: usize,
}

/// Reads all pages and blocks of a file that libpff has opened.
///
/// # Errors
/// Where the file's header cannot be read.
pub fn checksums(path: &Path) -> io::Result<Wrong> {
    let file = File::open(path)?;
    let mut version = [0; 2];
    file.read_exact_at(&mut version, 10)?;
    let layout = match u16::from_le_bytes(version) {
        ..=15 => &ANSI,
        36.. => &UNICODE_4K,
        _ => &UNICODE,
    };
    let mut wrong = Wrong::default();
    for (place, root) in layout.roots.into_iter().enumerate() {
        let mut offset = [0; 8];
        file.read_exact_at(&mut offset[..layout.wide], root)?;
        tree(&file, layout, u64::from_le_bytes(offset), place == 1, &mut wrong);
    }
    Ok(wrong)
}

/// Walks one tree from its root; of the tree of blocks, each block too.
fn tree(file: &File, layout: &Layout, root: u64, has_blocks: bool, wrong: &mut Wrong) {
    let mut page = vec![0; layout.page];
    let mut seen = HashSet::from([root]);
    let mut waiting = vec![root];
    while let Some(offset) = waiting.pop() {
        let (trailer, checksum) = layout.page_trailer;
        let is_read = file.read_exact_at(&mut page, offset).is_ok();
        if !is_read || weak(&page[..trailer]) != word(&page, trailer + checksum) {
            wrong.pages += 1;
            if !is_read {
                continue;
            }
        }
        let (count, size, level) = foot(&page, layout);
        for entry in page[..layout.foot].chunks_exact(size.max(3 * layout.wide)).take(count) {
            if level > 0 {
                let below = number(entry, 2 * layout.wide, layout.wide);
                if seen.len() < PAGES_MAX && seen.insert(below) {
                    waiting.push(below);
                }
            } else if has_blocks && !is_right(file, layout, entry) {
                wrong.blocks += 1;
            }
        }
    }
}

/// The number of entries of a page, their size in octets, and the page's level above the leaves.
fn foot(page: &[u8], layout: &Layout) -> (usize, usize, u8) {
    let foot = &page[layout.foot..];
    if layout.page > 512 {
        (usize::from(u16::from_le_bytes([foot[0], foot[1]])), usize::from(foot[4]), foot[5])
    } else {
        (usize::from(foot[0]), usize::from(foot[2]), foot[3])
    }
}

/// True where a block is all there and its checksum is that of its octets. One that stores none proves nothing.
fn is_right(file: &File, layout: &Layout, entry: &[u8]) -> bool {
    let offset = number(entry, layout.wide, layout.wide);
    let length = usize::from(u16::from_le_bytes([entry[2 * layout.wide], entry[2 * layout.wide + 1]]));
    let (trailer, checksum) = layout.block_trailer;
    let mut block = vec![0; (length + trailer).next_multiple_of(layout.block)];
    if file.read_exact_at(&mut block, offset).is_err() {
        return false;
    }
    let stored = word(&block, block.len() - trailer + checksum);
    stored == 0 || stored == weak(&block[..length])
}

fn number(octets: &[u8], place: usize, wide: usize) -> u64 {
    let mut held = [0; 8];
    held[..wide].copy_from_slice(&octets[place..place + wide]);
    u64::from_le_bytes(held)
}

fn word(octets: &[u8], place: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|step| octets[place + step]))
}

/// The CRC of §5.3: the usual polynomial, begun with 0 and not inverted.
fn weak(octets: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(u32::MAX);
    hasher.update(octets);
    !hasher.finalize()
}
