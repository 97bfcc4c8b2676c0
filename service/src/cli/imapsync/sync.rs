//! The work itself: sizes before, the engine's run or its forecast, sizes after, and what came of it in imapsync's
//! lines.
//! Never decides which folders are taken: that is done before.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::Zoned;
use malote_engine::event::Event;
use malote_engine::exchange::Survey;
use malote_engine::failure::{Failure, Side};
use malote_engine::report::{Counters, ErrorEntry, FolderReport, Kind, Report};
use malote_engine::run::{self, Job};
use malote_engine::source::Source;

use super::ending::{self, Code, Trouble};
use super::folders::{Taken, shown};
use super::journal::Journal;
use super::machine::Machine;
use super::run::Stop;
use super::search;
use super::sizes::{self, Sizes};
use super::statistics::{self, Facts};
use super::wish::Wish;

/// How often it is looked whether `--exitwhenover` is reached.
const OVER_EVERY: Duration = Duration::from_millis(50);

/// What the work needs besides the job.
pub struct Sync<'a> {
    /// The options.
    pub wish: &'a Wish,
    /// Where lines go.
    pub journal: &'a Journal,
    /// When the process began.
    pub started: &'a Zoned,
    /// The machine at that moment.
    pub machine: &'a Machine,
    /// Host2, for reading alone.
    pub host2: &'a dyn Source,
}

impl Sync<'_> {
    /// Measures, copies or forecasts, measures again and tells it all; gives the errors.
    pub async fn work(
        &self,
        job: &mut Job,
        taken: &[Taken],
        destination: &Survey,
    ) -> Result<Vec<Trouble>, Stop> {
        let wish = self.wish;
        let only_folders = wish.is_on("justfolders");
        let wants_before =
            wish.switch("foldersizes").unwrap_or(!only_folders) || wish.is_on("justfoldersizes");
        if wish.is_on("justfoldersizes") {
            self.measure(job, taken, destination).await?;
            return Err(Stop::Well("Exiting because of --justfoldersizes".to_owned()));
        }
        let before = if wants_before { self.measured(job, taken, destination).await } else { None };
        self.journal.line(&format!("++++ Looping on each one of {} folders to sync", taken.len()));
        let reconnections = self.listen(job, taken);
        let (report, would_copy, is_over) = self.copy(job).await;
        self.journal.line("++++ End looping on each folder");
        let mut troubles = ending::of_report(&report, would_copy.is_some());
        if is_over {
            troubles = over(troubles, &report, wish);
        }
        if report.folders.len() < taken.len() && troubles.is_empty() {
            let (worked, asked) = (report.folders.len(), taken.len());
            let sentence = format!(
                "Host1: {worked} of {asked} folders were worked on, which is a bug: please report it"
            );
            troubles.push(Trouble::new("EX_SOFTWARE", Code::Software, sentence));
        }
        if wish.is_on("subscribeall") && !wish.is_on("dry") {
            troubles.extend(subscribe_all(job, taken).await);
        }
        let wants_after = wish.switch("foldersizesatend").unwrap_or(wants_before || only_folders)
            && !job.stop.is_cancelled();
        let after = if wants_after { self.measured_again(job, taken, &report).await } else { None };
        let facts = Facts {
            started: self.started.clone(),
            ended: Zoned::now(),
            left_out: left_out(wish, &report),
            report: &report,
            folders: taken.len(),
            would_copy,
            errors: troubles.len(),
            reconnections: (
                reconnections[0].load(Ordering::Relaxed),
                reconnections[1].load(Ordering::Relaxed),
            ),
            before: before.as_ref(),
            after: after.as_ref(),
            is_only_folders: only_folders,
            machine: (self.machine.clone(), Machine::look()),
        };
        self.journal.lines(report.warnings.iter().map(|warning| format!("Info: {warning}")));
        let dropped = report.dropped_flags.iter();
        self.journal.lines(dropped.map(|(flag, count)| {
            format!("Info: flag {flag} is not kept on host2: left off {count} messages")
        }));
        self.journal.lines(statistics::lines(&facts));
        Ok(troubles)
    }

    async fn measure(&self, job: &Job, taken: &[Taken], destination: &Survey) -> Result<Sizes, Failure> {
        let began = Instant::now();
        let sizes = sizes::measure(job.source.as_ref(), self.host2, taken, destination).await?;
        // A server may bear few connections, and the run needs them.
        self.host2.close().await;
        self.journal.lines(sizes.lines(taken, began.elapsed().as_secs_f64()));
        Ok(sizes)
    }

    /// The sizes, where they can be had: a folder that cannot be opened is the run's matter, and ends nothing here.
    async fn measured(&self, job: &Job, taken: &[Taken], destination: &Survey) -> Option<Sizes> {
        match self.measure(job, taken, destination).await {
            Ok(sizes) => Some(sizes),
            Err(failure) => {
                let why = failure.full_message();
                self.journal
                    .line(&format!("Failure getting foldersizes, final diff will not be displayed: {why}"));
                None
            }
        }
    }

    /// The sizes at the end, of the folders where mail was really brought to.
    async fn measured_again(&self, job: &Job, taken: &[Taken], report: &Report) -> Option<Sizes> {
        self.journal.line("Folders sizes after the synchronization.");
        let destination = job.destination.survey().await.ok()?;
        let places: BTreeMap<&str, &str> = report
            .folders
            .iter()
            .map(|folder| (folder.source.as_str(), folder.destination.as_str()))
            .collect();
        let really = |one: &Taken| {
            let place = places.get(one.source.path.to_string().as_str()).copied().unwrap_or(&one.place);
            Taken { place: place.to_owned(), ..one.clone() }
        };
        self.measured(job, &taken.iter().map(really).collect::<Vec<_>>(), &destination).await
    }

    /// Prints folders as their turn comes, and counts lost connections.
    fn listen(&self, job: &mut Job, taken: &[Taken]) -> Arc<[AtomicU64; 2]> {
        let lost: Arc<[AtomicU64; 2]> = Arc::default();
        let names: BTreeMap<String, (String, String)> = taken
            .iter()
            .map(|one| (one.source.path.to_string(), (shown(&one.name1), shown(&one.name2))))
            .collect();
        let (counted, journal, total, turn) =
            (Arc::clone(&lost), self.journal.clone(), taken.len(), AtomicU64::new(0));
        job.events = Arc::new(move |event: Event| match event {
            Event::FolderStarted { folder, messages, .. } => {
                let turn = turn.fetch_add(1, Ordering::Relaxed) + 1;
                let (name1, name2) = names.get(&folder).cloned().unwrap_or((folder, String::new()));
                journal.line(&format!("Folder {:>7} {name1:<35} -> {name2:<35}", format!("{turn}/{total}")));
                journal.line(&format!("Host1: folder {name1} has {messages} messages in total"));
            }
            Event::Retrying { side, .. } => {
                let index = usize::from(side == Side::Destination);
                counted[index].fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        });
        lost
    }

    /// Copies, or says what would be copied. True at the end where `--exitwhenover` stopped it.
    async fn copy(&self, job: &Job) -> (Report, Option<u64>, bool) {
        if self.wish.is_on("dry") {
            let forecast = run::plan(job).await;
            let would_copy = forecast.folders.iter().map(|folder| folder.to_copy).sum();
            return (as_report(job, forecast), Some(would_copy), false);
        }
        let most = self
            .wish
            .whole("exitwhenover")
            .and_then(|most| u64::try_from(most).ok())
            .filter(|most| *most > 0);
        let Some(most) = most else { return (run::copy(job).await, None, false) };
        let progress = Arc::clone(&job.progress);
        let stop = job.stop.clone();
        let watch = tokio::spawn(async move {
            while progress.snapshot().bytes_copied < most {
                tokio::time::sleep(OVER_EVERY).await;
            }
            stop.cancel();
        });
        let report = run::copy(job).await;
        watch.abort();
        let is_over = report.totals.bytes_copied >= most;
        (report, None, is_over)
    }
}

