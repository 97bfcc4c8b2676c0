//! A file in one request, as a page's form sends it (RFC 7578): streamed to the disk while it comes.
//! Never holds more of it than a few pieces, and never believes what its part says it is.

use axum::body::{Body as Stream, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use multer::{Constraints, Field, Multipart, SizeLimit};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::answer::created;
use super::body::At;
use super::caller::Caller;
use super::jobs::read as read_job;
use super::uploads::{UploadView, Wish, begin, of_upload, read};
use super::uploads_chunk::STILL_MAX;
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::store::jobs::JobRow;
use crate::store::reach::Reach;
use crate::uploads::UploadError;
use crate::uploads::complete::{clear_ended, complete, refuse};
use crate::uploads::disk::{PIECES_WAITING_MAX, hold, path_of};
use crate::uploads::limits::Limits;

/// The longest field that is no file, in octets.
const FIELD_BYTES_MAX: u64 = 2048;
/// What a form needs around its file at most, in octets.
const FORM_BYTES_MAX: u64 = 64 * 1024;
/// The longest file whose request does not say how long it is, in octets: so much room is kept for it.
const UNSAID_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Fields of a form, at most.
const FIELDS_MAX: usize = 16;

/// A file whose form may break off: then the upload is given up at once, for it cannot be gone on with.
struct Unfinished {
    app: App,
    upload: String,
    is_over: bool,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let (app, upload) = (self.app.clone(), std::mem::take(&mut self.upload));
        tokio::spawn(async move {
            let row = app.store.upload(&Reach::everything(), &upload).await;
            if let Ok(Some(row)) = row
                && row.state == "open"
                && let Err(error) = refuse(&app, &row, "the form broke off").await
            {
                tracing::warn!(upload.id = upload, "{error}");
            }
        });
    }
}

/// The fields of a form that are no file.
#[derive(Default)]
struct Told {
    mailbox_id: Option<i64>,
    email: Option<String>,
    kind: String,
    sha256: String,
    start: bool,
}

/// `POST /migration/jobs/{id}/upload-pst`: the fields `mailbox_id` or `email`, `kind`, `sha256`, `start`, and last
/// the `file`. Behind the file `sha256` and `start` are heard too; what it is and where it goes is said before.
#[utoipa::path(post, path = "/migration/jobs/{id}/upload-pst", tag = "uploads", params(("id" = i64, Path)),
    request_body(content = String, content_type = "multipart/form-data"),
    responses((status = 201, body = UploadView), (status = 400), (status = 409), (status = 413), (status = 415),
    (status = 422), (status = 429), (status = 503)))]
pub async fn form(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    headers: HeaderMap,
    body: Stream,
) -> Result<Response> {
    caller.may(Permission::UploadSources)?;
    let job = read_job(&app, &caller, id).await?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(kind).map_err(|_| {
        let words = "the body's type is multipart/form-data with a boundary";
        ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", words)
    })?;
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let file_max = Limits::now(&app.store).await?.file_bytes_max;
    if length.is_some_and(|length| length > file_max.saturating_add(FORM_BYTES_MAX)) {
        let words = format!("a file has {file_max} octets at most");
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", words));
    }
    let bound = match length {
        Some(length) => length.clamp(1, file_max),
        None => file_max.min(UNSAID_BYTES_MAX),
    };
    let sizes = SizeLimit::new()
        .whole_stream(bound.saturating_add(FORM_BYTES_MAX))
        .per_field(FIELD_BYTES_MAX)
        .for_field("file", bound);
    let constraints = Constraints::new().size_limit(sizes);
    let form = Multipart::with_constraints(body.into_data_stream(), boundary, constraints);
    let (upload, start) = take(&app, &caller, &job, form, bound).await?;
    let row = read(&app, &caller, &upload).await?;
    super::gates::look_quietly(&app, id).await;
    if start {
        super::uploads_use::start(&app, &caller, &row).await?;
    }
    Ok(created(&format!("/migration/uploads/{upload}"), &UploadView::of(row)))
}

