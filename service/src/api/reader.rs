//! The API's description as a page that needs no script and no other machine.
//! Never shows what the description does not say.

use std::fmt::Write as _;

use axum::Extension;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use serde_json::Value;

/// The description, made once.
#[derive(Clone)]
pub struct Document(pub std::sync::Arc<Value>);

/// `GET /openapi.json`.
pub async fn document(Extension(document): Extension<Document>) -> Response {
    axum::Json(document.0.as_ref()).into_response()
}

/// `GET /docs/style.css`.
pub async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

const STYLE: &str = "\
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem;color:#1b1b1b;background:#fff}
h2{margin-top:2rem;border-bottom:1px solid #bbb}code{background:#f1f1f1;padding:.1rem .3rem}
summary{cursor:pointer;padding:.4rem 0}summary b{display:inline-block;min-width:4.5rem}
table{border-collapse:collapse}td,th{border:1px solid #bbb;padding:.2rem .6rem;text-align:left}
pre{background:#f1f1f1;padding:.6rem;overflow:auto}
@media(prefers-color-scheme:dark){body{color:#eee;background:#181818}code,pre{background:#2a2a2a}}
";

/// `GET /docs`: every request, its fields and its answers.
pub async fn page(Extension(document): Extension<Document>) -> Html<String> {
    Html(render(&document.0))
}

/// Text as HTML.
fn safe(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn render(document: &Value) -> String {
    let mut html = String::from(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Malote API</title>\
         <link rel=\"stylesheet\" href=\"/docs/style.css\"></head><body><h1>Malote API</h1>\
         <p>The same as a file for programs: <a href=\"/openapi.json\">openapi.json</a>. \
         Every path stands under <code>/api/v1</code> too.</p>",
    );
    let paths = document["paths"].as_object().into_iter().flatten();
    let mut rows: Vec<(&str, &str, &str, &Value)> = Vec::new();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            rows.push((operation["tags"][0].as_str().unwrap_or("other"), path, method, operation));
        }
    }
    rows.sort_by_key(|(tag, path, method, _)| (*tag, *path, *method));
    let mut last = "";
    for (tag, path, method, operation) in rows {
        if tag != last {
            // Writing into a string does not fail.
            let _ = write!(html, "<h2>{}</h2>", safe(tag));
            last = tag;
        }
        operation_html(&mut html, path, method, operation, document);
    }
    html.push_str("</body></html>");
    html
}

fn operation_html(html: &mut String, path: &str, method: &str, operation: &Value, document: &Value) {
    let words = operation["summary"].as_str().unwrap_or_default();
    let _ = write!(
        html,
        "<details><summary><b>{}</b> <code>{}</code></summary><p>{}</p>",
        safe(&method.to_uppercase()),
        safe(path),
        safe(words)
    );
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    for one in parameters {
        let name = one["name"].as_str().unwrap_or_default();
        let place = one["in"].as_str().unwrap_or_default();
        let about = one["description"].as_str().unwrap_or_default();
        let _ = write!(html, "<p><code>{}</code> ({}): {}</p>", safe(name), safe(place), safe(about));
    }
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    fields_html(html, "Body", body, document);
    for (status, answer) in operation["responses"].as_object().into_iter().flatten() {
        let schema = &answer["content"]["application/json"]["schema"];
        let _ = write!(html, "<p>{}</p>", safe(status));
        fields_html(html, "Answer", schema, document);
    }
    html.push_str("</details>");
}

fn fields_html(html: &mut String, title: &str, schema: &Value, document: &Value) {
    let named = schema["$ref"].as_str().and_then(|place| place.strip_prefix('#'));
    let schema = named.and_then(|place| document.pointer(place)).unwrap_or(schema);
    let Some(fields) = schema["properties"].as_object() else { return };
    let _ = write!(html, "<table><caption>{}</caption><tr><th>field<th>type<th>meaning</tr>", safe(title));
    for (name, field) in fields {
        let kind = match (&field["type"], field["$ref"].as_str()) {
            (Value::String(kind), _) => kind.clone(),
            (Value::Array(kinds), _) => {
                kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or ")
            }
            (_, Some(place)) => place.rsplit('/').next().unwrap_or_default().to_owned(),
            _ => String::new(),
        };
        let about = field["description"].as_str().unwrap_or_default();
        let _ =
            write!(html, "<tr><td><code>{}</code><td>{}<td>{}</tr>", safe(name), safe(&kind), safe(about));
    }
    html.push_str("</table>");
}
