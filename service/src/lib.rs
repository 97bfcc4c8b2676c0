//! The service and the command line: what the program `malote` is made of.
//! Never moves mail itself: the engine does.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod about;
mod actors;
pub mod api;
pub mod app;
pub mod audit;
pub mod auth;
mod cli;
pub mod config;
pub mod console;
mod csv_lines;
pub mod cutover;
mod demo;
pub mod dialer;
pub mod discovery;
pub mod gate;
pub mod hooks;
pub mod jobs;
pub mod oauth;
pub mod originals;
pub mod store;
pub mod uploads;
pub mod vault;
pub mod work;

pub use cli::main;
