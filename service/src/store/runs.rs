//! Runs as a queue: entered once for each mailbox, claimed by lease, told of by the holder of the fencing token alone.
//! Never lets a worker whose lease has run out write another word about the run.

use super::words::{RunStatus, RunType};
use super::{Result, Row, Store, Transaction, at};
use crate::binds;

/// Enters a run, unless the mailbox has one that is not over. Binds: job_id, mailbox_id, run_type, tool, triggered_by,
/// options_json, destination_key, priority, not_before_ms, schedule_execution_id.
const ENQUEUE: &str = "
    INSERT INTO migration_runs (job_id, mailbox_id, run_type, tool, triggered_by, options_json, destination_key,
                                priority, not_before_ms, schedule_execution_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT DO NOTHING
    RETURNING id";

/// A mailbox's run that is not over. Binds: mailbox_id.
const ACTIVE: &str = "
    SELECT id FROM migration_runs WHERE mailbox_id = $1 AND status IN ('queued', 'running')";

/// Takes the first run that waits, or whose worker has been silent for too long. Two workers may see the same row: the
/// conditions are asked again, so that the second gets none. Binds: worker, now_ms, lease_until_ms, now_at.
const CLAIM: &str = "
    UPDATE migration_runs
    SET status = 'running', worker_id = $1, lease_until_ms = $3, fencing_token = fencing_token + 1,
        attempts = attempts + CASE WHEN status = 'running' THEN 1 ELSE 0 END,
        leases_expired = leases_expired + CASE WHEN status = 'running' THEN 1 ELSE 0 END,
        started_at = CASE WHEN started_at = '' THEN $4 ELSE started_at END, last_poll_at = $4,
        current_operation = ''
    WHERE id = (
        SELECT run.id
        FROM migration_runs AS run JOIN migration_jobs AS job ON job.id = run.job_id
        WHERE run.mailbox_id IS NOT NULL
          AND ((run.status = 'queued' AND run.not_before_ms <= $2 AND job.is_paused = 0)
               OR (run.status = 'running' AND run.lease_until_ms < $2))
          AND NOT EXISTS (SELECT 1 FROM migration_runs AS other
                          WHERE other.status = 'running' AND other.destination_key = run.destination_key
                            AND other.destination_key <> '' AND other.id <> run.id)
        ORDER BY run.priority DESC, run.id LIMIT 1)
      AND ((status = 'queued' AND not_before_ms <= $2) OR (status = 'running' AND lease_until_ms < $2))
    RETURNING id, job_id, mailbox_id, run_type, options_json, fencing_token, attempts, cancel_requested, stats_json,
              triggered_by";

/// Whether anything could be claimed. Binds: now_ms.
const CLAIMABLE: &str = "
    SELECT COUNT(*)
    FROM migration_runs AS run JOIN migration_jobs AS job ON job.id = run.job_id
    WHERE run.mailbox_id IS NOT NULL
      AND ((run.status = 'queued' AND run.not_before_ms <= $1 AND job.is_paused = 0)
           OR (run.status = 'running' AND run.lease_until_ms < $1))
      AND NOT EXISTS (SELECT 1 FROM migration_runs AS other
                      WHERE other.status = 'running' AND other.destination_key = run.destination_key
                        AND other.destination_key <> '' AND other.id <> run.id)";

/// Holds the lease and tells how far the run is. Binds: id, fencing_token, lease_until_ms, now_at, progress_percent,
/// current_operation, messages_done, messages_total, bytes_done, bytes_total, rate_bps, eta_seconds, stats_json.
const BEAT: &str = "
    UPDATE migration_runs
    SET lease_until_ms = $3, last_poll_at = $4, progress_percent = $5, current_operation = $6, messages_done = $7,
        messages_total = $8, bytes_done = $9, bytes_total = $10, rate_bps = $11, eta_seconds = $12, stats_json = $13
    WHERE id = $1 AND fencing_token = $2 AND status = 'running'
    RETURNING cancel_requested, (SELECT job.is_paused FROM migration_jobs AS job WHERE job.id = job_id)";

/// Gives a run back to the queue. Binds: id, fencing_token, not_before_ms, attempts_added, error_class, error_details.
const RELEASE: &str = "
    UPDATE migration_runs
    SET status = 'queued', worker_id = '', lease_until_ms = 0, not_before_ms = $3, attempts = attempts + $4,
        error_class = $5, error_details = $6, rate_bps = 0, eta_seconds = 0, current_operation = ''
    WHERE id = $1 AND fencing_token = $2 AND status = 'running'";

/// Adds to what a run waited because a server asked for it. Binds: id, fencing_token, milliseconds.
const THROTTLED: &str =
    "UPDATE migration_runs SET throttle_ms = throttle_ms + $3 WHERE id = $1 AND fencing_token = $2";

/// Cancels a run that nobody has begun. Binds: id, reason, now_at.
const CANCEL_QUEUED: &str = "
    UPDATE migration_runs SET status = 'cancelled', cancel_requested = 1, cancel_reason = $2, finished_at = $3
    WHERE id = $1 AND status = 'queued' RETURNING COALESCE(mailbox_id, 0)";

/// Asks the worker of a run to end it. Binds: id, reason.
const CANCEL_RUNNING: &str = "
    UPDATE migration_runs SET cancel_requested = 1, cancel_reason = $2 WHERE id = $1 AND status = 'running'";

/// Runs of a job that are not over. Binds: job_id.
const ACTIVE_OF_JOB: &str = "
    SELECT id FROM migration_runs WHERE job_id = $1 AND status IN ('queued', 'running') ORDER BY id";

/// Stops or frees a job's queue. Binds: job_id, is_paused, reason.
const PAUSE: &str =
    "UPDATE migration_jobs SET is_paused = $2, paused_reason = $3, version = version + 1 WHERE id = $1";

/// How a run stands. Binds: id.
const STANDING: &str = "
    SELECT status, attempts, fencing_token, stats_json, error_class, error_details, exit_code FROM migration_runs
    WHERE id = $1";

/// A run to be entered.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// Of which job.
    pub job_id: i64,
    /// On which mailbox.
    pub mailbox_id: i64,
    /// What it does.
    pub run_type: RunType,
    /// A user's id, `worker`, `cron`, `api:<token>` or `agent:<id>`.
    pub triggered_by: String,
    /// What is wanted beside the job's and the mailbox's own options, as JSON.
    pub options_json: String,
    /// Into which mailbox it writes: such runs take turns. Empty for none.
    pub destination_key: String,
    /// Higher ones first.
    pub priority: i64,
    /// Not before this moment, in milliseconds since 1970.
    pub not_before_ms: i64,
    /// Which firing of a schedule asked for it.
    pub schedule_execution_id: Option<i64>,
}

