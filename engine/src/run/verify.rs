//! Recounts both sides from the servers themselves and holds them against the ledger.
//! Never writes to either side, and never takes the ledger's word for a message that a server does not show.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use malote_plan::failure::{Class, Reach, Retry, Side};
use malote_plan::folder::Folder;
use malote_plan::mapping::FolderPair;
use malote_plan::message::Uid;
use malote_plan::record::{Keys, Record, RepairNote};
use malote_plan::uid_set::UidSet;

use super::context::{FolderRun, Pair, Run, generation};
use super::ending::Ending;
use super::job::Job;
use super::lanes::{Lane, Lanes};
use super::reading::{Ends, ascending};
use super::{
    FOLDERS_AT_ONCE_MAX, census, labels, manners, mapping, quarantining, recognise, repairing, resemble,
    surplus, survey,
};
use crate::event::Event;
use crate::failure::{Failure, Result};
use crate::ledger::FolderRow;
use crate::measured::{Measured, Sample};
use crate::policy::Content;
use crate::report::{FolderReport, Kind, RepairEntry, Report};

/// Messages compared at once.
const COMPARE_WINDOW_MESSAGES: u64 = 200;

/// Octets of UIDs in one sentence at most.
const UIDS_OCTETS_MAX: usize = 300;

/// Recounts both sides from the servers themselves and holds them against the ledger; with `content`, reads
/// messages on both sides and compares them octet by octet.
pub async fn verify(job: &Job, content: Content) -> Report {
    let ending = Ending::begin(job, Kind::Verify);
    match rooms(job, &ending, content).await {
        Ok(folders) => ending.report(folders),
        Err(failures) => ending.failed(&failures),
    }
}

async fn rooms(
    job: &Job,
    ending: &Ending<'_>,
    content: Content,
) -> std::result::Result<Vec<FolderReport>, Vec<Failure>> {
    let surveys = survey::survey(job).await?;
    ending.surveyed(&surveys);
    let one = |failure| vec![failure];
    job.ledger.claim(&job.identity).await.map_err(one)?;
    let rows = job.ledger.folders().await.map_err(one)?;
    let mapping = mapping::lay(job, &surveys, &rows).map_err(one)?;
    ending.tell_mapping(&mapping)?;
    ending.tell_emptiness(&mapping);
    job.progress.folders_listed(mapping.pairs.len() as u64);
    let round_trip = job.source.round_trip().max(job.destination.round_trip());
    let (lanes, halt) = (&Lanes::new(job.policy.connections, round_trip), job.stop.child_token());
    let repairs = &repairing::Experience::default();
    let run = &Run {
        job,
        findings: &ending.findings,
        spot: None,
        halt: &halt,
        repairs,
        manners: &manners(&surveys),
        labels: None,
    };
    let known = &mapping::known(job, &surveys, &rows);
    let work = mapping.pairs.into_iter().map(|pair| async move {
        let row = known.get(&pair.source.wire).copied();
        let report = match (row, pair.existing.clone()) {
            (Some(row), Some(destination)) => {
                let mut lane = lanes.take().await;
                folder(run, row, (pair, destination), content, &mut lane).await
            }
            _ => {
                ending.findings.measure(Measured::default());
                ending.refused_folder(job, &pair).await
            }
        };
        job.progress.folder_done();
        report
    });
    Ok(futures_util::stream::iter(work).buffered(FOLDERS_AT_ONCE_MAX).collect().await)
}

async fn folder(
    run: &Run<'_>,
    row: &FolderRow,
    (pair, destination): (FolderPair, Folder),
    content: Content,
    lane: &mut Lane<'_>,
) -> FolderReport {
    let pair = Pair {
        row: row.clone(),
        is_shared: false,
        source: pair.source,
        destination,
        role: pair.role,
        renamed: pair.renamed.is_some(),
    };
    let mut attempt = 0;
    loop {
        // A recount begins anew each time: what was counted before the line was lost proves nothing.
        let mut folder = FolderRun::new(run, pair.clone());
        let failure = match recount(&mut folder, content).await {
            Ok(measured) => {
                run.findings.measure(measured);
                return folder.report();
            }
            Err(failure) => failure,
        };
        if failure.class == Class::LimitConnections && lane.stand_back().await {
            continue;
        }
        attempt += 1;
        let pause = folder.pause_after(&failure, attempt).filter(|_| !run.halt.is_cancelled());
        let Some(pause) = pause else {
            run.findings.fail(&failure);
            run.findings.measure(Measured::default());
            return folder.report();
        };
        let (side, class) = (failure.side, failure.class.as_str());
        let path = folder.pair.source.path.to_string();
        run.job.events.emit(Event::Retrying { side, folder: path, class, pause_ms: pause });
        if tokio::time::timeout(Duration::from_millis(pause), run.halt.cancelled()).await.is_ok() {
            run.findings.fail(&failure);
            run.findings.cut_short();
            run.findings.measure(Measured::default());
            return folder.report();
        }
    }
}

