//! What a test says of an item before it is written: properties, recipients, attachments.
//! Never checks sense: a test may ask for what no mail program would write.

use std::collections::BTreeMap;

use crate::names::{Guid, Name};
use crate::value::Value;

/// An item to be written.
#[derive(Debug, Clone)]
pub struct Message {
    pub(crate) class: String,
    pub(crate) properties: BTreeMap<u16, Value>,
    pub(crate) named: Vec<(Guid, Name, Value)>,
    pub(crate) recipients: Vec<Recipient>,
    pub(crate) attachments: Vec<Attachment>,
    pub(crate) has_recipient_table: bool,
    pub(crate) has_row: bool,
    pub(crate) is_associated: bool,
}

impl Message {
    /// An item of a message class, with nothing else.
    #[must_use]
    pub fn new(class: &str) -> Self {
        let properties = BTreeMap::from([(0x001A, Value::text(class))]);
        Self {
            class: class.to_owned(),
            properties,
            named: Vec::new(),
            recipients: Vec::new(),
            attachments: Vec::new(),
            has_recipient_table: true,
            has_row: true,
            is_associated: false,
        }
    }

    /// Sets a property, over an earlier one of its id.
    #[must_use]
    pub fn with(mut self, id: u16, value: Value) -> Self {
        self.properties.insert(id, value);
        self
    }

    /// Takes a property away, also one that the class brought.
    #[must_use]
    pub fn without(mut self, id: u16) -> Self {
        self.properties.remove(&id);
        self
    }

    /// Sets a named property; the store gives it an id.
    #[must_use]
    pub fn named(mut self, set: Guid, name: impl Into<Name>, value: Value) -> Self {
        self.named.push((set, name.into(), value));
        self
    }

    /// Sets the subject, the topic and the plain body.
    #[must_use]
    pub fn text(self, subject: &str, body: &str) -> Self {
        let message = self.with(0x0037, Value::text(subject)).with(0x0070, Value::text(subject));
        message.with(0x1000, Value::text(body))
    }

    /// Sets the sender, for himself and as whom he stands for.
    #[must_use]
    pub fn from(mut self, name: &str, address: &str) -> Self {
        for [name_id, kind_id, address_id] in [[0x0C1A, 0x0C1E, 0x0C1F], [0x0042, 0x0064, 0x0065]] {
            self = self.with(name_id, Value::text(name)).with(kind_id, Value::text("SMTP"));
            self = self.with(address_id, Value::text(address));
        }
        self
    }

    /// Sets when it was sent and when it came, in seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn dated(self, unix_seconds: i64) -> Self {
        let (sent, came) = (Value::time(unix_seconds), Value::time(unix_seconds + 7));
        let message = self.with(0x0039, sent).with(0x0E06, came.clone());
        message.with(0x3007, came).with(0x3008, Value::time(unix_seconds + 60))
    }

    /// Sets the `Message-ID`.
    #[must_use]
    pub fn id(self, id: &str) -> Self {
        self.with(0x1035, Value::text(id))
    }

    /// Adds a recipient.
    #[must_use]
    pub fn to(mut self, recipient: Recipient) -> Self {
        self.recipients.push(recipient);
        self
    }

    /// Adds an attachment.
    #[must_use]
    pub fn attach(mut self, attachment: Attachment) -> Self {
        self.attachments.push(attachment);
        self
    }

    /// Leaves the recipient table out, as in contacts; with no attachments the item then has no sub-nodes at all.
    #[must_use]
    pub const fn without_recipient_table(mut self) -> Self {
        self.has_recipient_table = false;
        self
    }

    /// Leaves the item out of its folder's contents table, so that only the node tree knows it.
    #[must_use]
    pub const fn without_row(mut self) -> Self {
        self.has_row = false;
        self
    }

    /// Makes it one of the folder's own messages (FAI).
    #[must_use]
    pub const fn associated(mut self) -> Self {
        self.is_associated = true;
        self
    }
}

