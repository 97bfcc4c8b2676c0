//! Which row of the ledger a folder of the source has: by its wire name, by the one that earlier versions knew it by,
//! or by its path.
//! Never gives one row to two folders, nor a row of another store to a folder because both have one number.

use std::collections::{BTreeMap, BTreeSet};

use malote_plan::folder::{Folder, FolderPath, WireName};

use crate::ledger::{FolderId, FolderRow};

/// Rows by the wire names of the folders that are listed now.
pub(super) type Known<'a> = BTreeMap<WireName, &'a FolderRow>;

/// Finds each folder's row. `former` tells how earlier versions knew a folder.
pub(super) fn rows<'a>(
    folders: &[Folder],
    rows: &'a [FolderRow],
    former: impl Fn(&WireName) -> Option<WireName>,
) -> Known<'a> {
    let by_wire: BTreeMap<&WireName, &FolderRow> =
        rows.iter().map(|row| (&row.key.source_wire, row)).collect();
    let mut known: Known<'a> = BTreeMap::new();
    for folder in folders {
        known.extend(by_wire.get(&folder.wire).map(|row| (folder.wire.clone(), *row)));
    }
    let mut taken: BTreeSet<FolderId> = known.values().map(|row| row.id).collect();
    let mut earlier: Vec<(&Folder, &FolderRow)> = Vec::new();
    let mut given = taken.clone();
    for folder in folders.iter().filter(|folder| !known.contains_key(&folder.wire)) {
        let row = former(&folder.wire).and_then(|wire| by_wire.get(&wire).copied());
        earlier.extend(row.filter(|row| given.insert(row.id)).map(|row| (folder, row)));
    }
    if is_one_store(&earlier) {
        taken.extend(earlier.iter().map(|(_, row)| row.id));
        known.extend(earlier.into_iter().map(|(folder, row)| (folder.wire.clone(), row)));
    }
    // A server may come to write its names otherwise, and a store may be made anew of another.
    let mut by_path: BTreeMap<&FolderPath, &FolderRow> = BTreeMap::new();
    for row in rows.iter().filter(|row| !taken.contains(&row.id)) {
        by_path.entry(&row.key.source_path).or_insert(row);
    }
    for folder in folders {
        if !known.contains_key(&folder.wire)
            && let Some(row) = by_path.remove(&folder.path)
        {
            known.insert(folder.wire.clone(), row);
        }
    }
    known
}

/// True where rows that tell of folders by their numbers alone are of the store whose folders have those numbers now:
/// the file has not changed since, or most of them still have their names.
fn is_one_store(pairs: &[(&Folder, &FolderRow)]) -> bool {
    let is_unchanged = |(folder, row): &(&Folder, &FolderRow)| {
        let now = folder.status.and_then(|status| status.uid_validity);
        now.is_some() && now == row.tokens.source_uid_validity
    };
    let named = pairs.iter().filter(|(folder, row)| folder.path == row.key.source_path).count();
    pairs.iter().any(is_unchanged) || named * 2 >= pairs.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{FolderKey, Tokens};
    use malote_plan::folder::{FolderStatus, NamespaceKind};
    use malote_plan::message::UidValidity;

    fn path(name: &str) -> FolderPath {
        FolderPath::new(vec![name.to_owned()]).unwrap()
    }

    fn folder((wire, name): &(&str, &str), generation: u32) -> Folder {
        let status = FolderStatus {
            messages: 1,
            uid_next: None,
            uid_validity: UidValidity::new(generation),
            highest_modseq: None,
            size_octets: None,
        };
        Folder {
            path: path(name),
            wire: WireName(wire.as_bytes().to_vec()),
            delimiter: None,
            is_selectable: true,
            may_have_children: true,
            is_subscribed: true,
            special_use: None,
            namespace: NamespaceKind::Personal,
            status: Some(status),
        }
    }

    fn row(at: usize, (wire, name): &(&str, &str), generation: u32) -> FolderRow {
        let key = FolderKey {
            source_wire: WireName(wire.as_bytes().to_vec()),
            source_path: path(name),
            destination_path: path(name),
            destination_wire: WireName(name.as_bytes().to_vec()),
        };
        let tokens = Tokens { source_uid_validity: UidValidity::new(generation), ..Tokens::default() };
        FolderRow { id: FolderId(at as i64), key, tokens }
    }

    /// Folders with the source paths of their rows: `k/1=Old`.
    fn check(listed: &[(&str, &str)], recorded: &[(&str, &str)], generation: u32, expected: &str) {
        let folders: Vec<Folder> = listed.iter().map(|one| folder(one, generation)).collect();
        let all: Vec<FolderRow> = recorded.iter().enumerate().map(|(at, one)| row(at, one, 5)).collect();
        let former = |wire: &WireName| {
            let text = String::from_utf8(wire.0.clone()).unwrap();
            text.split_once('/').map(|(_, node)| WireName(node.as_bytes().to_vec()))
        };
        let known = rows(&folders, &all, former);
        let shown = known
            .iter()
            .map(|(wire, row)| format!("{}={}", String::from_utf8_lossy(&wire.0), row.key.source_path));
        assert_eq!(shown.collect::<Vec<_>>().join(" "), expected, "{listed:?} {recorded:?}");
    }

    #[test]
    fn a_folder_keeps_its_row_whatever_it_is_called() {
        let all = [("k/1", "Old"), ("k/2", "Two")];
        check(&[("k/1", "New"), ("k/2", "Two")], &all, 9, "k/1=Old k/2=Two");
        // Rows of an earlier version, after one folder was renamed, or all in a file that is the same.
        check(&[("k/1", "New"), ("k/2", "Two")], &[("1", "Old"), ("2", "Two")], 9, "k/1=Old k/2=Two");
        check(&[("k/1", "A"), ("k/2", "B")], &[("1", "Old"), ("2", "Two")], 5, "k/1=Old k/2=Two");
    }

    #[test]
    fn another_store_has_no_row_but_that_of_a_folder_of_the_same_path() {
        let other = [("z/1", "Taxes"), ("z/2", "Photos"), ("z/3", "Two")];
        check(&other, &[("k/1", "One"), ("k/2", "Two")], 9, "z/3=Two");
        check(&other, &[("1", "One"), ("2", "Two")], 9, "z/3=Two");
    }

    #[test]
    fn a_row_is_given_once() {
        check(&[("k/1", "Same"), ("z/1", "Same")], &[("k/1", "Same")], 9, "k/1=Same");
        check(&[("k/1", "Same"), ("z/1", "Same")], &[("1", "Same")], 9, "k/1=Same");
        check(&[("A", "Same"), ("B", "Same")], &[("C", "Same")], 9, "A=Same");
    }
}
