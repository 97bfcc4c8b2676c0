//! Folders whose UIDVALIDITY changed: every message gets a new UID and has to be known again by its identity.
//! Never drops a record before the new listing has been held against it.

use malote_plan::failure::{Class, Reach, Retry, Side};
use malote_plan::matching::{self, Outline, Portrait};
use malote_plan::message::Uid;
use malote_plan::record::{Record, State};
use malote_plan::uid_set::UidSet;

use super::context::{FolderRun, generation};
use super::reading::{Ends, Reading, at_destination, whole};
use super::recognise;
use crate::event::Event;
use crate::failure::{Failure, Result};

/// Records read from the ledger at once.
const RECORD_WINDOW: u64 = 5000;

/// Notes both generations when a folder is new, and re-approves its records when one has changed.
pub(super) async fn generations(folder: &mut FolderRun<'_>, ends: &mut Ends, uids: &UidSet) -> Result<()> {
    let source = generation(&ends.source.status());
    let destination = generation(&ends.destination.status());
    for (side, status) in
        [(Side::Source, ends.source.status()), (Side::Destination, ends.destination.status())]
    {
        if status.uid_validity.is_none() {
            let (side, path) = (side.as_str(), &folder.pair.source.path);
            folder.run.findings.warn(format!(
                "{path}: the {side} gives no UIDVALIDITY, so a change of its UIDs cannot be noticed"
            ));
        }
    }
    let known = (folder.pair.row.tokens.source_uid_validity, folder.pair.row.tokens.destination_uid_validity);
    // Whatever a new generation left without a record stays in question until all of the folder has one.
    let is_in_question = known.0.is_some_and(|known| known != source) || !folder.pair.row.tokens.is_complete;
    folder.goes_by_octets = ends.source.may_be_rewritten() && is_in_question;
    if known == (Some(source), Some(destination)) {
        return went_back(folder, ends);
    }
    if known.0.is_some_and(|known| known != source) {
        whole(folder, Side::Source, uids, ends.source.status().messages)?;
        tell(folder, Side::Source);
        let moves = source_moves(folder, ends, uids).await?;
        folder.run.job.ledger.rebase_source(folder.pair.row.id, source, &moves).await?;
        folder.tally.renumber(uids, &moves);
        folder.copied_before = folder.tally.copied.clone();
        folder.keywords.clear();
        folder.is_renumbered = true;
    }
    if known.1.is_some_and(|known| known != destination) {
        tell(folder, Side::Destination);
        let moves = destination_moves(folder, ends).await?;
        folder.run.job.ledger.rebase_destination(folder.pair.row.id, destination, &moves).await?;
    }
    let tokens = &mut folder.pair.row.tokens;
    tokens.source_uid_validity = Some(source);
    tokens.destination_uid_validity = Some(destination);
    // Modification sequences belong to a generation: those of an old one tell nothing of a new one.
    (tokens.source_modseq, tokens.is_complete) = (None, false);
    (tokens.source_uid_next, tokens.destination_uid_next) = (0, 0);
    folder.since = None;
    folder.run.job.ledger.set_tokens(folder.pair.row.id, tokens).await
}

/// UIDNEXT never goes back (RFC 9051 §2.3.1.1): where it did, a folder was put back from a backup or made anew under
/// its old UIDVALIDITY, and records may be of other messages than those that bear their UIDs.
fn went_back(folder: &FolderRun<'_>, ends: &Ends) -> Result<()> {
    let tokens = &folder.pair.row.tokens;
    let sides = [
        (Side::Source, tokens.source_uid_next, ends.source.status()),
        (Side::Destination, tokens.destination_uid_next, ends.destination.status()),
    ];
    for (side, before, status) in sides {
        if status.uid_next.is_some_and(|now| now < before) {
            let (path, side_name) = (&folder.pair.source.path, side.as_str());
            let message = format!(
                "{path}: UIDNEXT went back at the {side_name} under the same UIDVALIDITY, as when a backup is put \
                 back; what the ledger knows of this folder may be wrong. Use a new state file: what is there \
                 already is recognised and not copied twice"
            );
            return Err(Failure::new(side, Class::IdentityChanged, Reach::Folder, Retry::Never, message));
        }
    }
    Ok(())
}

fn tell(folder: &FolderRun<'_>, side: Side) {
    let sentence = format!(
        "{}: UIDVALIDITY changed at the {}; its messages were recognised anew by their identity",
        folder.pair.source.path,
        side.as_str()
    );
    folder.run.job.events.emit(Event::Warning(sentence.clone()));
    folder.run.findings.warn(sentence);
}

