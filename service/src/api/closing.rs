//! The end of a job, and what others ask of it: closing, the purge certificate, the desk's payload, the phases it had.
//! Never leaves a secret behind.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use malote_plan::phase::{Edge, Facts, Phase};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::body::{At, Body};
use super::caller::Caller;
use super::jobs::{cancel_runs, confirmed, percent, read, take};
use super::list::Listed;
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::originals;
use crate::store::at;
use crate::store::jobs::Why;
use crate::store::keys::CertificateRow;
use crate::vault::Purged;

/// A job to be closed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// The job's domain, typed.
    confirm: String,
    /// Why the job is closed before `close.straggler_days` are over; it stands in the phases and in the audit log. The
    /// source is not watched for late mail, with or without it.
    waive_straggler_reason: Option<String>,
}

/// What is left of a job's secrets.
#[derive(Serialize, ToSchema)]
pub struct CertificateView {
    /// Its id.
    id: String,
    /// The job.
    job_id: i64,
    /// What was destroyed.
    counts: Value,
    /// Who did it.
    actor: String,
    /// SHA-256 of the rest.
    digest: String,
    /// When.
    purged_at: String,
}

impl CertificateView {
    fn of(row: CertificateRow) -> Self {
        Self {
            counts: serde_json::from_str(&row.counts_json).unwrap_or_default(),
            purged_at: at(row.purged_ms),
            id: row.id,
            job_id: row.job_id,
            actor: row.actor,
            digest: row.digest,
        }
    }
}

/// A day, in milliseconds.
const DAY_MILLIS: i64 = 86_400_000;

/// `POST /migration/jobs/{id}/close`: destroys the job's keys, credentials and uploads; counts and records stay.
#[utoipa::path(post, path = "/migration/jobs/{id}/close", tag = "jobs", params(("id" = i64, Path)),
    request_body = Close,
    responses((status = 202, body = CertificateView), (status = 409), (status = 428)))]
pub async fn close(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Body(asked): Body<Close>,
) -> Result<(StatusCode, Json<CertificateView>)> {
    caller.may(Permission::CloseMigration)?;
    let row = read(&app, &caller, id).await?;
    confirmed(Some(&asked.confirm), &row.domain)?;
    if row.phase == Phase::Closed.as_str() && app.store.purge_certificate(id).await?.is_none() {
        // Whoever closed it died before its secrets were destroyed: that is done now.
        return ended(&app, &caller, id).await;
    }
    let now_ms = app.now_ms();
    let changed_ms = row.dns_cutover_at.as_deref().and_then(crate::store::milliseconds);
    let waived = asked.waive_straggler_reason.as_deref().unwrap_or_default();
    let days = super::settings::value(&app, super::settings::STRAGGLER_DAYS).await?.as_i64().unwrap_or(14);
    let facts = Facts {
        is_asked_by_a_person: caller.session.is_some(),
        is_straggler_window_over: changed_ms.is_some_and(|at| now_ms - at >= days * DAY_MILLIS)
            || !waived.trim().is_empty(),
        ..Facts::default()
    };
    let words = Why { actor: &caller.actor, reason: waived, ..Why::default() };
    take(&app, &row, Edge::Close, facts, words).await?;
    ended(&app, &caller, id).await
}

/// What a closed job leaves behind is ended and destroyed; may be done twice.
async fn ended(app: &App, caller: &Caller, id: i64) -> Result<(StatusCode, Json<CertificateView>)> {
    cancel_runs(app, id, "the job was closed").await?;
    app.store.note_closed(id, &at(app.now_ms())).await?;
    let certificate = purge(app, id, &caller.actor).await?;
    Ok((StatusCode::ACCEPTED, Json(CertificateView::of(certificate))))
}

/// Destroys what a job knew: keys, originals of quarantined messages, uploads, credentials, in this order.
///
/// # Errors
/// Where the database or the disk does not let us; what was destroyed stays destroyed, and it may be asked again.
pub(super) async fn purge(app: &App, id: i64, actor: &str) -> Result<CertificateRow> {
    let originals = originals::folders(app, id).await?;
    let place = Purged { uploads: &app.config.uploads(), originals: &originals };
    Ok(app.vault.purge(id, actor, app.now_ms(), place).await?)
}

