//! The ticket's hook, what it is to tell and how each try ended, as rows.
//! Never holds a secret in clear, and never sends.

use serde::Serialize;

use super::{Result, Row, Store, Transaction};
use crate::binds;

/// Binds: none.
const HOOK: &str = "
    SELECT url, public_url, networks_json, secret_sealed, secret_before_sealed, before_until_ms, enabled,
           disabled_reason, changed_by, changed_ms
    FROM ticket_hooks WHERE id = 'ticket'";
/// Binds: the columns in their order.
const PUT_HOOK: &str = "
    INSERT INTO ticket_hooks (id, url, public_url, networks_json, secret_sealed, secret_before_sealed,
                              before_until_ms, enabled, disabled_reason, changed_by, changed_ms)
    VALUES ('ticket', $1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (id) DO UPDATE SET url = excluded.url, public_url = excluded.public_url,
        networks_json = excluded.networks_json, secret_sealed = excluded.secret_sealed,
        secret_before_sealed = excluded.secret_before_sealed, before_until_ms = excluded.before_until_ms,
        enabled = excluded.enabled, disabled_reason = excluded.disabled_reason,
        changed_by = excluded.changed_by, changed_ms = excluded.changed_ms";
/// Binds: none.
const DROP_HOOK: &str = "DELETE FROM ticket_hooks WHERE id = 'ticket'";
/// Binds: reason, now_ms.
const DISABLE: &str =
    "UPDATE ticket_hooks SET enabled = 0, disabled_reason = $1, changed_ms = $2 WHERE id = 'ticket'";
/// What an event says of a job: its own columns, the last snapshot, the sums of its enabled mailboxes. Binds: job.
const SUBJECT: &str = "
    SELECT job.ticket_id, COALESCE(job.tenant_id, 0), job.domain, job.phase, job.migration_gate, job.approved_by,
           job.approved_at,
           COALESCE((SELECT its.snapshot_hash FROM gate_snapshots AS its WHERE its.job_id = job.id
                     ORDER BY its.evaluated_ms DESC, its.created_at DESC LIMIT 1), ''),
           CAST((SELECT COALESCE(SUM(box.messages_source), 0) FROM migration_mailboxes AS box
                 WHERE box.job_id = job.id AND box.enabled = 1) AS BIGINT),
           CAST((SELECT COALESCE(SUM(box.messages_matched), 0) FROM migration_mailboxes AS box
                 WHERE box.job_id = job.id AND box.enabled = 1) AS BIGINT),
           (SELECT COUNT(*) FROM migration_mailboxes AS box
            WHERE box.job_id = job.id AND box.enabled = 1 AND box.has_scan = 1),
           (SELECT COUNT(*) FROM migration_mailboxes AS box WHERE box.job_id = job.id AND box.enabled = 1)
    FROM migration_jobs AS job WHERE job.id = $1 AND job.deleted_at = ''";
/// Binds: id, job, event, body, now_ms.
const ENTER: &str = "
    INSERT INTO hook_outbox (id, job_id, event, body, due_ms, created_ms) VALUES ($1, $2, $3, $4, $5, $5)";
/// Takes one event that is due, and holds it until a moment. Binds: now_ms, until_ms.
const CLAIM: &str = "
    UPDATE hook_outbox SET due_ms = $2, attempts = attempts + 1
    WHERE id = (SELECT id FROM hook_outbox WHERE state = 'waiting' AND due_ms <= $1 ORDER BY due_ms, id LIMIT 1)
      AND state = 'waiting' AND due_ms <= $1    -- asked again: another may have won the row
    RETURNING id, job_id, event, body, attempts";
/// Binds: id, attempt, status, error, at_ms, duration_ms.
const NOTE: &str = "
    INSERT INTO hook_deliveries (outbox_id, attempt, status, error, at_ms, duration_ms)
    VALUES ($1, $2, $3, $4, $5, $6)";
/// What becomes of an event after a try, where nobody else has tried since.
/// Binds: id, attempt, state, due_ms, finished_ms.
const SETTLE: &str = "
    UPDATE hook_outbox SET state = $3, due_ms = $4, finished_ms = $5 WHERE id = $1 AND attempts = $2";
/// Tells an event once more. Binds: id, job, now_ms.
const REPLAY: &str = "
    UPDATE hook_outbox SET state = 'waiting', due_ms = $3, finished_ms = 0
    WHERE id = $1 AND job_id = $2 AND state <> 'waiting'";
/// Binds: job.
const EVENTS: &str = "
    SELECT id, event, state, attempts, due_ms, created_ms, finished_ms FROM hook_outbox
    WHERE job_id = $1 ORDER BY created_ms DESC, id LIMIT 200";
/// Binds: job.
const TRIES: &str = "
    SELECT its.outbox_id, its.attempt, its.status, its.error, its.at_ms, its.duration_ms
    FROM hook_deliveries AS its JOIN hook_outbox AS event ON event.id = its.outbox_id
    WHERE event.job_id = $1 ORDER BY its.at_ms DESC, its.attempt DESC LIMIT 1000";

/// Every query of this file, for the test that prepares them.
pub const QUERIES: &[&str] =
    &[HOOK, PUT_HOOK, DROP_HOOK, DISABLE, SUBJECT, ENTER, CLAIM, NOTE, SETTLE, REPLAY, EVENTS, TRIES];

/// The hook.
#[derive(Clone)]
#[expect(missing_docs, reason = "each field is the column of its name in ticket_hooks")]
pub struct HookRow {
    pub url: String,
    pub public_url: String,
    pub networks_json: String,
    pub secret_sealed: String,
    pub secret_before_sealed: String,
    pub before_until_ms: i64,
    pub enabled: bool,
    pub disabled_reason: String,
    pub changed_by: String,
    pub changed_ms: i64,
}

/// What an event says of its job.
#[expect(
    missing_docs,
    reason = "each field is the column of its name, or the sum of its name over the mailboxes"
)]
pub struct Subject {
    pub ticket_id: Option<i64>,
    pub tenant_id: i64,
    pub domain: String,
    pub phase: String,
    pub migration_gate: String,
    pub approved_by: Option<String>,
    pub approved_at: Option<String>,
    pub snapshot_hash: String,
    pub messages_source: u64,
    pub messages_matched: u64,
    pub mailboxes_scanned: u64,
    pub mailboxes: u64,
}

