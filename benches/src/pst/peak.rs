//! Memory of a program and all processes below it, together.
//! Never less than it was: each process counts with its own peak for as long as it lives.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::processes;

const EVERY: Duration = Duration::from_millis(5);

/// Runs a command and gives the most that the peaks of those who lived at one time came to, in MiB. Whatever status it
/// ends with: a check of a store that its second reader did not see whole is no success.
pub fn together_mib(command: &[String], environment: &[(&str, String)]) -> Result<f64> {
    let (program, arguments) = command.split_first().context("no command")?;
    let (input, output) = (Stdio::null(), Stdio::null());
    let environment = environment.iter().map(|(name, value)| (name, value));
    let mut child =
        Command::new(program).args(arguments).envs(environment).stdin(input).stdout(output).spawn()?;
    let mut most = 0;
    while child.try_wait()?.is_none() {
        let together: u64 = processes::below(child.id())?.into_iter().filter_map(peak_kib).sum();
        most = together.max(most);
        thread::sleep(EVERY);
    }
    Ok(most as f64 / 1024.0)
}

/// The peak of one process, while it lives (proc_pid_status(5)).
fn peak_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
