//! The only memory: what was copied where, what is about to be, and what both folders looked like then.
//! Never holds a message's octets, subject or address.

mod batch;
pub mod memory;
pub mod sql;
#[cfg(any(test, feature = "suite"))]
pub mod suite;
mod trouble;

use std::collections::BTreeMap;

use async_trait::async_trait;
use malote_plan::folder::{FolderPath, WireName};
use malote_plan::labels::Origin;
use malote_plan::message::{Flags, ModSeq, Uid, UidValidity};
use malote_plan::record::{Imprint, Intent, QuarantineNote, Record, RepairNote, State};
use malote_plan::uid_set::UidSet;

use crate::failure::Result;

/// Which two mailboxes a ledger belongs to: `scheme://user@host:port` without options or secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairIdentity {
    /// Where mail comes from.
    pub source: String,
    /// Where mail goes to.
    pub destination: String,
}

/// A ledger's number for a pair of folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FolderId(pub i64);

/// What a pair of folders is, decided once: later runs follow it so that names cannot drift.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderKey {
    /// The source folder, as its server writes it; unique within a ledger.
    pub source_wire: WireName,
    /// The source folder, decoded.
    pub source_path: FolderPath,
    /// The destination folder, decoded.
    pub destination_path: FolderPath,
    /// The destination folder, as its server writes it.
    pub destination_wire: WireName,
}

/// What both folders looked like when they were last brought in line; all `None` or 0 before that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tokens {
    /// The generation that the records' source UIDs belong to.
    pub source_uid_validity: Option<UidValidity>,
    /// The generation that the records' destination UIDs belong to.
    pub destination_uid_validity: Option<UidValidity>,
    /// The source's UIDNEXT at the last complete pass.
    pub source_uid_next: u32,
    /// The source's message count at the last complete pass.
    pub source_messages: u32,
    /// The source's HIGHESTMODSEQ at the last complete pass.
    pub source_modseq: Option<ModSeq>,
    /// The destination's UIDNEXT at the last complete pass.
    pub destination_uid_next: u32,
    /// The destination's message count at the last complete pass.
    pub destination_messages: u32,
    /// The destination's HIGHESTMODSEQ at the last complete pass.
    pub destination_modseq: Option<ModSeq>,
    /// True when the last pass left nothing pending, so that equal counters mean that nothing is to do.
    pub is_complete: bool,
    /// True once the source's modification sequences were found to stand still or to lie.
    pub is_modseq_distrusted: bool,
}

/// One pair of folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderRow {
    /// The ledger's number.
    pub id: FolderId,
    /// Which folders.
    pub key: FolderKey,
    /// Their state at the last pass.
    pub tokens: Tokens,
}

/// The source UIDs of one folder's current generation, by what became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// State `Copied`, with or without a proven destination UID.
    pub copied: UidSet,
    /// State `Adopted`.
    pub adopted: UidSet,
    /// State `Collapsed`.
    pub collapsed: UidSet,
    /// State `Quarantined`.
    pub quarantined: UidSet,
    /// Those of `copied` whose destination UID is not proven yet.
    pub unlocated: UidSet,
}

impl Recorded {
    /// Adds one record's UID where it belongs; UIDs come fastest in ascending order.
    pub fn add(&mut self, uid: Uid, state: State, is_located: bool) {
        match state {
            State::Copied => self.copied.insert(uid),
            State::Adopted => self.adopted.insert(uid),
            State::Collapsed => self.collapsed.insert(uid),
            State::Quarantined => self.quarantined.insert(uid),
        }
        if !is_located && matches!(state, State::Copied | State::Adopted) {
            self.unlocated.insert(uid);
        }
    }

    /// Every UID that has a record.
    #[must_use]
    pub fn all(&self) -> UidSet {
        self.copied.union(&self.adopted).union(&self.collapsed).union(&self.quarantined)
    }
}

/// A message and the number by which it is known wherever it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbered {
    /// The message.
    pub uid: Uid,
    /// Its number.
    pub origin: Origin,
    /// The size that the server claims, in octets: one number with two sizes is not one message.
    pub octets: u64,
}

/// One place in which a message stands, in a folder's current generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Standing {
    /// The message that was asked about.
    pub asked: Uid,
    /// The folder in which it stands; the one that was asked about is among them.
    pub folder: FolderId,
    /// Its UID there.
    pub uid: Uid,
    /// What became of it there; none without a record.
    pub state: Option<State>,
    /// Its copy in that folder's destination, in the generation in force.
    pub destination_uid: Option<Uid>,
}

