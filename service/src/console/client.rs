//! The API, asked within the process and in the visitor's name.
//! Never asks with more than the visitor brought along: cookie, token of the page, address, language.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use axum::response::Response;
use serde_json::Value;
use tower::ServiceExt as _;

use super::problem::Problem;
use crate::api::caller::{COOKIE, CSRF_HEADER, PartOfPage};

/// The longest answer that becomes part of a page, in octets.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Headers that go along as they came: who asks, from where, and from which site.
const KEPT: [HeaderName; 6] = [
    header::USER_AGENT,
    header::HOST,
    header::ORIGIN,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("sec-fetch-site"),
    HeaderName::from_static("last-event-id"),
];

/// The API in a visitor's name; clones are cheap.
#[derive(Clone)]
pub struct Api {
    router: Router,
    headers: HeaderMap,
    peer: Option<ConnectInfo<SocketAddr>>,
    csrf: String,
    /// The page's first request counts against the visitor's rate; the others are part of it.
    has_asked: Arc<AtomicBool>,
}

/// What the API answered, where it did not refuse.
pub struct Told {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; null where there is none.
    pub json: Value,
}

impl Told {
    /// The version that a change has to name.
    pub fn version(&self) -> &str {
        self.headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).unwrap_or_default()
    }
}

impl Api {
    /// For the visitor of a request; `session` is the session's token, wherever it came from.
    pub fn of(router: Router, parts: &Parts, session: Option<&str>, language: &'static str) -> Self {
        let mut headers = HeaderMap::new();
        for name in KEPT {
            for value in parts.headers.get_all(&name) {
                headers.append(&name, value.clone());
            }
        }
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(language));
        if let Some(mut cookie) =
            session.and_then(|one| HeaderValue::from_str(&format!("{COOKIE}={one}")).ok())
        {
            cookie.set_sensitive(true);
            headers.insert(header::COOKIE, cookie);
        }
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().copied();
        Self { router, headers, peer, csrf: String::new(), has_asked: Arc::default() }
    }

    /// The same, with the token that the visitor's form brought along.
    #[must_use]
    pub fn with_csrf(mut self, token: &str) -> Self {
        token.clone_into(&mut self.csrf);
        self
    }

    /// The same, asked in another language.
    #[must_use]
    pub fn in_language(mut self, tag: &'static str) -> Self {
        self.headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(tag));
        self
    }

    /// The answer as it stands, whatever it is: streams and files.
    pub async fn pass(
        &self,
        method: Method,
        path: &str,
        more: &[(HeaderName, String)],
        body: Body,
    ) -> Response {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        let Ok(uri) = path.parse() else {
            let mut response = Response::default();
            *response.status_mut() = StatusCode::NOT_FOUND;
            return response;
        };
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.clone();
        let own = [(HeaderName::from_static(CSRF_HEADER), self.csrf.clone())];
        for (name, value) in own.iter().chain(more) {
            if let Some(value) = HeaderValue::from_str(value).ok().filter(|value| !value.is_empty()) {
                request.headers_mut().insert(name, value);
            }
        }
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(peer);
        }
        if self.has_asked.swap(true, Ordering::Relaxed) {
            request.extensions_mut().insert(PartOfPage);
        }
        match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    /// Reads.
    ///
    /// # Errors
    /// The API's refusal.
    pub async fn get(&self, path: &str) -> Result<Told, Problem> {
        told(self.pass(Method::GET, path, &[], Body::empty()).await).await
    }

    /// Reads the body alone.
    ///
    /// # Errors
    /// The API's refusal.
    pub async fn read(&self, path: &str) -> Result<Value, Problem> {
        Ok(self.get(path).await?.json)
    }

    /// Reads what need not be there: `None` where the API has no such thing, or not for this visitor.
    ///
    /// # Errors
    /// The API's refusal, where it is another than "not here", "not for you" or "nothing yet".
    pub async fn read_if_there(&self, path: &str) -> Result<Option<Value>, Problem> {
        match self.read(path).await {
            Ok(value) => Ok(Some(value)),
            Err(problem) if matches!(problem.status.as_u16(), 403 | 404 | 405 | 409) => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    /// Changes something.
    ///
    /// # Errors
    /// The API's refusal.
    pub async fn send(&self, method: Method, path: &str, body: &Value) -> Result<Told, Problem> {
        self.send_with(method, path, body, &[]).await
    }

    /// Changes something that was read before, as it was read.
    ///
    /// # Errors
    /// The API's refusal, also where it was changed meanwhile.
    pub async fn change(
        &self,
        method: Method,
        path: &str,
        seen: &str,
        body: &Value,
    ) -> Result<Told, Problem> {
        self.send_with(method, path, body, &[(header::IF_MATCH, seen.to_owned())]).await
    }

    async fn send_with(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        more: &[(HeaderName, String)],
    ) -> Result<Told, Problem> {
        let form = (header::CONTENT_TYPE, "application/json".to_owned());
        let headers: Vec<_> = more.iter().cloned().chain([form]).collect();
        told(self.pass(method, path, &headers, Body::from(body.to_string())).await).await
    }
}

/// Reads an answer to its end.
///
/// # Errors
/// The API's refusal.
pub async fn told(response: Response) -> Result<Told, Problem> {
    let (parts, body) = response.into_parts();
    let octets = to_bytes(body, ANSWER_BYTES_MAX).await.map_err(|_| Problem::of_ours())?;
    let json: Value = serde_json::from_slice(&octets).unwrap_or_default();
    let told = Told { status: parts.status, headers: parts.headers, json };
    if told.status.is_success() { Ok(told) } else { Err(Problem::of(told)) }
}

/// A word as part of a path or a query.
pub fn escaped(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
