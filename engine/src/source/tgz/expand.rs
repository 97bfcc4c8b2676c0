//! Expands a gzip file (RFC 1952) and finds its way back to any place in it.
//! Never expands without limits, and never takes a file for whole whose checksums are not right.
//!
//! A decoder's whole state is some forty kilobytes. It is kept now and then while the file is read for the first
//! time, so that a message in the middle costs the expanding of a few megabytes, not of all that goes before it, and
//! nothing has to be spooled to a disk.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use flate2::Crc;
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};

/// Octets that an archive may expand to.
pub const EXPANDED_OCTETS_MAX: u64 = 1 << 40;

/// How many times its size an archive may expand to: mail comes to five times, and rarely to twenty.
pub const RATIO_MAX: u64 = 250;

/// Expanded octets below which the ratio is not looked at: a few empty messages compress very well.
pub const RATIO_FROM_OCTETS: u64 = 64 * 1024 * 1024;

/// States that are kept at most; beyond that, every second one is given up.
const POINTS_MAX: usize = 256;

/// Expanded octets between two kept states at first.
const POINTS_EVERY_OCTETS: u64 = 4 * 1024 * 1024;

/// Compressed octets that are read at once.
const INPUT_OCTETS: usize = 64 * 1024;

/// A gzip header with its optional fields at most.
const HEADER_OCTETS_MAX: usize = 64 * 1024;

/// How far the length in a file's last four octets may lie from what was expanded and still be that of the member
/// that was read: a damaged one comes to another length, by some thousand octets as seen, and swallows its trailer.
const LENGTH_OFF_MAX: u32 = 64 * 1024;

/// A place from which expanding can go on.
#[derive(Clone)]
struct Point {
    expanded: u64,
    at: u64,
    /// Nothing at the beginning of a member.
    state: Option<Box<InflateState>>,
}

/// Places from which expanding can go on, in their order.
#[derive(Clone)]
pub struct Points {
    points: Vec<Point>,
    every_octets: u64,
}

impl Default for Points {
    fn default() -> Self {
        let begin = Point { expanded: 0, at: 0, state: None };
        Self { points: vec![begin], every_octets: POINTS_EVERY_OCTETS }
    }
}

impl Points {
    fn is_due(&self, expanded: u64) -> bool {
        self.points.last().is_none_or(|last| expanded - last.expanded >= self.every_octets)
    }

    fn add(&mut self, point: Point) {
        self.points.push(point);
        if self.points.len() > POINTS_MAX {
            let mut number = 0;
            self.points.retain(|_| {
                number += 1;
                number % 2 == 1
            });
            self.every_octets *= 2;
        }
    }

    fn before(&self, expanded: u64) -> &Point {
        let behind = self.points.partition_point(|point| point.expanded <= expanded);
        &self.points[behind.saturating_sub(1)]
    }
}

/// Where a member is being read.
enum Stage {
    Header,
    Data(Box<InflateState>),
    End,
}

/// Why reading ended before its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flaw {
    /// The file ends in the middle of a member: what was given is what was packed.
    Cut,
    /// What was read is not what was packed.
    Wrong,
    /// A limit, or the disk.
    Other,
}

impl Flaw {
    fn of(cause: &io::Error) -> Self {
        match cause.kind() {
            io::ErrorKind::UnexpectedEof => Self::Cut,
            io::ErrorKind::InvalidData => Self::Wrong,
            _ => Self::Other,
        }
    }
}

/// Reads the expanded octets of a file; those of the file itself where it is not compressed.
pub struct Expander {
    file: Arc<File>,
    is_compressed: bool,
    input: Vec<u8>,
    /// What of the input is still to be taken.
    begin: usize,
    end: usize,
    /// Where in the file the octet behind the input is.
    at: u64,
    stage: Stage,
    expanded: u64,
    checksum: Crc,
    /// Octets of the members whose checksums were right.
    proven: u64,
    flaw: Option<Flaw>,
    /// True while everything is read from the beginning, so that checksums mean something.
    is_first_pass: bool,
    points: Arc<Points>,
    gathered: Points,
    file_octets: u64,
    ratio_max: u64,
}

