//! Mail in mbox files: one file, a tree of files, Thunderbird's and Gmail Takeout's forms.
//! Never writes to one, and never locks one: a file that is written to meanwhile is read anew.

pub mod from_line;
pub mod letter;
pub mod scan;
pub mod status;
pub mod takeout;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use malote_plan::folder::{Folder, FolderPath, WireName};
use malote_plan::message::Flags;

use self::letter::{LetterReader, Manner, Variant};
use self::scan::{Flow, Found, Noticed};
use self::status::Storage;
use super::archive::book::{Book, KeyedBy, Occurrences};
use super::archive::contents::{FOLDERS_MAX, folder, path_of};
use super::archive::files::{self, Slice, Stamp};
use super::archive::index::{Entry, FlagSets, Index, IndexedShelf, Reads};
use super::archive::lines::Verified;
use super::archive::{Archive, Content, Contents, Refusal, Shelf, changed, folder_unreadable, unreadable};
use crate::failure::Result;

/// Octets at the beginning of a file that tell what it is.
const GLANCE_OCTETS: usize = 64 * 1024;

/// Endings of a file's name that are no part of its folder's.
const ENDINGS: [&str; 3] = [".mbox", ".mbx", ".mbs"];

/// What parts a file from the label in a Takeout folder's wire name: no file's name holds it.
const LABEL_MARK: u8 = 0;

/// One or many mbox files.
pub struct MboxArchive {
    top: PathBuf,
    /// Said by the operator; else each file's own is found out.
    variant: Option<Variant>,
    book: Book,
    /// Files by the wire name of their folder.
    boxes: BTreeMap<Vec<u8>, PathBuf>,
    read: BTreeMap<Vec<u8>, Arc<Read>>,
    remarks: BTreeMap<String, u64>,
    damage: Vec<String>,
}

/// One file, read through.
struct Read {
    stamp: Stamp,
    /// By wire name: one for most files, one for each folder of a Takeout file.
    folders: BTreeMap<Vec<u8>, Part>,
}

/// The messages of one folder.
struct Part {
    path: FolderPath,
    index: Arc<Index<Place>>,
}

/// Where a message is in its file.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    at: u64,
    octets: u64,
    hash: [u8; 32],
    manner: Manner,
}

impl MboxArchive {
    /// The mail at `top`: an mbox file, or a folder of them. UIDs are kept in `book`.
    #[must_use]
    pub fn new(top: PathBuf, variant: Option<Variant>, book: Book) -> Self {
        let (boxes, read) = (BTreeMap::new(), BTreeMap::new());
        Self { top, variant, book, boxes, read, remarks: BTreeMap::new(), damage: Vec::new() }
    }

    fn remark(&mut self, what: impl Into<String>, count: u64) {
        if count > 0 {
            *self.remarks.entry(what.into()).or_default() += count;
        }
    }

    /// Reads a file through, unless that was done and it is as it was.
    fn read_file(&mut self, file_wire: &[u8], path: &Path) -> Result<Arc<Read>> {
        let is_top = path == self.top;
        let fail = |cause| folder_unreadable(format!("reading {}", path.display())).because(cause);
        let file = Arc::new(files::open(path, is_top).map_err(fail)?);
        let stamp = Stamp::of(&file.metadata().map_err(fail)?);
        if let Some(read) = self.read.get(file_wire).filter(|read| read.stamp == stamp) {
            return Ok(Arc::clone(read));
        }
        let open = || Slice::new(Arc::clone(&file), 0, stamp.octets());
        let variant = match self.variant {
            Some(variant) => variant,
            None => scan::detect(open, file.as_ref()).map_err(fail)?,
        };
        let mut gathered = Gathered::default();
        let scanned = scan::scan(open(), file.as_ref(), variant, &mut |found| gathered.take(found));
        if Stamp::of(&file.metadata().map_err(fail)?) != stamp {
            return Err(changed(&path.display().to_string()));
        }
        let noticed = scanned.map_err(fail)?;
        self.tell(path, variant, &noticed, &gathered);
        let mut folders = BTreeMap::new();
        for (label, entries) in gathered.folders {
            let (wire, path) = match label {
                None => (file_wire.to_vec(), folder_path(file_wire)),
                Some(levels) => (labelled(file_wire, &levels), path_of(levels.iter().map(String::as_str))),
            };
            let path = path.unwrap_or_else(|| FolderPath::root(""));
            let index = Index::new(&self.book, &WireName(wire.clone()), entries, KeyedBy::Content)?;
            folders.insert(wire, Part { path, index: Arc::new(index) });
        }
        let read = Arc::new(Read { stamp, folders });
        self.read.insert(file_wire.to_vec(), Arc::clone(&read));
        Ok(read)
    }

