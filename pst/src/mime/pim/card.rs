//! Contacts as vCard 3.0 (RFC 2426), which every address book reads, by [MS-OXVCARD].
//! Never an address without a value: empty properties are not written.

use std::borrow::Cow;

use super::PimPart;
use super::common;
use super::identity;
use super::lines::{Lines, escaped};
use super::moment::Moment;
use crate::item::Content;
use crate::loss::{LossKind, Losses};
use crate::mime::entry;
use crate::mime::mailbox;
use crate::mime::tag;
use crate::mime::view::View;
use crate::names::PSETID_ADDRESS;
use crate::property::Properties;
use crate::store::BlobKey;

/// `PSETID_Address` ([MS-OXOCNTC] §2.2.1).
const FILE_UNDER: u32 = 0x8005;
const PICTURE_ATTACHED: u32 = 0x8015;
const WORK_STREET: u32 = 0x8045;
const MESSENGER: u32 = 0x8062;
const WEB_PAGE: u32 = 0x802B;
const BIRTHDAY_LOCAL: u32 = 0x80DE;
const ANNIVERSARY_LOCAL: u32 = 0x80DF;
const MAILING_ADDRESS: u32 = 0x8022;
/// The kinds of addresses, where each e-mail address's properties begin: kind, address, as it was typed, entry id.
const EMAILS: [[u32; 4]; 3] =
    [[0x8082, 0x8083, 0x8084, 0x8085], [0x8092, 0x8093, 0x8094, 0x8095], [0x80A2, 0x80A3, 0x80A4, 0x80A5]];
/// Fax numbers that stand among the e-mail addresses.
const FAX: &str = "FAX";
/// `PidTagAttachmentContactPhoto`.
const IS_PHOTO: u16 = 0x7FFF;
/// Longest photo that is put into the card itself, in octets; it is an attachment of the message as well.
const PHOTO_OCTETS_MAX: usize = 1024 * 1024;

/// Telephone numbers with their types.
const PHONES: [(u16, &str); 19] = [
    (0x3A08, "WORK,VOICE"),
    (0x3A1B, "WORK,VOICE"),
    (0x3A57, "WORK,VOICE"),
    (0x3A09, "HOME,VOICE"),
    (0x3A2F, "HOME,VOICE"),
    (0x3A1C, "CELL,VOICE"),
    (0x3A1A, "PREF,VOICE"),
    (0x3A1F, "VOICE"),
    (0x3A1E, "CAR,VOICE"),
    (0x3A1D, "VOICE,X-RADIO"),
    (0x3A02, "VOICE,X-CALLBACK"),
    (0x3A2E, "VOICE,X-ASSISTANT"),
    (0x3A24, "WORK,FAX"),
    (0x3A25, "HOME,FAX"),
    (0x3A23, "FAX"),
    (0x3A21, "PAGER"),
    (0x3A2D, "ISDN"),
    (0x3A2C, "X-TELEX"),
    (0x3A4B, "X-TTYTDD"),
];

/// Postal addresses: their type, their number in `PidLidPostalAddressId`, and the ids of post box, street, town,
/// region, code and country.
const HOME: (&str, i64, [u16; 6]) = ("HOME", 1, [0x3A5E, 0x3A5D, 0x3A59, 0x3A5C, 0x3A5B, 0x3A5A]);
const OTHER: (&str, i64, [u16; 6]) = ("POSTAL", 3, [0x3A64, 0x3A63, 0x3A5F, 0x3A62, 0x3A61, 0x3A60]);
const WORK: (&str, i64, [u16; 6]) = ("WORK", 2, [0x3A2B, 0x3A29, 0x3A27, 0x3A28, 0x3A2A, 0x3A26]);

/// Properties that are one text.
const TEXTS: [(u16, &str); 7] = [
    (0x3A4F, "NICKNAME"),
    (0x3A17, "TITLE"),
    (0x3A46, "ROLE"),
    (0x3A48, "X-MS-SPOUSE"),
    (0x3A4E, "X-MS-MANAGER"),
    (0x3A30, "X-MS-ASSISTANT"),
    (0x3A0D, "X-MS-LOCATION"),
];

