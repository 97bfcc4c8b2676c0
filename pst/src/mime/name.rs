//! Names and types of attached files, as they may stand in a message.
//! Never a path: only the last component of a name is one.

use std::borrow::Cow;

/// Longest name of a file that is sent, in characters; longer ones keep their ending.
pub const NAME_CHARACTERS_MAX: usize = 240;

/// A file's name without folders and control characters; nothing where nothing is left of it.
pub fn file(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).find(|component| !component.trim().is_empty())?;
    let clean: Cow<'_, str> = if last.contains(char::is_control) {
        last.chars().filter(|character| !character.is_control()).collect()
    } else {
        last.into()
    };
    let clean = clean.trim();
    if clean.is_empty() || clean.chars().all(|character| character == '.') {
        return None;
    }
    if clean.chars().count() <= NAME_CHARACTERS_MAX {
        return Some(clean.to_owned());
    }
    let ending =
        clean.rsplit_once('.').map(|(_, ending)| ending).filter(|ending| ending.chars().count() < 20);
    let kept = NAME_CHARACTERS_MAX - ending.map_or(0, |ending| ending.chars().count() + 1);
    let mut short: String = clean.chars().take(kept).collect();
    if let Some(ending) = ending {
        short.push('.');
        short.push_str(ending);
    }
    Some(short)
}

/// A media type without parameters (RFC 2045 §5.1); nothing for what is none, and for types that only the structure
/// of a message may have.
pub fn media_type(text: &str) -> Option<Cow<'_, str>> {
    let bare = text.split(';').next().unwrap_or_default().trim();
    let (kind, subtype) = bare.split_once('/')?;
    let is_token = |token: &str| !token.is_empty() && token.len() <= 80 && token.bytes().all(is_token);
    let is_structure = kind.eq_ignore_ascii_case("multipart") || kind.eq_ignore_ascii_case("message");
    (is_token(kind) && is_token(subtype) && !is_structure).then_some(Cow::Borrowed(bare))
}

const fn is_token(octet: u8) -> bool {
    octet.is_ascii_graphic()
        && !matches!(
            octet,
            b'(' | b')'
                | b'<'
                | b'>'
                | b'@'
                | b','
                | b';'
                | b':'
                | b'\\'
                | b'"'
                | b'/'
                | b'['
                | b']'
                | b'?'
                | b'='
        )
}

/// The media type that a file's ending stands for.
pub fn type_of_ending(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    match ending.as_str() {
        "txt" | "log" => "text/plain",
        "htm" | "html" => "text/html",
        "csv" => "text/csv",
        "xml" => "application/xml",
        "json" => "application/json",
        "ics" => "text/calendar",
        "vcf" => "text/vcard",
        "rtf" => "application/rtf",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "gz" => "application/gzip",
        "7z" => "application/x-7z-compressed",
        "rar" => "application/vnd.rar",
        "tar" => "application/x-tar",
        "jpg" | "jpeg" | "jpe" => "image/jpeg",
        "png" => "image/png",
        "gif" => "image/gif",
        "bmp" => "image/bmp",
        "tif" | "tiff" => "image/tiff",
        "svg" => "image/svg+xml",
        "webp" => "image/webp",
        "heic" => "image/heic",
        "ico" => "image/vnd.microsoft.icon",
        "wmf" => "image/wmf",
        "emf" => "image/emf",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "ogg" => "audio/ogg",
        "m4a" => "audio/mp4",
        "mp4" => "video/mp4",
        "mpg" | "mpeg" => "video/mpeg",
        "avi" => "video/x-msvideo",
        "mov" => "video/quicktime",
        "wmv" => "video/x-ms-wmv",
        "doc" | "dot" => "application/msword",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xls" => "application/vnd.ms-excel",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "ppt" | "pps" => "application/vnd.ms-powerpoint",
        "pptx" => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "odt" => "application/vnd.oasis.opendocument.text",
        "ods" => "application/vnd.oasis.opendocument.spreadsheet",
        "odp" => "application/vnd.oasis.opendocument.presentation",
        "msg" => "application/vnd.ms-outlook",
        "mdb" => "application/vnd.ms-access",
        "vsd" => "application/vnd.visio",
        "ps" | "eps" => "application/postscript",
        "p7m" => "application/pkcs7-mime",
        "p7s" => "application/pkcs7-signature",
        "js" => "text/javascript",
        "css" => "text/css",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::{NAME_CHARACTERS_MAX, file, media_type};

    #[test]
    fn a_name_is_the_last_component_without_controls() {
        for (name, expected) in [
            ("a.txt", Some("a.txt")),
            ("C:\\x\\relatório.pdf", Some("relatório.pdf")),
            ("../../etc/passwd", Some("passwd")),
            ("a\r\nX: y.txt", Some("aX: y.txt")),
            ("dir/", Some("dir")),
            ("..", None),
            (" \0", None),
        ] {
            assert_eq!(file(name).as_deref(), expected, "{name:?}");
        }
        let long = file(&format!("{}.docx", "é".repeat(1_000))).expect("it is a name");
        assert!(long.chars().count() == NAME_CHARACTERS_MAX && long.ends_with(".docx"));
    }

    #[test]
    fn only_types_that_a_file_can_have_are_taken() {
        for (text, expected) in [
            ("image/png", Some("image/png")),
            ("application/pkcs7-mime;smime-type=enveloped-data", Some("application/pkcs7-mime")),
            ("text/plain\r\nX: y", None),
            ("message/rfc822", None),
            ("Multipart/signed", None),
            ("image", None),
            ("a/b/c", None),
        ] {
            assert_eq!(media_type(text).as_deref(), expected, "{text:?}");
        }
    }
}
