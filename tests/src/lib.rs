//! Starts real and scripted servers for the acceptance tests, and fills and reads their accounts.
//! Never uses Malote's own IMAP layer: what it checks must not share the checked code's errors.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod archives;
pub mod breaker;
pub mod browser;
pub mod identity_provider;
pub mod mail;
pub mod migration;
pub mod name_server;
pub mod office;
pub mod pair;
pub mod play;
pub mod program;
pub mod proxy;
pub mod reader;
pub mod scripted;
pub mod servers;
pub mod service;
pub mod sim;
pub mod tls;
pub mod world;
