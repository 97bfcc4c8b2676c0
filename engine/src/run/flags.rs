//! Carries flag changes over, and sets keywords that are new to the destination.
//! Never puts back what the destination's user took away, unless the operator wants the source to rule.

use std::collections::BTreeMap;

use malote_plan::failure::Reach;
use malote_plan::flags;
use malote_plan::message::{Flag, Flags, Uid};
use malote_plan::record::Record;
use malote_plan::uid_set::UidSet;

use super::context::FolderRun;
use super::labels;
use super::modseq;
use super::reading::{Ends, ascending};
use crate::failure::Result;
use crate::policy::FlagPolicy;
use crate::source::Stub;

/// Messages whose flags are held at once.
const FLAG_WINDOW_MESSAGES: u64 = 2000;

/// Sets keywords on messages that were just copied, the most used first; one that the destination refuses is
/// counted as dropped for each of its messages.
pub(super) async fn place_keywords(folder: &mut FolderRun<'_>, ends: &mut Ends) -> Result<()> {
    let mut keywords: Vec<(Flag, UidSet)> =
        folder.keywords.iter().map(|(keyword, uids)| (keyword.clone(), uids.clone())).collect();
    if keywords.is_empty() {
        return Ok(());
    }
    keywords.sort_by_key(|(_, uids)| std::cmp::Reverse(uids.len()));
    // A session knows nothing of messages that came after its last look, and passes over their UIDs in silence
    // (RFC 3501 §6.4.8).
    ends.look().await?;
    let (ledger, id) = (&folder.run.job.ledger, folder.pair.row.id);
    for (keyword, uids) in keywords {
        for window in uids.chunks(FLAG_WINDOW_MESSAGES, usize::MAX) {
            let records = ledger.records(id, &window).await?;
            let copies = ascending(records.iter().filter_map(|record| record.destination_uid));
            let add = std::slice::from_ref(&keyword);
            if !store(folder, ends, &copies, add, &[]).await? {
                (0..copies.len()).for_each(|_| folder.run.findings.drop_flags(add));
            }
            let carried: Vec<(Uid, Flags)> = records
                .into_iter()
                .filter(|record| record.destination_uid.is_some())
                .map(|mut record| {
                    record.flags.0.insert(keyword.clone());
                    (record.source_uid, record.flags)
                })
                .collect();
            ledger.set_flags(id, &carried).await?;
        }
        folder.keywords.remove(&keyword);
    }
    Ok(())
}

/// Brings flags in line for messages that have a record and a proven copy.
pub(super) async fn carry(folder: &mut FolderRun<'_>, ends: &mut Ends) -> Result<()> {
    let job = folder.run.job;
    if job.policy.flags == FlagPolicy::Destination {
        return Ok(());
    }
    let recorded = job.ledger.recorded(folder.pair.row.id).await?;
    let located = recorded.copied.union(&recorded.adopted).difference(&recorded.unlocated);
    let known = located
        .intersection(&folder.tally.present)
        .difference(&folder.tally.copied.difference(&folder.copied_before).difference(&folder.copied_within));
    let fresh = known.intersection(&folder.tally.adopted.union(&folder.copied_within));
    let settled = known.difference(&fresh);
    sweep(folder, ends, &fresh).await?;
    let since = folder.since.filter(|_| job.policy.flags == FlagPolicy::Merge);
    let Some(since) = since else { return sweep(folder, ends, &settled).await };
    if settled.is_empty() {
        return Ok(());
    }
    let changed = if ends.source.status().highest_modseq == Some(since) {
        Some(Vec::new())
    } else {
        ends.source.changed_since(&settled, since).await?
    };
    let Some(mut changed) = changed else { return sweep(folder, ends, &settled).await };
    let told = ascending(changed.iter().map(|stub| stub.uid));
    labels::dress(folder, ends, &mut changed).await?;
    bring_in_line(folder, ends, changed).await?;
    if modseq::tells_all(folder, ends, &settled.difference(&told)).await? {
        return Ok(());
    }
    sweep(folder, ends, &settled).await
}

