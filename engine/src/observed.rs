//! What a server was seen to do, kept beside the ledger from run to run.
//! Never a proof and never needed: losing it costs a few refusals that are learnt again.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use malote_plan::failure::Side;
use malote_plan::taxonomy::normalised;
use serde::{Deserialize, Serialize};

use crate::allowance::Spent;
use crate::failure::{Class, Failure};

/// The file's format.
pub const SCHEMA: &str = "malote.observed/1";

/// Kinds of answers that are remembered for one server; beyond that new kinds are only counted together.
const KINDS_MAX: usize = 64;

/// How long a ceiling of connections is believed, in seconds.
const CEILING_BELIEVED_SECONDS: i64 = 7 * 86_400;

/// Messages to a command that are tried once a server has refused more without naming a number.
const UIDS_TRIED_FIRST: u32 = 1_000;

/// Octets of a command that are tried once a server has refused a longer one.
const OCTETS_TRIED_FIRST: u32 = 4_000;

/// Fewest octets of a command that are tried.
const OCTETS_TRIED_LAST: u32 = 500;

/// Largest file that is read, in octets.
const FILE_OCTETS_MAX: u64 = 1024 * 1024;

/// Both servers of a pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// `malote.observed/1`
    pub schema: String,
    /// Where mail comes from.
    #[serde(default)]
    pub source: ObservedServer,
    /// Where it goes to.
    #[serde(default)]
    pub destination: ObservedServer,
}

impl Default for Observed {
    fn default() -> Self {
        let (source, destination) = (ObservedServer::default(), ObservedServer::default());
        Self { schema: SCHEMA.to_owned(), source, destination }
    }
}

/// Which way octets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the server.
    Down,
    /// To it.
    Up,
}

/// One server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObservedServer {
    /// The profile's name by which it was last treated.
    pub profile: String,
    /// Connections that it bore when it refused one more, or that its refusal named.
    pub connections_max: Option<u32>,
    /// When that was, in seconds since the epoch: a ceiling is believed for some time only.
    pub connections_max_unix_seconds: Option<i64>,
    /// Messages to a command that it named (RFC 9738), or that it seems to bear.
    pub uids_per_command: Option<u32>,
    /// Octets of a command that it seems to bear.
    pub command_octets: Option<u32>,
    /// True where it refused several messages in one APPEND as no grammar that it knows.
    pub refuses_multiappend: bool,
    /// What was read from it within its present day, where it counts.
    pub down: Spent,
    /// What was appended to it.
    pub up: Spent,
    /// Repairs that made it take refused messages, with how many each.
    pub repairs: BTreeMap<String, u64>,
    /// Answers of an unknown kind, with how often each came.
    pub unknown_answers: BTreeMap<String, u64>,
}

impl Observed {
    /// Reads a file; nothing where there is none, or none that can be read: what it held is learnt again.
    #[must_use]
    pub fn load(path: &Path) -> Option<Self> {
        let length = std::fs::metadata(path).ok()?.len();
        let text = (length <= FILE_OCTETS_MAX).then(|| std::fs::read(path).ok())??;
        serde_json::from_slice(&text).ok().filter(|observed: &Self| observed.schema == SCHEMA)
    }

    /// Writes the file as a whole: whoever reads it meanwhile sees the old one or the new one.
    ///
    /// # Errors
    /// Where the folder cannot be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or_else(|| Path::new(".")))?;
        file.write_all(&serde_json::to_vec_pretty(self).map_err(io::Error::other)?)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }
}

/// What is noted of one server while a run is at work; shared by all of its sessions.
#[derive(Debug, Default)]
pub struct Notes {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    server: ObservedServer,
    /// Answers of an unknown kind in this run alone: how often, and the row by which they were judged.
    unknown: BTreeMap<String, (u64, &'static str)>,
    /// Such answers whose kinds were too many to be kept apart.
    unknown_more: u64,
}

impl Notes {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins with what earlier runs saw; `now` is the time, in seconds since the epoch. A ceiling of connections
    /// that is older than a week is forgotten: servers and their administrators change.
    #[must_use]
    pub fn begin(mut server: ObservedServer, now: i64) -> Self {
        let seen = server.connections_max_unix_seconds.unwrap_or(now);
        if now.saturating_sub(seen) > CEILING_BELIEVED_SECONDS {
            (server.connections_max, server.connections_max_unix_seconds) = (None, None);
        }
        Self { inner: Mutex::new(Inner { server, ..Inner::default() }) }
    }

