//! What writes a run's result down, one constant per query.
//! Never decides what is written.

use super::super::retries::stands;

/// Ends a run. Binds: id, fencing_token, status, exit_code, stats_json, report_json, progress_percent, finished_at,
/// error_class, error_details, messages_done, messages_total, bytes_done, selection.
pub(super) const FINISH: &str = "
    UPDATE migration_runs
    SET status = $3, exit_code = $4, stats_json = $5, report_json = $6, progress_percent = $7, finished_at = $8,
        error_class = $9, error_details = $10, messages_done = $11, messages_total = $12, bytes_done = $13,
        lease_until_ms = 0, rate_bps = 0, eta_seconds = 0, current_operation = '', last_poll_at = $8,
        selection = $14
    WHERE id = $1 AND fencing_token = $2 AND status = 'running'";

/// Writes a folder's counts. Binds: mailbox_id, source_path, dest_path, role, is_renamed, messages_source,
/// messages_dest, messages_matched, messages_missing, messages_pending, messages_quarantined, messages_acknowledged,
/// messages_filtered, messages_vanished, bytes_copied, status, last_error, run_id, last_scan_at, change_token,
/// uidvalidity, uidnext, highestmodseq.
pub(super) const FOLDER: &str = "
    INSERT INTO mailbox_folders (mailbox_id, source_path, dest_path, role, is_renamed, messages_source, messages_dest,
                                 messages_matched, messages_missing, messages_pending, messages_quarantined,
                                 messages_acknowledged, messages_filtered, messages_vanished, bytes_dest, status,
                                 last_error, last_run_id, last_scan_at, change_token, uidvalidity, uidnext,
                                 highestmodseq, uidvalidity_first)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
            $21)
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
        uidvalidity_changes = mailbox_folders.uidvalidity_changes + CASE
            WHEN mailbox_folders.uidvalidity <> 0 AND excluded.uidvalidity <> 0
                AND mailbox_folders.uidvalidity <> excluded.uidvalidity THEN 1 ELSE 0 END,
        uidvalidity_first = CASE WHEN mailbox_folders.uidvalidity_first = 0 THEN excluded.uidvalidity
            ELSE mailbox_folders.uidvalidity_first END,
        uidvalidity = CASE WHEN excluded.uidvalidity = 0 THEN mailbox_folders.uidvalidity
            ELSE excluded.uidvalidity END,
        uidnext = excluded.uidnext, highestmodseq = excluded.highestmodseq, is_gone = 0
    RETURNING id";

/// With what the last deltas began. Binds: mailbox_id.
pub(super) const TOKENS: &str = "SELECT source_path, change_token FROM mailbox_folders WHERE mailbox_id = $1";

/// Names a folder that a preflight listed, without counts; where it says no destination, what was known stays. Binds:
/// mailbox_id, source_path, dest_path, role, is_renamed, run_id.
pub(super) const FORESEEN: &str = "
    INSERT INTO mailbox_folders (mailbox_id, source_path, dest_path, role, is_renamed, last_run_id)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (mailbox_id, source_path) DO UPDATE
    SET dest_path = CASE WHEN excluded.dest_path = '' THEN mailbox_folders.dest_path ELSE excluded.dest_path END,
        role = CASE WHEN excluded.dest_path = '' THEN mailbox_folders.role ELSE excluded.role END,
        is_renamed = CASE WHEN excluded.dest_path = '' THEN mailbox_folders.is_renamed ELSE excluded.is_renamed END,
        last_run_id = excluded.last_run_id, is_gone = 0";

/// Marks the folders that the source no longer lists; their counts count no more. Binds: mailbox_id, run_id.
pub(super) const GONE: &str = "
    UPDATE mailbox_folders
    SET is_gone = 1, messages_source = 0, messages_matched = 0, messages_missing = 0, messages_pending = 0,
        messages_quarantined = 0, messages_acknowledged = 0, messages_filtered = 0, messages_vanished = 0
    WHERE mailbox_id = $1 AND COALESCE(last_run_id, 0) <> $2 AND is_gone = 0";

/// Writes a mailbox's counts. Binds: id, messages_source, messages_dest, messages_matched, messages_missing,
/// messages_pending, messages_quarantined, messages_acknowledged, messages_filtered, messages_vanished, bytes_copied,
/// sync_percent, has_scan, last_scan_at, selection.
pub(super) const MAILBOX_COUNTS: &str = "
    UPDATE migration_mailboxes
    SET messages_source = $2, messages_dest = $3, messages_matched = $4, messages_missing = $5, messages_pending = $6,
        messages_quarantined = $7, messages_acknowledged = $8, messages_filtered = $9, messages_vanished = $10,
        bytes_dest = bytes_dest + $11,
        bytes_source = CASE WHEN bytes_source < bytes_dest + $11 THEN bytes_dest + $11 ELSE bytes_source END,
        sync_percent = $12, has_scan = $13, last_scan_at = $14, counted_selection = $15
    WHERE id = $1";

/// Forgets what was measured of messages that another selection chose; the destination's room stays. Binds: mailbox_id,
/// selection.
pub(super) const FORGET_MEASURES: &str = "
    UPDATE mailbox_measures SET sampled_at = '', bytes_at = '', duplicates_at = ''
    WHERE mailbox_id = $1
      AND EXISTS (SELECT 1 FROM migration_mailboxes AS box WHERE box.id = $1 AND box.counted_selection <> $2)";

