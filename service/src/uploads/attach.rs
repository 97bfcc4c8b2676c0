//! Gives a complete file to a mailbox, and takes it back. Each file is a mailbox of its own into the address's
//! destination, with its own ledger and counts. Never gives one address the same octets twice.

use super::UploadError;
use super::kind::Kind;
use super::limits::KEPT_MILLIS;
use crate::app::App;
use crate::store::Transaction;
use crate::store::reach::Reach;
use crate::store::uploads::UploadRow;

/// Gives a file to a mailbox: to the one named where that waits for a file, else to a new one beside it, with the same
/// address and destination. The mailbox that has it then.
///
/// # Errors
/// What the database says.
pub(super) async fn give(
    transaction: &mut Transaction,
    id: &str,
    kind: Kind,
    target: i64,
    now_ms: i64,
) -> Result<i64, UploadError> {
    let source_type = kind.source_type().as_str();
    let taken_by = if transaction.fill_mailbox(target, source_type, id).await? {
        target
    } else {
        transaction.mailbox_beside(target, source_type, id).await?
    };
    if transaction.aim_upload(id, Some(taken_by), now_ms + KEPT_MILLIS).await? {
        return Ok(taken_by);
    }
    Err(UploadError::Ended("no longer there".to_owned()))
}

/// Refuses a file whose octets a mailbox of the same address has already: its mail would be counted twice. The job
/// stays locked until the transaction ends, so that of two who ask at once only one is the first.
///
/// # Errors
/// Where there is one.
pub(super) async fn is_first(
    app: &App,
    transaction: &mut Transaction,
    job: i64,
    sha256: &str,
    target: i64,
) -> Result<(), UploadError> {
    let none = || UploadError::Conflict("the job has no such mailbox".to_owned());
    if !transaction.lock_gate(job).await? {
        return Err(none());
    }
    let row = app.store.mailbox_row(&Reach::everything(), target).await?;
    let row = row.filter(|row| row.job_id == job).ok_or_else(none)?;
    match transaction.same_upload(job, sha256, &row.email).await? {
        Some(twin) => Err(UploadError::Conflict(format!(
            "the same octets were uploaded for this address before, as {twin}"
        ))),
        None => Ok(()),
    }
}

/// Gives a complete file that nobody has to a mailbox of its job.
///
/// # Errors
/// Where it is not complete, somebody has it, or the address has its octets already.
pub async fn map(app: &App, row: &UploadRow, target: i64) -> Result<i64, UploadError> {
    if row.state != "complete" {
        return Err(UploadError::Ended(row.state.clone()));
    }
    if row.taken_by != 0 {
        return Err(UploadError::Conflict(format!("mailbox {} has this file already", row.taken_by)));
    }
    let kind = Kind::named(&row.detected_kind);
    let kind = kind.ok_or_else(|| UploadError::Kind("the file was never looked at".to_owned()))?;
    let mut transaction = app.store.begin().await?;
    is_first(app, &mut transaction, row.job_id, &row.sha256, target).await?;
    let taken_by = give(&mut transaction, &row.id, kind, target, app.now_ms()).await?;
    transaction.commit().await?;
    Ok(taken_by)
}

/// Takes a file back from its mailbox, before the file goes. A mailbox that brought mail over from it must have been
/// left out by a person first: its counts would be those of a file that is gone.
///
/// # Errors
/// Where that is not so, or a run is not over.
pub async fn take_back(app: &App, row: &UploadRow) -> Result<(), UploadError> {
    let everything = Reach::everything();
    let Some(mailbox) = app.store.mailbox_row(&everything, row.taken_by).await? else { return Ok(()) };
    let mut transaction = app.store.begin().await?;
    let is_taken = transaction.empty_mailbox(mailbox.id, &row.id).await?;
    transaction.commit().await?;
    if is_taken {
        // A mailbox that was made for this file alone goes with it.
        if app.store.has_mailbox_beside(mailbox.id).await? {
            app.store.delete_mailbox(mailbox.id).await?;
        }
        return Ok(());
    }
    let active = app.store.has_active_run(mailbox.id).await?;
    if active || mailbox.enabled {
        let words =
            if active { "a run of it is not over" } else { "leave the mailbox out first (enabled: false)" };
        return Err(UploadError::Conflict(format!(
            "mailbox {} was copied from this file: {words}",
            mailbox.id
        )));
    }
    Ok(())
}
