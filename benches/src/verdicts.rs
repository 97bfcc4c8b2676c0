//! Holds what was measured against the figures to reach, all of them ratios within one run.
//! Never judges what was not measured.

use crate::result::{CaseResult, Median, Phase, Row, Verdict};

/// A time that must be at most so large a part of a rival's.
struct Against {
    case: &'static str,
    phase: Phase,
    rival: &'static str,
    words: &'static str,
    times_rival_max: f64,
}

const FIRST: Phase = Phase::FirstCopy;

const RIVALS: [Against; 6] = [
    against("loopback-mixed", FIRST, "imapsync", "at most 1/9 of its time", 1.0 / 9.0),
    against("loopback-mixed", FIRST, "mbsync", "at most 1/2 of its time", 0.5),
    against("loopback-mixed", FIRST, "dsync", "at most 1.1 × its time", 1.1),
    against("30ms-mixed", FIRST, "imapsync", "at most 1/140 of its time", 1.0 / 140.0),
    against("30ms-mixed", FIRST, "mbsync", "at most 1/3 of its time", 1.0 / 3.0),
    against("loopback-mixed", Phase::SecondRun, "imapsync", "at most 1/60 of its time", 1.0 / 60.0),
];

const TLS_TIMES_CLEAR_MAX: f64 = 1.35;
const FILLED_MIN: f64 = 0.9;
const ROUND_TRIPS_MAX: f64 = 8.0;
const CPU_TIMES_SERVERS_MAX: f64 = 0.2;

const fn against(
    case: &'static str,
    phase: Phase,
    rival: &'static str,
    words: &'static str,
    times_rival_max: f64,
) -> Against {
    Against { case, phase, rival, words, times_rival_max }
}

/// Every figure that can be judged from these cases.
pub fn of(cases: &[CaseResult]) -> Vec<Verdict> {
    let mut found: Vec<Verdict> = RIVALS.iter().filter_map(|against| rival(cases, against)).collect();
    found.extend(tls(cases));
    found.extend(ours(cases, "100mbit", FIRST).filter_map(|(of, median)| {
        let filled = median.filled?;
        let (reach, shown) = ("at least 90 % of it filled".to_owned(), format!("{:.1} %", filled * 100.0));
        Some(Verdict { of, against: "the line", reach, found: shown, is_reached: filled >= FILLED_MIN })
    }));
    found.extend(ours(cases, "30ms-mixed", Phase::SecondRun).filter_map(|(of, median)| {
        let (round_trips, (source, destination)) = (median.round_trips?, median.bursts?);
        let shown = format!(
            "{round_trips:.0} one after the other ({source:.0} bursts to the source, {destination:.0} to the \
             destination)"
        );
        let reach = "at most 8 round trips in all".to_owned();
        let is_reached = round_trips <= ROUND_TRIPS_MAX;
        Some(Verdict { of, against: "round trips", reach, found: shown, is_reached })
    }));
    found.extend(ours(cases, "loopback-mixed", FIRST).map(|(of, median)| {
        let times = median.cpu_s / median.servers_cpu_s;
        let shown = format!("{times:.2} ({:.2} s of {:.2} s)", median.cpu_s, median.servers_cpu_s);
        let reach = "our CPU at most 1/5 of theirs".to_owned();
        Verdict {
            of,
            against: "both servers' CPU",
            reach,
            found: shown,
            is_reached: times <= CPU_TIMES_SERVERS_MAX,
        }
    }));
    found
}

fn rows<'a>(
    cases: &'a [CaseResult],
    case: &'a str,
    phase: Phase,
) -> impl Iterator<Item = (&'a CaseResult, &'a [Row])> {
    cases.iter().filter(move |found| found.name.starts_with(case)).flat_map(move |found| {
        let tables = found.tables.iter().filter(move |table| table.phase == phase);
        tables.map(move |table| (found, &table.rows[..]))
    })
}

fn ours<'a>(
    cases: &'a [CaseResult],
    case: &'a str,
    phase: Phase,
) -> impl Iterator<Item = (String, Median)> + 'a {
    rows(cases, case, phase).filter_map(move |(found, rows)| {
        Some((format!("{}, {}", found.name, phase.title()), rows.first()?.median?))
    })
}

fn rival(cases: &[CaseResult], against: &Against) -> Option<Verdict> {
    let (found, rows) = rows(cases, against.case, against.phase).next()?;
    let theirs = rows.iter().find(|row| row.who == against.rival)?;
    let ratio = theirs.median?.ratio?;
    let times_rival = 1.0 / ratio;
    let shown = if ratio >= 1.0 { format!("1/{ratio:.1}") } else { format!("{times_rival:.2} ×") };
    Some(Verdict {
        of: format!("{}, {}", found.name, against.phase.title()),
        against: against.rival,
        reach: against.words.to_owned(),
        found: shown,
        is_reached: times_rival <= against.times_rival_max,
    })
}

fn tls(cases: &[CaseResult]) -> Option<Verdict> {
    let (found, rows) = rows(cases, "loopback-tls", FIRST).next()?;
    let ratio = rows.iter().find(|row| row.who == "malote-tls")?.median?.ratio?;
    Some(Verdict {
        of: format!("{}, {}", found.name, FIRST.title()),
        against: "clear text",
        reach: "TLS on both sides at most 1.35 ×".to_owned(),
        found: format!("{ratio:.2} ×"),
        is_reached: ratio <= TLS_TIMES_CLEAR_MAX,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::Quality;
    use crate::result::{Sample, Table, settle};

    /// What is said of a first copy on one machine in which a rival takes so long and Malote a second.
    fn said(case: &'static str, who: &'static str, wall_s: f64) -> Vec<(bool, String)> {
        let row = |who, wall_s| {
            let sample = Sample { wall_s, cpu_s: 0.1, servers_cpu_s: 1.0, peak_kib: 0, lines: None };
            Row { samples: vec![sample], ..Row::new(who, 1, 1, 1.0) }
        };
        let mut tables = vec![Table { phase: FIRST, rows: vec![row("malote", 1.0), row(who, wall_s)] }];
        settle(&mut tables, Quality::NONE);
        let case = CaseResult { name: case, title: String::new(), line: Quality::NONE, tables };
        let is_of = |verdict: &Verdict| !verdict.against.contains("CPU");
        of(&[case]).into_iter().filter(is_of).map(|verdict| (verdict.is_reached, verdict.found)).collect()
    }

    #[test]
    fn a_time_is_held_against_the_part_of_the_rival_s_that_it_may_take() {
        for (case, who, wall_s, expected) in [
            ("loopback-mixed", "imapsync", 9.1, Some((true, "1/9.1"))),
            ("loopback-mixed", "imapsync", 8.9, Some((false, "1/8.9"))),
            ("loopback-mixed", "dsync", 0.95, Some((true, "1.05 ×"))),
            ("loopback-mixed", "dsync", 0.5, Some((false, "2.00 ×"))),
            ("loopback-tls", "malote-tls", 1.3, Some((true, "1.30 ×"))),
            ("loopback-mixed", "one-at-a-time", 9.0, None),
            ("10ms-mixed", "mbsync", 9.0, None),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(is, found)| (is, found.to_owned())).collect();
            assert_eq!(said(case, who, wall_s), expected, "{case} {who} {wall_s}");
        }
    }
}
