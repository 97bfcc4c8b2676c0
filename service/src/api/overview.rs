//! Numbers for the first page: jobs, mailboxes, runs, errors, workers.
//! Never counts what the caller may not see.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::body::Asked;
use super::caller::Caller;
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::store::at;

/// The longest window, in hours: 31 days.
const HOURS_MAX: i64 = 744;
const HOUR_MILLIS: i64 = 3_600_000;

/// How far back.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Window {
    /// `24h`, `7d`; a day where nothing is said.
    window: Option<String>,
}

fn hours(text: Option<&str>) -> Result<i64> {
    let text = text.unwrap_or("24h");
    let number = text.get(..text.len().saturating_sub(1)).and_then(|number| number.parse::<i64>().ok());
    let hours = match (number, text.chars().last()) {
        (Some(hours), Some('h')) => hours,
        (Some(days), Some('d')) => days.saturating_mul(24),
        _ => 0,
    };
    if (1..=HOURS_MAX).contains(&hours) {
        Ok(hours)
    } else {
        Err(ApiError::bad_request("window is 1h to 31d"))
    }
}

/// `GET /migration/metrics`.
#[utoipa::path(get, path = "/migration/metrics", tag = "jobs", params(Window), responses((status = 200,
    body = Object)))]
pub async fn metrics(
    State(app): State<App>,
    caller: Caller,
    Asked(asked): Asked<Window>,
) -> Result<Json<Value>> {
    caller.may(Permission::ViewMigration)?;
    let since = at(app.now_ms() - hours(asked.window.as_deref())? * HOUR_MILLIS);
    let add = |map: &mut Map<String, Value>, name: String, count: i64| {
        let before = map.get(&name).and_then(Value::as_i64).unwrap_or(0);
        map.insert(name, (before + count).into());
    };
    let (mut phases, mut gates, mut boxes) = (Map::new(), Map::new(), Map::new());
    for (phase, gate, count) in app.store.jobs_by_phase(&caller.reach).await? {
        add(&mut phases, phase, count);
        add(&mut gates, gate, count);
    }
    for (status, count, _) in app.store.boxes_by_status(&caller.reach).await? {
        add(&mut boxes, status, count);
    }
    let (mut runs, mut errors, mut messages, mut bytes) = (Map::new(), Map::new(), 0, 0);
    for (status, class, count, own_messages, own_bytes) in app.store.work_since(&caller.reach, &since).await?
    {
        messages += own_messages;
        bytes += own_bytes;
        if !class.is_empty() {
            add(&mut errors, class, count);
        }
        add(&mut runs, status, count);
    }
    let workers: Vec<Value> = app
        .store
        .worker_rows()
        .await?
        .into_iter()
        .map(|row| {
            json!({
                "id": row.id, "capacity": row.capacity, "runs_now": row.runs_now, "runs_done": row.runs_done,
                "is_stopping": row.is_stopping, "started_at": at(row.started_ms), "seen_at": at(row.seen_ms),
            })
        })
        .collect();
    Ok(Json(json!({
        "jobs_by_phase": phases, "jobs_by_gate": gates, "mailboxes_by_status": boxes, "runs_by_status": runs,
        "messages_done": messages, "bytes_done": bytes, "errors_by_class": errors,
        "quarantine_open": app.store.open_items(&caller.reach).await?, "workers": workers, "since": since,
    })))
}
