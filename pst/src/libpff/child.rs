//! The parent's side: a store that is read by another process, which may stall, run away or die alone.
//! Never takes a reader's word where it can be held against what was asked.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::starter;
use super::store::read_held;
use crate::frame::{self, Answer, FRAME_OCTETS_MAX, READ_OCTETS_MAX, Request, VERSION};
use crate::item::{Folder, Item};
use crate::store::{Blob, BlobKey, Blobs, NodeId, Store, StoreError, Summary};

/// How a reader is started: a program that ends in [`super::serve::main`].
#[derive(Debug, Clone)]
pub struct ReaderCommand {
    /// The program; mostly this one.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

/// What one reading process may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChildLimits {
    /// For starting, opening and listing folders, each.
    pub open: Duration,
    /// For one item, or one piece of a blob.
    pub request: Duration,
    /// Address space, in octets.
    pub memory_octets: u64,
    /// Processor time of a process, in seconds.
    pub processor_seconds: u64,
    /// Resident octets from which on a process is replaced, unless it has grown by less than half of that since it
    /// listed the folders: libpff keeps what it has seen of a file's indexes until that is closed, 85 MiB for 0.9 GB.
    pub resident_octets: u64,
    /// How often a reader that has ended is started anew.
    pub restarts_max: u32,
}

impl Default for ChildLimits {
    fn default() -> Self {
        Self {
            open: Duration::from_mins(2),
            request: Duration::from_secs(30),
            memory_octets: 2 * 1024 * 1024 * 1024,
            processor_seconds: 60 * 60,
            resident_octets: 60 * 1024 * 1024,
            restarts_max: 16,
        }
    }
}

/// How long a process that closed its line is given to end by itself, so that its status can be told.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long between two looks at whether it has ended.
const LOOK: Duration = Duration::from_millis(5);

/// A store that a child process reads.
pub struct ChildStore {
    file: File,
    command: ReaderCommand,
    limits: ChildLimits,
    summary: Summary,
    guards: Vec<String>,
    open_cost: Duration,
    restarts: u32,
    replacements: u32,
    /// True where a reader that is started anew has to list the folders before it finds items by the short way.
    has_folders: bool,
    running: Option<Running>,
}

/// A process that is being talked to.
struct Running {
    process: Child,
    line: UnixStream,
    asked: u64,
    /// Resident octets once the file was open and its folders were listed, if they were asked for.
    resident_at_first: u64,
}

impl ChildStore {
    /// Starts a reader and has it open the file at a path.
    ///
    /// # Errors
    /// Those of [`Self::of_file`], and where the file cannot be opened.
    pub fn open(path: &Path, command: ReaderCommand, limits: ChildLimits) -> Result<Self, StoreError> {
        Self::of_file(File::open(path)?, command, limits)
    }

    /// Starts a reader and gives it a file that is open for reading, which it opens anew, with a position of its own:
    /// whatever lies at the path by then, it is this file that it reads, also when it is started again.
    ///
    /// # Errors
    /// Where it is no regular file, no store, or the reader ended over it: that is not tried again.
    pub fn of_file(file: File, command: ReaderCommand, limits: ChildLimits) -> Result<Self, StoreError> {
        if !file.metadata()?.is_file() {
            return Err(StoreError::NotAStore("it is no regular file".to_owned()));
        }
        let began = Instant::now();
        let (running, guards, summary) = begin(&file, &command, &limits)?;
        let open_cost = began.elapsed();
        Ok(Self {
            file,
            command,
            limits,
            summary,
            guards,
            open_cost,
            restarts: 0,
            replacements: 0,
            has_folders: false,
            running: Some(running),
        })
    }

    /// What stands around the reader, a sentence each: limits, and what the kernel allows of namespaces, Landlock and
    /// seccomp.
    #[must_use]
    pub fn guards(&self) -> &[String] {
        &self.guards
    }

    /// How long starting and opening took, and takes again with each restart.
    #[must_use]
    pub const fn open_cost(&self) -> Duration {
        self.open_cost
    }

    /// How often the reader was started anew.
    #[must_use]
    pub const fn restarts(&self) -> u32 {
        self.restarts
    }

    /// How often a reader that had grown was replaced.
    #[must_use]
    pub const fn replacements(&self) -> u32 {
        self.replacements
    }

