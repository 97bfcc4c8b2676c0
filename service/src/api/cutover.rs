//! After the gate over HTTP: the word that DNS was changed, what name servers show, how the final passes stand.
//! Never changes DNS itself.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use malote_plan::gate::Gate;
use malote_plan::phase::{Phase, Refusal, Unmet};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::body::{At, Body};
use super::caller::Caller;
use super::error::FieldError;
use super::jobs::{JobView, confirmed, read, refused};
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::cutover::passes::{Next, PASSES_MAX};
use crate::cutover::{self, Confirmed, Wish, is_exactly, is_ttl_over};
use crate::dialer::is_host;
use crate::gate::Verdict;
use crate::store::cutover::{CutoverRow, Sighting};
use crate::store::jobs::JobRow;
use crate::store::{at, at_or_empty};

/// Mail exchangers that a confirmation may name.
const HOSTS_MAX: usize = 16;
/// The longest reason, in octets.
const REASON_BYTES_MAX: usize = 1_000;
/// Mailboxes that are told one by one, those that are not done first.
const MAILBOXES_TOLD_MAX: usize = 200;

/// The word that DNS was changed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmDns {
    /// The job's domain, typed.
    confirm: String,
    /// The mail exchangers that the domain has now, all of them; unsaid: the destination's host alone.
    expected_mx: Option<Vec<String>>,
    /// Why the change is to count although no name server shows it.
    vouch_reason: Option<String>,
}

/// What one name server said.
#[derive(Serialize, ToSchema)]
pub struct ResolverView {
    /// Which, as `ADDRESS:PORT`.
    resolver: String,
    /// The mail exchangers, the preferred first.
    hosts: Vec<String>,
    /// For how many seconds others may keep that.
    ttl_seconds: i64,
    /// Why there was no answer; empty for one.
    error: String,
    /// These are the new ones, and no others; nothing where no change was confirmed yet.
    is_expected: Option<bool>,
    /// When.
    seen_at: String,
}

impl ResolverView {
    fn of(one: Sighting, expected: Option<&[String]>) -> Self {
        Self {
            is_expected: expected.map(|expected| is_exactly(&one, expected)),
            resolver: one.resolver,
            hosts: one.hosts,
            ttl_seconds: one.ttl_seconds,
            error: one.error,
            seen_at: at(one.at_ms),
        }
    }
}

/// How a change of DNS goes about.
#[derive(Serialize, ToSchema)]
pub struct PropagationView {
    /// The domain.
    domain: String,
    /// The job's phase.
    phase: String,
    /// The mail exchangers that the domain is to have; empty before the confirmation.
    expected_mx: Vec<String>,
    /// Those that it had before, as far as they were seen.
    before_mx: Vec<String>,
    /// Who confirmed; empty: nobody yet.
    confirmed_by: String,
    /// When DNS was changed.
    dns_cutover_at: Option<String>,
    /// Why somebody's word stood in the place of what was seen.
    vouched_reason: String,
    /// How long others may know the old ones, in seconds; one hour where nobody saw it.
    old_ttl_seconds: Option<i64>,
    /// It was seen.
    is_old_ttl_known: bool,
    /// When nobody may know the old ones any more.
    old_ttl_over_at: Option<String>,
    /// That moment is over.
    is_old_ttl_over: bool,
    /// Every name server gives the new ones, and no others.
    is_seen_everywhere: bool,
    /// What each name server said last.
    resolvers: Vec<ResolverView>,
}

