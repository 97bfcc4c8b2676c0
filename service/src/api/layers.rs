//! What stands around every request: its id, where it comes from, its place in the log and the audit trail,
//! headers that browsers heed, and the one form of error. Never looks into a body.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use super::caller::Caller;
use super::error::ApiError;
use crate::app::App;
use crate::audit::Entry;
use crate::auth::token;

/// The header of a request's id.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// How much of a user agent is kept, in characters.
const AGENT_CHARACTERS_MAX: usize = 200;
/// Proxies before us that are looked through, at most.
const PROXIES_MAX: usize = 10;

/// Headers of every answer: ours holds no script, is framed by nobody, and is kept by nobody.
const HEADERS: [(&str, &str); 7] = [
    ("cache-control", "no-store"),
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("cross-origin-opener-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
];

/// Where a request comes from, and whom it turned out to come from.
#[derive(Clone, Default)]
pub struct Origin {
    /// The client's address, seen through proxies that are trusted.
    pub address: Option<IpAddr>,
    /// What it says it is.
    pub agent: String,
    /// The request's id.
    pub request_id: String,
    caller: Arc<OnceLock<(&'static str, String)>>,
    touched: Arc<OnceLock<Touched>>,
}

/// Whose thing a request is about: the tenant, and the job where it is one or belongs to one.
pub type Touched = (i64, Option<i64>);

impl Origin {
    /// Notes who it was.
    pub fn set_caller(&self, caller: &Caller) {
        let kind = if caller.session.is_some() { "user" } else { "service" };
        // A request has one caller.
        let _ = self.caller.set((kind, caller.id.clone()));
    }

    /// Where it is noted whose thing the request turns out to be about.
    pub fn touched(&self) -> Arc<OnceLock<Touched>> {
        Arc::clone(&self.touched)
    }

    /// Notes which user it was, where there was no session before.
    pub fn set_user(&self, id: &str) {
        let _ = self.caller.set(("user", id.to_owned()));
    }

    /// The address as text; empty where it is not known.
    pub fn ip(&self) -> String {
        self.address.map_or_else(String::new, |address| address.to_string())
    }
}

/// What a handler has to say to the audit trail beside its path.
#[derive(Clone, Default)]
pub struct Note {
    /// What it was done to, where the path does not say so.
    pub resource: Option<(&'static str, String)>,
    /// A JSON object without secrets.
    pub details: Option<serde_json::Value>,
}

/// True where the caller would rather read Portuguese.
pub fn is_portuguese(headers: &HeaderMap) -> bool {
    let told = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    told.split(',').next().is_some_and(|first| first.trim().to_ascii_lowercase().starts_with("pt"))
}

/// The outermost layer.
pub async fn around(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let origin = origin(&app, &request);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let route = request.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned());
    let portuguese = is_portuguese(request.headers());
    request.extensions_mut().insert(origin.clone());
    let mut response = rendered(next.run(request).await, &origin, portuguese);
    let status = response.status();
    let route = route.unwrap_or_default();
    let route = route.strip_prefix("/api/v1").unwrap_or(&route);
    let labels = [
        ("method", method.to_string()),
        ("route", route.to_owned()),
        ("status", status.as_u16().to_string()),
    ];
    app.metrics.took("malote_http_request_seconds", &labels, began.elapsed().as_secs_f64());
    let caller = origin.caller.get();
    // What nobody is known to have asked, and what changed nothing, is counted and not written down.
    let is_noted =
        !method.is_safe() || (caller.is_some() && status.as_u16() == 403) || status.is_server_error();
    if is_noted && (caller.is_some() || route.starts_with("/auth/") || status.is_server_error()) {
        let note = response.extensions_mut().remove::<Note>().unwrap_or_default();
        let entry = entry(&origin, method.as_str(), route, &path, status.as_u16(), note);
        if let Err(error) = app.audit.write(&entry, app.now_ms()).await {
            app.metrics.add("malote_audit_failures_total", &[], 1);
            tracing::error!(request.id = origin.request_id, error = %error, "the audit log was not written: {error}");
        }
    }
    let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(
        request.id = origin.request_id,
        http.method = %method,
        http.route = route,
        http.status = status.as_u16(),
        duration_ms = milliseconds,
        actor = caller.map_or("", |(_, id)| id),
        "{method} {route}: {}",
        status.as_u16()
    );
    dress(response, &origin)
}

/// Turns an error that rides on a response into its answer.
pub fn rendered(mut response: Response, origin: &Origin, portuguese: bool) -> Response {
    match response.extensions_mut().remove::<ApiError>() {
        Some(error) => {
            let note = response.extensions_mut().remove::<Note>();
            let mut answer = error.answer(&origin.request_id, portuguese);
            let told = response.headers().iter().map(|(name, value)| (name.clone(), value.clone()));
            for (name, value) in told.collect::<Vec<_>>() {
                if name != header::CONTENT_LENGTH && name != header::CONTENT_TYPE {
                    answer.headers_mut().append(name, value);
                }
            }
            answer.extensions_mut().extend(
                note.map(|note| {
                    let mut extensions = axum::http::Extensions::new();
                    extensions.insert(note);
                    extensions
                })
                .unwrap_or_default(),
            );
            answer
        }
        None => response,
    }
}

/// The layer that writes errors out, inside of the one that keeps answers.
pub async fn problems(request: Request, next: Next) -> Response {
    let origin = request.extensions().get::<Origin>().cloned().unwrap_or_default();
    let portuguese = is_portuguese(request.headers());
    rendered(next.run(request).await, &origin, portuguese)
}

fn dress(mut response: Response, origin: &Origin) -> Response {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        let name = HeaderName::from_static(name);
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if let Ok(id) = HeaderValue::from_str(&origin.request_id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

fn origin(app: &App, request: &Request) -> Origin {
    let headers = request.headers();
    let text =
        |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let told = text(&REQUEST_ID);
    let is_id = (8..=64).contains(&told.len())
        && told.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
    let request_id =
        if is_id { told.to_owned() } else { token::uuid().unwrap_or_else(|_| "none".to_owned()) };
    let agent = text(&header::USER_AGENT).chars().take(AGENT_CHARACTERS_MAX).collect();
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    let is_trusted =
        |address: IpAddr| app.config.trusted_proxies.iter().any(|network| network.contains(&address));
    let mut address = peer.map(|peer| peer.to_canonical());
    // The last proxy wrote the last name: what is believed goes backwards until somebody is not trusted.
    let forwarded = headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok());
    let names: Vec<&str> = forwarded.flat_map(|line| line.split(',')).map(str::trim).collect();
    for name in names.iter().rev().take(PROXIES_MAX) {
        match (address, name.parse::<IpAddr>()) {
            (Some(known), Ok(before)) if is_trusted(known) => address = Some(before.to_canonical()),
            _ => break,
        }
    }
    Origin { address, agent, request_id, caller: Arc::default(), touched: Arc::default() }
}

fn entry(origin: &Origin, method: &str, route: &str, path: &str, status: u16, note: Note) -> Entry {
    let (actor_kind, actor_id) =
        origin.caller.get().map_or(("anonymous", String::new()), |(kind, id)| (*kind, id.clone()));
    let (kind, id) = note.resource.map_or_else(|| resource(route, path), |(kind, id)| (kind.to_owned(), id));
    let outcome = match status {
        0..=399 => "success",
        401 | 403 => "denied",
        _ => "failed",
    };
    let touched = origin.touched.get().copied();
    Entry {
        actor_kind,
        actor_id,
        action: format!("{method} {route}"),
        resource_kind: kind,
        resource_id: id,
        tenant_id: touched.map(|(tenant, _)| tenant),
        job_id: touched.and_then(|(_, job)| job),
        outcome,
        status_code: status,
        ip: origin.ip(),
        user_agent: origin.agent.clone(),
        request_id: origin.request_id.clone(),
        details_json: note.details.map_or_else(|| "{}".to_owned(), |details| details.to_string()),
    }
}

/// The last thing that a path names, and its id: `/migration/jobs/{id}/sync` is about the job.
fn resource(route: &str, path: &str) -> (String, String) {
    let path = path.strip_prefix("/api/v1").unwrap_or(path);
    let pairs: Vec<(&str, &str)> = route.split('/').zip(path.split('/')).collect();
    match pairs.iter().rposition(|(name, _)| name.starts_with('{')) {
        Some(place) if place > 0 => (pairs[place - 1].0.to_owned(), pairs[place].1.to_owned()),
        _ => (route.rsplit('/').next().unwrap_or_default().to_owned(), String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_what_it_is_about() {
        for (route, path, kind, id) in [
            ("/migration/jobs/{id}/sync", "/api/v1/migration/jobs/7/sync", "jobs", "7"),
            ("/migration/quarantine/{qid}/ack", "/migration/quarantine/9/ack", "quarantine", "9"),
            ("/auth/login", "/auth/login", "login", ""),
            ("", "/nothing", "", ""),
        ] {
            assert_eq!(resource(route, path), (kind.to_owned(), id.to_owned()), "{path}");
        }
    }
}
