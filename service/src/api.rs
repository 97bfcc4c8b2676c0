//! The service over HTTP: one router, two mounts, one form of error.
//! Never decides what plan decides, and never holds a query.

pub mod access;
pub mod answer;
pub mod approvals;
pub mod audit;
pub mod auth;
pub mod body;
pub mod caller;
pub mod closing;
pub mod control;
pub mod credentials;
pub mod cutover;
pub mod described;
pub mod discover;
pub mod endpoints;
pub mod error;
pub mod events;
pub mod folders;
pub mod gates;
pub mod health;
pub mod hooks;
pub mod i18n;
pub mod idempotency;
pub mod import;
pub mod inventory;
pub mod jobs;
pub mod kept;
pub mod layers;
pub mod limits;
pub mod list;
pub mod login;
pub mod mailboxes;
pub mod metrics;
pub mod names;
pub mod oauth;
pub mod oauth_consent;
pub mod oauth_flows;
pub mod oauth_tokens;
pub mod overview;
pub mod preferences;
pub mod providers;
pub mod quarantine;
pub mod quarantine_raw;
pub mod quarantine_retry;
pub mod reader;
pub mod report;
pub mod router;
pub mod runs;
pub mod schedule;
pub mod settings;
pub mod share;
pub mod system;
pub mod tracking;
pub mod trial;
pub mod try_login;
pub mod uploads;
pub mod uploads_chunk;
pub mod uploads_form;
pub mod uploads_use;
pub mod views;

pub use caller::Caller;
pub use error::ApiError;
pub use router::router;

/// What a handler gives.
pub type Result<T> = std::result::Result<T, ApiError>;
