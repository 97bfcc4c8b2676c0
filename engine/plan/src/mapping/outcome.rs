//! Tells what became of each folder once all have their place.
//! Never changes a place.

use alloc::string::String;
use alloc::vec::Vec;

use super::key::{ancestors, key_of, typed_key};
use super::placement::Placement;
use super::{Clash, ClashKind, FolderPair, Renaming, Warning, labelled};
use crate::folder::{Folder, FolderPath, Role};
use crate::pattern::joined;

impl Placement<'_> {
    pub(super) fn pairs(&self) -> Vec<FolderPair> {
        let mut pairs: Vec<(usize, FolderPair)> = self
            .place_by_index
            .iter()
            .map(|(&index, place)| {
                let source = self.source[index].clone();
                let members = self.claims.get(&key_of(&place.path, self.naming));
                let merged_with = members
                    .into_iter()
                    .flatten()
                    .filter(|member| **member != index)
                    .map(|member| self.source[*member].path.clone())
                    .collect();
                let renamed = place.reason.map(|reason| Renaming { reason, original: source.path.clone() });
                let pair = FolderPair {
                    destination: place.path.clone(),
                    existing: self.existing(&place.path).cloned(),
                    role: self.role_by_index[index].map(|assigned| assigned.role),
                    renamed,
                    merged_with,
                    source,
                };
                (self.turn(index), pair)
            })
            .collect();
        pairs.sort_by(|(a_turn, a), (b_turn, b)| {
            (a_turn, &a.source.path, &a.source.wire).cmp(&(b_turn, &b.source.path, &b.source.wire))
        });
        pairs.into_iter().map(|(_, pair)| pair).collect()
    }

    /// When a folder's turn comes.
    fn turn(&self, index: usize) -> usize {
        const OTHERS: usize = 4;
        const ALL: usize = 7;
        if self.is_labelled() && labelled::is_all(&self.source[index]) {
            return ALL;
        }
        let turn_of = |role| match role {
            Role::Inbox => 0,
            Role::Sent => 1,
            Role::Drafts => 2,
            Role::Archive => 3,
            Role::Junk => 5,
            Role::Trash => 6,
            Role::All | Role::Flagged | Role::Important => OTHERS,
        };
        let path = &self.source[index].path;
        if let Some(assigned) = self.role_by_index[index] {
            return turn_of(assigned.role);
        }
        let above = ancestors(path).find_map(|above| self.role_by_path.get(&above).copied());
        above.map_or(OTHERS, |role| turn_of(role).max(OTHERS))
    }

    /// Folders that stay where an earlier run brought them, though `--into` names another place.
    pub(super) fn too_late(&self, pairs: &[FolderPair]) -> Option<Warning> {
        let into = self.into.clone()?;
        let above = key_of(&into, self.naming);
        let is_mapped =
            |path: &FolderPath| self.is_mapped(path) || ancestors(path).any(|above| self.is_mapped(&above));
        let is_elsewhere = |pair: &&FolderPair| {
            !is_mapped(&pair.source.path)
                && self.was_brought(&pair.source)
                && !key_of(&pair.destination, self.naming).starts_with(&above)
        };
        let elsewhere = pairs.iter().filter(is_elsewhere);
        let folders: Vec<_> =
            elsewhere.map(|pair| (pair.source.path.clone(), pair.destination.clone())).collect();
        (!folders.is_empty()).then_some(Warning::IntoTooLate { into, folders })
    }

    /// True for a folder that an earlier run took.
    fn was_brought(&self, folder: &Folder) -> bool {
        let is_it = |index: &usize| self.source[*index].wire == folder.wire;
        self.place_by_index.keys().filter(|index| is_it(index)).any(|index| self.is_recorded(*index))
    }

    pub(super) fn clashes(&self) -> Vec<Clash> {
        let mut clashes: Vec<Clash> = self
            .clashing
            .iter()
            .filter_map(|key| {
                let members = self.claims.get(key)?;
                let sources: Vec<_> = members.iter().map(|index| self.source[*index].path.clone()).collect();
                let destination = self.place_by_index.get(members.first()?)?.path.clone();
                Some(Clash { kind: kind_of(&sources), sources, destination })
            })
            .collect();
        clashes.sort_by(|a, b| a.destination.cmp(&b.destination));
        clashes
    }
}

fn kind_of(sources: &[FolderPath]) -> ClashKind {
    let all_alike = |fold: &dyn Fn(&FolderPath) -> String| {
        let mut folded = sources.iter().map(fold);
        folded.next().is_some_and(|first| folded.all(|other| other == first))
    };
    if all_alike(&joined) {
        ClashKind::Place
    } else if all_alike(&typed_key) {
        ClashKind::Composition
    } else if all_alike(&|path| typed_key(path).to_lowercase()) {
        ClashKind::Case
    } else {
        ClashKind::Place
    }
}
