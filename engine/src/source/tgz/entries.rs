//! Walks the entries of a tar stream to its very end: one archive behind another is read like one.
//! Never writes one by its name, and never follows what points elsewhere: links are told, devices counted.

use std::borrow::Cow;
use std::io::{self, Read};

use tar::{EntryType, Header};

use super::pax::{self, Extensions};
use crate::source::archive::files;

/// Entries of one archive at most.
pub const ENTRIES_MAX: u64 = 5_000_000;

/// Octets of one entry at most: no message is longer.
pub const ENTRY_OCTETS_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// Octets of a name, or of the extensions that hold it.
pub(super) const NAME_OCTETS_MAX: u64 = 64 * 1024;

/// Levels of a name.
const LEVELS_MAX: usize = 64;

/// Octets of a header, and what all others are filled up to (POSIX.1-1988, ustar).
const BLOCK_OCTETS: u64 = 512;

/// Octets of zeros that an archive ends with.
const END_OCTETS: u64 = 2 * BLOCK_OCTETS;

/// What tape programs fill the end of an archive up to.
const RECORD_OCTETS: u64 = 20 * BLOCK_OCTETS;

/// Zeros behind the last entry at most: no tape has longer records.
const FILLING_OCTETS_MAX: u64 = 2 * 1024 * 1024;

/// A name level by level, as octets: two that are no UTF-8 stay two.
pub type Levels = Vec<Vec<u8>>;

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A plain file.
    File,
    /// A folder.
    Folder,
    /// Another name of an earlier entry, whose name it tells; nothing where that leads out of the archive.
    HardLink(Option<Levels>),
    /// A name that is to be followed, as it tells it.
    SymbolicLink(Vec<u8>),
}

/// An entry of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Level by level; never empty, never `..`.
    pub levels: Levels,
    /// What it is.
    pub kind: Kind,
    /// When it was changed, in seconds; 0 where nothing is told.
    pub unix_seconds: i64,
    /// Where its octets begin in the stream.
    pub at: u64,
    /// How many octets it has.
    pub octets: u64,
}

/// What was passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PassedOver {
    /// Devices and pipes.
    pub odd: u64,
    /// Names that lead out of the archive, or are none.
    pub hostile: u64,
    /// Entries longer than any message.
    pub too_long: u64,
    /// Entries looked at.
    pub entries: u64,
    /// Zeros between entries that are no archive's end: where they begin, and how many octets they are.
    pub holes: Vec<(u64, u64)>,
    /// Octets of zeros behind the last entry.
    pub zeros_at_end: u64,
    /// Files that are stored without their holes.
    pub sparse: u64,
    /// The names of the first of them.
    pub sparse_names: Vec<Vec<u8>>,
}

impl PassedOver {
    /// What the zeros say of entries that are missing, and which files are, as sentences that go on the archive's
    /// name. How an archive ends is told where it was walked to its end.
    #[must_use]
    pub fn damage(&self, is_walked: bool) -> Vec<String> {
        let hole = |(at, octets): &(u64, u64)| {
            format!("{octets} octets of zeros lie in its middle, at octet {at}: entries may have been there")
        };
        let mut damage: Vec<String> = self.holes.iter().map(hole).collect();
        if self.sparse > 0 {
            let names: Vec<String> = self.sparse_names.iter().map(|name| files::readable(name)).collect();
            damage.push(format!(
                "{} files are stored without their holes and are not read, the first of them {}; pack the archive \
                 again without --sparse",
                self.sparse,
                names.join(", ")
            ));
        }
        if is_walked && self.entries > 0 && self.zeros_at_end < BLOCK_OCTETS {
            damage.push(
                "it has no end mark, as one that is cut off: entries may be missing; hold its length against the \
                 original's"
                    .to_owned(),
            );
        }
        if is_walked && self.zeros_at_end > FILLING_OCTETS_MAX {
            damage.push(format!(
                "{} octets of zeros lie at its end, as in a download that broke off: entries may be missing; hold its \
                 checksum against the original's",
                self.zeros_at_end
            ));
        }
        damage
    }

