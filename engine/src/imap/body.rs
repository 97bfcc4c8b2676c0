//! Bodies of the open folder, streamed as they come.
//! Never holds more than the budget gives, and never lets one message spoil its neighbours.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use malote_plan::message::Uid;
use malote_plan::uid_set::UidSet;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::classify::{Doing, concerns_all};
use super::connection::Incoming;
use super::fetch::stub;
use super::fetch_data::{FetchData, Section};
use super::limits::{BODY_UIDS_MAX, CHUNKS_WAITING_MAX, LITERAL_OCTETS_HELD_MAX};
use super::response::{Answer, Code, Kind, Reply};
use super::session::Session;
use super::split::Passed;
use crate::body::{Body, Held, WireBody};
use crate::exchange::{Fetched, ReadLimits, Stub};
use crate::failure::{Failure, Result};
use crate::observed::Way;

/// What is still to be done while bodies arrive.
struct Pending<'a> {
    limits: &'a ReadLimits,
    sink: &'a mpsc::Sender<Fetched>,
    /// UIDs for which nothing was sent yet.
    missing: BTreeSet<Uid>,
    /// Metadata known beforehand.
    known: BTreeMap<Uid, Stub>,
    /// Messages to be asked for again one by one.
    again: BTreeSet<Uid>,
    /// Messages that were not asked for because the connection has seen all the refusals that its server bears, in
    /// the parts that refusals have left of them: a whole that is asked for again would be refused again.
    unasked: Vec<UidSet>,
    /// The budget taken for the literal that is being read.
    held: Option<OwnedSemaphorePermit>,
}

impl Pending<'_> {
    /// True for a message for which nothing was sent and that is not to be asked for alone later.
    fn is_left(&self, uid: Uid) -> bool {
        self.missing.contains(&uid) && !self.again.contains(&uid)
    }
}

/// Whether to go on.
#[derive(PartialEq, Eq)]
enum Flow {
    On,
    SinkClosed,
}

impl Session {
    /// Sends the bodies of all `parts` into `sink`, and gives back those that another connection is to be asked for.
    /// The budget must be at least `memory_octets_max`, for a body takes no more than that from it at once.
    pub async fn bodies(
        &mut self,
        mut parts: Vec<UidSet>,
        limits: &ReadLimits,
        sink: &mpsc::Sender<Fetched>,
    ) -> Result<Vec<UidSet>> {
        let uids = parts.iter().fold(UidSet::new(), |all, part| all.union(part));
        let mut pending = Pending {
            limits,
            sink,
            missing: uids.iter().collect(),
            known: BTreeMap::new(),
            again: BTreeSet::new(),
            unasked: Vec::new(),
            held: None,
        };
        if self.has_late_metadata {
            let stubs = self.stubs(&uids).await?;
            let is_large = |stub: &Stub| stub.octets_claimed > limits.memory_octets_max;
            pending.again = stubs.iter().filter(|stub| is_large(stub)).map(|stub| stub.uid).collect();
            pending.known = stubs.into_iter().map(|stub| (stub.uid, stub)).collect();
            let alone: UidSet = pending.again.iter().copied().collect();
            parts.iter_mut().for_each(|part| *part = part.difference(&alone));
        }
        self.connection.begin()?;
        self.connection.offer_literals(true);
        let flow = self.bodies_offered(&parts, &mut pending).await?;
        if flow == Flow::SinkClosed {
            // Answers are still on their way: the connection stays busy and is given up by its pool.
            return Ok(Vec::new());
        }
        self.connection.offer_literals(false);
        self.connection.set_busy(false);
        Ok(pending.unasked)
    }

