//! What an item holds, in the words of the corpus's truth.
//! Never decides what is right.

use anyhow::{Result, ensure};
use malote_pst::item::{Attachment, Content, Item};
use malote_pst::native::NativeStore;
use malote_pst::property::{Properties, Value};
use malote_pst::store::{Blob, Blobs};
use sha2::{Digest, Sha256};

/// All octets of a blob, read in pieces of an odd length.
pub fn octets(store: &mut NativeStore, blob: &Blob) -> Result<Vec<u8>> {
    let mut octets = vec![0; usize::try_from(blob.octets)?];
    let mut at = 0;
    while at < octets.len() {
        let end = octets.len().min(at + 5_001);
        let count = store.read_at(blob, at as u64, &mut octets[at..end])?;
        ensure!(count == end - at, "{count} octets where {} were asked for", end - at);
        at = end;
    }
    ensure!(store.read_at(blob, at as u64, &mut [0; 8])? == 0, "a blob ends where it says");
    Ok(octets)
}

/// The SHA-256 of octets, in hexadecimal.
pub fn hash(octets: &[u8]) -> String {
    Sha256::digest(octets).iter().map(|octet| format!("{octet:02x}")).collect()
}

/// A text property; 8-bit ones are taken as Latin-1, which is right as far as they are ASCII.
pub fn text(properties: &Properties, id: u16) -> Option<String> {
    match properties.get(id)? {
        Value::String(text) => Some(text.clone()),
        Value::String8(octets) => Some(octets.iter().map(|octet| char::from(*octet)).collect()),
        _ => None,
    }
}

/// The subject without the mark of its prefix ([MS-PST] §2.5.3.1.1.1).
pub fn subject(properties: &Properties) -> String {
    let subject = text(properties, 0x0037).unwrap_or_default();
    match subject.strip_prefix('\u{1}') {
        Some(marked) => marked.chars().skip(1).collect(),
        None => subject,
    }
}

/// The data of an attachment, where it holds any.
pub fn data(store: &mut NativeStore, attachment: &Attachment) -> Result<Option<Vec<u8>>> {
    match &attachment.content {
        Content::Octets(blob) | Content::Ole(blob) => octets(store, blob).map(Some),
        _ => Ok(None),
    }
}

/// Reads every octet that an item holds, at any depth; gives how many there were.
pub fn everything(store: &mut NativeStore, item: &Item) -> Result<u64> {
    let mut total = 0;
    for attachment in &item.attachments {
        match &attachment.content {
            Content::Octets(blob) | Content::Ole(blob) => total += octets(store, blob)?.len() as u64,
            Content::Embedded(embedded) => total += everything(store, embedded)?,
            Content::None | Content::Reference | Content::Unreadable => {}
        }
    }
    for value in item.properties.0.values() {
        if let Value::Long(_, blob) = value {
            total += octets(store, blob)?.len() as u64;
        }
    }
    Ok(total)
}
