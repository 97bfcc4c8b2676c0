//! `malote quarantine` as its user runs it: list, show, try again, export, acknowledge.
//! Never looks into a ledger but through the program.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use acceptance::mail::Chance;
use acceptance::program::{Ended, Home, between, until};
use acceptance::scripted::{Letter, Script, Scripted};
use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Header lines that try to steer the terminal, and a text that servers refuse for good.
const HOSTILE: &[u8] = b"Message-ID: <1@x>\r\nSubject: \x1b[2Jred\r\n\r\nILL\0\r\n";
const PLAIN: &[u8] = b"Message-ID: <2@x>\r\nSubject: good\r\n\r\ngood\r\n";
const LARGE: &[u8] =
    b"Message-ID: <3@x>\r\nSubject: large\r\n\r\nlarge large large large large large large\r\n";

/// INBOX holds a message that is refused, one that is not and one that is too large; `Work` one that is refused.
struct Ground {
    source: Scripted,
    destination: Scripted,
    home: Home,
    /// True once the destination has ceased to refuse.
    is_mild: Arc<AtomicBool>,
}

impl Ground {
    fn new() -> Result<Self> {
        let source = Script::new().start()?;
        let world = source.world();
        let _ = world.folder("INBOX").holding([HOSTILE, PLAIN, LARGE].map(Letter::new));
        let _ = world.folder("Work").holding([Letter::new(HOSTILE)]);
        let is_mild = Arc::new(AtomicBool::new(false));
        let mild = Arc::clone(&is_mild);
        let destination = Script::new().judging(move |octets| {
            let is_ill = octets.windows(3).any(|part| part == b"ILL");
            (is_ill && !mild.load(Ordering::SeqCst)).then(|| "NO ill".to_owned())
        });
        Ok(Self { source, destination: destination.start()?, home: Home::new()?, is_mild })
    }

    /// A run on the pair, with the state in a file of its own.
    async fn run(&self, command: &[&str], more: &[&str]) -> Result<Ended> {
        let (from, to) = (self.source.url("ana"), self.destination.url("ana"));
        let state = self.home.path("s").display().to_string();
        let pair = between(command[0], &from, &to).into_iter().skip(1);
        let arguments =
            command.iter().copied().chain(pair).chain(["--state", &state]).chain(more.iter().copied());
        self.home.run(arguments.collect::<Vec<_>>()).await
    }

    async fn copy(&self, more: &[&str]) -> Result<Ended> {
        self.run(&["copy"], more).await
    }

    /// `malote quarantine …` on that state.
    async fn quarantine(&self, command: &str, more: &[&str]) -> Result<Ended> {
        let state = self.home.path("s").display().to_string();
        let arguments = ["quarantine", command, "--state", &state].into_iter().chain(more.iter().copied());
        self.home.run(arguments.collect::<Vec<_>>()).await
    }

    fn there(&self, folder: &str) -> usize {
        self.destination.world().messages(folder).len()
    }
}

/// `folder uid reason acknowledged` of each message listed.
fn listed(ended: &Ended) -> Vec<String> {
    let messages = ended.json()["messages"].as_array().cloned().unwrap_or_default();
    let word = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
    let line = |one: &Value| {
        format!("{} {} {} {}", word(one, "folder"), one["uid"], word(one, "reason"), one["acknowledged"])
    };
    messages.iter().map(line).collect()
}

const LIMIT: [&str; 2] = ["--max-size", "60"];

