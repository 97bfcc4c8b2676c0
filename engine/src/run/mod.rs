//! The line of rooms: survey, mapping, prepare, census, transfer, flags, verify.
//! Never knows a protocol: sources, destinations and ledgers are traits.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::destination::Destination;
use crate::event::Events;
use crate::ledger::{Ledger, PairIdentity};
use crate::policy::Policy;
use crate::progress::Progress;
use crate::quarantine::Quarantine;
use crate::source::Source;

/// Octets that all runs of a process together may hold in memory, by default.
pub const BUDGET_OCTETS: usize = 16 * 1024 * 1024;

/// One mailbox to bring to another server.
pub struct Job {
    /// Names the run in logs and reports.
    pub run_id: String,
    /// Where mail comes from.
    pub source: Arc<dyn Source>,
    /// Where it goes to.
    pub destination: Arc<dyn Destination>,
    /// What is remembered.
    pub ledger: Arc<dyn Ledger>,
    /// Where refused messages are kept.
    pub quarantine: Arc<dyn Quarantine>,
    /// Which two mailboxes these are; also the report's URLs.
    pub identity: PairIdentity,
    /// What the operator wants.
    pub policy: Policy,
    /// Octets that may be held in memory; shared by all jobs of a process.
    pub budget: Arc<Semaphore>,
    /// Takes events.
    pub events: Arc<dyn Events>,
    /// Counts along.
    pub progress: Arc<Progress>,
    /// Cancelled when the run shall finish what is in flight and stop.
    pub stop: CancellationToken,
}

/// What a copy would do to one pair of folders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FolderForecast {
    /// The source folder, decoded.
    pub source: String,
    /// The destination folder, decoded.
    pub destination: String,
    /// `inbox`, `sent` and so on.
    pub role: Option<String>,
    /// True when a level of the name is changed for the destination.
    pub renamed: bool,
    /// Why it is renamed, merged or otherwise not itself; empty for most.
    pub note: String,
    /// True when the destination folder would be created.
    pub create: bool,
    /// Messages at the source.
    pub source_messages: u64,
    /// Messages that would be copied; upper bound where `may_adopt`.
    pub to_copy: u64,
    /// Octets of those, as the source claims.
    pub to_copy_bytes: u64,
    /// Messages with a record from an earlier run.
    pub already: u64,
    /// Messages that filters leave out.
    pub filtered: u64,
    /// Messages larger than the limit.
    pub too_large: u64,
    /// True when the destination folder holds messages without a record, some of which may be adopted.
    pub may_adopt: bool,
}

/// A folder that a copy would not open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOutFolder {
    /// The source folder, decoded.
    pub folder: String,
    /// Why.
    pub reason: String,
}

/// What a copy would do; nothing was written anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// `malote.plan/1`.
    pub schema: String,
    /// Pairs of folders in the order of their work.
    pub folders: Vec<FolderForecast>,
    /// Folders that are left out.
    pub left_out: Vec<LeftOutFolder>,
    /// Clashes that need a decision first, as sentences.
    pub clashes: Vec<String>,
    /// What was coped with.
    pub warnings: Vec<String>,
    /// What failed while asking.
    pub errors: Vec<crate::report::ErrorEntry>,
}

/// Brings the destination up to date with the source: a full copy first, a delta later. Safe to repeat.
pub async fn copy(job: &Job) -> crate::report::Report {
    let _ = job;
    unimplemented!("written next")
}

/// Says what [`copy`] would do and writes nothing anywhere, neither on a server nor in the ledger.
pub async fn plan(job: &Job) -> Forecast {
    let _ = job;
    unimplemented!("written next")
}

/// Recounts both sides from the servers themselves and holds them against the ledger.
pub async fn verify(job: &Job, content: crate::policy::Content) -> crate::report::Report {
    let _ = (job, content);
    unimplemented!("written next")
}
