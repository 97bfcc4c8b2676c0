//! Where a store says that its special folders are ([MS-OXOSFLD] §2.2), and how far that is believed.
//! Never takes an identifier of another store, or of a folder that is not there.

use std::collections::BTreeMap;

use super::{DEPTH_MAX, HIDDEN, Place};
use crate::item::Folder;
use crate::property::{Properties, Value};
use crate::store::{NodeId, Summary};

/// The node of the root folder ([MS-PST] §2.4.1).
const ROOT: NodeId = NodeId(0x122);
/// `PidTagRecordKey` of the message store.
const RECORD_KEY: u16 = 0x0FF9;
/// `PidTagIpmSubTreeEntryId`: the visible root.
const IPM_SUBTREE: u16 = 0x35E0;
/// `PidTagFinderEntryId`: search folders.
const FINDER: u16 = 0x35E7;
/// `PidTagViewsEntryId` and `PidTagCommonViewsEntryId`.
const VIEWS: [u16; 2] = [0x35E5, 0x35E6];
/// `PidTagAdditionalRenEntryIds`; its fifth value is the junk folder.
const ADDITIONAL: u16 = 0x36D8;
/// Search folders are links to messages of other folders (NID type 3).
pub(super) const TYPE_SEARCH_FOLDER: u32 = 3;

/// Special folders that the store's own properties name.
const OF_STORE: [(u16, Role); 3] = [(0x35E3, Role::Trash), (0x35E4, Role::Sent), (0x35E2, Role::Outbox)];
/// Special folders that properties of the inbox, or of the root, name.
const OF_INBOX: [(u16, Role); 6] = [
    (0x36D7, Role::Drafts),
    (0x36D0, Role::Calendar),
    (0x36D1, Role::Contacts),
    (0x36D2, Role::Journal),
    (0x36D3, Role::Notes),
    (0x36D4, Role::Tasks),
];

/// What Outlook calls the inbox, in lower case: English, Portuguese, Spanish, French, German, Italian, Dutch, Polish,
/// Russian, Japanese, Chinese, Korean, Swedish, Danish, Norwegian, Finnish, Czech, Hungarian, Turkish, Greek.
const INBOX_NAMES: [&str; 22] = [
    "inbox",
    "caixa de entrada",
    "a receber",
    "bandeja de entrada",
    "boîte de réception",
    "posteingang",
    "posta in arrivo",
    "postvak in",
    "skrzynka odbiorcza",
    "входящие",
    "受信トレイ",
    "收件箱",
    "收件匣",
    "받은 편지함",
    "inkorgen",
    "indbakke",
    "innboks",
    "saapuneet",
    "doručená pošta",
    "beérkezett üzenetek",
    "gelen kutusu",
    "εισερχόμενα",
];

/// What a store uses a folder for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Where mail arrives.
    Inbox,
    /// Sent mail.
    Sent,
    /// Drafts.
    Drafts,
    /// Deleted items.
    Trash,
    /// Junk mail.
    Junk,
    /// Mail on its way out.
    Outbox,
    /// Appointments.
    Calendar,
    /// Contacts.
    Contacts,
    /// The journal.
    Journal,
    /// Notes.
    Notes,
    /// Tasks.
    Tasks,
}

impl Role {
    /// As reports write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Sent => "sent",
            Self::Drafts => "drafts",
            Self::Trash => "trash",
            Self::Junk => "junk",
            Self::Outbox => "outbox",
            Self::Calendar => "calendar",
            Self::Contacts => "contacts",
            Self::Journal => "journal",
            Self::Notes => "notes",
            Self::Tasks => "tasks",
        }
    }

    /// The container class that a folder of this use has at least ([MS-OXOSFLD] §2.2.1), where it tells one.
    const fn class(self) -> &'static str {
        match self {
            Self::Inbox | Self::Sent | Self::Drafts | Self::Trash | Self::Junk | Self::Outbox => "IPF.Note",
            Self::Calendar => "IPF.Appointment",
            Self::Contacts => "IPF.Contact",
            Self::Journal => "IPF.Journal",
            Self::Notes => "IPF.StickyNote",
            Self::Tasks => "IPF.Task",
        }
    }
}

