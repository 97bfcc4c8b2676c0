//! An item as a JSON document: every property as it stands, for the quarantine and for people who look for a cause.
//! Never leaves a property out: what is too long is named with its length.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use crate::item::{Attachment, Content, Damage, Item, Part};
use crate::names::{Name, Names};
use crate::property::{Properties, Value, ValueType};

/// Octets of a binary value or of a text that a dump shows; the rest is counted.
pub const SHOWN_OCTETS_MAX: usize = 64 * 1024;

/// The whole item, what is embedded in it too, as one JSON object with the schema `malote.pst-item/1`.
#[must_use]
pub fn item(item: &Item, names: &Names) -> Json {
    let mut object = object(item, &spelled(names));
    object.insert("schema".to_owned(), json!("malote.pst-item/1"));
    Json::Object(object)
}

/// The reason alone, for an item of which nothing could be read.
#[must_use]
pub fn unreadable(node: crate::store::NodeId, reason: &str) -> Json {
    json!({ "schema": "malote.pst-item/1", "node": format!("{:#x}", node.0), "unreadable": reason })
}

/// What the table of its folder says of an item.
#[must_use]
pub fn row(row: &Properties, names: &Names) -> Json {
    properties(row, &spelled(names))
}

fn object(item: &Item, names: &BTreeMap<u16, String>) -> Map<String, Json> {
    let mut object = Map::new();
    object.insert("node".to_owned(), json!(format!("{:#x}", item.node.0)));
    object.insert("properties".to_owned(), properties(&item.properties, names));
    let recipients = item.recipients.iter().map(|recipient| properties(recipient, names));
    object.insert("recipients".to_owned(), recipients.collect());
    let attachments = item.attachments.iter().map(|part| attachment(part, names));
    object.insert("attachments".to_owned(), attachments.collect());
    object.insert("damage".to_owned(), item.damage.iter().map(damage).collect());
    object
}

fn attachment(attachment: &Attachment, names: &BTreeMap<u16, String>) -> Json {
    let content = match &attachment.content {
        Content::None => json!({ "kind": "none" }),
        Content::Octets(blob) => json!({ "kind": "octets", "octets": blob.octets }),
        Content::Embedded(item) => json!({ "kind": "item", "item": object(item, names) }),
        Content::Ole(blob) => json!({ "kind": "ole", "octets": blob.octets }),
        Content::Reference => json!({ "kind": "reference" }),
        Content::Unreadable => json!({ "kind": "unreadable" }),
    };
    json!({
        "number": attachment.number,
        "properties": properties(&attachment.properties, names),
        "content": content,
        "damage": attachment.damage.iter().map(damage).collect::<Json>(),
    })
}

fn properties(properties: &Properties, names: &BTreeMap<u16, String>) -> Json {
    let entries = properties.0.iter().map(|(id, held)| {
        let mut entry = value(held);
        if let (Json::Object(entry), Some(name)) = (&mut entry, names.get(id)) {
            entry.insert("name".to_owned(), json!(name));
        }
        (format!("{id:#06x}"), entry)
    });
    Json::Object(entries.collect())
}

/// A value with its type, as [MS-OXCDATA] §2.11.1 calls it.
fn value(value: &Value) -> Json {
    match value {
        Value::Null => json!({ "type": "null" }),
        Value::Integer16(number) => json!({ "type": "integer16", "value": number }),
        Value::Integer32(number) => json!({ "type": "integer32", "value": number }),
        Value::Integer64(number) => json!({ "type": "integer64", "value": number }),
        Value::Floating32(number) => json!({ "type": "floating32", "value": number.to_string() }),
        Value::Floating64(number) => json!({ "type": "floating64", "value": number.to_string() }),
        Value::FloatingTime(days) => json!({ "type": "floatingtime", "value": days.to_string() }),
        Value::Boolean(is_set) => json!({ "type": "boolean", "value": is_set }),
        Value::ErrorCode(code) => json!({ "type": "errorcode", "value": format!("{code:#010x}") }),
        Value::Time(units) => json!({ "type": "time", "value": units }),
        Value::Guid(octets) => json!({ "type": "guid", "value": hex(octets) }),
        Value::String(text) => {
            let shown = &text[..text.floor_char_boundary(SHOWN_OCTETS_MAX)];
            json!({ "type": "string", "value": shown, "octets": text.len() })
        }
        Value::String8(octets) => octets_of("string8", octets),
        Value::Binary(octets) => octets_of("binary", octets),
        Value::Object => json!({ "type": "object" }),
        Value::Long(kind, blob) => {
            let kind = match kind {
                ValueType::String => "string",
                ValueType::String8 => "string8",
                ValueType::Binary => "binary",
            };
            json!({ "type": kind, "octets": blob.octets })
        }
        Value::Many(values) => {
            json!({ "type": "many", "values": values.iter().map(self::value).collect::<Json>() })
        }
    }
}

