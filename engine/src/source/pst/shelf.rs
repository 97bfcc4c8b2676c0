//! One folder of a personal store, open for reading: node ids as UIDs, items as messages.
//! Never gives an item that lacks a part without its reason.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use malote_plan::date;
use malote_plan::folder::FolderStatus;
use malote_plan::message::{Flags, InternalDate, Uid};
use malote_plan::record::Imprint;
use malote_plan::uid_set::UidSet;
use malote_pst::mailbox::{Leaf, Mailbox, Outcome};
use malote_pst::mime::{self, Converted};
use malote_pst::store::NodeId;
use malote_pst::tree::{Placed, Role};

use super::Told;
use super::watch::Watch;
use crate::exchange::Stub;
use crate::failure::Result;
use crate::source::archive::{Content, Refusal, Shelf};

/// An open folder.
pub(super) struct PstShelf {
    mailbox: Mailbox,
    watch: Arc<Watch>,
    role: Option<Role>,
    status: FolderStatus,
    /// What is known of each item; of one that could not be looked at, why.
    stubs: BTreeMap<Uid, std::result::Result<Stub, String>>,
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
        watch: Arc<Watch>,
        placed: &Placed,
        status: FolderStatus,
        told: Arc<Mutex<Told>>,
    ) -> Self {
        let (mut stubs, mut skipped) = (BTreeMap::new(), BTreeMap::new());
        for node in &placed.items {
            let Some(uid) = Uid::new(node.0) else { continue };
            // A reader that died of something else is started anew for the second look.
            let look = mailbox.look(*node, placed.role).or_else(|_| mailbox.look(*node, placed.role));
            if let Some(leaf) = look.as_ref().ok().filter(|leaf| leaf.glance.skip.is_some()) {
                skipped.insert(uid, leaf.class.clone());
            }
            stubs.insert(uid, look.map(|leaf| stub(uid, &leaf)).map_err(|error| error.reason()));
        }
        Self { mailbox, watch, role: placed.role, status, stubs, skipped, converted: None, told }
    }

    /// What is known of an item, which is looked at again where that failed; nothing where there is no such item.
    fn known(&mut self, uid: Uid) -> Option<&std::result::Result<Stub, String>> {
        if self.stubs.get(&uid)?.is_err() {
            let look = self.mailbox.look(NodeId(uid.get()), self.role);
            self.stubs.insert(uid, look.map(|leaf| stub(uid, &leaf)).map_err(|error| error.reason()));
        }
        self.stubs.get(&uid)
    }

    fn tell(&self, what: impl FnOnce(&mut Told)) {
        what(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for PstShelf {
    fn drop(&mut self) {
        let Some(comparison) = self.mailbox.comparison().cloned() else { return };
        self.tell(|told| told.compare(&comparison));
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

    /// Two copies of one store that went on apart have items of one node, and notes and drafts change under their
    /// Message-ID.
    fn may_be_rewritten(&self) -> bool {
        true
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
        // Flags that nobody could read are not the same as none: the copy keeps its own.
        Ok(self.known(uid).and_then(|known| known.clone().ok()))
    }

    fn body(&mut self, uid: Uid) -> std::result::Result<Content<'_>, Refusal> {
        let node = NodeId(uid.get());
        match self.known(uid) {
            None => return Err(Refusal::Gone),
            Some(Err(reason)) => {
                let reason = format!("item {:#x}: its flags and date cannot be read: {reason}", node.0);
                return Err(Refusal::unreadable(reason));
            }
            Some(Ok(_)) => {}
        }
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
                told.losses.entry(loss.kind).or_default().insert(node);
            }
        });
        let Some(message) = self.converted.insert(converted).message.as_ref() else {
            return Err(Refusal::unreadable(format!("item {:#x}: no message was made of it", node.0)));
        };
        let octets = message.octets();
        Ok(Content { octets, reader: Box::new(self.watch.guard(self.mailbox.octets(message))) })
    }

    fn check(&mut self) -> Result<()> {
        self.watch.check()
    }

    fn dump(&mut self, uid: Uid, reason: &str) -> Option<Bytes> {
        self.stubs.get(&uid)?;
        let damaged = self.mailbox.describe(NodeId(uid.get()), reason.to_owned());
        serde_json::to_vec_pretty(&damaged.dump).ok().map(Bytes::from)
    }
}

fn stub(uid: Uid, leaf: &Leaf) -> Stub {
    let Leaf { glance, octets_claimed, imprint, .. } = leaf;
    let seconds = glance.internal_date.map(|date| date.unix_seconds);
    let written = seconds.map(|unix_seconds| InternalDate { unix_seconds, offset_minutes: 0 });
    Stub {
        uid,
        flags: flags(glance.flags, &glance.keywords),
        internal_date: written.map(date::fmt_internal),
        octets_claimed: *octets_claimed,
        modseq: None,
        imprint: imprint.map(Imprint),
    }
}

/// An item's flags and keywords as those of a message.
#[must_use]
pub fn flags(flags: mime::Flags, keywords: &[String]) -> Flags {
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
