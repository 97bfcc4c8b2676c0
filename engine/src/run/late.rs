//! Finds what an earlier connection brought over after all, later than anybody waited for it.
//! Never removes it: two equal messages may also be somebody's own doing, so it is told by UID.

use std::collections::BTreeSet;

use malote_plan::failure::{Class, Reach, Retry, Side};
use malote_plan::message::UidValidity;
use malote_plan::uid_set::UidSet;

use super::context::FolderRun;
use super::reading::Ends;
use super::recognise;
use crate::failure::{Failure, Result};

/// Looks for doubles of messages that were sent again because their first answer was lost.
pub(super) async fn arrivals(folder: &FolderRun<'_>, ends: &mut Ends, validity: UidValidity) -> Result<()> {
    let (job, id) = (folder.run.job, folder.pair.row.id);
    let again = folder.doubted.intersection(&folder.tally.copied);
    if again.is_empty() {
        return Ok(());
    }
    let intents = job.ledger.intents(id).await?;
    let sent_above = intents.iter().map(|intent| intent.destination_uid_next).min().unwrap_or(1);
    ends.destination.refresh().await?;
    let known = job.ledger.destination_uids(&folder.pair.row.key.destination_wire, validity).await?;
    let foreign = ends.destination.uids().await?.difference(&known);
    let recent: UidSet = foreign.iter().filter(|uid| uid.get() >= sent_above).collect();
    if recent.is_empty() {
        return Ok(());
    }
    let records = recognise::as_stored(folder, job.ledger.records(id, &again).await?).await?;
    let sent: BTreeSet<_> = records.iter().filter_map(|record| record.keys.content).collect();
    let present = ends.destination().portraits(&recent, &job.read_limits()).await?;
    let is_double = |keys: &malote_plan::record::Keys| keys.content.is_some_and(|hash| sent.contains(&hash));
    let doubles: UidSet =
        present.iter().filter(|(one, _)| is_double(&one.keys)).map(|(one, _)| one.uid).collect();
    if !doubles.is_empty() {
        let path = &folder.pair.destination.path;
        let message = format!(
            "{path}: {} messages came to the destination twice, for it finished work for a lost connection later \
             than it was waited for; UID {doubles} there may be removed",
            doubles.len()
        );
        let (class, reach) = (Class::Duplicated, Reach::Message);
        folder.run.findings.fail(&Failure::new(Side::Destination, class, reach, Retry::Never, message));
    }
    Ok(())
}