async fn recount(folder: &mut FolderRun<'_>, content: Content) -> Result<Measured> {
    let mut ends = folder.open().await?;
    let uids = ends.source.uids().await?;
    folder.tally.list(&uids);
    folder.run.job.progress.messages_listed(uids.len());
    let tokens = folder.pair.row.tokens;
    let now = (generation(&ends.source.status()), generation(&ends.destination.status()));
    if (Some(now.0), Some(now.1)) != (tokens.source_uid_validity, tokens.destination_uid_validity) {
        let is_source = Some(now.0) != tokens.source_uid_validity;
        let side = if is_source { Side::Source } else { Side::Destination };
        let message = format!(
            "{}: UIDVALIDITY of the {} changed since the last copy, as where a file was written anew or touched, so \
             that nothing can be told; copy again first, which knows messages again and copies none twice",
            folder.pair.source.path,
            side.as_str()
        );
        return Err(Failure::new(side, Class::IdentityChanged, Reach::Folder, Retry::Never, message));
    }
    let present = ends.destination.uids().await?;
    folder.tally.destination_messages = present.len();
    let (ledger, id) = (&folder.run.job.ledger, folder.pair.row.id);
    let recorded = ledger.recorded(id).await?;
    folder.tally.collapsed = recorded.collapsed.intersection(&uids);
    folder.tally.quarantined = recorded.quarantined.intersection(&uids);
    let sample = sample(&recorded.copied.union(&recorded.adopted).intersection(&uids), content);
    let mut faults = Faults::default();
    for window in recorded.copied.union(&recorded.adopted).intersection(&uids).chunks(1000, usize::MAX) {
        for record in ledger.records(id, &window).await? {
            match record.destination_uid {
                Some(copy) if present.contains(copy) => folder.tally.already.insert(record.source_uid),
                _ => faults.missing.insert(record.source_uid),
            }
        }
    }
    let to_read = sample.intersection(&folder.tally.already);
    for window in to_read.chunks(COMPARE_WINDOW_MESSAGES, usize::MAX) {
        if folder.run.halt.is_cancelled() {
            folder.run.findings.cut_short();
            break;
        }
        compare(folder, &mut ends, &window, &mut faults).await?;
    }
    folder.run.job.progress.messages_done(uids.difference(&to_read).len());
    if !faults.unread.is_empty() {
        faults.unread = faults.unread.intersection(&ends.source.uids().await?);
    }
    let open = uids.difference(&folder.tally.settled()).difference(&faults.missing);
    let open = census::filter(folder, &mut ends, open, false).await?;
    folder.tally.aside = labels::settled_elsewhere(folder, &open).await?;
    quarantining::tell(folder).await?;
    let mut measured = Measured::default();
    if content != Content::None && !folder.run.halt.is_cancelled() {
        measured.sample = Some(faults.sample());
        measured.octets = Some(surplus::octets(folder, &mut ends, &folder.tally.already).await?);
        measured.duplicates = surplus::duplicates(folder, &mut ends, &present).await?;
    }
    faults.tell(folder);
    Ok(measured)
}

/// Which messages are read: none, all, or 50 and the square root of their number, spread evenly.
fn sample(uids: &UidSet, content: Content) -> UidSet {
    match content {
        Content::None => UidSet::new(),
        Content::Full => uids.clone(),
        Content::Sample => {
            // Spread evenly, exactly so many: UIDs grow with time, so that every year has its part.
            let (all, size) = (uids.len(), (50 + uids.len().isqrt()).min(uids.len()));
            let is_chosen = |index: u64| (index + 1) * size / all.max(1) > index * size / all.max(1);
            let numbered = uids.iter().enumerate().filter(|(index, _)| is_chosen(*index as u64));
            numbered.map(|(_, uid)| uid).collect()
        }
    }
}

/// Reads one window on both sides and compares. What the source gives nothing for is proven by nothing.
async fn compare(
    folder: &mut FolderRun<'_>,
    ends: &mut Ends,
    window: &UidSet,
    faults: &mut Faults,
) -> Result<()> {
    let limits = folder.run.job.read_limits();
    let records = folder.run.job.ledger.records(folder.pair.row.id, window).await?;
    let copies = ascending(records.iter().filter_map(|record| record.destination_uid));
    let Ends { source, destination, .. } = ends;
    let mut source = super::reading::Reading::Source(source.as_mut());
    let mut destination = super::reading::Reading::Destination(destination.as_mut());
    let (ours, theirs) =
        tokio::join!(source.portraits(window, &limits), destination.portraits(&copies, &limits));
    let keys = |list: Vec<(malote_plan::matching::Portrait, u64)>| -> BTreeMap<Uid, Keys> {
        list.into_iter().map(|(portrait, _)| (portrait.uid, portrait.keys)).collect()
    };
    let (mut ours, theirs) = (keys(ours?), keys(theirs?));
    let notes = folder.run.job.ledger.repair_notes(folder.pair.row.id).await?;
    let notes: Vec<RepairNote> = notes.into_iter().filter(|note| window.contains(note.source_uid)).collect();
    for note in notes.iter().filter(|note| resemble::is_other_writing(note)) {
        // What says the same in another writing is held against itself, as it was when it was adopted.
        if let Some(keys) = ours.get_mut(&note.source_uid) {
            *keys = note.keys;
        }
    }
    for (uid, keys) in recognise::expected(folder, ends, &notes).await? {
        ours.insert(uid, keys);
    }
    for record in &records {
        faults.judge(record, ours.get(&record.source_uid), |copy| theirs.get(&copy).copied());
    }
    let copy_of = |record: &Record| Some((record.source_uid, *theirs.get(&record.destination_uid?)?));
    let present: BTreeMap<Uid, Keys> = records.iter().filter_map(copy_of).collect();
    // What this ledger copied as it was is altered by whoever altered it: only adopted ones may have been repaired.
    let unread = records.iter().filter(|record| record.keys.content.is_none());
    let unread: UidSet = unread.map(|record| record.source_uid).collect();
    excuse_repaired(folder, ends, &unread.intersection(&faults.altered()), &present, faults).await?;
    folder.run.job.progress.messages_done(window.len());
    folder.tally.already = folder.tally.already.difference(&faults.unreadable);
    Ok(())
}

