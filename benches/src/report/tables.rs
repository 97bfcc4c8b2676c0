//! A report as Markdown.
//! Never an absolute time without its ratio: machines differ, ratios of one run hold.

use std::fmt::Write as _;

use crate::result::{CaseResult, Median, Report, Row, Table};

/// Everything, headings and tables.
pub fn markdown(report: &Report) -> String {
    let mut text = String::from("# Malote against others, in one run\n\n");
    line(
        &mut text,
        &format!("`{}` on {}; {}.\n", report.command, report.machine, report.versions.join("; ")),
    );
    line(
        &mut text,
        "Medians. *times* is the time for all messages as a multiple of Malote's. Who waits for each message copies \
         a part where that would take many minutes; the time for all is then put in parentheses: what its second \
         run costs, and the rest in proportion. *CPU* is the program's own, \
         *servers* that of both servers' processes together (dsync writes the destination's store itself, which is \
         in its own CPU). *peak* is the resident memory of the program's largest process. *trips* counts round \
         trips one after the other over both lines, login and logout included; in parentheses, bursts to the source \
         and to the destination over all connections. *line* is how much of it was filled.\n",
    );
    for case in &report.cases {
        for table in &case.tables {
            write_table(&mut text, case, table);
        }
    }
    write_verdicts(&mut text, report);
    text
}

fn write_table(text: &mut String, case: &CaseResult, table: &Table) {
    line(text, &format!("### {} ({})\n", case.title, table.phase.title()));
    line(text, "| who | messages | time | times | messages/s | CPU | servers | peak | trips | line | runs |");
    line(text, "|---|---|---|---|---|---|---|---|---|---|---|");
    for row in &table.rows {
        match (&row.median, &row.failure) {
            (Some(median), _) => line(text, &measured(row, median)),
            (None, Some(failure)) => {
                let short: String = failure.lines().next().unwrap_or_default().replace('|', "/");
                line(text, &format!("| {} | {} | no time: {short} | | | | | | | | |", row.who, row.messages));
            }
            (None, None) => {}
        }
    }
    line(text, "");
}

fn measured(row: &Row, median: &Median) -> String {
    let dash = || "–".to_owned();
    let ratio = median.ratio.map_or_else(dash, |ratio| format!("{ratio:.2}"));
    let bursts = median.bursts.map(|(source, destination)| format!(" ({source:.0} + {destination:.0})"));
    let trips =
        median.round_trips.map_or_else(dash, |trips| format!("{trips:.0}{}", bursts.unwrap_or_default()));
    let filled = median.filled.map_or_else(dash, |filled| format!("{:.0} %", filled * 100.0));
    let is_part = (median.whole_s - median.wall_s).abs() > f64::EPSILON;
    let whole = if is_part { format!(" ({:.0} s for all)", median.whole_s) } else { String::new() };
    format!(
        "| {} | {} | {:.2} s{whole} | {ratio} | {:.0} | {:.2} s | {:.2} s | {:.1} MiB | {trips} | {filled} | {} |",
        row.who,
        row.messages,
        median.wall_s,
        row.messages as f64 / median.wall_s,
        median.cpu_s,
        median.servers_cpu_s,
        median.peak_kib / 1024.0,
        row.samples.len()
    )
}

fn write_verdicts(text: &mut String, report: &Report) {
    if report.verdicts.is_empty() {
        return;
    }
    line(text, "### Figures to reach\n");
    line(text, "| case | against | reach | found | |\n|---|---|---|---|---|");
    for verdict in &report.verdicts {
        let word = if verdict.is_reached { "reached" } else { "**missed**" };
        let (of, against, reach, found) = (&verdict.of, verdict.against, &verdict.reach, &verdict.found);
        line(text, &format!("| {of} | {against} | {reach} | {found} | {word} |"));
    }
}

fn line(text: &mut String, addition: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{addition}");
}
