//! The list of migrations, with its filters and the views that somebody keeps of it.
//! Never sorts what the API gives in pages: only whole lists are put in another order.

use axum::body::Body;
use axum::http::{HeaderValue, Method, header};
use axum::response::Response;
use minijinja::context;
use serde_json::{Value, json};

use crate::console::Answer;
use crate::console::client::{Api, escaped};
use crate::console::form::{Form, Query};
use crate::console::member::Member;
use crate::console::problem::Problem;
use crate::console::view::go;
use crate::console::words::PHASES;

/// Pages of 200 jobs that the overview reads, at most.
const PAGES_MAX: usize = 10;
/// Jobs of one page of the list.
const ROWS: i64 = 50;
/// Where the list stands.
const LIST: &str = "/console/jobs";
/// Where the API keeps views of it.
const VIEWS: &str = "/auth/job-views";
/// Filters that the list takes.
const FILTERS: [&str; 6] = ["q", "phase", "gate", "owner", "tenant_id", "ticket_id"];

/// Columns that the list can be put in order by; those after the first three begin with the greatest.
const SORTS: [&str; 4] = ["domain", "phase", "migration_gate", "updated_at"];
/// Columns whose smallest comes first.
const TEXTS: usize = 3;

/// The order that an address asks for; none where it is not one of ours.
fn sort(form: &Form) -> &str {
    let asked = form.get("sort");
    if SORTS.contains(&asked.trim_start_matches('-')) { asked } else { "" }
}

/// The heads of the columns: where each leads, and how the list stands by it (`ascending`, `descending` or nothing).
fn heads(filters: &str, sort: &str) -> Value {
    let mut heads = serde_json::Map::new();
    for (place, name) in SORTS.iter().enumerate() {
        let (rises, falls) = ((*name).to_owned(), format!("-{name}"));
        let (state, next) = match () {
            () if sort == rises => ("ascending", falls),
            () if sort == falls => ("descending", rises),
            () if place < TEXTS => ("", rises),
            () => ("", falls),
        };
        let href = format!("{}&sort={}", address(filters), escaped(&next));
        heads.insert((*name).to_owned(), json!({"state": state, "href": href}));
    }
    Value::Object(heads)
}

/// Every job that the visitor sees, up to 2,000.
///
/// # Errors
/// The API's refusal.
pub async fn all_jobs(api: &Api) -> Result<Vec<Value>, Problem> {
    let (mut jobs, mut cursor) = (Vec::new(), String::new());
    for _ in 0..PAGES_MAX {
        let mut page = api.read(&format!("/migration/jobs?limit=200&cursor={cursor}")).await?;
        if let Value::Array(items) = page["items"].take() {
            jobs.extend(items);
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = escaped(next),
            None => break,
        }
    }
    Ok(jobs)
}

/// The filters of a page as a query, those that are set.
fn filters(form: &Form) -> String {
    let set = FILTERS.iter().filter(|name| form.has(name));
    set.map(|name| format!("&{name}={}", escaped(form.get(name)))).collect()
}

