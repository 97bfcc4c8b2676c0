//! Who wrote an item and who it went to: addresses of the Internet, found wherever the store keeps them.
//! Never gives an address that could not stand in a header, and never an empty one.

use std::borrow::Cow;
use std::collections::HashMap;

use super::mailbox::{Mailbox, encapsulated, internet};
use super::view::View;
use super::{entry, tag, transport};
use crate::item::Item;
use crate::property::{Properties, Value};
use crate::text;

/// Most addresses of Exchange that are remembered of one store.
pub const KNOWN_MAX: usize = 1_000_000;

/// What a recipient is to the message (`PidTagRecipientType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecipientKind {
    /// The sender, listed among the recipients.
    Originator,
    /// `To`; a required attendee.
    To,
    /// `Cc`; an optional attendee.
    Cc,
    /// `Bcc`; a room or resource of a meeting.
    Bcc,
}

/// One row of the recipient table.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipient<'a> {
    /// What it is to the message.
    pub kind: RecipientKind,
    /// Who it is.
    pub mailbox: Mailbox<'a>,
    /// The row's other properties.
    pub properties: &'a Properties,
}

/// Exchange's addresses (legacy distinguished names) and the Internet addresses that they belong to.
#[derive(Debug, Clone, Default)]
pub struct AddressBook {
    known: HashMap<String, (String, String)>,
}

impl AddressBook {
    /// Learns from an item's people: those of whom both addresses are known, and a sender of Exchange whom the
    /// transport headers name.
    pub fn learn(&mut self, item: &Item) {
        let page = text::page_of_strings(&item.properties, None, None);
        let string = |properties: &Properties, id| {
            properties.get(id).and_then(|value| text::of_value(value, page)).map(Cow::into_owned)
        };
        for row in &item.recipients {
            let address = row.get(tag::EMAIL_ADDRESS).and_then(|value| text::of_value(value, page));
            if let Some(address) = address.filter(|address| is_exchange(address)) {
                let (name, smtp) = (string(row, tag::DISPLAY_NAME), string(row, tag::SMTP_ADDRESS));
                self.insert(&address, name, smtp);
            }
        }
        for [address, name, smtp] in [
            [tag::SENDER_ADDRESS, tag::SENDER_NAME, tag::SENDER_SMTP],
            [tag::SENT_REPRESENTING_ADDRESS, tag::SENT_REPRESENTING_NAME, tag::SENT_REPRESENTING_SMTP],
        ] {
            let Some(address) = string(&item.properties, address).filter(|address| is_exchange(address))
            else {
                continue;
            };
            let smtp = string(&item.properties, smtp).or_else(|| {
                let field = if smtp == tag::SENDER_SMTP { "Sender" } else { "From" };
                let headers = string(&item.properties, tag::TRANSPORT_HEADERS)?;
                transport::address_of_field(&headers, field)
            });
            self.insert(&address, string(&item.properties, name), smtp);
        }
    }

    /// Learns one pair of addresses; the first to be learnt stays.
    fn insert(&mut self, exchange: &str, name: Option<String>, smtp: Option<String>) {
        let Some(smtp) = smtp.filter(|smtp| internet(smtp).is_some()) else { return };
        if self.known.len() < KNOWN_MAX {
            self.known.entry(exchange.to_lowercase()).or_insert_with(|| (name.unwrap_or_default(), smtp));
        }
    }

    /// The name and Internet address of an address of Exchange.
    #[must_use]
    pub fn find(&self, exchange: &str) -> Option<(&str, &str)> {
        if self.known.is_empty() {
            return None;
        }
        self.known.get(&exchange.to_lowercase()).map(|(name, smtp)| (name.as_str(), smtp.as_str()))
    }

    /// How many addresses are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// True where none is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

fn is_exchange(address: &str) -> bool {
    address.as_bytes().get(..3).is_some_and(|start| start.eq_ignore_ascii_case(b"/o="))
}

/// What a store says of one person, before it is understood.
#[derive(Debug, Clone, Default)]
struct Person<'a> {
    name: Option<Cow<'a, str>>,
    kind: Option<Cow<'a, str>>,
    address: Option<Cow<'a, str>>,
    smtp: Option<Cow<'a, str>>,
}

impl<'a> Person<'a> {
    /// Reads a person from six properties; the entry id fills in what the others lack, and its Unicode name is
    /// truer than one in 8 bits.
    fn read(view: &View<'a>, from: &'a Properties, ids: [u16; 5]) -> Self {
        let [name, kind, address, smtp, entry_id] = ids;
        let mut person = Self {
            name: view.text_of(from, name),
            kind: view.text_of(from, kind),
            address: view.text_of(from, address),
            smtp: view.text_of(from, smtp),
        };
        let is_narrow = matches!(from.get(name), Some(Value::String8(_)) | None);
        if (is_narrow || person.address.is_none())
            && let Some(entry) = from.binary(entry_id).and_then(|octets| entry::read(octets, view.page))
        {
            if (person.name.is_none() || is_narrow && entry.is_unicode) && !entry.name.is_empty() {
                person.name = Some(entry.name);
            }
            if person.address.is_none() && !entry.address.is_empty() {
                (person.kind, person.address) = (Some(entry.kind), Some(entry.address));
            }
        }
        person
    }

