//! The simulated servers behind the engine's own traits.
//! Never decides what happens: the world does.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use malote_engine::body::Body;
use malote_engine::destination::{Answer, BatchId, Destination, OpenDestination, Parcel, Within};
use malote_engine::failure::{Class, Failure, Reach, Result, Retry, Side};
use malote_engine::plan::date;
use malote_engine::plan::folder::{Folder, FolderPath, FolderStatus, Naming, Role};
use malote_engine::plan::labels::Origin;
use malote_engine::plan::message::{Flag, Flags, ModSeq, Uid, UidValidity};
use malote_engine::plan::promise::Promises;
use malote_engine::plan::uid_set::UidSet;
use malote_engine::quarantine::Quarantine;
use malote_engine::source::{Fetched, Headed, Labelled, OpenSource, ReadLimits, Source, Stub, Survey};
use tokio::sync::mpsc;

use super::append::store_flight;
use super::manner::{AppendUids, Refused};
use super::open::Open;
use super::schedule::{Party, Verb};
use super::server::{Flight, Letter, Outcome};
use super::state::State;
use super::wire::{World, lost, refused};

/// One side of a simulated world; which, `Party` tells.
pub struct SimSide {
    /// The world.
    pub world: World,
    /// The side.
    pub party: Party,
}

impl SimSide {
    async fn look(&self) -> Result<Survey> {
        let party = self.party;
        let list = |state: &mut State| {
            let server = state.server(party);
            let folders = server.shelves.keys().map(|name| server.listed(name)).collect();
            Ok(Survey {
                server: "simulated".to_owned(),
                profile: std::sync::Arc::default(),
                naming: Naming {
                    delimiter: Some('/'),
                    prefix: String::new(),
                    is_utf8: true,
                    ignores_case: false,
                },
                promises: Promises {
                    append_octets_max: server
                        .manner
                        .append_octets_max
                        .filter(|_| server.manner.tells_append_octets_max),
                    labels: server.manner.labels,
                    ..Promises::default()
                },
                folders,
                dangling_subscriptions: Vec::new(),
                warnings: Vec::new(),
            })
        };
        self.world.ask((party, Verb::Survey), None, list).await
    }
}

#[async_trait]
impl Source for SimSide {
    async fn survey(&self) -> Result<Survey> {
        self.look().await
    }

    async fn open(&self, folder: &Folder) -> Result<Box<dyn OpenSource>> {
        Ok(Box::new(Open::new(&self.world, self.party, folder).await?))
    }

    async fn close(&self) {}
}

#[async_trait]
impl OpenSource for Open {
    fn status(&self) -> FolderStatus {
        self.status
    }

    async fn uids(&mut self) -> Result<UidSet> {
        Self::uids(self).await
    }

    async fn stubs(&mut self, uids: &UidSet) -> Result<Vec<Stub>> {
        Self::stubs(self, uids).await
    }

    async fn changed_since(&mut self, uids: &UidSet, since: ModSeq) -> Result<Option<Vec<Stub>>> {
        Self::changed_since(self, uids, since).await
    }

    async fn labelled(&mut self, uids: &UidSet) -> Result<Vec<Labelled>> {
        if !self.world.state().source.manner.labels {
            return Ok(Vec::new());
        }
        let folder = self.folder.clone();
        let labelled = |stub: Stub, letter: &Letter| {
            let mut hasher = DefaultHasher::new();
            // Two folders lead to one at the destination: what is in both is two messages there.
            (letter.content.0, &letter.date, letter.octets.len(), folder == "Enviados").hash(&mut hasher);
            let origin = Origin::new(hasher.finish())?;
            Some(Labelled { uid: stub.uid, origin, octets_claimed: stub.octets_claimed, labels: Vec::new() })
        };
        let found = self.map(Verb::Stubs, uids, labelled).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn headed(&mut self, uids: &UidSet) -> Result<Vec<Headed>> {
        Self::headed(self, uids).await
    }

    async fn bodies(
        &mut self,
        uids: &UidSet,
        limits: &ReadLimits,
        sink: &mpsc::Sender<Fetched>,
    ) -> Result<()> {
        Self::bodies(self, uids, limits, sink).await
    }

    fn is_usable(&self) -> bool {
        Self::is_usable(self)
    }

    fn retire(&mut self) {}

    async fn reopen(&mut self, folder: &Folder) -> Result<()> {
        *self = Self::new(&self.world, self.seat.party, folder).await?;
        Ok(())
    }
}

#[async_trait]
impl Destination for SimSide {
    async fn survey(&self) -> Result<Survey> {
        self.look().await
    }

