//! Secrets go in and never come out: not by an answer, not by a file, not by a log.
//! Never a secret that anybody uses.

use std::fs;
use std::path::Path;

use anyhow::Result;
use malote_service::binds;
use malote_service::store::milliseconds;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::world::World;

const PLANTED: &str = "Zaubertrank-7391-planted";

/// Files below a folder that hold the planted secret, the keys' own folder left out.
fn holding(folder: &Path, word: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(holding(&path, word)?);
        } else if fs::read(&path)?.windows(word.len()).any(|part| part == word.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    Ok(found)
}

#[tokio::test]
async fn a_planted_secret_is_nowhere_to_be_found_and_opens_for_its_login() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    let admin = world.user("admin1", &["admin"], &[]).await?;
    let job = world.job(&ana, 1, "example.com").await?;
    let (source, dest) = (json!({"password": PLANTED}), json!({"oauth_token": PLANTED}));
    let body = json!({"email": "a@example.com", "secret": source, "dest_secret": dest});
    let told = world.post(&ana, &format!("/migration/jobs/{job}/mailboxes"), body.clone()).await?.with(201);
    let view = told.json();
    assert_eq!((&view["has_source_credential"], &view["has_dest_credential"]), (&json!(true), &json!(true)));
    // Refused requests do not echo what they held, wherever it stood.
    let mut answers = vec![told.text];
    for body in [
        body,
        json!({"email": "b@example.com", "secret": PLANTED}),
        json!({"email": "b@example.com", "secret": {"password": PLANTED, "oauth_token": PLANTED}}),
        json!({"email": PLANTED, "priority": PLANTED}),
        json!({"items": [{"email": "b@example.com", "secret": {"password": [PLANTED]}}]}),
    ] {
        let mut told = world.post(&ana, &format!("/migration/jobs/{job}/mailboxes"), body).await?;
        // An address is no secret: the one that was sent as one may be named.
        told.text = told.text.replace(&format!("the job has {PLANTED}"), "");
        answers.push(told.text);
    }
    for path in
        ["/migration/jobs", "/migration/jobs/1?include=mailboxes", "/migration/mailboxes/1", "/audit-logs"]
    {
        answers.push(world.get(&admin, path).await?.with(200).text);
    }
    for answer in &answers {
        assert!(!answer.contains(PLANTED), "{answer}");
    }
    assert_eq!(holding(world.folder.path(), PLANTED)?, Vec::<String>::new());

    let row =
        world.app.store.mailbox_row(&malote_service::store::reach::Reach::everything(), 1).await?.unwrap();
    let opened = world.app.vault.fetch(&row.credentials_ref, world.now()).await?;
    assert_eq!(serde_json::from_str::<serde_json::Value>(opened.expose_secret())?["password"], PLANTED);

    // Both rotations keep it readable; the deep one leaves no key of before.
    let before = world.app.store.newest_key(job).await?.unwrap().id;
    let told = world.post(&admin, "/system/keys/rotate", json!({})).await?.with(200).json();
    assert_eq!((&told["resealed"], told["keys"].as_array().map(Vec::len)), (&json!(0), Some(1)), "{told}");
    world.app.vault.fetch(&row.credentials_ref, world.now()).await?;
    let told = world.post(&admin, "/system/keys/rotate", json!({"deep": true})).await?.with(200).json();
    assert_eq!((&told["resealed"], &told["destroyed"]), (&json!(2), &json!(1)), "{told}");
    world.app.vault.fetch(&row.credentials_ref, world.now()).await?;
    assert_ne!(world.app.store.newest_key(job).await?.unwrap().id, before);
    assert!(world.app.store.key(&before).await?.is_none());
    Ok(())
}

#[tokio::test]
async fn a_closed_job_has_no_secret_left_and_a_certificate() -> Result<()> {
    let world = World::new().await?;
    let lead = world.user("lead", &["ops_lead"], &[]).await?;
    let job = world.job(&lead, 1, "example.com").await?;
    let body = json!({"email": "a@example.com", "secret": {"password": PLANTED}});
    world.post(&lead, &format!("/migration/jobs/{job}/mailboxes"), body).await?.with(201);
    let upload = world.app.config.uploads().join("f1");
    fs::write(&upload, "mail")?;
    let row = "INSERT INTO uploads (id, job_id, size_bytes, path) VALUES
               ('00000000-0000-4000-8000-000000000001', $1, 4, 'f1')";
    world.sql(row, binds![job]).await?;
    let close = format!("/migration/jobs/{job}/close");
    let wish =
        |confirm: &str, waive: Option<&str>| json!({"confirm": confirm, "waive_straggler_reason": waive});
    world.post(&lead, &close, wish("example.com", None)).await?.refused(409, "phase_conflict");
    world.sql("UPDATE migration_jobs SET phase = 'verified' WHERE id = $1", binds![job]).await?;
    world.post(&lead, &close, wish("example.org", None)).await?.refused(428, "confirmation_required");
    world.post(&lead, &close, wish("example.com", None)).await?.refused(409, "phase_conflict");
    let old = world.app.store.newest_key(job).await?.unwrap();
    let told = world.post(&lead, &close, wish("example.com", Some("agreed"))).await?.with(202).json();
    let counts =
        json!({"credentials": 1, "data_keys": 1, "files": 1, "quarantined_originals": 0, "uploads": 1});
    assert_eq!(told["counts"], counts, "{told}");
    assert!(milliseconds(told["purged_at"].as_str().unwrap_or_default()).is_some());
    assert!(!upload.exists());
    assert!(world.app.store.newest_key(job).await?.is_none());
    let wrapped = old.wrapped;
    let found = fs::read(world.folder.path().join("data").join("malote.sqlite"))?;
    assert!(
        !found.windows(wrapped.len()).any(|part| part == wrapped.as_slice()),
        "the wrapped key is still there"
    );
    let again = world.get(&lead, &format!("/migration/jobs/{job}/purge-certificate")).await?.with(200).json();
    assert_eq!(again["digest"], told["digest"]);
    Ok(())
}

#[tokio::test]
async fn an_expired_credential_is_not_handed_out() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    let job = world.job(&ana, 1, "example.com").await?;
    let mailbox = world.mailbox(&ana, job, "a@example.com").await?;
    let path = format!("/migration/mailboxes/{mailbox}/secret");
    let expires_at = malote_service::store::at(world.now() + 1000);
    let body = json!({"side": "source", "secret": {"oauth_token": "t", "expires_at": expires_at}});
    world.send(&ana, "PUT", &path, body).await?.with(204);
    let reach = malote_service::store::reach::Reach::everything();
    let id = world.app.store.mailbox_row(&reach, mailbox).await?.unwrap().credentials_ref;
    assert!(world.app.vault.fetch(&id, world.now()).await.is_ok());
    assert!(world.app.vault.fetch(&id, world.now() + 1000).await.is_err());
    world.send(&ana, "DELETE", &format!("{path}/source"), json!({})).await?.with(204);
    assert!(world.app.vault.fetch(&id, world.now()).await.is_err());
    Ok(())
}
