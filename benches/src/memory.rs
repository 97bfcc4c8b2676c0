//! How much memory Malote takes where a mailbox is large: many messages, one folder, one message, many mailboxes.
//! Never compared with anybody: these are limits of our own.

mod watch;

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use serde::Serialize;

use crate::corpus::{Shape, Writer};
use crate::course::{Ground, check};
use crate::fill;
use crate::measure::{self, Figures};
use crate::place;
use crate::rivals::{PASSWORD, SOURCE_USER, malote, passwords};
use watch::Watch;

const PEAK_MIB_MAX: f64 = 48.0;
const BATCH_PEAK_MIB_MAX: f64 = 400.0;
const FIRST_MESSAGE_S_MAX: f64 = 5.0;
const LAST_TENTH_MIN: f64 = 0.8;

/// How large the cases are.
struct Sizes {
    copied: usize,
    folder: usize,
    message_octets: usize,
    mailboxes: usize,
    mailbox_messages: usize,
}

const FULL: Sizes = Sizes {
    copied: 10_000,
    folder: 200_000,
    message_octets: 200_000_000,
    mailboxes: 100,
    mailbox_messages: 200,
};

/// Too small to prove the limits, large enough to try the bench itself.
const QUICK: Sizes =
    Sizes { copied: 1_000, folder: 20_000, message_octets: 20_000_000, mailboxes: 10, mailbox_messages: 100 };

/// One figure beside its limit.
#[derive(Debug, Clone, Serialize)]
struct Finding {
    case: String,
    what: &'static str,
    found: String,
    limit: String,
    is_reached: bool,
}

/// All figures, as `memory.json` has them.
#[derive(Debug, Serialize)]
struct Findings {
    schema: &'static str,
    findings: Vec<Finding>,
}

/// Servers of one case, and Malote's folder.
struct Stage {
    ground: Ground,
    program: PathBuf,
}

/// Runs the cases whose names hold one of the words, and says which limits were kept.
pub fn main(is_quick: bool, words: &str) -> Result<()> {
    let states = place::prepare()?;
    let sizes = if is_quick { QUICK } else { FULL };
    type Run = fn(&Sizes, &Path) -> Result<Vec<Finding>>;
    let cases: [(&str, Run); 4] =
        [("copy", copy), ("folder", folder), ("message", message), ("mailboxes", mailboxes)];
    let is_chosen = |name: &str| words.is_empty() || words.split(',').any(|word| name.contains(word.trim()));
    let (mut findings, mut failed) = (Vec::new(), Vec::new());
    for (name, run) in cases.into_iter().filter(|(name, _)| is_chosen(name)) {
        eprintln!("memory: {name}");
        match run(&sizes, &states) {
            Ok(found) => findings.extend(found),
            Err(cause) => {
                eprintln!("memory: {name}: {cause:#}");
                failed.push(name);
            }
        }
    }
    write(&Findings { schema: "malote.bench-memory/1", findings })?;
    ensure!(failed.is_empty(), "no figures for {}", failed.join(", "));
    Ok(())
}

impl Stage {
    fn new(users: &[String], states: &Path) -> Result<Self> {
        Ok(Self { ground: Ground::new(users, users, false, states)?, program: malote()? })
    }

    fn for_one(states: &Path) -> Result<Self> {
        Self::new(&[SOURCE_USER.to_owned()], states)
    }

