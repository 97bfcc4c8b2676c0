//! Resumable uploads: begun, asked about, completed, removed.
//! Never takes a file that there is no room for, nor one of another tenant's job.

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::created;
use super::body::{Asked, At, Body, no_content};
use super::caller::Caller;
use super::jobs::read as read_job;
use super::list::{Listed, Short, Shown};
use super::mailboxes::check_open;
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::auth::token::uuid;
use crate::store::at;
use crate::store::jobs::JobRow;
use crate::store::uploads::{NewUpload, UploadRow};
use crate::uploads::complete::complete as finish;
use crate::uploads::disk::{self, has_room, path_of};
use crate::uploads::kind::Kind;
use crate::uploads::limits::{
    CHUNK_BYTES_MAX, CHUNK_BYTES_MIN, FILES_OF_JOB_MAX, IDLE_MILLIS, Limits, NAME_CHARACTERS_MAX,
};
use crate::uploads::{UploadError, attach, place};

/// Where an upload goes on: how many octets are here, and where a chunk begins.
pub(super) const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
/// How long the whole file is.
const LENGTH: HeaderName = HeaderName::from_static("upload-length");
/// When an upload is given up.
const EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
/// An upload.
#[derive(Serialize, ToSchema)]
#[expect(missing_docs, reason = "each field is the column of its name in the data model")]
pub struct UploadView {
    pub id: String,
    /// The same as `id`.
    pub upload_id: String,
    pub job_id: i64,
    /// The mailbox that it is meant for, or was given to.
    pub mailbox_id: Option<i64>,
    /// True once a mailbox reads its mail from it.
    pub is_mapped: bool,
    pub file_name: String,
    pub declared_kind: String,
    pub detected_kind: String,
    /// The same as `size_bytes`.
    pub size: u64,
    pub size_bytes: u64,
    pub received_bytes: u64,
    pub sha256: String,
    pub state: String,
    pub refused_reason: String,
    /// When it is given up, where nobody goes on with it or maps it.
    pub expires_at: String,
    pub created_by: String,
    pub created_at: String,
    pub updated_at: String,
    /// The longest chunk, in octets.
    pub chunk_bytes_max: u64,
    /// The shortest chunk that is not the last, in octets.
    pub chunk_bytes_min: u64,
}

impl UploadView {
    pub(super) fn of(row: UploadRow) -> Self {
        let mailbox = if row.taken_by != 0 { row.taken_by } else { row.mailbox_id };
        Self {
            upload_id: row.id.clone(),
            mailbox_id: (mailbox != 0).then_some(mailbox),
            is_mapped: row.taken_by != 0,
            size: row.size_bytes,
            expires_at: if row.taken_by != 0 { String::new() } else { at(row.expires_ms) },
            chunk_bytes_max: CHUNK_BYTES_MAX,
            chunk_bytes_min: CHUNK_BYTES_MIN,
            id: row.id,
            job_id: row.job_id,
            file_name: row.file_name,
            declared_kind: row.declared_kind,
            detected_kind: row.detected_kind,
            size_bytes: row.size_bytes,
            received_bytes: row.received_bytes,
            sha256: row.sha256,
            state: row.state,
            refused_reason: row.refused_reason,
            created_by: row.created_by,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// What is wrong with a file, in the API's own words.
pub(super) fn of_upload(error: UploadError) -> ApiError {
    let words = error.to_string();
    match error {
        UploadError::Disk { ref cause, .. } if cause.kind() != std::io::ErrorKind::StorageFull => {
            ApiError::internal(&error)
        }
        UploadError::Disk { .. } | UploadError::Full { .. } => {
            tracing::error!("an upload finds no room: {words}");
            let mut told = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", words);
            told.retry_after = Some(300);
            told
        }
        UploadError::Busy => ApiError::conflict("in_progress", words),
        UploadError::Checksum { .. } => ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "checksum", words),
        UploadError::Kind(_) => {
            ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", words)
        }
        UploadError::Phase(_) => ApiError::conflict("phase_conflict", words),
        UploadError::Conflict(_) => ApiError::conflict("conflict", words),
        UploadError::Ended(_) => ApiError::new(StatusCode::GONE, "expired", words),
        UploadError::Store(error) => error.into(),
    }
}

pub(super) async fn read(app: &App, caller: &Caller, id: &str) -> Result<UploadRow> {
    app.store.upload(&caller.reach, id).await?.ok_or_else(|| ApiError::not_found("upload"))
}

/// A file that is to come.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UploadMake {
    /// What people call it; never a path here.
    file_name: String,
    /// Its length in octets.
    size: u64,
    /// Its SHA-256 in hexadecimal digits, where it is known by now.
    sha256: Option<String>,
    /// `pst`, `mbox`, `eml`, `zip` or `tgz`; found out where nothing is said.
    kind: Option<String>,
    /// The mailbox that it is for.
    mailbox_id: Option<i64>,
    /// The same by its address.
    email: Option<String>,
}

/// `POST /migration/jobs/{id}/uploads`.
#[utoipa::path(post, path = "/migration/jobs/{id}/uploads", tag = "uploads", params(("id" = i64, Path)),
    request_body = UploadMake,
    responses((status = 201, body = UploadView), (status = 409), (status = 413), (status = 422), (status = 429),
    (status = 503)))]
