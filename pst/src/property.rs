//! Typed properties as a store holds them ([MS-OXPROPS], [MS-OXCDATA] §2.11.1).
//! Never decodes a code page: octets of 8-bit strings stay octets until somebody knows their page.

use litemap::LiteMap;

use crate::store::Blob;

/// A property's value. Times are FILETIMEs: units of 100 ns since 1601-01-01T00:00:00Z.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `PtypNull`, or a type 0 that some writers leave behind.
    Null,
    /// `PtypInteger16`.
    Integer16(i16),
    /// `PtypInteger32`.
    Integer32(i32),
    /// `PtypInteger64`, and `PtypCurrency`, in ten-thousandths.
    Integer64(i64),
    /// `PtypFloating32`.
    Floating32(f32),
    /// `PtypFloating64`.
    Floating64(f64),
    /// `PtypFloatingTime`: days since 1899-12-30.
    FloatingTime(f64),
    /// `PtypBoolean`.
    Boolean(bool),
    /// `PtypErrorCode`.
    ErrorCode(u32),
    /// `PtypTime`.
    Time(u64),
    /// `PtypGuid`, in the order of the file.
    Guid([u8; 16]),
    /// `PtypString`: UTF-16LE decoded, [`LONE_SURROGATE`] for each half of a character that stands alone, one trailing
    /// NUL taken off, inner NULs kept.
    String(String),
    /// `PtypString8`: octets of a code page that the item or the store names, trailing NUL taken off.
    String8(Vec<u8>),
    /// `PtypBinary`, `PtypServerId`, and values of types that are not known.
    Binary(Vec<u8>),
    /// `PtypObject`: what it refers to is an [`crate::item::Attachment`]'s content.
    Object,
    /// A string or binary value too long to be held ([`VALUE_OCTETS_MAX`]); read it as the blob that it is. For
    /// `PtypString` the blob holds UTF-16LE.
    Long(ValueType, Blob),
    /// A multi-valued property; its values are of one type.
    Many(Vec<Value>),
}

/// What stands in a [`Value::String`] for a surrogate without its other half, which no Unicode text can hold: a
/// noncharacter that no text has, so that a conversion can tell it from a U+FFFD that was written, and name the loss.
pub const LONE_SURROGATE: char = '\u{10FFFF}';

/// Longest value that a reader holds in memory, in octets of the file; longer ones come as [`Value::Long`].
pub const VALUE_OCTETS_MAX: u64 = 1024 * 1024;

/// The types of values that can be long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// `PtypString`: UTF-16LE.
    String,
    /// `PtypString8`.
    String8,
    /// `PtypBinary`.
    Binary,
}

/// The properties of one object by their ids: the upper 16 bits of a property tag. Ids from 0x8000 on are named
/// ones, and mean what the store's [`crate::names::Names`] says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Properties(pub LiteMap<u16, Value>);

impl<const COUNT: usize> From<[(u16, Value); COUNT]> for Properties {
    fn from(all: [(u16, Value); COUNT]) -> Self {
        all.into_iter().collect()
    }
}

impl FromIterator<(u16, Value)> for Properties {
    fn from_iter<I: IntoIterator<Item = (u16, Value)>>(all: I) -> Self {
        Self(all.into_iter().collect())
    }
}

impl Extend<(u16, Value)> for Properties {
    fn extend<I: IntoIterator<Item = (u16, Value)>>(&mut self, all: I) {
        for (id, value) in all {
            self.0.insert(id, value);
        }
    }
}

impl Properties {
    /// Of each id the first value, in whatever order they come.
    #[must_use]
    pub fn of_first(mut all: Vec<(u16, Value)>) -> Self {
        // One by one they would take the time of their square where a hostile store has them the wrong way round.
        if !all.is_sorted_by_key(|(id, _)| *id) {
            all.sort_by_key(|(id, _)| *id);
        }
        all.dedup_by_key(|(id, _)| *id);
        Self(LiteMap::from_sorted_store_unchecked(all))
    }

    /// The value under `id`, where there is one.
    #[must_use]
    pub fn get(&self, id: u16) -> Option<&Value> {
        self.0.get(&id)
    }

    /// An integer of any width, or a boolean as 0 and 1.
    #[must_use]
    pub fn integer(&self, id: u16) -> Option<i64> {
        match self.get(id)? {
            Value::Integer16(value) => Some(i64::from(*value)),
            Value::Integer32(value) => Some(i64::from(*value)),
            Value::Integer64(value) => Some(*value),
            Value::Boolean(value) => Some(i64::from(*value)),
            _ => None,
        }
    }

    /// True where the property is there and neither zero nor false.
    #[must_use]
    pub fn is_set(&self, id: u16) -> bool {
        self.integer(id).is_some_and(|value| value != 0)
    }

    /// A time as a FILETIME; 0 and the largest value mean "none" and are given as nothing.
    #[must_use]
    pub fn time(&self, id: u16) -> Option<u64> {
        match self.get(id)? {
            Value::Time(value) if *value != 0 && *value < i64::MAX as u64 => Some(*value),
            _ => None,
        }
    }

    /// The octets of a binary value that is held.
    #[must_use]
    pub fn binary(&self, id: u16) -> Option<&[u8]> {
        match self.get(id)? {
            Value::Binary(octets) => Some(octets),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Properties, Value};

    #[test]
    fn of_several_values_the_first_stays_or_the_last_as_it_is_asked_for() {
        let all = [(3, 1), (1, 2), (3, 3), (2, 4), (1, 5)].map(|(id, value)| (id, Value::Integer32(value)));
        let values = |properties: Properties| properties.0.into_iter().collect::<Vec<_>>();
        let wanted = |all: [(u16, i32); 3]| all.map(|(id, value)| (id, Value::Integer32(value))).to_vec();
        assert_eq!(values(Properties::of_first(all.to_vec())), wanted([(1, 2), (2, 4), (3, 1)]));
        assert_eq!(values(all.clone().into()), wanted([(1, 5), (2, 4), (3, 3)]));
        let mut extended = Properties::default();
        extended.extend(all);
        assert_eq!(values(extended), wanted([(1, 5), (2, 4), (3, 3)]));
    }
}
