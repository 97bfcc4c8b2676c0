//! The texts of an item: which of its bodies are carried, and as what ([MS-OXBBODY]; RFC 2046 §5.1.4).
//! Never makes a body up: HTML comes only from HTML.

use std::borrow::Cow;

use super::html::{self, Html};
use super::message::read_exactly;
use super::tag;
use super::view::View;
use crate::loss::{LossKind, Losses};
use crate::property::{Value, ValueType};
use crate::rtf::{self, Origin};
use crate::store::{Blob, Blobs};
use crate::text;

/// What is read into memory of one item's bodies that its reader did not hold, in octets of the store and all together;
/// what goes beyond is carried as attached files. Decoded and encoded, they take several times as much.
pub const BODY_OCTETS_MAX: u64 = 16 * 1024 * 1024;

/// The texts of one item.
#[derive(Debug, Default)]
pub struct Bodies<'a> {
    /// Plain text.
    pub plain: Option<Cow<'a, str>>,
    /// HTML.
    pub html: Option<Html<'a>>,
    /// Rich text that no other body stands for.
    pub rtf: Option<Vec<u8>>,
    /// Bodies too long to be held, with the names of the files that they become.
    pub files: Vec<(&'static str, &'a Blob)>,
    /// Bodies that cannot be read.
    pub unreadable: Vec<String>,
    /// Octets that were read into memory, of [`BODY_OCTETS_MAX`].
    octets_read: u64,
}

/// Reads the bodies of an item.
pub fn read<'a>(view: &View<'a>, blobs: &mut dyn Blobs, losses: &mut Losses) -> Bodies<'a> {
    let mut bodies = Bodies::default();
    bodies.plain = plain(view, &mut bodies, tag::BODY, blobs, losses);
    bodies.html = html(view, &mut bodies, blobs, losses);
    if bodies.html.is_none() {
        read_rtf(view, &mut bodies, blobs, losses);
    }
    bodies.plain = bodies.plain.take().map(|text| without_controls(text, losses));
    bodies
}

/// A value of octets, held or read from its blob; nothing where it is too long or unreadable, which `bodies` notes.
fn octets<'a>(
    value: &'a Value,
    name: &'static str,
    bodies: &mut Bodies<'a>,
    blobs: &mut dyn Blobs,
    losses: &mut Losses,
) -> Option<(Cow<'a, [u8]>, ValueType)> {
    let (kind, blob) = match value {
        Value::String8(octets) => return Some((Cow::Borrowed(octets), ValueType::String8)),
        Value::Binary(octets) => return Some((Cow::Borrowed(octets), ValueType::Binary)),
        Value::Long(kind, blob) => (*kind, blob),
        _ => return None,
    };
    if blob.octets > BODY_OCTETS_MAX - bodies.octets_read {
        let told = format!("a body of {} octets is carried as the file {name}", blob.octets);
        losses.note(LossKind::BodyAttached, None, told);
        bodies.files.push((name, blob));
        return None;
    }
    bodies.octets_read += blob.octets;
    let mut held = vec![0; usize::try_from(blob.octets).ok()?];
    match read_exactly(blobs, blob, 0, &mut held) {
        Ok(()) => Some((Cow::Owned(held), kind)),
        Err(cause) => {
            bodies.unreadable.push(format!("the body that would be {name} cannot be read: {cause}"));
            None
        }
    }
}

/// A body of plain text; an empty one is none.
pub fn plain<'a>(
    view: &View<'a>,
    bodies: &mut Bodies<'a>,
    id: u16,
    blobs: &mut dyn Blobs,
    losses: &mut Losses,
) -> Option<Cow<'a, str>> {
    let value = view.item.properties.get(id)?;
    if matches!(value, Value::String(_)) {
        return text::of_value(value, view.page);
    }
    let (octets, kind) = octets(value, "body.txt", bodies, blobs, losses)?;
    let page = if kind == ValueType::String { text::page(1200)? } else { view.page };
    let (text, is_clean) = decoded(octets, page);
    let text = text::without_nul(text);
    if !is_clean {
        let told = format!("octets of the text do not belong to code page {}", page.number);
        losses.note(LossKind::TextUndecodable, Some(id), told);
    }
    (!text.is_empty()).then_some(text)
}

