//! Fires schedules when they are due, and takes jobs on whose worker died before it could; each firing happens once.
//! Never fires for what was missed while nobody looked: a schedule goes on from now.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::aftermath;
use super::schedule::Cron;
use crate::store::schedules::Schedule;
use crate::store::words::RunType;
use crate::store::{Result, Store};

/// How a scheduler works.
#[derive(Debug, Clone)]
pub struct SchedulerOptions {
    /// How often it looks.
    pub every: Duration,
    /// Woken where a firing has entered runs.
    pub wake: Option<Arc<Notify>>,
}

impl Default for SchedulerOptions {
    fn default() -> Self {
        Self { every: Duration::from_secs(5), wake: None }
    }
}

/// A scheduler at work; it goes on until [`Scheduler::stop`], also where this is dropped.
pub struct Scheduler {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Scheduler {
    /// Begins to look.
    #[must_use]
    pub fn start(store: Store, options: SchedulerOptions) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(look_on(store, options, stop.clone()));
        Self { stop, task }
    }

    /// Ends it.
    pub async fn stop(self) {
        self.stop.cancel();
        // It ends after `stop`; a panic in it is told by the runtime.
        let _ = self.task.await;
    }
}

async fn look_on(store: Store, options: SchedulerOptions, stop: CancellationToken) {
    loop {
        match look(&store).await {
            Ok(0) => {}
            Ok(queued) => {
                tracing::info!(queued, "schedules entered {queued} runs");
                if let Some(wake) = &options.wake {
                    wake.notify_one();
                }
            }
            Err(error) => tracing::warn!("looking at schedules: {error}"),
        }
        tokio::select! {
            () = tokio::time::sleep(options.every) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Looks once; how many runs were entered.
async fn look(store: &Store) -> Result<i64> {
    let (now_ms, mut queued) = (store.now_ms().await?, 0);
    aftermath::advance(store, None).await?;
    for schedule in store.schedules().await? {
        let cron = match Cron::parse(&schedule.cron, &schedule.timezone, &schedule.window_json) {
            Ok(cron) => cron,
            Err(error) => {
                tracing::error!(
                    schedule.id = schedule.id,
                    "schedule {} is switched off: {error}",
                    schedule.id
                );
                store.switch_off(&schedule).await?;
                continue;
            }
        };
        queued += one(store, &schedule, &cron, now_ms).await?;
    }
    store.settle_firings(now_ms).await?;
    Ok(queued)
}

async fn one(store: &Store, schedule: &Schedule, cron: &Cron, now_ms: i64) -> Result<i64> {
    let Some(next_ms) = cron.after(now_ms) else { return Ok(0) };
    if schedule.next_due_ms == 0 {
        store.set_due(schedule, next_ms).await?;
        return Ok(0);
    }
    if schedule.next_due_ms > now_ms {
        return Ok(0);
    }
    let skip = if cron.is_open_at(schedule.next_due_ms) { "" } else { "outside of its hours" };
    let fired = store.fire(schedule, next_ms, skip, phases(schedule.run_type)).await?;
    Ok(fired.map_or(0, |fired| fired.queued))
}

/// Types of runs with each phase in which a job's schedule enters them, as `,delta:delta_sync,`: what the database is
/// asked with.
#[must_use]
pub fn entered() -> String {
    let pairs = RunType::ALL.iter().flat_map(|kind| phases(*kind).iter().map(move |phase| (kind, phase)));
    pairs.fold(",".to_owned(), |text, (kind, phase)| format!("{text}{kind}:{phase},"))
}

/// In which phases a job's schedule enters what.
const fn phases(run_type: RunType) -> &'static [&'static str] {
    match run_type {
        RunType::Delta => &["delta_sync", "cutover_ready"],
        RunType::Final => &["final_sync"],
        RunType::Verify => &["delta_sync", "cutover_ready", "final_sync", "verified"],
        RunType::Preflight => &["preflight", "initial_sync", "delta_sync"],
        _ => &[],
    }
}
