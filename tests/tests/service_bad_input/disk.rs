//! A disk that fills while people ask and a mailbox is copied: whatever was answered with success is there afterwards.
//! Never fills the machine's disk: the process may write no file beyond a limit of its own.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Resource, Rlimit, setrlimit};
use serde_json::json;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};

use super::place::Place;

/// Says that this process is the one with the small disk.
const SMALL: &str = "MALOTE_TEST_SMALL_DISK";
/// SIGXFSZ, which a write beyond the limit brings along.
const SIGXFSZ: i32 = 25;
/// How long all of it may take.
const WAIT_MAX: Duration = Duration::from_secs(300);

fn files_of(octets: Option<u64>) -> Result<()> {
    Ok(setrlimit(Resource::Fsize, Rlimit { current: octets, maximum: None })?)
}

/// Not a test of its own: the limit is the process's, and other tests must not meet it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the other test starts it as a process"]
async fn a_process_with_a_small_disk() -> Result<()> {
    if std::env::var_os(SMALL).is_none() {
        return Ok(());
    }
    // Caught, a write beyond the limit fails as one on a full disk does.
    let _caught = signal(SignalKind::from_raw(SIGXFSZ))?;
    let place = Place::lay(120, None).await?;
    place.phase("initial_sync").await?;
    let database = place.world.app.config.data.join("malote.sqlite");
    let largest = |ending: &str| {
        std::fs::metadata(format!("{}{ending}", database.display())).map_or(0, |file| file.len())
    };
    let full = largest("").max(largest("-wal")) + 48 * 1024;
    files_of(Some(full))?;
    let worker = place.worker();
    let path = format!("/migration/jobs/{}/sync", place.job);
    place.world.post(&place.maker, &path, json!({"type": "initial"})).await?;
    let (mut made, mut refused) = (Vec::new(), 0);
    for number in 0..400 {
        let body = json!({
            "tenant_id": 1, "domain": format!("d{number}.example"), "dest_imap_host": "mail.example.net",
            "notes": "x".repeat(4000),
        });
        let told = place.world.post(&place.maker, "/migration/jobs", body).await?;
        match told.status {
            201 => made.push(told.json()["id"].as_i64().context("no id")?),
            503 => refused += 1,
            429 => sleep(Duration::from_millis(500)).await,
            other => anyhow::bail!("{other}: {}", told.text),
        }
        if refused > 5 {
            break;
        }
    }
    ensure!(refused > 0, "the disk never was full: {} jobs", made.len());
    sleep(Duration::from_secs(2)).await;
    files_of(None)?;
    // With room again it goes on by itself, and nothing that was promised is gone.
    let listed = place.number("SELECT COUNT(*) FROM migration_jobs").await?;
    let least = i64::try_from(made.len())? + 1;
    ensure!(listed == least, "{listed} jobs are there, {least} were promised");
    let again = place.world.post(&place.maker, &path, json!({"type": "initial"})).await?;
    ensure!(matches!(again.status, 202 | 409), "{}: {}", again.status, again.text);
    let waiting = "SELECT COUNT(*) FROM migration_runs WHERE status IN ('queued', 'running')";
    let idle = async {
        while place.number(waiting).await? > 0 {
            sleep(Duration::from_millis(100)).await;
        }
        anyhow::Ok(())
    };
    timeout(WAIT_MAX / 2, idle).await.context("the run does not end once there is room")??;
    let retry = place.world.post(&place.maker, &path, json!({"type": "initial"})).await?;
    if retry.status == 202 {
        for run in
            retry.json()["run_ids"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_i64)
        {
            place.over(run).await?;
        }
    }
    place.is_exact().await?;
    worker.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_loses_nothing_that_was_promised() -> Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([
        "service_bad_input::disk::a_process_with_a_small_disk",
        "--exact",
        "--ignored",
        "--nocapture",
    ]);
    command
        .env(SMALL, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let ended = timeout(WAIT_MAX, command.output()).await.context("it does not end")??;
    let said = String::from_utf8_lossy(&ended.stdout) + String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.success() && said.contains("1 passed"), "{said}");
    Ok(())
}
