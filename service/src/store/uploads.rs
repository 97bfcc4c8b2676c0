//! Uploaded files as rows: begun, filled chunk by chunk, completed, forgotten; `given` tells which mailbox has one.
//! Never holds an octet of a file, and never a name that the uploader chose as a path.

use super::jobs::reached;
use super::reach::{Reach, within_reach};
use super::{Result, Row, Store, Transaction};
use crate::binds;

/// Uploads of one list, at most.
pub const SHOWN_MAX: i64 = 1_000;

macro_rules! upload_columns {
    () => {
        "upload.id, upload.job_id, COALESCE(upload.mailbox_id, 0), upload.file_name, upload.declared_kind, \
         upload.detected_kind, upload.size_bytes, upload.received_bytes, upload.sha256_expected, upload.sha256, \
         upload.state, upload.refused_reason, upload.path, upload.expires_ms, upload.created_by, upload.created_at, \
         upload.updated_at, job.tenant_id, job.phase, COALESCE((SELECT MIN(box.id) FROM migration_mailboxes AS box \
         WHERE box.job_id = upload.job_id AND box.pst_path = upload.id), 0)"
    };
}
/// Binds: reach, id.
const UPLOAD: &str = concat!(
    "SELECT ",
    upload_columns!(),
    " FROM uploads AS upload JOIN migration_jobs AS job ON job.id = upload.job_id WHERE ",
    within_reach!("job.tenant_id", "job.id"),
    " AND job.deleted_at = '' AND upload.id = $5"
);
/// Binds: reach, job, rows.
const UPLOADS: &str = concat!(
    "SELECT ",
    upload_columns!(),
    " FROM uploads AS upload JOIN migration_jobs AS job ON job.id = upload.job_id WHERE ",
    within_reach!("job.tenant_id", "job.id"),
    " AND job.deleted_at = '' AND upload.job_id = $5 ORDER BY upload.created_at, upload.id LIMIT $6"
);
/// Begins an upload, unless the user has too many open ones or the tenant too many octets. Binds: id, job, mailbox or
/// NULL, file name, declared kind, size, expected digest, path, expires, who, open ones at most, octets of the tenant
/// at most, tenant, now.
const BEGIN: &str = "
    INSERT INTO uploads (id, job_id, mailbox_id, file_name, declared_kind, size_bytes, sha256_expected, path,
                         expires_ms, created_by)
    SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT), CAST($3 AS BIGINT), CAST($4 AS TEXT), CAST($5 AS TEXT),
           CAST($6 AS BIGINT), CAST($7 AS TEXT), CAST($8 AS TEXT), CAST($9 AS BIGINT), CAST($10 AS TEXT)
    WHERE (SELECT COUNT(*) FROM uploads AS own
           WHERE own.created_by = CAST($10 AS TEXT) AND own.state = 'open' AND own.expires_ms > CAST($14 AS BIGINT))
          < CAST($11 AS BIGINT)
      AND (SELECT CAST(COALESCE(SUM(other.size_bytes), 0) AS BIGINT)
           FROM uploads AS other JOIN migration_jobs AS job ON job.id = other.job_id
           WHERE job.tenant_id = CAST($13 AS BIGINT) AND other.state IN ('open', 'complete'))
          <= CAST($12 AS BIGINT) - CAST($6 AS BIGINT)
    RETURNING id";
/// How many uploads a user has open. Binds: who, now.
const OPEN_OF: &str =
    "SELECT COUNT(*) FROM uploads WHERE created_by = $1 AND state = 'open' AND expires_ms > $2";
/// Octets that open uploads have still to bring.
const OUTSTANDING: &str = "
    SELECT CAST(COALESCE(SUM(size_bytes - received_bytes), 0) AS BIGINT) FROM uploads WHERE state = 'open'";
/// Takes a chunk in, where nobody else was faster. Binds: id, offset before, offset after, expires.
const ADVANCE: &str = "
    UPDATE uploads SET received_bytes = $3, expires_ms = $4
    WHERE id = $1 AND received_bytes = $2 AND state = 'open'";
/// Binds: upload, offset, size, digest.
const CHUNK: &str =
    "INSERT INTO upload_chunks (upload_id, offset_bytes, size_bytes, sha256) VALUES ($1, $2, $3, $4)";
/// What came of an upload, in its order. Binds: upload.
const CHUNKS: &str =
    "SELECT size_bytes, sha256 FROM upload_chunks WHERE upload_id = $1 ORDER BY offset_bytes";
/// A file that came in one piece, whose length nobody told. Binds: id, size.
const MEASURED: &str = "
    UPDATE uploads SET size_bytes = $2, received_bytes = $2 WHERE id = $1 AND state = 'open'";
