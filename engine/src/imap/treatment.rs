//! How a session treats its server: which profile it is, and which promises are not believed.
//! Never lets a profile promise what the server does not.

use std::sync::Arc;

use super::endpoint::Endpoint;
use super::limits::UID_SET_OCTETS_MAX;
use super::response::harmless;
use super::session::Session;
use crate::failure::{Class, Failure, Reach, Result, Retry};
use crate::observed::Way;
use crate::profile::{Facts, Profile, recognised};

/// Octets of a command beside the set of UIDs: tag, verb, items.
const COMMAND_REST_OCTETS: usize = 200;

impl Session {
    /// The profile that the server's own words tell, where the operator wrote some.
    pub(super) fn recognised(&self, written: &[Arc<Profile>]) -> Arc<Profile> {
        let capabilities: Vec<&str> = self.capabilities.names().collect();
        let prefix = self.namespaces.personal.first().map(|entry| harmless(&entry.prefix));
        let facts = Facts {
            host: &self.connection.host,
            greeting: &self.greeting,
            id: &self.id,
            capabilities: &capabilities,
            prefix: prefix.as_deref().unwrap_or_default(),
        };
        recognised(&facts, written)
    }

    /// Takes the operator's profile where he named or wrote one, and notes from now on what the server does.
    pub(super) fn treat_as_at(&mut self, endpoint: &Endpoint) {
        let own = endpoint.profile.clone().or_else(|| {
            let is_any = !endpoint.written.is_empty();
            is_any.then(|| self.recognised(&endpoint.written)).filter(|own| *own != self.profile)
        });
        if let Some(profile) = own {
            self.promises = self.capabilities.promises(std::mem::take(&mut self.promises.software));
            self.treat_as(profile);
        }
        self.notes = Arc::clone(&endpoint.notes);
        self.clock = Arc::clone(&endpoint.clock);
        self.notes.treated_as(&self.profile.name);
        if self.notes.refuses_multiappend() {
            self.promises.multiappend = false;
        }
    }

    /// Takes back promises that servers of this kind do not keep.
    pub(super) fn treat_as(&mut self, profile: Arc<Profile>) {
        let (settings, promises) = (&profile.settings, &mut self.promises);
        promises.multiappend &= !settings.avoid_multiappend;
        promises.condstore &= !settings.distrust_condstore;
        promises.qresync &= !(settings.distrust_condstore || settings.distrust_qresync);
        promises.list_status &= !settings.distrust_list_status;
        promises.labels &= settings.labels_are_folders;
        self.profile = profile;
    }

    /// Octets that a set of UIDs may take in one command: ours, the profile's, or what the server was seen to bear.
    pub(super) fn uid_set_octets(&self) -> usize {
        let limits = [self.profile.settings.command_octets, self.notes.command_octets()];
        let left = |octets: u32| (octets as usize).saturating_sub(COMMAND_REST_OCTETS).max(100);
        limits.into_iter().flatten().map(left).fold(UID_SET_OCTETS_MAX, usize::min)
    }

    /// How many UIDs one command may name: ours, the profile's, the server's MESSAGELIMIT (RFC 9738), or what it was
    /// seen to bear.
    pub(super) fn uids_at_once(&self, uids_max: u64) -> u64 {
        let seen = self.notes.uids_per_command();
        let small = [self.profile.settings.uids_per_command, seen].into_iter().flatten().map(u64::from);
        let limits = small.chain(self.capabilities.number("MESSAGELIMIT"));
        limits.fold(uids_max, |least, limit| limit.clamp(1, least))
    }

    /// Counts octets against the server's daily allowance; a failure that says when it begins anew where it is used
    /// up.
    pub(super) fn spend(&self, way: Way, octets: u64) -> Result<()> {
        let Some(per_day) = per_day(&self.profile, way) else { return Ok(()) };
        let now = self.clock.now_unix_ms() / 1000;
        let Err(until) = self.notes.spend(way, per_day, octets, now) else { return Ok(()) };
        let (host, side) = (&self.connection.host, self.connection.side);
        let what = if way == Way::Down { "reading from" } else { "appending to" };
        let when = jiff::Timestamp::from_second(until).unwrap_or_default();
        let message = format!(
            "{what} {host}: the {} MB that it allows in a day are used up; it goes on at {when}",
            per_day / 1_000_000
        );
        let wait_ms = u64::try_from(until - now).unwrap_or(0) * 1000;
        Err(Failure::new(side, Class::ThrottleDaily, Reach::Account, Retry::After(wait_ms), message))
    }
}

/// What servers of a kind allow in a day, in octets.
pub(super) const fn per_day(profile: &Profile, way: Way) -> Option<u64> {
    match way {
        Way::Down => profile.settings.octets_down_per_day,
        Way::Up => profile.settings.octets_up_per_day,
    }
}
