//! The two faces that are built in (Noto Sans: Latin, Greek, Cyrillic): widths, glyphs, and what they lack.
//! Never drops a character in silence: one that has no glyph is shown by a sign, and the text is given escaped too.

use std::borrow::Cow;

use krilla::text::{Font, GlyphId, KrillaGlyph};
use skrifa::charmap::Charmap;
use skrifa::instance::{LocationRef, Size};
use skrifa::metrics::GlyphMetrics;
use skrifa::{FontRef, MetadataProvider as _};
use unicode_normalization::{UnicodeNormalization as _, is_nfc};

use crate::PaperError;

/// What stands for a character without a glyph.
const REPLACEMENT: char = '\u{fffd}';

/// How heavy letters are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// As in text.
    Regular,
    /// As in headings.
    Bold,
}

/// One face.
pub(crate) struct Face {
    /// As the writer wants it.
    pub font: Font,
    characters: Charmap<'static>,
    widths: GlyphMetrics<'static>,
    units_per_em: f32,
}

impl Face {
    fn new(octets: &'static [u8]) -> Result<Self, PaperError> {
        let font = Font::new(octets.into(), 0).ok_or(PaperError::Font)?;
        let read = FontRef::new(octets).map_err(|_| PaperError::Font)?;
        let units_per_em = font.units_per_em();
        let widths = read.glyph_metrics(Size::unscaled(), LocationRef::default());
        Ok(Self { font, characters: read.charmap(), widths, units_per_em })
    }

    fn glyph(&self, letter: char) -> (u32, f32) {
        let glyph =
            self.characters.map(letter).or_else(|| self.characters.map(REPLACEMENT)).unwrap_or_default();
        (glyph.to_u32(), self.widths.advance_width(glyph).unwrap_or(0.0) / self.units_per_em)
    }

    fn has(&self, letter: char) -> bool {
        self.characters.map(letter).is_some_and(|glyph| glyph.to_u32() != 0)
    }

    /// How wide a character is, in points.
    pub fn width_of(&self, letter: char, size: f32) -> f32 {
        self.glyph(letter).1 * size
    }

    /// How wide a line is, in points.
    pub fn width(&self, text: &str, size: f32) -> f32 {
        text.chars().map(|letter| self.width_of(letter, size)).sum()
    }

    /// The glyphs of a line, one for each character.
    pub fn glyphs(&self, text: &str) -> Vec<KrillaGlyph> {
        let glyph = |(place, letter): (usize, char)| {
            let (id, width) = self.glyph(letter);
            KrillaGlyph::new(GlyphId::new(id), width, 0.0, 0.0, 0.0, place..place + letter.len_utf8(), None)
        };
        text.char_indices().map(glyph).collect()
    }
}

/// Both faces.
pub(crate) struct Faces {
    regular: Face,
    bold: Face,
}

impl Faces {
    /// The faces that are built in.
    pub fn new() -> Result<Self, PaperError> {
        Ok(Self { regular: Face::new(ttf_noto_sans::REGULAR)?, bold: Face::new(ttf_noto_sans::BOLD)? })
    }

    /// The face of this weight.
    pub const fn of(&self, weight: Weight) -> &Face {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }

    fn can_show(&self, letter: char) -> bool {
        !is_hidden(letter) && self.regular.has(letter) && self.bold.has(letter)
    }

    /// The text as it can be shown.
    pub fn shown<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if is_nfc(text) && text.chars().all(|letter| self.can_show(letter)) {
            return Cow::Borrowed(text);
        }
        let composed: String = text.nfc().collect();
        let mut shown = String::with_capacity(composed.len() * 2);
        shown.extend(composed.chars().map(|letter| if self.can_show(letter) { letter } else { REPLACEMENT }));
        shown.push_str(" (");
        for letter in text.chars() {
            if self.can_show(letter) && !is_mark(letter) {
                shown.push(letter);
            } else {
                shown.extend(letter.escape_unicode());
            }
        }
        shown.push(')');
        Cow::Owned(shown)
    }
}

/// Controls, and what changes the order or the look of others without being seen.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{10ffff}')
}

/// Marks that stand on the letter before them.
fn is_mark(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}')
}

/// The text as a document shows it: as it is where the faces have all of it; else with a sign for each character
/// that they lack, and the text once more in brackets with those characters escaped.
///
/// # Errors
/// Where a built-in face cannot be read.
pub fn legible(text: &str) -> Result<String, PaperError> {
    Ok(Faces::new()?.shown(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_face_lacks_is_shown_by_a_sign_and_escaped() {
        for (text, expected) in [
            ("Ação & Ελλάδα/Почта", "Ação & Ελλάδα/Почта"),
            ("日/2019", "\u{fffd}/2019 (\\u{65e5}/2019)"),
            ("a\u{202e}b", "a\u{fffd}b (a\\u{202e}b)"),
            ("a\tb", "a\u{fffd}b (a\\u{9}b)"),
            ("ac\u{327}a\u{303}o", "ação (ac\\u{327}a\\u{303}o)"),
            ("", ""),
        ] {
            assert_eq!(legible(text).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn widths_add_up_and_bold_is_wider() {
        let faces = Faces::new().unwrap();
        let regular = faces.of(Weight::Regular);
        let whole = regular.width("Malote", 10.0);
        let parts: f32 = "Malote".chars().map(|letter| regular.width_of(letter, 10.0)).sum();
        assert!((whole - parts).abs() < 0.001 && whole > 20.0);
        assert!(faces.of(Weight::Bold).width("Malote", 10.0) > whole);
    }
}
