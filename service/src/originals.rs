//! Originals of quarantined messages on this machine's disk: removed with their job, and swept where a run came late.
//! Never touches those of a job that is open.

use std::io;
use std::path::{Path, PathBuf};

use crate::app::App;
use crate::binds;
use crate::store::StoreError;

/// Folders that one sweep looks at, at most.
const FOLDERS_MAX: usize = 10_000;

/// Mailboxes of a job. Binds: job.
const OF_JOB: &str = "SELECT id FROM migration_mailboxes WHERE job_id = $1";
/// Whether a mailbox's job is over, or the mailbox is gone. Binds: mailbox.
const OVER: &str = "
    SELECT COUNT(*) FROM migration_mailboxes AS box JOIN migration_jobs AS job ON job.id = box.job_id
    WHERE box.id = $1 AND job.deleted_at = '' AND job.phase <> 'closed'";

/// Why originals were not removed.
#[derive(Debug, thiserror::Error)]
pub enum OriginalsError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The disk.
    #[error("removing originals of quarantined messages: {0}")]
    Disk(#[from] io::Error),
}

/// Where the originals of a job's mailboxes lie.
///
/// # Errors
/// What the database says.
pub async fn folders(app: &App, job: i64) -> Result<Vec<PathBuf>, StoreError> {
    let rows = app.store.all("listing mailboxes", OF_JOB, binds![job]).await?;
    let folder = app.config.data.join("quarantine");
    rows.iter().map(|row| Ok(folder.join(row.int(0)?.to_string()))).collect()
}

/// Removes those of jobs that are over; how many files went.
///
/// # Errors
/// Where the database or the disk does not let us; it may be asked again.
pub async fn sweep(app: &App) -> Result<u64, OriginalsError> {
    let folder = app.config.data.join("quarantine");
    let mut gone = 0;
    for entry in std::fs::read_dir(&folder)?.take(FOLDERS_MAX) {
        let name = entry?.file_name();
        // Whatever else lies there is nobody's of ours.
        let Some(mailbox) = name.to_str().and_then(|name| name.parse::<i64>().ok()) else { continue };
        let row = app.store.one("looking at a mailbox", OVER, binds![mailbox]).await?;
        let is_open = row.map_or(Ok(true), |row| row.int(0).map(|count| count > 0))?;
        if !is_open {
            gone += remove(&folder.join(name))?;
        }
    }
    if gone > 0 {
        tracing::info!(
            files = gone,
            "{gone} originals of quarantined messages of jobs that are over were removed"
        );
    }
    Ok(gone)
}

/// Removes a folder; how many files it held. A link is removed and not followed.
///
/// # Errors
/// What the disk says; one that is not there is removed.
pub fn remove(folder: &Path) -> io::Result<u64> {
    let mut files = 0;
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(cause) => return Err(cause),
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            files += remove(&entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
            files += 1;
        }
    }
    std::fs::remove_dir(folder)?;
    Ok(files)
}
