//! Personal stores: read, converted and written against readpst doing the same, read alone, and copied by IMAP.
//! Never an absolute time as a target: all but reading alone are ratios of one run, everybody in turn.

mod file;
mod peak;
mod planted;
pub mod read;

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use acceptance::servers::{Dovecot, DovecotOptions, DovecotUser};
use anyhow::{Context as _, Result, bail, ensure};
use serde::Serialize;
use tempfile::TempDir;

use crate::measure::{self, Figures};
use crate::rivals::{PASSWORD, malote, passwords};
use crate::{course, place, rivals};
use file::Store;

/// Everybody's turns that count, but for exports that are compared.
const ROUNDS: usize = 3;
/// Native reading alone, in 10^6 octets per second.
const READING_MB_PER_S_MIN: f64 = 500.0;
/// What a copy by IMAP reaches of the slower of reader and server.
const COPY_PART_MIN: f64 = 0.8;
/// Parent and child together.
const PEAK_MIB_MAX: f64 = 128.0;

/// One figure beside its target.
#[derive(Debug, Serialize)]
struct Finding {
    case: String,
    what: String,
    found: String,
    target: String,
    is_reached: bool,
}

/// One who was timed, by medians.
#[derive(Debug, Serialize)]
struct Row {
    case: String,
    who: &'static str,
    figures: Figures,
}

/// Everything, as `pst.json` has it.
#[derive(Debug, Default, Serialize)]
struct Found {
    rows: Vec<Row>,
    findings: Vec<Finding>,
}

/// The words of a command that writes into a folder.
type Words<'a> = Box<dyn Fn(&Path) -> Vec<String> + 'a>;

/// A program to be timed: a word for tables, and how it is called with a folder that it may write into.
struct Entrant<'a> {
    who: &'static str,
    command: Words<'a>,
}

/// Runs the parts whose names hold one of the words: a-export, a-read, a-peak and so on, a-copy, big-peak, text-peak,
/// planted-peak, million, million-copy.
pub fn main(is_quick: bool, words: &str) -> Result<()> {
    let states = place::prepare()?;
    let is_chosen = |name: &str| words.is_empty() || words.split(',').any(|word| name.contains(word.trim()));
    let (mut found, mut failed) = (Found::default(), Vec::new());
    let mut part = |name: String, run: &mut dyn FnMut(&mut Found) -> Result<()>| {
        if is_chosen(&name) {
            eprintln!("pst: {name}");
            if let Err(cause) = run(&mut found) {
                eprintln!("pst: {name}: {cause:#}");
                failed.push(name);
            }
        }
    };
    for kind in file::Kind::ALL {
        let name = kind.name().to_ascii_lowercase();
        part(format!("{name}-export"), &mut |found| export(&file::store(kind, is_quick)?, found));
        part(format!("{name}-read"), &mut |found| reading(&file::store(kind, is_quick)?, found));
        part(format!("{name}-peak"), &mut |found| peaks(&file::store(kind, is_quick)?, found));
    }
    part("a-copy".to_owned(), &mut |found| copy(&file::store(file::Kind::A, is_quick)?, &states, found));
    part("big-peak".to_owned(), &mut |found| {
        let store = file::big(is_quick)?;
        exports(&store, &["auto", "native", "libpff"], found)?;
        exports(&file::damaged(&store)?, &["auto", "libpff"], found)?;
        copy_peak(&store, &states, found)
    });
    part("text-peak".to_owned(), &mut |found| {
        let store = file::long_texts(is_quick)?;
        exports(&store, &["auto", "native", "libpff"], found)?;
        copy_peak(&store, &states, found)
    });
    for kind in planted::Planted::ALL {
        part(format!("planted-peak-{}", kind.name()), &mut |found| {
            let store = file::planted(kind)?;
            exports(&store, &["auto", "libpff"], found)?;
            copy_peak_of(&store, None, &states, found)
        });
    }
    part("million".to_owned(), &mut |found| peaks(&file::million(is_quick)?, found));
    part("million-copy".to_owned(), &mut |found| copy_peak(&file::million(is_quick)?, &states, found));
    write(&found)?;
    ensure!(failed.is_empty(), "no figures for {}", failed.join(", "));
    Ok(())
}

