//! What a run came to: written in one transaction, by the holder of the fencing token alone.
//! Never counts: the engine's report did.

mod queries;

use std::collections::BTreeMap;

use super::measures::{Measures, QuotaFound};
use super::words::{MailboxStatus, RunStatus};
use super::{Fence, Result, Store, Transaction};
use crate::binds;

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
        /// The destination's room.
        quota: Option<QuotaFound>,
        /// What cannot be read of them, as far as they were read.
        quarantine: Vec<QuarantineResult>,
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
        /// What was measured beside the counts.
        measures: Measures,
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
    /// The digest of what the run was to take, from the options with which it began.
    pub selection: String,
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
            Found::Foreseen { folders, messages, bytes, quota, quarantine } => {
                foreseen(&mut transaction, fence, result, folders).await?;
                let size = binds![result.mailbox_id, *messages, *bytes];
                transaction.run("writing a mailbox's size", queries::FORESEEN_SIZE, size).await?;
                let measures = Measures { quota: *quota, ..Measures::default() };
                let (mailbox, now_at) = (result.mailbox_id, &result.finished_at);
                transaction.write_measures(mailbox, fence.run_id, &measures, now_at).await?;
                quarantined(&mut transaction, fence, result, quarantine, false).await?;
            }
            Found::Counted { folders, totals, sync_percent, is_whole, quarantine, measures } => {
                counted(&mut transaction, fence, result, folders, *is_whole).await?;
                let selected = binds![result.mailbox_id, &result.selection];
                transaction.run("forgetting measures", queries::FORGET_MEASURES, selected).await?;
                let counts = mailbox_counts(result, totals, (*sync_percent, *is_whole));
                transaction.run("writing a mailbox's counts", queries::MAILBOX_COUNTS, counts).await?;
                quarantined(&mut transaction, fence, result, quarantine, *is_whole).await?;
                let (mailbox, now_at) = (result.mailbox_id, &result.finished_at);
                transaction.write_measures(mailbox, fence.run_id, measures, now_at).await?;
            }
        }
        transaction.reopen_items(result.mailbox_id).await?;
        stand(&mut transaction, fence, result).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// What the operator has acknowledged of a mailbox's quarantine: folder and UID or node.
    ///
    /// # Errors
    /// What the database says.
    pub async fn acknowledged(&self, mailbox_id: i64) -> Result<Vec<(String, String)>> {
        let rows = self.all("reading acknowledgements", queries::ACKNOWLEDGED, binds![mailbox_id]).await?;
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
        &result.selection,
    ];
    Ok(transaction.run("ending a run", queries::FINISH, binds).await? > 0)
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
        transaction.run("naming a folder", queries::FORESEEN, binds).await?;
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
    for row in transaction.all("reading change tokens", queries::TOKENS, binds![result.mailbox_id]).await? {
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
        let row = transaction.one("writing a folder", queries::FOLDER, binds).await?;
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
        transaction.run("noting a change", queries::CHANGE, change).await?;
    }
    if is_whole {
        transaction.run("marking folders", queries::GONE, binds![result.mailbox_id, fence.run_id]).await?;
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
        &result.selection,
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
            result.is_archive,
        ];
        transaction.run("writing a quarantined message", queries::QUARANTINE, binds).await?;
    }
    if is_whole {
        let binds = binds![result.mailbox_id, fence.run_id, &result.finished_at];
        transaction.run("settling quarantined messages", queries::RESOLVED, binds).await?;
    }
    let revoked = binds![result.mailbox_id, &result.finished_at];
    transaction.run("taking acknowledgements back", queries::REVOKED, revoked).await?;
    Ok(())
}

async fn stand(transaction: &mut Transaction, fence: Fence, result: &RunResult) -> Result<()> {
    let (class, details) = &result.error;
    let at = |is_so: bool| if is_so { result.finished_at.as_str() } else { "" };
    let logins = binds![result.mailbox_id, at(result.logins.0), at(result.logins.1)];
    transaction.run("noting logins", queries::LOGINS, logins).await?;
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
        &result.selection,
    ];
    transaction.run("writing how a mailbox stands", queries::MAILBOX_STATUS, status).await?;
    let context = binds![
        &result.context_id,
        fence.run_id,
        i64::from(is_success),
        i64::from(result.status == RunStatus::Failed),
        result.copied.0,
        result.copied.1,
    ];
    transaction.run("adding to a mailbox's history", queries::CONTEXT, context).await.map(|_| ())
}
