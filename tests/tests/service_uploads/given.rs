//! Files given to the wrong mailbox and taken back, mailboxes that are left out or go, words that outlive their file:
//! on both engines. Never a mail server: what is found in a file is written as a worker would write it.

use acceptance::servers::Postgres;
use acceptance::service::hex;
use anyhow::{Context as _, Result};
use axum::http::StatusCode;
use malote_service::binds;
use malote_service::store::Where;
use malote_service::uploads::limits::{CHUNK_BYTES_MIN, KEPT_MILLIS};
use malote_service::uploads::sweep::sweep;
use serde_json::{Value, json};

use super::hostile::{Place, mbox};
use crate::world::{Answer, World};

const ITEM: &str = "
    INSERT INTO quarantine_items (job_id, mailbox_id, folder_path, source_ref, reason, status)
    VALUES ($1, $2, 'Inbox', '2097188', 'unreadable', $3)";

impl Place {
    /// A mailbox of this job that waits for a file.
    async fn waiting(&self, email: &str, more: Value) -> Result<i64> {
        let mut body = json!({"email": email, "source_type": "pst"});
        body.as_object_mut().context("an object")?.extend(more.as_object().cloned().unwrap_or_default());
        let path = format!("/migration/jobs/{}/mailboxes", self.job);
        let told = self.world.post(&self.lead, &path, body).await?.with(201);
        told.json()["id"].as_i64().context("no id")
    }

    async fn boxes(&self) -> Result<Vec<Value>> {
        let path = format!("/migration/jobs/{}/mailboxes", self.job);
        let told = self.world.get(&self.lead, &path).await?.with(200).json();
        Ok(told["items"].as_array().context("no list")?.clone())
    }

    async fn shown(&self, upload: &str) -> Result<Value> {
        Ok(self.world.get(&self.lead, &format!("/migration/uploads/{upload}")).await?.with(200).json())
    }

    async fn delete(&self, path: &str) -> Result<Answer> {
        self.world.ask(self.world.request("DELETE", path, &self.lead, None)?).await
    }

    async fn map(&self, upload: &str, wish: Value) -> Result<Answer> {
        self.world.post(&self.lead, &format!("/migration/uploads/{upload}/map"), wish).await
    }

    async fn count(&self, text: &'static str) -> Result<i64> {
        let row = self.world.app.store.one("asking", text, binds![]).await?;
        Ok(row.context("no row")?.int(0)?)
    }
}

/// A place on each engine; PostgreSQL is left out where it is missing.
async fn places(postgres: Option<&Postgres>) -> Result<Vec<Place>> {
    let mut places = vec![Place::new().await?];
    if let Some(postgres) = postgres {
        places.push(Place::lay(World::on(Where::parse(&postgres.url())?).await?).await?);
    }
    Ok(places)
}

