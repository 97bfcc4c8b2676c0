//! `pst ls`: the folders of a store and what lies in them.
//! Never makes a message of an item.

use std::collections::BTreeMap;

use malote_engine::plan::names_table;
use malote_pst::both::Asking;
use malote_pst::mailbox::Mailbox;
use malote_pst::store::NodeId;
use serde::Serialize;

use crate::cli::args::PstArgs;
use crate::cli::exit::{Exit, Stopped};
use crate::cli::output;
use crate::cli::progress::Screen;
use crate::cli::render::{Column, Table, clean, counted, number};

/// The list's format.
const SCHEMA: &str = "malote.pst/1";

/// The list.
#[derive(Debug, Serialize)]
struct Listing {
    schema: &'static str,
    format: &'static str,
    folders: Vec<Listed>,
    items: u64,
    damage: Vec<String>,
    remarks: Vec<String>,
}

/// One folder.
#[derive(Debug, Serialize)]
struct Listed {
    path: Vec<String>,
    role: Option<&'static str>,
    items: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<&'static str>,
}

/// Lists.
pub fn ls(args: &PstArgs) -> Result<Exit, Stopped> {
    let _screen = Screen::open(&args.output);
    let mut mailbox = super::open(&args.file, super::options(&args.store, Asking::Damaged))?;
    let listing = listing(&mut mailbox);
    if args.output.json {
        output::print_json(&listing)?;
    } else {
        output::print(&text(&listing))?;
    }
    Ok(Exit::Success)
}

fn listing(mailbox: &mut Mailbox) -> Listing {
    let tree = mailbox.tree().clone();
    let mut folders = Vec::new();
    for folder in tree.folders.iter().filter(|folder| !folder.path.is_empty()) {
        let named = || match folder.path.as_slice() {
            [name] => names_table::look_up(name).map(|named| named.role.as_str()),
            _ => None,
        };
        folders.push(Listed {
            path: folder.path.clone(),
            role: folder.role.map(malote_pst::tree::Role::as_str).or_else(named),
            items: classes(mailbox, &folder.items),
            left_out: None,
        });
    }
    for folder in tree.left_out.iter().filter(|folder| !folder.items.is_empty()) {
        let items = classes(mailbox, &folder.items);
        let (path, left_out) = (folder.path.clone(), Some(folder.reason));
        folders.push(Listed { path, role: None, items, left_out });
    }
    Listing {
        schema: SCHEMA,
        format: mailbox.summary().format.as_str(),
        items: folders.iter().flat_map(|folder| folder.items.values()).sum(),
        folders,
        damage: mailbox.damage(),
        remarks: tree.remarks,
    }
}

/// Items by class; those that cannot be read have none.
fn classes(mailbox: &mut Mailbox, items: &[NodeId]) -> BTreeMap<String, u64> {
    let mut classes = BTreeMap::new();
    for node in items {
        let class = mailbox.look(*node, None).map(|leaf| leaf.class).unwrap_or_default();
        *classes.entry(class).or_default() += 1;
    }
    classes
}

fn text(listing: &Listing) -> String {
    let mut table = Table::new(vec![
        Column::text("Folder"),
        Column::text("Use"),
        Column::number("Items"),
        Column::text("Classes"),
    ]);
    for folder in &listing.folders {
        let of_class = |(class, count): (&String, &u64)| {
            let class = if class.is_empty() { "(unreadable)" } else { class };
            format!("{} {class}", number(*count))
        };
        let classes: Vec<String> = folder.items.iter().map(of_class).collect();
        let role = folder.left_out.map_or(folder.role.unwrap_or_default(), |_| "left out");
        let items = number(folder.items.values().sum());
        table.row(vec![clean(&folder.path.join(" / ")), role.to_owned(), items, clean(&classes.join(", "))]);
    }
    let told = listing.damage.iter().chain(&listing.remarks).map(|line| format!("note: {}\n", clean(line)));
    let told: String = told.collect();
    let (format, items) = (listing.format, counted(listing.items, "item", "items"));
    format!("{}{items}, format {format}\n{told}", table.render(output::look()))
}
