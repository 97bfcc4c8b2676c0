//! Reads one item with all that belongs to it out of libpff's handles.
//! Never takes "success, empty" for the truth where the item itself claims more.

use super::ffi;
use super::value::{decode, fixed_octets, long_type};
use crate::item::{Attachment, Content, Damage, Item, Part};
use crate::property::{Properties, VALUE_OCTETS_MAX, Value};
use crate::store::{Blob, BlobKey, NodeId};

/// Most octets of values that are held of one item, embedded ones included; beyond them long values stay in the file.
pub const ITEM_OCTETS_MAX: u64 = 16 * 1024 * 1024;
/// Most recipients, attachments and properties of one item, embedded ones included.
pub const ITEM_PARTS_MAX: u32 = 200_000;
/// Most octets of values that are held of one folder.
pub const FOLDER_OCTETS_MAX: u64 = 64 * 1024;
/// Most properties of one folder.
pub const FOLDER_PARTS_MAX: u32 = 4096;
/// How deep items are embedded in one another.
pub const EMBEDDED_DEPTH_MAX: usize = 64;
/// Values up to this length, in octets, are held even where [`ITEM_OCTETS_MAX`] is reached, as long as parts are left.
const SMALL_OCTETS_MAX: u64 = 256;
/// How much more than was read an object may claim before what was given empty counts as lost, in octets.
const CLAIM_SLACK_OCTETS: u64 = 8 * 1024;

/// `PidTagAttachDataBinary`, `PidTagAttachDataObject`.
pub const ATTACH_DATA: u16 = 0x3701;
/// `PidTagAttachMethod`.
const ATTACH_METHOD: u16 = 0x3705;
/// `PidTagAttachSize`.
const ATTACH_SIZE: u16 = 0x0E20;
/// `PidTagMessageSize`.
const MESSAGE_SIZE: u16 = 0x0E08;
/// `PidTagLtpRowId` and `PidTagLtpRowVer`: columns of the table's own, not of what a row describes.
const ROW_COLUMNS: [u16; 2] = [0x67F2, 0x67F3];
/// Headers, plain text, compressed RTF and HTML: what a message must not lose silently.
const TEXTS: [u16; 4] = [0x007D, 0x1000, 0x1009, 0x1013];
/// Attachment numbers' own properties; long values of others are the embedded item's.
pub const ATTACHMENT_IDS: std::ops::RangeInclusive<u16> = 0x3700..=0x37FF;

/// Where in the file something is: the way that a blob's key tells.
#[derive(Debug, Clone)]
pub struct Place {
    /// The outermost node.
    pub node: NodeId,
    /// Attachment numbers, outermost first.
    pub attachments: Vec<u32>,
}

impl Place {
    fn key(&self, property: u16) -> BlobKey {
        BlobKey::Path { node: self.node, attachments: self.attachments.clone(), property }
    }

    fn below(&self, number: u32) -> Self {
        let mut attachments = self.attachments.clone();
        attachments.push(number);
        Self { node: self.node, attachments }
    }
}

/// Which object a row of properties belongs to; decides whether a long one can be found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// A node with properties of its own, or an embedded item.
    Item,
    /// An attachment.
    Attachment,
    /// A row of a table.
    Row,
}

/// The data property of an attachment as its properties show it.
struct Data {
    value_type: u32,
    /// The number of the embedded object's node, where the property is of type object.
    object: Option<u32>,
}

/// Reads items of one file within the limits of one item.
pub struct Reading<'file> {
    file: &'file ffi::File,
    octets_left: u64,
    parts_left: u32,
}

fn damage(part: Part, reason: impl Into<String>) -> Damage {
    Damage { part, reason: reason.into() }
}

impl<'file> Reading<'file> {
    /// Begins with the limits of an item.
    #[must_use]
    pub const fn new(file: &'file ffi::File) -> Self {
        Self { file, octets_left: ITEM_OCTETS_MAX, parts_left: ITEM_PARTS_MAX }
    }

