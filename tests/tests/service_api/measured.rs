//! What the gate is told beside the counts, check by check: each measure moves its own check and nothing else opens.
//! Never a measure that is taken for granted: what nobody took warns.

use anyhow::{Context, Result};
use malote_service::binds;
use malote_service::store::at;
use serde_json::{Value, json};

use super::gate::copied;
use super::world::{Person, World};

/// A job with one copied mailbox that waits for its approval.
struct Ready {
    world: World,
    maker: Person,
    lead: Person,
    job: i64,
    mailbox: i64,
}

impl Ready {
    async fn new() -> Result<Self> {
        let world = World::new().await?;
        let maker = world.user("maker", &["operator"], &[]).await?;
        let lead = world.user("lead", &["ops_lead"], &[]).await?;
        let job = world.job(&maker, 1, "example.com").await?;
        let mailbox = world.mailbox(&maker, job, "ana@example.com").await?;
        copied(&world, mailbox).await?;
        world.sql("UPDATE migration_jobs SET phase = 'delta_sync' WHERE id = $1", binds![job]).await?;
        Ok(Self { world, maker, lead, job, mailbox })
    }

    async fn gate(&self) -> Result<Value> {
        let path = format!("/migration/jobs/{}/gate", self.job);
        Ok(self.world.get(&self.lead, &path).await?.with(200).json())
    }

    async fn check(&self, id: &str) -> Result<String> {
        let gate = self.gate().await?;
        let checks = gate["checks"].as_array().context("no checks")?;
        let found = checks.iter().find(|check| check["check_id"] == id).context("no such check")?;
        Ok(found["status"].as_str().unwrap_or_default().to_owned())
    }

    async fn measured(&self, text: &'static str) -> Result<()> {
        let now_at = at(self.world.now());
        let make = "INSERT INTO mailbox_measures (mailbox_id) VALUES ($1) ON CONFLICT DO NOTHING";
        self.world.sql(make, binds![self.mailbox]).await?;
        self.world.sql(text, binds![self.mailbox, now_at]).await
    }
}

