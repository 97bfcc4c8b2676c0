//! Settings, requests for another person's approval, and what is known of credentials without opening one, as rows.
//! Never holds a secret.

use super::reach::{Reach, within_reach};
use super::{Result, Row, Store, Transaction};
use crate::binds;

/// Binds: none.
const SETTINGS: &str =
    "SELECT key, value_json, updated_by, updated_at FROM system_settings ORDER BY key LIMIT 500";
/// Binds: key.
const SETTING: &str = "SELECT value_json FROM system_settings WHERE key = $1";
/// Binds: key, value, who.
const SET: &str = "
    INSERT INTO system_settings (key, value_json, updated_by) VALUES ($1, $2, $3)
    ON CONFLICT (key) DO UPDATE SET value_json = excluded.value_json, updated_by = excluded.updated_by";

/// Requests about jobs that a caller may see. One whose time is over is told as expired. Binds: reach, id or empty,
/// status or empty, now_ms, rows.
const REQUESTS: &str = concat!(
    "SELECT ask.id, ask.action, ask.resource_id, ask.payload_json, ask.reason,
            CASE WHEN ask.status = 'pending' AND ask.expires_ms <= $7 THEN 'expired' ELSE ask.status END,
            ask.requested_by, ask.decided_by, ask.decided_at, ask.decision_note, ask.expires_ms, ask.created_at
     FROM approval_requests AS ask JOIN migration_jobs AS job ON CAST(job.id AS TEXT) = ask.resource_id
     WHERE ",
    within_reach!("job.tenant_id", "job.id"),
    " AND job.deleted_at = '' AND ask.resource_kind = 'job' AND ($5 = '' OR ask.id = $5)
      AND ($6 = '' OR CASE WHEN ask.status = 'pending' AND ask.expires_ms <= $7 THEN 'expired' ELSE ask.status END = $6)
      ORDER BY ask.created_at DESC, ask.id LIMIT $8"
);
/// Binds: id, action, job, payload, reason, who, expires_ms.
const ASK: &str = "
    INSERT INTO approval_requests (id, action, resource_kind, resource_id, payload_json, reason, requested_by,
                                   expires_ms)
    VALUES ($1, $2, 'job', $3, $4, $5, $6, $7)";
/// Takes a request that waits; it is taken once. Binds: id, status, who, now_at, note, now_ms.
const DECIDE: &str = "
    UPDATE approval_requests SET status = $2, decided_by = $3, decided_at = $4, decision_note = $5
    WHERE id = $1 AND status = 'pending' AND expires_ms > $6";

/// The credentials of mailboxes that the caller may see.
macro_rules! credentials {
    () => {
        concat!(
            " FROM migration_credentials AS its JOIN migration_mailboxes AS box ON box.id = its.mailbox_id
              JOIN migration_jobs AS job ON job.id = box.job_id WHERE ",
            within_reach!("job.tenant_id", "job.id"),
            " AND job.deleted_at = ''"
        )
    };
}

/// What is known of mailboxes' credentials. Binds: reach, id or empty, job or 0, after id, rows.
const CREDENTIALS: &str = concat!(
    "SELECT its.id, its.mailbox_id, box.job_id, box.email, its.side, its.kind, its.created_at,
            COALESCE(its.expires_at, ''), its.last_ok_at, COALESCE(box.source_user, ''), box.dest_user,
            box.source_login_ok_at, box.dest_login_ok_at",
    credentials!(),
    " AND ($5 = '' OR its.id = $5) AND ($6 = 0 OR box.job_id = $6) AND its.id > $7 ORDER BY its.id LIMIT $8"
);
/// How many there are. Binds: reach, job or 0.
const CREDENTIALS_COUNT: &str =
    concat!("SELECT COUNT(*)", credentials!(), " AND ($5 = 0 OR box.job_id = $5)");