fn decoded<'a>(octets: Cow<'a, [u8]>, page: &text::CodePage) -> (Cow<'a, str>, bool) {
    match octets {
        Cow::Borrowed(octets) => page.decode(octets),
        Cow::Owned(octets) => {
            let (text, is_clean) = page.decode(&octets);
            (Cow::Owned(text.into_owned()), is_clean)
        }
    }
}

fn html<'a>(
    view: &View<'a>,
    bodies: &mut Bodies<'a>,
    blobs: &mut dyn Blobs,
    losses: &mut Losses,
) -> Option<Html<'a>> {
    let value = view.item.properties.get(tag::HTML)?;
    let html = if let Value::String(_) = value {
        html::of_text(text::of_value(value, view.page)?)
    } else {
        let (octets, kind) = octets(value, "body.html", bodies, blobs, losses)?;
        let told = match kind {
            ValueType::String => text::page(1200),
            ValueType::String8 => Some(view.page),
            ValueType::Binary => {
                let number = view.integer(text::INTERNET_CODE_PAGE).and_then(|page| u16::try_from(page).ok());
                number.and_then(text::page)
            }
        };
        match octets {
            Cow::Borrowed(octets) => html::of_octets(octets.strip_suffix(&[0]).unwrap_or(octets), told),
            Cow::Owned(octets) => {
                let Html { octets, charset, is_clean } = html::of_octets(&octets, told);
                Html { octets: Cow::Owned(octets.into_owned()), charset, is_clean }
            }
        }
    };
    if !html.is_clean {
        losses.note(LossKind::TextUndecodable, Some(tag::HTML), "octets of the HTML belong to no charset");
    }
    (!html.octets.is_empty()).then_some(html)
}

/// Rich text gives back the HTML or text that it wraps; what is rich by itself gives its words, and is kept.
fn read_rtf<'a>(view: &View<'a>, bodies: &mut Bodies<'a>, blobs: &mut dyn Blobs, losses: &mut Losses) {
    let Some(value) = view.item.properties.get(tag::RTF_COMPRESSED) else { return };
    let Some((octets, _)) = octets(value, "body.rtf.lzfu", bodies, blobs, losses) else { return };
    if octets.is_empty() {
        return;
    }
    let unpacked = rtf::unpack(&octets);
    if let Some(flaw) = unpacked.flaw {
        losses.note(LossKind::RtfBroken, Some(tag::RTF_COMPRESSED), format!("rich text: {flaw}"));
    }
    if unpacked.octets.is_empty() {
        return;
    }
    let reading = rtf::read(&unpacked.octets);
    if !reading.is_clean {
        let told = "characters of the rich text belong to no code page";
        losses.note(LossKind::TextUndecodable, Some(tag::RTF_COMPRESSED), told);
    }
    let has_text = !reading.text.trim().is_empty();
    match reading.origin {
        Origin::Html if has_text => bodies.html = Some(html::of_text(Cow::Owned(reading.text))),
        Origin::Rich if bodies.plain.is_none() || has_text => {
            bodies.plain.get_or_insert(Cow::Owned(reading.text));
            bodies.rtf = Some(unpacked.octets);
        }
        Origin::Text if bodies.plain.is_none() => bodies.plain = Some(Cow::Owned(reading.text)),
        _ => {}
    }
}

/// Text without control characters, TAB, CR, LF and FF apart.
pub fn without_controls<'a>(text: Cow<'a, str>, losses: &mut Losses) -> Cow<'a, str> {
    let is_control =
        |octet: u8| (octet < b' ' && !matches!(octet, b'\t' | b'\r' | b'\n' | 0x0C)) || octet == 0x7F;
    // Without a branch, so that many octets are looked at in one step.
    let has_controls = text.bytes().fold(false, |found, octet| found | is_control(octet));
    if !has_controls {
        return text;
    }
    losses.note(LossKind::TextControls, Some(tag::BODY), "control characters were taken out of the text");
    Cow::Owned(text.chars().filter(|character| !u8::try_from(*character).is_ok_and(is_control)).collect())
}
