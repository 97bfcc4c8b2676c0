//! Where mail goes to: the trait that every destination is.
//! Never removes a message unless it is told the UID of one.

pub mod files;
pub mod imap;
pub mod maildir;
pub mod mbox;
#[cfg(test)]
mod trial;

use std::time::Duration;

use async_trait::async_trait;
use malote_plan::folder::{Folder, FolderPath, FolderStatus, Role};
use malote_plan::message::{Flag, Flags, UidValidity};
use malote_plan::uid_set::UidSet;
use tokio::sync::mpsc;

use crate::allowance::Daily;
pub use crate::exchange::{Answer, BatchId, Parcel, Within};
use crate::exchange::{Fetched, Headed, ReadLimits, Stub, Survey};
use crate::failure::{Reach, Result};
use crate::measured::Room;

/// A folder to be created.
#[derive(Debug, Clone, Copy)]
pub struct Creation<'a> {
    /// Its name, level by level.
    pub path: &'a FolderPath,
    /// The use that it is to be announced with (RFC 6154 §3).
    pub special_use: Option<Role>,
}

/// A place that mail goes to; connections are opened behind it as they are needed.
#[async_trait]
pub trait Destination: Send + Sync {
    /// Connects where needed and asks what there is.
    async fn survey(&self) -> Result<Survey>;

    /// Creates a folder, with its special use where the server can (RFC 6154 §3), and returns it as listed
    /// afterwards. A folder that exists already is no failure.
    async fn create(&self, path: &FolderPath, special_use: Option<Role>) -> Result<Folder>;

    /// Creates several folders, parents first, and answers for each in the order asked; one that is refused takes
    /// nothing from the others. Fails as a whole where no folder could be created any more.
    async fn create_all(&self, creations: &[Creation<'_>]) -> Result<Vec<Result<Folder>>> {
        let mut created = Vec::with_capacity(creations.len());
        for creation in creations {
            match self.create(creation.path, creation.special_use).await {
                Err(failure) if failure.reach > Reach::Folder => return Err(failure),
                answered => created.push(answered),
            }
        }
        Ok(created)
    }

    /// Subscribes to a folder.
    async fn subscribe(&self, folder: &Folder) -> Result<()>;

    /// Opens up to `connections` connections ahead of their use; one that cannot be had is no failure yet.
    async fn warm(&self, _connections: usize) {}

    /// How long the server takes to answer what costs it nothing, where that was measured.
    fn round_trip(&self) -> Option<Duration> {
        None
    }

    /// Opens one folder for writing, on a connection of its own until the value is dropped.
    async fn open(&self, folder: &Folder) -> Result<Box<dyn OpenDestination>>;

    /// Copies those of `uids` that `from` holds into `to`, on the server itself, octets, flags and date unchanged.
    /// Nothing where that cannot be had here, or `from` is of another generation: then nothing was done. After a
    /// failure any of them may have been copied.
    async fn copy_within(
        &self,
        _from: (&Folder, UidValidity),
        _uids: &UidSet,
        _to: &Folder,
    ) -> Result<Option<Within>> {
        Ok(None)
    }

    /// How many messages one `copy_within` may name.
    fn copy_messages_max(&self) -> u64 {
        500
    }

    /// The server's daily allowance for what a run does there, once the server is known.
    fn daily(&self) -> Option<Daily> {
        None
    }

    /// What the report should tell of the server's answers so far, as sentences.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }

    /// What keeps a run from success until somebody has looked at it, as sentences.
    fn damage(&self) -> Vec<String> {
        Vec::new()
    }

    /// Its room for more; nothing where it does not say.
    async fn room(&self) -> Result<Option<Room>> {
        Ok(None)
    }

    /// Says goodbye on every connection; errors no longer matter.
    async fn close(&self);
}

/// One folder, open for writing on one connection.
///
/// `send` and `answer` form a pipeline: several batches may be in flight, answers come in the order of sending.
/// No other call may be made while a batch is in flight. Once a call fails with reach connection or wider, every
/// batch in flight is in doubt and the value is of no more use.
#[async_trait]
pub trait OpenDestination: Send {
    /// Counters and change tokens as the last opening or `refresh` gave them.
    fn status(&self) -> FolderStatus;

    /// Asks for counters and change tokens anew, on the wire.
    async fn refresh(&mut self) -> Result<FolderStatus>;

    /// The flags that the folder keeps (PERMANENTFLAGS), and whether it takes new keywords (`\*`).
    fn permanent_flags(&self) -> (Flags, bool);

    /// True where nobody but the mail's owner can write a message anew: one whose text differs is another one.
    fn keeps_octets(&self) -> bool {
        false
    }

    /// True where a message may hold NUL octets. No literal of IMAP may (RFC 9051 §9, CHAR8): servers refuse such a
    /// message, or keep it altered and say nothing.
    fn carries_nul(&self) -> bool {
        true
    }

    /// Largest message in octets that this folder takes, where the server says so (RFC 7889).
    fn append_octets_max(&self) -> Option<u64>;

    /// Every UID that exists now, counted against the folder's own message count.
    async fn uids(&mut self) -> Result<UidSet>;

    /// Metadata of those of `uids` that exist.
    async fn stubs(&mut self, uids: &UidSet) -> Result<Vec<Stub>>;

    /// Metadata and header of those of `uids` that exist.
    async fn headed(&mut self, uids: &UidSet) -> Result<Vec<Headed>>;

    /// Bodies, as [`crate::source::OpenSource::bodies`].
    async fn bodies(
        &mut self,
        uids: &UidSet,
        limits: &ReadLimits,
        sink: &mpsc::Sender<Fetched>,
    ) -> Result<()>;

    /// How many messages may go into one batch: 1 without MULTIAPPEND.
    fn batch_messages_max(&self) -> usize;

    /// Sends a batch; returns when it is on the wire, which may be before its answer. A batch is all or nothing.
    /// A [`crate::body::Body::Wire`] that fails midway leaves nothing behind and costs the connection.
    async fn send(&mut self, batch: Vec<Parcel>) -> Result<BatchId>;

    /// Waits for the next answer, oldest batch first. Cancel-safe: may be dropped and called again.
    async fn answer(&mut self) -> Result<(BatchId, Answer)>;

    /// Adds and removes flags of each of `uids` (`UID STORE ±FLAGS.SILENT`).
    async fn store(&mut self, uids: &UidSet, add: &[Flag], remove: &[Flag]) -> Result<()>;

    /// Removes exactly `uids` for ever (UID EXPUNGE; refused without UIDPLUS).
    async fn remove(&mut self, uids: &UidSet) -> Result<()>;

    /// True when the connection may serve another call.
    fn is_usable(&self) -> bool;

    /// Gives the connection up when the value is dropped: nobody else will be served by it.
    fn retire(&mut self);
}
