//! Whether a store is still the file that it was when it was opened.
//! Never looks at mail: length, time and header change with whatever a mail program changes.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use malote_plan::failure::{Class, Reach, Retry, Side};
use malote_plan::message::UidValidity;

use crate::failure::Failure;

/// Octets at a file's beginning that change with whatever changes in it ([MS-PST] §2.2.2.6).
const HEADER_OCTETS: usize = 1024;

/// What tells one state of a file from another.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Print {
    octets: u64,
    changed_seconds: i64,
    changed_nanoseconds: i64,
    header: Vec<u8>,
}

impl Print {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let mut header = vec![0; HEADER_OCTETS];
        let mut filled = 0;
        while filled < HEADER_OCTETS {
            match file.read_at(&mut header[filled..], filled as u64)? {
                0 => break,
                count => filled += count,
            }
        }
        header.truncate(filled);
        let (changed_seconds, changed_nanoseconds) = (metadata.mtime(), metadata.mtime_nsec());
        Ok(Self { octets: metadata.len(), changed_seconds, changed_nanoseconds, header })
    }
}

/// An open store and the state in which it was opened.
#[derive(Debug)]
pub(super) struct Watch {
    path: PathBuf,
    file: File,
    print: Print,
}

impl Watch {
    /// Opens the file at `path` and remembers its state, before anything else of it is read.
    ///
    /// # Errors
    /// Where it cannot be opened or read.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let print = Print::of(&file)?;
        Ok(Self { path: path.to_owned(), file, print })
    }

    /// Another handle on the very file, whatever lies at its path by now.
    ///
    /// # Errors
    /// Where there are too many.
    pub(super) fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// UIDs are node ids. A store gives none twice, but two copies of one store that went on apart give the same ones
    /// to different items, and either may be put in the other's place: whatever changed in the file is another
    /// generation, whose messages a run knows again by their identity.
    pub(super) fn generation(&self, record_key: &[u8]) -> Option<UidValidity> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(record_key);
        let print = &self.print;
        for number in [print.octets.cast_signed(), print.changed_seconds, print.changed_nanoseconds] {
            hasher.update(&number.to_le_bytes());
        }
        hasher.update(&print.header);
        let mut first = [0; 4];
        hasher.finalize_xof().fill(&mut first);
        UidValidity::new(u32::from_le_bytes(first).max(1))
    }

    /// Holds the open file against the state that it was opened in.
    ///
    /// # Errors
    /// Where it was written to: then octets of two states may have been read for one message.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let is_same = Print::of(&self.file).is_ok_and(|print| print == self.print);
        if is_same { Ok(()) } else { Err(self.changed()) }
    }

    /// What there is to be told where another file lies at the path by now. What was opened is read all the same: no
    /// octet of it changes because it lost its name.
    pub(super) fn replaced(&self) -> Option<String> {
        let there = File::open(&self.path).and_then(|file| Print::of(&file));
        there.is_ok_and(|print| print != self.print).then(|| {
            format!(
                "{}: the file changed or was replaced during the run, which carries what was there at its beginning; \
                 run again for what is there now",
                self.path.display()
            )
        })
    }

    fn changed(&self) -> Failure {
        let message = format!(
            "{}: changed while it was read; run again once nothing writes to it any more",
            self.path.display()
        );
        Failure::new(Side::Source, Class::ServerTemporary, Reach::Account, Retry::Never, message)
    }

    /// Octets that count only if the file is still the same once they were read: else their end is an error.
    pub(super) fn guard<'a>(&'a self, reader: impl Read + 'a) -> impl Read + 'a {
        Guarded { watch: self, reader }
    }
}

struct Guarded<'a, R> {
    watch: &'a Watch,
    reader: R,
}

impl<R: Read> Read for Guarded<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(into)?;
        if count == 0 && !into.is_empty() {
            self.watch.check().map_err(|failure| io::Error::other(failure.message))?;
        }
        Ok(count)
    }
}
