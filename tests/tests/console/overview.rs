//! The first page: what was moved by the hour, what comes next, what waits for whom, and whether the machine is well.
//! Never a number of its own: what is looked for was put there.

use anyhow::Result;
use malote_service::binds;
use malote_service::store::at;
use serde_json::json;

use super::visitor::Visitor;
use crate::world::World;

const HOUR: i64 = 3_600_000;

#[tokio::test]
async fn the_first_page_draws_what_was_moved_and_tells_what_comes_next_and_what_waits() -> Result<()> {
    let world = World::new().await?;
    let person = world.user("ana", &["admin"], &[]).await?;
    let job = world.job(&person, 1, "example.org").await?;
    let mailbox = world.mailbox(&person, job, "bia@example.org").await?;
    let mut ana = Visitor::new(&world);
    ana.log_in("ana").await?;
    let page = ana.get("/console").await?.with(200);
    for words in [
        "Nothing to draw yet.",
        "No schedule fires.",
        "No mailbox waits for its provider",
        "Free on the disk:",
    ] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    let ended = at(world.now() - 3 * HOUR);
    let ran = "INSERT INTO migration_runs (job_id, mailbox_id, run_type, status, bytes_done, messages_done, started_at,
                   finished_at, updated_at, triggered_by)
               VALUES ($1, $2, 'initial', 'success', 5368709120, 7, $3, $3, $3, 'worker')";
    world.sql(ran, binds![job, mailbox, &ended]).await?;
    let schedule = format!("/migration/jobs/{job}/schedule");
    world.send(&person, "PUT", &schedule, json!({"cron": "0 2 * * *"})).await?.with(200);
    world.sql("UPDATE schedules SET next_due_ms = $1", binds![world.now() + HOUR]).await?;
    world.sql("UPDATE migration_mailboxes SET status = 'error' WHERE id = $1", binds![mailbox]).await?;
    let server = json!({"name": "old", "kind": "imap", "host": "old.example.org", "tls": "implicit"});
    let server = world.post(&person, "/endpoints", server).await?.with(201).json()["id"].clone();
    let grant = json!({
        "provider": "microsoft", "flow": "device_code", "client_id": "c0ffee", "directory": "x.example",
    });
    let kept =
        json!({"endpoint_id": server, "name": "chief", "user": "a@x.example", "grant": grant, "secret": {}});
    world.post(&person, "/credentials", kept).await?.with(201);

    // In its phase it fires and enters nothing yet.
    let page = ana.get("/console").await?.with(200);
    assert!(page.text.contains("No schedule fires."), "{}", page.text);
    world.sql("UPDATE migration_jobs SET phase = 'delta_sync' WHERE id = $1", binds![job]).await?;

    let told = world.get(&person, "/migration/metrics?window=24h").await?.with(200).json();
    let series = told["throughput_series"].as_array().cloned().unwrap_or_default();
    assert_eq!(series.len(), 25, "{told}");
    let moved: Vec<_> = series.iter().filter(|one| one["bytes"] != 0).collect();
    assert_eq!(
        moved,
        [&json!({"at": format!("{}:00:00.000Z", &ended[..13]), "bytes": 5_368_709_120_i64, "messages": 7})]
    );
    let week = world.get(&person, "/migration/metrics?window=7d").await?.with(200).json();
    assert_eq!(week["throughput_series"].as_array().map(Vec::len), Some(8), "{week}");
    assert!(told["disk"]["free_bytes"].as_u64().is_some_and(|free| free > 0), "{told}");
    for (language, words) in [
        ("en", ["has one mailbox with errors.", "waits for a consent.", "Next runs by schedule"]),
        ("pt-BR", ["tem 1 caixa com erros.", "espera um consentimento.", "Próximas execuções da agenda"]),
    ] {
        ana.language = language;
        let page = ana.get("/console").await?.with(200);
        for words in words {
            assert!(page.text.contains(words), "{words}: {}", page.text);
        }
        assert!(page.text.contains("GiB") && page.text.contains(&at(world.now() + HOUR)), "{}", page.text);
    }
    // Whoever does not see the job sees none of it.
    let vera = world.user("vera", &["viewer"], &[2]).await?;
    let told = world.get(&vera, "/migration/metrics").await?.with(200).json();
    assert_eq!(told["next_runs"], json!([]));
    let bytes = told["throughput_series"].as_array().into_iter().flatten();
    assert!(bytes.into_iter().all(|one| one["bytes"] == 0), "{told}");
    Ok(())
}

