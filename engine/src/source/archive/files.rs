//! Opens files and walks folders of an archive.
//! Never follows a link that lies in the archive, never opens what is no plain file, never opens for writing.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Entries of all folders below one path at most.
pub const ENTRIES_MAX: usize = 5_000_000;

/// Folders within folders at most.
pub const DEPTH_MAX: usize = 64;

/// A file's size and time when it was looked at: another file, or the same one written to, has another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    octets: u64,
    changed_seconds: i64,
    changed_nanoseconds: i64,
}

impl Stamp {
    /// What `metadata` tells.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            octets: metadata.len(),
            changed_seconds: metadata.mtime(),
            changed_nanoseconds: metadata.mtime_nsec(),
        }
    }

    /// The file's length in octets.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    /// The stamp of the file at `path`, whatever it is.
    ///
    /// # Errors
    /// Where there is none.
    pub fn at(path: &Path) -> io::Result<Self> {
        Ok(Self::of(&std::fs::symlink_metadata(path)?))
    }
}

/// Opens a plain file for reading. A link is followed only where `may_be_link`, which is so for the path that the
/// operator named.
///
/// # Errors
/// Where it cannot be opened, or is no plain file.
pub fn open(path: &Path, may_be_link: bool) -> io::Result<File> {
    let follow = if may_be_link { 0 } else { libc_flags::NO_FOLLOW };
    // A pipe would block for ever, were it opened before it is looked at.
    let file = File::options().read(true).custom_flags(follow | libc_flags::NON_BLOCK).open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no plain file"))
    }
}

/// `O_NOFOLLOW` and `O_NONBLOCK` (open(2)) as this system numbers them.
mod libc_flags {
    use rustix::fs::OFlags;

    pub(super) const NO_FOLLOW: i32 = OFlags::NOFOLLOW.bits().cast_signed();
    pub(super) const NON_BLOCK: i32 = OFlags::NONBLOCK.bits().cast_signed();
}

/// One plain file that a walk found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// Its way from the top, name by name, as octets.
    pub levels: Vec<Vec<u8>>,
    /// Its size, times and place.
    pub metadata: Metadata,
}

impl Found {
    /// Its own name, as octets.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        self.levels.last().map(Vec::as_slice).unwrap_or_default()
    }
}

/// What a walk found.
#[derive(Debug, Default)]
pub struct Walk {
    /// Plain files, ordered by their names level by level.
    pub files: Vec<Found>,
    /// Folders, likewise, without the top.
    pub folders: Vec<Found>,
    /// Links to anything but a folder, ordered likewise; which of them matter is the format's to say.
    pub links: Vec<Link>,
    /// What was passed over and why, as sentences.
    pub warnings: Vec<String>,
    /// What could not be read, as sentences.
    pub damage: Vec<String>,
}

/// What a link leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A folder outside of the archive, or what may be one.
    Folder,
    /// A folder of the archive itself, which is read under its own name.
    OwnFolder,
    /// A plain file.
    File,
    /// Nothing that is there now, or a pipe or device.
    Nothing,
}

/// A link in an archive, which is looked at and never followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where it is.
    pub path: PathBuf,
    /// Where it leads, as far as that can be told.
    pub leads_to: PathBuf,
    target: Target,
}

impl Link {
    /// Looks at the link at `path` of the archive at `top`.
    #[must_use]
    pub fn at(path: &Path, top: &Path) -> Self {
        let leads_to = path.canonicalize().or_else(|_| std::fs::read_link(path)).unwrap_or_default();
        let is_own = || top.canonicalize().is_ok_and(|top| leads_to.starts_with(top));
        let target = match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => {
                if is_own() {
                    Target::OwnFolder
                } else {
                    Target::Folder
                }
            }
            Ok(found) if found.is_file() => Target::File,
            // It may be a folder that is closed to us.
            Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => Target::Folder,
            Ok(_) | Err(_) => Target::Nothing,
        };
        Self { path: path.to_owned(), leads_to, target }
    }

    /// What it leads to.
    #[must_use]
    pub const fn target(&self) -> Target {
        self.target
    }

    /// What is missing for its sake and what to do, as a sentence.
    #[must_use]
    pub fn damage(&self) -> String {
        let (path, to) = (self.path.display(), self.leads_to.display());
        let way_out = match self.target {
            Target::Folder | Target::OwnFolder => format!("give {to} as a --from of its own"),
            Target::File => "put the file itself in its place".to_owned(),
            Target::Nothing => "nothing is there now: is a disk not mounted?".to_owned(),
        };
        format!(
            "{path}: is a link to {to}, and links are not followed, so that this mail is not read; {way_out}"
        )
    }
}

