//! A zip of `.eml` files, as webmailers and archives hand out.
//! Never unpacks it, and never believes the sizes that it tells.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::Arc;

use malote_plan::date;
use malote_plan::folder::{Folder, WireName};
use malote_plan::message::Flags;
use zip::read::{Config, OwnedZipFileEntry, ZipReadOptions};
use zip::unstable::read::ZipIterable;

use super::beside::{BEGIN_OCTETS, Beside};
use super::form::Form;
use super::path_of_text;
use super::table::Table;
use crate::failure::Result;
use crate::source::archive::book::{Book, Key, KeyedBy, Occurrences};
use crate::source::archive::contents::{FOLDERS_MAX, folder};
use crate::source::archive::files::{self, OwnPlace, Sentences, Stamp};
use crate::source::archive::index::{Entry, Index, IndexedShelf, Reads};
use crate::source::archive::lines::{CrLf, Measured, Verified, measure};
use crate::source::archive::{
    Archive, Content, Contents, Refusal, Shelf, changed, folder_unreadable, unreadable,
};
use crate::source::tgz::entries::{ENTRIES_MAX, ENTRY_OCTETS_MAX};
use crate::source::tgz::expand::{EXPANDED_OCTETS_MAX, RATIO_FROM_OCTETS, RATIO_MAX};

/// Octets of a message's header that are kept while it is indexed.
const HEADER_OCTETS: usize = 64 * 1024;

/// One zip file.
pub struct ZipOfEml {
    path: PathBuf,
    book: Book,
    stamp: Option<Stamp>,
    entries: Arc<Vec<OwnedZipFileEntry>>,
    folders: BTreeMap<Vec<u8>, Arc<Index<Place>>>,
    remarks: Vec<String>,
    damage: Vec<String>,
}

/// Where a message is in the zip: its entry, by its number among those of messages, and how it lies there.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    number: usize,
    form: Form,
    hash: [u8; 32],
}

impl ZipOfEml {
    /// The zip at `path`. UIDs are kept in `book`.
    #[must_use]
    pub fn new(path: PathBuf, book: Book) -> Self {
        let (folders, remarks, damage) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { path, book, stamp: None, entries: Arc::default(), folders, remarks, damage }
    }

    /// Reads every message through; what cannot be read is told. Entries of one name are entries like others: some
    /// exports call every message alike.
    fn read_through(&mut self, zip: &mut ZipIterable<OwnPlace>, file: &Arc<File>) -> io::Result<Gathered> {
        let name = self.path.display().to_string();
        let (file_octets, mut reader) = (file.metadata()?.len(), OwnPlace::new(Arc::clone(file)));
        let mut gathered = Gathered::default();
        let (mut others, mut hostile, mut expanded) = (0_u64, 0_u64, 0_u64);
        let (mut beside, mut unreadable) = (Beside::default(), Sentences::default());
        let mut table = Some(Table::default());
        for (number, entry) in zip.files().map_err(io::Error::other)?.enumerate() {
            let entry = match entry {
                Ok(entry) => OwnedZipFileEntry::from(entry),
                Err(cause) => {
                    self.damage.push(format!(
                        "{name}: entry {number} of its table of contents cannot be read: {cause}; what lies behind is \
                         missing"
                    ));
                    table = None;
                    break;
                }
            };
            table.iter_mut().for_each(|table| table.note(&entry));
            let told = entry.as_ref();
            if told.is_dir() {
                continue;
            }
            let is_odd = told.unix_mode().is_some_and(|mode| mode & 0o170_000 == 0o120_000);
            let Some(levels) = levels(told.name_raw()).filter(|_| !is_odd) else {
                hostile += 1;
                continue;
            };
            if beside.takes(&levels, || begin(&entry, &mut reader).ok()) {
                continue;
            }
            let form = levels.split_last().and_then(|(file, above)| Some((Form::of(file)?, above)));
            let Some((form, above)) = form else {
                others += 1;
                continue;
            };
            match message(&entry, &mut reader, form) {
                Ok(measured) => {
                    expanded += measured.octets;
                    let found = Found { number: gathered.entries.len(), form, measured };
                    let folder = gathered.folders.entry(above.join(&b'/'));
                    folder.or_insert_with(|| (folder_name(&entry), Vec::new())).1.push(found);
                    gathered.entries.push(entry);
                    beside.note(form);
                }
                Err(cause) => {
                    let own = readable(&entry);
                    unreadable.add(|| format!("message {number} cannot be read: {own}: {cause}"));
                }
            }
            let is_bomb = expanded > RATIO_FROM_OCTETS && expanded / RATIO_MAX > file_octets;
            if is_bomb || expanded > EXPANDED_OCTETS_MAX {
                self.damage.push(format!(
                    "{name}: it expands to more than {RATIO_MAX} times its size or {EXPANDED_OCTETS_MAX} octets; what \
                     lies behind entry {number} is missing"
                ));
                table = None;
                break;
            }
        }
        let untold = table.map_or(Ok(Vec::new()), |table| table.damage(file))?;
        self.damage.extend(untold.into_iter().map(|what| format!("{name}: {what}")));
        unreadable.tell(&name, &mut self.damage, "messages cannot be read");
        beside.tell(&name, &mut self.remarks, &mut self.damage);
        if hostile > 0 {
            self.damage.push(format!(
                "{name}: {hostile} names that lead out of the archive, or links, are not read"
            ));
        }
        if others > 0 {
            self.remarks.push(format!("{name}: {others} entries are no .eml and are passed over"));
        }
        Ok(gathered)
    }
}

