//! What follows the gate, as rows: sightings of mail exchangers, the confirmed change, the final passes.
//! Never decides which pass comes next, and never asks a name server.

use serde::{Deserialize, Serialize};

use super::retries::stands;
use super::words::{RunStatus, RunType};
use super::{Result, Row, Store, Transaction};
use crate::binds;

/// Writes what a name server said. Binds: job_id, resolver, hosts_json, ttl_seconds, error, is_evidence, at_ms.
const SEE: &str = "
    INSERT INTO dns_sightings (job_id, resolver, hosts_json, ttl_seconds, error, is_evidence, at_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
/// What each name server said last of a job's domain. Binds: job_id.
const LAST_SEEN: &str = "
    SELECT its.resolver, its.hosts_json, its.ttl_seconds, its.error, its.at_ms
    FROM dns_sightings AS its
    WHERE its.job_id = $1 AND its.id = (SELECT MAX(newer.id) FROM dns_sightings AS newer
                                        WHERE newer.job_id = $1 AND newer.resolver = its.resolver)
    ORDER BY its.resolver LIMIT 100";
/// Different answers of a job's domain since a moment, each with the largest TTL that came with it, the newest first.
/// Binds: job_id, since_ms.
const SEEN_SINCE: &str = "
    SELECT hosts_json, CAST(MAX(ttl_seconds) AS BIGINT), MAX(at_ms) FROM dns_sightings
    WHERE job_id = $1 AND at_ms >= $2 AND error = '' GROUP BY hosts_json ORDER BY MAX(at_ms) DESC LIMIT 100";
/// Jobs in one of two phases whose domain nobody has looked at since a moment, those that waited longest first.
/// Binds: phase, another, before_ms.
const UNSEEN: &str = "
    SELECT job.id, job.domain FROM migration_jobs AS job
    WHERE job.deleted_at = '' AND job.phase IN ($1, $2)
      AND COALESCE((SELECT MAX(its.at_ms) FROM dns_sightings AS its WHERE its.job_id = job.id), 0) < $3
    ORDER BY COALESCE((SELECT MAX(its.at_ms) FROM dns_sightings AS its WHERE its.job_id = job.id), 0), job.id LIMIT 20";
/// Forgets what was seen before a moment, but for evidence. Binds: before_ms.
const FORGET_SIGHTINGS: &str = "
    DELETE FROM dns_sightings WHERE at_ms < $1 AND is_evidence = 0";
/// Writes a confirmation. Binds: job_id, expected_json, before_json, vouched_reason, confirmed_by, confirmed_ms,
/// old_ttl_seconds, is_old_ttl_known.
const CONFIRM: &str = "
    INSERT INTO job_cutovers (job_id, expected_json, before_json, vouched_reason, confirmed_by, confirmed_ms,
                              old_ttl_seconds, is_old_ttl_known)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (job_id) DO UPDATE SET expected_json = excluded.expected_json, before_json = excluded.before_json,
        vouched_reason = excluded.vouched_reason, confirmed_by = excluded.confirmed_by,
        confirmed_ms = excluded.confirmed_ms, old_ttl_seconds = excluded.old_ttl_seconds,
        is_old_ttl_known = excluded.is_old_ttl_known, runs_before = -1, accepted_run = 0, accepted_by = '',
        accepted_reason = '', report_json = '', frozen_ms = 0";
/// Notes when DNS was changed. Binds: job_id, at.
const CHANGED: &str = "UPDATE migration_jobs SET dns_cutover_at = $2 WHERE id = $1";
/// Binds: job_id.
const CUTOVER: &str = "
    SELECT its.expected_json, its.before_json, its.vouched_reason, its.confirmed_by, its.confirmed_ms,
           its.old_ttl_seconds, its.is_old_ttl_known, its.runs_before, its.accepted_run, its.accepted_by,
           its.accepted_reason, its.frozen_ms, job.phase, job.is_paused
    FROM job_cutovers AS its JOIN migration_jobs AS job ON job.id = its.job_id
    WHERE its.job_id = $1 AND job.deleted_at = ''";
/// Jobs in a phase whose change of DNS was confirmed. Binds: phase.
const IN_PHASE: &str = "
    SELECT job.id, job.domain FROM migration_jobs AS job JOIN job_cutovers AS its ON its.job_id = job.id
    WHERE job.deleted_at = '' AND job.is_paused = 0 AND job.phase = $1 ORDER BY job.id LIMIT 1000";
/// Notes where the final passes begin. Binds: job_id.
const BEGIN_PASSES: &str = "
    UPDATE job_cutovers
    SET runs_before = COALESCE((SELECT MAX(run.id) FROM migration_runs AS run WHERE run.job_id = $1), 0)
    WHERE job_id = $1";
/// The mailboxes that take part, with what lies open in their quarantine and whether a run of theirs is not over.
/// Binds: job_id.
const PARTS: &str = concat!(
    "
    SELECT box.id, box.email,
           (SELECT COUNT(*) FROM quarantine_items AS item
            WHERE item.mailbox_id = box.id
              AND (item.status IN ('open', 'retrying') OR (item.status = 'acknowledged' AND NOT ",
    stands!("item"),
    "))),
           (SELECT COUNT(*) FROM migration_runs AS run
            WHERE run.mailbox_id = box.id AND run.status IN ('queued', 'running'))
    FROM migration_mailboxes AS box WHERE box.job_id = $1 AND box.enabled = 1 ORDER BY box.id"
);
/// Runs since the final passes began that are over and bear on them, oldest first. Binds: job_id, runs_before.
const PASSES: &str = "
    SELECT mailbox_id, id, run_type, status, stats_json, COALESCE(finished_at, ''), COALESCE(exit_code, -1),
           selection
    FROM migration_runs
    WHERE job_id = $1 AND id > $2 AND mailbox_id IS NOT NULL AND status IN ('success', 'partial', 'failed')
      AND run_type IN ('initial', 'delta', 'final', 'verify', 'pst_upload', 'tgz_import')
    ORDER BY id";
/// Enters a run of one mailbox, or of all that take part where it is 0, unless they have one that is not over. The key
/// of the destination is written as `Mailbox::destination_key` writes it. Binds: job_id, mailbox_id or 0, run_type,
/// tool, options_json, not_before_ms, 1 for a run that copies.
const ENTER: &str = "
    INSERT INTO migration_runs (job_id, mailbox_id, run_type, tool, triggered_by, options_json, not_before_ms,
                                priority, destination_key)
    SELECT box.job_id, box.id, $3, $4, 'worker', $5, $6, box.priority,
           CASE WHEN $7 = 0 THEN '' ELSE
               lower(COALESCE(box.dest_endpoint_id, job.dest_endpoint_id,
                              CASE WHEN box.dest_host = '' THEN job.dest_imap_host ELSE box.dest_host END))
                   || '/' || lower(CASE WHEN box.dest_user = '' THEN box.email ELSE box.dest_user END) END
    FROM migration_mailboxes AS box JOIN migration_jobs AS job ON job.id = box.job_id
    WHERE box.job_id = $1 AND box.enabled = 1 AND ($2 = 0 OR box.id = $2)
    ORDER BY box.priority DESC, box.id
    ON CONFLICT DO NOTHING";
/// Accepts missing copies up to the newest run. Binds: job_id, actor, reason.
const ACCEPT: &str = "
    UPDATE job_cutovers
    SET accepted_run = COALESCE((SELECT MAX(run.id) FROM migration_runs AS run WHERE run.job_id = $1), 0),
        accepted_by = $2, accepted_reason = $3
    WHERE job_id = $1 AND runs_before >= 0";
/// Keeps a job's report, once. Binds: job_id, report_json, now_ms.
const FREEZE: &str = "
    UPDATE job_cutovers SET report_json = $2, frozen_ms = $3 WHERE job_id = $1 AND report_json = ''";
/// Binds: job_id.
const FROZEN: &str =
    "SELECT report_json, frozen_ms FROM job_cutovers WHERE job_id = $1 AND report_json <> ''";
/// Verified or closed jobs whose report was not kept yet. Binds: none.
const UNFROZEN: &str = "
    SELECT job.id FROM migration_jobs AS job JOIN job_cutovers AS its ON its.job_id = job.id
    WHERE job.deleted_at = '' AND job.phase IN ('verified', 'closed') AND its.report_json = '' LIMIT 20";

/// Every query of this file, for the test that prepares them.
pub const QUERIES: &[&str] = &[
    SEE,
    LAST_SEEN,
    SEEN_SINCE,
    UNSEEN,
    FORGET_SIGHTINGS,
    CONFIRM,
    CHANGED,
    CUTOVER,
    IN_PHASE,
    BEGIN_PASSES,
    PARTS,
    PASSES,
    ENTER,
    ACCEPT,
    FREEZE,
    FROZEN,
    UNFROZEN,
];

/// What one name server said of a domain's mail exchangers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// Which server, as `ADDRESS:PORT`.
    pub resolver: String,
    /// The hosts, the preferred first.
    pub hosts: Vec<String>,
    /// For how many seconds others may keep that, the largest of the answer; 0 where none was told.
    pub ttl_seconds: i64,
    /// Why there was no answer; empty for one.
    pub error: String,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

/// A change of DNS that was confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "each field is the column of its name in job_cutovers or migration_jobs")]
pub struct CutoverRow {
    pub expected: Vec<String>,
    pub before: Vec<String>,
    pub vouched_reason: String,
    pub confirmed_by: String,
    pub confirmed_ms: i64,
    pub old_ttl_seconds: i64,
    pub is_old_ttl_known: bool,
    pub runs_before: i64,
    pub accepted_run: i64,
    pub accepted_by: String,
    pub accepted_reason: String,
    pub frozen_ms: i64,
    pub phase: String,
    pub is_paused: bool,
}

/// A mailbox that takes part in the final passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its number.
    pub mailbox_id: i64,
    /// Its address.
    pub email: String,
    /// What lies in its quarantine and nobody accepted.
    pub quarantine_open: u64,
    /// A run of it is not over.
    pub is_at_work: bool,
}

/// A run since the final passes began that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassRow {
    /// Whose.
    pub mailbox_id: i64,
    /// Its number.
    pub id: i64,
    /// What it did.
    pub run_type: RunType,
    /// How it ended.
    pub status: RunStatus,
    /// What it counted.
    pub stats_json: String,
    /// When it ended.
    pub finished_at: String,
    /// What `malote copy` would have ended with; -1 where nobody knows.
    pub exit_code: i64,
    /// The digest of what it was to take; empty where nobody knows.
    pub selection: String,
}

/// A run to be entered by the clock.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Which mailbox; 0 for all that take part.
    pub mailbox_id: i64,
    /// What it shall do.
    pub run_type: RunType,
    /// What is wanted of it, as JSON.
    pub options_json: &'a str,
    /// Not before this moment, in milliseconds since 1970 by the database's clock.
    pub not_before_ms: i64,
}

fn hosts(text: &str) -> Vec<String> {
    // Written here and nowhere else: what cannot be read is no host.
    serde_json::from_str(text).unwrap_or_default()
}

fn sighting(row: &Row) -> Result<Sighting> {
    Ok(Sighting {
        resolver: row.text(0)?,
        hosts: hosts(row.str(1)?),
        ttl_seconds: row.int(2)?,
        error: row.text(3)?,
        at_ms: row.int(4)?,
    })
}

fn numbered(row: &Row) -> Result<(i64, String)> {
    Ok((row.int(0)?, row.text(1)?))
}

impl Transaction {
    /// Writes what name servers said.
    pub async fn see(&mut self, job: i64, seen: &[Sighting], is_evidence: bool) -> Result<()> {
        for one in seen {
            let list = serde_json::json!(one.hosts).to_string();
            let binds = binds![job, &one.resolver, list, one.ttl_seconds, &one.error, is_evidence, one.at_ms];
            self.run("writing what a name server said", SEE, binds).await?;
        }
        Ok(())
    }

    /// Different answers since a moment, each with the largest TTL that came with it, the newest first.
    pub async fn seen_since(&mut self, job: i64, since_ms: i64) -> Result<Vec<(Vec<String>, i64)>> {
        let rows = self.all("reading what name servers said", SEEN_SINCE, binds![job, since_ms]).await?;
        rows.iter().map(|row| Ok((hosts(row.str(0)?), row.int(1)?))).collect()
    }

    /// Writes a confirmation, and when DNS was changed.
    pub async fn confirm_cutover(&mut self, job: i64, row: &CutoverRow) -> Result<()> {
        let binds = binds![
            job,
            serde_json::json!(row.expected).to_string(),
            serde_json::json!(row.before).to_string(),
            &row.vouched_reason,
            &row.confirmed_by,
            row.confirmed_ms,
            row.old_ttl_seconds,
            row.is_old_ttl_known,
        ];
        self.run("writing a confirmation", CONFIRM, binds).await?;
        let changed = binds![job, super::at(row.confirmed_ms)];
        self.run("noting a change of DNS", CHANGED, changed).await.map(|_| ())
    }

    /// What was confirmed, with the job's phase.
    pub async fn cutover(&mut self, job: i64) -> Result<Option<CutoverRow>> {
        let row = self.one("reading a cutover", CUTOVER, binds![job]).await?;
        row.as_ref().map(cutover).transpose()
    }

    /// Notes that the final passes begin: runs from here on count.
    pub async fn begin_passes(&mut self, job: i64) -> Result<()> {
        self.run("noting where final passes begin", BEGIN_PASSES, binds![job]).await.map(|_| ())
    }

    /// The mailboxes that take part.
    pub async fn parts(&mut self, job: i64) -> Result<Vec<Part>> {
        let read = |row: &Row| {
            Ok(Part {
                mailbox_id: row.int(0)?,
                email: row.text(1)?,
                quarantine_open: row.count(2)?,
                is_at_work: row.int(3)? > 0,
            })
        };
        self.all("reading mailboxes", PARTS, binds![job]).await?.iter().map(read).collect()
    }

    /// Runs since the final passes began that are over, oldest first.
    pub async fn passes(&mut self, job: i64, runs_before: i64) -> Result<Vec<PassRow>> {
        let read = |row: &Row| {
            Ok(PassRow {
                mailbox_id: row.int(0)?,
                id: row.int(1)?,
                run_type: RunType::parse(row.str(2)?)?,
                status: RunStatus::parse(row.str(3)?)?,
                stats_json: row.text(4)?,
                finished_at: row.text(5)?,
                exit_code: row.int(6)?,
                selection: row.text(7)?,
            })
        };
        self.all("reading final passes", PASSES, binds![job, runs_before]).await?.iter().map(read).collect()
    }

    /// Enters a run of one mailbox or of all, unless they have one that is not over; how many.
    pub async fn enter_run(&mut self, job: i64, entry: &Entry<'_>) -> Result<u64> {
        let run_type = entry.run_type;
        let binds = binds![
            job,
            entry.mailbox_id,
            run_type.as_str(),
            run_type.tool(),
            entry.options_json,
            entry.not_before_ms,
            i64::from(run_type.is_copy()),
        ];
        self.run("entering a run", ENTER, binds).await
    }

    /// Accepts copies that are missing at the destination, up to the newest run; false where no final pass began.
    pub async fn accept_missing(&mut self, job: i64, actor: &str, reason: &str) -> Result<bool> {
        Ok(self.run("accepting missing copies", ACCEPT, binds![job, actor, reason]).await? > 0)
    }
}

fn cutover(row: &Row) -> Result<CutoverRow> {
    Ok(CutoverRow {
        expected: hosts(row.str(0)?),
        before: hosts(row.str(1)?),
        vouched_reason: row.text(2)?,
        confirmed_by: row.text(3)?,
        confirmed_ms: row.int(4)?,
        old_ttl_seconds: row.int(5)?,
        is_old_ttl_known: row.flag(6)?,
        runs_before: row.int(7)?,
        accepted_run: row.int(8)?,
        accepted_by: row.text(9)?,
        accepted_reason: row.text(10)?,
        frozen_ms: row.int(11)?,
        phase: row.text(12)?,
        is_paused: row.flag(13)?,
    })
}

impl Store {
    /// What each name server said last.
    pub async fn last_seen(&self, job: i64) -> Result<Vec<Sighting>> {
        let rows = self.all("reading what name servers said", LAST_SEEN, binds![job]).await?;
        rows.iter().map(sighting).collect()
    }

    /// What was confirmed of a job, with its phase.
    pub async fn cutover(&self, job: i64) -> Result<Option<CutoverRow>> {
        self.one("reading a cutover", CUTOVER, binds![job]).await?.as_ref().map(cutover).transpose()
    }

    /// Jobs in one of two phases whose domain was not looked at since a moment: number and domain, twenty at most.
    pub async fn unseen(&self, phases: (&str, &str), before_ms: i64) -> Result<Vec<(i64, String)>> {
        let rows = self.all("looking for domains", UNSEEN, binds![phases.0, phases.1, before_ms]).await?;
        rows.iter().map(numbered).collect()
    }

    /// Jobs in a phase whose change of DNS was confirmed and that are not paused: number and domain.
    pub async fn cutovers_in(&self, phase: &str) -> Result<Vec<(i64, String)>> {
        self.all("looking for cutovers", IN_PHASE, binds![phase]).await?.iter().map(numbered).collect()
    }

    /// Forgets what was seen before a moment, but for evidence.
    pub async fn forget_sightings(&self, before_ms: i64) -> Result<()> {
        self.run("forgetting what was seen", FORGET_SIGHTINGS, binds![before_ms]).await.map(|_| ())
    }

    /// Keeps a job's report, where none is kept yet.
    pub async fn freeze_report(&self, job: i64, report_json: &str, now_ms: i64) -> Result<()> {
        self.run("keeping a report", FREEZE, binds![job, report_json, now_ms]).await.map(|_| ())
    }

    /// A job's report as it was when all was verified, and when it was kept, in milliseconds since 1970.
    pub async fn frozen_report(&self, job: i64) -> Result<Option<(String, i64)>> {
        let row = self.one("reading a kept report", FROZEN, binds![job]).await?;
        row.map(|row| Ok((row.text(0)?, row.int(1)?))).transpose()
    }

    /// Verified or closed jobs whose report was not kept yet.
    pub async fn unfrozen(&self) -> Result<Vec<i64>> {
        self.all("looking for reports", UNFROZEN, Vec::new()).await?.iter().map(|row| row.int(0)).collect()
    }
}
