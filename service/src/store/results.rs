//! What a run came to: written in one transaction, by the holder of the fencing token alone.
//! Never counts: the engine's report did.

use std::collections::BTreeMap;

use super::words::{MailboxStatus, RunStatus};
use super::{Fence, Result, Store, Transaction};
use crate::binds;

/// Ends a run. Binds: id, fencing_token, status, exit_code, stats_json, report_json, progress_percent, finished_at,
/// error_class, error_details, messages_done, messages_total, bytes_done.
const FINISH: &str = "
    UPDATE migration_runs
    SET status = $3, exit_code = $4, stats_json = $5, report_json = $6, progress_percent = $7, finished_at = $8,
        error_class = $9, error_details = $10, messages_done = $11, messages_total = $12, bytes_done = $13,
        lease_until_ms = 0, rate_bps = 0, eta_seconds = 0, current_operation = '', last_poll_at = $8
    WHERE id = $1 AND fencing_token = $2 AND status = 'running'";

/// Writes a folder's counts. Binds: mailbox_id, source_path, dest_path, role, is_renamed, messages_source,
/// messages_dest, messages_matched, messages_missing, messages_pending, messages_quarantined, messages_acknowledged,
/// messages_filtered, messages_vanished, bytes_copied, status, last_error, run_id, last_scan_at, change_token,
/// uidvalidity, uidnext, highestmodseq.
const FOLDER: &str = "
    INSERT INTO mailbox_folders (mailbox_id, source_path, dest_path, role, is_renamed, messages_source, messages_dest,
                                 messages_matched, messages_missing, messages_pending, messages_quarantined,
                                 messages_acknowledged, messages_filtered, messages_vanished, bytes_dest, status,
                                 last_error, last_run_id, last_scan_at, change_token, uidvalidity, uidnext,
                                 highestmodseq)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)
    ON CONFLICT (mailbox_id, source_path) DO UPDATE
    SET dest_path = excluded.dest_path, role = excluded.role, is_renamed = excluded.is_renamed,
        messages_source = excluded.messages_source, messages_dest = excluded.messages_dest,
        messages_matched = excluded.messages_matched, messages_missing = excluded.messages_missing,
        messages_pending = excluded.messages_pending, messages_quarantined = excluded.messages_quarantined,
        messages_acknowledged = excluded.messages_acknowledged, messages_filtered = excluded.messages_filtered,
        messages_vanished = excluded.messages_vanished,
        bytes_dest = mailbox_folders.bytes_dest + excluded.bytes_dest,
        status = excluded.status, last_error = excluded.last_error, last_run_id = excluded.last_run_id,
        last_scan_at = excluded.last_scan_at, change_token = excluded.change_token,
        uidvalidity = excluded.uidvalidity, uidnext = excluded.uidnext, highestmodseq = excluded.highestmodseq,
        is_gone = 0
    RETURNING id";

/// With what the last deltas began. Binds: mailbox_id.
const TOKENS: &str = "SELECT source_path, change_token FROM mailbox_folders WHERE mailbox_id = $1";

/// Names a folder that a preflight listed, without counts. Binds: mailbox_id, source_path, dest_path, role,
/// is_renamed, run_id.
const FORESEEN: &str = "
    INSERT INTO mailbox_folders (mailbox_id, source_path, dest_path, role, is_renamed, last_run_id)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (mailbox_id, source_path) DO UPDATE
    SET dest_path = excluded.dest_path, role = excluded.role, is_renamed = excluded.is_renamed,
        last_run_id = excluded.last_run_id, is_gone = 0";

/// Marks the folders that the source no longer lists; their counts count no more. Binds: mailbox_id, run_id.
const GONE: &str = "
    UPDATE mailbox_folders
    SET is_gone = 1, messages_source = 0, messages_matched = 0, messages_missing = 0, messages_pending = 0,
        messages_quarantined = 0, messages_acknowledged = 0, messages_filtered = 0, messages_vanished = 0
    WHERE mailbox_id = $1 AND COALESCE(last_run_id, 0) <> $2 AND is_gone = 0";

