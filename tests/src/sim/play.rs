//! Plays a story: disturbed runs, then calm ones until nothing changes, with the checkers after each.
//! Never lets real time pass, nor a story take longer than a month of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use malote_engine::clock::Clock;
use malote_engine::ledger::PairIdentity;
use malote_engine::ledger::memory::MemoryLedger;
use malote_engine::plan::message::Flags;
use malote_engine::policy::{Content, Duplicates, FlagPolicy};
use malote_engine::report::{Report, Status};
use malote_engine::run::{BUDGET_OCTETS, Forecast, Job, copy, plan, verify};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::chance::mix;
use super::check::{self, Flaw};
use super::ledger::SimLedger;
use super::schedule::{Party, Verb, What};
use super::server::{Letter, Origin, Server};
use super::sides::{Keeper, SimSide};
use super::state::{State, Work};
use super::story::{Place, Story};
use super::text::Contents;
use super::trace::Trace;
use super::wire::World;

/// Longest that one run may take, in its own time.
const RUN_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// Calm runs after which nothing may be left to do.
const CALM_RUNS_MAX: u32 = 5;

/// What became of a story.
#[derive(Debug, Default)]
pub struct Played {
    /// What was wrong; nothing where all was well.
    pub flaw: Option<Flaw>,
    /// A number that two plays of one story share.
    pub digest: u64,
    /// The course of the story, where it was kept.
    pub lines: Vec<String>,
    /// Runs, the calm ones included.
    pub runs: u32,
    /// Faults and deeds that struck.
    pub struck: u64,
    /// Messages that were appended.
    pub appended: u64,
    /// True where the last run was a success.
    pub is_success: bool,
}

/// Plays a story; keeps its course in words where `is_traced`.
///
/// # Panics
/// Where no runtime can be had.
#[must_use]
pub fn play(story: &Story, is_traced: bool) -> Played {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without sockets needs nothing").block_on(stage(story, is_traced))
}

async fn stage(story: &Story, is_traced: bool) -> Played {
    let world = World::new(begin(story, is_traced));
    let mut played = Played::default();
    played.flaw = course(story, &world, &mut played).await.err();
    let state = world.state();
    played.digest = state.trace.digest();
    played.lines = state.trace.lines().to_vec();
    played
}

async fn course(story: &Story, world: &World, played: &mut Played) -> Result<(), Flaw> {
    for run in 1..=story.runs {
        let (report, started) = turn(story, world, played, run).await?;
        check::ways(&world.state())?;
        if let Some(report) = report {
            check::disturbed(story, &world.state(), &report, started)?;
        }
        tokio::time::sleep(Duration::from_millis(mix(story.seed, u64::from(run)) % 3000)).await;
    }
    calm_down(world).await;
    let mut last: Option<(Report, Work)> = None;
    for run in story.runs + 1..=story.runs + CALM_RUNS_MAX {
        let (report, _) = turn(story, world, played, run).await?;
        let report = report.ok_or_else(|| Flaw::new("crash", "nothing struck"))?;
        let state = world.state();
        check::ways(&state)?;
        check::calm(story, &state, &report)?;
        let is_settled = is_settled(story, &report, &state.work);
        let work = state.work.clone();
        drop(state);
        last = Some((report, work));
        if is_settled {
            break;
        }
    }
    let (report, work) = last.ok_or_else(|| Flaw::new("unsettled", "no calm run"))?;
    // What waits for a decision is held against others in each run, and twins of refused messages are tried one a run.
    let is_waiting = report.errors.iter().any(|error| error.class == "decision.needed");
    let are_twins_tried = story.wishes.duplicates == Duplicates::Collapse && report.totals.quarantined > 0;
    if !is_settled(story, &report, &work) && !are_twins_tried && !is_waiting {
        let sentence = format!("run after run finds work: {work:?} {:?} {:?}", report.totals, report.errors);
        return Err(Flaw::new("unsettled", sentence));
    }
    played.is_success = report.status == Status::Success;
    check::settled(story, &world.state(), &report)?;
    let looked = verify(&job(story, world), Content::Full).await;
    check::verified(story, &world.state(), &report, &looked)?;
    let forecast = plan(&job(story, world)).await;
    planned(&report, &forecast)?;
    check::ways(&world.state())
}

/// True where a run did nothing and had nothing to do.
fn is_settled(story: &Story, report: &Report, work: &Work) -> bool {
    let totals = &report.totals;
    // Where the source rules, a keyword that is refused for good is tried in every run.
    let is_trying =
        story.wishes.flags == FlagPolicy::Source && story.destination_manner.keywords_max.is_some();
    let flag_changes = if is_trying { 0 } else { totals.flag_changes };
    let is_idle = (totals.copied, totals.adopted, flag_changes, totals.deleted) == (0, 0, 0, 0);
    // What waits for a decision is looked at in every run.
    let may_read = report.status != Status::Success;
    let work = Work { bodies_read: if may_read { 0 } else { work.bodies_read }, ..work.clone() };
    is_idle && work.is_nothing()
}

