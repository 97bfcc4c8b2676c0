//! The service's own database: jobs, mailboxes, runs, people and what happened; SQLite or PostgreSQL.
//! Never holds a message, a ledger or a secret in clear.

pub mod admin;
pub mod audit;
pub mod boxes;
pub mod conflicts;
pub mod cutover;
mod database;
pub mod doors;
pub mod endpoints;
mod error;
pub mod events;
pub mod flows;
pub mod gate_sets;
pub mod gates;
pub mod given;
pub mod glance;
pub mod hooks;
pub mod idempotency;
pub mod jobs;
pub mod kept;
pub mod keys;
pub mod looks;
pub mod mailboxes;
pub mod measures;
pub mod migrate;
pub mod order;
pub mod passes;
pub mod people;
mod place;
pub mod preferences;
pub mod profiles;
pub mod reach;
pub mod report;
pub mod results;
pub mod retries;
pub mod roles;
mod row;
pub mod runs;
pub mod schedules;
pub mod shares;
pub mod sheet;
pub mod state;
mod time;
mod transaction;
pub mod uploads;
pub mod views;
pub mod waits;
pub mod words;

pub use database::Store;
pub use error::StoreError;
pub use place::Where;
pub use row::{Bind, Row};
pub use runs::Fence;
pub use time::{at, at_or_empty, milliseconds};
pub use transaction::Transaction;

/// What the functions of this module give.
pub type Result<T> = std::result::Result<T, StoreError>;
