//! Mail that goes into files: one open folder as a run writes to it, each call on a thread that may block.
//! Never knows a format: Maildir and mbox are behind the trait.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use malote_plan::failure::{Class, Reach, Retry, Side};
use malote_plan::folder::{FolderStatus, WireName};
use malote_plan::message::{Flag, Flags, InternalDate, Uid};
use malote_plan::uid_set::UidSet;
use tokio::sync::mpsc;

use super::{Answer, BatchId, OpenDestination, Parcel};
use crate::body::Body;
use crate::exchange::{Fetched, Headed, ReadLimits, Stub};
use crate::failure::{Failure, Result};
use crate::source::archive::{Shelf, Spoiled, open, panicked};

/// Messages in one batch: what one making-durable of the folder covers.
const BATCH_MESSAGES_MAX: usize = 64;

/// One folder that is written to, and read again to see what is there.
pub trait Tray: Shelf {
    /// Looks at the folder anew.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn refresh(&mut self) -> Result<()>;

    /// The flags that the folder keeps, and whether it takes new keywords.
    fn permanent_flags(&self) -> (Flags, bool);

    /// Adds messages, all or none, and returns their UIDs once all of it is durable.
    ///
    /// # Errors
    /// Where any of it may not be there: what is there is then found by looking.
    fn append(&mut self, letters: Vec<Letter>) -> Result<Vec<Uid>>;

    /// Adds and removes flags.
    ///
    /// # Errors
    /// Of reach message where these flags cannot be kept.
    fn store(&mut self, uids: &UidSet, add: &[Flag], remove: &[Flag]) -> Result<()>;

    /// Removes messages for ever.
    ///
    /// # Errors
    /// Where the format cannot do that.
    fn remove(&mut self, uids: &UidSet) -> Result<()>;
}

/// What the trays of one destination have to tell the report, as sentences, each once.
#[derive(Debug, Clone, Default)]
pub struct Remarks(Arc<Mutex<Vec<String>>>);

impl Remarks {
    /// Tells something.
    pub fn tell(&self, sentence: String) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains(&sentence) {
            all.push(sentence);
        }
    }

    /// All that was told.
    #[must_use]
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A message on its way into a file.
pub struct Letter {
    octets: Octets,
    /// The flags to set.
    pub flags: Flags,
    /// When it was received.
    pub internal_date: Option<InternalDate>,
}

enum Octets {
    Held(Bytes),
    Arriving { octets: u64, chunks: mpsc::Receiver<Result<Bytes>> },
}

impl Letter {
    /// A message as a run sends it.
    #[must_use]
    pub fn of(parcel: Parcel) -> Self {
        let octets = match parcel.body {
            Body::Memory(octets) => Octets::Held(octets),
            Body::Wire(body) => Octets::Arriving { octets: body.octets, chunks: body.chunks },
        };
        Self { octets, flags: parcel.flags, internal_date: parcel.internal_date }
    }

    /// Writes all octets, exactly as many as were announced.
    ///
    /// # Errors
    /// Where the source broke off, or writing failed; what was written must not become a message.
    pub fn write_to(&mut self, into: &mut dyn Write) -> Result<u64> {
        match &mut self.octets {
            Octets::Held(octets) => {
                into.write_all(octets).map_err(|cause| unwritten("writing a message", cause))?;
                Ok(octets.len() as u64)
            }
            Octets::Arriving { octets, chunks } => {
                let mut written = 0;
                while let Some(chunk) = chunks.blocking_recv() {
                    let chunk = chunk?;
                    written += chunk.len() as u64;
                    into.write_all(&chunk).map_err(|cause| unwritten("writing a message", cause))?;
                }
                if written == *octets {
                    return Ok(written);
                }
                let message =
                    format!("a message of {octets} octets broke off after {written}; nothing of it is kept");
                Err(Failure::net(Side::Source, message))
            }
        }
    }
}

