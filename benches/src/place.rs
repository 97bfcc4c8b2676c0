//! Where a bench works and what machine it is on.
//! Never removes what it did not make.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::rivals::Rival;

/// A file system in memory: servers that never wait for a disk are the hardest to keep up with.
const MEMORY_FOLDER: &str = "/dev/shm";

/// Lets servers keep their mail in memory where the machine has such a place. Malote's ledger and what rivals
/// remember stay on a disk: `states`.
pub fn prepare() -> Result<PathBuf> {
    if Path::new(MEMORY_FOLDER).is_dir() {
        // Fails only when something has asked for the folder before, which nothing has.
        let _before = tempfile::env::override_temp_dir(Path::new(MEMORY_FOLDER));
    }
    let states = folder()?.join("states");
    fs::create_dir_all(&states).with_context(|| format!("making {}", states.display()))?;
    Ok(states)
}

/// `target/bench`, beside the folder of the binaries.
pub fn folder() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(2).context("the binary lies in target/release")?;
    Ok(target.join("bench"))
}

/// Processors and memory, as far as ratios depend on them.
pub fn machine() -> String {
    let processors = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok()).unwrap_or(0);
    format!("{processors} processors, {} GiB of memory", kib / (1 << 20))
}

/// What says its version when asked.
pub fn versions(rivals: &[Rival]) -> Vec<String> {
    let mut found = Vec::new();
    for rival in rivals {
        let (program, name) = match rival {
            Rival::Malote(program) => (program.as_path(), "Malote"),
            // Its server tells, and is not on every user's PATH.
            Rival::Dsync(_) => (Path::new("/usr/sbin/dovecot"), "Dovecot"),
            Rival::Mbsync(program) => (program.as_path(), "mbsync"),
            Rival::Imapsync(program) => (program.as_path(), "imapsync"),
            Rival::MaloteTls(_) | Rival::OneAtATime => continue,
        };
        let Ok(output) = Command::new(program).arg("--version").output() else { continue };
        let text = String::from_utf8_lossy(&output.stdout);
        let is_number = |word: &&str| word.starts_with(|letter: char| letter.is_ascii_digit());
        let number = text.split_whitespace().find(is_number);
        found.push(format!("{name} {}", number.unwrap_or("of an unknown version")));
    }
    found
}
