//! Resumable uploads: begun, filled chunk by chunk, asked about, completed, removed.
//! Never holds a chunk in memory, and never counts an octet whose digest was not right.

use std::time::Duration;

use axum::body::{Body as Stream, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use utoipa::ToSchema;

use super::answer::created;
use super::body::{At, Body, no_content};
use super::caller::Caller;
use super::jobs::read as read_job;
use super::list::Listed;
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::auth::token::uuid;
use crate::store::at;
use crate::store::jobs::JobRow;
use crate::store::uploads::{Chunk, NewUpload, UploadRow};
use crate::uploads::complete::{complete as finish, kind_of, refuse};
use crate::uploads::disk::{self, PIECES_WAITING_MAX, Written, has_room, hold, path_of};
use crate::uploads::kind::{HEAD_BYTES, Kind};
use crate::uploads::limits::{
    CHUNK_BYTES_MAX, CHUNK_BYTES_MIN, FILES_OF_JOB_MAX, IDLE_MILLIS, Limits, NAME_CHARACTERS_MAX,
};
use crate::uploads::{UploadError, attach, place};
use crate::vault::key::hex;

/// Where an upload goes on: how many octets are here, and where a chunk begins.
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
/// How long the whole file is.
const LENGTH: HeaderName = HeaderName::from_static("upload-length");
/// When an upload is given up.
const EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
/// A chunk's digest: `sha256` and Base64, as resumable uploads have it.
const CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
/// The same as RFC 9530 has it: `sha-256=:…:`.
const DIGEST: HeaderName = HeaderName::from_static("content-digest");
/// The type of a chunk's body.
const CHUNK_TYPE: &str = "application/offset+octet-stream";
/// A line that stands still for so long is broken.
pub(super) const STILL_MAX: Duration = Duration::from_secs(60);

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
    if job.phase == "closed" {
        return Err(ApiError::conflict("phase_conflict", "the job is closed"));
    }
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

fn too_large(words: String) -> ApiError {
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
#[utoipa::path(get, path = "/migration/jobs/{id}/uploads", tag = "uploads", params(("id" = i64, Path)),
    responses((status = 200, body = Listed<UploadView>), (status = 404)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    headers: HeaderMap,
) -> Result<Response> {
    caller.may(Permission::ViewMigration)?;
    read_job(&app, &caller, id).await?;
    let rows = app.store.uploads(&caller.reach, id).await?;
    Ok(Listed::whole(rows.into_iter().map(UploadView::of).collect::<Vec<_>>()).answer(&headers))
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
fn told(mut response: Response, row: &UploadRow) -> Response {
    let headers = response.headers_mut();
    headers.insert(OFFSET, row.received_bytes.into());
    headers.insert(LENGTH, row.size_bytes.into());
    if let Ok(expires) = HeaderValue::from_str(&at(row.expires_ms)) {
        headers.insert(EXPIRES, expires);
    }
    response
}

/// `PATCH /migration/uploads/{uid}`: one chunk, whose digest stands in `Upload-Checksum: sha256 BASE64` or
/// `Content-Digest: sha-256=:BASE64:`. It counts as a whole or not at all.
#[utoipa::path(patch, path = "/migration/uploads/{uid}", tag = "uploads",
    params(("uid" = String, Path), ("Upload-Offset" = u64, Header), ("Upload-Checksum" = Option<String>, Header),
    ("Content-Digest" = Option<String>, Header)),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream"),
    responses((status = 204), (status = 400), (status = 404), (status = 409), (status = 410), (status = 413),
    (status = 415), (status = 422), (status = 503)))]
pub async fn chunk(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    headers: HeaderMap,
    body: Stream,
) -> Result<Response> {
    caller.may(Permission::UploadSources)?;
    open(&read(&app, &caller, &id).await?, app.now_ms())?;
    let (offset, announced) = (offset_of(&headers)?, digest_of(&headers)?);
    check_type(&headers)?;
    let path = path_of(&app.config.uploads(), &id).ok_or_else(|| ApiError::not_found("upload"))?;
    let held = hold(path.clone()).await.map_err(of_upload)?;
    // Only now does the row stand still: whoever writes it holds the file.
    let row = read(&app, &caller, &id).await?;
    open(&row, app.now_ms())?;
    if offset != row.received_bytes {
        let words =
            format!("the upload is at octet {}, and the chunk begins at {offset}", row.received_bytes);
        let error = ApiError::conflict("conflict", words).with("offset", row.received_bytes.into());
        return Err(error);
    }
    let room = row.size_bytes - row.received_bytes;
    let octets_max = room.min(CHUNK_BYTES_MAX);
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > octets_max) {
        return Err(too_large(format!("this chunk has {octets_max} octets at most")));
    }
    let reserve = Limits::now(&app.store).await?.free_bytes_min;
    let free = disk::free_bytes(&app.config.uploads()).map_err(of_upload)?;
    let needed = length.unwrap_or(octets_max).saturating_add(reserve);
    if free < needed {
        return Err(of_upload(UploadError::Full { needed, free }));
    }
    let (sender, receiver) = mpsc::channel(PIECES_WAITING_MAX);
    let (passed, written) = tokio::join!(pass(body, sender, octets_max), held.write(offset, receiver));
    passed?;
    let lost = || ApiError::bad_request("the chunk was cut off");
    let written = written.map_err(of_upload)?.ok_or_else(lost)?;
    take(&app, &row, (offset, room), &written, &announced).await?;
    if offset == 0 {
        glance(&app, &row, &path, written.octets).await?;
    }
    let row = read(&app, &caller, &id).await?;
    Ok(told(no_content(), &row))
}

