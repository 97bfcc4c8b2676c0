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
use crate::jobs::entered;
use crate::store::at;
use crate::uploads::disk;
use crate::uploads::limits::Limits;

/// The longest window, in hours: 31 days.
const HOURS_MAX: i64 = 744;
const HOUR_MILLIS: i64 = 3_600_000;
/// Windows up to so many hours are told by the hour, longer ones by the day.
const BY_HOUR_MAX: i64 = 48;
/// Schedules that are told ahead.
const NEXT_MAX: i64 = 8;

/// How far back.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Window {
    /// `24h`, `7d`; a day where nothing is said.
    window: Option<String>,
}

/// How many hours a window has.
///
/// # Errors
/// 400 for what is no window.
pub(super) fn hours(text: Option<&str>) -> Result<i64> {
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
    let span = (app.now_ms() - hours(asked.window.as_deref())? * HOUR_MILLIS, app.now_ms());
    let next = app.store.due_next(&caller.reach, NEXT_MAX, &entered()).await?.into_iter().map(|one| {
        json!({"job_id": one.job_id, "domain": one.domain, "due_at": at(one.due_ms), "run_type": one.run_type})
    });
    // A folder that is not there yet has no room of its own.
    let free = disk::free_bytes(&app.config.uploads()).or_else(|_| disk::free_bytes(&app.config.data)).ok();
    let reserve = Limits::now(&app.store).await?.free_bytes_min;
    Ok(Json(json!({
        "throughput_series": series(&app, &caller, span).await?, "next_runs": next.collect::<Vec<_>>(),
        "disk": {"free_bytes": free, "reserve_bytes": reserve},
        "jobs_by_phase": phases, "jobs_by_gate": gates, "mailboxes_by_status": boxes, "runs_by_status": runs,
        "messages_done": messages, "bytes_done": bytes, "errors_by_class": errors,
        "quarantine_open": app.store.open_items(&caller.reach).await?, "workers": workers, "since": since,
    })))
}

/// Octets and messages of each hour or day of a window, also of those in which nothing was moved.
async fn series(app: &App, caller: &Caller, (from_ms, to_ms): (i64, i64)) -> Result<Vec<Value>> {
    let (step, letters, rest) = if to_ms - from_ms <= BY_HOUR_MAX * HOUR_MILLIS {
        (HOUR_MILLIS, 13, ":00:00.000Z")
    } else {
        (24 * HOUR_MILLIS, 10, "T00:00:00.000Z")
    };
    let moved = app.store.moved_since(&caller.reach, &at(from_ms), letters).await?;
    let letters = usize::try_from(letters).unwrap_or(0);
    let parts = (0..).map(|place| from_ms + place * step).take_while(|part| *part <= to_ms);
    let told = parts.map(|part| {
        let part = at(part).chars().take(letters).collect::<String>();
        let here = moved.iter().find(|one| one.part == part);
        let (bytes, messages) = here.map_or((0, 0), |one| (one.bytes, one.messages));
        json!({"at": format!("{part}{rest}"), "bytes": bytes, "messages": messages})
    });
    Ok(told.collect())
}
