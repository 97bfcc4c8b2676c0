//! The form of it all: two mounts, one form of error, pages, versions, keys, events, the description.
//! Never about mail.

use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use malote_service::binds;
use malote_service::store;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::world::{Person, World};

#[tokio::test]
async fn an_error_has_one_form_in_two_languages_and_says_where_to_look() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    for (language, title) in [("en", "There is nothing here"), ("pt-BR,pt;q=0.9", "Não há nada aqui")] {
        for path in ["/migration/jobs/99", "/api/v1/migration/jobs/99", "/nothing", "/migration/jobs/x"] {
            let mut request = world.request("GET", path, &ana, None)?;
            request.headers_mut().insert("accept-language", language.parse()?);
            let told = world.ask(request).await?.refused(404, "not_found");
            assert_eq!(told.header("content-type"), "application/problem+json");
            assert_eq!(told.json()["title"], title);
            assert_eq!(told.json()["request_id"], told.header("x-request-id"));
        }
    }
    world.send(&ana, "PUT", "/migration/jobs", json!({})).await?.refused(405, "method_not_allowed");
    let told = world
        .post(&ana, "/migration/jobs", json!({"tenant_id": 1, "domain": "a.example", "isAdmin": true}))
        .await?;
    let told = told.refused(422, "invalid");
    assert!(told.text.contains("isAdmin"), "{}", told.text);
    let request = Request::post("/migration/jobs").header("cookie", format!("__Host-session={}", ana.cookie));
    let request = request.header("x-csrf-token", &ana.csrf).body(Body::from("{}"))?;
    world.ask(request).await?.refused(415, "unsupported_media_type");
    let mut broken = world.request("POST", "/migration/jobs", &ana, Some(json!({})))?;
    *broken.body_mut() = Body::from("{");
    world.ask(broken).await?.refused(400, "bad_request");
    let huge = json!({"tenant_id": 1, "domain": "a.example", "notes": "x".repeat(3_000_000)});
    world.post(&ana, "/migration/jobs", huge).await?.refused(413, "too_large");
    Ok(())
}

#[tokio::test]
async fn every_answer_wears_what_browsers_heed() -> Result<()> {
    let world = World::new().await?;
    for path in ["/health", "/version", "/docs", "/openapi.json", "/nothing", "/auth/status"] {
        let told = world.get(&Person::default(), path).await?;
        for (name, part) in [
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "frame-ancestors 'none'"),
            ("strict-transport-security", "max-age=31536000"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
        ] {
            assert!(told.header(name).contains(part), "{path}: {name}: {}", told.header(name));
        }
    }
    world.get(&Person::default(), "/health/ready").await?.with(200);
    world.get(&Person::default(), "/metrics").await?.with(401);
    Ok(())
}

#[tokio::test]
async fn a_version_that_was_not_seen_changes_nothing() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    let job = world.job(&ana, 1, "example.com").await?;
    let path = format!("/migration/jobs/{job}");
    let change = json!({"notes": "new"});
    world.send(&ana, "PATCH", &path, change.clone()).await?.refused(428, "if_match_required");
    let mut stale = world.request("PATCH", &path, &ana, Some(change.clone()))?;
    stale.headers_mut().insert("if-match", "\"99\"".parse()?);
    world.ask(stale).await?.refused(412, "stale");
    let told = world.put(&ana, "PATCH", &path, &path, change).await?.with(200);
    assert_eq!(told.json()["notes"], "new");
    assert_eq!(told.header("etag"), "\"2\"");
    world.put(&ana, "PATCH", &path, &path, json!({"domain": "other.example"})).await?.refused(422, "invalid");
    Ok(())
}

