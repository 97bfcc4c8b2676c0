//! Jobs, mailboxes and runs: what is taken, what is refused, and what the queue gets.
//! Never carries a run out.

use anyhow::Result;
use malote_service::binds;
use serde_json::{Value, json};

use super::world::World;

#[tokio::test]
async fn a_job_is_made_once_for_a_domain_and_only_of_what_can_be_read() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    let make = |change: Value| {
        let mut body = json!({"tenant_id": 112, "domain": "Example.COM.", "ticket_id": 991, "notes": "n"});
        body.as_object_mut().unwrap().extend(change.as_object().cloned().unwrap_or_default());
        body
    };
    let told = world.post(&ana, "/migration/jobs", make(json!({}))).await?.with(201);
    let job = told.json();
    assert_eq!(told.header("location"), "/migration/jobs/1");
    assert_eq!((&job["phase"], &job["migration_gate"]), (&json!("discovered"), &json!("blocked")));
    assert_eq!(
        (&job["domain"], &job["ticket_id"], &job["sync_percent"]),
        (&json!("example.com"), &json!(991), &json!(0.0))
    );
    world
        .post(&ana, "/migration/jobs", make(json!({"domain": "EXAMPLE.com"})))
        .await?
        .refused(409, "job_exists");
    for wrong in [
        json!({"domain": "nodot"}),
        json!({"domain": "a b.example"}),
        json!({"domain": "exämple.com"}),
        json!({"domain": "192.0.2.1"}),
        json!({"domain": "b.example", "tenant_id": 0}),
        json!({"domain": "b.example", "dest_imap_host": "a\r\nb"}),
        json!({"domain": "b.example", "dest_imap_host": "host:99999"}),
        json!({"domain": "b.example", "options": {"unheard": 1}}),
        json!({"domain": "b.example", "source": {"host": "h.example", "tls": "perhaps"}}),
        json!({"domain": "b.example", "mailboxes": [{"email": "no address"}]}),
    ] {
        world.post(&ana, "/migration/jobs", make(wrong.clone())).await?.refused(422, "invalid");
    }
    assert_eq!(
        world.get(&ana, "/migration/jobs").await?.json()["total"],
        1,
        "a refused job left something behind"
    );
    Ok(())
}

#[tokio::test]
async fn each_mailbox_of_many_has_its_own_result() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    let job = world.job(&ana, 1, "example.com").await?;
    let path = format!("/migration/jobs/{job}/mailboxes");
    let items = json!({"items": [
        {"email": "a@example.com"},
        {"email": "A@example.com"},
        {"email": "b@example.com", "source_type": "unheard"},
        {"email": "c@example.com", "source_user": "x\r\nA1 DELETE INBOX"},
        {"email": "d@example.com", "folder_map": {"Sent": "X", "Gesendet": "X"}},
        {"email": "e@example.com", "unheard": 1},
        {"email": "f@example.com", "folder_map": {"Sent Items": "Sent"}},
    ]});
    let told = world.post(&ana, &path, items).await?.with(201).json();
    let statuses: Vec<i64> =
        told["items"].as_array().unwrap().iter().filter_map(|one| one["status"].as_i64()).collect();
    assert_eq!(statuses, [201, 409, 422, 422, 422, 422, 201], "{told}");
    assert_eq!(world.get(&ana, &path).await?.json()["total"], 2);
    Ok(())
}

