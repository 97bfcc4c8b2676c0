//! Takes transfer encodings (RFC 2045 §6) off what passes by.
//! Never refuses anything: what the encoding has no place for is passed over, as readers of mail do.

/// One part's encoding and what waits for its rest.
pub(super) enum Decoder {
    Identity,
    Base64 { bits: u32, count: u8 },
    Quoted { rest: Vec<u8> },
}

impl Decoder {
    pub fn of(encoding: &str) -> Self {
        match encoding {
            "base64" => Self::Base64 { bits: 0, count: 0 },
            "quoted-printable" => Self::Quoted { rest: Vec::new() },
            _ => Self::Identity,
        }
    }

    pub fn decode(&mut self, octets: &[u8]) -> Vec<u8> {
        match self {
            Self::Identity => octets.to_vec(),
            Self::Base64 { bits, count } => base64(octets, bits, count),
            Self::Quoted { rest } => {
                let mut all = std::mem::take(rest);
                all.extend_from_slice(octets);
                let (decoded, used) = quoted(&all, false);
                rest.extend_from_slice(&all[used..]);
                decoded
            }
        }
    }

    /// What is left at the part's end.
    pub fn finish(&mut self) -> Vec<u8> {
        match self {
            Self::Identity => Vec::new(),
            Self::Base64 { bits, count } => partial(*bits, *count),
            Self::Quoted { rest } => quoted(&std::mem::take(rest), true).0,
        }
    }
}

fn base64(octets: &[u8], bits: &mut u32, count: &mut u8) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(octets.len() / 4 * 3 + 3);
    for octet in octets {
        let value = match octet {
            b'A'..=b'Z' => octet - b'A',
            b'a'..=b'z' => octet - b'a' + 26,
            b'0'..=b'9' => octet - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                decoded.extend(partial(*bits, *count));
                (*bits, *count) = (0, 0);
                continue;
            }
            _ => continue,
        };
        *bits = *bits << 6 | u32::from(value);
        *count += 1;
        if *count == 4 {
            decoded.extend_from_slice(&bits.to_be_bytes()[1..]);
            (*bits, *count) = (0, 0);
        }
    }
    decoded
}

/// The octets of a group that is not full.
fn partial(bits: u32, count: u8) -> Vec<u8> {
    match count {
        2 => vec![(bits >> 4).to_be_bytes()[3]],
        3 => (bits >> 2).to_be_bytes()[2..].to_vec(),
        _ => Vec::new(),
    }
}

/// Decoded octets, and how many were used: what may be the beginning of an escape waits for its rest.
fn quoted(octets: &[u8], is_end: bool) -> (Vec<u8>, usize) {
    let mut decoded = Vec::with_capacity(octets.len());
    let mut at = 0;
    while let Some(octet) = octets.get(at) {
        if *octet != b'=' {
            decoded.push(*octet);
            at += 1;
            continue;
        }
        let digit = |place: usize| octets.get(at + place).and_then(|octet| char::from(*octet).to_digit(16));
        match (octets.get(at + 1), octets.get(at + 2), digit(1).zip(digit(2))) {
            (_, _, Some((high, low))) => {
                decoded.push((high * 16 + low).to_be_bytes()[3]);
                at += 3;
            }
            (Some(b'\n'), ..) => at += 2,
            (Some(b'\r'), Some(b'\n'), _) => at += 3,
            (None, ..) | (_, None, _) if !is_end => break,
            _ => {
                decoded.push(b'=');
                at += 1;
            }
        }
    }
    (decoded, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_come_off_in_pieces_of_any_size() {
        for (encoding, written, expected) in [
            ("base64", "T2zDoSBt\r\ndW5kbw==\r\n", "Olá mundo"),
            ("base64", "T2zDoQ", "Olá"),
            ("quoted-printable", "Ol=C3=a1 =\r\nmun=3Ddo=\nx =ZZ=", "Olá mun=dox =ZZ="),
            ("7bit", "a=3D", "a=3D"),
        ] {
            for size in 1..=written.len() {
                let mut decoder = Decoder::of(encoding);
                let mut found: Vec<u8> =
                    written.as_bytes().chunks(size).flat_map(|piece| decoder.decode(piece)).collect();
                found.extend(decoder.finish());
                assert_eq!(String::from_utf8_lossy(&found), expected, "{encoding} in pieces of {size}");
            }
        }
    }
}
