//! What became of a job or of one mailbox, whole, as one document with a digest: `…/report`.
//! Never tells a part as the whole: what was cut off is counted.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use super::body::{Asked, At};
use super::caller::Caller;
use super::jobs::read;
use super::{ApiError, Result, mailboxes, names};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::console::language::Language;
use crate::store::at;
use crate::store::jobs::JobRow;
use crate::store::measures::MeasuresRow;
use crate::store::report::{ReportBox, ReportFolder, ReportItem, ReportRows, ReportRun, json as as_json};
use crate::vault::key::hex;

/// The report's format.
pub const SCHEMA: &str = "malote.job-report/1";
/// Its description, which is published beside the documents.
pub const SCHEMA_TEXT: &str = include_str!("../../../docs/job-report.schema.json");
/// Rows of one kind that a report holds at most.
const ROWS_MAX: i64 = 100_000;
/// Runs that are told one by one.
const RUNS_MAX: usize = 1_000;
/// PDFs that are written at a time: each holds all its pages in memory until it is done.
const WRITERS_MAX: usize = 2;

static WRITERS: Semaphore = Semaphore::const_new(WRITERS_MAX);

/// Which form.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ReportForm {
    /// `json` or `pdf`; without it, a PDF for whoever accepts `application/pdf` and names no JSON, else JSON.
    #[serde(default)]
    format: Option<String>,
    /// `pt-BR` or `en`, which is the PDF's language; without it the dearer of them in `Accept-Language`. Names of
    /// fields of the JSON are the same in both.
    #[serde(default)]
    lang: Option<String>,
}

/// The language of a PDF; nothing for JSON.
fn wanted(form: &ReportForm, headers: &HeaderMap) -> Result<Option<Language>> {
    let language = match form.lang.as_deref() {
        None => Language::wished(headers),
        Some(tag) => Language::tagged(tag).ok_or_else(|| ApiError::field("lang", "pt-BR or en"))?,
    };
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_pdf = match form.format.as_deref() {
        Some("pdf") => true,
        Some("json") => false,
        None => accepted.contains("application/pdf") && !accepted.contains("json"),
        Some(_) => return Err(ApiError::field("format", "json or pdf")),
    };
    Ok(is_pdf.then_some(language))
}

/// `GET /migration/jobs/{id}/report`: the digest is in the document and its ETag.
#[utoipa::path(get, path = "/migration/jobs/{id}/report", tag = "reports", params(("id" = i64, Path), ReportForm),
    responses((status = 200, body = Object), (status = 304), (status = 404), (status = 409), (status = 422)))]
pub async fn job(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Asked(form): Asked<ReportForm>,
    headers: HeaderMap,
) -> Result<Response> {
    caller.may(Permission::ViewMigration)?;
    let row = read(&app, &caller, id).await?;
    let language = wanted(&form, &headers)?;
    let report = current(&app, &row).await?;
    answer(report, language, &headers).await
}

/// A job's report: as it was when all was verified, and before that as it stands.
///
/// # Errors
/// Where nothing was counted yet, and what the database says.
pub(super) async fn current(app: &App, job: &JobRow) -> Result<Value> {
    match frozen(app, job).await? {
        Some(report) => Ok(report),
        None => document(app, job, 0).await,
    }
}

/// The report as it was when all was verified: what was counted then stands, with the names of then, and the closing
/// is added to it.
async fn frozen(app: &App, job: &JobRow) -> Result<Option<Value>> {
    let Some((text, frozen_ms)) = app.store.frozen_report(job.id).await? else { return Ok(None) };
    let mut report: Value = serde_json::from_str(&text).map_err(|error| ApiError::internal(&error))?;
    report["identification"]["phase"] = job.phase.as_str().into();
    report["identification"]["closed_at"] = job.closed_at.as_str().into();
    report["purge_certificate"] = certificate(app, job.id).await?;
    report["timeline"] = json!(super::closing::events(app, job.id).await?);
    let mut known = names::of_document(app, &report).await?;
    let then = report["names"].as_object().into_iter().flatten();
    known.extend(then.filter_map(|(actor, name)| Some((actor.clone(), name.as_str()?.to_owned()))));
    report["names"] = json!(known);
    signed(&mut report, frozen_ms);
    Ok(Some(report))
}

/// Gives a document its digest, which is over all but itself and the time at which it was made.
fn signed(report: &mut Value, made_ms: i64) {
    if let Some(parts) = report.as_object_mut() {
        parts.remove("digest");
        parts.remove("generated_at");
    }
    let digest = Sha256::digest(report.to_string().as_bytes());
    report["digest"] = format!("sha256:{}", hex(&digest)).into();
    report["generated_at"] = at(made_ms).into();
}

