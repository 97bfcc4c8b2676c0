//! A message as a tree of parts, and the tree as a plan of pieces.
//! Never holds what stays in the store: blobs go by reference.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::encode::{self, LineEnd, Quoting, Transfer};
use super::gathered::Gathered;
use super::message::{BLOCK_OCTETS, Message, Pieces};
use crate::store::Blob;

/// About how long the boundaries and the structure's fields of one part are.
const PART_OCTETS_EXPECTED: usize = 256;
/// Most octets of room that are made before a message is written: long ones go in pieces, and make their own.
const ROOM_OCTETS_MAX: usize = 64 * 1024;

/// A head and what it is the head of: a whole message.
#[derive(Debug)]
pub struct Entity<'a> {
    /// Its fields but for those of its structure, each with its CRLF.
    pub head: Vec<u8>,
    /// Its content.
    pub root: Part<'a>,
}

/// One part.
#[derive(Debug)]
pub enum Part<'a> {
    /// A part without parts.
    Leaf {
        /// Its fields, each with its CRLF.
        head: Vec<u8>,
        /// Its octets.
        body: Body<'a>,
    },
    /// Parts in a row.
    Multi {
        /// The subtype with its parameters, the boundary apart: `mixed`, `report; report-type=…`.
        subtype: &'static str,
        /// At least one.
        parts: Vec<Part<'a>>,
    },
    /// A message within the message.
    Message {
        /// The part's fields but for type and encoding, each with its CRLF.
        head: Vec<u8>,
        /// The message.
        entity: Box<Entity<'a>>,
    },
}

