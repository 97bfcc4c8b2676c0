//! One mailbox's own schedule and its waits: chosen by a form, fired apart from the others, drawn with a table.
//! Never a server that is slow: rows stand for what workers would have written.

use anyhow::{Context as _, Result};
use malote_service::binds;
use malote_service::store::at;
use malote_service::store::schedules::Schedule;
use serde_json::json;

use super::visitor::Visitor;
use crate::world::{Person, World};

const MINUTE: i64 = 60_000;

async fn ground() -> Result<(World, Person, i64, i64, i64)> {
    let world = World::new().await?;
    let ana = world.user("ana", &["admin", "ops_lead"], &[]).await?;
    let job = world.job(&ana, 1, "example.org").await?;
    let bia = world.mailbox(&ana, job, "bia@example.org").await?;
    let rui = world.mailbox(&ana, job, "rui@example.org").await?;
    world.sql("UPDATE migration_jobs SET phase = 'delta_sync' WHERE id = $1", binds![job]).await?;
    Ok((world, ana, job, bia, rui))
}

/// Fires the schedule with this pattern: the mailboxes of the runs that it entered, which end at once.
async fn fired(world: &World, cron: &str) -> Result<Vec<i64>> {
    let store = &world.app.store;
    let all: Vec<Schedule> = store.schedules().await?;
    let one = all.into_iter().find(|one| one.cron == cron).context("no such schedule")?;
    let before = store.all("asking", "SELECT MAX(id) FROM migration_runs", Vec::new()).await?;
    let before = before[0].int_or_null(0)?.unwrap_or(0);
    store.fire(&one, one.next_due_ms + MINUTE, "", &["delta_sync"]).await?.context("fired by another")?;
    let new = "SELECT mailbox_id FROM migration_runs WHERE id > $1 ORDER BY mailbox_id";
    let rows = store.all("asking", new, binds![before]).await?;
    world.sql("UPDATE migration_runs SET status = 'success' WHERE status = 'queued'", Vec::new()).await?;
    rows.iter().map(|row| Ok(row.int(0)?)).collect()
}

#[tokio::test]
async fn a_mailbox_with_its_own_schedule_goes_by_that_alone_until_it_is_taken_away() -> Result<()> {
    let (world, ana, job, bia, rui) = ground().await?;
    let (of_job, own) =
        (format!("/migration/jobs/{job}/schedule"), format!("/migration/mailboxes/{bia}/schedule"));
    world.send(&ana, "PUT", &of_job, json!({"cron": "0 */6 * * *"})).await?.with(200);
    assert_eq!(fired(&world, "0 */6 * * *").await?, [bia, rui]);
    world.get(&ana, &own).await?.with(404);
    for (body, field) in
        [(json!({"cron": "never"}), "cron"), (json!({"cron": "0 2 * * *", "timezone": "X"}), "timezone")]
    {
        let told = world.send(&ana, "PUT", &own, body).await?.with(422).json();
        assert_eq!(told["errors"][0]["field"], json!(field), "{told}");
    }
    let told = world.send(&ana, "PUT", &own, json!({"cron": "30 2 * * *"})).await?.with(200).json();
    assert_eq!(told["next"].as_array().map(Vec::len), Some(5), "{told}");
    assert_eq!(fired(&world, "0 */6 * * *").await?, [rui]);
    assert_eq!(fired(&world, "30 2 * * *").await?, [bia]);
    // The job's own schedule is another, and each is changed as it was seen.
    let job_s = world.get(&ana, &of_job).await?.json();
    assert_eq!((&job_s["cron"], &job_s["mailboxes_apart"]), (&json!("0 */6 * * *"), &json!(1)));
    world.send(&ana, "PUT", &own, json!({"cron": "0 3 * * *"})).await?.with(428);
    world.put(&ana, "PUT", &own, &own, json!({"cron": "30 2 * * *", "enabled": false})).await?.with(200);
    assert_eq!(fired(&world, "0 */6 * * *").await?, [rui], "it was left to people");
    assert!(fired(&world, "30 2 * * *").await.is_err());
    world.send(&ana, "DELETE", &own, json!({})).await?.with(204);
    world.send(&ana, "DELETE", &own, json!({})).await?.with(404);
    assert_eq!(fired(&world, "0 */6 * * *").await?, [bia, rui]);
    // It goes with its mailbox, and nothing fires for a paused job.
    world.send(&ana, "PUT", &own, json!({"cron": "30 2 * * *"})).await?.with(200);
    world.sql("UPDATE migration_jobs SET is_paused = 1 WHERE id = $1", binds![job]).await?;
    assert_eq!(fired(&world, "30 2 * * *").await?, [0_i64; 0]);
    world.sql("DELETE FROM migration_runs WHERE mailbox_id = $1", binds![bia]).await?;
    world.sql("DELETE FROM migration_mailboxes WHERE id = $1", binds![bia]).await?;
    let left = world.app.store.all("asking", "SELECT cron FROM schedules", Vec::new()).await?;
    assert_eq!(left.len(), 1, "a schedule of nobody is left");
    Ok(())
}

