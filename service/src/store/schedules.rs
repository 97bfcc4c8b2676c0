//! Schedules of jobs and of single mailboxes: which are due, and the runs that one firing enters, in one transaction.
//! Never computes a time: who asks does.

use super::words::RunType;
use super::{Result, Row, Store, Transaction};
use crate::binds;

/// Schedules by pattern that are on. Binds: none.
const ENABLED: &str = "
    SELECT id, cron, timezone, window_json, run_type, skip_if_running, next_due_ms
    FROM schedules WHERE is_enabled = 1 AND kind = 'cron' ORDER BY id";

/// Sets when a schedule is due next, unless another has done so. Binds: id, was_due_ms, due_ms, last_due_ms.
const SET_DUE: &str = "
    UPDATE schedules SET next_due_ms = $3, last_due_ms = CASE WHEN $4 = 0 THEN last_due_ms ELSE $4 END
    WHERE id = $1 AND next_due_ms = $2";

/// Switches a schedule off that cannot be read. Binds: id.
const SWITCH_OFF: &str = "UPDATE schedules SET is_enabled = 0 WHERE id = $1";

/// Notes a firing. Binds: schedule_id, due_ms, status, reason, triggered_by.
const FIRE: &str = "
    INSERT INTO schedule_executions (schedule_id, due_ms, status, reason, triggered_by) VALUES ($1, $2, $3, $4, $5)
    RETURNING id";

/// Open jobs that go by a schedule. Binds: schedule_id.
const JOBS: &str = "
    SELECT job.id, job.phase, job.is_paused,
           (SELECT COUNT(*) FROM migration_runs AS run
            WHERE run.job_id = job.id AND run.status IN ('queued', 'running')), CAST(0 AS BIGINT)
    FROM migration_jobs AS job WHERE job.schedule_id = $1 AND job.deleted_at = '' ORDER BY job.id";

/// The mailbox that a schedule is of, with its job. Binds: schedule_id.
const MAILBOX: &str = "
    SELECT job.id, job.phase, job.is_paused,
           (SELECT COUNT(*) FROM migration_runs AS run
            WHERE run.mailbox_id = box.id AND run.status IN ('queued', 'running')), box.id
    FROM schedules AS its JOIN migration_mailboxes AS box ON box.id = its.mailbox_id
    JOIN migration_jobs AS job ON job.id = box.job_id
    WHERE its.id = $1 AND box.enabled = 1 AND job.deleted_at = ''";

/// Enters a run for each mailbox of a job that takes part and has none that is not over. The key of the destination
/// is written as `Mailbox::destination_key` writes it. A mailbox with a schedule of its own goes by that alone. Binds:
/// job_id, run_type, tool, triggered_by, execution_id, the mailbox that it is of or 0.
const ENTER: &str = "
    INSERT INTO migration_runs (job_id, mailbox_id, run_type, tool, triggered_by, destination_key, priority,
                                schedule_execution_id)
    SELECT box.job_id, box.id, $2, $3, $4,
           lower(COALESCE(box.dest_endpoint_id, job.dest_endpoint_id,
                          CASE WHEN box.dest_host = '' THEN job.dest_imap_host ELSE box.dest_host END))
               || '/' || lower(CASE WHEN box.dest_user = '' THEN box.email ELSE box.dest_user END),
           box.priority, $5
    FROM migration_mailboxes AS box JOIN migration_jobs AS job ON job.id = box.job_id
    WHERE box.job_id = $1 AND box.enabled = 1
      AND (box.id = $6
           OR ($6 = 0 AND NOT EXISTS (SELECT 1 FROM schedules AS own WHERE own.mailbox_id = box.id)))
    ORDER BY box.priority DESC, box.id
    ON CONFLICT DO NOTHING";

/// Notes how a firing went. Binds: id, status, reason, runs_queued, runs_skipped.
const FIRED: &str = "
    UPDATE schedule_executions SET status = $2, reason = $3, runs_queued = $4, runs_skipped = $5 WHERE id = $1";

/// Ends the firings whose runs are all over. Binds: now_at.
const SETTLE: &str = "
    UPDATE schedule_executions
    SET finished_at = $1,
        status = CASE WHEN EXISTS (SELECT 1 FROM migration_runs AS run
                                   WHERE run.schedule_execution_id = schedule_executions.id
                                     AND run.status IN ('failed', 'cancelled'))
                 THEN 'failed' ELSE 'completed' END
    WHERE status = 'running'
      AND NOT EXISTS (SELECT 1 FROM migration_runs AS run
                      WHERE run.schedule_execution_id = schedule_executions.id
                        AND run.status IN ('queued', 'running'))";

