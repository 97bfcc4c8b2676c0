//! A mailbox on an IMAP server as a destination: the one place that takes leave to write.
//! Never removes a message but by its UID.

use std::time::Duration;

use async_trait::async_trait;
use malote_plan::folder::{Folder, FolderPath, FolderStatus, NamespaceKind, Role, WireName};
use malote_plan::folder_name::encode;
use malote_plan::message::{Flag, Flags, UidValidity};
use malote_plan::uid_set::UidSet;
use tokio::sync::mpsc;

use super::{Answer, BatchId, Creation, Destination, OpenDestination, Parcel, Within};
use crate::allowance::Daily;
use crate::failure::{Failure, Result};
use crate::imap::create::Wanted;
use crate::imap::list_data::Listed;
use crate::imap::pool::{Lease, Pool, is_stale};
use crate::imap::write::Writing;
use crate::imap::{AppendQueue, Endpoint, limits};
use crate::measured::Room;
use crate::observed::Way;
use crate::source::{Fetched, Headed, ReadLimits, Stub, Survey};

/// A mailbox to write to.
pub struct ImapDestination {
    pool: Pool,
}

impl ImapDestination {
    /// A destination of at most `connections_max` connections, none of which is opened yet.
    #[must_use]
    pub fn new(endpoint: Endpoint, connections_max: usize) -> Self {
        Self { pool: Pool::new(endpoint, connections_max) }
    }
}

#[async_trait]
impl Destination for ImapDestination {
    async fn survey(&self) -> Result<Survey> {
        self.pool.survey().await
    }

    async fn create(&self, path: &FolderPath, special_use: Option<Role>) -> Result<Folder> {
        let mut created = self.create_all(&[Creation { path, special_use }]).await?;
        created.pop().expect("each creation has its answer")
    }

    async fn create_all(&self, creations: &[Creation<'_>]) -> Result<Vec<Result<Folder>>> {
        if creations.is_empty() {
            return Ok(Vec::new());
        }
        let naming = self.pool.naming().await?;
        let wanted = |creation: &Creation<'_>| Wanted {
            wire: encode(creation.path, &naming),
            special_use: creation.special_use,
            depth: creation.path.levels().len(),
        };
        let wanted: Vec<Wanted> = creations.iter().map(wanted).collect();
        loop {
            let (mut lease, was_used) = self.pool.take(None).await?;
            let mut writing = Writing::on(&mut lease);
            let created = writing.create(&wanted).await;
            if was_used && is_stale(&created) {
                continue;
            }
            let folder = |listed: Listed| Folder {
                path: writing.path(&listed, &naming),
                delimiter: listed.delimiter,
                is_selectable: !listed.has("\\Noselect"),
                may_have_children: !listed.has("\\Noinferiors"),
                is_subscribed: listed.has("\\Subscribed"),
                special_use: listed.special_use(),
                namespace: NamespaceKind::Personal,
                status: None,
                wire: WireName(listed.name),
            };
            return Ok(created?.into_iter().map(|answer| answer.map(folder)).collect());
        }
    }

    async fn subscribe(&self, folder: &Folder) -> Result<()> {
        loop {
            let (mut lease, was_used) = self.pool.take(None).await?;
            let subscribed = Writing::on(&mut lease).subscribe(&folder.wire).await;
            if was_used && is_stale(&subscribed) {
                continue;
            }
            return subscribed;
        }
    }

    async fn open(&self, folder: &Folder) -> Result<Box<dyn OpenDestination>> {
        let mut lease = selected(&self.pool, &folder.wire).await?;
        let append_octets_max = Writing::on(&mut lease).append_octets_max().await?;
        let (queue, pool) = (AppendQueue::default(), self.pool.clone());
        Ok(Box::new(OpenImapDestination { lease: Some(lease), queue, append_octets_max, pool }))
    }

    async fn copy_within(
        &self,
        (from, generation): (&Folder, UidValidity),
        uids: &UidSet,
        to: &Folder,
    ) -> Result<Option<Within>> {
        let mut lease = selected(&self.pool, &from.wire).await?;
        let is_same = lease.selected().is_some_and(|open| open.status.uid_validity == Some(generation));
        if !is_same || !lease.promises.uidplus || uids.is_empty() {
            return Ok(None);
        }
        Writing::on(&mut lease).copy(uids, &to.wire).await
    }

    fn copy_messages_max(&self) -> u64 {
        limits::COPY_UIDS_MAX
    }

    fn daily(&self) -> Option<Daily> {
        self.pool.daily(Way::Up)
    }

    fn remarks(&self) -> Vec<String> {
        let endpoint = self.pool.endpoint();
        endpoint.notes.remarks(endpoint.side)
    }

    async fn room(&self) -> Result<Option<Room>> {
        let (mut lease, was_used) = self.pool.take(None).await?;
        let mut quotas = lease.quotas().await;
        if was_used && is_stale(&quotas) {
            drop(lease);
            (lease, _) = self.pool.take(None).await?;
            quotas = lease.quotas().await;
        }
        Ok(quotas?.map(|quotas| Room::of_quotas(&quotas)))
    }

    async fn warm(&self, connections: usize) {
        self.pool.warm(connections).await;
    }

