//! Items with random values, told by a small language of their own: every message is legal and has its length.
//! Never reads a store: values are what readers give.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use malote_pst::item::{Attachment, Content, Item};
use malote_pst::mime::{AddressBook, Context, FolderRole, Items, Unreadable, convert};
use malote_pst::names::{Name, Names, PS_INTERNET_HEADERS, PS_PUBLIC_STRINGS};
use malote_pst::property::{Properties, Value};
use malote_pst::store::{Blob, BlobKey, Blobs, NodeId};

struct NoBlobs;

impl Blobs for NoBlobs {
    fn read_at(&mut self, _: &Blob, _: u64, _: &mut [u8]) -> std::io::Result<usize> {
        Ok(0)
    }
}

/// Takes records of id, type, length and octets; the id 0xFFFF ends an object.
struct Script<'o>(&'o [u8]);

impl<'o> Script<'o> {
    fn record(&mut self) -> Option<(u16, u8, &'o [u8])> {
        let (&[high, low, kind, length], rest) = self.0.split_first_chunk::<4>()?;
        let (octets, rest) = rest.split_at(usize::from(length).min(rest.len()));
        self.0 = rest;
        let id = u16::from_be_bytes([high, low]);
        (id != 0xFFFF).then_some((id, kind, octets))
    }

    fn properties(&mut self) -> Properties {
        let mut found = Properties::default();
        while let Some((id, kind, octets)) = self.record() {
            let number = octets.iter().fold(0_u64, |number, octet| number << 8 | u64::from(*octet));
            let value = match kind % 6 {
                0 => Value::String(String::from_utf8_lossy(octets).into_owned()),
                1 => Value::String8(octets.to_vec()),
                2 => Value::Binary(octets.to_vec()),
                3 => Value::Integer32(number as i32),
                4 => Value::Time(number),
                _ => Value::Many(vec![Value::String(String::from_utf8_lossy(octets).into_owned())]),
            };
            found.0.insert(id, value);
        }
        found
    }
}

fn blob(octets: &[u8]) -> Blob {
    Blob { octets: octets.len() as u64, key: BlobKey::Held(Arc::from(octets)) }
}

fuzz_target!(|octets: &[u8]| {
    let mut script = Script(octets);
    let properties = script.properties();
    let recipients = vec![script.properties()];
    let mut attachment = Attachment {
        number: 0,
        properties: script.properties(),
        content: Content::Octets(blob(script.0)),
        damage: vec![],
    };
    if octets.len() % 2 == 1 {
        attachment.content = Content::Ole(blob(script.0));
    }
    let item =
        Item { node: NodeId(1), properties, recipients, attachments: vec![attachment], damage: vec![] };
    let mut names = Names::default();
    names.0.insert((PS_PUBLIC_STRINGS, Name::Text("Keywords".into())), 0x8001);
    names.0.insert((PS_INTERNET_HEADERS, Name::Text("x-any".into())), 0x8002);
    let mut addresses = AddressBook::default();
    addresses.learn(&item);
    let context = Context {
        names: &names,
        store_key: b"key",
        addresses: &addresses,
        code_page: None,
        store_code_page: None,
        role: FolderRole::Other,
        items: Items::All,
        unreadable: Unreadable::Stub,
        now: 134_117_856_000_000_000,
    };
    let Some(message) = convert(&item, &context, &mut NoBlobs).message else { return };
    let mut written = Vec::new();
    message.write(&mut NoBlobs, &mut written).expect("held blobs can be read");
    assert_eq!(written.len() as u64, message.octets());
    let has_signed = memchr::memmem::find(&written, b"multipart/signed").is_some();
    if !has_signed {
        for line in written.split(|octet| *octet == b'\n') {
            assert!(line.len() <= 999 && line.is_ascii() && !line.contains(&0));
        }
        let feeds = memchr::memchr_iter(b'\n', &written).count();
        assert_eq!(memchr::memmem::find_iter(&written, b"\r\n").count(), feeds);
        assert_eq!(memchr::memchr_iter(b'\r', &written).count(), feeds);
    }
});
