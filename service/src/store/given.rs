//! Which mailbox an uploaded file is given to, and taken back from, as rows.
//! Never takes a file from a mailbox that brought mail over from it.

use super::{Result, Store, Transaction};
use crate::binds;

/// How an upload stands, and which mailbox has it. Binds: id.
const STANDING: &str = "
    SELECT upload.state, upload.detected_kind, upload.sha256,
           COALESCE((SELECT MIN(box.id) FROM migration_mailboxes AS box
                     WHERE box.job_id = upload.job_id AND box.pst_path = upload.id), 0)
    FROM uploads AS upload WHERE upload.id = $1";
/// Which mailbox a file is for. Binds: id, mailbox or NULL, expires.
const AIM: &str =
    "UPDATE uploads SET mailbox_id = $2, expires_ms = $3 WHERE id = $1 AND state IN ('open', 'complete')";
/// Another upload of the same octets that a mailbox of that address has. Binds: job, digest, address.
const SAME: &str = "
    SELECT upload.id FROM uploads AS upload JOIN migration_mailboxes AS box
        ON box.job_id = upload.job_id AND box.pst_path = upload.id
    WHERE upload.job_id = $1 AND upload.sha256 = $2 AND upload.state = 'complete' AND lower(box.email) = lower($3)
    ORDER BY upload.id LIMIT 1";
/// The mailboxes of an address: those that are not left out first, and of them those without a file. Binds: job,
/// address.
const BOX_OF: &str = "
    SELECT id FROM migration_mailboxes WHERE job_id = $1 AND lower(email) = lower($2)
    ORDER BY enabled DESC, CASE WHEN COALESCE(pst_path, '') = '' THEN 0 ELSE 1 END, id LIMIT 1";
/// Gives a file to a mailbox that waits for one. One that is left out stays as it is: it would hide the file. Binds:
/// mailbox, type, upload.
const FILL_BOX: &str = "
    UPDATE migration_mailboxes SET source_type = $2, pst_path = $3, version = version + 1
    WHERE id = $1 AND COALESCE(pst_path, '') = '' AND source_type IN ('pst', 'mbox', 'eml', 'tgz') AND has_scan = 0
      AND enabled = 1
      AND NOT EXISTS (SELECT 1 FROM migration_runs AS run
                      WHERE run.mailbox_id = $1 AND run.status IN ('queued', 'running'))";
/// A mailbox of its own for a file, into the same destination, and moved also where the other is left out. Binds:
/// mailbox, type, upload, options.
const BOX_BESIDE: &str = "
    INSERT INTO migration_mailboxes (job_id, email, source_type, pst_path, folder_map_json, dest_endpoint_id,
                                     dest_host, dest_user, dest_credentials_ref, enabled, priority, group_id,
                                     options_json)
    SELECT job_id, email, CAST($2 AS TEXT), CAST($3 AS TEXT), folder_map_json, dest_endpoint_id, dest_host,
           dest_user, dest_credentials_ref, 1, priority, group_id, CAST($4 AS TEXT)
    FROM migration_mailboxes WHERE id = $1
    RETURNING id";
/// Takes a file back from a mailbox that never brought mail over from it, and what was foreseen of it. Binds: mailbox,
/// upload, options.
const EMPTY_BOX: &str = "
    UPDATE migration_mailboxes
    SET pst_path = NULL, options_json = $3, status = 'pending', last_error = NULL, error_class = '',
        messages_source = 0, messages_missing = 0, messages_pending = 0, messages_quarantined = 0, bytes_source = 0,
        source_login_ok_at = '', version = version + 1
    WHERE id = $1 AND pst_path = $2 AND has_scan = 0
      AND NOT EXISTS (SELECT 1 FROM migration_runs AS run
                      WHERE run.mailbox_id = $1 AND (run.status IN ('queued', 'running')
                            OR run.run_type NOT IN ('preflight', 'pst_extract')))";
/// What could not be read of a file that was taken back, with whoever accepted that: the next file's items may have
/// the same numbers. Binds: mailbox.
const FORGET_ITEMS: &str = "DELETE FROM quarantine_items WHERE mailbox_id = $1";
/// Its folders. Binds: mailbox.
const FORGET_FOLDERS: &str = "DELETE FROM mailbox_folders WHERE mailbox_id = $1";
/// Removes a mailbox together with its file, from which it never brought mail over, where it holds nothing that
/// another of the same address does not hold: no credential that is its own or that others borrow of it, and no
/// schedule. Binds: mailbox, upload.
const REMOVE_SPARE: &str = "
    DELETE FROM migration_mailboxes
    WHERE id = $1 AND pst_path = $2 AND has_scan = 0
      AND NOT EXISTS (SELECT 1 FROM migration_runs AS run
                      WHERE run.mailbox_id = $1 AND (run.status IN ('queued', 'running')
                            OR run.run_type NOT IN ('preflight', 'pst_extract')))
      AND COALESCE(source_host, '') = '' AND COALESCE(source_user, '') = ''
      AND COALESCE(credentials_ref, '') = '' AND source_credential_id = '' AND dest_credential_id = ''
      AND NOT EXISTS (SELECT 1 FROM migration_credentials AS its WHERE its.mailbox_id = migration_mailboxes.id)
      AND NOT EXISTS (SELECT 1 FROM schedules AS its WHERE its.mailbox_id = migration_mailboxes.id)
      AND EXISTS (SELECT 1 FROM migration_mailboxes AS other
                  WHERE other.job_id = migration_mailboxes.job_id AND other.id <> migration_mailboxes.id
                    AND lower(other.email) = lower(migration_mailboxes.email)
                    AND other.dest_user = migration_mailboxes.dest_user
                    AND other.dest_host = migration_mailboxes.dest_host
                    AND COALESCE(other.dest_endpoint_id, '') = COALESCE(migration_mailboxes.dest_endpoint_id, '')
                    AND COALESCE(migration_mailboxes.dest_credentials_ref, '')
                        IN ('', COALESCE(other.dest_credentials_ref, '')))";