/// Binds: id, digest, kind, expires.
const COMPLETE: &str = "
    UPDATE uploads SET state = 'complete', sha256 = $2, detected_kind = $3, expires_ms = $4
    WHERE id = $1 AND state = 'open' AND received_bytes = size_bytes";
/// Ends an upload without a file; of one whose time was over that somebody knows of it. Binds: id, state.
const DELETE: &str = "
    UPDATE uploads SET state = 'deleted', refused_reason = '', path = ''
    WHERE id = $1 AND state IN ('open', 'complete', 'expired') AND state = $2";
/// Ends an upload that is not taken; one that was completed meanwhile stays. Binds: id, reason.
const REFUSE: &str = "
    UPDATE uploads SET state = 'refused', refused_reason = $2, path = '' WHERE id = $1 AND state = 'open'";
/// Ends an upload whose time is over and that no mailbox has, whatever was so when it was found. Binds: id, reason,
/// now.
const EXPIRE: &str = "
    UPDATE uploads SET state = 'expired', refused_reason = $2, path = ''
    WHERE id = $1 AND state IN ('open', 'complete') AND expires_ms > 0 AND expires_ms <= $3
      AND NOT EXISTS (SELECT 1 FROM migration_mailboxes AS box
                      WHERE box.job_id = uploads.job_id AND box.pst_path = uploads.id)";
/// Uploads whose time is over: files that nobody finished, or that no mailbox ever took. Binds: now.
const OVERDUE: &str = "
    SELECT id, path FROM uploads AS upload
    WHERE upload.state IN ('open', 'complete') AND upload.expires_ms > 0 AND upload.expires_ms <= $1
      AND NOT EXISTS (SELECT 1 FROM migration_mailboxes AS box
                      WHERE box.job_id = upload.job_id AND box.pst_path = upload.id)
    ORDER BY upload.expires_ms LIMIT 1000";
/// Which files are known to be somebody's.
const LIVING: &str = "SELECT id FROM uploads WHERE state IN ('open', 'complete') AND path <> ''";
/// A file as a worker needs it. Binds: id.
const FOR_RUN: &str =
    "SELECT file_name, detected_kind, size_bytes, path, state, sha256 FROM uploads WHERE id = $1";
/// Limits that an administrator has set.
const LIMITS: &str = "SELECT value_json FROM system_settings WHERE key = 'uploads'";

/// Every query of this file, for the test that prepares them.
pub const QUERIES: &[&str] = &[
    UPLOAD,
    UPLOADS,
    BEGIN,
    OPEN_OF,
    OUTSTANDING,
    ADVANCE,
    CHUNK,
    CHUNKS,
    MEASURED,
    COMPLETE,
    DELETE,
    REFUSE,
    EXPIRE,
    OVERDUE,
    LIVING,
    FOR_RUN,
    LIMITS,
];

/// An upload as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the column of its name in uploads")]
pub struct UploadRow {
    pub id: String,
    pub job_id: i64,
    /// The mailbox that it is meant for; 0: none was named.
    pub mailbox_id: i64,
    pub file_name: String,
    pub declared_kind: String,
    pub detected_kind: String,
    pub size_bytes: u64,
    pub received_bytes: u64,
    pub sha256_expected: String,
    pub sha256: String,
    pub state: String,
    pub refused_reason: String,
    pub path: String,
    pub expires_ms: i64,
    pub created_by: String,
    pub created_at: String,
    pub updated_at: String,
    /// The job's tenant.
    pub tenant_id: i64,
    /// The job's phase.
    pub phase: String,
    /// The mailbox whose mail it is; 0: none yet.
    pub taken_by: i64,
}

fn upload(row: &Row) -> Result<UploadRow> {
    Ok(UploadRow {
        id: row.text(0)?,
        job_id: row.int(1)?,
        mailbox_id: row.int(2)?,
        file_name: row.text(3)?,
        declared_kind: row.text(4)?,
        detected_kind: row.text(5)?,
        size_bytes: row.count(6)?,
        received_bytes: row.count(7)?,
        sha256_expected: row.text(8)?,
        sha256: row.text(9)?,
        state: row.text(10)?,
        refused_reason: row.text(11)?,
        path: row.text(12)?,
        expires_ms: row.int(13)?,
        created_by: row.text(14)?,
        created_at: row.text(15)?,
        updated_at: row.text(16)?,
        tenant_id: row.int(17)?,
        phase: row.text(18)?,
        taken_by: row.int(19)?,
    })
}

