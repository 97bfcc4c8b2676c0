//! Content lines of iCalendar (RFC 5545 §3.1) and vCard (RFC 6350 §3.2): escaped, folded, ended by CRLF.
//! Never lets a value begin a line of its own.

/// Longest line before its CRLF, in octets (RFC 5545 §3.1).
pub const LINE_OCTETS_MAX: usize = 75;
/// Longest text of one property, in characters; what lies beyond is in the text of the message.
pub const TEXT_CHARACTERS_MAX: usize = 256 * 1024;

/// A calendar or a card being written.
#[derive(Debug, Default)]
pub struct Lines {
    out: Vec<u8>,
}

impl Lines {
    /// Writes one line that is in its final form but for folding: `NAME;PARAMETER=x:value`.
    pub fn line(&mut self, line: &str) {
        let mut on_line = 0;
        for character in line.chars() {
            // A tab may stand in a value; nothing else below the space may, least of all a line end.
            let character = if character.is_control() && character != '\t' { ' ' } else { character };
            let octets = character.len_utf8();
            if on_line + octets > LINE_OCTETS_MAX {
                self.out.extend_from_slice(b"\r\n ");
                on_line = 1;
            }
            self.out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            on_line += octets;
        }
        self.out.extend_from_slice(b"\r\n");
    }

    /// Writes a property whose value is text. `name` may bring parameters.
    pub fn text(&mut self, name: &str, value: &str) {
        self.line(&format!("{name}:{}", escaped(value)));
    }

    /// Writes a property whose value is text, where there is one.
    pub fn text_if(&mut self, name: &str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value {
            self.text(name, value.as_ref());
        }
    }

    /// How long it is so far, in octets.
    #[must_use]
    pub const fn octets(&self) -> usize {
        self.out.len()
    }

    /// What was written.
    #[must_use]
    pub fn into_octets(self) -> Vec<u8> {
        self.out
    }
}

/// Text as a value (RFC 5545 §3.3.11, RFC 6350 §3.4): line ends as `\n`, other control characters left out.
#[must_use]
pub fn escaped(text: &str) -> String {
    let text = text.trim_end_matches(['\r', '\n']);
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().take(TEXT_CHARACTERS_MAX).peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' | ';' | ',' => out.extend(['\\', character]),
            '\r' => {
                characters.next_if_eq(&'\n');
                out.push_str("\\n");
            }
            '\n' | '\u{2028}' | '\u{2029}' => out.push_str("\\n"),
            '\t' => out.push('\t'),
            _ if character.is_control() => {}
            _ => out.push(character),
        }
    }
    out
}

/// Text as the quoted value of a parameter, which has no way to escape a quote.
#[must_use]
pub fn quoted(text: &str) -> String {
    let inner = text.chars().map(|character| match character {
        '"' => '\'',
        _ if character.is_control() => ' ',
        _ => character,
    });
    format!("\"{}\"", inner.collect::<String>())
}

/// An address as a URI (RFC 6068 §2).
#[must_use]
pub fn mailto(address: &str) -> String {
    let mut uri = String::from("mailto:");
    for octet in address.bytes() {
        let is_plain = octet.is_ascii_alphanumeric() || b"!$'*+-._~@[]:=".contains(&octet);
        if is_plain { uri.push(char::from(octet)) } else { uri.push_str(&format!("%{octet:02X}")) }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::{LINE_OCTETS_MAX, Lines, escaped, mailto, quoted};

    #[test]
    fn lines_are_folded_between_characters_and_unfold_to_what_they_were() {
        for text in ["short".to_owned(), "ação ☃ 😀 ".repeat(40), "x".repeat(75), "x".repeat(76)] {
            let mut lines = Lines::default();
            lines.text("SUMMARY", &text);
            let octets = String::from_utf8(lines.into_octets()).expect("folding does not cut characters");
            assert!(octets.split("\r\n").all(|line| line.len() <= LINE_OCTETS_MAX), "{octets}");
            assert_eq!(octets.replace("\r\n ", ""), format!("SUMMARY:{text}\r\n"));
        }
    }

    #[test]
    fn no_value_begins_a_line_or_ends_its_own() {
        assert_eq!(escaped("a;b,c\\d\r\ne\nf\rg\0\u{7}\t.\r\n"), "a\\;b\\,c\\\\d\\ne\\nf\\ng\t.");
        assert_eq!(quoted("a\"b\r\nc"), "\"a'b  c\"");
        assert_eq!(mailto("\"a b\"%@x.example"), "mailto:%22a%20b%22%25@x.example");
        let mut lines = Lines::default();
        lines.line("X-A:b\r\nATTENDEE:c");
        assert_eq!(lines.into_octets(), b"X-A:b  ATTENDEE:c\r\n");
    }
}
