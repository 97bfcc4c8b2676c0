//! What is told beside jobs and gates: reports with a digest, schedules, requests for approval, settings, credentials,
//! what is tracked across jobs, estimates.
//! Never a secret in any answer.

use anyhow::{Context, Result, ensure};
use malote_service::api::report::SCHEMA_TEXT;
use malote_service::binds;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::gate::copied;
use super::world::{Person, World};

const SECRET: &str = "hunter2-planted-9471";

/// Holds a document against a schema's types, constants and required members: as much of JSON Schema as ours uses.
fn fits(value: &Value, schema: &Value, path: &str) -> Result<()> {
    if let Some(choices) = schema["anyOf"].as_array() {
        ensure!(choices.iter().any(|choice| fits(value, choice, path).is_ok()), "{path}: {value}");
        return Ok(());
    }
    if let Some(constant) = schema.get("const") {
        ensure!(value == constant, "{path}: {value}");
    }
    if let Some(words) = schema["enum"].as_array() {
        ensure!(words.contains(value), "{path}: {value}");
    }
    match schema["type"].as_str() {
        None => {}
        Some("null") => ensure!(value.is_null(), "{path}: {value}"),
        Some("string") => ensure!(value.is_string(), "{path}: {value}"),
        Some("boolean") => ensure!(value.is_boolean(), "{path}: {value}"),
        Some("integer") => ensure!(value.is_u64(), "{path}: {value}"),
        Some("number") => ensure!(value.is_number(), "{path}: {value}"),
        Some("array") => {
            for (place, item) in value.as_array().with_context(|| path.to_owned())?.iter().enumerate() {
                fits(item, &schema["items"], &format!("{path}[{place}]"))?;
            }
        }
        Some("object") => {
            let members = value.as_object().with_context(|| format!("{path}: {value}"))?;
            for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                ensure!(members.contains_key(name), "{path} has no {name}");
            }
            let known = schema["properties"].as_object().cloned().unwrap_or_default();
            for (name, member) in members {
                if let Some(own) = known.get(name) {
                    fits(member, own, &format!("{path}.{name}"))?;
                }
            }
        }
        Some(other) => anyhow::bail!("{path}: a type that this test does not know: {other}"),
    }
    Ok(())
}

#[tokio::test]
async fn a_report_fits_its_schema_and_its_digest_is_of_what_it_says() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    let job = world.job(&ana, 1, "example.com").await?;
    let mailbox = world.mailbox(&ana, job, "ana@example.com").await?;
    let path = format!("/migration/jobs/{job}/report");
    world.get(&ana, &path).await?.refused(409, "no_data");
    copied(&world, mailbox).await?;
    let item = "INSERT INTO quarantine_items (job_id, mailbox_id, folder_path, source_ref, reason)
                VALUES ($1, $2, 'Sent', '7', 'too_large')";
    world.sql(item, binds![job, mailbox]).await?;
    let measured = "INSERT INTO mailbox_measures (mailbox_id, sampled_at, sample_compared, merkle_root)
                    VALUES ($1, '2026-11-21T00:00:00.000Z', 60, $2)";
    world.sql(measured, binds![mailbox, format!("sha256:{}", "0".repeat(64))]).await?;
    let schema: Value = serde_json::from_str(SCHEMA_TEXT)?;
    let served = world.get(&ana, "/schemas/job-report.json").await?.with(200);
    assert_eq!(served.json(), schema);
    for path in [path.clone(), format!("/migration/mailboxes/{mailbox}/report?format=json&lang=pt-BR")] {
        let told = world.get(&ana, &path).await?.with(200);
        let report = told.json();
        fits(&report, &schema, "report")?;
        let bare: Map<String, Value> = report
            .as_object()
            .context("no object")?
            .clone()
            .into_iter()
            .filter(|(name, _)| name != "digest" && name != "generated_at")
            .collect();
        let digest = Sha256::digest(Value::Object(bare).to_string().as_bytes());
        let digest: String = digest.iter().map(|octet| format!("{octet:02x}")).collect();
        assert_eq!(report["digest"], format!("sha256:{digest}"));
        assert_eq!(told.header("etag"), format!("\"sha256:{digest}\""));
        assert_eq!(report["counts"]["matched"], 100, "{report}");
        assert_eq!(report["mailboxes"][0]["folders"].as_array().map(Vec::len), Some(2), "{report}");
        assert_eq!(report["quarantine"][0]["reason"], "too_large", "{report}");
        assert_eq!(report["mailboxes"][0]["verification"]["sample"]["compared"], 60, "{report}");
        assert!(
            report["mailboxes"][0]["verification"]["bytes"].is_null(),
            "nobody measured octets: {report}"
        );
        world.pass(60_000);
        let mut again = world.request("GET", &path, &ana, None)?;
        again.headers_mut().insert("if-none-match", told.header("etag").parse()?);
        assert_eq!(world.ask(again).await?.status, 304, "the digest does not depend on the hour");
    }
    world.get(&ana, &format!("{path}?format=docx")).await?.refused(422, "invalid");
    let other = world.user("other", &["operator"], &[2]).await?;
    world.get(&other, &path).await?.refused(404, "not_found");
    Ok(())
}

