//! After the gate, from rows and a name server of the tests' own: what moves a job on, and what never does.
//! Never a mail server: rows stand for what runs would have written.

use acceptance::name_server::{Manner, NameServer, Record};
use anyhow::{Context, Result};
use malote_service::api::gates;
use malote_service::binds;
use malote_service::config::{Mfa, Outside};
use malote_service::cutover::tend;
use malote_service::store::at;
use serde_json::{Value, json};

use super::world::{Answer, PASSWORD, Person, World};

const DOMAIN: &str = "example.com";
const OLD: &str = "mx.old.example";
const NEW: &str = "mx.new.example";
/// Everything about a run that had nothing to do.
const NOTHING: &str = r#"{"transferred":0,"pending":0,"errors":0,"errors_by_class":{}}"#;

fn mx(host: &str) -> Record {
    Record::Mx(10, host.to_owned())
}

/// A job whose gate is open, and the name servers that are asked about its domain.
struct Stage {
    world: World,
    names: Vec<NameServer>,
    lead: Person,
    job: i64,
    mailbox: i64,
}

impl Stage {
    async fn new(servers: usize) -> Result<Self> {
        let names = (0..servers).map(|_| NameServer::start()).collect::<Result<Vec<_>>>()?;
        for server in &names {
            server.tell_only(DOMAIN, &[mx(OLD)]);
            server.keep(300);
        }
        let outside =
            Outside { name_servers: names.iter().map(NameServer::address).collect(), ..Outside::default() };
        let world = World::reaching(Mfa::Offered, Vec::new(), outside).await?;
        let maker = world.user("maker", &["operator"], &[]).await?;
        let lead = world.user("lead", &["ops_lead"], &[]).await?;
        let job = world.job(&maker, 1, DOMAIN).await?;
        let mailbox = world.mailbox(&maker, job, "ana@example.com").await?;
        let stage = Self { world, names, lead, job, mailbox };
        stage.copied().await?;
        let to_deltas = "UPDATE migration_jobs SET phase = 'delta_sync' WHERE id = $1";
        stage.world.sql(to_deltas, binds![job]).await?;
        stage.approve().await?;
        assert_eq!(stage.phase().await?, "cutover_ready");
        Ok(stage)
    }

    /// Writes what a first copy and a delta would have written.
    async fn copied(&self) -> Result<()> {
        let now_at = at(self.world.now());
        self.world
            .sql(
                "UPDATE migration_mailboxes SET has_scan = 1, messages_source = 50, messages_matched = 50,
                     messages_dest = 50, sync_percent = 100, status = 'ok', last_scan_at = $2, last_delta_at = $2,
                     last_delta_status = 'success', source_login_ok_at = $2, dest_login_ok_at = $2 WHERE id = $1",
                binds![self.mailbox, &now_at],
            )
            .await?;
        self.world
            .sql(
                "INSERT INTO mailbox_folders (mailbox_id, source_path, dest_path, role, messages_source,
                     messages_matched, messages_dest, last_scan_at, status)
                 VALUES ($1, 'INBOX', 'INBOX', 'inbox', 50, 50, 50, $2, 'ok')",
                binds![self.mailbox, &now_at],
            )
            .await?;
        self.world.counted(self.mailbox).await
    }

    fn path(&self, rest: &str) -> String {
        format!("/migration/jobs/{}{rest}", self.job)
    }

    async fn approve(&self) -> Result<()> {
        let gate = self.world.get(&self.lead, &self.path("/gate")).await?.with(200).json();
        let wish = json!({"snapshot_hash": gate["snapshot_hash"], "accepted_warnings": gate["warnings"]});
        self.world.post(&self.lead, &self.path("/approve-gate"), wish).await?.with(200);
        Ok(())
    }

    /// What the database says, whoever may still be logged in.
    async fn told(&self, query: &'static str) -> Result<Vec<String>> {
        let rows = self.world.app.store.all("asking", query, binds![self.job]).await?;
        rows.iter().map(|row| Ok(row.text(0)?)).collect()
    }

    async fn phase(&self) -> Result<String> {
        Ok(self.told("SELECT phase FROM migration_jobs WHERE id = $1").await?.concat())
    }

    fn switch(&self) {
        for server in &self.names {
            server.tell_only(DOMAIN, &[mx(NEW)]);
        }
    }

    async fn confirm(&self, more: Value) -> Result<Answer> {
        let mut body = json!({"confirm": DOMAIN, "expected_mx": [NEW]});
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name.as_str()] = value.clone();
        }
        self.world.post(&self.lead, &self.path("/dns/confirm"), body).await
    }

    /// Lets time pass, and the clock look.
    async fn later(&self, seconds: i64) -> Result<String> {
        self.world.pass(seconds * 1_000);
        tend(&self.world.app).await;
        self.phase().await
    }

    /// Every run of a job that waits: type and options.
    async fn waiting(&self) -> Result<Vec<String>> {
        self.told("SELECT run_type FROM migration_runs WHERE job_id = $1 AND status = 'queued' ORDER BY id")
            .await
    }

    /// Ends the run that waits, as a worker would have, long enough ago that the next may begin.
    async fn end(&self, status: &str, stats: &str) -> Result<()> {
        let exit_code = if status == "success" { 0 } else { 3 };
        self.world
            .sql(
                "UPDATE migration_runs SET status = $2, stats_json = $3, exit_code = $4,
                     started_at = '2026-01-01T00:00:00.000Z', finished_at = '2026-01-01T00:00:00.000Z'
                 WHERE job_id = $1 AND status = 'queued'",
                binds![self.job, status, stats, exit_code],
            )
            .await?;
        self.world.counted(self.mailbox).await?;
        tend(&self.world.app).await;
        Ok(())
    }

    /// A job in its final passes, the first of which waits.
    async fn final_passes() -> Result<Self> {
        let stage = Self::new(1).await?;
        tend(&stage.world.app).await;
        stage.switch();
        stage.confirm(json!({})).await?.with(200);
        assert_eq!(stage.later(301).await?, "final_sync");
        assert_eq!(stage.waiting().await?, ["final"]);
        Ok(stage)
    }
}

