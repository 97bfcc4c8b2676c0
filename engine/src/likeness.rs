//! Reads a message for what it says, whatever way it is written: character sets, transfer encodings, boundaries.
//! Never keeps a file of it, nor more of a text than a limit: messages of any size pass through in chunks.

mod decode;
mod html;
mod wording;
mod words;

use malote_plan::likeness::{Face, Likeness, NO_FILES};
use malote_plan::message::Uid;
use malote_plan::record::HeaderKey;
use malote_plan::{envelope, header};
use malote_pst::text::said_or_guessed;

use self::decode::Decoder;
use self::wording::{FileLetters, Letters};

/// Octets of one part's header that are looked at.
const PART_HEADER_OCTETS_MAX: usize = 256 * 1024;
/// Octets of one text that are looked at.
pub const TEXT_OCTETS_MAX: usize = 1024 * 1024;
/// Multiparts and messages within each other.
const DEPTH_MAX: usize = 64;
/// Parts of one message.
const PARTS_MAX: usize = 10_000;
/// Octets of a line that are held to see whether a boundary stands there.
const LINE_OCTETS_MAX: usize = 64 * 1024;
/// Domains of addresses and Message-IDs that a reader of stores makes where there are none (RFC 2606 §2).
const MADE_DOMAIN: &str = ".invalid";
/// The end of the Message-IDs that `imapsync --addheader` writes into messages which have none.
const IMAPSYNC_ID_END: &str = "@imapsync";

/// The subject of a message as its writer meant it, of the octets of its header; none where there is none.
#[must_use]
pub fn subject(octets: &[u8]) -> Option<String> {
    header::values(octets, "Subject").next().map(|value| words::decoded(value).trim().to_owned())
}

/// What a header says.
#[must_use]
pub fn face(uid: Uid, octets: &[u8]) -> Face {
    let first = |name| header::values(octets, name).next();
    let text = |name| first(name).map(words::decoded).unwrap_or_default();
    let id: String =
        text("Message-ID").chars().filter(|c| !c.is_whitespace() && !"<>".contains(*c)).collect();
    let is_made = id.ends_with(MADE_DOMAIN);
    let is_own = !id.is_empty() && !is_made && !id.ends_with(IMAPSYNC_ID_END);
    let sender = first("From").and_then(words::address).filter(|address| !address.ends_with(MADE_DOMAIN));
    Face {
        uid,
        message_id: is_own.then(|| key(id.as_bytes())),
        made_id: is_made.then(|| key(id.as_bytes())),
        unix_seconds: first("Date").and_then(malote_plan::date::parse_header).map(|date| date.unix_seconds),
        sender: sender.map(|address| key(address.as_bytes())),
        addressed: envelope::addressed(octets),
        address_bits: envelope::address_bits(octets),
        subject: words::key(&text("Subject")),
    }
}

fn key(octets: &[u8]) -> HeaderKey {
    shortened(&blake3::hash(octets))
}

fn shortened(hash: &blake3::Hash) -> HeaderKey {
    let mut key = [0; 16];
    key.copy_from_slice(&hash.as_bytes()[..16]);
    HeaderKey(key)
}

/// Where the reading of a message stands.
enum At {
    /// In the header of a message or a part; with what has come of it.
    Header(Vec<u8>),
    /// In a part without parts.
    Leaf(Box<Leaf>),
    /// Between parts.
    Nowhere,
}

/// A part without parts, as it is read.
struct Leaf {
    decoder: Decoder,
    kind: Kind,
    /// The same to the letter, where it is a file.
    letters: FileLetters,
    /// A line end that belongs to the part only where no boundary follows (RFC 2046 §5.1.1).
    line_end: Vec<u8>,
}

enum Kind {
    Text {
        octets: Vec<u8>,
        charset: String,
        is_html: bool,
    },
    File {
        hasher: Box<blake3::Hasher>,
        is_text: bool,
    },
    /// Made anew by whoever makes a message of an item, and so no evidence.
    PassedOver,
}