    /// Begins with the limits of a folder, of which there may be many in one answer.
    #[must_use]
    pub const fn of_folder(file: &'file ffi::File) -> Self {
        Self { file, octets_left: FOLDER_OCTETS_MAX, parts_left: FOLDER_PARTS_MAX }
    }

    fn take_part(&mut self, found: &mut Vec<Damage>) -> bool {
        if let Some(left) = self.parts_left.checked_sub(1) {
            self.parts_left = left;
            return true;
        }
        if !found.iter().any(|known| known.part == Part::Limit) {
            found.push(damage(Part::Limit, "it has more parts than are read of one".to_owned()));
        }
        false
    }

    /// The properties of a node that has some of its own.
    ///
    /// # Errors
    /// Where the library gives none of them.
    pub fn node(
        &mut self,
        item: &ffi::Item<'_>,
        place: &Place,
        found: &mut Vec<Damage>,
    ) -> Result<Properties, ffi::Failure> {
        match item.record_sets()? {
            None | Some(0) => Err(ffi::Failure("the node has no properties".to_owned())),
            Some(_) => Ok(self.row(item, 0, place, Owner::Item, found)?.0),
        }
    }

    /// One message with recipients, attachments and what is embedded.
    ///
    /// # Errors
    /// Where the library gives none of its properties.
    pub fn message(&mut self, item: &ffi::Item<'_>, place: &Place) -> Result<Item, ffi::Failure> {
        let mut found = Vec::new();
        let before = self.octets_left;
        let properties = self.node(item, place, &mut found)?;
        let recipients = self.recipients(item, place, &mut found);
        let attachments = self.attachments(item, place, &mut found);
        let held: u64 = attachments.iter().map(data_octets).sum();
        let read = before.saturating_sub(self.octets_left).saturating_add(held);
        found.extend(lost_texts(&properties, read));
        Ok(Item { node: place.node, properties, recipients, attachments, damage: found })
    }

    fn recipients(
        &mut self,
        item: &ffi::Item<'_>,
        place: &Place,
        found: &mut Vec<Damage>,
    ) -> Vec<Properties> {
        match item.recipient_table().and_then(|table| match table {
            Some(table) => self.rows(&table, place, Part::Recipients, found),
            None => Ok(Vec::new()),
        }) {
            Ok(rows) => rows,
            Err(reason) => {
                found.push(damage(Part::Recipients, reason.0));
                Vec::new()
            }
        }
    }

    /// Every row of a table; one that cannot be read is damage of `part`, and stands as a row without columns.
    fn rows(
        &mut self,
        table: &ffi::Item<'_>,
        place: &Place,
        part: Part,
        found: &mut Vec<Damage>,
    ) -> Result<Vec<Properties>, ffi::Failure> {
        let mut rows = Vec::new();
        for number in 0..table.record_sets()?.unwrap_or(0) {
            if !self.take_part(found) {
                break;
            }
            rows.push(match self.row(table, number, place, Owner::Row, found) {
                Ok((row, _)) => row,
                Err(reason) => {
                    found.push(damage(part, format!("row {number}: {reason}")));
                    Properties::default()
                }
            });
        }
        Ok(rows)
    }

