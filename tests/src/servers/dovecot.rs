//! A throw-away Dovecot: own folder, own ports, own processes.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use tempfile::TempDir;

use super::dovecot_conf::{
    DovecotOptions, DovecotUser, Owner, Ports, configuration, password_file, token_lookup,
};
use super::process::{Running, find_program};
use super::{free_port, plain_url};
use crate::tls::TestCa;

/// Owner of all mail when the tests run as root: no account of the machine has this number.
const MAIL_UID: u32 = 42_143;
const STARTS_MAX: u32 = 3;

/// A running Dovecot, ended and removed when dropped.
#[derive(Debug)]
pub struct Dovecot {
    options: DovecotOptions,
    ports: Ports,
    ca: Option<TestCa>,
    running: Option<Running>,
    // Dropped after `running`, so that the folder goes when no process writes to it.
    folder: TempDir,
}

impl Dovecot {
    /// Starts a server and waits for its greeting.
    pub fn start(options: DovecotOptions) -> Result<Self> {
        ensure!(program().is_some(), "dovecot is not installed: run setup.sh, or install dovecot-imapd");
        let ca = if options.tls { Some(TestCa::new()?) } else { None };
        let folder = tempfile::Builder::new().prefix("malote-dovecot-").tempdir()?;
        let ports = free_ports(options.tls)?;
        let mut dovecot = Self { options, ports, ca, running: None, folder };
        for attempt in 1..=STARTS_MAX {
            dovecot.write_files()?;
            match dovecot.start_again() {
                Ok(()) => break,
                // Another process may have taken a port between the look and the start.
                Err(_) if attempt < STARTS_MAX => dovecot.ports = free_ports(dovecot.options.tls)?,
                Err(cause) => return Err(cause.context(dovecot.log())),
            }
        }
        Ok(dovecot)
    }

    /// Starts a server with the default options and these accounts, `(name, password)`.
    pub fn with_users(users: &[(&str, &str)]) -> Result<Self> {
        let users = users.iter().map(|(name, password)| DovecotUser::new(name, password)).collect();
        Self::start(DovecotOptions { users, ..DovecotOptions::default() })
    }

    /// The port without TLS (and with STARTTLS, where TLS was asked for).
    #[must_use]
    pub fn port(&self) -> u16 {
        self.ports.plain
    }

    /// The port with TLS from the first octet.
    #[must_use]
    pub fn tls_port(&self) -> Option<u16> {
        self.ports.tls
    }

    /// The authority that signed the server's certificate.
    #[must_use]
    pub fn ca(&self) -> Option<&TestCa> {
        self.ca.as_ref()
    }

    /// `imap://user@127.0.0.1:port?tls=off`.
    #[must_use]
    pub fn url(&self, user: &str) -> String {
        plain_url(user, self.port())
    }

    /// The folder that holds one folder per user.
    #[must_use]
    pub fn mail_root(&self) -> PathBuf {
        self.root().join("mail")
    }

    /// What the server wrote to its log so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.root().join("log")).unwrap_or_default()
    }

    /// Changes the accounts of a running server: Dovecot reads the file again at the next login.
    pub fn set_users(&mut self, users: Vec<DovecotUser>) -> Result<()> {
        self.options.users = users;
        fs::write(self.root().join("users"), password_file(&self.options.users))?;
        Ok(())
    }

    /// The master process, for tests that stop it as an outage would.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.running.as_ref().map(Running::pid)
    }

    /// Ends the server and keeps its mail and port: the beginning of an outage.
    pub fn stop_and_keep(&mut self) {
        self.running = None;
    }

    /// Starts on the same port with the same mail: the end of an outage.
    pub fn start_again(&mut self) -> Result<()> {
        ensure!(self.running.is_none(), "this Dovecot is already running");
        let dovecot = program().ok_or_else(|| anyhow!("dovecot is gone"))?;
        let root = self.root();
        let arguments = ["-F", "-c", &format!("{}/dovecot.conf", root.display())].map(String::from);
        let mut running = Running::start(&dovecot, &arguments, &root.join("output"), |_| ())?;
        running.greeted(self.port()).with_context(|| format!("output: {}", read(&root.join("output"))))?;
        self.running = Some(running);
        Ok(())
    }

    /// Ends the server and removes its mail.
    pub fn stop(self) {}

    fn root(&self) -> &Path {
        self.folder.path()
    }

    fn write_files(&self) -> Result<()> {
        let owner = owner()?;
        let root = self.root();
        // Services run as other users than the test: they must reach their folders, and mail must be theirs.
        fs::set_permissions(root, fs::Permissions::from_mode(0o755))?;
        fs::create_dir_all(self.mail_root())?;
        if owner.is_root {
            chown(self.mail_root(), Some(owner.uid), Some(owner.gid))?;
        }
        fs::write(root.join("dovecot.conf"), configuration(&self.options, &owner, self.ports, root))?;
        fs::write(root.join("users"), password_file(&self.options.users))?;
        let masters: Vec<DovecotUser> =
            self.options.masters.iter().map(|(name, password)| DovecotUser::new(name, password)).collect();
        fs::write(root.join("masters"), password_file(&masters))?;
        if let Some(url) = &self.options.introspection_url {
            fs::write(root.join("oauth2.conf"), token_lookup(url))?;
        }
        if let Some(ca) = &self.ca {
            let identity = ca.identity_for_loopback()?;
            fs::write(root.join("cert.pem"), identity.certificate_pem())?;
            fs::write(root.join("key.pem"), identity.key_pem())?;
        }
        Ok(())
    }
}

fn program() -> Option<PathBuf> {
    find_program("dovecot", &["/usr/sbin", "/usr/local/sbin", "/usr/bin"])
}

fn free_ports(has_tls: bool) -> Result<Ports> {
    Ok(Ports { plain: free_port()?, tls: if has_tls { Some(free_port()?) } else { None } })
}

fn owner() -> Result<Owner> {
    let uid = rustix::process::geteuid();
    let gid = rustix::process::getegid();
    if uid.is_root() {
        return Ok(Owner {
            is_root: true,
            user: "root".to_owned(),
            group: "root".to_owned(),
            uid: MAIL_UID,
            gid: MAIL_UID,
        });
    }
    Ok(Owner {
        is_root: false,
        user: super::process::account_name("/etc/passwd", uid.as_raw())?,
        group: super::process::account_name("/etc/group", gid.as_raw())?,
        uid: uid.as_raw(),
        gid: gid.as_raw(),
    })
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
