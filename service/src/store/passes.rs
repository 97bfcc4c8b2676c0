//! Runs by the act that entered them: the passes of a job, and the first steps of a run.
//! Never tells of a run of another tenant: each query takes the caller's reach first.

use super::jobs::reached;
use super::looks::{RunRow, StepRow, run, run_columns, step};
use super::reach::{Reach, within_reach};
use super::{Result, Row, Store};
use crate::binds;

/// What the runs of one pass have in common: their type with the firing of a schedule, with the service itself, which
/// enters them one by one, or with whoever asked for them and the minute in which that was. There is an index of it.
macro_rules! pass_of_run {
    () => {
        "run.run_type || '/' || CASE WHEN run.schedule_execution_id IS NOT NULL \
             THEN 'f' || CAST(run.schedule_execution_id AS TEXT) \
         WHEN run.triggered_by = 'worker' THEN 'w' \
         ELSE run.triggered_by || substr(run.queued_at, 1, 16) END"
    };
}
/// Runs of a job that a caller may see.
macro_rules! of_job {
    () => {
        concat!(
            " FROM migration_runs AS run JOIN migration_jobs AS job ON job.id = run.job_id WHERE ",
            within_reach!("job.tenant_id", "job.id"),
            " AND job.deleted_at = '' AND run.job_id = $5"
        )
    };
}
/// The passes of a job with a run of this status and type. Nothing is read of them but what the index has.
macro_rules! keys {
    () => {
        concat!(
            "SELECT ",
            pass_of_run!(),
            ", MIN(run.id)",
            of_job!(),
            " AND ($7 = '' OR substr(",
            pass_of_run!(),
            ", 1, length($7) + 1) = $7 || '/') GROUP BY ",
            pass_of_run!(),
            " HAVING ($6 = '' OR SUM(CASE WHEN run.status = $6 THEN 1 ELSE 0 END) > 0)"
        )
    };
}
/// The runs of a pass.
macro_rules! of_pass {
    () => {
        concat!(of_job!(), " AND (", pass_of_run!(), ") = $6")
    };
}

/// The newest first. Binds: reach, job, status, type, before id or 0, rows.
const KEYS: &str = concat!(keys!(), " AND ($8 = 0 OR MIN(run.id) < $8) ORDER BY MIN(run.id) DESC LIMIT $9");
/// Binds: reach, job, status, type.
const PASSES_COUNT: &str = concat!("SELECT COUNT(*) FROM (", keys!(), ") AS pass");
/// A pass, added up. Binds: reach, job, key.
const PASS: &str = concat!(
    "SELECT COALESCE(MIN(run.id), 0), COALESCE(MIN(run.run_type), ''), COALESCE(MIN(run.triggered_by), ''), COUNT(*),
         CAST(COALESCE(SUM(CASE WHEN run.status = 'queued' THEN 1 ELSE 0 END), 0) AS BIGINT),
         CAST(COALESCE(SUM(CASE WHEN run.status = 'running' THEN 1 ELSE 0 END), 0) AS BIGINT),
         CAST(COALESCE(SUM(CASE WHEN run.status = 'success' THEN 1 ELSE 0 END), 0) AS BIGINT),
         CAST(COALESCE(SUM(CASE WHEN run.status = 'partial' THEN 1 ELSE 0 END), 0) AS BIGINT),
         CAST(COALESCE(SUM(CASE WHEN run.status = 'failed' THEN 1 ELSE 0 END), 0) AS BIGINT),
         CAST(COALESCE(SUM(CASE WHEN run.status = 'cancelled' THEN 1 ELSE 0 END), 0) AS BIGINT),
         COALESCE(MIN(run.queued_at), ''), COALESCE(MIN(NULLIF(run.started_at, '')), ''),
         COALESCE(MAX(run.finished_at), ''), CAST(COALESCE(SUM(run.messages_done), 0) AS BIGINT),
         CAST(COALESCE(SUM(run.messages_total), 0) AS BIGINT), CAST(COALESCE(SUM(run.bytes_done), 0) AS BIGINT)",
    of_pass!()
);
/// The pass that a run of a job belongs to. Binds: reach, job, run.
const KEY_OF: &str = concat!("SELECT ", pass_of_run!(), of_job!(), " AND run.id = $6");
/// Runs of a pass, oldest first. Binds: reach, job, key, status, after id, rows.
const RUNS: &str = concat!(
    "SELECT ",
    run_columns!(),
    of_pass!(),
    " AND ($7 = '' OR run.status = $7) AND run.id > $8 ORDER BY run.id LIMIT $9"
);
/// Binds: reach, job, key, status.
const RUNS_COUNT: &str = concat!("SELECT COUNT(*)", of_pass!(), " AND ($7 = '' OR run.status = $7)");
/// Those that went wrong or are at work first. Binds: run, rows.
const FIRST_STEPS: &str = "
    SELECT sequence, name, status, messages_done, messages_total, bytes_done, detail, started_at, finished_at
    FROM run_steps WHERE run_id = $1
    ORDER BY CASE status WHEN 'failed' THEN 0 WHEN 'running' THEN 1 ELSE 2 END, sequence LIMIT $2";