#[tokio::test]
async fn a_schedule_tells_its_next_five_times_in_its_own_zone() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    let viewer = world.user("viewer1", &["viewer"], &[]).await?;
    let job = world.job(&ana, 1, "example.com").await?;
    let path = format!("/migration/jobs/{job}/schedule");
    world.get(&ana, &path).await?.refused(404, "not_found");
    let wanted = json!({"cron": "30 3 * * *", "timezone": "America/Sao_Paulo"});
    world.send(&viewer, "PUT", &path, wanted.clone()).await?.refused(403, "forbidden");
    for (bad, field) in [
        (json!({"cron": "61 * * * *"}), "cron"),
        (json!({"cron": "0 0 31 2 *"}), "cron"),
        (json!({"cron": "0 * * * *", "timezone": "Mars/Base"}), "timezone"),
        (json!({"cron": "0 * * * *", "window": {"from": "25:00", "to": "1"}}), "window"),
        (json!({"cron": "0 12 * * *", "window": {"from": "22:00", "to": "06:00"}}), "window"),
    ] {
        let told = world.send(&ana, "PUT", &path, bad.clone()).await?.refused(422, "invalid").json();
        assert_eq!(told["errors"][0]["field"], field, "{bad}: {told}");
    }
    let told = world.send(&ana, "PUT", &path, wanted.clone()).await?.with(200).json();
    let next: Vec<&str> =
        told["next"].as_array().context("no times")?.iter().filter_map(Value::as_str).collect();
    // The world begins at 2027-01-15T08:00:00Z; São Paulo is three hours behind, all year.
    let expected: Vec<String> = (16..21).map(|day| format!("2027-01-{day}T06:30:00.000Z")).collect();
    assert_eq!(next, expected, "{told}");
    world.send(&ana, "PUT", &path, wanted.clone()).await?.refused(428, "if_match_required");
    let off = json!({"cron": "0 */6 * * *", "enabled": false});
    let told = world.put(&ana, "PUT", &path, &path, off).await?.with(200).json();
    assert_eq!((&told["enabled"], &told["next"]), (&json!(false), &json!([])), "{told}");
    assert_eq!(world.get(&ana, &format!("{path}/executions")).await?.with(200).json()["total"], 0);
    world.send(&ana, "DELETE", &path, json!({})).await?.with(204);
    world.get(&ana, &path).await?.refused(404, "not_found");
    Ok(())
}

