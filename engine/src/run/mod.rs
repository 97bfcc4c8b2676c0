//! The line of rooms: survey, mapping, prepare, then per folder census, transfer, flags; verify and forecast aside.
//! Never knows a protocol: sources, destinations and ledgers are traits.

mod adopt;
mod census;
mod context;
mod ending;
mod flags;
mod folder;
mod forecast;
mod inspect;
mod job;
mod lane;
mod lanes;
mod late;
mod locate;
mod mapping;
mod mirror;
mod modseq;
mod parcel;
mod quarantining;
mod reading;
mod rebase;
mod recognise;
mod repairing;
mod strangers;
mod survey;
mod tally;
mod transfer;
mod twins;
mod verify;
mod width;

use std::cmp::Reverse;
use std::collections::BTreeMap;

pub use forecast::plan;
use futures_util::StreamExt as _;
pub use job::{
    AllowanceForecast, BODY_OCTETS_IN_MEMORY_MAX, BUDGET_OCTETS, FolderForecast, Forecast, Job, LeftOutFolder,
};
use malote_plan::folder::Role;
use malote_plan::mapping::{FolderPair, Mapping};
use sha2::{Digest as _, Sha256};
pub use verify::verify;

use crate::event::Event;
use crate::failure::Failure;
use crate::report::{FolderReport, Kind, Report};
use context::{FolderRun, Pair, Run};
use ending::Ending;
use lanes::Lanes;

/// Folders whose work is begun, at work or waiting for a lane: more than there are ever lanes.
const FOLDERS_AT_ONCE_MAX: usize = 64;

/// Brings the destination up to date with the source: a full copy first, a delta later. Safe to repeat, to kill
/// and to resume. Never fails as a whole: what went wrong is in the report.
pub async fn copy(job: &Job) -> Report {
    let ending = Ending::begin(job, Kind::Copy);
    match rooms(job, &ending).await {
        Ok(folders) => ending.report(folders),
        Err(failures) => ending.failed(&failures),
    }
}

async fn rooms(job: &Job, ending: &Ending<'_>) -> Result<Vec<FolderReport>, Vec<Failure>> {
    let surveys = survey::survey(job).await?;
    ending.surveyed(&surveys);
    let one = |failure| vec![failure];
    job.ledger.claim(&job.identity).await.map_err(one)?;
    let rows = job.ledger.folders().await.map_err(one)?;
    let mapping = mapping::lay(job, &surveys, &rows).map_err(one)?;
    job.events.emit(Event::Mapped { pairs: mapping.pairs.len(), left_out: mapping.left_out.len() });
    ending.tell_mapping(&mapping)?;
    ending.tell_emptiness(&mapping);
    let round_trip = job.source.round_trip().max(job.destination.round_trip());
    let lanes = Lanes::new(job.policy.connections, round_trip);
    let warmed = if rows.is_empty() { filled(&mapping).min(lanes.open()) } else { 0 };
    let ahead = async { tokio::join!(job.source.warm(warmed), job.destination.warm(warmed)) };
    let work = async {
        let (pairs, refused) =
            mapping::prepare(job, &surveys, mapping, &ending.findings).await.map_err(one)?;
        job.progress.folders_listed(pairs.len() as u64);
        let mut folders = folders(job, ending, &lanes, pairs).await;
        for pair in refused {
            folders.push(ending.refused_folder(job, &pair).await);
        }
        Ok(folders)
    };
    tokio::join!(ahead, work).1
}

/// Folders that hold messages, or may.
fn filled(mapping: &Mapping) -> usize {
    let is_filled = |pair: &&FolderPair| pair.source.status.is_none_or(|status| status.messages > 0);
    mapping.pairs.iter().filter(is_filled).count()
}

/// The order of work: INBOX, which its user misses first, then the largest, so that none is left over alone.
fn precedence(pair: &Pair) -> (bool, Reverse<u32>) {
    let messages = pair.source.status.map_or(u32::MAX, |status| status.messages);
    (pair.role != Some(Role::Inbox), Reverse(messages))
}

/// Which of so many folders has its turn: by the hash of the second, for runs that begin at full hours would otherwise
/// come to the same few folders for ever.
fn turn(now_unix_ms: i64, folders: usize) -> Option<usize> {
    let hash = Sha256::digest((now_unix_ms / 1000).to_be_bytes());
    let number = hash.iter().take(4).fold(0, |number, octet| number << 8 | usize::from(*octet));
    number.checked_rem(folders)
}

/// Works on as many folders at once as there are lanes. Folders that lead to one destination folder take turns,
/// for each must know what the others put there.
async fn folders(job: &Job, ending: &Ending<'_>, lanes: &Lanes, pairs: Vec<Pair>) -> Vec<FolderReport> {
    let halt = job.stop.child_token();
    let spot = turn(job.clock.now_unix_ms(), pairs.len()).map(|turn| pairs[turn].row.id);
    let repairs = &repairing::Experience::default();
    let run = Run { job, findings: &ending.findings, spot, halt: &halt, repairs };
    let mut groups: Vec<Vec<(usize, Pair)>> = Vec::new();
    let mut group_of = BTreeMap::new();
    for (index, pair) in pairs.into_iter().enumerate() {
        let group = *group_of.entry(pair.destination.wire.clone()).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[group].push((index, pair));
    }
    groups.sort_by_key(|group| group.iter().map(|(_, pair)| precedence(pair)).min());
    let run = &run;
    let work = groups.into_iter().map(|group| async move {
        let mut lane = lanes.take().await;
        let mut reports = Vec::new();
        for (index, pair) in group {
            reports.push((index, FolderRun::new(run, pair).finish(&mut lane).await));
        }
        reports
    });
    let work = futures_util::stream::iter(work).buffer_unordered(FOLDERS_AT_ONCE_MAX).collect();
    let done: Vec<Vec<(usize, FolderReport)>> = tokio::select! {
        done = work => done,
        never = lanes.tend(&job.progress) => match never {},
    };
    let mut reports: Vec<(usize, FolderReport)> = done.into_iter().flatten().collect();
    reports.sort_by_key(|(index, _)| *index);
    reports.into_iter().map(|(_, report)| report).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_folder_has_its_turn_though_runs_begin_at_full_hours() {
        for every_seconds in [60, 300, 3600, 86_400] {
            for folders in 1..=100 {
                let runs =
                    (0..20 * i64::from(folders)).map(|run| (1_790_000_000 + run * every_seconds) * 1000);
                let seen: BTreeSet<_> = runs.filter_map(|now_ms| turn(now_ms, folders as usize)).collect();
                assert_eq!(seen.len(), folders as usize, "{folders} folders, a run every {every_seconds} s");
            }
        }
        assert_eq!(turn(0, 0), None);
    }
}
