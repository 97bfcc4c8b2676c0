//! Mailboxes and their folders as people see and change them, as rows; every query takes the caller's reach first.
//! Never runs anything: that is the queue's.

use super::jobs::reached;
use super::order::{Order, by};
use super::reach::{Reach, within_reach};
use super::{Result, Row, Store, Transaction};
use crate::binds;

macro_rules! mailbox_columns {
    () => {
        "box.id, box.job_id, box.email, box.source_type, COALESCE(box.source_host, ''), \
         COALESCE(box.source_user, ''), COALESCE(box.credentials_ref, ''), COALESCE(box.dest_credentials_ref, ''), \
         COALESCE(box.pst_path, ''), COALESCE(box.folder_map_json, ''), box.dest_host, box.dest_user, \
         box.messages_source, box.messages_dest, box.messages_matched, box.messages_missing, box.messages_pending, \
         box.messages_quarantined, box.messages_acknowledged, box.bytes_source, box.bytes_dest, box.sync_percent, \
         COALESCE(box.last_error, ''), box.error_class, box.status, box.enabled, box.excluded_reason, box.priority, \
         box.options_json, box.has_scan, box.last_scan_at, box.last_delta_at, box.last_delta_status, \
         box.source_login_ok_at, box.dest_login_ok_at, box.login_waived_reason, box.eta_seconds, box.rate_bps, \
         box.created_at, box.updated_at, box.version, job.domain, job.phase, job.tenant_id, \
         box.source_credential_id, box.dest_credential_id, \
         COALESCE(box.source_endpoint_id, job.source_endpoint_id, ''), \
         COALESCE(box.dest_endpoint_id, job.dest_endpoint_id, '')"
    };
}

macro_rules! mailboxes_wanted {
    () => {
        concat!(
            " FROM migration_mailboxes AS box JOIN migration_jobs AS job ON job.id = box.job_id
             WHERE ",
            within_reach!("job.tenant_id", "job.id"),
            " AND job.deleted_at = '' AND box.job_id = $5 AND ($6 = '' OR box.status = $6)
              AND ($7 = '' OR lower(box.email) LIKE '%' || lower($7) || '%')"
        )
    };
}
macro_rules! mailboxes {
    () => {
        concat!("SELECT ", mailbox_columns!(), mailboxes_wanted!())
    };
}

/// What mailboxes can be sorted by.
pub const SORTS: [&str; 6] = ["id", "email", "status", "priority", "messages_missing", "updated_at"];
/// One for each of these. Binds: reach, job, status, text, order.
pub const MAILBOXES: [[&str; 2]; 6] = [
    by!(mailboxes, "box.id", "box.id", ["$8", "CAST($9 AS BIGINT)", "$10", "$11"]),
    by!(mailboxes, "box.email", "box.id", ["$8", "$9", "$10", "$11"]),
    by!(mailboxes, "box.status", "box.id", ["$8", "$9", "$10", "$11"]),
    by!(mailboxes, "box.priority", "box.id", ["$8", "CAST($9 AS BIGINT)", "$10", "$11"]),
    by!(mailboxes, "box.messages_missing", "box.id", ["$8", "CAST($9 AS BIGINT)", "$10", "$11"]),
    by!(mailboxes, "box.updated_at", "box.id", ["$8", "$9", "$10", "$11"]),
];
/// Binds: reach, id.
const MAILBOX: &str = concat!(
    "SELECT ",
    mailbox_columns!(),
    " FROM migration_mailboxes AS box JOIN migration_jobs AS job ON job.id = box.job_id
     WHERE ",
    within_reach!("job.tenant_id", "job.id"),
    " AND job.deleted_at = '' AND box.id = $5"
);
/// Binds: reach, job, status, text.
const MAILBOXES_COUNT: &str = concat!("SELECT COUNT(*)", mailboxes_wanted!());
/// Binds: job, e-mail, type, source host, source user, file, folder map, destination host, destination user, enabled,
/// priority, source endpoint, destination endpoint, options.
const INSERT_MAILBOX: &str = "
    INSERT INTO migration_mailboxes (job_id, email, source_type, source_host, source_user, pst_path, folder_map_json,
                                     dest_host, dest_user, enabled, priority, source_endpoint_id, dest_endpoint_id,
                                     options_json)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id";
