//! One store's way: brought in chunks over a breaking line and a killed service, read through, copied into a real
//! server, its bad item acknowledged. Never asks the database: what people can see is what counts.

use std::time::Duration;

use acceptance::mail::Mail;
use acceptance::program::Home;
use acceptance::reader::Reader;
use acceptance::servers::Dovecot;
use acceptance::service::{Client, Service, bring, hex, people, settle};
use anyhow::{Context as _, Result};
use pst_writer::{Attachment, Crypt, Data, Folder, Message, Pst, Recipient, Role};
use serde_json::json;

use super::hostile::mbox;
use super::kinds::{tgz, zip};

const ANA: &str = "ana@exemplo.com.br";
const SECRET: &str = "segredo";
/// Octets of a chunk.
const CHUNK: usize = 256 * 1024;
/// Messages that can be read.
const GOOD: usize = 12;

/// A store of good messages, one of them large, and a row whose item is not there.
fn store(path: &std::path::Path) -> Result<Vec<u8>> {
    let mut store = Pst::new(Crypt::Permute).create(path)?;
    let inbox = store.folder(store.top(), Folder::new("Inbox").class("IPF.Note").role(Role::Inbox))?;
    let sent = store.folder(store.top(), Folder::new("Sent Items").class("IPF.Note").role(Role::Sent))?;
    for number in 0..GOOD {
        let folder = if number % 3 == 0 { sent } else { inbox };
        let mut message = Message::new("IPM.Note")
            .text(&format!("minutes {number}"), &format!("What was said on day {number}."))
            .from("Bia", "bia@exemplo.com.br")
            .to(Recipient::new(1, "Ana", ANA))
            .dated(1_500_000_000 + number as i64 * 3600)
            .id(&format!("<minutes-{number}@exemplo.com.br>"));
        if number == 1 {
            let noise = Data::Noise { seed: 7, octets: 900_000 };
            message = message.attach(Attachment::file("plan.bin", "application/octet-stream", noise));
        }
        store.item(folder, &message)?;
    }
    store.row_without_item(inbox)?;
    store.finish()?;
    Ok(std::fs::read(path)?)
}

/// Sends what is missing; chunks that another request still holds are sent again.
async fn send_rest(lead: &Client, upload: &str, octets: &[u8]) -> Result<()> {
    loop {
        let offset = lead.offset(upload).await?;
        if offset == octets.len() {
            return Ok(());
        }
        let piece = &octets[offset..octets.len().min(offset + CHUNK)];
        let told = lead.chunk(upload, offset, piece).await?;
        if told.status == 409 && told.json()["code"] == "in_progress" {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        }
        told.with(204);
    }
}

#[tokio::test]
async fn a_store_comes_over_a_broken_line_and_a_killed_service_and_is_copied_once() -> Result<()> {
    let home = Home::new()?;
    let server = Dovecot::with_users(&[(ANA, SECRET)])?;
    let octets = store(&home.path("ana.pst"))?;
    let data = home.path("data").display().to_string();
    people(&home, &data).await?;
    let service = Service::start(&home, &data).await?;
    let admin = Client::log_in(&service.address, "root1").await?;
    let mut lead = Client::log_in(&service.address, "lead").await?;
    let job = settle(&admin, &lead, &[server.port()], "exemplo.com.br").await?;
    let mailbox = json!({"email": ANA, "source_type": "pst", "dest_secret": {"password": SECRET}});
    lead.post(&format!("/migration/jobs/{job}/mailboxes"), mailbox).await?.with(201);

    let wish = json!({"file_name": "../ana.pst", "size": octets.len(), "sha256": hex(&octets), "email": ANA});
    let told = lead.post(&format!("/migration/jobs/{job}/uploads"), wish).await?.with(201);
    let upload = told.json()["id"].as_str().context("no id")?.to_owned();
    lead.chunk(&upload, 0, &octets[..CHUNK]).await?.with(204);
    // The line breaks in the middle of the second chunk: nothing of it counts.
    drop(lead.half_a_chunk(&upload, CHUNK, &octets[CHUNK..2 * CHUNK]).await?);
    assert_eq!(lead.offset(&upload).await?, CHUNK);
    // The service dies in the middle of the same chunk.
    let held = lead.half_a_chunk(&upload, CHUNK, &octets[CHUNK..2 * CHUNK]).await?;
    tokio::time::sleep(Duration::from_millis(100)).await;
    service.kill().await?;
    drop(held);
    let service = Service::start(&home, &data).await?;
    lead.address.clone_from(&service.address);
    assert_eq!(lead.offset(&upload).await?, CHUNK);
    send_rest(&lead, &upload, &octets).await?;
    let complete = format!("/migration/uploads/{upload}/complete");
    let done = lead.post(&complete, json!({"start": true})).await?.with(200).json();
    assert_eq!((&done["state"], &done["detected_kind"]), (&json!("complete"), &json!("pst")), "{done}");
    assert_eq!((&done["sha256"], &done["is_mapped"]), (&json!(hex(&octets)), &json!(true)), "{done}");

    let seen = lead.get(&format!("/migration/uploads/{upload}/folders")).await?.with(200).json();
    assert_eq!(seen["messages"], GOOD + 1, "{seen}");
    let runs = lead.get(&format!("/migration/jobs/{job}/runs")).await?.with(200).json();
    let extracted = lead.over(runs["items"][0]["id"].as_i64().context("no run")?).await?;
    assert_eq!((&extracted["run_type"], &extracted["status"]), (&json!("pst_extract"), &json!("partial")));
    assert_eq!(extracted["stats"]["quarantined"], 1, "{extracted}");
    copied_and_acknowledged(&lead, job, &server).await?;
    service.kill().await
}

