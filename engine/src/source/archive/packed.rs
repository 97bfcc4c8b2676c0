//! Files that are compressed one by one, told by their first octets.
//! Never expands one beyond the longest message that there may be, and never gives octets for a message that no
//! message begins with.

use std::fs::File;
use std::io::{self, Read};

/// Octets that one file may expand to.
pub const EXPANDED_OCTETS_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// Memory that the dictionary of an xz file may take, in units of 1024 octets: `xz -9` takes 64 MiB.
const XZ_MEMORY_KIB_MAX: u32 = 96 * 1024;

/// What Dovecot's LZ4 files begin with, before the longest chunk's length and the chunks.
const LZ4_MAGIC: &[u8] = b"Dovecot-LZ4\x0d\x2a\x9b\xc5";

/// Octets of one chunk of such a file, expanded or not; Dovecot writes 65536.
const LZ4_CHUNK_OCTETS_MAX: u32 = 1024 * 1024;

/// What files of Dovecot's mail-crypt plugin begin with.
const CRYPTED_MAGIC: &[u8] = b"CRYPTED\x03\x07";

/// Octets at a file's beginning by which it is judged.
const BEGIN_OCTETS: usize = 16;

/// What a file's first octets say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// As it is.
    Plain,
    /// gzip (RFC 1952).
    Gzip,
    /// bzip2.
    Bzip2,
    /// Zstandard (RFC 8878), a skippable frame before it or not.
    Zstandard,
    /// xz.
    Xz,
    /// LZ4 blocks in Dovecot's own framing.
    DovecotLz4,
}

impl Packing {
    /// Judges a file's first octets.
    #[must_use]
    pub fn of(begin: &[u8]) -> Self {
        match begin {
            [0x1f, 0x8b, 8, ..] => Self::Gzip,
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, ..] => Self::Bzip2,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstandard,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            _ if begin.starts_with(LZ4_MAGIC) => Self::DovecotLz4,
            _ => Self::Plain,
        }
    }
}

/// Reads a file, expanded where it is compressed.
///
/// # Errors
/// Where it cannot be read at all.
pub fn read(file: File) -> io::Result<Box<dyn Read>> {
    expanded(file)
}

/// Reads octets, expanded where they are compressed.
///
/// # Errors
/// Where they cannot be read at all.
pub fn expanded<'a>(stored: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut stored = Peeking::new(stored);
    Ok(match Packing::of(stored.peek(BEGIN_OCTETS)?) {
        Packing::Plain => Box::new(stored),
        Packing::Gzip => limited(flate2::read::MultiGzDecoder::new(stored)),
        Packing::Bzip2 => limited(bzip2::read::MultiBzDecoder::new(stored)),
        Packing::Zstandard => limited(Frames { stored: Some(stored), decoder: None }),
        Packing::Xz => limited(lzma_rust2::XzReader::new_mem_limit(stored, true, XZ_MEMORY_KIB_MAX)),
        Packing::DovecotLz4 => limited(Chunks::begin(stored)?),
    })
}

/// Gives the octets back where a message may begin with them.
///
/// # Errors
/// Where they are no text: an unknown packing, an encrypted file, the zeros that a crash leaves.
pub fn text<'a>(octets: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut octets = Peeking::new(octets);
    let begin = octets.peek(BEGIN_OCTETS)?;
    if begin.starts_with(CRYPTED_MAGIC) {
        return Err(wrong(
            "it is encrypted by Dovecot's mail-crypt plugin; Dovecot itself can give it out, over IMAP",
        ));
    }
    let is_control = |octet: &u8| matches!(octet, 0..=8 | 0x0b | 0x0e..=0x1f | 0x7f);
    // Mail of East Asia may have its fields as they are (RFC 1468 §2, RFC 1557).
    let is_shift = |octet: &u8| matches!(octet, 0x0e | 0x0f | 0x1b);
    let value = begin.len() - field_value(begin).len();
    let (name, value) = begin.split_at(value);
    if name.iter().any(is_control) || value.iter().any(|octet| is_control(octet) && !is_shift(octet)) {
        return Err(wrong(
            "its first octets are no header of a message, nor a packing that is known: gzip, bzip2, Zstandard, xz or \
             Dovecot's LZ4",
        ));
    }
    Ok(Box::new(octets))
}

