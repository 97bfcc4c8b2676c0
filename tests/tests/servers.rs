//! Whole mailboxes between real servers, each message compared by a client that shares no line with Malote.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use acceptance::mail::{Mail, Postman, corpus_or_skip};
use acceptance::migration::{Migration, PASSWORD};
use acceptance::office::{Writing, contents, differences, move_in, of_every_kind, sorted};
use acceptance::proxy::{Plan, Proxy};
use acceptance::reader::{Fingerprint, Reader};
use acceptance::servers::{Cyrus, CyrusOptions, Dovecot, DovecotOptions, Layout};
use anyhow::{Context, Result, ensure};
use malote_engine::policy::Content;
use malote_engine::report::{Report, Status};
use malote_engine::run::copy;
use tokio::time::sleep;

const SEED: u64 = 11;
const PATIENCE: Duration = Duration::from_secs(30);

/// One side: where its account is, and how its server writes names.
#[derive(Clone, Debug)]
struct Side {
    port: u16,
    url: String,
    writing: Writing,
    /// True for Cyrus, which by default puts `X` for each octet of a header that is not ASCII (`munge8bit`).
    rewrites_headers: bool,
}

impl Side {
    fn dovecot(server: &Dovecot, user: &str, layout: Layout) -> Self {
        let writing = if layout == Layout::MaildirPlusPlus { Writing::BELOW_INBOX } else { Writing::PLAIN };
        Self { port: server.port(), url: server.url(user), writing, rewrites_headers: false }
    }

    fn cyrus(server: &Cyrus, user: &str, unixhierarchysep: bool) -> Self {
        let writing = if unixhierarchysep { Writing::BELOW_INBOX_WITH_SLASH } else { Writing::BELOW_INBOX };
        Self { port: server.port(), url: server.url(user), writing, rewrites_headers: true }
    }

    async fn reader(&self) -> Result<Reader> {
        let user = self.url.trim_start_matches("imap://").trim_start_matches("imaps://");
        let user = user.split('@').next().unwrap_or_default();
        Reader::login(self.port, user, PASSWORD).await
    }

    async fn contents(&self) -> Result<Vec<Fingerprint>> {
        contents(&mut self.reader().await?, self.writing).await
    }

    /// `HOST:PORT/USER/PASSWORD`, as the independent judge takes it.
    fn for_judge(&self, user: &str) -> String {
        format!("127.0.0.1:{}/{user}/{PASSWORD}", self.port)
    }
}

/// Moves a mailbox, and expects everything there but what the report names; a second run does nothing and a full
/// verification agrees. Gives the first run's report.
async fn moves_whole(from: &Side, to: &Side) -> Result<Report> {
    moves_whole_by(&Migration::between(&from.url, &to.url)?, from, to).await
}

async fn moves_whole_by(migration: &Migration, from: &Side, to: &Side) -> Result<Report> {
    let expected = from.contents().await?;
    let report = migration.copy().await?;
    ensure!(report.balances() && report.errors.is_empty(), "{report:#?}");
    let (missing, altered) = differences(&expected, &to.contents().await?);
    let told = || format!("missing: {missing:#?}, altered or too many: {altered:#?}, {report:#?}");
    ensure!(altered.is_empty() || to.rewrites_headers, "{}", told());
    ensure!(altered.iter().all(|one| missing.iter().any(|other| is_altered(one, other))), "{}", told());
    ensure!(missing.len() == report.quarantine.len() + altered.len(), "{}", told());
    ensure!(report.dropped_flags.is_empty(), "{report:#?}");
    ensure!(report.totals.source_messages == expected.len() as u64, "{report:#?}");
    let kept = std::fs::read_dir(migration.quarantine()).map_or(0, Iterator::count);
    ensure!(kept >= report.quarantine.len(), "{kept} files in quarantine, {report:#?}");
    let verified = settled(migration, &report).await?;
    let changed = rewritten(&verified) + verified.repairs.len();
    ensure!(changed == altered.len(), "{} {:?}", told(), verified.warnings);
    ensure!(from.contents().await? == expected, "the source was touched");
    Ok(report)
}

/// True for the same place, flags and date with other octets.
fn is_altered(one: &Fingerprint, other: &Fingerprint) -> bool {
    let place = |one: &Fingerprint| (one.folder.clone(), one.flags.clone(), one.internal_date_s);
    place(one) == place(other)
}

/// How many messages a verification calls rewritten by the destination.
fn rewritten(verified: &Report) -> usize {
    let counts = verified.warnings.iter().filter(|warning| warning.contains("that the destination rewrote"));
    counts.filter_map(|warning| warning.split(": ").nth(1)?.split(' ').next()?.parse::<usize>().ok()).sum()
}

