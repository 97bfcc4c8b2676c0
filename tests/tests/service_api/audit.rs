//! What is done, refused and failed is written down, and the chain shows when somebody bends it.
//! Never reads the table where the API has a request for it.

use anyhow::Result;
use serde_json::json;

use super::lists::worlds;
use super::world::{PASSWORD, Person, World};

#[tokio::test]
async fn what_is_done_and_what_is_denied_is_written_with_who_and_where() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    let admin = world.user("admin1", &["admin"], &[]).await?;
    let job = world.job(&ana, 1, "example.com").await?;
    world.post(&ana, &format!("/api/v1/migration/jobs/{job}/fail"), json!({"reason": "x"})).await?.with(403);
    world.get(&ana, "/access/users").await?.with(403);
    world
        .post(&Person::default(), "/auth/login", json!({"name": "ana", "password": "wrong"}))
        .await?
        .with(401);
    let told = world.get(&admin, "/audit-logs?limit=200").await?.with(200).json();
    let rows = told["items"].as_array().cloned().unwrap_or_default();
    let find = |action: &str, outcome: &str| {
        rows.iter()
            .find(|row| row["action"] == action && row["outcome"] == outcome)
            .cloned()
            .unwrap_or_default()
    };
    for (action, outcome, actor) in [
        ("POST /migration/jobs", "success", ana.id.as_str()),
        ("POST /migration/jobs/{id}/fail", "denied", &ana.id),
        ("GET /access/users", "denied", &ana.id),
        ("POST /auth/login", "denied", ""),
        ("POST /auth/login", "success", &admin.id),
    ] {
        let row = find(action, outcome);
        assert_eq!(row["actor_id"], actor, "{action} {outcome}: {row}");
        assert!(row["ip"].as_str().is_some_and(|ip| ip.starts_with("203.0.")), "{row}");
        assert_eq!(row["request_id"].as_str().map(str::len), Some(36), "{row}");
    }
    assert_eq!(find("POST /migration/jobs/{id}/fail", "denied")["resource_id"], "1");
    let changed = find("row.insert", "success");
    assert!(changed["after"].is_object(), "{changed}");
    assert!(!told.to_string().contains(PASSWORD));
    let only = world.get(&admin, &format!("/audit-logs?actor={}&limit=1", ana.id)).await?.json();
    assert_eq!(only["items"].as_array().map(Vec::len), Some(1));
    let verified = world.get(&admin, "/audit-logs/verify").await?.with(200).json();
    assert_eq!((&verified["valid"], &verified["faults"]), (&json!(true), &json!([])), "{verified}");
    Ok(())
}

#[tokio::test]
async fn a_bent_chain_is_seen_and_the_database_refuses_to_be_bent() -> Result<()> {
    let world = World::new().await?;
    let admin = world.user("admin1", &["admin"], &[]).await?;
    world.job(&admin, 1, "example.com").await?;
    world.app.audit.checkpoint(world.now()).await?;
    const BEND: &str = "UPDATE audit_logs SET actor_id = 'somebody else' WHERE seq = 3";
    assert!(world.sql(BEND, Vec::new()).await.is_err());
    assert!(world.sql("DELETE FROM audit_logs", Vec::new()).await.is_err());
    world.sql("DROP TRIGGER trg_audit_logs_no_update", Vec::new()).await?;
    world.sql(BEND, Vec::new()).await?;
    let verified = world.get(&admin, "/audit-logs/verify").await?.with(200).json();
    assert_eq!(verified["valid"], false);
    assert_eq!(verified["faults"], json!(["row 3 was changed"]), "{verified}");
    Ok(())
}