    /// Says what was found out about a file.
    fn tell(&mut self, path: &Path, variant: Variant, noticed: &Noticed, gathered: &Gathered) {
        let how = match (self.variant, noticed.quoted) {
            (Some(_), _) => "as the location says",
            (None, _) if variant.has_lengths() => "by its lengths",
            (None, 0) => "nothing in it is quoted",
            (None, _) => "mboxo reads its `>From ` lines alike",
        };
        self.remark(format!("files read as {} ({how})", variant.as_str()), 1);
        let name = path.display();
        if self.variant.is_none() && variant == Variant::Mboxrd {
            let what = "lines begin with `>>From `: mboxrd takes one mark off, mboxo would not; `?variant=mboxo` \
                        behind the location says so";
            self.remark(format!("{name}: {what}"), noticed.quoted_twice);
        }
        self.remark(
            format!("{name}: lines of text that begin with `From ` are taken for text"),
            noticed.from_lines,
        );
        self.remark(format!("{name}: messages begin without a blank line before them"), noticed.crowded);
        self.remark(
            format!("{name}: lengths (Content-Length) are wrong and not believed"),
            noticed.lengths_wrong,
        );
        self.remark(
            format!("{name}: lines like separators lie within messages, by whose lengths they are text"),
            noticed.unquoted,
        );
        self.remark(
            format!("{name}: messages were deleted by their user, or are notes of a mail program, and are left out"),
            gathered.left_out,
        );
    }

    /// Every file of a tree that is an mbox.
    fn find_boxes(&mut self) -> Result<()> {
        let top = self.top.clone();
        let walk = files::walk(&top)
            .map_err(|cause| unreadable(format!("listing {}", top.display())).because(cause))?;
        for warning in walk.warnings {
            self.remark(warning, 1);
        }
        self.damage.extend(walk.damage);
        let indexed: Vec<&[Vec<u8>]> = walk.files.iter().map(|found| found.levels.as_slice()).collect();
        let mut others = 0;
        for found in &walk.files {
            let wire = found.levels.join(&b'/');
            let is_named = ENDINGS.iter().any(|ending| wire.ends_with(ending.as_bytes()))
                || has_index(&indexed, &found.levels);
            match glance(&found.path, false) {
                Err(cause) => self.damage.push(format!("{}: cannot be read: {cause}", found.path.display())),
                Ok(begin) if is_mbox(&begin) || (begin.is_empty() && is_named) => {
                    self.boxes.insert(wire, found.path.clone());
                }
                Ok(_) if is_named => {
                    let what = "has the name of an mbox and does not begin as one";
                    self.damage.push(format!("{}: {what}; nothing of it was read", found.path.display()));
                }
                Ok(_) => others += 1,
            }
            if self.boxes.len() > FOLDERS_MAX {
                return Err(unreadable(format!("{}: more than {FOLDERS_MAX} mbox files", top.display())));
            }
        }
        self.remark("files are no mbox and are passed over", others);
        Ok(())
    }
}

