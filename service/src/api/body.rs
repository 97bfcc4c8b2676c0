//! What comes in: JSON bodies, paths and queries, each refused in the API's own form.
//! Never lets a field pass that its type does not name: every request type denies unknown ones.

use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use serde::de::DeserializeOwned;

use super::error::{ApiError, FieldError};

/// A JSON body is at most so long, in octets; uploads and CSV files have limits of their own.
pub const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;

/// A JSON body.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: axum::extract::Request, state: &S) -> Result<Self, ApiError> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(of_json(&rejection)),
        }
    }
}

fn of_json(rejection: &JsonRejection) -> ApiError {
    match rejection {
        JsonRejection::JsonDataError(error) => {
            let text =
                std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
            // The path of the field comes first: `mailboxes[3].email: …`.
            let (field, message) = text.split_once(": ").unwrap_or(("", &text));
            // Other words may quote the value, and a value may be a secret.
            let is_safe = message.starts_with("missing field") || message.starts_with("unknown field");
            let message = if is_safe { message.to_owned() } else { "the value has another type".to_owned() };
            ApiError::fields(vec![FieldError { field: field.to_owned(), code: "invalid", message }])
        }
        JsonRejection::JsonSyntaxError(_) => ApiError::bad_request("the body is no JSON"),
        JsonRejection::MissingJsonContentType(_) => ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "the body's type is not application/json",
        ),
        other => match other.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the body is too large")
            }
            _ => ApiError::bad_request("the body cannot be read"),
        },
    }
}

/// What is wrong with a body that is taken as it comes.
pub fn of_bytes(rejection: &BytesRejection) -> ApiError {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the body is too large")
        }
        _ => ApiError::bad_request("the body cannot be read"),
    }
}

/// A number or a word of the path.
pub struct At<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for At<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            // What is no id is nobody's id.
            Err(PathRejection::FailedToDeserializePathParams(_)) => Err(ApiError::not_found("object")),
            Err(_) => Err(ApiError::bad_request("the path cannot be read")),
        }
    }
}

/// The query.
pub struct Asked<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(QueryRejection::FailedToDeserializeQueryString(error)) => {
                let text =
                    std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
                Err(ApiError::bad_request(text))
            }
            Err(_) => Err(ApiError::bad_request("the query cannot be read")),
        }
    }
}

/// An answer without a body.
pub fn no_content() -> Response {
    axum::response::IntoResponse::into_response(StatusCode::NO_CONTENT)
}
