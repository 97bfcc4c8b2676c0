//! Finds which messages of one folder are the same as messages of another: for adoption, for doubts after a lost
//! answer, and for folders whose UIDVALIDITY changed.
//! Never pairs two messages on weak evidence alone, and never one message with two.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::envelope::Envelope;
use crate::message::Uid;
use crate::record::{HeaderKey, Keys};
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
}

impl Pairing {
    fn new(wanted: &[Portrait], present: &[Portrait]) -> Self {
        let (mut wanted, mut present) = (wanted.to_vec(), present.to_vec());
        wanted.sort_by_key(|message| message.uid);
        present.sort_by_key(|message| message.uid);
        Self { wanted, present, pairs: Vec::new() }
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
                let at = alike.iter().rposition(|other| may_be(message, other))?;
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
mod tests {
    use super::*;
    use crate::envelope::Addressed;
    use crate::message::ContentHash;
    use proptest::prelude::*;

    fn uid(number: u32) -> Uid {
        Uid::new(number).unwrap()
    }

    fn key(number: u8) -> Option<HeaderKey> {
        (number > 0).then_some(HeaderKey([number; 16]))
    }

    fn outline(number: u32, strong: u8, loose: u8, octets: u64) -> Outline {
        Outline {
            uid: uid(number),
            strong: key(strong),
            loose: key(loose),
            octets,
            internal_unix_seconds: None,
        }
    }

    fn portrait(number: u32, content: u8, body: u8, strong: u8, loose: u8) -> Portrait {
        let keys = Keys {
            content: Some(ContentHash([content; 32])),
            body: key(body),
            strong: key(strong),
            loose: key(loose),
        };
        let envelope = Envelope { message_id: key(strong), addressed: Addressed::Nobody };
        Portrait { uid: uid(number), keys, envelope: Some(envelope), internal_unix_seconds: Some(7) }
    }

    /// One of those that a program sent to many people: one sender, second and subject.
    fn sent(number: u32, text: u8, id: u8, to: u8) -> Portrait {
        let strong = if id == 0 { 0 } else { id.wrapping_mul(7).wrapping_add(to) };
        let mut sent = portrait(number, number as u8, text, strong, 3);
        let addressed = key(to).map_or(Addressed::Nobody, Addressed::These);
        sent.envelope = Some(Envelope { message_id: key(id), addressed });
        sent
    }

    fn texts(verdict: &HeaderVerdict) -> (usize, alloc::string::String, alloc::string::String) {
        use alloc::string::ToString;
        (verdict.same.len(), verdict.compare_wanted.to_string(), verdict.compare_present.to_string())
    }

    #[test]
    fn one_of_each_with_one_size_is_the_same_message() {
        let verdict = by_header(&[outline(1, 5, 5, 100)], &[outline(9, 5, 5, 100)]);
        assert_eq!(verdict.same, [(uid(1), uid(9))]);
    }

    #[test]
    fn a_shared_message_id_is_no_proof_where_there_are_several_or_sizes_differ() {
        let two = [outline(1, 5, 5, 100), outline(2, 5, 5, 100)];
        assert_eq!(texts(&by_header(&two, &[outline(9, 5, 5, 100)])), (0, "1:2".into(), "9".into()));
        let other_size = by_header(&[outline(1, 5, 5, 100)], &[outline(9, 5, 5, 101)]);
        assert_eq!(texts(&other_size), (0, "1".into(), "9".into()));
    }

    #[test]
    fn what_headers_pair_is_compared_where_they_prove_nothing() {
        let verdict = by_header(&[outline(1, 5, 5, 100)], &[outline(9, 5, 5, 100)]);
        assert_eq!(texts(&verdict), (1, "".into(), "".into()));
        assert_eq!(texts(&verdict.doubted()), (0, "1".into(), "9".into()));
    }

    #[test]
    fn messages_without_an_id_are_always_compared() {
        let verdict = by_header(&[outline(1, 0, 0, 10), outline(2, 0, 3, 10)], &[outline(8, 0, 0, 50)]);
        assert_eq!(texts(&verdict), (0, "1".into(), "8".into()));
        let sized = by_header(&[outline(1, 0, 3, 10)], &[outline(8, 0, 4, 10)]);
        assert_eq!(texts(&sized), (0, "1".into(), "8".into()));
    }

    #[test]
    fn a_rewritten_message_id_is_found_by_the_other_fields() {
        let verdict = by_header(&[outline(1, 5, 3, 10)], &[outline(8, 6, 3, 50)]);
        assert_eq!(texts(&verdict), (0, "1".into(), "8".into()));
    }

    #[test]
    fn three_identical_messages_need_three_partners() {
        let wanted = [portrait(1, 7, 1, 1, 1), portrait(2, 7, 1, 1, 1), portrait(3, 7, 1, 1, 1)];
        let verdict = by_content(&wanted, &[portrait(8, 7, 1, 1, 1), portrait(9, 7, 1, 1, 1)]);
        assert_eq!(verdict.same, [(uid(1), uid(8)), (uid(2), uid(9))]);
        assert!(verdict.held.is_empty(), "the third is simply not there yet");
    }

    #[test]
    fn same_headers_and_another_text_are_two_messages_once_the_right_one_is_taken() {
        let wanted = [portrait(1, 1, 1, 4, 4), portrait(2, 2, 2, 4, 4)];
        let verdict = by_content(&wanted, &[portrait(8, 2, 2, 4, 4)]);
        assert_eq!((verdict.same, verdict.held), (alloc::vec![(uid(2), uid(8))], alloc::vec![]));
    }

    #[test]
    fn a_rewritten_text_is_held_and_a_rewritten_header_is_not() {
        let rewritten_text = by_content(&[portrait(1, 1, 1, 4, 4)], &[portrait(8, 2, 2, 4, 4)]);
        assert_eq!(rewritten_text.held, [(uid(1), uid(8))]);
        let rewritten_header = by_content(&[portrait(1, 1, 1, 4, 4)], &[portrait(8, 2, 1, 5, 4)]);
        assert_eq!(rewritten_header.same, [(uid(1), uid(8))]);
    }

    #[test]
    fn one_text_to_other_people_is_another_message_or_a_doubt() {
        for (wanted, present, same, held) in [
            (sent(1, 1, 5, 8), sent(2, 1, 6, 8), 1, 0),
            (sent(1, 1, 5, 8), sent(2, 1, 6, 9), 0, 0),
            (sent(1, 1, 5, 8), sent(2, 2, 6, 9), 0, 0),
            (sent(1, 1, 5, 8), sent(2, 1, 5, 9), 0, 1),
            (sent(1, 1, 0, 8), sent(2, 1, 6, 9), 0, 1),
            (sent(1, 1, 5, 0), sent(2, 1, 6, 9), 0, 1),
        ] {
            let verdict = by_content(&[wanted], &[present]);
            assert_eq!((verdict.same.len(), verdict.held.len()), (same, held), "{wanted:?} {present:?}");
        }
        let crowd: Vec<Portrait> =
            (10..20).map(|number| sent(number, 1, number as u8, number as u8)).collect();
        let verdict = by_content(&[sent(1, 1, 30, 13), sent(2, 1, 31, 40)], &crowd);
        assert_eq!(verdict.same, [(uid(1), uid(13))], "each is held against all that are like it");
        assert!(verdict.held.is_empty(), "{verdict:?}");
    }

    #[test]
    fn a_record_that_does_not_tell_whom_its_message_went_to_is_no_proof() {
        let record = |number: u32| Portrait { envelope: None, ..sent(number, 1, 6, 9) };
        let verdict = by_content(&[sent(1, 1, 5, 8)], &[record(2)]);
        assert_eq!((verdict.same.len(), verdict.held.len()), (0, 1));
    }

    #[test]
    fn what_is_doubted_is_compared_and_the_rest_stays_certain() {
        let mut verdict = by_header(
            &[outline(1, 5, 5, 100), outline(2, 6, 6, 100)],
            &[outline(8, 5, 5, 100), outline(9, 6, 6, 100)],
        );
        verdict.doubt(&[uid(9)].into_iter().collect());
        assert_eq!(texts(&verdict), (1, "2".into(), "9".into()));
    }

    proptest! {
        #[test]
        fn nothing_is_paired_twice_and_equal_octets_are_always_found(
            ours in prop::collection::vec((1_u8..4, 0_u8..3, 0_u8..3, 0_u8..3), 0..8),
            theirs in prop::collection::vec((1_u8..4, 0_u8..3, 0_u8..3, 0_u8..3), 0..8),
        ) {
            let make = |list: &[(u8, u8, u8, u8)]| -> Vec<Portrait> {
                let numbered = list.iter().enumerate();
                numbered.map(|(i, m)| portrait(i as u32 + 1, m.0, m.1, m.2, m.3)).collect()
            };
            let (wanted, present) = (make(&ours), make(&theirs));
            let verdict = by_content(&wanted, &present);
            let all = verdict.same.iter().chain(&verdict.held);
            let left: BTreeSet<Uid> = all.clone().map(|pair| pair.0).collect();
            let right: BTreeSet<Uid> = all.clone().map(|pair| pair.1).collect();
            prop_assert_eq!(left.len(), all.clone().count());
            prop_assert_eq!(right.len(), all.count());
            for content in 1_u8..4 {
                let hash = Some(ContentHash([content; 32]));
                let count = |list: &[Portrait]| list.iter().filter(|m| m.keys.content == hash).count();
                let of = |list: &[Portrait], uid: Uid| list.iter().find(|m| m.uid == uid).unwrap().keys.content;
                let is_found = |pair: &&(Uid, Uid)| of(&wanted, pair.0) == hash && of(&present, pair.1) == hash;
                let found = verdict.same.iter().filter(is_found).count();
                prop_assert_eq!(found, count(&wanted).min(count(&present)));
            }
        }
    }
}
