//! Reads the named properties of a store from node 0x61 ([MS-PST] §2.4.7).
//! Never stops at a bad entry: it costs one name.

use super::blocks::Blocks;
use super::fault::{Fault, Read};
use super::heap::PROPERTIES;
use super::limits::{NAME_OCTETS_MAX, NAMES_MAX, NAMES_OCTETS_MAX};
use super::object::Object;
use super::octets::{u16_at, u32_at};
use super::properties::Record;
use super::values::text;
use crate::item::{Damage, Part};
use crate::names::{Guid, Name, Names, PS_MAPI, PS_PUBLIC_STRINGS};
use crate::property::{Properties, Value};

/// `NID_NAME_TO_ID_MAP`.
pub(super) const NODE: u32 = 0x61;

/// Octets of one stream of names: more than all that a store can have, as programs write them.
const STREAM_OCTETS_MAX: u64 = 16 << 20;

/// Reads the names; what cannot be read of them is damage.
pub(super) fn read(blocks: &mut Blocks, damage: &mut Vec<Damage>) -> Names {
    match streams(blocks, damage) {
        Ok(streams) => {
            let (names, left_out) = names(&streams);
            if left_out > 0 {
                let reason = format!("{left_out} names of named properties are nowhere, or longer than any");
                damage.push(Damage { part: Part::File, reason });
            }
            names
        }
        Err(fault) => {
            let reason = format!("the names of named properties cannot be read: {fault}");
            damage.push(Damage { part: Part::File, reason });
            Names::default()
        }
    }
}

fn streams(blocks: &mut Blocks, damage: &mut Vec<Damage>) -> Read<Properties> {
    let node = blocks.node(NODE).ok_or_else(|| Fault::new("their node is not there"))?;
    let mut object = Object::open(blocks, node.data, node.subnodes, PROPERTIES)?;
    let records = object.property_records(blocks, damage)?;
    let mut streams = Properties::default();
    for record in records.iter().filter_map(Record::read).filter(|record| matches!(record.id, 2..=4)) {
        match object.whole(blocks, record.word, STREAM_OCTETS_MAX) {
            Ok(octets) => {
                streams.0.entry(record.id).or_insert(Value::Binary(octets));
            }
            Err(fault) => {
                damage.push(Damage { part: Part::Property(record.id), reason: fault.into_reason() })
            }
        }
    }
    blocks.warned(Part::File, damage);
    Ok(streams)
}

/// Names out of the streams of GUIDs (2), entries (3) and strings (4), and how many texts of names are not to be had.
fn names(streams: &Properties) -> (Names, usize) {
    let stream = |id| streams.binary(id).unwrap_or_default();
    let (guids, _) = stream(2).as_chunks::<16>();
    let mut names = Names::default();
    let (mut octets_left, mut left_out) = (NAMES_OCTETS_MAX, 0);
    for entry in stream(3).chunks_exact(8).take(NAMES_MAX) {
        let mut read = || {
            let kind = u16_at(entry, 4)?;
            let set: Guid = match kind >> 1 {
                0 => [0; 16],
                1 => PS_MAPI,
                2 => PS_PUBLIC_STRINGS,
                own => *guids.get(usize::from(own) - 3)?,
            };
            let number = u32_at(entry, 0)?;
            let name = if kind & 1 == 0 {
                Name::Number(number)
            } else {
                let text = string(stream(4), number, &mut octets_left);
                left_out += usize::from(text.is_none());
                text?
            };
            Some(((set, name), 0x8000_u16.checked_add(u16_at(entry, 6)?)?))
        };
        if let Some((name, id)) = read() {
            names.0.entry(name).or_insert(id);
        }
    }
    (names, left_out)
}

/// A name that is a text. Several names may stand on the same octets, so that they may be many more than the stream.
fn string(strings: &[u8], at: u32, octets_left: &mut usize) -> Option<Name> {
    let octets = u32_at(strings, at as usize)? as usize;
    let start = (at as usize).checked_add(4)?;
    let octets = strings.get(start..start.checked_add(octets)?)?;
    *octets_left = octets_left.checked_sub(octets.len()).filter(|_| octets.len() <= NAME_OCTETS_MAX)?;
    Some(Name::Text(text(octets)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_entry_costs_one_name() {
        let own = [9_u8; 16];
        let entries = [
            [0x0D, 0x82, 0, 0, 6, 0, 0, 0], // number 0x820D of the first own set
            [0, 0, 0, 0, 5, 0, 1, 0],       // the string at 0 of PS_PUBLIC_STRINGS
            [0, 0, 0, 0, 0xFE, 0xFF, 2, 0], // a set that is not there
            [99, 0, 0, 0, 5, 0, 3, 0],      // a string that is not there
            [1, 0, 0, 0, 2, 0, 0xFF, 0xFF], // an id that no property can have
        ];
        let strings = [&[4, 0, 0, 0][..], b"K\0w\0"].concat();
        let streams = [(2, own.to_vec()), (3, entries.concat()), (4, strings)];
        let streams = streams.into_iter().map(|(id, octets)| (id, Value::Binary(octets))).collect();
        let (names, left_out) = names(&Properties(streams));
        assert_eq!(left_out, 1);
        assert_eq!(names.number(own, 0x820D), Some(0x8000));
        assert_eq!(names.text(PS_PUBLIC_STRINGS, "kW"), Some(0x8001));
        assert_eq!(names.0.len(), 2);
    }

    #[test]
    fn names_that_stand_upon_one_another_take_no_more_than_names_may() {
        let long = NAME_OCTETS_MAX as u32;
        let strings = [&long.to_le_bytes()[..], &vec![b'x'; NAME_OCTETS_MAX]].concat();
        // Each is of a set of its own, so that none is another.
        let guids: Vec<u8> =
            (0..NAMES_MAX as u32 / 4).flat_map(|set| [&set.to_le_bytes()[..], &[0; 12]].concat()).collect();
        let entry = |set: u16| [[0; 4], [((set + 3) << 1 | 1) as u8, ((set + 3) >> 7) as u8, 1, 0]].concat();
        let entries: Vec<u8> = (0..NAMES_MAX as u16 / 4).flat_map(entry).collect();
        let streams = [(2, guids), (3, entries), (4, strings)];
        let streams = streams.into_iter().map(|(id, octets)| (id, Value::Binary(octets))).collect();
        let (names, left_out) = names(&Properties(streams));
        assert_eq!(names.0.len(), NAMES_OCTETS_MAX / NAME_OCTETS_MAX);
        assert_eq!(names.0.len() + left_out, NAMES_MAX / 4);
    }
}
