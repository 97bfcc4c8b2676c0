//! The console over HTTP, as a browser without script uses it: pages, forms, cookies, both languages.
//! Never a browser: what only one can show is asked in console_browser.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot be made ends its test")]

#[path = "service_api/world.rs"]
#[allow(dead_code, reason = "the world of the API's own tests, of which a part is used here")]
mod world;

mod console {
    pub mod visitor;

    mod access;
    mod audit_file;
    mod choices;
    mod credentials;
    mod doors;
    mod forms;
    mod names;
    mod overview;
    mod own_schedule;
    mod pages;
    mod run_options;
    mod sessions;
    mod subjects;
    mod texts;
    mod tree;
    mod trials;
}