/// The special places of one store.
pub(super) struct Places {
    root: Option<NodeId>,
    visible: Option<NodeId>,
    views: Vec<NodeId>,
    roles: BTreeMap<NodeId, Role>,
}

impl Places {
    /// Reads them off the store's properties, and where those are silent (OST) off well-known names.
    pub(super) fn find(summary: &Summary, folders: &[Folder], names: &BTreeMap<NodeId, String>) -> Self {
        let root = folders.iter().find(|folder| folder.node == ROOT).map(|folder| folder.node);
        let key = summary.properties.binary(RECORD_KEY);
        let known = |node: &NodeId| names.contains_key(node);
        let named = |properties: &Properties, id: u16| entry(properties.binary(id)?, key).filter(known);
        let visible = named(&summary.properties, IPM_SUBTREE).or_else(|| visible_by_name(folders, names));
        let mut roles = BTreeMap::new();
        for (id, role) in OF_STORE {
            if let Some(node) = named(&summary.properties, id) {
                roles.entry(node).or_insert(role);
            }
        }
        for folder in folders {
            let before = roles.len();
            for (id, role) in OF_INBOX {
                if let Some(node) = named(&folder.properties, id).filter(|node| fits(*node, role, folders)) {
                    roles.entry(node).or_insert(role);
                }
            }
            if let Some(Value::Many(values)) = folder.properties.get(ADDITIONAL)
                && let Some(Value::Binary(octets)) = values.get(4)
                && let Some(node) = entry(octets, key).filter(known)
            {
                roles.entry(node).or_insert(Role::Junk);
            }
            // The folder that tells where the others are is the inbox, unless it is the root, which may tell it too.
            if roles.len() > before && folder.node != ROOT && Some(folder.node) != visible {
                roles.entry(folder.node).or_insert(Role::Inbox);
            }
        }
        // Many stores name no inbox at all: then the folder that is called one is it.
        if !roles.values().any(|role| *role == Role::Inbox) {
            let top = visible.or(root);
            let is_called = |node: &NodeId| {
                names.get(node).is_some_and(|name| INBOX_NAMES.contains(&name.trim().to_lowercase().as_str()))
            };
            let mut called = folders.iter().filter(|folder| {
                Some(folder.parent) == top
                    && is_called(&folder.node)
                    && fits(folder.node, Role::Inbox, folders)
            });
            if let Some(inbox) = called.next() {
                roles.entry(inbox.node).or_insert(Role::Inbox);
            }
        }
        let mut views: Vec<NodeId> = VIEWS.iter().filter_map(|id| named(&summary.properties, *id)).collect();
        views.extend(named(&summary.properties, FINDER).filter(|node| *node != ROOT));
        Self { root, visible, views, roles }
    }

    /// The place below which a folder lies whose parent stands at `parent`.
    pub(super) fn above(&self, parent: Option<&Place>) -> Place {
        parent.cloned().unwrap_or(Place::Above(Vec::new()))
    }

    /// Where a folder comes to lie, below `above`.
    pub(super) fn place(
        &self,
        folder: &Folder,
        name: String,
        above: Place,
        remarks: &mut Vec<String>,
    ) -> Place {
        if Some(folder.node) == self.visible {
            return Place::Visible(Vec::new());
        }
        let is_root = Some(folder.node) == self.root;
        let mut path = match &above {
            Place::Above(path) | Place::Visible(path) | Place::Out(path, _) => path.clone(),
        };
        if is_root {
            let is_carried = self.visible.is_none() && !folder.items.is_empty();
            return if is_carried { Place::Visible(path) } else { Place::Above(path) };
        }
        if path.len() >= DEPTH_MAX {
            remarks.push(format!(
                "folder {name:?} lies deeper than {DEPTH_MAX} levels and is moved up to that depth"
            ));
            path.truncate(DEPTH_MAX - 1);
        }
        path.push(name);
        if super::is_search(folder.node) {
            return Place::Out(path, "a search folder: its messages lie elsewhere");
        }
        if self.views.contains(&folder.node) {
            return Place::Out(path, "Outlook's own views");
        }
        match above {
            Place::Visible(_) => Place::Visible(path),
            Place::Out(_, reason) => Place::Out(path, reason),
            Place::Above(_) if self.visible.is_none() && folder.properties.is_set(HIDDEN) => {
                Place::Out(path, "hidden by the program that made it")
            }
            Place::Above(_) if self.visible.is_none() => Place::Visible(path),
            // The visible root may still lie below it.
            Place::Above(_) => Place::Above(path),
        }
    }

