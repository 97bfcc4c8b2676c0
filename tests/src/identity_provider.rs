//! An identity provider of the tests' own, on the loopback: issues tokens, looks them up for mail servers, and lies.
//! Never uses Malote's own client or its reading of answers.

mod http;
mod lie;
mod state;

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use tokio_rustls::rustls::ServerConfig;

use crate::tls::Identity;

pub use lie::Lie;
pub use state::{CLIENT_ID, CLIENT_SECRET, ISSUER, Request, SCOPE, State};

/// The service account's key: made for these tests, and of use for nothing else.
pub const KEY_PEM: &str = include_str!("../keys/service_account.pem");

/// A running provider, which ends when dropped.
pub struct IdentityProvider {
    port: u16,
    scheme: &'static str,
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    state: Mutex<State>,
    is_over: AtomicBool,
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

impl IdentityProvider {
    /// Starts on a port of its own; every token is for `user`, unless an assertion names another.
    ///
    /// # Errors
    /// Where no port is free.
    pub fn start(user: &str) -> Result<Self> {
        Self::serve(user, None)
    }

    /// The same over TLS.
    ///
    /// # Errors
    /// As `start`, and where the certificate cannot be used.
    pub fn start_with_tls(user: &str, identity: &Identity) -> Result<Self> {
        Self::serve(user, Some(identity.server_config()?))
    }

    fn serve(user: &str, tls: Option<Arc<ServerConfig>>) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("no port for the identity provider")?;
        let port = listener.local_addr()?.port();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let state = Mutex::new(State::new(user, &format!("{scheme}://127.0.0.1:{port}/token")));
        let shared = Arc::new(Shared { state, is_over: AtomicBool::new(false) });
        let own = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if own.is_over() {
                    break;
                }
                let (own, tls) = (Arc::clone(&own), tls.clone());
                // A client that goes away in the midst of an answer is no concern of the others.
                thread::spawn(move || drop(http::serve(stream, tls, &own)));
            }
        });
        Ok(Self { port, scheme, shared })
    }

    /// Where tokens are asked for.
    #[must_use]
    pub fn token_url(&self) -> String {
        self.url("token")
    }

    /// Where device codes are asked for.
    #[must_use]
    pub fn device_url(&self) -> String {
        self.url("device")
    }

    /// Where mail servers look tokens up.
    #[must_use]
    pub fn introspection_url(&self) -> String {
        self.url("introspect")
    }

    /// What it knows and how it behaves, to be read and changed at any moment.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    /// How often `path` was asked.
    #[must_use]
    pub fn asked(&self, path: &str) -> usize {
        self.state().requests.iter().filter(|request| request.path == path).count()
    }

    /// A refresh token that a user consented to just now.
    #[must_use]
    pub fn consent(&self) -> String {
        self.state().new_refresh_token()
    }

    /// Ends every token and every consent.
    pub fn revoke(&self) {
        let mut state = self.state();
        state.refresh_tokens.clear();
        state.tokens.clear();
    }

    /// Tokens hold so long from here on, and are said to hold so many seconds.
    pub fn lives(&self, really: Duration, said_seconds: u64) {
        let mut state = self.state();
        (state.life, state.said_life) = (really, said_seconds.to_string());
    }

    fn url(&self, path: &str) -> String {
        format!("{}://127.0.0.1:{}/{path}", self.scheme, self.port)
    }
}

impl Drop for IdentityProvider {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        // Wakes the listener, so that it sees that it is over.
        let _ = std::net::TcpStream::connect(("127.0.0.1", self.port));
    }
}
