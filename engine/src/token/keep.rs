//! Files that hold secrets: read whole and small; a rotated refresh token is stored so that no crash loses it.
//! Never leaves half a token behind, and never lets two programs renew one grant at a time.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use super::trouble::Trouble;

/// Longest password, token or key that is read, in octets.
const SECRET_OCTETS_MAX: u64 = 64 * 1024;

/// How often a taken lock is tried again.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// How long another program may hold a grant: longer than any one request takes.
const LOCK_MAX: Duration = Duration::from_secs(180);

/// Reads a secret of one line from a file, without its line end.
pub fn read_secret(path: &Path) -> Result<SecretString, String> {
    let octets = read_octets(path)?;
    let name = path.display();
    let text = std::str::from_utf8(&octets).map_err(|_| format!("the secret in {name} is not UTF-8"))?;
    let line = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    if line.is_empty() {
        return Err(format!("the secret in {name} is empty"));
    }
    if line.contains(['\n', '\0']) {
        return Err(format!("the secret in {name} is more than one line"));
    }
    Ok(SecretString::from(line))
}

/// Reads a file of at most [`SECRET_OCTETS_MAX`].
pub(super) fn read_octets(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let fail = |cause: io::Error| format!("reading the secret in {}: {cause}", path.display());
    let mut octets = Zeroizing::new(Vec::new());
    File::open(path).map_err(fail)?.take(SECRET_OCTETS_MAX + 1).read_to_end(&mut octets).map_err(fail)?;
    if octets.len() as u64 > SECRET_OCTETS_MAX {
        return Err(format!("the secret in {} is longer than {SECRET_OCTETS_MAX} octets", path.display()));
    }
    Ok(octets)
}

/// Keeps a refresh token elsewhere than in a file, such as in a vault.
#[async_trait]
pub trait RefreshKeeper: Send + Sync {
    /// Waits until nobody else renews this grant: two that use one rotating token would take it away from each other.
    ///
    /// # Errors
    /// A sentence, where that takes too long.
    async fn lock(&self) -> Result<(), String>;

    /// Lets others renew it.
    async fn unlock(&self);

    /// The refresh token as it is now; nothing where nobody has consented, or the consent was taken back.
    ///
    /// # Errors
    /// A sentence, where that cannot be told at this moment.
    async fn read(&self) -> Result<Option<SecretString>, String>;

    /// Puts `new` in the place of `old`. A keeper that cannot holds it in memory and says so in the log.
    async fn store(&self, old: &SecretString, new: &SecretString);
}

/// A file that holds a refresh token, and takes the next one when the provider rotates it (RFC 6749 §6).
#[derive(Debug)]
pub struct RefreshFile {
    path: PathBuf,
    /// A rotated token that could not be stored, beside the one that the file still holds.
    unstored: Mutex<Option<(SecretString, SecretString)>>,
}

impl RefreshFile {
    /// The file at `path`, which need not exist yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, unstored: Mutex::default() }
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps other programs from renewing this grant until the value is dropped: two that use one rotating token
    /// would take it away from each other.
    pub(super) async fn lock(&self) -> Result<File, Trouble> {
        let mut beside = self.path.clone().into_os_string();
        beside.push(".lock");
        let fail = |cause: io::Error| {
            Trouble::usage(format!("locking the refresh token in {}: {cause}", self.path.display()))
        };
        let mut options = File::options();
        let lock = options.create(true).truncate(false).write(true).open(beside).map_err(fail)?;
        let tries = LOCK_MAX.as_millis() / LOCK_PAUSE.as_millis();
        for _ in 0..tries {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_PAUSE).await,
                Err(TryLockError::Error(cause)) => return Err(fail(cause)),
            }
        }
        Err(Trouble::passing(format!("another program keeps the refresh token in {}", self.path.display())))
    }

    /// The refresh token as it is now; none where there is no file.
    pub(super) fn read(&self) -> Result<Option<SecretString>, Trouble> {
        if !self.path.exists() {
            return Ok(None);
        }
        let stored = read_secret(&self.path).map_err(Trouble::usage)?;
        let unstored = self.unstored.lock().unwrap_or_else(PoisonError::into_inner);
        let newer = unstored.as_ref().filter(|(old, _)| old.expose_secret() == stored.expose_secret());
        Ok(Some(newer.map_or(stored, |(_, new)| new.clone())))
    }

    /// Puts `new` in the place of `old`. Where the disk refuses, it is kept in memory: mail goes on moving.
    pub(super) fn store(&self, old: Option<&SecretString>, new: &SecretString) {
        if old.is_some_and(|old| old.expose_secret() == new.expose_secret()) {
            return;
        }
        let Err(cause) = self.write(new) else { return };
        tracing::warn!(
            "the new refresh token could not be stored in {}: {cause}; the next run will need a new consent",
            self.path.display()
        );
        let stored = read_secret(&self.path).ok();
        let mut unstored = self.unstored.lock().unwrap_or_else(PoisonError::into_inner);
        *unstored = stored.map(|stored| (stored, new.clone()));
    }

    /// Writes beside the file, readable by its owner alone, and renames: at any moment there is a whole token.
    fn write(&self, token: &SecretString) -> io::Result<()> {
        let path = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(token.expose_secret().as_bytes())?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        File::open(folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::trouble::Verdict;
    use super::*;

    #[test]
    fn exactly_one_line_end_is_taken_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        for (octets, secret) in [
            (&b"a"[..], Some("a")),
            (b"a\r\n", Some("a")),
            (b"a \n", Some("a ")),
            (b"a\n\n", None),
            (b"a\nb\n", None),
            (b"", None),
            (b"\n", None),
            (b"a\0b", None),
            (b"\xff\xfe", None),
            (&[b'x'; 70_000], None),
        ] {
            std::fs::write(&path, octets).unwrap();
            let read = read_secret(&path).ok();
            assert_eq!(read.as_ref().map(|secret| secret.expose_secret()), secret, "{octets:?}");
        }
    }

    #[test]
    fn a_rotated_token_takes_the_place_of_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("refresh");
        let file = RefreshFile::new(path.clone());
        assert!(file.read().unwrap().is_none());
        file.store(None, &SecretString::from("first"));
        let first = file.read().unwrap().unwrap();
        file.store(Some(&first), &SecretString::from("second"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "second\n");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn a_token_that_cannot_be_stored_is_kept_in_memory_until_the_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("refresh");
        std::fs::write(&path, "first").unwrap();
        let file = RefreshFile::new(path.clone());
        *file.unstored.lock().unwrap() = Some((SecretString::from("first"), SecretString::from("second")));
        assert_eq!(file.read().unwrap().unwrap().expose_secret(), "second");
        std::fs::write(&path, "third").unwrap();
        assert_eq!(file.read().unwrap().unwrap().expose_secret(), "third");
    }

    #[tokio::test(start_paused = true)]
    async fn one_program_at_a_time_renews_a_grant() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("refresh");
        let (one, other) = (RefreshFile::new(path.clone()), RefreshFile::new(path));
        let held = one.lock().await.unwrap();
        assert_eq!(other.lock().await.unwrap_err().verdict, Verdict::Passing(None));
        drop(held);
        assert!(other.lock().await.is_ok());
    }
}
