//! Runs one case: everybody in turn, round after round, so that a drifting machine drifts for all.
//! Never keeps the time of somebody who lost a message.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use acceptance::servers::{Dovecot, DovecotOptions, DovecotUser};
use acceptance::tls::TestCa;
use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::case::{Case, Field};
use crate::corpus::Writer;
use crate::fill;
use crate::line::{Clock, Line, Quality, Traffic};
use crate::processes::tree_cpu_s;
use crate::result::{self, CaseResult, Passed, Phase, Row, Sample, Table};
use crate::rivals::{PART_USER, PASSWORD, Pair, Ports, Rival, SOURCE_USER};

/// Second runs and changes, for each who takes part.
const LATER_ROUNDS: usize = 3;
const CA_FILE: &str = "ca.pem";

/// Both servers of a case, and the folder where rivals keep what they remember.
pub struct Ground {
    source: Dovecot,
    destination: Dovecot,
    state: TempDir,
    lines: Option<Lines>,
}

/// The lines of a case, the same for all its runs: a ledger knows its servers by their ports.
struct Lines {
    source: Line,
    destination: Line,
    clock: Arc<Clock>,
}

/// One who takes part.
struct Entrant {
    rival: Rival,
    from_user: &'static str,
    messages: usize,
    octets: u64,
    /// What part of the whole account its account is.
    part: f64,
    /// The account and folder of its last complete copy.
    last: Option<(String, PathBuf)>,
    has_failed: bool,
}

impl Ground {
    /// Starts both servers; `states` is a folder on a real disk, since ledgers wait for it.
    pub fn new(source_users: &[String], users: &[String], has_tls: bool, states: &Path) -> Result<Self> {
        let start = |names: &[String]| {
            let users = names.iter().map(|name| DovecotUser::new(name, PASSWORD)).collect();
            let options =
                DovecotOptions { users, user_sessions_max: 100, tls: has_tls, ..DovecotOptions::default() };
            Dovecot::start(options)
        };
        let (source, destination) = (start(source_users)?, start(users)?);
        let state = tempfile::Builder::new().prefix("state-").tempdir_in(states)?;
        let trusted: String =
            [&source, &destination].into_iter().filter_map(Dovecot::ca).map(TestCa::pem).collect();
        fs::write(state.path().join(CA_FILE), trusted)?;
        Ok(Self { source, destination, state, lines: None })
    }

    /// Puts a line before each server.
    fn behind(self, quality: Quality) -> Result<Self> {
        if quality == Quality::NONE {
            return Ok(self);
        }
        let clock = Arc::new(Clock::default());
        let line = |server: &Dovecot| Line::start(server.port(), quality, Arc::clone(&clock));
        let (source, destination) = (line(&self.source)?, line(&self.destination)?);
        Ok(Self { lines: Some(Lines { source, destination, clock }), ..self })
    }

    /// The source's port, without a line.
    pub fn source_port(&self) -> u16 {
        self.source.port()
    }

    /// The destination's port, without a line.
    pub fn destination_port(&self) -> u16 {
        self.destination.port()
    }