/// How many mailboxes of a job go by its schedule. Binds: job_id.
const PARTS: &str = "
    SELECT COUNT(*) FROM migration_mailboxes AS box WHERE box.job_id = $1 AND box.enabled = 1
      AND NOT EXISTS (SELECT 1 FROM schedules AS own WHERE own.mailbox_id = box.id)";

/// A job's schedule. Binds: job_id.
const OF_JOB: &str = "
    SELECT its.id, its.cron, its.timezone, its.window_json, its.is_enabled, its.skip_if_running, its.run_type,
           its.last_due_ms, its.version
    FROM schedules AS its JOIN migration_jobs AS job ON job.schedule_id = its.id WHERE job.id = $1";

/// Mailboxes of a job that have a schedule of their own. Binds: job_id.
const APART: &str = "
    SELECT COUNT(*) FROM schedules AS its JOIN migration_mailboxes AS box ON box.id = its.mailbox_id
    WHERE box.job_id = $1 AND box.enabled = 1";

/// A mailbox's own schedule. Binds: mailbox_id.
const OF_MAILBOX: &str = "
    SELECT its.id, its.cron, its.timezone, its.window_json, its.is_enabled, its.skip_if_running, its.run_type,
           its.last_due_ms, its.version
    FROM schedules AS its WHERE its.mailbox_id = $1";

/// Makes a schedule. Binds: id, tenant_id, name, cron, timezone, window, enabled, skip, who, mailbox_id.
const MAKE: &str = "
    INSERT INTO schedules (id, tenant_id, name, cron, timezone, run_type, window_json, is_enabled, skip_if_running,
                           created_by, mailbox_id)
    VALUES ($1, $2, $3, $4, $5, 'delta', $6, $7, $8, $9, $10)";

/// Gives it to a job that has none. Binds: job_id, id.
const GIVE: &str =
    "UPDATE migration_jobs SET schedule_id = $2, is_by_hand = 0 WHERE id = $1 AND schedule_id IS NULL";

/// Changes it, and has its next moment computed anew. Binds: id, cron, timezone, window, enabled, skip, version.
const CHANGE: &str = "
    UPDATE schedules SET cron = $2, timezone = $3, window_json = $4, is_enabled = $5, skip_if_running = $6,
        next_due_ms = 0, version = version + 1
    WHERE id = $1 AND version = $7";

/// Notes that deltas run by hand, so that nobody gives a schedule unasked. Binds: schedule_id.
const BY_HAND: &str = "UPDATE migration_jobs SET is_by_hand = 1 WHERE schedule_id = $1";

/// Binds: id.
const DROP: &str = "DELETE FROM schedules WHERE id = $1";

/// What a schedule did. Binds: schedule_id, rows.
const FIRINGS: &str = "
    SELECT id, due_ms, status, reason, runs_queued, runs_skipped, triggered_by, finished_at FROM schedule_executions
    WHERE schedule_id = $1 ORDER BY id DESC LIMIT $2";

/// Every query of this file that the API asks, for the test that prepares them.
pub const QUERIES: &[&str] = &[
    ENABLED, FIRE, JOBS, MAILBOX, ENTER, FIRED, SETTLE, PARTS, OF_JOB, APART, OF_MAILBOX, MAKE, GIVE, CHANGE,
    FIRINGS,
];

/// A schedule as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the column of its name in schedules")]
pub struct ScheduleRow {
    pub id: String,
    pub cron: String,
    pub timezone: String,
    pub window_json: String,
    pub is_enabled: bool,
    pub skip_if_running: bool,
    pub run_type: String,
    pub last_due_ms: i64,
    pub version: i64,
}

/// A schedule of a job, or of one mailbox, to be made or changed.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each field is the column of its name in schedules")]
pub struct SchedulePut<'a> {
    pub id: &'a str,
    pub job_id: i64,
    /// Of this mailbox alone.
    pub mailbox_id: Option<i64>,
    pub tenant_id: i64,
    pub cron: &'a str,
    pub timezone: &'a str,
    pub window_json: &'a str,
    pub is_enabled: bool,
    pub skip_if_running: bool,
    /// The version that was seen; nothing where there was none.
    pub seen_version: Option<i64>,
    pub created_by: &'a str,
}

/// One firing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the column of its name in schedule_executions")]
pub struct FiringRow {
    pub id: i64,
    pub due_ms: i64,
    pub status: String,
    pub reason: String,
    pub runs_queued: i64,
    pub runs_skipped: i64,
    pub triggered_by: String,
    pub finished_at: String,
}

/// A schedule that is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Its id.
    pub id: String,
    /// Five fields.
    pub cron: String,
    /// Where its hours are counted.
    pub timezone: String,
    /// Hours that it keeps to.
    pub window_json: String,
    /// What it enters.
    pub run_type: RunType,
    /// Whether a job that is at work is passed over.
    pub skip_if_running: bool,
    /// When it is due, in milliseconds since 1970; 0 where that is not known yet.
    pub next_due_ms: i64,
}

