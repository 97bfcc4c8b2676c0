//! Quarantined messages: listed, acknowledged with a reason, tried again.
//! Never shows what a message says: that needs another permission, a fresh proof and a word in the request.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::{Versioned, seen_version};
use super::body::{Asked, At, Body};
use super::caller::Caller;
use super::jobs::read as read_job;
use super::layers::Origin;
use super::list::{Listed, Page};
use super::quarantine_retry::{self, BulkRetry, How, RetryView};
use super::quarantine_subject;
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::store::looks::{ITEM_SORTS, ItemRow};

/// Items that one request settles, at most.
const BULK_MAX: usize = 1000;

/// A quarantined message, without what it says but where its subject was asked for.
#[derive(Serialize, ToSchema)]
#[expect(missing_docs, reason = "each field is the column of its name in the data model")]
pub struct ItemView {
    pub id: i64,
    pub job_id: i64,
    pub mailbox_id: i64,
    /// The mailbox's address.
    pub email: String,
    pub run_id: Option<i64>,
    pub folder_path: String,
    pub source_ref: String,
    /// The node of an item of a personal store, as readers of such files write it.
    pub node: Option<String>,
    pub size_bytes: i64,
    pub reason: String,
    pub detail: String,
    pub attempts: i64,
    pub status: String,
    pub is_archive: bool,
    pub has_octets: bool,
    pub created_at: String,
    pub updated_at: String,
    pub version: i64,
    /// Only where `include=subject` asks for it; null where it is not known here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub subject: Option<Option<String>>,
}

impl ItemView {
    fn of(row: ItemRow) -> Self {
        Self {
            node: row
                .source_ref
                .parse::<u32>()
                .ok()
                .filter(|_| row.source_type == "pst")
                .map(|node| format!("{node:#x}")),
            run_id: (row.run_id != 0).then_some(row.run_id),
            has_octets: !row.file.is_empty(),
            id: row.id,
            job_id: row.job_id,
            mailbox_id: row.mailbox_id,
            email: row.email,
            folder_path: row.folder_path,
            source_ref: row.source_ref,
            size_bytes: row.size_bytes,
            reason: row.reason,
            detail: row.detail,
            attempts: row.attempts,
            status: row.status,
            is_archive: row.is_archive,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
            subject: None,
        }
    }
}

/// Which messages.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// `open`, `acknowledged`, `retrying` or `resolved`.
    status: Option<String>,
    /// Of this mailbox.
    mailbox_id: Option<i64>,
    /// How many, 1 to 200.
    limit: Option<i64>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// By `id`, `folder_path`, `size_bytes`, `reason`, `status` or `updated_at`; with `-` the greatest first.
    sort: Option<String>,
    /// `subject`: for whoever may look at mail and proved a moment ago who they are; each look is written down.
    include: Option<String>,
}

/// `GET /migration/jobs/{id}/quarantine`.
#[utoipa::path(get, path = "/migration/jobs/{id}/quarantine", tag = "quarantine", params(("id" = i64, Path), Wanted),
    responses((status = 200, body = Listed<ItemView>), (status = 404)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Extension(origin): Extension<Origin>,
    At(id): At<i64>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Listed<ItemView>> {
    caller.may(Permission::ViewMigration)?;
    read_job(&app, &caller, id).await?;
    let has_subjects = quarantine_subject::wants(wanted.include.as_deref())?;
    if has_subjects {
        quarantine_subject::may(&app, &caller)?;
    }
    let page = Page { limit: wanted.limit, cursor: wanted.cursor, sort: wanted.sort };
    let by = page.order(&ITEM_SORTS, "id")?;
    let status = wanted.status.unwrap_or_default();
    let filter = (status.as_str(), wanted.mailbox_id.unwrap_or_default());
    let mut found = app.store.items(&caller.reach, id, filter, &by.order).await?;
    let total = app.store.items_count(&caller.reach, id, filter).await?;
    if !has_subjects {
        return Ok(Listed::sorted(found.into_iter().map(ItemView::of).collect(), &by, total));
    }
    // What is on the next page is not told, nor said to have been.
    let shown = found.len().min(usize::try_from(by.order.rows - 1).unwrap_or(0));
    let next = found.split_off(shown);
    let action = ("GET /migration/jobs/{id}/quarantine?include=subject", id);
    let subjects = quarantine_subject::told(&app, &caller, &origin, action, &found).await?;
    let views = found.into_iter().zip(subjects);
    let views = views.map(|(row, subject)| ItemView { subject: Some(subject), ..ItemView::of(row) });
    Ok(Listed::sorted(views.chain(next.into_iter().map(ItemView::of)).collect(), &by, total))
}

pub(super) async fn read(app: &App, caller: &Caller, id: i64) -> Result<ItemRow> {
    let row = app.store.item(&caller.reach, id).await?;
    let row = row.ok_or_else(|| ApiError::not_found("quarantined message"))?;
    // Whose it is, for the trail.
    read_job(app, caller, row.job_id).await?;
    Ok(row)
}

/// What comes along.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Included {
    /// `subject`: for whoever may look at mail and proved a moment ago who they are; each look is written down.
    include: Option<String>,
}

