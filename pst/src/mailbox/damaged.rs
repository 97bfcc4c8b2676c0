//! Items that cannot be carried whole: all that can still be said of each, for whoever has to decide about it.
//! Never makes a message of one.

use serde_json::{Value as Json, json};

use super::{MESSAGE_CLASS, Mailbox, SUBJECT, proving};
use crate::dump;
use crate::item::Item;
use crate::property::Properties;
use crate::store::NodeId;
use crate::tree::Placed;

/// Rows of contents tables that one handle looks up at most: each costs a look through its whole table.
pub(super) const ROWS_MAX: u32 = 1000;

/// `PidTagSentRepresentingName`, `PidTagSenderName`: who it is from, the better one first.
const SENDER: [u16; 2] = [0x0042, 0x0C1A];
/// `PidTagMessageDeliveryTime`, `PidTagClientSubmitTime`, `PidTagCreationTime`.
const TIMES: [u16; 3] = [0x0E06, 0x0039, 0x3007];
/// FILETIME units, 100 ns each, of a second ([MS-DTYP] §2.3.3).
const UNITS_OF_A_SECOND: u64 = 10_000_000;
/// FILETIME of 1970-01-01T00:00:00Z, in seconds.
const UNIX_EPOCH_SECONDS: i64 = 11_644_473_600;

/// An item that cannot be carried whole, with all that is known of it. What its own properties do not tell is taken
/// from its row in the contents table of its folder.
#[derive(Debug, Clone)]
pub struct Damaged {
    /// `PidTagMessageClass`; empty where it cannot be read.
    pub class: String,
    /// Its subject; empty where it cannot be read.
    pub subject: String,
    /// The name of whoever it is from; empty where it cannot be read.
    pub sender: String,
    /// When it came or was sent or made, in seconds since the epoch.
    pub unix_seconds: Option<i64>,
    /// Why, in words.
    pub reason: String,
    /// Every property that can be read, below what is said above.
    pub dump: Json,
}

impl Mailbox {
    /// Everything that can be said of an item, whatever state it is in; `reason` is why it is wanted.
    pub fn describe(&mut self, node: NodeId, reason: String) -> Damaged {
        match self.store.store().item(node) {
            Ok(mut item) => {
                proving::mark(&mut item, self.blobs());
                self.damaged(node, Some(&item), reason)
            }
            Err(_) => self.damaged(node, None, reason),
        }
    }

    pub(super) fn damaged(&mut self, node: NodeId, item: Option<&Item>, reason: String) -> Damaged {
        let mut found = item.map(|item| self.told(item)).unwrap_or_default();
        let mut row = None;
        if found.class.is_empty() || found.subject.is_empty() || found.unix_seconds.is_none() {
            row = self.row(node);
        }
        if let Some(row) = &row {
            let (recipients, attachments, damage) = (Vec::new(), Vec::new(), Vec::new());
            let item = Item { node, properties: row.clone(), recipients, attachments, damage };
            found.add(self.told(&item));
        }
        let names = &self.file.summary.names;
        let mut dump = match item {
            Some(item) => dump::item(item, names),
            None => dump::unreadable(node, &reason),
        };
        if let Json::Object(dump) = &mut dump {
            let folder = self.placed(node).map(|placed| placed.path.clone());
            dump.insert("folder".to_owned(), json!(folder.unwrap_or_default()));
            dump.insert("class".to_owned(), json!(found.class));
            dump.insert("subject".to_owned(), json!(found.subject));
            dump.insert("sender".to_owned(), json!(found.sender));
            dump.insert("date".to_owned(), json!(found.unix_seconds.and_then(rfc3339)));
            dump.insert("reason".to_owned(), json!(reason));
            if let Some(row) = &row {
                dump.insert("row".to_owned(), dump::row(row, names));
            }
        }
        let Told { class, subject, sender, unix_seconds } = found;
        Damaged { class, subject, sender, unix_seconds, reason, dump }
    }

    fn told(&self, item: &Item) -> Told {
        let sender = SENDER.into_iter().map(|id| self.text(item, id)).find(|name| !name.is_empty());
        Told {
            class: self.text(item, MESSAGE_CLASS),
            subject: self.text(item, SUBJECT),
            sender: sender.unwrap_or_default(),
            unix_seconds: TIMES.into_iter().find_map(|id| item.properties.time(id)).and_then(unix_seconds),
        }
    }

    fn placed(&self, node: NodeId) -> Option<&Placed> {
        let folders = &self.file.tree.folders;
        let places = self.file.folder_of.get_or_init(|| {
            let items = |(at, folder): (usize, &Placed)| {
                folder.items.iter().map(|item| (*item, at)).collect::<Vec<_>>()
            };
            folders.iter().enumerate().flat_map(items).collect()
        });
        folders.get(*places.get(&node)?)
    }

    fn row(&mut self, node: NodeId) -> Option<Properties> {
        self.rows_left = self.rows_left.checked_sub(1)?;
        let folder = self.placed(node)?.node;
        self.store.store().row(folder, node)
    }
}

#[derive(Default)]
struct Told {
    class: String,
    subject: String,
    sender: String,
    unix_seconds: Option<i64>,
}

impl Told {
    /// Fills what is missing.
    fn add(&mut self, other: Self) {
        let fill = |mine: &mut String, theirs: String| {
            if mine.is_empty() {
                *mine = theirs;
            }
        };
        fill(&mut self.class, other.class);
        fill(&mut self.subject, other.subject);
        fill(&mut self.sender, other.sender);
        self.unix_seconds = self.unix_seconds.or(other.unix_seconds);
    }
}

fn unix_seconds(units: u64) -> Option<i64> {
    let seconds = i64::try_from(units / UNITS_OF_A_SECOND).ok()?;
    (units > 0).then(|| seconds - UNIX_EPOCH_SECONDS)
}

fn rfc3339(unix_seconds: i64) -> Option<String> {
    jiff::Timestamp::from_second(unix_seconds).ok().map(|moment| moment.to_string())
}
