//! A worker: claims runs, some at once, and does them until it is told to stop.
//! Never holds a run that it cannot prove to hold.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::aftermath::Aftermath;
use super::credentials::Credentials;
use super::execute::execute;
use super::heart::{Rhythm, SharedTime};
use super::predecessors;
use crate::binds;
use crate::cli::args::PaceArgs;
use crate::cli::assemble::Shared;
use crate::store::runs::Claim;
use crate::store::{Result, Store};

/// How often a worker says that it is there.
const SEEN_EVERY: Duration = Duration::from_secs(5);
/// Pause after a call that the database did not answer.
const TROUBLE_PAUSE: Duration = Duration::from_secs(1);
/// How often a claim that another worker won is tried again at once.
const RACES_MAX: u32 = 8;

/// Says that a worker is there. Binds: id, host, pid, program_version, capacity, runs_now, runs_done, is_stopping,
/// now_ms.
const SEEN: &str = "
    INSERT INTO workers (id, host, pid, program_version, capacity, runs_now, runs_done, is_stopping, started_ms,
                         seen_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
    ON CONFLICT (id) DO UPDATE
    SET runs_now = excluded.runs_now, runs_done = excluded.runs_done, is_stopping = excluded.is_stopping,
        seen_ms = excluded.seen_ms";

/// Says that it is gone. Binds: id.
const GONE: &str = "DELETE FROM workers WHERE id = $1";

/// Where the ledgers of mailboxes are.
#[derive(Debug, Clone)]
pub enum Ledgers {
    /// One file for each mailbox, below the data folder.
    Files,
    /// In the PostgreSQL database at this URL, which several machines share.
    Postgres(String),
}

/// How a worker works.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// Where logs, quarantined messages and ledgers in files go.
    pub data: PathBuf,
    /// Where ledgers are.
    pub ledgers: Ledgers,
    /// Runs at once.
    pub capacity: usize,
    /// How long a run stays this worker's after its last sign of life.
    pub lease: Duration,
    /// How often it gives one, and tells how far each run is.
    pub beat: Duration,
    /// How often it looks for work where nobody wakes it.
    pub idle: Duration,
    /// The first pause before a run is tried again; it doubles each time.
    pub retry_pause: Duration,
}

impl WorkerOptions {
    /// A worker as it should be on a server, with this data folder.
    #[must_use]
    pub fn new(data: PathBuf, ledgers: Ledgers) -> Self {
        Self {
            data,
            ledgers,
            capacity: 4,
            lease: Duration::from_secs(60),
            beat: Duration::from_secs(2),
            idle: Duration::from_secs(1),
            retry_pause: Duration::from_secs(2),
        }
    }
}

/// What the parts of a worker share.
pub(super) struct Inner {
    pub store: Store,
    pub credentials: Arc<dyn Credentials>,
    pub aftermath: Arc<dyn Aftermath>,
    pub options: WorkerOptions,
    pub rhythm: Rhythm,
    pub shared: Shared,
    id: String,
    wake: Arc<Notify>,
}

