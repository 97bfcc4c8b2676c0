//! Values of properties, and how each of the three formats writes them ([MS-PST] §2.3.3.3, [MS-OXCDATA] §2.11.1).
//! Never reads: what is written here is read by others.

use encoding_rs::Encoding;

use crate::Format;

/// A property's value. Times are FILETIMEs: units of 100 ns since 1601-01-01T00:00:00Z.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `PtypInteger16`.
    Integer16(i16),
    /// `PtypInteger32`.
    Integer32(i32),
    /// `PtypInteger64`.
    Integer64(i64),
    /// `PtypFloating64`.
    Floating64(f64),
    /// `PtypBoolean`.
    Boolean(bool),
    /// `PtypTime`.
    Time(u64),
    /// `PtypGuid`, in the order of the file.
    Guid([u8; 16]),
    /// A string: UTF-16LE in Unicode stores; in ANSI ones in the store's code page, `?` for what it lacks.
    Text(String),
    /// A string by its UTF-16 units, which need not be well formed; of Unicode stores only.
    Units(Vec<u16>),
    /// An 8-bit string by its octets, whatever the format.
    Text8(Vec<u8>),
    /// `PtypBinary`.
    Binary(Vec<u8>),
    /// `PtypMultipleInteger32`.
    Integers(Vec<i32>),
    /// `PtypMultipleString`, or its 8-bit sister in ANSI stores.
    Texts(Vec<String>),
    /// `PtypMultipleBinary`.
    Binaries(Vec<Vec<u8>>),
    /// Any octets under any type, also one that does not exist. Types of up to 4 octets stand in the property itself.
    Raw(u16, Vec<u8>),
}

impl Value {
    /// A string.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// A time, given in seconds since 1970-01-01T00:00:00Z.
    ///
    /// # Panics
    /// For times before 1601.
    #[must_use]
    pub fn time(unix_seconds: i64) -> Self {
        let seconds = unix_seconds + crate::UNIX_EPOCH_SECONDS;
        Self::Time(u64::try_from(seconds).expect("no test needs a time before 1601") * 10_000_000)
    }
}

/// How one store writes values.
#[derive(Clone, Copy)]
pub(crate) struct Writing {
    pub(crate) format: Format,
    pub(crate) code_page: &'static Encoding,
}

impl Writing {
    /// The type and the octets of a value.
    pub(crate) fn octets(self, value: &Value) -> (u16, Vec<u8>) {
        match value {
            Value::Integer16(value) => (0x0002, value.to_le_bytes().to_vec()),
            Value::Integer32(value) => (0x0003, value.to_le_bytes().to_vec()),
            Value::Integer64(value) => (0x0014, value.to_le_bytes().to_vec()),
            Value::Floating64(value) => (0x0005, value.to_le_bytes().to_vec()),
            Value::Boolean(value) => (0x000B, vec![u8::from(*value)]),
            Value::Time(value) => (0x0040, value.to_le_bytes().to_vec()),
            Value::Guid(value) => (0x0048, value.to_vec()),
            Value::Text(value) => (self.format.text_type(), self.text(value)),
            Value::Units(value) => (0x001F, value.iter().flat_map(|unit| unit.to_le_bytes()).collect()),
            Value::Text8(value) => (0x001E, value.clone()),
            Value::Binary(value) => (0x0102, value.clone()),
            Value::Integers(values) => {
                (0x1003, values.iter().flat_map(|value| value.to_le_bytes()).collect())
            }
            Value::Texts(values) => {
                let values: Vec<Vec<u8>> = values.iter().map(|value| self.text(value)).collect();
                (0x1000 | self.format.text_type(), ragged(&values))
            }
            Value::Binaries(values) => (0x1102, ragged(values)),
            Value::Raw(kind, value) => (*kind, value.clone()),
        }
    }

    fn text(self, text: &str) -> Vec<u8> {
        if self.format != Format::Ansi {
            return text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        }
        let mut buffer = [0; 4];
        let one = |character: char| {
            let (octets, _, is_lossy) = self.code_page.encode(character.encode_utf8(&mut buffer));
            if is_lossy { vec![b'?'] } else { octets.into_owned() }
        };
        text.chars().flat_map(one).collect()
    }
}

/// Values of different lengths: their count, where each begins, and themselves (§2.3.3.4.2).
fn ragged(values: &[Vec<u8>]) -> Vec<u8> {
    let word =
        |number: usize| u32::try_from(number).expect("a value of tests is far below 4 GiB").to_le_bytes();
    let mut octets = word(values.len()).to_vec();
    let mut start = 4 + 4 * values.len();
    for value in values {
        octets.extend(word(start));
        start += value.len();
    }
    octets.extend(values.concat());
    octets
}

/// True for types whose values stand in the property or the row itself.
pub(crate) const fn is_inline(kind: u16) -> bool {
    matches!(kind, 0x0000..=0x0004 | 0x000A | 0x000B)
}

/// Octets of a table's cell of this type.
pub(crate) const fn cell_octets(kind: u16) -> usize {
    match kind {
        0x000B => 1,
        0x0002 => 2,
        0x0005..=0x0007 | 0x0014 | 0x0040 => 8,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: Format, value: Value, expected_kind: u16, expected: &[u8]) {
        let writing = Writing { format, code_page: encoding_rs::WINDOWS_1252 };
        assert_eq!(writing.octets(&value), (expected_kind, expected.to_vec()), "{value:?}");
    }

    #[test]
    fn values_are_written_as_the_format_has_them() {
        check(Format::Unicode, Value::text("aç"), 0x1F, b"a\0\xE7\0");
        check(Format::Ansi, Value::text("aç☃"), 0x1E, b"a\xE7?");
        check(Format::Unicode, Value::time(0), 0x40, &116_444_736_000_000_000_u64.to_le_bytes());
        let two = Value::Binaries(vec![b"x".to_vec(), b"yz".to_vec()]);
        check(Format::Unicode, two, 0x1102, b"\x02\0\0\0\x0C\0\0\0\x0D\0\0\0xyz");
        check(Format::Ansi, Value::Raw(0, vec![1, 0, 0, 0]), 0, &[1, 0, 0, 0]);
    }
}
