//! Where octets of an mbox are put that are neither known to be a message nor known to be none.
//! Never overwrites anything, and never removes what was put there.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::source::archive::files::Slice;
use crate::source::mbox::tree::ASIDE_BEGIN;

/// Files beside one mbox at most.
const PLACES_MAX: u32 = 10_000;

/// The first free name beside the mbox at `path`.
pub(super) fn place(path: &Path) -> io::Result<PathBuf> {
    for number in 1..=PLACES_MAX {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".malote-torn-{number}"));
        let place = PathBuf::from(name);
        if place.symlink_metadata().is_err_and(|cause| cause.kind() == io::ErrorKind::NotFound) {
            return Ok(place);
        }
    }
    Err(io::Error::other(format!("{PLACES_MAX} files were set aside beside {} already", path.display())))
}

/// Writes octets of the mbox at `path` into `place`, durable. A line before them says what they are, so that no
/// program takes them for another mbox.
pub(super) fn write(place: &Path, path: &Path, mut octets: Slice) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(place)?;
    writeln!(file, "{ASIDE_BEGIN}what stood at the end of {} when a run had been stopped:", path.display())?;
    io::copy(&mut octets, &mut file)?;
    file.sync_all()
}
