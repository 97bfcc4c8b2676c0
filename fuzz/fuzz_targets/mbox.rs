//! Any octets as an mbox: every message that is found is read again exactly as it was measured.
#![no_main]

use std::io::Read as _;

use libfuzzer_sys::fuzz_target;
use malote_engine::source::archive::lines::Verified;
use malote_engine::source::mbox::detect::detect;
use malote_engine::source::mbox::letter::{LetterReader, Quotes, Variant};
use malote_engine::source::mbox::scan::{Flow, Rules, scan_by};
use malote_engine::source::mbox::takeout;

fuzz_target!(|octets: &[u8]| {
    let found_out = detect(|| octets, octets, None).expect("octets in memory can be read").rules;
    let kept = Rules { quotes: Quotes::Nowhere, ..found_out };
    let some = Rules { quotes: Quotes::BehindBlanks, ..found_out };
    for rules in [found_out, kept, some, Rules::anywhere(Variant::Mboxo), Rules::anywhere(Variant::Mboxcl2)] {
        let mut end = 0;
        let noticed = scan_by(octets, octets, rules, &mut |found| {
            let (from, to) = (found.at as usize, (found.at + found.octets) as usize);
            assert!(from >= end && from <= to && to <= octets.len(), "messages follow one another");
            end = to;
            let mut read = Vec::new();
            let letter = LetterReader::new(&octets[from..to], found.manner);
            let whole = Verified::new(letter, found.measured.hash).read_to_end(&mut read);
            assert_eq!(whole.expect("it was measured") as u64, found.measured.octets);
            let _labelled = takeout::read(&found.raw_header);
            Flow::Continue(())
        });
        noticed.expect("octets in memory can be read");
    }
});
