//! Walks the entries of a tar stream to its very end: one archive behind another is read like one.
//! Never writes one by its name, and never follows what points elsewhere: links are told, devices counted.

use std::borrow::Cow;
use std::io::{self, Read};

use tar::{Entry, EntryType, Header};

use super::counted::Counted;
use super::passed_over::HOLES_MAX;
pub use super::passed_over::PassedOver;
use super::pax::{self, Extensions};

/// Entries of one archive at most.
pub const ENTRIES_MAX: u64 = 5_000_000;

/// Octets of one entry at most: no message is longer.
pub const ENTRY_OCTETS_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// Octets of a name, or of the extensions that hold it.
pub(super) const NAME_OCTETS_MAX: u64 = 64 * 1024;

/// Levels of a name.
const LEVELS_MAX: usize = 64;

/// Octets of a header, and what all others are filled up to (POSIX.1-1988, ustar).
pub(super) const BLOCK_OCTETS: u64 = 512;

/// Octets of zeros that an archive ends with.
const END_OCTETS: u64 = 2 * BLOCK_OCTETS;

/// What tape programs fill the end of an archive up to.
const RECORD_OCTETS: u64 = 20 * BLOCK_OCTETS;

/// Extensions as Solaris tar writes them; they are like those of POSIX.
const SOLARIS: u8 = b'X';

/// A folder in an incremental archive of GNU tar, with a list of its files.
const DUMPED_FOLDER: u8 = b'D';

/// What is no file: a volume's label of GNU tar, rights and attributes of Solaris tar, an inode of star.
const ASIDE: [u8; 4] = [b'V', b'A', b'E', b'I'];

/// A name level by level, as octets: two that are no UTF-8 stay two.
pub type Levels = Vec<Vec<u8>>;

/// What takes entries, each with a reader of its octets.
type Each<'a> = &'a mut dyn FnMut(Name, &mut dyn Read) -> io::Result<()>;

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
    let mut stream = Counted::new(stream);
    let mut course = Course::default();
    let walked = walk_entries(&mut stream, &mut course, passed_over, each);
    let behind = stream.octets.saturating_sub(course.end);
    let has_zeros_alone = stream.zeros >= behind && stream.octets >= course.end;
    passed_over.zeros_at_end = if has_zeros_alone { behind } else { 0 };
    // A file that ends within a block of zeros has lost no header there.
    let is_cut_in_zeros = has_zeros_alone && !stream.has_failed && !behind.is_multiple_of(BLOCK_OCTETS);
    if is_cut_in_zeros && passed_over.entries > 0 { Ok(()) } else { walked }
}

fn walk_entries<R: Read>(
    stream: &mut Counted<R>,
    course: &mut Course,
    passed_over: &mut PassedOver,
    each: Each<'_>,
) -> io::Result<()> {
    let mut told = Extensions::default();
    while let Some(octets) = walk_to_bare(stream, &mut told, course, passed_over, each)? {
        // Few writers put octets behind a link (POSIX.1-2001, pax), and some tell a length of any folder.
        if !stream.is_before_header()? {
            let filled = octets.checked_next_multiple_of(BLOCK_OCTETS).unwrap_or(octets);
            if io::copy(&mut stream.by_ref().take(filled), &mut io::sink())? < filled {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is cut off in an entry"));
            }
        }
        course.end = stream.octets;
    }
    Ok(())
}

