//! Times Malote against rivals on one corpus, paired in one run, and prints a table.
//! Never quotes an absolute time as a figure: machines differ, ratios of one run hold.

mod baseline;
mod corpus;
mod measure;
mod rivals;
mod table;

use std::env;

use acceptance::servers::{Dovecot, DovecotOptions, DovecotUser};
use anyhow::{Context as _, Result, bail};

use measure::Figures;
use rivals::{Pair, Rival};

/// How the bench is run: `malote-benches [MESSAGES [RUNS]]`.
const MESSAGES: usize = 10_000;
const RUNS: usize = 3;

fn main() -> Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some("baseline") => baseline::main(&words[1..]),
        Some("measure") => measure::inside(&words[1..]),
        _ => bench(
            words.first().map_or(Ok(MESSAGES), |text| text.parse()).context("MESSAGES is a number")?,
            words.get(1).map_or(Ok(RUNS), |text| text.parse()).context("RUNS is a number")?,
        ),
    }
}

/// Runs each rival in turn, run after run, so that a drifting machine drifts for all.
fn bench(messages: usize, runs: usize) -> Result<()> {
    let rivals = rivals::found()?;
    let source = Dovecot::start(options(&["corpus".to_owned()]))?;
    let octets = corpus::fill(source.port(), "corpus", messages)?;
    eprintln!("{messages} messages, {:.1} MB", octets as f64 / 1e6);
    let users: Vec<String> =
        (0..=runs).flat_map(|run| rivals.iter().map(move |rival| format!("{}{run}", rival.name()))).collect();
    let destination = Dovecot::start(options(&users))?;
    let mut first: Vec<Vec<Figures>> = vec![Vec::new(); rivals.len()];
    let mut second = first.clone();
    for run in 0..=runs {
        for (index, rival) in rivals.iter().enumerate() {
            let user = format!("{}{run}", rival.name());
            let pair = Pair::new(source.port(), destination.port(), &user)?;
            let copy = rival.run(&pair)?;
            check(destination.port(), &user, messages)?;
            let again = rival.is_repeatable().then(|| rival.run(&pair)).transpose()?;
            // The first round warms caches on both sides and is not counted.
            if run > 0 {
                first[index].push(copy);
                second[index].extend(again);
            }
        }
    }
    table::print("First copy", messages, octets, &rivals, &first);
    table::print("Second run, nothing new", messages, octets, &rivals, &second);
    Ok(())
}

fn options(users: &[String]) -> DovecotOptions {
    let users = users.iter().map(|user| DovecotUser::new(user, rivals::PASSWORD)).collect();
    DovecotOptions { users, user_sessions_max: 100, fsync: false, ..DovecotOptions::default() }
}

/// A rival that loses messages has no time.
fn check(port: u16, user: &str, messages: usize) -> Result<()> {
    let found = corpus::count(port, user)?;
    if found != messages {
        bail!("{user}: {found} of {messages} messages arrived");
    }
    Ok(())
}

impl Rival {
    fn is_repeatable(&self) -> bool {
        !matches!(self, Self::OneAtATime)
    }
}
