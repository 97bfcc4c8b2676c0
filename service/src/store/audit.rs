//! The audit chain, its checkpoints, and the changes of rows that triggers noted, as rows.
//! Never changes or removes a row: the database would refuse.

use super::jobs::reached;
use super::reach::{Reach, within_reach};
use super::{Bind, Result, Row, Store, Transaction};
use crate::binds;

const HEAD: &str = "SELECT seq, hash FROM audit_logs ORDER BY seq DESC LIMIT 1";
/// Changes that the chain has not taken up. Binds: how many.
const CHANGES: &str = "
    SELECT id, table_name, row_id, operation, before_json, after_json, changed_at FROM audit_row_changes AS change
    WHERE NOT EXISTS (SELECT 1 FROM audit_logs WHERE audit_logs.row_change_id = change.id)
    ORDER BY id LIMIT $1";
/// Binds: the columns in the order of [`AuditRow`].
const INSERT: &str = "
    INSERT INTO audit_logs
        (seq, at_ms, actor_kind, actor_id, action, resource_kind, resource_id, tenant_id, outcome, status_code, ip,
         user_agent, request_id, before_json, after_json, details_json, row_change_id, prev_hash, hash, job_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)";
/// Rows in order. Binds: after, how many.
const PAGE: &str = "
    SELECT seq, at_ms, actor_kind, actor_id, action, resource_kind, resource_id, tenant_id, outcome, status_code, ip,
           user_agent, request_id, before_json, after_json, details_json, row_change_id, prev_hash, hash, job_id
    FROM audit_logs WHERE seq > $1 ORDER BY seq LIMIT $2";
/// Rows that the caller may see: one's own, and those of one's tenants and jobs. What nobody's name is on is for those
/// who see the whole house; and whoever is denied a job sees nothing of what may be about it.
macro_rules! latest_wanted {
    () => {
        concat!(
            " FROM audit_logs WHERE (actor_id = $5 OR ($1 = 1 AND $4 = ',')
                OR (tenant_id IS NOT NULL AND (job_id IS NOT NULL OR $4 NOT LIKE '%,j%') AND ",
            within_reach!("tenant_id", "COALESCE(job_id, 0)"),
            "))
              AND ($6 = '' OR actor_id = $6
                   OR actor_id IN (SELECT id FROM users WHERE lower(name) = lower($6)
                                       OR lower(display_name) = lower($6) OR (email <> '' AND lower(email) = lower($6)))
                   OR actor_id IN (SELECT id FROM service_tokens WHERE lower(name) = lower($6)))
              AND ($7 = '' OR action = $7) AND ($8 = '' OR resource_kind = $8) AND ($9 = '' OR resource_id = $9)
              AND ($10 = '' OR replace(lower(action), lower($10), '') <> lower(action))
              AND at_ms >= $11 AND ($12 = 0 OR at_ms < $12)"
        )
    };
}
/// Rows, newest first. Binds: reach, the caller, actor (an id, a name or an e-mail address) or empty, action or empty,
/// resource kind or empty, its id, a part of the action or empty, from when, until when or 0, before, how many.
const LATEST: &str = concat!(
    "SELECT seq, at_ms, actor_kind, actor_id, action, resource_kind, resource_id, tenant_id, outcome, status_code, ip,
           user_agent, request_id, before_json, after_json, details_json, row_change_id, prev_hash, hash, job_id",
    latest_wanted!(),
    " AND seq < $13 ORDER BY seq DESC LIMIT $14"
);
/// The same without the last two.
const LATEST_COUNT: &str = concat!("SELECT COUNT(*)", latest_wanted!());
const CHECKPOINTS: &str = "
    SELECT seq, hash, public_key, signature, signed_ms FROM audit_checkpoints ORDER BY seq";
const LAST_CHECKPOINT: &str = "
    SELECT seq, hash, public_key, signature, signed_ms FROM audit_checkpoints ORDER BY seq DESC LIMIT 1";
/// Binds: seq, hash, public key, signature, now_ms.
const CHECKPOINT: &str = "
    INSERT INTO audit_checkpoints (seq, hash, public_key, signature, signed_ms) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (seq) DO NOTHING";

/// Every query of this file, for the test that prepares them.
pub const QUERIES: &[&str] =
    &[HEAD, CHANGES, INSERT, PAGE, LATEST, LATEST_COUNT, CHECKPOINTS, LAST_CHECKPOINT, CHECKPOINT];

/// A row of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditRow {
    /// From 1, without a gap.
    pub seq: i64,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// `user`, `service`, `agent`, `worker`, `system` or `anonymous`.
    pub actor_kind: String,
    /// Who.
    pub actor_id: String,
    /// What was done.
    pub action: String,
    /// To what kind of thing.
    pub resource_kind: String,
    /// To which.
    pub resource_id: String,
    /// Whose it is.
    pub tenant_id: Option<i64>,
    /// To which job it belongs.
    pub job_id: Option<i64>,
    /// `success`, `denied` or `failed`.
    pub outcome: String,
    /// The answer's HTTP status; 0: there was none.
    pub status_code: i64,
    /// From where.
    pub ip: String,
    /// With what.
    pub user_agent: String,
    /// The request.
    pub request_id: String,
    /// The row before.
    pub before_json: String,
    /// The row after.
    pub after_json: String,
    /// What else there is to say.
    pub details_json: String,
    /// The change that a trigger noted.
    pub row_change_id: Option<i64>,
    /// The hash of the row before it; zeros for the first.
    pub prev_hash: Vec<u8>,
    /// SHA-256 of `prev_hash` and the canonical JSON of the rest.
    pub hash: Vec<u8>,
}

