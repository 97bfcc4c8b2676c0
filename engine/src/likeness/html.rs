//! The words of an HTML text, without its tags: for comparing two writings of it, never for showing.
//! Never builds a tree: hostile nesting costs nothing.

/// Elements of which nothing is shown.
const HIDDEN: [&str; 4] = ["head", "style", "script", "title"];
/// Letters of an entity's name at most.
const ENTITY_LETTERS_MAX: usize = 12;

/// What would be shown. Where that is nothing, the HTML itself: two pictures are not the same for showing no word.
pub(super) fn text(html: &str) -> String {
    let shown = shown(html);
    if shown.chars().all(char::is_whitespace) { html.to_owned() } else { shown }
}

fn shown(html: &str) -> String {
    let mut out = String::with_capacity(html.len() / 2);
    let mut rest = html;
    // Elements that are known to have no end in what is left: it is looked for once.
    let mut endless: Vec<&str> = Vec::new();
    while let Some(at) = rest.find(['<', '&']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix('&') {
            rest = match entity(after) {
                Some((character, length)) => {
                    out.push_str(&character);
                    &after[length..]
                }
                None => {
                    out.push('&');
                    after
                }
            };
            continue;
        }
        if let Some(after) = rest.strip_prefix("<!--") {
            rest = after.find("-->").map_or("", |end| &after[end + 3..]);
            continue;
        }
        let is_tag = rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'));
        if !is_tag {
            out.push('<');
            rest = &rest[1..];
            continue;
        }
        let (tag, after) = rest.split_at(rest.find('>').map_or(rest.len(), |end| end + 1));
        let name = hidden(tag).filter(|name| !endless.contains(name));
        rest = match name.map(|name| (name, behind(after, name))) {
            None => after,
            Some((_, Some(behind))) => behind,
            Some((name, None)) => {
                endless.push(name);
                after
            }
        };
    }
    out.push_str(rest);
    out
}

/// The name of a hidden element that a tag begins.
fn hidden(tag: &str) -> Option<&'static str> {
    let name = tag[1..].split(|c: char| !c.is_ascii_alphanumeric()).next()?;
    HIDDEN.into_iter().find(|hidden| name.eq_ignore_ascii_case(hidden)).filter(|_| !tag.ends_with("/>"))
}

/// What follows an element's end; nothing where it has none.
fn behind<'a>(html: &'a str, name: &str) -> Option<&'a str> {
    let mut from = 0;
    while let Some(at) = html[from..].find("</") {
        let end = &html[from + at + 2..];
        from += at + 2;
        if end.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name)) {
            return Some(end.find('>').map_or("", |close| &end[close + 1..]));
        }
    }
    None
}

/// The text of an entity behind its `&`, and how many octets it has; names of letters with marks are made of both.
fn entity(text: &str) -> Option<(String, usize)> {
    let end = text.bytes().take(ENTITY_LETTERS_MAX).position(|octet| octet == b';')?;
    let name = &text[..end];
    let number = match name.strip_prefix('#') {
        Some(hex) if hex.starts_with(['x', 'X']) => u32::from_str_radix(&hex[1..], 16).ok(),
        Some(digits) => digits.parse().ok(),
        None => named(name),
    };
    number.and_then(char::from_u32).map(|character| (character.to_string(), end + 1))
}

/// Characters by the names of HTML 4 (Latin-1 and the usual punctuation).
fn named(name: &str) -> Option<u32> {
    let latin = LATIN_1.split_ascii_whitespace().position(|known| known == name);
    let other = OTHERS.iter().find(|(known, _)| *known == name).map(|(_, character)| u32::from(*character));
    latin.and_then(|place| u32::try_from(place).ok()).map(|place| place + 0xA0).or(other)
}

/// From U+00A0 to U+00FF in order.
const LATIN_1: &str = "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn \
    sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde \
    Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde \
    Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil \
    egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash \
    ugrave uacute ucirc uuml yacute thorn yuml";

const OTHERS: [(&str, char); 18] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("euro", '€'),
    ("ndash", '–'),
    ("mdash", '—'),
    ("lsquo", '‘'),
    ("rsquo", '’'),
    ("ldquo", '“'),
    ("rdquo", '”'),
    ("bdquo", '„'),
    ("sbquo", '‚'),
    ("hellip", '…'),
    ("bull", '•'),
    ("trade", '™'),
    ("zwnj", '\u{200C}'),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_what_is_hidden_go_and_words_stay() {
        for (html, expected) in [
            ("<html><head><title>x</title></head><body><p>Ol&aacute; <b>mundo</b></p></body>", "Olá mundo"),
            ("a &lt; b &amp; c &#233; &#xE9; &yuml; &nosuch; &", "a < b & c é é ÿ &nosuch; &"),
            ("a<!-- b --><STYLE>c</style>d<script>e", "ade"),
            ("1 < 2 <br/>3", "1 < 2 3"),
            ("<img src=\"a\">", "<img src=\"a\">"),
            ("<p", "<p"),
        ] {
            assert_eq!(text(html), expected, "{html}");
        }
    }

    #[test]
    fn elements_without_an_end_by_the_hundred_thousand_cost_one_look() {
        let html = "<title><style></a>x".repeat(100_000);
        assert_eq!(text(&html), "x".repeat(100_000));
    }
}
