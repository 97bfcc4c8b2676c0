//! Consents that somebody was asked for, as rows.
//! Never sees a verifier or a device's code in clear: what it stores is sealed, or a digest.

use super::{Result, Row, Store};
use crate::binds;

macro_rules! columns {
    () => {
        "id, credential_id, provider, kind, state_hash, session_id, actor, secret_encrypted, redirect_uri, \
         mailboxes_json, side, interval_seconds, next_poll_ms, expires_ms, status, detail"
    };
}
/// Binds: id, credential, provider, kind, digest of the state, session, who, sealed secret, where to come back,
/// mailboxes, side, interval, next_poll_ms, expires_ms.
const INSERT: &str = "
    INSERT INTO oauth_flows (id, credential_id, provider, kind, state_hash, session_id, actor, secret_encrypted,
                             redirect_uri, mailboxes_json, side, interval_seconds, next_poll_ms, expires_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
/// Binds: id.
const BY_ID: &str = concat!("SELECT ", columns!(), " FROM oauth_flows WHERE id = $1");
/// Binds: digest of the state.
const BY_STATE: &str =
    concat!("SELECT ", columns!(), " FROM oauth_flows WHERE state_hash = $1 AND state_hash <> '' LIMIT 1");
/// Takes one to ask the provider by it; only one succeeds. Binds: id, now_ms, next_poll_ms.
const TAKE: &str = "
    UPDATE oauth_flows SET status = 'asking', next_poll_ms = $3
    WHERE id = $1 AND expires_ms > $2
      AND next_poll_ms <= $2 AND (status = 'waiting' OR status = 'asking' AND kind = 'device_code')";
/// Lets it wait again. Binds: id, interval, next_poll_ms.
const WAIT: &str = "
    UPDATE oauth_flows SET status = 'waiting', interval_seconds = $2, next_poll_ms = $3
    WHERE id = $1 AND status = 'asking'";
/// Ends it; its secret goes. Binds: id, status, detail.
const END: &str = "
    UPDATE oauth_flows SET status = $2, detail = $3, secret_encrypted = '', state_hash = ''
    WHERE id = $1 AND status IN ('waiting', 'asking')";
/// Older ones of a credential are of no use any more. Binds: credential.
const OUTDATE: &str = "
    UPDATE oauth_flows SET status = 'expired', detail = 'another one was started', secret_encrypted = '',
        state_hash = ''
    WHERE credential_id = $1 AND status IN ('waiting', 'asking')";

/// A consent that somebody was asked for.
#[derive(Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "each field is the column of its name in oauth_flows")]
pub struct FlowRow {
    pub id: String,
    pub credential_id: String,
    pub provider: String,
    pub kind: String,
    pub state_hash: String,
    pub session_id: String,
    pub actor: String,
    pub sealed: String,
    pub redirect_uri: String,
    pub mailboxes_json: String,
    pub side: String,
    pub interval_seconds: i64,
    pub next_poll_ms: i64,
    pub expires_ms: i64,
    pub status: String,
    pub detail: String,
}

fn flow(row: &Row) -> Result<FlowRow> {
    Ok(FlowRow {
        id: row.text(0)?,
        credential_id: row.text(1)?,
        provider: row.text(2)?,
        kind: row.text(3)?,
        state_hash: row.text(4)?,
        session_id: row.text(5)?,
        actor: row.text(6)?,
        sealed: row.text(7)?,
        redirect_uri: row.text(8)?,
        mailboxes_json: row.text(9)?,
        side: row.text(10)?,
        interval_seconds: row.int(11)?,
        next_poll_ms: row.int(12)?,
        expires_ms: row.int(13)?,
        status: row.text(14)?,
        detail: row.text(15)?,
    })
}

impl Store {
    /// Writes one; those that were waiting for the same credential end.
    pub async fn insert_flow(&self, row: &FlowRow) -> Result<()> {
        let mut transaction = self.begin().await?;
        transaction.run("ending older consents", OUTDATE, binds![&row.credential_id]).await?;
        let binds = binds![
            &row.id,
            &row.credential_id,
            &row.provider,
            &row.kind,
            &row.state_hash,
            &row.session_id,
            &row.actor,
            &row.sealed,
            &row.redirect_uri,
            &row.mailboxes_json,
            &row.side,
            row.interval_seconds,
            row.next_poll_ms,
            row.expires_ms,
        ];
        transaction.run("writing a consent", INSERT, binds).await?;
        transaction.commit().await
    }

    /// One by its id.
    pub async fn flow(&self, id: &str) -> Result<Option<FlowRow>> {
        self.one("reading a consent", BY_ID, binds![id]).await?.as_ref().map(flow).transpose()
    }

    /// One by what came back.
    pub async fn flow_of_state(&self, state_hash: &str) -> Result<Option<FlowRow>> {
        self.one("reading a consent", BY_STATE, binds![state_hash]).await?.as_ref().map(flow).transpose()
    }

    /// Takes the right to ask the provider; false where it is used, asked at this moment, or its time is over.
    pub async fn take_flow(&self, id: &str, now_ms: i64, next_poll_ms: i64) -> Result<bool> {
        Ok(self.run("taking a consent", TAKE, binds![id, now_ms, next_poll_ms]).await? > 0)
    }

    /// Lets it wait for the next question.
    pub async fn let_flow_wait(&self, id: &str, interval_seconds: i64, next_poll_ms: i64) -> Result<()> {
        self.run("noting a consent", WAIT, binds![id, interval_seconds, next_poll_ms]).await.map(|_| ())
    }

    /// Ends it.
    pub async fn end_flow(&self, id: &str, status: &str, detail: &str) -> Result<()> {
        self.run("ending a consent", END, binds![id, status, detail]).await.map(|_| ())
    }
}
