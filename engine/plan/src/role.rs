//! Which folder is for what: by its special use, else by its name.
//! Never takes a folder for the inbox because it is called like one in some language, and never looks at folders of
//! others.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::folder::{Folder, FolderPath, INBOX, NamespaceKind, Role};
use crate::names_table::{self, Named};

/// A folder's role and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Assigned {
    /// How it is known; special use comes first.
    pub by: By,
    /// What the folder is for.
    pub role: Role,
}

/// How a role is known, surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// The server says so (RFC 6154), or it is INBOX.
    SpecialUse,
    /// The names table says so; the commonest names have the smallest rank.
    Name {
        /// The place in the table.
        rank: usize,
    },
}

/// The role of each folder, in their order. Names count at the top and directly below INBOX. Several folders may
/// have one role: `Enviados` beside `Itens Enviados` is sent mail too.
#[must_use]
pub fn roles(folders: &[Folder]) -> Vec<Option<Assigned>> {
    let mut roles: Vec<_> = folders.iter().map(special_use).collect();
    let mut unsure = Vec::new();
    for (index, folder) in folders.iter().enumerate() {
        if roles[index].is_some() || folder.namespace != NamespaceKind::Personal {
            continue;
        }
        match named(&folder.path) {
            Some(Named { role, rank, or_else: None }) => roles[index] = Some(by_name(role, rank)),
            Some(Named { role, rank, or_else: Some(other) }) => unsure.push((index, role, other, rank)),
            None => {}
        }
    }
    for (index, role, other, rank) in unsure {
        let is_taken = |role| roles.iter().flatten().any(|assigned| assigned.role == role);
        let role = if is_taken(role) && !is_taken(other) { other } else { role };
        roles[index] = Some(by_name(role, rank));
    }
    without_spellings(folders, roles)
}

/// Of names that differ in case alone, `Sent` beside `SENT`, one has the role: whoever made the others meant folders
/// of their own.
fn without_spellings(folders: &[Folder], mut roles: Vec<Option<Assigned>>) -> Vec<Option<Assigned>> {
    let mut surest: BTreeMap<(String, Role), (By, bool, usize)> = BTreeMap::new();
    let rivals = |index: usize, assigned: Assigned| {
        let folder = &folders[index];
        let folded = folder.path.levels().join("\0").to_lowercase();
        ((folded, assigned.role), (assigned.by, !is_capitalised(folder.path.name()), index))
    };
    for (index, assigned) in roles.iter().enumerate() {
        let Some(assigned) = assigned else { continue };
        let (key, rank) = rivals(index, *assigned);
        surest.entry(key).and_modify(|best| *best = rank.min(*best)).or_insert(rank);
    }
    for (index, assigned) in roles.iter_mut().enumerate() {
        let Some(Assigned { by: By::Name { .. }, .. }) = assigned else { continue };
        let is_surest =
            assigned.map(|own| rivals(index, own)).is_some_and(|(key, rank)| surest[&key] == rank);
        if !is_surest {
            *assigned = None;
        }
    }
    roles
}

/// True for names as mail programs write them: `Sent`, neither `SENT` nor `sent`.
fn is_capitalised(name: &str) -> bool {
    name.starts_with(char::is_uppercase) && name.contains(char::is_lowercase)
}

/// The role that a folder's name gives it, where the server lists no such folder and only what lies below it.
#[must_use]
pub fn role_of_unlisted(path: &FolderPath) -> Option<Role> {
    named(path).map(|named| named.role)
}

fn by_name(role: Role, rank: usize) -> Assigned {
    Assigned { by: By::Name { rank }, role }
}

fn special_use(folder: &Folder) -> Option<Assigned> {
    if folder.namespace != NamespaceKind::Personal {
        return None;
    }
    let role = if folder.path.is_inbox() {
        Role::Inbox
    } else {
        folder.special_use.filter(|role| *role != Role::Inbox)?
    };
    Some(Assigned { by: By::SpecialUse, role })
}

fn named(path: &FolderPath) -> Option<Named> {
    match path.levels() {
        [name] => names_table::look_up(name),
        [inbox, name] if inbox == INBOX => names_table::look_up(name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec;

    use crate::folder::WireName;

    fn folder(path: &str, special_use: Option<Role>) -> Folder {
        Folder {
            path: FolderPath::new(path.split('/').map(String::from).collect()).unwrap(),
            wire: WireName(path.into()),
            delimiter: Some('/'),
            is_selectable: true,
            may_have_children: true,
            is_subscribed: true,
            special_use,
            namespace: NamespaceKind::Personal,
            status: None,
        }
    }

    fn check(folders: &[(&str, Option<Role>)], expected: &[Option<Role>]) {
        let listed: Vec<_> = folders.iter().map(|(path, special_use)| folder(path, *special_use)).collect();
        let found: Vec<_> = roles(&listed).iter().map(|role| role.map(|assigned| assigned.role)).collect();
        assert_eq!(found, expected, "{folders:?}");
    }

    #[test]
    fn a_folder_is_for_what_the_server_says_else_for_what_its_name_says() {
        use Role::{Archive, Drafts, Inbox, Junk, Sent, Trash};
        check(&[("INBOX", None), ("Sent", None)], &[Some(Inbox), Some(Sent)]);
        check(&[("Sent", Some(Archive)), ("x/y", Some(Drafts))], &[Some(Archive), Some(Drafts)]);
        check(&[("INBOX/Enviados", None), ("x/Sent", None)], &[Some(Sent), None]);
        check(&[("Enviados", None), ("Itens Enviados", Some(Sent))], &[Some(Sent), Some(Sent)]);
        check(&[("Posteingang", Some(Inbox)), ("Caixa de entrada", None)], &[None, None]);
        check(&[("Lixo", None), ("Lixeira", None)], &[Some(Junk), Some(Trash)]);
        check(&[("Lixo", None), ("Lixo Eletrónico", None)], &[Some(Trash), Some(Junk)]);
        check(
            &[("Lixo", None), ("x", Some(Junk)), ("y", Some(Trash))],
            &[Some(Junk), Some(Junk), Some(Trash)],
        );
        check(&[("SENT", None), ("Sent", None), ("sent", None)], &[None, Some(Sent), None]);
        check(&[("SENT", Some(Sent)), ("Sent", None), ("Enviados", None)], &[Some(Sent), None, Some(Sent)]);
    }

    #[test]
    fn folders_of_others_have_no_role() {
        let mut shared = folder("Sent", Some(Role::Sent));
        shared.namespace = NamespaceKind::Shared;
        assert_eq!(roles(&[shared]), vec![None]);
    }
}
