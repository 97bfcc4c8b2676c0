//! Folders: decoded paths, roles and what LIST said of them.
//! Never knows a protocol's quoting; wire names are octets that only go back to the server that sent them.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use crate::message::{ModSeq, UidValidity};

/// The name of the one folder that every account has.
pub const INBOX: &str = "INBOX";

/// True for `INBOX` in any case: as the first level it is one folder (RFC 9051 §5.1).
#[must_use]
pub fn is_inbox_name(level: &str) -> bool {
    level.eq_ignore_ascii_case(INBOX)
}

/// A folder's place, as decoded Unicode levels from the root of the personal namespace; never empty.
/// `INBOX` is always the one level `INBOX` (RFC 9051 §5.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FolderPath(Vec<String>);

impl FolderPath {
    /// Takes the levels, root first; nothing where there is none or one is empty. `inbox` in any case as the first
    /// level becomes `INBOX`.
    #[must_use]
    pub fn new(mut levels: Vec<String>) -> Option<Self> {
        if levels.is_empty() || levels.iter().any(String::is_empty) {
            return None;
        }
        if is_inbox_name(&levels[0]) {
            levels[0] = INBOX.to_string();
        }
        Some(Self(levels))
    }

    /// A folder at the root; where the name is empty, as a broken server may list it, it is `_`.
    #[must_use]
    pub fn root(name: &str) -> Self {
        let name = if name.is_empty() { "_" } else { name };
        Self(vec![if is_inbox_name(name) { INBOX } else { name }.to_string()])
    }

    /// The folder `name` below this one; an empty name is `_`.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        let mut levels = self.0.clone();
        levels.push(if name.is_empty() { "_" } else { name }.to_string());
        Self(levels)
    }

    /// The folder above, or nothing at the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (_, above) = self.0.split_last()?;
        (!above.is_empty()).then(|| Self(above.to_vec()))
    }

    /// The last level: the folder's own name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    /// The levels below `above`, where this folder is `above` itself or lies below it.
    #[must_use]
    pub fn below(&self, above: &Self) -> Option<&[String]> {
        self.0.strip_prefix(above.0.as_slice())
    }

    /// The levels, root first.
    #[must_use]
    pub fn levels(&self) -> &[String] {
        &self.0
    }

    /// True for the one folder that every account has.
    #[must_use]
    pub fn is_inbox(&self) -> bool {
        self.0.len() == 1 && self.0[0] == INBOX
    }
}

impl fmt::Display for FolderPath {
    /// Writes the levels parted by `/`, control characters escaped, for reading only: a level may itself hold a `/`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, level) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("/")?;
            }
            for character in level.chars() {
                if character.is_control() {
                    write!(f, "{}", character.escape_default())?;
                } else {
                    f.write_char(character)?;
                }
            }
        }
        Ok(())
    }
}

/// A folder's name as one server writes it: octets, without quoting.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WireName(pub Vec<u8>);

impl fmt::Debug for WireName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WireName({})", self.0.escape_ascii())
    }
}

/// What a folder is for (RFC 6154 §2); `Inbox` by its name alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Where mail arrives.
    Inbox,
    /// `\Sent`.
    Sent,
    /// `\Drafts`.
    Drafts,
    /// `\Trash`.
    Trash,
    /// `\Junk`.
    Junk,
    /// `\Archive`.
    Archive,
    /// `\All`: a view of every message.
    All,
    /// `\Flagged`: a view.
    Flagged,
    /// `\Important`: a view (RFC 8457).
    Important,
}

impl Role {
    /// The role's name in reports: `inbox`, `sent` and so on.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Sent => "sent",
            Self::Drafts => "drafts",
            Self::Trash => "trash",
            Self::Junk => "junk",
            Self::Archive => "archive",
            Self::All => "all",
            Self::Flagged => "flagged",
            Self::Important => "important",
        }
    }

    /// The special-use attribute (`\Sent`), or nothing for `Inbox`.
    #[must_use]
    pub const fn special_use(self) -> Option<&'static str> {
        match self {
            Self::Inbox => None,
            Self::Sent => Some("\\Sent"),
            Self::Drafts => Some("\\Drafts"),
            Self::Trash => Some("\\Trash"),
            Self::Junk => Some("\\Junk"),
            Self::Archive => Some("\\Archive"),
            Self::All => Some("\\All"),
            Self::Flagged => Some("\\Flagged"),
            Self::Important => Some("\\Important"),
        }
    }
}

/// Whose folders a namespace holds (RFC 2342).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum NamespaceKind {
    /// The user's own.
    #[default]
    Personal,
    /// Other users'.
    Other,
    /// Shared by all.
    Shared,
}

/// One folder as a server listed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// The decoded place, without the namespace's prefix.
    pub path: FolderPath,
    /// The name to send back to this server.
    pub wire: WireName,
    /// The hierarchy delimiter that LIST gave with this name; none for a flat name.
    pub delimiter: Option<char>,
    /// False for `\Noselect` and `\NonExistent`: holds no messages.
    pub is_selectable: bool,
    /// False for `\Noinferiors`.
    pub may_have_children: bool,
    /// True when the user subscribed to it.
    pub is_subscribed: bool,
    /// The special use that LIST or XLIST gave; never guessed from the name.
    pub special_use: Option<Role>,
    /// Whose it is.
    pub namespace: NamespaceKind,
    /// STATUS, where it came with the listing.
    pub status: Option<FolderStatus>,
}

/// A folder's counters and change tokens at one moment (RFC 9051 §6.3.11, RFC 7162 §3.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FolderStatus {
    /// Number of messages.
    pub messages: u32,
    /// The UID that the next message will have at least; `None` where the server did not say.
    pub uid_next: Option<u32>,
    /// The generation of the UIDs; `None` where the server did not say.
    pub uid_validity: Option<UidValidity>,
    /// The highest modification sequence, where CONDSTORE keeps one for this folder.
    pub highest_modseq: Option<ModSeq>,
    /// Octets of all messages together (RFC 8438), as the server claims.
    pub size_octets: Option<u64>,
}

/// How a server writes folder names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    /// The hierarchy delimiter of the personal namespace; none for a flat one.
    pub delimiter: Option<char>,
    /// The personal namespace's prefix, decoded, with its trailing delimiter (`INBOX.`); often empty.
    pub prefix: String,
    /// True when names travel as UTF-8, false for modified UTF-7 (RFC 9051 §5.1, RFC 3501 §5.1.3).
    pub is_utf8: bool,
    /// True when the server takes `Sent` and `SENT` for one folder.
    pub ignores_case: bool,
}
