//! Finds each folder's place: parents before children, what was decided before what has to be found.
//! Never creates a second place where the destination has one that it takes for the same.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use unicode_normalization::UnicodeNormalization;

use super::key::{Key, ancestors, key_of, levels, typed_key};
use super::{MappingPolicy, OnClash, Reason, RecordedPair, Warning, is_view, labelled};
use crate::folder::{Folder, FolderPath, NamespaceKind, Naming, Role, WireName};
use crate::folder_name::as_listed;
use crate::role::{self, Assigned};
use crate::substitution;

/// A place at the destination, and why it is not the folder's own name, or that of a folder above it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) path: FolderPath,
    pub(super) reason: Option<Reason>,
}

/// Who decided about a folder, by itself or by one above it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Anchor {
    /// The operator's map of that folder.
    Map(FolderPath),
    /// That folder's role.
    Role(Role, FolderPath),
    /// Nobody: it keeps its name.
    Own,
}

pub(super) struct Placement<'a> {
    pub(super) source: &'a [Folder],
    pub(super) role_by_index: &'a [Option<Assigned>],
    /// Roles of listed folders, and of unlisted ones that only lead to others.
    pub(super) role_by_path: BTreeMap<FolderPath, Role>,
    destination: Vec<&'a Folder>,
    destination_by_key: BTreeMap<Key, Vec<usize>>,
    destination_roles: Vec<Option<Assigned>>,
    pub(super) naming: &'a Naming,
    policy: &'a MappingPolicy,
    /// Destinations by the source path as an operator types it.
    maps: BTreeMap<String, Place>,
    pub(super) into: Option<FolderPath>,
    /// Folders that are no level of the names below them.
    containers: Vec<FolderPath>,
    recorded_by_index: BTreeMap<usize, FolderPath>,
    recorded_by_path: BTreeMap<&'a FolderPath, FolderPath>,
    /// The place of each role, once it is known; nothing while it is being found.
    role_places: BTreeMap<Role, Option<FolderPath>>,
    place_by_path: BTreeMap<FolderPath, Place>,
    pub(super) place_by_index: BTreeMap<usize, Place>,
    pub(super) claims: BTreeMap<Key, Vec<usize>>,
    pub(super) clashing: BTreeSet<Key>,
    /// The folders to place, by their number in `source`.
    pub(super) taken: Vec<usize>,
    pub(super) warnings: Vec<Warning>,
}

impl<'a> Placement<'a> {
    pub(super) fn new(
        source: &'a [Folder],
        role_by_index: &'a [Option<Assigned>],
        destination: &'a [Folder],
        naming: &'a Naming,
        recorded: &'a [RecordedPair],
        policy: &'a MappingPolicy,
    ) -> Self {
        let mut destination: Vec<_> =
            destination.iter().filter(|folder| folder.namespace == NamespaceKind::Personal).collect();
        destination.sort_by(|a, b| (&a.path, &a.wire).cmp(&(&b.path, &b.wire)));
        let listed: Vec<Folder> = destination.iter().map(|folder| (*folder).clone()).collect();
        let mut placement = Self {
            source,
            role_by_index,
            role_by_path: BTreeMap::new(),
            destination_by_key: BTreeMap::new(),
            destination_roles: role::roles(&listed),
            destination,
            naming,
            policy,
            maps: BTreeMap::new(),
            into: None,
            containers: Vec::new(),
            recorded_by_index: BTreeMap::new(),
            recorded_by_path: BTreeMap::new(),
            role_places: BTreeMap::new(),
            place_by_path: BTreeMap::new(),
            place_by_index: BTreeMap::new(),
            claims: BTreeMap::new(),
            clashing: BTreeSet::new(),
            taken: Vec::new(),
            warnings: Vec::new(),
        };
        for (index, folder) in placement.destination.iter().enumerate() {
            let key = key_of(&folder.path, naming);
            placement.destination_by_key.entry(key).or_default().push(index);
        }
        if policy.labels.is_some() {
            placement.containers = labelled::containers(source);
        }
        placement.read_roles();
        placement.read_policy();
        placement.read_recorded(recorded);
        placement
    }

    fn read_roles(&mut self) {
        for (folder, assigned) in self.source.iter().zip(self.role_by_index) {
            let is_placed = |role| !is_view(role) || (role == Role::All && self.policy.labels.is_some());
            if let Some(assigned) = assigned.filter(|assigned| is_placed(assigned.role)) {
                self.role_by_path.entry(folder.path.clone()).or_insert(assigned.role);
            }
        }
        let listed: BTreeSet<&FolderPath> = self.source.iter().map(|folder| &folder.path).collect();
        for folder in self.source.iter().filter(|folder| folder.namespace == NamespaceKind::Personal) {
            for above in ancestors(&folder.path).filter(|above| !listed.contains(above)) {
                if let Some(role) = role::role_of_unlisted(&above) {
                    self.role_by_path.insert(above, role);
                }
            }
        }
    }