/// A second run does nothing, and a full verification finds nothing. Gives the verification.
async fn settled(migration: &Migration, first: &Report) -> Result<Report> {
    let again = migration.copy().await?;
    let totals = again.totals;
    ensure!((totals.copied, totals.adopted, totals.flag_changes) == (0, 0, 0), "the second run: {again:#?}");
    ensure!(again.errors.is_empty() && totals.pending == 0, "the second run: {again:#?}");
    let verified = migration.verify(Content::Full).await?;
    ensure!(verified.errors.is_empty() && verified.balances(), "verification: {verified:#?}");
    ensure!(verified.totals.quarantined == first.totals.quarantined, "verification: {verified:#?}");
    Ok(verified)
}

/// Fills `from`, moves it to `to` and on to `home`, a second account of the first server.
async fn there_and_back(from: &Side, to: &Side, home: &Side) -> Result<(Report, Report)> {
    let mut reader = from.reader().await?;
    let refused = move_in(&mut reader, from.writing, &of_every_kind(SEED, 60)).await?;
    assert_eq!(refused, Vec::<String>::new());
    reader.logout().await?;
    let there = moves_whole(from, to).await.context("there")?;
    let back = moves_whole(to, home).await.context("back")?;
    let roles = |report: &Report| -> BTreeSet<(String, Option<String>)> {
        let folders = report.folders.iter().filter(|folder| folder.counters.source_messages > 0);
        folders.map(|folder| (folder.source.clone(), folder.role.clone())).collect()
    };
    assert_eq!(roles(&there).len(), acceptance::office::FOLDERS.len());
    assert!(roles(&there).contains(&("Sent".to_owned(), Some("sent".to_owned()))), "{:?}", roles(&there));
    Ok((there, back))
}

/// Asks the judge that knows nothing of this workspace; says so where it is absent.
fn judged_same(from: &Side, to: &Side) -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().skip(2).take(2);
    let tool = folder.map(|above| above.join("shared/tools/same.py")).find(|path| path.is_file());
    let Some(tool) = tool else {
        eprintln!("SKIPPED: no independent judge beside the workspace (../shared/tools/same.py)");
        return Ok(());
    };
    let maps = acceptance::office::FOLDERS
        .iter()
        .map(|folder| format!("{}={}", from.writing.name(folder), to.writing.name(folder)));
    let judged = Command::new("python3")
        .arg(tool)
        .args([from.for_judge("ana"), to.for_judge("ana"), "--map".to_owned()])
        .args(maps)
        .output()
        .context("running python3")?;
    let verdict = String::from_utf8_lossy(&judged.stdout);
    ensure!(judged.status.success(), "{verdict}{}", String::from_utf8_lossy(&judged.stderr));
    eprintln!("same.py: {}", verdict.trim());
    Ok(())
}

#[tokio::test]
async fn dovecot_to_maildir_plus_plus_and_back_keeps_everything() -> Result<()> {
    let near = Dovecot::start(DovecotOptions::default())?;
    let layout = Layout::MaildirPlusPlus;
    let far = Dovecot::start(DovecotOptions { layout, ..DovecotOptions::default() })?;
    let from = Side::dovecot(&near, "ana", Layout::Sdbox);
    let to = Side::dovecot(&far, "ana", layout);
    let home = Side::dovecot(&near, "bia", Layout::Sdbox);
    let (there, back) = there_and_back(&from, &to, &home).await?;
    assert_eq!((there.quarantine.len(), back.quarantine.len()), (0, 0));
    assert_eq!(home.contents().await?, from.contents().await?);
    judged_same(&from, &to)
}

#[tokio::test]
async fn a_message_that_dovecot_finds_too_large_is_kept_back_alone() -> Result<()> {
    let near = Dovecot::start(DovecotOptions::default())?;
    let far = Dovecot::start(DovecotOptions { message_kib_max: Some(100), ..DovecotOptions::default() })?;
    let (from, to) = (Side::dovecot(&near, "ana", Layout::Sdbox), Side::dovecot(&far, "ana", Layout::Sdbox));
    let mut reader = from.reader().await?;
    let text = |lines: usize| {
        "seventy octets of a line that is neither long nor short, ending here ..\r\n".repeat(lines)
    };
    for (number, lines) in [3, 3_000, 2, 4_000, 1].into_iter().enumerate() {
        let octets = format!("Message-ID: <{number}@x>\r\nSubject: {number}\r\n\r\n{}", text(lines));
        reader.append("INBOX", &Mail::new("sized", octets)).await?;
    }
    let migration = Migration::between(&from.url, &to.url)?;
    let report = migration.copy().await?;
    let told = format!("{report:#?}");
    let reasons: Vec<_> = report.quarantine.iter().map(|one| (one.uid, one.reason.as_str())).collect();
    assert_eq!(reasons, [(2, "too_large"), (4, "too_large")], "{told}");
    assert_eq!((report.totals.copied, report.totals.pending), (3, 0), "{told}");
    assert_eq!(to.contents().await?.len(), 3);
    Ok(())
}

