//! Copies the wanted messages of one folder in their order, and asks twice before it gives one up.
//! Never quarantines a message on one connection's word.

use std::collections::BTreeMap;
use std::sync::Mutex;

use malote_plan::date::DateOrigin;
use malote_plan::failure::{Class, Reach, Retry, Side};
use malote_plan::folder::FolderStatus;
use malote_plan::message::{ContentHash, Flags, Uid, UidValidity};
use malote_plan::record::{Keys, Record, State};
use malote_plan::uid_set::UidSet;

use super::census::{list, octets_max};
use super::context::FolderRun;
use super::lane::{LaneOutcome, Refused, Road, drive};
use super::parcel::Keeps;
use super::reading::Ends;
use super::twins::Twins;
use super::{adopt, locate, quarantining, repairing};
use crate::failure::{Failure, Result};
use crate::policy::Duplicates;

/// Records read from the ledger at once.
const RECORD_WINDOW: u64 = 1000;

/// So many unreadable messages are always taken for damaged ones.
const UNREADABLE_MIN: u64 = 20;

/// Beyond that, one in so many of a folder's messages: more than this is a server's trouble, not the messages'.
const UNREADABLE_PART: u64 = 20;

/// Copies `wanted` and returns the ends, which may be fresh ones, with what is left over of it.
pub(super) async fn copy(
    folder: &mut FolderRun<'_>,
    mut ends: Ends,
    wanted: UidSet,
    destination: FolderStatus,
    validity: UidValidity,
) -> Result<(Ends, UidSet)> {
    if wanted.is_empty() {
        return Ok((ends, wanted));
    }
    let uid_next = first_free(&mut ends, destination.uid_next).await?;
    let twins = twins(folder).await?;
    let road = road(folder, &ends, (uid_next, validity), twins, usize::MAX);
    let outcome = drive(&road, &mut ends, &wanted).await;
    let twins = road.twins;
    let (refused, failure) = take_in(folder, outcome, &twins).await?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    let left = wanted.difference(&folder.tally.settled());
    if left.is_empty() || folder.run.halt.is_cancelled() {
        return Ok((ends, left));
    }
    drop(refused);
    let ends = fresh(folder, ends).await?;
    second_look(folder, ends, &left, (uid_next, validity), twins).await
}

/// The lowest UID that no message there can have yet. Without UIDNEXT, a UID that is in use already still tells
/// that an answer lies.
async fn first_free(ends: &mut Ends, uid_next: Option<u32>) -> Result<u32> {
    if let Some(uid_next) = uid_next {
        return Ok(uid_next);
    }
    let last = ends.destination.uids().await?.iter().next_back();
    Ok(last.map_or(1, |last| last.get().saturating_add(1)))
}

/// The same folder on connections that did not serve it before.
pub(super) async fn fresh(folder: &FolderRun<'_>, ends: Ends) -> Result<Ends> {
    ends.retire();
    folder.open_again().await
}

fn road<'a>(
    folder: &FolderRun<'a>,
    ends: &Ends,
    (uid_next, validity): (u32, UidValidity),
    twins: Twins,
    batch_messages_max: usize,
) -> Road<'a> {
    let (permanent, takes_new) = ends.destination.permanent_flags();
    Road {
        run: folder.run,
        folder: folder.pair.row.id,
        keeps: Keeps {
            permanent,
            takes_new,
            carries_nul: ends.destination.carries_nul(),
            manners: folder.run.manners,
        },
        validity,
        uid_next,
        octets_max: octets_max(folder, ends),
        twins,
        placed: Mutex::default(),
        batch_messages_max,
    }
}

/// Adds what the lane did to the tally; returns refusals and what ended it early.
async fn take_in(
    folder: &mut FolderRun<'_>,
    outcome: LaneOutcome,
    twins: &Twins,
) -> Result<(Vec<Refused>, Option<Failure>)> {
    folder.tally.copied = folder.tally.copied.union(&outcome.copied);
    folder.tally.bytes_copied += outcome.bytes_copied;
    for (keyword, uids) in outcome.keywords {
        let all = folder.keywords.entry(keyword).or_default();
        *all = all.union(&uids);
    }
    for (uid, octets) in outcome.too_large {
        let detail = "longer than the limit, whatever its server claims".to_owned();
        quarantining::keep(folder, quarantining::note(uid, "too_large", detail, octets)).await?;
    }
    let mut dates = outcome.dates_guessed;
    if let Some(clamped) = dates.remove(&DateOrigin::Latest) {
        let path = &folder.pair.source.path;
        folder.run.findings.warn(format!(
            "{path}: {clamped} messages have a date of arrival later than the destination can hold; they have its last"
        ));
    }
    if !dates.is_empty() {
        let origins = dates.iter().map(|(origin, count)| format!("{} {count}", origin.as_str()));
        folder.run.findings.warn(format!(
            "{}: {} messages have no whole INTERNALDATE; theirs is from elsewhere: {}",
            folder.pair.source.path,
            dates.values().sum::<u64>(),
            origins.collect::<Vec<_>>().join(", ")
        ));
    }
    collapse(folder, outcome.twins, twins).await?;
    Ok((outcome.refused, outcome.failure))
}

