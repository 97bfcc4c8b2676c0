//! The sessions of one side: opened when needed, reused, and never more than the server bears.
//! Never tries credentials again that were refused once.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use malote_plan::failure::{Class, Reach, Retry};
use malote_plan::folder::{Naming, WireName};
use sha2::{Digest, Sha256};
use tokio::sync::{Notify, OnceCell};

use super::compress::Learnt;
use super::endpoint::{Endpoint, Security};
use super::host::Place;
use super::login::{is_renewed, secret};
use super::session::{Introduced, Session};
use super::tls::Tls;
use super::treatment::per_day;
use crate::allowance::Daily;
use crate::exchange::Survey;
use crate::failure::{Failure, Result};
use crate::observed::Way;
use crate::profile::Profile;

/// How long a server's own ceiling is believed before one more connection is tried.
const CEILING_HELD: Duration = Duration::from_secs(300);

/// How long to wait before a connection is asked for again when all are taken.
const CONNECTIONS_WAIT_MS: u64 = 1_000;

/// How long a mailbox waits for its first connection before it gives back what it holds elsewhere and asks again.
const PLACE_PATIENCE: Duration = Duration::from_secs(20);

/// Tokens that one login tries before it is given up.
const TOKENS_MAX: usize = 3;

/// The sessions of one endpoint. Clones share them.
#[derive(Clone)]
pub(crate) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    endpoint: Endpoint,
    connections_max: usize,
    tls: OnceCell<Option<Tls>>,
    state: Mutex<State>,
    /// Told when a session that was being opened ahead is there, or will not be.
    warmed: Notify,
}

#[derive(Default)]
struct State {
    idle: Vec<Session>,
    open: usize,
    /// Sessions that are being opened ahead of their use.
    warming: usize,
    introduced: Option<Introduced>,
    line: Learnt,
    /// By which the server is treated.
    profile: Option<Arc<Profile>>,
    /// What servers of this kind are known to bear for one mailbox.
    known: Option<usize>,
    ceiling: Option<(usize, Instant)>,
    refused: Option<RefusedLogin>,
    naming: Option<Naming>,
    is_multiappend_refused: bool,
    has_late_metadata: bool,
}

/// A login that was refused: with which secret, and how.
struct RefusedLogin {
    secret_sha256: [u8; 32],
    class: Class,
    message: String,
}

impl Pool {
    /// An empty pool of at most `connections_max` sessions, at least one.
    pub fn new(endpoint: Endpoint, connections_max: usize) -> Self {
        let connections_max = connections_max.max(1);
        let (tls, state, warmed) = (OnceCell::new(), Mutex::default(), Notify::new());
        let shared = Shared { endpoint, connections_max, tls, state, warmed };
        Self { shared: Arc::new(shared) }
    }

