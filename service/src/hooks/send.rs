//! One try: a request to where the hook leads, inside of the walls, and what came back of it.
//! Never follows a redirection, uses a proxy, or connects to an address that was not checked.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ipnet::IpNet;
use thiserror::Error;
use ureq::http::Uri;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use crate::dialer::{self, DialError, Purpose};

/// How long one try may take.
const TRY_MAX: Duration = Duration::from_secs(20);
/// The longest wait that a receiver may ask for, in seconds: a day.
const RETRY_AFTER_SECONDS_MAX: i64 = 86_400;
/// Addresses that are tried.
const ADDRESSES_MAX: usize = 16;

/// Why an address is not taken for a hook.
#[derive(Debug, Error)]
pub enum TargetError {
    /// Not an address of the web.
    #[error("give an address such as https://desk.example.com/hooks/malote, without a user or a fragment")]
    Form,
    /// In clear.
    #[error("http:// carries the event in clear: it is for networks that are named here alone")]
    Clear,
    /// Not to be connected to.
    #[error(transparent)]
    Dial(#[from] DialError),
}

/// Where a hook leads.
#[derive(Debug, Clone)]
pub struct Target {
    uri: Uri,
    host: String,
    port: u16,
    networks: Vec<IpNet>,
}

/// What came of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The status; 0 where nothing came back.
    pub status: u16,
    /// Why nothing came back; empty else.
    pub error: String,
    /// How long the receiver asks to be left alone, in seconds.
    pub retry_after_seconds: Option<i64>,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
}

impl Target {
    /// The target of an address; `networks` are private ones that an administrator allowed.
    ///
    /// # Errors
    /// Where it is no address of the web, or in clear without a named network.
    pub fn parse(url: &str, networks: Vec<IpNet>) -> Result<Self, TargetError> {
        let uri: Uri = url.parse().map_err(|_| TargetError::Form)?;
        let authority = uri.authority().ok_or(TargetError::Form)?;
        if authority.as_str().contains('@') || url.contains('#') {
            return Err(TargetError::Form);
        }
        let unsaid = match uri.scheme_str() {
            Some("https") => 443,
            Some("http") if networks.is_empty() => return Err(TargetError::Clear),
            Some("http") => 80,
            _ => return Err(TargetError::Form),
        };
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        if !dialer::is_host(&host) {
            return Err(TargetError::Form);
        }
        let port = authority.port_u16().unwrap_or(unsaid);
        Ok(Self { uri, host, port, networks })
    }

    /// Every address that it leads to, each of them allowed.
    ///
    /// # Errors
    /// Where the name is unknown, or one of its addresses is behind the walls.
    pub async fn addresses(&self) -> Result<Vec<SocketAddr>, TargetError> {
        Ok(dialer::resolve(Purpose::Https, &self.host, self.port, &self.networks).await?)
    }
}

/// Gives the addresses that were checked, whatever it is asked.
struct Checked(Vec<SocketAddr>);

impl fmt::Debug for Checked {
    fn fmt(&self, into: &mut fmt::Formatter<'_>) -> fmt::Result {
        into.write_str("Checked")
    }
}

impl Resolver for Checked {
    fn resolve(
        &self,
        _uri: &Uri,
        _config: &ureq::config::Config,
        _timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut found = self.empty();
        for address in self.0.iter().take(ADDRESSES_MAX) {
            found.push(*address);
        }
        if found.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(found) }
    }
}

/// Sends a body with its headers once.
pub(super) async fn send(
    target: Target,
    headers: Vec<(&'static str, String)>,
    body: String,
    now_ms: i64,
) -> Outcome {
    let begun = Instant::now();
    let told = match target.addresses().await {
        Err(error) => Err(error.to_string()),
        Ok(addresses) => {
            let post = move || post(&target, addresses, &headers, &body, now_ms);
            tokio::task::spawn_blocking(post).await.unwrap_or_else(|error| Err(error.to_string()))
        }
    };
    let duration_ms = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
    match told {
        Ok((status, retry_after_seconds)) => {
            Outcome { status, error: String::new(), retry_after_seconds, duration_ms }
        }
        Err(error) => Outcome { status: 0, error, retry_after_seconds: None, duration_ms },
    }
}

fn post(
    target: &Target,
    addresses: Vec<SocketAddr>,
    headers: &[(&'static str, String)],
    body: &str,
    now_ms: i64,
) -> Result<(u16, Option<i64>), String> {
    let roots = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    let config = ureq::Agent::config_builder()
        .tls_config(roots)
        .timeout_global(Some(TRY_MAX))
        .max_redirects(0)
        .http_status_as_error(false)
        .proxy(None)
        .user_agent(concat!("malote/", env!("CARGO_PKG_VERSION")))
        .build();
    let agent = ureq::Agent::with_parts(config, DefaultConnector::default(), Checked(addresses));
    let mut request = agent.post(&target.uri).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let response = request.send(body).map_err(|error| error.to_string())?;
    let asked = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    // What it says beside the status is of no use to anybody and is not read.
    Ok((response.status().as_u16(), asked.and_then(|text| retry_after(text, now_ms))))
}

/// `Retry-After` in seconds from now (RFC 9110 §10.2.3); a day at most.
fn retry_after(text: &str, now_ms: i64) -> Option<i64> {
    let text = text.trim();
    let seconds = match text.parse::<i64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let moment = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
            (moment.as_millisecond() - now_ms) / 1000
        }
    };
    Some(seconds.clamp(0, RETRY_AFTER_SECONDS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_web_are_taken_and_clear_ones_need_a_network() {
        let loopback: Vec<IpNet> = vec!["127.0.0.0/8".parse().unwrap()];
        for (url, networks, is_taken) in [
            ("https://desk.example.com/hooks/malote?x=1", vec![], true),
            ("https://[2606:4700::1111]/", vec![], true),
            ("http://desk.example.com/", vec![], false),
            ("http://127.0.0.1:8080/", loopback.clone(), true),
            ("https://user:pass@desk.example.com/", vec![], false),
            ("https://desk.example.com/#part", vec![], false),
            ("ftp://desk.example.com/", loopback.clone(), false),
            ("file:///etc/passwd", loopback, false),
            ("/hooks", vec![], false),
            ("https://2130706433/", vec![], false),
            ("", vec![], false),
        ] {
            assert_eq!(Target::parse(url, networks).is_ok(), is_taken, "{url}");
        }
    }

    #[test]
    fn a_wait_is_read_in_both_forms_and_has_an_end() {
        for (text, expected) in [
            ("120", Some(120)),
            ("-5", Some(0)),
            ("99999999", Some(86_400)),
            ("Thu, 01 Jan 1970 00:01:00 GMT", Some(60)),
            ("soon", None),
        ] {
            assert_eq!(retry_after(text, 0), expected, "{text}");
        }
    }
}
