//! Runs as work: the queue, workers that are killed and cut off, schedules; between real servers, on both engines.
//! Never trusts a worker's word: accounts are read from the servers themselves.

mod service_jobs {
    pub mod ground;
}

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use acceptance::breaker::Breaker;
use acceptance::mail::Chance;
use acceptance::servers::Postgres;
use anyhow::{Context, Result, ensure};
use malote_service::binds;
use malote_service::jobs::{Scheduler, SchedulerOptions, selection_of};
use malote_service::store::runs::{Enqueued, Heard, Told};
use malote_service::store::words::{RunStatus, RunType};
use malote_service::store::{Store, Where, migrate};
use service_jobs::ground::{self, Ground};
use tokio::time::sleep;

const SEED: u64 = 20_261_121;

fn seed() -> u64 {
    let seed = std::env::var("MALOTE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    eprintln!("MALOTE_SEED={seed}");
    seed
}

/// Not a test of its own: the tests below start this program again, with this name, to have workers to kill.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the other tests start it as a process"]
async fn a_worker_in_a_process_of_its_own() -> Result<()> {
    match std::env::var(ground::WORKER) {
        Ok(word) => ground::work(&word).await,
        Err(_) => Ok(()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mailbox_goes_from_preflight_to_verification() -> Result<()> {
    let ground = Ground::lay(2, 12, seed(), None).await?;
    let worker = ground.worker();
    for run in ground.enqueue_all(RunType::Preflight).await? {
        let standing = ground.over(run).await?;
        assert_eq!((standing.status, standing.exit_code), (RunStatus::Success, Some(0)), "{standing:?}");
    }
    assert_eq!(ground.number("SELECT messages_source FROM migration_mailboxes WHERE id = 1").await?, 12);
    assert_eq!(ground.number("SELECT COUNT(*) FROM migration_mailboxes WHERE has_scan = 1").await?, 0);
    let logins =
        "SELECT COUNT(*) FROM migration_mailboxes WHERE source_login_ok_at <> '' AND dest_login_ok_at <> ''";
    assert_eq!(ground.number(logins).await?, 2);
    let runs = ground.enqueue_all(RunType::Initial).await?;
    assert!(
        matches!(ground.enqueue(1, RunType::Delta, "{}").await?, Enqueued::Active(run) if run == runs[0])
    );
    ground.all_over(&runs).await?;
    ground.is_exact().await?;
    let stats: serde_json::Value = serde_json::from_str(&ground.standing(runs[0]).await?.stats_json)?;
    assert_eq!((&stats["transferred"], &stats["errors"]), (&12.into(), &0.into()), "{stats}");
    counts_are_the_ledgers(&ground).await?;
    went_on_to_deltas(&ground).await?;
    for kind in [RunType::Delta, RunType::Verify] {
        let runs = ground.enqueue_all(kind).await?;
        ground.all_over(&runs).await?;
        let stats: serde_json::Value = serde_json::from_str(&ground.standing(runs[0]).await?.stats_json)?;
        assert_eq!((&stats["transferred"], &stats["skipped"]), (&0.into(), &12.into()), "{kind}: {stats}");
    }
    ground.is_exact().await?;
    counts_are_the_ledgers(&ground).await?;
    is_known_what_was_selected(&ground).await?;
    left_traces(&ground, runs[0]).await?;
    refuses_what_cannot_be_done(&ground).await?;
    worker.stop().await;
    assert_eq!(ground.number("SELECT COUNT(*) FROM workers").await?, 0);
    Ok(())
}

async fn counts_are_the_ledgers(ground: &Ground) -> Result<()> {
    let wrong = "SELECT COUNT(*) FROM migration_mailboxes AS box
                 WHERE box.has_scan <> 1 OR box.sync_percent <> 100 OR box.status <> 'ok'
                    OR box.messages_source <> 12 OR box.messages_matched <> 12 OR box.messages_missing <> 0
                    OR box.messages_source <> (SELECT SUM(folder.messages_source) FROM mailbox_folders AS folder
                                               WHERE folder.mailbox_id = box.id)
                    OR box.messages_missing <> box.messages_pending + box.messages_quarantined
                                               + box.messages_acknowledged
                    OR box.bytes_dest = 0 OR box.bytes_source < box.bytes_dest";
    assert_eq!(ground.number(wrong).await?, 0);
    let without_token = "SELECT COUNT(*) FROM mailbox_folders WHERE uidvalidity = 0 OR change_token = ''";
    assert_eq!(ground.number(without_token).await?, 0);
    Ok(())
}

/// Every run since the first copy took what the mailbox's options say.
async fn is_known_what_was_selected(ground: &Ground) -> Result<()> {
    for mailbox in [1, 2] {
        let row = ground.store.mailbox(mailbox).await?.context("no such mailbox")?;
        let same = "SELECT COUNT(*) FROM migration_mailboxes AS box JOIN migration_runs AS run
                        ON run.mailbox_id = box.id AND run.selection = box.counted_selection
                    WHERE box.id = $1 AND box.counted_selection = $2 AND box.delta_selection = $2";
        let told = ground.store.one("counting", same, binds![mailbox, selection_of(&row, "{}")]).await?;
        assert_eq!(told.context("no count")?.int(0)?, 4, "of mailbox {mailbox}");
    }
    Ok(())
}

async fn went_on_to_deltas(ground: &Ground) -> Result<()> {
    let began = Instant::now();
    let phase = "SELECT COUNT(*) FROM migration_jobs WHERE phase = 'delta_sync'";
    while ground.number(phase).await? == 0 {
        ensure!(began.elapsed() < Duration::from_secs(10), "the job did not go on to deltas");
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(ground.number("SELECT COUNT(*) FROM phase_history WHERE to_phase = 'delta_sync'").await?, 1);
    let schedule =
        "SELECT COUNT(*) FROM migration_jobs AS job JOIN schedules AS due ON due.id = job.schedule_id
                    WHERE due.cron = '0 */6 * * *' AND due.run_type = 'delta' AND due.is_enabled = 1";
    assert_eq!(ground.number(schedule).await?, 1);
    Ok(())
}

async fn left_traces(ground: &Ground, run: i64) -> Result<()> {
    let context = "SELECT COUNT(*) FROM mailbox_contexts
                   WHERE runs_total = 4 AND runs_succeeded = 4 AND messages_copied = 12
                     AND last_successful_run_id IS NOT NULL AND current_run_id IS NULL";
    assert_eq!(ground.number(context).await?, 2);
    assert!(ground.number("SELECT COUNT(*) FROM change_history WHERE success = 1").await? > 2);
    let folders = ground.number("SELECT COUNT(*) FROM mailbox_folders WHERE mailbox_id = 1").await?;
    let steps =
        "SELECT COUNT(*) FROM run_steps WHERE run_id = 3 AND status = 'completed' AND finished_at <> ''";
    assert_eq!(ground.number(steps).await?, folders);
    assert!(
        ground.number("SELECT COUNT(*) FROM run_log_events WHERE run_id = 3 AND event = 'run'").await? >= 2
    );
    let log = std::fs::read_to_string(ground.data().join(format!("logs/run-{run}.log")))?;
    assert!(log.contains("ended: success") && !log.contains("exemplo.com.br"), "{log}");
    Ok(())
}

async fn refuses_what_cannot_be_done(ground: &Ground) -> Result<()> {
    let text = "INSERT INTO migration_mailboxes (id, job_id, email, source_type) VALUES
                (8, 1, 'nobody@exemplo.com.br', 'imap'), (9, 1, 'ana0@exemplo.com.br', 'zimbra')";
    ground.store.run("planting", text, Vec::new()).await?;
    for (mailbox, options, class) in
        [(8, "{}", "auth.bad_credentials"), (9, "{}", "usage"), (1, r#"{"exlude":["Trash"]}"#, "usage")]
    {
        let Enqueued::New(run) = ground.enqueue(mailbox, RunType::Delta, options).await? else {
            anyhow::bail!("mailbox {mailbox} has a run");
        };
        let standing = ground.over(run).await?;
        assert_eq!(
            (standing.status, standing.error_class.as_str()),
            (RunStatus::Failed, class),
            "{standing:?}"
        );
    }
    let state = "SELECT COUNT(*) FROM migration_mailboxes WHERE id IN (1, 8, 9) AND status = 'error'";
    assert_eq!(ground.number(state).await?, 3);
    assert_eq!(ground.number("SELECT messages_matched FROM migration_mailboxes WHERE id = 1").await?, 12);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_at_random_moments_lose_nothing_and_double_nothing() -> Result<()> {
    let seed = seed();
    let ground = Ground::lay(3, 40, seed, None).await?;
    let (mut chance, mut kills) = (Chance::new(seed), 0);
    let runs = ground.enqueue_all(RunType::Initial).await?;
    while kills < 8 && open(&ground, &runs).await? {
        let mut child = ground.process(700, &ground.database, &ground.data())?;
        sleep(Duration::from_millis(150 + chance.below(900) as u64)).await;
        child.kill().await?;
        kills += 1;
    }
    let _last = ground.process(4_000, &ground.database, &ground.data())?;
    ground.all_over(&runs).await?;
    ground.is_exact().await?;
    let attempts = ground.number("SELECT MAX(attempts) FROM migration_runs").await?;
    eprintln!("{kills} kills; a run was begun anew {attempts} times at most");
    assert!(attempts > 0, "the kills came too early or too late to prove anything");
    let again = ground.enqueue_all(RunType::Delta).await?;
    ground.all_over(&again).await?;
    ground.is_exact().await
}

async fn open(ground: &Ground, runs: &[i64]) -> Result<bool> {
    for run in runs {
        if matches!(ground.standing(*run).await?.status, RunStatus::Queued | RunStatus::Running) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_workers_share_fifty_mailboxes_and_one_is_killed() -> Result<()> {
    let Some(postgres) = Postgres::start()? else { return Ok(()) };
    let ground = Ground::lay(50, 4, seed(), Some(postgres.url())).await?;
    let runs = ground.enqueue_all(RunType::Initial).await?;
    let data: Vec<_> = (0..3).map(|number| ground.folder.path().join(format!("machine{number}"))).collect();
    let mut workers = Vec::new();
    for folder in &data {
        workers.push(ground.process(2_000, &ground.database, folder)?);
    }
    let began = Instant::now();
    let working = "SELECT COUNT(DISTINCT worker_id) FROM migration_runs WHERE worker_id <> ''";
    let ended = "SELECT COUNT(*) FROM migration_runs WHERE status = 'success'";
    while ground.number(working).await? < 3 || ground.number(ended).await? < 5 {
        ensure!(began.elapsed() < Duration::from_secs(30), "the workers do not share the work");
        sleep(Duration::from_millis(20)).await;
    }
    let shared = began.elapsed();
    workers[0].kill().await?;
    ground.all_over(&runs).await?;
    eprintln!("fifty mailboxes took {:?}, of which the first five {shared:?}", began.elapsed());
    ground.is_exact().await?;
    // What the killed one had belongs to others by now, unless it had ended.
    assert!(ground.number(working).await? >= 2);
    let mut at_once = BTreeSet::new();
    for run in &runs {
        at_once.insert(ground.standing(*run).await?.fencing_token);
    }
    eprintln!("a run was claimed {:?} times", at_once);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_cut_off_for_seconds_stops_nobody_for_good() -> Result<()> {
    let Some(postgres) = Postgres::start()? else { return Ok(()) };
    let breaker = Breaker::start(postgres.port())?;
    let ground = Ground::lay(6, 15, seed(), Some(postgres.url())).await?;
    let runs = ground.enqueue_all(RunType::Initial).await?;
    let through = Postgres::url_at(breaker.port());
    let mut worker = ground.process(1_500, &through, &ground.data())?;
    let began = Instant::now();
    for pause_ms in [400, 3_000] {
        while ground.number("SELECT COUNT(*) FROM migration_runs WHERE status = 'running'").await? == 0 {
            ensure!(began.elapsed() < Duration::from_secs(30), "no run begins");
            sleep(Duration::from_millis(10)).await;
        }
        sleep(Duration::from_millis(150)).await;
        breaker.off();
        sleep(Duration::from_millis(pause_ms)).await;
        breaker.on();
    }
    ground.all_over(&runs).await?;
    ground.is_exact().await?;
    assert!(worker.try_wait()?.is_none(), "the worker ended");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_pause_resume_and_cancel() -> Result<()> {
    let ground = Ground::lay(2, 30, seed(), None).await?;
    let runs = ground.enqueue_all(RunType::Initial).await?;
    assert!(ground.store.cancel(runs[1], "not wanted", 1).await?);
    assert_eq!(ground.standing(runs[1]).await?.status, RunStatus::Cancelled);
    ground.store.pause(1, "the customer asked").await?;
    let worker = ground.worker();
    sleep(Duration::from_millis(300)).await;
    assert_eq!(ground.standing(runs[0]).await?.status, RunStatus::Queued);
    ground.store.resume(1).await?;
    worker.wake();
    let began = Instant::now();
    while ground.standing(runs[0]).await?.status == RunStatus::Queued {
        ensure!(began.elapsed() < Duration::from_secs(10), "the run does not begin");
        sleep(Duration::from_millis(2)).await;
    }
    // It may be over by now: either way nothing may be lost by a pause or by stopping the worker.
    ground.store.pause(1, "again").await?;
    while ground.standing(runs[0]).await?.status == RunStatus::Running {
        ensure!(began.elapsed() < Duration::from_secs(30), "the run does not heed the pause");
        sleep(Duration::from_millis(20)).await;
    }
    ground.store.resume(1).await?;
    worker.stop().await;
    let standing = ground.standing(runs[0]).await?;
    assert!(matches!(standing.status, RunStatus::Queued | RunStatus::Success), "{standing:?}");
    assert_eq!(standing.attempts, 0, "nobody's wish counts as an attempt: {standing:?}");
    let worker = ground.worker();
    assert_eq!(ground.over(runs[0]).await?.status, RunStatus::Success);
    let Enqueued::New(second) = ground.enqueue(2, RunType::Initial, "{}").await? else {
        anyhow::bail!("a cancelled run is over");
    };
    assert_eq!(ground.over(second).await?.status, RunStatus::Success);
    worker.stop().await;
    ground.is_exact().await
}

#[tokio::test]
async fn a_worker_without_the_lease_writes_no_word() -> Result<()> {
    let postgres = Postgres::start()?;
    let mut places = vec![None];
    places.extend(postgres.iter().map(|server| Some(server.url())));
    for place in places {
        let ground = Ground::lay(1, 1, seed(), place).await?;
        let store = &ground.store;
        ground.enqueue(1, RunType::Initial, "{}").await?;
        let first = store.claim("first", 1_000, 2_000).await?.context("nothing to claim")?;
        assert!(store.claim("second", 1_500, 3_000).await?.is_none(), "the lease still holds");
        assert_eq!(store.beat(first.fence, 4_000, 1_500, &Told::default()).await?, Heard::GoOn);
        assert!(store.claim("second", 3_500, 5_000).await?.is_none(), "the lease was renewed");
        let second = store.claim("second", 4_001, 6_000).await?.context("the lease has run out")?;
        assert_eq!((second.attempts, second.fence.token), (1, first.fence.token + 1));
        assert_eq!(store.beat(first.fence, 9_000, 4_002, &Told::default()).await?, Heard::Lost);
        assert!(!store.release(first.fence, 0, true, ("", "")).await?);
        assert_eq!(ground.standing(first.fence.run_id).await?.status, RunStatus::Running);
        store.pause(1, "").await?;
        assert_eq!(store.beat(second.fence, 9_000, 4_003, &Told::default()).await?, Heard::Pause);
        assert!(store.cancel(second.fence.run_id, "", 4_004).await?);
        assert_eq!(store.beat(second.fence, 9_000, 4_005, &Told::default()).await?, Heard::Cancel);
        assert!(store.release(second.fence, 7_000, false, ("", "")).await?);
        store.resume(1).await?;
        assert!(store.claim("third", 6_999, 9_000).await?.is_none(), "not before its time");
        assert!(store.claim("third", 7_000, 9_000).await?.context("its time has come")?.is_cancelled);
    }
    Ok(())
}

#[tokio::test]
async fn two_runs_into_one_mailbox_take_turns() -> Result<()> {
    let ground = Ground::lay(2, 1, seed(), None).await?;
    let same = "UPDATE migration_mailboxes SET dest_user = 'Same@exemplo.com.br'";
    ground.store.run("planting", same, Vec::new()).await?;
    ground.enqueue_all(RunType::Initial).await?;
    let first = ground.store.claim("first", 1_000, 2_000).await?.context("nothing to claim")?;
    assert!(ground.store.claim("second", 1_000, 2_000).await?.is_none());
    assert_eq!(ground.store.claimable(1_000).await?, 0);
    assert!(ground.store.release(first.fence, 9_999, false, ("", "")).await?);
    assert!(ground.store.claim("second", 1_000, 2_000).await?.is_some());
    Ok(())
}

#[tokio::test]
async fn schedulers_that_look_at_once_fire_once() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let store = Store::connect(&Where::in_folder(folder.path())).await?;
    migrate::up(&store).await?;
    let id = "00000000-0000-4000-8000-00000000000c";
    for text in [
        "INSERT INTO tenants (id, name) VALUES (1, 'a')",
        "INSERT INTO schedules (id, name, cron, next_due_ms) VALUES ($1, 'deltas', '* * * * *', 1)",
        "INSERT INTO schedules (id, name, cron) VALUES ('00000000-0000-4000-8000-00000000000d', 'odd', 'never')",
        "INSERT INTO migration_jobs (id, tenant_id, domain, phase, schedule_id, dest_imap_host)
         VALUES (1, 1, 'a.br', 'delta_sync', $1, 'h'), (2, 1, 'b.br', 'initial_sync', $1, 'h')",
        "INSERT INTO migration_mailboxes (id, job_id, email, source_type, enabled)
         VALUES (1, 1, 'a@a.br', 'imap', 1), (2, 1, 'b@a.br', 'imap', 0), (3, 2, 'a@b.br', 'imap', 1)",
    ] {
        let binds = if text.contains("$1") { binds![id] } else { Vec::new() };
        store.run("planting", text, binds).await?;
    }
    let every = Duration::from_millis(20);
    let start = || Scheduler::start(store.clone(), SchedulerOptions { every, wake: None });
    let schedulers = [start(), start(), start()];
    sleep(Duration::from_millis(600)).await;
    for scheduler in schedulers {
        scheduler.stop().await;
    }
    let number = async |text: &'static str| -> Result<i64> {
        Ok(store.one("asking", text, Vec::new()).await?.context("no row")?.int(0)?)
    };
    let fired =
        "SELECT COUNT(*) FROM schedule_executions WHERE due_ms = 1 AND runs_queued = 1 AND runs_skipped = 1";
    assert_eq!(number(fired).await?, 1);
    assert_eq!(number("SELECT COUNT(*) FROM migration_runs").await?, 1);
    let key = store.mailbox(1).await?.context("no mailbox")?.destination_key();
    let written = store.one("asking", "SELECT destination_key FROM migration_runs", Vec::new()).await?;
    assert_eq!(written.context("no run")?.text(0)?, key, "both ways of entering a run take the same turns");
    assert_eq!(number("SELECT is_enabled FROM schedules WHERE name = 'odd'").await?, 0);
    assert!(number("SELECT next_due_ms FROM schedules WHERE name = 'deltas'").await? > 1_790_000_000_000);
    Ok(())
}
