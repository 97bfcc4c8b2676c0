//! Lists: in every order, page by page, as JSON and as CSV, on both engines; and where jobs are in each other's way.
//! Never trusts a page alone: all pages together are held against the whole list.

use std::cmp::Ordering;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use malote_service::binds;
use malote_service::store::{Where, boxes, jobs, looks};
use serde_json::{Value, json};

use super::world::{Answer, Person, World};

/// A world in a file, and one on PostgreSQL where that is installed.
pub async fn worlds(check: impl AsyncFn(&World) -> Result<()>) -> Result<()> {
    check(&World::new().await?).await.context("SQLite")?;
    let Some(postgres) = acceptance::servers::Postgres::start()? else { return Ok(()) };
    let world = World::on(Where::parse(&postgres.url())?).await?;
    check(&world).await.context("PostgreSQL")?;
    world.app.store.close().await;
    Ok(())
}

fn ids(page: &Value) -> Vec<i64> {
    page["items"].as_array().into_iter().flatten().filter_map(|item| item["id"].as_i64()).collect()
}

/// Walks a list page by page.
async fn walk(world: &World, who: &Person, path: &str, sort: &str, limit: usize) -> Result<Vec<i64>> {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let asked = format!("{path}?limit={limit}&sort={sort}&cursor={cursor}");
        let page = world.get(who, &asked).await?.with(200).json();
        ensure!(ids(&page).len() <= limit, "{asked}: {page}");
        seen.extend(ids(&page));
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return Ok(seen),
        }
        ensure!(seen.len() <= 1_000, "{asked} has no end");
    }
}

fn compared(one: &Value, two: &Value) -> Ordering {
    match (one.as_i64(), two.as_i64()) {
        (Some(one), Some(two)) => one.cmp(&two),
        _ => one.as_str().unwrap_or_default().cmp(two.as_str().unwrap_or_default()),
    }
}

/// Every order of a list: the same rows, each once, ties by their ids.
async fn check_orders(world: &World, who: &Person, path: &str, sorts: &[&str]) -> Result<()> {
    let whole = world.get(who, &format!("{path}?limit=200")).await?.with(200).json();
    let rows = whole["items"].as_array().context("no list")?.clone();
    ensure!(rows.len() >= 5 && whole["total"] == json!(rows.len()), "{path}: {whole}");
    let mut cursors = Vec::new();
    for name in sorts {
        let mut expected = rows.clone();
        expected
            .sort_by(|one, two| compared(&one[*name], &two[*name]).then(compared(&one["id"], &two["id"])));
        let mut expected: Vec<i64> = expected.iter().filter_map(|row| row["id"].as_i64()).collect();
        for word in [(*name).to_owned(), format!("-{name}")] {
            for limit in [1, 4] {
                let seen = walk(world, who, path, &word, limit).await?;
                ensure!(
                    seen == expected,
                    "{path} by {word}, {limit} at once: {seen:?}, expected {expected:?}"
                );
            }
            expected.reverse();
            let page = world.get(who, &format!("{path}?limit=1&sort={word}")).await?.json();
            cursors.push((word, page["next_cursor"].as_str().context("no cursor")?.to_owned()));
        }
    }
    // Each cursor in the order that comes after its own: only by ids one is a place in both directions.
    for (place, (word, cursor)) in cursors.iter().enumerate() {
        let (other, _) = &cursors[(place + 1) % cursors.len()];
        let told = world.get(who, &format!("{path}?sort={other}&cursor={cursor}")).await?;
        let is_fine = word == "id" && other == "-id";
        ensure!((told.status == 200) == is_fine, "{path} by {other} after {word}: {}", told.text);
    }
    for wrong in
        ["sort=shoe_size", "sort=-", "sort=--id", "sort=id;drop", "cursor=x&sort=id", "limit=0", "limit=201"]
    {
        world.get(who, &format!("{path}?{wrong}")).await?.refused(400, "bad_request");
    }
    Ok(())
}

