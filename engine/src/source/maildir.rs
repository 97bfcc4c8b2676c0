//! Mail in Maildirs, as Dovecot, Courier and others lay them out.
//! Never moves a message from `new` to `cur`, and never writes a UID list.

pub mod length;
pub mod list;
pub mod name;
pub mod tree;

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use malote_plan::folder::{Folder, WireName};
use malote_plan::message::InternalDate;

use self::length::{Longer, Measured};
use self::list::Letter;
use self::name::Name;
use self::tree::Maildir;
use super::archive::book::{Book, Key, KeyedBy, key};
use super::archive::contents::folder;
use super::archive::files::{self, Stamp};
use super::archive::index::{Entry, FlagSets, Index, IndexedShelf, Reads, counted, refusal};
use super::archive::lines::CrLf;
use super::archive::{
    Archive, Content, Contents, Refusal, Shelf, changed, folder_unreadable, packed, unreadable,
};
use crate::failure::Result;

/// A tree of Maildirs.
pub struct MaildirArchive {
    top: PathBuf,
    book: Book,
    maildirs: BTreeMap<Vec<u8>, Maildir>,
    /// Which of `new` and `cur` each of them had.
    places: BTreeMap<Vec<u8>, [bool; 2]>,
    remarks: Vec<String>,
    damage: Vec<String>,
    /// What single Maildirs kept back when they were last listed, by wire name.
    unread: BTreeMap<Vec<u8>, Vec<String>>,
    /// What changed in them meanwhile, as a sentence.
    unsettled: BTreeMap<Vec<u8>, Option<String>>,
    longer: Longer,
}

/// Where a message is, and what its file was when it was listed.
#[derive(Debug, Clone)]
pub struct Place {
    folder: Arc<PathBuf>,
    path: PathBuf,
    stamp: Stamp,
}

impl MaildirArchive {
    /// The Maildirs at and below `top`. UIDs are kept in `book`.
    #[must_use]
    pub fn new(top: PathBuf, book: Book) -> Self {
        Self {
            top,
            book,
            maildirs: BTreeMap::new(),
            places: BTreeMap::new(),
            remarks: Vec::new(),
            damage: Vec::new(),
            unread: BTreeMap::new(),
            unsettled: BTreeMap::new(),
            longer: Longer::default(),
        }
    }
}

impl Archive for MaildirArchive {
    fn survey(&mut self) -> Result<Contents> {
        let top = self.top.display().to_string();
        let tree =
            tree::survey(&self.top).map_err(|cause| unreadable(format!("listing {top}")).because(cause))?;
        (self.remarks, self.damage) = (tree.remarks(), tree.damage());
        let found = tree.maildirs;
        if found.is_empty() {
            return Err(unreadable(format!(
                "{top}: is no Maildir: it has neither cur nor new, nor have its folders"
            )));
        }
        self.unread.clear();
        self.unsettled.clear();
        let subscribed = subscriptions(&self.top);
        let folders = found.iter().map(|maildir| {
            let listed = folder(maildir.folder.clone(), maildir.wire.clone(), None);
            let name = String::from_utf8_lossy(&maildir.wire).trim_start_matches('.').to_owned();
            let is_subscribed =
                subscribed.as_ref().is_none_or(|names| maildir.wire.is_empty() || names.contains(&name));
            Folder { is_subscribed, ..listed }
        });
        let folders = folders.collect();
        self.places =
            found.iter().map(|maildir| (maildir.wire.clone(), list::places(&maildir.path))).collect();
        self.maildirs = found.into_iter().map(|maildir| (maildir.wire.clone(), maildir)).collect();
        Ok(Contents { format: "Maildir".to_owned(), folders, warnings: Vec::new() })
    }

    fn open(&mut self, folder: &Folder) -> Result<Box<dyn Shelf>> {
        let missing = || folder_unreadable(format!("{}: no such Maildir", folder.path));
        let maildir = self.maildirs.get(&folder.wire.0).cloned().ok_or_else(missing)?;
        let name = folder.path.to_string();
        let fail = |cause| folder_unreadable(format!("listing the Maildir {name}")).because(cause);
        let mut listing = list::list(&maildir.path).map_err(fail)?;
        // What went away with its folder was removed by nobody.
        let had = self.places.get(&maildir.wire).copied().unwrap_or_default();
        if had.iter().zip(list::places(&maildir.path)).any(|(had, has)| *had && !has) {
            return Err(folder_unreadable(format!(
                "{name}: new or cur of {} is not there any more; is its disk still mounted?",
                maildir.path.display()
            )));
        }
        self.unread.insert(folder.wire.0.clone(), listing.damage(&name));
        self.unsettled.insert(folder.wire.0.clone(), listing.unsettled(&name, &maildir.path));
        if listing.odd > 0 {
            let remark =
                format!("{name}: {} pipes or folders among the messages are passed over", listing.odd);
            if !self.remarks.contains(&remark) {
                self.remarks.push(remark);
            }
        }
        let order = uid_order(&tree::text(&maildir.path.join("dovecot-uidlist")).map_err(fail)?);
        let last = u32::MAX;
        // What a server has numbered keeps its order; the rest follows in the order of delivery.
        listing.letters.sort_by_cached_key(|letter| {
            let Letter { base, metadata, content, .. } = letter;
            let delivered = (metadata.mtime(), metadata.mtime_nsec());
            (order.get(base).copied().unwrap_or(last), delivered, base.clone(), metadata.len(), *content)
        });
        let keywords = name::keywords(&tree::text(&maildir.path.join("dovecot-keywords")).map_err(fail)?);
        let (mut flag_sets, place) = (FlagSets::default(), Arc::new(maildir.path.clone()));
        let entries = listing.letters.into_iter().map(|Letter { base, path, metadata, content }| {
            let file_name = std::os::unix::ffi::OsStrExt::as_bytes(path.file_name().unwrap_or_default());
            let parts = Name::of(file_name);
            Entry {
                key: key_of(&base, metadata.len(), content.as_ref()),
                octets: parts.octets().unwrap_or(metadata.len()),
                flags: flag_sets.one(parts.flags(&keywords)),
                date: Some(InternalDate { unix_seconds: metadata.mtime(), offset_minutes: 0 }),
                is_left_out: false,
                place: Place { folder: Arc::clone(&place), stamp: Stamp::of(&metadata), path },
            }
        });
        let index = Index::new(&self.book, &WireName(maildir.wire), entries.collect(), KeyedBy::Name)?;
        let reads = MaildirReads { name, moved: None, longer: self.longer.clone() };
        Ok(Box::new(IndexedShelf::new(Arc::new(index), reads)))
    }

