//! A quarantined message's octets: for whom, how, and what is written down of it.
//! Never looks into the message: octets come out as they lie.

use anyhow::{Context as _, Result};
use malote_service::binds;
use serde_json::json;

use super::hostile::Place;
use crate::world::PASSWORD;

#[tokio::test]
async fn octets_are_given_to_whoever_may_see_mail_as_a_file_and_written_down() -> Result<()> {
    let place = Place::new().await?;
    let (world, lead) = (&place.world, &place.lead);
    let operator = world.user("operator", &["operator"], &[]).await?;
    let stranger = world.user("stranger", &["ops_lead"], &[2]).await?;
    let folder = world.app.config.data.join("quarantine").join(place.mailbox.to_string());
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("kept.eml"), "Subject: <script>alert(1)</script>\r\n\r\ntext")?;
    std::fs::write(world.app.config.data.join("keys/secret"), "not to be seen")?;
    for (reference, file) in [("1", "kept.eml"), ("2", "../../keys/secret"), ("3", "")] {
        let text = "INSERT INTO quarantine_items (job_id, mailbox_id, folder_path, source_ref, reason, file)
                    VALUES ($1, $2, 'INBOX', $3, 'refused', $4)";
        world.sql(text, binds![place.job, place.mailbox, reference, file]).await?;
    }
    let list = format!("/migration/jobs/{}/quarantine", place.job);
    let items = world.get(lead, &list).await?.with(200).json();
    let id = |place: usize| items["items"][place]["id"].as_i64().context("no item");
    let path = format!("/migration/quarantine/{}/raw", id(0)?);
    world.pass(10 * 60_000);
    world.get(&operator, &path).await?.refused(403, "forbidden");
    world.get(&stranger, &path).await?.with(404);
    world.get(lead, &path).await?.refused(403, "step_up_required");
    world.post(lead, "/auth/step-up", json!({"password": PASSWORD})).await?.with(204);
    let told = world.get(lead, &path).await?.with(200);
    assert_eq!(told.text, "Subject: <script>alert(1)</script>\r\n\r\ntext");
    for (name, word) in [
        ("content-type", "application/octet-stream"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "sandbox"),
        ("content-disposition", "attachment; filename=\"quarantine-"),
        ("cache-control", "no-store"),
    ] {
        assert!(told.header(name).contains(word), "{name}: {}", told.header(name));
    }
    for place in [1, 2] {
        let path = format!("/migration/quarantine/{}/raw", id(place)?);
        world.get(lead, &path).await?.with(404);
    }
    // What another worker met lies on its machine: whose that is, is told, and not that there is nothing.
    let run = "INSERT INTO migration_runs (job_id, mailbox_id, run_type, status, triggered_by, worker_id)
               VALUES ($1, $2, 'delta', 'success', 'x', 'w-7')";
    world.sql(run, binds![place.job, place.mailbox]).await?;
    let other = "INSERT INTO workers (id, host, pid, program_version, capacity, started_ms, seen_ms)
                 VALUES ('w-7', 'mover2', 7, '1', 1, 1, 1)";
    world.sql(other, binds![]).await?;
    let met =
        "INSERT INTO quarantine_items (job_id, mailbox_id, folder_path, source_ref, reason, file, run_id)
               SELECT $1, $2, 'INBOX', '4', 'refused', 'far.eml', MAX(id) FROM migration_runs";
    world.sql(met, binds![place.job, place.mailbox]).await?;
    let items = world.get(lead, &list).await?.with(200).json();
    let far = items["items"][3]["id"].as_i64().context("no item")?;
    let told =
        world.get(lead, &format!("/migration/quarantine/{far}/raw")).await?.refused(409, "kept_elsewhere");
    let told = told.json();
    assert_eq!((&told["worker_id"], &told["host"]), (&json!("w-7"), &json!("mover2")), "{told}");
    assert!(told["detail"].as_str().is_some_and(|words| words.contains("mover2")), "{told}");
    world.get(&operator, &format!("/migration/quarantine/{far}/raw")).await?.refused(403, "forbidden");
    let auditor = world.user("root1", &["admin"], &[]).await?;
    let log = world.get(&auditor, "/audit-logs?limit=200").await?.with(200).text;
    assert_eq!(
        log.matches("GET /migration/quarantine/{qid}/raw").count(),
        4,
        "a success and three refusals: {log}"
    );
    Ok(())
}

