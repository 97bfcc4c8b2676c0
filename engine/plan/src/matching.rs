//! Finds which messages of one folder are the same as messages of another: for adoption, for doubts after a lost
//! answer, and for folders whose UIDVALIDITY changed.
//! Never pairs two messages on weak evidence alone, and never one message with two.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::envelope::Envelope;
use crate::message::Uid;
use crate::record::{HeaderKey, Keys, is_edited};
use crate::uid_set::UidSet;

/// A message as its header alone shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline {
    /// The message.
    pub uid: Uid,
    /// Header fields with a Message-ID.
    pub strong: Option<HeaderKey>,
    /// Date, From and Subject.
    pub loose: Option<HeaderKey>,
    /// The size that its server claims, or that was measured.
    pub octets: u64,
    /// INTERNALDATE.
    pub internal_unix_seconds: Option<i64>,
}

/// A message whose octets were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portrait {
    /// The message.
    pub uid: Uid,
    /// All that it can be known by.
    pub keys: Keys,
    /// Its Message-ID and to whom it goes; none of a record, which keeps neither.
    pub envelope: Option<Envelope>,
    /// INTERNALDATE.
    pub internal_unix_seconds: Option<i64>,
}

/// What headers alone can tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeaderVerdict {
    /// The same message, wanted first: one of each side has this Message-ID, these fields, this size and this date.
    pub same: Vec<(Uid, Uid)>,
    /// Wanted messages whose octets must be read to tell.
    pub compare_wanted: UidSet,
    /// Messages of the other side to hold them against.
    pub compare_present: UidSet,
}

impl HeaderVerdict {
    /// The same where headers prove nothing: whatever they pair is to be compared octet by octet.
    #[must_use]
    pub fn doubted(mut self) -> Self {
        let present = self.same.iter().map(|pair| pair.1).collect();
        self.doubt(&present);
        self
    }

    /// Takes what was certain of `present` for a question that octets have to answer: headers are no proof of a message
    /// that was written before and may have been written anew since.
    pub fn doubt(&mut self, present: &UidSet) {
        let (doubted, same): (Vec<_>, Vec<_>) =
            core::mem::take(&mut self.same).into_iter().partition(|pair| present.contains(pair.1));
        self.same = same;
        self.compare_wanted = self.compare_wanted.union(&doubted.iter().map(|pair| pair.0).collect());
        self.compare_present = self.compare_present.union(&doubted.iter().map(|pair| pair.1).collect());
    }
}

/// What the octets tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContentVerdict {
    /// The same message, wanted first.
    pub same: Vec<(Uid, Uid)>,
    /// Wanted messages beside one that has their identity and another text: to copy might double them, to leave
    /// them might lose them, so somebody has to decide.
    pub held: Vec<(Uid, Uid)>,
}

/// Pairs what is certain by headers, and names what has to be compared octet by octet.
#[must_use]
pub fn by_header(wanted: &[Outline], present: &[Outline]) -> HeaderVerdict {
    let mut same = Vec::new();
    let wanted_by = group(wanted, |outline| outline.strong);
    let present_by = group(present, |outline| outline.strong);
    let (mut open_wanted, mut compare) = (Vec::new(), Compare::default());
    let mut paired = BTreeSet::new();
    for (strong, ours) in &wanted_by {
        let theirs = strong.and_then(|_| present_by.get(strong)).map_or(&[][..], Vec::as_slice);
        match (ours.as_slice(), theirs) {
            (_, []) => open_wanted.extend(ours.iter().copied()),
            ([one], [other]) if one.octets == other.octets && is_dated_alike(one, other) => {
                same.push((one.uid, other.uid));
                paired.insert(other.uid);
            }
            _ => {
                compare.wanted.extend(ours.iter().map(|outline| outline.uid));
                compare.present.extend(theirs.iter().map(|outline| outline.uid));
            }
        }
    }
    let left: Vec<&Outline> = present.iter().filter(|outline| !paired.contains(&outline.uid)).collect();
    look_alikes(&open_wanted, &left, &mut compare);
    HeaderVerdict {
        same,
        compare_wanted: compare.wanted.into_iter().collect(),
        compare_present: compare.present.into_iter().collect(),
    }
}

/// Messages whose octets must be read, in no order and some of them twice.
#[derive(Default)]
struct Compare {
    wanted: Vec<Uid>,
    present: Vec<Uid>,
}

/// False where both sides date the message and not alike: a draft saved again keeps its Message-ID.
fn is_dated_alike(one: &Outline, other: &Outline) -> bool {
    let dates = one.internal_unix_seconds.zip(other.internal_unix_seconds);
    dates.is_none_or(|(one, other)| one == other)
}

/// Adds those that have no partner by Message-ID and may still be the same: the Message-ID rewritten or absent. Each
/// message is looked at once, for a folder may hold thousands of one size without a Message-ID.
fn look_alikes(wanted: &[&Outline], present: &[&Outline], compare: &mut Compare) {
    let (ours, theirs) = (Likeness::of(wanted), Likeness::of(present));
    let alike = |outlines: &[&Outline], others: &Likeness| -> Vec<Uid> {
        let alike = outlines.iter().filter(|outline| others.has_one_like(outline));
        alike.map(|outline| outline.uid).collect()
    };
    compare.wanted.extend(alike(wanted, &theirs));
    compare.present.extend(alike(present, &ours));
}

