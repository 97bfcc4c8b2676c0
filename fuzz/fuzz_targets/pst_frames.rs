//! What a broken or bought reader of stores may send: no panic, no memory that was only claimed, nothing half read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use malote_pst::frame::{self, Answer, Request};

/// Longest frame that is taken here, in octets.
const OCTETS_MAX: usize = 1 << 20;

fuzz_target!(|line: &[u8]| {
    let mut rest = line;
    while let Ok(Some(framed)) = frame::read(&mut rest, OCTETS_MAX) {
        check(&framed.octets);
    }
    check(line);
});

/// What is understood is written as something that is understood in the same way; held as octets, since a number that
/// is none is not equal to itself.
fn check(octets: &[u8]) {
    if let Ok(answer) = Answer::decode(octets) {
        let once = answer.encode();
        let twice = Answer::decode(&once).expect("what was written is understood").encode();
        assert_eq!(once, twice);
    }
    if let Ok(request) = Request::decode(octets) {
        let once = request.encode();
        let twice = Request::decode(&once).expect("what was written is understood").encode();
        assert_eq!(once, twice);
    }
}
