//! Folders that lead to one destination folder: what each of them let go is known before any of them settles.
//! Never has two of them at work at once.

use super::adopt;
use super::context::{FolderRun, Stage, generation};
use super::lanes::{Lane, Lanes};
use super::tally::FolderTally;
use crate::failure::Result;
use crate::ledger::FolderId;
use crate::report::FolderReport;

/// Works on one stage of each folder of a group.
pub(super) async fn through<'a>(
    stage: Stage,
    mut group: Vec<FolderRun<'a>>,
    lanes: &Lanes,
) -> Vec<FolderRun<'a>> {
    let mut lane = lanes.take().await;
    for folder in &mut group {
        folder.work(stage, &mut lane).await;
    }
    group
}

/// Works on the last stage of each folder of a group, and says what became of it.
pub(super) async fn to_the_end(
    stage: Stage,
    mut group: Vec<FolderRun<'_>>,
    lanes: &Lanes,
) -> Vec<(FolderId, FolderReport)> {
    let mut lane = lanes.take().await;
    if stage != Stage::Own || look_first(&mut group, &mut lane).await {
        for folder in &mut group {
            folder.work(stage, &mut lane).await;
        }
        tell_kept(&group).await;
    }
    let mut reports = Vec::new();
    for folder in group {
        reports.push((folder.pair.row.id, folder.conclude().await));
    }
    reports
}

/// Knows the messages of every folder again whose UIDs changed, before the first of several settles: an item that was
/// moved from a later one to an earlier one would be copied twice otherwise, for its copy would still count as that of
/// the later one. False where a folder could not be looked at, so that none of them may be worked on.
async fn look_first(group: &mut [FolderRun<'_>], lane: &mut Lane<'_>) -> bool {
    if group.len() < 2 {
        return true;
    }
    let mut missed = None;
    for folder in group.iter_mut().filter(|folder| may_be_renumbered(folder)) {
        folder.work(Stage::Look, lane).await;
        missed = missed.or((!folder.is_done).then(|| folder.pair.source.path.to_string()));
    }
    let Some(missed) = missed else { return true };
    for folder in group {
        // Nothing was settled yet: the listing and the ledger tell what is left.
        folder.tally = FolderTally::default();
        let path = folder.pair.source.path.to_string();
        if path != missed && !folder.run.halt.is_cancelled() {
            folder.run.findings.warn(format!(
                "{path}: waits for {missed}, which leads to the same folder and could not be looked at; run again"
            ));
        }
    }
    false
}

/// True unless the folder is listed under the UIDs that its records have.
fn may_be_renumbered(folder: &FolderRun<'_>) -> bool {
    let known = folder.pair.row.tokens.source_uid_validity;
    known.is_some() && folder.pair.source.status.is_none_or(|status| known != Some(generation(&status)))
}

/// Tells once, when all of them are settled, of copies that none of several folders shows now.
async fn tell_kept(group: &[FolderRun<'_>]) {
    let Some(folder) = group.iter().find(|folder| folder.is_renumbered && folder.pair.is_shared) else {
        return;
    };
    if folder.run.halt.is_cancelled() || group.iter().any(|folder| !folder.is_done) {
        return;
    }
    if let Err(failure) = tell_kept_of(folder).await {
        folder.run.findings.fail(&failure);
    }
}

async fn tell_kept_of(folder: &FolderRun<'_>) -> Result<()> {
    let mut ends = folder.open().await?;
    let validity = generation(&ends.destination.status());
    adopt::tell_kept(folder, &mut ends, validity).await
}
