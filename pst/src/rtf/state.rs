//! Follows RTF group by group and gathers its text ([MS-OXRTFEX] §2.1.3, §3.1.1).
//! Never goes deeper than a limit, and never gives more text than the RTF is long a few times over.

use std::collections::HashMap;

use super::token::Token;
use super::{Origin, Reading, words};
use crate::text::{self, CodePage, WINDOWS_1252};

/// Deepest groups whose state is kept; deeper ones share it with their outermost.
pub const GROUP_DEPTH_MAX: usize = 1_000;
/// Most fonts that are remembered.
const FONTS_MAX: usize = 10_000;
/// Most characters that `\uc` lets be skipped: more than any writer needs, and no hostile one can hide text.
const FALLBACK_MAX: i32 = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Destination {
    Body,
    /// `\*\htmltag`: a piece of the original HTML.
    Tag,
    Fonts,
    Silent,
}

/// What a group inherits from the one around it.
#[derive(Debug, Clone, Copy)]
struct Group {
    destination: Destination,
    /// Between `\htmlrtf` and `\htmlrtf0`: RTF's picture of what the HTML says already.
    is_picture: bool,
    is_hidden: bool,
    /// How many characters follow a `\u` for readers without Unicode.
    fallback: u8,
    font: Option<i32>,
}

/// The state of a reading.
pub(super) struct Reader {
    origin: Origin,
    text: String,
    is_clean: bool,
    group: Group,
    groups: Vec<Group>,
    /// Groups beyond the limit that are open.
    beyond: usize,
    /// True right after `{`, and after `{\*`: where a destination can be named.
    at_start: bool,
    is_starred: bool,
    ansi: &'static CodePage,
    fonts: HashMap<i32, &'static CodePage>,
    /// The font that text has where nothing else is said (`\deff`), and again from `\plain` on.
    default_font: Option<i32>,
    /// Octets whose meaning may depend on what follows: pairs of a double-byte page come one by one.
    pending: Vec<u8>,
    pending_page: &'static CodePage,
    high_surrogate: Option<u16>,
    skip: u8,
}

impl Reader {
    pub(super) fn new(octets: usize) -> Self {
        let group = Group {
            destination: Destination::Body,
            is_picture: false,
            is_hidden: false,
            fallback: 1,
            font: None,
        };
        Self {
            origin: Origin::Rich,
            text: String::with_capacity(octets / 2),
            is_clean: true,
            group,
            groups: Vec::new(),
            beyond: 0,
            at_start: false,
            is_starred: false,
            ansi: WINDOWS_1252,
            fonts: HashMap::new(),
            default_font: None,
            pending: Vec::new(),
            pending_page: WINDOWS_1252,
            high_surrogate: None,
            skip: 0,
        }
    }

    pub(super) fn take(&mut self, token: Token<'_>) {
        let at_start = std::mem::replace(&mut self.at_start, false);
        match token {
            Token::Open => self.open(),
            Token::Close => self.close(),
            Token::Symbol(b'*') if at_start => {
                self.is_starred = true;
                self.at_start = true;
                return;
            }
            Token::Symbol(symbol) => self.symbol(symbol),
            Token::Word(word, number) => self.word(word, number, at_start),
            Token::Hex(octet) => self.octets(&[octet], true),
            Token::Text(octets) => self.octets(octets, false),
        }
        self.is_starred = false;
    }

    pub(super) fn finish(mut self) -> Reading {
        self.flush();
        Reading { origin: self.origin, text: self.text, is_clean: self.is_clean }
    }

    fn open(&mut self) {
        self.skip = 0;
        if self.groups.len() == GROUP_DEPTH_MAX {
            self.beyond += 1;
            self.is_clean = false;
            return;
        }
        self.groups.push(self.group);
        self.at_start = true;
    }

    fn close(&mut self) {
        self.skip = 0;
        if self.beyond > 0 {
            self.beyond -= 1;
            return;
        }
        self.flush();
        if let Some(outer) = self.groups.pop() {
            self.group = outer;
        }
    }

    /// True where text belongs to what is given back.
    fn is_heard(&self) -> bool {
        match self.group.destination {
            Destination::Tag => true,
            Destination::Body => !self.group.is_picture && !self.group.is_hidden,
            Destination::Fonts | Destination::Silent => false,
        }
    }

