//! A whole simulated world at one moment: both servers, the schedule, the trace, and what was done so far.
//! Never waits: time passes outside of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use malote_engine::ledger::memory::MemoryLedger;
use malote_engine::plan::message::Flags;
use tokio::time::Instant;

use super::append::store_flight;
use super::chance::mix;
use super::schedule::{Call, Deed, Moment, Party, Refusal, Trouble, What};
use super::server::{Gone, Letter, Origin, Server};
use super::text::Contents;
use super::trace::Trace;

/// Calls that one run may make: many times what the largest world takes.
const CALLS_MAX: u32 = 200_000;

/// What one run did to the destination, counted there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Work {
    /// Messages stored, by destination folder.
    pub appended: BTreeMap<String, u64>,
    /// Calls of STORE that changed a message's flags.
    pub flags_changed: u64,
    /// Messages removed by the engine.
    pub removed: u64,
    /// Bodies given by the source.
    pub bodies_read: u64,
    /// Folders created.
    pub created: u64,
    /// Faults and users' deeds that struck.
    pub struck: u64,
}

impl Work {
    /// True where the destination is as it was and no body was read.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self { struck: self.struck, ..Self::default() }
    }

    /// Messages stored, in all folders.
    #[must_use]
    pub fn appended(&self) -> u64 {
        self.appended.values().sum()
    }
}

/// Everything that a simulated world is.
pub struct State {
    /// What chance depends on.
    pub seed: u64,
    /// Where mail comes from.
    pub source: Server,
    /// Where it goes to.
    pub destination: Server,
    /// Every text, by its octets.
    pub contents: Contents,
    /// The ledger that survives crashes.
    pub ledger: Arc<MemoryLedger>,
    /// The run, the first being 1.
    pub run: u32,
    /// What strikes when.
    pub troubles: Vec<Trouble>,
    /// Calls of this run so far, by kind.
    pub counts: BTreeMap<Call, u32>,
    /// Calls of the whole story so far.
    pub steps: u64,
    /// True from our own process's death to the next run.
    pub is_dead: bool,
    /// True from the operator's wish for an end to the next run.
    pub is_stopping: bool,
    /// What happened, in words and as a digest.
    pub trace: Trace,
    /// What this run did.
    pub work: Work,
    /// Destination messages that were ever recorded: folder, UIDVALIDITY and UID.
    pub ever_recorded: BTreeSet<(String, u32, u32)>,
    /// What no engine may do, seen as it was done.
    pub violations: Vec<String>,
    /// What the batch whose answer comes next is refused with, by the schedule.
    pub refusal: Option<Refusal>,
    /// Source UID whose records the ledger drops: a mutant.
    pub forgotten_uid: Option<u32>,
    /// What the source held after its users' last deed.
    pub source_digest: u64,
}

impl State {
    /// A server.
    pub fn server(&mut self, party: Party) -> &mut Server {
        if party == Party::Source { &mut self.source } else { &mut self.destination }
    }

    /// A number for a choice made at this step.
    #[must_use]
    pub fn chance(&self, salt: u64) -> u64 {
        mix(self.seed ^ self.steps, salt)
    }

    /// Counts a call and takes out of the schedule what strikes there.
    pub fn strike(&mut self, call: Call) -> Vec<What> {
        self.steps += 1;
        if self.counts.values().sum::<u32>() > CALLS_MAX {
            self.violations.push(format!("run {} makes call after call without an end", self.run));
            return vec![What::Crash(Moment::Before)];
        }
        let count = self.counts.entry(call).or_default();
        *count += 1;
        let (run, nth) = (self.run, *count);
        self.trace.note(|| format!("run {run} {:?}.{:?} no. {nth}", call.0, call.1));
        let strikes = |trouble: &Trouble| trouble.run == run && trouble.call == call && trouble.nth == nth;
        let struck: Vec<What> = self
            .troubles
            .iter()
            .filter(|trouble| strikes(trouble))
            .map(|trouble| trouble.what.clone())
            .collect();
        self.work.struck += struck.len() as u64;
        for what in &struck {
            self.trace.note(|| format!("    struck: {what:?}"));
        }
        struck
    }

