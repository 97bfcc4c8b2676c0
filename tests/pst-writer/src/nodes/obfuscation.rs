//! How data blocks are made unreadable to the eye, and how blocks and pages are summed ([MS-PST] §5.1 to §5.3).
//! Never a protection: the tables are public and there is no key.

use std::sync::LazyLock;

use crate::Crypt;

/// The table that undoes the permutation (`mpbbI`); its inverse, which makes it, is [`PERMUTE`].
const PERMUTE_BACK: [u8; 256] = [
    71, 241, 180, 230, 11, 106, 114, 72, 133, 78, 158, 235, 226, 248, 148, 83, 224, 187, 160, 2, 232, 90, 9,
    171, 219, 227, 186, 198, 124, 195, 16, 221, 57, 5, 150, 48, 245, 55, 96, 130, 140, 201, 19, 74, 107, 29,
    243, 251, 143, 38, 151, 202, 145, 23, 1, 196, 50, 45, 110, 49, 149, 255, 217, 35, 209, 0, 94, 121, 220,
    68, 59, 26, 40, 197, 97, 87, 32, 144, 61, 131, 185, 67, 190, 103, 210, 70, 66, 118, 192, 109, 91, 126,
    178, 15, 22, 41, 60, 169, 3, 84, 13, 218, 93, 223, 246, 183, 199, 98, 205, 141, 6, 211, 105, 92, 134,
    214, 20, 247, 165, 102, 117, 172, 177, 233, 69, 33, 112, 12, 135, 159, 116, 164, 34, 76, 111, 191, 31,
    86, 170, 46, 179, 120, 51, 80, 176, 163, 146, 188, 207, 25, 28, 167, 99, 203, 30, 77, 62, 75, 27, 155,
    79, 231, 240, 238, 173, 58, 181, 89, 4, 234, 64, 85, 37, 81, 229, 122, 137, 56, 104, 82, 123, 252, 39,
    174, 215, 189, 250, 7, 244, 204, 142, 95, 239, 53, 156, 132, 43, 21, 213, 119, 52, 73, 182, 18, 10, 127,
    113, 136, 253, 157, 24, 65, 125, 147, 216, 88, 44, 206, 254, 36, 175, 222, 184, 54, 200, 161, 128, 166,
    153, 152, 168, 47, 14, 129, 101, 115, 228, 194, 162, 138, 212, 225, 17, 208, 8, 139, 42, 242, 237, 154,
    100, 63, 193, 108, 249, 236,
];

/// The second table of the cyclic way (`mpbbS`); it is its own inverse.
const SWAP: [u8; 256] = [
    20, 83, 15, 86, 179, 200, 122, 156, 235, 101, 72, 23, 22, 21, 159, 2, 204, 84, 124, 131, 0, 13, 12, 11,
    162, 98, 168, 118, 219, 217, 237, 199, 197, 164, 220, 172, 133, 116, 214, 208, 167, 155, 174, 154, 150,
    113, 102, 195, 99, 153, 184, 221, 115, 146, 142, 132, 125, 165, 94, 209, 93, 147, 177, 87, 81, 80, 128,
    137, 82, 148, 79, 78, 10, 107, 188, 141, 127, 110, 71, 70, 65, 64, 68, 1, 17, 203, 3, 63, 247, 244, 225,
    169, 143, 60, 58, 249, 251, 240, 25, 48, 130, 9, 46, 201, 157, 160, 134, 73, 238, 111, 77, 109, 196, 45,
    129, 52, 37, 135, 27, 136, 170, 252, 6, 161, 18, 56, 253, 76, 66, 114, 100, 19, 55, 36, 106, 117, 119,
    67, 255, 230, 180, 75, 54, 92, 228, 216, 53, 61, 69, 185, 44, 236, 183, 49, 43, 41, 7, 104, 163, 14, 105,
    123, 24, 158, 33, 57, 190, 40, 26, 91, 120, 245, 35, 202, 42, 176, 175, 62, 254, 4, 140, 231, 229, 152,
    50, 149, 211, 246, 74, 232, 166, 234, 233, 243, 213, 47, 112, 32, 242, 31, 5, 103, 173, 85, 16, 206, 205,
    227, 39, 59, 218, 186, 215, 194, 38, 212, 145, 29, 210, 28, 34, 51, 248, 250, 241, 90, 239, 207, 144,
    182, 139, 181, 189, 192, 191, 8, 151, 30, 108, 226, 97, 224, 198, 193, 89, 171, 187, 88, 222, 95, 223,
    96, 121, 126, 178, 138,
];

