//! The native reader alone: every item with all its data, on one thread, and nothing made of it.
//! Never measures itself: it runs as a process of its own.

use std::path::Path;

use anyhow::{Context as _, Result};
use malote_pst::item::{Content, Item};
use malote_pst::native::NativeStore;
use malote_pst::store::{Blob, Blobs as _, Store as _};

/// Octets of data that are asked for at once.
const ROOM_OCTETS: usize = 128 * 1024;

/// Reads the store that the command line names.
pub fn inside(words: &[String]) -> Result<()> {
    let path = words.first().context("no store to read")?;
    let mut store = NativeStore::open(Path::new(path))?;
    let (folders, mut room) = (store.folders()?, vec![0; ROOM_OCTETS]);
    for node in folders.iter().flat_map(|folder| &folder.items) {
        let item = store.item(*node)?;
        data(&mut store, &item, &mut room)?;
    }
    Ok(())
}

fn data(store: &mut NativeStore, item: &Item, room: &mut [u8]) -> Result<()> {
    for attachment in &item.attachments {
        match &attachment.content {
            Content::Octets(blob) | Content::Ole(blob) => whole(store, blob, room)?,
            Content::Embedded(item) => data(store, item, room)?,
            Content::None | Content::Reference | Content::Unreadable => {}
        }
    }
    Ok(())
}

fn whole(store: &mut NativeStore, blob: &Blob, room: &mut [u8]) -> Result<()> {
    let mut offset = 0;
    while offset < blob.octets {
        offset += store.read_at(blob, offset, room)? as u64;
    }
    Ok(())
}
