//! Runs: asked for, looked at, ended: preflight, sync, verify, logs.
//! Never carries one out: workers do.

use std::fmt::Write as _;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use malote_plan::failure::Class;
use malote_plan::phase::{Edge, Facts, Phase};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::answer::accepted;
use super::body::{Asked, At, Body};
use super::caller::Caller;
use super::control::Reason;
use super::jobs::{read, take};
use super::list::{Listed, Page};
use super::passes::StepView;
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::cutover;
use crate::store::boxes::BoxRow;
use crate::store::jobs::{JobRow, Why};
use crate::store::looks::{EventRow, RUN_SORTS, RunFilter, RunRow};
use crate::store::order;
use crate::store::runs::{Enqueued, NewRun};
use crate::store::words::RunType;

/// Mailboxes of a job that one request takes up, at most.
const MAILBOXES_MAX: i64 = 50_000;
/// Lines of a log in one answer, at most.
const LOG_ROWS_MAX: i64 = 5000;

/// Which mailboxes, and how.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Preflight {
    /// These alone; all that are enabled where nothing is said.
    mailbox_ids: Option<Vec<i64>>,
    /// `login` or `scan`.
    depth: Option<String>,
    /// Look at DNS too.
    dns: Option<bool>,
}

/// What was asked for.
#[derive(Serialize, ToSchema)]
pub struct RunsView {
    /// The runs.
    run_ids: Vec<i64>,
    /// Mailboxes that have a run already.
    already_active: Vec<i64>,
    /// Where they can be watched.
    status_url: String,
}

/// `POST /migration/jobs/{id}/preflight`.
#[utoipa::path(post, path = "/migration/jobs/{id}/preflight", tag = "runs", params(("id" = i64, Path)),
    request_body = Preflight,
    responses((status = 202, body = RunsView), (status = 409), (status = 422), (status = 423)))]
pub async fn preflight(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Body(asked): Body<Preflight>,
) -> Result<Response> {
    caller.may(Permission::RunSync)?;
    let job = read(&app, &caller, id).await?;
    if !matches!(asked.depth.as_deref(), None | Some("login" | "scan")) {
        return Err(ApiError::field("depth", "login or scan"));
    }
    unlocked(&job)?;
    let boxes = chosen(&app, &caller, id, asked.mailbox_ids.as_deref(), false).await?;
    if boxes.is_empty() {
        return Err(ApiError::field("mailbox_ids", "the job has no enabled mailbox"));
    }
    if job.phase == Phase::Discovered.as_str() {
        let facts = Facts { mailboxes_enabled: boxes.len() as u64, ..Facts::default() };
        take(&app, &job, Edge::BeginPreflight, facts, Why { actor: &caller.actor, ..Why::default() }).await?;
    } else if !Phase::named(&job.phase).is_some_and(Phase::is_before_cutover) {
        return Err(conflict(&job, "a preflight comes before the change of DNS"));
    }
    enter(&app, &caller, &job, &boxes, &Order { kind: Kind::Preflight, options: json!({}), priority: 0 })
        .await
}

/// Which runs.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Sync {
    /// `initial`, `delta` or `final`.
    #[serde(rename = "type")]
    kind: String,
    /// These alone; all that are enabled where nothing is said.
    mailbox_ids: Option<Vec<i64>>,
    /// Mailboxes whose last run met an error, and quarantined messages once more.
    #[serde(default)]
    only_errors: bool,
    /// Say what would be done, and do nothing.
    #[serde(default)]
    dry_run: bool,
    /// Higher ones first.
    #[serde(default)]
    priority: i64,
    /// The job's domain, for `final` before DNS was changed.
    confirm: Option<String>,
}

/// `POST /migration/jobs/{id}/sync`.
#[utoipa::path(post, path = "/migration/jobs/{id}/sync", tag = "runs", params(("id" = i64, Path)), request_body = Sync,
    responses((status = 202, body = RunsView), (status = 409), (status = 422), (status = 423), (status = 428)))]
