//! The service's own database: jobs, mailboxes, runs, people and what happened; SQLite or PostgreSQL.
//! Never holds a message, a ledger or a secret in clear.

pub mod audit;
mod database;
pub mod doors;
mod error;
pub mod keys;
pub mod migrate;
pub mod idempotency;
pub mod people;
mod place;
pub mod reach;
mod row;
mod time;
mod transaction;

pub use database::Store;
pub use error::StoreError;
pub use place::Where;
pub use row::{Bind, Row};
pub use time::{at, at_or_empty, milliseconds};
pub use transaction::Transaction;

/// What the functions of this module give.
pub type Result<T> = std::result::Result<T, StoreError>;
