//! Times Malote against rivals on one corpus, paired in one run, and prints tables.
//! Never quotes an absolute time as a figure: machines differ, ratios of one run hold.

mod baseline;
mod case;
mod corpus;
mod course;
mod fill;
mod line;
mod measure;
mod memory;
mod place;
mod processes;
mod pst;
mod report;
mod result;
mod rivals;
mod service;
mod verdicts;
mod wire;

use std::env;
use std::process::ExitCode;

use anyhow::{Result, bail, ensure};

use result::{CaseResult, Report};

const SCHEMA: &str = "malote.bench/1";

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("malote-benches: {cause:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[String]) -> Result<()> {
    match words.first().map(String::as_str) {
        Some("baseline") => baseline::main(&words[1..]),
        Some("measure") => measure::inside(&words[1..]),
        Some("memory") => memory::main(variable("BENCH") == "quick", &variable("BENCH_CASES")),
        Some("service") => service::main(variable("BENCH") == "quick"),
        Some("pst") => pst::main(variable("BENCH") == "quick", &variable("BENCH_CASES")),
        Some("pst-read") => pst::read::inside(&words[1..]),
        Some("quick") => bench(true),
        None => bench(variable("BENCH") == "quick"),
        Some(other) => bail!("{other}: say `quick`, `memory`, `service`, `pst` or nothing"),
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

/// Runs the chosen cases; a case that cannot be run is said on standard error and fails the whole at its end.
fn bench(is_quick: bool) -> Result<()> {
    let words = variable("BENCH_CASES");
    let all: &[case::Case] = if is_quick { &case::QUICK } else { &case::FULL };
    let cases = case::chosen(all, &words);
    ensure!(!cases.is_empty(), "no case is called {words:?}");
    let rivals = rivals::found()?;
    let states = place::prepare()?;
    let (mut results, mut failed) = (Vec::<CaseResult>::new(), Vec::new());
    for case in &cases {
        match course::run(case, &rivals, &states) {
            Ok(result) => {
                if result
                    .tables
                    .iter()
                    .any(|table| table.rows.first().is_none_or(|row| row.failure.is_some()))
                {
                    failed.push(case.name);
                }
                results.push(result);
            }
            Err(cause) => {
                eprintln!("{}: {cause:#}", case.name);
                failed.push(case.name);
            }
        }
    }
    let report = Report {
        schema: SCHEMA,
        command: command(is_quick, &words),
        machine: place::machine(),
        versions: place::versions(&rivals),
        verdicts: verdicts::of(&results),
        cases: results,
    };
    report::write(&report, &place::folder()?)?;
    ensure!(failed.is_empty(), "Malote has no time in {}", failed.join(", "));
    Ok(())
}

fn command(is_quick: bool, words: &str) -> String {
    let mut command = String::from("make bench");
    if is_quick {
        command.push_str(" BENCH=quick");
    }
    if !words.is_empty() {
        command.push_str(&format!(" BENCH_CASES={words}"));
    }
    command
}
