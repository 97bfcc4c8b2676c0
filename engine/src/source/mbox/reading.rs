//! One message while it is read: its header gathered, its octets measured as they will be delivered.
//! Never keeps a body.

use super::from_line::FromLine;
use super::letter::{Letter, Manner, pieces_of};
use super::own::{Own, Placed, Places};
use crate::source::archive::book::Key;
use crate::source::archive::lines::{Measure, Measured};

/// Octets of a message's own header that are kept for its date.
const KEPT_HEADER_OCTETS: usize = 64 * 1024;

/// Lines of a body that begin with `From ` and are no separators: whoever quotes would have quoted them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bare {
    /// Those behind a blank line, where every program quotes that quotes at all.
    pub behind_blanks: u64,
    /// Those within a paragraph.
    pub within: u64,
}

/// The message at hand.
pub(super) struct Current {
    pub line: FromLine,
    pub at: u64,
    pub raw_header: Vec<u8>,
    pub body: Option<Body>,
    /// A blank line that belongs to the message only if more follows.
    pub held: Vec<u8>,
    /// Where the body ends by a length that was found to be right.
    pub until: u64,
    /// True where a length goes on beyond the file's end.
    pub is_beyond: bool,
    /// True where that stands where programs write it; elsewhere it may be the sender's.
    is_placed: bool,
    /// Lines of its body that begin with `From `.
    pub bare: Bare,
}

impl Current {
    pub const fn begin(line: FromLine, at: u64) -> Self {
        let (until, is_beyond, is_placed) = (0, false, false);
        let bare = Bare { behind_blanks: 0, within: 0 };
        Self {
            line,
            at,
            raw_header: Vec::new(),
            body: None,
            held: Vec::new(),
            until,
            is_beyond,
            is_placed,
            bare,
        }
    }

    /// Takes note of a length, in octet `at` of the header, that goes on beyond the file's end.
    pub fn note_beyond(&mut self, at: usize) {
        let placed = Placed::of(&self.raw_header, Places::default(), None);
        self.is_beyond = true;
        self.is_placed |= placed.is_placed(at);
    }

    /// True where the file ends before the message does, which is its last one. What ends with a blank line is whole
    /// where only its sender may have told a length.
    pub const fn is_cut(&self) -> bool {
        self.is_beyond && self.until == 0 && (self.is_placed || self.held.is_empty())
    }

    /// The header is here as far as it is held: from here on lines go through. `others` are the other manners whose
    /// reading is to be known; `is_whole` where the header is.
    pub fn begin_body(&mut self, manner: Manner, others: &[Manner], is_whole: bool) -> &mut Body {
        let mut measure = Measure::new(KEPT_HEADER_OCTETS);
        let mut letter = Letter::new(manner);
        let mut ready = Vec::new();
        pieces_of(&self.raw_header).for_each(|(piece, is_start)| letter.take(piece, is_start, &mut ready));
        measure.update(&ready);
        let others = others.iter().map(|other| Other::begin(*other, &self.raw_header, &ready, is_whole));
        let others = others.collect();
        self.body.insert(Body { letter, manner, measure, others, ready: Vec::new(), ends_line: true })
    }
}

/// The message at hand behind its header.
pub(super) struct Body {
    letter: Letter,
    pub manner: Manner,
    measure: Measure,
    others: Vec<Other>,
    ready: Vec<u8>,
    /// True where the last line has its end.
    ends_line: bool,
}

impl Body {
    pub fn take(&mut self, piece: &[u8], is_start: bool) {
        self.ends_line = piece.ends_with(b"\n");
        let is_quoted = is_start && self.letter.is_quoted_by(&self.manner, piece);
        for other in self.others.iter_mut().filter(|other| other.hasher.is_none()) {
            if is_start && self.letter.is_quoted_by(&other.manner, piece) != is_quoted {
                other.hasher = Some((self.letter.in_body(other.manner), self.measure.hasher()));
            }
        }
        self.ready.clear();
        self.letter.take(piece, is_start, &mut self.ready);
        self.measure.update(&self.ready);
        for (letter, hasher) in self.others.iter_mut().filter_map(|other| other.hasher.as_mut()) {
            self.ready.clear();
            letter.take(piece, is_start, &mut self.ready);
            hasher.update(&self.ready);
        }
    }

    /// What was measured, and the beginning of the BLAKE3 of each other reading. By what it is known, a message ends
    /// its last line: who adds the next message to a file ends it.
    pub fn finish(self) -> (Measured, Vec<Key>) {
        let hasher = self.measure.hasher();
        let hash = |other: Other| {
            let mut hasher = other.hasher.map_or_else(|| hasher.clone(), |(_, hasher)| hasher);
            if !self.ends_line && other.manner.own == Own::Named {
                hasher.update(b"\r\n");
            }
            *hasher.finalize().as_bytes()
        };
        let keys = self.others.into_iter().map(hash).map(|hash| beginning(&hash)).collect();
        (self.measure.finish(), keys)
    }
}

/// The octets of a hash that make a key.
pub(super) fn beginning(hash: &[u8; 32]) -> Key {
    let mut key = Key::default();
    key.copy_from_slice(&hash[..16]);
    key
}

/// The same message read in another manner, of which only the hash is wanted.
struct Other {
    manner: Manner,
    /// Nothing while its octets are those of the first manner.
    hasher: Option<(Letter, blake3::Hasher)>,
}

impl Other {
    fn begin(manner: Manner, header: &[u8], first: &[u8], is_whole: bool) -> Self {
        let mut letter = Letter::new(manner);
        let mut ready = Vec::with_capacity(first.len());
        pieces_of(header).for_each(|(piece, is_start)| letter.take(piece, is_start, &mut ready));
        if is_whole && ready == first {
            return Self { manner, hasher: None };
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(&ready);
        Self { manner, hasher: Some((letter, hasher)) }
    }
}
