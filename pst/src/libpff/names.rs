//! The map of named properties, from the three streams of node 0x61 ([MS-PST] §2.4.7).
//! Never trusts the library's own map: it gives names of single properties only, and text in one code page.

use std::collections::BTreeMap;

use super::value::utf16;
use crate::names::{Guid, Name, Names, PS_MAPI, PS_PUBLIC_STRINGS};
use crate::property::Properties;

/// `PidTagNameidStreamGuid`.
const STREAM_GUID: u16 = 0x0002;
/// `PidTagNameidStreamEntry`.
const STREAM_ENTRY: u16 = 0x0003;
/// `PidTagNameidStreamString`.
const STREAM_STRING: u16 = 0x0004;
/// The first id of a named property.
const FIRST_ID: u16 = 0x8000;

/// The names of a store, and how many of its entries could not be understood.
#[must_use]
pub fn decode(map: &Properties) -> (Names, usize) {
    let stream = |id| map.binary(id).unwrap_or_default();
    let (guids, entries, strings) = (stream(STREAM_GUID), stream(STREAM_ENTRY), stream(STREAM_STRING));
    let mut names = BTreeMap::new();
    let mut wrong = usize::from(entries.len() % 8 != 0);
    for entry in entries.chunks_exact(8) {
        let word = u32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]]);
        let kind = u16::from_le_bytes([entry[4], entry[5]]);
        let place = u16::from_le_bytes([entry[6], entry[7]]);
        let name = if kind & 1 == 0 { Some(Name::Number(word)) } else { text(strings, word).map(Name::Text) };
        match (guid(guids, kind >> 1), name, FIRST_ID.checked_add(place)) {
            (Some(guid), Some(name), Some(id)) => {
                names.entry((guid, name)).or_insert(id);
            }
            _ => wrong += 1,
        }
    }
    (Names(names), wrong)
}

/// Sets 0 to 2 are known to everybody; the others stand in the stream.
fn guid(guids: &[u8], number: u16) -> Option<Guid> {
    match number {
        0 => Some([0; 16]),
        1 => Some(PS_MAPI),
        2 => Some(PS_PUBLIC_STRINGS),
        other => {
            let from = usize::from(other - 3) * 16;
            guids.get(from..from + 16)?.try_into().ok()
        }
    }
}

/// A string of the stream: its length in octets, then UTF-16LE.
fn text(strings: &[u8], offset: u32) -> Option<String> {
    let from = usize::try_from(offset).ok()?;
    let length = strings.get(from..from.checked_add(4)?)?;
    let length = usize::try_from(u32::from_le_bytes([length[0], length[1], length[2], length[3]])).ok()?;
    let from = from + 4;
    Some(utf16(strings.get(from..from.checked_add(length)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::property::Value;

    fn streams(guids: &[u8], entries: &[u8], strings: &[u8]) -> Properties {
        let streams = [(STREAM_GUID, guids), (STREAM_ENTRY, entries), (STREAM_STRING, strings)];
        streams.map(|(id, octets)| (id, Value::Binary(octets.to_vec()))).into()
    }

    #[test]
    fn numbers_and_strings_are_found_in_their_sets() {
        let entries = [0x82, 0x80, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 5, 0, 1, 0];
        let (names, wrong) = decode(&streams(&[9; 16], &entries, &[4, 0, 0, 0, b'K', 0, b'w', 0]));
        assert_eq!((names.number([9; 16], 0x8082), wrong), (Some(0x8000), 0));
        assert_eq!(names.text(PS_PUBLIC_STRINGS, "kw"), Some(0x8001));
    }

    #[test]
    fn entries_that_lead_out_of_their_streams_are_counted_and_left_out() {
        let entries = [0, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0, 5, 0, 1, 0, 1, 0, 0, 0, 4, 0, 0xFF, 0xFF, 1];
        let (names, wrong) = decode(&streams(&[9; 16], &entries, &[4, 0, 0, 0, b'K', 0]));
        assert_eq!((names.0.len(), wrong), (0, 4));
    }
}