/// `GET /migration/mailboxes/{mid}/report`: the same of one mailbox.
#[utoipa::path(get, path = "/migration/mailboxes/{mid}/report", tag = "reports",
    params(("mid" = i64, Path), ReportForm),
    responses((status = 200, body = Object), (status = 304), (status = 404), (status = 409), (status = 422)))]
pub async fn mailbox(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Asked(form): Asked<ReportForm>,
    headers: HeaderMap,
) -> Result<Response> {
    caller.may(Permission::ViewMigration)?;
    let mailbox = mailboxes::read(&app, &caller, id).await?;
    let language = wanted(&form, &headers)?;
    let row = read(&app, &caller, mailbox.job_id).await?;
    let report = document(&app, &row, id).await?;
    answer(report, language, &headers).await
}

/// `GET /schemas/job-report.json`: the report's description.
#[utoipa::path(get, path = "/schemas/job-report.json", tag = "reports",
    responses((status = 200, body = Object, content_type = "application/schema+json")))]
pub async fn schema() -> Response {
    let form = HeaderValue::from_static("application/schema+json");
    ([(header::CONTENT_TYPE, form)], SCHEMA_TEXT).into_response()
}

async fn answer(report: Value, language: Option<Language>, headers: &HeaderMap) -> Result<Response> {
    let digest = report["digest"].as_str().unwrap_or_default();
    let tag = language.map_or_else(
        || format!("\"{digest}\""),
        |language| format!("\"{digest}-pdf-{}-{}\"", language.tag(), env!("CARGO_PKG_VERSION")),
    );
    let told = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_known = told.split(',').any(|one| one.trim() == tag);
    let mut response = match language {
        _ if is_known => StatusCode::NOT_MODIFIED.into_response(),
        None => axum::Json(report).into_response(),
        Some(language) => printed(report, language).await?,
    };
    for (name, value) in [(header::ETAG, tag.as_str()), (header::VARY, "accept, accept-language")] {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

/// The PDF of a report. Whoever asks waits for one of [`WRITERS_MAX`] places.
async fn printed(report: Value, language: Language) -> Result<Response> {
    let own = &report["identification"];
    let (kind, id) = match own["mailbox_id"].as_i64() {
        Some(id) => ("mailbox", id),
        None => ("job", own["job_id"].as_i64().unwrap_or(0)),
    };
    let name = format!("inline; filename=\"malote-{kind}-{id}-{}.pdf\"", language.tag());
    let octets = pdf(report, language).await?;
    let mut response = octets.into_response();
    for (header, value) in [
        (header::CONTENT_TYPE, "application/pdf"),
        (header::CONTENT_LANGUAGE, language.tag()),
        (header::CONTENT_DISPOSITION, name.as_str()),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(header, value);
        }
    }
    Ok(response)
}

/// The PDF's octets, written beside the tasks that answer others.
async fn pdf(report: Value, language: Language) -> Result<Bytes> {
    let _place = WRITERS.acquire().await.map_err(|error| ApiError::internal(&error))?;
    let written = tokio::task::spawn_blocking(move || crate::console::report::pdf(&report, language)).await;
    match written.map_err(|error| ApiError::internal(&error))? {
        Ok(octets) => Ok(octets.into()),
        Err(error @ malote_paper::PaperError::TooLong) => {
            Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "too_large", error.to_string()))
        }
        Err(error) => Err(ApiError::internal(&error)),
    }
}

/// Everything about a job, or about one mailbox of it where `mailbox` is not 0.
///
/// # Errors
/// Where nothing was counted yet, and what the database says.
pub async fn document(app: &App, job: &JobRow, mailbox: i64) -> Result<Value> {
    let rows = app.store.report_rows(job.id, mailbox, ROWS_MAX).await?;
    if rows.boxes.iter().all(|row| !row.has_scan) {
        return Err(ApiError::conflict("no_data", "no mailbox has been counted yet: run a copy first"));
    }
    let measures = app.store.job_measures(job.id).await?;
    let measures: BTreeMap<i64, MeasuresRow> =
        measures.into_iter().map(|row| (row.mailbox_id, row)).collect();
    let inventory = app.store.inventory(job.id).await?;
    let excused = inventory.iter().filter(|row| !row.excluded_reason.is_empty());
    let excluded = rows.boxes.iter().filter(|row| !row.enabled);
    let mut report = json!({
        "schema_version": SCHEMA,
        "identification": identification(job, mailbox, &rows.runs),
        "scope": {
            "mailboxes_total": rows.boxes.len(),
            "options": serde_json::from_str::<Value>(&job.options_json).unwrap_or_default(),
            "mailboxes_excluded": excluded
                .map(|row| json!({"mailbox_id": row.mailbox_id, "email": row.email, "reason": row.excluded_reason}))
                .collect::<Value>(),
            "inventory": {
                "is_known": !inventory.is_empty(), "addresses": inventory.len(),
                "undecided": inventory.iter().filter(|row| !row.is_decided()).count(),
                "excluded": excused
                    .map(|row| json!({"address": row.address, "reason": row.excluded_reason}))
                    .collect::<Value>(),
            },
        },
        "counts": counts(&rows),
        "mailboxes": boxes(&rows, &measures),
        "quarantine": rows.items.iter().map(as_json::<ReportItem>).collect::<Value>(),
        "folder_renames": renames(&rows.folders),
        "throttling": throttling(&rows.runs),
        "runs": runs(&rows.runs),
        "gate": past(app, job).await?,
        "dns": dns(app, job).await?,
        "timeline": super::closing::events(app, job.id).await?,
        "purge_certificate": certificate(app, job.id).await?,
        "is_cut": is_cut(&rows),
    });
    report["names"] = json!(names::of_document(app, &report).await?);
    signed(&mut report, app.now_ms());
    Ok(report)
}