    fn remarks(&mut self) -> Vec<String> {
        self.remarks.iter().cloned().chain(self.longer.remarks()).collect()
    }

    fn damage(&mut self) -> Vec<String> {
        self.damage.iter().chain(self.unread.values().flatten()).cloned().collect()
    }

    fn unsettled(&mut self) -> Vec<String> {
        self.unsettled.values().flatten().cloned().collect()
    }
}

/// What tells a message from all others of its folder.
fn key_of(base: &[u8], octets: u64, content: Option<&Key>) -> Key {
    let octets = octets.to_le_bytes();
    content.map_or_else(|| key(&[base, &octets]), |content| key(&[base, &octets, content]))
}

/// UIDs by base name, out of `dovecot-uidlist`: a header, then `UID [settings] :name` on each line. Older lists have
/// no colon.
fn uid_order(text: &str) -> HashMap<Vec<u8>, u32> {
    let line = |line: &str| {
        let (uid, rest) = line.split_once(' ')?;
        let name = rest.split_once(':').map_or(rest, |(_, name)| name);
        Some((Name::of(name.as_bytes()).base.to_vec(), uid.parse().ok()?))
    };
    text.lines().skip(1).filter_map(line).collect()
}

/// Names that are subscribed to, as Dovecot keeps them; nothing where no such file is.
fn subscriptions(top: &Path) -> Option<Vec<String>> {
    let text = tree::text(&top.join("subscriptions")).ok().filter(|text| !text.is_empty())?;
    let mut lines = text.lines().peekable();
    // The second version parts levels by tabs and says so in its first line.
    let is_second = lines.next_if(|line| line.starts_with("V\t")).is_some();
    let name = |line: &str| if is_second { line.replace('\t', ".") } else { line.to_owned() };
    Some(lines.filter(|line| !line.is_empty()).map(name).collect())
}

/// Reads messages, each out of its own file.
struct MaildirReads {
    name: String,
    /// Where messages are by their base name, once one was not where it was listed: flags change names.
    moved: Option<HashMap<Vec<u8>, Vec<PathBuf>>>,
    longer: Longer,
}

impl MaildirReads {
    fn open(
        path: &Path,
        stamp: Stamp,
        folder: &str,
        longer: &Longer,
    ) -> std::io::Result<Option<Box<dyn Read>>> {
        let file = files::open(path, false)?;
        if Stamp::of(&file.metadata()?) != stamp {
            return Ok(None);
        }
        let name = std::os::unix::ffi::OsStrExt::as_bytes(path.file_name().unwrap_or_default());
        let octets = packed::text(packed::read(file)?)?;
        Ok(Some(Box::new(CrLf::new(Measured::new(octets, Name::of(name).base, folder, longer)))))
    }

    /// Where the message is by its name's lasting part, listed anew once.
    fn moved(&mut self, place: &Place) -> Option<PathBuf> {
        if self.moved.is_none() {
            let mut moved: HashMap<Vec<u8>, Vec<PathBuf>> = HashMap::new();
            for letter in list::list(&place.folder).ok()?.letters {
                moved.entry(letter.base).or_default().push(letter.path);
            }
            self.moved = Some(moved);
        }
        let name = std::os::unix::ffi::OsStrExt::as_bytes(place.path.file_name()?);
        let paths = self.moved.as_ref()?.get(Name::of(name).base)?;
        // Of several messages of one name it is the one whose file it was.
        let own = paths.iter().find(|path| Stamp::at(path).is_ok_and(|stamp| stamp == place.stamp));
        own.or_else(|| paths.first()).cloned()
    }
}

impl Reads<Place> for MaildirReads {
    fn content(&mut self, entry: &Entry<Place>) -> std::result::Result<Content<'_>, Refusal> {
        let what = "reading its file";
        let place = &entry.place;
        let is_gone = std::fs::symlink_metadata(&place.path)
            .is_err_and(|cause| cause.kind() == std::io::ErrorKind::NotFound);
        let path = if is_gone { self.moved(place).ok_or(Refusal::Gone)? } else { place.path.clone() };
        let (stamp, folder, longer) = (place.stamp, self.name.clone(), self.longer.clone());
        match Self::open(&path, stamp, &folder, &longer) {
            Ok(Some(_)) => {}
            Ok(None) => return Err(Refusal::Failed(changed(&self.name))),
            Err(cause) => return Err(refusal(what, &cause)),
        }
        counted(what, move || {
            let gone =
                || std::io::Error::new(std::io::ErrorKind::NotFound, "it was replaced while it was read");
            Self::open(&path, stamp, &folder, &longer)?.ok_or_else(gone)
        })
    }
}

#[cfg(test)]
mod tests;