#[tokio::test]
async fn a_retry_is_one_run_for_each_mailbox_and_waits_for_its_phase() -> Result<()> {
    let place = Place::new().await?;
    let (world, lead) = (&place.world, &place.lead);
    for reference in ["11", "12"] {
        let text = "INSERT INTO quarantine_items (job_id, mailbox_id, folder_path, source_ref, reason)
                    VALUES ($1, $2, 'INBOX', $3, 'refused')";
        world.sql(text, binds![place.job, place.mailbox, reference]).await?;
    }
    let list = format!("/migration/jobs/{}/quarantine", place.job);
    let items = world.get(lead, &list).await?.with(200).json();
    let ids: Vec<i64> =
        items["items"].as_array().context("no list")?.iter().filter_map(|item| item["id"].as_i64()).collect();
    let bulk = format!("{list}/retry");
    world.post(lead, &bulk, json!({"ids": ids})).await?.refused(409, "phase_conflict");
    let phase = "UPDATE migration_jobs SET phase = 'delta_sync' WHERE id = $1";
    world.sql(phase, binds![place.job]).await?;
    let viewer = world.user("viewer", &["viewer"], &[]).await?;
    world.post(&viewer, &bulk, json!({"ids": ids})).await?.refused(403, "forbidden");
    world.post(lead, &bulk, json!({"ids": []})).await?.refused(422, "invalid");
    world.post(lead, &bulk, json!({"ids": ids, "how": "magic"})).await?.refused(422, "invalid");
    world.post(lead, &bulk, json!({"ids": ids, "how": "stub"})).await?.refused(422, "invalid");
    let ack = format!("/migration/quarantine/{}/ack", ids[0]);
    world.post(lead, &ack, json!({"reason": "spam"})).await?.with(200);
    let told = world.post(lead, &bulk, json!({"ids": [ids[0], ids[1], 999]})).await?.with(202).json();
    assert_eq!((&told["retrying"], &told["left"]), (&json!(ids), &json!([999])), "{told}");
    assert_eq!(told["run_ids"].as_array().map(Vec::len), Some(1), "{told}");
    let one = format!("/migration/quarantine/{}/retry", ids[0]);
    world.post(lead, &one, json!({})).await?.refused(409, "run_already_active");
    let items = world.get(lead, &format!("{list}?status=retrying")).await?.with(200).json();
    assert_eq!(items["items"].as_array().map(Vec::len), Some(2), "{items}");
    Ok(())
}

#[tokio::test]
async fn a_message_is_accepted_as_it_was_seen_and_several_by_one_word() -> Result<()> {
    let place = Place::new().await?;
    let (world, lead) = (&place.world, &place.lead);
    for reference in ["1", "2", "3"] {
        let text = "INSERT INTO quarantine_items (job_id, mailbox_id, folder_path, source_ref, reason)
                    VALUES ($1, $2, 'INBOX', $3, 'refused')";
        world.sql(text, binds![place.job, place.mailbox, reference]).await?;
    }
    let list = format!("/migration/jobs/{}/quarantine", place.job);
    let items = world.get(lead, &list).await?.with(200).json();
    let id = |place: usize| items["items"][place]["id"].as_i64().context("no item");
    let one = format!("/migration/quarantine/{}", id(0)?);
    let yes = json!({"status": "acknowledged", "reason": "spam"});
    world.send(lead, "PATCH", &one, yes.clone()).await?.refused(428, "if_match_required");
    for wrong in [
        json!({"status": "resolved", "reason": "spam"}),
        json!({"status": "acknowledged", "reason": " "}),
        json!({"status": "acknowledged"}),
    ] {
        world.put(lead, "PATCH", &one, &one, wrong).await?.refused(422, "invalid");
    }
    let tag = world.get(lead, &one).await?.header("etag");
    let told = world.put(lead, "PATCH", &one, &one, yes.clone()).await?.with(200).json();
    assert_eq!(told["status"], "acknowledged", "{told}");
    let mut stale = world.request("PATCH", &one, lead, Some(yes.clone()))?;
    stale.headers_mut().insert("if-match", tag.parse()?);
    world.ask(stale).await?.refused(412, "stale");
    world.put(lead, "PATCH", &one, &one, yes).await?.refused(409, "conflict");
    let bulk = format!("{list}/bulk");
    let both = json!({"action": "ack", "ids": [id(0)?, id(1)?], "reason": "agreed"});
    let told = world.post(lead, &bulk, both).await?.with(200).json();
    assert_eq!((&told["acknowledged"], &told["left"]), (&json!([id(1)?]), &json!([id(0)?])), "{told}");
    let again = json!({"action": "retry", "ids": [id(2)?]});
    // Nothing is brought over in the phase that the job is in.
    world.post(lead, &bulk, again).await?.refused(409, "phase_conflict");
    for wrong in
        [json!({"ids": [1]}), json!({"action": "burn", "ids": [1]}), json!({"action": "ack", "ids": [1]})]
    {
        world.post(lead, &bulk, wrong).await?.refused(422, "invalid");
    }
    Ok(())
}
