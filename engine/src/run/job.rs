//! What a run takes and what a forecast tells.
//! Never does anything: the rooms do.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, SystemClock};
use crate::destination::Destination;
use crate::event::{Event, Events};
use crate::ledger::{Ledger, PairIdentity};
use crate::pace::Pace;
use crate::policy::Policy;
use crate::progress::Progress;
use crate::quarantine::Quarantine;
use crate::report::ErrorEntry;
use crate::source::{ReadLimits, Source};
use crate::store_sums::StoreSums;

/// Octets of messages that all runs of a process together may hold in memory, by default.
pub const BUDGET_OCTETS: usize = 16 * 1024 * 1024;

/// Longest message that is held in memory; longer ones pass from wire to wire.
pub const BODY_OCTETS_IN_MEMORY_MAX: u64 = 1024 * 1024;

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
    /// Ceilings on octets and messages per second; shared by all jobs of a process.
    pub pace: Arc<Pace>,
    /// Takes events.
    pub events: Arc<dyn Events>,
    /// Counts along.
    pub progress: Arc<Progress>,
    /// Tells the time for the report.
    pub clock: Arc<dyn Clock>,
    /// Cancelled when the run shall finish what is in flight and stop.
    pub stop: CancellationToken,
}

impl Job {
    /// A job with the defaults of a process that runs only this one: no ceilings, nobody listening.
    #[must_use]
    pub fn new(
        source: Arc<dyn Source>,
        destination: Arc<dyn Destination>,
        ledger: Arc<dyn Ledger>,
        quarantine: Arc<dyn Quarantine>,
        identity: PairIdentity,
    ) -> Self {
        Self {
            run_id: "run".to_owned(),
            source,
            destination,
            ledger,
            quarantine,
            identity,
            policy: Policy::default(),
            budget: Arc::new(Semaphore::new(BUDGET_OCTETS)),
            pace: Arc::new(Pace::unlimited()),
            events: Arc::new(|_: Event| {}),
            progress: Arc::default(),
            clock: Arc::new(SystemClock),
            stop: CancellationToken::new(),
        }
    }

    pub(super) fn read_limits(&self) -> ReadLimits {
        ReadLimits { budget: Arc::clone(&self.budget), memory_octets_max: BODY_OCTETS_IN_MEMORY_MAX }
    }
}

/// What a copy would do to one pair of folders.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
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
    /// Messages that would be copied; an upper bound where `may_adopt`.
    pub to_copy: u64,
    /// Octets of those, as the source claims.
    pub to_copy_bytes: u64,
    /// Messages with a record from an earlier run.
    pub already: u64,
    /// Messages that stand in another folder too, where folders are labels: of those that are to be copied, the ones
    /// that are not read again; the others are counted as collapsed.
    pub elsewhere: u64,
    /// Messages that filters leave out.
    pub filtered: u64,
    /// Messages larger than the limit, or quarantined by an earlier run.
    pub quarantined: u64,
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

/// What a server's daily allowance makes of a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AllowanceForecast {
    /// `source` or `destination`.
    pub side: String,
    /// Octets that it lets pass in a day.
    pub bytes_per_day: u64,
    /// Octets that it still lets pass today.
    pub bytes_left: u64,
    /// Days that the copy needs at least, today included.
    pub days: u64,
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
    /// Daily allowances of the servers, where they have one.
    pub allowances: Vec<AllowanceForecast>,
    /// Clashes that need a decision first, as sentences.
    pub clashes: Vec<String>,
    /// What was coped with.
    pub warnings: Vec<String>,
    /// What failed while asking.
    pub errors: Vec<ErrorEntry>,
    /// The arithmetic of the store that mail would come from; of other sources nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreSums>,
}
