//! Whether the subject that an item came with is the one that its store shows: a user may have edited that.
//! Never changes either: letters are compared, however they are encoded, folded or spaced.

use std::borrow::Cow;

use crate::text::by_label;
use crate::text::words::{Piece, pieces};

/// Letters at least of a subject that mail programs may have cut.
const CUT_LETTERS_MIN: usize = 250;

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

/// The field's text; nothing where an encoded word is in no charset that is read, or not in the one that it names.
fn decoded(field: &str) -> Option<Cow<'_, str>> {
    if !field.contains("=?") {
        return Some(Cow::Borrowed(field));
    }
    let mut text = String::with_capacity(field.len());
    for piece in pieces(field) {
        match piece {
            Piece::Plain(plain) => text.push_str(plain),
            Piece::Encoded { charset, octets } => {
                let (decoded, is_clean) = by_label(charset)?.decode(&octets);
                text.push_str(&decoded);
                is_clean.then_some(())?;
            }
        }
    }
    Some(Cow::Owned(text))
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
