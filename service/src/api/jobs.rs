//! Jobs: read, changed, paused, failed, tried again, closed: `/migration/jobs…`.
//! Never takes a phase's edge that plan does not let it take.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use malote_plan::phase::{self, Edge, Facts, Phase, Refusal};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::answer::{Versioned, seen_version, unless_stale};
use super::body::{Asked, At, Body, no_content};
use super::caller::Caller;
use super::gates::{self, GateView};
use super::kept::may_name;
use super::list::{Listed, Page};
use super::mailboxes::{self, MailboxView};
use super::runs::RunView;
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::dialer::is_host;
use crate::hooks::{self, Event};
use crate::jobs::RunOptions;
use crate::store::jobs::{JobFilter, JobRow, SORTS, STATUSES, Why};
use crate::store::looks::RunFilter;
use crate::store::order::Order;
use crate::store::{StoreError, at};

/// Notes are at most so long, in characters.
const NOTES_MAX: usize = 10_000;
/// Runs that a job is shown with.
const RUNS_SHOWN: i64 = 50;

/// A job.
#[derive(Serialize, ToSchema)]
#[expect(missing_docs, reason = "each field is the column of its name in the data model")]
pub struct JobView {
    pub id: i64,
    pub tenant_id: i64,
    pub ticket_id: Option<i64>,
    pub domain: String,
    pub phase: String,
    pub migration_gate: String,
    pub source_server_label: String,
    pub dest_imap_host: String,
    pub notes: String,
    pub approved_by: Option<String>,
    pub approved_at: Option<String>,
    pub dns_cutover_at: Option<String>,
    pub created_at: String,
    pub updated_at: String,
    pub created_by: String,
    pub source_endpoint_id: Option<String>,
    pub dest_endpoint_id: Option<String>,
    pub source_credential_id: String,
    pub dest_credential_id: String,
    pub options: Value,
    pub is_paused: bool,
    pub paused_reason: String,
    /// The phase that it failed in; empty where it did not fail.
    pub phase_before_failure: String,
    pub failure_reason: String,
    pub closed_at: String,
    pub version: i64,
    /// Of enabled mailboxes, rounded down; 0 while one of them was not scanned.
    pub sync_percent: f64,
    pub mailboxes_total: i64,
    pub messages_source: u64,
    pub messages_matched: u64,
    pub open_quarantine: i64,
    /// The name of whoever made it; empty where that is no person, or nobody any more.
    pub owner: String,
    /// Until its slowest run ends, in seconds; 0 where none is under way or none can tell.
    pub eta_seconds: i64,
    /// How many mailboxes are in each status.
    pub by_status: BTreeMap<&'static str, u64>,
    /// When it or a run of it was changed last.
    pub last_activity: String,
    /// Only where `include=mailboxes` asks for them: the first 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mailboxes: Option<Vec<MailboxView>>,
    /// Only where `include=gate` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateView>,
    /// Only where `include=runs` asks for them: the newest 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runs: Option<Vec<RunView>>,
}

impl JobView {
    /// What is shown of a row.
    pub fn of(row: JobRow) -> Self {
        let sync_percent = percent(&row);
        Self {
            options: serde_json::from_str(&row.options_json).unwrap_or_default(),
            sync_percent,
            id: row.id,
            tenant_id: row.tenant_id,
            ticket_id: row.ticket_id,
            domain: row.domain,
            phase: row.phase,
            migration_gate: row.migration_gate,
            source_server_label: row.source_server_label,
            dest_imap_host: row.dest_imap_host,
            notes: row.notes,
            approved_by: row.approved_by,
            approved_at: row.approved_at,
            dns_cutover_at: row.dns_cutover_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
            created_by: row.created_by,
            source_endpoint_id: row.source_endpoint_id,
            dest_endpoint_id: row.dest_endpoint_id,
            source_credential_id: row.source_credential_id,
            dest_credential_id: row.dest_credential_id,
            is_paused: row.is_paused,
            paused_reason: row.paused_reason,
            phase_before_failure: row.phase_before_failure,
            failure_reason: row.failure_reason,
            closed_at: row.closed_at,
            version: row.version,
            mailboxes_total: row.mailboxes_total,
            messages_source: row.messages_source,
            messages_matched: row.messages_matched,
            open_quarantine: row.open_quarantine,
            owner: row.owner,
            eta_seconds: row.eta_seconds,
            by_status: STATUSES.into_iter().zip(row.by_status).collect(),
            last_activity: row.last_activity,
            mailboxes: None,
            gate: None,
            runs: None,
        }
    }
}

