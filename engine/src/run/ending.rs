//! Gathers what a run has found and makes the report of it.
//! Never calls a run a success whose equation does not hold.

use std::sync::{Mutex, PoisonError};

use malote_plan::failure::{Class, Reach, Retry, Side};
use malote_plan::mapping::{FolderPair, LeftOutReason, Mapping};

use super::job::Job;
use super::survey::Surveys;
use super::tally::Findings;
use crate::damage;
use crate::failure::Failure;
use crate::report::{self, Counters, FolderReport, Kind, Place, Report, SCHEMA, Status};

pub(super) struct Ending<'a> {
    job: &'a Job,
    kind: Kind,
    started_ms: i64,
    servers: Mutex<(String, String)>,
    pub findings: Findings,
}

impl<'a> Ending<'a> {
    pub fn begin(job: &'a Job, kind: Kind) -> Self {
        let started_ms = job.clock.now_unix_ms();
        Self { job, kind, started_ms, servers: Mutex::default(), findings: Findings::default() }
    }

    pub fn surveyed(&self, surveys: &Surveys) {
        let names = (surveys.source.server.clone(), surveys.destination.server.clone());
        *self.servers.lock().unwrap_or_else(PoisonError::into_inner) = names;
        let warnings = surveys.source.warnings.iter().chain(&surveys.destination.warnings);
        warnings.for_each(|warning| self.findings.warn(warning.clone()));
    }

    /// Tells what the mapping coped with; fails where it needs a decision.
    pub fn tell_mapping(&self, mapping: &Mapping) -> Result<(), Vec<Failure>> {
        mapping.warnings.iter().for_each(|warning| self.findings.warn(warning.to_string()));
        for left_out in &mapping.left_out {
            if let LeftOutReason::OtherNamespace(_) | LeftOutReason::NoMail = left_out.reason {
                let (folder, reason) = (&left_out.folder, left_out.reason);
                let messages =
                    left_out.messages.map(|count| format!(" ({count} messages)")).unwrap_or_default();
                self.findings.warn(format!("{folder}{messages} is left out: {reason}"));
            }
        }
        let clashes = mapping.clashes.iter().map(|clash| {
            let message = format!("{clash}; nothing was created. Decide with --map or --on-clash");
            Failure::new(Side::Destination, Class::DecisionNeeded, Reach::Account, Retry::Never, message)
        });
        let clashes: Vec<Failure> = clashes.collect();
        if clashes.is_empty() { Ok(()) } else { Err(clashes) }
    }

    /// Tells what of the source could not be read at all, and what of that a person has accepted.
    pub fn tell_damage(&self) {
        let damage::Judged { failures, accepted } =
            damage::judge(self.job.source.as_ref(), &self.job.policy.accepted_damage);
        failures.iter().for_each(|failure| self.findings.fail(failure));
        accepted.into_iter().for_each(|what| self.findings.warn(what));
        for what in self.job.destination.damage() {
            let (class, reach) = (Class::ItemUnreadable, Reach::Account);
            self.findings.fail(&Failure::new(Side::Destination, class, reach, Retry::Never, what));
        }
    }

    /// Fails where nothing was chosen: a mailbox has an INBOX at least, so patterns or listing are wrong.
    pub fn tell_emptiness(&self, mapping: &Mapping) {
        if mapping.pairs.is_empty() {
            let message = format!(
                "no folder is left to work on, of {} that the source lists; check --folder and --exclude",
                mapping.left_out.len()
            );
            let (class, reach) = (Class::FolderMissing, Reach::Account);
            self.findings.fail(&Failure::new(Side::Source, class, reach, Retry::Never, message));
        }
    }

