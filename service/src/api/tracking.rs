//! Looking across jobs: the history of one address, jobs as trees, log lines, workers and the process itself.
//! Never shows what the caller may not see.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::{Asked, At};
use super::caller::Caller;
use super::jobs::{percent, read};
use super::list::{Listed, Page, Short, Shown};
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::store::at;
use crate::store::jobs::JobFilter;
use crate::store::order::Order;
use crate::store::report::{LineFilter, ReportRun, json as as_json, like};

/// Changes of an address that are told.
const CHANGES: i64 = 500;
/// Rows of one kind below a job.
const TREE_ROWS: i64 = 20_000;
/// A worker that was not heard of for so long is taken for dead, in milliseconds.
const SILENT_MILLIS: i64 = 120_000;

/// Which addresses.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Addresses {
    /// With this in the address.
    q: Option<String>,
    /// How many, 1 to 200.
    limit: Option<i64>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// `GET /contexts`: the history of addresses, one row each, whatever jobs they were in.
#[utoipa::path(get, path = "/contexts", tag = "tracking", params(Addresses),
    responses((status = 200, body = Object)))]
pub async fn contexts(
    State(app): State<App>,
    caller: Caller,
    Asked(wanted): Asked<Addresses>,
) -> Result<Json<Listed<Value>>> {
    caller.may(Permission::ViewMigration)?;
    let page = Page { limit: wanted.limit, ..Page::default() };
    let rows = page.rows()?;
    let (after, word) = (wanted.cursor.unwrap_or_default(), like(&wanted.q.unwrap_or_default()));
    let mut found = app.store.contexts(&caller.reach, ("", &after), rows + 1, &word).await?;
    let has_more = i64::try_from(found.len()).unwrap_or(i64::MAX) > rows;
    found.truncate(usize::try_from(rows).unwrap_or(0));
    let next_cursor = found.last().filter(|_| has_more).map(|row| row.id.clone());
    let items: Vec<Value> = found.iter().map(as_json).collect();
    let total = i64::try_from(items.len()).unwrap_or(0);
    Ok(Json(Listed { items, next_cursor, total }))
}

/// `GET /contexts/{id}`: with what its runs changed, newest first.
#[utoipa::path(get, path = "/contexts/{id}", tag = "tracking", params(("id" = String, Path)),
    responses((status = 200, body = Object), (status = 404)))]
pub async fn context(State(app): State<App>, caller: Caller, At(id): At<String>) -> Result<Json<Value>> {
    caller.may(Permission::ViewMigration)?;
    let found = app.store.contexts(&caller.reach, (&id, ""), 1, "").await?;
    let row = found.first().filter(|_| !id.is_empty()).ok_or_else(|| ApiError::not_found("context"))?;
    let mut told = as_json(row);
    told["changes"] = app.store.changes(&id, CHANGES).await?.iter().map(as_json).collect();
    Ok(Json(told))
}

/// Which jobs.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Roots {
    /// One job.
    root: Option<i64>,
}

/// `GET /jobs-tracking`: the latest jobs as roots of trees, with what is at work below each.
#[utoipa::path(get, path = "/jobs-tracking", tag = "tracking", params(Roots),
    responses((status = 200, body = Object), (status = 404)))]
pub async fn roots(
    State(app): State<App>,
    caller: Caller,
    Asked(wanted): Asked<Roots>,
) -> Result<Json<Listed<Value>>> {
    caller.may(Permission::ViewMigration)?;
    let jobs = match wanted.root {
        Some(id) => vec![read(&app, &caller, id).await?],
        None => app.store.jobs(&caller.reach, &JobFilter::default(), &Order::newest(200)).await?,
    };
    let mut items = Vec::with_capacity(jobs.len());
    for job in jobs {
        let active = app.store.active_runs(job.id).await?;
        items.push(json!({
            "job_id": job.id, "domain": job.domain, "phase": job.phase, "migration_gate": job.migration_gate,
            "is_paused": job.is_paused, "sync_percent": percent(&job), "mailboxes_total": job.mailboxes_total,
            "runs_active": active.len(), "updated_at": job.updated_at,
        }));
    }
    Ok(Json(Listed::whole(items)))
}

/// `GET /jobs-tracking/{id}/tree`: job, mailboxes, their runs, and the steps of those at work.
#[utoipa::path(get, path = "/jobs-tracking/{id}/tree", tag = "tracking", params(("id" = i64, Path)),
    responses((status = 200, body = Object), (status = 404)))]
