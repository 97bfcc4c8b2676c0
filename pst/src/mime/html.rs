//! HTML bodies: in which charset their octets are sent, and which of the item's files they show.
//! Never touches their words: only a `charset` that would be untrue after a conversion is rewritten.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use crate::text::{self, CodePage, Detector, WINDOWS_1252};

/// How far into the octets a `charset` is looked for; HTML itself gives it 1,024.
const META_WITHIN: usize = 4096;
/// Most references to other parts that are remembered of one body.
const REFERENCES_MAX: usize = 100_000;
const UTF_8: &str = "utf-8";

/// HTML as it is sent.
#[derive(Debug)]
pub struct Html<'a> {
    /// Its octets in `charset`.
    pub octets: Cow<'a, [u8]>,
    /// Their charset.
    pub charset: &'static str,
    /// False where octets belong to no charset, and replacement characters stand for them.
    pub is_clean: bool,
}

/// HTML that is Unicode already.
pub fn of_text(text: Cow<'_, str>) -> Html<'_> {
    if text.is_ascii() {
        return Html { octets: octets_of(text), charset: "us-ascii", is_clean: true };
    }
    match charset_of(text.as_bytes()) {
        Some(place) if !text.as_bytes()[place.clone()].eq_ignore_ascii_case(UTF_8.as_bytes()) => {
            let mut text = text.into_owned();
            text.replace_range(place, UTF_8);
            Html { octets: Cow::Owned(text.into_bytes()), charset: UTF_8, is_clean: true }
        }
        _ => Html { octets: octets_of(text), charset: UTF_8, is_clean: true },
    }
}

fn octets_of(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

/// True for HTML whose octets are UTF-16.
pub fn is_utf16(octets: &[u8]) -> bool {
    octets.starts_with(b"\xFF\xFE")
        || octets.starts_with(b"\xFE\xFF")
        || is_utf16_le(octets)
        || octets.first() == Some(&0) && octets.get(2) == Some(&0)
}

/// UTF-16 without a mark shows itself: HTML begins with ASCII, and so every other octet is 0.
fn is_utf16_le(octets: &[u8]) -> bool {
    octets.get(1) == Some(&0) && octets.get(3) == Some(&0)
}

/// HTML in octets: as they are under the name of their charset, where they are legal in one that has a name; else
/// as UTF-8. The item's own word counts most, then the HTML's, then what the octets look like.
pub fn of_octets<'a>(octets: &'a [u8], told: Option<&'static CodePage>) -> Html<'a> {
    let marked = [(&b"\xEF\xBB\xBF"[..], 65001), (b"\xFF\xFE", 1200), (b"\xFE\xFF", 1201)];
    let mark = marked.iter().find(|(mark, _)| octets.starts_with(mark));
    if let Some((mark, page)) = mark.and_then(|(mark, number)| Some((mark, text::page(*number)?))) {
        let (text, is_clean) = page.decode(&octets[mark.len()..]);
        if is_clean {
            return of_text(text);
        }
    }
    // Stores that hold UTF-16 elsewhere name it here for octets of any page. Markup in it has a NUL for each letter.
    let told = told.filter(|page| page.is_narrow() || memchr::memchr(0, octets).is_some());
    let is_plain = octets.is_ascii() && memchr::memchr(0x1B, octets).is_none() && !is_utf16(octets);
    if is_plain && told.is_none_or(CodePage::keeps_ascii) {
        return Html { octets: Cow::Borrowed(octets), charset: "us-ascii", is_clean: true };
    }
    let claimed =
        || charset_of(octets).and_then(|place| text::by_label(&String::from_utf8_lossy(&octets[place])));
    let looks_like = || {
        let mut detector = Detector::default();
        detector.feed(octets);
        detector.guess().and_then(text::page)
    };
    let wide = || text::page(1200).filter(|_| is_utf16_le(octets));
    let candidates: [&dyn Fn() -> Option<&'static CodePage>; 5] =
        [&wide, &|| told, &claimed, &|| text::page(65001), &looks_like];
    for page in candidates.iter().filter_map(|candidate| candidate()) {
        let (text, is_clean) = page.decode(octets);
        match (is_clean, page.label_for(octets)) {
            (false, _) => {}
            (true, Some(charset)) => return Html { octets: Cow::Borrowed(octets), charset, is_clean },
            (true, None) => return of_text(text),
        }
    }
    let (text, _) = told.unwrap_or(WINDOWS_1252).decode(octets);
    Html { is_clean: false, ..of_text(text) }
}

/// Where the HTML names its charset in a `meta`, if it does.
fn charset_of(octets: &[u8]) -> Option<Range<usize>> {
    let head = &octets[..octets.len().min(META_WITHIN)];
    for open in memchr::memchr_iter(b'<', head) {
        let tag = &head[open..];
        if !tag.get(1..5).is_some_and(|name| name.eq_ignore_ascii_case(b"meta")) {
            continue;
        }
        let tag = &tag[..memchr::memchr(b'>', tag).unwrap_or(tag.len())];
        let Some(word) = tag.windows(7).position(|window| window.eq_ignore_ascii_case(b"charset")) else {
            continue;
        };
        let mut start = word + 7;
        let is_between = |octet: u8| matches!(octet, b' ' | b'\t' | b'=' | b'"' | b'\'');
        while tag.get(start).is_some_and(|octet| is_between(*octet)) {
            start += 1;
        }
        let is_of_name =
            |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b':' | b'.');
        let length = tag[start..].iter().position(|octet| !is_of_name(octet)).unwrap_or(tag.len() - start);
        if length > 0 {
            return Some(open + start..open + start + length);
        }
    }
    None
}

/// The content ids that the HTML refers to by `cid:`, without their percent signs' disguise.
pub fn references(octets: &[u8]) -> HashSet<Vec<u8>> {
    let mut found = HashSet::new();
    for colon in memchr::memchr_iter(b':', octets) {
        let is_cid = colon >= 3 && octets[colon - 3..colon].eq_ignore_ascii_case(b"cid");
        if !is_cid || found.len() >= REFERENCES_MAX {
            continue;
        }
        let rest = &octets[colon + 1..];
        let is_end = |octet: &u8| matches!(octet, b'"' | b'\'' | b'>' | b'<' | b')' | b'&' | 0..=b' ');
        let length = rest.iter().take(1_000).position(is_end).unwrap_or_else(|| rest.len().min(1_000));
        found.insert(without_percents(&rest[..length]));
    }
    found
}

fn without_percents(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let digit = |place: usize| after.get(place).and_then(|octet| char::from(*octet).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                plain.push(u8::try_from(high * 16 + low).unwrap_or(b'%'));
                rest = &after[2..];
            }
            _ => plain.push(first),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::{of_octets, of_text, references};
    use crate::text::page;

    fn check(octets: &[u8], told: Option<u16>, charset: &str, expected: &[u8], is_clean: bool) {
        let html = of_octets(octets, told.and_then(page));
        assert_eq!((html.charset, html.is_clean), (charset, is_clean), "{}", String::from_utf8_lossy(octets));
        assert_eq!(html.octets.as_ref(), expected, "{}", String::from_utf8_lossy(octets));
    }

    #[test]
    fn octets_are_sent_as_they_are_where_their_charset_has_a_name() {
        let latin = b"<p>a\xE7\xE3o</p>";
        check(latin, Some(28591), "iso-8859-1", latin, true);
        check(latin, Some(1252), "windows-1252", latin, true);
        check(b"<p>\x80</p>", Some(28591), "windows-1252", b"<p>\x80</p>", true);
        check(b"<p>x</p>", Some(28591), "us-ascii", b"<p>x</p>", true);
        let japanese = b"<p>\x1B$BF|K\\\x1B(B</p>";
        check(japanese, Some(50220), "iso-2022-jp", japanese, true);
        check(b"<p>\x93\xFA\x96{</p>", Some(932), "Shift_JIS", b"<p>\x93\xFA\x96{</p>", true);
    }

    #[test]
    fn a_page_that_does_not_fit_gives_way_to_the_meta_then_to_utf_8_then_to_a_guess() {
        let utf_8 = "<p>ação</p>".as_bytes();
        check(utf_8, None, "utf-8", utf_8, true);
        let meta = b"<meta charset=iso-8859-2><p>\xB1</p>";
        check(meta, Some(65001), "iso-8859-2", meta, true);
        check(meta, Some(65001), "iso-8859-2", meta, true);
        let liar = "<meta charset=\"iso-8859-1\">ação".as_bytes();
        check(liar, Some(65001), "utf-8", liar, true);
    }

    #[test]
    fn pages_without_a_name_become_utf_8_and_their_meta_tells_the_truth() {
        let dos = b"<META http-equiv=x content='text/html; charset=ibm850'>\x87";
        let mended = "<META http-equiv=x content='text/html; charset=utf-8'>ç".as_bytes();
        check(dos, Some(850), "utf-8", mended, true);
        check(b"<p>+AOc-</p>", Some(65000), "utf-8", "<p>ç</p>".as_bytes(), true);
        let wide: Vec<u8> = "<p>ç</p>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        check(&wide, Some(1200), "utf-8", "<p>ç</p>".as_bytes(), true);
    }

    #[test]
    fn octets_that_are_no_utf_16_are_not_read_as_such_whatever_the_item_tells() {
        for told in [1200, 1201] {
            check(b"<p>abcd</p>", Some(told), "us-ascii", b"<p>abcd</p>", true);
            check(b"<p>abcde</p>", Some(told), "us-ascii", b"<p>abcde</p>", true);
            check("<p>ação</p>".as_bytes(), Some(told), "utf-8", "<p>ação</p>".as_bytes(), true);
            let meta = b"<meta charset=iso-8859-2><p>\xB1</p>";
            check(meta, Some(told), "iso-8859-2", meta, true);
        }
        let text: Vec<u8> = "日本<p>ç</p>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        check(&text, Some(1200), "utf-8", "日本<p>ç</p>".as_bytes(), true);
    }

    #[test]
    fn a_meta_that_a_conversion_makes_untrue_is_mended() {
        assert_eq!(
            of_text("<meta charset=big5>ç".into()).octets.as_ref(),
            "<meta charset=utf-8>ç".as_bytes()
        );
    }

    #[test]
    fn references_to_files_are_found_in_every_spelling() {
        let found = references(b"<img src=\"cid:a@x\"><td background=CID:b%40x><p style='url(cid:c)'>acid:");
        let mut found: Vec<_> = found.iter().map(|cid| String::from_utf8_lossy(cid).into_owned()).collect();
        found.sort();
        assert_eq!(found, ["", "a@x", "b@x", "c"]);
    }
}
