//! Reads values out of one response: atoms, numbers, strings, literals and lists.
//! Never fails: what breaks the grammar is read as well as it can be, or skipped.

use std::borrow::Cow;

use bytes::Bytes;

use super::limits::{LIST_DEPTH_MAX, LIST_VALUES_MAX};
use super::split::{Piece, Response};

/// One value as a server wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// `NIL`, in any case, unquoted.
    Nil,
    /// Anything unquoted: atoms, numbers, flags.
    Atom(&'a [u8]),
    /// A quoted string, its escapes undone.
    Quoted(Cow<'a, [u8]>),
    /// A literal that is held.
    Literal(&'a Bytes),
    /// A literal that went elsewhere: its length.
    Streamed(u64),
    /// A list.
    List(Vec<Value<'a>>),
}

impl<'a> Value<'a> {
    /// The octets of an atom, string or held literal.
    #[must_use]
    pub fn octets(&self) -> Option<&[u8]> {
        match self {
            Self::Atom(octets) => Some(octets),
            Self::Quoted(octets) => Some(octets),
            Self::Literal(octets) => Some(octets),
            Self::Nil | Self::Streamed(_) | Self::List(_) => None,
        }
    }

    /// The octets as text, with a replacement for what is not UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        self.octets().map(|octets| String::from_utf8_lossy(octets).into_owned())
    }

    /// A number, quoted or not; nothing for signs, blanks or more than 64 bits.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        number(self.octets()?)
    }

    /// The values of a list; a lone value counts as a list of one, NIL as an empty one.
    #[must_use]
    pub fn into_list(self) -> Vec<Self> {
        match self {
            Self::List(values) => values,
            Self::Nil => Vec::new(),
            other => vec![other],
        }
    }
}

/// Reads digits alone.
#[must_use]
pub fn number(octets: &[u8]) -> Option<u64> {
    let is_number = !octets.is_empty() && octets.iter().all(u8::is_ascii_digit);
    is_number.then(|| std::str::from_utf8(octets).ok()?.parse().ok()).flatten()
}

/// A place in a response, moved forward by reading.
#[derive(Debug, Clone)]
pub struct Tokens<'a> {
    pieces: &'a [Piece],
    at: usize,
}

impl<'a> Tokens<'a> {
    /// Begins at the start of a response.
    #[must_use]
    pub fn new(response: &'a Response) -> Self {
        Self { pieces: &response.pieces, at: 0 }
    }

