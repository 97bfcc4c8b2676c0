//! Knows repaired messages again at the destination where no record tells of them: the ledger was lost, or an answer.
//! Never goes by likeness: what a remedy makes of the source's octets must be there octet by octet.

use std::collections::{BTreeMap, BTreeSet};

use malote_plan::envelope::Envelope;
use malote_plan::examine::{self, Circumstances};
use malote_plan::identity;
use malote_plan::matching::{self, Portrait};
use malote_plan::message::Uid;
use malote_plan::record::{Keys, Record, RepairNote};
use malote_plan::repair::{self, Remedy};
use malote_plan::uid_set::UidSet;
use tokio::sync::mpsc;

use super::context::FolderRun;
use super::quarantining;
use super::reading::{Ends, FETCH_QUEUE_MESSAGES, Reading, gathered, traits_of, unix_seconds};
use super::repairing::{Changed, REPAIR_OCTETS_MAX};
use crate::body::Body;
use crate::failure::Result;
use crate::report::RepairEntry;
use crate::source::Fetched;

/// A source message as it is and as remedies would leave it.
pub(super) struct Picture {
    pub portrait: Portrait,
    pub octets: u64,
    findings: String,
    message_id: String,
    changed: Vec<Changed>,
}

impl Picture {
    /// The repair that leaves what has these keys.
    pub fn changed_into(&self, theirs: &Keys) -> Option<&Changed> {
        self.changed.iter().find(|changed| changed.keys.content == theirs.content)
    }

    /// What a report tells of a repair that no record tells of.
    pub fn entry(&self, folder: &FolderRun<'_>, changed: &Changed) -> RepairEntry {
        let words = |names: &str| names.split_ascii_whitespace().map(str::to_owned).collect();
        RepairEntry {
            folder: folder.pair.source.path.to_string(),
            uid: self.portrait.uid.get(),
            message_id: self.message_id.clone(),
            findings: words(&self.findings),
            repairs: words(&changed.remedy.names()),
            kept: String::new(),
            earlier: true,
        }
    }
}

/// Reads messages of the source with all that they may have become. A message that is too long to be repaired is
/// pictured as it is.
pub(super) async fn pictures(
    folder: &FolderRun<'_>,
    mut source: Reading<'_>,
    uids: &UidSet,
) -> Result<Vec<Picture>> {
    if uids.is_empty() {
        return Ok(Vec::new());
    }
    let limits = folder.run.job.read_limits();
    let (sink, mut queue) = mpsc::channel::<Fetched>(FETCH_QUEUE_MESSAGES);
    let read = async move { source.bodies(uids, &limits, &sink).await };
    let look = async {
        let mut pictures = Vec::new();
        while let Some(fetched) = queue.recv().await {
            pictures.push(picture(folder, fetched).await?);
        }
        Ok(pictures)
    };
    let (read, pictures) = tokio::join!(read, look);
    read?;
    pictures
}

async fn picture(folder: &FolderRun<'_>, fetched: Fetched) -> Result<Picture> {
    let (uid, imprint) = (fetched.stub.uid, fetched.stub.imprint);
    let internal_unix_seconds = unix_seconds(&fetched.stub);
    let octets = fetched.body.octets();
    let portrait = |(keys, envelope)| {
        let keys = Keys { imprint, ..keys };
        Portrait { uid, keys, envelope: Some(envelope), internal_unix_seconds }
    };
    let _turn = match fetched.body {
        Body::Wire(_) => Some(folder.run.repairs.turn().await),
        Body::Memory(_) => None,
    };
    if octets > REPAIR_OCTETS_MAX {
        let portrait = portrait(traits_of(fetched.body).await?);
        let (findings, message_id) = (String::new(), String::new());
        return Ok(Picture { portrait, octets, findings, message_id, changed: Vec::new() });
    }
    let whole = gathered(fetched.body, REPAIR_OCTETS_MAX).await?.unwrap_or_default();
    let findings = examine::examine(&whole, &Circumstances::default());
    Ok(Picture {
        portrait: portrait((identity::keys(&whole), Envelope::of(&whole))),
        octets,
        changed: Changed::all(&whole, repair::remedies(&whole, &findings)),
        findings: examine::kinds(&findings),
        message_id: quarantining::message_id(&whole),
    })
}