    /// Notes a refusal: what it named, and the answer itself where its kind is unknown. `answer` is the answer as it
    /// came, `NO [XFOO] words`.
    pub fn refusal(&self, failure: &Failure, answer: &str) {
        let mut inner = self.lock();
        if let Some(connections) = failure.told.connections_max {
            inner.server.connections_max = Some(connections);
            inner.server.connections_max_unix_seconds = None;
        }
        let ObservedServer { uids_per_command: uids, command_octets: octets, .. } = &mut inner.server;
        match (failure.rule, failure.told.uids_max) {
            (_, Some(told)) => *uids = Some(uids.map_or(told, |known| known.min(told)).max(1)),
            // What is not named is tried: a careful number first, then half of it.
            (Some("limit.batch" | "limit.batch_text"), None) => {
                *uids = Some(uids.map_or(UIDS_TRIED_FIRST, |known| (known / 2).max(1)));
            }
            (Some("client.line_too_long"), None) => {
                *octets = Some(octets.map_or(OCTETS_TRIED_FIRST, |known| (known / 2).max(OCTETS_TRIED_LAST)));
            }
            _ => {}
        }
        let Some(rule) = failure.rule.filter(|rule| rule.starts_with("unknown.")) else { return };
        // A connection that ends with a word of its own is an end like any other.
        if failure.class == Class::Net {
            return;
        }
        let kind = normalised(answer);
        if inner.unknown.len() < KINDS_MAX || inner.unknown.contains_key(&kind) {
            inner.unknown.entry(kind.clone()).or_insert((0, rule)).0 += 1;
        } else {
            inner.unknown_more += 1;
        }
        if inner.server.unknown_answers.len() < KINDS_MAX || inner.server.unknown_answers.contains_key(&kind)
        {
            *inner.server.unknown_answers.entry(kind).or_default() += 1;
        }
    }

    /// Notes how many connections the server bears, as it named them or as it showed by refusing one more.
    pub fn bears(&self, connections: u32) {
        let mut inner = self.lock();
        inner.server.connections_max = Some(connections.max(1));
        inner.server.connections_max_unix_seconds = None;
    }

    /// How many connections the server bore when it last refused one more.
    #[must_use]
    pub fn connections_max(&self) -> Option<u32> {
        self.lock().server.connections_max
    }

    /// Messages that the server said one command may name.
    #[must_use]
    pub fn uids_per_command(&self) -> Option<u32> {
        self.lock().server.uids_per_command
    }

    /// Octets of a command that the server seems to bear.
    #[must_use]
    pub fn command_octets(&self) -> Option<u32> {
        self.lock().server.command_octets
    }

    /// True where several messages in one APPEND were refused, in this run or an earlier one.
    #[must_use]
    pub fn refuses_multiappend(&self) -> bool {
        self.lock().server.refuses_multiappend
    }

    /// Notes that the server takes one message to an APPEND, whatever it promises.
    pub fn multiappend_refused(&self) {
        self.lock().server.refuses_multiappend = true;
    }

    /// Notes a repair that made the server take a message.
    pub fn repaired(&self, repair: &str) {
        let mut inner = self.lock();
        if inner.server.repairs.len() < KINDS_MAX || inner.server.repairs.contains_key(repair) {
            *inner.server.repairs.entry(repair.to_owned()).or_default() += 1;
        }
    }

    /// Counts octets against a daily allowance; where that was used up, when it begins anew.
    pub fn spend(&self, way: Way, per_day: u64, octets: u64, now: i64) -> Result<(), i64> {
        let mut inner = self.lock();
        let spent = match way {
            Way::Down => &mut inner.server.down,
            Way::Up => &mut inner.server.up,
        };
        spent.spend(per_day, octets, now)
    }

    /// Octets that a daily allowance still has.
    #[must_use]
    pub fn left(&self, way: Way, per_day: u64, now: i64) -> u64 {
        let inner = self.lock();
        let spent = match way {
            Way::Down => inner.server.down,
            Way::Up => inner.server.up,
        };
        spent.left(per_day, now)
    }

    /// Notes the profile by which the server is treated.
    pub fn treated_as(&self, profile: &str) {
        let mut inner = self.lock();
        if inner.server.profile != profile {
            profile.clone_into(&mut inner.server.profile);
        }
    }

    /// Everything that is known by now, for the next run; `now` is the time, in seconds since the epoch.
    #[must_use]
    pub fn observed(&self, now: i64) -> ObservedServer {
        let mut server = self.lock().server.clone();
        if server.connections_max.is_some() {
            server.connections_max_unix_seconds.get_or_insert(now);
        }
        server
    }

