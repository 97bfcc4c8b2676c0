//! An item as a JSON document: every property as it stands, for the quarantine and for people who look for a cause.
//! Never leaves a property out: what is too long is named with its length.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use crate::item::{Attachment, Content, Damage, Item, Part};
use crate::names::{Guid, Name, Names};
use crate::property::{Properties, Value, ValueType};
use crate::text::without_halves;

/// Octets of a binary value or of a text that a dump shows; the rest is counted.
pub const SHOWN_OCTETS_MAX: usize = 64 * 1024;

/// Values that one dump shows: each takes about a thousand octets of memory. The rest is counted.
pub const VALUES_MAX: usize = 20_000;
/// Octets of values that one dump shows, all together; of what is left only lengths are told.
pub const ALL_SHOWN_OCTETS_MAX: usize = 4 * 1024 * 1024;

/// The whole item, what is embedded in it too, as one JSON object with the schema `malote.pst-item/1`.
#[must_use]
pub fn item(item: &Item, names: &Names) -> Json {
    let mut object = Dump::new(names).item(item);
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
    Dump::new(names).properties(row)
}

/// A dump that is being made, and what of it may still be shown.
struct Dump<'n> {
    /// Named properties by their ids.
    names: BTreeMap<u16, (&'n Guid, &'n Name)>,
    values_left: usize,
    octets_left: usize,
}

impl<'n> Dump<'n> {
    fn new(names: &'n Names) -> Self {
        let names = names.0.iter().map(|((set, name), id)| (*id, (set, name))).collect();
        Self { names, values_left: VALUES_MAX, octets_left: ALL_SHOWN_OCTETS_MAX }
    }

    fn item(&mut self, item: &Item) -> Map<String, Json> {
        let mut object = Map::new();
        object.insert("node".to_owned(), json!(format!("{:#x}", item.node.0)));
        object.insert("properties".to_owned(), self.properties(&item.properties));
        let recipients = self.list(&item.recipients, Self::properties);
        object.insert("recipients".to_owned(), recipients);
        let attachments = self.list(&item.attachments, Self::attachment);
        object.insert("attachments".to_owned(), attachments);
        object.insert("damage".to_owned(), self.list(&item.damage, |_, told| damage(told)));
        object
    }

    /// As many as may be shown, and how many others there are.
    fn list<T>(&mut self, all: &[T], mut show: impl FnMut(&mut Self, &T) -> Json) -> Json {
        let mut list = Vec::new();
        for (number, one) in all.iter().enumerate() {
            if self.values_left == 0 {
                list.push(json!({ "left_out": all.len() - number }));
                break;
            }
            self.values_left -= 1;
            list.push(show(self, one));
        }
        Json::Array(list)
    }

    fn attachment(&mut self, attachment: &Attachment) -> Json {
        let content = match &attachment.content {
            Content::None => json!({ "kind": "none" }),
            Content::Octets(blob) => json!({ "kind": "octets", "octets": blob.octets }),
            Content::Embedded(item) => json!({ "kind": "item", "item": self.item(item) }),
            Content::Ole(blob) => json!({ "kind": "ole", "octets": blob.octets }),
            Content::Reference => json!({ "kind": "reference" }),
            Content::Unreadable => json!({ "kind": "unreadable" }),
        };
        json!({
            "number": attachment.number,
            "properties": self.properties(&attachment.properties),
            "content": content,
            "damage": self.list(&attachment.damage, |_, told| damage(told)),
        })
    }

    fn properties(&mut self, properties: &Properties) -> Json {
        let mut object = Map::new();
        for (id, held) in &properties.0 {
            if self.values_left == 0 {
                object.insert("left_out".to_owned(), json!(properties.0.len() - object.len()));
                break;
            }
            self.values_left -= 1;
            let mut entry = self.value(held);
            if let (Json::Object(entry), Some((set, name))) = (&mut entry, self.names.get(id)) {
                entry.insert("name".to_owned(), json!(spelled(set, name)));
            }
            object.insert(format!("{id:#06x}"), entry);
        }
        Json::Object(object)
    }

    /// How many octets of a value of this length are shown.
    fn shown(&mut self, octets: usize) -> usize {
        let shown = octets.min(SHOWN_OCTETS_MAX).min(self.octets_left);
        self.octets_left -= shown;
        shown
    }

    /// A value with its type, as [MS-OXCDATA] §2.11.1 calls it.
    fn value(&mut self, value: &Value) -> Json {
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
                let shown = &text[..text.floor_char_boundary(self.shown(text.len()))];
                json!({ "type": "string", "value": without_halves(shown), "octets": text.len() })
            }
            Value::String8(octets) => self.octets_of("string8", octets),
            Value::Binary(octets) => self.octets_of("binary", octets),
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
                let values = self.list(values, Self::value);
                json!({ "type": "many", "values": values })
            }
        }
    }

    fn octets_of(&mut self, kind: &str, octets: &[u8]) -> Json {
        let shown = self.shown(octets.len());
        json!({ "type": kind, "hex": hex(&octets[..shown]), "octets": octets.len() })
    }
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

/// A named property as `{GUID in the file's order}/name`.
fn spelled(set: &Guid, name: &Name) -> String {
    match name {
        Name::Number(number) => format!("{}/{number:#06x}", hex(set)),
        Name::Text(text) => format!("{}/{text}", hex(set)),
    }
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
        let properties = Properties::from([
            (0x0037, Value::String("é".repeat(SHOWN_OCTETS_MAX))),
            (0x1013, Value::Long(ValueType::Binary, blob)),
            (0x0E06, Value::Time(7)),
            (0x8001, Value::Many(vec![Value::String("Ação".to_owned()), Value::String8(vec![0xE7])])),
        ]);
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
