//! The way from the engine to the simulated world: each call takes its time and meets its fate there.
//! Never holds the world locked while time passes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use malote_engine::failure::{Class, Failure, Reach, Result, Retry, Side};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::schedule::{Call, Moment, Party, Refusal, Verb, What};
use super::state::State;

/// The world as the engine's traits reach it; clones share it.
#[derive(Clone)]
pub struct World {
    state: Arc<Mutex<State>>,
    crashed: Arc<Notify>,
    stopping: Arc<Notify>,
}

/// One connection with a folder open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// On which server.
    pub party: Party,
    /// Its number there.
    pub session: u64,
}

/// What a call is to meet.
enum Fate {
    Plain,
    LostAfter,
    CrashBefore,
    CrashAfter,
    Failed(Failure),
}

impl World {
    /// A way to `state`.
    #[must_use]
    pub fn new(state: State) -> Self {
        Self { state: Arc::new(Mutex::new(state)), crashed: Arc::default(), stopping: Arc::default() }
    }

    /// The world itself.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns once our own process is to be dead.
    pub async fn crashed(&self) {
        // A crash may have been told of more than once, in an earlier run too.
        while !self.state().is_dead {
            self.crashed.notified().await;
        }
    }

    /// Returns once the operator wants an end.
    pub async fn stopping(&self) {
        while !self.state().is_stopping {
            self.stopping.notified().await;
        }
    }

    /// Asks a server for something. Safe to drop until it is done.
    ///
    /// # Errors
    /// What the schedule has for this call, or what `effect` fails with.
    pub async fn ask<T>(
        &self,
        (party, verb): Call,
        seat: Option<Seat>,
        effect: impl FnOnce(&mut State) -> Result<T>,
    ) -> Result<T> {
        self.take_time(party).await;
        let struck = self.struck((party, verb)).await;
        let fate = self.meet((party, verb), seat, &struck);
        let is_lost = match fate {
            Fate::CrashAfter => {
                let _done = effect(&mut self.state());
                return self.die().await;
            }
            Fate::CrashBefore => return self.die().await,
            Fate::Failed(failure) => return Err(failure),
            Fate::LostAfter => true,
            Fate::Plain => false,
        };
        let mut state = self.state();
        if let Some(seat) = seat {
            check_seat(&mut state, seat)?;
        }
        let done = effect(&mut state);
        if is_lost {
            if let Some(seat) = seat {
                state.lose(seat.party, seat.session);
            }
            return Err(lost(party, "cut after it was done"));
        }
        done
    }

    /// Calls the ledger.
    ///
    /// # Errors
    /// What the schedule has for this call.
    pub async fn remember<T>(&self, verb: Verb, act: impl Future<Output = Result<T>> + Send) -> Result<T> {
        tokio::task::yield_now().await;
        let struck = self.struck((Party::Ledger, verb)).await;
        for what in struck {
            match what {
                What::Crash(Moment::Before) => return self.die().await,
                What::Crash(Moment::After) => {
                    let _done = act.await;
                    return self.die().await;
                }
                What::Refuse(_) => {
                    let message = "the disk gave an error";
                    return Err(Failure::new(
                        Side::Local,
                        Class::Ledger,
                        Reach::Account,
                        Retry::Never,
                        message,
                    ));
                }
                _ => {}
            }
        }
        act.await
    }

