//! Transfer encodings (RFC 2045 §6): which one a text takes, and how it is written.
//! Never writes a line longer than it may be, and never a line end that is not CRLF.

use std::borrow::Cow;

use base64_simd::{Out, STANDARD};

use super::gathered::Gathered;
use crate::wide::text::STEP_ROOM;
use crate::wide::{self, quoted};

/// Longest line of a message, without its end, in octets (RFC 5322 §2.1.1).
pub const LINE_OCTETS_MAX: usize = 998;
/// Octets that one line of base64 holds, and how long it is with its end.
pub const BASE64_LINE_OCTETS: usize = wide::LINE_OCTETS;
const BASE64_LINE: u64 = 78;
/// Letters of one line of base64, without its end.
const BASE64_LINE_LETTERS: usize = wide::LINE_LETTERS;
/// Lines of base64 that are encoded in one step before they are parted: they stay in the fastest cache.
const SLAB_LINES: usize = 64;
/// Longest line of quoted-printable, without its end.
const QUOTED_LINE_MAX: usize = quoted::LINE_MAX;

/// How the octets of a part are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// As they are, every line end being CRLF.
    Seven,
    /// As they are but for their line ends, which become CRLF.
    SevenMended,
    /// Quoted-printable; any line end becomes CRLF.
    Quoted,
    /// Base64.
    Base64,
}

impl Transfer {
    /// As `Content-Transfer-Encoding` names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Seven | Self::SevenMended => "7bit",
            Self::Quoted => "quoted-printable",
            Self::Base64 => "base64",
        }
    }
}

/// The cheapest encoding that carries a text. What needs none is sent as it is.
pub fn transfer_of(text: &[u8]) -> Transfer {
    if text.is_ascii() && memchr::memchr(0, text).is_none() {
        let lines = Lines::of(text);
        if lines.longest <= LINE_OCTETS_MAX {
            return if lines.is_canonical { Transfer::Seven } else { Transfer::SevenMended };
        }
    }
    let escaped = quoted::escapes(text);
    // Quoted-printable spends two more octets on each escape, base64 a third on everything.
    if escaped * 2 < text.len() * 3 / 8 || text.len() < 40 { Transfer::Quoted } else { Transfer::Base64 }
}

struct Lines {
    longest: usize,
    is_canonical: bool,
}

impl Lines {
    fn of(text: &[u8]) -> Self {
        let (mut longest, mut start, mut is_canonical, mut feeds) = (0, 0, true, 0);
        for end in memchr::memchr_iter(b'\n', text) {
            is_canonical &= end > start && text[end - 1] == b'\r';
            longest = longest.max(end - start);
            start = end + 1;
            feeds += 1;
        }
        longest = longest.max(text.len() - start);
        let returns = memchr::memchr_iter(b'\r', text).count();
        is_canonical &= returns == feeds;
        // A lone CR ends a line too; the bound on LF-lines holds for the shorter ones between.
        Self { longest, is_canonical }
    }
}

/// A text whose line ends are all CRLF.
pub fn canonical(text: &[u8]) -> Cow<'_, [u8]> {
    if Lines::of(text).is_canonical {
        return Cow::Borrowed(text);
    }
    let mut mended = Vec::with_capacity(text.len() + text.len() / 32);
    mend(text, &mut mended);
    Cow::Owned(mended)
}

/// Copies a text; CRLF, LF and CR each become CRLF.
pub fn mend(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(end) = memchr::memchr2(b'\r', b'\n', rest) {
        out.extend_from_slice(&rest[..end]);
        out.extend_from_slice(b"\r\n");
        let ending = if rest[end..].starts_with(b"\r\n") { 2 } else { 1 };
        rest = &rest[end + ending..];
    }
    out.extend_from_slice(rest);
}

/// About how long a text is in quoted-printable where a tenth of its letters are accented: room for most.
pub const fn quoted_octets_expected(octets: usize) -> usize {
    octets + octets / 3
}

