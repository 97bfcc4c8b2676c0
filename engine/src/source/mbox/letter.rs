//! One message out of an mbox: the file's own lines taken out, quoted lines restored, CRLF at every end of line.
//! Never decides where a message begins or ends: that is `scan`.

use std::io::{self, Read};

use super::own::Own;
use super::status::{self, Storage};

/// Which lines of a body are quoted, and how many octets tell where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// `From ` is quoted with `>`; `>From ` is not, so that it cannot be known what it was.
    Mboxo,
    /// `From ` with any number of `>` before it is quoted with one more.
    Mboxrd,
    /// As mboxo, with Content-Length.
    Mboxcl,
    /// Content-Length alone; nothing is quoted.
    Mboxcl2,
}

impl Variant {
    /// The name in reports and locations.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mboxo => "mboxo",
            Self::Mboxrd => "mboxrd",
            Self::Mboxcl => "mboxcl",
            Self::Mboxcl2 => "mboxcl2",
        }
    }

    /// The variant of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Mboxo, Self::Mboxrd, Self::Mboxcl, Self::Mboxcl2].into_iter().find(|one| one.as_str() == name)
    }

    /// True where Content-Length tells the body's end.
    #[must_use]
    pub const fn has_lengths(self) -> bool {
        matches!(self, Self::Mboxcl | Self::Mboxcl2)
    }

    /// True for a line whose first `>` is not of the message.
    fn is_quoted(self, line: &[u8]) -> bool {
        match self {
            Self::Mboxo | Self::Mboxcl => line.starts_with(b">From "),
            Self::Mboxrd => line.starts_with(b">") && is_from(line),
            Self::Mboxcl2 => false,
        }
    }
}

/// True for `From ` with any number of `>` before it.
#[must_use]
pub fn is_from(line: &[u8]) -> bool {
    let marks = line.iter().take_while(|octet| **octet == b'>').count();
    line[marks..].starts_with(b"From ")
}

/// Which lines may be quoted, as far as those tell that begin with `From ` unquoted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Quotes {
    /// Any line.
    #[default]
    Anywhere,
    /// Lines behind a blank one alone, as mail.local quotes them.
    BehindBlanks,
    /// None: the file quotes nothing, whatever its variant.
    Nowhere,
}

/// How one message is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// How its lines are quoted.
    pub variant: Variant,
    /// Which of them may be.
    pub quotes: Quotes,
    /// Which lines of the header are the file's.
    pub own: Own,
    /// True where line ends are the message's own.
    pub keeps_ends: bool,
    /// True where lines of the header are quoted as those of the body are.
    pub quotes_header: bool,
}

impl Manner {
    /// A message as programs write it, less all lines that look like the file's. What is known by such a reading stays
    /// known, whatever is found out about the places of these lines.
    #[must_use]
    pub const fn found(variant: Variant, has_length: bool) -> Self {
        let own = Own::Anywhere { has_length };
        Self { variant, quotes: Quotes::Anywhere, own, keeps_ends: false, quotes_header: false }
    }

    /// A message less all that mail programs write into it, and with nothing unquoted.
    #[must_use]
    pub const fn known() -> Self {
        let (variant, quotes, own) = (Variant::Mboxcl2, Quotes::Anywhere, Own::Named);
        Self { variant, quotes, own, keeps_ends: false, quotes_header: false }
    }

    /// A message as Malote writes it: every line is quoted that may be taken for a separator, in the header too.
    #[must_use]
    pub const fn own(keeps_ends: bool) -> Self {
        let (variant, own) = (Variant::Mboxrd, Own::None);
        Self { variant, quotes: Quotes::Anywhere, own, keeps_ends, quotes_header: true }
    }

    /// True for a line of a body whose first `>` is not of the message.
    #[must_use]
    pub fn is_quoted(&self, line: &[u8], is_behind_blank: bool) -> bool {
        let may_be = match self.quotes {
            Quotes::Anywhere => true,
            Quotes::BehindBlanks => is_behind_blank,
            Quotes::Nowhere => false,
        };
        may_be && self.variant.is_quoted(line)
    }
}

/// Takes the lines of one message as they stand in the file and gives the octets of the message.
#[derive(Debug)]
pub struct Letter {
    manner: Manner,
    is_in_header: bool,
    /// Octets of the header so far.
    at: u64,
    /// True while the field at hand is the file's own.
    is_dropping: bool,
    was_return: bool,
    /// True behind a blank line.
    was_blank: bool,
}

impl Letter {
    /// At the beginning of a message.
    #[must_use]
    pub const fn new(manner: Manner) -> Self {
        Self { manner, is_in_header: true, at: 0, is_dropping: false, was_return: false, was_blank: false }
    }