#[tokio::test]
async fn dovecot_to_cyrus_and_back_keeps_what_cyrus_takes_and_names_what_was_repaired() -> Result<()> {
    for unixhierarchysep in [true, false] {
        let options = CyrusOptions { unixhierarchysep, ..CyrusOptions::default() };
        let Some(cyrus) = Cyrus::start_or_skip(options)? else { return Ok(()) };
        let dovecot = Dovecot::start(DovecotOptions::default())?;
        let from = Side::dovecot(&dovecot, "ana", Layout::Sdbox);
        let to = Side::cyrus(&cyrus, "ana", unixhierarchysep);
        let home = Side::dovecot(&dovecot, "bia", Layout::Sdbox);
        let (there, back) = there_and_back(&from, &to, &home).await?;
        let named: Vec<_> = there.repairs.iter().map(|one| (&one.folder, &one.repairs)).collect();
        eprintln!("Cyrus, unixhierarchysep {unixhierarchysep}, took once repaired {named:#?}");
        assert!(!named.is_empty() && named.len() < 8, "{named:?}");
        assert!(named.iter().all(|(_, repairs)| *repairs == &["blank_line"]), "{named:?}");
        assert_eq!((there.quarantine.len(), back.quarantine.len(), back.repairs.len()), (0, 0, 0));
        assert_eq!(home.contents().await?, to.contents().await?);
    }
    Ok(())
}

#[tokio::test]
async fn tls_on_both_sides_by_either_way_moves_everything() -> Result<()> {
    let secure = || Dovecot::start(DovecotOptions { tls: true, ..DovecotOptions::default() });
    let (near, far) = (secure()?, secure()?);
    let from = Side::dovecot(&near, "ana", Layout::Sdbox);
    move_in(&mut from.reader().await?, from.writing, &of_every_kind(SEED, 10)).await?;
    let roots: String = [near.ca(), far.ca()].into_iter().flatten().map(|ca| ca.pem()).collect();
    for (user, is_implicit) in [("ana", true), ("bia", false)] {
        let url = |server: &Dovecot, user: &str| match server.tls_port().filter(|_| is_implicit) {
            Some(port) => format!("imaps://{user}@127.0.0.1:{port}"),
            None => format!("imap://{user}@localhost:{}", server.port()),
        };
        let to = Side::dovecot(&far, user, Layout::Sdbox);
        let mut migration = Migration::between(&url(&near, "ana"), &url(&far, user))?;
        let stranger = migration.copy().await?;
        assert_eq!(stranger.status, Status::Failed, "an unknown authority was believed: {stranger:#?}");
        assert_eq!(to.contents().await?, []);
        migration.extra_roots = roots.clone().into_bytes();
        moves_whole_by(&migration, &from, &to).await?;
    }
    Ok(())
}

#[tokio::test]
async fn every_file_of_the_corpus_arrives_octet_by_octet() -> Result<()> {
    let corpus = corpus_or_skip()?;
    if corpus.is_empty() {
        return Ok(());
    }
    let (near, far) =
        (Dovecot::start(DovecotOptions::default())?, Dovecot::start(DovecotOptions::default())?);
    let (from, to) = (Side::dovecot(&near, "ana", Layout::Sdbox), Side::dovecot(&far, "ana", Layout::Sdbox));
    let count = corpus.len();
    let refused = move_in(&mut from.reader().await?, from.writing, &sorted(corpus)).await?;
    eprintln!("the source itself refused {refused:?} of {count}");
    let report = moves_whole(&from, &to).await?;
    assert_eq!(report.totals.copied as usize, count - refused.len());
    assert_eq!(report.status, Status::Success, "{report:#?}");
    judged_same(&from, &to)
}