#[tokio::test]
async fn a_run_is_asked_for_in_its_phase_and_once() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    let job = world.job(&ana, 1, "example.com").await?;
    let path = |last: &str| format!("/migration/jobs/{job}/{last}");
    world.post(&ana, &path("preflight"), json!({})).await?.refused(422, "invalid");
    let mailbox = world.mailbox(&ana, job, "a@example.com").await?;
    let sync = |kind: &str| json!({"type": kind});
    let told = world.post(&ana, &path("sync"), sync("initial")).await?.refused(409, "phase_conflict").json();
    assert_eq!(told["legal_next"], json!(["preflight", "failed"]), "{told}");
    let told = world.post(&ana, &path("preflight"), json!({"depth": "login"})).await?.with(202);
    assert_eq!(told.header("location"), "/migration/runs/1");
    assert_eq!(world.get(&ana, "/migration/runs/1").await?.json()["run_type"], "preflight");
    world.post(&ana, &path("preflight"), json!({})).await?.refused(409, "run_already_active");
    world.post(&ana, "/migration/runs/1/cancel", json!({"reason": "x"})).await?.with(202);
    world.post(&ana, "/migration/runs/1/cancel", json!({})).await?.refused(409, "finished");

    let told = world.post(&ana, &path("sync"), sync("initial")).await?.refused(409, "phase_conflict").json();
    assert_eq!(told["unmet"], json!(["logins_not_proven"]), "{told}");
    let own = format!("/migration/mailboxes/{mailbox}");
    world.put(&ana, "PATCH", &own, &own, json!({"login_waived_reason": "known good"})).await?.with(200);
    world.post(&ana, &path("pause"), json!({"reason": "lunch"})).await?.with(200);
    world.post(&ana, &path("sync"), sync("initial")).await?.refused(423, "job_paused");
    world.post(&ana, &path("resume"), json!({})).await?.with(200);
    world.post(&ana, &path("sync"), sync("initial")).await?.with(202);
    assert_eq!(world.get(&ana, &format!("/migration/jobs/{job}")).await?.json()["phase"], "initial_sync");
    world.send(&ana, "DELETE", &own, json!({})).await?.refused(409, "run_already_active");
    world.post(&ana, &path("sync"), sync("final")).await?.refused(409, "phase_conflict");
    world.sql("UPDATE migration_jobs SET phase = 'delta_sync' WHERE id = $1", binds![job]).await?;
    world.post(&ana, &path("cancel"), json!({})).await?.with(202);
    world.post(&ana, &path("sync"), sync("final")).await?.refused(428, "confirmation_required");
    world.post(&ana, &path("sync"), json!({"type": "final", "confirm": "example.com"})).await?.with(202);
    let timeline = world.get(&ana, &path("timeline")).await?.json();
    let phases =
        timeline["items"].as_array().unwrap().iter().filter(|one| one["kind"] == "phase").collect::<Vec<_>>();
    let phases: Vec<&str> = phases.into_iter().filter_map(|one| one["to"].as_str()).collect();
    assert_eq!(phases, ["discovered", "preflight", "initial_sync"]);
    Ok(())
}

#[tokio::test]
async fn a_failed_job_goes_back_and_a_deleted_one_is_gone() -> Result<()> {
    let world = World::new().await?;
    let lead = world.user("lead", &["ops_lead"], &[]).await?;
    let admin = world.user("admin1", &["admin"], &[]).await?;
    let job = world.job(&lead, 1, "example.com").await?;
    let path = format!("/migration/jobs/{job}");
    world.sql("UPDATE migration_jobs SET phase = 'delta_sync' WHERE id = $1", binds![job]).await?;
    world
        .send(&admin, "DELETE", &format!("{path}?confirm=example.com"), json!({}))
        .await?
        .refused(409, "phase_conflict");
    world.post(&lead, &format!("{path}/fail"), json!({})).await?.refused(409, "phase_conflict");
    world.post(&lead, &format!("{path}/fail"), json!({"reason": "server burnt"})).await?.with(200);
    let told = world.post(&lead, &format!("{path}/retry"), json!({})).await?.with(200).json();
    assert_eq!(told["phase"], "delta_sync");
    world.post(&lead, &format!("{path}/fail"), json!({"reason": "again"})).await?.with(200);
    world.send(&admin, "DELETE", &path, json!({})).await?.refused(428, "confirmation_required");
    world.send(&admin, "DELETE", &format!("{path}?confirm=example.com"), json!({})).await?.with(204);
    world.get(&lead, &path).await?.with(404);
    Ok(())
}

#[tokio::test]
async fn only_an_administrator_leads_into_private_networks() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    let admin = world.user("admin1", &["admin"], &[]).await?;
    let made = json!({
        "name": "in the cellar", "tenant_id": 1, "kind": "imap", "host": "127.0.0.1", "port": 1, "tls": "off",
        "allow_private": true, "allowed_networks": ["127.0.0.0/8"],
    });
    world.post(&ana, "/endpoints", made.clone()).await?.refused(403, "forbidden");
    let told = world.post(&admin, "/endpoints", made).await?.with(201).json();
    let path = format!("/endpoints/{}", told["id"].as_str().unwrap_or_default());
    // Let past the walls, it is tried; nobody listens there.
    let tested = world.post(&ana, &format!("{path}/test"), json!({})).await?.with(200).json();
    assert_eq!(tested["status"], "unreachable", "{tested}");
    let plain =
        json!({"name": "outside", "tenant_id": 1, "kind": "imap", "host": "127.0.0.1", "tls": "implicit"});
    let told = world.post(&ana, "/endpoints", plain).await?.with(201).json();
    let other = format!("/endpoints/{}", told["id"].as_str().unwrap_or_default());
    let tested = world.post(&ana, &format!("{other}/test"), json!({})).await?.with(200).json();
    assert_eq!(tested["status"], "error", "{tested}");
    assert!(tested["hints"][0].as_str().is_some_and(|hint| hint.contains("this machine itself")), "{tested}");
    let open =
        json!({"name": "x", "kind": "imap", "host": "h.example", "tls": "off", "allow_cleartext": true});
    world.put(&ana, "PUT", &other, &other, open).await?.refused(403, "forbidden");
    Ok(())
}

