//! Runs as a tree: passes, their mailboxes' runs, the steps of each; bounded, by filters, and nobody else's.
//! Never a run that a worker did: rows stand for what workers would have written.

use anyhow::{Context as _, Result};
use malote_service::binds;
use malote_service::store::at;
use serde_json::json;

use super::visitor::Visitor;
use crate::world::{Person, World};

/// A run of a mailbox, entered so many minutes ago, with as many steps.
async fn ran(
    world: &World,
    (job, mailbox): (i64, i64),
    (run_type, status, who): (&str, &str, &str),
    (minutes, steps): (i64, i64),
) -> Result<()> {
    let moment = at(world.now() - minutes * 60_000);
    let ended = if matches!(status, "queued" | "running") { "" } else { moment.as_str() };
    let run = "INSERT INTO migration_runs (job_id, mailbox_id, run_type, status, triggered_by, queued_at, started_at,
                   finished_at, messages_done, messages_total) VALUES ($1, $2, $3, $4, $5, $6, $6, $7, 5, 9)";
    world.sql(run, binds![job, mailbox, run_type, status, who, &moment, ended]).await?;
    for number in 1..=steps {
        let step = "INSERT INTO run_steps (run_id, sequence, name, status, messages_done, messages_total, started_at)
                    SELECT MAX(id), $1, $2, $3, 1, 2, $4 FROM migration_runs";
        let status = if number == steps { "failed" } else { "completed" };
        world.sql(step, binds![number, format!("folder:Box{number}"), status, &moment]).await?;
    }
    Ok(())
}

/// One job with two mailboxes, three deltas of which one failed, and a preflight that somebody asked for.
async fn busy() -> Result<(World, Person, i64)> {
    let world = World::new().await?;
    let ana = world.user("ana", &["admin", "ops_lead"], &[]).await?;
    let job = world.job(&ana, 1, "example.org").await?;
    let bia = world.mailbox(&ana, job, "bia@example.org").await?;
    let rui = world.mailbox(&ana, job, "rui@example.org").await?;
    let who = ana.id.clone();
    ran(&world, (job, bia), ("preflight", "success", &who), (400, 0)).await?;
    ran(&world, (job, rui), ("preflight", "success", &who), (400, 0)).await?;
    ran(&world, (job, bia), ("delta", "success", "cron"), (300, 2)).await?;
    ran(&world, (job, rui), ("delta", "failed", "cron"), (300, 30)).await?;
    ran(&world, (job, bia), ("delta", "success", "cron"), (60, 1)).await?;
    Ok((world, ana, job))
}

#[tokio::test]
async fn runs_that_one_act_entered_are_one_pass_with_their_numbers() -> Result<()> {
    let (world, ana, job) = busy().await?;
    let place = format!("/migration/jobs/{job}");
    let told = world.get(&ana, &format!("{place}/passes")).await?.with(200).json();
    let items = told["items"].as_array().context("no passes")?;
    let seen: Vec<_> = items.iter().map(|one| (one["run_type"].clone(), one["runs"].clone())).collect();
    assert_eq!(
        seen,
        [(json!("delta"), json!(1)), (json!("delta"), json!(2)), (json!("preflight"), json!(2))]
    );
    assert_eq!((&told["total"], &told["next_cursor"]), (&json!(3), &json!(null)));
    let middle = &items[1];
    assert_eq!((&middle["by_status"]["failed"], &middle["by_status"]["success"]), (&json!(1), &json!(1)));
    assert_eq!((&middle["messages_done"], &middle["messages_total"]), (&json!(10), &json!(18)));
    for (query, expected) in [
        ("status=failed", 1),
        ("status=queued", 0),
        ("run_type=delta", 2),
        ("run_type=preflight&status=failed", 0),
    ] {
        let told = world.get(&ana, &format!("{place}/passes?{query}")).await?.with(200).json();
        assert_eq!(told["total"], json!(expected), "{query}");
    }
    let first = world.get(&ana, &format!("{place}/passes?limit=2")).await?.json();
    let cursor = first["next_cursor"].as_str().context("no cursor")?.to_owned();
    let rest = world.get(&ana, &format!("{place}/passes?limit=2&cursor={cursor}")).await?.with(200).json();
    assert_eq!(
        (rest["items"][0]["id"].clone(), &rest["next_cursor"]),
        (items[2]["id"].clone(), &json!(null))
    );
    world.get(&ana, &format!("{place}/passes?cursor=x")).await?.with(400);
    let pass = middle["id"].as_i64().context("no id")?;
    // Any run of a pass names it, and only the steps that were asked for come along.
    for named in [pass, pass + 1] {
        let told = world.get(&ana, &format!("{place}/passes/{named}")).await?.with(200);
        let told = told.json();
        assert_eq!((&told["total"], &told["items"][1]["steps_total"]), (&json!(2), &json!(30)), "{told}");
        let steps = told["items"][1]["steps"].as_array().context("no steps")?;
        assert_eq!(
            (steps.len(), &steps[0]["name"]),
            (12, &json!("folder:Box30")),
            "what failed is not first"
        );
    }
    let plain = world.get(&ana, &format!("{place}/runs")).await?.with(200).json();
    assert!(plain["items"][0].get("steps").is_none(), "{plain}");
    world.get(&ana, &format!("{place}/passes/999")).await?.with(404);
    let failed =
        world.get(&ana, &format!("{place}/passes/{pass}?status=failed&limit=1")).await?.with(200).json();
    assert_eq!((&failed["total"], &failed["next_cursor"]), (&json!(1), &json!(null)), "{failed}");
    Ok(())
}

