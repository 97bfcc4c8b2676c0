//! Tells whether two messages are one in two writings: an item of a store that was made into mail anew, and the mail
//! that once came over a wire.
//! Never pairs what differs in text or files, and never a message twice; where one may be another, it is held.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::envelope::Addressed;
use crate::matching::ContentVerdict;
use crate::message::Uid;
use crate::record::HeaderKey;
use crate::uid_set::UidSet;

/// Seconds by which the dates of one message may differ in two writings: when it was handed in, and when it was sent.
pub const DATES_APART_SECONDS_MAX: u64 = 120;

/// Messages of one Message-ID, or of one date and subject, that one message is held against.
pub const LOOK_ALIKES_MAX: usize = 500;

/// What a header says, whatever way it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Face {
    /// The message.
    pub uid: Uid,
    /// Its Message-ID, where that is one that its author gave it.
    pub message_id: Option<HeaderKey>,
    /// Its Message-ID, where a reader of stores made it of the store's key and the item's number: two copies of a store
    /// that went on apart give one to two items.
    pub made_id: Option<HeaderKey>,
    /// Its Date as seconds since the epoch.
    pub unix_seconds: Option<i64>,
    /// The address it is from; none where only a name inside an organisation is known.
    pub sender: Option<HeaderKey>,
    /// Whom it goes to.
    pub addressed: Addressed,
    /// Its subject, decoded and without blanks.
    pub subject: Option<HeaderKey>,
}

/// A message that was read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Likeness {
    /// What its header says.
    pub face: Face,
    /// Its plain text, decoded and without blanks.
    pub plain: Option<HeaderKey>,
    /// The text of its HTML, likewise.
    pub html: Option<HeaderKey>,
    /// All its files together, in whatever order.
    pub files: HeaderKey,
    /// False where a limit was passed, so that not all of it was looked at.
    pub is_whole: bool,
}

/// What two messages are to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Same,
    Doubtful,
    Other,
}

impl Face {
    /// True where the two share a Message-ID; or, where one of them has none, date and subject, and nothing tells that
    /// they are from or to other people.
    fn may_be(&self, other: &Self) -> bool {
        match (self.message_id, other.message_id) {
            (Some(one), Some(other)) => one == other,
            _ if self.is_made_like(other) => true,
            _ => {
                self.unix_seconds.is_some()
                    && self.unix_seconds == other.unix_seconds
                    && self.subject == other.subject
                    && agree(self.sender, other.sender)
                    && self.addressed.agrees(other.addressed) != Some(false)
            }
        }
    }

    fn is_made_like(&self, other: &Self) -> bool {
        self.made_id.is_some() && self.made_id == other.made_id
    }

    /// True where both are surely from one and to the same.
    fn is_sent_like(&self, other: &Self) -> bool {
        self.sender == other.sender && self.addressed.agrees(other.addressed) == Some(true)
    }

    const fn any_id(&self) -> Option<HeaderKey> {
        if self.message_id.is_some() { self.message_id } else { self.made_id }
    }

    fn moment(&self) -> Option<Moment> {
        Some((self.unix_seconds?, self.subject))
    }
}

impl Likeness {
    fn relation(&self, other: &Self) -> Relation {
        let (one, two) = (&self.face, &other.face);
        if !one.may_be(two) {
            return Relation::Other;
        }
        let is_whole = self.is_whole && other.is_whole;
        let (text, files) = (self.text_agrees(other), self.files == other.files);
        if one.message_id.is_some() && two.message_id.is_some() {
            let dates = one.unix_seconds.zip(two.unix_seconds);
            let is_dated = dates.is_none_or(|(one, two)| one.abs_diff(two) <= DATES_APART_SECONDS_MAX);
            let is_headed = is_dated && agree(one.sender, two.sender) && one.subject == two.subject;
            let is_same = is_headed && is_whole && files && text.unwrap_or(true);
            return if is_same { Relation::Same } else { Relation::Doubtful };
        }
        let is_sent = one.is_sent_like(two);
        if one.is_made_like(two) {
            let is_headed = is_sent && one.subject == two.subject;
            let has_one_date = one.unix_seconds.is_some() && one.unix_seconds == two.unix_seconds;
            let is_new = one.subject != two.subject && !has_one_date;
            return match (text, files) {
                // What was only touched may have another date: it is that of its last change where it has no other.
                (Some(true), true) if is_whole && is_headed => Relation::Same,
                (Some(false), _) if is_whole && is_new => Relation::Other,
                _ => Relation::Doubtful,
            };
        }
        match (text, files) {
            (Some(true), true) if is_whole && is_sent => Relation::Same,
            // Programs send several messages of one subject in one second: those differ in all that they say.
            (Some(false), false) if is_whole => Relation::Other,
            (Some(false), true) if is_whole && self.has_no_files_like(other) => Relation::Other,
            _ => Relation::Doubtful,
        }
    }

