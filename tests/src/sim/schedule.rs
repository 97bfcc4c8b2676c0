//! What goes wrong, what users do, and when: each entry stands alone, so that it can be taken out.
//! Never decides anything while a story is played.

use std::fmt;

use super::chance::Chance;

/// Who is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// The server that mail comes from.
    Source,
    /// The server that mail goes to.
    Destination,
    /// Our own memory.
    Ledger,
    /// Nobody: the start of a run.
    Start,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// LIST and its like; also the start of a run.
    Survey,
    /// CREATE and SUBSCRIBE.
    Create,
    /// EXAMINE and SELECT.
    Open,
    /// NOOP and STATUS.
    Refresh,
    /// UID SEARCH ALL.
    Uids,
    /// FETCH of metadata.
    Stubs,
    /// FETCH of headers.
    Headed,
    /// One message of a FETCH of bodies.
    Body,
    /// One chunk of a long body.
    Chunk,
    /// One APPEND going out.
    Send,
    /// One APPEND's answer.
    Answer,
    /// STORE.
    Store,
    /// UID EXPUNGE.
    Remove,
    /// A question to the ledger.
    Read,
    /// A transaction of the ledger.
    Write,
}

/// One kind of call.
pub type Call = (Party, Verb);

/// When within its call something strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Nothing of it was done.
    Before,
    /// All of it was done and nobody was told.
    After,
}

/// What a server answers instead of doing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Slow down, for so many milliseconds.
    Throttled(u32),
    /// A fault of its own.
    Temporary,
    /// The folder is locked.
    Locked,
    /// This message, this change, or this folder: NO without a reason.
    No,
}

/// What a user does; numbers are taken modulo what is there.
#[allow(missing_docs, reason = "each field is what its name says")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// A new message arrives: one like the letter of that number, or a new one.
    Deliver { folder: u32, text: super::text::Text },
    /// A message is removed for ever.
    Delete { folder: u32, letter: u32 },
    /// A message gets other flags.
    Flag { folder: u32, letter: u32, flags: &'static str },
    /// A message goes to another folder, under a new UID.
    Move { folder: u32, letter: u32, to: u32 },
    /// A folder gets a new UIDVALIDITY and every message in it a new UID.
    Renumber { folder: u32 },
}

/// What happens at one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The connection is lost.
    Cut(Moment),
    /// All connections of that server are lost, and none is to be had for so many milliseconds.
    Down(u32),
    /// The server refuses, or the ledger's disk does.
    Refuse(Refusal),
    /// Our own process dies.
    Crash(Moment),
    /// Nothing comes for so many milliseconds.
    Stall(u32),
    /// The operator asks for an end.
    Stop,
    /// A user acts on that party's mailbox.
    Deed(Party, Deed),
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// In which run, the first being 1.
    pub run: u32,
    /// At which kind of call.
    pub call: Call,
    /// At the how-manieth of these in that run, the first being 1.
    pub nth: u32,
    /// What happens.
    pub what: What,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (party, verb) = self.call;
        write!(f, "run {}, {party:?}.{verb:?} no. {}: {:?}", self.run, self.nth, self.what)
    }
}

const FLAGS: [&str; 6] =
    ["", "\\Seen", "\\Seen \\Flagged", "$Forwarded \\Answered", "\\Deleted", "custom1 NonJunk"];

/// A set of flags as users have them.
pub fn flags(chance: &mut Chance) -> &'static str {
    chance.pick(&FLAGS)
}

impl Deed {
    /// Something that a user of either side may do. `texts` are those of the world.
    pub fn draw(chance: &mut Chance, texts: &[super::text::Text]) -> Self {
        let (folder, letter) = (chance.below(8), chance.below(64));
        match chance.below(100) {
            0..25 => {
                let text = if chance.is(40) && !texts.is_empty() {
                    chance.pick(texts)
                } else {
                    let number = chance.between(100, 999);
                    super::text::Text::draw(number, chance)
                };
                Self::Deliver { folder, text }
            }
            25..45 => Self::Delete { folder, letter },
            45..65 => Self::Flag { folder, letter, flags: flags(chance) },
            65..82 => Self::Move { folder, letter, to: chance.below(8) },
            _ => Self::Renumber { folder },
        }
    }
}

impl Trouble {
    /// Something in one of `runs` runs, in a world of about `letters` messages.
    pub fn draw(chance: &mut Chance, runs: u32, letters: u32, texts: &[super::text::Text]) -> Self {
        let run = chance.between(1, runs);
        let (call, nth) = place(chance, letters);
        let moment = chance.pick(&[Moment::Before, Moment::After]);
        let what = match (call.0, chance.below(100)) {
            (Party::Start, _) | (_, 0..20) => {
                let party = chance.pick(&[Party::Source, Party::Source, Party::Destination]);
                What::Deed(party, Deed::draw(chance, texts))
            }
            (Party::Ledger, 20..35) => What::Refuse(Refusal::No),
            (_, 20..35) => What::Refuse(chance.pick(&[
                Refusal::Throttled(2000),
                Refusal::Temporary,
                Refusal::Locked,
                Refusal::No,
                Refusal::No,
            ])),
            (_, 35..50) => What::Crash(moment),
            (Party::Ledger, 50..) => What::Crash(moment),
            (_, 50..60) => What::Down(chance.between(0, 4000)),
            (_, 60..65) => What::Stall(chance.between(1, 5000)),
            (_, 65..70) => What::Stop,
            _ => What::Cut(moment),
        };
        Self { run, call, nth, what }
    }
}

/// Where something happens: often in the midst of bodies and batches.
fn place(chance: &mut Chance, letters: u32) -> (Call, u32) {
    use Party::{Destination, Ledger, Source, Start};
    let some = |chance: &mut Chance, end: u32| chance.between(1, end.max(1));
    match chance.below(100) {
        0..12 => ((Start, Verb::Survey), 1),
        12..16 => ((chance.pick(&[Source, Destination]), Verb::Survey), 1),
        16..22 => ((chance.pick(&[Source, Destination]), Verb::Open), some(chance, 6)),
        22..27 => ((chance.pick(&[Source, Destination]), Verb::Uids), some(chance, 6)),
        27..31 => ((chance.pick(&[Source, Destination]), Verb::Headed), some(chance, 4)),
        31..35 => ((chance.pick(&[Source, Destination]), Verb::Stubs), some(chance, 4)),
        35..47 => ((Source, Verb::Body), some(chance, letters + 2)),
        47..50 => ((Destination, Verb::Body), some(chance, 4)),
        50..54 => ((Source, Verb::Chunk), some(chance, 8)),
        54..64 => ((Destination, Verb::Send), some(chance, letters / 2 + 2)),
        64..78 => ((Destination, Verb::Answer), some(chance, letters / 2 + 2)),
        78..82 => ((Destination, Verb::Store), some(chance, 3)),
        82..84 => ((Destination, Verb::Remove), 1),
        84..88 => ((Destination, Verb::Refresh), some(chance, 6)),
        88..90 => ((Destination, Verb::Create), some(chance, 3)),
        90..97 => ((Ledger, Verb::Write), some(chance, 20)),
        _ => ((Ledger, Verb::Read), some(chance, 20)),
    }
}