/// How an octet stands in quoted-printable: its letters, and how many of them count.
type Cell = ([u8; CELL_LETTERS], u8);
/// Letters of a cell: as many as are copied in one step.
const CELL_LETTERS: usize = 4;
/// Octets of a line that are written as letters before it is looked at where the line is to be broken.
const STEP_OCTETS: usize = 1024;
/// Letters that may wait for that: those of one step, the line's last octet, and what an earlier step left.
const LETTERS_HELD_MAX: usize = (STEP_OCTETS + 1) * 3 + QUOTED_LINE_MAX + STEP_ROOM;

/// Room for the lines that the letters of one step become.
const LINES_OCTETS: usize = LETTERS_HELD_MAX + LETTERS_HELD_MAX / 16;

/// Each octet as it stands within a line.
const CELLS: [Cell; 256] = {
    let mut table = [([0; CELL_LETTERS], 1); 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = if quoted::needs_escape(octet as u8) {
            escaped(octet as u8)
        } else {
            ([octet as u8, 0, 0, 0], 1)
        };
        octet += 1;
    }
    table
};

const fn escaped(octet: u8) -> Cell {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    ([b'=', DIGITS[(octet >> 4) as usize], DIGITS[(octet & 15) as usize], 0], 3)
}

/// Room in which texts become quoted-printable, one after the other.
pub struct Quoting {
    letters: [u8; LETTERS_HELD_MAX],
    /// How many of the letters wait to be written.
    held: usize,
    lines: [u8; LINES_OCTETS],
}

impl Default for Quoting {
    fn default() -> Self {
        Self { letters: [0; LETTERS_HELD_MAX], held: 0, lines: [0; LINES_OCTETS] }
    }
}

impl Quoting {
    /// Writes a text: its lines end in CRLF, and longer ones are broken softly.
    pub fn text(&mut self, text: &[u8], out: &mut Vec<u8>) {
        out.reserve(quoted_octets_expected(text.len()));
        let (mut rest, mut is_begin) = (text, true);
        while !rest.is_empty() {
            (rest, is_begin) = self.plain(rest, is_begin, out);
            let end = memchr::memchr2(b'\r', b'\n', rest);
            self.line(rest, end.unwrap_or(rest.len()), is_begin, out);
            let Some(end) = end else { return };
            out.extend_from_slice(b"\r\n");
            let ending = if rest[end..].starts_with(b"\r\n") { 2 } else { 1 };
            (rest, is_begin) = (&rest[end + ending..], true);
        }
    }

