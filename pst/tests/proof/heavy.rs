//! Items that are large in one way: very many people, much mail in one mail. All of it is carried, or kept back by our
//! own reader alone. Never has libpff hold such a list: it takes half a KiB for each value.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use malote_pst::mailbox::{Mailbox, Outcome, ReaderChoice};
use malote_pst::mime::Unreadable;
use pst_writer::{Attachment, Crypt, Folder, Message, Pst, Recipient, Value};

use crate::stores;

/// One message to so many people, each with what Outlook keeps of a recipient beside the address.
fn write(path: &Path, people: usize) -> Result<()> {
    let mut store = Pst::new(Crypt::Permute).create(path)?;
    let inbox = store.folder(store.top(), Folder::new("Inbox").class("IPF.Note"))?;
    let to = |number| {
        let kind = if number % 2 == 0 { 1 } else { 2 };
        let entry = Value::Binary(vec![7; 120]);
        Recipient::new(kind, &format!("Somebody {number}"), &address(number)).with(0x0FFF, entry)
    };
    let message = Message::new("IPM.Note").text("To all", "Text.").from("Ana", "ana@example.org");
    store.item(inbox, &(0..people).map(to).fold(message, Message::to))?;
    store.finish()?;
    Ok(())
}

fn address(number: usize) -> String {
    format!("person.{number}@example.org")
}

fn check(people: usize, is_carried: bool) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("to-all.pst");
    write(&path, people)?;
    for reader in [ReaderChoice::Native, ReaderChoice::Libpff, ReaderChoice::Auto] {
        let mut mailbox = Mailbox::open(&path, stores::options(reader, Unreadable::Quarantine))?;
        let inbox = mailbox.tree().folders.iter().find(|folder| !folder.items.is_empty());
        let (role, node) = inbox.map(|inbox| (inbox.role, inbox.items[0])).context("there is an item")?;
        match mailbox.read(node, role) {
            Outcome::Carried(converted) => {
                ensure!(is_carried, "{reader:?}: {people} people were carried");
                let message = converted.message.context("what is carried has a message")?;
                let mut octets = Vec::new();
                message.write(mailbox.blobs(), &mut octets)?;
                let found = mail_parser::MessageParser::default().parse(&octets).context("a message")?;
                let lists = found.to().into_iter().chain(found.cc());
                let mut found: Vec<_> = lists
                    .flat_map(|list| list.iter().filter_map(|one| one.address()))
                    .map(str::to_owned)
                    .collect();
                let mut wanted: Vec<_> = (0..people).map(address).collect();
                found.sort_unstable();
                wanted.sort_unstable();
                ensure!(found == wanted, "{reader:?}: {} of {people} people", found.len());
            }
            Outcome::Quarantined(damaged) => {
                ensure!(!is_carried, "{reader:?}: {}", damaged.reason);
                ensure!(damaged.reason.contains("more than an item may hold"), "{}", damaged.reason);
                // libpff would have read them all.
                let told = mailbox.comparison().map(|comparison| comparison.told.clone());
                let is_own =
                    told.is_none_or(|told| told.iter().all(|one| one.reason.contains("was not asked")));
                ensure!(is_own, "{reader:?} asked libpff");
            }
            Outcome::Skipped { .. } => anyhow::bail!("{reader:?}: it was skipped"),
        }
    }
    Ok(())
}

#[test]
fn a_message_to_twenty_thousand_people_goes_to_all_of_them() -> Result<()> {
    check(20_000, true)
}

#[test]
fn a_message_to_more_people_than_an_item_may_hold_is_kept_back_by_every_reader() -> Result<()> {
    check(60_000, false)
}

/// Mails in one mail: a third of them takes what long values may.
const MAILS: usize = 80;

/// One mail with mails attached whose texts take more than values may: headers are short, and so held.
#[test]
fn mails_in_a_heavy_mail_keep_the_headers_that_they_came_with() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("forwarded.pst");
    let mut store = Pst::new(Crypt::Permute).create(&path)?;
    let inbox = store.folder(store.top(), Folder::new("Inbox").class("IPF.Note"))?;
    let mut message = Message::new("IPM.Note").text("Forwarded", "Text.").from("Ana", "ana@example.org");
    for number in 0..MAILS {
        let trace = "Received: from a.example by b.example; Mon, 1 Jan 2024 10:00:00 +0000\r\n".repeat(40);
        let own = format!("X-Number: {number}\r\nFrom: bruno@example.org\r\nSubject: Attached\r\n\r\n");
        let inner = Message::new("IPM.Note")
            .text("Attached", &"palavras ".repeat(7_000))
            .with(0x007D, Value::text(&format!("{trace}{own}")))
            .with(0x1013, Value::Binary("<p>palavras</p>".repeat(9_000).into_bytes()));
        message = message.attach(Attachment::item("within", inner));
    }
    store.item(inbox, &message)?;
    store.finish()?;
    let mut mailbox = Mailbox::open(&path, stores::options(ReaderChoice::Native, Unreadable::Quarantine))?;
    let inbox = mailbox.tree().folders.iter().find(|folder| !folder.items.is_empty());
    let (role, node) = inbox.map(|inbox| (inbox.role, inbox.items[0])).context("there is an item")?;
    let Outcome::Carried(converted) = mailbox.read(node, role) else { anyhow::bail!("it is not carried") };
    let mut octets = Vec::new();
    converted.message.context("what is carried has a message")?.write(mailbox.blobs(), &mut octets)?;
    let text = String::from_utf8(octets)?;
    for number in 0..MAILS {
        ensure!(text.contains(&format!("X-Number: {number}\r\n")), "{number} lost its headers");
    }
    Ok(())
}
