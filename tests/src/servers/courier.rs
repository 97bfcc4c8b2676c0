//! A throw-away Courier IMAP: the `imapd` of an unpacked copy (`tests/setup/unpack.sh`) behind a login of our own.
//! Never the system's own, and nothing of it after the test.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use super::plain_url;

/// Courier's own words, as Debian configures it; IDLE is left out, for it needs a daemon that watches files.
const CAPABILITY: &str =
    "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA";
const GREETING: &str = "Courier-IMAP ready. Copyright 1998-2022 Double Precision, Inc.  See COPYING for distribution \
    information.";
const LINE_OCTETS_MAX: u64 = 8192;

/// A running Courier, ended and removed when dropped.
#[derive(Debug)]
pub struct Courier {
    port: u16,
    shared: Arc<Shared>,
    folder: TempDir,
}

#[derive(Debug)]
struct Shared {
    /// The unpacked packages.
    programs: PathBuf,
    /// Folders in which libraries lie, as `LD_LIBRARY_PATH` takes them.
    libraries: String,
    /// Below it each account has a folder of its own.
    home: PathBuf,
    password: String,
    /// Connections held at once (MAXPERIP); one more is closed without a word.
    connections_max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    is_ended: bool,
    seated: usize,
    sessions: Vec<(TcpStream, Child)>,
}

impl Courier {
    /// Starts a server of so many connections at once, or says on standard error why tests of Courier are skipped
    /// and returns `None`.
    ///
    /// # Errors
    /// Where the packages are there and the server cannot be started.
    pub fn start_or_skip(password: &str, connections_max: usize) -> Result<Option<Self>> {
        match unpacked() {
            Ok(programs) => Self::start(programs, password, connections_max).map(Some),
            Err(cause) => {
                eprintln!("SKIPPED: Courier is not available here: {cause:#}");
                Ok(None)
            }
        }
    }

    /// `imap://user@127.0.0.1:port?tls=off`.
    #[must_use]
    pub fn url(&self, user: &str) -> String {
        plain_url(user, self.port)
    }

    /// Names and sizes of the files that hold an account's mail: nothing that a reader does may change them.
    ///
    /// # Errors
    /// Where the account's folder cannot be read.
    pub fn files(&self, user: &str) -> Result<BTreeSet<(PathBuf, u64)>> {
        let mut found = BTreeSet::new();
        gather(&self.folder.path().join(user).join("Maildir"), &mut found)?;
        Ok(found)
    }

    fn start(programs: PathBuf, password: &str, connections_max: usize) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("malote-courier-").tempdir()?;
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let shared = Arc::new(Shared {
            libraries: libraries(&programs)?,
            programs,
            home: folder.path().to_owned(),
            password: password.to_owned(),
            connections_max,
            state: Mutex::default(),
        });
        let port = listener.local_addr()?.port();
        let listening = Arc::clone(&shared);
        thread::spawn(move || listen(&listener, &listening));
        Ok(Self { port, shared, folder })
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.is_ended = true;
        for (stream, child) in &mut state.sessions {
            // Either may have gone by itself, which is what is wanted.
            let _ = (stream.shutdown(Shutdown::Both), child.kill(), child.wait());
        }
        drop(state);
        // Wakes the listener, so that it sees the end.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn listen(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming().map_while(Result::ok) {
        let has_room = {
            let mut state = shared.state();
            if state.is_ended {
                return;
            }
            let has_room = state.seated < shared.connections_max;
            state.seated += usize::from(has_room);
            has_room
        };
        if has_room {
            let shared = Arc::clone(shared);
            thread::spawn(move || {
                // A client that leaves in the midst of a login is no fault of the server's.
                let _ = serve(stream, &shared);
                shared.state().seated -= 1;
            });
        }
    }
}

