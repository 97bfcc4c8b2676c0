//! The messages of one folder of an archive, by UID, and the shelf that any indexed format has.
//! Never holds a message's octets.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::Arc;

use malote_plan::date;
use malote_plan::folder::{FolderStatus, WireName};
use malote_plan::message::{Flags, InternalDate, Uid};
use malote_plan::uid_set::UidSet;

use super::book::{Book, Key, KeyedBy};
use super::{Content, Refusal, Shelf, folder_unreadable, unkept};
use crate::exchange::Stub;
use crate::failure::Result;

/// One message as its format's reader indexed it; `P` is where that reader finds it again.
#[derive(Debug, Clone)]
pub struct Entry<P> {
    /// What tells it from all others of its folder.
    pub key: Key,
    /// Octets with CRLF line ends; advice where the format does not count them beforehand.
    pub octets: u64,
    /// Its flags; shared, for many messages have the same.
    pub flags: Arc<Flags>,
    /// When it was received.
    pub date: Option<InternalDate>,
    /// True when it is listed and never delivered.
    pub is_left_out: bool,
    /// Where it is.
    pub place: P,
}

/// Makes equal sets of flags one.
#[derive(Debug, Default)]
pub struct FlagSets(HashMap<String, Arc<Flags>>);

impl FlagSets {
    /// The one set that equals these flags.
    pub fn one(&mut self, flags: Flags) -> Arc<Flags> {
        Arc::clone(self.0.entry(flags.to_string()).or_insert_with(|| Arc::new(flags)))
    }
}

/// All messages of one folder, ordered by UID.
#[derive(Debug)]
pub struct Index<P> {
    /// Counters and generation.
    pub status: FolderStatus,
    entries: Vec<(Uid, Entry<P>)>,
}

impl<P> Index<P> {
    /// Numbers `entries`, which stand in the archive's order.
    ///
    /// # Errors
    /// Where the numbering cannot be kept.
    pub fn new(book: &Book, wire: &WireName, entries: Vec<Entry<P>>, by: KeyedBy) -> Result<Self> {
        Self::anew(book, wire, entries, &[], by)
    }

    /// The same for messages that earlier versions knew by the keys `former`, in the same order, the latest first.
    ///
    /// # Errors
    /// As for [`Self::new`].
    pub fn anew(
        book: &Book,
        wire: &WireName,
        entries: Vec<Entry<P>>,
        former: &[Vec<Key>],
        by: KeyedBy,
    ) -> Result<Self> {
        let keys: Vec<Key> = entries.iter().map(|entry| entry.key).collect();
        let numbered = book.number_anew(wire, &keys, former, by).map_err(|cause| {
            // A folder of more messages than are read is the source's own trouble.
            if cause.kind() == io::ErrorKind::InvalidData {
                return folder_unreadable("numbering a folder").because(cause);
            }
            unkept(wire, cause)
        })?;
        let mut entries: Vec<(Uid, Entry<P>)> = numbered.uids.into_iter().zip(entries).collect();
        entries.sort_by_key(|(uid, _)| *uid);
        Ok(Self { status: numbered.status, entries })
    }

    /// One message.
    #[must_use]
    pub fn get(&self, uid: Uid) -> Option<&Entry<P>> {
        let at = self.entries.binary_search_by_key(&uid, |(uid, _)| *uid).ok()?;
        Some(&self.entries[at].1)
    }

    fn uids(&self, keep: impl Fn(&Entry<P>) -> bool) -> UidSet {
        let kept = self.entries.iter().filter(|(_, entry)| keep(entry));
        UidSet::from_ranges(kept.map(|(uid, _)| (uid.get(), uid.get())).collect())
    }
}

/// How one format reads a message that it has indexed.
pub trait Reads<P>: Send {
    /// A message's octets with CRLF line ends.
    ///
    /// # Errors
    /// Why it cannot be had.
    fn content(&mut self, entry: &Entry<P>) -> std::result::Result<Content<'_>, Refusal>;

    /// The entry with what is known only once its file is looked at; the same for formats that know all beforehand.
    fn look(&mut self, _entry: &mut Entry<P>) {}

    /// As [`Shelf::may_be_rewritten`].
    fn may_be_rewritten(&self) -> bool {
        false
    }

    /// As [`Shelf::check`].
    ///
    /// # Errors
    /// Where the archive was written to.
    fn check(&mut self) -> Result<()> {
        Ok(())
    }
}

/// An indexed folder that is open.
pub struct IndexedShelf<P, R> {
    index: Arc<Index<P>>,
    reads: R,
}

impl<P, R> IndexedShelf<P, R> {
    /// A shelf over an index that other openings may share.
    pub const fn new(index: Arc<Index<P>>, reads: R) -> Self {
        Self { index, reads }
    }
}

impl<P: Clone + Send + Sync, R: Reads<P>> Shelf for IndexedShelf<P, R> {
    fn status(&self) -> FolderStatus {
        self.index.status
    }

    fn uids(&self) -> UidSet {
        self.index.uids(|_| true)
    }

    fn left_out(&self) -> UidSet {
        self.index.uids(|entry| entry.is_left_out)
    }

    fn may_be_rewritten(&self) -> bool {
        self.reads.may_be_rewritten()
    }

    fn stub(&mut self, uid: Uid) -> Result<Option<Stub>> {
        let Some(entry) = self.index.get(uid) else { return Ok(None) };
        let mut entry = entry.clone();
        self.reads.look(&mut entry);
        Ok(Some(Stub {
            uid,
            flags: entry.flags.as_ref().clone(),
            internal_date: entry.date.map(date::fmt_internal),
            octets_claimed: entry.octets,
            modseq: None,
            imprint: None,
        }))
    }

    fn body(&mut self, uid: Uid) -> std::result::Result<Content<'_>, Refusal> {
        let Some(entry) = self.index.get(uid) else { return Err(Refusal::Gone) };
        self.reads.content(entry)
    }

    fn check(&mut self) -> Result<()> {
        self.reads.check()
    }
}

/// What a failed reading of a file says of a message: gone, or damaged.
pub fn refusal(what: &str, cause: &io::Error) -> Refusal {
    match cause.kind() {
        io::ErrorKind::NotFound => Refusal::Gone,
        _ => Refusal::Unreadable(format!("{what}: {cause}")),
    }
}

/// Octets that are read twice, once to be counted: the exact length of what `open` gives.
///
/// # Errors
/// Where it cannot be read to its end.
pub fn counted<'a>(
    what: &str,
    open: impl Fn() -> io::Result<Box<dyn Read + 'a>>,
) -> std::result::Result<Content<'a>, Refusal> {
    let count = || -> io::Result<(u64, Vec<u8>)> {
        let mut reader = open()?;
        let mut held = Vec::new();
        let mut octets = (&mut reader).take(HELD_OCTETS_MAX).read_to_end(&mut held)? as u64;
        if octets == HELD_OCTETS_MAX {
            octets += io::copy(&mut reader, &mut io::sink())?;
        }
        Ok((octets, held))
    };
    let (octets, held) = count().map_err(|cause| refusal(what, &cause))?;
    if octets < HELD_OCTETS_MAX {
        return Ok(Content { octets, reader: Box::new(io::Cursor::new(held)) });
    }
    let reader = open().map_err(|cause| refusal(what, &cause))?;
    Ok(Content { octets, reader })
}

/// Octets of a message that are held while it is counted, so that a short one is read once.
const HELD_OCTETS_MAX: u64 = 1024 * 1024;
