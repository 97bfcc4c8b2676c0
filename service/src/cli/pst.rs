//! The commands of `pst`: what a personal store holds, whether all of it can be read, and its items as files.
//! Never writes to a store.

mod check;
mod export;
mod ls;
mod options;
mod sink;

use std::collections::BTreeMap;
use std::path::Path;

use malote_pst::loss::Loss;
use malote_pst::mailbox::{Arithmetic, Mailbox, Outcome};
use malote_pst::store::{NodeId, StoreError};
use malote_pst::tree::Role;
use serde::Serialize;

pub use options::options;

use super::args::PstCommand;
use super::exit::{Exit, Stopped};

/// Does what is asked.
pub fn pst(command: PstCommand) -> Result<Exit, Stopped> {
    match command {
        PstCommand::Ls(args) => ls::ls(&args),
        PstCommand::Check(args) => check::check(&args),
        PstCommand::Export(args) => export::export(&args),
    }
}

/// An item that cannot be carried whole.
#[derive(Debug, Serialize)]
struct Quarantined {
    node: String,
    folder: Vec<String>,
    class: String,
    subject: String,
    reason: String,
}

/// An item that is passed over although its class is not known as Outlook's own.
#[derive(Debug, Serialize)]
struct Elsewhere {
    folder: Vec<String>,
    reason: String,
    items: u64,
}

/// What came of reading a whole store.
#[derive(Debug, Default)]
struct Sums {
    arithmetic: Arithmetic,
    quarantined: Vec<Quarantined>,
    losses: BTreeMap<&'static str, u64>,
    elsewhere: Vec<Elsewhere>,
}

impl Sums {
    fn lose(&mut self, losses: &[Loss]) {
        for loss in losses {
            *self.losses.entry(loss.kind.as_str()).or_default() += 1;
        }
    }
}

/// A folder as the walk goes through it.
struct Place {
    path: Vec<String>,
    role: Option<Role>,
    items: Vec<NodeId>,
}

/// Whether an item was taken as it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// It was.
    Whole,
    /// Its data cannot be read to the end: it is to be given again with its damage.
    Unreadable,
}

/// Reads every item of every folder, hands those that are carried to `carry`, and sums up. Items outside of the
/// visible folders are looked at and counted as passed over.
fn walk(
    mailbox: &mut Mailbox,
    mut carry: impl FnMut(&mut Mailbox, &Place, NodeId, &Outcome) -> Result<Taken, Stopped>,
    mut progress: impl FnMut(),
) -> Result<Sums, Stopped> {
    let mut sums = Sums { arithmetic: Arithmetic::of(mailbox.tree()), ..Sums::default() };
    let folders = &mailbox.tree().folders;
    let places: Vec<Place> = folders
        .iter()
        .map(|folder| Place { path: folder.path.clone(), role: folder.role, items: folder.items.clone() })
        .collect();
    let left_out = mailbox.tree().left_out.clone();
    for place in &places {
        for node in &place.items {
            let mut outcome = mailbox.read(*node, place.role);
            if carry(mailbox, place, *node, &outcome)? == Taken::Unreadable {
                outcome = mailbox.read_proven(*node, place.role);
                if carry(mailbox, place, *node, &outcome)? == Taken::Unreadable {
                    return Err(Stopped::early(format!("item {:#x} reads otherwise each time", node.0)));
                }
            }
            sums.arithmetic.count(&outcome);
            match outcome {
                Outcome::Carried(converted) => sums.lose(&converted.losses),
                Outcome::Skipped { .. } => {}
                Outcome::Quarantined(damaged) => sums.quarantined.push(Quarantined {
                    node: format!("{:#x}", node.0),
                    folder: place.path.clone(),
                    class: damaged.class,
                    subject: damaged.subject,
                    reason: damaged.reason,
                }),
            }
            progress();
        }
    }
    for folder in left_out.into_iter().filter(|folder| !folder.items.is_empty()) {
        for node in &folder.items {
            let class = mailbox.look(*node, None).class;
            sums.arithmetic.count(&Outcome::Skipped { class, reason: folder.reason });
            progress();
        }
        let (items, reason) = (folder.items.len() as u64, folder.reason.to_owned());
        sums.elsewhere.push(Elsewhere { folder: folder.path, reason, items });
    }
    Ok(sums)
}

/// How many items the walk will come by.
fn items(mailbox: &Mailbox) -> u64 {
    let tree = mailbox.tree();
    let visible = tree.folders.iter().map(|folder| folder.items.len());
    visible.chain(tree.left_out.iter().map(|folder| folder.items.len())).map(|count| count as u64).sum()
}

/// What could not be read of the file and its folders, as sentences.
fn damage(mailbox: &Mailbox) -> Vec<String> {
    let file = mailbox.summary().damage.iter().map(|damage| damage.reason.clone());
    let folders = mailbox.tree().folders.iter().flat_map(|folder| {
        folder.damage.iter().map(|damage| format!("{}: {}", folder.path.join("/"), damage.reason))
    });
    file.chain(folders).collect()
}

fn open(path: &Path, options: malote_pst::mailbox::Options) -> Result<Mailbox, Stopped> {
    Mailbox::open(path, options).map_err(|error| refused(path, &error))
}

fn refused(path: &Path, error: &StoreError) -> Stopped {
    let message = format!("{}: {error}", path.display());
    match error {
        StoreError::ReaderEnded(_) => Stopped::early(message),
        _ => Stopped::usage(message),
    }
}