/// The mail exchangers before and after, as they were seen or vouched for.
async fn dns(app: &App, job: &JobRow) -> Result<Value> {
    let Some(row) = app.store.cutover(job.id).await? else {
        return Ok(json!({
            "state": "unknown", "before": null, "after": null, "dns_cutover_at": job.dns_cutover_at,
        }));
    };
    let state = if row.vouched_reason.is_empty() { "confirmed" } else { "vouched" };
    Ok(json!({
        "state": state, "before": row.before, "after": row.expected, "dns_cutover_at": job.dns_cutover_at,
    }))
}

fn identification(job: &JobRow, mailbox: i64, runs: &[ReportRun]) -> Value {
    let began = runs.iter().map(|run| run.started_at.as_str()).filter(|at| !at.is_empty()).min();
    let ended = runs.iter().map(|run| run.finished_at.as_str()).max().filter(|at| !at.is_empty());
    json!({
        "job_id": job.id, "mailbox_id": if mailbox == 0 { Value::Null } else { mailbox.into() },
        "tenant_id": job.tenant_id, "ticket_id": job.ticket_id, "domain": job.domain, "phase": job.phase,
        "source_server_label": job.source_server_label, "dest_imap_host": job.dest_imap_host,
        "created_at": job.created_at, "created_by": job.created_by, "closed_at": job.closed_at,
        "first_run_at": began, "last_run_at": ended, "software": env!("CARGO_PKG_NAME"),
        "software_version": env!("CARGO_PKG_VERSION"),
    })
}

/// 100·M/E in hundredths, rounded down; nothing where a mailbox was never counted.
fn percent(matched: u64, eligible: u64, is_whole: bool) -> Value {
    match (is_whole, eligible) {
        (false, _) => Value::Null,
        (true, 0) => 100.0.into(),
        (true, _) => {
            let hundredths = u128::from(matched.min(eligible)) * 10_000 / u128::from(eligible);
            (hundredths as f64 / 100.0).into()
        }
    }
}

fn counts(rows: &ReportRows) -> Value {
    let part = || rows.boxes.iter().filter(|row| row.enabled);
    let sum = |of: fn(&ReportBox) -> u64| part().map(of).sum::<u64>();
    let (eligible, matched) = (sum(|row| row.eligible), sum(|row| row.matched));
    let is_whole = part().all(|row| row.has_scan);
    json!({
        "mailboxes": part().count(), "is_whole": is_whole, "eligible": eligible, "matched": matched,
        "missing": sum(|row| row.missing), "pending": sum(|row| row.pending),
        "quarantine_open": sum(|row| row.quarantine_open),
        "quarantine_acknowledged": sum(|row| row.quarantine_acknowledged), "filtered": sum(|row| row.filtered),
        "vanished": sum(|row| row.vanished), "bytes_source": sum(|row| row.bytes_source),
        "bytes_dest": sum(|row| row.bytes_dest), "sync_percent": percent(matched, eligible, is_whole),
    })
}

fn boxes(rows: &ReportRows, measures: &BTreeMap<i64, MeasuresRow>) -> Value {
    let mut folders: BTreeMap<i64, Vec<Value>> = BTreeMap::new();
    for folder in &rows.folders {
        let mut told = as_json(folder);
        told["missing_by_reason"] = json!({
            "pending": folder.pending, "quarantine_open": folder.quarantine_open,
            "quarantine_acknowledged": folder.quarantine_acknowledged,
        });
        folders.entry(folder.mailbox_id).or_default().push(told);
    }
    let views = rows.boxes.iter().map(|row| {
        let mut told = as_json(row);
        told["sync_percent"] = percent(row.matched, row.eligible, row.has_scan);
        told["folders"] = folders.remove(&row.mailbox_id).unwrap_or_default().into();
        told["verification"] = measures.get(&row.mailbox_id).map_or(Value::Null, verification);
        told
    });
    views.collect()
}

