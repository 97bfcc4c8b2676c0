//! The encodings of data blocks: none, permute, cyclic ([MS-PST] §2.2.2.6 `bCryptMethod`, §5.1, §5.2).
//! Never a secret: both are fixed tables, and a store's password encodes nothing.

use super::cipher_tables::{INTO, OUT, SWAP};
use crate::wide;

/// How a store encodes its data blocks; internal blocks and pages never are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// `NDB_CRYPT_NONE`.
    None,
    /// `NDB_CRYPT_PERMUTE`.
    Permute,
    /// `NDB_CRYPT_CYCLIC`.
    Cyclic,
}

impl Encoding {
    /// The encoding of a header's `bCryptMethod`; nothing for one that needs a key (0x10) or is not known.
    pub(super) const fn of(method: u8) -> Option<Self> {
        match method {
            0 => Some(Self::None),
            1 => Some(Self::Permute),
            2 => Some(Self::Cyclic),
            _ => None,
        }
    }

    /// Decodes what a data block holds to where it is wanted, which is as long. `block` is its BID, the key of the
    /// cyclic encoding.
    pub(super) fn decode_into(self, octets: &[u8], block: u64, into: &mut [u8]) {
        match self {
            Self::None => into.copy_from_slice(octets),
            Self::Permute => wide::substitute(&OUT, octets, into),
            Self::Cyclic => {
                into.copy_from_slice(octets);
                cyclic(into, block);
            }
        }
    }

    /// What a data block holds, decoded.
    pub(super) fn decoded(self, octets: &[u8], block: u64) -> Vec<u8> {
        let mut decoded = vec![0; octets.len()];
        self.decode_into(octets, block, &mut decoded);
        decoded
    }
}

/// Encodes and decodes alike.
fn cyclic(octets: &mut [u8], block: u64) {
    let [a, b, c, d, ..] = block.to_le_bytes();
    let mut key = u16::from_le_bytes([a, b]) ^ u16::from_le_bytes([c, d]);
    for octet in octets {
        let [low, high] = key.to_le_bytes();
        let mut value = INTO[usize::from(octet.wrapping_add(low))];
        value = SWAP[usize::from(value.wrapping_add(high))];
        value = OUT[usize::from(value.wrapping_sub(high))];
        *octet = value.wrapping_sub(low);
        key = key.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_permutations_and_the_middle_one_is_its_own_inverse() {
        for octet in 0..=u8::MAX {
            assert_eq!(OUT[usize::from(INTO[usize::from(octet)])], octet);
            assert_eq!(SWAP[usize::from(SWAP[usize::from(octet)])], octet);
        }
    }

    #[test]
    fn what_the_cyclic_encoding_wrote_it_reads_again() {
        let plain: Vec<u8> = (0..=u8::MAX).cycle().take(70_000).collect();
        for block in [0, 4, 0x1234_5678, 0xFFFF_FFFF_0001_0002] {
            let encoded = Encoding::Cyclic.decoded(&plain, block);
            assert_ne!(encoded, plain);
            assert_eq!(Encoding::Cyclic.decoded(&encoded, block), plain, "{block:#x}");
        }
    }

    #[test]
    fn a_method_that_needs_a_key_is_not_an_encoding() {
        for (method, expected) in [
            (0, Some(Encoding::None)),
            (1, Some(Encoding::Permute)),
            (2, Some(Encoding::Cyclic)),
            (16, None),
            (255, None),
        ] {
            assert_eq!(Encoding::of(method), expected, "{method}");
        }
    }
}
