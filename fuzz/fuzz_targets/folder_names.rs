//! Any name that a server may send: decoded without a panic, readable, and stable once it has been written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use malote_engine::plan::folder::Naming;
use malote_engine::plan::folder_name::{decode, encode};

const DELIMITERS: [Option<char>; 5] = [Some('/'), Some('.'), Some('\\'), Some('^'), None];

fuzz_target!(|input: (u8, bool, &[u8])| {
    let (choice, is_utf8, wire) = input;
    let delimiter = DELIMITERS[usize::from(choice) % DELIMITERS.len()];
    let prefix = if choice >= 128 { delimiter.map_or(String::new(), |d| format!("INBOX{d}")) } else { String::new() };
    let naming = Naming { delimiter, prefix, is_utf8, ignores_case: false };
    let path = decode(wire, delimiter, &naming);
    assert!(path.levels().iter().all(|level| !level.is_empty()));
    let once = decode(&encode(&path, &naming).0, delimiter, &naming);
    let twice = decode(&encode(&once, &naming).0, delimiter, &naming);
    assert_eq!(once, twice, "a name that was written once no longer moves");
});
