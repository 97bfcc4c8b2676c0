//! The end of an upload: all of it read back from the disk, its digest and kind held against what was announced, and
//! given to its mailbox. Never calls a file complete whose octets the disk did not give back.

use super::disk::{Held, Written, hold, path_of, remove};
use super::kind::{HEAD_BYTES, Kind};
use super::limits::KEPT_MILLIS;
use super::{UploadError, attach};
use crate::app::App;
use crate::store::reach::Reach;
use crate::store::uploads::UploadRow;

/// Completes an upload whose octets are all there; asked again, it gives the same. `sha256` is what the uploader
/// found by then; empty where it said nothing. Goes on where whoever asked has gone.
///
/// # Errors
/// Where octets are missing, or the file is refused: then it is gone.
pub async fn complete(app: &App, id: &str, sha256: &str) -> Result<UploadRow, UploadError> {
    let (own, id, sha256) = (app.clone(), id.to_owned(), sha256.to_owned());
    let task = tokio::spawn(async move { finish(&own, &id, &sha256).await });
    let broken = |_| UploadError::Disk {
        tried: "completing an upload",
        cause: std::io::Error::other("an internal error, which is a bug: please report it"),
    };
    task.await.map_err(broken)?
}

async fn row(app: &App, id: &str) -> Result<UploadRow, UploadError> {
    let found = app.store.upload(&Reach::everything(), id).await?;
    found.ok_or_else(|| UploadError::Ended("not there".to_owned()))
}

async fn finish(app: &App, id: &str, sha256: &str) -> Result<UploadRow, UploadError> {
    let before = row(app, id).await?;
    if before.state == "complete" {
        return same(before, sha256);
    }
    let path = path_of(&app.config.uploads(), id).filter(|_| before.state == "open");
    let path = path.ok_or_else(|| UploadError::Ended(before.state.clone()))?;
    if before.received_bytes != before.size_bytes {
        return Err(UploadError::Conflict(format!(
            "{} of {} octets are here",
            before.received_bytes, before.size_bytes
        )));
    }
    let held = hold(path).await?;
    // Only now does the row stand still: another request may have completed the file since it was read.
    let before = row(app, id).await?;
    if before.state == "complete" {
        return same(before, sha256);
    }
    if before.state != "open" {
        clear_ended(app, &before);
        return Err(UploadError::Ended(before.state));
    }
    let chunks = app.store.upload_chunks(id).await?;
    let (held, written, head) = match held.read(chunks).await {
        Err(error @ UploadError::Checksum { .. }) => {
            refuse(app, &before, &error.to_string()).await?;
            return Err(error);
        }
        read => read?,
    };
    settle(app, &before, held, &written, &head, sha256).await
}

/// A file that is complete already, where it is the one that is meant: it stays whatever is said.
fn same(row: UploadRow, sha256: &str) -> Result<UploadRow, UploadError> {
    if sha256.is_empty() || sha256 == row.sha256 {
        return Ok(row);
    }
    let (told, found) = (sha256.to_owned(), row.sha256);
    Err(UploadError::Checksum { what: "the file", told, found })
}

/// Judges a file that was read through, or written a moment ago, and writes down what it is.
pub(super) async fn settle(
    app: &App,
    before: &UploadRow,
    held: Held,
    written: &Written,
    head: &[u8],
    sha256: &str,
) -> Result<UploadRow, UploadError> {
    held.rest(app.now_ms())?;
    let taken = match judge(before, written, head, sha256) {
        Ok(kind) => take(app, before, kind, &written.sha256).await,
        Err(error) => Err(error),
    };
    match taken {
        Ok(()) => {}
        // Nothing is wrong with the file.
        Err(error @ (UploadError::Store(_) | UploadError::Busy | UploadError::Phase(_))) => {
            return Err(error);
        }
        Err(error) => {
            refuse(app, before, &error.to_string()).await?;
            return Err(error);
        }
    }
    drop(held);
    row(app, &before.id).await
}

/// Writes down what a file is, and gives it to the mailbox that it is for: both or neither.
async fn take(app: &App, before: &UploadRow, kind: Kind, sha256: &str) -> Result<(), UploadError> {
    let now_ms = app.now_ms();
    let mut transaction = app.store.begin().await?;
    // Whoever removes the file at this moment waits, and finds it complete.
    attach::hold(&mut transaction, before.job_id).await?;
    // A mailbox that went while the file was checked is no fault of the file: somebody gives it to another.
    let target = match before.mailbox_id {
        0 => None,
        id => attach::is_first(&mut transaction, before.job_id, sha256, id).await?,
    };
    let told = (sha256, kind.as_str());
    if !transaction.complete_upload(&before.id, told, now_ms + KEPT_MILLIS).await? {
        return Err(UploadError::Busy);
    }
    if let Some(target) = target {
        attach::give(&mut transaction, &before.id, kind, &target, now_ms).await?;
    }
    transaction.commit().await?;
    Ok(())
}

fn judge(before: &UploadRow, written: &Written, head: &[u8], sha256: &str) -> Result<Kind, UploadError> {
    if written.octets != before.size_bytes {
        return Err(UploadError::Conflict(format!(
            "the disk gives {} octets back, and {} were written",
            written.octets, before.size_bytes
        )));
    }
    for told in [before.sha256_expected.as_str(), sha256] {
        if !told.is_empty() && told != written.sha256 {
            let (told, found) = (told.to_owned(), written.sha256.clone());
            return Err(UploadError::Checksum { what: "the file", told, found });
        }
    }
    kind_of(before, head)
}

/// What a file is by its first octets, where that goes with what its uploader says.
///
/// # Errors
/// Where it is nothing that mail is read from, or something else than was said.
pub fn kind_of(before: &UploadRow, head: &[u8]) -> Result<Kind, UploadError> {
    let Some(kind) = Kind::of(&head[..head.len().min(HEAD_BYTES)]) else {
        let known = "a PST or OST, an mbox, a message, a zip of messages, or a tar archive";
        return Err(UploadError::Kind(format!("by its first octets, the file is not {known}")));
    };
    if !before.declared_kind.is_empty() && before.declared_kind != kind.as_str() {
        return Err(UploadError::Kind(format!(
            "the file was announced as {}, and is {} by its first octets",
            before.declared_kind,
            kind.as_str()
        )));
    }
    Ok(kind)
}

/// Ends an upload that is not taken, and removes its file. One that another request completed meanwhile stays.
///
/// # Errors
/// What the database says.
pub async fn refuse(app: &App, row: &UploadRow, reason: &str) -> Result<(), UploadError> {
    if !app.store.refuse_upload(&row.id, reason).await? {
        return Ok(());
    }
    tracing::warn!(upload.id = row.id, "upload {} was refused: {reason}", row.id);
    discard(app, &row.id);
    Ok(())
}

/// Removes the file of an upload that ended before it was held: holding it has made it anew, and nobody needs it.
pub fn clear_ended(app: &App, row: &UploadRow) {
    if !matches!(row.state.as_str(), "open" | "complete") {
        discard(app, &row.id);
    }
}

fn discard(app: &App, id: &str) {
    if let Some(path) = path_of(&app.config.uploads(), id) {
        // What stays is swept up.
        if let Err(error) = remove(&path) {
            tracing::warn!(upload.id = id, "{error}");
        }
    }
}
