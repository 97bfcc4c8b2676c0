//! The key that signs places in the chain, and the file beside the database that remembers them.
//! Never in the database: whoever can cut the table cannot sign what is left.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde_json::json;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::store::audit::CheckpointRow;
use crate::vault::key::hex;

/// Why there is no signature.
#[derive(Debug, Error)]
pub enum SignerError {
    /// A file cannot be read or written.
    #[error("the audit log's file {}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The key file holds no key.
    #[error("the audit log's key {} is no Ed25519 key in PKCS #8", path.display())]
    Form {
        /// The file.
        path: PathBuf,
    },
}

/// The key and the file.
pub struct Signer {
    key: Ed25519KeyPair,
    checkpoints: PathBuf,
}

impl Signer {
    /// Reads the key; makes it, readable by its owner alone, where it is not there.
    ///
    /// # Errors
    /// Where the file cannot be had or holds no key.
    pub fn load_or_make(key: &Path, checkpoints: &Path) -> Result<Self, SignerError> {
        let io = |cause| SignerError::Io { path: key.to_owned(), cause };
        let form = || SignerError::Form { path: key.to_owned() };
        let octets = match std::fs::read(key) {
            Ok(octets) => Zeroizing::new(octets),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| form())?;
                let mut file =
                    OpenOptions::new().write(true).create_new(true).mode(0o400).open(key).map_err(io)?;
                file.write_all(made.as_ref()).and_then(|()| file.sync_all()).map_err(io)?;
                Zeroizing::new(made.as_ref().to_vec())
            }
            Err(cause) => return Err(io(cause)),
        };
        let key = Ed25519KeyPair::from_pkcs8(&octets).map_err(|_| form())?;
        Ok(Self { key, checkpoints: checkpoints.to_owned() })
    }

    /// What its signatures are checked with.
    pub fn public_key(&self) -> Vec<u8> {
        self.key.public_key().as_ref().to_vec()
    }

    /// Signs a place.
    pub fn sign(&self, seq: i64, hash: &[u8]) -> Vec<u8> {
        self.key.sign(&message(seq, hash)).as_ref().to_vec()
    }

    /// Remembers a place in the file, one JSON object a line.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn export(&self, row: &CheckpointRow) -> Result<(), SignerError> {
        let io = |cause| SignerError::Io { path: self.checkpoints.clone(), cause };
        let line = json!({
            "seq": row.seq, "hash": hex(&row.hash), "public_key": hex(&row.public_key),
            "signature": hex(&row.signature), "signed_ms": row.signed_ms,
        });
        let mut options = OpenOptions::new();
        let mut file = options.append(true).create(true).mode(0o600).open(&self.checkpoints).map_err(io)?;
        file.write_all(format!("{line}\n").as_bytes()).and_then(|()| file.sync_all()).map_err(io)
    }
}

fn message(seq: i64, hash: &[u8]) -> Vec<u8> {
    let mut message = b"malote audit checkpoint 1\n".to_vec();
    message.extend_from_slice(&seq.to_be_bytes());
    message.extend_from_slice(hash);
    message
}

/// True where the signature is this key's for this place.
pub fn is_signed(row: &CheckpointRow) -> bool {
    let key = UnparsedPublicKey::new(&ED25519, &row.public_key);
    key.verify(&message(row.seq, &row.hash), &row.signature).is_ok()
}

/// The places that the file remembers; a line that cannot be read is told by its number.
///
/// # Errors
/// Where the file cannot be read.
pub fn exported(path: &Path) -> Result<Vec<Result<CheckpointRow, usize>>, SignerError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(SignerError::Io { path: path.to_owned(), cause }),
    };
    Ok(text.lines().enumerate().map(|(place, line)| read(line).ok_or(place + 1)).collect())
}

fn read(line: &str) -> Option<CheckpointRow> {
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    let octets = |name: &str| {
        let text = value[name].as_str()?;
        let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
        pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect::<Option<Vec<u8>>>()
    };
    Some(CheckpointRow {
        seq: value["seq"].as_i64()?,
        hash: octets("hash")?,
        public_key: octets("public_key")?,
        signature: octets("signature")?,
        signed_ms: value["signed_ms"].as_i64()?,
    })
}
