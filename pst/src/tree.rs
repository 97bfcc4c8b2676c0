//! The folders of a store as their user saw them: paths below the visible root, special uses, and what is left out.
//! Never reads an item, and never drops a folder without saying so.

mod places;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use places::Places;
pub use places::Role;

use crate::item::{Counts, Damage, Folder};
use crate::property::{Properties, Value};
use crate::store::{NodeId, Summary};

/// Deepest folder that keeps its place; deeper ones are moved up to this depth, and that is told.
pub const DEPTH_MAX: usize = 200;

/// `PidTagDisplayName`.
const DISPLAY_NAME: u16 = 0x3001;
/// `PidTagContainerClass`.
const CONTAINER_CLASS: u16 = 0x3613;
/// `PidTagAttributeHidden`.
const HIDDEN: u16 = 0x10F4;

/// One folder in its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// Its node.
    pub node: NodeId,
    /// Names from below the visible root down to it, as the user wrote them. The visible root itself has its own name
    /// where items lie in it, and no path where none do. Different folders with items have different paths.
    pub path: Vec<String>,
    /// What the store uses it for, where the store says so.
    pub role: Option<Role>,
    /// `PidTagContainerClass`, where it is told.
    pub container_class: Option<String>,
    /// Its items.
    pub items: Vec<NodeId>,
    /// How many each way of counting gives.
    pub counts: Counts,
    /// What could not be read of it.
    pub damage: Vec<Damage>,
}

/// A folder that is not part of the mailbox as its user saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its node.
    pub node: NodeId,
    /// Names from the store's root down to it.
    pub path: Vec<String>,
    /// Why.
    pub reason: &'static str,
    /// Its items.
    pub items: Vec<NodeId>,
    /// What could not be read of it: folders and items that its tables named may be missing elsewhere.
    pub damage: Vec<Damage>,
}

/// The folders of one store.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tree {
    /// Those that are carried, parents first, in the store's order.
    pub folders: Vec<Placed>,
    /// Those that are not.
    pub left_out: Vec<LeftOut>,
    /// What was coped with, as sentences.
    pub remarks: Vec<String>,
}

impl Tree {
    /// What could not be read of folders, wherever they stand, each with the folder's path.
    pub fn damage(&self) -> impl Iterator<Item = (&[String], &Damage)> {
        let carried = self.folders.iter().map(|folder| (&folder.path, &folder.damage));
        let left_out = self.left_out.iter().map(|folder| (&folder.path, &folder.damage));
        carried
            .chain(left_out)
            .flat_map(|(path, damage)| damage.iter().map(move |damage| (path.as_slice(), damage)))
    }
}

