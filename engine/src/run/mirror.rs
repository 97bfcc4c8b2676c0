//! Removes at the destination what the source no longer has, where the operator asked for it.
//! Never removes a message that Malote did not write, nor more than the ceiling allows.

use std::collections::BTreeMap;

use malote_plan::matching::Outline;
use malote_plan::message::Uid;
use malote_plan::mirror::{self, Verdict};
use malote_plan::record::{Record, State};
use malote_plan::uid_set::UidSet;

use super::context::{FolderRun, decision};
use super::job::Job;
use super::reading::Ends;
use super::tally::Findings;
use crate::failure::Result;

/// Tells that nothing is mirrored where the source is a store: each change of its file gives all items other numbers,
/// and an item that is not known again may have been changed as well as removed.
pub(super) fn tell_unable(job: &Job, findings: &Findings) {
    if job.policy.mirror_deletes && job.source.remakes() {
        findings.warn(
            "--mirror-deletes removes nothing for this source: whenever a store's file is written, its items get \
             other numbers, and one that is gone cannot be told from one that was changed; remove its copy by hand",
        );
    }
}

/// Removes the copies of messages that are gone from the source, if their number is within the ceiling.
pub(super) async fn deletes(folder: &mut FolderRun<'_>, ends: &mut Ends) -> Result<()> {
    let (job, id) = (folder.run.job, folder.pair.row.id);
    if !job.policy.mirror_deletes {
        return Ok(());
    }
    let recorded = job.ledger.recorded(id).await?;
    let present = ends.source.uids().await?;
    let gone = recorded.copied.difference(&present);
    let path = &folder.pair.source.path;
    if !gone.is_empty() && present.len() < u64::from(ends.source.status().messages) {
        folder.run.findings.warn(format!(
            "{path}: nothing is removed at the destination, for the source lists fewer messages than it counts"
        ));
        return Ok(());
    }
    let is_whole = job.source.damage().is_empty() && job.source.unsettled().is_empty();
    if !gone.is_empty() && !is_whole {
        folder.run.findings.warn(format!(
            "{path}: nothing is removed at the destination, for not all of the source could be read"
        ));
        return Ok(());
    }
    match mirror::decide(recorded.copied.len(), gone.len(), job.policy.delete_percent_max) {
        Verdict::Nothing => return Ok(()),
        Verdict::Ceiling { percent } => {
            folder.run.findings.fail(&decision(format!(
                "{path}: {} of {} copied messages are gone from the source, which is above the ceiling of \
                 {percent} %; nothing was removed. Confirm with a higher --delete-limit",
                gone.len(),
                recorded.copied.len(),
            )));
            return Ok(());
        }
        Verdict::Remove => {}
    }
    if folder.pair.is_shared || !recorded.collapsed.is_empty() {
        folder.run.findings.warn(format!(
            "{path}: nothing is removed at the destination, for its folder holds messages of several origins"
        ));
        return Ok(());
    }
    let records = job.ledger.records(id, &gone).await?;
    let copies = records.iter().filter_map(|record| record.destination_uid).collect();
    let outlines = ends.destination().outlines(&copies).await?;
    let shown: BTreeMap<Uid, &Outline> = outlines.iter().map(|outline| (outline.uid, outline)).collect();
    // A UID is proof enough to leave a message alone, not to remove one.
    let is_ours = |record: &Record| {
        let outline = record.destination_uid.and_then(|copy| shown.get(&copy));
        outline
            .is_none_or(|outline| (outline.strong, outline.loose) == (record.keys.strong, record.keys.loose))
    };
    let ours = records.iter().filter(|record| record.state == State::Copied && is_ours(record));
    let (sources, copies): (Vec<_>, Vec<_>) =
        ours.filter_map(|record| Some((record.source_uid, record.destination_uid?))).unzip();
    if sources.len() < records.len() {
        let left = records.len() - sources.len();
        folder.run.findings.warn(format!(
            "{path}: {left} messages are gone from the source and stay, for their copies could not be told for sure"
        ));
    }
    ends.is_stale = true;
    ends.destination.remove(&copies.into_iter().collect::<UidSet>()).await?;
    folder.tally.deleted += sources.len() as u64;
    job.ledger.forget(id, &sources.into_iter().collect()).await
}
