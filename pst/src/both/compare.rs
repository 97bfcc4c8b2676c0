//! What two readings of one item differ in, and which of them is worth more.
//! Never compares what readers are free to do differently: order of damage, names of blobs.

use std::collections::BTreeSet;

use crate::item::{Attachment, Content, Item};
use crate::property::{Properties, Value};

/// Most differences that one item names.
const DIFFERENCES_MAX: usize = 8;

/// `PidTagAttachDataBinary` and `PidTagAttachDataObject`: compared as content.
const ATTACH_DATA: u16 = 0x3701;

/// `PidTagRecipientType`, `PidTagDisplayName`, `PidTagEmailAddress`, `PidTagSmtpAddress`.
const RECIPIENT: [u16; 4] = [0x0C15, 0x3001, 0x3003, 0x39FE];

/// What `mine` and `theirs` differ in, each as a few words without any content.
pub(super) fn differences(mine: &Item, theirs: &Item) -> Vec<String> {
    let mut found = Vec::new();
    item("", mine, theirs, &mut found);
    if found.len() > DIFFERENCES_MAX {
        let more = found.len() - DIFFERENCES_MAX;
        found.truncate(DIFFERENCES_MAX);
        found.push(format!("and {more} more"));
    }
    found
}

fn item(place: &str, mine: &Item, theirs: &Item, found: &mut Vec<String>) {
    properties(place, &mine.properties, &theirs.properties, found);
    let counts = [
        ("recipients", mine.recipients.len(), theirs.recipients.len()),
        ("attachments", mine.attachments.len(), theirs.attachments.len()),
    ];
    for (what, mine, theirs) in counts {
        if mine != theirs {
            found.push(format!("{place}{what}: {mine} and {theirs}"));
        }
    }
    for (mine, theirs) in mine.recipients.iter().zip(&theirs.recipients) {
        // libpff gives cells of a table row also where the row says that it has none.
        let (mine, theirs) = (shared(mine, theirs), shared(theirs, mine));
        properties(&format!("{place}recipient "), &mine, &theirs, found);
    }
    for (mine, theirs) in mine.attachments.iter().zip(&theirs.attachments) {
        attachment(place, mine, theirs, found);
    }
}

fn attachment(place: &str, mine: &Attachment, theirs: &Attachment, found: &mut Vec<String>) {
    let place = format!("{place}attachment {} ", mine.number);
    properties(&place, &mine.properties, &theirs.properties, found);
    if let (Content::Embedded(mine), Content::Embedded(theirs)) = (&mine.content, &theirs.content) {
        item(&place, mine, theirs, found);
        return;
    }
    let (mine, theirs) = (shape(&mine.content), shape(&theirs.content));
    if mine != theirs {
        found.push(format!(
            "{place}content: {} of {} octets and {} of {}",
            mine.0, mine.1, theirs.0, theirs.1
        ));
    }
}

/// What of a recipient has to be there in both readings, or is there by chance: who it is, and what both have.
fn shared(mine: &Properties, theirs: &Properties) -> Properties {
    let is_kept = |id: &u16| RECIPIENT.contains(id) || theirs.get(*id).is_some();
    mine.0.iter().filter(|(id, _)| is_kept(id)).map(|(id, value)| (*id, value.clone())).collect()
}

/// Kind and length of what is attached. No data and data of no octets are told apart by few readers.
fn shape(content: &Content) -> (&'static str, u64) {
    match content {
        Content::Octets(blob) if blob.octets > 0 => ("data", blob.octets),
        Content::Ole(blob) if blob.octets > 0 => ("an object", blob.octets),
        Content::None | Content::Octets(_) | Content::Ole(_) => ("nothing", 0),
        Content::Embedded(_) => ("an item", 0),
        Content::Reference => ("a reference", 0),
        Content::Unreadable => ("something unreadable", 0),
    }
}

