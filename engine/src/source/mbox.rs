//! Mail in mbox files: one file, a tree of files, Thunderbird's and Gmail Takeout's forms.
//! Never writes to one, and never keeps one locked: a file that is written to meanwhile is read anew.

mod behind;
pub mod detect;
mod found;
pub mod from_line;
mod gather;
pub mod letter;
pub mod own;
mod reading;
pub mod scan;
pub mod status;
pub mod takeout;
mod telling;
pub mod tree;
mod writing;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use malote_plan::folder::{Folder, FolderPath, WireName};

use self::detect::Detected;
use self::gather::{Gathered, Label, Numbered};
use self::letter::{LetterReader, Manner, Quotes, Variant};
use self::scan::{Bare, Noticed, Rules};
use self::telling::Findings;
use self::tree::folder_path;
use self::writing::{Patience, Writing};
use super::archive::book::{Book, KeyedBy};
use super::archive::contents::{folder, path_of};
use super::archive::files::{self, Slice, Stamp};
use super::archive::index::{Entry, Index, IndexedShelf, Reads};
use super::archive::lines::Verified;
use super::archive::{
    Archive, Content, Contents, Refusal, Shelf, changed, folder_unreadable, unkept, unreadable,
};
use crate::clock::{Clock, SystemClock};
use crate::failure::Result;

/// What parts a file from the label in a Takeout folder's wire name: no file's name holds it.
const LABEL_MARK: u8 = 0;

/// One or many mbox files.
pub struct MboxArchive {
    top: PathBuf,
    /// Said by the operator; else each file's own is found out.
    variant: Option<Variant>,
    book: Book,
    patience: Patience,
    /// Files by the wire name of their folder.
    boxes: BTreeMap<Vec<u8>, PathBuf>,
    detected: BTreeMap<Vec<u8>, (Stamp, Rules)>,
    read: BTreeMap<Vec<u8>, Arc<Read>>,
    remarks: BTreeMap<String, u64>,
    damage: Vec<String>,
}

/// One file, read through.
struct Read {
    stamp: Stamp,
    /// By wire name: one for most files, one for each folder of a Takeout file.
    folders: BTreeMap<Vec<u8>, Part>,
    /// What of it could not be read, as sentences.
    damage: Vec<String>,
    /// What of it may be otherwise in a minute, as a sentence.
    unsettled: Option<String>,
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
    /// True where the file ends before it does.
    is_cut: bool,
}

impl MboxArchive {
    /// The mail at `top`: an mbox file, or a folder of them. UIDs are kept in `book`.
    #[must_use]
    pub fn new(top: PathBuf, variant: Option<Variant>, book: Book) -> Self {
        Self::with_clock(top, variant, book, Arc::new(SystemClock))
    }

    /// The same with a clock that tells how long ago a file was written to.
    #[must_use]
    pub fn with_clock(top: PathBuf, variant: Option<Variant>, book: Book, clock: Arc<dyn Clock>) -> Self {
        Self {
            top,
            variant,
            book,
            patience: Patience { clock, pause: std::thread::sleep },
            boxes: BTreeMap::new(),
            detected: BTreeMap::new(),
            read: BTreeMap::new(),
            remarks: BTreeMap::new(),
            damage: Vec::new(),
        }
    }

    fn remark(&mut self, what: impl Into<String>, count: u64) {
        if count > 0 {
            *self.remarks.entry(what.into()).or_default() += count;
        }
    }

    fn open_file(&self, path: &Path) -> io::Result<(Arc<File>, Stamp)> {
        let file = Arc::new(files::open(path, path == self.top)?);
        let stamp = Stamp::of(&file.metadata()?);
        Ok((file, stamp))
    }

    /// How a file is to be read; found out once for as long as it stays as it is.
    fn rules(&mut self, wire: &[u8], path: &Path) -> Result<Rules> {
        let fail = |cause| folder_unreadable(format!("reading {}", path.display())).because(cause);
        let (file, stamp) = self.open_file(path).map_err(fail)?;
        if let Some((_, rules)) = self.detected.get(wire).filter(|(before, _)| *before == stamp) {
            return Ok(*rules);
        }
        let open = || Slice::new(Arc::clone(&file), 0, stamp.octets());
        let detected = detect::detect(open, file.as_ref(), self.variant).map_err(fail)?;
        let rules = self.settled(wire, detected)?;
        self.detected.insert(wire.to_vec(), (stamp, rules));
        Ok(rules)
    }

