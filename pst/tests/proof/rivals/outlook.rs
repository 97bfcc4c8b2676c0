//! What Microsoft's own `outlook-pst` gets out of a store, all of what its interface gives.
//! Never opens a store for writing: the crate would, given a path.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use malote_pst::property::{LONE_SURROGATE, Properties, Value};
use outlook_pst::ltp::prop_context::PropertyValue;
use outlook_pst::ltp::table_context::{TableContext, TableRowColumnValue, TableRowData};
use outlook_pst::messaging::attachment::{AnsiAttachment, Attachment, AttachmentData, UnicodeAttachment};
use outlook_pst::messaging::message::{AnsiMessage, Message, UnicodeMessage};
use outlook_pst::messaging::store::{AnsiStore, Store, UnicodeStore};
use outlook_pst::ndb::node_id::NodeId;
use outlook_pst::{AnsiPstFile, UnicodePstFile};

use super::harvest::{Harvest, add};
use crate::letter::hash;
use crate::stores::Subject;

/// Most folders that are walked: the crate has no guard against circles.
const FOLDERS_MAX: usize = 5_000;

/// What it reads; nothing where it refuses the file.
pub fn harvest(subject: &Subject) -> Option<Harvest> {
    let read = catch_unwind(AssertUnwindSafe(|| unicode(subject).or_else(|_| ansi(subject))));
    read.ok()?.ok()
}

/// The two formats have types of their own that share no trait by which attachments could be read.
macro_rules! format {
    ($name:ident, $file:ty, $store:ty, $message:ty, $attachment:ty) => {
        fn $name(subject: &Subject) -> io::Result<Harvest> {
            let file = <$file>::read_from(Box::new(File::open(&subject.path)?))?;
            let store = <$store>::read(Rc::new(file))?;
            let mut harvest = Harvest::default();
            for node in nodes(store.as_ref())? {
                let read = |harvest: &mut Harvest| -> io::Result<()> {
                    let entry = store.properties().make_entry_id(NodeId::from(node))?;
                    let message = <$message>::read(Rc::clone(&store), &entry, None)?;
                    object(message.as_ref(), harvest)?;
                    for row in message.attachment_table().iter().flat_map(|table| table.rows_matrix()) {
                        let number = NodeId::from(u32::from(row.id()));
                        let Ok(attachment) = <$attachment>::read(Rc::clone(&message), number, None) else {
                            continue;
                        };
                        match attachment.data() {
                            Some(AttachmentData::Binary(octets)) => {
                                add(&mut harvest.files, hash(octets.buffer()));
                            }
                            Some(AttachmentData::Message(message)) => object(message.as_ref(), harvest)?,
                            None => {}
                        }
                    }
                    Ok(())
                };
                let mut one = Harvest::default();
                if read(&mut one).is_ok() {
                    harvest.items += 1;
                    harvest.nodes.insert(node);
                    harvest.recipients += one.recipients;
                    harvest.people.append(&mut one.people);
                    one.bodies
                        .into_iter()
                        .for_each(|(body, count)| *harvest.bodies.entry(body).or_default() += count);
                    one.files
                        .into_iter()
                        .for_each(|(file, count)| *harvest.files.entry(file).or_default() += count);
                }
            }
            Ok(harvest)
        }
    };
}

format!(unicode, UnicodePstFile, UnicodeStore, UnicodeMessage, UnicodeAttachment);
format!(ansi, AnsiPstFile, AnsiStore, AnsiMessage, AnsiAttachment);

/// Every item that a contents table names, of every folder that is no search.
fn nodes(store: &dyn Store) -> io::Result<Vec<u32>> {
    let (mut waiting, mut seen, mut nodes) = (vec![0x122_u32], BTreeSet::new(), Vec::new());
    while let Some(folder) = waiting.pop() {
        if folder & 0x1F == 3 || !seen.insert(folder) || seen.len() > FOLDERS_MAX {
            continue;
        }
        let entry = store.properties().make_entry_id(NodeId::from(folder))?;
        let Ok(folder) = store.open_folder(&entry) else { continue };
        let rows = |table: Option<&Rc<dyn TableContext>>| -> Vec<u32> {
            table
                .into_iter()
                .flat_map(|table| table.rows_matrix().map(|row| u32::from(row.id())).collect::<Vec<_>>())
                .collect()
        };
        waiting.extend(rows(folder.hierarchy_table()));
        nodes.extend(rows(folder.contents_table()));
    }
    Ok(nodes)
}

fn object(message: &dyn Message, harvest: &mut Harvest) -> io::Result<()> {
    let mut properties = Properties::default();
    for id in [0x1000, 0x1001, 0x1013, 0x1009] {
        if let Some(value) = message.properties().get(id).and_then(value) {
            properties.0.insert(id, value);
        }
    }
    harvest.bodies_of(&properties);
    if let Some(table) = message.recipient_table() {
        for row in table.rows_matrix() {
            harvest.row(texts(table.as_ref(), row)?);
        }
    }
    Ok(())
}

fn value(value: &PropertyValue) -> Option<Value> {
    match value {
        PropertyValue::String8(text) => Some(Value::String8(text.buffer().to_vec())),
        PropertyValue::Unicode(text) => {
            let characters = char::decode_utf16(text.buffer().iter().copied());
            Some(Value::String(characters.map(|character| character.unwrap_or(LONE_SURROGATE)).collect()))
        }
        PropertyValue::Binary(octets) => Some(Value::Binary(octets.buffer().to_vec())),
        _ => None,
    }
}

/// Names and addresses of a row.
fn texts(table: &dyn TableContext, row: &TableRowData) -> io::Result<Vec<String>> {
    let mut texts = Vec::new();
    for (column, cell) in table.context().columns().iter().zip(row.columns(table.context())?) {
        let Some(cell) = cell.filter(|_| [0x3001, 0x3003, 0x39FE].contains(&column.prop_id())) else {
            continue;
        };
        let read = match cell {
            TableRowColumnValue::Small(value) => value,
            cell => table.read_column(&cell, column.prop_type())?,
        };
        texts.extend(match value(&read) {
            Some(Value::String(text)) => Some(text),
            Some(Value::String8(octets)) => Some(Harvest::text(&octets)),
            _ => None,
        });
    }
    Ok(texts)
}
