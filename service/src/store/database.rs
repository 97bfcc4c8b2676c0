//! The connections, cut down to what the service asks of them: one text, binds in, rows out, on either engine.
//! Never knows a query or a table.

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;

use super::row::{Bind, Row, bound, from_postgres, from_sqlite};
use super::{Result, StoreError, Transaction, Where, place};

#[derive(Debug, Clone)]
enum Pools {
    Sqlite { readers: SqlitePool, writer: SqlitePool },
    Postgres(PgPool),
}

/// The service's database; clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    pools: Pools,
}

impl Store {
    /// Connects; makes the file where there is none, readable by its owner alone. Tables are `migrate`'s matter.
    ///
    /// # Errors
    /// Where it cannot be reached or is no database.
    pub async fn connect(place: &Where) -> Result<Self> {
        let pools = match place {
            Where::Sqlite(path) => {
                let (readers, writer) = place::sqlite(path).await?;
                Pools::Sqlite { readers, writer }
            }
            Where::Postgres(url) => Pools::Postgres(place::postgres(url).await?),
        };
        Ok(Self { pools })
    }

    /// True where several machines may share it.
    #[must_use]
    pub const fn is_postgres(&self) -> bool {
        matches!(self.pools, Pools::Postgres(_))
    }

    /// Runs one query and gives its rows. What is not a `SELECT` is written by the one connection that writes.
    ///
    /// # Errors
    /// What the database says.
    pub async fn all(&self, tried: &'static str, text: &'static str, binds: Vec<Bind>) -> Result<Vec<Row>> {
        let rows: sqlx::Result<Vec<Row>> = match &self.pools {
            Pools::Sqlite { readers, writer } => {
                let is_read = text.trim_start().starts_with("SELECT");
                let found = bound!(text, binds).fetch_all(if is_read { readers } else { writer }).await;
                found.and_then(|rows| rows.iter().map(from_sqlite).collect())
            }
            Pools::Postgres(pool) => {
                let found = bound!(text, binds).fetch_all(pool).await;
                found.and_then(|rows| rows.iter().map(from_postgres).collect())
            }
        };
        rows.map_err(StoreError::of(tried))
    }

    /// The same, for a query that gives one row at most.
    ///
    /// # Errors
    /// What the database says.
    pub async fn one(
        &self,
        tried: &'static str,
        text: &'static str,
        binds: Vec<Bind>,
    ) -> Result<Option<Row>> {
        Ok(self.all(tried, text, binds).await?.into_iter().next())
    }

    /// Runs one statement; how many rows it changed.
    ///
    /// # Errors
    /// What the database says.
    pub async fn run(&self, tried: &'static str, text: &'static str, binds: Vec<Bind>) -> Result<u64> {
        let done = match &self.pools {
            Pools::Sqlite { writer, .. } => {
                bound!(text, binds).execute(writer).await.map(|done| done.rows_affected())
            }
            Pools::Postgres(pool) => bound!(text, binds).execute(pool).await.map(|done| done.rows_affected()),
        };
        done.map_err(StoreError::of(tried))
    }

    /// Begins a transaction that writes; dropped without `commit`, it is rolled back.
    ///
    /// # Errors
    /// What the database says.
    pub async fn begin(&self) -> Result<Transaction> {
        let begun = match &self.pools {
            Pools::Sqlite { writer, .. } => begin_writing(writer).await.map(Transaction::Sqlite),
            Pools::Postgres(pool) => pool.begin().await.map(Transaction::Postgres),
        };
        begun.map_err(StoreError::of("beginning a transaction"))
    }

    /// Begins a transaction that only reads, all of it as of one moment: nobody waits for it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn begin_reading(&self) -> Result<Transaction> {
        let begun = match &self.pools {
            Pools::Sqlite { readers, .. } => readers.begin().await.map(Transaction::Sqlite),
            Pools::Postgres(pool) => {
                // One moment for all its queries, as a file has by itself.
                let words = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                pool.begin_with(words).await.map(Transaction::Postgres)
            }
        };
        begun.map_err(StoreError::of("beginning a transaction"))
    }

    /// What time it is, in milliseconds since 1970, by the clock that all who share the database go by.
    ///
    /// # Errors
    /// What the database says.
    pub async fn now_ms(&self) -> Result<i64> {
        let text = match self.pools {
            Pools::Sqlite { .. } => "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)",
            Pools::Postgres(_) => "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
        };
        let row = self.one("asking the database for the time", text, Vec::new()).await?;
        row.ok_or(StoreError::Stale("the time"))?.int(0)
    }

    /// Checks that a query can be prepared, without running it: for the test that does so with all of them.
    ///
    /// # Errors
    /// What the database says.
    pub async fn prepare(&self, text: &str) -> Result<()> {
        use sqlx::{Executor as _, SqlSafeStr as _};
        let text = AssertSqlSafe(text.to_owned()).into_sql_str();
        let prepared = match &self.pools {
            Pools::Sqlite { writer, .. } => writer.prepare(text).await.map(|_| ()),
            Pools::Postgres(pool) => pool.prepare(text).await.map(|_| ()),
        };
        prepared.map_err(StoreError::of("preparing a query"))
    }

    /// Ends all connections in order.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { readers, writer } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}

/// Begins on the one connection that writes. A transaction whose end the disk did not take was rolled back by SQLite
/// itself, which the connection does not know: it is closed, and another one begins.
async fn begin_writing(writer: &SqlitePool) -> sqlx::Result<sqlx::Transaction<'static, sqlx::Sqlite>> {
    let begin = || writer.begin_with(AssertSqlSafe("BEGIN IMMEDIATE"));
    match begin().await {
        Err(sqlx::Error::InvalidSavePointStatement | sqlx::Error::BeginFailed) => {
            writer.acquire().await?.close().await?;
            begin().await
        }
        begun => begun,
    }
}