/// Mailboxes that wait for a provider's next day, by the profile of their server; and all of them. Binds: reach.
const BY_PROFILE: &str = concat!(
    "SELECT COALESCE(end_.profile, ''), COUNT(*),
            COUNT(CASE WHEN box.error_class = 'throttle.daily' THEN 1 END)
     FROM migration_mailboxes AS box JOIN migration_jobs AS job ON job.id = box.job_id
     LEFT JOIN endpoints AS end_ ON end_.id = COALESCE(box.source_endpoint_id, job.source_endpoint_id)
     WHERE ",
    within_reach!("job.tenant_id", "job.id"),
    " AND job.deleted_at = '' GROUP BY COALESCE(end_.profile, '')"
);
/// What the busiest mailbox of each profile moved since a moment. Binds: reach, since.
const BUSIEST: &str = concat!(
    "SELECT days.profile, CAST(MAX(days.octets) AS BIGINT) FROM (
         SELECT COALESCE(end_.profile, '') AS profile, SUM(run.bytes_done) AS octets
         FROM migration_runs AS run JOIN migration_mailboxes AS box ON box.id = run.mailbox_id
         JOIN migration_jobs AS job ON job.id = box.job_id
         LEFT JOIN endpoints AS end_ ON end_.id = COALESCE(box.source_endpoint_id, job.source_endpoint_id)
         WHERE ",
    within_reach!("job.tenant_id", "job.id"),
    " AND job.deleted_at = '' AND run.started_at >= $5 GROUP BY box.id, COALESCE(end_.profile, '')
     ) AS days GROUP BY days.profile"
);
/// What was ever copied, by job and profile. Binds: none.
const COPIED: &str = "
    SELECT box.job_id, COALESCE(end_.profile, ''), CAST(COALESCE(SUM(its.messages_copied), 0) AS BIGINT),
           CAST(COALESCE(SUM(its.bytes_copied), 0) AS BIGINT)
    FROM migration_mailboxes AS box JOIN migration_jobs AS job ON job.id = box.job_id
    JOIN mailbox_contexts AS its ON its.id = box.context_id
    LEFT JOIN endpoints AS end_ ON end_.id = COALESCE(box.source_endpoint_id, job.source_endpoint_id)
    WHERE job.deleted_at = '' GROUP BY box.job_id, COALESCE(end_.profile, '')";
/// Binds: none.
const GATES: &str =
    "SELECT id, migration_gate FROM migration_jobs WHERE deleted_at = '' AND phase <> 'closed'";
/// Binds: none.
const ERRORS: &str = "
    SELECT error_class, COUNT(*) FROM migration_runs WHERE error_class <> '' GROUP BY error_class";
/// Binds: none.
const LEASES: &str = "SELECT CAST(COALESCE(SUM(leases_expired), 0) AS BIGINT) FROM migration_runs";
/// What runs waited because a server asked for it, by the profile of their source. Binds: none.
const THROTTLED: &str = "
    SELECT COALESCE(end_.profile, ''), CAST(COALESCE(SUM(run.throttle_ms), 0) AS BIGINT)
    FROM migration_runs AS run JOIN migration_jobs AS job ON job.id = run.job_id
    LEFT JOIN migration_mailboxes AS box ON box.id = run.mailbox_id
    LEFT JOIN endpoints AS end_ ON end_.id = COALESCE(box.source_endpoint_id, job.source_endpoint_id)
    WHERE run.throttle_ms > 0 GROUP BY COALESCE(end_.profile, '')";
/// Binds: none.
const QUEUE: &str = "
    SELECT COUNT(CASE WHEN status = 'queued' THEN 1 END), COUNT(CASE WHEN status = 'running' THEN 1 END)
    FROM migration_runs WHERE status IN ('queued', 'running')";

/// A setting.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the column of its name in system_settings")]
pub struct SettingRow {
    pub key: String,
    pub value_json: String,
    pub updated_by: String,
    pub updated_at: String,
}

/// A request for another person's approval.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the column of its name in approval_requests")]
pub struct RequestRow {
    pub id: String,
    pub action: String,
    pub resource_id: String,
    pub payload_json: String,
    pub reason: String,
    pub status: String,
    pub requested_by: String,
    pub decided_by: String,
    pub decided_at: String,
    pub decision_note: String,
    pub expires_ms: i64,
    pub created_at: String,
}

