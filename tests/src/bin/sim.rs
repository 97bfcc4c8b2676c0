//! The long lane of the simulation: `sim seeds COUNT [FROM]`, `sim seed NUMBER`, `sim sorts COUNT [FROM]`.
//! Never decides what is right: the checkers do.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::{Duration, Instant};

use acceptance::sim::{Played, Story, play, shrunk};
use anyhow::{Context as _, Result, bail};

/// Lines of a course that are shown; the last ones tell the most.
const LINES_MAX: usize = 400;

/// How often progress is told.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, or: u64| -> Result<u64> {
        words.get(index).map_or(Ok(or), |word| word.parse().with_context(|| format!("{word} is no number")))
    };
    match words.first().map(String::as_str) {
        Some("seeds") => lane(number(1, 1000)?, number(2, 1)?),
        Some("seed") => replay(number(1, 1)?),
        Some("sorts") => sorts(number(1, 1000)?, number(2, 1)?),
        _ => bail!("usage: sim seeds COUNT [FROM] | sim seed NUMBER | sim sorts COUNT [FROM]"),
    }
}

fn say(line: impl AsRef<str>) -> Result<()> {
    writeln!(std::io::stdout(), "{}", line.as_ref()).context("writing to standard output")
}

/// What many stories did together.
#[derive(Default)]
struct Sum {
    stories: u64,
    runs: u64,
    struck: u64,
    appended: u64,
    successes: u64,
}

impl Sum {
    fn add(&mut self, played: &Played) {
        self.stories += 1;
        self.runs += u64::from(played.runs);
        self.struck += played.struck;
        self.appended += played.appended;
        self.successes += u64::from(played.is_success);
    }

    fn sentence(&self, since: Instant) -> String {
        let Self { stories, runs, struck, appended, successes } = self;
        let rate = *stories as f64 / since.elapsed().as_secs_f64().max(0.001);
        format!(
            "{stories} seeds, {rate:.0} a second: {runs} runs, {struck} troubles struck, {appended} messages appended, \
             {successes} stories ended with nothing left over"
        )
    }
}

/// Plays seed after seed and stops at the first that fails.
fn lane(count: u64, from: u64) -> Result<()> {
    let (start, mut told, mut sum) = (Instant::now(), Instant::now(), Sum::default());
    for seed in from..from + count {
        let played = play(&Story::draw(seed), false);
        if played.flaw.is_some() {
            say(sum.sentence(start))?;
            return replay(seed);
        }
        sum.add(&played);
        if told.elapsed() > PROGRESS_EVERY {
            told = Instant::now();
            say(sum.sentence(start))?;
        }
    }
    say(sum.sentence(start))
}

/// Plays one seed with its course, and the smallest story that fails like it.
fn replay(seed: u64) -> Result<()> {
    let story = Story::draw(seed);
    let played = play(&story, true);
    let Some(flaw) = &played.flaw else {
        played.lines.iter().try_for_each(say)?;
        return say(format!("{story}seed {seed}: well, digest {:x}", played.digest));
    };
    say(format!("{story}\nseed {seed} failed: {}: {}\n\nsmaller:", flaw.kind, flaw.sentence))?;
    let smaller = shrunk(&story);
    let course = play(&smaller, true);
    let from = course.lines.len().saturating_sub(LINES_MAX);
    course.lines[from..].iter().try_for_each(say)?;
    say(format!("\n{smaller}"))?;
    let sentence = course.flaw.map(|flaw| format!("{}: {}", flaw.kind, flaw.sentence)).unwrap_or_default();
    bail!("seed {seed} failed: {sentence}")
}

/// Plays all seeds and counts the failing ones by kind.
fn sorts(count: u64, from: u64) -> Result<()> {
    let (start, mut sum) = (Instant::now(), Sum::default());
    let mut seeds: BTreeMap<&str, Vec<(u64, String)>> = BTreeMap::new();
    for seed in from..from + count {
        let played = play(&Story::draw(seed), false);
        sum.add(&played);
        if let Some(flaw) = played.flaw {
            seeds.entry(flaw.kind).or_default().push((seed, flaw.sentence));
        }
    }
    for (kind, list) in &seeds {
        say(format!("{kind}: {} seeds", list.len()))?;
        for (seed, sentence) in list.iter().take(6) {
            say(format!("    {seed}: {sentence}"))?;
        }
    }
    say(sum.sentence(start))
}
