//! Decides whether octets may be changed without breaking a signature over them.
//! Never trusts a change that it cannot prove harmless: what it does not understand counts as sealed.
//!
//! * Content that is signed or encrypted as a whole (S/MIME, PGP/MIME, PGP in the text, wherever in the message)
//!   is never changed.
//! * A DKIM or ARC signature (RFC 6376, RFC 8617) is alive while its body hash is that of the text as it stands.
//!   A change is allowed where it leaves the canonical text and the canonical signed fields as they are, or where
//!   no living signature is there to break: text whose line ends were lost in a store has a dead one, which the
//!   right repair brings back to life.

use alloc::vec::Vec;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

use crate::examine::Layout;
use crate::header;

/// Words that tell of content which must stay as it is, in lower case.
const SEALED: [&[u8]; 6] = [
    b"multipart/signed",
    b"multipart/encrypted",
    b"application/pkcs7-mime",
    b"application/x-pkcs7-mime",
    b"application/pgp-encrypted",
    b"-----begin pgp ",
];

/// Fields that carry a signature over other fields and the text.
const SIGNATURE_FIELDS: [&str; 2] = ["DKIM-Signature", "ARC-Message-Signature"];

/// True where `repaired` breaks nothing that was whole in `octets`.
pub(super) fn permits(octets: &[u8], repaired: &[u8]) -> bool {
    if SEALED.iter().any(|word| holds(octets, word)) {
        return false;
    }
    SIGNATURE_FIELDS.iter().all(|name| {
        let mut signatures = header::values(header_of(octets), name);
        signatures.all(|value| Signature::read(name, value).is_unbroken(octets, repaired))
    })
}

/// Whether a word, given in lower case, stands anywhere, in any case.
fn holds(octets: &[u8], word: &[u8]) -> bool {
    let (first, upper) = (word[0], word[0].to_ascii_uppercase());
    memchr::memchr2_iter(first, upper, octets)
        .any(|at| octets.get(at..at + word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word)))
}

fn header_of(octets: &[u8]) -> &[u8] {
    let layout = Layout::of(octets);
    &octets[layout.header_from..layout.header_to]
}

/// The text behind the blank line.
fn text_of(octets: &[u8]) -> &[u8] {
    let text = &octets[Layout::of(octets).header_to..];
    text.strip_prefix(b"\r\n").or_else(|| text.strip_prefix(b"\n")).unwrap_or(text)
}

/// What of a signature field matters here; tags that are missing are empty.
struct Signature<'a> {
    field: &'a str,
    has_relaxed_header: bool,
    has_relaxed_text: bool,
    is_sha256: bool,
    text_hash: Vec<u8>,
    signed_fields: Vec<Vec<u8>>,
    text_octets: Option<usize>,
}

impl<'a> Signature<'a> {
    fn read(field: &'a str, value: &[u8]) -> Self {
        let bare: Vec<u8> = value.iter().copied().filter(|octet| !octet.is_ascii_whitespace()).collect();
        let tag = |name: &[u8]| -> Vec<u8> {
            let of_name = |part: &[u8]| part.strip_prefix(name)?.strip_prefix(b"=").map(<[u8]>::to_vec);
            bare.split(|octet| *octet == b';').find_map(of_name).unwrap_or_default()
        };
        let ways = tag(b"c").to_ascii_lowercase();
        let mut ways = ways.split(|octet| *octet == b'/');
        let (for_header, for_text) = (ways.next(), ways.next());
        let length = tag(b"l");
        Self {
            field,
            has_relaxed_header: for_header == Some(b"relaxed"),
            has_relaxed_text: for_text == Some(b"relaxed"),
            is_sha256: tag(b"a").to_ascii_lowercase().ends_with(b"sha256"),
            text_hash: tag(b"bh"),
            signed_fields: tag(b"h").split(|octet| *octet == b':').map(<[u8]>::to_vec).collect(),
            text_octets: core::str::from_utf8(&length).ok().and_then(|length| length.parse().ok()),
        }
    }

    fn is_unbroken(&self, octets: &[u8], repaired: &[u8]) -> bool {
        let before = self.text(octets);
        let is_dead = self.is_sha256 && hash(&before) != self.text_hash;
        is_dead || (before == self.text(repaired) && self.header(octets) == self.header(repaired))
    }

    /// The canonical text (RFC 6376 §3.4.3, §3.4.4), as far as it is signed.
    fn text(&self, octets: &[u8]) -> Vec<u8> {
        let mut text =
            if self.has_relaxed_text { relaxed_text(text_of(octets)) } else { text_of(octets).to_vec() };
        while text.ends_with(b"\r\n\r\n") || text == b"\r\n" {
            text.truncate(text.len() - 2);
        }
        let is_ended = text.ends_with(b"\r\n") || (text.is_empty() && self.has_relaxed_text);
        if !is_ended {
            text.extend_from_slice(b"\r\n");
        }
        text.truncate(self.text_octets.unwrap_or(usize::MAX));
        text
    }

    /// The signed fields in their canonical form (RFC 6376 §3.4.1, §3.4.2), the signature's own among them.
    fn header(&self, octets: &[u8]) -> Vec<Vec<u8>> {
        let is_signed = |name: &[u8]| {
            name.eq_ignore_ascii_case(self.field.as_bytes())
                || self.signed_fields.iter().any(|signed| signed.eq_ignore_ascii_case(name))
        };
        let fields = header::fields(header_of(octets)).filter(|(name, _)| is_signed(name));
        fields
            .map(|(name, value)| {
                // Line feeds alone are what a store makes of line ends: what was signed had both.
                let value: Vec<u8> = value.iter().copied().filter(|octet| *octet != b'\r').collect();
                let value = if self.has_relaxed_header { relaxed(&value) } else { value };
                [&name.to_ascii_lowercase(), b":".as_slice(), &value].concat()
            })
            .collect()
    }
}

fn hash(text: &[u8]) -> Vec<u8> {
    BASE64_STANDARD.encode(Sha256::digest(text)).into_bytes()
}

/// Every run of blanks and line ends as one blank, none at the ends.
fn relaxed(value: &[u8]) -> Vec<u8> {
    let words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(&b' ')
}

/// Each line with its runs of blanks as one blank and none at its end.
fn relaxed_text(text: &[u8]) -> Vec<u8> {
    let mut relaxed = Vec::with_capacity(text.len());
    let mut is_after_blank = false;
    for (at, octet) in text.iter().enumerate() {
        match octet {
            b' ' | b'\t' => is_after_blank = true,
            _ => {
                let is_end = text[at..].starts_with(b"\r\n");
                if core::mem::take(&mut is_after_blank) && !is_end {
                    relaxed.push(b' ');
                }
                relaxed.push(*octet);
            }
        }
    }
    relaxed
}
