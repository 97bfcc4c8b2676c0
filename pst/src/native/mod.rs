//! The native reader: safe Rust from the file's octets to plain values, tolerant of damage.
//! Never writes, maps a file into memory, or stops at one bad property, block, table or page.

mod attachments;
mod blobs;
mod blocks;
mod btree_heap;
mod cipher;
mod cipher_tables;
mod data_tree;
mod disk;
mod fault;
mod folders;
mod header;
mod heap;
#[cfg(test)]
mod hostile;
mod index;
mod items;
mod layout;
mod limits;
mod names;
mod object;
mod octets;
mod pages;
mod properties;
mod ranges;
mod salvage;
#[cfg(test)]
mod sample;
mod subnodes;
mod table;
#[cfg(test)]
mod tests;
mod values;

use std::fmt;
use std::fs::File;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use self::blocks::Blocks;
use self::disk::Disk;
use self::fault::Read;
use self::header::{HEADER_OCTETS, Header};
use self::heap::PROPERTIES;
use self::index::Index;
use self::items::Reading;
use self::object::{Allowance, Object};
use crate::item::{Damage, Folder, Item, Part};
use crate::property::Properties;
use crate::store::{NodeId, Store, StoreError, Summary};

/// `NID_MESSAGE_STORE`.
const STORE_NODE: u32 = 0x21;

/// One handle to a store. Handles of one file share its indexes; each has a small cache of its own.
pub struct NativeStore {
    blocks: Blocks,
    summary: Arc<Summary>,
    /// Items that folders reach, in order of their NIDs, once the folders were read.
    reached: Option<Arc<[u32]>>,
    /// Octets of memory from which on an item is given up.
    item_octets_wanted: u64,
}

impl fmt::Debug for NativeStore {
    /// Without anything that was read: a store holds mail.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("NativeStore").field("format", &self.summary.format).finish_non_exhaustive()
    }
}

impl NativeStore {
    /// Opens the store at a path for reading.
    ///
    /// # Errors
    /// Like [`Self::of_file`], and where the file cannot be opened.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::of_file(File::open(path)?)
    }

    /// Opens a store that is open as a file. Damaged indexes are looked for in the whole file at once.
    ///
    /// # Errors
    /// [`StoreError::NotAStore`] where it is none, is of a kind that is not read, or is so damaged that it leads to no
    /// item: a broken file is never called an empty one.
    pub fn of_file(file: File) -> Result<Self, StoreError> {
        Self::begin(file, false)
    }

    /// Opens also a store that is so damaged that it leads to no item, for what [`Store::recovered`] may find in it.
    ///
    /// # Errors
    /// [`StoreError::NotAStore`] where it is none, or of a kind that is not read.
    pub fn salvage(file: File) -> Result<Self, StoreError> {
        Self::begin(file, true)
    }

    fn begin(file: File, is_salvage: bool) -> Result<Self, StoreError> {
        let mut disk = Disk::new(Arc::new(file))?;
        let octets = disk.octets().min(HEADER_OCTETS as u64) as usize;
        let start = disk
            .read(0, octets, || 0..u64::MAX)
            .map_err(|fault| StoreError::NotAStore(fault.into_reason()))?;
        let header = Header::read(&start)?;
        let opened = catch_unwind(AssertUnwindSafe(|| Self::of_header(disk, header, is_salvage)));
        opened.unwrap_or_else(|_| {
            Err(StoreError::ReaderEnded("the reader failed at opening the file".to_owned()))
        })
    }

    fn of_header(mut disk: Disk, header: Header, is_salvage: bool) -> Result<Self, StoreError> {
        let index = Index::read(&mut disk, &header);
        if let Some(reason) = index.nothing_to_read().filter(|_| !is_salvage) {
            return Err(StoreError::NotAStore(reason));
        }
        let file = |reason| Damage { part: Part::File, reason };
        let mut damage = header.damage;
        if header.octets > disk.octets() {
            let reason =
                format!("the file has {} octets of the {} it should have", disk.octets(), header.octets);
            damage.push(file(reason));
        }
        damage.extend(index.reasons.iter().cloned().map(file));
        let mut blocks = Blocks::new(disk, header.layout, header.encoding, Arc::new(index));
        let properties = store_properties(&mut blocks, &mut damage).unwrap_or_else(|fault| {
            damage.push(file(format!("the store's own properties cannot be read: {fault}")));
            Properties::default()
        });
        let names = names::read(&mut blocks, &mut damage);
        blocks.warned(Part::File, &mut damage);
        let summary = Arc::new(Summary { format: header.layout.0, properties, names, damage });
        Ok(Self { blocks, summary, reached: None, item_octets_wanted: limits::ITEM_OCTETS_MAX })
    }

    /// True where the machine has the file in memory already: whoever reads it waits for no disk.
    #[must_use]
    pub fn is_in_memory(&self) -> bool {
        self.blocks.disk.is_in_memory()
    }

    /// Another handle to the same file, for another thread. It costs a cache and reads nothing.
    #[must_use]
    pub fn try_clone(&self) -> Self {
        let index = Arc::clone(&self.blocks.index);
        let blocks = Blocks::new(self.blocks.disk.again(), self.blocks.layout, self.blocks.encoding, index);
        Self { blocks, summary: Arc::clone(&self.summary), reached: self.reached.clone(), ..*self }
    }

    /// Another handle that gives up items which would take more than `octets` of memory: it has them for unreadable.
    #[must_use]
    pub(crate) fn light(&self, octets: u64) -> Self {
        Self { item_octets_wanted: octets, ..self.try_clone() }
    }

    fn read_item(&mut self, node: NodeId) -> Read<Item> {
        let found = self.blocks.node(node.0);
        let found = found.ok_or_else(|| fault::Fault::new("its node is not there"))?;
        self.blocks.begin();
        self.blocks.disk.begin_item();
        let mut reading = Reading::new(&mut self.blocks, node, Allowance::wanted(self.item_octets_wanted));
        let item = reading.item(found.data, found.subnodes);
        let is_given_up = reading.allowance.is_given_up();
        // What a failed reading noted would otherwise be told of the next item.
        self.blocks.warned(Part::Properties, &mut Vec::new());
        if is_given_up {
            return Err(fault::Fault::new("it is heavier than is wanted"));
        }
        let mut item = item?;
        if self.blocks.index.doubtful.hold(u64::from(node.0)) {
            let reason =
                "what leads to it was altered, or may be of an older state: it may hold what is not its own";
            item.damage.push(Damage { part: Part::File, reason: reason.to_owned() });
        }
        Ok(item)
    }
}

