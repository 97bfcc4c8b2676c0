//! Octets that are gathered before they are written.
//! Never wipes room that it has wiped before: what is put there is written over it.

use std::ops::Deref;

/// Octets one behind the other, in room that is kept for the next ones.
#[derive(Debug, Default)]
pub struct Gathered {
    /// It never shrinks.
    room: Vec<u8>,
    /// How many of its octets are gathered.
    held: usize,
}

impl Deref for Gathered {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.room[..self.held]
    }
}

impl Gathered {
    /// Room behind what is gathered, for so many octets, whatever stands there now.
    pub fn space(&mut self, octets: usize) -> &mut [u8] {
        let end = self.held + octets;
        if end > self.room.len() {
            // Half as much again: many small steps must not each copy everything.
            self.room.resize(end.max(self.room.len() / 2 * 3), 0);
        }
        &mut self.room[self.held..end]
    }

    /// Takes in the first octets of [`Self::space`], which have been written.
    ///
    /// # Panics
    /// Where there was no such space.
    pub fn fill(&mut self, octets: usize) {
        assert!(octets <= self.room.len() - self.held, "more octets than there is room for");
        self.held += octets;
    }

    /// Appends octets.
    pub fn append(&mut self, octets: &[u8]) {
        self.space(octets.len()).copy_from_slice(octets);
        self.held += octets.len();
    }

    /// Puts one octet before the one that stands at `at`.
    ///
    /// # Panics
    /// Where fewer are gathered.
    pub fn insert(&mut self, at: usize, octet: u8) {
        self.append(&[octet]);
        self.room[at..self.held].rotate_right(1);
    }

    /// Keeps the first octets alone.
    pub fn truncate(&mut self, octets: usize) {
        self.held = self.held.min(octets);
    }

    /// Lets go of the first octets; the others move to the front.
    ///
    /// # Panics
    /// Where fewer are gathered.
    pub fn forget(&mut self, octets: usize) {
        self.room.copy_within(octets..self.held, 0);
        self.held -= octets;
    }

    /// Lets go of everything.
    pub const fn clear(&mut self) {
        self.held = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::Gathered;

    #[test]
    fn what_is_gathered_is_what_a_list_would_hold_whatever_was_there_before() {
        let (mut gathered, mut list) = (Gathered::default(), Vec::new());
        for round in 0..200_usize {
            let octets: Vec<u8> = (0..round * 7 % 61).map(|at| (at + round) as u8).collect();
            match round % 6 {
                0 | 1 => {
                    gathered.append(&octets);
                    list.extend_from_slice(&octets);
                }
                2 => {
                    // More room than is used, and full of what does not count.
                    gathered.space(octets.len() + 9).fill(0xEE);
                    gathered.space(octets.len()).copy_from_slice(&octets);
                    gathered.fill(octets.len());
                    list.extend_from_slice(&octets);
                }
                3 => {
                    gathered.insert(list.len() / 2, 0xFF);
                    list.insert(list.len() / 2, 0xFF);
                }
                4 => {
                    gathered.forget(list.len() / 3);
                    list.drain(..list.len() / 3);
                }
                _ => {
                    gathered.truncate(list.len() / 2 + round % 2 * 1000);
                    list.truncate(list.len() / 2 + round % 2 * 1000);
                }
            }
            assert_eq!(&*gathered, list.as_slice(), "round {round}");
        }
        gathered.clear();
        assert!(gathered.is_empty());
    }
}
