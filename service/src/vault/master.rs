//! The master keys: a file that only its owner reads, or a credential that systemd hands over.
//! Never in the database, never in an answer; the newest wraps, older ones still open.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use super::VaultError;
use super::key::{DataKey, KEY_BYTES, Octets, chance, hex, open, seal};

/// The name of the credential that systemd may hand over (systemd.exec(5), `LoadCredential=`).
pub const CREDENTIAL_NAME: &str = "malote-master-key";
/// A file of keys is at most so long, in octets: some hundred keys.
const FILE_BYTES_MAX: u64 = 16 * 1024;

/// Why there are no master keys.
#[derive(Debug, Error)]
pub enum MasterError {
    /// The file cannot be read or written.
    #[error("reading the master key {}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// Others may read it.
    #[error("the master key {} may be read by others (mode {mode:o}): run chmod 0400 on it", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It does not hold a key.
    #[error("the master key {} does not hold keys of 32 octets in base64, one a line", path.display())]
    Form {
        /// The file.
        path: PathBuf,
    },
    /// No randomness.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// One master key under its name, which is a digest of it.
struct MasterKey {
    id: String,
    octets: Octets,
}

impl MasterKey {
    fn of(octets: Octets) -> Self {
        let mut digest = Sha256::new();
        digest.update(b"malote master key");
        digest.update(&octets[..]);
        Self { id: format!("m{}", hex(&digest.finalize()[..8])), octets }
    }
}

/// Every master key; the first wraps.
pub struct MasterKeys {
    keys: Vec<MasterKey>,
}

impl MasterKeys {
    /// Reads the keys, newest first. A file that is not there is made, with mode 0400.
    ///
    /// # Errors
    /// Where the file cannot be had, others may read it, or it holds no keys.
    pub fn load_or_make(path: &Path) -> Result<Self, MasterError> {
        match Self::load(path) {
            Err(MasterError::Io { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => {
                let key = MasterKey::of(Zeroizing::new(chance::<KEY_BYTES>()?));
                write_new(path, &[&key])?;
                Self::load(path)
            }
            loaded => loaded,
        }
    }

    /// Reads the keys of a file that is there.
    ///
    /// # Errors
    /// As above.
    pub fn load(path: &Path) -> Result<Self, MasterError> {
        let io = |cause| MasterError::Io { path: path.to_owned(), cause };
        let about = fs::metadata(path).map_err(io)?;
        let mode = about.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(MasterError::Open { path: path.to_owned(), mode });
        }
        let form = || MasterError::Form { path: path.to_owned() };
        if about.len() > FILE_BYTES_MAX {
            return Err(form());
        }
        let text = Zeroizing::new(fs::read_to_string(path).map_err(io)?);
        let mut keys = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let octets = Zeroizing::new(STANDARD.decode(line).map_err(|_| form())?);
            let octets = <[u8; KEY_BYTES]>::try_from(octets.as_slice()).map_err(|_| form())?;
            keys.push(MasterKey::of(Zeroizing::new(octets)));
        }
        if keys.is_empty() { Err(form()) } else { Ok(Self { keys }) }
    }

    /// Puts a new key before the others, in the file too: what is wrapped from then on is wrapped by it.
    ///
    /// # Errors
    /// Where the file cannot be replaced.
    pub fn renew(&mut self, path: &Path) -> Result<(), MasterError> {
        let key = MasterKey::of(Zeroizing::new(chance::<KEY_BYTES>()?));
        let beside = path.with_extension("new");
        let all: Vec<&MasterKey> = std::iter::once(&key).chain(&self.keys).collect();
        // What an earlier try left behind is not a key that anything was wrapped by.
        match fs::remove_file(&beside) {
            Ok(()) => (),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => (),
            Err(cause) => return Err(MasterError::Io { path: beside, cause }),
        }
        write_new(&beside, &all)?;
        fs::rename(&beside, path).map_err(|cause| MasterError::Io { path: path.to_owned(), cause })?;
        self.keys.insert(0, key);
        Ok(())
    }

    /// The name of the key that wraps.
    pub fn current_id(&self) -> &str {
        &self.keys[0].id
    }

    /// Wraps a data key for its job (0: the service's own) and version.
    ///
    /// # Errors
    /// Where there is no randomness.
    pub fn wrap(&self, key: &DataKey, job_id: i64, version: i64) -> Result<Vec<u8>, VaultError> {
        seal(&self.keys[0].octets, bound_to(job_id, version).as_bytes(), &key.octets()[..])
    }

    /// Opens a wrapped data key.
    ///
    /// # Errors
    /// Where the master key is not there, or the key was wrapped for another job or version.
    pub fn unwrap_key(&self, wrapped: &Wrapped<'_>) -> Result<DataKey, VaultError> {
        let master = self.keys.iter().find(|master| master.id == wrapped.master_key_id);
        let master = master.ok_or_else(|| VaultError::NoKey(wrapped.master_key_id.to_owned()))?;
        let bound_to = bound_to(wrapped.job_id, wrapped.version);
        let octets = open(&master.octets, bound_to.as_bytes(), wrapped.octets)?;
        DataKey::from_parts(wrapped.key_id, &octets)
    }
}

/// A data key as it lies in the database.
#[derive(Clone, Copy)]
pub struct Wrapped<'a> {
    /// The data key's name.
    pub key_id: &'a str,
    /// Its job; 0: the service's own.
    pub job_id: i64,
    /// Its version.
    pub version: i64,
    /// The master key that wrapped it.
    pub master_key_id: &'a str,
    /// The wrapped octets.
    pub octets: &'a [u8],
}

/// What a wrapped key is tied to: it does not open as another job's or an older version's.
fn bound_to(job_id: i64, version: i64) -> String {
    format!("job:{job_id}:version:{version}")
}

fn write_new(path: &Path, keys: &[&MasterKey]) -> Result<(), MasterError> {
    let io = |cause| MasterError::Io { path: path.to_owned(), cause };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(path).map_err(io)?;
    let mut text =
        Zeroizing::new(String::from("# Malote's master keys, newest first. Without them no stored\n"));
    text.push_str("# credential can be read again: keep a copy apart from the database's.\n");
    for key in keys {
        let line = Zeroizing::new(STANDARD.encode(&key.octets[..]));
        text.push_str(&line);
        text.push('\n');
    }
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(io)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)?;
    }
    Ok(())
}
