//! `--automap`: a folder of a role goes to the destination's folder of that role, where there is one.
//! Never makes a folder for a role: what has no counterpart keeps its name, as with imapsync.

use std::collections::BTreeMap;

use malote_engine::exchange::Survey;
use malote_engine::plan::folder::{Folder, FolderPath, Role};
use malote_engine::plan::role::{self, Assigned, By};

use super::wire_text;

/// Destination names by the source folder's path.
pub(super) fn pairs(source: &Survey, destination: &Survey) -> BTreeMap<FolderPath, String> {
    let mut best: BTreeMap<Role, (By, String)> = BTreeMap::new();
    for (folder, assigned) in assigned(&destination.folders) {
        let name = wire_text(folder, &destination.naming);
        match best.get(&assigned.role) {
            Some((by, _)) if *by <= assigned.by => {}
            _ => {
                best.insert(assigned.role, (assigned.by, name));
            }
        }
    }
    assigned(&source.folders)
        .filter_map(|(folder, assigned)| Some((folder.path.clone(), best.get(&assigned.role)?.1.clone())))
        .collect()
}

fn assigned(folders: &[Folder]) -> impl Iterator<Item = (&Folder, Assigned)> {
    folders
        .iter()
        .zip(role::roles(folders))
        .filter_map(|(folder, assigned)| Some((folder, assigned.filter(|one| one.role != Role::Inbox)?)))
        .filter(|(folder, _)| folder.is_selectable)
}
