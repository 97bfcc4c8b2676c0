//! Named properties: which id stands for which name, and the node that says so ([MS-PST] §2.4.7).
//! Never gives one name two ids.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use crate::lists::properties::PropertyList;
use crate::nodes::{Database, Node, obfuscation};

/// A property set as the file writes its GUID.
pub type Guid = [u8; 16];

/// `PS_MAPI`.
pub const PS_MAPI: Guid = outlook_guid(0x0002_0328);
/// `PS_PUBLIC_STRINGS`.
pub const PS_PUBLIC_STRINGS: Guid = outlook_guid(0x0002_0329);
/// `PS_INTERNET_HEADERS`.
pub const PS_INTERNET_HEADERS: Guid = outlook_guid(0x0002_0386);
/// `PSETID_Appointment`.
pub const PSETID_APPOINTMENT: Guid = outlook_guid(0x0006_2002);
/// `PSETID_Task`.
pub const PSETID_TASK: Guid = outlook_guid(0x0006_2003);
/// `PSETID_Address`.
pub const PSETID_ADDRESS: Guid = outlook_guid(0x0006_2004);
/// `PSETID_Common`.
pub const PSETID_COMMON: Guid = outlook_guid(0x0006_2008);
/// `PSETID_Meeting`.
pub const PSETID_MEETING: Guid =
    [0x90, 0xDA, 0xD8, 0x6E, 0x0B, 0x45, 0x1B, 0x10, 0x98, 0xDA, 0x00, 0xAA, 0x00, 0x3F, 0x13, 0x05];

/// A GUID of Outlook's family: its first field, then 0000-0000-C000-000000000046.
#[must_use]
pub const fn outlook_guid(first: u32) -> Guid {
    let [a, b, c, d] = first.to_le_bytes();
    [a, b, c, d, 0, 0, 0, 0, 0xC0, 0, 0, 0, 0, 0, 0, 0x46]
}

/// What a property is called within its set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// By number.
    Number(u32),
    /// By a string.
    Text(String),
}

impl From<u32> for Name {
    fn from(number: u32) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

const FIRST_ID: u16 = 0x8000;
const LAST_ID: u16 = 0xFFFE;
/// Into how many lists the names are divided, and under which id the first of these stands.
const BUCKETS: u32 = 251;
const FIRST_BUCKET: u16 = 0x1000;

/// The names of one store, in the order in which they were first used.
#[derive(Default)]
pub struct Names {
    ids: BTreeMap<(Guid, Name), u16>,
    order: Vec<(Guid, Name)>,
}

impl Names {
    /// The id of a name, a new one where it has none.
    pub fn id(&mut self, set: Guid, name: &Name) -> Result<u16> {
        let key = (set, name.clone());
        if let Some(id) = self.ids.get(&key) {
            return Ok(*id);
        }
        let id = u16::try_from(self.order.len()).ok().and_then(|nth| FIRST_ID.checked_add(nth));
        let id = id.filter(|id| *id <= LAST_ID).context("a store has 32,767 names at most")?;
        self.ids.insert(key.clone(), id);
        self.order.push(key);
        Ok(id)
    }

    /// Writes the node of the names.
    pub fn finish(&self, database: &mut Database) -> Result<Node> {
        const BINARY: u16 = 0x0102;
        const INTEGER: u16 = 0x0003;
        let (mut sets, mut entries, mut strings) = (Vec::new(), Vec::new(), Vec::new());
        let mut buckets: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
        for (place, (set, name)) in self.order.iter().enumerate() {
            let set = set_index(*set, &mut sets)?;
            let (number, sum, is_text) = match name {
                Name::Number(number) => (*number, *number, 0),
                Name::Text(text) => {
                    let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
                    let start = u32::try_from(strings.len())?;
                    strings.extend(u32::try_from(units.len())?.to_le_bytes());
                    strings.extend(&units);
                    strings.resize(strings.len().next_multiple_of(4), 0);
                    (start, obfuscation::checksum(&units), 1)
                }
            };
            let set_word = (set << 1) | is_text;
            let end = [set_word.to_le_bytes(), u16::try_from(place)?.to_le_bytes()].concat();
            entries.extend(number.to_le_bytes());
            entries.extend(&end);
            let bucket = buckets.entry((sum ^ u32::from(set_word)) % BUCKETS).or_default();
            bucket.extend(sum.to_le_bytes());
            bucket.extend(&end);
        }
        let mut list = PropertyList::new(database);
        list.put(database, 0x0001, INTEGER, &BUCKETS.to_le_bytes())?;
        list.put(database, 0x0002, BINARY, &sets.concat())?;
        list.put(database, 0x0003, BINARY, &entries)?;
        list.put(database, 0x0004, BINARY, &strings)?;
        for (bucket, octets) in buckets {
            list.put(database, FIRST_BUCKET + u16::try_from(bucket)?, BINARY, &octets)?;
        }
        list.finish(database)
    }
}

/// How entries refer to a set: 1 and 2 are known to all, from 3 on they count through the stream of sets.
fn set_index(set: Guid, sets: &mut Vec<Guid>) -> Result<u16> {
    if set == PS_MAPI || set == PS_PUBLIC_STRINGS {
        return Ok(if set == PS_MAPI { 1 } else { 2 });
    }
    let place = sets.iter().position(|known| *known == set).unwrap_or_else(|| {
        sets.push(set);
        sets.len() - 1
    });
    ensure!(place < 0x7FFC, "too many property sets");
    Ok(u16::try_from(place)? + 3)
}
