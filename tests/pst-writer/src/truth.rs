//! What a written store holds, for tests to hold against what a reader says.
//! Never read back from the file: it is noted while the file is written.

use serde::Serialize;

/// A whole store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// Every folder, parents before children; the first is the root.
    pub folders: Vec<FolderTruth>,
    /// Length of the file in octets.
    pub octets: u64,
}

/// One folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FolderTruth {
    /// Its node.
    pub node: u32,
    /// The names from below the root down to its own; none for the root.
    pub path: Vec<String>,
    /// Its container class.
    pub class: Option<String>,
    /// Whether it only shows what lies in others.
    pub is_search: bool,
    /// Its items, in the order in which they were written.
    pub items: Vec<ItemTruth>,
    /// Nodes of its associated messages, which are no mail.
    pub associated: Vec<u32>,
}

/// One item, or one that is embedded in another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ItemTruth {
    /// Its node; for an embedded item a number within its attachment.
    pub node: u32,
    /// Its message class.
    pub class: String,
    /// Its subject, where it has one that is text.
    pub subject: Option<String>,
    /// Whether its folder's contents table names it.
    pub has_row: bool,
    /// How many rows its recipient table has.
    pub recipients: usize,
    /// Its attachments.
    pub attachments: Vec<AttachmentTruth>,
}

/// One attachment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AttachmentTruth {
    /// Its name.
    pub name: String,
    /// How it is attached (`PidTagAttachMethod`).
    pub method: i32,
    /// Its length, and the SHA-256 of its octets in hexadecimal, where it has any of its own.
    pub octets: u64,
    /// See `octets`.
    pub sha256: Option<String>,
    /// What is embedded.
    pub embedded: Option<Box<ItemTruth>>,
}

impl Truth {
    /// How many items there are in folders that are no searches, associated and embedded ones apart.
    #[must_use]
    pub fn item_count(&self) -> usize {
        self.folders.iter().map(|folder| folder.items.len()).sum()
    }

    /// Every item of every folder.
    pub fn items(&self) -> impl Iterator<Item = &ItemTruth> {
        self.folders.iter().flat_map(|folder| &folder.items)
    }

    /// How many attachments the items have; those of embedded items apart.
    #[must_use]
    pub fn attachment_count(&self) -> usize {
        self.items().map(|item| item.attachments.len()).sum()
    }
}
