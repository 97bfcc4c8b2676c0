//! The reading process by itself: what `malote pst-reader` is, for tests and for other programs that use the crate.
//! Never does anything but serve the process that started it.

use std::process::ExitCode;

fn main() -> ExitCode {
    malote_pst::libpff::serve::main()
}
