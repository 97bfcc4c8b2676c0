//! What follows from the end of a run: the gate is looked at anew, phases go on.
//! Never undoes what the run has written.

use async_trait::async_trait;

use crate::binds;
use crate::store::runs::Claim;
use crate::store::words::{RunStatus, RunType};
use crate::store::{Result, Store};

/// Takes a job from its first copy to its deltas once no enabled mailbox lacks one. Binds: job_id.
const TO_DELTAS: &str = "
    UPDATE migration_jobs SET phase = 'delta_sync', version = version + 1
    WHERE id = $1 AND phase = 'initial_sync'
      AND EXISTS (SELECT 1 FROM migration_mailboxes AS any WHERE any.job_id = $1 AND any.enabled = 1)
      AND NOT EXISTS (
          SELECT 1 FROM migration_mailboxes AS box
          WHERE box.job_id = $1 AND box.enabled = 1 AND NOT EXISTS (
              SELECT 1 FROM migration_runs AS run
              WHERE run.mailbox_id = box.id AND run.status IN ('success', 'partial')
                AND run.run_type IN ('initial', 'pst_upload', 'tgz_import')))";

/// Writes the change of phase down. Binds: job_id, from, to, actor, reason.
const HISTORY: &str = "
    INSERT INTO phase_history (job_id, from_phase, to_phase, actor, reason) VALUES ($1, $2, $3, $4, $5)";

/// Told after each run has ended and everything about it stands.
#[async_trait]
pub trait Aftermath: Send + Sync {
    /// A run has ended. What goes wrong here is the callee's to log.
    async fn run_ended(&self, claim: &Claim, status: RunStatus);
}

/// Nothing follows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

#[async_trait]
impl Aftermath for Quiet {
    async fn run_ended(&self, _claim: &Claim, _status: RunStatus) {}
}

/// Takes a job on to its deltas where this run was the last first copy that it lacked; true where it did.
///
/// # Errors
/// What the database says.
pub(super) async fn advance(store: &Store, claim: &Claim) -> Result<bool> {
    if !matches!(claim.run_type, RunType::Initial | RunType::PstUpload | RunType::TgzImport) {
        return Ok(false);
    }
    let mut transaction = store.begin().await?;
    let is_changed = transaction.run("going on to deltas", TO_DELTAS, binds![claim.job_id]).await? > 0;
    if is_changed {
        let binds = binds![
            claim.job_id,
            "initial_sync",
            "delta_sync",
            "worker",
            "every enabled mailbox has finished its first copy",
        ];
        transaction.run("writing the phase down", HISTORY, binds).await?;
    }
    transaction.commit().await?;
    Ok(is_changed)
}
