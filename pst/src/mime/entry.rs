//! Entry ids that carry names and addresses themselves ([MS-OXCDATA] §2.2.5): one-off ones and Exchange's.
//! Never follows an entry id into another object.

use std::borrow::Cow;

use crate::text::CodePage;

const ONE_OFF: [u8; 16] =
    [0x81, 0x2B, 0x1F, 0xA4, 0xBE, 0xA3, 0x10, 0x19, 0x9D, 0x6E, 0x00, 0xDD, 0x01, 0x0F, 0x54, 0x02];
const EXCHANGE: [u8; 16] =
    [0xDC, 0xA7, 0x40, 0xC8, 0xC0, 0x42, 0x10, 0x1A, 0xB4, 0xB9, 0x08, 0x00, 0x2B, 0x2F, 0xE1, 0x82];
/// Strings of a one-off id are UTF-16LE where this bit of its flags is set.
const ONE_OFF_UNICODE: u16 = 0x8000;

/// Most entries that are read of one list.
pub const ENTRIES_MAX: usize = 10_000;

/// Who an entry id names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The name to show; empty where the id holds none.
    pub name: Cow<'a, str>,
    /// The kind of address, `SMTP` or `EX`.
    pub kind: Cow<'a, str>,
    /// The address.
    pub address: Cow<'a, str>,
    /// True where the name came as Unicode and is exact.
    pub is_unicode: bool,
}

/// Reads an entry id; nothing for kinds that hold no address.
pub fn read<'a>(octets: &'a [u8], page: &CodePage) -> Option<Entry<'a>> {
    let provider = octets.get(4..20)?;
    let rest = octets.get(20..)?;
    if provider == EXCHANGE {
        let (address, _) = narrow(rest.get(8..)?, page)?;
        let name = Cow::Borrowed("");
        return Some(Entry { name, kind: Cow::Borrowed("EX"), address, is_unicode: false });
    }
    if provider != ONE_OFF {
        return None;
    }
    let flags = u16::from_le_bytes([*rest.get(2)?, *rest.get(3)?]);
    let is_unicode = flags & ONE_OFF_UNICODE != 0;
    let string = |octets| if is_unicode { wide(octets) } else { narrow(octets, page) };
    let (name, rest) = string(rest.get(4..)?)?;
    let (kind, rest) = string(rest)?;
    let (address, _) = string(rest)?;
    Some(Entry { name, kind, address, is_unicode })
}

/// A string up to its NUL, or to the end where writers left that out, and what follows it.
fn narrow<'a>(octets: &'a [u8], page: &CodePage) -> Option<(Cow<'a, str>, &'a [u8])> {
    let end = memchr::memchr(0, octets).unwrap_or(octets.len());
    Some((page.decode(octets.get(..end)?).0, octets.get(end + 1..).unwrap_or_default()))
}

fn wide(octets: &[u8]) -> Option<(Cow<'_, str>, &[u8])> {
    let end =
        octets.chunks_exact(2).position(|pair| pair == [0, 0]).map_or(octets.len() & !1, |unit| unit * 2);
    let text = encoding_rs::UTF_16LE.decode_without_bom_handling(octets.get(..end)?).0;
    Some((text, octets.get(end + 2..).unwrap_or_default()))
}

/// The ids of a list of entries ([MS-OXCDATA] §2.3.3, `FlatEntryList`); a cut list gives what is whole of it.
pub fn list(octets: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut rest = octets.get(8..).unwrap_or_default();
    while let Some(size) = rest.first_chunk::<4>().map(|size| u32::from_le_bytes(*size) as usize) {
        let Some(entry) = rest.get(4..).and_then(|rest| rest.get(..size)) else { break };
        if size == 0 || found.len() == ENTRIES_MAX {
            break;
        }
        found.push(entry);
        let padded = size.next_multiple_of(4).saturating_add(4);
        rest = rest.get(padded..).unwrap_or_default();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{ENTRIES_MAX, EXCHANGE, Entry, ONE_OFF, list, read};
    use crate::text::WINDOWS_1252;

    fn one_off(text: &str) -> Vec<u8> {
        let mut octets = [&[0_u8; 4][..], &ONE_OFF, &[0, 0, 0, 0x80]].concat();
        octets.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        octets
    }

    #[test]
    fn one_off_and_exchange_ids_name_people_and_cut_ones_do_not_panic() {
        let octets = one_off("Ana Gonçalves\0SMTP\0ana@exemplo.pt\0");
        let expected = Entry {
            name: "Ana Gonçalves".into(),
            kind: "SMTP".into(),
            address: "ana@exemplo.pt".into(),
            is_unicode: true,
        };
        assert_eq!(read(&octets, WINDOWS_1252), Some(expected));
        let exchange = [&[0_u8; 4][..], &EXCHANGE, &[1, 0, 0, 0, 0, 0, 0, 0], b"/o=x/cn=ana\0"].concat();
        let found = read(&exchange, WINDOWS_1252).expect("it is an Exchange id");
        assert_eq!((found.kind.as_ref(), found.address.as_ref()), ("EX", "/o=x/cn=ana"));
        for end in 0..octets.len() {
            let _ = read(&octets[..end], WINDOWS_1252);
        }
    }

    #[test]
    fn a_list_gives_its_whole_entries_and_has_a_limit() {
        let mut octets = vec![0; 8];
        for entry in [&b"abcde"[..], b"xy"] {
            octets.extend((entry.len() as u32).to_le_bytes());
            octets.extend(entry);
            octets.resize(octets.len().next_multiple_of(4), 0);
        }
        assert_eq!(list(&octets), [&b"abcde"[..], b"xy"]);
        octets.extend(u32::MAX.to_le_bytes());
        assert_eq!(list(&octets).len(), 2);
        let endless = [1, 0, 0, 0, b'x', 0, 0, 0].repeat(ENTRIES_MAX * 2);
        assert_eq!(list(&endless).len(), ENTRIES_MAX);
    }
}
