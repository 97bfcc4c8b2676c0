//! Attacks on what makes a run fast: listings sent ahead, folders created side by side, counters that are not asked
//! anew, connections that mailboxes share. Nothing is lost, misplaced or called done that is not.

use std::sync::Arc;
use std::time::Duration;

use acceptance::mail::Mail;
use acceptance::migration::{Migration, PASSWORD};
use acceptance::pair::{Pair, classes, told};
use acceptance::proxy::{Plan, Proxy};
use acceptance::reader::Reader;
use acceptance::scripted::{Act, FolderHandle, Letter, Script, When};
use acceptance::servers::{Dovecot, DovecotOptions};
use anyhow::{Context as _, Result};
use malote_engine::clock::Clock;
use malote_engine::policy::Content;
use malote_engine::profile::Profile;
use malote_engine::report::Report;
use malote_engine::run::copy;

fn subjects(folder: &FolderHandle) -> Vec<String> {
    let subject = |octets: &[u8]| {
        let text = String::from_utf8_lossy(octets).into_owned();
        text.lines().find_map(|line| line.strip_prefix("Subject: ").map(str::to_owned)).unwrap_or_default()
    };
    let mut subjects: Vec<String> =
        folder.messages().iter().map(|stored| subject(&stored.letter.octets)).collect();
    subjects.sort();
    subjects
}

/// A clock that stands still.
struct At(i64);

impl Clock for At {
    fn now_unix_ms(&self) -> i64 {
        self.0
    }
}

async fn copy_at(pair: &Pair, now_ms: i64) -> Result<Report> {
    pair.source.transcript().clear();
    let mut job = pair.migration.job().await?;
    job.clock = Arc::new(At(now_ms));
    let report = copy(&job).await;
    job.source.close().await;
    job.destination.close().await;
    job.ledger.close().await;
    Ok(report)
}

#[tokio::test]
async fn modification_sequences_found_out_by_a_spot_check_are_not_believed_by_the_next_run() -> Result<()> {
    let pair = Pair::plain()?;
    for name in ["INBOX", "Um", "Dois"] {
        let _ = pair.source.world().folder(name).holding([Letter::simple(name), Letter::simple("b")]);
    }
    assert_eq!(told(&pair.copy().await?), "success: 6 copied");
    assert_eq!(told(&pair.copy().await?), "success: 6 already");
    // Which runs take a closer look at INBOX is seen from outside.
    let (mut closer, mut passing) = (None, None);
    for now_ms in (0..200).map(|second| 1_790_000_000_000 + second * 1000) {
        copy_at(&pair, now_ms).await?;
        let entries = pair.source.transcript().entries();
        let is_opened = entries.iter().any(|entry| entry.verb == "EXAMINE" && entry.line.contains("INBOX"));
        *(if is_opened { &mut closer } else { &mut passing }) = Some(now_ms);
        if closer.is_some() && passing.is_some() {
            break;
        }
    }
    let (closer, passing) = (closer.context("no run looked")?, passing.context("every run looked")?);
    pair.inbox().freeze_modseq();
    pair.inbox().set_flags(1, r"\Seen");
    assert_eq!(copy_at(&pair, passing).await?.totals.flag_changes, 0, "the listing hides it");
    let report = copy_at(&pair, closer).await?;
    assert_eq!(report.totals.flag_changes, 1, "{:?}", report.warnings);
    pair.inbox().set_flags(2, r"\Flagged");
    let report = copy_at(&pair, passing).await?;
    assert_eq!(report.totals.flag_changes, 1, "what was found out once is remembered: {:?}", report.warnings);
    Ok(())
}

#[tokio::test]
async fn a_folder_that_is_refused_does_not_get_its_mail_into_one_that_differs_in_case() -> Result<()> {
    for (refused, made) in [("Pasta", "pasta"), ("pasta", "Pasta")] {
        let destination =
            Script::new().refuse(When::verb("CREATE").containing(refused), "NO [LIMIT] no more folders");
        let pair = Pair::of(Script::new(), destination)?;
        for name in [refused, made] {
            let _ = pair.source.world().folder(name).holding([Letter::simple(name)]);
        }
        let report = pair.copy().await?;
        assert_eq!(subjects(&pair.destination.world().folder(made)), [made], "{report:?}");
        assert_eq!((report.totals.copied, report.totals.pending), (1, 1), "{report:?}");
        assert_ne!(classes(&report), ["decision.needed"], "the server's refusal is told: {report:?}");
    }
    Ok(())
}

