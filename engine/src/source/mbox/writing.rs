//! Whether somebody is writing to a file, and the patience to wait until that is over.
//! Never keeps a lock: what is written after the look is found out by the file's stamp.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::FlockOperation;

use crate::clock::Clock;

/// How long nobody may have written before a file is taken to be at rest, in milliseconds.
const REST_MS: i64 = 2_000;

/// How long after a writing a message without an end may still be going on, in milliseconds.
const RECENT_MS: i64 = 60_000;

/// How old a lock file counts, in milliseconds: an older one was left behind.
const LOCK_FILE_MS: i64 = 300_000;

/// How long a file is waited for, and between two looks at it, in milliseconds.
const WAIT_MS_MAX: u64 = 10_000;
const LOOK_MS: u64 = 250;

/// How a file stands with those who write to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writing {
    /// Nobody has written to it for a while.
    Over,
    /// It was written to in the last minute: what has no end may get one.
    Recent,
    /// It is locked, or written to all the time.
    UnderWay,
}

/// Waits until files are at rest.
pub(super) struct Patience {
    pub clock: Arc<dyn Clock>,
    pub pause: fn(Duration),
}

impl Patience {
    /// Waits until nobody writes to the file, ten seconds at most.
    pub fn settle(&self, path: &Path, file: &File) -> io::Result<Writing> {
        let mut waited = 0;
        loop {
            let quiet = self.quiet_ms(&file.metadata()?);
            // A time to come is of a clock that goes wrong and says nothing.
            let is_resting = !(0..REST_MS).contains(&quiet);
            if is_resting && !self.is_locked(path, file) {
                return Ok(if (0..RECENT_MS).contains(&quiet) { Writing::Recent } else { Writing::Over });
            }
            if waited >= WAIT_MS_MAX {
                return Ok(Writing::UnderWay);
            }
            (self.pause)(Duration::from_millis(LOOK_MS));
            waited += LOOK_MS;
        }
    }

    fn quiet_ms(&self, metadata: &std::fs::Metadata) -> i64 {
        let written = metadata.mtime().saturating_mul(1000).saturating_add(metadata.mtime_nsec() / 1_000_000);
        self.clock.now_unix_ms().saturating_sub(written)
    }

    /// True where a program holds one of the locks that mbox files know: fcntl(2), flock(2), or a file beside it.
    fn is_locked(&self, path: &Path, file: &File) -> bool {
        let mut lock_file = path.as_os_str().to_owned();
        lock_file.push(".lock");
        let lock_file = std::fs::symlink_metadata(PathBuf::from(lock_file));
        if lock_file.is_ok_and(|metadata| (0..LOCK_FILE_MS).contains(&self.quiet_ms(&metadata))) {
            return true;
        }
        let by_flock = match file.try_lock_shared() {
            Ok(()) => file.unlock().is_err(),
            Err(TryLockError::WouldBlock) => true,
            // A file system without locks has no program that holds one.
            Err(TryLockError::Error(_)) => false,
        };
        let by_fcntl = match rustix::fs::fcntl_lock(file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => rustix::fs::fcntl_lock(file, FlockOperation::NonBlockingUnlock).is_err(),
            Err(cause) => matches!(cause, rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS),
        };
        by_flock || by_fcntl
    }
}
