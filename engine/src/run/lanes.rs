//! How many folders are worked on at once: more while that raises the rate, fewer where a server has had enough.
//! Never more than the operator allows, and never none.

use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::progress::{Progress, Snapshot};

/// Lanes to begin with where the servers are near: one reads while the other writes.
const NEAR_LANES: usize = 2;

/// A server that takes so long to answer keeps a lane waiting most of the time.
const FAR_ROUND_TRIP: Duration = Duration::from_millis(5);

/// How often the rate is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Looks that pass before a new lane is judged: it has to log in first.
const LOOKS_TO_JUDGE: u32 = 2;

/// Looks during which a number of lanes that proved too high is kept from growing again.
const LOOKS_HELD: u32 = 120;

/// What a message costs beside its octets, in octets.
const MESSAGE_OCTETS_WORTH: u64 = 4096;

/// The lanes of one run.
pub(super) struct Lanes {
    permits: Semaphore,
    state: Mutex<State>,
}

struct State {
    /// Lanes that may be at work.
    open: usize,
    /// The operator's limit, or less once a server has refused a connection.
    most: usize,
    /// Lanes to be closed when their work ends.
    debt: usize,
    /// Folders that wait for one.
    waiting: usize,
    /// Looks for which nothing grows.
    held: u32,
}

/// Leave to work on one folder with one pair of connections.
pub(super) struct Lane<'a> {
    lanes: &'a Lanes,
    permit: Option<SemaphorePermit<'a>>,
}

impl Lanes {
    /// At most `most` lanes; all of them at once where an answer is long in coming.
    pub fn new(most: usize, round_trip: Option<Duration>) -> Self {
        let most = most.max(1);
        let is_far = round_trip.is_some_and(|round_trip| round_trip >= FAR_ROUND_TRIP);
        let open = if is_far { most } else { most.min(NEAR_LANES) };
        let state = State { open, most, debt: 0, waiting: 0, held: 0 };
        Self { permits: Semaphore::new(open), state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lanes that may be at work.
    pub fn open(&self) -> usize {
        self.state().open
    }

    /// Waits for a lane; whoever came first is served first.
    pub async fn take(&self) -> Lane<'_> {
        Lane { lanes: self, permit: Some(self.permit().await) }
    }

    async fn permit(&self) -> SemaphorePermit<'_> {
        self.state().waiting += 1;
        let permit = self.permits.acquire().await.expect("the semaphore is never closed");
        self.state().waiting -= 1;
        permit
    }

    /// One lane fewer from now on; false where only one is left.
    fn shrink(&self) -> bool {
        let mut state = self.state();
        if state.open <= 1 {
            return false;
        }
        state.open -= 1;
        state.held = LOOKS_HELD;
        true
    }

    fn grow(&self) -> bool {
        let mut state = self.state();
        if state.open >= state.most || state.waiting == 0 || state.held > 0 {
            return false;
        }
        state.open += 1;
        if state.debt > 0 {
            state.debt -= 1;
        } else {
            self.permits.add_permits(1);
        }
        true
    }

    /// Watches the rate for as long as it is polled: one lane more while folders wait, taken back where it brought
    /// nothing.
    pub async fn tend(&self, progress: &Progress) -> Infallible {
        let (mut before, mut rate_before, mut judged_in) = (progress.snapshot(), 0, None);
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = progress.snapshot();
            let rate = moved(&before, &now);
            before = now;
            match judged_in {
                Some(looks) if looks > 1 => judged_in = Some(looks - 1),
                Some(_) => {
                    judged_in = None;
                    if rate < rate_before + rate_before / 32 && self.shrink() {
                        self.state().debt += 1;
                    }
                }
                None => {
                    rate_before = rate;
                    judged_in = self.grow().then_some(LOOKS_TO_JUDGE);
                }
            }
            let mut state = self.state();
            state.held = state.held.saturating_sub(1);
        }
    }
}

/// What was moved between two looks, in octets.
const fn moved(before: &Snapshot, now: &Snapshot) -> u64 {
    let messages = now.messages_copied - before.messages_copied;
    now.bytes_copied - before.bytes_copied + messages * MESSAGE_OCTETS_WORTH
}

impl Lane<'_> {
    /// Closes this lane, for the server bears no more connections, and waits for another to become free. False
    /// where this is the last one.
    pub async fn stand_back(&mut self) -> bool {
        if !self.lanes.shrink() {
            return false;
        }
        {
            let mut state = self.lanes.state();
            state.most = state.most.min(state.open);
        }
        if let Some(permit) = self.permit.take() {
            permit.forget();
        }
        self.permit = Some(self.lanes.permit().await);
        true
    }
}

impl Drop for Lane<'_> {
    fn drop(&mut self) {
        let mut state = self.lanes.state();
        if state.debt > 0
            && let Some(permit) = self.permit.take()
        {
            state.debt -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Six folders wait for a lane and keep it; each look brings what `per_look` says of the lanes at work.
    async fn settled(looks: u32, per_look: impl Fn(u64) -> u64) -> usize {
        let (lanes, progress) = (Lanes::new(6, None), Progress::default());
        let at_work = AtomicU64::new(0);
        let folder = || async {
            let lane = lanes.take().await;
            at_work.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(LOOK_EVERY * looks * 2).await;
            drop(lane);
        };
        let folders = futures_util::future::join_all((0..6).map(|_| folder()));
        let work = async {
            tokio::time::sleep(LOOK_EVERY / 2).await;
            for _ in 0..looks {
                let lanes = at_work.load(Ordering::Relaxed);
                progress.messages_copied(per_look(lanes), 0);
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::select! {
            never = lanes.tend(&progress) => match never {},
            _ = folders => {}
            () = work => {}
        }
        lanes.open()
    }

    #[tokio::test(start_paused = true)]
    async fn lanes_open_while_folders_wait_and_each_brings_more() {
        assert_eq!(settled(30, |lanes| lanes * 10).await, 6);
        assert_eq!(settled(30, |_| 10).await, NEAR_LANES, "a third one brought nothing and is taken back");
        assert_eq!(settled(30, |lanes| lanes.min(4) * 10).await, 4);
    }

    #[tokio::test]
    async fn a_far_server_gets_all_lanes_at_once_and_a_refusal_closes_one_for_good() {
        let lanes = Lanes::new(2, Some(Duration::from_millis(30)));
        let (mut first, second) = (lanes.take().await, lanes.take().await);
        let (stood_back, ()) = tokio::join!(first.stand_back(), async move { drop(second) });
        assert!(stood_back);
        assert_eq!(lanes.open(), 1);
        assert!(!first.stand_back().await, "the last one stays");
        drop(first);
        drop(lanes.take().await);
    }
}
