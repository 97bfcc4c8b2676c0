//! What the first page draws: octets by hour or day, and which schedules are due next.
//! Never counts what the caller may not see.

use super::reach::{Reach, within_reach};
use super::{Result, Row, Store};
use crate::binds;

/// What runs moved, by the hour or day in which they ended, or were heard of last. Binds: reach, from when, letters of
/// a moment that tell its hour or day.
const SERIES: &str = concat!(
    "SELECT substr(COALESCE(NULLIF(run.finished_at, ''), run.updated_at), 1, CAST($6 AS INTEGER)) AS part,
            CAST(COALESCE(SUM(run.bytes_done), 0) AS BIGINT), CAST(COALESCE(SUM(run.messages_done), 0) AS BIGINT)
     FROM migration_runs AS run JOIN migration_jobs AS job ON job.id = run.job_id WHERE ",
    within_reach!("job.tenant_id", "job.id"),
    " AND job.deleted_at = '' AND run.updated_at >= $5 GROUP BY part ORDER BY part"
);
/// Schedules that fire and enter something, the next first. Binds: reach, rows, types of runs with the phases in which
/// schedules enter them, as `,delta:delta_sync,`.
const NEXT: &str = concat!(
    "SELECT job.id, job.domain, its.next_due_ms, its.run_type
     FROM schedules AS its JOIN migration_jobs AS job ON job.schedule_id = its.id WHERE ",
    within_reach!("job.tenant_id", "job.id"),
    " AND job.deleted_at = '' AND job.is_paused = 0 AND its.is_enabled = 1 AND its.next_due_ms > 0
      AND $6 LIKE '%,' || its.run_type || ':' || job.phase || ',%' ORDER BY its.next_due_ms, job.id LIMIT $5"
);

/// Every query of this file, for the test that prepares them.
pub const QUERIES: &[&str] = &[SERIES, NEXT];

/// A part of the time, and what was moved in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The beginning of its moments: `2027-01-31T12` or `2027-01-31`.
    pub part: String,
    /// Octets.
    pub bytes: i64,
    /// Messages.
    pub messages: i64,
}

/// A schedule that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// Of this job.
    pub job_id: i64,
    /// Of this domain.
    pub domain: String,
    /// When, in milliseconds since 1970.
    pub due_ms: i64,
    /// What it enters.
    pub run_type: String,
}

impl Store {
    /// What was moved since a moment, by parts of so many letters; parts in which nothing was are left out.
    ///
    /// # Errors
    /// What the database says.
    pub async fn moved_since(&self, reach: &Reach, since: &str, letters: i64) -> Result<Vec<Moved>> {
        let mut binds = reach.binds();
        binds.extend(binds![since, letters]);
        let read = |row: &Row| Ok(Moved { part: row.text(0)?, bytes: row.int(1)?, messages: row.int(2)? });
        self.all("adding up what was moved", SERIES, binds).await?.iter().map(read).collect()
    }

    /// The schedules that are due next, of jobs in a phase in which they enter something: `entered` holds the types of
    /// runs with their phases, as `,delta:delta_sync,`.
    ///
    /// # Errors
    /// What the database says.
    pub async fn due_next(&self, reach: &Reach, rows: i64, entered: &str) -> Result<Vec<Next>> {
        let mut binds = reach.binds();
        binds.extend(binds![rows, entered]);
        let read = |row: &Row| {
            Ok(Next {
                job_id: row.int(0)?,
                domain: row.text(1)?,
                due_ms: row.int(2)?,
                run_type: row.text(3)?,
            })
        };
        self.all("reading what is due next", NEXT, binds).await?.iter().map(read).collect()
    }
}
