//! What is inside an embedded OLE object: a compound file ([MS-CFB]) that wraps a document or a file.
//! Never the object in memory, and never more than a limit of what it wraps: larger ones are carried as they are.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use super::message::read_exactly;
use crate::store::{Blob, Blobs};

/// Largest object that is looked into, in octets: the list of what is in it takes more memory than it has octets.
pub const OLE_OCTETS_MAX: u64 = 16 * 1024 * 1024;
/// Octets of an object that are read at once.
const PIECE_OCTETS: usize = 16 * 1024;

/// The marks of a compound file's first octets ([MS-CFB] §2.2).
const SIGNATURE: [u8; 8] = [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];
/// Streams that hold a whole document of its own.
const DOCUMENTS: [&str; 2] = ["/Package", "/CONTENTS"];
/// The stream of a wrapped file, with its name ([MS-OLEDS] §2.3.6).
const NATIVE: &str = "/\u{1}Ole10Native";

/// A file taken out of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inner {
    /// Its name, where the object keeps one.
    pub name: Option<String>,
    /// Its octets.
    pub octets: Vec<u8>,
}

/// What an object wraps, where that has at most `octets_max` octets; nothing where it is no compound file, too large,
/// or wraps nothing that is a file by itself.
///
/// # Errors
/// Where the blob cannot be read.
pub fn inner(blob: &Blob, blobs: &mut dyn Blobs, octets_max: u64) -> io::Result<Option<Inner>> {
    if blob.octets > OLE_OCTETS_MAX || blob.octets < SIGNATURE.len() as u64 {
        return Ok(None);
    }
    let mut signature = [0; 8];
    read_exactly(blobs, blob, 0, &mut signature)?;
    if signature != SIGNATURE {
        return Ok(None);
    }
    let mut failed = None;
    let object = Object { blob, blobs, at: 0, failed: &mut failed };
    let inner = inner_of(BufReader::with_capacity(PIECE_OCTETS, object), octets_max);
    // What cannot be read of the store is no fault of the object's form.
    failed.map_or(Ok(inner), Err)
}

/// An object as a file.
struct Object<'b> {
    blob: &'b Blob,
    blobs: &'b mut dyn Blobs,
    at: u64,
    failed: &'b mut Option<io::Error>,
}

impl Read for Object<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.blob.octets.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let wanted = into.len().min(left);
        if let Err(cause) = read_exactly(self.blobs, self.blob, self.at, &mut into[..wanted]) {
            let told = io::Error::new(cause.kind(), cause.to_string());
            self.failed.get_or_insert(cause);
            return Err(told);
        }
        self.at += wanted as u64;
        Ok(wanted)
    }
}

impl Seek for Object<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(offset) => self.blob.octets.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.at.checked_add_signed(offset),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

fn inner_of(object: impl Read + Seek, octets_max: u64) -> Option<Inner> {
    let mut file = cfb::CompoundFile::open(object).ok()?;
    for path in DOCUMENTS {
        // One that is too long is the document all the same: nothing else stands for it.
        if let Some(octets) = stream(&mut file, path, octets_max)? {
            return Some(Inner { name: None, octets });
        }
    }
    native(stream(&mut file, NATIVE, octets_max)??)
}

/// The octets of a stream; nothing within where it is not there, empty or unreadable, nothing at all where it is too
/// long.
#[expect(clippy::option_option, reason = "not there and too long lead to different ends")]
fn stream<F: Read + Seek>(
    file: &mut cfb::CompoundFile<F>,
    path: &str,
    octets_max: u64,
) -> Option<Option<Vec<u8>>> {
    let Ok(stream) = file.open_stream(path) else { return Some(None) };
    if stream.len() > octets_max {
        return None;
    }
    let mut octets = Vec::new();
    let is_read = stream.take(octets_max).read_to_end(&mut octets).is_ok();
    Some((is_read && !octets.is_empty()).then_some(octets))
}

/// Size, two octets, label, path, four octets, the path's length, the path again, the file's length, the file.
fn native(mut octets: Vec<u8>) -> Option<Inner> {
    let rest = octets.get(6..)?;
    let (label, rest) = narrow(rest)?;
    let (_, rest) = narrow(rest)?;
    let length = le32(rest.get(4..)?)?;
    let rest = rest.get(8..)?.get(length..)?;
    let length = le32(rest)?;
    let file = rest.get(4..)?.get(..length)?;
    let name = (!label.is_empty()).then(|| String::from_utf8_lossy(label).into_owned());
    let before = octets.len() - (rest.len() - 4);
    let length = file.len();
    octets.drain(..before);
    octets.truncate(length);
    Some(Inner { name, octets })
}

fn narrow(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(0, octets)?;
    Some((&octets[..end], &octets[end + 1..]))
}

fn le32(octets: &[u8]) -> Option<usize> {
    octets.first_chunk::<4>().and_then(|four| usize::try_from(u32::from_le_bytes(*four)).ok())
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use super::{Inner, inner_of};

    fn compound(path: &str, octets: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new()))?;
        file.create_stream(path)?.write_all(octets)?;
        file.flush()?;
        Ok(file.into_inner().into_inner())
    }

    #[test]
    fn documents_and_wrapped_files_are_taken_out() -> anyhow::Result<()> {
        for path in ["/Package", "/CONTENTS"] {
            let found = inner_of(Cursor::new(compound(path, b"a document")?), u64::MAX);
            assert_eq!(found, Some(Inner { name: None, octets: b"a document".to_vec() }), "{path}");
        }
        let mut native = vec![0, 0, 0, 0, 2, 0];
        native.extend(b"note.txt\0C:\\note.txt\0\0\0\x03\0");
        native.extend([8, 0, 0, 0]);
        native.extend(b"C:\\note\0");
        native.extend([4, 0, 0, 0]);
        native.extend(b"text");
        let found = inner_of(Cursor::new(compound("/\u{1}Ole10Native", &native)?), u64::MAX);
        assert_eq!(found, Some(Inner { name: Some("note.txt".into()), octets: b"text".to_vec() }));
        assert_eq!(inner_of(Cursor::new(compound("/Other", b"x")?), u64::MAX), None);
        assert_eq!(inner_of(Cursor::new(compound("/Package", b"a document")?), 9), None, "too long");
        let mut both = cfb::CompoundFile::open(Cursor::new(compound("/Package", b"a document")?))?;
        both.create_stream("/CONTENTS")?.write_all(b"short")?;
        assert_eq!(inner_of(both.into_inner(), 9), None, "another stream does not stand for the document");
        Ok(())
    }

    #[test]
    fn broken_compound_files_are_refused_without_a_panic() -> anyhow::Result<()> {
        let whole = compound("/Package", &[7; 5_000])?;
        for place in (0..whole.len()).step_by(7) {
            let mut broken = whole.clone();
            broken[place] ^= 0xFF;
            let _ = inner_of(Cursor::new(broken), 10_000);
            let _ = inner_of(Cursor::new(&whole[..place]), 10_000);
        }
        Ok(())
    }
}
