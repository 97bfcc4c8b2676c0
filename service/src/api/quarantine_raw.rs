//! A quarantined message's own octets, for whoever may look at mail and proved a moment ago who they are.
//! Never shown by a browser: it is given as a file, and each time is written down before the first octet goes.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures_util::stream;
use rustix::fs::OFlags;
use tokio::sync::mpsc;

use super::body::At;
use super::caller::Caller;
use super::layers::Origin;
use super::{ApiError, Result};
use crate::app::App;
use crate::audit::Entry;
use crate::auth::permission::Permission;
use crate::store::looks::ItemRow;

/// Octets that are read at once.
const PIECE_BYTES: usize = 64 * 1024;
/// Pieces that wait for the line.
const PIECES_WAITING_MAX: usize = 4;

/// `GET /migration/quarantine/{qid}/raw`.
#[utoipa::path(get, path = "/migration/quarantine/{qid}/raw", tag = "quarantine", params(("qid" = i64, Path)),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>), (status = 403),
    (status = 404), (status = 409, description = "another machine has the octets, and is named")))]
pub async fn raw(
    State(app): State<App>,
    caller: Caller,
    Extension(origin): Extension<Origin>,
    At(id): At<i64>,
) -> Result<Response> {
    caller.may(Permission::ViewMessageContent)?;
    let item = super::quarantine::read(&app, &caller, id).await?;
    caller.has_stepped_up(app.now_ms())?;
    if item.file.is_empty() {
        let words = "the message's octets were never had: they could not be read at the source";
        let mut error = ApiError::not_found("file");
        error.detail = words.to_owned();
        return Err(error);
    }
    let folder = app.config.data.join("quarantine").join(item.mailbox_id.to_string());
    let Some((file, octets)) = open(&folder, &item.file) else { return Err(elsewhere(&app, &item).await?) };
    let entry = Entry {
        actor_kind: "user",
        actor_id: caller.id.clone(),
        action: "GET /migration/quarantine/{qid}/raw".to_owned(),
        resource_kind: "quarantine".to_owned(),
        resource_id: id.to_string(),
        tenant_id: caller.touched.get().map(|(tenant, _)| *tenant),
        job_id: Some(item.job_id),
        outcome: "success",
        status_code: 200,
        ip: origin.ip(),
        user_agent: origin.agent.clone(),
        request_id: origin.request_id.clone(),
        details_json: serde_json::json!({"job_id": item.job_id, "mailbox_id": item.mailbox_id}).to_string(),
    };
    app.audit.write(&entry, app.now_ms()).await?;
    let mut response = Response::new(sent(file));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, octets.into());
    // Of an item of a store there is what is known of it.
    let form = if item.file.ends_with(".json") { "json" } else { "eml" };
    let name = format!("attachment; filename=\"quarantine-{id}.{form}\"");
    let disposition = HeaderValue::from_str(&name).map_err(|error| ApiError::internal(&error))?;
    headers.insert(header::CONTENT_DISPOSITION, disposition);
    for (name, value) in [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'; frame-ancestors 'none'"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

/// Where octets are that are not in this service's folder: each worker keeps those that it met in its own.
async fn elsewhere(app: &App, item: &ItemRow) -> Result<ApiError> {
    let mut gone = ApiError::not_found("file");
    "the message's octets are not in this service's data folder".clone_into(&mut gone.detail);
    let Some((worker, host)) = app.store.worker_of_item(item.id).await? else { return Ok(gone) };
    let file = format!("quarantine/{}/{}", item.mailbox_id, item.file);
    let place = if host.is_empty() { String::new() } else { format!(" on {host}") };
    let detail = format!(
        "the worker {worker}{place} met this message and kept its octets in its own data folder, as {file}: they are \
         not in this service's"
    );
    let elsewhere = ApiError::conflict("kept_elsewhere", detail);
    Ok(elsewhere.with("worker_id", worker.into()).with("host", host.into()).with("file", file.into()))
}

/// Opens a kept file by its bare name, through no link; nothing where it is not here.
pub(super) fn open(folder: &Path, name: &str) -> Option<(File, u64)> {
    let is_bare = Path::new(name).file_name().is_some_and(|last| last == name) && !name.contains('/');
    if !is_bare {
        return None;
    }
    let mut options = File::options();
    options.read(true).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    let file = options.open(folder.join(name)).ok()?;
    let metadata = file.metadata().ok()?;
    metadata.is_file().then_some((file, metadata.len()))
}

/// A file as a body, read on a thread that may block.
fn sent(mut file: File) -> Body {
    let (sender, receiver) = mpsc::channel::<std::io::Result<Bytes>>(PIECES_WAITING_MAX);
    tokio::task::spawn_blocking(move || {
        loop {
            let mut piece = vec![0; PIECE_BYTES];
            let read = file.read(&mut piece).map(|count| {
                piece.truncate(count);
                Bytes::from(piece)
            });
            let is_last = read.as_ref().map_or(true, Bytes::is_empty);
            let is_piece = !matches!(&read, Ok(piece) if piece.is_empty());
            // Whoever asked may have gone.
            if (is_piece && sender.blocking_send(read).is_err()) || is_last {
                return;
            }
        }
    });
    Body::from_stream(stream::unfold(receiver, |mut receiver| async move {
        let piece = receiver.recv().await?;
        Some((piece, receiver))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_file_has_a_bare_name_and_is_no_link() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.eml"), "x").unwrap();
        std::fs::create_dir(folder.path().join("own")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("own/link")).unwrap();
        assert_eq!(open(folder.path(), "a.eml").unwrap().1, 1);
        for name in ["../a.eml", "/etc/passwd", "own/../a.eml", "..", ".", "own", "nothing"] {
            assert!(open(folder.path(), name).is_none(), "{name}");
        }
        assert!(open(&folder.path().join("own"), "link").is_none());
    }
}
