//! The service's API: the real router over a real database, asked as browsers, programs and strangers would ask it.
//! Never runs mail: what runs would have written is written by hand.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot be made ends its test")]

mod service_api {
    pub mod world;

    mod audit;
    mod auth;
    mod doors;
    mod gate;
    mod hooks;
    mod imports;
    mod jobs;
    mod limited;
    mod lists;
    mod measured;
    mod names;
    mod people;
    mod printed;
    mod protocol;
    mod reports;
    mod roles;
    mod vault;
}
