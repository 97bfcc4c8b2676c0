//! Finds the messages of an mbox file in one pass, in bounded memory.
//! Never takes a quoted line for a separator, and never believes a length that does not end where one would.

use std::io::{self, Read};

use super::from_line::{self, FromLine};
use super::letter::{Letter, Manner, Pieces, Variant, is_from};
use super::status::{self, Storage};
use crate::source::archive::HEADER_OCTETS_MAX;
use crate::source::archive::lines::{Measure, Measured};

/// Octets behind a place that tell whether a message may end or begin there.
const GLANCE_OCTETS: usize = 512;

/// Octets of a message's own header that are kept for its date.
const KEPT_HEADER_OCTETS: usize = 64 * 1024;

/// One message as it was found.
#[derive(Debug)]
pub struct Found {
    /// Its separator.
    pub line: FromLine,
    /// Where it begins behind the separator, in octets.
    pub at: u64,
    /// Its length in the file, in octets.
    pub octets: u64,
    /// How it is to be read.
    pub manner: Manner,
    /// The message as it will be delivered.
    pub measured: Measured,
    /// Its header as it stands in the file, up to [`HEADER_OCTETS_MAX`].
    pub raw_header: Vec<u8>,
}

/// What was noticed on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Noticed {
    /// Messages.
    pub messages: u64,
    /// Content-Length fields that were right, and those that were not.
    pub lengths: u64,
    /// Content-Length fields that end elsewhere than at a separator.
    pub lengths_wrong: u64,
    /// Separator-like lines within a message whose length was right: nothing is quoted there.
    pub unquoted: u64,
    /// Lines of text that begin with `From ` and stand where a separator might.
    pub from_lines: u64,
    /// Separators that no blank line goes before.
    pub crowded: u64,
    /// Lines that begin with `>From `, and those with more marks.
    pub quoted: u64,
    /// Lines that begin with `>>From ` or more marks.
    pub quoted_twice: u64,
}

/// A file that may also be looked at elsewhere than where it is read.
pub trait Glance {
    /// Fills `into` from `offset` on, as far as there are octets.
    fn glance(&self, offset: u64, into: &mut [u8]) -> usize;
}

impl Glance for std::fs::File {
    fn glance(&self, offset: u64, into: &mut [u8]) -> usize {
        std::os::unix::fs::FileExt::read_at(self, into, offset).unwrap_or(0)
    }
}

impl Glance for [u8] {
    fn glance(&self, offset: u64, into: &mut [u8]) -> usize {
        let from = usize::try_from(offset).ok().and_then(|offset| self.get(offset..)).unwrap_or_default();
        let length = from.len().min(into.len());
        into[..length].copy_from_slice(&from[..length]);
        length
    }
}

/// Whether to go on.
pub type Flow = std::ops::ControlFlow<()>;

/// Finds all messages and gives each to `each`, until that breaks off.
///
/// # Errors
/// Where the file cannot be read to its end; what was found before was given.
pub fn scan(
    from: impl Read,
    file: &(impl Glance + ?Sized),
    variant: Variant,
    each: &mut dyn FnMut(Found) -> Flow,
) -> io::Result<Noticed> {
    let mut scan = Scan { file, variant, noticed: Noticed::default(), current: None, was_blank: true, each };
    let mut pieces = Pieces::new(from);
    loop {
        let before = pieces.offset;
        let Some((piece, is_start)) = pieces.take_next()? else { break };
        let after = before + piece.len() as u64;
        if is_start && let Some(line) = scan.separator(piece, before, after) {
            if scan.end(before).is_break() {
                return Ok(scan.noticed);
            }
            scan.current = Some(Current::begin(line, after));
            scan.was_blank = false;
        } else {
            scan.take(piece, is_start, after);
        }
    }
    let _ended = scan.end(pieces.offset);
    Ok(scan.noticed)
}

