//! What a message says to the letter: for holding an item against the copy that was once written of it.
//! Never forgives more than blanks at the ends of lines and the addresses that a store comes to know.

use malote_plan::header;
use malote_plan::likeness::{Named, Wording};

use super::{MADE_DOMAIN, TEXT_OCTETS_MAX, key, shortened, words};

/// Fields of a message, or of one within it, whose text counts.
const FIELDS: [&str; 7] = ["From", "To", "Cc", "Bcc", "Reply-To", "Subject", "Importance"];
/// Fields that count of a message within another alone: those of the outer one are compared by themselves.
const FIELDS_WITHIN: [&str; 2] = ["Date", "Message-ID"];
/// Properties of calendars and cards that name somebody by an address (RFC 5545 §3.8.4, RFC 2426 §3.3.2).
const NAMING: [&str; 4] = ["ORGANIZER", "ATTENDEE", "EMAIL", "MEMBER"];
/// Properties that tell when the record was written, and not what it says.
const WRITTEN: [&str; 3] = ["DTSTAMP:", "LAST-MODIFIED:", "REV:"];

/// What has been said so far.
#[derive(Default)]
pub(super) struct Letters {
    hasher: blake3::Hasher,
    named: Vec<Named>,
}

impl Letters {
    /// Takes the header of a message, or of one within it.
    pub fn take_header(&mut self, octets: &[u8], is_within: bool) {
        let within = FIELDS_WITHIN.iter().filter(|_| is_within);
        for name in FIELDS.iter().chain(within) {
            for value in header::values(octets, name) {
                self.begin(name);
                self.take_naming(&words::decoded(value));
            }
        }
    }

    /// Takes a text, in whatever line ends it is written.
    pub fn take_text(&mut self, kind: &str, text: &str) {
        self.begin(kind);
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        for line in text.trim_end().split('\n') {
            self.hasher.update(line.trim_end().as_bytes());
            self.hasher.update(b"\n");
        }
    }

    /// Takes a file; the addresses of a calendar or a card apart.
    pub fn take_file(&mut self, file: FileLetters) {
        self.begin("file");
        self.take_text("name", &file.name);
        match file.record.filter(|record| record.len() < TEXT_OCTETS_MAX) {
            Some(record) => self.take_record(&String::from_utf8_lossy(&record)),
            None => {
                self.hasher.update(file.hasher.finalize().as_bytes());
            }
        }
    }

    /// All of it.
    pub fn finish(self) -> Wording {
        Wording { letters: shortened(&self.hasher.finalize()), named: self.named }
    }

    /// What is taken next is this and nothing else.
    fn begin(&mut self, kind: &str) {
        self.hasher.update(b"\0");
        self.hasher.update(kind.as_bytes());
        self.hasher.update(b"\0");
    }

    fn take_record(&mut self, record: &str) {
        // Long lines are folded, and fold elsewhere where an address is another (RFC 5545 §3.1).
        let lines = record.replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "");
        for line in lines.lines().filter(|line| !WRITTEN.iter().any(|name| line.starts_with(name))) {
            let is_naming = NAMING.iter().any(|name| line.starts_with(name));
            self.begin("line");
            if is_naming {
                self.take_naming(line);
            } else {
                self.hasher.update(line.as_bytes());
            }
        }
    }

    /// Takes a text without blanks, and the addresses in it apart.
    fn take_naming(&mut self, text: &str) {
        let is_part = |c: char| !c.is_whitespace() && !"<>,;:\"()[]".contains(c);
        for piece in text.split_inclusive(|c| !is_part(c)) {
            let word = piece.trim_end_matches(|c| !is_part(c));
            if word.contains('@') {
                let address = word.to_lowercase();
                let (key, is_made) = (key(address.as_bytes()), address.ends_with(MADE_DOMAIN));
                self.named.push(if is_made { Named::Unknown(key) } else { Named::Known(key) });
                self.hasher.update(b"\0@");
            } else {
                self.hasher.update(word.as_bytes());
            }
            let rest: String = piece[word.len()..].split_whitespace().collect();
            self.hasher.update(rest.as_bytes());
        }
    }
}

/// A file's name and octets, as they are read.
#[derive(Default)]
pub(super) struct FileLetters {
    name: String,
    is_text: bool,
    was_return: bool,
    /// The octets of a calendar or a card, up to a limit.
    record: Option<Vec<u8>>,
    hasher: blake3::Hasher,
}

impl FileLetters {
    /// Nothing read yet of the part with this header.
    pub fn of(entity: &words::Entity) -> Self {
        let is_record = matches!(entity.media_type.as_str(), "text/calendar" | "text/vcard");
        Self {
            name: entity.name.clone(),
            is_text: entity.media_type.starts_with("text/"),
            record: is_record.then(Vec::new),
            ..Self::default()
        }
    }

    /// Takes the next octets; a text's line ends are its transport's, but where they stand is its own.
    pub fn take(&mut self, octets: &[u8]) {
        if let Some(record) = &mut self.record {
            let room = TEXT_OCTETS_MAX - record.len();
            record.extend_from_slice(&octets[..octets.len().min(room)]);
        }
        if !self.is_text {
            self.hasher.update(octets);
            return;
        }
        let mut lines = Vec::with_capacity(octets.len());
        for octet in octets {
            if *octet != b'\n' || !self.was_return {
                lines.push(if *octet == b'\r' { b'\n' } else { *octet });
            }
            self.was_return = *octet == b'\r';
        }
        self.hasher.update(&lines);
    }
}
