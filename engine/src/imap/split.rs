//! Cuts a server's octets into responses: lines with the literals inside them.
//! Never reads what a line means, waits for a socket, or holds more than the named limits.

use std::fmt;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::limits::{
    CHUNK_OCTETS_MAX, LITERAL_OCTETS_HELD_MAX, RESPONSE_LITERAL_OCTETS_MAX, RESPONSE_LITERALS_MAX,
    RESPONSE_TEXT_OCTETS_MAX, RESPONSES_MAX,
};

/// One part of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Text up to a literal or the line's end, without the literal's announcement and the line end.
    Text(Bytes),
    /// A literal's octets.
    Literal(Bytes),
    /// A literal that was streamed or skipped: its length.
    Streamed(u64),
}

/// One whole response, or as much of it as came before an offered literal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response {
    /// Its parts in order.
    pub pieces: Vec<Piece>,
}

/// A limit that the server passed; reading cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// [`RESPONSE_TEXT_OCTETS_MAX`].
    Text,
    /// [`LITERAL_OCTETS_HELD_MAX`], with the announced length; `u64::MAX` stands for more than can be counted.
    Literal(u64),
    /// [`RESPONSE_LITERALS_MAX`] or [`RESPONSE_LITERAL_OCTETS_MAX`].
    Literals,
    /// [`RESPONSES_MAX`].
    Responses,
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => write!(f, "a line of more than {RESPONSE_TEXT_OCTETS_MAX} octets"),
            Self::Literal(octets) => write!(f, "a literal of {octets} octets where none was asked for"),
            Self::Literals => write!(f, "one response with too many or too large literals"),
            Self::Responses => write!(f, "more than {RESPONSES_MAX} responses to one command"),
        }
    }
}

/// What the next octets are.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// More octets are needed first.
    NeedMore,
    /// A literal of so many octets begins; `hold` or `stream` has to be called. Only while literals are offered.
    Offered(u64),
    /// A response is complete.
    Response(Response),
}

#[derive(Debug)]
enum State {
    Line,
    Offered(u64),
    Held { octets: BytesMut, whole: usize },
    Streaming { octets: u64, left: u64 },
}

/// The cutter: octets in, responses out. A cut at any octet gives the same responses.
#[derive(Debug)]
pub struct Splitter {
    buffer: BytesMut,
    scanned: usize,
    response: Response,
    text_octets: usize,
    literal_octets: u64,
    state: State,
    offers_literals: bool,
}

impl Default for Splitter {
    fn default() -> Self {
        Self {
            buffer: BytesMut::new(),
            scanned: 0,
            response: Response::default(),
            text_octets: 0,
            literal_octets: 0,
            state: State::Line,
            offers_literals: false,
        }
    }
}

impl Splitter {
    /// Sets whether literals are offered before they are read, or held without asking.
    pub fn offer_literals(&mut self, offers: bool) {
        self.offers_literals = offers;
    }

    /// True when literals are offered.
    #[must_use]
    pub const fn offers_literals(&self) -> bool {
        self.offers_literals
    }

    /// Adds octets, as they came.
    pub fn push(&mut self, octets: &[u8]) {
        self.buffer.extend_from_slice(octets);
    }

