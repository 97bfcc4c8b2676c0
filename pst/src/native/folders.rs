//! The folders from the root on, and which items lie in each ([MS-PST] §2.4.4).
//! Never lists an item twice: not in one folder, and not in two.

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};

use super::blocks::Blocks;
use super::fault::Fault;
use super::heap::PROPERTIES;
use super::limits::FOLDERS_MAX;
use super::object::{Allowance, Object};
use super::properties::{push, tell};
use super::table::Table;
use crate::item::{Counts, Damage, Folder, Part};
use crate::property::Properties;
use crate::store::NodeId;

/// `NID_ROOT_FOLDER`.
const ROOT: u32 = 0x122;
/// `NID_TYPE_NORMAL_FOLDER`.
const FOLDER_TYPE: u32 = 0x02;
/// `NID_TYPE_NORMAL_MESSAGE`.
pub(super) const ITEM_TYPE: u32 = 0x04;
/// `NID_TYPE_HIERARCHY_TABLE`.
const HIERARCHY_TYPE: u32 = 0x0D;
/// `NID_TYPE_CONTENTS_TABLE`.
const CONTENTS_TYPE: u32 = 0x0E;
/// `PidTagContentCount`.
const CONTENT_COUNT: u16 = 0x3602;

/// The type of a NID.
pub(super) const fn kind(number: u32) -> u32 {
    number & 0x1F
}

/// Nodes of one type by the folder that they name as their parent.
struct Children(Vec<(u32, u32)>);

impl Children {
    fn of_type(blocks: &Blocks, wanted: u32) -> Self {
        let nodes = blocks.index.nodes.iter().filter(|node| kind(node.number) == wanted);
        let mut children: Vec<_> = nodes.map(|node| (node.parent, node.number)).collect();
        children.sort_unstable();
        Self(children)
    }

    fn of(&self, parent: u32) -> impl ExactSizeIterator<Item = u32> + '_ {
        let from = self.0.partition_point(|(other, _)| *other < parent);
        let to = self.0.partition_point(|(other, _)| *other <= parent);
        self.0[from..to].iter().map(|(_, child)| *child)
    }
}

/// Every folder from the root on, parents before children, and then what nothing leads to any more; none where there is
/// no trace of any.
pub(super) fn read(blocks: &mut Blocks) -> Vec<Folder> {
    read_most(blocks, FOLDERS_MAX)
}

/// Like [`read`], but for `folders_max` folders at most.
pub(super) fn read_most(blocks: &mut Blocks, folders_max: usize) -> Vec<Folder> {
    let subfolders = Children::of_type(blocks, FOLDER_TYPE);
    let items = Children::of_type(blocks, ITEM_TYPE);
    let mut walk = Walk {
        blocks,
        subfolders,
        items,
        seen: HashSet::new(),
        listed: HashSet::new(),
        folders: Vec::new(),
        folders_max,
        passed_over: HashSet::new(),
    };
    walk.start_at_root();
    // Where an item stands in the table of a folder that is reached, its user saw it there.
    walk.list_items(0);
    let reached = walk.folders.len();
    walk.add_lost();
    walk.list_items(reached);
    walk.add_rest();
    walk.folders
}

struct Walk<'a> {
    blocks: &'a mut Blocks,
    subfolders: Children,
    items: Children,
    seen: HashSet<u32>,
    /// Items that a folder lists.
    listed: HashSet<u32>,
    folders: Vec<Folder>,
    folders_max: usize,
    /// Folders that were found beyond that many.
    passed_over: HashSet<u32>,
}

/// A folder that was named and is not yet read: its NID, its parent's, and its row in the parent's table.
type Waiting = (u32, u32, Properties);

