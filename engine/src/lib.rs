//! Copies mailboxes exactly: every byte, flag and date, once.
//! Never serves HTTP, renders a page or decides what `malote_plan` decides.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub use malote_plan as plan;

pub mod body;
pub mod clock;
pub mod destination;
pub mod event;
pub mod failure;
pub mod imap;
pub mod ledger;
pub mod pace;
pub mod policy;
pub mod progress;
pub mod quarantine;
pub mod report;
pub mod run;
pub mod source;
