//! Mail as one file for each message: a folder of `.eml` files, or a zip of one.
//! Never takes a file for a message that does not look like one, and tells what it passed over.

pub mod zipped;

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use malote_plan::date;
use malote_plan::folder::{Folder, FolderPath, WireName};
use malote_plan::message::{Flags, InternalDate};

use super::archive::book::{Book, KeyedBy, key};
use super::archive::contents::{FOLDERS_MAX, folder, path_of};
use super::archive::files::{self, Found, Stamp};
use super::archive::index::{Entry, Index, IndexedShelf, Reads, counted, refusal};
use super::archive::lines::{CrLf, header};
use super::archive::{
    Archive, Content, Contents, Refusal, Shelf, changed, folder_unreadable, packed, unreadable,
};
use crate::failure::Result;

/// Endings of names that are messages.
const ENDINGS: [&str; 2] = [".eml", ".emlx"];

/// Octets of a header that are looked at for a date.
const HEADER_OCTETS: u64 = 64 * 1024;

/// The folder that the files directly below the top are in.
const TOP: &str = "INBOX";

/// A folder of files.
pub struct EmlArchive {
    top: PathBuf,
    book: Book,
    folders: BTreeMap<Vec<u8>, Vec<Found>>,
    remarks: Vec<String>,
    damage: Vec<String>,
}

/// Where a message is, and what its file was when it was listed.
#[derive(Debug, Clone)]
pub struct Place {
    path: Arc<PathBuf>,
    stamp: Stamp,
    written: InternalDate,
}

impl EmlArchive {
    /// The messages below `top`. UIDs are kept in `book`.
    #[must_use]
    pub fn new(top: PathBuf, book: Book) -> Self {
        Self { top, book, folders: BTreeMap::new(), remarks: Vec::new(), damage: Vec::new() }
    }

    fn list(&mut self) -> Result<()> {
        let top = self.top.display().to_string();
        let walk =
            files::walk(&self.top).map_err(|cause| unreadable(format!("listing {top}")).because(cause))?;
        (self.remarks, self.damage) = (walk.warnings, walk.damage);
        self.folders.clear();
        let mut others = 0_u64;
        for found in walk.files {
            if is_message(found.levels.last().map(Vec::as_slice).unwrap_or_default()) {
                let wire = found.levels[..found.levels.len() - 1].join(&b'/');
                self.folders.entry(wire).or_default().push(found);
            } else {
                others += 1;
            }
        }
        // A folder that holds nothing at all is one all the same; one that holds other files is none.
        for empty in walk
            .folders
            .iter()
            .filter(|found| std::fs::read_dir(&found.path).is_ok_and(|mut all| all.next().is_none()))
        {
            self.folders.entry(empty.levels.join(&b'/')).or_default();
        }
        if others > 0 {
            self.remarks.push(format!("{top}: {others} files are no .eml and are passed over"));
        }
        if self.folders.len() > FOLDERS_MAX {
            return Err(unreadable(format!("{top}: more than {FOLDERS_MAX} folders")));
        }
        Ok(())
    }
}

/// True for a file that is a message by its name; its packing is told by its octets.
fn is_message(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    let bare =
        [&b".gz"[..], b".bz2", b".zst"].iter().find_map(|ending| name.strip_suffix(*ending)).unwrap_or(&name);
    ENDINGS.iter().any(|ending| bare.ends_with(ending.as_bytes()))
}

fn path_of_wire(wire: &[u8]) -> FolderPath {
    let text = files::readable(wire);
    let levels = text.split('/').filter(|level| !level.is_empty());
    path_of(levels).unwrap_or_else(|| FolderPath::root(TOP))
}

impl Archive for EmlArchive {
    fn survey(&mut self) -> Result<Contents> {
        self.list()?;
        let folders = self.folders.keys().map(|wire| folder(path_of_wire(wire), wire.clone(), None));
        Ok(Contents { format: "eml".to_owned(), folders: folders.collect(), warnings: Vec::new() })
    }

