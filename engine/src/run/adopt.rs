//! Finds wanted messages that the destination holds already: sent before an answer was lost, or put there by
//! somebody else.
//! Never adopts on weak evidence, and never copies what may be there in another form without a decision.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use malote_plan::matching::{self, Outline, Portrait};
use malote_plan::message::{Flags, Uid, UidValidity};
use malote_plan::record::{Intent, Keys, Record, State};
use malote_plan::uid_set::UidSet;

use super::context::{FolderRun, decision};
use super::reading::{Ends, ascending, at_destination};
use super::recognise::{self, Picture};
use super::resemble::{self, Behind};
use crate::failure::Result;

/// Looks at an unquiet destination before its doubts are settled all the same.
const QUIET_LOOKS_MAX: u32 = 20;

/// Messages that wait for a decision and are told by their dates; a failure holds no subject.
const HELD_DATED_MAX: u64 = 5;

/// Takes out of `open` what is found at the destination, writes records for it, and returns what is to be copied.
pub(super) async fn settle(
    folder: &mut FolderRun<'_>,
    ends: &mut Ends,
    open: UidSet,
    validity: UidValidity,
) -> Result<UidSet> {
    let intents = folder.run.job.ledger.intents(folder.pair.row.id).await?;
    let doubts = doubts(&intents, &open, validity);
    if !doubts.is_empty() {
        wait_for_quiet(folder, ends).await?;
        folder.doubted = folder.doubted.union(&doubts);
    }
    if ends.destination.status().messages == 0 {
        return Ok(open);
    }
    let (foreign, behind) = unclaimed(folder, ends, validity).await?;
    if foreign.is_empty() && behind.is_empty() {
        return Ok(open);
    }
    let behind = Behind::of(folder, behind).await?;
    let present = ends.destination().outlines(&foreign).await?;
    let sent_above = intents.iter().map(|intent| intent.destination_uid_next).min().unwrap_or(1);
    let (recent, older): (Vec<Outline>, Vec<Outline>) =
        present.into_iter().partition(|outline| outline.uid.get() >= sent_above);
    let found = match_up(folder, ends, &doubts, (&recent, &Behind::default()), State::Copied).await?;
    let left = open.difference(&found.wanted);
    let remaining = |list: Vec<Outline>| list.into_iter().filter(|one| !found.present.contains(&one.uid));
    let left_behind = ends.destination().outlines(&behind.uids).await?;
    let strangers: Vec<Outline> = remaining(recent).chain(older).chain(left_behind).collect();
    if strangers.is_empty() {
        return Ok(left);
    }
    let adopted = match_up(folder, ends, &left, (&strangers, &behind), State::Adopted).await?;
    hold(folder, ends, &adopted.held).await?;
    Ok(left.difference(&adopted.wanted).difference(&ascending(adopted.held)))
}

/// What the destination shows and no record of a source generation in force has: what somebody else put there, and
/// copies of messages that were not known again when the source's UIDs changed. Those may stand for messages that the
/// source shows in another form, or again after a while.
async fn unclaimed(
    folder: &FolderRun<'_>,
    ends: &mut Ends,
    validity: UidValidity,
) -> Result<(UidSet, UidSet)> {
    let (ledger, wire) = (&folder.run.job.ledger, &folder.pair.row.key.destination_wire);
    let known = ledger.destination_uids(wire, validity).await?;
    let claimed = ledger.claimed_uids(wire, validity).await?;
    let present = at_destination(folder, ends).await?;
    Ok((present.difference(&known), present.intersection(&known.difference(&claimed))))
}

/// Tells of copies that are left where the source's UIDs changed: nobody removes them, and no message of the source
/// is known to be theirs.
pub(super) async fn tell_kept(folder: &FolderRun<'_>, ends: &mut Ends, validity: UidValidity) -> Result<()> {
    if !folder.is_renumbered || ends.destination.status().messages == 0 {
        return Ok(());
    }
    let (_, behind) = unclaimed(folder, ends, validity).await?;
    if !behind.is_empty() {
        folder.run.findings.warn(format!(
            "{}: {} copies that earlier runs made are of no message that the source shows now; they are kept",
            folder.pair.destination.path,
            behind.len()
        ));
    }
    Ok(())
}

/// Messages that an earlier attempt may have sent without seeing the answer.
fn doubts(intents: &[Intent], open: &UidSet, validity: UidValidity) -> UidSet {
    let current = intents.iter().filter(|intent| intent.destination_uid_validity == validity);
    let sent = current.fold(UidSet::new(), |all, intent| all.union(&intent.source_uids));
    open.intersection(&sent)
}