    fn page(&self) -> &'static CodePage {
        let font = || self.group.font.and_then(|font| self.fonts.get(&font).copied());
        if self.group.destination == Destination::Tag { self.ansi } else { font().unwrap_or(self.ansi) }
    }

    fn octets(&mut self, octets: &[u8], is_one: bool) {
        let mut octets = octets;
        if self.skip > 0 {
            let skipped = if is_one { 1 } else { usize::from(self.skip).min(octets.len()) };
            self.skip -= u8::try_from(skipped).unwrap_or(self.skip);
            octets = &octets[skipped..];
        }
        if octets.is_empty() || !self.is_heard() {
            return;
        }
        self.drop_surrogate();
        let page = self.page();
        if !std::ptr::eq(page, self.pending_page) {
            self.flush();
            self.pending_page = page;
        }
        self.pending.extend_from_slice(octets);
    }

    fn flush(&mut self) {
        if !self.pending.is_empty() {
            let (text, is_clean) = self.pending_page.decode(&self.pending);
            self.is_clean &= is_clean;
            self.text.push_str(&text);
            self.pending.clear();
        }
        self.drop_surrogate();
    }

    fn drop_surrogate(&mut self) {
        if self.high_surrogate.take().is_some() {
            self.is_clean = false;
            self.text.push('\u{FFFD}');
        }
    }

    /// A character in the form that it has in HTML, and in plain text.
    fn character(&mut self, (html, plain): (&str, &str)) {
        if self.skip > 0 {
            self.skip -= 1;
        } else if self.is_heard() {
            self.flush();
            self.text.push_str(if self.origin == Origin::Html { html } else { plain });
        }
    }

    fn symbol(&mut self, symbol: u8) {
        if let Some(pair) = words::symbol(symbol) {
            self.character(pair);
        }
    }

    fn word(&mut self, word: &[u8], number: Option<i32>, at_start: bool) {
        if at_start && self.name_destination(word) {
            return;
        }
        match word {
            b"u" => self.unicode(number.unwrap_or(0)),
            b"uc" => {
                self.group.fallback = u8::try_from(number.unwrap_or(1).clamp(0, FALLBACK_MAX)).unwrap_or(1);
            }
            b"htmlrtf" => {
                self.flush();
                self.group.is_picture = self.origin == Origin::Html && number != Some(0);
            }
            b"v" => {
                self.flush();
                self.group.is_hidden = self.origin == Origin::Rich && number != Some(0);
            }
            b"plain" => {
                self.group.is_hidden = false;
                self.group.font = self.default_font;
            }
            b"f" => self.group.font = number,
            b"fcharset" => self.font_page(number.and_then(words::page_of_charset)),
            b"cpg" => self.font_page(number.and_then(|page| u16::try_from(page).ok())),
            b"ansicpg" => {
                let page = number.and_then(|page| u16::try_from(page).ok()).and_then(text::page);
                self.ansi = page.filter(|page| page.is_narrow()).unwrap_or(self.ansi);
            }
            b"mac" => self.ansi = text::page(10000).unwrap_or(self.ansi),
            b"pc" => self.ansi = text::page(437).unwrap_or(self.ansi),
            b"pca" => self.ansi = text::page(850).unwrap_or(self.ansi),
            b"deff" => {
                self.default_font = number;
                self.group.font = self.group.font.or(number);
            }
            b"fromhtml" if self.is_header() => self.origin = Origin::Html,
            b"fromtext" if self.is_header() => self.origin = Origin::Text,
            _ => {
                if let Some(pair) = words::character(word) {
                    self.character(pair);
                }
            }
        }
    }

    /// True before any text: only there RTF says what it wraps.
    fn is_header(&self) -> bool {
        self.origin == Origin::Rich
            && self.text.is_empty()
            && self.pending.is_empty()
            && self.groups.len() == 1
    }

    /// Takes the first word of a group as its destination, where it names one.
    fn name_destination(&mut self, word: &[u8]) -> bool {
        let destination = match word {
            b"htmltag" if self.is_starred && self.origin == Origin::Html => Destination::Tag,
            b"fonttbl" => Destination::Fonts,
            _ if self.is_starred || words::is_silent(word) => Destination::Silent,
            _ => return false,
        };
        if self.group.destination != Destination::Silent {
            self.flush();
            self.group.destination = destination;
        }
        true
    }

    fn font_page(&mut self, page: Option<u16>) {
        if self.group.destination != Destination::Fonts || self.fonts.len() >= FONTS_MAX {
            return;
        }
        if let (Some(font), Some(page)) = (self.group.font, page.and_then(text::page))
            && page.is_narrow()
        {
            self.fonts.insert(font, page);
        }
    }

    fn unicode(&mut self, number: i32) {
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        self.skip = self.group.fallback;
        if !self.is_heard() {
            return;
        }
        let Ok(unit) = u16::try_from(if number < 0 { number.saturating_add(0x1_0000) } else { number })
        else {
            self.is_clean = false;
            return;
        };
        let high = self.high_surrogate.take();
        self.flush();
        let character = match high {
            Some(high) => char::decode_utf16([high, unit]).next().and_then(Result::ok),
            None if (0xD800..0xDC00).contains(&unit) => {
                self.high_surrogate = Some(unit);
                return;
            }
            None => char::from_u32(u32::from(unit)),
        };
        self.is_clean &= character.is_some();
        self.text.push(character.unwrap_or('\u{FFFD}'));
    }
}