#[tokio::test]
async fn jobs_are_found_by_their_owner_and_shown_with_what_is_asked_for() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    let bia = world.user("bia", &["operator"], &[]).await?;
    let first = world.job(&ana, 1, "a.example").await?;
    world.job(&bia, 1, "b.example").await?;
    let mailbox = world.mailbox(&ana, first, "x@a.example").await?;
    world.mailbox(&ana, first, "y@a.example").await?;
    world.sql("UPDATE migration_mailboxes SET status = 'ok' WHERE id = $1", binds![mailbox]).await?;
    world.post(&ana, &format!("/migration/jobs/{first}/preflight"), json!({})).await?.with(202);
    let by_id = format!("u_{}", ana.id);
    for (owner, expected) in [("ana", 1), ("ANA", 1), (by_id.as_str(), 1), ("nobody", 0), ("", 2)] {
        let told = world.get(&bia, &format!("/migration/jobs?owner={owner}")).await?.with(200).json();
        assert_eq!(
            (&told["total"], told["items"].as_array().map(Vec::len)),
            (&json!(expected), Some(expected))
        );
    }
    let path = format!("/migration/jobs/{first}");
    let plain = world.get(&bia, &path).await?.with(200).json();
    assert_eq!(
        (&plain["by_status"]["ok"], &plain["by_status"]["pending"]),
        (&json!(1), &json!(1)),
        "{plain}"
    );
    assert!(plain["last_activity"].as_str() >= plain["updated_at"].as_str(), "{plain}");
    assert!(plain.get("gate").is_none() && plain.get("runs").is_none() && plain.get("mailboxes").is_none());
    let whole = world.get(&bia, &format!("{path}?include=mailboxes,%20gate,runs")).await?.with(200).json();
    assert_eq!(whole["gate"]["migration_gate"], "blocked", "{whole}");
    assert_eq!(
        (whole["runs"].as_array().map(Vec::len), whole["mailboxes"].as_array().map(Vec::len)),
        (Some(2), Some(2))
    );
    world.get(&bia, &format!("{path}?include=everything")).await?.refused(400, "bad_request");
    Ok(())
}

#[tokio::test]
async fn a_job_comes_with_its_schedule_and_with_credentials_of_its_servers() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["operator"], &[1]).await?;
    let server = json!({"name": "own", "kind": "imap", "host": "old.example.org", "tls": "implicit",
        "tenant_id": 1});
    let server = world.post(&ana, "/endpoints", server).await?.with(201).json()["id"].clone();
    let kept = json!({"endpoint_id": server, "name": "m", "user": "m", "secret": {"password": "p"}});
    let kept = world.post(&ana, "/credentials", kept).await?.with(201).json()["id"].clone();
    let make = |change: Value| {
        let mut body = json!({"tenant_id": 1, "domain": "example.com"});
        body.as_object_mut().unwrap().extend(change.as_object().cloned().unwrap_or_default());
        body
    };
    for (wrong, field) in [
        (json!({"schedule": {"cron": "61 * * * *"}}), "schedule.cron"),
        (json!({"schedule": {"cron": "0 * * * *", "timezone": "Mars/Olympus"}}), "schedule.timezone"),
        (json!({"dest": {"platform_id": "p"}}), "dest.platform_id"),
        (json!({"dest": {"endpoint_id": "00000000-0000-4000-8000-000000000000"}}), "dest.endpoint_id"),
        (json!({"source": {"host": "h.example", "credential_id": kept}}), "source.credential_id"),
        (json!({"source": {"endpoint_id": server, "credential_id": "x"}}), "source.credential_id"),
    ] {
        let told = world.post(&ana, "/migration/jobs", make(wrong)).await?.refused(422, "invalid");
        assert_eq!(told.json()["errors"][0]["field"], field, "{}", told.text);
    }
    let listed = world.get(&ana, "/migration/jobs").await?.json();
    assert_eq!(listed["total"], 0, "a refused job left something behind");
    let made = make(json!({"schedule": {"cron": "0 */6 * * *", "timezone": "America/Sao_Paulo"},
        "source": {"endpoint_id": server, "credential_id": kept}}));
    let job = world.post(&ana, "/migration/jobs", made).await?.with(201).json();
    assert_eq!((&job["source_credential_id"], &job["source_endpoint_id"]), (&kept, &server));
    let schedule = format!("/migration/jobs/{}/schedule", job["id"]);
    let schedule = world.get(&ana, &schedule).await?.with(200).json();
    assert_eq!((&schedule["timezone"], &schedule["enabled"]), (&json!("America/Sao_Paulo"), &json!(true)));
    assert_eq!(schedule["next"].as_array().map(Vec::len), Some(5), "{schedule}");
    Ok(())
}