async fn sweep(folder: &mut FolderRun<'_>, ends: &mut Ends, uids: &UidSet) -> Result<()> {
    for window in uids.chunks(FLAG_WINDOW_MESSAGES, usize::MAX) {
        let mut stubs = ends.source.stubs(&window).await?;
        labels::dress(folder, ends, &mut stubs).await?;
        bring_in_line(folder, ends, stubs).await?;
    }
    Ok(())
}

/// Holds the source's flags against the last synced ones and the destination's, and stores what differs.
async fn bring_in_line(folder: &mut FolderRun<'_>, ends: &mut Ends, stubs: Vec<Stub>) -> Result<()> {
    let (job, id) = (folder.run.job, folder.pair.row.id);
    let is_source_ruling = job.policy.flags == FlagPolicy::Source;
    let now: BTreeMap<Uid, Flags> = stubs.into_iter().map(|stub| (stub.uid, stub.flags)).collect();
    let records = job.ledger.records(id, &ascending(now.keys().copied())).await?;
    let changed: Vec<&Record> = records
        .iter()
        .filter(|record| is_source_ruling || now.get(&record.source_uid) != Some(&record.flags))
        .filter(|record| record.destination_uid.is_some())
        .collect();
    if changed.is_empty() {
        return Ok(());
    }
    let copies = ascending(changed.iter().filter_map(|record| record.destination_uid));
    let there: BTreeMap<Uid, Flags> =
        ends.destination.stubs(&copies).await?.into_iter().map(|stub| (stub.uid, stub.flags)).collect();
    let (permanent, takes_new) = ends.destination.permanent_flags();
    let (mut changes, mut carried) = (Vec::new(), Vec::new());
    for record in changed {
        let (Some(source), Some(copy)) = (now.get(&record.source_uid), record.destination_uid) else {
            continue;
        };
        carried.push((record.source_uid, source.clone()));
        let Some(present) = there.get(&copy) else { continue };
        let mut merged = flags::merge(&record.flags, source, present, job.policy.flags);
        let unwanted = &folder.run.manners.unwanted;
        merged.0.retain(|flag| !unwanted.contains(flag.as_str()) || present.contains(flag.as_str()));
        let kept = flags::keep(&merged, &permanent, takes_new);
        let lost: Vec<Flag> =
            kept.dropped.into_iter().filter(|flag| !present.contains(flag.as_str())).collect();
        folder.run.findings.drop_flags(&lost);
        let (add, remove) = flags::change(present, &kept.flags);
        if !add.is_empty() || !remove.is_empty() {
            changes.push((copy, add, remove));
        }
    }
    let count = changes.len() as u64;
    for group in flags::group(changes) {
        apply(folder, ends, &group).await?;
    }
    folder.tally.flag_changes += count;
    job.ledger.set_flags(id, &carried).await
}

/// Stores a change; where the destination refuses it, each keyword is tried alone and the refused are counted.
async fn apply(folder: &FolderRun<'_>, ends: &mut Ends, change: &flags::Store) -> Result<()> {
    let add: Vec<Flag> = change.add.iter().cloned().collect();
    let remove: Vec<Flag> = change.remove.iter().cloned().collect();
    if store(folder, ends, &change.uids, &add, &remove).await? {
        return Ok(());
    }
    for flag in &remove {
        store(folder, ends, &change.uids, &[], std::slice::from_ref(flag)).await?;
    }
    for flag in &add {
        let one = std::slice::from_ref(flag);
        if !store(folder, ends, &change.uids, one, &[]).await? {
            (0..change.uids.len()).for_each(|_| folder.run.findings.drop_flags(one));
        }
    }
    Ok(())
}

/// False where the destination refuses; any wider failure ends the pass.
async fn store(
    folder: &FolderRun<'_>,
    ends: &mut Ends,
    uids: &UidSet,
    add: &[Flag],
    remove: &[Flag],
) -> Result<bool> {
    if uids.is_empty() {
        return Ok(true);
    }
    match ends.destination.store(uids, add, remove).await {
        Ok(()) => Ok(true),
        Err(failure) if failure.reach == Reach::Message => {
            let path = &folder.pair.destination.path;
            folder.run.findings.warn(format!("{path}: a change of flags was refused: {failure}"));
            Ok(false)
        }
        Err(failure) => Err(failure),
    }
}