    /// The same place of a body, where a line begins, in another manner.
    #[must_use]
    pub const fn in_body(&self, manner: Manner) -> Self {
        let was_blank = self.was_blank;
        Self { manner, is_in_header: false, at: 0, is_dropping: false, was_return: false, was_blank }
    }

    /// True for a next line of the body whose first `>` is not of the message in such a manner.
    #[must_use]
    pub fn is_quoted_by(&self, manner: &Manner, line: &[u8]) -> bool {
        manner.is_quoted(line, self.was_blank)
    }

    /// Takes the next piece: a line with its end, or part of a long one. `is_start` where a line begins with it.
    pub fn take(&mut self, piece: &[u8], is_start: bool, into: &mut Vec<u8>) {
        let (mut piece, octets) = (piece, piece.len());
        if is_start {
            let is_unquoted = !self.is_in_header || self.manner.quotes_header;
            if self.is_in_header {
                self.begin_header_line(piece);
            }
            let is_blank = matches!(piece, b"\n" | b"\r\n");
            if is_unquoted && self.manner.is_quoted(piece, self.was_blank) {
                piece = &piece[1..];
            }
            self.was_blank = is_blank;
        }
        self.at += octets as u64;
        if self.is_dropping {
            return;
        }
        match piece.split_last() {
            Some(_) if self.manner.keeps_ends => into.extend_from_slice(piece),
            Some((b'\n', line)) => {
                into.extend_from_slice(line);
                let has_return = line.last().map_or(self.was_return, |octet| *octet == b'\r');
                into.extend_from_slice(if has_return { b"\n" } else { b"\r\n" });
                self.was_return = false;
            }
            Some((octet, _)) => {
                into.extend_from_slice(piece);
                self.was_return = *octet == b'\r';
            }
            None => {}
        }
    }

    fn begin_header_line(&mut self, line: &[u8]) {
        if matches!(line, b"\n" | b"\r\n") {
            (self.is_in_header, self.is_dropping) = (false, false);
            return;
        }
        let is_folded = matches!(line, [b' ' | b'\t', ..]);
        match self.manner.own {
            Own::None => {}
            // A folded line goes with the one before it, but none goes with a block that has ended.
            Own::Placed(placed) if is_folded => self.is_dropping &= self.at != placed.leading() as u64,
            Own::Anywhere { .. } | Own::Named if is_folded => {}
            Own::Placed(placed) => self.is_dropping = placed.is_own(self.at, line),
            // Some deliverers leave a quoted separator on top.
            Own::Anywhere { .. } | Own::Named if line.starts_with(b">From ") => self.is_dropping = true,
            Own::Named => self.is_dropping = status::is_kept(line),
            Own::Anywhere { has_length } => {
                self.is_dropping = match status::judge(line) {
                    None => false,
                    Some(Storage::Length(_)) => has_length,
                    Some(_) => true,
                }
            }
        }
    }
}

/// Octets of a piece at most: longer lines come in several.
pub const PIECE_OCTETS_MAX: usize = 64 * 1024;

/// Cuts what it reads into lines, and long lines into pieces.
#[derive(Debug)]
pub struct Pieces<R> {
    from: R,
    buffer: Vec<u8>,
    begin: usize,
    end: usize,
    is_line_start: bool,
    /// True where the last reading filled the buffer: it is made longer for the next one, so that a short message
    /// costs no long buffer.
    is_filled: bool,
    /// Octets taken so far.
    pub offset: u64,
}

/// Octets of the buffer of [`Pieces`], for its first reading and at most.
const BUFFER_OCTETS: usize = 16 * 1024;
const BUFFER_OCTETS_MAX: usize = 4 * PIECE_OCTETS_MAX;

impl<R: Read> Pieces<R> {
    /// Reads `from`, whose first octet begins a line.
    pub fn new(from: R) -> Self {
        Self { from, buffer: Vec::new(), begin: 0, end: 0, is_line_start: true, is_filled: true, offset: 0 }
    }

    /// The next piece, and whether a line begins with it; nothing at the end.
    ///
    /// # Errors
    /// Where the file cannot be read on.
    pub fn take_next(&mut self) -> io::Result<Option<(&[u8], bool)>> {
        let length = loop {
            let held = &self.buffer[self.begin..self.end];
            let looked_at = &held[..held.len().min(PIECE_OCTETS_MAX)];
            if let Some(at) = memchr::memchr(b'\n', looked_at) {
                break at + 1;
            }
            if held.len() >= PIECE_OCTETS_MAX {
                break PIECE_OCTETS_MAX;
            }
            if !self.fill()? {
                break self.end - self.begin;
            }
        };
        if length == 0 {
            return Ok(None);
        }
        let piece = &self.buffer[self.begin..self.begin + length];
        let is_start = std::mem::replace(&mut self.is_line_start, piece.last() == Some(&b'\n'));
        self.begin += length;
        self.offset += length as u64;
        Ok(Some((piece, is_start)))
    }

