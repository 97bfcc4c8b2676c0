//! The audit log: who did what when, found by person, action and day, and whether its chain is whole.
//! Never a row that was changed: there is no such request.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderValue, Method, header};
use axum::response::Response;
use futures_util::stream;
use minijinja::context;
use serde_json::Value;

use crate::console::client::{Api, escaped, told};
use crate::console::form::{Form, Query};
use crate::console::format::Format;
use crate::console::member::Member;
use crate::console::problem::Problem;
use crate::console::{Answer, names};

/// The longest part of the whole log that is held at once, in octets: 10,000 rows.
const PART_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Filters that go to the API as they were typed.
const FILTERS: [&str; 4] = ["actor", "action_part", "resource_kind", "resource_id"];
/// Days, each with the moment that the API takes and how many days later that is: the last day is still within.
const DAYS: [(&str, &str, i64); 2] = [("from", "since", 0), ("to", "until", 1)];

/// `GET /console/audit`; `?verify=1` walks the chain.
pub async fn show(member: Member, query: Query) -> Answer {
    let (api, form) = (member.api(), &query.0);
    let format = &member.visitor.format;
    let cursor = escaped(form.get("cursor"));
    let rows = api.read(&format!("/audit-logs?limit=50&cursor={cursor}{}", asked(format, form))).await?;
    let verified = if form.has("verify") { Some(api.read("/audit-logs/verify").await?) } else { None };
    let items = named(api, rows["items"].clone()).await?;
    let own = context! {
        rows => items,
        next_cursor => rows["next_cursor"],
        filters => here(form),
        is_filtered => !here(form).is_empty(),
        verified => verified,
        typed => form.shown(),
    };
    Ok(member.page("audit.html", own))
}

/// Rows with the names of who is in them, for those who may know names; the filter goes by ids.
async fn named(api: &Api, mut rows: Value) -> Result<Value, Problem> {
    for row in rows.as_array_mut().into_iter().flatten() {
        let id = row["actor_id"].as_str().unwrap_or_default();
        row["actor"] = match row["actor_kind"].as_str() {
            Some("user") => format!("u_{id}").into(),
            Some("service") => format!("s_{id}").into(),
            _ => Value::Null,
        };
    }
    let actors: Value = rows.as_array().into_iter().flatten().map(|row| row["actor"].clone()).collect();
    let names = names::of(api, &[&actors]).await?;
    for row in rows.as_array_mut().into_iter().flatten() {
        row["actor_name"] = row["actor"].as_str().map_or(Value::Null, |actor| names[actor].clone());
    }
    Ok(rows)
}

/// The filters that are set, as the page's own address has them.
fn here(form: &Form) -> String {
    let names = FILTERS.into_iter().chain(DAYS.map(|(name, ..)| name));
    names.filter(|name| form.has(name)).map(|name| format!("&{name}={}", escaped(form.get(name)))).collect()
}

/// The same as the API takes them. What is no day filters nothing.
fn asked(format: &Format, form: &Form) -> String {
    let texts = FILTERS.into_iter().filter(|name| form.has(name));
    let mut all: String = texts.map(|name| format!("&{name}={}", escaped(form.get(name)))).collect();
    for (name, moment, later) in DAYS {
        if let Some(at) = format.begins(form.get(name), later) {
            all.push_str(&format!("&{moment}={}", escaped(&at)));
        }
    }
    all
}

/// `GET /console/audit.csv`: every row that fits the filters, newest first, written while it is read.
pub async fn csv(member: Member, query: Query) -> Answer {
    let path = format!("/audit-logs/export.csv?{}", asked(&member.visitor.format, &query.0));
    let next = |answer: &Response| answer.headers().get("x-next-cursor")?.to_str().ok()?.parse().ok();
    file(&member, path, "cursor", next, ("text/csv; charset=utf-8", "malote-audit.csv")).await
}

/// `GET /console/audit.ndjson`: every row as a line of JSON, oldest first, written while it is read.
pub async fn whole(member: Member) -> Answer {
    let next = |answer: &Response| answer.headers().get("x-next-after")?.to_str().ok()?.parse().ok();
    let form = ("application/x-ndjson", "malote-audit.ndjson");
    file(&member, "/audit-logs/export?".to_owned(), "after", next, form).await
}

/// What the API gives in parts, as one file: `from` is the parameter that says where a part begins, `next` what an
/// answer says of it. Whoever may not have it is told so before a file begins.
async fn file(
    member: &Member,
    path: String,
    from: &'static str,
    next: impl Fn(&Response) -> Option<i64> + Copy + Send + 'static,
    (form, name): (&'static str, &str),
) -> Answer {
    let api = member.api().clone();
    let first = api.pass(Method::GET, &path, &[], Body::empty()).await;
    if !first.status().is_success() {
        return Err(told(first).await.err().unwrap_or_else(Problem::of_ours));
    }
    let begin = (api, path, Some(first), None);
    let parts = stream::try_unfold(
        begin,
        move |(api, path, answer, before): (Api, _, Option<Response>, _)| async move {
            let Some(answer) = answer else { return Ok(None) };
            if !answer.status().is_success() {
                return Err(std::io::Error::other("the log was not given to its end"));
            }
            let place = next(&answer);
            let octets = to_bytes(answer.into_body(), PART_BYTES_MAX).await.map_err(std::io::Error::other)?;
            // A part that does not move on is the last.
            let place = place.filter(|place| before != Some(*place) && !octets.is_empty());
            let answer = match place {
                Some(place) => {
                    let path = format!("{path}&{from}={place}");
                    Some(api.pass(Method::GET, &path, &[], Body::empty()).await)
                }
                None => None,
            };
            Ok(Some((octets, (api, path, answer, place))))
        },
    );
    let mut response = Response::new(Body::from_stream(parts));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(form));
    let disposition = format!("attachment; filename=\"{name}\"");
    let disposition = HeaderValue::from_str(&disposition).map_err(|_| Problem::of_ours())?;
    response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::super::super::language::Language;
    use super::*;

    #[test]
    fn days_are_those_of_the_reader_and_the_last_one_is_within() {
        let format = Format::new(Language::Portuguese, "America/Sao_Paulo", 0);
        let form = Form::parse(b"actor=ana+b&from=2026-06-19&to=2026-06-19&resource_kind=");
        let moments = "&since=2026%2D06%2D19T03%3A00%3A00Z&until=2026%2D06%2D20T03%3A00%3A00Z";
        assert_eq!(asked(&format, &form), format!("&actor=ana%20b{moments}"));
        assert_eq!(here(&form), "&actor=ana%20b&from=2026%2D06%2D19&to=2026%2D06%2D19");
        assert_eq!(asked(&format, &Form::parse(b"from=yesterday")), "");
    }
}
