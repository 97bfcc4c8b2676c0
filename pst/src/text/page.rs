//! The code pages that stores name, with the name each goes by on the Internet and how its octets are read.
//! Never sends octets on under a name that would read them otherwise: such pages have no name.

use std::borrow::Cow;

use encoding_rs::Encoding;
use oem_cp::code_table::DECODING_TABLE_CP_MAP;

use super::utf7;

/// One code page ([MS-UCODEREF] §2.2.1).
#[derive(Debug)]
pub struct CodePage {
    /// Its number.
    pub number: u16,
    label: Option<&'static str>,
    reading: Reading,
}

#[derive(Debug, Clone, Copy)]
enum Reading {
    Web(&'static Encoding),
    Ascii,
    Dos,
    Utf7,
}

/// Windows' Western page: what is taken where nothing says which page it is.
pub static WINDOWS_1252: &CodePage = &web(1252, "windows-1252", encoding_rs::WINDOWS_1252);

/// Every page that is read, by number.
static PAGES: &[CodePage] = &[
    dos(437),
    dos(720),
    dos(737),
    dos(775),
    dos(850),
    dos(852),
    dos(855),
    dos(857),
    dos(858),
    dos(860),
    dos(861),
    dos(862),
    dos(863),
    dos(864),
    dos(865),
    dos(866),
    dos(869),
    web(874, "windows-874", encoding_rs::WINDOWS_874),
    web(932, "Shift_JIS", encoding_rs::SHIFT_JIS),
    web(936, "GBK", encoding_rs::GBK),
    web(949, "ks_c_5601-1987", encoding_rs::EUC_KR),
    web(950, "Big5", encoding_rs::BIG5),
    unnamed(1200, Reading::Web(encoding_rs::UTF_16LE)),
    unnamed(1201, Reading::Web(encoding_rs::UTF_16BE)),
    web(1250, "windows-1250", encoding_rs::WINDOWS_1250),
    web(1251, "windows-1251", encoding_rs::WINDOWS_1251),
    web(1252, "windows-1252", encoding_rs::WINDOWS_1252),
    web(1253, "windows-1253", encoding_rs::WINDOWS_1253),
    web(1254, "windows-1254", encoding_rs::WINDOWS_1254),
    web(1255, "windows-1255", encoding_rs::WINDOWS_1255),
    web(1256, "windows-1256", encoding_rs::WINDOWS_1256),
    web(1257, "windows-1257", encoding_rs::WINDOWS_1257),
    web(1258, "windows-1258", encoding_rs::WINDOWS_1258),
    web(10000, "macintosh", encoding_rs::MACINTOSH),
    unnamed(10007, Reading::Web(encoding_rs::X_MAC_CYRILLIC)),
    unnamed(20127, Reading::Ascii),
    web(20866, "koi8-r", encoding_rs::KOI8_R),
    web(20932, "euc-jp", encoding_rs::EUC_JP),
    web(21866, "koi8-u", encoding_rs::KOI8_U),
    web(28591, "iso-8859-1", encoding_rs::WINDOWS_1252),
    web(28592, "iso-8859-2", encoding_rs::ISO_8859_2),
    web(28593, "iso-8859-3", encoding_rs::ISO_8859_3),
    web(28594, "iso-8859-4", encoding_rs::ISO_8859_4),
    web(28595, "iso-8859-5", encoding_rs::ISO_8859_5),
    web(28596, "iso-8859-6", encoding_rs::ISO_8859_6),
    web(28597, "iso-8859-7", encoding_rs::ISO_8859_7),
    web(28598, "iso-8859-8", encoding_rs::ISO_8859_8),
    web(28599, "iso-8859-9", encoding_rs::WINDOWS_1254),
    web(28600, "iso-8859-10", encoding_rs::ISO_8859_10),
    web(28603, "iso-8859-13", encoding_rs::ISO_8859_13),
    web(28604, "iso-8859-14", encoding_rs::ISO_8859_14),
    web(28605, "iso-8859-15", encoding_rs::ISO_8859_15),
    web(28606, "iso-8859-16", encoding_rs::ISO_8859_16),
    web(38598, "iso-8859-8-i", encoding_rs::ISO_8859_8_I),
    web(50220, "iso-2022-jp", encoding_rs::ISO_2022_JP),
    web(50221, "iso-2022-jp", encoding_rs::ISO_2022_JP),
    web(50222, "iso-2022-jp", encoding_rs::ISO_2022_JP),
    web(51932, "euc-jp", encoding_rs::EUC_JP),
    web(51936, "gb2312", encoding_rs::GBK),
    web(51949, "euc-kr", encoding_rs::EUC_KR),
    web(54936, "gb18030", encoding_rs::GB18030),
    unnamed(65000, Reading::Utf7),
    web(65001, "utf-8", encoding_rs::UTF_8),
];

const fn web(number: u16, label: &'static str, encoding: &'static Encoding) -> CodePage {
    CodePage { number, label: Some(label), reading: Reading::Web(encoding) }
}

const fn unnamed(number: u16, reading: Reading) -> CodePage {
    CodePage { number, label: None, reading }
}

const fn dos(number: u16) -> CodePage {
    unnamed(number, Reading::Dos)
}

/// The page of a number; nothing for 0 ("the page of this machine") and for pages that are not read.
#[must_use]
pub fn page(number: u16) -> Option<&'static CodePage> {
    let place = PAGES.binary_search_by_key(&number, |page| page.number).ok()?;
    PAGES.get(place)
}

