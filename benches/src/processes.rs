//! What a server's processes have cost so far, from the system's own accounting.
//! Never estimates: a process that ended is counted by the parent that waited for it.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result};
use nix::unistd::{SysconfVar, sysconf};

/// One process as `/proc/PID/stat` has it (proc_pid_stat(5)).
struct Process {
    parent: u32,
    /// Own time and that of its ended and waited-for children, user and system, in ticks.
    ticks: u64,
}

/// Seconds of processor that a process and all below it have used, those included that have ended.
///
/// Only what is alive or was waited for inside the tree counts, which is all there is for a server whose master
/// waits for its children, as Dovecot's does.
pub fn tree_cpu_s(root: u32) -> Result<f64> {
    let tree = tree(root)?;
    let ticks: u64 = tree.values().map(|process| process.ticks).sum();
    let per_s = sysconf(SysconfVar::CLK_TCK)?.context("the system does not say how long a tick is")?;
    Ok(ticks as f64 / per_s as f64)
}

/// A process and all that live below it.
pub fn below(root: u32) -> Result<Vec<u32>> {
    Ok(tree(root)?.into_keys().collect())
}

fn tree(root: u32) -> Result<BTreeMap<u32, Process>> {
    let mut all = processes()?;
    let is_below = |pid: u32| {
        let mut at = pid;
        // No tree of processes is deeper than the list is long; a cycle would be the kernel's fault.
        for _ in 0..all.len() {
            if at == root {
                return true;
            }
            match all.get(&at) {
                Some(process) => at = process.parent,
                None => return false,
            }
        }
        false
    };
    let tree: Vec<u32> = all.keys().copied().filter(|pid| is_below(*pid)).collect();
    all.retain(|pid, _| tree.contains(pid));
    Ok(all)
}

fn processes() -> Result<BTreeMap<u32, Process>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir("/proc").context("reading /proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // A process may end while the list is read.
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        found.extend(process(&stat).map(|process| (pid, process)));
    }
    Ok(found)
}

/// The name stands in parentheses and may hold anything, so the fields are counted from its end.
fn process(stat: &str) -> Option<Process> {
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
    Some(Process { parent: u32::try_from(number(1)?).ok()?, ticks: (11..15).map_while(number).sum() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_parentheses_does_not_move_the_fields() {
        let stat = "7 (a) b (c) S 3 7 7 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 100";
        let found = process(stat).unwrap();
        assert_eq!((found.parent, found.ticks), (3, 100));
    }
}
