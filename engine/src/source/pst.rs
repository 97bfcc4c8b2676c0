//! Items of a personal store (PST, OST) as mail: the store behind the trait that every archive is.
//! Never writes to the store, and never passes an item over without counting it.

mod shelf;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use malote_plan::folder::{Folder, FolderStatus, Role, WireName};
use malote_plan::message::UidValidity;
use malote_pst::both::Comparison;
use malote_pst::loss::LossKind;
use malote_pst::mailbox::{Arithmetic, Mailbox, Options};
use malote_pst::store::NodeId;
use malote_pst::tree::{Placed, Role as Use};

use self::shelf::PstShelf;
pub use self::shelf::flags;
use self::watch::Watch;
use super::archive::contents::{folder, path_of, with_use};
use super::archive::{Archive, Contents, Shelf, folder_unreadable, unreadable};
use crate::failure::Result;
use crate::store_sums::{StoreLeftOut, StoreSums};

/// `PidTagRecordKey` of the message store: what tells it from every other.
const RECORD_KEY: u16 = 0x0FF9;

/// A personal store.
pub struct PstArchive {
    path: PathBuf,
    options: Options,
    mailbox: Option<Mailbox>,
    watch: Option<Arc<Watch>>,
    generation: Option<UidValidity>,
    told: Arc<Mutex<Told>>,
}

/// What reading the items has told so far, in all folders together.
#[derive(Debug, Default)]
struct Told {
    /// Items that are passed over, by class. An item counts once, however often its folder is opened.
    skipped: BTreeMap<String, BTreeSet<NodeId>>,
    /// What messages do not carry as it stood, by kind.
    losses: BTreeMap<LossKind, BTreeSet<NodeId>>,
    /// Items and folders that two readers did not agree on.
    unlike: BTreeSet<NodeId>,
    /// Items that only the second reader could read; they are kept back.
    rescued: BTreeSet<NodeId>,
    /// Why the second reader was asked no further, where it was not.
    second_ended: Option<String>,
}

impl Told {
    /// Adds what two readers differ in.
    fn compare(&mut self, comparison: &Comparison) {
        self.unlike.extend(&comparison.unlike);
        self.rescued.extend(&comparison.rescued);
        if self.second_ended.is_none() {
            self.second_ended.clone_from(&comparison.second_ended);
        }
    }
}

impl PstArchive {
    /// The store at `path`, read as `options` say.
    #[must_use]
    pub fn new(path: PathBuf, options: Options) -> Self {
        Self { path, options, mailbox: None, watch: None, generation: None, told: Arc::default() }
    }

    /// What the counters do not tell.
    fn sentences(&self) -> Vec<String> {
        let Some(mailbox) = &self.mailbox else { return Vec::new() };
        let (tree, told) = (mailbox.tree(), self.told.lock().unwrap_or_else(PoisonError::into_inner));
        let mut lines = tree.remarks.clone();
        let sums = Arithmetic::of(tree);
        if sums.folders_uneven > 0 {
            lines.push(format!(
                "in {} folders the contents table and the node tree do not count the same ({} rows, {} nodes in all); \
                 whatever either knows is carried",
                sums.folders_uneven, sums.table_rows, sums.node_children
            ));
        }
        for (kind, items) in &told.losses {
            let (items, kind, meaning) = (items.len(), kind.as_str(), kind.meaning());
            let are = if items == 1 { "item is" } else { "items are" };
            lines.push(format!("{items} {are} not carried in every point as it stood ({kind}): {meaning}"));
        }
        if !told.unlike.is_empty() {
            lines.push(format!(
                "the two readers of the store did not agree on {} of its items and folders; {} items were read by the \
                 second alone, and are kept back",
                told.unlike.len(),
                told.rescued.len()
            ));
        }
        if let Some(reason) = &told.second_ended {
            lines.push(format!(
                "the second reader of the store was wanted and is asked no further: {reason}; what the first cannot \
                 read whole is judged by the first alone"
            ));
        }
        lines
    }

    fn store_sums(&self) -> Option<StoreSums> {
        let (mailbox, told) =
            (self.mailbox.as_ref()?, self.told.lock().unwrap_or_else(PoisonError::into_inner));
        let sums = Arithmetic::of(mailbox.tree());
        let left_out = mailbox.tree().left_out.iter().filter(|folder| !folder.items.is_empty());
        let count = |items: &BTreeSet<NodeId>| items.len() as u64;
        Some(StoreSums {
            format: mailbox.summary().format.as_str().to_owned(),
            table_rows: sums.table_rows,
            node_children: sums.node_children,
            folders_uneven: sums.folders_uneven,
            listed: sums.listed,
            recovered: sums.recovered,
            skipped: told.skipped.iter().map(|(class, items)| (class.clone(), count(items))).collect(),
            left_out: left_out
                .map(|folder| StoreLeftOut {
                    folder: folder.path.join("/"),
                    reason: folder.reason.to_owned(),
                    items: folder.items.len() as u64,
                })
                .collect(),
            losses: told
                .losses
                .iter()
                .map(|(kind, items)| (kind.as_str().to_owned(), count(items)))
                .collect(),
            disagreements: told.unlike.len() as u64,
            rescued: told.rescued.len() as u64,
            second_ended: told.second_ended.clone(),
            ..StoreSums::default()
        })
    }
}

