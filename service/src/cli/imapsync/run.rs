//! Carries a command line of imapsync's out, in the order in which imapsync does, and ends as it does.
//! Never moves mail itself: the engine's ordinary run does.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Zoned;
use malote_engine::exchange::Survey;
use malote_engine::failure::{Failure, Side};
use malote_engine::plan::folder::{Folder, NamespaceKind};
use malote_engine::policy::Policy;
use malote_engine::report::ErrorEntry;
use malote_engine::run::Job;
use malote_engine::source::Source;

use super::super::assemble::{self, Assembled, Keeping, Pair, Shared};
use super::super::{signal, state};
use super::account::Account;
use super::ending::{self, Code, Trouble};
use super::folders::{self, Chosen, Taken, Unchosen, shown};
use super::journal::Journal;
use super::machine::Machine;
use super::pid_file::PidFile;
use super::sync::Sync;
use super::wish::Wish;
use super::{login, search, work};

/// imapsync's own `--errorsmax`, for the closing line alone.
const ERRORS_MAX: i64 = 50;

/// What a run shares with whoever ends it.
struct Course<'a> {
    wish: &'a Wish,
    journal: &'a Journal,
    started: Zoned,
    machine: Machine,
}

/// What ends a run early.
pub enum Stop {
    /// Well: what was asked for is done.
    Well(String),
    /// With errors.
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
        let (pair, host2) = match (one, two) {
            (Ok(one), Ok(two)) => (Pair::new(one, two.clone()), two),
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
        let state = state.map_err(|_| {
            let sentence = "no place for the ledger: neither HOME nor XDG_STATE_HOME is set";
            Trouble::new("EX_USAGE", Code::Usage, sentence)
        })?;
        let host2 = assemble::reader(host2);
        let assembled = assemble::assemble(pair, &state, keeping, &arguments, &shared).await;
        let mut assembled = assembled.map_err(|stopped| Trouble::of_stopped(&stopped))?;
        let done = self.with_job(&mut assembled, [&source, &destination], host2.as_ref()).await;
        tokio::join!(assembled.close(), host2.close());
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
        host2: &dyn Source,
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
        choose_in(&mut assembled.job.policy, &source.folders, &chosen.taken);
        let sync = Sync {
            wish: self.wish,
            journal: self.journal,
            started: &self.started,
            machine: &self.machine,
            host2,
        };
        sync.work(&mut assembled.job, &chosen.taken, &destination).await
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
}

/// The choice as the engine takes it: each folder by its own name, to its own place. Where most are taken, the others
/// are named instead: every pattern is held against every folder.
fn choose_in(policy: &mut Policy, all: &[Folder], taken: &[Taken]) {
    let names: BTreeSet<String> = taken.iter().map(|one| one.source.path.levels().join("/")).collect();
    let is_left = |folder: &&Folder| {
        let is_own = folder.namespace == NamespaceKind::Personal && folder.is_selectable;
        is_own && !names.contains(&folder.path.levels().join("/"))
    };
    let left: Vec<&Folder> = all.iter().filter(is_left).collect();
    if left.len() < taken.len() {
        policy.excludes = left.into_iter().map(folders::pattern_of).collect();
    } else {
        policy.folders = taken.iter().map(|one| folders::pattern_of(&one.source)).collect();
    }
    policy.maps = taken.iter().map(|one| (one.source.path.levels().join("/"), one.place.clone())).collect();
}
