//! Workers as processes of the program, on one PostgreSQL: killed, cut off from it, and done in the end, exactly once.
//! Never trusts a worker's word: accounts are read from the servers themselves.

#![allow(dead_code, reason = "a ground that is shared with other tests has more than this one needs")]

#[path = "service_jobs/ground.rs"]
mod ground;

use std::path::Path;
use std::time::{Duration, Instant};

use acceptance::breaker::Breaker;
use acceptance::migration::PASSWORD;
use acceptance::program::Home;
use acceptance::servers::Postgres;
use anyhow::{Context, Result, ensure};
use ground::Ground;
use malote_service::app::{App, machine_clock};
use malote_service::config::{Config, Mfa, Outside};
use malote_service::store::Where;
use malote_service::store::words::RunType;
use malote_service::vault::{Put, SecretKind};
use secrecy::SecretString;
use serde_json::json;
use tokio::process::Child;
use tokio::time::sleep;

const MAILBOXES: usize = 50;
/// The database is away for so long.
const OUTAGE: Duration = Duration::from_secs(20);

/// Puts everybody's secrets into the vault, as the service would; its master key lies below `data` then.
async fn seal(ground: &Ground, data: &Path) -> Result<()> {
    let config = Config {
        database: Where::parse(&ground.database)?,
        listen: ([127, 0, 0, 1], 0).into(),
        allow_private: Vec::new(),
        master_key: data.join("keys/master.key"),
        trusted_proxies: Vec::new(),
        mfa: Mfa::Offered,
        workers: 0,
        outside: Outside::default(),
        data: data.to_owned(),
    };
    let app = App::open(config, machine_clock()).await?;
    let secret = SecretString::from(json!({"password": PASSWORD}).to_string());
    for number in 1..=MAILBOXES {
        let mailbox_id = i64::try_from(number)?;
        for is_source in [true, false] {
            let put = Put {
                job_id: 1,
                mailbox_id,
                is_source,
                kind: SecretKind::Password,
                secret: &secret,
                expires_at: None,
            };
            app.vault.put(put).await?;
        }
    }
    app.store.close().await;
    Ok(())
}

/// `malote worker` on a machine of its own, but for the master key.
fn worker(home: &Home, machine: &str, database: &str, key: &Path) -> Result<Child> {
    let data = home.path(machine).display().to_string();
    let key = key.display().to_string();
    let words = [
        "worker",
        "--data",
        &data,
        "--database",
        database,
        "--master-key-file",
        &key,
        "--allow-private",
        "127.0.0.1/32",
        "--workers",
        "2",
        "--lease-seconds",
        "6",
    ];
    let mut command = home.command(words);
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    command.spawn().context("starting a worker")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_processes_share_fifty_mailboxes_one_is_killed_and_the_database_is_away_for_twenty_seconds()
-> Result<()> {
    let Some(postgres) = Postgres::start()? else {
        eprintln!("PostgreSQL is not on this machine: workers as processes were not tried");
        return Ok(());
    };
    let home = Home::new()?;
    let ground = Ground::lay(MAILBOXES, 20, 20_261_121, Some(postgres.url())).await?;
    let data = home.path("service");
    seal(&ground, &data).await?;
    let breaker = Breaker::start(postgres.port())?;
    let through = Postgres::url_at(breaker.port());
    let key = data.join("keys/master.key");
    let runs = ground.enqueue_all(RunType::Initial).await?;
    let began = Instant::now();
    let mut workers = Vec::new();
    for number in 0..3 {
        workers.push(worker(&home, &format!("machine{number}"), &through, &key)?);
    }
    let working = "SELECT COUNT(DISTINCT worker_id) FROM migration_runs WHERE worker_id <> ''";
    let ended = "SELECT COUNT(*) FROM migration_runs WHERE status = 'success'";
    let running = "SELECT COUNT(*) FROM migration_runs WHERE status = 'running'";
    while ground.number(working).await? < 3 || ground.number(ended).await? < 3 {
        ensure!(began.elapsed() < Duration::from_secs(60), "the workers do not share the work");
        sleep(Duration::from_millis(5)).await;
    }
    // SIGKILL, to this process alone, while it has a run.
    workers[0].kill().await?;
    let killed = (began.elapsed(), ground.number(ended).await?);
    while ground.number(running).await? < 2 {
        ensure!(began.elapsed() < Duration::from_secs(60), "nobody goes on");
        sleep(Duration::from_millis(5)).await;
    }
    breaker.off();
    let cut = (began.elapsed(), ground.number(ended).await?);
    sleep(OUTAGE).await;
    let after = ground.number(ended).await?;
    breaker.on();
    eprintln!(
        "ended: {} when one was killed after {:?}, {} at the cut after {:?}, {after} when it was over",
        killed.1, killed.0, cut.1, cut.0
    );
    assert!(after < MAILBOXES as i64, "everything was over before the cut: it proved nothing");
    ground.all_over(&runs).await?;
    eprintln!("{MAILBOXES} mailboxes took {:?}", began.elapsed());
    ground.is_exact().await?;
    for worker in &mut workers[1..] {
        assert!(worker.try_wait()?.is_none(), "a worker ended with the database");
    }
    let expired = ground.number("SELECT CAST(SUM(leases_expired) AS BIGINT) FROM migration_runs").await?;
    eprintln!("{expired} leases ended before their runs");
    Ok(())
}
