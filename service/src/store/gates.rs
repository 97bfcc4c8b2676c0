//! What the gate is computed from, what it came to, and who approved it, as rows.
//! Never decides: plan does.

use std::collections::BTreeMap;

use super::retries::stands;
use super::{Result, Row, Store, Transaction};
use crate::binds;

/// Open and acknowledged items of each mailbox, as people left them; one that nobody stands for is open. Binds: job.
const QUARANTINE: &str = concat!(
    "SELECT its.mailbox_id, its.folder_path, its.status, COUNT(*)
     FROM (SELECT item.mailbox_id, item.folder_path,
                  CASE WHEN item.status = 'acknowledged' AND NOT ",
    stands!("item"),
    " THEN 'open' ELSE item.status END AS status
           FROM quarantine_items AS item
           WHERE item.job_id = $1 AND item.status IN ('open', 'acknowledged', 'retrying')) AS its
     GROUP BY its.mailbox_id, its.folder_path, its.status"
);
/// Runs at work, runs that died since the last scan, and the dead who still hold a lease. Binds: job, now_ms.
const RUNS: &str = "
    SELECT COUNT(CASE WHEN run.status = 'running' AND run.run_type <> 'preflight' THEN 1 END),
           COUNT(CASE WHEN run.status = 'failed' AND run.error_class = 'internal'
                       AND COALESCE(run.finished_at, '') >= box.last_scan_at THEN 1 END)
    FROM migration_runs AS run LEFT JOIN migration_mailboxes AS box ON box.id = run.mailbox_id
    WHERE run.job_id = $1";
/// What of the job itself counts. Binds: job.
const JOB: &str = "
    SELECT phase, migration_gate, dns_plan_hash, options_json, created_by, domain, gate_evaluated_at,
           COALESCE(approved_by, ''), COALESCE(approved_at, '')
    FROM migration_jobs WHERE id = $1 AND deleted_at = ''";
/// Binds: job.
const EMAILS: &str = "SELECT id, email FROM migration_mailboxes WHERE job_id = $1";
/// The last decision, with what of its snapshot it is held against. Binds: job.
const DECISION: &str = "
    SELECT approval.id, approval.decision, approval.approver, approval.created_at, approval.voided_ms,
           CASE approval.seen_json WHEN '' THEN COALESCE(snapshot.inputs_json, '') ELSE approval.seen_json END,
           approval.snapshot_hash
    FROM gate_approvals AS approval LEFT JOIN gate_snapshots AS snapshot ON snapshot.id = approval.snapshot_id
    WHERE approval.job_id = $1 ORDER BY approval.created_at DESC, approval.id DESC LIMIT 1";
/// Binds: job.
const DECISIONS: &str = "
    SELECT id, decision, approver, comment, accepted_warnings_json, snapshot_hash, voided_ms, void_reason, created_at
    FROM gate_approvals WHERE job_id = $1 ORDER BY created_at DESC, id DESC LIMIT 200";
/// Who acknowledged items of a job. Binds: job, actor.
const HAS_ACKNOWLEDGED: &str = "
    SELECT COUNT(*) FROM quarantine_acknowledgements AS ack JOIN quarantine_items AS item ON item.id = ack.item_id
    WHERE item.job_id = $1 AND ack.actor = $2 AND ack.revoked_at = ''";
/// Binds: job.
const LAST_SNAPSHOT: &str = "
    SELECT id, snapshot_hash, migration_gate, evaluated_ms FROM gate_snapshots WHERE job_id = $1
    ORDER BY evaluated_ms DESC, created_at DESC LIMIT 1";
