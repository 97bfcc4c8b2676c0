//! One item in its store: its values as text, its named properties, its people.
//! Never changes anything and never reads a blob.

use std::borrow::Cow;

use super::Context;
use crate::item::Item;
use crate::names::{Guid, Name};
use crate::property::{Properties, Value};
use crate::text::{self, CodePage};

/// An item with what is needed to understand it.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The item.
    pub item: &'a Item,
    /// Its store, and what the operator wants.
    pub context: &'a Context<'a>,
    /// The page of its 8-bit strings.
    pub page: &'static CodePage,
}

impl<'a> View<'a> {
    /// Looks at an item; its code page is found out here.
    #[must_use]
    pub fn new(item: &'a Item, context: &'a Context<'a>) -> Self {
        let page = text::page_of_strings(&item.properties, context.code_page, context.store_code_page);
        Self { item, context, page }
    }

    /// A string property of the item; empty strings and values too long to be held are nothing.
    #[must_use]
    pub fn text(&self, id: u16) -> Option<Cow<'a, str>> {
        self.text_of(&self.item.properties, id)
    }

    /// A string property of one of the item's recipients or attachments.
    #[must_use]
    pub fn text_of<'b>(&self, properties: &'b Properties, id: u16) -> Option<Cow<'b, str>> {
        text::of_value(properties.get(id)?, self.page)
    }

    /// An integer property of the item.
    #[must_use]
    pub fn integer(&self, id: u16) -> Option<i64> {
        self.item.properties.integer(id)
    }

    /// The id of a numbered named property, where the store has it.
    #[must_use]
    pub fn numbered(&self, set: Guid, number: u32) -> Option<u16> {
        self.context.names.number(set, number)
    }

    /// The value of a numbered named property.
    #[must_use]
    pub fn named(&self, set: Guid, number: u32) -> Option<&'a Value> {
        self.item.properties.get(self.numbered(set, number)?)
    }

    /// A numbered named property that is a string.
    #[must_use]
    pub fn named_text(&self, set: Guid, number: u32) -> Option<Cow<'a, str>> {
        self.text(self.numbered(set, number)?)
    }

    /// A numbered named property that is an integer or a boolean.
    #[must_use]
    pub fn named_integer(&self, set: Guid, number: u32) -> Option<i64> {
        self.integer(self.numbered(set, number)?)
    }

    /// A numbered named property that is a time, as a FILETIME.
    #[must_use]
    pub fn named_time(&self, set: Guid, number: u32) -> Option<u64> {
        self.item.properties.time(self.numbered(set, number)?)
    }

    /// A numbered named property that is binary and held.
    #[must_use]
    pub fn named_binary(&self, set: Guid, number: u32) -> Option<&'a [u8]> {
        self.item.properties.binary(self.numbered(set, number)?)
    }

    /// A named property of one or many strings, by its textual name.
    #[must_use]
    pub fn texts_by_name(&self, set: Guid, name: &str) -> Vec<Cow<'a, str>> {
        let exact = (set, Name::Text(name.to_owned()));
        let id = self.context.names.0.get(&exact).copied();
        // Looked for within its own set: a store can have thousands of names, and this is asked for every item.
        let id = id.or_else(|| {
            self.texts_of_set(set).find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, id)| id)
        });
        match id.and_then(|id| self.item.properties.get(id)) {
            Some(Value::Many(values)) => {
                values.iter().filter_map(|value| text::of_value(value, self.page)).collect()
            }
            Some(value) => text::of_value(value, self.page).into_iter().collect(),
            None => Vec::new(),
        }
    }

    /// The names of a set that are strings, with their ids.
    pub(super) fn texts_of_set(&self, set: Guid) -> impl Iterator<Item = (&'a str, u16)> + use<'a> {
        let names = self.context.names.0.range((set, Name::Text(String::new()))..);
        names.take_while(move |((guid, _), _)| *guid == set).filter_map(|((_, name), id)| match name {
            Name::Text(text) => Some((text.as_str(), *id)),
            Name::Number(_) => None,
        })
    }

    /// The subject: without the mark and length of its prefix that stores put before it ([MS-PST] §2.5.3.1.1.1).
    #[must_use]
    pub fn subject(&self) -> Option<Cow<'a, str>> {
        let Some(subject) = self.text(super::tag::SUBJECT) else {
            let normalized = self.text(super::tag::NORMALIZED_SUBJECT)?;
            return Some(match self.text(super::tag::SUBJECT_PREFIX) {
                Some(prefix) => Cow::Owned(format!("{prefix}{normalized}")),
                None => normalized,
            });
        };
        if !subject.starts_with('\u{1}') {
            return Some(subject);
        }
        let bare: String = subject.chars().skip(2).collect();
        (!bare.is_empty()).then_some(Cow::Owned(bare))
    }
}
