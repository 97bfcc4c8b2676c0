//! A server process that never outlives its test.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

const READY_WITHIN: Duration = Duration::from_secs(20);
const STOP_WITHIN: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(5);

type Spawn = (Command, mpsc::Sender<std::io::Result<Child>>);

/// Starts every server from one thread that lives as long as the process: the kernel sends the
/// parent-death signal when the *thread* that forked ends, and test threads end early.
static WARDEN: LazyLock<Mutex<mpsc::Sender<Spawn>>> = LazyLock::new(|| {
    let (orders, queue) = mpsc::channel::<Spawn>();
    thread::spawn(move || {
        for (mut command, answer) in queue {
            // `Running::start` waits for this answer, so the other end is always there.
            let _ = answer.send(command.spawn());
        }
    });
    Mutex::new(orders)
});

/// A running server: leader of its own process group.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    group: Pid,
}

impl Running {
    /// Starts `program` with `arguments`; `setting` may add variables. Output goes to `log`.
    pub(super) fn start(
        program: &Path,
        arguments: &[String],
        log: &Path,
        setting: impl FnOnce(&mut Command),
    ) -> Result<Self> {
        let mut command = mortal(program);
        command.args(arguments);
        setting(&mut command);
        let out = std::fs::File::options().create(true).append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out).process_group(0);
        let (answer, child) = mpsc::channel();
        WARDEN
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .send((command, answer))
            .map_err(|_| anyhow!("the thread that starts servers is gone"))?;
        let child = child.recv()?.with_context(|| format!("starting {}", program.display()))?;
        let group = Pid::from_child(&child);
        Ok(Self { child, group })
    }

    /// Waits until `port` greets, or fails as soon as the process ends.
    pub(super) fn greeted(&mut self, port: u16) -> Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended at start: {status}");
            }
            if greets(port) {
                return Ok(());
            }
            thread::sleep(POLL);
        }
        bail!("port {port} did not greet within {READY_WITHIN:?}")
    }

    /// The process id of the group's leader.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks the whole group to end, waits for its leader, then ends whatever is left.
    pub(super) fn stop(&mut self) {
        // Every failure below means that the process is already gone, which is what is wanted.
        let _ = kill_process_group(self.group, Signal::TERM);
        let deadline = Instant::now() + STOP_WITHIN;
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(POLL);
        }
        while test_kill_process_group(self.group).is_ok() && Instant::now() < deadline {
            let _ = kill_process_group(self.group, Signal::KILL);
            let _ = self.child.try_wait();
            thread::sleep(POLL);
        }
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A command that is told to end when this process dies, even by SIGKILL, where `setpriv` exists.
fn mortal(program: &Path) -> Command {
    match find_program("setpriv", &["/usr/bin", "/bin"]) {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "TERM", "--"]).arg(program);
            command
        }
        None => Command::new(program),
    }
}

/// Looks for a program where servers are installed; `sbin` is not on every user's PATH.
pub(super) fn find_program(name: &str, folders: &[&str]) -> Option<PathBuf> {
    folders.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file())
}

/// Whether a whole greeting line comes back within a second.
fn greets(port: u16) -> bool {
    let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut line = String::new();
    stream.set_read_timeout(Some(Duration::from_secs(5))).is_ok()
        && BufReader::new(stream).read_line(&mut line).is_ok()
        && line.starts_with("* OK")
}

/// The name that a file shaped like `/etc/passwd` or `/etc/group` gives to a number.
pub(super) fn account_name(file: &str, number: u32) -> Result<String> {
    let wanted = number.to_string();
    std::fs::read_to_string(file)?
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.get(2) == Some(&wanted.as_str()))
        .and_then(|fields| fields.first().map(|name| (*name).to_owned()))
        .with_context(|| format!("{file} has no name for {number}"))
}
