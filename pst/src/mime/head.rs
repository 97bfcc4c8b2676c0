//! Writes header fields (RFC 5322 §2.2, RFC 2047, RFC 2231): folded, encoded, quoted.
//! Never lets a value end its line or its field: control characters do not pass.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::mailbox::{Mailbox, is_atom};

/// Where lines are folded if they can be (RFC 5322 §2.1.1).
pub const FOLD_AT: usize = 78;
/// Longest line with an encoded word in it (RFC 2047 §2).
const ENCODED_LINE_MAX: usize = 76;
/// Longest encoded word.
const ENCODED_WORD_MAX: usize = 75;
/// Longest run without a space that is sent as it is; longer ones are encoded, and so broken.
pub const RUN_MAX: usize = 900;
/// Longest display name that is quoted rather than encoded, in octets: encoded ones fold.
const QUOTED_NAME_MAX: usize = 60;
/// Octets of a parameter's value on one line (RFC 2231 §3).
const PARAMETER_MAX: usize = 50;

/// An entry of a list that came with an item.
#[derive(Debug)]
pub enum Listed<'a> {
    /// Printable ASCII of which no word is longer than [`RUN_MAX`].
    Kept(&'a str),
    /// One that is written anew.
    Mailbox(Mailbox<'a>),
}

/// A field that is being written.
pub struct Field<'o> {
    out: &'o mut Vec<u8>,
    /// Octets on the current line.
    column: usize,
}

impl<'o> Field<'o> {
    /// Begins a field; `name` is a legal one.
    pub fn begin(out: &'o mut Vec<u8>, name: &str) -> Self {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        Self { out, column: name.len() + 1 }
    }

