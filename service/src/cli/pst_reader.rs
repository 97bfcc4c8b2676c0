//! `malote pst-reader`: the process that a store of another process is read in.
//! Never started by hand: standard input is the file, standard output the line to the process that asks.

use std::ffi::OsString;
use std::process::ExitCode;

/// The word that asks for it.
pub const WORD: &str = "pst-reader";

/// Serves where the command line is exactly that word; nothing where it is another. This must come before anything
/// starts a thread, prints or opens a file.
pub fn asked_for(arguments: &[OsString]) -> Option<ExitCode> {
    match arguments {
        [_, word] if word == WORD => Some(malote_pst::libpff::serve::main()),
        _ => None,
    }
}