    fn round_trip(&self) -> Option<Duration> {
        self.pool.round_trip()
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

/// A session on which the folder is open for writing.
async fn selected(pool: &Pool, wire: &WireName) -> Result<Lease> {
    loop {
        let (mut lease, was_used) = pool.take(Some(wire)).await?;
        let opened = Writing::on(&mut lease).select(wire).await;
        // The server may have closed an idle session: another one, and in the end a new one, is tried.
        if was_used && is_stale(&opened) {
            continue;
        }
        opened?;
        return Ok(lease);
    }
}

struct OpenImapDestination {
    /// Absent only after a worn connection could not be replaced.
    lease: Option<Lease>,
    queue: AppendQueue,
    append_octets_max: Option<u64>,
    pool: Pool,
}

impl OpenImapDestination {
    fn lease(&mut self) -> Result<&mut Lease> {
        let lost = self.lost();
        self.lease.as_mut().ok_or(lost)
    }

    fn lost(&self) -> Failure {
        let endpoint = self.pool.endpoint();
        let message = format!("talking to {}: the connection could not be replaced", endpoint.location.host);
        Failure::net(endpoint.side, message)
    }

    fn writing(&mut self) -> Result<Writing<'_>> {
        Ok(Writing::on(self.lease()?))
    }

    /// Changes to another connection before the server hangs up on this one: some do after so many refusals. The
    /// answers of all that was sent are read before, so that nothing is in doubt.
    async fn spare(&mut self) -> Result<()> {
        let Self { lease: Some(lease), queue, .. } = self else { return Ok(()) };
        if lease.refusals_left() as usize > queue.unanswered() {
            return Ok(());
        }
        Writing::on(lease).settle(queue).await?;
        let wire = lease.selected().map(|selected| selected.wire.clone());
        if let Some(wire) = wire.filter(|_| lease.is_worn()) {
            // Given back first, for it may be the only one that the server bears.
            self.lease = None;
            self.lease = Some(selected(&self.pool, &wire).await?);
        }
        Ok(())
    }
}

impl Drop for OpenImapDestination {
    fn drop(&mut self) {
        if !self.queue.is_empty() {
            // Answers are still on their way: nobody else may take them for theirs.
            self.retire();
        }
    }
}

#[async_trait]
impl OpenDestination for OpenImapDestination {
    fn status(&self) -> FolderStatus {
        let selected = self.lease.as_ref().and_then(|lease| lease.selected());
        selected.map(|selected| selected.status).unwrap_or_default()
    }

    async fn refresh(&mut self) -> Result<FolderStatus> {
        self.writing()?.refresh().await
    }

    fn permanent_flags(&self) -> (Flags, bool) {
        let selected = self.lease.as_ref().and_then(|lease| lease.selected());
        selected
            .map(|selected| (selected.permanent_flags.clone(), selected.takes_keywords))
            .unwrap_or_default()
    }

    fn carries_nul(&self) -> bool {
        false
    }

    fn append_octets_max(&self) -> Option<u64> {
        self.append_octets_max
    }

    async fn uids(&mut self) -> Result<UidSet> {
        self.lease()?.uids().await
    }

    async fn stubs(&mut self, uids: &UidSet) -> Result<Vec<Stub>> {
        self.lease()?.stubs(uids).await
    }

    async fn headed(&mut self, uids: &UidSet) -> Result<Vec<Headed>> {
        self.lease()?.headed(uids).await
    }

    async fn bodies(
        &mut self,
        uids: &UidSet,
        limits: &ReadLimits,
        sink: &mpsc::Sender<Fetched>,
    ) -> Result<()> {
        let mut left = self.lease()?.bodies(vec![uids.clone()], limits, sink).await?;
        while !left.is_empty() && !sink.is_closed() {
            self.spare().await?;
            left = self.lease()?.bodies(left, limits, sink).await?;
        }
        Ok(())
    }

    fn batch_messages_max(&self) -> usize {
        let takes_several = self.lease.as_ref().is_some_and(|lease| lease.promises.multiappend);
        let takes_several = takes_several && !self.pool.is_multiappend_refused();
        if takes_several { limits::BATCH_MESSAGES_MAX } else { 1 }
    }

    async fn send(&mut self, batch: Vec<Parcel>) -> Result<BatchId> {
        self.spare().await?;
        let Self { lease: Some(lease), queue, .. } = self else { return Err(self.lost()) };
        Writing::on(lease).send(queue, batch).await
    }

    async fn answer(&mut self) -> Result<(BatchId, Answer)> {
        let Self { lease: Some(lease), queue, pool, .. } = self else { return Err(self.lost()) };
        let answer = Writing::on(lease).answer(queue).await;
        if queue.is_multiappend_refused {
            pool.drop_multiappend();
            pool.endpoint().notes.multiappend_refused();
        }
        answer
    }

    async fn store(&mut self, uids: &UidSet, add: &[Flag], remove: &[Flag]) -> Result<()> {
        self.writing()?.store(uids, add, remove).await
    }

    async fn remove(&mut self, uids: &UidSet) -> Result<()> {
        self.writing()?.remove(uids).await
    }

    fn retire(&mut self) {
        if let Some(lease) = &mut self.lease {
            lease.give_up();
        }
    }

    fn is_usable(&self) -> bool {
        self.lease.as_ref().is_some_and(|lease| lease.is_usable())
    }
}
