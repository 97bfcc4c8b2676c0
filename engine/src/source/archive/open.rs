//! One open folder of an archive as a run reads it: each call on a thread that may block.
//! Never sends a message whose octets are not exactly as many as announced.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::PoisonError;

use async_trait::async_trait;
use bytes::Bytes;
use malote_plan::failure::{Class, Reach, Retry, Side};
use malote_plan::folder::{Folder, FolderStatus, WireName};
use malote_plan::message::{ModSeq, Uid};
use malote_plan::uid_set::UidSet;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::{ArchiveSource, Content, Refusal, Shelf, Spoiled, panicked};
use crate::body::{Body, Held, WireBody};
use crate::exchange::{Fetched, Headed, ReadLimits, Stub};
use crate::failure::{Failure, Result};
use crate::source::OpenSource;

/// Octets of one chunk of a body that passes from wire to wire.
const CHUNK_OCTETS: usize = 64 * 1024;

/// Chunks that wait to be taken.
const CHUNKS_WAITING_MAX: usize = 4;

/// A shelf, and what this opening found out about its messages.
pub(super) struct OpenArchive {
    /// Absent while a call runs, and for good where one was abandoned or broke down.
    shelf: Option<Box<dyn Shelf>>,
    status: FolderStatus,
    left_out: UidSet,
    may_be_rewritten: bool,
    refusals: BTreeMap<Uid, String>,
    wire: WireName,
    archive: ArchiveSource,
}

impl OpenArchive {
    pub(super) fn new(shelf: Box<dyn Shelf>, folder: &Folder, archive: &ArchiveSource) -> Self {
        let (status, left_out, may_be_rewritten) =
            (shelf.status(), shelf.left_out(), shelf.may_be_rewritten());
        let (wire, archive, refusals) = (folder.wire.clone(), archive.handle(), BTreeMap::new());
        Self { shelf: Some(shelf), status, left_out, may_be_rewritten, refusals, wire, archive }
    }

    async fn ask<T: Send + 'static>(
        &mut self,
        question: impl FnOnce(&mut dyn Shelf) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Some(mut shelf) = self.shelf.take() else {
            return Err(Failure::net(Side::Source, "reading the archive: an earlier call was abandoned"));
        };
        let ask = move || {
            let answer = question(shelf.as_mut());
            (shelf, answer)
        };
        let (shelf, answer) = tokio::task::spawn_blocking(ask).await.map_err(|_| panicked())?;
        let is_lost = answer.as_ref().is_err_and(|failure| failure.reach >= Reach::Connection);
        self.shelf = Some(shelf).filter(|_| !is_lost);
        answer
    }
}

#[async_trait]
impl OpenSource for OpenArchive {
    fn status(&self) -> FolderStatus {
        self.status
    }

    async fn uids(&mut self) -> Result<UidSet> {
        self.ask(|shelf| Ok(shelf.uids())).await
    }

    async fn stubs(&mut self, uids: &UidSet) -> Result<Vec<Stub>> {
        let uids = uids.clone();
        self.ask(move |shelf| stubs(shelf, &uids)).await
    }

    async fn changed_since(&mut self, _uids: &UidSet, _since: ModSeq) -> Result<Option<Vec<Stub>>> {
        Ok(None)
    }

    async fn headed(&mut self, uids: &UidSet) -> Result<Vec<Headed>> {
        let uids = uids.clone();
        self.ask(move |shelf| headed(shelf, &uids)).await
    }

    async fn bodies(
        &mut self,
        uids: &UidSet,
        limits: &ReadLimits,
        sink: &mpsc::Sender<Fetched>,
    ) -> Result<()> {
        let (spoiled, wire) = (Spoiled::clone(&self.archive.spoiled), self.wire.clone());
        let reader = Reader::new(limits, sink, spoiled, wire);
        let uids = uids.clone();
        let (refusals, read) = self.ask(move |shelf| Ok(reader.all(shelf, &uids))).await?;
        self.refusals.extend(refusals);
        if read.is_err() {
            self.shelf = None;
        }
        read
    }

    fn refusal(&self, uid: Uid) -> Option<String> {
        self.refusals.get(&uid).cloned()
    }

