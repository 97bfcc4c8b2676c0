//! What Malote decides, as pure functions from values to values.
//! Never opens a socket, reads a clock or rolls dice: everything a function needs is in its arguments.
#![no_std]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

pub mod buckets;
pub mod date;
pub mod envelope;
pub mod examine;
pub mod failure;
pub mod flags;
pub mod folder;
pub mod folder_name;
pub mod gate;
pub mod header;
pub mod identity;
pub mod labels;
pub mod likeness;
pub mod mapping;
pub mod matching;
pub mod message;
pub mod mirror;
pub mod names_table;
pub mod pattern;
pub mod phase;
pub mod promise;
pub mod record;
pub mod repair;
pub mod role;
pub mod substitution;
pub mod taxonomy;
pub mod uid_set;
