//! Looks at some of what was just appended, as the destination now shows it.
//! Never judges a run by it: it warns of a server that changes what it is given, before anybody finds out later.

use malote_plan::uid_set::UidSet;

use super::context::FolderRun;
use super::reading::{Ends, every, unix_seconds};
use super::rebase::outline;
use super::recognise;
use crate::failure::Result;

/// Messages that are looked at in each folder.
const INSPECTED_MAX: u64 = 20;

/// Warns where the destination shows another header, length or date than it was given.
pub(super) async fn appended(folder: &FolderRun<'_>, ends: &mut Ends) -> Result<()> {
    let fresh = folder.tally.copied.difference(&folder.copied_before);
    let step = fresh.len().div_ceil(INSPECTED_MAX).max(1);
    let chosen: UidSet = every(&fresh, step).collect();
    if chosen.is_empty() {
        return Ok(());
    }
    let records = folder.run.job.ledger.records(folder.pair.row.id, &chosen).await?;
    let records = recognise::as_stored(folder, records).await?;
    let copies: UidSet = records.iter().filter_map(|record| record.destination_uid).collect();
    let (mut changed, mut dated, mut looked_at) = (0_u64, 0_u64, 0_u64);
    let mut seen = ends.destination.headed(&copies).await?;
    if (seen.len() as u64) < copies.len() {
        // Some sessions hear of what they appended only when they ask.
        ends.look().await?;
        seen = ends.destination.headed(&copies).await?;
    }
    for shown in seen {
        let Some(record) = records.iter().find(|record| record.destination_uid == Some(shown.stub.uid))
        else {
            continue;
        };
        let keys = malote_plan::identity::header_keys(&shown.header);
        let given = outline(record);
        let is_same = (keys.strong, keys.loose) == (given.strong, given.loose);
        looked_at += 1;
        changed += u64::from(!is_same || shown.stub.octets_claimed != given.octets);
        dated += u64::from(
            given.internal_unix_seconds.is_some_and(|date| unix_seconds(&shown.stub) != Some(date)),
        );
    }
    let path = &folder.pair.destination.path;
    if changed > 0 {
        folder.run.findings.warn(format!(
            "{path}: the destination changed {changed} of {looked_at} messages that were looked at as it stored \
             them; verify --content full names each"
        ));
    }
    if dated > 0 {
        folder.run.findings.warn(format!(
            "{path}: the destination did not keep the date of arrival of {dated} of {looked_at} messages that were \
             looked at"
        ));
    }
    Ok(())
}
