//! Attachments as parts: files, messages within the message, references, and what stands for the unreadable.
//! Never drops one: what has no octets is named in a text.

use std::borrow::Cow;

use super::build::Builder;
use super::class::ItemKind;
use super::head::{self, Field};
use super::part::Part;
use super::view::View;
use super::{name, ole, pim, tag};
use crate::item::{Attachment, Content};
use crate::loss::LossKind;
use crate::property::Value;
use crate::store::Blob;

/// Deepest item within an item within an item. RFC 5322 has no limit, readers of mail do.
pub const EMBEDDED_DEPTH_MAX: usize = 32;
/// Longest content id that is sent.
const CONTENT_ID_MAX: usize = 250;

/// How a part stands in the message.
pub struct Placed<'a> {
    /// The part.
    pub part: Part<'a>,
    /// The content id or location by which the HTML may show it.
    pub is_shown: bool,
}

/// What the HTML of an item refers to.
pub struct Shown<'h> {
    /// Content ids.
    pub ids: std::collections::HashSet<Vec<u8>>,
    /// The HTML itself, in which locations are looked for.
    pub html: &'h [u8],
}

/// The fields that most parts have.
struct Fields<'t> {
    name: &'t str,
    media_type: &'t str,
    content_id: Option<&'t str>,
    location: Option<&'t str>,
    is_shown: bool,
}

impl Fields<'_> {
    fn head(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        let mut field = Field::begin(&mut out, "Content-Type");
        field.word(self.media_type);
        field.parameter("name", self.name, true);
        field.end();
        self.disposition(&mut out);
        out
    }

    fn disposition(&self, out: &mut Vec<u8>) {
        let mut field = Field::begin(out, "Content-Disposition");
        field.word(if self.is_shown { "inline" } else { "attachment" });
        field.parameter("filename", self.name, false);
        field.end();
        if let Some(id) = self.content_id {
            head::words(out, "Content-ID", &format!("<{id}>"));
        }
        if let Some(location) = self.location {
            head::words(out, "Content-Location", location);
        }
    }
}

/// A part of text that stands for something that has no octets.
fn told(name: &str, text: String) -> Part<'static> {
    let fields = Fields { name, media_type: "text/plain", content_id: None, location: None, is_shown: false };
    let mut head = Vec::new();
    let mut field = Field::begin(&mut head, "Content-Type");
    field.word("text/plain");
    field.parameter("charset", if text.is_ascii() { "us-ascii" } else { "utf-8" }, false);
    field.parameter("name", name, true);
    field.end();
    fields.disposition(&mut head);
    Part::text(head, Cow::Owned(text.into_bytes()))
}

/// A file of held octets.
pub fn file<'a>(name: &str, media_type: &str, octets: Cow<'a, [u8]>) -> Part<'a> {
    let fields = Fields { name, media_type, content_id: None, location: None, is_shown: false };
    Part::held(fields.head(), octets)
}

/// A file of a blob.
pub fn blob<'a>(name: &str, media_type: &str, blob: &'a Blob) -> Part<'a> {
    let fields = Fields { name, media_type, content_id: None, location: None, is_shown: false };
    Part::blob(fields.head(), blob)
}

