//! Opening a ledger's file: who may have it, whether it is one, what to do with a damaged one.
//! Never knows what the tables hold.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::error::Broken;
use super::session::Session;
use super::{SqlLedger, SqliteLedger, enter, migrate};
use crate::failure::{Failure, Result};

/// How long to wait for a process that only reads the file, such as a backup.
const BUSY_WAIT: Duration = Duration::from_secs(10);

/// The largest file whose every page is checked on each opening, in octets; a larger one is checked only where a
/// write-ahead log lies beside it, which means that the last process did not end in order, or where that
/// process met damage.
const CHECKED_ALWAYS_OCTETS_MAX: u64 = 64 * 1024 * 1024;

/// How many damaged files of one name are kept apart before opening is refused.
const SET_ASIDE_MAX: u32 = 1_000;

/// `application_id` of a ledger's file; the first migration sets it.
const APPLICATION_ID: i64 = 1_298_230_383;

/// What a file holds, without changing it.
const CONTENTS: &str =
    "SELECT application_id, (SELECT COUNT(*) FROM sqlite_schema) FROM pragma_application_id";

/// Checks that every page holds what it must.
const CHECK_PAGES: &str = "PRAGMA quick_check(1)";

/// Checks that, and that the indices hold what the tables do.
const CHECK_ALL: &str = "PRAGMA integrity_check(1)";

/// How each connection behaves: each commit is on the disk before it returns.
const BEHAVIOUR: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON";

/// Why a file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file is damaged, or is no database at all: it can be put aside, and a new one begun.
    #[error(transparent)]
    Corrupt(Failure),
    /// Anything else.
    #[error(transparent)]
    Failed(Failure),
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Corrupt(failure) | OpenError::Failed(failure) => failure,
        }
    }
}

impl SqliteLedger {
    /// Opens the ledger in the file `path`, or makes it, readable by its owner alone. The file is this process's
    /// alone until `close`, the drop of the ledger or the end of the process, however it comes.
    ///
    /// # Errors
    /// `Class::LedgerForeign` for a file of a newer malote or another program; `Class::Ledger` for one that is
    /// in use, unreadable or damaged, the last told apart as [`OpenError::Corrupt`].
    pub async fn open(path: &Path) -> std::result::Result<Self, OpenError> {
        let (path, name, lock) = hold(path).map_err(OpenError::Failed)?;
        open_held(&path, &name, lock).await.map_err(|(error, _)| error)
    }

    /// Opens the ledger in the file `path`; a damaged file is renamed to `path.corrupt-1` (or the next free
    /// number), with its log beside it, and a new one begun. Says where the damaged one lies.
    ///
    /// # Errors
    /// As for [`SqliteLedger::open`], but for damage; and where the file cannot be renamed.
    pub async fn open_or_set_aside(path: &Path) -> Result<(Self, Option<PathBuf>)> {
        let (path, name, lock) = hold(path)?;
        match open_held(&path, &name, lock).await {
            Ok(ledger) => Ok((ledger, None)),
            Err((OpenError::Corrupt(_), lock)) => {
                let aside = set_aside(&path)
                    .map_err(|error| Broken::File(error).into_failure(&name, "putting aside the damaged"))?;
                let opened = open_held(&path, &name, lock).await;
                let ledger = opened.map_err(|(error, _)| Failure::from(error))?;
                Ok((ledger, Some(aside)))
            }
            Err((error, _)) => Err(error.into()),
        }
    }
}

/// Takes the file for this process: its real path, what it is called in failures, and the lock.
fn hold(path: &Path) -> Result<(PathBuf, String, File)> {
    let fail = |error: Broken| error.into_failure(&format!("the state file {}", path.display()), "opening");
    let path = real_path(path).map_err(|error| fail(error.into()))?;
    let lock = lock(&path).map_err(fail)?;
    let name = format!("the state file {}", path.display());
    Ok((path, name, lock))
}

/// Follows links, so that two names of one file share one lock.
fn real_path(path: &Path) -> io::Result<PathBuf> {
    match std::fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let file = path.file_name().ok_or(error)?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            Ok(std::fs::canonicalize(folder.unwrap_or(Path::new(".")))?.join(file))
        }
        found => found,
    }
}

