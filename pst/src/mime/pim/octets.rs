//! Reads little-endian fields out of binary properties one after the other.
//! Never reads beyond the end: what is not there is nothing.

/// What is left of a binary value.
#[derive(Debug, Clone, Copy)]
pub struct Octets<'a>(pub &'a [u8]);

impl<'a> Octets<'a> {
    /// The next so many octets.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// The next two octets as a number.
    pub fn half(&mut self) -> Option<u16> {
        let octets = self.take(2)?;
        Some(u16::from_le_bytes([octets[0], octets[1]]))
    }

    /// The next four octets as a number.
    pub fn word(&mut self) -> Option<u32> {
        let octets = self.take(4)?;
        Some(u32::from_le_bytes([octets[0], octets[1], octets[2], octets[3]]))
    }

    /// The next four octets as a number with a sign.
    pub fn signed(&mut self) -> Option<i32> {
        self.word().map(u32::cast_signed)
    }

    /// The next so many UTF-16 units as text.
    pub fn wide(&mut self, units: usize) -> Option<String> {
        let octets = self.take(units.checked_mul(2)?)?;
        Some(encoding_rs::UTF_16LE.decode_without_bom_handling(octets).0.into_owned())
    }
}
