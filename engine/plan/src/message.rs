//! What a message is to a migration: its UID, flags, date and hashes.
//! Never holds a message's octets.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use core::cmp::Ordering;
use core::fmt;
use core::num::{NonZeroU32, NonZeroU64};

/// A message's unique identifier within one folder and one UIDVALIDITY (RFC 9051 §2.3.1.1); 0 is not a UID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(pub NonZeroU32);

impl Uid {
    /// Takes `value` as a UID, or nothing where it is 0.
    #[must_use]
    pub const fn new(value: u32) -> Option<Self> {
        match NonZeroU32::new(value) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// The number as the wire carries it.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The generation of a folder's UIDs (RFC 9051 §2.3.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UidValidity(pub NonZeroU32);

impl UidValidity {
    /// Takes `value` as a UIDVALIDITY, or nothing where it is 0.
    #[must_use]
    pub const fn new(value: u32) -> Option<Self> {
        match NonZeroU32::new(value) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// The number as the wire carries it.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

/// A modification sequence (RFC 7162 §3.1); 0 stands for "none" on the wire and is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModSeq(pub NonZeroU64);

impl ModSeq {
    /// Takes `value` as a modification sequence, or nothing where it is 0.
    #[must_use]
    pub const fn new(value: u64) -> Option<Self> {
        match NonZeroU64::new(value) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// The number as the wire carries it.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

/// One flag: a system flag or a keyword, compared without regard to ASCII case (RFC 9051 §2.3.2).
/// `\Recent` is not one: no client can set it.
#[derive(Debug, Clone)]
pub struct Flag(String);

impl Flag {
    /// Takes a flag as the wire carries it (`\Seen`, `$Forwarded`, `custom1`); nothing for `\Recent`, `\*` or
    /// an empty name.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let is_settable =
            !name.is_empty() && name != "\\*" && name != "\\" && !name.eq_ignore_ascii_case("\\Recent");
        is_settable.then(|| Self(name.to_string()))
    }

    /// The name as the server wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for `\Seen` and its like, false for keywords.
    #[must_use]
    pub fn is_system(&self) -> bool {
        self.0.starts_with('\\')
    }

    fn folded(&self) -> impl Iterator<Item = u8> {
        self.0.bytes().map(|byte| byte.to_ascii_lowercase())
    }
}

impl PartialEq for Flag {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Flag {}

impl PartialOrd for Flag {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Flag {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded().cmp(other.folded())
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A set of flags, without `\Recent`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flags(pub BTreeSet<Flag>);

impl Flags {
    /// Reads flags parted by blanks, as a ledger keeps them: the inverse of `Display`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        text.split_ascii_whitespace().filter_map(Flag::new).collect()
    }

    /// True when `flag` (any case) is in the set.
    #[must_use]
    pub fn contains(&self, flag: &str) -> bool {
        Flag::new(flag).is_some_and(|flag| self.0.contains(&flag))
    }

    /// The flags in their fixed order.
    pub fn iter(&self) -> impl Iterator<Item = &Flag> {
        self.0.iter()
    }

    /// True where no flag is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Flag> for Flags {
    fn from_iter<I: IntoIterator<Item = Flag>>(flags: I) -> Self {
        Self(flags.into_iter().collect())
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, flag) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            flag.fmt(f)?;
        }
        Ok(())
    }
}

/// When a server received a message: seconds since 1970-01-01T00:00:00Z and the zone it was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InternalDate {
    /// Seconds since the Unix epoch, in UTC.
    pub unix_seconds: i64,
    /// The zone's offset east of UTC, in minutes, within ±1439.
    pub offset_minutes: i16,
}

/// BLAKE3 of a message's octets, exactly as the source's literal carried them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash(pub [u8; 32]);
