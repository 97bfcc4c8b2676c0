//! The two B-trees of a store: pages of entries, and pages over pages ([MS-PST] §2.2.2.7.7).
//! Never changes a page: both trees are written once, from the leaves up, when all else is there.

use anyhow::{Result, ensure};

use super::{BlockEntry, Database, NodeEntry, REFERENCES, obfuscation};
use crate::Format;

/// A page's id and place.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageReference {
    pub(super) id: u64,
    pub(super) place: u64,
}

/// What a leaf of one of the trees holds.
trait Entry {
    /// The type of the tree's pages (§2.2.2.7.1).
    const PAGE_KIND: u8;
    fn octets(format: Format) -> usize;
    fn key(&self) -> u64;
    fn put(&self, format: Format, body: &mut Vec<u8>);
}

impl Entry for BlockEntry {
    const PAGE_KIND: u8 = 0x80;

    fn octets(format: Format) -> usize {
        if format == Format::Ansi { 12 } else { 24 }
    }

    fn key(&self) -> u64 {
        self.id
    }

    fn put(&self, format: Format, body: &mut Vec<u8>) {
        format.put_id(body, self.id);
        format.put_id(body, self.place);
        body.extend(self.octets.to_le_bytes());
        if format == Format::Unicode4k {
            body.extend(self.inflated.to_le_bytes());
        }
        body.extend(REFERENCES.to_le_bytes());
    }
}

impl Entry for NodeEntry {
    const PAGE_KIND: u8 = 0x81;

    fn octets(format: Format) -> usize {
        if format == Format::Ansi { 16 } else { 32 }
    }

    fn key(&self) -> u64 {
        u64::from(self.number)
    }

    fn put(&self, format: Format, body: &mut Vec<u8>) {
        format.put_id(body, u64::from(self.number));
        format.put_id(body, self.node.data);
        format.put_id(body, self.node.children);
        body.extend(self.parent.to_le_bytes());
    }
}

impl Database {
    /// Writes both trees; gives the roots of nodes and of blocks.
    pub(super) fn trees(&mut self) -> Result<(PageReference, PageReference)> {
        let mut nodes = std::mem::take(&mut self.nodes);
        nodes.sort_by_key(Entry::key);
        let nodes = self.tree(&nodes)?;
        let mut blocks = std::mem::take(&mut self.blocks);
        blocks.sort_by_key(Entry::key);
        Ok((nodes, self.tree(&blocks)?))
    }

    fn tree<E: Entry>(&mut self, entries: &[E]) -> Result<PageReference> {
        let is_ordered = entries.windows(2).all(|pair| pair[0].key() < pair[1].key());
        ensure!(is_ordered && !entries.is_empty(), "a tree without entries, or two entries with one key");
        let (format, octets) = (self.format, E::octets(self.format));
        let mut pages = Vec::new();
        for leaf in entries.chunks(format.entries_octets() / octets) {
            let page = self.page(E::PAGE_KIND, 0, octets, leaf, |entry, body| entry.put(format, body))?;
            pages.push((leaf[0].key(), page));
        }
        let branch_octets = 3 * format.id_octets();
        let mut level = 0;
        while pages.len() > 1 {
            level += 1;
            let mut above = Vec::new();
            for below in pages.chunks(format.entries_octets() / branch_octets) {
                let page = self.page(E::PAGE_KIND, level, branch_octets, below, |(key, page), body| {
                    [*key, page.id, page.place].into_iter().for_each(|id| format.put_id(body, id));
                })?;
                above.push((below[0].0, page));
            }
            pages = above;
        }
        Ok(pages[0].1)
    }

    /// Writes one page of a tree. `put` may write less than an entry has; the rest is zero.
    fn page<T>(
        &mut self,
        kind: u8,
        level: u8,
        entry_octets: usize,
        entries: &[T],
        put: impl Fn(&T, &mut Vec<u8>),
    ) -> Result<PageReference> {
        let format = self.format;
        let mut body = Vec::with_capacity(format.page_octets());
        for (nth, entry) in entries.iter().enumerate() {
            put(entry, &mut body);
            body.resize((nth + 1) * entry_octets, 0);
        }
        body.resize(format.entries_octets(), 0);
        let fit = format.entries_octets() / entry_octets;
        let narrow = |count: usize| u8::try_from(count).expect("a short page holds fewer than 256 entries");
        if format == Format::Unicode4k {
            body.extend(u16::try_from(entries.len())?.to_le_bytes());
            body.extend(u16::try_from(fit)?.to_le_bytes());
        } else {
            body.extend([narrow(entries.len()), narrow(fit)]);
        }
        body.extend([narrow(entry_octets), level]);
        let id = self.next_page;
        self.next_page += 1;
        let octets = format.page_octets() as u64;
        let place = self.space.take(octets, octets);
        body.resize(format.page_octets() - format.trailer_octets(), 0);
        self.put_page(PageReference { id, place }, kind, body)?;
        Ok(PageReference { id, place })
    }

    /// Ends a page with its trailer (§2.2.2.7.1) and writes it. Maps carry their own place as id, and no signature.
    pub(super) fn put_page(&mut self, page: PageReference, kind: u8, mut body: Vec<u8>) -> Result<()> {
        let sum = obfuscation::checksum(&body);
        let is_map = page.id == page.place;
        let signature = if is_map { 0 } else { obfuscation::signature(page.place, page.id) };
        body.extend([kind, kind]);
        body.extend(signature.to_le_bytes());
        if self.format == Format::Ansi {
            self.format.put_id(&mut body, page.id);
            body.extend(sum.to_le_bytes());
        } else {
            body.extend(sum.to_le_bytes());
            self.format.put_id(&mut body, page.id);
        }
        body.resize(self.format.page_octets(), 0);
        self.put(page.place, &body)
    }
}