impl Expander {
    /// Reads `file` from its beginning.
    ///
    /// # Errors
    /// Where it cannot be read at all.
    pub fn begin(file: Arc<File>) -> io::Result<Self> {
        let mut magic = [0; 2];
        let is_compressed = file.read_at(&mut magic, 0)? == 2 && magic == [0x1f, 0x8b];
        let file_octets = file.metadata()?.len();
        Ok(Self {
            file,
            is_compressed,
            input: vec![0; INPUT_OCTETS],
            begin: 0,
            end: 0,
            at: 0,
            stage: Stage::Header,
            expanded: 0,
            checksum: Crc::new(),
            proven: 0,
            flaw: None,
            is_first_pass: true,
            points: Arc::default(),
            gathered: Points::default(),
            file_octets,
            ratio_max: RATIO_MAX,
        })
    }

    /// Asked where the first pass was given up: where the octets begin that may not be those that were packed. Nothing
    /// where there are none; a cut alone alters nothing. What was not read yet is read, for a checksum stands at the
    /// end of its member.
    pub fn doubted_from(&mut self) -> Option<u64> {
        let was_given_up = self.flaw.is_none();
        if was_given_up && self.is_compressed {
            // Why that fails is in `flaw`.
            let _read = io::copy(self, &mut io::sink());
        }
        let is_doubted = self.flaw.is_some_and(|flaw| match flaw {
            Flaw::Wrong => true,
            Flaw::Cut => was_given_up || self.has_swallowed_its_trailer(),
            Flaw::Other => was_given_up,
        });
        (self.is_compressed && is_doubted && self.proven < self.expanded).then_some(self.proven)
    }

    /// True where the file that seems to be cut ends with the length of what was expanded (RFC 1952 §2.3.1): it is
    /// whole, and a damage hid the end of the data.
    fn has_swallowed_its_trailer(&self) -> bool {
        let mut length = [0; 4];
        let at = self.file_octets.saturating_sub(4);
        let is_read = self.file.read_exact_at(&mut length, at).is_ok();
        let off = u32::from_le_bytes(length).wrapping_sub(self.checksum.amount());
        is_read && off.min(off.wrapping_neg()) <= LENGTH_OFF_MAX
    }

    /// What the first pass gathered on its way.
    #[must_use]
    pub fn into_points(self) -> Points {
        self.gathered
    }

    /// Reads `file` wherever it is wanted, by what a first pass gathered.
    ///
    /// # Errors
    /// Where it cannot be read at all.
    pub fn with_points(file: Arc<File>, points: Arc<Points>) -> io::Result<Self> {
        Ok(Self { points, is_first_pass: false, ..Self::begin(file)? })
    }

