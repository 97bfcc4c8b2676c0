//! What a run does otherwise because servers of a kind are known to need it.
//! Never more than a profile says: without one, everything is as the standards have it.

use malote_plan::failure::{Class, Side};
use malote_plan::folder::Role;
use malote_plan::message::{Flag, Flags, InternalDate};

use crate::failure::Failure;
use crate::pace::Pace;
use crate::profile::Settings;

/// Every role that a special use tells.
const ROLES: [Role; 8] = [
    Role::Sent,
    Role::Drafts,
    Role::Trash,
    Role::Junk,
    Role::Archive,
    Role::All,
    Role::Flagged,
    Role::Important,
];

/// What both servers of a run are known for.
pub(super) struct Manners {
    /// Flags that an APPEND does not keep, and a STORE does.
    pub late: Flags,
    /// Keywords that become something else at the destination.
    pub unwanted: Flags,
    /// The last moment that the destination's INTERNALDATE may name.
    pub latest: Option<InternalDate>,
    /// True where the destination refuses a message whose last line has no end.
    pub needs_final_line_end: bool,
    /// True where the destination keeps only one of several equal messages.
    pub merges_duplicates: bool,
    /// How fast messages may be appended, on all connections together.
    pub appends: Pace,
    /// The sides on which a connection that ends without a word means that we were too fast.
    silent: Vec<Side>,
}

impl Manners {
    /// What the profiles of both sides say.
    pub fn of(source: &Settings, destination: &Settings) -> Self {
        let flags = |names: &[String]| names.iter().filter_map(|name| Flag::new(name)).collect();
        let silent = [(Side::Source, source), (Side::Destination, destination)];
        Self {
            late: flags(&destination.flags_after_append),
            unwanted: flags(&destination.unwanted_keywords),
            latest: destination.latest_date.as_deref().and_then(end_of_day),
            needs_final_line_end: destination.final_line_end,
            merges_duplicates: destination.merges_duplicates,
            appends: Pace::new(None, destination.appends_per_second.map(u64::from)),
            silent: silent
                .into_iter()
                .filter(|(_, settings)| settings.silence_is_throttle)
                .map(|(side, _)| side)
                .collect(),
        }
    }

    /// True for a connection that was lost where that is how a server says that we are too fast.
    pub fn is_throttle(&self, failure: &Failure) -> bool {
        failure.class == Class::Net && self.silent.contains(&failure.side)
    }
}

/// The last second of a day in UTC.
fn end_of_day(day: &str) -> Option<InternalDate> {
    let day: jiff::civil::Date = day.parse().ok()?;
    let last = day.at(23, 59, 59, 0).to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(InternalDate { unix_seconds: last.timestamp().as_second(), offset_minutes: 0 })
}

/// The roles of these special uses.
pub(super) fn roles(special_uses: &[String]) -> Vec<Role> {
    let is_of = |role: &Role| {
        let own = role.special_use().unwrap_or_default();
        special_uses.iter().any(|name| name.eq_ignore_ascii_case(own))
    };
    ROLES.into_iter().filter(is_of).collect()
}
