//! Runs of a migration as a list, and one of them with its steps and its log.
//! Never more lines than a person reads: the end of the log, and a file for the rest.

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderValue, Method, header};
use axum::response::Response;
use minijinja::context;
use serde_json::{Value, json};

use super::tree;
use crate::console::Answer;
use crate::console::client::{Api, escaped};
use crate::console::form::{Form, Query};
use crate::console::member::Member;
use crate::console::problem::Problem;
use crate::console::view::go;

/// Lines of a log that a page shows.
const LINES: usize = 200;
/// Answers of 5,000 lines that are read to find the end, at most.
const ANSWERS_MAX: usize = 200;
/// Octets of one answer of the log.
const LOG_BYTES_MAX: usize = 16 * 1024 * 1024;

/// `GET /console/jobs/{id}/runs`: as a tree where nothing is said, or as a list.
pub async fn list(member: Member, Path(id): Path<i64>, query: Query) -> Answer {
    let (api, form) = (member.api(), &query.0);
    if form.get("view") != "list" && !form.has("mailbox_id") {
        return tree::page(&member, id, form).await;
    }
    let job = api.read(&format!("/migration/jobs/{id}")).await?;
    let set = ["status", "run_type", "mailbox_id", "cursor"].into_iter().filter(|name| form.has(name));
    let filters: String = set.map(|name| format!("&{name}={}", escaped(form.get(name)))).collect();
    let mut runs = api.read(&format!("/migration/jobs/{id}/runs?limit=50{filters}")).await?;
    for run in runs["items"].as_array_mut().into_iter().flatten() {
        if run["finished_at"].as_str().is_some_and(|moment| !moment.is_empty()) {
            run["span_seconds"] = tree::span(run, member.visitor.format.now_ms);
        }
    }
    let own = context! {
        job => job,
        runs => runs["items"],
        next_cursor => runs["next_cursor"],
        total => runs["total"],
        kept => tree::kept(form),
        asked => context! { status => form.get("status"), run_type => form.get("run_type") },
    };
    Ok(member.page("runs.html", own))
}

/// `GET /console/runs/{rid}`.
pub async fn show(member: Member, Path(id): Path<i64>, query: Query) -> Answer {
    page(&member, id, &query.0, None).await
}

async fn page(member: &Member, id: i64, query: &Form, problem: Option<&Problem>) -> Answer {
    let api = member.api();
    let run = api.read(&format!("/migration/runs/{id}")).await?;
    let job = api.read(&format!("/migration/jobs/{}", run["job_id"])).await?;
    let steps = api.read(&format!("/migration/runs/{id}/steps")).await?;
    let (lines, is_cut) = log(api, id, query.get("level"), query.get("q")).await?;
    let own = context! {
        job => job,
        steps => steps["items"],
        lines => lines,
        is_cut => is_cut,
        is_over => !matches!(run["status"].as_str(), Some("queued" | "running")),
        asked => context! { level => query.get("level"), q => query.get("q") },
        run => run,
    };
    Ok(member.page_with("run.html", problem, own))
}

/// The last lines that fit the filter, and whether there were more.
async fn log(api: &Api, id: i64, level: &str, text: &str) -> Result<(Vec<Value>, bool), Problem> {
    let (mut found, mut after, mut is_cut): (Vec<Value>, i64, bool) = (Vec::new(), 0, false);
    let wanted = text.to_lowercase();
    for _ in 0..ANSWERS_MAX {
        let path = format!("/migration/runs/{id}/log?after={after}&level={}", escaped(level));
        let response = api.pass(Method::GET, &path, &[], Body::empty()).await;
        if !response.status().is_success() {
            return Err(crate::console::client::told(response).await.err().unwrap_or_else(Problem::of_ours));
        }
        let next =
            response.headers().get("x-next-after").and_then(|value| value.to_str().ok()?.parse::<i64>().ok());
        let octets = axum::body::to_bytes(response.into_body(), LOG_BYTES_MAX)
            .await
            .map_err(|_| Problem::of_ours())?;
        let lines = octets
            .split(|octet| *octet == b'\n')
            .filter_map(|line| serde_json::from_slice::<Value>(line).ok());
        for line in lines {
            let is_wanted = wanted.is_empty()
                || line["message"].as_str().is_some_and(|message| message.to_lowercase().contains(&wanted));
            if is_wanted {
                found.push(line);
            }
        }
        if found.len() > LINES {
            is_cut = true;
            found.drain(..found.len() - LINES);
        }
        match next.filter(|next| *next > after) {
            Some(next) => after = next,
            None => break,
        }
    }
    Ok((found, is_cut))
}

/// `GET /console/runs/{rid}/log.txt`: the log as a file.
pub async fn file(member: Member, Path(id): Path<i64>) -> Response {
    let path = format!("/migration/runs/{id}/log?format=text");
    let mut response = member.api().pass(Method::GET, &path, &[], Body::empty()).await;
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"malote-run-{id}.txt\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

/// `POST /console/runs/{rid}/cancel`.
pub async fn cancel(member: Member, Path(id): Path<i64>, form: Form) -> Answer {
    let api = member.api().clone().with_csrf(form.get("csrf"));
    let body = json!({"reason": form.get("reason")});
    match api.send(Method::POST, &format!("/migration/runs/{id}/cancel"), &body).await {
        Ok(_) => Ok(go(&format!("/console/runs/{id}"), "run-cancelled")),
        Err(problem) => page(&member, id, &Form::default(), Some(&problem)).await,
    }
}