pub async fn make(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Body(asked): Body<UploadMake>,
) -> Result<Response> {
    caller.may(Permission::UploadSources)?;
    let job = read_job(&app, &caller, id).await?;
    let wish = Wish {
        file_name: &asked.file_name,
        kind: asked.kind.as_deref().unwrap_or_default(),
        sha256: asked.sha256.as_deref().unwrap_or_default(),
        mailbox_id: asked.mailbox_id,
        email: asked.email.as_deref(),
    };
    let upload = begin(&app, &caller, &job, &wish, asked.size).await?;
    // The file is made by its first chunk; an empty one could never be told from none.
    let row = read(&app, &caller, &upload).await?;
    Ok(told(created(&format!("/migration/uploads/{upload}"), &UploadView::of(row.clone())), &row))
}

/// What is said of a file before it comes.
pub(super) struct Wish<'a> {
    pub file_name: &'a str,
    pub kind: &'a str,
    pub sha256: &'a str,
    pub mailbox_id: Option<i64>,
    pub email: Option<&'a str>,
}

/// Looks at everything that can be known before the first octet, and begins an upload; its id.
pub(super) async fn begin(
    app: &App,
    caller: &Caller,
    job: &JobRow,
    wish: &Wish<'_>,
    size: u64,
) -> Result<String> {
    check_open(&job.phase)?;
    let name = clean_name(wish.file_name)?;
    if !wish.kind.is_empty() && Kind::named(wish.kind).is_none() {
        return Err(ApiError::field("kind", "pst, mbox, eml, zip or tgz"));
    }
    if !wish.sha256.is_empty() && !is_digest(wish.sha256) {
        return Err(ApiError::field("sha256", "64 hexadecimal digits"));
    }
    let limits = Limits::now(&app.store).await?;
    if size == 0 {
        return Err(ApiError::field("size", "an empty file holds no mail"));
    }
    if size > limits.file_bytes_max {
        return Err(too_large(format!("a file has {} octets at most", limits.file_bytes_max)));
    }
    let mailbox_id = aim(app, caller, job.id, wish.mailbox_id, wish.email).await?;
    if app.store.uploads(&caller.reach, job.id).await?.len() >= FILES_OF_JOB_MAX {
        return Err(ApiError::conflict("conflict", format!("a job has {FILES_OF_JOB_MAX} files at most")));
    }
    let outstanding = app.store.outstanding_octets().await?;
    has_room(&app.config.uploads(), size.saturating_add(outstanding), limits.free_bytes_min)
        .map_err(of_upload)?;
    let (id, now_ms) = (uuid()?, app.now_ms());
    let sha256 = wish.sha256.to_ascii_lowercase();
    let new = NewUpload {
        id: &id,
        job_id: job.id,
        mailbox_id,
        file_name: &name,
        declared_kind: wish.kind,
        size_bytes: size,
        sha256_expected: &sha256,
        expires_ms: now_ms + IDLE_MILLIS,
        created_by: &caller.actor,
        tenant_id: job.tenant_id,
    };
    let most = (limits.open_per_user_max, limits.tenant_bytes_max);
    if app.store.begin_upload(&new, most, now_ms).await? {
        return Ok(id);
    }
    if app.store.open_uploads(&caller.actor, now_ms).await? >= limits.open_per_user_max {
        let mut error = ApiError::rate_limited(60);
        error.detail = format!("you have {} uploads open: finish or remove one", limits.open_per_user_max);
        return Err(error);
    }
    Err(too_large(format!("the files of a tenant have {} octets at most", limits.tenant_bytes_max)))
}

