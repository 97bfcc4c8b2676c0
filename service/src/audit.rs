//! The audit log: who did what to which, each row chained to the one before, places in the chain signed.
//! Never changes a row, and never holds a secret.

pub mod chain;
pub mod signer;
pub mod verify;

use std::sync::Arc;

use thiserror::Error;
use tokio::sync::Mutex;

use crate::store::audit::{AuditRow, ChangeRow, CheckpointRow};
use crate::store::{Store, StoreError, Transaction, milliseconds};
pub use signer::{Signer, SignerError};

/// Changes of rows that are taken up in one transaction, at most.
const CHANGES_AT_ONCE_MAX: i64 = 200;
/// How often an append is tried anew because another was faster.
const TRIES_MAX: u32 = 20;
/// A checkpoint is due after so many rows.
const CHECKPOINT_ROWS: i64 = 1000;
/// Or after so long, in milliseconds: ten minutes.
const CHECKPOINT_MILLIS: i64 = 600_000;

/// Why the log could not be written or read.
#[derive(Debug, Error)]
pub enum AuditError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key or the file of checkpoints.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

/// What is to be written; the rest is the chain's own.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    /// `user`, `service`, `worker`, `system` or `anonymous`.
    pub actor_kind: &'static str,
    /// Who.
    pub actor_id: String,
    /// What was done.
    pub action: String,
    /// To what kind of thing.
    pub resource_kind: String,
    /// To which.
    pub resource_id: String,
    /// Whose it is.
    pub tenant_id: Option<i64>,
    /// To which job it belongs.
    pub job_id: Option<i64>,
    /// `success`, `denied` or `failed`.
    pub outcome: &'static str,
    /// The answer's HTTP status; 0: there was none.
    pub status_code: u16,
    /// From where.
    pub ip: String,
    /// With what.
    pub user_agent: String,
    /// The request.
    pub request_id: String,
    /// What else there is to say, as a JSON object without secrets.
    pub details_json: String,
}

/// The log; clones share it.
#[derive(Clone)]
pub struct Audit {
    store: Store,
    signer: Arc<Signer>,
    /// Writers of one process take turns, so that they seldom meet at the chain's end.
    turn: Arc<Mutex<()>>,
}

impl Audit {
    /// The log of a database.
    pub fn new(store: Store, signer: Signer) -> Self {
        Self { store, signer: Arc::new(signer), turn: Arc::default() }
    }

    /// What the signatures are checked with.
    pub fn public_key(&self) -> Vec<u8> {
        self.signer.public_key()
    }

    /// Takes up what triggers noted, then writes an entry.
    ///
    /// # Errors
    /// What the database says.
    pub async fn write(&self, entry: &Entry, now_ms: i64) -> Result<i64, AuditError> {
        let mut row = AuditRow {
            at_ms: now_ms,
            actor_kind: entry.actor_kind.to_owned(),
            actor_id: entry.actor_id.clone(),
            action: entry.action.clone(),
            resource_kind: entry.resource_kind.clone(),
            resource_id: entry.resource_id.clone(),
            tenant_id: entry.tenant_id,
            job_id: entry.job_id,
            outcome: entry.outcome.to_owned(),
            status_code: i64::from(entry.status_code),
            ip: entry.ip.clone(),
            user_agent: entry.user_agent.clone(),
            request_id: entry.request_id.clone(),
            details_json: entry.details_json.clone(),
            ..AuditRow::default()
        };
        chain::clean(&mut row);
        self.append(Some(row)).await
    }

    /// Takes up what triggers noted, and signs where a checkpoint is due.
    ///
    /// # Errors
    /// What the database says, or the file of checkpoints.
    pub async fn tend(&self, now_ms: i64) -> Result<(), AuditError> {
        self.append(None).await?;
        let Some((seq, hash)) = self.store.audit_head().await? else { return Ok(()) };
        let last = self.store.last_checkpoint().await?;
        let is_due = last.is_none_or(|last| {
            seq > last.seq
                && (seq - last.seq >= CHECKPOINT_ROWS || now_ms - last.signed_ms >= CHECKPOINT_MILLIS)
        });
        if is_due { self.sign(seq, hash, now_ms).await } else { Ok(()) }
    }

    /// Signs the chain's end now.
    ///
    /// # Errors
    /// What the database says, or the file of checkpoints.
    pub async fn checkpoint(&self, now_ms: i64) -> Result<(), AuditError> {
        match self.store.audit_head().await? {
            Some((seq, hash)) => self.sign(seq, hash, now_ms).await,
            None => Ok(()),
        }
    }

    async fn sign(&self, seq: i64, hash: Vec<u8>, now_ms: i64) -> Result<(), AuditError> {
        let row = CheckpointRow {
            seq,
            signature: self.signer.sign(seq, &hash),
            public_key: self.signer.public_key(),
            hash,
            signed_ms: now_ms,
        };
        // Outside first: what lies there alone shows that the database was cut.
        self.signer.export(&row)?;
        Ok(self.store.insert_checkpoint(&row).await?)
    }

    async fn append(&self, own: Option<AuditRow>) -> Result<i64, AuditError> {
        let _turn = self.turn.lock().await;
        let mut tries = 0;
        loop {
            match self.try_append(own.clone()).await {
                Err(error) if (error.is_duplicate() || error.is_passing()) && tries < TRIES_MAX => tries += 1,
                Err(error) => return Err(error.into()),
                Ok((seq, is_all)) if is_all => return Ok(seq),
                // More changes wait than one transaction takes: the entry came after those that were taken.
                Ok(_) => tries = 0,
            }
        }
    }

    /// One transaction: some changes, and the entry where no change is left before it.
    async fn try_append(&self, own: Option<AuditRow>) -> Result<(i64, bool), StoreError> {
        let mut transaction = self.store.begin().await?;
        let (mut seq, mut hash) =
            transaction.chain_head().await?.unwrap_or_else(|| (0, chain::FIRST.to_vec()));
        let changes = transaction.unchained_changes(CHANGES_AT_ONCE_MAX).await?;
        let is_all = i64::try_from(changes.len()).is_ok_and(|count| count < CHANGES_AT_ONCE_MAX);
        let taken = changes.into_iter().map(of_change);
        for row in taken.chain(own.filter(|_| is_all)) {
            (seq, hash) = link(&mut transaction, row, seq, hash).await?;
        }
        transaction.commit().await?;
        Ok((seq, is_all))
    }
}

async fn link(
    transaction: &mut Transaction,
    mut row: AuditRow,
    seq: i64,
    prev_hash: Vec<u8>,
) -> Result<(i64, Vec<u8>), StoreError> {
    row.seq = seq + 1;
    row.prev_hash = prev_hash;
    row.hash = chain::hash(&row);
    transaction.append_audit(&row).await?;
    Ok((row.seq, row.hash))
}

/// A change that a trigger noted, as an entry: who made it is told by the entry of the request that comes after it.
fn of_change(change: ChangeRow) -> AuditRow {
    AuditRow {
        at_ms: milliseconds(&change.changed_at).unwrap_or(0),
        actor_kind: "system".to_owned(),
        action: format!("row.{}", change.operation),
        resource_kind: change.table,
        resource_id: change.row,
        outcome: "success".to_owned(),
        before_json: change.before_json,
        after_json: change.after_json,
        details_json: "{}".to_owned(),
        row_change_id: Some(change.id),
        ..AuditRow::default()
    }
}

#[cfg(test)]
mod tests;
