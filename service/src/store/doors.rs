//! Sessions and service tokens, as rows: how people and programs come in.
//! Never sees a token in clear: what it stores and looks for are digests.

use super::{Result, Row, Store, Transaction};
use crate::binds;

/// Binds: digest.
const SESSION: &str = "
    SELECT id, user_id, csrf_key, state, created_ms, last_seen_ms, expires_ms, stepped_up_ms, ip, user_agent
    FROM auth_sessions WHERE token_hash = $1";
/// Binds: user.
const SESSIONS: &str = "
    SELECT id, user_id, csrf_key, state, created_ms, last_seen_ms, expires_ms, stepped_up_ms, ip, user_agent
    FROM auth_sessions WHERE user_id = $1 AND state <> 'revoked' ORDER BY last_seen_ms DESC LIMIT 100";
/// Binds: id, digest, user, csrf key, state, now_ms, expires_ms, stepped up, ip, user agent.
const INSERT_SESSION: &str = "
    INSERT INTO auth_sessions
        (id, token_hash, user_id, csrf_key, state, created_ms, last_seen_ms, expires_ms, stepped_up_ms, ip, user_agent)
    VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9, $10)";
/// Binds: id, now_ms.
const TOUCH: &str = "UPDATE auth_sessions SET last_seen_ms = $2 WHERE id = $1 AND state <> 'revoked'";
/// Binds: id, now_ms.
const STEP_UP: &str = "UPDATE auth_sessions SET stepped_up_ms = $2 WHERE id = $1 AND state = 'open'";
/// Binds: id, reason.
const REVOKE: &str = "
    UPDATE auth_sessions SET state = 'revoked', revoked_reason = $2 WHERE id = $1 AND state <> 'revoked'";
/// Binds: user, reason, one that stays.
const REVOKE_ALL: &str = "
    UPDATE auth_sessions SET state = 'revoked', revoked_reason = $2
    WHERE user_id = $1 AND state <> 'revoked' AND id <> $3";
/// Binds: before.
const SWEEP: &str = "DELETE FROM auth_sessions WHERE expires_ms < $1";

/// Binds: digest.
const TOKEN: &str = "
    SELECT id, name, scopes_json, tenant_id, allowed_networks_json, expires_ms, last_used_ms, revoked_ms, created_by
    FROM service_tokens WHERE token_hash = $1";
const TOKENS: &str = "
    SELECT id, name, scopes_json, tenant_id, allowed_networks_json, expires_ms, last_used_ms, revoked_ms, created_by
    FROM service_tokens ORDER BY name, id LIMIT 1000";
/// Binds: id, name, digest, scopes, tenant, networks, expires_ms, who.
const INSERT_TOKEN: &str = "
    INSERT INTO service_tokens
        (id, name, token_hash, scopes_json, tenant_id, allowed_networks_json, expires_ms, created_by)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
/// Binds: id, now_ms, ip.
const USED: &str = "UPDATE service_tokens SET last_used_ms = $2, last_used_ip = $3 WHERE id = $1";
/// Binds: id, now_ms.
const REVOKE_TOKEN: &str = "UPDATE service_tokens SET revoked_ms = $2 WHERE id = $1 AND revoked_ms = 0";

/// Every query of this file, for the test that prepares them.
pub const QUERIES: &[&str] = &[
    SESSION,
    SESSIONS,
    INSERT_SESSION,
    TOUCH,
    STEP_UP,
    REVOKE,
    REVOKE_ALL,
    SWEEP,
    TOKEN,
    TOKENS,
    INSERT_TOKEN,
    USED,
    REVOKE_TOKEN,
];

/// A session's row.
#[derive(Clone)]
pub struct SessionRow {
    /// Its id, which is no secret.
    pub id: String,
    /// Whose it is.
    pub user_id: String,
    /// What its CSRF tokens are made with.
    pub csrf_key: Vec<u8>,
    /// The second factor was given, or none is asked for.
    pub is_open: bool,
    /// It was ended.
    pub is_revoked: bool,
    /// When it began.
    pub created_ms: i64,
    /// When it was last used.
    pub last_seen_ms: i64,
    /// When it ends however busy it is.
    pub expires_ms: i64,
    /// The last proof of identity within it.
    pub stepped_up_ms: i64,
    /// Where it began.
    pub ip: String,
    /// With what.
    pub user_agent: String,
}

impl SessionRow {
    fn read(row: &Row) -> Result<Self> {
        let state = row.text(3)?;
        Ok(Self {
            id: row.text(0)?,
            user_id: row.text(1)?,
            csrf_key: row.octets(2)?,
            is_open: state == "open",
            is_revoked: state == "revoked",
            created_ms: row.int(4)?,
            last_seen_ms: row.int(5)?,
            expires_ms: row.int(6)?,
            stepped_up_ms: row.int(7)?,
            ip: row.text(8)?,
            user_agent: row.text(9)?,
        })
    }
}

/// A session to be written.
pub struct NewSession<'a> {
    /// Its id.
    pub id: &'a str,
    /// SHA-256 of its token.
    pub token_hash: Vec<u8>,
    /// Whose it is.
    pub user_id: &'a str,
    /// What its CSRF tokens are made with.
    pub csrf_key: Vec<u8>,
    /// The second factor is still to be given.
    pub is_waiting: bool,
    /// When it begins.
    pub now_ms: i64,
    /// When it ends.
    pub expires_ms: i64,
    /// Where it begins.
    pub ip: &'a str,
    /// With what.
    pub user_agent: &'a str,
}

