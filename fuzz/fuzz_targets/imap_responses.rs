//! Any octets from a server: read without a panic, within the limits, and alike wherever they are cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use malote_engine::imap::response::answer;
use malote_engine::imap::split::{Passed, Response, Splitter, Step};

fn read(octets: &[u8], cut: usize) -> (Vec<Response>, Option<Passed>) {
    let (mut splitter, mut responses) = (Splitter::default(), Vec::new());
    for part in octets.chunks(cut) {
        splitter.push(part);
        loop {
            match splitter.step() {
                Ok(Step::Response(response)) => responses.push(response),
                Ok(_) => break,
                Err(passed) => return (responses, Some(passed)),
            }
        }
    }
    (responses, None)
}

fuzz_target!(|input: &[u8]| {
    let Some((first, octets)) = input.split_first() else { return };
    let whole = read(octets, octets.len().max(1));
    assert_eq!(whole, read(octets, usize::from(*first).max(1)));
    for response in &whole.0 {
        let _ = answer(response);
    }
    let mut splitter = Splitter::default();
    splitter.offer_literals(true);
    splitter.push(octets);
    let mut streams = *first;
    while let Ok(step) = splitter.step() {
        match step {
            Step::Response(response) => drop(answer(&response)),
            Step::Offered(length) => {
                let _ = answer(splitter.so_far());
                streams = streams.rotate_left(1);
                if streams & 1 == 0 && length < 1 << 20 { splitter.hold() } else { splitter.stream() }
                while splitter.chunk().is_some() {}
            }
            Step::NeedMore => break,
        }
    }
});
