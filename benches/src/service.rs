//! What the service bears: lists and gates while mailboxes are copied, many readers of events, many lines of log.
//! Never compared with anybody: these are limits of our own.

mod ground;
mod web;

use std::fs;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use malote_service::binds;
use malote_service::store::Store;
use malote_service::store::events::{Level, NewEvent};
use serde::Serialize;

use crate::place;
use ground::{Ground, Sizes};

/// A list of 200 mailboxes of a job of 500, in milliseconds at the 95th percentile, while eight are copied.
const LIST_P95_MS_MAX: f64 = 100.0;
/// A gate's answer, in milliseconds at the 95th percentile.
const GATE_P95_MS_MAX: f64 = 20.0;
/// The service's memory then.
const MEMORY_MIB_MAX: f64 = 300.0;
/// Lines of log that are kept in a second.
const LINES_MIN: f64 = 10_000.0;
/// How long the last of all readers may wait for an event, in milliseconds: a look a second, and its work.
const READER_MS_MAX: f64 = 2_500.0;

const FULL: Sizes =
    Sizes { mailboxes: 500, messages: 1_000_000, copying: 8, copied: 20_000, asked: 150, readers: 100 };
/// Too small to prove the limits, large enough to try the bench itself.
const QUICK: Sizes =
    Sizes { mailboxes: 20, messages: 10_000, copying: 2, copied: 200, asked: 20, readers: 5 };

/// One figure beside its limit.
#[derive(Debug, Clone, Serialize)]
struct Finding {
    what: &'static str,
    found: String,
    limit: String,
    is_reached: bool,
}

fn at_most(what: &'static str, found: f64, limit: f64, unit: &str) -> Finding {
    let limit_text = format!("at most {limit} {unit}");
    Finding { what, found: format!("{found:.1} {unit}"), limit: limit_text, is_reached: found <= limit }
}

/// Runs all of it and writes `service.json` and `service.md` into target/bench.
pub fn main(is_quick: bool) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let sizes = if is_quick { &QUICK } else { &FULL };
    let findings = runtime.block_on(measure(sizes))?;
    write(&findings, is_quick)?;
    let missed: Vec<&str> = findings.iter().filter(|one| !one.is_reached).map(|one| one.what).collect();
    ensure!(is_quick || missed.is_empty(), "not reached: {}", missed.join(", "));
    Ok(())
}

async fn measure(sizes: &Sizes) -> Result<Vec<Finding>> {
    let ground = Ground::lay(sizes).await?;
    ground.begin_copies().await?;
    let list = format!("/migration/jobs/{}/mailboxes?limit=200", ground.job);
    let lists = ground.times(&list, sizes.asked).await?;
    let (active, memory) = (ground.active().await?, ground.memory_mib()?);
    let gate = format!("/migration/gate?domain={}", ground::DOMAIN);
    let busy_gates = ground.times(&gate, sizes.asked / 4).await?;
    ground.wait_for_copies().await?;
    ground.approve().await?;
    let gates = ground.times(&gate, sizes.asked).await?;
    let readers = readers(&ground, sizes.readers).await?;
    let lines = lines(&ground.store, ground.job).await?;
    let mut findings = vec![
        at_most("list of mailboxes, p95", percentile(&lists, 95), LIST_P95_MS_MAX, "ms"),
        at_most("gate's answer, approved, p95", percentile(&gates, 95), GATE_P95_MS_MAX, "ms"),
        // Told alone: eight copies leave what they leave of two processors.
        Finding {
            what: "gate's answer while mailboxes are copied, p95",
            found: format!("{:.1} ms", percentile(&busy_gates, 95)),
            limit: "none".to_owned(),
            is_reached: true,
        },
        at_most("memory of the service, copies at work", memory, MEMORY_MIB_MAX, "MiB"),
        at_most("event at the last of all readers", readers, READER_MS_MAX, "ms"),
        Finding {
            what: "lines of log kept in a second",
            found: format!("{lines:.0}"),
            limit: format!("at least {LINES_MIN}"),
            is_reached: lines >= LINES_MIN,
        },
    ];
    // Where all copies were over, the figures above say less than they should.
    findings.push(Finding {
        what: "copies still at work after the lists were timed",
        found: active.to_string(),
        limit: "at least 1".to_owned(),
        is_reached: active > 0,
    });
    Ok(findings)
}

