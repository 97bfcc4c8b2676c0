//! Takes apart compressed RTF ([MS-OXRTFCP]): LZFu, and MELA, which is not compressed at all.
//! Never believes the sizes and the sum in the header: writers leave them wrong, and the data speaks for itself.

const HEADER_OCTETS: usize = 16;
const COMPRESSED: [u8; 4] = *b"LZFu";
const UNCOMPRESSED: [u8; 4] = *b"MELA";
const NO_MARK: &str = "it ends without its mark";
/// What is wrong with RTF of which more was there than was wanted.
pub const TOO_LONG: &str = "it unpacks to more than the limit";
const WINDOW: usize = 4096;
/// What the dictionary holds before the first octet ([MS-OXRTFCP] §2.1.2.1).
const PREFIX: &[u8] =
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \
\\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \
\\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

/// RTF, and what was wrong with its packing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// The RTF, as far as it could be had.
    pub octets: Vec<u8>,
    /// Why it may be incomplete.
    pub flaw: Option<&'static str>,
}

/// Unpacks the value of `PidTagRtfCompressed`, to at most `octets_max` octets and a few more: what lies beyond is left
/// out and told ([`TOO_LONG`]).
#[must_use]
pub fn unpack(value: &[u8], octets_max: usize) -> Unpacked {
    let (Some(kind), Some(data)) = (value.get(8..12), value.get(HEADER_OCTETS..)) else {
        return Unpacked { octets: Vec::new(), flaw: Some("it is shorter than its header") };
    };
    let raw = value.get(4..8).map_or(0, |size| le32(size) as usize);
    if kind == UNCOMPRESSED {
        let (octets, flaw) = match data.get(..raw) {
            Some(data) => (data, None),
            // Some writers count more octets than there are; the last brace shows that nothing is missing.
            None if data.trim_ascii_end().ends_with(b"}") => (data, None),
            None => (data, Some("it is shorter than its header says")),
        };
        return match octets.get(..octets_max) {
            Some(some) if some.len() < octets.len() => {
                Unpacked { octets: some.to_vec(), flaw: Some(TOO_LONG) }
            }
            _ => Unpacked { octets: octets.to_vec(), flaw },
        };
    }
    if kind != COMPRESSED {
        return Unpacked { octets: Vec::new(), flaw: Some("its packing is not known") };
    }
    let mut unpacked = expand(data, octets_max);
    // Some writers leave the mark of the end out: the promised size shows as well that nothing is missing.
    unpacked.flaw = unpacked.flaw.filter(|flaw| *flaw != NO_MARK || unpacked.octets.len() < raw);
    unpacked
}

fn le32(octets: &[u8]) -> u32 {
    octets.first_chunk::<4>().map_or(0, |four| u32::from_le_bytes(*four))
}

/// The dictionary is a ring of 4096 octets that begins filled with the prefix: the same as a window that slides over
/// the prefix and everything written since.
fn expand(data: &[u8], octets_max: usize) -> Unpacked {
    let mut out = Vec::with_capacity(PREFIX.len() + data.len().saturating_mul(3).min(octets_max));
    out.extend_from_slice(PREFIX);
    let flaw = fill(data, &mut out, octets_max.saturating_add(PREFIX.len())).err();
    out.drain(..PREFIX.len());
    Unpacked { octets: out, flaw }
}

fn fill(data: &[u8], out: &mut Vec<u8>, octets_max: usize) -> Result<(), &'static str> {
    let mut rest = data;
    while let Some((&control, after)) = rest.split_first() {
        rest = after;
        for bit in 0..8 {
            if control & (1 << bit) == 0 {
                let Some((&octet, after)) = rest.split_first() else { break };
                if out.len() >= octets_max {
                    return Err(TOO_LONG);
                }
                out.push(octet);
                rest = after;
                continue;
            }
            let Some((&[high, low], after)) = rest.split_first_chunk::<2>() else {
                return Err("it ends within a reference");
            };
            rest = after;
            let reference = u16::from_be_bytes([high, low]);
            let (offset, length) = (usize::from(reference >> 4), usize::from(reference & 0xF) + 2);
            let distance = (out.len() + WINDOW - offset) % WINDOW;
            if distance == 0 {
                return Ok(());
            }
            let Some(start) = out.len().checked_sub(distance) else {
                return Err("it refers to what was never written");
            };
            if out.len() >= octets_max {
                return Err(TOO_LONG);
            }
            for place in start..start + length {
                out.push(out[place]);
            }
        }
    }
    Err(NO_MARK)
}

