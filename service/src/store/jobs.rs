//! Jobs as people see and change them, as rows; every query takes the caller's reach first.
//! Never runs anything: that is the queue's.

use super::order::Order;
use super::reach::{Reach, within_reach};
use super::{Bind, Result, Row, Store, Transaction};
use crate::binds;

macro_rules! job_columns {
    () => {
        "job.id, job.tenant_id, job.ticket_id, job.domain, job.phase, job.migration_gate, job.source_server_label, \
         job.dest_imap_host, job.notes, job.approved_by, job.approved_at, job.dns_cutover_at, job.created_at, \
         job.updated_at, job.created_by, job.source_endpoint_id, job.dest_endpoint_id, job.options_json, \
         job.dns_plan_hash, job.is_paused, job.paused_reason, job.phase_before_failure, job.failure_reason, \
         job.gate_evaluated_at, job.closed_at, job.version, \
         (SELECT COUNT(*) FROM migration_mailboxes AS box WHERE box.job_id = job.id), \
         (SELECT CAST(COALESCE(SUM(box.messages_source), 0) AS BIGINT) FROM migration_mailboxes AS box \
            WHERE box.job_id = job.id AND box.enabled = 1), \
         (SELECT CAST(COALESCE(SUM(box.messages_matched), 0) AS BIGINT) FROM migration_mailboxes AS box \
            WHERE box.job_id = job.id AND box.enabled = 1), \
         (SELECT COUNT(*) FROM migration_mailboxes AS box \
            WHERE box.job_id = job.id AND box.enabled = 1 AND box.has_scan = 0), \
         (SELECT COUNT(*) FROM quarantine_items AS item WHERE item.job_id = job.id AND item.status = 'open'), \
         job.source_credential_id, job.dest_credential_id, \
         COALESCE((SELECT person.name FROM users AS person WHERE person.id = substr(job.created_by, 3)), ''), \
         (SELECT CAST(COALESCE(MAX(run.eta_seconds), 0) AS BIGINT) FROM migration_runs AS run \
            WHERE run.job_id = job.id AND run.status = 'running'), \
         COALESCE((SELECT CAST(COUNT(CASE WHEN box.status = 'pending' THEN 1 END) AS TEXT) || ',' || \
                          CAST(COUNT(CASE WHEN box.status = 'syncing' THEN 1 END) AS TEXT) || ',' || \
                          CAST(COUNT(CASE WHEN box.status = 'ok' THEN 1 END) AS TEXT) || ',' || \
                          CAST(COUNT(CASE WHEN box.status = 'error' THEN 1 END) AS TEXT) || ',' || \
                          CAST(COUNT(CASE WHEN box.status = 'quarantine' THEN 1 END) AS TEXT) \
                   FROM migration_mailboxes AS box WHERE box.job_id = job.id), ''), \
         COALESCE((SELECT MAX(run.updated_at) FROM migration_runs AS run WHERE run.job_id = job.id), '')"
    };
}

macro_rules! job_wanted {
    () => {
        concat!(
            within_reach!("job.tenant_id", "job.id"),
            " AND job.deleted_at = '' AND ($5 = '' OR job.phase = $5) AND ($6 = '' OR job.migration_gate = $6)
              AND ($7 = 0 OR job.tenant_id = $7) AND ($8 = '' OR lower(job.domain) = lower($8))
              AND ($9 = 0 OR job.ticket_id = $9)
              AND ($10 = '' OR lower(job.domain) LIKE '%' || lower($10) || '%'
                   OR lower(job.source_server_label) LIKE '%' || lower($10) || '%')
              AND ($11 = '' OR job.created_by = $11 OR EXISTS (SELECT 1 FROM users AS person
                   WHERE person.id = substr(job.created_by, 3) AND lower(person.name) = lower($11)))"
        )
    };
}

/// A page of jobs in both orders of a column: its ids first, so that nothing is counted of jobs that it does not show.
macro_rules! jobs_by {
    ($column:literal, $value:literal) => {
        [jobs_by!($column, $value, " > ", "", ""), jobs_by!($column, $value, " < ", " DESC", " DESC")]
    };
    ($column:literal, $value:literal, $beyond:literal, $first:literal, $second:literal) => {
        concat!(
            "SELECT ",
            job_columns!(),
            " FROM migration_jobs AS job WHERE job.id IN (SELECT job.id FROM migration_jobs AS job WHERE ",
            job_wanted!(),
            " AND ($12 = 0 OR (",
            $column,
            ", job.id)",
            $beyond,
            "(",
            $value,
            ", $14)) ORDER BY ",
            $column,
            $first,
            ", job.id",
            $second,
            " LIMIT $15) ORDER BY ",
            $column,
            $first,
            ", job.id",
            $second
        )
    };
}

