//! Distribution lists as vCard 4.0 of the kind `group` (RFC 6350 §6.1.4), with their members.
//! Never loses a member silently: one without an address that can be written is told.

use super::PimPart;
use super::common;
use super::identity;
use super::lines::{Lines, mailto, quoted};
use super::octets::Octets;
use crate::loss::{LossKind, Losses};
use crate::mime::entry::{self, Entry};
use crate::mime::mailbox;
use crate::mime::tag;
use crate::mime::view::View;
use crate::names::PSETID_ADDRESS;
use crate::property::Value;

/// `PSETID_Address` ([MS-OXOCNTC] §2.2.2).
const LIST_NAME: u32 = 0x8053;
const ONE_OFF_MEMBERS: u32 = 0x8054;
const MEMBERS: u32 = 0x8055;
const MEMBER_STREAM: u32 = 0x8064;
/// Most members of one list.
pub const MEMBERS_MAX: usize = entry::ENTRIES_MAX;

/// The provider of entry ids that wrap others ([MS-OXOCNTC] §2.2.2.4.1.2): their own id begins after it and a kind.
const WRAPPED: [u8; 16] =
    [0xC0, 0x91, 0xAD, 0xD3, 0x51, 0x9D, 0xCF, 0x11, 0xA4, 0xA9, 0x00, 0xAA, 0x00, 0x47, 0xFA, 0xA4];

/// The card of a list.
pub fn part(view: &View<'_>, losses: &mut Losses) -> PimPart {
    let mut lines = Lines::default();
    lines.line("BEGIN:VCARD");
    lines.line("VERSION:4.0");
    lines.line("PRODID:-//Malote//Malote//EN");
    lines.line("KIND:group");
    lines.text("UID", &identity::made(view, losses.place()));
    let name = view.named_text(PSETID_ADDRESS, LIST_NAME).or_else(|| view.text(tag::DISPLAY_NAME));
    lines.text("FN", name.or_else(|| view.subject()).as_deref().unwrap_or("?"));
    put_members(&mut lines, view, losses);
    common::put_categories(&mut lines, view);
    let note = view.text(tag::BODY);
    lines.text_if("NOTE", note.filter(|note| !note.trim().is_empty()));
    if let Some(modified) = common::moment(view, tag::MODIFICATION_TIME) {
        lines.line(&format!("REV:{}", modified.utc()));
    }
    lines.line("END:VCARD");
    PimPart::record("text/vcard", "list.vcf", lines)
}

fn put_members(lines: &mut Lines, view: &View<'_>, losses: &mut Losses) {
    let stream = view.named_binary(PSETID_ADDRESS, MEMBER_STREAM).and_then(members_of_stream);
    let members = stream.filter(|members| !members.is_empty()).unwrap_or_else(|| members_of_lists(view));
    let mut unknown = 0;
    for (one_off, member) in members.iter().take(MEMBERS_MAX) {
        let entry = entry::read(one_off, view.page).or_else(|| read_member(member, view));
        let address = entry.as_ref().and_then(|entry| address_of(entry, view));
        match (address, entry) {
            (Some(address), Some(entry)) => {
                let name = entry.name.trim();
                let name = if name.is_empty() { String::new() } else { format!(";X-CN={}", quoted(name)) };
                lines.line(&format!("MEMBER{name}:{}", mailto(&address)));
            }
            (None, Some(entry)) => {
                lines.text("X-MALOTE-MEMBER", &format!("{} <{}:{}>", entry.name, entry.kind, entry.address));
                unknown += 1;
            }
            _ => unknown += 1,
        }
    }
    unknown += members.len().saturating_sub(MEMBERS_MAX);
    if unknown > 0 {
        let told = format!("{unknown} of {} members have no address of the Internet", members.len());
        losses.note(LossKind::PimProperty, view.numbered(PSETID_ADDRESS, MEMBERS), told);
    }
}

/// The members as pairs of a one-off id and an id of whatever kind, each of which may be empty.
fn members_of_lists<'a>(view: &View<'a>) -> Vec<(&'a [u8], &'a [u8])> {
    let list = |number| match view.named(PSETID_ADDRESS, number) {
        Some(Value::Many(values)) => values.as_slice(),
        _ => &[],
    };
    let (one_offs, members): (&[Value], &[Value]) = (list(ONE_OFF_MEMBERS), list(MEMBERS));
    let octets = |value: Option<&'a Value>| match value {
        Some(Value::Binary(octets)) => octets.as_slice(),
        _ => &[],
    };
    let count = one_offs.len().max(members.len());
    (0..count).map(|place| (octets(one_offs.get(place)), octets(members.get(place)))).collect()
}

/// The members of a long list ([MS-OXOCNTC] §2.2.2.2.5); a cut stream gives what is whole of it.
fn members_of_stream(octets: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut octets = Octets(octets);
    octets.take(12)?;
    let count = usize::try_from(octets.word()?).ok()?.min(MEMBERS_MAX + 1);
    let mut members = Vec::new();
    let sized = |octets: &mut Octets<'_>| usize::try_from(octets.word()?).ok();
    for _ in 0..count {
        let next = (|| {
            let size = sized(&mut octets)?;
            let member = octets.take(size)?;
            let size = sized(&mut octets)?;
            let one_off = octets.take(size)?;
            let size = sized(&mut octets)?;
            octets.take(size)?;
            Some((one_off, member))
        })();
        let Some(next) = next else { break };
        members.push(next);
    }
    Some(members)
}

/// Whom an id names that may wrap another.
fn read_member<'a>(octets: &'a [u8], view: &View<'_>) -> Option<Entry<'a>> {
    if octets.get(4..20) == Some(&WRAPPED) {
        return entry::read(octets.get(21..)?, view.page);
    }
    entry::read(octets, view.page)
}

fn address_of(entry: &Entry<'_>, view: &View<'_>) -> Option<String> {
    let own = mailbox::internet(&entry.address).map(|address| address.into_owned());
    let known = || view.context.addresses.find(&entry.address).map(|(_, address)| address.to_owned());
    own.or_else(known)
}
