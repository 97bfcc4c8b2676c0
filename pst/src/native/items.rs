//! Items with their recipients and attachments ([MS-PST] §2.4.5).
//! Never looks for what belongs to an item outside of its own sub-nodes.

use super::blocks::Blocks;
use super::fault::{Fault, Read};
use super::heap::PROPERTIES;
use super::limits::{EMBEDDED_DEPTH_MAX, PROPERTY_OCTETS, RECIPIENTS_MAX, RECIPIENTS_WHOLE_MAX};
use super::object::{Allowance, Object};
use super::properties::push;
use super::table::Table;
use crate::item::{Attachment, Damage, Item, Part};
use crate::property::{Properties, Value};
use crate::store::NodeId;

/// `NID_RECIPIENT_TABLE`.
const RECIPIENTS: u32 = 0x692;
/// `NID_ATTACHMENT_TABLE`.
const ATTACHMENTS: u32 = 0x671;
/// `NID_TYPE_ATTACHMENT`.
const ATTACHMENT_TYPE: u32 = 0x05;

/// `PidTagDisplayName`.
const NAME: u16 = 0x3001;
/// `PidTagEmailAddress`.
const ADDRESS: u16 = 0x3003;
/// `PidTagEntryId`: it says name and address once more.
const ENTRY: u16 = 0x0FFF;
/// What says who a recipient is and what became of the message there ([MS-OXCMSG] §2.2.1.1 and [MS-OXOMSG] §2.2.2):
/// its type, names and addresses, its part in a meeting, and the report of its delivery.
const TELLING: [u16; 13] =
    [0x0C15, NAME, 0x3002, ADDRESS, 0x39FE, ENTRY, 0x5FFD, 0x5FFF, 0x0C04, 0x0C05, 0x0C1B, 0x0C20, 0x0C21];

/// The reading of one item with all that is embedded in it.
pub(super) struct Reading<'a> {
    pub(super) blocks: &'a mut Blocks,
    pub(super) allowance: Allowance,
    node: NodeId,
    /// Data and sub-nodes of the items around the one that is read: none of them can be embedded in itself.
    around: Vec<(u64, u64)>,
}

impl<'a> Reading<'a> {
    /// Begins the reading of an item.
    pub(super) const fn new(blocks: &'a mut Blocks, node: NodeId, allowance: Allowance) -> Self {
        Self { blocks, allowance, node, around: Vec::new() }
    }

    /// Reads the item of a node or of a sub-node, by the BIDs of its data and its own sub-nodes.
    pub(super) fn item(&mut self, data: u64, subnodes: u64) -> Read<Item> {
        if self.around.contains(&(data, subnodes)) {
            return Err(Fault::new("it is embedded in itself"));
        }
        if self.around.len() >= EMBEDDED_DEPTH_MAX {
            return Err(Fault::new(format!("it is embedded more than {EMBEDDED_DEPTH_MAX} deep")));
        }
        self.around.push((data, subnodes));
        let item = self.parts(data, subnodes);
        self.around.pop();
        item
    }

    fn parts(&mut self, data: u64, subnodes: u64) -> Read<Item> {
        let mut damage = Vec::new();
        let mut object = Object::open(self.blocks, data, subnodes, PROPERTIES)?;
        if let Some(fault) = &object.fault {
            push(&mut damage, Part::Recipients, fault.clone());
            push(&mut damage, Part::Attachments, fault.clone());
        }
        self.allowance.charge(object.octets_of_lists());
        self.blocks.warned(Part::Properties, &mut damage);
        let records = object.property_records(self.blocks, &mut damage)?;
        let properties = object.properties(self.blocks, &mut self.allowance, &records, None, &mut damage);
        // Items within this one are read while this one is held.
        object.heap.let_go();
        let recipients = self.recipients(&object, &mut damage);
        let attachments = self.attachments(&object, &mut damage);
        Ok(Item { node: self.node, properties, recipients, attachments, damage })
    }

    fn recipients(&mut self, object: &Object, damage: &mut Vec<Damage>) -> Vec<Properties> {
        let part = Part::Recipients;
        let Some(subnode) = object.subnodes.get(RECIPIENTS) else { return Vec::new() };
        let mut table = match Table::open(self.blocks, subnode.data, subnode.subnodes) {
            Ok(table) => table,
            Err(fault) => {
                push(damage, part, fault);
                return Vec::new();
            }
        };
        super::properties::tell(&table.faults, part, damage);
        self.allowance.charge(table.octets_of_lists());
        if table.rows.len() > RECIPIENTS_MAX {
            let reason = format!("only {RECIPIENTS_MAX} of {} recipients are read", table.rows.len());
            push(damage, Part::Limit, Fault::new(reason));
            table.rows.truncate(RECIPIENTS_MAX);
        }
        let is_long = table.rows.len() > RECIPIENTS_WHOLE_MAX;
        let mut recipients = Vec::with_capacity(table.rows.len());
        for row in std::mem::take(&mut table.rows) {
            let before = self.allowance.octets;
            match table.cells(self.blocks, &mut self.allowance, row, part, damage) {
                Ok(mut cells) => {
                    if is_long {
                        self.allowance.give_back(forget_the_rest(&mut cells), before);
                    }
                    recipients.push(cells);
                }
                Err(fault) => push(damage, part, fault),
            }
            if self.allowance.octets == 0 {
                push(damage, Part::Limit, Fault::new("its recipients take more than an item may hold"));
                break;
            }
        }
        self.blocks.warned(part, damage);
        recipients
    }

