//! One simulated folder, open for reading on one connection of either side.
//! Never shows what the session cannot know of, nor anything that is not there.

use bytes::Bytes;
use malote_engine::body::{Body, Held, WireBody};
use malote_engine::failure::{Class, Failure, Reach, Result, Retry};
use malote_engine::plan::folder::{Folder, FolderStatus};
use malote_engine::plan::message::{Flag, ModSeq, Uid};
use malote_engine::plan::uid_set::UidSet;
use malote_engine::source::{Fetched, Headed, ReadLimits, Stub};
use std::sync::Arc;
use tokio::sync::mpsc;

use super::chance::mix;
use super::manner::Mutant;
use super::schedule::{Party, Verb};
use super::server::{Letter, Session, is_chosen};
use super::state::State;
use super::wire::{Seat, World, lost, side};

/// Octets of one chunk of a long body at least: such a body has no more than some twenty chunks.
const CHUNK_OCTETS_MIN: usize = 64;

/// One open folder.
pub(super) struct Open {
    pub world: World,
    pub seat: Seat,
    pub folder: String,
    pub status: FolderStatus,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.world.state().lose(self.seat.party, self.seat.session);
    }
}

impl Open {
    pub async fn new(world: &World, party: Party, folder: &Folder) -> Result<Self> {
        let name = String::from_utf8_lossy(&folder.wire.0).into_owned();
        let begin = |state: &mut State| {
            let server = state.server(party);
            if server.manner.connections_max > 0 && server.sessions.len() >= server.manner.connections_max {
                let (class, retry) = (Class::LimitConnections, Retry::After(1000));
                let message = "all connections are taken";
                return Err(Failure::new(side(party), class, Reach::Connection, retry, message));
            }
            let Some(shelf) = server.shelves.get(&name) else {
                let (class, reach) = (Class::FolderMissing, Reach::Folder);
                return Err(Failure::new(side(party), class, reach, Retry::Never, "no such folder"));
            };
            let (status, validity, seen_below) = (server.status(shelf), shelf.validity, shelf.uid_next);
            let session = server.next_session;
            server.next_session += 1;
            let flights = std::collections::VecDeque::new();
            server.sessions.insert(session, Session { folder: name.clone(), validity, seen_below, flights });
            Ok((session, status))
        };
        let (session, status) = world.ask((party, Verb::Open), None, begin).await?;
        Ok(Self { world: world.clone(), seat: Seat { party, session }, folder: name, status })
    }

    pub async fn ask<T>(&self, verb: Verb, effect: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        self.world.ask((self.seat.party, verb), Some(self.seat), effect).await
    }

    pub fn is_usable(&self) -> bool {
        self.world.state().server(self.seat.party).sessions.contains_key(&self.seat.session)
    }

    pub async fn refresh(&mut self) -> Result<FolderStatus> {
        let (seat, folder) = (self.seat, self.folder.clone());
        let look = |state: &mut State| {
            let server = state.server(seat.party);
            let shelf = server.shelves.get(&folder).expect("the seat was checked");
            let (status, seen_below) = (server.status(shelf), shelf.uid_next);
            server.sessions.entry(seat.session).and_modify(|session| session.seen_below = seen_below);
            Ok(status)
        };
        self.status = self.ask(Verb::Refresh, look).await?;
        Ok(self.status)
    }

    pub async fn uids(&mut self) -> Result<UidSet> {
        let (seat, folder) = (self.seat, self.folder.clone());
        let list = |state: &mut State| {
            let seen = shown(state, seat, &folder);
            let count = seen.len() as u32;
            let server = state.server(seat.party);
            let every = if server.is_calm { 0 } else { server.manner.hides_every };
            let is_listed = |uid: &u32| !is_chosen(*uid, every);
            Ok((seen.into_iter().filter(is_listed).filter_map(Uid::new).collect(), count))
        };
        let (uids, count) = self.ask(Verb::Uids, list).await?;
        // EXISTS comes with whatever a server answers.
        self.status.messages = count;
        Ok(uids)
    }

