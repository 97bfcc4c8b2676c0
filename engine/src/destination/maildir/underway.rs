//! Files in `tmp` that are not messages yet.
//! Never removes one that another program put there.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use malote_plan::message::InternalDate;

use crate::destination::files::{Letter, unwritten};
use crate::failure::Result;

/// Messages that this process wrote into any Maildir: no two get one name.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// Files of one batch. Those that have not left `tmp` when this is dropped are removed: else each attempt would fill a
/// full disk further.
pub(super) struct Underway {
    tmp: PathBuf,
    name: String,
    written: Vec<PathBuf>,
}

impl Underway {
    /// A batch for this Maildir, which the folder of this name is.
    pub(super) fn to(maildir: &Path, name: &str) -> Self {
        Self { tmp: maildir.join("tmp"), name: name.to_owned(), written: Vec::new() }
    }

    /// Writes one message, durable; the path of its file and its length.
    pub(super) fn write(&mut self, letter: &mut Letter, now_unix_ms: i64) -> Result<(PathBuf, u64)> {
        let fail =
            |cause: io::Error| unwritten(&format!("writing a message in the Maildir {}", self.name), cause);
        let (seconds, millis) = (now_unix_ms / 1000, now_unix_ms % 1000);
        let (pid, number) = (std::process::id(), WRITTEN.fetch_add(1, Ordering::Relaxed));
        let path = self.tmp.join(format!("{seconds}.M{millis}P{pid}Q{number}.malote"));
        let file = File::options().write(true).create_new(true).mode(0o600).open(&path).map_err(fail)?;
        self.written.push(path.clone());
        let mut buffered = BufWriter::new(file);
        let octets = letter.write_to(&mut buffered)?;
        buffered.flush().map_err(fail)?;
        if let Some(time) = letter.internal_date.and_then(time_of) {
            buffered.get_ref().set_modified(time).map_err(fail)?;
        }
        buffered.get_ref().sync_all().map_err(fail)?;
        Ok((path, octets))
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        for path in &self.written {
            // One that was delivered is not there; what cannot be removed goes when the Maildir is next opened.
            let _gone = fs::remove_file(path);
        }
    }
}

/// The time of a file that was received then.
fn time_of(date: InternalDate) -> Option<SystemTime> {
    let seconds = u64::try_from(date.unix_seconds).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// Removes what killed runs of ours left in `tmp`. Whoever calls holds the Maildir's lock, so that no living run has
/// files there.
pub(super) fn clean(maildir: &Path) {
    let Ok(entries) = fs::read_dir(maildir.join("tmp")) else { return };
    for entry in entries.flatten() {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_file && is_own(entry.file_name().as_bytes()) {
            // What may not be removed takes room and is no message.
            let _gone = fs::remove_file(entry.path());
        }
    }
}

/// True for a name of the whole form that Malote gives in `tmp`.
pub(super) fn is_own(name: &[u8]) -> bool {
    let form = || {
        let stem = std::str::from_utf8(name).ok()?.strip_suffix(".malote")?;
        let (seconds, rest) = stem.split_once(".M")?;
        let (millis, rest) = rest.split_once('P')?;
        let (process, number) = rest.split_once('Q')?;
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
        Some([seconds, millis, process, number].into_iter().all(is_number))
    };
    form().unwrap_or(false)
}
