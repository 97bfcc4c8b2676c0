//! Any source and any destination with each call counted as a step, so that a crash can strike between any two.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use malote_engine::destination::{Answer, BatchId, Destination, OpenDestination, Parcel};
use malote_engine::failure::Result;
use malote_engine::plan::folder::{Folder, FolderPath, FolderStatus, Role, WireName};
use malote_engine::plan::message::{Flag, Flags, ModSeq, Uid};
use malote_engine::plan::uid_set::UidSet;
use malote_engine::source::{Fetched, Headed, OpenSource, ReadLimits, Source, Stub, Survey};
use tokio::sync::mpsc;

use super::steps::{Moment, Steps};

async fn step<T>(steps: &Steps, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
    match steps.local() {
        None => call.await,
        Some(Moment::Before) => steps.die().await,
        Some(Moment::After) => {
            let _done = call.await;
            steps.die().await
        }
    }
}

/// Passes every call on to `inner`.
pub struct SteppedSource {
    /// Where mail comes from.
    pub inner: Arc<dyn Source>,
    /// Counts and strikes.
    pub steps: Arc<Steps>,
}

#[async_trait]
impl Source for SteppedSource {
    async fn survey(&self) -> Result<Survey> {
        step(&self.steps, self.inner.survey()).await
    }

    async fn open(&self, folder: &Folder) -> Result<Box<dyn OpenSource>> {
        let inner = step(&self.steps, self.inner.open(folder)).await?;
        Ok(Box::new(SteppedOpen { inner, steps: Arc::clone(&self.steps) }))
    }

    fn remarks(&self) -> Vec<String> {
        self.inner.remarks()
    }

    fn damage(&self) -> Vec<String> {
        self.inner.damage()
    }

    fn unsettled(&self) -> Vec<String> {
        self.inner.unsettled()
    }

    fn sums(&self) -> Option<malote_engine::store_sums::StoreSums> {
        self.inner.sums()
    }

    fn remakes(&self) -> bool {
        self.inner.remakes()
    }

    fn former_wire(&self, wire: &WireName) -> Option<WireName> {
        self.inner.former_wire(wire)
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

struct SteppedOpen<T: ?Sized> {
    inner: Box<T>,
    steps: Arc<Steps>,
}

#[async_trait]
impl OpenSource for SteppedOpen<dyn OpenSource> {
    fn status(&self) -> FolderStatus {
        self.inner.status()
    }

    async fn uids(&mut self) -> Result<UidSet> {
        step(&self.steps, self.inner.uids()).await
    }

    async fn stubs(&mut self, uids: &UidSet) -> Result<Vec<Stub>> {
        step(&self.steps, self.inner.stubs(uids)).await
    }

    async fn changed_since(&mut self, uids: &UidSet, since: ModSeq) -> Result<Option<Vec<Stub>>> {
        step(&self.steps, self.inner.changed_since(uids, since)).await
    }

    async fn headed(&mut self, uids: &UidSet) -> Result<Vec<Headed>> {
        step(&self.steps, self.inner.headed(uids)).await
    }

    async fn bodies(
        &mut self,
        uids: &UidSet,
        limits: &ReadLimits,
        sink: &mpsc::Sender<Fetched>,
    ) -> Result<()> {
        step(&self.steps, self.inner.bodies(uids, limits, sink)).await
    }

    fn refusal(&self, uid: Uid) -> Option<String> {
        self.inner.refusal(uid)
    }

    async fn dump(&mut self, uid: Uid, reason: &str) -> Result<Option<Bytes>> {
        step(&self.steps, self.inner.dump(uid, reason)).await
    }

    fn left_out(&self) -> UidSet {
        self.inner.left_out()
    }

    fn may_be_rewritten(&self) -> bool {
        self.inner.may_be_rewritten()
    }

    fn pass_over(&mut self, uids: &UidSet) {
        self.inner.pass_over(uids);
    }

    fn is_usable(&self) -> bool {
        self.inner.is_usable()
    }

    fn retire(&mut self) {
        self.inner.retire();
    }

    async fn reopen(&mut self, folder: &Folder) -> Result<()> {
        step(&self.steps, self.inner.reopen(folder)).await
    }
}

/// Passes every call on to `inner`.
pub struct SteppedDestination {
    /// Where mail goes to.
    pub inner: Arc<dyn Destination>,
    /// Counts and strikes.
    pub steps: Arc<Steps>,
}

#[async_trait]
impl Destination for SteppedDestination {
    async fn survey(&self) -> Result<Survey> {
        step(&self.steps, self.inner.survey()).await
    }

    async fn create(&self, path: &FolderPath, special_use: Option<Role>) -> Result<Folder> {
        step(&self.steps, self.inner.create(path, special_use)).await
    }

    async fn subscribe(&self, folder: &Folder) -> Result<()> {
        step(&self.steps, self.inner.subscribe(folder)).await
    }

    async fn open(&self, folder: &Folder) -> Result<Box<dyn OpenDestination>> {
        let inner = step(&self.steps, self.inner.open(folder)).await?;
        Ok(Box::new(SteppedOpen { inner, steps: Arc::clone(&self.steps) }))
    }

    fn remarks(&self) -> Vec<String> {
        self.inner.remarks()
    }

    fn damage(&self) -> Vec<String> {
        self.inner.damage()
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

#[async_trait]
impl OpenDestination for SteppedOpen<dyn OpenDestination> {
    fn status(&self) -> FolderStatus {
        self.inner.status()
    }

    async fn refresh(&mut self) -> Result<FolderStatus> {
        step(&self.steps, self.inner.refresh()).await
    }

    fn permanent_flags(&self) -> (Flags, bool) {
        self.inner.permanent_flags()
    }

    fn keeps_octets(&self) -> bool {
        self.inner.keeps_octets()
    }

    fn carries_nul(&self) -> bool {
        self.inner.carries_nul()
    }

    fn append_octets_max(&self) -> Option<u64> {
        self.inner.append_octets_max()
    }

    async fn uids(&mut self) -> Result<UidSet> {
        step(&self.steps, self.inner.uids()).await
    }

    async fn stubs(&mut self, uids: &UidSet) -> Result<Vec<Stub>> {
        step(&self.steps, self.inner.stubs(uids)).await
    }

    async fn headed(&mut self, uids: &UidSet) -> Result<Vec<Headed>> {
        step(&self.steps, self.inner.headed(uids)).await
    }

    async fn bodies(
        &mut self,
        uids: &UidSet,
        limits: &ReadLimits,
        sink: &mpsc::Sender<Fetched>,
    ) -> Result<()> {
        step(&self.steps, self.inner.bodies(uids, limits, sink)).await
    }

    fn batch_messages_max(&self) -> usize {
        self.inner.batch_messages_max()
    }

    async fn send(&mut self, batch: Vec<Parcel>) -> Result<BatchId> {
        step(&self.steps, self.inner.send(batch)).await
    }

    async fn answer(&mut self) -> Result<(BatchId, Answer)> {
        step(&self.steps, self.inner.answer()).await
    }

    async fn store(&mut self, uids: &UidSet, add: &[Flag], remove: &[Flag]) -> Result<()> {
        step(&self.steps, self.inner.store(uids, add, remove)).await
    }

    async fn remove(&mut self, uids: &UidSet) -> Result<()> {
        step(&self.steps, self.inner.remove(uids)).await
    }

    fn is_usable(&self) -> bool {
        self.inner.is_usable()
    }

    fn retire(&mut self) {
        self.inner.retire();
    }
}
