//! Data keys and the credentials sealed under them, as rows.
//! Never sees a key or a secret in clear: what it stores is wrapped or sealed already.

use super::{Bind, Result, Row, Store, Transaction};
use crate::binds;

/// The newest key of a job (0: the service's own) that is not destroyed. Binds: job.
const NEWEST: &str = "
    SELECT id, COALESCE(job_id, 0), version, master_key_id, wrapped_key FROM data_keys
    WHERE COALESCE(job_id, 0) = $1 AND destroyed_ms = 0 ORDER BY version DESC LIMIT 1";
/// A key by its name. Binds: id.
const BY_ID: &str = "
    SELECT id, COALESCE(job_id, 0), version, master_key_id, wrapped_key FROM data_keys
    WHERE id = $1 AND destroyed_ms = 0";
/// Every key that is not destroyed.
const LIVING: &str = "
    SELECT id, COALESCE(job_id, 0), version, master_key_id, wrapped_key FROM data_keys
    WHERE destroyed_ms = 0 ORDER BY id";
/// The version that a job's next key gets. Binds: job.
const NEXT_VERSION: &str =
    "SELECT COALESCE(MAX(version), 0) + 1 FROM data_keys WHERE COALESCE(job_id, 0) = $1";
/// Binds: id, job or NULL, version, algorithm, master key, wrapped octets.
const INSERT: &str = "
    INSERT INTO data_keys (id, job_id, version, algorithm, master_key_id, wrapped_key)
    VALUES ($1, $2, $3, $4, $5, $6)";
/// Binds: id, master key, wrapped octets.
const REWRAP: &str = "
    UPDATE data_keys SET master_key_id = $2, wrapped_key = $3 WHERE id = $1 AND destroyed_ms = 0";
/// Binds: job, now_ms.
const DESTROY: &str = "
    UPDATE data_keys SET wrapped_key = $3, destroyed_ms = $2
    WHERE COALESCE(job_id, 0) = $1 AND destroyed_ms = 0";
/// Binds: id, now_ms, no octets.
const DESTROY_ONE: &str = "
    UPDATE data_keys SET wrapped_key = $3, destroyed_ms = $2 WHERE id = $1 AND destroyed_ms = 0";
/// How many keys each master key wraps.
const USE: &str = "
    SELECT master_key_id, COUNT(*) FROM data_keys WHERE destroyed_ms = 0 GROUP BY master_key_id
    ORDER BY master_key_id";

/// Binds: id, mailbox, side, kind, key, blob, expires.
const INSERT_CREDENTIAL: &str = "
    INSERT INTO migration_credentials (id, mailbox_id, side, kind, key_id, secret_blob, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
/// Binds: mailbox, side.
const DELETE_SIDE: &str = "DELETE FROM migration_credentials WHERE mailbox_id = $1 AND side = $2";
/// Binds: mailbox, id.
const REFER_SOURCE: &str = "
    UPDATE migration_mailboxes SET credentials_ref = $2, version = version + 1 WHERE id = $1";
/// Binds: mailbox, id.
const REFER_DESTINATION: &str = "
    UPDATE migration_mailboxes SET dest_credentials_ref = $2, version = version + 1 WHERE id = $1";
/// Binds: id.
const CREDENTIAL: &str = "
    SELECT key_id, secret_blob, COALESCE(expires_at, '') FROM migration_credentials WHERE id = $1";
/// Binds: key.
const CREDENTIALS_OF_KEY: &str =
    "SELECT id, secret_blob FROM migration_credentials WHERE key_id = $1 LIMIT 500";
/// Binds: id, key, blob, old key.
const RESEAL_CREDENTIAL: &str = "
    UPDATE migration_credentials SET key_id = $2, secret_blob = $3, version = version + 1
    WHERE id = $1 AND key_id = $4";
/// Binds: job.
const DELETE_OF_JOB: &str = "
    DELETE FROM migration_credentials
    WHERE mailbox_id IN (SELECT id FROM migration_mailboxes WHERE job_id = $1)";
/// Binds: job.
const FORGET_OF_JOB: &str = "
    UPDATE migration_mailboxes SET credentials_ref = NULL, dest_credentials_ref = NULL WHERE job_id = $1";
/// Binds: id, job, counts, actor, digest, now_ms.
const CERTIFY: &str = "
    INSERT INTO purge_certificates (id, job_id, counts_json, actor, digest, purged_ms)
    VALUES ($1, $2, $3, $4, $5, $6)";
/// Binds: job.
const CERTIFICATE: &str = "
    SELECT id, job_id, counts_json, actor, digest, purged_ms FROM purge_certificates
    WHERE job_id = $1 ORDER BY purged_ms DESC LIMIT 1";
/// Files of uploads that are not yet deleted. Binds: job.
const UPLOADS: &str = "SELECT path FROM uploads WHERE job_id = $1 AND path <> ''";
/// Binds: job.
const FORGET_UPLOADS: &str = "UPDATE uploads SET state = 'deleted', path = '' WHERE job_id = $1";

/// Every query of this file, for the test that prepares them.
pub const QUERIES: &[&str] = &[
    NEWEST,
    BY_ID,
    LIVING,
    NEXT_VERSION,
    INSERT,
    REWRAP,
    DESTROY,
    DESTROY_ONE,
    USE,
    INSERT_CREDENTIAL,
    DELETE_SIDE,
    REFER_SOURCE,
    REFER_DESTINATION,
    CREDENTIAL,
    CREDENTIALS_OF_KEY,
    RESEAL_CREDENTIAL,
    DELETE_OF_JOB,
    FORGET_OF_JOB,
    CERTIFY,
    CERTIFICATE,
    UPLOADS,
    FORGET_UPLOADS,
];

/// A data key's row.
pub struct KeyRow {
    /// Its name.
    pub id: String,
    /// Its job; 0: the service's own.
    pub job_id: i64,
    /// Its version within the job.
    pub version: i64,
    /// What wraps it.
    pub master_key_id: String,
    /// The wrapped octets.
    pub wrapped: Vec<u8>,
}

impl KeyRow {
    fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.text(0)?,
            job_id: row.int(1)?,
            version: row.int(2)?,
            master_key_id: row.text(3)?,
            wrapped: row.octets(4)?,
        })
    }
}