    /// What an earlier run sorted by labels stays sorted by them, and what it did not does not: no message is to come
    /// a second time into another folder.
    fn settled(&self, wire: &[u8], detected: Detected) -> Result<Rules> {
        let holds = |wire| {
            let wire = WireName(wire);
            self.book.holds(&wire).map_err(|cause| unkept(&wire, cause))
        };
        let Detected { mut rules, former_labels } = detected;
        let Some(places) = &mut rules.places else { return Ok(rules) };
        if holds(wire.to_vec())? {
            places.has_labels = false;
        } else if !places.has_labels {
            for levels in former_labels {
                places.has_labels |= holds(labelled(wire, &levels))?;
            }
        }
        Ok(rules)
    }

    /// Reads a file through, unless that was done and it is as it was.
    fn read_file(&mut self, wire: &[u8], path: &Path) -> Result<Arc<Read>> {
        let fail = |cause| folder_unreadable(format!("reading {}", path.display())).because(cause);
        let (file, stamp) = self.open_file(path).map_err(fail)?;
        if let Some(read) = self.read.get(wire).filter(|read| read.stamp == stamp) {
            return Ok(Arc::clone(read));
        }
        let writing = self.patience.settle(path, &file).map_err(fail)?;
        let stamp = Stamp::of(&file.metadata().map_err(fail)?);
        let mut rules = self.rules(wire, path)?;
        let mut scanned = self.scan(wire, &file, stamp, rules, writing);
        if let Ok((_, findings)) = &scanned
            && self.variant.is_none()
            && let Some(quotes) = proven_quotes(&findings.noticed, &rules)
        {
            rules.quotes = quotes;
            scanned = self.scan(wire, &file, stamp, rules, writing);
        }
        if Stamp::of(&file.metadata().map_err(fail)?) != stamp {
            return Err(changed(&path.display().to_string()));
        }
        let (gathered, findings) = scanned.map_err(fail)?;
        for (remark, count) in findings.remarks(path, self.variant) {
            self.remark(remark, count);
        }
        let mut folders = BTreeMap::new();
        for (label, (entries, former)) in gathered {
            let (wire, path) = match label {
                None => (wire.to_vec(), folder_path(wire)),
                Some(levels) => (labelled(wire, &levels), path_of(levels.iter().map(String::as_str))),
            };
            let path = path.unwrap_or_else(|| FolderPath::root(""));
            let index = Index::anew(&self.book, &WireName(wire.clone()), entries, &former, KeyedBy::Content)?;
            folders.insert(wire, Part { path, index: Arc::new(index) });
        }
        let (damage, unsettled) = (findings.damage(path), findings.unsettled(path));
        let read = Arc::new(Read { stamp, folders, damage, unsettled });
        self.read.insert(wire.to_vec(), Arc::clone(&read));
        Ok(read)
    }

    /// Reads all messages by these rules; a last one that may not be whole is left out.
    fn scan(
        &self,
        wire: &[u8],
        file: &Arc<File>,
        stamp: Stamp,
        rules: Rules,
        writing: Writing,
    ) -> io::Result<(BTreeMap<Label, Numbered>, Findings)> {
        let has_labels = rules.places.is_some_and(|places| places.has_labels);
        let mut gathered = Gathered::new(file.as_ref(), &self.book, wire, has_labels);
        let (mut is_ended, mut last_bare) = (true, Bare::default());
        let slice = Slice::new(Arc::clone(file), 0, stamp.octets());
        let mut noticed = scan::scan_by(slice, file.as_ref(), rules, &mut |found| {
            is_ended = found.is_ended || found.is_cut;
            last_bare = found.bare;
            gathered.take(found)
        })?;
        // A cut one is named as such: whoever tells a length has the whole message, so that it is hardly still written.
        let may_be_half = writing == Writing::UnderWay || (writing == Writing::Recent && !is_ended);
        let unfinished_at = if may_be_half { gathered.drop_last() } else { None };
        if unfinished_at.is_some() {
            // What looks like text of a message that is still written may be the separator of the next one.
            noticed.bare.behind_blanks -= last_bare.behind_blanks;
            noticed.bare.within -= last_bare.within;
        }
        let (left_out, deletions_passed_over) = (gathered.left_out, gathered.deletions_passed_over);
        let mut folders = gathered.finish()?;
        if !has_labels {
            folders.entry(None).or_default();
        }
        Ok((folders, Findings { rules, noticed, left_out, deletions_passed_over, unfinished_at }))
    }