async fn wait_for_quiet(folder: &FolderRun<'_>, ends: &mut Ends) -> Result<()> {
    let quiet = Duration::from_millis(folder.run.job.policy.quiet_ms);
    let mut before = ends.destination.refresh().await?;
    for _ in 0..QUIET_LOOKS_MAX {
        tokio::time::sleep(quiet).await;
        let now = ends.destination.refresh().await?;
        if (now.uid_next, now.messages) == (before.uid_next, before.messages) {
            break;
        }
        before = now;
    }
    Ok(())
}

#[derive(Default)]
struct Found {
    wanted: UidSet,
    present: BTreeSet<Uid>,
    held: Vec<Uid>,
}

/// Holds wanted messages against present ones and records each pair under `state`. Of those that a rebase left
/// `behind`, octets alone are proof, or every letter: an item may have been written anew under the same header. One
/// that was surely edited since is another message, and its earlier copy none of it.
async fn match_up(
    folder: &mut FolderRun<'_>,
    ends: &mut Ends,
    wanted: &UidSet,
    (present, behind): (&[Outline], &Behind),
    state: State,
) -> Result<Found> {
    let mut found = Found::default();
    if wanted.is_empty() || present.is_empty() {
        return Ok(found);
    }
    let limits = folder.run.job.read_limits();
    let outlines = ends.source().outlines(wanted).await?;
    let mut by_header = matching::by_header(&outlines, present);
    by_header.doubt(&behind.uids);
    let by_header = if folder.goes_by_octets { by_header.doubted() } else { by_header };
    let mut read = recognise::pictures(folder, ends.source(), &by_header.compare_wanted).await?;
    let theirs = ends.destination().portraits(&by_header.compare_present, &limits).await?;
    let mut theirs: Vec<Portrait> = theirs.into_iter().map(|(portrait, _)| portrait).collect();
    theirs.iter_mut().for_each(|portrait| portrait.keys.imprint = behind.imprint(portrait.uid));
    take_repaired(folder, ends, (&mut read, &mut theirs), state, &mut found).await?;
    let ours: Vec<Portrait> = read.iter().map(|picture| picture.portrait).collect();
    let by_content = matching::by_content(&ours, &theirs);
    let left_behind = by_content.same.iter().filter(|pair| behind.uids.contains(pair.1)).copied();
    recognise::tell_headers(folder, &left_behind.collect::<Vec<_>>(), &ours, &theirs);
    let mut records = Vec::new();
    let outline_of: BTreeMap<Uid, &Outline> = outlines.iter().map(|outline| (outline.uid, outline)).collect();
    for (uid, partner) in &by_header.same {
        let Some(outline) = outline_of.get(uid) else { continue };
        let keys = Keys { strong: outline.strong, loose: outline.loose, ..Keys::default() };
        records.push(record(*uid, *partner, state, keys, outline.octets, outline.internal_unix_seconds));
    }
    let picture_of: BTreeMap<Uid, &Picture> = read.iter().map(|one| (one.portrait.uid, one)).collect();
    for (uid, partner) in &by_content.same {
        let Some(Picture { portrait, octets, .. }) = picture_of.get(uid) else { continue };
        records.push(record(*uid, *partner, state, portrait.keys, *octets, portrait.internal_unix_seconds));
    }
    release(folder, &records).await?;
    folder.run.job.ledger.record(folder.pair.row.id, &records).await?;
    note_found(folder, &records, &mut found);
    let mut held: BTreeSet<Uid> = by_content.held.iter().map(|pair| pair.0).collect();
    if state == State::Adopted && folder.run.job.source.remakes() {
        held.extend(match_writings(folder, ends, (wanted, present, behind), &mut found).await?);
    }
    found.held = held.into_iter().filter(|uid| !found.wanted.contains(*uid)).collect();
    Ok(found)
}

/// Records what is there in another writing, and returns what may be and is not surely so. Copies that were written of
/// this source are earlier ones of their items; what came there by another way stays in its own writing.
async fn match_writings(
    folder: &mut FolderRun<'_>,
    ends: &mut Ends,
    (wanted, present, behind): (&UidSet, &[Outline], &Behind),
    found: &mut Found,
) -> Result<Vec<Uid>> {
    let wanted = wanted.difference(&found.wanted);
    let free = present.iter().map(|outline| outline.uid).filter(|uid| !found.present.contains(uid));
    let free = ascending(free);
    let limits = folder.run.job.read_limits();
    let resembling = resemble::compare(ends, (&wanted, &free, behind), &limits).await?;
    let mut adopted = Vec::new();
    for (uid, partner) in &resembling.verdict.same {
        let Some((ours, theirs)) = resembling.ours.get(uid).zip(resembling.theirs.get(partner)) else {
            continue;
        };
        let record =
            record(*uid, *partner, State::Adopted, ours.keys, ours.octets, ours.internal_unix_seconds);
        adopted.push((record, resemble::note(*uid, theirs)));
    }
    if !adopted.is_empty() {
        release(folder, adopted.iter().map(|(record, _)| record)).await?;
        folder.run.job.ledger.record_repaired(folder.pair.row.id, &adopted).await?;
        note_found(folder, adopted.iter().map(|(record, _)| record), found);
        folder.run.findings.warn(format!(
            "{}: {} messages are at the destination as they once came there, with the same Message-ID, date, sender, \
             subject, text and files; they were adopted and not copied in the writing that the store gives",
            folder.pair.source.path,
            adopted.len()
        ));
    }
    Ok(resembling.verdict.held.iter().map(|pair| pair.0).collect())
}

