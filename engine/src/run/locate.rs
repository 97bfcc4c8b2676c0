//! Finds the destination UIDs of messages that were appended on servers that do not tell them.
//! Never appends: what cannot be found is told.

use malote_plan::failure::{Class, Reach, Retry, Side};
use malote_plan::matching::{self, Outline, Portrait};
use malote_plan::message::UidValidity;

use super::folder::FolderRun;
use super::reading::Ends;
use super::rebase::{outline, portrait};
use crate::failure::{Failure, Result};

/// Gives each record without a destination UID the one that a search proves.
pub(super) async fn unlocated(
    folder: &mut FolderRun<'_>,
    ends: &mut Ends,
    validity: UidValidity,
) -> Result<()> {
    let (ledger, id) = (&folder.run.job.ledger, folder.pair.row.id);
    let unlocated = ledger.recorded(id).await?.unlocated;
    if unlocated.is_empty() {
        return Ok(());
    }
    ends.destination.refresh().await?;
    let known = ledger.destination_uids(&folder.pair.row.key.destination_wire, validity).await?;
    let foreign = ends.destination.uids().await?.difference(&known);
    let present = ends.destination().outlines(&foreign).await?;
    let mut records = ledger.records(id, &unlocated).await?;
    let wanted: Vec<Outline> = records.iter().map(outline).collect();
    let by_header = matching::by_header(&wanted, &present);
    let read = ends.destination().portraits(&by_header.compare_present, &folder.run.job.read_limits()).await?;
    let theirs: Vec<Portrait> = read.into_iter().map(|(portrait, _)| portrait).collect();
    let ours: Vec<Portrait> = records
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
    let lost = unlocated.len() - records.len() as u64;
    if lost > 0 {
        folder.run.findings.fail(&Failure::new(
            Side::Destination,
            Class::ItemRefused,
            Reach::Message,
            Retry::Never,
            format!(
                "{}: the destination accepted {lost} messages and does not show them; run verify to see which",
                folder.pair.source.path
            ),
        ));
    }
    Ok(())
}
