//! Words of headers and texts, free of the way they are written: encoded words, parameters, blanks, character sets.
//! Never holds two texts for one that differ in a letter or a digit.

use malote_plan::header;
use malote_plan::record::HeaderKey;
use malote_pst::text::{said_or_guessed, words};
use unicode_normalization::UnicodeNormalization as _;

/// Octets of one header value that are looked at.
const VALUE_OCTETS_MAX: usize = 64 * 1024;

/// A text of which nothing but its characters counts.
#[derive(Default)]
pub(super) struct Text {
    hasher: blake3::Hasher,
    has_any: bool,
}

impl Text {
    /// Takes the next piece.
    pub fn take(&mut self, text: &str) {
        // Blanks are where lines were folded, quoted or made anew; the others are marks of order that nobody sees.
        let is_seen =
            |c: &char| !c.is_whitespace() && !c.is_control() && !matches!(c, '\u{FEFF}' | '\u{200B}');
        let seen: String = text.nfc().filter(is_seen).collect();
        self.has_any |= !seen.is_empty();
        self.hasher.update(seen.as_bytes());
    }

    /// Nothing where nothing is to be seen.
    pub fn key(&self) -> Option<HeaderKey> {
        self.has_any.then(|| super::shortened(&self.hasher.finalize()))
    }
}

/// The key of a short text.
pub(super) fn key(words: &str) -> Option<HeaderKey> {
    let mut text = Text::default();
    text.take(words);
    text.key()
}

/// A header's value without folding and encoded words.
pub(super) fn decoded(value: &[u8]) -> String {
    words::decoded(&said_or_guessed(&value[..value.len().min(VALUE_OCTETS_MAX)], ""))
}

/// The address of a From field, in lower case.
pub(super) fn address(value: &[u8]) -> Option<String> {
    let value = String::from_utf8_lossy(&value[..value.len().min(VALUE_OCTETS_MAX)]);
    let bare = value.rfind('<').map_or(&*value, |open| &value[open + 1..]);
    let bare = bare.split(['>', ',', '(']).next()?.trim().to_lowercase();
    bare.contains('@').then_some(bare)
}

/// What a part's header says of its octets.
pub(super) struct Entity {
    /// In lower case.
    pub media_type: String,
    pub boundary: Option<Vec<u8>>,
    pub charset: String,
    /// In lower case.
    pub encoding: String,
    /// The file's name, in whatever encoding; empty for none.
    pub name: String,
    /// True for a part with a file's name, or that is said to be one.
    pub is_attachment: bool,
}

impl Entity {
    pub fn of(octets: &[u8]) -> Self {
        let value = |name| {
            let value = header::values(octets, name).next().unwrap_or_default();
            String::from_utf8_lossy(&value[..value.len().min(VALUE_OCTETS_MAX)]).into_owned()
        };
        let (content_type, disposition) = (value("Content-Type"), value("Content-Disposition"));
        let first = |text: &str| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let media_type = match first(&content_type) {
            found if found.contains('/') => found,
            _ => "text/plain".to_owned(),
        };
        let found = name_in(&disposition, "filename").or_else(|| name_in(&content_type, "name"));
        let has_name = found.is_some();
        let boundary = parameter(&content_type, "boundary").filter(|_| media_type.starts_with("multipart/"));
        Self {
            boundary: boundary.filter(|boundary| !boundary.is_empty()).map(String::into_bytes),
            charset: parameter(&content_type, "charset").unwrap_or_default(),
            encoding: first(&value("Content-Transfer-Encoding")),
            name: found.unwrap_or_default(),
            is_attachment: has_name || first(&disposition) == "attachment",
            media_type,
        }
    }

    /// True where the octets are the part as it is.
    pub fn is_identity(&self) -> bool {
        !matches!(self.encoding.as_str(), "base64" | "quoted-printable")
    }
}

/// A file's name as one of two fields gives it, in one piece or in several (RFC 2231 §3).
fn name_in(value: &str, parameter_name: &str) -> Option<String> {
    let of = |suffix: &str| parameter(value, &format!("{parameter_name}{suffix}"));
    let whole = of("").or_else(|| of("*"));
    let piece = |at: usize| of(&format!("*{at}")).or_else(|| of(&format!("*{at}*")));
    whole.or_else(|| Some((1..).map_while(piece).fold(piece(0)?, |name, next| name + &next)))
}

/// A parameter's value, without its quotes.
fn parameter(value: &str, name: &str) -> Option<String> {
    let (mut rest, mut is_first) = (value, true);
    loop {
        let (piece, after) = rest.split_at(end_of_piece(rest));
        let named = piece.split_once('=').filter(|_| !is_first);
        if let Some((_, found)) = named.filter(|(found, _)| found.trim().eq_ignore_ascii_case(name)) {
            let found = found.trim();
            let quoted = found.strip_prefix('"').map(|found| found.strip_suffix('"').unwrap_or(found));
            return Some(quoted.map_or_else(|| found.to_owned(), |found| found.replace('\\', "")));
        }
        is_first = false;
        rest = after.strip_prefix(';')?;
    }
}

/// Where the next `;` stands that no quotes surround.
fn end_of_piece(text: &str) -> usize {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, octet) in text.bytes().enumerate() {
        match octet {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b';' if !is_quoted => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_the_same_however_it_is_encoded() {
        let plain = key("Olá, orçamento 2024");
        for written in [
            "=?UTF-8?Q?Ol=C3=A1,_or=C3=A7amento?= 2024",
            "=?iso-8859-1?q?Ol=E1=2C?=\r\n =?iso-8859-1?B?IG9y52FtZW50byAyMDI0?=",
            "=?utf-8?B?T2zD?= =?utf-8?B?oSwgb3LDp2FtZW50byAyMDI0?=",
            "Olá,\r\n orçamento 2024",
            "=?utf-8*pt?Q?Ola=CC=81,?= =?windows-1252?Q?or=E7amento_2024?=",
        ] {
            assert_eq!(
                key(&decoded(written.as_bytes())),
                plain,
                "{written}: {}",
                decoded(written.as_bytes())
            );
        }
        assert_ne!(key("Olá, orçamento 2025"), plain);
        assert_eq!(key(" \r\n\t"), None);
    }

    #[test]
    fn an_address_is_found_in_a_field() {
        for (value, expected) in [
            (" Ana <Ana@Example.org>", Some("ana@example.org")),
            (" ana@example.org (Ana)", Some("ana@example.org")),
            (" \"a <b\" <c@d>, e@f", Some("c@d")),
            (" Ana", None),
        ] {
            assert_eq!(address(value.as_bytes()).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn a_parts_header_says_what_follows() {
        let entity = Entity::of(
            b"Content-Type: Multipart/Mixed;\r\n name=\"a;b\"; BOUNDARY=\"x\\\"y\"; charset=utf-8\r\n\
              Content-Transfer-Encoding: BASE64\r\n\r\n",
        );
        assert_eq!(entity.boundary.as_deref(), Some(&b"x\"y"[..]));
        assert_eq!((entity.media_type.as_str(), entity.charset.as_str()), ("multipart/mixed", "utf-8"));
        assert!(entity.is_attachment && !entity.is_identity());
        let bare = Entity::of(b"Subject: x\r\n\r\n");
        assert_eq!((bare.media_type.as_str(), bare.is_attachment), ("text/plain", false));
    }
}