/// What was measured; each part is null where nobody measured it.
fn verification(row: &MeasuresRow) -> Value {
    let when = |at: &str, value: Value| if at.is_empty() { Value::Null } else { value };
    let text = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
    json!({
        "sample": when(&row.sampled_at, json!({
            "at": row.sampled_at, "compared": row.sample_compared, "rewritten": row.sample_rewritten,
            "different": row.sample_different,
        })),
        "bytes": when(&row.bytes_at, json!({
            "at": row.bytes_at, "source": row.bytes_source, "destination": row.bytes_dest,
        })),
        "duplicates": when(&row.duplicates_at, json!({"at": row.duplicates_at, "messages": row.duplicates})),
        "quota": when(&row.quota_at, json!({
            "at": row.quota_at, "kind": row.quota_kind, "limit": row.quota_limit, "used": row.quota_used,
        })),
        "merkle_root": text(&row.merkle_root),
    })
}

fn renames(folders: &[ReportFolder]) -> Value {
    let renamed = folders.iter().filter(|folder| folder.is_renamed && !folder.is_gone);
    let views = renamed.map(
        |folder| json!({"mailbox_id": folder.mailbox_id, "from": folder.source_path, "to": folder.dest_path}),
    );
    views.collect()
}

/// How often runs ended for what a provider does to slow us down.
fn throttling(runs: &[ReportRun]) -> Value {
    let mut classes: BTreeMap<&str, u64> = BTreeMap::new();
    let slowed = |class: &str| class.starts_with("throttle") || class.starts_with("limit.");
    for run in runs.iter().filter(|run| slowed(&run.error_class)) {
        *classes.entry(&run.error_class).or_default() += 1;
    }
    json!({"runs_by_class": classes})
}

fn runs(all: &[ReportRun]) -> Value {
    let mut by_type: BTreeMap<String, u64> = BTreeMap::new();
    for run in all {
        *by_type.entry(format!("{}.{}", run.run_type, run.status)).or_default() += 1;
    }
    let last = &all[all.len().saturating_sub(RUNS_MAX)..];
    json!({"total": all.len(), "by_type_and_status": by_type, "last": last})
}

async fn past(app: &App, job: &JobRow) -> Result<Value> {
    let history = app.store.gate_history(job.id).await?.into_iter().map(|(hash, gate, percent, at_ms)| {
        json!({"snapshot_hash": hash, "migration_gate": gate, "sync_percent": percent, "evaluated_at": at(at_ms)})
    });
    let evaluations: Value = history.collect();
    let decided = app.store.decisions(job.id).await?.into_iter().map(|one| {
        json!({
            "decision": one.decision, "approver": one.approver, "comment": one.comment, "at": one.created_at,
            "accepted_warnings": serde_json::from_str::<Value>(&one.accepted_json).unwrap_or_default(),
            "snapshot_hash": one.snapshot_hash, "void": one.voided_ms > 0, "void_reason": one.void_reason,
        })
    });
    let decisions: Value = decided.collect();
    let checks = app.store.last_checks(job.id).await?.into_iter().map(|one| {
        let details: Value = serde_json::from_str(&one.details_json).unwrap_or_default();
        json!({
            "check_id": one.check_id, "status": one.status, "message": one.message, "critical": one.critical,
            "code": details["code"].as_str().unwrap_or_default(),
            "numbers": if details["numbers"].is_object() { details["numbers"].clone() } else { json!({}) },
            "checked_at": one.checked_at,
        })
    });
    let checks: Value = checks.collect();
    Ok(json!({
        "migration_gate": job.migration_gate, "checks": checks, "evaluations": evaluations, "decisions": decisions,
    }))
}

async fn certificate(app: &App, job: i64) -> Result<Value> {
    let Some(row) = app.store.purge_certificate(job).await? else { return Ok(Value::Null) };
    Ok(json!({
        "id": row.id, "actor": row.actor, "digest": row.digest, "purged_at": at(row.purged_ms),
        "counts": serde_json::from_str::<Value>(&row.counts_json).unwrap_or_default(),
    }))
}

/// True where a kind of rows came to its limit, so that the document is not whole.
fn is_cut(rows: &ReportRows) -> bool {
    let most = usize::try_from(ROWS_MAX).unwrap_or(usize::MAX);
    [rows.boxes.len(), rows.folders.len(), rows.items.len(), rows.runs.len()]
        .into_iter()
        .any(|count| count >= most)
}
