//! A file that is read by libpff in this process.
//! Never used on strangers' files outside a child process: see `child`.

use std::collections::{HashMap, HashSet};
use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use libpff_sys as sys;

use super::read::{ATTACH_DATA, ATTACHMENT_IDS, Place, Reading, attached_again};
use super::{ffi, folders, names};
use crate::item::{Damage, Folder, Item, Part};
use crate::names::Names;
use crate::property::Properties;
use crate::store::{Blob, BlobKey, Blobs, Format, NodeId, Store, StoreError, Summary};

/// The message store's node.
const STORE: NodeId = NodeId(0x21);
/// The node of the named properties.
const NAMES: NodeId = NodeId(0x61);

/// One file, open in libpff. It belongs to one thread at a time: the library has no locks.
pub struct LibpffStore {
    session: ffi::Session,
    summary: Summary,
    /// Which folder each item lies in, once the folders were walked: a short way to it.
    parents: HashMap<NodeId, NodeId>,
    /// Nodes without a parent, once they were looked for.
    orphans: Option<HashMap<NodeId, u32>>,
    /// The folder at the bottom of the session's chain.
    open_folder: Option<NodeId>,
    /// The blob whose holder is at the end of the session's chain.
    open_blob: Option<BlobKey>,
}

impl LibpffStore {
    /// Opens a file for reading. The time that this takes grows with the square of the number of items: 1.5 s at
    /// 20,000, 86 s at 100,000.
    ///
    /// # Errors
    /// [`StoreError::NotAStore`] with the library's reason.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let refused = |reason: ffi::Failure| StoreError::NotAStore(reason.0);
        let name = CString::new(path.as_os_str().as_bytes())
            .map_err(|_| StoreError::NotAStore("a file name holds no NUL".to_owned()))?;
        let file = ffi::File::open(&name).map_err(refused)?;
        let content = file.content_type().map_err(refused)?;
        if content == Some(sys::LIBPFF_FILE_CONTENT_TYPE_PAB) {
            return Err(StoreError::NotAStore("an address book (PAB) holds no mail".to_owned()));
        }
        let format = match file.file_type().map_err(refused)? {
            Some(sys::LIBPFF_FILE_TYPE_32BIT) => Format::Ansi,
            Some(sys::LIBPFF_FILE_TYPE_64BIT) => Format::Unicode,
            Some(sys::LIBPFF_FILE_TYPE_64BIT_4K_PAGE) => Format::Unicode4k,
            other => return Err(StoreError::NotAStore(format!("libpff names its format {other:?}"))),
        };
        let summary = summary(&file, format);
        Ok(Self {
            session: ffi::Session::new(file),
            summary,
            parents: HashMap::new(),
            orphans: None,
            open_folder: None,
            open_blob: None,
        })
    }

    /// Opens an item at the end of the chain: below its folder where that is known, else by looking everywhere.
    /// What was open of other items is closed.
    fn open_item(&mut self, node: NodeId) -> Result<bool, ffi::Failure> {
        self.open_blob = None;
        if let Some(folder) = self.parents.get(&node).copied() {
            if self.open_folder == Some(folder) {
                self.session.close_to(1);
            } else {
                self.close_all();
                if self.session.open(|file, _| file.item(folder.0))? {
                    self.open_folder = Some(folder);
                }
            }
            let is_open = self.open_folder.is_some()
                && self
                    .session
                    .open(|_, folder| folder.map_or(Ok(None), |above| above.sub_item_of(node.0)))?;
            if is_open {
                return Ok(true);
            }
        }
        self.close_all();
        if self.session.open(|file, _| file.item(node.0))? {
            return Ok(true);
        }
        if self.orphans.is_none() {
            self.orphans = Some(folders::orphans(self.session.file())?);
        }
        let number = self.orphans.as_ref().and_then(|orphans| orphans.get(&node)).copied();
        number.map_or(Ok(false), |number| self.session.open(|file, _| file.orphan(number)))
    }

    fn close_all(&mut self) {
        self.session.close_to(0);
        self.open_folder = None;
        self.open_blob = None;
    }

    /// Opens what holds a blob at the end of the chain.
    fn open_holder(&mut self, key: &BlobKey) -> Result<(), ffi::Failure> {
        let BlobKey::Path { node, attachments, property } = key else {
            return Err(ffi::Failure("the blob is not of this reader".to_owned()));
        };
        if self.open_blob.as_ref() == Some(key) {
            return Ok(());
        }
        let gone = || ffi::Failure("what holds the octets cannot be found again".to_owned());
        if !self.open_item(*node)? {
            return Err(gone());
        }
        for (depth, number) in attachments.iter().enumerate() {
            if !self.session.open(|_, item| item.map_or(Ok(None), |item| item.attachment(*number)))? {
                return Err(gone());
            }
            let is_last = depth + 1 == attachments.len();
            if is_last && ATTACHMENT_IDS.contains(property) {
                break;
            }
            self.session.open(|file, attachment| match attachment {
                Some(attachment) => attached_again(file, attachment).map(Some),
                None => Ok(None),
            })?;
        }
        self.open_blob = Some(key.clone());
        Ok(())
    }
}