/// What became of a wish for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enqueued {
    /// It waits.
    New(i64),
    /// The mailbox has this run already, which is not over.
    Active(i64),
}

/// A run that a worker has.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Which, and by what right.
    pub fence: Fence,
    /// Of which job.
    pub job_id: i64,
    /// On which mailbox.
    pub mailbox_id: i64,
    /// What it does.
    pub run_type: RunType,
    /// What is wanted, as JSON.
    pub options_json: String,
    /// How often it ended without anybody's wish.
    pub attempts: i64,
    /// Somebody wishes it away.
    pub is_cancelled: bool,
    /// What an earlier worker told of it.
    pub stats_json: String,
    /// Who wished for it.
    pub triggered_by: String,
}

/// The right to tell of a run: gone once another worker has claimed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fence {
    /// The run.
    pub run_id: i64,
    /// Grows with each claim.
    pub token: i64,
}

/// How far a run is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Told {
    /// In percent.
    pub progress_percent: f64,
    /// For people.
    pub current_operation: String,
    /// Messages in a bucket.
    pub messages_done: i64,
    /// Messages listed.
    pub messages_total: i64,
    /// Octets appended.
    pub bytes_done: i64,
    /// Octets to append, as far as known.
    pub bytes_total: i64,
    /// Octets per second.
    pub rate_bps: i64,
    /// Seconds that are left, as far as known.
    pub eta_seconds: i64,
    /// Counters so far.
    pub stats_json: String,
}