    fn take_sparse(&mut self, name: Vec<u8>) {
        self.sparse += 1;
        if self.sparse_names.len() < SPARSE_NAMES_MAX {
            self.sparse_names.push(name);
        }
    }
}

/// Holes that are told one by one.
const HOLES_MAX: usize = 20;

/// Files without their holes that are told by name.
const SPARSE_NAMES_MAX: usize = 5;

/// Counts octets, and the zeros that they end with.
struct Counted<R> {
    inner: R,
    octets: u64,
    zeros: u64,
    has_failed: bool,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into);
        self.has_failed |= read.as_ref().is_err_and(|cause| cause.kind() != io::ErrorKind::Interrupted);
        let read = read?;
        self.octets += read as u64;
        let zeros = into[..read].iter().rev().take_while(|octet| **octet == 0).count();
        self.zeros = if zeros == read { self.zeros + zeros as u64 } else { zeros as u64 };
        Ok(read)
    }
}

/// Where the walk is between entries.
#[derive(Default)]
struct Course {
    /// Where the archive began in which the entry lies.
    archive_at: u64,
    /// Where the last entry's octets ended, filled up.
    end: u64,
}

impl Course {
    /// Takes the next entry and judges the zeros before it.
    fn go_on(&mut self, header_at: u64, end: u64, passed_over: &mut PassedOver) {
        let zeros = header_at.saturating_sub(self.end);
        if zeros > 0 {
            let is_filled = zeros > END_OCTETS && (header_at - self.archive_at).is_multiple_of(RECORD_OCTETS);
            if zeros != END_OCTETS && !is_filled && passed_over.holes.len() < HOLES_MAX {
                passed_over.holes.push((self.end, zeros));
            }
            self.archive_at = header_at;
        }
        self.end = end;
    }
}

/// Gives every plain file, folder and link to `each`, with a reader of its octets. Zeros between entries are walked
/// over, for an archive may lie behind another.
///
/// # Errors
/// Where the stream is cut off, is no tar, or passes a limit: what was given before stays good.
pub fn walk(
    stream: impl Read,
    passed_over: &mut PassedOver,
    each: &mut dyn FnMut(Name, &mut dyn Read) -> io::Result<()>,
) -> io::Result<()> {
    let mut stream = Counted { inner: stream, octets: 0, zeros: 0, has_failed: false };
    let mut course = Course::default();
    let walked = walk_entries(&mut stream, &mut course, passed_over, each);
    let behind = stream.octets.saturating_sub(course.end);
    let has_zeros_alone = stream.zeros >= behind && stream.octets >= course.end;
    passed_over.zeros_at_end = if has_zeros_alone { behind } else { 0 };
    // A file that ends within a block of zeros has lost no header there.
    let is_cut_in_zeros = has_zeros_alone && !stream.has_failed && !behind.is_multiple_of(BLOCK_OCTETS);
    if is_cut_in_zeros && passed_over.entries > 0 { Ok(()) } else { walked }
}