/// An event that was taken to be told.
#[expect(missing_docs, reason = "each field is the column of its name in hook_outbox")]
pub struct Claimed {
    pub id: String,
    pub job_id: i64,
    pub event: String,
    pub body: String,
    pub attempts: i64,
}

/// An event as people see it.
#[derive(Serialize)]
#[expect(missing_docs, reason = "each field is the column of its name in hook_outbox")]
pub struct EventRow {
    pub id: String,
    pub event: String,
    pub state: String,
    pub attempts: i64,
    pub due_ms: i64,
    pub created_ms: i64,
    pub finished_ms: i64,
}

/// One try.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "each field is the column of its name in hook_deliveries")]
pub struct Try {
    pub outbox_id: String,
    pub attempt: i64,
    pub status: i64,
    pub error: String,
    pub at_ms: i64,
    pub duration_ms: i64,
}

fn hook(row: &Row) -> Result<HookRow> {
    Ok(HookRow {
        url: row.text(0)?,
        public_url: row.text(1)?,
        networks_json: row.text(2)?,
        secret_sealed: row.text(3)?,
        secret_before_sealed: row.text(4)?,
        before_until_ms: row.int(5)?,
        enabled: row.flag(6)?,
        disabled_reason: row.text(7)?,
        changed_by: row.text(8)?,
        changed_ms: row.int(9)?,
    })
}

impl Transaction {
    /// The hook, where there is one.
    pub async fn ticket_hook(&mut self) -> Result<Option<HookRow>> {
        self.one("reading the ticket's hook", HOOK, binds![]).await?.as_ref().map(hook).transpose()
    }

    /// What an event says of a job, as it stands in this transaction.
    pub async fn hook_subject(&mut self, job: i64) -> Result<Option<Subject>> {
        let row = self.one("reading a job for its ticket", SUBJECT, binds![job]).await?;
        row.map(|row| {
            Ok(Subject {
                ticket_id: row.int_or_null(0)?,
                tenant_id: row.int(1)?,
                domain: row.text(2)?,
                phase: row.text(3)?,
                migration_gate: row.text(4)?,
                approved_by: row.text_or_null(5)?,
                approved_at: row.text_or_null(6)?,
                snapshot_hash: row.text(7)?,
                messages_source: row.count(8)?,
                messages_matched: row.count(9)?,
                mailboxes_scanned: row.count(10)?,
                mailboxes: row.count(11)?,
            })
        })
        .transpose()
    }

