//! The list of migrations, with its filters.
//! Never sorts what the API gives in pages: only whole lists are put in another order.

use axum::body::Body;
use axum::http::{HeaderValue, Method, header};
use axum::response::Response;
use minijinja::context;
use serde_json::Value;

use crate::console::Answer;
use crate::console::client::{Api, escaped};
use crate::console::form::{Form, Query};
use crate::console::member::Member;
use crate::console::problem::Problem;
use crate::console::words::PHASES;

/// Pages of 200 jobs that the overview reads, at most.
const PAGES_MAX: usize = 10;
/// Jobs of one page of the list.
const ROWS: i64 = 50;
/// Filters that the list takes.
const FILTERS: [&str; 5] = ["q", "phase", "gate", "tenant_id", "ticket_id"];

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

/// `GET /console/jobs`.
pub async fn list(member: Member, query: Query) -> Answer {
    let form = &query.0;
    let filters = filters(form);
    let cursor = escaped(form.get("cursor"));
    let path = format!("/migration/jobs?limit={ROWS}&cursor={cursor}{filters}");
    let page = member.api().read(&path).await?;
    let own = context! {
        jobs => page["items"],
        total => page["total"],
        next_cursor => page["next_cursor"],
        filters => filters,
        is_filtered => !filters.is_empty(),
        asked => context! { q => form.get("q"), phase => form.get("phase"), gate => form.get("gate") },
        phases => PHASES,
    };
    Ok(member.page("jobs.html", own))
}

/// `GET /console/jobs.csv`: the same list as a file.
pub async fn csv(member: Member, query: Query) -> Response {
    let path = format!("/migration/jobs?limit=200{}", filters(&query.0));
    let wish = (header::ACCEPT, "text/csv".to_owned());
    let mut response = member.api().pass(Method::GET, &path, &[wish], Body::empty()).await;
    let name = HeaderValue::from_static("attachment; filename=\"malote-jobs.csv\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    response
}
