//! Items made by hand, and what every message must be whatever it was made of.
//! Never looks for one conversion's own words.

use std::sync::Arc;

use malote_pst::item::{Attachment, Content, Damage, Item, Part};
use malote_pst::mime::{AddressBook, Context, Converted, FolderRole, Items, Unreadable, convert};
use malote_pst::names::{Name, Names, PS_INTERNET_HEADERS, PS_PUBLIC_STRINGS};
use malote_pst::property::{Properties, Value};
use malote_pst::store::{Blob, BlobKey, Blobs, NodeId};

/// 2026-01-01T00:00:00Z as a FILETIME.
pub const NOW: u64 = 134_117_856_000_000_000;
/// 2018-05-26T23:49:48Z.
pub const THEN: u64 = 131_718_521_880_000_000;

/// Blobs that are held, and one that cannot be read.
pub struct Held;

impl Blobs for Held {
    fn read_at(&mut self, _: &Blob, _: u64, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("the disk is gone"))
    }
}

/// What the tests' store knows.
pub struct World {
    pub names: Names,
    pub addresses: AddressBook,
    pub role: FolderRole,
    pub items: Items,
    pub unreadable: Unreadable,
}

impl Default for World {
    fn default() -> Self {
        let mut names = Names::default();
        names.0.insert((PS_PUBLIC_STRINGS, Name::Text("Keywords".into())), 0x8001);
        names.0.insert((PS_INTERNET_HEADERS, Name::Text("x-spam-score".into())), 0x8002);
        names.0.insert((PS_INTERNET_HEADERS, Name::Text("content-type".into())), 0x8003);
        names.0.insert((PS_INTERNET_HEADERS, Name::Text("bad name\r\nX-Injected".into())), 0x8004);
        let role = FolderRole::Other;
        Self {
            names,
            addresses: AddressBook::default(),
            role,
            items: Items::All,
            unreadable: Unreadable::Quarantine,
        }
    }
}

impl World {
    pub fn convert(&self, item: &Item) -> Converted {
        let context = Context {
            names: &self.names,
            store_key: b"a store's own key",
            addresses: &self.addresses,
            code_page: None,
            store_code_page: None,
            role: self.role,
            items: self.items,
            unreadable: self.unreadable,
            now: NOW,
        };
        convert(item, &context, &mut Held)
    }

    /// The octets of an item's message, held against everything that holds for every message.
    pub fn octets(&self, item: &Item) -> Vec<u8> {
        let converted = self.convert(item);
        let message = converted.message.unwrap_or_else(|| panic!("no message: {:?}", converted.verdict));
        let mut octets = Vec::new();
        message.write(&mut Held, &mut octets).expect("held blobs can be read");
        assert_eq!(octets.len() as u64, message.octets(), "the promised length is the written one");
        let mut again = Vec::new();
        let second = self.convert(item).message.expect("it was carried before");
        second.write(&mut Held, &mut again).expect("held blobs can be read");
        assert!(octets == again, "the same item gives the same octets");
        octets
    }

    /// Like [`Self::octets`], for all but signed content, whose octets are not ours.
    pub fn message(&self, item: &Item) -> String {
        let octets = self.octets(item);
        let text = String::from_utf8(octets).expect("a message is ASCII");
        assert!(text.is_ascii(), "a message is ASCII");
        for line in text.split("\r\n") {
            assert!(line.len() <= 998, "a line of {} octets: {}", line.len(), &line[..78]);
            assert!(!line.contains(['\r', '\n', '\0']), "a bare CR, LF or a NUL in {line:?}");
        }
        text
    }
}

pub fn text(value: &str) -> Value {
    Value::String(value.to_owned())
}

pub fn binary(octets: &[u8]) -> Value {
    Value::Binary(octets.to_vec())
}

pub fn properties(pairs: impl IntoIterator<Item = (u16, Value)>) -> Properties {
    Properties(pairs.into_iter().collect())
}

pub fn blob(octets: &[u8]) -> Blob {
    Blob { octets: octets.len() as u64, key: BlobKey::Held(Arc::from(octets)) }
}

/// A blob that the store promises and does not give.
pub fn lost(octets: u64) -> Blob {
    Blob { octets, key: BlobKey::Block(1) }
}

pub fn item(class: &str, pairs: impl IntoIterator<Item = (u16, Value)>) -> Item {
    let mut properties = properties(pairs);
    properties.0.insert(0x001A, text(class));
    Item { node: NodeId(0x20_0024), properties, recipients: vec![], attachments: vec![], damage: vec![] }
}

/// A mail from Ana to Bruno with these properties besides.
pub fn mail(pairs: impl IntoIterator<Item = (u16, Value)>) -> Item {
    let mut mail = item(
        "IPM.Note",
        [
            (0x0037, text("Olá")),
            (0x0039, Value::Time(THEN)),
            (0x0042, text("Ana Gonçalves")),
            (0x0064, text("SMTP")),
            (0x0065, text("ana@exemplo.pt")),
            (0x1000, text("texto\r\n")),
            (0x1035, text("<1@exemplo.pt>")),
        ],
    );
    mail.properties.extend(pairs);
    mail.recipients.push(recipient(1, "Bruno", "bruno@exemplo.pt"));
    mail
}

pub fn recipient(kind: i32, name: &str, address: &str) -> Properties {
    properties([
        (0x0C15, Value::Integer32(kind)),
        (0x3001, text(name)),
        (0x3002, text("SMTP")),
        (0x3003, text(address)),
    ])
}

pub fn attachment(number: u32, name: &str, content: Content) -> Attachment {
    Attachment { number, properties: properties([(0x3707, text(name))]), content, damage: vec![] }
}

pub fn file(number: u32, name: &str, octets: &[u8]) -> Attachment {
    attachment(number, name, Content::Octets(blob(octets)))
}

pub fn damage(part: Part) -> Damage {
    Damage { part, reason: "a block is gone".into() }
}

/// The octets of a part in base64, whatever type it claims to be of.
pub fn decoded(message: &[u8], part: &mail_parser::MessagePart<'_>) -> Option<Vec<u8>> {
    use base64::Engine as _;

    let body = message.get(part.raw_body_offset() as usize..part.raw_end_offset() as usize)?;
    let letters: Vec<u8> = body.iter().copied().filter(|octet| !octet.is_ascii_whitespace()).collect();
    base64::engine::general_purpose::STANDARD.decode(letters).ok()
}

/// The fields before the first blank line, unfolded.
pub fn head(message: &str) -> Vec<(String, String)> {
    let head = message.split("\r\n\r\n").next().unwrap_or_default();
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let fields = unfolded.split("\r\n").filter_map(|line| line.split_once(':'));
    fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
}

/// The values of a field of the message's own head.
pub fn values(message: &str, name: &str) -> Vec<String> {
    let fields = head(message).into_iter();
    fields.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
}