    /// A folder for what one copy remembers.
    pub fn state_of(&self, user: &str) -> Result<PathBuf> {
        let folder = self.state.path().join(user);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Seconds of processor that both servers have used so far.
    pub fn servers_cpu_s(&self) -> Result<f64> {
        let pids = [self.source.pid(), self.destination.pid()];
        pids.into_iter().map(|pid| tree_cpu_s(pid.context("a server has ended")?)).sum()
    }

    fn pair(&self, entrant: &Entrant, user: &str) -> Result<Pair> {
        let mail = self.destination.mail_root();
        let ports = match &self.lines {
            Some(lines) => [lines.source.port(), lines.destination.port()],
            None => [self.source.port(), self.destination.port()],
        };
        Ok(Pair {
            from: Ports { plain: ports[0], tls: self.source.tls_port() },
            from_user: entrant.from_user,
            to: Ports { plain: ports[1], tls: self.destination.tls_port() },
            user: user.to_owned(),
            state: self.state_of(user)?,
            dovecot_conf: mail.parent().context("mail lies below the server's folder")?.join("dovecot.conf"),
            ca_file: self.state.path().join(CA_FILE),
        })
    }

    /// One run, and what both servers and both lines saw of it.
    fn sample(&self, entrant: &Entrant, user: &str) -> Result<Sample> {
        let pair = self.pair(entrant, user)?;
        let traffic_before = self.lines.as_ref().map(Lines::restart);
        let servers_before_s = self.servers_cpu_s()?;
        let figures = entrant.rival.run(&pair)?;
        let servers_cpu_s = self.servers_cpu_s()? - servers_before_s;
        let lines = self.lines.as_ref().zip(traffic_before).map(|(lines, before)| Passed {
            source: lines.source.traffic().since(before[0]),
            destination: lines.destination.traffic().since(before[1]),
            round_trips: lines.clock.round_trips(),
        });
        let (wall_s, cpu_s, peak_kib) = (figures.wall_s, figures.cpu_s, figures.peak_kib);
        Ok(Sample { wall_s, cpu_s, servers_cpu_s, peak_kib, lines })
    }

    fn forget(&self, user: &str) -> Result<()> {
        for folder in [self.destination.mail_root().join(user), self.state.path().join(user)] {
            if folder.exists() {
                fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
            }
        }
        Ok(())
    }
}

impl Lines {
    /// Begins to count for another run; what passed before it.
    fn restart(&self) -> [Traffic; 2] {
        self.clock.restart();
        [self.source.traffic(), self.destination.traffic()]
    }
}

/// Runs a case from servers to figures.
pub fn run(case: &Case, rivals: &[Rival], states: &Path) -> Result<CaseResult> {
    let rivals = field(case, rivals);
    let name = |rival: &Rival, round: usize| format!("{}-{round}", rival.name());
    let users: Vec<String> =
        (0..=case.rounds).flat_map(|round| rivals.iter().map(move |rival| name(rival, round))).collect();
    let sources = [SOURCE_USER, PART_USER].map(str::to_owned);
    let ground = Ground::new(&sources, &users, case.field == Field::Tls, states)?.behind(case.line)?;
    let mut entrants = entrants(case, &rivals, &ground)?;
    let mut tables = vec![first_copies(case, &mut entrants, &ground, name)?];
    if case.has_later_runs {
        entrants.retain(|entrant| entrant.rival.is_repeatable());
        tables.push(second_runs(case, &mut entrants, &ground));
        tables.push(deltas(case, &mut entrants, &ground)?);
    }
    result::settle(&mut tables, case.line);
    Ok(CaseResult { name: case.name, title: case.title(), line: case.line, tables })
}

fn field(case: &Case, rivals: &[Rival]) -> Vec<Rival> {
    match case.field {
        Field::Everybody => {
            let takes_part = |rival: &&Rival| case.part > 0 || !rival.waits_for_each_message();
            rivals.iter().filter(takes_part).cloned().collect()
        }
        Field::Tls => {
            let ours = rivals.iter().filter_map(|rival| match rival {
                Rival::Malote(program) => Some([rival.clone(), Rival::MaloteTls(program.clone())]),
                _ => None,
            });
            ours.flatten().collect()
        }
    }
}

/// Fills the source's accounts and says who copies which of them.
fn entrants(case: &Case, rivals: &[Rival], ground: &Ground) -> Result<Vec<Entrant>> {
    let port = ground.source_port();
    let has_part = case.part < case.messages && rivals.iter().any(Rival::waits_for_each_message);
    let octets = fill::fill(port, SOURCE_USER, &mut Writer::new(case.shape, 1), case.messages)?;
    let part_octets =
        if has_part { fill::fill(port, PART_USER, &mut Writer::new(case.shape, 1), case.part)? } else { 0 };
    let entrant = |rival: &Rival| {
        let is_part = has_part && rival.waits_for_each_message();
        Entrant {
            rival: rival.clone(),
            from_user: if is_part { PART_USER } else { SOURCE_USER },
            messages: if is_part { case.part } else { case.messages },
            octets: if is_part { part_octets } else { octets },
            part: if is_part { case.part as f64 / case.messages as f64 } else { 1.0 },
            last: None,
            has_failed: false,
        }
    };
    Ok(rivals.iter().map(entrant).collect())
}

/// Each round copies into new accounts; those of the round before are removed. The round 0 warms caches on both
/// sides and is not counted, except for those who are too slow to be asked twice. Over a line there is none: what
/// caches save is little beside the waiting.
fn first_copies(
    case: &Case,
    entrants: &mut [Entrant],
    ground: &Ground,
    name: impl Fn(&Rival, usize) -> String,
) -> Result<Table> {
    let mut rows = rows(entrants);
    let first = u8::from(case.line != Quality::NONE).into();
    for round in first..=case.rounds {
        for (entrant, row) in entrants.iter_mut().zip(&mut rows) {
            if entrant.has_failed || is_too_slow(case, row) {
                continue;
            }
            let user = name(&entrant.rival, round);
            eprintln!("{}: first copy {round}: {}", case.name, entrant.rival.name());
            let sample = ground.sample(entrant, &user).and_then(|sample| {
                check(ground.destination_port(), &user, &[entrant.messages])?;
                Ok(sample)
            });
            let is_counted = round > 0;
            if !note(entrant, row, sample) {
                continue;
            }
            if !is_counted && !is_too_slow(case, row) {
                row.samples.clear();
            }
            let state = ground.state_of(&user)?;
            if let Some((before, _)) = entrant.last.replace((user, state)) {
                ground.forget(&before)?;
            }
        }
    }
    Ok(Table { phase: Phase::FirstCopy, rows })
}

fn second_runs(case: &Case, entrants: &mut [Entrant], ground: &Ground) -> Table {
    let mut rows = rows(entrants);
    for round in 0..LATER_ROUNDS {
        for (entrant, row) in entrants.iter_mut().zip(&mut rows) {
            let Some((user, _)) = entrant.last.clone() else { continue };
            if entrant.has_failed || is_too_slow(case, row) {
                continue;
            }
            eprintln!("{}: second run {round}: {}", case.name, entrant.rival.name());
            let sample = ground.sample(entrant, &user).and_then(|sample| {
                check(ground.destination_port(), &user, &[entrant.messages])?;
                Ok(sample)
            });
            note(entrant, row, sample);
        }
    }
    Table { phase: Phase::SecondRun, rows }
}

/// The source changes once a round, for all; who keeps expunged messages at the destination and who removes them
/// are both right.
fn deltas(case: &Case, entrants: &mut [Entrant], ground: &Ground) -> Result<Table> {
    let mut rows = rows(entrants);
    let (mut added, mut expunged) = (vec![0; entrants.len()], vec![0; entrants.len()]);
    for round in 0..LATER_ROUNDS {
        let mut changed: Vec<(&str, fill::Change)> = Vec::new();
        for (index, (entrant, row)) in entrants.iter_mut().zip(&mut rows).enumerate() {
            let account = entrant.from_user;
            let change = match changed.iter().find(|(name, _)| *name == account) {
                Some((_, change)) => *change,
                None => {
                    let port = ground.source_port();
                    let change = fill::change(port, account, case.shape, entrant.messages, round)?;
                    changed.push((account, change));
                    change
                }
            };
            added[index] += change.added;
            expunged[index] += change.expunged;
            let Some((user, _)) = entrant.last.clone() else { continue };
            if entrant.has_failed || is_too_slow(case, row) {
                continue;
            }
            eprintln!("{}: delta {round}: {}", case.name, entrant.rival.name());
            let most = entrant.messages + added[index];
            let sample = ground.sample(entrant, &user).and_then(|sample| {
                check(ground.destination_port(), &user, &[most, most - expunged[index]])?;
                Ok(sample)
            });
            note(entrant, row, sample);
        }
    }
    Ok(Table { phase: Phase::Delta, rows })
}

fn rows(entrants: &[Entrant]) -> Vec<Row> {
    entrants
        .iter()
        .map(|entrant| Row::new(entrant.rival.name(), entrant.messages, entrant.octets, entrant.part))
        .collect()
}

fn is_too_slow(case: &Case, row: &Row) -> bool {
    row.samples.last().is_some_and(|sample| sample.wall_s > case.patience_s)
}

/// Keeps a sample, or why there is none; who failed once takes no further part.
fn note(entrant: &mut Entrant, row: &mut Row, sample: Result<Sample>) -> bool {
    match sample {
        Ok(sample) => {
            row.samples.push(sample);
            true
        }
        Err(cause) => {
            eprintln!("{}: {cause:#}", entrant.rival.name());
            row.samples.clear();
            row.failure = Some(format!("{cause:#}"));
            entrant.has_failed = true;
            false
        }
    }
}

/// A rival that loses messages has no time.
pub fn check(port: u16, user: &str, right: &[usize]) -> Result<()> {
    let found = fill::count(port, user)?;
    ensure!(right.contains(&found), "{found} messages arrived instead of {right:?}");
    Ok(())
}
