//! By what a message is known again when its UID tells nothing: hashes over its octets, its body and its header.
//! Never keeps a message: a body of any size passes through in chunks.
//!
//! The header keys survive what servers do to headers: other folding, other blanks, other case of field names,
//! removed NULs, added fields. The body key survives other line ends and line ends added at the end.

use alloc::vec::Vec;

use crate::envelope::Envelope;
use crate::header;
use crate::message::ContentHash;
use crate::record::{HeaderKey, Keys};

/// Octets of a header that are looked at; fields beyond them do not count.
pub const HEADER_OCTETS_MAX: usize = 256 * 1024;

/// The fields that the keys are made of: all that has to be fetched to call [`header_keys`].
pub const HEADER_FIELDS: [&str; 8] =
    ["Message-ID", "Date", "From", "To", "Cc", "Subject", "In-Reply-To", "Content-Type"];

/// The end of the Message-IDs that `imapsync --addheader` writes into messages which have none.
const IMAPSYNC_ID_END: &[u8] = b"@imapsync>";

/// Octets of canonical body text that are hashed at once.
const STAGE_OCTETS: usize = 16 * 1024;

/// The keys of a whole message.
#[must_use]
pub fn keys(octets: &[u8]) -> Keys {
    let mut hasher = Hasher::new();
    hasher.update(octets);
    hasher.finish()
}

/// The keys that a header gives: `strong` where it has a Message-ID of its own, `loose` where it has two of Date,
/// From and Subject. `content` and `body` are none.
#[must_use]
pub fn header_keys(header: &[u8]) -> Keys {
    let header = &header[..header.len().min(HEADER_OCTETS_MAX)];
    let mut fields: [Vec<u8>; HEADER_FIELDS.len()] = Default::default();
    for (name, value) in header::fields(header) {
        let at = HEADER_FIELDS.iter().position(|field| name.eq_ignore_ascii_case(field.as_bytes()));
        if let Some(at) = at {
            add_canonical(&mut fields[at], HEADER_FIELDS[at], value);
        }
    }
    let [message_id, date, from, _, _, subject, ..] = &fields;
    let known = [date, from, subject].into_iter().filter(|value| !value.is_empty()).count();
    Keys {
        strong: (!message_id.is_empty()).then(|| key(fields.iter())),
        loose: (known >= 2).then(|| key([date, from, subject].into_iter())),
        ..Keys::default()
    }
}

/// Adds a field's value, ended by a line feed, without blanks, line ends, NULs and other control characters.
fn add_canonical(canonical: &mut Vec<u8>, name: &str, value: &[u8]) {
    let from = canonical.len();
    canonical.extend(value.iter().filter(|octet| !matches!(octet, 0..=32 | 127)));
    let is_added = name == "Message-ID" && canonical[from..].ends_with(IMAPSYNC_ID_END);
    if is_added || canonical.len() == from {
        canonical.truncate(from);
    } else {
        canonical.push(b'\n');
    }
}

fn key<'a>(fields: impl Iterator<Item = &'a Vec<u8>>) -> HeaderKey {
    let mut hasher = blake3::Hasher::new();
    for field in fields {
        hasher.update(field);
        hasher.update(&[0]);
    }
    shortened(&hasher)
}

fn shortened(hasher: &blake3::Hasher) -> HeaderKey {
    let mut key = [0; 16];
    key.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    HeaderKey(key)
}

