//! Where mail comes from: the trait that every source is.
//! Never offers a method that could change what is there.

pub mod archive;
pub mod eml;
pub mod imap;
pub mod maildir;
pub mod mbox;
pub mod pst;
pub mod tgz;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use malote_plan::folder::{Folder, FolderStatus, WireName};
use malote_plan::message::{ModSeq, Uid};
use malote_plan::uid_set::UidSet;
use tokio::sync::mpsc;

use crate::allowance::Daily;
pub use crate::exchange::{Fetched, Headed, Labelled, ReadLimits, Stub, Survey};
use crate::failure::Result;
use crate::store_sums::StoreSums;

/// A place that mail comes from; connections are opened behind it as they are needed.
#[async_trait]
pub trait Source: Send + Sync {
    /// Connects where needed and asks what there is.
    async fn survey(&self) -> Result<Survey>;

    /// Opens one folder for reading, on a connection of its own until the value is dropped or closed.
    async fn open(&self, folder: &Folder) -> Result<Box<dyn OpenSource>>;

    /// Metadata of those of `uids` that exist in a folder that is opened for this alone, with its counters.
    async fn peek(&self, folder: &Folder, uids: &UidSet) -> Result<(FolderStatus, Vec<Stub>)> {
        let mut open = self.open(folder).await?;
        let stubs = open.stubs(uids).await?;
        Ok((open.status(), stubs))
    }

    /// Opens up to `connections` connections ahead of their use; one that cannot be had is no failure yet.
    async fn warm(&self, _connections: usize) {}

    /// How long the server takes to answer what costs it nothing, where that was measured.
    fn round_trip(&self) -> Option<Duration> {
        None
    }

    /// The server's daily allowance for what a run does there, once the server is known.
    fn daily(&self) -> Option<Daily> {
        None
    }

    /// What the report should tell of the server's answers so far, as sentences.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }

    /// What of the source could not be read at all, as sentences: parts of a damaged file. Where there is any, the run
    /// is no success, and no message is taken for removed.
    fn damage(&self) -> Vec<String> {
        Vec::new()
    }

    /// The same of what another run may read, as it changes while it is read: no person's word makes it settled.
    fn unsettled(&self) -> Vec<String> {
        Vec::new()
    }

    /// The arithmetic of the store that the source is, as far as the run has read it; of other sources nothing.
    fn sums(&self) -> Option<StoreSums> {
        None
    }

    /// True where messages are made anew of what the source holds, so that the same message may stand at the
    /// destination in another writing.
    fn remakes(&self) -> bool {
        false
    }

    /// How ledgers of earlier versions knew the folder of this wire name, where that was otherwise.
    fn former_wire(&self, _wire: &WireName) -> Option<WireName> {
        None
    }

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

    /// Numbers and labels of those of `uids` that exist, where the survey promises labels; none elsewhere.
    async fn labelled(&mut self, _uids: &UidSet) -> Result<Vec<Labelled>> {
        Ok(Vec::new())
    }

    /// Metadata and header of those of `uids` that exist.
    async fn headed(&mut self, uids: &UidSet) -> Result<Vec<Headed>>;

    /// Sends each of `uids` that exists and can be read into `sink`, in the server's order, then returns. A UID
    /// for which nothing arrives has vanished or cannot be read; the caller finds out which. A body that comes as
    /// [`crate::body::Body::Wire`] is streamed before anything later is sent. Stops early without error when `sink`
    /// is closed.
    async fn bodies(
        &mut self,
        uids: &UidSet,
        limits: &ReadLimits,
        sink: &mpsc::Sender<Fetched>,
    ) -> Result<()>;

    /// Why nothing came for a message that this opening was asked for, where the source knows that the message itself
    /// is damaged.
    fn refusal(&self, _uid: Uid) -> Option<String> {
        None
    }

    /// All that is known of a message that cannot be read for this reason, as a JSON document, where the source can
    /// tell more than octets.
    async fn dump(&mut self, _uid: Uid, _reason: &str) -> Result<Option<Bytes>> {
        Ok(None)
    }

    /// Messages that are listed and never given, because the source counts them as left out.
    fn left_out(&self) -> UidSet {
        UidSet::new()
    }

    /// True where each message is a file that anybody may write anew under its name: a message of the same header may
    /// then have other octets.
    fn may_be_rewritten(&self) -> bool {
        false
    }

    /// Takes note that these of `left_out` are passed over, for the arithmetic of the store; what an earlier run
    /// delivered is not.
    fn pass_over(&mut self, _uids: &UidSet) {}

    /// True when the connection may serve another call; false once a call has failed with a failure of
    /// reach connection or wider.
    fn is_usable(&self) -> bool;

    /// Gives the connection up when the value is dropped: nobody else will be served by it.
    fn retire(&mut self);

    /// Opens another folder on the same connection.
    async fn reopen(&mut self, folder: &Folder) -> Result<()>;
}
