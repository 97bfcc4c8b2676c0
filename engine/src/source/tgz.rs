//! Mail in a tar archive, compressed or not: what Zimbra exports, and any other one of `.eml` files.
//! Never unpacks it: messages are read where they are.

pub mod entries;
pub mod expand;
pub mod meta;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use malote_plan::date;
use malote_plan::folder::{Folder, FolderPath, WireName};
use malote_plan::message::{Flags, InternalDate};

use self::entries::{Name, PassedOver};
use self::expand::{Expander, Points};
use self::meta::{META_OCTETS_MAX, Meta};
use super::archive::book::{Book, Key, KeyedBy, Occurrences, key};
use super::archive::contents::{FOLDERS_MAX, folder, path_of};
use super::archive::files::{self, Stamp};
use super::archive::index::{Entry, FlagSets, Index, IndexedShelf, Reads};
use super::archive::lines::{CrLf, Verified, measure};
use super::archive::{Archive, Content, Contents, Refusal, Shelf, changed, folder_unreadable, unreadable};
use crate::failure::Result;

/// Octets of a message's header that are kept while it is indexed.
const HEADER_OCTETS: usize = 64 * 1024;

/// The ending of what tells of another entry.
const META: &str = ".meta";

/// One archive.
pub struct TgzArchive {
    path: PathBuf,
    book: Book,
    stamp: Option<Stamp>,
    points: Arc<Points>,
    folders: BTreeMap<Vec<u8>, Arc<Index<Place>>>,
    remarks: Vec<String>,
    damage: Vec<String>,
}

/// Where a message is in the expanded archive.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    at: u64,
    octets: u64,
    hash: [u8; 32],
}

impl TgzArchive {
    /// The archive at `path`. UIDs are kept in `book`.
    #[must_use]
    pub fn new(path: PathBuf, book: Book) -> Self {
        let (folders, points) = (BTreeMap::new(), Arc::default());
        Self { path, book, stamp: None, points, folders, remarks: Vec::new(), damage: Vec::new() }
    }

    /// Reads the archive through. What a cut or a damage leaves is found all the same.
    fn read_through(&mut self) -> Result<Gathered> {
        let name = self.path.display().to_string();
        let fail = |cause| unreadable(format!("reading {name}")).because(cause);
        let file = Arc::new(files::open(&self.path, true).map_err(fail)?);
        let stamp = Stamp::of(&file.metadata().map_err(fail)?);
        let mut stream = Expander::begin(Arc::clone(&file)).map_err(fail)?;
        let mut gathered = Gathered::default();
        let mut passed_over = PassedOver::default();
        let walked =
            entries::walk(&mut stream, &mut passed_over, &mut |name, octets| gathered.take(name, octets));
        // Behind the end of a tar may come more: only the checksum tells that all was read as it was written.
        let walked = walked.and_then(|()| std::io::copy(&mut stream, &mut std::io::sink()));
        if Stamp::of(&file.metadata().map_err(fail)?) != stamp {
            return Err(changed(&name));
        }
        if let Err(cause) = walked {
            if passed_over.entries == 0 {
                return Err(unreadable(format!("{name}: is no tar archive that can be read")).because(cause));
            }
            self.damage.push(format!(
                "{name}: {cause}; {} entries before that were read ({} messages), and what lies behind is missing",
                passed_over.entries, gathered.messages
            ));
        }
        for (count, what) in [
            (passed_over.hostile, "names that lead out of the archive"),
            (passed_over.too_long, "entries that are longer than any message"),
        ] {
            if count > 0 {
                self.damage.push(format!("{name}: {count} {what} are not read"));
            }
        }
        if passed_over.odd > 0 {
            self.remarks.push(format!("{name}: {} links or devices are passed over", passed_over.odd));
        }
        (self.stamp, self.points) = (Some(stamp), Arc::new(stream.into_points()));
        Ok(gathered)
    }
}

impl Archive for TgzArchive {
    fn survey(&mut self) -> Result<Contents> {
        (self.remarks, self.damage) = (Vec::new(), Vec::new());
        let gathered = self.read_through()?;
        let mut folders = Vec::new();
        self.folders.clear();
        let others = gathered.others.clone();
        for (levels, entries) in gathered.finish() {
            let wire = levels.join("/").into_bytes();
            let path = path_of(levels.iter().map(String::as_str)).unwrap_or_else(|| FolderPath::root(""));
            let index = Index::new(&self.book, &WireName(wire.clone()), entries, KeyedBy::Content)?;
            folders.push(folder(path, wire.clone(), Some(index.status)));
            self.folders.insert(wire, Arc::new(index));
            if folders.len() > FOLDERS_MAX {
                return Err(unreadable(format!("{}: more than {FOLDERS_MAX} folders", self.path.display())));
            }
        }
        if !others.is_empty() {
            let kinds: Vec<String> = others.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
            self.remarks.push(format!("entries that are no mail are passed over: {}", kinds.join(", ")));
        }
        Ok(Contents { format: "tgz".to_owned(), folders, warnings: Vec::new() })
    }

    fn open(&mut self, folder: &Folder) -> Result<Box<dyn Shelf>> {
        let missing = || folder_unreadable(format!("{}: no such folder in the archive", folder.path));
        let index = Arc::clone(self.folders.get(&folder.wire.0).ok_or_else(missing)?);
        let name = self.path.display().to_string();
        let fail = |cause| folder_unreadable(format!("reading {name}")).because(cause);
        let file = Arc::new(files::open(&self.path, true).map_err(fail)?);
        if self.stamp != Some(Stamp::of(&file.metadata().map_err(fail)?)) {
            return Err(folder_unreadable(format!("{name}: changed since it was listed; run again")));
        }
        let stream = Expander::with_points(Arc::clone(&file), Arc::clone(&self.points)).map_err(fail)?;
        Ok(Box::new(IndexedShelf::new(index, TgzReads { stream, file, stamp: self.stamp, name })))
    }

