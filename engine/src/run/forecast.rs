//! Says what a copy would do.
//! Never writes: no folder, no message, no record.

use std::collections::{BTreeMap, BTreeSet};

use malote_plan::failure::Side;
use malote_plan::labels::{LabelPolicy, Origin, precedence};
use malote_plan::matching::Outline;
use malote_plan::record::State;
use malote_plan::uid_set::UidSet;

use super::context::generation;
use super::job::{AllowanceForecast, FolderForecast, Forecast, Job, LeftOutFolder};
use super::labels::shows_all as is_all;
use super::reading::{Reading, unix_seconds};
use super::survey::survey;
use super::{ending::Ending, mapping, rebase};
use crate::allowance;
use crate::failure::{Failure, Result};
use crate::ledger::{FolderRow, Recorded};
use crate::report::{Counters, ErrorEntry, Kind};
use crate::source::{Labelled, OpenSource};

/// Messages whose metadata is held at once.
const STUB_WINDOW_MESSAGES: u64 = 2000;

/// Numbers of messages that are remembered; beyond that a forecast tells more to read than there is.
const ORIGINS_MAX: usize = 2_000_000;

/// Says what [`super::copy`] would do and writes nothing anywhere, neither on a server nor in the ledger.
pub async fn plan(job: &Job) -> Forecast {
    let ending = Ending::begin(job, Kind::Copy);
    let mut forecast = Forecast {
        schema: "malote.plan/1".to_owned(),
        folders: Vec::new(),
        left_out: Vec::new(),
        allowances: Vec::new(),
        clashes: Vec::new(),
        warnings: Vec::new(),
        errors: Vec::new(),
        store: None,
    };
    if let Err(failures) = fill(job, &ending, &mut forecast).await {
        failures.iter().for_each(|failure| ending.findings.fail(failure));
    }
    let octets = forecast.folders.iter().map(|folder| folder.to_copy_bytes).sum();
    let sides = [(Side::Source, job.source.daily()), (Side::Destination, job.destination.daily())];
    forecast.allowances = sides
        .into_iter()
        .filter_map(|(side, daily)| Some((side, daily?)))
        .map(|(side, daily)| AllowanceForecast {
            side: side.as_str().to_owned(),
            bytes_per_day: daily.octets_per_day,
            bytes_left: daily.octets_left,
            days: allowance::days(octets, daily.octets_per_day, daily.octets_left),
        })
        .collect();
    ending.tell_damage();
    forecast.store = job.source.sums().map(|store| store.settled(&expected(&forecast.folders)));
    if forecast.store.is_some() {
        job.source.remarks().into_iter().for_each(|remark| ending.findings.warn(remark));
    }
    let found = ending.findings.take();
    forecast.warnings = found.warnings;
    forecast.errors = found.errors;
    forecast
}

/// The counters of a run that does what is planned.
fn expected(folders: &[FolderForecast]) -> Counters {
    let mut totals = Counters::default();
    for folder in folders {
        totals.source_messages += folder.source_messages;
        totals.copied += folder.to_copy;
        totals.already += folder.already;
        totals.filtered += folder.filtered;
        totals.quarantined += folder.quarantined;
    }
    let settled = totals.copied + totals.already + totals.filtered + totals.quarantined;
    totals.pending = totals.source_messages.saturating_sub(settled);
    totals
}

async fn fill(
    job: &Job,
    ending: &Ending<'_>,
    forecast: &mut Forecast,
) -> std::result::Result<(), Vec<Failure>> {
    let surveys = survey(job).await?;
    ending.surveyed(&surveys);
    let rows = job.ledger.folders().await.map_err(|failure| vec![failure])?;
    let laid = mapping::lay(job, &surveys, &rows).map_err(|failure| vec![failure])?;
    laid.warnings.iter().for_each(|warning| ending.findings.warn(warning.to_string()));
    forecast.clashes = laid.clashes.iter().map(ToString::to_string).collect();
    for left_out in &laid.left_out {
        let (folder, reason) = (left_out.folder.to_string(), left_out.reason.to_string());
        forecast.left_out.push(LeftOutFolder { folder, reason });
    }
    let limits = [job.policy.octets_max, surveys.destination.promises.append_octets_max];
    let octets_max = limits.into_iter().flatten().min();
    let mut labels = surveys.source.promises.labels.then(LabelsSeen::default);
    let mut order: Vec<(u8, usize)> = (laid.pairs.iter().enumerate())
        .map(|(index, pair)| (precedence(pair.role, is_all(&pair.source)), index))
        .collect();
    if labels.is_some() {
        order.sort_unstable();
    }
    let known = mapping::known(job, &surveys, &rows);
    let mut folders = BTreeMap::new();
    for (_, index) in order {
        let pair = &laid.pairs[index];
        let row = known.get(&pair.source.wire).copied();
        let mut folder = FolderForecast {
            source: pair.source.path.to_string(),
            destination: pair.destination.to_string(),
            role: pair.role.map(|role| role.as_str().to_owned()),
            renamed: pair.renamed.is_some(),
            note: mapping::note(pair),
            create: pair.existing.is_none(),
            ..FolderForecast::default()
        };
        if let Some(existing) = &pair.existing {
            folder.may_adopt = row.is_none() && existing.status.is_none_or(|status| status.messages > 0);
        }
        match look((job, ending), &pair.source, (row, octets_max), &mut folder, labels.as_mut()).await {
            Ok(()) => {}
            Err(failure) => ending.findings.fail(&failure),
        }
        folders.insert(index, folder);
    }
    forecast.folders.extend(folders.into_values());
    Ok(())
}