/// Jobs, mailboxes, runs and quarantined messages, with ties in each column.
async fn fill(world: &World, who: &Person) -> Result<i64> {
    let domains = ["b.example", "a.example", "c.example", "b.example", "a.example", "d-e.example"];
    let mut first = 0;
    for (place, domain) in domains.iter().enumerate() {
        let tenant = 1 + i64::try_from(place)?;
        let job = world.job(who, tenant, domain).await?;
        first = if first == 0 { job } else { first };
    }
    world.sql("UPDATE migration_jobs SET phase = 'failed' WHERE domain = 'a.example'", binds![]).await?;
    for (place, email) in ["z", "y", "x", "w", "v"].into_iter().enumerate() {
        let body = json!({"email": format!("{email}@b.example"), "priority": place % 2});
        let told = world.post(who, &format!("/migration/jobs/{first}/mailboxes"), body).await?.with(201);
        let mailbox = told.json()["id"].as_i64().context("no id")?;
        let kind = if place % 2 == 0 { "initial" } else { "delta" };
        let run = "INSERT INTO migration_runs (job_id, mailbox_id, run_type, tool, status, triggered_by, started_at,
                       finished_at) VALUES ($1, $2, $3, 'engine', 'success', 'u_x', $4, $4)";
        world
            .sql(run, binds![first, mailbox, kind, format!("2026-01-0{}T00:00:00.000Z", 1 + place % 3)])
            .await?;
        let item =
            "INSERT INTO quarantine_items (job_id, mailbox_id, folder_path, source_ref, size_bytes, reason,
                                                 status)
                    VALUES ($1, $2, $3, $4, $5, 'too_large', 'open')";
        let reference = format!("uid:{place}");
        world.sql(item, binds![first, mailbox, kind, reference, i64::try_from(100 - place % 3)?]).await?;
    }
    Ok(first)
}

