//! Any octets as a store: no panic, no item listed twice, no blob of another length than it says.
#![no_main]

use std::collections::BTreeSet;
use std::io::Write;

use libfuzzer_sys::fuzz_target;
use malote_pst::item::{Content, Item};
use malote_pst::native::NativeStore;
use malote_pst::store::{Blob, Blobs, NodeId, Store, StoreError};

/// Octets of blobs that are read of one store: small files may stand for long ones.
const OCTETS_MAX: u64 = 16 << 20;

fn read_blob(store: &mut NativeStore, blob: &Blob, left: &mut u64) {
    let mut buffer = [0; 10_000];
    let mut at = 0;
    while let Ok(count) = store.read_at(blob, at, &mut buffer) {
        at += count as u64;
        *left = left.saturating_sub(count as u64);
        if count < buffer.len() {
            return assert_eq!(at, blob.octets, "a blob that can be read has the length that it says");
        }
        if *left == 0 {
            return;
        }
    }
}

fn read_item(store: &mut NativeStore, item: &Item, left: &mut u64) {
    for attachment in &item.attachments {
        match &attachment.content {
            Content::Octets(blob) | Content::Ole(blob) => read_blob(store, blob, left),
            Content::Embedded(embedded) => read_item(store, embedded, left),
            Content::None | Content::Reference | Content::Unreadable => {}
        }
    }
}

fuzz_target!(|octets: &[u8]| {
    let mut file = tempfile::tempfile().expect("a temporary file can be made");
    file.write_all(octets).expect("a temporary file can be written");
    let Ok(mut store) = NativeStore::salvage(file) else { return };
    let folders = store.folders().unwrap_or_default();
    let items: Vec<NodeId> = folders.iter().flat_map(|folder| folder.items.iter().copied()).collect();
    let distinct: BTreeSet<NodeId> = items.iter().copied().collect();
    assert_eq!(items.len(), distinct.len(), "no item is listed twice");
    let recovered = store.recovered().unwrap_or_default();
    assert!(recovered.iter().all(|node| !distinct.contains(node)), "no item lives and is recovered too");
    let mut left = OCTETS_MAX;
    for node in items.into_iter().chain(recovered) {
        match store.item(node) {
            Ok(item) => read_item(&mut store, &item, &mut left),
            Err(StoreError::Unreadable { reason, .. }) => {
                assert!(!reason.contains("the reader failed"), "the reader panicked at {node:?}");
            }
            Err(other) => panic!("{other}"),
        }
    }
});