/// The page of a `charset` as HTML and MIME write it (WHATWG Encoding §4.2).
#[must_use]
pub fn by_label(label: &str) -> Option<&'static CodePage> {
    if label.eq_ignore_ascii_case("utf-7") {
        return page(65000);
    }
    let encoding = Encoding::for_label(label.as_bytes())?;
    by_encoding(encoding)
}

/// The page that stands for an encoding: the first of its kind, Windows' before the ISO's.
pub(super) fn by_encoding(encoding: &'static Encoding) -> Option<&'static CodePage> {
    PAGES.iter().find(|page| matches!(page.reading, Reading::Web(found) if found == encoding))
}

impl CodePage {
    /// False for pages of 16-bit units, which no 8-bit string is in.
    #[must_use]
    pub fn is_narrow(&self) -> bool {
        !matches!(self.number, 1200 | 1201)
    }

    /// True where octets below 0x80 are always ASCII.
    #[must_use]
    pub fn keeps_ascii(&self) -> bool {
        !matches!(self.number, 1200 | 1201 | 50220..=50222 | 65000)
    }

    /// The octets as text, and whether they are legal in this page throughout; where not, U+FFFD stands for what is
    /// not.
    #[must_use]
    pub fn decode<'a>(&self, octets: &'a [u8]) -> (Cow<'a, str>, bool) {
        match self.reading {
            Reading::Web(encoding) => {
                let (text, is_broken) = encoding.decode_without_bom_handling(octets);
                (text, !is_broken)
            }
            Reading::Ascii => {
                let text: Cow<'_, str> = String::from_utf8_lossy(octets);
                (text, octets.is_ascii())
            }
            Reading::Dos if octets.is_ascii() => (String::from_utf8_lossy(octets), true),
            Reading::Dos => match DECODING_TABLE_CP_MAP.get(&self.number) {
                Some(table) => {
                    let text = table.decode_string_lossy(octets);
                    let is_clean = !text.contains('\u{FFFD}');
                    (Cow::Owned(text), is_clean)
                }
                None => (String::from_utf8_lossy(octets), false),
            },
            Reading::Utf7 => {
                let (text, is_clean) = utf7::decode(octets);
                (Cow::Owned(text), is_clean)
            }
        }
    }

    /// The IANA name under which these octets may be sent as they are, where there is one. ISO 8859-1 and -9 have no
    /// printable characters from 0x80 to 0x9F: octets there show that a Windows page is meant.
    #[must_use]
    pub fn label_for(&self, octets: &[u8]) -> Option<&'static str> {
        let windows = || octets.iter().any(|octet| (0x80..0xA0).contains(octet));
        match self.number {
            28591 if windows() => Some("windows-1252"),
            28599 if windows() => Some("windows-1254"),
            _ => self.label,
        }
    }
}