/// Reads the store's own properties and names; what is missing of them is damage of the file.
fn summary(file: &ffi::File, format: Format) -> Summary {
    let mut found = Vec::new();
    let mut lost = |what: &str, reason: &str| {
        found.push(Damage { part: Part::File, reason: format!("{what}: {reason}") });
    };
    match file.is_corrupted() {
        Ok(false) => {}
        Ok(true) => lost("the file", "libpff takes it for damaged"),
        Err(reason) => lost("the file", &reason.0),
    }
    let properties = own_properties(file, STORE, file.message_store()).unwrap_or_else(|reason| {
        lost("the store's own properties", &reason.0);
        (Properties::default(), Vec::new())
    });
    let map = own_properties(file, NAMES, file.names()).unwrap_or_else(|reason| {
        lost("the named properties", &reason.0);
        (Properties::default(), Vec::new())
    });
    let (names, wrong): (Names, usize) = names::decode(&map.0);
    if wrong > 0 {
        lost("the named properties", &format!("{wrong} names lead nowhere"));
    }
    found.extend(properties.1.into_iter().chain(map.1));
    Summary { format, properties: properties.0, names, damage: found }
}

fn own_properties(
    file: &ffi::File,
    node: NodeId,
    item: ffi::Outcome<ffi::Item<'_>>,
) -> Result<(Properties, Vec<Damage>), ffi::Failure> {
    let item = item?.ok_or_else(|| ffi::Failure("the node is not there".to_owned()))?;
    let mut found = Vec::new();
    let place = Place { node, attachments: Vec::new() };
    let properties = Reading::new(file).node(&item, &place, &mut found)?;
    Ok((properties, found))
}

impl Blobs for LibpffStore {
    fn read_at(&mut self, blob: &Blob, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        if let BlobKey::Held(octets) = &blob.key {
            return read_held(octets, offset, into);
        }
        let left = blob.octets.saturating_sub(offset);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(into.len());
        let into = &mut into[..wanted];
        if wanted == 0 {
            return Ok(0);
        }
        self.open_holder(&blob.key).inspect_err(|_| self.close_all())?;
        let BlobKey::Path { property, .. } = &blob.key else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let holder = self.session.last().ok_or(io::ErrorKind::NotFound)?;
        let mut filled = 0;
        while filled < wanted {
            let at = offset + u64::try_from(filled).map_err(io::Error::other)?;
            let got = read_property(holder, *property, at, &mut into[filled..])?;
            if got == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    format!("octets {at} to {} are not there", blob.octets),
                ));
            }
            filled += got;
        }
        Ok(filled)
    }
}

fn read_property(
    holder: &ffi::Item<'_>,
    property: u16,
    offset: u64,
    into: &mut [u8],
) -> Result<usize, ffi::Failure> {
    if property == ATTACH_DATA {
        return holder.data_at(offset, into);
    }
    let gone = || ffi::Failure(format!("property {property:#06x} cannot be found again"));
    let set = holder.record_set(0)?.ok_or_else(gone)?;
    for number in 0..set.entries()?.unwrap_or(0) {
        let Some(entry) = set.entry(number)? else { continue };
        if entry.id()? == Some(u32::from(property)) {
            return entry.data_at(offset, into);
        }
    }
    Err(gone())
}

/// Octets of a blob that is held.
pub(super) fn read_held(octets: &[u8], offset: u64, into: &mut [u8]) -> io::Result<usize> {
    let from = usize::try_from(offset).unwrap_or(usize::MAX).min(octets.len());
    let taken = (octets.len() - from).min(into.len());
    into[..taken].copy_from_slice(&octets[from..from + taken]);
    Ok(taken)
}

impl Store for LibpffStore {
    fn reader(&self) -> &'static str {
        "libpff"
    }

    fn summary(&self) -> &Summary {
        &self.summary
    }

    fn folders(&mut self) -> Result<Vec<Folder>, StoreError> {
        self.close_all();
        let folders = folders::walk(self.session.file())?;
        self.parents =
            folders.iter().flat_map(|folder| folder.items.iter().map(|item| (*item, folder.node))).collect();
        Ok(folders)
    }

    fn item(&mut self, node: NodeId) -> Result<Item, StoreError> {
        let unreadable = |reason: ffi::Failure| StoreError::Unreadable { node, reason: reason.0 };
        let is_open = self.open_item(node).map_err(unreadable)?;
        let item = match self.session.last() {
            Some(item) if is_open => item,
            _ => return Err(unreadable(ffi::Failure("libpff does not know its node".to_owned()))),
        };
        let given = item.identifier().map_err(unreadable)?;
        if given != node.0 {
            return Err(unreadable(ffi::Failure(format!("libpff gives node {given:#x} instead"))));
        }
        let place = Place { node, attachments: Vec::new() };
        let read = Reading::new(self.session.file()).message(item, &place).map_err(unreadable);
        // What the library holds of an item, all of its attachments included, is given back at once.
        self.session.close_to(usize::from(self.open_folder.is_some()));
        read
    }

    fn recovered(&mut self) -> Result<Vec<NodeId>, StoreError> {
        self.close_all();
        let unread = |reason: ffi::Failure| StoreError::Io(reason.into());
        // Without a root every node of the tree is one that no folder reaches.
        let folders = self.folders().unwrap_or_default();
        let known: HashSet<NodeId> = folders.iter().flat_map(|folder| folder.items.iter().copied()).collect();
        let (found, orphans) = folders::strays(self.session.file(), &known).map_err(unread)?;
        self.orphans = Some(orphans);
        Ok(found)
    }
}
