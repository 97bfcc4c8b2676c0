//! `kill -9` on a real process, at hundreds of random moments, between two real servers.
//! Every round ends with each message at the destination exactly as often as at the source.

use std::path::{Path, PathBuf};
use std::process::{Command as Build, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use acceptance::mail::{Chance, Mail, Postman};
use acceptance::migration::PASSWORD;
use acceptance::office::{Writing, contents, differences, move_in, sorted};
use acceptance::program::build;
use acceptance::reader::{Fingerprint, Reader};
use acceptance::servers::{Dovecot, DovecotOptions, DovecotUser};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::timeout;

const KILLS: usize = 200;
const SEED: u64 = 20_261_121;
/// Rounds at once: they sleep more than they work, for after a kill the destination has to fall quiet.
const WORKERS: usize = 6;
const MESSAGES: usize = 120;
const LARGE_OCTETS: usize = 1_500_000;
const KILLS_IN_A_ROUND_MAX: usize = 3;
const RUN_MAX: Duration = Duration::from_secs(60);

/// The program that is killed: Malote itself, or the engine's example while Malote has no `copy`.
#[derive(Clone, Debug)]
enum Program {
    Malote(PathBuf),
    Example(PathBuf),
}

impl Program {
    /// What `MALOTE_PROGRAM` says: `example`, or the path of a binary; without it `malote`, where it has `copy`.
    fn choose() -> Result<Self> {
        let wish = std::env::var("MALOTE_PROGRAM").ok();
        if let Some(path) = wish.as_ref().filter(|wish| *wish != "example") {
            return Ok(Self::Malote(path.into()));
        }
        let built = build()?;
        let malote = built.join("malote");
        let help = Build::new(&malote).args(["copy", "--help"]).output()?;
        let has_copy = help.status.success() && String::from_utf8_lossy(&help.stdout).contains("--state");
        Ok(if wish.is_none() && has_copy {
            Self::Malote(malote)
        } else {
            Self::Example(built.join("examples/copy"))
        })
    }

    /// A copy that prints its report as JSON; the one place that knows either command line.
    fn copy(&self, from: &str, to: &str, state: &Path) -> Command {
        let mut command = match self {
            Self::Malote(program) => {
                let mut command = Command::new(program);
                command.args(["copy", "--json", "--quiet", "--from", from, "--to", to, "--state"]);
                command.arg(state).arg("--quarantine").arg(state.with_extension("quarantine"));
                command
            }
            Self::Example(program) => {
                let mut command = Command::new(program);
                command.args([from, to]).arg(state);
                command
            }
        };
        command.env("MALOTE_FROM_PASSWORD", PASSWORD).env("MALOTE_TO_PASSWORD", PASSWORD);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }
}

/// Two servers and what the source holds; every round has a destination account of its own.
struct Ground {
    program: Program,
    source: Dovecot,
    destination: Dovecot,
    expected: Vec<Fingerprint>,
    seed: u64,
    rounds: AtomicUsize,
    kills: AtomicUsize,
}

#[derive(Debug, Default)]
struct Deaths {
    /// How long each killed process had lived.
    after: Vec<Duration>,
    /// Rounds whose last run found only a part left to do.
    halfway: usize,
    /// Messages that the last runs found at the destination without a record.
    adopted: u64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_kills_lose_nothing_and_double_nothing() -> Result<()> {
    let seed = std::env::var("MALOTE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    eprintln!("MALOTE_SEED={seed}");
    let ground = Arc::new(Ground::lay(seed).await?);
    eprintln!("{:?}, {} messages", ground.program, ground.expected.len());
    let (began, first) = (Instant::now(), ground.undisturbed().await?);
    eprintln!("a run that nobody kills takes {first:?}");
    let workers = (0..WORKERS).map(|worker| {
        let ground = Arc::clone(&ground);
        tokio::spawn(async move { ground.work(worker, first).await })
    });
    let mut deaths = Deaths::default();
    for worker in workers.collect::<Vec<_>>() {
        let done = worker.await??;
        deaths.after.extend(done.after);
        deaths.halfway += done.halfway;
        deaths.adopted += done.adopted;
    }
    deaths.after.sort();
    let middle = deaths.after[deaths.after.len() / 2];
    eprintln!(
        "{} kills in {} rounds took {:?}; a run takes {first:?}; half of the killed lived {middle:?}; \
         {} rounds were halfway at the last kill; {} messages were there without a record",
        deaths.after.len(),
        ground.rounds.load(Ordering::SeqCst),
        began.elapsed(),
        deaths.halfway,
        deaths.adopted,
    );
    assert!(deaths.after.len() >= KILLS);
    assert!(deaths.halfway >= KILLS / 20, "the kills came too early or too late to prove anything");
    let mut reader = Reader::login(ground.source.port(), "ana", PASSWORD).await?;
    assert_eq!(contents(&mut reader, Writing::PLAIN).await?, ground.expected, "the source was touched");
    Ok(())
}

impl Ground {
    async fn lay(seed: u64) -> Result<Self> {
        let program = Program::choose()?;
        let users = |count: usize| (0..count).map(|at| DovecotUser::new(&user(at), PASSWORD)).collect();
        let ana = vec![DovecotUser::new("ana", PASSWORD)];
        let source = Dovecot::start(DovecotOptions { users: ana, ..DovecotOptions::default() })?;
        let options = DovecotOptions { users: users(2 * KILLS), ..DovecotOptions::default() };
        let destination = Dovecot::start(options)?;
        let mut reader = Reader::login(source.port(), "ana", PASSWORD).await?;
        let refused = move_in(&mut reader, Writing::PLAIN, &sorted(mails(seed))).await?;
        assert_eq!(refused, Vec::<String>::new());
        let expected = contents(&mut reader, Writing::PLAIN).await?;
        let (rounds, kills) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Ok(Self { program, source, destination, expected, seed, rounds, kills })
    }

    /// How long a whole copy takes while nobody kills.
    async fn undisturbed(&self) -> Result<Duration> {
        let round = Round::begin(self)?;
        let began = Instant::now();
        round.run_to_the_end().await?;
        let elapsed = began.elapsed();
        round.is_exact().await?;
        Ok(elapsed)
    }

    async fn work(&self, worker: usize, first: Duration) -> Result<Deaths> {
        let mut chance = Chance::new(self.seed ^ (worker as u64) << 32);
        let mut deaths = Deaths::default();
        // Rounds at once slow each other down, so that a run is longer than the first one was.
        let mut span_us = 3 * usize::try_from(first.as_micros())?;
        while self.kills.load(Ordering::SeqCst) < KILLS {
            let round = Round::begin(self)?;
            let mut lived = Vec::new();
            let kills = 1 + chance.below(KILLS_IN_A_ROUND_MAX);
            for _ in 0..kills {
                let patience = Duration::from_micros(chance.below(span_us) as u64);
                if !round.killed_after(patience).await? {
                    span_us = span_us * 9 / 10;
                    break;
                }
                span_us += span_us / 20;
                lived.push(patience);
            }
            let last = round.check().await.with_context(|| {
                // Nobody needs further rounds after one that failed.
                self.kills.fetch_add(KILLS, Ordering::SeqCst);
                format!("round {} of seed {}, killed after {lived:?}", round.user, self.seed)
            })?;
            let count = |name: &str| last["totals"][name].as_u64().unwrap_or(0);
            deaths.adopted += count("adopted");
            deaths.halfway += usize::from(count("copied") > 0 && count("already") + count("adopted") > 0);
            let before = self.kills.fetch_add(lived.len(), Ordering::SeqCst);
            if before / 50 < (before + lived.len()) / 50 {
                eprintln!("{} kills so far", before + lived.len());
            }
            deaths.after.extend(lived);
        }
        Ok(deaths)
    }
}

fn user(number: usize) -> String {
    format!("bia{number}")
}

/// Mixed sizes: mostly small, some of tens of kilobytes, twins, and two that pass from wire to wire.
fn mails(seed: u64) -> Vec<Mail> {
    let mut postman = Postman::new(seed);
    let mut mails = postman.ordinaries(MESSAGES - 6);
    mails.extend([mails[0].clone(), mails[0].clone(), mails[12].clone()]);
    let plain = mails[1].clone();
    for size in [LARGE_OCTETS, LARGE_OCTETS / 5, LARGE_OCTETS] {
        let large = "linha de um anexo longo\r\n".repeat(size / 25);
        let head = format!("Message-ID: <grande.{size}.{}@example.net>\r\n\r\n", mails.len());
        mails.push(Mail { octets: [head.into_bytes(), large.into_bytes()].concat(), ..plain.clone() });
    }
    mails
}

/// One destination account from empty to complete.
struct Round<'a> {
    ground: &'a Ground,
    user: String,
    folder: tempfile::TempDir,
}

impl<'a> Round<'a> {
    fn begin(ground: &'a Ground) -> Result<Self> {
        let number = ground.rounds.fetch_add(1, Ordering::SeqCst);
        Ok(Self { ground, user: user(number), folder: tempfile::tempdir()? })
    }

    fn start(&self) -> Result<Child> {
        let (from, to) = (self.ground.source.url("ana"), self.ground.destination.url(&self.user));
        let state = self.folder.path().join("state.malote");
        self.ground.program.copy(&from, &to, &state).spawn().context("starting a copy")
    }

    /// Starts a copy and kills it so late; false when it was faster.
    async fn killed_after(&self, patience: Duration) -> Result<bool> {
        let mut child = self.start()?;
        if let Ok(ended) = timeout(patience, child.wait()).await {
            ended?;
            return Ok(false);
        }
        child.kill().await?;
        Ok(true)
    }

    /// Runs a copy that nobody kills and gives its report.
    async fn run_to_the_end(&self) -> Result<Value> {
        let output = timeout(RUN_MAX, self.start()?.wait_with_output()).await??;
        let errors = String::from_utf8_lossy(&output.stderr);
        let report: Value =
            serde_json::from_slice(&output.stdout).with_context(|| format!("{}: {errors}", output.status))?;
        if report["status"] != "success" {
            bail!("a run that nobody killed: {report:#}");
        }
        Ok(report)
    }

    /// Runs to the end, compares, and runs once more; gives the report of the run that came to the end.
    async fn check(&self) -> Result<Value> {
        let report = self.run_to_the_end().await?;
        self.is_exact().await.with_context(|| format!("the last run told {}", report["totals"]))?;
        let totals = &self.run_to_the_end().await?["totals"];
        let moved = (&totals["copied"], &totals["adopted"], &totals["flag_changes"]);
        ensure!(moved == (&0.into(), &0.into(), &0.into()), "a run after the last one did {totals}");
        Ok(report)
    }

    async fn is_exact(&self) -> Result<()> {
        let mut reader = Reader::login(self.ground.destination.port(), &self.user, PASSWORD).await?;
        let found = contents(&mut reader, Writing::PLAIN).await?;
        let (missing, surplus) = differences(&self.ground.expected, &found);
        ensure!(missing.is_empty() && surplus.is_empty(), "missing: {missing:#?}; too many: {surplus:#?}");
        reader.logout().await
    }
}
