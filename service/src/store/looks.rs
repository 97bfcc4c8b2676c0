//! Runs, their logs and steps, and quarantined messages as people see them, as rows.
//! Never tells of a run of another tenant: each query takes the caller's reach first.

use super::jobs::reached;
use super::order::{Order, by};
use super::reach::{Reach, within_reach};
use super::{Bind, Result, Row, Store, Transaction};
use crate::binds;

macro_rules! run_columns {
    () => {
        "run.id, run.job_id, COALESCE(run.mailbox_id, 0), run.run_type, run.tool, run.status, run.exit_code, \
         run.log_path, run.stats_json, run.started_at, COALESCE(run.finished_at, ''), run.triggered_by, \
         run.queued_at, run.progress_percent, run.current_operation, run.messages_done, run.messages_total, \
         run.bytes_done, run.bytes_total, run.rate_bps, run.eta_seconds, run.error_class, run.error_details, \
         run.attempts, run.cancel_requested, run.report_json, \
         COALESCE((SELECT box.email FROM migration_mailboxes AS box WHERE box.id = run.mailbox_id), '')"
    };
}
pub(super) use run_columns;
macro_rules! runs_wanted {
    () => {
        concat!(
            " FROM migration_runs AS run JOIN migration_jobs AS job ON job.id = run.job_id
             WHERE ",
            within_reach!("job.tenant_id", "job.id"),
            " AND job.deleted_at = '' AND run.job_id = $5 AND ($6 = 0 OR run.mailbox_id = $6)
              AND ($7 = '' OR run.status = $7) AND ($8 = '' OR run.run_type = $8)"
        )
    };
}
macro_rules! runs {
    () => {
        concat!("SELECT ", run_columns!(), runs_wanted!())
    };
}

/// What runs can be sorted by.
pub const RUN_SORTS: [&str; 5] = ["id", "run_type", "status", "started_at", "finished_at"];
/// One for each of these. Binds: reach, job, mailbox, status, type, order.
pub const RUNS: [[&str; 2]; 5] = [
    by!(runs, "run.id", "run.id", ["$9", "CAST($10 AS BIGINT)", "$11", "$12"]),
    by!(runs, "run.run_type", "run.id", ["$9", "$10", "$11", "$12"]),
    by!(runs, "run.status", "run.id", ["$9", "$10", "$11", "$12"]),
    by!(runs, "run.started_at", "run.id", ["$9", "$10", "$11", "$12"]),
    by!(runs, "COALESCE(run.finished_at, '')", "run.id", ["$9", "$10", "$11", "$12"]),
];
/// Binds: reach, id.
const RUN: &str = concat!(
    "SELECT ",
    run_columns!(),
    " FROM migration_runs AS run JOIN migration_jobs AS job ON job.id = run.job_id
     WHERE ",
    within_reach!("job.tenant_id", "job.id"),
    " AND job.deleted_at = '' AND run.id = $5"
);
/// Binds: reach, job, mailbox, status, type.
const RUNS_COUNT: &str = concat!("SELECT COUNT(*)", runs_wanted!());
/// Binds: run.
const STEPS: &str = "
    SELECT sequence, name, status, messages_done, messages_total, bytes_done, detail, started_at, finished_at
    FROM run_steps WHERE run_id = $1 ORDER BY sequence LIMIT 20000";
/// Binds: run, after id, rows, level or empty.
const LOG: &str = "
    SELECT id, COALESCE(run_id, 0), level, event, message, attributes_json, at FROM run_log_events
    WHERE run_id = $1 AND id > $2 AND ($4 = '' OR level = $4) ORDER BY id LIMIT $3";
/// Binds: job, after id, rows.
const EVENTS: &str = "
    SELECT id, COALESCE(run_id, 0), level, event, message, attributes_json, at FROM run_log_events
    WHERE job_id = $1 AND id > $2 ORDER BY id LIMIT $3";
/// Binds: job.
const LAST_EVENT: &str = "SELECT COALESCE(MAX(id), 0) FROM run_log_events WHERE job_id = $1";

