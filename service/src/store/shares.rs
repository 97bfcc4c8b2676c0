//! The customer's links as rows: whose, until when, when they were used, whether they were taken back.
//! Never holds a link itself.

use super::{Result, Row, Store};
use crate::binds;

/// Binds: id, job, who, now_ms, expires_ms.
const INSERT: &str = "
    INSERT INTO share_links (id, job_id, created_by, created_ms, expires_ms) VALUES ($1, $2, $3, $4, $5)";
/// Notes that a living link was used; nothing where it is over. Binds: id, job, now_ms.
const USE: &str = "
    UPDATE share_links SET used_ms = $3, uses = uses + 1
    WHERE id = $1 AND job_id = $2 AND revoked_ms = 0 AND expires_ms > $3";
/// Binds: id, job, now_ms, who.
const REVOKE: &str = "
    UPDATE share_links SET revoked_ms = $3, revoked_by = $4 WHERE id = $1 AND job_id = $2 AND revoked_ms = 0";
/// Binds: job.
const LIST: &str = "
    SELECT id, created_by, created_ms, expires_ms, used_ms, uses, revoked_ms, revoked_by FROM share_links
    WHERE job_id = $1 ORDER BY created_ms DESC, id LIMIT 200";

/// Every query of this file, for the test that prepares them.
pub const QUERIES: &[&str] = &[INSERT, USE, REVOKE, LIST];

/// A link as its makers see it.
#[expect(missing_docs, reason = "each field is the column of its name in share_links")]
pub struct ShareRow {
    pub id: String,
    pub created_by: String,
    pub created_ms: i64,
    pub expires_ms: i64,
    pub used_ms: i64,
    pub uses: i64,
    pub revoked_ms: i64,
    pub revoked_by: String,
}

impl Store {
    /// Writes a link down.
    ///
    /// # Errors
    /// What the database says.
    pub async fn insert_share(
        &self,
        (id, job): (&str, i64),
        who: &str,
        now_ms: i64,
        expires_ms: i64,
    ) -> Result<()> {
        self.run("writing a link", INSERT, binds![id, job, who, now_ms, expires_ms]).await.map(|_| ())
    }

    /// Notes that a link is used; false where it was taken back, is over or is not known.
    ///
    /// # Errors
    /// What the database says.
    pub async fn use_share(&self, id: &str, job: i64, now_ms: i64) -> Result<bool> {
        Ok(self.run("noting the use of a link", USE, binds![id, job, now_ms]).await? > 0)
    }

    /// Takes a link back; false where there is none that was not.
    ///
    /// # Errors
    /// What the database says.
    pub async fn revoke_share(&self, id: &str, job: i64, now_ms: i64, who: &str) -> Result<bool> {
        Ok(self.run("taking a link back", REVOKE, binds![id, job, now_ms, who]).await? > 0)
    }

    /// The links of a job, the latest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn shares(&self, job: i64) -> Result<Vec<ShareRow>> {
        let read = |row: &Row| {
            Ok(ShareRow {
                id: row.text(0)?,
                created_by: row.text(1)?,
                created_ms: row.int(2)?,
                expires_ms: row.int(3)?,
                used_ms: row.int(4)?,
                uses: row.int(5)?,
                revoked_ms: row.int(6)?,
                revoked_by: row.text(7)?,
            })
        };
        self.all("reading links", LIST, binds![job]).await?.iter().map(read).collect()
    }
}
