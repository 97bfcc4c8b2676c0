//! What goes out beside plain JSON: versions as ETags, and places of new things.
//! Never compares contents: a version is the row's own number.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::ApiError;

/// JSON with the version of what it shows.
pub struct Versioned<T>(pub i64, pub T);

impl<T: Serialize> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.1).into_response();
        if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", self.0)) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

/// 201 with the place of what was made.
pub fn created<T: Serialize>(place: &str, value: &T) -> Response {
    with_place(StatusCode::CREATED, place, value)
}

/// 202 with the place where it can be watched.
pub fn accepted<T: Serialize>(place: &str, value: &T) -> Response {
    with_place(StatusCode::ACCEPTED, place, value)
}

fn with_place<T: Serialize>(status: StatusCode, place: &str, value: &T) -> Response {
    let mut response = (status, Json(value)).into_response();
    if let Ok(place) = HeaderValue::from_str(place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

/// Goes on where the caller names no version, or the one that is: what is removed need not have been looked at.
///
/// # Errors
/// 412 where another version is named.
pub fn unless_stale(headers: &HeaderMap, current: i64) -> Result<(), ApiError> {
    if headers.contains_key(header::IF_MATCH) { seen_version(headers, current).map(|_| ()) } else { Ok(()) }
}

/// The version that the caller saw: 428 where none is named, 412 where it is another than `current`.
///
/// # Errors
/// As said.
pub fn seen_version(headers: &HeaderMap, current: i64) -> Result<i64, ApiError> {
    let Some(told) = headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok()) else {
        let detail = "name the version you saw in If-Match: the ETag of the last answer";
        return Err(ApiError::new(StatusCode::PRECONDITION_REQUIRED, "if_match_required", detail));
    };
    let is_current = told.split(',').map(str::trim).any(|tag| tag == "*" || tag == format!("\"{current}\""));
    if is_current {
        return Ok(current);
    }
    let detail = "it is not as you saw it: read it again";
    Err(ApiError::new(StatusCode::PRECONDITION_FAILED, "stale", detail))
}