macro_rules! item_columns {
    () => {
        "item.id, item.job_id, item.mailbox_id, COALESCE(item.run_id, 0), item.folder_path, item.source_ref, \
         item.size_bytes, item.reason, item.detail, item.attempts, item.status, item.is_archive, item.created_at, \
         item.updated_at, item.version, item.file, \
         COALESCE((SELECT box.source_type FROM migration_mailboxes AS box WHERE box.id = item.mailbox_id), ''), \
         COALESCE((SELECT box.email FROM migration_mailboxes AS box WHERE box.id = item.mailbox_id), '')"
    };
}
macro_rules! items_wanted {
    () => {
        concat!(
            " FROM quarantine_items AS item JOIN migration_jobs AS job ON job.id = item.job_id
             WHERE ",
            within_reach!("job.tenant_id", "job.id"),
            " AND job.deleted_at = '' AND item.job_id = $5 AND ($6 = '' OR item.status = $6)
              AND ($7 = 0 OR item.mailbox_id = $7)"
        )
    };
}
macro_rules! items {
    () => {
        concat!("SELECT ", item_columns!(), items_wanted!())
    };
}

/// What quarantined messages can be sorted by.
pub const ITEM_SORTS: [&str; 6] = ["id", "folder_path", "size_bytes", "reason", "status", "updated_at"];
/// One for each of these. Binds: reach, job, status, mailbox, order.
pub const ITEMS: [[&str; 2]; 6] = [
    by!(items, "item.id", "item.id", ["$8", "CAST($9 AS BIGINT)", "$10", "$11"]),
    by!(items, "item.folder_path", "item.id", ["$8", "$9", "$10", "$11"]),
    by!(items, "item.size_bytes", "item.id", ["$8", "CAST($9 AS BIGINT)", "$10", "$11"]),
    by!(items, "item.reason", "item.id", ["$8", "$9", "$10", "$11"]),
    by!(items, "item.status", "item.id", ["$8", "$9", "$10", "$11"]),
    by!(items, "item.updated_at", "item.id", ["$8", "$9", "$10", "$11"]),
];
/// Binds: reach, id.
const ITEM: &str = concat!(
    "SELECT ",
    item_columns!(),
    " FROM quarantine_items AS item JOIN migration_jobs AS job ON job.id = item.job_id
     WHERE ",
    within_reach!("job.tenant_id", "job.id"),
    " AND job.deleted_at = '' AND item.id = $5"
);
/// The worker that met a quarantined message last, and its machine, while it is there. Binds: item.
const WORKER_OF_ITEM: &str = "
    SELECT run.worker_id, COALESCE(worker.host, '') FROM quarantine_items AS item
    JOIN migration_runs AS run ON run.id = item.run_id LEFT JOIN workers AS worker ON worker.id = run.worker_id
    WHERE item.id = $1 AND run.worker_id <> ''";
/// Binds: reach, job, status, mailbox.
const ITEMS_COUNT: &str = concat!("SELECT COUNT(*)", items_wanted!());
/// Binds: id, status, from status.
const MARK: &str = "
    UPDATE quarantine_items SET status = $2, version = version + 1 WHERE id = $1 AND status = $3";
/// Binds: item, actor, reason, note.
const ACK: &str = "
    INSERT INTO quarantine_acknowledgements (item_id, actor, reason, note) VALUES ($1, $2, $3, $4)";
/// Jobs by phase, gate; mailboxes by status; runs by status; open items. Binds: reach.
const BY_PHASE: &str = concat!(
    "SELECT job.phase, job.migration_gate, COUNT(*) FROM migration_jobs AS job WHERE ",
    within_reach!("job.tenant_id", "job.id"),
    " AND job.deleted_at = '' GROUP BY job.phase, job.migration_gate"
);
/// Binds: reach.
const BY_STATUS: &str = concat!(
    "SELECT box.status, COUNT(*), CAST(COALESCE(SUM(box.messages_matched), 0) AS BIGINT) FROM migration_mailboxes AS box
     JOIN migration_jobs AS job ON job.id = box.job_id WHERE ",
    within_reach!("job.tenant_id", "job.id"), " AND job.deleted_at = '' GROUP BY box.status"
);
/// What runs did since a moment. Binds: reach, since.
const WORK: &str = concat!(
    "SELECT run.status, run.error_class, COUNT(*), CAST(COALESCE(SUM(run.messages_done), 0) AS BIGINT),
            CAST(COALESCE(SUM(run.bytes_done), 0) AS BIGINT)
     FROM migration_runs AS run JOIN migration_jobs AS job ON job.id = run.job_id WHERE ",
    within_reach!("job.tenant_id", "job.id"),
    " AND job.deleted_at = '' AND run.updated_at >= $5 GROUP BY run.status, run.error_class"
);
/// Binds: reach.
const OPEN_ITEMS: &str = concat!(
    "SELECT COUNT(*) FROM quarantine_items AS item JOIN migration_jobs AS job ON job.id = item.job_id WHERE ",
    within_reach!("job.tenant_id", "job.id"),
    " AND job.deleted_at = '' AND item.status = 'open'"
);
const WORKERS: &str = "
    SELECT id, host, capacity, runs_now, runs_done, is_stopping, started_ms, seen_ms FROM workers
    ORDER BY id LIMIT 500";