/// What jobs can be sorted by.
pub const SORTS: [&str; 6] = ["id", "domain", "phase", "migration_gate", "created_at", "updated_at"];
/// One for each of these. Binds: reach, phase, gate, tenant, domain, ticket, text, owner, order.
pub const JOBS: [[&str; 2]; 6] = [
    jobs_by!("job.id", "CAST($13 AS BIGINT)"),
    jobs_by!("job.domain", "$13"),
    jobs_by!("job.phase", "$13"),
    jobs_by!("job.migration_gate", "$13"),
    jobs_by!("job.created_at", "$13"),
    jobs_by!("job.updated_at", "$13"),
];
/// Binds: reach, phase, gate, tenant, domain, ticket, text, owner.
const JOBS_COUNT: &str = concat!("SELECT COUNT(*) FROM migration_jobs AS job WHERE ", job_wanted!());
/// Binds: reach, id.
const JOB: &str = concat!(
    "SELECT ",
    job_columns!(),
    " FROM migration_jobs AS job WHERE ",
    within_reach!("job.tenant_id", "job.id"),
    " AND job.deleted_at = '' AND job.id = $5"
);
/// The open job of a domain; of several tenants' the newest. Binds: reach, domain.
const JOB_OF_DOMAIN: &str = concat!(
    "SELECT ",
    job_columns!(),
    " FROM migration_jobs AS job WHERE ",
    within_reach!("job.tenant_id", "job.id"),
    " AND job.deleted_at = '' AND lower(job.domain) = lower($5)
     ORDER BY CASE WHEN job.phase = 'closed' THEN 1 ELSE 0 END,
     job.id DESC LIMIT 2"
);
/// Binds: tenant, name.
const KNOW_TENANT: &str = "INSERT INTO tenants (id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING";
/// Binds: tenant.
const TENANT: &str = "SELECT id FROM tenants WHERE id = $1";
/// Binds: ticket, tenant.
const KNOW_TICKET: &str = "INSERT INTO tickets_ref (id, tenant_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
/// Whether a ticket is known and no other tenant's. Binds: ticket, tenant.
const TICKET_OF: &str = "SELECT id FROM tickets_ref WHERE id = $1 AND (tenant_id = $2 OR tenant_id IS NULL)";
/// Binds: tenant, ticket, domain, label, destination, notes, who, source endpoint, destination endpoint, options,
/// source credential, destination credential.
const INSERT_JOB: &str = "
    INSERT INTO migration_jobs (tenant_id, ticket_id, domain, source_server_label, dest_imap_host, notes, created_by,
                                source_endpoint_id, dest_endpoint_id, options_json, source_credential_id,
                                dest_credential_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id";
/// Binds: id, version, ticket, notes, label, destination, options, source credential, destination credential.
const CHANGE_JOB: &str = "
    UPDATE migration_jobs SET ticket_id = $3, notes = $4, source_server_label = $5, dest_imap_host = $6,
        options_json = $7, source_credential_id = $8, dest_credential_id = $9, version = version + 1
    WHERE id = $1 AND version = $2";
/// Binds: id, now_at.
const DELETE_JOB: &str = "
    UPDATE migration_jobs SET deleted_at = $2, version = version + 1
    WHERE id = $1 AND deleted_at = '' AND phase IN ('discovered', 'failed', 'closed')";
/// Takes an edge from the phase that was seen. Binds: id, from, to, phase before a failure, its reason.
const MOVE_PHASE: &str = "
    UPDATE migration_jobs SET phase = $3, phase_before_failure = $4, failure_reason = $5, version = version + 1
    WHERE id = $1 AND phase = $2";
/// Holds a job in its phase until the transaction ends. Binds: id.
const HOLD_PHASE: &str = "UPDATE migration_jobs SET phase = phase WHERE id = $1 RETURNING phase";
/// Binds: id, now_at.
const CLOSED: &str = "UPDATE migration_jobs SET closed_at = $2 WHERE id = $1";
/// Binds: job, from, to, actor, reason, snapshot or NULL.
const HISTORY: &str = "
    INSERT INTO phase_history (job_id, from_phase, to_phase, actor, reason, gate_snapshot_id)
    VALUES ($1, $2, $3, $4, $5, $6)";
/// Binds: job.
const PHASES: &str = "
    SELECT from_phase, to_phase, actor, reason, at FROM phase_history WHERE job_id = $1 ORDER BY id LIMIT 1000";

/// Every query of this file, for the test that prepares them.
pub const QUERIES: &[&str] = &[
    JOBS_COUNT,
    JOB,
    JOB_OF_DOMAIN,
    KNOW_TENANT,
    TENANT,
    KNOW_TICKET,
    TICKET_OF,
    INSERT_JOB,
    CHANGE_JOB,
    DELETE_JOB,
    MOVE_PHASE,
    HOLD_PHASE,
    CLOSED,
    HISTORY,
    PHASES,
];

/// A job as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the column of its name in migration_jobs")]
pub struct JobRow {
    pub id: i64,
    pub tenant_id: i64,
    pub ticket_id: Option<i64>,
    pub domain: String,
    pub phase: String,
    pub migration_gate: String,
    pub source_server_label: String,
    pub dest_imap_host: String,
    pub notes: String,
    pub approved_by: Option<String>,
    pub approved_at: Option<String>,
    pub dns_cutover_at: Option<String>,
    pub created_at: String,
    pub updated_at: String,
    pub created_by: String,
    pub source_endpoint_id: Option<String>,
    pub dest_endpoint_id: Option<String>,
    pub options_json: String,
    pub dns_plan_hash: String,
    pub is_paused: bool,
    pub paused_reason: String,
    pub phase_before_failure: String,
    pub failure_reason: String,
    pub gate_evaluated_at: String,
    pub closed_at: String,
    pub version: i64,
    pub mailboxes_total: i64,
    pub messages_source: u64,
    pub messages_matched: u64,
    pub mailboxes_unscanned: i64,
    pub open_quarantine: i64,
    pub source_credential_id: String,
    pub dest_credential_id: String,
    /// The name of whoever made it; empty where that is no person, or nobody any more.
    pub owner: String,
    /// Until its slowest run ends, as that guesses, in seconds; 0 where none is under way or none can tell.
    pub eta_seconds: i64,
    /// Its mailboxes by status, in the order of [`STATUSES`].
    pub by_status: [u64; 5],
    /// When it or a run of it was changed last.
    pub last_activity: String,
}

/// The statuses of mailboxes, in the order in which they are counted.
pub const STATUSES: [&str; 5] = ["pending", "syncing", "ok", "error", "quarantine"];

/// Numbers between commas, as the database writes them.
fn counted(text: &str) -> [u64; 5] {
    let mut counts = [0; 5];
    for (count, word) in counts.iter_mut().zip(text.split(',')) {
        *count = word.parse().unwrap_or(0);
    }
    counts
}

fn job(row: &Row) -> Result<JobRow> {
    Ok(JobRow {
        id: row.int(0)?,
        tenant_id: row.int(1)?,
        ticket_id: row.int_or_null(2)?,
        domain: row.text(3)?,
        phase: row.text(4)?,
        migration_gate: row.text(5)?,
        source_server_label: row.text(6)?,
        dest_imap_host: row.text(7)?,
        notes: row.text(8)?,
        approved_by: row.text_or_null(9)?,
        approved_at: row.text_or_null(10)?,
        dns_cutover_at: row.text_or_null(11)?,
        created_at: row.text(12)?,
        updated_at: row.text(13)?,
        created_by: row.text(14)?,
        source_endpoint_id: row.text_or_null(15)?,
        dest_endpoint_id: row.text_or_null(16)?,
        options_json: row.text(17)?,
        dns_plan_hash: row.text(18)?,
        is_paused: row.flag(19)?,
        paused_reason: row.text(20)?,
        phase_before_failure: row.text(21)?,
        failure_reason: row.text(22)?,
        gate_evaluated_at: row.text(23)?,
        closed_at: row.text(24)?,
        version: row.int(25)?,
        mailboxes_total: row.int(26)?,
        messages_source: row.count(27)?,
        messages_matched: row.count(28)?,
        mailboxes_unscanned: row.int(29)?,
        open_quarantine: row.int(30)?,
        source_credential_id: row.text(31)?,
        dest_credential_id: row.text(32)?,
        owner: row.text(33)?,
        eta_seconds: row.int(34)?,
        by_status: counted(row.str(35)?),
        last_activity: row.text(36)?.max(row.text(13)?),
    })
}

/// Which jobs; empty and 0: any.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// Their phase.
    pub phase: String,
    /// Their gate.
    pub gate: String,
    /// Their tenant.
    pub tenant_id: i64,
    /// Their domain.
    pub domain: String,
    /// Their ticket.
    pub ticket_id: i64,
    /// A part of the domain or the label.
    pub text: String,
    /// Who made it: `u_…`, or a person's name.
    pub owner: String,
}

