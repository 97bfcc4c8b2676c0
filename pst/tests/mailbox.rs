//! Mailboxes whose file, reader or folders fail while they are read: each is named, and none is taken for whole.
//! Never needs a foreign file.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use malote_pst::both::Asking;
use malote_pst::libpff::{BoundedStore, ChildLimits, ReaderCommand};
use malote_pst::mailbox::{Mailbox, Options, Outcome, ReaderChoice};
use malote_pst::mime::{Items, Unreadable};
use malote_pst::store::{NodeId, Store as _};
use pst_writer::{Crypt, Folder, Message, Pst};

fn options(reader: ReaderChoice, command: ReaderCommand) -> Options {
    Options {
        reader,
        command: Some(command),
        limits: ChildLimits::default(),
        asking: Asking::Damaged,
        budget: Duration::from_secs(20),
        stopwatch: Arc::new(|| Duration::ZERO),
        items: Items::All,
        unreadable: Unreadable::Quarantine,
        code_page: None,
        recovered: false,
        now: 0x01DC_0000_0000_0000,
    }
}

fn libpff() -> ReaderCommand {
    ReaderCommand { program: env!("CARGO_BIN_EXE_malote-pst-reader").into(), arguments: Vec::new() }
}

/// A reader that knows a store of its own: items 1 to 9, and goes wrong over every third in the way of this name.
fn hostile(way: &str) -> ReaderCommand {
    ReaderCommand { program: env!("CARGO_BIN_EXE_hostile-pst-reader").into(), arguments: vec![way.into()] }
}

/// A store of one folder with mails of these subjects.
fn store(path: &Path, subjects: &[&str]) -> Result<PathBuf> {
    let mut store = Pst::new(Crypt::None).create(path)?;
    let inbox = store.folder(store.top(), Folder::new("Inbox").class("IPF.Note"))?;
    for subject in subjects {
        store.item(inbox, &Message::new("IPM.Note").text(subject, "words").dated(1_719_828_000))?;
    }
    store.finish()?;
    Ok(path.to_owned())
}

/// The subjects of all items, as a further handle on the store reads them.
fn subjects(mailbox: &Mailbox) -> Result<Vec<String>> {
    let mut handle = mailbox.again()?;
    let items: Vec<NodeId> = mailbox.tree().folders.iter().flat_map(|folder| folder.items.clone()).collect();
    let mut subjects = Vec::new();
    for node in items {
        let Outcome::Carried(converted) = handle.read(node, None) else { continue };
        let message = converted.message.context("nothing was made of it")?;
        let mut octets = Vec::new();
        handle.write(&message, &mut octets)?;
        let text = String::from_utf8(octets)?;
        let line = text.lines().find_map(|line| line.strip_prefix("Subject: ")).context("no subject")?;
        subjects.push(line.to_owned());
    }
    Ok(subjects)
}

#[test]
fn every_handle_reads_the_file_that_was_opened_whatever_lies_at_its_path_by_now() -> Result<()> {
    for reader in [ReaderChoice::Auto, ReaderChoice::Native, ReaderChoice::Libpff] {
        let folder = tempfile::tempdir()?;
        let path = store(&folder.path().join("mail.pst"), &["one", "two"])?;
        let mailbox = Mailbox::open(&path, options(reader, libpff()))?;
        fs::rename(store(&folder.path().join("other.pst"), &["three", "four", "five"])?, &path)?;
        assert_eq!(subjects(&mailbox)?, ["one", "two"], "{reader:?}");
    }
    Ok(())
}

#[test]
fn a_store_that_only_libpff_opens_is_damaged_and_says_why() -> Result<()> {
    // What the invented reader opens is no store at all.
    let path = Path::new(env!("CARGO_BIN_EXE_hostile-pst-reader"));
    let alone = Mailbox::open(path, options(ReaderChoice::Libpff, hostile("crashes")))?;
    assert_eq!(alone.damage(), Vec::<String>::new());
    let mailbox = Mailbox::open(path, options(ReaderChoice::Auto, hostile("crashes")))?;
    let damage = mailbox.damage();
    ensure!(damage.len() == 1 && damage[0].contains("the native reader cannot open it"), "{damage:?}");
    Ok(())
}

#[test]
fn an_item_that_could_not_be_looked_at_is_no_item_without_flags() -> Result<()> {
    let path = Path::new(env!("CARGO_BIN_EXE_hostile-pst-reader"));
    let mut mailbox = Mailbox::open(path, options(ReaderChoice::Libpff, hostile("crashes")))?;
    for number in 1..=4 {
        assert_eq!(mailbox.look(NodeId(number), None).is_ok(), number != 3, "item {number}");
    }
    Ok(())
}

#[test]
fn items_where_libpff_finds_none_are_told_by_the_reader_that_finds_them() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = store(&folder.path().join("mail.pst"), &["one", "two"])?;
    let mut honest = BoundedStore::open(&path, libpff(), ChildLimits::default())?;
    ensure!(honest.folders()?.iter().all(|folder| folder.damage.is_empty()), "a whole store is damaged");
    let mut other = BoundedStore::open(&path, hostile("crashes"), ChildLimits::default())?;
    let folders = other.folders()?;
    ensure!(
        folders[0].damage.iter().any(|damage| damage.reason.starts_with("2 items lie where")),
        "{folders:?}"
    );
    Ok(())
}
