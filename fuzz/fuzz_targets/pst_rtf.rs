//! Rich text from a store, packed or bare: reading it ends, and gives no more than a few times what it was given.
//! Never compares the text with anything.

#![no_main]

use libfuzzer_sys::fuzz_target;
use malote_pst::rtf::{read, unpack};

/// Octets that rich text unpacks to here: few, so that the limit is met.
const OCTETS_MAX: usize = 4096;

fuzz_target!(|octets: &[u8]| {
    let unpacked = unpack(octets, OCTETS_MAX);
    assert!(unpacked.octets.len() <= OCTETS_MAX + 17 && unpacked.octets.len() <= octets.len() * 9);
    for rtf in [octets, unpacked.octets.as_slice()] {
        let reading = read(rtf);
        assert!(reading.text.len() <= rtf.len() * 6 + 8);
    }
});