    async fn dump(&mut self, uid: Uid, reason: &str) -> Result<Option<Bytes>> {
        let reason = reason.to_owned();
        self.ask(move |shelf| Ok(shelf.dump(uid, &reason))).await
    }

    fn left_out(&self) -> UidSet {
        self.left_out.clone()
    }

    fn may_be_rewritten(&self) -> bool {
        self.may_be_rewritten
    }

    fn pass_over(&mut self, uids: &UidSet) {
        if let Some(shelf) = &mut self.shelf {
            shelf.pass_over(uids);
        }
    }

    fn is_usable(&self) -> bool {
        self.shelf.is_some()
    }

    fn retire(&mut self) {}

    async fn reopen(&mut self, folder: &Folder) -> Result<()> {
        let shelf = self.archive.shelf(folder).await?;
        *self = Self::new(shelf, folder, &self.archive.handle());
        Ok(())
    }
}

/// Metadata of those of `uids` that there are.
pub(crate) fn stubs(shelf: &mut dyn Shelf, uids: &UidSet) -> Result<Vec<Stub>> {
    uids.iter().filter_map(|uid| shelf.stub(uid).transpose()).collect()
}

/// Metadata and headers of those of `uids` that there are, with their exact lengths.
pub(crate) fn headed(shelf: &mut dyn Shelf, uids: &UidSet) -> Result<Vec<Headed>> {
    let mut all = Vec::new();
    for uid in uids.iter() {
        let Some(stub) = shelf.stub(uid)? else { continue };
        match shelf.header(uid) {
            Ok((header, octets)) => {
                all.push(Headed { stub: Stub { octets_claimed: octets, ..stub }, header });
            }
            Err(Refusal::Failed(failure)) => return Err(failure),
            // What cannot be read has no header either; why is told where its octets are asked for.
            Err(Refusal::Gone | Refusal::Unreadable(_)) => {}
        }
    }
    shelf.check()?;
    Ok(all)
}

/// Why no further message is read.
enum Halt {
    SinkClosed,
    Failed(Failure),
}

/// Reads bodies on a thread that may block.
pub(crate) struct Reader {
    limits: ReadLimits,
    sink: mpsc::Sender<Fetched>,
    handle: Handle,
    spoiled: Spoiled,
    wire: WireName,
    refusals: BTreeMap<Uid, String>,
}

impl Reader {
    pub(crate) fn new(
        limits: &ReadLimits,
        sink: &mpsc::Sender<Fetched>,
        spoiled: Spoiled,
        wire: WireName,
    ) -> Self {
        let (limits, sink, handle) = (limits.clone(), sink.clone(), Handle::current());
        Self { limits, sink, handle, spoiled, wire, refusals: BTreeMap::new() }
    }

    /// Sends all of `uids` that can be read, until nobody listens; with the reasons of those that cannot.
    pub(crate) fn all(mut self, shelf: &mut dyn Shelf, uids: &UidSet) -> (BTreeMap<Uid, String>, Result<()>) {
        let read = match uids.iter().try_for_each(|uid| self.one(shelf, uid)) {
            Ok(()) | Err(Halt::SinkClosed) => Ok(()),
            Err(Halt::Failed(failure)) => Err(failure),
        };
        (self.refusals, read)
    }

    fn one(&mut self, shelf: &mut dyn Shelf, uid: Uid) -> std::result::Result<(), Halt> {
        if self.sink.is_closed() {
            return Err(Halt::SinkClosed);
        }
        if let Some(reason) = self.spoiled_before(uid) {
            self.refusals.insert(uid, reason);
            return Ok(());
        }
        let stub = shelf.stub(uid).map_err(Halt::Failed)?;
        let content = match shelf.body(uid) {
            Ok(content) => content,
            Err(Refusal::Gone) => return Ok(()),
            Err(Refusal::Unreadable(reason)) => {
                self.refusals.insert(uid, reason);
                return Ok(());
            }
            Err(Refusal::Failed(failure)) => return Err(Halt::Failed(failure)),
        };
        // Octets without flags and date are no whole message.
        let Some(stub) = stub else { return Ok(()) };
        let octets = content.octets;
        if octets > self.limits.memory_octets_max {
            let Err(reason) = self.pass(stub, content)? else { return Ok(()) };
            // A file that was written to meanwhile says nothing of its messages.
            shelf.check().map_err(Halt::Failed)?;
            let mut spoiled = self.spoiled.lock().unwrap_or_else(PoisonError::into_inner);
            spoiled.insert((self.wire.clone(), uid), reason.clone());
            return Err(Halt::Failed(broken(uid, &reason)));
        }
        let held = self.budget(octets)?;
        match gather(content) {
            Ok(octets) => self.send(Fetched { stub, body: Body::Memory(octets), held: Held(held) }),
            Err(reason) => {
                shelf.check().map_err(Halt::Failed)?;
                self.refusals.insert(uid, reason);
                Ok(())
            }
        }
    }