/// Messages that sizes left out. Those that dates leave out are none of a run's business, as with imapsync.
fn left_out(wish: &Wish, report: &Report) -> u64 {
    let bounds = search::bounds(wish, 0);
    let is_by_size = bounds.since.is_none() && bounds.before.is_none() && !wish.is_on("justfolders");
    if is_by_size { report.totals.filtered } else { 0 }
}

/// Stopped by `--exitwhenover` is no stop by a signal.
fn over(troubles: Vec<Trouble>, report: &Report, wish: &Wish) -> Vec<Trouble> {
    let most = wish.whole("exitwhenover").unwrap_or_default();
    let copied = report.totals.bytes_copied;
    let sentence = format!("Maximum bytes transferred reached, {copied} >= {most}, ending sync");
    let mut troubles: Vec<Trouble> =
        troubles.into_iter().filter(|trouble| trouble.code != Code::BySignal).collect();
    troubles.push(Trouble::new("ERR_TRANSFER_EXCEEDED", Code::TransferExceeded, sentence));
    troubles
}

/// A forecast in the shape of a report: nothing was copied, and nothing is called good.
fn as_report(job: &Job, forecast: run::Forecast) -> Report {
    let at = job.clock.now_unix_ms();
    let at = jiff::Timestamp::from_millisecond(at).unwrap_or_default().to_string();
    let none = ErrorEntry { side: String::new(), class: String::new(), message: String::new(), kind: None };
    let mut report =
        Report::not_begun(Kind::Copy, &job.identity.source, &job.identity.destination, &at, none);
    report.errors = forecast.errors;
    report.warnings = forecast.warnings;
    for folder in forecast.folders {
        let counters = Counters {
            source_messages: folder.source_messages,
            already: folder.already,
            filtered: folder.filtered,
            quarantined: folder.quarantined,
            pending: folder.to_copy,
            ..Counters::default()
        };
        report.totals.add(&counters);
        let (source, destination) = (folder.source, folder.destination);
        let one = FolderReport { source, destination, counters, ..Default::default() };
        report.folders.push(one);
    }
    report
}

/// `--subscribeall`: every folder that was worked on.
async fn subscribe_all(job: &Job, taken: &[Taken]) -> Vec<Trouble> {
    let survey = match job.destination.survey().await {
        Ok(survey) => survey,
        Err(failure) => return vec![Trouble::of(&ErrorEntry::from(&failure))],
    };
    let mut troubles = Vec::new();
    for folder in survey.folders.iter().filter(|folder| !folder.is_subscribed) {
        let place = folder.path.levels().join("/");
        if taken.iter().any(|one| one.place == place)
            && let Err(failure) = job.destination.subscribe(folder).await
        {
            troubles.push(Trouble::of(&ErrorEntry::from(&failure)));
        }
    }
    troubles
}
