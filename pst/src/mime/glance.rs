//! What is known of an item without making a message of it: what it is, its state, its date.
//! Never says other than the whole conversion would.

use super::view::View;
use super::{Context, Flags, InternalDate, ItemKind, SkipReason, date, flags, skipped};
use crate::item::Item;
use crate::loss::Losses;

/// An item's metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glance {
    /// What the item is.
    pub kind: ItemKind,
    /// Why it is passed over, where it is.
    pub skip: Option<SkipReason>,
    /// Its state.
    pub flags: Flags,
    /// Its categories as keywords that IMAP allows.
    pub keywords: Vec<String>,
    /// When it arrived.
    pub internal_date: Option<InternalDate>,
}

/// Looks at an item's properties alone.
#[must_use]
pub fn glance(item: &Item, context: &Context<'_>) -> Glance {
    let view = View::new(item, context);
    let (kind, skip) = skipped(&view);
    let flags = flags::of(&view);
    let mut losses = Losses::default();
    let keywords = flags::keywords(&view, flags, &mut losses);
    Glance { kind, skip, flags, keywords, internal_date: date::internal(&view, &mut losses) }
}
