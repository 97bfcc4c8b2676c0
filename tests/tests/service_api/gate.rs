//! The gate from rows to answers: shut until everything is counted and approved, and shut again by whatever changes.
//! Never a mail server: rows stand for what runs would have written.

use anyhow::Result;
use malote_service::binds;
use malote_service::store::at;
use serde_json::{Value, json};

use super::world::{Person, World};

/// Writes what a first copy and a delta of a mailbox would have written: an inbox, sent mail, and nothing missing.
pub async fn copied(world: &World, mailbox: i64) -> Result<()> {
    let now_at = at(world.now());
    world
        .sql(
            "UPDATE migration_mailboxes SET has_scan = 1, messages_source = 100, messages_matched = 100,
                 messages_dest = 100, sync_percent = 100, status = 'ok', last_scan_at = $2, last_delta_at = $2,
                 last_delta_status = 'success', source_login_ok_at = $2, dest_login_ok_at = $2 WHERE id = $1",
            binds![mailbox, &now_at],
        )
        .await?;
    for (path, role) in [("INBOX", "inbox"), ("Sent", "sent")] {
        world
            .sql(
                "INSERT INTO mailbox_folders (mailbox_id, source_path, dest_path, role, messages_source,
                     messages_matched, messages_dest, last_scan_at, status)
                 VALUES ($1, $2, $2, $3, 50, 50, 50, $4, 'ok')",
                binds![mailbox, path, role, &now_at],
            )
            .await?;
    }
    world.counted(mailbox).await
}

async fn phase(world: &World, job: i64, phase: &'static str) -> Result<()> {
    world.sql("UPDATE migration_jobs SET phase = $2 WHERE id = $1", binds![job, phase]).await
}

async fn ask(world: &World, who: &Person) -> Result<Value> {
    Ok(world.get(who, "/migration/gate?domain=example.com").await?.json())
}

fn all_warnings(gate: &Value) -> Value {
    gate["warnings"].clone()
}

#[tokio::test]
async fn whatever_is_not_a_clear_yes_is_a_no() -> Result<()> {
    let world = World::new().await?;
    let program = world.program(&["gate:read"], None).await?;
    let other = world.program(&["jobs:read"], None).await?;
    let admin = world.user("admin1", &["admin"], &[]).await?;
    world.job(&admin, 1, "example.com").await?;
    let path = "/migration/gate?domain=example.com";
    for (who, path, status) in [
        (&Person::default(), path, 401),
        (&Person { bearer: "lbx_wrong".to_owned(), ..Person::default() }, path, 401),
        (&other, path, 403),
        (&program, "/migration/gate", 400),
        (&program, "/migration/gate?domain=", 400),
        (&program, "/migration/gate?domain=not%20a%20domain", 400),
        (&program, "/migration/gate?domain=other.example", 404),
        (&program, path, 200),
        (&program, "/api/v1/migration/gate?domain=EXAMPLE.com.", 200),
    ] {
        let told = world.get(who, path).await?.with(status);
        assert_eq!(told.json()["dns_allowed"], false, "{path}: {}", told.text);
        assert_eq!(told.json()["migration_gate"], "blocked", "{path}: {}", told.text);
        assert_eq!(told.header("cache-control"), "no-store");
    }
    world.app.store.close().await;
    let told = world.get(&program, path).await?.with(503);
    assert_eq!(told.json()["dns_allowed"], false, "{}", told.text);
    Ok(())
}

