//! Puts messages into quarantine and tells what lies there.
//! Never takes a message out again.

use malote_plan::message::Uid;
use malote_plan::record::QuarantineNote;

use super::context::FolderRun;
use crate::failure::Result;
use crate::report::QuarantineEntry;

/// Records a message as quarantined, with its note.
pub(super) async fn keep(folder: &mut FolderRun<'_>, note: QuarantineNote) -> Result<()> {
    use malote_plan::record::{Keys, Record, State};
    let (ledger, id) = (&folder.run.job.ledger, folder.pair.row.id);
    let record = Record {
        source_uid: note.source_uid,
        state: State::Quarantined,
        destination_uid: None,
        keys: Keys::default(),
        octets: note.octets,
        internal_unix_seconds: None,
        flags: malote_plan::message::Flags::default(),
    };
    ledger.note_quarantine(id, std::slice::from_ref(&note)).await?;
    ledger.record(id, &[record]).await?;
    folder.tally.quarantine(note.source_uid);
    folder.run.job.progress.messages_done(1);
    Ok(())
}

/// Tells of everything that lies in quarantine for this folder, from this run or an earlier one.
pub(super) async fn tell(folder: &FolderRun<'_>) -> Result<()> {
    if folder.tally.quarantined.is_empty() {
        return Ok(());
    }
    for note in folder.run.job.ledger.quarantine_notes(folder.pair.row.id).await? {
        if !folder.tally.quarantined.contains(note.source_uid) {
            continue;
        }
        folder.run.findings.quarantine(QuarantineEntry {
            folder: folder.pair.source.path.to_string(),
            uid: note.source_uid.get(),
            message_id: note.message_id,
            size: note.octets,
            reason: note.reason,
            detail: note.detail,
            file: note.file,
        });
    }
    Ok(())
}

/// A note on one attempt.
pub(super) fn note(source_uid: Uid, reason: &str, detail: String, octets: u64) -> QuarantineNote {
    QuarantineNote {
        source_uid,
        reason: reason.to_owned(),
        detail,
        message_id: String::new(),
        octets,
        file: String::new(),
        attempts: 1,
    }
}

/// The first Message-ID, as it stands.
pub(super) fn message_id(octets: &[u8]) -> String {
    let value = malote_plan::header::values(octets, "Message-ID").next();
    value.map(|value| String::from_utf8_lossy(value).trim().to_owned()).unwrap_or_default()
}