/// Every query of this file, for the test that prepares them.
pub const QUERIES: &[&str] = &[
    RUN,
    RUNS_COUNT,
    STEPS,
    LOG,
    EVENTS,
    LAST_EVENT,
    ITEM,
    ITEMS_COUNT,
    WORKER_OF_ITEM,
    MARK,
    ACK,
    BY_PHASE,
    BY_STATUS,
    WORK,
    OPEN_ITEMS,
    WORKERS,
];

/// A run as people see it.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each field is the column of its name in migration_runs")]
pub struct RunRow {
    pub id: i64,
    pub job_id: i64,
    pub mailbox_id: i64,
    pub run_type: String,
    pub tool: String,
    pub status: String,
    pub exit_code: Option<i64>,
    pub log_path: String,
    pub stats_json: String,
    pub started_at: String,
    pub finished_at: String,
    pub triggered_by: String,
    pub queued_at: String,
    pub progress_percent: f64,
    pub current_operation: String,
    pub messages_done: i64,
    pub messages_total: i64,
    pub bytes_done: i64,
    pub bytes_total: i64,
    pub rate_bps: i64,
    pub eta_seconds: i64,
    pub error_class: String,
    pub error_details: String,
    pub attempts: i64,
    pub cancel_requested: bool,
    pub report_json: String,
    /// Its mailbox's address; empty for a run of the whole job.
    pub email: String,
}

pub(super) fn run(row: &Row) -> Result<RunRow> {
    Ok(RunRow {
        id: row.int(0)?,
        job_id: row.int(1)?,
        mailbox_id: row.int(2)?,
        run_type: row.text(3)?,
        tool: row.text(4)?,
        status: row.text(5)?,
        exit_code: row.int_or_null(6)?,
        log_path: row.text(7)?,
        stats_json: row.text(8)?,
        started_at: row.text(9)?,
        finished_at: row.text(10)?,
        triggered_by: row.text(11)?,
        queued_at: row.text(12)?,
        progress_percent: row.real(13)?,
        current_operation: row.text(14)?,
        messages_done: row.int(15)?,
        messages_total: row.int(16)?,
        bytes_done: row.int(17)?,
        bytes_total: row.int(18)?,
        rate_bps: row.int(19)?,
        eta_seconds: row.int(20)?,
        error_class: row.text(21)?,
        error_details: row.text(22)?,
        attempts: row.int(23)?,
        cancel_requested: row.flag(24)?,
        report_json: row.text(25)?,
        email: row.text(26)?,
    })
}

/// A step of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the column of its name in run_steps")]
pub struct StepRow {
    pub sequence: i64,
    pub name: String,
    pub status: String,
    pub messages_done: i64,
    pub messages_total: i64,
    pub bytes_done: i64,
    pub detail: String,
    pub started_at: String,
    pub finished_at: String,
}

