//! Where the stores of other writers lie, and working copies of them.
//! Never changes a file of the corpus.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use malote_pst::native::NativeStore;
use malote_pst::store::StoreError;
use serde_json::Value;

/// The corpus, where it lies beside the checkout or where `MALOTE_PST_CORPUS` says; told aloud where it is missing.
pub fn folder() -> Option<PathBuf> {
    let beside = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus/pst"));
    let further = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpus/pst"));
    let named = std::env::var_os("MALOTE_PST_CORPUS").map(PathBuf::from);
    let found = named.into_iter().chain([beside, further]).find(|folder| folder.join("truth.json").is_file());
    if found.is_none() {
        eprintln!("SKIPPED: the corpus of stores is not here, so nothing of this test was tried");
    }
    found
}

/// What is known of every file of the corpus.
pub fn truth(folder: &std::path::Path) -> Result<Value> {
    Ok(serde_json::from_slice(&fs::read(folder.join("truth.json"))?)?)
}

/// Opens octets as a store, by way of a file without a name.
pub fn open(octets: &[u8]) -> Result<NativeStore, StoreError> {
    let mut file = tempfile::tempfile()?;
    file.write_all(octets)?;
    NativeStore::of_file(file)
}
