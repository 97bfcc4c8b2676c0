//! Every item of every store as a message: read cleanly by two parsers, and equal to what the properties say.
//! Never counts an item that is kept back as delivered: each is named.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use malote_pst::mailbox::{Mailbox, Outcome, ReaderChoice};
use malote_pst::mime::Unreadable;
use malote_pst::native::NativeStore;
use malote_pst::store::{Store as _, StoreError};

use crate::expected::{self, Expected};
use crate::letter::{self, hash};
use crate::stores::{self, Subject};

/// Items that are kept back, by file: damage that two readers agree on, and nothing else.
const KEPT_BACK: [(&str, usize); 2] = [("dmg_iped_flips400.pst", 0), ("dmg_support_trunc80.pst", 0)];

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
        Err(StoreError::NotAStore(_)) if stores::REFUSED.contains(&subject.name.as_str()) => return Ok(vec![]),
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
                let expected = expected::of(&mut native, &item).with_context(|| format!("{name}: {:?}", item.damage))?;
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
    let (mut sums, mut wrong, mut carried) = (Sums::default(), Vec::new(), 0);
    for subject in &stores::all()?.all {
        let made = convert(subject, &mut sums).with_context(|| subject.name.clone())?;
        carried += made.len();
        let folder = tempfile::tempdir()?;
        for (place, one) in made.iter().enumerate() {
            let found = expected::missing(&one.expected, &letter::read(&one.octets));
            wrong.extend(found.into_iter().map(|what| format!("{}: mail-parser: {what}", one.name)));
            fs::write(folder.path().join(format!("{place:06}")), &one.octets)?;
        }
        for (one, found) in made.iter().zip(letter::read_by_python(folder.path())?.unwrap_or_default()) {
            let found = expected::missing(&one.expected, &found);
            wrong.extend(found.into_iter().map(|what| format!("{}: python: {what}", one.name)));
        }
    }
    let kept_back: usize = sums.kept_back.values().map(Vec::len).sum();
    eprintln!("{} items: {carried} carried, {} skipped, {kept_back} kept back", sums.items, sums.skipped);
    eprintln!("{:#?}", sums.kept_back);
    assert_eq!(sums.items, carried + sums.skipped + kept_back);
    for (name, items) in &sums.kept_back {
        let known = KEPT_BACK.iter().find(|(known, _)| known == name).map_or(0, |(_, count)| *count);
        assert!(items.len() <= known, "{name}: {known} may be kept back: {items:#?}");
    }
    assert!(wrong.is_empty(), "{} of {carried} messages:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}