/// `GET /migration/quarantine/{qid}`: without what the message says, unless `include=subject` asks for that much of it.
#[utoipa::path(get, path = "/migration/quarantine/{qid}", tag = "quarantine", params(("qid" = i64, Path), Included),
    responses((status = 200, body = ItemView), (status = 404)))]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Extension(origin): Extension<Origin>,
    At(id): At<i64>,
    Asked(wanted): Asked<Included>,
) -> Result<Versioned<ItemView>> {
    caller.may(Permission::ViewMigration)?;
    let row = read(&app, &caller, id).await?;
    if !quarantine_subject::wants(wanted.include.as_deref())? {
        return Ok(Versioned(row.version, ItemView::of(row)));
    }
    quarantine_subject::may(&app, &caller)?;
    let action = ("GET /migration/quarantine/{qid}?include=subject", row.job_id);
    let told = quarantine_subject::told(&app, &caller, &origin, action, std::slice::from_ref(&row)).await?;
    let subject = told.into_iter().next();
    Ok(Versioned(row.version, ItemView { subject, ..ItemView::of(row) }))
}

/// What shall become of a message.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemChange {
    /// `acknowledged`: it is left out. Other words are the runs' own.
    status: String,
    /// A word or two: `spam`, `customer agreed`.
    reason: String,
    /// More of it.
    #[serde(default)]
    note: String,
}

/// `PATCH /migration/quarantine/{qid}`: accepts that the message, as it was seen, is left out.
#[utoipa::path(patch, path = "/migration/quarantine/{qid}", tag = "quarantine", params(("qid" = i64, Path)),
    request_body = ItemChange,
    responses((status = 200, body = ItemView), (status = 403), (status = 409), (status = 412), (status = 422),
    (status = 428)))]
pub async fn change(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    headers: HeaderMap,
    Body(asked): Body<ItemChange>,
) -> Result<Versioned<ItemView>> {
    caller.may(Permission::AckQuarantine)?;
    let row = read(&app, &caller, id).await?;
    seen_version(&headers, row.version)?;
    if asked.status != "acknowledged" {
        return Err(ApiError::field("status", "acknowledged; a run opens and resolves"));
    }
    let why = Ack { reason: asked.reason, note: asked.note };
    check(&why)?;
    settle(&app, &caller, &row, &why).await?;
    super::gates::look_quietly(&app, row.job_id).await;
    let row = read(&app, &caller, id).await?;
    Ok(Versioned(row.version, ItemView::of(row)))
}

/// Why a message may be left out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ack {
    /// A word or two: `spam`, `customer agreed`.
    reason: String,
    /// More of it.
    #[serde(default)]
    note: String,
}

/// `POST /migration/quarantine/{qid}/ack`: accepts that the message is left out. Whoever does so cannot approve
/// the gate.
#[utoipa::path(post, path = "/migration/quarantine/{qid}/ack", tag = "quarantine", params(("qid" = i64, Path)),
    request_body = Ack, responses((status = 200, body = ItemView), (status = 403), (status = 409), (status = 422)))]