/// What one firing did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fired {
    /// Runs entered.
    pub queued: i64,
    /// Runs that were not, because a run of the mailbox or its job was not over.
    pub skipped: i64,
}

impl Store {
    /// Every schedule by pattern that is on.
    ///
    /// # Errors
    /// What the database says.
    pub async fn schedules(&self) -> Result<Vec<Schedule>> {
        let rows = self.all("reading schedules", ENABLED, Vec::new()).await?;
        rows.iter().map(schedule).collect()
    }

    /// Sets when a schedule is due that was not due at a known moment; false where another has done so.
    ///
    /// # Errors
    /// What the database says.
    pub async fn set_due(&self, schedule: &Schedule, due_ms: i64) -> Result<bool> {
        let binds = binds![&schedule.id, schedule.next_due_ms, due_ms, 0_i64];
        Ok(self.run("setting a due time", SET_DUE, binds).await? > 0)
    }

    /// Switches a schedule off that cannot be read.
    ///
    /// # Errors
    /// What the database says.
    pub async fn switch_off(&self, schedule: &Schedule) -> Result<()> {
        self.run("switching a schedule off", SWITCH_OFF, binds![&schedule.id]).await.map(|_| ())
    }

    /// Fires a schedule once and says when it is due again; `None` where another has fired it. `skip` is why nothing
    /// shall be entered, or empty.
    ///
    /// # Errors
    /// What the database says; nothing of the firing stands then.
    pub async fn fire(
        &self,
        schedule: &Schedule,
        next_due_ms: i64,
        skip: &str,
        phases: &[&str],
    ) -> Result<Option<Fired>> {
        let mut transaction = self.begin().await?;
        let due = binds![&schedule.id, schedule.next_due_ms, next_due_ms, schedule.next_due_ms];
        if transaction.run("firing a schedule", SET_DUE, due).await? == 0 {
            return Ok(None);
        }
        let status = if skip.is_empty() { "running" } else { "skipped" };
        let binds = binds![&schedule.id, schedule.next_due_ms, status, skip, "cron"];
        let row = transaction.one("noting a firing", FIRE, binds).await?;
        let execution = row.map_or(Ok(0), |row| row.int(0))?;
        let (mut fired, mut reasons) = (Fired::default(), Vec::new());
        let mut parts = Vec::new();
        if skip.is_empty() {
            let of = || binds![&schedule.id];
            parts = transaction.all("reading a schedule's jobs", JOBS, of()).await?;
            parts.extend(transaction.all("reading a schedule's mailbox", MAILBOX, of()).await?);
        }
        for row in &parts {
            transaction.enter_part(schedule, row, execution, phases, (&mut fired, &mut reasons)).await?;
        }
        if skip.is_empty() {
            let status = if fired.queued > 0 { "running" } else { "skipped" };
            let binds = binds![execution, status, reasons.join("; "), fired.queued, fired.skipped];
            transaction.run("noting a firing", FIRED, binds).await?;
        }
        transaction.commit().await?;
        Ok(Some(fired))
    }

    /// A job's schedule.
    ///
    /// # Errors
    /// What the database says.
    pub async fn job_schedule(&self, job: i64) -> Result<Option<ScheduleRow>> {
        self.one("reading a job's schedule", OF_JOB, binds![job]).await?.as_ref().map(shown).transpose()
    }

    /// How many mailboxes of a job have a schedule of their own, and go by that alone.
    ///
    /// # Errors
    /// What the database says.
    pub async fn mailboxes_apart(&self, job: i64) -> Result<i64> {
        self.one("counting schedules", APART, binds![job]).await?.map_or(Ok(0), |row| row.int(0))
    }

    /// A mailbox's own schedule; none where it goes by its job's.
    ///
    /// # Errors
    /// What the database says.
    pub async fn mailbox_schedule(&self, mailbox: i64) -> Result<Option<ScheduleRow>> {
        self.one("reading a mailbox's schedule", OF_MAILBOX, binds![mailbox])
            .await?
            .as_ref()
            .map(shown)
            .transpose()
    }

    /// Removes a mailbox's own schedule: it goes by its job's again.
    ///
    /// # Errors
    /// What the database says.
    pub async fn drop_mailbox_schedule(&self, id: &str) -> Result<()> {
        self.run("removing a mailbox's schedule", DROP, binds![id]).await.map(|_| ())
    }

    /// Removes a schedule; the deltas of jobs that went by it run by hand then.
    ///
    /// # Errors
    /// What the database says.
    pub async fn drop_schedule(&self, id: &str) -> Result<()> {
        let mut transaction = self.begin().await?;
        transaction.run("noting that deltas run by hand", BY_HAND, binds![id]).await?;
        transaction.run("removing a schedule", DROP, binds![id]).await?;
        transaction.commit().await
    }

