//! What the operator wants of a run: filters, maps, limits.
//! Never knows where mail comes from.

pub use malote_plan::flags::FlagPolicy;
pub use malote_plan::labels::LabelPolicy;
pub use malote_plan::mapping::OnClash;
use malote_plan::record::QuarantineNote;
use malote_plan::uid_set::UidSet;

/// How byte-identical messages within one source folder are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Duplicates {
    /// Three stay three.
    #[default]
    Keep,
    /// One is copied, the others are counted as `collapsed`.
    Collapse,
}

/// How much of the messages a verification reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Content {
    /// Counts and UIDs alone.
    #[default]
    None,
    /// A sample of each folder, byte for byte.
    Sample,
    /// Every message, byte for byte.
    Full,
}

/// Which quarantined messages are tried again; each empty choice takes all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retry {
    /// By reason: `refused`, `too_large` and so on.
    pub reasons: Vec<String>,
    /// By UID at the source.
    pub uids: UidSet,
}

impl Retry {
    /// True for a message that is tried again.
    #[must_use]
    pub fn takes(&self, note: &QuarantineNote) -> bool {
        let has_reason = self.reasons.is_empty() || self.reasons.contains(&note.reason);
        has_reason && (self.uids.is_empty() || self.uids.contains(note.source_uid))
    }
}

/// Everything that an operator may set for `copy`, `plan` and `verify`; `default()` is what they get unset.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Folders to take (globs over decoded names); all where empty.
    pub folders: Vec<String>,
    /// Folders to leave out.
    pub excludes: Vec<String>,
    /// `SRC` to `DST`, exact; children follow.
    pub maps: Vec<(String, String)>,
    /// Everything goes below this destination folder.
    pub into: Option<String>,
    /// Only messages received at or after this moment, in seconds since the epoch.
    pub since_unix_seconds: Option<i64>,
    /// Only messages received before this moment.
    pub before_unix_seconds: Option<i64>,
    /// Larger messages are quarantined as `too_large`.
    pub octets_max: Option<u64>,
    /// Smaller messages are left out, by the source's own claim of their size.
    pub wanted_octets_min: Option<u64>,
    /// Larger messages are left out; a later run without this bound takes them, for they are not quarantined.
    pub wanted_octets_max: Option<u64>,
    /// Folders and subscriptions alone are made; every message without a record is left out.
    pub only_folders: bool,
    /// What becomes of byte-identical messages of one folder.
    pub duplicates: Duplicates,
    /// Remove at the destination what the source no longer has; only messages that Malote wrote.
    pub mirror_deletes: bool,
    /// Refuse to remove more than this part of a folder's copied messages, in percent.
    pub delete_percent_max: u8,
    /// How flag changes meet.
    pub flags: FlagPolicy,
    /// What becomes of messages that stand in several folders at once, where the source's folders are labels.
    pub labels: LabelPolicy,
    /// Ceiling of octets read per second.
    pub octets_per_second: Option<u64>,
    /// Ceiling of messages read per second.
    pub messages_per_second: Option<u64>,
    /// Connections per side at most.
    pub connections: usize,
    /// Two source folders that would become one: `Block` stops before anything is created.
    pub on_clash: OnClash,
    /// How often a folder is taken up again after a lost connection without any progress in between.
    pub attempts_max: u32,
    /// Wait where a server's daily allowance is used up, rather than end and be run again later.
    pub waits_for_allowance: bool,
    /// The first pause after a lost connection, in milliseconds; it doubles with each attempt without progress.
    pub pause_ms: u64,
    /// How long a destination must stand still, in milliseconds, before messages whose answer was lost are looked
    /// for: a server may still be at work on what it received from a connection that is gone.
    pub quiet_ms: u64,
    /// Whether a message that is refused twice may be changed, by the least named repair, to be accepted.
    pub repairs: bool,
    /// Codes of damage that a person has accepted; see [`crate::damage::code`].
    pub accepted_damage: Vec<String>,
    /// Quarantined messages that this run tries again; none where absent.
    pub retry: Option<Retry>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            folders: Vec::new(),
            excludes: Vec::new(),
            maps: Vec::new(),
            into: None,
            since_unix_seconds: None,
            before_unix_seconds: None,
            octets_max: None,
            waits_for_allowance: false,
            wanted_octets_min: None,
            wanted_octets_max: None,
            only_folders: false,
            duplicates: Duplicates::Keep,
            mirror_deletes: false,
            delete_percent_max: 10,
            flags: FlagPolicy::Merge,
            labels: LabelPolicy::Folders,
            octets_per_second: None,
            messages_per_second: None,
            connections: 2,
            on_clash: OnClash::Block,
            attempts_max: 5,
            pause_ms: 500,
            quiet_ms: 1500,
            repairs: true,
            accepted_damage: Vec::new(),
            retry: None,
        }
    }
}

impl Policy {
    /// True where dates or sizes leave messages out, so that metadata has to be looked at.
    #[must_use]
    pub const fn leaves_messages_out(&self) -> bool {
        self.only_folders
            || self.since_unix_seconds.is_some()
            || self.before_unix_seconds.is_some()
            || self.wanted_octets_min.is_some()
            || self.wanted_octets_max.is_some()
    }

    /// True for a message that was received at `date` and has `octets`, where it is left out by choice. A message
    /// without a date is never left out for its date.
    #[must_use]
    pub fn leaves_out(&self, date_unix_seconds: Option<i64>, octets: u64) -> bool {
        let is_early =
            self.since_unix_seconds.zip(date_unix_seconds).is_some_and(|(since, date)| date < since);
        let is_late =
            self.before_unix_seconds.zip(date_unix_seconds).is_some_and(|(before, date)| date >= before);
        let is_small = self.wanted_octets_min.is_some_and(|min| octets < min);
        let is_large = self.wanted_octets_max.is_some_and(|max| octets > max);
        self.only_folders || is_early || is_late || is_small || is_large
    }
}
