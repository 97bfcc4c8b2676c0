//! Whole sets of rows of a gate as one text: a domain has ten thousand folders, and each row of its own costs more on
//! its way out of the database than all that is done with it. Never decides what counts.

use serde::Deserialize;

use super::gates::{GateFolder, NewCheck};
use super::{Result, StoreError, Transaction};
use crate::binds;

/// The folders of each mailbox, as a list of lists in the order of [`Told`]. Binds: job.
const FOLDERS_SQLITE: &str = "
    SELECT folder.mailbox_id, json_group_array(json_array(
           folder.source_path, folder.dest_path, folder.role, folder.is_renamed, folder.messages_source,
           folder.messages_matched, folder.messages_pending, folder.messages_quarantined,
           folder.messages_acknowledged, folder.last_scan_at, folder.uidvalidity_first, folder.uidvalidity_changes))
    FROM mailbox_folders AS folder JOIN migration_mailboxes AS box ON box.id = folder.mailbox_id
    WHERE box.job_id = $1 AND folder.is_gone = 0 GROUP BY folder.mailbox_id";
/// The same for a server.
const FOLDERS_POSTGRES: &str = "
    SELECT folder.mailbox_id, CAST(json_agg(json_build_array(
           folder.source_path, folder.dest_path, folder.role, folder.is_renamed, folder.messages_source,
           folder.messages_matched, folder.messages_pending, folder.messages_quarantined,
           folder.messages_acknowledged, folder.last_scan_at, folder.uidvalidity_first,
           folder.uidvalidity_changes)) AS TEXT)
    FROM mailbox_folders AS folder JOIN migration_mailboxes AS box ON box.id = folder.mailbox_id
    WHERE box.job_id = $1 AND folder.is_gone = 0 GROUP BY folder.mailbox_id";
/// Binds: job, checks as a list of lists, now_at, snapshot.
const CHECKS_SQLITE: &str = "
    INSERT INTO migration_gate_checks (job_id, check_id, status, message, checked_at, critical, mailbox_id, snapshot_id,
                                       details_json)
    SELECT $1, one.value ->> 0, one.value ->> 1, one.value ->> 2, $3, one.value ->> 3, one.value ->> 4, $4,
           one.value ->> 5
    FROM json_each($2) AS one";
/// The same for a server.
const CHECKS_POSTGRES: &str = "
    INSERT INTO migration_gate_checks (job_id, check_id, status, message, checked_at, critical, mailbox_id, snapshot_id,
                                       details_json)
    SELECT $1, one ->> 0, one ->> 1, one ->> 2, $3, CAST(one ->> 3 AS BIGINT), CAST(one ->> 4 AS BIGINT), $4,
           one ->> 5
    FROM json_array_elements(CAST($2 AS JSON)) AS one";
/// Checks of snapshots before this one that nobody decided on and no phase was moved by. Binds: job, snapshot.
const FORGET_CHECKS: &str = "
    DELETE FROM migration_gate_checks WHERE job_id = $1 AND snapshot_id <> $2
      AND snapshot_id NOT IN (SELECT snapshot_id FROM gate_approvals WHERE job_id = $1 AND snapshot_id IS NOT NULL)
      AND snapshot_id NOT IN
          (SELECT gate_snapshot_id FROM phase_history WHERE job_id = $1 AND gate_snapshot_id IS NOT NULL)";
/// What such a snapshot was made of; its digest, verdict and time stay. Binds: job, snapshot.
const FORGET_INPUTS: &str = "
    UPDATE gate_snapshots SET inputs_json = '' WHERE job_id = $1 AND id <> $2 AND inputs_json <> ''
      AND id NOT IN (SELECT snapshot_id FROM gate_approvals WHERE job_id = $1 AND snapshot_id IS NOT NULL)
      AND id NOT IN (SELECT gate_snapshot_id FROM phase_history WHERE job_id = $1 AND gate_snapshot_id IS NOT NULL)";

/// Every query of this file that both engines know, for the test that prepares them.
pub const QUERIES: &[&str] = &[FORGET_CHECKS, FORGET_INPUTS];

/// A folder in the order of the query.
#[derive(Deserialize)]
struct Told(String, String, String, i64, u64, u64, u64, u64, u64, String, i64, u64);

impl Transaction {
    /// The folders of all mailboxes of a job, in the order of their mailboxes and paths.
    pub async fn gate_folders(&mut self, job: i64) -> Result<Vec<GateFolder>> {
        let text = if self.is_postgres() { FOLDERS_POSTGRES } else { FOLDERS_SQLITE };
        let mut folders = Vec::new();
        for row in self.all("reading folders", text, binds![job]).await? {
            let (mailbox_id, list) = (row.int(0)?, row.text(1)?);
            let wrong =
                |_| StoreError::Column { column: 1, found: "other text", wanted: "a list of folders" };
            let told: Vec<Told> = serde_json::from_str(&list).map_err(wrong)?;
            folders.extend(told.into_iter().map(|told| folder(mailbox_id, told)));
        }
        folders.sort_unstable_by(|a, b| (a.mailbox_id, &a.source_path).cmp(&(b.mailbox_id, &b.source_path)));
        Ok(folders)
    }

    /// Writes the checks of a snapshot, and forgets those of earlier ones that nothing rests on.
    pub async fn write_checks(
        &mut self,
        job: i64,
        snapshot: &str,
        now_at: &str,
        checks: &[NewCheck<'_>],
    ) -> Result<()> {
        let list: Vec<_> = checks
            .iter()
            .map(|one| {
                (
                    one.id,
                    one.status,
                    one.message.replace('\0', "\u{fffd}"),
                    u8::from(one.is_critical),
                    one.mailbox,
                    one.details_json.replace("\\u0000", "\\ufffd"),
                )
            })
            .collect();
        let list = serde_json::json!(list).to_string();
        let text = if self.is_postgres() { CHECKS_POSTGRES } else { CHECKS_SQLITE };
        self.run("writing checks", text, binds![job, list, now_at, snapshot]).await?;
        self.run("forgetting checks", FORGET_CHECKS, binds![job, snapshot]).await?;
        self.run("forgetting a snapshot", FORGET_INPUTS, binds![job, snapshot]).await.map(|_| ())
    }
}

fn folder(mailbox_id: i64, told: Told) -> GateFolder {
    let Told(
        source_path,
        dest_path,
        role,
        renamed,
        source,
        matched,
        pending,
        quarantined,
        acknowledged,
        at,
        first,
        changes,
    ) = told;
    GateFolder {
        mailbox_id,
        source_path,
        dest_path,
        role,
        is_renamed: renamed != 0,
        messages_source: source,
        messages_matched: matched,
        messages_pending: pending,
        messages_quarantined: quarantined,
        messages_acknowledged: acknowledged,
        last_scan_at: at,
        uidvalidity_first: first,
        uidvalidity_changes: changes,
    }
}
