//! Items of a store that lie in quarantine: what their property dumps tell of them.
//! Never shows a property's value but those by which its user knows an item.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Ends the name of a kept property dump.
const DUMP_END: &str = ".json";

/// Damage that is shown of one item.
const DAMAGE_LINES_MAX: usize = 20;

/// An item as its dump tells of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Item {
    /// Its node's number in the store.
    pub node: String,
    /// The folder's names, from the visible root down.
    pub folder: Vec<String>,
    /// Its message class; empty where it cannot be read.
    pub class: String,
    /// Its subject; empty where it cannot be read.
    pub subject: String,
    /// Who it is from; empty where it cannot be read.
    pub sender: String,
    /// When it came, was sent or made (RFC 3339, UTC), where that can be read.
    pub date: Option<String>,
    /// How many properties can be read.
    #[serde(skip_deserializing)]
    pub properties: usize,
    /// What cannot, as sentences.
    #[serde(skip_deserializing)]
    pub damage: Vec<String>,
}

/// True for a file that holds a dump and not octets.
pub fn is_dump(file: &str) -> bool {
    file.ends_with(DUMP_END)
}

impl Item {
    /// Reads a dump; nothing where it is none.
    pub fn of(octets: &[u8]) -> Option<Self> {
        let dump: Value = serde_json::from_slice(octets).ok()?;
        let told = |damage: &Value| {
            let text = |name: &str| damage[name].as_str().unwrap_or_default();
            format!("{}: {}", text("part"), text("reason"))
        };
        let damage =
            dump["damage"].as_array().into_iter().flatten().take(DAMAGE_LINES_MAX).map(told).collect();
        let properties = dump["properties"].as_object().map_or(0, serde_json::Map::len);
        dump["node"].as_str()?;
        let item: Self = serde_json::from_value(dump).ok()?;
        Some(Self { properties, damage, ..item })
    }

    /// `IPM.Note 0x200024`.
    pub fn name(&self) -> String {
        let class = if self.class.is_empty() { "item of no known class" } else { &self.class };
        format!("{class} {}", self.node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_tells_by_what_its_user_knows_an_item() {
        let dump = r#"{"schema":"malote.pst-item/1","node":"0x200024","folder":["Inbox","A"],"class":"IPM.Note",
            "subject":"Olá","sender":"Ana","date":null,"properties":{"0x0037":{},"0x1000":{}},
            "damage":[{"part":"property 0x1000","reason":"a block is missing"}]}"#;
        let item = Item::of(dump.as_bytes()).unwrap();
        assert_eq!((item.name().as_str(), item.subject.as_str()), ("IPM.Note 0x200024", "Olá"));
        assert_eq!(
            (item.properties, item.damage.as_slice()),
            (2, &["property 0x1000: a block is missing".to_owned()][..])
        );
        for none in ["", "{}", "[1]", "Subject: x\r\n\r\n"] {
            assert_eq!(Item::of(none.as_bytes()), None, "{none}");
        }
        let bare = Item::of(br#"{"node":"0x4","unreadable":"gone"}"#).unwrap();
        assert_eq!(bare.name(), "item of no known class 0x4");
        assert!(is_dump("a-1.json") && !is_dump("a-1.eml"));
    }
}