pub async fn ack(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Body(asked): Body<Ack>,
) -> Result<Json<ItemView>> {
    caller.may(Permission::AckQuarantine)?;
    check(&asked)?;
    let row = read(&app, &caller, id).await?;
    settle(&app, &caller, &row, &asked).await?;
    super::gates::look_quietly(&app, row.job_id).await;
    Ok(Json(ItemView::of(read(&app, &caller, id).await?)))
}

fn check(asked: &Ack) -> Result<()> {
    if asked.reason.trim().is_empty() || asked.reason.chars().count() > 200 {
        return Err(ApiError::field("reason", "1 to 200 characters"));
    }
    if asked.note.chars().count() > 10_000 {
        return Err(ApiError::field("note", "at most 10000 characters"));
    }
    Ok(())
}

async fn settle(app: &App, caller: &Caller, row: &ItemRow, asked: &Ack) -> Result<()> {
    let mut transaction = app.store.begin().await?;
    if !transaction.mark_item(row.id, "acknowledged", "open").await? {
        return Err(ApiError::conflict("conflict", format!("the message is {} and not open", row.status)));
    }
    transaction.acknowledge_item(row.id, &caller.actor, &asked.reason, &asked.note).await?;
    Ok(transaction.commit().await?)
}

/// Messages to be acknowledged together.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Bulk {
    /// Which.
    ids: Vec<i64>,
    /// A word or two.
    reason: String,
    /// More of it.
    #[serde(default)]
    note: String,
}

/// What is to be done with messages together.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum Together {
    /// Accept that they are left out.
    Ack {
        /// Which.
        ids: Vec<i64>,
        /// A word or two.
        reason: String,
        /// More of it.
        #[serde(default)]
        note: String,
    },
    /// Try them again.
    Retry {
        /// Which.
        ids: Vec<i64>,
        /// `again`, `repair` or `stub`.
        #[serde(default)]
        how: How,
    },
}

/// `POST /migration/jobs/{id}/quarantine/bulk`: the same as …/ack and …/retry, by the word in `action`.
#[utoipa::path(post, path = "/migration/jobs/{id}/quarantine/bulk", tag = "quarantine", params(("id" = i64, Path)),
    request_body = Together,
    responses((status = 200, body = BulkView), (status = 202, body = RetryView), (status = 403), (status = 404),
    (status = 409), (status = 422), (status = 423)))]
pub async fn together(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Body(asked): Body<Together>,
) -> Result<Response> {
    match asked {
        Together::Ack { ids, reason, note } => {
            let body = Body(Bulk { ids, reason, note });
            Ok(bulk(State(app), caller, At(id), body).await?.into_response())
        }
        Together::Retry { ids, how } => {
            quarantine_retry::bulk(State(app), caller, At(id), Body(BulkRetry { ids, how })).await
        }
    }
}

/// What became of them.
#[derive(Serialize, ToSchema)]
pub struct BulkView {
    /// Acknowledged.
    acknowledged: Vec<i64>,
    /// Not there, or not open.
    left: Vec<i64>,
}

/// `POST /migration/jobs/{id}/quarantine/ack`: several of one job.
#[utoipa::path(post, path = "/migration/jobs/{id}/quarantine/ack", tag = "quarantine", params(("id" = i64, Path)),
    request_body = Bulk, responses((status = 200, body = BulkView), (status = 403), (status = 422)))]
pub async fn bulk(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Body(asked): Body<Bulk>,
) -> Result<Json<BulkView>> {
    caller.may(Permission::AckQuarantine)?;
    read_job(&app, &caller, id).await?;
    if asked.ids.is_empty() || asked.ids.len() > BULK_MAX {
        return Err(ApiError::field("ids", format!("1 to {BULK_MAX}")));
    }
    let why = Ack { reason: asked.reason, note: asked.note };
    check(&why)?;
    let mut view = BulkView { acknowledged: Vec::new(), left: Vec::new() };
    for item in asked.ids {
        let found =
            app.store.item(&caller.reach, item).await?.filter(|row| row.job_id == id && row.status == "open");
        match found {
            Some(row) => {
                settle(&app, &caller, &row, &why).await?;
                view.acknowledged.push(item);
            }
            None => view.left.push(item),
        }
    }
    super::gates::look_quietly(&app, id).await;
    Ok(Json(view))
}
