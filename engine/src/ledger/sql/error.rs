//! Turns what a database says into failures that tell the reader what to do.
//! Never reads a message's words: codes decide.

use std::io::ErrorKind;

use crate::failure::Failure;
use crate::ledger::FolderId;
use crate::ledger::trouble::{failed, foreign, unknown_folder};

/// Why a call could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The database said so.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// A row holds what no ledger writes.
    #[error("a row of the table {table} holds what no ledger writes in its column {column}")]
    Row {
        /// In which table.
        table: &'static str,
        /// In which column.
        column: &'static str,
    },
    /// A folder number that this ledger never gave out.
    #[error("no folder number {0:?}")]
    UnknownFolder(FolderId),
    /// The file is a database, but none of ours.
    #[error("it is a database of another program")]
    OtherProgram,
    /// The file was written by a later version.
    #[error("its format is {found}, newer than {known}, the newest that this malote knows")]
    Newer {
        /// The format that was found.
        found: i64,
        /// The newest format known here.
        known: i64,
    },
    /// The database's own check found damage.
    #[error("its check found: {0}")]
    Damaged(String),
    /// The file could not be made, locked or renamed.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// Someone else holds the ledger.
    #[error("another malote is using it")]
    InUse,
}

/// SQLITE_FULL (<https://www.sqlite.org/rescode.html>).
const SQLITE_FULL: i64 = 13;
/// SQLITE_IOERR_SHMSIZE: there is no room for the index of the write-ahead log.
const SQLITE_IOERR_SHMSIZE: &str = "4874";
/// SQLITE_CORRUPT: a page does not hold what it must.
const SQLITE_CORRUPT: i64 = 11;
/// SQLITE_NOTADB: the first octets are not those of a database.
const SQLITE_NOTADB: i64 = 26;
/// PostgreSQL's `disk_full` (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
const POSTGRES_DISK_FULL: &str = "53100";
/// PostgreSQL's `lock_not_available`: a lock was not had within `lock_timeout`.
pub(super) const POSTGRES_LOCK_NOT_AVAILABLE: &str = "55P03";

impl Broken {
    fn code(&self) -> Option<String> {
        match self {
            Self::Database(sqlx::Error::Database(error)) => error.code().map(|code| code.into_owned()),
            _ => None,
        }
    }

    /// True for a primary SQLite result code; extended codes keep it in their low octet. PostgreSQL's codes have
    /// five places and are no such small numbers.
    fn is_sqlite(&self, primary: i64) -> bool {
        self.code()
            .filter(|code| code.len() < 5)
            .and_then(|code| code.parse::<i64>().ok())
            .map(|code| code & 0xff)
            == Some(primary)
    }

    /// True where the file is not a database, is damaged, or holds rows that no ledger writes.
    pub(super) fn is_corrupt(&self) -> bool {
        matches!(self, Self::Row { .. } | Self::Damaged(_))
            || self.is_sqlite(SQLITE_CORRUPT)
            || self.is_sqlite(SQLITE_NOTADB)
    }

    /// True where a lock could not be had in time.
    pub(super) fn is_locked(&self) -> bool {
        self.code().as_deref() == Some(POSTGRES_LOCK_NOT_AVAILABLE)
    }

    fn is_disk_full(&self) -> bool {
        let is_full = |kind| matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
        matches!(self, Self::File(error) if is_full(error.kind()))
            || self.is_sqlite(SQLITE_FULL)
            || self.code().as_deref() == Some(SQLITE_IOERR_SHMSIZE)
            || self.code().as_deref() == Some(POSTGRES_DISK_FULL)
    }

    /// The failure of `tried` on the ledger called `name`.
    pub(super) fn into_failure(self, name: &str, tried: &str) -> Failure {
        match self {
            Self::UnknownFolder(folder) => unknown_folder(name, folder),
            Self::Newer { .. } => {
                foreign(format!("{name} was written by a newer malote: use that one")).because(self)
            }
            Self::OtherProgram => {
                foreign(format!("{name} is a database of another program: name another file"))
            }
            Self::InUse => failed(format!("another malote is using {name}: wait until it has ended")),
            _ if self.is_disk_full() => {
                failed(format!("{tried} {name}: the disk is full: free some space and run again"))
                    .because(self)
            }
            _ if self.is_corrupt() => {
                failed(format!("{tried} {name}: it is damaged: run again to have it put aside")).because(self)
            }
            _ => failed(format!("{tried} {name} failed")).because(self),
        }
    }
}
