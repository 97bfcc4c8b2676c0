//! Finds again what the trees lost: every page of the file that says it is a leaf, the newest first.
//! Never lets a stale page stand beside a living one: what does not provably live is kept apart.

use std::collections::HashSet;

use super::disk::Disk;
use super::fault::Read;
use super::index::{Block, Index, Node};
use super::layout::Layout;
use super::limits::{BLOCKS_MAX, NODES_MAX};
use super::pages::{Page, Tree};
use super::ranges::Ranges;
use crate::store::Format;

/// Octets that are read at once while a file is searched.
const READ_OCTETS: usize = 1 << 20;

/// A leaf that lies in the file, reached by a tree or not.
#[derive(Debug, Clone, Copy)]
struct Leaf {
    place: u64,
    number: u64,
    is_sound: bool,
}

/// Searches the file and adds what it finds: living nodes into the gaps, everything else as stray.
pub(super) fn fill(disk: &Disk, layout: Layout, index: &mut Index) {
    if index.is_scanned {
        return;
    }
    index.is_scanned = true;
    let (mut blocks, mut nodes) = (Vec::new(), Vec::new());
    search(disk, layout, &mut blocks, &mut nodes);
    for leaves in [&mut blocks, &mut nodes] {
        leaves.sort_by_key(|leaf| (!leaf.is_sound, u64::MAX - leaf.number));
    }
    stray_blocks(disk, layout, &blocks, index);
    stray_nodes(disk, layout, &nodes, index);
}

/// Takes every page of the file whose type says that it is a leaf.
fn search(disk: &Disk, layout: Layout, blocks: &mut Vec<Leaf>, nodes: &mut Vec<Leaf>) {
    let page = layout.page_octets();
    let mut place = 0;
    while place < disk.octets() {
        let octets = (disk.octets() - place).min(READ_OCTETS as u64) as usize;
        for (at, candidate) in readable(disk, place, octets, page) {
            let Some(tree) = tree_of(layout, &candidate) else { continue };
            let Ok(page) = Page::read(layout, tree, candidate) else { continue };
            if page.level == 0 {
                let leaf = Leaf { place: at, number: page.number, is_sound: page.is_sound };
                if tree == Tree::Blocks { blocks.push(leaf) } else { nodes.push(leaf) }
            }
        }
        place += octets as u64;
    }
}

/// The pages of a stretch; where a disk cannot read the stretch at once, page by page.
fn readable(disk: &Disk, place: u64, octets: usize, page: usize) -> Vec<(u64, Vec<u8>)> {
    let at = |number: usize| place + (number * page) as u64;
    match disk.read_past_cache(place, octets) {
        Ok(read) => {
            let pages = read.chunks_exact(page).enumerate();
            let marked = pages.filter(|(_, one)| looks_like_a_page(one));
            marked.map(|(number, one)| (at(number), one.to_vec())).collect()
        }
        Err(_) => (0..octets / page)
            .filter_map(|number| Some((at(number), disk.read_past_cache(at(number), page).ok()?)))
            .collect(),
    }
}

/// A cheap look before a page is copied: both type octets alike, and those of a B-tree.
fn looks_like_a_page(page: &[u8]) -> bool {
    let trailers = if page.len() == 4096 { [4072, 4072] } else { [496, 500] };
    trailers.iter().any(|at| matches!(page[*at], 0x80 | 0x81) && page[*at] == page[*at + 1])
}

fn tree_of(layout: Layout, page: &[u8]) -> Option<Tree> {
    let trailer = match layout.0 {
        Format::Ansi => 500,
        Format::Unicode => 496,
        Format::Unicode4k => 4072,
    };
    match page.get(trailer)? {
        0x80 => Some(Tree::Blocks),
        0x81 => Some(Tree::Nodes),
        _ => None,
    }
}

fn page_of(disk: &Disk, layout: Layout, tree: Tree, leaf: Leaf) -> Read<Page> {
    Page::read(layout, tree, disk.read_past_cache(leaf.place, layout.page_octets())?)
}

fn stray_blocks(disk: &Disk, layout: Layout, leaves: &[Leaf], index: &mut Index) {
    let mut stray = Vec::new();
    for leaf in leaves {
        let Ok(page) = page_of(disk, layout, Tree::Blocks, *leaf) else { continue };
        for block in page.entries().filter_map(|entry| Block::of_entry(layout, entry)) {
            let known = index.blocks.binary_search(&block).is_ok();
            if !known && block.place() < disk.octets() {
                stray.push(block);
            }
        }
        if stray.len() > BLOCKS_MAX {
            stray.sort_unstable();
            stray.dedup();
            stray.truncate(BLOCKS_MAX);
        }
    }
    stray.sort_unstable();
    stray.dedup();
    index.stray_blocks = stray;
}

/// Sorts out the nodes of all leaves. A node lives where the tree has a gap and the block tree still names its blocks:
/// blocks of a deleted or changed item are given back. Where the block tree has gaps too, the newest page that spans
/// a NID decides whether it lives.
fn stray_nodes(disk: &Disk, layout: Layout, leaves: &[Leaf], index: &mut Index) {
    let mut spans = Ranges::default();
    let mut seen: HashSet<u32> = HashSet::new();
    let (mut living, mut stray) = (Vec::new(), Vec::new());
    for leaf in leaves {
        let Ok(page) = page_of(disk, layout, Tree::Nodes, *leaf) else { continue };
        let nodes: Vec<Node> = page.entries().filter_map(|entry| Node::of_entry(layout, entry)).collect();
        for node in nodes.iter().filter(|node| is_plausible(node)) {
            if index.living(node.number).is_some() || seen.len() >= NODES_MAX {
                continue;
            }
            let key = u64::from(node.number);
            let is_missing = index.node_gaps.hold(key);
            let lives = is_missing
                && match state(index, node) {
                    Blocks::Named => true,
                    Blocks::Lost => !spans.hold(key),
                    Blocks::Free => false,
                };
            if lives && seen.insert(node.number) {
                living.push(*node);
            } else if !lives {
                stray.push(*node);
            }
        }
        if let (true, Some(first), Some(last)) = (page.is_sound, nodes.first(), nodes.last()) {
            spans.add((u64::from(first.number), u64::from(last.number) + 1));
        }
    }
    // Stable: of several strays with one NID the newest stays.
    stray.sort_by_key(|node| node.number);
    stray.dedup_by_key(|node| node.number);
    stray.retain(|node| !seen.contains(&node.number));
    index.stray_nodes = stray;
    if !index.node_gaps.is_empty() {
        index.reasons.push(format!("{} nodes were found again by a search of the whole file", living.len()));
    }
    index.nodes.extend(living);
    index.sort_nodes();
}

/// A page that is not sound, or only looks like one, may hold anything: its numbers must at least be numbers.
fn is_plausible(node: &Node) -> bool {
    node.number != 0 && node.data != 0 && node.data >> 48 == 0 && node.subnodes >> 48 == 0
}

/// What the block tree knows of a node's blocks.
enum Blocks {
    /// It names them.
    Named,
    /// It would name them where it has a gap.
    Lost,
    /// It names them no longer.
    Free,
}

fn state(index: &Index, node: &Node) -> Blocks {
    let wanted = [node.data, node.subnodes].into_iter().filter(|block| *block != 0);
    let missing: Vec<u64> = wanted.filter(|block| !index.has_block(*block)).collect();
    let in_gap = |block: &u64| index.block_gaps.hold(block & !1);
    if missing.is_empty() {
        Blocks::Named
    } else if missing.iter().all(in_gap) {
        Blocks::Lost
    } else {
        Blocks::Free
    }
}
