//! Who wrote an item and who it went to: addresses of the Internet, found wherever the store keeps them.
//! Never gives an address that could not stand in a header, and never an empty one.

use std::borrow::Cow;
use std::collections::HashMap;

use super::view::View;
use super::{entry, tag, transport};
use crate::item::Item;
use crate::property::{Properties, Value};
use crate::text;

/// The domain of addresses that are not of the Internet; `.invalid` is nobody's (RFC 2606 §2).
pub const ENCAPSULATED_DOMAIN: &str = "encapsulated.invalid";
/// Longest local part of an encapsulated address, in octets; longer ones end in a hash of themselves.
pub const ENCAPSULATED_OCTETS_MAX: usize = 600;
/// Longest address that is taken for one, in octets. RFC 5321 §4.5.3.1 allows 320.
pub const ADDRESS_OCTETS_MAX: usize = 800;

/// Longest list of mailboxes that is taken apart, in octets: 20,000 recipients and more. Longer ones stay as they are.
pub const LIST_OCTETS_MAX: usize = 1024 * 1024;
/// Most addresses of Exchange that are remembered of one store.
pub const KNOWN_MAX: usize = 1_000_000;

/// A name and an address, the address legal in a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox<'a> {
    /// The name to show, as it stands in the store; may be empty.
    pub name: Cow<'a, str>,
    /// The address: `local@domain`, printable ASCII.
    pub address: Cow<'a, str>,
    /// True where the store's address was not of the Internet and `address` only wraps it.
    pub is_encapsulated: bool,
}

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

/// A list of mailboxes as a header writes it (RFC 5322 §3.4); nothing where an entry is no such thing.
#[must_use]
pub fn list(value: &str) -> Option<Vec<Mailbox<'static>>> {
    if value.len() > LIST_OCTETS_MAX {
        return None;
    }
    let mut found = Vec::new();
    for entry in split_list(value) {
        let entry = entry.trim();
        if entry.is_empty() {
            continue;
        }
        let (name, address) = match entry.rsplit_once('<') {
            Some((name, rest)) => (name.trim(), rest.split_once('>')?.0),
            None => ("", entry),
        };
        let name = match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
            Some(quoted) => quoted.replace("\\\"", "\"").replace("\\\\", "\\"),
            None => name.to_owned(),
        };
        // An encoded word within the name would be encoded a second time.
        if name.contains("=?") {
            return None;
        }
        let address = Cow::Owned(internet(address)?.into_owned());
        found.push(Mailbox { name: Cow::Owned(name), address, is_encapsulated: false });
    }
    (!found.is_empty()).then_some(found)
}

/// True for a value that a header may hold where mailboxes are listed: groups, comments and encoded words included.
pub fn is_list(value: &str) -> bool {
    if value.len() > LIST_OCTETS_MAX {
        return true;
    }
    split_list(value).into_iter().map(str::trim).filter(|entry| !entry.is_empty()).all(|entry| {
        let is_group = entry.contains(':') || entry.ends_with(';');
        let bare = match entry.rsplit_once('<') {
            Some((_, rest)) => rest.split_once('>').map(|(address, _)| address),
            None => Some(entry.split_once('(').map_or(entry, |(address, _)| address)),
        };
        is_group || bare.is_some_and(|address| internet(address).is_some())
    })
}

/// The entries between commas that stand neither in quotes nor in brackets.
fn split_list(value: &str) -> Vec<&str> {
    let (mut entries, mut start) = (Vec::new(), 0);
    let (mut is_quoted, mut is_escaped, mut depth) = (false, false, 0_u32);
    for (place, octet) in value.bytes().enumerate() {
        match octet {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b'<' | b'(' if !is_quoted => depth += 1,
            b'>' | b')' if !is_quoted => depth = depth.saturating_sub(1),
            b',' if !is_quoted && depth == 0 => {
                entries.push(&value[start..place]);
                start = place + 1;
            }
            _ => {}
        }
    }
    entries.push(&value[start..]);
    entries
}