/// A sealed credential's row.
pub struct CredentialRow {
    /// The data key.
    pub key_id: String,
    /// `v1.<kid>.fernet.<token>`.
    pub sealed: String,
    /// When it expires, in RFC 3339; empty: never.
    pub expires_at: String,
}

/// What is left of a purged job's secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRow {
    /// Its id.
    pub id: String,
    /// The job.
    pub job_id: i64,
    /// What was destroyed, as JSON.
    pub counts_json: String,
    /// Who did it.
    pub actor: String,
    /// SHA-256 of the rest.
    pub digest: String,
    /// When, in milliseconds since 1970.
    pub purged_ms: i64,
}

impl Store {
    /// The newest living key of a job; 0: the service's own.
    pub async fn newest_key(&self, job_id: i64) -> Result<Option<KeyRow>> {
        self.one("reading a data key", NEWEST, binds![job_id]).await?.as_ref().map(KeyRow::read).transpose()
    }

    /// A living key by its name.
    pub async fn key(&self, id: &str) -> Result<Option<KeyRow>> {
        self.one("reading a data key", BY_ID, binds![id]).await?.as_ref().map(KeyRow::read).transpose()
    }

    /// Every living key.
    pub async fn living_keys(&self) -> Result<Vec<KeyRow>> {
        self.all("reading data keys", LIVING, binds![]).await?.iter().map(KeyRow::read).collect()
    }

    /// The version of a job's next key.
    pub async fn next_key_version(&self, job_id: i64) -> Result<i64> {
        let row = self.one("counting data keys", NEXT_VERSION, binds![job_id]).await?;
        row.map_or(Ok(1), |row| row.int(0))
    }

    /// Writes a new key. Fails as a duplicate where another was faster.
    pub async fn insert_key(&self, key: &KeyRow) -> Result<()> {
        self.run("writing a data key", INSERT, inserted(key)).await.map(|_| ())
    }

    /// Replaces a key's wrapping.
    pub async fn rewrap_key(&self, id: &str, master_key_id: &str, wrapped: Vec<u8>) -> Result<()> {
        self.run("wrapping a data key anew", REWRAP, binds![id, master_key_id, wrapped]).await.map(|_| ())
    }

    /// Destroys one key.
    pub async fn destroy_key(&self, id: &str, now_ms: i64) -> Result<()> {
        let binds = binds![id, now_ms, Vec::<u8>::new()];
        self.run("destroying a data key", DESTROY_ONE, binds).await.map(|_| ())
    }

