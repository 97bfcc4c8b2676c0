//! The properties of one object: a property context ([MS-PST] §2.3.3).
//! Never loses more than the one property that cannot be read.

use super::blocks::Blocks;
use super::btree_heap::{Records, records};
use super::fault::{Fault, Read};
use super::limits::DAMAGES_MAX;
use super::object::{Allowance, Object};
use super::octets::{u16_at, u32_at};
use crate::item::{Damage, Part};
use crate::property::Properties;

/// Properties that most objects have at most.
const RECORDS_EXPECTED: usize = 128;

/// One property as its record holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    /// The upper 16 bits of its tag.
    pub(super) id: u16,
    /// The lower 16 bits.
    pub(super) kind: u16,
    /// Its value, or where that lies.
    pub(super) word: u32,
}

impl Record {
    /// What a tree's record says.
    pub(super) fn read(record: &[u8]) -> Option<Self> {
        Some(Self { id: u16_at(record, 0)?, kind: u16_at(record, 2)?, word: u32_at(record, 4)? })
    }
}

impl Object {
    /// The records of all properties; a damaged list gives those that are left.
    pub(super) fn property_records(
        &mut self,
        blocks: &mut Blocks,
        damage: &mut Vec<Damage>,
    ) -> Read<Records> {
        let root = self.heap.root;
        let records = records(blocks, &mut self.heap, root)?;
        if (records.key_octets, records.value_octets) != (2, 6) {
            return Err(Fault::new("its list of properties has an impossible form"));
        }
        tell(&records.faults, Part::Properties, damage);
        Ok(records)
    }

    /// The values of records, but for that of the property `left`; what cannot be read of them is damage.
    pub(super) fn properties(
        &mut self,
        blocks: &mut Blocks,
        allowance: &mut Allowance,
        records: &Records,
        left: Option<u16>,
        damage: &mut Vec<Damage>,
    ) -> Properties {
        let mut properties = Vec::with_capacity(records.iter().len().min(RECORDS_EXPECTED));
        for record in records.iter().filter_map(Record::read).filter(|record| left != Some(record.id)) {
            match self.value(blocks, allowance, record.kind, record.word) {
                Ok(value) => properties.push((record.id, value)),
                Err(fault) => push(damage, Part::Property(record.id), fault),
            }
            blocks.warned(Part::Property(record.id), damage);
        }
        Properties::of_first(properties)
    }
}

/// The last that is told one by one.
const MORE: &str = "and more that is not told";

/// Adds a damage, up to as many as are told one by one. What keeps an item back, or has it read by others, is always
/// told once.
pub(super) fn push(damage: &mut Vec<Damage>, part: Part, fault: Fault) {
    let is_first = || damage.iter().all(|told| told.part != part);
    match damage.len() {
        0..DAMAGES_MAX => damage.push(Damage { part, reason: fault.into_reason() }),
        _ if (part.is_missed() || part == Part::Recipients) && is_first() => {
            damage.push(Damage { part, reason: fault.into_reason() });
        }
        _ if damage.iter().all(|told| told.reason != MORE) => {
            damage.push(Damage { part, reason: MORE.to_owned() });
        }
        _ => {}
    }
}

/// Adds damages for faults.
pub(super) fn tell(faults: &[Fault], part: Part, damage: &mut Vec<Damage>) {
    for fault in faults {
        push(damage, part, fault.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_an_item_back_is_told_however_much_was_told_before() {
        let mut damage = Vec::new();
        let mut lose = |part| push(&mut damage, part, Fault::new("it is lost"));
        (0..1000).for_each(|id| lose(Part::Property(0x4000 + id)));
        for _ in 0..3 {
            [Part::Property(0x1000), Part::Limit, Part::Recipients].into_iter().for_each(&mut lose);
        }
        let told: Vec<_> = damage[DAMAGES_MAX..].iter().map(|told| told.part).collect();
        assert_eq!(told, [Part::Property(0x4040), Part::Property(0x1000), Part::Limit, Part::Recipients]);
        assert_eq!(damage[DAMAGES_MAX].reason, MORE);
    }
}
