//! One login with a credential, as a run would log in: name, address, TLS, secret, and no word about any message.
//! Never shows the secret, and never connects past the walls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use malote_engine::failure::{Class, Failure, Side};
use malote_engine::imap::{self, Probe, probe};

use super::trial::{TestView, TlsView};
use super::{ApiError, Result};
use crate::app::App;
use crate::jobs::{NoSecret, login_at, login_of};
use crate::store::at;
use crate::store::kept::KeptRow;
use crate::work::{FromVault, opened_kept};

/// How long a login and the questions after it may take.
const LOGIN_MAX: Duration = Duration::from_secs(30);
/// Capabilities that are shown at most.
const CAPABILITIES_MAX: usize = 100;

/// Logs in with a credential that is kept at a server.
pub(super) async fn of_kept(app: &App, row: &KeptRow, user: &str) -> Result<TestView> {
    let user = if user.is_empty() { row.login_user.as_str() } else { user };
    if user.is_empty() {
        return Err(ApiError::field("user", "the credential names nobody: say which mailbox"));
    }
    let server = app.store.endpoint(&row.endpoint_id).await?.ok_or_else(|| ApiError::not_found("server"))?;
    let login = (row.kind == "password" && !row.login_user.is_empty()).then_some(row.login_user.as_str());
    let location = login_at(&server, user, login).map_err(|words| ApiError::field("user", words))?;
    let began = Instant::now();
    let secret = match opened_kept(app, row, user, Side::Source).await {
        Ok(secret) => secret,
        Err(refused) => return Ok(refusal(&refused, began)),
    };
    let mut endpoint = location.endpoint(Side::Source, secret);
    endpoint.extra_roots.clone_from(&app.config.outside.roots);
    endpoint.extra_roots.extend_from_slice(server.ca_pem.as_bytes());
    let networks = super::endpoints::allowed(app, server.allow_private, &server.allowed_networks_json);
    endpoint.resolver = Arc::new(app.walls(networks));
    let view = tried(&endpoint, began).await;
    if view.status == "ok" {
        app.store.kept_worked(&row.id, &at(app.now_ms())).await?;
    }
    Ok(view)
}

/// Logs in with a mailbox's own credential, or by the one that it names.
pub(super) async fn of_mailbox(app: &App, mailbox_id: i64, is_source: bool) -> Result<TestView> {
    let mailbox = app.store.mailbox(mailbox_id).await?.ok_or_else(|| ApiError::not_found("mailbox"))?;
    let side = if is_source { Side::Source } else { Side::Destination };
    let (began, vault) = (Instant::now(), FromVault(app.clone()));
    match login_of(&app.store, &vault, &mailbox, side).await {
        Ok(endpoint) => Ok(tried(&endpoint, began).await),
        Err(words) => Ok(unready(began, words)),
    }
}

/// A login that could not even be put together.
pub(super) fn unready(began: Instant, words: String) -> TestView {
    view("error", Class::Usage.as_str(), began, words)
}

fn refusal(refused: &NoSecret, began: Instant) -> TestView {
    let status = if matches!(refused, NoSecret::Passing(_)) { "error" } else { "auth_failed" };
    view(status, Class::AuthBadCredentials.as_str(), began, refused.to_string())
}

fn view(status: &'static str, class: &'static str, began: Instant, hint: String) -> TestView {
    TestView {
        status,
        class,
        latency_ms: i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX),
        tls: None,
        capabilities: Vec::new(),
        hints: Some(hint).filter(|hint| !hint.is_empty()).into_iter().collect(),
    }
}

/// Logs in and asks what the server is; says how that went.
pub(super) async fn tried(endpoint: &imap::Endpoint, began: Instant) -> TestView {
    match tokio::time::timeout(LOGIN_MAX, probe(endpoint)).await {
        Err(_) => view("timeout", Class::Net.as_str(), began, "the server does not answer".to_owned()),
        Ok(Err(failure)) => view(status(&failure), failure.class.as_str(), began, failure.message),
        Ok(Ok(found)) => shown(found, began),
    }
}

fn status(failure: &Failure) -> &'static str {
    match failure.class {
        Class::AuthBadCredentials
        | Class::AuthTokenExpired
        | Class::AuthAppPassword
        | Class::AuthUnsupported
        | Class::AuthNoMailboxRights => "auth_failed",
        Class::Net => "unreachable",
        _ => "error",
    }
}

fn shown(found: Probe, began: Instant) -> TestView {
    let told = |word: &String| word.chars().filter(char::is_ascii_graphic).take(64).collect();
    TestView {
        tls: found.tls.map(|facts| TlsView {
            version: facts.version,
            cipher: facts.cipher,
            certificate_sha256: facts.certificate_sha256,
        }),
        capabilities: found.capabilities.iter().take(CAPABILITIES_MAX).map(told).collect(),
        hints: found.warnings,
        ..view("ok", "", began, String::new())
    }
}
