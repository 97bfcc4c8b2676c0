//! What is in an mbox file, written down beside it line by line.
//! Never takes a line for true whose checksum is not right: a line that a crash tore is none.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use flate2::Crc;

/// One message of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub uid: u32,
    /// Where its octets begin, behind the separator and the lines that are the file's own.
    pub at: u64,
    /// How many octets it has in the file.
    pub stored: u64,
    /// How many octets it has.
    pub octets: u64,
    /// When it was received, in seconds.
    pub unix_seconds: i64,
    /// True where Malote wrote it, with room for flags before it.
    pub is_own: bool,
    /// True where its line ends are kept as they are.
    pub keeps_ends: bool,
    /// BLAKE3 of its octets.
    pub hash: [u8; 32],
}

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// The generation that begins here; nothing before it counts.
    Validity(u32),
    /// Messages are about to be written behind this octet.
    Intent(u64),
    /// A message.
    Row(Row),
    /// All rows since the intent are in the file, which ends here.
    Done(u64),
}

/// All that the lines come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    pub validity: u32,
    pub next: u32,
    pub rows: Vec<Row>,
    /// Where the file ends by what is known.
    pub end: u64,
    /// True where a writing was begun and not finished.
    pub is_torn: bool,
}

impl State {
    /// Reads the lines of a journal, up to the first that is not whole.
    pub(super) fn of(text: &str) -> Self {
        let (mut state, mut waiting) = (Self { next: 1, ..Self::default() }, Vec::new());
        for line in text.split_inclusive('\n').map_while(read) {
            match line {
                Line::Validity(validity) => {
                    state = Self { validity, next: 1, ..Self::default() };
                    waiting.clear();
                }
                Line::Intent(end) => {
                    (state.end, state.is_torn) = (end, true);
                    waiting.clear();
                }
                Line::Row(row) => {
                    // A UID that was once written down is never given again.
                    state.next = state.next.max(row.uid.saturating_add(1));
                    waiting.push(row);
                }
                Line::Done(end) => {
                    (state.end, state.is_torn) = (end, false);
                    state.rows.append(&mut waiting);
                }
            }
        }
        state
    }
}

fn read(line: &str) -> Option<Line> {
    let (checksum, text) = line.strip_suffix('\n')?.split_once(' ')?;
    if u32::from_str_radix(checksum, 16).ok()? != checksum_of(text) {
        return None;
    }
    let mut words = text.split(' ');
    let kind = words.next()?;
    let mut number = || words.next()?.parse::<u64>().ok();
    Some(match kind {
        "validity" => Line::Validity(u32::try_from(number()?).ok()?),
        "intent" => Line::Intent(number()?),
        "done" => Line::Done(number()?),
        "message" => {
            let uid = u32::try_from(number()?).ok()?;
            let (at, stored, octets) = (number()?, number()?, number()?);
            let (is_own, keeps_ends) = (number()? == 1, number()? == 1);
            let unix_seconds = words.next()?.parse().ok()?;
            let hash = blake3::Hash::from_hex(words.next()?).ok()?;
            Line::Row(Row {
                uid,
                at,
                stored,
                octets,
                unix_seconds,
                is_own,
                keeps_ends,
                hash: *hash.as_bytes(),
            })
        }
        _ => return None,
    })
}

fn checksum_of(text: &str) -> u32 {
    let mut checksum = Crc::new();
    checksum.update(text.as_bytes());
    checksum.sum()
}

fn written(line: &Line) -> String {
    let text = match line {
        Line::Validity(validity) => format!("validity {validity}"),
        Line::Intent(end) => format!("intent {end}"),
        Line::Done(end) => format!("done {end}"),
        Line::Row(row) => format!(
            "message {} {} {} {} {} {} {} {}",
            row.uid,
            row.at,
            row.stored,
            row.octets,
            u8::from(row.is_own),
            u8::from(row.keeps_ends),
            row.unix_seconds,
            blake3::Hash::from_bytes(row.hash).to_hex()
        ),
    };
    format!("{:08x} {text}\n", checksum_of(&text))
}

/// Adds lines, durable when this returns.
pub(super) fn add(file: &mut File, lines: &[Line]) -> io::Result<()> {
    let text = lines.iter().fold(String::new(), |mut text, line| {
        let _written = text.write_str(&written(line));
        text
    });
    file.write_all(text.as_bytes())?;
    file.sync_data()
}

/// Begins a journal anew in one step.
pub(super) fn begin(path: &Path, lines: &[Line]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    add(file.as_file_mut(), lines)?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(uid: u32) -> Line {
        let (at, stored, octets, unix_seconds) = (10, 20, 30, -5);
        Line::Row(Row {
            uid,
            at,
            stored,
            octets,
            unix_seconds,
            is_own: true,
            keeps_ends: false,
            hash: [7; 32],
        })
    }

    #[test]
    fn a_journal_that_is_cut_anywhere_tells_nothing_that_was_not_done() {
        let lines = [
            Line::Validity(9),
            Line::Intent(0),
            row(1),
            row(2),
            Line::Done(100),
            Line::Intent(100),
            row(3),
            Line::Done(150),
        ];
        let text: String = lines.iter().map(written).collect();
        for cut in 0..=text.len() {
            let state = State::of(&text[..cut]);
            let (rows, end) = (state.rows.len(), state.end);
            assert!(matches!((rows, end), (0, 0) | (2, 100) | (3, 150)), "cut at {cut}: {state:?}");
            assert!(!state.is_torn || rows < 3, "cut at {cut}");
        }
        let whole = State::of(&text);
        assert_eq!((whole.validity, whole.next, whole.is_torn), (9, 4, false));
        assert_eq!(read(&written(&row(1))), Some(row(1)));
    }
}
