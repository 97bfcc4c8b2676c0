//! Where octets of an mbox are put that are neither known to be a message nor known to be none.
//! Never overwrites anything, and never removes what was put there.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::source::archive::files::Slice;
use crate::source::mbox::tree::ASIDE_BEGIN;

/// What the name of such a file has behind that of the mbox, before its number.
const ENDING: &str = ".malote-torn-";

/// Files beside one mbox at most.
const PLACES_MAX: u32 = 10_000;

/// The first free name beside the mbox at `path`.
pub(super) fn place(path: &Path) -> io::Result<PathBuf> {
    for number in 1..=PLACES_MAX {
        let mut name = path.as_os_str().to_owned();
        name.push(format!("{ENDING}{number}"));
        let place = PathBuf::from(name);
        if place.symlink_metadata().is_err_and(|cause| cause.kind() == io::ErrorKind::NotFound) {
            return Ok(place);
        }
    }
    Err(io::Error::other(format!("{PLACES_MAX} files were set aside beside {} already", path.display())))
}

/// What is to be told of such a file for as long as it is there.
pub(super) fn sentence(place: &Path) -> String {
    format!(
        "{}: holds what was set aside from the end of the mbox beside it when a run had been stopped or the mbox was \
         cut, and nobody can tell whose it is; see whether mail of another program's is in it, and remove it once \
         nothing is missing",
        place.display()
    )
}

/// True for the name of such a file.
pub(super) fn is_one(name: &[u8]) -> bool {
    let at = memchr::memmem::rfind(name, ENDING.as_bytes());
    let number = at.map(|at| &name[at + ENDING.len()..]);
    number.is_some_and(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit))
}

/// Writes octets of the mbox at `path` into `place`, durable. A line before them says what they are, so that no
/// program takes them for another mbox.
pub(super) fn write(place: &Path, path: &Path, mut octets: Slice) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(place)?;
    writeln!(
        file,
        "{ASIDE_BEGIN}what stood at the end of {} when a run had been stopped or it was cut:",
        path.display()
    )?;
    io::copy(&mut octets, &mut file)?;
    file.sync_all()
}
