//! What a server is like: what it can do, what it claims, and how it lies.
//! Never changes within a story, but that some lies end when the story grows calm.

use super::chance::Chance;

/// What stands in the answer to an APPEND.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AppendUids {
    /// The UIDs.
    #[default]
    Told,
    /// Nothing.
    Untold,
    /// UIDs from 1 on, whatever they are of.
    FromOne,
    /// The right UIDs under another UIDVALIDITY.
    OtherValidity,
}

/// What becomes of a batch that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Refused {
    /// None of it is kept (RFC 3502).
    #[default]
    Nothing,
    /// What stands before the refused message is kept.
    Before,
    /// All of it is kept.
    All,
}

/// A fault that no server may have: it proves that the checkers see what they must.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// Says that a message is stored, and loses it.
    LosesOne,
    /// Stores a message twice.
    DoublesOne,
    /// Changes one octet of a message.
    AltersOne,
    /// Removes somebody else's message when one is appended.
    RemovesStranger,
    /// Marks messages as seen when they are read.
    MarksRead,
}

/// What one server is like.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manner {
    /// Keeps modification sequences.
    pub condstore: bool,
    /// Its modification sequences never move.
    pub frozen_modseq: bool,
    /// Tells STATUS with LIST.
    pub list_status: bool,
    /// Tells no UIDNEXT.
    pub hides_uid_next: bool,
    /// Tells no UIDVALIDITY.
    pub hides_validity: bool,
    /// Messages in one APPEND at most; 0 stands for 1.
    pub batch_messages_max: usize,
    /// Takes several messages in one APPEND by its capabilities alone: refuses each such batch.
    pub refuses_batches: bool,
    /// What its answers to APPEND say.
    pub append_uids: AppendUids,
    /// What it keeps of refused batches.
    pub refused: Refused,
    /// Keeps part of a batch when the connection is lost in its midst.
    pub tears_batches: bool,
    /// Gives messages in any order.
    pub shuffles: bool,
    /// A session sees what came later only after it asked.
    pub slow_sessions: bool,
    /// Claims wrong sizes for one text in so many; 0 for none.
    pub misjudges_every: u32,
    /// Refuses one text in so many for good; 0 for none.
    pub refuses_every: u32,
    /// Gives nothing for one text in so many; 0 for none.
    pub unreadable_every: u32,
    /// Gives no octets for one text in so many; 0 for none.
    pub empties_every: u32,
    /// Lists one message in so many not, though it counts it, until the story is calm; 0 for none.
    pub hides_every: u32,
    /// Refuses longer messages.
    pub append_octets_max: Option<u64>,
    /// Says so beforehand.
    pub tells_append_octets_max: bool,
    /// Appended messages that it has room for until the story is calm.
    pub quota_messages: Option<u32>,
    /// Flags that it keeps, and whether it takes new keywords; nothing given keeps all.
    pub permanent_flags: Option<(&'static str, bool)>,
    /// Distinct keywords that it takes by STORE.
    pub keywords_max: Option<usize>,
    /// Adds a field to the header of what is appended.
    pub rewrites: bool,
    /// Its folders are labels: messages alike in octets and date are one, and bear one number.
    pub labels: bool,
    /// Copies messages from one of its folders into another.
    pub copies: bool,
    /// Connections at once; 0 for any number.
    pub connections_max: usize,
    /// Bodies of more octets than this come in chunks.
    pub memory_octets_max: u64,
    /// Longest that a call takes, in milliseconds.
    pub call_ms_max: u32,
    /// Longest that it goes on with the work of a lost connection, in milliseconds.
    pub late_ms_max: u32,
    /// What no server may do.
    pub mutant: Option<Mutant>,
}

const SYSTEM_FLAGS: &str = "\\Answered \\Flagged \\Deleted \\Seen \\Draft";

impl Manner {
    /// A server that does what it says, quickly.
    #[must_use]
    pub fn decent() -> Self {
        Self {
            condstore: true,
            batch_messages_max: 100,
            permanent_flags: Some((SYSTEM_FLAGS, true)),
            memory_octets_max: u64::MAX,
            ..Self::default()
        }
    }

    /// What both sides may be like.
    fn draw(chance: &mut Chance) -> Self {
        Self {
            condstore: chance.is(70),
            frozen_modseq: chance.is(6),
            list_status: chance.is(60),
            hides_uid_next: chance.is(8),
            hides_validity: chance.is(3),
            shuffles: chance.is(50),
            hides_every: if chance.is(5) { chance.between(3, 6) } else { 0 },
            misjudges_every: if chance.is(15) { chance.between(1, 4) } else { 0 },
            connections_max: if chance.is(20) { chance.between(2, 4) as usize } else { 0 },
            memory_octets_max: chance.pick(&[u64::MAX, u64::MAX, 2000, 100]),
            call_ms_max: chance.pick(&[0, 1, 5, 40, 300]),
            late_ms_max: chance.pick(&[0, 100, 1400]),
            ..Self::decent()
        }
    }

    /// A source.
    #[must_use]
    pub fn source(chance: &mut Chance) -> Self {
        Self {
            unreadable_every: if chance.is(8) { chance.between(3, 6) } else { 0 },
            empties_every: if chance.is(5) { chance.between(3, 6) } else { 0 },
            ..Self::draw(chance)
        }
    }

    /// A destination.
    #[must_use]
    pub fn destination(chance: &mut Chance) -> Self {
        let append_octets_max = chance.is(8).then(|| u64::from(chance.between(300, 4000)));
        let append_uids = match chance.below(100) {
            0..70 => AppendUids::Told,
            70..88 => AppendUids::Untold,
            88..94 => AppendUids::FromOne,
            _ => AppendUids::OtherValidity,
        };
        let refused = chance.pick(&[Refused::Nothing, Refused::Nothing, Refused::Before, Refused::All]);
        Self {
            batch_messages_max: chance.pick(&[1, 2, 3, 5, 100]),
            refuses_batches: chance.is(6),
            append_uids,
            // Wrong UIDs that might be right, beside messages that were kept and refused, cannot be seen through.
            refused: if append_uids == AppendUids::FromOne { Refused::Nothing } else { refused },
            tears_batches: chance.is(25),
            slow_sessions: chance.is(40),
            refuses_every: if chance.is(12) { chance.between(3, 6) } else { 0 },
            append_octets_max,
            tells_append_octets_max: chance.is(50),
            quota_messages: chance.is(8).then(|| chance.between(1, 12)),
            permanent_flags: chance.pick(&[
                Some((SYSTEM_FLAGS, true)),
                Some((SYSTEM_FLAGS, true)),
                Some((SYSTEM_FLAGS, false)),
                Some(("\\Seen", false)),
                None,
            ]),
            keywords_max: chance.is(15).then(|| chance.below(2) as usize),
            rewrites: chance.is(6),
            ..Self::draw(chance)
        }
    }
}