    /// Whether both say the same, HTML first: a plain text beside it is often made from it. Nothing where neither says
    /// anything.
    fn text_agrees(&self, other: &Self) -> Option<bool> {
        if let (Some(one), Some(two)) = (self.html, other.html) {
            return Some(one == two);
        }
        let (ours, theirs) = ([self.plain, self.html], [other.plain, other.html]);
        if ours.iter().chain(&theirs).all(Option::is_none) {
            return None;
        }
        Some(ours.iter().flatten().any(|text| theirs.contains(&Some(*text))))
    }

    /// True where both have no file at all, so that agreeing in files says nothing.
    fn has_no_files_like(&self, other: &Self) -> bool {
        self.files == NO_FILES && other.files == NO_FILES
    }
}

/// What stands for no file at all.
pub const NO_FILES: HeaderKey = HeaderKey([0; 16]);

fn agree(one: Option<HeaderKey>, two: Option<HeaderKey>) -> bool {
    one.zip(two).is_none_or(|(one, two)| one == two)
}

/// Those of both sides whose headers leave open that they are one message: wanted, present.
#[must_use]
pub fn candidates(wanted: &[Face], present: &[Face]) -> (UidSet, UidSet) {
    (like_any(wanted, present), like_any(present, wanted))
}

fn like_any(faces: &[Face], others: &[Face]) -> UidSet {
    let ids: BTreeSet<HeaderKey> = others.iter().filter_map(Face::any_id).collect();
    let moments: BTreeSet<_> = others.iter().filter_map(Face::moment).collect();
    let nameless: BTreeSet<_> =
        others.iter().filter(|face| face.message_id.is_none()).filter_map(Face::moment).collect();
    let has_id = |face: &Face| face.any_id().is_some_and(|id| ids.contains(&id));
    let is_like = |face: &&Face| match face.message_id {
        _ if has_id(face) => true,
        Some(_) => face.moment().is_some_and(|moment| nameless.contains(&moment)),
        None => face.moment().is_some_and(|moment| moments.contains(&moment)),
    };
    faces.iter().filter(is_like).map(|face| face.uid).collect()
}

/// Pairs messages that are the same in two writings, then names those that may be; each is used once, in ascending
/// order of UIDs.
#[must_use]
pub fn by_likeness(wanted: &[Likeness], present: &[Likeness]) -> ContentVerdict {
    let mut wanted: Vec<&Likeness> = wanted.iter().collect();
    wanted.sort_by_key(|one| one.face.uid);
    let crowd = Crowd::new(present);
    let mut used = BTreeSet::new();
    let same = round(&mut wanted, &crowd, &mut used, Relation::Same);
    let held = round(&mut wanted, &crowd, &mut used, Relation::Doubtful);
    ContentVerdict { same, held }
}

/// Messages of the other side by what they may be known by.
struct Crowd<'a> {
    by_id: BTreeMap<HeaderKey, Vec<&'a Likeness>>,
    by_moment: BTreeMap<Moment, Vec<&'a Likeness>>,
    /// Those without a Message-ID: whoever has one can be none of the others.
    nameless: BTreeMap<Moment, Vec<&'a Likeness>>,
}

/// Date and subject.
type Moment = (i64, Option<HeaderKey>);

impl<'a> Crowd<'a> {
    fn new(present: &'a [Likeness]) -> Self {
        let mut crowd =
            Self { by_id: BTreeMap::new(), by_moment: BTreeMap::new(), nameless: BTreeMap::new() };
        let mut sorted: Vec<&Likeness> = present.iter().collect();
        sorted.sort_by_key(|one| one.face.uid);
        for one in sorted {
            if let Some(id) = one.face.any_id() {
                crowd.by_id.entry(id).or_default().push(one);
            }
            let Some(moment) = one.face.moment() else { continue };
            crowd.by_moment.entry(moment).or_default().push(one);
            if one.face.message_id.is_none() {
                crowd.nameless.entry(moment).or_default().push(one);
            }
        }
        crowd
    }

    fn around(&self, face: &Face) -> impl Iterator<Item = &'a Likeness> {
        let named = face.any_id().and_then(|id| self.by_id.get(&id));
        let moments = if face.message_id.is_some() { &self.nameless } else { &self.by_moment };
        let timed = face.moment().and_then(|moment| moments.get(&moment));
        [named, timed].into_iter().flatten().flatten().copied()
    }
}

