//! What meddling servers do to a message at APPEND.

use super::store::Letter;

/// Puts a `Received` line on top.
#[must_use]
pub fn added_received(letter: Letter) -> Letter {
    let top = b"Received: by scripted.example; Fri, 17 Jul 2020 05:44:25 +0000\r\n";
    Letter { octets: [top.as_slice(), &letter.octets].concat(), ..letter }
}

/// Replaces the value of `Message-ID`, as some gateways do.
#[must_use]
pub fn new_message_id(letter: Letter) -> Letter {
    let number = letter.octets.len();
    let octets = with_header_lines(&letter.octets, |line| {
        if line.to_ascii_lowercase().starts_with(b"message-id:") {
            return format!("Message-ID: <{number}.rewritten@scripted.example>\r\n").into_bytes();
        }
        line.to_vec()
    });
    Letter { octets, ..letter }
}

/// Folds every header line after its first colon, and drops blanks at line ends.
#[must_use]
pub fn refolded(letter: Letter) -> Letter {
    let octets = with_header_lines(&letter.octets, |line| {
        let is_field = !line.starts_with(b" ") && !line.starts_with(b"\t");
        match line.iter().position(|octet| *octet == b':').filter(|_| is_field) {
            Some(colon) => {
                let value = line[colon + 1..].trim_ascii();
                [&line[..=colon], b"\r\n ".as_slice(), value, b"\r\n"].concat()
            }
            None => line.to_vec(),
        }
    });
    Letter { octets, ..letter }
}

fn with_header_lines(octets: &[u8], change: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut changed = Vec::with_capacity(octets.len());
    let mut is_header = true;
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        is_header = is_header && !line.trim_ascii().is_empty();
        if is_header {
            changed.extend_from_slice(&change(line));
        } else {
            changed.extend_from_slice(line);
        }
    }
    changed
}