    /// Ends the field.
    pub fn end(self) {
        self.out.extend_from_slice(b"\r\n");
    }

    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
        self.column += text.len();
    }

    /// A space before something of that many octets, or a folded line where it would not fit.
    fn space(&mut self, octets: usize) {
        if self.column + 1 + octets > FOLD_AT {
            self.fold();
        } else {
            self.push(" ");
        }
    }

    fn fold(&mut self) {
        self.out.extend_from_slice(b"\r\n ");
        self.column = 1;
    }

    /// A word that is printable ASCII and shorter than a line.
    pub fn word(&mut self, word: &str) {
        self.space(word.len());
        self.push(word);
    }

    /// Free text: as it is where that is safe, else in encoded words.
    pub fn text(&mut self, text: &str) {
        let text = without_controls(text);
        if !is_plain(&text) {
            self.encoded(&text);
            return;
        }
        // Each run of spaces stays with the word behind it, and a fold comes before the run.
        let mut rest = text.as_ref();
        self.push_run(" ", rest.find(' ').unwrap_or(rest.len()), &mut rest);
        while !rest.is_empty() {
            let spaces = rest.find(|character| character != ' ').unwrap_or(rest.len());
            let word = rest[spaces..].find(' ').map_or(rest.len(), |end| end + spaces);
            self.push_run("", word, &mut rest);
        }
    }

    fn push_run(&mut self, lead: &str, length: usize, rest: &mut &str) {
        let (run, after) = rest.split_at(length);
        if self.column + lead.len() + run.len() > FOLD_AT && !(lead.is_empty() && self.column <= 1) {
            self.out.extend_from_slice(b"\r\n");
            self.column = 0;
        }
        self.push(lead);
        self.push(run);
        *rest = after;
    }

    /// A text in encoded words of UTF-8, each of whole characters, the spaces between them meaning nothing.
    fn encoded(&mut self, text: &str) {
        let quoted: usize = text.bytes().map(quoted_width).sum();
        let is_quoted = quoted <= text.len().div_ceil(3) * 4;
        let mut rest = text;
        let mut is_first = true;
        while is_first || !rest.is_empty() {
            let overhead = "=?utf-8?Q??=".len();
            if !is_first || self.column + overhead + 16 > ENCODED_LINE_MAX {
                self.fold();
            } else {
                self.push(" ");
            }
            is_first = false;
            let room = ENCODED_WORD_MAX.min(ENCODED_LINE_MAX - self.column) - overhead;
            let length = fitting(rest, room, is_quoted);
            let (word, after) = rest.split_at(length);
            rest = after;
            if is_quoted {
                self.push("=?utf-8?Q?");
                self.quoted(word);
            } else {
                self.push("=?utf-8?B?");
                self.push(&STANDARD.encode(word));
            }
            self.push("?=");
        }
    }

    fn quoted(&mut self, word: &str) {
        for octet in word.bytes() {
            match quoted_width(octet) {
                1 if octet == b' ' => self.push("_"),
                1 => {
                    self.out.push(octet);
                    self.column += 1;
                }
                _ => self.push(&format!("={octet:02X}")),
            }
        }
    }

    /// A list of mailboxes (RFC 5322 §3.4), folded between them.
    pub fn mailboxes<'a>(&mut self, mailboxes: impl IntoIterator<Item = &'a Mailbox<'a>>) {
        let mut is_first = true;
        for mailbox in mailboxes {
            if !is_first {
                self.push(",");
            }
            is_first = false;
            self.mailbox(mailbox);
        }
    }

    /// A list of which some entries are kept as they stand: each folds by itself.
    pub fn listed(&mut self, entries: &[Listed<'_>]) {
        for (place, entry) in entries.iter().enumerate() {
            if place > 0 {
                self.push(",");
            }
            match entry {
                Listed::Kept(entry) if entry.len() <= RUN_MAX => self.word(entry),
                Listed::Kept(entry) => entry.split_ascii_whitespace().for_each(|word| self.word(word)),
                Listed::Mailbox(mailbox) => self.mailbox(mailbox),
            }
        }
    }

    fn mailbox(&mut self, mailbox: &Mailbox<'_>) {
        // A space that does not break is of the name.
        let name = without_controls(mailbox.name.trim_ascii());
        // A name that only repeats the address says nothing, and often stands in quotes of its own.
        if name.trim().is_empty() || name.trim_matches('\'') == mailbox.address {
            self.word(&mailbox.address);
            return;
        }
        if !is_plain(&name) || name.len() > QUOTED_NAME_MAX {
            self.encoded(&name);
            self.space(mailbox.address.len() + 3);
        } else {
            let is_bare = name.bytes().all(|octet| is_atom(octet) || octet == b' ') && !name.contains("  ");
            if is_bare {
                self.word(&name);
            } else {
                self.space(quoted_octets(&name));
                self.quote(&name);
            }
            self.space(mailbox.address.len() + 3);
        }
        self.push("<");
        self.push(&mailbox.address);
        self.push(">");
    }

    /// A quoted string (RFC 5322 §3.2.4).
    fn quote(&mut self, text: &str) {
        self.push("\"");
        let mut rest = text;
        while let Some(at) = rest.bytes().position(is_escaped) {
            self.push(&rest[..at]);
            self.push("\\");
            self.push(&rest[at..=at]);
            rest = &rest[at + 1..];
        }
        self.push(rest);
        self.push("\"");
    }

    /// A parameter of a structured field. Names of files may be in any script: RFC 2231 carries them; where
    /// `is_for_old` is set, so does RFC 2047, as clients of before 1997 read it.
    pub fn parameter(&mut self, key: &str, value: &str, is_for_old: bool) {
        let value = without_controls(value);
        self.push(";");
        let is_short = value.len() <= PARAMETER_MAX;
        if is_plain(&value) && is_short {
            self.space(key.len() + 1 + quoted_octets(&value));
            self.push(key);
            self.push("=");
            self.quote(&value);
            return;
        }
        if is_for_old {
            self.fold();
            self.push(key);
            self.push("=\"");
            self.encoded_in_quotes(&value);
            self.push("\"");
            return;
        }
        self.continued(key, &value);
    }

    /// Encoded words within quotes: against the letter of RFC 2047 §5, and read by all.
    fn encoded_in_quotes(&mut self, value: &str) {
        let mut rest = value;
        while !rest.is_empty() {
            let (word, after) = rest.split_at(fitting(rest, 48, false));
            self.push("=?utf-8?B?");
            self.push(&STANDARD.encode(word));
            self.push("?=");
            rest = after;
            if !rest.is_empty() {
                self.fold();
            }
        }
    }

    fn continued(&mut self, key: &str, value: &str) {
        let mut section = String::with_capacity(PARAMETER_MAX + 16);
        let mut number = 0;
        section.push_str("utf-8''");
        for character in value.chars() {
            let mut buffer = [0; 4];
            let octets = character.encode_utf8(&mut buffer).bytes();
            let width: usize = octets.clone().map(|octet| if is_attribute(octet) { 1 } else { 3 }).sum();
            if section.len() + width > PARAMETER_MAX {
                self.section(key, Some(number), &section);
                self.push(";");
                number += 1;
                section.clear();
            }
            for octet in octets {
                if is_attribute(octet) {
                    section.push(char::from(octet));
                } else {
                    use std::fmt::Write as _;
                    let _ = write!(section, "%{octet:02X}");
                }
            }
        }
        self.section(key, (number > 0).then_some(number), &section);
    }

    fn section(&mut self, key: &str, number: Option<usize>, value: &str) {
        let number = number.map_or_else(String::new, |number| format!("*{number}"));
        self.word(&format!("{key}{number}*={value}"));
    }
}

