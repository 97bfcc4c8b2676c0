//! What a job's report tells, as rows, and what is looked for across jobs: contexts, runs as a tree, log lines.
//! Never sums up: the report does.

use serde::Serialize;
use serde_json::Value;

use super::reach::{Reach, within_reach};
use super::row::Bind;
use super::{Result, Row, Store};
use crate::binds;

/// Binds: job.
const BOXES: &str = "
    SELECT box.id, box.email, box.source_type, box.status, box.enabled, box.excluded_reason, box.has_scan,
           box.messages_source, box.messages_dest, box.messages_matched, box.messages_missing, box.messages_pending,
           box.messages_quarantined, box.messages_acknowledged, box.messages_filtered, box.messages_vanished,
           box.bytes_source, box.bytes_dest, box.last_scan_at, box.last_delta_at, box.last_delta_status,
           box.source_login_ok_at, box.dest_login_ok_at, box.error_class, COALESCE(box.last_error, '')
    FROM migration_mailboxes AS box WHERE box.job_id = $1 AND ($2 = 0 OR box.id = $2) ORDER BY box.id LIMIT $3";
/// Binds: job, mailbox or 0, rows.
const FOLDERS: &str = "
    SELECT folder.mailbox_id, folder.source_path, folder.dest_path, folder.role, folder.is_renamed, folder.is_gone,
           folder.messages_source, folder.messages_dest, folder.messages_matched, folder.messages_missing,
           folder.messages_pending, folder.messages_quarantined, folder.messages_acknowledged,
           folder.messages_filtered, folder.messages_vanished, folder.bytes_dest, folder.uidvalidity,
           folder.uidvalidity_changes, folder.last_scan_at
    FROM mailbox_folders AS folder JOIN migration_mailboxes AS box ON box.id = folder.mailbox_id
    WHERE box.job_id = $1 AND ($2 = 0 OR box.id = $2) ORDER BY folder.mailbox_id, folder.source_path LIMIT $3";
/// Binds: job, mailbox or 0, rows.
const ITEMS: &str = "
    SELECT item.mailbox_id, item.folder_path, item.source_ref, item.size_bytes, item.reason, item.status,
           item.attempts, COALESCE(ack.actor, ''), COALESCE(ack.reason, ''), COALESCE(ack.note, ''),
           COALESCE(ack.at, '')
    FROM quarantine_items AS item
    LEFT JOIN quarantine_acknowledgements AS ack ON ack.item_id = item.id AND ack.revoked_at = ''
    WHERE item.job_id = $1 AND ($2 = 0 OR item.mailbox_id = $2) AND item.status <> 'resolved'
    ORDER BY item.id LIMIT $3";
/// Binds: job, mailbox or 0.
const RUNS: &str = "
    SELECT run.id, COALESCE(run.mailbox_id, 0), run.run_type, run.status, run.started_at,
           COALESCE(run.finished_at, ''), run.triggered_by, run.error_class, run.attempts, run.messages_done,
           run.bytes_done, COALESCE(run.exit_code, 0)
    FROM migration_runs AS run WHERE run.job_id = $1 AND ($2 = 0 OR run.mailbox_id = $2) ORDER BY run.id LIMIT $3";

/// Runs that are over, the latest first. Binds: job, rows.
const ENDED: &str = "
    SELECT run_type, status, triggered_by, error_class, finished_at FROM migration_runs
    WHERE job_id = $1 AND COALESCE(finished_at, '') <> '' ORDER BY id DESC LIMIT $2";

/// Contexts that a caller may see. Binds: reach, after id, rows, word.
const CONTEXTS: &str = "
    SELECT its.id, its.tenant_id, its.address, COALESCE(its.source_endpoint_id, ''), its.status, its.runs_total,
           its.runs_succeeded, its.runs_failed, its.messages_copied, its.bytes_copied,
           COALESCE(its.current_run_id, 0), COALESCE(its.last_successful_run_id, 0), its.created_at, its.updated_at
     FROM mailbox_contexts AS its WHERE ($1 = 1 OR $2 LIKE '%,' || CAST(its.tenant_id AS TEXT) || ',%')
       AND $3 LIKE ',%' AND $4 NOT LIKE '%,t' || CAST(its.tenant_id AS TEXT) || ',%'
       AND ($5 = '' OR its.id = $5) AND its.id > $6 AND ($8 = '' OR lower(its.address) LIKE $8 ESCAPE '\\')
     ORDER BY its.id LIMIT $7";
