//! Credentials that are kept at a server, as rows; those of a server that is everybody's are for whoever sees all.
//! Never sees a secret in clear: what it stores is sealed already.

use super::jobs::reached;
use super::reach::Reach;
use super::{Result, Row, Store};
use crate::binds;

macro_rules! columns {
    () => {
        "its.id, its.endpoint_id, COALESCE(server.tenant_id, 0), server.name, its.name, its.login_user, its.kind, \
         its.secret_encrypted, its.expires_ms, its.grant_json, its.status, its.last_ok_at, its.last_used_ms, \
         its.usage_count, its.version, its.created_by, its.created_at"
    };
}
macro_rules! reached {
    () => {
        "($1 = 1 OR (server.tenant_id IS NOT NULL AND $2 LIKE '%,' || CAST(server.tenant_id AS TEXT) || ',%')) \
         AND $3 LIKE ',%' \
         AND (server.tenant_id IS NULL OR $4 NOT LIKE '%,t' || CAST(server.tenant_id AS TEXT) || ',%')"
    };
}
/// Binds: reach, server or empty, after id, rows.
const LIST: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM endpoint_credentials AS its JOIN endpoints AS server ON server.id = its.endpoint_id WHERE ",
    reached!(),
    " AND ($5 = '' OR its.endpoint_id = $5) AND its.id > $6 ORDER BY its.id LIMIT $7"
);
/// How many there are. Binds: reach, server or empty.
const COUNT: &str = concat!(
    "SELECT COUNT(*) FROM endpoint_credentials AS its JOIN endpoints AS server ON server.id = its.endpoint_id WHERE ",
    reached!(),
    " AND ($5 = '' OR its.endpoint_id = $5)"
);
/// Binds: reach, id.
const SEEN: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM endpoint_credentials AS its JOIN endpoints AS server ON server.id = its.endpoint_id WHERE ",
    reached!(),
    " AND its.id = $5"
);
/// For runs, which see everything. Binds: id.
const ONE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM endpoint_credentials AS its JOIN endpoints AS server ON server.id = its.endpoint_id WHERE its.id = $1"
);
/// Binds: id, server, name, login, kind, sealed secret, expires_ms, grant, status, who.
const INSERT: &str = "
    INSERT INTO endpoint_credentials (id, endpoint_id, name, login_user, kind, secret_encrypted, expires_ms,
                                      grant_json, status, created_by)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
/// Binds: id, kind, sealed secret, expires_ms, status.
const CHANGE: &str = "
    UPDATE endpoint_credentials SET kind = $2, secret_encrypted = $3, expires_ms = $4, status = $5,
        version = version + 1
    WHERE id = $1";
/// A renewed token of the same grant, where the one before it is still there. Binds: id, sealed before, sealed.
const RENEW: &str =
    "UPDATE endpoint_credentials SET secret_encrypted = $3 WHERE id = $1 AND secret_encrypted = $2";
/// Binds: id.
const DELETE: &str = "
    DELETE FROM endpoint_credentials WHERE id = $1
      AND NOT EXISTS (SELECT 1 FROM migration_jobs AS job
                      WHERE (job.source_credential_id = $1 OR job.dest_credential_id = $1)
                        AND job.deleted_at = '' AND job.phase <> 'closed')
      AND NOT EXISTS (SELECT 1 FROM migration_mailboxes AS box JOIN migration_jobs AS job ON job.id = box.job_id
                      WHERE (box.source_credential_id = $1 OR box.dest_credential_id = $1)
                        AND job.deleted_at = '' AND job.phase <> 'closed')";
/// Jobs and mailboxes that name it. Binds: id.
const USES: &str = "
    SELECT (SELECT COUNT(*) FROM migration_jobs AS job
            WHERE (job.source_credential_id = $1 OR job.dest_credential_id = $1)
              AND job.deleted_at = '' AND job.phase <> 'closed'),
           (SELECT COUNT(*) FROM migration_mailboxes AS box JOIN migration_jobs AS job ON job.id = box.job_id
            WHERE (box.source_credential_id = $1 OR box.dest_credential_id = $1)
              AND job.deleted_at = '' AND job.phase <> 'closed')";
