//! People by their names, wherever a page or a report tells who did something.
//! Never the id in a name's place, but in the audit log, whose filter takes ids.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use malote_service::binds;
use malote_service::store::at;
use serde_json::{Value, json};

use super::pages::copied;
use super::visitor::{Visitor, hidden};
use crate::world::World;

/// Two people with names that stand nowhere else, a job that one made and the other approved, and all that tells of it.
async fn approved(world: &World) -> Result<i64> {
    let maker = world.user("ingrid-maker", &["operator"], &[]).await?;
    let lead = world.user("otto-lead", &["ops_lead"], &[]).await?;
    let job = world.job(&maker, 1, "example.com").await?;
    let mailbox = world.mailbox(&maker, job, "ana@example.com").await?;
    copied(world, job, mailbox).await?;
    let items = world.get(&maker, &format!("/migration/jobs/{job}/quarantine")).await?.json();
    let ack = format!("/migration/quarantine/{}/ack", items["items"][0]["id"]);
    world.post(&maker, &ack, json!({"reason": "spam"})).await?.with(200);
    world.post(&maker, &format!("/migration/jobs/{job}/share"), json!({"days": 2})).await?.with(201);
    world.program(&["can_run_sync"], None).await?;
    let ran = "INSERT INTO migration_runs (job_id, mailbox_id, run_type, status, stats_json, exit_code, finished_at,
                   triggered_by)
               SELECT $1, $2, 'preflight', 'success', '{}', 0, $3, 'api:' || id FROM service_tokens";
    world.sql(ran, binds![job, mailbox, at(world.now())]).await?;
    let went_on = "INSERT INTO phase_history (job_id, from_phase, to_phase, actor, reason)
                   VALUES ($1, 'initial_sync', 'delta_sync', 'gate', 'x')";
    world.sql(went_on, binds![job]).await?;
    let gate = world.post(&lead, &format!("/migration/jobs/{job}/gate/evaluate"), json!({})).await?.with(200);
    let hash = gate.json()["snapshot_hash"].clone();
    let wish =
        json!({"action": "approve_gate", "job_id": job, "snapshot_hash": hash, "reason": "all is there"});
    world.post(&maker, "/approvals", wish).await?.with(201);
    Ok(job)
}

/// The words of a PDF; nothing, told loudly, where poppler is not installed.
fn words(octets: &[u8]) -> Result<Option<String>> {
    let mut reader = Command::new("pdftotext");
    reader.args(["-raw", "-", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut child) = reader.spawn() else {
        eprintln!("SKIPPED: pdftotext (package poppler-utils) is not installed");
        return Ok(None);
    };
    child.stdin.take().context("no input")?.write_all(octets)?;
    let output = child.wait_with_output()?;
    Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned()))
}

/// Holds a page to its names: each is there, and no id of anybody.
fn check(page: &str, text: &str, names: &[&str]) {
    for name in names {
        assert!(text.contains(name), "{page} does not tell of {name}: {text}");
    }
    let is_id = |word: &&str| {
        let id = ["u_", "s_", "api:"].iter().find_map(|front| word.strip_prefix(front));
        id.is_some_and(|id| id.len() == 36 && id.matches('-').count() == 4)
    };
    let id =
        text.split(|letter: char| !(letter.is_ascii_alphanumeric() || "_-:".contains(letter))).find(is_id);
    assert_eq!(id, None, "{page} tells of somebody by an id");
}

#[tokio::test]
async fn people_and_programs_are_told_by_their_names() -> Result<()> {
    let world = World::new().await?;
    let job = approved(&world).await?;
    let (approvals, place) = ("/console/approvals", format!("/console/jobs/{job}"));
    let mut lead = Visitor::new(&world);
    lead.log_in("otto-lead").await?;
    check(approvals, &lead.get(approvals).await?.with(200).text, &["ingrid-maker"]);
    let page = lead.get(&place).await?.with(200);
    let hash = hidden(&page.text, "snapshot_hash").unwrap_or_default();
    let gate =
        world.get(&world.log_in("otto-lead").await?, &format!("/migration/jobs/{job}/gate")).await?.json();
    let warnings: Vec<&str> =
        gate["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut form = vec![("action", "approve"), ("snapshot_hash", hash.as_str())];
    form.extend(warnings.iter().map(|one| ("accept", *one)));
    lead.fill(&page, &format!("{place}/act"), &form).await?.with(200);
    for (language, clock) in [("en", "the gate"), ("pt-BR", "o portão")] {
        lead.language = language;
        check(approvals, &lead.get(approvals).await?.with(200).text, &["otto-lead"]);
        let page = lead.get(&place).await?.with(200).text;
        check(&place, &page, &["otto-lead", &format!("· {clock}")]);
        let file = lead.get(&format!("{place}/report.pdf?lang={language}")).await?.with(200);
        if let Some(text) = words(&file.octets)? {
            check("the PDF", &text.replace('\n', ""), &["otto-lead", "ingrid-maker"]);
        }
        let audit = lead.get("/console/audit?resource_kind=jobs").await?.with(200).text;
        assert!(audit.contains("ingrid-maker") || audit.contains("otto-lead"), "{audit}");
    }
    let mut maker = Visitor::new(&world);
    maker.log_in("ingrid-maker").await?;
    let share = format!("{place}/share");
    check(&share, &maker.get(&share).await?.with(200).text, &["ingrid-maker"]);
    Ok(())
}

#[tokio::test]
async fn nobody_passes_for_a_part_of_the_service_by_a_name() -> Result<()> {
    let world = World::new().await?;
    let maker = world.user("maker", &["operator"], &[]).await?;
    let gate = world.make_user("gate", &["ops_lead"], &[]).await?;
    let job = world.job(&maker, 1, "example.com").await?;
    let noted = "INSERT INTO phase_history (job_id, from_phase, to_phase, actor, reason)
                 VALUES ($1, 'discovered', 'preflight', $2, 'x')";
    world.sql(noted, binds![job, format!("u_{gate}")]).await?;
    world.sql(noted, binds![job, "worker"]).await?;
    let mut visitor = Visitor::new(&world);
    visitor.log_in("maker").await?;
    let page = visitor.get(&format!("/console/jobs/{job}")).await?.with(200).text;
    assert!(page.contains("· gate") && page.contains("· the service"), "{page}");
    assert!(!page.contains("· the gate"), "{page}");
    Ok(())
}
