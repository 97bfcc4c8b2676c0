//! Connecting to a ledger in PostgreSQL, and keeping its pair to one process.
//! Never knows what the tables hold.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};

use super::error::Broken;
use super::session::{Bind, Session};
use super::{PostgresLedger, SqlLedger, enter, migrate};
use crate::failure::Result;

/// What the server is told at the start of each session. Keepalives free the pair's lock a minute after its
/// process's machine was lost; a lock that is not free is waited for no longer than its previous holder needs to
/// end.
const SESSION: &[(&str, &str)] = &[
    ("client_min_messages", "warning"),
    ("lock_timeout", "5000"),
    ("synchronous_commit", "on"),
    ("tcp_keepalives_idle", "30"),
    ("tcp_keepalives_interval", "10"),
    ("tcp_keepalives_count", "3"),
];

/// Keeps a pair's ledger to this session, for as long as the session lives. Binds: pair_key.
pub(super) const HOLD: &str = "SELECT pg_advisory_lock(hashtextextended('malote ledger ' || $1, 1298230383))";

/// Where the database is, and whose ledger is wanted.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    server: PgConnectOptions,
    pair_key: String,
}

impl PostgresLedger {
    /// Connects to the database at `url` (`postgres://user:password@host:port/database`) and opens or makes the
    /// ledger called `pair_key` there. The ledger is this process's alone until `close`, the drop of the ledger
    /// or the end of the connection. The lock is the session's, so `url` must lead to PostgreSQL itself or to a
    /// pooler in session mode.
    ///
    /// # Errors
    /// `Class::LedgerForeign` for tables of a newer malote; `Class::Ledger` for anything else.
    pub async fn connect(url: &str, pair_key: &str) -> Result<Self> {
        let fail = |broken: Broken, name: &str| broken.into_failure(name, "opening");
        let name = format!("the ledger {pair_key}");
        let server = PgConnectOptions::from_str(url).map_err(|error| fail(error.into(), &name))?;
        let server =
            server.application_name("malote").options(SESSION.iter().copied()).disable_statement_logging();
        let name =
            format!("{name} in {} on {}", server.get_database().unwrap_or("postgres"), server.get_host());
        let options = PostgresOptions { server, pair_key: pair_key.to_owned() };
        let mut session = connect(&options).await.map_err(|broken| fail(broken, &name))?;
        migrate::migrate(&mut session).await.map_err(|broken| fail(broken, &name))?;
        let id = enter(&mut session, pair_key).await.map_err(|broken| fail(broken, &name))?;
        Ok(SqlLedger::new(name, id, options, session, None))
    }
}

/// Connects and takes the pair's lock: a session without it never writes.
pub(super) async fn connect(options: &PostgresOptions) -> std::result::Result<PgConnection, Broken> {
    let mut session = options.server.connect().await?;
    match session.run(HOLD, vec![Bind::text(&options.pair_key)]).await {
        Err(broken) if broken.is_locked() => Err(Broken::InUse),
        held => held.map(|()| session),
    }
}