/// Records twins whose first is stored; the others stay pending for the next pass.
async fn collapse(folder: &mut FolderRun<'_>, alike: Vec<(Uid, ContentHash)>, twins: &Twins) -> Result<()> {
    let stored = folder.tally.copied.union(&folder.tally.adopted).union(&folder.tally.already);
    let is_stored = |hash: &ContentHash| twins.first(hash).is_some_and(|first| stored.contains(first));
    let mut records = Vec::new();
    for (uid, hash) in alike.into_iter().filter(|(_, hash)| is_stored(hash)) {
        records.push(Record {
            source_uid: uid,
            state: State::Collapsed,
            destination_uid: None,
            keys: Keys { content: Some(hash), ..Keys::default() },
            octets: 0,
            internal_unix_seconds: None,
            flags: Flags::default(),
        });
    }
    folder.run.job.ledger.record(folder.pair.row.id, &records).await?;
    records.iter().for_each(|record| folder.tally.collapsed.insert(record.source_uid));
    if !records.is_empty() {
        let uids: UidSet = records.iter().map(|record| record.source_uid).collect();
        let (path, count) = (&folder.pair.source.path, records.len());
        folder
            .run
            .findings
            .warn(format!("{path}: {count} messages are collapsed into identical ones (UID {uids})"));
    }
    folder.run.job.progress.messages_done(records.len() as u64);
    Ok(())
}

/// Contents that are stored already, where twins are to be collapsed.
async fn twins(folder: &FolderRun<'_>) -> Result<Twins> {
    if folder.run.job.policy.duplicates == Duplicates::Keep {
        return Ok(Twins::default());
    }
    let (ledger, id) = (&folder.run.job.ledger, folder.pair.row.id);
    let recorded = ledger.recorded(id).await?;
    let mut stored = BTreeMap::new();
    for window in recorded.copied.union(&recorded.adopted).chunks(RECORD_WINDOW, usize::MAX) {
        for record in ledger.records(id, &window).await? {
            if let Some(content) = record.keys.content {
                stored.entry(content).or_insert(record.source_uid);
            }
        }
    }
    Ok(Twins::collapse(stored))
}

/// Tries each message that is left over once more, alone and on fresh connections; what fails again is repaired
/// or quarantined, what is gone from the source has vanished.
async fn second_look(
    folder: &mut FolderRun<'_>,
    mut ends: Ends,
    left: &UidSet,
    (uid_next, validity): (u32, UidValidity),
    twins: Twins,
) -> Result<(Ends, UidSet)> {
    // Answers that name a UID from below this one are of messages that are there already.
    let told = ends.destination.status().uid_next;
    let uid_next = first_free(&mut ends, told).await?.max(uid_next);
    let present = list(folder, &mut ends).await?;
    folder.tally.present = present.clone();
    // Copies without a proven UID come first: a twin among those that are left must not be paired with one of them.
    locate::unlocated(folder, &mut ends, validity).await?;
    // A server may have kept what it refused: that is looked at before anything is sent a second time.
    let left = adopt::settle(folder, &mut ends, left.intersection(&present), validity).await?;
    let road = road(folder, &ends, (uid_next, validity), twins, 1);
    let outcome = drive(&road, &mut ends, &left).await;
    // Asked of this opening, before any other takes its place.
    let damaged: BTreeMap<Uid, String> =
        left.iter().filter_map(|uid| Some((uid, ends.source.refusal(uid)?))).collect();
    let alike: UidSet = outcome.twins.iter().map(|twin| twin.0).collect();
    let twins = road.twins;
    let (refused, failure) = take_in(folder, outcome, &twins).await?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    if folder.is_cut(&ends) {
        return Ok((ends, left.difference(&folder.tally.settled())));
    }
    let mut ends = repairing::mend(folder, ends, refused, validity).await?;
    let left = left.difference(&folder.tally.settled());
    if folder.run.halt.is_cancelled() {
        return Ok((ends, left));
    }
    let present = list(folder, &mut ends).await?;
    folder.tally.present = present.clone();
    // Twins of a message that was refused are tried on their own by the next run.
    let unread = left.difference(&alike).intersection(&present);
    let unread = keep_damaged(folder, &mut ends, unread, &damaged).await?;
    if unread.len() > UNREADABLE_MIN.max(present.len() / UNREADABLE_PART) {
        let (path, count) = (&folder.pair.source.path, unread.len());
        let message = format!(
            "{path}: the source gave nothing for {count} messages that it lists, too many to be damage; they are \
             left pending. Try again later"
        );
        let (class, reach) = (Class::ItemUnreadable, Reach::Folder);
        return Err(Failure::new(Side::Source, class, reach, Retry::Never, message));
    }
    for uid in unread.iter() {
        let detail = "the source lists it and gave nothing for it, twice".to_owned();
        quarantining::keep(folder, quarantining::note(uid, "unreadable", detail, 0)).await?;
    }
    let left = left.difference(&folder.tally.settled()).intersection(&present);
    Ok((ends, left))
}

/// Quarantines those of `unread` that the source itself knows for damaged; returns the others.
async fn keep_damaged(
    folder: &mut FolderRun<'_>,
    ends: &mut Ends,
    unread: UidSet,
    damaged: &BTreeMap<Uid, String>,
) -> Result<UidSet> {
    let mut unexplained = UidSet::new();
    for uid in unread.iter() {
        match damaged.get(&uid) {
            Some(reason) => {
                let mut note = quarantining::note(uid, "unreadable", reason.clone(), 0);
                if let Some(dump) = ends.source.dump(uid, reason).await? {
                    let hint = quarantining::hint(folder, uid);
                    note.file = folder.run.job.quarantine.keep_dump(&hint, dump).await?;
                }
                quarantining::keep(folder, note).await?;
            }
            None => unexplained.insert(uid),
        }
    }
    Ok(unexplained)
}