/// A ledger of one pair of mailboxes. Every call is one transaction: done whole and durable when it returns
/// `Ok`, not done at all otherwise. Records belong to the folder's `source_uid_validity` in force at the time.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Makes a new ledger that of `identity`, or checks that it is; `Class::LedgerForeign` where it is not.
    async fn claim(&self, identity: &PairIdentity) -> Result<()>;

    /// Every pair of folders, by id.
    async fn folders(&self) -> Result<Vec<FolderRow>>;

    /// The pair whose `source_wire` is that of `key`; made with empty tokens where there is none. Where there is
    /// one, its destination is set to that of `key`.
    async fn folder(&self, key: &FolderKey) -> Result<FolderRow>;

    /// Replaces a folder's tokens.
    async fn set_tokens(&self, folder: FolderId, tokens: &Tokens) -> Result<()>;

    /// Which source UIDs of the current generation have a record.
    async fn recorded(&self, folder: FolderId) -> Result<Recorded>;

    /// The records of the current generation among `uids`, ascending by source UID.
    async fn records(&self, folder: FolderId, uids: &UidSet) -> Result<Vec<Record>>;

    /// Writes records into the current generation, over any that are there for the same source UID.
    async fn record(&self, folder: FolderId, records: &[Record]) -> Result<()>;

    /// Sets the base of the flag merge; UIDs without a record are passed over.
    async fn set_flags(&self, folder: FolderId, flags: &[(Uid, Flags)]) -> Result<()>;

    /// Removes the records of `uids` in the current generation, with what was noted of their repair.
    async fn forget(&self, folder: FolderId, uids: &UidSet) -> Result<()>;

    /// Destination UIDs that any folder pair leading to `destination_wire`, in any source generation, has a
    /// record of under `uid_validity`.
    async fn destination_uids(
        &self,
        destination_wire: &WireName,
        uid_validity: UidValidity,
    ) -> Result<UidSet>;

    /// Those of `destination_uids` that a record of its folder's current source generation has. The others are copies
    /// that a rebase left behind.
    async fn claimed_uids(&self, destination_wire: &WireName, uid_validity: UidValidity) -> Result<UidSet>;

    /// Those of `destination_uids` whose record has a note that names just these `repairs`.
    async fn noted_uids(
        &self,
        destination_wire: &WireName,
        uid_validity: UidValidity,
        repairs: &str,
    ) -> Result<UidSet>;

    /// What the items said of which messages in this destination folder under `uid_validity` were made, by their
    /// destination UIDs, as far as records of bygone source generations tell.
    async fn bygone_imprints(
        &self,
        destination_wire: &WireName,
        uid_validity: UidValidity,
    ) -> Result<BTreeMap<Uid, Imprint>>;

    /// Removes the records of bygone source generations that have one of `uids` in this destination folder under
    /// `uid_validity`, with what was noted of their repair: whoever takes such a copy takes it from them, and a return
    /// to their generation must not have two records claim it.
    async fn release(
        &self,
        destination_wire: &WireName,
        uid_validity: UidValidity,
        uids: &UidSet,
    ) -> Result<()>;

    /// Notes by which numbers messages of the current generation are known wherever they stand. Within one folder a
    /// number belongs to the message noted last: the one before it is known by none.
    async fn note_origins(&self, folder: FolderId, numbered: &[Numbered]) -> Result<()>;

    /// The messages of the current generation whose numbers are noted, whether or not they are still there.
    async fn known_origins(&self, folder: FolderId) -> Result<UidSet>;

    /// Every place in which those of `uids` stand whose numbers are noted: by message, folder and UID.
    async fn standing(&self, folder: FolderId, uids: &UidSet) -> Result<Vec<Standing>>;

    /// Starts a new source generation: the folder's `source_uid_validity` becomes `uid_validity`, each record
    /// under the first UID of a pair moves to the second; records not named stay behind in the old generation,
    /// where they count only for `destination_uids`, until `release`. Open intents and noted numbers are dropped.
    /// What the tokens tell of the old generation goes with it, and they are no longer complete: whoever is stopped
    /// right after must not take them for tokens of the new one.
    async fn rebase_source(
        &self,
        folder: FolderId,
        uid_validity: UidValidity,
        moves: &[(Uid, Uid)],
    ) -> Result<()>;

    /// Starts a new destination generation: the folder's `destination_uid_validity` becomes `uid_validity`; the
    /// record of each source UID gets the destination UID beside it; records of state `Copied` and `Adopted`
    /// that are not named are removed, in every source generation. Open intents are dropped, and what the tokens tell
    /// of the old generation, as `rebase_source` does.
    async fn rebase_destination(
        &self,
        folder: FolderId,
        uid_validity: UidValidity,
        moves: &[(Uid, Uid)],
    ) -> Result<()>;

    /// Notes which messages are about to be appended; returns the intent's number.
    async fn open_intent(
        &self,
        folder: FolderId,
        source_uids: &UidSet,
        destination_uid_validity: UidValidity,
        destination_uid_next: u32,
    ) -> Result<i64>;

    /// Removes an intent once each of its messages has a record or is known not to have arrived.
    async fn close_intent(&self, folder: FolderId, intent: i64) -> Result<()>;

    /// The folder's open intents, oldest first.
    async fn intents(&self, folder: FolderId) -> Result<Vec<Intent>>;

    /// Notes why messages are quarantined, over any earlier note for the same source UID.
    async fn note_quarantine(&self, folder: FolderId, notes: &[QuarantineNote]) -> Result<()>;

    /// The notes on messages that are in state `Quarantined` in the current generation, by source UID.
    async fn quarantine_notes(&self, folder: FolderId) -> Result<Vec<QuarantineNote>>;

    /// Notes that the operator accepts that `uids` of the current generation are left out; UIDs without a note on
    /// their quarantine are passed over. A later note on the same message is not acknowledged by this.
    async fn acknowledge(&self, folder: FolderId, uids: &UidSet) -> Result<()>;

    /// Takes back what `acknowledge` noted on `uids` of the current generation; others are passed over.
    async fn revoke_acknowledgements(&self, folder: FolderId, uids: &UidSet) -> Result<()>;

    /// Writes records together with what was changed in their messages. A record that is written later for the
    /// same source UID keeps the note, until the record itself is removed or written over by a rebase.
    async fn record_repaired(&self, folder: FolderId, repaired: &[(Record, RepairNote)]) -> Result<()>;

    /// What was changed in messages that are in state `Copied` or `Adopted` in the current generation, by source
    /// UID.
    async fn repair_notes(&self, folder: FolderId) -> Result<Vec<RepairNote>>;

    /// Closes the store cleanly; later calls fail.
    async fn close(&self);
}
