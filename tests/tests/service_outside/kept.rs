//! Credentials that are kept at a server: used by runs, replaced while they are used, shown to nobody, of one tenant.
//! Never trusts a run's word: what came over is read from the servers themselves.

use acceptance::mail::Postman;
use acceptance::migration::PASSWORD;
use acceptance::office::{Writing, contents, differences, move_in, sorted};
use acceptance::reader::Reader;
use acceptance::servers::{Dovecot, DovecotOptions, DovecotUser};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::ground::{Bench, endpoint};
use super::world::World;

const MASTER: &str = "planted-master-4411";
const NEXT: &str = "planted-master-4412";
const USERS: [&str; 2] = ["ana@acme.test", "bia@acme.test"];

fn servers() -> Result<(Dovecot, Dovecot)> {
    let users = || USERS.iter().map(|user| DovecotUser::new(user, PASSWORD)).collect();
    let masters = vec![("chief".to_owned(), MASTER.to_owned())];
    Ok((
        Dovecot::start(DovecotOptions { users: users(), masters, ..DovecotOptions::default() })?,
        Dovecot::start(DovecotOptions { users: users(), ..DovecotOptions::default() })?,
    ))
}

async fn fill(source: &Dovecot) -> Result<()> {
    for (number, user) in USERS.iter().enumerate() {
        let mut reader = Reader::login(source.port(), user, PASSWORD).await?;
        let refused =
            move_in(&mut reader, Writing::PLAIN, &sorted(Postman::new(number as u64).ordinaries(9))).await?;
        ensure!(refused.is_empty(), "{refused:?}");
        reader.logout().await?;
    }
    Ok(())
}