pub async fn sync(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Body(asked): Body<Sync>,
) -> Result<Response> {
    caller.may(Permission::RunSync)?;
    let job = read(&app, &caller, id).await?;
    unlocked(&job)?;
    let kind = match asked.kind.as_str() {
        "initial" => Kind::Initial,
        "delta" => Kind::Run(RunType::Delta),
        "final" => Kind::Run(RunType::Final),
        _ => return Err(ApiError::field("type", "initial, delta or final")),
    };
    let boxes = chosen(&app, &caller, id, asked.mailbox_ids.as_deref(), asked.only_errors).await?;
    if boxes.is_empty() {
        return Err(ApiError::field("mailbox_ids", "no such mailbox is enabled"));
    }
    if asked.dry_run {
        let order = Order { kind: Kind::Preflight, options: json!({}), priority: asked.priority };
        return enter(&app, &caller, &job, &boxes, &order).await;
    }
    let phase = Phase::named(&job.phase);
    match (asked.kind.as_str(), phase) {
        ("initial", Some(Phase::Preflight)) => begin_initial(&app, &caller, &job).await?,
        ("initial", Some(Phase::InitialSync | Phase::DeltaSync))
        | ("delta", Some(Phase::InitialSync | Phase::DeltaSync | Phase::CutoverReady))
        // Late mail is fetched until the job is closed.
        | ("final", Some(Phase::FinalSync | Phase::Verified)) => (),
        // Before the old TTL is over, runs are entered and the job stays where it is.
        ("final", Some(Phase::DnsCutover)) => {
            let begun = cutover::begin_by_hand(&app, id, &caller.actor).await;
            begun.map_err(super::gates::of_gate)?;
        }
        ("final", Some(Phase::DeltaSync | Phase::CutoverReady)) => {
            super::jobs::confirmed(asked.confirm.as_deref(), &job.domain)?;
        }
        _ => return Err(conflict(&job, &format!("a run of type {} has no place here", asked.kind))),
    }
    let options = if asked.only_errors { json!({"only_errors": true}) } else { json!({}) };
    enter(&app, &caller, &job, &boxes, &Order { kind, options, priority: asked.priority }).await
}

fn conflict(job: &JobRow, words: &str) -> ApiError {
    let legal: Vec<&str> = Phase::named(&job.phase)
        .map(|phase| phase.next(Phase::named(&job.phase_before_failure)))
        .unwrap_or_default()
        .into_iter()
        .map(Phase::as_str)
        .collect();
    ApiError::conflict("phase_conflict", format!("the job is in {}: {words}", job.phase))
        .with("phase", job.phase.as_str().into())
        .with("legal_next", legal.into())
}

fn unlocked(job: &JobRow) -> Result<()> {
    if !job.is_paused {
        return Ok(());
    }
    Err(ApiError::new(StatusCode::LOCKED, "job_paused", "the job is paused: POST …/resume first"))
}

/// The guard of the first copy: every enabled mailbox has its logins proven, or a reason why not, and room for a tenth
/// more than it is to hold, where its server told the preflight; where it did not, the gate asks later.
async fn begin_initial(app: &App, caller: &Caller, job: &JobRow) -> Result<()> {
    let all = chosen(app, caller, job.id, None, false).await?;
    let has_login = |row: &&BoxRow| {
        let is_proven = !row.source_login_ok_at.is_empty() && !row.dest_login_ok_at.is_empty();
        (is_proven && !row.error_class.starts_with("auth.")) || !row.login_waived_reason.is_empty()
    };
    let measures = app.store.job_measures(job.id).await?;
    let has_space = |row: &&BoxRow| {
        let told = measures.iter().find(|of| of.mailbox_id == row.id && of.quota_kind == "limited");
        let wanted = row.bytes_source.unsigned_abs().saturating_mul(11) / 10;
        let is_enough = told.is_none_or(|of| of.quota_limit.saturating_sub(of.quota_used) >= wanted);
        is_enough && row.error_class != Class::OverQuota.as_str()
    };
    let facts = Facts {
        mailboxes_enabled: all.len() as u64,
        mailboxes_with_logins: all.iter().filter(has_login).count() as u64,
        mailboxes_with_space: all.iter().filter(has_space).count() as u64,
        ..Facts::default()
    };
    take(app, job, Edge::BeginInitial, facts, Why { actor: &caller.actor, ..Why::default() }).await
}