    /// What the report should tell of this run's unknown answers.
    #[must_use]
    pub fn remarks(&self, side: Side) -> Vec<String> {
        let inner = self.lock();
        let counted = |count: u64| format!("{count} answer{}", if count == 1 { "" } else { "s" });
        let kinds = inner.unknown.iter().map(|(kind, (count, rule))| {
            format!(
                "{}: {} of an unknown kind: {kind} (judged as {rule}; please report it)",
                side.as_str(),
                counted(*count)
            )
        });
        let more = (inner.unknown_more > 0).then(|| {
            format!("{}: {} of yet other unknown kinds", side.as_str(), counted(inner.unknown_more))
        });
        kinds.chain(more).collect()
    }
}

#[cfg(test)]
mod tests {
    use malote_plan::failure::{Reach, Retry};

    use super::*;

    const NOW: i64 = 1_795_000_000;

    fn failure(rule: &'static str, uids_max: Option<u32>) -> Failure {
        let mut failure =
            Failure::new(Side::Source, Class::ItemRefused, Reach::Message, Retry::Never, "refused");
        (failure.rule, failure.told.uids_max) = (Some(rule), uids_max);
        failure
    }

    #[test]
    fn unknown_answers_of_one_kind_are_counted_together_and_known_ones_are_not() {
        let notes = Notes::default();
        notes.refusal(&failure("unknown.message", None), "NO [XFOO] code 17");
        notes.refusal(&failure("unknown.message", None), "NO [XFOO] code 4711");
        notes.refusal(&failure("unknown.message", None), "NO bar");
        notes.refusal(&failure("item.too_large", None), "NO [TOOBIG] x");
        let remarks = notes.remarks(Side::Destination);
        assert_eq!(
            remarks,
            [
                "destination: 2 answers of an unknown kind: NO [XFOO] code # (judged as unknown.message; please \
                 report it)",
                "destination: 1 answer of an unknown kind: NO bar (judged as unknown.message; please report it)",
            ]
        );
        for number in 0..200 {
            let word: String = std::iter::repeat_n('x', number + 1).collect();
            notes.refusal(&failure("unknown.message", None), &word);
        }
        assert_eq!(notes.remarks(Side::Source).len(), KINDS_MAX + 1);
        assert_eq!(notes.observed(NOW).unknown_answers.len(), KINDS_MAX);
    }

    #[test]
    fn limits_that_a_server_does_not_name_are_tried_by_halves() {
        let notes = Notes::default();
        let seen = |rule, told| {
            notes.refusal(&failure(rule, told), "");
            (notes.uids_per_command(), notes.command_octets())
        };
        assert_eq!(seen("limit.batch_text", None), (Some(1_000), None));
        assert_eq!(seen("limit.batch", None), (Some(500), None));
        assert_eq!(seen("client.line_too_long", None), (Some(500), Some(4_000)));
        assert_eq!(seen("client.line_too_long", None), (Some(500), Some(2_000)));
        assert_eq!(seen("limit.batch", Some(900)), (Some(500), Some(2_000)));
        for _ in 0..20 {
            seen("client.line_too_long", None);
            seen("limit.batch", None);
        }
        assert_eq!(seen("item.too_large", None), (Some(1), Some(500)));
    }

    #[test]
    fn what_was_seen_is_written_whole_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.observed.json");
        assert_eq!(Observed::load(&path), None);
        let before = ObservedServer { refuses_multiappend: true, ..ObservedServer::default() };
        let notes = Notes::begin(before, NOW);
        notes.refusal(&failure("limit.batch", Some(1_000)), "");
        notes.refusal(&failure("limit.batch", Some(500)), "");
        notes.bears(3);
        notes.repaired("final_line_end");
        notes.treated_as("yahoo");
        let observed = Observed { source: notes.observed(NOW), ..Observed::default() };
        observed.save(&path).unwrap();
        let read = Observed::load(&path).unwrap();
        assert_eq!(read, observed);
        let source = read.source;
        assert_eq!(source.connections_max_unix_seconds, Some(NOW));
        let (soon, late) = (NOW + 86_400, NOW + 8 * 86_400);
        assert_eq!(Notes::begin(source.clone(), soon).connections_max(), Some(3));
        assert_eq!(Notes::begin(source.clone(), soon).observed(soon).connections_max_unix_seconds, Some(NOW));
        assert_eq!(Notes::begin(source.clone(), late).connections_max(), None);
        assert_eq!((source.uids_per_command, source.connections_max), (Some(500), Some(3)));
        assert!(source.refuses_multiappend && source.repairs["final_line_end"] == 1);
        std::fs::write(&path, "{\"schema\":\"malote.observed/9\"}").unwrap();
        assert_eq!(Observed::load(&path), None);
        std::fs::write(&path, "not json").unwrap();
        assert_eq!(Observed::load(&path), None);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing half-written stays behind");
    }
}