/// Binds: id, version, source host, source user, destination host, destination user, folder map, enabled, why not,
/// priority, options, waived, source credential, destination credential.
const CHANGE_MAILBOX: &str = "
    UPDATE migration_mailboxes SET source_host = $3, source_user = $4, dest_host = $5, dest_user = $6,
        folder_map_json = $7, enabled = $8, excluded_reason = $9, priority = $10, options_json = $11,
        login_waived_reason = $12, source_credential_id = $13, dest_credential_id = $14, version = version + 1
    WHERE id = $1 AND version = $2";
/// Removes a mailbox, in one look at all that forbids it: a run that is not over; and, where it is not left out,
/// messages in quarantine, or a part of its mail that is copied and another that is not. Binds: id.
const DELETE_MAILBOX: &str = "
    DELETE FROM migration_mailboxes
    WHERE id = $1
      AND NOT EXISTS (SELECT 1 FROM migration_runs AS run
                      WHERE run.mailbox_id = $1 AND run.status IN ('queued', 'running'))
      AND (enabled = 0
           OR (NOT (messages_pending > 0 AND messages_matched > 0)
               AND NOT EXISTS (SELECT 1 FROM quarantine_items AS item
                               WHERE item.mailbox_id = $1 AND item.status <> 'resolved')))";
/// Binds: mailbox.
const FOLDERS: &str = "
    SELECT id, source_path, dest_path, role, is_renamed, messages_source, messages_dest, messages_matched,
           messages_missing, messages_pending, messages_quarantined, messages_acknowledged, messages_filtered,
           bytes_source, bytes_dest, status, last_error, last_scan_at, is_gone
    FROM mailbox_folders WHERE mailbox_id = $1 ORDER BY source_path LIMIT 20000";

/// Every query of this file, for the test that prepares them.
pub const QUERIES: &[&str] =
    &[MAILBOX, MAILBOXES_COUNT, INSERT_MAILBOX, CHANGE_MAILBOX, DELETE_MAILBOX, FOLDERS];

/// A mailbox as people see it.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each field is the column of its name in migration_mailboxes")]
pub struct BoxRow {
    pub id: i64,
    pub job_id: i64,
    pub email: String,
    pub source_type: String,
    pub source_host: String,
    pub source_user: String,
    pub credentials_ref: String,
    pub dest_credentials_ref: String,
    pub pst_path: String,
    pub folder_map_json: String,
    pub dest_host: String,
    pub dest_user: String,
    pub messages_source: i64,
    pub messages_dest: i64,
    pub messages_matched: i64,
    pub messages_missing: i64,
    pub messages_pending: i64,
    pub messages_quarantined: i64,
    pub messages_acknowledged: i64,
    pub bytes_source: i64,
    pub bytes_dest: i64,
    pub sync_percent: f64,
    pub last_error: String,
    pub error_class: String,
    pub status: String,
    pub enabled: bool,
    pub excluded_reason: String,
    pub priority: i64,
    pub options_json: String,
    pub has_scan: bool,
    pub last_scan_at: String,
    pub last_delta_at: String,
    pub last_delta_status: String,
    pub source_login_ok_at: String,
    pub dest_login_ok_at: String,
    pub login_waived_reason: String,
    pub eta_seconds: i64,
    pub rate_bps: i64,
    pub created_at: String,
    pub updated_at: String,
    pub version: i64,
    pub domain: String,
    pub phase: String,
    pub tenant_id: i64,
    pub source_credential_id: String,
    pub dest_credential_id: String,
    pub source_endpoint_id: String,
    pub dest_endpoint_id: String,
}

