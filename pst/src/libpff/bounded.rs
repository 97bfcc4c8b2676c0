//! libpff's process, and our own reader for items that the library would have to hold in memory whole.
//! Never asks libpff for an item that weighs too much where our own reader can tell what it weighs.

use std::io;
use std::path::Path;

use super::child::{ChildLimits, ChildStore, ReaderCommand};
use crate::item::{Folder, Item};
use crate::native::NativeStore;
use crate::property::Properties;
use crate::store::{Blob, BlobKey, Blobs, NodeId, Store, StoreError, Summary};
use crate::weight;

/// A store that libpff reads, but for its heaviest items.
pub struct BoundedStore {
    child: ChildStore,
    /// Nothing where our own reader cannot open the file: then only the process's own limit holds.
    native: Option<NativeStore>,
}

impl BoundedStore {
    /// Opens a file by both readers.
    ///
    /// # Errors
    /// Those of [`ChildStore::open`].
    pub fn open(path: &Path, command: ReaderCommand, limits: ChildLimits) -> Result<Self, StoreError> {
        let child = ChildStore::open(path, command, limits)?;
        Ok(Self { child, native: NativeStore::open(path).ok() })
    }
}

impl Blobs for BoundedStore {
    fn read_at(&mut self, blob: &Blob, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        match (&blob.key, &mut self.native) {
            (BlobKey::Block(_), Some(native)) => native.read_at(blob, offset, into),
            _ => self.child.read_at(blob, offset, into),
        }
    }
}

impl Store for BoundedStore {
    fn reader(&self) -> &'static str {
        self.child.reader()
    }

    fn summary(&self) -> &Summary {
        self.child.summary()
    }

    fn folders(&mut self) -> Result<Vec<Folder>, StoreError> {
        self.child.folders()
    }

    fn item(&mut self, node: NodeId) -> Result<Item, StoreError> {
        let own = self.native.as_mut().and_then(|native| native.item(node).ok());
        match own {
            Some(item) if weight::is_too_heavy(&item) => Ok(item),
            _ => self.child.item(node),
        }
    }

    fn recovered(&mut self) -> Result<Vec<NodeId>, StoreError> {
        self.child.recovered()
    }

    fn row(&mut self, folder: NodeId, item: NodeId) -> Option<Properties> {
        self.child.row(folder, item)
    }
}
