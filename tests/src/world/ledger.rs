//! A ledger that counts each call as a step, so that a crash can strike between any two of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use malote_engine::failure::Result;
use malote_engine::ledger::{
    FolderId, FolderKey, FolderRow, Ledger, Numbered, PairIdentity, Recorded, Standing, Tokens,
};
use malote_engine::plan::folder::WireName;
use malote_engine::plan::message::{Flags, Uid, UidValidity};
use malote_engine::plan::record::{Imprint, Intent, QuarantineNote, Record, RepairNote};
use malote_engine::plan::uid_set::UidSet;

use super::steps::{Moment, Steps};

/// Passes every call on to `inner`.
pub struct SteppedLedger {
    /// The ledger that remembers.
    pub inner: Arc<dyn Ledger>,
    /// Counts and strikes.
    pub steps: Arc<Steps>,
}

impl SteppedLedger {
    async fn step<T>(&self, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        match self.steps.local() {
            None => call.await,
            Some(Moment::Before) => self.steps.die().await,
            Some(Moment::After) => {
                let _done = call.await;
                self.steps.die().await
            }
        }
    }
}

#[async_trait]
impl Ledger for SteppedLedger {
    async fn claim(&self, identity: &PairIdentity) -> Result<()> {
        self.step(self.inner.claim(identity)).await
    }

    async fn folders(&self) -> Result<Vec<FolderRow>> {
        self.step(self.inner.folders()).await
    }

    async fn folder(&self, key: &FolderKey) -> Result<FolderRow> {
        self.step(self.inner.folder(key)).await
    }

    async fn set_tokens(&self, folder: FolderId, tokens: &Tokens) -> Result<()> {
        self.step(self.inner.set_tokens(folder, tokens)).await
    }

    async fn recorded(&self, folder: FolderId) -> Result<Recorded> {
        self.step(self.inner.recorded(folder)).await
    }

    async fn records(&self, folder: FolderId, uids: &UidSet) -> Result<Vec<Record>> {
        self.step(self.inner.records(folder, uids)).await
    }

    async fn record(&self, folder: FolderId, records: &[Record]) -> Result<()> {
        self.step(self.inner.record(folder, records)).await
    }

    async fn set_flags(&self, folder: FolderId, flags: &[(Uid, Flags)]) -> Result<()> {
        self.step(self.inner.set_flags(folder, flags)).await
    }

    async fn forget(&self, folder: FolderId, uids: &UidSet) -> Result<()> {
        self.step(self.inner.forget(folder, uids)).await
    }

    async fn destination_uids(&self, wire: &WireName, uid_validity: UidValidity) -> Result<UidSet> {
        self.step(self.inner.destination_uids(wire, uid_validity)).await
    }

    async fn claimed_uids(&self, wire: &WireName, uid_validity: UidValidity) -> Result<UidSet> {
        self.step(self.inner.claimed_uids(wire, uid_validity)).await
    }

    async fn noted_uids(&self, wire: &WireName, uid_validity: UidValidity, repairs: &str) -> Result<UidSet> {
        self.step(self.inner.noted_uids(wire, uid_validity, repairs)).await
    }

    async fn bygone_imprints(
        &self,
        wire: &WireName,
        uid_validity: UidValidity,
    ) -> Result<BTreeMap<Uid, Imprint>> {
        self.step(self.inner.bygone_imprints(wire, uid_validity)).await
    }

    async fn release(&self, wire: &WireName, uid_validity: UidValidity, uids: &UidSet) -> Result<()> {
        self.step(self.inner.release(wire, uid_validity, uids)).await
    }

    async fn rebase_source(
        &self,
        folder: FolderId,
        uid_validity: UidValidity,
        moves: &[(Uid, Uid)],
    ) -> Result<()> {
        self.step(self.inner.rebase_source(folder, uid_validity, moves)).await
    }

    async fn rebase_destination(
        &self,
        folder: FolderId,
        uid_validity: UidValidity,
        moves: &[(Uid, Uid)],
    ) -> Result<()> {
        self.step(self.inner.rebase_destination(folder, uid_validity, moves)).await
    }

    async fn open_intent(
        &self,
        folder: FolderId,
        source_uids: &UidSet,
        destination_uid_validity: UidValidity,
        destination_uid_next: u32,
    ) -> Result<i64> {
        let call =
            self.inner.open_intent(folder, source_uids, destination_uid_validity, destination_uid_next);
        self.step(call).await
    }

    async fn close_intent(&self, folder: FolderId, intent: i64) -> Result<()> {
        self.step(self.inner.close_intent(folder, intent)).await
    }

    async fn intents(&self, folder: FolderId) -> Result<Vec<Intent>> {
        self.step(self.inner.intents(folder)).await
    }

    async fn note_quarantine(&self, folder: FolderId, notes: &[QuarantineNote]) -> Result<()> {
        self.step(self.inner.note_quarantine(folder, notes)).await
    }

    async fn quarantine_notes(&self, folder: FolderId) -> Result<Vec<QuarantineNote>> {
        self.step(self.inner.quarantine_notes(folder)).await
    }

    async fn acknowledge(&self, folder: FolderId, uids: &UidSet) -> Result<()> {
        self.step(self.inner.acknowledge(folder, uids)).await
    }

    async fn revoke_acknowledgements(&self, folder: FolderId, uids: &UidSet) -> Result<()> {
        self.step(self.inner.revoke_acknowledgements(folder, uids)).await
    }

    async fn record_repaired(&self, folder: FolderId, repaired: &[(Record, RepairNote)]) -> Result<()> {
        self.step(self.inner.record_repaired(folder, repaired)).await
    }

    async fn repair_notes(&self, folder: FolderId) -> Result<Vec<RepairNote>> {
        self.step(self.inner.repair_notes(folder)).await
    }

    async fn note_origins(&self, folder: FolderId, numbered: &[Numbered]) -> Result<()> {
        self.step(self.inner.note_origins(folder, numbered)).await
    }

    async fn known_origins(&self, folder: FolderId) -> Result<UidSet> {
        self.step(self.inner.known_origins(folder)).await
    }

    async fn standing(&self, folder: FolderId, uids: &UidSet) -> Result<Vec<Standing>> {
        self.step(self.inner.standing(folder, uids)).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