    /// The properties of one row, attachment data apart.
    fn row(
        &mut self,
        item: &ffi::Item<'_>,
        number: u32,
        place: &Place,
        owner: Owner,
        found: &mut Vec<Damage>,
    ) -> Result<(Properties, Option<Data>), ffi::Failure> {
        let missing = || ffi::Failure(format!("record set {number} is not there"));
        let set = item.record_set(number)?.ok_or_else(missing)?;
        let mut properties = Properties::default();
        let mut data = None;
        for place_in_set in 0..set.entries()?.unwrap_or(0) {
            if !self.take_part(found) {
                break;
            }
            let entry = match set.entry(place_in_set) {
                Ok(Some(entry)) => entry,
                Ok(None) => continue,
                Err(reason) => {
                    found.push(damage(Part::Properties, format!("number {place_in_set}: {reason}")));
                    continue;
                }
            };
            let Some(id) = entry.id()?.and_then(|id| u16::try_from(id).ok()) else { continue };
            let value_type = entry.value_type()?.unwrap_or(0);
            if id == ATTACH_DATA && owner == Owner::Attachment {
                data = Some(Data { value_type, object: object(&entry, value_type) });
                continue;
            }
            // A cell without octets is how the library gives an absent one.
            if owner == Owner::Row && (ROW_COLUMNS.contains(&id) || entry.octets()? == 0) {
                continue;
            }
            match self.value(&entry, id, value_type, place, owner) {
                Ok(value) => {
                    properties.0.entry(id).or_insert(value);
                }
                Err(lost) => found.push(lost),
            }
        }
        Ok((properties, data))
    }

    fn value(
        &mut self,
        entry: &ffi::Entry<'_>,
        id: u16,
        value_type: u32,
        place: &Place,
        owner: Owner,
    ) -> Result<Value, Damage> {
        let lost = |reason: String| damage(Part::Property(id), reason);
        let octets = entry.octets().map_err(|reason| lost(reason.0))?;
        let octets = u64::try_from(octets).unwrap_or(u64::MAX);
        let is_held = octets <= VALUE_OCTETS_MAX && octets <= self.octets_left;
        if !is_held && octets > SMALL_OCTETS_MAX {
            let is_found_again = match owner {
                Owner::Item => !ATTACHMENT_IDS.contains(&id) || place.attachments.is_empty(),
                Owner::Attachment => ATTACHMENT_IDS.contains(&id),
                Owner::Row => false,
            };
            return match long_type(value_type) {
                Some(long) if is_found_again => Ok(Value::Long(long, Blob { octets, key: place.key(id) })),
                _ => Err(damage(Part::Limit, format!("property {id:#06x} has {octets} octets"))),
            };
        }
        if octets == 0 && fixed_octets(value_type).is_some() {
            return Err(lost("its value is not there".to_owned()));
        }
        let data = entry.data().map_err(|reason| lost(reason.0))?;
        self.octets_left = self.octets_left.saturating_sub(octets);
        let value = decode(value_type, &data).map_err(lost)?;
        if let Value::Many(values) = &value {
            let parts = u32::try_from(values.len()).unwrap_or(u32::MAX);
            self.parts_left = self
                .parts_left
                .checked_sub(parts)
                .ok_or_else(|| damage(Part::Limit, format!("property {id:#06x} has {parts} values")))?;
        }
        Ok(value)
    }

    fn attachments(
        &mut self,
        item: &ffi::Item<'_>,
        place: &Place,
        found: &mut Vec<Damage>,
    ) -> Vec<Attachment> {
        let count = item.attachments();
        let is_whole = count.is_ok();
        if let Err(reason) = &count {
            found.push(damage(Part::Attachments, reason.0.clone()));
        }
        if matches!(count, Ok(None | Some(0))) {
            return Vec::new();
        }
        // The rows tell how many there should be, and stand for those that cannot be read.
        let mut of_rows = Vec::new();
        let rows = match item.attachment_table() {
            Ok(Some(table)) => self.rows(&table, place, Part::Attachments, &mut of_rows).unwrap_or_default(),
            _ => Vec::new(),
        };
        let in_rows = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let count = count.ok().flatten().unwrap_or(in_rows);
        if is_whole && in_rows > count {
            found.push(damage(Part::Attachments, format!("{count} are given of {in_rows} in the table")));
        }
        let mut attachments = Vec::new();
        for number in 0..count.max(in_rows) {
            if !self.take_part(found) {
                break;
            }
            let row = usize::try_from(number).ok().and_then(|number| rows.get(number));
            attachments.push(self.attachment(item, number, row, place));
        }
        attachments
    }

