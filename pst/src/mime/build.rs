//! Puts an item's texts, files and structure together as one tree of parts.
//! Never decides whether the item is carried.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::attachment::{self, Shown};
use super::body::{self, Bodies};
use super::class::ItemKind;
use super::head::Field;
use super::part::{Entity, Part};
use super::pim::{self, PimPart};
use super::view::View;
use super::{FolderRole, flags, headers, html, report, smime, tag, transport};
use crate::item::{Damage, Item, Part as ItemPart};
use crate::loss::{LossKind, Losses};
use crate::property::{Properties, Value};
use crate::store::Blobs;
use crate::text;

/// Most octets of HTML that are searched for the locations of an item's attachments, all searches together.
const LOCATION_WORK_MAX: usize = 1024 * 1024 * 1024;

/// The item's texts, which are read from the store whatever their length.
const TEXTS: [u16; 4] = [tag::BODY, tag::HTML, tag::RTF_COMPRESSED, tag::REPORT_TEXT];

/// `mfFromMe` of `PidTagMessageFlags` ([MS-OXCMSG] §2.2.1.6): whoever has the item wrote it.
const FLAG_FROM_ME: i64 = 0x20;

/// What is gathered while a message is built.
pub struct Builder<'b> {
    /// Where texts and objects are read from.
    pub blobs: &'b mut dyn Blobs,
    /// What could not be carried.
    pub losses: Losses,
    /// What cannot be read, in words: each is a reason for the quarantine.
    pub unreadable: Vec<String>,
    /// Octets that further texts of the message may take.
    pub octets_left: u64,
}

impl<'a> Builder<'_> {
    /// An item, at any depth, as a message.
    pub fn entity(&mut self, view: &View<'a>, kind: ItemKind, pim: Option<PimPart>) -> Entity<'a> {
        let class = view.text(tag::MESSAGE_CLASS).unwrap_or_default();
        if class.is_empty() {
            self.losses.note(
                LossKind::ClassMissing,
                Some(tag::MESSAGE_CLASS),
                "without a class, taken for mail",
            );
        }
        self.item_damage(view);
        self.too_long(view.item);
        self.undecodable(view);
        let head = headers::write(view, &mut self.losses);
        if let Some(root) = smime::content(view, &class, self.blobs, &mut self.losses) {
            return Entity { head, root };
        }
        let mut bodies = body::read(view, self.octets_left, self.blobs, &mut self.losses);
        self.octets_left = bodies.octets_left;
        self.unreadable.append(&mut bodies.unreadable);
        let root = if kind == ItemKind::Report {
            self.report(view, &class, bodies)
        } else {
            self.ordinary(view, kind, bodies, pim)
        };
        Entity { head, root }
    }

    /// The part in a format of its own, for the kinds that have one.
    pub fn pim(&mut self, view: &View<'a>, kind: ItemKind) -> Option<PimPart> {
        let has_format = !matches!(kind, ItemKind::Mail | ItemKind::Report | ItemKind::System);
        if has_format { pim::part(view, &mut self.losses) } else { None }
    }

    /// Notes the damage of an item itself. What may hide words, files or people is a reason for the quarantine.
    pub fn item_damage(&mut self, view: &View<'_>) {
        for damage in &view.item.damage {
            self.damaged(damage);
            if damage.part == ItemPart::Recipients && !has_people_in_headers(view) {
                self.unreadable.push(format!("recipients: {}", damage.reason));
            }
        }
    }

    /// Notes values that are too long to be held: only bodies are read from the store all the same. Without its subject
    /// or the headers it came with an item is not what it was.
    fn too_long(&mut self, item: &Item) {
        for (id, value) in &item.properties.0 {
            if matches!(value, Value::Long(..)) && !TEXTS.contains(id) {
                self.losses.note(LossKind::ValueTooLong, Some(*id), "the value is too long for a header");
                if matches!(*id, tag::SUBJECT | tag::TRANSPORT_HEADERS) {
                    self.unreadable.push(format!("property {id:#06x} is too long to be held"));
                }
            }
        }
    }

    /// Notes strings of which letters are lost: octets that belong to no code page, NULs in their midst, halves of
    /// characters. Bodies that come as octets tell of theirs themselves.
    fn undecodable(&mut self, view: &View<'_>) {
        let is_lost = |id: u16, value: &Value| match value {
            Value::String(text) => text::is_lossy(text),
            Value::String8(octets) => {
                !octets.is_ascii() && !TEXTS.contains(&id) && !view.page.decode(octets).1
            }
            _ => false,
        };
        let mut lost = BTreeSet::new();
        let mut look = |properties: &Properties| {
            for (id, value) in &properties.0 {
                let is_lost = match value {
                    Value::Many(values) => values.iter().any(|value| is_lost(*id, value)),
                    value => is_lost(*id, value),
                };
                if is_lost {
                    lost.insert(*id);
                }
            }
        };
        look(&view.item.properties);
        view.item.recipients.iter().for_each(&mut look);
        view.item.attachments.iter().for_each(|attachment| look(&attachment.properties));
        for id in lost {
            let why = format!("a string holds what neither Unicode nor code page {} has", view.page.number);
            self.losses.note(LossKind::TextUndecodable, Some(id), why);
        }
    }

    /// Notes one damage.
    pub fn damaged(&mut self, damage: &Damage) {
        let property = if let ItemPart::Property(id) = damage.part { Some(id) } else { None };
        let kind = match damage.part {
            ItemPart::Attachments => LossKind::AttachmentsUnknown,
            _ => LossKind::Damaged,
        };
        self.losses.note(kind, property, damage.reason.clone());
        if damage.part.is_missed() {
            self.unreadable.push(damage.reason.clone());
        }
    }

    /// Text, then files; what the HTML shows stands beside it.
    fn ordinary(
        &mut self,
        view: &View<'a>,
        kind: ItemKind,
        bodies: Bodies<'a>,
        pim: Option<PimPart>,
    ) -> Part<'a> {
        let (shown, rest) = self.attachments(view, &bodies);
        let (calendar, record) = match pim {
            Some(part) if kind == ItemKind::Meeting && part.method.is_some() => (Some(part), None),
            record => (None, record),
        };
        let Bodies { plain, html, rtf, files, .. } = bodies;
        let mut parts = vec![text(plain, html, shown, calendar)];
        parts.extend(rtf.map(|rtf| attachment::file(rtf.name, rtf.media_type, rtf.octets)));
        parts.extend(
            files.into_iter().map(|(name, blob)| attachment::blob(name, "application/octet-stream", blob)),
        );
        parts.extend(record.map(attachment::pim_file));
        parts.extend(rest);
        Part::of("mixed", parts)
    }