async fn propagation_of(app: &App, job: &JobRow) -> Result<PropagationView> {
    let row = app.store.cutover(job.id).await?;
    let seen = app.store.last_seen(job.id).await?;
    let is_known = row.is_some();
    let row = row.unwrap_or_default();
    let expected = is_known.then_some(row.expected.as_slice());
    let over_ms = row.confirmed_ms.saturating_add(row.old_ttl_seconds.saturating_mul(1_000));
    Ok(PropagationView {
        domain: job.domain.clone(),
        phase: job.phase.clone(),
        is_old_ttl_over: is_known && is_ttl_over(&row, app.now_ms()),
        is_seen_everywhere: !seen.is_empty() && seen.iter().all(|one| is_exactly(one, &row.expected)),
        resolvers: seen.into_iter().map(|one| ResolverView::of(one, expected)).collect(),
        old_ttl_seconds: is_known.then_some(row.old_ttl_seconds),
        old_ttl_over_at: is_known.then(|| at(over_ms)),
        dns_cutover_at: job.dns_cutover_at.clone(),
        expected_mx: row.expected,
        before_mx: row.before,
        confirmed_by: row.confirmed_by,
        vouched_reason: row.vouched_reason,
        is_old_ttl_known: row.is_old_ttl_known,
    })
}

/// `POST /migration/jobs/{id}/dns/confirm`: the mail exchangers were changed elsewhere. The gate is evaluated anew in
/// the transaction that moves the job.
#[utoipa::path(post, path = "/migration/jobs/{id}/dns/confirm", tag = "cutover", params(("id" = i64, Path)),
    request_body = ConfirmDns,
    responses((status = 200, body = PropagationView), (status = 403), (status = 409), (status = 428)))]
pub async fn confirm_dns(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Body(asked): Body<ConfirmDns>,
) -> Result<Json<PropagationView>> {
    caller.may(Permission::ApproveMigrationGate)?;
    caller.has_stepped_up(app.now_ms())?;
    let job = read(&app, &caller, id).await?;
    confirmed(Some(&asked.confirm), &job.domain)?;
    let phase = Phase::named(&job.phase);
    if !matches!(phase, Some(Phase::DeltaSync | Phase::CutoverReady)) {
        // Nobody is asked for nothing.
        let legal = phase.map(|phase| phase.next(Phase::named(&job.phase_before_failure)));
        let refusal = Refusal::Conflict { legal: legal.unwrap_or_default() };
        return Err(refused(&job.phase, &refusal));
    }
    let expected = expected(&app, &job, asked.expected_mx).await?;
    let vouched_reason = reason("vouch_reason", asked.vouch_reason.as_deref().unwrap_or_default())?;
    let wish = Wish { actor: &caller.actor, expected: &expected, vouched_reason };
    match cutover::confirm(&app, &job, &wish).await.map_err(super::gates::of_gate)? {
        Confirmed::Done => Ok(Json(propagation_of(&app, &read(&app, &caller, id).await?).await?)),
        Confirmed::Refused(verdict, refusal) => Err(of_refusal(&verdict, &refusal)),
        Confirmed::NotSeen(seen) => {
            let detail = format!(
                "no name server gives exactly {}: wait until the change is published, name what is expected, or say \
                 in vouch_reason why it counts all the same",
                expected.join(", ")
            );
            let seen: Vec<ResolverView> =
                seen.into_iter().map(|one| ResolverView::of(one, Some(&expected))).collect();
            Err(ApiError::conflict("change_not_seen", detail)
                .with("expected_mx", json!(expected))
                .with("resolvers", json!(seen)))
        }
    }
}

