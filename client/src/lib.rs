//! Asks a Malote service whether a domain's DNS may be changed.
//! Never says yes unless the service did, for this very domain, in words that agree with each other, and just now.
//!
//! ```no_run
//! use malote_client::{Gate, GateClient};
//!
//! let token = std::fs::read_to_string("token")?.trim().to_owned();
//! let client = GateClient::new("https://malote.example.net", token.into())?;
//! match client.ask("exemplo.com.br") {
//!     Gate::Open(open) => println!("open until {}, approved by {}", open.expires_at, open.approved_by),
//!     Gate::Shut(shut) => println!("do not change DNS: {shut}"),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::time::Duration;

use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use thiserror::Error;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, http::Uri};

/// How long the whole question may take. A gate that answers later is shut.
const ANSWER_MAX: Duration = Duration::from_secs(15);
/// The longest answer that is read, in octets.
const ANSWER_OCTETS_MAX: u64 = 1024 * 1024;
/// How far ahead of ours the service's clock may be, in seconds, before its times are not believed.
const CLOCK_AHEAD_SECONDS_MAX: i64 = 120;

/// What a gate came to.
#[derive(Debug)]
pub enum Gate {
    /// DNS may be changed now.
    Open(Open),
    /// It may not, or nobody could tell.
    Shut(Shut),
}

impl Gate {
    /// True for [`Gate::Open`] alone.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Open(_))
    }
}

/// An open gate.
#[derive(Debug, Clone, PartialEq)]
pub struct Open {
    /// The migration job.
    pub job_id: i64,
    /// Who approved: `u_…`.
    pub approved_by: String,
    /// After that it has to be asked again.
    pub expires_at: Timestamp,
    /// What was approved, as `sha256:…`.
    pub snapshot_hash: String,
}

/// Why a gate counts as shut.
#[derive(Debug, Error)]
pub enum Shut {
    /// The service says so: `blocked` or `warning`, with the checks that do not pass.
    #[error("the gate is {gate}: {}", checks.join("; "))]
    Closed {
        /// `blocked` or `warning`.
        gate: String,
        /// `count_ratio fail: 98 of 100 messages`.
        checks: Vec<String>,
    },
    /// The service refused the question.
    #[error("the service answered with HTTP {status}: {detail}")]
    Refused {
        /// 401, 403, 404, 503 and so on.
        status: u16,
        /// The service's own sentence.
        detail: String,
    },
    /// There was no answer.
    #[error("asking {url}: {cause}")]
    NoAnswer {
        /// What was asked.
        url: String,
        /// Why.
        cause: String,
    },
    /// The answer contradicts itself, is too old, or is about something else.
    #[error("the answer is not to be relied upon: {0}")]
    Unreliable(&'static str),
}

/// A place that cannot be asked.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BadPlace {
    /// It is no URL.
    #[error("{0} is no URL of a service: write it as https://malote.example.net")]
    NoUrl(String),
    /// The token would travel in clear.
    #[error("{0} would send the token in clear: use https://")]
    InClear(String),
}

/// Asks one service.
pub struct GateClient {
    agent: Agent,
    base: String,
    token: SecretString,
}

impl GateClient {
    /// A client for the service at `url`, with a token of the scope `gate:read`. `http://` is for this machine alone.
    ///
    /// # Errors
    /// Where the URL is none, or the token would travel in clear.
    pub fn new(url: &str, token: SecretString) -> Result<Self, BadPlace> {
        let base = url.trim_end_matches('/');
        let uri: Uri = base.parse().map_err(|_| BadPlace::NoUrl(url.to_owned()))?;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let is_here =
            host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        match uri.scheme_str() {
            Some("https") if !host.is_empty() => {}
            Some("http") if is_here => {}
            Some("http") => return Err(BadPlace::InClear(url.to_owned())),
            _ => return Err(BadPlace::NoUrl(url.to_owned())),
        }
        let roots = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let config = Agent::config_builder()
            .tls_config(roots)
            .timeout_global(Some(ANSWER_MAX))
            .max_redirects(0)
            .http_status_as_error(false)
            .user_agent(concat!("malote-client/", env!("CARGO_PKG_VERSION")));
        Ok(Self { agent: config.build().into(), base: base.to_owned(), token })
    }

