//! Line ends: whatever a file has, a message goes out with CRLF (RFC 5322 §2.1).
//! Never touches a carriage return that no line feed follows, nor anything else.

use std::io::{self, BufRead, BufReader, Read};

/// Octets that are read from a file at once.
const BUFFER_OCTETS: usize = 64 * 1024;

/// Gives every line feed a carriage return before it that has none.
pub struct CrLf<R> {
    inner: BufReader<R>,
    was_return: bool,
    /// True when the line feed of a pair is still to be given.
    owes_feed: bool,
}

impl<R: Read> CrLf<R> {
    /// Reads `inner`.
    pub fn new(inner: R) -> Self {
        Self { inner: BufReader::with_capacity(BUFFER_OCTETS, inner), was_return: false, owes_feed: false }
    }
}

impl<R: Read> Read for CrLf<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut written = 0;
        while written < into.len() {
            if self.owes_feed {
                (into[written], self.owes_feed) = (b'\n', false);
                written += 1;
                continue;
            }
            let available = match self.inner.fill_buf() {
                Ok(available) => available,
                // What was converted before the failure is given first; the next call meets it again.
                Err(_) if written > 0 => break,
                Err(cause) => return Err(cause),
            };
            if available.is_empty() {
                break;
            }
            if available[0] == b'\n' {
                self.inner.consume(1);
                if self.was_return {
                    into[written] = b'\n';
                } else {
                    (into[written], self.owes_feed) = (b'\r', true);
                }
                (written, self.was_return) = (written + 1, false);
                continue;
            }
            let room = available.len().min(into.len() - written);
            let taken = memchr::memchr(b'\n', &available[..room]).unwrap_or(room);
            into[written..written + taken].copy_from_slice(&available[..taken]);
            self.was_return = available[taken - 1] == b'\r';
            self.inner.consume(taken);
            written += taken;
        }
        Ok(written)
    }
}

/// Passes octets on and fails at their end where they are not those that were measured before.
pub struct Verified<R> {
    inner: R,
    hasher: blake3::Hasher,
    expected: [u8; 32],
}

impl<R: Read> Verified<R> {
    /// Reads `inner`, whose BLAKE3 is to be `expected`.
    pub fn new(inner: R, expected: [u8; 32]) -> Self {
        Self { inner, hasher: blake3::Hasher::new(), expected }
    }
}

impl<R: Read> Read for Verified<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        let read = self.inner.read(into)?;
        self.hasher.update(&into[..read]);
        if read == 0 && *self.hasher.finalize().as_bytes() != self.expected {
            let message =
                "its octets are not those that were indexed: the file was written to, or the disk errs";
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(read)
    }
}

/// How many octets of a message are read, and what of them.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    /// Octets in all.
    pub octets: u64,
    /// BLAKE3 of all of them.
    pub hash: [u8; 32],
    /// The header with its blank line, up to a limit.
    pub header: Vec<u8>,
}

/// Takes octets in and measures them.
pub struct Measure {
    octets: u64,
    hasher: blake3::Hasher,
    header: Header,
}

impl Measure {
    /// Nothing measured yet; at most `header_octets_max` octets of the header are kept.
    #[must_use]
    pub fn new(header_octets_max: usize) -> Self {
        Self { octets: 0, hasher: blake3::Hasher::new(), header: Header::new(header_octets_max) }
    }

    /// Takes the next octets.
    pub fn update(&mut self, octets: &[u8]) {
        self.octets += octets.len() as u64;
        self.hasher.update(octets);
        self.header.update(octets);
    }

    /// The hash of what was taken so far, to be gone on with in another way.
    #[must_use]
    pub fn hasher(&self) -> blake3::Hasher {
        self.hasher.clone()
    }

    /// What was measured.
    #[must_use]
    pub fn finish(self) -> Measured {
        let (octets, hash) = (self.octets, *self.hasher.finalize().as_bytes());
        Measured { octets, hash, header: self.header.gathered }
    }
}

