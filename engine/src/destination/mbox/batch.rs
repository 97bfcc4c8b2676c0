//! The octets of one batch, laid out beside the mbox before any of them is written into it.
//! Never holds a message that did not come whole.
//!
//! What a dead run left at the end of the mbox is held against this file: only what is the beginning of exactly these
//! octets is known to be ours, and only that is ever cut off.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read as _, Write};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use malote_plan::message::Flags;

use super::journal::{Planned, Row};
use super::write::{Spooled, lines_of_flags, separator, write};
use crate::source::archive::files::Slice;
use crate::source::mbox::tree::BATCH_HEAD;

/// The first line, so that nobody takes the file for an mbox.
pub(super) const HEAD: &[u8] = BATCH_HEAD.as_bytes();

/// Octets that are compared at once.
const COMPARED_OCTETS: usize = 64 * 1024;

/// A batch in its file.
pub(super) struct Batch {
    path: PathBuf,
    file: Arc<File>,
    pub planned: Planned,
}

/// A batch that is being laid out.
pub(super) struct Layout {
    path: PathBuf,
    into: BufWriter<File>,
    hasher: blake3::Hasher,
    octets: u64,
    /// Where in the mbox the batch begins.
    end: u64,
}

/// The files that hold batches of the mbox at `path`: what is moved is laid out beside the batch that proves what it
/// is moved away from, and each stays until no journal speaks of it.
fn beside(path: &Path) -> [PathBuf; 2] {
    [".malote-batch", ".malote-move"].map(|ending| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    })
}

impl Layout {
    /// Begins a batch that is to stand behind octet `end` of the mbox at `path`.
    pub(super) fn begin(path: &Path, end: u64) -> io::Result<Self> {
        let [path, _] = beside(path);
        Self::begin_in(path, end)
    }

    /// The same where `other` is still needed.
    pub(super) fn begin_apart(path: &Path, end: u64, other: Option<&Batch>) -> io::Result<Self> {
        let [one, two] = beside(path);
        Self::begin_in(if other.is_some_and(|other| other.path == two) { one } else { two }, end)
    }

    fn begin_in(path: PathBuf, end: u64) -> io::Result<Self> {
        let file =
            File::options().read(true).write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        let mut into = BufWriter::new(file);
        into.write_all(HEAD)?;
        Ok(Self { path, into, hasher: blake3::Hasher::new(), octets: 0, end })
    }

    /// Lays a message out; its row as it will stand in the mbox.
    pub(super) fn add(
        &mut self,
        spooled: Spooled,
        flags: &Flags,
        unix_seconds: i64,
        uid: u32,
    ) -> io::Result<Row> {
        self.write_all(separator(unix_seconds).as_bytes())?;
        self.write_all(lines_of_flags(flags).as_bytes())?;
        let (at, octets, keeps_ends, hash) =
            (self.end + self.octets, spooled.octets, spooled.keeps_ends, spooled.hash);
        let stored = write(spooled, self)?;
        let (is_own, quotes_header) = (true, true);
        Ok(Row { uid, at, stored, octets, unix_seconds, is_own, quotes_header, keeps_ends, hash })
    }

    /// All is laid out.
    pub(super) fn finish(self) -> io::Result<Batch> {
        let planned = Planned { octets: self.octets, hash: *self.hasher.finalize().as_bytes() };
        let file = self.into.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Batch { path: self.path, file: Arc::new(file), planned })
    }
}

impl Write for Layout {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.into.write_all(octets)?;
        self.hasher.update(octets);
        self.octets += octets.len() as u64;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.into.flush()
    }
}

impl Batch {
    /// The batch of the mbox at `path`, where a file is there that holds exactly what was planned.
    pub(super) fn find(path: &Path, planned: Planned) -> Option<Self> {
        let [one, two] = beside(path);
        if planned == Planned::nothing() {
            return Some(Self { file: Arc::new(File::open("/dev/null").ok()?), path: one, planned });
        }
        [one, two].into_iter().find_map(|path| Self::find_in(path, planned))
    }

    fn find_in(path: PathBuf, planned: Planned) -> Option<Self> {
        let file = Arc::new(File::open(&path).ok()?);
        let batch = Self { path, file, planned };
        let octets = batch.file.metadata().ok()?.len();
        let is_whole = octets == HEAD.len() as u64 + planned.octets && hash(batch.octets(0))? == planned.hash;
        is_whole.then_some(batch)
    }

    /// Its file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Its octets from one on.
    pub(super) fn octets(&self, from: u64) -> Slice {
        let left = self.planned.octets.saturating_sub(from);
        Slice::new(Arc::clone(&self.file), HEAD.len() as u64 + from, left)
    }

    /// Makes the file durable: it is about to be the only place of its octets.
    pub(super) fn keep(&self) -> io::Result<()> {
        self.file.sync_all()?;
        File::open(self.path.parent().unwrap_or(Path::new(".")))?.sync_all()
    }
}

/// Removes the files of batches: all of them is where it belongs.
pub(super) fn remove(path: &Path) {
    // One that stays is removed at the next opening, and no journal speaks of it.
    beside(path).iter().for_each(|file| drop(fs::remove_file(file)));
}

/// The files of batches that are there.
pub(super) fn files(path: &Path) -> impl Iterator<Item = PathBuf> {
    beside(path).into_iter().filter(|file| file.symlink_metadata().is_ok())
}

/// The BLAKE3 of what is read; nothing where it cannot be read to its end.
pub(super) fn hash(mut from: Slice) -> Option<[u8; 32]> {
    let (mut hasher, mut buffer) = (blake3::Hasher::new(), vec![0; COMPARED_OCTETS]);
    loop {
        match from.read(&mut buffer).ok()? {
            0 => return Some(*hasher.finalize().as_bytes()),
            read => hasher.update(&buffer[..read]),
        };
    }
}

/// How many octets of `file` from `at` on are those of a batch.
pub(super) fn common(file: &File, at: u64, mut batch: Slice) -> io::Result<u64> {
    let (mut theirs, mut ours) = (vec![0; COMPARED_OCTETS], vec![0; COMPARED_OCTETS]);
    let mut alike = 0;
    loop {
        let wanted = batch.read(&mut ours)?;
        let mut found = 0;
        while found < wanted {
            match file.read_at(&mut theirs[found..wanted], at + alike + found as u64)? {
                0 => break,
                read => found += read,
            }
        }
        let same = theirs[..found].iter().zip(&ours[..found]).take_while(|(one, other)| one == other).count();
        alike += same as u64;
        if wanted == 0 || same < wanted {
            return Ok(alike);
        }
    }
}