/// Writes a chunk down that lies on the disk, where it is what was announced.
async fn take(
    app: &App,
    row: &UploadRow,
    (offset, room): (u64, u64),
    written: &Written,
    announced: &str,
) -> Result<()> {
    if written.sha256 != announced {
        let (told, found) = (announced.to_owned(), written.sha256.clone());
        return Err(of_upload(UploadError::Checksum { what: "the chunk", told, found }));
    }
    if written.octets == 0 {
        return Err(ApiError::bad_request("the chunk is empty"));
    }
    if written.octets < CHUNK_BYTES_MIN && written.octets != room {
        let words = format!("a chunk that is not the last has {CHUNK_BYTES_MIN} octets at least");
        return Err(ApiError::bad_request(words));
    }
    let chunk = Chunk { offset, octets: written.octets, sha256: &written.sha256 };
    if app.store.take_chunk(&row.id, chunk, app.now_ms() + IDLE_MILLIS).await? {
        return Ok(());
    }
    Err(ApiError::conflict("conflict", "the upload is no longer where it was: ask for its offset"))
}

/// Refuses a file by its first chunk rather than after its last.
async fn glance(app: &App, row: &UploadRow, path: &std::path::Path, octets: u64) -> Result<()> {
    if octets < HEAD_BYTES as u64 && octets != row.size_bytes {
        return Ok(());
    }
    let head = disk::head(path.to_owned()).await.map_err(of_upload)?;
    if let Err(error) = kind_of(row, &head) {
        refuse(app, row, &error.to_string()).await.map_err(of_upload)?;
        return Err(of_upload(error));
    }
    Ok(())
}

/// Passes a body on piece by piece, and an empty piece at its end.
///
/// # Errors
/// Where it is longer than `octets_max`, or its line breaks or stands still.
async fn pass(body: Stream, sender: mpsc::Sender<Bytes>, octets_max: u64) -> Result<()> {
    let (mut pieces, mut octets) = (body.into_data_stream(), 0_u64);
    loop {
        let piece = match tokio::time::timeout(STILL_MAX, pieces.next()).await {
            Ok(Some(Ok(piece))) => piece,
            Ok(None) => break,
            Ok(Some(Err(_))) => {
                return Err(ApiError::bad_request("the line broke in the middle of the chunk"));
            }
            Err(_) => return Err(ApiError::bad_request("the line stood still in the middle of the chunk")),
        };
        octets += piece.len() as u64;
        if octets > octets_max {
            return Err(too_large(format!("this chunk has {octets_max} octets at most")));
        }
        // A writer that has ended tells its own error.
        if !piece.is_empty() && sender.send(piece).await.is_err() {
            return Ok(());
        }
    }
    // Likewise.
    let _ = sender.send(Bytes::new()).await;
    Ok(())
}

/// Goes on where an upload takes chunks.
fn open(row: &UploadRow, now_ms: i64) -> Result<()> {
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

fn offset_of(headers: &HeaderMap) -> Result<u64> {
    let told = headers.get(OFFSET).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    told.ok_or_else(|| ApiError::bad_request("say where the chunk begins: Upload-Offset: 0"))
}

fn check_type(headers: &HeaderMap) -> Result<()> {
    let told = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if told.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(CHUNK_TYPE)) {
        return Ok(());
    }
    let words = format!("a chunk's type is {CHUNK_TYPE}");
    Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", words))
}

/// A chunk's digest as hexadecimal digits.
fn digest_of(headers: &HeaderMap) -> Result<String> {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let own = text(&CHECKSUM).and_then(|told| {
        let (algorithm, digest) = told.trim().split_once(' ')?;
        algorithm.eq_ignore_ascii_case("sha256").then(|| digest.trim().to_owned())
    });
    let standard = || {
        let told = text(&DIGEST)?.split(',').map(str::trim).find_map(|one| {
            one.get(..8).filter(|name| name.eq_ignore_ascii_case("sha-256=")).map(|_| &one[8..])
        })?;
        Some(told.strip_prefix(':')?.strip_suffix(':')?.to_owned())
    };
    let octets = own.or_else(standard).and_then(|told| STANDARD.decode(told).ok());
    octets.filter(|octets| octets.len() == 32).map(|octets| hex(&octets)).ok_or_else(|| {
        ApiError::bad_request("say the chunk's digest: Upload-Checksum: sha256 BASE64, or Content-Digest")
    })
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
    if row.taken_by != 0 && row.state == "complete" {
        attach::take_back(&app, &row).await.map_err(of_upload)?;
    }
    app.store.end_upload(&id, "deleted", "").await?;
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

    #[track_caller]
    fn check(name: &'static str, value: &str, expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        assert_eq!(digest_of(&headers).ok().as_deref(), expected, "{name}: {value}");
    }

    #[test]
    fn a_digest_may_be_told_in_two_ways() {
        let (text, digits) = (STANDARD.encode([7; 32]), "07".repeat(32));
        check("upload-checksum", &format!("sha256 {text}"), Some(&digits));
        check("upload-checksum", &format!("sha1 {text}"), None);
        check("upload-checksum", "sha256 AAAA", None);
        check("content-digest", &format!("sha-512=:AA==:, sha-256=:{text}:"), Some(&digits));
        check("content-digest", &format!("sha-256={text}"), None);
        check("content-digest", "é", None);
    }

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