/// A request to be written.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each field is the column of its name in approval_requests")]
pub struct NewRequest<'a> {
    pub id: &'a str,
    pub action: &'a str,
    pub job: i64,
    pub payload_json: &'a str,
    pub reason: &'a str,
    pub requested_by: &'a str,
    pub expires_ms: i64,
}

/// What is known of a credential without opening it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each field is the column of its name in migration_credentials or its mailbox"
)]
pub struct CredentialView {
    pub id: String,
    pub mailbox_id: i64,
    pub job_id: i64,
    pub email: String,
    pub side: String,
    pub kind: String,
    pub created_at: String,
    pub expires_at: String,
    pub last_ok_at: String,
    pub user: String,
}

fn request(row: &Row) -> Result<RequestRow> {
    Ok(RequestRow {
        id: row.text(0)?,
        action: row.text(1)?,
        resource_id: row.text(2)?,
        payload_json: row.text(3)?,
        reason: row.text(4)?,
        status: row.text(5)?,
        requested_by: row.text(6)?,
        decided_by: row.text(7)?,
        decided_at: row.text(8)?,
        decision_note: row.text(9)?,
        expires_ms: row.int(10)?,
        created_at: row.text(11)?,
    })
}

fn credential(row: &Row) -> Result<CredentialView> {
    let email = row.text(3)?;
    let side = row.text(4)?;
    let is_source = side == "source";
    let (user, login_at) =
        if is_source { (row.text(9)?, row.text(11)?) } else { (row.text(10)?, row.text(12)?) };
    let own = row.text(8)?;
    Ok(CredentialView {
        id: row.text(0)?,
        mailbox_id: row.int(1)?,
        job_id: row.int(2)?,
        user: if user.is_empty() { email.clone() } else { user },
        email,
        side,
        kind: row.text(5)?,
        created_at: row.text(6)?,
        expires_at: row.text(7)?,
        last_ok_at: if own.is_empty() { login_at } else { own },
    })
}

impl Store {
    /// Every setting that was ever set.
    ///
    /// # Errors
    /// What the database says.
    pub async fn settings(&self) -> Result<Vec<SettingRow>> {
        let read = |row: &Row| {
            Ok(SettingRow {
                key: row.text(0)?,
                value_json: row.text(1)?,
                updated_by: row.text(2)?,
                updated_at: row.text(3)?,
            })
        };
        self.all("reading settings", SETTINGS, binds![]).await?.iter().map(read).collect()
    }

    /// A setting's value as JSON; nothing where it was never set.
    ///
    /// # Errors
    /// What the database says.
    pub async fn setting(&self, key: &str) -> Result<Option<String>> {
        self.one("reading a setting", SETTING, binds![key]).await?.map(|row| row.text(0)).transpose()
    }

    /// Sets one.
    ///
    /// # Errors
    /// What the database says.
    pub async fn set_setting(&self, key: &str, value_json: &str, who: &str) -> Result<()> {
        self.run("changing a setting", SET, binds![key, value_json, who]).await.map(|_| ())
    }