#[tokio::test]
async fn the_log_is_exported_whole_and_in_order_to_whoever_may_read_it() -> Result<()> {
    let world = World::new().await?;
    let admin = world.user("admin1", &["admin"], &[]).await?;
    let viewer = world.user("viewer", &["viewer"], &[]).await?;
    world.job(&admin, 1, "example.com").await?;
    world.get(&viewer, "/audit-logs/export").await?.refused(403, "forbidden");
    let told = world.get(&admin, "/audit-logs/export").await?.with(200);
    let rows: Vec<serde_json::Value> =
        told.text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let numbers: Vec<i64> = rows.iter().filter_map(|row| row["seq"].as_i64()).collect();
    assert!(!numbers.is_empty() && numbers.iter().zip(1..).all(|(one, other)| *one == other), "{numbers:?}");
    let next = told.header("x-next-after");
    assert_eq!(next, numbers.len().to_string());
    let rest = world.get(&admin, &format!("/audit-logs/export?after={next}")).await?.with(200);
    assert!(rest.text.lines().count() < numbers.len(), "{}", rest.text);
    Ok(())
}

#[tokio::test]
async fn the_log_tells_nobody_of_what_is_denied_to_them() -> Result<()> {
    worlds(tells_nobody_of_what_is_denied).await
}

async fn tells_nobody_of_what_is_denied(world: &World) -> Result<()> {
    let admin = world.user("admin1", &["admin"], &[]).await?;
    let (one, two, three) = (
        world.job(&admin, 1, "one.example").await?,
        world.job(&admin, 1, "two.example").await?,
        world.job(&admin, 2, "three.example").await?,
    );
    let lead = world.user("lead", &["ops_lead"], &[1]).await?;
    let wide = world.user("wide", &["ops_lead"], &[]).await?;
    let deny = async |who: &Person, kind: &str, id: i64| {
        let path = format!("/access/users/{}/scopes", who.id);
        let told = json!({"items": [{"effect": "deny", "resource_kind": kind, "resource_id": id}]});
        world.put(&admin, "PUT", &path, &path, told).await?.with(200);
        anyhow::Ok(())
    };
    for job in [one, two, three] {
        world.post(&admin, &format!("/migration/jobs/{job}/pause"), json!({})).await?.with(200);
        let mailbox = world.mailbox(&admin, job, "ana@example.com").await?;
        let path = format!("/migration/mailboxes/{mailbox}");
        world.send(&admin, "PATCH", &path, json!({"priority": 1})).await?.with(428);
    }
    world.post(&lead, &format!("/migration/jobs/{two}/resume"), json!({})).await?.with(200);
    // Whose rows somebody sees, by the kind of thing and its number.
    let seen = async |who: &Person| {
        let told = world.get(who, "/audit-logs?limit=200").await?.with(200).json();
        let rows = told["items"].as_array().cloned().unwrap_or_default();
        assert_eq!(told["total"], rows.len(), "{told}");
        let is_of = |kind: &str, id: i64| {
            let id = id.to_string();
            rows.iter().any(|row| row["resource_kind"] == kind && row["resource_id"] == id.as_str())
        };
        let all = [one, two, three].map(|job| is_of("jobs", job) || is_of("mailboxes", job));
        let is_unmarked_seen = rows.iter().any(|row| row["tenant_id"].is_null() && row["actor_id"] != who.id);
        let has_made = rows.iter().any(|row| row["action"] == "POST /migration/jobs");
        anyhow::Ok((all, is_unmarked_seen, has_made))
    };
    assert_eq!(seen(&admin).await?, ([true, true, true], true, true));
    assert_eq!(seen(&lead).await?, ([true, true, false], false, true));
    assert_eq!(seen(&wide).await?, ([true, true, true], true, true));
    deny(&lead, "job", one).await?;
    deny(&wide, "tenant", 2).await?;
    assert_eq!(seen(&lead).await?, ([false, true, false], false, false));
    assert_eq!(seen(&wide).await?, ([true, true, false], false, true));
    let verified = world.get(&admin, "/audit-logs/verify").await?.with(200).json();
    assert_eq!(verified["valid"], true, "{verified}");
    Ok(())
}