    /// Every file of a tree that is an mbox.
    fn find_boxes(&mut self) -> Result<()> {
        let tree = tree::look(&self.top)?;
        for warning in tree.warnings {
            self.remark(warning, 1);
        }
        self.damage.extend(tree.damage);
        self.boxes.extend(tree.boxes);
        self.remark("files are no mbox and are passed over", tree.others);
        Ok(())
    }
}

/// Which lines can be quoted at all, where bare lines prove that fewer can than the file was read by. Programs that
/// quote behind blank lines alone leave those within a paragraph bare, which proves nothing of the others.
fn proven_quotes(noticed: &Noticed, rules: &Rules) -> Option<Quotes> {
    if rules.variant.has_lengths() || rules.quotes != Quotes::Anywhere {
        return None;
    }
    let Bare { behind_blanks, within } = noticed.bare;
    if behind_blanks > 0 && noticed.quoted > 0 {
        return Some(Quotes::Nowhere);
    }
    (within > 0 && noticed.quoted_within > 0).then_some(Quotes::BehindBlanks)
}

impl Archive for MboxArchive {
    fn survey(&mut self) -> Result<Contents> {
        let top = self.top.clone();
        let fail = |cause| unreadable(format!("reading {}", top.display())).because(cause);
        if std::fs::metadata(&top).map_err(fail)?.is_dir() {
            self.find_boxes()?;
        } else {
            tree::look_at_one(&top)?;
            let name = top.file_name().unwrap_or_default();
            self.boxes.insert(std::os::unix::ffi::OsStrExt::as_bytes(name).to_vec(), top);
        }
        let mut folders = Vec::new();
        for (wire, path) in self.boxes.clone() {
            // What cannot be read is listed all the same: its folder says why.
            let has_labels = self
                .rules(&wire, &path)
                .ok()
                .and_then(|rules| rules.places)
                .is_some_and(|places| places.has_labels);
            if !has_labels {
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
        // A folder that was listed and is not there is one of another file: an empty one would be a lie.
        let part = read.folders.get(wire).ok_or_else(|| changed(&path.display().to_string()))?;
        let index = Arc::clone(&part.index);
        let fail = |cause| folder_unreadable(format!("reading {}", path.display())).because(cause);
        let file = Arc::new(files::open(&path, path == self.top).map_err(fail)?);
        Ok(Box::new(IndexedShelf::new(index, MboxReads { file, path, stamp: read.stamp })))
    }

    fn remarks(&mut self) -> Vec<String> {
        self.remarks.iter().map(|(what, count)| format!("{what} ({count})")).collect()
    }

    fn damage(&mut self) -> Vec<String> {
        let read = self.read.values().flat_map(|read| &read.damage);
        self.damage.iter().chain(read).cloned().collect()
    }

    fn unsettled(&mut self) -> Vec<String> {
        self.read.values().filter_map(|read| read.unsettled.clone()).collect()
    }
}

fn labelled(file_wire: &[u8], levels: &[String]) -> Vec<u8> {
    [file_wire, &[LABEL_MARK], levels.join("/").as_bytes()].concat()
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
        if place.is_cut {
            let reason =
                "by its Content-Length the message goes on where the file ends before it; find a whole file";
            return Err(Refusal::unreadable(reason));
        }
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