async fn is_exact(source: &Dovecot, destination: &Dovecot) -> Result<()> {
    for user in USERS {
        let mut sides = Vec::new();
        for port in [source.port(), destination.port()] {
            let mut reader = Reader::login(port, user, PASSWORD).await?;
            sides.push(contents(&mut reader, Writing::PLAIN).await?);
            reader.logout().await?;
        }
        let (missing, surplus) = differences(&sides[0], &sides[1]);
        ensure!(
            missing.is_empty() && surplus.is_empty() && !sides[0].is_empty(),
            "{user}: {missing:?} {surplus:?}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_login_opens_every_mailbox_of_a_job_and_a_new_password_is_used_at_once() -> Result<()> {
    let (source, destination) = servers()?;
    fill(&source).await?;
    let world = World::new().await?;
    let root = world.user("root", &["admin"], &[]).await?;
    let old = endpoint(&world, &root, "old", source.port()).await?;
    let new = endpoint(&world, &root, "new", destination.port()).await?;
    // Without TLS another way would be preferred, by which Dovecot lets nobody in for others.
    let path = format!("/endpoints/{old}");
    let plain = json!({
        "name": "old", "host": "127.0.0.1", "port": source.port(), "tls": "off", "auth": "plain", "kind": "imap",
        "allow_private": true, "allowed_networks": ["127.0.0.1/32"],
    });
    world.put(&root, "PUT", &path, &path, plain).await?.with(200);
    let mailboxes: Vec<_> =
        USERS.iter().map(|user| json!({"email": user, "dest_secret": {"password": PASSWORD}})).collect();
    let job = json!({"tenant_id": 1, "domain": "acme.test", "source": {"endpoint_id": old},
                     "dest": {"endpoint_id": new}, "mailboxes": mailboxes});
    let job = world.post(&root, "/migration/jobs", job).await?.with(201).json()["id"].to_string();
    let master =
        json!({"endpoint_id": old, "name": "chief", "user": "chief", "secret": {"password": MASTER}});
    let made = world.post(&root, "/credentials", master.clone()).await?.with(201);
    let id = made.json()["id"].as_str().context("no id")?.to_owned();
    assert_eq!(made.header("location"), format!("/credentials/{id}"));
    world.post(&root, "/credentials", master).await?.refused(409, "duplicate");
    let test = format!("/credentials/{id}/test");
    for (user, status) in
        [("ana@acme.test", "ok"), ("chief", "auth_failed"), ("joe@acme.test", "auth_failed")]
    {
        let told = world.post(&root, &test, json!({"user": user})).await?.with(200);
        assert_eq!(told.json()["status"], status, "{user}: {}", told.text);
    }
    let path = format!("/migration/jobs/{job}");
    let elsewhere = json!({"dest_credential_id": id});
    world.put(&root, "PATCH", &path, &path, elsewhere).await?.refused(422, "invalid");
    let bench = Bench::new(&world, &root, &job);
    // Nobody's secret: a run says so, and nothing is sent.
    bench.preflight("failed", "auth.bad_credentials").await?;
    world.put(&root, "PATCH", &path, &path, json!({"source_credential_id": id})).await?.with(200);
    bench.preflight("success", "").await?;
    bench.sync("initial", "success", "").await?;
    is_exact(&source, &destination).await?;
    let in_use = world.send(&root, "DELETE", &format!("/credentials/{id}"), json!({})).await?;
    let in_use = in_use.refused(409, "credential_in_use").json();
    assert_eq!((&in_use["jobs"], &in_use["title"]), (&json!(1), &json!("The credential is in use")));
    // Another password: the next login is by that one, whether it is right or not.
    let secret = format!("/credentials/{id}/secret");
    let put = world.send(&root, "PUT", &secret, json!({"secret": {"password": NEXT}})).await?.with(200);
    assert_eq!((&put.json()["id"], &put.json()["status"]), (&json!(id), &json!("valid")));
    assert_eq!(world.post(&root, &test, json!({"user": USERS[0]})).await?.json()["status"], "auth_failed");
    bench.sync("delta", "failed", "auth.bad_credentials").await?;
    world.send(&root, "PUT", &secret, json!({"secret": {"password": MASTER}})).await?.with(200);
    bench.sync("delta", "success", "").await?;
    is_exact(&source, &destination).await?;
    // A mailbox's own secret goes before what is kept for many.
    let own = json!({"side": "source", "secret": {"password": "wrong"}});
    let first = bench.mailboxes().await?[0];
    let own_path = format!("/migration/mailboxes/{first}/secret");
    world.send(&root, "PUT", &own_path, own).await?.with(204);
    bench.run_of(first, "delta", "failed", "auth.bad_credentials").await?;
    let listed = world.get(&root, "/credentials?limit=200").await?.with(200);
    assert_eq!(listed.json()["total"], 4, "{}", listed.text);
    for text in [made.text, put.text, listed.text, world.get(&root, "/audit-logs").await?.text] {
        assert!(!text.contains("planted"), "{text}");
    }
    world.put(&root, "PATCH", &path, &path, json!({"source_credential_id": ""})).await?.with(200);
    world.send(&root, "DELETE", &format!("/credentials/{id}"), json!({})).await?.with(204);
    world.post(&root, &test, json!({"user": USERS[0]})).await?.refused(404, "not_found");
    bench.end().await;
    Ok(())
}

#[tokio::test]
async fn a_credential_is_of_one_server_and_of_one_tenant() -> Result<()> {
    let world = World::new().await?;
    let root = world.user("root", &["admin"], &[]).await?;
    let (ana, bob) =
        (world.user("ana", &["operator"], &[1]).await?, world.user("bob", &["operator"], &[2]).await?);
    let place = |name: &str, tenant: Option<i64>| {
        let host = "old.example.org";
        json!({"name": name, "kind": "imap", "host": host, "tls": "implicit", "tenant_id": tenant})
    };
    let own = world.post(&ana, "/endpoints", place("own", Some(1))).await?.with(201).json()["id"].clone();
    let shared = world.post(&root, "/endpoints", place("shared", None)).await?.with(201).json()["id"].clone();
    let secret = json!({"password": "p"});
    let make = |server: &Value| json!({"endpoint_id": server, "name": "m", "user": "m", "secret": secret});
    // Who opens everybody's server opens everybody's mail.
    world.post(&ana, "/credentials", make(&shared)).await?.refused(403, "forbidden");
    world.post(&bob, "/credentials", make(&own)).await?.refused(422, "invalid");
    let made = world.post(&ana, "/credentials", make(&own)).await?.with(201).json();
    let all = world.post(&root, "/credentials", make(&shared)).await?.with(201).json();
    let path = format!("/credentials/{}", made["id"].as_str().context("no id")?);
    let (test, refresh) = (format!("{path}/test"), format!("{path}/refresh"));
    for path in [&test, &refresh] {
        world.post(&bob, path, json!({})).await?.refused(404, "not_found");
    }
    world.send(&bob, "DELETE", &path, json!({})).await?.refused(404, "not_found");
    assert_eq!(world.get(&bob, "/credentials").await?.json()["items"], json!([]));
    assert_eq!(
        world.get(&ana, "/credentials").await?.json()["total"],
        1,
        "everybody's is not a tenant's to see"
    );
    world.post(&ana, &refresh, json!({})).await?.refused(409, "conflict");
    let job = json!({"tenant_id": 1, "domain": "a.example", "source": {"endpoint_id": own}});
    let job = world.post(&ana, "/migration/jobs", job).await?.with(201).json()["id"].to_string();
    let path = format!("/migration/jobs/{job}");
    for wrong in [&all["id"], &json!("00000000-0000-4000-8000-000000000000")] {
        world
            .put(&ana, "PATCH", &path, &path, json!({"source_credential_id": wrong}))
            .await?
            .refused(422, "invalid");
    }
    let eve = world.user("eve", &["viewer"], &[1]).await?;
    world.post(&eve, "/credentials", make(&own)).await?.refused(403, "forbidden");
    world.get(&eve, "/credentials").await?.refused(403, "forbidden");
    let server = format!("/endpoints/{}", own.as_str().context("no id")?);
    world.put(&root, "DELETE", &server, &server, json!({})).await?.refused(409, "conflict");
    for wrong in [
        json!({"endpoint_id": own, "name": "", "secret": {"password": "p"}}),
        json!({"endpoint_id": own, "name": "x"}),
        json!({"endpoint_id": own, "name": "x", "secret": {"password": "p", "oauth_token": "t"}}),
        json!({"endpoint_id": own, "name": "x", "secret": {"password": "a\r\nb"}}),
        json!({"endpoint_id": own, "name": "x", "mailbox_id": 1, "secret": {"password": "p"}}),
        json!({"endpoint_id": own, "name": "x", "secret": {"client_secret": "p"}}),
        json!({"endpoint_id": own, "name": "x", "grant": {"provider": "evil", "flow": "dwd"}}),
        json!({"endpoint_id": own, "name": "x",
               "grant": {"provider": "google", "flow": "device_code", "client_id": "c"}}),
        json!({"endpoint_id": own, "name": "x", "grant": {"provider": "google", "flow": "dwd"},
               "secret": {"service_account_key": "{}"}}),
        json!({"endpoint_id": own, "name": "x", "grant": {"provider": "microsoft", "flow": "client_credentials",
               "client_id": "c", "directory": "a/../b"}, "secret": {"client_secret": "s"}}),
    ] {
        world.post(&ana, "/credentials", wrong).await?.refused(422, "invalid");
    }
    Ok(())
}