/// A service token's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// Its id, which is no secret.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// A JSON list of scopes.
    pub scopes_json: String,
    /// The one tenant that it sees; nothing: all.
    pub tenant_id: Option<i64>,
    /// A JSON list of networks; empty: from anywhere.
    pub networks_json: String,
    /// When it ends.
    pub expires_ms: i64,
    /// When it was last used; 0: never.
    pub last_used_ms: i64,
    /// When it was revoked; 0: it was not.
    pub revoked_ms: i64,
    /// Who made it.
    pub created_by: String,
}

impl TokenRow {
    fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.text(0)?,
            name: row.text(1)?,
            scopes_json: row.text(2)?,
            tenant_id: row.int_or_null(3)?,
            networks_json: row.text(4)?,
            expires_ms: row.int(5)?,
            last_used_ms: row.int(6)?,
            revoked_ms: row.int(7)?,
            created_by: row.text(8)?,
        })
    }
}

impl Store {
    /// The session of a token's digest.
    pub async fn session(&self, digest: Vec<u8>) -> Result<Option<SessionRow>> {
        let row = self.one("reading a session", SESSION, binds![digest]).await?;
        row.as_ref().map(SessionRow::read).transpose()
    }

    /// A user's sessions, the busiest first.
    pub async fn sessions(&self, user: &str) -> Result<Vec<SessionRow>> {
        self.all("reading sessions", SESSIONS, binds![user]).await?.iter().map(SessionRow::read).collect()
    }

    /// Writes a session.
    pub async fn insert_session(&self, new: &NewSession<'_>) -> Result<()> {
        let state = if new.is_waiting { "mfa_required" } else { "open" };
        let stepped_up_ms = if new.is_waiting { 0 } else { new.now_ms };
        let binds = binds![
            new.id,
            new.token_hash.clone(),
            new.user_id,
            new.csrf_key.clone(),
            state,
            new.now_ms,
            new.expires_ms,
            stepped_up_ms,
            new.ip,
            new.user_agent,
        ];
        self.run("writing a session", INSERT_SESSION, binds).await.map(|_| ())
    }

    /// Notes that a session was used.
    pub async fn touch_session(&self, id: &str, now_ms: i64) -> Result<()> {
        self.run("noting a session's use", TOUCH, binds![id, now_ms]).await.map(|_| ())
    }

    /// Notes a fresh proof of identity.
    pub async fn step_up_session(&self, id: &str, now_ms: i64) -> Result<()> {
        self.run("noting a proof of identity", STEP_UP, binds![id, now_ms]).await.map(|_| ())
    }

    /// Ends a session; false where it had ended.
    pub async fn revoke_session(&self, id: &str, reason: &str) -> Result<bool> {
        Ok(self.run("ending a session", REVOKE, binds![id, reason]).await? > 0)
    }

    /// Ends a user's sessions but the one named, if any.
    pub async fn revoke_sessions(&self, user: &str, reason: &str, but: &str) -> Result<u64> {
        self.run("ending sessions", REVOKE_ALL, binds![user, reason, but]).await
    }

    /// Removes sessions that ended before a moment.
    pub async fn sweep_sessions(&self, before_ms: i64) -> Result<()> {
        self.run("removing old sessions", SWEEP, binds![before_ms]).await.map(|_| ())
    }

    /// The service token of a digest.
    pub async fn service_token(&self, digest: Vec<u8>) -> Result<Option<TokenRow>> {
        let row = self.one("reading a service token", TOKEN, binds![digest]).await?;
        row.as_ref().map(TokenRow::read).transpose()
    }

    /// The first thousand service tokens by name.
    pub async fn service_tokens(&self) -> Result<Vec<TokenRow>> {
        self.all("reading service tokens", TOKENS, binds![]).await?.iter().map(TokenRow::read).collect()
    }

    /// Writes a service token.
    pub async fn insert_token(&self, row: &TokenRow, digest: Vec<u8>) -> Result<()> {
        let binds = binds![
            &row.id,
            &row.name,
            digest,
            &row.scopes_json,
            row.tenant_id,
            &row.networks_json,
            row.expires_ms,
            &row.created_by,
        ];
        self.run("writing a service token", INSERT_TOKEN, binds).await.map(|_| ())
    }

    /// Notes that a token was used.
    pub async fn token_used(&self, id: &str, now_ms: i64, ip: &str) -> Result<()> {
        self.run("noting a token's use", USED, binds![id, now_ms, ip]).await.map(|_| ())
    }

    /// Revokes a token; false where it was revoked, or is not there.
    pub async fn revoke_token(&self, id: &str, now_ms: i64) -> Result<bool> {
        Ok(self.run("revoking a service token", REVOKE_TOKEN, binds![id, now_ms]).await? > 0)
    }
}

impl Transaction {
    /// Ends a user's sessions.
    pub async fn end_sessions(&mut self, user: &str, reason: &str) -> Result<u64> {
        self.run("ending sessions", REVOKE_ALL, binds![user, reason, ""]).await
    }
}