/// Computes all keys from a message that passes by in chunks of any size.
pub struct Hasher {
    content: blake3::Hasher,
    header: Vec<u8>,
    is_in_header: bool,
    is_line_blank: bool,
    body: BodyHasher,
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

impl Hasher {
    /// Nothing read yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            content: blake3::Hasher::new(),
            header: Vec::new(),
            is_in_header: true,
            is_line_blank: true,
            body: BodyHasher::new(),
        }
    }

    /// Takes the next octets.
    pub fn update(&mut self, chunk: &[u8]) {
        self.content.update(chunk);
        let body = if self.is_in_header { self.take_header(chunk) } else { chunk };
        self.body.update(body);
    }

    /// What the header tells of the message's way, once it has passed by.
    #[must_use]
    pub fn envelope(&self) -> Envelope {
        Envelope::of(&self.header)
    }

    /// The keys of all octets taken.
    #[must_use]
    pub fn finish(self) -> Keys {
        Keys {
            content: Some(ContentHash(*self.content.finalize().as_bytes())),
            body: self.body.finish(),
            ..header_keys(&self.header)
        }
    }

    /// Takes what belongs to the header, its blank line included, and gives back the rest.
    fn take_header<'a>(&mut self, chunk: &'a [u8]) -> &'a [u8] {
        let mut length = 0;
        while self.is_in_header && length < chunk.len() {
            let line = &chunk[length..];
            let end = memchr::memchr(b'\n', line);
            let text = &line[..end.unwrap_or(line.len())];
            self.is_line_blank = self.is_line_blank && text.iter().all(|octet| *octet == b'\r');
            length += end.map_or(line.len(), |end| end + 1);
            if end.is_some() {
                self.is_in_header = !self.is_line_blank;
                self.is_line_blank = true;
            }
        }
        let room = HEADER_OCTETS_MAX - self.header.len();
        self.header.extend_from_slice(&chunk[..length.min(room)]);
        &chunk[length..]
    }
}

/// Hashes a body with line feeds for line ends and none at its end.
struct BodyHasher {
    hasher: blake3::Hasher,
    stage: Vec<u8>,
    /// Line ends that count only if something follows.
    line_ends: u64,
    /// A carriage return that may belong to a line end.
    has_return: bool,
    is_blank: bool,
}

impl BodyHasher {
    fn new() -> Self {
        Self {
            hasher: blake3::Hasher::new(),
            stage: Vec::new(),
            line_ends: 0,
            has_return: false,
            is_blank: true,
        }
    }

    fn update(&mut self, chunk: &[u8]) {
        let mut rest = chunk;
        while !rest.is_empty() {
            let length = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
            if length > 0 {
                self.take_text(&rest[..length]);
                rest = &rest[length..];
                continue;
            }
            if !self.has_return && rest.starts_with(b"\r\n") {
                self.line_ends += 1;
                rest = &rest[2..];
                continue;
            }
            if rest[0] == b'\n' {
                self.has_return = false;
                self.line_ends += 1;
            } else {
                self.take_lone_return();
                self.has_return = true;
            }
            rest = &rest[1..];
        }
    }

    fn take_text(&mut self, text: &[u8]) {
        self.take_lone_return();
        self.put_line_ends();
        self.is_blank = self.is_blank && text.trim_ascii().is_empty();
        self.put(text);
    }

    /// A carriage return that no line feed followed is part of the text.
    fn take_lone_return(&mut self) {
        if core::mem::take(&mut self.has_return) {
            self.put_line_ends();
            self.put(b"\r");
        }
    }

    fn put_line_ends(&mut self) {
        for _ in 0..core::mem::take(&mut self.line_ends) {
            self.put(b"\n");
        }
    }

    fn put(&mut self, text: &[u8]) {
        if self.stage.len() + text.len() > STAGE_OCTETS {
            self.hasher.update(&self.stage);
            self.stage.clear();
        }
        if text.len() > STAGE_OCTETS {
            self.hasher.update(text);
        } else {
            self.stage.extend_from_slice(text);
        }
    }

