//! Values of header fields with their encoded words taken off (RFC 2047), as senders write them: without padding, with
//! blanks in words, with characters that are cut between two.
//! Never takes a charset for another: what is in none that is read stays octets.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// Base64 with its padding or without.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Part of a field's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Text as it stands, with its blanks and folds.
    Plain(&'a str),
    /// What neighbouring encoded words of one charset hold, put together.
    Encoded {
        /// As the first of them names it, without its language (RFC 2231 §5).
        charset: &'a str,
        /// In that charset.
        octets: Vec<u8>,
    },
}

/// Takes a field's value apart. Blanks between two encoded words are of neither (RFC 2047 §6.2); what only looks like
/// an encoded word is plain.
#[must_use]
pub fn pieces(value: &str) -> Vec<Piece<'_>> {
    let (mut all, mut rest, mut at) = (Vec::new(), value, 0);
    while let Some(start) = rest[at..].find("=?").map(|found| at + found) {
        at = start + 2;
        let Some((charset, is_base64, text)) = marks(&rest[at..]) else { continue };
        // Where no word ends, none begins.
        let Some(end) = text.find("?=") else { break };
        put_plain(&mut all, &rest[..start], true);
        put_encoded(&mut all, charset, octets_of(&text[..end], is_base64));
        (rest, at) = (&text[end + 2..], 0);
    }
    put_plain(&mut all, rest, false);
    all
}

/// A field's value as text: folds and other runs of blanks are one space, charsets that are not read are guessed.
#[must_use]
pub fn decoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for piece in pieces(value) {
        match piece {
            Piece::Plain(plain) => {
                for word in plain.split_inclusive(|letter: char| letter.is_ascii_whitespace()) {
                    let bare = word.trim_end_matches(|letter: char| letter.is_ascii_whitespace());
                    text.push_str(bare);
                    if bare.len() < word.len() && !text.ends_with(' ') {
                        text.push(' ');
                    }
                }
            }
            Piece::Encoded { charset, octets } => text.push_str(&super::said_or_guessed(&octets, charset)),
        }
    }
    text
}

/// Charset, encoding and what follows them behind `=?`.
fn marks(text: &str) -> Option<(&str, bool, &str)> {
    let mut parts = text.splitn(3, '?');
    let (charset, encoding, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let is_name = !charset.is_empty() && charset.bytes().all(|octet| octet.is_ascii_graphic());
    let is_base64 = match encoding {
        "B" | "b" => true,
        "Q" | "q" => false,
        _ => return None,
    };
    is_name.then(|| (charset.split('*').next().unwrap_or(charset), is_base64, rest))
}

fn put_plain<'a>(all: &mut Vec<Piece<'a>>, text: &'a str, is_before_word: bool) {
    let is_between = is_before_word && matches!(all.last(), Some(Piece::Encoded { .. }));
    if !(text.is_empty() || (is_between && text.trim_ascii().is_empty())) {
        all.push(Piece::Plain(text));
    }
}

fn put_encoded<'a>(all: &mut Vec<Piece<'a>>, charset: &'a str, octets: Vec<u8>) {
    match all.last_mut() {
        Some(Piece::Encoded { charset: known, octets: before }) if known.eq_ignore_ascii_case(charset) => {
            before.extend(octets);
        }
        _ => all.push(Piece::Encoded { charset, octets }),
    }
}

/// What a word's text stands for; letters that Base64 does not have are passed over, as readers of mail do.
fn octets_of(text: &str, is_base64: bool) -> Vec<u8> {
    if !is_base64 {
        return unquoted(text.as_bytes());
    }
    let is_letter = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/');
    // A sender that pads each of several pieces glued them together.
    let groups = text.as_bytes().split(|octet| *octet == b'=');
    let decode = |group: &[u8]| {
        let mut letters: Vec<u8> = group.iter().copied().filter(is_letter).collect();
        // Six bits are no octet.
        letters.truncate(letters.len() - usize::from(letters.len() % 4 == 1));
        LENIENT.decode(letters).unwrap_or_default()
    };
    groups.flat_map(decode).collect()
}

fn unquoted(mut text: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(text.len());
    while let Some((first, after)) = text.split_first() {
        let digits = after.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let octet = digits.filter(|_| *first == b'=').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        text = if octet.is_some() { &after[2..] } else { after };
        octets.push(octet.unwrap_or(if *first == b'_' { b' ' } else { *first }));
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_words_come_off_as_senders_write_them() {
        for (value, expected) in [
            ("Offer", "Offer"),
            ("a\r\n\t b", "a b"),
            ("=?utf-8?Q?Or=C3=A7amento_1?=", "Orçamento 1"),
            ("=?UTF-8?B?T3LDp2E=?=\r\n =?utf-8?B?bWVudG8=?=", "Orçamento"),
            ("=?utf-8?B?T3LD?= =?UTF-8?B?p2E?=", "Orça"),
            ("=?utf-8?B?T3I=w6dh?=", "Orça"),
            ("=?utf-8?Q?Or=C3?= =?utf-8?B?p2E=?=", "Orça"),
            ("Re:=?iso-8859-1*pt?q?Or=E7a?= now", "Re:Orça now"),
            ("=?iso-8859-1?q?Or=E7a?= =?utf-8?q?=C3=A7?= , =?utf-8?q?b?=", "Orçaç , b"),
            ("=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
            ("=?utf-8?Q?what now??= yes", "what now? yes"),
            ("=?x-nobody?Q?=C3=A7?=", "ç"),
            ("=?x-nobody?Q?=E7?=", "ç"),
            ("=?us-ascii?Q?=E7_=5f_=XY_=?=", "ç _ =XY ="),
            ("=?utf-8?B?!?=.", "."),
            ("a =? b", "a =? b"),
            ("=?broken?= x =?utf-8?X?y?=", "=?broken?= x =?utf-8?X?y?="),
            ("=? a?Q?b?= =??q?c?=", "=? a?Q?b?= =??q?c?="),
            ("=?utf-8?Q?a", "=?utf-8?Q?a"),
            ("=?=?utf-8?q?a?=", "=?a"),
            ("=?", "=?"),
            ("", ""),
        ] {
            assert_eq!(decoded(value), expected, "{value}");
        }
    }

    #[test]
    fn blanks_stay_but_between_two_words() {
        let encoded = |octets: &[u8]| Piece::Encoded { charset: "utf-8", octets: octets.to_vec() };
        assert_eq!(
            pieces(" =?utf-8?q?a?= \r\n =?utf-8?q?b?= \t"),
            [Piece::Plain(" "), encoded(b"ab"), Piece::Plain(" \t")]
        );
    }
}
