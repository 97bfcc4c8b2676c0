//! The head of a message: what came with the item, then what its properties say and the headers lack.
//! Never writes the fields of the structure: those belong to the parts.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::address::{self, Recipient, RecipientKind};
use super::build::made_id;
use super::head;
use super::kept;
use super::mailbox::{self, Mailbox};
use super::transport::{self, Field};
use super::view::View;
use super::{FolderRole, date, flags, subject, tag};
use crate::item::Part;
use crate::loss::{LossKind, Losses};
use crate::names::PS_INTERNET_HEADERS;
use crate::property::Value;
use crate::text;

/// Marks a Message-ID that the store did not have.
pub const MADE_ID_FIELD: &str = "X-Malote-Message-ID";
/// What stands before the name of a field that came with the item and was replaced.
pub const ORIGINAL_PREFIX: &str = "X-Malote-Original-";
/// Longest value that is made into one field, in octets; no client shows more, and servers limit whole heads.
pub const VALUE_OCTETS_MAX: usize = 128 * 1024;
/// Longest Message-ID that is sent on, in octets.
const MESSAGE_ID_MAX: usize = 900;
/// Fields that every message has, and that say nothing where they are empty: the properties take their place.
const NEEDED_FIELDS: [&str; 3] = ["From", "Date", "Message-ID"];
/// Fields that the properties of a sent item know better than its headers.
const SENT_FIELDS: [&str; 8] = ["From", "Sender", "To", "Cc", "Reply-To", "Subject", "Date", "Message-ID"];

/// The head under construction.
struct Head<'h, 'l> {
    out: Vec<u8>,
    /// The names of the fields that are there already.
    names: Vec<Cow<'h, str>>,
    losses: &'l mut Losses,
}

impl<'h> Head<'h, '_> {
    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    fn text(&mut self, name: &'static str, value: Option<Cow<'_, str>>) {
        if let Some(value) = value.filter(|_| !self.has(name)) {
            let value = self.within_limit(&value);
            head::text(&mut self.out, name, value);
            self.names.push(Cow::Borrowed(name));
        }
    }

    /// As much of a value as a field holds; the rest is told.
    fn within_limit<'v>(&mut self, value: &'v str) -> &'v str {
        if value.len() <= VALUE_OCTETS_MAX {
            return value;
        }
        let why = format!("a header field was cut after {VALUE_OCTETS_MAX} octets");
        self.losses.note(LossKind::HeaderChanged, None, why);
        &value[..value.floor_char_boundary(VALUE_OCTETS_MAX)]
    }

    fn words(&mut self, name: &'static str, value: Option<&str>) {
        if let Some(value) = value.filter(|value| !value.is_empty() && !self.has(name)) {
            head::words(&mut self.out, name, value);
            self.names.push(Cow::Borrowed(name));
        }
    }

    fn mailboxes<'m>(&mut self, name: &'static str, mailboxes: impl IntoIterator<Item = &'m Mailbox<'m>>) {
        if !self.has(name) && head::mailboxes(&mut self.out, name, mailboxes) {
            self.names.push(Cow::Borrowed(name));
        }
    }
}

/// Writes the head of an item's message.
pub fn write(view: &View<'_>, losses: &mut Losses) -> Vec<u8> {
    let transport = view.text(tag::TRANSPORT_HEADERS);
    let found = transport.as_deref().map(transport::fields).unwrap_or_default();
    let recipients = address::recipients(view);
    let mut head = Head { out: Vec::with_capacity(1_024), names: Vec::with_capacity(24), losses };
    if found.dropped > 0 {
        let told = format!("lines of the transport headers that are no fields: {}", found.dropped);
        head.losses.note(LossKind::HeaderDropped, Some(tag::TRANSPORT_HEADERS), told);
    }
    let is_sent = view.context.role == FolderRole::Sent;
    let has_bcc = recipients.iter().any(|recipient| recipient.kind == RecipientKind::Bcc);
    let mut changed = 0;
    for field in &found.fields {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        let is_structure = is("MIME-Version") || starts_with(field.name, "Content-");
        let is_known_better =
            is_sent && SENT_FIELDS.iter().any(|name| is(name)) && knows(view, field.name, &recipients);
        let is_empty = || match &*field.unfolded() {
            "" => true,
            // A bounce may be from "<>": that says something.
            "<>" => is("Message-ID"),
            _ => false,
        };
        let is_wanting = NEEDED_FIELDS.iter().any(|name| is(name)) && is_empty();
        if !(is_structure || is_known_better || is_wanting || has_bcc && is("Bcc")) {
            if is_broken_list(field) && knows_people(view, field.name, &recipients) {
                // What stands there no reader could answer to; the properties know better, and nothing is thrown away.
                head::text(&mut head.out, &format!("{ORIGINAL_PREFIX}{}", field.name), &field.unfolded());
                changed += 1;
                continue;
            }
            if is("Subject")
                && let Some(shown) = view.subject()
                && subject::is_another(&field.unfolded(), &shown)
            {
                let why = "the subject that the item came with is carried; the store shows another one";
                head.losses.note(LossKind::HeaderChanged, Some(tag::SUBJECT), why);
            }
            changed += usize::from(!kept::keep(&mut head.out, field));
            head.names.push(Cow::Borrowed(field.name));
        }
    }
    if changed > 0 {
        let told = format!("transport header fields that were folded or encoded anew: {changed}");
        head.losses.note(LossKind::HeaderChanged, Some(tag::TRANSPORT_HEADERS), told);
    }
    people(view, &recipients, &mut head);
    identity(view, &mut head);
    state(view, &mut head);
    named(view, &mut head);
    head.out
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.as_bytes().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
}