/// Has the mailbox copied and looks at what came, twice; then at the gate before and after a person's word.
async fn copied_and_acknowledged(lead: &Client, job: i64, server: &Dovecot) -> Result<()> {
    let listed = format!("/migration/jobs/{job}/quarantine?status=open");
    let preflight = lead.post(&format!("/migration/jobs/{job}/preflight"), json!({})).await?.with(202);
    let preflight = lead.run_of(&preflight).await?;
    assert_eq!(preflight["status"], "success", "{preflight}");
    for (kind, run_type, transferred) in [("initial", "pst_upload", GOOD), ("delta", "delta", 0)] {
        let told = lead.post(&format!("/migration/jobs/{job}/sync"), json!({"type": kind})).await?.with(202);
        let run = lead.run_of(&told).await?;
        assert_eq!((&run["run_type"], &run["status"]), (&json!(run_type), &json!("partial")), "{run}");
        assert_eq!(
            (&run["stats"]["transferred"], &run["stats"]["quarantined"]),
            (&json!(transferred), &json!(1))
        );
        let steps = lead.get(&format!("/migration/runs/{}/steps", run["id"])).await?.with(200).json();
        assert!(steps["items"].as_array().is_some_and(|steps| steps.len() >= 2), "{steps}");
    }
    let mut reader = Reader::login(server.port(), ANA, SECRET).await?;
    let stored = reader.everything().await?;
    assert_eq!(stored.len(), GOOD);
    assert_eq!(stored.iter().filter(|message| message.folder == "INBOX").count(), GOOD - GOOD.div_ceil(3));

    let items = lead.get(&listed).await?.with(200).json();
    assert_eq!((&items["total"], &items["items"][0]["is_archive"]), (&json!(1), &json!(true)), "{items}");
    let detail = items["items"][0]["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("item 0x"), "no node is named: {items}");
    assert_eq!(lead.check(job, "pst_quarantine").await?, "fail");
    let item = items["items"][0]["id"].as_i64().context("no item")?;
    let step_up = json!({"password": acceptance::service::PASSWORD});
    lead.post("/auth/step-up", step_up).await?.with(204);
    let raw = lead.get(&format!("/migration/quarantine/{item}/raw")).await?.with(200).json();
    assert_eq!((&raw["schema"], &raw["folder"]), (&json!("malote.pst-item/1"), &json!(["Inbox"])), "{raw}");
    let retried = lead.post(&format!("/migration/quarantine/{item}/retry"), json!({"how": "stub"})).await?;
    let retried = lead.run_of(&retried.with(202)).await?;
    assert_eq!(retried["stats"]["transferred"], 0, "what is not there was made up: {retried}");
    assert_eq!(lead.check(job, "pst_quarantine").await?, "fail");
    let word = json!({"reason": "customer agreed"});
    lead.post(&format!("/migration/quarantine/{item}/ack"), word).await?.with(200);
    assert_eq!(lead.check(job, "pst_quarantine").await?, "warn");
    let told = lead.post(&format!("/migration/jobs/{job}/sync"), json!({"type": "delta"})).await?.with(202);
    assert_eq!(lead.run_of(&told).await?["status"], "success");
    assert_eq!(lead.check(job, "pst_quarantine").await?, "warn");
    assert_eq!(reader.everything().await?.len(), GOOD);
    Ok(())
}

/// The messages of [`mbox`], as a server has them.
fn letters(messages: usize, seed: usize) -> Vec<Vec<u8>> {
    let text = String::from_utf8(mbox(messages, seed)).unwrap();
    text.split("From bia@x.br Thu Jan  1 00:00:00 2015\n")
        .filter(|letter| !letter.is_empty())
        .map(|letter| format!("{}\n", letter.trim_end_matches('\n')).replace('\n', "\r\n").into_bytes())
        .collect()
}

/// Asks for runs and waits until each is over; whether all were a success.
async fn run_all(lead: &Client, job: i64, path: &str, wish: serde_json::Value) -> Result<bool> {
    let told = lead.post(&format!("/migration/jobs/{job}/{path}"), wish).await?.with(202).json();
    let mut is_good = true;
    for run in told["run_ids"].as_array().context("no runs")? {
        let run = lead.over(run.as_i64().context("no run")?).await?;
        eprintln!("{} {}: {} {}", run["run_type"], run["status"], run["stats"], run["error_details"]);
        is_good &= run["status"] == "success";
    }
    Ok(is_good)
}

#[tokio::test]
async fn a_server_and_files_of_one_address_reach_one_mailbox_once() -> Result<()> {
    let home = Home::new()?;
    let (old, new) = (Dovecot::with_users(&[(ANA, SECRET)])?, Dovecot::with_users(&[(ANA, SECRET)])?);
    let mut filler = Reader::login(old.port(), ANA, SECRET).await?;
    for letter in letters(6, 1) {
        filler.append("INBOX", &Mail::new("letter", letter)).await?;
    }
    let data = home.path("data").display().to_string();
    people(&home, &data).await?;
    let service = Service::start(&home, &data).await?;
    let admin = Client::log_in(&service.address, "root1").await?;
    let lead = Client::log_in(&service.address, "lead").await?;
    let job = settle(&admin, &lead, &[old.port(), new.port()], "exemplo.com.br").await?;
    let secret = json!({"password": SECRET});
    let mailbox = json!({"email": ANA, "source_type": "imap", "secret": secret, "dest_secret": secret});
    lead.post(&format!("/migration/jobs/{job}/mailboxes"), mailbox).await?.with(201);
    // Six of its nine messages are those of the server.
    bring(&lead, job, "INBOX.mbox", &[mbox(6, 1), mbox(3, 2)].concat(), ANA).await?;
    let two = letters(2, 3);
    bring(&lead, job, "a.zip", &zip(&[("Old/a.eml", &two[0]), ("Old/b.eml", &two[1])])?, ANA).await?;
    let one = &letters(1, 4)[0];
    bring(&lead, job, "a.tgz", &tgz(&[("Old/c.eml", one), ("Old/d.eml", &two[0])])?, ANA).await?;
    bring(&lead, job, "letter", &letters(1, 5)[0], ANA).await?;
    assert!(run_all(&lead, job, "preflight", json!({})).await?);
    for kind in ["initial", "delta"] {
        assert!(run_all(&lead, job, "sync", json!({"type": kind})).await?, "{kind}");
        let mut reader = Reader::login(new.port(), ANA, SECRET).await?;
        let stored = reader.everything().await?;
        let count = |folder: &str| stored.iter().filter(|message| message.folder == folder).count();
        // The zip's first message lies in the tgz too, in the same folder: it is one message.
        assert_eq!((count("INBOX"), count("Old")), (10, 3), "{kind}: {stored:#?}");
    }
    assert!(run_all(&lead, job, "verify", json!({"sample": "full"})).await?);
    for check in ["count_ratio", "pst_quarantine"] {
        assert_eq!(lead.check(job, check).await?, "pass", "{check}");
    }
    let uploads = lead.get(&format!("/migration/jobs/{job}/uploads")).await?.with(200).json();
    let upload = uploads["items"][0]["id"].as_str().context("no id")?;
    rotten(&lead, job, &std::path::Path::new(&data).join("uploads").join(upload)).await?;
    // A file that mail was brought over from stays until its mailbox is left out.
    let path = format!("/migration/uploads/{upload}");
    lead.ask("DELETE", &path, &[], b"").await?.with(409);
    assert!(!std::path::Path::new(&data).join("uploads/.read").read_dir()?.any(|_| true), "a link is left");
    service.kill().await
}

/// Octets that the disk gives back otherwise than they were uploaded have no last word, and are nobody's damaged mail.
async fn rotten(lead: &Client, job: i64, file: &std::path::Path) -> Result<()> {
    let whole = std::fs::read(file)?;
    let mut other = whole.clone();
    *other.last_mut().context("it is empty")? ^= 1;
    std::fs::write(file, other)?;
    let told =
        lead.post(&format!("/migration/jobs/{job}/verify"), json!({"sample": "full"})).await?.with(202);
    let mut said = String::new();
    for run in told.json()["run_ids"].as_array().context("no runs")? {
        let run = lead.over(run.as_i64().context("no run")?).await?;
        said += &format!("{} {}\n", run["status"], run["error_details"]);
        assert_eq!(run["stats"]["quarantined"], 0, "{run}");
    }
    assert_eq!(said.matches("upload the file again").count(), 1, "{said}");
    std::fs::write(file, whole)?;
    assert!(run_all(lead, job, "verify", json!({"sample": "full"})).await?);
    Ok(())
}

/// A store whose second message has a text with an octet that its block's checksum denies.
fn damaged(path: &std::path::Path) -> Result<Vec<u8>> {
    let mut store = Pst::new(Crypt::None).create(path)?;
    let inbox = store.folder(store.top(), Folder::new("Inbox").class("IPF.Note").role(Role::Inbox))?;
    let text = "what was planned ".repeat(2_000);
    let mark: Vec<u8> = text.encode_utf16().take(400).flat_map(u16::to_le_bytes).collect();
    for number in 0..3 {
        let body = if number == 1 { text.as_str() } else { "See the other." };
        let message = Message::new("IPM.Note")
            .text(&format!("plan {number}"), body)
            .from("Bia", "bia@exemplo.com.br")
            .dated(1_500_000_000 + number * 3600)
            .id(&format!("<plan-{number}@exemplo.com.br>"));
        store.item(inbox, &message)?;
    }
    store.finish()?;
    let mut octets = std::fs::read(path)?;
    let at = octets.windows(mark.len()).position(|window| window == mark).context("no text")?;
    octets[at + 100] ^= 1;
    Ok(octets)
}

#[tokio::test]
async fn a_damaged_part_is_kept_back_and_carried_with_a_word_by_a_persons_wish() -> Result<()> {
    let home = Home::new()?;
    let server = Dovecot::with_users(&[(ANA, SECRET)])?;
    let octets = damaged(&home.path("plan.pst"))?;
    let data = home.path("data").display().to_string();
    people(&home, &data).await?;
    let service = Service::start(&home, &data).await?;
    let admin = Client::log_in(&service.address, "root1").await?;
    let lead = Client::log_in(&service.address, "lead").await?;
    let job = settle(&admin, &lead, &[server.port()], "exemplo.com.br").await?;
    let mailbox = json!({"email": ANA, "source_type": "pst", "dest_secret": {"password": SECRET}});
    lead.post(&format!("/migration/jobs/{job}/mailboxes"), mailbox).await?.with(201);
    bring(&lead, job, "plan.pst", &octets, ANA).await?;
    assert!(run_all(&lead, job, "preflight", json!({})).await?);
    assert!(!run_all(&lead, job, "sync", json!({"type": "initial"})).await?);
    let mut reader = Reader::login(server.port(), ANA, SECRET).await?;
    assert_eq!(reader.everything().await?.len(), 2);
    let list = format!("/migration/jobs/{job}/quarantine");
    let items = lead.get(&list).await?.with(200).json();
    assert_eq!((&items["total"], &items["items"][0]["status"]), (&json!(1), &json!("open")), "{items}");
    assert!(items["items"][0]["node"].as_str().is_some_and(|node| node.starts_with("0x")), "{items}");
    let item = &items["items"][0]["id"];
    for (how, status) in [("again", "partial"), ("stub", "success")] {
        let told = lead.post(&format!("{list}/retry"), json!({"ids": [item], "how": how})).await?.with(202);
        let run = lead.run_of(&told).await?;
        assert_eq!(run["status"], status, "{how}: {run}");
    }
    let items = lead.get(&list).await?.with(200).json();
    assert_eq!(items["items"][0]["status"], "resolved", "{items}");
    let stored = reader.everything().await?;
    assert_eq!(stored.len(), 3);
    for kind in ["delta", "delta"] {
        assert!(run_all(&lead, job, "sync", json!({"type": kind})).await?);
    }
    assert!(run_all(&lead, job, "verify", json!({"sample": "full"})).await?, "stubs are what was copied");
    assert_eq!(reader.everything().await?.len(), 3);
    service.kill().await
}

#[tokio::test]
async fn what_was_accepted_of_a_wrong_file_is_open_in_the_right_one() -> Result<()> {
    let home = Home::new()?;
    let server = Dovecot::with_users(&[(ANA, SECRET)])?;
    let octets = damaged(&home.path("plan.pst"))?;
    let data = home.path("data").display().to_string();
    people(&home, &data).await?;
    let service = Service::start(&home, &data).await?;
    let admin = Client::log_in(&service.address, "root1").await?;
    let lead = Client::log_in(&service.address, "lead").await?;
    let job = settle(&admin, &lead, &[server.port()], "exemplo.com.br").await?;
    let mailbox = json!({"email": ANA, "source_type": "pst", "dest_secret": {"password": SECRET}});
    lead.post(&format!("/migration/jobs/{job}/mailboxes"), mailbox).await?.with(201);
    let list = format!("/migration/jobs/{job}/quarantine");
    for place in ["wrong.pst", "right.pst"] {
        let upload = bring(&lead, job, place, &octets, ANA).await?;
        let run = lead.post(&format!("/migration/uploads/{upload}/extract"), json!({})).await?.with(202);
        assert_eq!(lead.run_of(&run).await?["stats"]["quarantined"], 1);
        // The same node in the same folder, of another file.
        let items = lead.get(&list).await?.with(200).json();
        assert_eq!((&items["total"], &items["items"][0]["status"]), (&json!(1), &json!("open")), "{place}");
        let item = &items["items"][0]["id"];
        let word = json!({"reason": "nobody needs it"});
        lead.post(&format!("/migration/quarantine/{item}/ack"), word).await?.with(200);
        if place == "wrong.pst" {
            lead.ask("DELETE", &format!("/migration/uploads/{upload}"), &[], b"").await?.with(204);
            assert_eq!(lead.get(&list).await?.with(200).json()["total"], 0);
        }
    }
    // Of the right one it is accepted, and taken back: a run that is cancelled does not bring the word again.
    assert!(run_all(&lead, job, "preflight", json!({})).await?);
    run_all(&lead, job, "sync", json!({"type": "initial"})).await?;
    assert!(run_all(&lead, job, "sync", json!({"type": "delta"})).await?, "all that is missing is accepted");
    let items = lead.get(&format!("{list}?status=acknowledged")).await?.with(200).json();
    let item = items["items"][0]["id"].as_i64().context("it is not acknowledged")?;
    let told = lead.post(&format!("/migration/quarantine/{item}/retry"), json!({})).await?.with(202).json();
    let run = told["run_ids"][0].as_i64().context("no run")?;
    lead.post(&format!("/migration/runs/{run}/cancel"), json!({"reason": "no"})).await?;
    lead.over(run).await?;
    assert!(!run_all(&lead, job, "sync", json!({"type": "delta"})).await?, "nobody accepts it any more");
    let items = lead.get(&format!("{list}?status=open")).await?.with(200).json();
    assert_eq!((&items["total"], &items["items"][0]["id"]), (&json!(1), &json!(item)), "{items}");
    service.kill().await
}
