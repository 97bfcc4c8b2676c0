//! How the values of a store are written in frames.
//! Never changes a value: what is read is equal to what was written.

use std::sync::Arc;

use super::wire::{Octets, Wire, Wrong, put_counted};
use crate::item::{Attachment, Content, Counts, Damage, Folder, Item, Part};
use crate::names::{Name, Names};
use crate::property::{Properties, Value, ValueType};
use crate::store::{Blob, BlobKey, Format, NodeId, Summary};

/// Writes and reads a struct field by field, in the order that stands here.
macro_rules! fields {
    ($kind:ident { $($field:ident),* $(,)? }) => {
        impl Wire for $kind {
            fn put(&self, into: &mut Vec<u8>) {
                let Self { $($field),* } = self;
                $($field.put(into);)*
            }
            fn take(from: &mut Octets<'_>) -> Result<Self, Wrong> {
                $(let $field = Wire::take(from)?;)*
                Ok(Self { $($field),* })
            }
        }
    };
}

/// Writes and reads an enum without fields by a number for each variant.
macro_rules! kinds {
    ($kind:ident { $($variant:ident = $number:literal),* $(,)? }) => {
        impl Wire for $kind {
            fn put(&self, into: &mut Vec<u8>) {
                let number: u8 = match self { $(Self::$variant => $number),* };
                number.put(into);
            }
            fn take(from: &mut Octets<'_>) -> Result<Self, Wrong> {
                match u8::take(from)? {
                    $($number => Ok(Self::$variant),)*
                    _ => Err(Wrong::Unknown),
                }
            }
        }
    };
}

kinds!(ValueType { String = 0, String8 = 1, Binary = 2 });
kinds!(Format { Ansi = 0, Unicode = 1, Unicode4k = 2 });
fields!(Damage { part, reason });
fields!(Counts { table_rows, node_children, claimed });
fields!(Folder { node, parent, properties, items, counts, damage });
fields!(Attachment { number, properties, content, damage });
fields!(Blob { octets, key });
fields!(Summary { format, properties, names, damage });

impl Wire for NodeId {
    fn put(&self, into: &mut Vec<u8>) {
        self.0.put(into);
    }
    fn take(from: &mut Octets<'_>) -> Result<Self, Wrong> {
        u32::take(from).map(Self)
    }
}

impl Wire for Item {
    fn put(&self, into: &mut Vec<u8>) {
        let Self { node, properties, recipients, attachments, damage } = self;
        node.put(into);
        properties.put(into);
        recipients.put(into);
        attachments.put(into);
        damage.put(into);
    }
    fn take(from: &mut Octets<'_>) -> Result<Self, Wrong> {
        from.deeper(|from| {
            Ok(Self {
                node: Wire::take(from)?,
                properties: Wire::take(from)?,
                recipients: Wire::take(from)?,
                attachments: Wire::take(from)?,
                damage: Wire::take(from)?,
            })
        })
    }
}

impl Wire for Properties {
    fn put(&self, into: &mut Vec<u8>) {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX).put(into);
        for (id, value) in &self.0 {
            id.put(into);
            value.put(into);
        }
    }
    fn take(from: &mut Octets<'_>) -> Result<Self, Wrong> {
        let mut properties = Self::default();
        for _ in 0..u32::take(from)? {
            from.element()?;
            properties.0.insert(u16::take(from)?, Value::take(from)?);
        }
        Ok(properties)
    }
}

impl Wire for Names {
    fn put(&self, into: &mut Vec<u8>) {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX).put(into);
        for ((set, name), id) in &self.0 {
            set.put(into);
            match name {
                Name::Number(number) => (0_u8, *number).put(into),
                Name::Text(text) => (1_u8, text.clone()).put(into),
            }
            id.put(into);
        }
    }
    fn take(from: &mut Octets<'_>) -> Result<Self, Wrong> {
        let mut names = Self::default();
        for _ in 0..u32::take(from)? {
            from.element()?;
            let set = Wire::take(from)?;
            let name = match u8::take(from)? {
                0 => Name::Number(u32::take(from)?),
                1 => Name::Text(String::take(from)?),
                _ => return Err(Wrong::Unknown),
            };
            names.0.insert((set, name), u16::take(from)?);
        }
        Ok(names)
    }
}

impl Wire for BlobKey {
    fn put(&self, into: &mut Vec<u8>) {
        match self {
            Self::Held(octets) => {
                0_u8.put(into);
                put_counted(octets, into);
            }
            Self::Block(block) => (1_u8, *block).put(into),
            Self::Path { node, attachments, property } => {
                (2_u8, *node).put(into);
                attachments.put(into);
                property.put(into);
            }
        }
    }
    fn take(from: &mut Octets<'_>) -> Result<Self, Wrong> {
        match u8::take(from)? {
            0 => Ok(Self::Held(Arc::from(from.counted()?))),
            1 => Ok(Self::Block(u64::take(from)?)),
            2 => Ok(Self::Path {
                node: Wire::take(from)?,
                attachments: Wire::take(from)?,
                property: Wire::take(from)?,
            }),
            _ => Err(Wrong::Unknown),
        }
    }
}

