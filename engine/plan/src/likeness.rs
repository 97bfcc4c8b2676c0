//! Tells whether two messages are one in two writings: an item of a store that was made into mail anew, and the mail
//! that once came over a wire.
//! Never pairs what differs in text or files, and never a message twice; where one may be another, it is held.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::envelope::Addressed;
use crate::matching::ContentVerdict;
use crate::message::Uid;
use crate::record::{HeaderKey, Imprint, is_edited};
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
    /// One bit for each address that it goes to: two without a common bit have no address in common.
    pub address_bits: u128,
    /// Its subject, decoded and without blanks.
    pub subject: Option<HeaderKey>,
}

/// An address that a message names somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// One that mail can be sent to.
    Known(HeaderKey),
    /// One that stands for a name inside an organisation.
    Unknown(HeaderKey),
}

impl Named {
    /// A store that comes to teach an address makes a known one of an unknown one, and changes nothing else.
    fn agrees(self, other: Self) -> bool {
        self == other
            || matches!(
                (self, other),
                (Self::Known(_), Self::Unknown(_)) | (Self::Unknown(_), Self::Known(_))
            )
    }
}

/// All that a message says to the letter, but for what its transport may write otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wording {
    /// Who is named where, the subject, texts with their line breaks, files with their names; without addresses.
    pub letters: HeaderKey,
    /// The addresses that were left out there, in order.
    pub named: Vec<Named>,
}

impl Wording {
    /// True where both say the same to the letter, but that one may know an address that the other does not.
    fn agrees(&self, other: &Self) -> bool {
        self.letters == other.letters
            && self.named.len() == other.named.len()
            && self.named.iter().zip(&other.named).all(|(one, two)| one.agrees(*two))
    }
}

/// A message that was read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Likeness {
    /// What its header says.
    pub face: Face,
    /// Its plain text, decoded and without blanks.
    pub plain: Option<HeaderKey>,
    /// The text of its HTML, likewise.
    pub html: Option<HeaderKey>,
    /// All its files together, in whatever order.
    pub files: HeaderKey,
    /// All of it to the letter.
    pub wording: Wording,
    /// False where a limit was passed, so that not all of it was looked at.
    pub is_whole: bool,
    /// True for a copy that was written of this source and that its item, as it is now, does not give octet by octet:
    /// whatever differs was changed there by somebody.
    pub is_earlier: bool,
    /// What the item says of which it was made; of what a server shows, what the ledger noted of it.
    pub imprint: Option<Imprint>,
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

    /// True where both are to people that are known, and none of those is the other's.
    fn is_to_others(&self, other: &Self) -> bool {
        self.addressed.agrees(other.addressed) == Some(false) && self.address_bits & other.address_bits == 0
    }

    const fn any_id(&self) -> Option<HeaderKey> {
        if self.message_id.is_some() { self.message_id } else { self.made_id }
    }

    fn moment(&self) -> Option<Moment> {
        Some((self.unix_seconds?, self.subject))
    }
}

impl Likeness {
    /// What both say decides between two writings of strangers. Where one is an earlier copy of the other, that proves
    /// nothing but that they are one item: only what says the same to the letter is the same. Where the item is known
    /// to have been edited since, the copy is that of another message.
    fn relation(&self, other: &Self) -> Relation {
        let is_earlier = self.is_earlier || other.is_earlier;
        match self.likeness(other) {
            Relation::Other => Relation::Other,
            _ if (is_earlier || self.face.is_made_like(&other.face)) && self.is_worded_like(other) => {
                Relation::Same
            }
            _ if is_edited(self.imprint, other.imprint) => Relation::Other,
            Relation::Same if is_earlier => Relation::Doubtful,
            found => found,
        }
    }

    /// True where both say the same to the letter. What has a made Message-ID may have another date: that of its last
    /// change, where it has no other.
    fn is_worded_like(&self, other: &Self) -> bool {
        let (one, two) = (&self.face, &other.face);
        let is_dated = one.is_made_like(two) || one.unix_seconds == two.unix_seconds;
        self.is_whole && other.is_whole && is_dated && self.wording.agrees(&other.wording)
    }

    fn likeness(&self, other: &Self) -> Relation {
        let (one, two) = (&self.face, &other.face);
        if !one.may_be(two) {
            return Relation::Other;
        }
        let is_whole = self.is_whole && other.is_whole;
        let (text, files) = (self.text_agrees(other), self.files == other.files);
        if one.message_id.is_some() && two.message_id.is_some() {
            let dates = one.unix_seconds.zip(two.unix_seconds);
            let is_dated = dates.is_none_or(|(one, two)| one.abs_diff(two) <= DATES_APART_SECONDS_MAX);
            let is_sent = agree(one.sender, two.sender) && !one.is_to_others(two);
            let is_headed = is_dated && is_sent && one.subject == two.subject;
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
mod tests;
