//! Lists as CSV (RFC 4180), for whoever asks for `text/csv`.
//! Never gives a cell that a spreadsheet would run.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

use super::ApiError;

/// A list that is told as CSV is at most so long as JSON, in octets.
const LIST_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Where the next page begins.
pub(super) const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");

/// The layer that tells a list as CSV where the caller would rather have that than JSON.
pub async fn as_csv(request: Request, next: Next) -> Response {
    let is_wanted = request.method() == Method::GET && wants_csv(request.headers());
    let response = next.run(request).await;
    let form = response.headers().get(header::CONTENT_TYPE).and_then(|form| form.to_str().ok());
    if !is_wanted || !response.status().is_success() || form != Some("application/json") {
        return response;
    }
    let (parts, body) = response.into_parts();
    let octets = match to_bytes(body, LIST_BYTES_MAX).await {
        Ok(octets) => octets,
        Err(error) => return ApiError::internal(&error).into_response(),
    };
    let list = serde_json::from_slice::<Value>(&octets).ok();
    let items = list.as_ref().and_then(|list| list.get("items")).and_then(Value::as_array);
    let Some(items) = items.filter(|_| list.as_ref().is_some_and(|list| list.get("next_cursor").is_some()))
    else {
        return Response::from_parts(parts, Body::from(octets));
    };
    let mut response = Response::from_parts(parts, Body::from(csv_of(items, true)));
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    let cursor = list.as_ref().and_then(|list| list["next_cursor"].as_str());
    if let Some(cursor) = cursor.and_then(|cursor| HeaderValue::from_str(cursor).ok()) {
        headers.insert(NEXT_CURSOR, cursor);
    }
    response
}

/// The first of the two forms that is named wins, as far as no weights say otherwise (RFC 9110 §12.5.1).
fn wants_csv(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let mut best = (0_u16, false);
    for form in lines.flat_map(|line| line.split(',')) {
        let mut words = form.split(';').map(str::trim);
        let is_csv = match words.next().map(str::to_ascii_lowercase).as_deref() {
            Some("text/csv") => true,
            Some("application/json" | "application/*" | "*/*") => false,
            _ => continue,
        };
        let weight =
            words.find_map(|word| word.strip_prefix("q=")).map_or(Some(1.0), |text| text.parse().ok());
        let thousandths = weight.filter(|weight| (0.0..=1.0).contains(weight)).map_or(0, |weight: f32| {
            // At most 1000.
            (weight * 1000.0) as u16
        });
        if thousandths > best.0 {
            best = (thousandths, is_csv);
        }
    }
    best.1
}

/// Objects as CSV: plain members as they are, others as JSON; with the names of the columns first, or without.
pub(super) fn csv_of(rows: &[Value], has_names: bool) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let mut names: Vec<&String> = Vec::new();
    // A member that only some rows have is a column of all.
    for member in rows.iter().filter_map(Value::as_object).flat_map(serde_json::Map::keys) {
        if !names.contains(&member) {
            names.push(member);
        }
    }
    if has_names && !names.is_empty() {
        // Writing into memory does not fail.
        let _ = writer.write_record(&names);
    }
    for row in rows {
        let cells = names.iter().map(|name| match row.get(name.as_str()) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => harmless(text),
            Some(other) => other.to_string(),
        });
        let _ = writer.write_record(cells);
    }
    writer.into_inner().unwrap_or_default()
}

/// A text that a spreadsheet would take for a formula gets an apostrophe (OWASP, CSV injection).
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_csv_runs_nothing_and_keeps_its_columns() {
        let rows =
            [json!({"a": "=1+1", "b": 2, "c": null}), json!({"a": "x,\"y\"", "b": [1], "c": "é", "d": true})];
        let text = String::from_utf8(csv_of(&rows, true)).unwrap();
        assert_eq!(text, "a,b,c,d\r\n'=1+1,2,,\r\n\"x,\"\"y\"\"\",[1],é,true\r\n");
        assert_eq!(csv_of(&[], true), b"");
        assert_eq!(csv_of(&rows[..1], false), b"'=1+1,2,\r\n");
    }

    #[test]
    fn csv_comes_where_it_is_liked_best() {
        for (accept, expected) in [
            ("text/csv", true),
            ("text/csv, */*;q=0.5", true),
            ("text/csv;q=0.5, application/json", false),
            ("application/json, text/csv", false),
            ("*/*", false),
            ("text/html,application/xhtml+xml,*/*;q=0.8", false),
            ("text/csv;q=0", false),
            ("text/csv;q=shoe", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(wants_csv(&headers), expected, "{accept}");
        }
    }
}
