//! Whether the subject that an item came with is the one that its store shows: a user may have edited that.
//! Never changes either: letters are compared, however they are encoded, folded or spaced.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use crate::text;

/// Letters at least of a subject that mail programs may have cut.
const CUT_LETTERS_MIN: usize = 250;
/// Base64 with its padding or without, as senders write it.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// True where the field says other than `shown`. What cannot be decoded says nothing.
pub fn is_another(field: &str, shown: &str) -> bool {
    if field == shown {
        return false;
    }
    let Some(came) = decoded(field) else { return false };
    if came.contains('\u{FFFD}') || shown.contains('\u{FFFD}') {
        return false;
    }
    let (mut of_came, mut of_shown) = (letters(&came), letters(shown));
    loop {
        match (of_came.next(), of_shown.next()) {
            (None, None) => return false,
            (Some(_), None) => return letters(shown).count() < CUT_LETTERS_MIN,
            (one, other) if one == other => {}
            _ => return true,
        }
    }
}

fn letters(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|letter| !letter.is_whitespace() && !letter.is_control())
}

/// Text with its encoded words decoded (RFC 2047 §2); nothing where one cannot be. Octets of neighbours of one charset
/// are put together first: senders cut characters in two.
fn decoded(field: &str) -> Option<Cow<'_, str>> {
    if !field.contains("=?") {
        return Some(Cow::Borrowed(field));
    }
    let (mut out, mut open): (String, Option<(&str, Vec<u8>)>) = (String::new(), None);
    let mut rest = field;
    while !rest.is_empty() {
        let at = rest.find("=?").unwrap_or(rest.len());
        let (plain, word) = rest.split_at(at);
        if !plain.trim().is_empty() {
            close(&mut out, open.take())?;
            out.push_str(plain);
        }
        let Some((charset, octets, behind)) = word.get(2..).and_then(encoded_word) else {
            close(&mut out, open.take())?;
            let (mark, behind) = word.split_at(word.len().min(2));
            out.push_str(mark);
            rest = behind;
            continue;
        };
        rest = behind;
        match &mut open {
            Some((known, before)) if known.eq_ignore_ascii_case(charset) => before.extend(octets),
            _ => {
                close(&mut out, open.take())?;
                open = Some((charset, octets));
            }
        }
    }
    close(&mut out, open)?;
    Some(Cow::Owned(out))
}

fn close(out: &mut String, open: Option<(&str, Vec<u8>)>) -> Option<()> {
    let Some((charset, octets)) = open else { return Some(()) };
    let (text, is_clean) = text::by_label(charset)?.decode(&octets);
    out.push_str(&text);
    is_clean.then_some(())
}

/// Charset and octets of what stands behind `=?`, and the text behind it.
fn encoded_word(text: &str) -> Option<(&str, Vec<u8>, &str)> {
    let (charset, rest) = text.split_once('?')?;
    let (kind, rest) = rest.split_once('?')?;
    let (word, behind) = rest.split_once("?=")?;
    // A language may follow the charset (RFC 2231 §5).
    let charset = charset.split('*').next().unwrap_or_default();
    let octets = match kind {
        "B" | "b" => LENIENT.decode(word).ok()?,
        "Q" | "q" => unquoted(word),
        _ => return None,
    };
    Some((charset, octets, behind))
}

fn unquoted(word: &str) -> Vec<u8> {
    let (mut octets, mut rest) = (Vec::with_capacity(word.len()), word.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let octet = digits.filter(|_| *first == b'=').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        rest = if octet.is_some() { &after[2..] } else { after };
        octets.push(octet.unwrap_or(if *first == b'_' { b' ' } else { *first }));
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::is_another;

    #[test]
    fn a_subject_that_was_edited_is_told_from_one_that_is_written_otherwise() {
        for (field, shown, expected) in [
            ("Offer", "Offer", false),
            ("  Offer\t 1 ", "Offer 1", false),
            ("Offer", "Offer, paid", true),
            ("=?utf-8?Q?Or=C3=A7amento_1?=", "Orçamento 1", false),
            ("=?UTF-8?B?T3LDp2E=?= =?utf-8?B?bWVudG8=?=", "Orçamento", false),
            ("=?utf-8?B?T3LD?= =?utf-8?B?p2E?=", "Orça", false),
            ("Re: =?iso-8859-1*pt?q?Or=E7a?= now", "Re: Orça now", false),
            ("Re: =?iso-8859-1?q?Or=E7a?= now", "Orça", true),
            ("=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本", false),
            ("=?x-nobody?Q?a?=", "b", false),
            ("a =? b", "a =? b", false),
            ("=?utf-8?Q?a", "=?utf-8?Q?a", false),
        ] {
            assert_eq!(is_another(field, shown), expected, "{field} {shown}");
        }
        assert!(!is_another(&"long ".repeat(100), &"long ".repeat(70)), "it was cut");
    }
}
