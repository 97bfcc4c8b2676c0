//! What follows from the end of a run: the gate is looked at anew, phases go on.
//! Never undoes what the run has written.

use async_trait::async_trait;

use crate::binds;
use crate::store::runs::Claim;
use crate::store::words::RunStatus;
use crate::store::{Result, Store};

/// Takes jobs from their first copies to their deltas where no enabled mailbox lacks one. Binds: job_id, or 0 for all.
const TO_DELTAS: &str = "
    UPDATE migration_jobs SET phase = 'delta_sync', version = version + 1
    WHERE ($1 = 0 OR id = $1) AND phase = 'initial_sync' AND deleted_at = ''
      AND EXISTS (SELECT 1 FROM migration_mailboxes AS part
                  WHERE part.job_id = migration_jobs.id AND part.enabled = 1)
      AND NOT EXISTS (
          SELECT 1 FROM migration_mailboxes AS box
          WHERE box.job_id = migration_jobs.id AND box.enabled = 1 AND NOT EXISTS (
              SELECT 1 FROM migration_runs AS run
              WHERE run.mailbox_id = box.id AND run.status IN ('success', 'partial')
                AND run.run_type IN ('initial', 'pst_upload', 'tgz_import')))
    RETURNING id, tenant_id, schedule_id";

/// Writes the change of phase down. Binds: job_id, from, to, actor, reason.
const HISTORY: &str = "
    INSERT INTO phase_history (job_id, from_phase, to_phase, actor, reason) VALUES ($1, $2, $3, $4, $5)";

/// Makes the schedule by which a job's deltas run where nobody has chosen one. Binds: id, tenant_id, name, cron.
const SCHEDULE: &str = "
    INSERT INTO schedules (id, tenant_id, name, cron, timezone, run_type, created_by)
    VALUES ($1, $2, $3, $4, 'UTC', 'delta', 'worker')";

/// Gives a job its schedule. Binds: job_id, schedule_id.
const GIVE_SCHEDULE: &str = "UPDATE migration_jobs SET schedule_id = $2 WHERE id = $1";

/// When deltas run where nobody says: every six hours.
const CRON_UNSAID: &str = "0 */6 * * *";

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

/// Takes jobs on to their deltas, and gives them a schedule where they have none; how many. Asked for one job after a
/// run, and for all by the clock, because a worker may die between the end of a run and what follows from it.
///
/// # Errors
/// What the database says.
pub(super) async fn advance(store: &Store, job_id: Option<i64>) -> Result<usize> {
    let mut transaction = store.begin().await?;
    let rows = transaction.all("going on to deltas", TO_DELTAS, binds![job_id.unwrap_or(0)]).await?;
    for row in &rows {
        let job = row.int(0)?;
        let why = "every enabled mailbox has finished its first copy";
        let history = binds![job, "initial_sync", "delta_sync", "worker", why];
        transaction.run("writing the phase down", HISTORY, history).await?;
        if row.text_or_null(2)?.is_none() {
            let id = uuid::Uuid::new_v4().to_string();
            let schedule = binds![&id, row.int_or_null(1)?, format!("deltas of job {job}"), CRON_UNSAID];
            transaction.run("making a schedule", SCHEDULE, schedule).await?;
            transaction.run("giving a job its schedule", GIVE_SCHEDULE, binds![job, Some(id)]).await?;
        }
    }
    transaction.commit().await?;
    Ok(rows.len())
}