#[tokio::test]
async fn a_gate_opens_by_another_persons_word_and_shuts_by_a_loss() -> Result<()> {
    let world = World::new().await?;
    let maker = world.user("maker", &["ops_lead"], &[]).await?;
    let lead = world.user("lead", &["ops_lead"], &[]).await?;
    let program = world.program(&["gate:read"], None).await?;
    let job = world.job(&maker, 1, "example.com").await?;
    let mailbox = world.mailbox(&maker, job, "ana@example.com").await?;
    phase(&world, job, "delta_sync").await?;
    let approve = format!("/migration/jobs/{job}/approve-gate");
    let gate = format!("/migration/jobs/{job}/gate");

    let blocked = world.get(&lead, &gate).await?.with(200).json();
    assert_eq!(blocked["migration_gate"], "blocked");
    let ids: Vec<&str> =
        blocked["checks"].as_array().unwrap().iter().filter_map(|c| c["check_id"].as_str()).collect();
    for seed in [
        "count_ratio",
        "inbox_complete",
        "sent_complete",
        "pst_quarantine",
        "delta_pending",
        "manual_approval",
    ] {
        assert!(ids.contains(&seed), "{seed}");
    }
    let wish = |gate: &Value, accepted: Value| {
        let hash = gate["snapshot_hash"].clone();
        json!({"snapshot_hash": hash, "accepted_warnings": accepted, "comment": "seen"})
    };
    world.post(&lead, &approve, wish(&blocked, json!([]))).await?.refused(409, "gate_blocked");

    copied(&world, mailbox).await?;
    let seen = world.get(&lead, &gate).await?.json();
    assert_eq!(
        (&seen["migration_gate"], &seen["sync_percent"]),
        (&json!("warning"), &json!(100.0)),
        "{seen}"
    );
    assert_eq!(ask(&world, &program).await?["dns_allowed"], false);
    let accepted = all_warnings(&seen);
    world.post(&lead, &approve, wish(&blocked, accepted.clone())).await?.refused(409, "approval_stale");
    world.post(&maker, &approve, wish(&seen, accepted.clone())).await?.refused(409, "four_eyes");
    let told =
        world.post(&lead, &approve, wish(&seen, json!([]))).await?.refused(422, "warnings_not_accepted");
    assert_eq!(told.json()["not_accepted"], accepted);
    let done = world.post(&lead, &approve, wish(&seen, accepted.clone())).await?.with(200).json();
    assert_eq!((&done["migration_gate"], &done["phase"]), (&json!("ready_for_dns"), &json!("cutover_ready")));
    let open = ask(&world, &program).await?;
    assert_eq!((&open["dns_allowed"], &open["phase"]), (&json!(true), &json!("cutover_ready")), "{open}");
    assert_eq!(open["approved_by"], format!("u_{}", lead.id));
    assert_eq!(open["snapshot_hash"], seen["snapshot_hash"]);
    let payload = world.get(&lead, &format!("/migration/jobs/{job}/ticket-payload")).await?.json();
    let expected = json!({
        "migration_job_id": job, "migration_phase": "cutover_ready", "migration_gate": "ready_for_dns",
        "migration_sync_percent": 100.0,
    });
    assert_eq!(payload, expected);

    // One message of the inbox is gone from its bucket: the books do not balance.
    let loss = "UPDATE mailbox_folders SET messages_matched = 49 WHERE mailbox_id = $1 AND role = 'inbox'";
    world.sql(loss, binds![mailbox]).await?;
    let shut = ask(&world, &program).await?;
    assert_eq!((&shut["dns_allowed"], &shut["phase"]), (&json!(false), &json!("delta_sync")), "{shut}");
    let found = "UPDATE mailbox_folders SET messages_matched = 50 WHERE mailbox_id = $1 AND role = 'inbox'";
    world.sql(found, binds![mailbox]).await?;
    let again = ask(&world, &program).await?;
    assert_eq!(
        (&again["migration_gate"], &again["dns_allowed"]),
        (&json!("warning"), &json!(false)),
        "{again}"
    );
    let history = world.get(&lead, &format!("{gate}?history=true")).await?.json();
    assert_eq!(history["decisions"][0]["void"], true, "{history}");
    Ok(())
}

#[tokio::test]
async fn whoever_changes_what_is_copied_copies_again_before_anybody_may_approve() -> Result<()> {
    let world = World::new().await?;
    let maker = world.user("maker", &["operator"], &[]).await?;
    let lead = world.user("lead", &["ops_lead"], &[]).await?;
    let job = world.job(&maker, 1, "example.com").await?;
    let mailbox = world.mailbox(&maker, job, "ana@example.com").await?;
    let (path, gate) = (format!("/migration/jobs/{job}"), format!("/migration/jobs/{job}/gate"));
    let options = async |options: Value| {
        let change = json!({"options": options});
        world.put(&maker, "PATCH", &path, &path, change).await?.with(200);
        anyhow::Ok(())
    };
    options(json!({"exclude": ["Archive/**"]})).await?;
    copied(&world, mailbox).await?;
    phase(&world, job, "delta_sync").await?;
    let approve = async || {
        let seen = world.get(&lead, &gate).await?.with(200).json();
        let wish = json!({"snapshot_hash": seen["snapshot_hash"], "accepted_warnings": all_warnings(&seen)});
        let told = world.post(&lead, &format!("{path}/approve-gate"), wish).await?;
        anyhow::Ok((seen, told))
    };
    options(json!({"exclude": []})).await?;
    let (seen, told) = approve().await?;
    told.refused(409, "gate_blocked");
    let delta =
        seen["checks"].as_array().and_then(|all| all.iter().find(|one| one["check_id"] == "delta_pending"));
    let words = "what is copied, or where to, was changed since: run a delta";
    assert!(delta.is_some_and(|check| check["message"].to_string().contains(words)), "{seen}");
    // What selects nothing changes nothing.
    options(json!({"exclude": ["Archive/**"], "connections": 2})).await?;
    approve().await?.1.with(200);
    assert_eq!(ask(&world, &lead).await?["dns_allowed"], true);
    options(json!({})).await?;
    assert_eq!(ask(&world, &lead).await?["dns_allowed"], false);
    world.counted(mailbox).await?;
    approve().await?.1.with(200);
    Ok(())
}