/// The hosts that are expected: those that were named, else the destination's, where that has a name.
async fn expected(app: &App, job: &JobRow, named: Option<Vec<String>>) -> Result<Vec<String>> {
    let Some(named) = named else { return of_destination(app, job).await };
    if named.is_empty() || named.len() > HOSTS_MAX {
        return Err(ApiError::field("expected_mx", format!("name 1 to {HOSTS_MAX} hosts")));
    }
    let (mut hosts, mut wrong) = (Vec::new(), Vec::new());
    for (place, name) in named.iter().enumerate() {
        let host = name.trim().trim_end_matches('.').to_ascii_lowercase();
        if !is_name(&host) {
            let message = "the name of a host, without its preference".to_owned();
            wrong.push(FieldError { field: format!("expected_mx[{place}]"), code: "invalid", message });
        } else if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    if wrong.is_empty() { Ok(hosts) } else { Err(ApiError::fields(wrong)) }
}

/// A mail exchanger has a name, never an address (RFC 5321 §5.1).
fn is_name(host: &str) -> bool {
    is_host(host) && host.parse::<IpAddr>().is_err()
}

async fn of_destination(app: &App, job: &JobRow) -> Result<Vec<String>> {
    let mut host = job.dest_imap_host.clone();
    if host.is_empty()
        && let Some(id) = &job.dest_endpoint_id
    {
        host = app.store.endpoint(id).await?.map(|row| row.host).unwrap_or_default();
    }
    let host = host.split(':').next().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
    if is_name(&host) {
        return Ok(vec![host]);
    }
    Err(ApiError::field("expected_mx", "the destination has no name: name the new mail exchangers"))
}

fn reason<'a>(field: &str, text: &'a str) -> Result<&'a str> {
    if text.len() > REASON_BYTES_MAX {
        return Err(ApiError::field(field, format!("at most {REASON_BYTES_MAX} octets")));
    }
    Ok(text.trim())
}

fn of_refusal(verdict: &Verdict, refusal: &Refusal) -> ApiError {
    let is_gate = match refusal {
        Refusal::Unmet(unmet) => unmet.contains(&Unmet::Gate) || unmet.contains(&Unmet::Approver),
        // A gate that fell has taken the job back.
        Refusal::Conflict { .. } => {
            verdict.phase == "delta_sync" && verdict.evaluation.gate != Gate::ReadyForDns
        }
    };
    if !is_gate {
        return refused(&verdict.phase, refusal);
    }
    let failing: Vec<Value> = verdict
        .evaluation
        .checks
        .iter()
        .filter(|check| check.status.as_str() != "pass")
        .map(|check| {
            json!({"check_id": check.id.as_str(), "status": check.status.as_str(), "message": check.message})
        })
        .collect();
    let gate = verdict.evaluation.gate.as_str();
    ApiError::conflict("gate_not_ready", format!("the gate is {gate}: DNS may not change for this job"))
        .with("migration_gate", gate.into())
        .with("phase", verdict.phase.as_str().into())
        .with("checks", failing.into())
}

/// `GET /migration/jobs/{id}/dns/propagation`: what each name server said last, and what is waited for.
#[utoipa::path(get, path = "/migration/jobs/{id}/dns/propagation", tag = "cutover", params(("id" = i64, Path)),
    responses((status = 200, body = PropagationView), (status = 404)))]
pub async fn propagation(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
) -> Result<Json<PropagationView>> {
    caller.may(Permission::ViewMigration)?;
    let job = read(&app, &caller, id).await?;
    Ok(Json(propagation_of(&app, &job).await?))
}

/// Where a mailbox stands in its final passes.
#[derive(Serialize, ToSchema)]
pub struct PassView {
    /// The mailbox.
    mailbox_id: i64,
    /// Its address.
    email: String,
    /// Final passes that are over.
    passes: usize,
    /// `running`, `final`, `verify` or `done`; where somebody has to act, `quarantine`, `not_verified` or
    /// `too_many_passes`.
    next: &'static str,
    /// When a pass that waits begins.
    not_before: Option<String>,
}

/// Where a job stands in its final passes.
#[derive(Serialize, ToSchema)]
pub struct PassesView {
    /// Mailboxes that take part.
    mailboxes: usize,
    /// Whose last final pass had nothing to copy.
    mailboxes_copied: usize,
    /// Of these, verified after it.
    mailboxes_done: usize,
    /// Uploaded files that no mailbox has: while there are any, the job is not verified.
    files_waiting: u64,
    /// Passes that the clock enters for one mailbox, at most.
    passes_max: usize,
    /// Who accepted copies that are missing at the destination; empty: nobody.
    accepted_by: String,
    /// Why.
    accepted_reason: String,
    /// When the report was kept as it is; empty: not yet.
    report_frozen_at: String,
    /// The mailboxes, those that are not done first; 200 at most.
    items: Vec<PassView>,
}

