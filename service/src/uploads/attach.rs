//! Gives a complete file to a mailbox, and takes it back. Each file is a mailbox of its own into the address's
//! destination, with its own ledger and counts. Never gives one address the same octets twice.

use serde_json::{Map, Value};

use super::UploadError;
use super::kind::Kind;
use super::limits::KEPT_MILLIS;
use crate::app::App;
use crate::store::Transaction;
use crate::store::boxes::BoxRow;
use crate::store::given::Standing;
use crate::store::uploads::UploadRow;

/// What people accept of one file alone: a mailbox that gets another does not accept it of that.
const OF_ONE_FILE: [&str; 2] = ["accept_damage", "unreadable"];

/// Gives a file to a mailbox: to the one named where that waits for a file, else to a new one beside it, with the same
/// address and destination. The mailbox that has it then.
///
/// # Errors
/// What the database says.
pub(super) async fn give(
    transaction: &mut Transaction,
    id: &str,
    kind: Kind,
    target: &BoxRow,
    now_ms: i64,
) -> Result<i64, UploadError> {
    let source_type = kind.source_type().as_str();
    let taken_by = if transaction.fill_mailbox(target.id, source_type, id).await? {
        target.id
    } else {
        let options = of_no_file(&target.options_json);
        transaction.mailbox_beside(target.id, (source_type, id), &options).await?
    };
    if transaction.aim_upload(id, Some(taken_by), now_ms + KEPT_MILLIS).await? {
        return Ok(taken_by);
    }
    Err(UploadError::Ended("no longer there".to_owned()))
}

/// A mailbox's options without what was accepted of one file.
fn of_no_file(options_json: &str) -> String {
    let mut options: Map<String, Value> = serde_json::from_str(options_json).unwrap_or_default();
    options.retain(|name, _| !OF_ONE_FILE.contains(&name.as_str()));
    Value::Object(options).to_string()
}

/// Holds a job that takes files until the transaction ends, so that of two who ask at once only one is the first.
///
/// # Errors
/// Where it is in a phase in which no mailbox is added.
pub(super) async fn hold(transaction: &mut Transaction, job: i64) -> Result<(), UploadError> {
    match transaction.hold_phase(job).await?.as_str() {
        phase @ ("verified" | "closed") => Err(UploadError::Phase(phase.to_owned())),
        _ => Ok(()),
    }
}

/// The mailbox that a file is for, in a job that is held; none where the job has no such mailbox. Refuses a file whose
/// octets a mailbox of the same address has already: its mail would be counted twice.
///
/// # Errors
/// Where there is one.
pub(super) async fn is_first(
    transaction: &mut Transaction,
    job: i64,
    sha256: &str,
    target: i64,
) -> Result<Option<BoxRow>, UploadError> {
    let row = transaction.mailbox_row(target).await?.filter(|row| row.job_id == job);
    let Some(row) = row else { return Ok(None) };
    match transaction.same_upload(job, sha256, &row.email).await? {
        Some(twin) => Err(UploadError::Conflict(format!(
            "the same octets were uploaded for this address before, as {twin}"
        ))),
        None => Ok(Some(row)),
    }
}

/// Gives a complete file that nobody has to a mailbox of its job.
///
/// # Errors
/// Where it is not complete, somebody has it, or the address has its octets already.
pub async fn map(app: &App, row: &UploadRow, target: i64) -> Result<i64, UploadError> {
    let mut transaction = app.store.begin().await?;
    hold(&mut transaction, row.job_id).await?;
    let target = is_first(&mut transaction, row.job_id, &row.sha256, target).await?;
    let target = target.ok_or_else(|| UploadError::Conflict("the job has no such mailbox".to_owned()))?;
    // Only now does the file stand still: since it was read, it may have been given to another, or have gone.
    let standing = standing(&mut transaction, &row.id).await?;
    if standing.state != "complete" || standing.sha256 != row.sha256 {
        return Err(UploadError::Ended(standing.state));
    }
    if standing.taken_by != 0 {
        let words = format!("mailbox {} has this file already", standing.taken_by);
        return Err(UploadError::Conflict(words));
    }
    let kind = Kind::named(&standing.detected_kind);
    let kind = kind.ok_or_else(|| UploadError::Kind("the file was never looked at".to_owned()))?;
    let taken_by = give(&mut transaction, &row.id, kind, &target, app.now_ms()).await?;
    transaction.commit().await?;
    Ok(taken_by)
}

async fn standing(transaction: &mut Transaction, id: &str) -> Result<Standing, UploadError> {
    let standing = transaction.upload_standing(id).await?;
    standing.ok_or_else(|| UploadError::Ended("not there".to_owned()))
}

/// Ends an upload whose file goes, and takes it back from the mailbox that has it. A mailbox that brought mail over
/// from it must have been left out by a person first: its counts would be those of a file that is gone.
///
/// # Errors
/// Where that is not so, a run is not over, or another request ended the upload meanwhile: then its file stays.
pub async fn take_away(app: &App, row: &UploadRow) -> Result<(), UploadError> {
    let mut transaction = app.store.begin().await?;
    transaction.hold_phase(row.job_id).await?;
    let standing = standing(&mut transaction, &row.id).await?;
    if standing.taken_by != 0 && standing.state == "complete" {
        take_back(&mut transaction, &row.id, standing.taken_by).await?;
    }
    let is_ended = transaction.delete_upload(&row.id, &standing.state).await?;
    if !is_ended && matches!(standing.state.as_str(), "open" | "complete") {
        return Err(UploadError::Busy);
    }
    transaction.commit().await?;
    Ok(())
}

async fn take_back(transaction: &mut Transaction, id: &str, taken_by: i64) -> Result<(), UploadError> {
    let Some(mailbox) = transaction.mailbox_row(taken_by).await? else { return Ok(()) };
    // A mailbox that was made for this file alone goes with it; another waits for the next.
    let is_taken = transaction.remove_spare(taken_by, id).await?
        || transaction.empty_mailbox(taken_by, id, &of_no_file(&mailbox.options_json)).await?;
    if is_taken {
        return Ok(());
    }
    let active = transaction.has_active_run(taken_by).await?;
    if active || mailbox.enabled {
        let words =
            if active { "a run of it is not over" } else { "leave the mailbox out first (enabled: false)" };
        return Err(UploadError::Conflict(format!("mailbox {taken_by} was copied from this file: {words}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_accepted_of_one_file_is_not_accepted_of_the_next() {
        let own = r#"{"accept_damage":["size"],"items":"all","unreadable":"stub"}"#;
        assert_eq!(of_no_file(own), r#"{"items":"all"}"#);
        assert_eq!(of_no_file(""), "{}");
    }
}
