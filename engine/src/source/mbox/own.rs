//! Which lines of a header are the file's own: those that mail programs write beside the message.
//! Never takes a line for one because of its name alone: a sender can write any line, so that its place has to tell.
//!
//! Mozilla's programs and Takeout write theirs directly behind the separator, and so does Malote. mutt, UW-imap (and
//! Pine) and Dovecot write `Status`, `X-Status`, `X-Keywords`, `X-UID` and `Content-Length` before the blank line, into
//! every message of a folder that they have opened. What stands elsewhere is the message's and is read, but not taken
//! out; nothing that stands elsewhere than directly behind the separator hides or deletes a message.

use malote_plan::message::Flags;

use super::status::{self, Storage};

/// Which lines of one header are the file's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// None.
    None,
    /// All that look like one, wherever they stand; Content-Length where it is the file's.
    Anywhere {
        /// True where Content-Length was found to be right.
        has_length: bool,
    },
    /// Those that stand where programs write them.
    Placed(Placed),
    /// All of a name under which any mail program keeps what it knows of a message, whatever they say. By such a
    /// reading a message is known again, and never delivered.
    Named,
}

/// What a file tells of the places of its own lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Places {
    /// True where messages are sorted by their labels, so that the labels' lines go.
    pub has_labels: bool,
    /// True where most messages end their header with lines of a program's.
    pub has_trailing: bool,
}

/// Where the file's own lines stand in one header, in octets from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// The end of the block directly behind the separator.
    leading: u32,
    /// The beginning of the block directly before the blank line.
    trailing: u32,
    /// The Content-Length that was believed; [`NOWHERE`] where there is none.
    length: u32,
    /// True where the leading block is Malote's, after which all is the message's.
    is_malotes: bool,
    places: Places,
}

const NOWHERE: u32 = u32::MAX;

/// Malote's block, value for value: names with the octets that stand behind them.
const MALOTES: [(&[u8], usize); 3] = [(b"Status: ", 2), (b"X-Status: ", 4), (b"X-Keywords: ", 160)];

/// Lines of Thunderbird's that stay with the message and stand before or among those that do not.
const ACCOUNTS: [&[u8]; 2] = [b"x-account-key", b"x-uidl"];

/// What mutt, UW-imap and Dovecot write at the end of a header.
const TRAILING: [&[u8]; 8] =
    [b"status", b"x-status", b"x-keywords", b"x-uid", b"x-imapbase", b"x-imap", b"content-length", b"lines"];

impl Placed {
    /// Finds the places in a header that is here as it stands in the file, without its blank line. `length` is where
    /// the Content-Length that was believed stands.
    #[must_use]
    pub fn of(header: &[u8], places: Places, length: Option<usize>) -> Self {
        let offset = |at: usize| u32::try_from(at).unwrap_or(NOWHERE);
        let malotes = malotes(header);
        let (leading, trailing) = match malotes {
            Some(octets) => (octets, header.len()),
            None => (leading(header), trailing(header)),
        };
        let length = length.filter(|_| malotes.is_none()).map_or(NOWHERE, offset);
        let trailing = offset(trailing);
        Self { leading: offset(leading), trailing, length, is_malotes: malotes.is_some(), places }
    }

    /// True where Malote wrote the message, which quotes lines of the header too.
    #[must_use]
    pub const fn is_malotes(&self) -> bool {
        self.is_malotes
    }

    /// Where the leading block ends.
    #[must_use]
    pub const fn leading(&self) -> usize {
        self.leading as usize
    }

    /// True for an octet of the blocks where programs write their lines.
    #[must_use]
    pub const fn is_placed(&self, at: usize) -> bool {
        at < self.leading as usize || at >= self.trailing as usize
    }

    /// True where the header ends with flags of a program's.
    #[must_use]
    pub fn has_trailing(&self, header: &[u8]) -> bool {
        let block = header.get(self.trailing as usize..).unwrap_or_default();
        lines(block).any(|line| matches!(status::judge(line), Some(Storage::Flags(_) | Storage::Nothing)))
    }