impl JobFilter {
    fn binds(&self, reach: &Reach) -> Vec<Bind> {
        let mut binds = reach.binds();
        binds.extend(binds![
            &self.phase,
            &self.gate,
            self.tenant_id,
            &self.domain,
            self.ticket_id,
            &self.text,
            &self.owner
        ]);
        binds
    }
}

pub(super) fn reached(reach: &Reach, more: Vec<Bind>) -> Vec<Bind> {
    let mut binds = reach.binds();
    binds.extend(more);
    binds
}

impl Store {
    /// Jobs in an order.
    pub async fn jobs(&self, reach: &Reach, wanted: &JobFilter, order: &Order) -> Result<Vec<JobRow>> {
        let mut binds = wanted.binds(reach);
        binds.extend(order.binds());
        self.all("reading jobs", order.of(&JOBS), binds).await?.iter().map(job).collect()
    }

    /// How many jobs there are.
    pub async fn jobs_count(&self, reach: &Reach, wanted: &JobFilter) -> Result<i64> {
        let row = self.one("counting jobs", JOBS_COUNT, wanted.binds(reach)).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    /// A job that the caller may see.
    pub async fn job(&self, reach: &Reach, id: i64) -> Result<Option<JobRow>> {
        self.one("reading a job", JOB, reached(reach, binds![id])).await?.as_ref().map(job).transpose()
    }

    /// Jobs of a domain, an open one first; two at most.
    pub async fn jobs_of_domain(&self, reach: &Reach, domain: &str) -> Result<Vec<JobRow>> {
        let rows = self.all("reading a domain's job", JOB_OF_DOMAIN, reached(reach, binds![domain])).await?;
        rows.iter().map(job).collect()
    }

    /// Changes what may be changed of a job, where its version still is this.
    pub async fn change_job(&self, row: &JobRow) -> Result<bool> {
        let binds = binds![
            row.id,
            row.version,
            row.ticket_id,
            &row.notes,
            &row.source_server_label,
            &row.dest_imap_host,
            &row.options_json,
            &row.source_credential_id,
            &row.dest_credential_id,
        ];
        Ok(self.run("changing a job", CHANGE_JOB, binds).await? > 0)
    }

    /// Hides a job; false where its phase does not allow that.
    pub async fn delete_job(&self, id: i64, now_at: &str) -> Result<bool> {
        Ok(self.run("deleting a job", DELETE_JOB, binds![id, now_at]).await? > 0)
    }

    /// Notes when a job was closed.
    pub async fn note_closed(&self, id: i64, now_at: &str) -> Result<()> {
        self.run("noting a job's end", CLOSED, binds![id, now_at]).await.map(|_| ())
    }

    /// Makes sure that a ticket is known; false where it is another tenant's.
    pub async fn know_ticket(&self, ticket: i64, tenant: i64) -> Result<bool> {
        self.run("noting a ticket", KNOW_TICKET, binds![ticket, tenant]).await?;
        Ok(self.one("reading a ticket", TICKET_OF, binds![ticket, tenant]).await?.is_some())
    }

    /// A job's phases: from, to, actor, reason, when.
    pub async fn phases(&self, job: i64) -> Result<Vec<[String; 5]>> {
        let rows = self.all("reading phases", PHASES, binds![job]).await?;
        let read = |row: &Row| Ok([row.text(0)?, row.text(1)?, row.text(2)?, row.text(3)?, row.text(4)?]);
        rows.iter().map(read).collect()
    }
}

/// A job to be written.
#[derive(Debug, Clone, Default)]
pub struct NewJob<'a> {
    /// Whose it is.
    pub tenant_id: i64,
    /// The desk's number.
    pub ticket_id: Option<i64>,
    /// What is moved.
    pub domain: &'a str,
    /// What people call the source.
    pub source_server_label: &'a str,
    /// `HOST` or `HOST:PORT`.
    pub dest_imap_host: &'a str,
    /// For people.
    pub notes: &'a str,
    /// Who makes it.
    pub created_by: &'a str,
    /// The source server.
    pub source_endpoint_id: Option<&'a str>,
    /// The destination server.
    pub dest_endpoint_id: Option<&'a str>,
    /// A JSON object.
    pub options_json: &'a str,
    /// A credential that is kept at the source server; empty: none.
    pub source_credential_id: &'a str,
    /// Likewise at the destination.
    pub dest_credential_id: &'a str,
}