/// Reads the form; the upload that came of it, and whether to read it through.
async fn take(
    app: &App,
    caller: &Caller,
    job: &JobRow,
    mut form: Multipart<'_>,
    bound: u64,
) -> Result<(String, bool)> {
    let (mut told, mut taken) = (Told::default(), None::<Unfinished>);
    for _ in 0..FIELDS_MAX {
        let Some(field) = still(form.next_field()).await? else {
            let Some(mut file) = taken else {
                return Err(ApiError::field("file", "the form holds no file"));
            };
            if told.start && told.mailbox_id.is_none() && told.email.is_none() {
                return Err(ApiError::field("start", "the form says no mailbox"));
            }
            complete(app, &file.upload, &told.sha256.to_ascii_lowercase()).await.map_err(of_upload)?;
            file.is_over = true;
            return Ok((file.upload.clone(), told.start));
        };
        if let (Some("mailbox_id" | "email" | "kind"), true) = (field.name(), taken.is_some()) {
            let name = field.name().unwrap_or_default().to_owned();
            return Err(ApiError::field(name, "it is said before the file"));
        } else if field.name() != Some("file") {
            hear(&mut told, field).await?;
        } else if taken.is_none() {
            taken = Some(store(app, caller, job, &told, field, bound).await?);
        } else {
            return Err(ApiError::field("file", "one file in one form"));
        }
    }
    Err(ApiError::bad_request(format!("a form has {FIELDS_MAX} fields at most")))
}

/// Hears a field that is no file.
async fn hear(told: &mut Told, field: Field<'_>) -> Result<()> {
    let name = field.name().unwrap_or_default().to_owned();
    let text = still(field.text()).await?;
    match name.as_str() {
        "mailbox_id" => {
            let id = text.trim().parse().map_err(|_| ApiError::field("mailbox_id", "a number"))?;
            told.mailbox_id = Some(id);
        }
        "email" => told.email = Some(text.trim().to_owned()),
        "kind" => told.kind = text.trim().to_owned(),
        "sha256" => told.sha256 = text.trim().to_owned(),
        "start" => told.start = matches!(text.trim(), "true" | "1" | "on"),
        _ => return Err(ApiError::field(name, "the form knows no such field")),
    }
    Ok(())
}

/// Writes the file to the disk while it comes; its upload.
async fn store(
    app: &App,
    caller: &Caller,
    job: &JobRow,
    told: &Told,
    field: Field<'_>,
    bound: u64,
) -> Result<Unfinished> {
    let name = field.file_name().filter(|name| !name.trim().is_empty()).unwrap_or("file").to_owned();
    let wish = Wish {
        file_name: &name,
        kind: &told.kind,
        sha256: &told.sha256,
        mailbox_id: told.mailbox_id,
        email: told.email.as_deref(),
    };
    let upload = begin(app, caller, job, &wish, bound).await?;
    let path = path_of(&app.config.uploads(), &upload).ok_or_else(|| ApiError::not_found("upload"))?;
    let file = Unfinished { app: app.clone(), upload, is_over: false };
    let held = hold(path).await.map_err(of_upload)?;
    let (sender, receiver) = mpsc::channel(PIECES_WAITING_MAX);
    let (passed, written) = tokio::join!(pass(field, sender), held.write(0, receiver));
    passed?;
    let (_held, written) = written.map_err(of_upload)?;
    let written = written.ok_or_else(|| ApiError::bad_request("the file was cut off"))?;
    if written.octets == 0 {
        return Err(ApiError::field("file", "an empty file holds no mail"));
    }
    if !app.store.measure_upload(&file.upload, written.octets).await? {
        let row = read(app, caller, &file.upload).await?;
        clear_ended(app, &row);
        return Err(of_upload(UploadError::Ended(row.state)));
    }
    Ok(file)
}

async fn pass(mut field: Field<'_>, sender: mpsc::Sender<Bytes>) -> Result<()> {
    while let Some(piece) = still(field.chunk()).await? {
        // A writer that has ended tells its own error.
        if !piece.is_empty() && sender.send(piece).await.is_err() {
            return Ok(());
        }
    }
    // Likewise.
    let _ = sender.send(Bytes::new()).await;
    Ok(())
}

/// Waits for the next of a form, as long as a living line takes.
async fn still<T>(next: impl Future<Output = multer::Result<T>>) -> Result<T> {
    let told = timeout(STILL_MAX, next).await;
    let told = told.map_err(|_| ApiError::bad_request("the line stood still in the middle of the form"))?;
    told.map_err(|error| match error {
        multer::Error::FieldSizeExceeded { limit, .. } | multer::Error::StreamSizeExceeded { limit } => {
            let words = format!("a part of the form is longer than {limit} octets");
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", words)
        }
        _ => ApiError::bad_request("the form cannot be read, or its line broke"),
    })
}