pub(super) fn step(row: &Row) -> Result<StepRow> {
    Ok(StepRow {
        sequence: row.int(0)?,
        name: row.text(1)?,
        status: row.text(2)?,
        messages_done: row.int(3)?,
        messages_total: row.int(4)?,
        bytes_done: row.int(5)?,
        detail: row.text(6)?,
        started_at: row.text(7)?,
        finished_at: row.text(8)?,
    })
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the column of its name in run_log_events")]
pub struct EventRow {
    pub id: i64,
    pub run_id: i64,
    pub level: String,
    pub event: String,
    pub message: String,
    pub attributes_json: String,
    pub at: String,
}

fn event(row: &Row) -> Result<EventRow> {
    Ok(EventRow {
        id: row.int(0)?,
        run_id: row.int(1)?,
        level: row.text(2)?,
        event: row.text(3)?,
        message: row.text(4)?,
        attributes_json: row.text(5)?,
        at: row.text(6)?,
    })
}

/// A quarantined message, without what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the column of its name in quarantine_items")]
pub struct ItemRow {
    pub id: i64,
    pub job_id: i64,
    pub mailbox_id: i64,
    pub run_id: i64,
    pub folder_path: String,
    pub source_ref: String,
    pub size_bytes: i64,
    pub reason: String,
    pub detail: String,
    pub attempts: i64,
    pub status: String,
    pub is_archive: bool,
    pub created_at: String,
    pub updated_at: String,
    pub version: i64,
    pub file: String,
    /// Of its mailbox.
    pub source_type: String,
    /// Its mailbox's address.
    pub email: String,
}

fn item(row: &Row) -> Result<ItemRow> {
    Ok(ItemRow {
        id: row.int(0)?,
        job_id: row.int(1)?,
        mailbox_id: row.int(2)?,
        run_id: row.int(3)?,
        folder_path: row.text(4)?,
        source_ref: row.text(5)?,
        size_bytes: row.int(6)?,
        reason: row.text(7)?,
        detail: row.text(8)?,
        attempts: row.int(9)?,
        status: row.text(10)?,
        is_archive: row.flag(11)?,
        created_at: row.text(12)?,
        updated_at: row.text(13)?,
        version: row.int(14)?,
        file: row.text(15)?,
        source_type: row.text(16)?,
        email: row.text(17)?,
    })
}

/// A worker.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the column of its name in workers")]
pub struct WorkerRow {
    pub id: String,
    pub host: String,
    pub capacity: i64,
    pub runs_now: i64,
    pub runs_done: i64,
    pub is_stopping: bool,
    pub started_ms: i64,
    pub seen_ms: i64,
}

/// Which runs; 0 and empty: any.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Of this mailbox.
    pub mailbox_id: i64,
    /// So far.
    pub status: String,
    /// Of this kind.
    pub run_type: String,
}

impl RunFilter {
    fn binds(&self, reach: &Reach, job: i64) -> Vec<Bind> {
        reached(reach, binds![job, self.mailbox_id, &self.status, &self.run_type])
    }
}

impl Store {
    /// A job's runs in an order.
    pub async fn run_rows(
        &self,
        reach: &Reach,
        job: i64,
        wanted: &RunFilter,
        order: &Order,
    ) -> Result<Vec<RunRow>> {
        let mut binds = wanted.binds(reach, job);
        binds.extend(order.binds());
        self.all("reading runs", order.of(&RUNS), binds).await?.iter().map(run).collect()
    }