/// Gives the secrets of a mailbox that goes to another that logs in with them. Binds: mailbox.
const HAND_OVER: &str = "
    UPDATE migration_credentials
    SET mailbox_id = (SELECT MIN(heir.id) FROM migration_mailboxes AS heir
                      WHERE heir.id <> $1 AND migration_credentials.id
                            IN (COALESCE(heir.credentials_ref, ''), COALESCE(heir.dest_credentials_ref, '')))
    WHERE mailbox_id = $1
      AND EXISTS (SELECT 1 FROM migration_mailboxes AS heir
                  WHERE heir.id <> $1 AND migration_credentials.id
                        IN (COALESCE(heir.credentials_ref, ''), COALESCE(heir.dest_credentials_ref, '')))";
/// How the file of a mailbox stands, and how many others that are moved into the same address have its octets. Binds:
/// mailbox.
const OWN_FILE: &str = "
    SELECT upload.state, (SELECT COUNT(*) FROM uploads AS other JOIN migration_mailboxes AS beside
                              ON beside.job_id = other.job_id AND beside.pst_path = other.id
                          WHERE other.job_id = upload.job_id AND other.sha256 = upload.sha256 AND other.id <> upload.id
                            AND beside.enabled = 1 AND lower(beside.email) = lower(box.email))
    FROM migration_mailboxes AS box JOIN uploads AS upload ON upload.job_id = box.job_id AND upload.id = box.pst_path
    WHERE box.id = $1";
/// A file whose mailbox goes is kept for a while. Binds: mailbox, expires.
const RELEASE: &str = "
    UPDATE uploads SET expires_ms = $2
    WHERE state = 'complete' AND id IN (SELECT box.pst_path FROM migration_mailboxes AS box
                                        WHERE box.id = $1 AND box.job_id = uploads.job_id)";
/// Files of a job that are here, under way, or were here until their time was over, and that no mailbox has: somebody
/// meant to have them moved. Binds: job.
const WAITING: &str = "
    SELECT COUNT(*) FROM uploads AS upload
    WHERE upload.job_id = $1
      AND (upload.state IN ('open', 'complete') OR (upload.state = 'expired' AND upload.received_bytes > 0))
      AND NOT EXISTS (SELECT 1 FROM migration_mailboxes AS box
                      WHERE box.job_id = upload.job_id AND box.pst_path = upload.id)";
/// The destination's secret of another mailbox of the same address. Binds: mailbox.
const SECRET_BESIDE: &str = "
    SELECT other.dest_credentials_ref
    FROM migration_mailboxes AS own JOIN migration_mailboxes AS other
        ON other.job_id = own.job_id AND lower(other.email) = lower(own.email) AND other.id <> own.id
    WHERE own.id = $1 AND COALESCE(other.dest_credentials_ref, '') <> '' AND other.dest_user = own.dest_user
      AND other.dest_host = own.dest_host
      AND COALESCE(other.dest_endpoint_id, '') = COALESCE(own.dest_endpoint_id, '')
    ORDER BY other.id LIMIT 1";
/// Binds: mailbox.
const ACTIVE: &str = "
    SELECT COUNT(*) FROM migration_runs WHERE mailbox_id = $1 AND status IN ('queued', 'running')";

/// Every query of this file, for the test that prepares them.
pub const QUERIES: &[&str] = &[
    STANDING,
    AIM,
    SAME,
    BOX_OF,
    FILL_BOX,
    BOX_BESIDE,
    EMPTY_BOX,
    FORGET_ITEMS,
    FORGET_FOLDERS,
    REMOVE_SPARE,
    HAND_OVER,
    OWN_FILE,
    RELEASE,
    WAITING,
    SECRET_BESIDE,
    ACTIVE,
];

/// How an upload stands, while its job is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// `open`, `complete`, `refused`, `expired` or `deleted`.
    pub state: String,
    /// What it is by its first octets; empty while nobody looked.
    pub detected_kind: String,
    /// In hexadecimal digits; empty while it is not complete.
    pub sha256: String,
    /// The mailbox that has it; 0: none.
    pub taken_by: i64,
}

