//! Puts messages into quarantine, lets them go to be tried again, and tells what lies there and what was repaired.
//! Never takes a kept file away.

use malote_plan::failure::{Class, Side};
use malote_plan::message::{Flags, Uid};
use malote_plan::record::{Keys, QuarantineNote, Record, State};
use malote_plan::uid_set::UidSet;
use tokio::sync::mpsc;

use super::context::FolderRun;
use super::lane::Refused;
use super::reading::{Ends, Reading, ascending};
use super::resemble;
use crate::body::Body;
use crate::failure::{Failure, Result};
use crate::report::{QuarantineEntry, RepairEntry};
use crate::source::Fetched;

/// Records a message as quarantined, with its note.
pub(super) async fn keep(folder: &mut FolderRun<'_>, note: QuarantineNote) -> Result<()> {
    let (ledger, id) = (&folder.run.job.ledger, folder.pair.row.id);
    let record = Record {
        source_uid: note.source_uid,
        state: State::Quarantined,
        destination_uid: None,
        keys: Keys::default(),
        octets: note.octets,
        internal_unix_seconds: None,
        flags: Flags::default(),
    };
    ledger.note_quarantine(id, std::slice::from_ref(&note)).await?;
    ledger.record(id, &[record]).await?;
    folder.tally.quarantine(note.source_uid);
    folder.run.job.progress.messages_done(1);
    Ok(())
}

/// Quarantines a refused message that was not examined: too long for that, or gone meanwhile.
pub(super) async fn keep_refused(
    folder: &mut FolderRun<'_>,
    ends: &mut Ends,
    refusal: Refused,
) -> Result<()> {
    let hint = hint(folder, refusal.uid);
    let (file, message_id) = match refusal.kept {
        Some(octets) => {
            let message_id = message_id(&octets);
            (folder.run.job.quarantine.keep(&hint, Body::Memory(octets)).await?, message_id)
        }
        None => {
            let headed = ends.source().headed(&UidSet::from_iter([refusal.uid])).await?;
            let message_id = headed.first().map(|headed| message_id(&headed.header)).unwrap_or_default();
            (keep_again(folder, ends.source(), refusal.uid).await?, message_id)
        }
    };
    let (reason, detail) = (reason(&refusal.failure), refusal.failure.full_message());
    let mut note = note(refusal.uid, reason, detail, refusal.octets);
    (note.file, note.message_id, note.attempts) = (file, message_id, 2);
    keep(folder, note).await
}

/// Reads a message that is not held in memory once more, into a kept file; its name, or nothing where the source
/// gave nothing.
pub(super) async fn keep_again(folder: &FolderRun<'_>, mut source: Reading<'_>, uid: Uid) -> Result<String> {
    let (sink, mut queue) = mpsc::channel::<Fetched>(1);
    let (uids, limits) = (UidSet::from_iter([uid]), folder.run.job.read_limits());
    let read = async move { source.bodies(&uids, &limits, &sink).await };
    let keep = async {
        match queue.recv().await {
            Some(fetched) => folder.run.job.quarantine.keep(&hint(folder, uid), fetched.body).await,
            None => Ok(String::new()),
        }
    };
    match tokio::join!(read, keep) {
        // Whoever reads is cut off where nobody takes it any more: the disk is the cause.
        (Err(_), Err(disk)) if disk.side == Side::Local => Err(disk),
        (read, kept) => read.and(kept),
    }
}

/// Lets go, once in a run, of the quarantined messages that the operator wants tried again: they are open to this
/// run like any other.
pub(super) async fn release(folder: &mut FolderRun<'_>) -> Result<()> {
    let Some(choice) = &folder.run.job.policy.retry else { return Ok(()) };
    if std::mem::replace(&mut folder.is_released, true) {
        return Ok(());
    }
    let (ledger, id) = (&folder.run.job.ledger, folder.pair.row.id);
    let notes = ledger.quarantine_notes(id).await?;
    let chosen = ascending(notes.iter().filter(|note| choice.takes(note)).map(|note| note.source_uid));
    if !chosen.is_empty() {
        ledger.forget(id, &chosen).await?;
    }
    Ok(())
}

/// Tells of everything that lies in quarantine for this folder and of every repair, from this run or an earlier
/// one.
pub(super) async fn tell(folder: &FolderRun<'_>) -> Result<()> {
    let (ledger, path) = (&folder.run.job.ledger, folder.pair.source.path.to_string());
    let own = folder.tally.copied.union(&folder.tally.adopted);
    let notes = ledger.repair_notes(folder.pair.row.id).await?;
    for note in notes.into_iter().filter(|note| !resemble::is_other_writing(note)) {
        folder.run.findings.repair(RepairEntry {
            folder: path.clone(),
            uid: note.source_uid.get(),
            message_id: note.message_id,
            findings: words(&note.findings),
            repairs: words(&note.repairs),
            kept: note.file,
            earlier: !own.contains(note.source_uid),
        });
    }
    if folder.tally.quarantined.is_empty() {
        return Ok(());
    }
    for note in ledger.quarantine_notes(folder.pair.row.id).await? {
        if folder.tally.quarantined.contains(note.source_uid) {
            folder.run.findings.quarantine(QuarantineEntry::of(&path, note));
        }
    }
    Ok(())
}

fn words(names: &str) -> Vec<String> {
    names.split_ascii_whitespace().map(str::to_owned).collect()
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
        is_acknowledged: false,
    }
}

/// Why a message is quarantined, in one word.
pub(super) fn reason(failure: &Failure) -> &'static str {
    match failure.class {
        Class::ItemTooLarge => "too_large",
        _ => "refused",
    }
}

/// What makes a kept file's name readable.
pub(super) fn hint(folder: &FolderRun<'_>, uid: Uid) -> String {
    format!("{}-{uid}", folder.pair.source.path)
}

/// The first Message-ID, as it stands.
pub(super) fn message_id(octets: &[u8]) -> String {
    let value = malote_plan::header::values(octets, "Message-ID").next();
    value.map(|value| String::from_utf8_lossy(value).trim().to_owned()).unwrap_or_default()
}
