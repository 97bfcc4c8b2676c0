//! The vault over its database: keys made when they are needed, secrets put and fetched, keys rotated and destroyed.
//! Never answers with a secret to anyone but a worker that is about to log in.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use tokio::sync::RwLock;

use super::key::hex;
use super::master::{MasterError, Wrapped};
use super::{DataKey, MasterKeys, Place, VaultError};
use crate::auth::token::uuid;
use crate::store::keys::{CertificateRow, KeyRow, NewCredential};
use crate::store::{Store, StoreError, Transaction};

/// The number of a job's first data key.
const FIRST_VERSION: i64 = 1;

/// Why the vault could not do what it was asked.
#[derive(Debug, Error)]
pub enum KeeperError {
    /// The seal, the key or its form.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The master key.
    #[error(transparent)]
    Master(#[from] MasterError),
    /// No such credential.
    #[error("there is no such credential: it was replaced, removed or purged")]
    NoCredential,
    /// Its time is over.
    #[error("the credential expired at {0}: store a new one")]
    Expired(String),
    /// A file of an upload or a quarantined message could not be removed.
    #[error("removing a file: {0}")]
    File(#[source] std::io::Error),
}

/// A secret's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretKind {
    /// A password.
    Password,
    /// An OAuth grant or token.
    Oauth,
    /// A service account's key.
    ServiceAccount,
}

impl SecretKind {
    /// The name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Oauth => "oauth",
            Self::ServiceAccount => "service_account",
        }
    }
}

/// What a rotation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rotation {
    /// Data keys wrapped by the new master key.
    pub rewrapped: u64,
    /// Credentials sealed under new data keys.
    pub resealed: u64,
    /// Data keys that seal nothing any more, destroyed.
    pub destroyed: u64,
}

/// The vault; clones share it.
#[derive(Clone)]
pub struct Vault {
    store: Store,
    masters: Arc<RwLock<MasterKeys>>,
    path: PathBuf,
}

impl Vault {
    /// Opens the vault; a master key that is not there is made.
    ///
    /// # Errors
    /// Where the master key cannot be had.
    pub fn open(store: Store, master_key: &Path) -> Result<Self, KeeperError> {
        let masters = MasterKeys::load_or_make(master_key)?;
        Ok(Self { store, masters: Arc::new(RwLock::new(masters)), path: master_key.to_owned() })
    }

    /// The key that a job's new secrets are sealed under; 0: the service's own. Made where there is none.
    ///
    /// # Errors
    /// Where the database or the master key does not let us.
    pub async fn key_of(&self, job_id: i64) -> Result<DataKey, KeeperError> {
        loop {
            if let Some(row) = self.store.newest_key(job_id).await? {
                return self.unwrap_row(&row).await;
            }
            match self.make_key(job_id).await {
                // Somebody else made it first: theirs is read.
                Err(KeeperError::Store(error)) if error.is_duplicate() => (),
                made => return made,
            }
        }
    }

    async fn make_key(&self, job_id: i64) -> Result<DataKey, KeeperError> {
        let version = self.store.next_key_version(job_id).await?;
        let (key, row) = self.new_key(job_id, version).await?;
        self.store.insert_key(&row).await?;
        Ok(key)
    }

    /// The key of a job that is being made, and the row that has to be written together with the job. Asks the
    /// database nothing.
    ///
    /// # Errors
    /// Where there is no randomness.
    pub async fn first_key(&self, job_id: i64) -> Result<(DataKey, KeyRow), KeeperError> {
        self.new_key(job_id, FIRST_VERSION).await
    }

    async fn new_key(&self, job_id: i64, version: i64) -> Result<(DataKey, KeyRow), KeeperError> {
        let key = DataKey::new()?;
        let masters = self.masters.read().await;
        let row = KeyRow {
            id: key.id().to_owned(),
            job_id,
            version,
            master_key_id: masters.current_id().to_owned(),
            wrapped: masters.wrap(&key, job_id, version)?,
        };
        Ok((key, row))
    }

