//! `Idempotency-Key`: a POST that is asked twice under one key is done once and answered twice.
//! Never keeps an answer that holds a secret, nor one of a request that failed by our fault.

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::ApiError;
use super::body::BODY_BYTES_MAX;
use super::caller::let_in;
use super::layers::{Origin, is_portuguese, rendered};
use crate::app::App;
use crate::store::idempotency::{Asked, Known};

/// How long a key is remembered, in milliseconds: a day.
const KEY_MILLIS: i64 = 86_400_000;
/// The longest key, in octets.
const KEY_BYTES_MAX: usize = 200;
/// The longest answer that is kept, in octets.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Headers that are kept with an answer.
const KEPT: [HeaderName; 3] = [header::CONTENT_TYPE, header::LOCATION, header::ETAG];
/// Paths whose answers hold a secret, or whose bodies are not to be held in memory.
const LEFT_OUT: [&str; 6] = ["/auth/", "/access/", "/oauth/", "upload", "/import", "/system/keys"];

/// The layer.
pub async fn once(State(app): State<App>, request: Request, next: Next) -> Response {
    let name = HeaderName::from_static("idempotency-key");
    let key = request.headers().get(name).and_then(|key| key.to_str().ok()).map(str::to_owned);
    let is_left_out = LEFT_OUT.iter().any(|part| request.uri().path().contains(part));
    let (Some(key), &Method::POST, false) = (key, request.method(), is_left_out) else {
        return next.run(request).await;
    };
    let origin = request.extensions().get::<Origin>().cloned().unwrap_or_default();
    let portuguese = is_portuguese(request.headers());
    match keyed(&app, &key, request, next).await {
        Ok(response) => response,
        Err(error) => rendered(axum::response::IntoResponse::into_response(error), &origin, portuguese),
    }
}

async fn keyed(app: &App, key: &str, request: Request, next: Next) -> Result<Response, ApiError> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(ApiError::bad_request(format!("an idempotency key has 1 to {KEY_BYTES_MAX} characters")));
    }
    // A person is the same after another login. Whoever is not let in is told so, and is not answered from the drawer.
    let origin = request.extensions().get::<Origin>().cloned().unwrap_or_default();
    let Some(actor) = let_in(app, request.headers(), &origin).await? else {
        return Ok(next.run(request).await);
    };
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_BYTES_MAX)
        .await
        .map_err(|_| ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the body is too large"))?;
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str()).to_owned();
    let hash = Sha256::digest(&body).to_vec();
    let asked = Asked { actor: &actor, key, method: "POST", path: &path, hash };
    let now_ms = app.now_ms();
    if !app.store.take_key(&asked, now_ms, now_ms + KEY_MILLIS).await? {
        return match app.store.known_key(&actor, key).await? {
            Some(known) => replay(&known, &asked),
            None => Err(ApiError::conflict("in_progress", "the same request is being worked on")),
        };
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    keep(app, &asked, response).await
}

fn replay(known: &Known, asked: &Asked<'_>) -> Result<Response, ApiError> {
    if (known.method.as_str(), known.path.as_str(), &known.hash) != (asked.method, asked.path, &asked.hash) {
        let detail = "this key was used for another request: take a new key for each";
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_conflict", detail));
    }
    if !known.is_done {
        return Err(ApiError::conflict("in_progress", "the same request is being worked on"));
    }
    let status = u16::try_from(known.status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let mut response = Response::new(Body::from(known.body.clone()));
    *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers: Map<String, Value> = serde_json::from_str(&known.headers_json).unwrap_or_default();
    for name in KEPT {
        let value = headers.get(name.as_str()).and_then(Value::as_str);
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    Ok(response)
}

async fn keep(app: &App, asked: &Asked<'_>, response: Response) -> Result<Response, ApiError> {
    let status = response.status();
    // Nothing was done: the same request may be asked again and find things otherwise.
    if status.is_server_error() || matches!(status.as_u16(), 401 | 403 | 429) {
        app.store.drop_key(asked).await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, ANSWER_BYTES_MAX).await.map_err(|error| ApiError::internal(&error))?;
    let told = KEPT.iter().filter_map(|name| {
        let value = parts.headers.get(name)?.to_str().ok()?;
        Some((name.to_string(), Value::from(value)))
    });
    let headers = Value::Object(told.collect()).to_string();
    app.store.keep_answer(asked, i64::from(status.as_u16()), &headers, body.to_vec()).await?;
    Ok(Response::from_parts(parts, Body::from(body)))
}
