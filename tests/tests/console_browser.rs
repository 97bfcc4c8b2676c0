//! The console in a real Chromium: every page by axe-core's rules in both languages and themes, by keys alone, on a
//! narrow screen, without script; and pictures of every screen. Skipped, aloud, where there is no Chromium.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot be made ends its test")]

#[path = "service_api/world.rs"]
#[allow(dead_code, reason = "the world of the API's own tests, of which a part is used here")]
mod world;

mod console_browser {
    pub mod house;
    pub mod scene;

    mod pages;
    mod story;
    mod uploads;
}