    /// Reads on; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        if self.begin > 0 {
            self.buffer.copy_within(self.begin..self.end, 0);
            (self.begin, self.end) = (0, self.end - self.begin);
        }
        if self.is_filled {
            let octets = (2 * self.buffer.len()).clamp(BUFFER_OCTETS, BUFFER_OCTETS_MAX);
            self.buffer.resize(octets, 0);
        }
        loop {
            match self.from.read(&mut self.buffer[self.end..]) {
                Ok(read) => {
                    self.end += read;
                    self.is_filled = self.end == self.buffer.len();
                    return Ok(read > 0);
                }
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(cause),
            }
        }
    }
}

/// The lines of `text` in the pieces that [`Pieces`] would give, each with whether a line begins with it.
pub fn pieces_of(text: &[u8]) -> impl Iterator<Item = (&[u8], bool)> {
    text.split_inclusive(|octet| *octet == b'\n').flat_map(|line| {
        line.chunks(PIECE_OCTETS_MAX).enumerate().map(|(number, piece)| (piece, number == 0))
    })
}

/// Reads one message out of its part of the file.
pub struct LetterReader<R> {
    pieces: Pieces<R>,
    letter: Letter,
    ready: Vec<u8>,
    given: usize,
}

impl<R: Read> LetterReader<R> {
    /// Reads `from`, which begins behind the separator and ends where the message does.
    pub fn new(from: R, manner: Manner) -> Self {
        Self { pieces: Pieces::new(from), letter: Letter::new(manner), ready: Vec::new(), given: 0 }
    }
}

impl<R: Read> Read for LetterReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.given == self.ready.len() {
            self.ready.clear();
            self.given = 0;
            while self.ready.len() < PIECE_OCTETS_MAX {
                let Some((piece, is_start)) = self.pieces.take_next()? else { break };
                self.letter.take(piece, is_start, &mut self.ready);
            }
            if self.ready.is_empty() {
                return Ok(0);
            }
        }
        let given = into.len().min(self.ready.len() - self.given);
        into[..given].copy_from_slice(&self.ready[self.given..self.given + given]);
        self.given += given;
        Ok(given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variant: Variant, has_length: bool, text: &str, expected: &str) {
        let mut read = Vec::new();
        let mut reader = LetterReader::new(text.as_bytes(), Manner::found(variant, has_length));
        reader.read_to_end(&mut read).unwrap();
        assert_eq!(String::from_utf8(read).unwrap(), expected, "{variant:?} {text:?}");
    }

    #[test]
    fn quoting_is_undone_as_the_variant_did_it() {
        let text = "A: b\n\nFrom 0\n>From 1\n>>From 2\n>from\n";
        check(Variant::Mboxo, false, text, "A: b\r\n\r\nFrom 0\r\nFrom 1\r\n>>From 2\r\n>from\r\n");
        check(Variant::Mboxrd, false, text, "A: b\r\n\r\nFrom 0\r\nFrom 1\r\n>From 2\r\n>from\r\n");
        check(Variant::Mboxcl, true, text, "A: b\r\n\r\nFrom 0\r\nFrom 1\r\n>>From 2\r\n>from\r\n");
        check(Variant::Mboxcl2, true, text, "A: b\r\n\r\nFrom 0\r\n>From 1\r\n>>From 2\r\n>from\r\n");
    }

    #[test]
    fn the_files_own_lines_are_left_out_and_no_others() {
        check(
            Variant::Mboxrd,
            false,
            "X-Mozilla-Status: 0001\nA: b\n  X-UID: 1\nX-Gmail-Labels: a,\n b\nStatus: odd\n\
             Content-Length: 3\n\nStatus: RO\n",
            "A: b\r\n  X-UID: 1\r\nStatus: odd\r\nContent-Length: 3\r\n\r\nStatus: RO\r\n",
        );
        check(Variant::Mboxcl2, true, "Content-Length: 3\nA: b\r\n\nabc", "A: b\r\n\r\nabc");
    }

    #[test]
    fn a_line_without_end_costs_no_memory_and_changes_nothing() {
        let long = format!("A: b\n\n>From {}\r", "x".repeat(3 * PIECE_OCTETS_MAX));
        check(
            Variant::Mboxrd,
            false,
            &format!("{long}\nend"),
            &format!("{}\nend", long.replace("\n\n>", "\r\n\r\n")),
        );
    }
}
