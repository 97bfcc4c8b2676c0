//! A PostgreSQL server of the test's own, from Debian's binaries, on a socket in a temporary folder.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a server may take to answer.
const START_WAIT: Duration = Duration::from_secs(30);

/// A running server, ended and removed when dropped.
pub(super) struct Server {
    process: Child,
    folder: TempDir,
}

impl Server {
    /// Starts a server; none, with a line that says why, where it cannot be had.
    pub(super) fn start() -> Option<Self> {
        let Some(binaries) = binaries() else {
            eprintln!("skipped: no /usr/lib/postgresql/*/bin/initdb here (apt install postgresql)");
            return None;
        };
        let folder =
            tempfile::Builder::new().prefix("malote-pg").tempdir_in("/tmp").expect("a folder can be made");
        if is_root() {
            run(Command::new("chown").arg("postgres:").arg(folder.path()));
        }
        let data = folder.path().join("data");
        let mut initdb = unprivileged(&binaries.join("initdb"));
        run(initdb.arg("-D").arg(&data).args(["-U", "malote", "-A", "trust", "-E", "UTF8", "--no-sync"]));
        let mut server = unprivileged(&binaries.join("postgres"));
        server.arg("-D").arg(&data).arg("-k").arg(folder.path()).args(["-c", "listen_addresses="]);
        server.args(["-c", "fsync=off", "-c", "max_connections=20"]);
        let process = server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the server starts");
        let server = Self { process, folder };
        let begun = Instant::now();
        while !server.answers(&binaries) {
            assert!(begun.elapsed() < START_WAIT, "the server did not answer in {START_WAIT:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(server)
    }

    /// Where it is reached.
    pub(super) fn url(&self) -> String {
        format!("postgres://malote@localhost/postgres?host={}", self.folder.path().display())
    }

    fn answers(&self, binaries: &Path) -> bool {
        let mut ask = Command::new(binaries.join("pg_isready"));
        ask.arg("-h").arg(self.folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        ask.status().is_ok_and(|status| status.success())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGINT ends it at once and in order; a kill would leave its helpers and shared memory behind.
        let _ = Command::new("kill").args(["-INT", &self.process.id().to_string()]).status();
        let _ = self.process.wait();
    }
}

fn binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let folders = versions.filter_map(Result::ok).map(|version| version.path().join("bin"));
    folders.filter(|folder| folder.join("initdb").exists() && folder.join("postgres").exists()).max()
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id runs");
    id.stdout.starts_with(b"0\n")
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

fn run(command: &mut Command) {
    let done = command.output().expect("the command runs");
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}