/// Everybody in turn, so many rounds, each into a new folder of `place` that is checked and removed; medians.
fn in_turn(
    rounds: usize,
    place: &Path,
    entrants: &[Entrant<'_>],
    check: &dyn Fn(&str, &Path) -> Result<()>,
) -> Result<Vec<Figures>> {
    let mut samples: Vec<Vec<Figures>> = entrants.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (entrant, samples) in entrants.iter().zip(&mut samples) {
            let out = TempDir::with_prefix_in("pst-out-", place)?;
            samples.push(measure::outside(&(entrant.command)(out.path()), &passwords())?);
            check(entrant.who, out.path()).with_context(|| entrant.who)?;
        }
    }
    Ok(samples.into_iter().map(median).collect())
}

fn median(mut samples: Vec<Figures>) -> Figures {
    let of = |samples: &mut Vec<Figures>, figure: fn(&Figures) -> f64| {
        samples.sort_by(|one, other| figure(one).total_cmp(&figure(other)));
        figure(&samples[samples.len() / 2])
    };
    let wall_s = of(&mut samples, |figures| figures.wall_s);
    let cpu_s = of(&mut samples, |figures| figures.cpu_s);
    let peak_kib = samples.iter().map(|figures| figures.peak_kib).max().unwrap_or(0);
    Figures { wall_s, cpu_s, peak_kib }
}

fn words(program: &Path, words: &[&str]) -> Vec<String> {
    let program = program.display().to_string();
    std::iter::once(program).chain(words.iter().map(|word| (*word).to_owned())).collect()
}

/// The whole file read, converted and written to mbox files. readpst does not wait until the disk has them, and what is
/// held against it does not either.
fn export(store: &Store, found: &mut Found) -> Result<()> {
    let readpst = rivals::on_path("readpst").context("readpst is not there: apt install pst-utils")?;
    let (malote, path) = (malote()?, store.path.display().to_string());
    let by = |options: &'static [&'static str]| {
        let (malote, path) = (malote.clone(), path.clone());
        move |out: &Path| {
            let out = out.display().to_string();
            let where_to = ["--to", "mbox", "--out", &out, &path];
            words(&malote, &[&["pst", "export", "--quiet"][..], options, &where_to].concat())
        }
    };
    let (program, file) = (readpst, path.clone());
    let readpst = move |out: &Path| words(&program, &["-q", "-o", &out.display().to_string(), &file]);
    let entrants = [
        Entrant { who: "readpst", command: Box::new(readpst) },
        Entrant { who: "malote", command: Box::new(by(&["--no-sync"])) },
        Entrant { who: "malote, native alone", command: Box::new(by(&["--no-sync", "--reader", "native"])) },
    ];
    let patient = [Entrant { who: "malote, until the disk has it", command: Box::new(by(&[])) }];
    let check = |who: &str, out: &Path| {
        let written = file::messages(out)?;
        // readpst takes some items for something else; of Malote none may be missing.
        let wanted = if who == "readpst" { 1 } else { store.items };
        ensure!(written >= wanted, "{written} messages of {} were written", store.items);
        Ok(())
    };
    // Base64 makes a third more of a file; so much lies there once.
    let place = place::unhurried(store.octets * 3 / 2);
    let figures = in_turn(store.rounds(), &place, &entrants, &check)?;
    let waiting = in_turn(ROUNDS, &place, &patient, &check)?;
    let what = if place::is_memory(&place) { "to mbox in memory" } else { "to mbox" };
    for (entrant, figures) in entrants.iter().chain(&patient).zip(figures.iter().chain(&waiting)) {
        found.rows.push(Row { case: store.case(what), who: entrant.who, figures: *figures });
    }
    let [theirs, ours, _] = figures.as_slice() else { bail!("three were to be timed") };
    let (times, target) = (theirs.wall_s / ours.wall_s, store.times_min());
    found.findings.push(Finding {
        case: store.case(what),
        what: "times as fast as readpst".to_owned(),
        found: format!("{times:.2} (by CPU {:.1})", theirs.cpu_s / ours.cpu_s),
        target: format!("at least {target}"),
        is_reached: times >= target,
    });
    Ok(())
}

