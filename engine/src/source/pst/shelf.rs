//! One folder of a personal store, open for reading: node ids as UIDs, items as messages.
//! Never gives an item that lacks a part without its reason.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use malote_plan::date;
use malote_plan::folder::FolderStatus;
use malote_plan::message::{Flags, InternalDate, Uid};
use malote_plan::uid_set::UidSet;
use malote_pst::mailbox::{Leaf, Mailbox, Outcome};
use malote_pst::mime::{self, Converted};
use malote_pst::store::NodeId;
use malote_pst::tree::{Placed, Role};

use super::Told;
use crate::exchange::Stub;
use crate::failure::Result;
use crate::source::archive::{Content, Refusal, Shelf};

/// An open folder.
pub(super) struct PstShelf {
    mailbox: Mailbox,
    role: Option<Role>,
    status: FolderStatus,
    stubs: BTreeMap<Uid, Stub>,
    /// Items that are no mail, with their classes.
    skipped: BTreeMap<Uid, String>,
    /// The message that was asked for last.
    converted: Option<Box<Converted>>,
    told: Arc<Mutex<Told>>,
}

impl PstShelf {
    /// Looks at every item of `placed`, for what it is and what state it is in.
    pub(super) fn new(
        mut mailbox: Mailbox,
        placed: &Placed,
        status: FolderStatus,
        told: Arc<Mutex<Told>>,
    ) -> Self {
        let (mut stubs, mut skipped) = (BTreeMap::new(), BTreeMap::new());
        for node in &placed.items {
            let Some(uid) = Uid::new(node.0) else { continue };
            let leaf = mailbox.look(*node, placed.role);
            if leaf.glance.as_ref().is_some_and(|glance| glance.skip.is_some()) {
                skipped.insert(uid, leaf.class.clone());
            }
            stubs.insert(uid, stub(uid, &leaf));
        }
        Self { mailbox, role: placed.role, status, stubs, skipped, converted: None, told }
    }

    fn tell(&self, what: impl FnOnce(&mut Told)) {
        what(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for PstShelf {
    fn drop(&mut self) {
        let Some(comparison) = self.mailbox.comparison().cloned() else { return };
        self.tell(|told| {
            told.disagreements += comparison.disagreements;
            told.rescued += comparison.items_rescued;
        });
    }
}

impl Shelf for PstShelf {
    fn status(&self) -> FolderStatus {
        self.status
    }

    fn uids(&self) -> UidSet {
        self.stubs.keys().copied().collect()
    }

    fn left_out(&self) -> UidSet {
        self.skipped.keys().copied().collect()
    }

    fn pass_over(&mut self, uids: &UidSet) {
        let passed = self.skipped.iter().filter(|(uid, _)| uids.contains(**uid));
        let passed: Vec<(String, NodeId)> =
            passed.map(|(uid, class)| (class.clone(), NodeId(uid.get()))).collect();
        self.tell(|told| {
            for (class, node) in passed {
                told.skipped.entry(class).or_default().insert(node);
            }
        });
    }

    fn stub(&mut self, uid: Uid) -> Result<Option<Stub>> {
        Ok(self.stubs.get(&uid).cloned())
    }

    fn body(&mut self, uid: Uid) -> std::result::Result<Content<'_>, Refusal> {
        if !self.stubs.contains_key(&uid) {
            return Err(Refusal::Gone);
        }
        let node = NodeId(uid.get());
        // Two heavy messages are not held at once.
        self.converted = None;
        let converted = match self.mailbox.read(node, self.role) {
            Outcome::Carried(converted) => converted,
            Outcome::Quarantined(damaged) => {
                let class = if damaged.class.is_empty() { "of no class" } else { &damaged.class };
                let reason = format!("item {:#x} ({class}): {}", node.0, damaged.reason);
                return Err(Refusal::unreadable(reason));
            }
            Outcome::Skipped { class, reason } => {
                return Err(Refusal::unreadable(format!(
                    "item {:#x} ({class}) is passed over: {reason}",
                    node.0
                )));
            }
        };
        self.tell(|told| {
            for loss in &converted.losses {
                told.losses.entry(loss.kind.as_str()).or_default().insert(node);
            }
        });
        let Some(message) = self.converted.insert(converted).message.as_ref() else {
            return Err(Refusal::unreadable(format!("item {:#x}: no message was made of it", node.0)));
        };
        let octets = message.octets();
        Ok(Content { octets, reader: Box::new(self.mailbox.octets(message)) })
    }

    fn dump(&mut self, uid: Uid, reason: &str) -> Option<Bytes> {
        self.stubs.get(&uid)?;
        let damaged = self.mailbox.describe(NodeId(uid.get()), reason.to_owned());
        serde_json::to_vec_pretty(&damaged.dump).ok().map(Bytes::from)
    }
}

fn stub(uid: Uid, leaf: &Leaf) -> Stub {
    let glance = leaf.glance.as_ref();
    let seconds = glance.and_then(|glance| glance.internal_date).map(|date| date.unix_seconds);
    let written = seconds.map(|unix_seconds| InternalDate { unix_seconds, offset_minutes: 0 });
    Stub {
        uid,
        flags: glance.map(|glance| flags(glance.flags, &glance.keywords)).unwrap_or_default(),
        internal_date: written.map(date::fmt_internal),
        octets_claimed: leaf.octets_claimed,
        modseq: None,
    }
}

fn flags(flags: mime::Flags, keywords: &[String]) -> Flags {
    let system = [
        (flags.seen, r"\Seen"),
        (flags.answered, r"\Answered"),
        (flags.flagged, r"\Flagged"),
        (flags.draft, r"\Draft"),
        (flags.forwarded, "$Forwarded"),
    ];
    let set = system.into_iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag);
    let all: Vec<&str> = set.chain(keywords.iter().map(String::as_str)).collect();
    Flags::parse(&all.join(" "))
}
