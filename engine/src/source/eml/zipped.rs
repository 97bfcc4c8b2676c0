//! A zip of `.eml` files, as webmailers and archives hand out.
//! Never unpacks it, and never believes the sizes that it tells.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use malote_plan::date;
use malote_plan::folder::{Folder, WireName};
use malote_plan::message::Flags;
use zip::ZipArchive;
use zip::read::ZipFile;

use super::{is_message, path_of_wire};
use crate::failure::Result;
use crate::source::archive::book::{Book, Key, KeyedBy, Occurrences};
use crate::source::archive::contents::{FOLDERS_MAX, folder};
use crate::source::archive::files::{self, OwnPlace, Stamp};
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
    zip: Option<ZipArchive<OwnPlace>>,
    folders: BTreeMap<Vec<u8>, Arc<Index<Place>>>,
    remarks: Vec<String>,
    damage: Vec<String>,
}

/// Where a message is in the zip.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    number: usize,
    hash: [u8; 32],
}

impl ZipOfEml {
    /// The zip at `path`. UIDs are kept in `book`.
    #[must_use]
    pub fn new(path: PathBuf, book: Book) -> Self {
        let (folders, remarks, damage) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { path, book, stamp: None, zip: None, folders, remarks, damage }
    }

    /// Reads every message through; what cannot be read is told.
    fn read_through(&mut self, zip: &mut ZipArchive<OwnPlace>, file_octets: u64) -> Folders {
        let name = self.path.display().to_string();
        let mut gathered = Folders::new();
        let (mut others, mut hostile, mut expanded) = (0_u64, 0_u64, 0_u64);
        for number in 0..zip.len() {
            let mut entry = match zip.by_index(number) {
                Ok(entry) => entry,
                Err(cause) => {
                    self.damage.push(format!("{name}: entry {number} cannot be read: {cause}"));
                    continue;
                }
            };
            if entry.is_dir() {
                continue;
            }
            let is_odd = entry.unix_mode().is_some_and(|mode| mode & 0o170_000 == 0o120_000);
            let Some(levels) = levels(entry.name_raw()).filter(|_| !is_odd) else {
                hostile += 1;
                continue;
            };
            let Some((_, above)) = levels.split_last().filter(|(file, _)| is_message(file)) else {
                others += 1;
                continue;
            };
            let wire = above.join(&b'/');
            match message(&mut entry) {
                Ok(measured) => {
                    expanded += measured.octets;
                    gathered.entry(wire).or_default().push((number, measured));
                }
                Err(cause) => self.damage.push(format!("{name}: message {number} cannot be read: {cause}")),
            }
            let is_bomb = expanded > RATIO_FROM_OCTETS && expanded / RATIO_MAX > file_octets;
            if is_bomb || expanded > EXPANDED_OCTETS_MAX {
                self.damage.push(format!(
                    "{name}: it expands to more than {RATIO_MAX} times its size or {EXPANDED_OCTETS_MAX} octets; what \
                     lies behind entry {number} is missing"
                ));
                break;
            }
        }
        if hostile > 0 {
            self.damage.push(format!(
                "{name}: {hostile} names that lead out of the archive, or links, are not read"
            ));
        }
        if others > 0 {
            self.remarks.push(format!("{name}: {others} entries are no .eml and are passed over"));
        }
        gathered
    }
}

/// Messages by folder: number within the zip, and what was measured.
type Folders = BTreeMap<Vec<u8>, Vec<(usize, Measured)>>;

/// Measures one message; its checksum is looked at by reading it to its end.
fn message<R: Read + ?Sized>(entry: &mut ZipFile<'_, R>) -> io::Result<Measured> {
    let mut limited = entry.take(ENTRY_OCTETS_MAX);
    let measured = measure(CrLf::new(&mut limited), HEADER_OCTETS)?;
    if limited.limit() == 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is longer than any message"));
    }
    Ok(measured)
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
        let mut zip = ZipArchive::new(OwnPlace::new(Arc::clone(&file))).map_err(no_zip)?;
        if zip.len() as u64 > ENTRIES_MAX {
            return Err(unreadable(format!("{name}: more than {ENTRIES_MAX} entries")));
        }
        let gathered = self.read_through(&mut zip, stamp.octets());
        if Stamp::of(&file.metadata().map_err(fail)?) != stamp {
            return Err(changed(&name));
        }
        let no_flags = Arc::new(Flags::default());
        let mut folders = Vec::new();
        self.folders.clear();
        for (wire, messages) in gathered {
            let mut occurrences = Occurrences::default();
            let entries = messages.into_iter().map(|(number, measured)| {
                let mut content = Key::default();
                content.copy_from_slice(&measured.hash[..16]);
                Entry {
                    key: occurrences.next(content),
                    octets: measured.octets,
                    flags: Arc::clone(&no_flags),
                    date: date::date_of(None, &measured.header, None).0,
                    is_left_out: false,
                    place: Place { number, hash: measured.hash },
                }
            });
            let index = Index::new(&self.book, &WireName(wire.clone()), entries.collect(), KeyedBy::Content)?;
            folders.push(folder(path_of_wire(&wire), wire.clone(), Some(index.status)));
            self.folders.insert(wire, Arc::new(index));
            if folders.len() > FOLDERS_MAX {
                return Err(unreadable(format!("{name}: more than {FOLDERS_MAX} folders")));
            }
        }
        (self.stamp, self.zip) = (Some(stamp), Some(zip));
        Ok(Contents { format: "zip of eml".to_owned(), folders, warnings: Vec::new() })
    }

    fn open(&mut self, folder: &Folder) -> Result<Box<dyn Shelf>> {
        let missing = || folder_unreadable(format!("{}: no such folder in the zip", folder.path));
        let index = Arc::clone(self.folders.get(&folder.wire.0).ok_or_else(missing)?);
        let zip = self.zip.clone().ok_or_else(missing)?;
        let (path, stamp) = (self.path.clone(), self.stamp);
        Ok(Box::new(IndexedShelf::new(index, ZipReads { zip, path, stamp })))
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
    zip: ZipArchive<OwnPlace>,
    path: PathBuf,
    stamp: Option<Stamp>,
}

impl Reads<Place> for ZipReads {
    fn content(&mut self, entry: &Entry<Place>) -> std::result::Result<Content<'_>, Refusal> {
        let Place { number, hash } = entry.place;
        let opened = self.zip.by_index(number);
        let file =
            opened.map_err(|cause| Refusal::unreadable(format!("entry {number} of the zip: {cause}")))?;
        Ok(Content { octets: entry.octets, reader: Box::new(Verified::new(CrLf::new(file), hash)) })
    }

    fn check(&mut self) -> Result<()> {
        let now = std::fs::metadata(&self.path).map(|metadata| Stamp::of(&metadata)).ok();
        if now == self.stamp { Ok(()) } else { Err(changed(&self.path.display().to_string())) }
    }
}
