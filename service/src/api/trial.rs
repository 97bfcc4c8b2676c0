//! One look at a server: its name, its address, its TLS, its greeting.
//! Never sends a credential, and never connects past the walls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use malote_engine::failure::{Class, Failure, Side};
use malote_engine::imap::probe::greeting;
use malote_engine::imap::{Greeting, Location, SecretString};
use serde::Serialize;
use utoipa::ToSchema;

use super::endpoints::allowed;
use crate::app::App;
use crate::store::mailboxes::Endpoint;

/// How long a server may take to answer a test.
const TEST_MAX: Duration = Duration::from_secs(10);
/// Capabilities that are shown at most: a server may name any number.
const CAPABILITIES_MAX: usize = 100;

/// How a server was found.
#[derive(Serialize, ToSchema)]
pub struct TestView {
    /// `ok`, `timeout`, `unreachable` or `error`.
    pub status: &'static str,
    /// How long it took to connect, protect and greet, in milliseconds.
    pub latency_ms: i64,
    /// TLS, where there is any.
    pub tls: Option<TlsView>,
    /// What it says it can do, before any login.
    pub capabilities: Vec<String>,
    /// What kind of failure it was, such as `auth.bad_credentials`; empty where there is none.
    pub class: &'static str,
    /// What to do.
    pub hints: Vec<String>,
}

/// How a connection is protected.
#[derive(Serialize, ToSchema)]
pub struct TlsView {
    /// The version.
    pub version: String,
    /// The cipher suite.
    pub cipher: String,
    /// SHA-256 of the server's certificate, in hex.
    pub certificate_sha256: String,
}

/// Connects as a run would, up to the greeting.
pub(super) async fn trial(app: &App, server: &Endpoint) -> TestView {
    let began = Instant::now();
    let found = tokio::time::timeout(TEST_MAX, greet(app, server)).await;
    let latency_ms = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
    let told = |status, class, hint: String| TestView {
        status,
        class,
        latency_ms,
        tls: None,
        capabilities: Vec::new(),
        hints: Some(hint).filter(|hint| !hint.is_empty()).into_iter().collect(),
    };
    match found {
        Err(_) => told("timeout", Class::Net.as_str(), "the server does not answer".to_owned()),
        Ok(Err(failure)) if failure.class == Class::Net => {
            told("unreachable", Class::Net.as_str(), failure.message)
        }
        Ok(Err(failure)) => told("error", failure.class.as_str(), failure.message),
        Ok(Ok(greeting)) => TestView {
            tls: greeting.tls.map(|facts| TlsView {
                version: facts.version,
                cipher: facts.cipher,
                certificate_sha256: facts.certificate_sha256,
            }),
            capabilities: greeting.capabilities.names().take(CAPABILITIES_MAX).map(printable).collect(),
            ..told("ok", "", String::new())
        },
    }
}

/// A server's word without anything that a page or a terminal would take for more.
fn printable(word: &str) -> String {
    word.chars().filter(|letter| letter.is_ascii_graphic()).take(64).collect()
}

async fn greet(app: &App, server: &Endpoint) -> Result<Greeting, Failure> {
    let scheme = if server.tls == "implicit" { "imaps" } else { "imap" };
    let port = if server.port == 0 { String::new() } else { format!(":{}", server.port) };
    let host = if server.host.contains(':') { format!("[{}]", server.host) } else { server.host.clone() };
    let query = match (server.tls.as_str(), server.pin.as_str()) {
        ("off", _) => "?tls=off".to_owned(),
        (_, "") => String::new(),
        (_, pin) => format!("?pin={pin}"),
    };
    // Nobody logs in, so that clear text tells nobody anything.
    let location = Location::parse(&format!("{scheme}://nobody@{host}{port}{query}"), true)?;
    let secret = || Ok::<_, Failure>(SecretString::from(String::new()));
    let mut endpoint = location.endpoint(Side::Source, Arc::new(secret));
    endpoint.extra_roots.clone_from(&app.config.outside.roots);
    endpoint.extra_roots.extend_from_slice(server.ca_pem.as_bytes());
    endpoint.connect_max = TEST_MAX;
    let networks = allowed(app, server.allow_private, &server.allowed_networks_json);
    endpoint.resolver = Arc::new(app.walls(networks));
    greeting(&endpoint).await
}