    async fn bodies_offered(&mut self, parts: &[UidSet], pending: &mut Pending<'_>) -> Result<Flow> {
        let items = format!("({} BODY.PEEK[])", self.stub_items());
        let uids_max = self.uids_at_once(BODY_UIDS_MAX);
        // One command at a time: Dovecot runs two of them side by side, and the order of the folder would be lost.
        let octets_max = self.uid_set_octets();
        let mut chunks: VecDeque<UidSet> =
            parts.iter().flat_map(|part| part.chunks(uids_max, octets_max)).collect();
        while let Some(chunk) = chunks.pop_front() {
            let tag = self.send_fetch(&chunk, &items).await?;
            let Some(reply) = self.body_answers(&tag, pending).await? else {
                return Ok(Flow::SinkClosed);
            };
            if reply.kind == Kind::Ok || reply.code == Some(Code::ExpungeIssued) {
                continue;
            }
            if concerns_all(self.connection.side, &reply) {
                return Err(self.refused(Doing::Fetch, "fetching messages", &reply));
            }
            // One of these spoils the others: halves are asked until it stands alone, and nothing is sent for it.
            let left: UidSet = chunk.iter().filter(|uid| pending.is_left(*uid)).collect();
            if left.len() > 1 || chunk.len() > 1 {
                let halves = left.chunks(left.len().div_ceil(2), self.uid_set_octets());
                halves.into_iter().rev().for_each(|half| chunks.push_front(half));
            }
            if self.refusals_left() == 0 {
                let again: UidSet = std::mem::take(&mut pending.again).into_iter().collect();
                pending.unasked = chunks.into_iter().chain([again]).filter(|part| !part.is_empty()).collect();
                return Ok(Flow::On);
            }
        }
        self.bodies_one_by_one(&items, pending).await
    }

    /// Asks for each message alone, its metadata first: for those whose metadata came too late.
    async fn bodies_one_by_one(&mut self, items: &str, pending: &mut Pending<'_>) -> Result<Flow> {
        let again = std::mem::take(&mut pending.again);
        let unknown: UidSet = again.iter().copied().filter(|uid| !pending.known.contains_key(uid)).collect();
        if !unknown.is_empty() {
            self.connection.offer_literals(false);
            self.connection.set_busy(false);
            let stubs = self.stubs(&unknown).await?;
            self.connection.begin()?;
            self.connection.offer_literals(true);
            pending.known.extend(stubs.into_iter().map(|stub| (stub.uid, stub)));
        }
        let mut again = again.into_iter();
        while let Some(uid) = again.next() {
            let tag = self.send_fetch(&UidSet::from_ranges(vec![(uid.get(), uid.get())]), items).await?;
            let Some(reply) = self.body_answers(&tag, pending).await? else {
                return Ok(Flow::SinkClosed);
            };
            if reply.kind != Kind::Ok && concerns_all(self.connection.side, &reply) {
                return Err(self.refused(Doing::Fetch, "fetching a message", &reply));
            }
            // Any other refusal of one message is that message's own: nothing is sent for it.
            if self.refusals_left() == 0 {
                let again: UidSet = again.collect();
                pending.unasked = if again.is_empty() { Vec::new() } else { vec![again] };
                break;
            }
        }
        Ok(Flow::On)
    }

    /// Reads to the end of one FETCH; nothing when the sink was closed meanwhile.
    async fn body_answers(&mut self, tag: &str, pending: &mut Pending<'_>) -> Result<Option<Reply>> {
        loop {
            match self.connection.incoming().await? {
                Incoming::Literal(octets) => {
                    if self.literal(octets, pending).await? == Flow::SinkClosed {
                        return Ok(None);
                    }
                }
                Incoming::Answer(Answer::Tagged(given, reply)) if given == tag => return Ok(Some(reply)),
                Incoming::Answer(Answer::Tagged(..)) => {
                    return Err(self.connection.protocol("an answer came to a command never sent"));
                }
                Incoming::Answer(Answer::Fetch(data)) => {
                    if whole(data, pending).await == Flow::SinkClosed {
                        return Ok(None);
                    }
                }
                Incoming::Answer(answer) => Self::note(&mut self.selected, &answer),
            }
        }
    }

