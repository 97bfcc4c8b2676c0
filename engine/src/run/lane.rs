//! One lane of a transfer: bodies read on one connection, appended in batches on another, both at once.
//! Never records a message before the destination's answer, and never forgets one whose answer is missing.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use malote_plan::date::DateOrigin;
use malote_plan::failure::{Class, Reach, Retry, Side};
use malote_plan::message::{ContentHash, Flag, InternalDate, Uid, UidValidity};
use malote_plan::record::Record;
use malote_plan::uid_set::UidSet;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::context::Run;
use super::parcel::{Item, Keeps, KeysOf, Ready, ready};
use super::reading::{Ends, FETCH_QUEUE_MESSAGES};
use super::twins::Twins;
use super::width::Width;
use crate::body::Body;
use crate::destination::{Answer, BatchId, OpenDestination, Parcel};
use crate::failure::{Failure, Result};
use crate::ledger::FolderId;
use crate::source::{Fetched, OpenSource};

/// Messages in one batch at most.
const BATCH_MESSAGES_MAX: usize = 128;

/// Octets in one batch at most, unless a single message is longer.
const BATCH_OCTETS_MAX: u64 = 1024 * 1024;

/// Messages that make a batch worth sending while others are in flight.
const BATCH_MESSAGES_WORTH: usize = 32;

/// Batches in flight at most.
const BATCHES_IN_FLIGHT_MAX: usize = 4;

/// Octets of refused messages that a lane keeps for quarantine; others are read once more.
const REFUSED_OCTETS_KEPT_MAX: u64 = 4 * 1024 * 1024;

/// How long a batch waits for company.
const BATCH_WAIT: Duration = Duration::from_millis(5);

/// Answered messages that are recorded together: each writing of the ledger waits for the disk.
const RECORDS_MAX: usize = 256;

/// How long an answered message may wait to be recorded.
const RECORD_WAIT: Duration = Duration::from_millis(100);

/// What a lane needs to know of its folder.
pub(super) struct Road<'a> {
    pub run: &'a Run<'a>,
    pub folder: FolderId,
    pub keeps: Keeps<'a>,
    pub validity: UidValidity,
    /// UIDNEXT of the destination before the first message of this transfer.
    pub uid_next: u32,
    pub octets_max: Option<u64>,
    pub twins: Twins,
    /// Destination UIDs that answers have named.
    pub placed: Mutex<UidSet>,
    /// Messages per batch at most; 1 gives each message an answer of its own.
    pub batch_messages_max: usize,
}

impl Road<'_> {
    /// An answer's UIDs, where they can be those of its messages: UIDs from below UIDNEXT, or given twice,
    /// are of other messages.
    fn believed(
        &self,
        uids: Option<(UidValidity, Vec<Uid>)>,
        count: usize,
    ) -> Option<(UidValidity, Vec<Uid>)> {
        let mut placed = self.placed.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = |uid: &Uid| uid.get() >= self.uid_next && !placed.contains(*uid);
        let (validity, uids) = uids.filter(|(validity, uids)| {
            *validity == self.validity && uids.len() == count && uids.iter().all(is_new)
        })?;
        uids.iter().for_each(|uid| placed.insert(*uid));
        Some((validity, uids))
    }
}

/// A message that the destination refused when it stood alone.
pub(super) struct Refused {
    pub uid: Uid,
    pub octets: u64,
    pub failure: Failure,
    /// Its octets, where they were held in memory.
    pub kept: Option<bytes::Bytes>,
}

/// What one lane did.
#[derive(Default)]
pub(super) struct LaneOutcome {
    /// Appended and recorded.
    pub copied: UidSet,
    pub bytes_copied: u64,
    /// Left out as twins of a message in `copied` or of one recorded before.
    pub twins: Vec<(Uid, ContentHash)>,
    pub refused: Vec<Refused>,
    /// Longer than the limit, by measure and against its server's claim: UID and octets.
    pub too_large: Vec<(Uid, u64)>,
    /// Copied messages whose date is not their INTERNALDATE, by where it was found.
    pub dates_guessed: BTreeMap<DateOrigin, u64>,
    /// Keywords that are new to the destination folder, by the copied messages that are to bear them.
    pub keywords: BTreeMap<Flag, UidSet>,
    /// What ended the lane early.
    pub failure: Option<Failure>,
}

