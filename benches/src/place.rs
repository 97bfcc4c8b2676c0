//! Where a bench works and what machine it is on.
//! Never removes what it did not make.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::rivals::Rival;

/// Names a folder for the servers' mail, such as one in memory.
const MAIL_VARIABLE: &str = "BENCH_MAIL";

/// Lets servers keep their mail in `BENCH_MAIL`, else where temporary files lie. Malote's ledger and what rivals
/// remember stay beside the binaries: `states`. In memory servers wait for no disk and a ledger still does, which
/// is the hardest to keep up with and unlike any real server.
pub fn prepare() -> Result<PathBuf> {
    if let Some(mail) = std::env::var_os(MAIL_VARIABLE).filter(|mail| !mail.is_empty()) {
        // Fails only when something has asked for the folder before, which nothing has.
        let _before = tempfile::env::override_temp_dir(Path::new(&mail));
    }
    let states = folder()?.join("states");
    fs::create_dir_all(&states).with_context(|| format!("making {}", states.display()))?;
    Ok(states)
}

/// Where files in memory lie.
const MEMORY: &str = "/dev/shm";

/// A folder into which so many octets can be written while no disk is waited for: where temporary files lie, or memory
/// where writers would be held up until a disk has a part of what they wrote (`vm.dirty_background_ratio`; where the
/// machine counts otherwise, it is 0).
pub fn unhurried(octets: u64) -> PathBuf {
    let percent = fs::read_to_string("/proc/sys/vm/dirty_background_ratio").unwrap_or_default();
    let percent: u64 = percent.trim().parse().unwrap_or(0);
    let is_held_up = octets > memory_kib("MemAvailable:") * 1024 / 100 * percent;
    let room = nix::sys::statvfs::statvfs(MEMORY)
        .map_or(0, |place| place.blocks_available() * place.fragment_size());
    if is_held_up && room > octets { PathBuf::from(MEMORY) } else { tempfile::env::temp_dir() }
}

/// True for a folder in memory.
pub fn is_memory(folder: &Path) -> bool {
    folder.starts_with(MEMORY)
}

/// One line of `/proc/meminfo`; 0 where there is none.
fn memory_kib(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
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
    let mail = if is_memory(&tempfile::env::temp_dir()) { "in memory" } else { "with temporary files" };
    let kib = memory_kib("MemTotal:");
    format!("{processors} processors, {} GiB of memory, mail {mail}", kib / (1 << 20))
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
