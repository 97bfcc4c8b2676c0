//! One attachment: its properties, and what it holds ([MS-PST] §2.4.6.2, [MS-OXCMSG] §2.2.2.9).
//! Never reads the data: it stays in the file as a blob.

use super::fault::Fault;
use super::heap::PROPERTIES;
use super::items::Reading;
use super::object::{Object, blob_of};
use super::properties::{Record, push};
use super::subnodes::Subnode;
use super::table::{Row, Table};
use super::values::OBJECT;
use crate::item::{Attachment, Content, Damage, Part};
use crate::property::Properties;

/// `PidTagAttachMethod`.
const METHOD: u16 = 0x3705;
/// `PidTagAttachDataBinary`, `PidTagAttachDataObject`.
const DATA: u16 = 0x3701;
/// `NID_TYPE_NORMAL_MESSAGE`.
const ITEM_TYPE: u32 = 0x04;
/// `afEmbeddedMessage`.
const EMBEDDED: i64 = 5;
/// `afStorage`.
const OLE: i64 = 6;

impl Reading<'_> {
    /// Reads the attachment of a sub-node of an item. `row` is its row of the attachment table, where it has one.
    pub(super) fn attachment(
        &mut self,
        item: &Object,
        number: u32,
        id: u32,
        row: Option<(&mut Table, Row)>,
    ) -> Attachment {
        let mut damage = Vec::new();
        let opened = item.subnode(id).and_then(|subnode| {
            let mut object = Object::open(self.blocks, subnode.data, subnode.subnodes, PROPERTIES)?;
            let records = object.property_records(self.blocks, &mut damage)?;
            Ok((object, records))
        });
        self.blocks.warned(Part::Properties, &mut damage);
        let (mut properties, object) = match opened {
            Ok((mut object, records)) => {
                self.allowance.charge(object.octets_of_lists());
                if let Some(fault) = object.fault.clone() {
                    push(&mut damage, Part::Data, fault);
                }
                let data = records.iter().filter_map(Record::read).find(|record| record.id == DATA);
                let left = Some(DATA);
                let properties =
                    object.properties(self.blocks, &mut self.allowance, &records, left, &mut damage);
                (properties, Some((object, data)))
            }
            Err(fault) => {
                push(&mut damage, Part::Properties, fault);
                (Properties::default(), None)
            }
        };
        if properties.get(METHOD).is_none() || object.is_none() {
            self.add_row(row, &mut properties, &mut damage);
        }
        let method = properties.integer(METHOD);
        let content = match object {
            Some((mut object, data)) => self.content(&mut object, method, data, &mut damage),
            None if is_reference(method) => Content::Reference,
            None => self.lone_item(item, id, &mut damage),
        };
        self.blocks.warned(Part::Data, &mut damage);
        Attachment { number, properties, content, damage }
    }

    /// Adds what the attachment table knows and the attachment itself does not.
    fn add_row(&mut self, row: Option<(&mut Table, Row)>, own: &mut Properties, damage: &mut Vec<Damage>) {
        let Some((table, row)) = row else { return };
        match table.cells(self.blocks, &mut self.allowance, row, Part::Attachments, damage) {
            Ok(cells) => {
                for (id, value) in cells.0 {
                    own.0.entry(id).or_insert(value);
                }
            }
            Err(fault) => push(damage, Part::Attachments, fault),
        }
    }

    fn content(
        &mut self,
        object: &mut Object,
        method: Option<i64>,
        data: Option<Record>,
        damage: &mut Vec<Damage>,
    ) -> Content {
        let read = match data {
            Some(record) if record.kind == OBJECT => {
                let subnode = object.referred(self.blocks, record.word);
                // Items within this one are read while it is open.
                object.heap.let_go();
                subnode.and_then(|subnode| self.referred(subnode, method))
            }
            Some(record) if record.kind > 1 => object
                .blob(self.blocks, record.word)
                .map(|blob| if method == Some(OLE) { Content::Ole(blob) } else { Content::Octets(blob) }),
            _ if is_reference(method) => return Content::Reference,
            _ => Err(Fault::new("it has no data")),
        };
        let fault = match read {
            Ok(content) => return content,
            Err(fault) => fault,
        };
        object.heap.let_go();
        // Some writers leave the reference out: then the one item below the attachment is what is embedded.
        let mut items = object.subnodes.of_type(ITEM_TYPE);
        if let (Some(subnode), None, EMBEDDED) = (items.next(), items.next(), method.unwrap_or(EMBEDDED))
            && let Ok(item) = self.item(subnode.data, subnode.subnodes)
        {
            return Content::Embedded(Box::new(item));
        }
        let is_legal = matches!(method, None | Some(0 | 1)) && data.is_none_or(|record| record.kind <= 1);
        if is_legal && damage.is_empty() {
            return Content::None;
        }
        push(damage, Part::Data, fault);
        Content::Unreadable
    }

    /// What a reference leads to: an item, or the storage of an OLE object.
    fn referred(&mut self, subnode: Subnode, method: Option<i64>) -> super::fault::Read<Content> {
        let is_item = method == Some(EMBEDDED) || method.is_none() && subnode.number & 0x1F == ITEM_TYPE;
        if is_item {
            return Ok(Content::Embedded(Box::new(self.item(subnode.data, subnode.subnodes)?)));
        }
        let blob = blob_of(self.blocks, subnode)?;
        Ok(if method == Some(OLE) { Content::Ole(blob) } else { Content::Octets(blob) })
    }

    /// The one item below an attachment whose properties are lost.
    fn lone_item(&mut self, item: &Object, id: u32, damage: &mut Vec<Damage>) -> Content {
        let Ok(subnode) = item.subnode(id) else { return Content::Unreadable };
        let Ok(subnodes) = self.blocks.subnodes(subnode.subnodes) else { return Content::Unreadable };
        let mut items = subnodes.of_type(ITEM_TYPE);
        let (Some(lone), None) = (items.next(), items.next()) else { return Content::Unreadable };
        match self.item(lone.data, lone.subnodes) {
            Ok(item) => Content::Embedded(Box::new(item)),
            Err(fault) => {
                push(damage, Part::Data, fault);
                Content::Unreadable
            }
        }
    }
}

/// True for the methods that hold a path or a URL in place of data.
fn is_reference(method: Option<i64>) -> bool {
    matches!(method, Some(2 | 3 | 4 | 7))
}