/// The octets of a leaf.
#[derive(Debug)]
pub enum Body<'a> {
    /// Held octets in an encoding.
    Held(Transfer, Cow<'a, [u8]>),
    /// A blob in base64.
    Encoded(&'a Blob),
    /// A blob that brings its own fields and is not touched: what is signed.
    Signed(&'a Blob),
}

impl<'a> Part<'a> {
    /// A leaf whose encoding is the cheapest for its text. `head` is what comes before `Content-Transfer-Encoding`.
    pub fn text(mut head: Vec<u8>, octets: Cow<'a, [u8]>) -> Self {
        let transfer = encode::transfer_of(&octets);
        push_transfer(&mut head, transfer.as_str());
        let octets = match transfer {
            Transfer::Base64 => match octets {
                Cow::Borrowed(octets) => encode::canonical(octets),
                Cow::Owned(octets) => Cow::Owned(encode::canonical(&octets).into_owned()),
            },
            _ => octets,
        };
        Self::Leaf { head, body: Body::Held(transfer, octets) }
    }

    /// A leaf of held octets in base64.
    pub fn held(mut head: Vec<u8>, octets: Cow<'a, [u8]>) -> Self {
        push_transfer(&mut head, "base64");
        Self::Leaf { head, body: Body::Held(Transfer::Base64, octets) }
    }

    /// A leaf of a blob in base64.
    pub fn blob(mut head: Vec<u8>, blob: &'a Blob) -> Self {
        push_transfer(&mut head, "base64");
        Self::Leaf { head, body: Body::Encoded(blob) }
    }

    /// Several parts as one; a single one stays itself.
    pub fn of(subtype: &'static str, mut parts: Vec<Self>) -> Self {
        match parts.pop() {
            Some(part) if parts.is_empty() => part,
            Some(part) => {
                parts.push(part);
                Self::Multi { subtype, parts }
            }
            None => Self::Multi { subtype, parts },
        }
    }

    /// About how many octets of it are held once it is written.
    fn octets_expected(&self) -> usize {
        let heads = PART_OCTETS_EXPECTED
            + match self {
                Self::Leaf { head, .. } | Self::Message { head, .. } => head.len(),
                Self::Multi { .. } => 0,
            };
        heads
            + match self {
                Self::Leaf { body: Body::Held(Transfer::Quoted, octets), .. } => {
                    encode::quoted_octets_expected(octets.len())
                }
                Self::Leaf { body: Body::Held(Transfer::Base64, octets), .. } => octets.len() / 2 * 3,
                Self::Leaf { body: Body::Held(_, octets), .. } => octets.len(),
                Self::Leaf { .. } => 0,
                Self::Multi { parts, .. } => parts.iter().map(Self::octets_expected).sum(),
                Self::Message { entity, .. } => entity.head.len() + entity.root.octets_expected(),
            }
    }

    /// True where octets beyond ASCII may stand in it.
    fn has_signed(&self) -> bool {
        match self {
            Self::Leaf { body, .. } => matches!(body, Body::Signed(_)),
            Self::Multi { parts, .. } => parts.iter().any(Self::has_signed),
            Self::Message { entity, .. } => entity.root.has_signed(),
        }
    }

    /// True where a text that is sent as it is holds the boundaries' stem.
    fn holds(&self, stem: &[u8]) -> bool {
        // Its first sign stands in few texts, and seldom.
        let found = |text: &[u8]| memchr::memchr_iter(stem[0], text).any(|at| text[at..].starts_with(stem));
        match self {
            Self::Leaf { head, body } => {
                let body = match body {
                    Body::Held(Transfer::Seven | Transfer::SevenMended, octets) => found(octets),
                    _ => false,
                };
                body || found(head)
            }
            Self::Multi { parts, .. } => parts.iter().any(|part| part.holds(stem)),
            Self::Message { entity, .. } => entity.root.holds(stem) || found(&entity.head),
        }
    }
}

fn push_transfer(head: &mut Vec<u8>, name: &str) {
    head.extend_from_slice(b"Content-Transfer-Encoding: ");
    head.extend_from_slice(name.as_bytes());
    head.extend_from_slice(b"\r\n");
}

/// Writes a tree as a plan. `identity` is what the message is, the same in every run: the boundaries come of it. Each
/// part goes as it is written: texts are long, and are not held twice.
pub fn plan(entity: Entity<'_>, identity: blake3::Hash) -> Message {
    let mut stem = boundary_stem(identity);
    while matches!(entity.root, Part::Multi { .. } | Part::Message { .. })
        && entity.root.holds(stem.as_bytes())
    {
        stem = boundary_stem(blake3::hash(stem.as_bytes()));
    }
    let mut writer = Writer { pieces: Pieces::default(), quoting: None, stem, boundaries: 0 };
    let expected = entity.head.len() + entity.root.octets_expected();
    writer.pieces.held().reserve(expected.min(ROOM_OCTETS_MAX));
    writer.entity(entity);
    writer.pieces.into_message()
}

/// Octets of a boundary: its stem, and its number behind a dot.
const STEM_ROOM: usize = 26 + 9;

/// No text in quoted-printable or base64 holds `=_`.
fn boundary_stem(identity: blake3::Hash) -> String {
    let mut stem = String::with_capacity(STEM_ROOM);
    stem.push_str("=_");
    stem.push_str(&identity.to_hex()[..24]);
    stem
}

struct Writer {
    pieces: Pieces,
    /// From the first text on that needs it.
    quoting: Option<Quoting>,
    stem: String,
    boundaries: u32,
}

impl Writer {
    fn entity(&mut self, entity: Entity<'_>) {
        let Entity { head, root } = entity;
        self.pieces.held().extend_from_slice(&head);
        self.pieces.held().extend_from_slice(b"MIME-Version: 1.0\r\n");
        // A text alone, and what is signed, may end without a line end: it is not given one that it does not have.
        let ends_as_it_does = match &root {
            Part::Leaf { body: Body::Held(transfer, _), .. } => *transfer != Transfer::Base64,
            Part::Leaf { body: Body::Signed(_), .. } => true,
            _ => false,
        };
        self.part(root);
        if !ends_as_it_does {
            self.pieces.held().extend_from_slice(b"\r\n");
        }
    }

    fn part(&mut self, part: Part<'_>) {
        let has_signed = part.has_signed();
        match part {
            Part::Leaf { head, body } => {
                let held = self.pieces.held();
                held.extend_from_slice(&head);
                match body {
                    Body::Held(transfer, octets) => {
                        held.extend_from_slice(b"\r\n");
                        match transfer {
                            Transfer::Seven => held.extend_from_slice(&octets),
                            Transfer::SevenMended => encode::mend(&octets, held),
                            Transfer::Quoted => self.quoting.get_or_insert_default().text(&octets, held),
                            Transfer::Base64 => {
                                let mut lines = Gathered::default();
                                for (number, block) in octets.chunks(BLOCK_OCTETS).enumerate() {
                                    encode::base64_lines(block, number == 0, LineEnd::CrLf, &mut lines);
                                    held.extend_from_slice(&lines);
                                    lines.clear();
                                }
                            }
                        }
                    }
                    Body::Encoded(blob) => {
                        held.extend_from_slice(b"\r\n");
                        self.pieces.encoded(blob);
                    }
                    Body::Signed(blob) => self.pieces.raw(blob),
                }
            }
            Part::Multi { subtype, parts } => self.multi(subtype, parts, has_signed),
            Part::Message { head, entity } => {
                let transfer = if has_signed { "8bit" } else { "7bit" };
                let held = self.pieces.held();
                held.extend_from_slice(b"Content-Type: message/rfc822\r\n");
                push_transfer(held, transfer);
                held.extend_from_slice(&head);
                held.extend_from_slice(b"\r\n");
                self.entity(*entity);
            }
        }
    }

    fn multi(&mut self, subtype: &str, parts: Vec<Part<'_>>, has_signed: bool) {
        let mut boundary = String::with_capacity(STEM_ROOM);
        boundary.push_str(&self.stem);
        let _ = write!(boundary, ".{:08x}", self.boundaries);
        self.boundaries = self.boundaries.wrapping_add(1);
        let held = self.pieces.held();
        held.extend_from_slice(b"Content-Type: multipart/");
        held.extend_from_slice(subtype.as_bytes());
        held.extend_from_slice(b";\r\n boundary=\"");
        held.extend_from_slice(boundary.as_bytes());
        held.extend_from_slice(b"\"\r\n");
        if has_signed {
            push_transfer(held, "8bit");
        }
        for part in parts {
            let held = self.pieces.held();
            held.extend_from_slice(b"\r\n--");
            held.extend_from_slice(boundary.as_bytes());
            held.extend_from_slice(b"\r\n");
            self.part(part);
        }
        let held = self.pieces.held();
        held.extend_from_slice(b"\r\n--");
        held.extend_from_slice(boundary.as_bytes());
        held.extend_from_slice(b"--");
    }
}
