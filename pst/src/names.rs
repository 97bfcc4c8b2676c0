//! Named properties of one store: which ids from 0x8000 on stand for which names ([MS-PST] §2.4.7).
//! Never guesses: a name that the store does not hold has no id.

use std::collections::BTreeMap;

/// A property set as the file writes its GUID.
pub type Guid = [u8; 16];

/// `PS_MAPI` ([MS-OXPROPS] §1.3.2): 00020328-0000-0000-C000-000000000046.
pub const PS_MAPI: Guid = short_guid(0x0002_0328);
/// `PS_PUBLIC_STRINGS`: 00020329-….
pub const PS_PUBLIC_STRINGS: Guid = short_guid(0x0002_0329);
/// `PS_INTERNET_HEADERS`: 00020386-….
pub const PS_INTERNET_HEADERS: Guid = short_guid(0x0002_0386);
/// `PSETID_Appointment`: 00062002-….
pub const PSETID_APPOINTMENT: Guid = short_guid(0x0006_2002);
/// `PSETID_Task`: 00062003-….
pub const PSETID_TASK: Guid = short_guid(0x0006_2003);
/// `PSETID_Address`: 00062004-….
pub const PSETID_ADDRESS: Guid = short_guid(0x0006_2004);
/// `PSETID_Common`: 00062008-….
pub const PSETID_COMMON: Guid = short_guid(0x0006_2008);
/// `PSETID_Log`: 0006200A-….
pub const PSETID_LOG: Guid = short_guid(0x0006_200A);
/// `PSETID_Note`: 0006200E-….
pub const PSETID_NOTE: Guid = short_guid(0x0006_200E);
/// `PSETID_Meeting`: 6ED8DA90-450B-101B-98DA-00AA003F1305.
pub const PSETID_MEETING: Guid =
    [0x90, 0xDA, 0xD8, 0x6E, 0x0B, 0x45, 0x1B, 0x10, 0x98, 0xDA, 0x00, 0xAA, 0x00, 0x3F, 0x13, 0x05];

/// What a property is called within its set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// By number (a "LID").
    Number(u32),
    /// By a string, compared as the store spells it.
    Text(String),
}

/// The names that a store maps to ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names(pub BTreeMap<(Guid, Name), u16>);

impl Names {
    /// The id of a numbered property of a set.
    #[must_use]
    pub fn number(&self, set: Guid, number: u32) -> Option<u16> {
        self.0.get(&(set, Name::Number(number))).copied()
    }

    /// The id of a property of a set that is named by a string, without regard to ASCII case.
    #[must_use]
    pub fn text(&self, set: Guid, text: &str) -> Option<u16> {
        let exact = self.0.get(&(set, Name::Text(text.to_owned()))).copied();
        exact.or_else(|| self.of_set(set).find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, id)| id))
    }

    /// Every property of a set that is named by a string, with its id.
    pub fn of_set(&self, set: Guid) -> impl Iterator<Item = (&str, u16)> {
        self.0.iter().filter_map(move |((guid, name), id)| match name {
            Name::Text(text) if *guid == set => Some((text.as_str(), *id)),
            _ => None,
        })
    }
}

const fn short_guid(first: u32) -> Guid {
    let [a, b, c, d] = first.to_le_bytes();
    [a, b, c, d, 0, 0, 0, 0, 0xC0, 0, 0, 0, 0, 0, 0, 0x46]
}