/// Plays `imaplogin`, then gives the connection to `imapd` and passes on what that says.
fn serve(mut stream: TcpStream, shared: &Shared) -> Result<()> {
    write!(stream, "* OK [CAPABILITY {CAPABILITY}] {GREETING}\r\n")?;
    let Some((tag, user)) = login(&mut stream, &shared.password)? else { return Ok(()) };
    let home = shared.home.join(&user);
    for name in ["cur", "new", "tmp"] {
        fs::create_dir_all(home.join("Maildir").join(name))?;
    }
    let mut child = Command::new(shared.programs.join("usr/bin/imapd"))
        .arg("Maildir")
        .current_dir(&home)
        .env_clear()
        .envs([("LD_LIBRARY_PATH", shared.libraries.as_str()), ("PATH", "/usr/bin:/bin")])
        .envs([("IMAP_CAPABILITY", CAPABILITY), ("IMAP_KEYWORDS", "1"), ("IMAP_ACL", "1")])
        .env("HOME", &home)
        .stdin(Stdio::from(OwnedFd::from(stream.try_clone()?)))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("starting imapd")?;
    let mut said = BufReader::new(child.stdout.take().context("imapd's output")?);
    shared.state().sessions.push((stream.try_clone()?, child));
    loop {
        let mut line = String::new();
        ensure!(said.read_line(&mut line)? > 0, "imapd ended before its greeting");
        if line.starts_with("* PREAUTH") {
            break;
        }
    }
    write!(stream, "{tag} OK LOGIN Ok.\r\n")?;
    std::io::copy(&mut said, &mut stream)?;
    stream.shutdown(Shutdown::Both)?;
    Ok(())
}

/// The tag and user of a login that is right; nothing where the client leaves.
fn login(stream: &mut TcpStream, password: &str) -> Result<Option<(String, String)>> {
    loop {
        let line = line(stream)?;
        let mut words = line.split_whitespace();
        let (Some(tag), Some(verb)) = (words.next(), words.next()) else { return Ok(None) };
        let words: Vec<&str> = words.map(|word| word.trim_matches('"')).collect();
        match (verb.to_ascii_uppercase().as_str(), words.as_slice()) {
            ("LOGIN", [user, given]) if *given == password && is_plain(user) => {
                return Ok(Some((tag.to_owned(), (*user).to_owned())));
            }
            ("LOGIN", _) => write!(stream, "{tag} NO Login failed.\r\n")?,
            ("CAPABILITY", _) => {
                write!(stream, "* CAPABILITY {CAPABILITY}\r\n{tag} OK CAPABILITY completed\r\n")?;
            }
            ("NOOP", _) => write!(stream, "{tag} OK NOOP completed\r\n")?,
            ("LOGOUT", _) => return Ok(None),
            _ => write!(stream, "{tag} NO Error in IMAP command received by server.\r\n")?,
        }
    }
}

/// True for a name that may be that of a folder.
fn is_plain(user: &str) -> bool {
    !user.is_empty() && user.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// One line, octet by octet: what follows the login is `imapd`'s.
fn line(stream: &mut TcpStream) -> Result<String> {
    let mut line = Vec::new();
    #[expect(clippy::unbuffered_bytes, reason = "what comes after the line is for another reader")]
    for octet in stream.take(LINE_OCTETS_MAX).bytes() {
        match octet? {
            b'\n' => return Ok(String::from_utf8_lossy(&line).trim().to_owned()),
            octet => line.push(octet),
        }
    }
    bail!("the client left")
}

fn gather(folder: &Path, found: &mut BTreeSet<(PathBuf, u64)>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let (path, metadata) =
            (entry.as_ref().map(fs::DirEntry::path), entry.as_ref().map(fs::DirEntry::metadata));
        let (Ok(path), Ok(metadata)) = (path, metadata) else { bail!("reading {}", folder.display()) };
        let metadata = metadata?;
        if metadata.is_dir() {
            gather(&path, found)?;
        } else if folder.ends_with("cur") || folder.ends_with("new") {
            found.insert((path, metadata.len()));
        }
    }
    Ok(())
}

/// Every folder below the unpacked packages that holds libraries.
fn libraries(programs: &Path) -> Result<String> {
    let mut folders = BTreeSet::new();
    let mut left = vec![programs.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() && !path.is_symlink() {
                left.push(path);
            } else if path.file_name().is_some_and(|name| name.to_string_lossy().contains(".so")) {
                folders.insert(folder.display().to_string());
            }
        }
    }
    Ok(folders.into_iter().collect::<Vec<_>>().join(":"))
}

/// The unpacked packages, made now when the cache is empty.
fn unpacked() -> Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("setup/unpack.sh");
    let output =
        Command::new("sh").arg(&script).arg("courier").output().context("running tests/setup/unpack.sh")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()))
}
