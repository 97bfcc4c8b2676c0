//! A throw-away Cyrus IMAP, run from an unpacked copy that `tests/setup/unpack.sh` makes.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use super::process::{Running, account_name};
use super::{free_port, plain_url};

/// Debian's unprivileged account: Cyrus wants a named user that is not root.
const UNPRIVILEGED: (&str, u32, u32) = ("nobody", 65_534, 65_534);
const STARTS_MAX: u32 = 3;
const SASL_REQUEST_BYTES_MAX: usize = 4096;

/// How one Cyrus is set up.
#[derive(Clone, Debug)]
pub struct CyrusOptions {
    /// Separator `/` instead of `.`.
    pub unixhierarchysep: bool,
    /// The user's folders beside INBOX instead of under it.
    pub altnamespace: bool,
    /// The password that every account has; an account comes to be at its first login.
    pub password: String,
    /// Largest message taken, in kibibytes; no limit when absent.
    pub message_kib_max: Option<u64>,
}

impl Default for CyrusOptions {
    fn default() -> Self {
        Self {
            unixhierarchysep: true,
            altnamespace: false,
            password: "segredo".to_owned(),
            message_kib_max: None,
        }
    }
}

/// A running Cyrus, ended and removed when dropped.
#[derive(Debug)]
pub struct Cyrus {
    options: CyrusOptions,
    port: u16,
    running: Option<Running>,
    folder: TempDir,
}

impl Cyrus {
    /// Starts a server, or says on standard error why tests of Cyrus are skipped and returns `None`.
    ///
    /// The first call of a machine unpacks the packages, which takes seconds and needs Debian's mirror.
    pub fn start_or_skip(options: CyrusOptions) -> Result<Option<Self>> {
        match unpacked() {
            Ok(source) => Self::start(options, &source).map(Some),
            Err(cause) => {
                eprintln!("SKIPPED: Cyrus is not available here: {cause:#}");
                Ok(None)
            }
        }
    }

    /// The port, without TLS.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `imap://user@127.0.0.1:port?tls=off`.
    #[must_use]
    pub fn url(&self, user: &str) -> String {
        plain_url(user, self.port)
    }

    /// The password of every account.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.options.password
    }

    /// Ends the server and keeps its mail and port: the beginning of an outage.
    pub fn stop_and_keep(&mut self) {
        self.running = None;
    }

    /// Starts on the same port with the same mail: the end of an outage.
    pub fn start_again(&mut self) -> Result<()> {
        ensure!(self.running.is_none(), "this Cyrus is already running");
        let root = self.folder.path();
        let programs = root.join("cyrus");
        let account = Account::choose()?;
        let at = root.display();
        let arguments = [
            "-D",
            "-C",
            &format!("{at}/imapd.conf"),
            "-M",
            &format!("{at}/cyrus.conf"),
            "-p",
            &format!("{at}/pid"),
        ]
        .map(String::from);
        let mut running =
            Running::start(&programs.join("master"), &arguments, &root.join("output"), |command| {
                command.env("LD_LIBRARY_PATH", &programs);
                account.enter(command);
            })?;
        running
            .greeted(self.port)
            .with_context(|| fs::read_to_string(root.join("output")).unwrap_or_default())?;
        self.running = Some(running);
        Ok(())
    }

    /// Ends the server and removes its mail.
    pub fn stop(self) {}

    fn start(options: CyrusOptions, source: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("malote-cyrus-").tempdir()?;
        let account = Account::choose()?;
        let root = folder.path();
        for name in ["conf", "conf/socket", "conf/proc", "conf/lock", "spool", "cyrus"] {
            fs::create_dir(root.join(name))?;
            account.give(&root.join(name))?;
        }
        account.give(root)?;
        bring_programs(source, &root.join("cyrus"))?;
        answer_passwords(&root.join("mux"), options.password.clone())?;
        let mut cyrus = Self { options, port: 0, running: None, folder };
        for attempt in 1..=STARTS_MAX {
            cyrus.port = free_port()?;
            cyrus.write_files(&account)?;
            match cyrus.start_again() {
                // Another process may have taken the port between the look and the start.
                Err(_) if attempt < STARTS_MAX => {}
                outcome => {
                    outcome?;
                    break;
                }
            }
        }
        Ok(cyrus)
    }

    fn write_files(&self, account: &Account) -> Result<()> {
        let root = self.folder.path();
        let at = root.display();
        let conf = format!(
            "configdirectory: {at}/conf\ndefaultpartition: default\npartition-default: {at}/spool\n\
             proc_path: {at}/conf/proc\nmboxname_lockpath: {at}/conf/lock\nidlesocket: {at}/conf/socket/idle\n\
             notifysocket: {at}/conf/socket/notify\nlmtpsocket: {at}/conf/socket/lmtp\n\
             cyrus_user: {}\nadmins: admin\nunixhierarchysep: {}\naltnamespace: {}\nallowplaintext: yes\n\
             sasl_mech_list: PLAIN LOGIN\nsasl_pwcheck_method: saslauthd\nsasl_saslauthd_path: {at}/mux\n\
             autocreate_quota: 0\nautocreate_quota_messages: -1\nmaxmessagesize: {}\nservername: localhost\n\
             skiplist_unsafe: 1\nfailedloginpause: 0\n",
            account.name,
            yes(self.options.unixhierarchysep),
            yes(self.options.altnamespace),
            self.options.message_kib_max.unwrap_or(0) * 1024,
        );
        fs::write(root.join("imapd.conf"), conf)?;
        let services = format!(
            "START {{\n  recover cmd=\"{at}/cyrus/ctl_cyrusdb -C {at}/imapd.conf -r\"\n}}\nSERVICES {{\n  \
             imap cmd=\"{at}/cyrus/imapd -C {at}/imapd.conf\" listen=\"127.0.0.1:{}\" prefork=1 proto=\"tcp4\"\n}}\n\
             EVENTS {{\n}}\n",
            self.port
        );
        fs::write(root.join("cyrus.conf"), services)?;
        Ok(())
    }
}