/// What a verification reads.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Verify {
    /// `none`, `sample` (also `auto`) or `full`.
    sample: Option<String>,
    /// These alone.
    mailbox_ids: Option<Vec<i64>>,
}

/// `POST /migration/jobs/{id}/verify`.
#[utoipa::path(post, path = "/migration/jobs/{id}/verify", tag = "runs", params(("id" = i64, Path)),
    request_body = Verify,
    responses((status = 202, body = RunsView), (status = 409), (status = 422), (status = 423)))]
pub async fn verify(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Body(asked): Body<Verify>,
) -> Result<Response> {
    caller.may(Permission::RunSync)?;
    let job = read(&app, &caller, id).await?;
    unlocked(&job)?;
    let content = match asked.sample.as_deref() {
        None | Some("auto" | "sample") => "sample",
        Some("none") => "none",
        Some("full") => "full",
        Some(_) => return Err(ApiError::field("sample", "none, sample or full")),
    };
    let boxes = chosen(&app, &caller, id, asked.mailbox_ids.as_deref(), false).await?;
    if boxes.is_empty() {
        return Err(ApiError::field("mailbox_ids", "no such mailbox is enabled"));
    }
    let order = Order { kind: Kind::Run(RunType::Verify), options: json!({"content": content}), priority: 0 };
    enter(&app, &caller, &job, &boxes, &order).await
}

async fn chosen(
    app: &App,
    caller: &Caller,
    job: i64,
    wanted: Option<&[i64]>,
    only_errors: bool,
) -> Result<Vec<BoxRow>> {
    let mut rows = app.store.boxes(&caller.reach, job, ("", ""), &order::Order::first(MAILBOXES_MAX)).await?;
    if let Some(wanted) = wanted {
        for (place, id) in wanted.iter().enumerate() {
            if !rows.iter().any(|row| row.id == *id) {
                return Err(ApiError::field(format!("mailbox_ids[{place}]"), "the job has no such mailbox"));
            }
        }
        rows.retain(|row| wanted.contains(&row.id));
    }
    rows.retain(|row| row.enabled && (!only_errors || matches!(row.status.as_str(), "error" | "quarantine")));
    Ok(rows)
}

#[derive(Clone, Copy)]
enum Kind {
    Preflight,
    /// What the first copy is called depends on where the mail comes from.
    Initial,
    Run(RunType),
}

struct Order {
    kind: Kind,
    options: Value,
    priority: i64,
}

impl Kind {
    fn of(self, source_type: &str) -> RunType {
        match (self, source_type) {
            (Self::Preflight, _) => RunType::Preflight,
            (Self::Initial, "pst" | "mbox" | "eml") => RunType::PstUpload,
            (Self::Initial, "tgz") => RunType::TgzImport,
            (Self::Initial, _) => RunType::Initial,
            (Self::Run(kind), _) => kind,
        }
    }
}

async fn enter(
    app: &App,
    caller: &Caller,
    job: &JobRow,
    boxes: &[BoxRow],
    order: &Order,
) -> Result<Response> {
    let triggered_by =
        if caller.session.is_some() { caller.actor.clone() } else { format!("api:{}", caller.id) };
    let (mut run_ids, mut already_active) = (Vec::new(), Vec::new());
    for row in boxes {
        let run_type = order.kind.of(&row.source_type);
        let known = app.store.mailbox(row.id).await?;
        let destination_key = known.filter(|_| run_type.is_copy()).map(|known| known.destination_key());
        let run = NewRun {
            job_id: job.id,
            mailbox_id: row.id,
            run_type,
            triggered_by: triggered_by.clone(),
            options_json: order.options.to_string(),
            destination_key: destination_key.unwrap_or_default(),
            priority: order.priority,
            not_before_ms: 0,
            schedule_execution_id: None,
        };
        match app.store.enqueue(&run).await? {
            Enqueued::New(id) => run_ids.push(id),
            Enqueued::Active(_) => already_active.push(row.id),
        }
    }
    app.wake();
    if run_ids.is_empty() {
        return Err(ApiError::conflict("run_already_active", "every mailbox has a run that is not over")
            .with("mailbox_ids", already_active.into()));
    }
    let status_url = match run_ids.as_slice() {
        [one] => format!("/migration/runs/{one}"),
        _ => format!("/migration/jobs/{}/runs", job.id),
    };
    let view = RunsView { run_ids, already_active, status_url: status_url.clone() };
    Ok(accepted(&status_url, &view))
}

