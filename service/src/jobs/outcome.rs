//! What an engine's report comes to in the service: status, counters, the gate's counts, and whether to try again.
//! Never asks anybody: a report goes in, values come out.

use std::collections::BTreeMap;
use std::time::Duration;

use malote_engine::failure::Class;
use malote_engine::measured::{Measured, Sample};
use malote_engine::report::{Counters, ErrorEntry, FolderReport, QuarantineEntry, Report, Status};
use malote_engine::run::Forecast;
use serde::Serialize;

use super::extract::Inventory;
use crate::cli::exit::Exit;
use crate::store::measures::Measures;
use crate::store::results::{Counts, FolderResult, Found, QuarantineResult};
use crate::store::words::{MailboxStatus, RunStatus};

/// The longest pause before another attempt.
const PAUSE_MAX: Duration = Duration::from_secs(10 * 60);
/// The same where our own database or disk was away.
const OWN_PAUSE_MAX: Duration = Duration::from_secs(60);
/// How long to wait for a daily allowance to begin anew before asking again.
const ALLOWANCE_PAUSE: Duration = Duration::from_secs(60 * 60);

/// Counters of a run: the first three are always there, and others build on them.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Stats {
    /// Messages appended, by every worker that had the run.
    pub transferred: u64,
    /// Things that went wrong.
    pub errors: u64,
    /// Pairs of folders.
    pub folders: u64,
    /// Messages that were there already, by record or found without one.
    pub skipped: u64,
    /// Byte-identical twins left out by choice.
    pub duplicates: u64,
    /// Octets appended, by every worker that had the run.
    pub bytes: u64,
    /// Messages in quarantine.
    pub quarantined: u64,
    /// Messages not settled.
    pub pending: u64,
    /// Left out by policy.
    pub filtered: u64,
    /// Removed at the source meanwhile.
    pub vanished: u64,
    /// Messages whose flags were changed.
    pub flag_changes: u64,
    /// Errors by class.
    pub errors_by_class: BTreeMap<String, u64>,
}

/// What an ended run is, before anything is written.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub status: RunStatus,
    pub mailbox_status: MailboxStatus,
    pub exit_code: i64,
    pub stats: Stats,
    pub error: (String, String),
    pub logins: (bool, bool),
    pub copied: (u64, u64),
    pub found: Found,
    /// Worth trying again without anybody's hand.
    pub again: Option<Again>,
}

/// When to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// After a short pause that grows with each attempt.
    Soon,
    /// The same, and more often: our own database or disk was away, which says nothing of the mailbox.
    OwnTrouble,
    /// A daily allowance is used up.
    InAnHour,
}

impl Again {
    /// How often a run is tried again before it is left to people.
    pub const fn attempts_max(self) -> i64 {
        match self {
            Self::Soon => 8,
            Self::OwnTrouble | Self::InAnHour => 100,
        }
    }

    /// How long to wait before the next attempt, after so many; `pause` is the first pause.
    pub fn pause(self, pause: Duration, attempts: i64) -> Duration {
        let growth = 1_u32 << u32::try_from(attempts.clamp(0, 20)).unwrap_or(0);
        match self {
            Self::Soon => pause.saturating_mul(growth).min(PAUSE_MAX),
            Self::OwnTrouble => pause.saturating_mul(growth).min(OWN_PAUSE_MAX),
            Self::InAnHour => ALLOWANCE_PAUSE,
        }
    }
}

/// What was done in earlier attempts at the same run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Before {
    pub transferred: u64,
    pub bytes: u64,
}

impl Before {
    /// Reads what an earlier worker told.
    pub fn of(stats_json: &str) -> Self {
        let stats: serde_json::Value = serde_json::from_str(stats_json).unwrap_or_default();
        let number = |name: &str| stats[name].as_u64().unwrap_or(0);
        Self { transferred: number("transferred"), bytes: number("bytes") }
    }
}

/// Reads a copy's or a verification's report.
pub(super) fn of_report(report: &Report, before: Before) -> Outcome {
    let totals = &report.totals;
    let open = report.quarantined_unacknowledged();
    let is_whole = report.balances() && report.errors.is_empty() && !report.folders.is_empty();
    let status = match report.status {
        Status::Success => RunStatus::Success,
        Status::Partial => RunStatus::Partial,
        Status::Failed => RunStatus::Failed,
    };
    let mailbox_status = match status {
        RunStatus::Success => MailboxStatus::Ok,
        _ if is_whole && totals.pending == 0 && open > 0 => MailboxStatus::Quarantine,
        _ => MailboxStatus::Error,
    };
    let found = if report.folders.is_empty() || !report.balances() {
        Found::Nothing
    } else {
        let all = counts(totals, acknowledged(report, None));
        Found::Counted {
            folders: report.folders.iter().map(|folder| folder_result(report, folder)).collect(),
            totals: all,
            sync_percent: percent(all.matched, all.source, is_whole),
            is_whole,
            quarantine: quarantine(report),
            measures: measures(&report.measured),
        }
    };
    Outcome {
        status,
        mailbox_status,
        exit_code: Exit::of_report(report).code().into(),
        stats: stats(totals, &report.errors, report.folders.len(), before),
        error: first_error(&report.errors),
        logins: logins(
            &report.errors,
            !report.source.server.is_empty(),
            !report.destination.server.is_empty(),
        ),
        copied: (totals.copied, totals.bytes_copied),
        found,
        again: again(&report.errors, totals.pending),
    }
}

