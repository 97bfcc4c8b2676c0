//! A message as pieces: octets that are held, and blobs that stay in the store until they are written.
//! Never writes other than the promised number of octets without an error.

use std::io::{self, Write};

use super::encode::{self, BASE64_LINE_OCTETS, LineEnd};
use super::gathered::Gathered;
use crate::store::{Blob, BlobKey, Blobs};

/// Octets of a blob that are read and held at once: whole lines of base64.
pub const BLOCK_OCTETS: usize = BASE64_LINE_OCTETS * 2048;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Held(Vec<u8>),
    Encoded(Blob),
    Raw(Blob),
}

impl Piece {
    fn octets(&self) -> u64 {
        match self {
            Self::Held(octets) => octets.len() as u64,
            Self::Encoded(blob) => encode::base64_length(blob.octets),
            Self::Raw(blob) => blob.octets,
        }
    }
}

/// One message, ready to be written as often as need be, with the same octets each time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pieces: Vec<Piece>,
    octets: u64,
}

impl Message {
    /// Exactly how many octets [`Self::write`] writes. Reckoned, not measured: no blob is read for it.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    /// The whole message where all of it is held; nothing where blobs stay in the store.
    #[must_use]
    pub fn held(&self) -> Option<&[u8]> {
        match self.pieces.as_slice() {
            [] => Some(&[]),
            [Piece::Held(octets)] => Some(octets),
            _ => None,
        }
    }

    /// How many octets of it are held in memory.
    #[must_use]
    pub fn octets_held(&self) -> u64 {
        self.pieces.iter().filter(|piece| matches!(piece, Piece::Held(_))).map(Piece::octets).sum()
    }

    /// Writes the message, blobs block by block.
    ///
    /// # Errors
    /// Where a blob cannot be read whole, or `out` refuses; what was written before is no message then.
    pub fn write(&self, blobs: &mut dyn Blobs, out: &mut dyn Write) -> io::Result<()> {
        let mut through = Through { out, lines: Gathered::default() };
        let written = self.write_to(blobs, &mut through, &mut Room::default());
        written.and_then(|()| through.pass().map_err(Unwritten::Refused)).map_err(Unwritten::into_cause)
    }

    /// Writes the message to a form that treats texts and files apart; blobs block by block, read to `room`.
    ///
    /// # Errors
    /// Where a blob cannot be read whole, or `out` refuses; what was written before is no message then.
    pub fn write_to(
        &self,
        blobs: &mut dyn Blobs,
        out: &mut dyn Form,
        room: &mut Room,
    ) -> Result<(), Unwritten> {
        for piece in &self.pieces {
            match piece {
                // By portions: a form may gather what it is given.
                Piece::Held(octets) => octets
                    .chunks(BLOCK_OCTETS)
                    .try_for_each(|portion| out.text(portion))
                    .map_err(Unwritten::Refused)?,
                Piece::Encoded(blob) => room.copy(blob, blobs, out, true)?,
                Piece::Raw(blob) => room.copy(blob, blobs, out, false)?,
            }
        }
        Ok(())
    }
}

/// A form that a message is written in: how lines end, and what is quoted. Base64 needs no quoting in any.
pub trait Form {
    /// Takes octets of the message in any portions; their lines end in CRLF, and the last one may go on.
    ///
    /// # Errors
    /// Where the octets cannot be kept.
    fn text(&mut self, octets: &[u8]) -> io::Result<()>;

    /// Where the next lines of base64 are appended, about 160 KiB at most before this is asked again.
    ///
    /// # Errors
    /// Where what was appended before cannot be kept.
    fn lines(&mut self) -> io::Result<&mut Gathered>;

    /// How these lines are parted.
    fn line_end(&self) -> LineEnd;
}

/// Why a message was not written whole.
#[derive(Debug, thiserror::Error)]
pub enum Unwritten {
    /// Its data cannot be read from the store.
    #[error("its data cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// What it is written to refuses.
    #[error("writing it: {0}")]
    Refused(#[source] io::Error),
}

impl Unwritten {
    fn into_cause(self) -> io::Error {
        match self {
            Self::Unreadable(cause) | Self::Refused(cause) => cause,
        }
    }
}

/// A message as it is, to whatever takes octets.
struct Through<'a> {
    out: &'a mut dyn Write,
    lines: Gathered,
}

impl Through<'_> {
    fn pass(&mut self) -> io::Result<()> {
        self.out.write_all(&self.lines)?;
        self.lines.clear();
        Ok(())
    }
}

