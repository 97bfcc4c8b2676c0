//! What Malote's own reader gets out of a store.
//! Never asks libpff.

use anyhow::Result;
use malote_pst::item::{Content, Item};
use malote_pst::native::NativeStore;
use malote_pst::property::{Value, ValueType};
use malote_pst::store::Store as _;

use super::harvest::{Harvest, add};
use crate::expected::octets;
use crate::letter::hash;
use crate::stores::Subject;

/// Everything that can be read; what is damaged is left out, for it is not recovered.
pub fn harvest(subject: &Subject) -> Result<Option<Harvest>> {
    let Ok(mut store) = NativeStore::open(&subject.path) else { return Ok(None) };
    let mut harvest = Harvest::default();
    for node in store.folders()?.into_iter().flat_map(|folder| folder.items).collect::<Vec<_>>() {
        if let Ok(item) = store.item(node) {
            harvest.items += 1;
            harvest.nodes.insert(node.0);
            read(&mut store, &item, &mut harvest);
        }
    }
    Ok(Some(harvest))
}

fn read(store: &mut NativeStore, item: &Item, harvest: &mut Harvest) {
    harvest.bodies_of(&item.properties);
    if let Some(Value::Long(kind, blob)) = item.properties.get(0x1000)
        && let Ok(octets) = octets(store, blob)
    {
        match kind {
            ValueType::String => harvest.body(encoding_rs::UTF_16LE.decode(&octets).0.as_bytes()),
            _ => harvest.body(&octets),
        }
    }
    for row in &item.recipients {
        let texts = [0x3001, 0x3003, 0x39FE].map(|id| match row.get(id) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::String8(octets)) => Harvest::text(octets),
            _ => String::new(),
        });
        harvest.row(texts);
    }
    for attachment in &item.attachments {
        match &attachment.content {
            Content::Octets(blob) | Content::Ole(blob) => {
                if let Ok(octets) = octets(store, blob) {
                    add(&mut harvest.files, hash(&octets));
                }
            }
            Content::Embedded(embedded) => read(store, embedded, harvest),
            Content::None | Content::Reference | Content::Unreadable => {}
        }
    }
}
