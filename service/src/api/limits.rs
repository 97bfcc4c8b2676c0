//! How often who may ask: reads, writes, logins and the gate each have their own measure.
//! Never counts together what different callers do.

use std::num::NonZeroU32;
use std::time::Duration;

use axum::http::Method;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::ApiError;

/// Reads of one caller, in a minute.
pub const READS: u32 = 200;
/// Writes of one caller, in a minute.
pub const WRITES: u32 = 50;
/// Questions about gates of one caller, in a minute.
pub const GATES: u32 = 120;
/// Logins from one address, in a minute.
pub const LOGINS: u32 = 10;
/// Logins at mail servers that one caller has tried, in a minute: enough to type by, too few to guess by.
pub const TRIALS: u32 = 30;

/// The measures.
pub struct Limits {
    reads: DefaultKeyedRateLimiter<String>,
    writes: DefaultKeyedRateLimiter<String>,
    gates: DefaultKeyedRateLimiter<String>,
    logins: DefaultKeyedRateLimiter<String>,
    trials: DefaultKeyedRateLimiter<String>,
}

fn per_minute(count: u32) -> DefaultKeyedRateLimiter<String> {
    RateLimiter::keyed(Quota::per_minute(NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN)))
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

impl Limits {
    /// Nobody has asked yet.
    pub fn new() -> Self {
        Self {
            reads: per_minute(READS),
            writes: per_minute(WRITES),
            gates: per_minute(GATES),
            logins: per_minute(LOGINS),
            trials: per_minute(TRIALS),
        }
    }

    /// Counts a caller's request.
    ///
    /// # Errors
    /// 429 where it is one too many.
    pub fn ask(&self, actor: &str, method: &Method, path: &str) -> Result<(), ApiError> {
        // The chunks of an upload are not so many writes.
        if path.contains("/uploads/") {
            return Ok(());
        }
        let measure = match (method.is_safe(), path.ends_with("/migration/gate")) {
            (true, true) => &self.gates,
            (true, false) => &self.reads,
            (false, _) => &self.writes,
        };
        ask(measure, actor)
    }

    /// Counts a login from an address.
    ///
    /// # Errors
    /// 429 where it is one too many.
    pub fn log_in(&self, address: &str) -> Result<(), ApiError> {
        ask(&self.logins, address)
    }

    /// Counts a login that a caller has tried at a mail server.
    ///
    /// # Errors
    /// 429 where it is one too many.
    pub fn try_login(&self, actor: &str) -> Result<(), ApiError> {
        ask(&self.trials, actor)
    }

    /// Forgets who has not asked for a while.
    pub fn sweep(&self) {
        for measure in [&self.reads, &self.writes, &self.gates, &self.logins, &self.trials] {
            measure.retain_recent();
            measure.shrink_to_fit();
        }
    }
}

fn ask(measure: &DefaultKeyedRateLimiter<String>, key: &str) -> Result<(), ApiError> {
    measure.check_key(&key.to_owned()).map_err(|wait| {
        let wait = wait.wait_time_from(DefaultClock::default().now());
        ApiError::rate_limited(wait.max(Duration::from_secs(1)).as_secs())
    })
}
