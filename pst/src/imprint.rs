//! One key over what an item says, of its properties as the store holds them.
//! Never takes in what changes without an edit (state, times of change, addresses that a program looked up), and never
//! depends on how a message is made of the item.

use std::collections::BTreeMap;

use crate::item::{Attachment, Content, Item};
use crate::mime::tag;
use crate::names::{
    Guid, Name, Names, PSETID_ADDRESS, PSETID_APPOINTMENT, PSETID_LOG, PSETID_MEETING, PSETID_NOTE,
    PSETID_TASK,
};
use crate::property::{Properties, Value, ValueType};

/// `PidTagStartDate` and `PidTagEndDate`.
const SPAN: [u16; 2] = [0x0060, 0x0061];
/// `PidTagRecipientTrackStatus`: what an attendee answered.
const TRACK_STATUS: u16 = 0x5FFF;
/// What [MS-OXPROPS] gives to people: names, numbers, addresses, birthdays.
const PEOPLE: std::ops::RangeInclusive<u16> = 0x3A00..=0x3AFF;
/// What of an item's own properties its reader sees.
const SAID: [u16; 10] = [
    tag::MESSAGE_CLASS,
    tag::SUBJECT,
    tag::CLIENT_SUBMIT_TIME,
    tag::SENT_REPRESENTING_NAME,
    tag::SENDER_NAME,
    tag::DELIVERY_TIME,
    tag::BODY,
    tag::RTF_COMPRESSED,
    tag::HTML,
    tag::DISPLAY_NAME,
];
/// Property sets of which all is said. `PSETID_Common` is not among them: reminders change in it by themselves.
const SETS: [Guid; 6] =
    [PSETID_APPOINTMENT, PSETID_TASK, PSETID_ADDRESS, PSETID_MEETING, PSETID_LOG, PSETID_NOTE];
/// What tells an attachment from another; its content is told by its length.
const ATTACHED: [u16; 5] = [
    tag::ATTACH_FILE_NAME,
    tag::ATTACH_LONG_NAME,
    tag::ATTACH_PATH,
    tag::ATTACH_LONG_PATH,
    tag::ATTACH_CONTENT_ID,
];
const ADDRESSED: [u16; 4] = [tag::RECIPIENT_TYPE, tag::DISPLAY_NAME, tag::EMAIL_ADDRESS, TRACK_STATUS];

/// Length of an imprint in octets.
pub const OCTETS: usize = 16;

/// An item's imprint: of two imprints of one item that differ, something was changed in between. The same imprint
/// proves nothing. None of an item with damage, of which another reading may find more. Imprints that `reader` took
/// are held only against its own: their first octet is its number.
#[must_use]
pub fn imprint(item: &Item, names: &Names, reader: u8) -> Option<[u8; OCTETS]> {
    if item.is_damaged() {
        return None;
    }
    let named = said_by_name(names);
    let mut hasher = blake3::Hasher::new();
    add_item(&mut hasher, item, &named);
    let mut imprint = [0; OCTETS];
    imprint.copy_from_slice(&hasher.finalize().as_bytes()[..OCTETS]);
    imprint[0] = reader;
    Some(imprint)
}

/// The named properties that are said, by what they are called: a store may number them anew.
fn said_by_name(names: &Names) -> BTreeMap<u16, (Guid, u32)> {
    let said = names.0.iter().filter_map(|((set, name), id)| match name {
        Name::Number(number) if SETS.contains(set) => Some((*id, (*set, *number))),
        _ => None,
    });
    said.collect()
}