    pub fn endpoint(&self) -> &Endpoint {
        &self.shared.endpoint
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session, one with `folder` open where there is a choice. True beside it when it was used before, so that
    /// the server may have closed it meanwhile.
    pub async fn take(&self, folder: Option<&WireName>) -> Result<(Lease, bool)> {
        loop {
            let warmed = self.shared.warmed.notified();
            tokio::pin!(warmed);
            warmed.as_mut().enable();
            if let Some(session) = self.idle(folder) {
                match self.lease(session).compressed().await {
                    // The server may have closed an idle session: another one is as good.
                    lost if is_stale(&lost) => continue,
                    lease => return Ok((lease?, true)),
                }
            }
            if self.state().warming == 0 {
                return Ok((self.lease(self.open().await?).compressed().await?, false));
            }
            warmed.await;
        }
    }

    async fn open(&self) -> Result<Session> {
        let reserved = self.reserve().await?;
        let session = self.connect(reserved.others).await;
        if let Err(failure) = &session
            && failure.class == Class::LimitConnections
        {
            match reserved.others {
                // The first connection of a mailbox is refused for what others have open.
                0 => self.endpoint().host.refused(),
                others => self.state().ceiling = Some((others, Instant::now())),
            }
        }
        let mut session = session?;
        let settings = &session.profile.settings;
        if let Some(connections) = settings.connections_per_host {
            self.endpoint().host.is_known_to_bear(connections as usize);
        }
        {
            let mut state = self.state();
            state.profile = Some(Arc::clone(&session.profile));
            state.known = settings.connections_per_mailbox.map(|connections| connections as usize);
            state.introduced.get_or_insert_with(|| session.introduced());
        }
        session.place = reserved.keep();
        Ok(session)
    }

    /// Opens sessions ahead of their use, up to `connections` in all. One that cannot be had is no failure: whoever
    /// needs it asks again and is told why.
    pub async fn warm(&self, connections: usize) {
        let missing = {
            let mut state = self.state();
            let missing = connections.min(self.shared.connections_max).saturating_sub(state.open);
            state.warming += missing;
            missing
        };
        let opened = (0..missing).map(|_| Warming(self)).map(|warming| async move {
            if let Ok(session) = self.open().await {
                self.state().idle.push(session);
            }
            drop(warming);
        });
        futures_util::future::join_all(opened).await;
    }

    /// The server's daily allowance in one direction, once its kind is known.
    pub fn daily(&self, way: Way) -> Option<Daily> {
        let endpoint = self.endpoint();
        let profile = self.state().profile.clone().or_else(|| endpoint.profile.clone())?;
        let octets_per_day = per_day(&profile, way)?;
        let now = endpoint.clock.now_unix_ms() / 1000;
        Some(Daily { octets_per_day, octets_left: endpoint.notes.left(way, octets_per_day, now) })
    }

    /// How long an answer takes that costs the server nothing, once that was measured.
    pub fn round_trip(&self) -> Option<Duration> {
        self.state().introduced.as_ref().map(|introduced| introduced.round_trip)
    }

    fn idle(&self, folder: Option<&WireName>) -> Option<Session> {
        let mut state = self.state();
        let is_open =
            |session: &Session| folder.is_some() && session.selected().map(|open| &open.wire) == folder;
        let at = state.idle.iter().position(is_open).or_else(|| state.idle.len().checked_sub(1))?;
        Some(state.idle.swap_remove(at))
    }

    fn lease(&self, session: Session) -> Lease {
        let (octets_before, taken) = (session.octets_moved(), Instant::now());
        Lease { session: Some(session), pool: self.clone(), octets_before, taken }
    }

    /// Whether sessions are to be compressed, by the operator's word or by what the line has shown.
    fn compresses(&self) -> bool {
        let state = self.state();
        let round_trip = state.introduced.as_ref().map(|introduced| introduced.round_trip);
        self.endpoint().location.compress.unwrap_or_else(|| state.line.pays(round_trip))
    }

    /// Counts one more session before it is opened, so that two at once do not pass the limit together. The first
    /// one of a mailbox waits for a place at its server; further ones are done without where none is free.
    async fn reserve(&self) -> Result<Reserved> {
        let (others, most) = {
            let mut state = self.state();
            let held = state.ceiling.filter(|(_, since)| since.elapsed() < CEILING_HELD);
            let seen = self.endpoint().notes.connections_max().map(|connections| connections as usize);
            let limits = [held.map(|(ceiling, _)| ceiling), seen, state.known];
            let most = limits.into_iter().flatten().fold(self.shared.connections_max, usize::min).max(1);
            let others = state.open;
            if others < most {
                state.open += 1;
            }
            (others, most)
        };
        if others >= most {
            return Err(self.full(format!("all {most} connections that it bears are in use")));
        }
        let mut reserved = Reserved { pool: self.clone(), others, place: None, is_kept: false };
        let host = &self.endpoint().host;
        reserved.place = if others == 0 { host.take(PLACE_PATIENCE).await } else { host.try_take() };
        if reserved.place.is_some() {
            return Ok(reserved);
        }
        Err(self.full("other mailboxes hold all connections that it bears".to_owned()))
    }

    fn full(&self, why: String) -> Failure {
        let (side, host) = (self.endpoint().side, &self.endpoint().location.host);
        let message = format!("connecting to {host}: {why}");
        let retry = Retry::After(CONNECTIONS_WAIT_MS);
        Failure::new(side, Class::LimitConnections, Reach::Connection, retry, message)
    }

    async fn connect(&self, others: usize) -> Result<Session> {
        let endpoint = self.endpoint();
        let tls = self.shared.tls.get_or_try_init(|| async {
            if endpoint.location.security == Security::Clear {
                Ok(None)
            } else {
                Tls::new(endpoint).map(Some)
            }
        });
        let tls = tls.await?;
        let mut token = secret(endpoint).await?;
        let mut opened = self.log_in(others, tls.as_ref(), &token).await;
        // A token may end at any moment, whatever was said of its life: a login tries a few, and none of them twice.
        for _ in 1..TOKENS_MAX {
            let Err(failure) = &opened else { break };
            if !is_renewed(endpoint, failure, &token) {
                break;
            }
            let next = secret(endpoint).await?;
            if *next == *token {
                break;
            }
            token = next;
            opened = self.log_in(others, tls.as_ref(), &token).await;
        }
        let mut session = opened?;
        session.has_late_metadata = self.state().has_late_metadata;
        Ok(session)
    }

    async fn log_in(&self, others: usize, tls: Option<&Tls>, secret: &str) -> Result<Session> {
        let secret_sha256: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        self.not_refused_before(secret_sha256)?;
        let introduced = self.state().introduced.clone();
        let opened = Session::open(self.endpoint(), tls, secret, introduced).await;
        opened.map_err(|failure| self.judged(failure, others, secret_sha256))
    }

    fn not_refused_before(&self, secret_sha256: [u8; 32]) -> Result<()> {
        let state = self.state();
        match &state.refused {
            Some(refused) if refused.secret_sha256 == secret_sha256 => {
                let side = self.endpoint().side;
                Err(Failure::new(side, refused.class, Reach::Account, Retry::Never, refused.message.clone()))
            }
            _ => Ok(()),
        }
    }

    /// What a failed opening means here: where other sessions stand, a server that hangs up is full, not gone.
    fn judged(&self, mut failure: Failure, others: usize, secret_sha256: [u8; 32]) -> Failure {
        let is_refusal =
            matches!(failure.class, Class::Net | Class::ServerTemporary | Class::LimitConnections);
        if others > 0 && is_refusal {
            failure.class = Class::LimitConnections;
            failure.reach = Reach::Connection;
        }
        let is_final = failure.class.refuses_login();
        if is_final {
            let message = failure.message.clone();
            self.state().refused = Some(RefusedLogin { secret_sha256, class: failure.class, message });
        }
        failure
    }

    /// Surveys the mailbox on any session, and remembers how it writes names.
    pub async fn survey(&self) -> Result<Survey> {
        let (mut lease, was_used) = self.take(None).await?;
        let mut survey = lease.survey().await;
        if was_used && is_stale(&survey) {
            drop(lease);
            (lease, _) = self.take(None).await?;
            survey = lease.survey().await;
        }
        let mut survey = survey?;
        let mut state = self.state();
        state.naming = Some(survey.naming.clone());
        survey.promises.multiappend &= !state.is_multiappend_refused;
        Ok(survey)
    }

    /// How the server writes names; asked where nobody has surveyed yet.
    pub async fn naming(&self) -> Result<Naming> {
        let known = self.state().naming.clone();
        match known {
            Some(naming) => Ok(naming),
            None => Ok(self.survey().await?.naming),
        }
    }

    /// Remembers that the server does not take several messages in one APPEND after all.
    pub fn drop_multiappend(&self) {
        self.state().is_multiappend_refused = true;
    }

    pub fn is_multiappend_refused(&self) -> bool {
        self.state().is_multiappend_refused
    }

    /// Says goodbye on every idle session.
    pub async fn close(&self) {
        let idle = {
            let mut state = self.state();
            state.open -= state.idle.len();
            std::mem::take(&mut state.idle)
        };
        futures_util::future::join_all(idle.into_iter().map(Session::log_out)).await;
    }
}

/// True for the failure of a session that the server closed while it was idle.
pub(crate) fn is_stale<T>(result: &Result<T>) -> bool {
    matches!(result, Err(failure) if failure.class == Class::Net && failure.reach == Reach::Connection)
}

/// A place in the pool for a session that is being opened; given up unless it is kept.
struct Reserved {
    pool: Pool,
    others: usize,
    place: Option<Place>,
    is_kept: bool,
}

impl Reserved {
    /// Keeps the place in the pool; the one at the server goes with the session.
    fn keep(mut self) -> Option<Place> {
        self.is_kept = true;
        self.place.take()
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if !self.is_kept {
            self.pool.state().open -= 1;
        }
    }
}

/// One session that is being opened ahead; whoever waits is told when this ends, however it does.
struct Warming<'a>(&'a Pool);

impl Drop for Warming<'_> {
    fn drop(&mut self) {
        self.0.state().warming -= 1;
        self.0.shared.warmed.notify_waiters();
    }
}

/// A session on loan; goes back to the pool when it is still of use.
pub(crate) struct Lease {
    session: Option<Session>,
    pool: Pool,
    octets_before: u64,
    taken: Instant,
}

impl Lease {
    /// The same, compressed where that pays.
    async fn compressed(mut self) -> Result<Self> {
        if self.pool.compresses() {
            self.compress().await?;
        }
        Ok(self)
    }
}

impl Deref for Lease {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.session.as_ref().expect("a lease holds its session until it is dropped")
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Session {
        self.session.as_mut().expect("a lease holds its session until it is dropped")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else { return };
        let mut state = self.pool.state();
        state.has_late_metadata |= session.has_late_metadata;
        let octets = session.octets_moved() - self.octets_before;
        state.line.take_in(session.is_compressed, octets, self.taken.elapsed());
        // Another mailbox waits for its first connection: this one can do with fewer.
        let gives_way = state.open > 1 && self.pool.endpoint().host.is_crowded();
        if session.is_usable() && !gives_way {
            state.idle.push(session);
        } else {
            state.open -= 1;
        }
    }
}
