//! The runs of a migration as a tree: passes, their mailboxes' runs, the steps of each.
//! Never opens more than one pass at once: the others say how they went, and lead to what they hold.

use jiff::Timestamp;
use minijinja::context;
use serde_json::{Value, json};

use crate::console::client::escaped;
use crate::console::form::Form;
use crate::console::member::Member;
use crate::console::{Answer, names};

/// Passes of a page.
const PASSES: usize = 10;
/// Runs of the open pass.
const RUNS: usize = 20;

/// The page, of the filters that an address names.
pub async fn page(member: &Member, id: i64, form: &Form) -> Answer {
    let api = member.api();
    let job = api.read(&format!("/migration/jobs/{id}")).await?;
    let (kept, cursor) = (kept(form), escaped(form.get("cursor")));
    let path = format!("/migration/jobs/{id}/passes?limit={PASSES}&cursor={cursor}{kept}");
    let mut passes = api.read(&path).await?;
    let rows = passes["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let wanted = form.get("pass").parse::<i64>().ok();
    let open = wanted.filter(|pass| rows.iter().any(|row| row["id"] == *pass));
    let open = open.or_else(|| rows.first().and_then(|row| row["id"].as_i64())).unwrap_or(0);
    let mut runs = json!({"items": [], "next_cursor": null});
    if open != 0 {
        let status = escaped(form.get("status"));
        let after = escaped(if wanted == Some(open) { form.get("after") } else { "" });
        let path = format!("/migration/jobs/{id}/passes/{open}?limit={RUNS}&status={status}&cursor={after}");
        runs = api.read(&path).await?;
    }
    let now_ms = member.visitor.format.now_ms;
    for one in passes["items"].as_array_mut().into_iter().flatten() {
        one["statuses"] = statuses(&one["by_status"]);
        one["span_seconds"] = span(one, now_ms);
    }
    for run in runs["items"].as_array_mut().into_iter().flatten() {
        run["span_seconds"] = span(run, now_ms);
        for step in run["steps"].as_array_mut().into_iter().flatten() {
            step["span_seconds"] = span(step, now_ms);
            let name = step["name"].as_str().unwrap_or_default();
            step["folder"] = json!(name.strip_prefix("folder:"));
        }
    }
    let own = context! {
        names => names::of(api, &[&passes]).await?,
        job => job,
        passes => passes["items"],
        next_cursor => passes["next_cursor"],
        open => open,
        kept => kept,
        cursor => cursor,
        is_later => form.has("after") && wanted == Some(open),
        runs => runs["items"],
        next_run => runs["next_cursor"],
        asked => context! { status => form.get("status"), run_type => form.get("run_type") },
    };
    Ok(member.page("tree.html", own))
}

/// The filters, as they go along with each link.
pub(super) fn kept(form: &Form) -> String {
    let set = ["status", "run_type"].into_iter().filter(|name| form.has(name));
    set.map(|name| format!("&{name}={}", escaped(form.get(name)))).collect()
}

/// Statuses that a pass has runs of, the gravest first.
fn statuses(counts: &Value) -> Value {
    let order = ["failed", "partial", "running", "queued", "success", "cancelled"];
    let counted = order.map(|name| (name, counts[name].as_i64().unwrap_or(0)));
    counted
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| json!({"name": name, "count": count}))
        .collect()
}

/// How long something took, or takes so far, in seconds; null for what has not begun.
pub(super) fn span(one: &Value, now_ms: i64) -> Value {
    let moment = |name: &str| {
        let text = one[name].as_str().filter(|text| !text.is_empty())?;
        Some(text.parse::<Timestamp>().ok()?.as_millisecond())
    };
    moment("started_at")
        .map_or(Value::Null, |began| json!((moment("finished_at").unwrap_or(now_ms) - began).max(0) / 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_wrong_stands_before_what_went_well_and_what_is_not_there_nowhere() {
        let told = statuses(&json!({"success": 7, "failed": 1, "queued": 0, "running": 2}));
        let names: Vec<_> = told.as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
        assert_eq!(names, ["failed", "running", "success"]);
        assert_eq!(statuses(&Value::Null), json!([]));
    }

    #[test]
    fn a_span_ends_where_it_ended_and_else_with_the_page() {
        for (one, expected) in [
            (json!({"started_at": "1970-01-01T00:00:01Z", "finished_at": "1970-01-01T00:00:05Z"}), json!(4)),
            (json!({"started_at": "1970-01-01T00:00:01Z", "finished_at": ""}), json!(9)),
            (json!({"started_at": "1970-01-01T00:01:00Z"}), json!(0)),
            (json!({"started_at": ""}), Value::Null),
            (json!({}), Value::Null),
        ] {
            assert_eq!(span(&one, 10_000), expected, "{one}");
        }
    }
}
