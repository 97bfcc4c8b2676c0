//! Reads a file by `pread` through a few windows onto where it was read last.
//! Never maps it, moves a file position, or writes.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rustix::fs::{Advice, fadvise};
use rustix::io::{ReadWriteFlags, preadv2};

use super::fault::{Fault, Read};

/// Octets that a window holds before a place where an item begins: what its data leads to is mostly written before it.
const BEFORE_OCTETS: u64 = 8 * 1024;
/// Octets that a window holds from the place on that was asked for.
const AFTER_OCTETS: u64 = 4096;
/// Windows that are kept for each handle: more would not stay in the fastest caches, and the next item's parts lie
/// elsewhere.
const WINDOWS: usize = 8;
/// What is at least this long gets no window: it would hold nothing else.
const ALONE_OCTETS_MIN: usize = 4096;

/// How many places of a file are tried for whether it is in memory.
const PLACES_TRIED: u64 = 64;

/// One handle's view of the file.
#[derive(Debug)]
pub(super) struct Disk {
    file: Arc<File>,
    octets: u64,
    windows: [Window; WINDOWS],
    /// The window that was opened last.
    last: usize,
    /// True until something of a new item was read.
    is_new: bool,
}

/// Octets as they stand one behind the other in the file; none for a window that was never opened.
#[derive(Debug, Default)]
struct Window {
    place: u64,
    /// Room for them. It never shrinks: octets that are read over need not be wiped before.
    room: Vec<u8>,
    /// How many there are.
    held: usize,
}

impl Window {
    /// The octets from `place` on, where it holds all of them.
    fn get(&self, place: u64, octets: usize) -> Option<&[u8]> {
        let from = usize::try_from(place.checked_sub(self.place)?).ok()?;
        self.room[..self.held].get(from..from.checked_add(octets)?)
    }
}

impl Disk {
    /// A view of a file.
    ///
    /// # Errors
    /// Where its length cannot be asked.
    pub(super) fn new(file: Arc<File>) -> io::Result<Self> {
        let octets = file.metadata()?.len();
        // A store is read once: what else the machine keeps in memory is worth more. Where this cannot be said, all is
        // as it would be.
        let _ = fadvise(&file, 0, None, Advice::NoReuse);
        Ok(Self { file, octets, windows: Default::default(), last: 0, is_new: true })
    }

    /// Another view of the same file, with windows of its own.
    pub(super) fn again(&self) -> Self {
        let file = Arc::clone(&self.file);
        Self { file, octets: self.octets, windows: Default::default(), last: 0, is_new: true }
    }

    /// Expects an item: its small blocks lie close to one another, as they were written together, and those of one
    /// folder's items far apart.
    pub(super) const fn begin_item(&mut self) {
        self.is_new = true;
    }

    /// True where the machine has the file in memory, as far as is seen by places all over it.
    pub(super) fn is_in_memory(&self) -> bool {
        (0..PLACES_TRIED).all(|place| {
            let mut octet = [0];
            let into = &mut [IoSliceMut::new(&mut octet)];
            preadv2(&self.file, into, self.octets / PLACES_TRIED * place, ReadWriteFlags::NOWAIT).is_ok()
        })
    }

    /// The file's length when it was opened.
    pub(super) const fn octets(&self) -> u64 {
        self.octets
    }

    /// The octets of a place in the file. A window that is opened for them stays within `bounds`: what lies outside is
    /// known to be of no use.
    pub(super) fn read(
        &mut self,
        place: u64,
        octets: usize,
        bounds: impl FnOnce() -> Range<u64>,
    ) -> Read<Cow<'_, [u8]>> {
        if place.checked_add(octets as u64).is_none_or(|end| end > self.octets) {
            return Err(Fault::new(format!("{octets} octets at {place} lie beyond the file's end")));
        }
        // One bad sector must not cost its neighbours: what no window can be opened for is read exactly.
        let holder = self.holder(place, octets).or_else(|| {
            let is_opened = octets < ALONE_OCTETS_MIN && self.open(place, &bounds());
            is_opened.then_some(self.last)
        });
        match holder.and_then(|number| self.windows[number].get(place, octets)) {
            Some(held) => Ok(Cow::Borrowed(held)),
            None => self.read_past_cache(place, octets).map(Cow::Owned),
        }
    }

    /// Which window holds the octets; the one that was opened last is asked first.
    fn holder(&self, place: u64, octets: usize) -> Option<usize> {
        let mut numbers = (self.last..WINDOWS).chain(0..self.last);
        numbers.find(|number| self.windows[*number].get(place, octets).is_some())
    }

    /// Opens a window at a place instead of the one that was opened first; false where it cannot be read.
    fn open(&mut self, place: u64, bounds: &Range<u64>) -> bool {
        self.last = (self.last + WINDOWS - 1) % WINDOWS;
        let window = &mut self.windows[self.last];
        let before = if std::mem::take(&mut self.is_new) { BEFORE_OCTETS } else { 0 };
        window.place = place.saturating_sub(before).max(bounds.start.min(place));
        let end = self.octets.min(place + AFTER_OCTETS).min(bounds.end);
        let held = (end - window.place) as usize;
        window.room.resize(window.room.len().max(held), 0);
        let is_read = self.file.read_exact_at(&mut window.room[..held], window.place).is_ok();
        window.held = if is_read { held } else { 0 };
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

    fn everywhere() -> Range<u64> {
        0..u64::MAX
    }

    /// The longest window.
    const WINDOW_OCTETS: usize = (BEFORE_OCTETS + AFTER_OCTETS) as usize;

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
            disk.is_new = place % 2 == 0;
            for octets in [0, 1, 9, ALONE_OCTETS_MIN - 1, ALONE_OCTETS_MIN, WINDOW_OCTETS + 1, content.len()]
            {
                let read = disk.read(place as u64, octets, everywhere).ok();
                assert_eq!(read.as_deref(), content.get(place..place + octets), "{octets} at {place}");
            }
        }
        assert!(disk.read(u64::MAX, 1, everywhere).is_err(), "no place of any file");
        Ok(())
    }

    #[test]
    fn what_is_cut_off_meanwhile_is_an_error_and_costs_nothing_before_it() -> anyhow::Result<()> {
        let mut file = tempfile::tempfile()?;
        file.write_all(&[7; 3 * WINDOW_OCTETS])?;
        let mut disk = Disk::new(Arc::new(file.try_clone()?))?;
        file.set_len(WINDOW_OCTETS as u64)?;
        let end = WINDOW_OCTETS as u64;
        assert_eq!(
            disk.read(end - 100, 100, everywhere).ok().as_deref(),
            Some(&[7; 100][..]),
            "its window reaches behind the end"
        );
        assert!(disk.read(end - 99, 100, everywhere).is_err());
        assert_eq!(disk.read(end - 100, 100, everywhere).ok().as_deref(), Some(&[7; 100][..]));
        Ok(())
    }
}