/// What was found: messages by folder, with the folder's name for reading, and their entries.
#[derive(Default)]
struct Gathered {
    folders: BTreeMap<Vec<u8>, (String, Vec<Found>)>,
    entries: Vec<OwnedZipFileEntry>,
}

/// One message.
struct Found {
    number: usize,
    form: Form,
    measured: Measured,
}

/// Measures one message; its checksum is looked at by reading it to its end.
fn message(entry: &OwnedZipFileEntry, reader: &mut OwnPlace, form: Form) -> io::Result<Measured> {
    let file = entry.as_ref().with_reader(reader, ZipReadOptions::new()).map_err(io::Error::other)?;
    let mut limited = form.octets(file)?.take(ENTRY_OCTETS_MAX);
    let measured = measure(CrLf::new(&mut limited), HEADER_OCTETS)?;
    if limited.limit() == 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is longer than any message"));
    }
    Ok(measured)
}

/// The first octets of an entry.
fn begin(entry: &OwnedZipFileEntry, reader: &mut OwnPlace) -> io::Result<Vec<u8>> {
    let file = entry.as_ref().with_reader(reader, ZipReadOptions::new()).map_err(io::Error::other)?;
    let mut begin = Vec::new();
    file.take(BEGIN_OCTETS as u64).read_to_end(&mut begin)?;
    Ok(begin)
}

/// An entry's name for reading. Octets that are no UTF-8 are of code page 437 where the entry does not claim otherwise
/// (APPNOTE.TXT, appendix D).
fn readable(entry: &OwnedZipFileEntry) -> String {
    let entry = entry.as_ref();
    let raw = entry.name_raw();
    let is_utf8 = std::str::from_utf8(raw).is_ok();
    let decoded = entry.name().ok().filter(|_| !is_utf8).map(|name| name.into_owned());
    decoded.unwrap_or_else(|| files::readable(raw)).replace('\\', "/")
}

/// The same of the folder that it is in.
fn folder_name(entry: &OwnedZipFileEntry) -> String {
    let name = readable(entry);
    name.rsplit_once('/').map(|(folder, _)| folder.to_owned()).unwrap_or_default()
}

/// A name as levels; nothing where it leads out of the archive.
fn levels(name: &[u8]) -> Option<Vec<Vec<u8>>> {
    let name: Vec<u8> = name.iter().map(|octet| if *octet == b'\\' { b'/' } else { *octet }).collect();
    if name.starts_with(b"/") || name.contains(&0) {
        return None;
    }
    let levels = name.split(|octet| *octet == b'/').filter(|level| !matches!(*level, b"" | b"."));
    let levels: Vec<Vec<u8>> = levels.map(<[u8]>::to_vec).collect();
    (levels.len() <= files::DEPTH_MAX && levels.iter().all(|level| level != b"..")).then_some(levels)
}