#[tokio::test]
async fn a_word_about_dns_is_taken_from_whoever_may_for_the_right_domain_and_with_right_names() -> Result<()>
{
    let stage = Stage::new(1).await?;
    stage.switch();
    let operator = stage.world.user("operator", &["operator"], &[]).await?;
    let admin = stage.world.user("admin1", &["admin"], &[]).await?;
    let body = json!({"confirm": DOMAIN, "expected_mx": [NEW]});
    for who in [&operator, &admin] {
        let told = stage.world.post(who, &stage.path("/dns/confirm"), body.clone()).await?;
        told.refused(403, "forbidden");
    }
    let program = stage.world.program(&["can_run_sync", "can_manage_migration"], None).await?;
    stage.world.post(&program, &stage.path("/dns/confirm"), body).await?.refused(403, "forbidden");
    stage.confirm(json!({"confirm": "other.example"})).await?.refused(428, "confirmation_required");
    for wrong in
        [json!([]), json!(["127.0.0.1"]), json!(["10 mx.new.example"]), json!([""]), json!(vec!["a.b"; 17])]
    {
        stage.confirm(json!({"expected_mx": wrong})).await?.refused(422, "invalid");
    }
    stage.confirm(json!({"vouch_reason": "x".repeat(1_001)})).await?.refused(422, "invalid");
    stage.confirm(json!({"more": 1})).await?.refused(422, "invalid");
    assert_eq!(stage.phase().await?, "cutover_ready");
    stage.world.pass(5 * 60_000 + 1);
    stage.confirm(json!({})).await?.refused(403, "step_up_required");
    stage.world.post(&stage.lead, "/auth/step-up", json!({"password": PASSWORD})).await?.with(204);
    stage.confirm(json!({"expected_mx": ["MX.New.Example."]})).await?.with(200);
    Ok(())
}

#[tokio::test]
async fn a_change_counts_once_name_servers_show_it_and_it_alone() -> Result<()> {
    let stage = Stage::new(1).await?;
    for (records, what) in [
        (vec![mx(OLD)], "the old one"),
        (vec![mx(NEW), mx(OLD)], "the old one beside the new"),
        (vec![], "none"),
        (vec![mx(".")], "the word that there is none (RFC 7505)"),
    ] {
        stage.names[0].tell_only(DOMAIN, &records);
        let told = stage.confirm(json!({})).await?.refused(409, "change_not_seen").json();
        assert_eq!(told["resolvers"][0]["is_expected"], false, "{what}: {told}");
        assert_eq!(stage.phase().await?, "cutover_ready", "{what}");
    }
    stage.names[0].behave(DOMAIN, Manner::Failure);
    let told = stage.confirm(json!({})).await?.refused(409, "change_not_seen").json();
    assert_ne!(told["resolvers"][0]["error"], "", "{told}");
    Ok(())
}

