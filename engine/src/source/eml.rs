//! Mail as one file for each message: a folder of `.eml` files, or a zip of one.
//! Never takes a file for a message that does not look like one, and tells what it passed over.

pub mod beside;
pub mod form;
mod table;
pub mod zipped;

use std::collections::BTreeSet;
use std::io::Read;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use malote_plan::date;
use malote_plan::folder::{Folder, FolderPath, WireName};
use malote_plan::message::{Flags, InternalDate};

use self::beside::{BEGIN_OCTETS, Beside};
use self::form::Form;
use super::archive::book::{Book, KeyedBy, key};
use super::archive::contents::{FOLDERS_MAX, folder, path_of};
use super::archive::files::{self, Found, Link, Stamp, Target};
use super::archive::index::{Entry, Index, IndexedShelf, Reads, counted, refusal};
use super::archive::lines::{CrLf, header};
use super::archive::{Archive, Content, Contents, Refusal, Shelf, changed, folder_unreadable, unreadable};
use crate::failure::Result;

/// Octets of a header that are looked at for a date.
const HEADER_OCTETS: u64 = 64 * 1024;

/// The folder that the files directly below the top are in.
const TOP: &str = "INBOX";

/// A folder of files.
pub struct EmlArchive {
    top: PathBuf,
    book: Book,
    remarks: Vec<String>,
    damage: Vec<String>,
}

/// Where a message is, and what its file was when it was listed.
#[derive(Debug, Clone)]
pub struct Place {
    path: Arc<PathBuf>,
    form: Form,
    stamp: Stamp,
    written: InternalDate,
}

impl EmlArchive {
    /// The messages below `top`. UIDs are kept in `book`.
    #[must_use]
    pub fn new(top: PathBuf, book: Book) -> Self {
        Self { top, book, remarks: Vec::new(), damage: Vec::new() }
    }

    /// Every folder's wire name; what was passed over is told.
    fn list(&mut self) -> Result<BTreeSet<Vec<u8>>> {
        let top = self.top.display().to_string();
        let walk =
            files::walk(&self.top).map_err(|cause| unreadable(format!("listing {top}")).because(cause))?;
        (self.remarks, self.damage) = (walk.warnings, walk.damage);
        let missing = walk.links.iter().filter(|link| may_be_mail(link)).map(Link::damage);
        files::tell(&mut self.damage, missing, "links are messages or folders that are not read");
        let (mut folders, mut beside, mut others) = (BTreeSet::new(), Beside::default(), 0_u64);
        for found in walk.files {
            if beside.takes(&found.levels, || begin(&found).ok()) {
                continue;
            }
            match Form::of(found.name()) {
                Some(form) => {
                    beside.note(form);
                    folders.insert(found.levels[..found.levels.len() - 1].join(&b'/'));
                }
                None => others += 1,
            }
        }
        // A folder that holds nothing at all is one all the same; one that holds other files is none.
        for empty in walk
            .folders
            .iter()
            .filter(|found| std::fs::read_dir(&found.path).is_ok_and(|mut all| all.next().is_none()))
        {
            folders.insert(empty.levels.join(&b'/'));
        }
        if others > 0 {
            self.remarks.push(format!("{top}: {others} files are no .eml and are passed over"));
        }
        beside.tell(&top, &mut self.remarks, &mut self.damage);
        if folders.len() > FOLDERS_MAX {
            return Err(unreadable(format!("{top}: more than {FOLDERS_MAX} folders")));
        }
        Ok(folders)
    }

    /// The messages of one folder, listed anew, for files come and go while a run works; nothing where it is none any
    /// more.
    fn messages(&mut self, folder: &Folder) -> Result<Option<Vec<Found>>> {
        let listed = files::list(&self.top, &folder.wire.0).map_err(|cause| {
            folder_unreadable(format!("listing {} below {}", folder.path, self.top.display())).because(cause)
        })?;
        let Some(listed) = listed else { return Ok(None) };
        let is_empty = [&listed.files, &listed.folders].iter().all(|found| found.is_empty())
            && listed.links.is_empty()
            && listed.damage.is_empty();
        let news: Vec<String> =
            listed.damage.into_iter().filter(|what| !self.damage.contains(what)).collect();
        self.damage.extend(news);
        let is_message = |found: &Found| {
            let is_other = Beside::default().takes(&found.levels, || begin(found).ok());
            Form::of(found.name()).is_some() && !is_other
        };
        let messages: Vec<Found> = listed.files.into_iter().filter(is_message).collect();
        Ok(Some(messages).filter(|messages| !messages.is_empty() || is_empty))
    }
}

/// A file's first octets.
fn begin(found: &Found) -> std::io::Result<Vec<u8>> {
    let mut begin = Vec::new();
    files::open(&found.path, false)?.take(BEGIN_OCTETS as u64).read_to_end(&mut begin)?;
    Ok(begin)
}

/// True for a link where a message is missing, or where a folder may be.
fn may_be_mail(link: &Link) -> bool {
    let is_folder_name = link.target() == Target::Nothing && link.path.extension().is_none();
    let name = link.path.file_name().unwrap_or_default();
    let name = std::os::unix::ffi::OsStrExt::as_bytes(name);
    is_folder_name || Form::of(name).is_some() || beside::is_called_mail(name)
}

/// The folder of a name whose levels are parted by `/`.
fn path_of_text(text: &str) -> FolderPath {
    let levels = text.split('/').filter(|level| !matches!(*level, "" | "."));
    path_of(levels).unwrap_or_else(|| FolderPath::root(TOP))
}

impl Archive for EmlArchive {
    fn survey(&mut self) -> Result<Contents> {
        let wires = self.list()?.into_iter();
        let folders = wires.map(|wire| folder(path_of_text(&files::readable(&wire)), wire, None));
        Ok(Contents { format: "eml".to_owned(), folders: folders.collect(), warnings: Vec::new() })
    }

    fn open(&mut self, folder: &Folder) -> Result<Box<dyn Shelf>> {
        let name = folder.path.to_string();
        let found = self.messages(folder)?;
        let missing = || folder_unreadable(format!("{name}: no such folder below {}", self.top.display()));
        let found = found.ok_or_else(missing)?;
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
    let name = found.name();
    Entry {
        key: key(&[name, &times.concat()]),
        octets: metadata.len(),
        flags: Arc::clone(no_flags),
        date: None,
        is_left_out: false,
        place: Place {
            path: Arc::new(found.path.clone()),
            form: Form::of(name).unwrap_or(Form::Bare),
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
        Ok(Some(Box::new(CrLf::new(place.form.octets(file)?))))
    }
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

    /// A file that is edited keeps its header, and its date is its header's.
    fn may_be_rewritten(&self) -> bool {
        true
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