/// Check, what a run would have written ($1: the mailbox, $2: when), and how the check ends then, one after another.
const MEASURES: &[(&str, &str, &str)] = &[
    ("content_sample", "", "warn"),
    (
        "content_sample",
        "UPDATE mailbox_measures SET sampled_at = $2, sample_compared = 59 WHERE mailbox_id = $1",
        "warn",
    ),
    (
        "content_sample",
        "UPDATE mailbox_measures SET sampled_at = $2, sample_compared = 60 WHERE mailbox_id = $1",
        "pass",
    ),
    (
        "content_sample",
        "UPDATE mailbox_measures SET sampled_at = $2, sample_rewritten = 1 WHERE mailbox_id = $1",
        "warn",
    ),
    (
        "content_sample",
        "UPDATE mailbox_measures SET sampled_at = $2, sample_different = 1 WHERE mailbox_id = $1",
        "fail",
    ),
    ("bytes_ratio", "", "warn"),
    (
        "bytes_ratio",
        "UPDATE mailbox_measures SET bytes_at = $2, bytes_source = 1000, bytes_dest = 990 WHERE mailbox_id = $1",
        "pass",
    ),
    (
        "bytes_ratio",
        "UPDATE mailbox_measures SET bytes_at = $2, bytes_source = 1000, bytes_dest = 989 WHERE mailbox_id = $1",
        "warn",
    ),
    (
        "bytes_ratio",
        "UPDATE mailbox_measures SET bytes_at = $2, bytes_source = 1000, bytes_dest = 1051 WHERE mailbox_id = $1",
        "fail",
    ),
    ("duplicates", "", "warn"),
    (
        "duplicates",
        "UPDATE mailbox_measures SET duplicates_at = $2, duplicates = 0 WHERE mailbox_id = $1",
        "pass",
    ),
    (
        "duplicates",
        "UPDATE mailbox_measures SET duplicates_at = $2, duplicates = 1 WHERE mailbox_id = $1",
        "warn",
    ),
    (
        "duplicates",
        "UPDATE mailbox_measures SET duplicates_at = $2, duplicates = 2 WHERE mailbox_id = $1",
        "fail",
    ),
    ("dest_quota", "", "warn"),
    (
        "dest_quota",
        "UPDATE mailbox_measures SET quota_at = $2, quota_kind = 'endless' WHERE mailbox_id = $1",
        "pass",
    ),
    (
        "dest_quota",
        "UPDATE mailbox_measures SET quota_at = $2, quota_kind = 'limited', quota_limit = 1000, quota_used = 900
         WHERE mailbox_id = $1",
        "pass",
    ),
    (
        "dest_quota",
        "UPDATE mailbox_measures SET quota_at = $2, quota_used = 901 WHERE mailbox_id = $1",
        "warn",
    ),
    (
        "dest_quota",
        "UPDATE mailbox_measures SET quota_at = $2, quota_used = 951 WHERE mailbox_id = $1",
        "fail",
    ),
    (
        "dest_quota",
        "UPDATE migration_mailboxes SET error_class = 'dest.over_quota', last_scan_at = $2 WHERE id = $1",
        "fail",
    ),
    ("uidvalidity_stable", "", "warn"),
    (
        "uidvalidity_stable",
        "UPDATE mailbox_folders SET uidvalidity_first = 7, last_scan_at = $2 WHERE mailbox_id = $1",
        "pass",
    ),
    (
        "uidvalidity_stable",
        "UPDATE mailbox_folders SET uidvalidity_changes = 1, last_scan_at = $2 WHERE mailbox_id = $1",
        "warn",
    ),
    (
        "uidvalidity_stable",
        "UPDATE mailbox_folders SET messages_pending = 1, messages_matched = 49, last_scan_at = $2
         WHERE mailbox_id = $1 AND role = 'inbox'",
        "fail",
    ),
    ("folder_map", "", "pass"),
    (
        "folder_map",
        "UPDATE mailbox_folders SET dest_path = 'INBOX', last_scan_at = $2 WHERE mailbox_id = $1",
        "warn",
    ),
    (
        "folder_map",
        "UPDATE mailbox_folders SET dest_path = '', last_scan_at = $2 WHERE mailbox_id = $1 AND role = 'sent'",
        "fail",
    ),
    ("dns_readiness", "", "warn"),
];

#[tokio::test]
async fn each_measure_moves_its_own_check() -> Result<()> {
    let ready = Ready::new().await?;
    for (id, statement, expected) in MEASURES {
        if !statement.is_empty() {
            ready.measured(statement).await?;
        }
        assert_eq!(ready.check(id).await?, *expected, "{id} after {statement:?}");
    }
    Ok(())
}

#[tokio::test]
async fn an_inventory_keeps_the_gate_shut_until_each_address_is_decided() -> Result<()> {
    let ready = Ready::new().await?;
    let Ready { world, maker, job, .. } = &ready;
    let path = format!("/migration/jobs/{job}/inventory");
    assert_eq!(ready.check("mailbox_coverage").await?, "warn", "nobody gave an inventory");
    world.send(maker, "PUT", &path, json!({"addresses": []})).await?.refused(422, "invalid");
    let viewer = world.user("viewer1", &["viewer"], &[]).await?;
    let list = json!({"addresses": [
        {"address": "ANA@example.com"}, {"address": "bob@example.com"},
        {"address": "all@example.com", "excluded_reason": "a list"},
    ]});
    world.send(&viewer, "PUT", &path, list.clone()).await?.refused(403, "forbidden");
    let stranger = world.user("stranger", &["operator"], &[2]).await?;
    world.send(&stranger, "PUT", &path, list.clone()).await?.refused(404, "not_found");
    let told = world.send(maker, "PUT", &path, list).await?.with(200).json();
    let decided: Vec<bool> =
        told["items"].as_array().unwrap().iter().map(|one| one["decided"] == true).collect();
    assert_eq!(decided, [true, true, false], "all, ana, bob: {told}");
    let gate = ready.gate().await?;
    assert_eq!((&gate["migration_gate"], &gate["dns_allowed"]), (&json!("blocked"), &json!(false)), "{gate}");
    let decide = format!("{path}/decide");
    let bob = |reason: &str| json!({"address": "Bob@example.com", "excluded_reason": reason});
    world.post(maker, &decide, bob("left")).await?.with(200);
    assert_eq!(ready.check("mailbox_coverage").await?, "pass");
    world.post(maker, &decide, bob("")).await?.with(200);
    assert_eq!(ready.check("mailbox_coverage").await?, "fail");
    let nobody = json!({"address": "nobody@example.com", "excluded_reason": "x"});
    world.post(maker, &decide, nobody).await?.refused(404, "not_found");
    // A mailbox of that address decides it; one that is switched off without a word does not.
    let mailbox = world.mailbox(maker, *job, "bob@example.com").await?;
    assert_eq!(ready.check("mailbox_coverage").await?, "pass");
    let off = "UPDATE migration_mailboxes SET enabled = 0 WHERE id = $1";
    world.sql(off, binds![mailbox]).await?;
    assert_eq!(ready.check("mailbox_coverage").await?, "fail");
    let why = "UPDATE migration_mailboxes SET excluded_reason = 'left' WHERE id = $1";
    world.sql(why, binds![mailbox]).await?;
    assert_eq!(ready.check("mailbox_coverage").await?, "pass");
    world.send(maker, "DELETE", &path, json!({})).await?.with(204);
    assert_eq!(ready.check("mailbox_coverage").await?, "warn");
    Ok(())
}