#[tokio::test]
async fn folders_named_like_patterns_get_their_own_mail() -> Result<()> {
    const NAMES: [&str; 7] = ["A*", "A%", "AB", "ab", "a*", "INBOX/A*", "INBOX/ab"];
    let pair = Pair::plain()?;
    for name in NAMES {
        let _ = pair.source.world().folder(name).holding([Letter::simple(name)]);
    }
    let report = pair.copy().await?;
    let places: Vec<(String, Vec<String>)> = pair
        .destination
        .world()
        .folders()
        .into_iter()
        .map(|name| (name.clone(), subjects(&pair.destination.world().folder(&name))))
        .filter(|(_, subjects)| !subjects.is_empty())
        .collect();
    assert_eq!((report.totals.copied, report.totals.pending), (NAMES.len() as u64, 0), "{report:?}");
    assert!(places.iter().all(|(_, subjects)| subjects.len() == 1), "{places:?}");
    Ok(())
}

#[tokio::test]
async fn a_message_that_goes_while_its_folder_is_opened_is_no_error() -> Result<()> {
    for (source, destination) in [(true, false), (false, true)] {
        let leaving = |world: &acceptance::scripted::World| world.folder("INBOX").remove(3);
        let script = |leaves: bool| {
            let script = Script::new();
            if leaves { script.meanwhile(When::verb("UID SEARCH").nth(1), leaving) } else { script }
        };
        let pair = Pair::of(script(source), script(destination))?;
        pair.deliver((0..5).map(|at| Letter::simple(&format!("m{at}"))));
        let _ = pair.there().holding((0..5).map(|at| Letter::simple(&format!("t{at}"))));
        let report = pair.copy().await?;
        let copied = if source { 4 } else { 5 };
        assert_eq!(told(&report), format!("success: {copied} copied"), "{report:?}");
        assert_eq!(report.totals.destination_messages, 9);
        assert_eq!(told(&pair.copy().await?), format!("success: {copied} already"));
    }
    Ok(())
}

/// The first listing that goes out with an opening is answered for the folder that was open before.
fn answering_for_another_folder() -> Script {
    let foreign = b"* ESEARCH (TAG \"x\") UID ALL 101:103\r\n".to_vec();
    Script::new()
        .rule(When::verb("EXAMINE").containing("INBOX"), Act::Prelude(foreign))
        .rule(When::verb("UID SEARCH").nth(1), Act::Raw(b"{tag} OK searched\r\n".to_vec()))
}

#[tokio::test]
async fn a_listing_of_the_folder_that_was_open_before_is_not_believed() -> Result<()> {
    let pair = Pair::of(answering_for_another_folder(), Script::new())?;
    pair.deliver((0..3).map(|at| Letter::simple(&format!("m{at}"))));
    let report = pair.copy().await?;
    assert_eq!(told(&report), "success: 3 copied", "{report:?}");
    Ok(())
}

#[tokio::test]
async fn an_opening_that_is_refused_with_its_listing_answered_opens_nothing() -> Result<()> {
    let refusal =
        b"* 3 EXISTS\r\n* ESEARCH (TAG \"x\") UID ALL 1:3\r\n{tag} NO [SERVERBUG] later\r\n".to_vec();
    let source = Script::new().rule(When::verb("EXAMINE").first(1), Act::Raw(refusal));
    let pair = Pair::of(source, Script::new())?;
    pair.deliver((0..3).map(|at| Letter::simple(&format!("m{at}"))));
    let report = pair.copy().await?;
    assert_eq!(told(&report), "success: 3 copied", "{report:?}");
    Ok(())
}

#[tokio::test]
async fn what_was_answered_is_recorded_while_the_source_keeps_silent() -> Result<()> {
    const FIRST_WINDOW: usize = 1000;
    let silence = Act::Delay(Duration::from_secs(3));
    let source = Script::new().rule(When::verb("UID FETCH").containing("BODY.PEEK[]").nth(2), silence);
    let pair = Pair::of(source, Script::new())?;
    pair.deliver((0..FIRST_WINDOW + 1).map(|at| Letter::simple(&format!("m{at}"))));
    let job = pair.migration.job().await?;
    let progress = Arc::clone(&job.progress);
    let arrive = async {
        while progress.snapshot().messages_copied < FIRST_WINDOW as u64 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        pair.there().messages().len()
    };
    let mut run = Box::pin(copy(&job));
    let there = tokio::select! {
        there = arrive => there,
        report = &mut run => anyhow::bail!("it ended before its records were written: {}", told(&report)),
    };
    assert_eq!(there, FIRST_WINDOW, "the last message is still to come");
    assert_eq!(told(&run.await), "success: 1001 copied");
    Ok(())
}