    /// Shows each of `uids` that is there, in any order where the server shuffles.
    pub async fn map<T>(
        &self,
        verb: Verb,
        uids: &UidSet,
        view: impl Fn(Stub, &Letter) -> T,
    ) -> Result<Vec<T>> {
        let (seat, folder) = (self.seat, &self.folder);
        let look = |state: &mut State| {
            let mut seen = shown(state, seat, folder);
            seen.retain(|uid| Uid::new(*uid).is_some_and(|uid| uids.contains(uid)));
            shuffle(state, seat, &mut seen);
            Ok(seen.into_iter().filter_map(|uid| one(state, seat, folder, uid, &view)).collect())
        };
        self.ask(verb, look).await
    }

    pub async fn stubs(&self, uids: &UidSet) -> Result<Vec<Stub>> {
        self.map(Verb::Stubs, uids, |stub, _| stub).await
    }

    pub async fn headed(&self, uids: &UidSet) -> Result<Vec<Headed>> {
        self.map(Verb::Headed, uids, |stub, letter| Headed { stub, header: header(&letter.octets) }).await
    }

    pub async fn changed_since(&self, uids: &UidSet, since: ModSeq) -> Result<Option<Vec<Stub>>> {
        if !self.world.state().server(self.seat.party).manner.condstore {
            return Ok(None);
        }
        let stubs = self.stubs(uids).await?;
        Ok(Some(stubs.into_iter().filter(|stub| stub.modseq.is_some_and(|modseq| modseq > since)).collect()))
    }

