//! Walks the entries of a tar stream to its very end: one archive behind another is read like one.
//! Never writes one by its name, and never follows what points elsewhere: links are told, devices counted.

use std::borrow::Cow;
use std::io::{self, Read};

use tar::{EntryType, Header, PaxExtensions};

/// Entries of one archive at most.
pub const ENTRIES_MAX: u64 = 5_000_000;

/// Octets of one entry at most: no message is longer.
pub const ENTRY_OCTETS_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// Octets of a name, or of the extensions that hold it.
const NAME_OCTETS_MAX: u64 = 64 * 1024;

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

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A plain file.
    File,
    /// A folder.
    Folder,
    /// Another name of an earlier entry, whose name it tells; nothing where that leads out of the archive.
    HardLink(Option<Vec<String>>),
    /// A name that is to be followed, as it tells it.
    SymbolicLink(String),
}

/// An entry of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Level by level; never empty, never `..`.
    pub levels: Vec<String>,
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
}

impl PassedOver {
    /// What the zeros say of entries that are missing, as sentences that go on the archive's name. How an archive
    /// ends is told where it was walked to its end.
    #[must_use]
    pub fn damage(&self, is_walked: bool) -> Vec<String> {
        let hole = |(at, octets): &(u64, u64)| {
            format!("{octets} octets of zeros lie in its middle, at octet {at}: entries may have been there")
        };
        let mut damage: Vec<String> = self.holes.iter().map(hole).collect();
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
}

/// Holes that are told one by one.
const HOLES_MAX: usize = 20;

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
    let mut long_names = LongNames::default();
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
                let extensions = short(&mut entry, octets)?;
                let told = pax_names(&extensions)?;
                long_names.name = told.name.or(long_names.name);
                long_names.target = told.target.or(long_names.target);
                continue;
            }
            EntryType::XGlobalHeader => continue,
            // Its map of holes would have to be believed to find the next entry.
            EntryType::GNUSparse => {
                return Err(limit("a sparse file lies in it, which no export of mail has"));
            }
            kind => kind,
        };
        let LongNames { name, target } = std::mem::take(&mut long_names);
        let name = name.unwrap_or_else(|| entry.header().path_bytes().into_owned());
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
        kind if kind.is_symlink() => Some(Kind::SymbolicLink(String::from_utf8_lossy(&target).into_owned())),
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
    if held.len() as u64 == octets {
        Ok(held)
    } else {
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is cut off in a name"))
    }
}

/// Names that stand before the entry that bears them.
#[derive(Default)]
struct LongNames {
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
}

/// The name and the link's name of pax extensions (POSIX.1-2001). A size among them would move all that follows.
fn pax_names(extensions: &[u8]) -> io::Result<LongNames> {
    let mut names = LongNames::default();
    for extension in PaxExtensions::new(extensions) {
        let extension = extension?;
        match extension.key_bytes() {
            b"path" => names.name = Some(extension.value_bytes().to_vec()),
            b"linkpath" => names.target = Some(extension.value_bytes().to_vec()),
            b"size" => return Err(limit("an entry in it is longer than a header can tell")),
            _ => {}
        }
    }
    Ok(names)
}

/// A name as levels; nothing where it leads out of the archive.
fn levels(name: &[u8]) -> Option<Vec<String>> {
    if name.starts_with(b"/") || name.contains(&0) {
        return None;
    }
    let mut levels = Vec::new();
    for level in name.split(|octet| *octet == b'/') {
        match level {
            b"" | b"." => {}
            b".." => return None,
            level => levels.push(String::from_utf8_lossy(level).into_owned()),
        }
    }
    (levels.len() <= LEVELS_MAX).then_some(levels)
}

fn limit(what: &str) -> io::Error {
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
            let expected = expected.map(|levels| levels.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(levels(name.as_bytes()), expected, "{name:?}");
        }
        assert_eq!(levels("a/".repeat(LEVELS_MAX + 1).as_bytes()), None);
    }
}
