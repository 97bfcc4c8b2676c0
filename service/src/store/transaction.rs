//! Statements that are done together or not at all.
//! Never held across anything but the database.

use sqlx::{Postgres, Sqlite};

use super::row::{Bind, Row, bound, from_postgres, from_sqlite};
use super::{Result, StoreError};

/// Statements that are done together or not at all.
#[derive(Debug)]
pub enum Transaction {
    /// In a file.
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    /// On a server.
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Transaction {
    /// True on a server.
    #[must_use]
    pub const fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Runs one query and gives its rows.
    ///
    /// # Errors
    /// What the database says.
    pub async fn all(
        &mut self,
        tried: &'static str,
        text: &'static str,
        binds: Vec<Bind>,
    ) -> Result<Vec<Row>> {
        let rows: sqlx::Result<Vec<Row>> = match self {
            Self::Sqlite(inner) => {
                let found = bound!(text, binds).fetch_all(&mut **inner).await;
                found.and_then(|rows| rows.iter().map(from_sqlite).collect())
            }
            Self::Postgres(inner) => {
                let found = bound!(text, binds).fetch_all(&mut **inner).await;
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
        &mut self,
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
    pub async fn run(&mut self, tried: &'static str, text: &'static str, binds: Vec<Bind>) -> Result<u64> {
        let done = match self {
            Self::Sqlite(inner) => {
                bound!(text, binds).execute(&mut **inner).await.map(|done| done.rows_affected())
            }
            Self::Postgres(inner) => {
                bound!(text, binds).execute(&mut **inner).await.map(|done| done.rows_affected())
            }
        };
        done.map_err(StoreError::of(tried))
    }

    /// Runs many statements without binds, such as a migration.
    pub(super) async fn batch(&mut self, tried: &'static str, text: &'static str) -> Result<()> {
        use sqlx::Executor as _;
        let done = match self {
            Self::Sqlite(inner) => inner.execute(sqlx::raw_sql(text)).await.map(|_| ()),
            Self::Postgres(inner) => inner.execute(sqlx::raw_sql(text)).await.map(|_| ()),
        };
        done.map_err(StoreError::of(tried))
    }

    /// Makes what was done stand.
    ///
    /// # Errors
    /// What the database says; on a lost line it is unknown whether it stands.
    pub async fn commit(self) -> Result<()> {
        let done = match self {
            Self::Sqlite(inner) => inner.commit().await,
            Self::Postgres(inner) => inner.commit().await,
        };
        done.map_err(StoreError::of("ending a transaction"))
    }
}