#[tokio::test]
async fn what_lies_in_quarantine_is_listed_by_folder_reason_and_uid() -> Result<()> {
    let ground = Ground::new()?;
    ground.copy(&LIMIT).await?.with(3);
    let all = ["INBOX 1 refused false", "INBOX 3 too_large false", "Work 1 refused false"];
    for (more, expected) in [
        (&[][..], &all[..]),
        (&["--folder", "INBOX"], &all[..2]),
        (&["--reason", "refused"], &[all[0], all[2]]),
        (&["--folder", "*", "--uid", "2:9"], &all[1..2]),
        (&["--folder", "Nothing"], &[]),
    ] {
        let ended = ground.quarantine("ls", &[more, &["--json"]].concat()).await?.with(0);
        assert_eq!(
            (listed(&ended), &ended.json()["schema"]),
            (strings(expected), &"malote.quarantine/1".into())
        );
    }
    let text = ground.quarantine("ls", &[]).await?.with(0).out;
    assert!(text.contains("3 messages lie in quarantine") && text.contains("<1@x>"), "{text}");
    let missing = ground.home.run(["quarantine", "ls", "--state", "/nowhere/s"]).await?.with(2);
    assert!(missing.err.contains("there is no ledger at /nowhere/s"), "{}", missing.err);
    Ok(())
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[tokio::test]
async fn show_tells_why_and_lets_nothing_through_to_the_terminal() -> Result<()> {
    let ground = Ground::new()?;
    ground.copy(&LIMIT).await?.with(3);
    let shown = ground.quarantine("show", &["--folder", "INBOX"]).await?.with(0).out;
    for expected in ["INBOX UID 1 (<1@x>)", "\"ill\"", "nul x1", "tried 3 times", "Subject: \u{fffd}[2Jred"] {
        assert!(shown.contains(expected), "{expected:?} is missing from {shown}");
    }
    assert!(shown.contains("never: its octets were not had"), "{shown}");
    assert!(!shown.contains('\u{1b}') && !shown.contains("ILL"), "{shown}");
    let read = ground.quarantine("show", &["--folder", "Work", "--json"]).await?.with(0).json();
    assert_eq!(read["messages"][0]["remedies"], serde_json::json!(["nul"]), "{read:#}");
    Ok(())
}

#[tokio::test]
async fn export_writes_each_file_once_with_a_manifest() -> Result<()> {
    let ground = Ground::new()?;
    ground.copy(&LIMIT).await?.with(3);
    let out = ground.home.path("out");
    let place = out.display().to_string();
    let ended = ground.quarantine("export", &["--out", &place]).await?.with(0);
    assert!(ended.out.starts_with("2 messages written to "), "{}", ended.out);
    let manifest: Value = serde_json::from_slice(&std::fs::read(out.join("manifest.json"))?)?;
    let names: Vec<&str> =
        (0..3).map(|at| manifest["messages"][at]["exported"].as_str().unwrap_or("?")).collect();
    assert_eq!(names, ["0001-INBOX-1.eml", "", "0003-Work-1.eml"], "{manifest:#}");
    assert_eq!(std::fs::read(out.join(names[0]))?, HOSTILE);
    let again = ground.quarantine("export", &["--out", &place]).await?.with(2);
    assert!(again.err.contains("give an empty folder to --out"), "{}", again.err);
    Ok(())
}

#[tokio::test]
async fn an_acknowledged_message_stays_counted_and_keeps_no_run_from_0() -> Result<()> {
    let ground = Ground::new()?;
    ground.copy(&LIMIT).await?.with(3);
    ground.copy(&LIMIT).await?.with(3);
    let ended = ground.quarantine("acknowledge", &["--folder", "INBOX", "--json"]).await?.with(0);
    assert_eq!(listed(&ended), ["INBOX 1 refused true", "INBOX 3 too_large true"]);
    assert_eq!(ground.copy(&LIMIT).await?.with(3).total("quarantined"), 3);
    ground.quarantine("acknowledge", &[]).await?.with(0);
    let ended = ground.copy(&LIMIT).await?.with(0);
    let report = ended.json();
    assert_eq!((ended.total("quarantined"), &report["status"]), (3, &"success".into()), "{report:#}");
    let entries = report["quarantine"].as_array().context("no list")?;
    assert!(entries.len() == 3 && entries.iter().all(|entry| entry["acknowledged"] == true), "{report:#}");
    assert_eq!(ground.run(&["verify"], &LIMIT).await?.with(0).total("quarantined"), 3);
    // A new one is another matter.
    ground.source.world().folder("INBOX").push(Letter::new(b"Message-ID: <4@x>\r\n\r\nILL\r\n"));
    assert_eq!(ground.copy(&LIMIT).await?.with(3).total("quarantined"), 4);
    Ok(())
}

#[tokio::test]
async fn retry_opens_what_was_chosen_and_nothing_else() -> Result<()> {
    let ground = Ground::new()?;
    ground.copy(&LIMIT).await?.with(3);
    ground.quarantine("acknowledge", &[]).await?.with(0);
    let large = ["--reason", "too_large"];
    let ended = ground.run(&["quarantine", "retry"], &large).await?.with(0);
    assert_eq!((ended.total("copied"), ended.total("quarantined")), (1, 2), "{}", ended.out);
    // What is refused once more has to be acknowledged once more.
    let ended = ground.run(&["quarantine", "retry"], &["--folder", "INBOX"]).await?.with(3);
    assert_eq!((ended.total("copied"), ended.total("quarantined")), (0, 1), "{}", ended.out);
    ground.is_mild.store(true, Ordering::SeqCst);
    let before = ground.copy(&[]).await?.with(3);
    assert_eq!((before.total("copied"), before.total("quarantined")), (0, 2), "{}", before.out);
    let ended = ground.run(&["quarantine", "retry"], &[]).await?.with(0);
    assert_eq!((ended.total("copied"), ended.total("quarantined")), (2, 0), "{}", ended.out);
    assert_eq!((ground.there("INBOX"), ground.there("Work")), (3, 1));
    assert_eq!(listed(&ground.quarantine("ls", &["--json"]).await?.with(0)), [] as [&str; 0]);
    let ended = ground.copy(&[]).await?.with(0);
    assert_eq!((ended.total("copied"), ended.total("already")), (0, 4), "{}", ended.out);
    Ok(())
}

#[tokio::test]
async fn repair_off_is_obeyed_and_a_retry_may_turn_it_on() -> Result<()> {
    let destination =
        Script::new().judging(|octets| octets.contains(&0).then(|| "NO it holds NUL".to_owned()));
    let ground = Ground { destination: destination.start()?, ..Ground::new()? };
    let ended = ground.copy(&["--repair", "off"]).await?.with(3);
    assert_eq!((ended.total("quarantined"), ended.json()["repairs"].as_array().map(Vec::len)), (2, Some(0)));
    let ended = ground.run(&["quarantine", "retry"], &[]).await?.with(0);
    let report = ended.json();
    assert_eq!((ended.total("copied"), ended.total("quarantined")), (2, 0), "{report:#}");
    let repair = &report["repairs"][0];
    assert_eq!((&repair["repairs"], &repair["message_id"]), (&serde_json::json!(["nul"]), &"<1@x>".into()));
    let kept = ground.home.path("s.quarantine").join(repair["kept"].as_str().unwrap_or_default());
    assert_eq!(std::fs::read(kept)?, HOSTILE);
    Ok(())
}

const KILLS: usize = 24;
const KILL_SEED: u64 = 20_261_121;

/// One mailbox, killed once so many repaired messages are there and then run to its end. True where the kill struck
/// in mid-repair.
async fn killed_at(count: usize) -> Result<bool> {
    let judge = |octets: &[u8]| octets.contains(&0).then(|| "NO it holds NUL".to_owned());
    let destination = Script::new().judging(judge).delay(Duration::from_millis(1)).start()?;
    let ground = Ground { destination, ..Ground::new()? };
    let letters =
        (0..12).map(|at| Letter::new(format!("Message-ID: <{at}@y>\r\n\r\nto\0wer {}\r\n", at / 2)));
    let _ = ground.source.world().folder("Many").holding(letters);
    let (from, to) = (ground.source.url("ana"), ground.destination.url("ana"));
    let state = ground.home.path("s").display().to_string();
    let copy = between("copy", &from, &to).into_iter().chain(["--state", &state]);
    let mut child = ground.home.command(copy).spawn()?;
    until("a repaired message", || ground.there("Many") >= count).await;
    child.kill().await?;
    let is_halfway = ground.there("Many") < 12;
    let report = ground.copy(&[]).await?.with(0).json();
    ensure!(report["totals"]["source_messages"] == 16, "{report:#}");
    let mut texts: Vec<Vec<u8>> =
        ground.destination.world().messages("Many").into_iter().map(|one| one.letter.octets).collect();
    texts.sort();
    let mut expected: Vec<Vec<u8>> =
        (0..12).map(|at| format!("Message-ID: <{at}@y>\r\n\r\ntower {}\r\n", at / 2).into_bytes()).collect();
    expected.sort();
    ensure!(texts == expected, "killed at {count}: {} of 12, {report:#}", texts.len());
    ensure!((ground.there("INBOX"), ground.there("Work")) == (3, 1), "killed at {count}: {report:#}");
    let again = ground.copy(&[]).await?.with(0);
    ensure!((again.total("copied"), again.total("adopted")) == (0, 0), "killed at {count}: {}", again.out);
    ensure!(again.json()["repairs"].as_array().is_some_and(|all| all.len() == 14), "{}", again.out);
    Ok(is_halfway)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_killed_in_mid_repair_has_each_message_once() -> Result<()> {
    eprintln!("seed {KILL_SEED}");
    let mut chance = Chance::new(KILL_SEED);
    let mut halfway = 0;
    for _ in 0..KILLS / 4 {
        let four: Vec<usize> = std::iter::repeat_with(|| 1 + chance.below(9)).take(4).collect();
        let rounds = four.into_iter().map(|count| tokio::spawn(killed_at(count)));
        for round in rounds.collect::<Vec<_>>() {
            halfway += usize::from(round.await??);
        }
    }
    eprintln!("{halfway} of {KILLS} kills struck in mid-repair");
    assert!(halfway >= KILLS / 2, "the kills came too late to prove anything");
    Ok(())
}
