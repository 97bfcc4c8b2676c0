//! One form posted to a web service, or one page of it read: HTTP/1.1 over TLS, without redirects, cookies or proxies.
//! Never sends a secret in clear: `http://` is for this machine itself.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{ACCEPT, CONTENT_TYPE, DATE, HOST, LOCATION, RETRY_AFTER, USER_AGENT};
use hyper::http::uri::Scheme;
use hyper::{HeaderMap, Request, Uri};
use hyper_util::rt::TokioIo;
use malote_plan::failure::Class;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, Error as TlsError};
use zeroize::Zeroizing;

use super::trouble::Trouble;
use crate::imap::{Resolver, SystemResolver, Unresolved};

/// Largest answer that is read, in octets: a token with everything around it is a few kibibytes.
const ANSWER_OCTETS_MAX: usize = 256 * 1024;

/// Longest wait that a provider may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// Octets that stand for themselves in a form (RFC 6749 appendix B).
const PLAIN: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A socket, or TLS over one.
trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// An address that secrets may be sent to: `https://`, or `http://` on this machine.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    text: String,
    host: String,
    port: u16,
    path: String,
    is_tls: bool,
}

impl Url {
    /// Reads an address; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let uri: Uri = text.parse().map_err(|_| format!("{text} is no URL"))?;
        let is_tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(format!("{text} must begin with https://")),
        };
        let authority = uri.authority().ok_or_else(|| format!("{text} names no host"))?;
        if authority.as_str().contains('@') {
            return Err("a URL of an identity provider holds neither user nor password".to_owned());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let is_loopback =
            host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        if !is_tls && !is_loopback {
            return Err(format!("{text} would send secrets in clear: use https://"));
        }
        let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { text: text.to_owned(), host, port, path, is_tls })
    }

    /// The host's name.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The address as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What came back.
pub struct Answered {
    /// The status code.
    pub status: u16,
    /// The body, which may hold a token.
    pub body: Zeroizing<Vec<u8>>,
    /// The provider's clock, in seconds since 1970.
    pub date_unix_seconds: Option<i64>,
    /// How long it asks to be left alone.
    pub retry_after: Option<Duration>,
    /// Where it says that the answer is; nothing is followed here.
    pub location: Option<String>,
}

/// Posts forms and reads pages.
pub struct Http {
    extra_roots: Vec<u8>,
    tls: OnceCell<TlsConnector>,
    request_max: Duration,
    resolver: Arc<dyn Resolver>,
}

impl Http {
    /// A client that trusts the platform's certificates and those in `extra_roots` (PEM).
    #[must_use]
    pub fn new(extra_roots: Vec<u8>, request_max: Duration) -> Self {
        Self { extra_roots, tls: OnceCell::new(), request_max, resolver: Arc::new(SystemResolver) }
    }

    /// The same, which connects to nothing but what `resolver` lets it.
    #[must_use]
    pub fn behind(self, resolver: Arc<dyn Resolver>) -> Self {
        Self { resolver, ..self }
    }

    /// Posts a form and reads the whole answer, whatever its status.
    pub(super) async fn post(&self, url: &Url, form: &[(&str, &str)]) -> Result<Answered, Trouble> {
        self.in_time(url, Some(form)).await
    }

    /// Reads a page of at most 256 KiB, whatever its status.
    ///
    /// # Errors
    /// A sentence, where there is no answer.
    pub async fn get(&self, url: &Url) -> Result<Answered, String> {
        self.in_time(url, None).await.map_err(|trouble| trouble.message)
    }

    async fn in_time(&self, url: &Url, form: Option<&[(&str, &str)]>) -> Result<Answered, Trouble> {
        let host = &url.host;
        let answered = timeout(self.request_max, self.exchange(url, form)).await;
        answered.unwrap_or_else(|_| Err(Trouble::passing(format!("{host} did not answer in time"))))
    }

    async fn exchange(&self, url: &Url, form: Option<&[(&str, &str)]>) -> Result<Answered, Trouble> {
        let lost = |cause: &dyn fmt::Display| Trouble::passing(format!("talking to {}: {cause}", url.host));
        let wire = self.wire(url).await?;
        let shaken = hyper::client::conn::http1::handshake::<_, Full<Bytes>>(TokioIo::new(wire)).await;
        let (mut sender, connection) = shaken.map_err(|cause| lost(&cause))?;
        // Ends with this function, however it ends.
        let mut driving = JoinSet::new();
        driving.spawn(connection);
        let host = if url.host.contains(':') { format!("[{}]", url.host) } else { url.host.clone() };
        let request = match form {
            Some(_) => Request::post(&url.path)
                .header(ACCEPT, "application/json")
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded"),
            None => Request::get(&url.path),
        };
        let body = form.map_or_else(Bytes::new, |form| Bytes::from_owner(encoded(form)));
        let request = request
            .header(HOST, format!("{host}:{}", url.port))
            .header(USER_AGENT, concat!("malote/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(body))
            .map_err(|cause| Trouble::usage(format!("asking {}: {cause}", url.text)))?;
        let response = sender.send_request(request).await.map_err(|cause| lost(&cause))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let mut body = Zeroizing::new(Vec::new());
        let mut incoming = response.into_body();
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(|cause| lost(&cause))?;
            let octets = frame.data_ref().map_or(&[][..], |octets| octets);
            if body.len() + octets.len() > ANSWER_OCTETS_MAX {
                let message = format!("{} sent more than {ANSWER_OCTETS_MAX} octets", url.host);
                return Err(Trouble::passing(message));
            }
            body.extend_from_slice(octets);
        }
        let (date_unix_seconds, retry_after) = (date(&headers), retry_after(&headers));
        let location = headers.get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Answered { status, body, date_unix_seconds, retry_after, location })
    }

