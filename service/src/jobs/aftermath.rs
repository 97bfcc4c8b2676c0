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
    RETURNING id, tenant_id, schedule_id, is_by_hand";

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

/// Takes jobs on to their deltas, and gives them a schedule where nobody has chosen; how many. Asked for one job after
/// a run, and for all by the clock, because a worker may die between the end of a run and what follows from it.
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
        if row.text_or_null(2)?.is_none() && !row.flag(3)? {
            let id = uuid::Uuid::new_v4().to_string();
            let schedule = binds![&id, row.int_or_null(1)?, format!("deltas of job {job}"), CRON_UNSAID];
            transaction.run("making a schedule", SCHEDULE, schedule).await?;
            transaction.run("giving a job its schedule", GIVE_SCHEDULE, binds![job, Some(id)]).await?;
        }
    }
    transaction.commit().await?;
    Ok(rows.len())
}

#[cfg(test)]
mod tests {
    use anyhow::{Context as _, Result};

    use super::*;
    use crate::store::schedules::SchedulePut;
    use crate::store::{Where, migrate};

    /// A job whose only mailbox has had its first copy.
    async fn copied(store: &Store, job: i64) -> Result<()> {
        for text in [
            "INSERT INTO migration_jobs (id, tenant_id, domain, phase) VALUES ($1, 1, 'a' || $1, 'initial_sync')",
            "INSERT INTO migration_mailboxes (id, job_id, email, source_type) VALUES ($1, $1, 'ana', 'imap')",
            "INSERT INTO migration_runs (job_id, mailbox_id, run_type, status, triggered_by)
             VALUES ($1, $1, 'initial', 'success', 'worker')",
        ] {
            store.run("planting", text, binds![job]).await?;
        }
        Ok(())
    }

    async fn choose(store: &Store, job: i64, id: &str) -> Result<()> {
        let put = SchedulePut {
            id,
            job_id: job,
            mailbox_id: None,
            tenant_id: 1,
            cron: "0 2 * * *",
            timezone: "UTC",
            window_json: "{}",
            is_enabled: true,
            skip_if_running: true,
            seen_version: None,
            created_by: "u_ana",
        };
        let mut transaction = store.begin().await?;
        assert!(transaction.put_schedule(&put).await?);
        Ok(transaction.commit().await?)
    }

    #[tokio::test]
    async fn a_schedule_that_somebody_removed_is_not_made_again() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let place = format!("sqlite:{}", folder.path().join("malote.sqlite").display());
        let store = Store::connect(&Where::parse(&place)?).await?;
        migrate::up(&store).await?;
        store.run("planting", "INSERT INTO tenants (id, name) VALUES (1, 'x')", binds![]).await?;
        for job in [1, 2, 3] {
            copied(&store, job).await?;
        }
        let id = |last: char| format!("00000000-0000-4000-8000-00000000000{last}");
        for job in [('2', 2), ('3', 3)] {
            choose(&store, job.1, &id(job.0)).await?;
            store.drop_schedule(&id(job.0)).await?;
        }
        // Whoever removed one may choose again.
        choose(&store, 3, &id('4')).await?;
        assert_eq!(advance(&store, None).await?, 3);
        let cron = async |job: i64| -> Result<Option<String>> {
            Ok(store.job_schedule(job).await?.map(|schedule| schedule.cron))
        };
        assert_eq!(cron(1).await?.context("nobody chose: the usual one")?, CRON_UNSAID);
        assert_eq!(cron(2).await?, None, "what was removed was made again");
        assert_eq!(cron(3).await?.as_deref(), Some("0 2 * * *"));
        Ok(())
    }
}
