//! Tables of control words: destinations that are no text, characters that are words, charsets of fonts.
//! Never holds state.

/// Destinations whose content is no part of the text, besides all that are marked `\*`.
const SILENT: [&[u8]; 27] = [
    b"colortbl",
    b"stylesheet",
    b"info",
    b"pict",
    b"header",
    b"headerl",
    b"headerr",
    b"headerf",
    b"footer",
    b"footerl",
    b"footerr",
    b"footerf",
    b"filetbl",
    b"revtbl",
    b"xmlnstbl",
    b"rsidtbl",
    b"listtable",
    b"listoverridetable",
    b"fldinst",
    b"nonshppict",
    b"objdata",
    b"themedata",
    b"colorschememapping",
    b"latentstyles",
    b"datastore",
    b"bkmkstart",
    b"bkmkend",
];

/// True for a destination that is no text.
pub fn is_silent(word: &[u8]) -> bool {
    SILENT.contains(&word)
}

/// A control word that stands for a character: in HTML, and in plain text.
pub fn character(word: &[u8]) -> Option<(&'static str, &'static str)> {
    let pair = match word {
        b"par" | b"line" => ("\r\n", "\r\n"),
        b"tab" => ("\t", "\t"),
        b"lquote" => ("&lsquo;", "\u{2018}"),
        b"rquote" => ("&rsquo;", "\u{2019}"),
        b"ldblquote" => ("&ldquo;", "\u{201C}"),
        b"rdblquote" => ("&rdquo;", "\u{201D}"),
        b"bullet" => ("&bull;", "\u{2022}"),
        b"endash" => ("&ndash;", "\u{2013}"),
        b"emdash" => ("&mdash;", "\u{2014}"),
        b"cell" | b"nestcell" => ("", "\t"),
        b"row" | b"nestrow" | b"sect" | b"page" | b"column" => ("", "\r\n"),
        b"enspace" => ("&ensp;", "\u{2002}"),
        b"emspace" => ("&emsp;", "\u{2003}"),
        b"zwj" => ("&zwj;", "\u{200D}"),
        b"zwnj" => ("&zwnj;", "\u{200C}"),
        b"ltrmark" => ("&lrm;", "\u{200E}"),
        b"rtlmark" => ("&rlm;", "\u{200F}"),
        _ => return None,
    };
    Some(pair)
}

/// A control symbol that stands for a character: in HTML, and in plain text.
pub fn symbol(symbol: u8) -> Option<(&'static str, &'static str)> {
    let pair = match symbol {
        b'\\' => ("\\", "\\"),
        b'{' => ("{", "{"),
        b'}' => ("}", "}"),
        b'~' => ("&nbsp;", "\u{A0}"),
        b'_' => ("&shy;", "\u{2011}"),
        b'\r' | b'\n' => ("\r\n", "\r\n"),
        b'\t' => ("\t", "\t"),
        _ => return None,
    };
    Some(pair)
}

/// The code page of a font's charset (`\fcharset`); nothing for "the default".
pub fn page_of_charset(charset: i32) -> Option<u16> {
    let page = match charset {
        0 | 2 => 1252,
        77 => 10000,
        128 => 932,
        129 => 949,
        134 => 936,
        136 => 950,
        161 => 1253,
        162 => 1254,
        163 => 1258,
        177 => 1255,
        178 => 1256,
        186 => 1257,
        204 => 1251,
        222 => 874,
        238 => 1250,
        254 => 437,
        255 => 850,
        _ => return None,
    };
    Some(page)
}