#[tokio::test]
async fn a_request_under_one_key_is_done_once() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    let ask = |key: &str, body: Value| {
        let mut request = world.request("POST", "/migration/jobs", &ana, Some(body))?;
        request.headers_mut().insert("idempotency-key", key.parse()?);
        anyhow::Ok(request)
    };
    let body = json!({"tenant_id": 1, "domain": "example.com"});
    let first = world.ask(ask("k1", body.clone())?).await?.with(201);
    let again = world.ask(ask("k1", body.clone())?).await?.with(201);
    assert_eq!((first.text, again.header("idempotency-replayed").as_str()), (again.text.clone(), "true"));
    assert_eq!(again.header("location"), "/migration/jobs/1");
    let other = json!({"tenant_id": 1, "domain": "other.example"});
    world.ask(ask("k1", other)?).await?.refused(422, "idempotency_conflict");
    world.ask(ask("k2", body.clone())?).await?.refused(409, "job_exists");
    assert_eq!(world.get(&ana, "/migration/jobs").await?.json()["total"], 1);
    // Whoever was not let in is not answered from the drawer afterwards.
    let bob = world.user("bob", &["viewer"], &[]).await?;
    let mut request = world.request("POST", "/migration/jobs", &bob, Some(body))?;
    request.headers_mut().insert("idempotency-key", "k1".parse()?);
    world.ask(request).await?.refused(403, "forbidden");
    world.post(&ana, "/auth/logout", json!({})).await?.with(204);
    let body = json!({"tenant_id": 1, "domain": "example.com"});
    world.ask(ask("k1", body)?).await?.refused(401, "unauthenticated");
    Ok(())
}

#[tokio::test]
async fn lists_go_page_by_page_and_as_csv() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    for number in 0..5 {
        world.job(&ana, 1, &format!("d{number}.example")).await?;
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let told =
            world.get(&ana, &format!("/migration/jobs?limit=2&cursor={cursor}")).await?.with(200).json();
        assert_eq!(told["total"], 5);
        seen.extend(told["items"].as_array().unwrap().iter().filter_map(|job| job["id"].as_i64()));
        match told["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    world.get(&ana, "/migration/jobs?limit=0").await?.refused(400, "bad_request");
    world.get(&ana, "/migration/jobs?cursor=x").await?.refused(400, "bad_request");
    let found =
        world.get(&ana, "/migration/jobs?q=d3&phase=discovered&gate=blocked&tenant_id=1").await?.json();
    assert_eq!(found["total"], 1);
    let mut request = world.request("GET", "/migration/jobs?limit=2", &ana, None)?;
    request.headers_mut().insert("accept", "text/csv".parse()?);
    let csv = world.ask(request).await?.with(200);
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(csv.text.lines().count(), 3, "{}", csv.text);
    assert_eq!(csv.header("x-next-cursor"), "4");
    Ok(())
}

#[tokio::test]
async fn events_go_on_where_a_broken_line_left_off() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    let job = world.job(&ana, 1, "example.com").await?;
    for number in 0..3 {
        let event =
            "INSERT INTO run_log_events (job_id, level, event, message) VALUES ($1, 'info', 'log', $2)";
        world.sql(event, binds![job, format!("event {number}")]).await?;
    }
    let mut request = world.request("GET", &format!("/migration/jobs/{job}/events"), &ana, None)?;
    request.headers_mut().insert("last-event-id", "1".parse()?);
    let response = malote_service::api::router(world.app.clone()).oneshot(request).await?;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    let mut text = String::new();
    while !text.contains("event 2") {
        let frame =
            tokio::time::timeout(Duration::from_secs(10), body.frame()).await?.context("it ended")??;
        text.push_str(&String::from_utf8_lossy(frame.data_ref().context("no data")?));
    }
    assert!(text.contains("id: 2") && text.contains("event: log") && !text.contains("event 0"), "{text}");
    Ok(())
}