/// The account under which Cyrus runs.
struct Account {
    name: String,
    /// Set when the tests run as root and have to change user.
    change_to: Option<(u32, u32)>,
}

impl Account {
    fn choose() -> Result<Self> {
        let uid = rustix::process::geteuid();
        if uid.is_root() {
            let (name, uid, gid) = UNPRIVILEGED;
            return Ok(Self { name: name.to_owned(), change_to: Some((uid, gid)) });
        }
        Ok(Self { name: account_name("/etc/passwd", uid.as_raw())?, change_to: None })
    }

    fn give(&self, path: &Path) -> Result<()> {
        if let Some((uid, gid)) = self.change_to {
            chown(path, Some(uid), Some(gid))?;
        }
        Ok(())
    }

    fn enter(&self, command: &mut Command) {
        if let Some((uid, gid)) = self.change_to {
            command.uid(uid).gid(gid);
        }
    }
}

/// The unpacked packages, made now when the cache is empty.
fn unpacked() -> Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("setup/unpack.sh");
    let output =
        Command::new("sh").arg(&script).arg("cyrus").output().context("running tests/setup/unpack.sh")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()))
}

/// Puts the programs and their libraries into one folder that the server's account can reach: root's
/// cache folder is closed to others. Hard links where the file system allows, copies elsewhere.
fn bring_programs(source: &Path, target: &Path) -> Result<()> {
    let bin = source.join("usr/lib/cyrus/bin");
    for name in ["master", "imapd", "ctl_cyrusdb"] {
        bring(&bin.join(name), &target.join(name))?;
    }
    for parent in [source.join("usr/lib"), source.join("lib")] {
        for entry in fs::read_dir(&parent)? {
            let path = entry?.path();
            if path.is_dir() && path.to_string_lossy().ends_with("-linux-gnu") {
                bring_libraries(&path, target)?;
            }
        }
    }
    Ok(())
}

fn bring_libraries(folder: &Path, target: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_string_lossy().contains(".so") {
            bring(&fs::canonicalize(entry.path())?, &target.join(name))?;
        }
    }
    Ok(())
}

fn bring(from: &Path, to: &Path) -> Result<()> {
    if fs::hard_link(from, to).is_err() {
        fs::copy(from, to).with_context(|| format!("copying {}", from.display()))?;
    }
    Ok(())
}

/// Plays `saslauthd`: four counted strings come in (user, password, service, realm), a counted verdict goes out.
fn answer_passwords(socket: &Path, password: String) -> Result<()> {
    let listener = UnixListener::bind(socket)?;
    fs::set_permissions(socket, fs::Permissions::from_mode(0o777))?;
    let socket = socket.to_owned();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // One client that gives up does not end the service.
            let _ = answer_password(stream, &password);
            if !socket.exists() {
                break;
            }
        }
    });
    Ok(())
}

fn answer_password(mut stream: UnixStream, expected: &str) -> Result<()> {
    let mut fields = Vec::new();
    for _ in 0..4 {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let length = usize::from(u16::from_be_bytes(length));
        ensure!(length <= SASL_REQUEST_BYTES_MAX, "a field of {length} octets is no password");
        let mut field = vec![0; length];
        stream.read_exact(&mut field)?;
        fields.push(field);
    }
    let verdict = if fields.get(1).is_some_and(|given| given == expected.as_bytes()) { "OK" } else { "NO" };
    stream.write_all(&[0, 2])?;
    stream.write_all(verdict.as_bytes())?;
    Ok(())
}

fn yes(is_on: bool) -> &'static str {
    if is_on { "yes" } else { "no" }
}