#[tokio::test]
async fn a_list_tells_every_row_once_in_any_order_and_page_by_page() -> Result<()> {
    worlds(async |world| {
        let lead = world.user("lead", &["ops_lead"], &[]).await?;
        let job = fill(world, &lead).await?;
        let own = |name: &str| format!("/migration/jobs/{job}/{name}");
        let lists: [(String, &[&str]); 4] = [
            ("/migration/jobs".to_owned(), &jobs::SORTS),
            (own("mailboxes"), &boxes::SORTS),
            (own("runs"), &looks::RUN_SORTS),
            (own("quarantine"), &looks::ITEM_SORTS),
        ];
        for (place, (path, sorts)) in lists.iter().enumerate() {
            // Nobody may ask for all of it within a minute.
            let reader = world.user(&format!("reader{place}"), &["viewer"], &[]).await?;
            check_orders(world, &reader, path, sorts).await?;
        }
        // What is left out is not counted.
        for (path, total) in [
            ("/migration/jobs?phase=failed".to_owned(), 2),
            (own("mailboxes?q=x@"), 1),
            (own("mailboxes?status=ok"), 0),
            (own("runs?run_type=delta"), 2),
            (own("quarantine?status=resolved"), 0),
        ] {
            let told = world.get(&lead, &path).await?.with(200).json();
            assert_eq!(told["total"], total, "{path}: {told}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn every_list_is_told_as_csv_to_whoever_asks_for_that() -> Result<()> {
    let world = World::new().await?;
    let admin = world.user("admin1", &["admin"], &[]).await?;
    let job = fill(&world, &admin).await?;
    let server =
        json!({"name": "old", "kind": "imap", "host": "old.example.org", "port": 993, "tls": "implicit"});
    let server = world.post(&admin, "/endpoints", server).await?.with(201).json();
    let server = server["id"].as_str().context("no id")?.to_owned();
    let described = world.get(&Person::default(), "/openapi.json").await?.with(200).json();
    let mut told = Vec::new();
    for (path, methods) in described["paths"].as_object().context("no paths")? {
        let content = &methods["get"]["responses"]["200"]["content"];
        let schema = content["application/json"]["schema"]["$ref"].as_str().unwrap_or_default();
        if !schema.contains("/Listed") {
            continue;
        }
        assert!(content["text/csv"].is_object(), "{path} does not say that it comes as CSV");
        let id = match path.split('/').nth(if path.starts_with("/migration") { 2 } else { 1 }) {
            Some("mailboxes" | "runs") => "1".to_owned(),
            Some("endpoints") => server.clone(),
            Some("access") if path.contains("users") => admin.id.clone(),
            Some("access") => "viewer".to_owned(),
            _ => job.to_string(),
        };
        let words = path.split('/').map(|word| if word.starts_with('{') { id.as_str() } else { word });
        let place = words.collect::<Vec<_>>().join("/");
        let mut request = world.request("GET", &place, &admin, None)?;
        request.headers_mut().insert("accept", "text/csv".parse()?);
        let answer: Answer = world.ask(request).await?;
        if path.as_str() == "/access/names" {
            // It is asked about somebody.
            answer.with(400);
            continue;
        }
        let answer = answer.with(200);
        assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8", "{path}: {}", answer.text);
        let plain = world.get(&admin, &place).await?.with(200).json();
        let rows = plain["items"].as_array().context("no list")?.len();
        let lines = answer.text.matches("\r\n").count().saturating_sub(1);
        assert_eq!(lines, rows, "{path}: {}", answer.text);
        told.push(path.clone());
    }
    ensure!(told.len() >= 25, "only {} lists: {told:?}", told.len());
    let mut request = world.request("GET", "/migration/jobs?limit=2&sort=domain", &admin, None)?;
    request.headers_mut().insert("accept", "text/csv".parse()?);
    let page = world.ask(request).await?.with(200);
    let plain = world.get(&admin, "/migration/jobs?limit=2&sort=domain").await?.json();
    assert_eq!(page.header("x-next-cursor"), plain["next_cursor"].as_str().context("no cursor")?);
    Ok(())
}

#[tokio::test]
async fn a_forged_cursor_is_refused_alike_by_both_engines() -> Result<()> {
    worlds(async |world| {
        let lead = world.user("lead", &["ops_lead"], &[]).await?;
        let job = fill(world, &lead).await?;
        for (list, sort) in [
            ("mailboxes", "priority"),
            ("mailboxes", "-messages_missing"),
            ("mailboxes", "id"),
            ("runs", "-id"),
            ("quarantine", "size_bytes"),
        ] {
            for value in [json!("abc"), json!("7"), json!(null), json!(true), json!(1.5), json!([1])] {
                let cursor = URL_SAFE_NO_PAD.encode(json!([sort, value, 7]).to_string());
                let asked = format!("/migration/jobs/{job}/{list}?sort={sort}&cursor={cursor}");
                world.get(&lead, &asked).await?.refused(400, "bad_request");
            }
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn credentials_are_counted_whatever_the_page_holds() -> Result<()> {
    worlds(async |world| {
        let lead = world.user("lead", &["operator", "admin"], &[]).await?;
        let job = fill(world, &lead).await?;
        let boxes = world.get(&lead, &format!("/migration/jobs/{job}/mailboxes")).await?.with(200).json();
        for mailbox in ids(&boxes) {
            let secret = json!({"side": "source", "secret": {"password": "planted 7391"}});
            let path = format!("/migration/mailboxes/{mailbox}/secret");
            world.send(&lead, "PUT", &path, secret).await?.with(204);
        }
        let server = json!({"name": "old", "kind": "imap", "host": "old.example.org", "tls": "implicit"});
        let server = world.post(&lead, "/endpoints", server).await?.with(201).json()["id"].clone();
        for name in ["chief", "deputy"] {
            let kept = json!({"endpoint_id": server, "name": name, "user": "a@x.example",
                              "secret": {"password": "planted 7391"}});
            world.post(&lead, "/credentials", kept).await?.with(201);
        }
        let server = server.as_str().context("no id")?;
        for (asked, total) in [
            ("?limit=1".to_owned(), 7),
            ("?limit=200".to_owned(), 7),
            (format!("?limit=2&job_id={job}"), 5),
            ("?limit=1&at_servers=true".to_owned(), 2),
            (format!("?limit=1&endpoint_id={server}"), 2),
            (format!("?job_id={}", job + 1), 0),
        ] {
            let page = world.get(&lead, &format!("/credentials{asked}")).await?.with(200).json();
            assert_eq!(page["total"], total, "{asked}: {page}");
        }
        let stranger = world.user("stranger", &["operator"], &[9]).await?;
        assert_eq!(world.get(&stranger, "/credentials").await?.with(200).json()["total"], 0);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn only_schedules_that_will_enter_something_are_told_as_next() -> Result<()> {
    worlds(async |world| {
        let lead = world.user("lead", &["ops_lead"], &[]).await?;
        let job = world.job(&lead, 1, "one.example").await?;
        let path = format!("/migration/jobs/{job}/schedule");
        world.send(&lead, "PUT", &path, json!({"cron": "0 2 * * *"})).await?.with(200);
        world.sql("UPDATE schedules SET next_due_ms = $1", binds![world.now() + 3_600_000]).await?;
        for (run_type, phase, is_told) in [
            ("delta", "discovered", false),
            ("delta", "initial_sync", false),
            ("delta", "delta_sync", true),
            ("delta", "cutover_ready", true),
            ("delta", "dns_cutover", false),
            ("delta", "failed", false),
            ("verify", "verified", true),
            ("final", "delta_sync", false),
            ("final", "final_sync", true),
            ("preflight", "initial_sync", true),
            ("delta", "closed", false),
        ] {
            world.sql("UPDATE schedules SET run_type = $1", binds![run_type]).await?;
            world.sql("UPDATE migration_jobs SET phase = $1", binds![phase]).await?;
            let told = world.get(&lead, "/migration/metrics").await?.with(200).json();
            let count = told["next_runs"].as_array().map(Vec::len);
            assert_eq!(count, Some(usize::from(is_told)), "{run_type} in {phase}: {told}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn short_lists_are_sorted_sifted_and_paged_too() -> Result<()> {
    let world = World::new().await?;
    let admin = world.user("admin1", &["admin"], &[]).await?;
    for name in ["carla", "ana", "bruno"] {
        world.make_user(name, &["viewer"], &[1]).await?;
    }
    let names = async |path: &str| -> Result<(Vec<String>, Value)> {
        let page = world.get(&admin, path).await?.with(200).json();
        let items = page["items"].as_array().context("no list")?;
        Ok((items.iter().map(|one| one["name"].as_str().unwrap_or_default().to_owned()).collect(), page))
    };
    assert_eq!(names("/access/users?sort=name").await?.0, ["admin1", "ana", "bruno", "carla"]);
    assert_eq!(names("/access/users?sort=-name&q=A").await?.0, ["carla", "ana", "admin1"]);
    let (first, page) = names("/access/users?sort=-name&limit=3").await?;
    assert_eq!((first, &page["total"]), (vec!["carla".into(), "bruno".into(), "ana".into()], &json!(4)));
    let cursor = page["next_cursor"].as_str().context("no cursor")?;
    assert_eq!(names(&format!("/access/users?sort=-name&limit=3&cursor={cursor}")).await?.0, ["admin1"]);
    for wrong in [format!("sort=name&cursor={cursor}"), "sort=roles".to_owned(), "limit=0".to_owned()] {
        world.get(&admin, &format!("/access/users?{wrong}")).await?.refused(400, "bad_request");
    }
    Ok(())
}

#[tokio::test]
async fn jobs_that_are_in_each_others_way_are_told_to_those_who_see_both() -> Result<()> {
    worlds(async |world| {
        let lead = world.user("lead", &["ops_lead"], &[]).await?;
        let told = async |who: &Person| -> Result<Vec<(String, String)>> {
            let list = world.get(who, "/system/jobs-conflicts").await?.with(200).json();
            let items = list["items"].as_array().context("no list")?.clone();
            let word = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
            Ok(items.iter().map(|one| (word(one, "kind"), word(one, "shared"))).collect())
        };
        let one = world.job(&lead, 1, "one.example").await?;
        let two = world.job(&lead, 2, "two.example").await?;
        for (job, body) in [
            (one, json!({"email": "ana@one.example"})),
            // Two sources of one person into that person's mailbox are meant so.
            (one, json!({"email": "ana@one.example", "source_type": "mbox"})),
            (one, json!({"email": "bia@one.example"})),
        ] {
            world.post(&lead, &format!("/migration/jobs/{job}/mailboxes"), body).await?.with(201);
        }
        assert_eq!(told(&lead).await?, []);
        let both = |kind: &str, shared: &str| (kind.to_owned(), shared.to_owned());
        let path = format!("/migration/jobs/{two}/mailboxes");
        let elsewhere = json!({"email": "Ana@One.example", "dest_host": "other.example.net"});
        let id =
            world.post(&lead, &path, elsewhere).await?.with(201).json()["id"].as_i64().context("no id")?;
        assert_eq!(told(&lead).await?, [both("address", "ana@one.example")]);
        // The same server under its port, and a name that another address has at the destination.
        let place = "MAIL.example.net:993";
        let same = json!({"email": "c@two.example", "dest_host": place, "dest_user": "bia@one.example"});
        let other = world.post(&lead, &path, same).await?.with(201).json()["id"].as_i64().context("no id")?;
        let fed = both("destination", "mail.example.net/bia@one.example");
        assert_eq!(told(&lead).await?, [both("address", "ana@one.example"), fed.clone()]);
        let run = "INSERT INTO migration_runs (job_id, mailbox_id, run_type, tool, status, triggered_by,
                                               destination_key)
                   VALUES ($1, $2, 'delta', 'engine', $3, 'cron', 'mail.example.net/bia@one.example')";
        world.sql(run, binds![two, other, "running"]).await?;
        world.sql(run, binds![one, 3_i64, "queued"]).await?;
        assert_eq!(told(&lead).await?.last(), Some(&both("waiting", "mail.example.net/bia@one.example")));
        // Whoever sees one of the two is told of neither; of a run that waits, but not of what it waits for.
        let near = world.user("near", &["viewer"], &[1]).await?;
        let list = world.get(&near, "/system/jobs-conflicts").await?.with(200).json();
        assert_eq!((&list["total"], &list["items"][0]["kind"]), (&json!(1), &json!("waiting")), "{list}");
        assert_eq!(list["items"][0]["runs"].as_array().map(Vec::len), Some(1), "{list}");
        ensure!(!list.to_string().contains("two.example"), "{list}");
        // What is not moved any more is in nobody's way.
        for mailbox in [id, other] {
            let place = format!("/migration/mailboxes/{mailbox}");
            let body = json!({"enabled": false, "excluded_reason": "twice"});
            world.put(&lead, "PATCH", &place, &place, body).await?.with(200);
        }
        assert_eq!(told(&lead).await?.len(), 1, "the runs are still there");
        Ok(())
    })
    .await
}