/// Somebody to whom an item goes.
#[derive(Debug, Clone)]
pub struct Recipient {
    pub(crate) properties: BTreeMap<u16, Value>,
}

impl Recipient {
    /// A recipient with an SMTP address. `kind`: 1 To, 2 Cc, 3 Bcc (`PidTagRecipientType`).
    #[must_use]
    pub fn new(kind: i32, name: &str, address: &str) -> Self {
        Self::of(kind, name, "SMTP", address).with(0x39FE, Value::text(address))
    }

    /// A recipient with an address of any type.
    #[must_use]
    pub fn of(kind: i32, name: &str, address_type: &str, address: &str) -> Self {
        let key = format!("{address_type}:{}\0", address.to_uppercase());
        let properties = BTreeMap::from([
            (0x0C15, Value::Integer32(kind)),
            (0x0E0F, Value::Boolean(true)),
            (0x0FFE, Value::Integer32(6)),
            (0x3001, Value::text(name)),
            (0x3002, Value::text(address_type)),
            (0x3003, Value::text(address)),
            (0x300B, Value::Binary(key.into_bytes())),
            (0x3900, Value::Integer32(0)),
            (0x3A40, Value::Boolean(false)),
        ]);
        Self { properties }
    }

    /// Sets a property of the row; those without a column are not written.
    #[must_use]
    pub fn with(mut self, id: u16, value: Value) -> Self {
        self.properties.insert(id, value);
        self
    }
}

/// Something attached to an item.
#[derive(Debug, Clone)]
pub struct Attachment {
    pub(crate) name: String,
    pub(crate) properties: BTreeMap<u16, Value>,
    pub(crate) content: Content,
}

/// What is attached, and how.
#[derive(Debug, Clone)]
pub enum Content {
    /// Octets (method 1).
    Octets(Data),
    /// An item (method 5).
    Embedded(Box<Message>),
    /// An object of another program (method 6).
    Ole(Data),
    /// Nothing here but a path or an address in a property (methods 2, 3, 4 and 7).
    Reference(i32),
    /// No method, no data.
    None,
}

/// Octets to be attached.
#[derive(Debug, Clone)]
pub enum Data {
    /// At hand.
    Held(Vec<u8>),
    /// So many octets of noise from a seed, made while they are written.
    Noise {
        /// What they follow from.
        seed: u64,
        /// How many.
        octets: u64,
    },
}

impl Attachment {
    /// A file by value.
    #[must_use]
    pub fn file(name: &str, media_type: &str, data: Data) -> Self {
        Self::of(name, Content::Octets(data)).with(0x370E, Value::text(media_type))
    }

    /// An embedded item.
    #[must_use]
    pub fn item(name: &str, message: Message) -> Self {
        Self::of(name, Content::Embedded(Box::new(message)))
    }

    /// A web reference (method 7) to an address.
    #[must_use]
    pub fn web_reference(name: &str, address: &str) -> Self {
        Self::of(name, Content::Reference(7)).with(0x370D, Value::text(address))
    }

    /// A reference (method 2) to a path.
    #[must_use]
    pub fn reference(name: &str, path: &str) -> Self {
        Self::of(name, Content::Reference(2)).with(0x370D, Value::text(path))
    }

    /// Anything, under a name.
    #[must_use]
    pub fn of(name: &str, content: Content) -> Self {
        let names = [0x3001, 0x3704, 0x3707].map(|id| (id, Value::text(name)));
        Self { name: name.to_owned(), properties: BTreeMap::from(names), content }
    }

    /// Sets a property, over an earlier one of its id.
    #[must_use]
    pub fn with(mut self, id: u16, value: Value) -> Self {
        self.properties.insert(id, value);
        self
    }

    /// Takes a property away.
    #[must_use]
    pub fn without(mut self, id: u16) -> Self {
        self.properties.remove(&id);
        self
    }
}