    /// A folder that could not be created: all its mail is pending.
    pub async fn refused_folder(&self, job: &Job, pair: &FolderPair) -> FolderReport {
        let listed = pair.source.status.map(|status| u64::from(status.messages));
        let messages = match listed {
            Some(messages) => messages,
            None => match job.source.open(&pair.source).await {
                Ok(open) => u64::from(open.status().messages),
                Err(failure) => {
                    self.findings.fail(&failure);
                    0
                }
            },
        };
        let mut report = FolderReport {
            source: pair.source.path.to_string(),
            destination: pair.destination.to_string(),
            role: pair.role.map(|role| role.as_str().to_owned()),
            renamed: pair.renamed.is_some(),
            ..FolderReport::default()
        };
        report.counters.source_messages = messages;
        report.counters.pending = messages;
        report
    }

    /// The report of a run that came as far as its folders.
    pub fn report(self, mut folders: Vec<FolderReport>) -> Report {
        if self.job.stop.is_cancelled() && self.findings.is_cut_short() {
            self.findings.fail(&Failure::new(
                Side::Local,
                Class::Cancelled,
                Reach::Account,
                Retry::Again,
                "stopped before the end; run the same command again to go on",
            ));
        }
        let mut report = self.empty();
        let there = count_destinations(&mut folders);
        folders.iter().for_each(|folder| report.totals.add(&folder.counters));
        report.totals.destination_messages = there;
        report.folders = folders;
        report.store = self.job.source.sums().map(|store| store.settled(&report.totals));
        let totals = &report.totals;
        let is_whole =
            totals.pending == 0 && report.quarantined_unacknowledged() == 0 && report.errors.is_empty();
        report.status = if is_whole { Status::Success } else { Status::Partial };
        if !report.balances() {
            report.status = Status::Failed;
            report.errors.push(report::ErrorEntry::from(&Failure::new(
                Side::Local,
                Class::Internal,
                Reach::Account,
                Retry::Never,
                "the counts do not add up, which is a bug in malote: please report it",
            )));
        }
        report
    }

    /// The report of a run that could not begin.
    pub fn failed(self, failures: &[Failure]) -> Report {
        failures.iter().for_each(|failure| self.findings.fail(failure));
        let mut report = self.empty();
        report.status = Status::Failed;
        report
    }

    fn empty(&self) -> Report {
        let finished_ms = self.job.clock.now_unix_ms();
        let (source, destination) = self.servers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let remarks = self.job.source.remarks().into_iter().chain(self.job.destination.remarks());
        remarks.for_each(|remark| self.findings.warn(remark));
        self.tell_damage();
        let found = self.findings.take();
        Report {
            schema: SCHEMA.to_owned(),
            run_id: self.job.run_id.clone(),
            kind: self.kind,
            status: Status::Failed,
            started_at: rfc3339(self.started_ms),
            finished_at: rfc3339(finished_ms),
            elapsed_ms: u64::try_from(finished_ms - self.started_ms).unwrap_or(0),
            source: Place { url: self.job.identity.source.clone(), server: source },
            destination: Place { url: self.job.identity.destination.clone(), server: destination },
            totals: Counters::default(),
            folders: Vec::new(),
            quarantine: found.quarantine,
            repairs: found.repairs,
            dropped_flags: found.dropped_flags,
            warnings: found.warnings,
            errors: found.errors,
            store: None,
            measured: found.measured.unwrap_or_default(),
        }
    }
}

/// Gives source folders that share a destination folder the count of the last look at it, and sums up the destination
/// folders, each once.
fn count_destinations(folders: &mut [FolderReport]) -> u64 {
    let there = report::destinations(folders);
    for folder in folders {
        let count = there.get(&folder.destination).copied();
        folder.counters.destination_messages = count.unwrap_or(folder.counters.destination_messages);
    }
    there.values().sum()
}

fn rfc3339(unix_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(unix_ms).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_folder_that_several_share_counts_once_as_it_was_last_seen() {
        let folder = |destination: &str, there: u64| {
            let mut report = FolderReport { destination: destination.to_owned(), ..FolderReport::default() };
            report.counters.destination_messages = there;
            report
        };
        let mut folders = [folder("Z", 1), folder("Y", 7), folder("Z", 3), folder("Z", 0)];
        assert_eq!(count_destinations(&mut folders), 10);
        assert_eq!(folders.map(|folder| folder.counters.destination_messages), [3, 7, 3, 3]);
    }
}
