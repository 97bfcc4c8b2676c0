//! Servers as people see and change them, as rows; those of no tenant are everybody's to see.
//! Never holds a secret.

use super::reach::Reach;
use super::{Result, Row, Store, Transaction};
use crate::binds;

macro_rules! columns {
    () => {
        "id, tenant_id, name, kind, profile, host, port, tls, auth, authzid_template, pin, connections_max, status, \
         last_health_check_at, is_enabled, allow_cleartext, allow_private, allowed_networks_json, created_by, version, \
         updated_at"
    };
}
macro_rules! reached {
    () => {
        "($1 = 1 OR tenant_id IS NULL OR $2 LIKE '%,' || CAST(tenant_id AS TEXT) || ',%') \
         AND $3 LIKE ',%' AND (tenant_id IS NULL OR $4 NOT LIKE '%,t' || CAST(tenant_id AS TEXT) || ',%')"
    };
}
/// Binds: reach.
const LIST: &str =
    concat!("SELECT ", columns!(), " FROM endpoints WHERE ", reached!(), " ORDER BY name, id LIMIT 1000");
/// Binds: reach, id.
const ONE: &str = concat!("SELECT ", columns!(), " FROM endpoints WHERE ", reached!(), " AND id = $5");
/// Binds: id, tenant, name, kind, profile, host, port, TLS, auth, authzid, pin, connections, enabled, cleartext,
/// private, networks, who.
const INSERT: &str = "
    INSERT INTO endpoints (id, tenant_id, name, kind, profile, host, port, tls, auth, authzid_template, pin,
                           connections_max, is_enabled, allow_cleartext, allow_private, allowed_networks_json,
                           created_by)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";
/// Binds: as above without tenant, kind and who, then the version.
const CHANGE: &str = "
    UPDATE endpoints SET name = $2, profile = $3, host = $4, port = $5, tls = $6, auth = $7, authzid_template = $8,
        pin = $9, connections_max = $10, is_enabled = $11, allow_cleartext = $12, allow_private = $13,
        allowed_networks_json = $14, version = version + 1
    WHERE id = $1 AND version = $15";
/// Binds: id.
const DELETE: &str = "DELETE FROM endpoints WHERE id = $1";
/// Jobs and mailboxes that name it. Binds: id.
const USES: &str = "
    SELECT (SELECT COUNT(*) FROM migration_jobs WHERE (source_endpoint_id = $1 OR dest_endpoint_id = $1)
              AND deleted_at = '' AND phase <> 'closed')
         + (SELECT COUNT(*) FROM migration_mailboxes WHERE source_endpoint_id = $1 OR dest_endpoint_id = $1)";
/// Binds: id, status, now_at.
const SET_STATUS: &str = "UPDATE endpoints SET status = $2, last_health_check_at = $3 WHERE id = $1";
/// Binds: id, status, latency, class, detail, now_at.
const CHECKED: &str = "
    INSERT INTO endpoint_health_checks (endpoint_id, status, latency_ms, error_class, detail, checked_at)
    VALUES ($1, $2, $3, $4, $5, $6)";
/// Binds: id, rows, from or empty, to or empty.
const HEALTH: &str = "
    SELECT status, latency_ms, error_class, checked_at FROM endpoint_health_checks
    WHERE endpoint_id = $1 AND ($3 = '' OR checked_at >= $3) AND ($4 = '' OR checked_at < $4)
    ORDER BY checked_at DESC, id DESC LIMIT $2";

/// Every query of this file, for the test that prepares them.
pub const QUERIES: &[&str] = &[LIST, ONE, INSERT, CHANGE, DELETE, USES, SET_STATUS, CHECKED, HEALTH];

/// A server as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "each field is the column of its name in endpoints")]
pub struct EndpointRow {
    pub id: String,
    pub tenant_id: Option<i64>,
    pub name: String,
    pub kind: String,
    pub profile: String,
    pub host: String,
    pub port: i64,
    pub tls: String,
    pub auth: String,
    pub authzid_template: String,
    pub pin: String,
    pub connections_max: i64,
    pub status: String,
    pub last_health_check_at: String,
    pub is_enabled: bool,
    pub allow_cleartext: bool,
    pub allow_private: bool,
    pub networks_json: String,
    pub created_by: String,
    pub version: i64,
    pub updated_at: String,
}

