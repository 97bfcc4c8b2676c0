//! Writes items: their properties, recipients and attachments, as deep as they are embedded ([MS-PST] §2.4.5, §2.4.6).
//! Never knows folders: an item is a node, and a row that its folder may show.

use std::collections::BTreeMap;

use anyhow::Result;
use sha2::{Digest, Sha256};

use crate::lists::heap::ITEM_OCTETS_MAX;
use crate::lists::properties::PropertyList;
use crate::lists::table::Table;
use crate::message::{Attachment, Content, Data, Message};
use crate::names::Names;
use crate::nodes::{Database, Node, kind};
use crate::noise::Noise;
use crate::truth::{AttachmentTruth, ItemTruth};
use crate::value::{Value, Writing};

/// Numbers of the sub-nodes that every item keeps its tables under (§2.4.1).
const ATTACHMENT_TABLE: u32 = 0x671;
const RECIPIENT_TABLE: u32 = 0x692;
/// Index before that of an item's first attachment.
const BEFORE_ATTACHMENTS: u32 = 0x400;
const HAS_ATTACHMENTS: i32 = 0x10;
const READ: i32 = 1;

/// `PidTagAttachDataBinary`, and `PidTagAttachDataObject`.
const DATA: u16 = 0x3701;
const BINARY: u16 = 0x0102;

/// What writing an item needs.
pub(crate) struct ItemWriter<'a> {
    pub(crate) database: &'a mut Database,
    pub(crate) names: &'a mut Names,
    pub(crate) writing: Writing,
}

/// A written item: its node, the cells of its row, and what it holds.
pub(crate) struct Written {
    pub(crate) node: Node,
    pub(crate) cells: BTreeMap<u16, Value>,
    pub(crate) truth: ItemTruth,
}

impl ItemWriter<'_> {
    /// Writes an item whose node has this number.
    pub(crate) fn item(&mut self, number: u32, message: &Message) -> Result<Written> {
        let mut list = PropertyList::new(self.database);
        let mut properties = message.properties.clone();
        let has_attachments = if message.attachments.is_empty() { 0 } else { HAS_ATTACHMENTS };
        properties.entry(0x0E07).or_insert(Value::Integer32(READ | has_attachments));
        for (set, name, value) in &message.named {
            properties.insert(self.names.id(*set, name)?, value.clone());
        }
        for (id, value) in &properties {
            let (kind, octets) = self.writing.octets(value);
            list.put(self.database, *id, kind, &octets)?;
        }
        if message.has_recipient_table {
            let mut table = Table::new(self.writing, &recipient_columns(self.writing));
            for (place, recipient) in message.recipients.iter().enumerate() {
                table.row(self.database, u32::try_from(place)?, &recipient.properties)?;
            }
            list.child(RECIPIENT_TABLE, table.finish(self.database)?);
        }
        let attachments = self.attachments(&mut list, &message.attachments)?;
        let truth = ItemTruth {
            node: number,
            class: message.class.clone(),
            subject: match message.properties.get(&0x0037) {
                Some(Value::Text(subject)) => Some(subject.clone()),
                _ => None,
            },
            has_row: message.has_row,
            recipients: if message.has_recipient_table { message.recipients.len() } else { 0 },
            attachments,
        };
        Ok(Written { node: list.finish(self.database)?, cells: cells(properties), truth })
    }

    fn attachments(&mut self, list: &mut PropertyList, all: &[Attachment]) -> Result<Vec<AttachmentTruth>> {
        if all.is_empty() {
            return Ok(Vec::new());
        }
        let mut table = Table::new(self.writing, &attachment_columns(self.writing));
        let mut truths = Vec::new();
        for (place, attachment) in all.iter().enumerate() {
            let number = ((BEFORE_ATTACHMENTS + 1 + u32::try_from(place)?) << 5) | kind::ATTACHMENT;
            let (node, truth) = self.attachment(attachment)?;
            list.child(number, node);
            let cells = BTreeMap::from([
                (0x0E20, Value::Integer32(i32::try_from(truth.octets).unwrap_or(i32::MAX))),
                (0x3704, Value::text(&attachment.name)),
                (0x3705, Value::Integer32(truth.method)),
                (0x370B, Value::Integer32(-1)),
            ]);
            table.row(self.database, number, &cells)?;
            truths.push(truth);
        }
        list.child(ATTACHMENT_TABLE, table.finish(self.database)?);
        Ok(truths)
    }

    fn attachment(&mut self, attachment: &Attachment) -> Result<(Node, AttachmentTruth)> {
        let mut list = PropertyList::new(self.database);
        let mut truth = AttachmentTruth { name: attachment.name.clone(), ..AttachmentTruth::default() };
        match &attachment.content {
            Content::Octets(data) => {
                truth.method = 1;
                let written = self.data(data, &mut truth)?;
                match written {
                    Place::Short(octets) => list.put(self.database, DATA, BINARY, &octets)?,
                    Place::Tree(tree) => list.put_written(DATA, BINARY, tree),
                }
            }
            Content::Embedded(message) => {
                truth.method = 5;
                let number = self.database.new_number(kind::MESSAGE);
                let written = self.item(number, message)?;
                list.put_object(DATA, number, written.node, 4096);
                truth.embedded = Some(Box::new(written.truth));
            }
            Content::Ole(data) => {
                truth.method = 6;
                let tree = match self.data(data, &mut truth)? {
                    Place::Short(octets) => self.database.octets(&octets)?,
                    Place::Tree(tree) => tree,
                };
                let number = (0x500 << 5) | kind::LOCAL;
                let octets = u32::try_from(truth.octets)?;
                list.put_object(DATA, number, Node { data: tree, children: 0 }, octets);
            }
            Content::Reference(method) => truth.method = *method,
            Content::None => {}
        }
        let mut properties = attachment.properties.clone();
        properties.entry(0x3705).or_insert(Value::Integer32(truth.method));
        properties.entry(0x370B).or_insert(Value::Integer32(-1));
        let octets = i32::try_from(truth.octets).unwrap_or(i32::MAX);
        properties.entry(0x0E20).or_insert(Value::Integer32(octets));
        for (id, value) in &properties {
            let (kind, octets) = self.writing.octets(value);
            list.put(self.database, *id, kind, &octets)?;
        }
        Ok((list.finish(self.database)?, truth))
    }

    /// Writes an attachment's octets, block by block where they are many, and sums them on the way.
    fn data(&mut self, data: &Data, truth: &mut AttachmentTruth) -> Result<Place> {
        let mut hasher = Sha256::new();
        let longest = self.database.format.block_octets_max();
        let place = match data {
            Data::Held(octets) => {
                truth.octets = octets.len() as u64;
                hasher.update(octets);
                if octets.len() > ITEM_OCTETS_MAX {
                    Place::Tree(self.database.octets(octets)?)
                } else {
                    Place::Short(octets.clone())
                }
            }
            Data::Noise { seed, octets } => {
                truth.octets = *octets;
                let hashed = Noise::new(*seed).pieces(*octets, longest).inspect(|piece| hasher.update(piece));
                if *octets > ITEM_OCTETS_MAX as u64 {
                    Place::Tree(self.database.data(hashed)?)
                } else {
                    Place::Short(hashed.flatten().collect())
                }
            }
        };
        truth.sha256 = Some(hasher.finalize().iter().map(|octet| format!("{octet:02x}")).collect());
        Ok(place)
    }
}

