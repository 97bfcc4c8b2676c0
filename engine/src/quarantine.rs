//! Where the octets of refused or unreadable messages are kept.
//! Never removes one, nor puts anything else under its name.

use std::io::Write as _;
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use malote_plan::failure::{Class, Reach, Retry, Side};

use crate::body::Body;
use crate::failure::{Failure, Result};

/// Keeps octets under a name of its own choosing.
#[async_trait]
pub trait Quarantine: Send + Sync {
    /// Keeps `body` durably and returns the name under which it lies; `hint` makes the name readable. The same
    /// hint and octets give the same name, so that trying again fills no disk.
    async fn keep(&self, hint: &str, body: Body) -> Result<String>;

    /// Keeps what is known of a message whose octets cannot be had, a JSON document, likewise.
    async fn keep_dump(&self, hint: &str, dump: Bytes) -> Result<String> {
        self.keep(hint, Body::Memory(dump)).await
    }
}

/// A folder on disk, made when the first message is kept; only its owner may read it.
#[derive(Debug, Clone)]
pub struct QuarantineFolder {
    folder: PathBuf,
}

impl QuarantineFolder {
    /// Keeps below `folder`.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }
}

#[async_trait]
impl Quarantine for QuarantineFolder {
    async fn keep(&self, hint: &str, body: Body) -> Result<String> {
        self.keep_as(hint, body, "eml").await
    }

    async fn keep_dump(&self, hint: &str, dump: Bytes) -> Result<String> {
        self.keep_as(hint, Body::Memory(dump), "json").await
    }
}

impl QuarantineFolder {
    async fn keep_as(&self, hint: &str, body: Body, extension: &str) -> Result<String> {
        let (mut file, mut hasher) =
            (self.file().map_err(|error| self.failure(error))?, blake3::Hasher::new());
        match body {
            Body::Memory(octets) => {
                hasher.update(&octets);
                file.write_all(&octets).map_err(|error| self.failure(error))?;
            }
            Body::Wire(mut body) => {
                while let Some(chunk) = body.chunks.recv().await {
                    let chunk = chunk?;
                    hasher.update(&chunk);
                    file.write_all(&chunk).map_err(|error| self.failure(error))?;
                }
            }
        }
        let readable: String =
            hint.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(80).collect();
        let name = format!("{readable}-{}.{extension}", &hasher.finalize().to_hex()[..16]);
        file.as_file().sync_all().map_err(|error| self.failure(error))?;
        file.persist(self.folder.join(&name)).map_err(|error| self.failure(error.error))?;
        Ok(name)
    }

    /// A file without a lasting name yet, so that a name never stands for half a message.
    fn file(&self) -> std::io::Result<tempfile::NamedTempFile> {
        use std::os::unix::fs::DirBuilderExt as _;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        tempfile::NamedTempFile::new_in(&self.folder)
    }

    fn failure(&self, error: std::io::Error) -> Failure {
        let message = format!("keeping a quarantined message below {}", self.folder.display());
        Failure::new(Side::Local, Class::Ledger, Reach::Account, Retry::Never, message).because(error)
    }
}
