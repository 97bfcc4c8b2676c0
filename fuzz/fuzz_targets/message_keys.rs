//! Any message: its keys are the same whole and in pieces, and its date is found or not without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use malote_engine::plan::{date, identity};

fuzz_target!(|input: (u8, &[u8])| {
    let (cut, octets) = input;
    let mut hasher = identity::Hasher::new();
    octets.chunks(usize::from(cut).max(1)).for_each(|chunk| hasher.update(chunk));
    let keys = identity::keys(octets);
    assert_eq!(hasher.finish(), keys);
    let header = identity::header_keys(octets);
    assert_eq!((header.strong, header.loose), (keys.strong, keys.loose));
    let text = String::from_utf8_lossy(octets);
    if let (Some(found), _) = date::date_of(Some(&text), octets, None) {
        assert_eq!(date::parse_internal(&date::fmt_internal(found)), Some(found));
    }
});
