//! More hands for one store: handles that read beside the mailbox, on threads of their own.
//! Never has the last word on a damaged item where there is a second reader to ask.

use std::sync::Arc;

use super::damaged::ROWS_MAX;
use super::{Mailbox, Outcome, Reader, ReaderChoice};
use crate::both::Asking;
use crate::item::{Content, Item};
use crate::mime::Unreadable;
use crate::native::NativeStore;
use crate::property::Value;
use crate::store::NodeId;
use crate::tree::Role;

/// Octets of texts from which on an item is left to the mailbox itself: several at once would take too much memory.
const HEAVY_OCTETS_MIN: u64 = 1024 * 1024;
/// Octets of memory from which on an item is left to the mailbox itself before it is read to its end.
const ITEM_OCTETS_WANTED: u64 = 4 * 1024 * 1024;
/// How many octets one of compressed RTF becomes at most: eight references of two octets stand for 17 each.
const RTF_TIMES: u64 = 9;
/// `PidTagRtfCompressed`.
const RTF_COMPRESSED: u16 = 0x1009;

/// A handle that reads with the first reader alone.
pub struct Helper {
    mailbox: Mailbox,
    /// True where a second reader may know more of a damaged item.
    leaves_damaged: bool,
}

impl Mailbox {
    /// A handle for another thread. Nothing where every item is to be seen by libpff, which has one process, or proven
    /// before it is written.
    #[must_use]
    pub fn helper(&self) -> Option<Helper> {
        let options = &self.file.options;
        if options.unreadable == Unreadable::Stub {
            return None;
        }
        let leaves_damaged = match (&self.store, options.reader) {
            (Reader::One(_), ReaderChoice::Libpff) => return None,
            (Reader::Both(_), _) if options.asking == Asking::Everything => return None,
            (Reader::One(_), _) => false,
            (Reader::Both(_), _) => true,
        };
        let store = Reader::One(Box::new(self.file.native.as_ref()?.light(ITEM_OCTETS_WANTED)));
        let (file, learnt) = (Arc::clone(&self.file), Arc::clone(&self.learnt));
        let (is_learnt, rows_left) = (self.is_learnt, ROWS_MAX);
        let mailbox = Self { store, file, learnt, is_learnt, rows_left, turn: None };
        Some(Helper { mailbox, leaves_damaged })
    }

    /// True where helpers wait for no disk: the file is in memory.
    #[must_use]
    pub fn is_in_memory(&self) -> bool {
        self.file.native.as_ref().is_some_and(NativeStore::is_in_memory)
    }

    /// Counts items that helpers have read: only the first reader has seen them.
    pub fn count_alone(&mut self, items: u64) {
        if let Reader::Both(both) = &mut self.store {
            both.count_alone(items);
        }
    }
}

impl Helper {
    /// Reads one item and makes a message of it, as the mailbox itself would. Nothing where the item is damaged or
    /// heavy: then the mailbox is to be asked.
    pub fn read(&mut self, node: NodeId, role: Option<Role>) -> Option<Outcome> {
        let item = self.mailbox.store.store().item(node).ok()?;
        if is_heavy(&item) || self.leaves_damaged && item.is_damaged() {
            return None;
        }
        Some(self.mailbox.outcome(&item, role))
    }

    /// Says which items come next.
    pub fn expect(&mut self, items: &[NodeId]) {
        self.mailbox.store.store().expect(items);
    }

    /// What its messages are written with.
    pub const fn mailbox(&mut self) -> &mut Mailbox {
        &mut self.mailbox
    }
}

/// True where the texts of an item, with those of all that is embedded in it, take much memory while they are
/// converted. Files do not: they stay in the store.
pub(super) fn is_heavy(item: &Item) -> bool {
    texts(item) >= HEAVY_OCTETS_MIN
}

fn texts(item: &Item) -> u64 {
    let properties = std::iter::once(&item.properties).chain(&item.recipients);
    let own = properties.flat_map(|properties| &properties.0).map(|(id, value)| match *id {
        RTF_COMPRESSED => octets(value).saturating_mul(RTF_TIMES),
        _ => octets(value),
    });
    let embedded = item.attachments.iter().map(|attachment| match &attachment.content {
        Content::Embedded(item) => texts(item),
        Content::Ole(blob) => blob.octets,
        _ => 0,
    });
    own.chain(embedded).fold(0, u64::saturating_add)
}

fn octets(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.len() as u64,
        Value::String8(octets) | Value::Binary(octets) => octets.len() as u64,
        Value::Long(_, blob) => blob.octets,
        Value::Many(values) => values.iter().map(octets).sum(),
        _ => 0,
    }
}
