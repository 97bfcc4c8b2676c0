//! How much of an item somebody holds who holds every value of it whole, as libpff does.
//! Never counts what is only claimed: the lengths are those of what was found.

use crate::item::{Content, Damage, Item, Part};
use crate::property::{Properties, Value};

/// What libpff is asked to hold of one item, in octets of [`of`]: with it its process and this one stay below 128 MiB.
pub const WHOLE_OCTETS_MAX: u64 = 24 * 1024 * 1024;
/// How often a value is held on its way out of libpff's process: by the library, as a value, and in an answer that has
/// room to grow. Files are given piece by piece.
const COPIES_OF_VALUES: u64 = 4;
/// What keeps one value in libpff's process, in octets: 60,000 recipients with seven values each take 230 MiB there.
const VALUE_OCTETS: u64 = 512;

/// True where libpff would have to hold more than it is asked to. What our own reader gave up for its weight is too
/// heavy, whatever of it was read.
#[must_use]
pub fn is_too_heavy(item: &Item) -> bool {
    of(item) > WHOLE_OCTETS_MAX || has_reached_limit(item)
}

fn has_reached_limit(item: &Item) -> bool {
    let is_limit = |damage: &Damage| damage.part == Part::Limit;
    item.damage.iter().any(is_limit)
        || item.attachments.iter().any(|attachment| {
            attachment.damage.iter().any(is_limit)
                || matches!(&attachment.content, Content::Embedded(item) if has_reached_limit(item))
        })
}

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
    properties.0.values().map(|held| value(held).saturating_add(VALUE_OCTETS)).fold(0, u64::saturating_add)
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
            properties: Properties::from([(0x1000, value)]),
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
            (Value::Null, Content::None, 512),
            (text(10), file(100), 512 + 140),
            (long(1000), file(100), 512 + 1100),
            (Value::Many(vec![text(10), text(20)]), Content::Unreadable, 512 + 120),
            (text(1), Content::Embedded(Box::new(item(text(10), file(7)))), 2 * 512 + 51),
            (long(u64::MAX), file(u64::MAX), u64::MAX),
        ] {
            assert_eq!(of(&item(value, content)), wanted);
        }
    }

    #[test]
    fn what_reached_a_limit_at_any_depth_is_too_heavy_and_other_damage_is_not() {
        for part in [Part::Limit, Part::Recipients] {
            let told = Damage { part, reason: String::new() };
            let mut inner = item(Value::Null, Content::None);
            inner.damage.push(told.clone());
            assert_eq!(is_too_heavy(&inner), part == Part::Limit);
            let outer = item(Value::Null, Content::Embedded(Box::new(inner)));
            assert_eq!(is_too_heavy(&outer), part == Part::Limit);
            let mut attached = item(Value::Null, Content::Unreadable);
            attached.attachments[0].damage.push(told);
            assert_eq!(is_too_heavy(&attached), part == Part::Limit);
        }
        let many = Value::Many(vec![Value::String("x".repeat(7_000_000))]);
        assert!(is_too_heavy(&item(many, Content::None)));
    }
}
