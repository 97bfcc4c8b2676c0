//! Finds messages that the destination has in another writing: mail that came there over a wire, of which the source
//! makes a message anew.
//! Never pairs two for their headers alone, and never has one of the two changed.

use std::collections::BTreeMap;

use malote_plan::identity;
use malote_plan::likeness::{self, Face, Likeness};
use malote_plan::matching::ContentVerdict;
use malote_plan::message::Uid;
use malote_plan::record::{Imprint, Keys, RepairNote};
use malote_plan::uid_set::UidSet;
use tokio::sync::mpsc;

use super::context::FolderRun;
use super::reading::{Ends, FETCH_QUEUE_MESSAGES, Reading, unix_seconds};
use crate::body::Body;
use crate::failure::Result;
use crate::likeness::{Sketcher, face};
use crate::source::{Fetched, ReadLimits};

/// Messages whose headers are held at once.
const HEADER_WINDOW_MESSAGES: u64 = 500;

/// What a ledger notes in the place of repairs where a message is there in another writing. No repair has this name.
const OTHER_WRITING: &str = "other_writing";

/// The same where an earlier copy stays for an item that says the same to the letter. No repair has this name either.
const EARLIER_WRITING: &str = "earlier_writing";

/// A message as it was read: what it says, and its octets' keys.
#[derive(Debug, Clone)]
pub(super) struct Sketch {
    likeness: Likeness,
    pub keys: Keys,
    pub octets: u64,
    pub internal_unix_seconds: Option<i64>,
}

/// Messages of both sides by their UIDs, and what they are to each other.
#[derive(Default)]
pub(super) struct Resembling {
    pub ours: BTreeMap<Uid, Sketch>,
    pub theirs: BTreeMap<Uid, Sketch>,
    pub verdict: ContentVerdict,
}

/// Copies that a rebase left behind, and what the ledger knows of them.
#[derive(Default)]
pub(super) struct Behind {
    pub uids: UidSet,
    /// Those which were written of this source, not only found to be its messages.
    earlier: UidSet,
    imprints: BTreeMap<Uid, Imprint>,
}

impl Behind {
    pub async fn of(folder: &FolderRun<'_>, uids: UidSet) -> Result<Self> {
        let (ledger, wire) = (&folder.run.job.ledger, &folder.pair.row.key.destination_wire);
        let is_asked = folder.run.job.source.remakes() && !uids.is_empty();
        let tokens = &folder.pair.row.tokens;
        let Some(validity) = tokens.destination_uid_validity.filter(|_| is_asked) else {
            return Ok(Self { uids, ..Self::default() });
        };
        let earlier = uids.difference(&ledger.noted_uids(wire, validity, OTHER_WRITING).await?);
        let imprints = ledger.bygone_imprints(wire, validity).await?;
        Ok(Self { uids, earlier, imprints })
    }

    /// What the item said of which the copy `uid` was made, where that was noted.
    pub fn imprint(&self, uid: Uid) -> Option<Imprint> {
        self.imprints.get(&uid).copied()
    }
}

/// Holds wanted messages against present ones by what they say: against earlier copies by every letter.
pub(super) async fn compare(
    ends: &mut Ends,
    (wanted, present, behind): (&UidSet, &UidSet, &Behind),
    limits: &ReadLimits,
) -> Result<Resembling> {
    if wanted.is_empty() || present.is_empty() {
        return Ok(Resembling::default());
    }
    let ours = faces(&mut ends.source(), wanted).await?;
    let theirs = faces(&mut ends.destination(), present).await?;
    let (wanted, present) = likeness::candidates(&ours, &theirs);
    let ours = sketches(ends.source(), &wanted, limits).await?;
    let mut theirs = sketches(ends.destination(), &present, limits).await?;
    for (uid, sketch) in &mut theirs {
        sketch.likeness.is_earlier = behind.earlier.contains(*uid);
        sketch.likeness.imprint = behind.imprint(*uid);
    }
    let likenesses =
        |all: &BTreeMap<Uid, Sketch>| all.values().map(|one| one.likeness.clone()).collect::<Vec<_>>();
    let verdict = likeness::by_likeness(&likenesses(&ours), &likenesses(&theirs));
    Ok(Resembling { ours, theirs, verdict })
}

/// The note that the ledger keeps of what stands at the destination.
pub(super) fn note(source_uid: Uid, theirs: &Sketch) -> RepairNote {
    RepairNote {
        source_uid,
        findings: String::new(),
        repairs: if theirs.likeness.is_earlier { EARLIER_WRITING } else { OTHER_WRITING }.to_owned(),
        message_id: String::new(),
        file: String::new(),
        octets: theirs.octets,
        keys: theirs.keys,
    }
}

/// True for a note of another writing, which is no repair.
pub(super) fn is_other_writing(note: &RepairNote) -> bool {
    note.repairs == OTHER_WRITING || note.repairs == EARLIER_WRITING
}

async fn faces(reading: &mut Reading<'_>, uids: &UidSet) -> Result<Vec<Face>> {
    let mut faces = Vec::new();
    for window in uids.chunks(HEADER_WINDOW_MESSAGES, usize::MAX) {
        let headed = reading.headed(&window).await?;
        faces.extend(headed.iter().map(|headed| face(headed.stub.uid, &headed.header)));
    }
    Ok(faces)
}

async fn sketches(
    mut reading: Reading<'_>,
    uids: &UidSet,
    limits: &ReadLimits,
) -> Result<BTreeMap<Uid, Sketch>> {
    if uids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (sink, mut queue) = mpsc::channel::<Fetched>(FETCH_QUEUE_MESSAGES);
    let read = async move { reading.bodies(uids, limits, &sink).await };
    let look = async {
        let mut sketches = BTreeMap::new();
        while let Some(fetched) = queue.recv().await {
            sketches.insert(fetched.stub.uid, sketch(fetched).await?);
        }
        Ok(sketches)
    };
    let (read, sketches) = tokio::join!(read, look);
    read?;
    sketches
}

async fn sketch(fetched: Fetched) -> Result<Sketch> {
    let (internal_unix_seconds, octets) = (unix_seconds(&fetched.stub), fetched.body.octets());
    let imprint = fetched.stub.imprint;
    let (mut sketcher, mut hasher) = (Sketcher::new(fetched.stub.uid), identity::Hasher::new());
    match fetched.body {
        Body::Memory(octets) => {
            sketcher.update(&octets);
            hasher.update(&octets);
        }
        Body::Wire(mut body) => {
            while let Some(chunk) = body.chunks.recv().await {
                let chunk = chunk?;
                sketcher.update(&chunk);
                hasher.update(&chunk);
            }
        }
    }
    let likeness = Likeness { imprint, ..sketcher.finish() };
    let keys = Keys { imprint, ..hasher.finish() };
    Ok(Sketch { likeness, keys, octets, internal_unix_seconds })
}