impl Archive for ZipOfEml {
    fn survey(&mut self) -> Result<Contents> {
        (self.remarks, self.damage) = (Vec::new(), Vec::new());
        let name = self.path.display().to_string();
        let fail = |cause| unreadable(format!("reading {name}")).because(cause);
        let file = Arc::new(files::open(&self.path, true).map_err(fail)?);
        let stamp = Stamp::of(&file.metadata().map_err(fail)?);
        let no_zip = |cause: zip::result::ZipError| {
            let what = "is no zip that can be read; a zip that is cut off has lost its table of contents";
            unreadable(format!("{name}: {what}")).because(cause)
        };
        let place = OwnPlace::new(Arc::clone(&file));
        let mut zip = ZipIterable::try_new(place, Config::default()).map_err(no_zip)?;
        if zip.len() as u64 > ENTRIES_MAX {
            return Err(unreadable(format!("{name}: more than {ENTRIES_MAX} entries")));
        }
        let gathered = self.read_through(&mut zip, &file).map_err(fail)?;
        if Stamp::of(&file.metadata().map_err(fail)?) != stamp {
            return Err(changed(&name));
        }
        let no_flags = Arc::new(Flags::default());
        let mut folders = Vec::new();
        self.folders.clear();
        for (wire, (readable, messages)) in gathered.folders {
            let mut occurrences = Occurrences::default();
            let entries = messages.into_iter().map(|Found { number, form, measured }| {
                let mut content = Key::default();
                content.copy_from_slice(&measured.hash[..16]);
                Entry {
                    key: occurrences.next(content),
                    octets: measured.octets,
                    flags: Arc::clone(&no_flags),
                    date: date::date_of(None, &measured.header, None).0,
                    is_left_out: false,
                    place: Place { number, form, hash: measured.hash },
                }
            });
            let index = Index::new(&self.book, &WireName(wire.clone()), entries.collect(), KeyedBy::Content)?;
            folders.push(folder(path_of_text(&readable), wire.clone(), Some(index.status)));
            self.folders.insert(wire, Arc::new(index));
            if folders.len() > FOLDERS_MAX {
                return Err(unreadable(format!("{name}: more than {FOLDERS_MAX} folders")));
            }
        }
        (self.stamp, self.entries) = (Some(stamp), Arc::new(gathered.entries));
        Ok(Contents { format: "zip of eml".to_owned(), folders, warnings: Vec::new() })
    }

    fn open(&mut self, folder: &Folder) -> Result<Box<dyn Shelf>> {
        let missing = || folder_unreadable(format!("{}: no such folder in the zip", folder.path));
        let index = Arc::clone(self.folders.get(&folder.wire.0).ok_or_else(missing)?);
        let name = self.path.display().to_string();
        let fail = |cause| folder_unreadable(format!("reading {name}")).because(cause);
        let file = OwnPlace::new(Arc::new(files::open(&self.path, true).map_err(fail)?));
        let (entries, path, stamp) = (Arc::clone(&self.entries), self.path.clone(), self.stamp);
        Ok(Box::new(IndexedShelf::new(index, ZipReads { entries, file, path, stamp })))
    }

    fn remarks(&mut self) -> Vec<String> {
        self.remarks.clone()
    }

    fn damage(&mut self) -> Vec<String> {
        self.damage.clone()
    }
}

/// Reads messages out of the zip.
struct ZipReads {
    entries: Arc<Vec<OwnedZipFileEntry>>,
    file: OwnPlace,
    path: PathBuf,
    stamp: Option<Stamp>,
}

impl Reads<Place> for ZipReads {
    fn content(&mut self, entry: &Entry<Place>) -> std::result::Result<Content<'_>, Refusal> {
        let Place { number, form, hash } = entry.place;
        let refuse = |cause: String| Refusal::unreadable(format!("message {number} of the zip: {cause}"));
        let stored = self.entries.get(number).ok_or(Refusal::Gone)?;
        let file = stored.as_ref().with_reader(&mut self.file, ZipReadOptions::new());
        let octets = form.octets(file.map_err(|cause| refuse(cause.to_string()))?);
        let octets = octets.map_err(|cause| refuse(cause.to_string()))?;
        Ok(Content { octets: entry.octets, reader: Box::new(Verified::new(CrLf::new(octets), hash)) })
    }

    fn check(&mut self) -> Result<()> {
        let now = std::fs::metadata(&self.path).map(|metadata| Stamp::of(&metadata)).ok();
        if now == self.stamp { Ok(()) } else { Err(changed(&self.path.display().to_string())) }
    }
}
