//! What waits for another person: `/approvals…`. Who may not approve a gate asks for it here; who may sees the list.
//! Never approves more than was asked for: the snapshot that was seen when asking is the one that is approved.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use malote_plan::gate::CheckId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::answer::created;
use super::body::{Asked, At, Body};
use super::caller::Caller;
use super::control::Reason;
use super::gates::approve_as;
use super::jobs::{JobView, read};
use super::list::{Listed, Short, Shown};
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::auth::token::uuid;
use crate::store::admin::{NewRequest, RequestRow};
use crate::store::at;

/// A request waits for so long, in milliseconds: three days, as long as an approval holds.
const WAIT_MILLIS: i64 = 3 * 86_400_000;
/// Requests told at once.
const ROWS: i64 = 200;
/// A reason or a note is at most so long, in characters.
const WORDS_MAX: usize = 2_000;
/// What can be asked for.
const APPROVE_GATE: &str = "approve_gate";

/// A request.
#[derive(Serialize, ToSchema)]
pub struct RequestView {
    /// Its id.
    id: String,
    /// `approve_gate`.
    action: String,
    /// The job.
    job_id: i64,
    /// What was seen when it was asked for.
    snapshot_hash: Value,
    /// Why.
    reason: String,
    /// `pending`, `used`, `rejected` or `expired`.
    status: String,
    /// Who asked.
    requested_by: String,
    /// Who decided; empty: nobody yet.
    decided_by: String,
    /// When; empty: not yet.
    decided_at: String,
    /// In which words.
    decision_note: String,
    /// Until then it waits.
    expires_at: String,
    /// When it was asked for.
    created_at: String,
}

impl RequestView {
    fn of(row: RequestRow) -> Self {
        let payload: Value = serde_json::from_str(&row.payload_json).unwrap_or_default();
        Self {
            job_id: row.resource_id.parse().unwrap_or(0),
            snapshot_hash: payload["snapshot_hash"].clone(),
            id: row.id,
            action: row.action,
            reason: row.reason,
            status: row.status,
            requested_by: row.requested_by,
            decided_by: row.decided_by,
            decided_at: row.decided_at,
            decision_note: row.decision_note,
            expires_at: at(row.expires_ms),
            created_at: row.created_at,
        }
    }
}

/// Which requests.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// `pending`, `used`, `rejected` or `expired`.
    status: Option<String>,
}

/// `GET /approvals`.
#[utoipa::path(get, path = "/approvals", tag = "gate", params(Wanted, Short),
    responses((status = 200, body = Listed<RequestView>)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(wanted): Asked<Wanted>,
    Asked(page): Asked<Short>,
) -> Result<Shown> {
    caller.may(Permission::ViewMigration)?;
    let status = wanted.status.unwrap_or_default();
    let rows = app.store.requests(&caller.reach, ("", &status), app.now_ms(), ROWS).await?;
    page.of(rows.into_iter().map(RequestView::of).collect())
}

/// A request to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// `approve_gate`.
    action: String,
    /// The job.
    job_id: i64,
    /// The `snapshot_hash` of what was seen.
    snapshot_hash: String,
    /// Why.
    #[serde(default)]
    reason: String,
}

fn check_words(field: &str, text: &str) -> Result<()> {
    if text.chars().count() > WORDS_MAX {
        Err(ApiError::field(field, "at most 2,000 characters"))
    } else {
        Ok(())
    }
}

/// `POST /approvals`.
#[utoipa::path(post, path = "/approvals", tag = "gate", request_body = Ask,
    responses((status = 201, body = RequestView), (status = 404), (status = 422)))]
pub async fn make(State(app): State<App>, caller: Caller, Body(asked): Body<Ask>) -> Result<Response> {
    caller.may(Permission::ManageMigration)?;
    let job = read(&app, &caller, asked.job_id).await?;
    if asked.action != APPROVE_GATE {
        return Err(ApiError::field("action", "approve_gate is all that can be asked for"));
    }
    if !asked.snapshot_hash.starts_with("sha256:") || asked.snapshot_hash.len() != 71 {
        return Err(ApiError::field("snapshot_hash", "the snapshot_hash that the gate shows"));
    }
    check_words("reason", &asked.reason)?;
    let (id, now_ms) = (uuid()?, app.now_ms());
    let new = NewRequest {
        id: &id,
        action: APPROVE_GATE,
        job: job.id,
        payload_json: &json!({"snapshot_hash": asked.snapshot_hash}).to_string(),
        reason: &asked.reason,
        requested_by: &caller.actor,
        expires_ms: now_ms + WAIT_MILLIS,
    };
    app.store.ask_approval(&new).await?;
    Ok(created(&format!("/approvals/{id}"), &RequestView::of(one(&app, &caller, &id).await?)))
}

