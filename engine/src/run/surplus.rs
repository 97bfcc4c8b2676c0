//! What stands at the destination beside the copies: octets of both sides, and messages that are there twice.
//! Never removes any: it counts.

use std::collections::{BTreeMap, BTreeSet};

use malote_plan::message::{ContentHash, Uid};
use malote_plan::record::HeaderKey;
use malote_plan::uid_set::UidSet;

use super::context::FolderRun;
use super::reading::{Ends, Reading};
use crate::failure::Result;
use crate::measured::Octets;

/// Messages without a record whose headers are looked at in one folder; with more of them nothing is said.
const STRANGERS_MAX: u64 = 50_000;
/// Messages that are read in one folder to tell whether they are twins of copies; the rest counts by its headers.
const SUSPECTS_READ_MAX: u64 = 1_000;
/// Messages asked for at once.
const WINDOW_MESSAGES: u64 = 1_000;

/// The octets of matched messages on both sides: what was read of each, else what its server says.
pub(super) async fn octets(folder: &FolderRun<'_>, ends: &mut Ends, matched: &UidSet) -> Result<Octets> {
    let mut sums = Octets::default();
    for window in matched.chunks(WINDOW_MESSAGES, usize::MAX) {
        let records = folder.run.job.ledger.records(folder.pair.row.id, &window).await?;
        let mut unread = UidSet::new();
        let mut copies = UidSet::new();
        for record in &records {
            sums.source = sums.source.saturating_add(record.octets);
            if record.octets == 0 {
                unread.insert(record.source_uid);
            }
            if let Some(copy) = record.destination_uid {
                copies.insert(copy);
            }
        }
        if !unread.is_empty() {
            let stubs = ends.source.stubs(&unread).await?;
            sums.source = stubs.iter().fold(sums.source, |sum, stub| sum.saturating_add(stub.octets_claimed));
        }
        let stubs = ends.destination.stubs(&copies).await?;
        sums.destination =
            stubs.iter().fold(sums.destination, |sum, stub| sum.saturating_add(stub.octets_claimed));
    }
    Ok(sums)
}

/// How many messages of the destination folder no record in force names and hold the very octets of a copy; nothing
/// where there are too many strangers to look at.
pub(super) async fn duplicates(
    folder: &FolderRun<'_>,
    ends: &mut Ends,
    present: &UidSet,
) -> Result<Option<u64>> {
    let Some(validity) = folder.pair.row.tokens.destination_uid_validity else { return Ok(None) };
    let ledger = &folder.run.job.ledger;
    let claimed = ledger.claimed_uids(&folder.pair.destination.wire, validity).await?;
    let strangers = present.difference(&claimed);
    if strangers.len() > STRANGERS_MAX {
        return Ok(None);
    }
    let mut by_key: BTreeMap<HeaderKey, Vec<Uid>> = BTreeMap::new();
    for outline in Reading::Destination(ends.destination.as_mut()).outlines(&strangers).await? {
        if let Some(key) = outline.strong.or(outline.loose) {
            by_key.entry(key).or_default().push(outline.uid);
        }
    }
    if by_key.is_empty() {
        return Ok(Some(0));
    }
    let recorded = ledger.recorded(folder.pair.row.id).await?;
    let (mut suspects, mut copies) = (UidSet::new(), UidSet::new());
    for window in recorded.copied.union(&recorded.adopted).chunks(WINDOW_MESSAGES, usize::MAX) {
        for record in ledger.records(folder.pair.row.id, &window).await? {
            let alike = record.keys.strong.or(record.keys.loose).and_then(|key| by_key.get(&key));
            if let (Some(alike), Some(copy)) = (alike, record.destination_uid) {
                alike.iter().for_each(|uid| suspects.insert(*uid));
                copies.insert(copy);
            }
        }
    }
    if suspects.len() + copies.len() > SUSPECTS_READ_MAX {
        return Ok(Some(suspects.len()));
    }
    let contents = contents(folder, ends, &copies).await?;
    let contents: BTreeSet<ContentHash> = contents.into_values().collect();
    let twins = self::contents(folder, ends, &suspects).await?;
    Ok(Some(twins.values().filter(|content| contents.contains(content)).count() as u64))
}

/// What messages of the destination hold.
async fn contents(
    folder: &FolderRun<'_>,
    ends: &mut Ends,
    uids: &UidSet,
) -> Result<BTreeMap<Uid, ContentHash>> {
    let limits = folder.run.job.read_limits();
    let portraits = Reading::Destination(ends.destination.as_mut()).portraits(uids, &limits).await?;
    let held = portraits.into_iter().filter_map(|(portrait, _)| Some((portrait.uid, portrait.keys.content?)));
    Ok(held.collect())
}