#[tokio::test]
async fn nobody_learns_of_passes_beyond_their_reach_nor_of_another_job_by_its_run() -> Result<()> {
    let (world, ana, job) = busy().await?;
    let other = world.job(&ana, 2, "example.net").await?;
    let mailbox = world.mailbox(&ana, other, "eva@example.net").await?;
    ran(&world, (other, mailbox), ("delta", "success", "cron"), (300, 1)).await?;
    let far = world.user("far", &["viewer"], &[2]).await?;
    world.get(&far, &format!("/migration/jobs/{job}/passes")).await?.with(404);
    // A run of another job names no pass of this one.
    world.get(&far, &format!("/migration/jobs/{other}/passes/1")).await?.with(404);
    world.get(&far, &format!("/migration/jobs/{job}/passes/1")).await?.with(404);
    Ok(())
}

#[tokio::test]
async fn the_tree_opens_the_newest_pass_and_any_other_by_its_link_within_the_filters() -> Result<()> {
    let (world, ana, job) = busy().await?;
    let mut visitor = Visitor::new(&world);
    visitor.log_in("ana").await?;
    let place = format!("/console/jobs/{job}/runs");
    let page = visitor.get(&place).await?.with(200);
    let open = page.text.matches("<details open>").count();
    assert_eq!((open, page.text.matches("id=\"pass-").count()), (1, 3), "{}", page.text);
    assert!(page.text.contains("bia@example.org") && !page.text.contains("rui@example.org"), "{}", page.text);
    assert!(page.text.contains("the schedule") && page.text.contains("Box1<"), "{}", page.text);
    let passes = world.get(&ana, &format!("/migration/jobs/{job}/passes")).await?.json();
    let second = &passes["items"][1]["id"];
    let page = visitor.get(&format!("{place}?pass={second}")).await?.with(200);
    assert!(
        page.text.contains("Box30") && !page.text.contains("Box29"),
        "steps without an end: {}",
        page.text
    );
    assert!(page.text.contains("All 30 steps and the log"), "{}", page.text);
    let page = visitor.get(&format!("{place}?status=failed")).await?.with(200);
    assert_eq!(page.text.matches("id=\"pass-").count(), 1, "{}", page.text);
    assert!(page.text.contains("rui@example.org") && !page.text.contains("bia@example.org"), "{}", page.text);
    let page = visitor.get(&format!("{place}?status=cancelled")).await?.with(200);
    assert!(page.text.contains("No run fits these filters."), "{}", page.text);
    for path in [format!("{place}?view=list&status=failed"), format!("{place}?mailbox_id=1")] {
        let page = visitor.get(&path).await?.with(200);
        assert!(page.text.contains("<th scope=\"col\">Kind</th>"), "{path}: {}", page.text);
    }
    // What is no pass of this page opens its first.
    let page = visitor.get(&format!("{place}?pass=999&after=7")).await?.with(200);
    assert!(page.text.contains("bia@example.org"), "{}", page.text);
    Ok(())
}

#[tokio::test]
async fn five_hundred_mailboxes_make_no_page_longer_than_a_page() -> Result<()> {
    let (world, ana, job) = busy().await?;
    for number in 0..500 {
        let mailbox = "INSERT INTO migration_mailboxes (job_id, email, source_type) VALUES ($1, $2, 'imap')";
        world.sql(mailbox, binds![job, format!("person{number}@example.org")]).await?;
    }
    let run = "INSERT INTO migration_runs (job_id, mailbox_id, run_type, status, triggered_by, queued_at)
               SELECT job_id, id, 'verify', 'queued', 'u_x', $2 FROM migration_mailboxes
               WHERE job_id = $1 AND email LIKE 'person%'";
    world.sql(run, binds![job, at(world.now())]).await?;
    let steps = "INSERT INTO run_steps (run_id, sequence, name, status)
                 SELECT run.id, number.id, 'folder:Clientes/2024', 'running' FROM migration_runs AS run
                 JOIN migration_mailboxes AS number ON number.job_id = run.job_id AND number.id <= 40
                 WHERE run.run_type = 'verify' AND run.job_id = $1";
    world.sql(steps, binds![job]).await?;
    let mut visitor = Visitor::new(&world);
    visitor.log_in("ana").await?;
    let place = format!("/console/jobs/{job}/runs");
    let (mut path, mut seen) = (place.clone(), 0);
    for _ in 0..60 {
        let page = visitor.get(&path).await?.with(200);
        assert!(page.text.len() < 120 * 1024, "{path} weighs {}", page.text.len());
        seen += page.text.matches("<span class=\"leaf\">person").count();
        let more =
            page.text.split("<a class=\"button\" href=\"?pass=").skip(1).find(|part| part.contains("after="));
        let Some(more) = more.and_then(|rest| rest.split('#').next()) else { break };
        path = format!("{place}?pass={}", more.replace("&amp;", "&"));
        world.pass(2000);
    }
    assert_eq!(seen, 500, "pages of a pass leave runs out");
    let told = world.get(&ana, &format!("/migration/jobs/{job}/passes")).await?.json();
    assert_eq!(told["items"][0]["by_status"]["queued"], json!(500));
    Ok(())
}
