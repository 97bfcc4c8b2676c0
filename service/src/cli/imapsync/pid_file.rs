//! imapsync's pid file: who runs, and where its log is.
//! Never written where nobody asked for it, and never through a link that somebody laid.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, test_kill_process};

use super::journal::Journal;
use super::wish::Wish;

/// A written pid file, removed when dropped.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    journal: Journal,
}

impl PidFile {
    /// Writes the file that the options ask for; nothing where they ask for none.
    ///
    /// # Errors
    /// Where another process holds it, or it cannot be written.
    pub fn write(wish: &Wish, journal: &Journal) -> Result<Option<Self>, String> {
        let locks = wish.is_on("pidfilelocking");
        let path = match wish.text("pidfile") {
            Some("") => return Ok(None),
            Some(path) => PathBuf::from(path),
            None if locks => {
                let folder = wish.text("tmpdir").map_or_else(std::env::temp_dir, PathBuf::from);
                folder.join("imapsync.pid")
            }
            None => return Ok(None),
        };
        if path.exists() {
            if locks && is_running(&path) {
                return Err(format!(
                    "{} already exists, another imapsync may be curently running. Aborting imapsync.",
                    path.display()
                ));
            }
            journal.line(&format!("{} already exists, overwriting it", path.display()));
            let removed = fs::remove_file(&path);
            removed.map_err(|cause| format!("Could not open {} for writing: {cause}", path.display()))?;
        }
        let mut text = format!("{}\n", std::process::id());
        text.extend(journal.path().map(|log| format!("{}\n", log.display())));
        let written = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&path);
        written
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|cause| format!("Could not open {} for writing: {cause}", path.display()))?;
        journal.line(&format!("Writing my PID {} in {}", std::process::id(), path.display()));
        Ok(Some(Self { path, journal: journal.clone() }))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        self.journal.line(&format!("Removing pidfile {}", self.path.display()));
        // Somebody may have removed it already.
        let _ = fs::remove_file(&self.path);
    }
}

/// True where the process that the file names is alive, be it another user's.
fn is_running(path: &Path) -> bool {
    let text = fs::read_to_string(path).unwrap_or_default();
    let pid = text.lines().next().and_then(|line| line.trim().parse().ok()).and_then(Pid::from_raw);
    pid.is_some_and(|pid| match test_kill_process(pid) {
        Ok(()) => true,
        Err(error) => error == rustix::io::Errno::PERM,
    })
}
