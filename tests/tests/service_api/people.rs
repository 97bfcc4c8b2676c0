//! What each role and each token may do, and that nobody sees another tenant's things.
//! Never trusts a role by its name: each door is tried.

use anyhow::Result;
use malote_service::binds;
use serde_json::{Value, json};

use super::world::{Person, World};

/// Requests with the roles that pass the door; what lies behind it may still refuse by another number.
const DOORS: [(&str, &str, &[&str]); 23] = [
    ("GET", "/migration/jobs", &["viewer", "operator", "ops_lead", "admin"]),
    ("POST", "/migration/jobs", &["operator", "ops_lead", "admin"]),
    ("GET", "/migration/jobs/1", &["viewer", "operator", "ops_lead", "admin"]),
    ("POST", "/migration/jobs/1/preflight", &["operator", "ops_lead", "admin"]),
    ("POST", "/migration/jobs/1/sync", &["operator", "ops_lead", "admin"]),
    ("POST", "/migration/jobs/1/pause", &["operator", "ops_lead", "admin"]),
    ("POST", "/migration/jobs/1/fail", &["ops_lead", "admin"]),
    ("POST", "/migration/jobs/1/close", &["ops_lead", "admin"]),
    ("POST", "/migration/jobs/1/approve-gate", &["ops_lead"]),
    ("POST", "/migration/jobs/1/revoke-approval", &["ops_lead"]),
    ("POST", "/migration/jobs/1/dns/confirm", &["ops_lead"]),
    ("POST", "/migration/jobs/1/verify/accept", &["ops_lead"]),
    ("GET", "/migration/jobs/1/dns/propagation", &["viewer", "operator", "ops_lead", "admin"]),
    ("GET", "/migration/jobs/1/final-passes", &["viewer", "operator", "ops_lead", "admin"]),
    ("GET", "/migration/gate?domain=example.com", &["viewer", "operator", "ops_lead", "admin"]),
    ("PUT", "/migration/mailboxes/1/secret", &["operator", "ops_lead", "admin"]),
    ("POST", "/migration/quarantine/1/ack", &["operator", "ops_lead", "admin"]),
    ("GET", "/audit-logs", &["ops_lead", "admin"]),
    ("GET", "/access/names?actors=worker", &["viewer", "operator", "ops_lead", "admin"]),
    ("GET", "/access/users", &["admin"]),
    ("GET", "/access/service-tokens", &["admin"]),
    ("POST", "/system/keys/rotate", &["admin"]),
    ("POST", "/endpoints", &["operator", "ops_lead", "admin"]),
];

/// A body that every one of these requests can read.
fn body(path: &str) -> Value {
    match path {
        "/migration/jobs" => json!({"tenant_id": 1, "domain": "new.example"}),
        "/migration/jobs/1/sync" => json!({"type": "delta"}),
        "/migration/jobs/1/close" | "/migration/jobs/1/dns/confirm" => json!({"confirm": "example.com"}),
        "/migration/jobs/1/verify/accept" => json!({"confirm": "example.com", "reason": "x"}),
        "/migration/jobs/1/approve-gate" => json!({"snapshot_hash": "x"}),
        "/migration/mailboxes/1/secret" => json!({"side": "source", "secret": {"password": "p"}}),
        "/migration/quarantine/1/ack" => json!({"reason": "x"}),
        "/endpoints" => {
            json!({"name": "n", "tenant_id": 1, "kind": "imap", "host": "h.example", "tls": "implicit"})
        }
        _ => json!({}),
    }
}

async fn try_door(world: &World, who: &Person, method: &str, path: &str) -> Result<u16> {
    let body = (method != "GET").then(|| body(path));
    Ok(world.ask(world.request(method, path, who, body)?).await?.status)
}

