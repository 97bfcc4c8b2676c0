//! Which line of a CSV file a record begins on, as an editor counts them.
//! Never trusts the reader's own count, which is one behind after `\r\n` and before empty lines.

/// Counts lines along with the reader.
pub struct Lines<'a> {
    octets: &'a [u8],
    at: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    /// Begins at `line`, which is the number of the first line of `octets`.
    pub const fn new(octets: &'a [u8], line: u64) -> Self {
        Self { octets, at: 0, line }
    }

    /// The line on which the record at `position` begins; records are asked for in their order.
    pub fn line_of(&mut self, position: Option<&csv::Position>) -> u64 {
        let byte = position.map_or(self.at, |position| usize::try_from(position.byte()).unwrap_or(self.at));
        let is_end = |octet: &&u8| matches!(**octet, b'\r' | b'\n');
        let start = byte + self.octets.get(byte..).unwrap_or_default().iter().take_while(is_end).count();
        let passed = self.octets.get(self.at..start).unwrap_or_default();
        self.line += passed.iter().filter(|octet| **octet == b'\n').count() as u64;
        self.at = self.at.max(start);
        self.line
    }
}