    /// Lets everything happen that is due.
    pub fn settle(&mut self, now: Instant) {
        let late = std::mem::take(&mut self.destination.late);
        let (due, late) = late.into_iter().partition(|(at, _)| *at <= now);
        self.destination.late = late;
        for (_, flight) in Vec::from_iter(due) {
            self.trace.note(|| format!("    late: batch {} is stored after all", flight.id));
            store_flight(self, &flight);
        }
    }

    /// Ends a connection, with what it had on the way.
    pub fn lose(&mut self, party: Party, session: u64) {
        let (chance, now) = (self.chance(session), Instant::now());
        let run = self.run;
        let done = self.server(party).lose(session, chance, now);
        for flight in done {
            self.trace.note(|| format!("    run {run}: batch {} is stored, its answer lost", flight.id));
            store_flight(self, &flight);
        }
    }

    /// Ends every connection of a server.
    pub fn lose_all(&mut self, party: Party) {
        let sessions: Vec<u64> = self.server(party).sessions.keys().copied().collect();
        sessions.into_iter().for_each(|session| self.lose(party, session));
    }

    /// Ends every connection of a server, and lets none be had for a while.
    pub fn go_down(&mut self, party: Party, ms: u32) {
        self.lose_all(party);
        self.server(party).down_until = Some(Instant::now() + Duration::from_millis(u64::from(ms)));
    }

    /// Does what a user does.
    pub fn act(&mut self, party: Party, deed: &Deed) {
        let is_untouched = self.source.digest() == self.source_digest;
        self.do_deed(party, deed);
        if is_untouched {
            self.source_digest = self.source.digest();
        }
    }

    fn do_deed(&mut self, party: Party, deed: &Deed) {
        let (arrived, since) = (self.arriving(deed), self.steps);
        let is_source = party == Party::Source;
        let server = self.server(party);
        match deed {
            Deed::Deliver { folder, .. } => {
                let name = server.nth(*folder);
                if let Some(letter) = arrived {
                    server.shelf(&name).push(letter);
                }
            }
            Deed::Delete { folder, letter } => {
                let shelf = server.shelf(&server.nth(*folder));
                if let Some(uid) = shelf.nth(*letter) {
                    shelf.take(uid);
                }
            }
            Deed::Flag { folder, letter, flags } => {
                let shelf = server.shelf(&server.nth(*folder));
                if let Some(uid) = shelf.nth(*letter) {
                    shelf.set_flags(uid, Flags::parse(flags));
                    shelf.letters.entry(uid).and_modify(|letter| letter.is_touched = true);
                }
            }
            Deed::Move { folder, letter, to } => {
                let (from, to) = (server.nth(*folder), server.nth(*to));
                let shelf = server.shelf(&from);
                let taken = shelf.nth(*letter).filter(|_| from != to).and_then(|uid| shelf.take(uid));
                if let Some(letter) = taken {
                    let origin = if is_source { letter.origin } else { Origin::Stranger };
                    server.shelf(&to).push(Letter { origin, since, ..letter });
                }
            }
            Deed::Renumber { folder } => {
                // Where no UIDVALIDITY is told, nobody could tell that the UIDs are others.
                if !server.manner.hides_validity {
                    let name = server.nth(*folder);
                    server.shelf(&name).renumber();
                }
            }
        }
    }

    /// The letter that a deed brings.
    fn arriving(&mut self, deed: &Deed) -> Option<Letter> {
        let Deed::Deliver { text, .. } = deed else { return None };
        let (content, octets) = self.contents.of_text(text);
        Some(Letter {
            content,
            octets,
            flags: Flags::default(),
            date: Some(format!("{:2}-Jul-2025 10:00:00 +0000", 1 + text.number % 28)),
            modseq: 0,
            origin: Origin::Stranger,
            since: self.steps,
            is_touched: false,
            is_named_double: false,
        })
    }

    /// True where the engine had every reason to take a removed destination message for delivered.
    #[must_use]
    pub fn was_delivered(&self, folder: &str, gone: &Gone) -> bool {
        matches!(gone.letter.origin, Origin::Appended { .. })
            || self.was_recorded(folder, gone.validity, gone.uid)
    }

    /// True where the ledger ever had a record of that destination message.
    #[must_use]
    pub fn was_recorded(&self, folder: &str, validity: u32, uid: u32) -> bool {
        // Where no UIDVALIDITY is told, the engine takes it for 1.
        let validity = if self.destination.manner.hides_validity { 1 } else { validity };
        self.ever_recorded.contains(&(folder.to_owned(), validity, uid))
    }
}
