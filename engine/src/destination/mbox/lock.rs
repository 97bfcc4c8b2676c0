//! The locks of an mbox as other mail programs know them: fcntl(2), and a file beside it that ends with `.lock`.
//! Never waits without end, and never takes away a lock that another program made.
//!
//! flock(2) is held as long as a tray lives and keeps two runs of Malote apart; these two are held while the file is
//! read anew or written to, so that mail can be delivered between batches.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

/// How long another program may hold a lock before writing is given up for now.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// How long is waited between two looks at a lock.
const PAUSE: Duration = Duration::from_millis(20);

/// What a lock file of Malote's begins with.
const OWN: &[u8] = b"malote ";

/// Both locks, given back when dropped.
pub(super) struct Held {
    file: Arc<File>,
    beside: PathBuf,
}

/// What could not be had.
#[derive(Debug)]
pub(super) enum Refused {
    /// Another program holds this lock, named for reading.
    Held(String),
    /// The system refused.
    Failed(io::Error),
}

/// Takes both locks of the mbox at `path`, which `file` is and whose flock(2) the caller holds.
pub(super) fn take(file: &Arc<File>, path: &Path, patience: Duration) -> Result<Held, Refused> {
    let beside = beside(path);
    let begun = Instant::now();
    loop {
        let what = if set(file, libc::F_WRLCK).map_err(Refused::Failed)? {
            let made = make(&beside);
            if matches!(made, Ok(true)) {
                return Ok(Held { file: Arc::clone(file), beside });
            }
            // Whoever holds the lock file may want this lock next.
            set(file, libc::F_UNLCK).map_err(Refused::Failed)?;
            made.map_err(Refused::Failed)?;
            format!("the lock file {}; remove it if no mail program runs", beside.display())
        } else {
            "an fcntl lock; close the mail program that has it open".to_owned()
        };
        if begun.elapsed() >= patience {
            return Err(Refused::Held(what));
        }
        std::thread::sleep(PAUSE);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.beside);
        let _given_back = set(&self.file, libc::F_UNLCK);
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// Sets or gives back the lock of the open file: unlike one of the process, it outlives other openings of the file
/// in this process, and it keeps processes away that take theirs by F_SETLK. False where another program has it.
fn set(file: &File, kind: i32) -> io::Result<bool> {
    let kind = libc::c_short::try_from(kind).unwrap_or_default();
    let whence = libc::c_short::try_from(libc::SEEK_SET).unwrap_or_default();
    let whole = libc::flock { l_type: kind, l_whence: whence, l_start: 0, l_len: 0, l_pid: 0 };
    match fcntl(file, FcntlArg::F_OFD_SETLK(&whole)).map_err(io::Error::from) {
        Ok(_) => Ok(true),
        Err(cause) if matches!(cause.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
        // Some network file systems know no such lock; the other one is what is left there.
        Err(cause)
            if matches!(cause.raw_os_error(), Some(libc::EINVAL | libc::ENOLCK | libc::EOPNOTSUPP)) =>
        {
            Ok(true)
        }
        Err(cause) => Err(cause),
    }
}

/// Makes the lock file; false where another program's is there. One of Malote's is a dead run's, for whoever comes
/// here holds the flock(2) that every living one would hold.
fn make(beside: &Path) -> io::Result<bool> {
    let folder = beside.parent().unwrap_or(Path::new("."));
    for _ in 0..2 {
        // It appears with what tells whose it is, or not at all.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&[OWN, std::process::id().to_string().as_bytes(), b"\n"].concat())?;
        match file.persist_noclobber(beside).map_err(|error| error.error) {
            Ok(_) => return Ok(true),
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
                match fs::read(beside) {
                    Ok(octets) if octets.starts_with(OWN) => {}
                    Err(cause) if cause.kind() == io::ErrorKind::NotFound => continue,
                    _ => return Ok(false),
                }
                match fs::remove_file(beside) {
                    Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
                    _ => {}
                }
            }
            Err(cause) => return Err(cause),
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mbox() -> (tempfile::TempDir, PathBuf, Arc<File>) {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("a.mbox");
        fs::write(&path, "").unwrap();
        let file = Arc::new(File::options().read(true).write(true).open(&path).unwrap());
        (top, path, file)
    }

    #[test]
    fn a_lock_of_another_program_is_named_and_left() {
        let (_top, path, file) = mbox();
        fs::write(beside(&path), "4711\n").unwrap();
        let refused = take(&file, &path, Duration::ZERO).err().unwrap();
        assert!(matches!(&refused, Refused::Held(what) if what.contains("a.mbox.lock")), "{refused:?}");
        assert_eq!(fs::read(beside(&path)).unwrap(), b"4711\n");
        fs::remove_file(beside(&path)).unwrap();

        // Another open file stands for another program: the lock is the open file's, not the process's.
        let other = File::options().read(true).write(true).open(&path).unwrap();
        assert!(set(&other, libc::F_WRLCK).unwrap());
        let refused = take(&file, &path, Duration::ZERO).err().unwrap();
        assert!(matches!(&refused, Refused::Held(what) if what.contains("fcntl")), "{refused:?}");
        assert!(!beside(&path).exists());
    }

    #[test]
    fn a_lock_is_held_against_others_and_given_back() {
        let (_top, path, file) = mbox();
        // A dead run's own lock file is taken over.
        fs::write(beside(&path), "malote 1\n").unwrap();
        let held = take(&file, &path, Duration::ZERO).ok().unwrap();
        // Opening and closing the file elsewhere in this process gives no lock back.
        drop(File::open(&path).unwrap());
        let other = File::options().read(true).write(true).open(&path).unwrap();
        assert!(!set(&other, libc::F_WRLCK).unwrap());
        assert!(beside(&path).exists());
        drop(held);
        assert!(set(&other, libc::F_WRLCK).unwrap());
        assert!(!beside(&path).exists());
    }
}
