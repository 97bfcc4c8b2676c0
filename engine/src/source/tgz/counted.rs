//! The octets of a tar stream as they pass, and a look at what comes next.
//! Never takes octets for a header whose checksum is not right.

use std::io::{self, Read};

use tar::Header;

use super::entries::BLOCK_OCTETS;
use crate::source::archive::packed::Peeking;

/// Where the checksum stands in a header (POSIX.1-1988, ustar); it is reckoned as if blanks stood there.
const CHECKSUM: std::ops::Range<usize> = 148..156;

/// Counts octets, and the zeros that they end with.
pub(super) struct Counted<R> {
    inner: Peeking<R>,
    pub octets: u64,
    pub zeros: u64,
    pub has_failed: bool,
}

impl<R: Read> Counted<R> {
    pub(super) const fn new(inner: R) -> Self {
        Self { inner: Peeking::new(inner), octets: 0, zeros: 0, has_failed: false }
    }

    /// True where a header comes next, or an archive's end.
    pub(super) fn is_before_header(&mut self) -> io::Result<bool> {
        let block = self.inner.peek(BLOCK_OCTETS as usize).inspect_err(|_| self.has_failed = true)?;
        let is_end = block.len() < BLOCK_OCTETS as usize || block.iter().all(|octet| *octet == 0);
        Ok(is_end || is_header(block))
    }
}

fn is_header(block: &[u8]) -> bool {
    let octet = |(at, octet): (usize, &u8)| u32::from(if CHECKSUM.contains(&at) { b' ' } else { *octet });
    let sum: u32 = block.iter().enumerate().map(octet).sum();
    Header::from_byte_slice(block).cksum().is_ok_and(|told| told == sum)
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into);
        self.has_failed |= read.as_ref().is_err_and(|cause| cause.kind() != io::ErrorKind::Interrupted);
        let read = read?;
        self.octets += read as u64;
        let zeros = into[..read].iter().rev().take_while(|octet| **octet == 0).count();
        self.zeros = if zeros == read { self.zeros + zeros as u64 } else { zeros as u64 };
        Ok(read)
    }
}
