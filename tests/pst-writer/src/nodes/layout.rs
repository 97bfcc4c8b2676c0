//! The three formats: how wide ids are, how long pages and blocks, where a header's fields lie ([MS-PST] §2.2.2).
//! Never writes: it only answers.

use crate::Format;

impl Format {
    /// `wVer` (§2.2.2.6).
    pub(crate) const fn version(self) -> u16 {
        match self {
            Self::Ansi => 14,
            Self::Unicode => 23,
            Self::Unicode4k => 36,
        }
    }

    /// Octets of a block id, a place, and a key of a B-tree.
    pub(crate) const fn id_octets(self) -> usize {
        if matches!(self, Self::Ansi) { 4 } else { 8 }
    }

    /// Octets of a page, its trailer included.
    pub(crate) const fn page_octets(self) -> usize {
        if matches!(self, Self::Unicode4k) { 4096 } else { 512 }
    }

    /// Octets of the trailer that ends a page or a block (§2.2.2.7.1, §2.2.2.8.1).
    pub(crate) const fn trailer_octets(self) -> usize {
        match self {
            Self::Ansi => 12,
            Self::Unicode => 16,
            Self::Unicode4k => 24,
        }
    }

    /// Octets of a B-tree page that hold entries; its four counts follow.
    pub(crate) const fn entries_octets(self) -> usize {
        match self {
            Self::Ansi => 496,
            Self::Unicode => 488,
            Self::Unicode4k => 4056,
        }
    }

    /// What a block's length with its trailer is a multiple of.
    pub(crate) const fn block_step(self) -> usize {
        if matches!(self, Self::Unicode4k) { 512 } else { 64 }
    }

    /// Most octets of data that a block holds.
    pub(crate) const fn block_octets_max(self) -> usize {
        let whole = if matches!(self, Self::Unicode4k) { 65_536 } else { 8192 };
        whole - self.trailer_octets()
    }

    /// Bits that the index of a heap item has; the 5 bits of its type lie below, its block above (§2.3.1.1).
    pub(crate) const fn heap_index_bits(self) -> u32 {
        if matches!(self, Self::Unicode4k) { 14 } else { 11 }
    }

    /// The type of a string property.
    pub(crate) const fn text_type(self) -> u16 {
        if matches!(self, Self::Ansi) { 0x001E } else { 0x001F }
    }

    /// Writes an id, a place or a key in the width of the format.
    ///
    /// # Panics
    /// Where a number does not fit into 32 bits in the ANSI format, whose files end at 2 GiB.
    pub(crate) fn put_id(self, into: &mut Vec<u8>, id: u64) {
        if self == Self::Ansi {
            into.extend(u32::try_from(id).expect("an ANSI store ends below 2 GiB").to_le_bytes());
        } else {
            into.extend(id.to_le_bytes());
        }
    }
}