/// 100·M/E, rounded down to two decimals; 0 while a mailbox was not scanned or there is none.
pub(super) fn percent(row: &JobRow) -> f64 {
    if row.mailboxes_unscanned > 0 || row.mailboxes_total == 0 || row.messages_matched > row.messages_source {
        return 0.0;
    }
    if row.messages_source == 0 {
        return 100.0;
    }
    let hundredths = u128::from(row.messages_matched) * 10_000 / u128::from(row.messages_source);
    f64::from(u32::try_from(hundredths).unwrap_or(0)) / 100.0
}

/// A job that the caller may see.
///
/// # Errors
/// 404 also for another tenant's.
pub(super) async fn read(app: &App, caller: &Caller, id: i64) -> Result<JobRow> {
    let row = app.store.job(&caller.reach, id).await?.ok_or_else(|| ApiError::not_found("job"))?;
    caller.touches(row.tenant_id, Some(row.id));
    Ok(row)
}

/// Which jobs.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// In this phase.
    phase: Option<String>,
    /// With this gate.
    gate: Option<String>,
    /// Of this tenant.
    tenant_id: Option<i64>,
    /// Of this domain.
    domain: Option<String>,
    /// Of this ticket.
    ticket_id: Option<i64>,
    /// Made by this person, by name or as `u_…`.
    owner: Option<String>,
    /// With this in the domain or the label.
    q: Option<String>,
    /// How many, 1 to 200.
    limit: Option<i64>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// By `id`, `domain`, `phase`, `migration_gate`, `created_at` or `updated_at`; with `-` the greatest first.
    sort: Option<String>,
}

/// `GET /migration/jobs`: newest first, where nothing else is said.
#[utoipa::path(get, path = "/migration/jobs", tag = "jobs", params(Wanted),
    responses((status = 200, body = Listed<JobView>), (status = 401), (status = 403)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(wanted): Asked<Wanted>,
) -> Result<Listed<JobView>> {
    caller.may(Permission::ViewMigration)?;
    let page = Page { limit: wanted.limit, cursor: wanted.cursor, sort: wanted.sort };
    let by = page.order(&SORTS, "-id")?;
    let filter = JobFilter {
        phase: wanted.phase.unwrap_or_default(),
        gate: wanted.gate.unwrap_or_default(),
        tenant_id: wanted.tenant_id.unwrap_or_default(),
        domain: wanted.domain.unwrap_or_default(),
        ticket_id: wanted.ticket_id.unwrap_or_default(),
        text: wanted.q.unwrap_or_default(),
        owner: wanted.owner.unwrap_or_default(),
    };
    let total = app.store.jobs_count(&caller.reach, &filter).await?;
    let found = app.store.jobs(&caller.reach, &filter, &by.order).await?;
    Ok(Listed::sorted(found.into_iter().map(JobView::of).collect(), &by, total))
}

/// A domain in small letters. Names beyond ASCII are written as A-labels (RFC 5890).
pub(super) fn domain(text: &str) -> Result<String> {
    let name = text.trim().trim_end_matches('.').to_ascii_lowercase();
    let is_fine = is_host(&name) && name.contains('.') && name.parse::<std::net::IpAddr>().is_err();
    if is_fine {
        Ok(name)
    } else {
        Err(ApiError::field("domain", "write it as example.com, beyond ASCII as xn--…"))
    }
}

pub(super) fn no_such_ticket() -> ApiError {
    ApiError::field("ticket_id", "there is no such ticket")
}

pub(super) fn check_texts(label: &str, host: &str, notes: &str) -> Result<()> {
    if label.chars().count() > 200 || label.chars().any(char::is_control) {
        return Err(ApiError::field("source_server_label", "at most 200 characters, none of control"));
    }
    if notes.chars().count() > NOTES_MAX {
        return Err(ApiError::field("notes", format!("at most {NOTES_MAX} characters")));
    }
    mailboxes::check_place(host).map_err(|words| ApiError::field("dest_imap_host", words))
}

/// Options that every run of a job takes.
pub(super) fn options(options: Option<Value>) -> Result<String> {
    let text = options.map_or_else(|| "{}".to_owned(), |options| options.to_string());
    let laid = RunOptions::laid(&[&text]).map_err(|words| ApiError::field("options", words))?;
    match laid.fault() {
        Some((field, words)) => Err(ApiError::field(format!("options.{field}"), words)),
        None => Ok(text),
    }
}