impl Transaction {
    /// Makes sure that a tenant is known. A new one is made only where `may_make` it.
    pub async fn know(&mut self, tenant: i64, may_make: bool) -> Result<bool> {
        if may_make {
            let name = format!("tenant {tenant}");
            self.run("noting a tenant", KNOW_TENANT, binds![tenant, name]).await?;
        }
        Ok(self.one("reading a tenant", TENANT, binds![tenant]).await?.is_some())
    }

    /// Makes sure that a ticket is known; false where it is another tenant's.
    pub async fn know_ticket(&mut self, ticket: i64, tenant: i64) -> Result<bool> {
        self.run("noting a ticket", KNOW_TICKET, binds![ticket, tenant]).await?;
        Ok(self.one("reading a ticket", TICKET_OF, binds![ticket, tenant]).await?.is_some())
    }

    /// Writes a job; its id. Fails as a duplicate where the domain has an open one.
    pub async fn insert_job(&mut self, new: &NewJob<'_>) -> Result<i64> {
        let binds = binds![
            new.tenant_id,
            new.ticket_id,
            new.domain,
            new.source_server_label,
            new.dest_imap_host,
            new.notes,
            new.created_by,
            new.source_endpoint_id,
            new.dest_endpoint_id,
            new.options_json,
            new.source_credential_id,
            new.dest_credential_id,
        ];
        let row = self.one("writing a job", INSERT_JOB, binds).await?;
        let id = row.ok_or(super::StoreError::Stale("the job"))?.int(0)?;
        self.note_phase(id, "", "discovered", new.created_by, "", None).await?;
        Ok(id)
    }

