//! One grant and the token that it gave last: who needs a token asks here, and gets one that holds now.
//! Never asks twice at a time, and never goes on asking for a grant that is gone.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use malote_plan::failure::{Class, Reach, Retry, Side};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{Instant, sleep};

use super::answer::Issued;
use super::grant::{Grant, Means};
use super::http::Http;
use super::trouble::{Trouble, Verdict};
use crate::clock::{Clock, SystemClock};
use crate::failure::{Failure, Result};
use crate::imap::SecretSource;

/// How long a token is taken to hold where nobody says.
const LIFE_UNSAID: Duration = Duration::from_secs(300);

/// A token is renewed so long before its end, or a fifth of its life where that is shorter.
const MARGIN: Duration = Duration::from_secs(300);

/// How long a renewal ahead of time rests after it failed, while the old token still holds.
const REST: Duration = Duration::from_secs(30);

/// How patient a broker is with an identity provider.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How long one request may take.
    pub request_max: Duration,
    /// How often is asked, all in all, while trouble may pass.
    pub attempts_max: u32,
    /// The first pause between two attempts; it doubles.
    pub pause: Duration,
    /// The longest pause that is sat out here; a longer one that the provider asks for is left to the run.
    pub pause_max: Duration,
    /// How long a refused grant is not asked for again.
    pub refusal_held: Duration,
    /// How long a second of a provider's intervals is: tests have shorter ones.
    pub second: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            request_max: Duration::from_secs(20),
            attempts_max: 4,
            pause: Duration::from_millis(500),
            pause_max: Duration::from_secs(60),
            refusal_held: Duration::from_secs(60),
            second: Duration::from_secs(1),
        }
    }
}

/// Gives tokens of one grant. Clones share it, and the token.
#[derive(Clone)]
pub struct Broker {
    side: Side,
    shared: Arc<Shared>,
}

struct Shared {
    grant: Grant,
    means: Means,
    state: Mutex<State>,
    /// Whoever holds it asks; the others wait for what he gets.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// How often the grant was asked, whatever came of it.
    rounds: u64,
    /// What the last round failed with, and when.
    failed: Option<(Trouble, Instant)>,
    /// Until when a token that still holds is not renewed.
    rests_until: Option<Instant>,
}

struct Held {
    token: SecretString,
    renew_at: Instant,
    ends: Instant,
    /// A mail server would not have it, whatever its life was said to be.
    is_refused: bool,
}

impl Broker {
    /// A broker that has not asked yet. `extra_roots` (PEM) are trusted beside the platform's certificates.
    #[must_use]
    pub fn new(side: Side, grant: Grant, extra_roots: Vec<u8>, patience: Patience) -> Self {
        Self::with_clock(side, grant, extra_roots, patience, Arc::new(SystemClock))
    }

    /// The same by another clock, which only assertions carry.
    #[must_use]
    pub fn with_clock(
        side: Side,
        grant: Grant,
        extra_roots: Vec<u8>,
        patience: Patience,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let http = Http::new(extra_roots, patience.request_max);
        Self::over(side, grant, Means { http, clock, patience })
    }

    /// The same, whose requests go by `http`: a caller may have walls around it.
    #[must_use]
    pub fn by(side: Side, grant: Grant, http: Http, patience: Patience) -> Self {
        Self::over(side, grant, Means { http, clock: Arc::new(SystemClock), patience })
    }

    fn over(side: Side, grant: Grant, means: Means) -> Self {
        let (state, turn) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { side, shared: Arc::new(Shared { grant, means, state, turn }) }
    }

    /// The same broker, whose failures are told of another side.
    #[must_use]
    pub fn at(&self, side: Side) -> Self {
        Self { side, shared: Arc::clone(&self.shared) }
    }

    /// A token that holds now.
    ///
    /// # Errors
    /// Of reach `Account`: to be tried again where the provider is in trouble, never where the grant is gone.
    pub async fn token(&self) -> Result<SecretString> {
        let seen = match self.shared.at_hand() {
            Ok(token) => return Ok(token),
            Err(Needed::Refused(trouble)) => return Err(self.failure(&trouble)),
            Err(Needed::Round(seen)) => seen,
        };
        let shared = Arc::clone(&self.shared);
        // A task of its own: whoever asked may go away meanwhile, and a rotated refresh token must not be lost by it.
        let asked = tokio::spawn(async move { shared.round(seen).await }).await;
        let asked = asked.unwrap_or_else(|_| {
            Err(Trouble::lasting(Class::Internal, "an internal error ended the request: please report it"))
        });
        asked.map_err(|trouble| self.failure(&trouble))
    }

