//! UTF-7 (RFC 2152), which old clients wrote and no library reads any more.
//! Never writes it.

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Runs carry no padding, and their last unit leaves bits over.
const RUN: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// The octets as text, and whether they were legal throughout.
pub(super) fn decode(octets: &[u8]) -> (String, bool) {
    let mut text = String::with_capacity(octets.len());
    let mut is_clean = true;
    let mut rest = octets;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'+' {
            is_clean &= first < 0x80;
            text.push(if first < 0x80 { char::from(first) } else { '\u{FFFD}' });
            continue;
        }
        let is_of_run = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/');
        let length = rest.iter().position(|octet| !is_of_run(octet)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(length);
        let ends_marked = after.first() == Some(&b'-');
        rest = if ends_marked { &after[1..] } else { after };
        if run.is_empty() {
            is_clean &= ends_marked;
            text.push('+');
            continue;
        }
        is_clean &= push_run(run, &mut text);
    }
    (text, is_clean)
}

/// One run of base64: UTF-16BE.
fn push_run(run: &[u8], text: &mut String) -> bool {
    let Ok(octets) = RUN.decode(run) else {
        text.push('\u{FFFD}');
        return false;
    };
    let units = octets.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    let mut is_clean = true;
    for character in char::decode_utf16(units) {
        is_clean &= character.is_ok();
        text.push(character.unwrap_or('\u{FFFD}'));
    }
    is_clean
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn the_examples_of_the_standard_are_read_and_broken_runs_are_told() {
        for (octets, text, is_clean) in [
            ("A+ImIDkQ.", "A\u{2262}\u{391}.", true),
            ("Hi Mom -+Jjo--!", "Hi Mom -\u{263A}-!", true),
            ("+ZeVnLIqe-", "\u{65E5}\u{672C}\u{8A9E}", true),
            ("1 +- 2", "1 + 2", true),
            ("+2D3e-", "\u{FFFD}", false),
            ("+A", "\u{FFFD}", false),
            ("+", "+", false),
        ] {
            let found = decode(octets.as_bytes());
            assert_eq!(found.1, is_clean, "{octets}: {found:?}");
            if is_clean {
                assert_eq!(found.0, text, "{octets}");
            }
        }
    }
}