/// Takes the copies of these records from bygone ones, before they are written: without any record, a copy is found
/// again; with two, it would stand for two messages.
pub(super) async fn release<'a>(
    folder: &FolderRun<'_>,
    records: impl IntoIterator<Item = &'a Record>,
) -> Result<()> {
    let copies = ascending(records.into_iter().filter_map(|record| record.destination_uid));
    let Some(validity) = folder.pair.row.tokens.destination_uid_validity.filter(|_| !copies.is_empty())
    else {
        return Ok(());
    };
    let wire = &folder.pair.row.key.destination_wire;
    folder.run.job.ledger.release(wire, validity, &copies).await
}

fn note_found<'a>(
    folder: &mut FolderRun<'_>,
    records: impl IntoIterator<Item = &'a Record>,
    found: &mut Found,
) {
    for record in records {
        found.wanted.insert(record.source_uid);
        folder.tally.adopted.insert(record.source_uid);
        found.present.extend(record.destination_uid);
        folder.run.job.progress.messages_done(1);
    }
}

/// Records what is there as a repair left it, and takes both sides of it out.
async fn take_repaired(
    folder: &mut FolderRun<'_>,
    ends: &mut Ends,
    (wanted, present): (&mut Vec<Picture>, &mut Vec<Portrait>),
    state: State,
    found: &mut Found,
) -> Result<()> {
    let mut repaired = Vec::new();
    for (picture, partner, changed) in recognise::repaired(wanted, present) {
        let Picture { portrait, octets, .. } = picture;
        let (uid, date) = (portrait.uid, portrait.internal_unix_seconds);
        let note = recognise::note(folder, ends, picture, changed).await?;
        repaired.push((record(uid, partner, state, portrait.keys, *octets, date), note));
    }
    if repaired.is_empty() {
        return Ok(());
    }
    release(folder, repaired.iter().map(|(record, _)| record)).await?;
    folder.run.job.ledger.record_repaired(folder.pair.row.id, &repaired).await?;
    note_found(folder, repaired.iter().map(|(record, _)| record), found);
    wanted.retain(|picture| !found.wanted.contains(picture.portrait.uid));
    present.retain(|portrait| !found.present.contains(&portrait.uid));
    Ok(())
}

/// A record whose base of the flag merge is empty, so that flags of both sides unite on the first pass.
fn record(uid: Uid, partner: Uid, state: State, keys: Keys, octets: u64, date: Option<i64>) -> Record {
    Record {
        source_uid: uid,
        state,
        destination_uid: Some(partner),
        keys,
        octets,
        internal_unix_seconds: date,
        flags: Flags::default(),
    }
}

/// Tells of messages that wait for a decision; they stay pending.
async fn hold(folder: &FolderRun<'_>, ends: &mut Ends, held: &[Uid]) -> Result<()> {
    if held.is_empty() {
        return Ok(());
    }
    let (path, uids) = (&folder.pair.source.path, ascending(held.iter().copied()));
    let headed = ends.source().headed(&uids.first(HELD_DATED_MAX)).await?;
    let dates: Vec<String> = headed.iter().filter_map(|headed| date(&headed.header)).collect();
    let more = if uids.len() > HELD_DATED_MAX { " and others" } else { "" };
    let dated = if dates.is_empty() { String::new() } else { format!("; dated {}{more}", dates.join("; ")) };
    folder.run.findings.fail(&decision(format!(
        "{path}: {} messages (UID {uids}) have the identity of messages at the destination that say something else; \
         they are neither copied nor counted as there. Remove either one, or copy into another folder{dated}",
        held.len()
    )));
    Ok(())
}

fn date(header: &[u8]) -> Option<String> {
    let date = malote_plan::header::values(header, "Date").next()?;
    Some(String::from_utf8_lossy(date).trim().to_owned())
}