    /// The process number of the reader that runs at the moment.
    #[must_use]
    pub fn process(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.process.id())
    }

    /// Asks, and has the reader started anew first where it has ended. Any other end of the asking than an answer
    /// ends the process.
    fn ask(&mut self, request: &Request, limit: Duration) -> Result<Answer, StoreError> {
        let mut running = match self.running.take() {
            Some(running) if running.has_grown(self.limits.resident_octets) => {
                drop(running);
                self.replacements += 1;
                self.started()?
            }
            Some(running) => running,
            None => self.start_anew()?,
        };
        match running.ask(request, limit) {
            Ok(answer) => {
                self.running = Some(running);
                match answer {
                    Answer::Refused(refusal) => Err(refusal.into()),
                    answer => Ok(answer),
                }
            }
            Err(cause) => Err(StoreError::ReaderEnded(running.end(&cause))),
        }
    }

    fn start_anew(&mut self) -> Result<Running, StoreError> {
        if self.restarts >= self.limits.restarts_max {
            let reason = format!("it has ended {} times and is not started again", self.restarts + 1);
            return Err(StoreError::ReaderEnded(reason));
        }
        self.restarts += 1;
        self.started()
    }

    /// A new reader that has come as far as the last one had when it answered.
    fn started(&self) -> Result<Running, StoreError> {
        let (mut running, _, summary) = begin(&self.file, &self.command, &self.limits)?;
        if summary != self.summary {
            // Dropping ends it: what it would say of the file is not what was said before.
            return Err(StoreError::ReaderEnded("started anew, it reads another file".to_owned()));
        }
        if self.has_folders
            && let Err(cause) = running.ask(&Request::Folders, self.limits.open)
        {
            return Err(StoreError::ReaderEnded(running.end(&cause)));
        }
        running.resident_at_first = running.resident_octets();
        Ok(running)
    }

    /// What to do with an answer that is none to what was asked: the reader is ended.
    fn lied(&mut self, about: &str) -> StoreError {
        self.running = None;
        StoreError::ReaderEnded(format!("what it answered about {about} cannot be true, and it was stopped"))
    }
}

/// Starts a reader and has it open the file.
fn begin(
    file: &File,
    command: &ReaderCommand,
    limits: &ChildLimits,
) -> Result<(Running, Vec<String>, Summary), StoreError> {
    let mut running = Running::start(file, command)?;
    let ChildLimits { memory_octets, processor_seconds, .. } = *limits;
    let first = Request::Begin { version: VERSION, memory_octets, processor_seconds };
    let told = running.ask(&first, limits.open);
    let mut guards = match told {
        Ok(Answer::Began { version: VERSION, guards }) => guards,
        Ok(_) => return Err(StoreError::ReaderEnded("it is no reader of this version".to_owned())),
        Err(cause) => return Err(StoreError::ReaderEnded(running.end(&cause))),
    };
    match running.ask(&Request::Open, limits.open) {
        Ok(Answer::Opened { summary, guard }) => {
            guards.push(guard);
            Ok((running, guards, summary))
        }
        Ok(Answer::Refused(refusal)) => Err(refusal.into()),
        Ok(_) => Err(StoreError::ReaderEnded("it answered what was not asked".to_owned())),
        Err(cause) => Err(StoreError::ReaderEnded(running.end(&cause))),
    }
}

impl Running {
    /// Starts the process: the file is its standard input, the line its standard output, and of this process's
    /// environment, which may hold secrets, it gets nothing but where libraries lie.
    fn start(file: &File, command: &ReaderCommand) -> io::Result<Self> {
        let (line, theirs) = UnixStream::pair()?;
        let mut started = Command::new(&command.program);
        started
            .args(&command.arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(file.try_clone()?))
            .stdout(Stdio::from(OwnedFd::from(theirs)))
            .stderr(Stdio::null());
        if let Some(libraries) = std::env::var_os("LD_LIBRARY_PATH") {
            started.env("LD_LIBRARY_PATH", libraries);
        }
        Ok(Self { process: starter::start(started)?, line, asked: 0, resident_at_first: 0 })
    }

