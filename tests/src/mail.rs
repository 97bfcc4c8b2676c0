//! Messages for filling accounts: realistic ones and broken ones, the same for the same seed.
//! Never reads the clock or the machine's randomness.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

mod chance;
mod kinds;

pub use chance::Chance;
pub use kinds::Kind;

/// 13 September 2020: dates count up from here.
const FIRST_DATE_S: u64 = 1_600_000_000;
const STEP_S: u64 = 5_003;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const FOLDERS: [&str; 6] = ["INBOX", "Sent", "Archive", "Projetos", "Or&AOc-amentos", "Notas &- Ideias"];
const BASE64_LINE_CHARACTERS: usize = 76;

/// A message, and how it is to lie in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// What it is, for messages of failed tests.
    pub name: String,
    /// The message's octets.
    pub octets: Vec<u8>,
    /// Flags and keywords.
    pub flags: Vec<String>,
    /// INTERNALDATE as APPEND takes it, without quotes; the server's clock when absent.
    pub internal_date: Option<String>,
}

impl Mail {
    /// An unflagged message with a name and octets.
    #[must_use]
    pub fn new(name: &str, octets: impl AsRef<[u8]>) -> Self {
        Self {
            name: name.to_owned(),
            octets: octets.as_ref().to_vec(),
            flags: Vec::new(),
            internal_date: Some("17-Jul-2020 02:44:25 -0300".to_owned()),
        }
    }

    /// The same with flags, given in one line.
    #[must_use]
    pub fn flagged(self, flags: &str) -> Self {
        Self { flags: flags.split_whitespace().map(str::to_owned).collect(), ..self }
    }
}

/// Makes messages for ever; the same ones for the same seed.
#[derive(Clone, Debug)]
pub struct Postman {
    chance: Chance,
    seed: u64,
    made: u64,
}

impl Postman {
    /// Begins with a seed, which a failed test should print.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { chance: Chance::new(seed), seed, made: 0 }
    }

    /// A well-formed message such as an office gets: text, sometimes with an attachment.
    pub fn ordinary(&mut self) -> Mail {
        let kind = if self.chance.one_in(5) { Kind::Attachment } else { Kind::Text };
        self.of_kind(kind)
    }

    /// A message of one kind.
    pub fn of_kind(&mut self, kind: Kind) -> Mail {
        self.made += 1;
        let date_s = FIRST_DATE_S + self.made * STEP_S;
        let id = format!("{}.{:x}.{}@example.net", self.made, self.chance.number(), self.seed);
        let octets = kind.octets(&mut self.chance, &id, &header_date(date_s));
        let mut flags = Vec::new();
        for (flag, rarity) in [("\\Answered", 5), ("\\Flagged", 20), ("$Forwarded", 20), ("\\Draft", 40)] {
            if self.chance.one_in(rarity) {
                flags.push(flag.to_owned());
            }
        }
        if !self.chance.one_in(5) {
            flags.push("\\Seen".to_owned());
        }
        Mail {
            name: format!("{kind:?} {} of seed {}", self.made, self.seed),
            octets,
            flags,
            internal_date: Some(internal_date(date_s)),
        }
    }

    /// So many ordinary messages.
    pub fn ordinaries(&mut self, count: usize) -> Vec<Mail> {
        (0..count).map(|_| self.ordinary()).collect()
    }

    /// One message of every kind, broken ones included.
    pub fn one_of_each(&mut self) -> Vec<Mail> {
        Kind::ALL.iter().map(|kind| self.of_kind(*kind)).collect()
    }

    /// A folder for a message: mostly INBOX. Names are modified UTF-7 with at most one level.
    pub fn folder(&mut self) -> &'static str {
        if self.chance.one_in(2) { FOLDERS[0] } else { self.chance.pick(&FOLDERS) }
    }
}

/// The message files that come with the product's material, or none with a line that says so.
pub fn corpus_or_skip() -> Result<Vec<Mail>> {
    let Some(folder) = corpus_folder() else {
        eprintln!("SKIPPED: no corpus of message files beside the workspace (../shared/corpus/eml)");
        return Ok(Vec::new());
    };
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "eml"));
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            Ok(Mail::new(&name, fs::read(path)?))
        })
        .collect()
}

/// Looks beside the workspace and one level further up, where several work trees share one folder.
fn corpus_folder() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let candidates = workspace.ancestors().skip(1).take(2).map(|above| above.join("shared/corpus/eml"));
    candidates.into_iter().find(|folder| folder.is_dir())
}

/// The octets as APPEND should leave them: bare line feeds and returns become CRLF, and nothing else changes.
#[must_use]
pub fn with_network_line_ends(octets: &[u8]) -> Vec<u8> {
    let mut mended = Vec::with_capacity(octets.len() + octets.len() / 32);
    let mut rest = octets;
    while let Some((first, tail)) = rest.split_first() {
        rest = match (first, tail.first()) {
            (b'\r', Some(b'\n')) => &tail[1..],
            (b'\r' | b'\n', _) => tail,
            _ => {
                mended.push(*first);
                rest = tail;
                continue;
            }
        };
        mended.extend_from_slice(b"\r\n");
    }
    mended
}

/// `17-Jul-2020 02:44:25 +0000`.
#[must_use]
pub fn internal_date(seconds: u64) -> String {
    let (year, month, day, time) = civil(seconds);
    format!("{day:02}-{month}-{year} {time} +0000")
}

fn header_date(seconds: u64) -> String {
    let (year, month, day, time) = civil(seconds);
    format!("{day} {month} {year} {time} +0000")
}

/// The Gregorian date of a moment, by counting years and months: only near dates are asked.
fn civil(seconds: u64) -> (u64, &'static str, u64, String) {
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (mut days, of_day) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    let time = format!("{:02}:{:02}:{:02}", of_day / 3600, of_day / 60 % 60, of_day % 60);
    (year, MONTHS[month], days + 1, time)
}

fn base64_lines(octets: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(octets);
    let mut lines = String::with_capacity(text.len() + text.len() / 30);
    for (place, letter) in text.chars().enumerate() {
        if place > 0 && place.is_multiple_of(BASE64_LINE_CHARACTERS) {
            lines.push_str("\r\n");
        }
        lines.push(letter);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_mail_and_another_seed_does_not() {
        assert_eq!(Postman::new(7).one_of_each(), Postman::new(7).one_of_each());
        assert_ne!(Postman::new(7).ordinary(), Postman::new(8).ordinary());
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(internal_date(1_600_000_000), "13-Sep-2020 12:26:40 +0000");
        assert_eq!(internal_date(1_709_164_800), "29-Feb-2024 00:00:00 +0000");
    }

    #[test]
    fn every_line_end_becomes_the_network_one() {
        assert_eq!(with_network_line_ends(b"a\nb\r\nc\rd\n"), b"a\r\nb\r\nc\r\nd\r\n");
    }
}