/// Writes a mailbox's counts. Binds: id, messages_source, messages_dest, messages_matched, messages_missing,
/// messages_pending, messages_quarantined, messages_acknowledged, messages_filtered, messages_vanished, bytes_copied,
/// sync_percent, has_scan, last_scan_at.
const MAILBOX_COUNTS: &str = "
    UPDATE migration_mailboxes
    SET messages_source = $2, messages_dest = $3, messages_matched = $4, messages_missing = $5, messages_pending = $6,
        messages_quarantined = $7, messages_acknowledged = $8, messages_filtered = $9, messages_vanished = $10,
        bytes_dest = bytes_dest + $11,
        bytes_source = CASE WHEN bytes_source < bytes_dest + $11 THEN bytes_dest + $11 ELSE bytes_source END,
        sync_percent = $12, has_scan = $13, last_scan_at = $14
    WHERE id = $1";

/// Writes how a mailbox stands. Binds: id, status, last_error, error_class, is_ok, is_delta, run_status, now_at.
const MAILBOX_STATUS: &str = "
    UPDATE migration_mailboxes
    SET status = $2, last_error = $3, error_class = $4, eta_seconds = 0, rate_bps = 0,
        last_ok_at = CASE WHEN $5 = 1 THEN $8 ELSE last_ok_at END,
        last_delta_at = CASE WHEN $6 = 1 THEN $8 ELSE last_delta_at END,
        last_delta_status = CASE WHEN $6 = 1 THEN $7 ELSE last_delta_status END
    WHERE id = $1";

/// Writes which logins worked. Binds: id, source_login_ok_at or empty, dest_login_ok_at or empty.
const LOGINS: &str = "
    UPDATE migration_mailboxes
    SET source_login_ok_at = CASE WHEN $2 = '' THEN source_login_ok_at ELSE $2 END,
        dest_login_ok_at = CASE WHEN $3 = '' THEN dest_login_ok_at ELSE $3 END
    WHERE id = $1";

/// Writes how large a mailbox is that was never scanned. Binds: id, messages_source, bytes_source.
const FORESEEN_SIZE: &str = "
    UPDATE migration_mailboxes
    SET messages_source = $2, messages_missing = $2, messages_pending = $2, bytes_source = $3
    WHERE id = $1 AND has_scan = 0";

/// Adds a run to a mailbox's history. Binds: id, run_id, succeeded, failed, copied, bytes.
const CONTEXT: &str = "
    UPDATE mailbox_contexts
    SET runs_total = runs_total + 1, runs_succeeded = runs_succeeded + $3, runs_failed = runs_failed + $4,
        messages_copied = messages_copied + $5, bytes_copied = bytes_copied + $6, current_run_id = NULL,
        last_successful_run_id = CASE WHEN $3 = 1 THEN $2 ELSE last_successful_run_id END,
        status = CASE WHEN $4 = 1 AND status IN ('discovered', 'syncing') THEN 'failed' ELSE status END
    WHERE id = $1";

/// Notes what a run changed in a folder. Binds: context_id, folder_id, run_id, run_type, change_token,
/// previous_change_token, items_changed, bytes, duration_ms, success.
const CHANGE: &str = "
    INSERT INTO change_history (context_id, folder_id, run_id, run_type, change_token, previous_change_token,
                                items_changed, bytes, duration_ms, success)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

/// Writes a quarantined message. Binds: job_id, mailbox_id, run_id, folder_path, source_ref, message_id, size_bytes,
/// reason, detail, file, attempts, is_acknowledged, is_archive.
const QUARANTINE: &str = "
    INSERT INTO quarantine_items (job_id, mailbox_id, run_id, folder_path, source_ref, message_id, size_bytes, reason,
                                  detail, file, attempts, status, is_archive)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, CASE WHEN $12 = 1 THEN 'acknowledged' ELSE 'open' END, $13)
    ON CONFLICT (mailbox_id, folder_path, source_ref) DO UPDATE
    SET run_id = excluded.run_id, message_id = excluded.message_id, size_bytes = excluded.size_bytes,
        reason = excluded.reason, detail = excluded.detail, file = excluded.file, attempts = excluded.attempts,
        status = CASE WHEN quarantine_items.status = 'acknowledged' THEN 'acknowledged' ELSE excluded.status END,
        resolved_at = '', version = quarantine_items.version + 1";