/// A run.
#[derive(Serialize, ToSchema)]
#[expect(missing_docs, reason = "each field is the column of its name in the data model")]
pub struct RunView {
    pub id: i64,
    pub job_id: i64,
    pub mailbox_id: Option<i64>,
    /// The mailbox's address; empty for a run of the whole job.
    pub email: String,
    pub run_type: String,
    pub tool: String,
    pub status: String,
    pub exit_code: Option<i64>,
    pub stats: Value,
    pub started_at: String,
    pub finished_at: String,
    pub triggered_by: String,
    pub queued_at: String,
    pub progress_percent: f64,
    pub current_operation: String,
    pub messages_done: i64,
    pub messages_total: i64,
    pub bytes_done: i64,
    pub bytes_total: i64,
    pub rate_bps: i64,
    pub eta_seconds: i64,
    pub error_class: String,
    pub error_details: String,
    pub attempts: i64,
    pub cancel_requested: bool,
    /// Only for one run, once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<Value>,
    /// Only among the runs of a pass: twelve at most, those that went wrong or are at work first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<StepView>>,
    /// How many steps there are, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps_total: Option<i64>,
}

impl RunView {
    /// What is shown of a row.
    pub fn of(row: RunRow) -> Self {
        Self {
            mailbox_id: (row.mailbox_id != 0).then_some(row.mailbox_id),
            stats: serde_json::from_str(&row.stats_json).unwrap_or_default(),
            id: row.id,
            job_id: row.job_id,
            email: row.email,
            run_type: row.run_type,
            tool: row.tool,
            status: row.status,
            exit_code: row.exit_code,
            started_at: row.started_at,
            finished_at: row.finished_at,
            triggered_by: row.triggered_by,
            queued_at: row.queued_at,
            progress_percent: row.progress_percent,
            current_operation: row.current_operation,
            messages_done: row.messages_done,
            messages_total: row.messages_total,
            bytes_done: row.bytes_done,
            bytes_total: row.bytes_total,
            rate_bps: row.rate_bps,
            eta_seconds: row.eta_seconds,
            error_class: row.error_class,
            error_details: row.error_details,
            attempts: row.attempts,
            cancel_requested: row.cancel_requested,
            report: None,
            steps: None,
            steps_total: None,
        }
    }
}

/// Which runs.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Of this mailbox.
    mailbox_id: Option<i64>,
    /// `queued`, `running`, `success`, `partial`, `failed` or `cancelled`.
    status: Option<String>,
    /// `initial`, `delta` and so on.
    run_type: Option<String>,
    /// How many, 1 to 200.
    limit: Option<i64>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// By `id`, `run_type`, `status`, `started_at` or `finished_at`; with `-` the greatest first.
    sort: Option<String>,
}