    async fn unwrap_row(&self, row: &KeyRow) -> Result<DataKey, KeeperError> {
        let wrapped = Wrapped {
            key_id: &row.id,
            job_id: row.job_id,
            version: row.version,
            master_key_id: &row.master_key_id,
            octets: &row.wrapped,
        };
        Ok(self.masters.read().await.unwrap_key(&wrapped)?)
    }

    async fn key_named(&self, id: &str) -> Result<DataKey, KeeperError> {
        let row = self.store.key(id).await?.ok_or_else(|| VaultError::NoKey(id.to_owned()))?;
        self.unwrap_row(&row).await
    }

    /// Stores a mailbox's secret in the place of what that side had; the new credential's id.
    ///
    /// # Errors
    /// Where it is too long, or the database does not let us.
    pub async fn put(&self, put: Put<'_>) -> Result<String, KeeperError> {
        let key = self.key_of(put.job_id).await?;
        let mut transaction = self.store.begin().await?;
        let id = put_in(&mut transaction, &key, put).await?;
        transaction.commit().await?;
        Ok(id)
    }

    /// A mailbox's secret, for the login that is about to follow.
    ///
    /// # Errors
    /// Where there is none, it has expired, or its key was destroyed.
    pub async fn fetch(&self, credential_id: &str, now_ms: i64) -> Result<SecretString, KeeperError> {
        let row = self.store.credential(credential_id).await?.ok_or(KeeperError::NoCredential)?;
        let expires_ms = crate::store::milliseconds(&row.expires_at);
        if expires_ms.is_some_and(|expires_ms| expires_ms <= now_ms) {
            return Err(KeeperError::Expired(row.expires_at));
        }
        let key = self.key_named(&row.key_id).await?;
        Ok(super::open_for_mailbox(&key, &row.sealed)?)
    }

    /// Seals a value of the service's own for its place.
    ///
    /// # Errors
    /// As [`Self::key_of`].
    pub async fn seal(&self, place: Place<'_>, secret: &SecretString) -> Result<String, KeeperError> {
        Ok(super::seal_for_place(&self.key_of(0).await?, place, secret)?)
    }

    /// Opens a value of the service's own in its place.
    ///
    /// # Errors
    /// Where it was moved or changed, or its key is gone.
    pub async fn open_sealed(&self, place: Place<'_>, sealed: &str) -> Result<SecretString, KeeperError> {
        let key = self.key_named(&super::Sealed::parse(sealed)?.key_id).await?;
        Ok(super::open_in_place(&key, place, sealed)?)
    }

    /// Makes a new master key and wraps every data key by it. With `is_deep` every job gets a new data key too, and
    /// its credentials are sealed under that; the old ones are destroyed once they seal nothing. Broken off, it goes
    /// on where it stood: keys wrapped by older master keys still open.
    ///
    /// # Errors
    /// Where the key file or the database does not let us.
    pub async fn rotate(&self, is_deep: bool, now_ms: i64) -> Result<Rotation, KeeperError> {
        self.masters.write().await.renew(&self.path)?;
        let mut done = Rotation::default();
        for row in self.store.living_keys().await? {
            let key = self.unwrap_row(&row).await?;
            let masters = self.masters.read().await;
            let wrapped = masters.wrap(&key, row.job_id, row.version)?;
            self.store.rewrap_key(&row.id, masters.current_id(), wrapped).await?;
            done.rewrapped += 1;
        }
        if is_deep {
            for row in self.store.living_keys().await?.iter().filter(|row| row.job_id != 0) {
                self.renew_job_key(row, now_ms, &mut done).await?;
            }
        }
        Ok(done)
    }

    async fn renew_job_key(&self, old: &KeyRow, now_ms: i64, done: &mut Rotation) -> Result<(), KeeperError> {
        let old_key = self.unwrap_row(old).await?;
        let new_key = self.make_key(old.job_id).await?;
        loop {
            let some = self.store.credentials_of_key(&old.id).await?;
            if some.is_empty() {
                break;
            }
            for (id, sealed) in some {
                let secret = super::open_for_mailbox(&old_key, &sealed)?;
                let sealed = super::seal_for_mailbox(&new_key, &secret)?;
                self.store.reseal_credential(&id, new_key.id(), &sealed, &old.id).await?;
                done.resealed += 1;
            }
        }
        self.store.destroy_key(&old.id, now_ms).await?;
        done.destroyed += 1;
        Ok(())
    }

