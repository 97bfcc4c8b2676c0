//! Finds the messages of an mbox file in one pass, in bounded memory.
//! Never takes a quoted line for a separator, and never believes a length that does not end where one would.

use std::io::{self, Read};

pub use super::behind::Glance;
use super::behind::{Behind, behind};
pub use super::found::{Found, Keys, Noticed, Spots};
use super::from_line::{self, Form, FromLine};
use super::letter::{Manner, PIECE_OCTETS_MAX, Pieces, Quotes, Variant, is_from};
use super::own::{self, Own, Placed, Places};
pub use super::reading::Bare;
use super::reading::Current;
use super::status::{self, Storage};
use crate::source::archive::HEADER_OCTETS_MAX;

/// Octets behind a place that tell whether a message may end there.
const GLANCE_OCTETS: usize = 512;

/// The longest body that a length is believed to tell of where the file ends before it, in octets.
const BODY_OCTETS_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How lines are quoted, and whether lengths are believed.
    pub variant: Variant,
    /// Which of them may be quoted.
    pub quotes: Quotes,
    /// Where the file's own lines stand; nothing where all that look like such are taken out.
    pub places: Option<Places>,
    /// The variant by which an earlier version would have read it.
    pub former: Variant,
}

impl Rules {
    /// All lines that look like the file's are taken out.
    #[must_use]
    pub const fn anywhere(variant: Variant) -> Self {
        Self { variant, quotes: Quotes::Anywhere, places: None, former: variant }
    }

    /// How one message is read whose header is this; `length` is where its Content-Length stands, if that is right.
    fn manner(&self, header: &[u8], length: Option<usize>) -> Manner {
        let own = self.places.map_or(Own::Anywhere { has_length: length.is_some() }, |places| {
            Own::Placed(Placed::of(header, places, length))
        });
        let quotes_header = matches!(own, Own::Placed(placed) if placed.is_malotes());
        // What other programs leave unquoted says nothing of what Malote wrote, nor do lengths that its senders told.
        let (variant, quotes) = match (quotes_header, self.variant) {
            (true, Variant::Mboxcl | Variant::Mboxcl2) => (Variant::Mboxrd, Quotes::Anywhere),
            (true, variant) => (variant, Quotes::Anywhere),
            (false, variant) => (variant, self.quotes),
        };
        Manner { variant, quotes, own, keeps_ends: false, quotes_header }
    }

    /// The manners that tell a message again: less all lines that any program writes and with nothing unquoted,
    /// whatever is found out about the file; and as two earlier versions read it.
    fn others(&self, has_length: bool) -> Vec<Manner> {
        match self.places {
            None => Vec::new(),
            Some(_) => {
                let earlier = Manner::found(Variant::Mboxcl2, true);
                vec![Manner::known(), earlier, Manner::found(self.former, has_length)]
            }
        }
    }
}

/// Whether to go on.
pub type Flow = std::ops::ControlFlow<()>;

/// Finds all messages and gives each to `each`, until that breaks off. Lines that look like the file's are taken out
/// wherever they stand.
///
/// # Errors
/// Where the file cannot be read to its end; what was found before was given.
pub fn scan(
    from: impl Read,
    file: &(impl Glance + ?Sized),
    variant: Variant,
    each: &mut dyn FnMut(Found) -> Flow,
) -> io::Result<Noticed> {
    scan_by(from, file, Rules::anywhere(variant), each)
}

/// The same by these rules.
///
/// # Errors
/// As for [`scan`].
pub fn scan_by(
    from: impl Read,
    file: &(impl Glance + ?Sized),
    rules: Rules,
    each: &mut dyn FnMut(Found) -> Flow,
) -> io::Result<Noticed> {
    let noticed = Noticed::default();
    let mut scan =
        Scan { file, rules, noticed, first: None, current: None, was_blank: true, is_zeroed: false, each };
    let mut pieces = Pieces::new(from);
    loop {
        let before = pieces.offset;
        let Some((piece, is_start)) = pieces.take_next()? else { break };
        let after = before + piece.len() as u64;
        if is_start && scan.is_begun(piece, before) {
            scan.noticed.begun_at = Some(before);
            let _ended = scan.end(before, true);
            return Ok(scan.noticed);
        }
        if (is_start || scan.is_zeroed)
            && let Some(line) = scan.separator(piece, before, after)
        {
            if scan.end(before, false).is_break() {
                return Ok(scan.noticed);
            }
            scan.current = Some(Current::begin(line, after));
            scan.was_blank = false;
        } else {
            scan.take(piece, is_start, after);
        }
    }
    let _ended = scan.end(pieces.offset, true);
    Ok(scan.noticed)
}