    fn read_policy(&mut self) {
        if let Some(into) = &self.policy.into {
            match self.typed(into) {
                Some(place) => self.into = Some(place.path),
                None => self.warnings.push(Warning::NoDestination(into.clone())),
            }
        }
        for (from, to) in &self.policy.maps {
            let source = levels(from).and_then(FolderPath::new);
            match (source, self.typed(to)) {
                (Some(source), Some(place)) => {
                    let is_there = self.source.iter().any(|folder| {
                        let is_it = |path: &FolderPath| typed_key(path) == typed_key(&source);
                        is_it(&folder.path) || ancestors(&folder.path).any(|above| is_it(&above))
                    });
                    if !is_there {
                        self.warnings.push(Warning::MapWithoutSource(from.clone()));
                    }
                    self.maps.insert(typed_key(&source), place);
                }
                (None, _) => self.warnings.push(Warning::MapWithoutSource(from.clone())),
                (_, None) => self.warnings.push(Warning::NoDestination(to.clone())),
            }
        }
    }

    /// Each recorded pair belongs to one folder: the one of its wire name, else, where a server has come to write
    /// its names otherwise, one of its path.
    fn read_recorded(&mut self, recorded: &'a [RecordedPair]) {
        let mut by_wire: BTreeMap<&WireName, &RecordedPair> =
            recorded.iter().map(|pair| (&pair.source_wire, pair)).collect();
        for (index, folder) in self.source.iter().enumerate() {
            if let Some(pair) = by_wire.remove(&folder.wire) {
                self.recorded_by_index.insert(index, self.as_existing(&pair.destination));
            }
        }
        let mut by_path: BTreeMap<&FolderPath, Vec<&RecordedPair>> = BTreeMap::new();
        for pair in by_wire.into_values() {
            by_path.entry(&pair.source).or_default().push(pair);
        }
        for (index, folder) in self.source.iter().enumerate() {
            if self.recorded_by_index.contains_key(&index) {
                continue;
            }
            if let Some(pair) = by_path.get_mut(&folder.path).and_then(Vec::pop) {
                self.recorded_by_index.insert(index, self.as_existing(&pair.destination));
            }
        }
        for pair in recorded {
            let place = self.as_existing(&pair.destination);
            self.recorded_by_path.entry(&pair.source).or_insert(place);
        }
    }

    /// The place that an operator typed.
    fn typed(&self, text: &str) -> Option<Place> {
        let mut place: Option<Place> = None;
        for level in levels(text)? {
            place = Some(self.below(place.as_ref(), &level));
        }
        place
    }

    pub(super) fn is_mapped(&self, path: &FolderPath) -> bool {
        self.maps.contains_key(&typed_key(path))
    }

    /// True for a folder that an earlier run took.
    pub(super) fn is_recorded(&self, index: usize) -> bool {
        self.recorded_by_index.contains_key(&index)
    }

    /// False where everything goes below one folder by its own name.
    pub(super) fn follows_roles(&self) -> bool {
        self.into.is_none()
    }

    /// True where the source's folders are labels.
    pub(super) const fn is_labelled(&self) -> bool {
        self.policy.labels.is_some()
    }

    /// The roles that destination folders have.
    pub(super) fn destination_roles(&self) -> Vec<Role> {
        self.destination_roles.iter().flatten().map(|assigned| assigned.role).collect()
    }

    /// Gives every folder of `taken` its place: recorded ones, those with a map, those with a role, then the others
    /// level by level, so that a folder that gets a number takes its children along.
    pub(super) fn place_all(&mut self) {
        let (mut decided, mut others) = (Vec::new(), Vec::new());
        for &index in &self.taken {
            let path = &self.source[index].path;
            let urgency = if self.is_mapped(path) {
                1
            } else if self.recorded_by_index.contains_key(&index) {
                0
            } else if self.role_by_path.contains_key(path) {
                2
            } else {
                others.push(index);
                continue;
            };
            decided.push((urgency, path.levels().len(), index));
        }
        decided.sort_unstable();
        self.place_level(&decided.iter().map(|(_, _, index)| *index).collect::<Vec<_>>());
        let mut others: Vec<_> =
            others.into_iter().map(|index| (self.source[index].path.levels().len(), index)).collect();
        others.sort_unstable();
        for level in others.chunk_by(|a, b| a.0 == b.0) {
            let mut proposals: Vec<_> = level
                .iter()
                .map(|&(_, index)| {
                    let place = self.proposal(&self.source[index].path.clone());
                    let is_exact = self
                        .existing(&place.path)
                        .is_some_and(|existing| existing.path.name() == self.source[index].path.name());
                    (place.reason.is_some(), !is_exact, index)
                })
                .collect();
            proposals.sort_unstable();
            self.place_level(&proposals.iter().map(|(_, _, index)| *index).collect::<Vec<_>>());
        }
    }

