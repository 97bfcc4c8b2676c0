//! Gives a file of a Maildir another name.
//! Never takes the place of a file that is there: it may be another message.

use std::fs;
use std::io;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// Moves a file to a name that is free.
///
/// # Errors
/// `AlreadyExists` where the name is taken, `NotFound` where the file is not there.
pub(super) fn to_free_name(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Neither every file system nor every kernel knows the flag.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => by_link(from, to),
        moved => Ok(moved?),
    }
}

/// The same where a name is taken by a link alone. A crash between the two steps leaves one message under two names,
/// which is listed once.
fn by_link(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(cause) if matches!(cause.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound) => {
            Err(cause)
        }
        // Where there are no links either, a look is all there is.
        Err(_) => by_look(from, to),
    }
}

fn by_look(from: &Path, to: &Path) -> io::Result<()> {
    match fs::symlink_metadata(to) {
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => fs::rename(from, to),
        Err(cause) => Err(cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_taken_stays_with_its_file() {
        for moves in [to_free_name, by_link, by_look] {
            let top = tempfile::tempdir().unwrap();
            let path = |name: &str| top.path().join(name);
            fs::write(path("one"), "one").unwrap();
            fs::write(path("other"), "other").unwrap();
            let taken = moves(&path("one"), &path("other")).unwrap_err();
            assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(fs::read_to_string(path("one")).unwrap(), "one");
            assert_eq!(fs::read_to_string(path("other")).unwrap(), "other");
            moves(&path("one"), &path("free")).unwrap();
            assert!(!path("one").exists());
            assert_eq!(fs::read_to_string(path("free")).unwrap(), "one");
            let gone = moves(&path("one"), &path("two")).unwrap_err();
            assert_eq!(gone.kind(), io::ErrorKind::NotFound);
        }
    }
}
