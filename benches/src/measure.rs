//! Runs one command as a child of a process of its own, so that the system's accounting is of it alone.
//! Never kills by name: what takes too long is ended by its own number.

use std::io::{Read as _, Seek as _};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// No command is waited for longer than this.
const COMMAND_MAX: Duration = Duration::from_secs(900);

/// How much of what a failed command said is repeated.
const LAST_WORDS_OCTETS: usize = 2000;

/// What one command cost.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Figures {
    /// Wall clock, in seconds.
    pub wall_s: f64,
    /// User and system time of the command and of all that it waited for, in seconds.
    pub cpu_s: f64,
    /// Peak resident memory of its largest process, in KiB.
    pub peak_kib: i64,
}

/// Runs `command` below a measuring process.
pub fn outside(command: &[String], environment: &[(&str, String)]) -> Result<Figures> {
    let output = Command::new(std::env::current_exe()?)
        .arg("measure")
        .args(command)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stderr(Stdio::inherit())
        .output()
        .context("starting the measuring process")?;
    if !output.status.success() {
        let program = command.first().map_or("", String::as_str);
        bail!("{program} failed");
    }
    serde_json::from_slice(&output.stdout).context("reading the figures")
}

/// The measuring process: runs its one child and prints what it cost.
pub fn inside(command: &[String]) -> Result<()> {
    let (program, arguments) = command.split_first().context("no command to measure")?;
    // News of a run that went well is of no interest; of one that did not, its last words are.
    let mut said = tempfile::tempfile()?;
    let start = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(said.try_clone()?)
        .spawn()
        .with_context(|| format!("starting {program}"))?;
    let pid = Pid::from_raw(i32::try_from(child.id())?);
    // Ends with this process, which ends when its child has.
    thread::spawn(move || {
        thread::sleep(COMMAND_MAX);
        // The child may just have ended by itself.
        let _ = kill(pid, Signal::SIGKILL);
    });
    let status = child.wait()?;
    let wall_s = start.elapsed().as_secs_f64();
    if !status.success() {
        let mut words = Vec::new();
        said.rewind()?;
        said.read_to_end(&mut words)?;
        let from = words.len().saturating_sub(LAST_WORDS_OCTETS);
        let last = String::from_utf8_lossy(&words[from..]);
        bail!("{program}: {status} after {wall_s:.1} s: {}", last.trim());
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    let cpu_s = seconds(usage.user_time()) + seconds(usage.system_time());
    serde_json::to_writer(std::io::stdout(), &Figures { wall_s, cpu_s, peak_kib: usage.max_rss() })?;
    Ok(())
}
