//! APPEND as a pipeline: batches go out while the answers to earlier ones come in.
//! Never sends half a message as a whole one: a body that fails midway costs the connection.

use std::collections::VecDeque;

use bytes::Bytes;
use malote_plan::message::{Flags, InternalDate, Uid, UidValidity};

use super::classify::Doing;
use super::command::quoted;
use super::connection::Connection;
use super::date;
use super::response::{Answer as ServerAnswer, Code, Kind, Reply};
use super::session::{Selected, shown};
use super::write::Writing;
use crate::body::{Body, WireBody};
use crate::exchange::{Answer, BatchId, Parcel};
use crate::failure::{Class, Failure, Reach, Result, Retry};
use crate::observed::Way;

/// Batches on their way, oldest first.
#[derive(Default)]
pub(crate) struct AppendQueue {
    in_flight: VecDeque<InFlight>,
    last_id: u64,
    /// True once the server has refused several messages in one APPEND as no grammar that it knows.
    pub is_multiappend_refused: bool,
}

struct InFlight {
    id: BatchId,
    tag: String,
    messages: usize,
    reply: Option<Reply>,
}

impl AppendQueue {
    /// True where no answer is awaited.
    pub fn is_empty(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Batches whose answers have not come.
    pub fn unanswered(&self) -> usize {
        self.in_flight.iter().filter(|batch| batch.reply.is_none()).count()
    }

    /// Keeps a tagged answer; false where it answers nothing here.
    fn keep(&mut self, tag: &str, reply: Reply) -> bool {
        let batch = self.in_flight.iter_mut().find(|batch| batch.tag == tag && batch.reply.is_none());
        batch.is_some_and(|batch| {
            batch.reply = Some(reply);
            true
        })
    }

    fn is_answered(&self, tag: &str) -> bool {
        self.in_flight.iter().any(|batch| batch.tag == tag && batch.reply.is_some())
    }
}

/// Whether a literal may be sent.
#[derive(PartialEq, Eq)]
enum Leave {
    Given,
    Refused,
}

impl Writing<'_> {
    /// Sends one batch as one APPEND into the open folder.
    pub async fn send(&mut self, queue: &mut AppendQueue, batch: Vec<Parcel>) -> Result<BatchId> {
        let Some(selected) = &self.session.selected else { return Err(no_folder(&self.session.connection)) };
        let wire = selected.wire.clone();
        self.session.spend(Way::Up, batch.iter().map(|parcel| parcel.body.octets()).sum())?;
        self.session.connection.slow_down().await;
        queue.last_id += 1;
        let id = BatchId(queue.last_id);
        let tag = self.session.connection.next_tag();
        self.session.connection.set_busy(true);
        queue.in_flight.push_back(InFlight { id, tag: tag.clone(), messages: batch.len(), reply: None });
        let mut slices = VecDeque::new();
        if self.append_name(queue, &tag, &wire.0, &mut slices).await? == Leave::Given
            && self.append_parcels(queue, &tag, batch, &mut slices).await? == Leave::Given
        {
            slices.push_back(Bytes::from_static(b"\r\n"));
            self.session.connection.write(&mut slices).await?;
        }
        self.session.connection.set_busy(false);
        Ok(id)
    }

    async fn append_name(
        &mut self,
        queue: &mut AppendQueue,
        tag: &str,
        name: &[u8],
        slices: &mut VecDeque<Bytes>,
    ) -> Result<Leave> {
        slices.push_back(Bytes::from(format!("{tag} APPEND ")));
        if let Some(quoted) = quoted(name) {
            slices.push_back(Bytes::from(quoted));
            return Ok(Leave::Given);
        }
        let leave = self.announce(queue, tag, String::new(), name.len() as u64, slices).await?;
        slices.push_back(Bytes::copy_from_slice(name));
        Ok(leave)
    }

    async fn append_parcels(
        &mut self,
        queue: &mut AppendQueue,
        tag: &str,
        batch: Vec<Parcel>,
        slices: &mut VecDeque<Bytes>,
    ) -> Result<Leave> {
        for parcel in batch {
            let before = before_literal(&parcel.flags, parcel.internal_date);
            if self.announce(queue, tag, before, parcel.body.octets(), slices).await? == Leave::Refused {
                return Ok(Leave::Refused);
            }
            match parcel.body {
                Body::Memory(octets) => slices.push_back(octets),
                Body::Wire(body) => {
                    self.session.connection.write(slices).await?;
                    self.pass_on(body).await?;
                }
            }
        }
        Ok(Leave::Given)
    }

    /// Announces a literal, and waits for the server's leave where it has to be asked.
    async fn announce(
        &mut self,
        queue: &mut AppendQueue,
        tag: &str,
        before: String,
        octets: u64,
        slices: &mut VecDeque<Bytes>,
    ) -> Result<Leave> {
        let is_unasked = self.session.connection.goes_unasked(octets);
        let plus = if is_unasked { "+" } else { "" };
        slices.push_back(Bytes::from(format!("{before}{{{octets}{plus}}}\r\n")));
        if is_unasked {
            return Ok(Leave::Given);
        }
        self.session.connection.write(slices).await?;
        loop {
            if queue.is_answered(tag) {
                return Ok(Leave::Refused);
            }
            match self.session.connection.next().await? {
                ServerAnswer::Continue(_) => return Ok(Leave::Given),
                answer => self.take(queue, answer)?,
            }
        }
    }