/// Reads and appends `wanted`, in the order of its UIDs, until nothing is left or one side fails.
pub(super) async fn drive(road: &Road<'_>, ends: &mut Ends, wanted: &UidSet) -> LaneOutcome {
    let (sink, queue) = mpsc::channel(FETCH_QUEUE_MESSAGES);
    let read = read(road, ends.source.as_mut(), wanted, sink);
    let mut writer = Writer::new(road, ends.destination.as_mut());
    let write = writer.run(queue);
    let (read, written) = tokio::join!(read, write);
    let mut outcome = writer.outcome;
    outcome.failure = written.err().or(read.err());
    ends.is_stale = true;
    outcome
}

/// Sends window after window into `sink`. An intent is durable before the first message of its window is read.
async fn read(
    road: &Road<'_>,
    source: &mut dyn OpenSource,
    wanted: &UidSet,
    sink: mpsc::Sender<Fetched>,
) -> Result<()> {
    let (job, limits) = (road.run.job, road.run.job.read_limits());
    let mut width = Width::new(job.source.round_trip());
    let mut left = wanted.clone();
    while !left.is_empty() && !road.run.halt.is_cancelled() {
        let window = left.first(width.messages());
        left = left.difference(&window);
        job.ledger.open_intent(road.folder, &window, road.validity, road.uid_next).await?;
        let began = Instant::now();
        source.bodies(&window, &limits, &sink).await?;
        width.learn(began.elapsed());
        if sink.is_closed() {
            break;
        }
    }
    Ok(())
}

struct Batch {
    id: BatchId,
    items: Vec<Item>,
}

struct Writer<'a> {
    road: &'a Road<'a>,
    destination: &'a mut dyn OpenDestination,
    gathered: Vec<Item>,
    gathered_octets: u64,
    /// What was gathered beyond a batch, to be sent before anything else.
    again: VecDeque<Vec<Item>>,
    in_flight: VecDeque<Batch>,
    /// Answered and not recorded yet.
    answered: Vec<Record>,
    recorded_at: Instant,
    neighbour: Option<InternalDate>,
    outcome: LaneOutcome,
}

impl<'a> Writer<'a> {
    fn new(road: &'a Road<'a>, destination: &'a mut dyn OpenDestination) -> Self {
        Self {
            road,
            destination,
            gathered: Vec::new(),
            gathered_octets: 0,
            again: VecDeque::new(),
            in_flight: VecDeque::new(),
            answered: Vec::new(),
            recorded_at: Instant::now(),
            neighbour: None,
            outcome: LaneOutcome::default(),
        }
    }

    /// Takes messages until none will come and every batch is answered. What a failure leaves behind is dropped
    /// at once, for the reader may be waiting for the octets that it holds.
    async fn run(&mut self, mut queue: mpsc::Receiver<Fetched>) -> Result<()> {
        let mut result = self.work(&mut queue).await;
        if result.as_ref().is_err_and(|failure| failure.class == Class::ThrottleDaily) {
            // The connection is sound: what was sent before is answered as ever.
            result = self.take_all_answers().await.and(result);
        }
        queue.close();
        while queue.try_recv().is_ok() {}
        self.gathered.clear();
        self.again.clear();
        self.in_flight.clear();
        // Whatever ended the work, what was answered before is known.
        let recorded = self.record_answered().await;
        result.and(recorded)
    }

    async fn work(&mut self, queue: &mut mpsc::Receiver<Fetched>) -> Result<()> {
        let mut is_open = true;
        loop {
            if is_open && self.road.run.halt.is_cancelled() {
                // What is gathered and in flight is finished; what waits in the queue is left for the next run.
                queue.close();
                is_open = false;
            }
            let may_send = self.in_flight.len() < BATCHES_IN_FLIGHT_MAX;
            if self.answered.len() >= RECORDS_MAX || self.is_record_due() {
                self.record_answered().await?;
            } else if may_send && let Some(items) = self.again.pop_front() {
                self.send(items).await?;
            } else if may_send && !self.gathered.is_empty() && (!is_open || self.is_full()) {
                self.send_gathered().await?;
            } else if !self.in_flight.is_empty() && (!is_open || !may_send) {
                let answered = self.destination.answer().await?;
                self.take_answer(answered).await?;
            } else if is_open {
                is_open = self.wait(queue).await?;
            } else {
                return Ok(());
            }
        }
    }

    async fn take_all_answers(&mut self) -> Result<()> {
        while !self.in_flight.is_empty() && self.destination.is_usable() {
            let answered = self.destination.answer().await?;
            self.take_answer(answered).await?;
        }
        Ok(())
    }

