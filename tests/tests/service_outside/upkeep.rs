//! What operators change while the service runs: profiles of servers; what is counted; what goes with a job's end.
//! Never a value that nobody reads: a changed profile is seen by a run.

use acceptance::identity_provider::KEY_PEM;
use anyhow::{Context, Result};
use malote_service::binds;
use malote_service::originals;
use serde_json::json;

use super::ground::{Bench, endpoint};
use super::world::World;

const OWN: &str = r#"name = "acme"
title = "Acme"
verified = true

[[quirk]]
knob = "connections_per_mailbox"
value = 1
deviation = "one connection"
handling = "one connection"
source = "the operator"
"#;

#[tokio::test]
async fn profiles_are_changed_version_by_version_and_go_back_to_what_was_shipped() -> Result<()> {
    let world = World::new().await?;
    let root = world.user("root", &["admin"], &[]).await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    let path = "/provider-profiles/gmail";
    let text = OWN.replace("acme", "gmail");
    world.put(&ana, "PUT", path, path, json!({"text": text})).await?.refused(403, "forbidden");
    world.send(&root, "PUT", path, json!({"text": text})).await?.refused(428, "if_match_required");
    for (wrong, word) in [
        (OWN.to_owned(), "names itself"),
        (text.replace("connections_per_mailbox", "conections"), "conections"),
        ("name = ".to_owned(), "line 1"),
        ("x".repeat(300_000), "octets"),
    ] {
        let told = world.put(&root, "PUT", path, path, json!({"text": wrong})).await?.refused(422, "invalid");
        assert!(told.text.contains(word), "{word}: {}", told.text);
    }
    let told = world.put(&root, "PUT", path, path, json!({"text": text})).await?.with(200);
    assert_eq!((told.header("etag").as_str(), &told.json()["title"]), ("\"1\"", &json!("Acme")));
    assert_eq!(
        (&told.json()["is_changed"], &told.json()["connections_per_mailbox"]),
        (&json!(true), &json!(1))
    );
    let mut stale = world.request("PUT", path, &root, Some(json!({"text": text})))?;
    stale.headers_mut().insert("if-match", "\"0\"".parse()?);
    world.ask(stale).await?.refused(412, "stale");
    world.send(&root, "PUT", "/provider-profiles/acme", json!({"text": OWN})).await?.with(200);
    let all = world.get(&ana, "/provider-profiles").await?.with(200).json();
    let names: Vec<&str> =
        all["items"].as_array().context("no items")?.iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!((names.len(), names.last(), names.contains(&"gmail")), (20, Some(&"acme"), true), "{names:?}");
    let back = world.put(&root, "PUT", path, path, json!({"text": ""})).await?.with(200).json();
    assert_eq!(
        (&back["version"], &back["is_changed"], &back["title"] == "Acme"),
        (&json!(2), &json!(false), false)
    );
    let own = "/provider-profiles/acme";
    world.put(&root, "PUT", own, own, json!({"text": ""})).await?.refused(422, "invalid");
    world.get(&ana, "/provider-profiles/nobody").await?.refused(404, "not_found");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_treats_a_server_by_the_operators_profile() -> Result<()> {
    let world = World::new().await?;
    let root = world.user("root", &["admin"], &[]).await?;
    let user = "ana@acme.test";
    let accounts = || vec![acceptance::servers::DovecotUser::new(user, "segredo")];
    let start = || {
        acceptance::servers::Dovecot::start(acceptance::servers::DovecotOptions {
            users: accounts(),
            ..acceptance::servers::DovecotOptions::default()
        })
    };
    let (source, destination) = (start()?, start()?);
    let old = endpoint(&world, &root, "old", source.port()).await?;
    let new = endpoint(&world, &root, "new", destination.port()).await?;
    let path = format!("/endpoints/{old}");
    let named = json!({
        "name": "old", "host": "127.0.0.1", "port": source.port(), "tls": "off", "profile": "acme", "kind": "imap",
        "allow_private": true, "allowed_networks": ["127.0.0.1/32"],
    });
    world.put(&root, "PUT", &path, &path, named).await?.with(200);
    let job = json!({"tenant_id": 1, "domain": "acme.test", "source": {"endpoint_id": old},
        "dest": {"endpoint_id": new},
        "mailboxes": [{"email": user, "secret": {"password": "segredo"}, "dest_secret": {"password": "segredo"}}]});
    let job = world.post(&root, "/migration/jobs", job).await?.with(201).json()["id"].to_string();
    let bench = Bench::new(&world, &root, &job);
    bench.preflight("failed", "usage").await?;
    world.send(&root, "PUT", "/provider-profiles/acme", json!({"text": OWN})).await?.with(200);
    bench.preflight("success", "").await?;
    let told = "SELECT error_details FROM migration_runs WHERE status = 'failed' ORDER BY id LIMIT 1";
    let told = world.app.store.one("asking", told, Vec::new()).await?.context("no run")?.text(0)?;
    assert!(told.contains("no profile is called acme"), "{told}");
    bench.end().await;
    Ok(())
}

/// Dovecot with an allowance of one octet a day.
const POOR: &str = r#"name = "dovecot"
extends = "dovecot"
title = "Dovecot"
verified = true

[[quirk]]
knob = "octets_down_per_day"
value = 1
deviation = "one octet a day"
handling = "reading stops after it"
source = "the operator"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_recognised_is_treated_by_what_the_operator_wrote_of_its_family() -> Result<()> {
    let world = World::new().await?;
    let root = world.user("root", &["admin"], &[]).await?;
    let user = "ana@acme.test";
    let start = || acceptance::servers::Dovecot::with_users(&[(user, "segredo")]);
    let (source, destination) = (start()?, start()?);
    let mut reader = acceptance::reader::Reader::login(source.port(), user, "segredo").await?;
    let mails = acceptance::mail::Postman::new(3).ordinaries(12);
    reader.fill(mails.iter().map(|mail| ("INBOX", mail))).await?;
    reader.logout().await?;
    let old = endpoint(&world, &root, "old", source.port()).await?;
    let new = endpoint(&world, &root, "new", destination.port()).await?;
    let job = json!({"tenant_id": 1, "domain": "acme.test", "source": {"endpoint_id": old},
        "dest": {"endpoint_id": new},
        "mailboxes": [{"email": user, "secret": {"password": "segredo"}, "dest_secret": {"password": "segredo"}}]});
    let job = world.post(&root, "/migration/jobs", job).await?.with(201).json()["id"].to_string();
    let bench = Bench::new(&world, &root, &job);
    bench.preflight("success", "").await?;
    let path = "/provider-profiles/dovecot";
    world.put(&root, "PUT", path, path, json!({"text": POOR})).await?.with(200);
    let wish = json!({"type": "initial"});
    let told = world.post(&root, &format!("/migration/jobs/{job}/sync"), wish).await?.with(202).json();
    let run = format!("/migration/runs/{}", told["run_ids"][0]);
    let began = std::time::Instant::now();
    let parked = loop {
        let told = world.get(&root, &run).await?.with(200).json();
        if told["error_class"] != "" || told["status"] == "success" {
            break told;
        }
        anyhow::ensure!(began.elapsed().as_secs() < 90, "it does not end: {told}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    // It waits for the provider's next day, with little or nothing brought over.
    assert_eq!(
        (&parked["status"], &parked["error_class"]),
        (&json!("queued"), &json!("throttle.daily")),
        "{parked}"
    );
    assert!(parked["stats"]["transferred"].as_u64() < Some(12), "{parked}");
    bench.end().await;

    // What people are told of the family goes by the same text.
    let gmail = "/provider-profiles/gmail";
    let text = POOR.replace("dovecot", "gmail");
    world.put(&root, "PUT", gmail, gmail, json!({"text": text})).await?.with(200);
    let quota = world.get(&root, "/quota/gmail").await?.with(200).json();
    assert_eq!(quota["octets_down_per_day"], 1, "{quota}");
    let wish = json!({"mailboxes": 1, "bytes": 10, "profile": "gmail"});
    let guess = world.post(&root, "/migration/estimate", wish).await?.with(200).json();
    assert_eq!(guess["days_of_allowance"], 10, "{guess}");
    Ok(())
}

#[tokio::test]
async fn leases_and_waits_are_counted_for_prometheus() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    let job = world.job(&ana, 1, "acme.test").await?;
    let mailbox = world.mailbox(&ana, job, "ana@acme.test").await?;
    let text = "INSERT INTO migration_runs (job_id, mailbox_id, run_type, tool, triggered_by)
                VALUES ($1, $2, 'delta', 'engine', 'test')";
    world.sql(text, binds![job, mailbox]).await?;
    let store = &world.app.store;
    let first = store.claim("first", 1_000, 2_000).await?.context("nothing to claim")?;
    let second = store.claim("second", 3_000, 4_000).await?.context("the lease has run out")?;
    store.throttled(first.fence, 9_000).await?;
    store.throttled(second.fence, 2_500).await?;
    let program = world.program(&["metrics:read"], None).await?;
    let told = world.get(&program, "/metrics").await?.with(200).text;
    assert!(told.contains("lbx_worker_lease_expired_total 1"), "{told}");
    assert!(
        told.contains("lbx_throttle_seconds_total{profile=\"\"} 3"),
        "whoever lost it counts no more: {told}"
    );
    Ok(())
}

#[tokio::test]
async fn originals_of_quarantined_messages_go_with_their_job() -> Result<()> {
    let world = World::new().await?;
    let root = world.user("root", &["admin"], &[]).await?;
    let folder = world.folder.path().join("data/quarantine");
    let mut mailboxes = Vec::new();
    for domain in ["a.test", "b.test", "c.test"] {
        let job = world.job(&root, 1, domain).await?;
        let mailbox = world.mailbox(&root, job, &format!("ana@{domain}")).await?;
        let own = folder.join(mailbox.to_string());
        std::fs::create_dir_all(own.join("deep"))?;
        std::fs::write(own.join("1.eml"), KEY_PEM)?;
        std::fs::write(own.join("deep/2.eml"), KEY_PEM)?;
        mailboxes.push((job, own));
    }
    let outside = world.folder.path().join("kept");
    std::fs::write(&outside, "not ours")?;
    std::os::unix::fs::symlink(&outside, mailboxes[0].1.join("link"))?;
    let path = format!("/migration/jobs/{}?confirm=a.test", mailboxes[0].0);
    world.send(&root, "DELETE", &path, json!({})).await?.with(204);
    assert!(!mailboxes[0].1.exists() && mailboxes[1].1.exists() && outside.exists());
    let counts = "SELECT counts_json FROM purge_certificates WHERE job_id = $1";
    let row =
        world.app.store.one("asking", counts, binds![mailboxes[0].0]).await?.context("no certificate")?;
    assert!(row.text(0)?.contains("\"quarantined_originals\":3"), "{}", row.text(0)?);
    // A run that ended after its job leaves some: they are swept.
    world.sql("UPDATE migration_jobs SET phase = 'closed' WHERE id = $1", binds![mailboxes[1].0]).await?;
    std::fs::create_dir_all(folder.join("999999"))?;
    std::fs::write(folder.join("999999/1.eml"), "of nobody")?;
    assert_eq!(originals::sweep(&world.app).await?, 3);
    assert!(!mailboxes[1].1.exists() && mailboxes[2].1.exists() && !folder.join("999999").exists());
    assert_eq!(originals::sweep(&world.app).await?, 0);
    Ok(())
}
