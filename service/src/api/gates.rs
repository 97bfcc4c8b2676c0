//! The gate over HTTP: what a DNS tool asks, what an approver sees, says and takes back.
//! Never allows DNS where anything is unknown: whatever goes wrong is answered with `dns_allowed: false`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use malote_plan::gate::{CheckId, Evaluation, Refused};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::body::{Asked, At, Body};
use super::caller::Caller;
use super::control::Reason;
use super::jobs::{JobView, read};
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::gate::{self, FRESH_MILLIS, GateError, Verdict, Wish};
use crate::store::at;
use crate::store::events::{Level, NewEvent};

/// A gate is looked at by the clock after so long, in milliseconds: ten minutes.
const LOOK_MILLIS: i64 = 600_000;

/// One check.
#[derive(Serialize, ToSchema)]
pub struct CheckView {
    /// Its name.
    check_id: &'static str,
    /// `pass`, `warn` or `fail`.
    status: &'static str,
    /// The numbers behind it.
    message: String,
    /// Its failure blocks.
    critical: bool,
    /// Which sentence that is, for other languages.
    code: &'static str,
    /// The numbers of that sentence by name.
    #[schema(value_type = Object)]
    numbers: Value,
}

/// What the gate came to.
#[derive(Serialize, ToSchema)]
pub struct GateView {
    /// The domain.
    domain: String,
    /// The job.
    job_id: i64,
    /// Its phase.
    phase: String,
    /// `blocked`, `warning` or `ready_for_dns`.
    migration_gate: &'static str,
    /// True for `ready_for_dns` alone.
    dns_allowed: bool,
    /// Rounded down.
    sync_percent: f64,
    /// The job's checks.
    checks: Vec<CheckView>,
    /// When this was found.
    evaluated_at: String,
    /// After that it is not to be relied upon.
    expires_at: String,
    /// Who approved, where that holds.
    approved_by: Option<String>,
    /// When.
    approved_at: Option<String>,
    /// What an approver names.
    snapshot_hash: String,
}

fn checks(evaluation: &Evaluation) -> Vec<CheckView> {
    let views = evaluation.checks.iter().map(|check| CheckView {
        check_id: check.id.as_str(),
        status: check.status.as_str(),
        message: check.message.clone(),
        critical: check.id.is_critical(),
        code: check.code,
        numbers: gate::details(check)["numbers"].take(),
    });
    views.collect()
}

fn hundredths(percent: u32) -> f64 {
    f64::from(percent) / 100.0
}

fn view(job_id: i64, verdict: &Verdict) -> GateView {
    let evaluation = &verdict.evaluation;
    GateView {
        domain: verdict.domain.clone(),
        job_id,
        phase: verdict.phase.clone(),
        migration_gate: evaluation.gate.as_str(),
        dns_allowed: evaluation.gate.is_dns_allowed(),
        sync_percent: hundredths(evaluation.percent_hundredths),
        checks: checks(evaluation),
        evaluated_at: at(verdict.evaluated_ms),
        expires_at: at(verdict.evaluated_ms + FRESH_MILLIS),
        approved_by: verdict.approved_by.clone(),
        approved_at: verdict.approved_at.clone(),
        snapshot_hash: evaluation.snapshot_hash.clone(),
    }
}

/// Looks at a job's gate and tells those who look on where it changed.
///
/// # Errors
/// Where there is no verdict.
pub async fn look(app: &App, job: i64) -> std::result::Result<Verdict, GateError> {
    let verdict = gate::look(&app.store, job, app.now_ms()).await?;
    tell(app, job, &verdict).await;
    Ok(verdict)
}

/// Looks at the gates that nobody has looked at for so long: an approval that has run out takes its job back, though
/// nobody asks.
///
/// # Errors
/// Where they cannot be found. One without a verdict is logged, and keeps nobody from looking at the others.
pub async fn look_due(app: &App) -> std::result::Result<(), GateError> {
    for job in app.store.gates_due(&at(app.now_ms() - LOOK_MILLIS)).await? {
        if let Err(error) = look(app, job).await {
            tracing::warn!(job.id = job, error = %error, "the gate of job {job} was not looked at: {error}");
        }
    }
    Ok(())
}