    /// Waits for whatever comes first: a message, an answer, or the end of a batch's patience. False when no
    /// more messages will come.
    async fn wait(&mut self, queue: &mut mpsc::Receiver<Fetched>) -> Result<bool> {
        let is_waiting = !self.gathered.is_empty();
        let has_flight = !self.in_flight.is_empty();
        let has_answered = !self.answered.is_empty();
        let record_at = self.recorded_at + RECORD_WAIT;
        tokio::select! {
            biased;
            fetched = queue.recv() => match fetched {
                Some(fetched) => self.take(fetched).await?,
                None => return Ok(false),
            },
            () = self.road.run.halt.cancelled() => {}
            answered = self.destination.answer(), if has_flight => self.take_answer(answered?).await?,
            () = tokio::time::sleep(BATCH_WAIT), if is_waiting => self.send_gathered().await?,
            () = tokio::time::sleep_until(record_at), if has_answered => self.record_answered().await?,
        }
        Ok(true)
    }

    fn is_full(&self) -> bool {
        let worth = if self.in_flight.len() < 2 { BATCH_MESSAGES_WORTH } else { BATCH_MESSAGES_MAX };
        self.gathered.len() >= worth.min(self.batch_max()) || self.gathered_octets >= BATCH_OCTETS_MAX
    }

    fn batch_max(&self) -> usize {
        self.destination.batch_messages_max().min(self.road.batch_messages_max).max(1)
    }

    /// Takes one message in: counts it out, keeps it for the next batch, or streams it at once.
    async fn take(&mut self, fetched: Fetched) -> Result<()> {
        let (uid, octets) = (fetched.stub.uid, fetched.body.octets());
        if self.road.octets_max.is_some_and(|max| octets > max) {
            self.outcome.too_large.push((uid, octets));
            return drain(fetched.body).await;
        }
        if octets == 0 {
            // No message is empty: its server could not give it, and it is asked for again.
            return Ok(());
        }
        if let Body::Memory(kept) = &fetched.body
            && self.road.run.manners.needs_final_line_end
            && self.road.run.job.policy.repairs
            && kept.last() != Some(&b'\n')
        {
            self.outcome.refused.push(open_ended(uid, kept));
            return Ok(());
        }
        if !self.road.keeps.carries_nul && self.holds_nul(uid, &fetched.body) {
            self.outcome.refused.push(with_nul(uid, octets));
            return drain(fetched.body).await;
        }
        let paces = async {
            tokio::join!(self.road.run.job.pace.take(octets), self.road.run.manners.appends.take(octets))
        };
        tokio::select! {
            _ = paces => {}
            // Not read into a batch, so not sent: the next run takes it up.
            () = self.road.run.halt.cancelled() => return Ok(()),
        }
        let Ready { item, passing, met_nul } = ready(fetched, &self.road.keeps, self.neighbour).await;
        if let KeysOf::Known(keys) = &item.keys
            && let Some(hash) = keys.content
            && self.road.twins.is_twin(uid, hash)
        {
            self.outcome.twins.push((uid, hash));
            return Ok(());
        }
        self.neighbour = item.internal_date.or(self.neighbour);
        if let Some(parcel) = passing {
            let passed = self.pass(item, parcel).await;
            if met_nul.load(Ordering::Acquire) {
                self.road.run.repairs.met_nul(self.road.folder, uid);
            }
            return passed;
        }
        if !self.gathered.is_empty() && self.gathered_octets + octets > BATCH_OCTETS_MAX {
            self.make_room().await?;
            self.send_gathered().await?;
        }
        self.gathered_octets += octets;
        self.gathered.push(item);
        Ok(())
    }

    /// True for a message with a NUL; of one that passes by it is known once it was met.
    fn holds_nul(&self, uid: Uid, body: &Body) -> bool {
        match body {
            Body::Memory(octets) => memchr::memchr(0, octets).is_some(),
            Body::Wire(_) => self.road.run.repairs.has_met_nul(self.road.folder, uid),
        }
    }

    async fn pass(&mut self, item: Item, parcel: Parcel) -> Result<()> {
        self.make_room().await?;
        let id = self.destination.send(vec![parcel]).await?;
        self.in_flight.push_back(Batch { id, items: vec![item] });
        Ok(())
    }

    async fn make_room(&mut self) -> Result<()> {
        while self.in_flight.len() >= BATCHES_IN_FLIGHT_MAX {
            let answered = self.destination.answer().await?;
            self.take_answer(answered).await?;
        }
        Ok(())
    }

    async fn send_gathered(&mut self) -> Result<()> {
        self.gathered_octets = 0;
        let items = std::mem::take(&mut self.gathered);
        self.send(items).await
    }