/// What a worker hears when it tells of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Go on.
    GoOn,
    /// End it: somebody wishes so.
    Cancel,
    /// Put it back: its job is paused.
    Pause,
    /// It is another worker's by now.
    Lost,
}

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Where it is.
    pub status: RunStatus,
    /// How often it ended without anybody's wish.
    pub attempts: i64,
    /// How often it was claimed.
    pub fencing_token: i64,
    /// Counters.
    pub stats_json: String,
    /// The first failure's class.
    pub error_class: String,
    /// And its words.
    pub error_details: String,
    /// What `malote copy` would have ended with.
    pub exit_code: Option<i64>,
}

impl Transaction {
    /// Enters a run, unless its mailbox has one that is not over.
    ///
    /// # Errors
    /// What the database says.
    pub async fn enqueue(&mut self, run: &NewRun) -> Result<Enqueued> {
        let binds = || {
            binds![
                run.job_id,
                Some(run.mailbox_id),
                run.run_type.as_str(),
                run.run_type.tool(),
                &run.triggered_by,
                &run.options_json,
                &run.destination_key,
                run.priority,
                run.not_before_ms,
                run.schedule_execution_id,
            ]
        };
        loop {
            if let Some(row) = self.one("entering a run", ENQUEUE, binds()).await? {
                return Ok(Enqueued::New(row.int(0)?));
            }
            // It may have ended between the two looks: then it is entered after all.
            if let Some(row) = self.one("looking for a run", ACTIVE, binds![run.mailbox_id]).await? {
                return Ok(Enqueued::Active(row.int(0)?));
            }
        }
    }
}

impl Store {
    /// Enters a run by itself, unless its mailbox has one that is not over.
    ///
    /// # Errors
    /// What the database says.
    pub async fn enqueue(&self, run: &NewRun) -> Result<Enqueued> {
        let mut transaction = self.begin().await?;
        let entered = transaction.enqueue(run).await?;
        transaction.commit().await?;
        Ok(entered)
    }

