//! What those who did something are called: asked by their ids, and in a report as it was then.
//! Never a name for whoever does not know the id.

use anyhow::{Context as _, Result};
use malote_service::api::names::ACTORS_MAX;
use malote_service::api::report::document;
use malote_service::binds;
use malote_service::store::reach::Reach;
use serde_json::{Value, json};

use super::gate::copied;
use super::world::{Person, World};

async fn names(world: &World, who: &Person, actors: &str) -> Result<Value> {
    Ok(world.get(who, &format!("/access/names?actors={actors}")).await?.with(200).json()["items"].clone())
}

#[tokio::test]
async fn names_are_told_for_ids_alone_and_also_of_whoever_is_switched_off() -> Result<()> {
    let world = World::new().await?;
    let admin = world.user("root1", &["admin"], &[]).await?;
    let viewer = world.user("vera", &["viewer"], &[7]).await?;
    let gone = world.make_user("gone", &["operator"], &[]).await?;
    world
        .sql("UPDATE users SET is_enabled = 0, email = 'gone@example.com' WHERE id = $1", binds![&gone])
        .await?;
    let wish = json!({"name": "ticket", "scopes": ["jobs:read"]});
    let token = world.post(&admin, "/access/service-tokens", wish).await?.with(201).json();
    let id = token["id"].as_str().context("no id")?.to_owned();
    world.send(&admin, "DELETE", &format!("/access/service-tokens/{id}"), json!({})).await?.with(204);
    let nobody = "u_00000000-0000-4000-8000-000000000000";
    let user = json!({"actor": format!("u_{gone}"), "name": "gone", "kind": "user"});
    let ended = |actor: String| json!({"actor": actor, "name": "ticket", "kind": "token"});
    for (asked, expected) in [
        (format!("u_{gone}"), json!([user])),
        (format!("u_{gone},u_{gone},%20{nobody}"), json!([user])),
        (format!("s_{id}"), json!([ended(format!("s_{id}"))])),
        (format!("api:{id}"), json!([ended(format!("api:{id}"))])),
        // Neither the other's kind, nor what only looks like somebody, nor what would match everybody.
        (format!("s_{gone},u_{id},{gone},worker"), json!([])),
        (format!("u_{nobody}"), json!([])),
        ("u_%25,%25,_,u_".to_owned(), json!([])),
        (String::new(), json!([])),
    ] {
        assert_eq!(names(&world, &viewer, &asked).await?, expected, "{asked}");
    }
    let many = |count: usize| vec![nobody; count].join(",");
    assert_eq!(names(&world, &viewer, &many(ACTORS_MAX)).await?, json!([]));
    let over = format!("/access/names?actors={}", many(ACTORS_MAX + 1));
    world.get(&viewer, &over).await?.refused(400, "bad_request");
    world.get(&viewer, "/access/names").await?.refused(400, "bad_request");
    world.get(&viewer, "/access/names?actors=worker&all=1").await?.refused(400, "bad_request");
    let gate = world.program(&["gate:read"], None).await?;
    world.get(&gate, "/access/names?actors=worker").await?.refused(403, "forbidden");
    Ok(())
}

#[tokio::test]
async fn a_report_has_names_beside_its_ids_and_a_frozen_one_those_of_then() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    let job = world.job(&ana, 1, "example.com").await?;
    let mailbox = world.mailbox(&ana, job, "bia@example.com").await?;
    copied(&world, mailbox).await?;
    let path = format!("/migration/jobs/{job}/report");
    let (actor, rename) = (format!("u_{}", ana.id), "UPDATE users SET name = $2 WHERE id = $1");
    let report = world.get(&ana, &path).await?.with(200).json();
    assert_eq!(report["identification"]["created_by"], actor.as_str(), "ids stay: {report}");
    assert_eq!(report["names"], json!({actor.as_str(): "ana"}));
    let row = world.app.store.job(&Reach::everything(), job).await?.context("no job")?;
    let text = match document(&world.app, &row, 0).await {
        Ok(report) => report.to_string(),
        Err(error) => anyhow::bail!("{}", error.detail),
    };
    let confirmed = "INSERT INTO job_cutovers (job_id, expected_json, before_json, confirmed_by, confirmed_ms,
                         old_ttl_seconds, is_old_ttl_known, runs_before) VALUES ($1, '[]', '[]', $2, $3, 60, 1, 0)";
    world.sql(confirmed, binds![job, &actor, world.now()]).await?;
    world.app.store.freeze_report(job, &text, world.now()).await?;
    let frozen = world.get(&ana, &path).await?.with(200).json();
    assert_eq!(frozen["names"], json!({actor.as_str(): "ana"}));
    world.sql(rename, binds![&ana.id, "ana-maria"]).await?;
    assert_eq!(world.get(&ana, &path).await?.with(200).json(), frozen, "a name of then changed");
    // Whoever comes into the timeline later is called as today.
    let lia = world.make_user("lia", &["ops_lead"], &[]).await?;
    let closed = "INSERT INTO phase_history (job_id, from_phase, to_phase, actor, reason)
                  VALUES ($1, 'final_sync', 'verified', $2, 'x')";
    world.sql(closed, binds![job, format!("u_{lia}")]).await?;
    let later = world.get(&ana, &path).await?.with(200).json();
    assert_eq!(later["names"], json!({actor.as_str(): "ana", format!("u_{lia}"): "lia"}));
    Ok(())
}
