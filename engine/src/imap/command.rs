//! Commands as octets: words, strings quoted or as literals, in the order of the wire.
//! Never lets a line end or NUL from a value into a command.

use zeroize::Zeroizing;

use super::limits::QUOTED_OCTETS_MAX;

/// A value with an octet that no IMAP string can carry here: CR, LF or NUL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a value holds a line end or NUL, which no IMAP command can carry")]
pub struct Unsendable;

/// One part of a command.
pub(super) enum Part {
    /// Octets of the line.
    Text(Zeroizing<Vec<u8>>),
    /// Octets that follow their announcement.
    Literal(Zeroizing<Vec<u8>>),
}

/// A command without its tag; forgotten from memory when dropped, for it may carry a password.
pub(super) struct Command {
    parts: Vec<Part>,
}

impl Command {
    /// Begins with fixed words: a verb and what always follows it.
    pub fn new(words: &str) -> Self {
        Self { parts: vec![Part::Text(Zeroizing::new(words.as_bytes().to_vec()))] }
    }

    /// Adds a blank and words that need no quoting.
    pub fn words(mut self, words: &str) -> Self {
        self.text().push(b' ');
        self.text().extend_from_slice(words.as_bytes());
        self
    }

    /// Adds a blank and a string: quoted where that can be read by any server, else as a literal.
    pub fn string(mut self, octets: &[u8]) -> Result<Self, Unsendable> {
        if octets.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return Err(Unsendable);
        }
        self.text().push(b' ');
        match quoted(octets) {
            Some(quoted) => self.text().extend_from_slice(&quoted),
            None => self.parts.push(Part::Literal(Zeroizing::new(octets.to_vec()))),
        }
        Ok(self)
    }

    /// True where a part goes as a literal.
    pub fn has_literal(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Literal(_)))
    }

    /// The parts in order; the last one is text.
    pub fn into_parts(mut self) -> Vec<Part> {
        self.text();
        self.parts
    }

    fn text(&mut self) -> &mut Vec<u8> {
        if !matches!(self.parts.last(), Some(Part::Text(_))) {
            self.parts.push(Part::Text(Zeroizing::default()));
        }
        match self.parts.last_mut() {
            Some(Part::Text(text)) => text,
            _ => unreachable!("a text part was pushed just above"),
        }
    }
}

/// The quoted form, for 7-bit strings of a moderate length.
pub(super) fn quoted(octets: &[u8]) -> Option<Vec<u8>> {
    let can_be_quoted =
        octets.len() <= QUOTED_OCTETS_MAX && octets.iter().all(|byte| matches!(byte, 0x20..=0x7e | b'\t'));
    can_be_quoted.then(|| {
        let mut quoted = Vec::with_capacity(octets.len() + 2);
        quoted.push(b'"');
        for byte in octets {
            if matches!(byte, b'"' | b'\\') {
                quoted.push(b'\\');
            }
            quoted.push(*byte);
        }
        quoted.push(b'"');
        quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::split::{Piece, Response};
    use crate::imap::token::Tokens;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_quoted_is_read_back(text in "[ -~]{0,60}") {
            let octets = quoted(text.as_bytes()).unwrap();
            let response = Response { pieces: vec![Piece::Text(octets.into())] };
            let read = Tokens::new(&response).value().unwrap().text().unwrap();
            // A server that escapes nothing is read too, so a quote before a blank would be ambiguous only unescaped.
            prop_assert_eq!(read, text);
        }
    }

    #[test]
    fn strings_go_quoted_or_as_literals_and_never_with_line_ends() {
        for (octets, expected) in [
            (&b"INBOX"[..], "CREATE \"INBOX\""),
            (b"a \"b\" \\", "CREATE \"a \\\"b\\\" \\\\\""),
            ("é".as_bytes(), "CREATE {2}\\xc3\\xa9"),
            (b"\x7f", "CREATE {1}\\x7f"),
        ] {
            let parts = Command::new("CREATE").string(octets).unwrap().into_parts();
            let shown: String = parts
                .iter()
                .map(|part| match part {
                    Part::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
                    Part::Literal(octets) => format!("{{{}}}{}", octets.len(), octets.escape_ascii()),
                })
                .collect();
            assert_eq!(shown, expected);
        }
        for octets in [&b"a\rb"[..], b"a\nb", b"a\0b"] {
            assert!(Command::new("LOGIN").string(octets).is_err());
        }
    }
}
