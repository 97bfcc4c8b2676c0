//! imapsync's closing statistics, from the report of a run.
//! Never counts anything itself, and never calls a run good whose report does not.

use std::collections::BTreeMap;

use jiff::Zoned;
use malote_engine::report::{Counters, Report};

use super::journal::moment;
use super::machine::Machine;
use super::sizes::{Sizes, difference, readable};

/// What there is to tell.
pub struct Facts<'a> {
    /// When it began.
    pub started: Zoned,
    /// When it ended.
    pub ended: Zoned,
    /// What came of it.
    pub report: &'a Report,
    /// Folders that were chosen.
    pub folders: usize,
    /// Messages that a real run would copy, where this is none.
    pub would_copy: Option<u64>,
    /// Messages that the user's own bounds of size left out.
    pub left_out: u64,
    /// Errors.
    pub errors: usize,
    /// Lost connections to host1 and host2 that were taken up again.
    pub reconnections: (u64, u64),
    /// Sizes before.
    pub before: Option<&'a Sizes>,
    /// Sizes after.
    pub after: Option<&'a Sizes>,
    /// True for `--justfolders`.
    pub is_only_folders: bool,
    /// The machine before and after.
    pub machine: (Machine, Machine),
}

fn line(label: &str, value: &str) -> String {
    format!("{label:<40}: {value}")
}

/// The statistics, line by line.
pub fn lines(facts: &Facts<'_>) -> Vec<String> {
    let Facts { report, .. } = facts;
    let totals = report.totals;
    let seconds = (facts.ended.timestamp().duration_since(facts.started.timestamp())).as_secs_f64();
    let rated = if seconds > 0.0 { seconds } else { 1.0 };
    let dry =
        facts.would_copy.map(|count| format!("(could be {count} without dry mode)")).unwrap_or_default();
    let missing = missing(&totals);
    let there_alone = there_alone(report);
    let mut lines = vec![
        "++++ Statistics".to_owned(),
        line("Transfer started on", &moment(&facts.started)),
        line("Transfer ended on", &moment(&facts.ended)),
        line("Transfer time", &format!("{seconds:.1} sec")),
        line("Folders synced", &format!("{}/{} synced", report.folders.len(), facts.folders)),
        line("Messages transferred", &format!("{} {dry}", totals.copied)),
        line("Messages skipped", &skipped(&totals, facts.left_out).to_string()),
        line("Messages found duplicate on host1", &totals.collapsed.to_string()),
        line("Messages found duplicate on host2", "0"),
        line("Messages found crossduplicate on host2", "0"),
        line("Messages void (noheader) on host1", "0"),
        line("Messages void (noheader) on host2", "0"),
        line("Messages found in host1 not in host2", &format!("{missing} messages")),
        line("Messages found in host2 not in host1", &format!("{there_alone} messages")),
        line("Messages deleted on host1", "0"),
        line("Messages deleted on host2", &totals.deleted.to_string()),
        line(
            "Total bytes transferred",
            &format!("{} ({})", totals.bytes_copied, readable(i128::from(totals.bytes_copied))),
        ),
    ];
    let skipped_octets = facts.before.map(|sizes| sizes.host1.octets.saturating_sub(totals.bytes_copied));
    lines.push(line("Total bytes skipped", &octets_or_na(skipped_octets)));
    lines.push(line("Message rate", &format!("{:.1} messages/s", totals.copied as f64 / rated)));
    let bandwidth = totals.bytes_copied as f64 / 1024.0 / rated;
    lines.push(line("Average bandwidth rate", &format!("{bandwidth:.1} KiB/s")));
    lines.push(line("Reconnections to host1", &facts.reconnections.0.to_string()));
    lines.push(line("Reconnections to host2", &facts.reconnections.1.to_string()));
    lines.extend(machine_lines(facts, seconds));
    lines.extend(difference_lines(facts));
    if !facts.is_only_folders {
        lines.extend(verdict(facts, missing, there_alone));
    }
    lines.push(format!("Detected {} errors", facts.errors));
    lines
}

fn octets_or_na(octets: Option<u64>) -> String {
    octets
        .map_or_else(|| "NA (NA)".to_owned(), |octets| format!("{octets} ({})", readable(i128::from(octets))))
}

fn machine_lines(facts: &Facts<'_>, seconds: f64) -> Vec<String> {
    let (before, after) = &facts.machine;
    let mebibytes = |octets: u64| octets as f64 / 1_048_576.0;
    let memory = format!(
        "{:.1} MiB (*time {:.1} MiB*h) (started with {:.1} MiB)",
        mebibytes(after.memory_octets),
        mebibytes(after.memory_octets) * seconds / 3600.0,
        mebibytes(before.memory_octets)
    );
    let cpu = (after.cpu_seconds - before.cpu_seconds).max(0.0);
    let percent = if seconds > 0.0 { 100.0 * cpu / seconds } else { 0.0 };
    vec![
        line("Memory consumption at the end", &memory),
        line("Load end is", &format!("{} on {} cores", after.load, after.cores)),
        line(
            "CPU time and %cpu",
            &format!("{cpu:.2} sec {percent:.1} %cpu {:.1} %allcpus", percent / after.cores.max(1) as f64),
        ),
        line("Biggest message transferred", "NA bytes (NA)"),
        line("Memory/biggest message ratio", "NA"),
    ]
}

fn difference_lines(facts: &Facts<'_>) -> Vec<String> {
    let (Some(before), Some(after)) = (facts.before, facts.after) else { return Vec::new() };
    let told = |sizes: &Sizes| {
        let octets = difference(sizes.host2.octets, sizes.host1.octets);
        let messages = difference(sizes.host2.messages, sizes.host1.messages);
        format!("{messages} messages, {octets} bytes ({})", readable(octets))
    };
    vec![
        line("Start difference host2 - host1", &told(before)),
        line("Final difference host2 - host1", &told(after)),
    ]
}