    /// How many living keys each master key wraps.
    pub async fn keys_by_master(&self) -> Result<Vec<(String, i64)>> {
        let rows = self.all("counting data keys", USE, binds![]).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.int(1)?))).collect()
    }

    /// A credential by its id.
    pub async fn credential(&self, id: &str) -> Result<Option<CredentialRow>> {
        let row = self.one("reading a credential", CREDENTIAL, binds![id]).await?;
        row.map(|row| {
            let sealed = String::from_utf8_lossy(&row.octets(1)?).into_owned();
            Ok(CredentialRow { key_id: row.text(0)?, sealed, expires_at: row.text(2)? })
        })
        .transpose()
    }

    /// Some credentials that are sealed under a key: id and sealed text.
    pub async fn credentials_of_key(&self, key_id: &str) -> Result<Vec<(String, String)>> {
        let rows = self.all("reading credentials", CREDENTIALS_OF_KEY, binds![key_id]).await?;
        let read = |row: &Row| Ok((row.text(0)?, String::from_utf8_lossy(&row.octets(1)?).into_owned()));
        rows.iter().map(read).collect()
    }

    /// Seals a credential anew, where it still is sealed under the old key.
    pub async fn reseal_credential(&self, id: &str, key_id: &str, sealed: &str, old_key: &str) -> Result<()> {
        let binds = binds![id, key_id, sealed.as_bytes().to_vec(), old_key];
        self.run("sealing a credential anew", RESEAL_CREDENTIAL, binds).await.map(|_| ())
    }

    /// A job's purge certificate.
    pub async fn purge_certificate(&self, job_id: i64) -> Result<Option<CertificateRow>> {
        let row = self.one("reading a purge certificate", CERTIFICATE, binds![job_id]).await?;
        row.map(|row| {
            Ok(CertificateRow {
                id: row.text(0)?,
                job_id: row.int(1)?,
                counts_json: row.text(2)?,
                actor: row.text(3)?,
                digest: row.text(4)?,
                purged_ms: row.int(5)?,
            })
        })
        .transpose()
    }

    /// Files of a job's uploads.
    pub async fn upload_paths(&self, job_id: i64) -> Result<Vec<String>> {
        self.all("reading uploads", UPLOADS, binds![job_id]).await?.iter().map(|row| row.text(0)).collect()
    }
}

/// What is written of a new credential.
pub struct NewCredential<'a> {
    /// Its id.
    pub id: &'a str,
    /// The mailbox.
    pub mailbox_id: i64,
    /// It is the source's; else the destination's.
    pub is_source: bool,
    /// `password`, `oauth` or `service_account`.
    pub kind: &'a str,
    /// The data key.
    pub key_id: &'a str,
    /// The sealed secret.
    pub sealed: &'a str,
    /// When it expires, in RFC 3339.
    pub expires_at: Option<&'a str>,
}

fn inserted(key: &KeyRow) -> Vec<Bind> {
    let job = (key.job_id != 0).then_some(key.job_id);
    let algorithm = if key.job_id == 0 { "a256gcm" } else { "fernet" };
    binds![&key.id, job, key.version, algorithm, &key.master_key_id, key.wrapped.clone()]
}

impl Transaction {
    /// Writes the first key of a job that is being made.
    pub async fn insert_key(&mut self, key: &KeyRow) -> Result<()> {
        self.run("writing a data key", INSERT, inserted(key)).await.map(|_| ())
    }

    /// Puts a credential in the place of what a mailbox's side had, and has the mailbox refer to it.
    pub async fn replace_credential(&mut self, new: &NewCredential<'_>) -> Result<()> {
        let side = if new.is_source { "source" } else { "destination" };
        let refer = if new.is_source { REFER_SOURCE } else { REFER_DESTINATION };
        self.run("removing a credential", DELETE_SIDE, binds![new.mailbox_id, side]).await?;
        let blob = new.sealed.as_bytes().to_vec();
        let binds = binds![new.id, new.mailbox_id, side, new.kind, new.key_id, blob, new.expires_at];
        self.run("writing a credential", INSERT_CREDENTIAL, binds).await?;
        self.run("referring to a credential", refer, binds![new.mailbox_id, new.id]).await?;
        Ok(())
    }

    /// Removes what a mailbox's side had.
    pub async fn remove_credential(&mut self, mailbox_id: i64, is_source: bool) -> Result<u64> {
        let side = if is_source { "source" } else { "destination" };
        let refer = if is_source { REFER_SOURCE } else { REFER_DESTINATION };
        self.run("forgetting a credential", refer, binds![mailbox_id, None::<String>]).await?;
        self.run("removing a credential", DELETE_SIDE, binds![mailbox_id, side]).await
    }

    /// Destroys a job's keys; how many there were.
    pub async fn destroy_keys(&mut self, job_id: i64, now_ms: i64) -> Result<u64> {
        let binds = binds![job_id, now_ms, Vec::<u8>::new()];
        self.run("destroying data keys", DESTROY, binds).await
    }

    /// Removes a job's credentials; how many there were.
    pub async fn remove_credentials(&mut self, job_id: i64) -> Result<u64> {
        self.run("forgetting credentials", FORGET_OF_JOB, binds![job_id]).await?;
        self.run("removing credentials", DELETE_OF_JOB, binds![job_id]).await
    }

    /// Marks a job's uploads as deleted; how many there were.
    pub async fn forget_uploads(&mut self, job_id: i64) -> Result<u64> {
        self.run("forgetting uploads", FORGET_UPLOADS, binds![job_id]).await
    }

    /// Writes a purge certificate.
    pub async fn certify(&mut self, row: &CertificateRow) -> Result<()> {
        let binds = binds![&row.id, row.job_id, &row.counts_json, &row.actor, &row.digest, row.purged_ms];
        self.run("writing a purge certificate", CERTIFY, binds).await.map(|_| ())
    }
}
