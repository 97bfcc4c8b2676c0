//! Stores with well and badly kept trees, and where their folders come to lie.
//! Never reads a file: folders are made by hand.

use super::*;
use crate::names::Names;
use crate::store::Format;

const KEY: [u8; 16] = *b"record key of us";

fn entry_of(node: u32, key: [u8; 16]) -> Value {
    Value::Binary([&[0; 4][..], &key, &node.to_le_bytes()].concat())
}

fn summary(special: &[(u16, u32)]) -> Summary {
    let mut properties = Properties::default();
    properties.0.insert(0x0FF9, Value::Binary(KEY.to_vec()));
    properties.extend(special.iter().map(|(id, node)| (*id, entry_of(*node, KEY))));
    Summary { format: Format::Unicode, properties, names: Names::default(), damage: Vec::new() }
}

fn folder(node: u32, parent: u32, name: &str, items: u32) -> Folder {
    let mut properties = Properties::default();
    properties.0.insert(DISPLAY_NAME, Value::String(name.to_owned()));
    Folder {
        node: NodeId(node),
        parent: NodeId(parent),
        properties,
        items: (0..items).map(|number| NodeId(node * 0x1000 + number * 0x20 + 4)).collect(),
        counts: Counts::default(),
        damage: Vec::new(),
    }
}

fn with(mut folder: Folder, id: u16, value: Value) -> Folder {
    folder.properties.0.insert(id, value);
    folder
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        _ => String::new(),
    }
}

/// Each carried folder as `path role`, each that is left out as `-path reason`.
fn check(summary: &Summary, folders: &[Folder], wanted: &[&str]) -> Tree {
    let tree = arrange(summary, folders, &text);
    let carried = tree.folders.iter().map(|folder| {
        let role = folder.role.map_or(String::new(), |role| format!(" {}", role.as_str()));
        format!("{}{role}", folder.path.join("/"))
    });
    let left_out =
        tree.left_out.iter().map(|folder| format!("-{} {}", folder.path.join("/"), folder.items.len()));
    assert_eq!(carried.chain(left_out).collect::<Vec<_>>(), wanted, "{tree:#?}");
    assert_eq!(tree.folders.len() + tree.left_out.len(), folders.len(), "each folder is told once");
    tree
}

fn outlook() -> Vec<Folder> {
    vec![
        folder(0x122, 0x122, "", 0),
        folder(0x8022, 0x122, "Início do arquivo de dados", 0),
        folder(0x8042, 0x122, "Search Root", 0),
        folder(0x8062, 0x8022, "Itens Excluídos", 2),
        with(folder(0x8082, 0x8022, "Caixa de Entrada", 3), 0x36D7, entry_of(0x80A2, KEY)),
        folder(0x80A2, 0x8022, "Rascunhos", 0),
        folder(0x80C2, 0x8082, "Clientes/Ação", 1),
        folder(0x2223, 0x122, "Search Folder", 9),
        folder(0x80E2, 0x122, "Freebusy Data", 1),
    ]
}

#[test]
fn folders_lie_below_the_visible_root_with_the_uses_that_the_store_names() {
    let summary = summary(&[(0x35E0, 0x8022), (0x35E3, 0x8062), (0x35E7, 0x8042)]);
    check(
        &summary,
        &outlook(),
        &[
            "",
            "Itens Excluídos trash",
            "Caixa de Entrada inbox",
            "Caixa de Entrada/Clientes/Ação",
            "Rascunhos drafts",
            "- 0",
            "-Search Root 0",
            "-Search Folder 9",
            "-Freebusy Data 1",
        ],
    );
}

#[test]
fn an_identifier_of_another_store_of_nothing_or_of_another_kind_of_folder_names_no_use() {
    let mut folders = outlook();
    folders[4] = with(folders[4].clone(), 0x36D7, entry_of(0x80A2, *b"record key of xx"));
    folders[4] = with(folders[4].clone(), 0x36D0, entry_of(0x9999, KEY));
    folders[6] =
        with(folders[6].clone(), CONTAINER_CLASS, Value::String("IPF.Note.OutlookHomepage".to_owned()));
    folders[4] = with(folders[4].clone(), 0x36D4, entry_of(0x80C2, KEY));
    let tree = arrange(&summary(&[(0x35E0, 0x8022)]), &folders, &text);
    // What it is called tells the inbox all the same.
    let roles = tree.folders.iter().filter_map(|folder| folder.role);
    assert_eq!(roles.collect::<Vec<_>>(), [Role::Inbox], "{:#?}", tree.folders);
}

