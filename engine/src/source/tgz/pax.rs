//! Extensions that stand before an entry (POSIX.1-2001): its long names, and that its octets are not those of a file.
//! Never holds what is of no use here, however long it is.

use std::io::{self, BufRead as _, BufReader, Read};

use super::entries::{NAME_OCTETS_MAX, cut_in_a_name, limit};

/// Octets of the number that a record begins with, its space among them.
const LENGTH_OCTETS_MAX: u64 = 20;

/// Octets of a record's key, its `=` among them; what is longer is none of those that are looked for.
const KEY_OCTETS_MAX: u64 = 4096;

/// Keys that GNU tar and others write for a file with holes: a map of them stands among the entry's own octets.
const SPARSE: &[u8] = b"GNU.sparse.";

/// What is told of the next entry.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Extensions {
    pub name: Option<Vec<u8>>,
    pub target: Option<Vec<u8>>,
    /// True where the entry holds a map of holes before the file's octets, and not the file.
    pub is_sparse: bool,
}

impl Extensions {
    /// Takes what a later header of the same entry tells.
    pub(super) fn add(&mut self, later: Self) {
        self.name = later.name.or(self.name.take());
        self.target = later.target.or(self.target.take());
        self.is_sparse |= later.is_sparse;
    }
}

/// Octets of the header that are still to be read.
struct Records<R> {
    inner: BufReader<io::Take<R>>,
}

impl<R: Read> Records<R> {
    /// The octets up to `end` and with it.
    fn up_to(&mut self, end: u8, octets_max: u64) -> io::Result<Vec<u8>> {
        let mut held = Vec::new();
        (&mut self.inner).take(octets_max).read_until(end, &mut held)?;
        if held.last() == Some(&end) { Ok(held) } else { Err(self.broken()) }
    }

    fn octets(&mut self, octets: u64) -> io::Result<Vec<u8>> {
        let mut held = Vec::new();
        (&mut self.inner).take(octets).read_to_end(&mut held)?;
        if held.len() as u64 == octets { Ok(held) } else { Err(self.broken()) }
    }

    fn skip(&mut self, octets: u64) -> io::Result<()> {
        let skipped = io::copy(&mut (&mut self.inner).take(octets), &mut io::sink())?;
        if skipped == octets { Ok(()) } else { Err(self.broken()) }
    }

    /// A record that does not end where it should: the file ends before, or the record is none.
    fn broken(&mut self) -> io::Error {
        let is_at_end = self.inner.fill_buf().is_ok_and(<[u8]>::is_empty);
        if is_at_end && self.inner.get_ref().limit() > 0 {
            cut_in_a_name()
        } else {
            limit("the extensions of an entry in it are not as tar writes them")
        }
    }
}

/// Reads a header of `octets` octets, record by record: `LENGTH KEY=VALUE`. A size among them would move all that
/// follows.
pub(super) fn read(entry: &mut impl Read, octets: u64) -> io::Result<Extensions> {
    let mut records = Records { inner: BufReader::new(entry.take(octets)) };
    let mut told = Extensions::default();
    // Some writers fill a header up.
    while records.inner.fill_buf()?.first().is_some_and(|first| !matches!(first, 0 | b'\n')) {
        let digits = records.up_to(b' ', LENGTH_OCTETS_MAX)?;
        let number = std::str::from_utf8(&digits[..digits.len() - 1]).ok();
        let length: u64 = number.and_then(|number| number.parse().ok()).ok_or_else(|| records.broken())?;
        let key = records.up_to(b'=', KEY_OCTETS_MAX)?;
        // The line feed at the record's end is counted too.
        let before = (digits.len() + key.len() + 1) as u64;
        let value_octets = length.checked_sub(before).ok_or_else(|| records.broken())?;
        let mut value = || {
            if value_octets > NAME_OCTETS_MAX {
                return Err(limit("a name in it is longer than any"));
            }
            records.octets(value_octets)
        };
        match &key[..key.len() - 1] {
            // An empty value takes an earlier one back.
            b"path" => told.name = Some(value()?).filter(|name| !name.is_empty()),
            b"linkpath" => told.target = Some(value()?).filter(|name| !name.is_empty()),
            // The name that the file had; the entry's own is made up.
            b"GNU.sparse.name" => (told.name, told.is_sparse) = (Some(value()?), true),
            b"size" => return Err(limit("an entry in it is longer than a header can tell")),
            key => {
                told.is_sparse |= key.starts_with(SPARSE);
                records.skip(value_octets)?;
            }
        }
        records.up_to(b'\n', 1)?;
    }
    if records.inner.fill_buf()?.is_empty() && records.inner.get_ref().limit() > 0 {
        return Err(cut_in_a_name());
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: &str, value: &[u8]) -> Vec<u8> {
        let body = [b" ", key.as_bytes(), b"=", value, b"\n"].concat();
        let length =
            (1..20).map(|digits| body.len() + digits).find(|all| all.to_string().len() + body.len() == *all);
        [length.unwrap().to_string().into_bytes(), body].concat()
    }

    #[track_caller]
    fn check(header: &[u8], name: &str, is_sparse: bool) {
        let told = read(&mut &*header, header.len() as u64).unwrap();
        let expected =
            Extensions { name: Some(name.into()).filter(|_| !name.is_empty()), target: None, is_sparse };
        assert_eq!(told, expected);
    }

    #[test]
    fn names_are_found_behind_whatever_stands_before_them() {
        let path = record("path", b"A/1.eml");
        check(&path, "A/1.eml", false);
        check(b"", "", false);
        check(&[path.clone(), vec![0; 30]].concat(), "A/1.eml", false);
        for value in [&[b'A'; 200_000][..], b"of\ntwo lines", b"", &[0, 1, 2]] {
            check(&[record("LIBARCHIVE.xattr.x", value), path.clone()].concat(), "A/1.eml", false);
        }
        check(&record("GNU.sparse.major", b"1"), "", true);
        check(&[path, record("GNU.sparse.name", b"A/2.eml")].concat(), "A/2.eml", true);
    }

    #[test]
    fn what_is_none_or_cut_is_refused() {
        let long = record("path", &[b'a'; 70_000]);
        for (header, what) in [
            (&b"no record"[..], "not as tar writes"),
            (b"99 path=a\n", "not as tar writes"),
            (b"3 path=a\n", "not as tar writes"),
            (b"12 path=abcdef\n", "not as tar writes"),
            (&record("size", b"9"), "longer than a header"),
            (&long, "longer than any"),
        ] {
            let cause = read(&mut &*header, header.len() as u64).unwrap_err();
            assert!(cause.to_string().contains(what), "{}: {cause}", header[..9].escape_ascii());
        }
        let whole = record("path", b"A/1.eml");
        for cut in 0..whole.len() {
            let cause = read(&mut &whole[..cut], whole.len() as u64).unwrap_err();
            assert_eq!(cause.kind(), io::ErrorKind::UnexpectedEof, "{cut}: {cause}");
        }
    }
}
