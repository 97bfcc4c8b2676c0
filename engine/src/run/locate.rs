//! Finds the destination UIDs of messages that were appended on servers that do not tell them.
//! Never appends: what cannot be found is told.

use malote_plan::failure::{Class, Reach, Retry, Side};
use malote_plan::matching::{self, Outline, Portrait};
use malote_plan::message::UidValidity;

use super::context::FolderRun;
use super::reading::{Ends, at_destination};
use super::rebase::{outline, portrait};
use super::recognise;
use crate::failure::{Failure, Result};

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
pub(super) async fn place(folder: &FolderRun<'_>, ends: &mut Ends, validity: UidValidity) -> Result<bool> {
    let lost = unlocated(folder, ends, validity).await?;
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
