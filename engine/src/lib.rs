//! Copies mailboxes exactly: every byte, flag and date, once.
//! Never serves HTTP, renders a page or decides what `malote_plan` decides.
//!
//! # What it does
//! A [`run::Job`] names a [source](source::Source), a [destination](destination::Destination), a
//! [ledger](ledger::Ledger) and what the operator wants ([`policy::Policy`]). [`run::copy`] brings the destination up
//! to date and returns a [`report::Report`] in which every source message sits in exactly one bucket; [`run::plan`]
//! says what a copy would do and writes nothing; [`run::verify`] recounts both sides from the servers themselves.
//!
//! Every one of them may be killed at any moment and run again. The ledger makes that cheap, and the destination
//! itself makes it safe: losing the ledger costs a look at both sides, never a second copy.
//!
//! # A whole program
//! ```no_run
//! use std::{path::Path, sync::Arc};
//! use malote_engine::failure::{Failure, Side};
//! use malote_engine::imap::{Location, SecretString};
//! use malote_engine::ledger::{PairIdentity, sql::SqliteLedger};
//! use malote_engine::quarantine::QuarantineFolder;
//! use malote_engine::run::{Job, copy};
//! use malote_engine::{destination::imap::ImapDestination, source::imap::ImapSource};
//!
//! # async fn whole() -> Result<(), Failure> {
//! let secret = || Ok(SecretString::from("from your vault"));
//! let from = Location::parse("imaps://ana%40example.com@old.example.com", false)?;
//! let to = Location::parse("imaps://ana%40example.com@new.example.net", false)?;
//! let identity = PairIdentity { source: from.mailbox(), destination: to.mailbox() };
//! let (ledger, _set_aside) = SqliteLedger::open_or_set_aside(Path::new("ana.malote")).await?;
//! let job = Job::new(
//!     Arc::new(ImapSource::new(from.endpoint(Side::Source, Arc::new(secret)), 2)),
//!     Arc::new(ImapDestination::new(to.endpoint(Side::Destination, Arc::new(secret)), 2)),
//!     Arc::new(ledger),
//!     Arc::new(QuarantineFolder::new("ana.quarantine".into())),
//!     identity,
//! );
//! let report = copy(&job).await;
//! assert!(report.balances(), "each message is in one bucket, or the run is no success");
//! # Ok(())
//! # }
//! ```
//! `examples/copy.rs` is the same with progress.
//!
//! # Looking on, and stopping
//! [`progress::Progress`] holds counters that may be read at any time; [`event::Event`] is the closed set of things
//! that happen, none of them per message. Cancelling `Job::stop` finishes what is in flight and ends the run with the
//! rest pending; dropping the future of a run is as safe as killing the process.
//!
//! # Many at once
//! Jobs share a byte budget (`Job::budget`) and ceilings per second (`Job::pace`) by holding the same values. A job
//! works on one task; run as many as there are connections to spare.
//!
//! # Other sources, destinations and ledgers
//! The traits are small and say what a run relies on. `ledger::suite` (feature `suite`) is the conformance suite that
//! any ledger must pass.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub use malote_plan as plan;

pub mod allowance;
pub mod body;
pub mod clock;
pub mod damage;
pub mod destination;
pub mod event;
pub mod exchange;
pub mod failure;
pub mod imap;
pub mod ledger;
pub mod likeness;
pub mod measured;
pub mod observed;
pub mod pace;
pub mod policy;
pub mod profile;
pub mod progress;
pub mod quarantine;
pub mod report;
pub mod run;
pub mod source;
pub mod store_sums;
pub mod token;
