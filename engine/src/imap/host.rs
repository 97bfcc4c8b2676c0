//! What all mailboxes of one server share: how many connections it bears in all.
//! Never speaks to a server: pools ask for a place before they connect, and tell what became of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// How long a ceiling that a refusal has shown is believed before one more connection is tried.
const CEILING_HELD: Duration = Duration::from_secs(300);

/// Connections that one process may have open, by default.
pub const PROCESS_CONNECTIONS_MAX: usize = 512;

/// The servers that a process talks to, by host and port.
pub struct Hosts {
    connections_max: usize,
    process: Arc<Semaphore>,
    hosts: Mutex<BTreeMap<(String, u16), Arc<Host>>>,
}

impl Default for Hosts {
    fn default() -> Self {
        Self::new(usize::MAX)
    }
}

impl Hosts {
    /// No server is known yet; each bears at most `connections_max` connections until it shows that it bears fewer.
    #[must_use]
    pub fn new(connections_max: usize) -> Self {
        let process = Arc::new(Semaphore::new(PROCESS_CONNECTIONS_MAX));
        Self { connections_max: connections_max.max(1), process, hosts: Mutex::default() }
    }

    /// The server at this place, the same for all who ask.
    pub fn host(&self, name: &str, port: u16) -> Arc<Host> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let host = hosts.entry((name.to_ascii_lowercase(), port)).or_insert_with(|| {
            let state = State { open: 0, most: 0, waiting: 0, known: usize::MAX, ceiling: None };
            Arc::new(Host {
                connections_max: self.connections_max,
                process: Arc::clone(&self.process),
                state: Mutex::new(state),
                freed: Notify::new(),
            })
        });
        Arc::clone(host)
    }
}

/// One server.
pub struct Host {
    connections_max: usize,
    process: Arc<Semaphore>,
    state: Mutex<State>,
    freed: Notify,
}

struct State {
    open: usize,
    most: usize,
    waiting: usize,
    /// What its kind is known to bear.
    known: usize,
    /// What a refusal has shown.
    ceiling: Option<(usize, Instant)>,
}

/// A connection's place at its server; given back when it is dropped.
pub(crate) struct Place {
    host: Arc<Host>,
    _process: OwnedSemaphorePermit,
}

impl Host {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place, if one is free.
    pub(crate) fn try_take(self: &Arc<Self>) -> Option<Place> {
        let process = Arc::clone(&self.process).try_acquire_owned().ok()?;
        let mut state = self.state();
        if let Some((ceiling, since)) = state.ceiling
            && since.elapsed() >= CEILING_HELD
        {
            state.ceiling = Some((ceiling + 1, Instant::now()));
        }
        let ceiling = state.ceiling.map_or(usize::MAX, |(ceiling, _)| ceiling);
        if state.open >= ceiling.min(self.connections_max).min(state.known) {
            return None;
        }
        state.open += 1;
        state.most = state.most.max(state.open);
        Some(Place { host: Arc::clone(self), _process: process })
    }

    /// Waits for a place, for at most `patience`.
    pub(crate) async fn take(self: &Arc<Self>, patience: Duration) -> Option<Place> {
        if let Some(place) = self.try_take() {
            return Some(place);
        }
        let _waiting = Waiting::begin(self);
        let wait = async {
            loop {
                let freed = self.freed.notified();
                if let Some(place) = self.try_take() {
                    return place;
                }
                // The process's own limit is freed by other servers too, of which nobody tells.
                let _again = tokio::time::timeout(Duration::from_secs(1), freed).await;
            }
        };
        tokio::time::timeout(patience, wait).await.ok()
    }

    /// Takes what servers of its kind are known to bear in all.
    pub(crate) fn is_known_to_bear(&self, connections: usize) {
        self.state().known = connections.max(1);
    }

    /// Takes the number of connections that are open, less the one that was just refused, for all that it bears.
    /// A refusal while no other is open shows nothing: what one user may have is used up elsewhere.
    pub(crate) fn refused(&self) {
        let mut state = self.state();
        if state.open > 1 {
            state.ceiling = Some((state.open - 1, Instant::now()));
        }
    }

    /// True while a mailbox waits for its first connection.
    pub(crate) fn is_crowded(&self) -> bool {
        self.state().waiting > 0
    }

    /// The most connections that were open at once.
    #[must_use]
    pub fn most_open(&self) -> usize {
        self.state().most
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.host.state().open -= 1;
        self.host.freed.notify_one();
    }
}

struct Waiting<'a>(&'a Host);

impl<'a> Waiting<'a> {
    fn begin(host: &'a Host) -> Self {
        host.state().waiting += 1;
        Self(host)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_full_server_is_waited_for_and_a_freed_place_goes_on() {
        let host = Hosts::new(2).host("Mail.Example.org", 993);
        let (first, second) = (host.take(PATIENCE).await, host.take(PATIENCE).await);
        assert!(first.is_some() && second.is_some() && host.try_take().is_none());
        assert!(host.take(PATIENCE).await.is_none(), "patience ends");
        let waits = host.take(PATIENCE);
        let frees = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            assert!(host.is_crowded());
            drop(first);
        };
        let (third, ()) = tokio::join!(waits, frees);
        assert!(third.is_some() && !host.is_crowded());
        assert_eq!(host.most_open(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_lowers_the_ceiling_at_once_and_time_raises_it_by_one() {
        let hosts = Hosts::default();
        let host = hosts.host("mail.example.org", 993);
        let mut places: Vec<Place> = (0..5).filter_map(|_| host.try_take()).collect();
        host.refused();
        drop(places.pop());
        assert!(host.try_take().is_none(), "four is what it bears");
        tokio::time::advance(CEILING_HELD).await;
        places.extend(host.try_take());
        assert!(places.len() == 5 && host.try_take().is_none(), "one more is tried");
        let alone = hosts.host("alone.example.org", 993);
        let refused = alone.try_take();
        alone.refused();
        drop(refused);
        assert!(alone.try_take().zip(alone.try_take()).is_some(), "one user's trouble is not the server's");
        assert!(hosts.host("MAIL.example.org", 993).try_take().is_none(), "the same server");
        assert!(hosts.host("mail.example.org", 143).try_take().is_some(), "another one");
    }
}
