//! What is done with an uploaded file: looked into, given to a mailbox, read through by a run.
//! Never brings mail over: the runs of its mailbox do.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::accepted;
use super::body::{At, Body};
use super::caller::Caller;
use super::uploads::{UploadView, aim, of_upload, read};
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::store::runs::{Enqueued, NewRun};
use crate::store::uploads::{UploadFile, UploadRow};
use crate::store::words::RunType;
use crate::uploads::{attach, preview};

/// A folder of a file.
#[derive(Serialize, ToSchema)]
pub struct FolderSeen {
    /// Decoded, levels parted by `/`.
    path: String,
    /// `inbox`, `sent` and so on; empty for an ordinary folder.
    role: String,
    /// Messages, those that would be left out too.
    messages: u64,
}

/// What a file holds.
#[derive(Serialize, ToSchema)]
pub struct PreviewView {
    /// The format as its reader calls it.
    format: String,
    /// Its folders.
    folders: Vec<FolderSeen>,
    /// Messages in all.
    messages: u64,
    /// What could not be read of it.
    damage: Vec<String>,
    /// What is no fault and worth telling.
    remarks: Vec<String>,
}

/// `GET /migration/uploads/{uid}/folders`: what a complete file holds, without reading the messages.
#[utoipa::path(get, path = "/migration/uploads/{uid}/folders", tag = "uploads", params(("uid" = String, Path)),
    responses((status = 200, body = PreviewView), (status = 404), (status = 409), (status = 410), (status = 415)))]
pub async fn folders(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Json<PreviewView>> {
    caller.may(Permission::ViewMigration)?;
    let row = read(&app, &caller, &id).await?;
    if row.state == "open" {
        return Err(ApiError::conflict("conflict", "the upload is not complete"));
    }
    let file = UploadFile {
        file_name: row.file_name,
        detected_kind: row.detected_kind,
        size_bytes: row.size_bytes,
        path: row.path,
        state: row.state,
        sha256: row.sha256,
    };
    let seen = preview::preview(&app.config.uploads(), &id, &file).await.map_err(of_upload)?;
    let folders: Vec<FolderSeen> = seen
        .folders
        .into_iter()
        .map(|folder| FolderSeen { path: folder.path, role: folder.role, messages: folder.messages })
        .collect();
    let messages = folders.iter().map(|folder| folder.messages).sum();
    Ok(Json(PreviewView {
        format: seen.format,
        folders,
        messages,
        damage: seen.damage,
        remarks: seen.remarks,
    }))
}

/// Whose mail it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Map {
    /// The mailbox.
    mailbox_id: Option<i64>,
    /// The same by its address.
    email: Option<String>,
}

/// `POST /migration/uploads/{uid}/map`: gives a complete file to a mailbox. Where that has a source already, the file
/// becomes a mailbox of its own beside it, with the same address and destination.
#[utoipa::path(post, path = "/migration/uploads/{uid}/map", tag = "uploads", params(("uid" = String, Path)),
    request_body = Map, responses((status = 200, body = UploadView), (status = 404), (status = 409), (status = 410),
    (status = 422)))]
pub async fn map(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Body(asked): Body<Map>,
) -> Result<Json<UploadView>> {
    caller.may(Permission::UploadSources)?;
    let row = read(&app, &caller, &id).await?;
    let target = aim(&app, &caller, row.job_id, asked.mailbox_id, asked.email.as_deref()).await?;
    let target = target.ok_or_else(|| ApiError::field("mailbox_id", "say mailbox_id or email"))?;
    attach::map(&app, &row, target).await.map_err(of_upload)?;
    super::gates::look_quietly(&app, row.job_id).await;
    Ok(Json(UploadView::of(read(&app, &caller, &id).await?)))
}

/// A run that was entered.
#[derive(Serialize, ToSchema)]
pub struct ExtractView {
    /// The run.
    run_ids: Vec<i64>,
    /// Where it can be watched.
    status_url: String,
}

/// `POST /migration/uploads/{uid}/extract`: reads every message of a mapped file as a copy would, and brings none over.
#[utoipa::path(post, path = "/migration/uploads/{uid}/extract", tag = "uploads", params(("uid" = String, Path)),
    responses((status = 202, body = ExtractView), (status = 404), (status = 409)))]
pub async fn extract(State(app): State<App>, caller: Caller, At(id): At<String>) -> Result<Response> {
    caller.may(Permission::UploadSources)?;
    let row = read(&app, &caller, &id).await?;
    let run = start(&app, &caller, &row).await?;
    let status_url = format!("/migration/runs/{run}");
    Ok(accepted(&status_url, &ExtractView { run_ids: vec![run], status_url: status_url.clone() }))
}

/// Enters a run that reads a file through; the run.
pub(super) async fn start(app: &App, caller: &Caller, row: &UploadRow) -> Result<i64> {
    if row.state != "complete" {
        return Err(ApiError::conflict("conflict", "the upload is not complete"));
    }
    if row.taken_by == 0 {
        let words = "no mailbox has this file: POST …/map first";
        return Err(ApiError::conflict("conflict", words));
    }
    enter(app, caller, (row.job_id, row.taken_by), RunType::PstExtract).await
}

/// Enters a run on a mailbox.
async fn enter(app: &App, caller: &Caller, whose: (i64, i64), run_type: RunType) -> Result<i64> {
    let run = wished(app, caller, whose, run_type, "{}").await?;
    match app.store.enqueue(&run).await? {
        Enqueued::New(id) => {
            app.wake();
            Ok(id)
        }
        Enqueued::Active(active) => Err(has_run(run.mailbox_id, active)),
    }
}

/// The answer to a wish for a run while another is not over.
pub(super) fn has_run(mailbox: i64, active: i64) -> ApiError {
    ApiError::conflict("run_already_active", format!("mailbox {mailbox} has run {active}, which is not over"))
}

/// A run that somebody wishes for, on a mailbox that is there.
pub(super) async fn wished(
    app: &App,
    caller: &Caller,
    (job_id, mailbox_id): (i64, i64),
    run_type: RunType,
    options_json: &str,
) -> Result<NewRun> {
    let known = app.store.mailbox(mailbox_id).await?.ok_or_else(|| ApiError::not_found("mailbox"))?;
    let triggered_by =
        if caller.session.is_some() { caller.actor.clone() } else { format!("api:{}", caller.id) };
    Ok(NewRun {
        job_id,
        mailbox_id,
        run_type,
        triggered_by,
        options_json: options_json.to_owned(),
        destination_key: if run_type.is_copy() { known.destination_key() } else { String::new() },
        priority: known.priority,
        not_before_ms: 0,
        schedule_execution_id: None,
    })
}