    async fn send(&mut self, items: Vec<Item>) -> Result<()> {
        let batch_max = self.batch_max();
        let mut items = items;
        if items.len() > batch_max {
            let rest = items.split_off(batch_max);
            self.again.push_front(rest);
        }
        let parcels: Vec<Parcel> = items.iter().filter_map(Item::parcel).collect();
        assert_eq!(parcels.len(), items.len(), "only messages held in memory are gathered");
        let id = self.destination.send(parcels).await?;
        self.in_flight.push_back(Batch { id, items });
        Ok(())
    }

    async fn take_answer(&mut self, (id, answer): (BatchId, Answer)) -> Result<()> {
        let batch = self.in_flight.pop_front().expect("an answer follows a batch");
        assert_eq!(batch.id, id, "answers come in the order of sending");
        match answer {
            Answer::Appended { uids } => {
                self.note_answered(batch.items, uids).await;
                Ok(())
            }
            Answer::Refused(failure) if failure.reach != Reach::Message => Err(failure),
            Answer::Refused(failure) => {
                self.refuse(batch.items, &failure);
                Ok(())
            }
        }
    }

    /// Notes what the destination has confirmed; its octets are given back.
    async fn note_answered(&mut self, items: Vec<Item>, uids: Option<(UidValidity, Vec<Uid>)>) {
        let uids = self.road.believed(uids, items.len());
        let mut uids = uids.map(|(_, uids)| uids).unwrap_or_default().into_iter();
        if self.answered.is_empty() {
            self.recorded_at = Instant::now();
        }
        for mut item in items {
            self.road.run.findings.drop_flags(&std::mem::take(&mut item.dropped));
            if item.date_origin != DateOrigin::Internal {
                *self.outcome.dates_guessed.entry(item.date_origin).or_default() += 1;
            }
            for keyword in std::mem::take(&mut item.keywords) {
                self.outcome.keywords.entry(keyword).or_default().insert(item.uid);
            }
            self.answered.push(item.record(uids.next()).await);
        }
    }

    fn is_record_due(&self) -> bool {
        !self.answered.is_empty() && self.recorded_at.elapsed() >= RECORD_WAIT
    }

    /// Writes what was answered into the ledger. A crash before leaves it as doubts, which a look at the
    /// destination settles.
    async fn record_answered(&mut self) -> Result<()> {
        if self.answered.is_empty() {
            return Ok(());
        }
        let records = std::mem::take(&mut self.answered);
        self.road.run.job.ledger.record(self.road.folder, &records).await?;
        let octets = records.iter().map(|record| record.octets).sum();
        records.iter().for_each(|record| self.outcome.copied.insert(record.source_uid));
        self.outcome.bytes_copied += octets;
        self.road.run.job.progress.messages_copied(records.len() as u64, octets);
        Ok(())
    }

    /// Gives up a message that was refused alone. Of several none is sent again before the destination was looked
    /// at: a server may have kept some of them all the same.
    fn refuse(&mut self, items: Vec<Item>, failure: &Failure) {
        if items.len() > 1 {
            return;
        }
        for item in items {
            let failure = Failure::new(
                failure.side,
                failure.class,
                failure.reach,
                failure.retry,
                failure.full_message(),
            );
            let held: u64 =
                self.outcome.refused.iter().flat_map(|one| &one.kept).map(|kept| kept.len() as u64).sum();
            let kept = item.kept.filter(|_| held + item.octets <= REFUSED_OCTETS_KEPT_MAX);
            self.outcome.refused.push(Refused { uid: item.uid, octets: item.octets, failure, kept });
        }
    }
}

/// A message that its server is known to refuse for the missing end of its last line: it is mended without asking.
fn open_ended(uid: Uid, octets: &bytes::Bytes) -> Refused {
    let message = "the last line has no end, which this destination is known to refuse";
    let failure =
        Failure::new(Side::Destination, Class::ItemMalformed, Reach::Message, Retry::Never, message);
    Refused { uid, octets: octets.len() as u64, failure, kept: None }
}

/// A message that IMAP cannot carry: a server may refuse it, and Dovecot keeps something else in place of each NUL.
fn with_nul(uid: Uid, octets: u64) -> Refused {
    let message = "it holds NUL octets, which IMAP cannot carry (RFC 9051 §9)";
    let failure =
        Failure::new(Side::Destination, Class::ItemMalformed, Reach::Message, Retry::Never, message);
    Refused { uid, octets, failure, kept: None }
}

/// Reads a body that nobody wants to its end, so that its connection stays in step.
async fn drain(body: Body) -> Result<()> {
    if let Body::Wire(mut body) = body {
        while let Some(chunk) = body.chunks.recv().await {
            chunk?;
        }
    }
    Ok(())
}
