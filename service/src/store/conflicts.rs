//! Where open jobs are in each other's way, as rows; every query takes the caller's reach first.
//! Never tells of a job that the caller may not see, not even beside one that is seen.

use super::jobs::reached;
use super::reach::{Reach, within_reach};
use super::{Result, Row, Store};
use crate::binds;

/// Enabled mailboxes of open jobs within reach, each with its address and with the mailbox that it is copied into. A
/// port that the scheme has anyway names no other server.
macro_rules! fed {
    () => {
        concat!(
            "(SELECT box.id AS mailbox_id, job.id AS job_id, job.tenant_id, job.domain, job.phase, box.email,
                     box.source_type, lower(box.email) AS address,
                     lower(COALESCE(
                         server.host || CASE WHEN server.port IN (0, 143, 993) THEN ''
                                             ELSE ':' || CAST(server.port AS TEXT) END,
                         replace(replace(COALESCE(NULLIF(box.dest_host, ''), job.dest_imap_host) || ' ', ':993 ', ' '),
                                 ':143 ', ' ')))
                     AS place,
                     lower(COALESCE(NULLIF(box.dest_user, ''), box.email)) AS person
              FROM migration_mailboxes AS box
              JOIN migration_jobs AS job ON job.id = box.job_id
              LEFT JOIN endpoints AS server ON server.id = COALESCE(box.dest_endpoint_id, job.dest_endpoint_id)
              WHERE box.enabled = 1 AND job.deleted_at = '' AND job.phase <> 'closed' AND ",
            within_reach!("job.tenant_id", "job.id"),
            ")"
        )
    };
}
macro_rules! columns {
    () => {
        "SELECT fed.mailbox_id, fed.job_id, fed.tenant_id, fed.domain, fed.phase, fed.email, fed.source_type, "
    };
}

/// Mailboxes whose address is in more than one job. Binds: reach, rows.
const ADDRESSES: &str = concat!(
    columns!(),
    "fed.address FROM ",
    fed!(),
    " AS fed WHERE fed.address IN (SELECT other.address FROM ",
    fed!(),
    " AS other GROUP BY other.address HAVING COUNT(DISTINCT other.job_id) > 1)
      ORDER BY fed.address, fed.mailbox_id LIMIT $5"
);
/// Mailboxes that several addresses or jobs are copied into. One address that comes from several sources into its own
/// mailbox is meant so. Binds: reach, rows.
const DESTINATIONS: &str = concat!(
    columns!(),
    "trim(fed.place) || '/' || fed.person FROM ",
    fed!(),
    " AS fed WHERE trim(fed.place) <> '' AND trim(fed.place) || '/' || fed.person IN (
          SELECT trim(other.place) || '/' || other.person FROM ",
    fed!(),
    " AS other GROUP BY trim(other.place), other.person
          HAVING COUNT(DISTINCT CAST(other.job_id AS TEXT) || ' ' || other.address) > 1)
      ORDER BY 8, fed.mailbox_id LIMIT $5"
);
/// Runs that wait because another one writes into the same mailbox. Binds: reach, rows.
const WAITING: &str = concat!(
    "SELECT run.id, run.job_id, run.mailbox_id, job.domain, run.run_type, run.destination_key, other.id, other.job_id,
            CASE WHEN ",
    within_reach!("holder.tenant_id", "holder.id"),
    " THEN 1 ELSE 0 END
     FROM migration_runs AS run
     JOIN migration_jobs AS job ON job.id = run.job_id
     JOIN migration_runs AS other ON other.destination_key = run.destination_key AND other.id <> run.id
     JOIN migration_jobs AS holder ON holder.id = other.job_id
     WHERE run.status = 'queued' AND other.status = 'running' AND run.destination_key <> ''
       AND run.mailbox_id IS NOT NULL AND job.deleted_at = '' AND ",
    within_reach!("job.tenant_id", "job.id"),
    " ORDER BY run.id, other.id LIMIT $5"
);

/// Every query of this file, for the test that prepares them.
pub const QUERIES: &[&str] = &[ADDRESSES, DESTINATIONS, WAITING];

/// A mailbox that is in another's way.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the column of its name")]
pub struct FedRow {
    pub mailbox_id: i64,
    pub job_id: i64,
    pub tenant_id: i64,
    pub domain: String,
    pub phase: String,
    pub email: String,
    pub source_type: String,
    /// What it has in common with the others: the address, or the mailbox that it is copied into.
    pub common: String,
}

/// A run that waits for another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingRow {
    /// The run that waits.
    pub run_id: i64,
    /// Its job.
    pub job_id: i64,
    /// Its mailbox.
    pub mailbox_id: i64,
    /// Its job's domain.
    pub domain: String,
    /// What it is to do.
    pub run_type: String,
    /// The mailbox that both write into.
    pub destination: String,
    /// The run that is at work, and its job; none where the caller may not see that.
    pub holder: Option<(i64, i64)>,
}

fn fed(row: &Row) -> Result<FedRow> {
    Ok(FedRow {
        mailbox_id: row.int(0)?,
        job_id: row.int(1)?,
        tenant_id: row.int(2)?,
        domain: row.text(3)?,
        phase: row.text(4)?,
        email: row.text(5)?,
        source_type: row.text(6)?,
        common: row.text(7)?,
    })
}

impl Store {
    /// Mailboxes whose address is in more than one open job.
    pub async fn shared_addresses(&self, reach: &Reach, rows: i64) -> Result<Vec<FedRow>> {
        let found = self.all("looking for shared addresses", ADDRESSES, reached(reach, binds![rows])).await?;
        found.iter().map(fed).collect()
    }

    /// Mailboxes of open jobs that are copied into one that others are copied into.
    pub async fn shared_destinations(&self, reach: &Reach, rows: i64) -> Result<Vec<FedRow>> {
        let binds = reached(reach, binds![rows]);
        self.all("looking for shared destinations", DESTINATIONS, binds).await?.iter().map(fed).collect()
    }

    /// Runs that wait for another one's mailbox.
    pub async fn waiting_runs(&self, reach: &Reach, rows: i64) -> Result<Vec<WaitingRow>> {
        let found = self.all("looking for runs that wait", WAITING, reached(reach, binds![rows])).await?;
        let read = |row: &Row| {
            Ok(WaitingRow {
                run_id: row.int(0)?,
                job_id: row.int(1)?,
                mailbox_id: row.int(2)?,
                domain: row.text(3)?,
                run_type: row.text(4)?,
                destination: row.text(5)?,
                holder: if row.flag(8)? { Some((row.int(6)?, row.int(7)?)) } else { None },
            })
        };
        found.iter().map(read).collect()
    }
}