/// Locks `path.lock`, which stays behind afterwards: removing it would race with the next process. The kernel
/// gives the lock back when this process ends in any way.
fn lock(path: &Path) -> std::result::Result<File, Broken> {
    let file = private().create(true).truncate(false).open(beside(path, ".lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Broken::InUse),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Leaves word in the lock file that damage was met, so that the next opening looks for it.
pub(super) fn mark_damaged(lock: &File) {
    // Where not even this can be written, the next run meets the damage as this one did.
    let _ = lock.set_len(1);
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Opens a file that this process holds; gives the lock back beside an error.
async fn open_held(
    path: &Path,
    name: &str,
    lock: File,
) -> std::result::Result<SqliteLedger, (OpenError, File)> {
    match open_file(path, &lock).await {
        Ok((id, options, session)) => Ok(SqlLedger::new(name.to_owned(), id, options, session, Some(lock))),
        Err(broken) => {
            let is_corrupt = broken.is_corrupt();
            let failure = broken.into_failure(name, "opening");
            Err((if is_corrupt { OpenError::Corrupt(failure) } else { OpenError::Failed(failure) }, lock))
        }
    }
}

async fn open_file(
    path: &Path,
    lock: &File,
) -> std::result::Result<(i64, SqliteConnectOptions, SqliteConnection), Broken> {
    private().create(true).truncate(false).open(path)?;
    let check = if lock.metadata()?.len() > 0 {
        Some(CHECK_ALL)
    } else if !is_empty(&beside(path, "-wal")) || std::fs::metadata(path)?.len() <= CHECKED_ALWAYS_OCTETS_MAX
    {
        Some(CHECK_PAGES)
    } else {
        None
    };
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .busy_timeout(BUSY_WAIT)
        .row_buffer_size(1_000)
        .disable_statement_logging();
    let mut session = options.connect().await.map_err(Broken::from)?;
    match prepare(&mut session, check).await {
        Ok(id) => {
            lock.set_len(0)?;
            Ok((id, options, session))
        }
        Err(broken) => {
            // Its thread must be done with the log before the file can be renamed.
            let _ = session.close().await;
            Err(broken)
        }
    }
}

fn is_empty(path: &Path) -> bool {
    std::fs::metadata(path).map_or(true, |file| file.len() == 0)
}

/// Proves that the file is a whole ledger of ours, or makes it one; the number of its row.
async fn prepare(session: &mut SqliteConnection, check: Option<&str>) -> std::result::Result<i64, Broken> {
    let mut contents = (0, 0);
    session
        .rows(CONTENTS, Vec::new(), &mut |row| {
            contents = (row.int(0)?, row.int(1)?);
            Ok(())
        })
        .await?;
    if !matches!(contents, (APPLICATION_ID, _) | (0, 0)) {
        return Err(Broken::OtherProgram);
    }
    session.batch(BEHAVIOUR).await?;
    if let Some(check) = check {
        session
            .rows(check, Vec::new(), &mut |row| match row.text(0)? {
                text if text == "ok" => Ok(()),
                text => Err(Broken::Damaged(text)),
            })
            .await?;
    }
    migrate::migrate(session).await?;
    enter(session, "").await
}

/// Connects to a file that exists.
pub(super) async fn connect(options: &SqliteConnectOptions) -> std::result::Result<SqliteConnection, Broken> {
    let mut session = options.connect().await?;
    if let Err(broken) = session.batch(BEHAVIOUR).await {
        let _ = session.close().await;
        return Err(broken);
    }
    Ok(session)
}

/// Renames the file and what lies beside it to the first free number; its new name.
pub(super) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let mut names = (1..=SET_ASIDE_MAX).map(|number| beside(path, &format!(".corrupt-{number}")));
    let aside = names.find(|name| !name.exists()).ok_or_else(|| {
        io::Error::other(format!("{SET_ASIDE_MAX} damaged files lie beside it: remove those not needed"))
    })?;
    for suffix in ["-wal", "-shm", ""] {
        match std::fs::rename(beside(path, suffix), beside(&aside, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(aside)
}
