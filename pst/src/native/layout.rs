//! What differs between the three formats: sizes and places ([MS-PST] §2.2.2; the 4k format is not in it).
//! Never reads a file.

use crate::store::Format;

use super::octets::{u16_at, u32_at, u64_at};

/// The sizes and places of one format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout(pub(super) Format);

/// What stands at a block's end ([MS-PST] §2.2.2.8.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockTrailer {
    /// See [`super::octets::signature`].
    pub(super) signature: u16,
    /// See [`super::octets::checksum`].
    pub(super) checksum: u32,
    /// Its BID.
    pub(super) number: u64,
}

impl Layout {
    /// True for the format of 32-bit numbers.
    pub(super) fn is_ansi(self) -> bool {
        self.0 == Format::Ansi
    }

    /// Octets of a page.
    pub(super) fn page_octets(self) -> usize {
        if self.0 == Format::Unicode4k { 4096 } else { 512 }
    }

    /// Octets of a number: a BID, a place in the file, and in B-trees also a NID.
    pub(super) fn number_octets(self) -> usize {
        if self.is_ansi() { 4 } else { 8 }
    }

    /// A number of the format's width.
    pub(super) fn number_at(self, octets: &[u8], at: usize) -> Option<u64> {
        if self.is_ansi() { u32_at(octets, at).map(u64::from) } else { u64_at(octets, at) }
    }

    /// Octets of the trailer at a block's end.
    pub(super) fn block_trailer_octets(self) -> u64 {
        match self.0 {
            Format::Ansi => 12,
            Format::Unicode => 16,
            Format::Unicode4k => 24,
        }
    }

    /// Octets that a block of `stored` octets takes in the file, trailer and filling counted.
    pub(super) fn block_octets(self, stored: u16) -> u64 {
        let alignment = if self.0 == Format::Unicode4k { 512 } else { 64 };
        (u64::from(stored) + self.block_trailer_octets()).next_multiple_of(alignment)
    }

    /// Most octets that a block may hold in the file.
    pub(super) fn block_stored_max(self) -> u16 {
        match self.0 {
            Format::Ansi => 8180,
            Format::Unicode => 8176,
            Format::Unicode4k => 65_512,
        }
    }

    /// Reads a block's trailer.
    pub(super) fn block_trailer(self, trailer: &[u8]) -> Option<BlockTrailer> {
        let (checksum_at, number_at) = if self.is_ansi() { (8, 4) } else { (4, 8) };
        Some(BlockTrailer {
            signature: u16_at(trailer, 2)?,
            checksum: u32_at(trailer, checksum_at)?,
            number: self.number_at(trailer, number_at)?,
        })
    }

    /// The block and the allocation that a heap's HID stands for ([MS-PST] §2.3.1.1), the latter from 0; nothing
    /// for a HID that stands for none.
    pub(super) fn heap_place(self, hid: u32) -> Option<(usize, usize)> {
        let index_bits = if self.0 == Format::Unicode4k { 14 } else { 11 };
        let index = (hid >> 5) & ((1 << index_bits) - 1);
        let block = hid >> (5 + index_bits);
        Some((block as usize, (index as usize).checked_sub(1)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_takes_its_octets_its_trailer_and_the_filling() {
        for (format, stored, expected) in [
            (Format::Unicode, 0, 64),
            (Format::Unicode, 48, 64),
            (Format::Unicode, 49, 128),
            (Format::Unicode, 8176, 8192),
            (Format::Ansi, 8180, 8192),
            (Format::Ansi, 52, 64),
            (Format::Unicode4k, 488, 512),
            (Format::Unicode4k, 65_512, 65_536),
        ] {
            assert_eq!(Layout(format).block_octets(stored), expected, "{format:?} {stored}");
        }
    }

    #[test]
    fn a_hid_is_cut_where_the_format_says() {
        for (format, hid, expected) in [
            (Format::Unicode, 0x20, Some((0, 0))),
            (Format::Unicode, 0x0001_0040, Some((1, 1))),
            (Format::Unicode4k, 0x0001_0040, Some((0, 2049))),
            (Format::Unicode4k, 0x0008_0020, Some((1, 0))),
            (Format::Ansi, 0, None),
        ] {
            assert_eq!(Layout(format).heap_place(hid), expected, "{format:?} {hid:#x}");
        }
    }
}
