//! When a job's deltas run: `/migration/jobs/{id}/schedule`, with the next five times.
//! Never fires anything: the scheduler does.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::answer::{Versioned, seen_version};
use super::body::{Asked, At, Body, no_content};
use super::caller::Caller;
use super::jobs::read;
use super::list::Listed;
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::auth::token::uuid;
use crate::jobs::Cron;
use crate::store::schedules::{SchedulePut, ScheduleRow};
use crate::store::{StoreError, Transaction, at};

/// Times that are told ahead.
const TIMES: usize = 5;
/// Firings of the past that are told.
const FIRINGS: i64 = 100;

/// When deltas run.
#[derive(Serialize, ToSchema)]
pub struct ScheduleView {
    /// Its id.
    id: String,
    /// Minute, hour, day, month, weekday.
    cron: String,
    /// Where its hours are counted.
    timezone: String,
    /// Hours of the day that it keeps to.
    window: Value,
    /// It fires.
    enabled: bool,
    /// A job that is at work is passed over.
    skip_if_running: bool,
    /// What it enters.
    run_type: String,
    /// The next five moments, within its hours.
    next: Vec<String>,
    /// When it fired last; empty: never.
    last_due_at: String,
    /// For `If-Match`.
    version: i64,
    /// Of a job's schedule alone: mailboxes that have one of their own, and go by that.
    #[serde(skip_serializing_if = "Option::is_none")]
    mailboxes_apart: Option<i64>,
}

impl ScheduleView {
    /// What is shown of a row.
    pub fn of(row: ScheduleRow, now_ms: i64) -> Self {
        let next = match Cron::parse(&row.cron, &row.timezone, &row.window_json) {
            Ok(cron) if row.is_enabled => times(&cron, now_ms),
            _ => Vec::new(),
        };
        Self {
            window: serde_json::from_str(&row.window_json).unwrap_or_default(),
            last_due_at: if row.last_due_ms == 0 { String::new() } else { at(row.last_due_ms) },
            id: row.id,
            cron: row.cron,
            timezone: row.timezone,
            enabled: row.is_enabled,
            skip_if_running: row.skip_if_running,
            run_type: row.run_type,
            next,
            version: row.version,
            mailboxes_apart: None,
        }
    }
}

/// The next moments that lie within its hours. A pattern that never meets them has none.
fn times(cron: &Cron, now_ms: i64) -> Vec<String> {
    /// Moments that are looked at before a schedule is said to have none.
    const LOOKED_AT_MAX: usize = 2_000;
    let ahead = cron.next(now_ms, LOOKED_AT_MAX).into_iter();
    ahead.filter(|moment| cron.is_open_at(*moment)).take(TIMES).map(at).collect()
}

/// When deltas shall run.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Minute, hour, day, month, weekday.
    cron: String,
    /// A name of the IANA time zone database; UTC where nothing is said.
    timezone: Option<String>,
    /// It fires; true where nothing is said.
    enabled: Option<bool>,
    /// A job that is at work is passed over; true where nothing is said.
    skip_if_running: Option<bool>,
    /// `{"from":"22:00","to":"06:00"}`; every hour where nothing is said.
    window: Option<Value>,
}

/// What a schedule would do.
#[derive(Serialize, ToSchema)]
pub struct PreviewView {
    /// Minute, hour, day, month, weekday.
    cron: String,
    /// Where its hours are counted.
    timezone: String,
    /// Hours of the day that it keeps to.
    window: Value,
    /// The next five moments, within its hours.
    next: Vec<String>,
}

/// Which schedule.
#[derive(Deserialize, Default, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct PreviewAsked {
    /// Minute, hour, day, month, weekday.
    cron: String,
    /// A name of the IANA time zone database; UTC where nothing is said.
    timezone: Option<String>,
    /// From this time of the day on, as `22:00`; together with `to`.
    from: Option<String>,
    /// Until then, as `06:00`.
    to: Option<String>,
}