    /// Moves a job from the phase that was seen; false where it is in another.
    pub async fn move_phase(&mut self, job: i64, from: &str, to: &str, why: &Why<'_>) -> Result<bool> {
        let binds = binds![job, from, to, why.before_failure, why.failure];
        if self.run("changing a phase", MOVE_PHASE, binds).await? == 0 {
            return Ok(false);
        }
        self.note_phase(job, from, to, why.actor, why.reason, why.snapshot).await?;
        Ok(true)
    }

    /// Holds a job in its phase until the transaction ends; the phase.
    pub async fn hold_phase(&mut self, job: i64) -> Result<String> {
        let row = self.one("holding a phase", HOLD_PHASE, binds![job]).await?;
        row.ok_or(super::StoreError::Stale("the job"))?.text(0)
    }

    async fn note_phase(
        &mut self,
        job: i64,
        from: &str,
        to: &str,
        actor: &str,
        reason: &str,
        snapshot: Option<&str>,
    ) -> Result<()> {
        let binds = binds![job, from, to, actor, reason, snapshot];
        self.run("writing a phase down", HISTORY, binds).await.map(|_| ())
    }
}

/// Who moves a job, and why.
#[derive(Debug, Clone, Copy, Default)]
pub struct Why<'a> {
    /// Who.
    pub actor: &'a str,
    /// Why.
    pub reason: &'a str,
    /// The gate's snapshot that it rests on.
    pub snapshot: Option<&'a str>,
    /// The phase before a failure; empty else.
    pub before_failure: &'a str,
    /// What failed; empty else.
    pub failure: &'a str,
}