    /// Octets expanded so far: where the next one is.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.expanded
    }

    /// Goes to the octet at `expanded`, forward or back.
    ///
    /// # Errors
    /// Where what lies before it cannot be read.
    pub fn go_to(&mut self, expanded: u64) -> io::Result<()> {
        self.is_first_pass = false;
        if !self.is_compressed {
            (self.begin, self.end, self.at, self.expanded) = (0, 0, expanded, expanded);
            return Ok(());
        }
        let point = self.points.before(expanded);
        if expanded < self.expanded || point.expanded > self.expanded {
            self.stage = point.state.clone().map_or(Stage::Header, Stage::Data);
            (self.begin, self.end, self.at, self.expanded) = (0, 0, point.at, point.expanded);
        }
        let before = expanded - self.expanded;
        let skipped = io::copy(&mut self.by_ref().take(before), &mut io::sink())?;
        let is_there = self.expanded == expanded;
        if is_there { Ok(()) } else { Err(cut_off(&format!("after {skipped} of the octets before it"))) }
    }

    /// Compressed octets that are not taken yet; empty at the end of the file.
    fn available(&mut self) -> io::Result<&[u8]> {
        if self.begin == self.end {
            let read = loop {
                match self.file.read_at(&mut self.input, self.at) {
                    Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                    read => break read?,
                }
            };
            (self.begin, self.end) = (0, read);
            self.at += read as u64;
        }
        Ok(&self.input[self.begin..self.end])
    }

    fn octet(&mut self) -> io::Result<u8> {
        let octet = self.available()?.first().copied();
        self.begin += 1;
        octet.ok_or_else(|| {
            self.begin -= 1;
            cut_off("in the header or the checksum of a part")
        })
    }

    fn number(&mut self) -> io::Result<u32> {
        let mut octets = [0; 4];
        for octet in &mut octets {
            *octet = self.octet()?;
        }
        Ok(u32::from_le_bytes(octets))
    }

    /// Reads a member's header (RFC 1952 §2.3); false where no further member follows.
    fn header(&mut self) -> io::Result<bool> {
        let is_first = self.expanded == 0 && self.at <= INPUT_OCTETS as u64 && self.begin == 0;
        if self.available()?.is_empty() {
            return if is_first { Err(cut_off("before it began")) } else { Ok(false) };
        }
        let mut fixed = [0; 10];
        fixed[0] = self.octet()?;
        if fixed[0] == 0 && !is_first {
            return self.padding().map(|()| false);
        }
        for octet in &mut fixed[1..] {
            *octet = self.octet()?;
        }
        if fixed[..3] != [0x1f, 0x8b, 8] {
            return Err(damaged("octets that are no gzip lie behind a part of it"));
        }
        let flags = fixed[3];
        if flags & 4 != 0 {
            let length = u16::from_le_bytes([self.octet()?, self.octet()?]);
            for _ in 0..length {
                self.octet()?;
            }
        }
        for flag in [8, 16] {
            let mut length = 0;
            while flags & flag != 0 && self.octet()? != 0 {
                length += 1;
                if length > HEADER_OCTETS_MAX {
                    return Err(damaged("a gzip header is longer than any"));
                }
            }
        }
        if flags & 2 != 0 {
            self.octet()?;
            self.octet()?;
        }
        Ok(true)
    }

    /// Zeros to the end of the file, as tapes have them.
    fn padding(&mut self) -> io::Result<()> {
        loop {
            let available = self.available()?;
            if available.is_empty() {
                return Ok(());
            }
            if available.iter().any(|octet| *octet != 0) {
                return Err(damaged("octets that are no gzip lie behind a part of it"));
            }
            self.begin = self.end;
        }
    }

    /// Holds a member against its checksum and length (RFC 1952 §2.3.1).
    fn trailer(&mut self) -> io::Result<()> {
        let (checksum, octets) = (self.number()?, self.number()?);
        if self.is_first_pass && (checksum, octets) != (self.checksum.sum(), self.checksum.amount()) {
            return Err(damaged("its checksum is not right"));
        }
        self.checksum = Crc::new();
        self.proven = self.expanded;
        Ok(())
    }

    fn expand(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match std::mem::replace(&mut self.stage, Stage::End) {
                Stage::End => return Ok(0),
                Stage::Header => {
                    let at = self.at - (self.end - self.begin) as u64;
                    if self.is_first_pass && self.expanded > 0 && self.gathered.is_due(self.expanded) {
                        self.gathered.add(Point { expanded: self.expanded, at, state: None });
                    }
                    if self.header()? {
                        self.stage = Stage::Data(InflateState::new_boxed(DataFormat::Raw));
                    }
                }
                Stage::Data(mut state) => {
                    let is_at_end = self.available()?.is_empty();
                    let input = &self.input[self.begin..self.end];
                    let result = inflate(&mut state, input, into, MZFlush::None);
                    self.begin += result.bytes_consumed;
                    self.checksum.update(&into[..result.bytes_written]);
                    self.expanded += result.bytes_written as u64;
                    match result.status {
                        Ok(MZStatus::StreamEnd) => {
                            self.trailer()?;
                            self.stage = Stage::Header;
                        }
                        Ok(_) | Err(MZError::Buf) if !is_at_end || result.bytes_written > 0 => {
                            self.keep(&state);
                            self.stage = Stage::Data(state);
                        }
                        Ok(_) | Err(MZError::Buf) => return Err(cut_off("in the middle of a part")),
                        Err(_) => return Err(damaged("what follows is not as gzip writes it")),
                    }
                    if result.bytes_written > 0 {
                        return Ok(result.bytes_written);
                    }
                }
            }
        }
    }

    fn keep(&mut self, state: &InflateState) {
        if self.is_first_pass && self.gathered.is_due(self.expanded) {
            let at = self.at - (self.end - self.begin) as u64;
            let state = Some(Box::new(state.clone()));
            self.gathered.add(Point { expanded: self.expanded, at, state });
        }
    }

    fn check_limits(&self) -> io::Result<()> {
        let is_bomb = self.expanded > RATIO_FROM_OCTETS && self.expanded / self.ratio_max > self.file_octets;
        if self.is_compressed && is_bomb {
            return Err(damaged(&format!("it expands to more than {RATIO_MAX} times its size")));
        }
        if self.expanded > EXPANDED_OCTETS_MAX {
            return Err(damaged(&format!("it expands to more than {EXPANDED_OCTETS_MAX} octets")));
        }
        Ok(())
    }
}