#[tokio::test]
async fn a_request_for_approval_is_answered_once_by_another_person() -> Result<()> {
    let world = World::new().await?;
    let maker = world.user("maker", &["operator"], &[]).await?;
    let lead = world.user("lead", &["ops_lead"], &[]).await?;
    let job = world.job(&maker, 1, "example.com").await?;
    let mailbox = world.mailbox(&maker, job, "ana@example.com").await?;
    copied(&world, mailbox).await?;
    world.sql("UPDATE migration_jobs SET phase = 'delta_sync' WHERE id = $1", binds![job]).await?;
    let gate = world.get(&lead, &format!("/migration/jobs/{job}/gate")).await?.json();
    let ask = |hash: &Value| {
        let why = "all is there";
        json!({"action": "approve_gate", "job_id": job, "snapshot_hash": hash, "reason": why})
    };
    world.post(&maker, "/approvals", ask(&json!("sha256:0"))).await?.refused(422, "invalid");
    world
        .post(&maker, "/approvals", json!({"action": "x", "job_id": job, "snapshot_hash": ""}))
        .await?
        .with(422);
    let made = world.post(&maker, "/approvals", ask(&gate["snapshot_hash"])).await?.with(201).json();
    let path = format!("/approvals/{}", made["id"].as_str().unwrap_or_default());
    let stranger = world.user("stranger", &["ops_lead"], &[2]).await?;
    world.get(&stranger, &path).await?.refused(404, "not_found");
    let waiting = world.get(&lead, "/approvals?status=pending").await?.json();
    assert_eq!(waiting["total"], 1, "{waiting}");
    let yes = json!({"accepted_warnings": gate["warnings"], "comment": "seen"});
    world.post(&maker, &format!("{path}/approve"), yes.clone()).await?.refused(403, "forbidden");
    let short = json!({"accepted_warnings": []});
    world.post(&lead, &format!("{path}/approve"), short).await?.refused(422, "warnings_not_accepted");
    let done = world.post(&lead, &format!("{path}/approve"), yes.clone()).await?.with(200).json();
    assert_eq!(done["migration_gate"], "ready_for_dns");
    world.post(&lead, &format!("{path}/approve"), yes).await?.refused(409, "finished");
    world.post(&lead, &format!("{path}/reject"), json!({"reason": "late"})).await?.refused(409, "finished");
    assert_eq!(world.get(&maker, &path).await?.json()["status"], "used");
    two_answers_at_once(&world, (&maker, &lead), (job, &ask(&gate["snapshot_hash"]), &gate)).await?;
    let second = world.post(&maker, "/approvals", ask(&gate["snapshot_hash"])).await?.with(201).json();
    world.pass(3 * 86_400_000 + 1);
    let lead = world.log_in("lead").await?;
    let path = format!("/approvals/{}", second["id"].as_str().unwrap_or_default());
    assert_eq!(world.get(&lead, &path).await?.json()["status"], "expired");
    world.post(&lead, &format!("{path}/reject"), json!({"reason": "late"})).await?.refused(409, "expired");
    Ok(())
}

#[tokio::test]
async fn a_request_is_used_with_the_approval_or_not_at_all() -> Result<()> {
    let world = World::new().await?;
    let maker = world.user("maker", &["operator"], &[]).await?;
    let lead = world.user("lead", &["ops_lead"], &[]).await?;
    let job = world.job(&maker, 1, "example.com").await?;
    let mailbox = world.mailbox(&maker, job, "ana@example.com").await?;
    copied(&world, mailbox).await?;
    world.sql("UPDATE migration_jobs SET phase = 'delta_sync' WHERE id = $1", binds![job]).await?;
    let gate = world.get(&lead, &format!("/migration/jobs/{job}/gate")).await?.json();
    let ask = json!({"action": "approve_gate", "job_id": job, "snapshot_hash": gate["snapshot_hash"]});
    let made = world.post(&maker, "/approvals", ask).await?.with(201).json();
    let path = format!("/approvals/{}", made["id"].as_str().unwrap_or_default());
    // The database dies in the midst of the approval, after the request was taken.
    let dies = "CREATE TRIGGER dies BEFORE INSERT ON gate_approvals BEGIN SELECT RAISE(ABORT, 'gone'); END";
    world.sql(dies, Vec::new()).await?;
    let yes = json!({"accepted_warnings": gate["warnings"]});
    let told = world.post(&lead, &format!("{path}/approve"), yes.clone()).await?;
    assert!(told.status >= 500, "{}", told.text);
    assert_eq!(world.get(&maker, &path).await?.json()["status"], "pending");
    world.sql("DROP TRIGGER dies", Vec::new()).await?;
    world.post(&lead, &format!("{path}/approve"), yes).await?.with(200);
    assert_eq!(world.get(&maker, &path).await?.json()["status"], "used");
    Ok(())
}