    async fn wire(&self, url: &Url) -> Result<Box<dyn Wire>, Trouble> {
        let gone = |cause| Trouble::passing(format!("connecting to {}:{}: {cause}", url.host, url.port));
        let found = self.resolver.addresses(&url.host, url.port).await;
        let addresses: Vec<SocketAddr> = found.map_err(|unresolved| match unresolved {
            Unresolved::Unknown(cause) => gone(cause),
            Unresolved::Refused(words) => Trouble::usage(words),
        })?;
        // A resolver that sends "localhost" elsewhere shall not get a secret in clear.
        if !url.is_tls && addresses.iter().any(|address| !address.ip().is_loopback()) {
            return Err(Trouble::usage(format!("{} is not this machine: use https://", url.text)));
        }
        let stream = TcpStream::connect(&*addresses).await.map_err(gone)?;
        if !url.is_tls {
            return Ok(Box::new(stream));
        }
        let tls = self.tls.get_or_try_init(|| async { connector(&self.extra_roots) }).await?;
        let name = ServerName::try_from(url.host.clone())
            .map_err(|_| Trouble::usage(format!("{} is no name that a certificate can hold", url.host)))?;
        let stream = tls.connect(name, stream).await;
        Ok(Box::new(stream.map_err(|cause| no_tls(&url.host, &cause))?))
    }
}

fn no_tls(host: &str, cause: &std::io::Error) -> Trouble {
    let message = format!("TLS with {host}: {cause}");
    match cause.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
        Some(TlsError::InvalidCertificate(_)) => Trouble::lasting(Class::TlsUntrusted, message),
        _ => Trouble::passing(message),
    }
}

fn connector(extra_roots: &[u8]) -> Result<TlsConnector, Trouble> {
    let wrong = |cause: String| Trouble::usage(format!("preparing TLS for the identity provider: {cause}"));
    let provider = Arc::new(ring::default_provider());
    let roots: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(extra_roots).collect();
    let roots = roots.map_err(|cause| wrong(cause.to_string()))?;
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(roots, Arc::clone(&provider));
    let verifier = verifier.map_err(|cause| wrong(cause.to_string()))?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|cause| wrong(cause.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// A form as it goes over the wire; overwritten when it has gone.
fn encoded(form: &[(&str, &str)]) -> Zeroizing<Vec<u8>> {
    let mut octets = Zeroizing::new(Vec::with_capacity(4_096));
    for (name, value) in form {
        if !octets.is_empty() {
            octets.push(b'&');
        }
        octets.extend_from_slice(name.as_bytes());
        octets.push(b'=');
        for part in utf8_percent_encode(value, &PLAIN) {
            octets.extend_from_slice(part.as_bytes());
        }
    }
    octets
}

fn date(headers: &HeaderMap) -> Option<i64> {
    let text = headers.get(DATE)?.to_str().ok()?;
    let parsed = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(parsed.as_second())
}

/// Seconds; the form with a date is left alone, as no token endpoint is known to send it.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_over_tls_or_stay_on_this_machine() {
        for (text, place) in [
            ("https://login.example/t/token", Some(("login.example", 443, "/t/token"))),
            ("https://login.example:8443", Some(("login.example", 8443, "/"))),
            ("http://127.0.0.1:81/a?b=c", Some(("127.0.0.1", 81, "/a?b=c"))),
            ("http://LOCALHOST/", Some(("localhost", 80, "/"))),
            ("http://[::1]:81/t", Some(("::1", 81, "/t"))),
            ("http://login.example/t", None),
            ("http://127.0.0.1.example/t", None),
            ("https://user:hunter2@login.example/", None),
            ("ftp://127.0.0.1/", None),
            ("login.example/token", None),
            ("https:///x", None),
            ("", None),
        ] {
            let parsed = Url::parse(text);
            let found = parsed.as_ref().ok().map(|url| (url.host.as_str(), url.port, url.path.as_str()));
            assert_eq!(found, place, "{text}");
            assert!(!parsed.err().unwrap_or_default().contains("hunter2"));
        }
    }

    #[test]
    fn a_form_carries_any_octet() {
        let form = encoded(&[("grant_type", "a b"), ("client_secret", "&=+%é~")]);
        assert_eq!(form.as_slice(), b"grant_type=a%20b&client_secret=%26%3D%2B%25%C3%A9~");
    }
}
