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
    /// Plain, HTML and rich bodies: their [`gist`].
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
    pub fn body(&mut self, text: &[u8]) {
        let gist = gist(text);
        if !gist.is_empty() {
            add(&mut self.bodies, gist);
        }
    }

    /// A string of 8 bits as text: the stores with any are of Windows' Western page, or ASCII.
    pub fn text(octets: &[u8]) -> String {
        encoding_rs::WINDOWS_1252.decode_without_bom_handling(octets).0.into_owned()
    }

    /// The bodies and fields of an object, whose values are octets as they stand.
    pub fn bodies_of(&mut self, properties: &Properties) {
        for id in [0x1000, 0x1001, 0x1013] {
            match properties.get(id) {
                Some(Value::String(text)) => self.body(text.as_bytes()),
                Some(Value::String8(octets) | Value::Binary(octets)) => self.body(octets),
                _ => {}
            }
        }
        if let Some(octets) = properties.binary(0x1009) {
            self.body(&malote_pst::rtf::unpack(octets, usize::MAX).octets);
        }
        match properties.get(0x007D) {
            Some(Value::String(text)) => self.fields += &text.to_lowercase(),
            Some(Value::String8(octets)) => self.fields += &Self::text(octets).to_lowercase(),
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
pub fn beyond<'t>(theirs: &'t Bag, ours: &Bag) -> Vec<&'t str> {
    let more = |(one, count): &(&String, &usize)| **count > ours.get(*one).copied().unwrap_or(0);
    theirs.iter().filter(more).map(|(one, _)| one.as_str()).collect()
}

/// Shortest body that is looked for within another one, in letters.
const GIST_MIN: usize = 4;

/// True for a body that is a part of one in `ours`, or one of them with something around it: cut at a NUL, told in
/// another's words, or with fields before it.
pub fn is_version(gist: &str, ours: &Bag) -> bool {
    ours.keys().any(|own| own.contains(gist) || (own.len() >= GIST_MIN && gist.contains(own.as_str())))
}

/// How many things a bag holds.
pub fn size(bag: &Bag) -> usize {
    bag.values().sum()
}
