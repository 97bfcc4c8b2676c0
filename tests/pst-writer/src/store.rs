//! A store being written: its folders, its items, its names, and the nodes that every store has ([MS-PST] §2.4, §2.7).
//! Never holds an item: each is on the disk when the call returns, but for its row in the contents table.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use encoding_rs::Encoding;

use crate::items::{ItemWriter, Written, attachment_columns, recipient_columns};
use crate::lists::properties::PropertyList;
use crate::lists::table::Table;
use crate::message::Message;
use crate::names::{Guid, Name, Names, PS_PUBLIC_STRINGS, PSETID_COMMON};
use crate::nodes::{Database, Node, kind};
use crate::truth::{FolderTruth, Truth};
use crate::value::{Value, Writing};
use crate::{Crypt, Format};

/// Nodes with numbers of their own (§2.4.1).
const STORE: u32 = 0x21;
const NAMES: u32 = 0x61;
const ROOT: u32 = 0x122;
/// Templates of the tables, in the order hierarchy, contents, associated, search, attachments, recipients.
const TEMPLATES: [u32; 6] = [0x60D, 0x60E, 0x60F, 0x610, 0x671, 0x692];

/// Bits of `PidTagValidFolderMask` for the top of the mail and for the finder, which every store has.
const TOP_AND_FINDER_VALID: i32 = 0x81;

/// What kind of store is to be written.
#[derive(Debug, Clone, Copy)]
pub struct Pst {
    crypt: Crypt,
    format: Format,
    code_page: &'static Encoding,
    record_key: [u8; 16],
}

impl Pst {
    /// A Unicode store.
    #[must_use]
    pub const fn new(crypt: Crypt) -> Self {
        let record_key = *b"malote-record-16";
        Self { crypt, format: Format::Unicode, code_page: encoding_rs::WINDOWS_1252, record_key }
    }

    /// In another format.
    #[must_use]
    pub const fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// With another code page for the strings of an ANSI store.
    #[must_use]
    pub const fn code_page(mut self, code_page: &'static Encoding) -> Self {
        self.code_page = code_page;
        self
    }

    /// With another record key (`PidTagRecordKey`), which tells stores apart.
    #[must_use]
    pub const fn record_key(mut self, record_key: [u8; 16]) -> Self {
        self.record_key = record_key;
        self
    }

    /// Begins the store at `path`, over whatever is there, with a root folder and the top of the mail in it.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn create(self, path: &Path) -> Result<Store> {
        let writing = Writing { format: self.format, code_page: self.code_page };
        let database = Database::create(path, self.format, self.crypt)?;
        let mut store = Store {
            database,
            writing,
            record_key: self.record_key,
            names: Names::default(),
            folders: Vec::new(),
            roles: BTreeMap::new(),
            properties: BTreeMap::new(),
        };
        // Readers refuse a store without names, which no mail program leaves behind.
        store.named(PS_PUBLIC_STRINGS, "Keywords")?;
        store.named(PSETID_COMMON, 0x8503)?;
        store.add_folder(ROOT, None, Folder::new(""));
        store.folder(FolderId(0), Folder::new("Top of Outlook data file"))?;
        Ok(store)
    }
}

/// What a folder is to the whole store, as its entry ids say (§2.4.3, [MS-OXOSFLD]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Where mail comes in; carries the ids of the roles from `Drafts` on.
    Inbox,
    /// Deleted items.
    Trash,
    /// Sent items.
    Sent,
    /// What waits to be sent.
    Outbox,
    /// What is being written.
    Drafts,
    /// Unwanted mail.
    Junk,
    /// Appointments.
    Calendar,
    /// Contacts.
    Contacts,
    /// The journal.
    Journal,
    /// Sticky notes.
    Notes,
    /// Tasks.
    Tasks,
}

impl Role {
    /// The property that holds the entry id: of the store for the first three, else of the Inbox. Junk is the fifth
    /// value of a list.
    const fn property(self) -> Option<u16> {
        match self {
            Self::Inbox => None,
            Self::Outbox => Some(0x35E2),
            Self::Trash => Some(0x35E3),
            Self::Sent => Some(0x35E4),
            Self::Calendar => Some(0x36D0),
            Self::Contacts => Some(0x36D1),
            Self::Journal => Some(0x36D2),
            Self::Notes => Some(0x36D3),
            Self::Tasks => Some(0x36D4),
            Self::Drafts => Some(0x36D7),
            Self::Junk => Some(0x36D8),
        }
    }

