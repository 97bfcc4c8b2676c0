//! Moves mailboxes between servers, and proves that nothing is missing: the program's door.
//! Never does anything itself: `cli` reads the command line and runs it.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cli;
mod demo;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
