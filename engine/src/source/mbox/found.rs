//! What one pass over an mbox file finds: messages, what tells them from others, and what was noticed on the way.
//! Never how it is found: that is `scan`.

use super::from_line::FromLine;
use super::letter::Manner;
use super::reading::Bare;
use crate::source::archive::book::Key;
use crate::source::archive::lines::Measured;

/// What tells a message from others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keys {
    /// Whatever mail programs write into it.
    pub known: Key,
    /// What an earlier version told it by.
    pub earlier: Key,
    /// What the version before that told it by.
    pub former: Key,
}

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
    /// Its header as it stands in the file, up to [`crate::source::archive::HEADER_OCTETS_MAX`].
    pub raw_header: Vec<u8>,
    /// What tells it from others whatever is found out about the file; nothing where the rules name no places.
    pub keys: Option<Keys>,
    /// True where the file ends before the message does, by its length.
    pub is_cut: bool,
    /// True where its end is told: by a blank line, a right length or a separator.
    pub is_ended: bool,
    /// What it adds to the file's bare lines.
    pub bare: Bare,
}

/// How often something was noticed, and where first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spots {
    /// How often.
    pub count: u64,
    /// Where first, in octets from the file's beginning.
    pub first_at: u64,
}

impl Spots {
    /// Takes note of one more.
    pub(super) const fn note(&mut self, at: u64) {
        if self.count == 0 {
            self.first_at = at;
        }
        self.count += 1;
    }
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
    /// Lines within a message whose length was right that begin with `From `: nothing is quoted there.
    pub unquoted: u64,
    /// Those of them that have the form of a separator.
    pub unquoted_separators: u64,
    /// Lines of text that begin with `From ` and stand where a separator might.
    pub from_lines: u64,
    /// Lines of a body that begin with `From ` and are no separators.
    pub bare: Bare,
    /// Those of them before which a blank line stands and behind which a header seems to.
    pub doubtful: Spots,
    /// Separators with neither a header nor a blank line behind them.
    pub headless: Spots,
    /// Separators that no blank line goes before.
    pub crowded: u64,
    /// Lines that begin with `>From `, and those with more marks.
    pub quoted: u64,
    /// Those of them before which no blank line stands.
    pub quoted_within: u64,
    /// Lines that begin with `>>From ` or more marks.
    pub quoted_twice: u64,
    /// Octets before the first separator that are neither blanks nor a mark of UTF-8.
    pub before: u64,
    /// True where the last message's length goes on beyond the file's end.
    pub is_cut: bool,
    /// Where a separator begins within which the file ends, in octets.
    pub begun_at: Option<u64>,
}
