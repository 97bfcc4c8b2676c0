//! The messages of a destination folder that no record is of: where a repaired message is looked for before it is
//! sent.
//! Never records anything, and never takes what merely looks alike.

use malote_plan::matching::Outline;
use malote_plan::message::{Uid, UidValidity};
use malote_plan::uid_set::UidSet;

use super::context::FolderRun;
use super::locate;
use super::reading::{Ends, ascending};
use super::repairing::Changed;
use crate::failure::Result;

/// Strangers as the last look found them.
pub(super) struct Strangers {
    validity: UidValidity,
    outlines: Vec<Outline>,
    /// UIDNEXT and the number of messages at the last look; none before the first.
    seen: Option<(u32, u32)>,
}

impl Strangers {
    pub fn new(validity: UidValidity) -> Self {
        Self { validity, outlines: Vec::new(), seen: None }
    }

    /// Lists what is new since the last look. True where anything is.
    pub async fn look(&mut self, folder: &FolderRun<'_>, ends: &mut Ends) -> Result<bool> {
        let status = ends.destination.refresh().await?;
        ends.is_stale = false;
        let now = status.uid_next.map(|uid_next| (uid_next, status.messages));
        if now.is_some() && self.seen == now {
            return Ok(false);
        }
        self.seen = now;
        if status.messages == 0 {
            self.outlines.clear();
            return Ok(false);
        }
        // What was sent without a UID for an answer must not be taken for a stranger.
        locate::unlocated(folder, ends, self.validity).await?;
        let wire = &folder.pair.row.key.destination_wire;
        // What a rebase left behind may be the very message that is to be repaired.
        let claimed = folder.run.job.ledger.claimed_uids(wire, self.validity).await?;
        let foreign = ends.destination.uids().await?.difference(&claimed);
        self.outlines.retain(|outline| foreign.contains(outline.uid));
        let outlined = ascending(self.outlines.iter().map(|outline| outline.uid));
        self.outlines.extend(ends.destination().outlines(&foreign.difference(&outlined)).await?);
        Ok(true)
    }

    /// True where the last look found none.
    pub fn is_empty(&self) -> bool {
        self.outlines.is_empty()
    }

    /// Takes note of what this run appended itself: the UID, where it is believed.
    pub fn appended(&mut self, uids: Option<(UidValidity, Vec<Uid>)>) -> Option<Uid> {
        let (uid_next, messages) = self.seen?;
        let (validity, uids) = uids?;
        let uid = uids
            .first()
            .copied()
            .filter(|uid| validity == self.validity && uids.len() == 1 && uid.get() >= uid_next)?;
        if uid.get() == uid_next {
            self.seen = uid_next.checked_add(1).map(|next| (next, messages + 1));
        }
        Some(uid)
    }

    /// The first of `wanted` whose octets a stranger has, by its place, with that stranger; it is none afterwards.
    pub async fn find(
        &mut self,
        folder: &FolderRun<'_>,
        ends: &mut Ends,
        wanted: &[Changed],
    ) -> Result<Option<(usize, Uid)>> {
        if self.outlines.is_empty() {
            return Ok(None);
        }
        let is_alike = |outline: &&Outline| {
            wanted.iter().any(|one| {
                one.octets == outline.octets
                    || (one.keys.strong.is_some() && one.keys.strong == outline.strong)
                    || (one.keys.loose.is_some() && one.keys.loose == outline.loose)
            })
        };
        let alike: UidSet = self.outlines.iter().filter(is_alike).map(|outline| outline.uid).collect();
        let theirs = ends.destination().portraits(&alike, &folder.run.job.read_limits()).await?;
        for (at, one) in wanted.iter().enumerate() {
            let same = theirs.iter().find(|(portrait, _)| portrait.keys.content == one.keys.content);
            if let Some((portrait, _)) = same {
                self.outlines.retain(|outline| outline.uid != portrait.uid);
                return Ok(Some((at, portrait.uid)));
            }
        }
        Ok(None)
    }
}