/// The filters of a view in the same form.
fn filters_of(view: &Value) -> String {
    let text = |name: &str| match &view["filters"][name] {
        Value::String(text) => escaped(text.trim()),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    let set = FILTERS.iter().map(|name| (name, text(name))).filter(|(_, text)| !text.is_empty());
    set.map(|(name, text)| format!("&{name}={text}")).collect()
}

/// Where the list stands under these filters. Without any it says that it wants all, and not what it begins with.
fn address(filters: &str) -> String {
    match filters.strip_prefix('&') {
        Some(rest) => format!("{LIST}?{rest}"),
        None => format!("{LIST}?all=1"),
    }
}

/// `GET /console/jobs`: under the filters of the address; without any, under those that the visitor begins with.
pub async fn list(member: Member, query: Query) -> Answer {
    page(&member, &query.0, None).await
}

async fn page(member: &Member, form: &Form, problem: Option<&Problem>) -> Answer {
    let filters = filters(form);
    let mut views = member.api().read("/auth/job-views").await?["items"].take();
    let mut begins = String::new();
    for view in views.as_array_mut().into_iter().flatten() {
        let own = filters_of(view);
        view["href"] = address(&own).into();
        view["is_here"] = (!own.is_empty() && own == filters).into();
        if view["is_default"] == true {
            begins.clone_from(&own);
        }
    }
    let is_plain = ["all", "cursor", "sort"].iter().all(|name| !form.has(name)) && filters.is_empty();
    let sort = sort(form);
    let order = if sort.is_empty() { String::new() } else { format!("&sort={}", escaped(sort)) };
    if is_plain && !begins.is_empty() && problem.is_none() {
        return Ok(go(&address(&begins), ""));
    }
    let cursor = escaped(form.get("cursor"));
    let path = format!("/migration/jobs?limit={ROWS}&cursor={cursor}{filters}{order}");
    let page = member.api().read(&path).await?;
    let own = context! {
        jobs => page["items"],
        total => page["total"],
        next_cursor => page["next_cursor"],
        is_filtered => !filters.is_empty(),
        heads => heads(&filters, sort),
        is_by_change => sort.ends_with("updated_at"),
        order => order,
        filters => filters,
        asked => context! { q => form.get("q"), phase => form.get("phase"), gate => form.get("gate"),
            owner => form.get("owner"), tenant_id => form.get("tenant_id"), ticket_id => form.get("ticket_id") },
        mine => address(&format!("&owner={}", escaped(member.me["name"].as_str().unwrap_or_default()))),
        views => views,
        phases => PHASES,
        typed => form.shown(),
    };
    Ok(member.page_with("jobs.html", problem, own))
}

/// `POST /console/jobs/views`: what the list shows is kept under a name, made what it begins with, or forgotten.
pub async fn act_on_views(member: Member, form: Form) -> Answer {
    let api = member.api().clone().with_csrf(form.get("csrf"));
    let views = api.read("/auth/job-views").await?;
    let views = views["items"].as_array().cloned().unwrap_or_default();
    let mut here = filters(&form);
    let one = |id: &str| views.iter().find(|view| view["id"] == id).ok_or_else(Problem::not_found);
    let place = |id: &str| format!("{VIEWS}/{}", escaped(id));
    let done = match form.get("action") {
        "keep" => {
            let body = json!({"name": form.get("name"), "filters": wanted(&form), "is_default": form.has("default")});
            let name = form.get("name").to_lowercase();
            // A name that is there already now means what is shown now.
            let same =
                views.iter().find(|view| view["name"].as_str().map(str::to_lowercase) == Some(name.clone()));
            let asked = match same.and_then(|view| view["id"].as_str()) {
                Some(id) => api.send(Method::PUT, &place(id), &body).await,
                None => api.send(Method::POST, VIEWS, &body).await,
            };
            asked.map(|_| "view-kept")
        }
        how @ ("begin" | "not-begin") => {
            let view = one(form.get("id"))?;
            let body =
                json!({"name": view["name"], "filters": view["filters"], "is_default": how == "begin"});
            here = filters_of(view);
            api.send(Method::PUT, &place(form.get("id")), &body).await.map(|_| "saved")
        }
        "remove" => {
            one(form.get("id"))?;
            api.send(Method::DELETE, &place(form.get("id")), &json!({})).await.map(|_| "view-removed")
        }
        _ => Err(Problem::of_form()),
    };
    match done {
        Ok(done) => Ok(go(&address(&here), done)),
        Err(problem) => page(&member, &form, Some(&problem)).await,
    }
}

/// The filters as the API takes them.
fn wanted(form: &Form) -> Value {
    let mut wanted = form.object(&["q", "phase", "gate", "owner"]);
    for name in ["tenant_id", "ticket_id"] {
        if let Ok(number) = form.get(name).parse::<i64>() {
            wanted.insert(name.to_owned(), number.into());
        }
    }
    Value::Object(wanted)
}

/// `GET /console/jobs.csv`: the same list as a file.
pub async fn csv(member: Member, query: Query) -> Response {
    let sort = sort(&query.0);
    let order = if sort.is_empty() { String::new() } else { format!("&sort={}", escaped(sort)) };
    let path = format!("/migration/jobs?limit=200{}{order}", filters(&query.0));
    let wish = (header::ACCEPT, "text/csv".to_owned());
    let mut response = member.api().pass(Method::GET, &path, &[wish], Body::empty()).await;
    let name = HeaderValue::from_static("attachment; filename=\"malote-jobs.csv\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_leads_to_its_order_and_from_there_to_the_other_way_round() {
        let told = heads("&q=a", "-updated_at");
        assert_eq!(told["domain"], json!({"state": "", "href": "/console/jobs?q=a&sort=domain"}));
        assert_eq!(told["updated_at"]["state"], "descending");
        assert_eq!(told["updated_at"]["href"], "/console/jobs?q=a&sort=updated%5Fat");
        assert_eq!(heads("", "phase")["phase"]["href"], "/console/jobs?all=1&sort=%2Dphase");
        assert_eq!(heads("", "")["updated_at"]["href"], "/console/jobs?all=1&sort=%2Dupdated%5Fat");
        assert_eq!(sort(&Form::parse(b"sort=-domain")), "-domain");
        assert_eq!(sort(&Form::parse(b"sort=notes")), "");
    }

    #[test]
    fn a_views_address_is_that_of_the_same_filters_in_the_form() {
        let form = Form::parse(b"phase=delta_sync&q=a+b&gate=&tenant_id=7");
        let view = json!({"filters": wanted(&form)});
        assert_eq!(filters_of(&view), filters(&form));
        assert_eq!(address(&filters_of(&view)), "/console/jobs?q=a%20b&phase=delta%5Fsync&tenant_id=7");
        // What filters nothing must not lead back to itself.
        for nothing in [json!({"filters": {}}), json!({"filters": {"q": "  "}})] {
            assert_eq!(address(&filters_of(&nothing)), "/console/jobs?all=1");
        }
    }
}