/// The card of a contact.
pub fn part(view: &View<'_>, losses: &mut Losses) -> PimPart {
    let mut lines = Lines::default();
    lines.line("BEGIN:VCARD");
    lines.line("VERSION:3.0");
    lines.line("PRODID:-//Malote//Malote//EN");
    lines.text("UID", &identity::made(view, losses.place()));
    put_names(&mut lines, view);
    put_emails(&mut lines, view, losses);
    for (id, kinds) in PHONES {
        lines.text_if(&format!("TEL;TYPE={kinds}"), view.text(id));
    }
    put_addresses(&mut lines, view);
    for (id, name) in TEXTS {
        lines.text_if(name, view.text(id));
    }
    let pages = [view.text(0x3A51), view.text(0x3A50), view.named_text(PSETID_ADDRESS, WEB_PAGE)];
    for (name, page) in ["URL;TYPE=WORK", "URL;TYPE=HOME", "URL"].into_iter().zip(pages) {
        // An address is no text: nothing in it is escaped.
        page.iter().for_each(|page| lines.line(&format!("{name}:{}", page.trim())));
    }
    lines.text_if("X-MS-IMADDRESS", view.named_text(PSETID_ADDRESS, MESSENGER));
    put_days(&mut lines, view);
    common::put_categories(&mut lines, view);
    put_photo(&mut lines, view, losses);
    let note = view.text(tag::BODY);
    lines.text_if("NOTE", note.filter(|note| !note.trim().is_empty()));
    if matches!(view.integer(tag::SENSITIVITY), Some(1..=3)) {
        lines.line("CLASS:PRIVATE");
    }
    if let Some(modified) = common::moment(view, tag::MODIFICATION_TIME) {
        lines.line(&format!("REV:{}", modified.utc()));
    }
    lines.line("END:VCARD");
    PimPart::record("text/vcard", "contact.vcf", lines)
}

/// Writes names and whom the contact works for.
fn put_names(lines: &mut Lines, view: &View<'_>) {
    let text = |id| view.text(id).unwrap_or_default();
    let [family, given, middle, before, after] = [0x3A11, 0x3A06, 0x3A44, 0x3A45, 0x3A05].map(text);
    let (company, department) = (text(0x3A16), text(0x3A18));
    let spelled = [&before, &given, &middle, &family, &after].map(|part| part.trim());
    let spelled: Vec<&str> = spelled.into_iter().filter(|part| !part.is_empty()).collect();
    let address = EMAILS.iter().find_map(|[_, id, ..]| view.named_text(PSETID_ADDRESS, *id));
    let shown = view.text(tag::DISPLAY_NAME);
    let shown = shown.or_else(|| (!spelled.is_empty()).then(|| Cow::Owned(spelled.join(" "))));
    let shown = shown.or_else(|| view.named_text(PSETID_ADDRESS, FILE_UNDER)).or_else(|| view.subject());
    let shown = shown.or_else(|| (!company.is_empty()).then(|| company.clone())).or(address);
    // A card must have both kinds of names, and may have them empty (RFC 2426 §3.1.1, §3.1.2).
    lines.text("FN", shown.as_deref().unwrap_or("?"));
    lines.line(&format!("N:{}", [family, given, middle, before, after].map(|part| escaped(&part)).join(";")));
    if !company.is_empty() || !department.is_empty() {
        let department =
            if department.is_empty() { String::new() } else { format!(";{}", escaped(&department)) };
        lines.line(&format!("ORG:{}{department}", escaped(&company)));
    }
}