    /// True for a line that begins at `at` and is the file's own.
    #[must_use]
    pub fn is_own(&self, at: u64, line: &[u8]) -> bool {
        let is_leading = at < u64::from(self.leading);
        if is_leading && (self.is_malotes || line.starts_with(b">From ")) {
            return true;
        }
        match status::judge(line) {
            None => false,
            Some(Storage::Length(_)) => at == u64::from(self.length),
            Some(Storage::Labels) => is_leading && self.places.has_labels,
            Some(_) => is_leading || (self.places.has_trailing && at >= u64::from(self.trailing)),
        }
    }

    /// What the lines say of the message.
    #[must_use]
    pub fn told(&self, header: &[u8]) -> Told {
        let mut told = Told::default();
        let (leading, rest) = header.split_at(self.leading().min(header.len()));
        let mut has_leading = self.is_malotes;
        for storage in lines(leading).filter_map(status::judge) {
            match storage {
                Storage::Flags(flags) => {
                    told.flags.0.extend(flags.0);
                    has_leading = true;
                }
                Storage::Removed => told.is_removed = true,
                _ => {}
            }
        }
        if has_leading || told.is_removed {
            return told;
        }
        let is_mozillas =
            |line: &&[u8]| status::named(line).is_none_or(|(name, _)| name.starts_with(b"x-mozilla-"));
        for storage in lines(rest).filter(|line| !is_mozillas(line)).filter_map(status::judge) {
            if let Storage::Flags(flags) = storage {
                told.flags.0.extend(flags.0);
            }
        }
        // Who sends a message can write such a line, and its copy would go with the next expunging.
        let before = told.flags.0.len();
        told.flags.0.retain(|flag| !flag.as_str().eq_ignore_ascii_case("\\Deleted"));
        told.is_deletion_passed_over = told.flags.0.len() < before;
        told
    }
}

/// What a file's own lines say of one message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Its flags and keywords.
    pub flags: Flags,
    /// Deleted by its user and still in the file.
    pub is_removed: bool,
    /// True where a mark of deletion stands where any sender could have written it.
    pub is_deletion_passed_over: bool,
}

fn lines(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    block.split_inclusive(|octet| *octet == b'\n')
}

/// True for a header that begins with Malote's block: a length in it is the sender's.
pub(super) fn is_malotes(header: &[u8]) -> bool {
    malotes(header).is_some()
}

/// Octets of Malote's block, where that is what the header begins with.
fn malotes(header: &[u8]) -> Option<usize> {
    let mut at = 0;
    for (name, octets) in MALOTES {
        let line = header.get(at..)?.split_inclusive(|octet| *octet == b'\n').next()?;
        let value = line.strip_prefix(name)?.strip_suffix(b"\n")?;
        if value.len() != octets || status::judge(line).is_none() {
            return None;
        }
        at += line.len();
    }
    Some(at)
}

/// Octets of the block directly behind the separator.
fn leading(header: &[u8]) -> usize {
    let is_of_block = |line: &&[u8]| {
        line.starts_with(b">From ")
            || status::judge(line).is_some()
            || status::named(line).is_some_and(|(name, _)| ACCOUNTS.contains(&name.as_slice()))
    };
    // A folded line goes with the one before it.
    let is_folded = |line: &&[u8]| matches!(line, [b' ' | b'\t', ..]);
    let mut octets = 0;
    for line in lines(header) {
        if !(is_of_block(&line) || (octets > 0 && is_folded(&line))) {
            break;
        }
        octets += line.len();
    }
    octets
}

/// Where the block directly before the blank line begins.
fn trailing(header: &[u8]) -> usize {
    let is_of_block = |line: &[u8]| {
        let Some((name, value)) = status::named(line) else { return false };
        let is_count = name == b"lines" && value.iter().all(u8::is_ascii_digit);
        TRAILING.contains(&name.as_slice()) && (is_count || status::judge(line).is_some())
    };
    let mut begin = 0;
    let mut at = 0;
    for line in lines(header) {
        at += line.len();
        if !is_of_block(line) {
            begin = at;
        }
    }
    begin
}