#[tokio::test]
async fn a_verified_job_takes_no_more_mailboxes() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    let job = world.job(&ana, 1, "example.com").await?;
    let own = format!("/migration/mailboxes/{}", world.mailbox(&ana, job, "ana@example.com").await?);
    let left_out = json!({"enabled": false, "excluded_reason": "left"});
    world.put(&ana, "PATCH", &own, &own, left_out).await?.with(200);
    let path = format!("/migration/jobs/{job}/mailboxes");
    for phase in ["verified", "closed"] {
        world.sql("UPDATE migration_jobs SET phase = $2 WHERE id = $1", binds![job, phase]).await?;
        let late = json!({"email": "late@example.com"});
        world.post(&ana, &path, late.clone()).await?.refused(409, "phase_conflict");
        world.post(&ana, &path, json!({"items": [late]})).await?.refused(409, "phase_conflict");
        world.put(&ana, "PATCH", &own, &own, json!({"enabled": true})).await?.refused(409, "phase_conflict");
    }
    world.sql("UPDATE migration_jobs SET phase = 'final_sync' WHERE id = $1", binds![job]).await?;
    world.post(&ana, &path, json!({"email": "late@example.com"})).await?.with(201);
    Ok(())
}

#[tokio::test]
async fn a_job_that_is_refused_leaves_no_server_behind() -> Result<()> {
    let world = World::new().await?;
    let lead = world.user("lead", &["ops_lead"], &[]).await?;
    let asked = |domain: &str, ticket: i64| {
        json!({"tenant_id": 1, "domain": domain, "ticket_id": ticket, "source": {"host": "old.example.org"},
               "dest": {"host": "new.example.org"}})
    };
    world.post(&lead, "/migration/jobs", asked("example.com", 7)).await?.with(201);
    let servers = async || -> Result<Value> {
        Ok(world.get(&lead, "/endpoints").await?.with(200).json()["total"].clone())
    };
    assert_eq!(servers().await?, 2);
    world.post(&lead, "/migration/jobs", asked("example.com", 7)).await?.refused(409, "job_exists");
    let mut foreign = asked("other.example", 7);
    foreign["tenant_id"] = json!(2);
    world.post(&lead, "/migration/jobs", foreign).await?.refused(422, "invalid");
    let mut walled = asked("third.example", 8);
    walled["dest"] = json!({"host": "not a host"});
    let told = world.post(&lead, "/migration/jobs", walled).await?.refused(422, "invalid");
    assert_eq!(told.json()["errors"][0]["field"], "dest.host", "{}", told.text);
    assert_eq!(servers().await?, 2, "what was refused left a server");
    Ok(())
}

#[tokio::test]
async fn what_is_removed_is_what_was_seen_where_the_request_says_so() -> Result<()> {
    let world = World::new().await?;
    let admin = world.user("admin1", &["admin"], &[]).await?;
    let job = world.job(&admin, 1, "example.com").await?;
    let mailbox = world.mailbox(&admin, job, "ana@example.com").await?;
    let user = world.make_user("sam", &["viewer"], &[1]).await?;
    let server = json!({"name": "n", "kind": "imap", "host": "h.example", "tls": "implicit"});
    let server = world.post(&admin, "/endpoints", server).await?.with(201).json();
    let role = json!({"name": "own", "permissions": []});
    let role = world.post(&admin, "/access/roles", role).await?.with(201).json();
    for path in [
        format!("/migration/mailboxes/{mailbox}"),
        format!("/migration/jobs/{job}?confirm=example.com"),
        format!("/access/users/{user}"),
        format!("/endpoints/{}", server["id"].as_str().unwrap_or_default()),
        format!("/access/roles/{}", role["id"].as_str().unwrap_or_default()),
    ] {
        let tag = world.get(&admin, &path).await?.with(200).header("etag");
        for (told, expected) in [("\"999\"", 412), ("no tag", 412), (tag.as_str(), 204)] {
            let mut request = world.request("DELETE", &path, &admin, None)?;
            request.headers_mut().insert("if-match", told.parse()?);
            let answer = world.ask(request).await?;
            assert_eq!(answer.status, expected, "{path} {told}: {}", answer.text);
        }
    }
    let key = "/system/settings/close.straggler_days";
    let old = world.get(&admin, key).await?.with(200).header("etag");
    let value = json!({"value": 20});
    let set = async |tag: &str| -> Result<u16> {
        let mut request = world.request("PUT", key, &admin, Some(value.clone()))?;
        request.headers_mut().insert("if-match", tag.parse()?);
        Ok(world.ask(request).await?.status)
    };
    assert_eq!((set(&old).await?, set(&old).await?), (200, 412));
    Ok(())
}
