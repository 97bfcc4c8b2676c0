//! From a property's type and octets as stored to its value ([MS-PST] §2.3.3, [MS-OXCDATA] §2.11.1).
//! Never asks the library to decode: it knows few code pages and fails where octets would do.

use crate::property::{LONE_SURROGATE, Value, ValueType};

/// The types whose values can be of any length and are passed on as blobs where they are long.
#[must_use]
pub const fn long_type(value_type: u32) -> Option<ValueType> {
    match value_type {
        0x1F => Some(ValueType::String),
        0x1E => Some(ValueType::String8),
        0x102 => Some(ValueType::Binary),
        _ => None,
    }
}

/// How many octets a value of a type of fixed length has.
#[must_use]
pub const fn fixed_octets(value_type: u32) -> Option<usize> {
    match value_type {
        0x0B => Some(1),
        0x02 => Some(2),
        0x03 | 0x04 | 0x0A => Some(4),
        0x05 | 0x06 | 0x07 | 0x14 | 0x40 => Some(8),
        0x48 => Some(16),
        _ => None,
    }
}

/// The value of a property.
///
/// # Errors
/// Why the octets cannot be a value of the type.
pub fn decode(value_type: u32, octets: &[u8]) -> Result<Value, String> {
    if let Some(wanted) = fixed_octets(value_type) {
        let held = octets.get(..wanted).ok_or_else(|| {
            format!("a value of type {value_type:#06x} has {} octets instead of {wanted}", octets.len())
        })?;
        return Ok(fixed(value_type, held));
    }
    match value_type {
        0x00 | 0x01 => Ok(Value::Null),
        0x0D => Ok(Value::Object),
        0x1E | 0x1F => Ok(string(value_type, octets)),
        many if many & 0x1000 != 0 => match fixed_octets(many & !0x1000) {
            Some(wide) => many_fixed(many & !0x1000, wide, octets),
            None => many_long(many & !0x1000, octets),
        },
        _ => Ok(Value::Binary(octets.to_vec())),
    }
}

/// A value of fixed length; `held` has exactly that length.
fn fixed(value_type: u32, held: &[u8]) -> Value {
    let mut octets = [0_u8; 16];
    octets[..held.len()].copy_from_slice(held);
    let wide = u64::from_le_bytes(std::array::from_fn(|place| octets[place]));
    let narrow = u32::from_le_bytes(std::array::from_fn(|place| octets[place]));
    match value_type {
        0x0B => Value::Boolean(held[0] != 0),
        0x02 => Value::Integer16(i16::from_le_bytes([octets[0], octets[1]])),
        0x03 => Value::Integer32(narrow.cast_signed()),
        0x04 => Value::Floating32(f32::from_bits(narrow)),
        0x0A => Value::ErrorCode(narrow),
        0x05 => Value::Floating64(f64::from_bits(wide)),
        0x07 => Value::FloatingTime(f64::from_bits(wide)),
        0x40 => Value::Time(wide),
        0x48 => Value::Guid(octets),
        _ => Value::Integer64(wide.cast_signed()),
    }
}

fn string(value_type: u32, octets: &[u8]) -> Value {
    if value_type == 0x1E {
        return Value::String8(octets.strip_suffix(&[0]).unwrap_or(octets).to_vec());
    }
    Value::String(utf16(octets))
}

/// UTF-16LE as [`Value::String`] holds it, one trailing NUL taken off; an odd last octet is no unit.
#[must_use]
pub fn utf16(octets: &[u8]) -> String {
    let units: Vec<u16> = octets.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    let units = units.strip_suffix(&[0]).unwrap_or(&units);
    char::decode_utf16(units.iter().copied()).map(|character| character.unwrap_or(LONE_SURROGATE)).collect()
}

/// [MS-PST] §2.3.3.4.1: the values one after the other.
fn many_fixed(value_type: u32, wide: usize, octets: &[u8]) -> Result<Value, String> {
    let values = octets.chunks_exact(wide);
    if !values.remainder().is_empty() {
        return Err(format!("{} octets are no whole number of values of {wide}", octets.len()));
    }
    Ok(Value::Many(values.map(|held| fixed(value_type, held)).collect()))
}