impl<'a> Builder<'_> {
    /// One attachment as a part.
    pub fn attachment(
        &mut self,
        view: &View<'a>,
        attachment: &'a Attachment,
        shown: &Shown<'_>,
    ) -> Placed<'a> {
        self.losses.enter(attachment.number);
        for damage in &attachment.damage {
            self.damaged(damage);
        }
        let placed = self.placed(view, attachment, shown);
        self.losses.leave();
        placed
    }

    fn placed(&mut self, view: &View<'a>, attachment: &'a Attachment, shown: &Shown<'_>) -> Placed<'a> {
        let name = self.name(view, attachment);
        let part = match &attachment.content {
            Content::Octets(blob) => return self.file(view, attachment, &name, FileOf::Blob(blob), shown),
            Content::None => {
                self.losses.note(LossKind::AttachmentEmpty, None, "the attachment has no data");
                return self.file(view, attachment, &name, FileOf::Held(Vec::new()), shown);
            }
            Content::Ole(blob) => return self.ole(view, attachment, &name, blob, shown),
            Content::Embedded(item) => self.embedded(view, item, &name),
            Content::Reference => self.reference(view, attachment, &name),
            Content::Unreadable => {
                let why = "the attachment's data cannot be read".to_owned();
                self.losses.note(LossKind::AttachmentUnreadable, Some(tag::ATTACH_DATA), why.clone());
                self.unreadable.push(format!("attachment {}: {why}", attachment.number));
                stub(attachment.number, &name)
            }
        };
        Placed { part, is_shown: false }
    }

    fn name(&mut self, view: &View<'a>, attachment: &'a Attachment) -> String {
        let text = |id| view.text_of(&attachment.properties, id);
        let told = text(tag::ATTACH_LONG_NAME).or_else(|| text(tag::ATTACH_FILE_NAME)).or_else(|| {
            let name = text(tag::DISPLAY_NAME)?;
            let ending = text(tag::ATTACH_EXTENSION).filter(|ending| !name.ends_with(ending.as_ref()));
            Some(Cow::Owned(format!("{name}{}", ending.unwrap_or_default())))
        });
        let name = told.as_deref().and_then(name::file);
        if told.is_some() && name.as_deref() != told.as_deref() {
            self.losses.note(
                LossKind::NameChanged,
                Some(tag::ATTACH_LONG_NAME),
                "the file's name was changed",
            );
        }
        name.unwrap_or_else(|| format!("attachment-{}", attachment.number))
    }

    fn file(
        &mut self,
        view: &View<'a>,
        attachment: &'a Attachment,
        name: &str,
        file: FileOf<'a>,
        shown: &Shown<'_>,
    ) -> Placed<'a> {
        let text = |id| view.text_of(&attachment.properties, id);
        let told = text(tag::ATTACH_MIME_TYPE);
        let media_type = told.as_deref().and_then(name::media_type);
        if media_type.is_none() && told.is_some() {
            let why = "the attachment's media type may not stand where it stood";
            self.losses.note(LossKind::TypeReplaced, Some(tag::ATTACH_MIME_TYPE), why);
        }
        let media_type = media_type.unwrap_or_else(|| Cow::Borrowed(name::type_of_ending(name)));
        let (id, location) = (text(tag::ATTACH_CONTENT_ID), text(tag::ATTACH_CONTENT_LOCATION));
        let id = id.as_deref().map(|id| id.trim().trim_start_matches('<').trim_end_matches('>'));
        let id = self.legal(tag::ATTACH_CONTENT_ID, id.filter(|id| !id.is_empty()));
        let location = self.legal(tag::ATTACH_CONTENT_LOCATION, location.as_deref());
        let is_shown = id.is_some_and(|id| shown.ids.contains(id.as_bytes()))
            || location
                .is_some_and(|location| memchr::memmem::find(shown.html, location.as_bytes()).is_some());
        let fields = Fields { name, media_type: &media_type, content_id: id, location, is_shown };
        let part = match file {
            FileOf::Blob(blob) => Part::blob(fields.head(), blob),
            FileOf::Held(octets) => Part::held(fields.head(), Cow::Owned(octets)),
        };
        Placed { part, is_shown }
    }

    /// What HTML refers to an attachment by, where it may stand in a header.
    fn legal<'t>(&mut self, id: u16, told: Option<&'t str>) -> Option<&'t str> {
        let legal = told.filter(|told| is_url(told) && told.len() <= CONTENT_ID_MAX);
        if told.is_some() && legal.is_none() {
            let why = "what the attachment is referred to by may not stand in a header";
            self.losses.note(LossKind::HeaderChanged, Some(id), why);
        }
        legal
    }

    fn ole(
        &mut self,
        view: &View<'a>,
        attachment: &'a Attachment,
        name: &str,
        blob: &'a Blob,
        shown: &Shown<'_>,
    ) -> Placed<'a> {
        match ole::inner(blob, self.blobs, self.octets_left) {
            Ok(Some(inner)) => {
                self.octets_left = self.octets_left.saturating_sub(inner.octets.len() as u64);
                let name = inner.name.as_deref().and_then(name::file).unwrap_or_else(|| name.to_owned());
                self.file(view, attachment, &name, FileOf::Held(inner.octets), shown)
            }
            Ok(None) => {
                self.losses.note(LossKind::OleRaw, None, "the OLE object is carried as its raw storage");
                let raw = self::blob(&format!("{name}.ole"), "application/x-ole-storage", blob);
                if let Some(Value::Long(..)) = attachment.properties.get(tag::ATTACH_RENDERING) {
                    let why = "the picture of the OLE object is too long to be held";
                    self.losses.note(LossKind::ValueTooLong, Some(tag::ATTACH_RENDERING), why);
                }
                let rendering =
                    attachment.properties.binary(tag::ATTACH_RENDERING).filter(|octets| octets.len() > 40);
                let part = match rendering {
                    Some(picture) => {
                        let picture = file(&format!("{name}.wmf"), "image/wmf", Cow::Borrowed(picture));
                        Part::of("mixed", vec![raw, picture])
                    }
                    None => raw,
                };
                Placed { part, is_shown: false }
            }
            Err(cause) => {
                self.losses.note(LossKind::AttachmentUnreadable, Some(tag::ATTACH_DATA), cause.to_string());
                self.unreadable.push(format!("attachment {}: {cause}", attachment.number));
                Placed { part: stub(attachment.number, name), is_shown: false }
            }
        }
    }

    fn reference(&mut self, view: &View<'a>, attachment: &Attachment, name: &str) -> Part<'a> {
        let text = |id| view.text_of(&attachment.properties, id);
        let target = text(tag::ATTACH_LONG_PATH).or_else(|| text(tag::ATTACH_PATH)).unwrap_or_default();
        let why = "the attachment is only a path or a URL; a text names it";
        self.losses.note(LossKind::AttachmentReference, Some(tag::ATTACH_LONG_PATH), why);
        let target = head::without_controls(&target);
        told(
            &format!("{name}.txt"),
            format!("This attachment is a reference to a file elsewhere:\r\n\r\n{target}\r\n"),
        )
    }

    /// An item within the item: its own format where it has one and nothing else, else a message of its own.
    fn embedded(&mut self, outer: &View<'a>, item: &'a crate::item::Item, name: &str) -> Part<'a> {
        if self.losses.place().len() > EMBEDDED_DEPTH_MAX {
            let why = format!("items lie deeper than {EMBEDDED_DEPTH_MAX} in each other");
            self.losses.note(LossKind::TooDeep, None, why.clone());
            self.unreadable.push(why);
            return told(
                "too-deep.txt",
                "This message lies too deep within others to be carried.\r\n".to_owned(),
            );
        }
        let view = View::new(item, outer.context);
        let kind = view.text(tag::MESSAGE_CLASS).map_or(ItemKind::Mail, |class| ItemKind::of_class(&class));
        let is_bare = item.attachments.is_empty() && !matches!(kind, ItemKind::Note) && says_all(item);
        let pim = self.pim(&view, kind);
        let pim = match pim {
            Some(part) if is_bare && !kind.is_mail() => {
                self.item_damage(&view);
                return pim_file(part);
            }
            pim => pim,
        };
        let entity = Box::new(self.entity(&view, kind, pim));
        let name = name::file(name).unwrap_or_else(|| "message".to_owned());
        let has_ending = name.len() > 4 && name.to_ascii_lowercase().ends_with(".eml");
        let name = if has_ending { name } else { format!("{}.eml", name.trim_end_matches(".msg")) };
        let fields =
            Fields { name: &name, media_type: "", content_id: None, location: None, is_shown: false };
        let mut head = Vec::new();
        fields.disposition(&mut head);
        Part::Message { head, entity }
    }
}