/// What the messages of one side can be like.
struct Likeness {
    loose: BTreeSet<HeaderKey>,
    octets: BTreeSet<u64>,
    /// Sizes of those without a Message-ID.
    octets_without_id: BTreeSet<u64>,
    /// True where one has a header that says nothing.
    has_bare: bool,
}

impl Likeness {
    fn of(outlines: &[&Outline]) -> Self {
        let without_id = || outlines.iter().filter(|outline| outline.strong.is_none());
        Self {
            loose: outlines.iter().filter_map(|outline| outline.loose).collect(),
            octets: outlines.iter().map(|outline| outline.octets).collect(),
            octets_without_id: without_id().map(|outline| outline.octets).collect(),
            has_bare: without_id().any(|outline| outline.loose.is_none()),
        }
    }

    /// True where one of these has the same Date, From and Subject, or nothing of the kind as well; or the same size
    /// where one of the two lacks a Message-ID.
    fn has_one_like(&self, outline: &Outline) -> bool {
        let is_bare = outline.strong.is_none() && outline.loose.is_none();
        let sizes = if outline.strong.is_none() { &self.octets } else { &self.octets_without_id };
        outline.loose.is_some_and(|loose| self.loose.contains(&loose))
            || (is_bare && self.has_bare)
            || sizes.contains(&outline.octets)
    }
}

fn group<K: Ord>(outlines: &[Outline], key: impl Fn(&Outline) -> K) -> BTreeMap<K, Vec<&Outline>> {
    let mut groups: BTreeMap<K, Vec<&Outline>> = BTreeMap::new();
    for outline in outlines {
        groups.entry(key(outline)).or_default().push(outline);
    }
    groups
}

/// Pairs by octets, best evidence first; each message is used once, in ascending order of UIDs. Where a Message-ID was
/// rewritten, both have to go to the same people: programs send one text to many in one second.
#[must_use]
pub fn by_content(wanted: &[Portrait], present: &[Portrait]) -> ContentVerdict {
    let mut pairing = Pairing::new(wanted, present);
    pairing.round(|message| message.keys.content);
    pairing.round(|message| Some((message.keys.strong?, message.keys.body)));
    pairing.round(|message| Some((message.keys.loose?, message.keys.body?, message.envelope?.addressed)));
    pairing.round(|message| is_bare(message).then_some((message.keys.body?, message.internal_unix_seconds?)));
    let same = core::mem::take(&mut pairing.pairs);
    pairing.is_for_held = true;
    pairing.round(|message| message.keys.strong);
    pairing.round(|message| Some((message.keys.loose?, message.keys.body?)));
    pairing.round(|message| Some((message.keys.loose?, message.internal_unix_seconds?)));
    pairing.round(|message| message.keys.body.filter(|_| is_bare(message)));
    pairing.round(|message| message.internal_unix_seconds.filter(|_| is_bare(message)));
    ContentVerdict { same, held: pairing.pairs }
}

/// True for a message whose header says nothing that it could be known by.
const fn is_bare(message: &Portrait) -> bool {
    message.keys.strong.is_none() && message.keys.loose.is_none()
}

/// False where the octets are not the same and both headers tell of two messages.
fn may_be(one: &Portrait, other: &Portrait) -> bool {
    let is_same = one.keys.content.is_some() && one.keys.content == other.keys.content;
    is_same || one.envelope.zip(other.envelope).is_none_or(|(one, other)| one.may_be(&other))
}

struct Pairing {
    wanted: Vec<Portrait>,
    present: Vec<Portrait>,
    pairs: Vec<(Uid, Uid)>,
    /// True once what is the same is known: an item that was surely edited since a copy was made needs no decision.
    is_for_held: bool,
}

impl Pairing {
    fn new(wanted: &[Portrait], present: &[Portrait]) -> Self {
        let (mut wanted, mut present) = (wanted.to_vec(), present.to_vec());
        wanted.sort_by_key(|message| message.uid);
        present.sort_by_key(|message| message.uid);
        Self { wanted, present, pairs: Vec::new(), is_for_held: false }
    }

    /// Pairs what has an equal `evidence` and may be one message; what has none is left for later rounds.
    fn round<K: Ord>(&mut self, evidence: impl Fn(&Portrait) -> Option<K>) {
        let mut by_evidence: BTreeMap<K, Vec<&Portrait>> = BTreeMap::new();
        for message in self.present.iter().rev() {
            if let Some(key) = evidence(message) {
                by_evidence.entry(key).or_default().push(message);
            }
        }
        let mut used = BTreeSet::new();
        self.wanted.retain(|message| {
            let alike = evidence(message).and_then(|key| by_evidence.get_mut(&key));
            let found = alike.and_then(|alike| {
                let is_told = |other: &Portrait| {
                    self.is_for_held && is_edited(message.keys.imprint, other.keys.imprint)
                };
                let at = alike.iter().rposition(|other| may_be(message, other) && !is_told(other))?;
                Some(alike.remove(at).uid)
            });
            let Some(partner) = found else { return true };
            self.pairs.push((message.uid, partner));
            used.insert(partner);
            false
        });
        self.present.retain(|message| !used.contains(&message.uid));
    }
}

#[cfg(test)]
mod tests;