    async fn create(&self, path: &FolderPath, special_use: Option<Role>) -> Result<Folder> {
        let name = path.to_string();
        let make = |state: &mut State| {
            if !state.destination.shelves.contains_key(&name) {
                state.work.created += 1;
                state.destination.shelf(&name).special_use = special_use;
            }
            Ok(state.destination.listed(&name))
        };
        self.world.ask((self.party, Verb::Create), None, make).await
    }

    async fn subscribe(&self, _folder: &Folder) -> Result<()> {
        self.world.ask((self.party, Verb::Create), None, |_| Ok(())).await
    }

    async fn open(&self, folder: &Folder) -> Result<Box<dyn OpenDestination>> {
        let open = Open::new(&self.world, self.party, folder).await?;
        Ok(Box::new(OpenForWriting { open, batches: 0 }))
    }

    async fn copy_within(
        &self,
        (from, generation): (&Folder, UidValidity),
        uids: &UidSet,
        to: &Folder,
    ) -> Result<Option<Within>> {
        let name = |folder: &Folder| String::from_utf8_lossy(&folder.wire.0).into_owned();
        let (from, to) = (name(from), name(to));
        let copy = |state: &mut State| Ok(super::append::copy(state, (&from, generation), uids, &to));
        self.world.ask((self.party, Verb::Send), None, copy).await
    }

    fn copy_messages_max(&self) -> u64 {
        3
    }

    async fn close(&self) {}
}

struct OpenForWriting {
    open: Open,
    batches: u64,
}

impl OpenForWriting {
    fn lose(&self) {
        self.open.world.state().lose(Party::Destination, self.open.seat.session);
    }

    /// Reads every message of a batch to its end.
    async fn gather(&self, batch: Vec<Parcel>) -> Result<Vec<(Bytes, Flags, Option<String>)>> {
        let mut read = Vec::new();
        for parcel in batch {
            let octets = match parcel.body {
                Body::Memory(octets) => octets,
                Body::Wire(mut body) => {
                    let mut octets = BytesMut::new();
                    while let Some(chunk) = body.chunks.recv().await {
                        octets.extend_from_slice(&chunk.map_err(|failure| {
                            self.lose();
                            lost(Party::Destination, "the source failed midway").because(failure)
                        })?);
                    }
                    if octets.len() as u64 != body.octets {
                        self.lose();
                        return Err(lost(Party::Destination, "another length than was announced"));
                    }
                    octets.freeze()
                }
            };
            read.push((octets, parcel.flags, parcel.internal_date.map(date::fmt_internal)));
        }
        Ok(read)
    }
}

#[async_trait]
impl OpenDestination for OpenForWriting {
    fn status(&self) -> FolderStatus {
        self.open.status
    }

    async fn refresh(&mut self) -> Result<FolderStatus> {
        self.open.refresh().await
    }

    fn permanent_flags(&self) -> (Flags, bool) {
        let flags = self.open.world.state().destination.manner.permanent_flags;
        flags.map(|(flags, takes_new)| (Flags::parse(flags), takes_new)).unwrap_or_default()
    }

    fn append_octets_max(&self) -> Option<u64> {
        let manner = &self.open.world.state().destination.manner;
        manner.append_octets_max.filter(|_| manner.tells_append_octets_max)
    }

    async fn uids(&mut self) -> Result<UidSet> {
        self.open.uids().await
    }

    async fn stubs(&mut self, uids: &UidSet) -> Result<Vec<Stub>> {
        self.open.stubs(uids).await
    }

    async fn headed(&mut self, uids: &UidSet) -> Result<Vec<Headed>> {
        self.open.headed(uids).await
    }

    async fn bodies(
        &mut self,
        uids: &UidSet,
        limits: &ReadLimits,
        sink: &mpsc::Sender<Fetched>,
    ) -> Result<()> {
        self.open.bodies(uids, limits, sink).await
    }

    fn batch_messages_max(&self) -> usize {
        self.open.world.state().destination.manner.batch_messages_max.max(1)
    }

