//! People and programs who see a part of the house, and try to see more: through users, roles, tokens, kept answers.
//! Never takes a refusal for enough: what was not done is looked at afterwards.

use anyhow::{Context as _, Result};
use axum::http::HeaderValue;
use malote_service::binds;
use serde_json::{Value, json};

use super::world::{PASSWORD, Person, World};

/// A world with the administrator of everything, one of tenant 1, and a job of each of two tenants.
async fn laid() -> Result<(World, Person, Person, [i64; 2])> {
    let world = World::new().await?;
    let admin = world.user("admin1", &["admin"], &[]).await?;
    let jobs = [world.job(&admin, 1, "one.example").await?, world.job(&admin, 2, "two.example").await?];
    let near = world.user("near", &["admin"], &[1]).await?;
    Ok((world, admin, near, jobs))
}

#[tokio::test]
async fn an_administrator_of_one_tenant_makes_and_manages_nobody_who_sees_more() -> Result<()> {
    let (world, admin, near, jobs) = laid().await?;
    let user = |name: &str, more: Value| {
        let mut body = json!({"name": name, "password": "another battery 4711", "roles": ["viewer"]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for more in [json!({"sees_all_tenants": true}), json!({"tenants": [2]}), json!({"tenants": [1, 2]})] {
        world.post(&near, "/access/users", user("spy", more)).await?.refused(403, "forbidden");
    }
    let own =
        world.post(&near, "/access/users", user("own", json!({"tenants": [1]}))).await?.with(201).json();
    let own = format!("/access/users/{}", own["id"].as_str().context("no id")?);
    for change in [json!({"sees_all_tenants": true}), json!({"tenants": [2]})] {
        world.put(&near, "PUT", &own, &own, change.clone()).await?.refused(403, "forbidden");
        let me = format!("/access/users/{}", near.id);
        world.put(&near, "PUT", &me, &me, change).await?.refused(403, "forbidden");
    }
    // Whoever could set the password of somebody who sees more would be that somebody.
    let high = format!("/access/users/{}", admin.id);
    let password = json!({"password": "taken over by near 11"});
    world.send(&near, "PUT", &format!("{high}/password"), password).await?.refused(403, "forbidden");
    world.send(&near, "DELETE", &high, json!({})).await?.refused(403, "forbidden");
    world.get(&near, &high).await?.refused(403, "forbidden");
    world.get(&near, &format!("{high}/scopes")).await?.refused(403, "forbidden");
    let listed = world.get(&near, "/access/users").await?.with(200).text;
    assert!(!listed.contains("admin1") && listed.contains("near") && listed.contains("\"own\""), "{listed}");
    let again = json!({"name": "admin1", "password": PASSWORD});
    world.post(&Person::default(), "/auth/login", again).await?.with(200);
    // Roles, settings, keys and the ticket system are the whole house's.
    for (method, path, body) in [
        ("POST", "/access/roles", json!({"name": "r", "permissions": []})),
        ("PUT", "/system/settings/gate.four_eyes", json!({"value": false})),
        ("POST", "/system/keys/rotate", json!({})),
        ("PUT", "/system/ticket-hook", json!({"url": "https://desk.example.org/", "secret": "s".repeat(40)})),
        ("DELETE", "/system/ticket-hook", json!({})),
    ] {
        world.send(&near, method, path, body).await?.refused(403, "forbidden");
    }
    world.get(&near, &format!("/migration/jobs/{}", jobs[1])).await?.refused(404, "not_found");
    Ok(())
}

#[tokio::test]
async fn nobody_takes_a_denial_off_that_holds_for_themselves() -> Result<()> {
    let (world, admin, _, jobs) = laid().await?;
    let kept = world.user("kept", &["admin"], &[]).await?;
    let scopes = format!("/access/users/{}/scopes", kept.id);
    let denial = json!({"items": [{"effect": "deny", "resource_kind": "tenant", "resource_id": 2}]});
    world.put(&admin, "PUT", &scopes, &scopes, denial.clone()).await?.with(200);
    let hidden = format!("/migration/jobs/{}", jobs[1]);
    world.get(&kept, &hidden).await?.refused(404, "not_found");
    world.put(&kept, "PUT", &scopes, &scopes, json!({"items": []})).await?.refused(403, "forbidden");
    world.put(&kept, "PUT", &scopes, &scopes, denial).await?.with(200);
    let spy = json!({"name": "spy", "password": "another battery 4711", "roles": ["viewer"], "sees_all_tenants": true});
    world.post(&kept, "/access/users", spy).await?.refused(403, "forbidden");
    let token = json!({"name": "all", "scopes": ["jobs:read"]});
    world.post(&kept, "/access/service-tokens", token).await?.refused(422, "invalid");
    world.get(&kept, &hidden).await?.refused(404, "not_found");
    Ok(())
}

#[tokio::test]
async fn tokens_of_other_tenants_are_neither_made_seen_nor_revoked() -> Result<()> {
    let (world, admin, near, _) = laid().await?;
    let token = |tenant: Value| json!({"name": "t", "scopes": ["jobs:read"], "tenant_id": tenant});
    for wrong in [Value::Null, json!(2)] {
        world.post(&near, "/access/service-tokens", token(wrong)).await?.refused(422, "invalid");
    }
    world.post(&near, "/access/service-tokens", token(json!(1))).await?.with(201);
    let other = world.post(&admin, "/access/service-tokens", token(json!(2))).await?.with(201).json();
    let place = format!("/access/service-tokens/{}", other["id"].as_str().context("no id")?);
    assert_eq!(world.get(&near, "/access/service-tokens").await?.with(200).json()["total"], 1);
    world.send(&near, "DELETE", &place, json!({})).await?.refused(404, "not_found");
    let secret = other["token"].as_str().context("no token")?.to_owned();
    let program = Person { bearer: secret, ..Person::default() };
    assert_eq!(world.get(&program, "/migration/jobs").await?.with(200).json()["total"], 1);
    world.send(&admin, "DELETE", &place, json!({})).await?.with(204);
    world.get(&program, "/migration/jobs").await?.with(401);
    Ok(())
}

#[tokio::test]
async fn the_audit_log_tells_each_of_their_own_tenants_and_doing() -> Result<()> {
    let (world, admin, _, jobs) = laid().await?;
    let lead = world.user("lead1", &["ops_lead"], &[1]).await?;
    for job in jobs {
        world.post(&admin, &format!("/migration/jobs/{job}/pause"), json!({"reason": "x"})).await?.with(200);
    }
    let list = world.get(&lead, "/audit-logs?limit=200").await?.with(200).json();
    let rows = list["items"].as_array().context("no list")?;
    let foreign = |row: &&Value| row["tenant_id"] != 1 && row["actor_id"] != lead.id.as_str();
    assert_eq!(rows.iter().find(foreign), None);
    let pauses = rows.iter().filter(|row| row["action"] == "POST /migration/jobs/{id}/pause").count();
    assert_eq!((pauses, &list["total"]), (1, &json!(rows.len())), "{list}");
    for path in ["/audit-logs/verify", "/audit-logs/export"] {
        world.get(&lead, path).await?.refused(403, "forbidden");
    }
    let all =
        world.get(&admin, "/audit-logs?action=POST%20%2Fmigration%2Fjobs%2F%7Bid%7D%2Fpause").await?.json();
    assert_eq!(all["total"], 2, "{all}");
    Ok(())
}

#[tokio::test]
async fn a_kept_secret_is_led_elsewhere_by_those_alone_who_manage_credentials() -> Result<()> {
    let (world, admin, _, jobs) = laid().await?;
    let role = json!({"name": "mover", "permissions": ["can_view_migration", "can_manage_migration", "can_run_sync"]});
    world.post(&admin, "/access/roles", role).await?.with(201);
    let mover = world.user("mover", &["mover"], &[1]).await?;
    let boxes = format!("/migration/jobs/{}/mailboxes", jobs[0]);
    let secret = json!({"email": "a@one.example", "source_host": "old.example.org", "secret": {"password": "p1"},
                        "dest_secret": {"password": "p2"}});
    let made = world.post(&admin, &boxes, secret.clone()).await?.with(201).json();
    let place = format!("/migration/mailboxes/{}", made["id"]);
    for body in [json!({"source_host": "mine.example.com"}), json!({"dest_host": "mine.example.com"})] {
        let told = world.put(&mover, "PATCH", &place, &place, body).await?.refused(403, "forbidden");
        assert_eq!(told.json()["permission"], "can_manage_credentials");
    }
    let job = format!("/migration/jobs/{}", jobs[0]);
    let moved = json!({"dest_imap_host": "mine.example.com"});
    world.put(&mover, "PATCH", &job, &job, moved).await?.refused(403, "forbidden");
    world.put(&mover, "PATCH", &place, &place, json!({"priority": 3})).await?.with(200);
    world.put(&mover, "PATCH", &job, &job, json!({"notes": "n"})).await?.with(200);
    // Nor are secrets brought by others.
    let mut other = secret;
    other["email"] = "b@one.example".into();
    world.post(&mover, &boxes, other.clone()).await?.refused(403, "forbidden");
    let together = world.post(&mover, &boxes, json!({"items": [other.clone()]})).await?.with(201).json();
    assert_eq!(together["items"][0]["status"], 403, "{together}");
    let job = json!({"tenant_id": 1, "domain": "three.example", "mailboxes": [other]});
    world.post(&mover, "/migration/jobs", job).await?.refused(403, "forbidden");
    Ok(())
}

fn keyed(
    world: &World,
    who: &Person,
    path: &str,
    key: &str,
    body: Value,
) -> Result<axum::http::Request<axum::body::Body>> {
    let mut request = world.request("POST", path, who, Some(body))?;
    request.headers_mut().insert("idempotency-key", HeaderValue::from_str(key)?);
    Ok(request)
}

#[tokio::test]
async fn a_key_is_its_owners_whatever_they_log_in_with_and_nobody_elses() -> Result<()> {
    let (world, admin, near, _) = laid().await?;
    let body = json!({"tenant_id": 1, "domain": "three.example"});
    let ask = async |who: &Person, body: &Value| {
        world.ask(keyed(&world, who, "/migration/jobs", "key-1", body.clone())?).await
    };
    let first = ask(&admin, &body).await?.with(201);
    // After another login it is the same person, and nothing is done twice.
    let later = world.log_in("admin1").await?;
    let again = ask(&later, &body).await?.with(201);
    assert_eq!((again.header("idempotency-replayed").as_str(), again.json()), ("true", first.json()));
    // Somebody else under the same key is somebody else.
    ask(&near, &body).await?.refused(409, "job_exists");
    // Another person's cookie beside one's own token opens no drawer.
    let program = world.program(&["jobs:read", "jobs:write"], Some(2)).await?;
    let both = Person { cookie: later.cookie.clone(), ..program };
    let told = ask(&both, &body).await?;
    assert_ne!(told.status, 201, "{}", told.text);
    // A token's answer is not given from a place where the token is not taken.
    let bound = world.program(&["jobs:write"], Some(1)).await?;
    let other = json!({"tenant_id": 1, "domain": "four.example"});
    world.ask(keyed(&world, &bound, "/migration/jobs", "key-2", other.clone())?).await?.with(201);
    let near_by = "UPDATE service_tokens SET allowed_networks_json = '[\"192.0.2.0/24\"]' WHERE id = $1";
    world.sql(near_by, binds![&bound.id]).await?;
    world.ask(keyed(&world, &bound, "/migration/jobs", "key-2", other)?).await?.with(401);
    Ok(())
}
