//! The rows of what follows a gate, written and read back on both engines.
//! Never a decision: which pass comes next is other tests' matter.

use std::time::Duration;

use anyhow::{Context as _, Result};
use malote_service::binds;
use malote_service::store::boxes::NewMailbox;
use malote_service::store::cutover::{CutoverRow, Entry, Sighting};
use malote_service::store::jobs::Why;
use malote_service::store::words::{RunStatus, RunType};
use malote_service::store::{Store, at};

use crate::Engines;

const JOB: i64 = 7;
const NOW: i64 = 1_800_000_000_000;

fn seen(resolver: &str, host: &str, ttl_seconds: i64, at_ms: i64) -> Sighting {
    let hosts = vec![host.to_owned()];
    Sighting { resolver: resolver.to_owned(), hosts, ttl_seconds, error: String::new(), at_ms }
}

async fn plant(store: &Store) -> Result<()> {
    for text in [
        "INSERT INTO tenants (id, name) VALUES (5, 'VM112')",
        "INSERT INTO migration_jobs (id, tenant_id, domain, phase, dest_imap_host)
         VALUES (7, 5, 'exemplo.com.br', 'cutover_ready', 'New.Example')",
        "INSERT INTO migration_mailboxes (id, job_id, email, source_type, priority)
         VALUES (1, 7, 'Ana@exemplo.com.br', 'imap', 1), (2, 7, 'bia@exemplo.com.br', 'imap', 2)",
        "INSERT INTO migration_mailboxes (id, job_id, email, source_type, enabled)
         VALUES (3, 7, 'carla@exemplo.com.br', 'imap', 0)",
        "INSERT INTO migration_runs (id, job_id, mailbox_id, run_type, status, triggered_by)
         VALUES (40, 7, 1, 'final', 'success', 'u')",
    ] {
        store.run("planting", text, Vec::new()).await?;
    }
    if store.is_postgres() {
        // Numbers that were said are not counted.
        for text in [
            "SELECT setval(pg_get_serial_sequence('migration_runs', 'id'), 40)",
            "SELECT setval(pg_get_serial_sequence('migration_mailboxes', 'id'), 3)",
        ] {
            store.all("counting on", text, Vec::new()).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_follows_a_gate_is_kept_alike_by_both_engines() -> Result<()> {
    let engines = Engines::start().await?;
    for (engine, store) in &engines.stores {
        plant(store).await?;
        check(engine, store).await.with_context(|| (*engine).to_owned())?;
    }
    Ok(())
}

async fn check(engine: &str, store: &Store) -> Result<()> {
    let everywhere = ("delta_sync", "cutover_ready");
    assert_eq!(store.unseen(everywhere, NOW).await?, [(JOB, "exemplo.com.br".to_owned())], "{engine}");
    let mut writing = store.begin().await?;
    writing.see(JOB, &[seen("a:53", "old", 300, NOW), seen("b:53", "old", 900, NOW)], false).await?;
    writing.see(JOB, &[seen("a:53", "new", 60, NOW + 1)], true).await?;
    let known = writing.seen_since(JOB, NOW).await?;
    assert_eq!(known, [(vec!["new".to_owned()], 60), (vec!["old".to_owned()], 900)], "{engine}");
    let row = CutoverRow {
        expected: vec!["new".to_owned()],
        before: vec!["old".to_owned()],
        confirmed_by: "u_lia".to_owned(),
        confirmed_ms: NOW,
        old_ttl_seconds: 900,
        is_old_ttl_known: true,
        ..CutoverRow::default()
    };
    writing.confirm_cutover(JOB, &row).await?;
    writing.commit().await?;
    assert_eq!(store.unseen(everywhere, NOW).await?, []);
    let last = store.last_seen(JOB).await?;
    let told: Vec<&str> = last.iter().map(|one| one.hosts[0].as_str()).collect();
    assert_eq!(told, ["new", "old"], "{engine}");
    let kept = store.cutover(JOB).await?.context("no cutover")?;
    assert_eq!(kept, CutoverRow { runs_before: -1, phase: "cutover_ready".to_owned(), ..row }, "{engine}");
    assert_eq!(store.cutovers_in("cutover_ready").await?.len(), 1);
    store.forget_sightings(NOW + 10).await?;
    assert_eq!(store.last_seen(JOB).await?.len(), 1, "{engine}: evidence stays");
    passes(engine, store).await
}

async fn passes(engine: &str, store: &Store) -> Result<()> {
    let mut writing = store.begin().await?;
    assert!(!writing.accept_missing(JOB, "u", "early").await?, "{engine}");
    writing.begin_passes(JOB).await?;
    let begun = writing.cutover(JOB).await?.context("no cutover")?.runs_before;
    assert_eq!(begun, 40, "{engine}");
    let all = Entry { mailbox_id: 0, run_type: RunType::Final, options_json: "{}", not_before_ms: NOW };
    assert_eq!(writing.enter_run(JOB, &all).await?, 2, "{engine}");
    let again = Entry { mailbox_id: 1, run_type: RunType::Verify, ..all };
    assert_eq!(writing.enter_run(JOB, &again).await?, 0, "{engine}: a mailbox has one run at a time");
    let parts = writing.parts(JOB).await?;
    assert_eq!(parts.iter().map(|part| part.is_at_work).collect::<Vec<_>>(), [true, true], "{engine}");
    writing.commit().await?;
    let end = "UPDATE migration_runs SET status = 'partial', stats_json = '{}', finished_at = $1
               WHERE mailbox_id = 1 AND status = 'queued'";
    store.run("ending", end, binds![at(NOW)]).await?;
    let mut writing = store.begin().await?;
    let over = writing.passes(JOB, begun).await?;
    assert_eq!(over.len(), 1, "{engine}: what was before does not count");
    assert_eq!(
        (over[0].mailbox_id, over[0].status, over[0].exit_code),
        (1, RunStatus::Partial, -1),
        "{engine}"
    );
    assert_eq!(over[0].finished_at, at(NOW), "{engine}");
    assert_eq!(writing.enter_run(JOB, &again).await?, 1, "{engine}");
    assert!(writing.accept_missing(JOB, "u_lia", "users tidy up").await?, "{engine}");
    writing.commit().await?;
    let keys = "SELECT COALESCE(mailbox_id, 0) || run_type || destination_key FROM migration_runs
                WHERE status = 'queued' ORDER BY mailbox_id";
    let rows = store.all("asking", keys, Vec::new()).await?;
    let told: Vec<String> = rows.iter().map(|row| Ok(row.text(0)?)).collect::<Result<_>>()?;
    assert_eq!(told, ["1verify", "2finalnew.example/bia@exemplo.com.br"], "{engine}");
    let kept = store.cutover(JOB).await?.context("no cutover")?;
    assert_eq!((kept.accepted_by.as_str(), kept.accepted_reason.as_str()), ("u_lia", "users tidy up"));
    assert!(kept.accepted_run > begun, "{engine}: {}", kept.accepted_run);
    store.run("verifying", "UPDATE migration_jobs SET phase = 'verified'", Vec::new()).await?;
    assert_eq!(store.unfrozen().await?, [JOB], "{engine}");
    store.freeze_report(JOB, "{\"a\":1}", NOW).await?;
    store.freeze_report(JOB, "{\"a\":2}", NOW + 1).await?;
    assert_eq!(store.frozen_report(JOB).await?, Some(("{\"a\":1}".to_owned(), NOW)), "{engine}");
    assert_eq!(store.unfrozen().await?, Vec::<i64>::new(), "{engine}");
    let trail = "SELECT operation FROM audit_row_changes WHERE table_name = 'job_cutovers' ORDER BY id";
    let rows = store.all("asking", trail, Vec::new()).await?;
    let told: Vec<String> = rows.iter().map(|row| Ok(row.text(0)?)).collect::<Result<_>>()?;
    assert_eq!(told, ["insert", "update", "update"], "{engine}: a report is no decision");
    Ok(())
}

#[tokio::test]
async fn a_mailbox_that_is_being_added_and_the_verified_phase_wait_for_each_other() -> Result<()> {
    let engines = Engines::start().await?;
    for (engine, store) in &engines.stores {
        plant(store).await?;
        store.run("moving", "UPDATE migration_jobs SET phase = 'final_sync'", Vec::new()).await?;
        let mut adding = store.begin().await?;
        assert_eq!(adding.hold_phase(JOB).await?, "final_sync", "{engine}");
        let other = store.clone();
        let verifying = tokio::spawn(async move {
            let mut verifying = other.begin().await?;
            verifying.lock_gate(JOB).await?;
            let parts = verifying.parts(JOB).await?.len();
            verifying.move_phase(JOB, "final_sync", "verified", &Why::default()).await?;
            verifying.commit().await?;
            anyhow::Ok(parts)
        });
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(!verifying.is_finished(), "{engine}: the phase does not change meanwhile");
        adding.insert_mailbox(JOB, &NewMailbox { email: "dora@exemplo.com.br", ..late() }).await?;
        adding.commit().await?;
        assert_eq!(verifying.await??, 3, "{engine}: what was added is counted");
        let mut adding = store.begin().await?;
        assert_eq!(adding.hold_phase(JOB).await?, "verified", "{engine}: whoever comes later is told");
    }
    Ok(())
}

fn late() -> NewMailbox<'static> {
    NewMailbox { source_type: "imap", is_enabled: true, options_json: "{}", ..NewMailbox::default() }
}