fn endpoint(row: &Row) -> Result<EndpointRow> {
    Ok(EndpointRow {
        id: row.text(0)?,
        tenant_id: row.int_or_null(1)?,
        name: row.text(2)?,
        kind: row.text(3)?,
        profile: row.text(4)?,
        host: row.text(5)?,
        port: row.int(6)?,
        tls: row.text(7)?,
        auth: row.text(8)?,
        authzid_template: row.text(9)?,
        pin: row.text(10)?,
        connections_max: row.int(11)?,
        status: row.text(12)?,
        last_health_check_at: row.text(13)?,
        is_enabled: row.flag(14)?,
        allow_cleartext: row.flag(15)?,
        allow_private: row.flag(16)?,
        networks_json: row.text(17)?,
        created_by: row.text(18)?,
        version: row.int(19)?,
        updated_at: row.text(20)?,
    })
}

impl Store {
    /// Servers that the caller may see.
    pub async fn endpoint_rows(&self, reach: &Reach) -> Result<Vec<EndpointRow>> {
        self.all("reading servers", LIST, reach.binds()).await?.iter().map(endpoint).collect()
    }

    /// A server that the caller may see.
    pub async fn endpoint_row(&self, reach: &Reach, id: &str) -> Result<Option<EndpointRow>> {
        let row = self.one("reading a server", ONE, super::jobs::reached(reach, binds![id])).await?;
        row.as_ref().map(endpoint).transpose()
    }

    /// Changes a server, where its version still is this.
    pub async fn change_endpoint(&self, row: &EndpointRow) -> Result<bool> {
        let binds = binds![
            &row.id,
            &row.name,
            &row.profile,
            &row.host,
            row.port,
            &row.tls,
            &row.auth,
            &row.authzid_template,
            &row.pin,
            row.connections_max,
            row.is_enabled,
            row.allow_cleartext,
            row.allow_private,
            &row.networks_json,
            row.version,
        ];
        Ok(self.run("changing a server", CHANGE, binds).await? > 0)
    }

    /// Removes a server.
    pub async fn delete_endpoint(&self, id: &str) -> Result<()> {
        self.run("removing a server", DELETE, binds![id]).await.map(|_| ())
    }

    /// How many jobs and mailboxes name a server.
    pub async fn endpoint_uses(&self, id: &str) -> Result<i64> {
        self.one("counting uses of a server", USES, binds![id]).await?.map_or(Ok(0), |row| row.int(0))
    }

    /// Writes down how a server was found.
    pub async fn endpoint_checked(
        &self,
        id: &str,
        (status, health): (&str, &str),
        latency_ms: i64,
        class: &str,
        now_at: &str,
    ) -> Result<()> {
        let binds = binds![id, status, latency_ms, class, "", now_at];
        self.run("noting a server's health", CHECKED, binds).await?;
        self.run("noting a server's health", SET_STATUS, binds![id, health, now_at]).await.map(|_| ())
    }

    /// How a server was found between two moments, newest first: status, latency, class, when. Empty: any moment.
    pub async fn endpoint_health(
        &self,
        id: &str,
        (from, to): (&str, &str),
        rows: i64,
    ) -> Result<Vec<(String, i64, String, String)>> {
        let rows = self.all("reading a server's health", HEALTH, binds![id, rows, from, to]).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.int(1)?, row.text(2)?, row.text(3)?))).collect()
    }
}

impl Transaction {
    /// Writes a server.
    pub async fn insert_endpoint(&mut self, row: &EndpointRow) -> Result<()> {
        let binds = binds![
            &row.id,
            row.tenant_id,
            &row.name,
            &row.kind,
            &row.profile,
            &row.host,
            row.port,
            &row.tls,
            &row.auth,
            &row.authzid_template,
            &row.pin,
            row.connections_max,
            row.is_enabled,
            row.allow_cleartext,
            row.allow_private,
            &row.networks_json,
            &row.created_by,
        ];
        self.run("writing a server", INSERT, binds).await.map(|_| ())
    }
}
