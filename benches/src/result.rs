//! What was measured, as it is written to `report.json`.
//! Never rounds: tables do.

use serde::Serialize;

use crate::line::{Quality, Traffic};

/// One run of one program.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Sample {
    /// Wall clock, in seconds.
    pub wall_s: f64,
    /// Processor time of the program, in seconds.
    pub cpu_s: f64,
    /// Processor time of both servers together, in seconds.
    pub servers_cpu_s: f64,
    /// Peak resident memory of the program's largest process, in KiB.
    pub peak_kib: i64,
    /// What the lines saw, where there were any.
    pub lines: Option<Passed>,
}

/// Both lines in one run.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Passed {
    /// To the source.
    pub source: Traffic,
    /// To the destination.
    pub destination: Traffic,
    /// Round trips one after the other, over both lines, login and logout included.
    pub round_trips: u32,
}

/// The parts of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Into an empty account.
    FirstCopy,
    /// Nothing is new.
    SecondRun,
    /// One message in a hundred is new, some flags have changed, some messages are gone.
    Delta,
}

impl Phase {
    /// In words.
    pub fn title(self) -> &'static str {
        match self {
            Self::FirstCopy => "first copy",
            Self::SecondRun => "second run, nothing new",
            Self::Delta => "delta of 1 %",
        }
    }
}

/// One program in one phase.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Who.
    pub who: &'static str,
    /// Messages in the account that it worked on.
    pub messages: usize,
    /// Octets in that account before any change.
    pub octets: u64,
    /// What part of the case's account that is, from 0 to 1.
    pub part: f64,
    /// Every run, in order.
    pub samples: Vec<Sample>,
    /// Why there is no more of them.
    pub failure: Option<String>,
    /// Medians; absent without a run.
    pub median: Option<Median>,
}

/// Medians over the runs of a row.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Median {
    /// Wall clock, in seconds.
    pub wall_s: f64,
    /// The time for the whole account: measured where the row worked on it; for a part, what a run costs without
    /// any new message, plus the rest in proportion. A later run of a part stands for itself.
    pub whole_s: f64,
    /// `whole_s` as a multiple of that of the table's first row.
    pub ratio: Option<f64>,
    /// Processor time of the program, in seconds.
    pub cpu_s: f64,
    /// Processor time of both servers, in seconds.
    pub servers_cpu_s: f64,
    /// Peak memory, in KiB.
    pub peak_kib: f64,
    /// Round trips one after the other.
    pub round_trips: Option<f64>,
    /// Bursts to the source and to the destination, over all connections.
    pub bursts: Option<(f64, f64)>,
    /// How much of the line was filled, from 0 to 1: octets to the destination, or from the source if more.
    pub filled: Option<f64>,
}

/// One phase of a case.
#[derive(Debug, Clone, Serialize)]
pub struct Table {
    /// Which.
    pub phase: Phase,
    /// Malote first.
    pub rows: Vec<Row>,
}

/// One case.
#[derive(Debug, Clone, Serialize)]
pub struct CaseResult {
    /// Its name.
    pub name: &'static str,
    /// In words.
    pub title: String,
    /// The line.
    pub line: Quality,
    /// Its phases.
    pub tables: Vec<Table>,
}

/// One figure to reach.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// Which case and phase.
    pub of: String,
    /// Against what.
    pub against: &'static str,
    /// What is to be reached.
    pub reach: String,
    /// What was found.
    pub found: String,
    /// Whether it was reached.
    pub is_reached: bool,
}

/// Everything.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// `malote.bench/1`
    pub schema: &'static str,
    /// The command that makes this again.
    pub command: String,
    /// The machine, in words.
    pub machine: String,
    /// The servers' and rivals' versions.
    pub versions: Vec<String>,
    /// The cases.
    pub cases: Vec<CaseResult>,
    /// The figures to reach.
    pub verdicts: Vec<Verdict>,
}

