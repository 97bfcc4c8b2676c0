//! Moves mailboxes between servers, and proves that nothing is missing: the program's door.
//! Never does anything itself: `cli` reads the command line and runs it.

use std::process::ExitCode;

fn main() -> ExitCode {
    malote_service::main()
}
