//! Completes the API's description: names of operations, ways to log in, and the answers that every layer may give.
//! Never takes anything back that a handler says of itself.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

/// What anybody may ask without logging in.
const OPEN: [&str; 10] = [
    "/auth/status",
    "/auth/setup",
    "/auth/login",
    "/auth/mfa",
    "/health",
    "/health/ready",
    "/version",
    "/share/{token}",
    "/schemas/job-report.json",
    "/i18n/{file}",
];
const PROBLEM: &str = "application/problem+json";

/// Completes the description that the routes make of themselves (OpenAPI 3.1).
pub fn complete(document: &mut Value) {
    document["components"]["schemas"]["Problem"] = problem();
    document["components"]["securitySchemes"] = json!({
        "token": {"type": "http", "scheme": "bearer", "description": "A service token: `Bearer lbx_…`"},
        "session": {"type": "apiKey", "in": "cookie", "name": "__Host-session"},
        "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token",
                 "description": "The page's token; whatever changes something needs it beside a session"},
    });
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object_mut().into_iter().flatten() {
            complete_one(path, method, operation);
        }
    }
}

fn complete_one(path: &str, method: &str, operation: &mut Value) {
    operation["operationId"] = name(path, method).into();
    let is_open = OPEN.contains(&path);
    if !is_open {
        let session =
            if method == "get" { json!({"session": []}) } else { json!({"session": [], "csrf": []}) };
        operation["security"] = json!([{"token": []}, session]);
    }
    let has_body = operation.get("requestBody").is_some();
    let has_place = path.contains('{');
    let mut statuses: Vec<u16> = vec![400, 429, 503];
    if !is_open {
        statuses.extend([401, 403]);
    }
    if has_place {
        statuses.push(404);
    }
    if has_body {
        statuses.extend([413, 415, 422]);
    }
    if method != "get" {
        // A key of idempotency may belong to another request, or to one that is still worked on.
        statuses.extend([409, 422]);
    }
    if !operation["responses"].is_object() {
        operation["responses"] = Value::Object(Map::new());
    }
    for status in statuses {
        let answers = &mut operation["responses"];
        if answers.get(status.to_string()).is_none() {
            answers[status.to_string()] = json!({});
        }
    }
    for (status, answer) in operation["responses"].as_object_mut().into_iter().flatten() {
        complete_answer(status, answer);
    }
    // A list that is read is told as CSV too.
    let content = operation.pointer_mut("/responses/200/content").filter(|_| method == "get");
    let is_list = |content: &Value| {
        let schema = content["application/json"]["schema"]["$ref"].as_str();
        schema.is_some_and(|schema| schema.contains("/Listed"))
    };
    if let Some(content) = content.filter(|content| is_list(content)) {
        content["text/csv"] = json!({"schema": {"type": "string"}});
    }
}

/// Says what a status means, and that refusals are problems in the form of RFC 9457.
fn complete_answer(status: &str, answer: &mut Value) {
    let code = status.parse::<u16>().ok().and_then(|number| StatusCode::from_u16(number).ok());
    let is_blank = answer["description"].as_str().is_none_or(str::is_empty);
    if is_blank {
        answer["description"] = code.and_then(|code| code.canonical_reason()).unwrap_or(status).into();
    }
    let is_refusal = code.is_some_and(|code| code.is_client_error() || code.is_server_error());
    if is_refusal && answer.get("content").is_none() {
        answer["content"] = json!({PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}});
    }
}

/// A name that no other operation has: `post_migration_jobs_id_sync`.
fn name(path: &str, method: &str) -> String {
    let words = path.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    std::iter::once(method).chain(words).collect::<Vec<_>>().join("_")
}

fn problem() -> Value {
    let field = json!({
        "type": "object", "required": ["field", "code", "message"],
        "properties": {
            "field": {"type": "string", "description": "The field, as in the request: `mailboxes[3].email`"},
            "code": {"type": "string"}, "message": {"type": "string"},
        },
    });
    json!({
        "type": "object", "description": "Why a request is not done (RFC 9457)",
        "required": ["type", "title", "status", "detail", "code", "request_id", "errors"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string", "description": "In the caller's language"},
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "A sentence about this case"},
            "code": {"type": "string", "description": "A word that programs go by"},
            "request_id": {"type": "string"},
            "errors": {"type": "array", "items": field},
        },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_operation_has_a_name_of_its_own_and_each_answer_says_what_it_means() {
        let document = super::super::router::description();
        let mut names = HashSet::new();
        let paths = document["paths"].as_object().expect("a description has paths");
        for (path, methods) in paths {
            for (method, operation) in methods.as_object().expect("a path has methods") {
                let name = operation["operationId"].as_str().expect("each has a name").to_owned();
                assert!(names.insert(name), "{method} {path} shares its name");
                for (status, answer) in operation["responses"].as_object().expect("each has answers") {
                    assert!(answer["description"].is_string(), "{method} {path} {status}");
                    let is_refusal = status.starts_with(['4', '5']);
                    assert_eq!(
                        is_refusal,
                        answer["content"].get(PROBLEM).is_some(),
                        "{method} {path} {status}"
                    );
                }
            }
        }
        for path in OPEN {
            assert!(paths.contains_key(path), "{path} is gone");
        }
    }
}
