//! From a property's type and octets to its value ([MS-OXCDATA] §2.11.1; [MS-PST] §2.3.3.4 for several values).
//! Never reads a file, and never a code page.

use std::borrow::Cow;

use super::fault::{Fault, Read};
use super::limits::VALUES_MAX;
use super::octets::u32_at;
use crate::property::{LONE_SURROGATE, Value, ValueType};
use crate::wide;
use crate::wide::text::STEP_ROOM;

/// `PtypObject`.
pub(super) const OBJECT: u16 = 0x000D;
/// `PtypString`.
pub(super) const STRING: u16 = 0x001F;
/// `PtypString8`.
pub(super) const STRING8: u16 = 0x001E;
/// `PtypBinary`.
pub(super) const BINARY: u16 = 0x0102;
/// Stands in a type for several values.
const MANY: u16 = 0x1000;

/// Octets of a type of one fixed length up to 8, or of a GUID.
pub(super) const fn fixed_octets(kind: u16) -> Option<usize> {
    match kind {
        0x0000 | 0x0001 => Some(0),
        0x000B => Some(1),
        0x0002 => Some(2),
        0x0003 | 0x0004 | 0x000A => Some(4),
        0x0005..=0x0007 | 0x0014 | 0x0040 => Some(8),
        0x0048 => Some(16),
        _ => None,
    }
}

/// True where several values stand behind one another.
pub(super) const fn is_many(kind: u16) -> bool {
    matches!(kind, 0x1002..=0x1007 | 0x1014 | 0x101E | 0x101F | 0x1040 | 0x1048 | 0x1102)
}

/// The type that a long value of this type has.
pub(super) const fn long_type(kind: u16) -> ValueType {
    match kind {
        STRING => ValueType::String,
        STRING8 => ValueType::String8,
        _ => ValueType::Binary,
    }
}

/// The value that octets hold.
pub(super) fn value(kind: u16, octets: Cow<'_, [u8]>) -> Read<Value> {
    if let Some(wanted) = fixed_octets(kind) {
        let short = || Fault::new(format!("{} octets are too few for type {kind:#06x}", octets.len()));
        return fixed(kind, octets.get(..wanted).ok_or_else(short)?).ok_or_else(short);
    }
    match kind {
        STRING => Ok(Value::String(text(&octets))),
        STRING8 => Ok(Value::String8(without_nul(octets.into_owned()))),
        kind if is_many(kind) => many(kind & !MANY, &octets),
        _ => Ok(Value::Binary(octets.into_owned())),
    }
}

/// A value of fixed length.
pub(super) fn fixed(kind: u16, octets: &[u8]) -> Option<Value> {
    let four = || octets.first_chunk().copied();
    let eight = || octets.first_chunk().copied();
    Some(match kind {
        0x0000 | 0x0001 => Value::Null,
        0x0002 => Value::Integer16(i16::from_le_bytes(*octets.first_chunk()?)),
        0x0003 => Value::Integer32(i32::from_le_bytes(four()?)),
        0x0004 => Value::Floating32(f32::from_le_bytes(four()?)),
        0x0005 => Value::Floating64(f64::from_le_bytes(eight()?)),
        0x0006 | 0x0014 => Value::Integer64(i64::from_le_bytes(eight()?)),
        0x0007 => Value::FloatingTime(f64::from_le_bytes(eight()?)),
        0x000A => Value::ErrorCode(u32::from_le_bytes(four()?)),
        0x000B => Value::Boolean(*octets.first()? != 0),
        0x0040 => Value::Time(u64::from_le_bytes(eight()?)),
        0x0048 => Value::Guid(*octets.first_chunk()?),
        _ => return None,
    })
}

/// Longest text that is decoded in steps which it is filled up to, in units of UTF-16.
const SHORT_UNITS_MAX: usize = 64;
/// Units of UTF-16 that are decoded in one step.
const SLAB_UNITS: usize = 512;
/// Octets of UTF-8 that a unit of UTF-16 becomes at most.
const UNIT_OCTETS_MAX: usize = 3;
/// What stands for a lone surrogate where whole slabs are decoded, and for itself: then they are looked at again.
const REPLACED: &[u8] = "\u{FFFD}".as_bytes();

/// UTF-16LE as [`Value::String`] holds it: one NUL at the end taken off, an odd last octet left out.
pub(super) fn text(octets: &[u8]) -> String {
    let (units, _) = octets.as_chunks::<2>();
    let mut units = units.strip_suffix(&[[0, 0]]).unwrap_or(units);
    let mut text = String::with_capacity(units.len() + units.len() / 8);
    if units.len() <= SHORT_UNITS_MAX {
        short(units, &mut text);
        return text;
    }
    let mut wide = [0; SLAB_UNITS * 2 + STEP_ROOM];
    while units.len() > SHORT_UNITS_MAX {
        let octets = units[..units.len().min(SLAB_UNITS)].as_flattened();
        let (read, written) = wide::text::utf8_of_utf16(octets, &mut wide);
        match simdutf8::basic::from_utf8(&wide[..written]) {
            Ok(some) if read > 0 => {
                text.push_str(some);
                units = &units[read / 2..];
            }
            _ => units = &units[slab(units, &mut text)..],
        }
    }
    short(units, &mut text);
    text
}