#[tokio::test]
async fn an_approval_ends_by_time_by_revocation_and_by_a_new_mailbox() -> Result<()> {
    for what in ["time", "revoked", "rejected", "mailbox", "host"] {
        let world = World::new().await?;
        let maker = world.user("maker", &["operator"], &[]).await?;
        let lead = world.user("lead", &["ops_lead"], &[]).await?;
        let job = world.job(&maker, 1, "example.com").await?;
        let mailbox = world.mailbox(&maker, job, "ana@example.com").await?;
        copied(&world, mailbox).await?;
        phase(&world, job, "delta_sync").await?;
        let gate = format!("/migration/jobs/{job}/gate");
        let seen = world.get(&lead, &gate).await?.json();
        let wish = json!({"snapshot_hash": seen["snapshot_hash"], "accepted_warnings": all_warnings(&seen)});
        world.post(&lead, &format!("/migration/jobs/{job}/approve-gate"), wish).await?.with(200);
        assert_eq!(ask(&world, &lead).await?["dns_allowed"], true);
        let path = format!("/migration/mailboxes/{mailbox}");
        match what {
            "time" => world.pass(5 * 60_000 + 73 * 3_600_000),
            "revoked" => {
                let why = json!({"reason": "customer called"});
                world.post(&lead, &format!("/migration/jobs/{job}/revoke-approval"), why).await?.with(200);
            }
            "rejected" => {
                let why = json!({"reason": "not yet"});
                world.post(&lead, &format!("/migration/jobs/{job}/reject-gate"), why).await?.with(200);
            }
            "mailbox" => drop(world.mailbox(&maker, job, "bob@example.com").await?),
            _ => {
                let change = json!({"dest_host": "elsewhere.example.net"});
                world.put(&maker, "PATCH", &path, &path, change).await?.with(200);
            }
        }
        let lead = world.log_in("lead").await?;
        let told = ask(&world, &lead).await?;
        assert_eq!(told["dns_allowed"], false, "{what}: {told}");
        assert_eq!(told["phase"], "delta_sync", "{what}: {told}");
    }
    Ok(())
}

#[tokio::test]
async fn an_approval_needs_a_fresh_proof_of_identity_and_a_person() -> Result<()> {
    let world = World::new().await?;
    let maker = world.user("maker", &["operator"], &[]).await?;
    let lead = world.user("lead", &["ops_lead"], &[]).await?;
    let admin = world.user("admin1", &["admin"], &[]).await?;
    let job = world.job(&maker, 1, "example.com").await?;
    let path = format!("/migration/jobs/{job}/approve-gate");
    let wish = json!({"snapshot_hash": "sha256:0"});
    world.post(&maker, &path, wish.clone()).await?.refused(403, "forbidden");
    world.post(&admin, &path, wish.clone()).await?.refused(403, "forbidden");
    world.post(&lead, &path, wish.clone()).await?.refused(409, "gate_blocked");
    world.pass(5 * 60_000 + 1);
    world.post(&lead, &path, wish.clone()).await?.refused(403, "step_up_required");
    world.post(&lead, "/auth/step-up", json!({"password": "wrong"})).await?.with(401);
    world.post(&lead, "/auth/step-up", json!({"password": super::world::PASSWORD})).await?.with(204);
    world.post(&lead, &path, wish).await?.refused(409, "gate_blocked");
    Ok(())
}