    /// Passes a body on as it is read. The server has been told its length; where it comes to another, only the
    /// end of the connection keeps what was sent from becoming a message.
    async fn pass_on(&mut self, mut body: WireBody) -> Result<()> {
        let mut left = body.octets;
        loop {
            let chunk = match body.chunks.recv().await {
                None if left == 0 => return Ok(()),
                None => return Err(self.cut_off("the source gave fewer octets than it announced").await),
                Some(Err(failure)) => {
                    let lost = self.cut_off("the source failed midway").await;
                    return Err(lost.because(failure));
                }
                Some(Ok(chunk)) => chunk,
            };
            let Some(after) = left.checked_sub(chunk.len() as u64) else {
                return Err(self.cut_off("the source gave more octets than it announced").await);
            };
            left = after;
            self.session.connection.write(&mut VecDeque::from([chunk])).await?;
        }
    }

    async fn cut_off(&mut self, why: &str) -> Failure {
        self.session.connection.shut_down().await;
        let connection = &self.session.connection;
        let message = format!(
            "appending a message at {}: {why}; the connection was cut so that no part of it stays",
            connection.host
        );
        Failure::new(connection.side, Class::Net, Reach::Connection, Retry::Again, message)
    }

    /// The next answer, oldest batch first. Cancel-safe.
    pub async fn answer(&mut self, queue: &mut AppendQueue) -> Result<(BatchId, Answer)> {
        loop {
            match queue.in_flight.front() {
                None => {
                    let side = self.session.connection.side;
                    let message = "an answer was awaited where no batch is on its way";
                    return Err(Failure::new(side, Class::Internal, Reach::Folder, Retry::Never, message));
                }
                Some(batch) if batch.reply.is_some() => {}
                Some(_) => {
                    let answer = self.session.connection.next().await?;
                    self.take(queue, answer)?;
                    continue;
                }
            }
            if let Some(InFlight { id, messages, reply: Some(reply), .. }) = queue.in_flight.pop_front() {
                return Ok((id, self.verdict(queue, messages, &reply)));
            }
        }
    }

    /// Reads on until every batch has its answer, which is kept for `answer` to give out.
    pub async fn settle(&mut self, queue: &mut AppendQueue) -> Result<()> {
        while queue.unanswered() > 0 {
            let answer = self.session.connection.next().await?;
            self.take(queue, answer)?;
        }
        Ok(())
    }

    fn take(&mut self, queue: &mut AppendQueue, answer: ServerAnswer) -> Result<()> {
        match answer {
            ServerAnswer::Tagged(tag, reply) => {
                if !queue.keep(&tag, reply) {
                    return Err(self.session.connection.protocol("an answer came to a command never sent"));
                }
            }
            answer => super::session::Session::note(&mut self.session.selected, &answer),
        }
        Ok(())
    }

    fn verdict(&self, queue: &mut AppendQueue, messages: usize, reply: &Reply) -> Answer {
        let selected = self.session.selected.as_ref();
        if reply.kind == Kind::Ok {
            return Answer::Appended { uids: uids(reply, messages, selected) };
        }
        let folder = selected.map(|selected| shown(&selected.wire)).unwrap_or_default();
        let failure =
            self.session.refused(Doing::Append, &format!("appending {messages} to {folder}"), reply);
        if reply.kind == Kind::Bad && messages > 1 && failure.class == Class::ItemRefused {
            queue.is_multiappend_refused = true;
        }
        Answer::Refused(failure)
    }
}

/// The UIDs of APPENDUID, where they can be trusted: one for each message, under the folder's own UIDVALIDITY.
fn uids(reply: &Reply, messages: usize, selected: Option<&Selected>) -> Option<(UidValidity, Vec<Uid>)> {
    let Some(Code::AppendUid(uid_validity, set)) = &reply.code else { return None };
    let is_folder = selected.and_then(|selected| selected.status.uid_validity) == Some(*uid_validity);
    (is_folder && set.len() == messages as u64).then(|| (*uid_validity, set.iter().collect()))
}

/// What stands before a message's literal: flags and date, each with its blank before it.
fn before_literal(flags: &Flags, internal_date: Option<InternalDate>) -> String {
    let mut before = format!(" ({})", flag_list(flags.iter().map(|flag| flag.as_str())));
    if let Some(date) = internal_date.and_then(date::written) {
        before.push_str(" \"");
        before.push_str(&date);
        before.push('"');
    }
    before.push(' ');
    before
}

/// Flags parted by blanks; one that no grammar allows is left out, for it would end the command.
pub(super) fn flag_list<'a>(flags: impl Iterator<Item = &'a str>) -> String {
    let is_plain = |flag: &&str| {
        let name = flag.strip_prefix('\\').unwrap_or(flag);
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && !b"(){%*\"\\]".contains(&byte))
    };
    flags.filter(is_plain).collect::<Vec<_>>().join(" ")
}

fn no_folder(connection: &Connection) -> Failure {
    let message = "appending: no folder is open";
    Failure::new(connection.side, Class::Internal, Reach::Folder, Retry::Never, message)
}
