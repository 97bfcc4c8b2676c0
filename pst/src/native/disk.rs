//! Reads a file by `pread` through a bounded cache of its most recent stretches.
//! Never maps it, moves a file position, or writes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::fault::{Fault, Read};

/// Octets of one stretch: the small blocks of an item lie in one or two, as they were written together. Longer ones
/// would bring parts of the files between items, which are read by themselves.
const STRETCH_OCTETS: usize = 4 * 1024;
/// Stretches that are kept for each handle: more would not stay in the fastest caches, and the next item's lie
/// elsewhere.
const STRETCHES_MAX: usize = 64;
/// What is at least this long is read by itself: items of one folder lie far apart, and more would be read in vain.
const ALONE_OCTETS_MIN: usize = 4096;

/// One handle's view of the file.
#[derive(Debug)]
pub(super) struct Disk {
    file: Arc<File>,
    octets: u64,
    stretches: Vec<Stretch>,
}

/// A stretch that was read; the last of a file is shorter.
#[derive(Debug, Default)]
struct Stretch {
    /// Its number from the file's start, from 1; 0 for one that was never read.
    number: u64,
    octets: Vec<u8>,
}

impl Disk {
    /// A view of a file.
    ///
    /// # Errors
    /// Where its length cannot be asked.
    pub(super) fn new(file: Arc<File>) -> io::Result<Self> {
        let octets = file.metadata()?.len();
        Ok(Self { file, octets, stretches: (0..STRETCHES_MAX).map(|_| Stretch::default()).collect() })
    }

    /// Another view of the same file, with a cache of its own.
    pub(super) fn again(&self) -> Self {
        let stretches = (0..STRETCHES_MAX).map(|_| Stretch::default()).collect();
        Self { file: Arc::clone(&self.file), octets: self.octets, stretches }
    }

    /// The file's length when it was opened.
    pub(super) const fn octets(&self) -> u64 {
        self.octets
    }

    /// The octets of a place in the file.
    pub(super) fn read(&mut self, place: u64, octets: usize) -> Read<Vec<u8>> {
        let end = place.checked_add(octets as u64).filter(|end| *end <= self.octets);
        let Some(end) = end else {
            return Err(Fault::new(format!("{octets} octets at {place} lie beyond the file's end")));
        };
        if octets >= ALONE_OCTETS_MIN {
            return self.read_past_cache(place, octets);
        }
        let mut read = Vec::with_capacity(octets);
        let mut at = place;
        while at < end {
            let number = at / STRETCH_OCTETS as u64 + 1;
            let from = (at % STRETCH_OCTETS as u64) as usize;
            let wanted = (end - at).min((STRETCH_OCTETS - from) as u64) as usize;
            // One bad sector must not cost its neighbours: what cannot be read as a stretch is read exactly.
            let Some(part) = self.stretch(number).and_then(|stretch| stretch.get(from..from + wanted)) else {
                return self.read_past_cache(place, octets);
            };
            read.extend_from_slice(part);
            at += wanted as u64;
        }
        Ok(read)
    }

    fn stretch(&mut self, number: u64) -> Option<&[u8]> {
        let slot = (number % STRETCHES_MAX as u64) as usize;
        if self.stretches[slot].number != number {
            let start = (number - 1) * STRETCH_OCTETS as u64;
            let octets = (self.octets - start).min(STRETCH_OCTETS as u64) as usize;
            let stretch = &mut self.stretches[slot];
            stretch.number = 0;
            stretch.octets.resize(octets, 0);
            self.file.read_exact_at(&mut stretch.octets, start).ok()?;
            stretch.number = number;
        }
        Some(&self.stretches[slot].octets)
    }

    /// Fills `into` without keeping what was read; false where it cannot be read whole.
    pub(super) fn fill(&self, place: u64, into: &mut [u8]) -> bool {
        self.file.read_exact_at(into, place).is_ok()
    }

    /// Reads without keeping; for what is read once from end to end.
    pub(super) fn read_past_cache(&self, place: u64, octets: usize) -> Read<Vec<u8>> {
        let mut read = vec![0; octets];
        match self.file.read_exact_at(&mut read, place) {
            Ok(()) => Ok(read),
            Err(error) => Err(Fault::new(format!("reading {octets} octets at {place}: {error}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn every_stretch_of_a_file_is_read_as_it_is() -> anyhow::Result<()> {
        let content: Vec<u8> = (0..5 * STRETCH_OCTETS + 77).map(|at| (at * 7 % 251) as u8).collect();
        let mut file = tempfile::tempfile()?;
        file.write_all(&content)?;
        let mut disk = Disk::new(Arc::new(file))?;
        for place in [
            0,
            1,
            ALONE_OCTETS_MIN,
            STRETCH_OCTETS - 1,
            STRETCH_OCTETS,
            3 * STRETCH_OCTETS - 5,
            content.len() - 9,
        ] {
            for octets in [
                0,
                1,
                9,
                ALONE_OCTETS_MIN - 1,
                ALONE_OCTETS_MIN,
                STRETCH_OCTETS,
                STRETCH_OCTETS + 1,
                content.len(),
            ] {
                let read = disk.read(place as u64, octets).ok();
                assert_eq!(read.as_deref(), content.get(place..place + octets), "{octets} at {place}");
            }
        }
        assert!(disk.read(u64::MAX, 1).is_err(), "no place of any file");
        Ok(())
    }
}
