//! What a reader gets out of a store, in words that all readers can be held to.
//! Never knows which reader it was.

use std::collections::{BTreeMap, BTreeSet};

use malote_pst::property::{Properties, Value};

/// Things with how many of each there are.
pub type Bag = BTreeMap<String, usize>;

/// One reader's harvest of one store; what is embedded counts with its item, but is no item itself.
#[derive(Debug, Clone, Default)]
pub struct Harvest {
    /// Items that lie in folders.
    pub items: usize,
    /// Their nodes, from readers that tell them.
    pub nodes: BTreeSet<u32>,
    /// Plain, HTML and rich bodies, by their [`gist`].
    pub bodies: Bag,
    /// Attached files, by hash.
    pub files: Bag,
    /// Rows of recipient tables, or addresses in fields: how many there are.
    pub recipients: usize,
    /// Every address, and the name where there is none.
    pub people: BTreeSet<String>,
    /// Fields that items brought along, in lower case: other readers take recipients from there.
    pub fields: String,
}

/// Letters and digits of ASCII alone, in lower case: what no code page, line end or tag of a charset changes.
pub fn gist(text: &[u8]) -> String {
    let kept = text.iter().filter(|octet| octet.is_ascii_alphanumeric());
    kept.map(|octet| char::from(octet.to_ascii_lowercase())).collect()
}

/// One more of something.
pub fn add(bag: &mut Bag, one: String) {
    *bag.entry(one).or_default() += 1;
}

impl Harvest {
    /// A body; those of nothing are none.
    pub fn body(&mut self, kind: &str, text: &[u8]) {
        let gist = gist(text);
        if !gist.is_empty() {
            add(&mut self.bodies, format!("{kind} {}", crate::letter::hash(gist.as_bytes())));
        }
    }

    /// The bodies and fields of an object, whose values are octets as they stand.
    pub fn bodies_of(&mut self, properties: &Properties) {
        for (id, kind) in [(0x1000, "plain"), (0x1013, "html")] {
            match properties.get(id) {
                Some(Value::String(text)) => self.body(kind, text.as_bytes()),
                Some(Value::String8(octets) | Value::Binary(octets)) => self.body(kind, octets),
                _ => {}
            }
        }
        if let Some(octets) = properties.binary(0x1009) {
            self.body("rich", &malote_pst::rtf::unpack(octets).octets);
        }
        match properties.get(0x007D) {
            Some(Value::String(text)) => self.fields += &text.to_lowercase(),
            Some(Value::String8(octets)) => self.fields += &String::from_utf8_lossy(octets).to_lowercase(),
            _ => {}
        }
    }

    /// A row of a recipient table.
    pub fn row(&mut self, texts: impl IntoIterator<Item = String>) {
        self.recipients += 1;
        self.people
            .extend(texts.into_iter().map(|text| text.trim().to_lowercase()).filter(|text| !text.is_empty()));
    }
}

/// What of `theirs` is not in `ours`.
pub fn beyond(theirs: &Bag, ours: &Bag) -> usize {
    theirs.iter().map(|(one, count)| count.saturating_sub(ours.get(one).copied().unwrap_or(0))).sum()
}

/// How many things a bag holds.
pub fn size(bag: &Bag) -> usize {
    bag.values().sum()
}
