//! The trait that both readers of a store are, and what they say of a whole file.
//! Never a pointer below this line: everything is given as plain values.

use crate::item::{Damage, Folder, Item};
use crate::names::Names;
use crate::property::Properties;

/// A node's number within its file ([MS-PST] §2.2.2.1): its type in the low 5 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// Octets that stay in the file until they are asked for: an attachment's data, or a value too long to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Exact length in octets. A reader that cannot deliver all of them fails in the reading.
    pub octets: u64,
    /// What the reader that made it finds it by.
    pub key: BlobKey,
}

/// How a reader finds a blob again; means something to that reader alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobKey {
    /// Octets that are held after all.
    Held(std::sync::Arc<[u8]>),
    /// A data tree of the node database, by its block.
    Block(u64),
    /// The data of an attachment or value of an item, by the way there: attachment numbers from the outside in, then
    /// the property's id.
    Path {
        /// The outermost item.
        node: NodeId,
        /// Attachment numbers, outermost first.
        attachments: Vec<u32>,
        /// The property whose value it is.
        property: u16,
    },
}

/// The format of a file ([MS-PST] §2.2.2.6, `wVer`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// 32-bit, 8-bit strings (`wVer` 14 and 15).
    Ansi,
    /// 64-bit, 512-octet pages (`wVer` 23).
    Unicode,
    /// 64-bit, 4096-octet pages, blocks that may be compressed (`wVer` 36 and 37).
    Unicode4k,
}

impl Format {
    /// As reports write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ansi => "ansi",
            Self::Unicode => "unicode",
            Self::Unicode4k => "unicode4k",
        }
    }
}

/// What is known of a file once it is open.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Its format.
    pub format: Format,
    /// The message store's own properties (node 0x21): record key, special folders, password.
    pub properties: Properties,
    /// Named properties (node 0x61).
    pub names: Names,
    /// What could not be read of the file as a whole.
    pub damage: Vec<Damage>,
}

/// Why a file or an item cannot be had at all.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be read as a file.
    #[error("reading the store: {0}")]
    Io(#[from] std::io::Error),
    /// It is not a store, or of a kind that is not read.
    #[error("not a store that can be read: {0}")]
    NotAStore(String),
    /// The item's node cannot be read at all.
    #[error("item {:#x} cannot be read: {reason}", node.0)]
    Unreadable {
        /// Its node.
        node: NodeId,
        /// Why.
        reason: String,
    },
    /// The reader itself has died or been stopped: a crash, a time limit, a limit on memory or output.
    #[error("the reader ended: {0}")]
    ReaderEnded(String),
}

impl StoreError {
    /// Why, for where the item is named already.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Unreadable { reason, .. } => reason.clone(),
            error => error.to_string(),
        }
    }
}

/// Reads blobs block by block.
pub trait Blobs {
    /// Fills `into` from `offset` on and gives how many octets that were; fewer than asked only at the blob's end.
    ///
    /// # Errors
    /// Where octets that the blob's length promises cannot be read: never silently fewer or others.
    fn read_at(&mut self, blob: &Blob, offset: u64, into: &mut [u8]) -> std::io::Result<usize>;
}

/// One open file. A reader never writes to it, keeps no more than a bounded cache, and belongs to one thread.
pub trait Store: Blobs + Send {
    /// The reader's name for reports: `native`, `libpff`.
    fn reader(&self) -> &'static str;

    /// What is known of the file.
    fn summary(&self) -> &Summary;

    /// Every folder that is reached from the root, parents before children, search folders left out; the first is
    /// the root (node 0x122), where there is one.
    ///
    /// # Errors
    /// Where not even a root can be found.
    fn folders(&mut self) -> Result<Vec<Folder>, StoreError>;

    /// One item with all that belongs to it; data stays in the file.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] where nothing of it can be read; what is missing of a readable one is its damage.
    fn item(&mut self, node: NodeId) -> Result<Item, StoreError>;

    /// Says which items are read next. Where they lie may be looked up for all of them at once: each look misses the
    /// processor's caches, and together they wait for memory but once.
    fn expect(&mut self, _items: &[NodeId]) {}

    /// Items that no folder reaches any more: orphans, deleted ones, remains in stale pages. Kept apart from the
    /// living ones, and empty where the reader has no way to find them.
    ///
    /// # Errors
    /// Where the file cannot be read.
    fn recovered(&mut self) -> Result<Vec<NodeId>, StoreError>;

    /// What the contents table of `folder` says of `item`, with which an item can be named of which nothing else can be
    /// read. Nothing where there is no such row, or where the reader cannot ask.
    fn row(&mut self, _folder: NodeId, _item: NodeId) -> Option<Properties> {
        None
    }
}