/// An upload to be begun.
#[derive(Debug, Clone)]
pub struct NewUpload<'a> {
    /// Its id, which is the file's name too.
    pub id: &'a str,
    /// Of which job.
    pub job_id: i64,
    /// For which mailbox.
    pub mailbox_id: Option<i64>,
    /// What the uploader calls it.
    pub file_name: &'a str,
    /// What the uploader says it is; empty for nothing.
    pub declared_kind: &'a str,
    /// Its length in octets.
    pub size_bytes: u64,
    /// Its SHA-256 in hexadecimal digits; empty where nobody says.
    pub sha256_expected: &'a str,
    /// When it is given up, in milliseconds since 1970.
    pub expires_ms: i64,
    /// Whose it is.
    pub created_by: &'a str,
    /// The job's tenant.
    pub tenant_id: i64,
}

/// A file as a worker needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the column of its name in uploads")]
pub struct UploadFile {
    pub file_name: String,
    pub detected_kind: String,
    pub size_bytes: u64,
    pub path: String,
    pub state: String,
    pub sha256: String,
}

/// A chunk that lies on the disk.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    /// Where it begins.
    pub offset: u64,
    /// How long it is.
    pub octets: u64,
    /// Its SHA-256 in hexadecimal digits.
    pub sha256: &'a str,
}

/// A chunk as it was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkSum {
    /// How many octets.
    pub octets: u64,
    /// Their SHA-256 in hexadecimal digits.
    pub sha256: String,
}

fn signed(octets: u64) -> i64 {
    i64::try_from(octets).unwrap_or(i64::MAX)
}

impl Store {
    /// An upload of a job that the caller may see.
    pub async fn upload(&self, reach: &Reach, id: &str) -> Result<Option<UploadRow>> {
        self.one("reading an upload", UPLOAD, reached(reach, binds![id]))
            .await?
            .as_ref()
            .map(upload)
            .transpose()
    }

    /// A job's uploads, oldest first.
    pub async fn uploads(&self, reach: &Reach, job: i64) -> Result<Vec<UploadRow>> {
        let binds = reached(reach, binds![job, SHOWN_MAX]);
        self.all("reading uploads", UPLOADS, binds).await?.iter().map(upload).collect()
    }

    /// Begins an upload; false where the user has `open_max` open already, or the tenant would have more than
    /// `tenant_max` octets.
    pub async fn begin_upload(
        &self,
        new: &NewUpload<'_>,
        (open_max, tenant_max): (u64, u64),
        now_ms: i64,
    ) -> Result<bool> {
        let binds = binds![
            new.id,
            new.job_id,
            new.mailbox_id,
            new.file_name,
            new.declared_kind,
            signed(new.size_bytes),
            new.sha256_expected,
            new.id,
            new.expires_ms,
            new.created_by,
            signed(open_max),
            signed(tenant_max),
            new.tenant_id,
            now_ms,
        ];
        Ok(self.one("beginning an upload", BEGIN, binds).await?.is_some())
    }

    /// How many uploads a user has open.
    pub async fn open_uploads(&self, actor: &str, now_ms: i64) -> Result<u64> {
        let row = self.one("counting uploads", OPEN_OF, binds![actor, now_ms]).await?;
        row.map_or(Ok(0), |row| row.count(0))
    }

    /// Octets that open uploads have still to bring.
    pub async fn outstanding_octets(&self) -> Result<u64> {
        self.one("counting uploads", OUTSTANDING, binds![]).await?.map_or(Ok(0), |row| row.count(0))
    }

