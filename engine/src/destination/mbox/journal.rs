//! What is in an mbox file, written down beside it line by line.
//! Never takes a line for true whose checksum is not right, and tells a torn end from damage in its midst.
//!
//! Rows stand behind their intent and before the messages are written, so that what a dead run left in the file can
//! be held against them; `done` makes them count. Journals of earlier writers have the rows behind the writing, and
//! an intent that tells the file's end alone.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use flate2::Crc;

/// What a row says of a message that Malote wrote, without and with its header's lines quoted.
const OWN: u64 = 1;
const OWN_QUOTED: u64 = 2;

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
    /// True where Malote wrote it and quoted lines of its header too.
    pub quotes_header: bool,
    /// True where its line ends are kept as they are.
    pub keeps_ends: bool,
    /// BLAKE3 of its octets.
    pub hash: [u8; 32],
}

/// The octets that are about to be written, as they lie in the file of the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Planned {
    pub octets: u64,
    /// Their BLAKE3.
    pub hash: [u8; 32],
}

impl Planned {
    /// Nothing is about to be written.
    pub(super) fn nothing() -> Self {
        Self { octets: 0, hash: *blake3::hash(b"").as_bytes() }
    }

    fn written(&self) -> String {
        format!("{} {}", self.octets, blake3::Hash::from_bytes(self.hash).to_hex())
    }
}

/// Where what is moved stands until the mbox is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moved {
    /// Where it begins.
    pub from: u64,
    /// Octets of the plan before it.
    pub before: u64,
}

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// The generation that begins here; nothing before it counts.
    Validity(u32),
    /// These octets are about to be written behind this one; an earlier writer did not say which.
    Intent(u64, Option<Planned>),
    /// What others wrote is about to be moved to this octet, and is held by the file of the batch meanwhile. An
    /// earlier writer did not say where from.
    Move(u64, Planned, Option<Moved>),
    /// A message.
    Row(Row),
    /// All rows since the intent are in the file, which ends here.
    Done(u64),
}

/// A writing that was begun and not finished.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Torn {
    pub rows: Vec<Row>,
    pub planned: Option<Planned>,
    /// True where what was planned is not new: the file of the batch may be its only place.
    pub is_move: bool,
    pub moved: Option<Moved>,
}

/// All that the lines come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    pub validity: u32,
    pub next: u32,
    pub rows: Vec<Row>,
    /// Where the file ends by what is known.
    pub end: u64,
    /// What was begun behind the end and not finished.
    pub torn: Option<Torn>,
    /// True where the last line is not whole: the journal has to be written anew before lines are added.
    pub ends_torn: bool,
    /// True where a line is wrong that others stand behind: the disk erred, or somebody wrote there.
    pub is_damaged: bool,
}

impl State {
    /// Reads the lines of a journal. Where it is damaged, nothing counts but the generation.
    pub(super) fn of(text: &str) -> Self {
        let (mut state, mut waiting) = (Self { next: 1, ..Self::default() }, Torn::default());
        let mut lines = text.split_inclusive('\n').peekable();
        while let Some(line) = lines.next() {
            let Some(line) = read(line) else {
                state.ends_torn = lines.peek().is_none();
                state.is_damaged |= !state.ends_torn;
                continue;
            };
            match line {
                Line::Validity(validity) => {
                    state = Self { validity, next: 1, is_damaged: state.is_damaged, ..Self::default() };
                    waiting = Torn::default();
                }
                Line::Intent(end, planned) => {
                    (state.end, waiting) = (end, Torn { planned, ..Torn::default() });
                    state.torn = Some(Torn::default());
                }
                Line::Move(end, planned, moved) => {
                    let planned = Some(planned);
                    (state.end, waiting) = (end, Torn { planned, is_move: true, moved, ..Torn::default() });
                    state.torn = Some(Torn::default());
                }
                Line::Row(row) => {
                    // A UID that was once written down is never given again.
                    state.next = state.next.max(row.uid.saturating_add(1));
                    waiting.rows.push(row);
                }
                Line::Done(end) => {
                    (state.end, state.torn) = (end, None);
                    state.rows.append(&mut waiting.rows);
                }
            }
        }
        if state.is_damaged {
            return Self { validity: state.validity, next: 1, is_damaged: true, ..Self::default() };
        }
        state.torn = state.torn.map(|_| waiting);
        state
    }