/// Reads what a copy would do.
pub(super) fn of_forecast(forecast: &Forecast) -> Outcome {
    let has_clash = !forecast.clashes.is_empty();
    // A folder that cannot be read whole is no reason to leave the others where they are.
    let is_left_over = Exit::of_forecast(forecast) == Exit::LeftOver;
    let status = match (forecast.errors.is_empty(), has_clash) {
        (true, false) => RunStatus::Success,
        (true, true) => RunStatus::Partial,
        (false, _) if is_left_over && !forecast.folders.is_empty() => RunStatus::Partial,
        (false, _) => RunStatus::Failed,
    };
    let error = match forecast.clashes.first() {
        Some(clash) if forecast.errors.is_empty() => {
            (Class::DecisionNeeded.as_str().to_owned(), clash.clone())
        }
        _ => first_error(&forecast.errors),
    };
    let sum =
        |of: fn(&malote_engine::run::FolderForecast) -> u64| forecast.folders.iter().map(of).sum::<u64>();
    let folders = forecast.folders.iter().map(|folder| FolderResult {
        source_path: folder.source.clone(),
        dest_path: folder.destination.clone(),
        role: folder.role.clone().unwrap_or_default(),
        is_renamed: folder.renamed,
        ..FolderResult::default()
    });
    let mut stats = stats(&Counters::default(), &forecast.errors, forecast.folders.len(), Before::default());
    stats.pending = sum(|folder| folder.to_copy);
    stats.skipped = sum(|folder| folder.already);
    let is_listed = !forecast.folders.is_empty();
    Outcome {
        status,
        mailbox_status: if status == RunStatus::Success {
            MailboxStatus::Pending
        } else {
            MailboxStatus::Error
        },
        exit_code: Exit::of_forecast(forecast).code().into(),
        stats,
        error,
        logins: logins(&forecast.errors, is_listed, is_listed),
        copied: (0, 0),
        found: if forecast.errors.is_empty() {
            Found::Foreseen {
                folders: folders.collect(),
                messages: whole(sum(|folder| {
                    folder.source_messages - folder.filtered.min(folder.source_messages)
                })),
                bytes: whole(sum(|folder| folder.to_copy_bytes)),
                quota: None,
                quarantine: Vec::new(),
            }
        } else {
            Found::Nothing
        },
        again: again(&forecast.errors, 0),
    }
}

/// Reads what a file holds. Where a copy has counted it already, its counts and its quarantine stay.
pub(super) fn of_inventory(found: &Inventory, before: Before, has_scan: bool) -> Outcome {
    let is_read = !found.folders.is_empty();
    let status = match (found.errors.is_empty(), found.quarantined) {
        (true, 0) => RunStatus::Success,
        _ if is_read => RunStatus::Partial,
        _ => RunStatus::Failed,
    };
    let mailbox_status = match (found.errors.is_empty(), found.quarantined) {
        (true, 0) if has_scan => MailboxStatus::Ok,
        (true, 0) => MailboxStatus::Pending,
        (true, _) => MailboxStatus::Quarantine,
        (false, _) => MailboxStatus::Error,
    };
    let exit = match status {
        RunStatus::Success => Exit::Success,
        _ => found.errors.iter().find_map(|error| error.kind).map_or(Exit::LeftOver, Exit::of_class),
    };
    let mut stats = stats(&Counters::default(), &found.errors, found.folders.len(), before);
    stats.quarantined = found.quarantined;
    stats.filtered = found.folders.iter().map(|folder| folder.filtered).sum();
    let folders = found.folders.iter().map(|folder| FolderResult {
        source_path: folder.path.clone(),
        role: folder.role.clone(),
        ..FolderResult::default()
    });
    let messages = found.folders.iter().map(|folder| folder.messages - folder.filtered).sum();
    let octets = found.folders.iter().map(|folder| folder.octets).sum();
    Outcome {
        status,
        mailbox_status,
        exit_code: exit.code().into(),
        stats,
        error: first_error(&found.errors),
        logins: (is_read, false),
        copied: (0, 0),
        found: if is_read && !has_scan {
            Found::Foreseen {
                quota: None,
                folders: folders.collect(),
                messages: whole(messages),
                bytes: whole(octets),
                quarantine: found.quarantine.iter().map(quarantined).collect(),
            }
        } else {
            Found::Nothing
        },
        again: again(&found.errors, 0),
    }
}