impl Archive for MboxArchive {
    fn survey(&mut self) -> Result<Contents> {
        let top = self.top.clone();
        let fail = |cause| unreadable(format!("reading {}", top.display())).because(cause);
        if std::fs::metadata(&top).map_err(fail)?.is_dir() {
            self.find_boxes()?;
        } else {
            let begin = glance(&top, true).map_err(fail)?;
            if !begin.is_empty() && !is_mbox(&begin) {
                let what = "is no mbox: its first line does not begin with `From `";
                return Err(unreadable(format!("{}: {what}", top.display())));
            }
            let name = top.file_name().unwrap_or_default();
            self.boxes.insert(std::os::unix::ffi::OsStrExt::as_bytes(name).to_vec(), top);
        }
        let mut folders = Vec::new();
        for (wire, path) in self.boxes.clone() {
            let begin = glance(&path, path == self.top).unwrap_or_default();
            if !takeout::is_labelled(behind_separator(&begin)) {
                folders.push(folder(folder_path(&wire).unwrap_or_else(|| FolderPath::root("")), wire, None));
                continue;
            }
            let read = self.read_file(&wire, &path)?;
            for (wire, part) in &read.folders {
                folders.push(folder(part.path.clone(), wire.clone(), Some(part.index.status)));
            }
        }
        Ok(Contents { format: "mbox".to_owned(), folders, warnings: Vec::new() })
    }

    fn open(&mut self, folder: &Folder) -> Result<Box<dyn Shelf>> {
        let wire = &folder.wire.0;
        let file_wire = wire.split(|octet| *octet == LABEL_MARK).next().unwrap_or_default().to_vec();
        let missing = || folder_unreadable(format!("{}: no such mbox", folder.path));
        let path = self.boxes.get(&file_wire).cloned().ok_or_else(missing)?;
        let read = self.read_file(&file_wire, &path)?;
        let index = match read.folders.get(wire) {
            Some(part) => Arc::clone(&part.index),
            None => Arc::new(Index::new(&self.book, &folder.wire, Vec::new(), KeyedBy::Content)?),
        };
        let fail = |cause| folder_unreadable(format!("reading {}", path.display())).because(cause);
        let file = Arc::new(files::open(&path, path == self.top).map_err(fail)?);
        Ok(Box::new(IndexedShelf::new(index, MboxReads { file, path, stamp: read.stamp })))
    }

    fn remarks(&mut self) -> Vec<String> {
        self.remarks.iter().map(|(what, count)| format!("{what} ({count})")).collect()
    }

    fn damage(&mut self) -> Vec<String> {
        self.damage.clone()
    }
}

/// The messages of one file as they are found, by label where it is a Takeout file.
#[derive(Default)]
struct Gathered {
    folders: BTreeMap<Option<Vec<String>>, Vec<Entry<Place>>>,
    occurrences: BTreeMap<Option<Vec<String>>, Occurrences>,
    flag_sets: FlagSets,
    is_takeout: bool,
    count: u64,
    left_out: u64,
}

impl Gathered {
    fn take(&mut self, found: Found) -> Flow {
        self.is_takeout |= self.count == 0 && takeout::is_labelled(&found.raw_header);
        self.count += 1;
        let (mut flags, is_removed) = flags_of(&found.raw_header);
        let is_left_out = is_removed || is_note(&found.raw_header);
        let label = self.is_takeout.then(|| {
            let labelled = takeout::read(&found.raw_header);
            flags.0.extend(labelled.flags.0);
            labelled.levels
        });
        self.left_out += u64::from(is_left_out);
        let mut key = [0; 16];
        key.copy_from_slice(&found.measured.hash[..16]);
        let entry = Entry {
            key: self.occurrences.entry(label.clone()).or_default().next(key),
            octets: found.measured.octets,
            flags: self.flag_sets.one(flags),
            date: from_line::received(found.line, &found.measured.header),
            is_left_out,
            place: Place {
                at: found.at,
                octets: found.octets,
                hash: found.measured.hash,
                manner: found.manner,
            },
        };
        self.folders.entry(label).or_default().push(entry);
        Flow::Continue(())
    }
}