/// Where a folder stands; its children's place follows from it.
#[derive(Clone)]
enum Place {
    /// On the way down to the visible root.
    Above(Vec<String>),
    /// At or below the visible root.
    Visible(Vec<String>),
    /// Not carried, nor anything below it.
    Out(Vec<String>, &'static str),
}

/// True for a folder that only shows messages of others (NID type 3).
#[must_use]
pub const fn is_search(node: NodeId) -> bool {
    node.0 & 0x1F == places::TYPE_SEARCH_FOLDER
}

/// Puts `folders` into their places. `text` decodes a string value, of whatever type, for reading. What is left out may
/// hold mail all the same: who reads items has to look.
#[must_use]
pub fn arrange(summary: &Summary, folders: &[Folder], text: &dyn Fn(&Value) -> String) -> Tree {
    let mut tree = Tree::default();
    let names: BTreeMap<NodeId, String> =
        folders.iter().map(|folder| (folder.node, name(folder, text))).collect();
    let special = Places::find(summary, folders, &names);
    let mut taken = BTreeMap::new();
    let mut places: BTreeMap<NodeId, Place> = BTreeMap::new();
    for (folder, is_torn) in parents_first(folders) {
        let name = names.get(&folder.node).cloned().unwrap_or_default();
        let above =
            if is_torn { Place::Visible(Vec::new()) } else { special.above(places.get(&folder.parent)) };
        let place = special.place(folder, name.clone(), above, &mut tree.remarks);
        let items = folder.items.clone();
        let place = match place {
            Place::Visible(path) if !path.is_empty() => {
                Place::Visible(apart(path, &mut taken, &mut tree.remarks))
            }
            place => place,
        };
        places.insert(folder.node, place.clone());
        match place {
            Place::Visible(path) => tree.folders.push(Placed {
                node: folder.node,
                path: match path.is_empty() && !items.is_empty() {
                    true => apart(vec![name], &mut taken, &mut tree.remarks),
                    false => path,
                },
                role: special.role(folder),
                container_class: container_class(&folder.properties, text),
                items,
                counts: folder.counts,
                damage: folder.damage.clone(),
            }),
            Place::Out(path, reason) => tree.left_out.push(left_out(folder, path, reason)),
            Place::Above(path) => {
                tree.left_out.push(left_out(folder, path, "outside of the visible folders"));
            }
        }
    }
    tree
}

fn left_out(folder: &Folder, path: Vec<String>, reason: &'static str) -> LeftOut {
    LeftOut { node: folder.node, path, reason, items: folder.items.clone(), damage: folder.damage.clone() }
}

/// Every folder once, each after its parent; true with those whose parent is not there, or that go in circles.
fn parents_first(folders: &[Folder]) -> Vec<(&Folder, bool)> {
    let known: BTreeSet<NodeId> = folders.iter().map(|folder| folder.node).collect();
    let mut children: BTreeMap<NodeId, Vec<&Folder>> = BTreeMap::new();
    let mut waiting = Vec::new();
    for folder in folders.iter().rev() {
        if folder.parent == folder.node || !known.contains(&folder.parent) {
            waiting.push((folder, folder.parent != folder.node));
        } else {
            children.entry(folder.parent).or_default().push(folder);
        }
    }
    let mut seen = BTreeSet::new();
    let mut ordered = Vec::with_capacity(folders.len());
    let mut unreached = folders.iter();
    loop {
        while let Some((folder, is_torn)) = waiting.pop() {
            if seen.insert(folder.node) {
                ordered.push((folder, is_torn));
                waiting.extend(children.get(&folder.node).into_iter().flatten().map(|child| (*child, false)));
            }
        }
        match unreached.find(|folder| !seen.contains(&folder.node)) {
            Some(folder) => waiting.push((folder, true)),
            None => return ordered,
        }
    }
}

/// Numbers a path that another folder has already.
fn apart(
    path: Vec<String>,
    taken: &mut BTreeMap<Vec<String>, u32>,
    remarks: &mut Vec<String>,
) -> Vec<String> {
    let Some(mut number) = taken.get(&path).copied() else {
        taken.insert(path.clone(), 1);
        return path;
    };
    let mut numbered = path.clone();
    while taken.contains_key(&numbered) {
        number += 1;
        numbered.clone_from(&path);
        if let Some(last) = numbered.last_mut() {
            *last = format!("{last} ({number})");
        }
    }
    let (is, was) = (numbered.join("/"), path.join("/"));
    remarks.push(format!("two folders are called {was:?}; the second is carried as {is:?}"));
    taken.insert(path, number);
    taken.insert(numbered.clone(), 1);
    numbered
}

fn name(folder: &Folder, text: &dyn Fn(&Value) -> String) -> String {
    let name = folder.properties.get(DISPLAY_NAME).map(text).unwrap_or_default();
    // A name of nothing, or of nothing that can be seen, still has to be told from its neighbours.
    if name.trim().is_empty() { format!("({:#x})", folder.node.0) } else { name }
}

fn container_class(properties: &Properties, text: &dyn Fn(&Value) -> String) -> Option<String> {
    properties.get(CONTAINER_CLASS).map(text).filter(|class| !class.is_empty())
}