    /// Lets a call take the time that this server takes at this step.
    async fn take_time(&self, party: Party) {
        let ms = {
            let mut state = self.state();
            let most = u64::from(state.server(party).manner.call_ms_max);
            let chance = state.chance(0xde1a);
            if most == 0 || chance.is_multiple_of(3) { 0 } else { chance / 3 % (most + 1) }
        };
        if ms > 0 {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
    }

    /// Counts the call, lets users act, and waits where it is stalled.
    async fn struck(&self, call: Call) -> Vec<What> {
        let struck = {
            let mut state = self.state();
            if state.is_dead {
                return vec![What::Crash(Moment::Before)];
            }
            state.settle(Instant::now());
            let struck = state.strike(call);
            for what in &struck {
                match what {
                    What::Deed(party, deed) => state.act(*party, deed),
                    What::Stop => state.is_stopping = true,
                    _ => {}
                }
            }
            struck
        };
        for what in &struck {
            if *what == What::Stop {
                self.stopping.notify_one();
            }
            if let What::Stall(ms) = what {
                tokio::time::sleep(Duration::from_millis(u64::from(*ms))).await;
            }
        }
        struck
    }

    /// What becomes of a call.
    fn meet(&self, (party, verb): Call, seat: Option<Seat>, struck: &[What]) -> Fate {
        let mut state = self.state();
        state.settle(Instant::now());
        state.refusal = None;
        for what in struck {
            match what {
                What::Crash(Moment::Before) => return Fate::CrashBefore,
                What::Crash(Moment::After) => return Fate::CrashAfter,
                What::Down(ms) => state.go_down(party, *ms),
                What::Cut(Moment::Before) => {
                    if let Some(seat) = seat {
                        state.lose(seat.party, seat.session);
                    }
                    return Fate::Failed(lost(party, "cut before it was done"));
                }
                What::Cut(Moment::After) => return Fate::LostAfter,
                What::Refuse(refusal) if verb == Verb::Answer => state.refusal = Some(*refusal),
                What::Refuse(refusal) => return Fate::Failed(refused((party, verb), *refusal)),
                What::Stall(_) | What::Deed(..) | What::Stop => {}
            }
        }
        let now = Instant::now();
        let server = state.server(party);
        if server.down_until.is_some_and(|until| now < until) {
            return Fate::Failed(lost(party, "no connection is to be had"));
        }
        server.down_until = None;
        Fate::Plain
    }

    /// Never returns: whoever awaits this is dead.
    async fn die<T>(&self) -> T {
        {
            let mut state = self.state();
            state.is_dead = true;
            state.lose_all(Party::Source);
            state.lose_all(Party::Destination);
        }
        self.crashed.notify_one();
        std::future::pending().await
    }
}

/// Fails where a connection is lost, or its folder is no more what it was.
fn check_seat(state: &mut State, seat: Seat) -> Result<()> {
    let server = state.server(seat.party);
    let session = server.sessions.get(&seat.session);
    let validity =
        session.and_then(|session| server.shelves.get(&session.folder)).map(|shelf| shelf.validity);
    if session.is_some_and(|session| Some(session.validity) == validity) {
        return Ok(());
    }
    state.lose(seat.party, seat.session);
    Err(lost(seat.party, "the connection is lost"))
}

/// A party as the engine names it.
pub(super) const fn side(party: Party) -> Side {
    match party {
        Party::Source => Side::Source,
        Party::Destination => Side::Destination,
        Party::Ledger | Party::Start => Side::Local,
    }
}

/// A lost connection.
pub(super) fn lost(party: Party, why: &str) -> Failure {
    Failure::net(side(party), why)
}

/// A refusal as the protocol's border classes it.
pub(super) fn refused((party, verb): Call, refusal: Refusal) -> Failure {
    let (class, reach, retry) = match (refusal, verb) {
        (Refusal::Throttled(ms), _) => (Class::Throttle, Reach::Account, Retry::After(u64::from(ms))),
        (Refusal::Temporary, _) => (Class::ServerTemporary, Reach::Account, Retry::After(5000)),
        (Refusal::Locked, _) => (Class::ServerTemporary, Reach::Folder, Retry::After(3000)),
        (Refusal::No, Verb::Answer | Verb::Store | Verb::Remove) => {
            (Class::ItemRefused, Reach::Message, Retry::Never)
        }
        (Refusal::No, Verb::Open | Verb::Create) => (Class::FolderRefused, Reach::Folder, Retry::Never),
        (Refusal::No, _) => (Class::ServerTemporary, Reach::Account, Retry::After(5000)),
    };
    Failure::new(side(party), class, reach, retry, format!("{refusal:?} by the schedule"))
}