/// Appends a text of at most [`SHORT_UNITS_MAX`].
fn short(units: &[[u8; 2]], text: &mut String) {
    let mut filled = [0; SHORT_UNITS_MAX * 2];
    filled[..units.len() * 2].copy_from_slice(units.as_flattened());
    let mut wide = [0; SHORT_UNITS_MAX * 2 + STEP_ROOM];
    let whole = (units.len() * 2).next_multiple_of(STEP_ROOM);
    let (read, written) = wide::text::utf8_of_utf16(&filled[..whole], &mut wide);
    // Each NUL that it was filled with has become one octet.
    let own = (read == whole).then(|| &wide[..written - (whole / 2 - units.len())]);
    if let Some(own) = own.and_then(|own| str::from_utf8(own).ok()) {
        text.push_str(own);
        return;
    }
    text.extend(characters(units.iter().map(|unit| u16::from_le_bytes(*unit))));
}

/// Units of UTF-16, whatever they are, as characters.
fn characters(units: impl IntoIterator<Item = u16>) -> impl Iterator<Item = char> {
    char::decode_utf16(units).map(|character| character.unwrap_or(LONE_SURROGATE))
}

/// Appends the first of the units, whatever they are; gives how many those were.
fn slab(units: &[[u8; 2]], text: &mut String) -> usize {
    let (mut slab, mut room) = ([0; SLAB_UNITS], [0; SLAB_UNITS * UNIT_OCTETS_MAX]);
    let room = str::from_utf8_mut(&mut room).expect("zeros are text");
    let count = units.len().min(SLAB_UNITS);
    slab.iter_mut().zip(units).for_each(|(slot, unit)| *slot = u16::from_le_bytes(*unit));
    // The two halves of a character are not parted.
    let is_half = count < units.len() && matches!(slab[count - 1], 0xD800..=0xDBFF);
    let count = count - usize::from(is_half);
    let (read, written) = encoding_rs::mem::convert_utf16_to_str_partial(&slab[..count], room);
    let own = &room[..written];
    if memchr::memmem::find(own.as_bytes(), REPLACED).is_some() {
        text.extend(characters(slab[..read].iter().copied()));
    } else {
        text.push_str(own);
    }
    read
}

fn without_nul(mut octets: Vec<u8>) -> Vec<u8> {
    if octets.last() == Some(&0) {
        octets.pop();
    }
    octets
}