/// Binds: id, job, hash, inputs, gate, percent, now_ms.
const INSERT_SNAPSHOT: &str = "
    INSERT INTO gate_snapshots (id, job_id, snapshot_hash, inputs_json, migration_gate, sync_percent, evaluated_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
/// Binds: id, now_ms.
const AGAIN: &str = "UPDATE gate_snapshots SET evaluated_ms = $2 WHERE id = $1";
/// The job's own checks as they were last written. Binds: job.
const LAST_CHECKS: &str = "
    SELECT check_id, status, message, critical, details_json, checked_at FROM migration_gate_checks
    WHERE job_id = $1 AND mailbox_id IS NULL AND snapshot_id =
        (SELECT its.id FROM gate_snapshots AS its WHERE its.job_id = $1
         ORDER BY its.evaluated_ms DESC, its.created_at DESC LIMIT 1)
    ORDER BY id";
/// Binds: id, job, snapshot, hash, decision, approver, comment, accepted, expires_ms, now_at, seen.
const INSERT_DECISION: &str = "
    INSERT INTO gate_approvals (id, job_id, snapshot_id, snapshot_hash, decision, approver, comment,
                                accepted_warnings_json, expires_ms, created_at, seen_json)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
/// Binds: id, now_ms, reason.
const VOID: &str =
    "UPDATE gate_approvals SET voided_ms = $2, void_reason = $3 WHERE id = $1 AND voided_ms = 0";
/// Binds: job, gate, approver or NULL, when or NULL, now_at.
const SET_GATE: &str = "
    UPDATE migration_jobs SET migration_gate = $2, approved_by = $3, approved_at = $4, gate_evaluated_at = $5
    WHERE id = $1 AND deleted_at = ''";
/// Locks a job's row, where the engine knows row locks; else the transaction that writes is alone anyway. Binds: job.
const LOCK: &str = "UPDATE migration_jobs SET version = version WHERE id = $1 AND deleted_at = ''";
/// Binds: job.
const HISTORY: &str = "
    SELECT id, snapshot_hash, migration_gate, sync_percent, evaluated_ms, created_at FROM gate_snapshots
    WHERE job_id = $1 ORDER BY evaluated_ms DESC LIMIT 200";
/// Jobs whose gate is to be looked at by the clock. Binds: evaluated before.
const DUE: &str = "
    SELECT id FROM migration_jobs WHERE deleted_at = '' AND phase IN ('delta_sync', 'cutover_ready')
      AND gate_evaluated_at < $1 ORDER BY gate_evaluated_at LIMIT 100";

/// Every query of this file, for the test that prepares them.
pub const QUERIES: &[&str] = &[
    EMAILS,
    QUARANTINE,
    RUNS,
    JOB,
    DECISION,
    DECISIONS,
    HAS_ACKNOWLEDGED,
    LAST_SNAPSHOT,
    INSERT_SNAPSHOT,
    AGAIN,
    LAST_CHECKS,
    INSERT_DECISION,
    VOID,
    SET_GATE,
    LOCK,
    HISTORY,
    DUE,
];

/// A job as the gate sees it.
#[expect(missing_docs, reason = "each field is the column of its name in migration_jobs")]
pub struct GateJob {
    pub phase: String,
    pub migration_gate: String,
    pub dns_plan_hash: String,
    pub options_json: String,
    pub created_by: String,
    pub domain: String,
    pub gate_evaluated_at: String,
    pub approved_by: String,
    pub approved_at: String,
}

/// Quarantined items of one folder: mailbox, folder, status, how many.
pub struct GateItems {
    /// The mailbox.
    pub mailbox_id: i64,
    /// The folder.
    pub folder_path: String,
    /// `open`, `acknowledged` or `retrying`.
    pub status: String,
    /// How many.
    pub count: u64,
}

/// The last decision about a gate.
pub struct DecisionRow {
    /// Its id.
    pub id: String,
    /// `approved`, `rejected` or `revoked`.
    pub decision: String,
    /// Who.
    pub approver: String,
    /// When.
    pub created_at: String,
    /// It was found void.
    pub is_void: bool,
    /// What of the snapshot it is held against, as JSON; empty where that is gone.
    pub seen_json: String,
    /// Its digest.
    pub snapshot_hash: String,
}

impl Transaction {
    /// Keeps others from evaluating the same job meanwhile; false where there is none.
    pub async fn lock_gate(&mut self, job: i64) -> Result<bool> {
        Ok(self.run("locking a job", LOCK, binds![job]).await? > 0)
    }

    /// What of the job itself counts.
    pub async fn gate_job(&mut self, job: i64) -> Result<Option<GateJob>> {
        let row = self.one("reading a job", JOB, binds![job]).await?;
        row.map(|row| {
            Ok(GateJob {
                phase: row.text(0)?,
                migration_gate: row.text(1)?,
                dns_plan_hash: row.text(2)?,
                options_json: row.text(3)?,
                created_by: row.text(4)?,
                domain: row.text(5)?,
                gate_evaluated_at: row.text(6)?,
                approved_by: row.text(7)?,
                approved_at: row.text(8)?,
            })
        })
        .transpose()
    }

    /// Their quarantined items.
    pub async fn gate_items(&mut self, job: i64) -> Result<Vec<GateItems>> {
        let read = |row: &Row| {
            Ok(GateItems {
                mailbox_id: row.int(0)?,
                folder_path: row.text(1)?,
                status: row.text(2)?,
                count: row.count(3)?,
            })
        };
        self.all("counting quarantined items", QUARANTINE, binds![job]).await?.iter().map(read).collect()
    }

    /// Runs at work, and runs that died since the last scan.
    pub async fn gate_runs(&mut self, job: i64) -> Result<(u64, u64)> {
        let row = self.one("counting runs", RUNS, binds![job]).await?;
        row.map_or(Ok((0, 0)), |row| Ok((row.count(0)?, row.count(1)?)))
    }

    /// The last decision.
    pub async fn gate_decision(&mut self, job: i64) -> Result<Option<DecisionRow>> {
        let row = self.one("reading a decision", DECISION, binds![job]).await?;
        row.map(|row| {
            Ok(DecisionRow {
                id: row.text(0)?,
                decision: row.text(1)?,
                approver: row.text(2)?,
                created_at: row.text(3)?,
                is_void: row.int(4)? > 0,
                seen_json: row.text(5)?,
                snapshot_hash: row.text(6)?,
            })
        })
        .transpose()
    }

    /// True where somebody acknowledged an item of the job.
    pub async fn has_acknowledged(&mut self, job: i64, actor: &str) -> Result<bool> {
        let row = self.one("counting acknowledgements", HAS_ACKNOWLEDGED, binds![job, actor]).await?;
        row.map_or(Ok(false), |row| Ok(row.int(0)? > 0))
    }

    /// The last snapshot.
    pub async fn last_snapshot(&mut self, job: i64) -> Result<Option<LastSnapshot>> {
        let row = self.one("reading a snapshot", LAST_SNAPSHOT, binds![job]).await?;
        let read = |row: Row| {
            Ok(LastSnapshot {
                id: row.text(0)?,
                hash: row.text(1)?,
                gate: row.text(2)?,
                evaluated_ms: row.int(3)?,
            })
        };
        row.map(read).transpose()
    }

    /// Notes that a snapshot still is what is seen.
    pub async fn seen_again(&mut self, snapshot: &str, now_ms: i64) -> Result<()> {
        self.run("noting a snapshot", AGAIN, binds![snapshot, now_ms]).await.map(|_| ())
    }

    /// Writes a snapshot.
    pub async fn insert_snapshot(&mut self, new: &NewSnapshot<'_>) -> Result<()> {
        let binds = binds![new.id, new.job, new.hash, new.inputs_json, new.gate, new.percent, new.now_ms];
        self.run("writing a snapshot", INSERT_SNAPSHOT, binds).await.map(|_| ())
    }

    /// Writes a decision.
    pub async fn insert_decision(&mut self, new: &NewDecision<'_>) -> Result<()> {
        let binds = binds![
            new.id,
            new.job,
            new.snapshot,
            new.hash,
            new.decision,
            new.approver,
            new.comment,
            new.accepted_json,
            new.expires_ms,
            new.now_at,
            new.seen_json,
        ];
        self.run("writing a decision", INSERT_DECISION, binds).await.map(|_| ())
    }

    /// Notes that an approval no longer holds: it does not come back.
    pub async fn void_approval(&mut self, id: &str, now_ms: i64, reason: &str) -> Result<()> {
        self.run("noting a void approval", VOID, binds![id, now_ms, reason]).await.map(|_| ())
    }

    /// Writes what the gate came to.
    pub async fn set_gate(
        &mut self,
        job: i64,
        gate: &str,
        approved: Option<(&str, &str)>,
        now_at: &str,
    ) -> Result<()> {
        let (by, at) = approved.unzip();
        self.run("writing a gate", SET_GATE, binds![job, gate, by, at, now_at]).await.map(|_| ())
    }
}

/// The last snapshot of a job.
#[expect(missing_docs, reason = "each field is the column of its name in gate_snapshots")]
pub struct LastSnapshot {
    pub id: String,
    pub hash: String,
    pub gate: String,
    pub evaluated_ms: i64,
}

/// A snapshot to be written.
#[expect(missing_docs, reason = "each field is the column of its name in gate_snapshots")]
pub struct NewSnapshot<'a> {
    pub id: &'a str,
    pub job: i64,
    pub hash: &'a str,
    pub inputs_json: &'a str,
    pub gate: &'a str,
    pub percent: f64,
    pub now_ms: i64,
}

