//! What a file is, by its first octets.
//! Never by its name.

use crate::store::words::SourceType;

/// Octets that tell what a file is.
pub const HEAD_BYTES: usize = 4096;

/// Where a tar header names its format (POSIX.1-1988).
const USTAR_AT: usize = 257;
/// Header fields that a letter has, one of them at least (RFC 5322 §3.6, RFC 5321 §4.4).
const FIELDS: [&str; 9] = [
    "from",
    "date",
    "message-id",
    "received",
    "return-path",
    "mime-version",
    "to",
    "delivered-to",
    "x-original-to",
];

/// A file that mail can be read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A personal store of Outlook ([MS-PST] §2.2.2.6).
    Pst,
    /// Messages parted by `From ` lines (RFC 4155).
    Mbox,
    /// One message.
    Eml,
    /// A zip of messages.
    Zip,
    /// A tar archive, compressed or not.
    Tgz,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Pst, Self::Mbox, Self::Eml, Self::Zip, Self::Tgz];

    /// The word in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pst => "pst",
            Self::Mbox => "mbox",
            Self::Eml => "eml",
            Self::Zip => "zip",
            Self::Tgz => "tgz",
        }
    }

    /// The kind of this word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// What a mailbox that is read from it is called.
    #[must_use]
    pub const fn source_type(self) -> SourceType {
        match self {
            Self::Pst => SourceType::Pst,
            Self::Mbox => SourceType::Mbox,
            Self::Eml | Self::Zip => SourceType::Eml,
            Self::Tgz => SourceType::Tgz,
        }
    }

    /// What a file with these first octets is; nothing where it is none that mail is read from.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        if head.starts_with(b"!BDN") {
            // The client's signature tells mail from an address book ([MS-PST] §2.2.2.6, wMagicClient).
            return matches!(head.get(8..10), Some(b"SM" | b"SO")).then_some(Self::Pst);
        }
        if head.starts_with(&[0x1f, 0x8b, 8]) || head.get(USTAR_AT..USTAR_AT + 5) == Some(b"ustar") {
            return Some(Self::Tgz);
        }
        if head.starts_with(b"PK\x03\x04") {
            return Some(Self::Zip);
        }
        if head.starts_with(b"From ") {
            return Some(Self::Mbox);
        }
        is_letter(head).then_some(Self::Eml)
    }
}

/// True where the first lines are fields of a message's header, one of them a known one.
fn is_letter(head: &[u8]) -> bool {
    if head.contains(&0) {
        return false;
    }
    let is_cut = head.len() >= HEAD_BYTES;
    let lines: Vec<&[u8]> = head.split(|octet| *octet == b'\n').collect();
    // The last line may be cut in its middle.
    let whole = if is_cut { &lines[..lines.len() - 1] } else { &lines[..] };
    let (mut fields, mut known) = (0, false);
    for line in whole {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        if fields > 0 && (line.starts_with(b" ") || line.starts_with(b"\t")) {
            continue;
        }
        let Some(colon) = line.iter().position(|octet| *octet == b':') else { return false };
        let name = &line[..colon];
        if name.is_empty() || !name.iter().all(|octet| matches!(octet, 33..=126)) {
            return false;
        }
        fields += 1;
        known |= FIELDS.iter().any(|field| field.as_bytes().eq_ignore_ascii_case(name));
    }
    fields > 0 && known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(head: &[u8], expected: Option<Kind>) {
        assert_eq!(Kind::of(head), expected, "{:?}", String::from_utf8_lossy(&head[..head.len().min(40)]));
    }

    #[test]
    fn a_file_is_what_its_octets_say() {
        check(b"!BDN\0\0\0\0SM\x17\0", Some(Kind::Pst));
        check(b"!BDN\0\0\0\0SO\x24\0", Some(Kind::Pst));
        check(b"!BDN\0\0\0\0AB\x17\0", None);
        check(b"!BDN", None);
        check(b"From ana@x.br Thu Jan  1 00:00:00 1970\r\n", Some(Kind::Mbox));
        check(b"PK\x03\x04rest", Some(Kind::Zip));
        check(&[0x1f, 0x8b, 8, 0], Some(Kind::Tgz));
        let mut tar = vec![b'a'; 512];
        tar[USTAR_AT..USTAR_AT + 5].copy_from_slice(b"ustar");
        check(&tar, Some(Kind::Tgz));
    }

    #[test]
    fn a_letter_begins_with_fields_that_letters_have() {
        check(b"Received: by x\r\n\tfor y\r\nSubject: a\r\n\r\nText: none", Some(Kind::Eml));
        check(b"FROM: a@b\nText", None);
        check(b"FROM: a@b\n\nText", Some(Kind::Eml));
        check(b"Name: no mail\r\n\r\n", None);
        check(b"MZ\x90\0From: a", None);
        check(b"<html>From: a</html>", None);
        check(b"", None);
        check(b"%PDF-1.7\n", None);
        let mut long = b"From: a@b\r\nX-Long: ".to_vec();
        long.resize(HEAD_BYTES, b'a');
        check(&long, Some(Kind::Eml));
    }
}