fn mailbox(row: &Row) -> Result<BoxRow> {
    Ok(BoxRow {
        id: row.int(0)?,
        job_id: row.int(1)?,
        email: row.text(2)?,
        source_type: row.text(3)?,
        source_host: row.text(4)?,
        source_user: row.text(5)?,
        credentials_ref: row.text(6)?,
        dest_credentials_ref: row.text(7)?,
        pst_path: row.text(8)?,
        folder_map_json: row.text(9)?,
        dest_host: row.text(10)?,
        dest_user: row.text(11)?,
        messages_source: row.int(12)?,
        messages_dest: row.int(13)?,
        messages_matched: row.int(14)?,
        messages_missing: row.int(15)?,
        messages_pending: row.int(16)?,
        messages_quarantined: row.int(17)?,
        messages_acknowledged: row.int(18)?,
        bytes_source: row.int(19)?,
        bytes_dest: row.int(20)?,
        sync_percent: row.real(21)?,
        last_error: row.text(22)?,
        error_class: row.text(23)?,
        status: row.text(24)?,
        enabled: row.flag(25)?,
        excluded_reason: row.text(26)?,
        priority: row.int(27)?,
        options_json: row.text(28)?,
        has_scan: row.flag(29)?,
        last_scan_at: row.text(30)?,
        last_delta_at: row.text(31)?,
        last_delta_status: row.text(32)?,
        source_login_ok_at: row.text(33)?,
        dest_login_ok_at: row.text(34)?,
        login_waived_reason: row.text(35)?,
        eta_seconds: row.int(36)?,
        rate_bps: row.int(37)?,
        created_at: row.text(38)?,
        updated_at: row.text(39)?,
        version: row.int(40)?,
        domain: row.text(41)?,
        phase: row.text(42)?,
        tenant_id: row.int(43)?,
        source_credential_id: row.text(44)?,
        dest_credential_id: row.text(45)?,
        source_endpoint_id: row.text(46)?,
        dest_endpoint_id: row.text(47)?,
    })
}

/// A folder as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the column of its name in mailbox_folders")]
pub struct FolderRow {
    pub id: i64,
    pub source_path: String,
    pub dest_path: String,
    pub role: String,
    pub is_renamed: bool,
    pub messages_source: u64,
    pub messages_dest: u64,
    pub messages_matched: u64,
    pub messages_missing: u64,
    pub messages_pending: u64,
    pub messages_quarantined: u64,
    pub messages_acknowledged: u64,
    pub messages_filtered: u64,
    pub bytes_source: u64,
    pub bytes_dest: u64,
    pub status: String,
    pub last_error: String,
    pub last_scan_at: String,
    pub is_gone: bool,
}

fn folder(row: &Row) -> Result<FolderRow> {
    Ok(FolderRow {
        id: row.int(0)?,
        source_path: row.text(1)?,
        dest_path: row.text(2)?,
        role: row.text(3)?,
        is_renamed: row.flag(4)?,
        messages_source: row.count(5)?,
        messages_dest: row.count(6)?,
        messages_matched: row.count(7)?,
        messages_missing: row.count(8)?,
        messages_pending: row.count(9)?,
        messages_quarantined: row.count(10)?,
        messages_acknowledged: row.count(11)?,
        messages_filtered: row.count(12)?,
        bytes_source: row.count(13)?,
        bytes_dest: row.count(14)?,
        status: row.text(15)?,
        last_error: row.text(16)?,
        last_scan_at: row.text(17)?,
        is_gone: row.flag(18)?,
    })
}

impl Store {
    /// Mailboxes of a job in an order; empty words: any status, any address.
    pub async fn boxes(
        &self,
        reach: &Reach,
        job: i64,
        (status, text): (&str, &str),
        order: &Order,
    ) -> Result<Vec<BoxRow>> {
        let mut binds = reached(reach, binds![job, status, text]);
        binds.extend(order.binds());
        self.all("reading mailboxes", order.of(&MAILBOXES), binds).await?.iter().map(mailbox).collect()
    }

