//! A mailbox on an IMAP server as a source.
//! Never takes leave to write: everything here goes by `Session`, which has no command that changes anything.

use std::time::Duration;

use async_trait::async_trait;
use malote_plan::folder::{Folder, FolderStatus, WireName};
use malote_plan::message::ModSeq;
use malote_plan::uid_set::UidSet;
use tokio::sync::mpsc;

use super::{Fetched, Headed, Labelled, OpenSource, ReadLimits, Source, Stub, Survey};
use crate::allowance::Daily;
use crate::failure::{Failure, Result};
use crate::imap::Endpoint;
use crate::imap::pool::{Lease, Pool, is_stale};
use crate::observed::Way;

/// A mailbox to read from.
pub struct ImapSource {
    pool: Pool,
}

impl ImapSource {
    /// A source of at most `connections_max` connections, none of which is opened yet.
    #[must_use]
    pub fn new(endpoint: Endpoint, connections_max: usize) -> Self {
        Self { pool: Pool::new(endpoint, connections_max) }
    }
}

#[async_trait]
impl Source for ImapSource {
    async fn survey(&self) -> Result<Survey> {
        self.pool.survey().await
    }

    async fn open(&self, folder: &Folder) -> Result<Box<dyn OpenSource>> {
        let lease = examined(&self.pool, &folder.wire).await?;
        Ok(Box::new(OpenImapSource { lease: Some(lease), pool: self.pool.clone() }))
    }

    fn daily(&self) -> Option<Daily> {
        self.pool.daily(Way::Down)
    }

    fn remarks(&self) -> Vec<String> {
        let endpoint = self.pool.endpoint();
        endpoint.notes.remarks(endpoint.side)
    }

    async fn peek(&self, folder: &Folder, uids: &UidSet) -> Result<(FolderStatus, Vec<Stub>)> {
        loop {
            let (mut lease, was_used) = self.pool.take(Some(&folder.wire)).await?;
            let peeked = lease.peek(&folder.wire, uids).await;
            if was_used && is_stale(&peeked) {
                continue;
            }
            return peeked;
        }
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

/// A session on which the folder is open for reading.
async fn examined(pool: &Pool, wire: &WireName) -> Result<Lease> {
    loop {
        let (mut lease, was_used) = pool.take(Some(wire)).await?;
        let opened = lease.examine(wire).await;
        // The server may have closed an idle session: another one, and in the end a new one, is tried.
        if was_used && is_stale(&opened) {
            continue;
        }
        opened?;
        return Ok(lease);
    }
}

struct OpenImapSource {
    /// Absent only after a worn connection could not be replaced.
    lease: Option<Lease>,
    pool: Pool,
}

impl OpenImapSource {
    /// The session, or another one where the server would soon hang up on this one: some do after so many refusals.
    async fn lease(&mut self) -> Result<&mut Lease> {
        let worn = self.lease.as_ref().filter(|lease| lease.is_worn());
        if let Some(wire) = worn.and_then(|lease| lease.selected()).map(|selected| selected.wire.clone()) {
            // Given back first, for it may be the only one that the server bears.
            self.lease = None;
            self.lease = Some(examined(&self.pool, &wire).await?);
        }
        let endpoint = self.pool.endpoint();
        let lost = || format!("talking to {}: the connection could not be replaced", endpoint.location.host);
        self.lease.as_mut().ok_or_else(|| Failure::net(endpoint.side, lost()))
    }
}

#[async_trait]
impl OpenSource for OpenImapSource {
    fn status(&self) -> FolderStatus {
        let selected = self.lease.as_ref().and_then(|lease| lease.selected());
        selected.map(|selected| selected.status).unwrap_or_default()
    }

    async fn uids(&mut self) -> Result<UidSet> {
        self.lease().await?.uids().await
    }

    async fn stubs(&mut self, uids: &UidSet) -> Result<Vec<Stub>> {
        self.lease().await?.stubs(uids).await
    }

    async fn changed_since(&mut self, uids: &UidSet, since: ModSeq) -> Result<Option<Vec<Stub>>> {
        self.lease().await?.changed_since(uids, since).await
    }

    async fn labelled(&mut self, uids: &UidSet) -> Result<Vec<Labelled>> {
        self.lease().await?.labelled(uids).await
    }

    async fn headed(&mut self, uids: &UidSet) -> Result<Vec<Headed>> {
        self.lease().await?.headed(uids).await
    }

    async fn bodies(
        &mut self,
        uids: &UidSet,
        limits: &ReadLimits,
        sink: &mpsc::Sender<Fetched>,
    ) -> Result<()> {
        let mut left = self.lease().await?.bodies(vec![uids.clone()], limits, sink).await?;
        while !left.is_empty() && !sink.is_closed() {
            left = self.lease().await?.bodies(left, limits, sink).await?;
        }
        Ok(())
    }

    fn retire(&mut self) {
        if let Some(lease) = &mut self.lease {
            lease.give_up();
        }
    }

    fn is_usable(&self) -> bool {
        self.lease.as_ref().is_some_and(|lease| lease.is_usable())
    }

    async fn reopen(&mut self, folder: &Folder) -> Result<()> {
        self.lease().await?.examine(&folder.wire).await
    }
}
