//! Mail in Maildirs, as Dovecot, Courier and others lay them out.
//! Never moves a message from `new` to `cur`, and never writes a UID list.

pub mod name;
pub mod tree;

use std::collections::{BTreeMap, HashMap};
use std::fs::Metadata;
use std::io::Read;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use malote_plan::folder::{Folder, WireName};
use malote_plan::message::InternalDate;

use self::name::Name;
use self::tree::Maildir;
use super::archive::book::{Book, KeyedBy, key};
use super::archive::contents::folder;
use super::archive::files::{self, ENTRIES_MAX, Stamp};
use super::archive::index::{Entry, FlagSets, Index, IndexedShelf, Reads, counted, refusal};
use super::archive::lines::CrLf;
use super::archive::{
    Archive, Content, Contents, Refusal, Shelf, changed, folder_unreadable, packed, unreadable,
};
use crate::failure::Result;

/// Where delivered messages lie.
const PLACES: [&str; 2] = ["cur", "new"];

/// A tree of Maildirs.
pub struct MaildirArchive {
    top: PathBuf,
    book: Book,
    maildirs: BTreeMap<Vec<u8>, Maildir>,
    remarks: Vec<String>,
    damage: Vec<String>,
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
        Self { top, book, maildirs: BTreeMap::new(), remarks: Vec::new(), damage: Vec::new() }
    }
}

impl Archive for MaildirArchive {
    fn survey(&mut self) -> Result<Contents> {
        let top = self.top.display().to_string();
        let (found, damage) =
            tree::find(&self.top).map_err(|cause| unreadable(format!("listing {top}")).because(cause))?;
        if found.is_empty() {
            return Err(unreadable(format!(
                "{top}: is no Maildir: it has neither cur nor new, nor have its folders"
            )));
        }
        self.damage = damage;
        let subscribed = subscriptions(&self.top);
        let folders = found.iter().map(|maildir| {
            let listed = folder(maildir.folder.clone(), maildir.wire.clone(), None);
            let name = String::from_utf8_lossy(&maildir.wire).trim_start_matches('.').to_owned();
            let is_subscribed =
                subscribed.as_ref().is_none_or(|names| maildir.wire.is_empty() || names.contains(&name));
            Folder { is_subscribed, ..listed }
        });
        let folders = folders.collect();
        self.maildirs = found.into_iter().map(|maildir| (maildir.wire.clone(), maildir)).collect();
        Ok(Contents { format: "Maildir".to_owned(), folders, warnings: Vec::new() })
    }

    fn open(&mut self, folder: &Folder) -> Result<Box<dyn Shelf>> {
        let missing = || folder_unreadable(format!("{}: no such Maildir", folder.path));
        let maildir = self.maildirs.get(&folder.wire.0).cloned().ok_or_else(missing)?;
        let name = folder.path.to_string();
        let fail = |cause| folder_unreadable(format!("listing the Maildir {name}")).because(cause);
        let mut listing = list(&maildir.path).map_err(fail)?;
        if listing.odd > 0 {
            let remark =
                format!("{name}: {} links, pipes or folders among the messages are passed over", listing.odd);
            if !self.remarks.contains(&remark) {
                self.remarks.push(remark);
            }
        }
        let order = uid_order(&tree::text(&maildir.path.join("dovecot-uidlist")).map_err(fail)?);
        let last = u32::MAX;
        // What a server has numbered keeps its order; the rest follows in the order of delivery.
        listing.files.sort_by_cached_key(|(base, _, metadata)| {
            (order.get(base).copied().unwrap_or(last), metadata.mtime(), metadata.mtime_nsec(), base.clone())
        });
        let keywords = name::keywords(&tree::text(&maildir.path.join("dovecot-keywords")).map_err(fail)?);
        let (mut flag_sets, place) = (FlagSets::default(), Arc::new(maildir.path.clone()));
        let entries = listing.files.into_iter().map(|(base, path, metadata)| {
            let file_name = std::os::unix::ffi::OsStrExt::as_bytes(path.file_name().unwrap_or_default());
            let parts = Name::of(file_name);
            Entry {
                key: key(&[&base, &metadata.len().to_le_bytes()]),
                octets: parts.octets().unwrap_or(metadata.len()),
                flags: flag_sets.one(parts.flags(&keywords)),
                date: Some(InternalDate { unix_seconds: metadata.mtime(), offset_minutes: 0 }),
                is_left_out: false,
                place: Place { folder: Arc::clone(&place), stamp: Stamp::of(&metadata), path },
            }
        });
        let index = Index::new(&self.book, &WireName(maildir.wire), entries.collect(), KeyedBy::Name)?;
        Ok(Box::new(IndexedShelf::new(Arc::new(index), MaildirReads { name, moved: None })))
    }

