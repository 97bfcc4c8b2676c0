//! Mailboxes from a file, and switched on again, while the job goes to another phase: all or nothing, on both engines.
//! Never trusts an answer alone: what was written is counted.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use axum::body::Body;
use axum::http::Request;
use malote_service::binds;
use malote_service::store::boxes::NewMailbox;
use malote_service::store::jobs::Why;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::lists::worlds;
use super::world::{Answer, Person, World};

const WAIT_MAX: Duration = Duration::from_secs(120);

fn sent(world: &World, who: &Person, path: &str, text: String) -> Result<Request<Body>> {
    let mut request = world.request("POST", path, who, None)?;
    request.headers_mut().insert("content-type", "text/csv".parse()?);
    *request.body_mut() = Body::from(text);
    Ok(request)
}

async fn count(world: &World, text: &'static str) -> Result<i64> {
    let row = world.app.store.one("test", text, binds![]).await?.context("no row")?;
    Ok(row.int(0)?)
}

const BOXES: &str = "SELECT COUNT(*) FROM migration_mailboxes";
const SECRETS: &str = "SELECT COUNT(*) FROM migration_credentials";

/// A sheet of so many rows, each with a password.
fn sheet(rows: usize) -> String {
    let mut text = String::from("EmailAddress,UserName,Password\r\n");
    for row in 0..rows {
        text += &format!("user{row}@example.com,user{row},secret {row}\r\n");
    }
    text
}

#[tokio::test]
async fn a_file_that_meets_the_end_of_its_job_writes_every_row_or_none() -> Result<()> {
    worlds(async |world| {
        let lead = world.user("lead", &["ops_lead"], &[]).await?;
        for (end, domain) in [("verified", "a.example"), ("closed", "b.example")] {
            let job = world.job(&lead, 1, domain).await?;
            let path = format!("/migration/jobs/{job}/mailboxes/import");
            let before = (count(world, BOXES).await?, count(world, SECRETS).await?);
            // The job is held where it is until somebody has taken it on: the file finds it open, and waits.
            let mut other = world.app.store.begin().await?;
            other.hold_phase(job).await?;
            let asked = sent(world, &lead, &path, sheet(200))?;
            let waits = async {
                sleep(Duration::from_millis(400)).await;
                assert!(other.move_phase(job, "discovered", end, &Why::default()).await?);
                anyhow::Ok(other.commit().await?)
            };
            let (told, moved) = timeout(WAIT_MAX, async { tokio::join!(world.ask(asked), waits) }).await?;
            moved?;
            told?.refused(409, "phase_conflict");
            let after = (count(world, BOXES).await?, count(world, SECRETS).await?);
            assert_eq!(before, after, "a job that is {end} took a part of a file");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_row_that_somebody_else_adds_meanwhile_is_named_and_nothing_else_is_written() -> Result<()> {
    worlds(async |world| {
        let lead = world.user("lead", &["ops_lead"], &[]).await?;
        let job = world.job(&lead, 1, "example.com").await?;
        let path = format!("/migration/jobs/{job}/mailboxes/import");
        let mut other = world.app.store.begin().await?;
        other.hold_phase(job).await?;
        let asked = sent(world, &lead, &path, sheet(50))?;
        let waits = async {
            sleep(Duration::from_millis(400)).await;
            let new = NewMailbox {
                email: "USER30@example.com",
                source_type: "imap",
                options_json: "{}",
                is_enabled: true,
                ..Default::default()
            };
            other.insert_mailbox(job, &new).await?;
            anyhow::Ok(other.commit().await?)
        };
        let (told, added) = timeout(WAIT_MAX, async { tokio::join!(world.ask(asked), waits) }).await?;
        added?;
        let told: Answer = told?.refused(422, "invalid");
        assert_eq!(told.json()["errors"][0]["field"], "row 32: email", "{}", told.text);
        assert_eq!((count(world, BOXES).await?, count(world, SECRETS).await?), (1, 0));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_mailbox_that_is_switched_on_while_its_job_ends_is_refused_or_counted() -> Result<()> {
    worlds(async |world| {
        let lead = world.user("lead", &["ops_lead"], &[]).await?;
        let job = world.job(&lead, 1, "example.com").await?;
        let mailbox = world.mailbox(&lead, job, "ana@example.com").await?;
        let place = format!("/migration/mailboxes/{mailbox}");
        let off = json!({"enabled": false, "excluded_reason": "later"});
        world.put(&lead, "PATCH", &place, &place, off).await?.with(200);
        let tag = world.get(&lead, &place).await?.header("etag");
        let mut on = world.request("PATCH", &place, &lead, Some(json!({"enabled": true})))?;
        on.headers_mut().insert("if-match", tag.parse()?);
        let mut other = world.app.store.begin().await?;
        other.hold_phase(job).await?;
        let waits = async {
            sleep(Duration::from_millis(400)).await;
            assert!(other.move_phase(job, "discovered", "verified", &Why::default()).await?);
            anyhow::Ok(other.commit().await?)
        };
        let (told, moved) = timeout(WAIT_MAX, async { tokio::join!(world.ask(on), waits) }).await?;
        moved?;
        told?.refused(409, "phase_conflict");
        assert_eq!(world.get(&lead, &place).await?.json()["enabled"], false);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn fifty_thousand_rows_are_looked_at_named_to_the_line_and_written_at_once() -> Result<()> {
    let world = World::new().await?;
    let lead = world.user("lead", &["ops_lead"], &[]).await?;
    let job = world.job(&lead, 1, "example.com").await?;
    let path = format!("/migration/jobs/{job}/mailboxes/import");
    let mut text = sheet(50_000);
    let faulty = text.replace("user7@", "user7 ").replace("user49999@example.com", "USER49998@example.com");
    let dry = format!("{path}?dry_run=true");
    let told = world.ask(sent(&world, &lead, &dry, faulty.clone())?).await?.with(200).json();
    let rows: Vec<i64> =
        told["errors"].as_array().context("no list")?.iter().filter_map(|one| one["row"].as_i64()).collect();
    assert_eq!(
        (&told["rows"], &told["valid"], rows),
        (&json!(50_000), &json!(49_998), vec![9, 50_001]),
        "{told}"
    );
    let told = world.ask(sent(&world, &lead, &path, faulty)?).await?.refused(422, "invalid").json();
    assert_eq!(told["errors"][1]["field"], "row 50001: email", "{told}");
    assert_eq!(count(&world, BOXES).await?, 0);
    let began = Instant::now();
    let told = world.ask(sent(&world, &lead, &path, text.clone())?).await?.with(201).json();
    assert_eq!(told["created"], 50_000);
    eprintln!("50,000 rows were written in {:?}", began.elapsed());
    assert_eq!((count(&world, BOXES).await?, count(&world, SECRETS).await?), (50_000, 50_000));
    text += "one@more.example,x,y\r\n";
    let told = world.ask(sent(&world, &lead, &dry, text)?).await?.refused(422, "invalid").json();
    ensure!(told["errors"][0]["field"] == "rows", "{told}");
    let long = "x".repeat(10 * 1024 * 1024 + 1);
    let told: Value = world.ask(sent(&world, &lead, &path, long)?).await?.with(413).json();
    assert_eq!(told["code"], "too_large", "{told}");
    Ok(())
}