    /// Enters an event that is to be told: its id, job, name, body, and when.
    pub async fn enter_event(
        &mut self,
        id: &str,
        job: i64,
        (event, body): (&str, &str),
        now_ms: i64,
    ) -> Result<()> {
        self.run("entering an event", ENTER, binds![id, job, event, body, now_ms]).await.map(|_| ())
    }
}

impl Store {
    /// The hook, where there is one.
    ///
    /// # Errors
    /// What the database says.
    pub async fn ticket_hook(&self) -> Result<Option<HookRow>> {
        self.one("reading the ticket's hook", HOOK, binds![]).await?.as_ref().map(hook).transpose()
    }

    /// Sets the hook.
    ///
    /// # Errors
    /// What the database says.
    pub async fn put_ticket_hook(&self, new: &HookRow) -> Result<()> {
        let binds = binds![
            &new.url,
            &new.public_url,
            &new.networks_json,
            &new.secret_sealed,
            &new.secret_before_sealed,
            new.before_until_ms,
            new.enabled,
            &new.disabled_reason,
            &new.changed_by,
            new.changed_ms,
        ];
        self.run("setting the ticket's hook", PUT_HOOK, binds).await.map(|_| ())
    }

    /// Takes the hook away; false where there was none.
    ///
    /// # Errors
    /// What the database says.
    pub async fn drop_ticket_hook(&self) -> Result<bool> {
        Ok(self.run("removing the ticket's hook", DROP_HOOK, binds![]).await? > 0)
    }

    /// Switches the hook off.
    ///
    /// # Errors
    /// What the database says.
    pub async fn disable_ticket_hook(&self, reason: &str, now_ms: i64) -> Result<()> {
        self.run("switching the ticket's hook off", DISABLE, binds![reason, now_ms]).await.map(|_| ())
    }

    /// Takes one event that is due; it is due again at `until_ms` unless it is settled.
    ///
    /// # Errors
    /// What the database says.
    pub async fn claim_event(&self, now_ms: i64, until_ms: i64) -> Result<Option<Claimed>> {
        let row = self.one("taking an event", CLAIM, binds![now_ms, until_ms]).await?;
        row.map(|row| {
            Ok(Claimed {
                id: row.text(0)?,
                job_id: row.int(1)?,
                event: row.text(2)?,
                body: row.text(3)?,
                attempts: row.int(4)?,
            })
        })
        .transpose()
    }

    /// Notes how a try ended, and what becomes of its event: the state, when it is due, when it was finished.
    ///
    /// # Errors
    /// What the database says; nothing of it stands then.
    pub async fn settle_event(
        &self,
        own: &Try,
        (state, due_ms, finished_ms): (&str, i64, i64),
    ) -> Result<()> {
        let mut transaction = self.begin().await?;
        let note = binds![&own.outbox_id, own.attempt, own.status, &own.error, own.at_ms, own.duration_ms];
        transaction.run("noting a delivery", NOTE, note).await?;
        let settle = binds![&own.outbox_id, own.attempt, state, due_ms, finished_ms];
        transaction.run("settling an event", SETTLE, settle).await?;
        transaction.commit().await
    }

    /// Tells a finished event of a job once more, by the same id; false where there is none.
    ///
    /// # Errors
    /// What the database says.
    pub async fn replay_event(&self, id: &str, job: i64, now_ms: i64) -> Result<bool> {
        Ok(self.run("telling an event again", REPLAY, binds![id, job, now_ms]).await? > 0)
    }

    /// The events of a job, the latest first, and their tries.
    ///
    /// # Errors
    /// What the database says.
    pub async fn events_of(&self, job: i64) -> Result<(Vec<EventRow>, Vec<Try>)> {
        let event = |row: &Row| {
            Ok(EventRow {
                id: row.text(0)?,
                event: row.text(1)?,
                state: row.text(2)?,
                attempts: row.int(3)?,
                due_ms: row.int(4)?,
                created_ms: row.int(5)?,
                finished_ms: row.int(6)?,
            })
        };
        let tried = |row: &Row| {
            Ok(Try {
                outbox_id: row.text(0)?,
                attempt: row.int(1)?,
                status: row.int(2)?,
                error: row.text(3)?,
                at_ms: row.int(4)?,
                duration_ms: row.int(5)?,
            })
        };
        let events = self.all("reading events", EVENTS, binds![job]).await?;
        let tries = self.all("reading deliveries", TRIES, binds![job]).await?;
        Ok((
            events.iter().map(event).collect::<Result<_>>()?,
            tries.iter().map(tried).collect::<Result<_>>()?,
        ))
    }
}