impl Read for Expander {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        let read = if self.is_compressed {
            self.expand(into).inspect_err(|cause| self.flaw = Some(Flaw::of(cause)))?
        } else {
            let available = self.available()?;
            let taken = available.len().min(into.len());
            into[..taken].copy_from_slice(&available[..taken]);
            self.begin += taken;
            self.expanded += taken as u64;
            taken
        };
        self.check_limits().inspect_err(|_| self.flaw = Some(Flaw::Other))?;
        Ok(read)
    }
}

fn cut_off(place: &str) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, format!("the file is cut off {place}"))
}

fn damaged(how: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, how.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write as _;

    fn gzip(text: &[u8]) -> Vec<u8> {
        gzip_at(Compression::fast(), text)
    }

    fn gzip_at(level: Compression, text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), level);
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn file(octets: &[u8]) -> Arc<File> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(octets).unwrap();
        Arc::new(file)
    }

    fn read(octets: &[u8]) -> (Vec<u8>, Option<String>, Points) {
        let mut expander = Expander::begin(file(octets)).unwrap();
        let mut all = Vec::new();
        let failure = expander.read_to_end(&mut all).err().map(|error| error.to_string());
        (all, failure, expander.into_points())
    }

    /// Text that does not compress to nothing, the same each time.
    fn noise(octets: usize) -> Vec<u8> {
        let mut state = 88_172_645_463_325_252_u64;
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            b'a' + u8::try_from(state % 26).unwrap_or(0)
        };
        std::iter::repeat_with(next).take(octets).collect()
    }

    #[test]
    fn parts_in_a_row_padding_and_plain_files_are_read() {
        let (one, two) = (gzip(b"one "), gzip(b"two"));
        for (octets, expected) in [
            ([one.clone(), two.clone()].concat(), &b"one two"[..]),
            ([one.clone(), vec![0; 512]].concat(), b"one "),
            (b"plain".to_vec(), b"plain"),
            (Vec::new(), b""),
        ] {
            let (all, failure, _) = read(&octets);
            assert_eq!((all.as_slice(), failure), (expected, None));
        }
    }

    #[test]
    fn what_is_cut_or_damaged_is_told_and_what_goes_before_is_read() {
        let text = noise(300_000);
        let whole = gzip(&text);
        for cut in [0, 1, 5, 12, 1000, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
            let (all, failure, _) = read(&whole[..cut]);
            assert!(cut == 1 || text.starts_with(&all), "cut at {cut}");
            // Nothing and one octet are no gzip yet.
            assert_eq!(failure.is_some_and(|why| why.contains("cut off")), cut > 1, "cut at {cut}");
        }
        let mut damaged = whole.clone();
        let checksum = whole.len() - 8;
        damaged[checksum] ^= 1;
        assert!(read(&damaged).1.unwrap().contains("checksum"));
        assert!(read(&[whole, b"garbage behind".to_vec()].concat()).1.unwrap().contains("no gzip"));
    }

    #[test]
    fn any_place_is_found_again() {
        let text = noise(12 * 1024 * 1024);
        let parts: Vec<Vec<u8>> = text.chunks(5_000_000).map(gzip).collect();
        let octets = parts.concat();
        let (all, failure, points) = read(&octets);
        assert_eq!((all.len(), failure), (text.len(), None));
        assert!(points.points.len() > 2, "{}", points.points.len());
        let mut expander = Expander::with_points(file(&octets), Arc::new(points)).unwrap();
        for at in [0, 9_000_000, 8_999_990, 4_999_990, 12_582_902, 3, 11_000_000] {
            expander.go_to(at as u64).unwrap();
            let mut found = [0; 10];
            expander.read_exact(&mut found).unwrap();
            assert_eq!(found, text[at..at + 10], "at {at}");
        }
        assert!(expander.go_to(text.len() as u64 + 1).is_err());
    }

    #[test]
    fn a_bomb_is_stopped() {
        let bomb = gzip_at(Compression::best(), &vec![0; 80 * 1024 * 1024]);
        let (all, failure, _) = read(&bomb);
        assert!(failure.unwrap().contains("times its size"));
        assert!(all.len() < 66 * 1024 * 1024, "{}", all.len());
    }
}