struct Scan<'a, F: ?Sized> {
    file: &'a F,
    variant: Variant,
    noticed: Noticed,
    current: Option<Current>,
    /// True behind a blank line, and at the beginning.
    was_blank: bool,
    each: &'a mut dyn FnMut(Found) -> Flow,
}

/// The message at hand.
struct Current {
    line: FromLine,
    at: u64,
    raw_header: Vec<u8>,
    body: Option<Body>,
    /// A blank line that belongs to the message only if more follows.
    held: Vec<u8>,
    /// Where the body ends by a length that was found to be right.
    until: u64,
}

/// The message at hand behind its header.
struct Body {
    letter: Letter,
    manner: Manner,
    measure: Measure,
    ready: Vec<u8>,
}

impl Body {
    fn take(&mut self, piece: &[u8], is_start: bool) {
        self.ready.clear();
        self.letter.take(piece, is_start, &mut self.ready);
        self.measure.update(&self.ready);
    }
}

impl Current {
    const fn begin(line: FromLine, at: u64) -> Self {
        Self { line, at, raw_header: Vec::new(), body: None, held: Vec::new(), until: 0 }
    }

    /// The header is whole: from here on lines go through.
    fn begin_body(&mut self, manner: Manner) -> &mut Body {
        let measure = Measure::new(KEPT_HEADER_OCTETS);
        let mut body = Body { letter: Letter::new(manner), manner, measure, ready: Vec::new() };
        self.raw_header.split_inclusive(|octet| *octet == b'\n').for_each(|line| body.take(line, true));
        self.body.insert(body)
    }
}