    /// The mailbox that this person is reached at; nothing where the store says nothing at all.
    fn resolve(self, view: &View<'a>) -> Option<Mailbox<'a>> {
        let Self { name, kind, address, smtp } = self;
        let name = name.unwrap_or_default();
        let plain = |name, address| Some(Mailbox { name, address, is_encapsulated: false });
        if let Some(found) = smtp.as_ref().and_then(|smtp| borrowed(smtp)) {
            return plain(name, found);
        }
        let is_smtp = kind.as_ref().is_none_or(|kind| kind.eq_ignore_ascii_case("SMTP"));
        if let Some(found) = address.as_ref().filter(|_| is_smtp).and_then(|address| borrowed(address)) {
            return plain(name, found);
        }
        if let Some((known_name, known)) =
            address.as_ref().and_then(|address| view.context.addresses.find(address))
        {
            let name = if name.is_empty() { Cow::Owned(known_name.to_owned()) } else { name };
            return plain(name, Cow::Owned(known.to_owned()));
        }
        // An address under a type that is not said, or a name that is an address itself.
        if let Some(found) =
            address.as_ref().and_then(|address| borrowed(address)).or_else(|| borrowed(&name))
        {
            return plain(name, found);
        }
        let kind = kind.unwrap_or_default();
        let (kind, told) = match (&address, name.is_empty()) {
            (Some(address), _) if is_exchange(address) => ("EX", address.as_ref()),
            (Some(address), _) => (kind.as_ref(), address.as_ref()),
            (None, false) => ("UNKNOWN", name.as_ref()),
            (None, true) => return None,
        };
        let address = Cow::Owned(encapsulated(kind, told));
        Some(Mailbox { name, address, is_encapsulated: true })
    }
}

/// An Internet address out of a string, borrowed strings staying borrowed.
fn borrowed<'a>(text: &Cow<'a, str>) -> Option<Cow<'a, str>> {
    match text {
        Cow::Borrowed(text) => internet(text),
        Cow::Owned(text) => internet(text).map(|found| Cow::Owned(found.into_owned())),
    }
}

/// Who the item is from: the person it was sent for, else its sender.
#[must_use]
pub fn author<'a>(view: &View<'a>) -> Option<Mailbox<'a>> {
    let represented = Person::read(
        view,
        &view.item.properties,
        [
            tag::SENT_REPRESENTING_NAME,
            tag::SENT_REPRESENTING_TYPE,
            tag::SENT_REPRESENTING_ADDRESS,
            tag::SENT_REPRESENTING_SMTP,
            tag::SENT_REPRESENTING_ENTRY,
        ],
    );
    represented.resolve(view).or_else(|| sender(view))
}

/// Who sent the item, which differs from [`author`] where somebody sent for another.
#[must_use]
pub fn sender<'a>(view: &View<'a>) -> Option<Mailbox<'a>> {
    let ids = [tag::SENDER_NAME, tag::SENDER_TYPE, tag::SENDER_ADDRESS, tag::SENDER_SMTP, tag::SENDER_ENTRY];
    Person::read(view, &view.item.properties, ids).resolve(view)
}

/// The recipient table, rows that name nobody left out.
#[must_use]
pub fn recipients<'a>(view: &View<'a>) -> Vec<Recipient<'a>> {
    let ids =
        [tag::DISPLAY_NAME, tag::ADDRESS_TYPE, tag::EMAIL_ADDRESS, tag::SMTP_ADDRESS, tag::RECIPIENT_ENTRY];
    let rows = view.item.recipients.iter();
    rows.filter_map(|row| {
        let mailbox = Person::read(view, row, ids).resolve(view)?;
        // The upper bits tell of resending and submission ([MS-OXOMSG] §2.2.3.1).
        let kind = match row.integer(tag::RECIPIENT_TYPE).unwrap_or(1) & 0xF {
            0 => RecipientKind::Originator,
            2 => RecipientKind::Cc,
            3 => RecipientKind::Bcc,
            _ => RecipientKind::To,
        };
        Some(Recipient { kind, mailbox, properties: row })
    })
    .collect()
}

/// Where answers go, where that is not the author.
#[must_use]
pub fn reply_to<'a>(view: &View<'a>) -> Vec<Mailbox<'a>> {
    let Some(octets) = view.item.properties.binary(tag::REPLY_RECIPIENT_ENTRIES) else { return Vec::new() };
    let entries = entry::list(octets).into_iter().filter_map(|octets| entry::read(octets, view.page));
    let people = entries.map(|entry| Person {
        name: Some(entry.name),
        kind: Some(entry.kind),
        address: Some(entry.address),
        smtp: None,
    });
    people.filter_map(|person| person.resolve(view)).collect()
}

/// Names without a table to them, as `PidTagDisplayTo` lists them: separated by semicolons, addresses only by chance.
#[must_use]
pub fn display_list<'a>(view: &View<'a>, list: &str) -> Vec<Mailbox<'a>> {
    let names = list
        .split(';')
        .take(entry::ENTRIES_MAX)
        .map(|name| name.trim().trim_matches('\''))
        .filter(|name| !name.is_empty());
    let people = names.map(|name| Person { name: Some(Cow::Owned(name.to_owned())), ..Person::default() });
    people.filter_map(|person| person.resolve(view)).collect()
}