/// What the user does to the source while the engine reads it.
async fn busy_user(side: &Side, rounds: usize) -> Result<()> {
    let mut reader = side.reader().await?;
    let mut postman = Postman::new(SEED + 1);
    for round in 0..rounds {
        let folder = side.writing.name(["INBOX", "Projetos", "Sent"][round % 3]);
        reader.append(&folder, &postman.ordinary()).await?;
        reader.run(&format!("SELECT \"{folder}\"")).await?;
        reader.run("STORE 2:3 +FLAGS (\\Flagged $Importante)").await?;
        reader.run("STORE 3 -FLAGS (\\Seen)").await?;
        reader.run("STORE 1 +FLAGS (\\Deleted)").await?;
        reader.run("EXPUNGE").await?;
        sleep(Duration::from_millis(15)).await;
    }
    reader.logout().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_at_work_on_the_source_is_followed_by_a_delta() -> Result<()> {
    let (near, far) =
        (Dovecot::start(DovecotOptions::default())?, Dovecot::start(DovecotOptions::default())?);
    let from = Side::dovecot(&near, "ana", Layout::Sdbox);
    let to = Side::dovecot(&far, "ana", Layout::Sdbox);
    move_in(&mut from.reader().await?, from.writing, &of_every_kind(SEED, 600)).await?;
    let before = from.contents().await?;
    let slow = Proxy::start(near.port(), Plan::new().latency(Duration::from_millis(10)))?;
    let migration = Migration::between(&slow.url("ana"), &to.url)?;
    let user = tokio::spawn({
        let from = from.clone();
        async move { busy_user(&from, 24).await }
    });
    let mut during = vec![migration.copy().await?];
    while !user.is_finished() {
        during.push(migration.copy().await?);
    }
    user.await??;
    for report in &during {
        ensure!(report.balances() && report.errors.is_empty() && report.quarantine.is_empty(), "{report:#?}");
    }
    let delta = migration.copy().await?;
    assert_eq!(delta.status, Status::Success, "{delta:#?}");
    let (after, found) = (from.contents().await?, to.contents().await?);
    let (missing, surplus) = differences(&after, &found);
    assert_eq!(missing, [], "{delta:#?}");
    // What the user deleted after it was copied stays, once, until deletions are to be mirrored.
    let octets = |all: &[Fingerprint]| -> Vec<(String, String)> {
        let mut all: Vec<_> = all.iter().map(|one| (one.folder.clone(), one.sha256.clone())).collect();
        all.sort();
        all
    };
    let (gone, before) = (octets(&surplus), octets(&before));
    assert!(gone.iter().all(|one| before.binary_search(one).is_ok()), "{surplus:#?}");
    let distinct: BTreeSet<_> = gone.iter().collect();
    assert_eq!(distinct.len(), gone.len(), "{surplus:#?}");
    eprintln!("{} runs beside a busy user; {} deleted messages stay", during.len(), gone.len());
    Ok(())
}

/// Restarts one server while a copy runs, and expects the run itself to come to a good end.
async fn survives_restart(is_source: bool) -> Result<()> {
    let mut near = Dovecot::start(DovecotOptions::default())?;
    let mut far = Dovecot::start(DovecotOptions::default())?;
    let from = Side::dovecot(&near, "ana", Layout::Sdbox);
    let to = Side::dovecot(&far, "ana", Layout::Sdbox);
    let mut postman = Postman::new(SEED);
    let mails: Vec<Mail> = postman.ordinaries(900);
    move_in(&mut from.reader().await?, from.writing, &sorted(mails)).await?;
    let expected = from.contents().await?;
    let mut migration = Migration::between(&from.url, &to.url)?;
    migration.policy.pause_ms = 200;
    let job = migration.job().await?;
    let progress = std::sync::Arc::clone(&job.progress);
    let run = tokio::spawn(async move {
        let report = copy(&job).await;
        job.ledger.close().await;
        report
    });
    let copied = || progress.snapshot().messages_copied;
    let waited = tokio::time::timeout(PATIENCE, async {
        while copied() < 100 {
            sleep(Duration::from_millis(1)).await;
        }
    });
    waited.await.context("the copy never began")?;
    let at = copied();
    let server = if is_source { &mut near } else { &mut far };
    server.stop_and_keep();
    sleep(Duration::from_millis(100)).await;
    server.start_again()?;
    let report = run.await?;
    eprintln!("restarted after {at} of {} messages, source {is_source}", expected.len());
    assert!(at < expected.len() as u64, "the copy was over before the restart");
    assert_eq!(report.status, Status::Success, "{report:#?}");
    assert_eq!(differences(&expected, &to.contents().await?), (vec![], vec![]), "{report:#?}");
    settled(&migration, &report).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_restarts_in_mid_run_is_waited_for() -> Result<()> {
    survives_restart(false).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_restarts_in_mid_run_is_waited_for() -> Result<()> {
    survives_restart(true).await
}
