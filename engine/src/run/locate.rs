//! Finds the destination UIDs of messages that were appended on servers that do not tell them.
//! Never appends: what cannot be found is told.

use std::collections::BTreeSet;

use malote_plan::failure::{Class, Reach, Retry, Side};
use malote_plan::matching::{self, Outline, Portrait};
use malote_plan::message::UidValidity;
use malote_plan::record::{Record, State};

use super::context::FolderRun;
use super::reading::{Ends, ascending, at_destination};
use super::rebase::{outline, portrait};
use super::recognise;
use crate::failure::{Failure, Result};

/// Records read from the ledger at once.
const RECORD_WINDOW: u64 = 1000;

/// Gives each record without a destination UID the one that a search proves, and returns how many it could not
/// place. Comes before anything is adopted: what is still to be found must not be taken for somebody else's.
pub(super) async fn unlocated(folder: &FolderRun<'_>, ends: &mut Ends, validity: UidValidity) -> Result<u64> {
    let (ledger, id) = (&folder.run.job.ledger, folder.pair.row.id);
    let unlocated = ledger.recorded(id).await?.unlocated;
    if unlocated.is_empty() {
        return Ok(0);
    }
    ends.destination.refresh().await?;
    let known = ledger.destination_uids(&folder.pair.row.key.destination_wire, validity).await?;
    let foreign = at_destination(folder, ends).await?.difference(&known);
    let present = ends.destination().outlines(&foreign).await?;
    let mut records = ledger.records(id, &unlocated).await?;
    let stored = recognise::as_stored(folder, records.clone()).await?;
    let wanted: Vec<Outline> = stored.iter().map(outline).collect();
    let by_header = matching::by_header(&wanted, &present);
    let read =
        ends.destination().portraits(&by_header.compare_present, &folder.run.job.read_limits()).await?;
    let theirs: Vec<Portrait> = read.into_iter().map(|(portrait, _)| portrait).collect();
    let ours: Vec<Portrait> = stored
        .iter()
        .filter(|record| by_header.compare_wanted.contains(record.source_uid))
        .map(portrait)
        .collect();
    let by_content = matching::by_content(&ours, &theirs);
    let pairs: std::collections::BTreeMap<_, _> =
        by_header.same.into_iter().chain(by_content.same).chain(by_content.held).collect();
    records.retain_mut(|record| {
        record.destination_uid = pairs.get(&record.source_uid).copied();
        record.destination_uid.is_some()
    });
    ledger.record(id, &records).await?;
    Ok(unlocated.len() - records.len() as u64)
}

/// Places what this pass appended; what cannot be found is told. True where nothing is left to be found.
pub(super) async fn place(
    folder: &mut FolderRun<'_>,
    ends: &mut Ends,
    validity: UidValidity,
) -> Result<bool> {
    let mut lost = unlocated(folder, ends, validity).await?;
    if lost > 0 && folder.run.manners.merges_duplicates {
        lost -= merged(folder, ends).await?;
    }
    if lost > 0 {
        let path = &folder.pair.source.path;
        folder.run.findings.fail(&Failure::new(
            Side::Destination,
            Class::VerifyMissing,
            Reach::Message,
            Retry::Never,
            format!("{path}: the destination accepted {lost} messages and does not show them"),
        ));
    }
    Ok(lost == 0)
}

/// Counts messages as collapsed that the destination took and merged into an equal one, and returns how many they
/// are. Each is proven by a copy with the same octets that is there now; what has none stays lost.
async fn merged(folder: &mut FolderRun<'_>, ends: &mut Ends) -> Result<u64> {
    let (ledger, id) = (&folder.run.job.ledger, folder.pair.row.id);
    let wire = &folder.pair.row.key.destination_wire;
    let present = at_destination(folder, ends).await?;
    let mut there = BTreeSet::new();
    for row in ledger.folders().await?.into_iter().filter(|row| row.key.destination_wire == *wire) {
        let recorded = ledger.recorded(row.id).await?;
        for window in recorded.copied.union(&recorded.adopted).chunks(RECORD_WINDOW, usize::MAX) {
            let records = ledger.records(row.id, &window).await?;
            let is_there = |record: &&Record| record.destination_uid.is_some_and(|uid| present.contains(uid));
            there.extend(records.iter().filter(is_there).filter_map(|record| record.keys.content));
        }
    }
    let unlocated = ledger.recorded(id).await?.unlocated;
    let mut records = ledger.records(id, &unlocated).await?;
    records.retain(|record| record.keys.content.is_some_and(|hash| there.contains(&hash)));
    records.iter_mut().for_each(|record| record.state = State::Collapsed);
    ledger.record(id, &records).await?;
    let uids = ascending(records.iter().map(|record| record.source_uid));
    folder.tally.copied = folder.tally.copied.difference(&uids);
    folder.tally.already = folder.tally.already.difference(&uids);
    folder.tally.collapsed = folder.tally.collapsed.union(&uids);
    if !uids.is_empty() {
        folder.run.findings.warn(format!(
            "{}: the destination merged {} messages (UID {uids}) into equal ones that it has: it keeps one of each",
            folder.pair.source.path,
            uids.len()
        ));
    }
    Ok(uids.len())
}
