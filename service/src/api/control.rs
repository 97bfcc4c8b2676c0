//! What is done with a whole job while it lasts: `/migration/jobs/{id}/pause|resume|cancel|fail|retry`.
//! Never takes a phase's edge that plan does not let it take.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use malote_plan::phase::{Edge, Facts};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Result;
use super::body::{At, Body};
use super::caller::Caller;
use super::jobs::{JobView, cancel_runs, read, take};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::store::jobs::Why;

/// Why something is done.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Reason {
    /// For people, and for the audit log.
    pub reason: String,
}

/// `POST /migration/jobs/{id}/pause`: nothing of it is begun; what is at work goes back to the queue.
#[utoipa::path(post, path = "/migration/jobs/{id}/pause", tag = "jobs", params(("id" = i64, Path)),
    request_body = Reason,
    responses((status = 200, body = JobView), (status = 404)))]
pub async fn pause(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Body(why): Body<Reason>,
) -> Result<Json<JobView>> {
    caller.may(Permission::RunSync)?;
    read(&app, &caller, id).await?;
    app.store.pause(id, &why.reason).await?;
    Ok(Json(JobView::of(read(&app, &caller, id).await?)))
}

/// `POST /migration/jobs/{id}/resume`.
#[utoipa::path(post, path = "/migration/jobs/{id}/resume", tag = "jobs", params(("id" = i64, Path)),
    request_body = Reason,
    responses((status = 200, body = JobView), (status = 404)))]
pub async fn resume(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Body(_why): Body<Reason>,
) -> Result<Json<JobView>> {
    caller.may(Permission::RunSync)?;
    read(&app, &caller, id).await?;
    app.store.resume(id).await?;
    app.wake();
    Ok(Json(JobView::of(read(&app, &caller, id).await?)))
}

/// How many runs are asked to end.
#[derive(Serialize, ToSchema)]
pub struct Cancelled {
    /// Runs that were not over.
    cancelled: usize,
}

/// `POST /migration/jobs/{id}/cancel`: ends its runs; what was copied stays, and is known to the next run.
#[utoipa::path(post, path = "/migration/jobs/{id}/cancel", tag = "jobs", params(("id" = i64, Path)),
    request_body = Reason,
    responses((status = 202, body = Cancelled), (status = 404)))]
pub async fn cancel(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Body(why): Body<Reason>,
) -> Result<(StatusCode, Json<Cancelled>)> {
    caller.may(Permission::RunSync)?;
    read(&app, &caller, id).await?;
    let cancelled = cancel_runs(&app, id, &why.reason).await?;
    Ok((StatusCode::ACCEPTED, Json(Cancelled { cancelled })))
}

/// `POST /migration/jobs/{id}/fail`.
#[utoipa::path(post, path = "/migration/jobs/{id}/fail", tag = "jobs", params(("id" = i64, Path)),
    request_body = Reason,
    responses((status = 200, body = JobView), (status = 409)))]
pub async fn fail(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Body(why): Body<Reason>,
) -> Result<Json<JobView>> {
    caller.may(Permission::CloseMigration)?;
    let row = read(&app, &caller, id).await?;
    let facts = Facts { has_reason: !why.reason.trim().is_empty(), ..Facts::default() };
    let words = Why { actor: &caller.actor, reason: &why.reason, ..Why::default() };
    take(&app, &row, Edge::Fail, facts, words).await?;
    cancel_runs(&app, id, "the job failed").await?;
    Ok(Json(JobView::of(read(&app, &caller, id).await?)))
}

/// `POST /migration/jobs/{id}/retry`: back to the phase before the failure.
#[utoipa::path(post, path = "/migration/jobs/{id}/retry", tag = "jobs", params(("id" = i64, Path)),
    request_body = Reason,
    responses((status = 200, body = JobView), (status = 409)))]
pub async fn retry(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Body(why): Body<Reason>,
) -> Result<Json<JobView>> {
    caller.may(Permission::CloseMigration)?;
    let row = read(&app, &caller, id).await?;
    let facts = Facts { is_asked_by_a_person: caller.session.is_some(), ..Facts::default() };
    let words = Why { actor: &caller.actor, reason: &why.reason, ..Why::default() };
    take(&app, &row, Edge::Retry, facts, words).await?;
    Ok(Json(JobView::of(read(&app, &caller, id).await?)))
}