pub(super) fn too_large(words: String) -> ApiError {
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", words)
}

/// A file's name as text: what people see, and nothing that moves a cursor.
fn clean_name(name: &str) -> Result<String> {
    let is_short = name.chars().count() <= NAME_CHARACTERS_MAX;
    if name.trim().is_empty() || !is_short || name.chars().any(char::is_control) {
        return Err(ApiError::field(
            "file_name",
            format!("1 to {NAME_CHARACTERS_MAX} characters, none of them a control character"),
        ));
    }
    Ok(name.trim().to_owned())
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|octet| octet.is_ascii_hexdigit())
}

/// The mailbox that a file is for, by its number or its address; nothing where neither is said.
pub(super) async fn aim(
    app: &App,
    caller: &Caller,
    job: i64,
    mailbox: Option<i64>,
    email: Option<&str>,
) -> Result<Option<i64>> {
    match (mailbox, email) {
        (Some(_), Some(_)) => Err(ApiError::field("email", "say mailbox_id or email, not both")),
        (Some(id), None) => {
            let row = app.store.mailbox_row(&caller.reach, id).await?.filter(|row| row.job_id == job);
            row.map(|row| Some(row.id))
                .ok_or_else(|| ApiError::field("mailbox_id", "the job has no such mailbox"))
        }
        (None, Some(email)) => {
            let found = app.store.mailbox_of(job, email).await?;
            found.map(Some).ok_or_else(|| ApiError::field("email", "the job has no mailbox of this address"))
        }
        (None, None) => Ok(None),
    }
}

/// `GET /migration/jobs/{id}/uploads`: oldest first.
#[utoipa::path(get, path = "/migration/jobs/{id}/uploads", tag = "uploads", params(("id" = i64, Path), Short),
    responses((status = 200, body = Listed<UploadView>), (status = 404)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Asked(wanted): Asked<Short>,
) -> Result<Shown> {
    caller.may(Permission::ViewMigration)?;
    read_job(&app, &caller, id).await?;
    let rows = app.store.uploads(&caller.reach, id).await?;
    wanted.of(rows.into_iter().map(UploadView::of).collect())
}

/// `GET` and `HEAD /migration/uploads/{uid}`: how far it is, in the headers too.
#[utoipa::path(get, path = "/migration/uploads/{uid}", tag = "uploads", params(("uid" = String, Path)),
    responses((status = 200, body = UploadView), (status = 404)))]
pub async fn show(State(app): State<App>, caller: Caller, At(id): At<String>) -> Result<Response> {
    caller.may(Permission::ViewMigration)?;
    let row = read(&app, &caller, &id).await?;
    Ok(told(axum::Json(UploadView::of(row.clone())).into_response(), &row))
}

