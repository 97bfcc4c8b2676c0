//! A whole migration through the API, and what careless or unlucky people do to it: twice at once, gone in the midst, a
//! full disk, a newer database, secrets looked for everywhere.
//! Never trusts an answer alone: accounts are read from the servers themselves.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot be made ends its test")]

#[allow(dead_code, reason = "another program of tests uses the rest")]
#[path = "service_api/world.rs"]
mod world;

mod service_bad_input {
    pub mod place;

    mod disk;
    mod process;
}

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use malote_service::store::words::RunStatus;
use serde_json::{Value, json};
use service_bad_input::place::{Place, USER};
use tokio::time::sleep;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_migration_ends_at_an_open_gate_and_damage_shuts_it() -> Result<()> {
    let place = Place::lay(80, Some(1_000_000)).await?;
    let worker = place.worker();
    place.run("preflight", json!({})).await?;
    place.run("sync", json!({"type": "initial"})).await?;
    place.is_exact().await?;
    place.phase("delta_sync").await?;
    place.run("sync", json!({"type": "delta"})).await?;
    let gate = place.gate().await?;
    for id in ["content_sample", "bytes_ratio", "duplicates", "mailbox_coverage", "dns_readiness"] {
        assert_eq!(place.check(&gate, id)?, "warn", "{id} before anybody looked: {gate}");
    }
    place.run("verify", json!({})).await?;
    let list = json!({"addresses": [{"address": USER}]});
    let path = format!("/migration/jobs/{}/inventory", place.job);
    place.world.send(&place.maker, "PUT", &path, list).await?.with(200);
    let gate = place.gate().await?;
    for (id, expected) in [
        ("count_ratio", "pass"),
        ("inbox_complete", "pass"),
        ("sent_complete", "pass"),
        ("pst_quarantine", "pass"),
        ("delta_pending", "pass"),
        ("bytes_ratio", "pass"),
        ("content_sample", "pass"),
        ("uidvalidity_stable", "pass"),
        ("dest_quota", "pass"),
        ("mailbox_coverage", "pass"),
        ("folder_map", "pass"),
        ("credentials_valid", "pass"),
        ("dns_readiness", "warn"),
        ("duplicates", "pass"),
        ("run_integrity", "pass"),
        ("manual_approval", "warn"),
    ] {
        assert_eq!(place.check(&gate, id)?, expected, "{id}: {gate}");
    }
    assert_eq!(gate["warnings"], json!(["dns_readiness"]), "{gate}");
    place.approve(&gate).await?;
    assert_eq!(place.gate().await?["dns_allowed"], true);
    let report = format!("/migration/jobs/{}/report", place.job);
    let report = place.world.get(&place.lead, &report).await?.with(200).json();
    let root = report["mailboxes"][0]["verification"]["merkle_root"].as_str().unwrap_or_default().to_owned();
    assert!(root.starts_with("sha256:"), "{report}");

    // New mail at the destination hides no loss; a message that lies there twice is told.
    place.double_and_lose().await?;
    place.run_to_any_end("verify", json!({})).await?;
    let gate = place.gate().await?;
    assert_eq!((&gate["migration_gate"], &gate["dns_allowed"]), (&json!("blocked"), &json!(false)), "{gate}");
    assert_eq!(place.check(&gate, "duplicates")?, "fail", "{gate}");
    assert_eq!(place.check(&gate, "count_ratio")?, "fail", "{gate}");
    worker.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_started_twice_at_once_runs_once_and_a_job_at_work_is_not_deleted() -> Result<()> {
    let place = Place::lay(60, None).await?;
    place.phase("initial_sync").await?;
    let path = format!("/migration/jobs/{}/sync", place.job);
    let asked = json!({"type": "initial"});
    let (one, two) = tokio::join!(
        place.world.post(&place.maker, &path, asked.clone()),
        place.world.post(&place.lead, &path, asked.clone())
    );
    let mut told = [one?, two?];
    told.sort_by_key(|answer| answer.status);
    assert_eq!(told[0].status, 202, "{}", told[0].text);
    assert_eq!(
        (told[1].status, &told[1].json()["code"]),
        (409, &json!("run_already_active")),
        "{}",
        told[1].text
    );
    let worker = place.worker();
    let admin = place.world.user("admin2", &["admin"], &[]).await?;
    let own = format!("/migration/jobs/{}?confirm=example.com", place.job);
    let refused = place.world.send(&admin, "DELETE", &own, json!({})).await?;
    assert_eq!(refused.status, 409, "{}", refused.text);
    let run = told[0].json()["run_ids"][0].as_i64().context("no run")?;
    let status = place.over(run).await?;
    let standing = place.world.app.store.standing(run).await?;
    ensure!(status == RunStatus::Success, "{standing:?}");
    place.is_exact().await.context("after the first copy")?;

    // Failed by hand in the midst of another run and deleted at once: the run ends, and nothing comes twice.
    place.world.post(&place.maker, &path, json!({"type": "delta"})).await?.with(202);
    let fail = format!("/migration/jobs/{}/fail", place.job);
    place.world.post(&place.lead, &fail, json!({"reason": "given up"})).await?.with(200);
    let mut gone = 0;
    for _ in 0..200 {
        gone = place.world.send(&admin, "DELETE", &own, json!({})).await?.status;
        if gone == 204 {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    ensure!(gone == 204, "the job is not deleted: {gone}");
    let active = "SELECT COUNT(*) FROM migration_runs WHERE status IN ('queued', 'running')";
    for _ in 0..200 {
        if place.number(active).await? == 0 {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(place.number(active).await?, 0, "a run of a job that is gone goes on");
    place.is_exact().await?;
    worker.stop().await;
    Ok(())
}

/// Reads a member that must be there.
pub fn text(value: &Value, name: &str) -> Result<String> {
    Ok(value[name].as_str().with_context(|| format!("no {name}: {value}"))?.to_owned())
}