    /// Takes a chunk in that lies on the disk; false where the upload is no longer where it was.
    pub async fn take_chunk(&self, id: &str, chunk: Chunk<'_>, expires_ms: i64) -> Result<bool> {
        let (offset, octets) = (signed(chunk.offset), signed(chunk.octets));
        let mut transaction = self.begin().await?;
        let step = binds![id, offset, offset.saturating_add(octets), expires_ms];
        if transaction.run("taking a chunk", ADVANCE, step).await? == 0 {
            return Ok(false);
        }
        let row = binds![id, offset, octets, chunk.sha256];
        transaction.run("writing a chunk down", CHUNK, row).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Writes down how long a file is that came in one piece.
    pub async fn measure_upload(&self, id: &str, octets: u64) -> Result<bool> {
        Ok(self.run("measuring an upload", MEASURED, binds![id, signed(octets)]).await? > 0)
    }

    /// Ends an upload that is not taken; false where it had ended, or was completed meanwhile.
    pub async fn refuse_upload(&self, id: &str, reason: &str) -> Result<bool> {
        Ok(self.run("refusing an upload", REFUSE, binds![id, reason]).await? > 0)
    }

    /// Ends an upload whose time is over; false where somebody went on with it meanwhile, or a mailbox has it.
    pub async fn expire_upload(&self, id: &str, reason: &str, now_ms: i64) -> Result<bool> {
        Ok(self.run("ending an upload", EXPIRE, binds![id, reason, now_ms]).await? > 0)
    }

    /// The chunks of an upload that were taken in.
    pub async fn upload_chunks(&self, id: &str) -> Result<Vec<ChunkSum>> {
        let rows = self.all("reading chunks", CHUNKS, binds![id]).await?;
        rows.iter().map(|row| Ok(ChunkSum { octets: row.count(0)?, sha256: row.text(1)? })).collect()
    }

    /// Uploads whose time is over, with their files.
    pub async fn overdue_uploads(&self, now_ms: i64) -> Result<Vec<(String, String)>> {
        let rows = self.all("looking for old uploads", OVERDUE, binds![now_ms]).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect()
    }

    /// Ids of the uploads that have a file.
    pub async fn living_uploads(&self) -> Result<Vec<String>> {
        self.all("reading uploads", LIVING, binds![]).await?.iter().map(|row| row.text(0)).collect()
    }

    /// A file as a worker needs it; nothing where there never was one.
    pub async fn upload_file(&self, id: &str) -> Result<Option<UploadFile>> {
        let row = self.one("reading an upload", FOR_RUN, binds![id]).await?;
        let read = |row: Row| {
            Ok(UploadFile {
                file_name: row.text(0)?,
                detected_kind: row.text(1)?,
                size_bytes: row.count(2)?,
                path: row.text(3)?,
                state: row.text(4)?,
                sha256: row.text(5)?,
            })
        };
        row.map(read).transpose()
    }

    /// Limits that an administrator has set, as JSON; nothing where none are.
    pub async fn upload_limits(&self) -> Result<Option<String>> {
        self.one("reading limits", LIMITS, binds![]).await?.map(|row| row.text(0)).transpose()
    }
}

impl Transaction {
    /// Completes an upload; false where it is not open, or not all of it is there.
    pub async fn complete_upload(
        &mut self,
        id: &str,
        (sha256, kind): (&str, &str),
        expires_ms: i64,
    ) -> Result<bool> {
        Ok(self.run("completing an upload", COMPLETE, binds![id, sha256, kind, expires_ms]).await? > 0)
    }

    /// Ends an upload whose file goes now; false where it is no longer in the state in which it was seen.
    pub async fn delete_upload(&mut self, id: &str, seen: &str) -> Result<bool> {
        Ok(self.run("ending an upload", DELETE, binds![id, seen]).await? > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Where, migrate};

    #[tokio::test]
    async fn an_upload_that_another_request_completed_is_not_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::connect(&Where::in_folder(folder.path())).await.expect("a store");
        migrate::up(&store).await.expect("it is empty");
        let run = async |text: &'static str| store.run("test", text, Vec::new()).await.expect("it is right");
        run("INSERT INTO tenants (id, name) VALUES (1, 'a')").await;
        run("INSERT INTO migration_jobs (id, tenant_id, domain, phase) VALUES (1, 1, 'x', 'initial_sync')")
            .await;
        let (open, whole) = ("0b6f1b1e-0000-4000-8000-0123456789ab", "0b6f1b1e-0000-4000-8000-0123456789ac");
        for id in [open, whole] {
            let text = "INSERT INTO uploads (id, job_id, size_bytes, path) VALUES ($1, 1, 0, $1)";
            store.run("test", text, binds![id]).await.expect("it is right");
        }
        let mut transaction = store.begin().await.expect("a transaction");
        assert!(transaction.complete_upload(whole, ("", "mbox"), 1).await.expect("it is open"));
        transaction.commit().await.expect("nobody else is there");
        assert!(store.refuse_upload(open, "x").await.expect("it is there"));
        assert!(!store.refuse_upload(whole, "x").await.expect("it is there"));
        let delete = async |id, seen| {
            let mut transaction = store.begin().await.expect("a transaction");
            let is_deleted = transaction.delete_upload(id, seen).await.expect("it is there");
            transaction.commit().await.expect("nobody else is there");
            is_deleted
        };
        assert!(!delete(whole, "open").await, "seen before it was whole");
        let state =
            async |id| store.upload_file(id).await.expect("a row").map(|file| (file.state, file.path));
        assert_eq!(state(open).await, Some(("refused".to_owned(), String::new())));
        assert_eq!(state(whole).await, Some(("complete".to_owned(), whole.to_owned())));
        assert!(delete(whole, "complete").await);
        assert_eq!(state(whole).await, Some(("deleted".to_owned(), String::new())));
        assert!(!delete(open, "refused").await, "it had ended");
    }
}