/// What stands behind the name of a field and its colon (RFC 5322 §2.2); nothing where there is none.
fn field_value(begin: &[u8]) -> &[u8] {
    let name = begin.iter().take_while(|octet| matches!(octet, 33..=57 | 59..=126)).count();
    match &begin[name..] {
        [b':', value @ ..] if name > 0 => value,
        _ => &[],
    }
}

fn wrong(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn limited<'a>(inner: impl Read + 'a) -> Box<dyn Read + 'a> {
    Box::new(Limited { inner, left: EXPANDED_OCTETS_MAX, failure: None })
}

/// Fails where a file expands beyond the limit, and goes on failing once it has failed: a decoder that erred is not
/// asked again.
struct Limited<R> {
    inner: R,
    left: u64,
    failure: Option<(io::ErrorKind, String)>,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Some((kind, why)) = &self.failure {
            return Err(io::Error::new(*kind, why.clone()));
        }
        let read = self.inner.read(into).and_then(|read| {
            let left = self.left.checked_sub(read as u64);
            self.left =
                left.ok_or_else(|| wrong(&format!("it expands to more than {EXPANDED_OCTETS_MAX} octets")))?;
            Ok(read)
        });
        if let Err(cause) = &read
            && cause.kind() != io::ErrorKind::Interrupted
        {
            self.failure = Some((cause.kind(), cause.to_string()));
        }
        read
    }
}

/// Octets whose first ones were looked at.
pub struct Peeking<R> {
    held: Vec<u8>,
    given: usize,
    inner: R,
}

impl<R: Read> Peeking<R> {
    /// Nothing looked at yet.
    pub const fn new(inner: R) -> Self {
        Self { held: Vec::new(), given: 0, inner }
    }

    /// The next octets without taking them; fewer than `octets` at the end alone.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub fn peek(&mut self, octets: usize) -> io::Result<&[u8]> {
        self.held.drain(..self.given);
        self.given = 0;
        let missing = octets.saturating_sub(self.held.len());
        (&mut self.inner).take(missing as u64).read_to_end(&mut self.held)?;
        Ok(&self.held[..octets.min(self.held.len())])
    }
}

impl<R: Read> Read for Peeking<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.given == self.held.len() {
            return self.inner.read(into);
        }
        let taken = into.len().min(self.held.len() - self.given);
        into[..taken].copy_from_slice(&self.held[self.given..self.given + taken]);
        self.given += taken;
        Ok(taken)
    }
}

/// Zstandard frames, one behind the other.
struct Frames<R: Read> {
    stored: Option<Peeking<R>>,
    decoder: Option<Box<Decoder<R>>>,
}

type Decoder<R> = ruzstd::decoding::StreamingDecoder<Peeking<R>, ruzstd::decoding::FrameDecoder>;

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(decoder) = &mut self.decoder {
                let read = decoder.read(into)?;
                if read > 0 || into.is_empty() {
                    return Ok(read);
                }
                // The decoder reckons the checksum and leaves it to its caller to look at it (RFC 8878 §3.1.1).
                let told = decoder.decoder.get_checksum_from_data();
                if told.is_some() && told != decoder.decoder.get_calculated_checksum() {
                    return Err(wrong("its checksum is not right"));
                }
                self.stored = self.decoder.take().map(|decoder| decoder.into_inner());
            }
            let Some(mut stored) = self.stored.take() else { return Ok(0) };
            match stored.peek(8)? {
                [] => return Ok(0),
                // Whatever it holds is for somebody else (RFC 8878 §3.1.2).
                [0x50..=0x5f, 0x2a, 0x4d, 0x18, length @ ..] => {
                    let length =
                        <[u8; 4]>::try_from(length).map_err(|_| wrong("it is cut off in a frame"))?;
                    let frame = 8 + u64::from(u32::from_le_bytes(length));
                    if io::copy(&mut (&mut stored).take(frame), &mut io::sink())? < frame {
                        return Err(wrong("it is cut off in a frame"));
                    }
                    self.stored = Some(stored);
                }
                _ => {
                    let decoder = Decoder::new(stored).map_err(|cause| wrong(&cause.to_string()))?;
                    self.decoder = Some(Box::new(decoder));
                }
            }
        }
    }
}

