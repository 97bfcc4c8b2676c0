//! Carries a command line of imapsync's out, in the order in which imapsync does, and ends as it does.
//! Never moves mail itself: the engine's ordinary run does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::Zoned;
use malote_engine::event::Event;
use malote_engine::exchange::Survey;
use malote_engine::failure::{Failure, Side};
use malote_engine::policy::Policy;
use malote_engine::report::{ErrorEntry, Kind, Report};
use malote_engine::run::{self, Job};

use super::super::assemble::{self, Assembled, Keeping, Pair, Shared};
use super::super::{signal, state};
use super::account::Account;
use super::ending::{self, Code, Trouble};
use super::folders::{self, Chosen, Taken, Unchosen, shown};
use super::journal::Journal;
use super::machine::Machine;
use super::pid_file::PidFile;
use super::sizes::{self, Sizes};
use super::statistics::{self, Facts};
use super::wish::Wish;
use super::{login, search, work};

/// How often it is looked whether `--exitwhenover` is reached.
const OVER_EVERY: Duration = Duration::from_millis(50);

/// imapsync's own `--errorsmax`, for the closing line alone.
const ERRORS_MAX: i64 = 50;

/// What a run shares with whoever ends it.
struct Course<'a> {
    wish: &'a Wish,
    journal: &'a Journal,
    started: Zoned,
    machine: Machine,
}

/// What ends a run early: well, or with errors.
enum Stop {
    Well(String),
    Badly(Vec<Trouble>),
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        Self::Badly(vec![trouble])
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Trouble::of(&ErrorEntry::from(&failure)).into()
    }
}

/// Runs, says how it ended and gives the exit status.
pub async fn run(wish: &Wish, journal: &Journal) -> Code {
    let course = Course { wish, journal, started: Zoned::now(), machine: Machine::look() };
    journal.line(&format!("Here is malote {} for imapsync 2.229", env!("CARGO_PKG_VERSION")));
    journal.line(&format!("Transfer started at {}", super::journal::moment(&course.started)));
    journal.line(&format!("PID is {}", std::process::id()));
    journal.line(&journal.announcement());
    let pid_file = match PidFile::write(wish, journal) {
        Ok(pid_file) => pid_file,
        Err(sentence) => {
            return close(
                wish,
                journal,
                None,
                vec![Trouble::new("EXIT_PID_FILE_ERROR", Code::PidFile, sentence)],
            );
        }
    };
    match course.whole().await {
        Ok(troubles) => close(wish, journal, pid_file, troubles),
        Err(Stop::Badly(troubles)) => close(wish, journal, pid_file, troubles),
        Err(Stop::Well(sentence)) => {
            journal.line(&sentence);
            close(wish, journal, pid_file, Vec::new())
        }
    }
}

/// The closing lines.
fn close(wish: &Wish, journal: &Journal, pid_file: Option<PidFile>, troubles: Vec<Trouble>) -> Code {
    let most = ending::most_frequent(&troubles);
    if let Some((kind, _)) = most {
        if wish.switch("errorsdump") != Some(false) {
            journal.line(&format!(
                "++++ Listing {} errors encountered during the sync ( avoid this listing with --noerrorsdump ).",
                troubles.len()
            ));
            for (index, trouble) in troubles.iter().enumerate() {
                journal.line(&format!("Err {}/{}: {}", index + 1, troubles.len(), trouble.sentence));
            }
        }
        journal.line(&format!("The most frequent error is {kind}. "));
    }
    let code = most.map_or(Code::Ok, |(_, code)| code);
    let most = wish.whole("errorsmax").filter(|most| *most > 0).unwrap_or(ERRORS_MAX);
    journal.line(&format!(
        "Exiting with return value {} ({}) {}/{most} nb_errors/max_errors PID {}",
        code.number(),
        code.name(),
        troubles.len(),
        std::process::id()
    ));
    drop(pid_file);
    journal.line(&journal.announcement());
    code
}