#[tokio::test]
async fn who_may_not_schedule_or_see_a_mailbox_gives_it_no_schedule() -> Result<()> {
    let (world, _, _, bia, _) = ground().await?;
    let own = format!("/migration/mailboxes/{bia}/schedule");
    let viewer = world.user("vera", &["viewer"], &[]).await?;
    world.send(&viewer, "PUT", &own, json!({"cron": "0 2 * * *"})).await?.with(403);
    let far = world.user("far", &["operator"], &[2]).await?;
    world.send(&far, "PUT", &own, json!({"cron": "0 2 * * *"})).await?.with(404);
    world.get(&far, &format!("/migration/mailboxes/{bia}/throttling")).await?.with(404);
    let mut vera = Visitor::new(&world);
    vera.log_in("vera").await?;
    let page = vera.get(&format!("/console/mailboxes/{bia}/schedule")).await?.with(200);
    assert!(!page.text.contains("schedule/act"), "{}", page.text);
    Ok(())
}

#[tokio::test]
async fn a_mailboxs_page_says_what_it_goes_by_and_a_form_changes_that() -> Result<()> {
    let (world, ana, job, bia, _) = ground().await?;
    let mut visitor = Visitor::new(&world);
    visitor.log_in("ana").await?;
    let (place, form) = (format!("/console/mailboxes/{bia}"), format!("/console/mailboxes/{bia}/schedule"));
    let page = visitor.get(&place).await?.with(200);
    assert!(page.text.contains("No schedule: deltas are started by hand."), "{}", page.text);
    let of_job = format!("/migration/jobs/{job}/schedule");
    world.send(&ana, "PUT", &of_job, json!({"cron": "0 * * * *"})).await?.with(200);
    let page = visitor.get(&place).await?.with(200);
    assert!(page.text.contains("the schedule of the migration"), "{}", page.text);
    let page = visitor.get(&form).await?.with(200);
    let act = format!("{form}/act");
    let wrong = [("rhythm", "own"), ("cron", "61 * * * *"), ("from", ""), ("to", "")];
    let page = visitor.fill(&page, &act, &wrong).await?.with(422);
    assert!(page.text.contains("id=\"wrong-cron\"") && page.text.contains("61 * * * *"), "{}", page.text);
    let page = visitor
        .fill(&page, &act, &[("rhythm", "night"), ("from", "01:00"), ("to", "05:00")])
        .await?
        .with(200);
    assert!(page.text.contains("its own schedule") && page.text.contains("02:00"), "{}", page.text);
    let page = visitor.get(&form).await?.with(200);
    let page = visitor.fill(&page, &act, &[("rhythm", "by-hand")]).await?.with(200);
    assert!(page.text.contains("No schedule starts this mailbox"), "{}", page.text);
    let page = visitor.get(&form).await?.with(200);
    let page = visitor.fill(&page, &act, &[("rhythm", "of-job")]).await?.with(200);
    assert!(page.text.contains("the schedule of the migration"), "{}", page.text);
    Ok(())
}

#[tokio::test]
async fn what_a_server_asked_for_is_told_by_the_hour_and_drawn_with_a_table() -> Result<()> {
    let (world, ana, job, bia, rui) = ground().await?;
    let now = world.now();
    for (mailbox, waited) in [(bia, 750_000_i64), (rui, 9_000_000)] {
        let run =
            "INSERT INTO migration_runs (job_id, mailbox_id, run_type, status, triggered_by, throttle_ms,
                       updated_at)
                   VALUES ($1, $2, 'delta', 'success', 'cron', $3, $4)";
        world.sql(run, binds![job, mailbox, waited, at(now)]).await?;
        // Two claims of one run: the second took over in the same ten minutes.
        for (token, part, part_waited) in
            [(1_i64, now - 90 * MINUTE, 600_000_i64), (2, now - 90 * MINUTE, waited - 600_000)]
        {
            let part = part - part.rem_euclid(10 * MINUTE);
            let waits = "INSERT INTO throttle_waits (run_id, fencing_token, from_ms, waited_ms)
                         SELECT MAX(id), $1, $2, $3 FROM migration_runs";
            world.sql(waits, binds![token, part, part_waited]).await?;
        }
    }
    let path = format!("/migration/mailboxes/{bia}/throttling");
    let told = world.get(&ana, &path).await?.with(200).json();
    let series = told["series"].as_array().context("no series")?;
    assert_eq!(
        (series.len(), &told["waited_ms"], &told["waited_ms_in_all"]),
        (25, &json!(750_000), &json!(750_000))
    );
    assert_eq!(series.iter().filter(|one| one["waited_ms"] == 750_000).count(), 1, "{told}");
    let week = world.get(&ana, &format!("{path}?window=7d")).await?.with(200).json();
    assert_eq!(week["series"].as_array().map(Vec::len), Some(29), "{week}");
    world.get(&ana, &format!("{path}?window=99d")).await?.with(400);
    let mut visitor = Visitor::new(&world);
    visitor.log_in("ana").await?;
    let page = visitor.get(&format!("/console/mailboxes/{bia}")).await?.with(200);
    assert!(page.text.contains("One run waited 12\u{a0}min in all"), "{}", page.text);
    assert!(page.text.contains("<td class=\"n\">12\u{a0}min</td>"), "{}", page.text);
    Ok(())
}
