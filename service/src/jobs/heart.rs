//! Holds a run's lease while its worker works: tells how far it is, and hears whether to go on.
//! Never lets the work outlive the lease: where the database is not reached in time, the run is given up.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use malote_engine::progress::{Progress, Snapshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::log::RunLog;
use super::outcome::{Before, Stats};
use crate::store::Store;
use crate::store::runs::{Claim, Heard, Told};

/// A longer rate than this is that of another network: old beats weigh less with each new one.
const RATE_WEIGHT: f64 = 0.3;

/// How long leases last and how often they are renewed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rhythm {
    pub lease: Duration,
    pub beat: Duration,
}

/// The database's time, without asking it again: what it said once, and how long ago that was.
#[derive(Debug, Clone, Copy)]
pub(super) struct SharedTime {
    said_ms: i64,
    heard: Instant,
}

impl SharedTime {
    pub fn new(said_ms: i64, heard: Instant) -> Self {
        Self { said_ms, heard }
    }

    pub fn now_ms(&self) -> i64 {
        self.said_ms + i64::try_from(self.heard.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

/// Why a run shall end before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Cancel,
    Pause,
}

/// The lease of one run.
pub(super) struct Heart {
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    store: Store,
    claim: Claim,
    time: SharedTime,
    rhythm: Rhythm,
    progress: Arc<Progress>,
    log: Arc<RunLog>,
    before: Before,
    wish: Mutex<Option<Wish>>,
    /// Told to the engine, which then finishes what is in flight.
    stop: CancellationToken,
    /// Another worker has the run, or may have it by now.
    lost: CancellationToken,
    done: CancellationToken,
}

impl Heart {
    /// Begins to beat; `claimed` is when the claim was asked for.
    pub fn start(
        (store, claim, time): (&Store, &Claim, SharedTime),
        rhythm: Rhythm,
        (progress, log): (Arc<Progress>, Arc<RunLog>),
        stop: CancellationToken,
    ) -> Self {
        let state = Arc::new(State {
            store: store.clone(),
            claim: claim.clone(),
            time,
            rhythm,
            progress,
            log,
            before: Before::of(&claim.stats_json),
            wish: Mutex::new(None),
            stop,
            lost: CancellationToken::new(),
            done: CancellationToken::new(),
        });
        let task = tokio::spawn(beat_on(Arc::clone(&state)));
        Self { state, task }
    }

    /// Comes back once the run is lost.
    pub async fn lost(&self) {
        self.state.lost.cancelled().await;
    }

    pub fn is_lost(&self) -> bool {
        self.state.lost.is_cancelled()
    }

    pub fn wish(&self) -> Option<Wish> {
        *self.state.wish.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn time(&self) -> SharedTime {
        self.state.time
    }

    pub fn before(&self) -> Before {
        self.state.before
    }

    /// Ends it, and writes what waits in the log.
    pub async fn stop(self) {
        self.state.done.cancel();
        // The task ends at `done`; a panic in it is told by the runtime.
        let _ = self.task.await;
        flush(&self.state).await;
    }
}

async fn beat_on(state: Arc<State>) {
    let Rhythm { lease, beat } = state.rhythm;
    let mut held_until = state.time.heard + lease;
    let mut pulse = Pulse::default();
    let mut is_reached = true;
    loop {
        tokio::select! {
            () = tokio::time::sleep(beat) => {}
            () = state.done.cancelled() => return,
        }
        let sent = Instant::now();
        let told = pulse.told(&state, sent);
        let now_ms = state.time.now_ms();
        let until_ms = now_ms + i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
        let call = state.store.beat(state.claim.fence, until_ms, now_ms, &told);
        match timeout(lease / 2, call).await {
            Ok(Ok(Heard::Lost)) => {
                tracing::warn!(run.id = state.claim.fence.run_id, "the run was taken over by another worker");
                return give_up(&state);
            }
            Ok(Ok(heard)) => {
                (held_until, is_reached) = (sent + lease, true);
                hear(&state, heard);
                flush(&state).await;
            }
            Ok(Err(error)) => {
                if is_reached {
                    tracing::warn!(run.id = state.claim.fence.run_id, "holding the lease: {error}");
                }
                is_reached = false;
            }
            Err(_) => is_reached = false,
        }
        // The rest of the lease is for what is in flight, which must end before another worker may begin.
        if Instant::now() + lease / 4 > held_until {
            tracing::warn!(
                run.id = state.claim.fence.run_id,
                "the database was not reached for as long as the lease lasts: the run is given up, and begun \
                 again by whoever reaches it first"
            );
            return give_up(&state);
        }
    }
}

fn hear(state: &State, heard: Heard) {
    let wish = match heard {
        Heard::Cancel => Wish::Cancel,
        Heard::Pause => Wish::Pause,
        Heard::GoOn | Heard::Lost => return,
    };
    *state.wish.lock().unwrap_or_else(PoisonError::into_inner) = Some(wish);
    state.stop.cancel();
}

fn give_up(state: &State) {
    state.stop.cancel();
    state.lost.cancel();
}

async fn flush(state: &State) {
    let (events, steps) = state.log.take();
    let whose = (state.claim.job_id, Some(state.claim.fence.run_id));
    let call = state.store.tell(whose, &events, &steps, state.time.now_ms());
    if !matches!(timeout(state.rhythm.lease / 2, call).await, Ok(Ok(()))) {
        state.log.give_back(events, &steps);
    }
    let waits = state.log.take_waits();
    if waits.is_empty() {
        return;
    }
    let call = state.store.waited(state.claim.fence, &waits);
    if !matches!(timeout(state.rhythm.lease / 2, call).await, Ok(Ok(()))) {
        state.log.give_back_waits(&waits);
    }
}

/// How fast a run is, from one beat to the next.
#[derive(Default)]
struct Pulse {
    last: Option<(Instant, Snapshot)>,
    octets_per_second: f64,
    messages_per_second: f64,
}

impl Pulse {
    fn told(&mut self, state: &State, now: Instant) -> Told {
        let seen = state.progress.snapshot();
        if let Some((then, last)) = self.last {
            let seconds = now.duration_since(then).as_secs_f64().max(0.001);
            let blend = |old: f64, before: u64, after: u64| {
                old + RATE_WEIGHT * (after.saturating_sub(before) as f64 / seconds - old)
            };
            self.octets_per_second = blend(self.octets_per_second, last.bytes_copied, seen.bytes_copied);
            self.messages_per_second =
                blend(self.messages_per_second, last.messages_done, seen.messages_done);
        }
        self.last = Some((now, seen));
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let left = seen.messages_total.saturating_sub(seen.messages_done);
        let is_moving = self.messages_per_second > 0.01;
        let eta_seconds = if is_moving { (left as f64 / self.messages_per_second) as i64 } else { 0 };
        let stats = Stats {
            transferred: state.before.transferred + seen.messages_copied,
            bytes: state.before.bytes + seen.bytes_copied,
            folders: seen.folders_total,
            ..Stats::default()
        };
        Told {
            // A run at work is never told as done.
            progress_percent: super::outcome::percent(
                whole(seen.messages_done),
                whole(seen.messages_total),
                false,
            )
            .min(99.99),
            current_operation: state.log.operation(),
            messages_done: whole(seen.messages_done),
            messages_total: whole(seen.messages_total),
            bytes_done: whole(seen.bytes_copied),
            bytes_total: 0,
            rate_bps: self.octets_per_second as i64,
            eta_seconds,
            stats_json: serde_json::to_string(&stats).unwrap_or_default(),
        }
    }
}