impl Form for Through<'_> {
    fn text(&mut self, octets: &[u8]) -> io::Result<()> {
        self.pass()?;
        self.out.write_all(octets)
    }

    fn lines(&mut self) -> io::Result<&mut Gathered> {
        self.pass()?;
        Ok(&mut self.lines)
    }

    fn line_end(&self) -> LineEnd {
        LineEnd::CrLf
    }
}

/// A message's octets as they are asked for.
pub struct MessageReader<'a> {
    pieces: std::slice::Iter<'a, Piece>,
    blobs: &'a mut dyn Blobs,
    room: Room,
    /// The blob that is being read, how far it is read, and whether it becomes base64.
    blob: Option<(&'a Blob, u64, bool)>,
    /// Octets that are ready: those of the message that are held, or lines that were made. How many were given.
    held: Option<&'a [u8]>,
    lines: Gathered,
    given: usize,
}

impl Message {
    /// The same octets as [`Self::write`] writes, for whom asks for them piece by piece. A blob that cannot be read
    /// whole is an error of the reading.
    pub fn reader<'a>(&'a self, blobs: &'a mut dyn Blobs) -> MessageReader<'a> {
        let (pieces, room) = (self.pieces.iter(), Room::default());
        MessageReader { pieces, blobs, room, blob: None, held: None, lines: Gathered::default(), given: 0 }
    }
}

impl<'a> MessageReader<'a> {
    fn ready(&self) -> &[u8] {
        self.held.unwrap_or(&self.lines)
    }

    /// Makes octets ready; false at the end.
    fn fetch(&mut self) -> io::Result<bool> {
        while self.given == self.ready().len() {
            self.given = 0;
            self.lines.clear();
            self.held = None;
            if let Some((blob, offset, is_encoded)) =
                self.blob.take().filter(|(blob, at, _)| *at < blob.octets)
            {
                let read = self.room.block(blob, offset, self.blobs, &mut self.lines, is_encoded)?;
                self.blob = Some((blob, offset + read, is_encoded));
                continue;
            }
            match self.pieces.next() {
                None => return Ok(false),
                Some(Piece::Held(octets)) => self.held = Some(octets),
                Some(Piece::Encoded(blob)) => self.blob = Some((blob, 0, true)),
                Some(Piece::Raw(blob)) => self.blob = Some((blob, 0, false)),
            }
        }
        Ok(true)
    }
}

impl io::Read for MessageReader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() || !self.fetch()? {
            return Ok(0);
        }
        let ready = &self.ready()[self.given..];
        let count = into.len().min(ready.len());
        into[..count].copy_from_slice(&ready[..count]);
        self.given += count;
        Ok(count)
    }
}

/// Room for one block of a blob, for one message after the other.
#[derive(Debug, Default)]
pub struct Room {
    /// It never shrinks: octets that are read over need not be wiped before.
    block: Vec<u8>,
}

impl Room {
    fn copy(
        &mut self,
        blob: &Blob,
        blobs: &mut dyn Blobs,
        out: &mut dyn Form,
        is_encoded: bool,
    ) -> Result<(), Unwritten> {
        let mut offset = 0;
        while offset < blob.octets {
            let block = self.read(blob, offset, blobs).map_err(Unwritten::Unreadable)?;
            if is_encoded {
                let end = out.line_end();
                let lines = out.lines().map_err(Unwritten::Refused)?;
                encode::base64_lines(block, offset == 0, end, lines);
            } else {
                out.text(block).map_err(Unwritten::Refused)?;
            }
            offset += block.len() as u64;
        }
        Ok(())
    }

    /// Appends one block of a blob, as it is to be written, to `lines`; gives how many of the blob's octets it was.
    fn block(
        &mut self,
        blob: &Blob,
        offset: u64,
        blobs: &mut dyn Blobs,
        lines: &mut Gathered,
        is_encoded: bool,
    ) -> io::Result<u64> {
        let block = self.read(blob, offset, blobs)?;
        if is_encoded {
            encode::base64_lines(block, offset == 0, LineEnd::CrLf, lines);
        } else {
            lines.append(block);
        }
        Ok(block.len() as u64)
    }

    /// Reads one block of a blob.
    fn read(&mut self, blob: &Blob, offset: u64, blobs: &mut dyn Blobs) -> io::Result<&[u8]> {
        let wanted =
            usize::try_from(blob.octets - offset).map_or(BLOCK_OCTETS, |left| left.min(BLOCK_OCTETS));
        self.block.resize(self.block.len().max(wanted), 0);
        let block = &mut self.block[..wanted];
        read_exactly(blobs, blob, offset, block)?;
        Ok(block)
    }
}