/// Several values of one type: of a fixed length one behind the other, else behind a list of where each begins.
fn many(kind: u16, octets: &[u8]) -> Read<Value> {
    let too_many = || Fault::new(format!("it has more than {VALUES_MAX} values"));
    if let Some(width) = fixed_octets(kind) {
        if octets.len() / width > VALUES_MAX {
            return Err(too_many());
        }
        return Ok(Value::Many(octets.chunks_exact(width).filter_map(|one| fixed(kind, one)).collect()));
    }
    if octets.is_empty() {
        return Ok(Value::Many(Vec::new()));
    }
    let short = || Fault::new("its list of values is longer than what it holds");
    let count = u32_at(octets, 0).ok_or_else(short)? as usize;
    if count > VALUES_MAX {
        return Err(too_many());
    }
    let mut values = Vec::with_capacity(count.min(octets.len() / 4));
    let mut held = 0;
    for number in 0..count {
        let start = u32_at(octets, 4 + 4 * number).ok_or_else(short)? as usize;
        let end = if number + 1 < count {
            u32_at(octets, 8 + 4 * number).ok_or_else(short)? as usize
        } else {
            octets.len()
        };
        let one = octets.get(start..end).ok_or_else(short)?;
        held += one.len();
        if held > octets.len() {
            return Err(Fault::new("its values lie upon one another"));
        }
        values.push(value(kind, Cow::Borrowed(one))?);
    }
    Ok(Value::Many(values))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: u16, octets: &[u8], expected: Option<Value>) {
        assert_eq!(value(kind, Cow::Borrowed(octets)).ok(), expected, "{kind:#06x} {octets:?}");
    }

    #[test]
    fn values_of_a_fixed_length_are_read_or_told_too_short() {
        check(0x0002, &[0xFE, 0xFF, 9], Some(Value::Integer16(-2)));
        check(0x0003, &[1, 0, 0, 0x80], Some(Value::Integer32(i32::MIN + 1)));
        check(0x000B, &[1], Some(Value::Boolean(true)));
        check(0x0006, &[0x10, 0x27, 0, 0, 0, 0, 0, 0], Some(Value::Integer64(10_000)));
        check(0x0040, &[1, 0, 0, 0, 0, 0, 0, 0], Some(Value::Time(1)));
        check(0x0000, &[], Some(Value::Null));
        check(0x0048, &[7; 16], Some(Value::Guid([7; 16])));
        check(0x0040, &[1, 0, 0], None);
        check(0x0003, &[], None);
    }

    #[test]
    fn text_keeps_inner_nuls_and_loses_one_last_one() {
        check(STRING, b"a\0\0\0b\0\0\0", Some(Value::String("a\0b".to_owned())));
        check(STRING, &[0x3D, 0xD8, 0x00, 0xDE], Some(Value::String("😀".to_owned())));
        check(STRING, &[0x3D, 0xD8, 0x41, 0x00], Some(Value::String(format!("{LONE_SURROGATE}A"))));
        check(
            STRING,
            &[0x00, 0xDE, 0x3D, 0xD8],
            Some(Value::String(format!("{LONE_SURROGATE}{LONE_SURROGATE}"))),
        );
        check(STRING, b"a\0b", Some(Value::String("a".to_owned())));
        check(STRING, b"", Some(Value::String(String::new())));
        check(STRING8, b"\xE9\0\0", Some(Value::String8(b"\xE9\0".to_vec())));
    }

    /// Made of the library's strict reading alone, which tells of each lone surrogate.
    fn of_library(units: &[u16]) -> String {
        let mut text = String::new();
        let mut rest = units;
        while let [first, ..] = rest {
            let length = (1..=2)
                .find(|length| rest.get(..*length).is_some_and(|some| String::from_utf16(some).is_ok()));
            let some = length.map(|length| String::from_utf16(&rest[..length]).expect("it was found"));
            text.push_str(&some.unwrap_or_else(|| {
                assert!((0xD800..=0xDFFF).contains(first), "{first:#x}");
                LONE_SURROGATE.to_string()
            }));
            rest = &rest[length.unwrap_or(1)..];
        }
        text
    }

    #[test]
    fn text_is_what_the_standard_library_makes_of_it() {
        for first in
            (0..=u16::MAX).step_by(7).chain([0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xD800, 0xDFFF, 0xE000])
        {
            for second in [0x41, 0xE9, 0xD83D, 0xDE00, 0xFFFD] {
                let units = [first, second, 0x42];
                let octets: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
                assert_eq!(text(&octets), of_library(&units), "{units:x?}");
            }
        }
    }

    #[test]
    fn long_text_is_what_the_standard_library_makes_of_it_wherever_its_characters_lie() {
        let kinds = [0x41, 0xE9, 0x20AC, 0xD83D, 0xDE00, 0xD800, 0xDFFF, 0xFFFD, 0x7FF, 0];
        for length in [SHORT_UNITS_MAX, SHORT_UNITS_MAX + 1, SLAB_UNITS, SLAB_UNITS * 2 + 3] {
            for step in 1..40 {
                let units: Vec<u16> =
                    (0..length).map(|at| kinds[(at * step + at / 7) % kinds.len()]).chain([0x42]).collect();
                let octets: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
                assert_eq!(text(&octets), of_library(&units), "{length} by {step}");
            }
            for half in [0xD83D_u16, 0xDE00] {
                let units = vec![half; length * 2];
                let octets: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
                assert_eq!(text(&octets), of_library(&units), "{length} of {half:#x}");
            }
        }
    }

    #[test]
    fn several_values_are_cut_where_their_list_says() {
        let two = [2, 0, 0, 0, 12, 0, 0, 0, 14, 0, 0, 0, b'a', b'b', b'c'];
        let expected = vec![Value::Binary(b"ab".to_vec()), Value::Binary(b"c".to_vec())];
        check(0x1102, &two, Some(Value::Many(expected)));
        check(
            0x1003,
            &[1, 0, 0, 0, 2, 0, 0, 0],
            Some(Value::Many(vec![Value::Integer32(1), Value::Integer32(2)])),
        );
        check(0x101F, &[], Some(Value::Many(Vec::new())));
        check(0x1102, &[9, 0, 0, 0, 12, 0, 0, 0], None);
        check(0x1102, &[255, 255, 255, 255], None);
        check(0x1102, &[2, 0, 0, 0, 12, 0, 0, 0, 8, 0, 0, 0, 1], None);
    }

    #[test]
    fn a_type_that_nobody_knows_is_kept_as_it_is() {
        check(0x2102, b"\x01\x02", Some(Value::Binary(vec![1, 2])));
        check(0x00FB, b"id", Some(Value::Binary(b"id".to_vec())));
    }
}
