//! A ledger that can be struck at each call, as a disk or a dying process would: a write that returned is kept, one
//! that did not return may be.
//! Never forgets anything else, unless it is the mutant that does.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use malote_engine::failure::Result;
use malote_engine::ledger::memory::MemoryLedger;
use malote_engine::ledger::{
    FolderId, FolderKey, FolderRow, Ledger, Numbered, PairIdentity, Recorded, Standing, Tokens,
};
use malote_engine::plan::folder::WireName;
use malote_engine::plan::message::{Flags, Uid, UidValidity};
use malote_engine::plan::record::{Imprint, Intent, QuarantineNote, Record, RepairNote};
use malote_engine::plan::uid_set::UidSet;

use super::schedule::Verb::{Read, Write};
use super::wire::World;

/// The engine's own ledger in memory, behind the world's fate.
pub struct SimLedger {
    /// The world.
    pub world: World,
    /// What remembers.
    pub inner: Arc<MemoryLedger>,
}

impl SimLedger {
    /// Keeps for the checkers which destination messages were ever recorded.
    fn note(&self, folder: FolderId, uids: impl Iterator<Item = Uid>) {
        let rows = self.inner.folders().now_or_never().and_then(Result::ok).unwrap_or_default();
        let Some(row) = rows.into_iter().find(|row| row.id == folder) else { return };
        let name = String::from_utf8_lossy(&row.key.destination_wire.0).into_owned();
        let validity = row.tokens.destination_uid_validity.map_or(0, UidValidity::get);
        let mut state = self.world.state();
        for uid in uids {
            state.trace.note(|| format!("    recorded: {name} UID {uid}"));
            state.ever_recorded.insert((name.clone(), validity, uid.get()));
        }
    }
}

#[async_trait]
impl Ledger for SimLedger {
    async fn claim(&self, identity: &PairIdentity) -> Result<()> {
        self.world.remember(Write, self.inner.claim(identity)).await
    }

    async fn folders(&self) -> Result<Vec<FolderRow>> {
        self.world.remember(Read, self.inner.folders()).await
    }

    async fn folder(&self, key: &FolderKey) -> Result<FolderRow> {
        self.world.remember(Write, self.inner.folder(key)).await
    }

    async fn set_tokens(&self, folder: FolderId, tokens: &Tokens) -> Result<()> {
        self.world.remember(Write, self.inner.set_tokens(folder, tokens)).await
    }

    async fn recorded(&self, folder: FolderId) -> Result<Recorded> {
        self.world.remember(Read, self.inner.recorded(folder)).await
    }

    async fn records(&self, folder: FolderId, uids: &UidSet) -> Result<Vec<Record>> {
        self.world.remember(Read, self.inner.records(folder, uids)).await
    }

    async fn record(&self, folder: FolderId, records: &[Record]) -> Result<()> {
        let forgotten = self.world.state().forgotten_uid;
        let kept: Vec<Record> =
            records.iter().filter(|record| Some(record.source_uid.get()) != forgotten).cloned().collect();
        let write = async {
            self.inner.record(folder, &kept).await?;
            self.note(folder, kept.iter().filter_map(|record| record.destination_uid));
            Ok(())
        };
        self.world.remember(Write, write).await
    }

    async fn set_flags(&self, folder: FolderId, flags: &[(Uid, Flags)]) -> Result<()> {
        self.world.remember(Write, self.inner.set_flags(folder, flags)).await
    }

    async fn forget(&self, folder: FolderId, uids: &UidSet) -> Result<()> {
        self.world.remember(Write, self.inner.forget(folder, uids)).await
    }

    async fn destination_uids(&self, wire: &WireName, uid_validity: UidValidity) -> Result<UidSet> {
        self.world.remember(Read, self.inner.destination_uids(wire, uid_validity)).await
    }

    async fn claimed_uids(&self, wire: &WireName, uid_validity: UidValidity) -> Result<UidSet> {
        self.world.remember(Read, self.inner.claimed_uids(wire, uid_validity)).await
    }

