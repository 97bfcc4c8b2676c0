//! Jobs, mailboxes and servers as a worker needs them: where mail comes from and goes to, and what is wanted.
//! Never holds a secret: only what it is called by.

use super::words::{MailboxStatus, SourceType};
use super::{Result, Row, Store, StoreError};
use crate::binds;

/// A mailbox, its job and both servers. Binds: mailbox_id.
const MAILBOX: &str = "
    SELECT box.id, box.job_id, job.tenant_id, box.email, box.source_type, COALESCE(box.source_host, ''),
           COALESCE(box.source_user, ''), box.dest_user, box.dest_host, job.dest_imap_host,
           COALESCE(box.pst_path, ''), COALESCE(box.folder_map_json, ''), job.options_json, box.options_json,
           box.context_id, COALESCE(box.source_endpoint_id, job.source_endpoint_id),
           COALESCE(box.dest_endpoint_id, job.dest_endpoint_id), box.priority, box.has_scan, job.phase, box.enabled,
           COALESCE(NULLIF(box.source_credential_id, ''), job.source_credential_id),
           COALESCE(NULLIF(box.dest_credential_id, ''), job.dest_credential_id)
    FROM migration_mailboxes AS box JOIN migration_jobs AS job ON job.id = box.job_id
    WHERE box.id = $1";

/// A server. Binds: id.
const ENDPOINT: &str = "
    SELECT id, name, kind, profile, host, port, tls, auth, authzid_template, pin, ca_pem, connections_max, is_enabled,
           allow_cleartext, allow_private, allowed_networks_json
    FROM endpoints WHERE id = $1";

/// A mailbox's row of history. Binds: tenant_id, address, source_endpoint_id or the empty word.
const CONTEXT: &str = "
    SELECT id FROM mailbox_contexts
    WHERE tenant_id = $1 AND lower(address) = lower($2) AND COALESCE(source_endpoint_id, '') = $3";

/// Begins one. Binds: id, tenant_id, address, source_endpoint_id.
const ADD_CONTEXT: &str = "
    INSERT INTO mailbox_contexts (id, tenant_id, address, source_endpoint_id) VALUES ($1, $2, $3, $4)
    ON CONFLICT DO NOTHING";

/// Names a mailbox's row of history. Binds: mailbox_id, context_id.
const SET_CONTEXT: &str = "UPDATE migration_mailboxes SET context_id = $2 WHERE id = $1";

/// Marks a mailbox as worked on. Binds: mailbox_id.
const SYNCING: &str = "UPDATE migration_mailboxes SET status = 'syncing' WHERE id = $1";

/// Marks its row of history so. Binds: context_id, run_id.
const CONTEXT_SYNCING: &str = "
    UPDATE mailbox_contexts SET current_run_id = $2, status = CASE WHEN status IN ('discovered', 'failed')
        THEN 'syncing' ELSE status END
    WHERE id = $1";

/// Mailboxes of a job that a run may be asked for. Binds: job_id.
const OF_JOB: &str = "
    SELECT id, status FROM migration_mailboxes WHERE job_id = $1 AND enabled = 1 ORDER BY priority DESC, id";

/// A mailbox with all that leads to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Mailbox {
    /// Its number.
    pub id: i64,
    /// Its job's number.
    pub job_id: i64,
    /// Its job's tenant.
    pub tenant_id: i64,
    /// Its address.
    pub email: String,
    /// Where its mail comes from.
    pub source_type: SourceType,
    /// The source's `HOST` or `HOST:PORT`, where no endpoint is named.
    pub source_host: String,
    /// Its name there; the address where empty.
    pub source_user: String,
    /// Its name at the destination; the address where empty.
    pub dest_user: String,
    /// The destination's `HOST` or `HOST:PORT`, before the job's.
    pub dest_host: String,
    /// The job's destination.
    pub job_dest_host: String,
    /// The file that its mail comes from.
    pub pst_path: String,
    /// `{"Sent Items":"Sent"}`, or empty.
    pub folder_map_json: String,
    /// The job's options.
    pub job_options_json: String,
    /// Its own, which go before them.
    pub options_json: String,
    /// Its row of history.
    pub context_id: Option<String>,
    /// The source server.
    pub source_endpoint_id: Option<String>,
    /// The destination server.
    pub dest_endpoint_id: Option<String>,
    /// Higher ones first.
    pub priority: i64,
    /// Whether its counts mean anything.
    pub has_scan: bool,
    /// Its job's phase.
    pub phase: String,
    /// Whether it takes part.
    pub is_enabled: bool,
    /// The credential kept at the source server that opens it, where it has none of its own; empty: none.
    pub source_credential_id: String,
    /// Likewise at the destination.
    pub dest_credential_id: String,
}

impl Mailbox {
    /// Into which mailbox its runs write: two that share it take turns.
    #[must_use]
    pub fn destination_key(&self) -> String {
        destination_key(
            self.dest_endpoint_id.as_deref(),
            [&self.dest_host, &self.job_dest_host],
            [&self.dest_user, &self.email],
        )
    }
}

/// The same of a mailbox's columns; of hosts and names the first that is not empty counts.
pub(crate) fn destination_key(endpoint: Option<&str>, hosts: [&str; 2], users: [&str; 2]) -> String {
    let first =
        |words: [&str; 2]| words.into_iter().find(|word| !word.is_empty()).unwrap_or_default().to_lowercase();
    format!("{}/{}", endpoint.map_or_else(|| first(hosts), str::to_lowercase), first(users))
}