/// A forecast after a success has nothing to copy.
fn planned(report: &Report, forecast: &Forecast) -> Result<(), Flaw> {
    let to_copy: u64 = forecast.folders.iter().map(|folder| folder.to_copy).sum();
    let pending = report.totals.pending;
    if to_copy == pending && forecast.errors.is_empty() {
        return Ok(());
    }
    Err(Flaw::new(
        "plan",
        format!("{pending} are pending and plan would copy {to_copy}: {:?}", forecast.errors),
    ))
}

/// One run, with the step at which it began. No report where our own process died.
async fn turn(
    story: &Story,
    world: &World,
    played: &mut Played,
    run: u32,
) -> Result<(Option<Report>, u64), Flaw> {
    let started = {
        let mut state = world.state();
        state.lose_all(Party::Source);
        state.lose_all(Party::Destination);
        state.settle(Instant::now());
        (state.run, state.is_dead, state.is_stopping) = (run, false, false);
        state.counts.clear();
        state.work = Work::default();
        for what in state.strike((Party::Start, Verb::Survey)) {
            if let What::Deed(party, deed) = what {
                state.act(party, &deed);
            }
        }
        state.steps
    };
    let job = job(story, world);
    let stop = async {
        world.stopping().await;
        job.stop.cancel();
        std::future::pending::<()>().await;
    };
    let attempt = async {
        tokio::select! {
            biased;
            () = world.crashed() => None,
            () = stop => None,
            report = copy(&job) => Some(report),
        }
    };
    let report = tokio::time::timeout(RUN_MAX, attempt).await;
    let report = report.map_err(|_| Flaw::new("hung", format!("run {run} never came to its end")))?;
    let mut state = world.state();
    played.runs += 1;
    played.struck += state.work.struck;
    played.appended += state.work.appended();
    if let Some(report) = &report {
        let totals = report.totals;
        state.trace.note(|| format!("run {run} ended: {:?} {totals:?} {:?}", report.status, report.errors));
        check::name_doubles(&mut state, report);
    } else {
        state.trace.note(|| format!("run {run} died"));
    }
    Ok((report, started))
}

/// Ends every fault and every lie that was only for a while, and lets what was late arrive.
async fn calm_down(world: &World) {
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let mut state = world.state();
    state.settle(Instant::now());
    for party in [Party::Source, Party::Destination] {
        let server = state.server(party);
        (server.is_calm, server.down_until) = (true, None);
    }
}

/// Virtual time since the story's begin.
struct SimClock(Instant);

impl Clock for SimClock {
    fn now_unix_ms(&self) -> i64 {
        i64::try_from(self.0.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

fn job(story: &Story, world: &World) -> Job {
    let side = |party| SimSide { world: world.clone(), party };
    let inner = Arc::clone(&world.state().ledger);
    let ledger = SimLedger { world: world.clone(), inner };
    let identity = PairIdentity { source: "sim:a".to_owned(), destination: "sim:b".to_owned() };
    let mut job = Job::new(
        Arc::new(side(Party::Source)),
        Arc::new(side(Party::Destination)),
        Arc::new(ledger),
        Arc::new(Keeper),
        identity,
    );
    job.policy = story.wishes.policy();
    job.clock = Arc::new(SimClock(Instant::now()));
    // The least budget that a source may ask for shows who holds octets while he waits for more.
    let most = story.source_manner.memory_octets_max.max(story.destination_manner.memory_octets_max);
    let octets = usize::try_from(most).unwrap_or(BUDGET_OCTETS).min(BUDGET_OCTETS);
    job.budget = Arc::new(Semaphore::new(octets));
    job
}

fn begin(story: &Story, is_traced: bool) -> State {
    let mut contents = Contents::default();
    let mut source = Server::new(story.source_manner.clone());
    let mut destination = Server::new(story.destination_manner.clone());
    fill(&mut source, &story.source, &mut contents);
    fill(&mut destination, &story.destination, &mut contents);
    let source_digest = source.digest();
    State {
        seed: story.seed,
        source,
        destination,
        contents,
        ledger: Arc::new(MemoryLedger::new()),
        run: 0,
        troubles: story.troubles.clone(),
        counts: BTreeMap::new(),
        steps: 0,
        is_dead: false,
        is_stopping: false,
        trace: Trace::new(is_traced),
        work: Work::default(),
        ever_recorded: std::collections::BTreeSet::new(),
        violations: Vec::new(),
        refusal: None,
        forgotten_uid: story.forgotten_uid,
        source_digest,
    }
}

fn fill(server: &mut Server, places: &[Place], contents: &mut Contents) {
    for place in places {
        server.shelf(place.name).special_use = place.special_use;
        for start in &place.letters {
            let (content, octets) = contents.of_text(&start.text);
            server.shelf(place.name).push(Letter {
                content,
                octets,
                flags: Flags::parse(start.flags),
                date: start.date.clone(),
                modseq: 0,
                origin: Origin::Initial,
                since: 0,
                is_touched: false,
                is_named_double: false,
            });
        }
    }
}