/// True for a field of mailboxes that holds other than addresses of the Internet: Exchange writes its own there.
fn is_broken_list(field: &Field<'_>) -> bool {
    let is_list = ["From", "Sender", "To", "Cc"].iter().any(|name| field.name.eq_ignore_ascii_case(name));
    is_list && !mailbox::is_list(&field.unfolded())
}

/// True where the item's properties name people for a field, at Internet addresses or not.
fn knows_people(view: &View<'_>, name: &str, recipients: &[Recipient<'_>]) -> bool {
    let has = |kind| recipients.iter().any(|recipient| recipient.kind == kind);
    if name.eq_ignore_ascii_case("To") {
        has(RecipientKind::To)
    } else if name.eq_ignore_ascii_case("Cc") {
        has(RecipientKind::Cc)
    } else {
        address::author(view).is_some()
    }
}

/// True where the item's properties can say what a field says.
fn knows(view: &View<'_>, name: &str, recipients: &[Recipient<'_>]) -> bool {
    let has = |kind| recipients.iter().any(|recipient| recipient.kind == kind);
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    if is("To") {
        has(RecipientKind::To)
    } else if is("Cc") {
        has(RecipientKind::Cc)
    } else if is("From") || is("Sender") {
        address::author(view).is_some_and(|author| !author.is_encapsulated)
    } else if is("Subject") {
        view.subject().is_some()
    } else if is("Date") {
        view.item.properties.time(tag::CLIENT_SUBMIT_TIME).is_some()
    } else if is("Message-ID") {
        view.text(tag::INTERNET_MESSAGE_ID).is_some_and(|id| message_id(&id).is_some())
    } else {
        view.item.properties.get(tag::REPLY_RECIPIENT_ENTRIES).is_some()
    }
}

fn people(view: &View<'_>, recipients: &[Recipient<'_>], head: &mut Head<'_, '_>) {
    let author = address::author(view);
    let sender = address::sender(view);
    let nobody = || Mailbox {
        name: Cow::Borrowed(""),
        address: Cow::Owned(format!("unknown@{}", mailbox::ENCAPSULATED_DOMAIN)),
        is_encapsulated: true,
    };
    let had_from = head.has("From");
    let is_nobody = author.is_none();
    let from = author.unwrap_or_else(nobody);
    if !had_from
        && let Some(sender) = sender.filter(|sender| !sender.address.eq_ignore_ascii_case(&from.address))
    {
        head.mailboxes("Sender", [&sender]);
    }
    let mut wrapped = usize::from(!had_from && from.is_encapsulated && !is_nobody);
    head.mailboxes("From", [&from]);
    for (name, kind, display) in [
        ("To", RecipientKind::To, tag::DISPLAY_TO),
        ("Cc", RecipientKind::Cc, tag::DISPLAY_CC),
        ("Bcc", RecipientKind::Bcc, tag::DISPLAY_BCC),
    ] {
        if head.has(name) {
            continue;
        }
        let of_kind = || recipients.iter().filter(|one| one.kind == kind).map(|one| &one.mailbox);
        wrapped += of_kind().filter(|mailbox| mailbox.is_encapsulated).count();
        head.mailboxes(name, of_kind());
        // The display strings stand for a table that cannot be read, or is not there at all.
        if recipients.is_empty() {
            let list = view.text(display).map(|list| address::display_list(view, &list)).unwrap_or_default();
            if !list.is_empty() {
                let told = format!("{name} is made from names to show: there is no recipient table");
                head.losses.note(LossKind::RecipientsFromDisplay, Some(display), told);
                head.mailboxes(name, &list);
            }
        }
    }
    if view.item.damage.iter().any(|damage| damage.part == Part::Recipients) && recipients.is_empty() {
        head.losses.note(LossKind::RecipientsFromDisplay, None, "the recipient table cannot be read");
    }
    let answers_to = address::reply_to(view);
    if answers_to.iter().any(|mailbox| mailbox.address != from.address) {
        head.mailboxes("Reply-To", &answers_to);
    }
    if wrapped > 0 {
        let told = format!("addresses that are not of the Internet: {wrapped}");
        head.losses.note(LossKind::AddressEncapsulated, None, told);
    }
}