/// What else an answer shows.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Include {
    /// `mailboxes`, `gate`, `runs`, with commas between.
    include: Option<String>,
}

/// `GET /migration/jobs/{id}`.
#[utoipa::path(get, path = "/migration/jobs/{id}", tag = "jobs", params(("id" = i64, Path), Include),
    responses((status = 200, body = JobView), (status = 404)))]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Asked(wanted): Asked<Include>,
) -> Result<Versioned<JobView>> {
    caller.may(Permission::ViewMigration)?;
    let mut view = JobView::of(read(&app, &caller, id).await?);
    let words = wanted.include.unwrap_or_default();
    for word in words.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        match word {
            "mailboxes" => {
                let rows = app.store.boxes(&caller.reach, id, ("", ""), &Order::first(200)).await?;
                view.mailboxes = Some(rows.into_iter().map(MailboxView::of).collect());
            }
            "gate" => {
                let shown = gates::shown(&app, id).await?;
                // A look may take the job to another phase.
                let seen = JobView::of(read(&app, &caller, id).await?);
                view = JobView { gate: Some(shown), mailboxes: view.mailboxes, runs: view.runs, ..seen };
            }
            "runs" => {
                let (any, newest) = (RunFilter::default(), Order::newest(RUNS_SHOWN));
                let rows = app.store.run_rows(&caller.reach, id, &any, &newest).await?;
                view.runs = Some(rows.into_iter().map(RunView::of).collect());
            }
            _ => {
                return Err(ApiError::bad_request("include is mailboxes, gate or runs, with commas between"));
            }
        }
    }
    Ok(Versioned(view.version, view))
}

/// What is to be changed of a job; what is not said stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobChange {
    /// The desk's number.
    ticket_id: Option<i64>,
    /// For people.
    notes: Option<String>,
    /// What people call the source.
    source_server_label: Option<String>,
    /// The destination.
    dest_imap_host: Option<String>,
    /// Options of every run.
    #[schema(value_type = Option<Object>)]
    options: Option<Value>,
    /// A credential that is kept at the source server and opens the mailboxes that have none; empty: none.
    source_credential_id: Option<String>,
    /// Likewise at the destination.
    dest_credential_id: Option<String>,
}

/// `PATCH /migration/jobs/{id}`.
#[utoipa::path(patch, path = "/migration/jobs/{id}", tag = "jobs", params(("id" = i64, Path)), request_body = JobChange,
    responses((status = 200, body = JobView), (status = 409), (status = 412), (status = 428)))]
pub async fn change(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    headers: HeaderMap,
    Body(asked): Body<JobChange>,
) -> Result<Versioned<JobView>> {
    caller.may(Permission::ManageMigration)?;
    let mut row = read(&app, &caller, id).await?;
    row.version = seen_version(&headers, row.version)?;
    let is_before =
        Phase::named(&row.phase).is_some_and(|phase| phase.is_before_cutover() || phase == Phase::Failed);
    // The mailboxes' own secrets are sent where it leads.
    if asked.dest_imap_host.as_ref().is_some_and(|host| *host != row.dest_imap_host) {
        caller.may(Permission::ManageCredentials)?;
    }
    if !is_before && (asked.dest_imap_host.is_some() || asked.options.is_some()) {
        return Err(ApiError::conflict("phase_conflict", "the destination stands once DNS points to it"));
    }
    if let Some(ticket) = asked.ticket_id {
        if !app.store.know_ticket(ticket, row.tenant_id).await? {
            return Err(no_such_ticket());
        }
        row.ticket_id = Some(ticket);
    }
    row.notes = asked.notes.unwrap_or(row.notes);
    row.source_server_label = asked.source_server_label.unwrap_or(row.source_server_label);
    row.dest_imap_host = asked.dest_imap_host.unwrap_or(row.dest_imap_host);
    if asked.options.is_some() {
        row.options_json = options(asked.options)?;
    }
    let tenant = row.tenant_id;
    if let Some(id) = asked.source_credential_id {
        let server = row.source_endpoint_id.as_deref().unwrap_or_default();
        may_name(&app, &caller, ("source_credential_id", &id), (server, tenant)).await?;
        row.source_credential_id = id;
    }
    if let Some(id) = asked.dest_credential_id {
        let server = row.dest_endpoint_id.as_deref().unwrap_or_default();
        may_name(&app, &caller, ("dest_credential_id", &id), (server, tenant)).await?;
        row.dest_credential_id = id;
    }
    check_texts(&row.source_server_label, &row.dest_imap_host, &row.notes)?;
    if !app.store.change_job(&row).await? {
        return Err(StoreError::Stale("the job").into());
    }
    // What was counted under other options opens no gate: nobody is to read otherwise meanwhile.
    gates::look_quietly(&app, id).await;
    let view = JobView::of(read(&app, &caller, id).await?);
    Ok(Versioned(view.version, view))
}