/// Reads one message that passes by in chunks of any size.
pub struct Sketcher {
    uid: Uid,
    at: At,
    boundaries: Vec<Vec<u8>>,
    line: Vec<u8>,
    is_line_begun: bool,
    face: Option<Face>,
    plain: words::Text,
    html: words::Text,
    letters: Letters,
    files: Vec<HeaderKey>,
    parts: usize,
    depth: usize,
    /// True where the next header is that of a message within.
    is_within: bool,
    is_whole: bool,
}

impl Sketcher {
    /// Nothing read yet of the message `uid`.
    #[must_use]
    pub fn new(uid: Uid) -> Self {
        Self {
            uid,
            at: At::Header(Vec::new()),
            boundaries: Vec::new(),
            line: Vec::new(),
            is_line_begun: false,
            face: None,
            plain: words::Text::default(),
            html: words::Text::default(),
            letters: Letters::default(),
            files: Vec::new(),
            parts: 0,
            depth: 0,
            is_within: false,
            is_whole: true,
        }
    }

    /// Takes the next octets.
    pub fn update(&mut self, chunk: &[u8]) {
        let mut rest = chunk;
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).map(|end| end + 1);
            let (piece, after) = rest.split_at(end.unwrap_or(rest.len()));
            rest = after;
            self.line.extend_from_slice(piece);
            if end.is_some() || self.line.len() > LINE_OCTETS_MAX {
                let line = std::mem::take(&mut self.line);
                self.take_line(&line);
                self.is_line_begun = end.is_none();
                self.line = line;
                self.line.clear();
            }
        }
    }

    /// All that the message says.
    #[must_use]
    pub fn finish(mut self) -> Likeness {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.take_line(&line);
        }
        match std::mem::replace(&mut self.at, At::Nowhere) {
            At::Header(octets) => self.begin_entity(&octets),
            at @ At::Leaf(_) => self.at = at,
            At::Nowhere => {}
        }
        self.end_leaf();
        self.files.sort_unstable();
        let files = match self.files.as_slice() {
            [] => NO_FILES,
            files => key(&files.iter().flat_map(|file| file.0).collect::<Vec<u8>>()),
        };
        let face = self.face.unwrap_or_else(|| face(self.uid, b""));
        let (plain, html, wording) = (self.plain.key(), self.html.key(), self.letters.finish());
        Likeness {
            face,
            plain,
            html,
            files,
            wording,
            is_whole: self.is_whole,
            is_earlier: false,
            imprint: None,
        }
    }

    fn take_line(&mut self, line: &[u8]) {
        if !self.is_line_begun && line.starts_with(b"--") && self.is_boundary(line) {
            return;
        }
        match &mut self.at {
            At::Header(octets) => {
                let is_end = !self.is_line_begun && matches!(line, b"\n" | b"\r\n");
                let room = PART_HEADER_OCTETS_MAX - octets.len().min(PART_HEADER_OCTETS_MAX);
                octets.extend_from_slice(&line[..line.len().min(room)]);
                self.is_whole &= room >= line.len();
                if is_end {
                    let octets = std::mem::take(octets);
                    self.begin_entity(&octets);
                }
            }
            At::Leaf(leaf) => self.is_whole &= leaf.take(line),
            At::Nowhere => {}
        }
    }

    /// Ends what a boundary ends; false where the line is none.
    fn is_boundary(&mut self, line: &[u8]) -> bool {
        let line = line.trim_ascii_end();
        let found = self.boundaries.iter().rposition(|boundary| {
            let rest = line.strip_prefix(b"--").and_then(|line| line.strip_prefix(boundary.as_slice()));
            rest.is_some_and(|rest| rest.is_empty() || rest == b"--")
        });
        let Some(at) = found else { return false };
        if let At::Header(octets) = &mut self.at {
            // A part that has a header and nothing else, not even a blank line.
            let octets = std::mem::take(octets);
            self.begin_entity(&octets);
        }
        self.end_leaf();
        let is_last = line.len() == self.boundaries[at].len() + 4;
        self.boundaries.truncate(if is_last { at } else { at + 1 });
        self.at = if is_last { At::Nowhere } else { At::Header(Vec::new()) };
        true
    }

    /// What follows a header.
    fn begin_entity(&mut self, octets: &[u8]) {
        self.parts += 1;
        let is_message = self.face.is_none();
        if is_message {
            self.face = Some(face(self.uid, octets));
        }
        let is_within = std::mem::take(&mut self.is_within);
        if is_message || is_within {
            self.letters.take_header(octets, is_within);
        }
        if is_within {
            self.files.push(face(self.uid, octets).subject.unwrap_or(NO_FILES));
        }
        let entity = words::Entity::of(octets);
        if self.parts > PARTS_MAX || self.boundaries.len() >= DEPTH_MAX {
            self.is_whole = false;
            self.at = At::Nowhere;
            return;
        }
        if let Some(boundary) = &entity.boundary {
            self.boundaries.push(boundary.clone());
            self.at = At::Nowhere;
        } else if entity.media_type == "message/rfc822" && entity.is_identity() && self.depth < DEPTH_MAX {
            // A message within is a file of which its own subject and all its parts tell.
            (self.depth, self.is_within) = (self.depth + 1, true);
            self.at = At::Header(Vec::new());
        } else {
            self.at = At::Leaf(Box::new(Leaf::of(entity)));
        }
    }

    fn end_leaf(&mut self) {
        let At::Leaf(leaf) = std::mem::replace(&mut self.at, At::Nowhere) else { return };
        let Leaf { mut decoder, mut kind, mut letters, .. } = *leaf;
        let last = decoder.finish();
        self.is_whole &= kind.take(&last);
        letters.take(&last);
        if !matches!(kind, Kind::Text { .. }) {
            self.letters.take_file(letters);
        }
        match kind {
            Kind::Text { octets, charset, is_html } => {
                let text = said_or_guessed(&octets, &charset);
                self.letters.take_text(if is_html { "html" } else { "plain" }, &text);
                if is_html {
                    self.html.take(&html::text(&text));
                } else {
                    self.plain.take(&text);
                }
            }
            Kind::File { hasher, .. } => self.files.push(shortened(&hasher.finalize())),
            Kind::PassedOver => {}
        }
    }
}

