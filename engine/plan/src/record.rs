//! What is remembered of each message: the row that a ledger keeps.
//! Never remembers what a policy decides anew on each run (filters, size limits).

use alloc::string::String;

use crate::message::{ContentHash, Flags, Uid, UidValidity};

/// What became of a source message, as far as it is known for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Appended by Malote.
    Copied,
    /// Found at the destination, not written by Malote.
    Adopted,
    /// Left out as the byte-identical twin of another message of its folder, by the operator's choice.
    Collapsed,
    /// Refused or unreadable; its octets or what is known of it lie in quarantine.
    Quarantined,
}

impl State {
    /// The state as a ledger stores it; a number never changes its meaning.
    #[must_use]
    pub const fn code(self) -> i16 {
        match self {
            Self::Copied => 1,
            Self::Adopted => 2,
            Self::Collapsed => 3,
            Self::Quarantined => 4,
        }
    }

    /// The state that `code` stands for.
    #[must_use]
    pub const fn from_code(code: i16) -> Option<Self> {
        match code {
            1 => Some(Self::Copied),
            2 => Some(Self::Adopted),
            3 => Some(Self::Collapsed),
            4 => Some(Self::Quarantined),
            _ => None,
        }
    }
}

/// A 16-octet key over some canonical header fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeaderKey(pub [u8; 16]);

/// A 16-octet key over what an item says of which a source makes a message, whatever the message's octets come to be.
/// The first octet is the number of the way in which it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Imprint(pub [u8; 16]);

impl Imprint {
    /// True where an item was surely edited from one to the other, or they are of two items. Two that were taken in
    /// different ways tell nothing.
    #[must_use]
    pub fn is_edited(self, other: Self) -> bool {
        self.0[0] == other.0[0] && self != other
    }
}

/// True where both are known and tell of an edit.
#[must_use]
pub fn is_edited(one: Option<Imprint>, other: Option<Imprint>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one.is_edited(other))
}

/// By what a message is known again; see `identity` for how each is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keys {
    /// The whole message's octets.
    pub content: Option<ContentHash>,
    /// The octets after the header, without trailing line ends; none where nothing is there.
    pub body: Option<HeaderKey>,
    /// A set of header fields that includes a Message-ID.
    pub strong: Option<HeaderKey>,
    /// Date, From and Subject alone.
    pub loose: Option<HeaderKey>,
    /// What the item says of which a source made the message; none where the octets are what there is.
    pub imprint: Option<Imprint>,
}

/// One source message's row, within one folder and one source UIDVALIDITY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The message at the source.
    pub source_uid: Uid,
    /// What became of it.
    pub state: State,
    /// The message at the destination; `None` while no UID is proven, and for `Quarantined`.
    pub destination_uid: Option<Uid>,
    /// By what it is known again.
    pub keys: Keys,
    /// Its length in octets, measured; 0 where it was never read.
    pub octets: u64,
    /// INTERNALDATE as seconds since the epoch, where the source gave one.
    pub internal_unix_seconds: Option<i64>,
    /// The source's flags when they were last carried over: the base of the three-way merge.
    pub flags: Flags,
}

/// Source messages that were about to be appended, and above which destination UID they would be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The ledger's number for it.
    pub id: i64,
    /// Which source messages.
    pub source_uids: crate::uid_set::UidSet,
    /// UIDNEXT of the destination folder before the first of them was sent; 1 where it was unknown.
    pub destination_uid_next: u32,
    /// The destination's UIDVALIDITY then.
    pub destination_uid_validity: UidValidity,
}

/// Why a message lies in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineNote {
    /// The message at the source.
    pub source_uid: Uid,
    /// `too_large`, `refused`, `unreadable` and so on.
    pub reason: String,
    /// The server's words, or ours.
    pub detail: String,
    /// Message-ID, where there is one.
    pub message_id: String,
    /// Its length in octets, as far as known.
    pub octets: u64,
    /// Where its octets are kept, relative to the quarantine folder; empty where they were never had.
    pub file: String,
    /// How often it was tried.
    pub attempts: u32,
    /// True once the operator has accepted that it is left out.
    pub is_acknowledged: bool,
}

/// What was changed in a message so that the destination took it. Its record keeps the keys of the source's octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairNote {
    /// The message at the source.
    pub source_uid: Uid,
    /// What its octets were found to have, by names parted by blanks (`examine::kinds`).
    pub findings: String,
    /// What was made, by names parted by blanks (`repair::Remedy::names`).
    pub repairs: String,
    /// Message-ID, where there is one.
    pub message_id: String,
    /// Where the original octets are kept, relative to the quarantine folder.
    pub file: String,
    /// Length of the changed message, in octets.
    pub octets: u64,
    /// By what the changed message is known again.
    pub keys: Keys,
}