/// Binds: id, status.
const SET_STATUS: &str = "UPDATE endpoint_credentials SET status = $2 WHERE id = $1";
/// Binds: id, now_ms.
const USED: &str =
    "UPDATE endpoint_credentials SET last_used_ms = $2, usage_count = usage_count + 1 WHERE id = $1";
/// Binds: id, now_at.
const WORKED: &str = "UPDATE endpoint_credentials SET last_ok_at = $2 WHERE id = $1";
/// Takes the right to renew it. Binds: id, who, until_ms, now_ms.
const LEASE: &str = "
    UPDATE endpoint_credentials SET lease_id = $2, lease_until_ms = $3
    WHERE id = $1 AND (lease_id = '' OR lease_until_ms < $4)";
/// Binds: id, who.
const UNLEASE: &str =
    "UPDATE endpoint_credentials SET lease_id = '', lease_until_ms = 0 WHERE id = $1 AND lease_id = $2";
/// Credentials of a server. Binds: server.
const OF_SERVER: &str = "SELECT COUNT(*) FROM endpoint_credentials WHERE endpoint_id = $1";
/// Binds: mailbox, credential.
const NAME_SOURCE: &str =
    "UPDATE migration_mailboxes SET source_credential_id = $2, version = version + 1 WHERE id = $1";
/// Binds: mailbox, credential.
const NAME_DESTINATION: &str =
    "UPDATE migration_mailboxes SET dest_credential_id = $2, version = version + 1 WHERE id = $1";

/// A credential that is kept at a server.
#[derive(Clone, PartialEq, Eq, Default)]
#[expect(
    missing_docs,
    reason = "each field is the column of its name in endpoint_credentials or its endpoint"
)]
pub struct KeptRow {
    pub id: String,
    pub endpoint_id: String,
    /// 0: everybody's.
    pub tenant_id: i64,
    pub endpoint_name: String,
    pub name: String,
    pub login_user: String,
    pub kind: String,
    pub sealed: String,
    pub expires_ms: i64,
    pub grant_json: String,
    pub status: String,
    pub last_ok_at: String,
    pub last_used_ms: i64,
    pub usage_count: i64,
    pub version: i64,
    pub created_by: String,
    pub created_at: String,
}

fn kept(row: &Row) -> Result<KeptRow> {
    Ok(KeptRow {
        id: row.text(0)?,
        endpoint_id: row.text(1)?,
        tenant_id: row.int(2)?,
        endpoint_name: row.text(3)?,
        name: row.text(4)?,
        login_user: row.text(5)?,
        kind: row.text(6)?,
        sealed: row.text(7)?,
        expires_ms: row.int(8)?,
        grant_json: row.text(9)?,
        status: row.text(10)?,
        last_ok_at: row.text(11)?,
        last_used_ms: row.int(12)?,
        usage_count: row.int(13)?,
        version: row.int(14)?,
        created_by: row.text(15)?,
        created_at: row.text(16)?,
    })
}

impl Store {
    /// Credentials at servers that the caller may see, after one.
    pub async fn kept_rows(
        &self,
        reach: &Reach,
        (endpoint, after): (&str, &str),
        rows: i64,
    ) -> Result<Vec<KeptRow>> {
        let binds = reached(reach, binds![endpoint, after, rows]);
        self.all("reading credentials", LIST, binds).await?.iter().map(kept).collect()
    }