#[cfg(test)]
mod tests {
    use super::{PREFIX, TOO_LONG, unpack};

    const MAX: usize = 1 << 20;

    fn packed(kind: &[u8; 4], raw: u32, data: &[u8]) -> Vec<u8> {
        [&(data.len() as u32 + 12).to_le_bytes()[..], &raw.to_le_bytes(), kind, &[0; 4], data].concat()
    }

    #[test]
    fn the_examples_of_the_standard_unpack() {
        assert_eq!(PREFIX.len(), 207);
        // [MS-OXRTFCP] §4.1.1: "{\rtf1\ansi\ansicpg1252\pard hello world}\r\n".
        let data = [
            0x03, 0x00, 0x0A, 0x00, 0x72, 0x63, 0x70, 0x67, 0x31, 0x32, 0x35, 0x42, 0x32, 0x0A, 0xF3, 0x20,
            0x68, 0x65, 0x6C, 0x09, 0x00, 0x20, 0x62, 0x77, 0x05, 0xB0, 0x6C, 0x64, 0x7D, 0x0A, 0x80, 0x0F,
            0xA0,
        ];
        let found = unpack(&packed(b"LZFu", 43, &data), MAX);
        assert_eq!(found.octets, b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n");
        assert_eq!(found.flaw, None);
        // §4.1.2: a reference that overlaps what it writes.
        let data = [0x41, 0x00, 0x04, 0x20, 0x57, 0x58, 0x59, 0x5A, 0x0D, 0x6E, 0x7D, 0x01, 0x0E, 0xB0];
        let found = unpack(&packed(b"LZFu", 28, &data), MAX);
        assert_eq!(found.octets, b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}");
        assert_eq!(found.flaw, None);
        assert_eq!(unpack(&packed(b"MELA", 5, b"{rtf}"), MAX).octets, b"{rtf}");
    }

    #[test]
    fn broken_packings_give_what_they_can_and_say_why() {
        for (value, octets, has_flaw) in [
            (vec![], &b""[..], true),
            (packed(b"what", 5, b"{rtf}"), b"", true),
            (packed(b"MELA", u32::MAX, b"{rtf}"), b"{rtf}", false),
            (packed(b"MELA", u32::MAX, b"{rtf"), b"{rtf", true),
            (packed(b"LZFu", 2, b"\x00ab"), b"ab", false),
            (packed(b"LZFu", 3, b"\x00ab"), b"ab", true),
            (packed(b"LZFu", 2, b"\x04ab\xFF"), b"ab", true),
            (packed(b"LZFu", 2, b"\x04ab\xF0\x00"), b"ab", true),
        ] {
            let found = unpack(&value, MAX);
            assert_eq!((found.octets.as_slice(), found.flaw.is_some()), (octets, has_flaw), "{value:?}");
        }
    }

    #[test]
    fn what_unpacks_to_more_than_is_wanted_ends_there_and_says_so() {
        // Each reference stands for 17 octets.
        let octets = [&[0x00][..], &[b'x'; 8]].concat();
        let endless = [0xFF, 0, 0xF, 0, 0xF, 0, 0xF, 0, 0xF, 0, 0xF, 0, 0xF, 0, 0xF, 0, 0xF].repeat(20_000);
        for (kind, data) in [(b"LZFu", [octets, endless].concat()), (b"MELA", vec![b'x'; 3000])] {
            let found = unpack(&packed(kind, u32::try_from(data.len()).expect("short"), &data), 2000);
            assert!(found.octets.len() < 2000 + 17, "{}", found.octets.len());
            assert_eq!((found.octets.len() >= 2000, found.flaw), (true, Some(TOO_LONG)), "{kind:?}");
        }
        let found = unpack(&packed(b"MELA", 5, b"{rtf}"), 5);
        assert_eq!((found.octets.as_slice(), found.flaw), (&b"{rtf}"[..], None), "exactly as much");
        let data = [0x00, b'{', b'r', b't', b'f', b'}', b' ', b' ', b' ', 0x01, 0x0D, 0x70];
        let found = unpack(&packed(b"LZFu", 8, &data), 8);
        assert_eq!(
            (found.octets.as_slice(), found.flaw),
            (&b"{rtf}   "[..], None),
            "exactly as much, and its mark"
        );
    }
}