    fn send(&self, fetched: Fetched) -> std::result::Result<(), Halt> {
        self.sink.blocking_send(fetched).map_err(|_| Halt::SinkClosed)
    }

    /// Waits for the budget, unless nobody listens any more.
    fn budget(&self, octets: u64) -> std::result::Result<Option<OwnedSemaphorePermit>, Halt> {
        let octets = u32::try_from(octets).unwrap_or(u32::MAX);
        let budget = std::sync::Arc::clone(&self.limits.budget);
        self.handle.block_on(async {
            tokio::select! {
                permit = budget.acquire_many_owned(octets) => Ok(permit.ok()),
                () = self.sink.closed() => Err(Halt::SinkClosed),
            }
        })
    }

    /// Streams one long message. One that breaks off midway, for the reason that is returned, costs the connection on
    /// the other side.
    fn pass(
        &self,
        stub: Stub,
        content: Content<'_>,
    ) -> std::result::Result<std::result::Result<(), String>, Halt> {
        let (uid, octets) = (stub.uid, content.octets);
        let (pass, chunks) = mpsc::channel(CHUNKS_WAITING_MAX);
        self.send(Fetched { stub, body: Body::Wire(WireBody { octets, chunks }), held: Held(None) })?;
        let streamed = stream(content, &pass);
        if let Err(reason) = &streamed {
            // Nobody is left to be told where the receiver is gone.
            let _told = pass.blocking_send(Err(broken(uid, reason)));
        }
        Ok(streamed)
    }

    fn spoiled_before(&self, uid: Uid) -> Option<String> {
        let spoiled = self.spoiled.lock().unwrap_or_else(PoisonError::into_inner);
        spoiled.get(&(self.wire.clone(), uid)).cloned()
    }
}

/// A long message broke off midway; the next pass refuses it before it begins.
fn broken(uid: Uid, reason: &str) -> Failure {
    let message = format!("reading message {uid} of the archive: {reason}");
    Failure::new(Side::Source, Class::ServerTemporary, Reach::Connection, Retry::Again, message)
}

/// All octets of a short message, or why there are not exactly as many as announced.
fn gather(content: Content<'_>) -> std::result::Result<Bytes, String> {
    let Content { octets, reader } = content;
    let mut gathered = Vec::with_capacity(usize::try_from(octets).unwrap_or(0));
    reader.take(octets + 1).read_to_end(&mut gathered).map_err(|cause| cause.to_string())?;
    if gathered.len() as u64 == octets { Ok(gathered.into()) } else { Err(miscounted(octets)) }
}

/// Passes a message on chunk by chunk; the last chunk goes out only when nothing follows it.
fn stream(content: Content<'_>, pass: &mpsc::Sender<Result<Bytes>>) -> std::result::Result<(), String> {
    let Content { octets, mut reader } = content;
    let mut left = octets;
    let mut chunk = vec![0; CHUNK_OCTETS];
    while left > 0 {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK_OCTETS);
        reader.read_exact(&mut chunk[..wanted]).map_err(|cause| cause.to_string())?;
        left -= wanted as u64;
        if left == 0 && reader.read(&mut [0; 1]).map_err(|cause| cause.to_string())? > 0 {
            return Err(miscounted(octets));
        }
        if pass.blocking_send(Ok(Bytes::copy_from_slice(&chunk[..wanted]))).is_err() {
            // Whoever wanted it does not any more.
            return Ok(());
        }
    }
    Ok(())
}

fn miscounted(octets: u64) -> String {
    format!("it was announced with {octets} octets and has another number")
}