    /// Writes lines in steps of many octets, where this processor has them, and as long as there is nothing about them;
    /// gives what is left, and whether a line of the text begins with it.
    fn plain<'t>(&mut self, text: &'t [u8], mut is_begin: bool, out: &mut Vec<u8>) -> (&'t [u8], bool) {
        let mut rest = text;
        loop {
            let (_, written) = quoted::letters(rest, STEP_OCTETS, &mut self.letters);
            let broken = quoted::lines(&self.letters[..written], is_begin, &mut self.lines);
            out.extend_from_slice(&self.lines[..broken.written]);
            (rest, is_begin) = (&rest[broken.octets..], broken.is_begin);
            if written - broken.read >= quoted::LOOKED_AT || broken.read == 0 {
                return (rest, is_begin);
            }
        }
    }

    /// Writes the first line of a text, or what is left of it, without its end: so many octets.
    fn line(&mut self, text: &[u8], octets: usize, is_begin: bool, out: &mut Vec<u8>) {
        let Some((last, others)) = text[..octets].split_last() else { return };
        let mut at = 0;
        // mbox files take a line that begins so for the next message.
        if is_begin && text[..octets].starts_with(b"From ") {
            self.add(escaped(b'F'));
            at = 1;
        }
        while at < others.len() {
            let count = STEP_OCTETS.min(others.len() - at);
            self.add_all(&text[at..], count);
            self.break_softly(out);
            at += count;
        }
        // A space at the end of a line would be taken off on the way.
        let is_tail = matches!(last, b' ' | b'\t');
        self.add(if is_tail { escaped(*last) } else { CELLS[usize::from(*last)] });
        self.break_softly(out);
        out.extend_from_slice(&self.letters[..self.held]);
        self.held = 0;
    }

    fn add(&mut self, (letters, count): Cell) {
        self.letters[self.held..self.held + CELL_LETTERS].copy_from_slice(&letters);
        self.held += usize::from(count);
    }

    /// Adds the first of the octets, at most [`STEP_OCTETS`], without a question about any of them.
    fn add_all(&mut self, octets: &[u8], count: usize) {
        let (read, written) = quoted::letters(octets, count, &mut self.letters[self.held..]);
        let mut held = self.held + written;
        for octet in &octets[read..count] {
            let (letters, count) = CELLS[usize::from(*octet)];
            self.letters[held..held + CELL_LETTERS].copy_from_slice(&letters);
            held += usize::from(count);
        }
        self.held = held;
    }

    /// Writes as many lines as the letters fill. A line that goes on keeps one column for its soft break, and no escape
    /// is broken.
    fn break_softly(&mut self, out: &mut Vec<u8>) {
        if self.held <= QUOTED_LINE_MAX {
            return;
        }
        let mut from = 0;
        while self.held - from > QUOTED_LINE_MAX {
            let line = &self.letters[from..from + QUOTED_LINE_MAX - 1];
            let length = match line {
                [.., b'='] => line.len() - 1,
                [.., b'=', _] => line.len() - 2,
                _ => line.len(),
            };
            out.extend_from_slice(&line[..length]);
            out.extend_from_slice(b"=\r\n");
            from += length;
        }
        self.letters.copy_within(from..self.held, 0);
        self.held -= from;
    }
}

/// How long `octets` octets are in base64, line ends included, the last line without one.
pub const fn base64_length(octets: u64) -> u64 {
    let (lines, rest) = (octets / BASE64_LINE_OCTETS as u64, octets % BASE64_LINE_OCTETS as u64);
    match (lines, rest) {
        (0, 0) => 0,
        (lines, 0) => lines.saturating_mul(BASE64_LINE) - 2,
        (lines, rest) => lines.saturating_mul(BASE64_LINE).saturating_add(rest.div_ceil(3) * 4),
    }
}

/// How lines are parted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnd {
    /// As in every message on its way.
    CrLf,
    /// As files of this system have it.
    Lf,
}

/// Writes base64 in lines. `is_first` is false where lines were written before: a line end then comes first. All
/// but the last call must bring a multiple of [`BASE64_LINE_OCTETS`].
pub fn base64_lines(octets: &[u8], is_first: bool, end: LineEnd, out: &mut Gathered) {
    let first = if is_first { octets.len().min(BASE64_LINE_OCTETS) } else { 0 };
    let (first, rest) = octets.split_at(first);
    let mut letters = [0; BASE64_LINE_LETTERS];
    out.append(STANDARD.encode(first, Out::from_slice(&mut letters)));
    let (lines, _) = rest.as_chunks();
    let done = match end {
        LineEnd::CrLf => wide_lines::<{ BASE64_LINE_LETTERS + 2 }>(lines, b"\r\n", out),
        LineEnd::Lf => wide_lines::<{ BASE64_LINE_LETTERS + 1 }>(lines, b"\n", out),
    };
    let rest = &rest[done * BASE64_LINE_OCTETS..];
    rest.chunks(BASE64_LINE_OCTETS * SLAB_LINES).for_each(|slab| base64_slab(slab, end, out));
}

/// Writes whole lines, each with its end before it; gives how many those were: none where this processor has no step
/// for a line.
fn wide_lines<const WHOLE: usize>(
    lines: &[[u8; BASE64_LINE_OCTETS]],
    end: &[u8],
    out: &mut Gathered,
) -> usize {
    let octets = lines.len() * WHOLE;
    if !wide::base64_lines(lines, end, out.space(octets).as_chunks_mut::<WHOLE>().0) {
        return 0;
    }
    out.fill(octets);
    lines.len()
}