/// In milliseconds, of times in any order.
fn percentile(times: &[Duration], percent: usize) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).map_or(f64::INFINITY, |time| time.as_secs_f64() * 1_000.0)
}

/// How long the last of so many readers waits for an event, in milliseconds.
async fn readers(ground: &Ground, count: usize) -> Result<f64> {
    let path = format!("/migration/jobs/{}/events", ground.job);
    let path = path.as_str();
    let open = |number| async move { ground.web(number).stream(path).await };
    let lines = try_join_all((0..count).map(open)).await?;
    // Each has been answered, so that each looks from here on.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let began = Instant::now();
    tell(&ground.store, ground.job, 1, "the one that all wait for").await?;
    try_join_all(
        lines.into_iter().map(|mut line| async move { line.until("the one that all wait for").await }),
    )
    .await?;
    Ok(began.elapsed().as_secs_f64() * 1_000.0)
}

/// Lines kept in a second, written by four at once as workers write them: some hundred at a time.
async fn lines(store: &Store, job: i64) -> Result<f64> {
    const BATCH: usize = 500;
    const BATCHES: usize = 40;
    let before = kept(store).await?;
    let (store, began) = (Arc::new(store.clone()), Instant::now());
    let writers = (0..4).map(|_| {
        let store = Arc::clone(&store);
        async move {
            for _ in 0..BATCHES / 4 {
                tell(&store, job, BATCH, "a line of log as runs write them, with a few words in it").await?;
            }
            anyhow::Ok(())
        }
    });
    try_join_all(writers).await?;
    let took = began.elapsed().as_secs_f64();
    let written = kept(&store).await? - before;
    ensure!(written >= i64::try_from(BATCH * BATCHES)?, "{written} lines are kept of {}", BATCH * BATCHES);
    Ok((BATCH * BATCHES) as f64 / took)
}

async fn kept(store: &Store) -> Result<i64> {
    let row = store
        .one("counting lines", "SELECT COUNT(*) FROM run_log_events WHERE id > $1", binds![0_i64])
        .await?;
    Ok(row.context("no row")?.int(0)?)
}

async fn tell(store: &Store, job: i64, count: usize, words: &str) -> Result<()> {
    let event = |_| NewEvent {
        level: Level::Info,
        event: "log",
        message: words.to_owned(),
        attributes_json: "{}".to_owned(),
        at_ms: 1_790_000_000_000,
    };
    let events: Vec<NewEvent> = (0..count).map(event).collect();
    loop {
        match store.tell((job, None), &events, &[], 1_790_000_000_000).await {
            Ok(()) => return Ok(()),
            Err(error) if error.is_passing() => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(error) => return Err(error.into()),
        }
    }
}

fn write(findings: &[Finding], is_quick: bool) -> Result<()> {
    let folder = place::folder()?;
    fs::write(folder.join("service.json"), serde_json::to_vec_pretty(findings)?)?;
    let mut text = fs::File::create(folder.join("service.md"))?;
    let words = if is_quick { " (quick: proves nothing)" } else { "" };
    writeln!(text, "# The service{words}\n\n| What | Found | Limit | |\n|---|---|---|---|")?;
    for one in findings {
        let word = if one.is_reached { "reached" } else { "MISSED" };
        writeln!(text, "| {} | {} | {} | {word} |", one.what, one.found, one.limit)?;
        eprintln!("{}: {} ({}): {word}", one.what, one.found, one.limit);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_time_that_was_measured() {
        let times: Vec<Duration> = (1..=20).map(Duration::from_millis).collect();
        for (percent, expected) in [(50, 10.0), (95, 19.0), (100, 20.0)] {
            assert!((percentile(&times, percent) - expected).abs() < 1e-9, "{percent}");
        }
        assert!(percentile(&[], 95).is_infinite());
    }
}
