//! Quarantined messages tried again: one, or many of a job, as they are, repaired, or with a word for what is missing.
//! Never tries one that another run is at.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::answer::accepted;
use super::body::{At, Body};
use super::caller::Caller;
use super::jobs::read as read_job;
use super::uploads_use::{has_run, wished};
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::store::jobs::JobRow;
use crate::store::looks::ItemRow;
use crate::store::runs::Enqueued;
use crate::store::words::RunType;
use crate::store::{Transaction, at};

/// Messages that one request takes up, at most.
const ITEMS_MAX: usize = 1000;

/// How to try a message again.
#[derive(Serialize, Deserialize, ToSchema, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// As before: the destination may have changed its mind.
    #[default]
    Again,
    /// With the least named repair that the destination takes, also where the job's options rule repairs out.
    Repair,
    /// An item of a personal store that has a part which cannot be read: with a part that says what is missing.
    Stub,
}

/// One message once more.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// `again`, `repair` or `stub`.
    how: How,
}

/// Several messages once more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkRetry {
    /// Which.
    pub(super) ids: Vec<i64>,
    /// `again`, `repair` or `stub`.
    #[serde(default)]
    pub(super) how: How,
}

/// What was taken up.
#[derive(Serialize, ToSchema, Default)]
pub struct RetryView {
    /// The runs, one for each mailbox.
    run_ids: Vec<i64>,
    /// Messages that they try again.
    retrying: Vec<i64>,
    /// Not there, settled already, or of a mailbox that has a run.
    left: Vec<i64>,
}

/// `POST /migration/quarantine/{qid}/retry`.
#[utoipa::path(post, path = "/migration/quarantine/{qid}/retry", tag = "quarantine", params(("qid" = i64, Path)),
    request_body = Retry, responses((status = 202, body = RetryView), (status = 403), (status = 404), (status = 409),
    (status = 422), (status = 423)))]
pub async fn retry(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Body(asked): Body<Retry>,
) -> Result<Response> {
    let item = may(&app, &caller, id).await?;
    let job = read_job(&app, &caller, item.job_id).await?;
    let run_type = run_type(&job)?;
    let run = take_up(&app, &caller, (&job, run_type), item.mailbox_id, &[item], asked.how).await?;
    let view = RetryView { run_ids: vec![run], retrying: vec![id], left: Vec::new() };
    super::gates::look_quietly(&app, job.id).await;
    Ok(accepted(&format!("/migration/runs/{run}"), &view))
}

async fn may(app: &App, caller: &Caller, id: i64) -> Result<ItemRow> {
    caller.may(Permission::AckQuarantine)?;
    caller.may(Permission::RunSync)?;
    super::quarantine::read(app, caller, id).await
}

/// `POST /migration/jobs/{id}/quarantine/retry`: several of one job.
#[utoipa::path(post, path = "/migration/jobs/{id}/quarantine/retry", tag = "quarantine", params(("id" = i64, Path)),
    request_body = BulkRetry, responses((status = 202, body = RetryView), (status = 403), (status = 404),
    (status = 409), (status = 422), (status = 423)))]
pub async fn bulk(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Body(asked): Body<BulkRetry>,
) -> Result<Response> {
    caller.may(Permission::AckQuarantine)?;
    caller.may(Permission::RunSync)?;
    let job = read_job(&app, &caller, id).await?;
    if asked.ids.is_empty() || asked.ids.len() > ITEMS_MAX {
        return Err(ApiError::field("ids", format!("1 to {ITEMS_MAX}")));
    }
    let run_type = run_type(&job)?;
    let (mut by_mailbox, mut view) = (BTreeMap::<i64, Vec<ItemRow>>::new(), RetryView::default());
    for item in asked.ids {
        match app.store.item(&caller.reach, item).await?.filter(|row| row.job_id == id) {
            Some(row) if row.status != "resolved" => by_mailbox.entry(row.mailbox_id).or_default().push(row),
            _ => view.left.push(item),
        }
    }
    for (mailbox, items) in by_mailbox {
        let ids = items.iter().map(|item| item.id);
        match take_up(&app, &caller, (&job, run_type), mailbox, &items, asked.how).await {
            Ok(run) => {
                view.run_ids.push(run);
                view.retrying.extend(ids);
            }
            Err(error) if error.status == StatusCode::CONFLICT => view.left.extend(ids),
            Err(error) => return Err(error),
        }
    }
    super::gates::look_quietly(&app, id).await;
    Ok((StatusCode::ACCEPTED, Json(view)).into_response())
}

/// What kind of run brings a message over in the phase that a job is in.
fn run_type(job: &JobRow) -> Result<RunType> {
    if job.is_paused {
        return Err(ApiError::new(
            StatusCode::LOCKED,
            "job_paused",
            "the job is paused: POST …/resume first",
        ));
    }
    match job.phase.as_str() {
        "initial_sync" | "delta_sync" | "cutover_ready" => Ok(RunType::Delta),
        "dns_cutover" | "final_sync" => Ok(RunType::Final),
        other => {
            let words = format!("the job is in {other}: nothing is brought over in this phase");
            Err(ApiError::conflict("phase_conflict", words))
        }
    }
}

/// Enters the run that tries messages of one mailbox again and marks them, both or neither; the run.
async fn take_up(
    app: &App,
    caller: &Caller,
    (job, run_type): (&JobRow, RunType),
    mailbox: i64,
    items: &[ItemRow],
    how: How,
) -> Result<i64> {
    let uids: Vec<u32> = items.iter().filter_map(|item| item.source_ref.parse().ok()).collect();
    let mut options = json!({"only_errors": true, "retry_uids": uids});
    if how == How::Repair {
        options["repair"] = Value::Bool(true);
    }
    let run = wished(app, caller, (job.id, mailbox), run_type, &options.to_string()).await?;
    let mut transaction = app.store.begin().await?;
    let entered = match transaction.enqueue(&run).await? {
        Enqueued::New(entered) => entered,
        Enqueued::Active(active) => return Err(has_run(mailbox, active)),
    };
    if how == How::Stub {
        allow_stubs(&mut transaction, mailbox).await?;
    }
    for item in items {
        // Of three words one is the item's by now, whatever was read of it; a settled one stays settled.
        let mut is_marked = false;
        for from in ["retrying", "open", "acknowledged"] {
            is_marked = is_marked || transaction.mark_item(item.id, "retrying", from).await?;
        }
        if !is_marked {
            let words = format!("the message {} is {}", item.id, item.status);
            return Err(ApiError::conflict("conflict", words));
        }
        transaction.revoke_acknowledgements(item.id, &at(app.now_ms())).await?;
    }
    transaction.commit().await?;
    app.wake();
    Ok(entered)
}

/// From now on damaged items of this mailbox's store are carried with a word for what is missing: a later
/// verification must find the same as was copied.
async fn allow_stubs(transaction: &mut Transaction, mailbox: i64) -> Result<()> {
    let row = transaction.mailbox_row(mailbox).await?;
    let row = row.ok_or_else(|| ApiError::not_found("mailbox"))?;
    if row.source_type != "pst" {
        return Err(ApiError::field("how", "only items of personal stores are carried without a part"));
    }
    let mut options: Value = serde_json::from_str(&row.options_json).unwrap_or_else(|_| json!({}));
    if options["unreadable"] == "stub" {
        return Ok(());
    }
    options["unreadable"] = json!("stub");
    if transaction.set_mailbox_options(mailbox, row.version, &options.to_string()).await? {
        return Ok(());
    }
    Err(ApiError::new(StatusCode::PRECONDITION_FAILED, "stale", "the mailbox was changed meanwhile"))
}