/// Writes lines of base64, each with a line end before it.
fn base64_slab(octets: &[u8], end: LineEnd, out: &mut Gathered) {
    let mut letters = [0; BASE64_LINE_LETTERS * SLAB_LINES];
    let letters = STANDARD.encode(octets, Out::from_slice(&mut letters));
    let (lines, last) = letters.as_chunks::<BASE64_LINE_LETTERS>();
    match end {
        LineEnd::CrLf => parted::<{ BASE64_LINE_LETTERS + 2 }>(lines, b"\r\n", out),
        LineEnd::Lf => parted::<{ BASE64_LINE_LETTERS + 1 }>(lines, b"\n", out),
    }
    if !last.is_empty() {
        out.append(if end == LineEnd::Lf { b"\n" } else { b"\r\n" });
        out.append(last);
    }
}

/// Writes lines, each with the line end before it. Room is made once: lines of a known length then cost one step.
fn parted<const WHOLE: usize>(lines: &[[u8; BASE64_LINE_LETTERS]], end: &[u8], out: &mut Gathered) {
    let octets = lines.len() * WHOLE;
    let (wholes, _) = out.space(octets).as_chunks_mut::<WHOLE>();
    for (whole, line) in wholes.iter_mut().zip(lines) {
        whole[..end.len()].copy_from_slice(end);
        whole[end.len()..].copy_from_slice(line);
    }
    out.fill(octets);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(text: &[u8]) -> String {
        let mut out = Vec::new();
        Quoting::default().text(text, &mut out);
        String::from_utf8(out).expect("quoted-printable is ASCII")
    }

    #[test]
    fn a_text_takes_the_cheapest_encoding() {
        for (text, expected) in [
            (&b""[..], Transfer::Seven),
            (b"abc\r\ndef", Transfer::Seven),
            (b"abc\ndef", Transfer::SevenMended),
            (b"abc\rdef\r\n", Transfer::SevenMended),
            (b"\nabc", Transfer::SevenMended),
            (b"a\0b", Transfer::Quoted),
            ("ação".as_bytes(), Transfer::Quoted),
            ("日本語のとても長い文章です".repeat(9).as_bytes(), Transfer::Base64),
            (&[b'x'; 999], Transfer::Quoted),
            (&[b'x'; 998], Transfer::Seven),
        ] {
            assert_eq!(transfer_of(text), expected, "{:?}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn quoted_printable_keeps_its_lines_short_and_its_spaces() {
        assert_eq!(quoted("a=ç \nFrom x\r\n.".as_bytes()), "a=3D=C3=A7=20\r\n=46rom x\r\n.");
        assert_eq!(quoted(&[b'x'; 76]), "x".repeat(76));
        assert_eq!(quoted(&[b'x'; 77]), format!("{}=\r\nxx", "x".repeat(75)));
        let long = quoted("é".repeat(500).as_bytes());
        assert!(long.split("\r\n").all(|line| line.len() <= 76), "{long}");
    }

    /// Octet by octet, after RFC 2045 §6.7.
    fn by_octets(line: &[u8]) -> String {
        let (mut out, mut column) = (String::new(), 0);
        for (at, octet) in line.iter().enumerate() {
            let is_last = at + 1 == line.len();
            let is_from = at == 0 && line.starts_with(b"From ");
            let is_tail = is_last && matches!(octet, b' ' | b'\t');
            let is_escaped = is_from || is_tail || quoted::needs_escape(*octet);
            let letters = if is_escaped { format!("={octet:02X}") } else { char::from(*octet).to_string() };
            if column + letters.len() > if is_last { 76 } else { 75 } {
                out.push_str("=\r\n");
                column = 0;
            }
            column += letters.len();
            out.push_str(&letters);
        }
        out
    }

    #[test]
    fn quoted_printable_is_the_same_in_whatever_steps_it_is_made() {
        let kinds = b"abcdefghijklm From =\t\xC3\xA7~\x7F\x01 ";
        for length in (0..200).chain([
            STEP_OCTETS - 1,
            STEP_OCTETS,
            STEP_OCTETS + 1,
            STEP_OCTETS + 2,
            3 * STEP_OCTETS + 9,
        ]) {
            for step in [1, 2, 3, 5, 7, 11, 13] {
                let line: Vec<u8> = (0..length).map(|at| kinds[(at * step + at / 9) % kinds.len()]).collect();
                let from = [b"From ", line.as_slice()].concat();
                for line in [line, from] {
                    assert_eq!(quoted(&line), by_octets(&line), "{line:x?}");
                }
            }
        }
    }

    #[test]
    fn a_text_of_many_lines_is_quoted_line_by_line_whatever_they_hold_and_however_they_end() {
        let number = |at: usize| (at as u32).wrapping_mul(2_654_435_761) >> 9;
        let words: [&[u8]; 12] = [
            b"relat",
            b"\xC3\xB3",
            b"rio ",
            b" ",
            b"\t",
            b"=",
            b"From ",
            b"lorem ipsum dolor",
            b"\r\n",
            b"\n",
            b"\r",
            b"\x00",
        ];
        // Line ends of every hundredth word to every second one: lines of all lengths.
        for often in [2, 5, 9, 20, 100] {
            for seed in 0..60 {
                let word = |at: usize| {
                    let chosen = number(at * 31 + seed * 7919) as usize;
                    let is_end = (number(at * 17 + seed * 104_729) as usize).is_multiple_of(often);
                    if is_end {
                        words[8 + chosen % 3]
                    } else {
                        words[[0, 1, 2, 3, 4, 5, 6, 7, 11][chosen % 9]]
                    }
                };
                let text: Vec<u8> = (0..700).flat_map(|at| word(at).iter().copied()).collect();
                let (mut wanted, mut rest) = (String::new(), text.as_slice());
                while !rest.is_empty() {
                    let end = rest.iter().position(|octet| matches!(octet, b'\r' | b'\n'));
                    wanted.push_str(&by_octets(&rest[..end.unwrap_or(rest.len())]));
                    let Some(end) = end else { break };
                    wanted.push_str("\r\n");
                    rest = &rest[end + if rest[end..].starts_with(b"\r\n") { 2 } else { 1 }..];
                }
                assert_eq!(quoted(&text), wanted, "every {often}th, seed {seed}");
            }
        }
    }

    #[test]
    fn the_length_of_base64_is_known_before_it_is_written() {
        for octets in (0..400).chain([57 * 1024, 57 * 1024 + 1]) {
            let mut out = Gathered::default();
            base64_lines(&vec![7; octets], true, LineEnd::CrLf, &mut out);
            assert_eq!(out.len() as u64, base64_length(octets as u64), "{octets}");
        }
    }

    #[test]
    fn base64_is_what_another_encoder_makes_of_it_line_by_line() {
        let octets: Vec<u8> = (0..57 * 130 + 8_u32).map(|at| (at * at % 251) as u8).collect();
        for length in (0..300).chain([57 * 64, 57 * 65 - 1, 57 * 65, 57 * 129, octets.len()]) {
            for (end, parted) in [(LineEnd::CrLf, "\r\n"), (LineEnd::Lf, "\n")] {
                let lines = octets[..length].chunks(BASE64_LINE_OCTETS);
                let wanted: Vec<String> = lines.map(reference).collect();
                let mut whole = Gathered::default();
                base64_lines(&octets[..length], true, end, &mut whole);
                assert_eq!(String::from_utf8_lossy(&whole), wanted.join(parted), "{length} {end:?}");
                let mut portions = Gathered::default();
                for (number, portion) in octets[..length].chunks(BASE64_LINE_OCTETS * 3).enumerate() {
                    base64_lines(portion, number == 0, end, &mut portions);
                }
                assert!(*portions == *whole, "{length} {end:?}: otherwise in portions");
            }
        }
    }

    fn reference(octets: &[u8]) -> String {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(octets)
    }
}
