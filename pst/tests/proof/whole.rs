//! Every item of every store as a message: read cleanly by two parsers, and equal to what the properties say.
//! Never counts an item that is kept back as delivered: each is named.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use malote_pst::mailbox::{Mailbox, Outcome, ReaderChoice};
use malote_pst::mime::Unreadable;
use malote_pst::native::NativeStore;
use malote_pst::store::{Store as _, StoreError};
use pst_writer::{Crypt, Folder, Message, Pst};

use crate::expected::{self, Expected};
use crate::letter::{self, hash};
use crate::stores::{self, Subject};

/// Most items that may be kept back, by file. In the first, every item has a block whose checksum denies it; of the
/// second, the end is gone. Our own stores have a row of a contents table without an item.
const KEPT_BACK: [(&str, usize); 5] = [
    ("dmg_iped_flips400.pst", 14),
    ("dmg_support_trunc80.pst", 3),
    ("own_ansi.pst", 1),
    ("own_cyclic.pst", 1),
    ("own_unicode4k.pst", 1),
];

/// One message that was made, with what it must hold.
struct Made {
    name: String,
    expected: Expected,
    octets: Vec<u8>,
}

#[derive(Default)]
struct Sums {
    items: usize,
    kept_back: BTreeMap<String, Vec<String>>,
    skipped: usize,
}

/// Makes a message of every item of a store; sums close and nothing in the file changes.
fn convert(subject: &Subject, sums: &mut Sums) -> Result<Vec<Made>> {
    let before = hash(&fs::read(&subject.path)?);
    let options = stores::options(ReaderChoice::Auto, Unreadable::Quarantine);
    let mut mailbox = match Mailbox::open(&subject.path, options) {
        Ok(mailbox) => mailbox,
        Err(StoreError::NotAStore(_)) if stores::REFUSED.contains(&subject.name.as_str()) => {
            return Ok(vec![]);
        }
        Err(error) => return Err(error.into()),
    };
    let mut native = NativeStore::open(&subject.path)?;
    let places: Vec<_> = mailbox.tree().folders.iter().map(|one| (one.role, one.items.clone())).collect();
    let mut made = Vec::new();
    for (role, node) in places.iter().flat_map(|(role, items)| items.iter().map(|item| (*role, *item))) {
        sums.items += 1;
        let name = format!("{} {:#x}", subject.name, node.0);
        match mailbox.read(node, role) {
            Outcome::Carried(converted) => {
                let message = converted.message.context("what is carried has a message")?;
                let mut octets = Vec::new();
                message.write(mailbox.blobs(), &mut octets).with_context(|| name.clone())?;
                ensure!(octets.len() as u64 == message.octets(), "{name}: another length than promised");
                let item = native.item(node)?;
                let expected =
                    expected::of(&mut native, &item).with_context(|| format!("{name}: {:?}", item.damage))?;
                let arrived = converted.internal_date.map(|date| date.unix_seconds);
                ensure!(
                    expected.internal_date.is_none() || expected.internal_date == arrived,
                    "{name}: arrived {arrived:?} where {:?} is right",
                    expected.internal_date
                );
                made.push(Made { name, expected, octets });
            }
            Outcome::Skipped { .. } => sums.skipped += 1,
            Outcome::Quarantined(damaged) => {
                let reason = format!("{:#x}: {}", node.0, damaged.reason);
                sums.kept_back.entry(subject.name.clone()).or_default().push(reason);
            }
        }
    }
    ensure!(hash(&fs::read(&subject.path)?) == before, "{} was changed", subject.name);
    Ok(made)
}

#[test]
fn every_message_is_read_cleanly_and_says_what_the_properties_say() -> Result<()> {
    let (mut sums, mut made) = (Sums::default(), Vec::new());
    for subject in &stores::all()?.all {
        made.append(&mut convert(subject, &mut sums).with_context(|| subject.name.clone())?);
    }
    let kept_back: usize = sums.kept_back.values().map(Vec::len).sum();
    eprintln!(
        "{} items: {} carried, {} skipped, {kept_back} kept back",
        sums.items,
        made.len(),
        sums.skipped
    );
    assert_eq!(sums.items, made.len() + sums.skipped + kept_back);
    for (name, items) in &sums.kept_back {
        let known = KEPT_BACK.iter().find(|(known, _)| known == name).map_or(0, |(_, count)| *count);
        assert!(items.len() <= known, "{name}: {known} may be kept back: {items:#?}");
    }
    let sum = |count: fn(&Expected) -> usize| made.iter().map(|one| count(&one.expected)).sum::<usize>();
    let (texts, files, people) =
        (sum(|one| one.texts.len()), sum(|one| one.files.len()), sum(|one| one.people.len()));
    eprintln!("held against them: {texts} texts, {files} files, {people} recipients");
    assert!(texts > 100 && files > 100 && people > 600, "hardly anything was expected");
    let (folder, mut wrong) = (tempfile::tempdir()?, Vec::new());
    for (place, one) in made.iter().enumerate() {
        fs::write(folder.path().join(format!("{place:06}")), &one.octets)?;
        let found = expected::missing(&one.expected, &letter::read(&one.octets));
        wrong.extend(found.into_iter().map(|what| format!("{}: mail-parser: {what}", one.name)));
        let entity = one.expected.entity.as_deref().unwrap_or_default();
        if !one.octets.ends_with(entity) {
            wrong.push(format!("{}: its signed content was touched", one.name));
        }
    }
    for (one, found) in made.iter().zip(letter::read_by_python(folder.path())?.unwrap_or_default()) {
        let found = expected::missing(&one.expected, &found);
        wrong.extend(found.into_iter().map(|what| format!("{}: python: {what}", one.name)));
    }
    assert!(wrong.is_empty(), "{} of {} messages:\n{}", wrong.len(), made.len(), wrong.join("\n"));
    Ok(())
}

#[test]
fn mail_beside_the_visible_root_is_carried_and_told() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("beside.pst");
    let mut store = Pst::new(Crypt::Permute).create(&path)?;
    let inbox = store.folder(store.top(), Folder::new("Inbox").class("IPF.Note"))?;
    let beside = store.folder(store.root(), Folder::new("Recoverable"))?;
    let own = store.folder(store.root(), Folder::new("Freebusy Data"))?;
    for (place, class) in
        [(inbox, "IPM.Note"), (beside, "IPM.Note"), (own, "IPM.Microsoft.ScheduleData.FreeBusy")]
    {
        store.item(place, &Message::new(class).text(class, "text"))?;
    }
    store.finish()?;
    for reader in [ReaderChoice::Native, ReaderChoice::Libpff, ReaderChoice::Auto] {
        let mailbox = Mailbox::open(&path, stores::options(reader, Unreadable::Quarantine))?;
        let tree = mailbox.tree();
        let with_items = tree.folders.iter().filter(|folder| !folder.items.is_empty());
        let paths: Vec<String> = with_items.map(|folder| folder.path.join("/")).collect();
        assert_eq!(paths, ["Inbox", "Outside of the visible folders/Recoverable"], "{reader:?}");
        assert!(tree.remarks.iter().any(|remark| remark.contains("Recoverable")), "{:?}", tree.remarks);
        let left_out: usize = tree.left_out.iter().map(|folder| folder.items.len()).sum();
        assert_eq!(left_out, 1, "{:?}", tree.left_out);
    }
    Ok(())
}