/// A whole field of free text.
pub fn text(out: &mut Vec<u8>, name: &str, value: &str) {
    let mut field = Field::begin(out, name);
    field.text(value);
    field.end();
}

/// A whole field of words that are known to be short ASCII, folded between them.
pub fn words(out: &mut Vec<u8>, name: &str, value: &str) {
    let mut field = Field::begin(out, name);
    value.split_ascii_whitespace().for_each(|word| field.word(word));
    field.end();
}

/// A whole field that is a list of mailboxes; nothing for an empty list.
pub fn mailboxes<'a>(
    out: &mut Vec<u8>,
    name: &str,
    mailboxes: impl IntoIterator<Item = &'a Mailbox<'a>>,
) -> bool {
    let mut mailboxes = mailboxes.into_iter().peekable();
    if mailboxes.peek().is_none() {
        return false;
    }
    let mut field = Field::begin(out, name);
    field.mailboxes(mailboxes);
    field.end();
    true
}

/// Octets per character class of an encoded word of kind Q (RFC 2047 §5, the set for phrases).
const fn quoted_width(octet: u8) -> usize {
    if octet.is_ascii_alphanumeric() || matches!(octet, b' ' | b'!' | b'*' | b'+' | b'-' | b'/') {
        1
    } else {
        3
    }
}

/// How many octets of a text, in whole characters, an encoded word of `room` octets takes: at least one character.
fn fitting(text: &str, room: usize, is_quoted: bool) -> usize {
    let mut used = 0;
    for (place, character) in text.char_indices() {
        let mut buffer = [0; 4];
        let octets = character.encode_utf8(&mut buffer).bytes();
        let width = if is_quoted { octets.map(quoted_width).sum() } else { octets.len() };
        let is_full = if is_quoted { used + width > room } else { (used + width).div_ceil(3) * 4 > room };
        if is_full && place > 0 {
            return place;
        }
        used += width;
    }
    text.len()
}

/// True for a text that may stand in a header as it is, and is read there as it is.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|octet| matches!(octet, b' '..=b'~'))
        && !text.starts_with(' ')
        && !text.ends_with(' ')
        && !text.contains("=?")
        && (text.len() <= RUN_MAX || text.split(' ').all(|run| !run.is_empty() && run.len() <= RUN_MAX))
}

/// The text with a space for each control character, and one for each line end. Tabs stay.
pub fn without_controls(text: &str) -> Cow<'_, str> {
    let is_control = |octet: u8| (octet < b' ' && octet != b'\t') || octet == 0x7F;
    if !text.bytes().any(is_control) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let mut last = ' ';
    for character in text.chars() {
        let is_break = matches!(character, '\r' | '\n');
        if !(is_break && matches!(last, '\r' | '\n')) {
            let is_control = u8::try_from(character).is_ok_and(is_control);
            clean.push(if is_control { ' ' } else { character });
        }
        last = character;
    }
    Cow::Owned(clean)
}

/// Characters that a quoted string holds behind a backslash (RFC 5322 §3.2.4).
const fn is_escaped(octet: u8) -> bool {
    matches!(octet, b'"' | b'\\')
}

/// Octets of a text as a quoted string.
fn quoted_octets(text: &str) -> usize {
    text.len() + text.bytes().filter(|octet| is_escaped(*octet)).count() + 2
}

/// Characters that an extended parameter holds as they are (RFC 2231 §7).
const fn is_attribute(octet: u8) -> bool {
    octet.is_ascii_alphanumeric()
        || matches!(
            octet,
            b'!' | b'#' | b'$' | b'&' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'{' | b'|' | b'}' | b'~'
        )
}

#[cfg(test)]
mod tests;