    fn locations(&self) -> [(&'static str, u16); 2] {
        [("--from", self.ground.source_port()), ("--to", self.ground.destination_port())]
    }

    /// Copies the one account and counts what arrived.
    fn copy(&self, messages: usize) -> Result<Figures> {
        let state = self.ground.state_of(SOURCE_USER)?.join("state.malote");
        let mut command = vec![self.program.display().to_string(), "copy".to_owned(), "--quiet".to_owned()];
        for (side, port) in self.locations() {
            command.extend([side.to_owned(), format!("imap://{SOURCE_USER}@127.0.0.1:{port}?tls=off")]);
        }
        command.extend(["--state".to_owned(), state.display().to_string()]);
        let figures = measure::outside(&command, &passwords())?;
        check(self.ground.destination_port(), SOURCE_USER, &[messages])?;
        Ok(figures)
    }
}

fn copy(sizes: &Sizes, states: &Path) -> Result<Vec<Finding>> {
    let stage = Stage::for_one(states)?;
    let mut writer = Writer::new(Shape::Mixed, 1);
    let octets = fill::fill(stage.ground.source_port(), SOURCE_USER, &mut writer, sizes.copied)?;
    let case = format!("{} mixed messages, {:.0} MB", sizes.copied, octets as f64 / 1e6);
    Ok(vec![peak(&case, stage.copy(sizes.copied)?, PEAK_MIB_MAX)])
}

fn folder(sizes: &Sizes, states: &Path) -> Result<Vec<Finding>> {
    let stage = Stage::for_one(states)?;
    let mut writer = Writer::new(Shape::Tiny, 1).into_one_folder();
    fill::fill(stage.ground.source_port(), SOURCE_USER, &mut writer, sizes.folder)?;
    let watch = Watch::start(stage.ground.destination_port(), SOURCE_USER)?;
    let figures = stage.copy(sizes.folder)?;
    let course = watch.end()?;
    let case = format!("one folder of {} messages of 1 KiB", sizes.folder);
    let mut findings = vec![peak(&case, figures, PEAK_MIB_MAX)];
    let first_s = course.reached_s(1);
    findings.push(Finding {
        case: case.clone(),
        what: "first message at the destination after",
        found: format!("{first_s:.2} s"),
        limit: format!("{FIRST_MESSAGE_S_MAX} s"),
        is_reached: first_s <= FIRST_MESSAGE_S_MAX,
    });
    let (early, late) = (course.rate(0, 1, sizes.folder), course.rate(9, 10, sizes.folder));
    findings.push(Finding {
        case,
        what: "rate in the last tenth as part of that in the first",
        found: format!("{:.0} % ({late:.0} and {early:.0} messages/s)", late / early * 100.0),
        limit: format!("at least {:.0} %", LAST_TENTH_MIN * 100.0),
        is_reached: late / early >= LAST_TENTH_MIN,
    });
    Ok(findings)
}

fn message(sizes: &Sizes, states: &Path) -> Result<Vec<Finding>> {
    let stage = Stage::for_one(states)?;
    let mut writer = Writer::new(Shape::Exactly(sizes.message_octets), 1).into_one_folder();
    fill::fill(stage.ground.source_port(), SOURCE_USER, &mut writer, 1)?;
    let case = format!("one message of {:.0} MB", sizes.message_octets as f64 / 1e6);
    Ok(vec![peak(&case, stage.copy(1)?, PEAK_MIB_MAX)])
}

fn mailboxes(sizes: &Sizes, states: &Path) -> Result<Vec<Finding>> {
    let users: Vec<String> = (0..sizes.mailboxes).map(|number| format!("user{number}")).collect();
    let stage = Stage::new(&users, states)?;
    for (number, user) in users.iter().enumerate() {
        let mut writer = Writer::new(Shape::Mixed, 1 + number as u64);
        fill::fill(stage.ground.source_port(), user, &mut writer, sizes.mailbox_messages)?;
    }
    let folder = stage.ground.state_of("batch")?;
    let sheet = folder.join("mailboxes.csv");
    let rows: String = users.iter().map(|user| format!("{user},{PASSWORD}\n")).collect();
    fs::write(&sheet, format!("user,password\n{rows}"))?;
    // A sheet with passwords that others may read is warned of.
    fs::set_permissions(&sheet, fs::Permissions::from_mode(0o600))?;
    let mut command = vec![stage.program.display().to_string(), "batch".to_owned(), "--quiet".to_owned()];
    for (side, port) in stage.locations() {
        command.extend([side.to_owned(), format!("imap://{{user}}@127.0.0.1:{port}?tls=off")]);
    }
    let folder_name = folder.display().to_string();
    command.extend(["--state-dir".to_owned(), folder_name, "--jobs".to_owned(), sizes.mailboxes.to_string()]);
    command.push(sheet.display().to_string());
    let figures = measure::outside(&command, &passwords())?;
    for user in &users {
        check(stage.ground.destination_port(), user, &[sizes.mailbox_messages])?;
    }
    let case =
        format!("{} mailboxes of {} messages at once, one process", sizes.mailboxes, sizes.mailbox_messages);
    Ok(vec![peak(&case, figures, BATCH_PEAK_MIB_MAX)])
}

fn peak(case: &str, figures: Figures, limit_mib: f64) -> Finding {
    let mib = figures.peak_kib as f64 / 1024.0;
    Finding {
        case: case.to_owned(),
        what: "peak resident memory",
        found: format!("{mib:.1} MiB (in {:.1} s, {:.1} s of CPU)", figures.wall_s, figures.cpu_s),
        limit: format!("{limit_mib:.0} MiB"),
        is_reached: mib <= limit_mib,
    }
}

fn write(findings: &Findings) -> Result<()> {
    let mut text =
        String::from("# Malote's memory\n\n| case | what | found | limit | |\n|---|---|---|---|---|\n");
    for Finding { case, what, found, limit, is_reached } in &findings.findings {
        let word = if *is_reached { "kept" } else { "**missed**" };
        writeln!(text, "| {case} | {what} | {found} | {limit} | {word} |")?;
    }
    let folder = place::folder()?;
    fs::write(folder.join("memory.md"), &text)?;
    fs::write(folder.join("memory.json"), serde_json::to_vec_pretty(findings)?)?;
    // A closed standard output leaves nobody to tell.
    let _written = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}