/// A line less what may stand before the first separator: a mark of UTF-8 and blanks.
#[must_use]
pub fn unmarked(line: &[u8]) -> &[u8] {
    line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line).trim_ascii_start()
}

struct Scan<'a, F: ?Sized> {
    file: &'a F,
    rules: Rules,
    noticed: Noticed,
    /// The form of the file's first separator.
    first: Option<Form>,
    current: Option<Current>,
    /// True behind a blank line, and at the beginning.
    was_blank: bool,
    /// True while nothing but zeros came before the first separator since a line began.
    is_zeroed: bool,
    each: &'a mut dyn FnMut(Found) -> Flow,
}

impl<F: Glance + ?Sized> Scan<'_, F> {
    /// True for a last line without an end that a separator would begin as: its message is still to come, or was cut
    /// off.
    fn is_begun(&self, piece: &[u8], before: u64) -> bool {
        let Some(current) = self.current.as_ref().filter(|current| before >= current.until) else {
            return false;
        };
        let is_last = piece.len() < PIECE_OCTETS_MAX && !piece.ends_with(b"\n");
        let is_alike = piece.starts_with(b"From ") || b"From ".starts_with(piece);
        is_last && is_alike && self.was_blank && current.body.is_some()
    }

    /// Judges a line; a separator ends the message before it.
    fn separator(&mut self, piece: &[u8], before: u64, after: u64) -> Option<FromLine> {
        let Some(current) = &self.current else { return self.first_separator(piece, after) };
        if !piece.starts_with(b"From ") {
            return None;
        }
        let (line, form) = from_line::parse(piece);
        if before < current.until {
            self.noticed.unquoted += 1;
            self.noticed.unquoted_separators += u64::from(line != FromLine::Text);
            return None;
        }
        let behind = behind(self.file, after);
        let is_separator = self.is_separator(form, behind);
        self.noticed.crowded += u64::from(is_separator && !self.was_blank);
        self.noticed.from_lines += u64::from(!is_separator && self.was_blank);
        match behind {
            Behind::Header { known } if !is_separator && self.was_blank && known > 1 => {
                self.noticed.doubtful.note(before);
            }
            Behind::Other if is_separator => self.noticed.headless.note(before),
            _ => {}
        }
        if !is_separator {
            self.note_bare(after);
        }
        is_separator.then_some(line)
    }

    /// Counts a line of text that begins with `From `. One at the file's end may yet turn out a separator.
    fn note_bare(&mut self, after: u64) {
        let is_last = self.file.glance(after, &mut [0]) == 0;
        if let Some(current) = self.current.as_mut().filter(|current| current.body.is_some() && !is_last) {
            let spot =
                if self.was_blank { &mut current.bare.behind_blanks } else { &mut current.bare.within };
            *spot += 1;
        }
    }

    /// The line with which a file of mail begins: whatever stands behind `From ` where nothing but blanks goes before
    /// it, else a whole separator with a header behind. A disk that loses a block leaves zeros, where a line may end
    /// too.
    fn first_separator(&mut self, piece: &[u8], after: u64) -> Option<FromLine> {
        let piece = if self.noticed.before == 0 { unmarked(piece) } else { piece };
        let zeros = piece.iter().take_while(|octet| **octet == 0).count();
        let piece = &piece[zeros..];
        if !piece.starts_with(b"From ") {
            return None;
        }
        let (line, form) = from_line::parse(piece);
        let is_sure = (self.noticed.before == 0 && zeros == 0)
            || (form == Form::Asctime && matches!(behind(self.file, after), Behind::Header { .. }));
        if !is_sure {
            return None;
        }
        self.is_zeroed = false;
        self.noticed.before += zeros as u64;
        self.first = Some(form);
        Some(line)
    }

    /// True where a line of this form begins a message, by what stands around it.
    fn is_separator(&self, form: Form, behind: Behind) -> bool {
        let known = match behind {
            Behind::Header { known } => known,
            Behind::Nothing => return self.was_blank && (form == Form::Asctime || self.first == Some(form)),
            // A message whose header is destroyed is better told than taken for text of the one before.
            Behind::Other => return self.was_blank && form == Form::Asctime,
        };
        match form {
            Form::Asctime => true,
            Form::Bare | Form::Sentence => self.was_blank,
            Form::Address | Form::OtherDate => self.was_blank && (known > 0 || self.first == Some(form)),
            Form::Word | Form::Text => self.was_blank && known > 0 && self.first == Some(form),
        }
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
        let is_separator = || {
            let (line, form) = from_line::parse(line);
            line != FromLine::Text || (rest[blanks..].starts_with(b"From ") && self.first == Some(form))
        };
        (self.is_within(offset) && length < GLANCE_OCTETS && rest[blanks..].is_empty())
            || (begins && is_separator())
    }

    fn is_within(&self, offset: u64) -> bool {
        offset == 0 || self.file.glance(offset - 1, &mut [0]) == 1
    }

    fn ends_line(&self, offset: u64) -> bool {
        let mut last = [0];
        offset > 0 && self.file.glance(offset - 1, &mut last) == 1 && last[0] == b'\n'
    }

    fn take(&mut self, piece: &[u8], is_start: bool, after: u64) {
        let Some(mut current) = self.current.take() else {
            self.noticed.before += unmarked(piece).trim_ascii_end().len() as u64;
            self.is_zeroed = (is_start || self.is_zeroed) && piece.iter().all(|octet| *octet == 0);
            return;
        };
        let is_blank = is_start && matches!(piece, b"\n" | b"\r\n");
        let was_blank = std::mem::replace(&mut self.was_blank, is_blank);
        if let Some(body) = &mut current.body {
            if !current.held.is_empty() {
                body.take(&current.held, true);
                current.held.clear();
            }
            if is_blank {
                current.held.extend_from_slice(piece);
            } else {
                self.count_quoted(piece, is_start, was_blank);
                body.take(piece, is_start);
            }
        } else if is_blank || (current.raw_header.len() + piece.len()) as u64 > HEADER_OCTETS_MAX {
            let length = if is_blank { self.length(&mut current, after) } else { None };
            let manner = self.rules.manner(&current.raw_header, length);
            let others = self.rules.others(length.is_some());
            current.begin_body(manner, &others, is_blank).take(piece, is_start);
        } else {
            current.raw_header.extend_from_slice(piece);
        }
        self.current = Some(current);
    }

    fn count_quoted(&mut self, piece: &[u8], is_start: bool, was_blank: bool) {
        if is_start && piece.starts_with(b">") && is_from(piece) {
            self.noticed.quoted += 1;
            self.noticed.quoted_within += u64::from(!was_blank);
            self.noticed.quoted_twice += u64::from(piece.starts_with(b">>"));
        }
    }

    /// Where in the header the Content-Length stands by which the body ends, if one is right.
    fn length(&mut self, current: &mut Current, body_at: u64) -> Option<usize> {
        let is_malotes = self.rules.places.is_some() && own::is_malotes(&current.raw_header);
        if !self.rules.variant.has_lengths() || is_malotes {
            return None;
        }
        let (mut at, mut right, mut has_any, mut beyond) = (0, None, false, None);
        for line in current.raw_header.split_inclusive(|octet| *octet == b'\n') {
            if let Some(Storage::Length(octets)) = status::judge(line) {
                has_any = true;
                let until = body_at.saturating_add(octets);
                if self.is_end_at(until) {
                    (current.until, right) = (until, Some(at));
                    break;
                }
                if octets <= BODY_OCTETS_MAX && !self.is_within(until) {
                    beyond = Some(at);
                }
            }
            at += line.len();
        }
        if let Some(at) = beyond {
            current.note_beyond(at);
        }
        self.noticed.lengths += u64::from(right.is_some());
        self.noticed.lengths_wrong += u64::from(has_any && right.is_none());
        right
    }

    /// Gives the message at hand, which ends at `end`, less the blank line that the file puts behind each.
    fn end(&mut self, end: u64, is_file_end: bool) -> Flow {
        let Some(mut current) = self.current.take() else { return Flow::Continue(()) };
        if current.body.is_none() {
            let (manner, others) = (self.rules.manner(&current.raw_header, None), self.rules.others(false));
            current.begin_body(manner, &others, true);
        }
        let is_cut = is_file_end && current.is_cut();
        let Some(body) = current.body else { return Flow::Continue(()) };
        self.noticed.messages += 1;
        self.noticed.lengths_wrong -= u64::from(is_cut);
        self.noticed.is_cut |= is_cut;
        self.noticed.bare.behind_blanks += current.bare.behind_blanks;
        self.noticed.bare.within += current.bare.within;
        let manner = body.manner;
        let (measured, keys) = body.finish();
        (self.each)(Found {
            line: current.line,
            at: current.at,
            octets: end - current.held.len() as u64 - current.at,
            manner,
            measured,
            raw_header: current.raw_header,
            keys: if let [known, earlier, former] = keys[..] {
                Some(Keys { known, earlier, former })
            } else {
                None
            },
            is_cut,
            is_ended: !is_file_end || !current.held.is_empty() || current.until > 0,
            bare: current.bare,
        })
    }
}
