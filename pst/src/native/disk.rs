//! Reads a file by `pread` through a few windows onto where it was read last.
//! Never maps it, moves a file position, or writes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::fault::{Fault, Read};

/// Octets of one window: the small blocks of an item lie close to one another, as they were written together.
const WINDOW_OCTETS: usize = 20 * 1024;
/// How far before what is asked for a window begins at least: what leads to an item's parts is mostly written after
/// them.
const BEFORE_OCTETS: u64 = 8 * 1024;
/// A window begins at a multiple of this: the system keeps files in pages of so many octets.
const PAGE_OCTETS: u64 = 4096;
/// Windows that are kept for each handle: more would not stay in the fastest caches, and the next item's parts lie
/// elsewhere.
const WINDOWS: usize = 8;
/// What is at least this long gets no window of its own: items of one folder lie far apart, and more would be read in
/// vain.
const ALONE_OCTETS_MIN: usize = 4096;

/// One handle's view of the file.
#[derive(Debug)]
pub(super) struct Disk {
    file: Arc<File>,
    octets: u64,
    windows: [Window; WINDOWS],
    /// The window that was opened last.
    last: usize,
}

/// Octets as they stand one behind the other in the file; none for a window that was never opened.
#[derive(Debug, Default)]
struct Window {
    place: u64,
    octets: Vec<u8>,
}

impl Window {
    /// The octets from `place` on, where it holds all of them.
    fn get(&self, place: u64, octets: usize) -> Option<&[u8]> {
        let from = usize::try_from(place.checked_sub(self.place)?).ok()?;
        self.octets.get(from..from.checked_add(octets)?)
    }
}

impl Disk {
    /// A view of a file.
    ///
    /// # Errors
    /// Where its length cannot be asked.
    pub(super) fn new(file: Arc<File>) -> io::Result<Self> {
        let octets = file.metadata()?.len();
        Ok(Self { file, octets, windows: Default::default(), last: 0 })
    }

    /// Another view of the same file, with windows of its own.
    pub(super) fn again(&self) -> Self {
        Self { file: Arc::clone(&self.file), octets: self.octets, windows: Default::default(), last: 0 }
    }

    /// The file's length when it was opened.
    pub(super) const fn octets(&self) -> u64 {
        self.octets
    }

    /// The octets of a place in the file.
    pub(super) fn read(&mut self, place: u64, octets: usize) -> Read<Vec<u8>> {
        if place.checked_add(octets as u64).is_none_or(|end| end > self.octets) {
            return Err(Fault::new(format!("{octets} octets at {place} lie beyond the file's end")));
        }
        if let Some(held) = self.held(place, octets) {
            return Ok(held.to_vec());
        }
        // One bad sector must not cost its neighbours: what no window can be opened for is read exactly.
        if octets < ALONE_OCTETS_MIN
            && self.open(place)
            && let Some(held) = self.windows[self.last].get(place, octets)
        {
            return Ok(held.to_vec());
        }
        self.read_past_cache(place, octets)
    }

    /// The octets in one of the windows, the last one first.
    fn held(&self, place: u64, octets: usize) -> Option<&[u8]> {
        let (later, earlier) = self.windows.split_at(self.last);
        earlier.iter().chain(later).find_map(|window| window.get(place, octets))
    }

    /// Opens a window around a place instead of the one that was opened first; false where it cannot be read.
    fn open(&mut self, place: u64) -> bool {
        self.last = (self.last + WINDOWS - 1) % WINDOWS;
        let window = &mut self.windows[self.last];
        window.place = place.saturating_sub(BEFORE_OCTETS) / PAGE_OCTETS * PAGE_OCTETS;
        let octets = (self.octets - window.place).min(WINDOW_OCTETS as u64) as usize;
        window.octets.resize(octets, 0);
        let is_read = self.file.read_exact_at(&mut window.octets, window.place).is_ok();
        if !is_read {
            window.octets.clear();
        }
        is_read
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
    fn every_part_of_a_file_is_read_as_it_is_in_whatever_order() -> anyhow::Result<()> {
        let content: Vec<u8> = (0..5 * WINDOW_OCTETS + 77).map(|at| (at * 7 % 251) as u8).collect();
        let mut file = tempfile::tempfile()?;
        file.write_all(&content)?;
        let mut disk = Disk::new(Arc::new(file))?;
        let steps = (0..content.len()).step_by(1999);
        let places =
            steps.clone().chain(steps.rev()).chain([0, 1, WINDOW_OCTETS, content.len() - 9, content.len()]);
        for place in places {
            for octets in [0, 1, 9, ALONE_OCTETS_MIN - 1, ALONE_OCTETS_MIN, WINDOW_OCTETS + 1, content.len()]
            {
                let read = disk.read(place as u64, octets).ok();
                assert_eq!(read.as_deref(), content.get(place..place + octets), "{octets} at {place}");
            }
        }
        assert!(disk.read(u64::MAX, 1).is_err(), "no place of any file");
        Ok(())
    }

    #[test]
    fn what_is_cut_off_meanwhile_is_an_error_and_costs_nothing_before_it() -> anyhow::Result<()> {
        let mut file = tempfile::tempfile()?;
        file.write_all(&[7; 3 * WINDOW_OCTETS])?;
        let mut disk = Disk::new(Arc::new(file.try_clone()?))?;
        file.set_len(WINDOW_OCTETS as u64)?;
        let end = WINDOW_OCTETS as u64;
        assert_eq!(disk.read(end - 100, 100).ok(), Some(vec![7; 100]), "its window reaches behind the end");
        assert!(disk.read(end - 99, 100).is_err());
        assert_eq!(disk.read(end - 100, 100).ok(), Some(vec![7; 100]));
        Ok(())
    }
}
