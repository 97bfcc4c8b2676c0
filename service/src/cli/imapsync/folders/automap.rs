//! `--automap`: a folder of a role goes to the destination's folder of that role, or with the surest one of them.
//! Never lets a later run decide otherwise because of what an earlier one created: with imapsync, `Sent Items` beside
//! `Sent` goes to a folder of its own at first, and to `Sent` once that is there.

use std::collections::BTreeMap;

use malote_engine::exchange::Survey;
use malote_engine::plan::folder::{Folder, Role};
use malote_engine::plan::role::{self, Assigned, By};

use super::wire_text;

/// Where a folder of a role goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Goal {
    /// To this name at the destination.
    There(String),
    /// To wherever this source folder goes by its own name.
    With(String),
}

/// Goals by the source folder's name; `is_taken` tells the folders that are worked on.
pub(super) fn goals(
    source: &Survey,
    destination: &Survey,
    is_taken: impl Fn(&str) -> bool,
) -> BTreeMap<String, Goal> {
    let there = surest(assigned(destination));
    let here = surest(assigned(source).filter(|(name, _)| is_taken(name)));
    assigned(source)
        .filter_map(|(name, assigned)| {
            let goal = match (there.get(&assigned.role), here.get(&assigned.role)) {
                (Some((_, found)), _) => Goal::There(found.clone()),
                (None, Some((_, best))) => Goal::With(best.clone()),
                (None, None) => return None,
            };
            Some((name, goal))
        })
        .collect()
}

fn surest(folders: impl Iterator<Item = (String, Assigned)>) -> BTreeMap<Role, (By, String)> {
    let mut surest: BTreeMap<Role, (By, String)> = BTreeMap::new();
    for (name, assigned) in folders {
        let candidate = (assigned.by, name);
        match surest.get(&assigned.role) {
            Some(known) if *known <= candidate => {}
            _ => {
                surest.insert(assigned.role, candidate);
            }
        }
    }
    surest
}

fn assigned(survey: &Survey) -> impl Iterator<Item = (String, Assigned)> {
    let roles = role::roles(&survey.folders);
    survey.folders.iter().zip(roles).filter(|(folder, _)| folder.is_selectable).filter_map(
        |(folder, assigned): (&Folder, _)| {
            Some((wire_text(folder, &survey.naming), assigned.filter(|one| one.role != Role::Inbox)?))
        },
    )
}