/// The flags that the file's own lines tell, and whether the message is deleted.
fn flags_of(raw_header: &[u8]) -> (Flags, bool) {
    let (mut flags, mut is_removed) = (Flags::default(), false);
    for line in raw_header.split_inclusive(|octet| *octet == b'\n') {
        match status::judge(line) {
            Some(Storage::Flags(more)) => flags.0.extend(more.0),
            Some(Storage::Removed) => is_removed = true,
            _ => {}
        }
    }
    (flags, is_removed)
}

/// True for the message in which some programs keep a folder's counters.
fn is_note(raw_header: &[u8]) -> bool {
    let subject = malote_plan::header::values(raw_header, "Subject").next().unwrap_or_default();
    let subject = subject.trim_ascii();
    subject.starts_with(b"DON'T ")
        && subject.ends_with(b" THIS MESSAGE -- FOLDER INTERNAL DATA")
        && malote_plan::header::values(raw_header, "X-IMAP")
            .chain(malote_plan::header::values(raw_header, "X-IMAPbase"))
            .next()
            .is_some()
}

fn labelled(file_wire: &[u8], levels: &[String]) -> Vec<u8> {
    [file_wire, &[LABEL_MARK], levels.join("/").as_bytes()].concat()
}

/// The folder that a file is: Thunderbird's `.sbd` folders are levels, Apple's `Name.mbox/mbox` is `Name`.
fn folder_path(wire: &[u8]) -> Option<FolderPath> {
    let text = files::readable(wire);
    let mut levels: Vec<&str> = text.split('/').collect();
    if levels.len() > 1 && levels.last() == Some(&"mbox") && levels[levels.len() - 2].ends_with(".mbox") {
        levels.pop();
    }
    let bare = |level: &str, endings: &[&str]| {
        let ending = endings.iter().find(|ending| level.len() > ending.len() && level.ends_with(**ending));
        level[..level.len() - ending.map_or(0, |ending| ending.len())].to_owned()
    };
    let last = levels.pop()?;
    let mut path: Vec<String> = levels.iter().map(|level| bare(level, &[".sbd", ".mbox"])).collect();
    path.push(bare(last, &ENDINGS));
    path_of(path.iter().map(String::as_str))
}

/// True where Thunderbird's index of the file lies beside it.
fn has_index(all: &[&[Vec<u8>]], levels: &[Vec<u8>]) -> bool {
    let mut index = levels.to_vec();
    if let Some(name) = index.last_mut() {
        name.extend_from_slice(b".msf");
    }
    all.binary_search(&index.as_slice()).is_ok()
}

fn glance(path: &Path, may_be_link: bool) -> std::io::Result<Vec<u8>> {
    let file: File = files::open(path, may_be_link)?;
    let mut begin = Vec::new();
    std::io::Read::read_to_end(&mut std::io::Read::take(file, GLANCE_OCTETS as u64), &mut begin)?;
    Ok(begin)
}

fn is_mbox(begin: &[u8]) -> bool {
    begin.trim_ascii_start().starts_with(b"From ")
}

fn behind_separator(begin: &[u8]) -> &[u8] {
    let begin = begin.trim_ascii_start();
    let end = memchr::memchr(b'\n', begin).map_or(begin.len(), |end| end + 1);
    if begin.starts_with(b"From ") { &begin[end..] } else { begin }
}

/// Reads messages out of one file.
struct MboxReads {
    file: Arc<File>,
    path: PathBuf,
    stamp: Stamp,
}

impl Reads<Place> for MboxReads {
    fn content(&mut self, entry: &Entry<Place>) -> std::result::Result<Content<'_>, Refusal> {
        let place = entry.place;
        let slice = Slice::new(Arc::clone(&self.file), place.at, place.octets);
        let reader = Verified::new(LetterReader::new(slice, place.manner), place.hash);
        Ok(Content { octets: entry.octets, reader: Box::new(reader) })
    }

    fn check(&mut self) -> Result<()> {
        let now = self.file.metadata().map(|metadata| Stamp::of(&metadata));
        if now.is_ok_and(|now| now == self.stamp) {
            Ok(())
        } else {
            Err(changed(&self.path.display().to_string()))
        }
    }
}

#[cfg(test)]
mod tests;
