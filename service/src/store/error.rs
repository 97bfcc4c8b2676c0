//! Why a call to the database could not be done, and whether it is worth doing again.
//! Never reads a message's words: codes decide.

/// Why a call could not be done.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database said so, or was not reached.
    #[error("{tried}: {cause}")]
    Database {
        /// What was tried.
        tried: &'static str,
        /// What came back.
        #[source]
        cause: sqlx::Error,
    },
    /// A column holds what this program never writes there, or a query was asked for a column that it has not.
    #[error(
        "column {column} of an answer is {found}, and {wanted} was expected: was the database changed by hand?"
    )]
    Column {
        /// Its number, from 0.
        column: usize,
        /// What was found.
        found: &'static str,
        /// What was expected.
        wanted: &'static str,
    },
    /// Text in a column is none of the words that this program writes there.
    #[error("{word:?} is no {what}: was the database written by a newer malote?")]
    Word {
        /// What it should be.
        what: &'static str,
        /// What was found.
        word: String,
    },
    /// The database's tables are not those that this program knows.
    #[error(
        "the database has migration {found}, newer than {known}, the newest that this malote knows: use that malote"
    )]
    Newer {
        /// The newest that it has.
        found: i64,
        /// The newest that is known here.
        known: i64,
    },
    /// Tables are missing, and this command may not make them.
    #[error("the database has migration {found} of {known}: run `malote migrate up` first")]
    Older {
        /// The newest that it has.
        found: i64,
        /// The newest that is known here.
        known: i64,
    },
    /// The file or the URL cannot be used as it stands.
    #[error("{0}")]
    Place(String),
    /// The row that was to be changed is no longer as it was: somebody was faster.
    #[error("{0} was changed meanwhile: look again")]
    Stale(&'static str),
}

/// SQLite's codes that pass by themselves (<https://www.sqlite.org/rescode.html>): SQLITE_BUSY, somebody else is
/// writing; SQLITE_IOERR and SQLITE_FULL, the disk does not take it now. What was begun is rolled back.
const SQLITE_PASSING: [i64; 3] = [5, 10, 13];
/// SQLITE_CONSTRAINT_UNIQUE.
const SQLITE_UNIQUE: &str = "2067";
/// SQLITE_CONSTRAINT_PRIMARYKEY.
const SQLITE_PRIMARY_KEY: &str = "1555";
/// PostgreSQL's `unique_violation` (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
const POSTGRES_UNIQUE: &str = "23505";
/// SQLITE_CONSTRAINT_FOREIGNKEY.
const SQLITE_FOREIGN_KEY: &str = "787";
/// PostgreSQL's `foreign_key_violation`.
const POSTGRES_FOREIGN_KEY: &str = "23503";
/// PostgreSQL's classes of codes that pass by themselves: connection, resources, intervention of an operator,
/// rolled back for another's sake.
const POSTGRES_PASSING: [&str; 4] = ["08", "53", "57", "40"];

impl StoreError {
    pub(super) fn of(tried: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |cause| Self::Database { tried, cause }
    }

    fn code(&self) -> Option<String> {
        match self {
            Self::Database { cause: sqlx::Error::Database(error), .. } => {
                error.code().map(|code| code.into_owned())
            }
            _ => None,
        }
    }

    /// True where the same call may work a moment later: the connection was lost, somebody else had the lock, or the
    /// disk was full.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        let Self::Database { cause, .. } = self else { return false };
        match cause {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::WorkerCrashed => true,
            sqlx::Error::Database(_) => self.code().is_some_and(|code| {
                let passes = |number: i64| SQLITE_PASSING.contains(&(number & 0xff));
                (code.len() < 5 && code.parse::<i64>().is_ok_and(passes))
                    || (code.len() == 5 && POSTGRES_PASSING.iter().any(|class| code.starts_with(class)))
            }),
            _ => false,
        }
    }

    /// True where a row of that key is there already.
    #[must_use]
    pub fn is_duplicate(&self) -> bool {
        let known = [SQLITE_UNIQUE, SQLITE_PRIMARY_KEY, POSTGRES_UNIQUE];
        self.code().is_some_and(|code| known.contains(&code.as_str()))
    }

    /// True where a row that another row belongs to has gone, or is still needed by others.
    #[must_use]
    pub fn is_orphaned(&self) -> bool {
        let known = [SQLITE_FOREIGN_KEY, POSTGRES_FOREIGN_KEY];
        self.code().is_some_and(|code| known.contains(&code.as_str()))
    }
}