#[tokio::test]
async fn the_description_names_every_request_that_the_specification_asks_for() -> Result<()> {
    let world = World::new().await?;
    let told = world.get(&Person::default(), "/openapi.json").await?.with(200).json();
    assert!(
        told["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")),
        "{}",
        told["openapi"]
    );
    for (method, path) in [
        ("post", "/migration/jobs"),
        ("get", "/migration/jobs"),
        ("get", "/migration/jobs/{id}"),
        ("patch", "/migration/jobs/{id}"),
        ("delete", "/migration/jobs/{id}"),
        ("post", "/migration/jobs/{id}/mailboxes"),
        ("post", "/migration/jobs/{id}/preflight"),
        ("post", "/migration/jobs/{id}/sync"),
        ("post", "/migration/jobs/{id}/approve-gate"),
        ("post", "/migration/jobs/{id}/dns/confirm"),
        ("get", "/migration/jobs/{id}/dns/propagation"),
        ("get", "/migration/jobs/{id}/final-passes"),
        ("post", "/migration/jobs/{id}/verify/accept"),
        ("post", "/migration/jobs/{id}/close"),
        ("get", "/migration/gate"),
        ("get", "/migration/runs/{rid}/log"),
        ("get", "/migration/jobs/{id}/events"),
        ("post", "/migration/quarantine/{qid}/ack"),
        ("get", "/migration/metrics"),
        ("post", "/auth/login"),
        ("get", "/audit-logs/verify"),
        ("post", "/endpoints/{id}/test"),
    ] {
        let operation = &told["paths"][path][method];
        assert!(operation["responses"].is_object(), "{method} {path} is not described");
    }
    let page = world.get(&Person::default(), "/docs").await?.with(200).text;
    assert!(page.contains("/migration/jobs/{id}/approve-gate"));
    assert!(!page.contains("<script") && !page.contains("https://"), "the reader asks other machines");
    Ok(())
}

#[tokio::test]
async fn every_query_can_be_prepared_on_both_engines() -> Result<()> {
    let world = World::new().await?;
    let all = [
        store::keys::QUERIES,
        store::people::QUERIES,
        store::doors::QUERIES,
        store::audit::QUERIES,
        store::idempotency::QUERIES,
        store::jobs::QUERIES,
        store::boxes::QUERIES,
        store::conflicts::QUERIES,
        store::sheet::QUERIES,
        store::gates::QUERIES,
        store::gate_sets::QUERIES,
        store::cutover::QUERIES,
        store::preferences::QUERIES,
        store::roles::QUERIES,
        store::glance::QUERIES,
        store::views::QUERIES,
        store::hooks::QUERIES,
        store::shares::QUERIES,
        store::looks::QUERIES,
        store::passes::QUERIES,
        store::schedules::QUERIES,
        store::waits::QUERIES,
        store::endpoints::QUERIES,
        store::retries::QUERIES,
        store::uploads::QUERIES,
        store::given::QUERIES,
    ];
    let postgres = acceptance::servers::Postgres::start()?;
    let mut stores = vec![("SQLite", world.app.store.clone())];
    if let Some(postgres) = &postgres {
        let store = store::Store::connect(&store::Where::parse(&postgres.url())?).await?;
        store::migrate::up(&store).await?;
        stores.push(("PostgreSQL", store));
    }
    for (engine, store) in &stores {
        let sets = store::gate_sets::SETS.iter().map(|set| set.text(*engine == "PostgreSQL"));
        let lists =
            [&store::jobs::JOBS[..], &store::boxes::MAILBOXES, &store::looks::RUNS, &store::looks::ITEMS];
        let lists = lists.into_iter().flatten().flatten().copied();
        let own = store::sheet::OWN.iter().map(|pair| pair[usize::from(*engine == "PostgreSQL")]);
        for text in all.iter().flat_map(|some| some.iter().copied()).chain(sets).chain(lists).chain(own) {
            store.prepare(text).await.with_context(|| format!("{engine}: {text}"))?;
        }
    }
    for (_, store) in stores {
        store.close().await;
    }
    Ok(())
}