    /// What a schedule did last, newest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn firings(&self, id: &str, rows: i64) -> Result<Vec<FiringRow>> {
        let read = |row: &Row| {
            Ok(FiringRow {
                id: row.int(0)?,
                due_ms: row.int(1)?,
                status: row.text(2)?,
                reason: row.text(3)?,
                runs_queued: row.int(4)?,
                runs_skipped: row.int(5)?,
                triggered_by: row.text(6)?,
                finished_at: row.text(7)?,
            })
        };
        self.all("reading firings", FIRINGS, binds![id, rows]).await?.iter().map(read).collect()
    }

    /// Ends the firings whose runs are all over.
    ///
    /// # Errors
    /// What the database says.
    pub async fn settle_firings(&self, now_ms: i64) -> Result<()> {
        self.run("ending firings", SETTLE, binds![super::at(now_ms)]).await.map(|_| ())
    }
}

impl Transaction {
    /// Enters the runs of one job of a schedule, or of the one mailbox that it is of, or says why not.
    async fn enter_part(
        &mut self,
        schedule: &Schedule,
        row: &Row,
        execution: i64,
        phases: &[&str],
        (fired, reasons): (&mut Fired, &mut Vec<String>),
    ) -> Result<()> {
        let (job, phase, is_paused, active) = (row.int(0)?, row.text(1)?, row.flag(2)?, row.int(3)?);
        let mailbox = row.int(4)?;
        let parts = match mailbox {
            0 => self.one("counting mailboxes", PARTS, binds![job]).await?.map_or(Ok(0), |row| row.int(0))?,
            _ => 1,
        };
        let reason = match () {
            () if !phases.contains(&phase.as_str()) => format!("job {job} is in {phase}"),
            () if is_paused => format!("job {job} is paused"),
            () if schedule.skip_if_running && active > 0 && mailbox != 0 => {
                format!("mailbox {mailbox} is at work")
            }
            () if schedule.skip_if_running && active > 0 => format!("job {job} is at work"),
            () => {
                let run_type = schedule.run_type;
                let binds = binds![job, run_type.as_str(), run_type.tool(), "cron", Some(execution), mailbox];
                let queued = self.run("entering a schedule's runs", ENTER, binds).await?;
                let queued = i64::try_from(queued).unwrap_or(i64::MAX);
                fired.queued += queued;
                fired.skipped += (parts - queued).max(0);
                return Ok(());
            }
        };
        fired.skipped += parts;
        reasons.push(reason);
        Ok(())
    }

    /// Makes a schedule of a job or of one mailbox, or changes the one that was seen; false where it is another by now.
    ///
    /// # Errors
    /// What the database says.
    pub async fn put_schedule(&mut self, put: &SchedulePut<'_>) -> Result<bool> {
        if let Some(seen) = put.seen_version {
            let binds = binds![
                put.id,
                put.cron,
                put.timezone,
                put.window_json,
                put.is_enabled,
                put.skip_if_running,
                seen
            ];
            return Ok(self.run("changing a schedule", CHANGE, binds).await? > 0);
        }
        let name = match put.mailbox_id {
            Some(mailbox) => format!("deltas of mailbox {mailbox}"),
            None => format!("deltas of job {}", put.job_id),
        };
        let binds = binds![
            put.id,
            Some(put.tenant_id),
            name,
            put.cron,
            put.timezone,
            put.window_json,
            put.is_enabled,
            put.skip_if_running,
            put.created_by,
            put.mailbox_id,
        ];
        match self.run("making a schedule", MAKE, binds).await {
            Ok(_) if put.mailbox_id.is_some() => return Ok(true),
            // Somebody else made one meanwhile.
            Err(error) if error.is_duplicate() => return Ok(false),
            made => made?,
        };
        Ok(self.run("giving a job its schedule", GIVE, binds![put.job_id, Some(put.id)]).await? > 0)
    }
}

fn shown(row: &Row) -> Result<ScheduleRow> {
    Ok(ScheduleRow {
        id: row.text(0)?,
        cron: row.text(1)?,
        timezone: row.text(2)?,
        window_json: row.text(3)?,
        is_enabled: row.flag(4)?,
        skip_if_running: row.flag(5)?,
        run_type: row.text(6)?,
        last_due_ms: row.int(7)?,
        version: row.int(8)?,
    })
}

fn schedule(row: &Row) -> Result<Schedule> {
    Ok(Schedule {
        id: row.text(0)?,
        cron: row.text(1)?,
        timezone: row.text(2)?,
        window_json: row.text(3)?,
        run_type: RunType::parse(row.str(4)?)?,
        skip_if_running: row.flag(5)?,
        next_due_ms: row.int(6)?,
    })
}