    /// Decides where an announced literal goes: memory, the wire, or nowhere.
    async fn literal(&mut self, octets: u64, pending: &mut Pending<'_>) -> Result<Flow> {
        let data = match self.connection.so_far() {
            Answer::Fetch(data) if data.awaits_body => data,
            _ if octets <= LITERAL_OCTETS_HELD_MAX => {
                self.connection.hold_literal();
                return Ok(Flow::On);
            }
            _ => return Err(self.connection.passed(Passed::Literal(octets))),
        };
        self.spend(Way::Down, octets)?;
        if octets <= pending.limits.memory_octets_max {
            let permits = u32::try_from(octets).unwrap_or(u32::MAX);
            let budget = std::sync::Arc::clone(&pending.limits.budget);
            let Ok(permit) = budget.acquire_many_owned(permits).await else { return Ok(Flow::SinkClosed) };
            pending.held = Some(permit);
            self.connection.hold_literal();
            return Ok(Flow::On);
        }
        let uid = data.uid;
        let is_told = data.flags.is_some() && data.internal_date.is_some();
        let stub = if is_told { stub(data) } else { uid.and_then(|uid| pending.known.get(&uid).cloned()) };
        let Some(stub) = stub else {
            // Read past it, and ask again with the metadata in hand; the next call asks in that order at once.
            self.has_late_metadata = true;
            self.connection.stream_literal();
            while self.connection.chunk().await?.is_some() {}
            return Ok(Flow::On);
        };
        if !pending.missing.remove(&stub.uid) {
            self.connection.stream_literal();
            while self.connection.chunk().await?.is_some() {}
            return Ok(Flow::On);
        }
        self.stream(stub, octets, pending.sink).await
    }

    /// Passes a large body on chunk by chunk. Where its reader goes away, the rest is read and dropped, so that
    /// the connection and the messages behind this one go on.
    async fn stream(&mut self, stub: Stub, octets: u64, sink: &mpsc::Sender<Fetched>) -> Result<Flow> {
        let (sender, chunks) = mpsc::channel(CHUNKS_WAITING_MAX);
        let fetched = Fetched { stub, body: Body::Wire(WireBody { octets, chunks }), held: Held(None) };
        if sink.send(fetched).await.is_err() {
            return Ok(Flow::SinkClosed);
        }
        self.connection.stream_literal();
        let mut is_wanted = true;
        loop {
            match self.connection.chunk().await {
                Ok(Some(chunk)) if is_wanted => is_wanted = sender.send(Ok(chunk)).await.is_ok(),
                Ok(Some(_)) => {}
                Ok(None) => return Ok(Flow::On),
                Err(failure) => {
                    let told = Failure::new(
                        failure.side,
                        failure.class,
                        failure.reach,
                        failure.retry,
                        format!("reading a message midway: {}", failure.message),
                    );
                    let _ = sender.send(Err(told)).await;
                    return Err(failure);
                }
            }
        }
    }
}

/// Sends on what one complete answer brought.
async fn whole(data: FetchData, pending: &mut Pending<'_>) -> Flow {
    let permit = pending.held.take();
    let Some(uid) = data.uid else { return Flow::On };
    let octets = match &data.body {
        Some(Section::Held(octets)) => octets.clone(),
        // A large body that was read past because its metadata had not come yet.
        Some(Section::Streamed(_)) if pending.missing.contains(&uid) => {
            pending.again.insert(uid);
            return Flow::On;
        }
        _ => return Flow::On,
    };
    if !pending.missing.contains(&uid) {
        return Flow::On;
    }
    let is_told = data.flags.is_some() && data.internal_date.is_some();
    let known = pending.known.get(&uid).cloned();
    let Some(stub) = (if is_told { stub(data) } else { known }) else {
        pending.again.insert(uid);
        return Flow::On;
    };
    pending.missing.remove(&uid);
    let fetched = Fetched { stub, body: Body::Memory(octets), held: Held(permit) };
    if pending.sink.send(fetched).await.is_err() { Flow::SinkClosed } else { Flow::On }
}