impl<F: Glance + ?Sized> Scan<'_, F> {
    /// Judges a line; a separator ends the message before it.
    fn separator(&mut self, piece: &[u8], before: u64, after: u64) -> Option<FromLine> {
        if !piece.starts_with(b"From ") {
            return None;
        }
        let line = from_line::judge(piece);
        if self.current.is_none() {
            return Some(line);
        }
        if self.current.as_ref().is_some_and(|current| before < current.until) {
            self.noticed.unquoted += u64::from(line != FromLine::Text);
            return None;
        }
        let is_separator = match line {
            FromLine::Dated { .. } => self.was_blank || self.is_header_at(after),
            FromLine::Bare => self.was_blank && self.is_header_at(after),
            FromLine::Text => false,
        };
        self.noticed.crowded += u64::from(is_separator && !self.was_blank);
        self.noticed.from_lines += u64::from(!is_separator && self.was_blank);
        is_separator.then_some(line)
    }

    /// True where a header field stands: a name and a colon.
    fn is_header_at(&self, offset: u64) -> bool {
        let mut glance = [0; GLANCE_OCTETS];
        let length = self.file.glance(offset, &mut glance);
        let line = glance[..length].split(|octet| *octet == b'\n').next().unwrap_or_default();
        let name = line.iter().take_while(|octet| octet.is_ascii_graphic() && **octet != b':').count();
        (name > 0 && line.get(name) == Some(&b':')) || line.starts_with(b">From ")
    }

    /// True where a message may end: at the end of the file, or before a separator with or without a blank line.
    fn is_end_at(&self, offset: u64) -> bool {
        let mut glance = [0; GLANCE_OCTETS];
        let length = self.file.glance(offset, &mut glance);
        let rest = &glance[..length];
        let blanks = rest.iter().take(4).take_while(|octet| matches!(octet, b'\n' | b'\r')).count();
        let line = rest[blanks..].split(|octet| *octet == b'\n').next().unwrap_or_default();
        // A line begins only behind the end of another one.
        let begins = blanks > 0 || self.ends_line(offset);
        let is_within = offset == 0 || self.file.glance(offset - 1, &mut [0]) == 1;
        (is_within && length < GLANCE_OCTETS && rest[blanks..].is_empty())
            || (begins && from_line::judge(line) != FromLine::Text)
    }

    fn ends_line(&self, offset: u64) -> bool {
        let mut last = [0];
        offset > 0 && self.file.glance(offset - 1, &mut last) == 1 && last[0] == b'\n'
    }

    fn take(&mut self, piece: &[u8], is_start: bool, after: u64) {
        let Some(mut current) = self.current.take() else { return };
        let is_blank = is_start && matches!(piece, b"\n" | b"\r\n");
        self.was_blank = is_blank;
        if let Some(body) = &mut current.body {
            if !current.held.is_empty() {
                body.take(&current.held, true);
                current.held.clear();
            }
            if is_blank {
                current.held.extend_from_slice(piece);
            } else {
                self.count_quoted(piece, is_start);
                body.take(piece, is_start);
            }
        } else {
            let is_whole = is_blank || (current.raw_header.len() + piece.len()) as u64 > HEADER_OCTETS_MAX;
            let length = if is_blank { self.length(&current.raw_header, after) } else { None };
            current.until = length.unwrap_or(0);
            let manner = Manner::found(self.variant, length.is_some());
            if is_whole {
                current.begin_body(manner).take(piece, is_start);
            } else {
                current.raw_header.extend_from_slice(piece);
            }
        }
        self.current = Some(current);
    }

    fn count_quoted(&mut self, piece: &[u8], is_start: bool) {
        if is_start && piece.starts_with(b">") && is_from(piece) {
            self.noticed.quoted += 1;
            self.noticed.quoted_twice += u64::from(piece.starts_with(b">>"));
        }
    }

    /// Where the body ends by its Content-Length, if that is so.
    fn length(&mut self, raw_header: &[u8], body_at: u64) -> Option<u64> {
        if !self.variant.has_lengths() {
            return None;
        }
        let lines = raw_header.split_inclusive(|octet| *octet == b'\n');
        let told = lines.filter_map(status::judge).find_map(|storage| match storage {
            Storage::Length(octets) => Some(octets),
            _ => None,
        });
        let until = body_at.checked_add(told?)?;
        let is_right = self.is_end_at(until);
        self.noticed.lengths += u64::from(is_right);
        self.noticed.lengths_wrong += u64::from(!is_right);
        is_right.then_some(until)
    }

    /// Gives the message at hand, which ends at `end`, less the blank line that the file puts behind each.
    fn end(&mut self, end: u64) -> Flow {
        let Some(mut current) = self.current.take() else { return Flow::Continue(()) };
        let manner = Manner::found(self.variant, false);
        if current.body.is_none() {
            current.begin_body(manner);
        }
        let Some(body) = current.body else { return Flow::Continue(()) };
        self.noticed.messages += 1;
        (self.each)(Found {
            line: current.line,
            at: current.at,
            octets: end - current.held.len() as u64 - current.at,
            manner: body.manner,
            measured: body.measure.finish(),
            raw_header: current.raw_header,
        })
    }
}

/// Messages that are looked at to tell whether lengths can be believed.
const SAMPLE_MESSAGES: u64 = 100;

/// Finds out the variant: by lengths that are right, and by what is quoted. What cannot be told is mboxrd.
///
/// # Errors
/// Where the file cannot be read.
pub fn detect<R: Read>(open: impl Fn() -> R, file: &(impl Glance + ?Sized)) -> io::Result<Variant> {
    let mut seen = 0;
    let sample = scan(open(), file, Variant::Mboxcl, &mut |_| {
        seen += 1;
        if seen < SAMPLE_MESSAGES { Flow::Continue(()) } else { Flow::Break(()) }
    })?;
    if sample.lengths == 0
        || sample.lengths_wrong * 10 > sample.lengths
        || sample.lengths * 2 < sample.messages
    {
        return Ok(Variant::Mboxrd);
    }
    let all = scan(open(), file, Variant::Mboxcl, &mut |_| Flow::Continue(()))?;
    Ok(if all.unquoted > 0 { Variant::Mboxcl2 } else { Variant::Mboxcl })
}