/// What changed in a context. Binds: context, rows.
const CHANGES: &str = "
    SELECT COALESCE(its.run_id, 0), its.run_type, COALESCE(folder.source_path, ''), its.items_changed, its.bytes,
           its.duration_ms, its.success, its.at
    FROM change_history AS its LEFT JOIN mailbox_folders AS folder ON folder.id = its.folder_id
    WHERE its.context_id = $1 ORDER BY its.id DESC LIMIT $2";
/// Log lines that a caller may see, oldest first. Binds: reach, job or 0, run or 0, level, word, after id, rows.
const LINES: &str = concat!(
    "SELECT line.id, COALESCE(line.job_id, 0), COALESCE(line.run_id, 0), line.level, line.event, line.message, line.at
     FROM run_log_events AS line JOIN migration_jobs AS job ON job.id = line.job_id
     WHERE ",
    within_reach!("job.tenant_id", "job.id"),
    " AND job.deleted_at = '' AND ($5 = 0 OR line.job_id = $5) AND ($6 = 0 OR line.run_id = $6)
      AND ($7 = '' OR line.level = $7) AND ($8 = '' OR lower(line.message) LIKE $8 ESCAPE '\\') AND line.id > $9
      ORDER BY line.id LIMIT $10"
);

macro_rules! rows {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize)]
        #[expect(missing_docs, reason = "each field is the column of its name in the data model")]
        pub struct $name { $(pub $field: rows!(@$kind)),+ }

        impl $name {
            fn read(row: &Row) -> Result<Self> {
                let mut place = 0_usize;
                let mut next = || { place += 1; place - 1 };
                Ok(Self { $($field: row.$kind(next())?),+ })
            }
        }
    };
    (@text) => { String };
    (@int) => { i64 };
    (@count) => { u64 };
    (@flag) => { bool };
}

rows!(
    /// A mailbox in a report.
    ReportBox {
        mailbox_id: int, email: text, source_type: text, status: text, enabled: flag, excluded_reason: text,
        has_scan: flag, eligible: count, destination_messages: count, matched: count, missing: count, pending: count,
        quarantine_open: count, quarantine_acknowledged: count, filtered: count, vanished: count,
        bytes_source: count, bytes_dest: count, last_scan_at: text, last_delta_at: text, last_delta_status: text,
        source_login_ok_at: text, dest_login_ok_at: text, error_class: text, last_error: text,
    }
);
rows!(
    /// A folder in a report.
    ReportFolder {
        mailbox_id: int, source_path: text, dest_path: text, role: text, is_renamed: flag, is_gone: flag,
        eligible: count, destination_messages: count, matched: count, missing: count, pending: count,
        quarantine_open: count, quarantine_acknowledged: count, filtered: count, vanished: count, bytes_dest: count,
        uidvalidity: count, uidvalidity_changes: count, last_scan_at: text,
    }
);
rows!(
    /// A quarantined message in a report.
    ReportItem {
        mailbox_id: int, folder: text, source_ref: text, size_bytes: count, reason: text, status: text,
        attempts: count, acknowledged_by: text, acknowledged_reason: text, note: text, acknowledged_at: text,
    }
);
rows!(
    /// A run in a report.
    ReportRun {
        run_id: int, mailbox_id: int, run_type: text, status: text, started_at: text, finished_at: text,
        triggered_by: text, error_class: text, attempts: count, messages_done: count, bytes_done: count,
        exit_code: int,
    }
);
rows!(
    /// The history of one address.
    ContextRow {
        id: text, tenant_id: int, address: text, source_endpoint_id: text, status: text, runs_total: count,
        runs_succeeded: count, runs_failed: count, messages_copied: count, bytes_copied: count, current_run_id: int,
        last_successful_run_id: int, created_at: text, updated_at: text,
    }
);
rows!(
    /// What one run changed in one folder.
    ChangeRow {
        run_id: int, run_type: text, folder: text, items_changed: count, bytes: count, duration_ms: int,
        success: flag, at: text,
    }
);
rows!(
    /// A line of a run's log.
    LineRow { id: int, job_id: int, run_id: int, level: text, event: text, message: text, at: text }
);

