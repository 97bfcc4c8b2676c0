//! The one place that writes to standard output, and plain lines to standard error.
//! Never decides what is said.

use std::io::{self, Write as _};

use console::Term;
use serde::Serialize;

use super::exit::Stopped;
use super::render::Look;

/// Writes text; a reader that has gone away (`| head`) is no error.
pub fn print(text: &str) -> Result<(), Stopped> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => {
            Err(Stopped::early(format!("writing to standard output: {cause}")))
        }
        _ => Ok(()),
    }
}

/// Writes a value as indented JSON.
pub fn print_json(value: &impl Serialize) -> Result<(), Stopped> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|cause| Stopped::bug(format!("writing JSON: {cause}")))?;
    text.push('\n');
    print(&text)
}

/// Writes a line to standard error, where people look for what is not the result.
pub fn tell(line: &str) {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// How standard output looks: as wide as the terminal and in colour there, plain and whole elsewhere.
pub fn look() -> Look {
    let term = Term::stdout();
    if !term.is_term() {
        return Look::default();
    }
    let width = term.size_checked().map(|(_, columns)| usize::from(columns));
    let has_colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
    Look { width, has_colour }
}
