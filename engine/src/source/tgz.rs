//! Mail in a tar archive, compressed or not: what Zimbra exports, and any other one of `.eml` files.
//! Never unpacks it: messages are read where they are.

mod counted;
pub mod entries;
pub mod expand;
mod gather;
pub mod meta;
mod passed_over;
mod pax;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use malote_plan::folder::{Folder, FolderPath, WireName};

use self::entries::PassedOver;
use self::expand::{Expander, Points};
use self::gather::Gathered;
use super::archive::book::{Book, KeyedBy};
use super::archive::contents::{FOLDERS_MAX, folder, path_of};
use super::archive::files::{self, Stamp};
use super::archive::index::{Entry, Index, IndexedShelf, Reads};
use super::archive::lines::{CrLf, Verified};
use super::archive::packed::Packing;
use super::archive::{Archive, Content, Contents, Refusal, Shelf, changed, folder_unreadable, unreadable};
use super::eml::form::Form;
use crate::failure::Result;

/// What the folder of the messages at the top is found by; no folder's own way is this.
const TOP_WIRE: &[u8] = b"/";

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
    form: Form,
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
        let mut gathered = Gathered::new(&name, stamp.octets());
        let mut passed_over = PassedOver::default();
        let walked =
            entries::walk(&mut stream, &mut passed_over, &mut |name, octets| gathered.take(name, octets));
        if Stamp::of(&file.metadata().map_err(fail)?) != stamp {
            return Err(changed(&name));
        }
        let zeros = passed_over.damage(walked.is_ok());
        self.damage.extend(zeros.into_iter().map(|what| format!("{name}: {what}")));
        if let Err(cause) = walked {
            if passed_over.entries == 0 {
                let what = other_packing(&file).map_or_else(
                    || "is no tar archive that can be read".to_owned(),
                    |packing| {
                        format!(
                            "is packed with {packing}, and of tar archives gzip alone is read; unpack it to a .tar \
                             first"
                        )
                    },
                );
                return Err(unreadable(format!("{name}: {what}")).because(cause));
            }
            // What lies where a header should be may have come in the middle of the entry before it.
            let is_cut = cause.kind() == std::io::ErrorKind::UnexpectedEof;
            let last_at = (!is_cut).then_some(passed_over.last_at);
            let told = keep_back(&mut stream, &mut gathered, passed_over.entries, last_at);
            self.damage.push(format!("{name}: {cause}; {told}"));
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
            self.remarks.push(format!("{name}: {} devices or pipes are passed over", passed_over.odd));
        }
        (self.stamp, self.points) = (Some(stamp), Arc::new(stream.into_points()));
        Ok(gathered)
    }
}

impl TgzArchive {
    /// What a folder is found by, and where it goes. Messages at the top are in the inbox; where they were copied by an
    /// older Malote, they stay in the folder that it called `_`.
    fn place_of(&self, levels: &[Vec<u8>]) -> (Vec<u8>, FolderPath) {
        let wire = levels.join(&b'/');
        let readable: Vec<String> = levels.iter().map(|level| files::readable(level)).collect();
        match path_of(readable.iter().map(String::as_str)) {
            Some(path) => (wire, path),
            None if self.book.knows(&WireName(wire.clone())) => (wire, FolderPath::root("")),
            None => (TOP_WIRE.to_vec(), FolderPath::root(malote_plan::folder::INBOX)),
        }
    }
}

impl Archive for TgzArchive {
    fn survey(&mut self) -> Result<Contents> {
        (self.remarks, self.damage) = (Vec::new(), Vec::new());
        let gathered = self.read_through()?;
        let mut folders = Vec::new();
        self.folders.clear();
        let finished = gathered.finish(&|levels| self.book.knows(&WireName(levels.join(&b'/'))));
        self.damage.extend(finished.damage);
        self.remarks.extend(finished.remarks);
        // Those at the top come last: a folder that is called Inbox keeps its name.
        let (top, below): (Vec<_>, Vec<_>) =
            finished.folders.into_iter().partition(|(levels, _)| levels.is_empty());
        for (levels, entries) in below.into_iter().chain(top) {
            let (wire, path) = self.place_of(&levels);
            let index = Index::new(&self.book, &WireName(wire.clone()), entries, KeyedBy::Content)?;
            folders.push(folder(path, wire.clone(), Some(index.status)));
            self.folders.insert(wire, Arc::new(index));
            if folders.len() > FOLDERS_MAX {
                return Err(unreadable(format!("{}: more than {FOLDERS_MAX} folders", self.path.display())));
            }
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

/// Gives up what may be altered once a walk has failed, and says what was read.
fn keep_back(stream: &mut Expander, gathered: &mut Gathered, entries: u64, last_at: Option<u64>) -> String {
    let Some(from) = stream.doubted_from() else {
        let kept_back = last_at.map_or(0, |at| gathered.keep_back(at));
        if kept_back > 0 {
            return format!(
                "the message before that may be altered and is kept back, {} before it were read, and what lies \
                 behind is missing",
                gathered.messages()
            );
        }
        let messages = gathered.messages();
        return format!(
            "{entries} entries before that were read ({messages} messages), and what lies behind is missing"
        );
    };
    let kept_back = gathered.keep_back(from);
    format!(
        "no checksum proves what it expands to from octet {from} on: {kept_back} messages there may be altered and are \
         kept back, {} before them were read, and what lies behind is missing; get the file anew",
        gathered.messages()
    )
}

/// What a file is packed with that is no gzip.
fn other_packing(file: &File) -> Option<&'static str> {
    let mut begin = [0; 6];
    let read = file.read_at(&mut begin, 0).ok()?;
    match Packing::of(&begin[..read]) {
        Packing::Bzip2 => Some("bzip2"),
        Packing::Zstandard => Some("Zstandard"),
        Packing::Xz => Some("xz"),
        Packing::Plain | Packing::Gzip | Packing::DovecotLz4 => None,
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
        let octets = place.form.octets(slice).map_err(|cause| Refusal::unreadable(cause.to_string()))?;
        Ok(Content { octets: entry.octets, reader: Box::new(Verified::new(CrLf::new(octets), place.hash)) })
    }

    fn check(&mut self) -> Result<()> {
        let now = self.file.metadata().map(|metadata| Stamp::of(&metadata)).ok();
        if now == self.stamp { Ok(()) } else { Err(changed(&self.name)) }
    }
}

#[cfg(test)]
mod tests;