fn identity(view: &View<'_>, head: &mut Head<'_, '_>) {
    head.text("Subject", view.subject());
    if !head.has("Date") {
        match date::sent(view) {
            Some(seconds) => head.words("Date", Some(&date::rfc5322(seconds))),
            None => {
                head.losses.note(LossKind::DateMissing, None, "the item has no time that could be its date")
            }
        }
    }
    if !head.has("Message-ID") {
        let told = view.text(tag::INTERNET_MESSAGE_ID);
        let id = told.as_deref().and_then(message_id);
        if told.is_some() && id.is_none() {
            let why = "the item's Message-ID may not stand in a message";
            head.losses.note(LossKind::HeaderChanged, Some(tag::INTERNET_MESSAGE_ID), why);
        }
        if id.is_none() {
            head.words(MADE_ID_FIELD, Some("made from the store's identity of the item"));
        }
        head.words("Message-ID", Some(&id.unwrap_or_else(|| made_id(view, head.losses.place()))));
    }
    for (name, id) in [("In-Reply-To", tag::IN_REPLY_TO), ("References", tag::INTERNET_REFERENCES)] {
        let is_plain = |value: &str| {
            value.split_ascii_whitespace().all(|id| id.is_ascii() && id.len() <= MESSAGE_ID_MAX)
        };
        match view.text(id) {
            Some(value) if is_plain(&value) => head.words(name, Some(&head::without_controls(&value))),
            value => head.text(name, value),
        }
    }
    head.text("Thread-Topic", view.text(tag::CONVERSATION_TOPIC));
    if let Some(index) =
        view.item.properties.binary(tag::CONVERSATION_INDEX).filter(|index| index.len() <= 600)
    {
        head.words("Thread-Index", Some(&STANDARD.encode(index)));
    }
}

/// A Message-ID between its brackets; nothing where its characters may not stand in one.
fn message_id(told: &str) -> Option<String> {
    let bare = told.trim();
    let bare = bare.strip_prefix('<').and_then(|bare| bare.strip_suffix('>')).unwrap_or(bare);
    let is_legal = |octet: u8| octet.is_ascii_graphic() && !matches!(octet, b'<' | b'>');
    let is_id = !bare.is_empty() && bare.len() <= MESSAGE_ID_MAX && bare.bytes().all(is_legal);
    is_id.then(|| format!("<{bare}>"))
}

fn state(view: &View<'_>, head: &mut Head<'_, '_>) {
    let importance = match view.integer(tag::IMPORTANCE) {
        Some(0) => Some("low"),
        Some(2) => Some("high"),
        _ => None,
    };
    head.words("Importance", importance);
    let priority = match view.integer(tag::PRIORITY) {
        Some(-1) => Some("non-urgent"),
        Some(1) => Some("urgent"),
        _ => None,
    };
    head.words("Priority", priority);
    let sensitivity = match view.integer(tag::SENSITIVITY) {
        Some(1) => Some("Personal"),
        Some(2) => Some("Private"),
        Some(3) => Some("Company-Confidential"),
        _ => None,
    };
    head.words("Sensitivity", sensitivity);
    if view.item.properties.is_set(tag::READ_RECEIPT_REQUESTED)
        && !head.has("Disposition-Notification-To")
        && let Some(author) = address::author(view)
    {
        head.mailboxes("Disposition-Notification-To", [&author]);
    }
    let categories = flags::categories(view);
    if !categories.is_empty() {
        head.text("Keywords", Some(Cow::Owned(categories.join(", "))));
    }
}

/// Fields that the store keeps as properties named by their field ([MS-OXCMAIL] §2.1.3.1.16).
fn named(view: &View<'_>, head: &mut Head<'_, '_>) {
    for (name, id) in view.texts_of_set(PS_INTERNET_HEADERS) {
        let Some(value) = view.item.properties.get(id) else { continue };
        let is_structure = name.eq_ignore_ascii_case("MIME-Version") || starts_with(name, "Content-");
        if is_structure || !transport::is_name(name) || head.has(name) {
            continue;
        }
        // Each of several values is a field of its own, as it was when the message came.
        let values = if let Value::Many(values) = value { values } else { std::slice::from_ref(value) };
        for value in values {
            if let Some(text) = text::of_value(value, view.page) {
                let text = Field { name, value: &text }.unfolded();
                let text = head.within_limit(&text);
                head::text(&mut head.out, name, text);
            } else if !matches!(value, Value::String(_) | Value::String8(_) | Value::Long(..)) {
                head.losses.note(LossKind::HeaderDropped, Some(id), "what a header field holds is no text");
            }
        }
        head.names.push(Cow::Owned(name.to_owned()));
    }
}
