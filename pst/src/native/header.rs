//! The file's header: format, encoding, and where the two B-trees begin ([MS-PST] §2.2.2.6).
//! Never more than its first 4096 octets.

use crate::item::{Damage, Part};
use crate::store::{Format, StoreError};

use super::cipher::Encoding;
use super::layout::Layout;
use super::octets::{checksum, u8_at, u16_at, u32_at};

/// Octets that hold a header of any format.
pub(super) const HEADER_OCTETS: usize = 576;

/// What a header says.
#[derive(Debug, Clone)]
pub(super) struct Header {
    pub(super) layout: Layout,
    pub(super) encoding: Encoding,
    /// Root of the node B-tree.
    pub(super) nodes: Reference,
    /// Root of the block B-tree.
    pub(super) blocks: Reference,
    /// The file's length as the header claims it (`ibFileEof`).
    pub(super) octets: u64,
    pub(super) damage: Vec<Damage>,
}

/// A page by number and place (`BREF`, [MS-PST] §2.2.2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) number: u64,
    pub(super) place: u64,
}

/// Where fields stand that the formats put at different places.
struct Places {
    octets: usize,
    nodes: usize,
    blocks: usize,
    encoding: usize,
}

impl Header {
    /// Reads a header.
    ///
    /// # Errors
    /// [`StoreError::NotAStore`] where the octets are none, or one of a kind that is not read.
    pub(super) fn read(octets: &[u8]) -> Result<Self, StoreError> {
        let not_a_store = |reason: &str| StoreError::NotAStore(reason.to_owned());
        if octets.get(..4) != Some(b"!BDN") {
            return Err(not_a_store("it does not begin with the signature of one"));
        }
        if octets.get(8..10) == Some(b"AB") {
            return Err(not_a_store("it is a personal address book"));
        }
        let too_short = || not_a_store("it ends within its header");
        let version = u16_at(octets, 10).ok_or_else(too_short)?;
        let format = match version {
            14 | 15 => Format::Ansi,
            16..36 => Format::Unicode,
            36..64 => Format::Unicode4k,
            _ => return Err(not_a_store(&format!("its version {version} is not known"))),
        };
        let layout = Layout(format);
        let places = if layout.is_ansi() {
            Places { octets: 168, nodes: 184, blocks: 192, encoding: 461 }
        } else {
            Places { octets: 184, nodes: 216, blocks: 232, encoding: 513 }
        };
        let reference = |at: usize| {
            let number = layout.number_at(octets, at)?;
            Some(Reference { number, place: layout.number_at(octets, at + layout.number_octets())? })
        };
        let method = u8_at(octets, places.encoding).ok_or_else(too_short)?;
        let Some(encoding) = Encoding::of(method) else {
            let reason = format!(
                "its data is encoded by method {method:#04x}, which needs a key that it does not hold"
            );
            return Err(not_a_store(&reason));
        };
        Ok(Self {
            layout,
            encoding,
            nodes: reference(places.nodes).ok_or_else(too_short)?,
            blocks: reference(places.blocks).ok_or_else(too_short)?,
            octets: layout.number_at(octets, places.octets).ok_or_else(too_short)?,
            damage: damage(octets, layout),
        })
    }
}

/// What of the header does not hold; its fields are used all the same.
fn damage(octets: &[u8], layout: Layout) -> Vec<Damage> {
    let mut reasons = Vec::new();
    if !matches!(octets.get(8..10), Some(b"SM" | b"SO")) {
        reasons.push("the header names no client that is known");
    }
    let covered = octets.get(8..8 + 471).map(checksum);
    if u32_at(octets, 4) != covered {
        reasons.push("the header's first checksum is wrong");
    }
    let whole = octets.get(8..8 + 516).map(checksum);
    if !layout.is_ansi() && u32_at(octets, 524) != whole {
        reasons.push("the header's second checksum is wrong");
    }
    reasons.into_iter().map(|reason| Damage { part: Part::File, reason: reason.to_owned() }).collect()
}