    async fn send(&mut self, batch: Vec<Parcel>) -> Result<BatchId> {
        let parcels = self.gather(batch).await?;
        self.batches += 1;
        let (id, seat, folder) = (self.batches, self.open.seat, self.open.folder.clone());
        let put = |state: &mut State| {
            let contents = &mut state.contents;
            let known =
                |(octets, flags, date): (Bytes, _, _)| (contents.of_octets(&octets), octets, flags, date);
            let parcels = parcels.into_iter().map(known).collect();
            let server = &mut state.destination;
            let session = server.sessions.get_mut(&seat.session).expect("the seat was checked");
            let validity = session.validity;
            session.flights.push_back(Flight { id, folder, validity, parcels, outcome: None });
            if state.chance(0xf117).is_multiple_of(2) {
                execute(state, seat.session, usize::MAX);
            }
            Ok(BatchId(id))
        };
        self.open.ask(Verb::Send, put).await
    }

    async fn answer(&mut self) -> Result<(BatchId, Answer)> {
        let seat = self.open.seat;
        let manner = self.open.world.state().destination.manner.clone();
        let take = |state: &mut State| {
            let refusal = state.refusal.take();
            let session = state.destination.sessions.get_mut(&seat.session).expect("the seat was checked");
            let is_done = session.flights.front().is_some_and(|flight| flight.outcome.is_some());
            // What was stored and is refused all the same is the habit of some servers only.
            let refusal = refusal.filter(|_| !is_done || manner.refused == Refused::All);
            if refusal.is_none() {
                execute(state, seat.session, 1);
            }
            let session = state.destination.sessions.get_mut(&seat.session).expect("the seat was checked");
            let flight =
                session.flights.pop_front().expect("an answer is asked for while a batch is on its way");
            let answer = match (refusal, flight.outcome) {
                (Some(refusal), _) => Answer::Refused(refused((Party::Destination, Verb::Answer), refusal)),
                (None, outcome) => answer_of(outcome.expect("it was just done"), flight.validity, &manner),
            };
            Ok((BatchId(flight.id), answer))
        };
        self.open.ask(Verb::Answer, take).await
    }

    async fn store(&mut self, uids: &UidSet, add: &[Flag], remove: &[Flag]) -> Result<()> {
        self.open.store(uids, add, remove).await
    }

    async fn remove(&mut self, uids: &UidSet) -> Result<()> {
        self.open.remove(uids).await
    }

    fn is_usable(&self) -> bool {
        self.open.is_usable()
    }

    fn retire(&mut self) {}
}

/// Does the oldest batches that are not done yet, at most so many.
fn execute(state: &mut State, session: u64, most: usize) {
    for index in 0..most {
        let flights = state.destination.sessions.get(&session).map(|session| &session.flights);
        let Some(flight) = flights.and_then(|flights| flights.get(index)).cloned() else { return };
        if flight.outcome.is_some() {
            continue;
        }
        let outcome = store_flight(state, &flight);
        let session = state.destination.sessions.get_mut(&session);
        if let Some(flight) = session.and_then(|session| session.flights.get_mut(index)) {
            flight.outcome = Some(outcome);
        }
    }
}

fn answer_of(outcome: Outcome, validity: u32, manner: &super::manner::Manner) -> Answer {
    let fail = |class, reach, text: &str| {
        Answer::Refused(Failure::new(Side::Destination, class, reach, Retry::Never, text.to_owned()))
    };
    match outcome {
        Outcome::Stored(uids) => {
            let count = uids.len();
            let real = uids.into_iter().filter_map(Uid::new).collect();
            let told = match manner.append_uids {
                AppendUids::Told => UidValidity::new(validity).map(|validity| (validity, real)),
                AppendUids::Untold => None,
                AppendUids::FromOne => {
                    let low = (1..).filter_map(Uid::new).take(count).collect();
                    UidValidity::new(validity).map(|validity| (validity, low))
                }
                AppendUids::OtherValidity => UidValidity::new(validity + 1).map(|validity| (validity, real)),
            };
            Answer::Appended { uids: told.filter(|_| !manner.hides_validity) }
        }
        Outcome::TooLarge => fail(Class::ItemTooLarge, Reach::Message, "NO [TOOBIG] too large"),
        Outcome::Refused => fail(Class::ItemRefused, Reach::Message, "NO invalid message"),
        Outcome::Full => fail(Class::OverQuota, Reach::Account, "NO [OVERQUOTA] full"),
        Outcome::NoFolder => fail(Class::FolderMissing, Reach::Folder, "NO [TRYCREATE] no such folder"),
    }
}

/// Keeps quarantined messages nowhere, after reading them to their end.
pub struct Keeper;

#[async_trait]
impl Quarantine for Keeper {
    async fn keep(&self, hint: &str, body: Body) -> Result<String> {
        if let Body::Wire(mut body) = body {
            while let Some(chunk) = body.chunks.recv().await {
                chunk?;
            }
        }
        Ok(hint.to_owned())
    }
}
