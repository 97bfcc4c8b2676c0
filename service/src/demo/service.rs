//! The service of the demo: this very program in a process of its own, which may be killed and started again.
//! Never outlives the demo.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use secrecy::SecretString;

use super::dovecot::mortal;
use crate::cli::exit::Stopped;

/// How long a service may take to listen.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long it may take to end what is in flight.
const END_WITHIN: Duration = Duration::from_secs(30);
/// How long to wait between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What the program prints once it listens.
const LISTENING: &str = "malote: listening on http://";
/// What stands before the token that makes the first administrator.
const TOKEN: &str = "\"token\":\"";

/// The token that makes the first administrator, as it was last said: a service that starts before there is one says
/// another.
#[derive(Debug, Clone, Default)]
pub(super) struct SetupToken(Arc<Mutex<Option<SecretString>>>);

impl SetupToken {
    /// The last one.
    pub fn last(&self) -> Option<SecretString> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_now(&self, token: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(SecretString::from(token));
    }
}

/// A running service.
#[derive(Debug)]
pub(super) struct Service {
    folder: PathBuf,
    address: SocketAddr,
    child: Child,
    token: SetupToken,
}

impl Service {
    /// Starts a service with its data in `folder`, and waits until it listens.
    pub fn start(folder: &Path, listen: Option<SocketAddr>) -> Result<Self, Stopped> {
        let address = match listen {
            Some(address) if address.port() != 0 => address,
            Some(address) => free(address)?,
            None => free((Ipv4Addr::LOCALHOST, 0).into())?,
        };
        std::fs::create_dir_all(folder).map_err(|cause| fail("making its folder", &cause))?;
        let token = SetupToken::default();
        let child = begin(folder, address, true, &token)?;
        Ok(Self { folder: folder.to_owned(), address, child, token })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the token that makes the first administrator is to be read.
    pub fn token(&self) -> SetupToken {
        self.token.clone()
    }

    /// Its process.
    pub fn process(&self) -> Option<Pid> {
        Some(Pid::from_child(&self.child))
    }

    /// Ends it at once, as a crash would, and starts it again at the same address.
    pub fn kill_and_start(&mut self) -> Result<(), Stopped> {
        self.child.kill().map_err(|cause| fail("killing it", &cause))?;
        self.child.wait().map_err(|cause| fail("killing it", &cause))?;
        self.child = begin(&self.folder, self.address, false, &self.token)?;
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Every failure here means that the process is gone already, which is what is wanted.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let deadline = Instant::now() + END_WITHIN;
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(LOOK_EVERY);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn begin(folder: &Path, address: SocketAddr, is_first: bool, token: &SetupToken) -> Result<Child, Stopped> {
    let program = std::env::current_exe().map_err(|cause| fail("finding this program", &cause))?;
    let log = File::options().create(true).append(true).open(folder.join("service.log"));
    let mut log = log.map_err(|cause| fail("opening its log", &cause))?;
    let mut command = mortal(&program);
    command.arg("serve").arg("--data").arg(folder.join("data")).arg("--listen").arg(address.to_string());
    command.args(["--mfa", "offered", "--allow-private", "127.0.0.0/8", "--log-format", "text"]);
    // A group of its own: Ctrl-C is for the demo, which ends the service itself.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(|cause| fail("starting it", &cause))?;
    let errors = child.stderr.take().ok_or_else(|| Stopped::bug("a child without a standard error"))?;
    let (sender, receiver) = mpsc::channel();
    let slot = token.clone();
    thread::spawn(move || {
        for line in BufReader::new(errors).lines().map_while(Result::ok) {
            // The one line that nobody else may read is not kept.
            match line.split_once(TOKEN).and_then(|(_, rest)| rest.split('"').next()) {
                Some(token) => slot.is_now(token),
                // A log that cannot be written is no reason to stop listening.
                None => drop(writeln!(log, "{line}")),
            }
            // Nobody listens any more once the service is ready.
            let _ = sender.send(line);
        }
    });
    match wait(&receiver, is_first) {
        Ok(()) => Ok(child),
        Err(said) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(fail("waiting until it listens", &said))
        }
    }
}

/// Reads until the service listens, and until it says how the first administrator gets in where it is to say so.
fn wait(lines: &mpsc::Receiver<String>, is_first: bool) -> Result<(), String> {
    let deadline = Instant::now() + READY_WITHIN;
    let mut said = String::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let line = lines.recv_timeout(left).map_err(|_| said.clone())?;
        if line.contains(TOKEN) || (line.starts_with(LISTENING) && !is_first) {
            return Ok(());
        }
        said = line;
    }
}

fn free(address: SocketAddr) -> Result<SocketAddr, Stopped> {
    let bound = TcpListener::bind(address).and_then(|listener| listener.local_addr());
    bound.map_err(|cause| fail("looking for a free port", &cause))
}

fn fail(tried: &str, cause: &dyn std::fmt::Display) -> Stopped {
    Stopped::early(format!("starting the demo's service: {tried}: {cause}"))
}