/// A server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it is.
    pub kind: String,
    /// The profile to treat it by; empty: the one that it is recognised by.
    pub profile: String,
    /// Its host.
    pub host: String,
    /// Its port; 0 for the scheme's own.
    pub port: u16,
    /// `implicit`, `starttls` or `off`.
    pub tls: String,
    /// How to log in; empty: as the server offers.
    pub auth: String,
    /// The name to open a mailbox by, where an administrator logs in; `{user}` stands for the mailbox.
    pub authzid_template: String,
    /// `sha256:…` of the one certificate that is accepted.
    pub pin: String,
    /// Certificates trusted besides the platform's.
    pub ca_pem: String,
    /// Connections at most; 0 for what it bears.
    pub connections_max: usize,
    /// Whether it may be used.
    pub is_enabled: bool,
    /// Whether a password may go there without TLS.
    pub allow_cleartext: bool,
    /// Whether it may stand in a private network.
    pub allow_private: bool,
    /// In which ones.
    pub allowed_networks_json: String,
}

impl Store {
    /// A mailbox with all that leads to it; none where there is no such mailbox.
    ///
    /// # Errors
    /// What the database says.
    pub async fn mailbox(&self, mailbox_id: i64) -> Result<Option<Mailbox>> {
        let row = self.one("reading a mailbox", MAILBOX, binds![mailbox_id]).await?;
        row.as_ref().map(mailbox).transpose()
    }

    /// A server; none where there is no such server.
    ///
    /// # Errors
    /// What the database says.
    pub async fn endpoint(&self, id: &str) -> Result<Option<Endpoint>> {
        let row = self.one("reading a server", ENDPOINT, binds![id]).await?;
        row.as_ref().map(endpoint).transpose()
    }

    /// The row that holds a mailbox's whole history, begun where there is none.
    ///
    /// # Errors
    /// What the database says.
    pub async fn context_of(&self, mailbox: &Mailbox) -> Result<String> {
        if let Some(context) = &mailbox.context_id {
            return Ok(context.clone());
        }
        let endpoint = mailbox.source_endpoint_id.clone();
        let known = binds![mailbox.tenant_id, &mailbox.email, endpoint.clone().unwrap_or_default()];
        let new = binds![uuid::Uuid::new_v4().to_string(), mailbox.tenant_id, &mailbox.email, endpoint];
        self.run("beginning a mailbox's history", ADD_CONTEXT, new).await?;
        let row = self.one("reading a mailbox's history", CONTEXT, known).await?;
        let context = row.ok_or(StoreError::Stale("a mailbox's history"))?.text(0)?;
        self.run("naming a mailbox's history", SET_CONTEXT, binds![mailbox.id, &context]).await?;
        Ok(context)
    }

    /// Marks a mailbox and its history as worked on.
    ///
    /// # Errors
    /// What the database says.
    pub async fn mark_syncing(&self, mailbox_id: i64, context_id: &str, run_id: i64) -> Result<()> {
        self.run("marking a mailbox", SYNCING, binds![mailbox_id]).await?;
        self.run("marking a mailbox's history", CONTEXT_SYNCING, binds![context_id, run_id]).await.map(|_| ())
    }

    /// The mailboxes of a job that take part, with their status.
    ///
    /// # Errors
    /// What the database says.
    pub async fn mailboxes_of(&self, job_id: i64) -> Result<Vec<(i64, MailboxStatus)>> {
        let rows = self.all("reading a job's mailboxes", OF_JOB, binds![job_id]).await?;
        rows.iter().map(|row| Ok((row.int(0)?, MailboxStatus::parse(row.str(1)?)?))).collect()
    }
}

fn mailbox(row: &Row) -> Result<Mailbox> {
    Ok(Mailbox {
        id: row.int(0)?,
        job_id: row.int(1)?,
        tenant_id: row.int(2)?,
        email: row.text(3)?,
        source_type: SourceType::parse(row.str(4)?)?,
        source_host: row.text(5)?,
        source_user: row.text(6)?,
        dest_user: row.text(7)?,
        dest_host: row.text(8)?,
        job_dest_host: row.text(9)?,
        pst_path: row.text(10)?,
        folder_map_json: row.text(11)?,
        job_options_json: row.text(12)?,
        options_json: row.text(13)?,
        context_id: row.text_or_null(14)?,
        source_endpoint_id: row.text_or_null(15)?,
        dest_endpoint_id: row.text_or_null(16)?,
        priority: row.int(17)?,
        has_scan: row.flag(18)?,
        phase: row.text(19)?,
        is_enabled: row.flag(20)?,
        source_credential_id: row.text(21)?,
        dest_credential_id: row.text(22)?,
    })
}

fn endpoint(row: &Row) -> Result<Endpoint> {
    let number = |column: usize| -> Result<u64> { row.count(column) };
    Ok(Endpoint {
        id: row.text(0)?,
        name: row.text(1)?,
        kind: row.text(2)?,
        profile: row.text(3)?,
        host: row.text(4)?,
        port: u16::try_from(number(5)?).unwrap_or(0),
        tls: row.text(6)?,
        auth: row.text(7)?,
        authzid_template: row.text(8)?,
        pin: row.text(9)?,
        ca_pem: row.text(10)?,
        connections_max: usize::try_from(number(11)?).unwrap_or(0),
        is_enabled: row.flag(12)?,
        allow_cleartext: row.flag(13)?,
        allow_private: row.flag(14)?,
        allowed_networks_json: row.text(15)?,
    })
}