    /// How many living data keys each master key wraps.
    ///
    /// # Errors
    /// What the database says.
    pub async fn inventory(&self) -> Result<Vec<(String, i64)>, KeeperError> {
        Ok(self.store.keys_by_master().await?)
    }

    /// Destroys what a job knew: first its keys, so that every copy of a sealed secret is unreadable at once, then
    /// the rows, then the uploaded files. Gives the certificate.
    ///
    /// # Errors
    /// Where the database or the disk does not let us; what was destroyed stays destroyed, and it may be asked again.
    pub async fn purge(
        &self,
        job_id: i64,
        actor: &str,
        now_ms: i64,
        place: Purged<'_>,
    ) -> Result<CertificateRow, KeeperError> {
        let mut transaction = self.store.begin().await?;
        let keys = transaction.destroy_keys(job_id, now_ms).await?;
        transaction.commit().await?;
        let (mut files, mut quarantined) = (0_u64, 0_u64);
        for folder in place.originals {
            quarantined += crate::originals::remove(folder).map_err(KeeperError::File)?;
        }
        for name in self.store.upload_paths(job_id).await? {
            // Names are made by the server; one with a folder in it is not ours.
            let Some(name) = Path::new(&name).file_name() else { continue };
            match std::fs::remove_file(place.uploads.join(name)) {
                Ok(()) => files += 1,
                Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => (),
                Err(cause) => return Err(KeeperError::File(cause)),
            }
        }
        let mut transaction = self.store.begin().await?;
        let credentials = transaction.remove_credentials(job_id).await?;
        let uploads = transaction.forget_uploads(job_id).await?;
        let counts_json = serde_json::json!({
            "data_keys": keys, "credentials": credentials, "uploads": uploads, "files": files,
            "quarantined_originals": quarantined,
        })
        .to_string();
        let digest = Sha256::digest(format!("{job_id}\n{counts_json}\n{actor}\n{now_ms}"));
        let certificate = CertificateRow {
            id: uuid()?,
            job_id,
            counts_json,
            actor: actor.to_owned(),
            digest: format!("sha256:{}", hex(&digest)),
            purged_ms: now_ms,
        };
        transaction.certify(&certificate).await?;
        transaction.commit().await?;
        if !self.store.is_postgres() {
            // What the log still holds is folded into the file, whose freed pages are overwritten.
            self.store.all("folding the log", "PRAGMA wal_checkpoint(TRUNCATE)", Vec::new()).await?;
        }
        Ok(certificate)
    }
}

/// Stores a mailbox's secret, sealed under its job's key, in the place of what that side had; the credential's id.
///
/// # Errors
/// Where it is too long, or the database does not let us.
pub async fn put_in(
    transaction: &mut Transaction,
    key: &DataKey,
    put: Put<'_>,
) -> Result<String, KeeperError> {
    let sealed = super::seal_for_mailbox(key, put.secret)?;
    let id = uuid()?;
    let new = NewCredential {
        id: &id,
        mailbox_id: put.mailbox_id,
        is_source: put.is_source,
        kind: put.kind.as_str(),
        key_id: key.id(),
        sealed: &sealed,
        expires_at: put.expires_at,
    };
    transaction.replace_credential(&new).await?;
    Ok(id)
}

/// What goes with a job's keys.
#[derive(Clone, Copy)]
pub struct Purged<'a> {
    /// The folder of uploads.
    pub uploads: &'a Path,
    /// Folders of originals of quarantined messages.
    pub originals: &'a [PathBuf],
}

/// A secret to be stored.
#[derive(Clone, Copy)]
pub struct Put<'a> {
    /// The job.
    pub job_id: i64,
    /// The mailbox.
    pub mailbox_id: i64,
    /// It is the source's; else the destination's.
    pub is_source: bool,
    /// Its kind.
    pub kind: SecretKind,
    /// The secret, as JSON: `{"password":…}`.
    pub secret: &'a SecretString,
    /// When it expires, in RFC 3339.
    pub expires_at: Option<&'a str>,
}
