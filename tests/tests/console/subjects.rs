//! Subjects of quarantined messages: hidden unless asked for, told to whoever may see mail, written down each time.
//! Never a message of somebody's: each is planted here.

use anyhow::{Context as _, Result};
use malote_service::binds;
use serde_json::json;

use super::visitor::Visitor;
use crate::world::{PASSWORD, Person, World};

const SECRET: &str = "Planted salaries of May";

/// A mailbox with a kept message, a kept item of a store, and one of which nothing was had.
async fn ground() -> Result<(World, Person, i64)> {
    let world = World::new().await?;
    let lead = world.user("lia", &["ops_lead"], &[1]).await?;
    let job = world.job(&lead, 1, "example.org").await?;
    let mailbox = world.mailbox(&lead, job, "bia@example.org").await?;
    let folder = world.app.config.data.join("quarantine").join(mailbox.to_string());
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("one.eml"), format!("From: a@b\r\nSubject: {SECRET} <b>\r\n\r\ntext"))?;
    std::fs::write(
        folder.join("two.json"),
        json!({"node": "0x4", "subject": SECRET, "damage": []}).to_string(),
    )?;
    for (reference, file) in [("1", "one.eml"), ("2", "two.json"), ("3", ""), ("4", "../../keys/secret")] {
        let text = "INSERT INTO quarantine_items (job_id, mailbox_id, folder_path, source_ref, reason, file)
                    VALUES ($1, $2, 'INBOX', $3, 'refused', $4)";
        world.sql(text, binds![job, mailbox, reference, file]).await?;
    }
    Ok((world, lead, job))
}

#[tokio::test]
async fn a_subject_is_told_only_where_it_is_asked_for_and_each_look_is_written_down() -> Result<()> {
    let (world, lead, job) = ground().await?;
    let list = format!("/migration/jobs/{job}/quarantine");
    let plain = world.get(&lead, &list).await?.with(200);
    assert!(!plain.text.contains("subject") && !plain.text.contains(SECRET), "{}", plain.text);
    let id = plain.json()["items"][0]["id"].as_i64().context("no id")?;
    let one = format!("/migration/quarantine/{id}");
    let plain = world.get(&lead, &one).await?.with(200);
    assert!(!plain.text.contains("subject"), "{}", plain.text);
    let told = world.get(&lead, &format!("{one}?include=subject")).await?.with(200).json();
    assert_eq!(told["subject"], json!(format!("{SECRET} <b>")), "{told}");
    let told = world.get(&lead, &format!("{list}?include=subject&limit=3")).await?.with(200).json();
    let subjects: Vec<_> =
        told["items"].as_array().into_iter().flatten().map(|one| one["subject"].clone()).collect();
    assert_eq!(subjects, [json!(format!("{SECRET} <b>")), json!(SECRET), json!(null)], "{told}");
    let cursor = told["next_cursor"].as_str().context("no next page")?;
    let rest =
        world.get(&lead, &format!("{list}?include=subject&limit=3&cursor={cursor}")).await?.with(200).json();
    assert_eq!(rest["items"][0]["subject"], json!(null), "a file of another folder was read: {rest}");
    world.get(&lead, &format!("{list}?include=body")).await?.with(400);
    world.get(&lead, &format!("{one}?include=body")).await?.with(400);
    let chief = world.user("chief", &["admin"], &[]).await?;
    let log = world.get(&chief, "/audit-logs?limit=200").await?.with(200);
    assert!(!log.text.contains(SECRET), "the log tells what it keeps watch over");
    // The newest last: the one, the first page with those that were on it, the second with one message.
    let looks = "SELECT details_json FROM audit_logs WHERE action LIKE '%include=subject' ORDER BY seq";
    let looks = world.app.store.all("asking", looks, Vec::new()).await?;
    let of = looks.iter().map(|row| {
        let details: serde_json::Value = serde_json::from_str(row.str(0)?)?;
        Ok(details["subjects_of"].as_array().map_or(0, Vec::len))
    });
    assert_eq!(of.collect::<Result<Vec<_>>>()?, [1, 3, 1]);
    Ok(())
}

#[tokio::test]
async fn nobody_is_told_a_subject_without_the_right_to_see_mail_and_a_fresh_proof() -> Result<()> {
    let (world, lead, job) = ground().await?;
    let list = format!("/migration/jobs/{job}/quarantine?include=subject");
    for (name, role, tenants, status) in
        [("op", "operator", &[1_i64][..], 403), ("view", "viewer", &[1], 403), ("far", "ops_lead", &[2], 404)]
    {
        let who = world.user(name, &[role], tenants).await?;
        let told = world.get(&who, &list).await?.with(status);
        assert!(!told.text.contains(SECRET), "{name}: {}", told.text);
    }
    world.pass(10 * 60_000);
    world.get(&lead, &list).await?.refused(403, "step_up_required");
    world.post(&lead, "/auth/step-up", json!({"password": PASSWORD})).await?.with(204);
    world.get(&lead, &list).await?.with(200);
    Ok(())
}

#[tokio::test]
async fn the_page_hides_subjects_until_somebody_who_may_asks_and_asks_for_proof_on_the_way() -> Result<()> {
    let (world, _, job) = ground().await?;
    let place = format!("/console/jobs/{job}/quarantine");
    world.make_user("olga", &["operator"], &[1]).await?;
    let mut olga = Visitor::new(&world);
    olga.log_in("olga").await?;
    let page = olga.get(&place).await?.with(200);
    assert!(page.text.contains("Subjects are hidden") && !page.text.contains("subjects=1"), "{}", page.text);
    olga.open(&format!("{place}?subjects=1")).await?.with(403);
    let mut lia = Visitor::new(&world);
    lia.log_in("lia").await?;
    let page = lia.get(&place).await?.with(200);
    assert!(page.text.contains("Show the subjects") && !page.text.contains(SECRET), "{}", page.text);
    assert!(page.text.contains("data-live"), "{}", page.text);
    world.pass(10 * 60_000);
    let asked = lia.open(&format!("{place}?subjects=1&status=open")).await?.with(303);
    assert!(asked.header("location").starts_with("/console/step-up?next="), "{}", asked.header("location"));
    let page = lia.get(&asked.header("location")).await?.with(200);
    let next = super::visitor::hidden(&page.text, "next").context("no way back")?;
    let page = lia
        .fill(&page, "/console/step-up", &[("proof_password", PASSWORD), ("next", &next)])
        .await?
        .with(200);
    assert!(page.text.contains(&format!("{SECRET} &lt;b&gt;")), "{}", page.text);
    assert!(page.text.contains("subject not known") && page.text.contains("Hide them"), "{}", page.text);
    // A page that looked anew by itself would write a look nobody took.
    assert!(!page.text.contains("data-live"), "{}", page.text);
    Ok(())
}