/// Settles what is no longer in quarantine, in a folder that was looked through. Binds: mailbox_id, run_id, now_at.
const RESOLVED: &str = "
    UPDATE quarantine_items SET status = 'resolved', resolved_at = $3, version = version + 1
    WHERE mailbox_id = $1 AND COALESCE(run_id, 0) <> $2 AND status <> 'resolved'";

/// What the operator has acknowledged, for the ledger. Binds: mailbox_id.
const ACKNOWLEDGED: &str = "
    SELECT folder_path, source_ref FROM quarantine_items WHERE mailbox_id = $1 AND status = 'acknowledged'";

/// Counts in the buckets of the gate: eligible E, matched M, and what is missing by why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// E: at the source at the last scan, less what policy leaves out.
    pub source: i64,
    /// All at the destination, whoever put them there.
    pub dest: i64,
    /// M: those of E that are at the destination.
    pub matched: i64,
    /// X = E - M.
    pub missing: i64,
    /// Not settled yet.
    pub pending: i64,
    /// Q: in quarantine, open.
    pub quarantined: i64,
    /// A: in quarantine, acknowledged.
    pub acknowledged: i64,
    /// Left out by policy.
    pub filtered: i64,
    /// Removed at the source by their user meanwhile.
    pub vanished: i64,
}

/// One pair of folders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FolderResult {
    /// At the source, decoded, levels parted by `/`.
    pub source_path: String,
    /// At the destination.
    pub dest_path: String,
    /// `inbox`, `sent` and so on; empty for an ordinary folder.
    pub role: String,
    /// Whether a level of the name was changed.
    pub is_renamed: bool,
    /// What was counted.
    pub counts: Counts,
    /// Appended by this run.
    pub copied: i64,
    /// Octets appended by this run.
    pub bytes_copied: i64,
    /// What the next delta begins with.
    pub change_token: String,
    /// The source's generation, next UID and modification sequence.
    pub uids: (i64, i64, i64),
}

/// One message that was refused or unreadable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QuarantineResult {
    /// At the source, decoded.
    pub folder_path: String,
    /// The UID; the node of a PST.
    pub source_ref: String,
    /// Message-ID.
    pub message_id: String,
    /// Octets.
    pub size_bytes: i64,
    /// Why.
    pub reason: String,
    /// In the server's words, or ours.
    pub detail: String,
    /// Where its octets lie.
    pub file: String,
    /// How often it was tried.
    pub attempts: i64,
    /// Whether the operator has accepted it.
    pub is_acknowledged: bool,
}

/// What a run found of a mailbox.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// Nothing that could be counted: what was known stays.
    Nothing,
    /// What a copy would do.
    Foreseen {
        /// Its folders.
        folders: Vec<FolderResult>,
        /// Messages at the source.
        messages: i64,
        /// Their octets, as far as known.
        bytes: i64,
    },
    /// Every folder, counted.
    Counted {
        /// Its folders.
        folders: Vec<FolderResult>,
        /// All together.
        totals: Counts,
        /// 100·M/E, rounded down to two decimals.
        sync_percent: f64,
        /// Whether nothing kept the scan from being whole: else the counts prove nothing.
        is_whole: bool,
        /// What lies in quarantine.
        quarantine: Vec<QuarantineResult>,
    },
}