    /// Where the socket may write next: the held literal itself when nothing waits before it.
    pub fn room(&mut self, octets_wanted: usize) -> impl BufMut + '_ {
        match &mut self.state {
            State::Held { octets, whole } if self.buffer.is_empty() && octets.len() < *whole => {
                let missing = *whole - octets.len();
                octets.limit(missing)
            }
            _ => {
                self.buffer.reserve(octets_wanted);
                (&mut self.buffer).limit(octets_wanted)
            }
        }
    }

    /// Octets that came and were not yet cut.
    #[must_use]
    pub fn waiting_octets(&self) -> usize {
        self.buffer.len()
    }

    /// True between two responses.
    #[must_use]
    pub fn is_between_responses(&self) -> bool {
        matches!(self.state, State::Line) && self.response.pieces.is_empty()
    }

    /// True where a part of a response is here already.
    pub(super) fn has_begun(&self) -> bool {
        !self.buffer.is_empty() || !self.is_between_responses()
    }

    /// The response so far, up to the literal that is offered or streamed.
    #[must_use]
    pub fn so_far(&self) -> &Response {
        &self.response
    }

    /// Cuts as far as the octets reach.
    pub fn step(&mut self) -> Result<Step, Passed> {
        loop {
            match &mut self.state {
                State::Offered(octets) => return Ok(Step::Offered(*octets)),
                State::Streaming { left, .. } if *left > 0 => return Ok(Step::NeedMore),
                State::Streaming { octets, .. } => {
                    let octets = *octets;
                    self.end_literal(Piece::Streamed(octets));
                }
                State::Held { octets, whole } => {
                    // `room` may have let the socket write straight into the literal already.
                    let take = self.buffer.len().min(*whole - octets.len());
                    octets.extend_from_slice(&self.buffer[..take]);
                    self.buffer.advance(take);
                    if octets.len() < *whole {
                        return Ok(Step::NeedMore);
                    }
                    let octets = std::mem::take(octets).freeze();
                    self.end_literal(Piece::Literal(octets));
                }
                State::Line => {
                    let Some(found) = memchr::memchr(b'\n', &self.buffer[self.scanned..]) else {
                        self.scanned = self.buffer.len();
                        let whole = self.text_octets + self.buffer.len();
                        return if whole > RESPONSE_TEXT_OCTETS_MAX {
                            Err(Passed::Text)
                        } else {
                            Ok(Step::NeedMore)
                        };
                    };
                    let line = self.buffer.split_to(self.scanned + found + 1).freeze();
                    self.scanned = 0;
                    if let Some(response) = self.end_line(line)? {
                        return Ok(Step::Response(response));
                    }
                }
            }
        }
    }

    /// Reads the offered literal into memory; the caller has made sure that it may be held.
    pub fn hold(&mut self) {
        if let State::Offered(octets) = self.state {
            let whole = usize::try_from(octets).unwrap_or(usize::MAX);
            self.state = State::Held { octets: BytesMut::with_capacity(whole), whole };
        }
    }

    /// Lets the offered literal be taken by `chunk`.
    pub fn stream(&mut self) {
        if let State::Offered(octets) = self.state {
            self.state = State::Streaming { octets, left: octets };
        }
    }

    /// Octets of a streamed literal that are still to come.
    #[must_use]
    pub fn streaming_left(&self) -> u64 {
        if let State::Streaming { left, .. } = self.state { left } else { 0 }
    }

    /// The next octets of a streamed literal; nothing when more have to come first or none are left.
    pub fn chunk(&mut self) -> Option<Bytes> {
        let State::Streaming { left, .. } = &mut self.state else { return None };
        let take = self.buffer.len().min(CHUNK_OCTETS_MAX).min(usize::try_from(*left).unwrap_or(usize::MAX));
        *left -= take as u64;
        (take > 0).then(|| self.buffer.split_to(take).freeze())
    }

    fn end_literal(&mut self, piece: Piece) {
        self.response.pieces.push(piece);
        self.state = State::Line;
    }

    fn end_line(&mut self, line: Bytes) -> Result<Option<Response>, Passed> {
        self.text_octets += line.len();
        if self.text_octets > RESPONSE_TEXT_OCTETS_MAX {
            return Err(Passed::Text);
        }
        let mut text = line;
        while matches!(text.last(), Some(b'\n' | b'\r')) {
            text.truncate(text.len() - 1);
        }
        let is_prose = self.response.pieces.is_empty() && is_prose(&text);
        let Some((kept, octets)) = literal_at_end(&text).filter(|_| !is_prose) else {
            self.response.pieces.push(Piece::Text(text));
            self.text_octets = 0;
            self.literal_octets = 0;
            return Ok(Some(std::mem::take(&mut self.response)));
        };
        text.truncate(kept);
        self.response.pieces.push(Piece::Text(text));
        if self.response.pieces.len() > 2 * RESPONSE_LITERALS_MAX {
            return Err(Passed::Literals);
        }
        self.state = State::Offered(octets);
        if octets == u64::MAX {
            return Err(Passed::Literal(octets));
        }
        if !self.offers_literals {
            if octets > LITERAL_OCTETS_HELD_MAX {
                return Err(Passed::Literal(octets));
            }
            self.literal_octets += octets;
            if self.literal_octets > RESPONSE_LITERAL_OCTETS_MAX {
                return Err(Passed::Literals);
            }
            self.hold();
        }
        Ok(None)
    }
}

/// True for lines that end in words for people, where `{5}` at the end announces nothing.
fn is_prose(text: &[u8]) -> bool {
    let mut words = text.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    if words.next().is_some_and(|word| word.starts_with(b"+")) {
        return true;
    }
    let Some(word) = words.next() else { return false };
    [&b"OK"[..], b"NO", b"BAD", b"BYE", b"PREAUTH"].iter().any(|kind| word.eq_ignore_ascii_case(kind))
}

/// Finds `{n}`, `{n+}` or `~{n}` at the end: where it begins, and n; `u64::MAX` for a number without end.
fn literal_at_end(text: &[u8]) -> Option<(usize, u64)> {
    let inner = text.strip_suffix(b"}")?;
    let open = memchr::memrchr(b'{', inner)?;
    let digits = inner.get(open + 1..)?;
    let digits = digits.strip_suffix(b"+").unwrap_or(digits);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let octets = digits
        .iter()
        .try_fold(0_u64, |number, digit| number.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
    let begin = if open > 0 && text[open - 1] == b'~' { open - 1 } else { open };
    Some((begin, octets.unwrap_or(u64::MAX)))
}
