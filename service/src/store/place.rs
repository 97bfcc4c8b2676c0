//! Where the database is, and how it is connected to.
//! Never knows a query or a table.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions};

use super::{Result, StoreError};

/// How long one connection waits for another that writes to the same file.
const BUSY_WAIT: Duration = Duration::from_secs(10);
/// How long a call waits for a free connection, or for a new one.
const CONNECT_MAX: Duration = Duration::from_secs(8);
/// Connections that read one file at once, at most.
const SQLITE_READERS_MAX: u32 = 4;
/// What each of them keeps of the file in memory: 8 MiB, which the folders of a large domain fit in. A look at a gate
/// reads all of them.
const SQLITE_CACHE: &str = "-8192";
/// Connections to one PostgreSQL at most, for each process.
const POSTGRES_CONNECTIONS_MAX: u32 = 10;
/// What PostgreSQL is told at the start of each session: a dead line shows within a minute.
const SESSION: &[(&str, &str)] = &[
    ("client_min_messages", "warning"),
    ("lock_timeout", "10000"),
    ("statement_timeout", "60000"),
    ("tcp_keepalives_idle", "30"),
    ("tcp_keepalives_interval", "10"),
    ("tcp_keepalives_count", "3"),
];

/// Where the database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// In this file.
    Sqlite(PathBuf),
    /// At this URL, which may hold a password: it is never shown.
    Postgres(String),
}

impl Where {
    /// Reads `postgres://…` or `sqlite:PATH`.
    ///
    /// # Errors
    /// For anything else.
    pub fn parse(url: &str) -> Result<Self> {
        let scheme = url.split_once(':').map(|(scheme, _)| scheme);
        match scheme {
            Some("postgres" | "postgresql") => Ok(Self::Postgres(url.to_owned())),
            Some("sqlite") => {
                let path = &url["sqlite:".len()..];
                let path = path.strip_prefix("//").unwrap_or(path);
                if path.is_empty() {
                    return Err(StoreError::Place("the database sqlite: has no path after it".to_owned()));
                }
                Ok(Self::Sqlite(path.into()))
            }
            _ => Err(StoreError::Place(
                "the database is neither postgres://USER@HOST/NAME nor sqlite:PATH".to_owned(),
            )),
        }
    }

    /// The file that a data folder's database is in.
    #[must_use]
    pub fn in_folder(data: &Path) -> Self {
        Self::Sqlite(data.join("malote.sqlite"))
    }
}

/// The connections that read a file, and the one that writes.
pub(super) async fn sqlite(path: &Path) -> Result<(SqlitePool, SqlitePool)> {
    make_private(path).map_err(|cause| {
        StoreError::Place(format!("opening the database file {}: {cause}", path.display()))
    })?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .pragma("synchronous", "FULL")
        .pragma("secure_delete", "ON")
        .pragma("cache_size", SQLITE_CACHE)
        .foreign_keys(true)
        .busy_timeout(BUSY_WAIT)
        .disable_statement_logging();
    let tried = "opening the database file";
    // Kept for good: a last connection that closes would fold the log back, again and again.
    let pool = |connections| {
        SqlitePoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(BUSY_WAIT + CONNECT_MAX)
            .idle_timeout(None)
            .max_lifetime(None)
    };
    let writer = pool(1).connect_with(options.clone()).await.map_err(StoreError::of(tried))?;
    let readers = pool(SQLITE_READERS_MAX).connect_lazy_with(options.pragma("query_only", "ON"));
    Ok((readers, writer))
}

/// Makes the file and its folder where they are missing, readable by their owner alone.
fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(path).map(|_| ())
}

/// The connections to a server.
pub(super) async fn postgres(url: &str) -> Result<PgPool> {
    // The error of a URL that cannot be read may quote it, password and all.
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| StoreError::Place("the database's URL cannot be read".to_owned()))?;
    let options =
        options.application_name("malote").options(SESSION.iter().copied()).disable_statement_logging();
    PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS_MAX)
        .acquire_timeout(CONNECT_MAX)
        .connect_with(options)
        .await
        .map_err(StoreError::of("connecting to the database"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_file_or_a_server() {
        for (url, place) in [
            ("sqlite:/x/y.sqlite", Some(Where::Sqlite("/x/y.sqlite".into()))),
            ("sqlite:///x/y.sqlite", Some(Where::Sqlite("/x/y.sqlite".into()))),
            ("sqlite:y", Some(Where::Sqlite("y".into()))),
            ("postgres://u@h/d", Some(Where::Postgres("postgres://u@h/d".into()))),
            ("postgresql://u@h/d", Some(Where::Postgres("postgresql://u@h/d".into()))),
            ("sqlite:", None),
            ("mysql://h", None),
            ("/x/y", None),
        ] {
            assert_eq!(Where::parse(url).ok(), place, "{url}");
        }
    }
}