    /// The lines that come to the same.
    pub(super) fn lines(&self) -> Vec<Line> {
        let mut lines = vec![Line::Validity(self.validity)];
        lines.extend(self.rows.iter().copied().map(Line::Row));
        lines.push(Line::Done(self.end));
        if let Some(torn) = &self.torn {
            lines.push(match (torn.is_move, torn.planned) {
                (true, Some(planned)) => Line::Move(self.end, planned, torn.moved),
                (_, planned) => Line::Intent(self.end, planned),
            });
            lines.extend(torn.rows.iter().copied().map(Line::Row));
        }
        lines
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
        "intent" | "move" => {
            let end = number()?;
            let planned = match words.next() {
                None => None,
                Some(octets) => {
                    let hash = *blake3::Hash::from_hex(words.next()?).ok()?.as_bytes();
                    Some(Planned { octets: octets.parse().ok()?, hash })
                }
            };
            if kind == "intent" {
                return Some(Line::Intent(end, planned));
            }
            let moved = match words.next() {
                None => None,
                Some(from) => Some(Moved { from: from.parse().ok()?, before: words.next()?.parse().ok()? }),
            };
            Line::Move(end, planned?, moved)
        }
        "done" => Line::Done(number()?),
        "message" => {
            let uid = u32::try_from(number()?).ok()?;
            let (at, stored, octets) = (number()?, number()?, number()?);
            let (own, keeps_ends) = (number()?, number()? == 1);
            let (is_own, quotes_header) = (matches!(own, OWN | OWN_QUOTED), own == OWN_QUOTED);
            let unix_seconds = words.next()?.parse().ok()?;
            let hash = blake3::Hash::from_hex(words.next()?).ok()?;
            Line::Row(Row {
                uid,
                at,
                stored,
                octets,
                unix_seconds,
                is_own,
                quotes_header,
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
        Line::Intent(end, None) => format!("intent {end}"),
        Line::Intent(end, Some(planned)) => format!("intent {end} {}", planned.written()),
        Line::Move(end, planned, None) => format!("move {end} {}", planned.written()),
        Line::Move(end, planned, Some(Moved { from, before })) => {
            format!("move {end} {} {from} {before}", planned.written())
        }
        Line::Done(end) => format!("done {end}"),
        Line::Row(row) => format!(
            "message {} {} {} {} {} {} {} {}",
            row.uid,
            row.at,
            row.stored,
            row.octets,
            if row.is_own && row.quotes_header { OWN_QUOTED } else { u64::from(row.is_own) },
            u8::from(row.keeps_ends),
            row.unix_seconds,
            blake3::Hash::from_bytes(row.hash).to_hex()
        ),
    };
    format!("{:08x} {text}\n", checksum_of(&text))
}

/// Adds lines to the journal at `path`, durable when this returns.
pub(super) fn add(path: &Path, lines: &[Line]) -> io::Result<()> {
    write(&mut File::options().append(true).open(path)?, lines)
}

fn write(file: &mut File, lines: &[Line]) -> io::Result<()> {
    let text = lines.iter().fold(String::new(), |mut text, line| {
        let _written = text.write_str(&written(line));
        text
    });
    file.write_all(text.as_bytes())?;
    file.sync_data()
}

/// Begins a journal anew in one step.
pub(super) fn begin(path: &Path, lines: &[Line]) -> io::Result<()> {
    sweep(path)?;
    let passing = passing(path);
    write(&mut File::options().write(true).create_new(true).mode(0o600).open(&passing)?, lines)?;
    fs::rename(passing, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// Removes what a run left that died while it began a journal anew.
pub(super) fn sweep(path: &Path) -> io::Result<()> {
    match fs::remove_file(passing(path)) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
        _ => Ok(()),
    }
}

/// Where a journal is written before it takes the place of the one before.
fn passing(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-new");
    PathBuf::from(name)
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
            quotes_header: true,
            keeps_ends: false,
            hash: [7; 32],
        })
    }

    fn two_batches() -> Vec<Line> {
        let planned = Some(Planned { octets: 100, hash: [8; 32] });
        vec![
            Line::Validity(9),
            Line::Intent(0, planned),
            row(1),
            row(2),
            Line::Done(100),
            Line::Intent(100, None),
            row(3),
            Line::Done(150),
            Line::Move(150, Planned { octets: 7, hash: [9; 32] }, None),
            Line::Move(150, Planned { octets: 9, hash: [9; 32] }, Some(Moved { from: 160, before: 2 })),
            Line::Done(150),
        ]
    }

    #[test]
    fn a_journal_that_is_cut_anywhere_tells_nothing_that_was_not_done() {
        let text: String = two_batches().iter().map(written).collect();
        for cut in 0..=text.len() {
            let state = State::of(&text[..cut]);
            let (rows, end) = (state.rows.len(), state.end);
            assert!(matches!((rows, end), (0, 0) | (2, 100) | (3, 150)), "cut at {cut}: {state:?}");
            let is_torn = state.torn.as_ref().is_some_and(|torn| !torn.is_move);
            assert!(!is_torn || rows < 3, "cut at {cut}");
            assert!(!state.is_damaged, "cut at {cut}");
            let again: String = state.lines().iter().map(written).collect();
            let again = State::of(&again);
            assert_eq!(
                (again.rows, again.end, again.torn),
                (state.rows, state.end, state.torn),
                "cut at {cut}"
            );
        }
        let whole = State::of(&text);
        assert_eq!((whole.validity, whole.next, whole.torn), (9, 4, None));
        for line in two_batches() {
            assert_eq!(read(&written(&line)), Some(line));
        }
    }

    #[test]
    fn a_wrong_line_before_others_is_damage_and_the_last_one_is_torn() {
        let lines: Vec<String> = two_batches().iter().map(written).collect();
        for number in 0..lines.len() {
            let mut wrong = lines.clone();
            let flipped = wrong[number].replacen(' ', "!", 2);
            wrong[number] = flipped;
            let state = State::of(&wrong.concat());
            let is_last = number + 1 == lines.len();
            assert_eq!((state.is_damaged, state.ends_torn), (!is_last, is_last), "line {number}");
            assert_eq!(state.torn.is_some(), is_last, "line {number}: {state:?}");
        }
    }

    #[test]
    fn a_journal_of_an_earlier_writer_is_read() {
        let line = |text: &str| format!("{:08x} {text}\n", checksum_of(text));
        let hash = "07".repeat(32);
        let text = [
            line("validity 9"),
            line("intent 0"),
            line(&format!("message 1 10 20 30 1 0 -5 {hash}")),
            line("done 31"),
            line("intent 31"),
        ];
        let state = State::of(&text.concat());
        assert_eq!((state.rows.len(), state.end, state.torn), (1, 31, Some(Torn::default())));
        assert_eq!((state.rows[0].is_own, state.rows[0].quotes_header), (true, false));
    }
}
