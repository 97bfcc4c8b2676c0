//! What a calendar entry or a card is called by: the UID that all copies of it share.
//! Never made of chance: the same item has the same UID in every run.

use super::octets::Octets;
use crate::mime::tag;
use crate::mime::view::View;
use crate::names::PSETID_MEETING;

/// `PidLidGlobalObjectId` and `PidLidCleanGlobalObjectId` ([MS-OXOCAL] §2.2.1.27, §2.2.1.28).
const GLOBAL_OBJECT_ID: u32 = 0x0003;
const CLEAN_GLOBAL_OBJECT_ID: u32 = 0x0023;
/// Where the date of an instance stands in such an id, and how long its fixed part is.
const INSTANCE_START: usize = 16;
const INSTANCE_END: usize = 20;
const FIXED_OCTETS: usize = 40;
/// What begins the data of an id that holds a UID of another program.
const FOREIGN: &[u8; 12] = b"vCal-Uid\x01\0\0\0";
/// Longest id of a store, in octets.
const ID_OCTETS_MAX: usize = 2048;

/// The UID of a meeting or appointment: the one that its organizer's program gave it, else one of its own.
#[must_use]
pub fn of_event(view: &View<'_>, place: &[u32]) -> String {
    let id = view.named_binary(PSETID_MEETING, CLEAN_GLOBAL_OBJECT_ID);
    let id = id.or_else(|| view.named_binary(PSETID_MEETING, GLOBAL_OBJECT_ID));
    id.and_then(of_global_id).unwrap_or_else(|| made(view, place))
}

/// The UID within a global object id; its octets in hexadecimal, where it is no foreign one
/// ([MS-OXCICAL] §2.1.3.1.1.20.26).
fn of_global_id(octets: &[u8]) -> Option<String> {
    if octets.len() < FIXED_OCTETS || octets.len() > ID_OCTETS_MAX {
        return None;
    }
    let foreign = octets[FIXED_OCTETS..].strip_prefix(FOREIGN).map(|uid| {
        let end = uid.iter().position(|octet| *octet == 0).unwrap_or(uid.len());
        String::from_utf8_lossy(&uid[..end]).into_owned()
    });
    let is_uid = |uid: &String| !uid.is_empty() && !uid.chars().any(char::is_control);
    if let Some(uid) = foreign.filter(is_uid) {
        return Some(uid);
    }
    let clean = octets.iter().enumerate().map(|(place, octet)| {
        let is_instance = (INSTANCE_START..INSTANCE_END).contains(&place);
        format!("{:02X}", if is_instance { 0 } else { *octet })
    });
    Some(clean.collect())
}

/// The date of the instance that a meeting message is about, where it is about one of a series.
#[must_use]
pub fn instance(view: &View<'_>) -> Option<jiff::civil::Date> {
    let octets = view.named_binary(PSETID_MEETING, GLOBAL_OBJECT_ID)?;
    let mut date = Octets(octets.get(INSTANCE_START..INSTANCE_END)?);
    let year = date.take(2)?;
    let year = i16::from_be_bytes([year[0], year[1]]);
    let [month, day] = *date.take(2)? else { return None };
    jiff::civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok().filter(|_| year > 0)
}

/// A UID made of the store and the item's own keys. `place` are the attachments that an embedded item lies in.
#[must_use]
pub fn made(view: &View<'_>, place: &[u32]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(view.context.store_key);
    match view.item.properties.binary(tag::SEARCH_KEY) {
        Some(key) if !key.is_empty() => hasher.update(key),
        _ => hasher.update(&view.item.node.0.to_le_bytes()),
    };
    for number in place {
        hasher.update(&number.to_le_bytes());
    }
    let hash = hasher.finalize().to_hex();
    format!("{}@malote.invalid", &hash[..32])
}

#[cfg(test)]
mod tests {
    use super::of_global_id;

    fn id(date: [u8; 4], data: &[u8]) -> Vec<u8> {
        let mut octets = vec![4, 0, 0, 0, 0x82, 0, 0xE0, 0, 0x74, 0xC5, 0xB7, 0x10, 0x1A, 0x82, 0xE0, 8];
        octets.extend(date);
        octets.extend([1; 16]);
        octets.extend((data.len() as u32).to_le_bytes());
        octets.extend(data);
        octets
    }

    #[test]
    fn all_instances_of_a_series_share_one_uid() {
        let series = of_global_id(&id([0; 4], &[7; 16]));
        assert_eq!(of_global_id(&id([7, 0xEA, 3, 11], &[7; 16])), series);
        assert!(series.is_some_and(|uid| uid.starts_with("040000008200E00074C5B7101A82E00800000000")));
    }

    #[test]
    fn a_uid_of_another_program_is_taken_as_it_is() {
        let foreign = |uid: &[u8]| of_global_id(&id([0; 4], &[b"vCal-Uid\x01\0\0\0", uid].concat()));
        assert_eq!(foreign(b"abc-1@x.example\0").as_deref(), Some("abc-1@x.example"));
        assert!(foreign(b"a\r\nBEGIN:VEVENT\0").is_some_and(|uid| uid.starts_with("0400")));
        assert_eq!(of_global_id(&[4; 39]), None);
    }
}
