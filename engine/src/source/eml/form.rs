//! How a message lies in its file or its entry of a zip: told by the name, undone in one place for both.
//! Never gives a part of a message for the whole.

use std::io::{self, Read};

use crate::source::archive::packed;

/// Endings of packings that a name may bear behind its own; which it is, the octets tell.
const PACKED: [&[u8]; 4] = [b".gz", b".bz2", b".zst", b".xz"];

/// Octets behind an Apple message that are read for their checksum alone; its property list is far shorter.
const BEHIND_OCTETS_MAX: u64 = 16 * 1024 * 1024;

/// What a name tells of its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The message and nothing else.
    Bare,
    /// Apple's: its length in a line before it, a property list behind it.
    Apple,
    /// Apple's for a message whose attachments lie in files of their own.
    ApplePartial,
}

impl Form {
    /// The form of a file's name; nothing where it is no message by its name.
    #[must_use]
    pub fn of(name: &[u8]) -> Option<Self> {
        match unpacked(name).as_slice() {
            bare if bare.ends_with(b".partial.emlx") => Some(Self::ApplePartial),
            bare if bare.ends_with(b".emlx") => Some(Self::Apple),
            bare if bare.ends_with(b".eml") => Some(Self::Bare),
            _ => None,
        }
    }

    /// The octets of the message alone.
    ///
    /// # Errors
    /// Where they cannot be had whole: an unknown packing, a length that the file does not hold, attachments that lie
    /// elsewhere.
    pub fn octets<'a>(self, stored: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
        if self == Self::ApplePartial {
            return Err(wrong(
                "it is a .partial.emlx, whose attachments lie in files of their own; export it from Mail as .eml or \
                 mbox, or copy it over IMAP",
            ));
        }
        let mut octets = packed::expanded(stored)?;
        if self == Self::Apple {
            let length = apple_length(&mut octets)?;
            octets = Box::new(Exactly { inner: octets, octets: length, left: length });
        }
        packed::text(octets)
    }
}

/// A name in lower case without the ending of a packing.
#[must_use]
pub fn unpacked(name: &[u8]) -> Vec<u8> {
    let name = name.to_ascii_lowercase();
    PACKED.iter().find_map(|ending| name.strip_suffix(*ending)).unwrap_or(&name).to_vec()
}

/// The first line of Apple's `.emlx`: how many octets the message has. Behind it lies a property list.
fn apple_length(octets: &mut dyn Read) -> io::Result<u64> {
    let mut line = Vec::new();
    let mut octet = [0];
    while line.len() < 32 && octets.read(&mut octet)? == 1 && octet[0] != b'\n' {
        line.push(octet[0]);
    }
    let text = String::from_utf8_lossy(&line);
    text.trim().parse().map_err(|_| wrong("its first line is no length, as .emlx has it"))
}

/// Gives so many octets, and fails where there are fewer.
struct Exactly<R> {
    inner: R,
    octets: u64,
    left: u64,
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        if self.left == 0 {
            // A packing and a zip tell of damage at their end.
            io::copy(&mut (&mut self.inner).take(BEHIND_OCTETS_MAX), &mut io::sink())?;
        }
        if wanted == 0 {
            return Ok(0);
        }
        let read = self.inner.read(&mut into[..wanted])?;
        if read == 0 {
            return Err(wrong(&format!(
                "it ends before the {} octets that its first line tells: it was cut",
                self.octets
            )));
        }
        self.left -= read as u64;
        Ok(read)
    }
}

fn wrong(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_messages_whatever_packs_them() {
        for (name, expected) in [
            ("a.eml", Some(Form::Bare)),
            ("A.EML.GZ", Some(Form::Bare)),
            ("a.emlx", Some(Form::Apple)),
            ("a.emlx.zst", Some(Form::Apple)),
            ("4.partial.emlx", Some(Form::ApplePartial)),
            ("4.partial.emlx.xz", Some(Form::ApplePartial)),
            ("a.eml.txt", None),
            ("a.gz", None),
        ] {
            assert_eq!(Form::of(name.as_bytes()), expected, "{name}");
        }
    }
}
