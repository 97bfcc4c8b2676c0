//! Memory of a program and all processes below it, together.
//! Never less than it was: each process counts with its own peak, even where they came one after the other.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::processes;

const EVERY: Duration = Duration::from_millis(5);

/// Runs a command and gives the sum of all peaks, in MiB. Whatever status it ends with: a check of a store that its
/// second reader did not see whole is no success.
pub fn together_mib(command: &[String]) -> Result<f64> {
    let (program, arguments) = command.split_first().context("no command")?;
    let (input, output) = (Stdio::null(), Stdio::null());
    let mut child = Command::new(program).args(arguments).stdin(input).stdout(output).spawn()?;
    let mut peaks: BTreeMap<u32, u64> = BTreeMap::new();
    while child.try_wait()?.is_none() {
        for pid in processes::below(child.id())? {
            if let Some(kib) = peak_kib(pid) {
                let peak = peaks.entry(pid).or_default();
                *peak = kib.max(*peak);
            }
        }
        thread::sleep(EVERY);
    }
    Ok(peaks.values().sum::<u64>() as f64 / 1024.0)
}

/// The peak of one process, while it lives (proc_pid_status(5)).
fn peak_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
