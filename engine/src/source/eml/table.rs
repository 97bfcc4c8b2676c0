//! Whether a zip's table of contents tells of all that the zip holds (APPNOTE.TXT §4.3).
//! Never reads what it does not tell of: that it is there is damage.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use zip::read::OwnedZipFileEntry;

/// What an entry begins with before its octets (§4.3.7), and in the table (§4.3.12).
const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";

/// Octets of an entry in the table before its name, and where the lengths of its name and of what follows it stand.
const CENTRAL_OCTETS: u64 = 46;
const LENGTHS_AT: u64 = 28;

/// What the table told so far.
#[derive(Debug, Default)]
pub(super) struct Table {
    entries: u64,
    /// Where the last entry stands in the table.
    last_at: Option<u64>,
    /// True where it tells of what the file begins with.
    has_first: bool,
}

impl Table {
    /// Takes note of the next entry.
    pub(super) fn note(&mut self, entry: &OwnedZipFileEntry) {
        let entry = entry.as_ref();
        self.entries += 1;
        self.last_at = Some(entry.central_header_start());
        self.has_first |= entry.header_start() == 0;
    }

    /// Asked behind the last entry that the table counts: what it does not tell of, as sentences that go on the
    /// archive's name.
    pub(super) fn damage(&self, file: &File) -> io::Result<Vec<String>> {
        let mut damage = Vec::new();
        if !self.has_first && has(file, 0, LOCAL)? {
            damage.push(
                "its table of contents does not name what it begins with, as where several zips were joined: what \
                 the others hold is missing; give each of them by itself"
                    .to_owned(),
            );
        }
        // Writers that know no zip64 count modulo 65536.
        if self.goes_on(file)? {
            damage.push(format!(
                "its table of contents goes on behind the {} entries that it counts: the others are missing; unpack \
                 it and give the folder",
                self.entries
            ));
        }
        Ok(damage)
    }

    fn goes_on(&self, file: &File) -> io::Result<bool> {
        let Some(at) = self.last_at else { return Ok(false) };
        let mut lengths = [0; 6];
        file.read_exact_at(&mut lengths, at + LENGTHS_AT)?;
        let behind: u64 =
            lengths.chunks(2).map(|pair| u64::from(u16::from_le_bytes([pair[0], pair[1]]))).sum();
        has(file, at + CENTRAL_OCTETS + behind, CENTRAL)
    }
}

fn has(file: &File, at: u64, signature: [u8; 4]) -> io::Result<bool> {
    let mut found = [0; 4];
    let read = file.read_at(&mut found, at)?;
    Ok(read == found.len() && found == signature)
}
