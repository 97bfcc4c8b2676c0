//! Any location: read without a panic, and what is read is written so that it reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use malote_engine::imap::Location;

fuzz_target!(|text: &str| {
    for allow_cleartext in [false, true] {
        if let Ok(location) = Location::parse(text, allow_cleartext) {
            let written = location.to_string();
            let again = Location::parse(&written, allow_cleartext).expect("what is written can be read");
            assert_eq!(again, location, "{written}");
        }
    }
});
