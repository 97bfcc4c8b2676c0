//! Mail that lies in files: the trait that every archive is, and what makes a source of it.
//! Never writes to an archive, and never knows a format: mbox, Maildir and the others are behind the trait.
//!
//! An [`Archive`] is surveyed once and opens its folders as [`Shelf`] values. Both are plain, blocking code that runs
//! on threads of its own; a shelf has whatever it needs to read (a file, a decoder) for itself, so that folders are
//! read side by side.

pub mod book;
pub mod contents;
pub mod files;
pub mod index;
pub mod lines;
pub(crate) mod open;
pub mod packed;

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use malote_plan::failure::{Class, Reach, Retry, Side};
use malote_plan::folder::{Folder, FolderStatus, WireName};
use malote_plan::message::Uid;
use malote_plan::uid_set::UidSet;

pub use self::contents::Contents;
use self::open::OpenArchive;
use super::{OpenSource, Source, Stub, Survey};
use crate::failure::{Failure, Result};
use crate::store_sums::StoreSums;

/// Longest header that is read for metadata, in octets; what is beyond belongs to it and is not looked at.
pub const HEADER_OCTETS_MAX: u64 = 1024 * 1024;

/// A file or folder of files that holds mail.
pub trait Archive: Send {
    /// Says what there is. Called once for each run, before any folder is opened.
    ///
    /// # Errors
    /// Where the archive as a whole cannot be read, or is none.
    fn survey(&mut self) -> Result<Contents>;

    /// Opens one of the folders that the survey gave. The same folder may be opened several times, also at once:
    /// every opening gives the same UIDs under the same UIDVALIDITY while the archive does not change.
    ///
    /// # Errors
    /// Where this folder cannot be read.
    fn open(&mut self, folder: &Folder) -> Result<Box<dyn Shelf>>;