impl Walk<'_> {
    fn start_at_root(&mut self) {
        let is_there = self.blocks.index.living(ROOT).is_some();
        if is_there || self.subfolders.of(ROOT).len() > 0 {
            self.below((ROOT, ROOT, Properties::default()));
        }
    }

    /// Reads a folder and all below it, without recursion: a chain of folders may be of any length.
    fn below(&mut self, first: Waiting) {
        let mut waiting = vec![first];
        while let Some((number, parent, row)) = waiting.pop() {
            if self.seen.contains(&number) {
                continue;
            }
            if self.folders.len() >= self.folders_max {
                self.passed_over.insert(number);
                continue;
            }
            self.seen.insert(number);
            self.blocks.begin();
            let mut folder = self.folder(number, parent, row);
            let mut children = self.children(number, &mut folder.damage);
            self.folders.push(folder);
            children.reverse();
            waiting.append(&mut children);
        }
    }

    /// What a folder's own node holds, else what its parent's table says of it.
    fn folder(&mut self, number: u32, parent: u32, row: Properties) -> Folder {
        let mut damage = Vec::new();
        let properties = match self.properties(number, &mut damage) {
            Ok(properties) => properties,
            Err(fault) => {
                push(&mut damage, Part::Folder, fault);
                row
            }
        };
        let counts = Counts { claimed: claimed(&properties), ..Counts::default() };
        let (node, parent) = (NodeId(number), NodeId(parent));
        Folder { node, parent, properties, items: Vec::new(), counts, damage }
    }

    fn properties(&mut self, number: u32, damage: &mut Vec<Damage>) -> Result<Properties, Fault> {
        let node = self.blocks.index.living(number).ok_or_else(|| Fault::new("its node is not there"))?;
        let mut object = Object::open(self.blocks, node.data, node.subnodes, PROPERTIES)?;
        let records = object.property_records(self.blocks, damage)?;
        self.blocks.warned(Part::Folder, damage);
        Ok(object.properties(self.blocks, &mut Allowance::default(), &records, None, damage))
    }

    /// The folders below: those of the hierarchy table in its order, then those that only the node tree knows.
    fn children(&mut self, number: u32, damage: &mut Vec<Damage>) -> Vec<Waiting> {
        let mut children: Vec<Waiting> = Vec::new();
        match open(self.blocks, number, HIERARCHY_TYPE) {
            Ok(mut table) => {
                tell(&table.faults, Part::Folder, damage);
                let mut allowance = Allowance::default();
                for row in std::mem::take(&mut table.rows) {
                    if kind(row.id) != FOLDER_TYPE || row.id == number {
                        continue;
                    }
                    // The row is needed only where the folder's own node may fail, and then its cells must do.
                    let mut ignored = Vec::new();
                    let cells = table.cells(self.blocks, &mut allowance, row, Part::Folder, &mut ignored);
                    if self.exists(row.id) {
                        children.push((row.id, number, cells.unwrap_or_default()));
                    } else {
                        let reason =
                            format!("its table names folder {:#x}, of which there is no trace", row.id);
                        push(damage, Part::Folder, Fault::new(reason));
                    }
                }
            }
            Err(fault) => push(damage, Part::Folder, Fault::new(format!("its table of folders: {fault}"))),
        }
        self.blocks.warned(Part::Folder, damage);
        let named: HashSet<u32> = children.iter().map(|(child, ..)| *child).collect();
        let others = self.subfolders.of(number).filter(|child| !named.contains(child) && *child != number);
        children.extend(others.map(|child| (child, number, Properties::default())));
        children
    }

    /// True where the folder's node is there, or something names it as its parent, or its node may have been lost.
    fn exists(&self, number: u32) -> bool {
        self.blocks.index.living(number).is_some()
            || self.subfolders.of(number).len() > 0
            || self.items.of(number).len() > 0
            || self.blocks.index.node_gaps.hold(u64::from(number))
    }

    /// Lists the items of the folders from this one on.
    fn list_items(&mut self, from: usize) {
        for folder in &mut self.folders[from..] {
            self.blocks.begin();
            contents(self.blocks, &self.items, &self.seen, &mut self.listed, folder);
        }
    }

    /// Adds, below the root, folders that nothing leads to: living ones without a living parent, then those that only
    /// items still name which no table lists. Also where both indexes are whole: mail in them is mail.
    fn add_lost(&mut self) {
        let orphans: Vec<u32> = self.subfolders.0.iter().map(|(_, child)| *child).collect();
        let tops: Vec<u32> = self.subfolders.0.iter().map(|(parent, _)| *parent).collect();
        let unlisted = self.items.0.iter().filter(|(_, item)| !self.listed.contains(item));
        let parents: Vec<u32> = unlisted.map(|(parent, _)| *parent).collect();
        let mut gone: Vec<u32> =
            tops.into_iter().chain(parents).filter(|one| kind(*one) == FOLDER_TYPE).collect();
        gone.dedup();
        gone.retain(|number| self.blocks.index.living(*number).is_none());
        for number in gone.into_iter().chain(orphans) {
            if self.seen.contains(&number) {
                continue;
            }
            let before = self.folders.len();
            self.below((number, ROOT, Properties::default()));
            if let Some(folder) = self.folders.get_mut(before) {
                let reason = "nothing leads to it any more: where it lay is lost";
                push(&mut folder.damage, Part::Folder, Fault::new(reason));
            }
        }
    }

    /// Lists living items that are still in no folder below the first one, and tells what was passed over there.
    fn add_rest(&mut self) {
        let unlisted = self.items.0.iter().map(|(_, item)| *item).filter(|item| !self.listed.contains(item));
        let rest: Vec<NodeId> = unlisted.map(NodeId).collect();
        if self.folders.is_empty() && !rest.is_empty() {
            self.below((ROOT, ROOT, Properties::default()));
        }
        let Some(first) = self.folders.first_mut() else { return };
        if !self.passed_over.is_empty() {
            let (most, more) = (self.folders_max, self.passed_over.len());
            let reason =
                format!("only {most} folders are read: {more} more are known, with whatever lies below");
            push(&mut first.damage, Part::Limit, Fault::new(reason));
        }
        if !rest.is_empty() {
            let reason =
                format!("{} items lie in no folder that can be read: they are listed here", rest.len());
            push(&mut first.damage, Part::Contents, Fault::new(reason));
            first.items.extend(rest);
        }
    }
}

