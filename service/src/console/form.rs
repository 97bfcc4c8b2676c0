//! Forms: what a page without script sends, as names and values.
//! Never keeps a password longer than the request, nor shows it again.

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use serde_json::{Map, Value};

use super::problem::Problem;

/// A form is at most so long, in octets: a list of mailboxes may be pasted into one.
const FORM_BYTES_MAX: usize = 10 * 1024 * 1024;
/// And has so many fields.
const FIELDS_MAX: usize = 10_000;

/// A form's fields in their order.
#[derive(Clone, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads `application/x-www-form-urlencoded`.
    pub fn parse(octets: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(octets).take(FIELDS_MAX);
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The fields of an object of texts, as if somebody had typed them.
    pub fn of(object: &Value) -> Self {
        let pairs = object.as_object().into_iter().flatten();
        Self(
            pairs
                .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
                .collect(),
        )
    }

    /// The first value of a field as it was typed; empty where there is none.
    pub fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The same without blanks around it.
    pub fn get(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// Every value of a field.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.trim())
    }

    /// True where a box is ticked.
    pub fn has(&self, name: &str) -> bool {
        !self.get(name).is_empty()
    }

    /// Every value of a field that is a number.
    pub fn numbers(&self, name: &str) -> Vec<i64> {
        self.all(name).filter_map(|text| text.parse().ok()).collect()
    }

    /// Every field in its order, as it was typed.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The fields that were filled in, as JSON texts under the same names.
    pub fn object(&self, names: &[&str]) -> Map<String, Value> {
        let filled = names.iter().filter(|name| self.has(name));
        filled.map(|name| ((*name).to_owned(), Value::from(self.get(name)))).collect()
    }

    /// What may be shown again when the form comes back: no secret.
    pub fn shown(&self) -> Value {
        let is_secret = |name: &str| {
            ["password", "again", "token", "code", "csrf", "secret", "new", "current", "proof_code"]
                .contains(&name)
        };
        let plain = self.0.iter().filter(|(name, _)| {
            !is_secret(name) && !name.ends_with("_password") && !name.starts_with("secret_")
        });
        Value::Object(plain.map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect())
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !kind.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded")) {
            return Err(Problem::of_form());
        }
        let octets = to_bytes(request.into_body(), FORM_BYTES_MAX).await.map_err(|_| Problem::of_form())?;
        Ok(Self::parse(&octets))
    }
}

/// A page's query, read the same way.
#[derive(Clone, Default)]
pub struct Query(pub Form);

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for Query {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        _state: &S,
    ) -> Result<Self, Self::Rejection> {
        Ok(Self(Form::parse(parts.uri.query().unwrap_or_default().as_bytes())))
    }
}

/// A place of the console that a form may lead back to; the overview for anything else.
pub fn place(text: &str) -> &str {
    let is_ours = text == "/console" || text.starts_with("/console/") || text.starts_with("/console?");
    let is_plain = text.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'\\');
    if is_ours && is_plain && !text.contains("//") { text } else { "/console" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_leads_to_the_console_alone() {
        for (text, expected) in [
            ("/console/jobs?q=1", "/console/jobs?q=1"),
            ("/console", "/console"),
            ("//evil.example", "/console"),
            ("/console//evil", "/console"),
            ("https://evil.example/console", "/console"),
            ("/consoles", "/console"),
            ("/console/\r\nset-cookie: x", "/console"),
        ] {
            assert_eq!(place(text), expected);
        }
    }

    #[test]
    fn a_form_is_read_and_its_secrets_are_not_shown_again() {
        let form = Form::parse(
            b"name=ana+b&password=s%C3%A3o&id=1&id=x&id=3&source_password=p&again=s%C3%A3o&secret_token=p",
        );
        assert_eq!(form.get("name"), "ana b");
        assert_eq!(form.raw("password"), "são");
        assert_eq!(form.numbers("id"), [1, 3]);
        let shown = form.shown().to_string();
        assert!(!shown.contains("são") && !shown.contains("\"p\""), "{shown}");
    }
}