    /// Whether the DNS of `domain` may be changed now. Blocks for up to 15 seconds.
    #[must_use]
    pub fn ask(&self, domain: &str) -> Gate {
        let answered = self.answer(domain).and_then(|answer| judge(answer, domain, Timestamp::now()));
        answered.map_or_else(Gate::Shut, Gate::Open)
    }

    fn answer(&self, domain: &str) -> Result<Answer, Shut> {
        let name = utf8_percent_encode(domain, NON_ALPHANUMERIC);
        let url = format!("{}/migration/gate?domain={name}", self.base);
        let lost = |cause: String| Shut::NoAnswer { url: url.clone(), cause };
        let proof = format!("Bearer {}", self.token.expose_secret());
        let asked = self.agent.get(&url).header("authorization", &proof).header("accept", "application/json");
        let mut response = asked.call().map_err(|error| lost(error.to_string()))?;
        let status = response.status().as_u16();
        let text = response.body_mut().with_config().limit(ANSWER_OCTETS_MAX).read_to_string();
        let text = text.map_err(|error| lost(error.to_string()))?;
        if status != 200 {
            let detail = serde_json::from_str::<Problem>(&text).unwrap_or_default().detail;
            return Err(Shut::Refused { status, detail });
        }
        serde_json::from_str(&text).map_err(|_| Shut::Unreliable("it is not an answer about a gate"))
    }
}

/// The part of an answer that is read (`GET /migration/gate`).
#[derive(Deserialize)]
struct Answer {
    domain: String,
    job_id: i64,
    migration_gate: String,
    dns_allowed: bool,
    #[serde(deserialize_with = "moment")]
    evaluated_at: Timestamp,
    #[serde(deserialize_with = "moment")]
    expires_at: Timestamp,
    approved_by: Option<String>,
    snapshot_hash: String,
    checks: Vec<Check>,
}

/// A moment as RFC 3339 writes it.
fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}

#[derive(Deserialize)]
struct Check {
    check_id: String,
    status: String,
    message: String,
    #[serde(default)]
    critical: bool,
}

#[derive(Deserialize, Default)]
struct Problem {
    #[serde(default)]
    detail: String,
}

/// Holds an answer against itself, against the question and against the clock.
fn judge(answer: Answer, domain: &str, now: Timestamp) -> Result<Open, Shut> {
    let asked = domain.trim().trim_end_matches('.');
    if !answer.domain.eq_ignore_ascii_case(asked) {
        return Err(Shut::Unreliable("it is about another domain"));
    }
    if answer.dns_allowed != (answer.migration_gate == "ready_for_dns") {
        return Err(Shut::Unreliable("its two verdicts are not the same"));
    }
    if !answer.dns_allowed {
        let open = answer.checks.iter().filter(|check| check.status != "pass");
        let checks = open.map(|check| format!("{} {}: {}", check.check_id, check.status, check.message));
        return Err(Shut::Closed { gate: answer.migration_gate, checks: checks.collect() });
    }
    if answer.checks.iter().any(|check| check.critical && check.status != "pass" && check.status != "warn") {
        return Err(Shut::Unreliable("the gate is open though a check failed"));
    }
    if answer.expires_at <= now {
        return Err(Shut::Unreliable("it has expired: compare the clocks of both machines"));
    }
    if answer.evaluated_at.as_second() > now.as_second() + CLOCK_AHEAD_SECONDS_MAX {
        return Err(Shut::Unreliable("it comes from the future: compare the clocks of both machines"));
    }
    match answer.approved_by {
        Some(approved_by) if !approved_by.is_empty() && !answer.snapshot_hash.is_empty() => Ok(Open {
            job_id: answer.job_id,
            approved_by,
            expires_at: answer.expires_at,
            snapshot_hash: answer.snapshot_hash,
        }),
        _ => Err(Shut::Unreliable("nobody approved it")),
    }
}

#[cfg(test)]
mod tests;