fn add_item(hasher: &mut blake3::Hasher, item: &Item, named: &BTreeMap<u16, (Guid, u32)>) {
    add_all(hasher, &item.properties, &SAID);
    add_all(hasher, &item.properties, &SPAN);
    for (id, value) in item.properties.0.iter().filter(|(id, _)| PEOPLE.contains(*id)) {
        add(hasher, *id, value);
    }
    let mut by_name: Vec<_> = item.properties.0.iter().filter(|(id, _)| **id >= 0x8000).collect();
    by_name.retain(|(id, _)| named.contains_key(id));
    by_name.sort_by_key(|(id, _)| named.get(id));
    for (id, value) in by_name {
        if let Some((set, number)) = named.get(id) {
            hasher.update(set);
            hasher.update(&number.to_le_bytes());
        }
        add_value(hasher, value);
    }
    count(hasher, item.recipients.len());
    for recipient in &item.recipients {
        add_all(hasher, recipient, &ADDRESSED);
    }
    count(hasher, item.attachments.len());
    for attachment in &item.attachments {
        add_attachment(hasher, attachment, named);
    }
}

fn add_attachment(hasher: &mut blake3::Hasher, attachment: &Attachment, named: &BTreeMap<u16, (Guid, u32)>) {
    add_all(hasher, &attachment.properties, &ATTACHED);
    match &attachment.content {
        Content::Embedded(item) => add_item(hasher, item, named),
        Content::Octets(blob) | Content::Ole(blob) => fixed(hasher, 0, &blob.octets.to_le_bytes()),
        Content::None | Content::Reference | Content::Unreadable => fixed(hasher, 1, &[]),
    }
}

fn add_all(hasher: &mut blake3::Hasher, properties: &Properties, ids: &[u16]) {
    for id in ids {
        if let Some(value) = properties.get(*id) {
            add(hasher, *id, value);
        }
    }
    // What follows is of another list.
    hasher.update(&[0, 0]);
}

fn add(hasher: &mut blake3::Hasher, id: u16, value: &Value) {
    hasher.update(&id.to_le_bytes());
    add_value(hasher, value);
}

/// Each kind of value begins with its own octet, and whatever has no fixed length with its length.
fn add_value(hasher: &mut blake3::Hasher, value: &Value) {
    match value {
        Value::Null => fixed(hasher, 0, &[]),
        Value::Integer16(value) => fixed(hasher, 1, &value.to_le_bytes()),
        Value::Integer32(value) => fixed(hasher, 2, &value.to_le_bytes()),
        Value::Integer64(value) => fixed(hasher, 3, &value.to_le_bytes()),
        Value::Floating32(value) => fixed(hasher, 4, &value.to_bits().to_le_bytes()),
        Value::Floating64(value) => fixed(hasher, 5, &value.to_bits().to_le_bytes()),
        Value::FloatingTime(value) => fixed(hasher, 6, &value.to_bits().to_le_bytes()),
        Value::Boolean(value) => fixed(hasher, 7, &[u8::from(*value)]),
        Value::ErrorCode(value) => fixed(hasher, 8, &value.to_le_bytes()),
        Value::Time(value) => fixed(hasher, 9, &value.to_le_bytes()),
        Value::Guid(value) => fixed(hasher, 10, value),
        Value::String(value) => varied(hasher, 11, value.as_bytes()),
        Value::String8(value) => varied(hasher, 12, value),
        Value::Binary(value) => varied(hasher, 13, value),
        Value::Object => fixed(hasher, 14, &[]),
        Value::Long(kind, blob) => {
            let kind = match kind {
                ValueType::String => 15,
                ValueType::String8 => 16,
                ValueType::Binary => 17,
            };
            fixed(hasher, kind, &blob.octets.to_le_bytes());
        }
        Value::Many(values) => {
            fixed(hasher, 18, &[]);
            count(hasher, values.len());
            values.iter().for_each(|value| add_value(hasher, value));
        }
    }
}

fn fixed(hasher: &mut blake3::Hasher, kind: u8, octets: &[u8]) {
    hasher.update(&[kind]);
    hasher.update(octets);
}

fn varied(hasher: &mut blake3::Hasher, kind: u8, octets: &[u8]) {
    hasher.update(&[kind]);
    count(hasher, octets.len());
    hasher.update(octets);
}