fn properties(place: &str, mine: &Properties, theirs: &Properties, found: &mut Vec<String>) {
    let ids: BTreeSet<u16> = mine.0.keys().chain(theirs.0.keys()).copied().collect();
    for id in ids.into_iter().filter(|id| *id != ATTACH_DATA) {
        let (mine, theirs) =
            (mine.get(id).filter(|value| is_there(value)), theirs.get(id).filter(|value| is_there(value)));
        let is_same = match (mine, theirs) {
            (Some(mine), Some(theirs)) => is_same(mine, theirs),
            (mine, theirs) => mine.is_none() && theirs.is_none(),
        };
        if !is_same {
            let state = |value: Option<&Value>| if value.is_some() { "there" } else { "absent" };
            let words = match (mine, theirs) {
                (Some(_), Some(_)) => "two values".to_owned(),
                (mine, theirs) => format!("{} and {}", state(mine), state(theirs)),
            };
            found.push(format!("{place}property {id:#06x}: {words}"));
        }
    }
}

/// Readers differ in whether a value of nothing is there.
fn is_there(value: &Value) -> bool {
    match value {
        Value::Null | Value::Object => false,
        Value::String(text) => !text.is_empty(),
        Value::String8(octets) | Value::Binary(octets) => !octets.is_empty(),
        Value::Many(values) => !values.is_empty(),
        _ => true,
    }
}

fn is_same(mine: &Value, theirs: &Value) -> bool {
    match (mine, theirs) {
        (Value::Long(_, mine), Value::Long(_, theirs)) => mine.octets == theirs.octets,
        (mine, theirs) => mine == theirs,
    }
}

/// How much a reading lacks: each damage counts, at any depth.
pub(super) fn losses(item: &Item) -> usize {
    let of_attachment = |attachment: &Attachment| {
        let embedded = match &attachment.content {
            Content::Embedded(item) => losses(item),
            Content::Unreadable => 1,
            _ => 0,
        };
        attachment.damage.len() + embedded
    };
    item.damage.len() + item.attachments.iter().map(of_attachment).sum::<usize>()
}

/// True where everything that `less` holds is in `more` as well, at any depth.
pub(super) fn holds(more: &Item, less: &Item) -> bool {
    let has_people = more.recipients.len() >= less.recipients.len()
        && less.recipients.iter().zip(&more.recipients).all(|(less, more)| {
            let who = |one: &Properties| {
                let named = one.0.iter().filter(|(id, _)| RECIPIENT.contains(id));
                named.map(|(id, value)| (*id, value.clone())).collect::<Properties>()
            };
            has_properties(more, &who(less))
        });
    has_people
        && has_properties(&more.properties, &less.properties)
        && less.attachments.iter().all(|less| {
            let more = more.attachments.iter().find(|more| more.number == less.number);
            more.is_some_and(|more| holds_attachment(more, less))
        })
}

fn holds_attachment(more: &Attachment, less: &Attachment) -> bool {
    let has_content = match (&more.content, &less.content) {
        (Content::Embedded(more), Content::Embedded(less)) => holds(more, less),
        (_, Content::Unreadable) => true,
        (more, less) => shape(more) == shape(less),
    };
    has_content && has_properties(&more.properties, &less.properties)
}

fn has_properties(more: &Properties, less: &Properties) -> bool {
    let wanted = less.0.iter().filter(|(id, value)| **id != ATTACH_DATA && is_there(value));
    wanted.into_iter().all(|(id, value)| more.get(*id).is_some_and(|more| is_same(more, value)))
}

/// Adds to a reading what another one met in the same item: it may be what this one overlooked.
pub(super) fn keep_damage(reading: &mut Item, other: &Item) {
    reading.damage.extend(other.damage.iter().cloned());
    for theirs in &other.attachments {
        let Some(mine) = reading.attachments.iter_mut().find(|mine| mine.number == theirs.number) else {
            continue;
        };
        mine.damage.extend(theirs.damage.iter().cloned());
        if let (Content::Embedded(mine), Content::Embedded(theirs)) = (&mut mine.content, &theirs.content) {
            keep_damage(mine, theirs);
        }
    }
}
