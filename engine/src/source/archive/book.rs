//! Which UID each message of an archive has, kept from run to run.
//! Never gives a UID to a second message of the same generation, and never the same message two.
//!
//! Files have no UIDs. A book gives them: a message keeps its UID as long as its key is known, new ones get higher
//! UIDs wherever in the archive they stand. Without a place to be kept, a book numbers messages in their order, and
//! its UIDVALIDITY is a hash of all of them: any change is then a new generation, whose messages a run knows again by
//! their identity.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use malote_plan::folder::{FolderStatus, WireName};
use malote_plan::message::{Uid, UidValidity};

/// Messages that one folder of an archive may have.
pub const MESSAGES_MAX: usize = 10_000_000;

/// The first line of a kept page.
const MAGIC: &[u8] = b"malote.uids/1\n";

/// Octets of the counters behind it: UIDVALIDITY, UIDNEXT, `has_lost`.
const COUNTERS_OCTETS: usize = 9;

/// Octets of one message: key and UID.
const ROW_OCTETS: usize = 20;

/// Octets of the checksum at the end.
const CHECKSUM_OCTETS: usize = 16;

/// What tells one message of a folder from all others.
pub type Key = [u8; 16];

/// Makes a key of anything.
#[must_use]
pub fn key(parts: &[&[u8]]) -> Key {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    let mut key = Key::default();
    key.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    key
}

/// Keys of messages of which some may be alike: the second of two like ones gets another key, and so on.
#[derive(Debug, Default)]
pub struct Occurrences(HashMap<Key, u64>);

impl Occurrences {
    /// The key of this occurrence.
    pub fn next(&mut self, content: Key) -> Key {
        let count = self.0.entry(content).or_default();
        *count += 1;
        if *count == 1 { content } else { key(&[&content, &count.to_le_bytes()]) }
    }
}

/// What keys are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyedBy {
    /// The octets: whatever happens to a file, the same message has the same key.
    Content,
    /// Names, sizes and times of files. Where names both went and came, the same message may have come back under
    /// another name: that is a new generation.
    Name,
}

/// A folder's numbering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbered {
    /// One UID for each key, in the order of the keys.
    pub uids: Vec<Uid>,
    /// Counters for the folder's status.
    pub status: FolderStatus,
}

/// The numbering of all folders of one archive.
#[derive(Debug, Clone)]
pub struct Book {
    keeping: Keeping,
}

#[derive(Debug, Clone)]
enum Keeping {
    Nowhere,
    In { folder: PathBuf, is_writable: bool },
}

/// One folder's numbering as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Page {
    validity: u32,
    next: u32,
    /// True when a key has gone since this generation began.
    has_lost: bool,
    known: HashMap<Key, u32>,
}

impl Book {
    /// A book that is forgotten with the process.
    #[must_use]
    pub const fn in_memory() -> Self {
        Self { keeping: Keeping::Nowhere }
    }

    /// A book that is kept in `folder`, one file for each folder of the archive. Where it is not writable, what is
    /// there is used and nothing is changed.
    #[must_use]
    pub const fn kept_in(folder: PathBuf, is_writable: bool) -> Self {
        Self { keeping: Keeping::In { folder, is_writable } }
    }

    /// True where a folder of this name was numbered before, by this run or an earlier one.
    #[must_use]
    pub fn knows(&self, wire: &WireName) -> bool {
        match &self.keeping {
            Keeping::Nowhere => false,
            Keeping::In { folder, .. } => folder.join(file_name(wire)).exists(),
        }
    }

    /// True where an earlier run numbered messages of this folder.
    ///
    /// # Errors
    /// Where what is kept cannot be read.
    pub fn holds(&self, wire: &WireName) -> io::Result<bool> {
        match &self.keeping {
            Keeping::Nowhere => Ok(false),
            Keeping::In { folder, .. } => {
                Ok(read(&folder.join(file_name(wire)))?.is_some_and(|page| !page.known.is_empty()))
            }
        }
    }

    /// Numbers the messages of one folder. What it gives is durable before it returns.
    ///
    /// # Errors
    /// Where the numbering cannot be kept, or a limit is passed.
    pub fn number(&self, wire: &WireName, keys: &[Key], by: KeyedBy) -> io::Result<Numbered> {
        self.number_anew(wire, keys, &[], by)
    }