async fn tell(app: &App, job: i64, verdict: &Verdict) {
    if !verdict.has_changed {
        return;
    }
    let now_ms = app.now_ms();
    let name = verdict.evaluation.gate.as_str();
    let attributes = json!({
        "migration_gate": name, "phase": verdict.phase, "dns_allowed": verdict.evaluation.gate.is_dns_allowed(),
        "sync_percent": hundredths(verdict.evaluation.percent_hundredths),
    });
    let event = NewEvent {
        level: Level::Info,
        event: "gate",
        message: format!("the gate is {name}"),
        attributes_json: attributes.to_string(),
        at_ms: now_ms,
    };
    if let Err(error) = app.store.tell((job, None), &[event], &[], now_ms).await {
        tracing::warn!(job.id = job, error = %error, "the change of a gate was not told: {error}");
    }
}

/// The same where nobody waits for the answer: the next look makes up for a failure.
pub(super) async fn look_quietly(app: &App, job: i64) {
    if let Err(error) = look(app, job).await {
        tracing::warn!(job.id = job, error = %error, "the gate was not looked at: {error}");
    }
}

pub(super) fn of_gate(error: GateError) -> ApiError {
    match error {
        GateError::Store(error) => error.into(),
        GateError::Chance(error) => error.into(),
        GateError::NoJob => ApiError::not_found("job"),
        error @ GateError::Answered => ApiError::conflict("finished", error.to_string()),
    }
}

/// Which domain.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Domain {
    /// As A-labels.
    domain: Option<String>,
}

/// `GET /migration/gate?domain=`: whether a domain's DNS may be changed. Whatever is not a clear yes is a no.
#[utoipa::path(get, path = "/migration/gate", tag = "gate", params(Domain),
    responses((status = 200, body = GateView), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 503)))]
pub async fn ask(
    State(app): State<App>,
    caller: std::result::Result<Caller, ApiError>,
    query: Result<Asked<Domain>>,
) -> Response {
    match answer(&app, caller, query).await {
        Ok(view) => Json(view).into_response(),
        // Every refusal says so in the one word that is looked for.
        Err(error) => {
            let error = if error.status == StatusCode::INTERNAL_SERVER_ERROR {
                ApiError { status: StatusCode::SERVICE_UNAVAILABLE, code: "unavailable", ..error }
            } else {
                error
            };
            let shut = gate::without_an_answer();
            error
                .with("dns_allowed", shut.is_dns_allowed().into())
                .with("migration_gate", shut.as_str().into())
                .into_response()
        }
    }
}

async fn answer(app: &App, caller: Result<Caller>, query: Result<Asked<Domain>>) -> Result<GateView> {
    let caller = caller?;
    caller.may(Permission::GateRead)?;
    let Asked(asked) = query?;
    let text = asked.domain.ok_or_else(|| ApiError::bad_request("say ?domain=example.com"))?;
    let domain = super::jobs::domain(&text).map_err(|_| ApiError::bad_request("this is no domain"))?;
    let unknown =
        || ApiError::new(StatusCode::NOT_FOUND, "unknown_domain", format!("no job is known for {domain}"));
    let found = app.store.jobs_of_domain(&caller.reach, &domain).await?;
    // Two open jobs of two tenants: nobody can say which is meant.
    let open: Vec<_> = found.iter().filter(|job| job.phase != "closed").collect();
    let job = match (open.as_slice(), found.as_slice()) {
        ([one], _) => *one,
        ([], [one, ..]) => one,
        ([], []) => return Err(unknown()),
        _ => {
            let detail = "two tenants have an open job of this domain: ask with a token of one tenant";
            return Err(ApiError::conflict("conflict", detail));
        }
    };
    let verdict = look(app, job.id).await.map_err(of_gate)?;
    Ok(view(job.id, &verdict))
}

/// The gate of a job that the caller may see, as a part of what else is shown of it.
///
/// # Errors
/// Where there is no verdict.
pub(super) async fn shown(app: &App, id: i64) -> Result<GateView> {
    Ok(view(id, &look(app, id).await.map_err(of_gate)?))
}

/// Whether the past is asked for.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Past {
    /// Earlier verdicts and decisions too.
    #[serde(default)]
    history: bool,
}

