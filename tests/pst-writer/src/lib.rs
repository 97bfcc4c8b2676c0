//! Writes Outlook's personal stores from their specification ([MS-PST]), with content that is known in advance.
//! Never part of the product: tests and measurements read what is written here with readers that know nothing of it.
//!
//! ```no_run
//! use pst_writer::{Attachment, Crypt, Data, Folder, Message, Pst, Recipient, Role};
//!
//! # fn main() -> anyhow::Result<()> {
//! let mut store = Pst::new(Crypt::Permute).create("known.pst".as_ref())?;
//! let inbox = store.folder(store.top(), Folder::new("Inbox").class("IPF.Note").role(Role::Inbox))?;
//! let message = Message::new("IPM.Note").text("Minutes", "See the file.").dated(1_500_000_000);
//! let file = Attachment::file("minutes.pdf", "application/pdf", Data::Noise { seed: 1, octets: 70_000 });
//! store.item(inbox, &message.to(Recipient::new(1, "Ana", "ana@example.org")).attach(file))?;
//! let truth = store.finish()?;
//! assert_eq!(truth.item_count(), 1);
//! # Ok(())
//! # }
//! ```

pub mod bulk;
pub mod features;
mod items;
mod lists;
mod message;
pub mod names;
mod nodes;
mod noise;
pub mod office;
mod store;
mod truth;
mod value;

pub use message::{Attachment, Content, Data, Message, Recipient};
pub use noise::Noise;
pub use store::{Folder, FolderId, Pst, Role, Store};
pub use truth::{AttachmentTruth, FolderTruth, ItemTruth, Truth};
pub use value::Value;

/// Seconds from the epoch of FILETIME (1601) to that of Unix (1970).
pub const UNIX_EPOCH_SECONDS: i64 = 11_644_473_600;

/// How data blocks are made unreadable to the eye ([MS-PST] §2.2.2.6, `bCryptMethod`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crypt {
    /// Not at all.
    None,
    /// Octet by octet, as Outlook does by default.
    Permute,
    /// By place and block.
    Cyclic,
}

/// The formats of stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// 32-bit, 8-bit strings, up to 2 GiB.
    Ansi,
    /// 64-bit, pages of 512 octets.
    Unicode,
    /// 64-bit, pages of 4096 octets, compressed blocks, as Outlook writes OST files since 2013. The specification does
    /// not describe it: this is what readers agree on.
    Unicode4k,
}