    /// Places folders in the order given; those that have to get a number come after all others, for theirs must
    /// not be the name of one of them.
    fn place_level(&mut self, indices: &[usize]) {
        let mut losers = Vec::new();
        for &index in indices {
            let path = self.source[index].path.clone();
            let place = match self.recorded_by_index.get(&index).cloned() {
                Some(recorded) if !self.is_mapped(&path) => self.recorded_place(&path, recorded),
                _ => self.proposal(&path),
            };
            let members = self.claims.get(&key_of(&place.path, self.naming)).cloned().unwrap_or_default();
            if members.iter().all(|member| self.is_declared(*member, index)) {
                self.claim(index, place);
            } else if place.reason.is_some() || members.iter().any(|member| self.is_substituted(*member)) {
                losers.push((index, place, Reason::Taken));
            } else {
                match self.policy.on_clash {
                    OnClash::Merge => self.claim(index, place),
                    OnClash::Suffix => losers.push((index, place, Reason::Clash)),
                    OnClash::Block => {
                        self.clashing.insert(key_of(&place.path, self.naming));
                        self.claim(index, place);
                    }
                }
            }
        }
        for (index, place, reason) in losers {
            let mut number = 2;
            let path = loop {
                let path = self.as_existing(&substitution::numbered(&place.path, number));
                if !self.claims.contains_key(&key_of(&path, self.naming)) {
                    break path;
                }
                number += 1;
            };
            self.claim(index, Place { path, reason: Some(reason) });
        }
    }

    /// Takes a place, as whoever came first spells it.
    fn claim(&mut self, index: usize, mut place: Place) {
        let path = &self.source[index].path;
        let members = self.claims.entry(key_of(&place.path, self.naming)).or_default();
        if let Some(first) = members.first().and_then(|first| self.place_by_index.get(first)) {
            place.path = first.path.clone();
        }
        members.push(index);
        let is_first = index == 0 || self.source[index - 1].path != *path;
        if is_first {
            self.place_by_path.insert(path.clone(), place.clone());
        }
        self.place_by_index.insert(index, place);
    }

    /// True when a substitution, not the operator's or the user's choice, gave a folder its place.
    fn is_substituted(&self, index: usize) -> bool {
        self.place_by_index.get(&index).is_some_and(|place| place.reason.is_some())
    }

    /// The place that an earlier run gave, and why it had to change the name, as far as that shows.
    fn recorded_place(&mut self, path: &FolderPath, recorded: FolderPath) -> Place {
        let proposal = self.proposal(path);
        let number =
            recorded.name().rsplit_once(" (").and_then(|(_, end)| end.strip_suffix(')')?.parse().ok());
        let is_same = |path: &FolderPath| key_of(path, self.naming) == key_of(&recorded, self.naming);
        let reason = if is_same(&proposal.path) {
            proposal.reason
        } else {
            let is_numbered =
                number.is_some_and(|number| is_same(&substitution::numbered(&proposal.path, number)));
            is_numbered.then_some(Reason::Taken)
        };
        Place { path: recorded, reason }
    }

    /// True when two source folders may share a place because the operator or their role says so, or because they
    /// already do.
    fn is_declared(&self, left: usize, right: usize) -> bool {
        let both_recorded = [left, right].iter().all(|index| self.recorded_by_index.contains_key(index));
        if both_recorded {
            return true;
        }
        let (left, right) = (&self.source[left].path, &self.source[right].path);
        match (self.anchor(left), self.anchor(right)) {
            (Anchor::Map(left), Anchor::Map(right)) => left != right,
            (Anchor::Map(_), _) | (_, Anchor::Map(_)) => true,
            (Anchor::Role(left_role, left_above), Anchor::Role(right_role, right_above)) => {
                left_role == right_role
                    && left_above != right_above
                    && left.below(&left_above) == right.below(&right_above)
            }
            _ => false,
        }
    }

    fn anchor(&self, path: &FolderPath) -> Anchor {
        for above in core::iter::once(path.clone()).chain(ancestors(path)) {
            if self.is_mapped(&above) {
                return Anchor::Map(above);
            }
            match self.role_by_path.get(&above) {
                Some(role) if *role != Role::Inbox && self.follows_roles() => {
                    return Anchor::Role(*role, above);
                }
                _ => {}
            }
        }
        Anchor::Own
    }