/// Messages of `wanted` that are among `present` as a remedy left them, each with its partner. What is there as it
/// was at the source comes first and takes its partner out.
pub(super) fn repaired<'a>(
    wanted: &'a [Picture],
    present: &[Portrait],
) -> Vec<(&'a Picture, Uid, &'a Changed)> {
    if wanted.iter().all(|picture| picture.changed.is_empty()) {
        return Vec::new();
    }
    let ours: Vec<Portrait> = wanted.iter().map(|picture| picture.portrait).collect();
    let content = |list: &[Portrait], uid: Uid| {
        list.iter().find(|portrait| portrait.uid == uid).and_then(|portrait| portrait.keys.content)
    };
    let exact = matching::by_content(&ours, present).same;
    let exact = exact.into_iter().filter(|pair| content(&ours, pair.0) == content(present, pair.1));
    let (whole, mut taken): (BTreeSet<Uid>, BTreeSet<Uid>) = exact.unzip();
    let mut found = Vec::new();
    for picture in wanted.iter().filter(|picture| !whole.contains(&picture.portrait.uid)) {
        let free = |portrait: &&Portrait| !taken.contains(&portrait.uid);
        let partner = picture.changed.iter().find_map(|changed| {
            let is_it = |portrait: &&Portrait| portrait.keys.content == changed.keys.content;
            Some((present.iter().filter(free).find(is_it)?.uid, changed))
        });
        if let Some((partner, changed)) = partner {
            taken.insert(partner);
            found.push((picture, partner, changed));
        }
    }
    found
}

/// What the ledger notes of a repair that was found made. The original is kept again, in case it was lost too.
pub(super) async fn note(
    folder: &FolderRun<'_>,
    ends: &mut Ends,
    picture: &Picture,
    changed: &Changed,
) -> Result<RepairNote> {
    let source_uid = picture.portrait.uid;
    Ok(RepairNote {
        source_uid,
        findings: picture.findings.clone(),
        repairs: changed.remedy.names(),
        message_id: picture.message_id.clone(),
        file: quarantining::keep_again(folder, ends.source(), source_uid).await?,
        octets: changed.octets,
        keys: changed.keys,
    })
}

/// The keys that the source's messages have once their noted repairs are made anew: what verification expects at
/// the destination. One that the repair no longer fits has none here.
pub(super) async fn expected(
    folder: &FolderRun<'_>,
    ends: &mut Ends,
    notes: &[RepairNote],
) -> Result<Vec<(Uid, Keys)>> {
    let mut expected = Vec::new();
    for note in notes {
        let Some(remedy) = Remedy::parse(&note.repairs) else { continue };
        let _turn = folder.run.repairs.turn().await;
        let limits = folder.run.job.read_limits();
        let whole = ends.source().whole(note.source_uid, &limits, REPAIR_OCTETS_MAX).await?;
        let changed = whole.and_then(|octets| Changed::all(&octets, [remedy]).pop());
        expected.extend(changed.map(|changed| (note.source_uid, changed.keys)));
    }
    Ok(expected)
}

/// Records as the destination shows their messages: those of repaired ones with the changed message's keys and
/// length.
pub(super) async fn as_stored(folder: &FolderRun<'_>, mut records: Vec<Record>) -> Result<Vec<Record>> {
    let notes = folder.run.job.ledger.repair_notes(folder.pair.row.id).await?;
    let stored: BTreeMap<Uid, RepairNote> = notes.into_iter().map(|note| (note.source_uid, note)).collect();
    for record in &mut records {
        if let Some(note) = stored.get(&record.source_uid) {
            (record.keys, record.octets) = (note.keys, note.octets);
        }
    }
    Ok(records)
}

/// Tells of a store's items whose text is as it was copied and whose header is not: their copies keep the earlier one.
/// Elsewhere programs write marks of their own into headers, which say nothing.
pub(super) fn tell_headers(
    folder: &FolderRun<'_>,
    same: &[(Uid, Uid)],
    wanted: &[Portrait],
    present: &[Portrait],
) {
    if !folder.run.job.source.remakes() {
        return;
    }
    let contents = |all: &[Portrait]| -> BTreeMap<Uid, _> {
        all.iter().filter_map(|one| Some((one.uid, one.keys.content?))).collect()
    };
    let (ours, theirs) = (contents(wanted), contents(present));
    let is_changed = |pair: &&(Uid, Uid)| {
        ours.get(&pair.0).zip(theirs.get(&pair.1)).is_some_and(|(one, other)| one != other)
    };
    let changed = same.iter().filter(is_changed).count();
    if changed > 0 {
        folder.run.findings.warn(format!(
            "{}: the header of {changed} messages was changed at the source since they were copied, as where somebody \
             was added to Bcc or another importance was set; their text is the same, and their copies were left as \
             they are",
            folder.pair.source.path
        ));
    }
}
