//! Lists: a page of rows in an order, and where the next begins.
//! Never gives more rows than asked for, nor goes on in another order than the page before.

use std::cmp::Ordering;

use axum::Json;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{ApiError, Result};
use crate::store::order::Order;

/// The most rows of one page.
pub const ROWS_MAX: i64 = 200;
/// Rows where nothing is said.
const ROWS: i64 = 50;

/// Members by which lists are sorted that are numbers: a database compares them with numbers alone.
const NUMBERS: [&str; 4] = ["id", "priority", "messages_missing", "size_bytes"];

/// Which page.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// How many rows, 1 to 200; 50 where nothing is said.
    pub limit: Option<i64>,
    /// Where the last page ended: its `next_cursor`.
    pub cursor: Option<String>,
    /// By which member, the greatest first with a `-` before it.
    pub sort: Option<String>,
}

impl Page {
    /// How many rows.
    ///
    /// # Errors
    /// 400 for none or too many.
    pub fn rows(&self) -> Result<i64> {
        match self.limit.unwrap_or(ROWS) {
            rows @ 1..=ROWS_MAX => Ok(rows),
            _ => Err(ApiError::bad_request(format!("limit is from 1 to {ROWS_MAX}"))),
        }
    }

    /// The number that the last page ended with; `start` for the first page.
    ///
    /// # Errors
    /// 400 for what no page ended with.
    pub fn after(&self, start: i64) -> Result<i64> {
        match self.cursor.as_deref() {
            None | Some("") => Ok(start),
            Some(text) => text.parse().map_err(|_| no_such_page()),
        }
    }

    /// The order that is asked for, by one of these columns, and one row more than the page has. Where nothing is
    /// said, `unsaid`.
    ///
    /// # Errors
    /// 400 for another column, and for a cursor of another order.
    pub fn order(&self, columns: &[&'static str], unsaid: &'static str) -> Result<Sorted> {
        let word = self.sort.as_deref().filter(|word| !word.is_empty()).unwrap_or(unsaid);
        let (name, is_descending) = word.strip_prefix('-').map_or((word, false), |name| (name, true));
        let column = columns.iter().position(|known| *known == name).ok_or_else(|| {
            ApiError::bad_request(format!(
                "sort is one of {}, with or without - before it",
                columns.join(", ")
            ))
        })?;
        let word = format!("{}{}", if is_descending { "-" } else { "" }, columns[column]);
        let after = match self.cursor.as_deref() {
            None | Some("") => None,
            Some(cursor) => Some(place(cursor, &word)?),
        };
        let rows = self.rows()?;
        Ok(Sorted {
            order: Order { column, is_descending, after, rows: rows + 1 },
            word,
            name: columns[column],
        })
    }
}

fn no_such_page() -> ApiError {
    ApiError::bad_request("no page of this order ended with this cursor")
}

/// The order of a page, as the database and as the next cursor have it.
pub struct Sorted {
    /// For the database: with one row more than the page has.
    pub order: Order,
    word: String,
    name: &'static str,
}

/// A cursor tells its order, so that it is taken for no place in another one.
fn cursor(word: &str, value: &Value, last: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json!([word, value, last]).to_string())
}

fn parts(cursor: &str, word: &str) -> Result<(Value, Value)> {
    let octets = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| no_such_page())?;
    let told: (String, Value, Value) = serde_json::from_slice(&octets).map_err(|_| no_such_page())?;
    if told.0 == word { Ok((told.1, told.2)) } else { Err(no_such_page()) }
}

