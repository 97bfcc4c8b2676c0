//! What was counted under other options than those in force, on both engines: the gate does not take it.
//! Never a mail server: results are written as a worker would write them.

use anyhow::{Context, Result};
use malote_service::binds;
use malote_service::gate;
use malote_service::jobs::selection_of;
use malote_service::store::measures::Measures;
use malote_service::store::results::{Counts, FolderResult, Found, RunResult};
use malote_service::store::runs::{Enqueued, NewRun};
use malote_service::store::words::{MailboxStatus, RunStatus, RunType};
use malote_service::store::{Store, at};

use super::super::Engines;

async fn plant(store: &Store) -> Result<()> {
    for text in [
        "INSERT INTO tenants (id, name) VALUES (5, 'VM112')",
        "INSERT INTO migration_jobs (id, tenant_id, domain, phase, dest_imap_host, options_json)
         VALUES (7, 5, 'exemplo.com.br', 'delta_sync', 'new.example', '{\"exclude\":[\"Archive/**\"]}')",
        "INSERT INTO migration_mailboxes (id, job_id, email, source_type, source_host)
         VALUES (1, 7, 'ana@exemplo.com.br', 'imap', 'old.example')",
    ] {
        store.run("planting", text, Vec::new()).await?;
    }
    Ok(())
}

/// A delta from its claim to its end; `meanwhile` is what somebody changes between the two.
async fn delta(store: &Store, now_ms: i64, meanwhile: Option<&'static str>) -> Result<()> {
    let new = NewRun {
        job_id: 7,
        mailbox_id: 1,
        run_type: RunType::Delta,
        triggered_by: "worker".to_owned(),
        options_json: "{}".to_owned(),
        destination_key: "new.example/ana@exemplo.com.br".to_owned(),
        priority: 0,
        not_before_ms: 0,
        schedule_execution_id: None,
    };
    let Enqueued::New(_) = store.enqueue(&new).await? else { anyhow::bail!("a run is not over") };
    let claim = store.claim("w1", now_ms, now_ms + 60_000).await?.context("nothing to claim")?;
    let mailbox = store.mailbox(1).await?.context("no such mailbox")?;
    let context_id = store.context_of(&mailbox).await?;
    if let Some(change) = meanwhile {
        store.run("changing", change, binds![]).await?;
    }
    let counts = Counts { source: 10, dest: 10, matched: 10, ..Counts::default() };
    let folder = FolderResult {
        source_path: "INBOX".to_owned(),
        dest_path: "INBOX".to_owned(),
        role: "inbox".to_owned(),
        counts,
        ..FolderResult::default()
    };
    let result = RunResult {
        job_id: 7,
        mailbox_id: 1,
        context_id,
        run_type: "delta",
        is_copy: true,
        is_archive: false,
        status: RunStatus::Success,
        mailbox_status: MailboxStatus::Ok,
        exit_code: 0,
        stats_json: "{}".to_owned(),
        report_json: "{}".to_owned(),
        error: (String::new(), String::new()),
        logins: (true, true),
        copied: (0, 0),
        duration_ms: 1,
        finished_at: at(now_ms),
        found: Found::Counted {
            folders: vec![folder],
            totals: counts,
            sync_percent: 100.0,
            is_whole: true,
            quarantine: Vec::new(),
            measures: Measures { sample: Some((10, 0, 0)), ..Measures::default() },
        },
        selection: selection_of(&mailbox, "{}"),
    };
    assert!(store.finish(claim.fence, &result).await?);
    Ok(())
}

/// Which sentence the gate says of the mailbox's delta, and whether it knows of a sample.
async fn said(store: &Store, now_ms: i64) -> Result<(&'static str, bool)> {
    let verdict = gate::look(store, 7, now_ms).await?;
    let of = |id: &str| {
        verdict.evaluation.checks.iter().find(|check| check.id.as_str() == id).map_or("", |check| check.code)
    };
    for id in ["count_ratio", "inbox_complete", "delta_pending"] {
        assert_eq!(of(id) == "outdated", of("delta_pending") == "outdated", "{id}: {}", of(id));
    }
    let sampled = store.all("asking", "SELECT sampled_at FROM mailbox_measures", binds![]).await?;
    let is_sampled = sampled.iter().any(|row| row.text(0).is_ok_and(|at| !at.is_empty()));
    Ok((of("delta_pending"), is_sampled))
}

async fn check(store: &Store) -> Result<()> {
    let now_ms = store.now_ms().await?;
    plant(store).await?;
    delta(store, now_ms, None).await?;
    assert_eq!(said(store, now_ms).await?, ("delta", true));
    let whole = "UPDATE migration_jobs SET options_json = '{}' WHERE id = 7";
    let back = "UPDATE migration_jobs SET options_json = '{\"exclude\":[\"Archive/**\"]}' WHERE id = 7";
    let elsewhere = "UPDATE migration_jobs SET dest_imap_host = 'other.example' WHERE id = 7";
    let mapped = "UPDATE migration_mailboxes SET folder_map_json = '{\"A\":\"B\"}' WHERE id = 1";
    let forgotten =
        "UPDATE migration_mailboxes SET counted_selection = '', delta_selection = '' WHERE id = 1";
    for (change, is_other) in [
        (whole, true),
        (back, false),
        (
            "UPDATE migration_jobs SET options_json = '{\"exclude\":[\"Archive/**\"],\"connections\":2}'",
            false,
        ),
        (elsewhere, true),
    ] {
        store.run("changing", change, binds![]).await?;
        assert_eq!(said(store, now_ms).await?.0 == "outdated", is_other, "{change}");
    }
    // A new delta mends it, also one that nobody knows the selection of from before.
    for change in [mapped, whole, forgotten] {
        delta(store, now_ms, None).await?;
        assert_eq!(said(store, now_ms).await?.0, "delta");
        store.run("changing", change, binds![]).await?;
        assert_eq!(said(store, now_ms).await?.0, "outdated", "{change}");
    }
    // A run that began before a change and ends after it proves nothing of what is wanted since.
    delta(store, now_ms, Some(back)).await?;
    assert_eq!(said(store, now_ms).await?.0, "outdated");
    delta(store, now_ms, None).await?;
    assert_eq!(said(store, now_ms).await?.0, "delta");
    Ok(())
}

#[tokio::test]
async fn what_was_counted_under_other_options_opens_no_gate() -> Result<()> {
    let engines = Engines::start().await?;
    for (engine, store) in &engines.stores {
        check(store).await.with_context(|| (*engine).to_owned())?;
    }
    Ok(())
}