    async fn noted_uids(&self, wire: &WireName, uid_validity: UidValidity, repairs: &str) -> Result<UidSet> {
        self.world.remember(Read, self.inner.noted_uids(wire, uid_validity, repairs)).await
    }

    async fn bygone_imprints(
        &self,
        wire: &WireName,
        uid_validity: UidValidity,
    ) -> Result<BTreeMap<Uid, Imprint>> {
        self.world.remember(Read, self.inner.bygone_imprints(wire, uid_validity)).await
    }

    async fn release(&self, wire: &WireName, uid_validity: UidValidity, uids: &UidSet) -> Result<()> {
        self.world.remember(Write, self.inner.release(wire, uid_validity, uids)).await
    }

    async fn rebase_source(
        &self,
        folder: FolderId,
        uid_validity: UidValidity,
        moves: &[(Uid, Uid)],
    ) -> Result<()> {
        self.world.remember(Write, self.inner.rebase_source(folder, uid_validity, moves)).await
    }

    async fn rebase_destination(
        &self,
        folder: FolderId,
        uid_validity: UidValidity,
        moves: &[(Uid, Uid)],
    ) -> Result<()> {
        let write = async {
            self.inner.rebase_destination(folder, uid_validity, moves).await?;
            self.note(folder, moves.iter().map(|pair| pair.1));
            Ok(())
        };
        self.world.remember(Write, write).await
    }

    async fn open_intent(
        &self,
        folder: FolderId,
        source_uids: &UidSet,
        destination_uid_validity: UidValidity,
        destination_uid_next: u32,
    ) -> Result<i64> {
        let open =
            self.inner.open_intent(folder, source_uids, destination_uid_validity, destination_uid_next);
        self.world.remember(Write, open).await
    }

    async fn close_intent(&self, folder: FolderId, intent: i64) -> Result<()> {
        self.world.remember(Write, self.inner.close_intent(folder, intent)).await
    }

    async fn intents(&self, folder: FolderId) -> Result<Vec<Intent>> {
        self.world.remember(Read, self.inner.intents(folder)).await
    }

    async fn acknowledge(&self, folder: FolderId, uids: &UidSet) -> Result<()> {
        self.world.remember(Write, self.inner.acknowledge(folder, uids)).await
    }

    async fn revoke_acknowledgements(&self, folder: FolderId, uids: &UidSet) -> Result<()> {
        self.world.remember(Write, self.inner.revoke_acknowledgements(folder, uids)).await
    }

    async fn record_repaired(&self, folder: FolderId, repaired: &[(Record, RepairNote)]) -> Result<()> {
        let write = async {
            self.inner.record_repaired(folder, repaired).await?;
            self.note(folder, repaired.iter().filter_map(|(record, _)| record.destination_uid));
            Ok(())
        };
        self.world.remember(Write, write).await
    }

    async fn repair_notes(&self, folder: FolderId) -> Result<Vec<RepairNote>> {
        self.world.remember(Read, self.inner.repair_notes(folder)).await
    }

    async fn note_quarantine(&self, folder: FolderId, notes: &[QuarantineNote]) -> Result<()> {
        self.world.remember(Write, self.inner.note_quarantine(folder, notes)).await
    }

    async fn quarantine_notes(&self, folder: FolderId) -> Result<Vec<QuarantineNote>> {
        self.world.remember(Read, self.inner.quarantine_notes(folder)).await
    }

    async fn note_origins(&self, folder: FolderId, numbered: &[Numbered]) -> Result<()> {
        self.world.remember(Write, self.inner.note_origins(folder, numbered)).await
    }

    async fn known_origins(&self, folder: FolderId) -> Result<UidSet> {
        self.world.remember(Read, self.inner.known_origins(folder)).await
    }

    async fn standing(&self, folder: FolderId, uids: &UidSet) -> Result<Vec<Standing>> {
        self.world.remember(Read, self.inner.standing(folder, uids)).await
    }

    async fn close(&self) {}
}