    /// The same for messages that earlier versions knew by other keys, the latest first, each in the same order as
    /// `keys`: they keep their UIDs.
    ///
    /// # Errors
    /// As for [`Self::number`].
    pub fn number_anew(
        &self,
        wire: &WireName,
        keys: &[Key],
        former: &[Vec<Key>],
        by: KeyedBy,
    ) -> io::Result<Numbered> {
        if keys.len() > MESSAGES_MAX {
            let message = format!("a folder of more than {MESSAGES_MAX} messages");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        let (path, is_writable) = match &self.keeping {
            Keeping::Nowhere => return Ok(Page::begin(keys, None).numbered(keys)),
            Keeping::In { folder, is_writable } => (folder.join(file_name(wire)), *is_writable),
        };
        let before = read(&path)?;
        let page = match &before {
            None => Page::begin(keys, None),
            Some(page) => {
                let renamed = former.iter().fold(page.clone(), |page, former| page.rename(keys, former));
                renamed.go_on(keys, by)
            }
        };
        if is_writable && before.as_ref() != Some(&page) {
            write(&path, &page)?;
        }
        Ok(page.numbered(keys))
    }
}

impl Page {
    /// A generation that begins: UIDs in order.
    fn begin(keys: &[Key], before: Option<u32>) -> Self {
        let mut hasher = blake3::Hasher::new();
        keys.iter().for_each(|key| {
            hasher.update(key);
        });
        let hash = hasher.finalize();
        let number = hash.as_bytes()[..4].iter().fold(0_u32, |number, octet| number << 8 | u32::from(*octet));
        // Below the middle, so that generations that follow have room above (RFC 3501 §2.3.1.1: they rise).
        let validity = before.map_or((number >> 2) + 1, |before| before.wrapping_add(1).max(1));
        let mut page = Self { validity, next: 1, has_lost: false, known: HashMap::with_capacity(keys.len()) };
        page.take(keys);
        page
    }

    /// The same with the keys of now instead of former ones. All former keys go before any of now comes, for one
    /// message's former key may be another's of now.
    fn rename(mut self, keys: &[Key], former: &[Key]) -> Self {
        let mut renamed = Vec::new();
        for (key, former) in keys.iter().zip(former) {
            if !self.known.contains_key(key)
                && let Some(uid) = self.known.remove(former)
            {
                renamed.push((*key, uid));
            }
        }
        self.known.extend(renamed);
        self
    }

    /// The same generation with what has come, or the next one.
    fn go_on(mut self, keys: &[Key], by: KeyedBy) -> Self {
        let has_new = keys.iter().any(|key| !self.known.contains_key(key));
        if by == KeyedBy::Name {
            let present: HashSet<&Key> = keys.iter().collect();
            self.has_lost |= self.known.keys().any(|key| !present.contains(key));
        }
        let is_doubtful = by == KeyedBy::Name && self.has_lost && has_new;
        let is_full = self.known.len() + keys.len() > 2 * MESSAGES_MAX || self.next > u32::MAX / 2;
        if is_doubtful || (is_full && has_new) {
            return Self::begin(keys, Some(self.validity));
        }
        self.take(keys);
        self
    }

    fn take(&mut self, keys: &[Key]) {
        for key in keys {
            if !self.known.contains_key(key) {
                self.known.insert(*key, self.next);
                self.next += 1;
            }
        }
    }

    fn numbered(&self, keys: &[Key]) -> Numbered {
        let uids: Vec<Uid> = keys.iter().filter_map(|key| Uid::new(*self.known.get(key)?)).collect();
        assert_eq!(uids.len(), keys.len(), "every key was taken");
        let status = FolderStatus {
            messages: u32::try_from(uids.len()).unwrap_or(u32::MAX),
            uid_next: Some(self.next),
            uid_validity: UidValidity::new(self.validity),
            highest_modseq: None,
            size_octets: None,
        };
        Numbered { uids, status }
    }

    fn to_octets(&self) -> Vec<u8> {
        let mut rows: Vec<(u32, &Key)> = self.known.iter().map(|(key, uid)| (*uid, key)).collect();
        rows.sort_unstable();
        let mut octets = Vec::with_capacity(64 + rows.len() * ROW_OCTETS);
        octets.extend_from_slice(MAGIC);
        octets.extend_from_slice(&self.validity.to_le_bytes());
        octets.extend_from_slice(&self.next.to_le_bytes());
        octets.push(u8::from(self.has_lost));
        for (uid, key) in rows {
            octets.extend_from_slice(key);
            octets.extend_from_slice(&uid.to_le_bytes());
        }
        let checksum = key(&[&octets]);
        octets.extend_from_slice(&checksum);
        octets
    }