    /// The attachments: those that the HTML shows, and the rest.
    fn attachments(&mut self, view: &View<'a>, bodies: &Bodies<'_>) -> (Vec<Part<'a>>, Vec<Part<'a>>) {
        let (mut shown, mut rest) = (Vec::new(), Vec::new());
        if view.item.attachments.is_empty() {
            return (shown, rest);
        }
        let octets = bodies.html.as_ref().map_or(&[][..], |html| html.octets.as_ref());
        let work = octets.len().saturating_mul(view.item.attachments.len());
        let searched = if work <= LOCATION_WORK_MAX { octets } else { &[] };
        let mut shows = Shown { ids: html::references(octets), html: searched };
        for attachment in &view.item.attachments {
            let placed = self.attachment(view, attachment, &shows);
            if placed.is_shown {
                // Only one part can be what a reference means.
                if let Some(id) = view.text_of(&attachment.properties, tag::ATTACH_CONTENT_ID) {
                    shows.ids.remove(id.trim().trim_start_matches('<').trim_end_matches('>').as_bytes());
                }
                shown.push(placed.part);
            } else {
                rest.push(placed.part);
            }
        }
        (shown, rest)
    }

    /// A report: what people read, what machines read, and what was sent back.
    fn report(&mut self, view: &View<'a>, class: &str, mut bodies: Bodies<'a>) -> Part<'a> {
        let told = body::plain(view, &mut bodies, tag::REPORT_TEXT, self.blobs, &mut self.losses);
        self.octets_left = bodies.octets_left;
        self.unreadable.append(&mut bodies.unreadable);
        if let Some(told) = told.map(|text| body::without_controls(text, &mut self.losses)) {
            // Most reports have only one of the two; where they have both, neither says what the other does.
            bodies.plain = Some(match bodies.plain.take() {
                Some(plain) if plain.contains(told.trim()) => plain,
                Some(plain) => Cow::Owned(format!("{}\r\n\r\n{plain}", told.trim_end())),
                None => told,
            });
        }
        let Some(report) = report::part(view, class, &mut self.losses) else {
            return self.ordinary(view, ItemKind::Mail, bodies, None);
        };
        let (shown, rest) = self.attachments(view, &bodies);
        let Bodies { plain, html, rtf, files, .. } = bodies;
        let mut parts = vec![text(plain, html, shown, None), report.part];
        parts.extend(rest);
        parts.extend(rtf.map(|rtf| attachment::file(rtf.name, rtf.media_type, rtf.octets)));
        parts.extend(
            files.into_iter().map(|(name, blob)| attachment::blob(name, "application/octet-stream", blob)),
        );
        Part::Multi { subtype: report.subtype, parts }
    }
}