/// A check to be written.
#[expect(missing_docs, reason = "each field is the column of its name in migration_gate_checks")]
pub struct NewCheck<'a> {
    pub id: &'a str,
    pub status: &'a str,
    pub message: &'a str,
    pub is_critical: bool,
    pub mailbox: Option<i64>,
    pub details_json: String,
}

/// A decision to be written.
#[expect(missing_docs, reason = "each field is the column of its name in gate_approvals")]
pub struct NewDecision<'a> {
    pub id: &'a str,
    pub job: i64,
    pub snapshot: &'a str,
    pub hash: &'a str,
    pub decision: &'a str,
    pub approver: &'a str,
    pub comment: &'a str,
    pub accepted_json: &'a str,
    pub expires_ms: i64,
    pub now_at: &'a str,
    pub seen_json: &'a str,
}

/// A check as it was written: the columns in the order of `LAST_CHECKS`.
#[expect(missing_docs, reason = "each field is the column of its name in migration_gate_checks")]
pub struct CheckRow {
    pub check_id: String,
    pub status: String,
    pub message: String,
    pub critical: bool,
    pub details_json: String,
    pub checked_at: String,
}

/// A decision as people see it: the columns in the order of `DECISIONS`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the column of its name in gate_approvals")]
pub struct Decided {
    pub id: String,
    pub decision: String,
    pub approver: String,
    pub comment: String,
    pub accepted_json: String,
    pub snapshot_hash: String,
    pub voided_ms: i64,
    pub void_reason: String,
    pub created_at: String,
}