/// [MS-PST] §2.3.3.4.2: a count, the offset of each value, the values.
fn many_long(value_type: u32, octets: &[u8]) -> Result<Value, String> {
    if octets.is_empty() {
        return Ok(Value::Many(Vec::new()));
    }
    let word = |place: usize| -> Option<usize> {
        let held = octets.get(place..place.checked_add(4)?)?;
        usize::try_from(u32::from_le_bytes([held[0], held[1], held[2], held[3]])).ok()
    };
    let wrong = || format!("the offsets of a value of type {:#06x} lead nowhere", value_type | 0x1000);
    let count = word(0).filter(|count| *count <= octets.len() / 4).ok_or_else(wrong)?;
    let mut values = Vec::with_capacity(count);
    for place in 0..count {
        let from = word(4 + place * 4).ok_or_else(wrong)?;
        let to = if place + 1 == count { Some(octets.len()) } else { word(8 + place * 4) };
        let held = to.and_then(|to| octets.get(from..to)).ok_or_else(wrong)?;
        values.push(match value_type {
            0x1E | 0x1F => string(value_type, held),
            _ => Value::Binary(held.to_vec()),
        });
    }
    Ok(Value::Many(values))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value_type: u32, octets: &[u8], expected: Option<Value>) {
        assert_eq!(decode(value_type, octets).ok(), expected, "{value_type:#06x} of {octets:02x?}");
    }

    #[test]
    fn values_of_fixed_length_are_read_in_little_endian_and_may_be_followed_by_padding() {
        check(0x03, &[0xFE, 0xFF, 0xFF, 0xFF], Some(Value::Integer32(-2)));
        check(0x02, &[0xFE, 0xFF, 0, 0], Some(Value::Integer16(-2)));
        check(0x0B, &[2, 0, 0, 0], Some(Value::Boolean(true)));
        check(0x06, &[1, 0, 0, 0, 0, 0, 0, 0], Some(Value::Integer64(1)));
        check(0x40, &[0, 0, 0, 0, 1, 0, 0, 0], Some(Value::Time(1 << 32)));
        check(0x48, &[7; 16], Some(Value::Guid([7; 16])));
        check(0x05, &1.5_f64.to_le_bytes(), Some(Value::Floating64(1.5)));
    }

    #[test]
    fn a_value_of_fixed_length_that_is_short_is_no_value() {
        check(0x03, &[1, 2, 3], None);
        check(0x40, &[], None);
        check(0x48, &[7; 15], None);
    }

    #[test]
    fn strings_lose_one_trailing_nul_and_keep_inner_ones() {
        check(0x1F, &[0x61, 0, 0, 0, 0x62, 0, 0, 0], Some(Value::String("a\0b".to_owned())));
        check(0x1F, &[0x3D, 0xD8], Some(Value::String(LONE_SURROGATE.to_string())));
        check(0x1F, &[], Some(Value::String(String::new())));
        check(0x1E, b"caf\xE9\0", Some(Value::String8(b"caf\xE9".to_vec())));
        check(0x102, &[0, 0], Some(Value::Binary(vec![0, 0])));
        check(0x4321, &[1], Some(Value::Binary(vec![1])));
    }

    #[test]
    fn many_values_are_taken_apart_and_impossible_ones_refused() {
        check(0x1002, &[1, 0, 2, 0], Some(Value::Many(vec![Value::Integer16(1), Value::Integer16(2)])));
        check(0x1003, &[1, 0, 0, 0, 2], None);
        let two = [2, 0, 0, 0, 12, 0, 0, 0, 14, 0, 0, 0, b'a', 0, b'b', 0];
        check(0x101F, &two, Some(Value::Many(vec![Value::String("a".into()), Value::String("b".into())])));
        check(0x1102, &[], Some(Value::Many(Vec::new())));
        check(0x1102, &[0xFF, 0xFF, 0xFF, 0xFF], None);
        check(0x1102, &[1, 0, 0, 0, 9, 0, 0, 0], None);
        check(0x101E, &[2, 0, 0, 0, 14, 0, 0, 0, 12, 0, 0, 0, 1, 2, 3, 4], None);
    }
}