/// `GET /migration/jobs/{id}/gate`: with each mailbox, and with the past where it is asked for.
#[utoipa::path(get, path = "/migration/jobs/{id}/gate", tag = "gate", params(("id" = i64, Path), Past),
    responses((status = 200, body = GateView), (status = 404)))]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Asked(past): Asked<Past>,
) -> Result<Json<Value>> {
    caller.may(Permission::ViewMigration)?;
    read(&app, &caller, id).await?;
    let verdict = look(&app, id).await.map_err(of_gate)?;
    let mut told = serde_json::to_value(view(id, &verdict)).map_err(|error| ApiError::internal(&error))?;
    let warnings: Vec<&str> = verdict.evaluation.warnings().iter().map(|id| id.as_str()).collect();
    told["warnings"] = json!(warnings);
    let emails = app.store.emails(id).await?;
    told["mailboxes"] = verdict.evaluation.mailboxes.iter().map(|own| of_mailbox(own, &emails)).collect();
    if past.history {
        let rows = app.store.gate_history(id).await?.into_iter();
        told["history"] = rows
            .map(|(hash, gate, percent, at_ms)| {
                json!({
                    "snapshot_hash": hash, "migration_gate": gate, "sync_percent": percent,
                    "evaluated_at": at(at_ms),
                })
            })
            .collect();
        let decided = app.store.decisions(id).await?.into_iter();
        told["decisions"] = decided
            .map(|one| {
                json!({
                    "decision": one.decision, "approver": one.approver, "comment": one.comment, "at": one.created_at,
                    "accepted_warnings": serde_json::from_str::<Value>(&one.accepted_json).unwrap_or_default(),
                    "snapshot_hash": one.snapshot_hash, "void": one.voided_ms > 0, "void_reason": one.void_reason,
                })
            })
            .collect();
    }
    Ok(Json(told))
}

fn of_mailbox(own: &malote_plan::gate::MailboxOutcome, emails: &BTreeMap<u64, String>) -> Value {
    let counts = own.counts.as_ref().map(|counts| {
        json!({
            "eligible": counts.eligible, "matched": counts.matched, "missing": counts.missing(),
            "pending": counts.pending, "quarantine_open": counts.quarantine_open,
            "quarantine_acknowledged": counts.quarantine_acknowledged,
        })
    });
    let checks: Vec<Value> = own
        .checks
        .iter()
        .map(|one| {
            let mut told = gate::details(one);
            told["check_id"] = one.id.as_str().into();
            told["status"] = one.status.as_str().into();
            told["message"] = one.message.as_str().into();
            told
        })
        .collect();
    json!({
        "mailbox_id": own.id, "email": emails.get(&own.id), "sync_percent": hundredths(own.percent_hundredths),
        "counts": counts, "checks": checks,
    })
}

/// `POST /migration/jobs/{id}/gate/evaluate`.
#[utoipa::path(post, path = "/migration/jobs/{id}/gate/evaluate", tag = "gate", params(("id" = i64, Path)),
    responses((status = 200, body = GateView), (status = 404)))]
pub async fn evaluate(State(app): State<App>, caller: Caller, At(id): At<i64>) -> Result<Json<GateView>> {
    caller.may(Permission::RunSync)?;
    read(&app, &caller, id).await?;
    let verdict = look(&app, id).await.map_err(of_gate)?;
    Ok(Json(view(id, &verdict)))
}

/// An approval.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// The `snapshot_hash` of what was seen.
    snapshot_hash: String,
    /// Each warning that is accepted.
    #[serde(default)]
    accepted_warnings: Vec<String>,
    /// Why.
    #[serde(default)]
    comment: String,
}

/// `POST /migration/jobs/{id}/approve-gate`.
#[utoipa::path(post, path = "/migration/jobs/{id}/approve-gate", tag = "gate", params(("id" = i64, Path)),
    request_body = Approve, responses((status = 200, body = JobView), (status = 403), (status = 409), (status = 422)))]
