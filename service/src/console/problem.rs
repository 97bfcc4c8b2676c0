//! What the API refused, in the shape that pages show: by its stable code, in plain words, with the next step.
//! Never shows the API's English sentence as if it were the visitor's language.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

use super::client::Told;

/// A refusal.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// The stable code.
    pub code: String,
    /// The API's sentence about this case, in English.
    pub detail: String,
    /// What is wrong with which field.
    pub errors: Vec<FieldProblem>,
    /// What else the API told.
    pub more: Box<Value>,
    /// Seconds after which another try is worth it; 0: not said.
    pub retry_seconds: u64,
    /// Cookies that came with it: a login that waits for its second factor is a refusal too.
    pub cookies: Box<HeaderMap>,
}

/// What is wrong with a field.
#[derive(Debug, Clone, Serialize)]
pub struct FieldProblem {
    /// The field's name in a form.
    pub field: String,
    /// The API's sentence, in English.
    pub message: String,
}

impl Problem {
    /// Of an answer that is no success.
    pub fn of(told: Told) -> Self {
        let text = |name: &str| told.json[name].as_str().unwrap_or_default().to_owned();
        let errors = told.json["errors"].as_array().into_iter().flatten().map(|one| FieldProblem {
            field: plain(one["field"].as_str().unwrap_or_default()),
            message: one["message"].as_str().unwrap_or_default().to_owned(),
        });
        let code =
            Some(text("code")).filter(|code| !code.is_empty()).unwrap_or_else(|| "internal".to_owned());
        let retry = told.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let mut cookies = HeaderMap::new();
        for cookie in told.headers.get_all(header::SET_COOKIE) {
            cookies.append(header::SET_COOKIE, cookie.clone());
        }
        Self {
            status: told.status,
            code,
            detail: text("detail"),
            errors: errors.collect(),
            retry_seconds: retry.and_then(|text| text.parse().ok()).unwrap_or(0),
            cookies: Box::new(cookies),
            more: Box::new(told.json),
        }
    }

    fn plain(status: StatusCode, code: &str) -> Self {
        Self {
            status,
            code: code.to_owned(),
            detail: String::new(),
            errors: Vec::new(),
            more: Box::new(Value::Null),
            retry_seconds: 0,
            cookies: Box::default(),
        }
    }

    /// Where the console itself went wrong.
    pub fn of_ours() -> Self {
        Self::plain(StatusCode::INTERNAL_SERVER_ERROR, "internal")
    }

    /// A page that is not there.
    pub fn not_found() -> Self {
        Self::plain(StatusCode::NOT_FOUND, "not_found")
    }

    /// A form that another site sent.
    pub fn of_another_site() -> Self {
        Self::plain(StatusCode::FORBIDDEN, "csrf")
    }

    /// A form that cannot be read.
    pub fn of_form() -> Self {
        Self::plain(StatusCode::BAD_REQUEST, "bad_request")
    }

    /// A field that the console itself finds wrong.
    pub fn of_field(field: &str, message: &str) -> Self {
        let errors = vec![FieldProblem { field: field.to_owned(), message: message.to_owned() }];
        Self { errors, ..Self::plain(StatusCode::UNPROCESSABLE_ENTITY, "invalid") }
    }

    /// True where a field of this name is what is wrong.
    pub fn is_of(&self, field: &str) -> bool {
        self.errors.iter().any(|one| one.field == field)
    }

    /// True where the visitor has to prove again who it is.
    pub fn asks_for_proof(&self) -> bool {
        self.code == "step_up_required"
    }
}

/// The field of a form that stands for a field of the API: `source.host` is typed into `source_host`; how tokens come
/// and what every run is told have their fields in the form itself.
fn plain(field: &str) -> String {
    let own = ["grant.", "options."].iter().find_map(|part| field.strip_prefix(part));
    own.unwrap_or(field).replace('.', "_")
}

/// Rides on the response until the layer, which knows the visitor's language, writes the page.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