impl AuditRow {
    fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            seq: row.int(0)?,
            at_ms: row.int(1)?,
            actor_kind: row.text(2)?,
            actor_id: row.text(3)?,
            action: row.text(4)?,
            resource_kind: row.text(5)?,
            resource_id: row.text(6)?,
            tenant_id: row.int_or_null(7)?,
            outcome: row.text(8)?,
            status_code: row.int(9)?,
            ip: row.text(10)?,
            user_agent: row.text(11)?,
            request_id: row.text(12)?,
            before_json: row.text(13)?,
            after_json: row.text(14)?,
            details_json: row.text(15)?,
            row_change_id: row.int_or_null(16)?,
            prev_hash: row.octets(17)?,
            hash: row.octets(18)?,
            job_id: row.int_or_null(19)?,
        })
    }
}

/// A signed place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointRow {
    /// The row.
    pub seq: i64,
    /// Its hash.
    pub hash: Vec<u8>,
    /// Whose signature it is.
    pub public_key: Vec<u8>,
    /// Ed25519.
    pub signature: Vec<u8>,
    /// When, in milliseconds since 1970.
    pub signed_ms: i64,
}

impl CheckpointRow {
    fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            seq: row.int(0)?,
            hash: row.octets(1)?,
            public_key: row.octets(2)?,
            signature: row.octets(3)?,
            signed_ms: row.int(4)?,
        })
    }
}

/// What a trigger noted.
pub struct ChangeRow {
    /// Its number.
    pub id: i64,
    /// The table.
    pub table: String,
    /// The row.
    pub row: String,
    /// `insert`, `update` or `delete`.
    pub operation: String,
    /// The row before, without secrets.
    pub before_json: String,
    /// The row after, likewise.
    pub after_json: String,
    /// When, in RFC 3339.
    pub changed_at: String,
}

/// What is asked for of the log; empty: anything.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// By this actor: an id, a name or an e-mail address.
    pub actor: String,
    /// This action.
    pub action: String,
    /// To this kind of thing.
    pub resource_kind: String,
    /// To this.
    pub resource_id: String,
    /// With this in the action.
    pub action_part: String,
    /// From this moment on, in milliseconds since 1970.
    pub since_ms: i64,
    /// Before this one; 0: until now.
    pub until_ms: i64,
}

