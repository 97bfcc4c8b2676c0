//! The service and the command line: what the program `malote` is made of.
//! Never moves mail itself: the engine does.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cli;
mod demo;
pub mod jobs;
pub mod store;

pub use cli::main;
