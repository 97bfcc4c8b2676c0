//! Secrets at rest: a master key outside the database, a data key per job, sealed values that name their key.
//! Never keeps an opened secret longer than its caller holds it; nothing here has a `Debug`.

pub mod keeper;
pub mod key;
pub mod master;
pub mod sealed;

use secrecy::{ExposeSecret as _, SecretString};
use thiserror::Error;
use zeroize::Zeroizing;

pub use keeper::{KeeperError, Purged, Put, Rotation, SecretKind, Vault, put_in};
pub use key::DataKey;
pub use master::MasterKeys;
pub use sealed::{Algorithm, Sealed};

/// The longest secret that is taken, in octets: a service account's key with room.
pub const SECRET_BYTES_MAX: usize = 64 * 1024;

/// What a sealed value can be refused for. None tells more than its kind: not the value, not the key.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum VaultError {
    /// Not of the form `v1.<kid>.<algorithm>.<payload>`.
    #[error("a sealed value is not in the form v1.<key>.<algorithm>.<payload>")]
    Form,
    /// The key it names is not there: destroyed, or of another service.
    #[error("the key {0} of a sealed value is not there: it was destroyed, or belongs to another service")]
    NoKey(String),
    /// Changed, or moved to a place it was not sealed for.
    #[error("a sealed value does not open: it was changed, or moved from where it belongs")]
    Closed,
    /// Too long to be a secret.
    #[error("a secret of {0} octets is over the limit of {SECRET_BYTES_MAX}")]
    TooLong(usize),
    /// The operating system gives no randomness.
    #[error("the operating system gives no randomness")]
    Chance,
}

/// Seals a mailbox's secret under its job's key, as a Fernet token.
///
/// # Errors
/// Where the secret is too long.
pub fn seal_for_mailbox(key: &DataKey, secret: &SecretString) -> Result<String, VaultError> {
    let clear = secret.expose_secret().as_bytes();
    if clear.len() > SECRET_BYTES_MAX {
        return Err(VaultError::TooLong(clear.len()));
    }
    let payload = key.fernet().encrypt(clear);
    Ok(Sealed { key_id: key.id().to_owned(), algorithm: Algorithm::Fernet, payload }.to_string())
}

/// Opens a mailbox's secret.
///
/// # Errors
/// Where it was sealed under another key or changed since.
pub fn open_for_mailbox(key: &DataKey, sealed: &str) -> Result<SecretString, VaultError> {
    let sealed = Sealed::parse(sealed)?;
    if sealed.algorithm != Algorithm::Fernet || sealed.key_id != key.id() {
        return Err(VaultError::NoKey(sealed.key_id));
    }
    let clear = Zeroizing::new(key.fernet().decrypt(&sealed.payload).map_err(|_| VaultError::Closed)?);
    text(&clear)
}

/// Where a value of the service's own lies, so that it opens nowhere else.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The table.
    pub table: &'a str,
    /// The column.
    pub column: &'a str,
    /// The row's id.
    pub row: &'a str,
}

impl Place<'_> {
    fn bound_to(&self) -> String {
        format!("{}:{}:{}", self.table, self.column, self.row)
    }
}

/// Seals a value of the service's own with AES-256-GCM for its place.
///
/// # Errors
/// Where it is too long or there is no randomness.
pub fn seal_for_place(key: &DataKey, place: Place<'_>, secret: &SecretString) -> Result<String, VaultError> {
    let clear = secret.expose_secret().as_bytes();
    if clear.len() > SECRET_BYTES_MAX {
        return Err(VaultError::TooLong(clear.len()));
    }
    let payload = sealed::encode(&key.seal(place.bound_to().as_bytes(), clear)?);
    Ok(Sealed { key_id: key.id().to_owned(), algorithm: Algorithm::Aes256Gcm, payload }.to_string())
}

/// Opens a value of the service's own in its place.
///
/// # Errors
/// Where it was sealed under another key or for another place, or changed since.
pub fn open_in_place(key: &DataKey, place: Place<'_>, sealed: &str) -> Result<SecretString, VaultError> {
    let sealed = Sealed::parse(sealed)?;
    if sealed.algorithm != Algorithm::Aes256Gcm || sealed.key_id != key.id() {
        return Err(VaultError::NoKey(sealed.key_id));
    }
    let octets = sealed::decode(&sealed.payload)?;
    text(&key.open(place.bound_to().as_bytes(), &octets)?)
}

fn text(clear: &[u8]) -> Result<SecretString, VaultError> {
    let text = std::str::from_utf8(clear).map_err(|_| VaultError::Closed)?;
    Ok(SecretString::from(text.to_owned()))
}

#[cfg(test)]
mod tests;