/// Writes what a scan would have: eligible and matched, everything in the inbox.
async fn counted(ready: &Ready, eligible: i64, matched: i64, destination: i64) -> Result<()> {
    let drop = "DELETE FROM mailbox_folders WHERE mailbox_id = $1 AND role = 'sent'";
    ready.world.sql(drop, binds![ready.mailbox]).await?;
    let missing = eligible - matched;
    let folder = "UPDATE mailbox_folders SET role = '', messages_source = $2, messages_matched = $3,
                      messages_pending = $4, messages_missing = $4, messages_dest = $5 WHERE mailbox_id = $1";
    ready.world.sql(folder, binds![ready.mailbox, eligible, matched, missing, destination]).await?;
    let mailbox = "UPDATE migration_mailboxes SET messages_source = $2, messages_matched = $3,
                       messages_pending = $4, messages_missing = $4, messages_dest = $5 WHERE id = $1";
    ready.world.sql(mailbox, binds![ready.mailbox, eligible, matched, missing, destination]).await
}

#[tokio::test]
async fn whole_numbers_decide_and_new_mail_at_the_destination_hides_no_loss() -> Result<()> {
    for (eligible, matched, destination, ratio, percent) in [
        (10_000, 9_899, 9_899, "fail", 98.99),
        (10_000, 9_900, 9_900, "pass", 99.0),
        (100_000, 99_999, 99_999, "pass", 99.99),
        (10_000, 10_000, 10_000, "pass", 100.0),
        (1_000, 900, 1_050, "fail", 90.0),
        (0, 0, 5_000, "pass", 100.0),
    ] {
        let ready = Ready::new().await?;
        counted(&ready, eligible, matched, destination).await?;
        let gate = ready.gate().await?;
        assert_eq!(ready.check("count_ratio").await?, ratio, "{matched} of {eligible}: {gate}");
        assert_eq!(gate["sync_percent"], percent, "{matched} of {eligible}: {gate}");
        assert_eq!(gate["dns_allowed"], false, "nobody approved: {gate}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_unknown_broken_or_old_blocks() -> Result<()> {
    for (what, statement) in [
        (
            "run_integrity",
            "UPDATE mailbox_folders SET messages_matched = 51 WHERE mailbox_id = $1 AND role = 'inbox'",
        ),
        ("run_integrity", "UPDATE migration_mailboxes SET messages_source = 101 WHERE id = $1"),
        ("count_ratio", "UPDATE migration_mailboxes SET has_scan = 0 WHERE id = $1"),
        ("count_ratio", "UPDATE mailbox_folders SET last_scan_at = '' WHERE mailbox_id = $1 AND role = ''"),
        ("inbox_complete", "DELETE FROM mailbox_folders WHERE mailbox_id = $1 AND role = 'inbox'"),
        ("delta_pending", "UPDATE migration_mailboxes SET last_delta_at = '' WHERE id = $1"),
        ("delta_pending", "UPDATE migration_mailboxes SET last_delta_status = 'failed' WHERE id = $1"),
        (
            "delta_pending",
            "UPDATE migration_mailboxes SET last_delta_at = '2020-01-01T00:00:00.000Z' WHERE id = $1",
        ),
        (
            "delta_pending",
            "UPDATE migration_mailboxes SET last_delta_at = '2099-01-01T00:00:00.000Z' WHERE id = $1",
        ),
        (
            "credentials_valid",
            "UPDATE migration_mailboxes SET error_class = 'auth.bad_credentials' WHERE id = $1",
        ),
        ("credentials_valid", "UPDATE migration_mailboxes SET source_login_ok_at = '' WHERE id = $1"),
        (
            "credentials_valid",
            "UPDATE migration_mailboxes SET dest_login_ok_at = '2020-01-01T00:00:00.000Z' WHERE id = $1",
        ),
    ] {
        let ready = Ready::new().await?;
        if statement.contains("role = ''") {
            let more =
                "INSERT INTO mailbox_folders (mailbox_id, source_path, dest_path) VALUES ($1, 'A', 'A')";
            ready.world.sql(more, binds![ready.mailbox]).await?;
        }
        ready.world.sql(statement, binds![ready.mailbox]).await?;
        assert_eq!(ready.check(what).await?, "fail", "{statement}");
        let gate = ready.gate().await?;
        assert_eq!(
            (&gate["migration_gate"], &gate["dns_allowed"]),
            (&json!("blocked"), &json!(false)),
            "{statement}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn two_approvals_at_once_leave_one_open_gate_and_no_third_state() -> Result<()> {
    let ready = Ready::new().await?;
    let second = ready.world.user("second", &["ops_lead"], &[]).await?;
    let seen = ready.gate().await?;
    let wish = json!({"snapshot_hash": seen["snapshot_hash"], "accepted_warnings": seen["warnings"]});
    let path = format!("/migration/jobs/{}/approve-gate", ready.job);
    let (one, two) = tokio::join!(
        ready.world.post(&ready.lead, &path, wish.clone()),
        ready.world.post(&second, &path, wish.clone())
    );
    let told = [one?, two?];
    for answer in &told {
        assert!(matches!(answer.status, 200 | 409 | 503), "{}", answer.text);
    }
    assert!(told.iter().any(|answer| answer.status == 200), "{told:?}");
    let gate = ready.gate().await?;
    assert_eq!((&gate["migration_gate"], &gate["phase"]), (&json!("ready_for_dns"), &json!("cutover_ready")));
    let history =
        ready.world.get(&ready.lead, &format!("/migration/jobs/{}/gate?history=true", ready.job)).await?;
    let decisions = history.json()["decisions"].as_array().map_or(0, Vec::len);
    assert_eq!(
        decisions,
        told.iter().filter(|answer| answer.status == 200).count(),
        "each word is kept, once"
    );
    Ok(())
}

#[tokio::test]
async fn a_clock_that_jumps_opens_nothing() -> Result<()> {
    const HOUR: i64 = 3_600_000;
    for (jump, is_open) in
        [(0, true), (HOUR, true), (-HOUR, false), (100 * HOUR, false), (-100 * HOUR, false)]
    {
        let ready = Ready::new().await?;
        let seen = ready.gate().await?;
        let wish = json!({"snapshot_hash": seen["snapshot_hash"], "accepted_warnings": seen["warnings"]});
        let path = format!("/migration/jobs/{}/approve-gate", ready.job);
        ready.world.post(&ready.lead, &path, wish).await?.with(200);
        ready.world.pass(jump);
        let program = ready.world.program(&["gate:read"], None).await?;
        let ask = || ready.world.get(&program, "/migration/gate?domain=example.com");
        let told = ask().await?.with(200).json();
        assert_eq!(told["dns_allowed"], is_open, "{jump}: {told}");
        if jump > 0 && !is_open {
            // Set right again, the clock does not bring back an approval that was found void.
            ready.world.pass(-jump);
            let told = ask().await?.with(200).json();
            assert_eq!(told["dns_allowed"], false, "{jump} and back: {told}");
        }
    }
    Ok(())
}
