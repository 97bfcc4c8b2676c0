//! Byte-identical messages within one source folder, where the operator wants them collapsed.
//! Never counts a message as a twin of one that was not stored: that is decided at the end of a pass.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use malote_plan::message::{ContentHash, Uid};

/// Which message stands for each content; empty and without effect unless twins are to be collapsed.
#[derive(Debug, Default)]
pub(super) struct Twins {
    first: Option<Mutex<BTreeMap<ContentHash, Uid>>>,
}

impl Twins {
    /// Collapses, starting from what is stored already.
    pub fn collapse(stored: BTreeMap<ContentHash, Uid>) -> Self {
        Self { first: Some(Mutex::new(stored)) }
    }

    /// True when another message with the same octets came before.
    pub fn is_twin(&self, uid: Uid, hash: ContentHash) -> bool {
        let Some(first) = &self.first else { return false };
        let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
        *first.entry(hash).or_insert(uid) != uid
    }

    /// The message that stands for this content.
    pub fn first(&self, hash: &ContentHash) -> Option<Uid> {
        self.first.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner).get(hash).copied()
    }
}