    fn attachment(
        &mut self,
        item: &ffi::Item<'_>,
        number: u32,
        row: Option<&Properties>,
        place: &Place,
    ) -> Attachment {
        let below = place.below(number);
        let mut found = Vec::new();
        let before = self.octets_left;
        let opened = item
            .attachment(number)
            .and_then(|handle| handle.ok_or_else(|| ffi::Failure("the attachment is not there".to_owned())));
        let read = opened.and_then(|handle| {
            let (properties, data) = self.row(&handle, 0, &below, Owner::Attachment, &mut found)?;
            Ok((handle, properties, data))
        });
        match read {
            Ok((handle, properties, data)) => {
                let own = before.saturating_sub(self.octets_left);
                let method = self.method(&properties, row, &mut found);
                let content =
                    self.content(&handle, data.as_ref(), method, (&properties, own), &below, &mut found);
                Attachment { number, properties, content, damage: found }
            }
            Err(reason) => {
                found.push(damage(Part::Properties, reason.0));
                let properties = row.cloned().unwrap_or_default();
                Attachment { number, properties, content: Content::Unreadable, damage: found }
            }
        }
    }

    /// The attachment's method: its own, or that of its row in the table.
    fn method(
        &self,
        properties: &Properties,
        row: Option<&Properties>,
        found: &mut Vec<Damage>,
    ) -> Option<i64> {
        let own = properties.integer(ATTACH_METHOD);
        let method = own.or_else(|| row.and_then(|row| row.integer(ATTACH_METHOD)));
        if method.is_none() {
            found.push(damage(Part::Property(ATTACH_METHOD), "the attachment does not say what it is"));
        }
        method
    }

    /// What is attached: by the method, and where that says nothing of it, by the data. Octets that are there are
    /// given even where the method knows of none.
    fn content(
        &mut self,
        handle: &ffi::Item<'_>,
        data: Option<&Data>,
        method: Option<i64>,
        (properties, own_octets): (&Properties, u64),
        place: &Place,
        found: &mut Vec<Damage>,
    ) -> Content {
        const MESSAGE_NODE: u32 = 4;
        let Some(data) = data else {
            return match method {
                Some(2 | 3 | 4 | 7) => Content::Reference,
                Some(5) => {
                    found.push(damage(Part::Data, "an embedded item is promised and not there"));
                    Content::Unreadable
                }
                _ => Content::None,
            };
        };
        let is_message = data.object.is_some_and(|node| node & 0x1F == MESSAGE_NODE);
        if method == Some(5) || (method.is_none() && is_message) {
            return self.embedded(handle, data, place, found);
        }
        let blob = match handle.data_octets() {
            Ok(octets) => Blob { octets: octets.unwrap_or(0), key: place.key(ATTACH_DATA) },
            Err(reason) => {
                found.push(damage(Part::Data, reason.0));
                return Content::Unreadable;
            }
        };
        let claimed = claim(properties, ATTACH_SIZE);
        if blob.octets == 0 && claimed > own_octets.saturating_mul(2).saturating_add(CLAIM_SLACK_OCTETS) {
            found.push(damage(Part::Data, format!("no octets are given, where {claimed} are claimed")));
            return Content::Unreadable;
        }
        match method {
            Some(6) => Content::Ole(blob),
            Some(2 | 3 | 4 | 7) if blob.octets == 0 => Content::Reference,
            Some(0) if blob.octets == 0 => Content::None,
            _ => Content::Octets(blob),
        }
    }

    fn embedded(
        &mut self,
        handle: &ffi::Item<'_>,
        data: &Data,
        place: &Place,
        found: &mut Vec<Damage>,
    ) -> Content {
        if place.attachments.len() > EMBEDDED_DEPTH_MAX {
            found.push(damage(Part::Limit, format!("items lie more than {EMBEDDED_DEPTH_MAX} deep")));
            return Content::Unreadable;
        }
        match attached(self.file, handle, data).and_then(|item| self.message(&item, place)) {
            Ok(item) => Content::Embedded(Box::new(item)),
            Err(reason) => {
                found.push(damage(Part::Data, reason.0));
                Content::Unreadable
            }
        }
    }
}

