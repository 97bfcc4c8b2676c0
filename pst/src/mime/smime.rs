//! Signed and encrypted items: their one attachment is the whole content ([MS-OXOSMIME] §2.1).
//! Never touches an octet of what is signed: any change would break the signature.

use super::class::is_below;
use super::head::Field;
use super::message::read_exactly;
use super::part::{Body, Part};
use super::view::View;
use super::{name, tag, transport};
use crate::item::Content;
use crate::loss::{LossKind, Losses};
use crate::names::PS_INTERNET_HEADERS;
use crate::store::{Blob, Blobs};

/// How much of a signed content is looked at for its own fields.
const PEEK_OCTETS: u64 = 16 * 1024;

/// The content of a signed or encrypted item; nothing for all others, and for those that are not built as such.
pub fn content<'a>(
    view: &View<'a>,
    class: &str,
    blobs: &mut dyn Blobs,
    losses: &mut Losses,
) -> Option<Part<'a>> {
    if !is_below(class, "IPM.Note.SMIME") {
        return None;
    }
    let [attachment] = view.item.attachments.as_slice() else {
        losses.note(LossKind::SmimePlain, None, "an S/MIME item has other than one attachment");
        return None;
    };
    let Content::Octets(blob) = &attachment.content else {
        losses.note(LossKind::SmimePlain, None, "the attachment of an S/MIME item is no file");
        return None;
    };
    if is_below(class, "IPM.Note.SMIME.MultipartSigned") {
        if is_signed_entity(blob, blobs) {
            return Some(Part::Leaf { head: Vec::new(), body: Body::Signed(blob) });
        }
        losses.note(LossKind::SmimePlain, None, "the attachment of a clear-signed item is no signed entity");
        return None;
    }
    let text = |id| view.text_of(&attachment.properties, id);
    let file = text(tag::ATTACH_LONG_NAME).or_else(|| text(tag::ATTACH_FILE_NAME)).unwrap_or_default();
    let told = view.texts_by_name(PS_INTERNET_HEADERS, "content-type").into_iter().next();
    let told = told
        .filter(|told| is_pkcs7(told))
        .or_else(|| text(tag::ATTACH_MIME_TYPE).filter(|told| is_pkcs7(told)));
    if told.is_none() && !file.to_ascii_lowercase().ends_with(".p7m") {
        losses.note(LossKind::SmimePlain, None, "the attachment of an S/MIME item is no PKCS #7 content");
        return None;
    }
    let media_type = told.as_deref().and_then(name::media_type).unwrap_or("application/pkcs7-mime".into());
    let mut head = Vec::new();
    let mut field = Field::begin(&mut head, "Content-Type");
    field.word(&media_type);
    if let Some(kind) = told.as_deref().and_then(smime_type) {
        field.parameter("smime-type", kind, false);
    }
    field.parameter("name", "smime.p7m", false);
    field.end();
    let mut field = Field::begin(&mut head, "Content-Disposition");
    field.word("attachment");
    field.parameter("filename", "smime.p7m", false);
    field.end();
    Some(Part::blob(head, blob))
}

fn is_pkcs7(told: &str) -> bool {
    name::media_type(told).is_some_and(|media_type| {
        ["application/pkcs7-mime", "application/x-pkcs7-mime"]
            .iter()
            .any(|one| media_type.eq_ignore_ascii_case(one))
    })
}

/// The `smime-type` parameter (RFC 8551 §3.2.2).
fn smime_type(told: &str) -> Option<&str> {
    let mut parameters = told.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let (_, value) = parameters.find(|(key, _)| key.trim().eq_ignore_ascii_case("smime-type"))?;
    let value = value.trim().trim_matches('"');
    let is_token = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
    (!value.is_empty() && value.len() <= 64 && value.bytes().all(is_token)).then_some(value)
}

/// True where octets begin with fields of an entity, `multipart/signed` among them, and nothing that is no field of
/// one: then they stand for themselves behind the message's own fields.
fn is_signed_entity(blob: &Blob, blobs: &mut dyn Blobs) -> bool {
    let Ok(length) = usize::try_from(blob.octets.min(PEEK_OCTETS)) else { return false };
    let mut start = vec![0; length];
    if read_exactly(blobs, blob, 0, &mut start).is_err() {
        return false;
    }
    let Some(end) = memchr::memmem::find(&start, b"\r\n\r\n") else { return false };
    let Ok(fields) = std::str::from_utf8(&start[..end]) else { return false };
    let found = transport::fields(fields);
    let is_signed = |field: &transport::Field<'_>| {
        let is_type = field.name.eq_ignore_ascii_case("Content-Type");
        is_type && field.unfolded().to_ascii_lowercase().starts_with("multipart/signed")
    };
    let is_of_entity = |field: &transport::Field<'_>| {
        field.name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("Content-"))
    };
    let fits =
        fields.split("\r\n").all(|line| line.len() <= super::encode::LINE_OCTETS_MAX && line.is_ascii());
    found.dropped == 0
        && fits
        && !fields.starts_with(['\r', '\n', ' ', '\t'])
        && found.fields.iter().any(is_signed)
        && found.fields.iter().all(is_of_entity)
}
