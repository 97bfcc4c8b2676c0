//! Where the octets of refused or unreadable messages are kept.
//! Never removes or overwrites one.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use malote_plan::failure::{Class, Reach, Retry, Side};

use crate::failure::{Failure, Result};

/// Keeps octets under a name of its own choosing.
#[async_trait]
pub trait Quarantine: Send + Sync {
    /// Keeps `octets` durably and returns the name under which they lie; `hint` makes it readable. The same hint
    /// and octets give the same name, so that trying again fills no disk.
    async fn keep(&self, hint: &str, octets: &[u8]) -> Result<String>;
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
    async fn keep(&self, hint: &str, octets: &[u8]) -> Result<String> {
        let hash = blake3::hash(octets).to_hex();
        let readable: String =
            hint.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(80).collect();
        let name = format!("{readable}-{}.eml", &hash[..16]);
        let path = self.folder.join(&name);
        write_whole(&self.folder, &path, octets).map_err(|error| {
            Failure::new(
                Side::Local,
                Class::Ledger,
                Reach::Account,
                Retry::Never,
                format!("keeping a quarantined message in {}", path.display()),
            )
            .because(error)
        })?;
        Ok(name)
    }
}

/// Writes beside the name first, so that a name never stands for half a message.
fn write_whole(folder: &Path, path: &Path, octets: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    if path.exists() {
        return Ok(());
    }
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(octets)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
