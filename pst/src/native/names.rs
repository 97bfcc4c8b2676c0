//! Reads the named properties of a store from node 0x61 ([MS-PST] §2.4.7).
//! Never stops at a bad entry: it costs one name.

use super::blocks::Blocks;
use super::fault::{Fault, Read};
use super::heap::PROPERTIES;
use super::limits::NAMES_MAX;
use super::object::{Allowance, Object};
use super::octets::{u16_at, u32_at};
use super::values::text;
use crate::item::{Damage, Part};
use crate::names::{Guid, Name, Names, PS_MAPI, PS_PUBLIC_STRINGS};
use crate::property::Properties;

/// `NID_NAME_TO_ID_MAP`.
pub(super) const NODE: u32 = 0x61;

/// Reads the names; what cannot be read of them is damage.
pub(super) fn read(blocks: &mut Blocks, damage: &mut Vec<Damage>) -> Names {
    match streams(blocks, damage) {
        Ok(streams) => names(&streams),
        Err(fault) => {
            let reason = format!("the names of named properties cannot be read: {fault}");
            damage.push(Damage { part: Part::File, reason });
            Names::default()
        }
    }
}

fn streams(blocks: &mut Blocks, damage: &mut Vec<Damage>) -> Read<Properties> {
    let node = blocks.index.node(NODE).ok_or_else(|| Fault::new("their node is not there"))?;
    let mut object = Object::open(blocks, node.data, node.subnodes, PROPERTIES)?;
    let records = object.property_records(blocks, damage)?;
    let wanted: Vec<_> = records.into_iter().filter(|record| matches!(record.id, 2..=4)).collect();
    Ok(object.properties(blocks, &mut Allowance::default(), &wanted, damage))
}

/// Names out of the streams of GUIDs (2), entries (3) and strings (4).
fn names(streams: &Properties) -> Names {
    let stream = |id| streams.binary(id).unwrap_or_default();
    let (guids, _) = stream(2).as_chunks::<16>();
    let mut names = Names::default();
    for entry in stream(3).chunks_exact(8).take(NAMES_MAX) {
        let read = || {
            let kind = u16_at(entry, 4)?;
            let set: Guid = match kind >> 1 {
                0 => [0; 16],
                1 => PS_MAPI,
                2 => PS_PUBLIC_STRINGS,
                own => *guids.get(usize::from(own) - 3)?,
            };
            let number = u32_at(entry, 0)?;
            let name = if kind & 1 == 0 { Name::Number(number) } else { string(stream(4), number)? };
            Some(((set, name), 0x8000_u16.checked_add(u16_at(entry, 6)?)?))
        };
        if let Some((name, id)) = read() {
            names.0.entry(name).or_insert(id);
        }
    }
    names
}

fn string(strings: &[u8], at: u32) -> Option<Name> {
    let octets = u32_at(strings, at as usize)? as usize;
    let start = (at as usize).checked_add(4)?;
    Some(Name::Text(text(strings.get(start..start.checked_add(octets)?)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::property::Value;

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
        let names = names(&Properties(streams));
        assert_eq!(names.number(own, 0x820D), Some(0x8000));
        assert_eq!(names.text(PS_PUBLIC_STRINGS, "kW"), Some(0x8001));
        assert_eq!(names.0.len(), 2);
    }
}
