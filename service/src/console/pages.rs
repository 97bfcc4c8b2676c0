//! The pages, one file for each screen.
//! Never a number that the API did not tell.

pub mod about;
pub mod access;
pub mod account;
pub mod audit;
pub mod control;
pub mod credentials;
pub mod job;
pub mod jobs;
pub mod live;
pub mod mailbox;
pub mod options;
pub mod outside;
pub mod overview;
pub mod own_schedule;
pub mod person;
pub mod places;
pub mod quarantine;
pub mod roles;
pub mod run_options;
pub mod runs;
pub mod schedule;
pub mod scopes;
pub mod session;
pub mod tree;
pub mod uploads;
pub mod wizard;