/// `GET /schedule-preview`: when a schedule would fire. Nothing is kept.
#[utoipa::path(get, path = "/schedule-preview", tag = "jobs", params(PreviewAsked),
    responses((status = 200, body = PreviewView), (status = 422)))]
pub async fn preview(
    State(app): State<App>,
    caller: Caller,
    Asked(asked): Asked<PreviewAsked>,
) -> Result<Json<PreviewView>> {
    caller.may(Permission::ManageSchedules)?;
    let hours = [asked.from.unwrap_or_default(), asked.to.unwrap_or_default()];
    let has_hours = hours.iter().any(|time| !time.is_empty());
    let wanted = Wanted {
        cron: asked.cron,
        timezone: asked.timezone,
        enabled: None,
        skip_if_running: None,
        window: has_hours.then(|| json!({"from": hours[0], "to": hours[1]})),
    };
    let next = checked(&wanted, app.now_ms())?;
    let timezone = wanted.timezone.unwrap_or_else(|| "UTC".to_owned());
    Ok(Json(PreviewView { cron: wanted.cron, timezone, window: wanted.window.unwrap_or_default(), next }))
}

/// The next moments of a schedule that can be kept.
pub(super) fn checked(wanted: &Wanted, now_ms: i64) -> Result<Vec<String>> {
    let window_json = wanted.window.as_ref().map_or_else(|| "{}".to_owned(), Value::to_string);
    let timezone = wanted.timezone.as_deref().unwrap_or("UTC");
    let cron = Cron::parse(&wanted.cron, timezone, &window_json).map_err(|error| {
        use crate::jobs::CronError::{Pattern, Window, Zone};
        let field = match error {
            Pattern { .. } => "cron",
            Zone(_) => "timezone",
            Window(_) => "window",
        };
        ApiError::field(field, error.to_string())
    })?;
    let next = times(&cron, now_ms);
    if next.is_empty() {
        return Err(ApiError::field("window", "no moment of the pattern lies within these hours"));
    }
    Ok(next)
}

/// Gives a job that is being made its schedule, which was [`checked`].
pub(super) async fn give(
    transaction: &mut Transaction,
    wanted: &Wanted,
    (job_id, tenant_id): (i64, i64),
    created_by: &str,
) -> Result<()> {
    let window_json = wanted.window.as_ref().map_or_else(|| "{}".to_owned(), Value::to_string);
    let put = SchedulePut {
        id: &uuid()?,
        job_id,
        mailbox_id: None,
        tenant_id,
        cron: &wanted.cron,
        timezone: wanted.timezone.as_deref().unwrap_or("UTC"),
        window_json: &window_json,
        is_enabled: wanted.enabled.unwrap_or(true),
        skip_if_running: wanted.skip_if_running.unwrap_or(true),
        seen_version: None,
        created_by,
    };
    match transaction.put_schedule(&put).await? {
        true => Ok(()),
        false => Err(StoreError::Stale("the schedule").into()),
    }
}

/// `GET /migration/jobs/{id}/schedule`.
#[utoipa::path(get, path = "/migration/jobs/{id}/schedule", tag = "jobs", params(("id" = i64, Path)),
    responses((status = 200, body = ScheduleView), (status = 404)))]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
) -> Result<Versioned<ScheduleView>> {
    caller.may(Permission::ViewMigration)?;
    read(&app, &caller, id).await?;
    let row = app.store.job_schedule(id).await?.ok_or_else(|| ApiError::not_found("schedule"))?;
    let mailboxes_apart = Some(app.store.mailboxes_apart(id).await?);
    Ok(Versioned(row.version, ScheduleView { mailboxes_apart, ..ScheduleView::of(row, app.now_ms()) }))
}

