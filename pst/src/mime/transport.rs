//! The headers that an item came with (`PidTagTransportMessageHeaders`, 0x007D), as far as they are headers.
//! Never trusts them with what the message must have true: structure is rebuilt from the item.

use std::borrow::Cow;

use super::mailbox;

/// Most fields that are taken of one item's headers.
pub const FIELDS_MAX: usize = 10_000;
/// Fields that the headers of most mail have at most.
const FIELDS_EXPECTED: usize = 32;
/// The line that Exchange puts before the headers of mail that it delivered.
const EXCHANGE_LINE: &str = "Microsoft Mail Internet Headers Version 2.0";

/// One field as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name.
    pub name: &'a str,
    /// Everything after the colon, folded as it was, without the last line end.
    pub value: &'a str,
}

impl<'a> Field<'a> {
    /// The value on one line: line ends with the whitespace around them become one space.
    pub fn unfolded(&self) -> Cow<'a, str> {
        if memchr::memchr2(b'\r', b'\n', self.value.as_bytes()).is_none() {
            return Cow::Borrowed(self.value.trim_matches([' ', '\t']));
        }
        let mut text = String::with_capacity(self.value.len());
        for line in self.value.split(['\r', '\n']).map(|line| line.trim_matches([' ', '\t'])) {
            if !line.is_empty() {
                if !text.is_empty() {
                    text.push(' ');
                }
                text.push_str(line);
            }
        }
        Cow::Owned(text)
    }
}

/// Fields of transport headers, and how many lines were none.
#[derive(Debug, Default)]
pub struct Fields<'a> {
    /// In their order.
    pub fields: Vec<Field<'a>>,
    /// Lines that belong to no field.
    pub dropped: usize,
}

/// Reads headers up to the first empty line: what follows are headers of parts, else it is dropped. A line of blanks
/// alone folds a field, as old mailers do it (RFC 5322 §4.2).
pub fn fields(headers: &str) -> Fields<'_> {
    let mut found = Fields { fields: Vec::with_capacity(FIELDS_EXPECTED), dropped: 0 };
    let headers = headers.trim_start_matches(['\r', '\n']);
    let headers = match headers.strip_prefix(EXCHANGE_LINE) {
        Some(rest) => rest.trim_start_matches([' ', '\t']).trim_start_matches(['\r', '\n']),
        None => headers,
    };
    let start = headers.as_ptr() as usize;
    let mut open: Option<(&str, usize, usize)> = None;
    let mut lines = lines(headers);
    while let Some(line) = lines.next() {
        if line.is_empty() {
            found.dropped += behind_end(&mut lines);
            break;
        }
        if line.trim_matches([' ', '\t']).is_empty() {
            continue;
        }
        let offset = line.as_ptr() as usize - start;
        let end = offset + line.len();
        if line.starts_with([' ', '\t']) {
            match &mut open {
                Some((_, _, open_end)) => *open_end = end,
                None => found.dropped += 1,
            }
            continue;
        }
        close(&mut found, headers, open.take());
        match line.split_once(':').map(|(name, value)| (name.trim_end_matches([' ', '\t']), value)) {
            Some((name, value)) if is_name(name) && found.fields.len() < FIELDS_MAX => {
                open = Some((name, end - value.len(), end));
            }
            _ => found.dropped += 1,
        }
    }
    close(&mut found, headers, open);
    found
}

/// How many lines behind the empty one are of the message's headers all the same: a program that doubles line ends
/// cuts them off there. Those of parts begin with a boundary, or with a field of their structure.
fn behind_end<'a>(lines: &mut impl Iterator<Item = &'a str>) -> usize {
    let mut rest = lines.filter(|line| !line.is_empty()).peekable();
    let is_of_part = |line: &&str| {
        let is_structure = line.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("Content-"));
        is_structure || line.starts_with("--")
    };
    let is_headers = rest.peek().is_some_and(|line| {
        !is_of_part(line) && line.split_once(':').is_some_and(|(name, _)| is_name(name.trim_end()))
    });
    if is_headers { rest.count() } else { 0 }
}

fn close<'a>(found: &mut Fields<'a>, headers: &'a str, open: Option<(&'a str, usize, usize)>) {
    if let Some((name, start, end)) = open {
        found.fields.push(Field { name, value: headers.get(start..end).unwrap_or_default() });
    }
}

/// Lines that end in CRLF, LF or CR, without their ends.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let octets = rest.as_bytes();
        let end = memchr::memchr2(b'\r', b'\n', octets).unwrap_or(octets.len());
        let ending = if octets.get(end..end + 2) == Some(b"\r\n") { 2 } else { 1 };
        let line = &rest[..end];
        rest = rest.get(end + ending..).unwrap_or_default();
        Some(line)
    })
}

/// The name of a field (RFC 5322 §3.6.8): printable ASCII without the colon, and no longer than a line bears.
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 76
        && name.bytes().all(|octet| octet.is_ascii_graphic() && octet != b':')
}

/// The only address of the first field of a name, where there is exactly one.
pub fn address_of_field(headers: &str, name: &str) -> Option<String> {
    let found = fields(headers);
    let value = found.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))?.unfolded();
    let candidate = match value.rsplit_once('<') {
        Some((_, rest)) => rest.split_once('>')?.0,
        None => value.as_ref(),
    };
    mailbox::internet(candidate).map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::{address_of_field, fields};

    fn check(headers: &str, expected: &[(&str, &str)], dropped: usize) {
        let found = fields(headers);
        let pairs: Vec<_> = found.fields.iter().map(|field| (field.name, field.value)).collect();
        assert_eq!((pairs.as_slice(), found.dropped), (expected, dropped), "{headers:?}");
    }

    #[test]
    fn fields_are_kept_as_they_stand_and_what_is_none_is_dropped() {
        check("A: 1\r\nB: 2\r\n 3\r\n\r\nC: 4\r\n", &[("A", " 1"), ("B", " 2\r\n 3")], 1);
        check("Microsoft Mail Internet Headers Version 2.0\r\nA: 1\r\n", &[("A", " 1")], 0);
        check("From x Mon\r\nA: 1\nno field\n rest\nB:2", &[("A", " 1"), ("B", "2")], 3);
        check("Ä: 1\r\n: 2\r\nA b: 3\r\n", &[], 3);
        check("", &[], 0);
        check("A: 1\r\rB: 2", &[("A", " 1")], 1);
        check("A: 1\r\r\nB: 2\r\r\nC: 3\r\r\n", &[("A", " 1")], 2);
        check("A: 1\r\n\r\n--b\r\nContent-Type: x/y\r\n\r\n--b--\r\n", &[("A", " 1")], 0);
        check("A: 1\r\n\r\nContent-Type: x/y\r\n", &[("A", " 1")], 0);
        check("A: 1\r\n \r\nB: 2\r\n \t\r\n 3\r\n\r\n", &[("A", " 1"), ("B", " 2\r\n \t\r\n 3")], 0);
    }

    #[test]
    fn a_field_tells_its_address() {
        for (headers, expected) in [
            ("From: \"Ana <x>\" <ana@exemplo.pt>\r\n", Some("ana@exemplo.pt")),
            ("from: ana@exemplo.pt", Some("ana@exemplo.pt")),
            ("From: Ana\r\n <ana@exemplo.pt>", Some("ana@exemplo.pt")),
            ("From: nobody", None),
            ("To: ana@exemplo.pt", None),
        ] {
            assert_eq!(address_of_field(headers, "From").as_deref(), expected, "{headers}");
        }
    }
}