fn stats(totals: &Counters, errors: &[ErrorEntry], folders: usize, before: Before) -> Stats {
    let mut errors_by_class = BTreeMap::new();
    for error in errors {
        *errors_by_class.entry(error.class.clone()).or_insert(0) += 1;
    }
    Stats {
        transferred: before.transferred + totals.copied,
        errors: errors.len() as u64,
        folders: folders as u64,
        skipped: totals.already + totals.adopted,
        duplicates: totals.collapsed,
        bytes: before.bytes + totals.bytes_copied,
        quarantined: totals.quarantined,
        pending: totals.pending,
        filtered: totals.filtered,
        vanished: totals.vanished,
        flag_changes: totals.flag_changes,
        errors_by_class,
    }
}

/// The gate's counts of a folder or of all. Twins that were collapsed by choice have a counterpart: they are matched.
fn counts(counters: &Counters, acknowledged: u64) -> Counts {
    let source = counters.source_messages - counters.filtered.min(counters.source_messages);
    let matched = counters.copied + counters.adopted + counters.already + counters.collapsed;
    let acknowledged = acknowledged.min(counters.quarantined);
    Counts {
        source: whole(source),
        dest: whole(counters.destination_messages),
        matched: whole(matched),
        missing: whole(counters.pending + counters.quarantined),
        pending: whole(counters.pending),
        quarantined: whole(counters.quarantined - acknowledged),
        acknowledged: whole(acknowledged),
        filtered: whole(counters.filtered),
        vanished: whole(counters.vanished),
    }
}

fn acknowledged(report: &Report, folder: Option<&str>) -> u64 {
    let entries = report.quarantine.iter().filter(|entry| entry.acknowledged);
    entries.filter(|entry| folder.is_none_or(|folder| entry.folder == folder)).count() as u64
}

fn folder_result(report: &Report, folder: &FolderReport) -> FolderResult {
    FolderResult {
        source_path: folder.source.clone(),
        dest_path: folder.destination.clone(),
        role: folder.role.clone().unwrap_or_default(),
        is_renamed: folder.renamed,
        counts: counts(&folder.counters, acknowledged(report, Some(&folder.source))),
        copied: whole(folder.counters.copied),
        bytes_copied: whole(folder.counters.bytes_copied),
        change_token: String::new(),
        uids: (0, 0, 0),
    }
}

fn quarantine(report: &Report) -> Vec<QuarantineResult> {
    report.quarantine.iter().map(quarantined).collect()
}

fn quarantined(entry: &QuarantineEntry) -> QuarantineResult {
    QuarantineResult {
        folder_path: entry.folder.clone(),
        source_ref: entry.uid.to_string(),
        message_id: entry.message_id.clone(),
        size_bytes: whole(entry.size),
        reason: entry.reason.clone(),
        detail: entry.detail.clone(),
        file: entry.file.clone(),
        attempts: i64::from(entry.attempts),
    }
}

/// What a verification measured, as it is written. The destination's room is asked for when the run is over.
fn measures(measured: &Measured) -> Measures {
    let sample = |of: Sample| (whole(of.compared), whole(of.rewritten), whole(of.different));
    Measures {
        sample: measured.sample.map(sample),
        bytes: measured.octets.map(|octets| (whole(octets.source), whole(octets.destination))),
        duplicates: measured.duplicates.map(whole),
        quota: None,
        merkle_root: None,
    }
}

fn first_error(errors: &[ErrorEntry]) -> (String, String) {
    errors.first().map_or_else(Default::default, |error| (error.class.clone(), error.message.clone()))
}

/// A login worked where the server was met and did not refuse it.
fn logins(errors: &[ErrorEntry], source_met: bool, destination_met: bool) -> (bool, bool) {
    let is_refused =
        |side: &str| errors.iter().any(|error| error.side == side && error.class.starts_with("auth."));
    (source_met && !is_refused("source"), destination_met && !is_refused("destination"))
}

/// 100·M/E, rounded down to two decimals; 100 for a mailbox that was scanned and is empty.
pub(super) fn percent(matched: i64, source: i64, is_whole: bool) -> f64 {
    match source {
        0 if is_whole => 100.0,
        0 => 0.0,
        _ => {
            let hundredths = i128::from(matched.clamp(0, source)) * 10_000 / i128::from(source);
            hundredths as f64 / 100.0
        }
    }
}

/// Worth trying again where all that went wrong passes by itself.
fn again(errors: &[ErrorEntry], pending: u64) -> Option<Again> {
    let classes: Vec<Class> = errors.iter().map(|error| error.kind).collect::<Option<_>>()?;
    let is_passing = |class: &Class| Exit::of_class(*class) == Exit::Early && *class != Class::Cancelled;
    if !classes.iter().all(is_passing) || (classes.is_empty() && pending == 0) {
        return None;
    }
    if classes.contains(&Class::ThrottleDaily) {
        return Some(Again::InAnHour);
    }
    Some(if classes.contains(&Class::Ledger) { Again::OwnTrouble } else { Again::Soon })
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