/// What a run came to.
#[derive(Debug, Clone)]
pub struct RunResult {
    /// Of which job.
    pub job_id: i64,
    /// On which mailbox.
    pub mailbox_id: i64,
    /// The mailbox's row of history.
    pub context_id: String,
    /// What it did, as a word.
    pub run_type: &'static str,
    /// Whether it brings mail over.
    pub is_copy: bool,
    /// Whether its mail comes from a file.
    pub is_archive: bool,
    /// How it ended.
    pub status: RunStatus,
    /// How the mailbox stands then.
    pub mailbox_status: MailboxStatus,
    /// What `malote copy` would have ended with.
    pub exit_code: i64,
    /// Counters; always with `transferred`, `errors` and `folders`.
    pub stats_json: String,
    /// `malote.report/1` or `malote.plan/1`.
    pub report_json: String,
    /// The first failure: its class and its words; empty for none.
    pub error: (String, String),
    /// Which logins worked: at the source, at the destination.
    pub logins: (bool, bool),
    /// Appended by this run: messages and octets.
    pub copied: (i64, i64),
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
    /// When it ended, RFC 3339.
    pub finished_at: String,
    /// What was found.
    pub found: Found,
}

impl Store {
    /// Writes what a run came to; false, and nothing written, where the run is another worker's by now.
    ///
    /// # Errors
    /// What the database says; it may be tried again, for what stands is not written twice.
    pub async fn finish(&self, fence: Fence, result: &RunResult) -> Result<bool> {
        let mut transaction = self.begin().await?;
        if !end_run(&mut transaction, fence, result).await? {
            return Ok(false);
        }
        match &result.found {
            Found::Nothing => {}
            Found::Foreseen { folders, messages, bytes } => {
                foreseen(&mut transaction, fence, result, folders).await?;
                let size = binds![result.mailbox_id, *messages, *bytes];
                transaction.run("writing a mailbox's size", FORESEEN_SIZE, size).await?;
            }
            Found::Counted { folders, totals, sync_percent, is_whole, quarantine } => {
                counted(&mut transaction, fence, result, folders, *is_whole).await?;
                let counts = mailbox_counts(result, totals, (*sync_percent, *is_whole));
                transaction.run("writing a mailbox's counts", MAILBOX_COUNTS, counts).await?;
                quarantined(&mut transaction, fence, result, quarantine, *is_whole).await?;
            }
        }
        stand(&mut transaction, fence, result).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// What the operator has acknowledged of a mailbox's quarantine: folder and UID or node.
    ///
    /// # Errors
    /// What the database says.
    pub async fn acknowledged(&self, mailbox_id: i64) -> Result<Vec<(String, String)>> {
        let rows = self.all("reading acknowledgements", ACKNOWLEDGED, binds![mailbox_id]).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect()
    }
}

async fn end_run(transaction: &mut Transaction, fence: Fence, result: &RunResult) -> Result<bool> {
    let (done, total, percent) = match &result.found {
        Found::Counted { totals, sync_percent, .. } => (totals.matched, totals.source, *sync_percent),
        Found::Nothing | Found::Foreseen { .. } => {
            (0, 0, if result.error.0.is_empty() { 100.0 } else { 0.0 })
        }
    };
    let binds = binds![
        fence.run_id,
        fence.token,
        result.status.as_str(),
        Some(result.exit_code),
        &result.stats_json,
        &result.report_json,
        percent,
        Some(result.finished_at.as_str()),
        &result.error.0,
        &result.error.1,
        done,
        total,
        result.copied.1,
    ];
    Ok(transaction.run("ending a run", FINISH, binds).await? > 0)
}

async fn foreseen(
    transaction: &mut Transaction,
    fence: Fence,
    result: &RunResult,
    folders: &[FolderResult],
) -> Result<()> {
    for folder in folders {
        let binds = binds![
            result.mailbox_id,
            &folder.source_path,
            &folder.dest_path,
            &folder.role,
            folder.is_renamed,
            Some(fence.run_id),
        ];
        transaction.run("naming a folder", FORESEEN, binds).await?;
    }
    Ok(())
}

async fn counted(
    transaction: &mut Transaction,
    fence: Fence,
    result: &RunResult,
    folders: &[FolderResult],
    is_whole: bool,
) -> Result<()> {
    let mut previous = BTreeMap::new();
    for row in transaction.all("reading change tokens", TOKENS, binds![result.mailbox_id]).await? {
        previous.insert(row.text(0)?, row.text(1)?);
    }
    for folder in folders {
        let counts = &folder.counts;
        let status = match counts {
            _ if counts.pending > 0 => MailboxStatus::Error,
            _ if counts.quarantined > 0 => MailboxStatus::Quarantine,
            _ => MailboxStatus::Ok,
        };
        let binds = binds![
            result.mailbox_id,
            &folder.source_path,
            &folder.dest_path,
            &folder.role,
            folder.is_renamed,
            counts.source,
            counts.dest,
            counts.matched,
            counts.missing,
            counts.pending,
            counts.quarantined,
            counts.acknowledged,
            counts.filtered,
            counts.vanished,
            folder.bytes_copied,
            status.as_str(),
            if counts.pending > 0 { result.error.1.as_str() } else { "" },
            Some(fence.run_id),
            &result.finished_at,
            &folder.change_token,
            folder.uids.0,
            folder.uids.1,
            folder.uids.2,
        ];
        let row = transaction.one("writing a folder", FOLDER, binds).await?;
        let Some(row) = row.filter(|_| result.is_copy && folder.copied > 0) else { continue };
        let previous = previous.get(&folder.source_path).map_or("", String::as_str);
        let change = binds![
            Some(result.context_id.as_str()),
            Some(row.int(0)?),
            Some(fence.run_id),
            result.run_type,
            &folder.change_token,
            previous,
            folder.copied,
            folder.bytes_copied,
            result.duration_ms,
            counts.pending == 0,
        ];
        transaction.run("noting a change", CHANGE, change).await?;
    }
    if is_whole {
        transaction.run("marking folders", GONE, binds![result.mailbox_id, fence.run_id]).await?;
    }
    Ok(())
}

fn mailbox_counts(result: &RunResult, totals: &Counts, (percent, is_whole): (f64, bool)) -> Vec<super::Bind> {
    binds![
        result.mailbox_id,
        totals.source,
        totals.dest,
        totals.matched,
        totals.missing,
        totals.pending,
        totals.quarantined,
        totals.acknowledged,
        totals.filtered,
        totals.vanished,
        result.copied.1,
        percent,
        is_whole,
        &result.finished_at,
    ]
}

async fn quarantined(
    transaction: &mut Transaction,
    fence: Fence,
    result: &RunResult,
    quarantine: &[QuarantineResult],
    is_whole: bool,
) -> Result<()> {
    for entry in quarantine {
        let binds = binds![
            result.job_id,
            result.mailbox_id,
            Some(fence.run_id),
            &entry.folder_path,
            &entry.source_ref,
            &entry.message_id,
            entry.size_bytes,
            &entry.reason,
            &entry.detail,
            &entry.file,
            entry.attempts,
            entry.is_acknowledged,
            result.is_archive,
        ];
        transaction.run("writing a quarantined message", QUARANTINE, binds).await?;
    }
    if is_whole {
        let binds = binds![result.mailbox_id, fence.run_id, &result.finished_at];
        transaction.run("settling quarantined messages", RESOLVED, binds).await?;
    }
    Ok(())
}

async fn stand(transaction: &mut Transaction, fence: Fence, result: &RunResult) -> Result<()> {
    let (class, details) = &result.error;
    let at = |is_so: bool| if is_so { result.finished_at.as_str() } else { "" };
    let logins = binds![result.mailbox_id, at(result.logins.0), at(result.logins.1)];
    transaction.run("noting logins", LOGINS, logins).await?;
    let is_success = result.status == RunStatus::Success;
    let status = binds![
        result.mailbox_id,
        result.mailbox_status.as_str(),
        Some(details.as_str()).filter(|words| !words.is_empty()),
        class,
        i64::from(is_success),
        i64::from(result.is_copy && result.status != RunStatus::Cancelled),
        result.status.as_str(),
        &result.finished_at,
    ];
    transaction.run("writing how a mailbox stands", MAILBOX_STATUS, status).await?;
    let context = binds![
        &result.context_id,
        fence.run_id,
        i64::from(is_success),
        i64::from(result.status == RunStatus::Failed),
        result.copied.0,
        result.copied.1,
    ];
    transaction.run("adding to a mailbox's history", CONTEXT, context).await.map(|_| ())
}