/// What the ledger knows of messages that are listed under other UIDs, by their headers alone: a copy reads them.
async fn known_again(
    job: &Job,
    row: &FolderRow,
    open: &mut dyn OpenSource,
    uids: &UidSet,
) -> Result<Recorded> {
    let key = |outline: &Outline| (outline.strong, outline.loose);
    let mut records: BTreeMap<_, Vec<State>> = BTreeMap::new();
    let all = job.ledger.recorded(row.id).await?.all();
    for window in all.chunks(STUB_WINDOW_MESSAGES, usize::MAX) {
        for record in job.ledger.records(row.id, &window).await? {
            records.entry(key(&rebase::outline(&record))).or_default().push(record.state);
        }
    }
    let mut known = Recorded::default();
    for outline in Reading::Source(open).outlines(uids).await? {
        if let Some(state) = records.get_mut(&key(&outline)).and_then(Vec::pop) {
            known.add(outline.uid, state, true);
        }
    }
    Ok(known)
}

/// Counts one source folder against the ledger and the filters.
async fn look(
    (job, ending): (&Job, &Ending<'_>),
    source: &malote_plan::folder::Folder,
    (row, octets_max): (Option<&FolderRow>, Option<u64>),
    folder: &mut FolderForecast,
    mut labels: Option<&mut LabelsSeen>,
) -> Result<()> {
    let mut open = job.source.open(source).await?;
    let uids = open.uids().await?;
    let now = Some(generation(&open.status()));
    let recorded = match row {
        Some(row) if row.tokens.source_uid_validity == now => job.ledger.recorded(row.id).await?,
        Some(row) if row.tokens.source_uid_validity.is_some() => {
            ending.findings.warn(format!(
                "{}: its messages have other UIDs than when they were copied, as where a file was written anew or \
                 touched; which were copied is told by their headers here, and by all of them in a copy",
                source.path
            ));
            known_again(job, row, open.as_mut(), &uids).await?
        }
        _ => Recorded::default(),
    };
    let count = |set: &UidSet| set.intersection(&uids).len();
    folder.source_messages = uids.len();
    folder.already = count(&recorded.copied.union(&recorded.adopted).union(&recorded.collapsed));
    folder.quarantined = count(&recorded.quarantined);
    let policy = &job.policy;
    if let Some(labels) = &mut labels {
        // What has a record stands for its other labels too.
        for window in uids.intersection(&recorded.all()).chunks(STUB_WINDOW_MESSAGES, usize::MAX) {
            labels.see(&open.labelled(&window).await?);
        }
    }
    let open_uids = uids.difference(&recorded.all());
    let left_out = open.left_out().intersection(&open_uids);
    open.pass_over(&left_out);
    folder.filtered += left_out.len();
    for window in open_uids.difference(&left_out).chunks(STUB_WINDOW_MESSAGES, usize::MAX) {
        let known = match &mut labels {
            Some(labels) => labels.see(&open.labelled(&window).await?),
            None => UidSet::new(),
        };
        for stub in open.stubs(&window).await? {
            let is_elsewhere = known.contains(stub.uid);
            if policy.leaves_out(unix_seconds(&stub), stub.octets_claimed) {
                folder.filtered += 1;
            } else if octets_max.is_some_and(|max| stub.octets_claimed > max) {
                folder.quarantined += 1;
            } else if is_elsewhere {
                folder.elsewhere += 1;
                folder.to_copy += u64::from(policy.labels == LabelPolicy::Folders && !is_all(source));
            } else {
                folder.to_copy += 1;
                folder.to_copy_bytes += stub.octets_claimed;
            }
        }
    }
    Ok(())
}

/// The numbers of messages that folders have shown so far, where folders are labels.
#[derive(Default)]
struct LabelsSeen {
    origins: BTreeSet<Origin>,
}

impl LabelsSeen {
    /// Takes note of messages, and returns those that another folder showed before.
    fn see(&mut self, labelled: &[Labelled]) -> UidSet {
        let known: UidSet =
            labelled.iter().filter(|one| self.origins.contains(&one.origin)).map(|one| one.uid).collect();
        let room = ORIGINS_MAX.saturating_sub(self.origins.len());
        self.origins.extend(labelled.iter().map(|one| one.origin).take(room));
        known
    }
}

impl Forecast {
    /// The first error, or nothing: what decides about the exit status.
    #[must_use]
    pub fn first_error(&self) -> Option<&ErrorEntry> {
        self.errors.first()
    }
}