fn walk_entries(
    stream: impl Read,
    course: &mut Course,
    passed_over: &mut PassedOver,
    each: &mut dyn FnMut(Name, &mut dyn Read) -> io::Result<()>,
) -> io::Result<()> {
    let mut archive = tar::Archive::new(stream);
    archive.set_ignore_zeros(true);
    let mut long_names = Extensions::default();
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        passed_over.entries += 1;
        if passed_over.entries > ENTRIES_MAX {
            return Err(limit(&format!("it has more than {ENTRIES_MAX} entries")));
        }
        let octets = entry.header().entry_size()?;
        let end = entry.raw_file_position().saturating_add(octets);
        course.go_on(
            entry.raw_header_position(),
            end.checked_next_multiple_of(BLOCK_OCTETS).unwrap_or(end),
            passed_over,
        );
        let kind = match entry.header().entry_type() {
            EntryType::GNULongName => {
                long_names.name = Some(long(&mut entry, octets)?);
                continue;
            }
            EntryType::GNULongLink => {
                long_names.target = Some(long(&mut entry, octets)?);
                continue;
            }
            EntryType::XHeader => {
                long_names.add(pax::read(&mut entry, octets)?);
                continue;
            }
            EntryType::XGlobalHeader => continue,
            // Its map of holes would have to be believed to find the next entry.
            EntryType::GNUSparse => {
                return Err(limit("a sparse file lies in it, which no export of mail has"));
            }
            kind => kind,
        };
        let Extensions { name, target, is_sparse } = std::mem::take(&mut long_names);
        let name = name.unwrap_or_else(|| entry.header().path_bytes().into_owned());
        if is_sparse {
            passed_over.take_sparse(name);
            continue;
        }
        let Some(kind) = kind_of(kind, target, entry.header()) else {
            passed_over.odd += 1;
            continue;
        };
        if octets > ENTRY_OCTETS_MAX {
            passed_over.too_long += 1;
            continue;
        }
        match levels(&name) {
            Some(levels) if levels.is_empty() => {}
            Some(levels) => {
                let unix_seconds = entry.header().mtime().ok().and_then(|time| i64::try_from(time).ok());
                let at = entry.raw_file_position();
                let name = Name { levels, kind, unix_seconds: unix_seconds.unwrap_or(0), at, octets };
                each(name, &mut entry)?;
            }
            None => passed_over.hostile += 1,
        }
    }
    Ok(())
}

/// What an entry is; nothing for a device or a pipe.
fn kind_of(kind: EntryType, long_target: Option<Vec<u8>>, header: &Header) -> Option<Kind> {
    let short_target = || header.link_name_bytes().map(Cow::into_owned).unwrap_or_default();
    let target = long_target.unwrap_or_else(short_target);
    match kind {
        kind if kind.is_dir() => Some(Kind::Folder),
        kind if kind.is_hard_link() => Some(Kind::HardLink(levels(&target))),
        kind if kind.is_symlink() => Some(Kind::SymbolicLink(target)),
        kind if kind.is_file() || kind.is_contiguous() => Some(Kind::File),
        _ => None,
    }
}

/// A name that GNU tar writes before the entry that bears it.
fn long(entry: &mut impl Read, octets: u64) -> io::Result<Vec<u8>> {
    let mut name = short(entry, octets)?;
    while name.last() == Some(&0) {
        name.pop();
    }
    Ok(name)
}

/// An extension's octets, which are few or a lie.
fn short(entry: &mut impl Read, octets: u64) -> io::Result<Vec<u8>> {
    if octets > NAME_OCTETS_MAX {
        return Err(limit("a name in it is longer than any"));
    }
    let mut held = Vec::new();
    entry.take(NAME_OCTETS_MAX).read_to_end(&mut held)?;
    if held.len() as u64 == octets { Ok(held) } else { Err(cut_in_a_name()) }
}

pub(super) fn cut_in_a_name() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the file is cut off in a name")
}

/// A name as levels; nothing where it leads out of the archive.
fn levels(name: &[u8]) -> Option<Levels> {
    if name.starts_with(b"/") || name.contains(&0) {
        return None;
    }
    let mut levels = Vec::new();
    for level in name.split(|octet| *octet == b'/') {
        match level {
            b"" | b"." => {}
            b".." => return None,
            level => levels.push(level.to_vec()),
        }
    }
    (levels.len() <= LEVELS_MAX).then_some(levels)
}

pub(super) fn limit(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leads_out_of_the_archive_is_none() {
        for (name, expected) in [
            ("Inbox/1.eml", Some(vec!["Inbox", "1.eml"])),
            ("./Inbox//1.eml", Some(vec!["Inbox", "1.eml"])),
            ("./", Some(vec![])),
            ("/etc/passwd", None),
            ("../x", None),
            ("a/../../x", None),
            ("a\0b", None),
        ] {
            let expected = expected.map(|levels| levels.into_iter().map(Vec::from).collect::<Levels>());
            assert_eq!(levels(name.as_bytes()), expected, "{name:?}");
        }
        assert_eq!(levels("a/".repeat(LEVELS_MAX + 1).as_bytes()), None);
    }
}
