//! Little-endian integers out of octets.
//! Never an index that may lie outside: what is not there is `None`.

/// An octet.
pub(super) fn u8_at(octets: &[u8], at: usize) -> Option<u8> {
    octets.get(at).copied()
}

/// A 16-bit integer.
pub(super) fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*octets.get(at..)?.first_chunk()?))
}

/// A 32-bit integer.
pub(super) fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*octets.get(at..)?.first_chunk()?))
}

/// A 64-bit integer.
pub(super) fn u64_at(octets: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*octets.get(at..)?.first_chunk()?))
}

/// The checksum of pages and blocks ([MS-PST] §5.3): CRC-32 that begins at 0 and is not inverted at the end.
pub(super) fn checksum(octets: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(u32::MAX);
    hasher.update(octets);
    !hasher.finalize()
}

/// The signature of a page or block ([MS-PST] §5.5): its place and its number, folded.
pub(super) fn signature(place: u64, number: u64) -> u16 {
    let [a, b, c, d, ..] = (place ^ number).to_le_bytes();
    u16::from_le_bytes([a, b]) ^ u16::from_le_bytes([c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_that_ends_outside_is_none() {
        let octets = [1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!((u8_at(&octets, 7), u8_at(&octets, 8)), (Some(8), None));
        assert_eq!((u16_at(&octets, 6), u16_at(&octets, 7)), (Some(0x0807), None));
        assert_eq!((u32_at(&octets, 0), u32_at(&octets, 5)), (Some(0x0403_0201), None));
        assert_eq!((u64_at(&octets, 0), u64_at(&octets, 1)), (Some(0x0807_0605_0403_0201), None));
        assert_eq!(u16_at(&octets, usize::MAX), None);
    }

    #[test]
    fn the_checksum_begins_at_zero() {
        // The common CRC-32 of these octets is 0xCBF43926; begun at 0 and left as it is, it is this.
        assert_eq!(checksum(b"123456789"), 0x2DFD_2D88);
        assert_eq!(checksum(&[0; 496]), 0);
    }
}
