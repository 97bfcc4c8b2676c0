//! Octets and choices that look random and are the same in every run.
//! Never reads chance: everything follows from a seed.

/// Octets of one word.
const WORD_OCTETS: usize = 8;

/// A generator of 64-bit words (SplitMix64: a counter, mixed).
#[derive(Debug, Clone)]
pub struct Noise(u64);

impl Noise {
    /// One that begins at `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next word.
    pub const fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from `from` to below `to`, which must be larger.
    pub const fn below(&mut self, from: u64, to: u64) -> u64 {
        from + self.word() % (to - from)
    }

    /// One of several words.
    ///
    /// # Panics
    /// Where there are none.
    pub const fn choose<'a>(&mut self, words: &'a [&'a str]) -> &'a str {
        words[(self.word() % words.len() as u64) as usize]
    }

    /// So many octets, in pieces of `piece_octets` and a last shorter one; each is made when it is asked for. How long
    /// the pieces are does not change what they hold.
    pub fn pieces(mut self, octets: u64, piece_octets: usize) -> impl Iterator<Item = Vec<u8>> {
        let mut left = octets;
        let mut spare = Vec::new();
        std::iter::from_fn(move || {
            let length = usize::try_from(left).unwrap_or(usize::MAX).min(piece_octets);
            left -= length as u64;
            let mut piece = std::mem::take(&mut spare);
            piece.reserve(length + WORD_OCTETS);
            while piece.len() < length {
                piece.extend(self.word().to_le_bytes());
            }
            spare = piece.split_off(length);
            (length > 0).then_some(piece)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_length_hold_the_same_octets() {
        let whole: Vec<u8> = Noise::new(7).pieces(1001, 5000).flatten().collect();
        for piece_octets in [1, 7, 8, 100, 1000, 1001] {
            let pieces: Vec<Vec<u8>> = Noise::new(7).pieces(1001, piece_octets).collect();
            assert!(pieces[..pieces.len() - 1].iter().all(|piece| piece.len() == piece_octets));
            assert_eq!(pieces.concat(), whole, "{piece_octets}");
        }
    }
}