    /// How many there are at a server, or at all.
    pub async fn kept_count(&self, reach: &Reach, endpoint: &str) -> Result<i64> {
        let row = self.one("counting credentials", COUNT, reached(reach, binds![endpoint])).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    /// One that the caller may see.
    pub async fn kept_row(&self, reach: &Reach, id: &str) -> Result<Option<KeptRow>> {
        self.one("reading a credential", SEEN, reached(reach, binds![id]))
            .await?
            .as_ref()
            .map(kept)
            .transpose()
    }

    /// One, for a run that names it.
    pub async fn kept(&self, id: &str) -> Result<Option<KeptRow>> {
        self.one("reading a credential", ONE, binds![id]).await?.as_ref().map(kept).transpose()
    }

    /// Writes one. Fails as a duplicate where the server has one of that name.
    pub async fn insert_kept(&self, row: &KeptRow) -> Result<()> {
        let binds = binds![
            &row.id,
            &row.endpoint_id,
            &row.name,
            &row.login_user,
            &row.kind,
            &row.sealed,
            row.expires_ms,
            &row.grant_json,
            &row.status,
            &row.created_by,
        ];
        self.run("writing a credential", INSERT, binds).await.map(|_| ())
    }

    /// Puts another secret in the place of its own; whoever logs in next gets that.
    pub async fn change_kept(
        &self,
        id: &str,
        (kind, sealed): (&str, &str),
        expires_ms: i64,
        status: &str,
    ) -> Result<bool> {
        let binds = binds![id, kind, sealed, expires_ms, status];
        Ok(self.run("changing a credential", CHANGE, binds).await? > 0)
    }

    /// Puts a renewed token in the place of the one before it; false where that is not there any more.
    pub async fn renew_kept(&self, id: &str, before: &str, sealed: &str) -> Result<bool> {
        Ok(self.run("renewing a credential", RENEW, binds![id, before, sealed]).await? > 0)
    }

    /// Removes one that no open job and no mailbox of one names; false where one does.
    pub async fn delete_kept(&self, id: &str) -> Result<bool> {
        Ok(self.run("removing a credential", DELETE, binds![id]).await? > 0)
    }

    /// How many open jobs and mailboxes name one.
    pub async fn kept_uses(&self, id: &str) -> Result<(i64, i64)> {
        let row = self.one("counting uses of a credential", USES, binds![id]).await?;
        row.map_or(Ok((0, 0)), |row| Ok((row.int(0)?, row.int(1)?)))
    }

    /// Says how it stands.
    pub async fn set_kept_status(&self, id: &str, status: &str) -> Result<()> {
        self.run("changing a credential", SET_STATUS, binds![id, status]).await.map(|_| ())
    }

    /// Counts that a run was given it.
    pub async fn kept_used(&self, id: &str, now_ms: i64) -> Result<()> {
        self.run("counting a credential's use", USED, binds![id, now_ms]).await.map(|_| ())
    }

    /// Notes that a login with it worked.
    pub async fn kept_worked(&self, id: &str, now_at: &str) -> Result<()> {
        self.run("noting that a credential worked", WORKED, binds![id, now_at]).await.map(|_| ())
    }

    /// Takes the right to renew it until then; false where somebody else has it.
    pub async fn lease_kept(&self, id: &str, who: &str, until_ms: i64, now_ms: i64) -> Result<bool> {
        Ok(self.run("taking a credential's turn", LEASE, binds![id, who, until_ms, now_ms]).await? > 0)
    }

    /// Gives it back.
    pub async fn unlease_kept(&self, id: &str, who: &str) -> Result<()> {
        self.run("ending a credential's turn", UNLEASE, binds![id, who]).await.map(|_| ())
    }

    /// How many a server keeps.
    pub async fn kept_at(&self, endpoint: &str) -> Result<i64> {
        let row = self.one("counting credentials", OF_SERVER, binds![endpoint]).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    /// Has a mailbox name one.
    pub async fn name_kept(&self, mailbox: i64, is_source: bool, id: &str) -> Result<()> {
        let text = if is_source { NAME_SOURCE } else { NAME_DESTINATION };
        self.run("naming a credential", text, binds![mailbox, id]).await.map(|_| ())
    }
}
