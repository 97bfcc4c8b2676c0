//! Whom an acknowledgement holds for, on both engines: one message, as long as somebody stands for it.
//! Never a mail server: results are written as a worker would write them.

use anyhow::{Context as _, Result};
use malote_service::binds;
use malote_service::store::measures::Measures;
use malote_service::store::results::{Counts, Found, QuarantineResult, RunResult};
use malote_service::store::runs::{Enqueued, NewRun};
use malote_service::store::words::{MailboxStatus, RunStatus, RunType};
use malote_service::store::{Store, at};

use super::super::Engines;

async fn plant(store: &Store) -> Result<()> {
    for text in [
        "INSERT INTO tenants (id, name) VALUES (6, 'VM113')",
        "INSERT INTO migration_jobs (id, tenant_id, domain, phase, dest_imap_host)
         VALUES (8, 6, 'exemplo.net.br', 'delta_sync', 'new.example')",
        "INSERT INTO migration_mailboxes (id, job_id, email, source_type, source_host)
         VALUES (2, 8, 'ana@exemplo.net.br', 'imap', 'old.example')",
    ] {
        store.run("planting", text, Vec::new()).await?;
    }
    Ok(())
}

async fn enter(store: &Store) -> Result<i64> {
    let new = NewRun {
        job_id: 8,
        mailbox_id: 2,
        run_type: RunType::Delta,
        triggered_by: "worker".to_owned(),
        options_json: "{}".to_owned(),
        destination_key: "new.example/ana@exemplo.net.br".to_owned(),
        priority: 0,
        not_before_ms: 0,
        schedule_execution_id: None,
    };
    match store.enqueue(&new).await? {
        Enqueued::New(run) => Ok(run),
        Enqueued::Active(run) => anyhow::bail!("run {run} is not over"),
    }
}

/// A delta that meets one message under UID 7, or none: its Message-ID and its size.
async fn delta(store: &Store, met: Option<(&str, i64)>) -> Result<()> {
    let now_ms = store.now_ms().await?;
    enter(store).await?;
    let claim = store.claim("w1", now_ms, now_ms + 60_000).await?.context("nothing to claim")?;
    let mailbox = store.mailbox(2).await?.context("no such mailbox")?;
    let quarantine = met.map(|(message_id, size_bytes)| QuarantineResult {
        folder_path: "INBOX".to_owned(),
        source_ref: "7".to_owned(),
        message_id: message_id.to_owned(),
        size_bytes,
        reason: "refused".to_owned(),
        ..QuarantineResult::default()
    });
    let result = RunResult {
        job_id: 8,
        mailbox_id: 2,
        context_id: store.context_of(&mailbox).await?,
        run_type: "delta",
        is_copy: true,
        is_archive: false,
        status: RunStatus::Partial,
        mailbox_status: MailboxStatus::Quarantine,
        exit_code: 8,
        stats_json: "{}".to_owned(),
        report_json: "{}".to_owned(),
        error: (String::new(), String::new()),
        logins: (true, true),
        copied: (0, 0),
        duration_ms: 1,
        finished_at: at(now_ms),
        found: Found::Counted {
            folders: Vec::new(),
            totals: Counts::default(),
            sync_percent: 0.0,
            is_whole: true,
            quarantine: quarantine.into_iter().collect(),
            measures: Measures::default(),
        },
        selection: String::new(),
    };
    assert!(store.finish(claim.fence, &result).await?);
    Ok(())
}

/// Accepts, as a person does, that the one message is left out.
async fn accept(store: &Store) -> Result<()> {
    let mut transaction = store.begin().await?;
    let row = transaction.one("test", "SELECT id FROM quarantine_items", binds![]).await?;
    let item = row.context("no item")?.int(0)?;
    assert!(transaction.mark_item(item, "acknowledged", "open").await?);
    transaction.acknowledge_item(item, "bia", "spam", "").await?;
    Ok(transaction.commit().await?)
}

/// How the one message stands, and how many stand for its being left out.
async fn standing(store: &Store) -> Result<(String, i64)> {
    let text = "SELECT item.status, (SELECT COUNT(*) FROM quarantine_acknowledgements AS ack
                                     WHERE ack.item_id = item.id AND ack.revoked_at = '')
                FROM quarantine_items AS item";
    let row = store.one("asking", text, binds![]).await?.context("no item")?;
    Ok((row.text(0)?, row.int(1)?))
}

async fn check(store: &Store) -> Result<()> {
    let [open, accepted] = [("open".to_owned(), 0), ("acknowledged".to_owned(), 1)];
    plant(store).await?;
    delta(store, Some(("<a@x>", 10))).await?;
    assert_eq!(standing(store).await?, open);
    accept(store).await?;
    // The same message, as another session of its server measures it.
    for size in [10, 12] {
        delta(store, Some(("<a@x>", size))).await?;
        assert_eq!(standing(store).await?, accepted);
    }
    delta(store, Some(("<b@x>", 12))).await?;
    assert_eq!(standing(store).await?, open, "another message has the UID");
    accept(store).await?;
    delta(store, Some(("", 12))).await?;
    assert_eq!(standing(store).await?, open, "nothing says that it is the same");
    accept(store).await?;
    delta(store, Some(("", 12))).await?;
    assert_eq!(standing(store).await?, accepted);
    delta(store, Some(("", 13))).await?;
    assert_eq!(standing(store).await?, open);
    accept(store).await?;
    delta(store, None).await?;
    assert_eq!(standing(store).await?.0, "resolved");
    delta(store, Some(("", 13))).await?;
    assert_eq!(standing(store).await?, open, "it had been settled, and is there again");
    // A status alone is nobody's word.
    store.run("marking", "UPDATE quarantine_items SET status = 'acknowledged'", binds![]).await?;
    assert_eq!(store.acknowledged(2).await?, []);
    let mut reading = store.begin_reading().await?;
    let items = reading.gate_items(8).await?;
    assert_eq!(items.iter().map(|item| item.status.as_str()).collect::<Vec<_>>(), ["open"]);
    drop(reading);
    delta(store, Some(("", 13))).await?;
    assert_eq!(standing(store).await?, open);
    // A run that is cancelled before a worker had it leaves nothing waiting for it.
    let run = enter(store).await?;
    store.run("marking", "UPDATE quarantine_items SET status = 'retrying'", binds![]).await?;
    assert!(store.cancel(run, "no", store.now_ms().await?).await?);
    assert_eq!(standing(store).await?, open);
    assert!(!store.cancel(run, "no", store.now_ms().await?).await?, "it is over");
    Ok(())
}

#[tokio::test]
async fn an_acknowledgement_is_of_one_message_and_lasts_while_somebody_stands_for_it() -> Result<()> {
    let engines = Engines::start().await?;
    for (engine, store) in &engines.stores {
        check(store).await.with_context(|| (*engine).to_owned())?;
    }
    Ok(())
}
