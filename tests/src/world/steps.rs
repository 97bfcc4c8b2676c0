//! Counts what a run does to the outside and ends it, or fails it, at one chosen step.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use malote_engine::failure::{Failure, Result, Side};
use tokio::sync::Notify;

/// When, within its step, a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Nothing of the step was done.
    Before,
    /// All of it was done and nobody was told.
    After,
}

/// What happens at the chosen step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Our own process dies there.
    Crash(Moment),
    /// The connection is lost there; calls on the ledger pass.
    Cut(Moment),
}

/// A counter shared by both servers and the ledger of one run.
#[derive(Debug, Default)]
pub struct Steps {
    count: AtomicU64,
    strike: Option<(u64, Fault)>,
    crashed: Notify,
    is_dead: AtomicBool,
}

impl Steps {
    /// Counts only.
    #[must_use]
    pub fn counting() -> Arc<Self> {
        Arc::default()
    }

    /// Strikes at step `at`, the first being 1.
    #[must_use]
    pub fn striking(at: u64, fault: Fault) -> Arc<Self> {
        Arc::new(Self { strike: Some((at, fault)), ..Self::default() })
    }

    /// Steps so far.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// Returns once the process is to be dead.
    pub async fn crashed(&self) {
        self.crashed.notified().await;
    }

    /// Runs `effect` as one step on a connection.
    ///
    /// # Errors
    /// A lost connection, where this is the step to be cut.
    pub async fn wire<T>(&self, side: Side, effect: impl FnOnce() -> Result<T>) -> Result<T> {
        match self.fault() {
            None => effect(),
            Some(Fault::Crash(moment)) => self.crash(moment, effect).await,
            Some(Fault::Cut(Moment::Before)) => Err(Failure::net(side, "cut before the step")),
            Some(Fault::Cut(Moment::After)) => {
                let _done = effect();
                Err(Failure::net(side, "cut after the step"))
            }
        }
    }

    /// Counts one step that has no server behind it; tells when a crash is to strike.
    pub fn local(&self) -> Option<Moment> {
        match self.fault() {
            Some(Fault::Crash(moment)) => Some(moment),
            _ => None,
        }
    }

    /// Never returns: whoever awaits this is dead.
    pub async fn die<T>(&self) -> T {
        self.is_dead.store(true, Ordering::SeqCst);
        self.crashed.notify_one();
        std::future::pending().await
    }

    async fn crash<T>(&self, moment: Moment, effect: impl FnOnce() -> Result<T>) -> Result<T> {
        if moment == Moment::After {
            let _done = effect();
        }
        self.die().await
    }

    fn fault(&self) -> Option<Fault> {
        if self.is_dead.load(Ordering::SeqCst) {
            return Some(Fault::Crash(Moment::Before));
        }
        let step = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        self.strike.filter(|(at, _)| *at == step).map(|(_, fault)| fault)
    }
}