/// Pairs of (old source UID, new source UID).
async fn source_moves(folder: &FolderRun<'_>, ends: &mut Ends, uids: &UidSet) -> Result<Vec<(Uid, Uid)>> {
    let records = records(folder, |_| true).await?;
    if records.is_empty() {
        return Ok(Vec::new());
    }
    let now = ends.source().outlines(uids).await?;
    let pairs = pair(folder, &mut ends.source(), &now, &records, false).await?;
    Ok(pairs.into_iter().map(|(new, old)| (old, new)).collect())
}

/// Pairs of (source UID, new destination UID).
async fn destination_moves(folder: &FolderRun<'_>, ends: &mut Ends) -> Result<Vec<(Uid, Uid)>> {
    let records = records(folder, |record| matches!(record.state, State::Copied | State::Adopted)).await?;
    let records = recognise::as_stored(folder, records).await?;
    if records.is_empty() {
        return Ok(Vec::new());
    }
    let wire = &folder.pair.row.key.destination_wire;
    let validity = generation(&ends.destination.status());
    // Other folders that lead here may have found theirs already.
    let taken = folder.run.job.ledger.destination_uids(wire, validity).await?;
    let present = at_destination(folder, ends).await?.difference(&taken);
    let now = ends.destination().outlines(&present).await?;
    let may_be_rewritten = !ends.destination.keeps_octets();
    let pairs = pair(folder, &mut ends.destination(), &now, &records, may_be_rewritten).await?;
    Ok(pairs.into_iter().map(|(new, source)| (source, new)).collect())
}

/// Pairs messages as they are listed now with the records they once had, by header first and by octets where
/// headers do not tell. `may_be_rewritten` accepts a message that kept its Message-ID and lost its text: it is one
/// that Malote itself put there, at a server that rewrites what it takes. In files such a one is damaged.
async fn pair(
    folder: &FolderRun<'_>,
    reading: &mut Reading<'_>,
    now: &[Outline],
    records: &[Record],
    may_be_rewritten: bool,
) -> Result<Vec<(Uid, Uid)>> {
    let before: Vec<Outline> = records.iter().map(outline).collect();
    let mut by_header = matching::by_header(now, &before);
    // Whoever wrote a file anew may have kept header, length and date.
    if folder.goes_by_octets && matches!(reading, Reading::Source(_)) {
        by_header = by_header.doubted();
    }
    let read = reading.portraits(&by_header.compare_wanted, &folder.run.job.read_limits()).await?;
    let wanted: Vec<Portrait> = read.into_iter().map(|(portrait, _)| portrait).collect();
    let compared = records.iter().filter(|record| by_header.compare_present.contains(record.source_uid));
    let present: Vec<Portrait> = compared.map(portrait).collect();
    let by_content = matching::by_content(&wanted, &present);
    if !may_be_rewritten {
        recognise::tell_headers(folder, &by_content.same, &wanted, &present);
    }
    let mut pairs = by_header.same;
    pairs.extend(by_content.same);
    // A message that was known by its header alone has no text on record that could differ.
    let textless = records.iter().filter(|record| record.keys.content.is_none());
    let textless: UidSet = textless.map(|record| record.source_uid).collect();
    pairs.extend(by_content.held.into_iter().filter(|pair| may_be_rewritten || textless.contains(pair.1)));
    Ok(pairs)
}

async fn records(folder: &FolderRun<'_>, keep: impl Fn(&Record) -> bool) -> Result<Vec<Record>> {
    let (ledger, id) = (&folder.run.job.ledger, folder.pair.row.id);
    let all = ledger.recorded(id).await?.all();
    let mut records = Vec::new();
    for window in all.chunks(RECORD_WINDOW, usize::MAX) {
        records.extend(ledger.records(id, &window).await?.into_iter().filter(&keep));
    }
    Ok(records)
}

/// A record seen as the header of the message that it stands for.
pub(super) fn outline(record: &Record) -> Outline {
    Outline {
        uid: record.source_uid,
        strong: record.keys.strong,
        loose: record.keys.loose,
        octets: record.octets,
        internal_unix_seconds: record.internal_unix_seconds,
    }
}

/// A record seen as the message that it stands for.
pub(super) fn portrait(record: &Record) -> Portrait {
    let (uid, keys) = (record.source_uid, record.keys);
    Portrait { uid, keys, envelope: None, internal_unix_seconds: record.internal_unix_seconds }
}
