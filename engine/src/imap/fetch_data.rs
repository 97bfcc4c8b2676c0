//! FETCH as a value.
//! Never believes a size, and never keeps an attribute that nothing asked for.

use bytes::Bytes;
use malote_plan::labels::Origin;
use malote_plan::message::{Flag, Flags, ModSeq, Uid};

use super::token::{Tokens, Value};

/// What one FETCH answer said of one message; attributes that were not in it are `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FetchData {
    /// The message's sequence number.
    pub sequence: u32,
    /// UID.
    pub uid: Option<Uid>,
    /// FLAGS, without `\Recent`.
    pub flags: Option<Flags>,
    /// INTERNALDATE as written; `Some(None)` for NIL.
    pub internal_date: Option<Option<String>>,
    /// RFC822.SIZE; 0 where it was no number that can be.
    pub octets_claimed: Option<u64>,
    /// MODSEQ.
    pub modseq: Option<ModSeq>,
    /// X-GM-MSGID: the number by which a message is known wherever it stands.
    pub origin: Option<Origin>,
    /// X-GM-LABELS, as the server writes them.
    pub labels: Option<Vec<String>>,
    /// `BODY[]`.
    pub body: Option<Section>,
    /// `BODY[HEADER]`.
    pub header: Option<Section>,
    /// True when the answer stops just before the octets of `BODY[]`.
    pub awaits_body: bool,
}

/// A section's octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Section {
    /// NIL: the server cannot give it.
    Nil,
    /// Held.
    Held(Bytes),
    /// Went elsewhere: its length.
    Streamed(u64),
}

/// Reads what follows `FETCH`.
pub(super) fn fetch_data(sequence: u32, tokens: &mut Tokens<'_>) -> FetchData {
    let mut data = FetchData { sequence, ..FetchData::default() };
    tokens.take(b'(');
    while !tokens.is_at_end() && !tokens.take(b')') {
        let name = tokens.attribute().to_ascii_uppercase();
        let value = tokens.value();
        if name.is_empty() && value.is_none() {
            // Neither a name nor a value: a bracket or literal in a place where none can be.
            break;
        }
        match value {
            Some(value) => put(&mut data, &name, value),
            None => data.awaits_body = tokens.is_at_end() && is_body(&name),
        }
    }
    data
}

fn is_body(name: &[u8]) -> bool {
    name == b"BODY[]" || name == b"RFC822"
}

fn put(data: &mut FetchData, name: &[u8], value: Value<'_>) {
    match name {
        b"UID" => data.uid = value.number().and_then(|uid| u32::try_from(uid).ok()).and_then(Uid::new),
        b"FLAGS" => data.flags = Some(flags(value)),
        b"INTERNALDATE" => data.internal_date = Some(value.text().filter(|text| !text.trim().is_empty())),
        b"RFC822.SIZE" => data.octets_claimed = Some(value.number().unwrap_or(0)),
        b"MODSEQ" => data.modseq = value.into_list().first().and_then(Value::number).and_then(ModSeq::new),
        b"X-GM-MSGID" => data.origin = value.number().and_then(Origin::new),
        b"X-GM-LABELS" => data.labels = Some(value.into_list().iter().filter_map(Value::text).collect()),
        name if is_body(name) => data.body = Some(section(value)),
        b"BODY[HEADER]" | b"RFC822.HEADER" => data.header = Some(section(value)),
        _ => {}
    }
}

fn flags(value: Value<'_>) -> Flags {
    value.into_list().iter().filter_map(Value::text).filter_map(|name| Flag::new(&name)).collect()
}

fn section(value: Value<'_>) -> Section {
    match value {
        Value::Literal(octets) => Section::Held(octets.clone()),
        Value::Streamed(octets) => Section::Streamed(octets),
        Value::Atom(octets) => Section::Held(Bytes::copy_from_slice(octets)),
        Value::Quoted(octets) => Section::Held(Bytes::from(octets.into_owned())),
        Value::Nil | Value::List(_) => Section::Nil,
    }
}