impl Store {
    /// A mailbox of this address: one that is not left out before others, and of them one that has no file.
    pub async fn mailbox_of(&self, job: i64, email: &str) -> Result<Option<i64>> {
        self.one("looking for a mailbox", BOX_OF, binds![job, email]).await?.map(|row| row.int(0)).transpose()
    }

    /// The credential by which another mailbox of the same address logs in at the same destination.
    pub async fn secret_beside(&self, mailbox: i64) -> Result<Option<String>> {
        let row = self.one("looking for a credential", SECRET_BESIDE, binds![mailbox]).await?;
        row.map(|row| row.text(0)).transpose()
    }
}

impl Transaction {
    /// How an upload stands, and which mailbox has it.
    pub async fn upload_standing(&mut self, id: &str) -> Result<Option<Standing>> {
        let row = self.one("looking at an upload", STANDING, binds![id]).await?;
        row.map(|row| {
            Ok(Standing {
                state: row.text(0)?,
                detected_kind: row.text(1)?,
                sha256: row.text(2)?,
                taken_by: row.int(3)?,
            })
        })
        .transpose()
    }

    /// Another upload of the same octets that a mailbox of this address has.
    pub async fn same_upload(&mut self, job: i64, sha256: &str, email: &str) -> Result<Option<String>> {
        let row = self.one("looking for a twin", SAME, binds![job, sha256, email]).await?;
        row.map(|row| row.text(0)).transpose()
    }

    /// Says which mailbox an upload is for.
    pub async fn aim_upload(&mut self, id: &str, mailbox: Option<i64>, expires_ms: i64) -> Result<bool> {
        Ok(self.run("mapping an upload", AIM, binds![id, mailbox, expires_ms]).await? > 0)
    }

    /// Gives a file to a mailbox that waits for one; false where it does not, or is left out.
    pub async fn fill_mailbox(&mut self, mailbox: i64, source_type: &str, upload: &str) -> Result<bool> {
        Ok(self.run("giving a mailbox its file", FILL_BOX, binds![mailbox, source_type, upload]).await? > 0)
    }

    /// Makes a mailbox for a file beside another of the same address; its id.
    pub async fn mailbox_beside(
        &mut self,
        mailbox: i64,
        (source_type, upload): (&str, &str),
        options_json: &str,
    ) -> Result<i64> {
        let binds = binds![mailbox, source_type, upload, options_json];
        let row = self.one("making a mailbox", BOX_BESIDE, binds).await?;
        row.ok_or(super::StoreError::Stale("the mailbox"))?.int(0)
    }

    /// Takes a file back from a mailbox, with all that was found in it and accepted of it; false where mail was brought
    /// over from it, or a run is not over.
    pub async fn empty_mailbox(&mut self, mailbox: i64, upload: &str, options_json: &str) -> Result<bool> {
        if self.run("taking a file back", EMPTY_BOX, binds![mailbox, upload, options_json]).await? == 0 {
            return Ok(false);
        }
        self.run("forgetting a file's items", FORGET_ITEMS, binds![mailbox]).await?;
        self.run("forgetting a file's folders", FORGET_FOLDERS, binds![mailbox]).await?;
        Ok(true)
    }

    /// Removes a mailbox together with its file, where it brought no mail over from it and holds nothing that another
    /// of the same address does not hold.
    pub async fn remove_spare(&mut self, mailbox: i64, upload: &str) -> Result<bool> {
        Ok(self.run("removing a mailbox", REMOVE_SPARE, binds![mailbox, upload]).await? > 0)
    }

    /// Gives the secrets of a mailbox that goes to another that logs in with them, where there is one.
    pub async fn hand_secrets_over(&mut self, mailbox: i64) -> Result<()> {
        self.run("handing secrets over", HAND_OVER, binds![mailbox]).await.map(|_| ())
    }

    /// How the uploaded file of a mailbox stands, and how many others that are moved into the same address have its
    /// octets; nothing for a mailbox without one.
    pub async fn own_file(&mut self, mailbox: i64) -> Result<Option<(String, u64)>> {
        let row = self.one("looking at a mailbox's file", OWN_FILE, binds![mailbox]).await?;
        row.map(|row| Ok((row.text(0)?, row.count(1)?))).transpose()
    }

    /// Keeps the file of a mailbox that goes until then.
    pub async fn release_upload(&mut self, mailbox: i64, expires_ms: i64) -> Result<()> {
        self.run("keeping a file", RELEASE, binds![mailbox, expires_ms]).await.map(|_| ())
    }

    /// How many files of a job no mailbox has, those among them that are under way, or expired and not removed.
    pub async fn files_waiting(&mut self, job: i64) -> Result<u64> {
        let row = self.one("counting files", WAITING, binds![job]).await?;
        row.map_or(Ok(0), |row| row.count(0))
    }

    /// True while a run of a mailbox is not over.
    pub async fn has_active_run(&mut self, mailbox: i64) -> Result<bool> {
        let row = self.one("looking for runs", ACTIVE, binds![mailbox]).await?;
        Ok(row.map_or(Ok(0), |row| row.int(0))? > 0)
    }
}
