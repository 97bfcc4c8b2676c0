//! A mailbox on an IMAP server as a source.
//! Never takes leave to write: everything here goes by `Session`, which has no command that changes anything.

use async_trait::async_trait;
use malote_plan::folder::{Folder, FolderStatus};
use malote_plan::message::ModSeq;
use malote_plan::uid_set::UidSet;
use tokio::sync::mpsc;

use super::{Fetched, Headed, OpenSource, ReadLimits, Source, Stub, Survey};
use crate::failure::Result;
use crate::imap::Endpoint;
use crate::imap::pool::{Lease, Pool, is_stale};

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
        loop {
            let (mut lease, was_used) = self.pool.take(Some(&folder.wire)).await?;
            let opened = lease.examine(&folder.wire).await;
            // The server may have closed an idle session: another one, and in the end a new one, is tried.
            if was_used && is_stale(&opened) {
                continue;
            }
            opened?;
            return Ok(Box::new(OpenImapSource { lease }));
        }
    }

    fn remarks(&self) -> Vec<String> {
        let endpoint = self.pool.endpoint();
        endpoint.notes.remarks(endpoint.side)
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

struct OpenImapSource {
    lease: Lease,
}

#[async_trait]
impl OpenSource for OpenImapSource {
    fn status(&self) -> FolderStatus {
        self.lease.selected().map(|selected| selected.status).unwrap_or_default()
    }

    async fn uids(&mut self) -> Result<UidSet> {
        self.lease.uids().await
    }

    async fn stubs(&mut self, uids: &UidSet) -> Result<Vec<Stub>> {
        self.lease.stubs(uids).await
    }

    async fn changed_since(&mut self, uids: &UidSet, since: ModSeq) -> Result<Option<Vec<Stub>>> {
        self.lease.changed_since(uids, since).await
    }

    async fn headed(&mut self, uids: &UidSet) -> Result<Vec<Headed>> {
        self.lease.headed(uids).await
    }

    async fn bodies(
        &mut self,
        uids: &UidSet,
        limits: &ReadLimits,
        sink: &mpsc::Sender<Fetched>,
    ) -> Result<()> {
        self.lease.bodies(uids, limits, sink).await
    }

    fn retire(&mut self) {
        self.lease.give_up();
    }

    fn is_usable(&self) -> bool {
        self.lease.is_usable()
    }

    async fn reopen(&mut self, folder: &Folder) -> Result<()> {
        self.lease.examine(&folder.wire).await
    }
}
