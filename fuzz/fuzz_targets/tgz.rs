//! Any octets as a tar stream, and as what lies beside a message in one: names never lead out, nothing breaks.
#![no_main]

use libfuzzer_sys::fuzz_target;
use malote_engine::source::tgz::entries::{PassedOver, walk};
use malote_engine::source::tgz::meta;

fuzz_target!(|octets: &[u8]| {
    let mut passed_over = PassedOver::default();
    let _cut = walk(octets, &mut passed_over, &mut |name, content| {
        assert!(!name.levels.is_empty() && name.levels.iter().all(|level| level != b".." && !level.contains(&b'/')));
        std::io::copy(content, &mut std::io::sink()).map(|_| ())
    });
    let _none = meta::read(octets);
});
