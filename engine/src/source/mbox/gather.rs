//! The messages of one file as they are found, by label where it is sorted by labels.
//! Never makes two messages one, nor the same message of two runs two.

use std::collections::{BTreeMap, HashMap};
use std::io;

use malote_plan::folder::WireName;

use super::behind::Glance;
use super::from_line;
use super::letter::Manner;
use super::own::{Own, Told};
use super::scan::{Flow, Found, Keys};
use super::{Place, labelled, takeout};
use crate::source::archive::book::{Book, Key, Occurrences, key};
use crate::source::archive::index::{Entry, FlagSets};

/// A folder's levels; nothing for the folder that the file itself is.
pub(super) type Label = Option<Vec<String>>;

/// One folder's messages, with the keys by which earlier versions knew them, the latest first.
pub(super) type Numbered = (Vec<Entry<Place>>, [Vec<Key>; 2]);

/// Octets behind a header that tell a note of a mail program from a message.
const NOTE: &[u8] = b"This text is part of the internal format of your mail folder";

/// Messages in the file's order.
pub(super) struct Gathered<'a, F: ?Sized> {
    file: &'a F,
    book: &'a Book,
    file_wire: &'a [u8],
    has_labels: bool,
    folders: BTreeMap<Label, Vec<Item>>,
    last: Option<Label>,
    former: HashMap<Label, Occurrences>,
    /// Of labels that an earlier version cut otherwise, whether it did so with this file.
    kept_labels: HashMap<Vec<String>, bool>,
    flag_sets: FlagSets,
    count: u64,
    /// Messages that are left out.
    pub left_out: u64,
    /// Marks of deletion where any sender could have written them.
    pub deletions_passed_over: u64,
    failure: Option<io::Error>,
}

/// One message, not yet numbered among those that are like it.
struct Item {
    entry: Entry<Place>,
    keys: Keys,
}

impl<'a, F: Glance + ?Sized> Gathered<'a, F> {
    pub fn new(file: &'a F, book: &'a Book, file_wire: &'a [u8], has_labels: bool) -> Self {
        Self {
            file,
            book,
            file_wire,
            has_labels,
            folders: BTreeMap::new(),
            last: None,
            former: HashMap::new(),
            kept_labels: HashMap::new(),
            flag_sets: FlagSets::default(),
            count: 0,
            left_out: 0,
            deletions_passed_over: 0,
            failure: None,
        }
    }

    /// Takes the next message.
    pub fn take(&mut self, found: Found) -> Flow {
        self.count += 1;
        let Told { mut flags, is_removed, is_deletion_passed_over } = told(&found.manner, &found.raw_header);
        let is_left_out = is_removed || (self.count == 1 && self.is_note(&found));
        self.left_out += u64::from(is_left_out);
        self.deletions_passed_over += u64::from(is_deletion_passed_over);
        let (label, former_label) = if self.has_labels {
            let labelled = takeout::read(leading(&found));
            flags.0.extend(labelled.flags.0);
            let former = takeout::former_levels(&found.raw_header);
            match self.label(labelled.levels, &former) {
                Ok(label) => (Some(label), Some(former)),
                Err(cause) => {
                    self.failure = Some(cause);
                    return Flow::Break(());
                }
            }
        } else {
            (None, None)
        };
        let mut keys = found.keys.unwrap_or_default();
        keys.former = self.former.entry(former_label).or_default().next(keys.former);
        let entry = Entry {
            key: keys.known,
            octets: found.measured.octets,
            flags: self.flag_sets.one(flags),
            date: from_line::received(found.line, &found.measured.header),
            is_left_out,
            place: Place {
                at: found.at,
                octets: found.octets,
                hash: found.measured.hash,
                manner: found.manner,
                is_cut: found.is_cut,
            },
        };
        self.last = Some(label.clone());
        self.folders.entry(label).or_default().push(Item { entry, keys });
        Flow::Continue(())
    }

    /// Where a message goes: to where an earlier version put those of its label, if it did.
    fn label(&mut self, levels: Vec<String>, former: &[String]) -> io::Result<Vec<String>> {
        if levels == former {
            return Ok(levels);
        }
        let is_kept = match self.kept_labels.get(former) {
            Some(is_kept) => *is_kept,
            None => self.book.holds(&WireName(labelled(self.file_wire, former)))?,
        };
        self.kept_labels.insert(former.to_vec(), is_kept);
        Ok(if is_kept { former.to_vec() } else { levels })
    }

    /// Gives the last message up, of which nobody knows whether it is whole; where it begins, in octets.
    pub fn drop_last(&mut self) -> Option<u64> {
        let label = self.last.take()?;
        let items = self.folders.get_mut(&label)?;
        let dropped = items.pop()?;
        if items.is_empty() {
            self.folders.remove(&label);
        }
        Some(dropped.entry.place.at)
    }

    /// All folders, each message with the key that tells it from all others of its folder.
    ///
    /// # Errors
    /// Where it cannot be told what an earlier run did with a label.
    pub fn finish(self) -> io::Result<BTreeMap<Label, Numbered>> {
        if let Some(cause) = self.failure {
            return Err(cause);
        }
        let mut folders = BTreeMap::new();
        for (label, items) in self.folders {
            let (mut known, mut earlier) = (Counted::default(), Counted::default());
            let (mut entries, mut former) = (Vec::with_capacity(items.len()), [Vec::new(), Vec::new()]);
            for Item { mut entry, keys } in items {
                entry.key = known.next(keys.known, entry.is_left_out);
                former[0].push(earlier.next(keys.earlier, entry.is_left_out));
                former[1].push(keys.former);
                entries.push(entry);
            }
            folders.insert(label, (entries, former));
        }
        Ok(folders)
    }

    /// True for the message in which UW-imap and Pine keep a folder's counters, which is a file's first.
    fn is_note(&self, found: &Found) -> bool {
        let value = |name| malote_plan::header::values(&found.raw_header, name).next().unwrap_or_default();
        let subject = value("Subject").trim_ascii();
        let mut body = [0; 256];
        let octets = self.file.glance(found.at + found.raw_header.len() as u64, &mut body);
        subject.starts_with(b"DON'T ")
            && subject.ends_with(b" THIS MESSAGE -- FOLDER INTERNAL DATA")
            && (!value("X-IMAP").is_empty() || !value("X-IMAPbase").is_empty())
            && body[..octets].trim_ascii_start().starts_with(NOTE)
    }
}

/// How many messages were alike so far. Those that are left out are counted apart: where they go, the others keep their
/// keys.
#[derive(Default)]
struct Counted(HashMap<(Key, bool), u64>);

impl Counted {
    fn next(&mut self, content: Key, is_left_out: bool) -> Key {
        let count = self.0.entry((content, is_left_out)).or_default();
        *count += 1;
        let kind: &[u8] = if is_left_out { b"mbox, left out" } else { b"mbox" };
        key(&[kind, &content, &count.to_le_bytes()])
    }
}

fn told(manner: &Manner, header: &[u8]) -> Told {
    match manner.own {
        Own::Placed(placed) => placed.told(header),
        Own::None | Own::Anywhere { .. } | Own::Named => Told::default(),
    }
}

/// The lines directly behind the separator that programs wrote.
fn leading(found: &Found) -> &[u8] {
    match found.manner.own {
        Own::Placed(placed) => &found.raw_header[..placed.leading().min(found.raw_header.len())],
        Own::None | Own::Anywhere { .. } | Own::Named => &[],
    }
}