#[tokio::test]
async fn of_two_words_at_once_one_moves_the_job_and_its_evidence_stays() -> Result<()> {
    let stage = Stage::new(1).await?;
    tend(&stage.world.app).await;
    stage.switch();
    let (one, two) = tokio::join!(stage.confirm(json!({})), stage.confirm(json!({})));
    let mut statuses = [one?.status, two?.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    stage.confirm(json!({})).await?.refused(409, "phase_conflict");
    let history = "SELECT to_phase || ' ' || reason FROM phase_history
                   WHERE job_id = $1 AND to_phase = 'dns_cutover' AND gate_snapshot_id IS NOT NULL";
    let told = stage.told(history).await?;
    assert_eq!(told, [format!("dns_cutover the mail exchangers are {NEW}: seen at 1 of 1 name servers")]);
    let evidence = "SELECT hosts_json FROM dns_sightings WHERE job_id = $1 AND is_evidence = 1";
    assert_eq!(stage.told(evidence).await?, [format!("[\"{NEW}\"]")]);
    let job = stage.world.get(&stage.lead, &stage.path("")).await?.json();
    assert_eq!(job["dns_cutover_at"], at(stage.world.now()), "{job}");
    let seen = stage.world.get(&stage.lead, &stage.path("/dns/propagation")).await?.with(200).json();
    assert_eq!((&seen["before_mx"], &seen["old_ttl_seconds"]), (&json!([OLD]), &json!(300)), "{seen}");
    assert_eq!(
        (&seen["is_seen_everywhere"], &seen["is_old_ttl_over"]),
        (&json!(true), &json!(false)),
        "{seen}"
    );
    Ok(())
}

#[tokio::test]
async fn a_final_pass_that_took_something_else_than_is_wanted_is_done_again() -> Result<()> {
    let stage = Stage::final_passes().await?;
    stage.end("success", NOTHING).await?;
    assert_eq!(stage.waiting().await?, ["verify"]);
    let map = "UPDATE migration_mailboxes SET folder_map_json = '{\"Old\":\"New\"}' WHERE id = $1";
    stage.world.sql(map, binds![stage.mailbox]).await?;
    let verified = "UPDATE migration_runs SET status = 'success', stats_json = $2, exit_code = 0,
                        selection = (SELECT its.selection FROM migration_runs AS its
                                     WHERE its.job_id = $1 AND its.run_type = 'final'),
                        finished_at = '2026-01-01T00:00:00.000Z'
                    WHERE job_id = $1 AND status = 'queued'";
    stage.world.sql(verified, binds![stage.job, NOTHING]).await?;
    tend(&stage.world.app).await;
    assert_eq!(
        (stage.phase().await?, stage.waiting().await?),
        ("final_sync".to_owned(), vec!["final".to_owned()])
    );
    stage.end("success", NOTHING).await?;
    stage.end("success", NOTHING).await?;
    assert_eq!(stage.phase().await?, "verified");
    Ok(())
}

#[tokio::test]
async fn a_gate_that_falls_takes_the_word_and_the_job_back() -> Result<()> {
    let stage = Stage::new(1).await?;
    stage.switch();
    let worse =
        "UPDATE mailbox_folders SET messages_matched = 40, messages_pending = 10 WHERE mailbox_id = $1";
    stage.world.sql(worse, binds![stage.mailbox]).await?;
    let told = stage.confirm(json!({})).await?.refused(409, "gate_not_ready").json();
    assert!(told["checks"].as_array().is_some_and(|checks| !checks.is_empty()), "{told}");
    assert_eq!(stage.phase().await?, "delta_sync");
    let nothing = "SELECT CAST(COUNT(*) AS TEXT) FROM job_cutovers WHERE job_id = $1";
    assert_eq!(stage.told(nothing).await?, ["0"]);
    Ok(())
}

#[tokio::test]
async fn an_approval_that_runs_out_takes_the_job_back_though_nobody_asks() -> Result<()> {
    let stage = Stage::new(1).await?;
    gates::look_due(&stage.world.app).await?;
    assert_eq!(stage.phase().await?, "cutover_ready");
    stage.world.pass(73 * 3_600_000);
    gates::look_due(&stage.world.app).await?;
    assert_eq!(stage.phase().await?, "delta_sync");
    Ok(())
}

#[tokio::test]
async fn a_word_without_a_sight_needs_a_reason_that_is_written_down() -> Result<()> {
    let stage = Stage::new(1).await?;
    stage.names[0].behave(DOMAIN, Manner::Failure);
    stage.confirm(json!({"vouch_reason": "  "})).await?.refused(409, "change_not_seen");
    let told = stage.confirm(json!({"vouch_reason": "split horizon"})).await?.with(200).json();
    assert_eq!(told["vouched_reason"], "split horizon", "{told}");
    // Nobody saw the old TTL: it is taken for an hour.
    assert_eq!(
        (&told["old_ttl_seconds"], &told["is_old_ttl_known"]),
        (&json!(3_600), &json!(false)),
        "{told}"
    );
    let history = "SELECT reason FROM phase_history WHERE job_id = $1 AND to_phase = 'dns_cutover'";
    let told = stage.told(history).await?.concat();
    assert!(told.ends_with("seen nowhere, vouched for: split horizon"), "{told}");
    // The clock never goes on by a word alone; an operator does, once the old TTL is over.
    assert_eq!(stage.later(3_599).await?, "dns_cutover");
    let lead = stage.world.log_in("lead").await?;
    let wish = json!({"type": "final"});
    stage.world.post(&lead, &stage.path("/sync"), wish.clone()).await?.with(202);
    assert_eq!(stage.phase().await?, "dns_cutover", "the old TTL is not over");
    stage.end("success", NOTHING).await?;
    assert_eq!(stage.later(2).await?, "dns_cutover");
    stage.world.post(&lead, &stage.path("/sync"), wish).await?.with(202);
    assert_eq!(stage.phase().await?, "final_sync");
    Ok(())
}

#[tokio::test]
async fn final_passes_begin_once_the_old_ttl_is_over_and_every_name_server_agrees() -> Result<()> {
    let stage = Stage::new(2).await?;
    // The clock has seen the old ones, with their TTL.
    tend(&stage.world.app).await;
    stage.names[0].tell_only(DOMAIN, &[mx(NEW)]);
    stage.confirm(json!({})).await?.with(200);
    assert_eq!(stage.later(299).await?, "dns_cutover");
    assert_eq!(stage.later(2).await?, "dns_cutover", "one of two still has the old one");
    stage.names[1].behave(DOMAIN, Manner::Failure);
    assert_eq!(stage.later(60).await?, "dns_cutover", "one of two does not answer");
    assert!(stage.waiting().await?.is_empty());
    // Another one takes part, and one does not.
    let lead = stage.world.log_in("lead").await?;
    let bob = stage.world.mailbox(&lead, stage.job, "bob@example.com").await?;
    let out = stage.world.mailbox(&lead, stage.job, "carla@example.com").await?;
    stage.world.sql("UPDATE migration_mailboxes SET enabled = 0 WHERE id = $1", binds![out]).await?;
    let third = Stage { names: vec![stage.names.into_iter().next().context("no name server")?], ..stage };
    assert_eq!(third.later(60).await?, "dns_cutover", "one of two is gone");
    let again = "UPDATE migration_jobs SET is_paused = 1 WHERE id = $1";
    third.world.sql(again, binds![third.job]).await?;
    assert_eq!(third.later(60).await?, "dns_cutover", "a paused job stays where it is");
    assert!(bob > 0);
    Ok(())
}

#[tokio::test]
async fn a_mailbox_is_copied_until_nothing_is_new_and_verified_after_that() -> Result<()> {
    let stage = Stage::final_passes().await?;
    tend(&stage.world.app).await;
    assert_eq!(stage.waiting().await?, ["final"], "what waits is not entered twice");
    stage.end("success", r#"{"transferred":1,"pending":0,"errors":0,"errors_by_class":{}}"#).await?;
    assert_eq!(stage.waiting().await?, ["final"], "something was new: once more");
    stage.end("success", "{}").await?;
    assert_eq!(stage.waiting().await?, ["final"], "a count that nobody knows is not nothing");
    stage.end("success", NOTHING).await?;
    assert_eq!((stage.waiting().await?, stage.phase().await?), (vec!["verify".into()], "final_sync".into()));
    let late = r#"{"transferred":0,"pending":1,"errors":0,"errors_by_class":{}}"#;
    stage.end("partial", late).await?;
    assert_eq!(stage.waiting().await?, ["final"], "a message came in between");
    stage.end("success", NOTHING).await?;
    stage.end("success", NOTHING).await?;
    assert_eq!(stage.phase().await?, "verified");
    assert!(stage.waiting().await?.is_empty());
    let history = "SELECT reason FROM phase_history WHERE job_id = $1 AND to_phase = 'verified'";
    assert_eq!(stage.told(history).await?.len(), 1);
    tend(&stage.world.app).await;
    assert_eq!(stage.told(history).await?.len(), 1, "it is said once");

    // The report stands from here on, whatever is counted later.
    let lead = stage.world.log_in("lead").await?;
    let report = stage.world.get(&lead, &stage.path("/report?format=json")).await?.with(200).json();
    assert_eq!(
        (&report["dns"]["state"], &report["dns"]["after"]),
        (&json!("confirmed"), &json!([NEW])),
        "{report}"
    );
    let grown = "UPDATE migration_mailboxes SET messages_source = 99, messages_matched = 99 WHERE id = $1";
    stage.world.sql(grown, binds![stage.mailbox]).await?;
    let again = stage.world.get(&lead, &stage.path("/report?format=json")).await?.with(200).json();
    assert_eq!(again["digest"], report["digest"]);
    assert_eq!(again["counts"]["eligible"], 50, "{again}");

    let closing = json!({"confirm": DOMAIN});
    let early =
        stage.world.post(&lead, &stage.path("/close"), closing.clone()).await?.refused(409, "phase_conflict");
    assert_eq!(early.json()["unmet"], json!(["straggler_window_open"]), "{}", early.text);
    stage.world.pass(14 * 86_400_000);
    let lead = stage.world.log_in("lead").await?;
    let told = stage.world.post(&lead, &stage.path("/close"), closing).await?.with(202).json();
    assert!(told["digest"].as_str().is_some_and(|digest| !digest.is_empty()), "{told}");
    let closed = stage.world.get(&lead, &stage.path("/report?format=json")).await?.with(200).json();
    assert_eq!(closed["identification"]["phase"], "closed", "{closed}");
    assert_eq!(closed["purge_certificate"]["digest"], told["digest"], "{closed}");
    assert_eq!(closed["counts"], report["counts"]);
    Ok(())
}

#[tokio::test]
async fn quarantine_that_nobody_accepted_keeps_a_job_from_being_verified() -> Result<()> {
    let stage = Stage::final_passes().await?;
    let item = "INSERT INTO quarantine_items (job_id, mailbox_id, folder_path, source_ref, reason)
                VALUES ($1, $2, 'INBOX', '7', 'too_large')";
    stage.world.sql(item, binds![stage.job, stage.mailbox]).await?;
    stage.end("partial", NOTHING).await?;
    tend(&stage.world.app).await;
    assert!(stage.waiting().await?.is_empty(), "another pass changes nothing");
    let lead = stage.world.log_in("lead").await?;
    let told = stage.world.get(&lead, &stage.path("/final-passes")).await?.with(200).json();
    assert_eq!(told["items"][0]["next"], "quarantine", "{told}");
    let accepted = "UPDATE quarantine_items SET status = 'acknowledged' WHERE job_id = $1";
    stage.world.sql(accepted, binds![stage.job]).await?;
    tend(&stage.world.app).await;
    assert!(stage.waiting().await?.is_empty(), "nobody stands for it");
    let word = "INSERT INTO quarantine_acknowledgements (item_id, actor, reason)
                SELECT id, 'bia', 'spam' FROM quarantine_items WHERE job_id = $1";
    stage.world.sql(word, binds![stage.job]).await?;
    tend(&stage.world.app).await;
    assert_eq!(stage.waiting().await?, ["final"]);
    Ok(())
}

#[tokio::test]
async fn a_file_that_nobody_has_keeps_a_job_from_being_verified() -> Result<()> {
    let stage = Stage::final_passes().await?;
    let file = "INSERT INTO uploads (id, job_id, size_bytes, state, path)
                VALUES ('0b6f1b1e-0000-4000-8000-0123456789ab', $1, 1, 'complete', 'x')";
    stage.world.sql(file, binds![stage.job]).await?;
    stage.end("success", NOTHING).await?;
    stage.end("success", NOTHING).await?;
    assert_eq!((stage.phase().await?, stage.waiting().await?), ("final_sync".to_owned(), Vec::new()));
    let lead = stage.world.log_in("lead").await?;
    let told = stage.world.get(&lead, &stage.path("/final-passes")).await?.with(200).json();
    assert_eq!((&told["files_waiting"], &told["mailboxes_done"]), (&json!(1), &json!(1)), "{told}");
    stage.world.sql("UPDATE uploads SET state = 'deleted' WHERE job_id = $1", binds![stage.job]).await?;
    tend(&stage.world.app).await;
    assert_eq!(stage.phase().await?, "verified");
    Ok(())
}

#[tokio::test]
async fn missing_copies_are_accepted_by_a_lead_with_a_reason_and_other_texts_never() -> Result<()> {
    let missing = r#"{"transferred":0,"pending":1,"errors":1,"errors_by_class":{"verify.missing":1}}"#;
    let altered = r#"{"transferred":0,"pending":0,"errors":1,"errors_by_class":{"verify.content":1}}"#;
    for (found, is_accepted) in [(missing, true), (altered, false)] {
        let stage = Stage::final_passes().await?;
        let lead = stage.world.log_in("lead").await?;
        stage.end("success", NOTHING).await?;
        stage.end("partial", found).await?;
        assert!(stage.waiting().await?.is_empty(), "{found}: it is left to people");
        let path = stage.path("/verify/accept");
        let wish = json!({"confirm": DOMAIN, "reason": "users tidy up"});
        let nothing = json!({"confirm": DOMAIN, "reason": " "});
        stage.world.post(&lead, &path, nothing).await?.refused(422, "invalid");
        let operator = stage.world.user("operator", &["operator"], &[]).await?;
        stage.world.post(&operator, &path, wish.clone()).await?.refused(403, "forbidden");
        stage.world.post(&lead, &path, wish).await?.with(200);
        tend(&stage.world.app).await;
        let expected: &[&str] = if is_accepted { &["final"] } else { &[] };
        assert_eq!(stage.waiting().await?, expected, "{found}");
        if is_accepted {
            stage.end("success", NOTHING).await?;
            assert_eq!(stage.phase().await?, "verified");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_job_that_was_closed_by_somebody_who_died_is_purged_by_the_next() -> Result<()> {
    let stage = Stage::new(1).await?;
    let lead = &stage.lead;
    stage.world.get(lead, &stage.path("/purge-certificate")).await?.refused(404, "not_found");
    let closed = "UPDATE migration_jobs SET phase = 'closed' WHERE id = $1";
    stage.world.sql(closed, binds![stage.job]).await?;
    let closing = json!({"confirm": DOMAIN});
    stage.world.post(lead, &stage.path("/close"), closing.clone()).await?.with(202);
    stage.world.get(lead, &stage.path("/purge-certificate")).await?.with(200);
    stage.world.post(lead, &stage.path("/close"), closing).await?.refused(409, "phase_conflict");
    Ok(())
}

#[tokio::test]
async fn what_follows_the_gate_is_told_to_the_ticket_once_each() -> Result<()> {
    let events = "SELECT event FROM hook_outbox WHERE job_id = $1 ORDER BY created_ms, event";
    for is_lost in [true, false] {
        let stage = Stage::new(1).await?;
        let admin = stage.world.user("root1", &["admin"], &[]).await?;
        let hook = json!({"url": "https://8.8.8.8/hook"});
        stage.world.send(&admin, "PUT", "/system/ticket-hook", hook).await?.with(200);
        if is_lost {
            let path = stage.path("/revoke-approval");
            stage.world.post(&stage.lead, &path, json!({"reason": "wait"})).await?.with(200);
            assert_eq!(stage.told(events).await?, ["migration.gate_revoked"]);
            continue;
        }
        tend(&stage.world.app).await;
        stage.switch();
        stage.world.pass(1_000);
        stage.confirm(json!({})).await?.with(200);
        assert_eq!(stage.later(301).await?, "final_sync");
        stage.end("success", NOTHING).await?;
        stage.end("success", NOTHING).await?;
        tend(&stage.world.app).await;
        assert_eq!(stage.told(events).await?, ["migration.dns_applied", "migration.verified"]);
    }
    Ok(())
}