    /// The attachments in the order of their table, then those that only the sub-nodes know.
    fn attachments(&mut self, object: &Object, damage: &mut Vec<Damage>) -> Vec<Attachment> {
        let part = Part::Attachments;
        let mut table = None;
        if let Some(subnode) = object.subnodes.get(ATTACHMENTS) {
            match Table::open(self.blocks, subnode.data, subnode.subnodes) {
                Ok(mut opened) => {
                    opened.let_go();
                    super::properties::tell(&opened.faults, part, damage);
                    self.allowance.charge(opened.octets_of_lists());
                    table = Some(opened);
                }
                Err(fault) => push(damage, part, fault),
            }
        }
        self.blocks.warned(part, damage);
        let mut wanted: Vec<_> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for row in table.as_ref().map_or(&[][..], |table| &table.rows) {
            if seen.insert(row.id) {
                wanted.push((row.id, Some(*row)));
            }
        }
        let unlisted = object.subnodes.of_type(ATTACHMENT_TYPE).map(|subnode| subnode.number);
        wanted.extend(unlisted.filter(|number| !seen.contains(number)).map(|number| (number, None)));
        let mut attachments = Vec::new();
        for (number, (id, row)) in wanted.into_iter().enumerate() {
            if self.allowance.attachments == 0 {
                push(damage, Part::Limit, Fault::new("it has more attachments than an item may have"));
                break;
            }
            if self.allowance.octets == 0 || self.allowance.is_given_up() {
                push(damage, Part::Limit, Fault::new("its attachments take more than an item may hold"));
                break;
            }
            self.allowance.attachments -= 1;
            let row = table.as_mut().zip(row);
            let attachment = self.attachment(object, number as u32, id, row);
            let told = attachment.damage.iter().map(|damage| damage.reason.len() + size_of::<Damage>());
            self.allowance.charge((told.sum::<usize>() + size_of::<Attachment>()) as u64);
            attachments.push(attachment);
        }
        attachments
    }
}

/// Leaves of a row what is [`TELLING`]; gives the octets of memory that the rest took.
fn forget_the_rest(row: &mut Properties) -> u64 {
    // An entry id stands in for a missing address, and for a name in 8 bits.
    let has = |id| matches!(row.get(id), Some(Value::String(text)) if !text.is_empty());
    let is_told = has(NAME) && has(ADDRESS);
    let is_kept = |id: &u16| TELLING.contains(id) && !(is_told && *id == ENTRY);
    let octets = |value: &Value| match value {
        Value::Binary(octets) | Value::String8(octets) => octets.len(),
        Value::String(text) => text.len(),
        _ => 0,
    };
    let mut freed = 0;
    row.0.retain(|id, value| {
        let is_kept = is_kept(id);
        freed += if is_kept { 0 } else { PROPERTY_OCTETS + octets(value) as u64 };
        is_kept
    });
    freed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_keeps_its_entry_id_where_nothing_else_tells_the_address() {
        let text = |text: &str| Value::String(text.to_owned());
        for (name, address, is_kept) in [
            (Some(text("Ana")), Some(text("ana@x.pt")), false),
            (Some(text("Ana")), Some(text("")), true),
            (Some(text("Ana")), None, true),
            (Some(Value::String8(b"Ana".to_vec())), Some(text("ana@x.pt")), true),
            (None, Some(text("ana@x.pt")), true),
        ] {
            let mut row =
                Properties::from([(ENTRY, Value::Binary(vec![1; 50])), (0x300B, Value::Binary(vec![2; 9]))]);
            row.extend(name.map(|name| (NAME, name)));
            row.extend(address.map(|address| (ADDRESS, address)));
            let octets = forget_the_rest(&mut row);
            assert_eq!((row.get(ENTRY).is_some(), row.get(0x300B)), (is_kept, None), "{row:?}");
            assert_eq!(octets, PROPERTY_OCTETS + 9 + if is_kept { 0 } else { PROPERTY_OCTETS + 50 });
        }
    }
}
