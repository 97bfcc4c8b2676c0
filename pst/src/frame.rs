//! The line between a reader in a child process and its parent: frames, what is asked and what is answered.
//! Never trusts a length or a count: everything that is read has a limit with a name.

mod message;
mod values;
mod wire;

use std::io::{self, Read, Write};

pub use message::{Answer, Refusal, Request};
pub use wire::{DEPTH_MAX, ELEMENTS_MAX, Wrong};

/// The version of everything that is said here; both ends must have the same.
pub const VERSION: u32 = 1;
/// Longest frame, in octets without its head: one whole item, or all folders.
pub const FRAME_OCTETS_MAX: usize = 160 * 1024 * 1024;
/// Longest frame that asks, in octets without its head.
pub const REQUEST_OCTETS_MAX: usize = 64 * 1024;
/// Most octets of a blob in one answer.
pub const READ_OCTETS_MAX: u32 = 1024 * 1024;
/// What every frame begins with.
const MARK: [u8; 4] = *b"MPST";
/// How much more is made room for while a frame comes in, in octets: what is claimed is not believed.
const GROWTH_OCTETS: usize = 1024 * 1024;

/// One frame: the number of the request that it is or answers, and its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Counts the requests of one child, from 1.
    pub number: u64,
    /// Encoded content.
    pub octets: Vec<u8>,
}

/// Writes one frame: mark, length and number in little endian, content.
///
/// # Errors
/// Where the content is longer than [`FRAME_OCTETS_MAX`], or the line cannot be written.
pub fn write(line: &mut impl Write, number: u64, octets: &[u8]) -> io::Result<()> {
    let length = u32::try_from(octets.len()).ok().filter(|_| octets.len() <= FRAME_OCTETS_MAX);
    let length = length.ok_or_else(|| wrong(format!("{} octets are too many for a frame", octets.len())))?;
    let mut head = [0; 16];
    head[..4].copy_from_slice(&MARK);
    head[4..8].copy_from_slice(&length.to_le_bytes());
    head[8..].copy_from_slice(&number.to_le_bytes());
    line.write_all(&head)?;
    line.write_all(octets)?;
    line.flush()
}

/// Reads one frame; nothing where the line ends before one begins.
///
/// # Errors
/// Where what comes is no frame, is longer than `octets_max`, or ends too early.
pub fn read(line: &mut impl Read, octets_max: usize) -> io::Result<Option<Frame>> {
    let mut head = [0; 16];
    let mut got = 0;
    while got < head.len() {
        match line.read(&mut head[got..]) {
            Ok(0) if got == 0 => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(more) => got += more,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
    let [a, b, c, d, e, f, g, h, number @ ..] = head;
    if [a, b, c, d] != MARK {
        return Err(wrong("what came is no frame".to_owned()));
    }
    let length = usize::try_from(u32::from_le_bytes([e, f, g, h])).unwrap_or(usize::MAX);
    if length > octets_max {
        return Err(wrong(format!("a frame claims {length} octets, {octets_max} are allowed")));
    }
    let mut octets = Vec::new();
    while octets.len() < length {
        let from = octets.len();
        octets.resize(length.min(from + GROWTH_OCTETS), 0);
        line.read_exact(&mut octets[from..])?;
    }
    Ok(Some(Frame { number: u64::from_le_bytes(number), octets }))
}

fn wrong(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests;
