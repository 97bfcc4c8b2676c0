//! What mail programs write into an mbox beside the message: flags, keywords, labels, lengths.
//! Never takes a line for one of these whose value is not of its form: it then belongs to the message.

use malote_plan::message::{Flag, Flags};

/// A line that belongs to the file, not to the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// Flags as letters or bits, already as IMAP has them.
    Flags(Flags),
    /// Deleted by its user and still in the file.
    Removed,
    /// The body's length in octets, as mboxcl and mboxcl2 have it.
    Length(u64),
    /// Gmail's labels, still encoded.
    Labels,
    /// Nothing that is carried over: counters of the program that wrote the file.
    Nothing,
}

/// Bits of `X-Mozilla-Status`.
const MOZILLA: [(u32, &str); 4] =
    [(0x0001, "\\Seen"), (0x0002, "\\Answered"), (0x0004, "\\Flagged"), (0x1000, "$Forwarded")];

/// The bit of `X-Mozilla-Status` that hides a message until its folder is compacted.
const MOZILLA_EXPUNGED: u32 = 0x0008;

/// The bit of `X-Mozilla-Status2` that tells of a receipt, and the place of the label's number.
const MOZILLA_RECEIPT: u32 = 0x0080_0000;
const MOZILLA_LABEL_SHIFT: u32 = 25;

/// Keywords of one message that are read.
const KEYWORDS_MAX: usize = 100;

/// Letters of `Status` and of `X-Status`.
const STATUS_LETTERS: &[u8] = b"ROUND";
const X_STATUS_LETTERS: &[u8] = b"AFTDR";

/// Octets of such a line at most, its end included: a longer one comes in pieces, of which none is judged.
const LINE_OCTETS_MAX: usize = super::letter::PIECE_OCTETS_MAX;

/// The name of a header line in lower case, and what stands behind its colon; nothing where it is of no such length.
#[must_use]
pub fn named(line: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let colon = memchr::memchr(b':', &line[..line.len().min(21)]).filter(|_| line.len() < LINE_OCTETS_MAX)?;
    Some((line[..colon].to_ascii_lowercase(), line[colon + 1..].trim_ascii()))
}

/// Names of lines in which mail programs keep what they know of a message, in lower case.
const KEPT: [&[u8]; 18] = [
    b"status",
    b"x-status",
    b"x-keywords",
    b"x-uid",
    b"x-uidl",
    b"x-imap",
    b"x-imapbase",
    b"content-length",
    b"lines",
    b"x-mozilla-status",
    b"x-mozilla-status2",
    b"x-mozilla-keys",
    b"x-account-key",
    b"x-gmail-labels",
    b"x-gm-thrid",
    b"x-evolution",
    b"x-evolution-source",
    b"x-rmail-attributes",
];

/// What the names of KMail's begin with.
const KMAILS: &[u8] = b"x-kmail-";

/// Octets of such a name at most: KMail's are the longest.
const KEPT_OCTETS_MAX: usize = 64;

/// True for a line in which mail programs keep what they know of a message, whatever it says.
#[must_use]
pub fn is_kept(line: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', &line[..line.len().min(KEPT_OCTETS_MAX)]) else { return false };
    let name = line[..colon].to_ascii_lowercase();
    KEPT.contains(&name.as_slice()) || name.starts_with(KMAILS)
}

/// Judges one header line, folded lines included, with its end.
#[must_use]
pub fn judge(line: &[u8]) -> Option<Storage> {
    let (name, value) = named(line)?;
    match name.as_slice() {
        b"status" => letters(value, STATUS_LETTERS, &[(b'R', "\\Seen"), (b'D', "\\Deleted")]),
        b"x-status" => letters(
            value,
            X_STATUS_LETTERS,
            &[(b'A', "\\Answered"), (b'F', "\\Flagged"), (b'T', "\\Draft"), (b'D', "\\Deleted")],
        ),
        b"x-mozilla-status" => hexadecimal(value, 4).map(mozilla),
        b"x-mozilla-status2" => hexadecimal(value, 8).map(mozilla_2),
        b"x-mozilla-keys" | b"x-keywords" => keywords(value),
        b"x-gmail-labels" => Some(Storage::Labels),
        b"content-length" => number(value).map(Storage::Length),
        b"x-uid" | b"x-gm-thrid" => number(value).map(|_| Storage::Nothing),
        b"x-imapbase" | b"x-imap" => {
            let first = value.split(u8::is_ascii_whitespace).next()?;
            number(first).map(|_| Storage::Nothing)
        }
        _ => None,
    }
}

fn letters(value: &[u8], known: &[u8], flags: &[(u8, &str)]) -> Option<Storage> {
    if !value.iter().all(|letter| known.contains(letter)) {
        return None;
    }
    let set = flags.iter().filter(|(letter, _)| value.contains(letter));
    Some(Storage::Flags(set.filter_map(|(_, flag)| Flag::new(flag)).collect()))
}