    /// Nothing where the octets are not a whole page.
    fn of_octets(octets: &[u8]) -> Option<Self> {
        let (content, checksum) = octets.split_at_checked(octets.len().checked_sub(CHECKSUM_OCTETS)?)?;
        if key(&[content]) != checksum {
            return None;
        }
        let (counters, rows) = content.strip_prefix(MAGIC)?.split_at_checked(COUNTERS_OCTETS)?;
        let number = |octets: &[u8]| Some(u32::from_le_bytes(octets.try_into().ok()?));
        let mut page = Self {
            validity: number(counters.get(..4)?)?,
            next: number(counters.get(4..8)?)?,
            has_lost: counters.get(8) == Some(&1),
            known: HashMap::with_capacity(rows.len() / ROW_OCTETS),
        };
        for row in rows.chunks(ROW_OCTETS) {
            let (key, uid) = row.split_at_checked(16)?;
            page.known.insert(key.try_into().ok()?, number(uid)?);
        }
        Some(page)
    }
}

/// A name that says nothing of the folder's and that no two folders share.
fn file_name(wire: &WireName) -> String {
    let hash = blake3::hash(&wire.0).to_hex();
    format!("{}.uids", &hash[..24])
}

/// What is kept, if it is whole: a damaged page is as good as none, for the UIDVALIDITY of a new one differs.
fn read(path: &Path) -> io::Result<Option<Page>> {
    let octets_max = (MAGIC.len() + COUNTERS_OCTETS + 2 * MESSAGES_MAX * ROW_OCTETS + CHECKSUM_OCTETS) as u64;
    match fs::metadata(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(cause),
        Ok(metadata) if metadata.len() > octets_max => return Ok(None),
        Ok(_) => {}
    }
    Ok(Page::of_octets(&fs::read(path)?))
}

fn write(path: &Path, page: &Page) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&page.to_octets())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &str) -> Vec<Key> {
        names.bytes().map(|name| key(&[&[name]])).collect()
    }

    fn wire() -> WireName {
        WireName(b"a".to_vec())
    }

    /// Numbers one listing after the other, and holds UIDs and "a new generation" against what is expected.
    fn check(by: KeyedBy, listings: &[(&str, &[u32], bool)]) {
        let folder = tempfile::tempdir().unwrap();
        let mut before = None;
        for (names, expected, is_new) in listings {
            let book = Book::kept_in(folder.path().join("uids"), true);
            let numbered = book.number(&wire(), &keys(names), by).unwrap();
            let uids: Vec<u32> = numbered.uids.iter().map(|uid| uid.get()).collect();
            assert_eq!(&uids, expected, "{names}");
            let validity = numbered.status.uid_validity;
            assert_eq!(before.is_some_and(|before| before != validity), *is_new, "{names}");
            before = Some(validity);
            let again = Book::kept_in(folder.path().join("uids"), false);
            assert_eq!(again.number(&wire(), &keys(names), by).unwrap(), numbered, "{names}, asked again");
        }
    }

    #[test]
    fn a_message_keeps_its_uid_wherever_it_stands() {
        check(
            KeyedBy::Content,
            &[
                ("abc", &[1, 2, 3], false),
                ("xabc", &[4, 1, 2, 3], false),
                ("cx", &[3, 4], false),
                ("bcxd", &[2, 3, 4, 5], false),
                ("", &[], false),
            ],
        );
    }

    #[test]
    fn names_that_go_and_come_make_a_new_generation() {
        check(
            KeyedBy::Name,
            &[
                ("abc", &[1, 2, 3], false),
                ("abcd", &[1, 2, 3, 4], false),
                ("acd", &[1, 3, 4], false),
                ("acde", &[1, 2, 3, 4], true),
                ("acdef", &[1, 2, 3, 4, 5], false),
                ("vwxyz", &[1, 2, 3, 4, 5], true),
            ],
        );
    }

    #[test]
    fn a_book_in_memory_has_a_new_generation_for_every_change() {
        let number = |names| Book::in_memory().number(&wire(), &keys(names), KeyedBy::Content).unwrap();
        assert_eq!(number("abc"), number("abc"));
        for other in ["acb", "ab", "abcd", ""] {
            assert_ne!(number("abc").status.uid_validity, number(other).status.uid_validity, "{other}");
        }
    }

    #[test]
    fn a_page_is_read_as_it_was_written_and_a_damaged_one_not_at_all() {
        let mut page = Page::begin(&keys("abc"), Some(7));
        page.has_lost = true;
        let octets = page.to_octets();
        assert_eq!(Page::of_octets(&octets), Some(page));
        for at in 0..octets.len() {
            let mut damaged = octets.clone();
            damaged[at] ^= 1;
            assert_eq!(Page::of_octets(&damaged), None, "octet {at}");
            assert_eq!(Page::of_octets(&octets[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn like_messages_have_unlike_keys() {
        let mut occurrences = Occurrences::default();
        let content = key(&[b"a"]);
        let all: HashSet<Key> = (0..5).map(|_| occurrences.next(content)).collect();
        assert_eq!(all.len(), 5);
    }
}