/// The item that is attached. The library looks for its node among those of the whole file first, and gives a
/// stranger where the numbers are the same: then nothing is better.
fn attached<'a>(
    file: &ffi::File,
    handle: &'a ffi::Item<'_>,
    data: &Data,
) -> Result<ffi::Item<'a>, ffi::Failure> {
    let node = data.object.ok_or_else(|| {
        ffi::Failure(format!("an embedded item is promised, its data are of type {:#06x}", data.value_type))
    })?;
    if file.item(node)?.is_some() {
        return Err(ffi::Failure(format!("libpff takes it for another item of the same number {node:#x}")));
    }
    let item =
        handle.attached_item()?.ok_or_else(|| ffi::Failure("the embedded item is not there".into()))?;
    match item.identifier()? {
        same if same == node => Ok(item),
        other => Err(ffi::Failure(format!("libpff gives node {other:#x} instead of {node:#x}"))),
    }
}

/// Opens the item that an attachment holds, for reading of it again.
///
/// # Errors
/// Where it cannot be had, or libpff would give another one.
pub fn attached_again<'a>(
    file: &ffi::File,
    handle: &'a ffi::Item<'_>,
) -> Result<ffi::Item<'a>, ffi::Failure> {
    let set = handle.record_set(0)?.ok_or_else(|| ffi::Failure("the attachment is not there".into()))?;
    for number in 0..set.entries()?.unwrap_or(0) {
        let Some(entry) = set.entry(number)? else { continue };
        if entry.id()? == Some(u32::from(ATTACH_DATA)) {
            let value_type = entry.value_type()?.unwrap_or(0);
            return attached(file, handle, &Data { value_type, object: object(&entry, value_type) });
        }
    }
    Err(ffi::Failure("the attachment holds no item".to_owned()))
}

/// The node that a value of type object refers to ([MS-PST] §2.3.3.5).
fn object(entry: &ffi::Entry<'_>, value_type: u32) -> Option<u32> {
    const OBJECT: u32 = 0x0D;
    const OBJECT_OCTETS: usize = 8;
    if value_type != OBJECT || entry.octets().ok()? != OBJECT_OCTETS {
        return None;
    }
    let held = entry.data().ok()?;
    held.first_chunk().map(|node| u32::from_le_bytes(*node))
}

fn claim(properties: &Properties, id: u16) -> u64 {
    properties.integer(id).and_then(|claimed| u64::try_from(claimed).ok()).unwrap_or(0)
}

fn data_octets(attachment: &Attachment) -> u64 {
    match &attachment.content {
        Content::Octets(blob) | Content::Ole(blob) => blob.octets,
        Content::Embedded(item) => item.attachments.iter().map(data_octets).sum(),
        _ => 0,
    }
}

/// The library gives a value whose block it cannot find as an empty one. A text that is empty, in an item that claims
/// to be larger than what was read of it, is taken for one of those.
fn lost_texts(properties: &Properties, read_octets: u64) -> Vec<Damage> {
    let claimed = claim(properties, MESSAGE_SIZE);
    if claimed <= read_octets.saturating_mul(2).saturating_add(CLAIM_SLACK_OCTETS) {
        return Vec::new();
    }
    let is_empty = |id: &u16| match properties.get(*id) {
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::String8(octets) | Value::Binary(octets)) => octets.is_empty(),
        _ => false,
    };
    let reason = format!("given empty, while the item claims {claimed} octets and {read_octets} were read");
    TEXTS.into_iter().filter(is_empty).map(|id| damage(Part::Property(id), reason.clone())).collect()
}
