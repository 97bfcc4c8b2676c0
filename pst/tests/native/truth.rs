//! Every undamaged store of the corpus, item by item, against what four readers found in it.
//! Never counts a disagreement as agreement: each is named.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use malote_pst::item::{Content, Item};
use malote_pst::native::NativeStore;
use malote_pst::property::{LONE_SURROGATE, Properties, Value as PropertyValue};
use malote_pst::store::{NodeId, Store, StoreError};
use serde_json::Value;

use crate::{content, corpus};

/// Files that must be refused.
const REFUSED: [&str; 2] = ["aspose_half_written.pst", "aspose_not_a_pst.pst"];
/// Files that were damaged on purpose.
const DAMAGED: [&str; 2] = ["dmg_iped_flips400.pst", "dmg_support_trunc80.pst"];

#[test]
fn every_item_of_every_whole_store_is_read_as_it_is() -> Result<()> {
    let Some(folder) = corpus::folder() else { return Ok(()) };
    let truth = corpus::truth(&folder)?;
    let mut differences = Vec::new();
    let (mut files, mut items) = (0, 0);
    for (name, expected) in truth["files"].as_object().context("truth without files")? {
        if REFUSED.contains(&name.as_str()) || DAMAGED.contains(&name.as_str()) {
            continue;
        }
        let mut store = NativeStore::open(&folder.join(name))?;
        let mut check = Check { name, store: &mut store, differences: Vec::new() };
        check.file(expected)?;
        differences.append(&mut check.differences);
        files += 1;
        items += expected["messages"].as_array().map_or(0, Vec::len);
    }
    eprintln!("{files} stores, {items} items");
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    Ok(())
}

#[test]
fn a_file_that_is_no_store_is_refused() -> Result<()> {
    let Some(folder) = corpus::folder() else { return Ok(()) };
    for name in REFUSED {
        let refused = NativeStore::open(&folder.join(name));
        assert!(matches!(refused, Err(StoreError::NotAStore(_))), "{name}: {refused:?}");
    }
    Ok(())
}

#[test]
fn what_is_refused_may_still_be_salvaged() -> Result<()> {
    let Some(folder) = corpus::folder() else { return Ok(()) };
    let mut store = NativeStore::salvage(std::fs::File::open(folder.join(REFUSED[0]))?)?;
    let items: Vec<NodeId> = store.folders()?.into_iter().flat_map(|folder| folder.items).collect();
    assert_eq!(items, []);
    let recovered = store.recovered()?;
    assert_eq!(recovered, [NodeId(0x20_0024)], "a newer page than the header knows names one item");
    let item = store.item(recovered[0])?;
    assert_eq!(content::text(&item.properties, 0x001A).as_deref(), Some("IPM.Task"));
    Ok(())
}

struct Check<'a> {
    name: &'a str,
    store: &'a mut NativeStore,
    differences: Vec<String>,
}