fn octets_of(kind: &str, octets: &[u8]) -> Json {
    json!({ "type": kind, "hex": hex(&octets[..octets.len().min(SHOWN_OCTETS_MAX)]), "octets": octets.len() })
}

fn hex(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len() * 2);
    for octet in octets {
        let _infallible = write!(text, "{octet:02x}");
    }
    text
}

fn damage(damage: &Damage) -> Json {
    let part = match damage.part {
        Part::File => "file".to_owned(),
        Part::Folder => "folder".to_owned(),
        Part::Contents => "contents".to_owned(),
        Part::Property(id) => format!("property {id:#06x}"),
        Part::Properties => "properties".to_owned(),
        Part::Recipients => "recipients".to_owned(),
        Part::Attachments => "attachments".to_owned(),
        Part::Data => "data".to_owned(),
        Part::Limit => "limit".to_owned(),
    };
    json!({ "part": part, "reason": damage.reason })
}

/// Named properties by their ids, as `{GUID in the file's order}/name`.
fn spelled(names: &Names) -> BTreeMap<u16, String> {
    let spell = |((set, name), id): (&(crate::names::Guid, Name), &u16)| {
        let name = match name {
            Name::Number(number) => format!("{number:#06x}"),
            Name::Text(text) => text.clone(),
        };
        (*id, format!("{}/{name}", hex(set)))
    };
    names.0.iter().map(spell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::PS_PUBLIC_STRINGS;
    use crate::store::{Blob, BlobKey, NodeId};

    #[test]
    fn every_property_stands_in_the_dump_and_long_ones_with_their_length() {
        let names = Names([((PS_PUBLIC_STRINGS, Name::Text("Keywords".to_owned())), 0x8001)].into());
        let blob = Blob { octets: 9_000_000, key: BlobKey::Block(4) };
        let properties = Properties(
            [
                (0x0037, Value::String("é".repeat(SHOWN_OCTETS_MAX))),
                (0x1013, Value::Long(ValueType::Binary, blob)),
                (0x0E06, Value::Time(7)),
                (0x8001, Value::Many(vec![Value::String("Ação".to_owned()), Value::String8(vec![0xE7])])),
            ]
            .into(),
        );
        let damage = vec![Damage { part: Part::Property(0x1000), reason: "a block is missing".to_owned() }];
        let (recipients, attachments) = (Vec::new(), Vec::new());
        let dump =
            item(&Item { node: NodeId(0x20_0024), properties, recipients, attachments, damage }, &names);
        let shown = dump["properties"]["0x0037"]["value"].as_str().map_or(0, str::len);
        assert_eq!(
            (shown, &dump["properties"]["0x0037"]["octets"]),
            (SHOWN_OCTETS_MAX, &json!(SHOWN_OCTETS_MAX * 2))
        );
        assert_eq!(dump["properties"]["0x1013"], json!({ "type": "binary", "octets": 9_000_000 }));
        assert_eq!(dump["properties"]["0x8001"]["values"][1]["hex"], "e7");
        assert!(
            dump["properties"]["0x8001"]["name"].as_str().is_some_and(|name| name.ends_with("/Keywords"))
        );
        assert_eq!(dump["damage"][0]["part"], "property 0x1000");
    }
}