/// LZ4 blocks as Dovecot writes them: each behind its length in four octets, the highest first.
struct Chunks<R> {
    stored: Peeking<R>,
    expanded_max: usize,
    chunk: Vec<u8>,
    given: usize,
}

impl<R: Read> Chunks<R> {
    fn begin(mut stored: Peeking<R>) -> io::Result<Self> {
        io::copy(&mut (&mut stored).take(LZ4_MAGIC.len() as u64), &mut io::sink())?;
        let expanded_max = length(&mut stored)?.ok_or_else(|| wrong("it is cut off in its beginning"))?;
        Ok(Self { stored, expanded_max, chunk: Vec::new(), given: 0 })
    }
}

impl<R: Read> Read for Chunks<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.given == self.chunk.len() && !into.is_empty() {
            let Some(octets) = length(&mut self.stored)? else { return Ok(0) };
            let mut packed = Vec::new();
            (&mut self.stored).take(octets as u64).read_to_end(&mut packed)?;
            if packed.len() < octets {
                return Err(wrong("it is cut off in a chunk"));
            }
            self.chunk.resize(self.expanded_max, 0);
            let expanded = lz4_flex::block::decompress_into(&packed, &mut self.chunk);
            self.chunk.truncate(expanded.map_err(|cause| wrong(&cause.to_string()))?);
            self.given = 0;
        }
        let taken = into.len().min(self.chunk.len() - self.given);
        into[..taken].copy_from_slice(&self.chunk[self.given..self.given + taken]);
        self.given += taken;
        Ok(taken)
    }
}