fn claimed(properties: &Properties) -> Option<u64> {
    properties.integer(CONTENT_COUNT).and_then(|count| u64::try_from(count).ok())
}

/// The table of a type that belongs to a folder: its NID differs in the type alone.
fn open(blocks: &mut Blocks, folder: u32, table: u32) -> Result<Table, Fault> {
    let number = folder & !0x1F | table;
    let node = blocks.index.living(number).ok_or_else(|| Fault::new("its node is not there"))?;
    Table::open(blocks, node.data, node.subnodes)
}

/// The cells of an item's row in a folder's contents table.
pub(super) fn row(blocks: &mut Blocks, folder: u32, item: u32) -> Option<Properties> {
    blocks.begin();
    let cells = open(blocks, folder, CONTENTS_TYPE).ok().and_then(|mut table| {
        let row = *table.rows.iter().find(|row| row.id == item)?;
        table.cells(blocks, &mut Allowance::default(), row, Part::Contents, &mut Vec::new()).ok()
    });
    // What is damaged of the table was told with its folder.
    blocks.warned(Part::Contents, &mut Vec::new());
    cells
}

/// Lists a folder's items. One that names another folder as its parent is listed there, if that one is reached.
fn contents(
    blocks: &mut Blocks,
    items: &Children,
    reached: &HashSet<u32>,
    listed: &mut HashSet<u32>,
    folder: &mut Folder,
) {
    let number = folder.node.0;
    let mut elsewhere: HashMap<u32, usize> = HashMap::new();
    match open(blocks, number, CONTENTS_TYPE) {
        Ok(table) => {
            tell(&table.faults, Part::Contents, &mut folder.damage);
            let rows = table.rows.iter().filter(|row| kind(row.id) == ITEM_TYPE);
            folder.counts.table_rows = table.faults.is_empty().then_some(table.rows.len() as u64);
            for row in rows {
                let parent = blocks.living(row.id).map(|node| node.parent);
                match parent.filter(|parent| *parent != number && reached.contains(parent)) {
                    Some(parent) => *elsewhere.entry(parent).or_default() += 1,
                    None if listed.insert(row.id) => folder.items.push(NodeId(row.id)),
                    None => {}
                }
            }
        }
        Err(fault) => push(&mut folder.damage, Part::Contents, fault),
    }
    for (parent, count) in elsewhere {
        let reason = format!("its table names {count} items that lie in folder {parent:#x}");
        push(&mut folder.damage, Part::Contents, Fault::new(reason));
    }
    blocks.warned(Part::Contents, &mut folder.damage);
    let children = items.of(number);
    folder.counts.node_children = Some(children.len() as u64);
    folder.items.extend(children.filter(|child| listed.insert(*child)).map(NodeId));
}

#[cfg(test)]
mod tests;