    /// What a trouble is to a run.
    fn failure(&self, trouble: &Trouble) -> Failure {
        let tried = format!("getting a token for the {}: {}", self.side.as_str(), trouble.message);
        match trouble.verdict {
            Verdict::Passing(wait) => {
                let wait = wait.unwrap_or(self.shared.means.patience.pause * 10);
                let retry = Retry::After(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
                Failure::new(self.side, Class::ServerTemporary, Reach::Account, retry, tried)
            }
            Verdict::Final(class) => {
                let is_consent = matches!(class, Class::AuthTokenExpired | Class::AuthBadCredentials);
                let advice = if is_consent {
                    let advice = self.shared.grant.advice();
                    format!("; {advice}; then run again, everything done so far is kept")
                } else {
                    String::new()
                };
                Failure::new(self.side, class, Reach::Account, Retry::Never, format!("{tried}{advice}"))
            }
        }
    }
}

#[async_trait]
impl SecretSource for Broker {
    async fn secret(&self) -> Result<SecretString> {
        self.token().await
    }

    fn is_token(&self) -> bool {
        true
    }

    fn is_renewed_after_refusal(&self, refused: &str) -> bool {
        let mut state = self.shared.state();
        if let Some(held) = &mut state.held
            && held.token.expose_secret() == refused
        {
            held.is_refused = true;
        }
        true
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Broker({:?})", self.shared.grant)
    }
}

/// What has to be done where no token is at hand.
enum Needed {
    /// The grant was refused a moment ago.
    Refused(Trouble),
    /// It has to be asked; so many rounds were seen.
    Round(u64),
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token that need not be renewed yet.
    fn at_hand(&self) -> std::result::Result<SecretString, Needed> {
        let (state, now) = (self.state(), Instant::now());
        let rests = state.rests_until.is_some_and(|until| now < until);
        if let Some(held) = &state.held
            && held.holds(now)
            && (now < held.renew_at || rests)
        {
            return Ok(held.token.clone());
        }
        match &state.failed {
            Some((trouble, at)) if now < *at + self.means.patience.refusal_held => {
                Err(Needed::Refused(trouble.clone()))
            }
            _ => Err(Needed::Round(state.rounds)),
        }
    }

    /// Asks, unless somebody did since `seen` was counted: then his token or his failure is this one's too.
    async fn round(&self, seen: u64) -> std::result::Result<SecretString, Trouble> {
        let _turn = self.turn.lock().await;
        if !self.grant.is_kept_elsewhere()
            && let Some(outcome) = self.outcome_since(seen)
        {
            return outcome;
        }
        let outcome = self.asked().await;
        let mut state = self.state();
        state.rounds += 1;
        match outcome {
            Ok(issued) => {
                let (held, token) = (Held::new(&issued, self.grant.is_kept_elsewhere()), issued.token);
                (state.held, state.failed, state.rests_until) = (Some(held), None, None);
                Ok(token)
            }
            Err(trouble) => {
                let now = Instant::now();
                if matches!(trouble.verdict, Verdict::Final(_)) && !self.grant.is_kept_elsewhere() {
                    state.failed = Some((trouble.clone(), now));
                }
                // A renewal ahead of time that failed is no failure yet.
                let old = state.held.as_ref().filter(|held| held.holds(now)).map(|held| held.token.clone());
                state.rests_until = old.as_ref().map(|_| now + REST);
                old.ok_or(trouble)
            }
        }
    }

    fn outcome_since(&self, seen: u64) -> Option<std::result::Result<SecretString, Trouble>> {
        let state = self.state();
        if state.rounds == seen {
            return None;
        }
        let token = state.held.as_ref().filter(|held| !held.is_refused).map(|held| Ok(held.token.clone()));
        token.or_else(|| state.failed.as_ref().map(|(trouble, _)| Err(trouble.clone())))
    }

    /// Asks until there is a token, a final refusal, or patience is at its end.
    async fn asked(&self) -> std::result::Result<Issued, Trouble> {
        let patience = self.means.patience;
        let mut pause = patience.pause;
        let mut attempt = 1;
        loop {
            let trouble = match self.grant.ask(&self.means).await {
                Ok(issued) => return Ok(issued),
                Err(trouble) => trouble,
            };
            let Verdict::Passing(wait) = trouble.verdict else { return Err(trouble) };
            let wait = wait.map_or(pause, |wait| wait.max(pause));
            if attempt >= patience.attempts_max || wait > patience.pause_max {
                return Err(trouble);
            }
            tracing::info!("no token yet, attempt {attempt}: {}", trouble.message);
            sleep(wait).await;
            (attempt, pause) = (attempt + 1, pause * 2);
        }
    }
}

impl Held {
    fn new(issued: &Issued, is_kept_elsewhere: bool) -> Self {
        let now = Instant::now();
        let life = if is_kept_elsewhere { Duration::ZERO } else { issued.life.unwrap_or(LIFE_UNSAID) };
        let ends = now + life;
        let renew_at = ends - MARGIN.min(life / 5);
        Self { token: issued.token.clone(), renew_at, ends, is_refused: false }
    }

    fn holds(&self, now: Instant) -> bool {
        !self.is_refused && now < self.ends
    }
}
