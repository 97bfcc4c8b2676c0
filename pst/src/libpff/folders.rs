//! Walks the folders of a file through libpff: contents tables first, then the tree of nodes.
//! Never takes a table that cannot be read for an empty one.

use std::collections::{HashMap, HashSet, VecDeque};

use super::ffi;
use super::read::{Place, Reading};
use crate::item::{Counts, Damage, Folder, Part};
use crate::property::Properties;
use crate::store::{NodeId, StoreError};

/// Most folders of a file.
pub const FOLDERS_MAX: usize = 50_000;
/// Most rows whose damage is told of one table, each by itself; further ones are told as a number.
const ROWS_TOLD_MAX: usize = 100;
/// `PidTagContentCount`.
const CONTENT_COUNT: u16 = 0x3602;
/// The root folder's node ([MS-PST] §2.4.1).
const ROOT: NodeId = NodeId(0x122);

/// Types of nodes ([MS-PST] §2.2.2.1).
const NORMAL_FOLDER: u32 = 0x02;
const NORMAL_MESSAGE: u32 = 0x04;

const fn is_folder(node: u32) -> bool {
    node & 0x1F == NORMAL_FOLDER
}

const fn is_message(node: u32) -> bool {
    node & 0x1F == NORMAL_MESSAGE
}

fn damage(part: Part, reason: impl Into<String>) -> Damage {
    Damage { part, reason: reason.into() }
}

/// Every folder from the root on, parents first.
///
/// # Errors
/// Where the library finds no root: then the file is damaged, not empty.
pub fn walk(file: &ffi::File) -> Result<Vec<Folder>, StoreError> {
    let no_root = |reason: String| StoreError::Unreadable { node: ROOT, reason };
    let root = file.root_folder().map_err(|reason| no_root(reason.0))?;
    let root = root.ok_or_else(|| no_root("libpff finds no root folder; the file is damaged".to_owned()))?;
    let root = NodeId(root.identifier().map_err(|reason| no_root(reason.0))?);
    let mut seen = HashSet::from([root]);
    let mut waiting = VecDeque::from([(root, root)]);
    let mut folders = Vec::new();
    while let Some((node, parent)) = waiting.pop_front() {
        let mut folder = bare(node, parent);
        let below = match file.item(node.0) {
            Ok(Some(handle)) => fill(file, &handle, &mut folder),
            Ok(None) => {
                folder.damage.push(damage(Part::Folder, "its node is not there"));
                Vec::new()
            }
            Err(reason) => {
                folder.damage.push(damage(Part::Folder, reason.0));
                Vec::new()
            }
        };
        for child in below {
            if seen.len() >= FOLDERS_MAX {
                folder
                    .damage
                    .push(damage(Part::Limit, format!("the file has more than {FOLDERS_MAX} folders")));
                break;
            }
            if seen.insert(child) {
                waiting.push_back((child, node));
            }
        }
        folders.push(folder);
    }
    Ok(folders)
}

fn bare(node: NodeId, parent: NodeId) -> Folder {
    Folder {
        node,
        parent,
        properties: Properties::default(),
        items: Vec::new(),
        counts: Counts { table_rows: None, node_children: None, claimed: None },
        damage: Vec::new(),
    }
}

/// Reads a folder's properties and items, and gives the folders below it.
fn fill(file: &ffi::File, handle: &ffi::Item<'_>, folder: &mut Folder) -> Vec<NodeId> {
    let place = Place { node: folder.node, attachments: Vec::new() };
    match Reading::of_folder(file).node(handle, &place, &mut folder.damage) {
        Ok(properties) => folder.properties = properties,
        Err(reason) => folder.damage.push(damage(Part::Folder, reason.0)),
    }
    folder.counts.claimed =
        folder.properties.integer(CONTENT_COUNT).and_then(|claimed| u64::try_from(claimed).ok());

    let rows = Table {
        part: Part::Contents,
        count: |item| item.sub_messages(),
        row: |item, number| item.sub_message(number),
    };
    let (count, items) = rows.nodes(handle, &mut folder.damage);
    folder.counts.table_rows = count;
    folder.items = items;

    let rows = Table {
        part: Part::Folder,
        count: |item| item.sub_folders(),
        row: |item, number| item.sub_folder(number),
    };
    let (_, mut below) = rows.nodes(handle, &mut folder.damage);
    below.retain(|node| is_folder(node.0));

    let tree = Table {
        part: Part::Folder,
        count: |item| item.sub_items(),
        row: |item, number| item.sub_item(number),
    };
    let (count, children) = tree.nodes(handle, &mut folder.damage);
    let mut known: HashSet<NodeId> = folder.items.iter().chain(&below).copied().collect();
    let messages = children.iter().filter(|node| is_message(node.0)).count();
    folder.counts.node_children = count.map(|_| u64::try_from(messages).unwrap_or(u64::MAX));
    let is_denied = messages > 0 || folder.counts.claimed.is_some_and(|claimed| claimed > 0);
    if folder.counts.table_rows == Some(0) && is_denied {
        // This is also how the library gives a table that is not there.
        folder.counts.table_rows = None;
        folder
            .damage
            .push(damage(Part::Contents, "the table is given empty, where items are known or claimed"));
    }
    for node in children {
        if known.insert(node) {
            if is_message(node.0) {
                folder.items.push(node);
            } else if is_folder(node.0) {
                below.push(node);
            }
        }
    }
    below
}

