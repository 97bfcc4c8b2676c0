//! What a server says it is and can do, for `malote probe`.
//! Never changes anything, and never shows a name that is not a special folder's.

use std::time::Instant;

use serde::Serialize;

use super::capability::Capabilities;
use super::command::Command;
use super::connect::connect;
use super::endpoint::{Endpoint, Security};
use super::findings::{Finding, ProbedProfile, findings};
use super::login::{is_renewed, log_in, secret};
use super::response::{Answer, Kind};
use super::session::Session;
use super::tls::{Tls, TlsFacts};
use crate::failure::Result;

/// NOOPs by which the round trip is measured.
const ROUND_TRIPS: usize = 5;

/// Everything that one probe found.
#[derive(Debug, Clone, Serialize)]
pub struct Probe {
    /// `malote.probe/1`
    pub schema: &'static str,
    /// The greeting's words.
    pub greeting: String,
    /// Capabilities before login, after TLS.
    pub capabilities_before_login: Vec<String>,
    /// Capabilities after login.
    pub capabilities: Vec<String>,
    /// ID, as the server gives it.
    pub id: Vec<(String, String)>,
    /// The software's name.
    pub server: String,
    /// TLS, where there is any.
    pub tls: Option<TlsFacts>,
    /// Prefixes of the user's own folders, others' and shared ones.
    pub namespaces: Vec<ProbedNamespace>,
    /// The hierarchy delimiter.
    pub delimiter: Option<char>,
    /// Special-use folders: role and name.
    pub special_use: Vec<(String, String)>,
    /// Number of folders.
    pub folders: usize,
    /// Largest message that an APPEND takes, in octets.
    pub append_octets_max: Option<u64>,
    /// Quotas of the inbox: resource, usage, limit.
    pub quota: Vec<(String, u64, u64)>,
    /// The profile by which the server is treated.
    pub profile: ProbedProfile,
    /// What makes a migration different here, and what is done about each.
    pub findings: Vec<Finding>,
    /// The shortest of a few round trips, in milliseconds.
    pub round_trip_ms: f64,
    /// What the survey coped with.
    pub warnings: Vec<String>,
}

/// One namespace.
#[derive(Debug, Clone, Serialize)]
pub struct ProbedNamespace {
    /// `personal`, `other` or `shared`.
    pub kind: &'static str,
    /// The prefix.
    pub prefix: String,
}

/// Connects, logs in and asks everything that can be asked without opening a folder.
pub async fn probe(endpoint: &Endpoint) -> Result<Probe> {
    let tls = if endpoint.location.security == Security::Clear { None } else { Some(Tls::new(endpoint)?) };
    let mut greeted = connect(endpoint, tls.as_ref()).await?;
    let before: Vec<String> = greeted.capabilities.names().map(str::to_owned).collect();
    let token = secret(endpoint).await?;
    if let Err(failure) = log_in(endpoint, &mut greeted, &token).await {
        if !is_renewed(endpoint, &failure, &token) {
            return Err(failure);
        }
        let renewed = secret(endpoint).await?;
        if *renewed == *token {
            return Err(failure);
        }
        greeted = connect(endpoint, tls.as_ref()).await?;
        log_in(endpoint, &mut greeted, &renewed).await?;
    }
    let mut session = Session::begin(greeted, None).await?;
    session.treat_as_at(endpoint);
    let survey = session.survey().await?;
    let quota = session.quota().await?;
    let round_trip_ms = session.round_trip_ms().await?;
    let special_use = survey
        .folders
        .iter()
        .filter_map(|folder| Some((folder.special_use?.as_str().to_owned(), folder.path.to_string())));
    let probe = Probe {
        schema: "malote.probe/1",
        greeting: session.greeting.clone(),
        capabilities_before_login: before,
        capabilities: session.capabilities.names().map(str::to_owned).collect(),
        id: session.id.clone(),
        server: survey.server.clone(),
        tls: session.tls.clone(),
        namespaces: session.probed_namespaces(),
        delimiter: survey.naming.delimiter,
        special_use: special_use.collect(),
        folders: survey.folders.len(),
        append_octets_max: survey.promises.append_octets_max,
        profile: ProbedProfile::from(&*session.profile),
        findings: findings(&session.profile, &session.capabilities, &quota),
        quota,
        round_trip_ms,
        warnings: survey.warnings.into_iter().chain(session.profile.caution()).collect(),
    };
    session.log_out().await;
    Ok(probe)
}

/// What a server says before anybody has logged in.
#[derive(Debug, Clone)]
pub struct Greeting {
    /// The greeting's words.
    pub words: String,
    /// Capabilities, after TLS where there is any.
    pub capabilities: Capabilities,
    /// TLS, where there is any.
    pub tls: Option<TlsFacts>,
}

/// Connects, protects and reads the greeting; no secret is asked for.
///
/// # Errors
/// Where nobody answers, TLS cannot be had or trusted, or the server turns us away.
pub async fn greeting(endpoint: &Endpoint) -> Result<Greeting> {
    let tls = if endpoint.location.security == Security::Clear { None } else { Some(Tls::new(endpoint)?) };
    let mut greeted = connect(endpoint, tls.as_ref()).await?;
    // Goodbye is a courtesy: whether it is heard no longer matters.
    let _ = greeted.connection.run(Command::new("LOGOUT"), drop).await;
    Ok(Greeting { words: greeted.greeting, capabilities: greeted.capabilities, tls: greeted.tls })
}

impl Session {
    async fn quota(&mut self) -> Result<Vec<(String, u64, u64)>> {
        Ok(self.quotas().await?.unwrap_or_default())
    }

    /// The inbox's quotas, each a resource, its usage and its limit; nothing where the server keeps none or does not
    /// say (RFC 9208 §4.3).
    pub(crate) async fn quotas(&mut self) -> Result<Option<Vec<(String, u64, u64)>>> {
        if !self.capabilities.has("QUOTA") {
            return Ok(None);
        }
        let mut quotas = Vec::new();
        let reply = self.connection.run(Command::new("GETQUOTAROOT \"INBOX\""), |answer| {
            if let Answer::Quota(_, triples) = answer {
                quotas.extend(triples);
            }
        });
        let is_told = reply.await?.kind == Kind::Ok;
        Ok(is_told.then_some(quotas))
    }

    async fn round_trip_ms(&mut self) -> Result<f64> {
        let mut shortest = f64::INFINITY;
        for _ in 0..ROUND_TRIPS {
            let began = Instant::now();
            self.connection.run(Command::new("NOOP"), drop).await?;
            shortest = shortest.min(began.elapsed().as_secs_f64() * 1_000.0);
        }
        Ok(shortest)
    }

    fn probed_namespaces(&self) -> Vec<ProbedNamespace> {
        use malote_plan::folder::NamespaceKind::{Other, Personal, Shared};
        let probed = self.namespaces.all().map(|(kind, entry)| ProbedNamespace {
            kind: match kind {
                Personal => "personal",
                Other => "other",
                Shared => "shared",
            },
            prefix: super::response::harmless(&entry.prefix),
        });
        probed.collect()
    }
}
