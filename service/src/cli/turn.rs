//! Whose turn it is to bring files into a mailbox, where several processes of one user want to at once.
//! Never held by the dead: the lock is the system's own and ends with its process.
//!
//! Two runs that bring the same message out of two files into one folder at the same moment would each find it missing
//! there. One after the other, the second finds it.

use std::fs::{File, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::output;

/// How often it is looked whether the other run is done.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The folder of locks, below that of ledgers.
const FOLDER: &str = "turns";

/// A turn; it ends when this is dropped.
#[derive(Debug)]
pub struct Turn {
    _locked: Option<File>,
}

/// Waits until no other process brings files into `destination`. Where the lock cannot be kept below `folder`, nobody
/// is waited for, and that is told; nor is anybody after `stop`.
pub async fn wait(folder: &Path, destination: &str, stop: &CancellationToken) -> Turn {
    let path =
        folder.join(FOLDER).join(format!("{}.lock", &blake3::hash(destination.as_bytes()).to_hex()[..24]));
    let file = match open(&path) {
        Ok(file) => file,
        Err(cause) => return Turn::without(&path, &cause),
    };
    let mut has_told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Turn { _locked: Some(file) },
            Err(TryLockError::Error(cause)) => return Turn::without(&path, &cause),
            Err(TryLockError::WouldBlock) => {}
        }
        if !std::mem::replace(&mut has_told, true) {
            output::tell("malote: another run brings files into the same mailbox; waiting for its end");
        }
        if tokio::time::timeout(LOOK_EVERY, stop.cancelled()).await.is_ok() {
            return Turn { _locked: None };
        }
    }
}

impl Turn {
    fn without(path: &Path, cause: &std::io::Error) -> Self {
        output::tell(&format!(
            "malote: warning: {}: {cause}; do not bring other files into the same mailbox at the same time",
            path.display()
        ));
        Self { _locked: None }
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    File::options().create(true).truncate(false).write(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_waits_for_another_at_the_same_mailbox_alone() {
        let (top, stop) = (tempfile::tempdir().unwrap(), CancellationToken::new());
        let first = wait(top.path(), "imap://ana", &stop).await;
        let other = wait(top.path(), "imap://bia", &stop).await;
        let second = wait(top.path(), "imap://ana", &stop);
        tokio::pin!(second);
        assert!(tokio::time::timeout(LOOK_EVERY * 3, &mut second).await.is_err(), "it did not wait");
        drop((first, other));
        let second = second.await;
        assert!(second._locked.is_some());
        stop.cancel();
        assert!(wait(top.path(), "imap://ana", &stop).await._locked.is_none(), "stopped while it waited");
    }

    #[tokio::test]
    async fn a_place_that_cannot_be_written_stops_nobody() {
        let top = tempfile::tempdir().unwrap();
        std::fs::write(top.path().join(FOLDER), "").unwrap();
        let turn = wait(top.path(), "imap://ana", &CancellationToken::new()).await;
        assert!(turn._locked.is_none());
    }
}