    /// The bit of `PidTagValidFolderMask` that says whether the store knows this folder.
    const fn valid_bit(self) -> i32 {
        match self {
            Self::Inbox => 0x02,
            Self::Outbox => 0x04,
            Self::Trash => 0x08,
            Self::Sent => 0x10,
            _ => 0,
        }
    }

    const fn is_of_store(self) -> bool {
        matches!(self, Self::Outbox | Self::Trash | Self::Sent)
    }
}

/// A folder to be written.
#[derive(Debug, Clone)]
pub struct Folder {
    name: String,
    class: Option<String>,
    role: Option<Role>,
    claimed_items: Option<i32>,
    has_contents_table: bool,
    properties: BTreeMap<u16, Value>,
}

impl Folder {
    /// A folder of this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            class: None,
            role: None,
            claimed_items: None,
            has_contents_table: true,
            properties: BTreeMap::new(),
        }
    }

    /// Of a container class, such as `IPF.Note`.
    #[must_use]
    pub fn class(mut self, class: &str) -> Self {
        self.class = Some(class.to_owned());
        self
    }

    /// With a role in the store.
    #[must_use]
    pub const fn role(mut self, role: Role) -> Self {
        self.role = Some(role);
        self
    }

    /// That claims another number of items than it has (`PidTagContentCount`).
    #[must_use]
    pub const fn claims(mut self, items: i32) -> Self {
        self.claimed_items = Some(items);
        self
    }

    /// Whose contents table is missing.
    #[must_use]
    pub const fn without_contents_table(mut self) -> Self {
        self.has_contents_table = false;
        self
    }

    /// With a property.
    #[must_use]
    pub fn with(mut self, id: u16, value: Value) -> Self {
        self.properties.insert(id, value);
        self
    }
}

/// A folder of a store, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FolderId(usize);

/// Columns of a hierarchy table (§2.4.4.4.1) and of contents tables (§2.4.4.5.1, §2.4.4.6.1); `T` is a string.
const T: u16 = 0x001F;
const HIERARCHY_COLUMNS: [(u16, u16); 5] =
    [(0x3001, T), (0x3602, 0x0003), (0x3603, 0x0003), (0x360A, 0x000B), (0x3613, T)];
const CONTENTS_COLUMNS: [(u16, u16); 17] = [
    (0x0017, 0x0003),
    (0x001A, T),
    (0x0036, 0x0003),
    (0x0037, T),
    (0x0039, 0x0040),
    (0x0042, T),
    (0x0057, 0x000B),
    (0x0058, 0x000B),
    (0x0070, T),
    (0x0E03, T),
    (0x0E04, T),
    (0x0E06, 0x0040),
    (0x0E07, 0x0003),
    (0x0E08, 0x0003),
    (0x0E17, 0x0003),
    (0x1097, 0x0003),
    (0x3008, 0x0040),
];
const ASSOCIATED_COLUMNS: [(u16, u16); 4] = [(0x001A, T), (0x0E07, 0x0003), (0x0E17, 0x0003), (0x3001, T)];

struct OpenFolder {
    node: u32,
    parent: u32,
    folder: Folder,
    contents: Table,
    associated: Table,
    unread: i32,
    children: Vec<usize>,
    truth: FolderTruth,
}

/// A store being written.
pub struct Store {
    database: Database,
    writing: Writing,
    record_key: [u8; 16],
    names: Names,
    folders: Vec<OpenFolder>,
    roles: BTreeMap<Role, u32>,
    properties: BTreeMap<u16, Value>,
}

impl Store {
    /// The folder that stands above all mail (`IPM_SUBTREE`).
    #[must_use]
    pub const fn top(&self) -> FolderId {
        FolderId(1)
    }

    /// The root, which mail programs do not show.
    #[must_use]
    pub const fn root(&self) -> FolderId {
        FolderId(0)
    }

    /// The node of a folder.
    #[must_use]
    pub fn node(&self, folder: FolderId) -> u32 {
        self.folders[folder.0].node
    }

    /// The id of a named property, a new one where it has none yet.
    ///
    /// # Errors
    /// Where there are no ids left.
    pub fn named(&mut self, set: Guid, name: impl Into<Name>) -> Result<u16> {
        self.names.id(set, &name.into())
    }

    /// Sets a property of the store itself.
    pub fn set(&mut self, id: u16, value: Value) {
        self.properties.insert(id, value);
    }