#[tokio::test]
async fn what_was_found_in_a_file_and_accepted_of_it_goes_with_it() -> Result<()> {
    let postgres = Postgres::start()?;
    for place in places(postgres.as_ref()).await? {
        let waiting = place.waiting("bia@x.br", json!({})).await?;
        let options = json!({"accept_damage": ["pages"], "items": "all", "unreadable": "stub"}).to_string();
        let own = "UPDATE migration_mailboxes SET options_json = $2 WHERE id = $1";
        place.world.sql(own, binds![waiting, options]).await?;
        let upload = place.bring("wrong.mbox", &mbox(3, 1), json!({"mailbox_id": waiting})).await?;
        assert_eq!(place.shown(&upload).await?["mailbox_id"], waiting);
        place.world.sql(ITEM, binds![place.job, waiting, "acknowledged"]).await?;
        let accepted = "INSERT INTO quarantine_acknowledgements (item_id, actor, reason)
                        SELECT id, 'x', 'spam' FROM quarantine_items";
        place.world.sql(accepted, binds![]).await?;
        let folder = "INSERT INTO mailbox_folders (mailbox_id, source_path) VALUES ($1, 'Inbox')";
        place.world.sql(folder, binds![waiting]).await?;
        let size = "UPDATE migration_mailboxes SET messages_source = 3, messages_missing = 3 WHERE id = $1";
        place.world.sql(size, binds![waiting]).await?;
        place.delete(&format!("/migration/uploads/{upload}")).await?.with(204);
        let left = "SELECT (SELECT COUNT(*) FROM quarantine_items) + (SELECT COUNT(*) FROM mailbox_folders)
                         + (SELECT COUNT(*) FROM quarantine_acknowledgements)
                         + (SELECT CAST(SUM(messages_source + messages_missing) AS BIGINT) FROM migration_mailboxes)";
        assert_eq!(place.count(left).await?, 0);
        let row = place.world.app.store.mailbox(waiting).await?.context("the mailbox went with the file")?;
        assert_eq!((row.pst_path.as_str(), row.options_json.as_str()), ("", r#"{"items":"all"}"#));
        // It still waits, and takes the right one.
        let right = place.bring("right.mbox", &mbox(3, 2), json!({"email": "bia@x.br"})).await?;
        assert_eq!(place.shown(&right).await?["mailbox_id"], waiting);
    }
    Ok(())
}

#[tokio::test]
async fn a_mailbox_goes_with_its_file_where_it_holds_nothing_of_its_own() -> Result<()> {
    let place = Place::new().await?;
    let own = place.waiting("ana@x.br", json!({"dest_secret": {"password": "its own"}})).await?;
    let first = place.bring("a.mbox", &mbox(3, 1), json!({"mailbox_id": own})).await?;
    let second = place.bring("b.mbox", &mbox(3, 2), json!({"mailbox_id": own})).await?;
    assert_eq!(place.boxes().await?.len(), 3);
    let secrets = "SELECT COUNT(*) FROM migration_credentials AS its JOIN migration_mailboxes AS box
                   ON box.dest_credentials_ref = its.id";
    assert_eq!(place.count(secrets).await?, 2, "the second file's mailbox borrows the secret");
    // The first goes, and what the second logs in with stays.
    place.delete(&format!("/migration/uploads/{first}")).await?.with(204);
    assert_eq!((place.boxes().await?.len(), place.count(secrets).await?), (3, 2));
    place.delete(&format!("/migration/uploads/{second}")).await?.with(204);
    let boxes = place.boxes().await?;
    assert!(boxes.len() == 2 && boxes.iter().any(|row| row["id"] == own), "{boxes:?}");
    // A mailbox that goes leaves its secret to whoever logs in with it.
    place.bring("a.mbox", &mbox(3, 1), json!({"mailbox_id": own})).await?;
    place.bring("b.mbox", &mbox(3, 2), json!({"mailbox_id": own})).await?;
    place.delete(&format!("/migration/mailboxes/{own}")).await?.with(204);
    assert_eq!((place.boxes().await?.len(), place.count(secrets).await?), (2, 1));
    Ok(())
}

#[tokio::test]
async fn a_mailbox_is_taken_in_again_with_a_file_that_is_there_and_nobody_elses() -> Result<()> {
    let postgres = Postgres::start()?;
    for place in places(postgres.as_ref()).await? {
        let first = place.bring("a.mbox", &mbox(3, 1), json!({"mailbox_id": place.mailbox})).await?;
        let mailbox = place.shown(&first).await?["mailbox_id"].as_i64().context("nobody has it")?;
        let path = format!("/migration/mailboxes/{mailbox}");
        let change = async |body: Value| place.world.put(&place.lead, "PATCH", &path, &path, body).await;
        let out = json!({"enabled": false, "excluded_reason": "the wrong one"});
        change(out.clone()).await?.with(200);
        change(json!({"enabled": true})).await?.with(200);
        let copied = "INSERT INTO migration_runs (job_id, mailbox_id, run_type, status, triggered_by)
                      VALUES ($1, $2, 'pst_upload', 'success', 'x')";
        place.world.sql(copied, binds![place.job, mailbox]).await?;
        // Copied in part, it does not go without a word.
        let part = "UPDATE migration_mailboxes SET messages_matched = 1, messages_pending = 2 WHERE id = $1";
        place.world.sql(part, binds![mailbox]).await?;
        place.delete(&path).await?.refused(409, "conflict");
        change(out).await?.with(200);
        place.delete(&format!("/migration/uploads/{first}")).await?.with(204);
        change(json!({"enabled": true})).await?.refused(409, "conflict");
        place.bring("a.mbox", &mbox(3, 1), json!({"mailbox_id": place.mailbox})).await?;
        let told = change(json!({"enabled": true})).await?.refused(409, "conflict");
        assert!(told.text.contains("is deleted"), "{}", told.text);
        // Also where both files are there.
        let back = "UPDATE uploads SET state = 'complete', path = id WHERE id = $1";
        place.world.sql(back, binds![&first]).await?;
        let told = change(json!({"enabled": true})).await?.refused(409, "conflict");
        assert!(told.text.contains("the same octets"), "{}", told.text);
    }
    Ok(())
}

#[tokio::test]
async fn a_file_that_is_removed_while_it_is_completed_is_gone_or_there_as_its_row_says() -> Result<()> {
    let postgres = Postgres::start()?;
    for place in places(postgres.as_ref()).await? {
        for seed in 1..=20 {
            let octets = mbox(2, seed);
            let upload = place.upload(&octets).await?;
            place.chunk(&upload, 0, &octets).await?.with(204);
            let path = format!("/migration/uploads/{upload}");
            let (completed, removed) = tokio::join!(place.complete(&upload, json!({})), async {
                tokio::time::sleep(std::time::Duration::from_millis(seed as u64 % 10)).await;
                place.delete(&path).await
            });
            let (completed, removed) = (completed?.status, removed?.status);
            let is_there = place.files().contains(&upload);
            let state = place.shown(&upload).await?["state"].clone();
            assert_eq!(is_there, state == "complete", "{seed}: {completed} {removed} {state}");
            if seed > 10 {
                continue;
            }
            // A first octet that comes when nobody waits for it any more leaves no file behind.
            let late = place.upload(&octets).await?;
            let path = format!("/migration/uploads/{late}");
            let (came, removed) = tokio::join!(place.chunk(&late, 0, &octets), place.delete(&path));
            removed?.with(204);
            assert!(!place.files().contains(&late), "{seed}: {}", came?.status);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_file_for_an_address_whose_mailbox_is_left_out_is_moved_all_the_same() -> Result<()> {
    let postgres = Postgres::start()?;
    for place in places(postgres.as_ref()).await? {
        let waiting = place.waiting("bia@x.br", json!({})).await?;
        for mailbox in [place.mailbox, waiting] {
            let path = format!("/migration/mailboxes/{mailbox}");
            let out = json!({"enabled": false, "excluded_reason": "comes as a file"});
            place.world.put(&place.lead, "PATCH", &path, &path, out).await?.with(200);
        }
        for (email, seed) in [("ana@x.br", 1), ("bia@x.br", 2)] {
            let upload = place.bring("a.mbox", &mbox(3, seed), json!({"email": email})).await?;
            let taken_by = place.shown(&upload).await?["mailbox_id"].clone();
            let boxes = place.boxes().await?;
            let row = boxes.iter().find(|row| row["id"] == taken_by).context("no mailbox")?;
            assert_eq!((&row["enabled"], &row["email"]), (&json!(true), &json!(email)), "{row}");
        }
        // The next file finds the one that is moved.
        let third = place.bring("b.mbox", &mbox(3, 3), json!({"email": "ana@x.br"})).await?;
        let boxes = place.boxes().await?;
        let moved = boxes.iter().filter(|row| row["enabled"] == true).count();
        assert_eq!((boxes.len(), moved), (5, 3), "{third}");
    }
    Ok(())
}

#[tokio::test]
async fn one_file_is_given_to_one_of_two_who_ask_at_once_and_none_that_is_deleted() -> Result<()> {
    let postgres = Postgres::start()?;
    for place in places(postgres.as_ref()).await? {
        let bia = place.world.mailbox(&place.lead, place.job, "bia@x.br").await?;
        for seed in 1..=6 {
            let upload = place.bring("a.mbox", &mbox(2, seed), json!({})).await?;
            let path = format!("/migration/uploads/{upload}");
            let (one, two, gone) = tokio::join!(
                place.map(&upload, json!({"mailbox_id": place.mailbox})),
                place.map(&upload, json!({"mailbox_id": bia})),
                async { if seed % 2 == 0 { place.delete(&path).await.map(Some) } else { Ok(None) } },
            );
            let statuses = [one?.status, two?.status];
            let shown = place.shown(&upload).await?;
            match gone? {
                None => {
                    let taken = statuses.iter().filter(|status| **status == StatusCode::OK).count();
                    assert_eq!((taken, &shown["is_mapped"]), (1, &json!(true)), "{statuses:?}");
                }
                Some(gone) => {
                    gone.with(204);
                    assert_eq!((&shown["state"], &shown["is_mapped"]), (&json!("deleted"), &json!(false)));
                }
            }
        }
        let twice = "SELECT COUNT(*) FROM migration_mailboxes AS one JOIN migration_mailboxes AS two
                     ON two.pst_path = one.pst_path AND two.id > one.id WHERE COALESCE(one.pst_path, '') <> ''";
        assert_eq!(place.count(twice).await?, 0, "a file is the mail of two mailboxes");
    }
    Ok(())
}

#[tokio::test]
async fn a_refused_retry_takes_nobodys_word_back() -> Result<()> {
    let postgres = Postgres::start()?;
    for place in places(postgres.as_ref()).await? {
        let (world, lead) = (&place.world, &place.lead);
        world.sql("UPDATE migration_jobs SET phase = 'delta_sync' WHERE id = $1", binds![place.job]).await?;
        world.sql(ITEM, binds![place.job, place.mailbox, "open"]).await?;
        let list = format!("/migration/jobs/{}/quarantine", place.job);
        let items = world.get(lead, &list).await?.with(200).json();
        let item = items["items"][0]["id"].as_i64().context("no item")?;
        let one = format!("/migration/quarantine/{item}");
        world.post(lead, &format!("{one}/ack"), json!({"reason": "spam"})).await?.with(200);
        let running = "INSERT INTO migration_runs (job_id, mailbox_id, run_type, status, triggered_by)
                       VALUES ($1, $2, 'delta', 'running', 'x')";
        world.sql(running, binds![place.job, place.mailbox]).await?;
        let stands = "SELECT COUNT(*) FROM quarantine_acknowledgements WHERE revoked_at = ''";
        world.post(lead, &format!("{one}/retry"), json!({})).await?.refused(409, "run_already_active");
        let bulk = json!({"ids": [item]});
        let told = world.post(lead, &format!("{list}/retry"), bulk.clone()).await?.with(202).json();
        assert_eq!((&told["retrying"], &told["left"]), (&json!([]), &json!([item])), "{told}");
        assert_eq!(world.get(lead, &one).await?.with(200).json()["status"], "acknowledged");
        assert_eq!(place.count(stands).await?, 1);
        world.sql("UPDATE migration_runs SET status = 'success'", binds![]).await?;
        let told = world.post(lead, &format!("{list}/retry"), bulk).await?.with(202).json();
        assert_eq!(world.get(lead, &one).await?.with(200).json()["status"], "retrying");
        assert_eq!(place.count(stands).await?, 0);
        let run = told["run_ids"][0].as_i64().context("no run")?;
        world.post(lead, &format!("/migration/runs/{run}/cancel"), json!({"reason": "no"})).await?.with(202);
        assert_eq!(world.get(lead, &one).await?.with(200).json()["status"], "open");
    }
    Ok(())
}

#[tokio::test]
async fn a_mailbox_with_messages_in_quarantine_is_left_out_before_it_goes_and_its_file_stays() -> Result<()> {
    let postgres = Postgres::start()?;
    for place in places(postgres.as_ref()).await? {
        let upload = place.bring("a.mbox", &mbox(3, 1), json!({"mailbox_id": place.mailbox})).await?;
        let mailbox = place.shown(&upload).await?["mailbox_id"].as_i64().context("nobody has it")?;
        place.world.sql(ITEM, binds![place.job, mailbox, "acknowledged"]).await?;
        place.world.pass(KEPT_MILLIS + 1);
        let lead = place.world.log_in("lead").await?;
        let place = Place { lead, ..place };
        let path = format!("/migration/mailboxes/{mailbox}");
        let told = place.delete(&path).await?.refused(409, "conflict");
        assert!(told.text.contains("lie in quarantine"), "{}", told.text);
        let out = json!({"enabled": false, "excluded_reason": "the customer's word"});
        place.world.put(&place.lead, "PATCH", &path, &path, out).await?.with(200);
        place.delete(&path).await?.with(204);
        assert_eq!(sweep(&place.world.app).await?, 0, "the file went before anybody could map it again");
        place.map(&upload, json!({"mailbox_id": place.mailbox})).await?.with(200);
    }
    Ok(())
}

#[tokio::test]
async fn a_job_that_is_verified_takes_no_file_and_a_digest_is_held_against_what_is_there() -> Result<()> {
    let place = Place::new().await?;
    let octets = mbox(3, 1);
    let other = hex(b"another file");
    let kept = place.bring("kept.mbox", &octets, json!({})).await?;
    place.complete(&kept, json!({"sha256": hex(&octets)})).await?.with(200);
    place.complete(&kept, json!({"sha256": other})).await?.refused(422, "checksum");
    assert_eq!(place.shown(&kept).await?["state"], "complete");
    let late = mbox(3, 2);
    let wish = json!({"file_name": "late.mbox", "size": late.len(), "mailbox_id": place.mailbox});
    let open = place.begin(wish.clone()).await?.with(201).json()["id"].as_str().context("no id")?.to_owned();
    place.chunk(&open, 0, &late).await?.with(204);
    let phase = "UPDATE migration_jobs SET phase = $2 WHERE id = $1";
    place.world.sql(phase, binds![place.job, "verified"]).await?;
    place.begin(wish).await?.refused(409, "phase_conflict");
    place.map(&kept, json!({"mailbox_id": place.mailbox})).await?.refused(409, "phase_conflict");
    place.complete(&open, json!({})).await?.refused(409, "phase_conflict");
    // Nothing is wrong with the file: it waits for whoever opens the job again.
    place.world.sql(phase, binds![place.job, "final_sync"]).await?;
    place.complete(&open, json!({})).await?.with(200);
    assert_eq!(place.shown(&open).await?["is_mapped"], true);
    Ok(())
}

#[tokio::test]
async fn a_file_that_nobody_has_keeps_the_gate_shut() -> Result<()> {
    let place = Place::new().await?;
    let said = async || -> Result<Value> {
        let path = format!("/migration/jobs/{}/gate?fresh=true", place.job);
        let gate = place.world.get(&place.lead, &path).await?.with(200).json();
        let checks = gate["checks"].as_array().context("no checks")?;
        let found = checks.iter().find(|check| check["check_id"] == "mailbox_coverage");
        let found = found.context("no such check")?;
        Ok(json!([found["status"], found["message"]]))
    };
    let unknown = json!(["warn", "no inventory of the source is known"]);
    let [one, two] = [1, 2].map(|count| json!(["fail", format!("{count} uploaded files have no mailbox")]));
    assert_eq!(said().await?, unknown);
    let kept = place.bring("a.mbox", &mbox(2, 1), json!({})).await?;
    assert_eq!(said().await?, one);
    let open = place.upload(&mbox(2, 2)).await?;
    assert_eq!(said().await?, two);
    // What nobody went on with in time is gone, and not forgotten.
    let octets = mbox(400, 3);
    let begun = place.upload(&octets).await?;
    place.chunk(&begun, 0, &octets[..CHUNK_BYTES_MIN as usize]).await?.with(204);
    let over = "UPDATE uploads SET expires_ms = 1 WHERE state = 'open'";
    place.world.sql(over, binds![]).await?;
    sweep(&place.world.app).await?;
    for upload in [&open, &begun] {
        assert_eq!(place.shown(upload).await?["state"], "expired");
    }
    assert_eq!(said().await?, two, "the one of which nothing had come is nothing");
    place.delete(&format!("/migration/uploads/{begun}")).await?.with(204);
    assert_eq!(place.shown(&begun).await?["state"], "deleted");
    assert_eq!(said().await?, one);
    let wish = json!({"start": true});
    place.complete(&kept, wish).await?.refused(422, "invalid");
    place.map(&kept, json!({"mailbox_id": place.mailbox})).await?.with(200);
    assert_eq!(said().await?, unknown);
    Ok(())
}