async fn one(app: &App, caller: &Caller, id: &str) -> Result<RequestRow> {
    let mut rows = app.store.requests(&caller.reach, (id, ""), app.now_ms(), 1).await?;
    rows.pop().filter(|_| !id.is_empty()).ok_or_else(|| ApiError::not_found("request"))
}

/// `GET /approvals/{id}`.
#[utoipa::path(get, path = "/approvals/{id}", tag = "gate", params(("id" = String, Path)),
    responses((status = 200, body = RequestView), (status = 404)))]
pub async fn show(State(app): State<App>, caller: Caller, At(id): At<String>) -> Result<Json<RequestView>> {
    caller.may(Permission::ViewMigration)?;
    Ok(Json(RequestView::of(one(&app, &caller, &id).await?)))
}

/// A person's yes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Yes {
    /// Each warning that is accepted.
    #[serde(default)]
    accepted_warnings: Vec<String>,
    /// Why.
    #[serde(default)]
    comment: String,
}

/// `POST /approvals/{id}/approve`: does what was asked for, by the approver's own right. A request is used once.
#[utoipa::path(post, path = "/approvals/{id}/approve", tag = "gate", params(("id" = String, Path)),
    request_body = Yes,
    responses((status = 200, body = JobView), (status = 403), (status = 404), (status = 409), (status = 422)))]
pub async fn approve(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Body(yes): Body<Yes>,
) -> Result<Json<JobView>> {
    caller.may(Permission::ApproveMigrationGate)?;
    caller.has_stepped_up(app.now_ms())?;
    let row = waiting(&app, &caller, &id).await?;
    check_words("comment", &yes.comment)?;
    if row.requested_by == caller.actor {
        return Err(ApiError::conflict("four_eyes", "whoever asks does not answer"));
    }
    let view = RequestView::of(row);
    let hash = view.snapshot_hash.as_str().unwrap_or_default();
    let accepted = accepted(&yes.accepted_warnings)?;
    let seen = (hash, accepted.as_slice(), yes.comment.as_str());
    Ok(Json(approve_as(&app, &caller, (view.job_id, Some(&id)), seen).await?))
}

/// The checks of these names.
///
/// # Errors
/// 422, naming the one that is none.
pub(super) fn accepted(names: &[String]) -> Result<Vec<CheckId>> {
    let known = |(place, name): (usize, &String)| {
        let wrong = || ApiError::field(format!("accepted_warnings[{place}]"), "there is no such check");
        CheckId::named(name).ok_or_else(wrong)
    };
    names.iter().enumerate().map(known).collect()
}

async fn waiting(app: &App, caller: &Caller, id: &str) -> Result<RequestRow> {
    let row = one(app, caller, id).await?;
    match row.status.as_str() {
        "pending" => Ok(row),
        "expired" => Err(ApiError::conflict("expired", "nobody answered in time: ask again")),
        _ => Err(ApiError::conflict("finished", "it has been answered already")),
    }
}

/// `POST /approvals/{id}/reject`.
#[utoipa::path(post, path = "/approvals/{id}/reject", tag = "gate", params(("id" = String, Path)),
    request_body = Reason,
    responses((status = 200, body = RequestView), (status = 403), (status = 404), (status = 409), (status = 422)))]
pub async fn reject(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Body(why): Body<Reason>,
) -> Result<Json<RequestView>> {
    caller.may(Permission::ApproveMigrationGate)?;
    waiting(&app, &caller, &id).await?;
    if why.reason.trim().is_empty() {
        return Err(ApiError::field("reason", "say why"));
    }
    check_words("reason", &why.reason)?;
    let mut transaction = app.store.begin().await?;
    if !transaction.decide_request(&id, "rejected", (&caller.actor, &why.reason), app.now_ms()).await? {
        return Err(ApiError::conflict("finished", "it has been answered already"));
    }
    transaction.commit().await?;
    Ok(Json(RequestView::of(one(&app, &caller, &id).await?)))
}