async fn two_answers_at_once(
    world: &World,
    (maker, lead): (&Person, &Person),
    (job, ask, gate): (i64, &Value, &Value),
) -> Result<()> {
    let other = world.user("other", &["ops_lead"], &[]).await?;
    let approved = "SELECT COUNT(*) FROM gate_approvals WHERE job_id = $1 AND decision = 'approved'";
    let count = async || -> Result<i64> {
        Ok(world.app.store.one("asking", approved, binds![job]).await?.context("no row")?.int(0)?)
    };
    for round in 0..6 {
        let before = count().await?;
        let made = world.post(maker, "/approvals", ask.clone()).await?.with(201).json();
        let path = format!("/approvals/{}", made["id"].as_str().unwrap_or_default());
        let yes = json!({"accepted_warnings": gate["warnings"], "comment": "seen"});
        let (word, body) =
            if round % 2 == 0 { ("approve", yes.clone()) } else { ("reject", json!({"reason": "no"})) };
        let (approve, second) = (format!("{path}/approve"), format!("{path}/{word}"));
        let (one, two) =
            futures_util::future::join(world.post(lead, &approve, yes), world.post(&other, &second, body))
                .await;
        let (one, two) = (one?, two?);
        let statuses = [one.status, two.status];
        assert!(statuses == [200, 409] || statuses == [409, 200], "{round} {word}: {one:?} {two:?}");
        let is_approved = word == "approve" || one.status == 200;
        assert_eq!(count().await? - before, i64::from(is_approved), "{round} {word}: {one:?} {two:?}");
    }
    Ok(())
}

#[tokio::test]
async fn credentials_are_put_replaced_and_removed_and_never_shown() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    let viewer = world.user("viewer1", &["viewer"], &[]).await?;
    let job = world.job(&ana, 1, "example.com").await?;
    let mailbox = world.mailbox(&ana, job, "ana@example.com").await?;
    let put = |side: &str| json!({"mailbox_id": mailbox, "side": side, "secret": {"password": SECRET}});
    world.post(&viewer, "/credentials", put("source")).await?.refused(403, "forbidden");
    world.post(&ana, "/credentials", put("both")).await?.refused(422, "invalid");
    let made = world.post(&ana, "/credentials", put("source")).await?.with(201);
    let first = made.json()["id"].as_str().unwrap_or_default().to_owned();
    world.post(&ana, "/credentials", put("destination")).await?.with(201);
    let list = world.get(&ana, &format!("/credentials?job_id={job}")).await?.with(200);
    assert_eq!(list.json()["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(list.json()["items"][0]["user"], "a***@example.com");
    let change = json!({"secret": {"oauth_token": SECRET}});
    let changed =
        world.send(&ana, "PUT", &format!("/credentials/{first}/secret"), change.clone()).await?.with(200);
    let second = changed.json()["id"].as_str().unwrap_or_default().to_owned();
    assert_eq!((&changed.json()["has_token"], second == first), (&json!(true), false));
    let stranger = world.user("stranger", &["operator"], &[2]).await?;
    let path = format!("/credentials/{second}");
    world.send(&stranger, "DELETE", &path, json!({})).await?.refused(404, "not_found");
    world.send(&ana, "PUT", &format!("/credentials/{first}/secret"), change).await?.refused(404, "not_found");
    world.send(&ana, "DELETE", &path, json!({})).await?.with(204);
    world.send(&ana, "DELETE", &path, json!({})).await?.refused(404, "not_found");
    for told in [made, list, changed] {
        assert!(!told.text.contains(SECRET), "{}", told.text);
    }
    Ok(())
}

#[tokio::test]
async fn settings_have_a_form_and_only_administrators() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    let admin = world.user("admin1", &["admin"], &[]).await?;
    world.get(&ana, "/system/settings").await?.refused(403, "forbidden");
    let path = "/system/settings/close.straggler_days";
    assert_eq!(world.get(&admin, path).await?.json()["value"], 14);
    for bad in [json!({"value": 2}), json!({"value": "14"}), json!({"value": null})] {
        world.send(&admin, "PUT", path, bad).await?.refused(422, "invalid");
    }
    world.send(&admin, "PUT", "/system/settings/x", json!({"value": 1})).await?.refused(404, "not_found");
    world.send(&admin, "PUT", path, json!({"value": 30})).await?.with(200);
    let told = world.get(&admin, "/system/settings").await?.json();
    assert!(told["items"].as_array().unwrap().iter().any(|one| one["value"] == 30), "{told}");
    world.pass(5 * 60_000 + 1);
    world.send(&admin, "PUT", path, json!({"value": 30})).await?.refused(403, "step_up_required");
    Ok(())
}