/// An address of the Internet, in a form that may stand between `<` and `>`; nothing where it is none.
#[must_use]
pub fn internet(text: &str) -> Option<Cow<'_, str>> {
    let text = text.trim().trim_matches('\'');
    let scheme = ["smtp:", "mailto:"].into_iter().find(|scheme| {
        text.as_bytes().get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes()))
    });
    let text = scheme.and_then(|scheme| text.get(scheme.len()..)).unwrap_or(text);
    let text = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
    let (local, domain) = text.rsplit_once('@')?;
    if text.len() > ADDRESS_OCTETS_MAX || local.is_empty() || !is_domain(domain) {
        return None;
    }
    if is_dot_atom(local) || is_quoted(local) {
        return Some(Cow::Borrowed(text));
    }
    // Doubled dots and the like occur in living addresses, and are legal once quoted.
    let is_quotable = local.bytes().all(|octet| is_atom(octet) || octet == b'.');
    is_quotable.then(|| Cow::Owned(format!("\"{local}\"@{domain}")))
}

fn is_domain(domain: &str) -> bool {
    let is_name = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_');
    let is_literal = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b':' | b'-');
    match domain.strip_prefix('[').and_then(|domain| domain.strip_suffix(']')) {
        Some(literal) => !literal.is_empty() && literal.bytes().all(is_literal),
        None => !domain.is_empty() && !domain.starts_with('.') && domain.bytes().all(is_name),
    }
}

fn is_dot_atom(local: &str) -> bool {
    local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atom))
}

fn is_quoted(local: &str) -> bool {
    let Some(inner) = local.strip_prefix('"').and_then(|local| local.strip_suffix('"')) else { return false };
    !inner.is_empty()
        && inner.bytes().all(|octet| matches!(octet, b' '..=b'~') && !matches!(octet, b'"' | b'\\'))
}

/// Characters of an atom (RFC 5322 §3.2.3).
pub(super) const fn is_atom(octet: u8) -> bool {
    octet.is_ascii_alphanumeric()
        || matches!(
            octet,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'/'
                | b'='
                | b'?'
                | b'^'
                | b'_'
                | b'`'
                | b'{'
                | b'|'
                | b'}'
                | b'~'
        )
}

/// An address of another kind, wrapped as Exchange wraps it ([MS-OXCMAIL], IMCEA encapsulation), below a domain that
/// is nobody's.
fn encapsulated(kind: &str, address: &str) -> String {
    use std::fmt::Write as _;

    let kind: String = kind.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
    let mut local = format!("IMCEA{}-", if kind.is_empty() { "UNKNOWN" } else { &kind });
    for octet in address.bytes() {
        match octet {
            b'/' => local.push('_'),
            b'-' | b'=' => local.push(char::from(octet)),
            _ if octet.is_ascii_alphanumeric() => local.push(char::from(octet)),
            _ => {
                let _ = write!(local, "+{octet:02X}");
            }
        }
        if local.len() > ENCAPSULATED_OCTETS_MAX {
            let hash = blake3::hash(address.as_bytes()).to_hex();
            let _ = write!(local, "-{}", &hash[..32]);
            break;
        }
    }
    format!("{local}@{ENCAPSULATED_DOMAIN}")
}

#[cfg(test)]
mod tests {
    use super::{ENCAPSULATED_OCTETS_MAX, encapsulated, internet};

    #[test]
    fn what_is_an_address_of_the_internet_is_told_and_put_in_order() {
        for (text, expected) in [
            ("ana@exemplo.pt", Some("ana@exemplo.pt")),
            ("SMTP:ana@exemplo.pt", Some("ana@exemplo.pt")),
            ("'ana@exemplo.pt'", Some("ana@exemplo.pt")),
            ("a..b.@docomo.example", Some("\"a..b.\"@docomo.example")),
            ("\"a b\"@x.example", Some("\"a b\"@x.example")),
            ("ana@[192.0.2.1]", Some("ana@[192.0.2.1]")),
            ("ana@exemplo.pt\r\nBcc: x@y", None),
            ("ana <ana@exemplo.pt>", None),
            ("ana@", None),
            ("@exemplo.pt", None),
            ("çã@exemplo.pt", None),
            ("/o=x/cn=y", None),
            ("", None),
        ] {
            assert_eq!(internet(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn an_address_of_another_kind_is_wrapped_and_never_grows_without_end() {
        assert_eq!(
            encapsulated("EX", "/o=First Org/cn=Ana.G"),
            "IMCEAEX-_o=First+20Org_cn=Ana+2EG@encapsulated.invalid"
        );
        let long = encapsulated("X400\r\n", &"ç".repeat(10_000));
        assert!(long.starts_with("IMCEAX400-+C3+A7") && long.len() < ENCAPSULATED_OCTETS_MAX + 80, "{long}");
        assert_eq!(internet(&long).as_deref(), Some(long.as_str()));
    }
}
