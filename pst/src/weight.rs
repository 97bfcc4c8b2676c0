//! How much of an item somebody holds who holds every value of it whole, as libpff does.
//! Never counts what is only claimed: the lengths are those of what was found.

use crate::item::{Content, Item};
use crate::property::{Properties, Value};

/// What libpff is asked to hold of one item, in octets of [`of`]: with it its process and this one stay below 128 MiB.
pub const WHOLE_OCTETS_MAX: u64 = 24 * 1024 * 1024;
/// How often a value is held on its way out of libpff's process: by the library, as a value, and in an answer that has
/// room to grow. Files are given piece by piece.
const COPIES_OF_VALUES: u64 = 4;

/// The octets that libpff's process holds at once when it is asked for an item: its files once, with those of all that
/// is embedded in it, its values several times.
#[must_use]
pub fn of(item: &Item) -> u64 {
    let rows = std::iter::once(&item.properties).chain(&item.recipients).map(properties);
    let files = item.attachments.iter().map(|attachment| {
        let content = match &attachment.content {
            Content::Octets(blob) | Content::Ole(blob) => blob.octets,
            Content::Embedded(item) => of(item),
            Content::None | Content::Reference | Content::Unreadable => 0,
        };
        content.saturating_add(properties(&attachment.properties))
    });
    rows.chain(files).fold(0, u64::saturating_add)
}

fn properties(properties: &Properties) -> u64 {
    properties.0.values().map(value).fold(0, u64::saturating_add)
}

fn value(value: &Value) -> u64 {
    match value {
        Value::Long(_, blob) => blob.octets,
        Value::Many(values) => values.iter().map(self::value).fold(0, u64::saturating_add),
        Value::String(text) => COPIES_OF_VALUES.saturating_mul(text.len() as u64),
        Value::String8(octets) | Value::Binary(octets) => {
            COPIES_OF_VALUES.saturating_mul(octets.len() as u64)
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::Attachment;
    use crate::property::ValueType;
    use crate::store::{Blob, BlobKey, NodeId};

    fn item(value: Value, content: Content) -> Item {
        let attachment =
            Attachment { number: 0, properties: Properties::default(), content, damage: Vec::new() };
        Item {
            node: NodeId(4),
            properties: Properties([(0x1000, value)].into()),
            recipients: Vec::new(),
            attachments: vec![attachment],
            damage: Vec::new(),
        }
    }

    #[test]
    fn files_weigh_once_and_values_as_often_as_they_are_held_at_any_depth() {
        let blob = |octets| Blob { octets, key: BlobKey::Block(4) };
        let file = |octets| Content::Octets(blob(octets));
        let long = |octets| Value::Long(ValueType::Binary, blob(octets));
        let text = |octets| Value::String("x".repeat(octets));
        for (value, content, wanted) in [
            (Value::Null, Content::None, 0),
            (text(10), file(100), 140),
            (long(1000), file(100), 1100),
            (Value::Many(vec![text(10), text(20)]), Content::Unreadable, 120),
            (text(1), Content::Embedded(Box::new(item(text(10), file(7)))), 51),
            (long(u64::MAX), file(u64::MAX), u64::MAX),
        ] {
            assert_eq!(of(&item(value, content)), wanted);
        }
    }
}