/// Takes back what was said of messages that are at the destination as a repair leaves them, though no record tells
/// of it: they were adopted by their headers after the ledger was lost.
async fn excuse_repaired(
    folder: &FolderRun<'_>,
    ends: &mut Ends,
    altered: &UidSet,
    present: &BTreeMap<Uid, Keys>,
    faults: &mut Faults,
) -> Result<()> {
    let pictures = recognise::pictures(folder, ends.source(), altered).await?;
    let mut excused = UidSet::new();
    for picture in &pictures {
        let uid = picture.portrait.uid;
        if let Some(changed) = present.get(&uid).and_then(|theirs| picture.changed_into(theirs)) {
            excused.insert(uid);
            faults.repairs.push(picture.entry(folder, changed));
        }
    }
    faults.differing = faults.differing.difference(&excused);
    faults.rewritten = faults.rewritten.difference(&excused);
    Ok(())
}

#[derive(Default)]
struct Faults {
    missing: UidSet,
    unreadable: UidSet,
    /// Those that the source gave nothing for: gone from there, or not to be compared.
    unread: UidSet,
    differing: UidSet,
    rewritten: UidSet,
    /// Those that were read on both sides.
    compared: u64,
    /// Copies that are repaired ones.
    repairs: Vec<RepairEntry>,
}

impl Faults {
    fn judge(&mut self, record: &Record, ours: Option<&Keys>, theirs: impl Fn(Uid) -> Option<Keys>) {
        let Some(ours) = ours else { return self.unread.insert(record.source_uid) };
        match record.destination_uid.and_then(theirs) {
            None => return self.unreadable.insert(record.source_uid),
            Some(theirs) if theirs.content == ours.content => {}
            Some(theirs) if theirs.body.is_some() && theirs.body == ours.body => {
                self.rewritten.insert(record.source_uid)
            }
            Some(_) => self.differing.insert(record.source_uid),
        }
        self.compared += 1;
    }

    /// What the comparison came to. What cannot be read at the destination is not the same there.
    fn sample(&self) -> Sample {
        Sample {
            compared: self.compared + self.unreadable.len(),
            rewritten: self.rewritten.len(),
            different: self.differing.len() + self.unreadable.len(),
        }
    }

    fn altered(&self) -> UidSet {
        self.differing.union(&self.rewritten)
    }

    fn tell(self, folder: &FolderRun<'_>) {
        for entry in self.repairs {
            folder.run.findings.repair(entry);
        }
        let path = &folder.pair.source.path;
        let fail = |class, what: &str, uids: &UidSet| {
            let message = format!("{path}: {} messages {what} (source UID {})", uids.len(), named(uids));
            folder.run.findings.fail(&Failure::new(
                Side::Destination,
                class,
                Reach::Message,
                Retry::Never,
                message,
            ));
        };
        if !self.missing.is_empty() {
            fail(Class::VerifyMissing, "were copied and are not at the destination", &self.missing);
        }
        if !self.unreadable.is_empty() {
            fail(Class::VerifyMissing, "cannot be read at the destination", &self.unreadable);
        }
        if !self.unread.is_empty() {
            fail(
                Class::ItemUnreadable,
                "cannot be read at the source, so nothing was compared",
                &self.unread,
            );
        }
        if !self.differing.is_empty() {
            fail(Class::VerifyDiffers, "have another text at the destination", &self.differing);
        }
        if !self.rewritten.is_empty() {
            let (count, names) = (self.rewritten.len(), named(&self.rewritten));
            folder.run.findings.warn(format!(
                "{path}: {count} messages have the same text and a header that the destination rewrote \
                 (source UID {names})"
            ));
        }
    }
}

/// UIDs for reading, as many as a sentence bears.
fn named(uids: &UidSet) -> String {
    let mut names = uids.to_string();
    if names.len() > UIDS_OCTETS_MAX {
        names.truncate(UIDS_OCTETS_MAX);
        names.push('…');
    }
    names
}