/// A worker at work; it goes on until [`Worker::stop`], also where this is dropped.
pub struct Worker {
    id: String,
    stop: CancellationToken,
    wake: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Worker {
    /// Begins to work.
    #[must_use]
    pub fn start(
        store: Store,
        options: WorkerOptions,
        credentials: Arc<dyn Credentials>,
        aftermath: Arc<dyn Aftermath>,
    ) -> Self {
        let (stop, wake) = (CancellationToken::new(), Arc::new(Notify::new()));
        let mut shared = Shared::new(&PaceArgs::default());
        shared.stop = stop.clone();
        let id = predecessors::id();
        let rhythm = Rhythm { lease: options.lease, beat: options.beat.min(options.lease / 4) };
        let inner = Inner {
            store,
            credentials,
            aftermath,
            options,
            rhythm,
            shared,
            id: id.clone(),
            wake: Arc::clone(&wake),
        };
        let task = tokio::spawn(work_on(Arc::new(inner)));
        Self { id, stop, wake, task }
    }

    /// What it is called in the database.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Has it look for work now; for whoever enters a run in the same process.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// A way to wake it that outlives a borrow.
    #[must_use]
    pub fn waker(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }

    /// Claims nothing more, has runs finish what is in flight, puts them back into the queue, and comes back when
    /// that is done.
    pub async fn stop(self) {
        self.stop.cancel();
        // It ends after `stop`; a panic in it is told by the runtime.
        let _ = self.task.await;
    }
}

async fn work_on(inner: Arc<Inner>) {
    let mut runs: JoinSet<()> = JoinSet::new();
    let (mut done, mut seen) = (0_i64, None::<Instant>);
    let stop = inner.shared.stop.clone();
    tracing::info!(
        worker.id = inner.id,
        "worker {} begins, {} runs at once",
        inner.id,
        inner.options.capacity
    );
    while !stop.is_cancelled() {
        while runs.try_join_next().is_some() {
            done += 1;
        }
        if seen.is_none_or(|seen| seen.elapsed() > SEEN_EVERY) {
            say_seen(&inner, (runs.len(), done), false).await;
            seen = Some(Instant::now());
        }
        let is_full = runs.len() >= inner.options.capacity.max(1);
        let pause = if is_full { SEEN_EVERY } else { next(&inner, &mut runs).await };
        if pause.is_zero() {
            continue;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = inner.wake.notified(), if !is_full => {}
            Some(_) = runs.join_next() => done += 1,
            () = stop.cancelled() => {}
        }
    }
    say_seen(&inner, (runs.len(), done), true).await;
    while runs.join_next().await.is_some() {}
    if let Err(error) = inner.store.run("saying goodbye", GONE, binds![&inner.id]).await {
        tracing::warn!(worker.id = inner.id, "{error}");
    }
    tracing::info!(worker.id = inner.id, "worker {} has ended", inner.id);
}

/// Claims one run and begins it; how long to wait before the next look.
async fn next(inner: &Arc<Inner>, runs: &mut JoinSet<()>) -> Duration {
    match claim(inner).await {
        Ok(Some((claim, time))) => {
            let inner = Arc::clone(inner);
            runs.spawn(async move { execute(&inner, claim, time).await });
            Duration::ZERO
        }
        Ok(None) => inner.options.idle,
        Err(error) => {
            tracing::warn!(worker.id = inner.id, "looking for work: {error}");
            TROUBLE_PAUSE.min(inner.options.lease / 4)
        }
    }
}

async fn claim(inner: &Inner) -> Result<Option<(Claim, SharedTime)>> {
    for _ in 0..RACES_MAX {
        // Taken before the question, so that the lease is never thought longer than it is.
        let asked = Instant::now();
        let now_ms = inner.store.now_ms().await?;
        let lease_ms = i64::try_from(inner.options.lease.as_millis()).unwrap_or(i64::MAX);
        if let Some(claim) = inner.store.claim(&inner.id, now_ms, now_ms + lease_ms).await? {
            return Ok(Some((claim, SharedTime::new(now_ms, asked))));
        }
        if inner.store.claimable(now_ms).await? == 0 {
            break;
        }
    }
    Ok(None)
}

async fn say_seen(inner: &Inner, (now, done): (usize, i64), is_stopping: bool) {
    let Ok(now_ms) = inner.store.now_ms().await else { return };
    let binds = binds![
        &inner.id,
        host(),
        i64::from(std::process::id()),
        env!("CARGO_PKG_VERSION"),
        i64::try_from(inner.options.capacity.max(1)).unwrap_or(i64::MAX),
        i64::try_from(now).unwrap_or(i64::MAX),
        done,
        is_stopping,
        now_ms,
    ];
    if let Err(error) = inner.store.run("saying that a worker is there", SEEN, binds).await {
        tracing::warn!(worker.id = inner.id, "{error}");
    }
}

/// This machine's name.
pub(super) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