/// `GET /migration/jobs/{id}/final-passes`.
#[utoipa::path(get, path = "/migration/jobs/{id}/final-passes", tag = "cutover", params(("id" = i64, Path)),
    responses((status = 200, body = PassesView), (status = 404)))]
pub async fn final_passes(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
) -> Result<Json<PassesView>> {
    caller.may(Permission::ViewMigration)?;
    read(&app, &caller, id).await?;
    let mut reading = app.store.begin_reading().await?;
    let row = reading.cutover(id).await?.filter(|row| row.runs_before >= 0);
    let all = match &row {
        Some(row) => cutover::standing(&mut reading, id, row).await?,
        None => Vec::new(),
    };
    let files_waiting = reading.files_waiting(id).await?;
    Ok(Json(passes_view(row.unwrap_or_default(), all, files_waiting)))
}

fn passes_view(row: CutoverRow, all: Vec<(i64, String, usize, Next)>, files_waiting: u64) -> PassesView {
    let count = |is_so: fn(Next) -> bool| all.iter().filter(|(.., next)| is_so(*next)).count();
    let (mailboxes, copied, done) = (all.len(), count(Next::is_copied), count(|next| next == Next::Done));
    let mut items: Vec<PassView> = all
        .into_iter()
        .map(|(mailbox_id, email, passes, next)| PassView {
            mailbox_id,
            email,
            passes,
            next: next.as_str(),
            not_before: match next {
                Next::Final(at_ms) if at_ms > 0 => Some(at(at_ms)),
                _ => None,
            },
        })
        .collect();
    items.sort_by_key(|item| item.next == Next::Done.as_str());
    items.truncate(MAILBOXES_TOLD_MAX);
    PassesView {
        files_waiting,
        mailboxes,
        mailboxes_copied: copied,
        mailboxes_done: done,
        passes_max: PASSES_MAX,
        accepted_by: row.accepted_by,
        accepted_reason: row.accepted_reason,
        report_frozen_at: at_or_empty(row.frozen_ms),
        items,
    }
}

/// Why copies may be missing at the destination.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptMissing {
    /// The job's domain, typed.
    confirm: String,
    /// Why, such as that people have moved or deleted them there since DNS was changed.
    reason: String,
}

/// `POST /migration/jobs/{id}/verify/accept`: what the verifications so far found missing at the destination is
/// accepted; what reads otherwise there never is.
#[utoipa::path(post, path = "/migration/jobs/{id}/verify/accept", tag = "cutover", params(("id" = i64, Path)),
    request_body = AcceptMissing,
    responses((status = 200, body = JobView), (status = 403), (status = 409), (status = 428)))]
pub async fn accept_missing(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Body(asked): Body<AcceptMissing>,
) -> Result<Json<JobView>> {
    caller.may(Permission::ApproveMigrationGate)?;
    caller.has_stepped_up(app.now_ms())?;
    let job = read(&app, &caller, id).await?;
    confirmed(Some(&asked.confirm), &job.domain)?;
    let reason = reason("reason", &asked.reason)?;
    if reason.is_empty() {
        return Err(ApiError::field("reason", "say why"));
    }
    let mut transaction = app.store.begin().await?;
    transaction.lock_gate(id).await?;
    let row = transaction.cutover(id).await?.filter(|row| row.phase == "final_sync");
    if row.is_none() || !transaction.accept_missing(id, &caller.actor, reason).await? {
        let detail = "copies are verified, and may be accepted, in the final passes";
        return Err(ApiError::new(StatusCode::CONFLICT, "phase_conflict", detail)
            .with("phase", job.phase.as_str().into()));
    }
    transaction.commit().await?;
    Ok(Json(JobView::of(read(&app, &caller, id).await?)))
}
