//! One service for one data folder: a second one is told who the first is, instead of taking its uploads and its
//! half-answered requests for leftovers. Never held by the dead: the lock is the system's own, and ends with them.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use super::exit::Stopped;

/// The lock's file in the data folder; it holds the number of the process that has it.
const FILE: &str = "serve.lock";
/// How long a predecessor may take to end.
const WAIT_MAX: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The right to serve a data folder; it ends when this is dropped.
#[derive(Debug)]
pub struct Alone {
    _locked: File,
}

impl Alone {
    /// Takes the right to serve `data`, which is made where it is missing.
    ///
    /// # Errors
    /// Where another process has it, or the folder cannot be written.
    pub async fn at(data: &Path) -> Result<Self, Stopped> {
        let path = data.join(FILE);
        let wrong = |cause: std::io::Error| Stopped::usage(format!("{}: {cause}", path.display()));
        let mut file = open(data, &path).map_err(wrong)?;
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(cause)) => return Err(wrong(cause)),
                Err(TryLockError::WouldBlock) if began.elapsed() > WAIT_MAX => {
                    let mut holder = String::new();
                    file.read_to_string(&mut holder).map_err(wrong)?;
                    return Err(Stopped::usage(format!(
                        "another `malote serve` (process {}) serves {}: stop it, or name another folder by --data",
                        holder.trim(),
                        data.display()
                    )));
                }
                Err(TryLockError::WouldBlock) => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
        file.set_len(0).map_err(wrong)?;
        file.rewind().map_err(wrong)?;
        writeln!(file, "{}", std::process::id()).map_err(wrong)?;
        Ok(Self { _locked: file })
    }
}

fn open(data: &Path, path: &Path) -> std::io::Result<File> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data)?;
    File::options().create(true).truncate(false).read(true).write(true).mode(0o600).open(path)
}
