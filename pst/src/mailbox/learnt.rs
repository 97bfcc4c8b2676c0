//! What only a whole store tells: who an internal address is, and which code page its strings are in.
//! Never changes once it is learnt: the same store teaches the same.

use std::collections::BTreeMap;

use crate::item::Item;
use crate::mime::AddressBook;
use crate::text::{self, Detector};

/// What a store teaches.
#[derive(Default)]
pub(super) struct Learnt {
    /// Internal addresses, resolved.
    pub addresses: AddressBook,
    /// The page of strings of which nothing else tells it.
    pub code_page: Option<u16>,
}

impl Learnt {
    /// Learns of every item. The page that most items name outweighs what their octets look like.
    pub fn of(items: impl Iterator<Item = Item>) -> Self {
        let (mut addresses, mut detector) = (AddressBook::default(), Detector::default());
        let mut named: BTreeMap<u16, u64> = BTreeMap::new();
        for item in items {
            addresses.learn(&item);
            match text::page_named(&item.properties) {
                Some(page) => *named.entry(page.number).or_default() += 1,
                None => detector.learn(&item),
            }
        }
        let most = named.into_iter().max_by_key(|(_, count)| *count).map(|(number, _)| number);
        Self { addresses, code_page: most.or_else(|| detector.guess()) }
    }
}