fn hexadecimal(value: &[u8], digits: usize) -> Option<u32> {
    let is_of_form = value.len() == digits && value.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(value).ok().filter(|_| is_of_form)?;
    u32::from_str_radix(text, 16).ok()
}

fn number(value: &[u8]) -> Option<u64> {
    let is_of_form = (1..=19).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(value).ok().filter(|_| is_of_form)?.parse().ok()
}

fn mozilla(bits: u32) -> Storage {
    if bits & MOZILLA_EXPUNGED != 0 {
        return Storage::Removed;
    }
    let set = MOZILLA.iter().filter(|(bit, _)| bits & bit != 0);
    Storage::Flags(set.filter_map(|(_, flag)| Flag::new(flag)).collect())
}

fn mozilla_2(bits: u32) -> Storage {
    let receipt = (bits & MOZILLA_RECEIPT != 0).then(|| "$MDNSent".to_owned());
    let label = (bits >> MOZILLA_LABEL_SHIFT) & 7;
    let label = (1..=5).contains(&label).then(|| format!("$label{label}"));
    Storage::Flags(receipt.into_iter().chain(label).filter_map(|flag| Flag::new(&flag)).collect())
}

fn keywords(value: &[u8]) -> Option<Storage> {
    let words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let words: Option<Vec<Flag>> = words.take(KEYWORDS_MAX).map(keyword_as_it_stands).collect();
    Some(Storage::Flags(words?.into_iter().collect()))
}

fn keyword_as_it_stands(word: &[u8]) -> Option<Flag> {
    Flag::new(std::str::from_utf8(word).ok().filter(|word| word.bytes().all(is_keyword_octet))?)
}

/// True for what a keyword may be made of (RFC 9051 §9, atom).
fn is_keyword_octet(octet: u8) -> bool {
    octet.is_ascii_graphic() && !b"(){%*\"\\]".contains(&octet)
}

/// A keyword out of any name: what it may not hold becomes `_`. Nothing where nothing is left.
#[must_use]
pub fn keyword(name: &str) -> Option<Flag> {
    let fit = |letter: char| match u8::try_from(letter) {
        Ok(octet) if is_keyword_octet(octet) => letter,
        _ if letter.is_alphanumeric() => letter,
        _ => '_',
    };
    // Letters beyond ASCII would make the command a broken one: they are written as their code points.
    let written = |letter: char| {
        if letter.is_ascii() { letter.to_string() } else { format!("_{:x}", u32::from(letter)) }
    };
    let text: String = name.trim().chars().map(fit).map(written).collect();
    Flag::new(&text).filter(|_| text.bytes().any(|octet| octet != b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(text: &str) -> Option<Storage> {
        Some(Storage::Flags(Flags::parse(text)))
    }

    #[test]
    fn what_programs_write_beside_a_message_is_told_from_the_message() {
        for (line, expected) in [
            ("Status: RO\n", flags("\\Seen")),
            ("Status: O\r\n", flags("")),
            ("status:\n", flags("")),
            ("Status: delivered\n", None),
            ("X-Status: AFT \n", flags("\\Answered \\Flagged \\Draft")),
            ("X-Mozilla-Status: 1007\n", flags("\\Seen \\Answered \\Flagged $Forwarded")),
            ("X-Mozilla-Status: 0009\n", Some(Storage::Removed)),
            ("X-Mozilla-Status: 9\n", None),
            ("X-Mozilla-Status2: 04800000\n", flags("$label2 $MDNSent")),
            ("X-Mozilla-Keys: $label1 NonJunk          \n", flags("$label1 NonJunk")),
            ("X-Mozilla-Keys: (bad\n", None),
            ("X-Keywords: one two\n", flags("one two")),
            ("Content-Length: 123\n", Some(Storage::Length(123))),
            ("Content-Length: 1 2\n", None),
            ("X-UID: 17\n", Some(Storage::Nothing)),
            ("X-IMAP: 1720000000 0000000004 $Forwarded\n", Some(Storage::Nothing)),
            ("X-GM-THRID: 1804000000000000000\n", Some(Storage::Nothing)),
            ("Subject: Status: RO\n", None),
            ("no field\n", None),
        ] {
            assert_eq!(judge(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn any_name_becomes_a_keyword_or_nothing() {
        for (name, expected) in [
            ("Kunden", Some("Kunden")),
            ("a b", Some("a_b")),
            ("Orçamento", Some("Or_e7amento")),
            ("(x)", Some("_x_")),
            ("  ", None),
            ("***", None),
        ] {
            assert_eq!(keyword(name).as_ref().map(Flag::as_str), expected, "{name}");
        }
    }
}