/// Everything of a job that a report is made of.
pub struct ReportRows {
    /// Its mailboxes.
    pub boxes: Vec<ReportBox>,
    /// Their folders.
    pub folders: Vec<ReportFolder>,
    /// What is quarantined.
    pub items: Vec<ReportItem>,
    /// Every run.
    pub runs: Vec<ReportRun>,
}

/// What is looked for among log lines.
#[derive(Debug, Clone, Default)]
pub struct LineFilter {
    /// 0: every job.
    pub job: i64,
    /// 0: every run.
    pub run: i64,
    /// Empty: every level.
    pub level: String,
    /// Part of the words, in small letters, as LIKE takes it; empty: any.
    pub like: String,
}

fn reached(reach: &Reach, more: Vec<Bind>) -> Vec<Bind> {
    let mut binds = reach.binds();
    binds.extend(more);
    binds
}

impl Store {
    /// What a report is made of: a whole job's, or one mailbox's. At most `rows` of each kind. The caller has been
    /// shown to reach the job.
    ///
    /// # Errors
    /// What the database says.
    pub async fn report_rows(&self, job: i64, mailbox: i64, rows: i64) -> Result<ReportRows> {
        let asked = || binds![job, mailbox, rows];
        let boxes = self.all("reading mailboxes for a report", BOXES, asked()).await?;
        let folders = self.all("reading folders for a report", FOLDERS, asked()).await?;
        let items = self.all("reading quarantine for a report", ITEMS, asked()).await?;
        let runs = self.all("reading runs for a report", RUNS, asked()).await?;
        Ok(ReportRows {
            boxes: boxes.iter().map(ReportBox::read).collect::<Result<_>>()?,
            folders: folders.iter().map(ReportFolder::read).collect::<Result<_>>()?,
            items: items.iter().map(ReportItem::read).collect::<Result<_>>()?,
            runs: runs.iter().map(ReportRun::read).collect::<Result<_>>()?,
        })
    }

    /// Runs of a job that are over: type, status, who, class of error, when.
    ///
    /// # Errors
    /// What the database says.
    pub async fn ended_runs(&self, job: i64, rows: i64) -> Result<Vec<[String; 5]>> {
        let read = |row: &Row| Ok([row.text(0)?, row.text(1)?, row.text(2)?, row.text(3)?, row.text(4)?]);
        self.all("reading ended runs", ENDED, binds![job, rows]).await?.iter().map(read).collect()
    }

    /// Histories of addresses: one, or those after an id.
    ///
    /// # Errors
    /// What the database says.
    pub async fn contexts(
        &self,
        reach: &Reach,
        (id, after): (&str, &str),
        rows: i64,
        like: &str,
    ) -> Result<Vec<ContextRow>> {
        let binds = reached(reach, binds![id, after, rows, like]);
        self.all("reading contexts", CONTEXTS, binds).await?.iter().map(ContextRow::read).collect()
    }

    /// What changed in a context, newest first. The caller has been shown to reach it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn changes(&self, context: &str, rows: i64) -> Result<Vec<ChangeRow>> {
        self.all("reading changes", CHANGES, binds![context, rows])
            .await?
            .iter()
            .map(ChangeRow::read)
            .collect()
    }

    /// Log lines after one of them.
    ///
    /// # Errors
    /// What the database says.
    pub async fn lines(
        &self,
        reach: &Reach,
        wanted: &LineFilter,
        after: i64,
        rows: i64,
    ) -> Result<Vec<LineRow>> {
        let more = binds![wanted.job, wanted.run, &wanted.level, &wanted.like, after, rows];
        self.all("reading log lines", LINES, reached(reach, more)).await?.iter().map(LineRow::read).collect()
    }
}

/// A word as LIKE takes it: anywhere, in small letters, and nothing in it is a wildcard; empty for an empty word.
pub fn like(word: &str) -> String {
    if word.is_empty() {
        return String::new();
    }
    let mut pattern = String::from("%");
    for letter in word.to_lowercase().chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern + "%"
}

/// A row as JSON; what cannot be written is nothing, which no row of these is.
pub fn json<T: Serialize>(row: &T) -> Value {
    serde_json::to_value(row).unwrap_or_default()
}
