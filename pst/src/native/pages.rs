//! One page of a B-tree, and the walk from a root down to the leaves ([MS-PST] §2.2.2.7.7).
//! Never stops at a bad page: it costs the range of keys below it, which is told.

use super::disk::Disk;
use super::fault::{Fault, Read};
use super::header::Reference;
use super::layout::Layout;
use super::limits::LEVELS_MAX;
use super::octets::{checksum, u8_at, u16_at, u32_at};
use super::ranges::{Range, Ranges};
use crate::store::Format;

/// Which B-tree a page belongs to, by its type octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tree {
    /// `ptypeBBT`: from BIDs to places.
    Blocks = 0x80,
    /// `ptypeNBT`: from NIDs to blocks.
    Nodes = 0x81,
}

/// A page that was read.
#[derive(Debug)]
pub(super) struct Page {
    /// Its BID: the higher, the newer.
    pub(super) number: u64,
    /// 0 for a leaf.
    pub(super) level: u8,
    /// True where its checksum holds.
    pub(super) is_sound: bool,
    count: usize,
    entry_octets: usize,
    octets: Vec<u8>,
}

/// What a walk met apart from leaves.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// Ranges of keys whose pages cannot be read, or whose octets are in doubt.
    pub(super) gaps: Ranges,
    /// Why, and what else is not as it should be.
    pub(super) reasons: Vec<String>,
    pages: u64,
}

impl Page {
    /// Reads the octets of a page of `tree`.
    pub(super) fn read(layout: Layout, tree: Tree, octets: Vec<u8>) -> Read<Self> {
        Self::parse(layout, tree, octets).map_err(Fault::new)
    }

    fn parse(layout: Layout, tree: Tree, octets: Vec<u8>) -> Result<Self, &'static str> {
        const SHORT: &str = "it is shorter than a page";
        let (footer, trailer) = match layout.0 {
            Format::Ansi => (496, 500),
            Format::Unicode => (488, 496),
            Format::Unicode4k => (4056, 4072),
        };
        let kind = (u8_at(&octets, trailer).ok_or(SHORT)?, u8_at(&octets, trailer + 1).ok_or(SHORT)?);
        if kind != (tree as u8, tree as u8) {
            return Err("it is not of this tree");
        }
        let (checksum_at, number_at) =
            if layout.is_ansi() { (trailer + 8, trailer + 4) } else { (trailer + 4, trailer + 8) };
        let is_sound = u32_at(&octets, checksum_at).ok_or(SHORT)? == checksum(&octets[..trailer]);
        let number = layout.number_at(&octets, number_at).ok_or(SHORT)?;
        let wide = layout.0 == Format::Unicode4k;
        let count = if wide { u16_at(&octets, footer) } else { u8_at(&octets, footer).map(u16::from) };
        let rest = footer + if wide { 4 } else { 2 };
        let entry_octets = usize::from(u8_at(&octets, rest).ok_or(SHORT)?);
        let level = u8_at(&octets, rest + 1).ok_or(SHORT)?;
        let count = usize::from(count.ok_or(SHORT)?);
        if entry_octets < least_entry_octets(layout, tree, level) || count * entry_octets > footer {
            return Err("its entries do not fit into it");
        }
        if level > LEVELS_MAX {
            return Err("its level is higher than any tree's");
        }
        Ok(Self { number, level, is_sound, count, entry_octets, octets })
    }

    /// Its entries, each at least as long as one of its kind.
    pub(super) fn entries(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.octets.chunks_exact(self.entry_octets.max(1)).take(self.count)
    }

    /// The keys of its entries with where they lead, for pages above the leaves.
    fn children(&self, layout: Layout) -> Vec<(u64, Reference)> {
        let width = layout.number_octets();
        let child = |entry: &[u8]| {
            let number = layout.number_at(entry, width)?;
            let place = layout.number_at(entry, 2 * width)?;
            Some((layout.number_at(entry, 0)?, Reference { number, place }))
        };
        self.entries().filter_map(child).collect()
    }
}

fn least_entry_octets(layout: Layout, tree: Tree, level: u8) -> usize {
    match (tree, layout.is_ansi()) {
        (_, true) if level > 0 => 12,
        (_, false) if level > 0 => 24,
        (Tree::Blocks, true) => 12,
        (Tree::Blocks, false) => 24,
        (Tree::Nodes, true) => 16,
        (Tree::Nodes, false) => 28,
    }
}

/// Walks a tree from its root and gives every leaf to `on_leaf` with the range that it stands for.
pub(super) fn walk(
    disk: &mut Disk,
    layout: Layout,
    tree: Tree,
    root: Reference,
    on_leaf: &mut dyn FnMut(&Page, Range),
) -> Walked {
    let mut walked = Walked::default();
    let mut walk = Walk { disk, layout, tree, on_leaf, walked: &mut walked };
    walk.page(root, None, (0, u64::MAX));
    walked
}

struct Walk<'a> {
    disk: &'a mut Disk,
    layout: Layout,
    tree: Tree,
    on_leaf: &'a mut dyn FnMut(&Page, Range),
    walked: &'a mut Walked,
}

impl Walk<'_> {
    fn page(&mut self, at: Reference, level: Option<u8>, range: Range) {
        let tree = self.name();
        let what = || format!("page {:#x} at {} of the {tree} tree", at.number, at.place);
        let page = match self.read(at, level) {
            Ok(page) => page,
            Err(fault) => {
                self.walked.gaps.add(range);
                return self.walked.reasons.push(format!("{}: {fault}", what()));
            }
        };
        if !page.is_sound {
            self.walked.gaps.add(range);
            self.walked.reasons.push(format!("{}: its checksum is wrong", what()));
        } else if page.number != at.number {
            self.walked.reasons.push(format!("{}: it calls itself {:#x}", what(), page.number));
        }
        if page.level == 0 {
            return (self.on_leaf)(&page, range);
        }
        let children = page.children(self.layout);
        for (place, (key, child)) in children.iter().enumerate() {
            let end = children.get(place + 1).map_or(range.1, |(next, _)| *next);
            // The first child also answers for keys below its own: none were there when it was written.
            let start = if place == 0 { range.0 } else { *key };
            if start < end || page.is_sound {
                self.page(*child, Some(page.level - 1), (start, end.max(start)));
            }
        }
    }

    fn read(&mut self, at: Reference, level: Option<u8>) -> Read<Page> {
        let octets = self.layout.page_octets();
        self.walked.pages += 1;
        if self.walked.pages > self.disk.octets() / octets as u64 {
            return Err(Fault::new("more pages are named than the file can hold"));
        }
        let page = Page::read(
            self.layout,
            self.tree,
            self.disk.read(at.place, octets, || 0..u64::MAX)?.into_owned(),
        )?;
        match level {
            Some(level) if page.level != level => {
                Err(Fault::new(format!("its level is {} where {level} must be", page.level)))
            }
            _ => Ok(page),
        }
    }

    fn name(&self) -> &'static str {
        match self.tree {
            Tree::Blocks => "block",
            Tree::Nodes => "node",
        }
    }
}
