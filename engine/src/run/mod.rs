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
mod known;
mod labels;
mod lane;
mod lanes;
mod late;
mod locate;
mod manners;
mod mapping;
mod mirror;
mod modseq;
mod parcel;
mod quarantining;
mod reading;
mod rebase;
mod recognise;
mod repairing;
mod resemble;
mod strangers;
mod surplus;
mod survey;
mod tally;
mod together;
mod transfer;
mod twins;
mod verify;
mod width;
mod within;

use std::cmp::Reverse;
use std::collections::BTreeMap;

pub use forecast::plan;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};
pub use job::{
    AllowanceForecast, BODY_OCTETS_IN_MEMORY_MAX, BUDGET_OCTETS, FolderForecast, Forecast, Job, LeftOutFolder,
};
use malote_plan::folder::Role;
use malote_plan::mapping::{FolderPair, Mapping};
use sha2::{Digest as _, Sha256};
pub use verify::verify;

use crate::event::Event;
use crate::failure::Failure;
use crate::ledger::FolderId;
use crate::report::{FolderReport, Kind, Report};
use context::{FolderRun, Pair, Run, Stage};
use ending::Ending;
use labels::Labels;
use lanes::Lanes;
use manners::Manners;
use survey::Surveys;

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
    mirror::tell_unable(job, &ending.findings);
    let round_trip = job.source.round_trip().max(job.destination.round_trip());
    let lanes = Lanes::new(job.policy.connections, round_trip);
    let warmed = if rows.is_empty() { filled(&mapping).min(lanes.open()) } else { 0 };
    let ahead = async { tokio::join!(job.source.warm(warmed), job.destination.warm(warmed)) };
    let work = async {
        let (pairs, refused) =
            mapping::prepare(job, &surveys, mapping, &ending.findings).await.map_err(one)?;
        job.progress.folders_listed(pairs.len() as u64);
        let labels = surveys.source.promises.labels;
        let labels = labels.then(|| Labels::new(job.policy.labels, &pairs, refused.is_empty()));
        let manners = &manners(&surveys);
        let mut folders = folders(job, ending, &lanes, (pairs, labels.as_ref(), manners)).await;
        for pair in refused {
            folders.push(ending.refused_folder(job, &pair).await);
        }
        Ok(folders)
    };
    tokio::join!(ahead, work).1
}

fn manners(surveys: &Surveys) -> Manners {
    Manners::of(&surveys.source.profile.settings, &surveys.destination.profile.settings)
}

/// Folders that hold messages, or may.
fn filled(mapping: &Mapping) -> usize {
    let is_filled = |pair: &&FolderPair| pair.source.status.is_none_or(|status| status.messages > 0);
    mapping.pairs.iter().filter(is_filled).count()
}

/// The order of work: INBOX, which its user misses first, then the largest, so that none is left over alone; the
/// folder of all mail last, for it is to bring what the others do not.
fn precedence(pair: &Pair) -> (bool, bool, Reverse<u32>) {
    let messages = pair.source.status.map_or(u32::MAX, |status| status.messages);
    (pair.role != Some(Role::Inbox), labels::is_all(pair), Reverse(messages))
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
async fn folders(
    job: &Job,
    ending: &Ending<'_>,
    lanes: &Lanes,
    (pairs, labels, manners): (Vec<Pair>, Option<&Labels>, &Manners),
) -> Vec<FolderReport> {
    let halt = job.stop.child_token();
    let spot = turn(job.clock.now_unix_ms(), pairs.len()).map(|turn| pairs[turn].row.id);
    let repairs = &repairing::Experience::default();
    let run = &Run { job, findings: &ending.findings, spot, halt: &halt, repairs, manners, labels };
    let order: BTreeMap<FolderId, usize> =
        pairs.iter().enumerate().map(|(index, pair)| (pair.row.id, index)).collect();
    let mut groups = grouped(run, pairs);
    let (earlier, last): (&[Stage], Stage) =
        if labels.is_some() { (&[Stage::Look, Stage::Own], Stage::Rest) } else { (&[], Stage::Own) };
    for stage in earlier {
        sort(&mut groups);
        let work = groups.into_iter().map(|group| together::through(*stage, group, lanes).boxed()).collect();
        groups = side_by_side(job, lanes, work).await;
    }
    sort(&mut groups);
    let work = groups.into_iter().map(|group| together::to_the_end(last, group, lanes).boxed()).collect();
    let mut reports: Vec<(FolderId, FolderReport)> =
        side_by_side(job, lanes, work).await.into_iter().flatten().collect();
    reports.sort_by_key(|(id, _)| order.get(id).copied());
    reports.into_iter().map(|(_, report)| report).collect()
}

/// Folders by where they lead to.
fn grouped<'a>(run: &'a Run<'a>, pairs: Vec<Pair>) -> Vec<Vec<FolderRun<'a>>> {
    let mut groups: Vec<Vec<FolderRun<'_>>> = Vec::new();
    let mut group_of = BTreeMap::new();
    for pair in pairs {
        let group = *group_of.entry(pair.destination.wire.clone()).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[group].push(FolderRun::new(run, pair));
    }
    groups
}

fn sort(groups: &mut [Vec<FolderRun<'_>>]) {
    groups.sort_by_key(|group| group.iter().map(|folder| precedence(&folder.pair)).min());
}

/// Works on as many groups of folders at once as there are lanes.
async fn side_by_side<T>(job: &Job, lanes: &Lanes, work: Vec<BoxFuture<'_, T>>) -> Vec<T> {
    let work = futures_util::stream::iter(work).buffer_unordered(FOLDERS_AT_ONCE_MAX).collect();
    tokio::select! {
        done = work => done,
        never = lanes.tend(&job.progress) => match never {},
    }
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