#[tokio::test]
async fn a_quarantined_message_is_acknowledged_with_a_reason_and_by_somebody_else_than_the_approver()
-> Result<()> {
    let world = World::new().await?;
    let maker = world.user("maker", &["operator"], &[]).await?;
    let lead = world.user("lead", &["ops_lead"], &[]).await?;
    let job = world.job(&maker, 1, "example.com").await?;
    let mailbox = world.mailbox(&maker, job, "ana@example.com").await?;
    copied(&world, mailbox).await?;
    phase(&world, job, "delta_sync").await?;
    for (table, of) in [
        ("UPDATE mailbox_folders SET messages_matched = 49, messages_missing = 1, messages_quarantined = 1
              WHERE mailbox_id = $1 AND role = 'sent'", mailbox),
        ("UPDATE migration_mailboxes SET messages_matched = 99, messages_missing = 1, messages_quarantined = 1
              WHERE id = $1", mailbox),
    ] {
        world.sql(table, binds![of]).await?;
    }
    let item = "INSERT INTO quarantine_items (job_id, mailbox_id, folder_path, source_ref, reason)
                VALUES ($1, $2, 'Sent', '7', 'too_large')";
    world.sql(item, binds![job, mailbox]).await?;
    let items = world.get(&lead, &format!("/migration/jobs/{job}/quarantine")).await?.with(200).json();
    let path = format!("/migration/quarantine/{}/ack", items["items"][0]["id"]);
    let gate = format!("/migration/jobs/{job}/gate");
    let status = |told: &Value, id: &str| {
        let checks = told["checks"].as_array().unwrap();
        checks.iter().find(|check| check["check_id"] == id).unwrap()["status"].clone()
    };
    let before = world.get(&lead, &gate).await?.json();
    assert_eq!(
        (status(&before, "sent_complete"), status(&before, "pst_quarantine")),
        (json!("fail"), json!("fail"))
    );
    world.post(&lead, &path, json!({"reason": " "})).await?.refused(422, "invalid");
    world.post(&lead, &path, json!({"reason": "spam"})).await?.with(200);
    world.post(&lead, &path, json!({"reason": "spam"})).await?.refused(409, "conflict");
    let after = world.get(&lead, &gate).await?.json();
    assert_eq!(
        (status(&after, "sent_complete"), status(&after, "pst_quarantine")),
        (json!("warn"), json!("warn"))
    );
    let wish = json!({"snapshot_hash": after["snapshot_hash"], "accepted_warnings": all_warnings(&after)});
    world.post(&lead, &format!("/migration/jobs/{job}/approve-gate"), wish).await?.refused(409, "four_eyes");
    Ok(())
}

/// Rows of every table that a look at a gate may write, and the job's own words.
async fn written(world: &World, job: i64) -> Result<Vec<String>> {
    let counts = "SELECT
        (SELECT COUNT(*) FROM gate_snapshots) || ' ' || (SELECT COUNT(*) FROM migration_gate_checks) || ' ' ||
        (SELECT COUNT(*) FROM gate_approvals) || ' ' || (SELECT COUNT(*) FROM phase_history) || ' ' ||
        (SELECT COUNT(*) FROM run_log_events) || ' ' || (SELECT COUNT(*) FROM audit_row_changes) || ' ' ||
        (SELECT SUM(evaluated_ms) FROM gate_snapshots) || ' ' || version || ' ' || gate_evaluated_at
        FROM migration_jobs WHERE id = $1";
    let rows = world.app.store.all("asking", counts, binds![job]).await?;
    rows.iter().map(|row| Ok(row.text(0)?)).collect()
}

#[tokio::test]
async fn asking_again_within_a_minute_writes_nothing() -> Result<()> {
    let world = World::new().await?;
    let maker = world.user("maker", &["operator"], &[]).await?;
    let lead = world.user("lead", &["ops_lead"], &[]).await?;
    let program = world.program(&["gate:read"], None).await?;
    let job = world.job(&maker, 1, "example.com").await?;
    let mailbox = world.mailbox(&maker, job, "ana@example.com").await?;
    copied(&world, mailbox).await?;
    phase(&world, job, "delta_sync").await?;
    let gate = format!("/migration/jobs/{job}/gate");
    let seen = world.get(&lead, &gate).await?.with(200).json();
    let before = written(&world, job).await?;
    for _ in 0..3 {
        world.pass(19_000);
        ask(&world, &program).await?;
        let again = world.get(&lead, &gate).await?.with(200).json();
        assert_eq!(again["snapshot_hash"], seen["snapshot_hash"]);
        world.post(&maker, &format!("{gate}/evaluate"), json!({})).await?.with(200);
    }
    assert_eq!(written(&world, job).await?, before);
    // After a minute what was seen is no longer fresh, and the look is noted.
    world.pass(4_000);
    ask(&world, &program).await?;
    assert_ne!(written(&world, job).await?, before);
    Ok(())
}

#[tokio::test]
async fn what_an_approval_rests_on_outlives_the_looks_after_it() -> Result<()> {
    let world = World::new().await?;
    let maker = world.user("maker", &["operator"], &[]).await?;
    let lead = world.user("lead", &["ops_lead"], &[]).await?;
    let job = world.job(&maker, 1, "example.com").await?;
    let mailbox = world.mailbox(&maker, job, "ana@example.com").await?;
    copied(&world, mailbox).await?;
    phase(&world, job, "delta_sync").await?;
    let gate = format!("/migration/jobs/{job}/gate");
    let seen = world.get(&lead, &gate).await?.with(200).json();
    let wish = json!({"snapshot_hash": seen["snapshot_hash"], "accepted_warnings": all_warnings(&seen)});
    world.post(&lead, &format!("/migration/jobs/{job}/approve-gate"), wish).await?.with(200);
    // New mail at the source, again and again: each look sees something else, and the approval holds.
    for number in 1..=5_i64 {
        for table in [
            "UPDATE migration_mailboxes SET messages_source = 100 + $2, messages_matched = 100 + $2 WHERE id = $1",
            "UPDATE mailbox_folders SET messages_source = 50 + $2, messages_matched = 50 + $2
             WHERE mailbox_id = $1 AND role = 'inbox'",
        ] {
            world.sql(table, binds![mailbox, number]).await?;
        }
        world.pass(61_000);
        let told = world.get(&lead, &gate).await?.with(200).json();
        assert_eq!(told["migration_gate"], "ready_for_dns", "{number}: {told}");
    }
    let count = async |text: &'static str| -> Result<i64> {
        let row = world.app.store.one("counting", text, binds![job]).await?;
        Ok(row.map_or(Ok(0), |row| row.int(0))?)
    };
    let snapshots = count("SELECT COUNT(*) FROM gate_snapshots WHERE job_id = $1").await?;
    let whole = count("SELECT COUNT(*) FROM gate_snapshots WHERE job_id = $1 AND inputs_json <> ''").await?;
    assert!(snapshots >= 6 && whole < snapshots, "{snapshots} {whole}");
    let rests_on = "SELECT COUNT(*) FROM gate_approvals AS its JOIN gate_snapshots AS seen ON seen.id = its.snapshot_id
                    WHERE its.job_id = $1 AND seen.inputs_json <> '' AND seen.snapshot_hash = its.snapshot_hash
                      AND EXISTS (SELECT 1 FROM migration_gate_checks AS one WHERE one.snapshot_id = seen.id)";
    assert_eq!(count(rests_on).await?, 1);
    let moved = "SELECT COUNT(*) FROM phase_history AS its JOIN gate_snapshots AS seen ON seen.id = its.gate_snapshot_id
                 WHERE its.job_id = $1 AND seen.inputs_json = ''";
    assert_eq!(count(moved).await?, 0);
    Ok(())
}

#[tokio::test]
async fn an_approval_is_held_against_what_was_kept_of_it_and_what_cannot_be_read_is_void() -> Result<()> {
    for (kept, approved) in [
        ("UPDATE gate_approvals SET seen_json = seen_json", true),
        // As decisions were kept before: the snapshot itself is asked.
        ("UPDATE gate_approvals SET seen_json = ''", true),
        ("UPDATE gate_approvals SET seen_json = 'nothing'", false),
        ("UPDATE gate_approvals SET seen_json = '', snapshot_id = NULL", false),
        // Another source than the one that was approved: it held more.
        ("UPDATE gate_approvals SET seen_json = replace(seen_json, '\"e\":100', '\"e\":200')", false),
    ] {
        let world = World::new().await?;
        let maker = world.user("maker", &["operator"], &[]).await?;
        let lead = world.user("lead", &["ops_lead"], &[]).await?;
        let job = world.job(&maker, 1, "example.com").await?;
        let mailbox = world.mailbox(&maker, job, "ana@example.com").await?;
        copied(&world, mailbox).await?;
        phase(&world, job, "delta_sync").await?;
        let gate = format!("/migration/jobs/{job}/gate");
        let seen = world.get(&lead, &gate).await?.with(200).json();
        let wish = json!({"snapshot_hash": seen["snapshot_hash"], "accepted_warnings": all_warnings(&seen)});
        world.post(&lead, &format!("/migration/jobs/{job}/approve-gate"), wish).await?.with(200);
        let row = world.app.store.one("reading", "SELECT seen_json FROM gate_approvals", binds![]).await?;
        let text = row.map_or_else(|| Ok(String::new()), |row| row.text(0))?;
        assert!(text.contains("\"e\":100") && !text.contains("INBOX"), "{text}");
        world.sql(kept, binds![]).await?;
        let told = world.get(&lead, &gate).await?.with(200).json();
        assert_eq!(told["migration_gate"] == "ready_for_dns", approved, "{kept}: {told}");
    }
    Ok(())
}