fn count(hasher: &mut blake3::Hasher, count: usize) {
    hasher.update(&(count as u64).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::{Damage, Part};
    use crate::names::PSETID_COMMON;
    use crate::store::{Blob, BlobKey, NodeId};

    const LOCATION: u32 = 0x8208;
    const SIGNAL_TIME: u32 = 0x8560;

    fn names(first: u16) -> Names {
        let location = ((PSETID_APPOINTMENT, Name::Number(LOCATION)), first);
        let signal = ((PSETID_COMMON, Name::Number(SIGNAL_TIME)), first + 1);
        Names([location, signal].into())
    }

    fn text(text: &str) -> Value {
        Value::String(text.to_owned())
    }

    fn properties<const N: usize>(all: [(u16, Value); N]) -> Properties {
        all.into()
    }

    fn item(first: u16) -> Item {
        let name = properties([(tag::ATTACH_LONG_NAME, text("a.txt"))]);
        let content = Content::Octets(Blob { octets: 5, key: BlobKey::Block(4) });
        let attachment = Attachment { number: 0, properties: name, content, damage: Vec::new() };
        Item {
            node: NodeId(4),
            properties: properties([
                (tag::SUBJECT, text("a subject")),
                (tag::BODY, text("a text")),
                (tag::MESSAGE_FLAGS, Value::Integer32(1)),
                (tag::MODIFICATION_TIME, Value::Time(1)),
                (first, text("a room")),
                (first + 1, Value::Time(2)),
            ]),
            recipients: vec![properties([
                (tag::DISPLAY_NAME, text("Bia")),
                (tag::SMTP_ADDRESS, text("b@x")),
            ])],
            attachments: vec![attachment],
            damage: Vec::new(),
        }
    }

    fn imprinted(item: &Item, first: u16) -> [u8; OCTETS] {
        imprint(item, &names(first), 1).expect("the item is whole")
    }

    #[test]
    fn what_changes_by_itself_changes_no_imprint() {
        let one = imprinted(&item(0x8001), 0x8001);
        let mut touched = item(0x8001);
        let at = &mut touched.properties.0;
        at.insert(tag::MESSAGE_FLAGS, Value::Integer32(0));
        at.insert(tag::MODIFICATION_TIME, Value::Time(9));
        at.insert(0x8002, Value::Time(9));
        touched.recipients[0].0.insert(tag::SMTP_ADDRESS, text("bia@example.org"));
        touched.node = NodeId(24);
        assert_eq!(imprinted(&touched, 0x8001), one);
        assert_eq!(imprinted(&item(0x9000), 0x9000), one, "names were numbered anew");
    }

    #[test]
    fn every_edit_changes_it() {
        let one = imprinted(&item(0x8001), 0x8001);
        let edits: [fn(&mut Item); 9] = [
            |item| drop(item.properties.0.insert(tag::BODY, text("a text."))),
            |item| drop(item.properties.0.insert(tag::SUBJECT, text("a subject "))),
            |item| drop(item.properties.0.insert(tag::HTML, Value::Binary(b"a text".to_vec()))),
            |item| drop(item.properties.0.remove(&tag::BODY)),
            |item| drop(item.properties.0.insert(0x8001, text("another room"))),
            |item| item.recipients.push(Properties::default()),
            |item| drop(item.recipients[0].0.insert(TRACK_STATUS, Value::Integer32(3))),
            |item| item.attachments.clear(),
            |item| {
                item.attachments[0].content = Content::Octets(Blob { octets: 6, key: BlobKey::Block(4) });
            },
        ];
        let mut all = vec![one];
        for edit in edits {
            let mut edited = item(0x8001);
            edit(&mut edited);
            all.push(imprinted(&edited, 0x8001));
        }
        let (count, different) =
            (all.len(), all.into_iter().collect::<std::collections::BTreeSet<_>>().len());
        assert_eq!(count, different);
    }

    #[test]
    fn damage_has_none_and_each_reader_its_own() {
        let whole = item(0x8001);
        assert_eq!(imprint(&whole, &names(0x8001), 7).map(|imprint| imprint[0]), Some(7));
        let mut within = whole;
        let reason = "cut".to_owned();
        within.attachments[0].damage.push(Damage { part: Part::Data, reason });
        assert_eq!(imprint(&within, &names(0x8001), 1), None);
    }
}