#[tokio::test]
async fn a_listing_of_numbers_that_are_no_uids_is_not_believed() -> Result<()> {
    let numbers = b"* ESEARCH (TAG \"x\") ALL 1:3\r\n{tag} OK searched\r\n".to_vec();
    let pair = Pair::of(Script::new().rule(When::verb("UID SEARCH"), Act::Raw(numbers)), Script::new())?;
    pair.inbox().set_uidnext(5);
    pair.deliver((0..3).map(|at| Letter::simple(&format!("m{at}"))));
    let report = pair.copy().await?;
    assert_eq!(told(&report), "success: 3 copied", "{report:?}");
    Ok(())
}

/// A server that takes `octets` in a day.
fn allowing_up(octets: u64) -> Result<Arc<Profile>> {
    let text = format!(
        "name = \"miser\"\ntitle = \"A miser\"\n\n[recognised]\n\n[[quirk]]\nknob = \"octets_up_per_day\"\n\
         value = {octets}\ndeviation = \"counts what is written\"\nhandling = \"writes no more\"\nsource = \"tests\"\n"
    );
    Profile::read(&text).map(Arc::new).map_err(|wrong| anyhow::anyhow!("{wrong}"))
}

#[tokio::test]
async fn an_allowance_for_writing_that_ends_midway_leaves_nothing_in_doubt() -> Result<()> {
    for (octets, multiappend) in [(1, true), (20_000, true), (20_000, false), (39_000, true)] {
        let script = if multiappend { Script::new() } else { Script::new().without("MULTIAPPEND") };
        let mut pair = Pair::of(Script::new(), script)?;
        pair.deliver((0..40).map(|at| Letter::simple(&format!("{at} {}", "x".repeat(1000)))));
        pair.migration.profiles.1 = Some(allowing_up(octets)?);
        let report = pair.copy().await?;
        assert_eq!(classes(&report), ["throttle.daily"], "{report:?}");
        assert_eq!(pair.there().messages().len() as u64, report.totals.copied);
        pair.migration.profiles.1 = None;
        let report = pair.copy().await?;
        assert!(pair.is_twin() && report.totals.adopted == 0, "{report:?}");
    }
    Ok(())
}

/// Octets that DEFLATE gains nothing on, in lines of 70.
fn noise(octets: usize) -> String {
    let (mut text, mut state) = (String::with_capacity(octets + octets / 35), 0x2545_f491_u64);
    for at in 0..octets {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push(char::from(b'!' + u8::try_from(state >> 33 & 63).unwrap_or(0)));
        if at % 70 == 69 {
            text.push_str("\r\n");
        }
    }
    text
}

#[tokio::test]
async fn a_mailbox_arrives_whole_through_compression_on_both_sides() -> Result<()> {
    let server = || Dovecot::start(DovecotOptions { compresses: true, ..DovecotOptions::default() });
    let (source, destination) = (server()?, server()?);
    let mut reader = Reader::login(source.port(), "ana", PASSWORD).await?;
    for number in 0..120 {
        let body = noise(if number % 40 == 0 { 3_000_000 } else { number * 97 });
        let octets = [Letter::simple(&format!("{number}")).octets, body.into_bytes()].concat();
        reader.fill([("INBOX", &Mail::new("m", octets))]).await?;
    }
    let slow = |port| Proxy::start(port, Plan::new().latency(Duration::from_millis(5)));
    let (near_source, near_destination) = (slow(source.port())?, slow(destination.port())?);
    let compressed = |url: String| format!("{url}&compress=on");
    let migration =
        Migration::between(&compressed(near_source.url("ana")), &compressed(near_destination.url("ana")))?;
    assert_eq!(told(&migration.copy().await?), "success: 120 copied");
    let verified = migration.verify(Content::Full).await?;
    assert_eq!(told(&verified), "success: 120 already", "{verified:?}");
    let mut there = Reader::login(destination.port(), "ana", PASSWORD).await?;
    let (mut ours, mut theirs) = (reader.fingerprints().await?, there.fingerprints().await?);
    ours.sort();
    theirs.sort();
    assert!(ours == theirs, "each message as it was");
    let carried = near_source.octets().1 + near_destination.octets().0;
    let plain: usize = reader.messages("INBOX").await?.iter().map(|message| message.octets.len()).sum();
    assert!(carried < 3 * plain as u64, "{carried} of {plain}");
    Ok(())
}