    /// Where a folder belongs, whether or not it is taken or even exists.
    fn place_of(&mut self, path: &FolderPath) -> Place {
        if let Some(place) = self.place_by_path.get(path) {
            return place.clone();
        }
        let place = match self.recorded_by_path.get(path).cloned() {
            Some(recorded) if !self.is_mapped(path) => self.recorded_place(path, recorded),
            _ => self.proposal(path),
        };
        self.place_by_path.insert(path.clone(), place.clone());
        place
    }

    fn proposal(&mut self, path: &FolderPath) -> Place {
        if let Some(place) = self.maps.get(&typed_key(path)) {
            return place.clone();
        }
        let role = self.role_by_path.get(path).copied();
        let role = role.filter(|role| *role != Role::Inbox && self.follows_roles());
        match role.and_then(|role| self.place_of_role(role)) {
            Some(path) => Place { path, reason: None },
            None => self.own_place(path),
        }
    }

    /// Below wherever its parent goes, by its own name.
    fn own_place(&mut self, path: &FolderPath) -> Place {
        let parent = path.parent().filter(|parent| !self.containers.contains(parent));
        let above = match parent {
            Some(parent) => Some(self.place_of(&parent)),
            None => self.into.clone().map(|path| Place { path, reason: None }),
        };
        self.below(above.as_ref(), path.name())
    }

    /// The destination's folder of a role, else the place of the surest source folder that has it; nothing while
    /// the latter is being found, where folders of roles lie below each other.
    fn place_of_role(&mut self, role: Role) -> Option<FolderPath> {
        if let Some(place) = self.role_places.get(&role) {
            return place.clone();
        }
        self.role_places.insert(role, None);
        let source = self
            .role_by_index
            .iter()
            .enumerate()
            .filter_map(|(index, assigned)| Some((index, (*assigned)?)))
            .filter(|(_, assigned)| assigned.role == role)
            .min_by_key(|(index, assigned)| (!self.taken.contains(index), assigned.by, *index))
            .map(|(index, _)| self.source[index].path.clone())?;
        let existing = (self.destination.iter().zip(&self.destination_roles))
            .filter(|(folder, assigned)| {
                folder.is_selectable && assigned.is_some_and(|found| found.role == role)
            })
            .min_by_key(|(folder, assigned)| {
                let is_named_alike = folder.path.name() == source.name();
                (
                    assigned.map(|found| (found.by != role::By::SpecialUse, !is_named_alike, found.by)),
                    &folder.path,
                )
            })
            .map(|(folder, _)| folder.path.clone());
        let place = match existing {
            Some(path) => path,
            None if self.policy.labels.is_some() && role == Role::Archive => {
                self.below(None, labelled::ARCHIVE).path
            }
            None => self.own_place(&source).path,
        };
        self.role_places.insert(role, Some(place.clone()));
        Some(place)
    }

    /// A name below a place, as the destination can hold it and lists it.
    fn below(&self, above: Option<&Place>, name: &str) -> Place {
        let (naming, rules) = (self.naming, &self.policy.rules);
        let Some(above) = above else {
            let (level, own_reason) = substitution::top_level(name, naming, rules);
            return Place { path: self.as_existing(&FolderPath::root(&level)), reason: own_reason };
        };
        let (level, own_reason) = substitution::level(name, naming, rules);
        let mut reason = own_reason.or(above.reason);
        let mut path = as_listed(&above.path.child(&level), self.naming);
        while let Some(parent) = path.parent() {
            let takes_children = self.existing(&parent).is_none_or(|existing| existing.may_have_children);
            let misfit = substitution::misfit(&path, self.naming, &self.policy.rules);
            let Some(misfit) = misfit.or((!takes_children).then_some(Reason::NoChildren)) else { break };
            reason = Some(misfit);
            path = substitution::beside(&parent, path.name(), self.naming, &self.policy.rules);
        }
        Place { path: self.as_existing(&path), reason }
    }

    /// The destination folder that is this one to its server: by the same name, else composed or spelt differently.
    pub(super) fn existing(&self, path: &FolderPath) -> Option<&'a Folder> {
        let found = self.destination_by_key.get(&key_of(path, self.naming))?;
        let by_name = found.iter().find(|index| self.destination[**index].path == *path);
        let by_composition = || {
            found.iter().find(|index| {
                let other = &self.destination[**index].path;
                other
                    .levels()
                    .iter()
                    .flat_map(|level| level.nfc().chain(['\0']))
                    .eq(path.levels().iter().flat_map(|level| level.nfc().chain(['\0'])))
            })
        };
        let index = by_name.or_else(by_composition).or(found.first())?;
        Some(self.destination[*index])
    }

    /// A path as the destination spells it.
    fn as_existing(&self, path: &FolderPath) -> FolderPath {
        let path = as_listed(path, self.naming);
        self.existing(&path).map_or(path, |existing| existing.path.clone())
    }
}
