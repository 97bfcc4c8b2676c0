//! What a store holds: folders, items, recipients, attachments, as plain values.
//! Never holds a pointer into a reader: values outlive it.

use crate::property::Properties;
use crate::store::{Blob, NodeId};

/// One folder of the hierarchy.
#[derive(Debug, Clone, PartialEq)]
pub struct Folder {
    /// Its node.
    pub node: NodeId,
    /// The folder above; the folder itself for the root.
    pub parent: NodeId,
    /// Its own properties; empty where they could not be read.
    pub properties: Properties,
    /// Its items, each once: those of the contents table in its order, then those that only the node tree knows.
    pub items: Vec<NodeId>,
    /// How many each way of counting gives.
    pub counts: Counts,
    /// What could not be read of the folder itself.
    pub damage: Vec<Damage>,
}

/// Three ways to count a folder's items; none is truth alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows of the contents table; nothing where it cannot be read.
    pub table_rows: Option<u64>,
    /// Message nodes whose parent is this folder; nothing where the reader cannot ask.
    pub node_children: Option<u64>,
    /// `PidTagContentCount` (0x3602), as the folder claims.
    pub claimed: Option<u64>,
}

/// One item: a message, an appointment, a contact, or what is embedded in one.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its node; for an embedded item that of its outermost item.
    pub node: NodeId,
    /// Its properties, attachments and recipients apart.
    pub properties: Properties,
    /// The recipient table, row by row.
    pub recipients: Vec<Properties>,
    /// The attachments in the order of their table, then those that only the node tree knows.
    pub attachments: Vec<Attachment>,
    /// What could not be read of it. An item with damage is still an item.
    pub damage: Vec<Damage>,
}

impl Item {
    /// True where anything in it, at any depth, could not be read.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        !self.damage.is_empty()
            || self.attachments.iter().any(|attachment| {
                !attachment.damage.is_empty()
                    || matches!(&attachment.content, Content::Embedded(item) if item.is_damaged())
            })
    }

    /// True where a checksum denies anything of it, at any depth.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        self.damage.iter().any(Damage::is_denied)
            || self.attachments.iter().any(|attachment| {
                attachment.damage.iter().any(Damage::is_denied)
                    || matches!(&attachment.content, Content::Embedded(item) if item.is_denied())
            })
    }
}

/// One attachment.
#[derive(Debug, Clone, PartialEq)]
pub struct Attachment {
    /// Its number within the item, from 0.
    pub number: u32,
    /// Its properties; where its own cannot be read, those of its row in the attachment table.
    pub properties: Properties,
    /// What is attached.
    pub content: Content,
    /// What could not be read of it.
    pub damage: Vec<Damage>,
}

/// What an attachment holds (`PidTagAttachMethod`, 0x3705).
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Nothing: the method says none, or there is no data. A value of no octets is `Octets` of length 0.
    None,
    /// By value (method 1): octets.
    Octets(Blob),
    /// An embedded item (method 5).
    Embedded(Box<Item>),
    /// An OLE object (method 6): a compound file, or whatever the object's storage holds.
    Ole(Blob),
    /// By reference (methods 2, 3, 4) or by web reference (7): the path or URL is in the properties.
    Reference,
    /// There should be something, and it cannot be read: `damage` tells what.
    Unreadable,
}

/// Something that could not be read, with where and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// What was being read.
    pub part: Part,
    /// Why it could not be, in words.
    pub reason: String,
}

/// How a reason ends where a checksum says that octets are not those that were written.
pub(crate) const DENIED: &str = "its checksum is wrong";

/// `PidTagSubject`, `PidTagTransportMessageHeaders`, `PidTagBody`, `PidTagHtml`, `PidTagRtfCompressed`,
/// `PidTagAttachDataBinary`.
const MISSED: [u16; 6] = [0x0037, 0x007D, 0x1000, 0x1013, 0x1009, 0x3701];

impl Part {
    /// True for a part of an item that people would miss: anything else is told, and the item carried without.
    #[must_use]
    pub fn is_missed(self) -> bool {
        match self {
            Self::Attachments | Self::Data | Self::Properties | Self::Limit => true,
            Self::Property(id) => MISSED.contains(&id),
            Self::Recipients | Self::File | Self::Folder | Self::Contents => false,
        }
    }
}

impl Damage {
    /// True where octets are there and their checksum denies them: a reader that gives them all the same has
    /// overlooked that, and is no better for it.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        self.reason.contains(DENIED)
    }
}

/// The parts of a store that can be damaged by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The file's own structure: header, B-trees, allocation.
    File,
    /// A folder's hierarchy or its properties.
    Folder,
    /// A contents table.
    Contents,
    /// One property, by its id.
    Property(u16),
    /// All properties of an object.
    Properties,
    /// The recipient table.
    Recipients,
    /// The attachment table.
    Attachments,
    /// One attachment's data.
    Data,
    /// A named limit was reached: depth, count, octets.
    Limit,
}