#[tokio::test]
async fn every_role_passes_its_own_doors_and_no_others() -> Result<()> {
    for role in ["viewer", "operator", "ops_lead", "admin"] {
        let world = World::new().await?;
        let maker = world.user("maker", &["operator"], &[]).await?;
        world.job(&maker, 1, "example.com").await?;
        world.mailbox(&maker, 1, "ana@example.com").await?;
        let who = world.user("tested", &[role], &[]).await?;
        for (method, path, roles) in DOORS {
            let status = try_door(&world, &who, method, path).await?;
            assert_eq!(status != 403, roles.contains(&role), "{role}: {method} {path}: {status}");
            assert!(status < 500, "{role}: {method} {path}: {status}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn strangers_pass_no_door() -> Result<()> {
    let world = World::new().await?;
    for (method, path, _) in DOORS {
        assert_eq!(try_door(&world, &Person::default(), method, path).await?, 401, "{method} {path}");
    }
    Ok(())
}

#[tokio::test]
async fn a_program_does_what_its_scopes_say_and_never_what_a_person_must() -> Result<()> {
    let world = World::new().await?;
    let admin = world.user("admin1", &["admin"], &[]).await?;
    world.job(&admin, 1, "example.com").await?;
    let gate = world.program(&["gate:read"], None).await?;
    world.get(&gate, "/migration/gate?domain=example.com").await?.with(200);
    world.get(&gate, "/migration/jobs").await?.refused(403, "forbidden");
    let reader = world.program(&["jobs:read"], None).await?;
    world.get(&reader, "/migration/jobs/1").await?.with(200);
    world.post(&reader, "/migration/jobs/1/pause", json!({})).await?.with(403);
    for scope in ["can_approve_migration_gate", "can_view_message_content", "can_manage_access", "everything"]
    {
        let make = json!({"name": "t", "scopes": [scope]});
        world.post(&admin, "/access/service-tokens", make).await?.refused(422, "invalid");
    }
    let made =
        json!({"name": "t", "scopes": ["gate:read"], "allowed_networks": ["10.0.0.0/8"], "expires_days": 2});
    let told = world.post(&admin, "/access/service-tokens", made).await?.with(201).json();
    let token = told["token"].as_str().unwrap_or_default().to_owned();
    assert!(token.starts_with("lbx_"), "{told}");
    let listed = world.get(&admin, "/access/service-tokens").await?.with(200);
    assert!(!listed.text.contains(&token));
    let inside = Person { bearer: token, ..Person::default() };
    let request = || world.request("GET", "/migration/gate?domain=example.com", &inside, None);
    assert_eq!(world.ask_from(([10, 1, 2, 3], 9).into(), request()?).await?.status, 200);
    assert_eq!(world.ask_from(([192, 0, 2, 3], 9).into(), request()?).await?.status, 401);
    let id = told["id"].as_str().unwrap_or_default();
    world.send(&admin, "DELETE", &format!("/access/service-tokens/{id}"), json!({})).await?.with(204);
    assert_eq!(world.ask_from(([10, 1, 2, 3], 9).into(), request()?).await?.status, 401);
    world.pass(2 * 86_400_000);
    world.get(&gate, "/migration/gate?domain=example.com").await?.with(401);
    let in_url = format!("/migration/jobs?access_token={}", reader.bearer);
    world.get(&Person::default(), &in_url).await?.with(401);
    Ok(())
}

#[tokio::test]
async fn nobody_sees_or_touches_another_tenants_things() -> Result<()> {
    let world = World::new().await?;
    let admin = world.user("admin1", &["admin"], &[]).await?;
    let job = world.job(&admin, 2, "example.com").await?;
    let mailbox = world.mailbox(&admin, job, "ana@example.com").await?;
    let run = "INSERT INTO migration_runs (job_id, mailbox_id, run_type, triggered_by) VALUES ($1, $2, 'delta', 'x')";
    world.sql(run, binds![job, mailbox]).await?;
    let item = "INSERT INTO quarantine_items (job_id, mailbox_id, folder_path, source_ref, reason)
                VALUES ($1, $2, 'INBOX', '7', 'refused')";
    world.sql(item, binds![job, mailbox]).await?;
    let made = json!({"name": "n", "tenant_id": 2, "kind": "imap", "host": "h.example", "tls": "implicit"});
    let endpoint = world.post(&admin, "/endpoints", made).await?.with(201).json()["id"].clone();
    let endpoint = endpoint.as_str().unwrap_or_default().to_owned();

    let stranger = world.user("stranger", &["operator", "ops_lead"], &[1]).await?;
    let insider = world.user("insider", &["operator", "ops_lead"], &[2]).await?;
    let program = world.program(&["jobs:read", "gate:read"], Some(1)).await?;
    let mut paths: Vec<String> =
        ["", "/mailboxes", "/gate", "/runs", "/quarantine", "/timeline", "/ticket-payload"]
            .iter()
            .map(|part| format!("/migration/jobs/{job}{part}"))
            .collect();
    paths.extend([
        format!("/migration/mailboxes/{mailbox}"),
        format!("/migration/mailboxes/{mailbox}/folders"),
        "/migration/runs/1".to_owned(),
        "/migration/runs/1/log".to_owned(),
        "/migration/runs/1/steps".to_owned(),
        "/migration/quarantine/1".to_owned(),
        "/migration/gate?domain=example.com".to_owned(),
    ]);
    for path in &paths {
        world.get(&insider, path).await?.with(200);
        world.get(&stranger, path).await?.with(404);
        world.get(&program, path).await?.with(404);
    }
    let endpoint_path = format!("/endpoints/{endpoint}");
    world.get(&insider, &endpoint_path).await?.with(200);
    world.get(&stranger, &endpoint_path).await?.with(404);
    for path in [
        format!("/migration/jobs/{job}/pause"),
        format!("/migration/jobs/{job}/cancel"),
        format!("/migration/jobs/{job}/preflight"),
        format!("/migration/jobs/{job}/gate/evaluate"),
        "/migration/runs/1/cancel".to_owned(),
    ] {
        world.post(&stranger, &path, json!({})).await?.with(404);
    }
    let secret = json!({"side": "source", "secret": {"password": "p"}});
    world.send(&stranger, "PUT", &format!("/migration/mailboxes/{mailbox}/secret"), secret).await?.with(404);
    world.post(&stranger, "/migration/quarantine/1/ack", json!({"reason": "x"})).await?.with(404);
    let theirs = json!({"tenant_id": 2, "domain": "other.example"});
    world.post(&stranger, "/migration/jobs", theirs).await?.refused(422, "invalid");
    assert_eq!(world.get(&stranger, "/migration/jobs").await?.json()["total"], 0);
    assert_eq!(world.get(&insider, "/migration/jobs").await?.json()["total"], 1);
    let borrowed = json!({"tenant_id": 1, "domain": "own.example", "source": {"endpoint_id": endpoint}});
    world.post(&stranger, "/migration/jobs", borrowed).await?.refused(422, "invalid");

    let deny = "INSERT INTO access_scopes (id, user_id, effect, resource_kind, resource_id)
                VALUES ('00000000-0000-4000-8000-000000000001', $1, 'deny', 'job', $2)";
    world.sql(deny, binds![&insider.id, job.to_string()]).await?;
    world.get(&insider, &format!("/migration/jobs/{job}")).await?.with(404);
    let allow = "INSERT INTO access_scopes (id, user_id, effect, resource_kind, resource_id)
                 VALUES ('00000000-0000-4000-8000-000000000002', $1, 'allow', 'job', $2)";
    world.sql(allow, binds![&stranger.id, job.to_string()]).await?;
    world.get(&stranger, &format!("/migration/jobs/{job}")).await?.with(200);
    Ok(())
}

#[tokio::test]
async fn the_last_administrator_stays_and_a_changed_user_comes_in_anew() -> Result<()> {
    let world = World::new().await?;
    let admin = world.user("admin1", &["admin"], &[]).await?;
    let path = format!("/access/users/{}", admin.id);
    world.put(&admin, "PUT", &path, &path, json!({"roles": ["viewer"]})).await?.refused(409, "conflict");
    world.put(&admin, "PUT", &path, &path, json!({"enabled": false})).await?.refused(409, "conflict");
    world.send(&admin, "DELETE", &path, json!({})).await?.refused(409, "conflict");
    let made =
        json!({"name": "bob", "password": "another long phrase", "roles": ["operator"], "tenants": []});
    world.post(&admin, "/access/users", made.clone()).await?.with(201);
    world.post(&admin, "/access/users", made).await?.refused(409, "duplicate");
    let weak = json!({"name": "eve", "password": "password1234", "roles": ["operator"]});
    world.post(&admin, "/access/users", weak).await?.refused(422, "invalid");
    let ana = world.user("ana", &["operator"], &[]).await?;
    let path = format!("/access/users/{}", ana.id);
    world.put(&admin, "PUT", &path, &path, json!({"roles": ["viewer"]})).await?.with(200);
    world.get(&ana, "/auth/me").await?.with(401);
    world.put(&admin, "PUT", &path, &path, json!({"enabled": false})).await?.with(200);
    let login = json!({"name": "ana", "password": super::world::PASSWORD});
    world.post(&Person::default(), "/auth/login", login).await?.with(401);
    Ok(())
}

#[tokio::test]
async fn of_two_administrators_who_remove_each_other_at_once_one_stays() -> Result<()> {
    for round in 0..8 {
        let world = World::new().await?;
        let one = world.user("admin1", &["admin"], &[]).await?;
        let other = world.user("admin2", &["admin"], &[]).await?;
        let path = |of: &Person| format!("/access/users/{}", of.id);
        let (to_one, to_other) = (path(&one), path(&other));
        let (first, second) = tokio::join!(
            world.send(&one, "DELETE", &to_other, json!({})),
            world.send(&other, "DELETE", &to_one, json!({})),
        );
        let told = [first?.status, second?.status];
        let done = told.iter().filter(|status| (200..300).contains(*status)).count();
        assert_eq!(done, 1, "round {round}: {told:?}");
        let left = "SELECT COUNT(*) FROM users JOIN user_roles ON user_roles.user_id = users.id
                    WHERE user_roles.role_id IN (SELECT id FROM roles WHERE name = 'admin')";
        let row = world.app.store.one("counting", left, binds![]).await?;
        assert_eq!(row.map_or(Ok(0), |row| row.int(0))?, 1, "round {round}");
    }
    Ok(())
}