impl AuditFilter {
    fn binds(&self, reach: &Reach, caller: &str) -> Vec<Bind> {
        let more = binds![
            caller,
            &self.actor,
            &self.action,
            &self.resource_kind,
            &self.resource_id,
            &self.action_part,
            self.since_ms,
            self.until_ms
        ];
        reached(reach, more)
    }
}

impl Store {
    /// Rows after one, in order.
    pub async fn audit_page(&self, after: i64, count: i64) -> Result<Vec<AuditRow>> {
        self.all("reading the audit log", PAGE, binds![after, count])
            .await?
            .iter()
            .map(AuditRow::read)
            .collect()
    }

    /// Rows before one, newest first.
    pub async fn audit_latest(
        &self,
        (reach, caller): (&Reach, &str),
        before: i64,
        count: i64,
        wanted: &AuditFilter,
    ) -> Result<Vec<AuditRow>> {
        let mut binds = wanted.binds(reach, caller);
        binds.extend(binds![before, count]);
        self.all("reading the audit log", LATEST, binds).await?.iter().map(AuditRow::read).collect()
    }

    /// How many of them there are.
    pub async fn audit_count(&self, (reach, caller): (&Reach, &str), wanted: &AuditFilter) -> Result<i64> {
        let row = self.one("counting the audit log", LATEST_COUNT, wanted.binds(reach, caller)).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    /// The newest row's number and hash.
    pub async fn audit_head(&self) -> Result<Option<(i64, Vec<u8>)>> {
        let row = self.one("reading the audit log's end", HEAD, binds![]).await?;
        row.map(|row| Ok((row.int(0)?, row.octets(1)?))).transpose()
    }

    /// Every signed place, in order.
    pub async fn checkpoints(&self) -> Result<Vec<CheckpointRow>> {
        self.all("reading checkpoints", CHECKPOINTS, binds![])
            .await?
            .iter()
            .map(CheckpointRow::read)
            .collect()
    }

    /// The last signed place.
    pub async fn last_checkpoint(&self) -> Result<Option<CheckpointRow>> {
        let row = self.one("reading a checkpoint", LAST_CHECKPOINT, binds![]).await?;
        row.as_ref().map(CheckpointRow::read).transpose()
    }

    /// Writes a signed place.
    pub async fn insert_checkpoint(&self, row: &CheckpointRow) -> Result<()> {
        let binds =
            binds![row.seq, row.hash.clone(), row.public_key.clone(), row.signature.clone(), row.signed_ms];
        self.run("writing a checkpoint", CHECKPOINT, binds).await.map(|_| ())
    }
}

impl Transaction {
    /// The newest row's number and hash.
    pub async fn chain_head(&mut self) -> Result<Option<(i64, Vec<u8>)>> {
        let row = self.one("reading the audit log's end", HEAD, binds![]).await?;
        row.map(|row| Ok((row.int(0)?, row.octets(1)?))).transpose()
    }

    /// Changes that the chain has not taken up yet, oldest first.
    pub async fn unchained_changes(&mut self, count: i64) -> Result<Vec<ChangeRow>> {
        let rows = self.all("reading changes of rows", CHANGES, binds![count]).await?;
        let read = |row: &Row| {
            Ok(ChangeRow {
                id: row.int(0)?,
                table: row.text(1)?,
                row: row.text(2)?,
                operation: row.text(3)?,
                before_json: row.text(4)?,
                after_json: row.text(5)?,
                changed_at: row.text(6)?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Writes a row at the chain's end. Fails as a duplicate where another was faster.
    pub async fn append_audit(&mut self, row: &AuditRow) -> Result<()> {
        let binds = binds![
            row.seq,
            row.at_ms,
            &row.actor_kind,
            &row.actor_id,
            &row.action,
            &row.resource_kind,
            &row.resource_id,
            row.tenant_id,
            &row.outcome,
            row.status_code,
            &row.ip,
            &row.user_agent,
            &row.request_id,
            &row.before_json,
            &row.after_json,
            &row.details_json,
            row.row_change_id,
            row.prev_hash.clone(),
            row.hash.clone(),
            row.job_id,
        ];
        self.run("writing the audit log", INSERT, binds).await.map(|_| ())
    }
}