pub async fn tree(State(app): State<App>, caller: Caller, At(id): At<i64>) -> Result<Json<Value>> {
    caller.may(Permission::ViewMigration)?;
    let job = read(&app, &caller, id).await?;
    let rows = app.store.report_rows(id, 0, TREE_ROWS).await?;
    let mut runs: BTreeMap<i64, Vec<Value>> = BTreeMap::new();
    for run in &rows.runs {
        let mut told = as_json::<ReportRun>(run);
        if run.status == "running" {
            let steps = app.store.step_rows(run.run_id).await?.into_iter();
            told["steps"] = steps
                .map(|step| {
                    json!({
                        "sequence": step.sequence, "name": step.name, "status": step.status,
                        "messages_done": step.messages_done, "messages_total": step.messages_total,
                    })
                })
                .collect();
        }
        runs.entry(run.mailbox_id).or_default().push(told);
    }
    let boxes = rows.boxes.iter().map(|mailbox| {
        json!({
            "mailbox_id": mailbox.mailbox_id, "email": mailbox.email, "status": mailbox.status,
            "enabled": mailbox.enabled, "matched": mailbox.matched, "eligible": mailbox.eligible,
            "runs": runs.remove(&mailbox.mailbox_id).unwrap_or_default(),
        })
    });
    let boxes: Vec<Value> = boxes.collect();
    Ok(Json(json!({
        "job_id": job.id, "domain": job.domain, "phase": job.phase, "migration_gate": job.migration_gate,
        "sync_percent": percent(&job), "mailboxes": boxes, "runs": runs.remove(&0).unwrap_or_default(),
    })))
}

/// Which lines.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Lines {
    /// Of this job.
    job: Option<i64>,
    /// Of this run.
    run: Option<i64>,
    /// `debug`, `info`, `warn` or `error`.
    level: Option<String>,
    /// With this in the words.
    q: Option<String>,
    /// After this line.
    after: Option<i64>,
    /// How many, 1 to 200.
    limit: Option<i64>,
}

/// `GET /logs`: lines of runs across jobs, oldest first.
#[utoipa::path(get, path = "/logs", tag = "tracking", params(Lines), responses((status = 200, body = Object)))]
pub async fn logs(
    State(app): State<App>,
    caller: Caller,
    Asked(wanted): Asked<Lines>,
) -> Result<Json<Listed<Value>>> {
    caller.may(Permission::ViewMigration)?;
    let rows = Page { limit: wanted.limit, ..Page::default() }.rows()?;
    let level = wanted.level.unwrap_or_default();
    if !["", "debug", "info", "warn", "error"].contains(&level.as_str()) {
        return Err(ApiError::bad_request("level is debug, info, warn or error"));
    }
    let filter = LineFilter {
        job: wanted.job.unwrap_or(0),
        run: wanted.run.unwrap_or(0),
        level,
        like: like(&wanted.q.unwrap_or_default()),
    };
    let found = app.store.lines(&caller.reach, &filter, wanted.after.unwrap_or(0), rows + 1).await?;
    let items: Vec<Value> = found.iter().map(as_json).collect();
    let total = i64::try_from(items.len()).unwrap_or(0).min(rows);
    Ok(Json(Listed::cut(items, rows, total, |line| line["id"].as_i64().unwrap_or(0))))
}

/// `GET /system/workers`.
#[utoipa::path(get, path = "/system/workers", tag = "system", params(Short),
    responses((status = 200, body = Listed<Object>), (status = 403)))]
pub async fn workers(State(app): State<App>, caller: Caller, Asked(wanted): Asked<Short>) -> Result<Shown> {
    caller.may(Permission::ManageSystem)?;
    let now_ms = app.now_ms();
    let rows = app.store.worker_rows().await?.into_iter();
    let views = rows.map(|row| {
        json!({
            "id": row.id, "host": row.host, "capacity": row.capacity, "runs_now": row.runs_now,
            "runs_done": row.runs_done, "is_stopping": row.is_stopping, "started_at": at(row.started_ms),
            "seen_at": at(row.seen_ms), "is_alive": now_ms - row.seen_ms < SILENT_MILLIS,
        })
    });
    wanted.of(views.collect::<Vec<_>>())
}

/// `GET /system/performance`: what this process takes, and how long the queue is.
#[utoipa::path(get, path = "/system/performance", tag = "system",
    responses((status = 200, body = Object), (status = 403)))]
pub async fn performance(State(app): State<App>, caller: Caller) -> Result<Json<Value>> {
    caller.may(Permission::ManageSystem)?;
    let (queued, running) = app.store.queue().await?;
    let status = tokio::fs::read_to_string("/proc/self/status").await.unwrap_or_default();
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    Ok(Json(json!({
        "memory_bytes": number("VmRSS:").map(|kibibytes| kibibytes * 1024),
        "memory_bytes_peak": number("VmHWM:").map(|kibibytes| kibibytes * 1024),
        "threads": number("Threads:"), "queued": queued, "running": running,
        "database": if app.store.is_postgres() { "postgresql" } else { "sqlite" }, "at": at(app.now_ms()),
    })))
}
