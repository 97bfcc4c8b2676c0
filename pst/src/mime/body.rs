//! The texts of an item: which of its bodies are carried, and as what ([MS-OXBBODY]; RFC 2046 §5.1.4).
//! Never makes a body up: HTML comes only from HTML.

use std::borrow::Cow;

use super::html::{self, Html};
use super::message::read_exactly;
use super::tag;
use super::view::View;
use crate::item::{Content, Item};
use crate::loss::{LossKind, Losses};
use crate::property::{Value, ValueType};
use crate::rtf::{self, Origin};
use crate::store::{Blob, Blobs};
use crate::text;

/// What the texts of one message may take of memory, those of all that is embedded in it counted, in octets as the
/// store holds them, and as rich text unpacks to; what goes beyond is carried as attached files. Decoded and encoded,
/// they take several times as much.
pub const BODY_OCTETS_MAX: u64 = 16 * 1024 * 1024;

/// The texts of one item.
#[derive(Debug, Default)]
pub struct Bodies<'a> {
    /// Plain text.
    pub plain: Option<Cow<'a, str>>,
    /// HTML.
    pub html: Option<Html<'a>>,
    /// Rich text that no other body stands for, or that was not read to its end.
    pub rtf: Option<RtfFile<'a>>,
    /// Bodies too long to be held, with the names of the files that they become.
    pub files: Vec<(&'static str, &'a Blob)>,
    /// Bodies that cannot be read.
    pub unreadable: Vec<String>,
    /// Octets that further texts of the message may take, of [`BODY_OCTETS_MAX`].
    pub octets_left: u64,
}

/// Rich text as an attached file.
#[derive(Debug)]
pub struct RtfFile<'a> {
    /// The file's name.
    pub name: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// What is in it.
    pub octets: Cow<'a, [u8]>,
}

/// Octets that the texts of a message may take beside those that its reader holds already.
#[must_use]
pub fn octets_left(item: &Item) -> u64 {
    BODY_OCTETS_MAX.saturating_sub(held(item))
}

/// Octets of texts that the reader holds, those of what is embedded too.
fn held(item: &Item) -> u64 {
    let texts = [tag::BODY, tag::HTML, tag::RTF_COMPRESSED, tag::REPORT_TEXT];
    let own = texts.iter().filter_map(|id| match item.properties.get(*id)? {
        Value::String(text) => Some(text.len() as u64),
        Value::String8(octets) | Value::Binary(octets) => Some(octets.len() as u64),
        _ => None,
    });
    let embedded = item.attachments.iter().filter_map(|attachment| match &attachment.content {
        Content::Embedded(item) => Some(held(item)),
        _ => None,
    });
    own.chain(embedded).fold(0, u64::saturating_add)
}

/// Reads the bodies of an item; `octets_left` is what they may take.
pub fn read<'a>(view: &View<'a>, octets_left: u64, blobs: &mut dyn Blobs, losses: &mut Losses) -> Bodies<'a> {
    let mut bodies = Bodies { octets_left, ..Bodies::default() };
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
    if blob.octets > bodies.octets_left {
        let told = format!("a body of {} octets is carried as the file {name}", blob.octets);
        losses.note(LossKind::BodyAttached, None, told);
        bodies.files.push((name, blob));
        return None;
    }
    bodies.octets_left -= blob.octets;
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
        match (octets, kind) {
            // What is said to be Unicode is, whatever else its octets might be.
            (octets, ValueType::String) => {
                let (text, is_clean) = decoded(octets, text::page(1200)?);
                Html { is_clean, ..html::of_text(text::without_nul(text)) }
            }
            (Cow::Borrowed(octets), kind) => html::of_octets(without_end(octets), page_of_html(view, kind)),
            (Cow::Owned(octets), kind) => {
                let html = html::of_octets(without_end(&octets), page_of_html(view, kind));
                Html { octets: Cow::Owned(html.octets.into_owned()), ..html }
            }
        }
    };
    if !html.is_clean {
        losses.note(LossKind::TextUndecodable, Some(tag::HTML), "octets of the HTML belong to no charset");
    }
    (!html.octets.is_empty()).then_some(html)
}

/// The code page that the item tells of HTML in octets.
fn page_of_html(view: &View<'_>, kind: ValueType) -> Option<&'static text::CodePage> {
    if kind == ValueType::String8 {
        return Some(view.page);
    }
    view.integer(text::INTERNET_CODE_PAGE).and_then(|page| u16::try_from(page).ok()).and_then(text::page)
}

/// Octets without the NUL that ends a string. In UTF-16 the last octet of a letter is 0 as well.
fn without_end(octets: &[u8]) -> &[u8] {
    if html::is_utf16(octets) && octets.len().is_multiple_of(2) {
        return octets.strip_suffix(&[0, 0]).unwrap_or(octets);
    }
    octets.strip_suffix(&[0]).unwrap_or(octets)
}

/// Rich text gives back the HTML or text that it wraps; what is rich by itself gives its words, and is kept.
fn read_rtf<'a>(view: &View<'a>, bodies: &mut Bodies<'a>, blobs: &mut dyn Blobs, losses: &mut Losses) {
    let Some(value) = view.item.properties.get(tag::RTF_COMPRESSED) else { return };
    let Some((octets, _)) = octets(value, "body.rtf.lzfu", bodies, blobs, losses) else { return };
    if octets.is_empty() {
        return;
    }
    // What it unpacks to is held twice: as it is, and as the words in it.
    let wanted = usize::try_from(bodies.octets_left / 2).unwrap_or(usize::MAX);
    let unpacked = rtf::unpack(&octets, wanted);
    bodies.octets_left = bodies.octets_left.saturating_sub(2 * unpacked.octets.len() as u64);
    if let Some(flaw) = unpacked.flaw {
        losses.note(LossKind::RtfBroken, Some(tag::RTF_COMPRESSED), format!("rich text: {flaw}"));
    }
    let is_cut = unpacked.flaw == Some(rtf::TOO_LONG);
    if is_cut {
        losses.note(
            LossKind::BodyAttached,
            Some(tag::RTF_COMPRESSED),
            "rich text is carried as it is packed",
        );
        let (name, media_type) = ("body.rtf.lzfu", "application/octet-stream");
        bodies.rtf = Some(RtfFile { name, media_type, octets });
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
            let (name, media_type, octets) = ("message.rtf", "application/rtf", Cow::Owned(unpacked.octets));
            bodies.rtf.get_or_insert(RtfFile { name, media_type, octets });
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
    // A control character between CR and LF parts two line ends, which may not become one.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    Cow::Owned(text.chars().filter(|character| !u8::try_from(*character).is_ok_and(is_control)).collect())
}