/// Gathers a header up to and with its blank line.
struct Header {
    gathered: Vec<u8>,
    octets_max: usize,
    is_whole: bool,
}

impl Header {
    const fn new(octets_max: usize) -> Self {
        Self { gathered: Vec::new(), octets_max, is_whole: false }
    }

    fn update(&mut self, mut octets: &[u8]) {
        while !self.is_whole && !octets.is_empty() {
            let taken = memchr::memchr(b'\n', octets).map_or(octets.len(), |end| end + 1);
            let room = self.octets_max - self.gathered.len();
            self.gathered.extend_from_slice(&octets[..taken.min(room)]);
            let is_blank = [&b"\n\r\n"[..], b"\n\n"].iter().any(|end| self.gathered.ends_with(end));
            let is_blank = is_blank || self.gathered == b"\r\n" || self.gathered == b"\n";
            self.is_whole = is_blank || self.gathered.len() == self.octets_max;
            octets = &octets[taken..];
        }
    }
}

/// Reads a message to its end and measures it.
///
/// # Errors
/// Where it cannot be read to its end.
pub fn measure(mut from: impl Read, header_octets_max: usize) -> io::Result<Measured> {
    let mut measure = Measure::new(header_octets_max);
    let mut buffer = vec![0; BUFFER_OCTETS];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(measure.finish()),
            Ok(read) => measure.update(&buffer[..read]),
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
}

/// A message's header with its blank line, up to `octets_max` octets.
///
/// # Errors
/// Where it cannot be read.
pub fn header(from: &mut dyn Read, octets_max: u64) -> io::Result<Vec<u8>> {
    let mut header = Header::new(usize::try_from(octets_max).unwrap_or(usize::MAX));
    let mut buffer = vec![0; 4096];
    while !header.is_whole {
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => header.update(&buffer[..read]),
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(header.gathered)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one octet at a time, as the worst of sources would.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let taken = self.0.len().min(into.len()).min(1);
            into[..taken].copy_from_slice(&self.0[..taken]);
            self.0 = &self.0[taken..];
            Ok(taken)
        }
    }

    fn converted(text: &[u8], at_once: usize) -> Vec<u8> {
        let mut reader = CrLf::new(Drip(text));
        let (mut all, mut part) = (Vec::new(), vec![0; at_once]);
        loop {
            match reader.read(&mut part).unwrap() {
                0 => return all,
                read => all.extend_from_slice(&part[..read]),
            }
        }
    }

    #[test]
    fn every_line_ends_as_the_wire_wants_it_and_nothing_else_changes() {
        for (text, expected) in [
            (&b""[..], &b""[..]),
            (b"a\nb\n", b"a\r\nb\r\n"),
            (b"a\r\nb\n\n", b"a\r\nb\r\n\r\n"),
            (b"a\rb\r\r\n\r", b"a\rb\r\r\n\r"),
            (b"\n", b"\r\n"),
            (b"no end", b"no end"),
        ] {
            for at_once in [1, 2, 3, 64] {
                assert_eq!(converted(text, at_once), expected, "{}", text.escape_ascii());
            }
        }
    }

    #[test]
    fn a_header_ends_with_its_blank_line_or_its_limit() {
        for (text, max, expected) in [
            (&b"A: b\r\n\r\nbody"[..], 100, &b"A: b\r\n\r\n"[..]),
            (b"A: b\n\nbody", 100, b"A: b\n\n"),
            (b"\r\nbody", 100, b"\r\n"),
            (b"A: b", 100, b"A: b"),
            (b"A: bcdef\r\n", 3, b"A: "),
        ] {
            assert_eq!(header(&mut Drip(text), max).unwrap(), expected);
            let measured = measure(Drip(text), usize::try_from(max).unwrap()).unwrap();
            assert_eq!((measured.octets, measured.header.as_slice()), (text.len() as u64, expected));
        }
    }
}
