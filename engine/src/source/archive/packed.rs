//! Files that are compressed one by one, told by their first octets.
//! Never expands one beyond the longest message that there may be.

use std::fs::File;
use std::io::{self, Read, Seek as _};

/// Octets that one file may expand to.
pub const EXPANDED_OCTETS_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// What a file's first octets say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// As it is.
    Plain,
    /// gzip (RFC 1952).
    Gzip,
    /// bzip2.
    Bzip2,
    /// Zstandard (RFC 8878).
    Zstandard,
}

impl Packing {
    /// Judges a file's first octets.
    #[must_use]
    pub fn of(begin: &[u8]) -> Self {
        match begin {
            [0x1f, 0x8b, 8, ..] => Self::Gzip,
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, ..] => Self::Bzip2,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstandard,
            _ => Self::Plain,
        }
    }
}

/// Reads a file, expanded where it is compressed.
///
/// # Errors
/// Where it cannot be read at all.
pub fn read(mut file: File) -> io::Result<Box<dyn Read>> {
    let mut begin = Vec::new();
    (&mut file).take(8).read_to_end(&mut begin)?;
    file.rewind()?;
    Ok(match Packing::of(&begin) {
        Packing::Plain => Box::new(file),
        Packing::Gzip => limited(flate2::read::MultiGzDecoder::new(file)),
        Packing::Bzip2 => limited(bzip2::read::MultiBzDecoder::new(file)),
        Packing::Zstandard => limited(Frames { file: Some(file), decoder: None }),
    })
}

fn limited(inner: impl Read + 'static) -> Box<dyn Read> {
    Box::new(Limited { inner, left: EXPANDED_OCTETS_MAX })
}

/// Fails where a file expands beyond the limit.
struct Limited<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            let message = format!("it expands to more than {EXPANDED_OCTETS_MAX} octets");
            io::Error::new(io::ErrorKind::InvalidData, message)
        })?;
        Ok(read)
    }
}

/// Zstandard frames, one behind the other.
struct Frames {
    file: Option<File>,
    decoder: Option<Box<Decoder>>,
}

type Decoder = ruzstd::decoding::StreamingDecoder<File, ruzstd::decoding::FrameDecoder>;

impl Read for Frames {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let damaged = |cause: String| io::Error::new(io::ErrorKind::InvalidData, cause);
        loop {
            if let Some(decoder) = &mut self.decoder {
                let read = decoder.read(into)?;
                if read > 0 || into.is_empty() {
                    return Ok(read);
                }
                self.file = self.decoder.take().map(|decoder| decoder.into_inner());
            }
            let Some(mut file) = self.file.take() else { return Ok(0) };
            if file.read(&mut [0])? == 0 {
                return Ok(0);
            }
            file.seek_relative(-1)?;
            let decoder = Decoder::new(file).map_err(|cause| damaged(cause.to_string()))?;
            self.decoder = Some(Box::new(decoder));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn check(packed: &[u8], expected: Option<&[u8]>) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(packed).unwrap();
        file.rewind().unwrap();
        let mut all = Vec::new();
        let result = read(file).and_then(|mut reader| reader.read_to_end(&mut all));
        match expected {
            Some(expected) => assert_eq!((all.as_slice(), result.is_ok()), (expected, true), "{result:?}"),
            None => assert!(result.is_err()),
        }
    }

    #[test]
    fn each_packing_is_undone_and_a_cut_one_is_told() {
        let text = "Subject: x\r\n\r\n".repeat(500);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(text.as_bytes()).unwrap();
        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
        bzip2.write_all(text.as_bytes()).unwrap();
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        let zstandard = ruzstd::encoding::compress_to_vec(text.as_bytes(), level);
        for packed in [gzip.finish().unwrap(), bzip2.finish().unwrap(), zstandard] {
            check(&packed, Some(text.as_bytes()));
            check(&[packed.clone(), packed.clone()].concat(), Some(text.repeat(2).as_bytes()));
            check(&packed[..packed.len() - 5], None);
        }
        check(text.as_bytes(), Some(text.as_bytes()));
        check(b"", Some(b""));
    }
}