impl Row {
    /// A row without a run.
    pub fn new(who: &'static str, messages: usize, octets: u64, part: f64) -> Self {
        Self { who, messages, octets, part, samples: Vec::new(), failure: None, median: None }
    }

    fn middle(&self, pick: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
        let mut values: Vec<f64> = self.samples.iter().filter_map(pick).collect();
        values.sort_by(f64::total_cmp);
        let upper = values.get(values.len() / 2)?;
        let lower = values.get((values.len() - 1) / 2)?;
        Some(f64::midpoint(*upper, *lower))
    }

    fn median(&self, line: Quality) -> Option<Median> {
        let of = |pick: fn(&Sample) -> f64| self.middle(|sample| Some(pick(sample)));
        let lines = |pick: fn(&Passed) -> f64| self.middle(|sample| sample.lines.as_ref().map(pick));
        let filled = line.octets_per_s().and_then(|rate| {
            self.middle(|sample| {
                let lines = sample.lines?;
                let moved = lines.source.to_client_octets.max(lines.destination.to_server_octets);
                Some(moved as f64 / (rate * sample.wall_s))
            })
        });
        let wall_s = of(|sample| sample.wall_s)?;
        Some(Median {
            wall_s,
            whole_s: wall_s,
            ratio: None,
            cpu_s: of(|sample| sample.cpu_s)?,
            servers_cpu_s: of(|sample| sample.servers_cpu_s)?,
            peak_kib: of(|sample| sample.peak_kib as f64)?,
            round_trips: lines(|lines| f64::from(lines.round_trips)),
            bursts: lines(|lines| f64::from(lines.source.bursts))
                .zip(lines(|lines| f64::from(lines.destination.bursts))),
            filled,
        })
    }
}

/// Sets the medians of all rows of a case, and their ratios to Malote's.
pub fn settle(tables: &mut [Table], line: Quality) {
    for row in tables.iter_mut().flat_map(|table| &mut table.rows) {
        row.median = row.median(line);
    }
    let second = tables.iter().find(|table| table.phase == Phase::SecondRun);
    let idle: Vec<(&str, f64)> = second
        .map(|table| &table.rows[..])
        .unwrap_or_default()
        .iter()
        .filter_map(|row| Some((row.who, row.median?.wall_s)))
        .collect();
    for table in tables {
        for row in table.rows.iter_mut().filter(|row| row.part < 1.0 && table.phase == Phase::FirstCopy) {
            let idle_s = idle.iter().find(|(who, _)| *who == row.who).map_or(0.0, |(_, idle_s)| *idle_s);
            if let Some(median) = &mut row.median {
                let idle_s = idle_s.min(median.wall_s);
                median.whole_s = idle_s + (median.wall_s - idle_s) / row.part;
            }
        }
        let ours_s = table.rows.first().and_then(|row| Some(row.median?.whole_s));
        for median in table.rows.iter_mut().filter_map(|row| row.median.as_mut()) {
            median.ratio = ours_s.map(|ours_s| median.whole_s / ours_s);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_stands_for_the_whole_without_multiplying_what_a_run_costs_anyway() {
        let row = |who, part, wall_s| {
            let sample = Sample { wall_s, cpu_s: 0.0, servers_cpu_s: 0.0, peak_kib: 0, lines: None };
            Row { samples: vec![sample], ..Row::new(who, 1, 1, part) }
        };
        let mut tables = [
            Table { phase: Phase::FirstCopy, rows: vec![row("malote", 1.0, 2.0), row("slow", 0.25, 60.0)] },
            Table { phase: Phase::SecondRun, rows: vec![row("malote", 1.0, 1.0), row("slow", 0.25, 10.0)] },
        ];
        settle(&mut tables, Quality::NONE);
        let ratios = tables.map(|table| table.rows[1].median.and_then(|median| median.ratio));
        assert_eq!(ratios, [Some(105.0), Some(10.0)]);
    }
}