    fn open(&mut self, folder: &Folder) -> Result<Box<dyn Shelf>> {
        // Listed anew each time, for files come and go while a run works.
        let name = folder.path.to_string();
        self.list()?;
        let missing = || folder_unreadable(format!("{name}: no such folder below {}", self.top.display()));
        let found = self.folders.get(&folder.wire.0).ok_or_else(missing)?;
        let no_flags = Arc::new(Flags::default());
        let entries = found.iter().map(|found| entry(found, &no_flags)).collect();
        let index = Index::new(&self.book, &WireName(folder.wire.0.clone()), entries, KeyedBy::Name)?;
        Ok(Box::new(IndexedShelf::new(Arc::new(index), FileReads { name })))
    }

    fn remarks(&mut self) -> Vec<String> {
        self.remarks.clone()
    }

    fn damage(&mut self) -> Vec<String> {
        self.damage.clone()
    }
}

fn entry(found: &Found, no_flags: &Arc<Flags>) -> Entry<Place> {
    let metadata = &found.metadata;
    let times =
        [metadata.mtime().to_le_bytes(), metadata.mtime_nsec().to_le_bytes(), metadata.len().to_le_bytes()];
    let name = found.levels.last().map(Vec::as_slice).unwrap_or_default();
    Entry {
        key: key(&[name, &times.concat()]),
        octets: metadata.len(),
        flags: Arc::clone(no_flags),
        date: None,
        is_left_out: false,
        place: Place {
            path: Arc::new(found.path.clone()),
            stamp: Stamp::of(metadata),
            written: InternalDate { unix_seconds: metadata.mtime(), offset_minutes: 0 },
        },
    }
}

/// Reads messages, each out of its own file.
struct FileReads {
    name: String,
}

impl FileReads {
    /// The octets of a file that is still the one that was listed.
    fn open(place: &Place) -> std::io::Result<Option<Box<dyn Read>>> {
        let file = files::open(&place.path, false)?;
        if Stamp::of(&file.metadata()?) != place.stamp {
            return Ok(None);
        }
        let is_apple = place.path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("emlx"));
        let mut octets = packed::read(file)?;
        if is_apple {
            let length = apple_length(&mut octets)?;
            octets = Box::new(octets.take(length));
        }
        Ok(Some(Box::new(CrLf::new(octets))))
    }
}

/// The first line of Apple's `.emlx`: how many octets the message has. Behind it lies a property list.
fn apple_length(octets: &mut dyn Read) -> std::io::Result<u64> {
    let mut line = Vec::new();
    let mut octet = [0];
    while line.len() < 32 && octets.read(&mut octet)? == 1 && octet[0] != b'\n' {
        line.push(octet[0]);
    }
    let text = String::from_utf8_lossy(&line);
    let wrong = || {
        std::io::Error::new(std::io::ErrorKind::InvalidData, "its first line is no length, as .emlx has it")
    };
    text.trim().parse().map_err(|_| wrong())
}

impl Reads<Place> for FileReads {
    fn content(&mut self, entry: &Entry<Place>) -> std::result::Result<Content<'_>, Refusal> {
        let what = "reading its file";
        match Self::open(&entry.place) {
            Ok(Some(_)) => {}
            Ok(None) => return Err(Refusal::Failed(changed(&self.name))),
            Err(cause) => return Err(refusal(what, &cause)),
        }
        let place = entry.place.clone();
        counted(what, move || {
            let gone =
                || std::io::Error::new(std::io::ErrorKind::NotFound, "it was replaced while it was read");
            Self::open(&place)?.ok_or_else(gone)
        })
    }

    /// The date of receiving stands in the header; a file's own time is that of its writing.
    fn look(&mut self, entry: &mut Entry<Place>) {
        let opened = Self::open(&entry.place).ok().flatten();
        let text = opened.and_then(|mut octets| header(&mut octets, HEADER_OCTETS).ok()).unwrap_or_default();
        entry.date = date::date_of(None, &text, None).0.or(Some(entry.place.written));
    }
}

#[cfg(test)]
mod tests;
