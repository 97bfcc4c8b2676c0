//! Talks to the demo's service over HTTP, as any program would; asks again when the service was away for a while.
//! Never reaches around the API, and never talks to another machine.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Method, Request, Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::cli::exit::Stopped;

/// How long the service may be away, as after a kill, before the demo gives up.
const AWAY_MAX: Duration = Duration::from_secs(60);
/// How long one request may take.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest answer that is read, in octets.
const ANSWER_OCTETS_MAX: usize = 16 * 1024 * 1024;

/// Somebody's way to the service.
#[derive(Debug, Clone)]
pub(super) struct Client {
    address: SocketAddr,
    /// Who asks; nothing before a login.
    pub session: Session,
}

/// What proves who asks.
#[derive(Debug, Clone, Default)]
pub(super) struct Session {
    cookie: Arc<str>,
    csrf: Arc<str>,
    bearer: Arc<str>,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The JSON body; null where there is none.
    pub body: Value,
    cookie: String,
    offset: Option<u64>,
}

impl Client {
    /// Nobody yet.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, session: Session::default() }
    }

    /// The same service for a program with a token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { session: Session { bearer: token.into(), ..Session::default() }, ..self.clone() }
    }

    /// Logs in.
    pub async fn log_in(&self, name: &str, password: &str) -> Result<Self, Stopped> {
        let body = serde_json::json!({"name": name, "password": password});
        let answer = self.ask(&Method::POST, "/auth/login", Some(&body)).await?;
        self.as_somebody(answer.of("logging in")?)
    }

    /// Whoever an answer's cookie makes us.
    pub fn as_somebody(&self, answer: Answer) -> Result<Self, Stopped> {
        let csrf = answer.body["csrf_token"].as_str().unwrap_or_default();
        if answer.cookie.is_empty() || csrf.is_empty() {
            return Err(Stopped::bug("a login without a session"));
        }
        let session =
            Session { cookie: answer.cookie.as_str().into(), csrf: csrf.into(), bearer: Arc::from("") };
        Ok(Self { session, ..self.clone() })
    }

    /// Reads something.
    pub async fn get(&self, path: &str) -> Result<Value, Stopped> {
        self.ask(&Method::GET, path, None).await?.of(path).map(|answer| answer.body)
    }

    /// Asks for something to be done; once, however often it has to be said.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Stopped> {
        self.ask(&Method::POST, path, Some(body)).await?.of(path).map(|answer| answer.body)
    }

    /// Any answer, also a refusal.
    pub async fn ask(&self, method: &Method, path: &str, body: Option<&Value>) -> Result<Answer, Stopped> {
        let octets = body.map(|body| Bytes::from(body.to_string()));
        let key = uuid::Uuid::new_v4().to_string();
        let mut headers = vec![("idempotency-key", key)];
        if octets.is_some() {
            headers.push(("content-type", "application/json".to_owned()));
        }
        self.insist(method, path, &headers, octets.unwrap_or_default()).await
    }

    /// Sends octets of an upload; where the service has had them already, that is fine.
    pub async fn put_octets(&self, path: &str, offset: u64, octets: Bytes) -> Result<u64, Stopped> {
        let until = offset + octets.len() as u64;
        let headers = [
            ("upload-offset", offset.to_string()),
            ("upload-checksum", format!("sha256 {}", STANDARD.encode(Sha256::digest(&octets)))),
            ("content-type", "application/offset+octet-stream".to_owned()),
        ];
        let answer = self.insist(&Method::PATCH, path, &headers, octets).await?;
        match answer.status {
            // A chunk whose answer was lost is there: the offset in the refusal says how far.
            StatusCode::CONFLICT => self.offset(path).await,
            _ => answer.of(path).map(|answer| answer.offset.unwrap_or(until)),
        }
    }

    async fn offset(&self, path: &str) -> Result<u64, Stopped> {
        let answer = self.insist(&Method::HEAD, path, &[], Bytes::new()).await?.of(path)?;
        answer.offset.ok_or_else(|| Stopped::bug(format!("HEAD {path}: no offset")))
    }

    async fn insist(
        &self,
        method: &Method,
        path: &str,
        headers: &[(&str, String)],
        octets: Bytes,
    ) -> Result<Answer, Stopped> {
        let until = Instant::now() + AWAY_MAX;
        loop {
            let answered = timeout(ANSWER_MAX, self.exchange(method, path, headers, octets.clone())).await;
            let cause = match answered {
                Ok(Ok(answer)) if is_passing(&answer) => format!("HTTP {}", answer.status),
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(cause)) => cause,
                Err(_) => "no answer".to_owned(),
            };
            if Instant::now() > until {
                return Err(Stopped::early(format!("{method} {path} at the demo's service: {cause}")));
            }
            sleep(PAUSE).await;
        }
    }

    async fn exchange(
        &self,
        method: &Method,
        path: &str,
        headers: &[(&str, String)],
        octets: Bytes,
    ) -> Result<Answer, String> {
        let stream = TcpStream::connect(self.address).await.map_err(|cause| cause.to_string())?;
        let shaken = hyper::client::conn::http1::handshake::<_, Body>(TokioIo::new(stream)).await;
        let (mut sender, connection) = shaken.map_err(|cause| cause.to_string())?;
        // Ends with this function, however it ends.
        let mut driving = JoinSet::new();
        driving.spawn(connection);
        let request = self.request(method, path, headers, octets).map_err(|cause| cause.to_string())?;
        let response = sender.send_request(request).await.map_err(|cause| cause.to_string())?;
        read(response.map(Body::new)).await
    }

    fn request(
        &self,
        method: &Method,
        path: &str,
        headers: &[(&str, String)],
        octets: Bytes,
    ) -> Result<Request<Body>, axum::http::Error> {
        let Session { cookie, csrf, bearer } = &self.session;
        let mut request =
            Request::builder().method(method).uri(path).header("host", self.address.to_string());
        if !cookie.is_empty() {
            request = request.header("cookie", &**cookie).header("x-csrf-token", &**csrf);
        }
        if !bearer.is_empty() {
            request = request.header("authorization", format!("Bearer {bearer}"));
        }
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        request.body(Body::from(octets))
    }
}

impl Answer {
    /// The answer where it is a yes.
    pub fn of(self, tried: &str) -> Result<Self, Stopped> {
        if self.status.is_success() {
            return Ok(self);
        }
        Err(Stopped::bug(format!("{tried} at the demo's service: HTTP {}: {}", self.status, self.body)))
    }
}

/// The service is busy, or still has the same request in hand.
fn is_passing(answer: &Answer) -> bool {
    let code = answer.body["code"].as_str().unwrap_or_default();
    code == "in_progress" || matches!(answer.status.as_u16(), 429 | 500 | 503)
}

async fn read(response: Response<Body>) -> Result<Answer, String> {
    let (parts, body) = response.into_parts();
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let cookie = text("set-cookie").split(';').next().unwrap_or_default().to_owned();
    let offset = text("upload-offset").parse().ok();
    let octets = to_bytes(body, ANSWER_OCTETS_MAX).await.map_err(|cause| cause.to_string())?;
    let body = serde_json::from_slice(&octets).unwrap_or_default();
    Ok(Answer { status: parts.status, body, cookie, offset })
}
