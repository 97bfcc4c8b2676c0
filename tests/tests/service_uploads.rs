//! Uploaded files: brought in pieces over lines that break, read through, copied into a real server, and attacked.
//! Never reads a foreign file: stores and archives are written by the tests themselves.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot be made ends its test")]

#[path = "service_api/world.rs"]
#[allow(dead_code, reason = "the world has more ways to ask than these tables need")]
mod world;

mod service_uploads {
    mod at_once;
    mod given;
    mod hostile;
    mod journey;
    mod kinds;
    mod quarantine;
}