    /// What the store uses `folder` for.
    pub(super) fn role(&self, folder: &Folder) -> Option<Role> {
        self.roles.get(&folder.node).copied().filter(|_| Some(folder.node) != self.visible)
    }
}

/// The node that an entry identifier names ([MS-PST] §2.4.3.2): flags, the store's record key, the node.
fn entry(octets: &[u8], key: Option<&[u8]>) -> Option<NodeId> {
    let (head, node) = octets.split_at_checked(20)?;
    let node: [u8; 4] = node.try_into().ok()?;
    let is_ours = key.is_none_or(|key| head.get(4..) == Some(key));
    is_ours.then_some(NodeId(u32::from_le_bytes(node)))
}

/// True unless the folder tells a container class of another kind.
fn fits(node: NodeId, role: Role, folders: &[Folder]) -> bool {
    let folder = folders.iter().find(|folder| folder.node == node);
    let class = folder.and_then(|folder| match folder.properties.get(super::CONTAINER_CLASS) {
        Some(Value::String(class)) => Some(class.as_bytes()),
        Some(Value::String8(class)) => Some(class.as_slice()),
        _ => None,
    });
    let wanted = role.class().as_bytes();
    // "IPF.Note.OutlookHomepage" is that of feeds: only the class itself is a match for mail.
    class.is_none_or(|class| class.is_empty() || class.eq_ignore_ascii_case(wanted))
}

/// Offline stores name no visible root: it is called `IPM_SUBTREE`, and there may be two, the other one that of public
/// folders. The one with the most items below it is the mailbox's; among empty ones, the one with the most folders.
fn visible_by_name(folders: &[Folder], names: &BTreeMap<NodeId, String>) -> Option<NodeId> {
    let below = Below::count(folders);
    let called = |wanted: &str| {
        let is_called =
            |folder: &&Folder| names.get(&folder.node).is_some_and(|name| name.eq_ignore_ascii_case(wanted));
        // Of equals the last one would be taken, and the first one is the older.
        let found = folders.iter().rev().filter(is_called).max_by_key(|folder| below.of(folder.node));
        found.map(|folder| folder.node)
    };
    called("IPM_SUBTREE")
        .or_else(|| called("Top of Outlook data file"))
        .or_else(|| called("Top of Personal Folders"))
}

/// How many items and folders lie in and below each folder.
struct Below(BTreeMap<NodeId, (usize, usize)>);

impl Below {
    fn count(folders: &[Folder]) -> Self {
        let parents: BTreeMap<NodeId, NodeId> =
            folders.iter().map(|folder| (folder.node, folder.parent)).collect();
        let mut sums: BTreeMap<NodeId, (usize, usize)> = BTreeMap::new();
        for folder in folders {
            let mut above = folder.node;
            // Circles and chains without end stop where no folder is carried any more.
            for _ in 0..=DEPTH_MAX {
                let sum = sums.entry(above).or_default();
                *sum = (sum.0 + folder.items.len(), sum.1 + 1);
                match parents.get(&above) {
                    Some(parent) if *parent != above => above = *parent,
                    _ => break,
                }
            }
        }
        Self(sums)
    }

    fn of(&self, node: NodeId) -> (usize, usize) {
        self.0.get(&node).copied().unwrap_or_default()
    }
}