/// Items and all their data, read by the native reader alone, on one thread.
fn reading(store: &Store, found: &mut Found) -> Result<()> {
    let program = env::current_exe()?;
    let command = |_: &Path| words(&program, &["pst-read", &store.path.display().to_string()]);
    let entrants = [Entrant { who: "native reader", command: Box::new(command) }];
    let figures = in_turn(store.rounds(), &env::temp_dir(), &entrants, &|_, _| Ok(()))?;
    let figures = *figures.first().context("one was to be timed")?;
    let rate = store.octets as f64 / 1e6 / figures.wall_s;
    found.rows.push(Row { case: store.case("read alone"), who: "native reader", figures });
    found.findings.push(Finding {
        case: store.case("read alone"),
        what: "MB/s".to_owned(),
        found: format!("{rate:.0}"),
        target: if store.reading_counts() {
            format!("at least {READING_MB_PER_S_MIN:.0}")
        } else {
            "none".to_owned()
        },
        is_reached: !store.reading_counts() || rate >= READING_MB_PER_S_MIN,
    });
    Ok(())
}

/// Memory of an export and of a check, with the second reader's process.
fn peaks(store: &Store, found: &mut Found) -> Result<()> {
    exports(store, &["auto"], found)?;
    let (malote, path) = (malote()?, store.path.display().to_string());
    let check = words(&malote, &["pst", "check", "--quiet", "--second-opinion", "20", &path]);
    peak(store, "peak memory of a check by two readers".to_owned(), &check, found)
}

/// Memory of an export by each of some readers, with the second one's process.
fn exports(store: &Store, readers: &[&str], found: &mut Found) -> Result<()> {
    let (malote, path) = (malote()?, store.path.display().to_string());
    for reader in readers {
        let out = TempDir::with_prefix("pst-out-")?;
        let folder = out.path().display().to_string();
        let options = ["--quiet", "--reader", reader, "--to", "mbox", "--out", &folder, &path];
        let export = words(&malote, &[&["pst", "export"][..], &options].concat());
        peak(store, format!("peak memory of an export, reader {reader}"), &export, found)?;
    }
    Ok(())
}

/// Memory of a copy of every item to a server, without the server's own.
fn copy_peak(store: &Store, states: &Path, found: &mut Found) -> Result<()> {
    copy_peak_of(store, Some(store.items), states, found)
}

/// Memory of a copy to a server, of which so many items are known to come there.
fn copy_peak_of(store: &Store, items: Option<u64>, states: &Path, found: &mut Found) -> Result<()> {
    let options = DovecotOptions {
        users: vec![DovecotUser::new("user0", PASSWORD)],
        user_sessions_max: 100,
        ..DovecotOptions::default()
    };
    let server = Dovecot::start(options)?;
    let state = states.join("pst-peak.malote");
    let from = format!("pst:{}", store.path.display());
    let to = format!("imap://user0@127.0.0.1:{}?tls=off", server.port());
    let file = state.display().to_string();
    let command = ["copy", "--quiet", "--from", &from, "--to", &to, "--state", &file];
    peak(store, "peak memory of a copy to a server".to_owned(), &words(&malote()?, &command), found)?;
    if let Some(items) = items {
        course::check(server.port(), "user0", &[usize::try_from(items)?])?;
    }
    forget(&state)
}

fn peak(store: &Store, what: String, command: &[String], found: &mut Found) -> Result<()> {
    let mib = peak::together_mib(command, &passwords())?;
    found.findings.push(Finding {
        case: store.case("memory"),
        what,
        found: format!("{mib:.1} MiB"),
        target: format!("below {PEAK_MIB_MAX:.0} MiB"),
        is_reached: mib < PEAK_MIB_MAX,
    });
    Ok(())
}