/// What was left alone: there already, a twin, or left out for its size.
fn skipped(totals: &Counters, left_out: u64) -> u64 {
    totals.already + totals.adopted + totals.collapsed + left_out
}

/// Messages that ought to be there and are not.
fn missing(totals: &Counters) -> u64 {
    totals.pending + totals.quarantined
}

/// Messages of the destination's folders that are of nobody's at the source.
fn there_alone(report: &Report) -> u64 {
    let mut folders: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for folder in &report.folders {
        let counters = &folder.counters;
        let entry = folders.entry(&folder.destination).or_default();
        entry.0 = entry.0.max(counters.destination_messages);
        entry.1 += counters.copied + counters.adopted + counters.already;
    }
    folders.values().map(|(there, ours)| there.saturating_sub(*ours)).sum()
}

/// The sentences that scripts look for.
fn verdict(facts: &Facts<'_>, missing: u64, there_alone: u64) -> Vec<String> {
    let totals = facts.report.totals;
    let known = totals.source_messages.saturating_sub(totals.filtered);
    let there: u64 = totals.copied + totals.adopted + totals.already + there_alone;
    let is_good = missing == 0 && facts.errors == 0 && facts.report.balances() && facts.would_copy.is_none();
    let mut lines = Vec::new();
    if is_good {
        lines.push(format!("The sync looks good, all {known} identified messages in host1 are on host2."));
    } else {
        let missing = missing.max(facts.would_copy.unwrap_or(0));
        lines.push(format!(
            "The sync is not finished, there are {missing} among {known} identified messages in host1 that are not on \
             host2."
        ));
    }
    lines.push("There is no unidentified message on host1.".to_owned());
    if there_alone == 0 {
        lines.push(format!("The sync is strict, all {there} identified messages in host2 are on host1."));
    } else {
        lines.push(format!(
            "The sync is not strict, there are {there_alone} among {there} identified messages in host2 that are not \
             on host1. Use --delete2 and sync again to delete them and have a strict sync."
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use malote_engine::failure::Class;
    use malote_engine::report::{ErrorEntry, FolderReport, Kind};

    use super::*;

    fn report(folders: &[(&str, Counters)]) -> Report {
        let error = ErrorEntry {
            side: String::new(),
            class: String::new(),
            message: String::new(),
            kind: Some(Class::Net),
        };
        let mut report = Report::not_begun(Kind::Copy, "", "", "", error);
        report.errors.clear();
        for (destination, counters) in folders {
            report.totals.add(counters);
            let destination = (*destination).to_owned();
            report.folders.push(FolderReport { destination, counters: *counters, ..FolderReport::default() });
        }
        report
    }

    fn told(report: &Report, errors: usize, would_copy: Option<u64>) -> String {
        let at = |text: &str| text.parse::<Zoned>().unwrap();
        let facts = Facts {
            started: at("2026-11-21T12:00:00[UTC]"),
            ended: at("2026-11-21T12:00:10[UTC]"),
            report,
            folders: 3,
            would_copy,
            left_out: 0,
            errors,
            reconnections: (1, 0),
            before: None,
            after: None,
            is_only_folders: false,
            machine: (Machine::default(), Machine::default()),
        };
        lines(&facts).join("\n")
    }

    fn copied(copied: u64, pending: u64, destination_messages: u64) -> Counters {
        Counters {
            source_messages: copied + pending,
            copied,
            pending,
            bytes_copied: copied * 1024,
            destination_messages,
            ..Counters::default()
        }
    }

    #[test]
    fn scripts_find_the_lines_that_they_know() {
        let text = told(&report(&[("INBOX", copied(20, 0, 23)), ("Sent", copied(10, 0, 10))]), 0, None);
        for expected in [
            "Transfer started on                     : Saturday 21 November 2026-11-21 12:00:00 +0000 UTC",
            "Transfer time                           : 10.0 sec",
            "Folders synced                          : 2/3 synced",
            "Messages transferred                    : 30 ",
            "Messages skipped                        : 0",
            "Messages found in host1 not in host2    : 0 messages",
            "Messages found in host2 not in host1    : 3 messages",
            "Total bytes transferred                 : 30720 (30.000 KiB)",
            "Message rate                            : 3.0 messages/s",
            "Average bandwidth rate                  : 3.0 KiB/s",
            "Reconnections to host1                  : 1",
            "The sync looks good, all 30 identified messages in host1 are on host2.",
            "There is no unidentified message on host1.",
            "The sync is not strict, there are 3 among 33 identified messages in host2 that are not on host1.",
            "Detected 0 errors",
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
    }

    #[test]
    fn only_a_whole_sync_looks_good() {
        let whole = report(&[("INBOX", copied(5, 0, 5))]);
        let short = report(&[("INBOX", copied(5, 2, 5))]);
        let large = report(&[("INBOX", Counters { source_messages: 6, quarantined: 1, ..copied(5, 0, 5) })]);
        let wrong = report(&[("INBOX", Counters { source_messages: 9, ..copied(5, 0, 5) })]);
        for (report, errors, would_copy, is_good) in [
            (&whole, 0, None, true),
            (&whole, 1, None, false),
            (&whole, 0, Some(3), false),
            (&short, 0, None, false),
            (&large, 0, None, false),
            (&wrong, 0, None, false),
        ] {
            let text = told(report, errors, would_copy);
            assert_eq!(text.contains("The sync looks good"), is_good, "{text}");
            assert_eq!(text.contains("The sync is not finished"), !is_good, "{text}");
        }
    }
}