    /// How many of them there are.
    pub async fn runs_count(&self, reach: &Reach, job: i64, wanted: &RunFilter) -> Result<i64> {
        let row = self.one("counting runs", RUNS_COUNT, wanted.binds(reach, job)).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    /// A run that the caller may see.
    pub async fn run_row(&self, reach: &Reach, id: i64) -> Result<Option<RunRow>> {
        self.one("reading a run", RUN, reached(reach, binds![id])).await?.as_ref().map(run).transpose()
    }

    /// A run's steps.
    pub async fn step_rows(&self, run: i64) -> Result<Vec<StepRow>> {
        self.all("reading steps", STEPS, binds![run]).await?.iter().map(step).collect()
    }

    /// A run's events after one.
    pub async fn run_log(&self, run: i64, after: i64, rows: i64, level: &str) -> Result<Vec<EventRow>> {
        self.all("reading a log", LOG, binds![run, after, rows, level]).await?.iter().map(event).collect()
    }

    /// A job's events after one.
    pub async fn job_events(&self, job: i64, after: i64, rows: i64) -> Result<Vec<EventRow>> {
        self.all("reading events", EVENTS, binds![job, after, rows]).await?.iter().map(event).collect()
    }

    /// The newest event of a job; 0: none.
    pub async fn last_event(&self, job: i64) -> Result<i64> {
        self.one("reading events", LAST_EVENT, binds![job]).await?.map_or(Ok(0), |row| row.int(0))
    }

    /// A job's quarantined messages in an order; empty and 0: any status, any mailbox.
    pub async fn items(
        &self,
        reach: &Reach,
        job: i64,
        (status, mailbox): (&str, i64),
        order: &Order,
    ) -> Result<Vec<ItemRow>> {
        let mut binds = reached(reach, binds![job, status, mailbox]);
        binds.extend(order.binds());
        let rows = self.all("reading quarantined messages", order.of(&ITEMS), binds).await?;
        rows.iter().map(item).collect()
    }

    /// How many of them there are.
    pub async fn items_count(&self, reach: &Reach, job: i64, (status, mailbox): (&str, i64)) -> Result<i64> {
        let binds = reached(reach, binds![job, status, mailbox]);
        let row = self.one("counting quarantined messages", ITEMS_COUNT, binds).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    /// The worker that met a quarantined message last, and its machine, empty once it has ended; none where it is not
    /// known.
    pub async fn worker_of_item(&self, item: i64) -> Result<Option<(String, String)>> {
        let row = self.one("looking for a message's worker", WORKER_OF_ITEM, binds![item]).await?;
        row.map(|row| Ok((row.text(0)?, row.text(1)?))).transpose()
    }

    /// A quarantined message of a job that the caller may see.
    pub async fn item(&self, reach: &Reach, id: i64) -> Result<Option<ItemRow>> {
        let row = self.one("reading a quarantined message", ITEM, reached(reach, binds![id])).await?;
        row.as_ref().map(item).transpose()
    }

    /// Jobs by phase and gate.
    pub async fn jobs_by_phase(&self, reach: &Reach) -> Result<Vec<(String, String, i64)>> {
        let rows = self.all("counting jobs", BY_PHASE, reach.binds()).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?, row.int(2)?))).collect()
    }

    /// Mailboxes by status, with their matched messages.
    pub async fn boxes_by_status(&self, reach: &Reach) -> Result<Vec<(String, i64, i64)>> {
        let rows = self.all("counting mailboxes", BY_STATUS, reach.binds()).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.int(1)?, row.int(2)?))).collect()
    }

    /// What runs did since a moment: status, class of error, runs, messages, octets.
    pub async fn work_since(
        &self,
        reach: &Reach,
        since: &str,
    ) -> Result<Vec<(String, String, i64, i64, i64)>> {
        let rows = self.all("counting work", WORK, reached(reach, binds![since])).await?;
        let read = |row: &Row| Ok((row.text(0)?, row.text(1)?, row.int(2)?, row.int(3)?, row.int(4)?));
        rows.iter().map(read).collect()
    }

    /// Quarantined messages that nobody has said a word about.
    pub async fn open_items(&self, reach: &Reach) -> Result<i64> {
        let row = self.one("counting quarantined messages", OPEN_ITEMS, reach.binds()).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    /// Every worker that has said it is there.
    pub async fn worker_rows(&self) -> Result<Vec<WorkerRow>> {
        let read = |row: &Row| {
            Ok(WorkerRow {
                id: row.text(0)?,
                host: row.text(1)?,
                capacity: row.int(2)?,
                runs_now: row.int(3)?,
                runs_done: row.int(4)?,
                is_stopping: row.flag(5)?,
                started_ms: row.int(6)?,
                seen_ms: row.int(7)?,
            })
        };
        self.all("reading workers", WORKERS, binds![]).await?.iter().map(read).collect()
    }
}

impl Transaction {
    /// Marks a quarantined message; false where it is no longer as it was.
    pub async fn mark_item(&mut self, id: i64, to: &str, from: &str) -> Result<bool> {
        Ok(self.run("marking a quarantined message", MARK, binds![id, to, from]).await? > 0)
    }

    /// Writes down who accepted that a message is left out, and why.
    pub async fn acknowledge_item(&mut self, id: i64, actor: &str, reason: &str, note: &str) -> Result<()> {
        self.run("acknowledging a message", ACK, binds![id, actor, reason, note]).await.map(|_| ())
    }
}