/// `GET /migration/jobs/{id}/purge-certificate`.
#[utoipa::path(get, path = "/migration/jobs/{id}/purge-certificate", tag = "jobs", params(("id" = i64, Path)),
    responses((status = 200, body = CertificateView), (status = 404)))]
pub async fn certificate(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
) -> Result<Json<CertificateView>> {
    caller.may(Permission::ViewMigration)?;
    read(&app, &caller, id).await?;
    let row = app.store.purge_certificate(id).await?.ok_or_else(|| ApiError::not_found("certificate"))?;
    Ok(Json(CertificateView::of(row)))
}

/// Exactly what the desk takes.
#[derive(Serialize, ToSchema)]
#[expect(missing_docs, reason = "the four names are the desk's own")]
pub struct TicketPayload {
    pub migration_job_id: i64,
    pub migration_phase: String,
    pub migration_gate: String,
    pub migration_sync_percent: f64,
}

/// `GET /migration/jobs/{id}/ticket-payload`.
#[utoipa::path(get, path = "/migration/jobs/{id}/ticket-payload", tag = "jobs", params(("id" = i64, Path)),
    responses((status = 200, body = TicketPayload), (status = 404)))]
pub async fn ticket_payload(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
) -> Result<Json<TicketPayload>> {
    caller.may(Permission::ViewMigration)?;
    let row = read(&app, &caller, id).await?;
    Ok(Json(TicketPayload {
        migration_sync_percent: percent(&row),
        migration_job_id: row.id,
        migration_phase: row.phase,
        migration_gate: row.migration_gate,
    }))
}

/// Something that happened to a job.
#[derive(Serialize, ToSchema)]
pub struct EventView {
    /// `phase`, `approval` or `run`.
    kind: &'static str,
    /// The phase before, empty for a new job; the run's type.
    from: String,
    /// The phase after it; the decision; how the run ended.
    to: String,
    /// Who.
    actor: String,
    /// Why.
    reason: String,
    /// When.
    at: String,
}

/// Runs that a timeline tells at most, the latest.
const RUNS_TOLD_MAX: i64 = 1_000;

/// What happened to a job, in order of time.
///
/// # Errors
/// What the database says.
pub(super) async fn events(app: &App, id: i64) -> Result<Vec<EventView>> {
    let phases = app.store.phases(id).await?.into_iter();
    let mut all: Vec<EventView> = phases
        .map(|[from, to, actor, reason, at]| EventView { kind: "phase", from, to, actor, reason, at })
        .collect();
    let decided = app.store.decisions(id).await?.into_iter();
    all.extend(decided.map(|one| EventView {
        kind: "approval",
        from: String::new(),
        to: if one.voided_ms > 0 { "void".to_owned() } else { one.decision },
        actor: one.approver,
        reason: if one.voided_ms > 0 { one.void_reason } else { one.comment },
        at: one.created_at,
    }));
    let runs = app.store.ended_runs(id, RUNS_TOLD_MAX).await?.into_iter();
    all.extend(runs.map(|[from, to, actor, reason, at]| EventView {
        kind: "run",
        from,
        to,
        actor,
        reason,
        at,
    }));
    all.sort_by(|one, two| one.at.cmp(&two.at));
    Ok(all)
}

/// `GET /migration/jobs/{id}/timeline`: phases, decisions about the gate, and runs, oldest first.
#[utoipa::path(get, path = "/migration/jobs/{id}/timeline", tag = "jobs", params(("id" = i64, Path)),
    responses((status = 200, body = Listed<EventView>), (status = 404)))]
pub async fn timeline(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
) -> Result<Json<Listed<EventView>>> {
    caller.may(Permission::ViewMigration)?;
    read(&app, &caller, id).await?;
    Ok(Json(Listed::whole(events(&app, id).await?)))
}