    /// How many of them there are.
    pub async fn boxes_count(&self, reach: &Reach, job: i64, (status, text): (&str, &str)) -> Result<i64> {
        let binds = reached(reach, binds![job, status, text]);
        let row = self.one("counting mailboxes", MAILBOXES_COUNT, binds).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    /// A mailbox that the caller may see.
    pub async fn mailbox_row(&self, reach: &Reach, id: i64) -> Result<Option<BoxRow>> {
        let row = self.one("reading a mailbox", MAILBOX, reached(reach, binds![id])).await?;
        row.as_ref().map(mailbox).transpose()
    }

    /// A mailbox's folders.
    pub async fn folder_rows(&self, mailbox: i64) -> Result<Vec<FolderRow>> {
        self.all("reading folders", FOLDERS, binds![mailbox]).await?.iter().map(folder).collect()
    }
}

/// A mailbox to be written.
#[derive(Debug, Clone, Default)]
pub struct NewMailbox<'a> {
    /// Its address.
    pub email: &'a str,
    /// Where its mail comes from.
    pub source_type: &'a str,
    /// `HOST` or `HOST:PORT`.
    pub source_host: Option<&'a str>,
    /// Its name there.
    pub source_user: Option<&'a str>,
    /// A file's name.
    pub pst_path: Option<&'a str>,
    /// A JSON object, or empty.
    pub folder_map_json: &'a str,
    /// `HOST` or `HOST:PORT`.
    pub dest_host: &'a str,
    /// Its name at the destination.
    pub dest_user: &'a str,
    /// It is to be moved.
    pub is_enabled: bool,
    /// Higher ones first.
    pub priority: i64,
    /// The source server.
    pub source_endpoint_id: Option<&'a str>,
    /// The destination server.
    pub dest_endpoint_id: Option<&'a str>,
    /// A JSON object.
    pub options_json: &'a str,
}

impl Transaction {
    /// A mailbox, whoever may see it.
    pub async fn mailbox_row(&mut self, id: i64) -> Result<Option<BoxRow>> {
        let row = self.one("reading a mailbox", MAILBOX, reached(&Reach::everything(), binds![id])).await?;
        row.as_ref().map(mailbox).transpose()
    }

    /// Removes a mailbox; false where a run of it is not over, or it has to be left out first.
    pub async fn delete_mailbox(&mut self, id: i64) -> Result<bool> {
        Ok(self.run("removing a mailbox", DELETE_MAILBOX, binds![id]).await? > 0)
    }

    /// Changes what may be changed of a mailbox, where its version still is this.
    pub async fn change_mailbox(&mut self, row: &BoxRow) -> Result<bool> {
        let binds = binds![
            row.id,
            row.version,
            &row.source_host,
            &row.source_user,
            &row.dest_host,
            &row.dest_user,
            &row.folder_map_json,
            row.enabled,
            &row.excluded_reason,
            row.priority,
            &row.options_json,
            &row.login_waived_reason,
            &row.source_credential_id,
            &row.dest_credential_id,
        ];
        Ok(self.run("changing a mailbox", CHANGE_MAILBOX, binds).await? > 0)
    }

    /// Writes a mailbox; its id. Fails as a duplicate where the job has it.
    pub async fn insert_mailbox(&mut self, job: i64, new: &NewMailbox<'_>) -> Result<i64> {
        let binds = binds![
            job,
            new.email,
            new.source_type,
            new.source_host,
            new.source_user,
            new.pst_path,
            new.folder_map_json,
            new.dest_host,
            new.dest_user,
            new.is_enabled,
            new.priority,
            new.source_endpoint_id,
            new.dest_endpoint_id,
            new.options_json,
        ];
        let row = self.one("writing a mailbox", INSERT_MAILBOX, binds).await?;
        row.ok_or(super::StoreError::Stale("the mailbox"))?.int(0)
    }
}
