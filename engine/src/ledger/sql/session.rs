//! One connection to a database, cut down to what a ledger asks of it: binds in, rows out.
//! Never knows a query or a table; the one place where the two engines' types are named.

use std::future::Future;

use futures_util::StreamExt;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row as _, SqliteConnection};

use super::error::Broken;
use super::migrate::Migrations;

/// A value bound to a placeholder.
#[derive(Debug, Clone)]
pub enum Bind {
    /// A number.
    Int(i64),
    /// A number or NULL.
    IntOrNull(Option<i64>),
    /// Octets.
    Octets(Vec<u8>),
    /// Text; without NUL, which PostgreSQL cannot keep.
    Text(String),
}

impl Bind {
    /// Takes text for storing; a NUL becomes U+FFFD.
    pub fn text(text: &str) -> Self {
        Self::Text(if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text.to_owned() })
    }
}

/// A row's columns by number, from 0.
pub trait Row {
    /// A number.
    fn int(&self, column: usize) -> Result<i64, Broken>;
    /// A number or NULL.
    fn int_or_null(&self, column: usize) -> Result<Option<i64>, Broken>;
    /// Octets.
    fn octets(&self, column: usize) -> Result<Vec<u8>, Broken>;
    /// Text.
    fn text(&self, column: usize) -> Result<String, Broken>;
}

/// What is done with each row of an answer, as it comes.
pub type EachRow<'a> = &'a mut (dyn FnMut(&dyn Row) -> Result<(), Broken> + Send);

/// One connection. Dropping it rolls back what it had begun; a caller that is cancelled does just that.
pub trait Session: Send + Sized + 'static {
    /// How to connect again.
    type Options: Send + Sync + 'static;

    /// Begins a transaction that writes.
    const BEGIN: &'static str;

    /// What makes the tables.
    const MIGRATIONS: Migrations;

    /// How many rows a batch statement may have, greatest first, ending with 1. Few sizes, so that the prepared
    /// statements stay in the cache. SQLite looks each `$n` up in a list, so that its time grows with the
    /// square of the rows; PostgreSQL pays a round trip for each statement.
    const BATCH_ROWS: &'static [usize];

    /// Connects and makes the connection fit for use.
    fn connect(options: &Self::Options) -> impl Future<Output = Result<Self, Broken>> + Send;

    /// Runs statements that take no binds and give no rows.
    fn batch(&mut self, text: &str) -> impl Future<Output = Result<(), Broken>> + Send;

    /// Runs one query and hands out its rows.
    fn rows(
        &mut self,
        text: &str,
        binds: Vec<Bind>,
        each: EachRow<'_>,
    ) -> impl Future<Output = Result<(), Broken>> + Send;

    /// Runs one statement whose rows, if any, nobody wants.
    fn run(&mut self, text: &str, binds: Vec<Bind>) -> impl Future<Output = Result<(), Broken>> + Send {
        async move { self.rows(text, binds, &mut |_| Ok(())).await }
    }

    /// Says goodbye.
    fn end(self) -> impl Future<Output = Result<(), Broken>> + Send;
}

/// Writes the same `Session` and `Row` for an engine: sqlx gives both the same methods, but on types that share
/// no trait which a generic function could name without repeating a dozen bounds.
macro_rules! session {
    ($connection:ty, $row:ty, $options:ty, $connect:path, $begin:literal, $migrations:path, $batch_rows:expr) => {
        impl Session for $connection {
            type Options = $options;
            const BEGIN: &'static str = $begin;
            const MIGRATIONS: Migrations = $migrations;
            const BATCH_ROWS: &'static [usize] = &$batch_rows;

            async fn connect(options: &Self::Options) -> Result<Self, Broken> {
                $connect(options).await
            }

            async fn batch(&mut self, text: &str) -> Result<(), Broken> {
                sqlx::raw_sql(AssertSqlSafe(text)).execute(self).await?;
                Ok(())
            }

            async fn rows(&mut self, text: &str, binds: Vec<Bind>, each: EachRow<'_>) -> Result<(), Broken> {
                let mut query = sqlx::query(AssertSqlSafe(text));
                for bind in binds {
                    query = match bind {
                        Bind::Int(number) => query.bind(number),
                        Bind::IntOrNull(number) => query.bind(number),
                        Bind::Octets(octets) => query.bind(octets),
                        Bind::Text(text) => query.bind(text),
                    };
                }
                let mut rows = query.fetch(self);
                while let Some(row) = rows.next().await {
                    each(&row?)?;
                }
                Ok(())
            }

            async fn end(self) -> Result<(), Broken> {
                Ok(Connection::close(self).await?)
            }
        }

        impl Row for $row {
            fn int(&self, column: usize) -> Result<i64, Broken> {
                Ok(self.try_get(column)?)
            }

            fn int_or_null(&self, column: usize) -> Result<Option<i64>, Broken> {
                Ok(self.try_get(column)?)
            }

            fn octets(&self, column: usize) -> Result<Vec<u8>, Broken> {
                Ok(self.try_get(column)?)
            }

            fn text(&self, column: usize) -> Result<String, Broken> {
                Ok(self.try_get(column)?)
            }
        }
    };
}

session!(
    SqliteConnection,
    sqlx::sqlite::SqliteRow,
    sqlx::sqlite::SqliteConnectOptions,
    super::sqlite::connect,
    "BEGIN IMMEDIATE",
    super::migrate::SQLITE,
    [16, 4, 1]
);

session!(
    PgConnection,
    sqlx::postgres::PgRow,
    super::postgres::PostgresOptions,
    super::postgres::connect,
    "BEGIN",
    super::migrate::POSTGRES,
    [512, 64, 8, 1]
);
