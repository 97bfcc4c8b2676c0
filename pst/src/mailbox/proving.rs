//! Whether an item's data can be read to its end: blobs stay in the store, and their checksums speak only when they
//! are read. Never lets data that cannot be read pass for data that was not looked at.

use std::io::{self, Write};

use super::Mailbox;
use crate::item::{Content, Damage, Item, Part};
use crate::mime::Message;
use crate::property::Value;
use crate::store::{Blob, Blobs};

/// Octets of a blob that are read at once.
const PIECE_OCTETS: usize = 64 * 1024;

/// Why a message was not written whole.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Data of the item cannot be read: [`Mailbox::read_proven`] says which.
    #[error("reading the item's data: {0}")]
    Unreadable(#[source] io::Error),
    /// Nothing more can be written.
    #[error(transparent)]
    Output(io::Error),
}

impl Mailbox {
    /// Writes a message that this mailbox gave, and tells a store that cannot be read from a place that cannot be
    /// written to.
    ///
    /// # Errors
    /// What was written before is no message.
    pub fn write(&mut self, message: &Message, out: &mut dyn Write) -> Result<(), WriteError> {
        let mut watched = Watched { blobs: self.blobs(), has_failed: false };
        let written = message.write(&mut watched, out);
        let has_failed = watched.has_failed;
        written.map_err(|error| match has_failed {
            true => WriteError::Unreadable(error),
            false => WriteError::Output(error),
        })
    }

    /// Reads the data of a message that this mailbox gave, and keeps nothing of it.
    ///
    /// # Errors
    /// Where it cannot be read whole.
    pub fn prove(&mut self, message: &Message) -> io::Result<()> {
        let mut buffer = vec![0; PIECE_OCTETS];
        message.blobs().try_for_each(|blob| read_through(self.blobs(), blob, &mut buffer))
    }
}

/// Marks everything in `item` that cannot be read to its end as unreadable, at any depth.
pub(super) fn mark(item: &mut Item, blobs: &mut dyn Blobs) {
    let mut buffer = vec![0; PIECE_OCTETS];
    mark_item(item, blobs, &mut buffer);
}

fn mark_item(item: &mut Item, blobs: &mut dyn Blobs, buffer: &mut [u8]) {
    for (id, value) in &item.properties.0 {
        let Value::Long(_, blob) = value else { continue };
        if let Err(error) = read_through(blobs, blob, buffer) {
            item.damage.push(Damage { part: Part::Property(*id), reason: error.to_string() });
        }
    }
    for attachment in &mut item.attachments {
        match &mut attachment.content {
            Content::Octets(blob) | Content::Ole(blob) => {
                if let Err(error) = read_through(blobs, blob, buffer) {
                    attachment.damage.push(Damage { part: Part::Data, reason: error.to_string() });
                    attachment.content = Content::Unreadable;
                }
            }
            Content::Embedded(embedded) => mark_item(embedded, blobs, buffer),
            Content::None | Content::Reference | Content::Unreadable => {}
        }
    }
}

fn read_through(blobs: &mut dyn Blobs, blob: &Blob, buffer: &mut [u8]) -> io::Result<()> {
    let mut at = 0;
    while at < blob.octets {
        let wanted = usize::try_from(blob.octets - at).map_or(buffer.len(), |left| left.min(buffer.len()));
        match blobs.read_at(blob, at, &mut buffer[..wanted])? {
            0 => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, ended(blob, at))),
            count => at += count as u64,
        }
    }
    Ok(())
}

fn ended(blob: &Blob, at: u64) -> String {
    format!("data of {} octets ends at {at}", blob.octets)
}

/// Blobs of which it is known afterwards whether one could not be read.
struct Watched<'a> {
    blobs: &'a mut dyn Blobs,
    has_failed: bool,
}

impl Blobs for Watched<'_> {
    fn read_at(&mut self, blob: &Blob, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let read = self.blobs.read_at(blob, offset, into);
        self.has_failed |= match &read {
            Ok(0) => !into.is_empty() && offset < blob.octets,
            Ok(_) => false,
            Err(_) => true,
        };
        read
    }
}