pub async fn approve(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Body(asked): Body<Approve>,
) -> Result<Json<JobView>> {
    caller.may(Permission::ApproveMigrationGate)?;
    caller.has_stepped_up(app.now_ms())?;
    let accepted = super::approvals::accepted(&asked.accepted_warnings)?;
    let told = (asked.snapshot_hash.as_str(), accepted.as_slice(), asked.comment.as_str());
    Ok(Json(approve_as(&app, &caller, (id, None), told).await?))
}

/// Approves the gate of a job by the caller's right, which was shown before, and uses the request that asked for it:
/// the digest that was seen, the warnings accepted, why.
///
/// # Errors
/// Where plan refuses.
pub(super) async fn approve_as(
    app: &App,
    caller: &Caller,
    (id, request): (i64, Option<&str>),
    (snapshot_hash, accepted, comment): (&str, &[CheckId], &str),
) -> Result<JobView> {
    read(app, caller, id).await?;
    // A setting of the house, and never the job's: whoever is bound by it could take it away.
    let is_four_eyes = super::settings::value(app, super::settings::FOUR_EYES).await? != Value::Bool(false);
    let wish = Wish { snapshot_hash, accepted, actor: &caller.actor, comment, is_four_eyes, request };
    match gate::approve_now(&app.store, id, &wish, app.now_ms()).await.map_err(of_gate)? {
        Ok(verdict) => {
            tell(app, id, &verdict).await;
            Ok(JobView::of(read(app, caller, id).await?))
        }
        Err((refused, evaluation)) => Err(of_refusal(&refused, &evaluation)),
    }
}

fn of_refusal(refused: &Refused, evaluation: &Evaluation) -> ApiError {
    let names = |ids: &[CheckId]| ids.iter().map(|id| id.as_str()).collect::<Vec<_>>();
    match refused {
        Refused::Blocked(failing) => {
            let names = names(failing);
            ApiError::conflict("gate_blocked", format!("these checks fail: {}", names.join(", ")))
                .with("failing", names.into())
        }
        Refused::Stale => ApiError::conflict("approval_stale", "what you saw is not what is: look again")
            .with("snapshot_hash", evaluation.snapshot_hash.as_str().into()),
        Refused::FourEyes => {
            let detail = "whoever made the job or acknowledged its quarantined messages may not approve it";
            ApiError::conflict("four_eyes", detail)
        }
        Refused::NotAccepted(open) => {
            let names = names(open);
            let detail = format!("accept each warning: {}", names.join(", "));
            ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "warnings_not_accepted", detail)
                .with("not_accepted", names.into())
        }
    }
}

/// `POST /migration/jobs/{id}/revoke-approval`.
#[utoipa::path(post, path = "/migration/jobs/{id}/revoke-approval", tag = "gate", params(("id" = i64, Path)),
    request_body = Reason, responses((status = 200, body = JobView), (status = 409), (status = 422)))]
pub async fn revoke(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Body(why): Body<Reason>,
) -> Result<Json<JobView>> {
    shut(&app, &caller, id, true, &why.reason).await
}

/// `POST /migration/jobs/{id}/reject-gate`.
#[utoipa::path(post, path = "/migration/jobs/{id}/reject-gate", tag = "gate", params(("id" = i64, Path)),
    request_body = Reason, responses((status = 200, body = JobView), (status = 409), (status = 422)))]
pub async fn reject(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Body(why): Body<Reason>,
) -> Result<Json<JobView>> {
    shut(&app, &caller, id, false, &why.reason).await
}

async fn shut(app: &App, caller: &Caller, id: i64, is_revoked: bool, reason: &str) -> Result<Json<JobView>> {
    caller.may(Permission::ApproveMigrationGate)?;
    let job = read(app, caller, id).await?;
    if reason.trim().is_empty() {
        return Err(ApiError::field("reason", "say why"));
    }
    let phase = malote_plan::phase::Phase::named(&job.phase);
    if !phase.is_some_and(malote_plan::phase::Phase::is_before_cutover) {
        return Err(ApiError::conflict("phase_conflict", "DNS has been changed already"));
    }
    let verdict = gate::shut(&app.store, id, is_revoked, (&caller.actor, reason), app.now_ms()).await;
    tell(app, id, &verdict.map_err(of_gate)?).await;
    Ok(Json(JobView::of(read(app, caller, id).await?)))
}