/// Where an attachment's octets went.
enum Place {
    Short(Vec<u8>),
    Tree(u64),
}

/// Columns of a recipient table, as its template has them (§2.4.5.3.1), and the SMTP address.
pub(crate) fn recipient_columns(writing: Writing) -> [(u16, u16); 14] {
    let text = writing.format.text_type();
    [
        (0x0C15, 0x0003),
        (0x0E0F, 0x000B),
        (0x0FF9, BINARY),
        (0x0FFE, 0x0003),
        (0x0FFF, BINARY),
        (0x3001, text),
        (0x3002, text),
        (0x3003, text),
        (0x300B, BINARY),
        (0x3900, 0x0003),
        (0x39FE, text),
        (0x39FF, text),
        (0x3A40, 0x000B),
        (0x5FF6, text),
    ]
}

/// Columns of an attachment table (§2.4.6.1.1).
pub(crate) fn attachment_columns(writing: Writing) -> [(u16, u16); 4] {
    [(0x0E20, 0x0003), (0x3704, writing.format.text_type()), (0x3705, 0x0003), (0x370B, 0x0003)]
}

/// What a contents table may show of an item: short values only, as mail programs keep them.
fn cells(properties: BTreeMap<u16, Value>) -> BTreeMap<u16, Value> {
    const CELL_CHARACTERS_MAX: usize = 255;
    let is_short = |value: &Value| match value {
        Value::Text(text) => text.chars().nth(CELL_CHARACTERS_MAX).is_none(),
        Value::Text8(octets) | Value::Binary(octets) => octets.len() <= CELL_CHARACTERS_MAX,
        _ => true,
    };
    let mut cells: BTreeMap<u16, Value> =
        properties.into_iter().filter(|(id, value)| *id < 0x8000 && is_short(value)).collect();
    cells.insert(0x0E08, Value::Integer32(1024));
    cells.insert(0x0E17, Value::Integer32(0));
    cells
}