    /// What the report should tell and what is no fault, as sentences: the variant that was found, items of other
    /// classes, losses and repairs of items.
    fn remarks(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// What of the archive could not be read at all, as sentences: a file that is cut off, a damaged part. Where
    /// there is any, no run is a success and nothing is taken for removed.
    fn damage(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// As [`Source::unsettled`].
    fn unsettled(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// The arithmetic of a store, as far as it was read; of other archives nothing.
    fn sums(&self) -> Option<StoreSums> {
        None
    }

    /// True where messages are made anew of what the archive holds.
    fn remakes(&self) -> bool {
        false
    }

    /// How ledgers of earlier versions knew the folder of this wire name, where that was otherwise.
    fn former_wire(&self, _wire: &WireName) -> Option<WireName> {
        None
    }
}

/// One folder of an archive, open for reading.
pub trait Shelf: Send {
    /// Counters and generation. UIDs of one generation never mean another message, whatever happens to the archive.
    fn status(&self) -> FolderStatus;

    /// Every message, those that are left out too.
    fn uids(&self) -> UidSet;

    /// Messages that are listed and not delivered, by policy or because their user removed them: counted as filtered.
    fn left_out(&self) -> UidSet {
        UidSet::new()
    }

    /// As [`OpenSource::may_be_rewritten`].
    fn may_be_rewritten(&self) -> bool {
        false
    }

    /// Takes note that these of `left_out` are passed over.
    fn pass_over(&mut self, _uids: &UidSet) {}

    /// One message's metadata; nothing where there is no such message.
    ///
    /// # Errors
    /// Where the archive itself fails. A message whose metadata cannot be read has a stub all the same.
    fn stub(&mut self, uid: Uid) -> Result<Option<Stub>>;

    /// One message's octets, lines ended by CRLF, with their exact number.
    ///
    /// # Errors
    /// Why this message cannot be had.
    fn body(&mut self, uid: Uid) -> std::result::Result<Content<'_>, Refusal>;

    /// One message's header with its blank line, up to [`HEADER_OCTETS_MAX`], and the exact length of the whole.
    ///
    /// # Errors
    /// Why this message cannot be had.
    fn header(&mut self, uid: Uid) -> std::result::Result<(Bytes, u64), Refusal> {
        let mut content = self.body(uid)?;
        let header = lines::header(&mut content.reader, HEADER_OCTETS_MAX)
            .map_err(|cause| Refusal::unreadable(format!("reading its header: {cause}")))?;
        Ok((header.into(), content.octets))
    }

    /// All that is known of a message that cannot be read for this reason, as a JSON document; nothing where its octets
    /// are all there is.
    fn dump(&mut self, _uid: Uid, _reason: &str) -> Option<Bytes> {
        None
    }

    /// Asked after octets were read: they count only where the archive is still what it was when it was indexed.
    ///
    /// # Errors
    /// [`changed`], where it is not.
    fn check(&mut self) -> Result<()> {
        Ok(())
    }
}

/// A message's octets as they are read.
pub struct Content<'a> {
    /// Their exact number: a reader that gives more or fewer spoils the message.
    pub octets: u64,
    /// The octets.
    pub reader: Box<dyn Read + 'a>,
}

/// Why a message's octets cannot be had.
#[derive(Debug)]
pub enum Refusal {
    /// It is not there.
    Gone,
    /// It is there and cannot be read, for this reason: what, where in the archive, why.
    Unreadable(String),
    /// The archive itself fails; nothing is said of the message.
    Failed(Failure),
}

impl Refusal {
    /// A damaged message.
    pub fn unreadable(reason: impl Into<String>) -> Self {
        Self::Unreadable(reason.into())
    }
}

/// A failure of the archive as a whole that trying again does not mend.
pub fn unreadable(message: impl Into<String>) -> Failure {
    Failure::new(Side::Source, Class::FolderMissing, Reach::Account, Retry::Never, message)
}

/// A failure of one folder that trying again does not mend.
pub fn folder_unreadable(message: impl Into<String>) -> Failure {
    Failure::new(Side::Source, Class::FolderRefused, Reach::Folder, Retry::Never, message)
}

/// The UIDs of a folder cannot be kept, or read where they are kept: a disk that fails for one folder fails for all,
/// and it is not the source's.
pub(super) fn unkept(wire: &WireName, cause: io::Error) -> Failure {
    let is_full = matches!(cause.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let advice = if is_full { ": the disk is full: free some space and run again" } else { "" };
    let name = if wire.0.is_empty() { "INBOX".into() } else { wire.0.escape_ascii().to_string() };
    let message = format!("keeping the UIDs of {name} beside the state file{advice}");
    Failure::new(Side::Local, Class::Ledger, Reach::Account, Retry::Never, message).because(cause)
}

/// The archive was written to while it was read: what was read is not believed, and the folder is listed anew.
pub fn changed(what: &str) -> Failure {
    let message = format!("{what}: changed while it was read; it is read anew");
    Failure::new(Side::Source, Class::ServerTemporary, Reach::Connection, Retry::Again, message)
}

/// Messages that proved unreadable while they passed from wire to wire, with the reason: they are not begun again.
pub(crate) type Spoiled = Arc<Mutex<BTreeMap<(WireName, Uid), String>>>;

/// An archive as a source.
pub struct ArchiveSource {
    archive: Arc<Mutex<Box<dyn Archive>>>,
    spoiled: Spoiled,
}

impl ArchiveSource {
    /// A source of an archive that is not yet looked at.
    #[must_use]
    pub fn new(archive: impl Archive + 'static) -> Self {
        Self { archive: Arc::new(Mutex::new(Box::new(archive))), spoiled: Spoiled::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Box<dyn Archive>> {
        self.archive.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut dyn Archive) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let archive = Arc::clone(&self.archive);
        let ask = move || question(archive.lock().unwrap_or_else(PoisonError::into_inner).as_mut());
        tokio::task::spawn_blocking(ask).await.unwrap_or_else(|_| Err(panicked()))
    }
}

/// A reader's panic is our bug; the run ends in order all the same.
pub(crate) fn panicked() -> Failure {
    let message = "reading the archive: the reader broke down, which is a bug in malote: please report it";
    Failure::new(Side::Source, Class::Internal, Reach::Account, Retry::Never, message)
}

#[async_trait]
impl Source for ArchiveSource {
    async fn survey(&self) -> Result<Survey> {
        self.ask(|archive| Ok(archive.survey()?.into_survey())).await
    }

    async fn open(&self, folder: &Folder) -> Result<Box<dyn OpenSource>> {
        Ok(Box::new(OpenArchive::new(self.shelf(folder).await?, folder, self)))
    }

    fn remarks(&self) -> Vec<String> {
        self.lock().remarks()
    }

    fn damage(&self) -> Vec<String> {
        self.lock().damage()
    }

    fn unsettled(&self) -> Vec<String> {
        self.lock().unsettled()
    }

    fn sums(&self) -> Option<StoreSums> {
        self.lock().sums()
    }

    fn remakes(&self) -> bool {
        self.lock().remakes()
    }

    fn former_wire(&self, wire: &WireName) -> Option<WireName> {
        self.lock().former_wire(wire)
    }

    async fn close(&self) {}
}

impl ArchiveSource {
    async fn shelf(&self, folder: &Folder) -> Result<Box<dyn Shelf>> {
        let folder = folder.clone();
        self.ask(move |archive| archive.open(&folder)).await
    }

    /// Another handle on the same archive.
    fn handle(&self) -> Self {
        Self { archive: Arc::clone(&self.archive), spoiled: Arc::clone(&self.spoiled) }
    }
}
