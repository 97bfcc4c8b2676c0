//! The commands of `pst`: what a personal store holds, whether all of it can be read, and its items as files.
//! Never writes to a store.

mod check;
mod crew;
mod export;
mod listing;
mod ls;
mod mbox;
mod options;
mod sink;
mod tray;

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
use listing::Listing;
use sink::Sink;

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
    /// Its folder's and its own number in the walk.
    #[serde(skip)]
    order: (usize, usize),
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

    /// Adds what came of reading other parts of the same store.
    fn add(&mut self, other: Self) {
        self.arithmetic.add(other.arithmetic);
        self.quarantined.extend(other.quarantined);
        for (kind, count) in other.losses {
            *self.losses.entry(kind).or_default() += count;
        }
        self.elsewhere.extend(other.elsewhere);
    }
}

/// A folder as the walk goes through it.
struct Place {
    path: Vec<String>,
    role: Option<Role>,
    items: Vec<NodeId>,
}

/// The folders that users see, with their items.
fn places(mailbox: &Mailbox) -> Vec<Place> {
    let folders = mailbox.tree().folders.iter();
    folders
        .map(|folder| Place { path: folder.path.clone(), role: folder.role, items: folder.items.clone() })
        .collect()
}

/// Reads every item of every folder to its last octet, writes those that are carried where there is something to
/// write to, lists what they lost where that is wanted, and sums up. Items outside of the visible folders are looked at
/// and counted as passed over.
fn walk(
    mailbox: &mut Mailbox,
    (sink, listing): (Option<&Sink>, Option<&Listing>),
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Sums, Stopped> {
    let places = places(mailbox);
    let mut sums = crew::walk(mailbox, &places, (sink, listing), progress)?;
    sums.arithmetic = {
        let mut arithmetic = Arithmetic::of(mailbox.tree());
        arithmetic.add(sums.arithmetic);
        arithmetic
    };
    let left_out = mailbox.tree().left_out.clone();
    for folder in left_out.into_iter().filter(|folder| !folder.items.is_empty()) {
        for node in &folder.items {
            let class = mailbox.look(*node, None).map(|leaf| leaf.class).unwrap_or_default();
            sums.arithmetic.count(&Outcome::Skipped { class, reason: folder.reason });
            progress(1);
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