    /// The entry id by which this store names one of its nodes (§2.4.3.2).
    #[must_use]
    pub fn entry_id(&self, node: u32) -> Vec<u8> {
        [&[0; 4][..], &self.record_key, &node.to_le_bytes()].concat()
    }

    /// Adds a folder.
    ///
    /// # Errors
    /// Where the role is taken already.
    pub fn folder(&mut self, parent: FolderId, folder: Folder) -> Result<FolderId> {
        let node = self.database.new_number(kind::FOLDER);
        if let Some(role) = folder.role {
            let is_free = self.roles.insert(role, node).is_none();
            ensure!(is_free, "two folders are to be the {role:?} of a store");
        }
        Ok(self.add_folder(node, Some(parent), folder))
    }

    /// Adds a search folder that shows items of others, by their nodes.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn search_folder(&mut self, parent: FolderId, name: &str, shown: &[u32]) -> Result<FolderId> {
        let node = self.database.new_number(kind::SEARCH_FOLDER);
        let id = self.add_folder(node, Some(parent), Folder::new(name));
        let OpenFolder { contents, truth, .. } = &mut self.folders[id.0];
        for item in shown {
            contents.row(&mut self.database, *item, &BTreeMap::new())?;
        }
        truth.is_search = true;
        Ok(id)
    }

    fn add_folder(&mut self, node: u32, parent: Option<FolderId>, folder: Folder) -> FolderId {
        let id = self.folders.len();
        let mut truth = FolderTruth { node, class: folder.class.clone(), ..FolderTruth::default() };
        if let Some(FolderId(parent)) = parent {
            self.folders[parent].children.push(id);
            truth.path.clone_from(&self.folders[parent].truth.path);
            truth.path.push(folder.name.clone());
        }
        self.folders.push(OpenFolder {
            node,
            parent: parent.map_or(node, |FolderId(parent)| self.folders[parent].node),
            folder,
            contents: self.table(&CONTENTS_COLUMNS),
            associated: self.table(&ASSOCIATED_COLUMNS),
            unread: 0,
            children: Vec::new(),
            truth,
        });
        FolderId(id)
    }

    /// Writes an item into a folder and gives its node.
    ///
    /// # Errors
    /// Where the file cannot be written or the format cannot hold it.
    pub fn item(&mut self, folder: FolderId, message: &Message) -> Result<u32> {
        let kind = if message.is_associated { kind::ASSOCIATED } else { kind::MESSAGE };
        let number = self.database.new_number(kind);
        let mut writer =
            ItemWriter { database: &mut self.database, names: &mut self.names, writing: self.writing };
        let Written { node, cells, truth } =
            writer.item(number, message).with_context(|| format!("writing item {number:#x}"))?;
        let folder = &mut self.folders[folder.0];
        self.database.add(number, node, folder.node);
        let table = if message.is_associated { &mut folder.associated } else { &mut folder.contents };
        if message.has_row {
            table.row(&mut self.database, number, &cells)?;
        }
        if message.is_associated {
            folder.truth.associated.push(number);
        } else {
            let is_read = matches!(cells.get(&0x0E07), Some(Value::Integer32(flags)) if flags & 1 == 1);
            folder.unread += i32::from(!is_read);
            folder.truth.items.push(truth);
        }
        Ok(number)
    }

    /// Adds a row for an item that is not there.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn row_without_item(&mut self, folder: FolderId) -> Result<u32> {
        let number = self.database.new_number(kind::MESSAGE);
        self.folders[folder.0].contents.row(&mut self.database, number, &BTreeMap::new())?;
        Ok(number)
    }

    /// Writes what is left: folders, tables, names, trees, maps, the header.
    ///
    /// # Errors
    /// Where the file cannot be written or the format cannot hold it.
    pub fn finish(mut self) -> Result<Truth> {
        self.put_store()?;
        let templates = [
            self.table(&HIERARCHY_COLUMNS),
            self.table(&CONTENTS_COLUMNS),
            self.table(&ASSOCIATED_COLUMNS),
            self.table(&CONTENTS_COLUMNS),
            Table::new(self.writing, &attachment_columns(self.writing)),
            Table::new(self.writing, &recipient_columns(self.writing)),
        ];
        for (number, template) in TEMPLATES.into_iter().zip(templates) {
            self.put_table(number, template)?;
        }
        let rows: Vec<_> =
            (0..self.folders.len()).map(|id| (self.folders[id].node, self.cells(id))).collect();
        let mut truth = Truth::default();
        for (id, open) in std::mem::take(&mut self.folders).into_iter().enumerate() {
            let mut properties = rows[id].1.clone();
            properties.extend(open.folder.properties.clone());
            let node = self.put_properties(&properties)?;
            self.database.add(open.node, node, open.parent);
            let mut hierarchy = self.table(&HIERARCHY_COLUMNS);
            for child in &open.children {
                hierarchy.row(&mut self.database, rows[*child].0, &rows[*child].1)?;
            }
            let base = open.node & !0x1F;
            self.put_table(base | kind::HIERARCHY, hierarchy)?;
            let contents = if open.truth.is_search { kind::SEARCH_CONTENTS } else { kind::CONTENTS };
            if open.folder.has_contents_table {
                self.put_table(base | contents, open.contents)?;
            }
            self.put_table(base | kind::ASSOCIATED_CONTENTS, open.associated)?;
            truth.folders.push(open.truth);
        }
        let names = self.names.finish(&mut self.database)?;
        self.database.add(NAMES, names, 0);
        truth.octets = self.database.finish()?;
        Ok(truth)
    }

    /// A folder's properties, which are its row in the table of the folder above as well.
    fn cells(&self, id: usize) -> BTreeMap<u16, Value> {
        let OpenFolder { folder, contents, unread, children, .. } = &self.folders[id];
        let rows = i32::try_from(contents.rows()).unwrap_or(i32::MAX);
        let mut cells = BTreeMap::from([
            (0x3001, Value::text(&folder.name)),
            (0x3602, Value::Integer32(folder.claimed_items.unwrap_or(rows))),
            (0x3603, Value::Integer32(*unread)),
            (0x360A, Value::Boolean(!children.is_empty())),
        ]);
        cells.extend(folder.class.as_ref().map(|class| (0x3613, Value::text(class))));
        let has_inbox = self.roles.contains_key(&Role::Inbox);
        if folder.role == Some(Role::Inbox) || (id == 0 && !has_inbox) {
            let roles = self.roles.iter().filter(|(role, _)| !role.is_of_store());
            cells.extend(
                roles.filter_map(|(role, node)| Some((role.property()?, self.role_value(*role, *node)))),
            );
        }
        cells
    }

    fn role_value(&self, role: Role, node: u32) -> Value {
        const JUNK_PLACE: usize = 4;
        let entry_id = self.entry_id(node);
        if role != Role::Junk {
            return Value::Binary(entry_id);
        }
        let mut all = vec![Vec::new(); JUNK_PLACE];
        all.push(entry_id);
        Value::Binaries(all)
    }

    /// The node of the store itself (§2.4.3).
    fn put_store(&mut self) -> Result<()> {
        let valid = self.roles.keys().fold(TOP_AND_FINDER_VALID, |valid, role| valid | role.valid_bit());
        let top = self.node(self.top());
        let name = self.folders[1].folder.name.clone();
        let mut properties = BTreeMap::from([
            (0x0FF9, Value::Binary(self.record_key.to_vec())),
            (0x3001, Value::text(&name)),
            (0x35DF, Value::Integer32(valid)),
            (0x35E0, Value::Binary(self.entry_id(top))),
            (0x35E7, Value::Binary(self.entry_id(ROOT))),
            (0x67FF, Value::Integer32(0)),
        ]);
        for (role, node) in self.roles.iter().filter(|(role, _)| role.is_of_store()) {
            properties.extend(role.property().map(|id| (id, Value::Binary(self.entry_id(*node)))));
        }
        properties.extend(std::mem::take(&mut self.properties));
        let node = self.put_properties(&properties)?;
        self.database.add(STORE, node, 0);
        Ok(())
    }

    fn table(&self, columns: &[(u16, u16)]) -> Table {
        let own = |kind: u16| if kind == T { self.writing.format.text_type() } else { kind };
        let columns: Vec<(u16, u16)> = columns.iter().map(|(id, kind)| (*id, own(*kind))).collect();
        Table::new(self.writing, &columns)
    }

    fn put_table(&mut self, number: u32, table: Table) -> Result<()> {
        let node = table.finish(&mut self.database)?;
        self.database.add(number, node, 0);
        Ok(())
    }

    fn put_properties(&mut self, properties: &BTreeMap<u16, Value>) -> Result<Node> {
        let mut list = PropertyList::new(&self.database);
        for (id, value) in properties {
            let (kind, octets) = self.writing.octets(value);
            list.put(&mut self.database, *id, kind, &octets)?;
        }
        list.finish(&mut self.database)
    }
}