/// An answer with how far the upload is.
pub(super) fn told(mut response: Response, row: &UploadRow) -> Response {
    let headers = response.headers_mut();
    headers.insert(OFFSET, row.received_bytes.into());
    headers.insert(LENGTH, row.size_bytes.into());
    if let Ok(expires) = HeaderValue::from_str(&at(row.expires_ms)) {
        headers.insert(EXPIRES, expires);
    }
    response
}

/// Goes on where an upload takes chunks.
pub(super) fn open(row: &UploadRow, now_ms: i64) -> Result<()> {
    match row.state.as_str() {
        "open" if now_ms < row.expires_ms => Ok(()),
        "open" => Err(of_upload(UploadError::Ended("expired".to_owned()))),
        "complete" => Err(ApiError::conflict("finished", "the upload is complete")),
        other => {
            let words = if row.refused_reason.is_empty() {
                String::new()
            } else {
                format!(": {}", row.refused_reason)
            };
            Err(of_upload(UploadError::Ended(format!("{other}{words}"))))
        }
    }
}

/// What is known at the end.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Complete {
    /// The whole file's SHA-256 in hexadecimal digits.
    sha256: Option<String>,
    /// Read it through at once: a run of type `pst_extract`.
    start: bool,
}

/// `POST /migration/uploads/{uid}/complete`: reads the file back, and gives it to its mailbox.
#[utoipa::path(post, path = "/migration/uploads/{uid}/complete", tag = "uploads", params(("uid" = String, Path)),
    request_body = Complete, responses((status = 200, body = UploadView), (status = 404), (status = 409),
    (status = 410), (status = 415), (status = 422)))]
pub async fn complete(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Body(asked): Body<Complete>,
) -> Result<Response> {
    caller.may(Permission::UploadSources)?;
    let row = read(&app, &caller, &id).await?;
    if row.state != "complete" {
        open(&row, app.now_ms())?;
    }
    if asked.start && row.mailbox_id == 0 && row.taken_by == 0 {
        return Err(ApiError::field("start", "no mailbox has this file: say mailbox_id or map it first"));
    }
    let sha256 = asked.sha256.unwrap_or_default().to_ascii_lowercase();
    if !sha256.is_empty() && !is_digest(&sha256) {
        return Err(ApiError::field("sha256", "64 hexadecimal digits"));
    }
    let done = finish(&app, &id, &sha256).await.map_err(|error| {
        let is_short = row.received_bytes < row.size_bytes;
        let told = of_upload(error);
        if is_short { told.with("offset", row.received_bytes.into()) } else { told }
    })?;
    super::gates::look_quietly(&app, done.job_id).await;
    if asked.start {
        super::uploads_use::start(&app, &caller, &done).await?;
    }
    Ok(told(axum::Json(UploadView::of(done.clone())).into_response(), &done))
}

/// `DELETE /migration/uploads/{uid}`: removes the file. One that a mailbox was copied from stays until that mailbox
/// is left out.
#[utoipa::path(delete, path = "/migration/uploads/{uid}", tag = "uploads", params(("uid" = String, Path)),
    responses((status = 204), (status = 404), (status = 409)))]
pub async fn remove(State(app): State<App>, caller: Caller, At(id): At<String>) -> Result<Response> {
    caller.may(Permission::UploadSources)?;
    let row = read(&app, &caller, &id).await?;
    attach::take_away(&app, &row).await.map_err(of_upload)?;
    let folder = app.config.uploads();
    if let Some(path) = path_of(&folder, &id) {
        disk::remove(&path).map_err(of_upload)?;
        place::clear(&folder, &id).map_err(of_upload)?;
    }
    super::gates::look_quietly(&app, row.job_id).await;
    Ok(no_content())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_text_and_no_more() {
        for (name, is_right) in
            [("a.pst", true), ("../../x", true), ("", false), ("a\0b", false), ("a\r\nX: y", false)]
        {
            assert_eq!(clean_name(name).is_ok(), is_right, "{name:?}");
        }
        assert!(clean_name(&"a".repeat(NAME_CHARACTERS_MAX + 1)).is_err());
    }
}