impl Check<'_> {
    fn equal<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, found: T, expected: T) {
        if found != expected {
            self.differences.push(format!("{}: {what}: {found:?} where {expected:?} is right", self.name));
        }
    }

    fn file(&mut self, expected: &Value) -> Result<()> {
        // One file's page calls itself by another number: it is read, and that is told.
        let told = usize::from(self.name == "aspose_badbtree.pst");
        self.equal("damage of the file", self.store.summary().damage.len().min(1), told);
        let folders = self.store.folders()?;
        let mut by_class: BTreeMap<u32, BTreeMap<String, u64>> = BTreeMap::new();
        let mut items: BTreeMap<u32, Item> = BTreeMap::new();
        for folder in &folders {
            self.equal("damage of a folder", folder.damage.clone(), Vec::new());
            let classes = by_class.entry(folder.node.0).or_default();
            for node in &folder.items {
                let item = self.store.item(*node)?;
                *classes.entry(content::text(&item.properties, 0x001A).unwrap_or_default()).or_default() += 1;
                items.insert(node.0, item);
            }
        }
        let mut expected_folders: BTreeMap<u32, BTreeMap<String, u64>> = BTreeMap::new();
        for folder in expected["folders"].as_array().context("no folders")? {
            let node = number(&folder["nid"])?;
            if node & 0x1F == 2 {
                expected_folders.insert(node, serde_json::from_value(folder["by_class"].clone())?);
            }
        }
        self.equal("folders", by_class, expected_folders);
        let messages = expected["messages"].as_array().context("no messages")?;
        let nodes: BTreeSet<u32> = messages.iter().map(|one| number(&one["nid"])).collect::<Result<_>>()?;
        self.equal("items", items.keys().copied().collect(), nodes);
        for message in messages {
            if let Some(item) = items.get(&number(&message["nid"])?) {
                self.message(item, message)?;
            }
        }
        Ok(())
    }

    fn message(&mut self, item: &Item, expected: &Value) -> Result<()> {
        let at = |what: &str| format!("{:#x}: {what}", item.node.0);
        let properties = &item.properties;
        self.equal(&at("damage"), item.damage.clone(), Vec::new());
        self.headline(item, expected);
        self.equal(&at("flags"), properties.integer(0x0E07), expected["flags"].as_i64());
        for (what, id) in [("submit", 0x0039), ("delivery", 0x0E06)] {
            // The truth also tells times that mean none.
            let seconds = match properties.get(id) {
                Some(PropertyValue::Time(time)) => Some((time / 10_000_000) as i64 - 11_644_473_600),
                _ => None,
            };
            if expected[what].is_i64() {
                self.equal(&at(what), seconds, expected[what].as_i64());
            }
        }
        if expected["cpid"].is_i64() {
            self.equal(&at("cpid"), properties.integer(0x3FDE), expected["cpid"].as_i64());
        }
        for (what, id) in [("plain", 0x1000), ("html", 0x1013), ("rtf", 0x1009), ("headers", 0x007D)] {
            let found = lengths(properties, id);
            let expected = expected["body"][what].as_u64().unwrap_or_default();
            self.equal(&at(what), found.contains(&expected), true);
        }
        match &expected["recipients"] {
            Value::Array(recipients) => self.recipients(item, recipients),
            count => self.equal(&at("recipients"), Some(item.recipients.len() as u64), count.as_u64()),
        }
        self.attachments(item, &expected["attachments"])
    }

    fn headline(&mut self, item: &Item, expected: &Value) {
        let properties = &item.properties;
        for (what, found) in [
            ("class", content::text(properties, 0x001A).unwrap_or_default()),
            ("subject", content::subject(properties)),
            ("message_id", content::text(properties, 0x1035).unwrap_or_default()),
        ] {
            let right = expected[what].as_str().unwrap_or_default();
            // What is not ASCII stands in the truth as some reader's guess at an 8-bit code page.
            let is_guessed =
                matches!(properties.get(0x0037), Some(PropertyValue::String8(_))) && !found.is_ascii();
            if !is_guessed {
                self.equal(&format!("{:#x}: {what}", item.node.0), found.as_str(), right);
            }
        }
    }

    fn recipients(&mut self, item: &Item, expected: &[Value]) {
        self.equal("recipients", item.recipients.len(), expected.len());
        for (found, right) in item.recipients.iter().zip(expected) {
            self.equal("kind of recipient", found.integer(0x0C15), right[0].as_i64());
            for (place, id) in [(2, 0x3002), (3, 0x3003), (4, 0x39FE)] {
                let found = content::text(found, id).unwrap_or_default();
                let right = right[place].as_str().unwrap_or_default();
                self.equal(&format!("{:#x}: recipient {id:#06x}", item.node.0), found.as_str(), right);
            }
        }
    }

    fn attachments(&mut self, item: &Item, expected: &Value) -> Result<()> {
        let none = Vec::new();
        let expected = expected.as_array().unwrap_or(&none);
        let at = format!("{:#x}", item.node.0);
        self.equal(&format!("{at}: attachments"), item.attachments.len(), expected.len());
        for (found, right) in item.attachments.iter().zip(expected) {
            let what = format!("{at}: attachment {}", found.number);
            self.equal(&format!("{what}: damage"), found.damage.clone(), Vec::new());
            self.equal(
                &format!("{what}: method"),
                found.properties.integer(0x3705),
                right["method"].as_i64(),
            );
            if let Some(hash) = right["sha256"].as_str() {
                let data = content::data(self.store, found)?;
                self.equal(
                    &format!("{what}: size"),
                    data.as_ref().map(|data| data.len() as u64),
                    right["size"].as_u64(),
                );
                self.equal(
                    &format!("{what}: data"),
                    data.map(|data| content::hash(&data)).as_deref(),
                    Some(hash),
                );
            }
            if right["embedded"].is_object() {
                match &found.content {
                    Content::Embedded(embedded) => {
                        self.equal(&format!("{what}: embedded damage"), embedded.damage.clone(), Vec::new());
                        self.headline(embedded, &right["embedded"]);
                        self.attachments(embedded, &right["embedded"]["attachments"])?;
                    }
                    other => {
                        self.differences.push(format!("{}: {what}: {other:?} is not embedded", self.name))
                    }
                }
            }
        }
        Ok(())
    }
}

fn number(value: &Value) -> Result<u32> {
    Ok(u32::try_from(value.as_u64().context("no number")?)?)
}

/// Octets that a value may have had in the file: without and with the NUL that a reader takes off.
fn lengths(properties: &Properties, id: u16) -> [u64; 2] {
    match properties.get(id) {
        Some(PropertyValue::String(text)) => {
            let units =
                text.chars().map(|one| if one == LONE_SURROGATE { 1 } else { one.len_utf16() as u64 });
            let octets = units.sum::<u64>() * 2;
            [octets, octets + 2]
        }
        Some(PropertyValue::String8(octets)) => [0, 1].map(|nul| octets.len() as u64 + nul),
        Some(PropertyValue::Binary(octets)) => [octets.len() as u64; 2],
        Some(PropertyValue::Long(_, blob)) => [blob.octets; 2],
        _ => [0; 2],
    }
}

#[test]
fn two_handles_read_one_store_at_once() -> Result<()> {
    let Some(folder) = corpus::folder() else { return Ok(()) };
    let mut first = NativeStore::open(&folder.join("pstextractor_enron.pst"))?;
    let nodes: Vec<NodeId> = first.folders()?.into_iter().flat_map(|folder| folder.items).collect();
    let read = |mut store: NativeStore, nodes: &[NodeId]| -> Result<Vec<Item>> {
        nodes.iter().map(|node| Ok(store.item(*node)?)).collect()
    };
    let second = first.try_clone();
    let (one, other) = std::thread::scope(|scope| {
        let other = scope.spawn(|| read(second, &nodes));
        (read(first, &nodes), other.join())
    });
    let other = other.map_err(|_| anyhow::anyhow!("the other thread failed"))??;
    assert_eq!(one?, other);
    Ok(())
}