impl Leaf {
    fn of(entity: words::Entity) -> Self {
        let (decoder, letters) = (Decoder::of(&entity.encoding), FileLetters::of(&entity));
        let is_text = entity.media_type.starts_with("text/");
        let is_body =
            !entity.is_attachment && matches!(entity.media_type.as_str(), "text/plain" | "text/html");
        let kind = if is_body {
            let is_html = entity.media_type == "text/html";
            Kind::Text { octets: Vec::new(), charset: entity.charset, is_html }
        } else if entity.media_type == "text/calendar" && !entity.is_attachment {
            Kind::PassedOver
        } else {
            Kind::File { hasher: Box::default(), is_text }
        };
        Self { decoder, kind, letters, line_end: Vec::new() }
    }

    /// Takes a line, or a piece of one; false where a limit is passed.
    fn take(&mut self, line: &[u8]) -> bool {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let before = std::mem::replace(&mut self.line_end, line[text.len()..].to_vec());
        let mut octets = self.decoder.decode(&before);
        octets.extend(self.decoder.decode(text));
        if !matches!(self.kind, Kind::Text { .. }) {
            self.letters.take(&octets);
        }
        self.kind.take(&octets)
    }
}

impl Kind {
    fn take(&mut self, found: &[u8]) -> bool {
        match self {
            Self::Text { octets, .. } => {
                let room = TEXT_OCTETS_MAX - octets.len();
                octets.extend_from_slice(&found[..found.len().min(room)]);
                return found.len() <= room;
            }
            Self::File { hasher, is_text: true } => {
                // Line ends of text are its transport's (RFC 2046 §4.1.1).
                found.split(|octet| matches!(octet, b'\r' | b'\n')).for_each(|line| {
                    hasher.update(line);
                });
            }
            Self::File { hasher, .. } => {
                hasher.update(found);
            }
            Self::PassedOver => {}
        }
        true
    }
}

#[cfg(test)]
mod tests;