/// True for a mail that came, with headers that say to whom it went. Headers of what was written here name nobody who
/// gets it blind, and those of a draft may be older than its recipients.
fn has_people_in_headers(view: &View<'_>) -> bool {
    let flags = view.integer(tag::MESSAGE_FLAGS).unwrap_or(0);
    if view.context.role != FolderRole::Other || flags & (flags::FLAG_UNSENT | FLAG_FROM_ME) != 0 {
        return false;
    }
    let Some(headers) = view.text(tag::TRANSPORT_HEADERS) else { return false };
    let found = transport::fields(&headers);
    let has = |name: &str| {
        let mut named = found.fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        named.any(|field| !field.unfolded().is_empty())
    };
    // A display string that no field answers would become a field of addresses that nobody has.
    let shown = [(tag::DISPLAY_TO, "To"), (tag::DISPLAY_CC, "Cc"), (tag::DISPLAY_BCC, "Bcc")];
    let is_answered =
        |(id, name): (u16, &str)| has(name) || view.text(id).is_none_or(|list| list.trim().is_empty());
    (has("To") || has("Cc")) && shown.into_iter().all(is_answered)
}

/// The alternatives of a text, the richest last (RFC 2046 §5.1.4); an empty text where there is none.
fn text<'a>(
    plain: Option<Cow<'a, str>>,
    html: Option<html::Html<'a>>,
    shown: Vec<Part<'a>>,
    calendar: Option<PimPart>,
) -> Part<'a> {
    let mut alternatives = Vec::new();
    if plain.is_some() || html.is_none() {
        let plain = plain.unwrap_or_default();
        let charset = if plain.is_ascii() { "us-ascii" } else { "utf-8" };
        let octets = match plain {
            Cow::Borrowed(plain) => Cow::Borrowed(plain.as_bytes()),
            Cow::Owned(plain) => Cow::Owned(plain.into_bytes()),
        };
        alternatives.push(Part::text(text_type("text/plain", charset), octets));
    }
    if let Some(html) = html {
        let part = Part::text(text_type("text/html", html.charset), html.octets);
        let mut related = vec![part];
        related.extend(shown);
        alternatives.push(Part::of("related; type=\"text/html\"", related));
    }
    if let Some(part) = calendar {
        let head = attachment::pim_type(&part);
        alternatives.push(Part::text(head, Cow::Owned(part.octets)));
    }
    Part::of("alternative", alternatives)
}

fn text_type(media_type: &str, charset: &str) -> Vec<u8> {
    let mut head = Vec::with_capacity(96);
    let mut field = Field::begin(&mut head, "Content-Type");
    field.word(media_type);
    field.parameter("charset", charset, false);
    field.end();
    head
}

/// What an item is, the same in every run and in every copy of the file: the store's key, the item's node, and the
/// way from it to an embedded item. A store without a key leaves the item's own search key.
pub fn identity(view: &View<'_>, place: &[u32]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    let search_key = view.item.properties.binary(tag::SEARCH_KEY).unwrap_or_default();
    let key = if view.context.store_key.is_empty() { search_key } else { view.context.store_key };
    hasher.update(&(key.len() as u64).to_le_bytes());
    hasher.update(key);
    hasher.update(&view.item.node.0.to_le_bytes());
    place.iter().for_each(|number| {
        hasher.update(&number.to_le_bytes());
    });
    hasher.finalize()
}

/// The Message-ID of an item that has none: the same in every run.
pub fn made_id(view: &View<'_>, place: &[u32]) -> String {
    format!("<{}@malote.invalid>", &identity(view, place).to_hex()[..40])
}
