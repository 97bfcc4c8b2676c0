//! What the machine says of this process: memory, processor time, load.
//! Never matters to a run: where nothing can be read, it is 0.

use std::fs;

/// Processor ticks in a second, as /proc counts them on every Linux (proc(5), `USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// A look at the machine.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// Octets of memory that this process has in use.
    pub memory_octets: u64,
    /// Seconds of processor time that it took so far.
    pub cpu_seconds: f64,
    /// The load of the last 1, 5 and 15 minutes.
    pub load: String,
    /// Processors.
    pub cores: usize,
}

impl Machine {
    /// As it is at this moment.
    pub fn look() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let loads = read("/proc/loadavg");
        let loads: Vec<&str> = loads.split_whitespace().take(3).collect();
        Self {
            memory_octets: memory_octets(&read("/proc/self/status")),
            cpu_seconds: cpu_seconds(&read("/proc/self/stat")),
            load: if loads.is_empty() { "unknown".to_owned() } else { loads.join(" ") },
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get),
        }
    }
}

fn memory_octets(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}

/// Fields 14 and 15 of proc(5)'s `stat`; the second field, the name, may hold blanks and brackets.
fn cpu_seconds(stat: &str) -> f64 {
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS_PER_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_read() {
        assert_eq!(memory_octets("Name:\tx\nVmRSS:\t    2048 kB\n"), 2_097_152);
        assert_eq!(memory_octets(""), 0);
        let stat = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0";
        assert!((cpu_seconds(stat) - 2.0).abs() < 1e-9);
    }
}