    fn text_left(&self) -> &'a [u8] {
        match self.pieces.first() {
            Some(Piece::Text(text)) => text.get(self.at..).unwrap_or_default(),
            _ => &[],
        }
    }

    /// Steps over blanks, and from the end of one piece to the next.
    pub fn skip_blanks(&mut self) {
        while let Some(Piece::Text(text)) = self.pieces.first() {
            while matches!(text.get(self.at), Some(b' ' | b'\t' | b'\r')) {
                self.at += 1;
            }
            if self.at < text.len() {
                return;
            }
            self.pieces = &self.pieces[1..];
            self.at = 0;
        }
    }

    /// True when nothing is left but blanks.
    pub fn is_at_end(&mut self) -> bool {
        self.skip_blanks();
        self.pieces.is_empty()
    }

    /// The next octet after blanks, where text comes next.
    pub fn peek(&mut self) -> Option<u8> {
        self.skip_blanks();
        self.text_left().first().copied()
    }

    /// Steps over `octet` where it comes next, after blanks.
    pub fn take(&mut self, octet: u8) -> bool {
        let is_next = self.peek() == Some(octet);
        self.at += usize::from(is_next);
        is_next
    }

    /// Steps over exactly this text where it comes next, after blanks.
    pub fn take_text(&mut self, text: &[u8]) -> bool {
        self.skip_blanks();
        let is_next = self.text_left().starts_with(text);
        self.at += if is_next { text.len() } else { 0 };
        is_next
    }

    /// An unquoted word up to a blank or bracket of a list.
    pub fn word(&mut self) -> &'a [u8] {
        self.skip_blanks();
        let text = self.text_left();
        let end =
            text.iter().position(|byte| matches!(byte, b' ' | b'\t' | b'(' | b')')).unwrap_or(text.len());
        self.at += end;
        &text[..end]
    }

    /// The name of a FETCH attribute: `BODY[HEADER.FIELDS (TO)]<0>` is one name, blanks and brackets included.
    pub fn attribute(&mut self) -> &'a [u8] {
        self.skip_blanks();
        let text = self.text_left();
        let mut depth = 0_u32;
        let end = text.iter().position(|byte| match byte {
            b'[' => {
                depth += 1;
                false
            }
            b']' => {
                depth = depth.saturating_sub(1);
                false
            }
            b' ' | b'(' | b')' => depth == 0,
            _ => false,
        });
        let end = end.unwrap_or(text.len());
        self.at += end;
        &text[..end]
    }

    /// What is left of the line's text.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.text_left()
    }

    /// The next value; nothing at the end or before a closing bracket.
    pub fn value(&mut self) -> Option<Value<'a>> {
        self.value_within(0)
    }

    fn value_within(&mut self, depth: usize) -> Option<Value<'a>> {
        self.skip_blanks();
        match self.pieces.first()? {
            Piece::Literal(octets) => {
                self.next_piece();
                return Some(Value::Literal(octets));
            }
            Piece::Streamed(octets) => {
                self.next_piece();
                return Some(Value::Streamed(*octets));
            }
            Piece::Text(_) => {}
        }
        match self.text_left().first()? {
            b')' => None,
            b'(' if depth >= LIST_DEPTH_MAX => {
                self.skip_list();
                Some(Value::Nil)
            }
            b'(' => {
                self.at += 1;
                Some(Value::List(self.list_within(depth + 1)))
            }
            b'"' => Some(Value::Quoted(self.quoted())),
            _ => {
                let word = self.word();
                Some(if word.eq_ignore_ascii_case(b"NIL") { Value::Nil } else { Value::Atom(word) })
            }
        }
    }

    fn next_piece(&mut self) {
        self.pieces = &self.pieces[1..];
        self.at = 0;
    }

    fn list_within(&mut self, depth: usize) -> Vec<Value<'a>> {
        let mut values = Vec::new();
        while let Some(value) = self.value_within(depth) {
            if values.len() < LIST_VALUES_MAX {
                values.push(value);
            }
        }
        self.take(b')');
        values
    }

    /// Steps over a list of any depth without going down into it.
    fn skip_list(&mut self) {
        let mut depth = 0_u64;
        while !self.is_at_end() {
            match self.peek() {
                Some(b'(') => {
                    depth += 1;
                    self.at += 1;
                }
                Some(b')') => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                    if depth == 0 {
                        return;
                    }
                }
                Some(b'"') => drop(self.quoted()),
                Some(_) => drop(self.word()),
                None => self.next_piece(),
            }
        }
    }

    /// A quoted string. A backslash before anything but a quote or a backslash stands for itself, and so does a
    /// quote that no blank, bracket or line end follows: some servers escape neither.
    fn quoted(&mut self) -> Cow<'a, [u8]> {
        let text = &self.text_left()[1..];
        let mut undone: Option<Vec<u8>> = None;
        let mut index = 0;
        while let Some(&byte) = text.get(index) {
            let follower = text.get(index + 1).copied();
            match byte {
                b'\\' if matches!(follower, Some(b'"' | b'\\')) => {
                    undone.get_or_insert_with(|| text[..index].to_vec()).extend(follower);
                    index += 2;
                    continue;
                }
                b'"' if matches!(follower, None | Some(b' ' | b'\t' | b'(' | b')' | b'"')) => break,
                _ => {}
            }
            if let Some(undone) = &mut undone {
                undone.push(byte);
            }
            index += 1;
        }
        self.at += 1 + (index + 1).min(text.len());
        undone.map_or_else(|| Cow::Borrowed(&text[..index.min(text.len())]), Cow::Owned)
    }
}
