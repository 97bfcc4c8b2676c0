//! Turns one item into one message (RFC 5322), its flags and its date: plain functions, the same bytes every time.
//! Never reads a clock or a file: the store's blobs are an argument.

mod address;
mod attachment;
mod body;
mod build;
mod class;
mod date;
mod encode;
mod entry;
mod flags;
mod gathered;
mod glance;
mod head;
mod headers;
mod html;
mod kept;
mod mailbox;
mod message;
mod name;
mod ole;
mod part;
pub mod pim;
mod report;
mod smime;
mod subject;
pub(crate) mod tag;
mod transport;
mod view;

pub use address::{AddressBook, Recipient, RecipientKind, author, recipients, sender};
pub use attachment::EMBEDDED_DEPTH_MAX;
pub use body::BODY_OCTETS_MAX;
pub use class::ItemKind;
pub use date::{DateOrigin, InternalDate};
pub use encode::LineEnd;
pub use flags::Flags;
pub use gathered::Gathered;
pub use glance::{Glance, glance};
pub use mailbox::Mailbox;
pub use message::{Form, Message, MessageReader, Room, Unwritten};
pub use view::View;

use build::Builder;

use crate::item::Item;
use crate::loss::{Loss, Losses};
use crate::names::Names;
use crate::store::Blobs;

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

/// What became of an item.
#[derive(Debug, Clone, PartialEq)]
pub struct Converted {
    /// What the item is.
    pub kind: ItemKind,
    /// What is to be done with it.
    pub verdict: Verdict,
    /// The message, where the verdict is to carry it, and only there.
    pub message: Option<Message>,
    /// Its state.
    pub flags: Flags,
    /// Its categories as keywords that IMAP allows; their own texts stand in the `Keywords` field.
    pub keywords: Vec<String>,
    /// When it arrived, where the store has a time that can be believed.
    pub internal_date: Option<InternalDate>,
    /// What the message does not carry as it stood.
    pub losses: Vec<Loss>,
}

/// What is to be done with an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is carried.
    Carry,
    /// It is carried although parts of it cannot be read, as the operator wishes; the message shows where. The
    /// reasons that would have kept it back.
    CarryWithStubs(Vec<String>),
    /// It is not carried: parts of it cannot be read. Why, in words.
    Quarantine(Vec<String>),
    /// It is not carried: it is nobody's message, or the operator does not want its kind.
    Skip(SkipReason),
}

/// Why an item is passed over, which reports count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SkipReason {
    /// Outlook's own bookkeeping.
    System,
    /// No mail, and only mail is wanted.
    NotMail,
}

impl SkipReason {
    /// As reports write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::NotMail => "not-mail",
        }
    }
}

/// Messages that belong to a folder rather than in it: views, rules, settings (`MSGFLAG_ASSOCIATED`).
const FLAG_ASSOCIATED: i64 = 0x40;

/// Turns an item into a message. Texts and OLE objects are read from `blobs` up to named limits; files stay there
/// until the message is written.
pub fn convert(item: &Item, context: &Context<'_>, blobs: &mut dyn Blobs) -> Converted {
    let view = View::new(item, context);
    let (kind, skip) = skipped(&view);
    let flags = flags::of(&view);
    if let Some(reason) = skip {
        let verdict = Verdict::Skip(reason);
        let (keywords, losses) = (Vec::new(), Vec::new());
        return Converted { kind, verdict, message: None, flags, keywords, internal_date: None, losses };
    }
    let octets_left = body::octets_left(item);
    let mut builder = Builder { blobs, losses: Losses::default(), unreadable: Vec::new(), octets_left };
    let pim = builder.pim(&view, kind);
    let entity = builder.entity(&view, kind, pim);
    let Builder { mut losses, unreadable, .. } = builder;
    let keywords = flags::keywords(&view, flags, &mut losses);
    let internal_date = date::internal(&view, &mut losses);
    let verdict = match (unreadable.is_empty(), context.unreadable) {
        (true, _) => Verdict::Carry,
        (false, Unreadable::Stub) => Verdict::CarryWithStubs(unreadable),
        (false, Unreadable::Quarantine) => Verdict::Quarantine(unreadable),
    };
    let is_carried = !matches!(verdict, Verdict::Quarantine(_));
    let message = is_carried.then(|| part::plan(entity, build::identity(&view, &[])));
    Converted { kind, verdict, message, flags, keywords, internal_date, losses: losses.into_found() }
}

/// What an item is, and why it is passed over, where it is.
fn skipped(view: &View<'_>) -> (ItemKind, Option<SkipReason>) {
    let mut kind = ItemKind::of_class(&view.text(tag::MESSAGE_CLASS).unwrap_or_default());
    if view.integer(tag::MESSAGE_FLAGS).is_some_and(|flags| flags & FLAG_ASSOCIATED != 0) {
        kind = ItemKind::System;
    }
    let skip = match kind {
        ItemKind::System => Some(SkipReason::System),
        _ if view.context.items == Items::Mail && !kind.is_mail() => Some(SkipReason::NotMail),
        _ => None,
    };
    (kind, skip)
}
