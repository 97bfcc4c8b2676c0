//! Runs one command as a child of a process of its own, so that the system's accounting is of it alone.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};

/// What one command cost.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Figures {
    /// Wall clock, in seconds.
    pub wall_s: f64,
    /// User and system time of the command, in seconds.
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
        bail!("{command:?} failed: {}", output.status);
    }
    serde_json::from_slice(&output.stdout).context("reading the figures")
}

/// The measuring process: runs its one child and prints what it cost.
pub fn inside(command: &[String]) -> Result<()> {
    let (program, arguments) = command.split_first().context("no command to measure")?;
    let start = Instant::now();
    let status = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("starting {program}"))?;
    let wall_s = start.elapsed().as_secs_f64();
    if !status.success() {
        bail!("{program}: {status}");
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    let cpu_s = seconds(usage.user_time()) + seconds(usage.system_time());
    serde_json::to_writer(std::io::stdout(), &Figures { wall_s, cpu_s, peak_kib: usage.max_rss() })?;
    Ok(())
}
