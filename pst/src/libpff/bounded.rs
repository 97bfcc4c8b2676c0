//! libpff's process, and our own reader for items that the library would have to hold in memory whole.
//! Never asks libpff for an item that weighs too much where our own reader can tell what it weighs.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::Path;

use super::child::{ChildLimits, ChildStore, ReaderCommand};
use crate::item::{Damage, Folder, Item, Part};
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
    /// Opens the file at a path by both readers.
    ///
    /// # Errors
    /// Those of [`Self::of_file`], and where the file cannot be opened.
    pub fn open(path: &Path, command: ReaderCommand, limits: ChildLimits) -> Result<Self, StoreError> {
        Self::of_file(File::open(path)?, command, limits)
    }

    /// Opens by both readers what is open as a file.
    ///
    /// # Errors
    /// Those of [`ChildStore::of_file`].
    pub fn of_file(file: File, command: ReaderCommand, limits: ChildLimits) -> Result<Self, StoreError> {
        let child = ChildStore::of_file(file.try_clone()?, command, limits)?;
        Ok(Self { child, native: NativeStore::of_file(file).ok() })
    }

    /// How many items our own reader lists that are in none of `folders`.
    fn unlisted(&mut self, folders: &[Folder]) -> usize {
        let Some(Ok(own)) = self.native.as_mut().map(Store::folders) else { return 0 };
        let listed: HashSet<NodeId> =
            folders.iter().flat_map(|folder| folder.items.iter().copied()).collect();
        own.iter().flat_map(|folder| &folder.items).filter(|item| !listed.contains(item)).count()
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
        let mut folders = self.child.folders()?;
        let unlisted = self.unlisted(&folders);
        if let Some(first) = folders.first_mut().filter(|_| unlisted > 0) {
            let reason = format!(
                "{unlisted} items lie where libpff finds none, and are not carried: the native reader lists them"
            );
            first.damage.push(Damage { part: Part::Contents, reason });
        }
        Ok(folders)
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
