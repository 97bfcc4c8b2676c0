//! Octets of old code pages into Unicode: which page an item's strings are in, and what its octets say.
//! Never guesses one string at a time: a guess is made over all strings of a store, or not at all.

mod detect;
mod locale;
mod page;
mod utf7;
pub mod words;

pub use detect::Detector;
pub use locale::{ansi_page_of_internet, ansi_page_of_locale};
pub use page::{CodePage, WINDOWS_1252, by_label, page};

use std::borrow::Cow;

use crate::property::{LONE_SURROGATE, Properties, Value};

/// `PidTagMessageCodepage`: the page of an item's 8-bit strings.
const MESSAGE_CODE_PAGE: u16 = 0x3FFD;
/// `PidTagMessageLocaleId`.
const MESSAGE_LOCALE: u16 = 0x3FF1;
/// `PidTagInternetCodepage`: the page of `PidTagHtml`, and a hint for the rest.
pub(crate) const INTERNET_CODE_PAGE: u16 = 0x3FDE;

/// The page of an item's 8-bit strings: what the item says, else what the operator said, else what was found out
/// over the whole store, else Windows' Western page.
#[must_use]
pub fn page_of_strings(
    properties: &Properties,
    operator: Option<u16>,
    store: Option<u16>,
) -> &'static CodePage {
    let fallback = |candidate: Option<u16>| candidate.and_then(page).filter(|page| page.is_narrow());
    page_named(properties).or_else(|| fallback(operator)).or_else(|| fallback(store)).unwrap_or(WINDOWS_1252)
}

/// The page that an item itself names for its 8-bit strings, by number or by its language.
#[must_use]
pub fn page_named(properties: &Properties) -> Option<&'static CodePage> {
    let number = |id| properties.integer(id).and_then(|value| u16::try_from(value).ok());
    // UTF-16 is no page of 8-bit strings: stores that hold UTF-16 name it there all the same.
    let narrow = |candidate: Option<u16>| candidate.and_then(page).filter(|page| page.is_narrow());
    let locale = || properties.integer(MESSAGE_LOCALE).and_then(|value| u32::try_from(value).ok());
    narrow(number(MESSAGE_CODE_PAGE))
        .or_else(|| narrow(locale().and_then(ansi_page_of_locale)))
        .or_else(|| narrow(number(INTERNET_CODE_PAGE).and_then(ansi_page_of_internet)))
}

/// A held string value as text; nothing for other types and for the empty string, which means the same as no value.
/// NULs at the end are taken off; those within and lone surrogates become U+FFFD.
#[must_use]
pub fn of_value<'a>(value: &'a Value, page: &CodePage) -> Option<Cow<'a, str>> {
    let text = match value {
        Value::String(text) => without_halves(text),
        Value::String8(octets) => page.decode(octets).0,
        _ => return None,
    };
    let text = without_nul(text);
    (!text.is_empty()).then_some(text)
}

/// Octets of a message as text: by the name of their charset, else as UTF-8 where they are that, else as Windows-1252.
#[must_use]
pub fn said_or_guessed<'a>(octets: &'a [u8], charset: &str) -> Cow<'a, str> {
    // Whoever says US-ASCII and writes more, or says nothing, means UTF-8 as often as Windows-1252.
    let says_nothing = charset.is_empty() || charset.eq_ignore_ascii_case("us-ascii");
    match (by_label(charset).filter(|_| !says_nothing), std::str::from_utf8(octets)) {
        (Some(page), _) => page.decode(octets).0,
        (None, Ok(text)) => Cow::Borrowed(text),
        (None, Err(_)) => WINDOWS_1252.decode(octets).0,
    }
}

/// First octet of the characters from U+100000 on, which hardly any text has.
const LAST_PLANE: u8 = 0xF4;

/// True where a reader's string holds what no text may: a NUL that is not at its end, or half a character.
pub(crate) fn is_lossy(text: &str) -> bool {
    memchr::memchr2(0, LAST_PLANE, text.as_bytes()).is_some()
        && text.trim_end_matches('\0').contains(['\0', LONE_SURROGATE])
}

/// A reader's string as people see it, with U+FFFD for lone surrogates.
pub(crate) fn without_halves(text: &str) -> Cow<'_, str> {
    if memchr::memchr(LAST_PLANE, text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(LONE_SURROGATE, "\u{FFFD}"))
}

/// Text without the NULs at its end, and with U+FFFD for those within.
pub(crate) fn without_nul(text: Cow<'_, str>) -> Cow<'_, str> {
    if memchr::memchr(0, text.as_bytes()).is_none() {
        return text;
    }
    Cow::Owned(text.trim_end_matches('\0').replace('\0', "\u{FFFD}"))
}
