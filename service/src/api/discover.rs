//! Where a domain's mail may be: `/migration/discover`.
//! Never a promise: what is found is a proposal that a person confirms.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use futures_util::future::join_all;
use malote_engine::profile::{Facts, recognised};
use malote_engine::token::Http;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Result;
use super::body::Body;
use super::caller::Caller;
use super::error::ApiError;
use super::jobs::domain as checked_domain;
use super::trial::{TestView, trial};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::dialer::{Purpose, Walls};
use crate::discovery::{Outlook, Place, gather, preset};
use crate::store::mailboxes::Endpoint;

/// How long a web server may take for one page.
const PAGE_MAX: Duration = Duration::from_secs(4);

/// Where to look.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Discover {
    /// The domain; or an address, of which nothing but the domain is told to anybody.
    #[serde(default)]
    domain: String,
    /// An address in the place of the domain.
    #[serde(default)]
    address: String,
}

/// A place where the mail of a domain may be.
#[derive(Serialize, ToSchema)]
pub struct Proposal {
    /// The host.
    host: String,
    /// The port.
    port: u16,
    /// `implicit` or `starttls`.
    tls: &'static str,
    /// The profile that is known to fit, or that its greeting fits; empty: none in particular.
    profile: String,
    /// How it was found first: `preset`, `autoconfig`, `srv`, `mx` or `probe`.
    by: &'static str,
    /// What says so, in sentences.
    evidence: Vec<String>,
    /// What a login is called there: `address`, `local_part`, or empty where nobody says.
    user: &'static str,
    /// What the server showed; nothing for places that are known by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    test: Option<TestView>,
}

/// What was found.
#[derive(Serialize, ToSchema)]
pub struct Discovered {
    /// Proposals, the best first.
    items: Vec<Proposal>,
    /// Always nothing: all of them are told at once.
    next_cursor: Option<String>,
    /// How many.
    total: i64,
    /// What could not be learnt, and why.
    notes: Vec<String>,
}

impl Discovered {
    fn of(items: Vec<Proposal>, notes: Vec<String>) -> Self {
        let total = i64::try_from(items.len()).unwrap_or(i64::MAX);
        Self { items, next_cursor: None, total, notes }
    }
}

/// The domain of what was asked.
fn domain(asked: &Discover) -> Result<String> {
    match (asked.domain.is_empty(), asked.address.is_empty()) {
        (false, true) => checked_domain(&asked.domain),
        (true, false) => {
            let (_, domain) = asked
                .address
                .rsplit_once('@')
                .filter(|(local, _)| !local.is_empty())
                .ok_or_else(|| ApiError::field("address", "write it as ana@example.com"))?;
            checked_domain(domain).map_err(|_| ApiError::field("address", "write it as ana@example.com"))
        }
        _ => Err(ApiError::field("domain", "a domain or an address, and not both")),
    }
}

/// `POST /migration/discover`: presets; what the domain publishes for mail programs; SRV and MX records; then the
/// names that mail hosts usually have, on 993 and 143. Every connection stays within the walls, each place names its
/// evidence, and what is found is a proposal.
#[utoipa::path(post, path = "/migration/discover", tag = "jobs", request_body = Discover,
    responses((status = 200, body = Discovered), (status = 422), (status = 429)))]
pub async fn discover(
    State(app): State<App>,
    caller: Caller,
    Body(asked): Body<Discover>,
) -> Result<Json<Discovered>> {
    caller.may(Permission::ManageMigration)?;
    let domain = domain(&asked)?;
    if let Some(known) = preset(&domain) {
        return Ok(Json(Discovered::of(vec![proposal(known, None)], Vec::new())));
    }
    let walls = Walls { purpose: Purpose::Https, ..app.walls(app.config.allow_private.clone()) };
    let web = Http::new(app.config.outside.roots.clone(), PAGE_MAX).behind(Arc::new(walls));
    let https_port = app.config.outside.https_port;
    let gathered = gather(&Outlook { records: &app.records, web: &web, https_port }, &domain).await;
    let looks = gathered.places.into_iter().map(|place| look(&app, place));
    let mut items: Vec<Proposal> = join_all(looks).await.into_iter().flatten().collect();
    // What answers goes before what is only said to be there; among equals the order of trust stays.
    items.sort_by_key(|one| one.test.as_ref().is_some_and(|test| test.status != "ok"));
    Ok(Json(Discovered::of(items, gathered.notes)))
}

fn proposal(place: Place, test: Option<TestView>) -> Proposal {
    Proposal {
        host: place.host,
        port: place.port,
        tls: place.tls,
        profile: place.profile.to_owned(),
        by: place.by,
        evidence: place.evidence,
        user: place.user,
        test,
    }
}

async fn look(app: &App, place: Place) -> Option<Proposal> {
    let server = Endpoint {
        id: String::new(),
        name: String::new(),
        kind: "imap".to_owned(),
        profile: String::new(),
        host: place.host.clone(),
        port: place.port,
        tls: place.tls.to_owned(),
        auth: String::new(),
        authzid_template: String::new(),
        pin: String::new(),
        ca_pem: String::new(),
        connections_max: 0,
        is_enabled: true,
        allow_cleartext: false,
        allow_private: false,
        allowed_networks_json: "[]".to_owned(),
    };
    let test = trial(app, &server).await;
    if test.status != "ok" && !place.is_published {
        return None;
    }
    let mut found = proposal(place, None);
    if test.status == "ok" && found.profile.is_empty() {
        let capabilities: Vec<&str> = test.capabilities.iter().map(String::as_str).collect();
        let facts =
            Facts { host: &found.host, greeting: "", id: &[], capabilities: &capabilities, prefix: "" };
        found.profile = recognised(&facts, &[]).name.clone();
    }
    found.test = Some(test);
    Some(found)
}