    fn remarks(&mut self) -> Vec<String> {
        self.remarks.clone()
    }

    fn damage(&mut self) -> Vec<String> {
        self.damage.clone()
    }
}

/// What was found so far.
#[derive(Default)]
struct Gathered {
    folders: BTreeMap<Vec<String>, Vec<Mail>>,
    metas: HashMap<Key, Meta>,
    /// Entries that are no mail, by their kind.
    others: BTreeMap<String, u64>,
    messages: u64,
}

/// One message, before its `.meta` is known for sure.
struct Mail {
    name: Key,
    header_date: Option<InternalDate>,
    entry_date: Option<InternalDate>,
    octets: u64,
    place: Place,
}

/// Kinds of entries that are told by name.
const KINDS_MAX: usize = 20;

impl Gathered {
    fn take(&mut self, name: Name, octets: &mut dyn Read) -> std::io::Result<()> {
        let Name { mut levels, is_folder, unix_seconds, at, octets: length } = name;
        if is_folder {
            // A folder of its own only where it holds mail, or nothing at all.
            return Ok(());
        }
        let file = levels.pop().unwrap_or_default();
        if let Some(owner) = file.strip_suffix(META) {
            if length <= META_OCTETS_MAX {
                let mut text = Vec::new();
                octets.read_to_end(&mut text)?;
                self.metas.extend(meta::read(&text).map(|meta| (name_key(&levels, owner), meta)));
            }
            return Ok(());
        }
        if !file.to_ascii_lowercase().ends_with(".eml") {
            let ending = file.rsplit_once('.').map_or("others", |(_, ending)| ending).to_ascii_lowercase();
            let is_plain = ending.len() <= 8 && ending.bytes().all(|octet| octet.is_ascii_alphanumeric());
            let kind = if is_plain && self.others.len() < KINDS_MAX { ending } else { "others".to_owned() };
            *self.others.entry(kind).or_default() += 1;
            return Ok(());
        }
        let mut counted = Counted { inner: octets, octets: 0 };
        let measured = measure(CrLf::new(&mut counted), HEADER_OCTETS)?;
        if counted.octets != length {
            return Err(std::io::Error::new(
                std::io::ErrorKind::UnexpectedEof,
                "the file is cut off in the middle of a message, which is not delivered",
            ));
        }
        let entry_date = (unix_seconds > 0).then_some(InternalDate { unix_seconds, offset_minutes: 0 });
        self.messages += 1;
        let mail = Mail {
            name: name_key(&levels, &file),
            header_date: date::date_of(None, &measured.header, None).0,
            entry_date,
            octets: measured.octets,
            place: Place { at, octets: length, hash: measured.hash },
        };
        self.folders.entry(levels).or_default().push(mail);
        Ok(())
    }

    /// Folders with their messages, each with what its `.meta` told.
    fn finish(self) -> BTreeMap<Vec<String>, Vec<Entry<Place>>> {
        let Self { folders, metas, .. } = self;
        let mut flag_sets = FlagSets::default();
        let mut finish = |mails: Vec<Mail>| {
            let mut occurrences = Occurrences::default();
            let mut entry = |mail: Mail| {
                let meta = metas.get(&mail.name);
                let mut content = Key::default();
                content.copy_from_slice(&mail.place.hash[..16]);
                let told = meta.and_then(|meta| meta.date);
                Entry {
                    key: occurrences.next(content),
                    octets: mail.octets,
                    flags: flag_sets.one(meta.map_or_else(Flags::default, |meta| meta.flags.clone())),
                    // Without Zimbra's word, the time of an entry is when it was written to some disk.
                    date: told.or(mail.header_date).or(mail.entry_date),
                    is_left_out: meta.is_some_and(|meta| !meta.is_message),
                    place: mail.place,
                }
            };
            mails.into_iter().map(&mut entry).collect()
        };
        folders.into_iter().map(|(levels, mails)| (levels, finish(mails))).collect()
    }
}

fn name_key(levels: &[String], file: &str) -> Key {
    key(&[levels.join("/").as_bytes(), file.as_bytes()])
}

/// Counts what passes.
struct Counted<'a> {
    inner: &'a mut dyn Read,
    octets: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(into)?;
        self.octets += read as u64;
        Ok(read)
    }
}

/// Reads messages out of the archive.
struct TgzReads {
    stream: Expander,
    file: Arc<File>,
    stamp: Option<Stamp>,
    name: String,
}

impl Reads<Place> for TgzReads {
    fn content(&mut self, entry: &Entry<Place>) -> std::result::Result<Content<'_>, Refusal> {
        let place = entry.place;
        self.stream
            .go_to(place.at)
            .map_err(|cause| Refusal::unreadable(format!("at octet {} of the archive: {cause}", place.at)))?;
        let slice = (&mut self.stream).take(place.octets);
        Ok(Content { octets: entry.octets, reader: Box::new(Verified::new(CrLf::new(slice), place.hash)) })
    }

    fn check(&mut self) -> Result<()> {
        let now = self.file.metadata().map(|metadata| Stamp::of(&metadata)).ok();
        if now == self.stamp { Ok(()) } else { Err(changed(&self.name)) }
    }
}

#[cfg(test)]
mod tests;
