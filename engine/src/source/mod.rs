//! Where mail comes from: the trait that every source is.
//! Never offers a method that could change what is there.

pub mod imap;

use std::sync::Arc;

use async_trait::async_trait;
use malote_plan::folder::{Folder, FolderStatus, Naming};
use malote_plan::message::{Flags, ModSeq, Uid};
use malote_plan::promise::Promises;
use malote_plan::uid_set::UidSet;
use tokio::sync::{Semaphore, mpsc};

use crate::body::{Body, Held};
use crate::failure::Result;

/// What a server is and has, asked once at the start of a run.
#[derive(Debug, Clone)]
pub struct Survey {
    /// The software's name for reports: `Dovecot`, `Cyrus IMAP`, `memory`.
    pub server: String,
    /// How it writes names.
    pub naming: Naming,
    /// What it says that it can do.
    pub promises: Promises,
    /// Every folder, selectable or not, of every namespace that was listed.
    pub folders: Vec<Folder>,
    /// Subscriptions to folders that do not exist, decoded for reading.
    pub dangling_subscriptions: Vec<String>,
    /// What the survey coped with, as sentences for the report.
    pub warnings: Vec<String>,
}

/// One message's metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stub {
    /// Its UID.
    pub uid: Uid,
    /// Its flags, without `\Recent`.
    pub flags: Flags,
    /// INTERNALDATE as the server wrote it, not yet believed; `None` for NIL or nothing.
    pub internal_date: Option<String>,
    /// The size that the server claims, in octets: advice, never proof.
    pub octets_claimed: u64,
    /// Its modification sequence, where the server keeps one.
    pub modseq: Option<ModSeq>,
}

/// One message's metadata with its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headed {
    /// Metadata.
    pub stub: Stub,
    /// The whole header as the server gave it (`BODY.PEEK[HEADER]`), with the blank line where there is one.
    pub header: bytes::Bytes,
}

/// One message as it comes from a server: metadata, octets, and the budget that they hold.
#[derive(Debug)]
pub struct Fetched {
    /// Metadata.
    pub stub: Stub,
    /// The octets.
    pub body: Body,
    /// Given back when the message is recorded.
    pub held: Held,
}

/// Limits within which bodies are read.
#[derive(Debug, Clone)]
pub struct ReadLimits {
    /// The process's byte budget; each in-memory body takes its octets from it before it is read.
    pub budget: Arc<Semaphore>,
    /// Bodies of more octets than this come as [`Body::Wire`].
    pub memory_octets_max: u64,
}

/// A place that mail comes from; connections are opened behind it as they are needed.
#[async_trait]
pub trait Source: Send + Sync {
    /// Connects where needed and asks what there is.
    async fn survey(&self) -> Result<Survey>;

    /// Opens one folder for reading, on a connection of its own until the value is dropped or closed.
    async fn open(&self, folder: &Folder) -> Result<Box<dyn OpenSource>>;

    /// Says goodbye on every connection; errors no longer matter.
    async fn close(&self);
}

/// One folder, open for reading on one connection (EXAMINE, BODY.PEEK).
#[async_trait]
pub trait OpenSource: Send {
    /// Counters and change tokens as the opening gave them.
    fn status(&self) -> FolderStatus;

    /// Every UID that exists now. Counted against the folder's own message count, and asked in another way
    /// where the two disagree.
    async fn uids(&mut self) -> Result<UidSet>;

    /// Metadata of those of `uids` that exist, in any order, each once.
    async fn stubs(&mut self, uids: &UidSet) -> Result<Vec<Stub>>;

    /// Metadata of those of `uids` whose modification sequence is above `since` (RFC 7162 CHANGEDSINCE).
    /// `None` where the server keeps no modification sequences for this folder.
    async fn changed_since(&mut self, uids: &UidSet, since: ModSeq) -> Result<Option<Vec<Stub>>>;

    /// Metadata and header of those of `uids` that exist.
    async fn headed(&mut self, uids: &UidSet) -> Result<Vec<Headed>>;

    /// Sends each of `uids` that exists and can be read into `sink`, in the server's order, then returns. A UID
    /// for which nothing arrives has vanished or cannot be read; the caller finds out which. A [`Body::Wire`]
    /// is streamed before anything later is sent. Stops early without error when `sink` is closed.
    async fn bodies(
        &mut self,
        uids: &UidSet,
        limits: &ReadLimits,
        sink: &mpsc::Sender<Fetched>,
    ) -> Result<()>;

    /// True when the connection may serve another call; false once a call has failed with a failure of
    /// reach connection or wider.
    fn is_usable(&self) -> bool;

    /// Gives the connection up when the value is dropped: nobody else will be served by it.
    fn retire(&mut self);

    /// Opens another folder on the same connection.
    async fn reopen(&mut self, folder: &Folder) -> Result<()>;
}