/// Binds: run.
const STEPS_COUNT: &str = "SELECT COUNT(*) FROM run_steps WHERE run_id = $1";

/// Every query of this file, for the test that prepares them.
pub const QUERIES: &[&str] = &[KEYS, PASSES_COUNT, PASS, KEY_OF, RUNS, RUNS_COUNT, FIRST_STEPS, STEPS_COUNT];

/// The runs that one act entered, added up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassRow {
    /// The first of its runs.
    pub id: i64,
    /// What they all do.
    pub run_type: String,
    /// Who wished for them.
    pub triggered_by: String,
    /// How many there are.
    pub runs: i64,
    /// How many of them are queued, running, complete, not complete, failed, cancelled.
    pub by_status: [i64; 6],
    /// When the first was entered.
    pub queued_at: String,
    /// When the first was claimed; empty before.
    pub started_at: String,
    /// When the last that is over ended; empty before.
    pub finished_at: String,
    /// Messages in a bucket.
    pub messages_done: i64,
    /// Messages listed.
    pub messages_total: i64,
    /// Octets appended.
    pub bytes_done: i64,
}

fn pass(row: &Row) -> Result<PassRow> {
    Ok(PassRow {
        id: row.int(0)?,
        run_type: row.text(1)?,
        triggered_by: row.text(2)?,
        runs: row.int(3)?,
        by_status: [row.int(4)?, row.int(5)?, row.int(6)?, row.int(7)?, row.int(8)?, row.int(9)?],
        queued_at: row.text(10)?,
        started_at: row.text(11)?,
        finished_at: row.text(12)?,
        messages_done: row.int(13)?,
        messages_total: row.int(14)?,
        bytes_done: row.int(15)?,
    })
}

impl Store {
    /// Passes of a job, the newest first: those with a run of this status and type, where they are not empty, that
    /// began before the run `before`, where it is not 0.
    ///
    /// # Errors
    /// What the database says.
    pub async fn passes(
        &self,
        reach: &Reach,
        job: i64,
        (status, run_type): (&str, &str),
        before: i64,
        rows: i64,
    ) -> Result<Vec<PassRow>> {
        let binds = reached(reach, binds![job, status, run_type, before, rows]);
        let mut found = Vec::new();
        for row in self.all("reading passes", KEYS, binds).await? {
            let binds = reached(reach, binds![job, row.str(0)?]);
            let row = self.one("adding up a pass", PASS, binds).await?;
            // Its runs may have gone with their mailbox between the two looks.
            found.extend(row.as_ref().map(pass).transpose()?.filter(|pass| pass.runs > 0));
        }
        Ok(found)
    }

    /// How many of them there are.
    ///
    /// # Errors
    /// What the database says.
    pub async fn passes_count(
        &self,
        reach: &Reach,
        job: i64,
        (status, run_type): (&str, &str),
    ) -> Result<i64> {
        let binds = reached(reach, binds![job, status, run_type]);
        self.one("counting passes", PASSES_COUNT, binds).await?.map_or(Ok(0), |row| row.int(0))
    }

    /// Runs of the pass that a run of a job belongs to, oldest first, after one of them, and how many there are; of
    /// this status alone, where it is not empty. None where the job has no such run.
    ///
    /// # Errors
    /// What the database says.
    pub async fn pass_runs(
        &self,
        reach: &Reach,
        (job, run_id): (i64, i64),
        status: &str,
        (after, rows): (i64, i64),
    ) -> Result<Option<(Vec<RunRow>, i64)>> {
        let key = self.one("looking for a pass", KEY_OF, reached(reach, binds![job, run_id])).await?;
        let Some(key) = key else { return Ok(None) };
        let key = key.str(0)?;
        let found =
            self.all("reading a pass", RUNS, reached(reach, binds![job, key, status, after, rows])).await?;
        let count = self.one("counting a pass", RUNS_COUNT, reached(reach, binds![job, key, status])).await?;
        let count = count.map_or(Ok(0), |row| row.int(0))?;
        Ok(Some((found.iter().map(run).collect::<Result<_>>()?, count)))
    }

    /// The first steps of a run, those that went wrong or are at work before the others, and how many it has.
    ///
    /// # Errors
    /// What the database says.
    pub async fn first_steps(&self, run: i64, rows: i64) -> Result<(Vec<StepRow>, i64)> {
        let steps = self.all("reading steps", FIRST_STEPS, binds![run, rows]).await?;
        let count = self.one("counting steps", STEPS_COUNT, binds![run]).await?;
        Ok((steps.iter().map(step).collect::<Result<_>>()?, count.map_or(Ok(0), |row| row.int(0))?))
    }
}
