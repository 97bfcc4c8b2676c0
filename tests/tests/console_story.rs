//! The console's whole story in a real Chromium: a service just set up, two real Dovecots, three people and a customer;
//! then its essential part by keys alone, without script, and on a telephone. Skipped, aloud, without Chromium.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot be made ends its test")]

mod console_story {
    pub mod ground;
    pub mod person;
    pub mod steps;
    pub mod totp;

    mod stories;
}
