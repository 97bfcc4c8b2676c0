//! One chunk of an upload: streamed to the disk while its digest is taken.
//! Never holds a chunk in memory, and never counts an octet whose digest was not right.

use std::time::Duration;

use axum::body::{Body as Stream, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use tokio::sync::mpsc;

use super::body::{At, no_content};
use super::caller::Caller;
use super::uploads::{OFFSET, of_upload, open, read, told, too_large};
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::store::uploads::{Chunk, UploadRow};
use crate::uploads::UploadError;
use crate::uploads::complete::{clear_ended, kind_of, refuse};
use crate::uploads::disk::{self, PIECES_WAITING_MAX, Written, hold, path_of};
use crate::uploads::kind::HEAD_BYTES;
use crate::uploads::limits::{CHUNK_BYTES_MAX, CHUNK_BYTES_MIN, IDLE_MILLIS, Limits};
use crate::vault::key::hex;

/// A chunk's digest: `sha256` and Base64, as resumable uploads have it.
const CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
/// The same as RFC 9530 has it: `sha-256=:…:`.
const DIGEST: HeaderName = HeaderName::from_static("content-digest");
/// The type of a chunk's body.
const CHUNK_TYPE: &str = "application/offset+octet-stream";
/// A line that stands still for so long is broken.
pub(super) const STILL_MAX: Duration = Duration::from_secs(60);

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
    clear_ended(&app, &row);
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
    // Held to the end: another writer would begin where this chunk begins, for the row does not know of it yet.
    let (_held, written) = written.map_err(of_upload)?;
    let written = written.ok_or_else(lost)?;
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
}
