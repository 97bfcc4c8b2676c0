//! Requests that were asked once and may be asked again, as rows.
//! Never holds an answer with a secret: such requests do not come here.

use super::{Result, Store};
use crate::binds;

/// Takes a key; nothing changes where it is taken. Binds: actor, key, method, path, hash, now_ms, expires_ms.
const TAKE: &str = "
    INSERT INTO idempotency_keys
        (actor, idempotency_key, method, path, request_hash, state, created_ms, expires_ms)
    VALUES ($1, $2, $3, $4, $5, 'working', $6, $7) ON CONFLICT (actor, idempotency_key) DO NOTHING";
/// Binds: actor, key.
const READ: &str = "
    SELECT method, path, request_hash, state, status_code, headers_json, body FROM idempotency_keys
    WHERE actor = $1 AND idempotency_key = $2";
/// Binds: actor, key, status, headers, body.
const KEEP: &str = "
    UPDATE idempotency_keys SET state = 'done', status_code = $3, headers_json = $4, body = $5
    WHERE actor = $1 AND idempotency_key = $2";
/// Binds: actor, key.
const DROP: &str = "DELETE FROM idempotency_keys WHERE actor = $1 AND idempotency_key = $2";
/// Binds: now_ms.
const SWEEP: &str = "DELETE FROM idempotency_keys WHERE expires_ms < $1";
/// Keys whose process died while it worked. Binds: before.
const SWEEP_WORKING: &str = "DELETE FROM idempotency_keys WHERE state = 'working' AND created_ms < $1";

/// Every query of this file, for the test that prepares them.
pub const QUERIES: &[&str] = &[TAKE, READ, KEEP, DROP, SWEEP, SWEEP_WORKING];

/// A request under a key.
pub struct Asked<'a> {
    /// Who asks.
    pub actor: &'a str,
    /// The caller's key.
    pub key: &'a str,
    /// The method.
    pub method: &'a str,
    /// The path with its query.
    pub path: &'a str,
    /// SHA-256 of the body.
    pub hash: Vec<u8>,
}

/// What is known of a key.
pub struct Known {
    /// The method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// SHA-256 of the body.
    pub hash: Vec<u8>,
    /// The answer is there.
    pub is_done: bool,
    /// Its status.
    pub status: i64,
    /// Its headers, as a JSON object.
    pub headers_json: String,
    /// Its body.
    pub body: Vec<u8>,
}

impl Store {
    /// Takes a key; false where it is taken.
    pub async fn take_key(&self, asked: &Asked<'_>, now_ms: i64, expires_ms: i64) -> Result<bool> {
        let binds =
            binds![asked.actor, asked.key, asked.method, asked.path, asked.hash.clone(), now_ms, expires_ms];
        Ok(self.run("taking an idempotency key", TAKE, binds).await? > 0)
    }

    /// What is known of a key.
    pub async fn known_key(&self, actor: &str, key: &str) -> Result<Option<Known>> {
        let row = self.one("reading an idempotency key", READ, binds![actor, key]).await?;
        row.map(|row| {
            Ok(Known {
                method: row.text(0)?,
                path: row.text(1)?,
                hash: row.octets(2)?,
                is_done: row.str(3)? == "done",
                status: row.int(4)?,
                headers_json: row.text(5)?,
                body: row.octets(6)?,
            })
        })
        .transpose()
    }

    /// Keeps an answer.
    pub async fn keep_answer(
        &self,
        asked: &Asked<'_>,
        status: i64,
        headers_json: &str,
        body: Vec<u8>,
    ) -> Result<()> {
        let binds = binds![asked.actor, asked.key, status, headers_json, body];
        self.run("keeping an answer", KEEP, binds).await.map(|_| ())
    }

    /// Gives a key back: the request was not done.
    pub async fn drop_key(&self, asked: &Asked<'_>) -> Result<()> {
        self.run("giving back an idempotency key", DROP, binds![asked.actor, asked.key]).await.map(|_| ())
    }

    /// Forgets keys whose day is over, and those whose process died.
    pub async fn sweep_keys(&self, now_ms: i64, died_before_ms: i64) -> Result<()> {
        self.run("forgetting idempotency keys", SWEEP, binds![now_ms]).await?;
        self.run("forgetting idempotency keys", SWEEP_WORKING, binds![died_before_ms]).await.map(|_| ())
    }
}
