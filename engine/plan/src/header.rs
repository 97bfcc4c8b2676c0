//! Reads a message's header fields as they come: folded, 8-bit, with bare line feeds, behind an mbox line.
//! Never refuses a header: what is no field is passed over.

/// The fields of a header, or of the header of a whole message, in order: name and value, still folded. Ends at the
/// first blank line.
pub fn fields(octets: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = octets;
    core::iter::from_fn(move || {
        while !rest.is_empty() {
            let (field, after) = rest.split_at(field_length(rest));
            if trimmed(first_line(field)).is_empty() {
                return None;
            }
            rest = after;
            if let Some(found) = name_and_value(field) {
                return Some(found);
            }
        }
        None
    })
}

/// The values of the fields called `name`, in any case, topmost first.
pub fn values<'a>(octets: &'a [u8], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    fields(octets)
        .filter(move |(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))
        .map(|(_, value)| value)
}

/// One line and those after it that begin with a blank, unless they hold nothing else.
fn field_length(octets: &[u8]) -> usize {
    let mut length = line_length(octets);
    while octets.get(length).is_some_and(|octet| matches!(octet, b' ' | b'\t')) {
        length += line_length(&octets[length..]);
    }
    length
}

fn line_length(octets: &[u8]) -> usize {
    memchr::memchr(b'\n', octets).map_or(octets.len(), |end| end + 1)
}

fn first_line(octets: &[u8]) -> &[u8] {
    &octets[..line_length(octets)]
}

/// Without the line end, whichever it is.
fn trimmed(line: &[u8]) -> &[u8] {
    let mut line = line;
    while let [start @ .., b'\r' | b'\n'] = line {
        line = start;
    }
    line
}

/// Blanks before the colon are allowed (RFC 5322 §4.5); blanks within the name are not, so an mbox line is none.
fn name_and_value(field: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr(b':', field)?;
    let name = field[..colon].trim_ascii_end();
    let is_name = !name.is_empty() && name.iter().all(|octet| matches!(octet, 33..=126));
    is_name.then(|| (name, trimmed(&field[colon + 1..])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec::Vec;

    fn check(octets: &[u8], expected: &[(&str, &str)]) {
        let text = |octets| String::from_utf8_lossy(octets).into_owned();
        let found: Vec<_> = fields(octets).map(|(name, value)| (text(name), text(value))).collect();
        let expected: Vec<_> =
            expected.iter().map(|(name, value)| (String::from(*name), String::from(*value))).collect();
        assert_eq!(found, expected, "{}", octets.escape_ascii());
    }

    #[test]
    fn a_header_is_read_in_every_shape_it_comes_in() {
        for (octets, expected) in [
            (&b"A: 1\r\nB: 2\r\n\r\nC: 3\r\n"[..], &[("A", " 1"), ("B", " 2")][..]),
            (b"A: 1\nB: 2\n\nC: 3\n", &[("A", " 1"), ("B", " 2")]),
            (b"A: 1\r\n x\r\n\ty\r\nB:2", &[("A", " 1\r\n x\r\n\ty"), ("B", "2")]),
            (b"From ana@example.org Mon Jan  1 10:00:00 2020\nA: 1\n", &[("A", " 1")]),
            (b"no field\r\nA : 1\r\n", &[("A", " 1")]),
            (b"A:\r\n: nothing\r\nB: \x00\r\n", &[("A", ""), ("B", " \0")]),
            (b"\r\nA: 1\r\n", &[]),
            (b"", &[]),
        ] {
            check(octets, expected);
        }
        assert_eq!(values(b"X: 1\nx: 2\n", "X").collect::<Vec<_>>(), [b" 1", b" 2"]);
    }
}