/// Sentences of which there may be very many: so many are told, and how many more there are.
pub fn tell(into: &mut Vec<String>, sentences: impl IntoIterator<Item = String>, what: &str) {
    let mut sentences = sentences.into_iter();
    into.extend(sentences.by_ref().take(TOLD_MAX));
    let more = sentences.count();
    if more > 0 {
        into.push(format!("{more} more {what}"));
    }
}

/// Sentences of one kind that are told.
const TOLD_MAX: usize = 50;

/// Such sentences as they come: those beyond the first are counted and not held.
#[derive(Debug, Default)]
pub struct Sentences {
    told: Vec<String>,
    more: u64,
}

impl Sentences {
    /// Takes one more.
    pub fn add(&mut self, sentence: impl FnOnce() -> String) {
        if self.told.len() < TOLD_MAX {
            self.told.push(sentence());
        } else {
            self.more += 1;
        }
    }

    /// Tells them of the archive of this name; `what` says what the others are.
    pub fn tell(self, name: &str, into: &mut Vec<String>, what: &str) {
        into.extend(self.told.into_iter().map(|sentence| format!("{name}: {sentence}")));
        if self.more > 0 {
            into.push(format!("{name}: {} more {what}", self.more));
        }
    }
}

/// Walks everything below `top`. Links, pipes and devices are passed over and told; a link to a folder of mail that
/// lies elsewhere is damage.
///
/// # Errors
/// Where `top` itself cannot be read, or a limit is passed.
pub fn walk(top: &Path) -> io::Result<Walk> {
    let mut walk = Walk::default();
    let mut odd = 0_u64;
    descend(&mut walk, &mut odd, (top, top), &[])?;
    walk.links.sort_by(|one, other| one.path.cmp(&other.path));
    odd += walk.links.iter().filter(|link| link.target != Target::Folder).count() as u64;
    let folders = walk.links.extract_if(.., |link| matches!(link.target, Target::Folder | Target::OwnFolder));
    let elsewhere = folders.filter(|link| link.target == Target::Folder).map(|link| link.damage());
    tell(&mut walk.damage, elsewhere, "links lead to folders that are not read");
    if odd > 0 {
        walk.warnings.push(format!("{}: {odd} links, pipes or devices are passed over", top.display()));
    }
    walk.files.sort_by(|one, other| one.levels.cmp(&other.levels));
    walk.folders.sort_by(|one, other| one.levels.cmp(&other.levels));
    Ok(walk)
}

/// Lists the one folder below `top` whose way is `wire`, level by level, and nothing below it; nothing where it is no
/// folder, or lies behind a link.
///
/// # Errors
/// Where it cannot be read, or a limit is passed.
pub fn list(top: &Path, wire: &[u8]) -> io::Result<Option<Walk>> {
    let mut folder = top.to_owned();
    let mut levels = Vec::new();
    for level in wire.split(|octet| *octet == b'/').filter(|level| !level.is_empty()) {
        folder.push(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(level));
        levels.push(level.to_vec());
        match std::fs::symlink_metadata(&folder) {
            Ok(metadata) if metadata.is_dir() && level != b".." => {}
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
            _ => return Ok(None),
        }
    }
    let (mut walk, mut odd) = (Walk::default(), 0);
    look_into(&mut walk, &mut odd, (top, &folder), &levels)?;
    walk.files.sort_by(|one, other| one.levels.cmp(&other.levels));
    Ok(Some(walk))
}

fn descend(
    walk: &mut Walk,
    odd: &mut u64,
    (walk_top, folder): (&Path, &Path),
    levels: &[Vec<u8>],
) -> io::Result<()> {
    let before = walk.folders.len();
    look_into(walk, odd, (walk_top, folder), levels)?;
    let below: Vec<Found> = walk.folders[before..].to_vec();
    for found in below {
        descend(walk, odd, (walk_top, &found.path), &found.levels)?;
    }
    Ok(())
}