/// True where a part in a format of its own says all that an item's texts do: it has room for a plain one, and for so
/// much of it.
fn says_all(item: &crate::item::Item) -> bool {
    let has = |id| item.properties.get(id).is_some();
    let fits = |value: &Value| match value {
        Value::Long(..) => false,
        // No text has more characters than octets.
        Value::String(text) => text.len() <= pim::TEXT_CHARACTERS_MAX,
        Value::String8(octets) => octets.len() <= pim::TEXT_CHARACTERS_MAX,
        _ => true,
    };
    item.properties.0.values().all(fits) && (has(tag::BODY) || !has(tag::HTML) && !has(tag::RTF_COMPRESSED))
}

/// A part in a format of its own as an attached file.
pub fn pim_file(part: pim::PimPart) -> Part<'static> {
    let name = name::file(&part.file_name).unwrap_or_else(|| "item".to_owned());
    let mut head = pim_type(&part);
    let fields = Fields {
        name: &name,
        media_type: part.media_type,
        content_id: None,
        location: None,
        is_shown: false,
    };
    fields.disposition(&mut head);
    Part::text(head, Cow::Owned(part.octets))
}

/// The `Content-Type` of a part in a format of its own.
pub fn pim_type(part: &pim::PimPart) -> Vec<u8> {
    let mut head = Vec::new();
    let mut field = Field::begin(&mut head, "Content-Type");
    field.word(part.media_type);
    field.parameter("charset", "utf-8", false);
    if let Some(method) = part.method {
        field.parameter("method", method, false);
    }
    field.end();
    head
}

enum FileOf<'a> {
    Blob(&'a Blob),
    Held(Vec<u8>),
}

fn stub(number: u32, name: &str) -> Part<'static> {
    let text = format!(
        "Attachment {number} could not be read from the store that this message comes from.\r\n\
         Its name was: {}\r\n",
        head::without_controls(name)
    );
    told(&format!("unreadable-{number}.txt"), text)
}

/// True for what may stand between `<` and `>`, or as a URL on one line.
fn is_url(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_graphic() && !matches!(octet, b'<' | b'>'))
}