/// Writes e-mail addresses, the first as the one that is preferred. Those of Exchange are looked up.
fn put_emails(lines: &mut Lines, view: &View<'_>, losses: &mut Losses) {
    let mut is_first = true;
    for [kind, value, typed, entry_id] in EMAILS {
        let of = |number| view.named_text(PSETID_ADDRESS, number);
        let kind = of(kind);
        let entry =
            view.named_binary(PSETID_ADDRESS, entry_id).and_then(|octets| entry::read(octets, view.page));
        let Some(stored) = of(value).or_else(|| entry.map(|entry| entry.address)) else { continue };
        if kind.as_ref().is_some_and(|kind| kind.eq_ignore_ascii_case(FAX)) {
            lines.text("TEL;TYPE=FAX", stored.rsplit_once('@').map_or(stored.as_ref(), |(_, number)| number));
            continue;
        }
        let own = || mailbox::internet(&stored).map(Cow::into_owned);
        let known = || view.context.addresses.find(&stored).map(|(_, address)| address.to_owned());
        let typed = || of(typed).and_then(|typed| mailbox::internet(&typed).map(Cow::into_owned));
        let Some(found) = own().or_else(known).or_else(typed) else {
            losses.note(
                LossKind::PimProperty,
                view.numbered(PSETID_ADDRESS, value),
                "an address not of the Internet",
            );
            lines.text("X-MALOTE-ADDRESS", &stored);
            continue;
        };
        lines.text(if is_first { "EMAIL;TYPE=INTERNET,PREF" } else { "EMAIL;TYPE=INTERNET" }, &found);
        is_first = false;
    }
}

/// Writes postal addresses; the one at work has named properties of its own, which outweigh the plain ones.
fn put_addresses(lines: &mut Lines, view: &View<'_>) {
    let preferred = view.named_integer(PSETID_ADDRESS, MAILING_ADDRESS).unwrap_or(0);
    // From the street on: street, town, region, code, country, post box.
    let named = |place: u32| view.named_text(PSETID_ADDRESS, WORK_STREET + place);
    let own_work = [5, 0, 1, 2, 3, 4].map(named);
    for (kind, number, ids) in [WORK, HOME, OTHER] {
        let plain = ids.map(|id| view.text(id));
        let parts =
            if number == 2 && own_work.iter().any(Option::is_some) { own_work.clone() } else { plain };
        if parts.iter().all(Option::is_none) {
            continue;
        }
        let [post_box, rest @ ..] = parts.map(|part| escaped(&part.unwrap_or_default()));
        let wish = if preferred == number { ",PREF" } else { "" };
        lines.line(&format!("ADR;TYPE={kind}{wish}:{post_box};;{}", rest.join(";")));
    }
}

/// Writes birthday and anniversary, which stores keep as times.
fn put_days(lines: &mut Lines, view: &View<'_>) {
    for (name, number, id) in [("BDAY", BIRTHDAY_LOCAL, 0x3A42), ("X-ANNIVERSARY", ANNIVERSARY_LOCAL, 0x3A41)]
    {
        let local = common::named_moment(view, PSETID_ADDRESS, number).map(Moment::midnight);
        let day = local.or_else(|| common::moment(view, id).and_then(Moment::nearest_midnight));
        if let Some(day) = day {
            let day = day.date();
            lines.line(&format!("{name}:{:04}-{:02}-{:02}", day.year(), day.month(), day.day()));
        }
    }
}

/// Writes the photo, where its octets are at hand; else it is told, and stays what it is in any case: an attachment.
fn put_photo(lines: &mut Lines, view: &View<'_>, losses: &mut Losses) {
    use base64::Engine as _;

    let is_photo = |properties: &Properties| {
        let name = view.text_of(properties, tag::ATTACH_LONG_NAME);
        properties.is_set(IS_PHOTO)
            || name.is_some_and(|name| name.eq_ignore_ascii_case("ContactPicture.jpg"))
    };
    let has_photo =
        view.named_integer(PSETID_ADDRESS, PICTURE_ATTACHED).is_some_and(|is_attached| is_attached != 0);
    let photo = view.item.attachments.iter().find(|attachment| is_photo(&attachment.properties));
    let held = photo.and_then(|photo| match &photo.content {
        Content::Octets(blob) => match &blob.key {
            BlobKey::Held(octets) if octets.len() <= PHOTO_OCTETS_MAX => Some(octets),
            _ => None,
        },
        _ => None,
    });
    match held {
        Some(octets) => {
            let kind = if octets.starts_with(b"\x89PNG") { "PNG" } else { "JPEG" };
            let text = base64::engine::general_purpose::STANDARD.encode(octets);
            lines.line(&format!("PHOTO;ENCODING=b;TYPE={kind}:{text}"));
        }
        None if photo.is_some() || has_photo => {
            losses.note(LossKind::PimProperty, None, "the photo stands beside the card as an attachment");
        }
        None => {}
    }
}