fn store_properties(blocks: &mut Blocks, damage: &mut Vec<Damage>) -> Read<Properties> {
    let node = blocks.node(STORE_NODE).ok_or_else(|| fault::Fault::new("its node is not there"))?;
    let mut object = Object::open(blocks, node.data, node.subnodes, PROPERTIES)?;
    let records = object.property_records(blocks, damage)?;
    Ok(object.properties(blocks, &mut Allowance::default(), &records, None, damage))
}

impl Store for NativeStore {
    fn reader(&self) -> &'static str {
        "native"
    }

    fn summary(&self) -> &Summary {
        &self.summary
    }

    fn folders(&mut self) -> Result<Vec<Folder>, StoreError> {
        let read = catch_unwind(AssertUnwindSafe(|| folders::read(&mut self.blocks)));
        let Ok(folders) = read else {
            self.blocks.forget();
            return Err(StoreError::ReaderEnded("the reader failed at reading the folders".to_owned()));
        };
        if folders.is_empty() {
            return Err(StoreError::NotAStore("no folder can be found in it".to_owned()));
        }
        let mut reached: Vec<u32> =
            folders.iter().flat_map(|folder| &folder.items).map(|item| item.0).collect();
        reached.sort_unstable();
        self.reached = Some(reached.into());
        Ok(folders)
    }

    fn item(&mut self, node: NodeId) -> Result<Item, StoreError> {
        let read = catch_unwind(AssertUnwindSafe(|| self.read_item(node)));
        let Ok(read) = read else {
            self.blocks.forget();
            return Err(StoreError::Unreadable { node, reason: "the reader failed at it".to_owned() });
        };
        read.map_err(|fault| StoreError::Unreadable { node, reason: fault.into_reason() })
    }

    fn expect(&mut self, items: &[NodeId]) {
        let index = &self.blocks.index;
        let (mut near_node, mut near) = (self.blocks.near_node, self.blocks.near);
        for item in items {
            let node = index.node(item.0, &mut near_node);
            black_box(node.and_then(|node| index.place(node.data, &mut near)));
        }
    }

    fn recovered(&mut self) -> Result<Vec<NodeId>, StoreError> {
        if self.reached.is_none() {
            self.folders()?;
        }
        if !self.blocks.index.is_scanned {
            let mut index = Index::clone(&self.blocks.index);
            salvage::fill(&self.blocks.disk, self.blocks.layout, &mut index);
            self.blocks.index = Arc::new(index);
        }
        let reached = self.reached.clone().unwrap_or_default();
        let index = &self.blocks.index;
        let all = index.nodes.iter().chain(&index.stray_nodes).map(|node| node.number);
        let lost = all.filter(|number| {
            folders::kind(*number) == folders::ITEM_TYPE && reached.binary_search(number).is_err()
        });
        let mut lost: Vec<NodeId> = lost.map(NodeId).collect();
        lost.sort_unstable();
        Ok(lost)
    }

    fn row(&mut self, folder: NodeId, item: NodeId) -> Option<Properties> {
        let read = catch_unwind(AssertUnwindSafe(|| folders::row(&mut self.blocks, folder.0, item.0)));
        if read.is_err() {
            self.blocks.forget();
        }
        read.ok().flatten()
    }
}
