//! A Dovecot of our own: started in its own folder and process group, ended when dropped.
//! Never ends a process that it did not start.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use super::config::{Owner, Settings, configuration, users};
use crate::cli::exit::Stopped;

/// Owner of the demo's mail where root runs it: no account of the machine has this number.
const MAIL_UID: u32 = 42_199;

/// How long a server may take to greet.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// How long a server may take to end before it is made to.
const END_WITHIN: Duration = Duration::from_secs(5);

/// How long to wait between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Starts that are tried: another process may take the port between the look and the start.
const STARTS_MAX: u32 = 3;

/// What a server shall be.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// The folder that is its whole world.
    pub root: &'a Path,
    /// The accounts.
    pub users: &'a [String],
    /// Everybody's password, of letters and digits.
    pub password: &'a str,
    /// Folders with a special use: name and use.
    pub roles: &'a [(&'a str, &'a str)],
}

/// A running server.
#[derive(Debug)]
pub struct Dovecot {
    child: Child,
    group: Pid,
    port: u16,
    version: String,
}

impl Dovecot {
    /// Starts a server with its accounts and waits for its greeting.
    pub fn start(plan: &Plan<'_>) -> Result<Self, Stopped> {
        let program = ["/usr/sbin/dovecot", "/usr/local/sbin/dovecot", "/usr/bin/dovecot"].map(PathBuf::from);
        let program = program.into_iter().find(|path| path.is_file()).ok_or_else(|| {
            Stopped::usage("the demo needs the program dovecot: apt-get install dovecot-imapd, or its like")
        })?;
        let version = Command::new(&program).arg("--version").output();
        let version = version.map_err(|cause| fail("asking Dovecot for its version", &cause.to_string()))?;
        let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
        let mut attempt = 1;
        loop {
            match Self::try_start(&program, plan, &version) {
                Err(_) if attempt < STARTS_MAX => attempt += 1,
                started => return started,
            }
        }
    }

    fn try_start(program: &Path, plan: &Plan<'_>, version: &str) -> Result<Self, Stopped> {
        let root = plan.root;
        let port = free_port().map_err(|cause| fail("looking for a free port", &cause.to_string()))?;
        prepare(plan, port, version)
            .map_err(|cause| fail("writing the server's files", &cause.to_string()))?;
        let mut command = mortal(program);
        let output = fs::File::create(root.join("output"))
            .map_err(|cause| fail("making a log", &cause.to_string()))?;
        command.arg("-F").arg("-c").arg(root.join("dovecot.conf"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output).process_group(0);
        let child = command.spawn().map_err(|cause| fail("starting it", &cause.to_string()))?;
        let group = Pid::from_child(&child);
        let mut dovecot = Self { child, group, port, version: version.to_owned() };
        dovecot.wait_for_greeting(root)?;
        Ok(dovecot)
    }

    /// The port on loopback.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The group of its processes.
    pub const fn group(&self) -> Pid {
        self.group
    }

    /// `2.3.19.1`.
    pub fn version(&self) -> &str {
        self.version.split_whitespace().next().unwrap_or_default()
    }

    fn wait_for_greeting(&mut self, root: &Path) -> Result<(), Stopped> {
        let deadline = Instant::now() + READY_WITHIN;
        while Instant::now() < deadline {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                break;
            }
            if greets(self.port) {
                return Ok(());
            }
            thread::sleep(LOOK_EVERY);
        }
        let said = ["output", "log"].map(|name| fs::read_to_string(root.join(name)).unwrap_or_default());
        let last: Vec<&str> = said.iter().flat_map(|text| text.lines()).rev().take(3).collect();
        Err(fail("waiting for its greeting", &last.join("; ")))
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        // Every failure here means that the process is gone already, which is what is wanted.
        let _ = kill_process_group(self.group, Signal::TERM);
        let deadline = Instant::now() + END_WITHIN;
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(LOOK_EVERY);
        }
        while test_kill_process_group(self.group).is_ok() && Instant::now() < deadline {
            let _ = kill_process_group(self.group, Signal::KILL);
            let _ = self.child.try_wait();
            thread::sleep(LOOK_EVERY);
        }
        let _ = self.child.wait();
    }
}

/// Ends a server's processes without waiting, for when this process is about to end.
pub fn end_at_once(group: Pid) {
    // The group is gone already where this fails.
    let _ = kill_process_group(group, Signal::KILL);
}

fn fail(tried: &str, cause: &str) -> Stopped {
    Stopped::early(format!("starting a throw-away Dovecot: {tried}: {cause}"))
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn greets(port: u16) -> bool {
    let Ok(stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return false };
    let mut line = String::new();
    stream.set_read_timeout(Some(END_WITHIN)).is_ok()
        && BufReader::new(stream).read_line(&mut line).is_ok()
        && line.starts_with("* OK")
}

fn prepare(plan: &Plan<'_>, port: u16, version: &str) -> std::io::Result<()> {
    let Plan { root, users: accounts, password, roles } = *plan;
    fs::create_dir_all(root.join("mail"))?;
    let owner = owner(root)?;
    // Services run as other users: they must reach their folders, which have names that nobody can guess.
    for folder in root.ancestors().take(2) {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o711))?;
    }
    if owner.is_root {
        chown(root.join("mail"), Some(owner.uid), Some(owner.gid))?;
    }
    let settings = Settings { root, port, owner: &owner, version, roles };
    fs::write(root.join("dovecot.conf"), configuration(&settings))?;
    fs::write(root.join("users"), users(accounts, password))?;
    // Dovecot reads the accounts as a user of its own where root starts it.
    let mode = if owner.is_root { 0o644 } else { 0o600 };
    fs::set_permissions(root.join("users"), fs::Permissions::from_mode(mode))
}

/// Who runs us, told by what he has just made.
fn owner(folder: &Path) -> std::io::Result<Owner> {
    let metadata = fs::metadata(folder)?;
    let (uid, gid) = (metadata.uid(), metadata.gid());
    if uid == 0 {
        let root = || "root".to_owned();
        return Ok(Owner { is_root: true, uid: MAIL_UID, gid: MAIL_UID, user: root(), group: root() });
    }
    let (user, group) = (account_name("/etc/passwd", uid)?, account_name("/etc/group", gid)?);
    Ok(Owner { is_root: false, uid, gid, user, group })
}

/// The name that a file shaped like `/etc/passwd` gives to a number.
fn account_name(file: &str, number: u32) -> std::io::Result<String> {
    let (text, wanted) = (fs::read_to_string(file)?, number.to_string());
    let mut lines = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let found = lines.find(|fields| fields.get(2) == Some(&wanted.as_str()));
    let name = found.and_then(|fields| fields.first().map(|name| (*name).to_owned()));
    name.ok_or_else(|| std::io::Error::other(format!("{file} has no name for {number}")))
}

/// A command that is told to end when this process dies, even by SIGKILL, where `setpriv` exists.
pub(super) fn mortal(program: &Path) -> Command {
    let setpriv = ["/usr/bin/setpriv", "/bin/setpriv"].map(Path::new).into_iter().find(|path| path.is_file());
    let Some(setpriv) = setpriv else { return Command::new(program) };
    let mut command = Command::new(setpriv);
    command.args(["--pdeathsig", "TERM", "--"]).arg(program);
    command
}