/// What lies in one folder.
fn look_into(
    walk: &mut Walk,
    odd: &mut u64,
    (walk_top, folder): (&Path, &Path),
    levels: &[Vec<u8>],
) -> io::Result<()> {
    let limit = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    if levels.len() > DEPTH_MAX {
        return Err(limit(format!("{}: folders lie deeper than {DEPTH_MAX}", folder.display())));
    }
    let entries = match std::fs::read_dir(folder) {
        Err(cause) if !levels.is_empty() => {
            walk.damage.push(format!("{}: cannot be listed: {cause}", folder.display()));
            return Ok(());
        }
        answered => answered?,
    };
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(cause) => {
                walk.damage.push(format!("{}: cannot be listed to its end: {cause}", folder.display()));
                break;
            }
        };
        if walk.files.len() + walk.folders.len() >= ENTRIES_MAX {
            return Err(limit(format!("{}: more than {ENTRIES_MAX} files and folders", folder.display())));
        }
        let mut own = levels.to_vec();
        own.push(std::os::unix::ffi::OsStringExt::into_vec(entry.file_name()));
        // The metadata of the entry itself: a link is a link.
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            // It went while the folder was listed.
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => continue,
            Err(cause) => {
                walk.damage.push(format!("{}: {cause}", entry.path().display()));
                continue;
            }
        };
        let found = Found { path: entry.path(), levels: own, metadata };
        if found.metadata.is_symlink() {
            walk.links.push(Link::at(&found.path, walk_top));
        } else if found.metadata.is_dir() {
            walk.folders.push(found);
        } else if found.metadata.is_file() {
            walk.files.push(found);
        } else {
            *odd += 1;
        }
    }
    Ok(())
}

/// A name for reading and for folder levels: octets that are no UTF-8 are replaced.
#[must_use]
pub fn readable(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

/// A part of a file, read without moving anybody's place in it.
#[derive(Debug, Clone)]
pub struct Slice {
    file: Arc<File>,
    at: u64,
    left: u64,
}

impl Slice {
    /// `octets` octets from `at` on.
    #[must_use]
    pub const fn new(file: Arc<File>, at: u64, octets: u64) -> Self {
        Self { file, at, left: octets }
    }
}

impl io::Read for Slice {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        if wanted == 0 {
            return Ok(0);
        }
        let read = self.file.read_at(&mut into[..wanted], self.at)?;
        if read == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file ends before the message does",
            ));
        }
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

/// A file that is read from a place of its own: what shares it never moves it.
#[derive(Debug, Clone)]
pub struct OwnPlace {
    file: Arc<File>,
    at: u64,
}

impl OwnPlace {
    /// At the file's beginning.
    #[must_use]
    pub const fn new(file: Arc<File>) -> Self {
        Self { file, at: 0 }
    }
}

impl io::Read for OwnPlace {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl io::Seek for OwnPlace {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let (from, by) = match to {
            io::SeekFrom::Start(at) => (at, 0),
            io::SeekFrom::End(by) => (self.file.metadata()?.len(), by),
            io::SeekFrom::Current(by) => (self.at, by),
        };
        let wrong = || io::Error::new(io::ErrorKind::InvalidInput, "a place before the file's beginning");
        self.at = from.checked_add_signed(by).ok_or_else(wrong)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_and_pipes_are_never_opened() {
        let top = tempfile::tempdir().unwrap();
        let path = |name: &str| top.path().join(name);
        std::fs::create_dir_all(path("a/b")).unwrap();
        std::fs::write(path("a/b/mail"), "x").unwrap();
        std::fs::write(path("plain"), "x").unwrap();
        symlink(path("plain"), path("link")).unwrap();
        symlink(top.path(), path("a/loop")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, path("pipe"), rustix::fs::Mode::RUSR).unwrap();
        let walk = walk(top.path()).unwrap();
        let names: Vec<_> = walk.files.iter().map(|found| readable(&found.levels.join(&b'/'))).collect();
        assert_eq!(names, ["a/b/mail", "plain"]);
        assert!(walk.warnings[0].contains("3 links, pipes or devices"), "{:?}", walk.warnings);
        assert!(open(&path("link"), false).is_err());
        assert!(open(&path("link"), true).is_ok());
        assert!(open(&path("pipe"), true).is_err());
        assert!(open(&path("a"), true).is_err());
    }
}
