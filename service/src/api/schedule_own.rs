//! A mailbox's own schedule: `/migration/mailboxes/{mid}/schedule`. It goes before its job's; one that is switched off
//! leaves the mailbox to people. Never fires anything: the scheduler does.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::answer::{Versioned, seen_version};
use super::body::{At, Body, no_content};
use super::caller::Caller;
use super::jobs::read as read_job;
use super::mailboxes::read;
use super::schedule::{ScheduleView, Wanted, keep};
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;

/// `GET /migration/mailboxes/{mid}/schedule`: 404 where the mailbox goes by its job's schedule.
#[utoipa::path(get, path = "/migration/mailboxes/{mid}/schedule", tag = "mailboxes", params(("mid" = i64, Path)),
    responses((status = 200, body = ScheduleView), (status = 404)))]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
) -> Result<Versioned<ScheduleView>> {
    caller.may(Permission::ViewMigration)?;
    read(&app, &caller, id).await?;
    let row = app.store.mailbox_schedule(id).await?.ok_or_else(|| ApiError::not_found("schedule"))?;
    Ok(Versioned(row.version, ScheduleView::of(row, app.now_ms())))
}

/// `PUT /migration/mailboxes/{mid}/schedule`: the mailbox goes by it alone; with `enabled` false its deltas run by
/// hand. A change names the version that was seen.
#[utoipa::path(put, path = "/migration/mailboxes/{mid}/schedule", tag = "mailboxes", params(("mid" = i64, Path)),
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
    let mailbox = read(&app, &caller, id).await?;
    let job = read_job(&app, &caller, mailbox.job_id).await?;
    let before = app.store.mailbox_schedule(id).await?;
    let seen =
        before.map(|row| seen_version(&headers, row.version).map(|seen| (row.id, seen))).transpose()?;
    keep(&app, &wanted, (job.id, Some(id), job.tenant_id), seen, &caller.actor).await?;
    let row = app.store.mailbox_schedule(id).await?.ok_or_else(|| ApiError::not_found("schedule"))?;
    Ok(Versioned(row.version, ScheduleView::of(row, app.now_ms())))
}

/// `DELETE /migration/mailboxes/{mid}/schedule`: the mailbox goes by its job's schedule again.
#[utoipa::path(delete, path = "/migration/mailboxes/{mid}/schedule", tag = "mailboxes", params(("mid" = i64, Path)),
    responses((status = 204), (status = 404)))]
pub async fn remove(State(app): State<App>, caller: Caller, At(id): At<i64>) -> Result<Response> {
    caller.may(Permission::ManageSchedules)?;
    read(&app, &caller, id).await?;
    let row = app.store.mailbox_schedule(id).await?.ok_or_else(|| ApiError::not_found("schedule"))?;
    app.store.drop_mailbox_schedule(&row.id).await?;
    Ok(no_content())
}