    pub async fn bodies(
        &self,
        uids: &UidSet,
        limits: &ReadLimits,
        sink: &mpsc::Sender<Fetched>,
    ) -> Result<()> {
        let (seat, folder) = (self.seat, self.folder.clone());
        let mut order: Vec<u32> = uids.iter().map(Uid::get).collect();
        shuffle(&mut self.world.state(), seat, &mut order);
        for uid in order {
            let take = |state: &mut State| Ok(readable(state, seat, &folder, uid));
            let Some((stub, octets)) = self.ask(Verb::Body, take).await? else { continue };
            let most = self.world.state().server(seat.party).manner.memory_octets_max;
            if octets.len() as u64 > most.min(limits.memory_octets_max) {
                if !self.stream(stub, octets, sink).await? {
                    return Ok(());
                }
                continue;
            }
            let permits = octets.len() as u32;
            let Ok(permit) = Arc::clone(&limits.budget).acquire_many_owned(permits).await else {
                return Ok(());
            };
            let fetched = Fetched { stub, body: Body::Memory(octets), held: Held(Some(permit)) };
            if sink.send(fetched).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Passes a long body on in chunks; false where nobody takes it.
    async fn stream(&self, stub: Stub, octets: Bytes, sink: &mpsc::Sender<Fetched>) -> Result<bool> {
        let (sender, chunks) = mpsc::channel(2);
        let body = Body::Wire(WireBody { octets: octets.len() as u64, chunks });
        if sink.send(Fetched { stub, body, held: Held(None) }).await.is_err() {
            return Ok(false);
        }
        let size = (octets.len() / 20).max(CHUNK_OCTETS_MIN);
        let mut is_wanted = true;
        for start in (0..octets.len()).step_by(size) {
            if let Err(failure) = self.ask(Verb::Chunk, |_| Ok(())).await {
                let _gone = sender.send(Err(lost(self.seat.party, "midway in a body"))).await;
                return Err(failure);
            }
            let chunk = octets.slice(start..octets.len().min(start + size));
            is_wanted = is_wanted && sender.send(Ok(chunk)).await.is_ok();
        }
        Ok(true)
    }

    /// Sets and takes away flags; refuses a keyword beyond the limit.
    pub async fn store(&self, uids: &UidSet, add: &[Flag], remove: &[Flag]) -> Result<()> {
        let (seat, folder) = (self.seat, self.folder.clone());
        let change = |state: &mut State| {
            let seen = shown(state, seat, &folder);
            let max = state.destination.manner.keywords_max.unwrap_or(usize::MAX);
            let shelf = state.destination.shelf(&folder);
            let all = shelf.letters.values().flat_map(|letter| letter.flags.iter()).chain(add);
            let keywords: std::collections::BTreeSet<&Flag> = all.filter(|flag| !flag.is_system()).collect();
            if add.iter().any(|flag| !flag.is_system()) && keywords.len() > max {
                let (class, reach) = (Class::ItemRefused, Reach::Message);
                return Err(Failure::new(
                    side(seat.party),
                    class,
                    reach,
                    Retry::Never,
                    "NO [LIMIT] keywords",
                ));
            }
            let validity = shelf.validity;
            for uid in seen.into_iter().filter(|uid| Uid::new(*uid).is_some_and(|uid| uids.contains(uid))) {
                let is_known = state.was_recorded(&folder, validity, uid);
                let shelf = state.destination.shelf(&folder);
                let Some(letter) = shelf.letters.get(&uid) else { continue };
                let mut flags = letter.flags.clone();
                flags.0.retain(|flag| !remove.contains(flag));
                flags.0.extend(add.iter().cloned());
                if flags != letter.flags {
                    shelf.set_flags(uid, flags);
                    state.work.flags_changed += 1;
                    if !is_known {
                        state
                            .violations
                            .push(format!("{folder}: flags of UID {uid}, a stranger, were changed"));
                    }
                }
            }
            Ok(())
        };
        self.ask(Verb::Store, change).await
    }

    /// Removes messages for ever.
    pub async fn remove(&self, uids: &UidSet) -> Result<()> {
        let folder = self.folder.clone();
        let expunge = |state: &mut State| {
            for uid in uids.iter().map(Uid::get) {
                let shelf = state.destination.shelf(&folder);
                let Some(letter) = shelf.letters.remove(&uid) else { continue };
                (shelf.modseq, shelf.expunged) = (shelf.modseq + 1, shelf.expunged + 1);
                state.work.removed += 1;
                if !matches!(letter.origin, super::server::Origin::Appended { .. }) {
                    state.violations.push(format!("{folder}: UID {uid}, which is not Malote's, was removed"));
                }
            }
            Ok(())
        };
        self.ask(Verb::Remove, expunge).await
    }
}

/// The UIDs that a session knows of.
fn shown(state: &mut State, seat: Seat, folder: &str) -> Vec<u32> {
    let seen_below = seen_below(state, seat);
    let letters = state.server(seat.party).shelves.get(folder).map(|shelf| &shelf.letters);
    letters.into_iter().flatten().map(|(uid, _)| *uid).filter(|uid| *uid < seen_below).collect()
}

/// The first UID that a session does not know of.
fn seen_below(state: &mut State, seat: Seat) -> u32 {
    let server = state.server(seat.party);
    let seen_below = server.sessions.get(&seat.session).map_or(0, |session| session.seen_below);
    if server.manner.slow_sessions { seen_below } else { u32::MAX }
}

fn one<T>(
    state: &mut State,
    seat: Seat,
    folder: &str,
    uid: u32,
    view: impl Fn(Stub, &Letter) -> T,
) -> Option<T> {
    let content = state.server(seat.party).shelves.get(folder)?.letters.get(&uid)?.content;
    let number = state.contents.number(content);
    let server = state.server(seat.party);
    let letter = server.shelves.get(folder)?.letters.get(&uid)?;
    Some(view(server.stub(uid, letter, number), letter))
}

/// A message's octets, where the server can give them.
fn readable(state: &mut State, seat: Seat, folder: &str, uid: u32) -> Option<(Stub, Bytes)> {
    if uid >= seen_below(state, seat) {
        return None;
    }
    let (stub, octets, content) =
        one(state, seat, folder, uid, |stub, letter| (stub, letter.octets.clone(), letter.content))?;
    let number = state.contents.number(content);
    let server = state.server(seat.party);
    if is_chosen(number, server.manner.unreadable_every) {
        return None;
    }
    if server.manner.mutant == Some(Mutant::MarksRead) {
        let letter = server.shelf(folder).letters.get_mut(&uid)?;
        letter.flags.0.extend(Flag::new("\\Seen"));
    }
    let octets = if is_chosen(number, server.manner.empties_every) { Bytes::new() } else { octets };
    if seat.party == Party::Source {
        state.work.bodies_read += 1;
    }
    Some((stub, octets))
}

fn shuffle(state: &mut State, seat: Seat, uids: &mut [u32]) {
    let chance = state.chance(0x5f1e);
    if state.server(seat.party).manner.shuffles {
        uids.sort_by_key(|uid| mix(chance, u64::from(*uid)));
    }
}

fn header(octets: &Bytes) -> Bytes {
    if octets.starts_with(b"\r\n") {
        return octets.slice(..2);
    }
    let end = octets.windows(4).position(|window| window == b"\r\n\r\n").map_or(octets.len(), |at| at + 4);
    octets.slice(..end)
}
