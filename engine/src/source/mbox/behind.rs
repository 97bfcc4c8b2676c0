//! What stands behind a line that may be a separator.
//! Never reads more than a glance of it.

/// Octets behind a place that tell whether a message begins there.
const GLANCE_OCTETS: usize = 2048;

/// A file that may also be looked at elsewhere than where it is read.
pub trait Glance {
    /// Fills `into` from `offset` on, as far as there are octets.
    fn glance(&self, offset: u64, into: &mut [u8]) -> usize;
}

impl Glance for std::fs::File {
    fn glance(&self, offset: u64, into: &mut [u8]) -> usize {
        std::os::unix::fs::FileExt::read_at(self, into, offset).unwrap_or(0)
    }
}

impl Glance for [u8] {
    fn glance(&self, offset: u64, into: &mut [u8]) -> usize {
        let from = usize::try_from(offset).ok().and_then(|offset| self.get(offset..)).unwrap_or_default();
        let length = from.len().min(into.len());
        into[..length].copy_from_slice(&from[..length]);
        length
    }
}

/// What stands at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behind {
    /// The end of the file, or a blank line.
    Nothing,
    /// A header field, and among it and those that follow so many that mail has.
    Header {
        /// Fields that are known, as far as the glance goes.
        known: usize,
    },
    /// Anything else.
    Other,
}

/// Fields that hardly a message is without, in lower case; `x-` stands for all that begin so.
const KNOWN: [&[u8]; 16] = [
    b"return-path",
    b"received",
    b"from",
    b"date",
    b"message-id",
    b"to",
    b"cc",
    b"subject",
    b"delivered-to",
    b"envelope-to",
    b"mime-version",
    b"content-type",
    b"reply-to",
    b"in-reply-to",
    b"dkim-signature",
    b"status",
];

/// Looks at what stands at `offset`.
pub(super) fn behind(file: &(impl Glance + ?Sized), offset: u64) -> Behind {
    let mut glance = [0; GLANCE_OCTETS];
    let length = file.glance(offset, &mut glance);
    let mut lines = glance[..length].split(|octet| *octet == b'\n');
    let first = lines.next().unwrap_or_default();
    if first.is_empty() || first == b"\r" {
        return Behind::Nothing;
    }
    if !is_field(first) && !first.starts_with(b">From ") {
        return Behind::Other;
    }
    let rest = lines.take_while(|line| !line.is_empty() && *line != b"\r");
    Behind::Header { known: std::iter::once(first).chain(rest).filter(|line| is_known(line)).count() }
}

/// The name of a header field: what stands before its colon (RFC 5322 §2.2).
fn name(line: &[u8]) -> Option<&[u8]> {
    let octets = line.iter().take_while(|octet| octet.is_ascii_graphic() && **octet != b':').count();
    (octets > 0 && line.get(octets) == Some(&b':')).then(|| &line[..octets])
}

/// True for a header field. The scheme of an address in the web is none.
fn is_field(line: &[u8]) -> bool {
    name(line).is_some_and(|name| !line[name.len()..].starts_with(b"://"))
}

fn is_known(line: &[u8]) -> bool {
    let name = name(line).unwrap_or_default().to_ascii_lowercase();
    name.starts_with(b"x-") || KNOWN.contains(&name.as_slice())
}
