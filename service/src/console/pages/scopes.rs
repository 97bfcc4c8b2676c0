//! Where somebody may look, as lines of a form: what is open or shut, of which tenant or migration.
//! Never a line that names nothing: an empty number takes its line away.

use serde_json::{Value, json};

use crate::console::client::Api;
use crate::console::form::Form;
use crate::console::problem::Problem;

/// Empty lines that a form offers beside those that are there.
const FREE: usize = 3;

/// Lines of a form: those that are there, and some to be filled in.
pub(super) fn lines(items: &Value) -> Vec<Value> {
    let mut lines: Vec<Value> = items.as_array().cloned().unwrap_or_default();
    lines.extend((0..FREE).map(|_| json!({"effect": "allow", "resource_kind": "tenant", "resource_id": ""})));
    lines
}

/// The lines of a form that name something, as the API takes them. What is no number goes as it was typed, for the
/// form to show it again.
pub(super) fn typed(form: &Form) -> Value {
    let rows = form.all("effect").zip(form.all("resource_kind")).zip(form.all("resource_id"));
    let named = rows.filter(|(_, which)| !which.is_empty());
    named
        .map(|((effect, kind), which)| {
            let which = which.parse::<i64>().map_or_else(|_| Value::from(which), Value::from);
            json!({"effect": effect, "resource_kind": kind, "resource_id": which})
        })
        .collect()
}

/// Keeps the lines of a form, where those before are the ones that were seen.
///
/// # Errors
/// The line that cannot be kept, or the API's refusal.
pub(super) async fn keep(api: &Api, path: &str, form: &Form) -> Result<(), Problem> {
    let items = typed(form);
    let wrong = items.as_array().into_iter().flatten().position(|item| !item["resource_id"].is_i64());
    if let Some(place) = wrong {
        return Err(Problem::of_field(&format!("items[{place}]_resource_id"), "a whole number"));
    }
    let seen = form.get("seen_scopes");
    api.change(axum::http::Method::PUT, path, seen, &json!({"items": items})).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_a_number_is_none() {
        let form = Form::parse(
            b"effect=allow&resource_kind=tenant&resource_id=7&effect=deny&resource_kind=job&resource_id=\
              &effect=deny&resource_kind=job&resource_id=x",
        );
        let expected = json!([
            {"effect": "allow", "resource_kind": "tenant", "resource_id": 7},
            {"effect": "deny", "resource_kind": "job", "resource_id": "x"},
        ]);
        assert_eq!(typed(&form), expected);
        assert_eq!(lines(&expected).len(), 2 + FREE);
    }
}