impl Wire for Value {
    fn put(&self, into: &mut Vec<u8>) {
        match self {
            Self::Null => 0_u8.put(into),
            Self::Integer16(value) => (1_u8, *value).put(into),
            Self::Integer32(value) => (2_u8, *value).put(into),
            Self::Integer64(value) => (3_u8, *value).put(into),
            Self::Floating32(value) => (4_u8, *value).put(into),
            Self::Floating64(value) => (5_u8, *value).put(into),
            Self::FloatingTime(value) => (6_u8, *value).put(into),
            Self::Boolean(value) => (7_u8, *value).put(into),
            Self::ErrorCode(value) => (8_u8, *value).put(into),
            Self::Time(value) => (9_u8, *value).put(into),
            Self::Guid(value) => (10_u8, *value).put(into),
            Self::String(text) => {
                11_u8.put(into);
                put_counted(text.as_bytes(), into);
            }
            Self::String8(octets) => {
                12_u8.put(into);
                put_counted(octets, into);
            }
            Self::Binary(octets) => {
                13_u8.put(into);
                put_counted(octets, into);
            }
            Self::Object => 14_u8.put(into),
            Self::Long(kind, blob) => {
                (15_u8, *kind).put(into);
                blob.put(into);
            }
            Self::Many(values) => {
                16_u8.put(into);
                values.put(into);
            }
        }
    }
    fn take(from: &mut Octets<'_>) -> Result<Self, Wrong> {
        Ok(match u8::take(from)? {
            0 => Self::Null,
            1 => Self::Integer16(Wire::take(from)?),
            2 => Self::Integer32(Wire::take(from)?),
            3 => Self::Integer64(Wire::take(from)?),
            4 => Self::Floating32(Wire::take(from)?),
            5 => Self::Floating64(Wire::take(from)?),
            6 => Self::FloatingTime(Wire::take(from)?),
            7 => Self::Boolean(Wire::take(from)?),
            8 => Self::ErrorCode(Wire::take(from)?),
            9 => Self::Time(Wire::take(from)?),
            10 => Self::Guid(Wire::take(from)?),
            11 => Self::String(Wire::take(from)?),
            12 => Self::String8(from.counted()?.to_vec()),
            13 => Self::Binary(from.counted()?.to_vec()),
            14 => Self::Object,
            15 => Self::Long(Wire::take(from)?, Wire::take(from)?),
            16 => Self::Many(from.deeper(Wire::take)?),
            _ => return Err(Wrong::Unknown),
        })
    }
}

impl Wire for Content {
    fn put(&self, into: &mut Vec<u8>) {
        match self {
            Self::None => 0_u8.put(into),
            Self::Octets(blob) => {
                1_u8.put(into);
                blob.put(into);
            }
            Self::Embedded(item) => {
                2_u8.put(into);
                item.put(into);
            }
            Self::Ole(blob) => {
                3_u8.put(into);
                blob.put(into);
            }
            Self::Reference => 4_u8.put(into),
            Self::Unreadable => 5_u8.put(into),
        }
    }
    fn take(from: &mut Octets<'_>) -> Result<Self, Wrong> {
        Ok(match u8::take(from)? {
            0 => Self::None,
            1 => Self::Octets(Wire::take(from)?),
            2 => Self::Embedded(Box::new(Wire::take(from)?)),
            3 => Self::Ole(Wire::take(from)?),
            4 => Self::Reference,
            5 => Self::Unreadable,
            _ => return Err(Wrong::Unknown),
        })
    }
}

impl Wire for Part {
    fn put(&self, into: &mut Vec<u8>) {
        let (kind, id): (u8, u16) = match self {
            Self::File => (0, 0),
            Self::Folder => (1, 0),
            Self::Contents => (2, 0),
            Self::Property(id) => (3, *id),
            Self::Properties => (4, 0),
            Self::Recipients => (5, 0),
            Self::Attachments => (6, 0),
            Self::Data => (7, 0),
            Self::Limit => (8, 0),
        };
        (kind, id).put(into);
    }
    fn take(from: &mut Octets<'_>) -> Result<Self, Wrong> {
        Ok(match <(u8, u16)>::take(from)? {
            (0, 0) => Self::File,
            (1, 0) => Self::Folder,
            (2, 0) => Self::Contents,
            (3, id) => Self::Property(id),
            (4, 0) => Self::Properties,
            (5, 0) => Self::Recipients,
            (6, 0) => Self::Attachments,
            (7, 0) => Self::Data,
            (8, 0) => Self::Limit,
            _ => return Err(Wrong::Unknown),
        })
    }
}