    fn remarks(&mut self) -> Vec<String> {
        self.remarks.clone()
    }

    fn damage(&mut self) -> Vec<String> {
        self.damage.clone()
    }
}

/// The messages of one Maildir: base name, path, metadata.
struct Listing {
    files: Vec<(Vec<u8>, PathBuf, Metadata)>,
    odd: u64,
}

/// Lists `cur` and `new`. A message that is seen twice while a program moves it is one.
fn list(maildir: &Path) -> std::io::Result<Listing> {
    let (mut files, mut odd) = (HashMap::new(), 0);
    for place in PLACES {
        let entries = match std::fs::read_dir(maildir.join(place)) {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let name = std::os::unix::ffi::OsStringExt::into_vec(entry.file_name());
            if name.starts_with(b".") {
                continue;
            }
            let metadata = match entry.metadata() {
                Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => continue,
                metadata => metadata?,
            };
            if !metadata.is_file() {
                odd += 1;
                continue;
            }
            files.entry(Name::of(&name).base.to_vec()).or_insert((entry.path(), metadata));
            if files.len() > ENTRIES_MAX {
                let what = format!("more than {ENTRIES_MAX} messages");
                return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, what));
            }
        }
    }
    let files = files.into_iter().map(|(base, (path, metadata))| (base, path, metadata)).collect();
    Ok(Listing { files, odd })
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
    moved: Option<HashMap<Vec<u8>, PathBuf>>,
}

impl MaildirReads {
    fn open(path: &Path, stamp: Stamp) -> std::io::Result<Option<Box<dyn Read>>> {
        let file = files::open(path, false)?;
        if Stamp::of(&file.metadata()?) != stamp {
            return Ok(None);
        }
        Ok(Some(Box::new(CrLf::new(packed::read(file)?))))
    }

    /// Where the message is by its name's lasting part, listed anew once.
    fn moved(&mut self, place: &Place) -> Option<PathBuf> {
        if self.moved.is_none() {
            let listing = list(&place.folder).ok()?;
            self.moved = Some(listing.files.into_iter().map(|(base, path, _)| (base, path)).collect());
        }
        let name = std::os::unix::ffi::OsStrExt::as_bytes(place.path.file_name()?);
        self.moved.as_ref()?.get(Name::of(name).base).cloned()
    }
}

impl Reads<Place> for MaildirReads {
    fn content(&mut self, entry: &Entry<Place>) -> std::result::Result<Content<'_>, Refusal> {
        let what = "reading its file";
        let place = &entry.place;
        let is_gone = std::fs::symlink_metadata(&place.path)
            .is_err_and(|cause| cause.kind() == std::io::ErrorKind::NotFound);
        let path = if is_gone { self.moved(place).ok_or(Refusal::Gone)? } else { place.path.clone() };
        let stamp = place.stamp;
        match Self::open(&path, stamp) {
            Ok(Some(_)) => {}
            Ok(None) => return Err(Refusal::Failed(changed(&self.name))),
            Err(cause) => return Err(refusal(what, &cause)),
        }
        counted(what, move || {
            let gone =
                || std::io::Error::new(std::io::ErrorKind::NotFound, "it was replaced while it was read");
            Self::open(&path, stamp)?.ok_or_else(gone)
        })
    }
}

#[cfg(test)]
mod tests;
