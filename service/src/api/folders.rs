//! What belongs to a mailbox: its folders, its folder map, its secrets.
//! Never shows a secret: it can be put and removed.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::answer::{Versioned, seen_version};
use super::body::{Asked, At, Body, no_content};
use super::caller::Caller;
use super::list::{Listed, Short, Shown};
use super::mailboxes::{MailboxView, Secret, check_map, put, read, save};
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::store::boxes::FolderRow;

/// A folder of a mailbox.
#[derive(Serialize, ToSchema)]
#[expect(missing_docs, reason = "each field is the column of its name in the data model")]
pub struct FolderView {
    pub source_path: String,
    pub dest_path: String,
    pub role: String,
    pub is_renamed: bool,
    pub messages_source: u64,
    pub messages_dest: u64,
    pub messages_matched: u64,
    pub messages_missing: u64,
    pub messages_pending: u64,
    pub messages_quarantined: u64,
    pub messages_acknowledged: u64,
    pub bytes_source: u64,
    pub bytes_dest: u64,
    pub status: String,
    pub last_error: String,
    pub last_scan_at: String,
    pub is_gone: bool,
}

impl FolderView {
    fn of(row: FolderRow) -> Self {
        Self {
            source_path: row.source_path,
            dest_path: row.dest_path,
            role: row.role,
            is_renamed: row.is_renamed,
            messages_source: row.messages_source,
            messages_dest: row.messages_dest,
            messages_matched: row.messages_matched,
            messages_missing: row.messages_missing,
            messages_pending: row.messages_pending,
            messages_quarantined: row.messages_quarantined,
            messages_acknowledged: row.messages_acknowledged,
            bytes_source: row.bytes_source,
            bytes_dest: row.bytes_dest,
            status: row.status,
            last_error: row.last_error,
            last_scan_at: row.last_scan_at,
            is_gone: row.is_gone,
        }
    }
}

/// `GET /migration/mailboxes/{mid}/folders`.
#[utoipa::path(get, path = "/migration/mailboxes/{mid}/folders", tag = "mailboxes",
    params(("mid" = i64, Path), Short),
    responses((status = 200, body = Listed<FolderView>), (status = 404)))]
pub async fn folders(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Asked(wanted): Asked<Short>,
) -> Result<Shown> {
    caller.may(Permission::ViewMigration)?;
    read(&app, &caller, id).await?;
    let rows = app.store.folder_rows(id).await?;
    wanted.of(rows.into_iter().map(FolderView::of).collect())
}

/// Folders that one preview tells at most.
const PREVIEW_MAX: i64 = 50_000;

/// `GET /migration/jobs/{id}/folder-map/preview`: where each folder goes and why, as the last look at it had it.
/// Folders of one mailbox that share a place are told.
#[utoipa::path(get, path = "/migration/jobs/{id}/folder-map/preview", tag = "mailboxes", params(("id" = i64, Path)),
    responses((status = 200, body = Object), (status = 404)))]
pub async fn preview(State(app): State<App>, caller: Caller, At(id): At<i64>) -> Result<axum::Json<Value>> {
    caller.may(Permission::ViewMigration)?;
    super::jobs::read(&app, &caller, id).await?;
    let rows = app.store.report_rows(id, 0, PREVIEW_MAX).await?;
    let present = || rows.folders.iter().filter(|folder| !folder.is_gone);
    let mut places: BTreeMap<(i64, &str), u64> = BTreeMap::new();
    for folder in present() {
        *places.entry((folder.mailbox_id, &folder.dest_path)).or_default() += 1;
    }
    let views = rows.boxes.iter().map(|mailbox| {
        let own = present().filter(|folder| folder.mailbox_id == mailbox.mailbox_id).map(|folder| {
            let decision = match (folder.is_renamed, folder.role.is_empty()) {
                (true, _) => "renamed",
                (false, false) => "role",
                (false, true) => "name",
            };
            let shared = places.get(&(folder.mailbox_id, folder.dest_path.as_str())).copied().unwrap_or(0);
            json!({
                "source_path": folder.source_path, "dest_path": folder.dest_path, "role": folder.role,
                "decision": decision, "shares_its_place": shared > 1, "has_place": !folder.dest_path.is_empty(),
            })
        });
        json!({"mailbox_id": mailbox.mailbox_id, "email": mailbox.email, "folders": own.collect::<Vec<_>>()})
    });
    let mailboxes: Vec<Value> = views.collect();
    Ok(axum::Json(json!({"mailboxes": mailboxes})))
}

/// `PUT /migration/mailboxes/{mid}/folder-map`: `{"Sent Items":"Sent"}`.
#[utoipa::path(put, path = "/migration/mailboxes/{mid}/folder-map", tag = "mailboxes", params(("mid" = i64, Path)),
    request_body = Object, responses((status = 200, body = MailboxView), (status = 412), (status = 422),
    (status = 428)))]
pub async fn folder_map(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    headers: HeaderMap,
    Body(map): Body<Value>,
) -> Result<Versioned<MailboxView>> {
    caller.may(Permission::ManageMigration)?;
    let mut row = read(&app, &caller, id).await?;
    row.version = seen_version(&headers, row.version)?;
    check_map(&map).map_err(|words| ApiError::field("folder_map", words))?;
    row.folder_map_json = map.to_string();
    save(&app, &caller, &row, false).await
}

/// A secret for one side of a mailbox.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretPut {
    /// `source` or `destination`.
    side: String,
    /// The secret.
    secret: Secret,
}

/// `PUT /migration/mailboxes/{mid}/secret`.
#[utoipa::path(put, path = "/migration/mailboxes/{mid}/secret", tag = "mailboxes", params(("mid" = i64, Path)),
    request_body = SecretPut, responses((status = 204), (status = 404), (status = 422)))]
pub async fn put_secret(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Body(asked): Body<SecretPut>,
) -> Result<Response> {
    caller.may(Permission::ManageCredentials)?;
    let row = read(&app, &caller, id).await?;
    let is_source = side(&asked.side)?;
    asked.secret.check("secret")?;
    put(&app, (row.job_id, row.id), is_source, &asked.secret).await?;
    Ok(no_content())
}

fn side(name: &str) -> Result<bool> {
    match name {
        "source" => Ok(true),
        "destination" => Ok(false),
        _ => Err(ApiError::field("side", "source or destination")),
    }
}

/// `DELETE /migration/mailboxes/{mid}/secret/{side}`.
#[utoipa::path(delete, path = "/migration/mailboxes/{mid}/secret/{side}", tag = "mailboxes",
    params(("mid" = i64, Path), ("side" = String, Path)), responses((status = 204), (status = 404)))]
pub async fn remove_secret(
    State(app): State<App>,
    caller: Caller,
    At((id, which)): At<(i64, String)>,
) -> Result<Response> {
    caller.may(Permission::ManageCredentials)?;
    let row = read(&app, &caller, id).await?;
    let is_source = side(&which)?;
    let mut transaction = app.store.begin().await?;
    let removed = transaction.remove_credential(row.id, is_source).await?;
    transaction.commit().await?;
    if removed > 0 { Ok(no_content()) } else { Err(ApiError::not_found("credential")) }
}