#[tokio::test]
async fn what_is_tracked_across_jobs_stays_within_the_callers_tenants() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["operator"], &[1]).await?;
    let bob = world.user("bob", &["operator"], &[2]).await?;
    let admin = world.user("admin1", &["admin"], &[]).await?;
    let job = world.job(&ana, 1, "example.com").await?;
    let mailbox = world.mailbox(&ana, job, "ana@example.com").await?;
    copied(&world, mailbox).await?;
    let context = "INSERT INTO mailbox_contexts (id, tenant_id, address) VALUES ($1, 1, 'ana@example.com')";
    let id = "00000000-0000-4000-8000-000000000001";
    world.sql(context, binds![id]).await?;
    let line = "INSERT INTO run_log_events (job_id, level, message) VALUES ($1, 'warn', '100% of a_b')";
    world.sql(line, binds![job]).await?;
    for (path, seen) in [
        ("/contexts".to_owned(), 1),
        ("/contexts?q=ANA".to_owned(), 1),
        ("/contexts?q=a_a".to_owned(), 0),
        ("/jobs-tracking".to_owned(), 1),
        ("/logs".to_owned(), 1),
        ("/logs?q=100%25".to_owned(), 1),
        ("/logs?q=aXb".to_owned(), 0),
        ("/logs?level=error".to_owned(), 0),
        (format!("/logs?job={job}&level=warn"), 1),
    ] {
        let told = world.get(&ana, &path).await?.with(200).json();
        assert_eq!(told["items"].as_array().map(Vec::len), Some(seen), "{path}: {told}");
        let told = world.get(&bob, &path).await?.with(200).json();
        assert_eq!(told["items"].as_array().map(Vec::len), Some(0), "{path} for another tenant: {told}");
    }
    let tree = format!("/jobs-tracking/{job}/tree");
    let preview = format!("/migration/jobs/{job}/folder-map/preview");
    for path in [format!("/contexts/{id}"), tree.clone(), format!("/jobs-tracking?root={job}"), preview] {
        world.get(&ana, &path).await?.with(200);
        world.get(&bob, &path).await?.refused(404, "not_found");
    }
    assert_eq!(world.get(&ana, &tree).await?.json()["mailboxes"][0]["matched"], 100);
    world.get(&ana, "/logs?level=loud").await?.refused(400, "bad_request");
    for path in ["/system/workers", "/system/performance"] {
        world.get(&ana, path).await?.refused(403, "forbidden");
        world.get(&admin, path).await?.with(200);
    }
    Ok(())
}

#[tokio::test]
async fn profiles_quotas_estimates_and_presets_are_told() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    let gmail = world.get(&ana, "/provider-profiles/gmail").await?.with(200).json();
    assert_eq!(gmail["octets_down_per_day"], 2_400_000_000_u64, "{gmail}");
    world.get(&ana, "/provider-profiles/none").await?.refused(404, "not_found");
    assert!(world.get(&ana, "/provider-profiles").await?.json()["total"].as_i64() > Some(10));
    assert_eq!(world.get(&ana, "/quota").await?.with(200).json()["total"], 0);
    assert_eq!(world.get(&ana, "/quota/gmail").await?.with(200).json()["waiting"], 0);
    let guess = json!({"mailboxes": 10, "bytes": 100_000_000_000_u64, "profile": "gmail"});
    let told = world.post(&ana, "/migration/estimate", guess).await?.with(200).json();
    assert_eq!(told["days_of_allowance"], 5, "{told}");
    world
        .post(&ana, "/migration/estimate", json!({"mailboxes": 0, "bytes": 1}))
        .await?
        .refused(422, "invalid");
    let found =
        world.post(&ana, "/migration/discover", json!({"domain": "gmail.com"})).await?.with(200).json();
    assert_eq!(found["items"][0]["host"], "imap.gmail.com", "{found}");
    // A name that is kept for nobody (RFC 2606) leads nowhere, and a host that is none is refused.
    let none =
        world.post(&ana, "/migration/discover", json!({"domain": "nobody.invalid"})).await?.with(200).json();
    assert_eq!(none["total"], 0, "{none}");
    world.post(&ana, "/migration/discover", json!({"domain": "127.0.0.1"})).await?.refused(422, "invalid");
    let program = world.program(&["metrics:read"], None).await?;
    let metrics = world.get(&program, "/metrics").await?.with(200).text;
    assert!(metrics.contains("lbx_queue_depth"), "{metrics}");
    Ok(())
}
