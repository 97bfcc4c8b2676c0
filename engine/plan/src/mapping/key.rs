//! By what folder paths are compared: as the destination tells them apart, and as an operator types them.
//! Never used to name a folder.

use alloc::string::String;
use alloc::vec::Vec;

use unicode_normalization::UnicodeNormalization;

use crate::folder::{FolderPath, INBOX, Naming, is_inbox_name};
use crate::pattern::joined;

/// What the destination takes for one and the same folder.
pub(super) type Key = Vec<String>;

pub(super) fn key_of(path: &FolderPath, naming: &Naming) -> Key {
    path.levels().iter().map(|level| key_of_level(level, naming)).collect()
}

fn key_of_level(level: &str, naming: &Naming) -> String {
    if naming.ignores_case {
        let lower: String = level.nfc().flat_map(char::to_lowercase).collect();
        lower.nfc().collect()
    } else {
        level.nfc().collect()
    }
}

/// A path as an operator types it, to be compared.
pub(super) fn typed_key(path: &FolderPath) -> String {
    joined(path).nfc().collect()
}

/// What an operator typed, as levels; nothing where there is none.
pub(super) fn levels(text: &str) -> Option<Vec<String>> {
    let mut levels: Vec<String> =
        text.split('/').filter(|level| !level.is_empty()).map(String::from).collect();
    let first = levels.first_mut()?;
    if is_inbox_name(first) {
        *first = INBOX.into();
    }
    Some(levels)
}

/// The folders above, nearest first.
pub(super) fn ancestors(path: &FolderPath) -> impl Iterator<Item = FolderPath> + use<> {
    core::iter::successors(path.parent(), FolderPath::parent)
}