    /// Takes the first run that waits; none where there is none. `now_ms` is the database's time.
    ///
    /// # Errors
    /// What the database says.
    pub async fn claim(&self, worker: &str, now_ms: i64, lease_until_ms: i64) -> Result<Option<Claim>> {
        let binds = binds![worker, now_ms, lease_until_ms, at(now_ms)];
        match self.one("claiming a run", CLAIM, binds).await {
            Ok(row) => row.as_ref().map(claim).transpose(),
            // Another worker took a run into the same mailbox at the same moment.
            Err(error) if error.is_duplicate() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// How many runs could be claimed.
    ///
    /// # Errors
    /// What the database says.
    pub async fn claimable(&self, now_ms: i64) -> Result<i64> {
        let row = self.one("counting the queue", CLAIMABLE, binds![now_ms]).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    /// Holds the lease of a run and tells how far it is.
    ///
    /// # Errors
    /// What the database says: then it is unknown whether the lease is held.
    pub async fn beat(&self, fence: Fence, lease_until_ms: i64, now_ms: i64, told: &Told) -> Result<Heard> {
        let binds = binds![
            fence.run_id,
            fence.token,
            lease_until_ms,
            at(now_ms),
            told.progress_percent,
            &told.current_operation,
            told.messages_done,
            told.messages_total,
            told.bytes_done,
            told.bytes_total,
            told.rate_bps,
            told.eta_seconds,
            &told.stats_json,
        ];
        let Some(row) = self.one("telling of a run", BEAT, binds).await? else { return Ok(Heard::Lost) };
        Ok(match (row.flag(0)?, row.int_or_null(1)?) {
            (true, _) => Heard::Cancel,
            (false, Some(1)) => Heard::Pause,
            (false, _) => Heard::GoOn,
        })
    }

    /// Gives a run back to the queue; false where it is another worker's by now.
    ///
    /// # Errors
    /// What the database says.
    pub async fn release(
        &self,
        fence: Fence,
        not_before_ms: i64,
        counts: bool,
        (class, details): (&str, &str),
    ) -> Result<bool> {
        let binds = binds![fence.run_id, fence.token, not_before_ms, i64::from(counts), class, details];
        Ok(self.run("giving a run back", RELEASE, binds).await? > 0)
    }

    /// Adds to what a run waited because a server asked for it, in milliseconds.
    ///
    /// # Errors
    /// What the database says.
    pub async fn throttled(&self, fence: Fence, milliseconds: i64) -> Result<()> {
        let binds = binds![fence.run_id, fence.token, milliseconds];
        self.run("counting what a server asked for", THROTTLED, binds).await.map(|_| ())
    }

    /// Wishes a run away; false where it is over already.
    ///
    /// # Errors
    /// What the database says.
    pub async fn cancel(&self, run_id: i64, reason: &str, now_ms: i64) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let binds = binds![run_id, reason, at(now_ms)];
        if let Some(row) = transaction.one("cancelling a run", CANCEL_QUEUED, binds).await? {
            // No worker comes to what it was to try again.
            transaction.reopen_items(row.int(0)?).await?;
            transaction.commit().await?;
            return Ok(true);
        }
        drop(transaction);
        Ok(self.run("asking a run to end", CANCEL_RUNNING, binds![run_id, reason]).await? > 0)
    }

    /// A job's runs that are not over.
    ///
    /// # Errors
    /// What the database says.
    pub async fn active_runs(&self, job_id: i64) -> Result<Vec<i64>> {
        let rows = self.all("looking for runs", ACTIVE_OF_JOB, binds![job_id]).await?;
        rows.iter().map(|row| row.int(0)).collect()
    }

    /// Stops a job's queue: nothing of it is claimed, and what is at work goes back to the queue.
    ///
    /// # Errors
    /// What the database says.
    pub async fn pause(&self, job_id: i64, reason: &str) -> Result<()> {
        self.run("pausing a job", PAUSE, binds![job_id, true, reason]).await.map(|_| ())
    }

    /// Frees a job's queue.
    ///
    /// # Errors
    /// What the database says.
    pub async fn resume(&self, job_id: i64) -> Result<()> {
        self.run("resuming a job", PAUSE, binds![job_id, false, ""]).await.map(|_| ())
    }

    /// How a run stands; none where there is no such run.
    ///
    /// # Errors
    /// What the database says.
    pub async fn standing(&self, run_id: i64) -> Result<Option<Standing>> {
        let row = self.one("looking at a run", STANDING, binds![run_id]).await?;
        row.as_ref().map(standing).transpose()
    }
}

fn claim(row: &Row) -> Result<Claim> {
    Ok(Claim {
        fence: Fence { run_id: row.int(0)?, token: row.int(5)? },
        job_id: row.int(1)?,
        mailbox_id: row.int(2)?,
        run_type: RunType::parse(row.str(3)?)?,
        options_json: row.text(4)?,
        attempts: row.int(6)?,
        is_cancelled: row.flag(7)?,
        stats_json: row.text(8)?,
        triggered_by: row.text(9)?,
    })
}

fn standing(row: &Row) -> Result<Standing> {
    Ok(Standing {
        status: RunStatus::parse(row.str(0)?)?,
        attempts: row.int(1)?,
        fencing_token: row.int(2)?,
        stats_json: row.text(3)?,
        error_class: row.text(4)?,
        error_details: row.text(5)?,
        exit_code: row.int_or_null(6)?,
    })
}