/// The value and the id that a page ended with. Whoever goes by ids alone may name the id itself.
fn place(cursor: &str, word: &str) -> Result<(String, i64)> {
    let name = word.trim_start_matches('-');
    let (by_id, is_number) = (name == "id", NUMBERS.contains(&name));
    if let Some(id) = cursor.parse::<i64>().ok().filter(|_| by_id) {
        return Ok((id.to_string(), id));
    }
    let (value, id) = parts(cursor, word)?;
    let id = id.as_i64().ok_or_else(no_such_page)?;
    match value {
        Value::String(text) if !is_number && !text.contains('\0') => Ok((text, id)),
        Value::Number(number) if is_number && number.is_i64() => Ok((number.to_string(), id)),
        _ => Err(no_such_page()),
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

    /// A page in an order, of what was found by it.
    pub fn sorted(mut items: Vec<T>, by: &Sorted, total: i64) -> Self {
        let rows = usize::try_from(by.order.rows - 1).unwrap_or(0);
        let has_more = items.len() > rows;
        items.truncate(rows);
        let next_cursor = items.last().filter(|_| has_more).map(|last| {
            let last = serde_json::to_value(last).unwrap_or_default();
            match by.name {
                "id" => last["id"].to_string(),
                name => cursor(&by.word, &last[name], &last["id"]),
            }
        });
        Self { items, next_cursor, total }
    }

    /// All there is.
    pub fn whole(items: Vec<T>) -> Self {
        let total = i64::try_from(items.len()).unwrap_or(i64::MAX);
        Self { items, next_cursor: None, total }
    }
}

impl<T: Serialize> IntoResponse for Listed<T> {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

/// Rows of a list that was read whole.
pub type Shown = Listed<Value>;

/// What is wanted of a list that is read whole: all of it where nothing is said.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct Short {
    /// How many rows, 1 to 200; all where nothing is said.
    pub limit: Option<i64>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// By which member, the greatest first with a `-` before it.
    pub sort: Option<String>,
    /// With this in one of its words.
    pub q: Option<String>,
}

impl Short {
    /// The rows that are wanted of all there are.
    ///
    /// # Errors
    /// 400 for what no row has, and for a cursor of another order.
    pub fn of<T: Serialize>(&self, items: Vec<T>) -> Result<Shown> {
        let items = items.into_iter().map(|item| serde_json::to_value(item).unwrap_or_default());
        let text = self.q.as_deref().unwrap_or_default().to_lowercase();
        let mut items: Vec<Value> = items.filter(|item| has_word(item, &text)).collect();
        let total = i64::try_from(items.len()).unwrap_or(i64::MAX);
        let word = self.sort.clone().unwrap_or_default();
        let name = word.trim_start_matches('-');
        if !name.is_empty() {
            let is_plain =
                |item: &Value| item.get(name).is_some_and(|one| !one.is_array() && !one.is_object());
            if !items.iter().all(is_plain) {
                return Err(ApiError::bad_request(format!("the list cannot be sorted by {name:?}")));
            }
            items.sort_by(|one, two| {
                let order = compared(&one[name], &two[name]).then_with(|| compared(&own(one), &own(two)));
                if word.starts_with('-') { order.reverse() } else { order }
            });
        }
        if let Some(told) = self.cursor.as_deref().filter(|told| !told.is_empty()) {
            let (value, last) = parts(told, &word)?;
            let is_past = |item: &Value| {
                let order = compared(&item[name], &value).then_with(|| compared(&own(item), &last));
                order == if word.starts_with('-') { Ordering::Less } else { Ordering::Greater }
            };
            let begin = match name {
                "" => items.iter().position(|item| own(item) == last).map(|place| place + 1),
                _ => Some(items.iter().position(is_past).unwrap_or(items.len())),
            };
            items.drain(..begin.ok_or_else(no_such_page)?);
        }
        let mut next_cursor = None;
        if self.limit.is_some() {
            let rows = Page { limit: self.limit, ..Page::default() }.rows()?;
            let rows = usize::try_from(rows).unwrap_or(usize::MAX);
            let last = items.get(rows.saturating_sub(1)).filter(|_| items.len() > rows);
            next_cursor = last.map(|last| cursor(&word, &last[name], &own(last)));
            items.truncate(rows);
        }
        Ok(Listed { items, next_cursor, total })
    }
}

/// What no other row of a list has: its id, or all of it.
fn own(item: &Value) -> Value {
    let names = ["id", "key", "event_id"];
    let found = names.iter().find_map(|name| item.get(name).filter(|one| !one.is_null()));
    found.map_or_else(|| item.to_string().into(), Clone::clone)
}

/// An id is no word: whoever looks for `a` means none of its digits.
fn has_word(item: &Value, text: &str) -> bool {
    let members = item.as_object().into_iter().flatten().filter(|(name, _)| *name != "id");
    let mut words = members.filter_map(|(_, value)| value.as_str());
    text.is_empty() || words.any(|word| word.to_lowercase().contains(text))
}

/// Nothing before truths, truths before numbers, numbers before words.
fn compared(one: &Value, two: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        _ => 3,
    };
    match (one, two) {
        (Value::Bool(one), Value::Bool(two)) => one.cmp(two),
        (Value::Number(one), Value::Number(two)) => {
            let exact = one.as_i64().zip(two.as_i64()).map(|(one, two)| one.cmp(&two));
            let rough = one.as_f64().unwrap_or(0.0).total_cmp(&two.as_f64().unwrap_or(0.0));
            exact.unwrap_or(rough)
        }
        (Value::String(one), Value::String(two)) => one.cmp(two),
        _ => rank(one).cmp(&rank(two)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_where_there_is_no_more() {
        for (count, rows, next) in [(3, 2, Some("1")), (2, 2, None), (0, 2, None)] {
            let page = Listed::cut((0..count).collect::<Vec<i64>>(), rows, 9, |item| *item);
            assert_eq!(page.next_cursor.as_deref(), next, "{count} rows");
        }
    }

    fn named(page: &Listed<Value>) -> Vec<i64> {
        page.items.iter().filter_map(|item| item["id"].as_i64()).collect()
    }

    fn walk(sort: &str, limit: i64) -> Vec<i64> {
        let rows = [(1, "b"), (2, "a"), (3, "b"), (4, "c"), (5, "a")];
        let rows: Vec<Value> = rows.iter().map(|(id, name)| json!({"id": id, "name": name})).collect();
        let mut wanted = Short { limit: Some(limit), sort: Some(sort.to_owned()), ..Short::default() };
        let mut seen = Vec::new();
        loop {
            let page = wanted.of(rows.clone()).unwrap();
            assert_eq!(page.total, 5);
            seen.extend(named(&page));
            let Some(next) = page.next_cursor else { return seen };
            wanted.cursor = Some(next);
        }
    }

    #[test]
    fn pages_of_any_size_tell_every_row_once_in_the_order_that_is_asked_for() {
        for limit in 1..=6 {
            assert_eq!(walk("", limit), [1, 2, 3, 4, 5], "{limit}");
            assert_eq!(walk("name", limit), [2, 5, 1, 3, 4], "{limit}");
            assert_eq!(walk("-name", limit), [4, 3, 1, 5, 2], "{limit}");
            assert_eq!(walk("-id", limit), [5, 4, 3, 2, 1], "{limit}");
        }
    }

    #[test]
    fn a_cursor_of_another_order_and_a_member_that_is_no_plain_one_are_refused() {
        let rows = vec![json!({"id": 1, "list": []}), json!({"id": 2, "list": []})];
        let page =
            Short { limit: Some(1), sort: Some("-id".into()), ..Short::default() }.of(rows.clone()).unwrap();
        for (sort, cursor) in [
            ("id", page.next_cursor.as_deref()),
            ("-id", Some("2")),
            ("-id", Some("%%")),
            ("list", None),
            ("shoe", None),
        ] {
            let wanted =
                Short { sort: Some(sort.into()), cursor: cursor.map(Into::into), ..Short::default() };
            assert!(wanted.of(rows.clone()).is_err(), "{sort} {cursor:?}");
        }
        let columns = ["id", "name", "priority"];
        let made = cursor("name", &json!("b"), &json!(7));
        let [numbered, forged, unnamed] =
            [("priority", json!(3)), ("priority", json!("abc")), ("name", json!(3))]
                .map(|(word, value)| cursor(word, &value, &json!(7)));
        for (sort, told, expected) in [
            ("name", made.as_str(), Some(("b".to_owned(), 7))),
            ("-name", made.as_str(), None),
            ("id", made.as_str(), None),
            ("id", "7", Some(("7".to_owned(), 7))),
            ("name", "7", None),
            ("priority", &numbered, Some(("3".to_owned(), 7))),
            ("priority", &forged, None),
            ("name", &unnamed, None),
            ("shoe", "", None),
        ] {
            let page = Page { sort: Some(sort.into()), cursor: Some(told.into()), limit: None };
            assert_eq!(
                page.order(&columns, "-id").ok().and_then(|by| by.order.after),
                expected,
                "{sort} {told}"
            );
        }
    }

    #[test]
    fn what_is_compared_as_a_number_is_known_as_one() {
        use crate::store::{boxes, jobs, looks};
        for (names, queries) in [
            (&jobs::SORTS[..], &jobs::JOBS[..]),
            (&boxes::SORTS, &boxes::MAILBOXES),
            (&looks::RUN_SORTS, &looks::RUNS),
            (&looks::ITEM_SORTS, &looks::ITEMS),
        ] {
            for (name, query) in names.iter().zip(queries) {
                assert_eq!(query[0].contains("> (CAST("), NUMBERS.contains(name), "{name}: {}", query[0]);
            }
        }
    }
}
