//! A throw-away PostgreSQL: own folder, own port, own process, from the machine's binaries.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::free_port;

const READY_WITHIN: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);

/// A running PostgreSQL that trusts everybody on this machine, ended and removed when dropped.
#[derive(Debug)]
pub struct Postgres {
    process: Child,
    port: u16,
    // Removed after the process has ended.
    _folder: TempDir,
}

impl Postgres {
    /// Starts a server; none, with a line that says why, where it cannot be had.
    ///
    /// # Errors
    /// Where its binaries are there and do not start.
    pub fn start() -> Result<Option<Self>> {
        let Some(binaries) = binaries() else {
            eprintln!("SKIPPED: no /usr/lib/postgresql/*/bin/initdb here (apt-get install postgresql)");
            return Ok(None);
        };
        let folder = tempfile::Builder::new().prefix("malote-pg-").tempdir_in("/tmp")?;
        if is_root() {
            run(Command::new("chown").arg("postgres:").arg(folder.path()))?;
        }
        let data = folder.path().join("data");
        let mut initdb = unprivileged(&binaries.join("initdb"));
        run(initdb.arg("-D").arg(&data).args(["-U", "malote", "-A", "trust", "-E", "UTF8", "--no-sync"]))?;
        let port = free_port()?;
        let mut server = unprivileged(&binaries.join("postgres"));
        server.arg("-D").arg(&data).arg("-k").arg(folder.path());
        server.args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=100"]);
        let process =
            server.args(["-p", &port.to_string()]).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let server = Self { process, port, _folder: folder };
        let began = Instant::now();
        while !server.answers(&binaries) {
            ensure!(began.elapsed() < READY_WITHIN, "PostgreSQL did not answer in {READY_WITHIN:?}");
            sleep(POLL);
        }
        Ok(Some(server))
    }

    /// Where it listens, on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        Self::url_at(self.port)
    }

    /// The URL of the same database by way of another port, such as a proxy's.
    #[must_use]
    pub fn url_at(port: u16) -> String {
        format!("postgres://malote@127.0.0.1:{port}/postgres")
    }

    fn answers(&self, binaries: &Path) -> bool {
        let mut ask = Command::new(binaries.join("pg_isready"));
        ask.args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        ask.status().is_ok_and(|status| status.success())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGINT ends it at once and in order; a kill would leave its helpers and shared memory behind.
        if let Some(process) = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(process, Signal::INT);
        }
        let _ = self.process.wait();
    }
}

fn binaries() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let folders = versions.filter_map(Result::ok).map(|version| version.path().join("bin"));
    folders.filter(|folder| folder.join("initdb").exists() && folder.join("postgres").exists()).max()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A command that is not run as root, which PostgreSQL refuses; `setpriv` replaces itself, so signals arrive.
fn unprivileged(binary: &Path) -> Command {
    if !is_root() {
        return Command::new(binary);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(binary).current_dir("/");
    command
}

fn run(command: &mut Command) -> Result<()> {
    let done = command.output().with_context(|| format!("running {command:?}"))?;
    ensure!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}
