//! Turns one item into one message (RFC 5322), its flags and its date: plain functions, the same bytes every time.
//! Never reads a clock or a file: the store's blobs are an argument.

mod address;
mod class;
mod entry;
pub mod pim;
mod tag;
mod transport;
mod view;

pub use address::{AddressBook, Mailbox, Recipient, RecipientKind, author, recipients, sender};
pub use class::ItemKind;
pub use view::View;

use crate::names::Names;

/// What a conversion has to know of the store, the folder and the operator's wishes.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The store's named properties.
    pub names: &'a Names,
    /// The store's record key (`PidTagRecordKey`, 0x0FF9): part of what made-up identities are made of.
    pub store_key: &'a [u8],
    /// Addresses learnt from the whole store.
    pub addresses: &'a AddressBook,
    /// The code page that the operator says 8-bit strings are in, where items name none.
    pub code_page: Option<u16>,
    /// The code page that [`crate::text::Detector`] found for the store, where neither items nor the operator do.
    pub store_code_page: Option<u16>,
    /// What the item's folder is for.
    pub role: FolderRole,
    /// Which items are carried.
    pub items: Items,
    /// What becomes of items with parts that cannot be read.
    pub unreadable: Unreadable,
    /// The time of the run as a FILETIME; dates far beyond it are not believed.
    pub now: u64,
}

/// What a folder is for, as far as it changes its items' messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FolderRole {
    /// Sent items: the properties are truer than transport headers.
    Sent,
    /// Drafts: every item is a draft.
    Drafts,
    /// Any other.
    #[default]
    Other,
}

/// Which items are carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Items {
    /// Mail, meetings and reports.
    Mail,
    /// Calendar entries, contacts, tasks, journals and notes too, as mail with a part in their own format.
    #[default]
    All,
}

/// What becomes of an item with parts that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unreadable {
    /// It is not carried; the verdict says why.
    #[default]
    Quarantine,
    /// It is carried, and a part that says what is missing stands in the place of what cannot be read.
    Stub,
}