#[test]
fn an_offline_store_is_shown_from_its_subtree_on() {
    let folders = [
        folder(0x122, 0x122, "", 0),
        folder(0x8022, 0x122, "Root - Mailbox", 0),
        folder(0x8042, 0x8022, "IPM_SUBTREE", 1),
        folder(0x8062, 0x8042, "Inbox", 1),
        folder(0x8082, 0x8022, "Finder", 0),
    ];
    check(
        &summary(&[]),
        &folders,
        &["IPM_SUBTREE", "Inbox inbox", "- 0", "-Root - Mailbox 0", "-Root - Mailbox/Finder 0"],
    );
}

#[test]
fn folders_that_lost_their_parents_or_go_in_circles_are_carried() {
    let folders = [
        folder(0x122, 0x122, "", 0),
        folder(0x8022, 0x122, "Top", 0),
        folder(0x8042, 0x7777, "Torn off", 4),
        folder(0x8062, 0x8082, "Egg", 1),
        folder(0x8082, 0x8062, "Hen", 1),
    ];
    let tree = arrange(&summary(&[(0x35E0, 0x8022)]), &folders, &text);
    assert_eq!(tree.folders.iter().map(|folder| folder.items.len()).sum::<usize>(), 6);
    assert_eq!(tree.left_out.len(), 1);
}

#[test]
fn damage_is_told_of_every_folder_wherever_it_stands() {
    let damaged = |mut folder: Folder| {
        folder
            .damage
            .push(Damage { part: crate::item::Part::Folder, reason: "its table is gone".to_owned() });
        folder
    };
    let folders = [
        damaged(folder(0x122, 0x122, "", 0)),
        folder(0x8022, 0x122, "Top", 0),
        damaged(folder(0x8042, 0x8022, "Inbox", 1)),
        damaged(folder(0x8062, 0x122, "Finder", 0)),
    ];
    let tree = arrange(&summary(&[(0x35E0, 0x8022)]), &folders, &text);
    let told: Vec<String> = tree.damage().map(|(path, _)| path.join("/")).collect();
    assert_eq!(told, ["Inbox", "", "Finder"]);
}

#[test]
fn folders_of_one_name_are_numbered_and_told() {
    let folders = [
        folder(0x122, 0x122, "", 0),
        folder(0x8022, 0x122, "Top", 0),
        folder(0x8042, 0x8022, "A", 1),
        folder(0x8062, 0x8022, "A", 1),
        folder(0x8082, 0x8062, "B", 1),
        folder(0x80A2, 0x8042, "B", 1),
        folder(0x80C2, 0x8022, " ", 1),
    ];
    let wanted = ["", "A", "A/B", "A (2)", "A (2)/B", "(0x80c2)", "- 0"];
    let tree = check(&summary(&[(0x35E0, 0x8022)]), &folders, &wanted);
    assert_eq!(tree.remarks.len(), 1);
}

#[test]
fn a_chain_of_a_thousand_folders_is_cut_at_the_limit_and_each_keeps_its_items() {
    let mut folders = vec![folder(0x122, 0x122, "", 0)];
    folders.extend((0..1000).map(|depth| {
        folder(0x8022 + depth * 0x20, if depth == 0 { 0x122 } else { 0x8002 + depth * 0x20 }, "x", 1)
    }));
    let tree = arrange(&summary(&[(0x35E0, 0x8022)]), &folders, &text);
    let deepest = tree.folders.iter().map(|folder| folder.path.len()).max();
    assert_eq!((deepest, tree.folders.len(), tree.remarks.len() > 700), (Some(DEPTH_MAX), 1000, true));
    let paths: BTreeSet<&Vec<String>> = tree.folders.iter().map(|folder| &folder.path).collect();
    assert_eq!(paths.len(), 1000, "no two folders share a path");
}

#[test]
fn of_two_visible_roots_the_one_with_the_mail_is_the_mailbox_s() {
    let offline = |public: u32, own: u32| {
        vec![
            folder(0x122, 0x122, "", 0),
            folder(0x2002, 0x122, "Root - Public", 0),
            folder(0x2022, 0x2002, "IPM_SUBTREE", 0),
            folder(0x2042, 0x2022, "Public", public),
            folder(0x20A2, 0x122, "Root - Mailbox", 0),
            folder(0x2142, 0x20A2, "IPM_SUBTREE", 0),
            folder(0x2182, 0x2142, "Inbox", own),
        ]
    };
    for (public, own, wanted) in [(0, 3, "Inbox"), (2, 3, "Inbox"), (3, 2, "Public"), (0, 0, "Public")] {
        let tree = arrange(&summary(&[]), &offline(public, own), &text);
        let last = tree.folders.last().map(|folder| folder.path.join("/"));
        assert_eq!(last.as_deref(), Some(wanted), "{public} and {own}: {tree:#?}");
    }
}