impl Archive for PstArchive {
    fn survey(&mut self) -> Result<Contents> {
        let cannot = |what: &str, cause: std::io::Error| {
            unreadable(format!("{what} {}", self.path.display())).because(cause)
        };
        let watch = Watch::open(&self.path).map_err(|cause| cannot("reading", cause))?;
        let file = watch.file().map_err(|cause| cannot("opening", cause))?;
        let mailbox = Mailbox::of_file(file, self.options.clone())
            .map_err(|error| unreadable(format!("{}: {error}", self.path.display())))?;
        // Opening may take minutes: what was read of two states is no survey of either.
        watch.check()?;
        let record_key = mailbox.summary().properties.binary(RECORD_KEY).unwrap_or_default();
        self.generation = watch.generation(record_key);
        self.watch = Some(Arc::new(watch));
        if let Some(comparison) = mailbox.comparison() {
            self.told.lock().unwrap_or_else(PoisonError::into_inner).compare(comparison);
        }
        let generation = self.generation;
        let shown = mailbox.tree().folders.iter().filter(|placed| !placed.path.is_empty());
        let inbox = mailbox.tree().folders.iter().find(|placed| placed.role == Some(Use::Inbox));
        let inbox = inbox.map(|placed| placed.path.clone()).filter(|path| !path.is_empty());
        let folders = shown.filter_map(|placed| {
            let path = path_of(named(&placed.path, inbox.as_deref()))?;
            let status = status(placed, generation);
            Some(with_use(folder(path, wire(&mailbox, placed).0, Some(status)), placed.role.and_then(role)))
        });
        let format = format!("PST ({})", mailbox.summary().format.as_str());
        let contents = Contents { format, folders: folders.collect(), warnings: Vec::new() };
        self.mailbox = Some(mailbox);
        Ok(contents)
    }

    fn open(&mut self, folder: &Folder) -> Result<Box<dyn Shelf>> {
        let lost = || folder_unreadable(format!("{}: no such folder in the store", folder.path));
        let mailbox = self.mailbox.as_ref().ok_or_else(lost)?;
        let watch = Arc::clone(self.watch.as_ref().ok_or_else(lost)?);
        watch.check()?;
        let is_it = |placed: &&Placed| wire(mailbox, placed) == folder.wire;
        let placed = mailbox.tree().folders.iter().find(is_it).ok_or_else(lost)?;
        let (status, placed) = (status(placed, self.generation), placed.clone());
        let handle =
            mailbox.again().map_err(|error| folder_unreadable(format!("{}: {error}", folder.path)))?;
        Ok(Box::new(PstShelf::new(handle, watch, &placed, status, Arc::clone(&self.told))))
    }

    fn remarks(&mut self) -> Vec<String> {
        self.sentences()
    }

    fn damage(&mut self) -> Vec<String> {
        self.mailbox.as_ref().map(Mailbox::damage).unwrap_or_default()
    }

    fn unsettled(&mut self) -> Vec<String> {
        self.watch.as_ref().and_then(|watch| watch.replaced()).into_iter().collect()
    }

    fn sums(&self) -> Option<StoreSums> {
        self.store_sums()
    }

    fn remakes(&self) -> bool {
        true
    }

    /// The node alone, by which other stores call other folders.
    fn former_wire(&self, wire: &WireName) -> Option<WireName> {
        let (_, node) = std::str::from_utf8(&wire.0).ok()?.split_once('/')?;
        Some(WireName(node.as_bytes().to_vec()))
    }
}

/// What the archive and the ledger know a folder by: the store's key and the folder's node, which stay when its user
/// renames it. Every store counts its nodes alike, so a node alone would be another folder in another store.
fn wire(mailbox: &Mailbox, placed: &Placed) -> WireName {
    let key = mailbox.summary().properties.binary(RECORD_KEY).unwrap_or_default();
    let key: String = key.iter().map(|octet| format!("{octet:02x}")).collect();
    let parting = if key.is_empty() { "" } else { "/" };
    WireName(format!("{key}{parting}{:#x}", placed.node.0).into_bytes())
}

/// The levels of a path. A store has any name for its inbox; mail has one (RFC 9051 §5.1).
fn named<'a>(path: &'a [String], inbox: Option<&[String]>) -> impl Iterator<Item = &'a str> {
    let below = inbox.and_then(|inbox| path.strip_prefix(inbox));
    below.map(|_| "INBOX").into_iter().chain(below.unwrap_or(path).iter().map(String::as_str))
}

fn status(placed: &Placed, uid_validity: Option<UidValidity>) -> FolderStatus {
    let last = placed.items.iter().map(|node| node.0).max().unwrap_or(0);
    FolderStatus {
        messages: u32::try_from(placed.items.len()).unwrap_or(u32::MAX),
        uid_next: last.checked_add(1),
        uid_validity,
        highest_modseq: None,
        size_octets: None,
    }
}

/// Uses that mail folders have; the others are told by their items.
const fn role(used_for: Use) -> Option<Role> {
    match used_for {
        Use::Inbox => Some(Role::Inbox),
        Use::Sent => Some(Role::Sent),
        Use::Drafts => Some(Role::Drafts),
        Use::Trash => Some(Role::Trash),
        Use::Junk => Some(Role::Junk),
        Use::Outbox | Use::Calendar | Use::Contacts | Use::Journal | Use::Notes | Use::Tasks => None,
    }
}
