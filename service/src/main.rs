//! Moves mailboxes.
fn main() {}