#[tokio::test]
async fn a_mailboxs_page_groups_its_errors_and_names_its_files_and_the_log_comes_as_a_whole() -> Result<()> {
    let world = World::new().await?;
    let person = world.user("ana", &["admin"], &[]).await?;
    let job = world.job(&person, 1, "example.org").await?;
    let mailbox = world.mailbox(&person, job, "bia@example.org").await?;
    for (class, words) in
        [("net", "the line broke"), ("auth.bad_credentials", "old"), ("auth.bad_credentials", "new")]
    {
        let ran =
            "INSERT INTO migration_runs (job_id, mailbox_id, run_type, status, error_class, error_details,
                       started_at, finished_at, triggered_by)
                   VALUES ($1, $2, 'delta', 'failed', $3, $4, $5, $6, 'worker')";
        let (began, ended) = (at(world.now() - 2 * HOUR), at(world.now() - HOUR));
        world.sql(ran, binds![job, mailbox, class, words, began, ended]).await?;
    }
    let mut ana = Visitor::new(&world);
    ana.log_in("ana").await?;
    let page = ana.get(&format!("/console/mailboxes/{mailbox}")).await?.with(200);
    assert!(page.text.contains("Errors of the last runs") && page.text.contains("2 times"), "{}", page.text);
    assert!(page.text.contains(">new</span>") && page.text.contains("No file belongs to this mailbox."));
    let runs = ana.get(&format!("/console/jobs/{job}/runs")).await?.with(200);
    assert!(runs.text.contains("1\u{a0}h\u{a0}0\u{a0}min"), "{}", runs.text);
    let log = ana.open("/console/audit.ndjson").await?.with(200);
    let rows = world.get(&person, "/audit-logs?limit=1").await?.json()["total"].as_i64().unwrap_or_default();
    assert!(log.text.lines().count() as i64 + 1 >= rows, "{} lines of {rows}", log.text.lines().count());
    assert!(log.text.lines().all(|line| line.starts_with("{\"seq\":")), "{}", log.text);
    world.make_user("vera", &["viewer"], &[1]).await?;
    let mut vera = Visitor::new(&world);
    vera.log_in("vera").await?;
    vera.open("/console/audit.ndjson").await?.with(403);
    Ok(())
}

#[tokio::test]
async fn migrations_in_each_others_way_stand_on_the_systems_page() -> Result<()> {
    let world = World::new().await?;
    let person = world.user("ana", &["admin"], &[]).await?;
    let mut ana = Visitor::new(&world);
    ana.log_in("ana").await?;
    let first = world.job(&person, 1, "example.org").await?;
    let mailbox = world.mailbox(&person, first, "bia@example.org").await?;
    let page = ana.get("/console/system").await?.with(200);
    assert!(!page.text.contains("each other's way"), "{}", page.text);
    let second = world.job(&person, 1, "example.net").await?;
    world.mailbox(&person, second, "bia@example.org").await?;
    for (language, words) in
        [("en", "bia@example.org is in several open"), ("pt-BR", "bia@example.org está em várias")]
    {
        ana.language = language;
        let page = ana.get("/console/system").await?.with(200);
        assert!(page.text.contains(words), "{}", page.text);
        assert!(page.text.contains(&format!("/console/mailboxes/{mailbox}")), "{}", page.text);
        assert!(page.text.contains(&format!("/console/jobs/{second}")), "{}", page.text);
    }
    Ok(())
}