impl Course<'_> {
    /// Gives the errors of a run that came to its end.
    async fn whole(&self) -> Result<Vec<Trouble>, Stop> {
        if self.wish.is_on("justconnect") {
            return self.just_connect().await;
        }
        let (source, destination) = (self.account(Side::Source)?, self.account(Side::Destination)?);
        let (one, two) = (self.endpoint(&source), self.endpoint(&destination));
        // Both sides are tried, so that both errors are told at once.
        let (one, two) = tokio::join!(one, two);
        let pair = match (one, two) {
            (Ok(one), Ok(two)) => Pair::new(one, two),
            (one, two) => return Err(Stop::Badly(one.err().into_iter().chain(two.err()).collect())),
        };
        if pair.identity.source == pair.identity.destination {
            return Err(Trouble::new("EX_USAGE", Code::Usage, "host1 and host2 are the same mailbox").into());
        }
        let only_looks = ["justlogin", "justfolderlists", "justautomap", "justfoldersizes", "dry"];
        let keeping = if only_looks.iter().any(|name| self.wish.is_on(name)) {
            Keeping::ReadsOnly
        } else {
            Keeping::Writes
        };
        let bounds = search::bounds(self.wish, self.started.timestamp().as_second());
        let arguments = work::arguments(self.wish, bounds);
        let shared = Shared::new(&arguments.pace);
        let interrupted = Arc::new(|| std::process::exit(i32::from(Code::BySignal.number())));
        signal::watch(shared.stop.clone(), interrupted).map_err(|stopped| Trouble::of_stopped(&stopped))?;
        let state = state::default_folder().map(|folder| folder.join(state::file_name(&pair.identity)));
        let state = state.map_err(|stopped| Trouble::of_stopped(&stopped))?;
        let assembled = assemble::assemble(pair, &state, keeping, &arguments, &shared).await;
        let mut assembled = assembled.map_err(|stopped| Trouble::of_stopped(&stopped))?;
        let done = self.with_job(&mut assembled, [&source, &destination]).await;
        assembled.close().await;
        done
    }

    async fn endpoint(&self, account: &Account) -> Result<assemble::Endpoint, Trouble> {
        self.journal.line(&format!(
            "{}: IMAP server [{}] port [{}] user [{}]",
            account.label(),
            account.host,
            account.port.map_or_else(|| "default".to_owned(), |port| port.to_string()),
            account.user
        ));
        login::endpoint(account, self.wish, self.journal).await
    }

    fn account(&self, side: Side) -> Result<Account, Stop> {
        let digit = if side == Side::Destination { 2 } else { 1 };
        let missing = |option: &str| {
            let sentence = format!("--{option}{digit} option is mandatory, for help run imapsync --help");
            Stop::from(Trouble::new("EX_USAGE", Code::Usage, sentence))
        };
        let account = Account::read(self.wish, side).filter(|account| !account.host.is_empty());
        let account = account.ok_or_else(|| missing("host"))?;
        if account.user.is_empty() {
            return Err(missing("user"));
        }
        if self.wish.is_on(&format!("proxyauth{digit}")) && account.admin.is_none() {
            return Err(missing("authuser"));
        }
        Ok(account)
    }

    async fn just_connect(&self) -> Result<Vec<Trouble>, Stop> {
        let mut troubles = Vec::new();
        let sides = [Side::Source, Side::Destination];
        let accounts: Vec<Account> =
            sides.into_iter().filter_map(|side| Account::read(self.wish, side)).collect();
        if accounts.is_empty() {
            return Err(
                Trouble::new("EX_USAGE", Code::Usage, "--host1 or --host2 is needed to connect to").into()
            );
        }
        for account in &accounts {
            let label = account.label();
            self.journal.line(&format!("{label}: connecting on {} [{}]", label.to_lowercase(), account.host));
            match login::greet(account, self.journal).await {
                Ok(greeting) => {
                    self.journal.line(&format!("{label} banner: {}", greeting.words));
                    let names: Vec<&str> = greeting.capabilities.names().collect();
                    self.journal.line(&format!("{label} capability: {}", names.join(" ")));
                }
                Err(trouble) => troubles.push(trouble),
            }
        }
        if troubles.is_empty() {
            let hosts: Vec<&str> = accounts.iter().map(|account| account.host.as_str()).collect();
            return Err(Stop::Well(format!("Exiting after a justconnect on host(s): {}", hosts.join(" "))));
        }
        Err(Stop::Badly(troubles))
    }

    async fn with_job(
        &self,
        assembled: &mut Assembled,
        accounts: [&Account; 2],
    ) -> Result<Vec<Trouble>, Stop> {
        let (source, destination) = self.log_in(&assembled.job, accounts).await?;
        if self.wish.is_on("justlogin") {
            return Err(Stop::Well("Exiting because of --justlogin".to_owned()));
        }
        let rows = assembled.job.ledger.folders().await?;
        let recorded = rows.into_iter().map(|row| (row.key.source_wire, row.key.destination_path)).collect();
        let mut chosen =
            folders::choose(self.wish, &source, &destination, &recorded).map_err(|wrong| match wrong {
                Unchosen::NoSubfolder(name) => {
                    let sentence = format!("subfolder1 {name} does not exist");
                    Trouble::new("EXIT_SUBFOLDER1_NO_EXISTS", Code::NoSubfolder1, sentence)
                }
                Unchosen::Wrong(sentence) => Trouble::new("EX_USAGE", Code::Usage, sentence),
            })?;
        if self.wish.is_on("skipemptyfolders") {
            self.skip_empty(&assembled.job, &mut chosen).await?;
        }
        self.list_folders(&source, &destination, &chosen);
        if let Some(name) = ["justfolderlists", "justautomap"].iter().find(|name| self.wish.is_on(name)) {
            return Err(Stop::Well(format!("Exiting because of --{name}")));
        }
        if chosen.taken.is_empty() {
            // An empty choice must never be taken for all.
            return Err(Trouble::new("ERR_SELECT", Code::Select, "Host1: no folder is left to sync").into());
        }
        choose_in(&mut assembled.job.policy, &chosen.taken);
        self.work(&mut assembled.job, &chosen.taken, &destination).await
    }

    async fn log_in(&self, job: &Job, accounts: [&Account; 2]) -> Result<(Survey, Survey), Stop> {
        let (source, destination) = tokio::join!(job.source.survey(), job.destination.survey());
        let mut troubles = Vec::new();
        for (account, failed) in accounts.iter().zip([source.as_ref().err(), destination.as_ref().err()]) {
            let (label, host, user) = (account.label(), &account.host, &account.user);
            match failed {
                None => {
                    self.journal.line(&format!("{label}: success login on [{host}] with user [{user}]"));
                    self.journal.line(&format!("{label}: state Authenticated"));
                }
                Some(failure) => {
                    let mut trouble = Trouble::of(&ErrorEntry::from(failure));
                    if matches!(trouble.code, Code::AuthenticationUser1 | Code::AuthenticationUser2) {
                        let why = failure.full_message();
                        trouble.sentence =
                            format!("{label} failure: Error login on [{host}] with user [{user}]: {why}");
                    }
                    self.journal.line(&trouble.sentence);
                    troubles.push(trouble);
                }
            }
        }
        match (source, destination) {
            (Ok(source), Ok(destination)) => Ok((source, destination)),
            _ => Err(Stop::Badly(troubles)),
        }
    }

    async fn skip_empty(&self, job: &Job, chosen: &mut Chosen) -> Result<(), Stop> {
        let mut kept = Vec::new();
        for one in chosen.taken.drain(..) {
            let messages = match one.source.status {
                Some(status) => status.messages,
                None => job.source.open(&one.source).await?.status().messages,
            };
            if messages > 0 {
                kept.push(one);
            } else {
                self.journal.line(&format!("Host1: skipping empty host1 folder {}", shown(&one.name1)));
            }
        }
        chosen.taken = kept;
        Ok(())
    }

    fn list_folders(&self, source: &Survey, destination: &Survey, chosen: &Chosen) {
        self.journal.line(&format!("Host1: found {} folders.", source.folders.len()));
        self.journal.line(&format!("Host2: found {} folders.", destination.folders.len()));
        self.journal.lines(chosen.notes.iter().cloned());
        self.journal.line("++++ Listing folders");
        for one in &chosen.taken {
            self.journal.line(&format!("{:<40} -> {:<40}", shown(&one.name1), shown(&one.name2)));
        }
    }

    async fn work(&self, job: &mut Job, taken: &[Taken], destination: &Survey) -> Result<Vec<Trouble>, Stop> {
        let wish = self.wish;
        let only_folders = wish.is_on("justfolders");
        let wants_before =
            wish.switch("foldersizes").unwrap_or(!only_folders) || wish.is_on("justfoldersizes");
        let before = if wants_before { Some(self.measure(job, taken, destination).await?) } else { None };
        if wish.is_on("justfoldersizes") {
            return Err(Stop::Well("Exiting because of --justfoldersizes".to_owned()));
        }
        self.journal.line(&format!("++++ Looping on each one of {} folders to sync", taken.len()));
        let reconnections = self.listen(job, taken);
        let (report, would_copy, is_over) = self.copy(job).await;
        self.journal.line("++++ End looping on each folder");
        let mut troubles = ending::of_report(&report, asked_octets_max(wish), would_copy.is_some());
        if is_over {
            troubles = over(troubles, &report, wish);
        }
        if wish.is_on("subscribeall") && !wish.is_on("dry") {
            troubles.extend(subscribe_all(job, taken).await);
        }
        let wants_after = wish.switch("foldersizesatend").unwrap_or(wants_before || only_folders)
            && !job.stop.is_cancelled();
        let after = if wants_after { self.measure_again(job, taken, &mut troubles).await } else { None };
        let facts = Facts {
            started: self.started.clone(),
            ended: Zoned::now(),
            too_large: too_large(&report, asked_octets_max(wish)),
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
        let sizes = sizes::measure(job, taken, destination).await?;
        self.journal.lines(sizes.lines(taken, began.elapsed().as_secs_f64()));
        Ok(sizes)
    }

    /// The sizes at the end; what fails is one error more, and the statistics come all the same.
    async fn measure_again(&self, job: &Job, taken: &[Taken], troubles: &mut Vec<Trouble>) -> Option<Sizes> {
        self.journal.line("Folders sizes after the synchronization.");
        let measured = match job.destination.survey().await {
            Ok(destination) => self.measure(job, taken, &destination).await,
            Err(failure) => Err(failure),
        };
        measured.map_err(|failure| troubles.push(Trouble::of(&ErrorEntry::from(&failure)))).ok()
    }

    /// Prints folders as their turn comes, and counts lost connections.
    fn listen(&self, job: &mut Job, taken: &[Taken]) -> Arc<[AtomicU64; 2]> {
        let lost: Arc<[AtomicU64; 2]> = Arc::default();
        let names: std::collections::BTreeMap<String, (String, String)> = taken
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

/// The choice as the engine takes it: each folder by its own name, to its own place.
fn choose_in(policy: &mut Policy, taken: &[Taken]) {
    policy.folders = taken.iter().map(|one| folders::pattern_of(&one.source)).collect();
    policy.maps = taken.iter().map(|one| (one.source.path.levels().join("/"), one.place.clone())).collect();
}

/// What the user's own `--maxsize` lets through at most.
fn asked_octets_max(wish: &Wish) -> Option<u64> {
    search::bounds(wish, 0).octets_max
}

fn too_large(report: &Report, octets_max: Option<u64>) -> u64 {
    let is_asked = |size: u64| octets_max.is_some_and(|max| size > max);
    report.quarantine.iter().filter(|entry| entry.reason == "too_large" && is_asked(entry.size)).count()
        as u64
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
        let counters = malote_engine::report::Counters {
            source_messages: folder.source_messages,
            already: folder.already,
            filtered: folder.filtered,
            quarantined: folder.quarantined,
            pending: folder.to_copy,
            ..malote_engine::report::Counters::default()
        };
        report.totals.add(&counters);
        let (source, destination) = (folder.source, folder.destination);
        let one = malote_engine::report::FolderReport { source, destination, counters, ..Default::default() };
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