fn round(
    wanted: &mut Vec<&Likeness>,
    crowd: &Crowd<'_>,
    used: &mut BTreeSet<Uid>,
    relation: Relation,
) -> Vec<(Uid, Uid)> {
    let mut pairs = Vec::new();
    wanted.retain(|one| {
        let mut free = crowd.around(&one.face).filter(|other| !used.contains(&other.face.uid));
        let is_it = |other: &&Likeness| one.relation(other) == relation;
        let mut partner = free.by_ref().take(LOOK_ALIKES_MAX).find(is_it);
        if partner.is_none() && relation == Relation::Doubtful {
            // Whatever lies beyond the limit was not looked at.
            partner = free.next();
        }
        let Some(partner) = partner.map(|other| other.face.uid) else { return true };
        pairs.push((one.face.uid, partner));
        used.insert(partner);
        false
    });
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message to one person in one line: UID, Message-ID, date, sender, subject, plain, HTML, files; 0 is none.
    fn likeness(numbers: [u8; 8]) -> Likeness {
        let key = |number: u8| (number > 0).then_some(HeaderKey([number; 16]));
        let [uid, id, date, sender, subject, plain, html, files] = numbers;
        let face = Face {
            uid: Uid::new(u32::from(uid)).unwrap(),
            message_id: key(id),
            made_id: None,
            addressed: Addressed::These(HeaderKey([1; 16])),
            unix_seconds: (date > 0).then_some(i64::from(date) * 60),
            sender: key(sender),
            subject: key(subject),
        };
        let files = HeaderKey([files; 16]);
        Likeness { face, plain: key(plain), html: key(html), files, is_whole: true }
    }

    fn check(wanted: [u8; 8], present: [u8; 8], same: usize, held: usize) {
        let (wanted, present) = ([likeness(wanted)], [likeness(present)]);
        let verdict = by_likeness(&wanted, &present);
        let found = (verdict.same.len(), verdict.held.len());
        assert_eq!(found, (same, held), "{wanted:?} {present:?}");
        let (ours, theirs) = candidates(&[wanted[0].face], &[present[0].face]);
        assert!(same + held == 0 || (ours.len(), theirs.len()) == (1, 1), "they are read: {wanted:?}");
    }

    #[test]
    fn one_message_in_two_writings_is_known_by_all_that_it_says() {
        for (wanted, present) in [
            ([1, 7, 9, 3, 4, 5, 6, 0], [2, 7, 9, 3, 4, 5, 6, 0]),
            // Outlook made the plain text anew, or dropped one of the two.
            ([1, 7, 9, 3, 4, 50, 6, 0], [2, 7, 9, 3, 4, 5, 6, 0]),
            ([1, 7, 9, 3, 4, 0, 5, 0], [2, 7, 9, 3, 4, 5, 0, 0]),
            ([1, 7, 9, 0, 4, 5, 0, 0], [2, 7, 10, 3, 4, 5, 0, 0]),
            ([1, 7, 9, 3, 4, 0, 0, 8], [2, 7, 9, 3, 4, 0, 0, 8]),
            // The store's item lost its Message-ID.
            ([1, 0, 9, 3, 4, 5, 6, 8], [2, 7, 9, 3, 4, 5, 6, 8]),
        ] {
            check(wanted, present, 1, 0);
            check(present, wanted, 1, 0);
        }
    }

    #[test]
    fn what_differs_in_anything_is_held_where_the_message_id_is_one() {
        for present in [
            [2, 7, 9, 3, 4, 5, 60, 8],
            [2, 7, 9, 3, 4, 5, 6, 80],
            [2, 7, 9, 3, 40, 5, 6, 8],
            [2, 7, 9, 30, 4, 5, 6, 8],
            [2, 7, 12, 3, 4, 5, 6, 8],
            [2, 7, 9, 3, 4, 0, 0, 8],
        ] {
            check([1, 7, 9, 3, 4, 5, 6, 8], present, 0, 1);
        }
    }

    #[test]
    fn others_are_others() {
        for (wanted, present) in [
            ([1, 7, 9, 3, 4, 5, 6, 8], [2, 70, 9, 3, 4, 5, 6, 8]),
            ([1, 0, 9, 3, 4, 5, 6, 8], [2, 7, 10, 3, 4, 5, 6, 8]),
            ([1, 0, 9, 3, 4, 5, 6, 8], [2, 7, 9, 3, 40, 5, 6, 8]),
            ([1, 0, 9, 3, 4, 5, 0, 0], [2, 7, 9, 3, 4, 50, 0, 0]),
            ([1, 0, 9, 3, 4, 5, 0, 8], [2, 0, 9, 3, 4, 50, 0, 80]),
            ([1, 0, 0, 3, 4, 5, 0, 0], [2, 0, 0, 3, 4, 5, 0, 0]),
        ] {
            check(wanted, present, 0, 0);
        }
    }

    #[test]
    fn without_a_message_id_half_an_agreement_is_a_doubt() {
        check([1, 0, 9, 3, 4, 5, 0, 8], [2, 7, 9, 3, 4, 5, 0, 80], 0, 1);
        check([1, 0, 9, 3, 4, 5, 0, 8], [2, 7, 9, 3, 4, 50, 0, 8], 0, 1);
        check([1, 0, 9, 3, 4, 0, 0, 0], [2, 7, 9, 3, 4, 0, 0, 0], 0, 1);
    }

    /// What a message without a Message-ID of its author's is to the same one with this face.
    fn check_face(change: impl Fn(&mut Face), expected: (usize, usize)) {
        let one = likeness([1, 0, 9, 3, 4, 5, 0, 8]);
        let mut other = likeness([2, 7, 9, 3, 4, 5, 0, 8]);
        change(&mut other.face);
        for (one, other) in [(one, other), (other, one)] {
            let verdict = by_likeness(&[one], &[other]);
            assert_eq!((verdict.same.len(), verdict.held.len()), expected, "{:?}", other.face);
        }
    }

    #[test]
    fn without_a_message_id_those_who_wrote_and_got_it_must_be_the_same() {
        let key = |number: u8| HeaderKey([number; 16]);
        check_face(|_| {}, (1, 0));
        check_face(|face| face.addressed = Addressed::These(key(2)), (0, 0));
        check_face(|face| face.addressed = Addressed::Unclear(key(2)), (0, 1));
        check_face(|face| face.addressed = Addressed::Nobody, (0, 1));
        check_face(|face| face.sender = None, (0, 1));
        check_face(|face| face.sender = Some(key(30)), (0, 0));
    }

    #[test]
    fn a_made_message_id_makes_a_message_of_another_date_one_that_may_be_the_same() {
        let made = |numbers: [u8; 8]| {
            let mut made = likeness(numbers);
            made.face.made_id = Some(HeaderKey([70; 16]));
            made
        };
        for (present, expected) in [
            ([2, 0, 9, 3, 4, 5, 0, 8], (1, 0)),
            ([2, 0, 90, 3, 4, 5, 0, 8], (1, 0)),
            ([2, 0, 9, 3, 40, 50, 0, 8], (0, 1)),
            ([2, 0, 90, 3, 4, 50, 0, 8], (0, 1)),
            ([2, 0, 90, 0, 4, 5, 0, 8], (0, 1)),
            ([2, 0, 90, 3, 40, 50, 0, 80], (0, 0)),
        ] {
            let (one, other) = (made([1, 0, 9, 3, 4, 5, 0, 8]), made(present));
            let verdict = by_likeness(&[one], &[other]);
            assert_eq!((verdict.same.len(), verdict.held.len()), expected, "{present:?}");
            let (ours, theirs) = candidates(&[one.face], &[other.face]);
            assert_eq!((ours.len(), theirs.len()), (1, 1), "they are read: {present:?}");
        }
    }

    #[test]
    fn items_without_dates_of_two_stores_that_went_on_apart_are_two() {
        let made = |numbers: [u8; 8]| {
            let mut made = likeness(numbers);
            made.face.made_id = Some(HeaderKey([70; 16]));
            made
        };
        let verdict = by_likeness(&[made([1, 0, 0, 3, 4, 5, 0, 8])], &[made([2, 0, 0, 3, 40, 50, 0, 8])]);
        assert_eq!((verdict.same.len(), verdict.held.len()), (0, 0));
    }

    #[test]
    fn what_was_not_looked_at_whole_is_never_the_same() {
        let (mut one, other) = (likeness([1, 7, 9, 3, 4, 5, 6, 8]), likeness([2, 7, 9, 3, 4, 5, 6, 8]));
        one.is_whole = false;
        let verdict = by_likeness(&[one], &[other]);
        assert_eq!((verdict.same.len(), verdict.held.len()), (0, 1));
    }

    #[test]
    fn twins_need_as_many_partners_and_a_crowd_is_held_against_up_to_a_limit() {
        let twins = [likeness([1, 7, 9, 3, 4, 5, 6, 0]), likeness([2, 7, 9, 3, 4, 5, 6, 0])];
        let verdict = by_likeness(&twins, &[likeness([3, 7, 9, 3, 4, 5, 6, 0])]);
        assert_eq!((verdict.same.len(), verdict.held.len()), (1, 0));
        let other = |number: u32| {
            let mut other = likeness([1, 70, 9, 3, 4, 5, 6, 0]);
            other.face.uid = Uid::new(number).unwrap();
            other
        };
        let crowd: Vec<Likeness> = (1..=LOOK_ALIKES_MAX as u32 + 1).map(other).collect();
        let verdict = by_likeness(&[likeness([1, 0, 9, 3, 4, 50, 60, 0])], &crowd);
        assert_eq!((verdict.same.len(), verdict.held.len()), (0, 1), "the last was not looked at");
    }
}