/// Walks to the stream's end, or to behind the header of an entry that tells a length and is of a kind that has no
/// octets: how many they are.
fn walk_to_bare<R: Read>(
    stream: &mut Counted<R>,
    told: &mut Extensions,
    course: &mut Course,
    passed_over: &mut PassedOver,
    each: Each<'_>,
) -> io::Result<Option<u64>> {
    let begin = stream.octets;
    let mut archive = tar::Archive::new(stream);
    archive.set_ignore_zeros(true);
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        passed_over.entries += 1;
        if passed_over.entries > ENTRIES_MAX {
            return Err(limit(&format!("it has more than {ENTRIES_MAX} entries")));
        }
        let octets = entry.header().entry_size()?;
        let at = begin + entry.raw_file_position();
        let is_bare = octets > 0 && is_bare(entry.header().entry_type());
        passed_over.last_at = at;
        let end = if is_bare { at } else { at.saturating_add(octets) };
        course.go_on(
            begin + entry.raw_header_position(),
            end.checked_next_multiple_of(BLOCK_OCTETS).unwrap_or(end),
            passed_over,
        );
        if is_extension(&mut entry, octets, told)? {
            continue;
        }
        let told = std::mem::take(told);
        if is_bare {
            give(&entry.header().clone(), (at, 0), &mut io::empty(), told, passed_over, each)?;
            return Ok(Some(octets));
        }
        give(&entry.header().clone(), (at, octets), &mut entry, told, passed_over, each)?;
    }
    Ok(None)
}

/// Takes what stands before an entry and tells of it; false for the entry itself.
fn is_extension(entry: &mut Entry<'_, impl Read>, octets: u64, told: &mut Extensions) -> io::Result<bool> {
    match entry.header().entry_type() {
        EntryType::GNULongName => told.name = Some(long(entry, octets)?),
        EntryType::GNULongLink => told.target = Some(long(entry, octets)?),
        EntryType::XHeader => told.add(pax::read(entry, octets)?),
        kind if kind.as_byte() == SOLARIS => told.add(pax::read(entry, octets)?),
        EntryType::XGlobalHeader => {}
        // Its map of holes would have to be believed to find the next entry.
        EntryType::GNUSparse => return Err(limit("a sparse file lies in it, which no export of mail has")),
        _ => return Ok(false),
    }
    Ok(true)
}

/// Gives one entry to `each`, or counts it as passed over.
fn give(
    header: &Header,
    (at, octets): (u64, u64),
    content: &mut dyn Read,
    told: Extensions,
    passed_over: &mut PassedOver,
    each: Each<'_>,
) -> io::Result<()> {
    let Extensions { name, target, is_sparse } = told;
    let name = name.unwrap_or_else(|| header.path_bytes().into_owned());
    if is_sparse {
        passed_over.sparse.take(name);
        return Ok(());
    }
    let kind = match header.entry_type() {
        EntryType::Char | EntryType::Block | EntryType::Fifo => {
            passed_over.odd += 1;
            return Ok(());
        }
        kind if ASIDE.contains(&kind.as_byte()) => return Ok(()),
        kind => kind_of(kind, target, header),
    };
    let Some(kind) = kind else {
        passed_over.unknown.take(name);
        return Ok(());
    };
    if octets > ENTRY_OCTETS_MAX {
        passed_over.too_long += 1;
        return Ok(());
    }
    match levels(&name) {
        Some(levels) if levels.is_empty() => Ok(()),
        Some(levels) => {
            let unix_seconds = header.mtime().ok().and_then(|time| i64::try_from(time).ok()).unwrap_or(0);
            each(Name { levels, kind, unix_seconds, at, octets }, content)
        }
        None => {
            passed_over.hostile += 1;
            Ok(())
        }
    }
}

/// True for kinds behind whose headers no octets stand, whatever length they tell (POSIX.1-1988, ustar).
const fn is_bare(kind: EntryType) -> bool {
    matches!(
        kind,
        EntryType::Link
            | EntryType::Symlink
            | EntryType::Char
            | EntryType::Block
            | EntryType::Directory
            | EntryType::Fifo
    )
}

/// What an entry is; nothing for a kind that is not known.
fn kind_of(kind: EntryType, long_target: Option<Vec<u8>>, header: &Header) -> Option<Kind> {
    let short_target = || header.link_name_bytes().map(Cow::into_owned).unwrap_or_default();
    let target = long_target.unwrap_or_else(short_target);
    match kind {
        kind if kind.is_dir() || kind.as_byte() == DUMPED_FOLDER => Some(Kind::Folder),
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