/// The table that makes the permutation (`mpbbR`).
static PERMUTE: LazyLock<[u8; 256]> = LazyLock::new(|| {
    let mut table = [0; 256];
    for (plain, coded) in (0..=u8::MAX).zip(PERMUTE_BACK) {
        table[usize::from(coded)] = plain;
    }
    table
});

/// Makes the octets of one data block as the file holds them. `block` is the block's id.
pub fn obfuscate(crypt: Crypt, block: u64, octets: &mut [u8]) {
    match crypt {
        Crypt::None => {}
        Crypt::Permute => octets.iter_mut().for_each(|octet| *octet = PERMUTE[usize::from(*octet)]),
        Crypt::Cyclic => cycle(block, octets),
    }
}

/// The cyclic way, which also undoes itself. Its key is the lower half of the block's id, folded to 16 bits.
fn cycle(block: u64, octets: &mut [u8]) {
    let [low0, low1, high0, high1, ..] = block.to_le_bytes();
    let mut key = u16::from_le_bytes([low0 ^ high0, low1 ^ high1]);
    for octet in octets {
        let [low, high] = key.to_le_bytes();
        let permuted = PERMUTE[usize::from(octet.wrapping_add(low))];
        let swapped = SWAP[usize::from(permuted.wrapping_add(high))];
        *octet = PERMUTE_BACK[usize::from(swapped.wrapping_sub(high))].wrapping_sub(low);
        key = key.wrapping_add(1);
    }
}

/// The CRC of blocks, pages and headers: the usual polynomial, begun with 0 and not inverted at the end (§5.3).
pub fn checksum(octets: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(u32::MAX);
    hasher.update(octets);
    !hasher.finalize()
}

/// The signature of a block or page: its place and its id, folded (§5.5).
pub fn signature(place: u64, id: u64) -> u16 {
    let [low0, low1, high0, high1, ..] = (place ^ id).to_le_bytes();
    u16::from_le_bytes([low0 ^ high0, low1 ^ high1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_permutations_and_one_undoes_itself() {
        for octet in 0..=u8::MAX {
            assert_eq!(PERMUTE_BACK[usize::from(PERMUTE[usize::from(octet)])], octet);
            assert_eq!(SWAP[usize::from(SWAP[usize::from(octet)])], octet);
        }
    }

    #[test]
    fn the_cyclic_way_undoes_itself_and_depends_on_the_block() {
        let plain: Vec<u8> = (0..=u8::MAX).cycle().take(70_000).collect();
        let mut once = plain.clone();
        cycle(0x1234_5678, &mut once);
        let mut other = plain.clone();
        cycle(0x1234_567C, &mut other);
        assert!(once != plain && once != other);
        cycle(0x1234_5678, &mut once);
        assert_eq!(once, plain);
    }

    #[test]
    fn the_checksum_is_the_bare_polynomial() {
        let bare = |octets: &[u8]| {
            octets.iter().fold(0_u32, |sum, octet| {
                (0..8).fold(sum ^ u32::from(*octet), |sum, _| (sum >> 1) ^ (0xEDB8_8320 * (sum & 1)))
            })
        };
        for octets in [&b""[..], b"\0", b"123456789", &[0xFF; 1000]] {
            assert_eq!(checksum(octets), bare(octets), "{octets:?}");
        }
    }

    #[test]
    fn the_signature_folds_place_and_id() {
        assert_eq!(signature(0x0001_4400, 0x0004), 0x4405);
    }
}
