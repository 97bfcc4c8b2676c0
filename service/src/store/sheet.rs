//! Many mailboxes of a job at once, with their sealed secrets, as rows: a statement for each portion of them.
//! Never looks at a mailbox: what comes here was checked.

use serde::Serialize;

use super::{Result, StoreError, Transaction};
use crate::binds;

/// Rows of one statement.
const PORTION: usize = 1_000;

/// The addresses and types that a job has already. Binds: job.
const KNOWN: &str = "
    SELECT email, source_type FROM migration_mailboxes WHERE job_id = $1 AND COALESCE(pst_path, '') = ''";
/// Binds: job, rows as a JSON array.
const BOXES_SQLITE: &str = "
    INSERT INTO migration_mailboxes (job_id, email, source_type, source_host, source_user, credentials_ref, dest_host,
                                     dest_user, dest_credentials_ref, enabled, priority, folder_map_json, options_json)
    SELECT $1, row.value ->> 'email', row.value ->> 'source_type', row.value ->> 'source_host',
           row.value ->> 'source_user', row.value ->> 'credentials_ref', row.value ->> 'dest_host',
           row.value ->> 'dest_user', row.value ->> 'dest_credentials_ref', row.value ->> 'enabled',
           row.value ->> 'priority', '', '{}'
    FROM json_each($2) AS row ORDER BY row.key";
/// The same.
const BOXES_POSTGRES: &str = "
    INSERT INTO migration_mailboxes (job_id, email, source_type, source_host, source_user, credentials_ref, dest_host,
                                     dest_user, dest_credentials_ref, enabled, priority, folder_map_json, options_json)
    SELECT $1, row.value ->> 'email', row.value ->> 'source_type', row.value ->> 'source_host',
           row.value ->> 'source_user', row.value ->> 'credentials_ref', row.value ->> 'dest_host',
           row.value ->> 'dest_user', row.value ->> 'dest_credentials_ref',
           CAST(row.value ->> 'enabled' AS BIGINT), CAST(row.value ->> 'priority' AS BIGINT), '', '{}'
    FROM json_array_elements(CAST($2 AS JSON)) WITH ORDINALITY AS row (value, place) ORDER BY row.place";
/// `CROSS` has SQLite go by the array and look each mailbox up. Binds: job, secrets as a JSON array.
const SECRETS_SQLITE: &str = "
    INSERT INTO migration_credentials (id, mailbox_id, side, kind, key_id, secret_blob)
    SELECT row.value ->> 'id', box.id, row.value ->> 'side', row.value ->> 'kind', row.value ->> 'key_id',
           CAST(row.value ->> 'sealed' AS BLOB)
    FROM json_each($2) AS row
    CROSS JOIN migration_mailboxes AS box ON box.job_id = $1 AND lower(box.email) = lower(row.value ->> 'email')
        AND box.source_type = row.value ->> 'source_type' AND COALESCE(box.pst_path, '') = ''";
/// The same.
const SECRETS_POSTGRES: &str = "
    INSERT INTO migration_credentials (id, mailbox_id, side, kind, key_id, secret_blob)
    SELECT row.value ->> 'id', box.id, row.value ->> 'side', row.value ->> 'kind', row.value ->> 'key_id',
           convert_to(row.value ->> 'sealed', 'UTF8')
    FROM json_array_elements(CAST($2 AS JSON)) AS row (value)
    JOIN migration_mailboxes AS box ON box.job_id = $1 AND lower(box.email) = lower(row.value ->> 'email')
        AND box.source_type = row.value ->> 'source_type' AND COALESCE(box.pst_path, '') = ''";

/// Every query of this file that both engines take, for the test that prepares them.
pub const QUERIES: &[&str] = &[KNOWN];
/// Those that each takes in its own words: SQLite's, PostgreSQL's.
pub const OWN: [[&str; 2]; 2] = [[BOXES_SQLITE, BOXES_POSTGRES], [SECRETS_SQLITE, SECRETS_POSTGRES]];

/// A mailbox of many.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "each field is the column of its name in migration_mailboxes")]
pub struct SheetBox {
    pub email: String,
    pub source_type: String,
    pub source_host: Option<String>,
    pub source_user: Option<String>,
    pub credentials_ref: Option<String>,
    pub dest_host: String,
    pub dest_user: String,
    pub dest_credentials_ref: Option<String>,
    pub enabled: i64,
    pub priority: i64,
}

/// A sealed secret of one of them, which is named by its address and type.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "each field is the column of its name in migration_credentials")]
pub struct SheetSecret {
    pub id: String,
    pub email: String,
    pub source_type: String,
    pub side: &'static str,
    pub kind: &'static str,
    pub key_id: String,
    pub sealed: String,
}

impl Transaction {
    /// The addresses and types of a job's mailboxes that come from no file.
    ///
    /// # Errors
    /// What the database says.
    pub async fn known_mailboxes(&mut self, job: i64) -> Result<Vec<(String, String)>> {
        let rows = self.all("reading a job's addresses", KNOWN, binds![job]).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect()
    }

    /// Writes mailboxes and their secrets.
    ///
    /// # Errors
    /// What the database says; a duplicate where the job has one of them.
    pub async fn insert_sheet(
        &mut self,
        job: i64,
        boxes: &[SheetBox],
        secrets: &[SheetSecret],
    ) -> Result<()> {
        let own = usize::from(self.is_postgres());
        let mut written = 0;
        for portion in boxes.chunks(PORTION) {
            let binds = binds![job, json(portion)];
            written += self.run("writing mailboxes", OWN[0][own], binds).await?;
        }
        for portion in secrets.chunks(PORTION) {
            let binds = binds![job, json(portion)];
            written += self.run("writing credentials", OWN[1][own], binds).await?;
        }
        // A secret that found no mailbox, or two, would be one that nobody misses until it is needed.
        match usize::try_from(written).is_ok_and(|written| written == boxes.len() + secrets.len()) {
            true => Ok(()),
            false => Err(StoreError::Stale("the job's mailboxes")),
        }
    }
}

fn json<T: Serialize>(rows: &[T]) -> String {
    // Text and numbers can always be written.
    serde_json::to_string(rows).unwrap_or_default()
}
