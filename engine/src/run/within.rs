//! Copies that the destination makes by itself: of messages that another of its folders holds already.
//! Never takes a copy of what Malote did not write there, nor of what it had to change.

use std::collections::BTreeMap;

use malote_plan::failure::{Reach, Retry};
use malote_plan::message::{Uid, UidValidity};
use malote_plan::record::{Record, State};
use malote_plan::uid_set::UidSet;

use super::context::FolderRun;
use super::labels::{self, Shelf};
use super::reading::{Ends, ascending};
use crate::destination::Within;
use crate::failure::{Failure, Result};
use crate::ledger::FolderId;

/// Messages whose standing is held at once.
const STANDING_WINDOW_MESSAGES: u64 = 2000;

/// Messages of this folder by those of another one that are the same.
type Twins = BTreeMap<Uid, Uid>;

/// Has the destination copy those of `wanted` that another folder brought there; returns the ends, which may be
/// fresh ones, with what is left to be read.
pub(super) async fn copy(
    folder: &mut FolderRun<'_>,
    ends: Ends,
    wanted: UidSet,
    validity: UidValidity,
) -> Result<(Ends, UidSet)> {
    if folder.run.labels.is_none() || folder.avoids_copying_within {
        return Ok((ends, wanted));
    }
    let by_folder = candidates(folder, &wanted).await?;
    if by_folder.is_empty() {
        return Ok((ends, wanted));
    }
    let mut ends = ends;
    let Some(uid_next) = ends.destination.refresh().await?.uid_next else { return Ok((ends, wanted)) };
    // The connections are given back: the copies are made on one that has the other folder open.
    drop(ends);
    for (id, twins) in by_folder {
        if folder.run.halt.is_cancelled() {
            break;
        }
        if let Some(shelf) = folder.run.labels.and_then(|labels| labels.shelf(id)) {
            from_folder(folder, (id, &shelf), &twins, (uid_next, validity)).await?;
        }
    }
    let ends = folder.open_again().await?;
    let left = wanted.difference(&folder.tally.copied);
    Ok((ends, left))
}

/// For each folder that the run works on, which of its messages stand for wanted ones.
async fn candidates(folder: &FolderRun<'_>, wanted: &UidSet) -> Result<BTreeMap<FolderId, Twins>> {
    let (own, mut by_folder) = (folder.pair.row.id, BTreeMap::<FolderId, Twins>::new());
    for window in wanted.chunks(STANDING_WINDOW_MESSAGES, usize::MAX) {
        for (uid, standing) in labels::by_message(folder, &window).await? {
            let is_there = |state| state == Some(State::Copied);
            let copy = standing
                .iter()
                .find(|one| one.folder != own && is_there(one.state) && one.destination_uid.is_some());
            if let Some(copy) = copy {
                by_folder.entry(copy.folder).or_default().insert(copy.uid, uid);
            }
        }
    }
    Ok(by_folder)
}

/// Has the copies of one folder's messages made, a few hundred at a time.
async fn from_folder(
    folder: &mut FolderRun<'_>,
    (id, shelf): (FolderId, &Shelf),
    twins: &Twins,
    (uid_next, validity): (u32, UidValidity),
) -> Result<()> {
    let Some(generation) = shelf.generation else { return Ok(()) };
    if shelf.destination.wire == folder.pair.destination.wire {
        return Ok(());
    }
    let job = folder.run.job;
    // A changed message is changed anew, so that what was done to it is noted here too.
    let repaired = ascending(job.ledger.repair_notes(id).await?.iter().map(|note| note.source_uid));
    let theirs = ascending(twins.keys().copied()).difference(&repaired);
    for window in theirs.chunks(job.destination.copy_messages_max(), usize::MAX) {
        if folder.run.halt.is_cancelled() {
            return Ok(());
        }
        let mut record_of: BTreeMap<Uid, Record> = BTreeMap::new();
        for record in job.ledger.records(id, &window).await? {
            // Known by its header alone, it was put there by somebody else and may have another text.
            let copy = record.destination_uid.filter(|_| record.keys.content.is_some());
            if let (Some(copy), State::Copied) = (copy, record.state) {
                record_of.insert(copy, record);
            }
        }
        if record_of.is_empty() {
            continue;
        }
        let uids = ascending(record_of.values().filter_map(|record| twins.get(&record.source_uid).copied()));
        job.ledger.open_intent(folder.pair.row.id, &uids, validity, uid_next).await?;
        let copies = ascending(record_of.keys().copied());
        let from = (&shelf.destination, generation);
        let made = job.destination.copy_within(from, &copies, &folder.pair.destination).await;
        let made = made.map_err(|failure| doubtful(folder, failure))?;
        let Some(made) = made else {
            folder.avoids_copying_within = true;
            return Ok(());
        };
        take_in(folder, made, (record_of, twins), (uid_next, validity)).await?;
    }
    Ok(())
}

/// What failed may have been done all the same: the folder is listed anew, and what is there is known again.
fn doubtful(folder: &mut FolderRun<'_>, mut failure: Failure) -> Failure {
    if failure.reach <= Reach::Folder {
        folder.avoids_copying_within = true;
        (failure.reach, failure.retry) = (Reach::Folder, Retry::Again);
    }
    failure
}

/// Records copies whose UIDs can be theirs; of others none is believed.
async fn take_in(
    folder: &mut FolderRun<'_>,
    Within { uid_validity, pairs }: Within,
    (mut record_of, twins): (BTreeMap<Uid, Record>, &Twins),
    (uid_next, validity): (u32, UidValidity),
) -> Result<()> {
    let (job, id) = (folder.run.job, folder.pair.row.id);
    let known = job.ledger.destination_uids(&folder.pair.row.key.destination_wire, validity).await?;
    let is_new = |uid: Uid| uid.get() >= uid_next && !known.contains(uid);
    if uid_validity != validity || !pairs.iter().all(|pair| is_new(pair.1)) {
        folder.avoids_copying_within = true;
        let path = &folder.pair.destination.path;
        let message = format!("{path}: the destination names UIDs for its own copies that cannot be theirs");
        let (side, class) =
            (malote_plan::failure::Side::Destination, malote_plan::failure::Class::ServerProtocol);
        return Err(Failure::new(side, class, Reach::Folder, Retry::Again, message));
    }
    let mut records = Vec::new();
    for (theirs, copy) in pairs {
        let Some(record) = record_of.remove(&theirs) else { continue };
        let Some(uid) = twins.get(&record.source_uid).copied() else { continue };
        records.push(Record { source_uid: uid, destination_uid: Some(copy), ..record });
    }
    job.ledger.record(id, &records).await?;
    for record in &records {
        folder.tally.copied.insert(record.source_uid);
        folder.copied_within.insert(record.source_uid);
    }
    // No octet of them passed the wire.
    job.progress.messages_copied(records.len() as u64, 0);
    Ok(())
}