    fn finish(mut self) -> Option<HeaderKey> {
        self.hasher.update(&self.stage);
        (!self.is_blank).then(|| shortened(&self.hasher))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    const PLAIN: &[u8] = b"Message-ID: <1@example.org>\r\nDate: Wed, 1 Jan 2020 10:00:00 +0000\r\n\
        From: Ana <ana@example.org>\r\nTo: a@example.org, b@example.org\r\nSubject: Ol\xc3\xa1 mundo\r\n\r\nText\r\n";

    /// Which keys of two messages agree: `c`ontent, `b`ody, `s`trong, `l`oose.
    fn agreeing(left: &[u8], right: &[u8]) -> alloc::string::String {
        let (left, right) = (keys(left), keys(right));
        let agrees = [
            ('c', left.content == right.content),
            ('b', left.body.is_some() && left.body == right.body),
            ('s', left.strong.is_some() && left.strong == right.strong),
            ('l', left.loose.is_some() && left.loose == right.loose),
        ];
        agrees.iter().filter(|(_, agrees)| *agrees).map(|(letter, _)| *letter).collect()
    }

    #[test]
    fn what_servers_do_to_a_message_leaves_the_keys_that_it_should() {
        for (changed, expected) in [
            (PLAIN, "cbsl"),
            (
                b"X-Added: 1\r\nmessage-id:\r\n <1@example.org>\r\nDate:  Wed, 1 Jan 2020 10:00:00 +0000\r\n\
                FROM: Ana <ana@example.org>\r\nTo: a@example.org,\r\n\tb@example.org\r\n\
                Subject: Ol\xc3\xa1\r\n mundo\r\n\r\nText\r\n\r\n",
                "bsl",
            ),
            (
                b"Message-ID: <1@example.org>\nDate: Wed, 1 Jan 2020 10:00:00 +0000\n\
                From: Ana <ana@example.org>\nTo: a@example.org, b@example.org\nSubject: Ol\xc3\xa1 mundo\n\nText",
                "bsl",
            ),
            (
                b"Message-ID: <new@example.net>\r\nDate: Wed, 1 Jan 2020 10:00:00 +0000\r\n\
                From: Ana <ana@example.org>\r\nSubject: Ol\xc3\xa1 mundo\r\n\r\nText!\r\n",
                "l",
            ),
        ] {
            assert_eq!(agreeing(PLAIN, changed), expected, "{}", changed.escape_ascii());
        }
    }

    #[test]
    fn an_id_that_imapsync_added_is_none() {
        let added = b"Message-Id: <17@imapsync>\r\nSubject: x\r\n\r\nText\r\n";
        let keys = keys(added);
        assert_eq!((keys.strong, keys.loose), (None, None));
        assert_eq!(agreeing(added, b"Subject: x\r\n\r\nText\r\n"), "b");
    }

    #[test]
    fn a_body_that_says_nothing_has_no_key() {
        for (octets, has_body) in [
            (&b"A: 1\r\n\r\n"[..], false),
            (b"A: 1", false),
            (b"", false),
            (b"A: 1\r\n\r\n \r\n\r\n", false),
            (b"A: 1\n\nx", true),
            (b"\r\nx", true),
        ] {
            assert_eq!(keys(octets).body.is_some(), has_body, "{}", octets.escape_ascii());
        }
    }

    #[test]
    fn a_lone_carriage_return_counts() {
        assert_eq!(agreeing(b"\na\rb", b"\nab"), "");
        assert_eq!(agreeing(b"\na\r\r\nb", b"\na\nb"), "");
        assert_eq!(agreeing(b"\na\r\nb", b"\na\nb"), "b");
    }

    proptest! {
        #[test]
        fn chunks_of_any_size_give_the_same_keys(
            octets in prop::collection::vec(prop::sample::select(b"\r\n\r\nDate: From: a\0".to_vec()), 0..200),
            size in 1_usize..20,
        ) {
            let mut hasher = Hasher::new();
            octets.chunks(size).for_each(|chunk| hasher.update(chunk));
            prop_assert_eq!(hasher.finish(), keys(&octets));
            let (whole, by_header) = (keys(&octets), header_keys(&octets));
            prop_assert_eq!((whole.strong, whole.loose), (by_header.strong, by_header.loose));
        }
    }

    #[test]
    fn a_header_without_end_is_looked_at_up_to_the_limit() {
        let mut octets = b"Message-ID: <1@x>\r\n".to_vec();
        octets.extend(vec![b'x'; HEADER_OCTETS_MAX]);
        octets.extend_from_slice(b"\r\nSubject: late\r\n\r\nText");
        let mut hasher = Hasher::new();
        octets.chunks(60_000).for_each(|chunk| hasher.update(chunk));
        let by_chunks = hasher.finish();
        assert_eq!(by_chunks, keys(&octets));
        assert!(by_chunks.strong.is_some() && by_chunks.body.is_some());
    }
}