/// A store copied to a server, against the reader alone and the server alone: what the store becomes, copied to it as
/// mbox files.
fn copy(store: &Store, states: &Path, found: &mut Found) -> Result<()> {
    let malote = malote()?;
    let users: Vec<String> = (0..2 * ROUNDS).map(|number| format!("user{number}")).collect();
    let named = users.iter().map(|name| DovecotUser::new(name, PASSWORD)).collect();
    let options = DovecotOptions { users: named, user_sessions_max: 100, ..DovecotOptions::default() };
    let server = Dovecot::start(options)?;
    let (path, exported) = (store.path.display().to_string(), TempDir::with_prefix("pst-out-")?);
    let out = exported.path().display().to_string();
    measure::outside(
        &words(&malote, &["pst", "export", "--to", "mbox", "--out", &out, &path]),
        &passwords(),
    )?;
    let mut samples = [Vec::new(), Vec::new(), Vec::new()];
    for (number, [one, other]) in users.as_chunks::<2>().0.iter().enumerate() {
        let check = ["pst", "check", "--quiet", "--reader", "native", &path];
        samples[0].push(measure::outside(&words(&malote, &check), &passwords())?);
        for (user, from, place) in [(one, format!("mbox:{out}"), 1), (other, format!("pst:{path}"), 2)] {
            let state = states.join(format!("pst-{number}-{place}.malote"));
            let to = format!("imap://{user}@127.0.0.1:{}?tls=off", server.port());
            let file = state.display().to_string();
            let copy = ["copy", "--quiet", "--from", &from, "--to", &to, "--state", &file];
            samples[place].push(measure::outside(&words(&malote, &copy), &passwords())?);
            course::check(server.port(), user, &[usize::try_from(store.items)?])?;
            fs::remove_dir_all(server.mail_root().join(user))?;
            forget(&state)?;
        }
    }
    let [reader, alone, both] = samples.map(median);
    let case = store.case("to IMAP");
    for (who, figures) in [("reader alone", reader), ("server alone", alone), ("store to server", both)] {
        found.rows.push(Row { case: case.clone(), who, figures });
    }
    let part = reader.wall_s.max(alone.wall_s) / both.wall_s;
    found.findings.push(Finding {
        case,
        what: "of the slower of reader and server".to_owned(),
        found: format!("{part:.2}"),
        target: format!("at least {COPY_PART_MIN}"),
        is_reached: part >= COPY_PART_MIN,
    });
    Ok(())
}

/// Removes a ledger and what lies beside it.
fn forget(state: &Path) -> Result<()> {
    let folder = state.parent().context("a ledger lies in a folder")?;
    let name = state.file_name().context("a ledger has a name")?.to_string_lossy().into_owned();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&name) {
            let path = entry.path();
            if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
        }
    }
    Ok(())
}

fn write(found: &Found) -> Result<()> {
    let mut text = format!("# Personal stores\n\n`make bench-pst` on {}.\n\n", place::machine());
    text.push_str("| case | what | found | target | |\n|---|---|---|---|---|\n");
    for Finding { case, what, found, target, is_reached } in &found.findings {
        let word = if *is_reached { "reached" } else { "**missed**" };
        writeln!(text, "| {case} | {what} | {found} | {target} | {word} |")?;
    }
    text.push_str("\nMedians.\n\n| case | who | time | CPU | peak of one process |\n|---|---|---|---|---|\n");
    for Row { case, who, figures } in &found.rows {
        let Figures { wall_s, cpu_s, peak_kib } = figures;
        let mib = *peak_kib as f64 / 1024.0;
        writeln!(text, "| {case} | {who} | {wall_s:.2} s | {cpu_s:.2} s | {mib:.1} MiB |")?;
    }
    let folder = place::folder()?;
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("pst.md"), &text)?;
    fs::write(folder.join("pst.json"), serde_json::to_vec_pretty(found)?)?;
    // A closed standard output leaves nobody to tell.
    let _written = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}