    /// Resident octets of the process (proc_pid_status(5)); 0 where nobody tells.
    fn resident_octets(&self) -> u64 {
        let told = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let line = told.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        let kib = line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok());
        kib.unwrap_or(0).saturating_mul(1024)
    }

    /// True where the process takes more than it should, and not from the beginning.
    fn has_grown(&self, resident_octets: u64) -> bool {
        let most = resident_octets.max(self.resident_at_first.saturating_add(resident_octets / 2));
        self.resident_octets() > most
    }

    fn ask(&mut self, request: &Request, limit: Duration) -> io::Result<Answer> {
        let until = Instant::now() + limit;
        self.asked += 1;
        self.line.set_write_timeout(Some(limit))?;
        frame::write(&mut self.line, self.asked, &request.encode())?;
        let answered = frame::read(&mut Timed { line: &self.line, until }, FRAME_OCTETS_MAX)?;
        let answered = answered.ok_or(io::ErrorKind::UnexpectedEof)?;
        let wrong = |reason: String| io::Error::new(io::ErrorKind::InvalidData, reason);
        if answered.number != self.asked {
            return Err(wrong(format!("it answered question {} of {}", answered.number, self.asked)));
        }
        Answer::decode(&answered.octets).map_err(|reason| wrong(format!("its answer is none: {reason}")))
    }

    /// Ends the process where it has not ended, and says how it came to that.
    fn end(mut self, cause: &io::Error) -> String {
        match cause.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                "it gave no answer within its time, and was stopped".to_owned()
            }
            io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {
                match self.ended_alone() {
                    Some(status) => format!("it ended by itself: {status}"),
                    None => "it closed its line, and was stopped".to_owned(),
                }
            }
            _ => format!("{cause}; it was stopped"),
        }
    }

    /// The status of a process that ends by itself in a moment.
    fn ended_alone(&mut self) -> Option<ExitStatus> {
        let until = Instant::now() + LAST_WORDS;
        loop {
            match self.process.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < until => std::thread::sleep(LOOK),
                _ => return None,
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A process that has ended already is only reaped.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A line that is read until a point in time, however often it says a little.
struct Timed<'a> {
    line: &'a UnixStream,
    until: Instant,
}

impl Read for Timed<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.line.set_read_timeout(Some(left))?;
        let mut line = self.line;
        line.read(into)
    }
}

impl Blobs for ChildStore {
    fn read_at(&mut self, blob: &Blob, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        if let BlobKey::Held(octets) = &blob.key {
            return read_held(octets, offset, into);
        }
        let left = blob.octets.saturating_sub(offset);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(into.len());
        let mut filled = 0;
        for piece in into[..wanted].chunks_mut(usize::try_from(READ_OCTETS_MAX).unwrap_or(usize::MAX)) {
            let offset = offset + u64::try_from(filled).map_err(io::Error::other)?;
            let octets = u32::try_from(piece.len()).map_err(io::Error::other)?;
            let request = Request::Read { blob: blob.clone(), offset, octets };
            match self.ask(&request, self.limits.request) {
                Ok(Answer::Octets(got)) if got.len() == piece.len() => piece.copy_from_slice(&got),
                Ok(_) => return Err(io::Error::other(self.lied("octets of a value"))),
                Err(StoreError::Io(cause)) => return Err(cause),
                Err(other) => return Err(io::Error::other(other)),
            }
            filled += piece.len();
        }
        Ok(filled)
    }
}

impl Store for ChildStore {
    fn reader(&self) -> &'static str {
        "libpff"
    }

    fn summary(&self) -> &Summary {
        &self.summary
    }

    fn folders(&mut self) -> Result<Vec<Folder>, StoreError> {
        match self.ask(&Request::Folders, self.limits.open)? {
            Answer::Folders(folders) if !folders.is_empty() => {
                self.has_folders = true;
                if let Some(running) = &mut self.running {
                    running.resident_at_first = running.resident_octets();
                }
                Ok(folders)
            }
            _ => Err(self.lied("folders")),
        }
    }

    fn item(&mut self, node: NodeId) -> Result<Item, StoreError> {
        match self.ask(&Request::Item(node), self.limits.request)? {
            Answer::Item(item) if item.node == node => Ok(*item),
            _ => Err(self.lied("an item")),
        }
    }

    fn recovered(&mut self) -> Result<Vec<NodeId>, StoreError> {
        match self.ask(&Request::Recovered, self.limits.open)? {
            Answer::Recovered(nodes) => Ok(nodes),
            _ => Err(self.lied("items without a folder")),
        }
    }
}