/// Fills `into` from `offset` on; octets that are held are served without asking the reader.
///
/// # Errors
/// Where the blob is shorter than it says.
pub fn read_exactly(blobs: &mut dyn Blobs, blob: &Blob, offset: u64, into: &mut [u8]) -> io::Result<()> {
    if let BlobKey::Held(octets) = &blob.key {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let held = octets.get(start..).and_then(|held| held.get(..into.len())).ok_or_else(|| short(blob))?;
        into.copy_from_slice(held);
        return Ok(());
    }
    let mut filled = 0;
    while filled < into.len() {
        match blobs.read_at(blob, offset + filled as u64, &mut into[filled..])? {
            0 => return Err(short(blob)),
            count => filled += count.min(into.len() - filled),
        }
    }
    Ok(())
}

fn short(blob: &Blob) -> io::Error {
    let told = format!("a blob of {} octets ended before its end", blob.octets);
    io::Error::new(io::ErrorKind::UnexpectedEof, told)
}

impl Message {
    /// The blobs that stay in the store until the message is written.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Held(_) => None,
            Piece::Encoded(blob) | Piece::Raw(blob) => Some(blob),
        })
    }
}

/// Gathers pieces.
#[derive(Debug, Default)]
pub struct Pieces {
    pieces: Vec<Piece>,
    held: Vec<u8>,
}

impl Pieces {
    /// Where held octets are written to.
    pub const fn held(&mut self) -> &mut Vec<u8> {
        &mut self.held
    }

    /// A blob in base64.
    pub fn encoded(&mut self, blob: &Blob) {
        self.push(Piece::Encoded(blob.clone()));
    }

    /// A blob as it is.
    pub fn raw(&mut self, blob: &Blob) {
        self.push(Piece::Raw(blob.clone()));
    }

    fn push(&mut self, piece: Piece) {
        if !self.held.is_empty() {
            self.pieces.push(Piece::Held(std::mem::take(&mut self.held)));
        }
        if piece.octets() > 0 {
            self.pieces.push(piece);
        }
    }

    /// The message that the pieces are.
    pub fn into_message(mut self) -> Message {
        if !self.held.is_empty() {
            self.pieces.push(Piece::Held(self.held));
        }
        let octets = self.pieces.iter().map(Piece::octets).fold(0, u64::saturating_add);
        Message { pieces: self.pieces, octets }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::{BLOCK_OCTETS, Pieces};
    use crate::store::{Blob, BlobKey, Blobs};

    /// Octets made up as they are asked for, and a blob that ends early.
    struct Made {
        ends_at: u64,
    }

    impl Blobs for Made {
        fn read_at(&mut self, blob: &Blob, offset: u64, into: &mut [u8]) -> std::io::Result<usize> {
            let left = blob.octets.min(self.ends_at).saturating_sub(offset);
            let count = into.len().min(1_000).min(usize::try_from(left).map_err(std::io::Error::other)?);
            into[..count].fill(7);
            Ok(count)
        }
    }

    #[test]
    fn a_message_is_written_with_the_octets_that_it_promised_or_fails() {
        for octets in [0, 1, 56, 57, 58, BLOCK_OCTETS as u64, BLOCK_OCTETS as u64 * 2 + 5] {
            let blob = Blob { octets, key: BlobKey::Block(1) };
            let mut pieces = Pieces::default();
            pieces.held().extend_from_slice(b"begin\r\n");
            pieces.encoded(&blob);
            pieces.held().extend_from_slice(b"\r\n");
            pieces.raw(&blob);
            let message = pieces.into_message();
            let mut written = Vec::new();
            message.write(&mut Made { ends_at: u64::MAX }, &mut written).expect("everything can be read");
            assert_eq!(written.len() as u64, message.octets(), "{octets}");
            let mut read = Vec::new();
            let mut made = Made { ends_at: u64::MAX };
            message.reader(&mut made).read_to_end(&mut read).expect("everything can be read");
            assert!(read == written, "{octets}: read otherwise than written");
            let early = message.write(&mut Made { ends_at: octets.saturating_sub(1) }, &mut Vec::new());
            assert_eq!(early.is_err(), octets > 0, "{octets}");
            let mut made = Made { ends_at: octets.saturating_sub(1) };
            let early = message.reader(&mut made).read_to_end(&mut Vec::new());
            assert_eq!(early.is_err(), octets > 0, "{octets}");
        }
    }
}