impl Store {
    /// The addresses of a job's mailboxes, by their numbers.
    pub async fn emails(&self, job: i64) -> Result<BTreeMap<u64, String>> {
        let rows = self.all("reading addresses", EMAILS, binds![job]).await?;
        rows.iter().map(|row| Ok((row.count(0)?, row.text(1)?))).collect()
    }

    /// Every decision about a gate, newest first.
    pub async fn decisions(&self, job: i64) -> Result<Vec<Decided>> {
        let read = |row: &Row| {
            Ok(Decided {
                id: row.text(0)?,
                decision: row.text(1)?,
                approver: row.text(2)?,
                comment: row.text(3)?,
                accepted_json: row.text(4)?,
                snapshot_hash: row.text(5)?,
                voided_ms: row.int(6)?,
                void_reason: row.text(7)?,
                created_at: row.text(8)?,
            })
        };
        self.all("reading decisions", DECISIONS, binds![job]).await?.iter().map(read).collect()
    }

    /// The checks behind what the gate last came to.
    pub async fn last_checks(&self, job: i64) -> Result<Vec<CheckRow>> {
        let read = |row: &Row| {
            Ok(CheckRow {
                check_id: row.text(0)?,
                status: row.text(1)?,
                message: row.text(2)?,
                critical: row.flag(3)?,
                details_json: row.text(4)?,
                checked_at: row.text(5)?,
            })
        };
        self.all("reading checks", LAST_CHECKS, binds![job]).await?.iter().map(read).collect()
    }

    /// What the gate came to before: digest, gate, percent, when.
    pub async fn gate_history(&self, job: i64) -> Result<Vec<(String, String, f64, i64)>> {
        let rows = self.all("reading snapshots", HISTORY, binds![job]).await?;
        rows.iter().map(|row| Ok((row.text(1)?, row.text(2)?, row.real(3)?, row.int(4)?))).collect()
    }

    /// Jobs whose gate was last looked at before a moment.
    pub async fn gates_due(&self, before_at: &str) -> Result<Vec<i64>> {
        self.all("looking for gates", DUE, binds![before_at]).await?.iter().map(|row| row.int(0)).collect()
    }
}