/// Writes how a mailbox stands: never well while its counts say otherwise, as where a run counted nothing anew. Binds:
/// id, status, last_error, error_class, is_ok, is_delta, run_status, now_at, selection.
pub(super) const MAILBOX_STATUS: &str = "
    UPDATE migration_mailboxes
    SET status = CASE WHEN $2 = 'ok' AND messages_pending > 0 THEN 'error'
                      WHEN $2 = 'ok' AND messages_quarantined > 0 THEN 'quarantine' ELSE $2 END,
        last_error = $3, error_class = $4, eta_seconds = 0, rate_bps = 0,
        last_ok_at = CASE WHEN $5 = 1 THEN $8 ELSE last_ok_at END,
        last_delta_at = CASE WHEN $6 = 1 THEN $8 ELSE last_delta_at END,
        last_delta_status = CASE WHEN $6 = 1 THEN $7 ELSE last_delta_status END,
        delta_selection = CASE WHEN $6 = 1 THEN $9 ELSE delta_selection END
    WHERE id = $1";

/// Writes which logins worked. Binds: id, source_login_ok_at or empty, dest_login_ok_at or empty.
pub(super) const LOGINS: &str = "
    UPDATE migration_mailboxes
    SET source_login_ok_at = CASE WHEN $2 = '' THEN source_login_ok_at ELSE $2 END,
        dest_login_ok_at = CASE WHEN $3 = '' THEN dest_login_ok_at ELSE $3 END
    WHERE id = $1";

/// Writes how large a mailbox is that was never scanned whole; what a part of it brought over stays. Binds: id,
/// messages_source, bytes_source.
pub(super) const FORESEEN_SIZE: &str = "
    UPDATE migration_mailboxes
    SET messages_source = $2, bytes_source = $3,
        messages_missing = CASE WHEN $2 > messages_matched THEN $2 - messages_matched ELSE 0 END,
        messages_pending = CASE WHEN $2 > messages_matched THEN $2 - messages_matched ELSE 0 END
    WHERE id = $1 AND has_scan = 0";

/// Adds a run to a mailbox's history. Binds: id, run_id, succeeded, failed, copied, bytes.
pub(super) const CONTEXT: &str = "
    UPDATE mailbox_contexts
    SET runs_total = runs_total + 1, runs_succeeded = runs_succeeded + $3, runs_failed = runs_failed + $4,
        messages_copied = messages_copied + $5, bytes_copied = bytes_copied + $6, current_run_id = NULL,
        last_successful_run_id = CASE WHEN $3 = 1 THEN $2 ELSE last_successful_run_id END,
        status = CASE WHEN $4 = 1 AND status IN ('discovered', 'syncing') THEN 'failed' ELSE status END
    WHERE id = $1";

/// Notes what a run changed in a folder. Binds: context_id, folder_id, run_id, run_type, change_token,
/// previous_change_token, items_changed, bytes, duration_ms, success.
pub(super) const CHANGE: &str = "
    INSERT INTO change_history (context_id, folder_id, run_id, run_type, change_token, previous_change_token,
                                items_changed, bytes, duration_ms, success)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

/// Writes a quarantined message. One that people have acknowledged stays so, where it is the same message: a UID may
/// come to name another (RFC 9051, section 2.3.1.1), a node one of another file. Nobody but people acknowledges. Binds:
/// job_id, mailbox_id, run_id, folder_path, source_ref, message_id, size_bytes, reason, detail, file, attempts,
/// is_archive.
pub(super) const QUARANTINE: &str = concat!(
    "
    INSERT INTO quarantine_items (job_id, mailbox_id, run_id, folder_path, source_ref, message_id, size_bytes, reason,
                                  detail, file, attempts, status, is_archive)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'open', $12)
    ON CONFLICT (mailbox_id, folder_path, source_ref) DO UPDATE
    SET run_id = excluded.run_id, message_id = excluded.message_id, size_bytes = excluded.size_bytes,
        reason = excluded.reason, detail = excluded.detail, file = excluded.file, attempts = excluded.attempts,
        status = CASE WHEN quarantine_items.status = 'acknowledged'
                           AND quarantine_items.message_id = excluded.message_id
                           AND (excluded.message_id <> '' OR quarantine_items.size_bytes = excluded.size_bytes)
                           AND ",
    stands!("quarantine_items"),
    "
                      THEN 'acknowledged' ELSE 'open' END,
        resolved_at = '', version = quarantine_items.version + 1"
);

/// Settles what is no longer in quarantine, in a folder that was looked through. Binds: mailbox_id, run_id, now_at.
pub(super) const RESOLVED: &str = "
    UPDATE quarantine_items SET status = 'resolved', resolved_at = $3, version = version + 1
    WHERE mailbox_id = $1 AND COALESCE(run_id, 0) <> $2 AND status <> 'resolved'";

/// Takes back what people accepted of messages that are open all the same. Binds: mailbox_id, now_at.
pub(super) const REVOKED: &str = "
    UPDATE quarantine_acknowledgements SET revoked_at = $2
    WHERE revoked_at = '' AND item_id IN (SELECT item.id FROM quarantine_items AS item
                                          WHERE item.mailbox_id = $1 AND item.status = 'open')";

/// What the operator has acknowledged, for the ledger. Binds: mailbox_id.
pub(super) const ACKNOWLEDGED: &str = concat!(
    "SELECT item.folder_path, item.source_ref FROM quarantine_items AS item
     WHERE item.mailbox_id = $1 AND item.status = 'acknowledged' AND ",
    stands!("item")
);