/// One way to list what a node holds.
struct Table {
    part: Part,
    count: for<'a, 'b> fn(&'a ffi::Item<'b>) -> ffi::Outcome<u32>,
    row: for<'a, 'b> fn(&'a ffi::Item<'b>, u32) -> ffi::Outcome<ffi::Item<'a>>,
}

impl Table {
    /// The number of rows, where it can be had, and their nodes, each once.
    fn nodes(&self, handle: &ffi::Item<'_>, found: &mut Vec<Damage>) -> (Option<u64>, Vec<NodeId>) {
        let count = match (self.count)(handle) {
            Ok(count) => count,
            Err(reason) => {
                found.push(damage(self.part, reason.0));
                None
            }
        };
        let mut seen = HashSet::new();
        let mut nodes = Vec::new();
        let mut lost = 0_usize;
        for number in 0..count.unwrap_or(0) {
            let row = (self.row)(handle, number)
                .and_then(|row| row.ok_or_else(|| ffi::Failure("it is not there".to_owned())))
                .and_then(|row| row.identifier());
            match row {
                Ok(node) if seen.insert(node) => nodes.push(NodeId(node)),
                Ok(_) => {}
                Err(reason) => {
                    lost += 1;
                    if lost <= ROWS_TOLD_MAX {
                        found.push(damage(self.part, format!("row {number}: {reason}")));
                    }
                }
            }
        }
        if lost > ROWS_TOLD_MAX {
            found.push(damage(self.part, format!("{} further rows cannot be read", lost - ROWS_TOLD_MAX)));
        }
        (count.map(u64::from), nodes)
    }
}

/// Messages that are in none of `known`: anywhere in the tree of nodes, or with a parent that does not exist. The
/// latter come with the number that the library finds them by.
///
/// # Errors
/// Where the tree cannot be read.
pub fn strays(
    file: &ffi::File,
    known: &HashSet<NodeId>,
) -> Result<(Vec<NodeId>, HashMap<NodeId, u32>), ffi::Failure> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut waiting = VecDeque::new();
    let mut visit = |item: &ffi::Item<'_>, waiting: &mut VecDeque<u32>| -> Result<(), ffi::Failure> {
        for number in 0..item.sub_items()?.unwrap_or(0) {
            let Some(child) = item.sub_item(number)? else { continue };
            let node = child.identifier()?;
            if !seen.insert(node) {
                continue;
            }
            if is_message(node) && !known.contains(&NodeId(node)) {
                found.push(NodeId(node));
            }
            if child.sub_items()?.unwrap_or(0) > 0 {
                waiting.push_back(node);
            }
        }
        Ok(())
    };
    if let Some(root) = file.root_item()? {
        visit(&root, &mut waiting)?;
    }
    while let Some(node) = waiting.pop_front() {
        if let Some(item) = file.item(node)? {
            visit(&item, &mut waiting)?;
        }
    }
    let orphans = orphans(file)?;
    let mut alone: Vec<NodeId> =
        orphans.keys().copied().filter(|node| is_message(node.0) && !known.contains(node)).collect();
    alone.retain(|node| !seen.contains(&node.0));
    alone.sort_unstable();
    found.extend(alone);
    Ok((found, orphans))
}

/// The nodes without a parent, with the numbers that the library finds them by.
///
/// # Errors
/// Where they cannot be counted.
pub fn orphans(file: &ffi::File) -> Result<HashMap<NodeId, u32>, ffi::Failure> {
    let mut orphans = HashMap::new();
    for number in 0..file.orphans()?.unwrap_or(0) {
        if let Some(item) = file.orphan(number)? {
            orphans.entry(NodeId(item.identifier()?)).or_insert(number);
        }
    }
    Ok(orphans)
}
