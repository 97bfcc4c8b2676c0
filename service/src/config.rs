//! What the service is told at its start, and the folders below its data folder.
//! Never read again while it runs, and never from anywhere but the command line's own options.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use crate::store::Where;
use crate::vault::master::CREDENTIAL_NAME;

/// Whether roles that ask for a second factor get on without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mfa {
    /// They do nothing before one is set up.
    #[default]
    Required,
    /// Whoever has set one up is asked for it.
    Offered,
}

/// What the service is told.
#[derive(Debug, Clone)]
pub struct Config {
    /// The data folder.
    pub data: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// The database.
    pub database: Where,
    /// Private networks that every endpoint may lead to.
    pub allow_private: Vec<IpNet>,
    /// The master key's file.
    pub master_key: PathBuf,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The second factor.
    pub mfa: Mfa,
    /// How many runs this process carries out at once; 0: none.
    pub workers: usize,
    /// What the world outside is reached by.
    pub outside: Outside,
}

/// What the world outside is reached by.
#[derive(Debug, Clone)]
pub struct Outside {
    /// Name servers that are asked; the machine's own where none is named.
    pub name_servers: Vec<SocketAddr>,
    /// Certificates (PEM) that are trusted beside the platform's.
    pub roots: Vec<u8>,
    /// The port of web services: 443, but for tests.
    pub https_port: u16,
    /// Addresses of identity providers in the place of those that are shipped: name, then where it begins.
    pub identity_providers: Vec<(String, String)>,
    /// Where browsers reach this service, for a provider to send them back to; empty: not known.
    pub public_url: String,
}

impl Default for Outside {
    fn default() -> Self {
        Self {
            name_servers: Vec::new(),
            roots: Vec::new(),
            https_port: 443,
            identity_providers: Vec::new(),
            public_url: String::new(),
        }
    }
}

impl Config {
    /// The master key: what was named, else what systemd hands over, else a file below the data folder.
    pub fn master_key(named: Option<PathBuf>, credentials: Option<&Path>, data: &Path) -> PathBuf {
        let handed_over = credentials.map(|folder| folder.join(CREDENTIAL_NAME)).filter(|path| path.exists());
        named.or(handed_over).unwrap_or_else(|| data.join("keys").join("master.key"))
    }

    /// The key that signs the audit log.
    pub fn audit_key(&self) -> PathBuf {
        self.data.join("keys").join("audit.key")
    }

    /// The file that remembers signed places.
    pub fn checkpoints(&self) -> PathBuf {
        self.data.join("audit").join("checkpoints.ndjson")
    }

    /// Uploaded files.
    pub fn uploads(&self) -> PathBuf {
        self.data.join("uploads")
    }

    /// Makes the folders that are missing, for their owner alone.
    ///
    /// # Errors
    /// Where the disk does not let us.
    pub fn make_folders(&self) -> io::Result<()> {
        for name in ["", "keys", "audit", "uploads", "logs", "quarantine", "staging", "backups", "ledgers"] {
            let folder = self.data.join(name);
            if !folder.is_dir() {
                fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            }
        }
        Ok(())
    }
}