/// The typed confirmation.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Confirm {
    /// The job's domain.
    confirm: Option<String>,
}

pub(super) fn confirmed(typed: Option<&str>, domain: &str) -> Result<()> {
    if typed.is_some_and(|typed| typed.eq_ignore_ascii_case(domain)) {
        return Ok(());
    }
    let detail = format!("say confirm={domain}");
    Err(ApiError::new(StatusCode::PRECONDITION_REQUIRED, "confirmation_required", detail))
}

/// `DELETE /migration/jobs/{id}?confirm=DOMAIN`: hides a job that never began, failed or is closed, and purges it.
#[utoipa::path(delete, path = "/migration/jobs/{id}", tag = "jobs", params(("id" = i64, Path), Confirm),
    responses((status = 204), (status = 409), (status = 412), (status = 428)))]
pub async fn remove(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    headers: HeaderMap,
    Asked(asked): Asked<Confirm>,
) -> Result<Response> {
    caller.may(Permission::ManageSystem)?;
    let row = read(&app, &caller, id).await?;
    unless_stale(&headers, row.version)?;
    confirmed(asked.confirm.as_deref(), &row.domain)?;
    // A refusal leaves its runs at work.
    if !app.store.delete_job(id, &at(app.now_ms())).await? {
        return Err(ApiError::conflict("phase_conflict", "only a job that never began, failed or is closed"));
    }
    cancel_runs(&app, id, "the job was deleted").await?;
    super::closing::purge(&app, id, &caller.actor).await?;
    Ok(no_content())
}

/// Wishes every run of a job away.
pub(super) async fn cancel_runs(app: &App, id: i64, reason: &str) -> Result<usize> {
    let active = app.store.active_runs(id).await?;
    let now_ms = app.store.now_ms().await?;
    for run in &active {
        app.store.cancel(*run, reason, now_ms).await?;
    }
    Ok(active.len())
}

/// Takes a job along an edge.
///
/// # Errors
/// 409 with the legal next phases, or with the conditions that do not hold.
pub(super) async fn take(app: &App, row: &JobRow, edge: Edge, facts: Facts, why: Why<'_>) -> Result<()> {
    let facts = Facts { before: Phase::named(&row.phase_before_failure), ..facts };
    let from = Phase::named(&row.phase).ok_or_else(|| ApiError::internal(&"a phase that nobody knows"))?;
    let to = phase::decide(from, edge, &facts).map_err(|refusal| refused(&row.phase, &refusal))?;
    let before_failure = if edge == Edge::Fail { row.phase.as_str() } else { "" };
    let failure = if edge == Edge::Fail { why.reason } else { "" };
    let mut transaction = app.store.begin().await?;
    let why = Why { before_failure, failure, ..why };
    if !transaction.move_phase(row.id, &row.phase, to.as_str(), &why).await? {
        return Err(StoreError::Stale("the job").into());
    }
    let event = match to {
        Phase::Verified => Some(Event::Verified),
        Phase::Closed => Some(Event::Closed),
        _ => None,
    };
    if let Some(event) = event {
        hooks::enter(&mut transaction, row.id, event, app.now_ms()).await.map_err(gates::of_gate)?;
    }
    Ok(transaction.commit().await?)
}

pub(super) fn refused(phase: &str, refusal: &Refusal) -> ApiError {
    match refusal {
        Refusal::Conflict { legal } => {
            let legal: Vec<&str> = legal.iter().map(|phase| phase.as_str()).collect();
            ApiError::conflict("phase_conflict", format!("the job is in {phase}; next may come {legal:?}"))
                .with("phase", phase.into())
                .with("legal_next", legal.into())
        }
        Refusal::Unmet(unmet) => {
            let unmet: Vec<&str> = unmet.iter().map(|one| one.as_str()).collect();
            ApiError::conflict("phase_conflict", format!("the job stays in {phase}: {}", unmet.join(", ")))
                .with("phase", phase.into())
                .with("unmet", unmet.into())
        }
    }
}
