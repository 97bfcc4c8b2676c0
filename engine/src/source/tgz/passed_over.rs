//! What a walk through a tar archive passed over, and what of it is damage.
//! Never calls an entry harmless that may be mail.

use super::entries::BLOCK_OCTETS;
use crate::source::archive::files;

/// Zeros behind the last entry at most: no tape has longer records.
const FILLING_OCTETS_MAX: u64 = 2 * 1024 * 1024;

/// What was passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PassedOver {
    /// Devices and pipes.
    pub odd: u64,
    /// Entries of kinds that are not known here, as the rest of a file that began on another tape.
    pub unknown: Named,
    /// Names that lead out of the archive, or are none.
    pub hostile: u64,
    /// Entries longer than any message.
    pub too_long: u64,
    /// Entries looked at.
    pub entries: u64,
    /// Where the octets of the last of them begin.
    pub last_at: u64,
    /// Zeros between entries that are no archive's end: where they begin, and how many octets they are.
    pub holes: Vec<(u64, u64)>,
    /// Octets of zeros behind the last entry.
    pub zeros_at_end: u64,
    /// Files that are stored without their holes.
    pub sparse: Named,
}

impl PassedOver {
    /// What the zeros say of entries that are missing, and which files are, as sentences that go on the archive's
    /// name. How an archive ends is told where it was walked to its end.
    #[must_use]
    pub fn damage(&self, is_walked: bool) -> Vec<String> {
        let hole = |(at, octets): &(u64, u64)| {
            format!("{octets} octets of zeros lie in its middle, at octet {at}: entries may have been there")
        };
        let mut damage: Vec<String> = self.holes.iter().map(hole).collect();
        if self.sparse.count > 0 {
            damage.push(format!(
                "{} files are stored without their holes and are not read, the first of them {}; pack the archive \
                 again without --sparse",
                self.sparse.count,
                self.sparse.readable()
            ));
        }
        if self.unknown.count > 0 {
            damage.push(format!(
                "{} entries are of a kind that is not known and are not read, the first of them {}; where they are \
                 parts of files that began in another volume, unpack all volumes with the program that made them",
                self.unknown.count,
                self.unknown.readable()
            ));
        }
        if is_walked && self.entries > 0 && self.zeros_at_end < BLOCK_OCTETS {
            damage.push(
                "it has no end mark, as one that is cut off: entries may be missing; hold its length against the \
                 original's"
                    .to_owned(),
            );
        }
        if is_walked && self.zeros_at_end > FILLING_OCTETS_MAX {
            damage.push(format!(
                "{} octets of zeros lie at its end, as in a download that broke off: entries may be missing; hold its \
                 checksum against the original's",
                self.zeros_at_end
            ));
        }
        damage
    }
}

/// How many entries of one sort there were, and the names of the first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// How many.
    pub count: u64,
    /// As the archive has them.
    pub names: Vec<Vec<u8>>,
}

impl Named {
    pub(super) fn take(&mut self, name: Vec<u8>) {
        self.count += 1;
        if self.names.len() < NAMES_MAX {
            self.names.push(name);
        }
    }

    fn readable(&self) -> String {
        let names: Vec<String> = self.names.iter().map(|name| files::readable(name)).collect();
        names.join(", ")
    }
}

/// Holes that are told one by one.
pub(super) const HOLES_MAX: usize = 20;

/// Entries of one sort that are told by name.
const NAMES_MAX: usize = 5;
