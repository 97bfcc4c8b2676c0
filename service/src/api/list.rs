//! Lists: a page of rows, where the next begins, and the same as CSV.
//! Never gives more rows than asked for, nor a cell that a spreadsheet would run.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::ApiError;

/// The most rows of one page.
pub const ROWS_MAX: i64 = 200;
/// Rows where nothing is said.
const ROWS: i64 = 50;

/// Which page.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// How many rows, 1 to 200; 50 where nothing is said.
    pub limit: Option<i64>,
    /// Where the last page ended: its `next_cursor`.
    pub cursor: Option<String>,
}

impl Page {
    /// How many rows.
    ///
    /// # Errors
    /// 400 for none or too many.
    pub fn rows(&self) -> Result<i64, ApiError> {
        match self.limit.unwrap_or(ROWS) {
            rows @ 1..=ROWS_MAX => Ok(rows),
            _ => Err(ApiError::bad_request(format!("limit is from 1 to {ROWS_MAX}"))),
        }
    }

    /// The number that the last page ended with; `start` for the first page.
    ///
    /// # Errors
    /// 400 for what no page ended with.
    pub fn after(&self, start: i64) -> Result<i64, ApiError> {
        match self.cursor.as_deref() {
            None | Some("") => Ok(start),
            Some(text) => text.parse().map_err(|_| ApiError::bad_request("no page ended with this cursor")),
        }
    }
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Listed<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins; null at the end.
    pub next_cursor: Option<String>,
    /// How many there are in all.
    pub total: i64,
}

impl<T: Serialize> Listed<T> {
    /// A page of at most `rows` of what was found, where one more was asked for to know whether there are more.
    pub fn cut(mut items: Vec<T>, rows: i64, total: i64, cursor: impl Fn(&T) -> i64) -> Self {
        let rows = usize::try_from(rows).unwrap_or(0);
        let has_more = items.len() > rows;
        items.truncate(rows);
        let next_cursor = items.last().filter(|_| has_more).map(|last| cursor(last).to_string());
        Self { items, next_cursor, total }
    }

    /// All there is.
    pub fn whole(items: Vec<T>) -> Self {
        let total = i64::try_from(items.len()).unwrap_or(i64::MAX);
        Self { items, next_cursor: None, total }
    }

    /// JSON, or CSV where the caller asks for that.
    pub fn answer(self, headers: &HeaderMap) -> Response {
        let wants_csv = headers
            .get(header::ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .is_some_and(|accept| accept.contains("text/csv"));
        if !wants_csv {
            return Json(self).into_response();
        }
        let rows = self.items.iter().filter_map(|item| serde_json::to_value(item).ok());
        let mut response = csv_of(rows).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
        if let Some(next) = self.next_cursor.and_then(|next| HeaderValue::from_str(&next).ok()) {
            headers.insert("x-next-cursor", next);
        }
        response
    }
}

/// Objects as CSV (RFC 4180): plain members as they are, others as JSON.
fn csv_of(rows: impl Iterator<Item = Value>) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let mut names: Option<Vec<String>> = None;
    for row in rows {
        let Some(members) = row.as_object() else { continue };
        let names = names.get_or_insert_with(|| {
            let names: Vec<String> = members.keys().cloned().collect();
            // Writing into memory does not fail.
            let _ = writer.write_record(&names);
            names
        });
        let cells = names.iter().map(|name| match members.get(name) {
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
        let rows = [json!({"a": "=1+1", "b": 2, "c": null}), json!({"a": "x,\"y\"", "b": [1], "c": "é"})];
        let text = String::from_utf8(csv_of(rows.into_iter())).unwrap();
        assert_eq!(text, "a,b,c\r\n'=1+1,2,\r\n\"x,\"\"y\"\"\",[1],é\r\n");
    }

    #[test]
    fn a_page_ends_where_there_is_no_more() {
        for (count, rows, next) in [(3, 2, Some("1")), (2, 2, None), (0, 2, None)] {
            let page = Listed::cut((0..count).collect::<Vec<i64>>(), rows, 9, |item| *item);
            assert_eq!(page.next_cursor.as_deref(), next, "{count} rows");
        }
    }
}
