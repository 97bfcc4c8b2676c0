//! Every choice of a simulation, drawn from one seed.
//! Never asks the machine for chance, and never changes its numbers: a seed has to mean the same for ever.

/// A stream of choices: SplitMix64, whose whole state is one number.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The stream that `seed` gives for `purpose`; streams of other purposes are not shifted when this one is asked
    /// once more.
    #[must_use]
    pub fn new(seed: u64, purpose: &str) -> Self {
        Self(purpose.bytes().fold(mix(seed, 0), |state, octet| mix(state, u64::from(octet) + 1)))
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        stirred(self.0)
    }

    /// A number below `end`, which is above 0.
    pub fn below(&mut self, end: u32) -> u32 {
        (self.next() % u64::from(end)) as u32
    }

    /// A number of `low..=high`.
    pub fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high - low + 1)
    }

    /// True `percent` times in a hundred.
    pub fn is(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// One of several, each as likely.
    pub fn pick<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u32) as usize].clone()
    }
}

/// Two numbers made one, so that a choice can depend on where it is made and not on how many were made before.
#[must_use]
pub const fn mix(one: u64, other: u64) -> u64 {
    stirred(one ^ stirred(other.wrapping_add(0x9e37_79b9_7f4a_7c15)))
}

const fn stirred(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_the_same_for_ever() {
        let mut chance = Chance::new(7, "world");
        let found: Vec<u32> = (0..4).map(|_| chance.below(1000)).collect();
        let mut again = Chance::new(7, "world");
        assert_eq!(found, (0..4).map(|_| again.below(1000)).collect::<Vec<_>>());
        assert_ne!(Chance::new(7, "world").next(), Chance::new(7, "users").next());
        assert_ne!(Chance::new(7, "world").next(), Chance::new(8, "world").next());
    }
}