/// A chunk's length; nothing at the end of the file.
fn length(stored: &mut Peeking<impl Read>) -> io::Result<Option<usize>> {
    let begin = stored.peek(4)?;
    if begin.is_empty() {
        return Ok(None);
    }
    let octets = <[u8; 4]>::try_from(begin).map_err(|_| wrong("it is cut off in a chunk's length"))?;
    let length = u32::from_be_bytes(octets);
    if length > LZ4_CHUNK_OCTETS_MAX {
        return Err(wrong("one of its chunks is longer than any"));
    }
    stored.read_exact(&mut [0; 4])?;
    Ok(usize::try_from(length).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek as _, Write as _};

    fn check(packed: &[u8], expected: Option<&[u8]>) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(packed).unwrap();
        file.rewind().unwrap();
        let mut all = Vec::new();
        let result = read(file).and_then(|mut reader| reader.read_to_end(&mut all));
        match expected {
            Some(expected) => assert_eq!((all.as_slice(), result.is_ok()), (expected, true), "{result:?}"),
            None => assert!(result.is_err(), "{} octets", all.len()),
        }
    }

    /// As Dovecot writes it, in chunks of at most `octets_max`.
    fn lz4(text: &[u8], octets_max: u32) -> Vec<u8> {
        let mut whole = [LZ4_MAGIC, &octets_max.to_be_bytes()].concat();
        for chunk in text.chunks(octets_max as usize) {
            let packed = lz4_flex::block::compress(chunk);
            whole.extend(u32::try_from(packed.len()).unwrap().to_be_bytes());
            whole.extend(packed);
        }
        whole
    }

    fn xz(text: &[u8], preset: u32) -> Vec<u8> {
        let options = lzma_rust2::XzOptions::with_preset(preset);
        let mut writer = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
        writer.write_all(text).unwrap();
        writer.finish().unwrap()
    }

    /// The same text as gzip, bzip2, Zstandard and xz.
    fn packings(text: &[u8], xz_preset: u32) -> [Vec<u8>; 4] {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(text).unwrap();
        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
        bzip2.write_all(text).unwrap();
        let zstandard = ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest);
        [gzip.finish().unwrap(), bzip2.finish().unwrap(), zstandard, xz(text, xz_preset)]
    }

    #[test]
    fn each_packing_is_undone_and_a_cut_one_is_told() {
        let text = "Subject: x\r\n\r\n".repeat(500);
        let [gzip, bzip2, zstandard, xz] = packings(text.as_bytes(), 9);
        let skipped = [&b"\x53\x2a\x4d\x18\x03\0\0\0abc"[..], &zstandard].concat();
        for packed in [gzip, bzip2, zstandard, skipped, xz] {
            check(&packed, Some(text.as_bytes()));
            check(&[packed.clone(), packed.clone()].concat(), Some(text.repeat(2).as_bytes()));
            check(&packed[..packed.len() - 5], None);
        }
        check(text.as_bytes(), Some(text.as_bytes()));
        check(b"", Some(b""));
    }

    #[test]
    fn dovecots_chunks_are_undone_and_hostile_ones_refused() {
        let text = "Subject: x\r\n\r\n".repeat(500);
        for octets_max in [100, 65_536] {
            let whole = lz4(text.as_bytes(), octets_max);
            check(&whole, Some(text.as_bytes()));
            check(&whole[..whole.len() - 3], None);
            check(&whole[..17], None);
        }
        let begin = |octets_max: u32| [LZ4_MAGIC, &octets_max.to_be_bytes()].concat();
        check(&begin(u32::MAX), None);
        check(&[begin(65_536), vec![0xff; 4]].concat(), None);
        // A block that would expand beyond what was announced.
        let long = lz4(text.as_bytes(), 65_536);
        check(&[begin(100), long[19..].to_vec()].concat(), None);
        check(&begin(65_536), Some(b""));
    }

    #[test]
    fn damaged_octets_fail_and_never_break_the_reader() {
        let text = "Subject: x\r\n\r\n".repeat(50);
        for packed in [lz4(text.as_bytes(), 200), xz(text.as_bytes(), 6)] {
            for at in 15..packed.len() {
                let mut damaged = packed.clone();
                damaged[at] ^= 0x55;
                let mut reader = match expanded(damaged.as_slice()) {
                    Ok(reader) => reader,
                    Err(_) => continue,
                };
                let mut all = Vec::new();
                if reader.read_to_end(&mut all).is_err() {
                    assert!(reader.read(&mut [0; 8]).is_err(), "octet {at}: it goes on after a failure");
                }
            }
        }
    }

    #[test]
    fn an_altered_text_is_never_given_where_a_checksum_can_tell() {
        let text = "Subject: x\r\n\r\n".repeat(50);
        for packed in packings(text.as_bytes(), 6) {
            for (at, bit) in (10..packed.len()).flat_map(|at| [(at, 0), (at, 2), (at, 5)]) {
                let mut damaged = packed.clone();
                damaged[at] ^= 1 << bit;
                let mut all = Vec::new();
                let read = expanded(damaged.as_slice()).and_then(|mut reader| reader.read_to_end(&mut all));
                let is_altered = read.is_ok() && all != text.as_bytes();
                assert!(!is_altered, "bit {bit} of octet {at} of {}", packed[..4].escape_ascii());
            }
        }
    }

    #[test]
    fn what_no_message_begins_with_is_refused() {
        for (octets, may_be) in [
            (&b""[..], true),
            (b"Subject: x", true),
            (b"\r\n\tx", true),
            (b"\xef\xbb\xbfSubject: x", true),
            (b"From x@y", true),
            (b"Subject: \x1b$B%F%9\x1b(B", true),
            (b"To: \x0e1h\x0f", true),
            (b"Subject: \x01", false),
            (b"\x1b$B: x", false),
            (b": \x1b$B", false),
            (b"\x04\x22\x4d\x18 lz4", false),
            (b"LZIP\x01", false),
            (&[0; 100], false),
            (b"\xff\xfeS\0u\0", false),
            (b"CRYPTED\x03\x07", false),
        ] {
            assert_eq!(text(octets).is_ok(), may_be, "{}", octets.escape_ascii());
        }
    }
}