/// `PUT /migration/jobs/{id}/schedule`: makes or changes it. A change names the version that was seen.
#[utoipa::path(put, path = "/migration/jobs/{id}/schedule", tag = "jobs", params(("id" = i64, Path)),
    request_body = Wanted,
    responses((status = 200, body = ScheduleView), (status = 404), (status = 412), (status = 422), (status = 428)))]
pub async fn put(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    headers: HeaderMap,
    Body(wanted): Body<Wanted>,
) -> Result<Versioned<ScheduleView>> {
    caller.may(Permission::ManageSchedules)?;
    let job = read(&app, &caller, id).await?;
    let before = app.store.job_schedule(id).await?;
    let seen =
        before.map(|row| seen_version(&headers, row.version).map(|seen| (row.id, seen))).transpose()?;
    keep(&app, &wanted, (id, None, job.tenant_id), seen, &caller.actor).await?;
    let row = app.store.job_schedule(id).await?.ok_or_else(|| ApiError::not_found("schedule"))?;
    Ok(Versioned(row.version, ScheduleView::of(row, app.now_ms())))
}

/// Makes a schedule, or changes the one that was seen with this id and version.
pub(super) async fn keep(
    app: &App,
    wanted: &Wanted,
    (job_id, mailbox_id, tenant_id): (i64, Option<i64>, i64),
    seen: Option<(String, i64)>,
    created_by: &str,
) -> Result<()> {
    checked(wanted, app.now_ms())?;
    let window_json = wanted.window.as_ref().map_or_else(|| "{}".to_owned(), Value::to_string);
    let (id, seen_version) = match seen {
        Some((id, version)) => (id, Some(version)),
        None => (uuid()?, None),
    };
    let put = SchedulePut {
        id: &id,
        job_id,
        mailbox_id,
        tenant_id,
        cron: &wanted.cron,
        timezone: wanted.timezone.as_deref().unwrap_or("UTC"),
        window_json: &window_json,
        is_enabled: wanted.enabled.unwrap_or(true),
        skip_if_running: wanted.skip_if_running.unwrap_or(true),
        seen_version,
        created_by,
    };
    let mut transaction = app.store.begin().await?;
    if !transaction.put_schedule(&put).await? {
        return Err(StoreError::Stale("the schedule").into());
    }
    Ok(transaction.commit().await?)
}

/// `DELETE /migration/jobs/{id}/schedule`: deltas run by hand from then on.
#[utoipa::path(delete, path = "/migration/jobs/{id}/schedule", tag = "jobs", params(("id" = i64, Path)),
    responses((status = 204), (status = 404)))]
pub async fn remove(State(app): State<App>, caller: Caller, At(id): At<i64>) -> Result<Response> {
    caller.may(Permission::ManageSchedules)?;
    read(&app, &caller, id).await?;
    let row = app.store.job_schedule(id).await?.ok_or_else(|| ApiError::not_found("schedule"))?;
    app.store.drop_schedule(&row.id).await?;
    Ok(no_content())
}

/// `GET /migration/jobs/{id}/schedule/executions`: the last 100 firings.
#[utoipa::path(get, path = "/migration/jobs/{id}/schedule/executions", tag = "jobs", params(("id" = i64, Path)),
    responses((status = 200, body = Object), (status = 404)))]
pub async fn executions(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
) -> Result<Json<Listed<Value>>> {
    caller.may(Permission::ViewMigration)?;
    read(&app, &caller, id).await?;
    let row = app.store.job_schedule(id).await?.ok_or_else(|| ApiError::not_found("schedule"))?;
    let rows = app.store.firings(&row.id, FIRINGS).await?.into_iter();
    let views = rows.map(|row| {
        json!({
            "id": row.id, "due_at": at(row.due_ms), "status": row.status, "reason": row.reason,
            "runs_queued": row.runs_queued, "runs_skipped": row.runs_skipped, "triggered_by": row.triggered_by,
            "finished_at": row.finished_at,
        })
    });
    Ok(Json(Listed::whole(views.collect())))
}