    /// Requests for approval: one by its id, or those of a status; newest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn requests(
        &self,
        reach: &Reach,
        (id, status): (&str, &str),
        now_ms: i64,
        rows: i64,
    ) -> Result<Vec<RequestRow>> {
        let mut binds = reach.binds();
        binds.extend(binds![id, status, now_ms, rows]);
        self.all("reading requests", REQUESTS, binds).await?.iter().map(request).collect()
    }

    /// Writes a request.
    ///
    /// # Errors
    /// What the database says.
    pub async fn ask_approval(&self, new: &NewRequest<'_>) -> Result<()> {
        let binds = binds![
            new.id,
            new.action,
            new.job.to_string(),
            new.payload_json,
            new.reason,
            new.requested_by,
            new.expires_ms,
        ];
        self.run("writing a request", ASK, binds).await.map(|_| ())
    }

    /// What is known of credentials, without opening any: one by its id, or those after an id.
    ///
    /// # Errors
    /// What the database says.
    pub async fn credential_views(
        &self,
        reach: &Reach,
        (id, job, after): (&str, i64, &str),
        rows: i64,
    ) -> Result<Vec<CredentialView>> {
        let mut binds = reach.binds();
        binds.extend(binds![id, job, after, rows]);
        self.all("reading credentials", CREDENTIALS, binds).await?.iter().map(credential).collect()
    }

    /// How many credentials of mailboxes there are, of a job or, for 0, of all.
    ///
    /// # Errors
    /// What the database says.
    pub async fn credentials_count(&self, reach: &Reach, job: i64) -> Result<i64> {
        let mut binds = reach.binds();
        binds.extend(binds![job]);
        let row = self.one("counting credentials", CREDENTIALS_COUNT, binds).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    /// Mailboxes by the profile of their source: how many, and how many of them wait for the provider's next day.
    ///
    /// # Errors
    /// What the database says.
    pub async fn boxes_by_profile(&self, reach: &Reach) -> Result<Vec<(String, i64, i64)>> {
        let rows = self.all("counting mailboxes by profile", BY_PROFILE, reach.binds()).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.int(1)?, row.int(2)?))).collect()
    }

    /// Octets that the busiest mailbox of each profile moved in runs that began since a moment.
    ///
    /// # Errors
    /// What the database says.
    pub async fn busiest_by_profile(&self, reach: &Reach, since_at: &str) -> Result<Vec<(String, u64)>> {
        let mut binds = reach.binds();
        binds.extend(binds![since_at]);
        let rows = self.all("summing a day by mailbox", BUSIEST, binds).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.count(1)?))).collect()
    }

    /// What was ever copied: job, profile, messages, octets.
    ///
    /// # Errors
    /// What the database says.
    pub async fn copied_by_job(&self) -> Result<Vec<(i64, String, u64, u64)>> {
        let rows = self.all("summing what was copied", COPIED, binds![]).await?;
        rows.iter().map(|row| Ok((row.int(0)?, row.text(1)?, row.count(2)?, row.count(3)?))).collect()
    }

    /// The gate of each open job, as it stood when it was last looked at.
    ///
    /// # Errors
    /// What the database says.
    pub async fn gates_by_job(&self) -> Result<Vec<(i64, String)>> {
        let rows = self.all("reading gates", GATES, binds![]).await?;
        rows.iter().map(|row| Ok((row.int(0)?, row.text(1)?))).collect()
    }

    /// Runs that ended in an error, by its class.
    ///
    /// # Errors
    /// What the database says.
    pub async fn errors_by_class(&self) -> Result<Vec<(String, u64)>> {
        let rows = self.all("counting errors", ERRORS, binds![]).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.count(1)?))).collect()
    }

    /// How often a worker fell silent with a run, until its lease ended.
    ///
    /// # Errors
    /// What the database says.
    pub async fn leases_expired(&self) -> Result<u64> {
        let row = self.one("counting leases", LEASES, binds![]).await?;
        row.map_or(Ok(0), |row| row.count(0))
    }

    /// What runs waited because a server asked for it, in milliseconds, by the profile of their source.
    ///
    /// # Errors
    /// What the database says.
    pub async fn throttled_by_profile(&self) -> Result<Vec<(String, u64)>> {
        let rows = self.all("summing what servers asked for", THROTTLED, binds![]).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.count(1)?))).collect()
    }

    /// How many runs wait, and how many are at work.
    ///
    /// # Errors
    /// What the database says.
    pub async fn queue(&self) -> Result<(u64, u64)> {
        let row = self.one("counting the queue", QUEUE, binds![]).await?;
        row.map_or(Ok((0, 0)), |row| Ok((row.count(0)?, row.count(1)?)))
    }
}

impl Transaction {
    /// Decides a request that waits; false where it is decided, or its time is over.
    ///
    /// # Errors
    /// What the database says.
    pub async fn decide_request(
        &mut self,
        id: &str,
        status: &str,
        (who, note): (&str, &str),
        now_ms: i64,
    ) -> Result<bool> {
        let binds = binds![id, status, who, super::at(now_ms), note, now_ms];
        Ok(self.run("deciding a request", DECIDE, binds).await? > 0)
    }
}