/// `GET /migration/jobs/{id}/runs`: newest first.
#[utoipa::path(get, path = "/migration/jobs/{id}/runs", tag = "runs", params(("id" = i64, Path), Wanted),
    responses((status = 200, body = Listed<RunView>), (status = 404)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Listed<RunView>> {
    caller.may(Permission::ViewMigration)?;
    read(&app, &caller, id).await?;
    let page = Page { limit: wanted.limit, cursor: wanted.cursor, sort: wanted.sort };
    let by = page.order(&RUN_SORTS, "-id")?;
    let filter = RunFilter {
        mailbox_id: wanted.mailbox_id.unwrap_or_default(),
        status: wanted.status.unwrap_or_default(),
        run_type: wanted.run_type.unwrap_or_default(),
    };
    let found = app.store.run_rows(&caller.reach, id, &filter, &by.order).await?;
    let total = app.store.runs_count(&caller.reach, id, &filter).await?;
    Ok(Listed::sorted(found.into_iter().map(RunView::of).collect(), &by, total))
}

pub(super) async fn read_run(app: &App, caller: &Caller, id: i64) -> Result<RunRow> {
    caller.may(Permission::ViewMigration)?;
    app.store.run_row(&caller.reach, id).await?.ok_or_else(|| ApiError::not_found("run"))
}

/// `GET /migration/runs/{rid}`.
#[utoipa::path(get, path = "/migration/runs/{rid}", tag = "runs", params(("rid" = i64, Path)),
    responses((status = 200, body = RunView), (status = 404)))]
pub async fn show(State(app): State<App>, caller: Caller, At(id): At<i64>) -> Result<Json<RunView>> {
    let row = read_run(&app, &caller, id).await?;
    let report = serde_json::from_str(&row.report_json).ok();
    Ok(Json(RunView { report, ..RunView::of(row) }))
}

/// Which lines of a log.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Lines {
    /// `debug`, `info`, `warn` or `error` alone.
    level: Option<String>,
    /// After this line's id.
    #[serde(default)]
    after: i64,
    /// `ndjson` or `text`.
    format: Option<String>,
}

/// What is shown of an event.
pub(super) fn event_json(row: &EventRow) -> Value {
    json!({
        "id": row.id, "run_id": (row.run_id != 0).then_some(row.run_id), "level": row.level, "event": row.event,
        "message": row.message, "at": row.at,
        "attributes": serde_json::from_str::<Value>(&row.attributes_json).unwrap_or_default(),
    })
}

/// `GET /migration/runs/{rid}/log`: up to 5,000 lines; the header `X-Next-After` tells where to go on.
#[utoipa::path(get, path = "/migration/runs/{rid}/log", tag = "runs", params(("rid" = i64, Path), Lines),
    responses((status = 200, content((String = "application/x-ndjson"), (String = "text/plain"))), (status = 404)))]
pub async fn log(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Asked(wanted): Asked<Lines>,
) -> Result<Response> {
    read_run(&app, &caller, id).await?;
    let level = wanted.level.unwrap_or_default();
    let rows = app.store.run_log(id, wanted.after, LOG_ROWS_MAX, &level).await?;
    let is_text = match wanted.format.as_deref() {
        None | Some("ndjson") => false,
        Some("text") => true,
        Some(_) => return Err(ApiError::bad_request("format is ndjson or text")),
    };
    let mut text = String::new();
    for row in &rows {
        // Writing into a string does not fail.
        let _ = if is_text {
            let words: String = row.message.chars().filter(|letter| !letter.is_control()).collect();
            writeln!(text, "{} {:5} {words}", row.at, row.level)
        } else {
            writeln!(text, "{}", event_json(row))
        };
    }
    let form = if is_text { "text/plain; charset=utf-8" } else { "application/x-ndjson" };
    let mut response = text.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(form));
    let last = rows.last().map_or(wanted.after, |row| row.id);
    response.headers_mut().insert("x-next-after", last.into());
    Ok(response)
}

/// `POST /migration/runs/{rid}/cancel`.
#[utoipa::path(post, path = "/migration/runs/{rid}/cancel", tag = "runs", params(("rid" = i64, Path)),
    request_body = Reason,
    responses((status = 202, body = RunView), (status = 404), (status = 409)))]
pub async fn cancel(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Body(why): Body<Reason>,
) -> Result<(StatusCode, Json<RunView>)> {
    caller.may(Permission::RunSync)?;
    let row = read_run(&app, &caller, id).await?;
    read(&app, &caller, row.job_id).await?;
    if !app.store.cancel(row.id, &why.reason, app.store.now_ms().await?).await? {
        return Err(ApiError::conflict("finished", "the run is over"));
    }
    let row = read_run(&app, &caller, id).await?;
    Ok((StatusCode::ACCEPTED, Json(RunView::of(row))))
}