/// A failed writing: a full disk stops the mailbox, anything else may be tried again.
pub fn unwritten(what: &str, cause: io::Error) -> Failure {
    let is_full = matches!(cause.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let is_refused =
        matches!(cause.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem);
    let (class, reach, retry) = match (is_full, is_refused) {
        (true, _) => (Class::OverQuota, Reach::Account, Retry::Never),
        (_, true) => (Class::FolderRefused, Reach::Folder, Retry::Never),
        _ => (Class::ServerTemporary, Reach::Connection, Retry::Again),
    };
    Failure::new(Side::Destination, class, reach, retry, what).because(cause)
}

/// A folder that could not be made: a full disk stops the mailbox, anything else is the folder's own trouble.
pub fn not_made(what: String, cause: io::Error) -> Failure {
    match unwritten(&what, cause) {
        full if full.class == Class::OverQuota => full,
        other => Failure { class: Class::FolderRefused, reach: Reach::Folder, retry: Retry::Never, ..other },
    }
}

/// An open folder as a run uses it.
pub struct OpenFiles {
    /// Absent while a call runs, and for good once one failed.
    tray: Option<Box<dyn Tray>>,
    status: FolderStatus,
    permanent: (Flags, bool),
    wire: WireName,
    next: u64,
    answers: VecDeque<(BatchId, Answer)>,
}

impl OpenFiles {
    /// Takes a tray that has just been opened.
    #[must_use]
    pub fn new(tray: Box<dyn Tray>, wire: WireName) -> Self {
        let (status, permanent) = (tray.status(), tray.permanent_flags());
        Self { tray: Some(tray), status, permanent, wire, next: 0, answers: VecDeque::new() }
    }

    async fn ask<T: Send + 'static>(
        &mut self,
        question: impl FnOnce(&mut dyn Tray) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Some(mut tray) = self.tray.take() else {
            return Err(Failure::net(Side::Destination, "writing to files: an earlier call was abandoned"));
        };
        let ask = move || {
            let answer = question(tray.as_mut());
            (tray, answer)
        };
        let (tray, answer) = tokio::task::spawn_blocking(ask).await.map_err(|_| panicked())?;
        let is_lost = answer.as_ref().is_err_and(|failure| failure.reach >= Reach::Connection);
        (self.status, self.permanent) = (tray.status(), tray.permanent_flags());
        self.tray = Some(tray).filter(|_| !is_lost);
        answer
    }

    async fn read<T: Send + 'static>(
        &mut self,
        question: impl FnOnce(&mut dyn Shelf) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        // What reads a tray is what reads an archive, which takes itself for the source.
        let answer = self.ask(move |tray| question(tray)).await;
        answer.map_err(|failure| Failure { side: Side::Destination, ..failure })
    }
}

#[async_trait]
impl OpenDestination for OpenFiles {
    fn status(&self) -> FolderStatus {
        self.status
    }

    async fn refresh(&mut self) -> Result<FolderStatus> {
        self.ask(|tray| tray.refresh()).await?;
        Ok(self.status)
    }

    fn permanent_flags(&self) -> (Flags, bool) {
        self.permanent.clone()
    }

    fn keeps_octets(&self) -> bool {
        true
    }

    fn append_octets_max(&self) -> Option<u64> {
        None
    }

    async fn uids(&mut self) -> Result<UidSet> {
        self.ask(|tray| {
            tray.refresh()?;
            Ok(tray.uids())
        })
        .await
    }

    async fn stubs(&mut self, uids: &UidSet) -> Result<Vec<Stub>> {
        let uids = uids.clone();
        self.read(move |shelf| open::stubs(shelf, &uids)).await
    }

    async fn headed(&mut self, uids: &UidSet) -> Result<Vec<Headed>> {
        let uids = uids.clone();
        self.read(move |shelf| open::headed(shelf, &uids)).await
    }

    async fn bodies(
        &mut self,
        uids: &UidSet,
        limits: &ReadLimits,
        sink: &mpsc::Sender<Fetched>,
    ) -> Result<()> {
        let reader = open::Reader::new(limits, sink, Spoiled::default(), self.wire.clone());
        let uids = uids.clone();
        self.read(move |shelf| reader.all(shelf, &uids).1).await
    }

    fn batch_messages_max(&self) -> usize {
        BATCH_MESSAGES_MAX
    }

    async fn send(&mut self, batch: Vec<Parcel>) -> Result<BatchId> {
        let letters: Vec<Letter> = batch.into_iter().map(Letter::of).collect();
        let uids = self.ask(move |tray| tray.append(letters)).await?;
        self.next += 1;
        let validity = self.status.uid_validity;
        let uids = validity.map(|validity| (validity, uids));
        self.answers.push_back((BatchId(self.next), Answer::Appended { uids }));
        Ok(BatchId(self.next))
    }

    async fn answer(&mut self) -> Result<(BatchId, Answer)> {
        Ok(self.answers.pop_front().expect("an answer is asked for while a batch is in flight"))
    }

    async fn store(&mut self, uids: &UidSet, add: &[Flag], remove: &[Flag]) -> Result<()> {
        let (uids, add, remove) = (uids.clone(), add.to_vec(), remove.to_vec());
        self.ask(move |tray| tray.store(&uids, &add, &remove)).await
    }

    async fn remove(&mut self, uids: &UidSet) -> Result<()> {
        let uids = uids.clone();
        self.ask(move |tray| tray.remove(&uids)).await
    }

    fn is_usable(&self) -> bool {
        self.tray.is_some()
    }

    fn retire(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_stops_the_mailbox_and_other_trouble_the_folder() {
        for (kind, class, reach) in [
            (io::ErrorKind::StorageFull, Class::OverQuota, Reach::Account),
            (io::ErrorKind::QuotaExceeded, Class::OverQuota, Reach::Account),
            (io::ErrorKind::PermissionDenied, Class::FolderRefused, Reach::Folder),
            (io::ErrorKind::NotADirectory, Class::FolderRefused, Reach::Folder),
        ] {
            let failure = not_made("creating folder x".to_owned(), kind.into());
            assert_eq!((failure.class, failure.reach, failure.retry), (class, reach, Retry::Never), "{kind}");
        }
    }
}
